"""The store, as training and serving code use it: one class.

Each method checks its arguments, gathers what its operation needs (the repository, the writer,
paths), and calls it. What an operation imports is imported when it is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timezone
from functools import partial
from io import BytesIO
from os import PathLike
from pathlib import Path

from gitmodelstore.errors import (
    BehindWarning,
    GitFailed,
    InvalidInput,
    InvalidName,
    InvalidReference,
    NotAStore,
    StoreError,
    UnreadWarning,
    visible,
    warn_user,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, Self, TypeVar
from gitmodelstore.operations.history import Notify
from gitmodelstore.operations.snapshot import (
    Snapshot,
    Writer,
    behind_tags,
    is_cached,
    refuse_cached,
    refuse_mirror,
    signing,
)
from gitmodelstore.plumbing.files import is_elsewhere, named_store, scratch_store
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.model_version import (
    Found,
    ModelVersion,
    Reference,
    as_paths,
    as_refs,
    as_text,
    as_texts,
    expect,
    expect_flags,
    expect_flags_given,
    expect_function,
    expect_given,
    shown,
)
from gitmodelstore.values.names import Version, as_moment, parse_since

if TYPE_CHECKING:
    import pandas as pd

    from gitmodelstore.checks.fault import Faults
    from gitmodelstore.checks.signatures import Approval
    from gitmodelstore.lineage.data import Hashing, Progress
    from gitmodelstore.operations.audit import Audit
    from gitmodelstore.operations.doctor import Diagnosis
    from gitmodelstore.operations.load import EnvironmentReport
    from gitmodelstore.operations.pins import Locked, Synced
    from gitmodelstore.operations.reproduce import Bisection, Reproduction, Trial
    from gitmodelstore.operations.resolve import Listed, Log
    from gitmodelstore.operations.search import Blame, FieldChange, Match, SearchResult
    from gitmodelstore.operations.share import Made, Shared
    from gitmodelstore.operations.site import Site
    from gitmodelstore.operations.verify import DataVerified, Verification
    from gitmodelstore.pickles.load import Reader
    from gitmodelstore.plumbing.signing import Identity
    from gitmodelstore.values.diff import Diff
    from gitmodelstore.values.events import Event, Holding
    from gitmodelstore.values.gates import Annotation
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import ModelSummary, Unread
    from gitmodelstore.values.tables import Reading

_SETTINGS = ("notify", "now", "durable", "wait_seconds", "trusted", "cache", "progress", "meter")
# Of the class methods: from `Self` jedi, which many editors ask, does not see what comes back.
S = TypeVar("S", bound="Store")


class Store:
    """A model store: one git repository with models and their history.

    >>> store = gms.Store.open("models")
    >>> print(store.register(pipeline, "churn", X_test=X_test, y_test=y_test))
    churn 1.3.0
    >>> event, *others = store.promote("churn@latest", "staging")
    >>> model = store.load("churn@staging")

    Args:
        repository: the open repository.
        notify: called with the notes that a command would print on stderr, such as why a
            version got its number; None sends them to `logging`, as INFO of "gitmodelstore".
            Anything that needs your attention is a `StoreWarning`.
        now: returns the date of a commit; None for the clock.
        durable: whether a write returns only when it is on disk; None for git's
            setting `store.durable`, which is true by default.
        wait_seconds: how long a write waits for another one to finish.
        trusted: packages and classes of your own that pipelines may use, such as
            "mypackage" (the classes defined in it) or "mypackage.features.LogScaler", in
            addition to those in GITMODELSTORE_TRUSTED, in your configuration file and in
            `[tool.gitmodelstore] trusted` of the project's pyproject.toml. A store cannot
            add to them.
        cache: whether to remember, in your cache, which pipelines were found harmless, so
            that they load faster, and the digests of large data files, so that they are read
            again only if they have changed; and, in the git directory, what manifests say,
            so that searches are fast.
        progress: called while data is read, for every file and every mebibyte, with what is
            read, how many bytes were read, and how many there are. It may raise to stop.
        meter: called with each line of git's own progress meter when a remote is used, such
            as "Writing objects:  50% (2/4)".

    Attributes:
        path: the work tree, or the git directory of a bare store.
        created: whether `init` has just made it.
        host_rules: what `init` says to set on the git host, one sentence each.
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
        meter: Notify | None = None,
    ) -> None:
        if not isinstance(repository, Repository):  # as a path, which people try first
            raise InvalidInput(
                f"expected an open repository, found {shown(repository)}",
                hint="open a store by its path with `Store.open(path)`",
            )
        _settings(notify, now, durable, wait_seconds, trusted, cache, progress, meter)
        self.path = repository.work_tree or repository.common_dir
        self.created = False
        self.host_rules: tuple[str, ...] = ()
        self._repository = repository
        repository.meter, repository.keeps_index = meter, cache
        self._notify = partial(_tell, notify or _log)
        self._now = now or _clock
        self._durable = durable
        self._wait_seconds = wait_seconds
        names = (trusted,) if isinstance(trusted, str) else trusted
        self._trusted = as_texts(names, "names to trust", "mypackage")
        self._cache = cache
        self._progress = progress
        self._who_reads: Reader | None = None
        self._identities: tuple[Identity, Identity] | None = None
        self._told_behind: str | None = None
        self._looked_at: object = None  # the commit and the tags that it was last told about
        self._kept_versions: tuple[object, dict[str, Found[ModelVersion]]] = None, {}
        self._is_cached = is_cached(repository)

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
        meter: Notify | None = None,
    ) -> S:
        """Create a store, or open the one that is there.

        Inside the work tree of a code repository, the store is a separate repository, which
        the code repository then ignores.

        >>> gms.Store.init("new").created
        True

        Args:
            path: its folder, which is created if it does not exist.
            bare: without a work tree, as on a server.
            place_inside: if `path` is in a code repository, create the store in its
                `models/`.
            host: "github", "gitlab", "gitea" or "ssh": also write the CI configuration that
                validates proposals there, and CODEOWNERS; `host_rules` then says what to set
                by hand. None writes neither.
            owner: who approves there, by their name on the host, such as "@acme/leads"; None
                for your own e-mail address.
            notify, now, durable, wait_seconds, trusted, cache, progress, meter: as for the class.

        Returns:
            The store, whose `created` says whether it was just made.

        Raises:
            AlreadyExists: the folder contains other files.
            NoIdentity: git does not know who you are.
        """
        from gitmodelstore.operations.init import init

        expect(path=path)
        expect_given(host=host, owner=owner)
        expect_flags(bare=bare, place_inside=place_inside)
        settings = _settings(notify, now, durable, wait_seconds, trusted, cache, progress, meter)
        if scratch := scratch_store():
            return cls.open(scratch, **settings)
        made = init(Path(path), bare, partial(_writer, notify), place_inside, host, owner)
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
        full: bool = False,
        notify: Notify | None = None,
        now: Callable[[], datetime] | None = None,
        durable: bool | None = None,
        wait_seconds: float = 30.0,
        trusted: Iterable[str] = (),
        cache: bool = True,
        progress: Progress | None = None,
        meter: Notify | None = None,
    ) -> S:
        """Clone a shared store, with git's drivers and hooks as `init` sets them up.

        From another machine, only the history and the manifests are fetched. Pipelines are
        fetched when they are loaded, and kept from then on.

        >>> print(gms.Store.clone("models", "copy").version("churn"))
        churn 1.1.0

        Args:
            url: its URL or path, in any form that git accepts.
            path: a new or empty folder for the clone.
            full: fetch all pipelines now.
            notify, now, durable, wait_seconds, trusted, cache, progress, meter: as for the class.

        Returns:
            The store that was cloned.

        Raises:
            InvalidInput: `url` is not valid, or `path` is not empty.
            GitFailed: git could not clone it.
            NotAStore: the repository is not a model store; nothing is left.
        """
        from gitmodelstore.operations.init import clone

        expect(url=url, path=path)
        expect_flags(full=full)
        settings = _settings(notify, now, durable, wait_seconds, trusted, cache, progress, meter)
        if scratch := scratch_store():
            return cls.open(scratch, **settings)
        repository = clone(url, Path(path), notify or _log, meter=meter, full=full)
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
        meter: Notify | None = None,
    ) -> S:
        """Open a store; in a command that `gms reproduce` runs, always its temporary store.

        >>> store = gms.Store.open("models")
        >>> print(store.version("churn"))
        churn 1.1.0

        Args:
            path: the store, or a folder in it; or its URL, such as
                "https://host/team/models.git", for a clone in your cache that is kept up to
                date, and whose changes are pushed at once. None looks in this order:
                $GITMODELSTORE; `[tool.gitmodelstore] store` of a pyproject.toml above the
                working directory; the repository around the working directory, or the store
                in its `models/`.
            notify, now, durable, wait_seconds, trusted, cache, progress, meter: as for the class.

        Returns:
            The store.

        Raises:
            NotAStore: there is none.
            UnsupportedRepository: a repository with sha256 ids or reftable refs.
        """
        from gitmodelstore.operations.snapshot import find

        expect_given(path=path)
        settings = _settings(notify, now, durable, wait_seconds, trusted, cache, progress, meter)
        repository = find(place_of(path, notify, meter))
        Snapshot.now(repository)
        return cls(repository, **settings)

    def setting(self, name: str) -> str | None:
        """Return a value of git's configuration for this store; None if it is not set.

        >>> store.setting("user.name")
        'Ada Lovelace'

        Args:
            name: the name of the setting, such as "user.name".

        Raises:
            GitFailed: git's configuration cannot be read.
        """
        expect(setting=name)
        return self._repository.setting(name)

    # A copy, as joblib and multiprocessing make one for a worker, holds the path and the
    # settings, and opens the store again when it is used.

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_who_reads": None, "_identities": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        scratch = scratch_store()
        if scratch and scratch.resolve() != self.path.resolve():
            self._repository = Repository.open(scratch)
            self.path = self._repository.work_tree or self._repository.common_dir

    def __copy__(self) -> Self:
        from copy import copy

        made = object.__new__(type(self))
        made.__setstate__(self.__getstate__() | {"_repository": copy(self._repository)})
        return made

    def __deepcopy__(self, _: object) -> Self:
        return self.__copy__()

    def __repr__(self) -> str:
        return f"Store('{self.path}')"

    def _repr_html_(self) -> str:
        from gitmodelstore.errors import html_of

        try:
            page = self.models()._repr_html_()
        except StoreError as error:
            page = html_of(f"cannot be read: {error}")
        return f"<div><code>{html_of(repr(self))}</code></div>{page}"

    # Versions come in.

    def register(
        self,
        pipeline: Any,
        model: str,
        *,
        X_test: Any = None,
        y_test: Any = None,
        test: Any = None,
        parse_dates: Sequence[str] = (),
        baseline: bool = False,
        sample: str | None = "synthetic",
        sample_from: Any = None,
        data: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        target: str | None = None,
        card: Mapping[str, str] | None = None,
        message: str = "",
        version: str | Version | None = None,
        bump: str = "auto",
        allow_backport: bool = False,
        if_changed: bool = False,
        code: str | PathLike[str] | None = "auto",
        keep_diff: bool = False,
        trained_at: datetime | None = None,
        custom: Mapping[str, Any] | None = None,
        run: bool = True,
        sign: bool | None = None,
        push: bool | None = None,
        propose: bool | str = False,
    ) -> ModelVersion:
        """Keep a fitted pipeline as a new version of a model.

        >>> print(store.register(pipeline, "churn", X_test=X_test, y_test=y_test))
        churn 1.3.0
        >>> store.register(pipeline, "churn", version="1.0.0")
        Traceback (most recent call last):
        gitmodelstore.errors.VersionExists: version '1.0.0' of 'churn' already exists
        hint: ...

        Args:
            pipeline: a fitted scikit-learn estimator, or the path of a file that joblib wrote,
                which is loaded once and kept byte for byte.
            model: the model's name: lower-case letters, digits, - and _.
            X_test: rows to test on, shape (n_samples, n_features). They give the names and
                types of the inputs, and are recorded as the data set "test".
            y_test: the answers to them, shape (n_samples,). With them the standard metrics are
                added (classifier: accuracy, f1_macro, and roc_auc if it is defined; regressor:
                r2, mae, rmse).
            test: instead of both, a table, or a CSV or Parquet file, with inputs and target as
                columns. A file is read with the types of the inputs of the highest version.
            parse_dates: columns of `test` and `sample_from` that hold dates.
            baseline: also score the version in production on the test rows, and record its
                metrics, so that a gate can compare them. It is loaded as `load` does.
            sample: what `verify(replay=True)` asks the pipeline again: "synthetic" rows like
                those of `X_test`, which hold nobody's record; "rows" of it; None for no sample.
            sample_from: rows to make the sample from, if not `X_test`: a table, or the path of
                a CSV or Parquet file.
            data: role to data set: a path, a DataFrame, an array, or a pair of these; or
                {"source": one of them, "uri": …, "name": …, "version": …} to record these
                instead of what is found, with "profile": False to leave summary numbers out.
            metrics: name to finite number; they replace standard ones of that name.
            target: name of the predicted column; None takes it from `y_test`.
            card: "intended_use", "limitations", and headings of your own, as Markdown.
            message: a description.
            version: exactly this number; None for the next one.
            bump: how to find the next number: "auto" raises the major part if inputs, target or
                classes change, the minor if steps or params do, otherwise the patch.
            allow_backport: whether `version` may be below the highest.
            if_changed: return the highest version, and write nothing, if pipeline and manifest
                are the same but for the times.
            code: a folder of the training repository, or the script or notebook itself; "auto"
                is that of the running one (in an installed program: the working directory).
                None records none.
            keep_diff: also keep its uncommitted changes, as code.diff, for `reproduce`.
            trained_at: when it was trained, in UTC unless it names a zone; None is now, or the
                time of the file.
            custom: JSON of your own.
            run: False keeps a file without loading it, if its classes are neither here nor
                trusted; the manifest then has what the file says of itself.
            sign: whether to sign commit and tag with git's settings (docs/signing.md); None if
                git is configured to.
            push: whether the remote must have it before this returns, by the number that it
                gets there; None for what modelstore.toml says (`[remote] push`).
            propose: whether only to propose it, on a branch of the remote; True names the branch
                by what is proposed, a text is its name. Nothing else of this store changes.

        Returns:
            The version; with `if_changed` the highest one, if nothing differs from it. What
            was proposed is not a version of this store until it is merged: its `proposal` says
            where it is.

        Raises:
            UnfittedPipeline, NotAPipeline, UnportablePipeline, FeatureMismatch, InvalidMetric,
            InvalidInput, InvalidName, InvalidVersion, VersionExists: it is refused, and nothing
                was written.
            PipelineRaised: the pipeline fails on the test rows.
            FeatureMismatch, LoadError, InvalidInput: the production version cannot be scored.
            StoreBusy, LocalChanges, CannotWrite: the store could not take it.
        """
        model = as_text(model, "the name of a model", "churn", InvalidName)
        expect(message=message, bump=bump)
        expect_given(sample=sample, number=version, column=target, path=code, moment=trained_at)
        expect_given(data=data, metrics=metrics, card=card, custom=custom)
        expect_flags(baseline=baseline, allow_backport=allow_backport, if_changed=if_changed)
        expect_flags(keep_diff=keep_diff, run=run)
        expect_flags_given(sign=sign)
        self._expect_push(push, propose)
        from gitmodelstore.lineage.tables import GivenRows
        from gitmodelstore.operations.load import verdicts_of
        from gitmodelstore.operations.register import RegisterOptions, Wish, register

        dates = as_texts(parse_dates, "columns of dates", "opened_on")
        folder, script = training_code(code)
        # Nothing in the store is code that trained anything.
        is_ours = folder and folder.resolve().is_relative_to(self.path.resolve())
        what = RegisterOptions(
            pipeline,
            model,
            Wish.of(version, bump, allow_backport),
            GivenRows(X_test, y_test, test, target, dates),
            baseline=baseline,
            sample=sample,
            sample_from=sample_from,
            data=data or {},
            metrics=metrics or {},
            card=card or {},
            message=message,
            if_changed=if_changed,
            code=None if is_ours else folder,
            entry_point=script,
            keep_diff=keep_diff,
            trained_at=as_moment(trained_at) if trained_at else None,
            custom=custom or {},
            reader=self._reader() if baseline or isinstance(pipeline, (str, PathLike)) else None,
            verdicts=verdicts_of(self._cache),
            run=run,
            hashing=self._hashing(),
        )
        return self._share(lambda at: register(at, self._writer(sign), what), push, propose)

    def register_folder(
        self,
        folder: str | PathLike[str],
        model: str | None = None,
        *,
        version: str | Version | None = None,
        bump: str | None = None,
        allow_backport: bool = False,
        message: str | None = None,
        accept_changes: bool = False,
        if_changed: bool = False,
        run: bool = False,
        push: bool | None = None,
        propose: bool | str = False,
    ) -> ModelVersion:
        """Keep a folder with the files of a version, made by hand or by `download`, as a new one.

        What its manifest says about data, code, environment, metrics and card is kept, as far
        as it can be read; number, parent, author, date, digests and the page of the card are
        written again. A `models/<model>` in this store's own work tree is registered as it is,
        staged or not, and is clean afterwards.

        >>> folder = store.download("churn@1.2.0")
        >>> print(store.register_folder(folder, "leavers"))
        leavers 1.0.0

        Args:
            folder: with pipeline.joblib, and the other files of a version.
            model: its name; None takes it from the store's own folder, the manifest, or the
                folder's name.
            version: exactly this number.
            bump: if not `version`: "major", "minor", "patch" or "auto", as in `register`. With
                neither, the number in the manifest if it is new and the highest, otherwise
                "auto".
            allow_backport: whether `version` may be below the highest.
            message: a description; None keeps the manifest's.
            accept_changes: accept a pipeline that does not match its manifest, and renew its
                digest.
            if_changed: return the highest version, and write nothing, if only the times, the
                author and the message would differ.
            run: load the pipeline, to describe it and to replay its sample; otherwise nothing is
                unpickled, and what the manifest does not say is read from the file without
                running anything.
            push, propose: as for `register`.

        Returns:
            The version; with `if_changed` the highest one, if nothing differs from it.

        Raises:
            NotAStore: there is no such folder, or no pipeline in it.
            IntegrityError: the pipeline is not the one that its manifest names.
            InvalidInput, InvalidName, InvalidVersion, VersionExists, RefusedPickle: it is
                refused, and nothing was written.
            StoreBusy, LocalChanges, CannotWrite: the store could not take it.
        """
        expect(path=folder)
        expect_given(model=model, number=version, bump=bump, message=message)
        expect_flags(allow_backport=allow_backport, accept_changes=accept_changes)
        expect_flags(if_changed=if_changed, run=run)
        self._expect_push(push, propose)
        from gitmodelstore.operations.register import Wish
        from gitmodelstore.operations.register_folder import FolderOptions, register_folder

        wish = Wish.of(version, bump or "auto", allow_backport) if version or bump else None
        reader, place = self._reader() if run else None, Path(folder)
        what = FolderOptions(place, model, wish, message, accept_changes, if_changed, run, reader)
        return self._share(lambda at: register_folder(at, self._writer(), what), push, propose)

    # What is there, and what it was.

    def models(self) -> Found[ModelSummary]:
        """Return every model of the store, by name; its `unread` are as in `versions`.

        >>> print(store.models())
        MODEL  VERSIONS  HIGHEST  PRODUCTION  STAGING
        churn         3  1.2.0    1.1.0       -
        """
        from gitmodelstore.operations.resolve import models

        return models(self._snapshot())

    def versions(self, model: str) -> Found[ModelVersion]:
        """Return every version of a model, highest first.

        Its `unread` are those that cannot be read, reported as in `search`, and those that have
        a tag but are not on the branch.

        >>> print(store.versions("churn"))
        churn 1.2.0
        churn 1.1.0
        churn 1.0.0

        Args:
            model: its name.

        Raises:
            ModelNotFound: there is no such model.
        """
        expect(model=model)
        from gitmodelstore.operations.resolve import versions

        snapshot = self._snapshot()
        state = self._state(snapshot)
        if state is None or state != self._kept_versions[0]:
            self._kept_versions = state, {}
        kept = self._kept_versions[1]
        entries = kept.get(model) or versions(snapshot, model)
        if state is not None and not entries.unread:
            kept[model] = entries
        self._tell_of(entries.unread)
        return entries

    def listing(self, model: str) -> Reading[Listed]:
        """Return the versions of a model with their metrics, highest first.

        Each is read when you access it, the first ones one by one, others from the index; one
        that cannot be read says why. It prints as `gms list NAME` does.

        >>> [str(one.version) for one in store.listing("churn")[:2]]
        ['1.2.0', '1.1.0']

        Args:
            model: its name.

        Raises:
            ModelNotFound: there is no such model.
        """
        expect(model=model)
        from gitmodelstore.operations.resolve import listing

        snapshot = self._snapshot()

        def others(first: int) -> Iterator[Listed]:
            from gitmodelstore.operations.search import listed_from

            return listed_from(snapshot, model, first, keep=self._cache)

        return listing(snapshot, model, others)

    def version(self, ref: str | ModelVersion) -> ModelVersion:
        """Return the version that `ref` names.

        >>> print(store.version("churn@production"))
        churn 1.1.0

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: it names nothing.
        """
        return self._lookup(ref)[1]

    def show(self, ref: str | ModelVersion) -> Manifest:
        """Return the manifest of the version that `ref` names.

        >>> store.show("churn@1.0.0").metrics["profit"]
        3.0

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            IntegrityError, FormatError: it is not the one that was released.
        """
        snapshot, version = self._lookup(ref)
        return snapshot.manifest(version)

    def needs_trust(self, ref: str | ModelVersion) -> tuple[str, ...]:
        """Return the names of classes and functions that readers of a version must trust.

        It is empty if only scikit-learn and the like are needed. Nothing is loaded.

        >>> store.needs_trust("churn@1.1.0")
        ()

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            IntegrityError, FormatError: its manifest is not the one that was released.
        """
        from gitmodelstore.operations.trust import needs_of

        return needs_of(self.show(ref))

    def registered_at(self, ref: str | ModelVersion) -> datetime:
        """Return when a version was registered, UTC.

        This is the date in its manifest. If the commit is dated before its parent, it is no
        earlier than the parent's date, which counts for both.

        >>> store.registered_at("churn@1.0.0") <= store.registered_at("churn@1.2.0")
        True

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            IntegrityError, FormatError: its manifest is not the one that was released.
        """
        from gitmodelstore.operations.resolve import registered_at

        snapshot, version = self._lookup(ref)
        created_at = snapshot.manifest(version).created_at
        return registered_at(snapshot.repository, version.commit, created_at)

    def log(self, model: str | None = None) -> Log:
        """Return what happened in the store, or to one model, newest first.

        It is a sequence that prints as `gms log` does.

        Its `faults` are what could not be read, up to the last event that you have accessed,
        reported as in `search`.

        >>> print(store.log("churn")[0])
        churn 1.1.0 promoted: registered -> production (more profit)
        >>> len(store.log("churn"))
        6

        Args:
            model: its name; None for all models.

        Raises:
            ModelNotFound: there is no such model.
        """
        expect_given(model=model)
        from gitmodelstore.operations.resolve import Log, check_model

        snapshot = self._snapshot()
        if model is not None:
            check_model(snapshot, model)
        return Log(snapshot, model, warn_unread)

    def which(self, ref: str | ModelVersion, *, at: str | date | None = None) -> Holding:
        """Return the version that `ref` names, since when, by whom and why.

        >>> store.which("churn").version.ref
        'churn@1.1.0'
        >>> print(store.which("churn"))
        churn 1.1.0
          in production since 2...
          by     Ada Lovelace <ada@example.org>
          why    more profit
          commit ...

        Args:
            ref: as everywhere.
            at: ask as of this moment: text, a date or a datetime; a day means its end, a
                time without a zone is UTC.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            VersionNotFound: no version had that status at that moment.
        """
        expect(ref=ref)
        expect_given(moment=at)
        from gitmodelstore.operations.resolve import which

        moment = None if at is None else as_moment(at)
        return which(self._snapshot(), ref, at=moment)

    def approvals(self, ref: str | ModelVersion) -> tuple[Approval, ...]:
        """Return the approvals of a version: by whom and for which status, newest first.

        Those before its last withdrawal are left out. `verify(ref, signatures=True)` says
        whether their signatures are valid, and so whether they count.

        >>> store.approvals("churn@1.1.0")
        ()

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        from gitmodelstore.operations.resolve import approvals

        snapshot, version = self._lookup(ref)
        events = snapshot.history.of_version(version.model, version.version)
        if not any(event.approved_for for event in events):
            return ()
        return tuple(one for one in approvals(snapshot, version) if one.signed)

    def annotations(self, ref: str | ModelVersion) -> dict[str, Annotation]:
        """Return the annotations of a version by key: the latest value of each, unless removed.

        >>> event = store.annotate("churn@1.1.0", {"ticket": "A-17"})
        >>> store.annotations("churn@1.1.0")["ticket"].value
        'A-17'

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        from gitmodelstore.operations.resolve import annotated

        return annotated(*self._lookup(ref))

    def search(
        self, expression: str, model: str | None = None, *, sort: str | None = None
    ) -> Found[Match]:
        """Return the versions that match an expression, by model, highest version first.

        Its `unread` are the versions that could not be read, and why; there is also an
        `UnreadWarning` about damaged ones.

        >>> print(store.search('metrics.profit > 3.5 and status == "production"'))
        MODEL  VERSION  STATUS      REGISTERED  BY            metrics.profit
        churn  1.1.0    production  2...        Ada Lovelace            3.75

        Args:
            expression: what to find, by status and fields of the manifest (docs/search.md).
            model: search only this model; None for all models.
            sort: the field to sort by, such as "metrics.test_auc"; with "-" before it, highest
                first. Versions without the field come last.

        Raises:
            InvalidQuery: it is not a valid expression; the message points at the place.
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.values import tables

        answer = self.answer(expression, model, sort=sort)
        self._tell_of(answer.unread)
        if answer.note:
            self._notify(answer.note)
        return Found.of(answer.matches, answer.unread, "version", tables.matches)

    def answer(
        self, expression: str, model: str | None = None, *, sort: str | None = None
    ) -> SearchResult:
        """Return what `search` does, with the versions that could not be read, and why.

        >>> len(store.answer("metrics.profit > 3.5").matches)
        2

        Args:
            expression, model, sort: as for `search`.

        Raises: as `search`.
        """
        expect(expression=expression)
        expect_given(model=model, sort=sort)
        from gitmodelstore.operations.search import search

        return search(self._snapshot(), expression, model, sort=sort, keep=self._cache)

    def frame(self, model: str | None = None) -> pd.DataFrame:
        """Return a table of the versions of a model, or of all, in the order of `search`.

        Its index is the reference of each version, `churn@1.4.0`; status, dates, metrics.*,
        params.*, data.<role>.*, code.* and the like are its columns (docs/search.md). A version
        that cannot be read has a row with the reason in the column "fault", and is reported as
        in `search`.

        >>> store.frame("churn")["metrics.profit"]
        ref
        churn@1.2.0    4.50
        churn@1.1.0    3.75
        churn@1.0.0    3.00
        Name: metrics.profit, dtype: float64

        Args:
            model: only the versions of this model; None for all models.

        Raises:
            ModelNotFound: there is no such model.
        """
        expect_given(model=model)
        from gitmodelstore.operations.search import frame

        table, unread = frame(self._snapshot(), model, warn_unread, keep=self._cache)
        self._tell_of(unread)
        return table

    def blame(self, field: str, model: str | None = None) -> Found[FieldChange]:
        """Return each version in which a field of the manifest changed, newest first.

        Its `unread` are as in `search`.

        >>> print(store.blame("metrics.profit", "churn")[-1].version)  # which first had it
        churn 1.0.0

        Args:
            field: its name, as in `search`; with `=VALUE`, only the versions in which it
                became that value, or a list gained it.
            model: only the versions of this model; None for all models.

        Raises:
            InvalidQuery: it is not a field.
            InvalidInput: the field can never have that value.
            ModelNotFound: there is no such model.
        """
        answer = self.blame_with_unread(field, model)
        self._tell_of(answer.unread)
        from functools import partial

        from gitmodelstore.values import pages

        page, table = (
            partial(one, field=field) for one in (pages.change_blocks, pages.change_table)
        )
        return Found.of(answer.changes, answer.unread, "change", page, table)

    def blame_with_unread(self, field: str, model: str | None = None) -> Blame:
        """Return what `blame` does, with the versions that could not be read, and why.

        >>> len(store.blame_with_unread("metrics.profit", "churn").changes)
        3

        Args:
            field, model: as for `blame`.

        Raises: as `blame`.
        """
        expect(field=field)
        expect_given(model=model)
        from gitmodelstore.operations.search import blame

        return blame(self._snapshot(), field, model, keep=self._cache)

    def diff(
        self,
        a: str | ModelVersion,
        b: Any,
        X_test: Any = None,
        y_test: Any = None,
        *,
        test: Any = None,
        target: str | None = None,
        answers: bool | None = None,
        code: str | PathLike[str] | None = "auto",
        parse_dates: Sequence[str] = (),
    ) -> Diff:
        """Return what differs between two versions, or a version and a pipeline; write nothing.

        >>> print(store.diff("churn@1.0.0", "churn@1.1.0"))
        churn 1.0.0 -> 1.1.0: metrics ... differ
        <BLANKLINE>
        Metrics, on the same test data
        ...
        Params
          logisticregression
            ~ C  1.0 -> 3.0
        ...

        Args:
            a: a version, by reference or as a ModelVersion.
            b: another version, of any model; or a fitted pipeline, or the `Path` of a file that
                joblib wrote.
            X_test, y_test: rows and the answers to them, on which both are scored and compared;
                each gets only the columns that it takes.
            test: a table, or a CSV or Parquet file, with both, instead of `X_test` and `y_test`.
            target: name of the target's column in `test`.
            answers: whether to run both on the rows of the samples: None does so only if their
                recorded answers are to different rows; True always; False compares no answers.
            code: the training repository; "auto" is the one around the working directory, or
                around the store; None uses none.
            parse_dates: columns of `test` that hold dates, besides those recorded for `a`.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `a` or `b` names nothing.
            FeatureMismatch: the pipeline does not take the columns of `X_test`.
            UnfittedPipeline, NotAPipeline, UnportablePipeline, RefusedPickle: the pipeline
                could not be registered.
            GitFailed: git refuses the repository that the pipeline was trained in.
            InvalidInput: answers without their rows, or a table that cannot be read.
            IntegrityError, FormatError: a manifest is not the one that was released.
        """
        if not isinstance(a, (str, ModelVersion)):
            raise InvalidInput(
                f"expected a version first, found {shown(a)}",
                hint='name it first, as in store.diff("churn@production", pipeline)',
            )
        expect_given(column=target, path=code)
        expect_flags_given(answers=answers)
        dates = as_texts(parse_dates, "columns of dates", "opened_on")
        from gitmodelstore.lineage.tables import GivenRows
        from gitmodelstore.operations.diff import Question, diff

        rows = GivenRows(X_test, y_test, test, target, dates)
        question = Question(self._reader, rows, partial(self._code_around, code), answers)
        return diff(self._snapshot(), a, b, question)

    # Pipelines and files go out.

    def load(self, ref: str | ModelVersion, *, environment: str = "warn") -> Any:
        """Return the pipeline that `ref` names, verified and ready to predict.

        Anything that is not part of a pipeline is refused before it can run. This is not a
        sandbox: only load models from people you trust (docs/security.md).

        >>> model = store.load("churn@production")
        >>> len(model.predict(X_test))
        40

        Args:
            ref: as everywhere.
            environment: what to do if scikit-learn, numpy, pandas or Python differ from those
                at training: "warn" once (EnvironmentWarning) about what may change answers,
                "exact" refuses any difference, "ignore" says nothing.

        Raises:
            EnvironmentDiffers: something differs, and `environment` is "exact".
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            IntegrityError: the bytes are not the ones that were released.
            MissingObject: they are not on this machine.
            RefusedPickle: they would do something that no pipeline needs.
            LoadError: they cannot be unpickled here.
        """
        expect(ref=ref, environment=environment)
        from gitmodelstore.operations.load import load, warn_if_withdrawn

        snapshot, version = self._lookup(ref, of_files=True)
        warn_if_withdrawn(version)
        return load(snapshot, version, self._reader(), environment=environment)

    def load_unsafe(self, ref: str | ModelVersion) -> Any:
        """Return the pipeline that `ref` names, verified, and RUN WHATEVER ITS FILE SAYS.

        Use it for what `load` refuses, from people whom you trust with this machine. It is
        better to trust their package (`trusted=`).

        >>> len(store.load_unsafe("churn@production").predict(X_test))
        40

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            as `load`, except for RefusedPickle.
        """
        expect(ref=ref)
        from gitmodelstore.operations.load import load, warn_if_withdrawn

        snapshot, version = self._lookup(ref, of_files=True)
        warn_if_withdrawn(version)
        return load(snapshot, version, unsafe=True)

    def download(
        self,
        ref: str | ModelVersion,
        target: str | PathLike[str] | None = None,
        *,
        warm: bool = False,
    ) -> Path:
        """Write the files of a version, verified, into a new folder and return it.

        >>> folder = store.download("churn@1.1.0")
        >>> folder.name
        'churn-1.1.0'
        >>> len(gms.load_model(folder).predict(X_test))
        40

        Args:
            ref: as everywhere.
            target: the folder; None for `<model>-<version>` in the working directory.
            warm: also load the pipeline once, and record beside the files that it was found
                harmless, so that `load_model(folder, digest=…)` is fast on a new machine.

        Returns:
            The folder.

        Raises:
            RefusedPickle, LoadError: `warm`, and it cannot be loaded; nothing is left.
        """
        expect(ref=ref)
        expect_given(path=target)
        expect_flags(warm=warm)
        from gitmodelstore.operations.pins import download

        snapshot, version = self._lookup(ref, of_files=True)
        folder = Path(target or f"{version.model}-{version.version}")
        return download(snapshot, version, folder, self._reader() if warm else None)

    def read(self, ref: str | ModelVersion, name: str) -> bytes:
        """Return one file of a version, verified.

        >>> b'"model": "churn"' in store.read("churn@1.1.0", "manifest.json")
        True

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.
            name: the file's name, such as "manifest.json".

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            StoreError: the version has no such file.
            IntegrityError: it is not the one that was released.
        """
        data = BytesIO()  # hands out what it holds without a copy
        for part in self.read_parts(ref, name):
            data.write(part)
        return data.getvalue()

    def read_parts(self, ref: str | ModelVersion, name: str) -> Iterator[memoryview]:
        """Yield one file of a version part by part, so that a large one needs little memory.

        Only the end shows whether it is the one that was released. A part is valid until you
        ask for the next.

        >>> sum(len(part) for part in store.read_parts("churn@1.1.0", "pipeline.joblib")) > 0
        True

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.
            name: the file's name, such as "pipeline.joblib".

        Raises:
            IntegrityError: after the last part, if it is not the one that was released.
        """
        expect(ref=ref, file=name)
        from gitmodelstore.operations.load import verified_parts

        return verified_parts(*self._lookup(ref, of_files=True), name)

    def lock(
        self, refs: Iterable[str | ModelVersion], folder: str | PathLike[str] | None = None
    ) -> Locked:
        """Pin versions in the modelstore.lock.json of the repository that uses them.

        >>> print(store.lock(["churn@production"], folder=".").path.name)
        modelstore.lock.json

        Args:
            refs: which versions; other pins in the file stay.
            folder: the folder of the file; None for the top of the repository around the
                working directory.

        Returns:
            What is pinned now, and what has changed.

        Raises:
            LockError: a version is withdrawn, or there is no such repository.
            FormatError: the existing file is not a lock file.
        """
        expect_given(path=folder)
        from gitmodelstore.operations.pins import lock, top_of

        return lock(
            self._repository, as_refs(refs), top_of(Path()) if folder is None else Path(folder)
        )

    def sync(
        self, lock_file: str | PathLike[str], target: str | PathLike[str] | None = None
    ) -> tuple[Synced, ...]:
        """Write what a lock file pins, verified, into folders `<model>-<version>`.

        >>> locked = store.lock(["churn@production"], folder=".")
        >>> [one.path.name for one in store.sync(locked.path)]
        ['churn-1.1.0']

        Args:
            lock_file: its path.
            target: where the folders go; None for `.models` beside the file.

        Returns:
            What is in the folders now, one entry for each pinned model.

        Raises:
            LockError: the file, or a version that it pins, does not exist.
            IntegrityError: the store has a different version with that number.
        """
        expect(path=lock_file)
        expect_given(path=target)
        from gitmodelstore.operations.pins import sync

        folder = None if target is None else Path(target)
        return sync(self._repository, Path(lock_file), folder)

    # Versions move between statuses, and are spoken of.

    def promote(
        self,
        ref: str | ModelVersion | Iterable[str | ModelVersion],
        status: str,
        *,
        reason: str | None = None,
        successor: str | Version | ModelVersion | None = None,
        vacate: bool = False,
        force: bool = False,
        replay: bool | None = None,
        sign: bool | None = None,
        push: bool | None = None,
        propose: bool | str = False,
    ) -> tuple[Event, ...]:
        """Give a version, or one each of several models in one commit, a status.

        The present holder of an exclusive status is archived. The gate that modelstore.toml
        sets before the status is judged first (docs/policy.md).

        >>> for event in store.promote("churn@1.2.0", "production", reason="more profit"):
        ...     print(event)
        churn 1.2.0 promoted: registered -> production (more profit)
        churn 1.1.0 archived: production -> archived (more profit)

        Args:
            ref: which version, or a list of them.
            status: as "staging" or "production".
            reason: why; needed with `force` and `vacate`, and for a version that was withdrawn.
            successor: the version that takes over an exclusive status which `ref` leaves.
            vacate: leave an exclusive status without a holder; otherwise that is refused.
            force: override the gate, on record, if the gate and the repository allow it.
            replay: whether to load the version and replay its sample first; None if its gate
                requires that.
            sign, push, propose: as for `register`.

        Returns:
            What happened; nothing if each had the status already. What was proposed happens
            when it is merged: its `proposal` says where it is.

        Raises:
            GateNotPassed: conditions of the gate are not met, or it does not load here for an
                exclusive status; each is listed.
            LifecycleError: no such status, or a move that the store does not allow, such as one
                that leaves an exclusive status empty; a withdrawn version without a reason.
            InvalidInput: `force` or `vacate` without a reason, `vacate` with a successor.
            LoadError, IntegrityError: it is to be replayed, and cannot be loaded here.
            VersionNotFound, ModelNotFound: `ref` names nothing; nothing was written.
        """
        status = as_text(status, "a status", "staging", InvalidName)
        expect_given(reason=reason, successor=successor)
        expect_flags(vacate=vacate, force=force)
        expect_flags_given(replay=replay, sign=sign)
        self._expect_push(push, propose)
        from gitmodelstore.operations.promote import Gatekeeper, promote

        refs = (
            [ref] if isinstance(ref, (str, bytes)) or not isinstance(ref, Iterable) else list(ref)
        )
        for one in refs:
            expect(ref=one)
        writer, reader = self._writer(sign), self._who_loads()
        keeper = Gatekeeper(writer, force, vacate, reason, replay, reader, successor)
        return self._share(lambda at: promote(at, keeper, refs, status), push, propose)

    def approve(
        self,
        ref: str | ModelVersion,
        status: str,
        *,
        reason: str | None = None,
        push: bool | None = None,
    ) -> Event:
        """Approve a version for a status, in a signed commit that does not move it.

        >>> print(store.approve("churn@1.2.0", "production", reason="reviewed"))
        churn 1.2.0 approved for production (reviewed)

        Args:
            ref: which version.
            status: as "production".
            reason: why.
            push: as for `register`.

        Returns:
            The approval; the earlier one if you have approved it already.

        Raises:
            LifecycleError: no such status, the version was withdrawn, or you registered it.
            SignatureError: it cannot be signed; nothing was written.
            VersionNotFound, ModelNotFound: `ref` names nothing.
        """
        expect(ref=ref)
        status = as_text(status, "a status", "staging", InvalidName)
        expect_given(reason=reason)
        self._expect_push(push)
        from gitmodelstore.operations.publish import approve

        return self._share(lambda at: approve(at, self._writer(True), ref, status, reason), push)

    def annotate(
        self,
        ref: str | ModelVersion,
        values: Mapping[str, Any],
        *,
        reason: str | None = None,
        sign: bool | None = None,
        push: bool | None = None,
    ) -> Event | None:
        """Add notes to a version after it was registered, in a commit that changes no file.

        >>> print(store.annotate("churn@1.1.0", {"validation_auc": 0.83, "approval": "A-17"}))
        churn 1.1.0 annotated: validation_auc=0.83 approval="A-17"

        Args:
            ref: which version.
            values: key to a number, true, false or one line of text, such as
                {"validation_auc": 0.83, "approval": "A-17"}; None removes a key.
            reason: why.
            sign, push: as for `register`.

        Returns:
            What was recorded; None if nothing is new.

        Raises:
            InvalidInput: a key or value is not valid, or a key to remove is not there; nothing
                was written.
            VersionNotFound, ModelNotFound: `ref` names nothing.
        """
        expect(ref=ref, values=values)
        expect_given(reason=reason)
        expect_flags_given(sign=sign)
        self._expect_push(push)
        from gitmodelstore.operations.publish import annotate

        return self._share(lambda at: annotate(at, self._writer(sign), ref, values, reason), push)

    @property
    def remotes(self) -> dict[str, str]:
        """The remotes of the store in git's configuration: name to URL, without credentials.

        >>> store.remotes
        {'origin': '/srv/shared.git'}
        """
        from gitmodelstore.operations.share import remotes_of

        return remotes_of(self._repository)

    def add_remote(self, name: str, url: str) -> dict[str, str]:
        """Add a remote to push to and pull from, as `git remote add` does.

        >>> store.add_remote("backup", "ssh://server/srv/models.git")
        {'origin': '/srv/shared.git', 'backup': 'ssh://server/srv/models.git'}

        Args:
            name: such as "origin".
            url: its URL or path, in any form that git accepts.

        Returns:
            All `remotes`.

        Raises:
            AlreadyExists: there is one of that name with a different URL.
            InvalidInput: the name or the URL is not valid.
        """
        expect(remote=name, url=url)
        from gitmodelstore.operations.share import add_remote

        refuse_cached(self._repository, "a further remote")
        add_remote(self._repository, name, url)
        return self.remotes

    def push(
        self,
        remote: str | None = None,
        *,
        renumber: bool = False,
        theirs: bool = False,
    ) -> Shared:
        """Send the branch and the tags of its versions to a remote, all or nothing.

        >>> store.push("../shared.git").tags
        ('churn@v1.0.0', 'churn@v1.1.0', 'churn@v1.2.0')

        If others pushed first, their events are fetched, and yours are judged and written again
        on top: a version whose number you did not choose gets the next one.

        Args:
            remote: its name or, in a store without remotes, the URL of the first one; None for
                the one that the branch follows.
            renumber: whether to give a version the next number if the one you chose is taken.
            theirs: whether to drop your status changes that conflict with those of others.

        Returns:
            What was sent; no commit and no tag if the remote had all of it.

        Raises:
            RemoteUnreachable: the remote cannot be reached; nothing has changed there.
            RemoteRefused: a hook or a rule of the host refused it.
            MissingObject: a large pipeline to be sent is not here.
            GitFailed: it needs git-lfs, which is not installed.
            MergeConflict: others moved the same version, or the same status.
            VersionExists: a number that you chose is taken there.
            StoreBusy: others kept pushing first.
        """
        expect_given(remote=remote)
        expect_flags(renumber=renumber, theirs=theirs)
        from gitmodelstore.operations.share import push

        return push(self._repository, self._writer, remote, renumber=renumber, theirs=theirs)

    def pull(
        self,
        remote: str | None = None,
        *,
        renumber: bool = False,
        theirs: bool = False,
    ) -> Shared:
        """Bring the store up to date with a remote, and put your own new events on top.

        >>> store.pull().received
        0

        Args:
            remote, renumber, theirs: as for `push`.

        Returns:
            What was received, and what has not been pushed yet.

        Raises:
            RemoteUnreachable, RemoteRefused, MergeConflict, VersionExists: as for `push`.
        """
        expect_given(remote=remote)
        expect_flags(renumber=renumber, theirs=theirs)
        from gitmodelstore.operations.share import pull

        return pull(self._repository, self._writer, remote, renumber=renumber, theirs=theirs)

    def fetch(self, remote: str | None = None, *, force: bool = False) -> Shared:
        """See what a remote has, without changing the store.

        >>> store.fetch().received
        0

        Args:
            remote: as for `push`.
            force: whether to accept a remote whose branch was reset.

        Returns:
            What was received.

        Raises:
            RemoteRefused: the branch was reset there.
            RemoteUnreachable: as for `push`.
        """
        expect_given(remote=remote)
        expect_flags(force=force)
        from gitmodelstore.operations.share import fetch

        return fetch(self._repository, remote, force=force)

    def archive(
        self,
        ref: str | ModelVersion,
        *,
        successor: str | Version | ModelVersion | None = None,
        reason: str | None = None,
        vacate: bool = False,
        sign: bool | None = None,
        push: bool | None = None,
        propose: bool | str = False,
    ) -> tuple[Event, ...]:
        """Retire a version; if it is in production, name the version that takes over.

        >>> for event in store.archive("churn@1.2.0", reason="of no use"):
        ...     print(event)
        churn 1.2.0 archived: registered -> archived (of no use)

        Args:
            ref: which version.
            successor: the version that takes over an exclusive status; None if it has none.
            reason: why.
            vacate: as for `promote`.
            sign, push, propose: as for `register`.

        Returns:
            What happened; nothing if it was archived already.

        Raises:
            LifecycleError: it has an exclusive status, and neither a successor nor `vacate` is
                given; or it has none, and a successor is given.
            InvalidInput: `vacate` without a reason, or with a successor.
        """
        return self._retire(ref, "archived", successor, reason, vacate, sign, push, propose)

    def withdraw(
        self,
        ref: str | ModelVersion,
        *,
        successor: str | Version | ModelVersion | None = None,
        reason: str | None = None,
        vacate: bool = False,
        sign: bool | None = None,
        push: bool | None = None,
        propose: bool | str = False,
    ) -> tuple[Event, ...]:
        """Mark a version as bad: from then on only its exact number finds it.

        >>> for event in store.withdraw("churn@1.1.0", successor="1.0.0", reason="bad data"):
        ...     print(event)
        churn 1.1.0 withdrawn: production -> withdrawn (bad data)
        churn 1.0.0 promoted: archived -> production (bad data)

        Args:
            ref, successor, reason, vacate, sign, push, propose: as for `archive`.

        Returns:
            What happened; nothing if it was withdrawn already.

        Raises: as `archive`.
        """
        return self._retire(ref, "withdrawn", successor, reason, vacate, sign, push, propose)

    def rollback(
        self,
        model: str,
        *,
        to: str | Version | ModelVersion | None = None,
        keep: bool = False,
        replay: bool = True,
        reason: str | None = None,
        vacate: bool = False,
        sign: bool | None = None,
        push: bool | None = None,
        propose: bool | str = False,
    ) -> tuple[Event, ...]:
        """Put the previous production version back, after verifying and replaying it here.

        >>> for event in store.rollback("churn", reason="more complaints"):
        ...     print(event)
        churn 1.1.0 withdrawn: production -> withdrawn (more complaints)
        churn 1.0.0 rolled-back: archived -> production (more complaints)

        Args:
            model: its name.
            to: which version; None for the most recent earlier one in production that is
                neither the current one nor withdrawn.
            keep: archive the replaced version instead of withdrawing it.
            replay: whether to refuse a version that answers differently here than when it was
                registered; False needs a reason.
            reason: why; required to go back to a version that was withdrawn.
            vacate: leave the exclusive status that the version has now empty; needs a reason.
            sign, push, propose: as for `register`.

        Returns:
            What happened.

        Raises:
            RollbackError: there is none, the one named was withdrawn and there is no reason,
                or it answers differently here.
            InvalidInput: `replay` is False, or `vacate` True, and there is no reason.
            IntegrityError, LoadError: it cannot be loaded here.
        """
        expect(model=model)
        expect_given(version=to, reason=reason)
        expect_flags(keep=keep, replay=replay, vacate=vacate)
        expect_flags_given(sign=sign)
        self._expect_push(push, propose)
        from gitmodelstore.operations.promote import NO_REPLAY, Gatekeeper, rollback

        is_pushed = propose is False and not self._is_cached and self._is_pushed(push)
        if is_pushed and self._repository.remote_names:
            from gitmodelstore.operations.share import prepare

            prepare(self._repository, self._writer)
        writer, reader = self._writer(sign), self._reader()
        # What a replay would find is noted in any case.
        keeper = Gatekeeper(writer, not replay, vacate, reason, False, forcing=NO_REPLAY)
        return self._share(lambda at: rollback(at, keeper, model, to, keep, reader), push, propose)

    # Whether what is there is what it claims to be.

    def verify(
        self,
        ref: str | ModelVersion | None = None,
        *,
        replay: bool = False,
        test: Any = None,
        target: str | None = None,
        signatures: bool = False,
        parse_dates: Sequence[str] = (),
    ) -> Verification:
        """Check whether versions are what was released; the result says what is wrong.

        >>> store.verify().is_sound
        True
        >>> print(store.verify("churn@production", replay=True))
        churn 1.1.0  6 files verified, answers identical

        Args:
            ref: which version; None for every version of every model.
            replay: also load the pipeline, run it on its sample, and compare the answers with
                those at registration.
            test: also load the pipeline and compute the standard metrics on this table,
                or CSV or Parquet file, with the inputs and the target as columns.
            target: name of the target's column; None for the recorded one.
            parse_dates: columns of `test` that hold dates, besides those recorded for the
                version.
            signatures: also verify who signed the tag, the registration and the last move, by
                the list of allowed signers in your git configuration.

        Returns:
            The result for each version; it prints as `gms verify` does.

        Raises:
            SignatureError: there is no such list, or ssh-keygen is not installed.
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            InvalidInput, FeatureMismatch: `test` is not such a table, or `ref` is None.
            PipelineRaised: the pipeline fails on the rows of `test`.
        """
        expect_given(ref=ref, column=target)
        expect_flags(replay=replay, signatures=signatures)
        dates = as_texts(parse_dates, "columns of dates", "opened_on")
        from gitmodelstore.lineage.tables import GivenRows
        from gitmodelstore.operations.verify import Signatures, VerifyOptions, verify

        snapshot = self._snapshot(warn=False)  # what it would say is a fault here
        rows = GivenRows(table=test, target=target, dates=dates)
        signed = Signatures(snapshot) if signatures else None
        return verify(snapshot, ref, VerifyOptions(replay, rows, self._reader(), signed))

    def verify_data(
        self, ref: str | ModelVersion, source: Any, *, role: str | None = None
    ) -> DataVerified:
        """Check whether data is what a version was made with, and if not, what differs.

        All of it is read, without the cache.

        >>> store.verify_data("churn@1.0.0", "train.csv").is_same
        True

        Args:
            ref: which version.
            source: a file, a folder, a `.dvc` file, or a table in memory, as for `register`; if
                the version recorded a table, also a CSV or Parquet file of it.
            role: "train", "test", …; None for the one with this digest, or the only one.

        Returns:
            What is the same, and what differs.

        Raises:
            InvalidInput: the version records no such data set, or several and `role` does not
                say which; the data cannot be read, changes while it is read, or is of a
                different kind than what was recorded.
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        expect(ref=ref)
        expect_given(role=role)
        from gitmodelstore.operations.verify import verify_data

        return verify_data(self._snapshot(), ref, source, role, self._progress)

    def environment(self, ref: str | ModelVersion) -> EnvironmentReport:
        """Return what a version was trained with, and what differs here.

        >>> store.environment("churn").matches
        True

        Args:
            ref: as everywhere.

        Raises:
            IntegrityError, FormatError: the version is not the one that was released.
        """
        from gitmodelstore.operations.load import environment_of

        return environment_of(*self._lookup(ref))

    def reproduce(
        self,
        ref: str | ModelVersion,
        command: Sequence[str],
        *,
        code: str | PathLike[str] | None = None,
        copy: Iterable[str | PathLike[str]] = (),
        uv: bool = True,
        keep: bool = False,
    ) -> Reproduction:
        """Train a version again from its recorded code, and compare what comes out.

        `command` runs in a temporary work tree of the training repository, at the recorded
        commit and with the changes that were kept. Whatever it registers goes into a temporary
        store; a script that registers nothing can `joblib.dump` its pipeline to the file
        $GMS_REPRODUCE_OUT. Both are removed afterwards. This runs the code of that commit and
        of code.diff, so use it only for versions from people you trust.

        >>> store.reproduce("churn", ("python", "train.py")).is_reproduced
        True

        Args:
            ref: as everywhere.
            command: the program and its arguments, such as ("python", "train.py"). It starts in
                the current folder of the repository, or at its top; `python` is that of the
                environment, and its output goes to stderr.
            code: a folder of the training repository; None for the one around the working
                directory.
            copy: files and folders in the repository that the command reads and that are not in
                git. Data sets recorded with a relative path are always copied.
            uv: whether uv recreates the recorded environment if the current one differs and uv
                is installed.
            keep: whether to keep the work tree and the store afterwards.

        Returns:
            What is the same, and what differs.

        Raises:
            CannotReproduce: the code is not at hand, or the command failed or wrote no pipeline.
            InvalidInput: there is no command, or nothing to copy.
            GitFailed: git could not check the code out, or the kept changes do not fit.
            IntegrityError, FormatError, MissingObject: the version is not the released one.
        """
        expect(ref=ref)
        expect_given(path=code)
        expect_flags(uv=uv, keep=keep)
        from gitmodelstore.operations.reproduce import ReproduceOptions, reproduce

        words, trusted = as_texts(command, "words of a command", "python"), tuple(self._trusted)
        place, copied = None if code is None else Path(code), as_paths(copy)
        options = ReproduceOptions(
            words, Path.cwd(), self._now(), self._notify, place, copied, uv, keep, trusted
        )
        return reproduce(*self._lookup(ref), options)

    def bisect(
        self,
        model: str,
        good: str | Version | ModelVersion,
        bad: str | Version | ModelVersion,
        test: Callable[[ModelVersion], bool | None],
        *,
        check: bool = True,
        seen: Callable[[Trial], None] | None = None,
    ) -> Bisection:
        """Find the first bad version of a model between two, with as few tests as possible.

        >>> def is_good(version):
        ...     return store.show(version).metrics["profit"] < 4
        >>> print(store.bisect("churn", "1.0.0", "1.2.0", is_good).first_bad)
        churn 1.2.0

        Withdrawn versions are tested too. One that is damaged or cannot be loaded is skipped.

        Args:
            model: its name.
            good, bad: versions, the good one below the bad one.
            test: returns whether a version is good; None if that cannot be said.
            check: whether to test these two first.
            seen: called with each trial.

        Returns:
            The first bad version, or the candidates if there are several, and the trials.

        Raises:
            BisectionError: the good one is not below the bad one, or not good, or the bad one
                not bad.
            InvalidInput: the test answers neither True, False nor None.
            ModelNotFound, VersionNotFound, InvalidReference: one of the names names nothing.
        """
        expect(model=model, good=good, bad=bad)
        expect_function("test", test)
        if seen is not None:
            expect_function("seen", seen)
        expect_flags(check=check)
        from gitmodelstore.operations.reproduce import bisect

        return bisect(
            self._snapshot(), model, good, bad, test, check=check, notify=self._notify, seen=seen
        )

    def audit(
        self,
        model: str,
        *,
        since: str | date | None = None,
        to: str | PathLike[str] | None = None,
        artifacts: bool = False,
        force: bool = False,
    ) -> Audit:
        """Write the history of a model to a zip file, for somebody who has no tools.

        It has events, approvals, overrides and annotations, who signed what, the policy in
        force at each event, manifests and cards, and a SHA-256 of every file. The file and the
        result list what could not be read. The same commit of the store, arguments and list
        of allowed signers give the same bytes.

        >>> store.audit("churn").path.name
        'churn-audit.zip'

        Args:
            model: its name.
            since: leave out the events before this moment: text, a date or a datetime; a day
                means its beginning, a time without a zone is UTC.
            to: the file to write; None for `<model>-audit.zip` in the working directory.
            artifacts: whether to include the pipelines and other files of the versions.
            force: whether to overwrite an existing file.

        Returns:
            What is in it, and what could not be read.

        Raises:
            ModelNotFound: there is no such model.
            InvalidReference: `since` is not a date.
            CannotWrite: the file exists, or cannot be written; nothing is left.
        """
        expect(model=model)
        expect_given(moment=since, path=to)
        expect_flags(artifacts=artifacts, force=force)
        from gitmodelstore import __version__
        from gitmodelstore.operations.audit import audit

        text = since.isoformat() if isinstance(since, date) else since
        return audit(
            self._snapshot(),
            model,
            Path(to or f"{model}-audit.zip"),
            release=__version__,
            since=None if text is None else parse_since(text),
            artifacts=artifacts,
            replace=force,
        )

    def site(self, folder: str | PathLike[str] = "site") -> Site:
        """Write the catalogue: pages that show the store in a browser and need no server.

        There is a page for all models, for each model and each version, for comparing two
        versions, and for every event. The same commit of the store, release and list of allowed
        signers give the same bytes. An existing catalogue is brought up to date.

        >>> store.site("catalogue").index.name
        'index.html'

        Args:
            folder: a new or empty folder, or one with an earlier catalogue.

        Returns:
            How many files were written, and what could not be read.

        Raises:
            CannotWrite: the folder has other files, or cannot be written.
        """
        expect(path=folder)
        from gitmodelstore import __version__
        from gitmodelstore.operations.site import site

        return site(self._snapshot(), Path(folder), release=__version__)

    def validate(self, between: tuple[str, str] | None = None) -> Faults:
        """Return what is wrong with the store, by the same checks as the server's gate.

        Its `notes` are for information, such as commits that are dated before their parents.

        >>> store.validate()
        <0 faults>

        Args:
            between: two commits, by any name that git knows: check only what the second adds
                to the first, and the merge of both; None for every commit of the store's
                branch and every tag.

        Raises:
            GitFailed: one of the two is not a commit.
        """
        if between is not None and len(as_texts(between, "two commits", "HEAD~1")) != 2:
            raise InvalidInput(
                f"expected two commits, found {shown(between)}",
                hint="such as ('origin/main', 'HEAD')",
            )
        from gitmodelstore.operations.validate import validate

        return validate(self._repository, between)

    def doctor(self, *, fix: bool = False, push: bool = False) -> Diagnosis:
        """Return what is wrong with the repository: branch, tags, registry, objects, leftovers.

        >>> store.doctor().faults
        ()

        Args:
            fix: first repair what can be repaired without guessing; otherwise nothing is
                written.
            push: with `fix`, pull first, and afterwards push what the remote lacks, such as the
                tags of versions that were merged on a host.

        Raises:
            NoIdentity: `fix`, and git does not know who you are.
            StoreBusy: `fix`, and another process keeps writing.
            RemoteUnreachable, RemoteRefused, MergeConflict, VersionExists: as for `push`.
        """
        expect_flags(fix=fix, push=push)
        if push and not fix:
            raise InvalidInput("push needs fix", hint="store.doctor(fix=True, push=True)")
        from gitmodelstore.operations.doctor import doctor

        if fix:
            refuse_cached(self._repository, "a repair")
            refuse_mirror(self._repository)
        if push:
            self.pull()
        diagnosis = doctor(self._repository, self._writer if fix else None)
        if not push:
            return diagnosis
        from gitmodelstore.operations.share import push_repaired

        return push_repaired(self._repository, self._writer, diagnosis)

    # What the methods need.

    def _expect_push(self, push: bool | None, propose: bool | str = False) -> None:
        """Refuse what cannot be pushed before anything is written."""
        expect_flags_given(push=push)
        if self._is_cached and push is False:
            what = "changes to a store at a URL are always pushed"
            raise InvalidInput(what, hint="to keep changes to yourself, clone it: gms clone URL")
        expect(propose=propose)
        if push and propose is not False:
            raise InvalidInput("a proposal is pushed to a branch of its own", hint="omit push")
        if scratch_store():
            return
        # A store that always pushes is written before it has a remote.
        may = push is None and bool(self._repository.remote_names)
        always = may and self._snapshot(warn=False).policy.push
        if push or always or propose is not False:
            from gitmodelstore.operations.share import find_remote

            find_remote(self._repository, pushing=propose is False)

    def _is_pushed(self, wanted: bool | None) -> bool:
        return self._snapshot().policy.push if wanted is None else wanted

    def _share(
        self,
        make: Callable[[Repository], Made],
        push: bool | None,
        propose: bool | str = False,
    ) -> Made:
        """Make something, push or propose it if that is wanted, and return it as it is then."""
        is_alone = not (self._is_cached or self._repository.remote_names)
        if scratch_store() or (is_alone and propose is False):
            return make(self._repository)
        from gitmodelstore.operations.share import propose as proposed
        from gitmodelstore.operations.share import share

        def made_at(repository: Repository, push: bool | None) -> Made:
            if propose is not False:
                branch = None if propose is True else propose
                return proposed(repository, self._writer, make, branch)
            return share(repository, self._writer, make(repository), push)

        if not self._is_cached:
            return made_at(self._repository, push)
        from gitmodelstore.operations.init import copy_to_write

        with copy_to_write(self._repository) as repository:
            return made_at(repository, True)

    def _retire(
        self,
        ref: str | ModelVersion,
        status: str,
        successor: str | Version | ModelVersion | None,
        reason: str | None,
        vacate: bool,
        sign: bool | None,
        push: bool | None,
        propose: bool | str,
    ) -> tuple[Event, ...]:
        expect(ref=ref)
        expect_given(successor=successor, reason=reason)
        expect_flags(vacate=vacate)
        expect_flags_given(sign=sign)
        self._expect_push(push, propose)
        from gitmodelstore.operations.promote import Gatekeeper, retire

        writer, reader = self._writer(sign), self._who_loads()
        keeper = Gatekeeper(writer, False, vacate, reason, None, reader, successor)
        return self._share(lambda at: retire(at, keeper, ref, status), push, propose)

    def _who_loads(self) -> Callable[[], Reader] | None:
        """Return who loads a version before its move; None inside `gms reproduce`."""
        return None if scratch_store() else self._reader

    def _snapshot(self, *, warn: bool = True) -> Snapshot:
        """Return the store now; warn once if tags name versions that it lacks."""
        if self._is_cached:
            from gitmodelstore.operations.init import refresh

            refresh(self._repository)
        snapshot = Snapshot.now(self._repository)
        if not warn:
            return snapshot
        state = self._state(snapshot)
        if state is not None and state == self._looked_at:
            return snapshot
        try:
            lacks = behind_tags(snapshot)
        except StoreError:  # of the registry, which whoever needs it is told
            return snapshot
        if lacks is not None and lacks != self._told_behind:
            warn_user(BehindWarning(lacks))
        self._told_behind, self._looked_at = lacks, state
        return snapshot

    def _state(self, snapshot: Snapshot) -> object:
        """Return a value that changes when the branch or a tag moves; None if that is unclear."""
        tags = self._repository.tags_state()
        return tags and (snapshot.commit.oid, tags)

    def _tell_of(self, unread: Iterable[Unread]) -> None:
        """Warn of what is missing from an answer."""
        from gitmodelstore.operations.search import told

        for sentence in told(unread):
            warn_unread(sentence)

    def _lookup(
        self, ref: str | ModelVersion, *, of_files: bool = False
    ) -> tuple[Snapshot, ModelVersion]:
        """Return the store now, and the version that `ref` names in it.

        Files of a version that its number names are always the same, whatever the store lacks.
        """
        expect(ref=ref)
        from gitmodelstore.operations.resolve import resolve

        snapshot = self._snapshot(warn=not (of_files and _is_exact(ref)))
        return snapshot, resolve(snapshot, ref)

    def _reader(self) -> Reader:
        """Return who reads; the configuration is read once for each store."""
        if self._who_reads is None:
            from gitmodelstore.operations.load import reader_of

            self._who_reads = reader_of(self._trusted, cache=self._cache, notify=self._notify)
        return self._who_reads

    def _code_around(
        self, code: str | PathLike[str] | None
    ) -> tuple[tuple[Path, ...], Path | None]:
        """Return the folders in which the training repository may be, and the script that runs."""
        folder, script = training_code("auto")
        if code == "auto":
            return tuple(dict.fromkeys((folder or Path(), Path(), self.path.parent))), script
        return (Path(code),) if code is not None else (), script

    def _hashing(self) -> Hashing:
        from gitmodelstore.lineage.data import Hashing
        from gitmodelstore.plumbing.files import cache_folder

        return Hashing(cache_folder() if self._cache else None, self._progress)

    def _writer(self, sign: bool | None = None, *, nobody: Identity | None = None) -> Writer:
        """Return who writes; `nobody` stands for those whom git does not know."""
        from gitmodelstore.plumbing.signing import identities

        refuse_mirror(self._repository)
        who = self._identities
        if nobody is not None:
            who = (nobody, nobody)
        elif who is None:
            who = self._identities = identities(self._repository)
        durable = self._durable
        if durable is None:
            durable = self._repository.setting("store.durable") != "false"
        wait = self._wait_seconds
        writer = Writer(*who, self._now(), self._notify, durable, wait, clock=self._now)
        return signing(writer, self._repository, sign)


def _tell(notify: Notify, text: str) -> None:
    """Say what may quote a file or a name to somebody who may print it."""
    notify(visible(text))


def _log(note: str) -> None:
    """Send a note to the log of this package."""
    import logging  # which takes longer than `gms` has for it, and commands show their notes

    logger = logging.getLogger("gitmodelstore")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.info("%s", note)


def warn_unread(sentence: str) -> None:
    """Warn that something is missing from an answer."""
    warn_user(UnreadWarning(sentence))


def _settings(*values: Any) -> dict[str, Any]:
    """Return settings of the class by name, checked before a store is looked for or created."""
    settings = dict(zip(_SETTINGS, values, strict=True))
    for word in ("notify", "now", "progress", "meter"):
        if settings[word] is not None:
            expect_function(word, settings[word])
    expect_flags(cache=settings["cache"])
    expect_flags_given(durable=settings["durable"])
    expect(seconds=settings["wait_seconds"])
    return settings


def place_of(
    path: str | PathLike[str] | None, notify: Notify | None = None, meter: Notify | None = None
) -> str | PathLike[str] | None:
    """Return `path`; if it, or otherwise $GITMODELSTORE, is a URL, its clone in the cache."""
    named = named_store() if path is None else path
    if scratch_store() or not is_elsewhere(named):
        return path
    from gitmodelstore.operations.init import cached

    try:
        return cached(str(named), notify or _log, meter)
    except (NotAStore, GitFailed) as error:
        if path is not None:
            raise
        raise type(error)(str(error), hint=f"$GITMODELSTORE names it; {error.hint}") from None


def _clock() -> datetime:
    return datetime.now(timezone.utc).astimezone()


def _writer(notify: Notify | None, folder: Path) -> Writer:
    """Return who creates a store in `folder`, before it exists."""
    from gitmodelstore.plumbing.signing import read_identity

    author, _ = read_identity(folder, "AUTHOR")
    committer, when = read_identity(folder, "COMMITTER")
    return Writer(author, committer, when, notify or _log)


def training_code(code: str | PathLike[str] | None) -> tuple[Path | None, Path | None]:
    """Return the folder and the script that `register` records; None if unknown."""
    if code is None:
        return None, None
    if code != "auto" and not Path(code).exists():
        raise InvalidInput(
            f"'{os.fspath(code)}' does not exist",
            hint="check the path; None records no training code",
        )
    if code != "auto" and Path(code).is_file():
        return Path(code).absolute().parent, Path(code)
    from gitmodelstore.lineage.code import entry_point

    script = entry_point()
    return (Path(script.parent if script else ".") if code == "auto" else Path(code)), script


def _is_exact(ref: str | ModelVersion) -> bool:
    """Whether a reference names a version by its number, whose files are always the same."""
    if not isinstance(ref, str):
        return True
    try:
        return isinstance(Reference.parse(ref).selector, Version)
    except InvalidReference:
        return True
