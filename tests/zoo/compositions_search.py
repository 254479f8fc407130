"""Searches, splitters, scorers, thresholds and metadata routing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.stats
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LassoCV, LogisticRegression, Ridge, RidgeCV, SGDClassifier
from sklearn.metrics import (
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    roc_auc_score,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    LeavePOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted, unseen


def specimens() -> Iterator[Specimen]:
    """Yield models that were searched, split, scored or routed."""
    yield from _grids()
    yield from _distributions()
    yield from _splitters()
    yield from _scorers()
    yield from _thresholds()
    yield from _routed()


def _ridge(cv: Any, **options: Any) -> GridSearchCV:
    return GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=cv, **options)


def _grids() -> Iterator[Specimen]:
    steps = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    grids: dict[str, Callable[[], Any]] = {
        "steps": lambda: GridSearchCV(
            steps, {"scale": [StandardScaler(), MinMaxScaler(), "passthrough"]}, cv=2
        ),
        "several": lambda: GridSearchCV(
            SVC(), [{"kernel": ["linear"], "C": [1, 10]}, {"kernel": ["rbf"]}], cv=2
        ),
        "nested": lambda: GridSearchCV(
            GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
            {"estimator__tol": [1e-3, 1e-4]},
            cv=2,
            return_train_score=True,
        ),
        "halving": lambda: HalvingGridSearchCV(
            LogisticRegression(),
            {"C": np.logspace(-2, 2, 5)},
            cv=2,
            min_resources=12,
            random_state=0,
        ),
        "not-refitted": lambda: GridSearchCV(LogisticRegression(), {"C": [1]}, refit=False, cv=2),
    }
    for name, build in grids.items():
        asked = name != "not-refitted"
        yield fitted(f"grid-{name}", build, toys.numbers, toys.binary, asked=asked)


def _distributions() -> Iterator[Specimen]:
    """Random searches; the frozen distributions of scipy stay in the model."""
    laws: dict[str, Callable[[], Any]] = {
        "loguniform": lambda: scipy.stats.loguniform(1e-3, 1e2),
        "uniform": lambda: scipy.stats.uniform(loc=0.1, scale=4),
        "expon": lambda: scipy.stats.expon(scale=2),
        "norm": lambda: scipy.stats.norm(5, 0.5),
        "gamma": lambda: scipy.stats.gamma(a=2.0),
        "beta": lambda: scipy.stats.beta(2, 3),
        "lognorm": lambda: scipy.stats.lognorm(s=0.5),
        "truncnorm": lambda: scipy.stats.truncnorm(0.1, 3),
        "randint": lambda: scipy.stats.randint(1, 9),
        "poisson": lambda: scipy.stats.poisson(3, loc=1),
    }
    for name, law in laws.items():
        yield fitted(f"random-{name}", partial(_random, law), toys.numbers, toys.target)
    yield fitted(
        "random-state",
        lambda: RandomizedSearchCV(
            SGDClassifier(random_state=np.random.RandomState(1)),
            {"alpha": scipy.stats.loguniform(1e-4, 1e-1), "loss": ["hinge", "log_loss"]},
            n_iter=2,
            cv=StratifiedKFold(2, shuffle=True, random_state=np.random.RandomState(2)),
            random_state=np.random.RandomState(3),
        ),
        toys.numbers,
        toys.binary,
    )
    yield fitted("random-seeded", _seeded, toys.numbers, toys.target)
    yield fitted(
        "random-halving",
        lambda: HalvingRandomSearchCV(
            RandomForestClassifier(random_state=0),
            {"max_depth": [2, None], "min_samples_leaf": scipy.stats.randint(1, 5)},
            resource="n_estimators",
            max_resources=8,
            n_candidates=4,
            cv=2,
            random_state=0,
        ),
        toys.numbers,
        toys.kinds,
    )


def _random(law: Callable[[], Any]) -> RandomizedSearchCV:
    return RandomizedSearchCV(Ridge(), {"alpha": law()}, n_iter=2, cv=2, random_state=0)


def _seeded() -> RandomizedSearchCV:
    law = scipy.stats.uniform(0.1, 2)
    law.random_state = np.random.default_rng(5)
    return RandomizedSearchCV(Ridge(), {"alpha": law}, n_iter=2, cv=2, random_state=0)


def _splitters() -> Iterator[Specimen]:
    splitters: dict[str, Callable[[], Any]] = {
        "kfold": lambda: KFold(3, shuffle=True, random_state=0),
        "stratified": lambda: StratifiedKFold(3),
        "repeated": lambda: RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
        "repeated-stratified": lambda: RepeatedStratifiedKFold(
            n_splits=2, n_repeats=2, random_state=0
        ),
        "shuffle": lambda: ShuffleSplit(2, test_size=0.3, random_state=0),
        "stratified-shuffle": lambda: StratifiedShuffleSplit(2, random_state=0),
        "time": lambda: TimeSeriesSplit(3, gap=2),
        "leave-one": LeaveOneOut,
        "leave-two": lambda: LeavePOut(2),
        "predefined": lambda: PredefinedSplit(toys.groups() % 3),
        "indices": lambda: [(np.arange(24), np.arange(24, 48)), (np.arange(24, 48), np.arange(24))],
    }
    for name, cv in splitters.items():
        inputs = _few if name == "leave-two" else toys.numbers
        y = (lambda: toys.binary()[:10]) if name == "leave-two" else toys.binary
        build = partial(_split, cv, "neg_mean_squared_error")
        yield fitted(f"split-{name}", build, inputs, y)
    grouped: dict[str, Callable[[], Any]] = {
        "group": lambda: GroupKFold(3),
        "group-shuffle": lambda: GroupShuffleSplit(2, random_state=0),
        "group-stratified": lambda: StratifiedGroupKFold(2, shuffle=True, random_state=0),
        "leave-group": LeaveOneGroupOut,
        "leave-groups": lambda: LeavePGroupsOut(2),
    }
    for name, cv in grouped.items():
        yield Specimen(f"split-{name}", partial(_fit_grouped, cv), unseen(toys.numbers()))


def _few() -> np.ndarray:
    return toys.numbers()[:10]


def _split(cv: Callable[[], Any], scoring: str) -> GridSearchCV:
    return _ridge(cv(), scoring=scoring)


def _fit_grouped(cv: Callable[[], Any]) -> GridSearchCV:
    return _ridge(cv()).fit(toys.numbers(), toys.binary(), groups=toys.groups())


def _scorers() -> Iterator[Specimen]:
    scorings: dict[str, Callable[[], Any]] = {
        "made": lambda: make_scorer(fbeta_score, beta=2, zero_division=0),
        "lower-is-better": lambda: make_scorer(mean_absolute_error, greater_is_better=False),
        "pinball": lambda: make_scorer(mean_pinball_loss, alpha=0.9),
        "probabilities": lambda: make_scorer(
            log_loss, greater_is_better=False, response_method="predict_proba"
        ),
        "decision": lambda: make_scorer(
            roc_auc_score, response_method=("decision_function", "predict_proba")
        ),
        "named": lambda: "balanced_accuracy",
        "got": lambda: get_scorer("roc_auc"),
    }
    for name, scoring in scorings.items():
        yield fitted(f"score-{name}", partial(_scored, scoring), toys.numbers, toys.binary)
    multi: dict[str, Any] = {
        "list": ["accuracy", "f1"],
        "mapping": {"auc": "roc_auc", "f2": make_scorer(fbeta_score, beta=2)},
    }
    for name, scoring in multi.items():
        build = partial(
            GridSearchCV,
            LogisticRegression(),
            {"C": [0.1, 1.0]},
            scoring=scoring,
            cv=2,
            refit=False,
        )
        yield fitted(f"score-{name}", build, toys.numbers, toys.binary, asked=False)
    yield fitted("score-ridge", lambda: RidgeCV([0.1, 1], scoring="r2"), toys.numbers, toys.target)
    yield fitted("score-lasso", lambda: LassoCV(cv=KFold(2)), toys.numbers, toys.target)


def _scored(scoring: Callable[[], Any]) -> GridSearchCV:
    return GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, scoring=scoring(), cv=2)


def _thresholds() -> Iterator[Specimen]:
    models: dict[str, Callable[[], Any]] = {
        "tuned": lambda: TunedThresholdClassifierCV(
            LogisticRegression(), scoring="f1", thresholds=5, cv=2, store_cv_results=True
        ),
        "tuned-scorer": lambda: TunedThresholdClassifierCV(
            LogisticRegression(), scoring=make_scorer(fbeta_score, beta=2), thresholds=5, cv=2
        ),
        "fixed": lambda: FixedThresholdClassifier(LogisticRegression(), threshold=0.2),
    }
    yield from each("threshold", models, toys.numbers, toys.binary)


def _routed() -> Iterator[Specimen]:
    """Models that were told which of their parts takes weights or groups."""
    ways = {"pipeline": _routed_pipeline, "search": _routed_search, "columns": _routed_columns}
    for name, fit in ways.items():
        yield Specimen(f"routed-{name}", fit, unseen(toys.numbers()))
    yield Specimen("routed-clusters", _routed_clusters, unseen(toys.numbers()))


def _weighted() -> LogisticRegression:
    model = LogisticRegression().set_fit_request(sample_weight=True)
    return model.set_score_request(sample_weight="score_weight")


def _routed_pipeline() -> Any:
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), _weighted())
        return model.fit(toys.numbers(), toys.binary(), sample_weight=toys.weights())


def _routed_search() -> Any:
    with config_context(enable_metadata_routing=True):
        scoring = make_scorer(fbeta_score, beta=2).set_score_request(sample_weight=True)
        search = GridSearchCV(_weighted(), {"C": [0.1, 1.0]}, scoring=scoring, cv=GroupKFold(2))
        given = {"sample_weight": toys.weights(), "groups": toys.groups()}
        return search.fit(toys.numbers(), toys.binary(), **given)


def _routed_columns() -> Any:
    with config_context(enable_metadata_routing=True):
        scale = StandardScaler().set_fit_request(sample_weight=True)
        return ColumnTransformer(
            [("scale", scale, [0, 1]), ("cat", OneHotEncoder(handle_unknown="ignore"), [2])]
        ).fit(toys.numbers(), toys.binary(), sample_weight=toys.weights())


def _routed_clusters() -> Any:
    with config_context(enable_metadata_routing=True):
        clusters = KMeans(3, n_init=1, random_state=0).set_fit_request(sample_weight=True)
        steps = Pipeline([("pca", PCA(2)), ("clusters", clusters)])
        return steps.fit(toys.numbers(), sample_weight=toys.weights())
