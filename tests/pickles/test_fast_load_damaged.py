"""What is not a file of joblib, or a damaged one, ends in an exception of Python."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import re
import struct
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gitmodelstore.pickles.fast_load import NotFast, fast_load
from tests.zoo.specimen import any_class, dumped


def wrapped(array: bytes = b"\1\xff" + bytes(24), **changed: Any) -> bytes:
    """A file of three numbers, whose wrapper says something other than joblib's."""
    state = {
        "subclass": np.ndarray,
        "shape": (3,),
        "order": "C",
        "dtype": np.dtype("<f8"),
        "allow_mmap": True,
        "numpy_array_alignment_bytes": 16,
    }
    state = {name: value for name, value in (state | changed).items() if value is not Ellipsis}
    made = pickle.dumps(state, protocol=4)[11:-1]  # without protocol, frame and STOP
    opcodes = b"\x8c\x13joblib.numpy_pickle\x8c\x11NumpyArrayWrapper\x93)\x81" + made + b"b"
    return b"\x80\x04" + framed(opcodes) + array + b"."


def framed(opcodes: bytes) -> bytes:
    return b"\x95" + struct.pack("<Q", len(opcodes)) + opcodes


def test_the_wrapper_that_is_changed_below_is_read_as_it_stands():
    assert fast_load(wrapped(), any_class).tolist() == [0.0, 0.0, 0.0]
    assert joblib.load(io.BytesIO(wrapped())).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"a text that is no pickle.",
        dumped([np.arange(3)], protocol=2),
        dumped([np.arange(3)], protocol=3),
        dumped([np.arange(3)], compress=3),
        b"\x80\x06" + framed(b"N."),
    ],
    ids=["empty", "short", "text", "protocol 2", "protocol 3", "compressed", "protocol 6"],
)
def test_files_of_other_forms_are_left_to_others(data):
    with pytest.raises(NotFast, match=r"^no pickle of protocol 4 or 5$"):
        fast_load(data, any_class)


class Shape(tuple):
    """No shape that joblib writes."""

    __slots__ = ()


def changed_dtype(dtype: Any, *state: Any) -> np.dtype:
    """A dtype that a pickle has given a state which none has."""
    made = np.dtype(dtype, copy=True)
    made.__setstate__((3, "|", None, *state))
    return made


NUMBER = np.dtype("<i4")
POINTERS = changed_dtype(object, None, None, -1, -1, 0)
BEYOND = changed_dtype("V4", ("number",), {"number": (NUMBER, 4)}, 4, 1, 16)
BEFORE = changed_dtype("V4", ("number",), {"number": (NUMBER, -4)}, 4, 1, 16)
NAMELESS = changed_dtype("V4", ("number",), {"letter": (NUMBER, 0)}, 4, 1, 16)
HIDDEN = changed_dtype("V8", ("thing",), {"thing": (np.dtype(object), 0)}, 8, 1, 16)
WIDE = changed_dtype("V4", ("table",), {"table": (np.dtype("V2"), 3)}, 4, 1, 16)


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [3]},
        {"shape": Shape((3,))},
        {"shape": (-3,)},
        {"shape": (3.0,)},
        {"shape": (True,)},
        {"shape": ...},
        {"order": "K"},
        {"order": None},
        {"dtype": "<f8"},
        {"dtype": np.float64},
        {"dtype": np.dtype("V")},
        {"dtype": np.dtype(("<i4", (2,)))},
        *({"dtype": dtype} for dtype in (POINTERS, BEYOND, BEFORE, NAMELESS, HIDDEN, WIDE)),
        {"subclass": np.recarray},
        {"subclass": list},
        {"filename": "/etc/passwd"},
    ],
    ids=itertools.count(),
)
def test_a_wrapper_that_joblib_does_not_write_is_left_to_others(changed):
    with pytest.raises(NotFast):
        fast_load(wrapped(**changed), any_class)


@pytest.mark.parametrize(
    "shape", [(4,), (2**62,), (2**64 + 3,), (2**40, 2**40), (1,) * 3 + (4,)], ids=str
)
def test_an_array_that_goes_beyond_the_file_is_refused(shape):
    with pytest.raises(pickle.UnpicklingError, match=r"^the bytes of an array are missing$"):
        fast_load(wrapped(shape=shape), any_class)


@pytest.mark.parametrize("shape", [(0, 2**63), (0,) * 100], ids=["too large", "too many"])
def test_an_array_of_nothing_in_an_impossible_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"dimension|too big|ndim"):
        fast_load(wrapped(b"\1\xff", shape=shape), any_class)


def test_padding_that_goes_beyond_the_file_is_refused():
    with pytest.raises(pickle.UnpicklingError, match=r"^the bytes of an array are missing$"):
        fast_load(wrapped(b"\xff" + bytes(24)), any_class)


def test_something_else_than_an_array_of_objects_is_refused():
    inner = pickle.dumps([1, 2], protocol=2)

    with pytest.raises(pickle.UnpicklingError, match=r"^something else stands where an array"):
        fast_load(wrapped(inner, dtype=np.dtype(object)), any_class)


@pytest.mark.parametrize("more", [b"0", b"N0", b"2", b"."], ids=repr)
def test_a_wrapper_in_the_middle_of_a_frame_is_left_to_others(more):
    """joblib reads the array then; here, the unpickler goes on first, with the wrapper."""
    first = dumped([np.arange(3)])
    length = struct.unpack("<Q", first[3:11])[0]
    rest = first[11 + length :]

    with pytest.raises(NotFast, match=r"^a wrapper that does not end its frame$"):
        fast_load(b"\x80\x04" + framed(first[11 : 11 + length] + more) + rest, any_class)


@pytest.mark.parametrize("opcodes", [b"NQ.", b"Pname\n.", b"]Q0N.", b"NQQ.", b"]Q."], ids=repr)
@pytest.mark.parametrize("is_framed", [True, False])
def test_persistent_ids_are_refused(opcodes, is_framed):
    """One before the last opcode would be taken for the one that is put there, if only one."""
    start = b"N0]0" * 3
    data = b"\x80\x04" + (framed(start + opcodes) if is_framed else start + opcodes)

    with pytest.raises(pickle.UnpicklingError):
        fast_load(data, any_class)


@pytest.mark.parametrize("value", [None, ["text", np.arange(3)], [np.array(["a"], dtype=object)]])
@pytest.mark.parametrize("more", [b".", b"\0.", b"N.", b"Q.", b"\x95\x02\0\0\0\0\0\0\0N.", b"K."])
def test_what_follows_the_end_is_refused(value, more):
    with pytest.raises(pickle.UnpicklingError, match="the file goes on behind the end"):
        fast_load(dumped(value) + more, any_class)


def test_what_follows_the_end_within_the_last_frame_is_refused():
    with pytest.raises(pickle.UnpicklingError, match="the file goes on behind the end"):
        fast_load(b"\x80\x04" + framed(b"]N." + b"garbage."), any_class)


def test_what_find_class_raises_comes_through():
    def refuse(module: str, name: str) -> Any:
        raise PermissionError(f"{module}.{name}")

    def refuse_functions(module: str, name: str) -> Any:
        return any_class(module, name) if module == "numpy" else refuse(module, name)

    with pytest.raises(PermissionError, match=r"^numpy\.ndarray$"):
        fast_load(dumped([np.arange(2)]), refuse)
    with pytest.raises(PermissionError, match=r"_reconstruct$"):
        fast_load(dumped(np.array(["a"], dtype=object)), refuse_functions)


def pipeline() -> Any:
    """Numbers, trees and words."""
    numbers = np.arange(40.0).reshape(20, 2)
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0))
    words = OneHotEncoder().fit(np.array([["a", "b"], ["é", "c"]], dtype=object))
    return [
        forest.fit(numbers, numbers[:, 0] > 17),
        words,
        OrderedDict(a=np.arange(3, dtype=">i2")),
    ]


def test_a_file_that_is_cut_off_is_refused():
    data = dumped(pipeline())

    for length in np.linspace(0, len(data) - 1, 300).astype(int):
        with pytest.raises((EOFError, pickle.UnpicklingError, NotFast)):
            fast_load(data[:length], any_class)


def test_a_file_that_is_cut_off_and_ended_anew_holds_what_joblib_finds_or_nothing():
    """Between two frames, that is the object that was written last."""
    data = dumped(pipeline())

    for length in np.linspace(0, len(data) - 2, 300).astype(int):
        ended = data[:length] + b"."
        try:
            loaded = fast_load(ended, any_class)
        except (EOFError, pickle.UnpicklingError, NotFast):
            continue
        assert dumped(loaded) == dumped(joblib.load(io.BytesIO(ended)))


# numpy believes what a pickle says of a dtype, and of an array of objects, and ends the process
# where its shape has more items than its list. That is the business of the guard.
BELIEVED = re.compile(
    rb"\x8c.\w+\x94\x89\x88\x87\x94R\x94\(K\x03.*?t\x94b|\(K\x01K.\x85.*?b\.", re.DOTALL
)
FLIPPING = """
import faulthandler, io, json, pickle, random, resource, sys, warnings
from gitmodelstore.pickles.fast_load import fast_load

faulthandler.enable()
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # an index may ask for a huge memo
any_class = pickle.Unpickler(io.BytesIO()).find_class
data = open(sys.argv[1], "rb").read()
seed, times, places = json.loads(sys.argv[2])
names = set()

def record(module, name):
    names.add((module, name))
    return any_class(module, name)

def find_class(module, name):
    if (module, name) not in names:
        raise pickle.UnpicklingError(f"{module}.{name}")
    return any_class(module, name)

fast_load(data, record)
chance, loaded = random.Random(seed), 0
for _ in range(times):
    flipped = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 4])):
        flipped[chance.choice(places)] ^= 1 << chance.randrange(8)
    try:
        fast_load(flipped, find_class, private=chance.random() < 0.5)
        loaded += 1
    except Exception as error:
        kept = error
print(loaded)
"""


@pytest.mark.parametrize("times", [200, pytest.param(1000, marks=pytest.mark.long)])
@pytest.mark.parametrize("protocol", [4, 5])
def test_random_flips_never_do_more_than_raise(protocol, times, tmp_path):
    path = tmp_path / "file"
    joblib.dump(pipeline(), path, protocol=protocol)
    spared = BELIEVED.sub(lambda found: b"\0" * len(found[0]), path.read_bytes())
    places = [place for place, byte in enumerate(spared) if byte]

    ran = subprocess.run(
        [sys.executable, "-c", FLIPPING, path, json.dumps([protocol, times, places])],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert 0 < int(ran.stdout) < times
