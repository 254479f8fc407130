"""A model's folder that somebody edited in the work tree, and that becomes a version as it is.

Its files stay on the disk throughout: first what is staged of it is taken back, so that
the rest of the work tree can move, and in the end the index gets the new version, and
those files that were made anew (the manifest, the card) are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.errors import GitFailed
from gitmodelstore.plumbing import git, interrupts, worktree
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.worktree import WorkTree
from gitmodelstore.values.layout import REGISTRY


@dataclass(frozen=True, slots=True)
class Handmade:
    """The folder of a model in a work tree of the branch.

    Attributes:
        tree: the work tree.
        path: of the folder in it, as "models/churn".
        before: name to the SHA-256 of what was read; a file that holds something else by then
            stays.
        until: how long to wait for a git that holds the index, as `time.monotonic` has it.
    """

    tree: WorkTree
    path: str
    before: Mapping[str, str]
    until: float = 0.0

    def unstage(self) -> None:
        """Take back what is staged of the folder; its files stay as they are.

        Raises:
            GitFailed: git cannot write the index.
        """
        self._git("reset", "--quiet", "--", self.path)

    def restore(self, path: str) -> None:
        """Let another file of the work tree be what its branch has.

        Raises:
            GitFailed: git cannot write it.
        """
        self._git("checkout", "--quiet", "HEAD", "--", path)

    def adopt(self, after: Mapping[str, bytes | None]) -> None:
        """Stage the folder as the branch has it now, and write what was made anew.

        Args:
            after: name to the bytes that the branch has, of the files that may differ;
                None for one that it has not.

        Raises:
            GitFailed, CannotWrite: it could not be; the version is there.
        """
        self._git("reset", "--quiet", "--", self.path)
        for name, data in after.items():
            file = self.tree.folder / self.path / name
            found = _sha256(file) if file.is_file() else None
            wanted = None if data is None else hashlib.sha256(data).hexdigest()
            if found == self.before.get(name) and found != wanted:
                with writing(file):
                    if data is None:
                        file.unlink()
                    else:
                        file.write_bytes(data)
                        with suppress(PermissionError):  # another user's
                            self.tree.sharing.adjust(file)
        self._git("update-index", "-q", "--refresh")

    def _git(self, *args: str) -> None:
        """Run a git that writes the index, to its end, when no other git has it."""
        for _ in interrupts.tries(self.until):
            try:
                git.run(*args, cwd=self.tree.folder, to_the_end=True, umask=self._umask)
            except GitFailed as error:
                refused = error
                if "index.lock': File exists" not in error.stderr:
                    raise
            else:
                return
        raise refused

    @property
    def _umask(self) -> int | None:
        return self.tree.sharing.umask()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def registry_alone(repository: Repository, old: str, new: str) -> str:
    """Return the root tree of the commit `old` with the registry.json of `new`."""
    before, after = (repository.commit(oid).tree for oid in (old, new))
    return repository.write_tree(before, {REGISTRY: repository.entry(after, REGISTRY)})


def find(repository: Repository, folder: Path) -> tuple[WorkTree, str] | None:
    """Return work tree and path of a folder that is a model's in a work tree of the branch.

    None for any other folder: a copy, or one of a work tree with another branch.
    """
    for tree in worktree.on_branch(repository):
        try:
            path = folder.resolve().relative_to(tree.folder.resolve())
        except ValueError:
            continue
        if len(path.parts) == 2 and path.parts[0] == "models":
            return tree, path.as_posix()
    return None
