"""Tables of polars, as it is now: taken as those of pandas are, and a LazyFrame refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .environments import install

ROOT = Path(__file__).parents[2]
# Run with polars on the path of the environment of these tests; 175 MB, so not part of it.
SCRIPT = """
import sys
from datetime import date, timedelta

import pandas as pd
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import gitmodelstore as gms

N = 60
X = pl.DataFrame(
    {
        "age": [20 + n % 40 for n in range(N)],
        "income": [None if n % 7 == 0 else 1000.0 * n for n in range(N)],
        "plan": pl.Series(["free", "team", "free"] * 20, dtype=pl.Categorical),
        "city": ["Oslo", "Rome"] * 30,
        "premium": [n % 3 == 0 for n in range(N)],
        "since": [date(2024, 1, 1) + timedelta(days=n) for n in range(N)],
    }
)
y = pl.Series("left", [n % 2 for n in range(N)])
columns = make_column_transformer(
    (StandardScaler(), ["age", "premium"]), (OneHotEncoder(), ["plan", "city"])
)
pipeline = make_pipeline(columns, LogisticRegression()).fit(X, y)
assert list(pipeline.feature_names_in_) == X.columns

store = gms.Store.init(sys.argv[1])
notes = []
store = gms.Store.open(sys.argv[1])
one = store.register(
    pipeline, "churn", X_test=X, y_test=y, data={"train": X, "all": (X, y)}, code=None
)
shown = store.show(one)
assert [(f.name, f.dtype) for f in shown.features][:3] == [
    ("age", "int64"), ("income", "float64"), ("plan", "category[str]")
], shown.features
assert shown.target == "left"
assert set(shown.metrics) == {"accuracy", "f1_macro", "roc_auc"}
assert {held.role for held in shown.data} == {"train", "all", "test"}

two = store.register(
    pipeline, "churn", X_test=X.to_pandas(), y_test=y.to_pandas(),
    data={"train": X.to_pandas(), "all": (X.to_pandas(), y.to_pandas())}, code=None,
)
again = store.show(two)
assert again.features == shown.features
assert [h.digest for h in again.data] == [h.digest for h in shown.data]
assert again.metrics == shown.metrics

(found,) = store.verify(one, replay=True, test=X.with_columns(y)).versions
assert found.replay.outcome == "identical", found.replay
assert all(metric.is_same for metric in found.metrics)
assert store.verify_data(one, X, role="train").is_same
assert store.diff(one, two, X_test=X, y_test=y) is not None
table = X.with_columns(y)
three = store.register(pipeline, "churn", test=table, target="left", code=None)
assert store.show(three).metrics == shown.metrics
X.write_parquet(sys.argv[1] + "-rows.parquet")
store.register(pipeline, "churn", sample_from=sys.argv[1] + "-rows.parquet", code=None)

for given in (
    {"X_test": X.lazy()},
    {"X_test": X, "y_test": table.lazy()},
    {"data": {"train": X.lazy()}},
    {"test": table.lazy(), "target": "left"},
    {"sample_from": X.lazy()},
):
    try:
        store.register(pipeline, "churn", code=None, **given)
    except gms.StoreError as error:
        assert "is a LazyFrame of polars, which is not accepted" in str(error), error
        assert "collect()" in error.hint, error.hint
    else:
        raise AssertionError(given)

model = gms.load_model("churn@1.0.0", store=sys.argv[1])
assert model.predict(X).shape == (N,)

wide = make_pipeline(
    make_column_transformer((StandardScaler(), ["age"])).set_output(transform="polars"),
    LogisticRegression(),
).fit(X, y)
store.register(wide, "wide", X_test=X, y_test=y, code=None)
assert store.verify("wide@1.0.0", replay=True).is_sound
print("all taken")
"""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_frames_of_polars_are_taken(tmp_path: Path) -> None:
    place = tmp_path / "polars"
    install(sys.executable, "--no-compile-bytecode", "--target", place, "polars")

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "store"],
        env={**os.environ, "PYTHONPATH": f"{place}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "all taken\n"), done.stderr
