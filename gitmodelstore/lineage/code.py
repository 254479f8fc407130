"""The code that trained a version: repository, commit, and whether that is the truth.

A commit id alone lies when the sources were changed after it, so the changes are
looked for and digested. Only git knows them; it is asked through its own program.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gitmodelstore.errors import GitFailed, InvalidInput
from gitmodelstore.lineage import visible, without_credentials
from gitmodelstore.plumbing import checkout, git
from gitmodelstore.plumbing.checkout import Checkout
from gitmodelstore.plumbing.training import has_commit
from gitmodelstore.values.diff import SourceChange
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Code

_SOURCE_ENDINGS = (b".py", b".ipynb")
_NETWORK_URL = re.compile(r"(?:https?|ssh|git|git\+ssh|ssh\+git|ftps?)://.+", re.IGNORECASE)
_SCP_URL = re.compile(r"(?:[^/@:\s]+@)?[^/@:\s]{2,}:(?!//).+")

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
# Of `git diff`, which nobody's settings may change, since the patch is digested.
_DIFF_OPTIONS = (
    "--binary",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--no-relative",
    "--no-indent-heuristic",
    "--diff-algorithm=myers",
    "--unified=3",
    "--inter-hunk-context=0",
    "--submodule=short",
    "--ignore-submodules=dirty",  # what changed inside of one follows as files
    "-O/dev/null",
)
_DIFF_SETTINGS = (
    "core.quotePath=true",
    "core.compression=1",
    "core.looseCompression=1",  # which git takes for binary patches too
    "diff.suppressBlankEmpty=false",
)
# The tree without files, which git knows without holding it: what a first commit is compared to.
_EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}


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
    of the tracked files and of each such untracked file as a new one, then of each changed
    submodule. It is what `code.diff` holds where that is kept.

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
    with CodeCapture(folder, entry_point) as look:
        return look.result()


class CodeCapture:
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

    def __enter__(self) -> CodeCapture:
        if self._checkout is not None:
            # Most often something has changed, so that git need not wait to be asked what.
            top = self._checkout.top
            self._asked = [_Question(top, _STATUS), _Question(top, _diff_command("HEAD"))]
        return self

    def __exit__(self, *_: object) -> None:
        for question in self._asked:
            question.abandon()

    @property
    def top(self) -> Path | None:
        """The top of the work tree; None where there is no repository."""
        return self._checkout.top if self._checkout else None

    def result(self) -> Code | None:
        """Return what `capture` returns, found out once; `patch` is known from then on."""
        if self._checkout is None:
            return None
        if self._found is None:
            self._found = self._find_out(self._checkout, self._script)
        return self._found

    def _find_out(self, work_tree: Checkout, script: str | None) -> Code:
        about_status, about_diff = self._asked
        status = _parse_status(about_status.answer())
        config = _settings_of(work_tree)
        against, differ = "HEAD", about_diff.answer
        if status.commit is None:
            against = _empty_tree(config)
            differ = _Question.later(work_tree.top, _diff_command(against))
        missing = script if script is not None and not _is_tracked(work_tree, script) else None
        dirty, patch = _changes(work_tree, status, differ, against, missing_script=missing)
        self.patch = patch if dirty else None
        return Code(
            url=_address(config, status.branch),
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

    def __init__(
        self, top: Path, args: tuple[str, ...], extra: Mapping[str, str] | None = None
    ) -> None:
        self._args = args
        self._process = git.start(args, top, extra=extra, training=True)

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
    message = stderr.decode(errors="replace").strip()
    lines = message.splitlines()
    fix = next((line.strip() for line in lines if "git config --global" in line), None)
    return GitFailed(
        f"`git {verb}` failed: {lines[0] if lines else f'exit status {status}'}",
        command="git " + " ".join(args),
        stderr=message,
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
    work_tree: Checkout,
    status: _Status,
    differ: Callable[[], bytes],
    against: str,
    prefix: bytes = b"",
    missing_script: str | None = None,
) -> _Changes:
    """Return what is not committed in a work tree, and in the submodules that it has.

    Args:
        differ: returns how tracked files differ; asked where no source is new.
        against: the commit or tree that the work tree is compared with.
        prefix: its path in the repository that is recorded, with a slash; empty for that one.
        missing_script: the entry point, where the commit lacks it.
    """
    sources = _uncommitted_sources(status, missing_script)
    if sources:
        parts = [_with_new_files(work_tree, sources, _diff_command(against, os.fsdecode(prefix)))]
    else:
        parts = [differ()] if status.has_changes else []
    inside = [_changes_inside(work_tree.top, *changed, prefix) for changed in status.submodules]
    parts += [changes.patch for changes in inside]
    dirty = status.has_changes or bool(sources) or any(changes.dirty for changes in inside)
    return _Changes(dirty, b"".join(parts))


def _with_new_files(work_tree: Checkout, sources: list[bytes], command: tuple[str, ...]) -> bytes:
    """Return what `git diff` prints where untracked sources are files that somebody means to add.

    They are added to a copy of the index, by name alone: nothing is written in the repository.
    """
    with tempfile.TemporaryDirectory() as folder:
        names, index = Path(folder, "names"), Path(folder, "index")
        names.write_bytes(b"\0".join(sources))
        with contextlib.suppress(FileNotFoundError):  # before the first `git add`
            # With its time: git compares by content what is no older than the index.
            shutil.copy2(work_tree.git_dir / "index", index)
        there = str(work_tree.common_dir / "objects").replace("\\", r"\\").replace('"', r"\"")
        aside = {
            "GIT_INDEX_FILE": str(index),
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{there}"',  # quoted: a colon ends a name
        }
        intend = ("--literal-pathspecs", "add", "--intent-to-add", "--force")
        listed = (f"--pathspec-from-file={names}", "--pathspec-file-nul")
        try:
            _Question(work_tree.top, (*intend, *listed), aside).answer()
            return _Question(work_tree.top, command, aside).answer()
        except GitFailed as error:
            reason = error.stderr.splitlines()[:1] or [str(error)]
            raise InvalidInput(
                f"cannot read the untracked sources: {reason[0].partition(': ')[2] or reason[0]}",
                hint="commit them, or name them in .gitignore if they took no part",
            ) from None


def _changes_inside(top: Path, path: bytes, before: str | None, prefix: bytes) -> _Changes:
    """Return what the files of a submodule differ by from those of the commit `before`.

    Where the submodule lacks that commit, as a shallow one may, from its own commit: that it is
    another one is known from the repository around it.
    """
    folder, prefix = top / os.fsdecode(path), prefix + path + b"/"
    work_tree = checkout.find(folder)
    if work_tree is None or work_tree.top != Path(
        os.path.realpath(folder)
    ):  # not checked out, or gone
        return _Changes(dirty=False, patch=b"")
    status = _parse_status(_Question(folder, _STATUS).answer())
    if before != status.commit:
        status = status._replace(has_changes=True)
    against = before or _empty_tree(_settings_of(work_tree))
    if before not in (None, status.commit) and not has_commit(folder, before):
        against = "HEAD"
    args = _diff_command(against, os.fsdecode(prefix))
    return _changes(work_tree, status, _Question.later(folder, args), against, prefix)


def _diff_command(against: str, prefix: str = "") -> tuple[str, ...]:
    """Return the arguments of git that print how the work tree differs, paths after `prefix`."""
    settings = (argument for setting in _DIFF_SETTINGS for argument in ("-c", setting))
    prefixes = (f"--src-prefix=a/{prefix}", f"--dst-prefix=b/{prefix}")
    # A recording must not disturb a commit that is being made.
    return (*settings, "--no-optional-locks", "diff", *_DIFF_OPTIONS, *prefixes, against, "--")


def _is_tracked(work_tree: Checkout, script: str) -> bool:
    answer = checkout.is_tracked(work_tree, script)
    if answer is None:
        args = ("--literal-pathspecs", "ls-files", "-z", "--", script)
        answer = bool(_Question(work_tree.top, args).answer())
    return answer


def _uncommitted_sources(status: _Status, missing_script: str | None) -> list[bytes]:
    paths = {path for path in status.untracked if path.lower().endswith(_SOURCE_ENDINGS)}
    if missing_script is not None:
        paths.add(os.fsencode(missing_script))
    return sorted(paths)


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


def _settings_of(work_tree: Checkout) -> dict[str, str]:
    """Return the repository's own configuration, as git reads it."""
    config: dict[str, str] = {}
    for key, value in checkout.settings(work_tree):
        # The first url of a remote is the one that git fetches from; of the rest the last counts.
        if not (key.startswith("remote.") and key in config):
            config[key] = value
    return config


def _empty_tree(config: dict[str, str]) -> str:
    return _EMPTY_TREE[config.get("extensions.objectformat", "sha1")]


def _address(config: dict[str, str], branch: str | None) -> str | None:
    """Return the address of origin, of the branch's remote, of any: the first others can reach."""
    wanted = ["remote.origin.url", f"remote.{config.get(f'branch.{branch}.remote')}.url"]
    wanted += [key for key in config if re.fullmatch(r"remote\..*\.url", key)]
    urls = (config[key] for key in wanted if key in config)
    return next((url for url in map(_recorded_url, urls) if url), None)


def _recorded_url(url: str) -> str | None:
    """Return `url` as it may be recorded; None for a folder of this machine."""
    if _NETWORK_URL.fullmatch(url):
        return visible(without_credentials(url).partition("?")[0].partition("#")[0])
    return visible(url) if _SCP_URL.fullmatch(url) and "::" not in url else None


# What happened between two commits of a training repository, as its own git tells it.


MOST_COMMITS = 1000  # of one side; more are years of work, and nobody reads them

_OFFLINE = ("-c", "protocol.allow=never", "--no-optional-locks")  # a partial clone would fetch
_NUMSTAT = ("--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")


@dataclass(frozen=True, slots=True)
class Between:
    """What lies between two commits.

    Attributes:
        commits: those that only the second has, newest first, as id and subject.
        left_out: those that only the first has, in the same way.
        files: what differs between the two.
    """

    commits: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    files: tuple[SourceChange, ...]


def holds(folder: Path, *commits: str) -> bool:
    """Return whether the repository around `folder` has each of the commits, by full ids."""
    work_tree = checkout.find(folder)
    if work_tree is None:
        return False
    try:
        for commit in commits:
            git.run(*_OFFLINE, "cat-file", "-e", f"{commit}^{{commit}}", cwd=work_tree.top)
    except GitFailed:
        return False
    return True


def between(folder: Path, first: str, second: str) -> Between:
    """Return what lies between two commits of the repository around `folder`.

    Raises:
        GitFailed: git cannot tell, as in a clone that lacks part of the history.
    """
    work_tree = checkout.find(folder)
    if work_tree is None:
        raise GitFailed(
            f"there is no repository around '{folder}'",
            hint="name the training repository: --code DIR",
        )
    return Between(
        _commits(work_tree.top, first, second),
        _commits(work_tree.top, second, first),
        tuple(_files(work_tree.top, first, second)),
    )


def _commits(top: Path, without: str, of: str) -> tuple[tuple[str, str], ...]:
    log = ("log", f"--max-count={MOST_COMMITS}", "--format=%H %s", "-z", "--no-show-signature")
    output = git.run(*_OFFLINE, *log, f"{without}..{of}", "--", cwd=top)
    lines = output.decode("utf-8", "replace").split("\0")
    pairs = (line.partition(" ") for line in lines if line)
    return tuple((commit, visible(subject)) for commit, _, subject in pairs)


def _files(top: Path, first: str, second: str) -> list[SourceChange]:
    output = git.run(*_OFFLINE, "diff", *_NUMSTAT, first, second, "--", cwd=top)
    changes = []
    for line in output.decode("utf-8", "replace").split("\0"):
        if line:
            added, removed, path = line.split("\t", 2)
            changes.append(SourceChange(visible(path), _count(added), _count(removed)))
    return changes


def _count(text: str) -> int | None:
    """Return a number of lines; None for the dash of a binary file."""
    return None if text == "-" else int(text)
