"""States that change what was looked at: given twice, given to two, shared, or never given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .families_arrays import dtype
from .values import Build, Effect, Hostile, Keep, Kept, Name, New, call
from .writer import Writer, written

FAMILY = "states that change what was looked at"

_RIDGE = "sklearn.linear_model._ridge:Ridge"
_ROWS = "scipy.sparse._csr:csr_matrix"


def changing(effect: Effect) -> Iterator[Hostile]:
    for programs in (_twice, _shared, _never):
        yield from written(FAMILY, programs(), "never")


def _numbers(values: list[int], kind: str = "i4") -> Build:
    """An array as plain pickles write it, which the memo can hand to two."""
    made = call("numpy._core.multiarray:_reconstruct", Name("numpy:ndarray"), (0,), b"b")
    data = np.array(values, dtype=kind).tobytes()
    return Build(made, (1, (len(values),), dtype(kind), False, data))


def _state(**parts: Any) -> dict[str, Any]:
    honest = {
        "_shape": (2, 2),
        "data": _numbers([1, 1], "f8"),
        "indices": _numbers([0, 1]),
        "indptr": _numbers([0, 1, 2]),
    }
    return {**honest, **parts}


def _noted(value: Any) -> Build:
    return Build(New(Name(_RIDGE)), {"alpha": 1.0, "notes_": value})


def _twice() -> dict[str, Any]:
    rows = Build(New(Name(_ROWS)), _state())
    ridge = Build(New(Name(_RIDGE)), {"alpha": 1.0})
    memory = Build(New(Name("joblib.memory:Memory")), {"location": None, "store_backend": None})
    return {
        "a matrix, its shape alone": _noted(Build(rows, {"_shape": (1 << 30, 2)})),
        "a matrix, another one": _noted(Build(rows, _state(indices=_numbers([0, 9])))),
        "an estimator": Build(ridge, {"alpha": 2.0}),
        "a memory": _noted(Build(memory, {"location": None, "store_backend": None, "x": 1})),
    }


def _shared() -> dict[str, Any]:
    places = Keep(90, _numbers([0, 1]))
    function = Name("sklearn.preprocessing._function_transformer:FunctionTransformer")
    state = Keep(91, _state())
    calls = {"func": Name("numpy:logical_not"), "kw_args": {"where": Kept(90)}}
    partial = call("functools:partial", Name("numpy:divmod"))
    svc = Name("sklearn.svm._classes:SVC")
    return {
        "indices that a function is called with": _noted(
            [Build(New(Name(_ROWS)), _state(indices=places)), Build(New(function), calls)]
        ),
        "indices among the arguments of a partial": _noted(
            [
                Build(New(Name(_ROWS)), _state(indices=places)),
                Build(partial, (Name("numpy:divmod"), (Kept(90),), {}, {})),
            ]
        ),
        "indices of two matrices": _noted(
            [
                Build(New(Name(_ROWS)), _state(indices=places)),
                Build(New(Name(_ROWS)), _state(indices=Kept(90))),
            ]
        ),
        "rows that a kernel writes to": _noted(
            [
                Build(New(svc), {"kernel": Name("numpy:negative"), "_BaseLibSVM__Xfit": places}),
                Kept(90),
            ]
        ),
        "a state of two": _noted(
            [Build(New(Name(_ROWS)), state), Build(New(Name(_ROWS)), Kept(91))]
        ),
        "a state that is kept": _noted([Build(New(Name(_ROWS)), state), Kept(91)]),
    }


def _never() -> dict[str, Any]:
    tree = call("sklearn.tree._tree:Tree", 2, _numbers([2], "i8"), 1)
    near = call("sklearn.neighbors._kd_tree:newObj", Name("sklearn.neighbors._kd_tree:KDTree"))
    metric = call(
        "sklearn.metrics._dist_metrics:newObj",
        Name("sklearn.metrics._dist_metrics:EuclideanDistance64"),
    )
    array = call("numpy._core.multiarray:_reconstruct", Name("numpy:ndarray"), (0,), b"b")
    return {
        "a tree": _noted(tree),
        "a tree of neighbours": _noted(near),
        "a distance": _noted(metric),
        "an array": _noted(array),
    }


def honest() -> bytes:
    """The same matrix as a note, with nothing wrong: it must be taken."""
    return Writer(4).push(_noted(Build(New(Name(_ROWS)), _state()))).stop()
