"""An open store: how it is found, and what its methods need to do their work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from copy import copy
from datetime import datetime, timezone
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from gitmodelstore.errors import (
    BehindWarning,
    InvalidInput,
    StoreError,
    UnreadWarning,
    visible,
    warn_user,
)
from gitmodelstore.operations.snapshot import Snapshot, Writer, behind_tags, signing
from gitmodelstore.plumbing.files import scratch_store
from gitmodelstore.plumbing.identity import Identity, read_identity
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.model_version import (
    as_texts,
    expect,
    expect_flags,
    expect_flags_given,
    expect_function,
    expect_given,
    shown,
)

if TYPE_CHECKING:
    from gitmodelstore.lineage.files import Hashing, Progress
    from gitmodelstore.pipelines.load import Reader
    from gitmodelstore.values.model_version import ModelVersion, Unread

Notify = Callable[[str], None]
# Of the class methods: from `Self` jedi, which many editors ask, does not see what comes back.
S = TypeVar("S", bound="Base")


def _tell(notify: Notify, text: str) -> None:
    """Say what may quote a file or a name to somebody who may print it."""
    notify(visible(text))


def _log(note: str) -> None:
    """Leave a note for whoever has asked for the log of this package."""
    import logging  # which takes longer than `gms` has for it, and commands show their notes

    logger = logging.getLogger("gitmodelstore")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.info("%s", note)


class Base:
    """What the parts of `Store` have in common; its docstring says what each argument means.

    A copy, as joblib and multiprocessing make one for a worker, holds the path and the settings,
    and opens the store again when it is used.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        notify: Notify | None = None,
        now: Callable[[], datetime] | None = None,
        durable: bool | None = None,
        wait_seconds: float = 30.0,
        trusted: Iterable[str] = (),
        cache: bool = True,
        progress: Progress | None = None,
    ) -> None:
        if not isinstance(repository, Repository):  # as a path, which people try first
            raise InvalidInput(
                f"expected an open repository, found {shown(repository)}",
                hint="open a store by its path with `Store.open(path)`",
            )
        _expect_settings(
            notify=notify,
            now=now,
            durable=durable,
            wait_seconds=wait_seconds,
            cache=cache,
            progress=progress,
        )
        self.path = repository.work_tree or repository.common_dir
        self.created = False
        self.host_rules: tuple[str, ...] = ()
        self._repository = repository
        self._notify = partial(_tell, notify or _log)
        self._now = now or _clock
        self._durable = durable
        self._wait_seconds = wait_seconds
        named = (trusted,) if isinstance(trusted, str) else trusted
        self._trusted = as_texts(named, "names to trust", "mypackage")
        self._cache = cache
        self._progress = progress
        self._who_reads: Reader | None = None
        self._identities: tuple[Identity, Identity] | None = None
        self._told_behind: str | None = None

    @classmethod
    def init(
        cls: type[S],
        path: str | PathLike[str] = ".",
        *,
        bare: bool = False,
        place_inside: bool = False,
        host: str | None = None,
        owner: str | None = None,
        notify: Notify | None = None,
        now: Callable[[], datetime] | None = None,
        durable: bool | None = None,
        wait_seconds: float = 30.0,
        trusted: Iterable[str] = (),
        cache: bool = True,
        progress: Progress | None = None,
    ) -> S:
        """Make a store, or open the one that is there.

        Inside the work tree of a code repository the store becomes a repository of
        its own, which the code repository then ignores.

        >>> gms.Store.init("new").created
        True

        Args:
            path: its folder; made if need be.
            bare: without a work tree, as on a server.
            place_inside: make it in the `models/` of the code repository that `path`
                lies in, if it lies in one.
            host: "github", "gitlab", "gitea" or "ssh": also write the pipeline that
                validates proposals there, and CODEOWNERS; `host_rules` then says what is to
                be set by hand. None writes neither.
            owner: who approves there, as the host knows them, such as "@acme/leads"; None
                for your own e-mail address.
            notify, now, durable, wait_seconds, trusted, cache, progress: as for the class.

        Returns:
            The store, whose `created` says whether it was just made.

        Raises:
            AlreadyExists: the folder holds other things.
            NoIdentity: git does not know who you are.
        """
        from gitmodelstore.operations.init import init

        expect(path=path)
        expect_given(host=host, owner=owner)
        expect_flags(bare=bare, place_inside=place_inside)
        settings: dict[str, Any] = {
            "notify": notify,
            "now": now,
            "durable": durable,
            "wait_seconds": wait_seconds,
            "trusted": trusted,
            "cache": cache,
            "progress": progress,
        }
        _expect_settings(**settings)
        if scratch := scratch_store():
            return cls.open(scratch, **settings)
        made = init(
            Path(path),
            bare=bare,
            identify=lambda folder: _writer(folder, notify),
            place_inside=place_inside,
            host=host,
            owner=owner,
        )
        for note in made.notes:
            _tell(notify or _log, note)
        store = cls(made.repository, **settings)
        store.created = made.created
        store.host_rules = made.rules
        return store

    @classmethod
    def clone(
        cls: type[S],
        url: str,
        path: str | PathLike[str],
        *,
        meter: bool = False,
        notify: Notify | None = None,
        now: Callable[[], datetime] | None = None,
        durable: bool | None = None,
        wait_seconds: float = 30.0,
        trusted: Iterable[str] = (),
        cache: bool = True,
        progress: Progress | None = None,
    ) -> S:
        """Clone a shared store, with git's drivers and hooks as `init` sets them up.

        >>> print(gms.Store.clone("models", "copy").version("churn"))
        churn 1.1.0

        Args:
            url: where it is, as git takes it.
            path: where to; a new folder, or an empty one.
            meter: whether git shows on the standard error how far it is.
            notify, now, durable, wait_seconds, trusted, cache, progress: as for the class.

        Returns:
            The store that was cloned.

        Raises:
            InvalidInput: the url is none, or `path` holds something.
            GitFailed: git could not clone it.
            NotAStore: it is a repository of something else; nothing is left.
        """
        from gitmodelstore.operations.init import clone

        expect(url=url, path=path)
        expect_flags(meter=meter)
        settings: dict[str, Any] = {
            "notify": notify,
            "now": now,
            "durable": durable,
            "wait_seconds": wait_seconds,
            "trusted": trusted,
            "cache": cache,
            "progress": progress,
        }
        _expect_settings(**settings)
        if scratch := scratch_store():
            return cls.open(scratch, **settings)
        repository = clone(url, Path(path), notify or _log, meter=meter)
        return cls(repository, **settings)

    @classmethod
    def open(
        cls: type[S],
        path: str | PathLike[str] | None = None,
        *,
        notify: Notify | None = None,
        now: Callable[[], datetime] | None = None,
        durable: bool | None = None,
        wait_seconds: float = 30.0,
        trusted: Iterable[str] = (),
        cache: bool = True,
        progress: Progress | None = None,
    ) -> S:
        """Open a store; in a command that `gms reproduce` runs, the one that stands in for all.

        >>> store = gms.Store.open("models")
        >>> print(store.version("churn"))
        churn 1.1.0

        Args:
            path: the store, or a folder from which it is looked for; None for the one that
                $GITMODELSTORE names, else the one that `[tool.gitmodelstore] store` of a
                pyproject.toml above the working directory names, else the repository
                around the working directory, or the store in its `models/`.
            notify, now, durable, wait_seconds, trusted, cache, progress: as for the class.

        Returns:
            The store.

        Raises:
            NotAStore: there is none.
            UnsupportedRepository: a repository with sha256 ids or reftable refs.
        """
        from gitmodelstore.operations.discover import find

        expect_given(path=path)
        _expect_settings(
            notify=notify,
            now=now,
            durable=durable,
            wait_seconds=wait_seconds,
            cache=cache,
            progress=progress,
        )
        repository = find(path)
        Snapshot.now(repository)
        return cls(
            repository,
            notify=notify,
            now=now,
            durable=durable,
            wait_seconds=wait_seconds,
            trusted=trusted,
            cache=cache,
            progress=progress,
        )

    def setting(self, name: str) -> str | None:
        """Return a value of git's configuration as this store sees it; None when it is not set.

        >>> store.setting("user.name")
        'Ada Lovelace'

        Args:
            name: of a setting, as git spells it.

        Raises:
            GitFailed: git's configuration cannot be read.
        """
        expect(setting=name)
        return self._repository.setting(name)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_who_reads": None, "_identities": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        scratch = scratch_store()
        if scratch and scratch.resolve() != self.path.resolve():
            self._repository = Repository.open(scratch)
            self.path = self._repository.work_tree or self._repository.common_dir

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        made.__setstate__(self.__getstate__() | {"_repository": copy(self._repository)})
        return made

    def __deepcopy__(self, _: object) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"Store('{self.path}')"

    def _holds(self, folder: str | PathLike[str]) -> bool:
        """Whether `folder` is in the store, which is no code that trained anything."""
        return Path(folder).resolve().is_relative_to(self.path.resolve())

    def _snapshot(self, *, warn: bool = True) -> Snapshot:
        """Return the store now; warn, once a state, where tags name versions that it lacks."""
        snapshot = Snapshot.now(self._repository)
        if not warn:
            return snapshot
        try:
            lacks = behind_tags(snapshot)
        except StoreError:  # of the registry, which whoever needs it is told
            return snapshot
        if lacks is not None and lacks != self._told_behind:
            warn_user(BehindWarning(lacks))
        self._told_behind = lacks
        return snapshot

    def _tell_of(self, unread: Iterable[Unread]) -> None:
        """Warn of what is missing from an answer."""
        from gitmodelstore.operations.search import told

        for sentence in told(unread):
            warn_unread(sentence)

    def _resolve(self, snapshot: Snapshot, ref: str | ModelVersion) -> ModelVersion:
        from gitmodelstore.operations.resolve import resolve

        return resolve(snapshot, ref)

    def _reader(self) -> Reader:
        """Return who reads; what is configured is looked up once a store."""
        if self._who_reads is None:
            from gitmodelstore.operations.folder import reader_of

            self._who_reads = reader_of(self._trusted, cache=self._cache, notify=self._notify)
        return self._who_reads

    def _hashing(self) -> Hashing:
        from gitmodelstore.lineage.files import Hashing
        from gitmodelstore.plumbing.files import cache_folder

        return Hashing(cache_folder() if self._cache else None, self._progress)

    def _writer(self, sign: bool | None = None) -> Writer:
        if self._identities is None:
            author, _ = read_identity(self._repository.common_dir, "AUTHOR")
            committer, _ = read_identity(self._repository.common_dir, "COMMITTER")
            self._identities = (author, committer)
        durable = self._durable
        if durable is None:
            durable = self._repository.setting("store.durable") != "false"
        writer = Writer(
            *self._identities,
            self._now(),
            self._notify,
            durable,
            self._wait_seconds,
            clock=self._now,
        )
        return signing(writer, self._repository, sign)


def warn_unread(sentence: str) -> None:
    """Warn that something is missing from an answer."""
    warn_user(UnreadWarning(sentence))


def _expect_settings(
    *, cache: object, durable: object, wait_seconds: object, **settings: object
) -> None:
    """Refuse settings of the class before a store is looked for, or made."""
    for word in ("notify", "now", "progress"):
        if settings[word] is not None:
            expect_function(word, settings[word])
    expect_flags(cache=cache)
    expect_flags_given(durable=durable)
    expect(seconds=wait_seconds)


def _clock() -> datetime:
    return datetime.now(timezone.utc).astimezone()


def _writer(folder: Path, notify: Notify | None) -> Writer:
    """Return who makes a store in `folder`, before there is one."""
    author, _ = read_identity(folder, "AUTHOR")
    committer, when = read_identity(folder, "COMMITTER")
    return Writer(author, committer, when, notify or _log)


def training_code(code: str | PathLike[str] | None) -> tuple[Path | None, Path | None]:
    """Return the folder and the script that `register` is to record, None for unknown."""
    if code is None:
        return None, None
    if code != "auto" and not Path(code).exists():
        raise InvalidInput(
            f"there is no file or folder '{os.fspath(code)}'",
            hint="check the path; None records no training code",
        )
    if code != "auto" and Path(code).is_file():
        return Path(code).absolute().parent, Path(code)
    from gitmodelstore.lineage.code import entry_point

    script = entry_point()
    return (Path(script.parent if script else ".") if code == "auto" else Path(code)), script
