"""What a terminal shows of a push, a pull, a clone and a load: git's own meter, and nothing else.

Nothing of it is left on a line in the end, whatever ends the command.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import RemoteRefused

from . import children
from .children import Terminal, gms
from .looks import git
from .test_consumers import ann, near
from .test_share import clean, hub, refs

__all__ = ["ann", "hub"]

METER = re.compile(r"(?:remote: )?[A-Z]\w+ (?:objects|deltas): ")
DONE = re.compile(
    r"(?:remote: )?([A-Z]\w+ (?:objects|deltas)): +(?:100% \((\d+)/\2\)|\d+)"
    r"(?:, .*)?, (?:done|completed with .*)\."
)


def meter(lines: list[str]) -> list[str]:
    """Return what the meter measured, each line of which must have come to its end."""
    matches = [(line, DONE.fullmatch(line)) for line in lines if METER.match(line)]
    assert all(match for _, match in matches), lines
    return [match[1] for _, match in matches if match]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Begin a command at a terminal, in the folder of the test."""
    begun: list[Terminal] = []

    def begin(*args: str, **environment: str) -> Terminal:
        begun.append(Terminal(*args, cwd=tmp_path, environment=environment))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


def seen(terminal: Terminal) -> tuple[list[str], list[str], int]:
    """Return what the meter measured, the lines besides, and the exit status."""
    code = terminal.end()
    lines = terminal.lines()
    assert lines.pop() == ""  # the cursor is at the beginning of a line
    return meter(lines), [line for line in lines if not METER.match(line)], code


class TestOnATerminal:
    def test_a_push_a_clone_a_load_and_a_pull(self, ann, hub, tmp_path, terminal):
        ann.register(near(7), "near", code=None)

        pushed = seen(terminal("-C", str(ann.path), "push"))
        assert pushed[0][0] == "Counting objects"
        assert "Writing objects" in pushed[0]
        assert pushed[1:] == ([f"sent 1 commit and 1 tag to origin ({hub})"], 0)

        cloned = seen(terminal("clone", hub.as_uri(), "ben"))
        assert "Receiving objects" in cloned[0]
        assert cloned[1:] == ([str(tmp_path / "ben")], 0)

        got = seen(terminal("-C", "ben", "get", "near@1.0.0"))
        assert "Receiving objects" in got[0]
        assert (got[1][-1], got[2]) == ("near-1.0.0", 0)

        ann.promote("near@1.0.2", "production", push=True)
        pulled = seen(terminal("-C", "ben", "pull"))
        assert "Counting objects" in pulled[0]
        assert pulled[1:] == ([f"1 commit came from origin ({hub.as_uri()})"], 0)

    @pytest.mark.long
    @pytest.mark.parametrize("option", ["-q", "--json"])
    def test_nothing_of_it_where_it_is_not_wanted(self, ann, hub, tmp_path, terminal, option):
        ann.register(near(7), "near", code=None)

        for words in (
            ("-C", str(ann.path), "push"),
            ("clone", hub.as_uri(), "ben"),
            ("-C", "ben", "pull"),
            ("-C", "ben", "get", "near@1.0.0"),
        ):
            command = terminal(*words, option)
            assert command.end() == 0
            assert not any(METER.match(line) for line in command.lines())
            assert "\r" not in command.shown.replace("\r\n", "\n")

    def test_nor_in_a_file_or_a_log(self, ann, hub, tmp_path):
        ann.register(near(7), "near", code=None)

        for words in (("-C", str(ann.path), "push"), ("clone", hub.as_uri(), "ben")):
            assert gms(*words, cwd=tmp_path).stderr == ""

    def test_a_library_takes_its_lines(self, ann, hub, tmp_path):
        lines: list[str] = []

        ben = Store.clone(hub.as_uri(), tmp_path / "ben", meter=lines.append, durable=False)
        assert "Receiving objects" in meter([line for line in lines if line.endswith("done.")])
        del lines[:]
        ben.load("near@1.0.0")
        assert any(line.startswith("Receiving objects: 100%") for line in lines)


def hook(hub: Path, script: str) -> None:
    path = hub / "hooks/pre-receive"
    path.write_bytes(b"#!/bin/sh\n" + script.encode("latin-1"))
    path.chmod(0o755)


class TestWordsOfAHost:
    """Anybody's words: in any encoding, and with all that a terminal acts on."""

    WORDS = 'echo "Größe: \x1b]0;yours\x07 \x1b[2J" >&2\n'

    def test_in_another_encoding_they_are_in_nobodys_way(self, ann, hub):
        hook(hub, self.WORDS)

        assert ann.register(near(7), "near", code=None, push=True).tag in str(refs(hub))

        hook(hub, f"{self.WORDS}exit 1\n")
        ann.promote("near@1.0.2", "production")
        with pytest.raises(RemoteRefused, match="Gr\N{REPLACEMENT CHARACTER}"):
            ann.push()

    def test_a_terminal_acts_on_none(self, ann, hub, terminal):
        ann.register(near(7), "near", code=None)
        hook(hub, f'printf "Counting objects: 5\x1b[2J\\r" >&2\n{self.WORDS}exit 1\n')

        refused = terminal("-C", str(ann.path), "push")

        assert refused.end() == 1
        assert "\x1b[2J" not in refused.shown
        assert "\x07" not in refused.shown
        assert r"\x1b[2J" in refused.shown


class TestCtrlC:
    """In the middle of what moves: the terminal and the store are as they were."""

    def hang(self, isolated: Path, mark: Path) -> None:
        """Have a server of this machine stop in the middle of a fetch."""
        script = isolated / "stuck"
        script.write_text(f"#!/bin/sh\n\"$@\" | head -c 500\n: > '{mark}'\nexec sleep 100\n")
        script.chmod(0o755)
        git(isolated, "config", "--global", "uploadpack.packObjectsHook", str(script))

    def interrupted(self, terminal: Terminal, mark: Path) -> None:
        before = terminal.settings()
        terminal.until(lambda _: mark.exists())
        terminal.type("\x03")
        assert terminal.end() == 130
        assert terminal.settings() == before
        assert terminal.lines()[-2:] in (["interrupted", ""], ["^Cinterrupted", ""])

    def test_of_a_push(self, ann, hub, tmp_path, terminal):
        ann.register(near(7), "near", code=None)
        mark = tmp_path / "mark"
        hook(hub, f": > '{mark}'\nexec sleep 100\n")
        here, there = refs(ann.path), refs(hub)

        self.interrupted(terminal("-C", str(ann.path), "push"), mark)

        assert (refs(ann.path), refs(hub)) == (here, there)
        hook(hub, "")
        assert ann.push().sent == 1
        assert clean(ann)

    @pytest.mark.long
    @pytest.mark.parametrize("command", ["push", "get"])
    def test_sent_to_it_alone_it_leaves_no_git_behind(
        self, ann, hub, tmp_path, terminal, isolated, command
    ):
        """As `kill -INT` does, or the button of a notebook: git gets no signal of its own."""
        mark, words = tmp_path / "mark", ["-C", "ben", "get", "near@1.0.0"]
        if command == "push":
            ann.register(near(7), "near", code=None)
            hook(hub, f": > '{mark}'\nexec sleep 100\n")
            words = ["-C", str(ann.path), "push"]
        else:
            Store.clone(hub.as_uri(), tmp_path / "ben", durable=False)
            self.hang(isolated, mark)
        started = terminal(*words)
        started.until(lambda _: mark.exists())
        family = children.family(started.pid)
        assert len(family) > 2

        os.kill(started.pid, signal.SIGINT)

        assert started.end() == 130
        for _ in range(100):
            left = [pid for pid in family if children.is_running(pid, "git")]
            if not left:
                break
            time.sleep(0.05)
        assert not left

    @pytest.mark.long
    def test_of_a_pull(self, ann, hub, tmp_path, terminal, isolated):
        ben = Store.clone(hub.as_uri(), tmp_path / "ben", durable=False)
        ann.register(near(7), "near", code=None, push=True)
        mark, here = tmp_path / "mark", refs(ben.path)
        self.hang(isolated, mark)

        self.interrupted(terminal("-C", "ben", "pull"), mark)

        assert refs(ben.path) == here
        git(isolated, "config", "--global", "--unset", "uploadpack.packObjectsHook")
        assert ben.pull().received == 1
        assert clean(ben)

    @pytest.mark.long
    def test_of_a_clone(self, ann, hub, tmp_path, terminal, isolated):
        mark = tmp_path / "mark"
        self.hang(isolated, mark)

        self.interrupted(terminal("clone", hub.as_uri(), "ben"), mark)

        assert not (tmp_path / "ben").exists()

    @pytest.mark.long
    def test_of_a_load(self, ann, hub, tmp_path, terminal, isolated):
        ben = Store.clone(hub.as_uri(), tmp_path / "ben", durable=False)
        mark = tmp_path / "mark"
        self.hang(isolated, mark)

        self.interrupted(terminal("-C", "ben", "get", "near@1.0.0"), mark)

        git(isolated, "config", "--global", "--unset", "uploadpack.packObjectsHook")
        assert ben.load("near@1.0.0")
        assert clean(ben)
