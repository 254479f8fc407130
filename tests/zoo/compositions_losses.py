"""Every loss and every solver of the models that have a choice of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    LogisticRegression,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, PolynomialFeatures, StandardScaler

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted


def specimens() -> Iterator[Specimen]:
    """Yield boosting, descent, networks and linear models of every loss."""
    yield from _boosting()
    yield from _histograms()
    yield from _descent()
    yield from _networks()
    yield from _linear()


def _boosting() -> Iterator[Specimen]:
    few = {"n_estimators": 3, "random_state": 0}
    for loss in ("squared_error", "absolute_error", "huber", "quantile"):
        build = partial(GradientBoostingRegressor, loss=loss, **few)
        yield fitted(f"boosting-{_plain(loss)}", build, toys.numbers, toys.target)
    for loss in ("log_loss", "exponential"):
        build = partial(GradientBoostingClassifier, loss=loss, **few)
        yield fitted(f"boosting-{_plain(loss)}", build, toys.numbers, toys.binary)
    ways: dict[str, Callable[[], Any]] = {
        "init": lambda: GradientBoostingClassifier(init=DummyClassifier(strategy="prior"), **few),
        "zero": lambda: GradientBoostingClassifier(init="zero", **few),
        "stopped": lambda: GradientBoostingClassifier(n_iter_no_change=2, subsample=0.7, **few),
        "init-linear": lambda: GradientBoostingClassifier(init=LogisticRegression(), **few),
    }
    yield from each("boosting", ways, toys.numbers, toys.kinds)
    build = partial(GradientBoostingRegressor, init=Ridge(), **few)
    yield fitted("boosting-init-ridge", build, toys.numbers, toys.target)


def _plain(name: str) -> str:
    return name.replace("_", "-")


def _histograms() -> Iterator[Specimen]:
    few = {"max_iter": 3, "random_state": 0, "max_leaf_nodes": 5}
    for loss in ("squared_error", "absolute_error", "gamma", "poisson"):
        build = partial(HistGradientBoostingRegressor, loss=loss, **few)
        yield fitted(f"histogram-{_plain(loss)}", build, toys.numbers, toys.amounts)
    ways: dict[str, Callable[[], Any]] = {
        "quantile": partial(HistGradientBoostingRegressor, loss="quantile", quantile=0.8, **few),
        "monotonic": partial(HistGradientBoostingRegressor, monotonic_cst=[1, -1, 0, 0], **few),
        "interactions": partial(
            HistGradientBoostingRegressor, interaction_cst=[{0, 1}, {2, 3}], **few
        ),
        "stopped": partial(HistGradientBoostingRegressor, early_stopping=True, scoring="r2", **few),
        "positions": partial(HistGradientBoostingRegressor, categorical_features=[3], **few),
    }
    for name, build in ways.items():
        X = toys.counts if name == "positions" else toys.gaps
        yield fitted(f"histogram-{name}", build, X, toys.target)
    for name, y in {"binary": toys.binary, "kinds": toys.kinds}.items():
        build = partial(HistGradientBoostingClassifier, class_weight="balanced", **few)
        yield fitted(f"histogram-{name}", build, toys.gaps, y)


def _descent() -> Iterator[Specimen]:
    few = {"max_iter": 5, "random_state": 0}
    losses = ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron")
    distances = ("squared_error", "huber", "epsilon_insensitive", "squared_epsilon_insensitive")
    for loss in losses + distances:
        build = partial(SGDClassifier, loss=loss, **few)
        name = f"descent-{_plain(loss)}"
        yield fitted(name, build, toys.numbers, toys.kinds, ignored=ConvergenceWarning)
    for loss in distances:
        build = partial(SGDRegressor, loss=loss, **few)
        name = f"descent-regression-{_plain(loss)}"
        yield fitted(name, build, toys.numbers, toys.target, ignored=ConvergenceWarning)
    ways: dict[str, Callable[[], Any]] = {
        "averaged": lambda: SGDClassifier(average=True, penalty="elasticnet", random_state=0),
        "stopped": lambda: SGDClassifier(
            early_stopping=True, learning_rate="adaptive", eta0=0.1, random_state=0
        ),
        "outliers": lambda: SGDOneClassSVM(random_state=0),
    }
    yield from each("descent", ways, toys.numbers, toys.binary)
    yield Specimen("descent-in-parts", _in_parts, toys.numbers()[:9].copy())


def _in_parts() -> SGDClassifier:
    model = SGDClassifier(loss="log_loss", random_state=0)
    for part in np.array_split(np.arange(toys.ROWS), 3):
        model.partial_fit(toys.numbers()[part], toys.kinds()[part], classes=np.unique(toys.kinds()))
    return model


def _networks() -> Iterator[Specimen]:
    few = {"max_iter": 3, "random_state": 0, "hidden_layer_sizes": (6, 3)}
    ways: dict[str, Callable[[], Any]] = {
        "adam": partial(MLPClassifier, **few),
        "sgd": partial(MLPClassifier, solver="sgd", learning_rate="adaptive", **few),
        "lbfgs": partial(MLPClassifier, solver="lbfgs", activation="tanh", **few),
        "stopped": partial(MLPClassifier, early_stopping=True, activation="logistic", **few),
        "regression": partial(MLPRegressor, activation="identity", **few),
        "regression-sgd": partial(MLPRegressor, solver="sgd", early_stopping=True, **few),
    }
    for name, build in ways.items():
        y = toys.target if name.startswith("regression") else toys.kinds
        scaled = partial(_scaled, build)
        yield fitted(f"network-{name}", scaled, toys.numbers, y, ignored=ConvergenceWarning)
    tags = partial(MLPClassifier, **few)
    yield fitted("network-tags", tags, toys.numbers, toys.tags, ignored=ConvergenceWarning)


def _scaled(build: Callable[[], Any]) -> Any:
    return make_pipeline(StandardScaler(), build())


def _linear() -> Iterator[Specimen]:
    for solver in ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"):
        build = partial(LogisticRegression, solver=solver, max_iter=500, random_state=0)
        yield fitted(f"logistic-{solver}", build, toys.numbers, toys.binary)
    for solver in ("svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga"):
        build = partial(Ridge, solver=solver, max_iter=500, random_state=0)
        yield fitted(f"ridge-{_plain(solver)}", build, toys.numbers, toys.targets)
    yield fitted(
        "ridge-sparse", lambda: make_pipeline(MaxAbsScaler(), Ridge()), toys.sparse, toys.target
    )
    for power in (0, 1.5, 2, 3):
        link = "log" if power else "identity"
        build = partial(TweedieRegressor, power=power, link=link)
        yield fitted(f"tweedie-{power}", build, toys.numbers, toys.amounts)
    yield fitted(
        "quantile-of-polynomials",
        lambda: make_pipeline(PolynomialFeatures(2), QuantileRegressor(quantile=0.8, alpha=0.1)),
        toys.numbers,
        toys.target,
    )
    yield fitted("logistic-sparse", _sparsified, toys.numbers, toys.kinds)


def _sparsified() -> Any:
    return LogisticRegression().fit(toys.numbers(), toys.kinds()).sparsify()
