"""What people fit with the packages that tabular models are made of, on toy data.

Each function yields the specimens of one package, which it imports; `names` are those of the
index. No specimen holds a class of ours, so each has to load without a trust list.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.zoo.specimen import Specimen, unseen

ROWS = 120
Build = Callable[[], Any]


def _rng() -> np.random.Generator:
    return np.random.default_rng(5)


@functools.cache
def numbers() -> pd.DataFrame:
    """Four columns of numbers."""
    return pd.DataFrame(_rng().normal(size=(ROWS, 4)), columns=["age", "income", "debt", "tenure"])


@functools.cache
def people() -> pd.DataFrame:
    """Numbers, text, a category and a moment."""
    rng = _rng()
    held = numbers().copy()
    held["city"] = rng.choice(["Oslo", "Lima", "Bonn"], ROWS)
    held["plan"] = pd.Categorical(rng.choice(["free", "paid", "team"], ROWS))
    return held


@functools.cache
def categories() -> pd.DataFrame:
    """The people, their text as categories."""
    return people().astype({"city": "category"})


@functools.cache
def texts() -> pd.DataFrame:
    """The people, their categories as text."""
    return people().astype({"plan": "str"})


@functools.cache
def gaps() -> pd.DataFrame:
    """The text, and every ninth value missing."""
    held = texts().copy()
    held.loc[::9, ["income", "debt"]] = np.nan
    return held


@functools.cache
def visits() -> pd.DataFrame:
    """The text, with a moment and a note."""
    held = texts().copy()
    held["when"] = pd.date_range("2026-01-01", periods=ROWS, freq="7h")
    words = _rng().choice(["late", "parcel", "refund", "happy", "broken"], (ROWS, 3))
    held["note"] = [" ".join(row) for row in words]
    return held


def binary() -> pd.Series:
    """Two classes of about the same size."""
    return (numbers()["age"] + numbers()["income"] > 0).astype(int)


def rare() -> pd.Series:
    """Two classes, one of them four times as frequent."""
    return (numbers()["age"] > 0.85).astype(int)


def words() -> np.ndarray:
    """Three classes with names."""
    return np.array(["gold", "iron", "zinc"])[np.digitize(numbers()["age"], [-0.4, 0.4])]


def classes() -> np.ndarray:
    """The three classes as numbers."""
    return np.digitize(numbers()["age"], [-0.4, 0.4])


def target() -> pd.Series:
    """A number that depends on the columns."""
    return (3 * numbers()["age"] - numbers()["debt"]).rename("price")


def amounts() -> pd.Series:
    """A number above zero."""
    return np.exp(target() / 4)


def _fitted(name: str, build: Build, X: Build, y: Build | None = None, **given: Any) -> Specimen:
    def fit() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if y is None:
                return build().fit(X(), **given)
            return build().fit(X(), y(), **given)

    return Specimen(name, fit, unseen(X()))


def _all(
    package: str, X: Build, y: Build | None, builds: Mapping[str, Build]
) -> Iterator[Specimen]:
    for name, build in builds.items():
        yield _fitted(f"{package}-{name}", build, X, y)


def _around(package: str, classifier: Build, regressor: Build, grid: dict[str, Any]) -> Any:
    """Yield what scikit-learn builds around the models of a package."""
    yield from _all(
        package,
        numbers,
        binary,
        {
            "scaled": lambda: make_pipeline(StandardScaler(), classifier()),
            "searched": lambda: GridSearchCV(classifier(), grid, cv=2),
            "searched-randomly": lambda: RandomizedSearchCV(
                classifier(), grid, n_iter=2, cv=2, random_state=0
            ),
            "calibrated": lambda: CalibratedClassifierCV(classifier(), cv=2),
            "calibrated-isotonic": lambda: CalibratedClassifierCV(
                classifier(), method="isotonic", cv=2, ensemble=False
            ),
            "voting": lambda: VotingClassifier(
                [("own", classifier()), ("lin", LogisticRegression())], voting="soft"
            ),
            "stacked": lambda: StackingClassifier(
                [("own", classifier()), ("tree", DecisionTreeClassifier(random_state=0))], cv=2
            ),
            "searched-in-pipeline": lambda: GridSearchCV(
                make_pipeline(FunctionTransformer(np.tanh), classifier()),
                {f"{type(classifier()).__name__.lower()}__{key}": v for key, v in grid.items()},
                cv=2,
            ),
        },
    )
    yield _fitted(
        f"{package}-columns",
        lambda: make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), remainder="passthrough"
            ),
            classifier(),
        ),
        people,
        classes,
    )
    yield from _all(
        package,
        numbers,
        amounts,
        {
            "log-target": lambda: TransformedTargetRegressor(
                regressor(), func=np.log1p, inverse_func=np.expm1
            ),
            "voting-numbers": lambda: VotingRegressor([("own", regressor()), ("lin", Ridge())]),
        },
    )
    yield _fitted(
        f"{package}-two-targets",
        lambda: MultiOutputRegressor(regressor()),
        numbers,
        two_targets,
    )


def two_targets() -> np.ndarray:
    """Both numbers."""
    return np.column_stack([target(), amounts()])


def _maker(package: str, few: dict[str, Any]) -> Callable[..., Specimen]:
    """Return what makes the specimens of a package, whose params include `few`."""

    def of(
        name: str,
        model: Callable[..., Any],
        X: Build = numbers,
        y: Build | None = binary,
        fit: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Specimen:
        return _fitted(f"{package}-{name}", lambda: model(**few | params), X, y, **fit or {})

    return of


def lightgbm() -> Iterator[Specimen]:
    """Classifiers, regressors, rankers; every booster; categories; early stopping."""
    import lightgbm as lgb
    from lightgbm import LGBMClassifier, LGBMRegressor

    few: dict[str, Any] = {"n_estimators": 5, "num_leaves": 5, "verbose": -1, "n_jobs": 1}
    few |= {"min_child_samples": 5}
    of = _maker("lightgbm", few)
    sampled = {"boosting_type": "rf", "subsample": 0.7, "subsample_freq": 1, "random_state": 1}
    for name, params in {
        "classifier": {},
        "dart": {"boosting_type": "dart", "random_state": 1},
        "forest": sampled,
        "goss": {"data_sample_strategy": "goss"},
        "balanced": {"class_weight": "balanced"},
        "weighted": {"class_weight": {0: 1.0, 1: 3.0}},
        "gain": {"importance_type": "gain", "objective": "binary"},
        "monotone": {"monotone_constraints": [1, 0, 0, -1]},
        "interactions": {"interaction_constraints": [[0, 1], [2, 3]]},
        "metrics": {"metric": ["auc", "binary_logloss"]},
        "linear": {"linear_tree": True},
    }.items():
        yield of(name, LGBMClassifier, **params)
    yield of("seeded", lambda **few: LGBMClassifier(random_state=np.random.RandomState(3), **few))
    yield of("categories", LGBMClassifier, categories)
    yield of("words", LGBMClassifier, y=words)
    yield of("classes", LGBMClassifier, y=classes)
    objectives = ("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape")
    for objective in (*objectives, "gamma", "tweedie", "cross_entropy"):
        y = (lambda: binary().astype(float)) if objective == "cross_entropy" else amounts
        yield of(objective.replace("_", "-"), LGBMRegressor, y=y, objective=objective)
    yield of("one-against-all", LGBMClassifier, y=words, objective="multiclassova")
    yield of("ranker", lgb.LGBMRanker, y=classes, fit={"group": [40, 40, 40]})
    stopped = {"eval_set": [(numbers(), binary())], "eval_metric": "auc"}
    calls = {"callbacks": [lgb.early_stopping(2, verbose=False), lgb.log_evaluation(0)]}
    yield of("stopped", LGBMClassifier, fit=calls | stopped, n_estimators=50)
    yield of("stopped-by-param", LGBMClassifier, fit=stopped, early_stopping_round=2)
    weights = {"sample_weight": np.linspace(1, 2, ROWS)}
    yield of("weights", LGBMRegressor, lambda: numbers().to_numpy(), target, weights)
    chosen = {"categorical_feature": ["age"]}
    yield of(
        "chosen-categories", LGBMRegressor, lambda: numbers().assign(age=classes()), target, chosen
    )
    yield from _around(
        "lightgbm",
        lambda: LGBMClassifier(**few),
        lambda: LGBMRegressor(**few),
        {"num_leaves": [3, 5], "reg_lambda": [0.0, 1.0]},
    )


def xgboost() -> Iterator[Specimen]:
    """Classifiers, regressors, rankers; every booster; categories; early stopping."""
    import xgboost as xgb
    from xgboost import XGBClassifier, XGBRegressor

    few: dict[str, Any] = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1}
    of = _maker("xgboost", few)
    for name, params in {
        "classifier": {},
        "dart": {"booster": "dart", "rate_drop": 0.1},
        "lossguide": {"grow_policy": "lossguide", "max_leaves": 5},
        "exact": {"tree_method": "exact"},
        "weighted": {"scale_pos_weight": 3.0, "base_score": 0.3},
        "monotone": {"monotone_constraints": {"age": 1}},
        "interactions": {"interaction_constraints": [["age", "debt"]]},
        "metric": {"eval_metric": ["auc", "logloss"]},
    }.items():
        yield of(name, XGBClassifier, **params)
    yield of("linear", lambda **_: XGBClassifier(booster="gblinear", n_estimators=5))
    yield of("forest", xgb.XGBRFClassifier)

    def seeded(**few: Any) -> Any:
        return XGBClassifier(random_state=np.random.RandomState(3), subsample=0.5, **few)

    yield of("seeded", seeded)
    yield of("classes", XGBClassifier, y=classes)
    yield of("softmax", XGBClassifier, y=classes, objective="multi:softmax")
    for name, X in (("categories", categories), ("codes", lambda: categories()[["city", "plan"]])):
        yield of(name, XGBClassifier, X, enable_categorical=True, tree_method="hist")
    objectives = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "count:poisson")
    for objective in (*objectives, "reg:gamma", "reg:tweedie", "reg:squaredlogerror"):
        yield of(objective.replace(":", "-"), XGBRegressor, y=amounts, objective=objective)
    quantiles = {"objective": "reg:quantileerror", "quantile_alpha": np.array([0.1, 0.9])}
    yield of("quantiles", XGBRegressor, y=target, **quantiles)
    yield of("many-targets", XGBRegressor, y=two_targets, multi_strategy="multi_output_tree")
    yield of("forest-numbers", xgb.XGBRFRegressor, y=target)
    groups = {"qid": np.repeat([0, 1, 2], 40)}
    yield of("ranker", xgb.XGBRanker, y=classes, fit=groups, objective="rank:ndcg")
    fit = {"eval_set": [(numbers(), binary())], "verbose": False}
    rounds = {"n_estimators": 30, "early_stopping_rounds": 2, "eval_metric": "auc"}
    yield of("stopped", XGBClassifier, fit=fit, **rounds)

    def stopping(**few: Any) -> Any:
        calls = [xgb.callback.EarlyStopping(rounds=2, save_best=True)]
        return XGBClassifier(callbacks=calls, eval_metric="logloss", **few)

    yield of("stopped-by-callback", stopping, fit=fit, n_estimators=30)
    yield from _around(
        "xgboost",
        lambda: XGBClassifier(**few),
        lambda: XGBRegressor(**few),
        {"max_depth": [2, 3], "reg_lambda": [0.5, 1.0]},
    )


def catboost() -> Iterator[Specimen]:
    """Classifiers, regressors, rankers; categories and text; early stopping."""
    import catboost as cb
    from catboost import CatBoostClassifier, CatBoostRegressor

    few: dict[str, Any] = {"iterations": 5, "depth": 3, "verbose": False, "thread_count": 1}
    few |= {"allow_writing_files": False, "random_seed": 1}
    of = _maker("catboost", few)
    for name, params in {
        "classifier": {},
        "balanced": {"auto_class_weights": "Balanced"},
        "lossguide": {"grow_policy": "Lossguide"},
        "depthwise": {"grow_policy": "Depthwise"},
        "bernoulli": {"bootstrap_type": "Bernoulli", "subsample": 0.7},
        "monotone": {"monotone_constraints": {"age": 1}},
        "focal": {"loss_function": "Focal:focal_alpha=0.5;focal_gamma=2"},
        "metrics": {"eval_metric": "AUC", "custom_metric": ["F1"]},
    }.items():
        yield of(name, CatBoostClassifier, **params)
    yield of("generic", lambda **few: cb.CatBoost({"loss_function": "Logloss", **few}))
    yield of("words", CatBoostClassifier, y=words)
    yield of("classes", CatBoostClassifier, y=classes)
    for name, X in (("categories", categories), ("text", texts)):
        yield of(name, CatBoostClassifier, X, cat_features=["city", "plan"])
    ages = numbers().assign(age=lambda rows: rows["age"].mul(20).add(50).astype(int).astype(str))
    by_age = {"cat_features": ["age"], "grow_policy": "Depthwise"}
    # What is kept of each category beside the trees.
    yield of("kept", CatBoostClassifier, lambda: ages, classes, **by_age)
    losses = ("RMSE", "MAE", "Quantile:alpha=0.9", "Huber:delta=1", "Poisson")
    for loss in (*losses, "Tweedie:variance_power=1.5"):
        name = loss.partition(":")[0].lower()
        yield of(name, CatBoostRegressor, y=amounts, loss_function=loss)
    yield of("uncertain", CatBoostRegressor, y=target, loss_function="RMSEWithUncertainty")
    yield of("many-targets", CatBoostRegressor, y=two_targets, loss_function="MultiRMSE")
    groups = {"group_id": np.repeat([0, 1, 2], 40)}
    yield of("ranker", cb.CatBoostRanker, y=classes, fit=groups, loss_function="YetiRank")
    fit, rounds = {"eval_set": (numbers(), binary())}, {"early_stopping_rounds": 2}
    yield of("stopped", CatBoostClassifier, fit=fit, **rounds, iterations=40)
    yield from _around(
        "catboost",
        lambda: CatBoostClassifier(**few),
        lambda: CatBoostRegressor(**few),
        {"depth": [2, 3], "l2_leaf_reg": [1.0, 3.0]},
    )


def imblearn() -> Iterator[Specimen]:
    """Its pipeline with every sampler, its ensembles, and its own pieces."""
    from imblearn import FunctionSampler, combine, ensemble, over_sampling, pipeline, under_sampling
    from imblearn.keras import BalancedBatchGenerator  # noqa: F401
    from imblearn.metrics import geometric_mean_score
    from sklearn.metrics import make_scorer

    piped, SMOTE = pipeline.make_pipeline, over_sampling.SMOTE
    few: dict[str, Any] = {"n_estimators": 4, "random_state": 0}

    def sampled(sampler: Build) -> Any:
        seeded = "random_state" in sampler().get_params()
        made = sampler(random_state=1) if seeded else sampler()
        return piped(StandardScaler(), made, LogisticRegression())

    def of_categories() -> Any:
        hot = ("hot", OneHotEncoder(), ["city", "plan"])
        return pipeline.Pipeline(
            [
                ("sample", over_sampling.SMOTENC(["city", "plan"], random_state=1)),
                ("columns", ColumnTransformer([hot], remainder="passthrough")),
                ("model", LogisticRegression()),
            ]
        )

    def of_text() -> Any:
        tree = DecisionTreeClassifier(random_state=0)
        return piped(over_sampling.SMOTEN(random_state=1), OrdinalEncoder(), tree)

    def by_means() -> Any:
        sampler = over_sampling.KMeansSMOTE(random_state=1, cluster_balance_threshold=0.05)
        return piped(sampler, LogisticRegression())

    def by_ratio() -> Any:
        above = SMOTE(sampling_strategy={1: 60}, random_state=np.random.RandomState(1))
        below = under_sampling.RandomUnderSampler(sampling_strategy=0.9, random_state=1)
        return piped(above, below, LogisticRegression())

    def with_one_off() -> Any:
        return pipeline.Pipeline(
            [
                ("scale", StandardScaler()),
                ("sample", over_sampling.ADASYN(random_state=2)),
                ("off", "passthrough"),
                ("model", LogisticRegression()),
            ]
        )

    skipped = {"SMOTENC", "SMOTEN", "KMeansSMOTE"}
    for module in (combine, over_sampling, under_sampling):
        for name in sorted(set(module.__all__) - skipped):
            build = functools.partial(sampled, getattr(module, name))
            yield _fitted(f"imblearn-{name}", build, numbers, rare)
    yield _fitted("imblearn-SMOTENC", of_categories, categories, rare)
    yield _fitted("imblearn-SMOTEN", of_text, lambda: texts()[["city", "plan"]], rare)
    builds: dict[str, Build] = {
        "KMeansSMOTE": by_means,
        "function": lambda: piped(FunctionSampler(), LogisticRegression()),
        "balanced-forest": lambda: ensemble.BalancedRandomForestClassifier(**few),
        "balanced-forest-oob": lambda: ensemble.BalancedRandomForestClassifier(
            oob_score=True, bootstrap=True, sampling_strategy="all", replacement=True, **few
        ),
        "easy": lambda: ensemble.EasyEnsembleClassifier(**few),
        "rus-boost": lambda: ensemble.RUSBoostClassifier(**few),
        "balanced-bagging": lambda: ensemble.BalancedBaggingClassifier(**few),
        "bagging-smote": lambda: ensemble.BalancedBaggingClassifier(
            LogisticRegression(), sampler=SMOTE(k_neighbors=2), **few
        ),
        "searched": lambda: GridSearchCV(
            piped(SMOTE(random_state=1), LogisticRegression()),
            {"smote__k_neighbors": [2, 3]},
            scoring=make_scorer(geometric_mean_score),
            cv=2,
        ),
        "calibrated": lambda: CalibratedClassifierCV(
            piped(under_sampling.RandomUnderSampler(random_state=1), LogisticRegression()), cv=2
        ),
        "ratio": by_ratio,
        "off": with_one_off,
    }
    yield from _all("imblearn", numbers, rare, builds)


def _wrapped(wrapper: Any, encoder: Any, columns: list[str]) -> Any:
    return wrapper(encoder(cols=columns))


def _before_a_tree(encoder: Any, columns: list[str]) -> Any:
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    return make_pipeline(encoder(cols=columns), tree)


def category_encoders() -> Iterator[Specimen]:
    """Every encoder, alone, and in front of a model."""
    import category_encoders as ce

    columns = ["city", "plan"]
    wrappers = {"NestedCVWrapper": binary, "PolynomialWrapper": words}
    of = _maker("category-encoders", {})
    for name in ce.__all__:
        encoder = getattr(ce, name)
        if name in wrappers:
            build = functools.partial(_wrapped, encoder, ce.TargetEncoder, columns)
            yield of(name, build, texts, wrappers[name])
        elif hasattr(encoder, "fit"):
            yield of(name, encoder, texts, cols=columns)
            yield of(f"{name}-piped", functools.partial(_before_a_tree, encoder, columns), texts)
    encoded = make_pipeline(ce.TargetEncoder(), LogisticRegression())
    grid = {"targetencoder__smoothing": [1.0, 10.0]}
    yield of("searched", lambda: GridSearchCV(encoded, grid, cv=2), categories)
    hierarchy = {"city": {"north": ("Oslo", "Bonn"), "south": ("Lima",)}}
    yield of("hierarchy", ce.TargetEncoder, texts, cols=["city"], hierarchy=hierarchy)
    mapping = [{"col": "city", "mapping": {"Oslo": 1, "Lima": 2, "Bonn": 3}}]
    yield of("mapping", ce.OrdinalEncoder, texts, None, mapping=mapping)
    quantiles = make_pipeline(ce.QuantileEncoder(quantile=0.3), Ridge())
    yield of("quantile", lambda: clone(quantiles), texts, target)


def feature_engine() -> Iterator[Specimen]:
    """Transformers of every family, alone and in pipelines."""
    from feature_engine import (
        creation,
        datetime,
        discretisation,
        encoding,
        imputation,
        outliers,
        preprocessing,
        scaling,
        selection,
        transformation,
        wrappers,
    )
    from feature_engine.text import TextFeatures
    from feature_engine.timeseries import forecasting

    texts_ = ["city", "plan"]

    def moments() -> pd.DataFrame:
        return visits().set_index("when", drop=False)[["age", "when"]]

    builds: dict[str, Build] = {
        "mean": imputation.MeanMedianImputer,
        "arbitrary": imputation.ArbitraryNumberImputer,
        "tail": imputation.EndTailImputer,
        "category": imputation.CategoricalImputer,
        "sample": lambda: imputation.RandomSampleImputer(random_state=0),
        "indicator": imputation.AddMissingIndicator,
        "drop": imputation.DropMissingData,
    }
    yield from _all("feature-engine-impute", gaps, None, builds)
    builds = {
        "hot": encoding.OneHotEncoder,
        "count": encoding.CountFrequencyEncoder,
        "ordinal": encoding.OrdinalEncoder,
        "arbitrary": lambda: encoding.OrdinalEncoder(encoding_method="arbitrary"),
        "mean": encoding.MeanEncoder,
        "smooth": lambda: encoding.MeanEncoder(smoothing="auto"),
        "woe": encoding.WoEEncoder,
        "tree": lambda: encoding.DecisionTreeEncoder(regression=False, random_state=0),
        "rare": lambda: encoding.RareLabelEncoder(n_categories=2),
        "similar": encoding.StringSimilarityEncoder,
    }
    yield from _all("feature-engine-encode", texts, binary, builds)
    builds = {
        "frequency": discretisation.EqualFrequencyDiscretiser,
        "width": discretisation.EqualWidthDiscretiser,
        "object": lambda: discretisation.EqualWidthDiscretiser(return_object=True),
        "geometric": discretisation.GeometricWidthDiscretiser,
        "arbitrary": lambda: discretisation.ArbitraryDiscretiser({"age": [-9, 0, 9]}),
        "tree": lambda: discretisation.DecisionTreeDiscretiser(regression=False, random_state=0),
    }
    yield from _all("feature-engine-bin", numbers, binary, builds)
    builds = {
        "winsor": outliers.Winsorizer,
        "arbitrary": lambda: outliers.ArbitraryOutlierCapper({"age": 2}, {"age": -2}),
        "trim": outliers.OutlierTrimmer,
    }
    yield from _all("feature-engine-outliers", numbers, None, builds)
    builds = {
        "log": transformation.LogTransformer,
        "log-plus": transformation.LogCpTransformer,
        "reciprocal": transformation.ReciprocalTransformer,
        "power": transformation.PowerTransformer,
        "box-cox": transformation.BoxCoxTransformer,
        "yeo-johnson": transformation.YeoJohnsonTransformer,
        "arcsinh": transformation.ArcSinhTransformer,
        "scaled": scaling.MeanNormalizationScaler,
    }
    yield from _all("feature-engine-transform", lambda: numbers().abs() + 1, None, builds)
    builds = {
        "maths": lambda: creation.MathFeatures(["age", "debt"], ["sum", "mean", "std"]),
        "numpy": lambda: creation.MathFeatures(["age", "debt"], func=[np.sum, np.mean]),
        "relative": lambda: creation.RelativeFeatures(["age"], ["debt"], ["sub", "mul"]),
        "cyclical": creation.CyclicalFeatures,
        "trees": lambda: creation.DecisionTreeFeatures(regression=False, random_state=0),
    }
    yield from _all("feature-engine-create", numbers, binary, builds)
    builds = {
        "drop": lambda: selection.DropFeatures(["age"]),
        "constant": selection.DropConstantFeatures,
        "duplicate": selection.DropDuplicateFeatures,
        "correlated": selection.DropCorrelatedFeatures,
        "smart": lambda: selection.SmartCorrelatedSelection(selection_method="variance"),
        "single": lambda: selection.SelectBySingleFeaturePerformance(LogisticRegression(), cv=2),
        "shuffled": lambda: selection.SelectByShuffling(LogisticRegression(), cv=2, random_state=0),
        "eliminate": lambda: selection.RecursiveFeatureElimination(LogisticRegression(), cv=2),
        "add": lambda: selection.RecursiveFeatureAddition(LogisticRegression(), cv=2),
        "psi": selection.DropHighPSIFeatures,
        "target": selection.SelectByTargetMeanPerformance,
        "information": lambda: selection.SelectByInformationValue(["age"], bins=2),
        "probe": lambda: selection.ProbeFeatureSelection(
            DecisionTreeClassifier(random_state=0), cv=2, random_state=0
        ),
        "mrmr": lambda: selection.MRMR(regression=False),
    }
    yield from _all("feature-engine-select", numbers, binary, builds)
    builds = {
        "parts": lambda: datetime.DatetimeFeatures(variables=["when"]),
        "chosen": lambda: datetime.DatetimeFeatures(
            variables=["when"], features_to_extract=["month", "hour", "weekend"]
        ),
        "ordinal": lambda: datetime.DatetimeOrdinal(variables=["when"]),
        "lags": lambda: forecasting.LagFeatures(variables=["age"], periods=[1, 2]),
        "window": lambda: forecasting.WindowFeatures(variables=["age"], window=3),
        "expanding": lambda: forecasting.ExpandingWindowFeatures(variables=["age"]),
    }
    yield from _all("feature-engine-time", moments, None, builds)
    builds = {
        "match": preprocessing.MatchVariables,
        "categories": preprocessing.MatchCategories,
        "wrap": lambda: wrappers.SklearnTransformerWrapper(
            StandardScaler(), variables=["age", "debt"]
        ),
        "wrap-hot": lambda: wrappers.SklearnTransformerWrapper(
            OneHotEncoder(sparse_output=False), variables=texts_
        ),
    }
    yield from _all("feature-engine-prepare", texts, None, builds)
    yield _fitted("feature-engine-text-features", lambda: TextFeatures(["note"]), visits)

    def piped() -> Any:
        impute_both = imputation.MeanMedianImputer(), imputation.CategoricalImputer()
        encoders = encoding.RareLabelEncoder(n_categories=2), encoding.OneHotEncoder(drop_last=True)
        return make_pipeline(*impute_both, *encoders, LogisticRegression())

    def searched() -> Any:
        steps = encoding.MeanEncoder(), discretisation.EqualWidthDiscretiser(), Ridge()
        return GridSearchCV(make_pipeline(*steps), {"meanencoder__smoothing": [0.0, 1.0]}, cv=2)

    yield _fitted("feature-engine-piped", piped, gaps, binary)
    yield _fitted("feature-engine-searched", searched, texts, target)


def skrub() -> Iterator[Specimen]:
    """Its encoders, its vectorizer of tables, and the pipelines that it proposes."""
    import skrub
    from sklearn.ensemble import HistGradientBoostingClassifier
    from skrub import selectors

    def note() -> pd.Series:
        return visits()["note"]

    def when() -> pd.Series:
        return visits()["when"]

    def gaps_in_table() -> Any:
        gap = skrub.GapEncoder(n_components=2, random_state=0)
        return skrub.TableVectorizer(high_cardinality=gap, cardinality_threshold=3)

    def own_columns() -> Any:
        return skrub.TableVectorizer(specific_transformers=[(OrdinalEncoder(), ["city"])], n_jobs=1)

    def searched() -> Any:
        steps = skrub.TableVectorizer(), HistGradientBoostingClassifier(max_iter=3)
        grid = {"tablevectorizer__cardinality_threshold": [3, 40]}
        return GridSearchCV(make_pipeline(*steps), grid, cv=2)

    def encoding() -> Any:
        return skrub.ApplyToCols(skrub.StringEncoder(n_components=2), cols=["note"])

    of = functools.partial(_maker("skrub", {}), y=None)
    yield of("gap", skrub.GapEncoder, note, n_components=3, random_state=0)
    yield of("min-hash", skrub.MinHashEncoder, note, n_components=4)
    of_text = {"n_components": 4, "random_state": 0}
    yield of("string", skrub.StringEncoder, note, **of_text)
    yield of("string-hashing", skrub.StringEncoder, note, vectorizer="hashing", **of_text)
    yield of("similar", skrub.SimilarityEncoder, lambda: visits()[["note"]])
    yield of("datetime", skrub.DatetimeEncoder, when)
    for kind in ("spline", "circular"):
        yield of(f"datetime-{kind}", skrub.DatetimeEncoder, when, periodic_encoding=kind)
    yield of("to-datetime", skrub.ToDatetime, lambda: when().astype(str))
    yield of("to-category", skrub.ToCategorical, note)
    yield of("squash", skrub.SquashingScaler)
    yield of("cleaner", skrub.Cleaner, visits)
    yield of("cleaner-strict", skrub.Cleaner, visits, drop_if_constant=True)
    yield of("table", skrub.TableVectorizer, visits)
    yield of("table-gap", gaps_in_table, visits)
    yield of("table-specific", own_columns, visits)
    yield of("select", lambda: skrub.SelectCols(["age", "city"]), visits)
    yield of("select-numbers", lambda: skrub.SelectCols(selectors.numeric()), visits)
    yield of("select-glob", lambda: skrub.SelectCols(selectors.glob("d*") | ["age"]), visits)
    yield of("drop", lambda: skrub.DropCols(selectors.string() - ["city"]), visits)
    yield of("drop-uninformative", skrub.DropUninformative, note)
    yield of("apply", encoding, visits)
    numeric = selectors.numeric()
    yield of("apply-frame", lambda: skrub.ApplyToCols(StandardScaler(), cols=numeric), visits)
    proposed = skrub.tabular_pipeline
    yield of("proposed", lambda: proposed("regressor"), visits, y=target)
    yield of("proposed-classes", lambda: proposed("classifier"), visits, y=words)
    yield of("proposed-model", lambda: proposed(LogisticRegression()), visits, y=binary)
    yield of("searched", searched, visits, y=binary)
    cities = pd.DataFrame({"city": ["Oslo", "Lima"], "people": [0.7, 10.0]})
    yield of("joined", lambda: skrub.Joiner(cities, key="city"), texts)
    debts = {"aux_table": texts()[["city", "debt"]], "key": "city", "cols": ["debt"]}
    others = texts().drop(columns="debt")
    yield of("aggregated", skrub.AggJoiner, lambda: others, operations=["mean"], **debts)
    ages, towns = texts()[["age", "debt"]], texts()[["age", "city"]]
    yield of("interpolated", lambda: skrub.InterpolationJoiner(ages, key="age"), lambda: towns)


def optbinning() -> Iterator[Specimen]:
    """Binnings of one column and of many, alone, in pipelines, and in scorecards."""
    import optbinning as ob

    names = list(numbers().columns)

    def age() -> np.ndarray:
        return numbers()["age"].to_numpy()

    def process() -> Any:
        return ob.BinningProcess(names)

    def mixed() -> Any:
        return ob.BinningProcess(
            [*names, "city", "plan"],
            categorical_variables=["city", "plan"],
            selection_criteria={"iv": {"min": 0.01, "max": 10}},
            binning_fit_params={"age": {"max_n_bins": 4}},
            binning_transform_params={"city": {"metric": "event_rate"}},
        )

    def searched() -> Any:
        grid = {"binningprocess__max_n_prebins": [5, 10]}
        return GridSearchCV(make_pipeline(process(), LogisticRegression()), grid, cv=2)

    of = _maker("optbinning", {})
    scaled = {"scaling_method": "min_max", "scaling_method_params": {"min": 300, "max": 850}}
    yield of("binary", lambda: ob.OptimalBinning("age"), age)
    yield of("mip", lambda: ob.OptimalBinning("age", solver="mip"), age)
    yield of("monotonic", lambda: ob.OptimalBinning("age", monotonic_trend="ascending"), age)
    yield of("numbers", lambda: ob.ContinuousOptimalBinning("age"), age, target)
    yield of("classes", lambda: ob.MulticlassOptimalBinning("age"), age, classes)
    city = texts()["city"].to_numpy()
    yield of("text", lambda: ob.OptimalBinning("city", dtype="categorical"), lambda: city)
    for name, y in (("", binary), ("-numbers", target), ("-classes", classes)):
        yield of(f"process{name}", process, y=y)
    yield of("process-mixed", mixed, texts)
    yield of("piped", lambda: make_pipeline(process(), LogisticRegression()))
    yield of("searched", searched)
    yield of("scorecard", lambda: ob.Scorecard(process(), LogisticRegression(), **scaled))
    yield of("scorecard-numbers", lambda: ob.Scorecard(process(), Ridge()), y=target)


FAMILIES: Mapping[str, Callable[[], Iterator[Specimen]]] = {
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "catboost": catboost,
    "imbalanced-learn": imblearn,
    "category_encoders": category_encoders,
    "feature_engine": feature_engine,
    "skrub": skrub,
    "optbinning": optbinning,
}


def specimens() -> Iterator[Specimen]:
    """Yield the zoo of all packages."""
    for family in FAMILIES.values():
        yield from family()
