"""Honest classes whose attributes hold what scikit-learn then takes at its word.

Text that names a method, a folder or a form; something else where an estimator belongs; states
and arrays that change what was looked at.
"""

from __future__ import annotations

import functools
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import PosixPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - IterativeImputer needs it
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.metrics import make_scorer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, RepeatedKFold
from sklearn.multioutput import ClassifierChain
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import Bunch

from .fitted import CLASSES, ROWS, changed, dumped
from .values import Build, Effect, Hostile, Name, New, files
from .writer import pickled

FAMILY = "text and objects taken at their word"

_FOLDER = PosixPath("/nowhere")


def taken_at_their_word(effect: Effect) -> Iterator[Hostile]:
    yield from files(FAMILY, _programs(), "never")
    for name, model in _stacks(effect).items():
        yield Hostile(FAMILY, name, dumped(model), "at predict")


@functools.cache
def _programs() -> dict[str, bytes]:
    programs = {name: pickled(Build(*state)) for name, state in _states().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tiny data
        for group in (_methods, _not_estimators, _words, _paths, _forms, _called, _shadows):
            programs |= {name: dumped(model) for name, model in group().items()}
    return programs


def _constant(text: str) -> FunctionTransformer:
    """A step that hands on a text of the file, whatever it is given."""
    return FunctionTransformer(functools.partial(min, [text], key=len))


def _stack(method: str, *estimators: Any) -> StackingClassifier:
    stack = StackingClassifier([("a", LogisticRegression())], cv=2).fit(ROWS, CLASSES)
    return changed(stack, estimators_=list(estimators), stack_method_=[method for _ in estimators])


def _stacks(effect: Effect) -> dict[str, Any]:
    """`getattr(estimator, method)(rows)`, where all three come from the file."""
    return {
        "a stack that calls a path": Pipeline(
            [
                ("text", _constant("hostile")),
                ("max", FunctionTransformer(max)),
                ("stack", _stack("write_text", PosixPath(effect.path))),
            ]
        ),
        "a stack that calls an array": Pipeline(
            [
                ("text", _constant(effect.path)),
                ("max", FunctionTransformer(max)),
                ("stack", _stack("tofile", np.arange(1.0))),
            ]
        ),
    }


def _methods() -> dict[str, Any]:
    """Text that is the name of a method, of honest estimators."""
    chain = ClassifierChain(LogisticRegression()).fit(ROWS, np.column_stack([CLASSES] * 2))
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2, scoring="r2").fit(ROWS, CLASSES)
    threshold = FixedThresholdClassifier(LogisticRegression()).fit(ROWS, CLASSES)
    chosen = SelectFromModel(Ridge()).fit(ROWS, CLASSES)
    scorer = make_scorer(np.mean)
    return {
        "a stack that calls a frame": _stack("eval", pd.DataFrame({"a": [1]})),
        "a stack that calls a folder": _stack("rmdir", _FOLDER),
        "a stack's method": _stack("fit", LogisticRegression().fit(ROWS, CLASSES)),
        "a stack's method, a state": _stack("__setstate__", LogisticRegression()),
        "a stack's method, before it is fitted": StackingClassifier(
            [("a", LogisticRegression())], stack_method="set_params"
        ),
        **_other_text(),
        "a chain's method": changed(chain, chain_method_="set_params"),
        "a scorer's method": changed(search, scorer_=changed(scorer, _response_method="fit")),
        "a scorer's methods": changed(search, scorer_=changed(scorer, _response_method=["fit"])),
        "a threshold's method": changed(threshold, response_method="fit"),
        "an importance getter, private": changed(chosen, importance_getter="__class__.fit"),
        "an importance getter, a private part": changed(chosen, importance_getter="coef_._x"),
        "a forest's parameters": changed(
            RandomForestClassifier(2).fit(ROWS, CLASSES), estimator_params=("__dict__",)
        ),
    }


def _other_text() -> dict[str, Any]:
    """The name of a method in what is used as text, but is none of Python's."""
    stack = _stack("predict", LogisticRegression().fit(ROWS, CLASSES))
    chosen = SelectFromModel(Ridge()).fit(ROWS, CLASSES)
    scaled = StandardScaler().fit(ROWS)
    others = {
        "numpy's text": [np.str_("fit")],
        "an array": np.array(["fit"]),
        "a series": pd.Series(["fit"]),
        "a queue": deque(["fit"]),
        "the keys of a mapping": {"fit": "predict"},
    }
    return {
        **{
            f"a stack's method, in {name}": changed(stack, stack_method_=held)
            for name, held in others.items()
        },
        "an importance getter, a function": changed(chosen, importance_getter=np.log1p),
        "an importance getter in numpy's text": changed(chosen, importance_getter=np.str_("__x__")),
        "an output in numpy's text": changed(
            scaled, _sklearn_output_config={"transform": np.str_("os")}
        ),
        "a solver in numpy's text": changed(Ridge().fit(ROWS, CLASSES), solver=np.str_("system")),
        "steps in the keys of a mapping": changed(
            make_pipeline(StandardScaler(), Ridge()), steps={("a", PosixPath): "b"}
        ),
    }


def _not_estimators() -> dict[str, Any]:
    """Something else where an estimator, or another part of scikit-learn, belongs."""
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    path = _FOLDER / "marker"
    bunch = Bunch(predict=np.log1p, transform=np.log1p, fit=np.log1p)
    ridge, kind = Ridge().fit(ROWS, CLASSES), LogisticRegression().fit(ROWS, CLASSES)
    columns = ColumnTransformer([("a", StandardScaler(), [0])]).fit(ROWS)
    boosted = GradientBoostingRegressor(n_estimators=1).fit(ROWS, CLASSES)
    near = KNeighborsClassifier(1, algorithm="kd_tree").fit(ROWS, CLASSES)
    process = GaussianProcessRegressor().fit(ROWS, CLASSES)
    poisson = PoissonRegressor().fit(ROWS, CLASSES)
    binned = HistGradientBoostingRegressor(max_iter=1).fit(ROWS, CLASSES)
    imputer = IterativeImputer().fit(ROWS)
    bagged = BaggingClassifier(n_estimators=1).fit(ROWS, CLASSES)
    calibrated = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(ROWS, CLASSES)
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2).fit(ROWS, CLASSES)
    voting = VotingClassifier([("a", LogisticRegression())]).fit(ROWS, CLASSES)
    repeated = RepeatedKFold(n_splits=2)
    return {
        "a step is a frame": Pipeline([("a", frame), ("b", ridge)]),
        "a step is a path": Pipeline([("a", path), ("b", ridge)]),
        "a step is a bunch": Pipeline([("a", bunch), ("b", ridge)]),
        "the last step is a frame": Pipeline([("a", StandardScaler().fit(ROWS)), ("b", frame)]),
        "a branch is a frame": FeatureUnion([("a", frame)]),
        "a column's transformer is a frame": changed(columns, transformers_=[("a", frame, [0])]),
        "a bagged estimator is a path": changed(bagged, estimators_=[path]),
        "a bagged estimator is an array": changed(bagged, estimators_=[np.arange(3.0)]),
        "a stacked one in an array of objects": _stack("predict", kind).__class__(
            [("a", kind)], final_estimator=bunch
        ),
        "the final estimator of a stack": changed(_stack("predict", kind), final_estimator_=frame),
        "a boosted first guess": changed(boosted, init_=bunch),
        "a boosted loss": changed(boosted, _loss=bunch),
        "a tree of neighbours": changed(near, _tree=frame),
        "a kernel": changed(process, kernel_=np.log1p),
        "a base loss": changed(poisson, _base_loss=bunch),
        "a binning": changed(binned, _bin_mapper=bunch),
        "an imputer's estimator": changed(imputer, initial_imputer_=frame),
        "a calibrated one": changed(calibrated, calibrated_classifiers_=[bunch]),
        "the best estimator": changed(search, best_estimator_=frame),
        "a scorer": changed(search, scorer_=np.log1p),
        "a voter in a mapping": changed(voting, named_estimators_=Bunch(a=path)),
        "the class that splits": changed(repeated, cv=StandardScaler),
        "the arguments of a splitter": changed(repeated, cvargs={"n_splits": 2, "shuffle": "x"}),
    }


def _words() -> dict[str, Any]:
    """Text that no release of scikit-learn takes for a parameter."""
    return {
        "a solver": changed(Ridge().fit(ROWS, CLASSES), solver="system"),
        "a strategy": changed(SimpleImputer().fit(ROWS), strategy="eval"),
        "an output": changed(
            StandardScaler().fit(ROWS), _sklearn_output_config={"transform": "os"}
        ),
    }


def _paths() -> dict[str, Any]:
    folder = str(_FOLDER / "cache")
    agglomerated = FeatureAgglomeration(1).fit(ROWS)
    reading = CountVectorizer(input="filename")
    return {
        "a pipeline's memory": Pipeline([("a", StandardScaler()), ("b", Ridge())], memory=folder),
        "a pipeline's memory, a path": Pipeline(
            [("a", StandardScaler()), ("b", Ridge())], memory=PosixPath(folder)
        ),
        "a clustering's memory": changed(agglomerated, memory=folder),
        "a vectorizer that reads what a step names": make_pipeline(
            FunctionTransformer(), reading, LogisticRegression()
        ),
        "a vectorizer that reads open files": make_pipeline(
            FunctionTransformer(), CountVectorizer(input="file"), LogisticRegression()
        ),
        "a stack's last, that reads": changed(
            _stack("predict", LogisticRegression().fit(ROWS, CLASSES)),
            final_estimator_=make_pipeline(reading, LogisticRegression()),
        ),
    }


def _forms() -> dict[str, Any]:
    """Text that is a form with places to fill."""
    columns = ColumnTransformer([("a", StandardScaler(), [0])]).fit(ROWS)
    forms = ("{feature_name.__class__}", "{feature_name:>9999999}", "{0}", "{feature_name!a}", "{")
    forms = (*forms, np.str_("{feature_name:>9999999}"))
    return {
        f"names of columns, {form!r}": changed(
            columns.__class__(columns.transformers).fit(ROWS), verbose_feature_names_out=form
        )
        for form in forms
    } | {
        "how many jobs at once": changed(
            GridSearchCV(Ridge(), {}, cv=2), pre_dispatch="__import__('os')"
        ),
        "an encoding": CountVectorizer(encoding="../evil"),
    }


def _called() -> dict[str, Any]:
    """What is called where no honest pipeline has anything called."""
    target = np.zeros(6)
    encoder = OneHotEncoder().fit(ROWS)
    return {
        "a class as a function": FunctionTransformer(list),
        "a partial of a class": FunctionTransformer(functools.partial(str, "text")),
        "a builtin function": FunctionTransformer(max),
        "a partial of a builtin": _constant("text"),
        "a function among the arguments": FunctionTransformer(np.clip, kw_args={"key": np.log}),
        "a function among those of a partial": FunctionTransformer(
            functools.partial(np.clip, key=np.log)
        ),
        "an array to write to": FunctionTransformer(np.negative, kw_args={"out": target}),
        "an array to write to, of a partial": FunctionTransformer(
            functools.partial(np.negative, out=target)
        ),
        "a metric with an array to write to": changed(
            KNeighborsClassifier(1, algorithm="brute").fit(ROWS, CLASSES),
            effective_metric_params_={"out": target},
        ),
        "names of features": FunctionTransformer(np.log1p, feature_names_out=np.log1p),
        "a combiner of names": changed(encoder, feature_name_combiner=np.add),
        "a type that is called": changed(DictVectorizer().fit([{"a": 1}]), dtype=np.log1p),
        "an analyzer of numbers": CountVectorizer(analyzer=np.log1p),
        "losses by name": changed(
            SGDClassifier().fit(ROWS, CLASSES), loss_functions={"hinge": (np.log1p, 1.0)}
        ),
        "an optimizer": GaussianProcessRegressor(optimizer=np.log1p),
    }


def _states() -> dict[str, tuple[New, dict[str, Any]]]:
    """What the class itself does not write."""
    isotonic = New(Name("sklearn.isotonic:IsotonicRegression"))
    ridge = New(Name("sklearn.linear_model:Ridge"))
    return {
        "a curve": (isotonic, {"f_": Name("numpy:log1p"), "increasing_": True}),
        "a version with an escape": (ridge, {"_sklearn_version": "1.9\x1b[2J", "alpha": 1.0}),
        "a long version": (ridge, {"_sklearn_version": "1" * 1000, "alpha": 1.0}),
    }


def _shadows() -> dict[str, Any]:
    """An attribute in the place of what the class defines, or of what a notebook asks for."""
    names = {
        "predict": np.log1p,
        "get_params": np.log1p,
        "_parameter_constraints": {},
        "_doc_link_module": "os",
        "_doc_link_url_param_generator": np.log1p,
        "_doc_link_template": "<script>alert(1)</script>",
        "_sk_visual_block_": np.log1p,
        "_repr_html_": np.log1p,
        "_repr_mimebundle_": np.log1p,
        "_ipython_display_": np.log1p,
        "_skl_callbacks": [np.log1p],
        "(\\w+\\s*)+!_": 1,
        "not an identifier": 1,
    }
    return {
        f"'{name}' of an estimator": changed(PCA(1).fit(ROWS), **{name: value})
        for name, value in names.items()
    }
