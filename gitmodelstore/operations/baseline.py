"""The rows that a new version is tested on, and the production version on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitmodelstore.errors import FeatureMismatch, InvalidInput, LoadError, RefusedPickle, StoreError
from gitmodelstore.operations.load import load
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.values.manifest import Baseline, Manifest
from gitmodelstore.values.names import PRODUCTION

if TYPE_CHECKING:
    from gitmodelstore.operations.prepare import Submission

_ROWS_MISSING = "register with X_test and y_test, or with test= and target= (--test, --target)"


def with_test_rows(
    what: Submission, pipeline: Any, before: Callable[[], Manifest | None]
) -> Submission:
    """Return a submission whose test table has become X_test, y_test and the data set "test".

    Args:
        what: as it was submitted.
        pipeline: which says the columns that it takes.
        before: returns the manifest of the highest version, with whose types a file is read.

    Raises:
        InvalidInput: there are test rows twice, the target is not named or not in the
            table, or the table cannot be read.
    """
    from gitmodelstore.lineage.rows import in_pandas, types_of, with_dates
    from gitmodelstore.pipelines.retest import inputs_of

    if what.test is not None or what.sample_from is not None:
        last = before()
        features = (last.features if last else None) or ()
        types = types_of(features, what.target, getattr(pipeline, "classes_", None))
        what = replace(what, types=with_dates(types, what.parse_dates))
    if what.test is None:
        return replace(
            what,
            X_test=in_pandas(what.X_test, "X_test"),
            y_test=in_pandas(what.y_test, "y_test"),
        )
    if what.X_test is not None or what.y_test is not None:
        raise InvalidInput(
            "test rows were given twice", hint="give X_test and y_test, or a table as test"
        )
    target, table = table_with(what.test, what.target, what.types, what.parse_dates)
    return replace(
        what,
        X_test=inputs_of(pipeline, table, target),
        y_test=table[target],
        data={"test": what.test, **what.data},
    )


def table_with(
    test: Any, target: str | None, types: Mapping[str, str], named: Iterable[str] = ()
) -> tuple[str, Any]:
    """Return the name of the target, and the table of test rows, which has a column of it.

    Args:
        test: a table, or the path of a CSV or Parquet file.
        target: the name; None is an error.
        types: of its columns, as `read_table` takes them.
        named: columns that it must have besides.

    Raises:
        InvalidInput: the target is not named or not in the table, or it cannot be read.
    """
    from gitmodelstore.lineage.rows import check_columns, read_table

    if target is None:
        raise InvalidInput(
            "the test data has no target", hint="name its column with target= (--target NAME)"
        )
    table = read_table(test, types)
    check_columns(table, [target, *named])
    return target, table


def baseline_of(
    snapshot: Snapshot, what: Submission, notify: Callable[[str], None]
) -> Baseline | None:
    """Return the standard metrics of the present production version on the submitted rows.

    Args:
        snapshot: the store.
        what: the submission, with its test rows.
        notify: is told where there is nobody to be scored.

    Returns:
        None where no baseline was asked for, or nobody is in production.

    Raises:
        InvalidInput: there are no test rows, or the holder fails on them.
        FeatureMismatch: the holder takes other columns.
        LoadError, RefusedPickle: the holder cannot be loaded here.
    """
    if not what.baseline:
        return None
    if what.X_test is None or what.y_test is None:
        raise InvalidInput("a baseline needs test rows and their answers", hint=_ROWS_MISSING)
    holders = snapshot.registry.holders(what.model, PRODUCTION)
    if not holders:
        notify(f"nobody of '{what.model}' is in production, so there is no baseline")
        return None
    from gitmodelstore.pipelines.retest import scored

    name = f"{what.model} {holders[0]}, which is in production,"
    leave_out = "register without a baseline, and compare the two in another way"
    try:
        holder = load(snapshot, snapshot.version(what.model, holders[0]), what.reader)
    except RefusedPickle as error:
        raise RefusedPickle(
            f"{name} cannot be scored: {error}",
            name=error.name,
            opcode=error.opcode,
            offset=error.offset,
            hint=error.hint or leave_out,
        ) from error.__cause__
    except StoreError as error:
        raise LoadError(
            f"{name} cannot be loaded to score it: {error}", hint=error.hint or leave_out
        ) from error.__cause__
    try:
        metrics = scored(holder, what.X_test, what.y_test)
    except FeatureMismatch as error:
        raise FeatureMismatch(
            f"{name} takes other columns: {error}",
            hint=f"add what it takes to the test rows, or {leave_out}",
        ) from error.__cause__
    except StoreError as error:
        raise InvalidInput(
            f"{name} cannot be scored on these rows: {error}", hint=leave_out
        ) from error.__cause__
    if not metrics:
        notify(f"{name} is of a kind without standard metrics, so there is no baseline")
        return None
    return Baseline(holders[0], metrics)
