"""Files that load quietly: what they hold acts when the model is asked."""

from __future__ import annotations

import functools
import operator
import os
import pickle
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from .families_containers import without_frames
from .fitted import CLASSES, ROWS, TEXTS, changed, dumped
from .values import Build, Effect, Hostile, Name, New, call, files
from .writer import Writer, pickled

FAMILY = "state that acts later"


class Evaluated:
    """Pickled as a call of eval: a function that takes whatever it is given."""

    def __init__(self, effect: Effect) -> None:
        self.source = f"lambda *_, **__: {effect.expression}"

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self.source,)


def acting_later(effect: Effect) -> Iterator[Hostile]:
    groups = {
        "predict": _asked_to_predict,
        "transform": _asked_to_transform,
        "score": _asked_to_score,
        "fit": _asked_to_fit,
    }
    for ask, group in groups.items():
        for name, model in group(effect).items():
            yield Hostile(FAMILY, name, dumped(model), "at predict", ask=ask)
    for name, data in _changed_modules(effect).items():
        yield Hostile(FAMILY, name, data, "at predict")
    yield from files(FAMILY, _asked_for_something_else(effect), "never")


def _saver(effect: Effect) -> Callable[..., Any]:
    return functools.partial(np.save, effect.path)


def _asked_to_predict(effect: Effect) -> dict[str, Any]:
    return _functions(effect) | _swapped(effect) | _steps(effect)


def _functions(effect: Effect) -> dict[str, Any]:
    """Transformers that call a function, before a model."""
    path = effect.path
    functions: dict[str, Any] = {
        "a partial": _saver(effect),
        "a partial of a class": functools.partial(np.memmap, path, "u1", "w+", 0, (1,)),
        "a method caller": operator.methodcaller("tofile", path),
        "a vectorized partial": np.vectorize(_saver(effect), otypes=["O"]),
        "an evaluated function": Evaluated(effect),
        "joblib.dump": functools.partial(joblib.dump, filename=path),
        "a method of arrays": functools.partial(np.savetxt, path),
    }
    ridge = Ridge().fit(ROWS, CLASSES)
    return {
        f"FunctionTransformer of {name}": Pipeline(
            [("act", FunctionTransformer(function)), ("predict", ridge)]
        )
        for name, function in functions.items()
    }


def _swapped(effect: Effect) -> dict[str, Any]:
    """An attribute of a fitted model is replaced."""
    saver, rows, classes = _saver(effect), ROWS, CLASSES
    starter = functools.partial(os.system, effect.command)
    predicting = SimpleNamespace(predict=saver)
    transformed = TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1)
    transformed.fit(rows, classes).transformer_.inverse_func = saver
    weighted = KNeighborsRegressor(2).fit(rows, classes)
    nearest = KNeighborsClassifier(2, algorithm="brute").fit(rows, classes)
    boosting = GradientBoostingRegressor(n_estimators=1).fit(rows, classes)
    binned = HistGradientBoostingClassifier(max_iter=1).fit(rows, classes)
    process = GaussianProcessRegressor().fit(rows, classes)
    many = MultiOutputRegressor(Ridge()).fit(rows, rows)
    voting = VotingRegressor([("a", Ridge())]).fit(rows, classes)
    return {
        "predict itself": changed(LinearRegression().fit(rows, classes), predict=saver),
        "__sklearn_is_fitted__": changed(Ridge().fit(rows, classes), __sklearn_is_fitted__=starter),
        "TransformedTargetRegressor, its inverse": transformed,
        "KNeighborsRegressor, its weights": changed(weighted, weights=saver),
        "KNeighborsClassifier, its metric": changed(nearest, metric=saver, effective_metric_=saver),
        "SVC, its kernel": changed(SVC(kernel=_dot).fit(rows, classes), kernel=saver),
        "GradientBoosting, its first guess": changed(boosting, init_=predicting),
        "HistGradientBoosting, its preprocessor": changed(
            binned, _preprocessor=FunctionTransformer(saver)
        ),
        "GaussianProcess, its kernel": changed(process, kernel_=saver),
        "MultiOutputRegressor, its estimators": changed(many, estimators_=[predicting]),
        "VotingRegressor, its estimators": changed(voting, estimators_=[predicting]),
    }


def _dot(rows: Any, others: Any) -> Any:
    return rows @ others.T


def _steps(effect: Effect) -> dict[str, Any]:
    """A step that only looks like one."""
    saver, scaler = _saver(effect), StandardScaler().fit(ROWS)
    return {
        "a step with a transform": Pipeline(
            [
                ("act", SimpleNamespace(transform=saver, fit=1)),
                ("predict", Ridge().fit(ROWS, CLASSES)),
            ]
        ),
        "a last step whose predict is replaced": Pipeline(
            [("scale", scaler), ("act", changed(Ridge().fit(ROWS, CLASSES), predict=saver))]
        ),
        "TfidfVectorizer, its analyzer": _of_texts(analyzer=saver),
        "TfidfVectorizer, its tokenizer": _of_texts(tokenizer=saver),
        "TfidfVectorizer, its preprocessor": _of_texts(preprocessor=saver),
    }


def _of_texts(**attributes: Any) -> Pipeline:
    """A model of texts whose vectorizer is changed after it was fitted."""
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, CLASSES)
    vars(pipeline.steps[0][1]).update(attributes)
    return pipeline


def _asked_to_transform(effect: Effect) -> dict[str, Any]:
    saver = _saver(effect)
    selecting = SelectFromModel(Ridge()).fit(ROWS, CLASSES)
    columns = ColumnTransformer([("a", FunctionTransformer(), [0])]).fit(ROWS)
    columns.transformers_[0] = ("a", FunctionTransformer(saver), [0])
    nystroem = Nystroem(n_components=2).fit(ROWS)
    return {
        "transform itself": changed(StandardScaler().fit(ROWS), transform=saver),
        "SelectFromModel, its importances": changed(selecting, importance_getter=saver),
        "ColumnTransformer, its function": columns,
        "Nystroem, its kernel": changed(nystroem, kernel=saver),
    }


def _asked_to_score(effect: Effect) -> dict[str, Any]:
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(ROWS, CLASSES)
    other = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(ROWS, CLASSES)
    return {
        "GridSearchCV, its scorer": changed(search, scorer_=Evaluated(effect)),
        "GridSearchCV, the function of its scorer": changed(
            other, scorer_=make_scorer(_saver(effect))
        ),
    }


def _asked_to_fit(effect: Effect) -> dict[str, Any]:
    saver, act = _saver(effect), Evaluated(effect)
    remembering = SimpleNamespace(cache=act)
    return {
        "ColumnTransformer, its selector": ColumnTransformer([("a", "drop", saver)]),
        "GaussianProcess, its optimizer": changed(GaussianProcessRegressor(RBF()), optimizer=act),
        "Pipeline, its memory": Pipeline(
            [("scale", StandardScaler()), ("predict", Ridge())], memory=remembering
        ),
    }


def _changed_modules(effect: Effect) -> dict[str, bytes]:
    """The model is honest; what it will call is not."""
    function = "sklearn.linear_model._base:check_is_fitted"
    source = f"lambda *_, **__: {effect.expression}"
    code = call(call("operator:attrgetter", "__code__"), call("builtins:eval", source))
    changed = {
        "a function of its module": Build(
            Name("sklearn.linear_model:_base"), {"check_is_fitted": effect.saver}
        ),
        "the code of a function": Build(Name(function), (None, {"__code__": code})),
        "a method of a mixin": Build(
            Name("sklearn.base:RegressorMixin"), (None, {"predict": effect.anything})
        ),
    }
    honest = without_frames(pickle.dumps(Ridge().fit(ROWS, CLASSES), 4))
    return {
        name: Writer(4).push(change).pop().raw(honest[2:]).unfinished()
        for name, change in changed.items()
    }


def _asked_for_something_else(effect: Effect) -> dict[str, bytes]:
    """Act when the model is shown, copied or written again."""
    methods = ("__sklearn_clone__", "__sklearn_tags__", "__reduce_ex__", "__getstate__")
    methods += ("_repr_mimebundle_", "_repr_html_inner", "get_params")
    ridge = New(Name("sklearn.linear_model:Ridge"))
    replaced = {
        f"{method} is replaced": pickled(Build(ridge, {method: effect.starter}))
        for method in methods
    }
    at_the_end = call("atexit:register", Name("os:system"), effect.command)
    return replaced | {"atexit": Writer(4).push(at_the_end).pop().push(ridge).stop()}
