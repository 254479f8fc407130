"""What is asked of a store: its versions, their history, and what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.store.base import Base, training_code, warn_unread
from gitmodelstore.values.model_version import (
    Found,
    as_texts,
    expect,
    expect_flags_given,
    expect_given,
)
from gitmodelstore.values.names import as_moment

if TYPE_CHECKING:
    import pandas as pd

    from gitmodelstore.checks.signatures import Approval
    from gitmodelstore.operations.resolve import Listed, Log
    from gitmodelstore.operations.search import Answer, Blame, FieldChange, Match
    from gitmodelstore.values.diff import Diff
    from gitmodelstore.values.events import Holding
    from gitmodelstore.values.gates import Annotation
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import ModelSummary, ModelVersion
    from gitmodelstore.values.pages import Reading


class Asking(Base):
    """What is asked of a store: its versions, their history, and what differs between them."""

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

        Its `unread` are those that cannot be read, told of as in `search`, and those that only a
        tag names.

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

        found = versions(self._snapshot(), model)
        self._tell_of(found.unread)
        return found

    def listing(self, model: str) -> Reading[Listed]:
        """Return the versions of a model with their manifests, highest first.

        Each is read when it is asked for; one that cannot be says why instead. It prints as
        `gms list NAME` does.

        >>> [str(one.version) for one in store.listing("churn")[:2]]
        ['1.2.0', '1.1.0']

        Args:
            model: its name.

        Raises:
            ModelNotFound: there is no such model.
        """
        expect(model=model)
        from gitmodelstore.operations.resolve import listing

        return listing(self._snapshot(), model)

    def version(self, ref: str | ModelVersion) -> ModelVersion:
        """Return the version that `ref` names.

        >>> print(store.version("churn@production"))
        churn 1.1.0

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: it names nothing.
        """
        expect(ref=ref)
        return self._resolve(self._snapshot(), ref)

    def show(self, ref: str | ModelVersion) -> Manifest:
        """Return the manifest of the version that `ref` names.

        >>> store.show("churn@1.0.0").metrics["profit"]
        3.0

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            IntegrityError, FormatError: it is not the one that was released.
        """
        expect(ref=ref)
        snapshot = self._snapshot()
        return snapshot.manifest(self._resolve(snapshot, ref))

    def needs_trust(self, ref: str | ModelVersion) -> tuple[str, ...]:
        """Return the names of classes and functions that readers of a version must trust.

        Empty for none: scikit-learn's world needs no trust. Nothing is loaded.

        >>> store.needs_trust("churn@1.1.0")
        ()

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            IntegrityError, FormatError: its manifest is not the one that was released.
        """
        from gitmodelstore.operations.folder import needs_of

        return needs_of(self.show(ref))

    def registered_at(self, ref: str | ModelVersion) -> datetime:
        """Return when a version was registered, UTC.

        Its manifest says so. Where the commit is dated before its parent, that is no earlier than
        the parent's date, which counts for both.

        >>> store.registered_at("churn@1.0.0") <= store.registered_at("churn@1.2.0")
        True

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            IntegrityError, FormatError: its manifest is not the one that was released.
        """
        expect(ref=ref)
        from gitmodelstore.operations.resolve import registered_at

        snapshot = self._snapshot()
        version = self._resolve(snapshot, ref)
        created_at = snapshot.manifest(version).created_at
        return registered_at(snapshot.repository, version.commit, created_at)

    def log(self, model: str | None = None) -> Log:
        """Return what happened in the store, or to one model, newest first.

        It is a sequence that prints as `gms log` does.

        Its `faults` are what could not be read, as far as the events have been taken, told of as
        in `search`.

        >>> print(store.log("churn")[0])
        churn 1.1.0 promoted: registered -> production (more profit)
        >>> len(store.log("churn"))
        6

        Args:
            model: whose; None for all of them.

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
            VersionNotFound: nobody held that status at that moment.
        """
        expect(ref=ref)
        expect_given(moment=at)
        from gitmodelstore.operations.resolve import which

        moment = None if at is None else as_moment(at)
        return which(self._snapshot(), ref, at=moment)

    def approvals(self, ref: str | ModelVersion) -> tuple[Approval, ...]:
        """Return who says that a version may come to which status, the newest first.

        Those before its last withdrawal are left out. What their signatures are worth, and
        so whether they count, says `verify(ref, signatures=True)`.

        >>> store.approvals("churn@1.1.0")
        ()

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        expect(ref=ref)
        from gitmodelstore.operations.resolve import approvals

        snapshot = self._snapshot()
        found = approvals(snapshot, self._resolve(snapshot, ref))
        return tuple(one for one in found if one.signed)

    def annotations(self, ref: str | ModelVersion) -> dict[str, Annotation]:
        """Return what is annotated of a version by key: of each the latest, unless taken back.

        >>> event = store.annotate("churn@1.1.0", {"ticket": "A-17"})
        >>> store.annotations("churn@1.1.0")["ticket"].value
        'A-17'

        Args:
            ref: as everywhere: a reference such as "churn@production", or a ModelVersion.

        Raises:
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        expect(ref=ref)
        from gitmodelstore.operations.resolve import annotated

        snapshot = self._snapshot()
        return annotated(snapshot, self._resolve(snapshot, ref))

    def search(
        self, expression: str, model: str | None = None, *, sort: str | None = None
    ) -> Found[Match]:
        """Return the versions that an expression holds of: by model, highest version first.

        Its `unread` are the versions that could not be asked, and why; of damaged ones an
        `UnreadWarning` tells, too.

        >>> print(store.search('metrics.profit > 3.5 and status == "production"'))
        MODEL  VERSION  STATUS      REGISTERED  BY            metrics.profit
        churn  1.1.0    production  2...        Ada Lovelace            3.75

        Args:
            expression: over manifest and status (docs/search.md).
            model: whose versions; None for all models.
            sort: a field to sort by, such as "metrics.test_auc", with "-" before it the
                highest first; those without it come last.

        Raises:
            InvalidQuery: it cannot be understood; the message points at the place.
            ModelNotFound: there is no such model.
        """
        from gitmodelstore.values import tables

        answer = self.answer(expression, model, sort=sort)
        self._tell_of(answer.unread)
        if answer.note:
            self._notify(answer.note)
        return Found.of(answer.matches, answer.unread, tables.matches)

    def answer(
        self, expression: str, model: str | None = None, *, sort: str | None = None
    ) -> Answer:
        """Return what `search` does, with the versions that could not be asked, and why.

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
        that cannot be read has a row, with why in the column "fault", and is told of as in
        `search`.

        >>> store.frame("churn")["metrics.profit"]
        ref
        churn@1.2.0    4.50
        churn@1.1.0    3.75
        churn@1.0.0    3.00
        Name: metrics.profit, dtype: float64

        Args:
            model: whose versions; None for all models.

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
            field: its name, as in `search`; with `=VALUE` the versions alone in which it
                came to that value, or a list got it.
            model: whose versions; None for all models.

        Raises:
            InvalidQuery: that is no field.
            InvalidInput: the value could never be one of that field.
            ModelNotFound: there is no such model.
        """
        found = self.blame_with_unread(field, model)
        self._tell_of(found.unread)
        return Found.of(found.changes, found.unread)

    def blame_with_unread(self, field: str, model: str | None = None) -> Blame:
        """Return what `blame` does, with the versions that could not be asked, and why.

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
            parse_dates: columns of `test` that hold dates, besides those that `a` recorded so.

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
        expect_given(column=target, path=code)
        expect_flags_given(answers=answers)
        dates = as_texts(parse_dates, "columns of dates", "opened_on")
        from gitmodelstore.operations.diff import Question, diff

        folder, script = training_code("auto")
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
            parse_dates=dates,
        )
        return diff(self._snapshot(), a, b, question)
