"""Metrics computed again on a table of rows whose answers are known."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gitmodelstore.errors import InvalidInput, StoreError
from gitmodelstore.pipelines.features import check_features, feature_count, feature_names
from gitmodelstore.pipelines.replay import in_words, quiet
from gitmodelstore.pipelines.scores import standard_metrics
from gitmodelstore.values.manifest import Feature
from gitmodelstore.values.names import did_you_mean
from gitmodelstore.values.sample import ABSOLUTE, RELATIVE


@dataclass(frozen=True, slots=True)
class Retested:
    """One metric that was recorded and computed again.

    Attributes:
        name: of the metric.
        recorded: the number in the manifest.
        present: the number here; None where it is not defined on these rows.
    """

    name: str
    recorded: float
    present: float | None

    @property
    def is_same(self) -> bool:
        """Whether the two differ by no more than a replay tolerates."""
        if self.present is None:
            return False
        return abs(self.present - self.recorded) <= ABSOLUTE + RELATIVE * abs(self.recorded)


def retest(
    pipeline: Any,
    table: pd.DataFrame,
    target: str,
    recorded: Mapping[str, float],
    features: Sequence[Feature] | None = None,
) -> tuple[Retested, ...]:
    """Compute the standard metrics on `table` and set them beside the recorded ones.

    Args:
        pipeline: fitted.
        table: inputs and target as columns.
        target: name of the target's column.
        recorded: the metrics of the manifest; those that are not standard are left out.
        features: the inputs as recorded, whose times and categories a CSV file has lost.

    Raises:
        InvalidInput: there is no such column, its values cannot be compared, or the
            pipeline fails on these rows.
        FeatureMismatch: the inputs are not those that the pipeline was fitted on.
    """
    if target not in table.columns:
        raise InvalidInput(
            f"the test data has no column '{target}'",
            hint=did_you_mean(target, [str(name) for name in table.columns])
            or "name the column that holds the true answers with --target",
        )
    with _in_our_words():
        X = inputs_of(pipeline, as_recorded(table, features or ()), target)
        check_features(pipeline, X, name="the test data")
    found = _metrics(pipeline, X, table[target], f"column '{target}'")
    if not found:
        raise InvalidInput("there are no standard metrics of this kind of pipeline")
    return tuple(
        Retested(name, recorded[name], found.get(name))
        for name in sorted(recorded)
        if name in found
    )


def scored(pipeline: Any, X: Any, y: Any) -> dict[str, float]:
    """Return the standard metrics of a pipeline on rows that another one is tested on.

    Args:
        pipeline: fitted.
        X: rows, as `inputs_of` takes them; columns that it does not take are left out. They
            are not written into.
        y: the answers to them.

    Raises:
        FeatureMismatch: a column that it takes is not there.
        InvalidInput: the answers cannot be compared, or the pipeline fails on these rows.
    """
    with _in_our_words():
        rows = inputs_of(pipeline, X, None)
        check_features(pipeline, rows)
    return _metrics(pipeline, rows.copy() if hasattr(rows, "copy") else rows, y, "y_test")


def _metrics(pipeline: Any, X: Any, y: Any, name: str) -> dict[str, float]:
    with _in_our_words(), quiet():
        return standard_metrics(pipeline, X, y, name=name)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except Exception as error:  # anything that a pipeline of anybody's making raises
        raise InvalidInput(
            f"the pipeline cannot answer to the test data: {in_words(error)}"
        ) from error


def read_table(source: Any) -> Any:
    """Return the table in a CSV or Parquet file; what is no path comes back as it is.

    Raises:
        InvalidInput: it cannot be read.
    """
    if not isinstance(source, (str, os.PathLike)):
        return source
    path = Path(source)
    is_parquet = path.suffix.lower() in (".parquet", ".pq")
    try:
        path.stat()  # whose error is clearer than pyarrow's
        return pd.read_parquet(path) if is_parquet else pd.read_csv(path)
    except ImportError as error:
        raise InvalidInput(
            f"'{path}' needs pyarrow to be read", hint="run `pip install pyarrow`"
        ) from error
    except (OSError, ValueError) as error:  # pandas and pyarrow say both of a broken file
        said = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"cannot read '{path}': {' '.join(said.split()).lower()}") from error


def inputs_of(pipeline: Any, table: Any, target: str | None) -> Any:
    """Return the input columns of a table, in the form that `pipeline` was fitted on.

    Those that it names; else all but the target, as an array; a single column of text
    as a Series, as the vectorizers of scikit-learn take it.
    """
    if not isinstance(table, pd.DataFrame):
        return table
    names = feature_names(pipeline)
    if names is not None:
        return table[[name for name in names if name in table.columns]]
    rest = table.drop(columns=[target] if target in table.columns else [])
    if rest.shape[1] == 1 and feature_count(pipeline) is None:
        return rest.iloc[:, 0]
    return rest.to_numpy()


def as_recorded(table: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Return `table` with times and categories where they were recorded and it has text."""
    table = table.copy(deep=False)
    for feature in features:
        if feature.name is None or feature.name not in table.columns:
            continue
        dtype, column = feature.dtype or "", table[feature.name]
        if dtype.startswith("datetime64") and not hasattr(column, "dt"):
            table[feature.name] = pd.to_datetime(column, utc="[" in dtype)
        elif dtype.startswith("category") and not hasattr(column, "cat"):
            table[feature.name] = column.astype("category")
    return table
