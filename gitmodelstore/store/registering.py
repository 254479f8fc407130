"""What brings versions into a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import InvalidName
from gitmodelstore.store.base import Base, training_code
from gitmodelstore.values.model_version import (
    as_text,
    as_texts,
    expect,
    expect_flags,
    expect_flags_given,
    expect_given,
)
from gitmodelstore.values.names import as_moment

if TYPE_CHECKING:
    from gitmodelstore.values.model_version import ModelVersion
    from gitmodelstore.values.version import Version


class Registering(Base):
    """What brings versions into a store."""

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
    ) -> ModelVersion:
        """Keep a fitted pipeline as a new version of a model.

        >>> print(store.register(pipeline, "churn", X_test=X_test, y_test=y_test))
        churn 1.3.0
        >>> store.register(pipeline, "churn", version="1.0.0")
        Traceback (most recent call last):
        gitmodelstore.errors.VersionExists: version '1.0.0' of 'churn' already exists
        hint: ...

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
                the target as columns; it is recorded as the data set "test". A file is read
                with the types of the inputs of the highest version.
            parse_dates: columns of `test` and `sample_from` that hold dates.
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

        Returns:
            The version; with `if_changed` the highest one, where nothing differs from it.

        Raises:
            UnfittedPipeline, NotAPipeline, UnportablePipeline, FeatureMismatch,
            InvalidMetric, InvalidInput, InvalidName, InvalidVersion, VersionExists:
                it is refused, and nothing was written.
            PipelineRaised: the pipeline fails on the test rows.
            FeatureMismatch, LoadError, InvalidInput: the production version cannot be scored
                as a baseline.
            StoreBusy, LocalChanges, CannotWrite: the store could not take it.
        """
        model = as_text(model, "the name of a model", "churn", InvalidName)
        expect(message=message, bump=bump)
        expect_given(sample=sample, number=version, column=target, path=code, moment=trained_at)
        expect_given(data=data, metrics=metrics, card=card, custom=custom)
        expect_flags(baseline=baseline, allow_backport=allow_backport, if_changed=if_changed)
        expect_flags(keep_diff=keep_diff, run=run)
        expect_flags_given(sign=sign)
        from gitmodelstore.operations.register import RegisterOptions, Wish, register

        folder, script = training_code(code)
        what = RegisterOptions(
            pipeline,
            model,
            Wish.of(version, bump, allow_backport),
            X_test=X_test,
            y_test=y_test,
            test=test,
            parse_dates=as_texts(parse_dates, "columns of dates", "opened_on"),
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
            reader=self._reader() if baseline or isinstance(pipeline, (str, PathLike)) else None,
            run=run,
            hashing=self._hashing(),
        )
        return register(self._repository, self._writer(sign), what)

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
    ) -> ModelVersion:
        """Keep a folder of a version, by hand or written by `download`, as a new one.

        What its manifest says of data, code, environment, metrics and card is kept, as far
        as it can be read; number, parent, author, date, digests and the card's page are made
        anew. A `models/<model>` of this store's own work tree is registered as it lies
        there, staged or not, and is clean afterwards.

        >>> folder = store.download("churn@1.2.0")
        >>> print(store.register_folder(folder, "leavers"))
        leavers 1.0.0

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

        Returns:
            The version; with `if_changed` the highest one, where nothing differs from it.

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
        from gitmodelstore.operations.register import Wish
        from gitmodelstore.operations.register_folder import FolderOptions, register_folder

        wish = Wish.of(version, bump or "auto", allow_backport) if version or bump else None
        what = FolderOptions(
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
