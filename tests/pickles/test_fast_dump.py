"""The C pickler writes joblib's very bytes, or nothing."""

from __future__ import annotations

import io
from collections import OrderedDict, defaultdict, deque
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from gitmodelstore.pickles.dump import _JoblibPickler, dump, fast_dump

ARRAYS = {
    "of floats": np.arange(6.0).reshape(2, 3),
    "in columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "of every other row": np.arange(20)[::2],
    "of no size": np.empty((0, 3)),
    "of no dimension": np.array(5),
    "of records": np.zeros(3, dtype=[("left", "<i8"), ("value", ">f4")]),
    "of texts": np.array(["a", "bc"]),
    "of dates": np.array(["2026-11-24"], dtype="datetime64[D]"),
    "of objects": np.array([1, "a", None, len, {"b": np.arange(3)}], dtype=object),
    "read-only": np.broadcast_to(np.arange(3), (4, 3)),
    "of a matrix": np.arange(4).reshape(2, 2).view(np.matrix),
    "of a class of its own": np.ma.masked_array([1, 2], [True, False]),
    "larger than a frame": np.arange(20_000),
}


def fast(value) -> bytes | None:
    buffer = io.BytesIO()
    return buffer.getvalue() if fast_dump(value, _JoblibPickler(buffer)) else _nothing(buffer)


def _nothing(buffer: io.BytesIO) -> None:
    assert buffer.getvalue() == b""


def by_joblib(value) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    return buffer.getvalue()


def written(value) -> bytes:
    buffer = io.BytesIO()
    dump(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_is_written_as_joblib_writes_it(kind):
    value = {"before": "text", "array": ARRAYS[kind], "after": [1.5, None, (True, b"bytes")]}

    assert fast(value) == by_joblib(value)


def test_a_memory_map_is_written_as_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "numbers", dtype="f8", mode="w+", shape=(4,))

    assert fast([mapped]) == by_joblib([mapped])


def test_an_array_alone_and_nothing_at_all_are_written():
    for value in (np.arange(3), None, "", (), 2**70):
        assert fast(value) in (by_joblib(value), None)
        assert written(value) == by_joblib(value)


def test_arrays_begin_where_joblib_aligns_them():
    values = [np.arange(n, dtype="u1") for n in range(20)]

    assert fast(values) == by_joblib(values)


def test_a_forest_takes_this_way():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0).fit(X, y)

    assert fast(forest) == by_joblib(forest)


def test_an_array_in_two_places_is_left_to_joblib():
    shared = np.arange(3)
    for value in ([shared, shared], {"a": shared, "b": SimpleNamespace(c=shared)}):
        assert fast(value) is None
        assert written(value) == by_joblib(value)


@pytest.mark.parametrize("items", [998, 999, 1000, 1001, 2000, 2001])
@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        set,
        frozenset,
        deque,
        dict.fromkeys,
        OrderedDict.fromkeys,
        lambda items: defaultdict(list, dict.fromkeys(items)),
    ],
)
def test_where_batches_end_the_bytes_are_still_those_of_joblib(make, items):
    value = {"before": np.arange(2), "items": make(range(items)), "after": np.arange(3)}

    assert written(value) == by_joblib(value)
    assert fast(value) in (by_joblib(value), None)


@pytest.mark.parametrize("length", range(65_300, 65_560, 20))
def test_where_frames_end_the_bytes_are_still_those_of_joblib(length):
    for text in ("x" * length, b"x" * length, ["x" * 50 + str(n) for n in range(length // 60)]):
        value = [text, np.arange(2), text[:5], np.arange(3), text]
        assert written(value) == by_joblib(value)
        assert fast(value) in (by_joblib(value), None)


def test_what_cannot_be_pickled_is_left_to_joblib_and_its_error():
    assert fast([np.arange(2), lambda: None]) is None


def test_a_structure_within_itself_is_written():
    value: list = [np.arange(2)]
    value.append(value)

    assert fast(value) == by_joblib(value)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from([np.float64(1.5), np.dtype("f4"), Path, len, np.log1p, range(3)]),
    st.sampled_from(list(ARRAYS.values())),
    st.sampled_from(list(ARRAYS.values())).map(np.copy),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=5),
        st.dictionaries(st.text(max_size=5), inner, max_size=5).map(OrderedDict),
        st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), inner, max_size=5).map(
            lambda held: SimpleNamespace(**held)
        ),
    ),
    max_leaves=25,
)


@given(values)
def test_whatever_is_written_is_what_joblib_writes(value):
    expected = by_joblib(value)

    assert written(value) == expected
    assert fast(value) in (expected, None)
