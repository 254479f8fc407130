"""Whether what is there is what it claims to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.store.base import Base
from gitmodelstore.values.model_version import (
    as_paths,
    as_texts,
    expect,
    expect_flags,
    expect_function,
    expect_given,
    shown,
)
from gitmodelstore.values.names import parse_since

if TYPE_CHECKING:
    from gitmodelstore.checks.fault import Faults
    from gitmodelstore.operations.audit import Audit
    from gitmodelstore.operations.bisect import Bisection, Trial
    from gitmodelstore.operations.examine import Diagnosis
    from gitmodelstore.operations.load import EnvironmentReport
    from gitmodelstore.operations.reproduce import Reproduction
    from gitmodelstore.operations.verify import DataVerified, Verification
    from gitmodelstore.values.model_version import ModelVersion
    from gitmodelstore.values.version import Version


class Trust(Base):
    """Whether what is there is what it claims to be."""

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
        """Say whether versions are what was released; what is wrong is in what it returns.

        >>> store.verify().is_sound
        True
        >>> print(store.verify("churn@production", replay=True))
        churn 1.1.0  6 files verified, answers identical

        Args:
            ref: which version; None for every version of every model.
            replay: also load the pipeline, ask it the rows of its sample, and compare
                the answers with those at registration.
            test: also load the pipeline and compute the standard metrics on this table,
                or CSV or Parquet file, with the inputs and the target as columns.
            target: name of the target's column; None for the recorded one.
            parse_dates: columns of `test` that hold dates, besides those that the version
                recorded as such.
            signatures: also verify who has signed tag, registration and last move of status,
                by the list of allowed signers of git's configuration here.

        Returns:
            What was found of each; it prints as `gms verify` does.

        Raises:
            SignatureError: there is no such list, or no ssh-keygen.
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
            InvalidInput, FeatureMismatch: `test` is no such table, or `ref` is None.
            PipelineRaised: the pipeline fails on the rows of `test`.
        """
        expect_given(ref=ref, column=target)
        expect_flags(replay=replay, signatures=signatures)
        dates = as_texts(parse_dates, "columns of dates", "opened_on")
        from gitmodelstore.operations.verify import Asked, verify

        snapshot = self._snapshot(warn=False)  # what it would say is a fault here
        signed = None
        if signatures:
            from gitmodelstore.operations.signatures import Signatures

            signed = Signatures(snapshot)
        return verify(snapshot, ref, Asked(replay, test, target, self._reader(), signed, dates))

    def verify_data(
        self, ref: str | ModelVersion, source: Any, *, role: str | None = None
    ) -> DataVerified:
        """Say whether data is what a version was made with, and if not, what differs.

        It is read whole, whatever is remembered of it.

        >>> store.verify_data("churn@1.0.0", "train.csv").is_same
        True

        Args:
            ref: which version.
            source: a file, a folder, a `.dvc` file, or a table in memory, as `register` takes
                it; of a version that was given a table, also a CSV or Parquet file of it.
            role: "train", "test", …; None for the one of this digest, or the only one.

        Returns:
            What is the same, and what differs.

        Raises:
            InvalidInput: the version records no such data set, or several and `role` does not
                say which; the data cannot be read, changes meanwhile, or is of another kind
                than what was recorded.
            VersionNotFound, ModelNotFound, InvalidReference: `ref` names nothing.
        """
        expect(ref=ref)
        expect_given(role=role)
        from gitmodelstore.operations.verify import verify_data

        return verify_data(self._snapshot(), ref, source, role, self._progress)

    def environment(self, ref: str | ModelVersion) -> EnvironmentReport:
        """Return what a version was trained with, and what of it differs here.

        >>> store.environment("churn").matches
        True

        Args:
            ref: as everywhere.

        Raises:
            IntegrityError, FormatError: the version is not the one that was released.
        """
        expect(ref=ref)
        from gitmodelstore.operations.load import environment_of

        snapshot = self._snapshot()
        return environment_of(snapshot, self._resolve(snapshot, ref))

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

        A work tree of the training repository at the recorded commit, with the kept changes, is
        made in a temporary folder, and `command` runs there. What it registers, by
        `register_model` or otherwise, goes into an empty store beside it, whatever store it
        names; a script that registers nothing may `joblib.dump` its pipeline into the file that
        $GMS_REPRODUCE_OUT names. Afterwards all of it is gone. This runs the code of that
        commit, and of code.diff: do it with versions of people you trust.

        >>> store.reproduce("churn", ("python", "train.py")).is_reproduced  # doctest: +SKIP
        True

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

        Returns:
            What is the same of the two, and what is not.

        Raises:
            CannotReproduce: the code is not at hand, or the command failed or left no pipeline.
            InvalidInput: there is no command, or nothing to copy.
            GitFailed: git could not check the code out, or the kept changes do not fit.
            IntegrityError, FormatError, MissingObject: the version is not the released one.
        """
        expect(ref=ref)
        expect_given(path=code)
        expect_flags(uv=uv, keep=keep)
        from gitmodelstore.operations.reproduce import Again, reproduce

        again = Again(
            as_texts(command, "words of a command", "python"),
            Path.cwd(),
            self._now(),
            self._notify,
            None if code is None else Path(code),
            as_paths(copy),
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

        >>> def is_good(version):
        ...     return store.show(version).metrics["profit"] < 4
        >>> print(store.bisect("churn", "1.0.0", "1.2.0", is_good).first_bad)
        churn 1.2.0

        Withdrawn versions are tested too. One that is damaged or cannot be loaded is skipped.

        Args:
            model: its name.
            good, bad: versions, the good one below the bad one.
            test: returns whether a version is good; None where that cannot be said.
            check: whether to test first that the two are what they are named.
            seen: is told of each trial as it is made; None for nobody.

        Returns:
            The first bad version, or which ones it can be, and the trials.

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
        from gitmodelstore.operations.bisect import bisect

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
        """Write what happened to a model into a zip, for somebody who has no tool.

        Events, approvals, overrides and annotations, who signed what, the policy in force at
        each, manifests and cards, and a SHA-256 of every file. What cannot be read is named
        in it and in what is returned. The same commit of the store, arguments and list of
        allowed signers give the same bytes.

        >>> store.audit("churn").path.name
        'churn-audit.zip'

        Args:
            model: its name.
            since: leave out the events before this moment: text, a date or a datetime; a day
                means its beginning, a time without a zone is UTC.
            to: the zip; None for `<model>-audit.zip` in the working directory.
            artifacts: whether to add pipelines and the other files of the versions.
            force: whether to write over a file of that name.

        Returns:
            What is in it, and what could not be read.

        Raises:
            ModelNotFound: there is no such model.
            InvalidReference: `since` is no date.
            CannotWrite: the file exists, or cannot be written; nothing is left.
        """
        expect(model=model)
        expect_given(moment=since, path=to)
        expect_flags(artifacts=artifacts, force=force)
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

    def validate(self, between: tuple[str, str] | None = None) -> Faults:
        """Return what is wrong with the store, as the server's gate would say it.

        Its `notes` are what is only to be known, such as commits that are dated before
        their parents.

        >>> store.validate()
        ()

        Args:
            between: two commits, by any name that git knows: only what the second adds
                to the first, judged on the merge of both; None for every commit of the
                store's branch and every tag.

        Raises:
            GitFailed: one of the two names no commit.
        """
        if between is not None and len(as_texts(between, "two commits", "HEAD~1")) != 2:
            raise InvalidInput(
                f"expected two commits, found {shown(between)}",
                hint="such as ('origin/main', 'HEAD')",
            )
        from gitmodelstore.operations.validate import validate

        return validate(self._repository, between)

    def doctor(self, *, fix: bool = False) -> Diagnosis:
        """Return what is wrong with the repository: branch, tags, registry, objects, leftovers.

        >>> store.doctor().faults
        ()

        Args:
            fix: repair first what can be repaired without guessing; else nothing is written.

        Raises:
            NoIdentity: `fix`, and git does not know who you are.
            StoreBusy: `fix`, and another writer does not leave a gap.
        """
        expect_flags(fix=fix)
        from gitmodelstore.operations.doctor import doctor

        return doctor(self._repository, self._writer if fix else None)
