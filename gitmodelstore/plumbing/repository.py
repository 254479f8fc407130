"""One git repository, read and written object by object: the one place that uses pygit2."""
# Others ask in terms of ids and paths, and get our errors. How refs move is `refs`' business.
#
# pygit2 takes three times as long to import as Python takes to start. So what is plain is read
# without: loose and packed objects, refs, configuration. libgit2 has the rest: what is odd, of
# which it also says what is wrong, and what comes after the first hundreds of packed objects.

from __future__ import annotations

import os
import re
import sys
import time
from _thread import get_ident
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from itertools import takewhile, zip_longest
from operator import methodcaller
from pathlib import Path

from gitmodelstore.checks.history import ancestors, first_parents, parents_first
from gitmodelstore.errors import (
    CannotWrite,
    CorruptStore,
    DamagedIndex,
    GitFailed,
    IntegrityError,
    MissingObject,
    NotAStore,
    RemoteUnreachable,
    UnsupportedRepository,
    damaged,
    lacking,
    not_fetched,
)
from gitmodelstore.lean import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    TypeVar,
    cached_property,
    dataclass,
    field,
    pattern,
    replace,
)
from gitmodelstore.plumbing import checkout, git, large_files, loose, processes
from gitmodelstore.plumbing.checkout import common_dir
from gitmodelstore.plumbing.files import (
    NO_MACHINE,
    Sharing,
    limit,
    of_somebody_else,
    other_configuration,
    refusal,
)
from gitmodelstore.plumbing.large_files import Content, Stream, Verdicts
from gitmodelstore.plumbing.loose import Packs
from gitmodelstore.values.names import Version, from_seconds, large_file_path
from gitmodelstore.values.objects import (
    FOLDER,
    Commit,
    Entry,
    Tag,
    TreeReader,
    is_oid,
    parse_commit,
    parse_tag,
)

if TYPE_CHECKING:
    import pygit2

    from gitmodelstore.plumbing.signing import Identity
    from gitmodelstore.values.events import Event

_MOST_REMEMBERED = 1 << 14
_MOST_ENTRIES = 1 << 16  # of trees
_MOST_RECENT = 4
_DATES_AT_ONCE = 100  # of the index: who asks for one asks for those before it next, as a list does
_PIECE_BYTES = 1 << 20
_MOST_TRIES = 50  # against prunes that follow one another
_OID_DIGITS = 40
_PACKED_REFS = pattern(rb"(?:#[^\n]*\n|[0-9a-f]{40} refs/[^\n]+\n(?:\^[0-9a-f]{40}\n)?)*")
_MOST_OF_REF = 64  # bytes: more than an id and a newline, so that what is longer is no id
_IN_NAMES = str.maketrans("@+-.", "____")  # of refs, beside letters, digits and underscores
_MOST_UNPACKED = 500  # by then libgit2 would have been faster
_FLAGS = {"true": True, "yes": True, "on": True, "1": True,
          "false": False, "no": False, "off": False, "0": False}  # fmt: skip
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
K = TypeVar("K")
T = TypeVar("T")
Sign = Callable[[bytes], bytes]  # the bytes of a commit or tag to their armored signature


def _damage(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the errors that mean damage, and more; to be called where one was raised."""
    # libgit2 has its own, and may raise any of the last three of a pack's index with wild numbers.
    pygit2 = sys.modules.get("pygit2")
    own = (pygit2.GitError,) if pygit2 else ()
    return (*more, *own, loose.Damaged, ValueError, OSError, MemoryError)


@dataclass(slots=True)
class _Written:
    """What one thread has written since it last let go of it."""

    # id to what each was made of
    objects: dict[str, tuple[loose.Kind, memoryview, int]] = field(default_factory=dict)
    large: list[str] = field(default_factory=list)  # SHA-256 of Git LFS objects
    secured: list[str] = field(default_factory=list)  # what must be there when the write is done


_left_behind: list[object] = []  # what belongs to the process that this one was forked from


class Repository:
    """An open repository. A copy of it, in another process too, opens itself when it is used.

    Attributes:
        git_dir: of this work tree; for a linked one not the same as `common_dir`.
        common_dir: where objects and refs are.
        work_tree: None in a bare repository.
        branch: the full name of the store's branch, or of one beside it, as `beside` makes.
        store: of one with such a branch, the repository that it was made of.
        dates: see `checks.history.Objects`.
        introductions: what was asked: whether a line of commits from one on, or "" for any, has one
            that introduced a version of a model.
        events_of: what happened to a version up to a commit.
        sharing: who else may use what is written there.
        meter: takes each line of git's own meter where a remote is touched.
    """

    store: Repository | None = None
    meter: Callable[[str], None] | None = None
    keeps_index = True  # whether to keep what follows from the history in the git directory

    def __init__(
        self, git_dir: Path, work_tree: Path | None, handle: pygit2.Repository | None = None
    ) -> None:
        self._begin(handle)
        self.git_dir = git_dir
        self.common_dir = common_dir(git_dir)
        self._common = str(self.common_dir)  # which takes as long to make as a file to open
        self._objects = f"{self._common}/objects"
        self._packs = Packs(self.common_dir / "objects")
        self.work_tree = work_tree
        self.branch = f"refs/heads/{self.setting('store.branch') or 'main'}"
        self.sharing = Sharing.of(self.setting("core.sharedRepository"))

    def _begin(self, handle: pygit2.Repository | None) -> None:
        """Begin to remember; without a handle it is opened when it is asked for."""
        self._opened = handle
        self._forks = processes.count()
        self._commits: dict[str, Commit] = {}  # by id, so never out of date
        self._trees: dict[str, Mapping[str, Entry]] = {}
        self._entries_kept = 0  # in all of these
        self._reader = TreeReader()
        self._tags: dict[str, Tag | None] = {}
        self._written: dict[int, _Written] = {}  # by thread
        self._tended = 0
        self._facts: dict[str, tuple[str, int]] = {}  # SHA-256 and size of files
        self._recent: dict[str, bytes] = {}
        self._packed_refs: tuple[object, dict[str, str]] = None, {}
        self._packed_well: object = None  # when packed-refs was last seen to be whole
        self._config: tuple[object, list[tuple[str, str]] | None] = None, None
        self._unpacked = 0  # objects that were read from packs without libgit2
        self.dates: dict[str, datetime | None] = {}
        self.events: dict[str, list[Event]] = {}  # of commits
        self.introductions: dict[tuple[str, str, str, Version], bool] = {}
        self.events_of: dict[tuple[str, str, Version], Sequence[Event]] = {}

    @property
    def _handle(self) -> pygit2.Repository:
        if self._opened is None or self._forks != processes.count():
            _left_behind.append(self._opened)  # to free it may wait for a thread that is not here
            self._opened = _opened(self.work_tree or self.git_dir)
            self._forks = processes.count()
            self._written = {}
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        """Return where it is: what is remembered of it is found out again."""
        names = ("git_dir", "common_dir", "_common", "_objects", "work_tree", "branch", "sharing")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._packs = Packs(self.common_dir / "objects")
        self._begin(None)

    @property
    def branch_name(self) -> str:
        """The name of the store's branch without refs/heads/."""
        return self.branch.removeprefix("refs/heads/")

    def beside(self, branch: str) -> Repository:
        """Return the same repository with another branch, on which to write what has no tags."""
        from copy import copy

        made = copy(self)
        made.branch, made.store = branch, self
        return made

    @classmethod
    def open(cls, path: Path) -> Repository:
        """Open the repository at `path`: a work tree, a git directory, or a bare repository."""
        plain = checkout.plain(path)
        return cls(*plain) if plain else cls._of(_opened(path))

    @classmethod
    def discover(cls, path: Path) -> Repository:
        """Open the repository around `path`."""
        return cls._of(_opened(path, search=True))

    @classmethod
    def _of(cls, handle: pygit2.Repository) -> Repository:
        work_tree = Path(handle.workdir) if handle.workdir else None
        return cls(Path(handle.path), work_tree, handle)

    @classmethod
    def init(cls, path: Path, *, bare: bool, branch: str) -> Repository:
        """Make a repository with sha1 ids and loose refs, or take an empty one."""
        import pygit2
        from pygit2.enums import RepositoryOpenFlag

        with writing(path):
            try:
                handle = pygit2.Repository(str(path), RepositoryOpenFlag.NO_SEARCH)
            except pygit2.GitError:
                handle = pygit2.init_repository(str(path), bare=bare, initial_head=branch)
            handle.set_head(f"refs/heads/{branch}")
        made = cls._of(handle)
        made._share_all()
        return made

    def _share_all(self) -> None:
        """Give what libgit2 made the permissions that a shared repository has."""
        if self.sharing.bits:
            with writing(self.git_dir):
                for place in (self.git_dir, *self.git_dir.rglob("*")):
                    with suppress(PermissionError):  # another user's
                        self.sharing.adjust(place)

    @property
    def is_empty(self) -> bool:
        """Whether no ref exists yet."""
        return not self.names_below("refs/")

    def setting(self, name: str, *, kind: str = "") -> str | None:
        """Return a value of git's configuration and environment; None when it is not set.

        `kind`: "bool" spells it "true" or "false" where git itself is asked, "" leaves it as it is.
        """
        plain = self._plain_settings()
        if git.is_said(name) or (plain is None and self._misses_files()):
            return git.setting(name, self.common_dir, kind=kind)
        if plain is None:
            return self.kept_setting(name)
        return dict(plain).get(checkout.setting_name(name))

    def kept_setting(self, name: str) -> str | None:
        """Return the same without what the environment of this process says."""
        return dict(self._settings()).get(checkout.setting_name(name))

    def _settings(self) -> list[tuple[str, str]]:
        """Return names and values of git's configuration; the last value of a name counts."""
        plain = self._plain_settings()
        if plain is None:
            return [(one.name, one.value or "true") for one in self._handle.config]
        return plain

    def _plain_settings(self) -> list[tuple[str, str]] | None:
        self._config = checkout.plain_config(self.common_dir, *self._config)
        return self._config[1]

    def _misses_files(self) -> bool:
        """Whether the environment names other files than libgit2 reads, which has to read them."""
        names = other_configuration()
        if not names:
            return False
        if names != [NO_MACHINE]:
            return True
        import pygit2

        try:
            pygit2.Config.get_system_config()
        except OSError:
            return False
        return True

    def flag(self, name: str) -> bool:
        """Return a value of git's configuration that is true or false; False when it is not set."""
        try:
            value = self.setting(name, kind="bool")
            if value is None or value.lower() in _FLAGS:
                return value is not None and _FLAGS[value.lower()]
            return bool(self._handle.config.get_bool(name))
        except _damage(GitFailed) as error:
            if refused := refusal(error, f"git's setting {name}"):
                raise refused from None
            raise GitFailed(
                f"git's setting {name} is neither true nor false", hint=f"git config {name} true"
            ) from None

    def may_say(self, *names: str) -> bool:
        """Whether git's configuration or environment may set one of some values."""
        plain = self._plain_settings()
        if plain is None or any(map(git.is_said, names)):
            return True
        return not {name for name, _ in plain}.isdisjoint(map(checkout.setting_name, names))

    def configure(self, settings: Mapping[str, str | None]) -> None:
        """Set values in the repository's own configuration, or take back those that are None.

        libgit2 does not see at once what git has taken back there meanwhile.
        """
        config = self._handle.config
        for name, value in settings.items():
            if value is None:
                del config[name]
            else:
                config[name] = value
        with suppress(PermissionError):  # another user's
            self.sharing.adjust(self.common_dir / "config")

    # Refs

    def head(self, ref: str) -> str | None:
        """Return the commit that a branch stands on, None when there is no such branch."""
        try:
            target = self._plain_ref(ref)
            if target is None:
                target = str(self._handle.references[ref].resolve().target)
        except KeyError:
            return None
        except _damage() as error:
            if refused := refusal(error, ref):
                raise refused from None
            raise CorruptStore(
                f"{ref} cannot be read: {error}",
                hint=f"see where it was with `git reflog show {ref.removeprefix('refs/heads/')}`, "
                "or fetch it from an intact clone",
            ) from None
        return self.commit(target).oid

    def ref(self, name: str) -> str | None:
        """Return the id that a ref holds; None without one, or of an empty file (a power cut)."""
        try:
            return self._plain_ref(name) or str(self._handle.references[name].target)
        except KeyError:
            return None
        except _damage() as error:
            if refused := refusal(error, name):
                raise refused from None
            path = self.common_dir / name
            if path.is_file() and path.stat().st_size == 0:
                return None
            raise IntegrityError(
                f"{name} cannot be read: it holds no id",
                path=name,
                hint=f"remove the file '{path}', then fetch the ref from an intact clone",
            ) from None

    def _plain_ref(self, name: str) -> str | None:
        """Return the id that a ref holds; KeyError without one, None where libgit2 must see it."""
        if not _is_plain_ref(name):
            return None
        try:
            with open(f"{self._common}/{name}", "rb", 0) as file:
                text = file.read(_MOST_OF_REF).decode(errors="replace").removesuffix("\n")
            return text if is_oid(text) else None
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            oid = self._packed().get(name)
            if oid is not None:
                return oid if is_oid(oid) else None
            if self._is_packed_well() and os.path.isdir(self._objects):
                raise KeyError(name) from None
            return None

    def _packed(self) -> dict[str, str]:
        """Return the refs in packed-refs, with their ids, as that file stands."""
        path = f"{self._common}/packed-refs"
        try:
            if large_files.identity(os.stat(path)) == self._packed_refs[0]:
                return self._packed_refs[1]
            with open(path, "rb", 0) as file:
                state = large_files.identity(os.fstat(file.fileno()))
                text = file.read().decode(errors="surrogateescape")
        except FileNotFoundError:
            return {}
        lines = (line for line in text.split("\n") if line and line[0] not in "#^")
        named = (line.partition(" ")[::2] for line in lines)
        self._packed_refs = state, {name: oid for oid, name in named}
        return self._packed_refs[1]

    def _is_packed_well(self) -> bool:
        """Whether packed-refs is as git writes it, so that a ref that is not there is nowhere."""
        state = self._packed_refs[0]
        if state is not None and state != self._packed_well:
            with suppress(FileNotFoundError):
                if not _PACKED_REFS.fullmatch((self.common_dir / "packed-refs").read_bytes()):
                    return False
            self._packed_well = state
        return True

    def set_ref(self, name: str, oid: str) -> None:
        """Let a ref hold an id; not durable, so only for refs that do not count."""
        folder = (self.common_dir / name).parent
        with writing(folder):
            self.sharing.make_folder(folder)
            self._handle.references.create(name, oid, force=True)

    def tag_names(self) -> set[str]:
        """Return the names of all tags, without refs/tags/; none of them is opened."""
        return self.names_below("refs/tags/")

    def names_below(self, top: str) -> set[str]:
        """Return the names of the refs in a folder of them, without it; none of them is opened."""
        names = {ref[len(top) :] for ref in self._packed() if ref.startswith(top)}
        for folder, _, files in os.walk(self.common_dir / top):
            below = os.path.relpath(folder, self.common_dir / top)
            within = "" if below == os.curdir else f"{below}/"
            names.update(within + name for name in files if not name.endswith(".lock"))
        return names

    def tags_state(self) -> tuple[object, ...] | None:
        """Return what differs once a tag came, went or moved; None where that cannot be told yet.

        Tags of others may stand in folders of their own, which have times of their own.
        """
        began_ns, states = time.time_ns(), []
        with suppress(OSError):
            states.append(os.stat(f"{self.common_dir}/refs/tags"))
            with suppress(FileNotFoundError):
                states.append(os.stat(f"{self.common_dir}/packed-refs"))
            newest = max(max(one.st_mtime_ns, one.st_ctime_ns) for one in states)
            if states[0].st_nlink == 2 and began_ns - newest > large_files.SETTLED_NS:
                return tuple(map(large_files.identity, states))
        return None

    def tag(self, name: str) -> Tag | None:
        """Return an annotated tag that stands on a commit; None for no tag or any other kind."""
        oid = self.ref(f"refs/tags/{name}")
        if oid is None:
            return None
        if oid not in self._tags:
            with _reading(f"refs/tags/{name}"):
                self.remember(self._tags, oid, self._read_tag(name, oid))
        return self._tags[oid]

    def _read_tag(self, name: str, oid: str) -> Tag | None:
        kind, data = self._object(oid)
        tag = parse_tag(oid, data) if kind == "tag" else None
        if tag is None:
            return None
        if tag.commit not in self._commits and self._object(tag.commit)[0] != "commit":
            return None
        return replace(tag, name=name)

    # Reading

    def commit(self, oid: str) -> Commit:
        """Return a commit."""
        commit = self._commits.get(oid)
        if commit is None:
            commit = self._read_commit(oid)
            self.remember(self._commits, oid, commit)
        return commit

    def kept_date(self, oid: str) -> datetime | None:
        """Return from when a commit counts as far as the index knows; None if it does not."""
        from gitmodelstore.plumbing import index

        if self.keeps_index:
            with suppress(DamagedIndex):  # which who asks for events removes
                known = index.ask(self.common_dir, methodcaller("dates", oid, _DATES_AT_ONCE))
                for one, seconds in (known or {}).items():
                    self.dates.setdefault(one, from_seconds(seconds))
        return self.dates.get(oid)

    def _read_commit(self, oid: str) -> Commit:
        with _reading(f"commit {oid}"):
            kind, data = self._object(oid)
            if kind == "commit":
                return self._parsed(oid, data)
        raise IntegrityError(f"{oid} is not a commit", path=oid)

    def _parsed(self, oid: str, data: bytes) -> Commit:
        commit = parse_commit(oid, data)
        return replace(commit, parents=()) if oid in self.border else commit

    def take_commit(self, oid: str, data: bytes | None) -> Commit:
        """Return a commit that git has read among many others; None where it could not."""
        if data is None:
            return self.commit(oid)
        with _reading(f"commit {oid}"):
            commit = self._parsed(oid, data)
        self.remember(self._commits, oid, commit)
        return commit

    def raw(self, oid: str) -> bytes:
        """Return the content of a commit or tag object as git keeps it, signature and all."""
        with _reading(oid):
            return bytes(self._object(oid)[1])

    def find_commit(self, prefix: str) -> str | None:
        """Return the commit whose id begins with `prefix`; None for none or several."""
        try:
            if is_oid(prefix) and self._is_here(prefix):
                return prefix if self._object(prefix)[0] == "commit" else None
            for loose_object in Path(self._objects, prefix[:2]).glob(f"{prefix[2:]}*"):
                self._object(prefix[:2] + loose_object.name)
            self._packs.check()
            revision = self._handle.revparse_single(prefix)
        except _damage(KeyError, IntegrityError) as error:
            if refused := refusal(error, f"commit {prefix}"):
                raise refused from None
            return None
        return str(revision.id) if revision.type_str == "commit" else None

    def first_parents(self, oid: str) -> Iterator[Commit]:
        """Yield a commit, its first parent, the first parent of that, and so on."""
        return first_parents(self, oid)

    def is_ancestor(self, oid: str, of: str) -> bool:
        """Whether `oid` is `of` or in its history; libgit2 hangs on a commit cut short."""
        since = self._since_fork(of, oid) if self.find_commit(oid) else None
        if since is not None:
            return not since
        return any(commit.oid == oid for commit in ancestors(self, of))

    def between(self, old: str, new: str) -> list[str]:
        """Return the commits behind `new` that are not behind `old`, oldest first."""
        since = self._since_fork(old, new)
        if since is not None:
            return since
        behind = {commit.oid for commit in ancestors(self, old)}
        return list(parents_first(self, [new], behind))

    def _since_fork(self, old: str, new: str) -> list[str] | None:
        """Return what `between` does from what came since both parted; None if that has a merge."""
        lines: tuple[dict[str, bool], dict[str, bool]] = ({}, {})  # whether each is a merge
        for pair in zip_longest(self.first_parents(new), self.first_parents(old)):
            for line, commit in zip(lines, pair, strict=True):
                if commit is not None:
                    line[commit.oid] = len(commit.parents) > 1
            for commit in pair:
                if commit is not None and all(commit.oid in line for line in lines):
                    since, others = (list(takewhile(commit.oid.__ne__, line)) for line in lines)
                    has_merge = any(map(lines[0].get, since)) or any(map(lines[1].get, others))
                    return None if has_merge else since[::-1]
        return None

    def graph(self, *tips: str) -> list[tuple[str, tuple[str, ...]]]:
        """Return all commits behind some, with their parents: see `checks.history.Objects`."""
        return [(oid, self.commit(oid).parents) for oid in parents_first(self, tips)]

    def entry(self, tree: str, path: str) -> Entry | None:
        """Return what stands at `path` below a tree; None when nothing does."""
        entry: Entry | None = Entry(FOLDER, tree)
        for name in path.split("/"):
            if entry is None or entry.mode != FOLDER:
                return None
            entry = self._entries(entry.oid, path).get(name)
        return entry

    def entries(self, tree: str, path: str = "") -> dict[str, Entry]:
        """Return the entries of a tree, or of the folder at `path` below it, by name."""
        below = self.entry(tree, path) if path else Entry(FOLDER, tree)
        if below is None or below.mode != FOLDER:
            return {}
        return dict(self._entries(below.oid, path or "root tree"))

    def _entries(self, oid: str, path: str) -> Mapping[str, Entry]:
        entries = self._trees.get(oid)
        if entries is None:
            with _reading(path):
                kind, data = self._object(oid)
                if kind != "tree":
                    raise loose.Damaged(f"{oid} is a {kind}, not a tree")
                entries = self._reader.read(data)
            self._remember_tree(oid, entries)
        return entries

    def remember(self, cache: dict[K, T], oid: K, value: T) -> None:
        """Keep what follows from an id, and thus never changes; drop all where it becomes much."""
        if len(cache) >= _MOST_REMEMBERED:
            cache.clear()
        cache[oid] = value

    def _remember_tree(self, oid: str, entries: Mapping[str, Entry]) -> None:
        self._entries_kept += len(entries)
        if self._entries_kept > _MOST_ENTRIES:
            self._trees.clear()
            self._entries_kept = len(entries)
        self._trees[oid] = entries

    def read(self, oid: str, path: str) -> memoryview:
        """Return the bytes of a blob, without a copy; a loose one's are writable, the caller's."""
        own = self._kept(oid)
        if own is not None:
            return own
        with _reading(path):
            with suppress(FileNotFoundError), open(self._loose_path(oid), "rb", 0) as file:
                return loose.read_blob(file, oid)
            kind, data = self._object(oid)
        if kind != "blob":
            raise IntegrityError(f"{path}: not a file", path=path)
        return memoryview(data)

    def _kept(self, oid: str) -> memoryview | None:
        """Return what this thread has just written; None for anything else."""
        own = self._written.get(get_ident())
        return own.objects[oid][1] if own is not None and oid in own.objects else None

    def take(
        self, oid: str, path: str, sha256: str = "", remembered: Verdicts | None = None
    ) -> Content:
        """Return the bytes of a blob for whoever knows their SHA-256: git's id is not checked.

        `remembered`: where it is noted that the file of a large blob was hashed before.
        """
        with self.stream(oid, path, checked=False) as stream:
            return large_files.take(stream, sha256, remembered)

    @contextmanager
    def stream(self, oid: str, path: str, *, checked: bool = True) -> Iterator[Stream]:
        """Yield the bytes of a blob as they come; a small one is read at once."""
        with _reading(path):
            opened = None if self._kept(oid) is not None else self._open(oid, checked=checked)
            if opened is not None:
                file, stream = opened
                with file:
                    yield stream
                return
        yield Stream.of(self.read(oid, path))

    def _open(self, oid: str, *, checked: bool) -> tuple[BinaryIO, Stream] | None:
        """Return the open file of a blob, and its content; None for one that libgit2 must read."""
        try:
            file = open(self._loose_path(oid), "rb", 0)  # noqa: SIM115 - the caller closes it
        except FileNotFoundError:
            self._packs.check()
            return self._packs.open_blob(oid, checked=checked)
        try:
            if os.fstat(file.fileno()).st_size <= loose.MOST_WHOLE_BYTES:
                return file, Stream.of(loose.read_blob(file, oid, checked=checked))
            return file, loose.open_blob(file, oid, checked=checked)
        except BaseException:  # nobody else knows of the file yet
            file.close()
            raise

    def content(self, oid: str, path: str) -> bytes:
        """Return the bytes of a file, as `read`."""
        return bytes(self.read(oid, path))

    def size(self, oid: str, path: str) -> int:
        """Return the size of a file in bytes."""
        return self._fact(oid, path)[1]

    def sha256(self, oid: str, path: str) -> str:
        """Return the SHA-256 of a file, 64 hexadecimal digits."""
        return self._fact(oid, path)[0]

    def know(self, oid: str, sha256: str, size_bytes: int) -> None:
        """Remember what a caller found out about a file while writing it."""
        self.remember(self._facts, oid, (sha256, size_bytes))

    def _fact(self, oid: str, path: str) -> tuple[str, int]:
        if oid not in self._facts:
            with self.stream(oid, path) as stream:
                self.know(oid, large_files.sha256(stream), stream.size_bytes)
        return self._facts[oid]

    def large_file(self, sha256: str) -> int | None:
        """Return the size of a Git LFS object here, or None; loading hashes it again."""
        try:
            return (self.common_dir / large_file_path(sha256)).stat().st_size
        except FileNotFoundError:
            return None

    @property
    def keeps_large_files(self) -> bool:
        """Whether Git LFS objects lie beside this repository: always, where we write them."""
        return True

    def read_again(self, oid: str, path: str) -> bytes:
        """Return the bytes of a blob that is about to be asked for once more."""
        data = self._recent.get(oid)
        if data is None:
            data = bytes(self.read(oid, path))
            while len(self._recent) >= _MOST_RECENT:
                self._recent.pop(next(iter(self._recent)))
            self._recent[oid] = data
        return data

    def _object(self, oid: str) -> tuple[str, Any]:
        """Return kind and content of an object: bytes, or of a blob perhaps a view of them."""
        # libgit2 hangs on one cut short, so we look first.
        try:
            with open(self._loose_path(oid), "rb", buffering=0) as file:
                plain = loose.read(file.read(), oid)
        except FileNotFoundError:
            self._packs.check()
            plain = self._from_pack(oid)
        if plain is not None:
            return plain
        try:
            return self._by_libgit2(oid)
        except KeyError:
            if not loose.restore_pruned(self.common_dir, self.sharing):
                if not self._fetch([oid]):
                    raise
                self._packs.check()
            return self._by_libgit2(oid)

    def _from_pack(self, oid: str) -> tuple[str, bytes] | None:
        if self._opened is not None or self._unpacked == _MOST_UNPACKED:
            return None
        self._unpacked += 1
        return self._packs.read(oid)

    def _by_libgit2(self, oid: str) -> tuple[str, Any]:
        kind, data = self._handle.read(oid)
        return _KINDS[kind], data

    # What a partial clone has left at its remote, and Git LFS at its server

    @property
    def left_out(self) -> frozenset[str]:
        """Nothing: what is not here is fetched when it is read."""
        return frozenset()

    @property
    def remote_names(self) -> list[str]:
        """The names of the remotes that are configured."""
        places = (name for name, _ in self._settings() if name.startswith("remote."))
        kinds = (".url", ".pushurl")
        return sorted({name[7:].rpartition(".")[0] for name in places if name.endswith(kinds)})

    @property
    def border(self) -> frozenset[str]:
        """The commits of a shallow clone whose parents are not here."""
        if not os.path.exists(f"{self._common}/shallow"):
            return frozenset()
        from gitmodelstore.plumbing.cat_file import border

        return border(self.common_dir)

    @property
    def is_mirror(self) -> bool:
        """Whether each fetch makes its refs those of a remote, and drops what was written here."""
        return any(
            name.startswith("remote.") and value == "+refs/*:refs/*"
            for name, value in self._settings()
        )

    @cached_property
    def promisor(self) -> str | None:
        """The remote that has what this clone was not asked to hold; None where it holds all."""
        config = dict(self._settings())
        names = [config.get("extensions.partialclone")]
        for name, value in config.items():
            if name.startswith("remote.") and name.endswith(".promisor") and value == "true":
                names.append(name.removeprefix("remote.").removesuffix(".promisor"))
        return next(filter(None, names), None)

    def bring(self, files: Mapping[str, str]) -> None:
        """Fetch blobs, id to what it is, that a partial clone lacks; NotFetched if it cannot."""
        if self.promisor is None:
            return
        wanted = [oid for oid in files if not self._is_here(oid)]
        try:
            if wanted and self._fetch(wanted):
                self._packs.check()
        except RemoteUnreachable as error:
            raise not_fetched(files[wanted[0]], error, others=len(wanted) - 1) from None

    def _fetch(self, oids: list[str]) -> bool:
        """Fetch what is not here; return whether the remote, if there is one, had it."""
        if self.promisor is None:
            return False
        from gitmodelstore.plumbing.remotes import Remote  # takes 8 ms, which few need

        try:
            Remote(self, self.promisor).fetch_objects(oids)
        except RemoteUnreachable as error:
            if "not our ref" in error.stderr:
                return False
            raise
        return True

    def _loose_path(self, oid: str) -> str:
        return f"{self._objects}/{oid[:2]}/{oid[2:]}"

    # Writing: nothing here is visible until a ref names it

    def write_blob(self, data: bytes | memoryview, *, stored: bool = False) -> str:
        """Store a file and return its id. `stored`: uncompressed, as pipelines are."""
        return self._write("blob", data, loose.STORED if stored else loose.FAST)

    def keep_large_file(self, temporary: Path, sha256: str) -> None:
        """Make a Git LFS object of a file, and see that a prune leaves it."""
        large_files.keep(self.common_dir, temporary, sha256, self.sharing)
        self._own.large.append(sha256)
        loose.keep(self.common_dir, sha256, self.sharing)

    @property
    def _own(self) -> _Written:
        thread = get_ident()
        own = self._written.get(thread)
        if own is None:
            own = self._written[thread] = _Written()
        return own

    def write_file(self, path: Path, size_bytes: int) -> str:
        """Store the bytes of a file as they are, without having it in memory; return their id."""
        pieces = loose.Pieces(size_bytes, partial(_pieces_of, path))
        return self._write("blob", pieces, loose.STORED)

    def forget_written(self) -> None:
        """Let go of the bytes of what this thread has written."""
        self._written.pop(get_ident(), None)

    def written(self, oid: str) -> memoryview | None:
        """Return the bytes of a file that this thread has just written; None of any other."""
        own = self._written.get(get_ident())
        found = own.objects.get(oid) if own is not None else None
        return found[1] if found is not None else None

    def changed(self, old: str | None, new: str) -> Iterator[str]:
        """Yield a tree, and all below it that the tree `old` has not in the same place."""
        if old == new:
            return
        yield new
        before = self._entries(old, "tree") if old else {}
        for name, entry in self._entries(new, "tree").items():
            was = before.get(name)
            if entry == was:
                continue
            if entry.mode == FOLDER:
                yield from self.changed(was.oid if was and was.mode == FOLDER else None, entry.oid)
            else:
                yield entry.oid

    def secure(self, oids: Iterable[str]) -> None:
        """See that objects are here, and safe from prunes, before they are named."""
        self._own.secured = [*oids, *self._own.large]
        for name in self._own.secured:
            if not self._secure(name):
                raise MissingObject(
                    f"object {name} was removed while the commit that needs it was being made",
                    hint="try again when no `git gc` or `git lfs prune` is running",
                )

    def settle(self, until: float) -> None:
        """See that what was secured is here now that it has been named."""
        loose.wait_for_prune(self.common_dir, until)
        for _ in processes.tries(until):
            if not self.revive():
                break

    def revive(self) -> bool:
        """Bring back what was secured and is gone; return whether anything was."""
        gone = [name for name in self._own.secured if not self._is_here(name)]
        return sum(self._bring_back(name) for name in gone) > 0

    def restore(self) -> bool:
        """Bring back what a prune has lately taken; return whether one has come by."""
        return loose.restore_pruned(self.common_dir, self.sharing)

    def tend(self) -> None:
        """Drop the second names of what was written some minutes ago, under the writer lock."""
        self._tended = loose.tend(self.common_dir, self.sharing, self._is_packed, self._tended)

    def _secure(self, name: str) -> bool:
        for _ in range(_MOST_TRIES):
            if loose.keep(self.common_dir, name, self.sharing) or self._is_packed(name):
                return True
            if not self._bring_back(name):
                break
        return False

    def _bring_back(self, name: str) -> bool:
        if name in self._own.objects:
            return bool(self._write(*self._own.objects[name]))
        return loose.restore(self.common_dir, self.sharing)

    def _is_here(self, name: str) -> bool:
        return os.path.exists(loose.place(self.common_dir, name)) or self._is_packed(name)

    def _is_packed(self, name: str) -> bool:
        """Whether a pack holds it, here or in the repository that this one borrows from."""
        if len(name) != _OID_DIGITS:
            return False
        if self._packs.holds(name) or not os.path.exists(f"{self._objects}/info/alternates"):
            return self._packs.holds(name)
        import pygit2

        return name in pygit2.Odb(self._objects)  # a new one: it believes in what it has read once

    def write_tree(self, base: str | None, changes: Mapping[str, Entry | None]) -> str:
        """Store the tree `base` with other entries, None for a removed one; return its id."""
        merged: dict[str, Entry | None] = {**(self.entries(base) if base else {}), **changes}
        entries = {name: entry for name, entry in merged.items() if entry}
        oid = self._write(
            "tree",
            loose.tree_data((name, entry.mode, entry.oid) for name, entry in entries.items()),
        )
        self._remember_tree(oid, entries)
        return oid

    def write_commit(
        self,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        *,
        author: Identity,
        committer: Identity,
        when: datetime,
        authored_at: datetime | None = None,
        sign: Sign | None = None,
    ) -> str:
        """Store a commit that no ref names yet and return its id; `sign` makes its signature."""
        # `authored_at`: when its author wrote it; None for the committer's `when`.
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [
            f"author {author.at(authored_at or when)}",
            f"committer {committer.at(when)}",
            "",
            message,
        ]
        data = "\n".join(lines).encode()
        if sign:
            from gitmodelstore.checks.signatures import with_signature

            data = with_signature(data, sign(data))
        oid = self._write("commit", data)
        self.take_commit(oid, data)
        return oid

    def write_tag(
        self,
        name: str,
        commit: str,
        message: str,
        *,
        tagger: Identity,
        when: datetime,
        sign: Sign | None = None,
    ) -> str:
        """Store an annotated tag that no ref names yet and return its id; `sign` as above."""
        lines = [f"object {commit}", "type commit", f"tag {name}", f"tagger {tagger.at(when)}"]
        data = "\n".join([*lines, "", message]).encode()
        return self._write("tag", data + sign(data) if sign else data)

    def _write(
        self, kind: loose.Kind, data: loose.Buffer | loose.Pieces, level: int = loose.FAST
    ) -> str:
        with processes.held(), writing(self.common_dir):
            oid = loose.write(self._objects, kind, data, level, self.sharing)
        if isinstance(data, loose.Pieces):  # whose file goes: a second name keeps it meanwhile
            loose.keep(self.common_dir, oid, self.sharing)
        else:
            self._own.objects[oid] = (kind, memoryview(data), level)
        return oid


def _is_plain_ref(name: str) -> bool:
    """Whether a ref is a file of that name, in the folder of refs."""
    top, *parts = name.split("/")
    return top == "refs" and bool(parts) and all(map(_is_plain_part, parts))


def _is_plain_part(part: str) -> bool:
    is_odd = part[:1] in ("", ".") or part[-1] == "." or ".." in part or ".lock" in part
    return not is_odd and part.isascii() and f"_{part.translate(_IN_NAMES)}".isidentifier()


def _opened(path: Path, *, search: bool = False) -> pygit2.Repository:
    import pygit2
    from pygit2.enums import RepositoryOpenFlag as Flag

    try:
        return pygit2.Repository(str(path), Flag.DEFAULT if search else Flag.NO_SEARCH)
    except (pygit2.GitError, OSError) as error:
        raise refusal(error, f"'{path}'") or _open_error(path, str(error)) from None


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn what the disk and libgit2 say about a failed write under `path` into our error."""
    try:
        yield
    except _refused_writes() as error:
        raise CannotWrite(
            f"cannot write to '{path}': {_reason(error, Path(path))}",
            hint=limit(error) or "check the free space and the permissions of that folder",
        ) from error


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise lacking(path, error.args[0]) from None
    except RemoteUnreachable as error:
        raise not_fetched(path, error) from None
    except _damage() as error:
        if refused := refusal(error, path):
            raise refused from None
        raise damaged(path, error) from None


def _refused_writes() -> tuple[type[Exception], ...]:
    pygit2 = sys.modules.get("pygit2")
    return (OSError, pygit2.GitError, pygit2.AlreadyExistsError) if pygit2 else (OSError,)


def _reason(error: Exception, path: Path) -> str:
    """What stopped a write; libgit2 says 'no error' of a full disk."""
    message = str(error)
    if "no error" in message or not message:
        import shutil

        free = shutil.disk_usage(path if path.exists() else path.parent).free
        return f"{free} bytes are free there"
    return message


def _open_error(path: Path, message: str) -> NotAStore | UnsupportedRepository:
    kinds = {
        "object format": "its object ids are not sha1",
        "refstorage": "its refs are not plain files",
        "unsupported repository version": "its format is one that libgit2 does not know",
        "unsupported extension": "it uses an extension that libgit2 does not know",
    }
    for mark, what in kinds.items():
        if mark in message:
            return UnsupportedRepository(
                f"'{path}' cannot be a store: {what} ({message.rpartition(': ')[2]})",
                hint="create a store with `gms init`, which uses a format that works",
            )
    if "not owned" in message:
        match = re.search(r"'(.+)'", message)  # the one around, where a folder inside was asked for
        return of_somebody_else(match[1] if match else path)
    if os.path.isfile(path / ".git"):
        return NotAStore(
            f"'{path / '.git'}' names a git directory that is missing or damaged",
            hint="run `git worktree repair` in the repository that the work tree belongs to",
        )
    if os.path.lexists(path / ".git") or os.path.exists(path / "objects"):
        return NotAStore(
            f"'{path}' cannot be opened as a git repository: {message}",
            hint="see what is wrong with `gms doctor`",
        )
    return NotAStore(f"no git repository at '{path}'", hint="create a store with `gms init`")


# What a repository is told to ignore without a line in its history: .git/info/exclude.


def exclude(repository: Repository, line: str) -> bool:
    """Have a repository ignore what a pattern fits; return False when it does so already."""
    path = repository.common_dir / "info" / "exclude"
    with writing(path.parent):
        repository.sharing.make_folder(path.parent)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if line in text.splitlines():
            return False
        gap = "" if not text or text.endswith("\n") else "\n"
        was_there = path.exists()
        path.write_text(f"{text}{gap}{line}\n", encoding="utf-8")
        if not was_there:
            repository.sharing.adjust(path)
    return True
