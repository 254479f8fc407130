"""Large files: read as they come, hashed once, in memory once, and named where they are damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from gitmodelstore import Store
from gitmodelstore.errors import IntegrityError, LoadError, RefusedPickle
from gitmodelstore.pickles.load import load_file
from gitmodelstore.plumbing import large_files, loose

from .looks import refusal, use_lfs

PIPELINE = "models/churn/pipeline.joblib"


def dense(megabytes: float, seed: int = 0) -> KNeighborsClassifier:
    """A pipeline that is one array, of a megabyte and more."""
    X = np.random.default_rng(seed).normal(size=(int(megabytes * 12_500), 10))
    return KNeighborsClassifier(algorithm="brute").fit(X, np.arange(len(X)) % 2)


@pytest.fixture(scope="module")
def model() -> KNeighborsClassifier:
    return dense(3)


def loose_file(store: Store, git) -> Path:
    oid = git(store.path, "rev-parse", f"churn@v1.0.0:{PIPELINE}").strip()
    return store.path / "objects" / oid[:2] / oid[2:]


def as_stored(store: Store, git) -> Path:
    return loose_file(store, git)


def as_deflated(store: Store, git) -> Path:
    """Have git write the blob anew, as it writes any file."""
    file = loose_file(store, git)
    content = subprocess.run(
        ["git", "-C", store.path, "cat-file", "blob", f"churn@v1.0.0:{PIPELINE}"],
        capture_output=True,
        check=True,
    ).stdout
    file.unlink()
    subprocess.run(
        ["git", "-C", store.path, "hash-object", "-w", "--stdin"],
        input=content,
        capture_output=True,
        check=True,
    )
    return file


def as_packed(store: Store, git) -> Path:
    git(store.path, "gc", "--quiet")
    assert not loose_file(store, git).exists()
    (pack,) = (store.path / "objects" / "pack").glob("*.pack")
    return pack


KEPT: dict[str, Callable[..., Path]] = {
    "stored": as_stored,
    "deflated": as_deflated,
    "packed": as_packed,
}


@pytest.fixture(params=KEPT)
def kept(request, bare_store, model, git) -> tuple[Store, Path]:
    """A store with one version, and the file in which git has its pipeline."""
    bare_store.register(model, "churn", code=None)
    file = KEPT[request.param](bare_store, git)
    return Store.open(bare_store.path), file


def damage(file: Path, change: Callable[[bytearray], Any]) -> None:
    data = bytearray(file.read_bytes())
    changed = change(data)
    file.chmod(0o644)
    file.write_bytes(data if changed is None else changed)
    file.chmod(0o444)


class TestReading:
    def test_it_is_the_pipeline(self, kept, model):
        store, _ = kept

        first, again = store.load("churn@1.0.0"), store.load("churn@1.0.0")

        for loaded in (first, again):
            assert loaded._fit_X.tobytes() == model._fit_X.tobytes()
        assert store.verify("churn@1.0.0").is_sound

    def test_what_is_stored_as_it_is_is_neither_inflated_nor_hashed_by_git(
        self, bare_store, model, git, monkeypatch
    ):
        bare_store.register(model, "churn", code=None)
        store = Store.open(bare_store.path)
        monkeypatch.setattr(loose, "Inflated", None)
        monkeypatch.setattr(loose, "with_id", None)

        assert store.load("churn@1.0.0") is not None

    def test_a_packed_one_is_not_read_by_libgit2(self, bare_store, model, git, monkeypatch):
        bare_store.register(model, "churn", code=None)
        as_packed(bare_store, git)
        store = Store.open(bare_store.path)
        oid = git(store.path, "rev-parse", f"churn@v1.0.0:{PIPELINE}").strip()
        read = store._repository._object

        def reading(asked: str) -> Any:
            assert asked != oid
            return read(asked)

        monkeypatch.setattr(store._repository, "_object", reading)

        assert store.load("churn@1.0.0") is not None

    def test_a_difference_from_another_in_a_pack_is_left_to_libgit2(self, bare_store, git):
        first = dense(3)
        second = KNeighborsClassifier(algorithm="brute").fit(first._fit_X, first._y)
        second._fit_X[5, 5] = 1.0
        for pipeline in (first, second):
            bare_store.register(pipeline, "churn", code=None)
        git(bare_store.path, "gc", "--quiet")
        assert "chain length = 1:" in git(
            bare_store.path,
            "verify-pack",
            "-v",
            *(str(path) for path in (bare_store.path / "objects/pack").glob("*.idx")),
        )

        store = Store.open(bare_store.path)
        versions = reversed(store.versions("churn"))
        for version, pipeline in zip(versions, (first, second), strict=True):
            assert store.load(version)._fit_X.tobytes() == pipeline._fit_X.tobytes()


class TestDamage:
    @pytest.mark.parametrize("place", [0.02, 0.4, 0.9])
    @pytest.mark.parametrize("how", ["a bit", "cut short"])
    def test_it_is_named_and_nothing_is_loaded(self, kept, how, place):
        store, file = kept
        if how == "a bit":
            damage(file, lambda data: data.__setitem__(at := int(len(data) * place), data[at] ^ 4))
        else:
            damage(file, lambda data: data[: int(len(data) * place)])

        for again in (lambda: store, lambda: Store.open(store.path)):
            with pytest.raises(IntegrityError) as caught:
                again().load("churn@1.0.0")
            assert PIPELINE in str(caught.value) or "objects/pack/" in str(caught.value)

    @pytest.mark.parametrize("cut", [1, 4, 5, 9, 10, 70_000])
    def test_the_end_is_missing(self, bare_store, model, git, cut):
        bare_store.register(model, "churn", code=None)
        store = Store.open(bare_store.path)
        damage(loose_file(store, git), lambda data: data[:-cut])

        with pytest.raises(IntegrityError) as caught:
            store.load("churn@1.0.0")

        oid = git(store.path, "rev-parse", f"churn@v1.0.0:{PIPELINE}").strip()
        assert str(caught.value) == f"{PIPELINE}: damaged: {oid}: the object was cut short"

    def test_the_checksum_of_zlib_is_verifys_business(self, bare_store, model, git):
        """What is loaded has its SHA-256; that git cannot read it, `verify` says."""
        bare_store.register(model, "churn", code=None)
        store = Store.open(bare_store.path)
        damage(loose_file(store, git), lambda data: data.__setitem__(-1, data[-1] ^ 1))

        assert store.load("churn@1.0.0")._fit_X.tobytes() == model._fit_X.tobytes()
        (version,) = store.verify("churn@1.0.0").versions
        assert len(version.faults) == 1
        assert version.faults[0].startswith(f"{PIPELINE}: damaged: ")


class TestMemory:
    @pytest.fixture
    def thrifty(self, monkeypatch) -> None:
        """Let nobody have memory for a whole large file."""
        taken = large_files.private_memory

        def a_little(size_bytes: int) -> memoryview:
            assert size_bytes <= loose.MOST_WHOLE_BYTES
            return taken(size_bytes)

        for module in (large_files, loose):
            monkeypatch.setattr(module, "private_memory", a_little)

    def test_verify_and_get_have_no_whole_file_in_memory(self, kept, tmp_path, thrifty):
        store, _ = kept

        assert store.verify("churn@1.0.0").is_sound
        folder = store.download("churn@1.0.0", tmp_path / "got")

        assert sum(map(len, store.read_parts("churn@1.0.0", "pipeline.joblib"))) == (
            (folder / "pipeline.joblib").stat().st_size
        )

    def test_nor_with_git_lfs(self, store, model, tmp_path, thrifty):
        use_lfs(store.path, "1 MiB")
        store.register(model, "churn", code=None)

        assert store.verify("churn@1.0.0").is_sound
        assert store.download("churn@1.0.0", tmp_path / "got").is_dir()

    @pytest.mark.long
    @pytest.mark.parametrize("megabytes", [40, 200])
    def test_no_command_has_a_file_in_memory_more_than_once(self, tmp_path, megabytes):
        big, small, out = tmp_path / "big.joblib", tmp_path / "small.joblib", tmp_path / "out"
        joblib.dump(dense(megabytes), big)
        joblib.dump(dense(0.1), small)
        store = Store.init(tmp_path / "store", bare=True, durable=False)
        for name, file in (("big", big), ("small", small)):
            store.register(file, name, code=None)

        def over(*args: str) -> float:
            """By how much a command is larger for the one file than for the other, in its size."""
            peaks = [peak_mb(*(arg.replace("NAME", name) for arg in args)) for name in NAMES]
            return (peaks[0] - peaks[1]) * 2**20 / (big.stat().st_size - small.stat().st_size)

        here = ("-C", str(store.path))
        whole = {
            "register": over(*here, "register", "NAME", str(tmp_path / "NAME.joblib")),
            "inspect": over("inspect", str(tmp_path / "NAME.joblib")),
            "inspect of a version": over(*here, "inspect", "NAME@1.0.0"),
            "textconv": over("textconv", str(tmp_path / "NAME.joblib")),
        }
        streamed = {
            "verify": over(*here, "verify", "NAME@1.0.0"),
            "get": over(*here, "get", "NAME@1.0.0", "-o", str(out / "NAME")),
            "cat": over(*here, "cat", "NAME@1.0.0:pipeline.joblib"),
        }
        whole["--from-folder"] = over(*here, "register", "NAME", "--from-folder", str(out / "NAME"))
        # Part of it, such as imports, is in other places from run to run.
        assert max(whole.values()) < 1.25, whole
        assert max(streamed.values()) < 0.15, streamed


NAMES = ("big", "small")
PEAK = """
import atexit  # so that there is something after the command
import sys
from gitmodelstore.cli.main import run
sys.argv = ["gms", *sys.argv[1:]]
try:
    run()
except SystemExit as end:
    code = end.code
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if "VmHWM" in line)
print(peak, file=sys.stderr)
sys.exit(code)
"""


def peak_mb(*args: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *args], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1]) / 1024


class TestRegistering:
    def test_what_is_stored_is_what_was_read(self, store, model, tmp_path, git):
        file = tmp_path / "model.joblib"
        joblib.dump(model, file)

        store.register(file, "churn", code=None)

        assert store.read("churn@1.0.0", "pipeline.joblib") == file.read_bytes()
        assert (store.path / PIPELINE).read_bytes() == file.read_bytes()
        assert store.load("churn@1.0.0")._fit_X.tobytes() == model._fit_X.tobytes()
        assert git(store.path, "status", "--porcelain") == ""
        assert git(store.path, "fsck", "--strict", "--no-dangling") == ""
        assert leftovers(store) == []

    def test_a_pipeline_that_changes_its_arrays_changes_nothing_that_is_stored(
        self, store, model, tmp_path
    ):
        """The arrays are the file's own bytes in memory; those were written before."""
        file = tmp_path / "model.joblib"
        joblib.dump(model, file)
        parts: list[bytes] = []

        loaded = load_file(file, keep=lambda part: parts.append(bytes(part)))
        loaded.pipeline._fit_X[:] = 0

        assert b"".join(parts) == file.read_bytes()

    def test_a_file_that_is_refused_leaves_nothing(self, store, model, tmp_path):
        file = tmp_path / "model.joblib"
        joblib.dump([model, Path.cwd], file)
        before = sorted((store.path / ".git" / "objects").rglob("*"))

        with pytest.raises(RefusedPickle):
            store.register(file, "churn", code=None)

        assert sorted((store.path / ".git" / "objects").rglob("*")) == before
        assert leftovers(store) == []

    @pytest.mark.parametrize("how", ["longer", "shorter", "another"])
    def test_a_file_that_changes_while_it_is_read_is_refused(self, model, tmp_path, how):
        file = tmp_path / "model.joblib"
        joblib.dump(model, file)
        size = file.stat().st_size

        def change(_: memoryview) -> None:
            if how == "another":
                time.sleep(0.02)  # a tick of the file system's clock
                with file.open("r+b") as open_file:
                    open_file.seek(size // 2)
                    open_file.write(b"x")
            else:
                os.truncate(file, size + 9 if how == "longer" else size // 2)

        assert refusal(load_file, file, keep=change) == (
            LoadError,
            f"'{file}' changed while it was read",
            "try again when nothing is writing to it",
        )


def leftovers(store: Store) -> list[Path]:
    folder = store.path / ".git" / "lfs" / "tmp"
    return list(folder.iterdir()) if folder.exists() else []
