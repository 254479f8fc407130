"""What the judge needs to see of a repository.

Commands and the library see it through libgit2 (`plumbing/repository.py`), hooks
through the git program (`plumbing/cat_file.py`), which needs no package and knows
the quarantine of a push and the index of a commit in the making.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from gitmodelstore.values.objects import Commit, Entry, Tag


class Objects(Protocol):
    """A repository, read object by object.

    Attributes:
        dates: by id of a commit the date at which it counts, as far as that was asked
            (`checks.history.effective_date`).
    """

    dates: dict[str, datetime]

    def commit(self, oid: str) -> Commit:
        """Return a commit.

        Raises:
            MissingObject, IntegrityError: it is not here, is damaged, or no commit.
        """
        ...

    def entries(self, tree: str) -> Mapping[str, Entry]:
        """Return the entries of a tree by name.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def content(self, oid: str, path: str) -> bytes:
        """Return the bytes of a file; `path` is its name for the error.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def size(self, oid: str, path: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def sha256(self, oid: str, path: str) -> str:
        """Return the SHA-256 of a file, as 64 hexadecimal digits.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def raw(self, oid: str) -> bytes:
        """Return the content of a commit or tag as git keeps it, signature and all.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def between(self, old: str, new: str) -> Sequence[str]:
        """Return the commits in the history of `new` that are not in that of `old`, oldest first.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def graph(self, *tips: str) -> Sequence[tuple[str, Sequence[str]]]:
        """Return commits with their parents, parents before children.

        Those behind the tips, down to a commit that is behind all of them; all where there
        is none such.

        Raises:
            MissingObject, IntegrityError: as in `commit`.
        """
        ...

    def setting(self, name: str) -> str | None:
        """Return a value of git's configuration, None when it is not set."""
        ...

    def tag(self, name: str) -> Tag | None:
        """Return the annotated tag of that name that stands on a commit; None without one."""
        ...

    def large_file(self, sha256: str) -> int | None:
        """Return the size of a Git LFS object that lies beside the repository, None without.

        Raises:
            IntegrityError: its content has another SHA-256.
        """
        ...

    @property
    def keeps_large_files(self) -> bool:
        """Whether Git LFS objects lie beside this repository, so that one may be missed."""
        ...
