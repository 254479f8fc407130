"""Models of models: calibrated, stacked, voting, bagged, one against the rest, chained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import (
    LassoCV,
    LinearRegression,
    LogisticRegression,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor
from sklearn.utils.fixes import parse_version

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted


def specimens() -> Iterator[Specimen]:
    """Yield models that are made of other models."""
    yield from _calibrated()
    yield from _stacked_and_voting()
    yield from _bagged()
    yield from _trees()
    yield from _several_classes()
    yield from _several_outputs()
    yield from _others()


def _tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=3, random_state=0)


def _experts() -> list[tuple[str, Any]]:
    return [
        ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
        ("tree", _tree()),
        ("bayes", GaussianNB()),
    ]


def _regressors() -> list[tuple[str, Any]]:
    return [("ridge", Ridge()), ("near", KNeighborsRegressor()), ("no", "drop")]


def _calibrated() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "sigmoid": lambda: CalibratedClassifierCV(
            LinearSVC(random_state=0), method="sigmoid", cv=2
        ),
        "isotonic": lambda: CalibratedClassifierCV(_tree(), method="isotonic", cv=2),
        "together": lambda: CalibratedClassifierCV(GaussianNB(), ensemble=False, cv=2),
        "ridge": lambda: CalibratedClassifierCV(RidgeClassifier(), cv=3),
    }
    if parse_version(sklearn.__version__) >= parse_version("1.8"):
        ways["temperature"] = lambda: CalibratedClassifierCV(
            LogisticRegression(), method="temperature", cv=2
        )
    yield from each("calibrated", ways, toys.numbers, toys.kinds)
    yield fitted(
        "calibrated-binary-isotonic",
        lambda: CalibratedClassifierCV(SVC(), method="isotonic", cv=2),
        toys.numbers,
        toys.binary,
    )


def _stacked_and_voting() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "stack": lambda: StackingClassifier(_experts(), LogisticRegression(), cv=2),
        "stack-passthrough": lambda: StackingClassifier(
            _experts(), _tree(), cv=2, passthrough=True, stack_method="predict_proba"
        ),
        "vote-hard": lambda: VotingClassifier(_experts()),
        "vote-soft": lambda: VotingClassifier(_experts(), voting="soft", weights=[2, 1, 1]),
        "vote-unflattened": lambda: VotingClassifier(
            _experts(), voting="soft", flatten_transform=False
        ),
    }
    yield from each("ensemble", ways, toys.numbers, toys.kinds)
    regressions: dict[str, Callable[[], Any]] = {
        "stack-regression": lambda: StackingRegressor(_regressors(), LassoCV(cv=2), cv=2),
        "vote-regression": lambda: VotingRegressor(_regressors()),
    }
    yield from each("ensemble", regressions, toys.numbers, toys.target)
    yield fitted("ensemble-stack-prefit", _stack_prefit, toys.numbers, toys.kinds)


def _stack_prefit() -> StackingClassifier:
    known = [(name, model.fit(toys.numbers(), toys.kinds())) for name, model in _experts()]
    return StackingClassifier(known, LogisticRegression(), cv="prefit")


def _bagged() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "trees": lambda: BaggingClassifier(_tree(), n_estimators=4, random_state=0),
        "features": lambda: BaggingClassifier(
            KNeighborsClassifier(), 3, max_features=0.5, bootstrap_features=True, random_state=0
        ),
        "scored": lambda: BaggingClassifier(
            GaussianNB(), 30, oob_score=True, random_state=np.random.RandomState(4)
        ),
    }
    yield from each("bagged", ways, toys.numbers, toys.kinds)
    regressions: dict[str, Callable[[], Any]] = {
        "regression": lambda: BaggingRegressor(
            DecisionTreeRegressor(max_depth=2, random_state=0), 3, random_state=0
        ),
        "boosted-linear": lambda: AdaBoostRegressor(
            LinearRegression(), n_estimators=3, loss="exponential", random_state=0
        ),
        "boosted-trees": lambda: AdaBoostRegressor(
            DecisionTreeRegressor(max_depth=2, random_state=0),
            n_estimators=3,
            loss="square",
            random_state=0,
        ),
    }
    yield from each("bagged", regressions, toys.numbers, toys.target)


def _trees() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "balanced": lambda: RandomForestClassifier(
            5, class_weight="balanced_subsample", min_samples_leaf=2, random_state=0
        ),
        "entropy": lambda: ExtraTreesClassifier(
            5, criterion="entropy", bootstrap=True, max_samples=0.5, random_state=0
        ),
        "weighted": lambda: DecisionTreeClassifier(
            class_weight={"bronze": 1, "silver": 2.5, "gold": 1}, ccp_alpha=0.01, random_state=0
        ),
        "leaves": lambda: RandomTreesEmbedding(3, max_depth=3, random_state=0),
        "isolation": lambda: IsolationForest(n_estimators=5, contamination=0.1, random_state=0),
    }
    yield from each("trees", ways, toys.numbers, toys.kinds)
    for criterion in ("squared_error", "absolute_error", "poisson"):
        yield fitted(
            f"trees-{criterion.replace('_', '-')}",
            lambda criterion=criterion: ExtraTreeRegressor(
                criterion=criterion, max_depth=3, random_state=0
            ),
            toys.numbers,
            toys.amounts,
        )
    yield fitted(
        "trees-monotonic",
        lambda: RandomForestRegressor(3, monotonic_cst=[1, 0, -1, 0], random_state=0),
        toys.numbers,
        toys.target,
    )
    yield fitted("trees-gaps", _tree, toys.gaps, toys.kinds)
    yield fitted(
        "trees-sparse", lambda: IsolationForest(n_estimators=3, random_state=0), toys.sparse
    )


def _several_classes() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "one-rest": lambda: OneVsRestClassifier(LinearSVC(random_state=0)),
        "one-one": lambda: OneVsOneClassifier(SVC(kernel="linear")),
        "codes": lambda: OutputCodeClassifier(LogisticRegression(), code_size=2, random_state=0),
        "chosen": lambda: make_pipeline(PCA(2), OneVsRestClassifier(LogisticRegression())),
    }
    yield from each("classes", ways, toys.numbers, toys.kinds)


def _several_outputs() -> Iterator[Specimen]:
    labelled: dict[str, Callable[[], Any]] = {
        "rest": lambda: OneVsRestClassifier(LogisticRegression()),
        "each": lambda: MultiOutputClassifier(LogisticRegression()),
        "chain": lambda: ClassifierChain(LogisticRegression(), order=[2, 0, 1]),
        "chain-random": lambda: ClassifierChain(_tree(), order="random", cv=2, random_state=0),
        "forest": lambda: RandomForestClassifier(3, random_state=0),
        "near": KNeighborsClassifier,
    }
    yield from each("labels", labelled, toys.numbers, toys.tags)
    valued: dict[str, Callable[[], Any]] = {
        "each": lambda: MultiOutputRegressor(Ridge()),
        "chain": lambda: RegressorChain(Ridge(), order=[1, 0]),
        "tree": lambda: DecisionTreeRegressor(max_depth=3, random_state=0),
    }
    yield from each("outputs", valued, toys.numbers, toys.targets)


def _others() -> Iterator[Specimen]:
    yield fitted(
        "others-self-training",
        lambda: SelfTrainingClassifier(LogisticRegression(), threshold=0.8, max_iter=2),
        toys.numbers,
        toys.half_known,
    )
    yield fitted(
        "others-ransac",
        lambda: RANSACRegressor(Ridge(), min_samples=8, random_state=0),
        toys.numbers,
        toys.target,
    )
    yield fitted(
        "others-shrunk",
        lambda: LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
        toys.numbers,
        toys.kinds,
    )
    for strategy in ("prior", "stratified", "uniform", "most_frequent"):
        yield fitted(
            f"dummy-{strategy.replace('_', '-')}",
            lambda strategy=strategy: DummyClassifier(strategy=strategy, random_state=0),
            toys.numbers,
            toys.kinds,
        )
    yield fitted(
        "dummy-quantile",
        lambda: DummyRegressor(strategy="quantile", quantile=0.9),
        toys.numbers,
        toys.target,
    )
