"""Claims about the corpus itself: its files are hostile, and harmless beyond their marker."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import pickletools
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from packaging.requirements import Requirement

from .families import Hostile, families
from .families_arrays import array, dtype, objects
from .trial import honest, is_for_this_machine, main
from .values import Call, Name
from .writer import Writer, pickled

ROOT = Path(__file__).parents[2]

# Beyond this the file itself is what takes memory.
LARGEST = 2 * 2**20

PLAIN = [None, True, -1, 2**40, 1.5, "word", "é" * 300, b"\x00\xff", (), (1, 2), [1], {"a": {1: 2}}]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Hostile]:
    return list(families(tmp_path_factory.mktemp("corpus") / "marker"))


def assert_they_act(corpus: list[Hostile], fires: str, folder: Path, home: Path) -> None:
    """In a process of its own they act under plain joblib, an honest file does not, and nothing is
    left elsewhere."""
    temporary = folder / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.trial", str(folder), fires],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    chosen = [hostile for hostile in corpus if hostile.fires == fires]
    acting = {hostile.id: fires for hostile in chosen if is_for_this_machine(hostile)}
    assert json.loads(done.stdout) == {honest().id: "never"} | acting
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in folder.iterdir()) == ["temporary", "trial"]
    assert [path.name for path in home.iterdir()] == [".gitconfig"]


def opcodes_of(hostile: Hostile) -> set[str]:
    """The opcodes of a file up to where it is no pickle any more."""
    names = set()
    with contextlib.suppress(ValueError, UnicodeError):
        for opcode, _, _ in pickletools.genops(hostile.data):
            names.add(opcode.name)
    return names


class TestCorpus:
    """Hostile files of every family, with a name each."""

    def test_every_name_is_used_once(self, corpus: list[Hostile]) -> None:
        assert [name for name, count in Counter(it.id for it in corpus).items() if count > 1] == []

    def test_no_two_files_are_the_same(self, corpus: list[Hostile]) -> None:
        first = {hostile.data: hostile.id for hostile in reversed(corpus)}
        assert [it.id for it in corpus if first[it.data] != it.id] == []

    def test_every_family_has_several_members(self, corpus: list[Hostile]) -> None:
        sizes = Counter(hostile.family for hostile in corpus)
        assert len(sizes) >= 20
        assert [family for family, size in sizes.items() if size < 4] == []
        assert len(corpus) >= 150

    def test_every_opcode_is_used(self, corpus: list[Hostile]) -> None:
        unused = {opcode.name for opcode in pickletools.opcodes}
        for hostile in sorted(corpus, key=lambda hostile: len(hostile.data)):
            unused -= opcodes_of(hostile) if unused else set()
        assert unused == set()

    def test_making_it_fires_nothing_and_names_do_not_depend_on_the_marker(
        self, corpus: list[Hostile], tmp_path: Path
    ) -> None:
        again = [hostile.id for hostile in families(tmp_path / "other")]
        assert again == [hostile.id for hostile in corpus]
        assert list(tmp_path.iterdir()) == []

    def test_the_files_are_small(self, corpus: list[Hostile]) -> None:
        assert [hostile.id for hostile in corpus if len(hostile.data) > LARGEST] == []

    def test_what_a_file_needs_can_be_read(self, corpus: list[Hostile]) -> None:
        needed = {Requirement(text).name for hostile in corpus for text in hostile.needs}
        assert needed <= {"python", "numpy", "scipy", "scikit-learn", "joblib", "cloudpickle"}


class TestEffect:
    """What a file claims to do, it does under plain joblib, and nothing else."""

    @pytest.mark.long  # there are a thousand of them
    def test_files_act_when_they_are_loaded(
        self, corpus: list[Hostile], tmp_path: Path, isolated: Path
    ) -> None:
        assert_they_act(corpus, "at load", tmp_path, isolated)

    def test_files_act_when_they_are_asked(
        self, corpus: list[Hostile], tmp_path: Path, isolated: Path
    ) -> None:
        assert_they_act(corpus, "at predict", tmp_path, isolated)

    def test_bombs_are_kept_from_joblib(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="bombs are not for joblib"):
            main(tmp_path, "never")
        assert list(tmp_path.iterdir()) == []


class TestWriter:
    """The assembler writes what pickle and joblib read."""

    @pytest.mark.parametrize("protocol", range(6))
    def test_plain_values_are_read_back(self, protocol: int) -> None:
        assert pickle.loads(pickled(PLAIN, protocol)) == PLAIN

    @pytest.mark.parametrize("protocol", [4, 5])
    def test_frames_are_closed(self, protocol: int) -> None:
        data = pickled(PLAIN, protocol, framed=True)
        pickletools.dis(data, io.StringIO())
        assert pickle.loads(data) == PLAIN

    @pytest.mark.parametrize("framed", [False, True])
    def test_arrays_are_read_by_joblib(self, framed: bool) -> None:
        numbers = array((2,), dtype("f8"), np.array([1.0, 2.0]).tobytes())
        items = objects(pickle.dumps(np.array(["word"], dtype=object)))

        data = pickled([numbers, items, 3], framed=framed)

        first, second, last = joblib.load(io.BytesIO(data))
        assert (first.tolist(), second.tolist(), last) == ([1.0, 2.0], ["word"], 3)

    def test_a_program_is_what_its_opcodes_say(self) -> None:
        data = Writer(4).push(Call(Name("builtins:len"), ("word",))).stop()
        opcodes = [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(data)]
        assert opcodes == [
            ("PROTO", 4),
            ("SHORT_BINUNICODE", "builtins"),
            ("SHORT_BINUNICODE", "len"),
            ("STACK_GLOBAL", None),
            ("MARK", None),
            ("SHORT_BINUNICODE", "word"),
            ("TUPLE", None),
            ("REDUCE", None),
            ("STOP", None),
        ]

    def test_a_value_without_opcodes_is_refused(self) -> None:
        value: Any = object()
        with pytest.raises(TypeError, match="no opcodes for object"):
            pickled(value)
