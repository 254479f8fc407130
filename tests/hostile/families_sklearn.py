"""Callables inside scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .values import Build, Effect, Hostile, Name, New, call
from .writer import written

FAMILY = "inside scikit-learn"

_ROWS = call("numpy:array", [[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
_TARGETS = [0, 1, 1]


def inside_sklearn(effect: Effect) -> Iterator[Hostile]:
    for programs in (_helpers, _data_sets, _functions, _fits, _answers):
        yield from written(FAMILY, programs(effect))
    source = f"file://localhost{effect.beside('hostile.joblib')}"
    fetch = call("sklearn.datasets:fetch_file", source, effect.folder, effect.marker.name)
    yield from written(FAMILY, {"datasets.fetch_file": fetch}, needs=("scikit-learn>=1.6",))


def _helpers(effect: Effect) -> dict[str, Any]:
    system, command = Name("os:system"), effect.command
    testing, checks = "sklearn.utils._testing", "sklearn.utils.estimator_checks"
    cloned = Build(New(Name("sklearn.linear_model:Ridge")), {"__sklearn_clone__": effect.starter})
    return {
        "utils._testing, a script": call(
            f"{testing}:assert_run_python_script_without_output", effect.statement
        ),
        "utils._testing.ignore_warnings": call(call(f"{testing}:ignore_warnings", system), command),
        "utils.estimator_checks": call(call(f"{checks}:ignore_warnings", system), command),
        "utils.parallel.Parallel": call(
            call("sklearn.utils.parallel:Parallel", 1), [(system, (command,), {})]
        ),
        "utils.parallel.Parallel of delayed": call(
            call("sklearn.utils.parallel:Parallel", 1),
            [call(call("sklearn.utils.parallel:delayed", system), command)],
        ),
        "utils.parallel._FuncWrapper": call(
            call("sklearn.utils.parallel:_FuncWrapper", system), command
        ),
        "base.clone": call("sklearn.base:clone", cloned),
        "utils.deprecation": call(call(call("sklearn.utils:deprecated"), system), command),
    }


def _data_sets(effect: Effect) -> dict[str, Any]:
    source = f"file://{effect.beside('hostile.joblib')}"
    remote = call("sklearn.datasets._base:RemoteFileMetadata", effect.marker.name, source, None)
    offline = {"data_home": effect.path, "download_if_missing": False}
    return {
        "datasets.dump_svmlight_file": call(
            "sklearn.datasets:dump_svmlight_file", _ROWS, _TARGETS, effect.path
        ),
        "datasets.get_data_home": call("sklearn.datasets:get_data_home", effect.path),
        "datasets._fetch_remote": call(
            "sklearn.datasets._base:_fetch_remote", remote, effect.folder
        ),
        "datasets.fetch_california_housing": call(
            "sklearn.datasets:fetch_california_housing", **offline
        ),
        "datasets.fetch_covtype": call("sklearn.datasets:fetch_covtype", **offline),
        "datasets.fetch_20newsgroups": call("sklearn.datasets:fetch_20newsgroups", **offline),
    }


def _functions(effect: Effect) -> dict[str, Any]:
    saver, dummy = effect.saver, call("sklearn.dummy:DummyClassifier")
    fitted = call("sklearn.dummy:DummyClassifier.fit", dummy, _ROWS, _TARGETS)
    return {
        "metrics.pairwise_distances": call(
            "sklearn.metrics:pairwise_distances", _ROWS, None, saver
        ),
        "metrics.pairwise_kernels": call(
            "sklearn.metrics.pairwise:pairwise_kernels", _ROWS, metric=saver
        ),
        "metrics.make_scorer": call(
            call("sklearn.metrics:make_scorer", saver), fitted, _ROWS, _TARGETS
        ),
        "metrics.DistanceMetric": call(
            "sklearn.metrics._dist_metrics:PyFuncDistance64.pairwise",
            call("sklearn.metrics:DistanceMetric.get_metric", "pyfunc", func=saver),
            _ROWS,
        ),
        "model_selection.cross_val_score": call(
            "sklearn.model_selection:cross_val_score",
            dummy,
            [[1], [2], [3], [4]],
            [0, 1, 0, 1],
            scoring=effect.anything,
            cv=2,
        ),
        "inspection.permutation_importance": call(
            "sklearn.inspection:permutation_importance",
            fitted,
            _ROWS,
            _TARGETS,
            scoring=effect.anything,
        ),
        "neighbors.kneighbors_graph": call(
            "sklearn.neighbors:kneighbors_graph", _ROWS, 1, metric=saver
        ),
    }


def _fits(effect: Effect) -> dict[str, Any]:
    """Estimators that call their parameters when they are fitted; the file fits them."""
    saver, kernel = effect.saver, call("sklearn.gaussian_process.kernels:RBF")
    parameters: dict[str, dict[str, Any]] = {
        "svm:SVC": {"kernel": saver},
        "decomposition:FastICA": {"fun": saver},
        "cluster:KMeans": {"init": effect.anything, "n_clusters": 2},
        "cluster:DBSCAN": {"metric": saver},
        "neighbors:KNeighborsClassifier": {"metric": saver, "algorithm": "ball_tree"},
        "gaussian_process:GaussianProcessRegressor": {
            "kernel": kernel,
            "optimizer": effect.anything,
        },
        "feature_selection:SelectKBest": {"score_func": saver},
        "kernel_approximation:Nystroem": {"kernel": saver, "n_components": 2},
    }
    return {
        f"{target.replace(':', '.')} is fitted": call(
            f"sklearn.{target}.fit", call(f"sklearn.{target}", **named), _ROWS, _TARGETS
        )
        for target, named in parameters.items()
    }


def _answers(effect: Effect) -> dict[str, Any]:
    saver = effect.saver
    vectorizer = "sklearn.feature_extraction.text:CountVectorizer"
    transformer = "sklearn.preprocessing:FunctionTransformer"
    return {
        "FunctionTransformer.transform": call(
            f"{transformer}.transform", call(transformer, saver), _ROWS
        ),
        "CountVectorizer, its analyzer": call(
            f"{vectorizer}.fit", call(vectorizer, analyzer=saver), ["words"]
        ),
        "CountVectorizer, its tokenizer": call(
            f"{vectorizer}.fit", call(vectorizer, tokenizer=saver), ["words"]
        ),
        "ColumnTransformer, its selector": call(
            "sklearn.compose:ColumnTransformer.fit",
            call("sklearn.compose:ColumnTransformer", [("a", "drop", saver)]),
            _ROWS,
        ),
    }
