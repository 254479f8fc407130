"""The training repository: its checkout and commits, commands run there, and uv beside it."""
# Files of documented formats are read without git, whose process costs a tenth of registering a
# small pipeline. What calls for git's judgement (changed, ignored) is git's to say.

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from gitmodelstore.errors import CannotReproduce, GitFailed, reason_of
from gitmodelstore.lean import TYPE_CHECKING, NamedTuple, dataclass
from gitmodelstore.plumbing import git, processes
from gitmodelstore.plumbing.files import configuration_files, linked_to, refusal

if TYPE_CHECKING:
    import subprocess

    import pygit2

NEEDED = ("objects", "refs")  # folders of a git directory
_MOST_COMMITS, _MOST_IN_ALL = 100, 2000  # looked at behind a ref, and of a repository


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree: its top folder, its git directory, and the one that it shares with others."""

    top: Path
    git_dir: Path
    common_dir: Path


def find(folder: Path) -> Checkout | None:
    """Return the innermost work tree around `folder`; None where there is none."""
    here = Path(os.path.realpath(folder))
    for candidate in (here, *here.parents):
        mark = candidate / ".git"
        if git_dir := linked_to(mark):  # in linked work trees and submodules
            return Checkout(candidate, git_dir, common_dir(git_dir))
        if (mark / "HEAD").exists():
            return Checkout(candidate, mark, common_dir(mark))
    return None


def brings(folder: Path, name: str) -> bool:
    """Whether a repository has, or had, a file of that name at its top."""
    # Its branches' last hundred commits and the tags of versions are asked: work tree and
    # configuration are anybody's.
    for above in (folder, *folder.parents):
        git_dir = _git_dir(above)
        if git_dir is not None and _has_had(common_dir(git_dir), name):
            return True
    return False


def _git_dir(folder: Path) -> Path | None:
    """Return the git directory of a work tree, or the folder itself where it is one."""
    mark = folder / ".git"
    places = (place for place in (mark, folder) if (place / "HEAD").is_file())
    return linked_to(mark) or next(places, None)


def _has_had(git_dir: Path, name: str) -> bool:
    import pygit2

    try:
        repository = pygit2.Repository(str(git_dir))
        theirs = ("refs/heads/", "refs/remotes/")
        listed = repository.listall_references()
        refs = [ref for ref in listed if ref.startswith(theirs) or "@v" in ref]
    except (pygit2.GitError, OSError, ValueError):
        return False
    visited: set[pygit2.Oid] = set()
    return any(
        len(visited) < _MOST_IN_ALL and _on_the_way(repository, ref, name, visited)
        for ref in ("HEAD", *refs)
    )


def _on_the_way(
    repository: pygit2.Repository, ref: str, name: str, visited: set[pygit2.Oid]
) -> bool:
    """Whether the commit of a ref, or one of a hundred before it, has the file."""
    import pygit2

    try:
        commit = repository.references[ref].peel(pygit2.Commit)
        for _ in range(_MOST_COMMITS):
            if commit.id in visited:
                return False
            visited.add(commit.id)
            if name in commit.tree:
                return True
            commit = commit.parents[0]
    except (pygit2.GitError, OSError, KeyError, ValueError, IndexError):
        pass  # there is no such commit, or none before it
    return False


def locate(place: Path) -> Path | None:
    """Return the git directory that `place` is, or lies in, however damaged; None for none."""
    here = place.absolute()
    for folder in (here, *here.parents):
        mark = folder / ".git"
        if mark.is_dir():
            return mark
        if git_dir := linked_to(mark):  # whatever is left of that, and what it belongs to
            return git_dir.parent.parent if git_dir.parent.name == "worktrees" else git_dir
        if len(_held(folder)) > 2:
            return folder
    return None


def top_of(place: Path) -> Path | None:
    """Return the work tree or git directory, however damaged, of a place; None for none."""
    for folder in (place, *place.parents):
        mark = folder / ".git"
        is_closed = not os.access(mark, os.X_OK)
        if os.path.isfile(mark) or (os.path.isdir(mark) and (_held(mark) or is_closed)):
            return folder
        if len(_held(folder)) > 2:
            return folder.parent if folder.name == ".git" else folder
    return None


def _held(folder: Path) -> list[str]:
    return [name for name in ("HEAD", "config", *NEEDED) if os.path.lexists(folder / name)]


def common_dir(git_dir: Path) -> Path:
    """Return the directory that linked work trees share (git help repository-layout)."""
    note = git_dir / "commondir"
    return (git_dir / note.read_text().strip()).resolve() if note.exists() else git_dir


def plain(place: Path) -> tuple[Path, Path | None] | None:
    """Return git directory and work tree of a repository as git itself makes it.

    None for one that libgit2 must look at: of somebody else, a linked work tree, damaged.
    """
    top = Path(os.path.realpath(place))
    git_dir = top / ".git" if (top / ".git").is_dir() else top
    try:
        is_own = {os.stat(top).st_uid, os.stat(git_dir).st_uid} == {os.geteuid()}
        parts = {entry.name for entry in os.scandir(git_dir)}
    except (OSError, AttributeError) as error:
        if refused := refusal(error, f"'{place}'"):
            raise refused from None
        return None
    if not is_own or not parts.issuperset(("config", *NEEDED)) or "commondir" in parts:
        return None
    if not (git_dir / "HEAD").is_file():
        return None
    settings = dict(read_config([git_dir / "config"]) or ())
    format_ = settings.pop("core.repositoryformatversion", "")
    settings.pop("extensions.partialclone", None)
    if format_ not in ("0", "1") or "core.worktree" in settings:
        return None
    if any(name.startswith("extensions.") for name in settings):
        return None
    if settings.get("core.bare") == "true" and git_dir == top:
        return git_dir, None
    if settings.get("core.bare") == "false" and git_dir.name == ".git":
        return git_dir, git_dir.parent
    return None


# Git's configuration, in its files. Source: git help config.

_ESCAPED = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}


def plain_config(
    common_dir: Path, state: object, pairs: list[tuple[str, str]] | None
) -> tuple[object, list[tuple[str, str]] | None]:
    """Return what tells that files have changed, and what they say; None where libgit2 must read.

    `state`, `pairs`: what was returned before, which is so again where nothing has changed.
    """
    others = configuration_files()
    if others is None:
        return None, None
    paths = (*others, f"{common_dir}/config")
    now = (paths, *map(_identity, paths))
    return now, pairs if now == state else read_config(map(Path, paths))


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def setting_name(name: str) -> str:
    """Return the name of a setting as it is compared: only its middle has capital letters."""
    section, _, rest = name.partition(".")
    middle, dot, key = rest.rpartition(".")
    return f"{section.lower()}.{middle}{dot}{key.lower()}"


def read_config(paths: Iterable[Path]) -> list[tuple[str, str]] | None:
    """Return names and values that files say, in their order; None of what is not plain."""
    pairs: list[tuple[str, str]] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            if refused := refusal(error, f"'{path}'"):
                raise refused from None
            return None
        section = ""
        for line in filter(None, map(str.strip, lines)):
            if line[0] in "#;":
                continue
            begun = _section(line)
            key, equals, text = line.partition("=")
            value = _value(text.strip())
            if begun is not None and not begun.startswith("include"):
                section = begun
            elif section and equals and _is_key(key.strip()) and value is not None:
                pairs.append((section + key.strip().lower(), value))
            else:
                return None
    return pairs


def _section(line: str) -> str | None:
    """Return what names have before them in the section that a line begins; None if it does not.

    By hand, as commands would compile a pattern for these lines alone.

    >>> _section('[remote "Origin"]'), _section("[core]"), _section("[core")
    ('remote.Origin.', 'core.', None)
    """
    if line[0] != "[" or line[-1] != "]":
        return None
    title, has_middle, rest = line[1:-1].partition('"')
    name = title.rstrip(" \t") if has_middle else title
    middle = rest[:-1]
    if has_middle and (name == title or rest[-1:] != '"' or '"' in middle or "\\" in middle):
        return None
    if not name.isascii() or not name.replace("-", "a").isalnum():
        return None
    return f"{name.lower()}.{middle}." if has_middle else f"{name.lower()}."


def _is_key(text: str) -> bool:
    return text[:1].isalpha() and text.isascii() and text.replace("-", "a").isalnum()


def _value(text: str) -> str | None:
    if not any(special in text for special in '"\\#;'):
        return text
    value, quoted, letters = "", False, iter(text)
    for letter in letters:
        if letter == "\\":
            letter = _ESCAPED.get(next(letters, ""), "")
            if not letter:  # the value goes on in the next line, or is damaged
                return None
        elif letter == '"':
            quoted = not quoted
            continue
        elif letter in "#;" and not quoted:
            return None if '"' in text or "\\" in text else value.rstrip()
        value += letter
    return None if quoted else value


def settings(checkout: Checkout) -> Iterator[tuple[str, str]]:
    """Yield names and values of the repository's own configuration, in their order."""
    path = checkout.common_dir / "config"
    plain = read_config([path])
    if plain is not None:
        yield from plain
        return
    import pygit2

    try:
        for entry in pygit2.Config(str(path)):
            yield entry.name, entry.value or ""
    except (pygit2.GitError, OSError, ValueError) as error:
        raise GitFailed(f"'{path}' cannot be read: {error}") from None


def is_tracked(checkout: Checkout, path: str) -> bool | None:
    """Return whether the index holds `path`; None where only git itself can read that index."""
    index = checkout.git_dir / "index"
    if not index.exists():
        return False
    import pygit2

    try:
        return path in pygit2.Index(str(index))
    except (pygit2.GitError, OSError, ValueError):
        return None  # split, sparse, or of a repository with sha256 ids


# Work trees of somebody's repository at one commit, made for a while and taken away again.

_GITLINK = b"160000"


def has_commit(repository: Path, commit: str) -> bool:
    """Return whether a repository holds a commit."""
    git.run("rev-parse", "--git-dir", cwd=repository)
    done = git.start(("cat-file", "-e", f"{commit}^{{commit}}"), repository)
    done.communicate()
    return done.returncode == 0


def is_shallow(repository: Path) -> bool:
    """Return whether a repository's history was cut off when it was cloned."""
    return git.run("rev-parse", "--is-shallow-repository", cwd=repository).strip() == b"true"


class LinkedTrees:
    """The work trees that were added, to be removed together."""

    def __init__(self) -> None:
        self.lacking: list[str] = []  # submodules that are not checked out, or lack the commit
        self._made: list[tuple[Path, Path]] = []

    def add(self, repository: Path, commit: str, place: Path, name: str = "") -> None:
        """Check a commit out into a new folder; `name`: path of a submodule, "" the outermost."""
        self._made.append((repository, place))
        _run(("worktree", "add", "--quiet", "--detach", str(place), commit), repository)
        for path, pinned in _gitlinks(place, commit):
            inner, inside = repository / path, f"{name}{path}"
            if (inner / ".git").exists() and has_commit(inner, pinned):
                self.add(inner, pinned, place / path, f"{inside}/")
            else:
                self.lacking.append(inside)

    def remove(self) -> None:
        """Remove every work tree, and what the repositories note of it."""
        while self._made:
            repository, place = self._made.pop()
            note = linked_to(place / ".git")
            try:
                _run(("worktree", "remove", "--force", "--force", str(place)), repository)
            except BaseException as error:  # somebody has been there first, or cannot wait
                import shutil

                shutil.rmtree(place, ignore_errors=True)
                if note is not None and note.parent.name == "worktrees":
                    shutil.rmtree(note, ignore_errors=True)
                if not isinstance(error, GitFailed):
                    self.remove()
                    raise


def apply(patch: bytes, place: Path) -> None:
    """Change the files of a work tree as a patch says."""
    if not patch:
        return
    options = ("-c", "apply.ignoreWhitespace=no", "apply", "--whitespace=nowarn", "-")
    _run(options, place, patch)


def _gitlinks(place: Path, commit: str) -> list[tuple[str, str]]:
    listed = git.run("ls-tree", "-r", "-z", commit, cwd=place).split(b"\0")
    parts = [entry.partition(b"\t") for entry in listed if entry.startswith(_GITLINK)]
    return [(os.fsdecode(path), facts.split()[2].decode("ascii")) for facts, _, path in parts]


def _run(args: tuple[str, ...], cwd: Path, data: bytes | None = None) -> None:
    from subprocess import PIPE

    stdin = None if data is None else PIPE
    # Large files are wanted; to the end, since git tidies up when it is asked to.
    extra = {"GIT_LFS_SKIP_SMUDGE": "0"}
    with processes.running(
        lambda: git.start(args, cwd, training=True, to_the_end=True, extra=extra, stdin=stdin)
    ) as process:
        _, stderr = process.communicate(data)
    git.check(process.returncode, args, stderr.partition(b"\n")[0])


# Somebody's command, run in a folder, with some variables of the environment set by us.

_STDERR = 2


class Surroundings(NamedTuple):
    """Where commands find their programs and modules."""

    programs: Path  # folder of `python` and the programs that are installed beside it
    modules: Sequence[Path]  # folders that come first on the path of Python
    variables: Mapping[str, str]  # what else the environment says

    def environment(self) -> dict[str, str]:
        """Return this process's environment, changed so; what names a repository is gone."""
        environment = git.surroundings()
        environment["PATH"] = _before(self.programs, environment.get("PATH", os.defpath))
        for folder in reversed(self.modules):
            environment["PYTHONPATH"] = _before(folder, environment.get("PYTHONPATH", ""))
        return {**environment, **self.variables}


def run(command: Sequence[str], folder: Path, surroundings: Surroundings) -> int:
    """Run a command and return its exit status; it prints to stderr, and ends when we do."""
    with _running(command, folder, surroundings, _STDERR, None) as process:
        return process.wait()


def ask(command: Sequence[str], folder: Path, surroundings: Surroundings) -> tuple[int, str, str]:
    """Run a command to its end and return its exit status and what it printed."""
    from subprocess import PIPE

    with _running(command, folder, surroundings, PIPE, PIPE) as process:
        outputs = [output.decode(errors="replace") for output in process.communicate()]
    return process.returncode, outputs[0], outputs[1]


def _running(
    command: Sequence[str],
    folder: Path,
    surroundings: Surroundings,
    stdout: int,
    stderr: int | None,
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    environment = surroundings.environment()
    words = [_program(command[0], environment["PATH"]), *command[1:]]

    def start() -> subprocess.Popen[bytes]:
        try:
            return processes.start(words, cwd=folder, env=environment, stdout=stdout, stderr=stderr)
        except OSError as error:
            raise CannotReproduce(
                f"'{command[0]}' cannot be started: {reason_of(error)}",
                hint="write the command after --, as in: -- python train.py",
            ) from None

    return processes.running(start)


def _program(name: str, path: str) -> str:
    """Return where a program is on a path that is not ours; its name where it is nowhere."""
    from shutil import which

    return name if os.sep in name else which(name, path=path) or name


def _before(folder: Path, path: str) -> str:
    return os.pathsep.join(part for part in (str(folder), path) if part)


# uv, the program, which makes a recorded environment again.

PROGRAM = "uv"


class UvFailed(Exception):
    """uv could not make the environment; the last line of its output."""


def find_uv() -> str | None:
    """Return where uv is; None where it is not installed."""
    import shutil

    beside = str(Path(sys.executable).parent)
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path=beside)


def make(program: str, folder: Path, python: str, requirements: str) -> Path:
    """Make an environment and return the folder of its programs."""
    listed = folder.with_suffix(".txt")
    listed.write_text(requirements, encoding="utf-8")
    minor = ".".join(python.split(".")[:2])
    venv = [program, "venv", "--quiet", "--no-project", str(folder), "--python"]
    try:
        _run_uv([*venv, python], folder.parent)
    except UvFailed:
        _run_uv([*venv, minor], folder.parent)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    install = [program, "pip", "install", "--quiet", "--no-deps", "--python", str(folder)]
    _run_uv([*install, "--requirements", str(listed)], folder.parent)
    return programs


def _run_uv(command: list[str], folder: Path) -> None:
    import subprocess

    options = {"cwd": folder, "env": git.surroundings(), "stderr": subprocess.PIPE}
    options |= {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    try:
        with processes.running(lambda: processes.start(command, **options)) as process:
            _, errors = process.communicate()
    except OSError as error:
        raise UvFailed(reason_of(error)) from None
    if code := process.returncode:
        lines = errors.decode(errors="replace").strip().splitlines()
        message = next((line.strip() for line in lines if line.strip(" ×│╰─▶")), "")
        raise UvFailed(message.strip("× ").removeprefix("error: ") or f"exit status {code}")
