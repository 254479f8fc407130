"""A repository as the git program reads it, for hooks: no package is needed.

One `git cat-file --batch` answers every question, in the environment of the hook, so that it sees
the objects of a push in quarantine. Source: git-cat-file and gitformat-commit.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from itertools import islice

from gitmodelstore.errors import GitFailed, IntegrityError, damaged, lacking
from gitmodelstore.lean import cached_property, dataclass
from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.git import TYPE_CHECKING, Git
from gitmodelstore.values.names import (
    LARGE_FILES,
    MANIFEST,
    MODELS,
    REGISTRY,
    SETTINGS,
    large_file_path,
)
from gitmodelstore.values.objects import (
    Commit,
    Entry,
    Tag,
    TreeReader,
    is_oid,
    parse_commit,
    parse_tag,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    from gitmodelstore.plumbing.loose import Packs

    Answer = TypeVar("Answer")

_CHUNK = 1 << 20
_STREAMED = "core.bigFileThreshold=1m"  # larger files git hands out as it reads them
_MOST_ENTRIES = 200_000  # of trees, in memory
_SMALL_BYTES = 1 << 16
_MANY_REGISTRIES = 50  # of as many git need not take the time to hand out each
_ASKED_AT_ONCE = 100  # so many ids fit into any pipe, however long git does not read it


class CatFile:
    """A repository, read through git (`checks.history.Objects`); `fetch`: what is missing, too."""

    def __init__(self, folder: Path, *, inherit: bool, fetch: bool = True) -> None:
        self.folder = folder
        self.inherit = inherit
        self._fetch = fetch
        self._git: Git | None = None
        self._listing: Git | None = None
        self._commits: dict[str, Commit] = {}
        self.dates: dict[str, datetime | None] = {}
        self._trees: dict[str, Mapping[str, Entry]] = {}
        self._entries = 0  # of these trees
        self._tag_objects: dict[str, Tag | None] = {}
        self._ahead: dict[str, tuple[str, bytes]] = {}  # kind and content of what is asked next
        self._registries = 0  # how many were read
        self._reader = TreeReader()
        self._large: dict[str, int | None] = {}
        self.hashed: Callable[[str], str | None] | None = None  # knows the SHA-256 of some files
        self.wants_large_files = False  # even where none is, as in a clone without Git LFS
        self.pushed_tags: dict[str, str] = {}  # name to id: tags that a push is about to set

    def begin(self) -> None:
        """Let git start while the caller has other things to do."""
        self._converse()
        self._listing = self._list_settings()

    def run(self, *args: str) -> str:
        """Run `git ARGS` there and return what it printed."""
        return git.run(*args, cwd=self.folder, inherit=self.inherit).decode(
            errors="surrogateescape"
        )

    def setting(self, name: str) -> str | None:
        """Return a value of git's configuration, None if it is not set."""
        section, _, key = name.rpartition(".")
        return self.settings.get(f"{section.lower()}.{key.lower()}")

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """Git's configuration; the last value of a name counts, and a name alone means true."""
        if not self.inherit:
            return {name: "true" if value is None else value for _, name, value in self._scoped}
        listing = self._listing or self._list_settings()
        pairs = (line.partition("\n") for line in listing.answer().split("\0"))
        return {name: value if separator else "true" for name, separator, value in pairs}

    @cached_property
    def _scoped(self) -> list[tuple[bool, str, str | None]]:
        return list(git.scoped(self.folder))

    def _list_settings(self) -> Git:
        where = ("-C", os.fspath(self.folder))
        return Git(*where, "config", "--list", "-z", environment=git.environment(inherit=True))

    def kept_date(self, _: str) -> None:
        """Return nothing: hooks of a server read the history itself."""

    def commit(self, oid: str) -> Commit:
        if oid not in self._commits:
            data = self._read(oid, f"commit {oid}", "commit")
            try:
                self._commits[oid] = parse_commit(oid, data)
            except ValueError as error:
                raise damaged(f"commit {oid}", error) from None
        return self._commits[oid]

    def entries(self, tree: str) -> Mapping[str, Entry]:
        if tree not in self._trees:
            made = self._reader.read(self._read(tree, f"tree {tree}", "tree"))
            self._entries += len(made)
            if self._entries > _MOST_ENTRIES:
                self._trees.clear()
                self._entries = len(made)
            self._trees[tree] = made
        return self._trees[tree]

    def content(self, oid: str, path: str) -> bytes:
        if path == REGISTRY and oid not in self._ahead:
            self._registries += 1
            if self._registries > _MANY_REGISTRIES and self._packs is not None:
                data = self._packs.read_text(oid)
                if data is not None:
                    return data
        return b"".join(self._parts(oid, path, "blob"))

    @cached_property
    def _packs(self) -> Packs | None:
        from pathlib import Path

        from gitmodelstore.plumbing.loose import Packs  # takes some milliseconds

        packs = Packs(Path(self.common_dir, "objects"))
        with suppress(IntegrityError):
            packs.check()
            return packs
        return None

    def size(self, oid: str, path: str) -> int:
        if oid in self._ahead:
            kind, data = self._ahead[oid]
            _check_kind(kind, "blob", path)
            return len(data)
        kind, size = self._ask(f"info {oid}", oid, path)
        _check_kind(kind, "blob", path)
        return size

    def sha256(self, oid: str, path: str) -> str:
        hexdigest = self.hashed(oid) if self.hashed else None
        if hexdigest is not None:
            return hexdigest
        digest = hashlib.sha256()
        for part in self._parts(oid, path, "blob"):
            digest.update(part)
        return digest.hexdigest()

    def raw(self, oid: str) -> bytes:
        return b"".join(self._parts(oid, oid, None))

    def named(self, name: str) -> tuple[str, bytes] | None:
        """Return kind and content of what a name means to git; None if it is not here."""
        self._say(f"contents {name}\n", name)
        return self._content(name)

    def read_ahead(self, oids: Iterable[str]) -> None:
        """Read objects that are asked for next, all at once; large or damaged ones are left.

        To wait for git takes as long as to read ten of them. They replace those read ahead before.
        """
        known = (self._ahead, self._commits, self._trees, self._tag_objects, self.left_out)
        new = [oid for oid in dict.fromkeys(oids) if not any(oid in objects for objects in known)]
        self._ahead, small = {}, list[str]()
        with suppress(IntegrityError):  # which is said where that is asked for
            for oid, head in self._in_bulk("info", new, self._head):
                if head[-1] != "missing" and int(head[2]) <= _SMALL_BYTES:
                    small.append(oid)
            for oid, answer in self._in_bulk("contents", small, lambda oid, _: self._content(oid)):
                if answer is not None:
                    self._ahead[oid] = answer

    def _in_bulk(
        self, question: str, oids: Sequence[str], answer: Callable[[str, str], Answer]
    ) -> Iterator[tuple[str, Answer]]:
        """Yield what git answers about each object; many are asked for before the first is read."""
        for start in range(0, len(oids), _ASKED_AT_ONCE):
            some = oids[start : start + _ASKED_AT_ONCE]
            self._say("".join(f"{question} {oid}\n" for oid in some), some[0])
            for oid in some:
                yield oid, answer(oid, oid)

    def blobs(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield blobs with their bytes, in order, some asked for ahead; None if unreadable."""
        left = iter(oids)
        pending: deque[str] = deque()  # asked for, and not answered
        more: list[str] = []  # to be asked, again where git has ended meanwhile
        while True:
            if len(pending) <= _ASKED_AT_ONCE:
                new = list(islice(left, _ASKED_AT_ONCE))
                pending.extend(new)
                more += new
            if not pending:
                return
            try:
                if more:
                    self._say("".join(f"contents {oid}\n" for oid in more), pending[0])
                    more = []
                answer = self._content(pending[0])
            except IntegrityError:
                answer, more = None, list(pending)[1:]
            yield pending.popleft(), answer[1] if answer else None

    def between(self, old: str, new: str) -> Sequence[str]:
        return self.run("rev-list", "--reverse", "--topo-order", new, f"^{old}", "--").split()

    def graph(self, *tips: str) -> list[tuple[str, list[str]]]:
        return self.commits(*tips, *self.not_before(*tips))

    def commits(self, *revisions: str) -> list[tuple[str, list[str]]]:
        """Return commits with their parents, parents before children, as `git rev-list` picks."""
        order = ("rev-list", "--reverse", "--topo-order", "--parents")
        lines = self.run(*order, *revisions, "--").splitlines()
        return [(oid, parents) for oid, *parents in map(str.split, lines)]

    def not_before(self, *oids: str) -> list[str]:
        """Return arguments of `git rev-list` that end at a commit which is behind all of some."""
        try:
            return [f"^{self.run('merge-base', '--octopus', *oids).strip()}^@"]
        except GitFailed:  # they have nothing in common
            return []

    def has(self, oid: str) -> bool:
        """Whether an object is here."""
        return self.resolve(oid) is not None

    def resolve(self, name: str) -> str | None:
        """Return the id behind a name that git knows, such as HEAD; None if there is none."""
        self._say(f"info {name}\n", name)
        head = self._head(name, name)
        return None if head[-1] == "missing" else head[0]

    def tag(self, name: str) -> Tag | None:
        oid = self.pushed_tags.get(name) or self.tags.get(name)
        return self.tag_object(name, oid) if oid else None

    @cached_property
    def tags(self) -> Mapping[str, str]:
        """Name to id of what each ref of tags holds, as they stood when this was asked first."""
        listed = self.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags/")
        pairs = (line.split(" ", 1) for line in listed.splitlines())
        return {name.removeprefix("refs/tags/"): oid for oid, name in pairs}

    def tag_object(self, name: str, oid: str) -> Tag | None:
        """Return what the object behind a tag's ref says; None if it is not an annotated tag."""
        tag = self.any_tag(oid, f"refs/tags/{name}")
        return tag if tag is not None and tag.name == name else None

    def any_tag(self, oid: str, path: str = "a tag") -> Tag | None:
        """Return what a tag object says, whatever its name; None if it is not on a commit."""
        if oid not in self._tag_objects:
            self._tag_objects[oid] = self._any_tag(oid, path)
        return self._tag_objects[oid]

    def _any_tag(self, oid: str, path: str) -> Tag | None:
        try:
            return parse_tag(oid, self._read(oid, path, "tag"))
        except IntegrityError:
            return None

    def large_file(self, sha256: str) -> int | None:
        if sha256 not in self._large:
            path = f"{self.common_dir}/{large_file_path(sha256)}"
            try:
                with open(path, "rb") as file:
                    digest, size = hashlib.file_digest(file, "sha256"), file.tell()
            except FileNotFoundError:
                digest, size = None, None
            if digest is not None and digest.hexdigest() != sha256:
                what = f"the Git LFS object {sha256} has different content"
                raise IntegrityError(what, path=path)
            self._large[sha256] = size
        return self._large[sha256]

    @property
    def remote_names(self) -> list[str]:
        """The names of the remotes, origin first."""
        names = [
            name.removeprefix("remote.").removesuffix(".url")
            for name in self.settings
            if name.startswith("remote.") and name.endswith(".url")
        ]
        return sorted(names, key=lambda name: name != "origin")

    @cached_property
    def left_out(self) -> frozenset[str]:
        """Ids of what a partial clone has left at its remote: to read it would fetch it."""
        is_partial = "extensions.partialclone" in self.settings or any(
            name.startswith("remote.") and name.endswith(".promisor") and value == "true"
            for name, value in self.settings.items()
        )
        return frozenset(self.lacking("--objects", "--all") if is_partial else ())

    def lacking(self, *revisions: str) -> Iterator[str]:
        """Yield the ids of what is not here of what `git rev-list` picks."""
        for line in self.run("rev-list", *revisions, "--missing=print").splitlines():
            if line.startswith("?"):
                yield line[1:]

    @property
    def keeps_large_files(self) -> bool:
        """Whether Git LFS objects lie beside it, or must."""
        return self.wants_large_files or os.path.isdir(f"{self.common_dir}/{LARGE_FILES}")

    @cached_property
    def git_dir(self) -> str:
        """The git directory, absolute."""
        return self.run("rev-parse", "--absolute-git-dir").rstrip("\n")

    @cached_property
    def work_tree(self) -> str | None:
        """The top of the work tree; None in a bare repository, and in a git directory."""
        try:
            return self.run("rev-parse", "--show-toplevel").rstrip("\n") or None
        except GitFailed:
            return None

    @cached_property
    def common_dir(self) -> str:
        """The directory that linked work trees share."""
        path = self.run("rev-parse", "--git-common-dir").rstrip("\n")
        return os.path.join(self.folder, path)

    def close(self) -> None:
        """End the process."""
        if self._git is not None:
            self._git.end()
            self._git = None

    def __enter__(self) -> CatFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, oid: str, path: str, kind: str) -> bytes:
        return b"".join(self._parts(oid, path, kind))

    def _content(self, name: str) -> tuple[str, bytes] | None:
        """Return kind and content of what was asked for; None of what is not here."""
        head = self._head(name, name)
        if head[-1] == "missing":
            return None
        return head[1], b"".join(self._rest(int(head[2]), name, name))

    def _parts(self, oid: str, path: str, kind: str | None) -> Iterator[bytes]:
        """Yield the content of an object of a kind, or of any; all of it must be taken."""
        if oid in self._ahead:
            object_kind, data = self._ahead[oid]
            _check_kind(object_kind, kind or object_kind, path)
            yield data
            return
        object_kind, size = self._ask(f"contents {oid}", oid, path)
        for part in self._rest(size, oid, path):
            if kind in (object_kind, None):
                yield part
        _check_kind(object_kind, kind or object_kind, path)

    def _rest(self, left: int, oid: str, path: str) -> Iterator[bytes]:
        answers = self._converse().answers
        while left:
            part = answers.read(min(left, _CHUNK))
            if not part:
                raise self._broken(oid, path)
            left -= len(part)
            yield part
        answers.read(1)  # a newline ends it

    def _ask(self, question: str, oid: str, path: str) -> tuple[str, int]:
        """Ask git about an object and return its kind and size in bytes."""
        if not is_oid(oid):
            raise IntegrityError(f"{path}: {oid!r} is not an object id", path=path)
        if not self.inherit and oid in self.left_out:
            raise lacking(path, oid)
        self._say(f"{question}\n", oid, path)
        head = self._head(oid, path)
        if head[-1] == "missing":
            raise lacking(path, oid)
        return head[1], int(head[2])

    def _say(self, questions: str, oid: str, path: str = "") -> None:
        try:
            self._converse().questions.write(questions.encode())
        except BrokenPipeError:
            raise self._broken(oid, path or oid) from None

    def _head(self, oid: str, path: str) -> list[str]:
        head = self._converse().answers.readline().decode(errors="replace").split()
        if len(head) != 3 and head[-1:] != ["missing"]:  # id, kind, size
            raise self._broken(oid, path)
        return head

    def _converse(self) -> Git:
        if self._git is None:
            where = ("-C", os.fspath(self.folder), *git.TRUSTING, *git.SPARING, "-c", _STREAMED)
            command = (*where, "cat-file", "--batch-command")
            with self._held():
                self._git = Git(*command, question=None, environment=self._environment())
        return self._git

    def _held(self) -> AbstractContextManager[None]:
        """Return what keeps Ctrl-C from leaving pipes open; a hook ends with it anyway."""
        if self.inherit:
            return nullcontext()
        from gitmodelstore.plumbing.processes import held  # which hooks need not import

        return held()

    def _environment(self) -> dict[str, str]:
        if self.inherit:  # git itself runs there, by the same settings
            return git.environment(inherit=True)
        try:
            return git.environment(git.closed(self._scoped) if self._fetch else git.NO_FETCH)
        except GitFailed:  # a damaged configuration
            return git.environment(git.NO_FETCH)

    def _broken(self, oid: str, path: str) -> IntegrityError:
        """Return the error for an object at which git gave up; the next question starts another."""
        self.close()
        return damaged(path, f"git cannot read {oid}")


def _check_kind(kind: str, wanted: str, path: str) -> None:
    if kind != wanted:
        raise IntegrityError(f"{path}: is a {kind}, expected a {wanted}", path=path)


# How much of a store a clone was asked to hold: what it lacks by request is not damage.

_NO_REMOTE = "REMOTE"
_CI = "on a hosted runner, let the checkout fetch all of it: `fetch-depth: 0`"


@dataclass(frozen=True, slots=True)
class Extent:
    """What a clone does not hold, because it was not asked to."""

    remote: str  # from where it can be had; REMOTE where there is none
    is_shallow: bool
    is_partial: bool  # whether objects of its history are only at the remote
    left_out: int  # how many files are only at the remote
    has_no_tags: bool  # whether the remote's tags are left out
    is_mirror: bool  # whether it takes each ref as the remote has it, so that nobody works here

    @property
    def lacks_history(self) -> str | None:
        """Why its history cannot be judged; None if it can."""
        if self.is_shallow:
            return "this is a shallow clone, without the commits before its border"
        if self.is_partial:
            return "this is a partial clone, and some objects of its history are only on the remote"
        return None

    @property
    def lacks(self) -> str | None:
        """What cannot be judged, history or tags, and why; None if all can."""
        if self.lacks_history is None and self.has_no_tags:
            return "this clone is set to fetch no tags"
        return self.lacks_history

    @property
    def is_copy(self) -> bool:
        """Whether it serves to read, or as a backup, more than to work in."""
        return self.is_mirror or self.is_shallow or self.is_partial or self.left_out > 0

    @property
    def fetch(self) -> str:
        """The command that fetches the rest, with a note for hosted runners."""
        if self.is_shallow:
            return f"`git fetch --unshallow --tags {self.remote}`; {_CI}"
        if self.has_no_tags and not self.is_partial:
            return f"`git fetch --tags {self.remote}`"
        return f"`git fetch --refetch --no-filter {self.remote}`"


WHOLE = Extent(
    _NO_REMOTE, is_shallow=False, is_partial=False, left_out=0, has_no_tags=False, is_mirror=False
)


def extent(objects: CatFile) -> Extent:
    """Return what a clone was asked to hold."""
    settings, remotes = objects.settings, objects.remote_names

    def says(key: str, value: str) -> bool:
        return any(settings.get(f"remote.{remote}.{key}") == value for remote in remotes)

    left_out, lacks_history = _left_out(objects)
    return Extent(
        remotes[0] if remotes else _NO_REMOTE,
        is_shallow=bool(border(objects.common_dir)),
        is_partial=lacks_history,
        left_out=left_out,
        has_no_tags=says("tagopt", "--no-tags"),
        is_mirror=says("mirror", "true"),
    )


def _left_out(objects: CatFile) -> tuple[int, bool]:
    """Return how many files are only at the remote, and whether any is needed for its history."""
    try:
        left_out = objects.left_out
        if not left_out:
            return 0, False
        if any(objects.lacking("--objects", "--all", "--filter=blob:none")):
            return len(left_out), True
        changes = objects.run(*CHANGES, "--all", "--", *METADATA).splitlines()
        return len(left_out), any(line.split()[3] in left_out for line in changes)
    except GitFailed:
        return 0, True


# What the store reads of each commit, and how git lists all that these have ever been.
METADATA = (REGISTRY, SETTINGS, f":(glob){MODELS}/*/{MANIFEST}")
CHANGES = ("log", "--format=", "--raw", "--no-abbrev", "--no-renames", "--full-history", "-m",
           "--root")  # fmt: skip


def border(common_dir: str | Path) -> frozenset[str]:
    """Return the commits of a shallow clone whose parents are not here."""
    try:
        with open(os.path.join(common_dir, "shallow"), encoding="ascii") as file:
            return frozenset(file.read().split())
    except (OSError, UnicodeDecodeError):
        return frozenset()
