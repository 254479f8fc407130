"""The code that trained a version: repository, commit, and whether that is the truth.

A commit id alone lies when the sources were changed after it, so the changes are
looked for and digested. Only git knows them; it is asked through its own program.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gitmodelstore.errors import GitFailed
from gitmodelstore.lineage import visible
from gitmodelstore.lineage.patch import EMPTY_TREE, diff_command, new_file
from gitmodelstore.lineage.remote import address, settings_of
from gitmodelstore.plumbing import checkout, git
from gitmodelstore.plumbing.checkout import Checkout
from gitmodelstore.plumbing.linked import has_commit
from gitmodelstore.values.digest import Digest
from gitmodelstore.values.manifest import Code

_SOURCE_ENDINGS = (b".py", b".ipynb")

_STATUS = (
    "--no-optional-locks",  # a recording must not disturb a commit that is being made
    "status",
    "--porcelain=v2",
    "--branch",
    "-z",
    "--untracked-files=all",
    "--no-renames",
    "--ignore-submodules=none",  # whatever the settings say, changes in them are changes
)


class _Status(NamedTuple):
    """What `git status` says: see "Porcelain Format Version 2" in git help status.

    Attributes:
        commit, branch: None before the first commit, and with a detached head.
        has_changes: whether tracked files differ, what lies in submodules apart.
        untracked: paths that git neither tracks nor ignores.
        submodules: those that differ, with the commit that HEAD has of them; None for none.
    """

    commit: str | None
    branch: str | None
    has_changes: bool
    untracked: tuple[bytes, ...]
    submodules: tuple[tuple[bytes, str | None], ...]


class _Changes(NamedTuple):
    """What is not committed: whether anything is not, and the patch of it."""

    dirty: bool
    patch: bytes


def capture(folder: Path, entry_point: Path | None = None) -> Code | None:
    """Return the git repository around `folder`, and whether its commit says it all.

    The innermost repository is recorded, so a submodule stands for itself. `dirty`
    means that tracked files differ from the commit, in the index or the work tree,
    or that there is source the commit lacks: an untracked `*.py` or `*.ipynb` file
    that is not ignored, or the entry point itself, even if ignored. Other untracked
    files, such as what training writes, do not count.

    `diff` is the SHA-256 of the patch that makes the work tree of the commit: `git diff`
    of the tracked files, then of each changed submodule, then each such untracked file as
    a new one. It is what `code.diff` holds where that is kept.

    Files that somebody told git to overlook (`update-index --assume-unchanged`) are
    overlooked here too.

    Args:
        folder: a folder, of which the parents are searched.
        entry_point: the script that trained; None when unknown, as in a notebook.

    Returns:
        None when there is no repository around `folder`.

    Raises:
        GitFailed: git is not installed, or refuses the repository (owned by
            somebody else, corrupt).
        InvalidInput: an untracked source file cannot be read.
    """
    with Look(folder, entry_point) as look:
        return look.result()


class Look:
    """`capture`, begun now and finished later: git works while Python does something else.

    Args:
        folder, entry_point: as in `capture`.

    Attributes:
        patch: what makes the work tree of the commit, once the result is known; None when
            nothing is uncommitted.

    Raises:
        GitFailed: git is not installed.
    """

    def __init__(self, folder: Path, entry_point: Path | None) -> None:
        self.patch: bytes | None = None
        self._found: Code | None = None
        self._entry_point = entry_point
        self._checkout = checkout.find(folder)
        self._script: str | None = None
        self._asked: list[_Question] = []
        if self._checkout is not None and entry_point is not None:
            self._script = _relative(entry_point, self._checkout.top)

    def __enter__(self) -> Look:
        if self._checkout is not None:
            # Most often something has changed, so that git need not wait to be asked what.
            top = self._checkout.top
            self._asked = [_Question(top, _STATUS), _Question(top, diff_command("HEAD"))]
        return self

    def __exit__(self, *_: object) -> None:
        for question in self._asked:
            question.abandon()

    def result(self) -> Code | None:
        """Return what `capture` returns, found out once; `patch` is known from then on.

        Raises:
            GitFailed, InvalidInput: as in `capture`.
        """
        if self._checkout is None:
            return None
        if self._found is None:
            self._found = self._find_out(self._checkout, self._script)
        return self._found

    def _find_out(self, found: Checkout, script: str | None) -> Code:
        about_status, about_diff = self._asked
        status = _parse_status(about_status.answer())
        config = settings_of(found)
        algorithm = config.get("extensions.objectformat", "sha1")
        differ = about_diff.answer
        if status.commit is None:
            differ = _Question.later(found.top, diff_command(EMPTY_TREE[algorithm]))
        missing = script if script is not None and not _is_tracked(found, script) else None
        dirty, patch = _changes(found.top, status, differ, algorithm, missing_script=missing)
        self.patch = patch if dirty else None
        return Code(
            url=address(config, status.branch),
            commit=status.commit,
            branch=None if status.branch is None else visible(status.branch),
            dirty=dirty,
            diff=Digest.of(patch) if dirty else None,
            entry_point=_shown(self._entry_point, script),
        )


def entry_point() -> Path | None:
    """Return the script that Python was started with, or the notebook that runs; else None.

    None too for a program that was installed, such as `pytest`: it runs the code that
    trains, it is not that code. Which notebook a kernel serves, VS Code (`__vsc_ipynb_file__`)
    and IPython under a Jupyter server (`__session__`) note in the notebook's own namespace.
    """
    main = sys.modules.get("__main__")
    for note in ("__vsc_ipynb_file__", "__session__"):
        notebook = getattr(main, note, None)
        if isinstance(notebook, str) and notebook.endswith(".ipynb") and os.path.isfile(notebook):
            return Path(notebook).absolute()
    file = getattr(main, "__file__", None)
    if not isinstance(file, str):
        return None
    path = Path(file).absolute()
    installed = [sysconfig.get_path(name) for name in ("scripts", "purelib", "platlib", "stdlib")]
    installed.append(str(Path(__file__).parents[1]))  # our own commands, from a checkout too
    if not path.is_file() or any(path.is_relative_to(folder) for folder in installed):
        return None
    return path


class _Question:
    """One process of git that runs, and what it prints."""

    def __init__(self, top: Path, args: tuple[str, ...]) -> None:
        self._args = args
        self._process = git.start(args, top, training=True)

    @classmethod
    def later(cls, top: Path, args: tuple[str, ...]) -> Callable[[], bytes]:
        """Return what asks when the answer is wanted."""
        return lambda: cls(top, args).answer()

    def answer(self) -> bytes:
        stdout, stderr = self._process.communicate()
        status = self._process.returncode
        if status:
            raise _refused(self._args, status, stderr)
        return stdout

    def abandon(self) -> None:
        """End it where nobody waits for the answer any more."""
        if self._process.stdout and not self._process.stdout.closed:
            self._process.kill()
            self._process.communicate()


def _refused(args: tuple[str, ...], status: int, stderr: bytes) -> GitFailed:
    verb = next(arg for arg in args if arg.isalpha() or arg == "ls-files")
    said = stderr.decode(errors="replace").strip()
    lines = said.splitlines()
    fix = next((line.strip() for line in lines if "git config --global" in line), None)
    return GitFailed(
        f"`git {verb}` failed: {lines[0] if lines else f'exit status {status}'}",
        command="git " + " ".join(args),
        stderr=said,
        hint=f"run `{fix}`" if fix else None,
    )


def _parse_status(output: bytes) -> _Status:
    commit = branch = None
    has_changes = False
    untracked, submodules = [], []
    for entry in filter(None, output.split(b"\0")):
        kind, _, rest = entry.partition(b" ")
        if kind == b"?":
            untracked.append(rest)
        elif kind == b"1" and rest[3:4] == b"S":
            parts = rest.split(b" ", 7)
            before = None if set(parts[5]) == set(b"0") else parts[5].decode("ascii")
            submodules.append((parts[7], before))
            has_changes |= parts[0] != b".M" or parts[1][1:2] == b"C"  # it is another commit
        elif kind != b"#":
            has_changes = True
        elif rest.startswith(b"branch.oid ") and rest != b"branch.oid (initial)":
            commit = rest.split(b" ", 1)[1].decode("ascii")
        elif rest.startswith(b"branch.head ") and rest != b"branch.head (detached)":
            branch = os.fsdecode(rest.split(b" ", 1)[1])
    return _Status(commit, branch, has_changes, tuple(untracked), tuple(submodules))


def _changes(
    top: Path,
    status: _Status,
    differ: Callable[[], bytes],
    algorithm: str,
    prefix: bytes = b"",
    missing_script: str | None = None,
) -> _Changes:
    """Return what is not committed in a work tree, and in the submodules that it has.

    Args:
        top, status: the work tree, and what git says of it.
        differ: returns how tracked files differ; asked where they do.
        algorithm: by which its objects are named.
        prefix: its path in the repository that is recorded, with a slash; empty for that one.
        missing_script: the entry point, where the commit lacks it.
    """
    parts = [differ()] if status.has_changes else []
    inside = [
        _changes_inside(top, path, before, algorithm, prefix) for path, before in status.submodules
    ]
    sources = _uncommitted_sources(status, missing_script)
    parts += [changes.patch for changes in inside]
    parts += [new_file(top, path, algorithm, prefix) for path in sources]
    dirty = status.has_changes or bool(sources) or any(changes.dirty for changes in inside)
    return _Changes(dirty, b"".join(parts))


def _changes_inside(
    top: Path, path: bytes, before: str | None, algorithm: str, prefix: bytes
) -> _Changes:
    """Return what the files of a submodule differ by from those of the commit `before`.

    Where the submodule lacks that commit, as a shallow one may, from its own commit: that it is
    another one is known from the repository around it.
    """
    folder, prefix = top / os.fsdecode(path), prefix + path + b"/"
    if not (folder / ".git").exists():  # not checked out, or taken away
        return _Changes(dirty=False, patch=b"")
    status = _parse_status(_Question(folder, _STATUS).answer())
    if before != status.commit:
        status = status._replace(has_changes=True)
    against = before or EMPTY_TREE[algorithm]
    if before not in (None, status.commit) and not has_commit(folder, before):
        against = "HEAD"
    args = diff_command(against, os.fsdecode(prefix))
    return _changes(folder, status, _Question.later(folder, args), algorithm, prefix)


def _is_tracked(found: Checkout, script: str) -> bool:
    known = checkout.is_tracked(found, script)
    if known is None:
        args = ("--literal-pathspecs", "ls-files", "-z", "--", script)
        known = bool(_Question(found.top, args).answer())
    return known


def _uncommitted_sources(status: _Status, missing_script: str | None) -> list[bytes]:
    found = {path for path in status.untracked if path.lower().endswith(_SOURCE_ENDINGS)}
    if missing_script is not None:
        found.add(os.fsencode(missing_script))
    return sorted(found)


def _relative(script: Path, top: Path) -> str | None:
    """Return the script's path in the repository, None when it is outside or not there."""
    # Only the folder is resolved: git records a link as itself, not as what it points to.
    whole = Path(os.path.realpath(script.parent)) / script.name
    if not whole.is_relative_to(top) or not whole.is_file():
        return None
    return whole.relative_to(top).as_posix()


def _shown(entry_point: Path | None, script: str | None) -> str | None:
    if entry_point is None:
        return None
    return visible(script if script is not None else entry_point.name)
