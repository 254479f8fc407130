"""States that native code would trust, or that would be executed, are looked at."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from scipy.interpolate import BSpline
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neighbors import BallTree, KDTree
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from gitmodelstore.errors import LoadError, NotAPipeline, RefusedPickle
from gitmodelstore.pickles.load import load
from tests.hostile.fitted import changed_curve
from tests.hostile.values import Build, Call, Fill, Keep, Kept, Name, New, call
from tests.hostile.writer import pickled
from tests.zoo.specimen import dumped

X = np.random.RandomState(0).normal(size=(60, 3))


def keeping(value: Any) -> BaseEstimator:
    """An estimator that keeps a value."""
    estimator = StandardScaler().fit(X)
    estimator.kept_ = value
    return estimator


def loaded(estimator: Any) -> Any:
    return load(dumped(estimator), name="churn.joblib")


def tree(change: Callable[[np.ndarray], None]) -> Any:
    estimator = DecisionTreeRegressor(max_depth=4).fit(X, X[:, 0])
    state = estimator.tree_.__getstate__()
    change(state["nodes"])
    made = type(estimator.tree_)(*estimator.tree_.__reduce__()[1])
    made.__setstate__(state)
    estimator.tree_ = made
    return estimator


def boosting(change: Callable[[np.ndarray], None]) -> Any:
    estimator = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=2).fit(X, X[:, 0])
    change(estimator._predictors[1][0].nodes)
    return estimator


def neighbours(cls: type, change: Callable[[list[Any]], None]) -> Any:
    state = list(cls(X, leaf_size=5).__getstate__())
    change(state)
    made = cls.__new__(cls)
    made.__setstate__(tuple(state))
    return keeping(made)


def matrix(make: Callable[[Any], Any], change: Callable[[Any], None]) -> Any:
    made = make(scipy.sparse.random(8, 6, density=0.5, random_state=0))
    change(made)
    return keeping(made)


class Reduced:
    """What pickle is told to write, in the place of an object."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


def twister(position: int) -> Any:
    """A generator whose state says so, though newer releases of numpy would not take it."""
    make, (inner, *others), outer = np.random.RandomState(1).__reduce__()
    outer["state"]["pos"] = position
    if not isinstance(inner, str):  # numpy 2 hands the inner generator over, older ones its name
        make_inner, arguments, state = inner.__reduce__()
        state[0]["state"]["pos"] = position
        inner = Reduced(make_inner, arguments, state)
    return keeping(Reduced(make, (inner, *others), outer))


def distribution(template: str) -> Any:
    frozen = scipy.stats.uniform(0, 1)
    frozen.dist = copy.copy(frozen.dist)
    frozen.dist._parse_arg_template = template
    return keeping(frozen)


def spline(coefficients: int) -> Any:
    made = BSpline(np.arange(11.0), np.ones(7), 3)
    short = np.ones(coefficients)
    return keeping(changed_curve(made, c=short))


def put(place: Any, value: Any) -> Callable[[Any], None]:
    def change(held: Any) -> None:
        held[place] = value

    return change


def field(name: str, place: int, value: Any) -> Callable[[np.ndarray], None]:
    def change(nodes: np.ndarray) -> None:
        nodes[name][place] = value

    return change


def of_array(name: str, place: int, value: Any) -> Callable[[Any], None]:
    def change(held: Any) -> None:
        getattr(held, name)[place] = value

    return change


def replaced(number: int, change: Callable[[Any], Any]) -> Callable[[list[Any]], None]:
    def apply(state: list[Any]) -> None:
        state[number] = change(state[number].copy())

    return apply


def leafless(nodes: np.ndarray) -> np.ndarray:
    nodes["is_leaf"] = 0
    return nodes


def far(nodes: np.ndarray) -> np.ndarray:
    nodes["idx_end"][0] = 10**6
    return nodes


HOSTILE: dict[str, Callable[[], Any]] = {
    "a child beyond the tree": lambda: tree(field("left_child", 0, 10**6)),
    "a child that is its parent": lambda: tree(field("right_child", 0, 0)),
    "a child below zero": lambda: tree(field("left_child", 0, -7)),
    "a feature beyond the columns": lambda: tree(field("feature", 0, 3)),
    "a feature below zero": lambda: tree(field("feature", 0, -1)),
    "a node beyond the predictor": lambda: boosting(field("left", 0, 10**6)),
    "a node that is its parent": lambda: boosting(field("right", 0, 0)),
    "a set of categories that is none": lambda: boosting(
        lambda nodes: (
            field("is_categorical", 0, 1)(nodes),  # type: ignore[func-returns-value]
            field("bitset_idx", 0, 99)(nodes),  # type: ignore[func-returns-value]
        )
    ),
    "a row beyond the rows": lambda: neighbours(
        KDTree, replaced(1, lambda places: np.where(places == 0, 10**6, places))
    ),
    "a range of rows beyond the rows": lambda: neighbours(BallTree, replaced(2, far)),
    "leaves that are none": lambda: neighbours(KDTree, replaced(2, leafless)),
    "more nodes than there are": lambda: neighbours(BallTree, put(6, 10**6)),
    "a column beyond the matrix": lambda: matrix(
        scipy.sparse.csr_matrix, of_array("indices", 0, 10**6)
    ),
    "a row below zero": lambda: matrix(scipy.sparse.csc_matrix, of_array("indices", 0, -1)),
    "a start beyond the entries": lambda: matrix(
        scipy.sparse.csr_matrix, of_array("indptr", 4, 10**6)
    ),
    "starts that fall": lambda: matrix(scipy.sparse.csr_array, of_array("indptr", 1, 10)),
    "a coordinate beyond the matrix": lambda: matrix(
        scipy.sparse.coo_matrix, of_array("row", 0, 10**6)
    ),
    "a block beyond the matrix": lambda: matrix(
        lambda held: scipy.sparse.bsr_matrix(held, blocksize=(2, 2)), of_array("indices", 0, 10**6)
    ),
    "a position beyond the key": lambda: twister(10**6),
    "a position below zero": lambda: twister(-1),
    "a template of its own": lambda: distribution("raise SystemExit"),
    "too few coefficients": lambda: spline(3),
    "a memory with a folder": lambda: keeping(joblib.Memory("somewhere", verbose=0)),
    "a partial of something unknown": lambda: keeping(functools.partial(print)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(RefusedPickle):
        loaded(HOSTILE[name]())


HONEST: dict[str, Callable[[], Any]] = {
    "a tree": lambda: tree(lambda _: None),
    "boosting": lambda: boosting(lambda _: None),
    "neighbours": lambda: neighbours(KDTree, lambda _: None),
    "a matrix": lambda: matrix(scipy.sparse.csr_matrix, lambda _: None),
    "a generator": lambda: twister(624),
    "a spline": lambda: spline(7),
    "a memory of nothing": lambda: keeping(joblib.Memory(None)),
}


@pytest.mark.parametrize("name", HONEST)
def test_the_same_untouched_is_not(name):
    assert loaded(HONEST[name]()) is not None


def test_a_template_of_another_distribution_is_refused():
    with pytest.raises(LoadError):
        loaded(distribution(scipy.stats.norm._parse_arg_template + "\nraise SystemExit"))


DTYPE = Name("numpy:dtype")
SCALER = New(Name("sklearn.preprocessing._data:StandardScaler"))
POINTERS = (
    *(
        3,
        "|",
        None,
        ("o",),
        {"o": (Build(call(DTYPE, "O8"), (3, "|", *(None,) * 3, -1, -1, 63)), 0)},
    ),
    *(8, 1, 27),
)
RAW = (3, "|", None, None, None, 8, 1, 0)
#: The package of numpy's core, which 2.0 renamed.
CORE = "numpy._core" if int(np.__version__.split(".")[0]) >= 2 else "numpy.core"
EMPTY = call(Name(f"{CORE}.multiarray:_reconstruct"), Name("numpy:ndarray"), (0,), b"b")


@pytest.mark.parametrize(
    "end",
    [
        (),  # which numpy reads all the same, and crashes
        (None,),
        ((None, b"ns"),),
        (([], (b"ns", 1, 1, 1)),),
        ((None, (b"ns", 1, 1)),),
        ((None, ("ns", 1, 1, 1)),),
        ((None, (b"ns", 0, 1, 1)),),
        ((None, (b"ns", 1, 0, 1)),),
    ],
)
@pytest.mark.parametrize("code", ["m8", "M8"])
def test_a_type_of_dates_without_its_unit_is_refused(code, end):
    state = (4, "<", None, None, None, -1, -1, 0, *end)

    with pytest.raises(RefusedPickle, match="invalid state"):
        load(pickled([Build(call(DTYPE, code), state)]), name="churn.joblib")


CHANGED_LATER: dict[str, Any] = {
    "a type that an array has already": [
        Keep(1, call(DTYPE, "V8")),
        call(Name(f"{CORE}.numeric:_frombuffer"), b"x" * 8, Kept(1), (1,), "C"),
        Build(Kept(1), POINTERS),
    ],
    "a finished type": [Keep(1, Build(call(DTYPE, "V8"), RAW)), Build(Kept(1), POINTERS)],
    "a finished array": [
        Keep(
            1,
            Build(
                EMPTY,
                (1, (0,), Build(call(DTYPE, "i8"), (3, "<", *(None,) * 3, -1, -1, 0)), False, b""),
            ),
        ),
        Build(
            Kept(1),
            (1, (0,), Build(call(DTYPE, "i8"), (3, "<", *(None,) * 3, -1, -1, 0)), False, b""),
        ),
    ],
    "attributes of numpy's protocol": Build(SCALER, {"__array_interface__": {}}),
    "the same in a dictionary of another kind": Build(
        SCALER, Fill(Call(Name("collections:OrderedDict"), ()), (("__array_interface__", None),))
    ),
    "the same beside slots": Build(
        New(Name("sklearn.model_selection._split:KFold")), ({"__array_interface__": {}}, None)
    ),
}


@pytest.mark.parametrize("name", CHANGED_LATER)
def test_nothing_changes_under_those_who_looked(name):
    with pytest.raises(RefusedPickle):
        load(pickled(CHANGED_LATER[name]), name="churn.joblib")


def test_the_same_at_first_is_let_through():
    honest = [Build(call(DTYPE, "V8"), RAW), CHANGED_LATER["a finished array"][0]]

    with pytest.raises(NotAPipeline, match="holds a list"):
        load(pickled(honest), name="churn.joblib")
