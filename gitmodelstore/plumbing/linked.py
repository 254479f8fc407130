"""Work trees of somebody's repository at one commit, made for a while and taken away again.

The repository gets an entry in its `worktrees` folder meanwhile (git help worktree), and
nothing else of it changes. Its hooks do not run; its filters do, such as that of git-lfs,
since without them the files would not be those that trained.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from gitmodelstore.errors import GitFailed
from gitmodelstore.plumbing import git

_GITLINK = b"160000"


def has_commit(repository: Path, commit: str) -> bool:
    """Return whether a repository holds a commit.

    Raises:
        GitFailed: git cannot be started, or `repository` is none that it takes.
    """
    git.run("rev-parse", "--git-dir", cwd=repository)
    done = git.start(("cat-file", "-e", f"{commit}^{{commit}}"), repository)
    done.communicate()
    return done.returncode == 0


def is_shallow(repository: Path) -> bool:
    """Return whether a repository's history was cut off when it was cloned."""
    return git.run("rev-parse", "--is-shallow-repository", cwd=repository).strip() == b"true"


class LinkedTrees:
    """The work trees that were added, to be removed together.

    Attributes:
        lacking: paths of submodules that are empty, since the repository has not checked
            them out, or lacks the commit.
    """

    def __init__(self) -> None:
        self.lacking: list[str] = []
        self._made: list[tuple[Path, Path]] = []

    def add(self, repository: Path, commit: str, place: Path, name: str = "") -> None:
        """Check a commit out into a new folder, with the submodules that are checked out here.

        Args:
            repository: a folder of the repository; its top where it has a work tree.
            commit: id of the commit.
            place: the new folder.
            name: path of the submodule that the repository is; empty for the outermost.

        Raises:
            GitFailed: git could not do it.
        """
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
            note = _note(place)
            try:
                _run(("worktree", "remove", "--force", "--force", str(place)), repository)
            except BaseException as error:  # somebody has been there first, or cannot wait
                shutil.rmtree(place, ignore_errors=True)
                if note is not None:
                    shutil.rmtree(note, ignore_errors=True)
                if not isinstance(error, GitFailed):
                    self.remove()
                    raise


def apply(patch: bytes, place: Path) -> None:
    """Change the files of a work tree as a patch says.

    Raises:
        GitFailed: it does not fit.
    """
    if not patch:
        return
    options = ("-c", "apply.ignoreWhitespace=no", "apply", "--whitespace=nowarn", "-")
    _run(options, place, patch)


def _gitlinks(place: Path, commit: str) -> list[tuple[str, str]]:
    """Return path and commit of each submodule of a commit."""
    listed = git.run("ls-tree", "-r", "-z", commit, cwd=place).split(b"\0")
    parts = [entry.partition(b"\t") for entry in listed if entry.startswith(_GITLINK)]
    return [(os.fsdecode(path), facts.split()[2].decode("ascii")) for facts, _, path in parts]


def _note(place: Path) -> Path | None:
    """Return the folder in which the repository keeps what belongs to a work tree."""
    try:
        said = (place / ".git").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    folder = Path(said.strip().removeprefix("gitdir: "))
    return folder if folder.parent.name == "worktrees" else None


def _run(args: tuple[str, ...], cwd: Path, given: bytes | None = None) -> None:
    environment = git.environment()  # of a training repository, as in `git.start`
    del environment["GIT_LFS_SKIP_SMUDGE"]
    try:
        process = subprocess.Popen(
            git.command(*args),
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # Ctrl-C is ours to hand on: git tidies up when it is asked to end
        )
    except OSError as error:
        raise GitFailed(f"git cannot be started: {error.strerror}") from None
    try:
        _, stderr = process.communicate(given)
    except BaseException:  # Ctrl-C: git is asked to end, and takes back what it has begun
        process.terminate()
        process.communicate()
        raise
    if process.returncode:
        said = stderr.decode(errors="replace").strip()
        verb = next(arg for arg in args if arg.isalpha())
        raise GitFailed(
            f"`git {verb}` failed: {said.partition(chr(10))[0] or process.returncode}",
            command="git " + " ".join(args),
            stderr=said,
        )
