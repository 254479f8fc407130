"""The code that trained a version: repository, commit, and whether that is the truth.

A commit id alone lies when the sources were changed after it, so the changes are
looked for and digested. Only git knows them; it is asked through its own program.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gitmodelstore.errors import GitFailed, InvalidInput
from gitmodelstore.lineage import visible, without_credentials
from gitmodelstore.plumbing import checkout, git
from gitmodelstore.plumbing.checkout import Checkout
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
    "--ignore-submodules=none",  # whatever the settings say, changes in them are changes
)
# The bytes are digested, so they must not follow anybody's settings.
_DIFF = (
    "--no-optional-locks",
    "diff",
    "--binary",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--no-indent-heuristic",
    "--diff-algorithm=myers",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=diff",
    "--ignore-submodules=none",
    "-O/dev/null",
)
# The tree without files, which git knows without holding it: what a first commit is compared to.
_EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_NETWORK_URL = re.compile(r"(?:https?|ssh|git|git\+ssh|ssh\+git|ftps?)://.+", re.IGNORECASE)
_SCP_URL = re.compile(r"(?:[^/@:\s]+@)?[^/@:\s]{2,}:(?!//).+")


class _Status(NamedTuple):
    """What `git status` says: see "Porcelain Format Version 2" in git help status."""

    commit: str | None
    branch: str | None
    has_changes: bool
    untracked: tuple[bytes, ...]


def capture(folder: Path, entry_point: Path | None = None) -> Code | None:
    """Return the git repository around `folder`, and whether its commit says it all.

    The innermost repository is recorded, so a submodule stands for itself. `dirty`
    means that tracked files differ from the commit, in the index or the work tree,
    or that there is source the commit lacks: an untracked `*.py` or `*.ipynb` file
    that is not ignored, or the entry point itself, even if ignored. Other untracked
    files, such as what training writes, do not count.

    `diff` is the SHA-256 over the bytes of `git diff` against the commit, then for
    each such untracked file, in the order of the bytes of its path: the path, NUL,
    the SHA-256 of the file in hexadecimal, newline.

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

    Raises:
        GitFailed: git is not installed.
    """

    def __init__(self, folder: Path, entry_point: Path | None) -> None:
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
            self._asked = [_Question(top, _STATUS), _Question(top, (*_DIFF, "HEAD", "--"))]
        return self

    def __exit__(self, *_: object) -> None:
        for question in self._asked:
            question.abandon()

    def result(self) -> Code | None:
        """Return what `capture` returns.

        Raises:
            GitFailed, InvalidInput: as in `capture`.
        """
        found, script = self._checkout, self._script
        if found is None:
            return None
        about_status, about_diff = self._asked
        status = _parse_status(about_status.answer())
        config = _config(found)
        is_missing = script is not None and not _is_tracked(found, script)
        sources = _uncommitted_sources(status, script if is_missing else None)
        dirty = status.has_changes or bool(sources)
        changes = b""
        if status.has_changes:
            changes = about_diff.answer() if status.commit else _diff_of_first(found.top, config)
        return Code(
            url=_url(config, status.branch),
            commit=status.commit,
            branch=None if status.branch is None else visible(status.branch),
            dirty=dirty,
            diff=_diff_digest(found.top, changes, sources) if dirty else None,
            entry_point=_shown(self._entry_point, script),
        )


def entry_point() -> Path | None:
    """Return the script that Python was started with; None in a notebook or a shell.

    None too for a program that was installed, such as `pytest` or a notebook's
    kernel: it runs the code that trains, it is not that code.
    """
    file = getattr(sys.modules.get("__main__"), "__file__", None)
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
        self._process = git.start(args, top)

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
    verb = next(arg for arg in args if not arg.startswith("-"))
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
    untracked = []
    for entry in _entries(output):
        kind, _, rest = entry.partition(b" ")
        if kind == b"?":
            untracked.append(rest)
        elif kind != b"#":
            has_changes = True
        elif rest.startswith(b"branch.oid ") and rest != b"branch.oid (initial)":
            commit = rest.split(b" ", 1)[1].decode("ascii")
        elif rest.startswith(b"branch.head ") and rest != b"branch.head (detached)":
            branch = os.fsdecode(rest.split(b" ", 1)[1])
    return _Status(commit, branch, has_changes, tuple(untracked))


def _entries(output: bytes) -> Iterator[bytes]:
    """Yield the entries of `status -z`; that of a rename has a second part, skipped here."""
    parts = iter(output.split(b"\0"))
    for part in parts:
        if part:
            yield part
        if part.startswith(b"2 "):
            next(parts, None)


def _config(found: Checkout) -> dict[str, str]:
    config: dict[str, str] = {}
    for key, value in checkout.settings(found):
        # The first url of a remote is the one that git fetches from; of the rest the last counts.
        if not (key.startswith("remote.") and key in config):
            config[key] = value
    return config


def _is_tracked(found: Checkout, script: str) -> bool:
    known = checkout.is_tracked(found, script)
    if known is None:
        args = ("--literal-pathspecs", "ls-files", "-z", "--", script)
        known = bool(_Question(found.top, args).answer())
    return known


def _url(config: dict[str, str], branch: str | None) -> str | None:
    """The address of origin, of the branch's remote, of any: the first that others can reach."""
    wanted = ["remote.origin.url", f"remote.{config.get(f'branch.{branch}.remote')}.url"]
    wanted += [key for key in config if re.fullmatch(r"remote\..*\.url", key)]
    urls = (config[key] for key in wanted if key in config)
    return next((url for url in map(_recorded_url, urls) if url), None)


def _recorded_url(url: str) -> str | None:
    """Return `url` as it may be recorded; None for a folder of this machine."""
    if _NETWORK_URL.fullmatch(url):
        return visible(without_credentials(url).partition("?")[0].partition("#")[0])
    return visible(url) if _SCP_URL.fullmatch(url) and "::" not in url else None


def _uncommitted_sources(status: _Status, missing_script: str | None) -> list[bytes]:
    found = {path for path in status.untracked if path.lower().endswith(_SOURCE_ENDINGS)}
    if missing_script is not None:
        found.add(os.fsencode(missing_script))
    return sorted(found)


def _diff_of_first(top: Path, config: dict[str, str]) -> bytes:
    """Return the changes before the first commit, where there is no HEAD to compare with."""
    empty = _EMPTY_TREE[config.get("extensions.objectformat", "sha1")]
    return _Question(top, (*_DIFF, empty, "--")).answer()


def _diff_digest(top: Path, changes: bytes, sources: list[bytes]) -> Digest:
    total = hashlib.sha256(changes)
    for path in sources:
        total.update(path + b"\0" + _file_digest(top / os.fsdecode(path)) + b"\n")
    return Digest("sha256", total.hexdigest())


def _file_digest(path: Path) -> bytes:
    """The SHA-256 in hexadecimal: of a link its target, as git would record it."""
    try:
        content = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot read the untracked source '{visible(str(path))}': "
            f"{(error.strerror or str(error)).lower()}",
            hint="commit it, or name it in .gitignore if it took no part",
        ) from error
    return hashlib.sha256(content).hexdigest().encode("ascii")


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
