"""Pipelines over frames: categories, dates, nullable columns, pandas output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted


def specimens() -> Iterator[Specimen]:
    """Yield pipelines whose input is a frame."""
    yield from _mixed()
    yield from _columns()
    yield from _encoders()
    yield from _dtypes()
    yield from _outputs()


def _numeric() -> Pipeline:
    return Pipeline([("fill", SimpleImputer(strategy="median")), ("scale", StandardScaler())])


def _prepared(remainder: Any = "drop", **options: Any) -> ColumnTransformer:
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    steps = [("num", _numeric(), ["age", "income"]), ("cat", words, ["city", "plan"])]
    return ColumnTransformer(steps, remainder=remainder, **options)


def _mixed() -> Iterator[Specimen]:
    models: dict[str, Callable[[], Any]] = {
        "logistic": lambda: make_pipeline(_prepared(), LogisticRegression()),
        "forest": lambda: make_pipeline(_prepared(), RandomForestClassifier(5, random_state=0)),
        "sparse": lambda: make_pipeline(
            ColumnTransformer(
                [("num", _numeric(), ["age"]), ("cat", OneHotEncoder(), ["city"])],
                sparse_threshold=1.0,
                transformer_weights={"num": 0.5},
            ),
            LogisticRegression(),
        ),
        "tree-of-ordinals": lambda: make_pipeline(
            make_column_transformer(
                (OrdinalEncoder(), ["city", "plan", "size"]), remainder="drop", n_jobs=None
            ),
            DecisionTreeClassifier(max_depth=3, random_state=0),
        ),
        "log-target": lambda: TransformedTargetRegressor(
            make_pipeline(_prepared(), Ridge()), func=np.log1p, inverse_func=np.expm1
        ),
        "scaled-target": lambda: TransformedTargetRegressor(
            make_pipeline(_prepared(), Ridge()), transformer=StandardScaler()
        ),
        "power-target": lambda: TransformedTargetRegressor(
            make_pipeline(_prepared(), Ridge()), transformer=PowerTransformer()
        ),
    }
    for name, build in models.items():
        y = toys.amounts if name.endswith("-target") else toys.binary
        yield fitted(f"frame-{name}", build, toys.customers, y)
    yield fitted(
        "frame-target-encoded",
        lambda: make_pipeline(
            ColumnTransformer([("mean", TargetEncoder(random_state=0), ["city", "plan"])]),
            LogisticRegression(),
        ),
        toys.customers,
        toys.binary,
        ignored=FutureWarning,  # 1.9 wants the seed within cv, which 1.5 does not take
    )


def _columns() -> Iterator[Specimen]:
    """Columns in every way in which they can be named, and what happens to the others."""
    ways: dict[str, Callable[[], Any]] = {
        "selector-dtype": lambda: make_column_selector(dtype_include=np.number),
        "selector-pattern": lambda: make_column_selector(pattern="^(?:age|inc)"),
        "selector-exclude": lambda: make_column_selector("^a", dtype_exclude=["boolean"]),
        "slice": lambda: slice("age", "income"),
        "positions": lambda: [0, 1],
        "slice-of-positions": lambda: slice(0, 2),
        "mask": lambda: [True, True] + 7 * [False],
        "index": lambda: toys.customers().columns[:2],
        "array": lambda: np.array(["age", "income"]),
    }
    for name, columns in ways.items():
        build = partial(_scaled, columns)
        # a length of time is a number to pandas, not to a scaler
        yield fitted(f"columns-{name}", build, lambda: toys.customers().drop(columns="waited"))
    yield fitted(
        "columns-remainder-passthrough",
        lambda: _prepared("passthrough", verbose_feature_names_out=False),
        lambda: toys.customers()[["age", "income", "city", "plan", "visits"]],
    )
    yield fitted(
        "columns-remainder-estimator",
        lambda: _prepared(MinMaxScaler()),
        lambda: toys.customers()[["age", "income", "city", "plan", "visits"]],
    )
    yield fitted(
        "columns-dropped",
        lambda: ColumnTransformer([("no", "drop", ["city"]), ("as", "passthrough", ["age"])]),
        toys.customers,
    )


def _scaled(columns: Callable[[], Any]) -> ColumnTransformer:
    return ColumnTransformer([("scale", StandardScaler(), columns())])


def _encoders() -> Iterator[Specimen]:
    encoders: dict[str, Callable[[], Any]] = {
        "onehot": OneHotEncoder,
        "onehot-first": lambda: OneHotEncoder(drop="first", dtype=np.float32),
        "onehot-binary": lambda: OneHotEncoder(drop="if_binary", sparse_output=False),
        "onehot-rare": lambda: OneHotEncoder(
            min_frequency=18, handle_unknown="infrequent_if_exist", sparse_output=False
        ),
        "onehot-most": lambda: OneHotEncoder(max_categories=2, handle_unknown="ignore"),
        "onehot-listed": lambda: OneHotEncoder(
            categories=[["Bonn", "Lima", "Oslo"], ["free", "gold", "paid"]]
        ),
        "ordinal": OrdinalEncoder,
        "ordinal-unknown": lambda: OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.int64
        ),
        "ordinal-rare": lambda: OrdinalEncoder(min_frequency=0.4),
    }
    yield from each("encoder", encoders, lambda: toys.customers()[["city", "plan"]])
    gaps = {
        "ordinal-gaps": OrdinalEncoder(encoded_missing_value=-2),
        "onehot-gaps": OneHotEncoder(),
    }
    for name, encoder in gaps.items():
        yield fitted(f"encoder-{name}", partial(_same_parameters, encoder), _words_with_gaps)
    for kind, y in {"binary": toys.binary, "kinds": toys.kinds, "target": toys.target}.items():
        build = partial(TargetEncoder, smooth=1.0)
        yield fitted(f"encoder-{kind}", build, lambda: toys.customers()[["city", "plan"]], y)


def _same_parameters(estimator: Any) -> Any:
    return type(estimator)(**estimator.get_params())


def _words_with_gaps() -> pd.DataFrame:
    return toys.gappy_customers()[["city", "plan"]].astype(object)


def _dtypes() -> Iterator[Specimen]:
    """One specimen for each kind of column that a frame can have."""
    for name in ("size", "joined", "waited", "visits", "active", "note"):
        yield fitted(f"dtype-onehot-{name}", OneHotEncoder, partial(_frame_of, name))
        yield fitted(f"dtype-ordinal-{name}", OrdinalEncoder, partial(_frame_of, name))
    yield fitted("dtype-intervals", OrdinalEncoder, _bands)
    yield fitted("dtype-nullable-filled", SimpleImputer, _nullable_with_gaps)
    for names in (["age", "plan", "size"], ["income", "plan"]):
        yield fitted(
            f"dtype-boosting-{'-'.join(names)}",
            lambda: HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=3),
            partial(_frame_of, *names),
            toys.kinds,
        )
    yield fitted(
        "dtype-boosting-named",
        lambda: HistGradientBoostingClassifier(categorical_features=["plan"], max_iter=3),
        lambda: toys.customers()[["age", "plan"]],
        toys.binary,
    )


def _frame_of(*names: str) -> pd.DataFrame:
    return toys.customers()[list(names)]


def _bands() -> pd.DataFrame:
    return pd.DataFrame({"band": pd.cut(toys.customers()["age"], [0, 30, 50, 99]).astype(object)})


def _nullable_with_gaps() -> pd.DataFrame:
    return toys.gappy_customers()[["visits", "income"]]


def _outputs() -> Iterator[Specimen]:
    """Steps that hand frames on."""
    steps: dict[str, Callable[[], Any]] = {
        "prepared": _prepared,
        "onehot": lambda: make_pipeline(
            ColumnTransformer([("c", OneHotEncoder(sparse_output=False), ["city"])])
        ),
        "union": lambda: make_pipeline(
            _scaled(lambda: ["age", "income"]),
            SimpleImputer(add_indicator=True),
            FeatureUnion([("s", StandardScaler()), ("m", MinMaxScaler())]),
        ),
        "neighbours": lambda: make_pipeline(_scaled(lambda: ["age", "income"]), KNNImputer()),
        "indicator": lambda: make_pipeline(
            _scaled(lambda: ["age", "income"]), MissingIndicator(features="all")
        ),
        "logs": lambda: make_pipeline(
            ColumnTransformer(
                [("log", FunctionTransformer(np.log1p, feature_names_out="one-to-one"), ["age"])]
            )
        ),
        "bins": lambda: make_pipeline(
            _scaled(lambda: ["age"]), KBinsDiscretizer(3, encode="ordinal", strategy="uniform")
        ),
    }
    for name, build in steps.items():
        yield fitted(f"output-{name}", partial(_to_pandas, build), toys.customers)
    yield fitted(
        "output-forest",
        lambda: make_pipeline(_to_pandas(_prepared), RandomForestClassifier(3, random_state=0)),
        toys.customers,
        toys.binary,
    )


def _to_pandas(build: Callable[[], Any]) -> Any:
    return build().set_output(transform="pandas")
