"""Claims about the zoo itself: it is whole, repeatable, and joblib alone can keep it."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from tests.zoo import (
    DEPRECATED,
    ZOO,
    answers,
    compositions,
    difference,
    encodings,
    estimators,
    kept,
    same,
    saved,
    specimens,
    toys,
)
from tests.zoo.estimators import UNFITTED
from tests.zoo.specimen import dumped

pytestmark = pytest.mark.filterwarnings(DEPRECATED)

ENCODINGS = dict(encodings())

# A file of joblib does not keep all of these; what was once read is kept for good.
CHANGED_BY_SAVING = {
    "decomposed-in-parts": "a view with strides of its own is summed in another order",
    "decomposed-random": "a view with strides of its own is summed in another order",
    "noted-array-big-endian": "numbers are read in the machine's byte order",
    "noted-array-big-endian-floats": "numbers are read in the machine's byte order",
    "noted-array-matrix": "newer releases read a matrix as an array",
    "noted-python-bunch": "a bunch drops what is not an item",
}
# Numpy before 2.5 sums so, and newer joblib reads so: others keep these as they are.
BY_SOME_RELEASES = {"decomposed-in-parts", "decomposed-random", "noted-array-matrix"}


def loaded(content: bytes) -> Any:
    return joblib.load(io.BytesIO(content))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Sums of several threads differ in the last bit, and toys gain nothing by them."""
    with threadpool_limits(1):
        yield


def test_names_are_unique_and_plain():
    names = Counter(specimen.name for specimen in specimens())

    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name in names if not re.fullmatch(r"[A-Za-z0-9.-]+", name)] == []


def test_every_estimator_is_in_the_zoo_or_has_a_reason():
    listed = {name for name, _ in all_estimators()}

    assert {specimen.name for specimen in estimators()} | set(UNFITTED) == listed
    assert [name for name, reason in UNFITTED.items() if not reason] == []


def test_there_are_hundreds_of_compositions():
    assert len(list(compositions())) > 300


@pytest.mark.corpus("name", ZOO)
def test_joblib_keeps_every_answer(name):
    rows, (model, content) = ZOO[name].rows, kept(name)
    if name in CHANGED_BY_SAVING:
        model = loaded(content)
        content = dumped(model)

    before, after = answers(model, rows), answers(loaded(content), rows)

    assert before
    assert difference(before, after) is None


@pytest.mark.parametrize("name", sorted(CHANGED_BY_SAVING.keys() - BY_SOME_RELEASES))
def test_only_what_saving_changes_is_excused(name):
    rows, (model, content) = ZOO[name].rows, kept(name)

    assert not same(answers(model, rows), answers(loaded(content), rows))


@pytest.mark.corpus("name", ZOO)
def test_two_loads_are_alike_in_references_and_flags(name):
    content = saved(name)

    assert difference(loaded(content), loaded(content), identity=True) is None


@pytest.mark.corpus("name", ZOO)
def test_no_file_names_a_module_of_ours(name):
    content = saved(name)

    assert b"tests.zoo" not in content
    assert b"__main__" not in content


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in ZOO if ZOO[name].rows is not None])
def test_fitting_again_gives_the_same_answers(name):
    fit, rows = ZOO[name].fit, ZOO[name].rows

    assert difference(answers(fit(), rows), answers(fit(), rows)) is None


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["frame-forest", "noted-array-objects", "text-union", "Isomap"])
def test_every_encoding_holds_the_same_model(encoding, name):
    model = loaded(saved(name))  # a tree of neighbours counts what it was asked
    plain, encoded = dumped(model), ENCODINGS[encoding](model)

    assert difference(loaded(plain), loaded(encoded), identity=True) is None


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_encoding_of_a_protocol_is_written_in_it(protocol):
    assert ENCODINGS[f"protocol-{protocol}"](["word"])[:2] == bytes([0x80, protocol])


def _flipped(numbers: np.ndarray) -> np.ndarray:
    """Return a copy whose last number differs in its lowest bit."""
    held = numbers.copy()
    held.view(np.uint8).flat[-8] ^= 1
    return held


CARRIERS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda numbers: numbers,
    "list": lambda numbers: [np.arange(3), numbers],
    "nested objects": lambda numbers: np.array([None, {"a": (numbers,)}], dtype=object),
    "float": lambda numbers: float(numbers[-1]),
    "scalar": lambda numbers: {"a": numbers[-1]},
    "frame": lambda numbers: pd.DataFrame({"a": numbers}),
    "index": lambda numbers: pd.Series(0, index=pd.Index(numbers)),
    "sparse": lambda numbers: scipy.sparse.csr_matrix(numbers),
    "structured": lambda numbers: numbers.view([("a", "f8")]),
    "masked": lambda numbers: np.ma.masked_array(numbers, mask=[True] * 3 + [False]),
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_one_bit_makes_a_difference(carrier):
    numbers = np.array([0.5, np.nan, np.inf, 4.0])

    assert same(carrier(numbers), carrier(numbers.copy()))
    assert not same(carrier(numbers), carrier(_flipped(numbers)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (0.0, -0.0),
        (1, True),
        (1, 1.0),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.float32(1), np.float64(1)),
        (np.zeros(2), np.zeros((2, 1))),
        (np.arange(2, dtype="<i4"), np.arange(2, dtype=">i4")),
        ([1, 2], [1, 2, 3]),
        (len, sorted),
        (pd.Series([1], name="a"), pd.Series([1], name="b")),
        ({1, 2}, {1, 3}),
    ],
)
def test_what_looks_alike_is_not_the_same(left, right):
    assert not same(left, right)


def test_a_difference_says_where_it_is():
    left, right = {"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}

    assert difference(left, right) == "['a'][1]['b']"


def test_identity_tells_one_object_from_two_equal_ones():
    one = np.arange(3)
    once, twice = [one, one], [one.copy(), one.copy()]

    assert same(once, twice)
    assert difference(once, twice, identity=True) == "[0] is another object"
    assert difference(twice, once, identity=True) == "[0] is another object"


def test_identity_looks_at_the_order_of_memory():
    rows = np.arange(6.0).reshape(2, 3)

    assert same(rows, np.asfortranarray(rows))
    assert difference(rows, np.asfortranarray(rows), identity=True) == "the whole"


def test_things_that_hold_themselves_are_compared():
    left, right = [1], [1]
    left.append(left)
    right.append(right)

    assert difference(left, right, identity=True) is None


@pytest.mark.parametrize(
    "name", [name for name in vars(toys) if hasattr(vars(toys)[name], "cache_info")]
)
def test_no_model_has_changed_the_toys(name):
    toy = getattr(toys, name)

    assert difference(toy.__wrapped__(), toy()) is None
