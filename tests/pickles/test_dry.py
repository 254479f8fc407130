"""A dry walk of honest files: what it sees, and that it imports nothing for it."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

import gitmodelstore
from gitmodelstore.pickles.dry import OPCODES, Dry, Machine, Walk, walk
from gitmodelstore.pickles.rights import NOBODY, Trust
from tests.zoo.specimen import dumped

ROWS = np.random.default_rng(5).normal(size=(60, 3))


def scaler() -> Any:
    return StandardScaler().fit(ROWS)


def opcodes_of(data: bytes) -> list[str]:
    """The opcodes that the dry machine obeys, those of object arrays included."""
    seen: list[str] = []

    def recorded(name: str, obey: Callable[[Machine], None]) -> Callable[[Machine], None]:
        def record(machine: Machine) -> None:
            seen.append(name)
            obey(machine)

        return record

    machine = Machine(Walk("file", data, NOBODY), io.BytesIO(data))
    machine.functions = [
        recorded(OPCODES.get(code, ""), obey) for code, obey in enumerate(Machine.functions)
    ]
    machine.run()
    return seen


def refused(dry: Dry) -> list[str]:
    return [str(refusal) for refusal in dry.refusals]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_it_obeys_the_opcodes_that_pickletools_lists(estimator, protocol):
    data = pickle.dumps(estimator, protocol)

    assert opcodes_of(data) == [opcode.name for opcode, _, _ in pickletools.genops(data)]


def test_it_obeys_the_opcodes_between_the_arrays_of_joblib():
    data = dumped(scaler())
    arrays = walk(data).arrays
    assert len(arrays) == 3
    bare = bytearray(data)
    for array in reversed(arrays):
        end = array.offset + array.size_bytes
        padding = next(n for n in range(1, 17) if data[array.offset - n - 1] == n)
        del bare[array.offset - padding - 1 : end]

    assert opcodes_of(data) == [opcode.name for opcode, _, _ in pickletools.genops(bytes(bare))]


# What it says


def test_names_are_told_with_what_they_are_used_for():
    found = {use.name: (use.used, use.verdict) for use in walk(dumped(scaler())).globals}

    numpy_dtype = next(name for name in found if name.endswith(".dtype"))
    assert found["sklearn.preprocessing._data.StandardScaler"] == (("new", "state"), "listed")
    assert found["joblib.numpy_pickle.NumpyArrayWrapper"] == (("new", "state"), "listed")
    assert found["numpy.ndarray"] == (("argument",), "listed")
    assert found[numpy_dtype] == (("call",), "listed")


def test_arrays_are_told_with_their_place():
    data = dumped(scaler())
    mean = walk(data).arrays[0]

    assert (mean.dtype, mean.shape, mean.size_bytes) == ("float64", (3,), 24)
    held = np.frombuffer(data, "<f8", count=3, offset=mean.offset)
    assert held.tolist() == scaler().mean_.tolist()


@pytest.mark.parametrize("compress", ["zlib", "gzip", "bz2", "lzma", "xz"])
def test_compressed_files_say_the_same(compress):
    model = scaler()
    plain = walk(dumped(model))
    packed = walk(dumped(model, compress=(compress, 3)))

    assert (plain.compression, packed.compression) == (None, compress)
    assert packed.globals == plain.globals
    assert [array.shape for array in packed.arrays] == [array.shape for array in plain.arrays]
    assert (packed.refusals, packed.pickle_bytes) == ((), plain.size_bytes)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_protocols_say_the_same(protocol):
    dry = walk(dumped(scaler(), protocol=protocol))

    assert (dry.protocol, dry.refusals, len(dry.arrays)) == (protocol, (), 3)


@pytest.mark.parametrize(
    ("array", "dtype", "size"),
    [
        (np.zeros((2, 3), np.float32), "float32", 24),
        (np.asfortranarray(np.zeros((2, 3))), "float64", 48),
        (np.array(["a", "four"]), "<U4", 32),
        (np.array([b"a", b"four"]), "S4", 8),
        (np.zeros(2, ">i4"), ">i4", 8),
        (np.zeros(2, "M8[D]"), "datetime64[D]", 16),
        (np.zeros(2, [("a", "i4"), ("b", "f8", (2,))]), "[a: int32, b: (float64, (2,))]", 40),
        (np.zeros((0, 3)), "float64", 0),
        (np.array(1.5), "float64", 8),
        (np.zeros(3, bool), "bool", 3),
    ],
    ids=str,
)
def test_every_kind_of_array_is_understood(keeper, array, dtype, size):
    found = walk(dumped(keeper(array))).arrays[0]

    assert found.dtype == dtype
    assert (found.shape, found.size_bytes) == (array.shape, size)


def test_the_items_of_an_object_array_are_walked_too(keeper):
    data = dumped(keeper(np.array([os.system, "a"], dtype=object)))
    dry = walk(data, trust=Trust.of([keeper.__module__]))

    assert "posix.system" in [refusal.name for refusal in dry.refusals]


# A reader's own classes


def test_a_class_of_the_readers_own_must_be_trusted(keeper):
    data = dumped(keeper(None))
    module = type(keeper(None).steps[0][1]).__module__

    assert f"'{module}.Keeper' is not a name that may be used" in refused(walk(data))[0]
    assert refused(walk(data, trust=Trust.of([f"{module}.Keeper"]))) == []


def test_a_new_class_of_scikit_learn_is_taken_for_one_by_its_name():
    dry = walk(dumped(scaler()).replace(b"\x0eStandardScaler", b"\x0eStandardScalar"))

    assert dry.refusals == ()
    assert "scikit-learn" in [use.verdict for use in dry.globals]


# What it needs


def test_it_needs_the_standard_library_alone(tmp_path):
    (tmp_path / "pipeline.joblib").write_bytes(dumped(scaler(), compress=3))
    program = (
        "import pathlib, sys\n"
        "from gitmodelstore.pickles.dry import walk\n"
        "from gitmodelstore.pickles.summary import summarize\n"
        "dry = walk(pathlib.Path('pipeline.joblib').read_bytes())\n"
        "print(*summarize(dry.root).lines(), sep='\\n')\n"
        "found = {name.partition('.')[0] for name in sys.modules}\n"
        "assert found <= sys.stdlib_module_names | {'gitmodelstore', '__main__'}, found\n"
    )
    root = str(Path(gitmodelstore.__file__).parents[1])

    done = subprocess.run(
        [sys.executable, "-S", "-c", program],  # without the folder of installed packages
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith("StandardScaler\n  copy = True\n")


def _catboost_of_text(field: int) -> bytes:
    """Return the beginning of a model of CatBoost's whose trees have something in a field."""
    offsets = [0] * 19
    offsets[field] = 4
    trees = struct.pack("<HH19H", 42, 8, *offsets) + bytes(2)  # its vtable, then the table
    root = struct.pack("<IHHHHiI", 12, 8, 8, 0, 4, 8, 4 + len(trees))
    vector = struct.pack("<II", int(field > 0), 0)
    buffer = root + trees + struct.pack("<iI", len(trees), 4) + vector
    return b"CBM1" + struct.pack("<I", len(buffer)) + buffer


def _with_model(data: bytes, protocol: int = 4) -> bytes:
    """Return the file of a classifier of CatBoost's, which need not be here, with that model."""
    file = io.BytesIO()
    pickler = pickle._Pickler(file, protocol)
    file.write(pickle.PROTO + bytes([protocol]))
    file.write(pickle.GLOBAL + b"catboost.core\nCatBoostClassifier\n")
    file.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
    pickler.framer.file_write, pickler.proto = file.write, protocol
    pickler.save({"__model": data})
    file.write(pickle.BUILD + pickle.STOP)
    return file.getvalue()


CATBOOST = "catboost.core.CatBoostClassifier"


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("field", [12, 13, 18])
def test_a_model_of_catboosts_that_is_not_looked_at_wants_its_class_trusted(field, protocol):
    data = _with_model(_catboost_of_text(field), protocol)

    dry = walk(data)

    assert [str(one).split(" (")[0] for one in dry.refusals] == [
        "it holds a CatBoost model of text or embeddings, which cannot be checked"
    ]
    assert dry.needs_trust == dry.lacks_trust == (CATBOOST,)
    trusted = walk(data, trust=Trust.of([CATBOOST]))
    assert (trusted.refusals, trusted.needs_trust, trusted.lacks_trust) == ((), (CATBOOST,), ())


@pytest.mark.parametrize("held", [_catboost_of_text(0), _catboost_of_text(12)[:40], b"", b"CBM1"])
def test_another_model_of_catboosts_wants_no_trust(held):
    assert walk(_with_model(held)).needs_trust == ()


def test_a_file_that_is_not_run_says_whom_its_bytes_want_trusted(tmp_path):
    path = tmp_path / "text.joblib"
    path.write_bytes(_with_model(_catboost_of_text(12)))
    store = gitmodelstore.Store.init(tmp_path / "models")

    version = store.register(path, "text", run=False, code=None)

    assert version.needs_trust == store.needs_trust(version) == (CATBOOST,)
    assert store.show(version).artifact("pipeline.joblib").needs_trust == (CATBOOST,)
