"""Preparation of numbers: imputers, scalers, bins, splines, functions, decompositions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import joblib
import numpy as np
import scipy.special
from sklearn.cluster import BisectingKMeans, FeatureAgglomeration
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    add_dummy_feature,
    binarize,
    normalize,
    scale,
)

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted


def specimens() -> Iterator[Specimen]:
    """Yield pipelines that prepare numbers."""
    yield from _imputers()
    yield from _scalers()
    yield from _functions()
    yield from _decompositions()
    yield from _pipelines()


def _imputers() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "indicated": lambda: SimpleImputer(strategy="median", add_indicator=True),
        "constant": lambda: SimpleImputer(strategy="constant", fill_value=-1.5),
        "near": lambda: KNNImputer(n_neighbors=3, weights="distance", add_indicator=True),
        "iterative": lambda: IterativeImputer(max_iter=3, random_state=0, add_indicator=True),
        "iterative-trees": lambda: IterativeImputer(
            ExtraTreesRegressor(2, random_state=0), max_iter=2, random_state=0
        ),
        "iterative-posterior": lambda: IterativeImputer(
            BayesianRidge(),
            sample_posterior=True,
            min_value=-5,
            max_iter=2,
            imputation_order="random",
            random_state=np.random.RandomState(8),
        ),
        "with-indicator": lambda: make_union(SimpleImputer(), MissingIndicator()),
        "then-model": lambda: make_pipeline(SimpleImputer(), LogisticRegression()),
    }
    yield from each("filled", ways, toys.gaps, toys.binary, ignored=ConvergenceWarning)


def _scalers() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "robust": lambda: RobustScaler(quantile_range=(10, 90), unit_variance=True),
        "range": lambda: MinMaxScaler((-1, 1), clip=True),
        "bins-uniform": lambda: KBinsDiscretizer(4, strategy="uniform"),
        "bins-clusters": lambda: KBinsDiscretizer(
            [2, 3, 4, 5], encode="onehot-dense", strategy="kmeans", random_state=0
        ),
        "splines": lambda: SplineTransformer(4, degree=2, extrapolation="linear"),
        "splines-periodic": lambda: SplineTransformer(5, extrapolation="periodic"),
        "splines-quantile": lambda: SplineTransformer(knots="quantile", include_bias=False),
        "quantiles": lambda: QuantileTransformer(
            n_quantiles=20, output_distribution="normal", random_state=0
        ),
        "power": PowerTransformer,
        "box-cox": lambda: PowerTransformer("box-cox", standardize=False),
        "polynomials": lambda: PolynomialFeatures((2, 3), interaction_only=True),
    }
    yield from each("scaled", ways, toys.positive)
    yield fitted(
        "scaled-isotonic", partial(IsotonicRegression, out_of_bounds="clip"), _one, toys.target
    )


def _one() -> np.ndarray:
    return toys.numbers()[:, 0]


def _functions() -> Iterator[Specimen]:
    logs = [np.log, np.log1p, np.log2, np.log10, np.exp, np.expm1, np.sqrt, np.cbrt, np.arcsinh]
    ufuncs = [np.sin, np.cos, np.tanh, np.square, np.sign, np.rint, np.floor, np.abs]
    functions = [
        *logs,
        *ufuncs,
        np.nan_to_num,
        normalize,
        scale,
        add_dummy_feature,
        scipy.special.expit,
    ]
    for function in functions:
        name = f"function-{function.__name__.replace('_', '-')}"
        yield fitted(name, partial(FunctionTransformer, function), toys.positive)
    ways: dict[str, Callable[[], Any]] = {
        "inverse": lambda: FunctionTransformer(np.log1p, np.expm1, check_inverse=True),
        "named": lambda: FunctionTransformer(np.sin, feature_names_out="one-to-one"),
        "arguments": lambda: FunctionTransformer(np.clip, kw_args={"a_min": 0.2, "a_max": 1.0}),
        "inverse-arguments": lambda: FunctionTransformer(
            binarize, inv_kw_args={"a": [1, (2, 3)]}, kw_args={"threshold": 0.5}
        ),
        "partial": lambda: FunctionTransformer(partial(normalize, norm="l1")),
        "partial-of-numpy": lambda: FunctionTransformer(partial(np.clip, a_min=0.2, a_max=1.0)),
        "partial-of-partial": lambda: FunctionTransformer(
            partial(partial(np.nan_to_num, copy=True), nan=0.5)
        ),
        "builtin": lambda: FunctionTransformer(abs),
        "identity": FunctionTransformer,
        "validated": lambda: FunctionTransformer(np.exp, validate=True, accept_sparse=True),
    }
    yield from each("function", ways, toys.positive)


def _decompositions() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "whitened": lambda: make_pipeline(StandardScaler(), PCA(0.9, whiten=True)),
        "random": lambda: PCA(2, svd_solver="randomized", random_state=np.random.RandomState(1)),
        "in-parts": lambda: IncrementalPCA(2, batch_size=16),
        "independent": lambda: FastICA(2, whiten="unit-variance", fun="exp", random_state=0),
        "factors": lambda: FactorAnalysis(2, rotation="varimax", random_state=0),
        "agglomerated": lambda: FeatureAgglomeration(2, pooling_func=np.median),
        "agglomerated-largest": lambda: FeatureAgglomeration(2, pooling_func=np.max),
        "bisected": lambda: BisectingKMeans(2, algorithm="elkan", random_state=0),
        "mixture-tied": lambda: GaussianMixture(2, covariance_type="tied", random_state=0),
        "mixture-diagonal": lambda: BayesianGaussianMixture(
            n_components=2, covariance_type="diag", max_iter=20, random_state=0
        ),
        "envelope": lambda: EllipticEnvelope(random_state=0),
    }
    for name, build in ways.items():
        ignored = ConvergenceWarning
        yield fitted(f"decomposed-{name}", build, toys.numbers, ignored=ignored)


def _pipelines() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "passthrough": lambda: Pipeline(
            [("scale", "passthrough"), ("no", None), ("model", Ridge())], memory=None
        ),
        "memory": lambda: make_pipeline(StandardScaler(), Ridge(), memory=_no_memory()),
        "verbose-nested": lambda: Pipeline(
            [
                ("outer", Pipeline([("inner", Pipeline([("scale", StandardScaler())]))])),
                ("m", Ridge()),
            ]
        ),
        "no-model": lambda: make_pipeline(StandardScaler(), PCA(2), "passthrough"),
        "same-step-twice": _same_step_twice,
    }
    yield from each("pipeline", ways, toys.numbers, toys.target)


def _no_memory() -> joblib.Memory:
    """A cache that keeps nothing, as a pipeline gets it from a configuration that is empty."""
    return joblib.Memory(location=None, verbose=0)


def _same_step_twice() -> Any:
    scaler = StandardScaler()
    return make_pipeline(make_union(scaler, scaler), Ridge())
