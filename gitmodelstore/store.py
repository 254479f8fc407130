"""The store, as training and serving code use it.

Store delegates: each method gathers what its operation needs (the repository, the
writer, paths) and calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import NotAStore
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.writer import Writer, signing
from gitmodelstore.plumbing.identity import Identity, read_identity
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.user import scratch_store
from gitmodelstore.values.moment import as_moment, parse_since

if TYPE_CHECKING:
    import pandas as pd

    from gitmodelstore.checks.approvals import Approval
    from gitmodelstore.checks.fault import Fault
    from gitmodelstore.lineage.files import Hashing, Progress
    from gitmodelstore.operations.audit import Audit
    from gitmodelstore.operations.bisect import Bisection, Trial
    from gitmodelstore.operations.blame import Blame, FieldChange
    from gitmodelstore.operations.compare_environment import EnvironmentReport
    from gitmodelstore.operations.examine import Diagnosis
    from gitmodelstore.operations.listing import Listed
    from gitmodelstore.operations.lock import Locked
    from gitmodelstore.operations.reproduced import Reproduction
    from gitmodelstore.operations.search import Answer, Match
    from gitmodelstore.operations.sync import Synced
    from gitmodelstore.operations.verify import Verification
    from gitmodelstore.operations.verify_data import DataVerified
    from gitmodelstore.pipelines.load import Reader
    from gitmodelstore.values.annotations import Annotation
    from gitmodelstore.values.diff import Diff
    from gitmodelstore.values.events import Event
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import Holding, ModelSummary, ModelVersion
    from gitmodelstore.values.version import Version

Notify = Callable[[str], None]


def _silent(_: str) -> None:
    """The library prints nothing; pass `notify=print` to see what a command would say."""


class Store:
    """One artifacts repository.

    Args:
        repository: the open repository.
        notify: takes the sentences that a command would print on stderr, such as
            why a version got its number; None drops them.
        now: returns the moment that a commit bears; None is the clock.
        durable: whether a write returns only when it is on disk; None is git's
            setting `store.durable`, true unless set.
        wait_seconds: how long a write waits for another one to finish.
        trusted: packages and classes of your own that pipelines may hold, such as
            "mypackage" (the classes defined in it) or "mypackage.features.LogScaler";
            besides those that GITMODELSTORE_TRUSTED, the user's configuration file and
            `[tool.gitmodelstore] trusted` of the project's pyproject.toml name. What a
            store says of trust is never asked.
        cache: whether to note in the user's cache which pipelines were found harmless, so
            that they load faster from then on, the digests of large data files, so that they
            are read again only when they have changed, and, in the git directory, what
            manifests say, so that searches are quick.
        progress: takes how far the reading of data is: what is read, how many bytes of it
            were, and how many it has. It is called at every file and every mebibyte, and may
            raise to stop. None is told nothing.

    Attributes:
        path: the work tree, or the git directory of a bare store.
        created: whether `init` has just made it.
        host_rules: what `init` says is to be set on the git host, one sentence each.
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
        self.path = repository.work_tree or repository.common_dir
        self.created = False
        self.host_rules: tuple[str, ...] = ()
        self._repository = repository
        self._notify = notify or _silent
        self._now = now or _clock
        self._durable = durable
        self._wait_seconds = wait_seconds
        self._trusted = trusted
        self._cache = cache
        self._progress = progress
        self._who_reads: Reader | None = None
        self._identities: tuple[Identity, Identity] | None = None

    @classmethod
    def init(
        cls,
        path: str | Path = ".",
        *,
        bare: bool = False,
        place_inside: bool = False,
        host: str | None = None,
        owner: str | None = None,
        notify: Notify | None = None,
        **settings: Any,
    ) -> Store:
        """Make a store, or open the one that is there.

        Inside the work tree of a code repository the store becomes a repository of
        its own, which the code repository then ignores.

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
            notify, settings: as for the class.

        Raises:
            NotAStore: the folder holds other things.
            NoIdentity: git does not know who you are.
        """
        from gitmodelstore.operations.init import init

        if scratch := scratch_store():
            return cls.open(scratch, notify=notify, **settings)
        made = init(
            Path(path),
            bare=bare,
            identify=lambda folder: _writer(folder, notify),
            place_inside=place_inside,
            host=host,
            owner=owner,
        )
        for note in made.notes:
            (notify or _silent)(note)
        store = cls(made.repository, notify=notify, **settings)
        store.created = made.created
        store.host_rules = made.rules
        return store

    @classmethod
    def clone(
        cls,
        url: str,
        path: str | Path,
        *,
        meter: bool = False,
        notify: Notify | None = None,
        **settings: Any,
    ) -> Store:
        """Clone a shared store, with git's drivers and hooks as `init` sets them up.

        Args:
            url: where it is, as git takes it.
            path: where to; a new folder, or an empty one.
            meter: whether git shows on the standard error how far it is.
            notify, settings: as for the class.

        Raises:
            InvalidInput: the url is none, or `path` holds something.
            GitFailed: git could not clone it.
            NotAStore: it is a repository of something else; nothing is left.
        """
        from gitmodelstore.operations.clone import clone

        if scratch := scratch_store():
            return cls.open(scratch, notify=notify, **settings)
        repository = clone(url, Path(path), notify or _silent, meter=meter)
        return cls(repository, notify=notify, **settings)

    @classmethod
    def open(cls, path: str | Path | None = None, **settings: Any) -> Store:
        """Open a store; in a command that `gms reproduce` runs, the one that stands in for all.

        Args:
            path: the store; None for the one that `[tool.gitmodelstore] store` of a
                pyproject.toml above the working directory names, else the repository
                around the working directory, or the store in its `models/`.
            settings: as for the class.

        Raises:
            NotAStore: there is none.
            UnsupportedRepository: a repository with sha256 ids or reftable refs.
        """
        from gitmodelstore.operations.discover import discover

        path = scratch_store() or path
        repository = discover(Path()) if path is None else Repository.open(Path(path))
        Snapshot.now(repository)
        return cls(repository, **settings)

    @classmethod
    def find(cls, folder: str | Path, **settings: Any) -> Store:
        """Open the store that `folder` is or, if it is none, the one that it belongs to.

        Args:
            folder: a store, or a folder from which it is looked for as `open` does from
                the working directory.
            settings: as for the class.

        Raises:
            NotAStore, UnsupportedRepository: as in `open`.
        """
        from gitmodelstore.operations.discover import discover

        if not Path(folder).is_dir() and not scratch_store():
            raise NotAStore(f"there is no folder '{folder}'")
        try:
            return cls.open(folder, **settings)
        except NotAStore:
            repository = discover(Path(folder))
        Snapshot.now(repository)
        return cls(repository, **settings)

    def register(
        self,
        pipeline: Any,
        model: str,
        *,
        X_test: Any = None,
        y_test: Any = None,
        test: Any = None,
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
        code: str | Path | None = "auto",
        keep_diff: bool = False,
        trained_at: datetime | None = None,
        custom: Mapping[str, Any] | None = None,
        run: bool = True,
        sign: bool | None = None,
    ) -> ModelVersion:
        """Keep a fitted pipeline as a new version of a model.

        Args:
            pipeline: a fitted scikit-learn estimator, or the path of a file that
                joblib wrote, which is loaded once and kept byte for byte.
            model: the model's name: lower-case letters, digits, - and _.
            X_test: rows to test on, shape (n_samples, n_features); they give the
                names and types of the inputs, and are recorded as the data set "test".
            y_test: the answers to them, shape (n_samples,); with them the standard
                metrics are added (classifier: accuracy, f1_macro, roc_auc where it is
                defined; regressor: r2, mae, rmse).
            test: instead of these two a table, or a CSV or Parquet file, with the inputs and
                the target as columns; it is recorded as the data set "test".
            baseline: also score the present production version on the test rows, and record
                its metrics beside those of this one, so that a gate can compare them. It is
                loaded as `load` does.
            sample: what `verify(replay=True)` asks the pipeline again: "synthetic" rows
                like those of `X_test`, in which nobody's record is; "rows", true rows of
                it; None for no sample.
            sample_from: other rows to make the sample from than `X_test`: a table, or
                the path of a CSV or Parquet file.
            data: role to data set: a path, a DataFrame, an array, or a pair of these; or
                {"source": one of them, "uri": …, "name": …, "version": …} for what is to be
                recorded instead of what is found, and "profile": False for columns without
                summary numbers.
            metrics: name to finite number; they come before standard ones of that name.
            target: name of the predicted column; None takes it from `y_test`.
            card: "intended_use", "limitations", and headings of your own, as Markdown.
            message: what is to be said about it.
            version: exactly this number; None for the next one.
            bump: how the next number is found: "auto" raises the major part when
                inputs, target or classes change, the minor when steps or params do,
                else the patch.
            allow_backport: whether `version` may lie below the highest.
            if_changed: return the highest version, and write nothing, when pipeline
                and manifest are the same but for the times.
            code: a folder of the training repository, or the script or notebook itself;
                "auto" is that of the running script or notebook (in an installed
                program: the working directory), None records none.
            keep_diff: also keep what is not committed there, as the file code.diff, of which
                `reproduce` rebuilds the code.
            trained_at: when it was trained, UTC where it names no zone; None is now, or
                the file's time.
            custom: JSON of your own.
            run: of a file: False keeps it without loading it, where its classes are neither
                here nor trusted; the manifest then has what the file says of itself.
            sign: whether to sign commit and tag, with git's own settings (docs/signing.md);
                None where git is configured to.

        Raises:
            UnfittedPipeline, NotAPipeline, UnportablePipeline, FeatureMismatch,
            InvalidMetric, InvalidInput, InvalidName, InvalidVersion, VersionExists:
                it is refused, and nothing was written.
            FeatureMismatch, LoadError, InvalidInput: the production version cannot be scored
                as a baseline.
            StoreBusy, LocalChanges, CannotWrite: the store could not take it.
        """
        from gitmodelstore.operations.numbering import Wish
        from gitmodelstore.operations.prepare import Submission
        from gitmodelstore.operations.register import register

        folder, script = _training_code(code)
        what = Submission(
            pipeline,
            model,
            Wish.of(version, bump, allow_backport),
            X_test=X_test,
            y_test=y_test,
            test=test,
            baseline=baseline,
            sample=sample,
            sample_from=sample_from,
            data=data or {},
            metrics=metrics or {},
            target=target,
            card=card or {},
            message=message,
            if_changed=if_changed,
            code=folder if folder and not self._holds(folder) else None,
            entry_point=script,
            keep_diff=keep_diff,
            trained_at=as_moment(trained_at) if trained_at else None,
            custom=custom or {},
            reader=self._reader() if baseline or isinstance(pipeline, (str, Path)) else None,
            run=run,
            hashing=self._hashing(),
        )
        return register(self._repository, self._writer(sign), what)

    def register_folder(
        self,
        folder: str | Path,
        model: str | None = None,
        *,
        version: str | Version | None = None,
        bump: str | None = None,
        allow_backport: bool = False,
        message: str | None = None,
        accept_changes: bool = False,
        if_changed: bool = False,
        run: bool = False,
    ) -> ModelVersion:
        """Keep a folder of a version, by hand or written by `download`, as a new one.

        What its manifest says of data, code, environment, metrics and card is kept, as far
        as it can be read; number, parent, author, date, digests and the card's page are made
        anew. A `models/<model>` of this store's own work tree is registered as it lies
        there, staged or not, and is clean afterwards.

        Args:
            folder: with pipeline.joblib, and the other files of a version.
            model: its name; None takes it from the store's own folder, the manifest, or the
                folder's name.
            version: exactly this number.
            bump: else: "major", "minor", "patch" or "auto", as in `register`. With neither
                it is the number of the manifest where that is new and the highest, else "auto".
            allow_backport: whether `version` may lie below the highest.
            message: what is to be said about it; None keeps the manifest's.
            accept_changes: take a pipeline whose bytes are not the ones that the manifest
                names, and renew its digest.
            if_changed: return the highest version, and write nothing, when nothing but the
                times, the author and the message would differ.
            run: load the pipeline, to describe it and to ask it its sample; without it
                nothing is unpickled, and what the manifest does not tell, a dry walk does.

        Raises:
            NotAStore: there is no such folder, or no pipeline in it.
            IntegrityError: the pipeline is not the one that its manifest names.
            InvalidInput, InvalidName, InvalidVersion, VersionExists, RefusedPickle: it is
                refused, and nothing was written.
            StoreBusy, LocalChanges, CannotWrite: the store could not take it.
        """
        from gitmodelstore.operations.numbering import Wish
        from gitmodelstore.operations.prepare_folder import FolderSubmission
        from gitmodelstore.operations.register_folder import register_folder

        wish = Wish.of(version, bump or "auto", allow_backport) if version or bump else None
        what = FolderSubmission(
            Path(folder),
            model,
            wish,
            message,
            accept_changes,
            if_changed,
            run,
            self._reader() if run else None,
        )
        return register_folder(self._repository, self._writer(), what)

    def load(self, ref: str | ModelVersion, *, environment: str = "warn") -> Any:
        """Return the pipeline that `ref` names, verified and ready to predict.

        What is no part of a pipeline is refused before it acts. That is no sandbox: load
        models of people you trust (docs/security.md).

        Args:
            ref: as everywhere.
            environment: what to do where another scikit-learn, numpy, pandas or Python is
                installed than at training: "warn" once (EnvironmentWarning) of what may
                change answers, "exact" refuses any difference, "ignore" says nothing.

        Raises:
            EnvironmentDiffers: something differs, and `environment` is "exact".
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            IntegrityError: the bytes are not the ones that were released.
            MissingObject: they are not on this machine.
            RefusedPickle: they would do more than the parts of a pipeline may.
            LoadError: they cannot be unpickled here.
        """
        from gitmodelstore.operations.load import load

        snapshot = self._snapshot()
        return load(
            snapshot,
            self._resolve(snapshot, ref),
            self._notify,
            self._reader(),
            environment=environment,
        )

    def load_unsafe(self, ref: str | ModelVersion) -> Any:
        """Return the pipeline that `ref` names, verified, and RUN WHATEVER ITS FILE SAYS.

        For what `load` refuses, of people whom you trust with this machine. Trusting
        their package (`trusted=`) is the better way.

        Raises:
            as `load`, but RefusedPickle.
        """
        from gitmodelstore.operations.load import load

        snapshot = self._snapshot()
        return load(snapshot, self._resolve(snapshot, ref), self._notify, unsafe=True)

    def version(self, ref: str | ModelVersion) -> ModelVersion:
        """Return the version that `ref` names.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: it names nothing.
        """
        return self._resolve(self._snapshot(), ref)

    def show(self, ref: str | ModelVersion) -> Manifest:
        """Return the manifest of the version that `ref` names.

        Raises:
            IntegrityError, FormatError: it is not the one that was released.
        """
        snapshot = self._snapshot()
        return snapshot.manifest(self._resolve(snapshot, ref))

    def models(self) -> tuple[ModelSummary, ...]:
        """Return every model of the store, by name."""
        from gitmodelstore.operations.overview import models

        return models(self._snapshot())

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Return every version of a model, highest first.

        Raises:
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.operations.overview import versions

        return versions(self._snapshot(), model)

    def listing(self, model: str) -> Iterator[Listed]:
        """Yield the versions of a model with their manifests, highest first.

        One that cannot be read says why instead.

        Raises:
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.operations.listing import listing

        return listing(self._snapshot(), model)

    def log(self, model: str | None = None) -> Iterator[Event]:
        """Yield what happened in the store, or to one model, newest first.

        Raises:
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.operations.history import log
        from gitmodelstore.operations.resolve import check_model

        snapshot = self._snapshot()
        if model is not None:
            check_model(snapshot, model)
        return log(snapshot, model)

    def search(
        self, expression: str, model: str | None = None, *, sort: str | None = None
    ) -> tuple[Match, ...]:
        """Return the versions that an expression holds of: by model, highest version first.

            store.search('metrics.test_auc > 0.9 and status == "production"')

        Args:
            expression: over manifest and status (docs/search.md).
            model: whose versions; None for all models.
            sort: a field to sort by, such as "metrics.test_auc", with "-" before it the
                highest first; those without it come last.

        Raises:
            InvalidQuery: it cannot be understood; the message points at the place.
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.operations.search import told

        answer = self.answer(expression, model, sort=sort)
        for sentence in (*told(answer.unread), *filter(None, [answer.note])):
            self._notify(sentence)
        return answer.matches

    def answer(
        self, expression: str, model: str | None = None, *, sort: str | None = None
    ) -> Answer:
        """Return what `search` does, with the versions that could not be asked, and why."""
        from gitmodelstore.operations.search import search

        return search(self._snapshot(), expression, model, sort=sort, keep=self._cache)

    def frame(self, model: str | None = None) -> pd.DataFrame:
        """Return a table of the versions of a model, or of all, in the order of `search`.

        Its index is the reference of each version, `churn@1.4.0`; status, dates, metrics.*,
        params.*, data.<role>.*, code.* and the like are its columns (docs/search.md).

        Raises:
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.operations.frame import frame
        from gitmodelstore.operations.search import told

        table, unread = frame(self._snapshot(), model, keep=self._cache)
        for sentence in told(unread):
            self._notify(sentence)
        return table

    def blame(self, field: str, model: str | None = None) -> tuple[FieldChange, ...]:
        """Return each version in which a field of the manifest changed, newest first.

            store.blame("features=income", "churn")[-1].version  # which first used it

        Args:
            field: its name, as in `search`; with `=VALUE` the versions alone in which it
                came to that value, or a list got it.
            model: whose versions; None for all models.

        Raises:
            InvalidQuery: that is no field.
            InvalidInput: the value could never be one of that field.
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.operations.search import told

        found = self.blame_with_unread(field, model)
        for sentence in told(found.unread):
            self._notify(sentence)
        return found.changes

    def blame_with_unread(self, field: str, model: str | None = None) -> Blame:
        """Return what `blame` does, with the versions that could not be asked, and why."""
        from gitmodelstore.operations.blame import blame

        return blame(self._snapshot(), field, model, keep=self._cache)

    def which(self, ref: str | ModelVersion, *, at: str | date | None = None) -> Holding:
        """Return the version that `ref` names, since when, by whom and why.

        Args:
            ref: as everywhere.
            at: ask as of this moment: text, a date or a datetime; a day means its end, a
                time without a zone is UTC.
        """
        from gitmodelstore.operations.which import which

        moment = None if at is None else as_moment(at)
        return which(self._snapshot(), ref, at=moment)

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
        code: str | Path | None = "auto",
    ) -> Diff:
        """Return what differs between two versions, or a version and a pipeline; write nothing.

        Args:
            a: a version, as everywhere.
            b: another one, of the same model or not; or a fitted pipeline that is not
                registered; or a `Path` of one that joblib wrote.
            X_test, y_test: rows and the answers to them, which both are scored on, and which
                both answer; a column that one of the two does not take is left out for it.
            test: a table, or a CSV or Parquet file, with both, instead of `X_test` and `y_test`.
            target: name of the target's column in `test`.
            answers: whether both answer to the rows of the samples: None takes the recorded
                answers where both samples hold the same rows, and loads the two versions only
                where they do not; True loads them in any case; False compares none.
            code: the training repository; "auto" is the one around the working directory, or
                around the store; None looks into none.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `a` or `b` names nothing.
            FeatureMismatch: the pipeline does not take the columns of `X_test`.
            UnfittedPipeline, NotAPipeline, UnportablePipeline, RefusedPickle: the pipeline is
                none that could be registered.
            GitFailed: git refuses the repository that the pipeline was trained in.
            InvalidInput: answers without the rows that they belong to, or a table that cannot
                be read.
            IntegrityError, FormatError: a manifest is not the one that was released.
        """
        from gitmodelstore.operations.diff import Question, diff

        folder, script = _training_code("auto")
        around = dict.fromkeys((folder or Path(), Path(), self.path.parent))
        question = Question(
            self._reader,
            X_test=X_test,
            y_test=y_test,
            test=test,
            target=target,
            answers=answers,
            code=tuple(around) if code == "auto" else (Path(code),) if code is not None else (),
            entry_point=script,
        )
        return diff(self._snapshot(), a, b, question)

    def promote(
        self,
        ref: str | ModelVersion | Sequence[str | ModelVersion],
        status: str,
        *,
        reason: str | None = None,
        force: bool = False,
        replay: bool | None = None,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Give a version, or one each of several models in one commit, a status.

        The present holder of an exclusive status is archived. The gate that modelstore.toml
        sets before the status is judged first (docs/policy.md).

        Args:
            ref: which version, or a list of them.
            status: as "staging" or "production".
            reason: why; needed with `force`.
            force: override the gate, which is recorded, where the gate and the repository
                let anybody do so.
            replay: whether to load the version and ask it its sample again first: None when
                its gate wants that; True in any case, False in none.
            sign: as for `register`.

        Returns:
            What happened; nothing when each had the status already.

        Raises:
            GateNotPassed: it does not meet the conditions of the gate; each is listed.
            LifecycleError: no such status, or a move that the store does not allow.
            InvalidInput: `force` without a reason.
            LoadError, IntegrityError: it is to be replayed, and cannot be loaded here.
            VersionNotFound, ModelNotFound: `ref` names nothing; nothing was written.
        """
        from gitmodelstore.operations.lifecycle import promote

        refs = [ref] if isinstance(ref, str) or not isinstance(ref, Sequence) else list(ref)
        return promote(
            self._repository,
            self._writer(sign),
            refs,
            status,
            reason=reason,
            force=force,
            replay=replay,
            reader=self._reader,
        )

    def approve(self, ref: str | ModelVersion, status: str, *, reason: str | None = None) -> Event:
        """Say that a version may come to a status, in a signed commit that moves nothing.

        Returns:
            The approval; the earlier one where you have approved it already.

        Raises:
            LifecycleError: no such status, the version was withdrawn, or you registered it.
            SignatureError: it cannot be signed; nothing was written.
            VersionNotFound, ModelNotFound: `ref` names nothing.
        """
        from gitmodelstore.operations.approve import approve

        return approve(self._repository, self._writer(True), ref, status, reason=reason)

    def approvals(self, ref: str | ModelVersion) -> tuple[Approval, ...]:
        """Return who says that a version may come to which status, the newest first.

        Those before its last withdrawal are left out. What their signatures are worth, and
        so whether they count, says `verify(ref, signatures=True)`.
        """
        from gitmodelstore.operations.approvals import approvals

        snapshot = self._snapshot()
        found = approvals(snapshot, self._resolve(snapshot, ref))
        return tuple(one for one in found if one.signed.signature is not None)

    def annotate(
        self,
        ref: str | ModelVersion,
        values: Mapping[str, Any],
        *,
        reason: str | None = None,
        sign: bool | None = None,
    ) -> Event | None:
        """Say something of a version after it was registered, in a commit that changes no file.

        Args:
            ref: which version.
            values: key to a number, true, false or a text of one line, as
                {"validation_auc": 0.83, "approval": "A-17"}; None takes a key back.
            reason: why.
            sign: as for `register`.

        Returns:
            What was recorded; None where all of it was said already.

        Raises:
            InvalidInput: a key or value that cannot be annotated, or a key is taken back that
                the version does not have; nothing was written.
            VersionNotFound, ModelNotFound: `ref` names nothing.
        """
        from gitmodelstore.operations.annotate import annotate

        return annotate(self._repository, self._writer(sign), ref, values, reason=reason)

    def annotations(self, ref: str | ModelVersion) -> dict[str, Annotation]:
        """Return what is annotated of a version by key: of each the latest, unless taken back."""
        from gitmodelstore.operations.annotations import annotated

        snapshot = self._snapshot()
        return annotated(snapshot, self._resolve(snapshot, ref))

    def archive(
        self,
        ref: str | ModelVersion,
        *,
        successor: str | Version | ModelVersion | None = None,
        reason: str | None = None,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Retire a version; one in production only with the version that takes over.

        `sign` as for `register`.

        Raises:
            LifecycleError: it holds an exclusive status and no successor is named, or
                it holds none and one is.
        """
        return self._retire(ref, "archived", successor, reason, sign)

    def withdraw(
        self,
        ref: str | ModelVersion,
        *,
        successor: str | Version | ModelVersion | None = None,
        reason: str | None = None,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Mark a version as bad: from then on only its exact number finds it.

        `sign` as for `register`.

        Raises:
            LifecycleError: it holds an exclusive status and no successor is named, or
                it holds none and one is.
        """
        return self._retire(ref, "withdrawn", successor, reason, sign)

    def rollback(
        self,
        model: str,
        *,
        to: str | Version | ModelVersion | None = None,
        keep: bool = False,
        replay: bool = True,
        reason: str | None = None,
        sign: bool | None = None,
    ) -> tuple[Event, ...]:
        """Put the production version before back, after verifying and replaying it here.

        Args:
            model: its name.
            to: which version; None for the most recent earlier holder that is
                neither the present one nor withdrawn.
            keep: archive the replaced version; without it it is withdrawn.
            replay: refuse a version that answers differently here than when it was
                registered; False goes back knowingly, and needs a reason.
            reason: why.
            sign: as for `register`.

        Raises:
            RollbackError: there is none, the one named is withdrawn, or it answers
                differently here.
            InvalidInput: `replay` is False, and there is no reason.
            IntegrityError, LoadError: it cannot be loaded here.
        """
        from gitmodelstore.operations.rollback import rollback

        return rollback(
            self._repository,
            self._writer(sign),
            model,
            to=to,
            keep=keep,
            replay=replay,
            reason=reason,
            reader=self._reader(),
        )

    def verify(
        self,
        ref: str | ModelVersion | None = None,
        *,
        replay: bool = False,
        test: Any = None,
        target: str | None = None,
        signatures: bool = False,
    ) -> Verification:
        """Say whether versions are what was released; what is wrong is in what it returns.

        Args:
            ref: which version; None for every version of every model.
            replay: also load the pipeline, ask it the rows of its sample, and compare
                the answers with those at registration.
            test: also load the pipeline and compute the standard metrics on this table,
                or CSV or Parquet file, with the inputs and the target as columns.
            target: name of the target's column; None for the recorded one.
            signatures: also verify who has signed tag, registration and last move of status,
                by the list of allowed signers of git's configuration here.

        Raises:
            SignatureError: there is no such list, or no ssh-keygen.
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            InvalidInput, FeatureMismatch: `test` is no such table, or `ref` is None.
        """
        from gitmodelstore.operations.verify import Asked, verify

        snapshot = self._snapshot()
        signed = None
        if signatures:
            from gitmodelstore.operations.signatures import Signatures

            signed = Signatures(snapshot)
        return verify(snapshot, ref, Asked(replay, test, target, self._reader(), signed))

    def verify_data(
        self, ref: str | ModelVersion, source: Any, *, role: str | None = None
    ) -> DataVerified:
        """Say whether data is what a version was made with, and if not, what differs.

        It is read whole, whatever is remembered of it.

        Args:
            ref: which version.
            source: a file, a folder, a `.dvc` file, or a table in memory, as `register` takes
                it; of a version that was given a table, also a CSV or Parquet file of it.
            role: "train", "test", …; None for the one of this digest, or the only one.

        Raises:
            InvalidInput: the version records no such data set, or several and `role` does not
                say which; the data cannot be read, changes meanwhile, or is of another kind
                than what was recorded.
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        from gitmodelstore.operations.verify_data import verify_data

        return verify_data(self._snapshot(), ref, source, role, self._progress)

    def environment(self, ref: str | ModelVersion) -> EnvironmentReport:
        """Return what a version was trained with, and what of it differs here.

        Args:
            ref: as everywhere.

        Raises:
            IntegrityError, FormatError: the version is not the one that was released.
        """
        from gitmodelstore.operations.compare_environment import environment_of

        snapshot = self._snapshot()
        return environment_of(snapshot, self._resolve(snapshot, ref))

    def reproduce(
        self,
        ref: str | ModelVersion,
        command: Sequence[str],
        *,
        code: str | Path | None = None,
        copy: Iterable[str | Path] = (),
        uv: bool = True,
        keep: bool = False,
    ) -> Reproduction:
        """Train a version again from its recorded code, and compare what comes out.

        A work tree of the training repository at the recorded commit, with the kept changes, is
        made in a temporary folder, and `command` runs there. What it registers, by
        `register_model` or otherwise, goes into an empty store beside it, whatever store it
        names; a script that registers nothing may `joblib.dump` its pipeline into the file that
        $GMS_REPRODUCE_OUT names. Afterwards all of it is gone. This runs the code of that
        commit, and of code.diff: do it with versions of people you trust.

        Args:
            ref: as everywhere.
            command: the program and its arguments, such as ("python", "train.py"). It starts in
                the folder that the working directory is in the repository, else at its top;
                `python` is the one of the environment, and what it prints goes to stderr.
            code: a folder of the training repository; None for the one around the working
                directory.
            copy: files and folders of the repository that git does not hold and the command
                reads. Data sets that were recorded by a relative path are copied anyway.
            uv: whether to let uv make the recorded environment, where the present one is
                another and uv is installed.
            keep: whether to leave the work tree and the store for you to look at.

        Raises:
            CannotReproduce: the code is not at hand, or the command failed or left no pipeline.
            InvalidInput: there is no command, or nothing to copy.
            GitFailed: git could not check the code out, or the kept changes do not fit.
            IntegrityError, FormatError, MissingObject: the version is not the released one.
        """
        from gitmodelstore.operations.reproduce import Again, reproduce

        again = Again(
            tuple(command),
            Path.cwd(),
            self._now(),
            self._notify,
            None if code is None else Path(code),
            tuple(copy),
            uv,
            keep,
            tuple(self._trusted),
        )
        snapshot = self._snapshot()
        return reproduce(snapshot, self._resolve(snapshot, ref), again)

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
        """Find the first bad version of a model, testing as few as possible of those between.

            store.bisect("churn", "1.0.0", "1.4.0", lambda v: store.load(v).score(X, y) > 0.9)

        Withdrawn versions are tested too. One that is damaged or cannot be loaded is skipped.

        Args:
            model: its name.
            good, bad: versions, the good one below the bad one.
            test: returns whether a version is good; None where that cannot be said.
            check: whether to test first that the two are what they are named.
            seen: is told of each trial as it is made; None for nobody.

        Raises:
            BisectionError: the good one is not below the bad one, or not good, or the bad one
                not bad.
            InvalidInput: the test answers neither True, False nor None.
            ModelNotFound, VersionNotFound, InvalidReference: one of the names names nothing.
        """
        from gitmodelstore.operations.bisect import bisect

        return bisect(
            self._snapshot(), model, good, bad, test, check=check, notify=self._notify, seen=seen
        )

    def audit(
        self,
        model: str,
        *,
        since: str | date | None = None,
        to: str | Path | None = None,
        artifacts: bool = False,
        force: bool = False,
    ) -> Audit:
        """Write what happened to a model into a zip, for somebody who has no tool.

        Events, approvals, overrides and annotations, who signed what, the policy in force at
        each, manifests and cards, and a SHA-256 of every file. What cannot be read is named
        in it and in what is returned. The same commit of the store, arguments and list of
        allowed signers give the same bytes.

        Args:
            model: its name.
            since: leave out the events before this moment: text, a date or a datetime; a day
                means its beginning, a time without a zone is UTC.
            to: the zip; None for `<model>-audit.zip` in the working directory.
            artifacts: whether to add pipelines and the other files of the versions.
            force: whether to write over a file of that name.

        Raises:
            ModelNotFound: there is no such model.
            InvalidReference: `since` is no date.
            CannotWrite: the file exists, or cannot be written; nothing is left.
        """
        from gitmodelstore.operations.audit import audit

        text = since.isoformat() if isinstance(since, date) else since
        return audit(
            self._snapshot(),
            model,
            Path(to or f"{model}-audit.zip"),
            since=None if text is None else parse_since(text),
            artifacts=artifacts,
            replace=force,
        )

    def export(self, ref: str | ModelVersion, *, provenance: bool = True) -> dict[str, Any]:
        """Return what other tools can read of a version.

        Args:
            ref: as everywhere.
            provenance: an in-toto Statement v1 with SLSA provenance v1 (docs/signing.md):
                there is nothing else yet.

        Raises:
            InvalidInput: `provenance` is False.
            IntegrityError, FormatError: the manifest is not the one that was released.
        """
        from gitmodelstore.errors import InvalidInput
        from gitmodelstore.operations.export import provenance_of

        if not provenance:
            raise InvalidInput("there is nothing else to export", hint="leave provenance=True")
        snapshot = self._snapshot()
        return provenance_of(snapshot, self._resolve(snapshot, ref))

    def validate(self, between: tuple[str, str] | None = None) -> tuple[Fault, ...]:
        """Return what is wrong with the store, as the server's gate would say it.

        Args:
            between: two commits, by any name that git knows: only what the second adds
                to the first, judged on the merge of both; None for every commit of the
                store's branch and every tag.

        Raises:
            GitFailed: one of the two names no commit.
        """
        from gitmodelstore.operations.validate import validate

        return validate(self._repository, between)

    def doctor(self, *, fix: bool = False) -> Diagnosis:
        """Return what is wrong with the repository: branch, tags, registry, objects, leftovers.

        Args:
            fix: repair first what can be repaired without guessing; else nothing is written.

        Raises:
            NoIdentity: `fix`, and git does not know who you are.
            StoreBusy: `fix`, and another writer does not leave a gap.
        """
        from gitmodelstore.operations.doctor import doctor

        return doctor(self._repository, self._writer() if fix else None)

    def download(
        self, ref: str | ModelVersion, target: str | Path | None = None, *, warm: bool = False
    ) -> Path:
        """Write the files of a version, verified, into a new folder and return it.

        Args:
            ref: as everywhere.
            target: the folder; None for `<model>-<version>` in the working directory.
            warm: also load the pipeline once, and note beside the files that it was found
                harmless, for `load_model(folder, digest=…)` on a machine that has seen it
                never before.

        Raises:
            RefusedPickle, LoadError: `warm`, and it cannot be loaded; nothing is left.
        """
        from gitmodelstore.operations.download import download

        snapshot = self._snapshot()
        version = self._resolve(snapshot, ref)
        folder = Path(target or f"{version.model}-{version.version}")
        return download(snapshot, version, folder, self._reader() if warm else None)

    def lock(self, refs: Iterable[str | ModelVersion], folder: str | Path | None = None) -> Locked:
        """Pin versions in the modelstore.lock.json of the repository that uses them.

        Args:
            refs: which versions; what else the file pins stays.
            folder: of the file; None for the top of the repository around the working
                directory.

        Raises:
            LockError: a version is withdrawn, or there is no such repository.
            FormatError: the file that is there cannot be understood.
        """
        from gitmodelstore.operations.lock import lock, top_of

        return lock(self._repository, refs, top_of(Path()) if folder is None else Path(folder))

    def sync(self, lock_file: str | Path, target: str | Path | None = None) -> tuple[Synced, ...]:
        """Put what a lock file pins, verified, into folders `<model>-<version>`.

        Args:
            lock_file: its path.
            target: where the folders go; None for `.models` beside the file.

        Raises:
            LockError: the file, or a version that it pins, is not there.
            IntegrityError: the store has another version under that number.
        """
        from gitmodelstore.operations.sync import sync

        folder = None if target is None else Path(target)
        return sync(self._repository, Path(lock_file), folder)

    def read(self, ref: str | ModelVersion, name: str) -> bytes:
        """Return one file of a version, verified."""
        from gitmodelstore.operations.load import read_verified

        snapshot = self._snapshot()
        return bytes(read_verified(snapshot, self._resolve(snapshot, ref), name))

    def setting(self, name: str) -> str | None:
        """Return a value of git's configuration as this store sees it; None when it is not set."""
        return self._repository.setting(name)

    def __repr__(self) -> str:
        return f"Store('{self.path}')"

    def _holds(self, folder: str | Path) -> bool:
        """Whether `folder` is in the store, which is no code that trained anything."""
        return Path(folder).resolve().is_relative_to(self.path.resolve())

    def _snapshot(self) -> Snapshot:
        return Snapshot.now(self._repository)

    def _resolve(self, snapshot: Snapshot, ref: str | ModelVersion) -> ModelVersion:
        from gitmodelstore.operations.resolve import resolve

        return resolve(snapshot, ref)

    def _retire(
        self,
        ref: str | ModelVersion,
        status: str,
        successor: str | Version | ModelVersion | None,
        reason: str | None,
        sign: bool | None,
    ) -> tuple[Event, ...]:
        from gitmodelstore.operations.lifecycle import retire

        return retire(
            self._repository,
            self._writer(sign),
            ref,
            status,
            successor=successor,
            reason=reason,
            reader=self._reader,
        )

    def _reader(self) -> Reader:
        """Return who reads; what is configured is looked up once a store."""
        if self._who_reads is None:
            from gitmodelstore.operations.reading import reader_of

            self._who_reads = reader_of(self._trusted, cache=self._cache)
        return self._who_reads

    def _hashing(self) -> Hashing:
        from gitmodelstore.lineage.files import Hashing
        from gitmodelstore.plumbing.user import cache_folder

        return Hashing(cache_folder() if self._cache else None, self._progress)

    def _writer(self, sign: bool | None = None) -> Writer:
        if self._identities is None:
            author, _ = read_identity(self._repository.common_dir, "AUTHOR")
            committer, _ = read_identity(self._repository.common_dir, "COMMITTER")
            self._identities = (author, committer)
        durable = self._durable
        if durable is None:
            durable = self._repository.setting("store.durable") != "false"
        writer = Writer(*self._identities, self._now(), self._notify, durable, self._wait_seconds)
        return signing(writer, self._repository, sign)


def _clock() -> datetime:
    return datetime.now(timezone.utc).astimezone()


def _writer(folder: Path, notify: Notify | None) -> Writer:
    """Return who makes a store in `folder`, before there is one."""
    author, _ = read_identity(folder, "AUTHOR")
    committer, when = read_identity(folder, "COMMITTER")
    return Writer(author, committer, when, notify or _silent)


def _training_code(code: str | Path | None) -> tuple[Path | None, Path | None]:
    """Return the folder and the script that `register` is to record, None for unknown."""
    if code is None:
        return None, None
    if code != "auto" and Path(code).is_file():
        return Path(code).absolute().parent, Path(code)
    from gitmodelstore.lineage.code import entry_point

    script = entry_point()
    return (Path(script.parent if script else ".") if code == "auto" else Path(code)), script
