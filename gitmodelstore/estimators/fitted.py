"""Whether there is something to keep: a fitted scikit-learn estimator.

scikit-learn's own check of a Pipeline looks at the last step alone; this one
looks at every step that data goes through.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils.validation import check_is_fitted

from gitmodelstore.errors import NotAPipeline, UnfittedPipeline
from gitmodelstore.estimators.structure import is_estimator, is_pipeline


def check_estimator(pipeline: Any) -> None:
    """Refuse what is not a scikit-learn estimator.

    Raises:
        NotAPipeline: it has no `fit` and `get_params`, or is a class.
    """
    if inspect.isclass(pipeline):
        name = pipeline.__name__
        raise NotAPipeline(
            f"'{name}' is a class, not a fitted estimator",
            hint=f"make one of it and fit that: {name}().fit(X, y)",
        )
    if not is_estimator(pipeline):
        raise NotAPipeline(
            f"expected a fitted scikit-learn estimator, found {type_in_words(pipeline)}",
            hint="give the object that `fit` was called on",
        )


def check_fitted(pipeline: Any) -> None:
    """Refuse what is not a fitted scikit-learn estimator.

    Steps that need no fit (FunctionTransformer, HashingVectorizer, "passthrough")
    are passed over, and so are inner steps of other packages that leave no trace of
    fit: whether they need it, only they know.

    Raises:
        NotAPipeline: it has no `fit` and `get_params`, or is a class.
        UnfittedPipeline: it, or a step of it, has not been fitted.
    """
    check_estimator(pipeline)
    place = next(_unfitted(pipeline, ""), None)
    if place is not None:
        subject = f"step '{place}' of the pipeline" if place else type(pipeline).__name__
        raise UnfittedPipeline(f"{subject} is not fitted", hint="call fit before register")
    _refuse_search_without_refit(pipeline)


def type_in_words(value: Any) -> str:
    """Return what an object is, as "a dict", "an ndarray" or "None"."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' or name == 'ndarray' else 'a'} {name}"


def _unfitted(estimator: Any, path: str) -> Iterator[str]:
    """Yield the path of each step that is not fitted; "" for the estimator itself."""
    steps = _steps(estimator)
    if steps is None:
        if not _is_fitted(estimator, inner=bool(path)):
            yield path
        return
    found = [
        place
        for name, step in steps
        if is_estimator(step)
        for place in _unfitted(step, f"{path}__{name}" if path else name)
    ]
    working = [name for name, step in steps if is_estimator(step)]
    if found and len(found) == len(working) > 0:
        yield path  # nothing in it is fitted, so it is the whole that was not
    else:
        yield from found


def _steps(estimator: Any) -> list[tuple[str, Any]] | None:
    """The steps that data goes through; None where the estimator must be looked at itself."""
    if is_pipeline(estimator):
        return [(step[0], step[1]) for step in estimator.steps]
    if isinstance(vars(estimator).get("transformers_"), list):  # skrub's is a mapping of columns
        return [(branch[0], branch[1]) for branch in estimator.transformers_]
    if hasattr(estimator, "transformer_list"):
        return [(branch[0], branch[1]) for branch in estimator.transformer_list]
    return None


def _is_fitted(estimator: Any, *, inner: bool) -> bool:
    if (inner and not _can_tell(type(estimator))) or _is_stateless(estimator):
        return True
    said = vars(estimator).get("_is_fitted")
    if isinstance(said, bool):  # as optbinning does
        return said
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except AttributeError:  # no tags: not derived from BaseEstimator
        return _has_fitted_attributes(estimator)
    return True


def _can_tell(cls: type) -> bool:
    """Whether the absence of fitted attributes means something."""
    return cls.__module__.startswith("sklearn.") or hasattr(cls, "__sklearn_is_fitted__")


def _is_stateless(estimator: Any) -> bool:
    """Whether it needs no fit, where older releases of scikit-learn do not say so by tag."""
    if isinstance(estimator, (FeatureHasher, HashingVectorizer)):
        return True  # untold before 1.7
    if hasattr(estimator, "__sklearn_tags__") or not hasattr(estimator, "_get_tags"):
        return False
    return bool(estimator._get_tags()["stateless"])  # 1.5


def _has_fitted_attributes(estimator: Any) -> bool:
    """Whether fit left attributes behind, by scikit-learn's convention of a last underscore."""
    return any(name.endswith("_") and not name.startswith("__") for name in vars(estimator))


def _refuse_search_without_refit(pipeline: Any) -> None:
    if getattr(pipeline, "refit", None) is False and not hasattr(pipeline, "best_estimator_"):
        raise UnfittedPipeline(
            f"{type(pipeline).__name__} holds scores but no fitted estimator",
            hint="search with refit=True, or register an estimator fitted with `best_params_`",
        )
