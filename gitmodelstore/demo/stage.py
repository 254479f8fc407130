"""Performs a story in a folder: what is shown is what is run.

Owns the Python session, the commands and their environment, and the story's
clock. How things look is left to the `Show` that is passed in.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from datetime import date, datetime, time, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import gitmodelstore
from gitmodelstore.demo.loans import write_loans
from gitmodelstore.demo.script import Command, Edit, Identify, Python, Say, Scene, Step, command
from gitmodelstore.demo.story import IGNORED, PYPROJECT
from gitmodelstore.errors import NoIdentity, StoreError
from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.disk import check_absent
from gitmodelstore.plumbing.identity import Identity, read_identity
from gitmodelstore.plumbing.repository import writing

Kind = Literal["title", "prose", "command", "python", "result"]
Show = Callable[[Kind, str], None]

DEMO_USER = Identity("Demo User", "demo@example.org")
_DAY_BEGINS = time(9, 0, tzinfo=timezone.utc)
# What of the user's own settings could ask for a passphrase, or run a program, in the midst of
# the story. They are set for the demo's processes alone.
_UNDISTURBED = {
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "core.hooksPath": "/dev/null",
    "color.ui": "false",
}
_PROGRAMS = {
    "gms": (sys.executable, "-c", "from gitmodelstore.cli.main import run; run()"),
    "python": (sys.executable,),
}


class StoryClock:
    """The time in the story: on each day from nine o'clock, a minute from one call to the next."""

    def __init__(self) -> None:
        self._next = datetime.min.replace(tzinfo=timezone.utc)

    def go_to(self, day: date) -> None:
        """Go on to a day; on the present one the clock just goes on."""
        self._next = max(self._next, datetime.combine(day, _DAY_BEGINS))

    def __call__(self) -> datetime:
        moment = self._next
        self._next += timedelta(minutes=1)
        return moment


class Stage:
    """A folder in which stories are performed.

    Args:
        folder: where; new or empty.
        show: takes every paragraph, command and result as it comes.

    Attributes:
        folder: as given, absolute.
        names: the variables of the Python session.
        is_demo_user: whether git knew nobody, so that `DEMO_USER` writes.
    """

    def __init__(self, folder: Path, show: Show) -> None:
        self.folder = folder.absolute()
        self._given = folder
        self.names: dict[str, Any] = {}
        self.is_demo_user = False
        self._show = show
        self._clock = StoryClock()

    def set_up(self) -> None:
        """Write what the story finds in its folder.

        Raises:
            AlreadyExists: the folder does, and holds something; nothing was touched.
            GitFailed: git is not installed; nothing was touched.
        """
        git.run("version", cwd=Path())
        check_absent(self._given, "name another folder: `gms demo DIR`")
        project = files("gitmodelstore.demo") / "project"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("train.py", "serve.py"):
                self._write(name, (project / name).read_text(encoding="utf-8"))
            self._write("pyproject.toml", PYPROJECT)
            self._write(".gitignore", IGNORED)
            write_loans(self.folder / "data")

    def perform(self, scenes: tuple[Scene, ...]) -> None:
        """Do every step of every scene, and show it.

        Raises:
            StoreError: a step failed, as none should.
        """
        self.names |= {"__name__": "__demo__", "story_time": self._clock}
        with chdir(self.folder), _importing_from(self.folder, "train"):
            for number, scene in enumerate(scenes, start=1):
                self._clock.go_to(scene.on)
                self._show("title", f"{number}. {scene.title} ({scene.on})")
                for step in scene.steps:
                    self._do(step)

    def _do(self, step: Step) -> None:
        match step:
            case Say():
                self._show("prose", step.text)
            case Python():
                self._run_python(step)
            case Command():
                self._run_command(step)
            case Edit():
                self._edit(step)
            case Identify():
                self._identify(step)

    def _run_python(self, step: Python) -> None:
        self._show("python", step.source)
        printed = io.StringIO()
        with redirect_stdout(printed), _echoing():
            # The statement is the one just shown, and comes from story.py.
            exec(compile(f"{step.source}\n", "<demo>", "single"), self.names)  # noqa: S102
        self._show("result", printed.getvalue())

    def _run_command(self, step: Command) -> None:
        shown = shlex.join(step.args)
        self._show("command", shown)
        program, *args = step.args
        moment = self._clock().isoformat()
        process = subprocess.Popen(
            [*_PROGRAMS.get(program, (program,)), *args],
            cwd=self.folder,
            env=_environment({"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = _wait(process).decode(errors="replace")
        self._show("result", said)
        if process.returncode:
            raise StoreError(f"`{shown}` failed with exit status {process.returncode}")

    def _edit(self, step: Edit) -> None:
        text = (self.folder / step.path).read_text(encoding="utf-8")
        if text.count(step.before) != 1:
            raise StoreError(f"'{step.path}' does not hold {step.before!r} once")
        self._show("prose", f"In {step.path}:")
        self._show("result", f"- {step.before}\n+ {step.after}")
        self._write(step.path, text.replace(step.before, step.after))

    def _identify(self, step: Identify) -> None:
        """Name the demo's user to git in one repository, if git knows nobody there.

        Whoever signs otherwise is not asked for a key by a demo.
        """
        for name in ("commit.gpgsign", "tag.gpgsign"):
            git.run("config", name, "false", cwd=self.folder / step.folder)
        try:
            for role in ("AUTHOR", "COMMITTER"):
                read_identity(self.folder / step.folder, role)
        except NoIdentity:
            if not self.is_demo_user:
                self._show("prose", "git knows nobody's name here, so the demo gives one:")
            self.is_demo_user = True
            for key, value in (("name", DEMO_USER.name), ("email", DEMO_USER.email)):
                at = () if step.folder == "." else ("-C", step.folder)
                self._run_command(command("git", *at, "config", f"user.{key}", value))

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command of the story, undisturbed by the user's settings."""
    found = git.environment(extra)
    found.pop("GITMODELSTORE", None)  # it would name another store than the project does
    found |= {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    found["PYTHONPATH"] = os.pathsep.join(_module_paths(found.get("PYTHONPATH", "")))
    for number, (key, value) in enumerate(_UNDISTURBED.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found | {"GIT_CONFIG_COUNT": str(len(_UNDISTURBED))}


def _module_paths(inherited: str) -> list[str]:
    """Return where a Python started in another folder looks for modules first.

    That is what it looks through here, and the folder of this package unless it is installed:
    a checkout is found by the working directory, which is not the story's.
    """
    found = [os.path.abspath(path) for path in inherited.split(os.pathsep) if path]
    ours = str(Path(gitmodelstore.__file__).absolute().parents[1])
    installed = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return found if ours in (*found, *installed) else [*found, ours]


def _wait(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a command printed; one that is interrupted ends by itself, and is not killed."""
    try:
        return process.communicate()[0]
    except KeyboardInterrupt:
        process.wait()
        raise


@contextmanager
def _importing_from(folder: Path, module: str) -> Iterator[None]:
    """Import modules from a folder, as a prompt opened there does, and leave no trace."""
    keeps_bytecode = sys.dont_write_bytecode
    others = sys.modules.pop(module, None)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # a stale cache would hide an edit within the same second
    try:
        yield
    finally:
        sys.dont_write_bytecode = keeps_bytecode
        sys.path.remove(str(folder))
        sys.modules.pop(module, None)
        if others is not None:
            sys.modules[module] = others


@contextmanager
def _echoing() -> Iterator[None]:
    """Print the value of an expression, as the plain prompt does, whatever is set up here."""
    before = sys.displayhook
    sys.displayhook = lambda value: None if value is None else print(repr(value))
    try:
        yield
    finally:
        sys.displayhook = before
