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
        lambda: np.column_stack([target(), amounts()]),
    )


def lightgbm() -> Iterator[Specimen]:
    """Classifiers, regressors, rankers; every booster; categories; early stopping."""
    import lightgbm as lgb

    few: dict[str, Any] = {"n_estimators": 5, "num_leaves": 5, "verbose": -1, "n_jobs": 1}
    few |= {"min_child_samples": 5}
    of_classes: dict[str, Build] = {
        "classifier": lambda: lgb.LGBMClassifier(**few),
        "dart": lambda: lgb.LGBMClassifier(boosting_type="dart", random_state=1, **few),
        "forest": lambda: lgb.LGBMClassifier(
            boosting_type="rf", subsample=0.7, subsample_freq=1, random_state=1, **few
        ),
        "goss": lambda: lgb.LGBMClassifier(data_sample_strategy="goss", **few),
        "balanced": lambda: lgb.LGBMClassifier(class_weight="balanced", **few),
        "weighted": lambda: lgb.LGBMClassifier(class_weight={0: 1.0, 1: 3.0}, **few),
        "gain": lambda: lgb.LGBMClassifier(importance_type="gain", objective="binary", **few),
        "seeded": lambda: lgb.LGBMClassifier(random_state=np.random.RandomState(3), **few),
        "monotone": lambda: lgb.LGBMClassifier(monotone_constraints=[1, 0, 0, -1], **few),
        "interactions": lambda: lgb.LGBMClassifier(interaction_constraints=[[0, 1], [2, 3]], **few),
        "metrics": lambda: lgb.LGBMClassifier(metric=["auc", "binary_logloss"], **few),
        "linear": lambda: lgb.LGBMClassifier(linear_tree=True, **few),
    }
    yield from _all("lightgbm", numbers, binary, of_classes)
    yield from _all("lightgbm", categories, binary, {"categories": of_classes["classifier"]})
    yield from _all("lightgbm", numbers, words, {"words": of_classes["classifier"]})
    yield from _all("lightgbm", numbers, classes, {"classes": of_classes["classifier"]})
    objectives = ("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape")
    for objective in (*objectives, "gamma", "tweedie", "cross_entropy"):
        y = (lambda: binary().astype(float)) if objective == "cross_entropy" else amounts
        yield _fitted(
            f"lightgbm-{objective.replace('_', '-')}",
            functools.partial(lgb.LGBMRegressor, objective=objective, **few),
            numbers,
            y,
        )
    yield _fitted(
        "lightgbm-one-against-all",
        lambda: lgb.LGBMClassifier(objective="multiclassova", **few),
        numbers,
        words,
    )
    yield _fitted(
        "lightgbm-ranker", lambda: lgb.LGBMRanker(**few), numbers, classes, group=[40, 40, 40]
    )
    stopped = {"eval_set": [(numbers(), binary())], "eval_metric": "auc"}
    yield _fitted(
        "lightgbm-stopped",
        lambda: lgb.LGBMClassifier(**few | {"n_estimators": 50}),
        numbers,
        binary,
        callbacks=[lgb.early_stopping(2, verbose=False), lgb.log_evaluation(0)],
        **stopped,
    )
    yield _fitted(
        "lightgbm-stopped-by-param",
        lambda: lgb.LGBMClassifier(early_stopping_round=2, **few),
        numbers,
        binary,
        **stopped,
    )
    yield _fitted(
        "lightgbm-weights",
        lambda: lgb.LGBMRegressor(**few),
        lambda: numbers().to_numpy(),
        target,
        sample_weight=np.linspace(1, 2, ROWS),
    )
    yield _fitted(
        "lightgbm-chosen-categories",
        lambda: lgb.LGBMRegressor(**few),
        lambda: numbers().assign(age=classes()),
        target,
        categorical_feature=["age"],
    )
    yield from _around(
        "lightgbm",
        of_classes["classifier"],
        lambda: lgb.LGBMRegressor(**few),
        {"num_leaves": [3, 5], "reg_lambda": [0.0, 1.0]},
    )


def xgboost() -> Iterator[Specimen]:
    """Classifiers, regressors, rankers; every booster; categories; early stopping."""
    import xgboost as xgb

    few: dict[str, Any] = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1}
    of_classes: dict[str, Build] = {
        "classifier": lambda: xgb.XGBClassifier(**few),
        "dart": lambda: xgb.XGBClassifier(booster="dart", rate_drop=0.1, **few),
        "linear": lambda: xgb.XGBClassifier(booster="gblinear", n_estimators=5),
        "forest": lambda: xgb.XGBRFClassifier(**few),
        "lossguide": lambda: xgb.XGBClassifier(grow_policy="lossguide", max_leaves=5, **few),
        "exact": lambda: xgb.XGBClassifier(tree_method="exact", **few),
        "weighted": lambda: xgb.XGBClassifier(scale_pos_weight=3.0, base_score=0.3, **few),
        "monotone": lambda: xgb.XGBClassifier(monotone_constraints={"age": 1}, **few),
        "interactions": lambda: xgb.XGBClassifier(interaction_constraints=[["age", "debt"]], **few),
        "metric": lambda: xgb.XGBClassifier(eval_metric=["auc", "logloss"], **few),
        "seeded": lambda: xgb.XGBClassifier(
            random_state=np.random.RandomState(3), subsample=0.5, **few
        ),
    }
    yield from _all("xgboost", numbers, binary, of_classes)
    yield _fitted("xgboost-classes", of_classes["classifier"], numbers, classes)
    yield _fitted(
        "xgboost-softmax",
        lambda: xgb.XGBClassifier(objective="multi:softmax", **few),
        numbers,
        classes,
    )
    for name, X in (("categories", categories), ("codes", lambda: categories()[["city", "plan"]])):
        yield _fitted(
            f"xgboost-{name}",
            lambda: xgb.XGBClassifier(enable_categorical=True, tree_method="hist", **few),
            X,
            binary,
        )
    objectives = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "count:poisson")
    for objective in (*objectives, "reg:gamma", "reg:tweedie", "reg:squaredlogerror"):
        yield _fitted(
            f"xgboost-{objective.replace(':', '-')}",
            functools.partial(xgb.XGBRegressor, objective=objective, **few),
            numbers,
            amounts,
        )
    yield _fitted(
        "xgboost-quantiles",
        lambda: xgb.XGBRegressor(
            objective="reg:quantileerror", quantile_alpha=np.array([0.1, 0.9]), **few
        ),
        numbers,
        target,
    )
    yield _fitted(
        "xgboost-many-targets",
        lambda: xgb.XGBRegressor(multi_strategy="multi_output_tree", **few),
        numbers,
        lambda: np.column_stack([target(), amounts()]),
    )
    yield _fitted("xgboost-forest-numbers", lambda: xgb.XGBRFRegressor(**few), numbers, target)
    yield _fitted(
        "xgboost-ranker",
        lambda: xgb.XGBRanker(objective="rank:ndcg", **few),
        numbers,
        classes,
        qid=np.repeat([0, 1, 2], 40),
    )
    stopped: dict[str, Build] = {
        "stopped": lambda: {"early_stopping_rounds": 2, "eval_metric": "auc"},
        "stopped-by-callback": lambda: {
            "callbacks": [xgb.callback.EarlyStopping(rounds=2, save_best=True)],
            "eval_metric": "logloss",
        },
    }
    for name, options in stopped.items():
        yield _fitted(
            f"xgboost-{name}",
            lambda options=options: xgb.XGBClassifier(**few | {"n_estimators": 30} | options()),
            numbers,
            binary,
            eval_set=[(numbers(), binary())],
            verbose=False,
        )
    yield from _around(
        "xgboost",
        of_classes["classifier"],
        lambda: xgb.XGBRegressor(**few),
        {"max_depth": [2, 3], "reg_lambda": [0.5, 1.0]},
    )


def catboost() -> Iterator[Specimen]:
    """Classifiers, regressors, rankers; categories and text; early stopping."""
    import catboost as cb

    few: dict[str, Any] = {"iterations": 5, "depth": 3, "verbose": False, "thread_count": 1}
    few |= {"allow_writing_files": False, "random_seed": 1}
    of_classes: dict[str, Build] = {
        "classifier": lambda: cb.CatBoostClassifier(**few),
        "balanced": lambda: cb.CatBoostClassifier(auto_class_weights="Balanced", **few),
        "lossguide": lambda: cb.CatBoostClassifier(grow_policy="Lossguide", **few),
        "depthwise": lambda: cb.CatBoostClassifier(grow_policy="Depthwise", **few),
        "bernoulli": lambda: cb.CatBoostClassifier(
            bootstrap_type="Bernoulli", subsample=0.7, **few
        ),
        "monotone": lambda: cb.CatBoostClassifier(monotone_constraints={"age": 1}, **few),
        "focal": lambda: cb.CatBoostClassifier(
            loss_function="Focal:focal_alpha=0.5;focal_gamma=2", **few
        ),
        "metrics": lambda: cb.CatBoostClassifier(eval_metric="AUC", custom_metric=["F1"], **few),
        "generic": lambda: cb.CatBoost({"loss_function": "Logloss", **few}),
    }
    yield from _all("catboost", numbers, binary, of_classes)
    yield _fitted("catboost-words", of_classes["classifier"], numbers, words)
    yield _fitted("catboost-classes", of_classes["classifier"], numbers, classes)
    for name, X in (("categories", categories), ("text", texts)):
        yield _fitted(
            f"catboost-{name}",
            lambda: cb.CatBoostClassifier(cat_features=["city", "plan"], **few),
            X,
            binary,
        )
    ages = numbers().assign(age=lambda rows: rows["age"].mul(20).add(50).astype(int).astype(str))
    yield _fitted(  # what is kept of each category beside the trees
        "catboost-kept",
        lambda: cb.CatBoostClassifier(cat_features=["age"], grow_policy="Depthwise", **few),
        lambda: ages,
        classes,
    )
    for loss in (
        "RMSE",
        "MAE",
        "Quantile:alpha=0.9",
        "Huber:delta=1",
        "Poisson",
        "Tweedie:variance_power=1.5",
    ):
        yield _fitted(
            f"catboost-{loss.partition(':')[0].lower()}",
            functools.partial(cb.CatBoostRegressor, loss_function=loss, **few),
            numbers,
            amounts,
        )
    yield _fitted(
        "catboost-uncertain",
        lambda: cb.CatBoostRegressor(loss_function="RMSEWithUncertainty", **few),
        numbers,
        target,
    )
    yield _fitted(
        "catboost-many-targets",
        lambda: cb.CatBoostRegressor(loss_function="MultiRMSE", **few),
        numbers,
        lambda: np.column_stack([target(), amounts()]),
    )
    yield _fitted(
        "catboost-ranker",
        lambda: cb.CatBoostRanker(loss_function="YetiRank", **few),
        numbers,
        classes,
        group_id=np.repeat([0, 1, 2], 40),
    )
    yield _fitted(
        "catboost-stopped",
        lambda: cb.CatBoostClassifier(early_stopping_rounds=2, **few | {"iterations": 40}),
        numbers,
        binary,
        eval_set=(numbers(), binary()),
    )
    yield from _around(
        "catboost",
        of_classes["classifier"],
        lambda: cb.CatBoostRegressor(**few),
        {"depth": [2, 3], "l2_leaf_reg": [1.0, 3.0]},
    )


def imblearn() -> Iterator[Specimen]:
    """Its pipeline with every sampler, its ensembles, and its own pieces."""
    from imblearn import FunctionSampler, combine, ensemble, over_sampling, pipeline, under_sampling
    from imblearn.keras import BalancedBatchGenerator  # noqa: F401
    from imblearn.metrics import geometric_mean_score
    from sklearn.metrics import make_scorer

    samplers: dict[str, Build] = {}
    for module in (combine, over_sampling, under_sampling):
        for name in module.__all__:
            samplers[name] = getattr(module, name)
    skipped = {"SMOTENC", "SMOTEN", "KMeansSMOTE"}
    for name, sampler in samplers.items():
        if name not in skipped:

            def build(sampler: Build = sampler, name: str = name) -> Any:
                seeded = "random_state" in sampler().get_params()
                made = sampler(random_state=1) if seeded else sampler()
                return pipeline.make_pipeline(StandardScaler(), made, LogisticRegression())

            yield _fitted(f"imblearn-{name}", build, numbers, rare)
    yield _fitted(
        "imblearn-SMOTENC",
        lambda: pipeline.Pipeline(
            [
                ("sample", over_sampling.SMOTENC(["city", "plan"], random_state=1)),
                (
                    "columns",
                    ColumnTransformer(
                        [("hot", OneHotEncoder(), ["city", "plan"])], remainder="passthrough"
                    ),
                ),
                ("model", LogisticRegression()),
            ]
        ),
        categories,
        rare,
    )
    yield _fitted(
        "imblearn-SMOTEN",
        lambda: pipeline.make_pipeline(
            over_sampling.SMOTEN(random_state=1),
            OrdinalEncoder(),
            DecisionTreeClassifier(random_state=0),
        ),
        lambda: texts()[["city", "plan"]],
        rare,
    )
    yield _fitted(
        "imblearn-KMeansSMOTE",
        lambda: pipeline.make_pipeline(
            over_sampling.KMeansSMOTE(random_state=1, cluster_balance_threshold=0.05),
            LogisticRegression(),
        ),
        numbers,
        rare,
    )
    yield _fitted(
        "imblearn-function",
        lambda: pipeline.make_pipeline(FunctionSampler(), LogisticRegression()),
        numbers,
        rare,
    )
    few: dict[str, Any] = {"n_estimators": 4, "random_state": 0}
    yield from _all(
        "imblearn",
        numbers,
        rare,
        {
            "balanced-forest": lambda: ensemble.BalancedRandomForestClassifier(**few),
            "balanced-forest-oob": lambda: ensemble.BalancedRandomForestClassifier(
                oob_score=True, bootstrap=True, sampling_strategy="all", replacement=True, **few
            ),
            "easy": lambda: ensemble.EasyEnsembleClassifier(**few),
            "rus-boost": lambda: ensemble.RUSBoostClassifier(**few),
            "balanced-bagging": lambda: ensemble.BalancedBaggingClassifier(**few),
            "bagging-smote": lambda: ensemble.BalancedBaggingClassifier(
                LogisticRegression(), sampler=over_sampling.SMOTE(k_neighbors=2), **few
            ),
            "searched": lambda: GridSearchCV(
                pipeline.make_pipeline(over_sampling.SMOTE(random_state=1), LogisticRegression()),
                {"smote__k_neighbors": [2, 3]},
                scoring=make_scorer(geometric_mean_score),
                cv=2,
            ),
            "calibrated": lambda: CalibratedClassifierCV(
                pipeline.make_pipeline(
                    under_sampling.RandomUnderSampler(random_state=1), LogisticRegression()
                ),
                cv=2,
            ),
            "ratio": lambda: pipeline.make_pipeline(
                over_sampling.SMOTE(
                    sampling_strategy={1: 60}, random_state=np.random.RandomState(1)
                ),
                under_sampling.RandomUnderSampler(sampling_strategy=0.9, random_state=1),
                LogisticRegression(),
            ),
            "off": lambda: pipeline.Pipeline(
                [
                    ("scale", StandardScaler()),
                    ("sample", over_sampling.ADASYN(random_state=2)),
                    ("off", "passthrough"),
                    ("model", LogisticRegression()),
                ]
            ),
        },
    )


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
    for name in ce.__all__:
        encoder = getattr(ce, name)
        if name in wrappers:
            build = functools.partial(_wrapped, encoder, ce.TargetEncoder, columns)
            yield _fitted(f"category-encoders-{name}", build, texts, wrappers[name])
        elif hasattr(encoder, "fit"):
            build = functools.partial(encoder, cols=columns)
            yield _fitted(f"category-encoders-{name}", build, texts, binary)
            yield _fitted(
                f"category-encoders-{name}-piped",
                functools.partial(_before_a_tree, encoder, columns),
                texts,
                binary,
            )
    yield _fitted(
        "category-encoders-searched",
        lambda: GridSearchCV(
            make_pipeline(ce.TargetEncoder(), LogisticRegression()),
            {"targetencoder__smoothing": [1.0, 10.0]},
            cv=2,
        ),
        categories,
        binary,
    )
    yield _fitted(
        "category-encoders-hierarchy",
        lambda: ce.TargetEncoder(
            cols=["city"], hierarchy={"city": {"north": ("Oslo", "Bonn"), "south": ("Lima",)}}
        ),
        texts,
        binary,
    )
    yield _fitted(
        "category-encoders-mapping",
        lambda: ce.OrdinalEncoder(
            mapping=[{"col": "city", "mapping": {"Oslo": 1, "Lima": 2, "Bonn": 3}}]
        ),
        texts,
    )
    yield _fitted(
        "category-encoders-quantile",
        lambda: make_pipeline(ce.QuantileEncoder(quantile=0.3), Ridge()),
        texts,
        target,
    )


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
    families: tuple[tuple[str, Build, Build | None, dict[str, Build]], ...] = (
        (
            "impute",
            gaps,
            None,
            {
                "mean": imputation.MeanMedianImputer,
                "arbitrary": imputation.ArbitraryNumberImputer,
                "tail": imputation.EndTailImputer,
                "category": imputation.CategoricalImputer,
                "sample": lambda: imputation.RandomSampleImputer(random_state=0),
                "indicator": imputation.AddMissingIndicator,
                "drop": imputation.DropMissingData,
            },
        ),
        (
            "encode",
            texts,
            binary,
            {
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
            },
        ),
        (
            "bin",
            numbers,
            binary,
            {
                "frequency": discretisation.EqualFrequencyDiscretiser,
                "width": discretisation.EqualWidthDiscretiser,
                "object": lambda: discretisation.EqualWidthDiscretiser(return_object=True),
                "geometric": discretisation.GeometricWidthDiscretiser,
                "arbitrary": lambda: discretisation.ArbitraryDiscretiser({"age": [-9, 0, 9]}),
                "tree": lambda: discretisation.DecisionTreeDiscretiser(
                    regression=False, random_state=0
                ),
            },
        ),
        (
            "outliers",
            numbers,
            None,
            {
                "winsor": outliers.Winsorizer,
                "arbitrary": lambda: outliers.ArbitraryOutlierCapper({"age": 2}, {"age": -2}),
                "trim": outliers.OutlierTrimmer,
            },
        ),
        (
            "transform",
            lambda: numbers().abs() + 1,
            None,
            {
                "log": transformation.LogTransformer,
                "log-plus": transformation.LogCpTransformer,
                "reciprocal": transformation.ReciprocalTransformer,
                "power": transformation.PowerTransformer,
                "box-cox": transformation.BoxCoxTransformer,
                "yeo-johnson": transformation.YeoJohnsonTransformer,
                "arcsinh": transformation.ArcSinhTransformer,
                "scaled": scaling.MeanNormalizationScaler,
            },
        ),
        (
            "create",
            numbers,
            binary,
            {
                "maths": lambda: creation.MathFeatures(["age", "debt"], ["sum", "mean", "std"]),
                "numpy": lambda: creation.MathFeatures(["age", "debt"], func=[np.sum, np.mean]),
                "relative": lambda: creation.RelativeFeatures(["age"], ["debt"], ["sub", "mul"]),
                "cyclical": creation.CyclicalFeatures,
                "trees": lambda: creation.DecisionTreeFeatures(regression=False, random_state=0),
            },
        ),
        (
            "select",
            numbers,
            binary,
            {
                "drop": lambda: selection.DropFeatures(["age"]),
                "constant": selection.DropConstantFeatures,
                "duplicate": selection.DropDuplicateFeatures,
                "correlated": selection.DropCorrelatedFeatures,
                "smart": lambda: selection.SmartCorrelatedSelection(selection_method="variance"),
                "single": lambda: selection.SelectBySingleFeaturePerformance(
                    LogisticRegression(), cv=2
                ),
                "shuffled": lambda: selection.SelectByShuffling(
                    LogisticRegression(), cv=2, random_state=0
                ),
                "eliminate": lambda: selection.RecursiveFeatureElimination(
                    LogisticRegression(), cv=2
                ),
                "add": lambda: selection.RecursiveFeatureAddition(LogisticRegression(), cv=2),
                "psi": selection.DropHighPSIFeatures,
                "target": selection.SelectByTargetMeanPerformance,
                "information": lambda: selection.SelectByInformationValue(["age"], bins=2),
                "probe": lambda: selection.ProbeFeatureSelection(
                    DecisionTreeClassifier(random_state=0), cv=2, random_state=0
                ),
                "mrmr": lambda: selection.MRMR(regression=False),
            },
        ),
        (
            "time",
            lambda: visits().set_index("when", drop=False)[["age", "when"]],
            None,
            {
                "parts": lambda: datetime.DatetimeFeatures(variables=["when"]),
                "chosen": lambda: datetime.DatetimeFeatures(
                    variables=["when"], features_to_extract=["month", "hour", "weekend"]
                ),
                "ordinal": lambda: datetime.DatetimeOrdinal(variables=["when"]),
                "lags": lambda: forecasting.LagFeatures(variables=["age"], periods=[1, 2]),
                "window": lambda: forecasting.WindowFeatures(variables=["age"], window=3),
                "expanding": lambda: forecasting.ExpandingWindowFeatures(variables=["age"]),
            },
        ),
        (
            "prepare",
            texts,
            None,
            {
                "match": preprocessing.MatchVariables,
                "categories": preprocessing.MatchCategories,
                "wrap": lambda: wrappers.SklearnTransformerWrapper(
                    StandardScaler(), variables=["age", "debt"]
                ),
                "wrap-hot": lambda: wrappers.SklearnTransformerWrapper(
                    OneHotEncoder(sparse_output=False), variables=texts_
                ),
            },
        ),
        ("text", visits, None, {"features": lambda: TextFeatures(["note"])}),
    )
    for family, X, y, builds in families:
        for name, build in builds.items():
            yield _fitted(f"feature-engine-{family}-{name}", build, X, y)
    yield _fitted(
        "feature-engine-piped",
        lambda: make_pipeline(
            imputation.MeanMedianImputer(),
            imputation.CategoricalImputer(),
            encoding.RareLabelEncoder(n_categories=2),
            encoding.OneHotEncoder(drop_last=True),
            LogisticRegression(),
        ),
        gaps,
        binary,
    )
    yield _fitted(
        "feature-engine-searched",
        lambda: GridSearchCV(
            make_pipeline(encoding.MeanEncoder(), discretisation.EqualWidthDiscretiser(), Ridge()),
            {"meanencoder__smoothing": [0.0, 1.0]},
            cv=2,
        ),
        texts,
        target,
    )


def skrub() -> Iterator[Specimen]:
    """Its encoders, its vectorizer of tables, and the pipelines that it proposes."""
    import skrub
    from sklearn.ensemble import HistGradientBoostingClassifier
    from skrub import selectors

    def note() -> pd.Series:
        return visits()["note"]

    def when() -> pd.Series:
        return visits()["when"]

    columns: dict[str, tuple[Build, Build]] = {
        "gap": (lambda: skrub.GapEncoder(n_components=3, random_state=0), note),
        "min-hash": (lambda: skrub.MinHashEncoder(n_components=4), note),
        "string": (lambda: skrub.StringEncoder(n_components=4, random_state=0), note),
        "string-hashing": (
            lambda: skrub.StringEncoder(n_components=4, vectorizer="hashing", random_state=0),
            note,
        ),
        "similar": (lambda: skrub.SimilarityEncoder(), lambda: visits()[["note"]]),
        "datetime": (lambda: skrub.DatetimeEncoder(), when),
        "datetime-spline": (lambda: skrub.DatetimeEncoder(periodic_encoding="spline"), when),
        "datetime-circular": (lambda: skrub.DatetimeEncoder(periodic_encoding="circular"), when),
        "to-datetime": (lambda: skrub.ToDatetime(), lambda: when().astype(str)),
        "to-category": (lambda: skrub.ToCategorical(), note),
        "squash": (lambda: skrub.SquashingScaler(), numbers),
        "cleaner": (lambda: skrub.Cleaner(), visits),
        "cleaner-strict": (lambda: skrub.Cleaner(drop_if_constant=True), visits),
        "table": (lambda: skrub.TableVectorizer(), visits),
        "table-gap": (
            lambda: skrub.TableVectorizer(
                high_cardinality=skrub.GapEncoder(n_components=2, random_state=0),
                cardinality_threshold=3,
            ),
            visits,
        ),
        "table-specific": (
            lambda: skrub.TableVectorizer(
                specific_transformers=[(OrdinalEncoder(), ["city"])], n_jobs=1
            ),
            visits,
        ),
        "select": (lambda: skrub.SelectCols(["age", "city"]), visits),
        "select-numbers": (lambda: skrub.SelectCols(selectors.numeric()), visits),
        "select-glob": (lambda: skrub.SelectCols(selectors.glob("d*") | ["age"]), visits),
        "drop": (lambda: skrub.DropCols(selectors.string() - ["city"]), visits),
        "drop-uninformative": (lambda: skrub.DropUninformative(), note),
        "apply": (
            lambda: skrub.ApplyToCols(skrub.StringEncoder(n_components=2), cols=["note"]),
            visits,
        ),
        "apply-frame": (
            lambda: skrub.ApplyToCols(StandardScaler(), cols=selectors.numeric()),
            visits,
        ),
    }
    for name, (build, X) in columns.items():
        yield _fitted(f"skrub-{name}", build, X)
    yield _fitted("skrub-proposed", lambda: skrub.tabular_pipeline("regressor"), visits, target)
    yield _fitted(
        "skrub-proposed-classes", lambda: skrub.tabular_pipeline("classifier"), visits, words
    )
    yield _fitted(
        "skrub-proposed-model", lambda: skrub.tabular_pipeline(LogisticRegression()), visits, binary
    )
    yield _fitted(
        "skrub-searched",
        lambda: GridSearchCV(
            make_pipeline(skrub.TableVectorizer(), HistGradientBoostingClassifier(max_iter=3)),
            {"tablevectorizer__cardinality_threshold": [3, 40]},
            cv=2,
        ),
        visits,
        binary,
    )
    yield _fitted(
        "skrub-joined",
        lambda: skrub.Joiner(
            pd.DataFrame({"city": ["Oslo", "Lima"], "people": [0.7, 10.0]}), key="city"
        ),
        texts,
    )
    yield _fitted(
        "skrub-aggregated",
        lambda: skrub.AggJoiner(
            aux_table=texts()[["city", "debt"]], key="city", cols=["debt"], operations=["mean"]
        ),
        lambda: texts().drop(columns="debt"),
    )
    yield _fitted(
        "skrub-interpolated",
        lambda: skrub.InterpolationJoiner(texts()[["age", "debt"]], key="age"),
        lambda: texts()[["age", "city"]],
    )


def optbinning() -> Iterator[Specimen]:
    """Binnings of one column and of many, alone, in pipelines, and in scorecards."""
    import optbinning as ob

    names = list(numbers().columns)

    def age() -> np.ndarray:
        return numbers()["age"].to_numpy()

    for name, build, y in (
        ("binary", lambda: ob.OptimalBinning("age"), binary),
        ("mip", lambda: ob.OptimalBinning("age", solver="mip"), binary),
        ("monotonic", lambda: ob.OptimalBinning("age", monotonic_trend="ascending"), binary),
        ("numbers", lambda: ob.ContinuousOptimalBinning("age"), target),
        ("classes", lambda: ob.MulticlassOptimalBinning("age"), classes),
    ):
        yield _fitted(f"optbinning-{name}", build, age, y)
    yield _fitted(
        "optbinning-text",
        lambda: ob.OptimalBinning("city", dtype="categorical"),
        lambda: texts()["city"].to_numpy(),
        binary,
    )
    yield _fitted("optbinning-process", lambda: ob.BinningProcess(names), numbers, binary)
    yield _fitted("optbinning-process-numbers", lambda: ob.BinningProcess(names), numbers, target)
    yield _fitted("optbinning-process-classes", lambda: ob.BinningProcess(names), numbers, classes)
    yield _fitted(
        "optbinning-process-mixed",
        lambda: ob.BinningProcess(
            [*names, "city", "plan"],
            categorical_variables=["city", "plan"],
            selection_criteria={"iv": {"min": 0.01, "max": 10}},
            binning_fit_params={"age": {"max_n_bins": 4}},
            binning_transform_params={"city": {"metric": "event_rate"}},
        ),
        texts,
        binary,
    )
    yield _fitted(
        "optbinning-piped",
        lambda: make_pipeline(ob.BinningProcess(names), LogisticRegression()),
        numbers,
        binary,
    )
    yield _fitted(
        "optbinning-searched",
        lambda: GridSearchCV(
            make_pipeline(ob.BinningProcess(names), LogisticRegression()),
            {"binningprocess__max_n_prebins": [5, 10]},
            cv=2,
        ),
        numbers,
        binary,
    )
    for name, estimator, y, method in (
        ("scorecard", LogisticRegression, binary, "min_max"),
        ("scorecard-numbers", Ridge, target, None),
    ):
        scaling = {"scaling_method": method, "scaling_method_params": {"min": 300, "max": 850}}
        yield _fitted(
            f"optbinning-{name}",
            functools.partial(
                lambda estimator, options: ob.Scorecard(
                    ob.BinningProcess(names), estimator(), **options
                ),
                estimator,
                scaling if method else {},
            ),
            numbers,
            y,
        )


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
