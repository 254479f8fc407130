"""The code that trained a version: repository, commit, and whether the commit says it all."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from gitmodelstore.errors import GitFailed, InvalidInput
from gitmodelstore.lean import NamedTuple, replace
from gitmodelstore.lineage import public_url, spelled_out
from gitmodelstore.plumbing import checkout, git
from gitmodelstore.plumbing.checkout import Checkout, has_commit
from gitmodelstore.values.diff import CodeChange, SourceChange
from gitmodelstore.values.fields import Digest
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
    """What `git status` says: see "Porcelain Format Version 2" in git help status."""

    commit: str | None  # None before the first one
    branch: str | None  # None with a detached head
    has_changes: bool  # of tracked files, what lies in submodules apart
    untracked: tuple[bytes, ...]  # paths that git does not ignore
    submodules: tuple[tuple[bytes, str | None], ...]  # that differ, with the commit in HEAD


def capture(folder: Path, entry_point: Path | None = None) -> Code | None:
    """Return what `CodeCapture` finds; None if `folder` is in no repository."""
    with CodeCapture(folder, entry_point) as look:
        return look.result()


class CodeCapture:
    """The git repository around `folder`; git works while Python does something else.

    `dirty` means that tracked files differ from the commit, or that it lacks source: an untracked
    `*.py` or `*.ipynb` that is not ignored, or the entry point. Other untracked files, such as what
    training writes, do not count. `diff` is the SHA-256 of the patch that makes the work tree out
    of the commit: tracked files, new source, then each changed submodule. Files that git was told
    to overlook are overlooked. An innermost repository, such as a submodule, stands for itself.

    Raises GitFailed if git refuses the repository, InvalidInput if a source cannot be read.
    """

    def __init__(self, folder: Path, entry_point: Path | None) -> None:
        self.patch: bytes | None = None  # of what is uncommitted, once the result is known
        self._code: Code | None = None
        self._entry_point = entry_point
        self._checkout = checkout.find(folder)
        self._questions: list[_Question] = []

    def __enter__(self) -> CodeCapture:
        if self.top is not None:
            # Most often something has changed, so that git need not wait to be asked what.
            commands = (_STATUS, _diff_command("HEAD"))
            self._questions = [_Question(self.top, command) for command in commands]
        return self

    def __exit__(self, *_: object) -> None:
        for question in self._questions:
            question.abandon()

    @property
    def top(self) -> Path | None:
        """The top of the work tree; None outside a repository."""
        return self._checkout.top if self._checkout else None

    def result(self) -> Code | None:
        """Find out, once, what to record; from then on `patch` is known."""
        if self._code is None and self._checkout is not None:
            self._code = self._find_out(self._checkout)
        return self._code

    def _find_out(self, work_tree: Checkout) -> Code:
        status = _parse_status(self._questions[0].answer())
        config = _settings_of(work_tree)
        script = shown = None
        if self._entry_point is not None:
            script = _relative(self._entry_point, work_tree.top)
            shown = spelled_out(script or self._entry_point.name)
        missing = script if script and not _is_tracked(work_tree, script) else None
        if status.commit is None:
            patch = _changes(work_tree, status, _empty_tree(config), missing_script=missing)
        else:
            differs = self._questions[1]
            patch = _changes(work_tree, status, "HEAD", missing_script=missing, differs=differs)
        self.patch = patch
        return Code(
            url=_address(config, status.branch),
            commit=status.commit,
            branch=None if status.branch is None else spelled_out(status.branch),
            dirty=patch is not None,
            diff=None if patch is None else Digest.of(patch),
            entry_point=shown,
        )


def entry_point() -> Path | None:
    """Return the script or the notebook that runs; None for an installed program, as `pytest`."""
    # VS Code (`__vsc_ipynb_file__`) and IPython under Jupyter (`__session__`) note the notebook in
    # its own namespace.
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

    def answer(self) -> bytes:
        stdout, stderr = self._process.communicate()
        status = self._process.returncode
        if not status:
            return stdout
        verb = next(arg for arg in self._args if arg.isalpha() or arg == "ls-files")
        message = stderr.decode(errors="replace").strip()
        lines = message.splitlines()
        fix = next((line.strip() for line in lines if "git config --global" in line), None)
        raise GitFailed(
            f"`git {verb}` failed: {lines[0] if lines else f'exit status {status}'}",
            command="git " + " ".join(self._args),
            stderr=message,
            hint=f"run `{fix}`" if fix else None,
        )

    def abandon(self) -> None:
        """Kill git if it is still running, because its answer is no longer needed."""
        if self._process.stdout and not self._process.stdout.closed:
            self._process.kill()
            self._process.communicate()


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
    against: str,
    prefix: bytes = b"",
    *,
    missing_script: str | None = None,
    differs: _Question | None = None,
) -> bytes | None:
    """Return the patch of what is not committed, in submodules too; None for nothing.

    `against`: the commit or tree to compare with; `prefix`: its path in the recorded repository;
    `missing_script`: the entry point if the commit lacks it; `differs`: a running question to git.
    """
    command = _diff_command(against, os.fsdecode(prefix))
    sources = {path for path in status.untracked if path.lower().endswith(_SOURCE_ENDINGS)}
    if missing_script is not None:
        sources.add(os.fsencode(missing_script))
    parts: list[bytes | None] = []
    if sources:
        parts.append(_with_new_files(work_tree, sorted(sources), command))
    elif status.has_changes:
        parts.append((differs or _Question(work_tree.top, command)).answer())
    parts += [_changes_inside(work_tree.top, *changed, prefix) for changed in status.submodules]
    patches = [patch for patch in parts if patch is not None]
    return b"".join(patches) if patches else None


def _with_new_files(work_tree: Checkout, sources: list[bytes], command: tuple[str, ...]) -> bytes:
    """Return what `git diff` prints with untracked sources added by name to a copy of the index."""
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        names, index = Path(folder, "names"), Path(folder, "index")
        names.write_bytes(b"\0".join(sources))
        with contextlib.suppress(FileNotFoundError):  # before the first `git add`
            # With its time: git compares the content of what is not older than the index.
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


def _changes_inside(top: Path, path: bytes, before: str | None, prefix: bytes) -> bytes | None:
    """Return how a submodule differs from the commit `before`, or from its own if it lacks that."""
    folder = top / os.fsdecode(path)
    work_tree = checkout.find(folder)
    if work_tree is None or work_tree.top != Path(os.path.realpath(folder)):
        return None  # it is not checked out, or gone
    status = _parse_status(_Question(folder, _STATUS).answer())
    if before != status.commit:
        status = status._replace(has_changes=True)
    against = before or _empty_tree(_settings_of(work_tree))
    if before not in (None, status.commit) and not has_commit(folder, before):
        against = "HEAD"
    return _changes(work_tree, status, against, prefix + path + b"/")


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


def _relative(script: Path, top: Path) -> str | None:
    """Return the script's path in the repository, None if it is outside or not there."""
    # Only the folder is resolved: git records a link as itself, not as what it points to.
    whole = Path(os.path.realpath(script.parent)) / script.name
    if not whole.is_relative_to(top) or not whole.is_file():
        return None
    return whole.relative_to(top).as_posix()


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
    return next((url for url in map(public_url, urls) if url), None)


# What happened between two commits of a training repository, as its own git tells it.


MOST_COMMITS = 1000  # of one side; more are years of work, and nobody reads them

_OFFLINE = ("-c", "protocol.allow=never", "--no-optional-locks")  # a partial clone would fetch
_NUMSTAT = ("--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color")


def top_with(folder: Path, *commits: str) -> Path | None:
    """Return the top of the repository around `folder` if it has each commit, by full ids."""
    work_tree = checkout.find(folder)
    if work_tree is None:
        return None
    try:
        for commit in commits:
            git.run(*_OFFLINE, "cat-file", "-e", f"{commit}^{{commit}}", cwd=work_tree.top)
    except GitFailed:
        return None
    return work_tree.top


def with_between(change: CodeChange, top: Path, first: str, second: str) -> CodeChange:
    """Return a change with what lies between two commits; GitFailed where git cannot tell."""
    return replace(
        change,
        commits=_commits(top, first, second),
        left_out=_commits(top, second, first),
        files=tuple(_files(top, first, second)),
    )


def _commits(top: Path, without: str, of: str) -> tuple[tuple[str, str], ...]:
    log = ("log", f"--max-count={MOST_COMMITS}", "--format=%H %s", "-z", "--no-show-signature")
    output = git.run(*_OFFLINE, *log, f"{without}..{of}", "--", cwd=top)
    lines = output.decode("utf-8", "replace").split("\0")
    pairs = (line.partition(" ") for line in lines if line)
    return tuple((commit, spelled_out(subject)) for commit, _, subject in pairs)


def _files(top: Path, first: str, second: str) -> Iterator[SourceChange]:
    output = git.run(*_OFFLINE, "diff", *_NUMSTAT, first, second, "--", cwd=top)
    for line in filter(None, output.decode("utf-8", "replace").split("\0")):
        added, removed, path = line.split("\t", 2)
        yield SourceChange(spelled_out(path), _count(added), _count(removed))


def _count(text: str) -> int | None:
    """Return a number of lines; None for the dash of a binary file."""
    return None if text == "-" else int(text)
