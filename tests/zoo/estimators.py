"""One specimen of every estimator that scikit-learn lists, on data that suits it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from tests.zoo import toys
from tests.zoo.specimen import Specimen, unseen

# The estimators that cannot be fitted, by name, each with the reason.
UNFITTED: dict[str, str] = {}

# Given to each estimator that has such a parameter.
SMALL = {"random_state": 0, "n_estimators": 5, "n_init": 1, "max_iter": 200}

# What an estimator needs apart from that; made anew for every fit.
ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "CCA": lambda: {"n_components": 1},
    "ColumnTransformer": lambda: {
        "transformers": [("scale", StandardScaler(), [0, 1]), ("range", MinMaxScaler(), [2])],
        "remainder": "passthrough",
    },
    "FeatureHasher": lambda: {"n_features": 64},
    "FeatureUnion": lambda: {
        "transformer_list": [("scale", StandardScaler()), ("range", MinMaxScaler())]
    },
    "FrozenEstimator": lambda: {
        "estimator": LogisticRegression().fit(toys.numbers(), toys.kinds())
    },
    "GaussianRandomProjection": lambda: {"n_components": 2},
    "GraphicalLassoCV": lambda: {"alphas": [0.1, 0.5]},
    "GridSearchCV": lambda: {"estimator": Ridge(), "param_grid": {"alpha": [0.1, 1.0]}},
    "HDBSCAN": lambda: {"copy": True},  # its default changes
    "HalvingGridSearchCV": lambda: {"estimator": Ridge(), "param_grid": {"alpha": [0.1, 1.0]}},
    "HalvingRandomSearchCV": lambda: {
        "estimator": Ridge(),
        "param_distributions": {"alpha": [0.1, 0.3, 0.5, 1.0]},
        "n_candidates": 4,
        "min_resources": 12,
    },
    "HistGradientBoostingClassifier": lambda: {"max_iter": 5},
    "HistGradientBoostingRegressor": lambda: {"max_iter": 5},
    "KBinsDiscretizer": lambda: {"strategy": "uniform"},  # "quantile" warns in 1.7 and 1.8
    "LatentDirichletAllocation": lambda: {"max_iter": 5},
    "LogisticRegressionCV": lambda: {"Cs": 2, "cv": 2},
    "MiniBatchNMF": lambda: {"n_components": 2},
    "NMF": lambda: {"n_components": 2},
    "Nystroem": lambda: {"n_components": 5},
    "OrthogonalMatchingPursuitCV": lambda: {"max_iter": 2},
    "PLSCanonical": lambda: {"n_components": 1},
    "PLSSVD": lambda: {"n_components": 1},
    "PatchExtractor": lambda: {"patch_size": (2, 2)},
    "Pipeline": lambda: {"steps": [("scale", StandardScaler()), ("model", LogisticRegression())]},
    "QuantileTransformer": lambda: {"n_quantiles": 10},
    "RadiusNeighborsClassifier": lambda: {"radius": 3.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": lambda: {"radius": 9.0},
    "RandomizedSearchCV": lambda: {
        "estimator": Ridge(),
        "param_distributions": {"alpha": [0.1, 0.5, 1.0]},
        "n_iter": 2,
    },
    "SelectKBest": lambda: {"k": 2},
    "SparseCoder": lambda: {"dictionary": np.eye(4), "transform_algorithm": "lasso_lars"},
    "SparseRandomProjection": lambda: {"n_components": 2},
    "SpectralBiclustering": lambda: {"n_clusters": 2},
    "StackingClassifier": lambda: {
        "estimators": [("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
    },
    "StackingRegressor": lambda: {
        "estimators": [("tree", DecisionTreeRegressor(max_depth=2, random_state=0))]
    },
    "TSNE": lambda: {"perplexity": 5.0, "max_iter": 250},
    "TunedThresholdClassifierCV": lambda: {"thresholds": 5},
    "VotingClassifier": lambda: {
        "estimators": [("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
    },
    "VotingRegressor": lambda: {
        "estimators": [("tree", DecisionTreeRegressor(max_depth=2, random_state=0))]
    },
}

# Its inner estimator has a default, None, that it cannot be fitted with.
BARE = {"SelfTrainingClassifier"}

# Their defaults or they themselves change between the releases that we support, and they say so.
CHANGING = {
    "AdaBoostClassifier",
    "LogisticRegressionCV",
    "MDS",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
}

# For pytest.mark.filterwarnings: scikit-learn 1.8 and 1.9 warn whenever the class is made, by
# pickle as well, so that every loader of these two models warns.
DEPRECATED = "ignore:Class PassiveAggressive:FutureWarning"

# X and y of those that do not take numbers. A y of None means that X is all they take.
DIETS: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None]] = {
    "AdditiveChi2Sampler": (toys.positive, None),
    "CategoricalNB": (toys.counts, toys.kinds),
    "ClassifierChain": (toys.numbers, toys.tags),
    "ComplementNB": (toys.counts, toys.kinds),
    "CountVectorizer": (toys.texts, None),
    "DictVectorizer": (toys.records, None),
    "FeatureHasher": (toys.records, None),
    "FixedThresholdClassifier": (toys.numbers, toys.binary),
    "GammaRegressor": (toys.numbers, toys.amounts),
    "HashingVectorizer": (toys.texts, None),
    "IsotonicRegression": (lambda: toys.numbers()[:, 0], toys.target),
    "KernelCenterer": (lambda: toys.numbers() @ toys.numbers().T, None),
    "LabelBinarizer": (toys.kinds, None),
    "LabelEncoder": (toys.kinds, None),
    "LabelPropagation": (toys.numbers, toys.half_known),
    "LabelSpreading": (toys.numbers, toys.half_known),
    "LatentDirichletAllocation": (toys.counts, None),
    "MiniBatchNMF": (toys.positive, None),
    "MultiLabelBinarizer": (lambda: [text.split() for text in toys.texts()], None),
    "MultiOutputClassifier": (toys.numbers, toys.tags),
    "MultiOutputRegressor": (toys.numbers, toys.targets),
    "MultiTaskElasticNet": (toys.numbers, toys.targets),
    "MultiTaskElasticNetCV": (toys.numbers, toys.targets),
    "MultiTaskLasso": (toys.numbers, toys.targets),
    "MultiTaskLassoCV": (toys.numbers, toys.targets),
    "MultinomialNB": (toys.counts, toys.kinds),
    "NMF": (toys.positive, None),
    "PatchExtractor": (toys.images, None),
    "PoissonRegressor": (toys.numbers, toys.amounts),
    "RegressorChain": (toys.numbers, toys.targets),
    "SelfTrainingClassifier": (toys.numbers, toys.half_known),
    "SkewedChi2Sampler": (toys.positive, None),
    "TfidfVectorizer": (toys.texts, None),
    "TunedThresholdClassifierCV": (toys.numbers, toys.binary),
}

# They answer nothing about new rows, and are compared by what they learnt.
SILENT = {
    "AgglomerativeClustering",
    "ClassicalMDS",
    "DBSCAN",
    "EmpiricalCovariance",
    "GraphicalLasso",
    "GraphicalLassoCV",
    "HDBSCAN",
    "LedoitWolf",
    "MDS",
    "MinCovDet",
    "OAS",
    "OPTICS",
    "ShrunkCovariance",
    "SpectralBiclustering",
    "SpectralClustering",
    "SpectralCoclustering",
    "SpectralEmbedding",
    "TSNE",
}


def estimators() -> Iterator[Specimen]:
    """Yield a specimen of every estimator but those in UNFITTED, named after its class."""
    for name, kind in all_estimators():
        if name not in UNFITTED:
            X, _ = DIETS.get(name, (toys.numbers, None))
            rows = None if name in SILENT else unseen(X())
            yield Specimen(name, partial(_fit, name, kind), rows)


def _fit(name: str, kind: type) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        if name in CHANGING:
            warnings.simplefilter("ignore", FutureWarning)
        model = kind(**_arguments(name, kind))
        X, y = DIETS.get(name, (toys.numbers, _labels(model)))
        return model.fit(X()) if y is None else model.fit(X(), y())


def _labels(model: Any) -> Callable[[], Any]:
    if is_regressor(model):
        return toys.target
    return toys.kinds if is_classifier(model) else toys.binary


def _arguments(name: str, kind: type) -> dict[str, Any]:
    known = inspect.signature(kind).parameters
    given = {key: value for key, value in SMALL.items() if key in known}
    inner = next((key for key in ("estimator", "base_estimator") if key in known), None)
    if inner and (name in BARE or known[inner].default is inspect.Parameter.empty):
        given[inner] = Ridge() if "Regressor" in name else LogisticRegression()
    return given | ARGUMENTS.get(name, dict)()
