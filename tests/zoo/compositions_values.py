"""What people note down on a fitted model: Python values, arrays, frames, sparse matrices.

Each is an attribute of a scaler, so that no class of ours is in the file.
"""

from __future__ import annotations

import datetime as dt
import uuid
import warnings
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse
from scipy.interpolate import BSpline, interp1d
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from tests.zoo import toys
from tests.zoo.specimen import Specimen

CET = dt.timezone(dt.timedelta(hours=1), "CET")
POINT = np.dtype([("x", "<f8"), ("tag", "S4"), ("grid", "<i2", (2, 2))])

PYTHON: dict[str, Callable[[], Any]] = {
    "none-and-constants": lambda: [None, True, False, Ellipsis],
    "whole-numbers": lambda: [0, -1, 255, 2**31, -(2**63), 10**400, -(10**400)],
    "floats": lambda: [0.0, -0.0, 1e-320, float("nan"), float("inf"), 1 + 2j],
    "texts": lambda: ["", "é", "𝔐", "a\nb\0", "x" * 70_000],
    "bytes": lambda: [b"", b"\x00\xff", b"x" * 300, bytearray(b"abc"), bytearray()],
    "exact": lambda: [Decimal("1.10"), Decimal("NaN"), Decimal("-Infinity"), Fraction(1, 3)],
    "dates": lambda: [dt.date(2026, 1, 31), dt.time(23, 59, tzinfo=dt.timezone.utc)],
    "moments": lambda: [
        dt.datetime(2026, 1, 31, 12),
        dt.datetime(2026, 1, 31, tzinfo=dt.timezone.utc),
        dt.datetime(2026, 1, 31, fold=1, tzinfo=CET),
    ],
    "spans": lambda: [dt.timedelta(days=-1, microseconds=5), range(2, 9, 3), slice(1, None, 2)],
    "counter": lambda: Counter(toys.kinds().tolist()),
    "ordered": lambda: OrderedDict([("b", 1), ("a", [2])]),
    "default": lambda: defaultdict(list, {"a": [1], "b": [2, 3]}),
    "queue": lambda: deque([1, 2, 3], maxlen=3),
    "sets": lambda: [set(), {1, 2, "a"}, frozenset({(1, 2), None}), frozenset()],
    "tuples": lambda: ((), (1,), (1, (2, (3, ("four", 5, [6], {7: (8,)})))), tuple(range(40))),
    "keys": lambda: {1: "a", (1, 2): "b", None: "c", False: "d", "e": {}, 2.5: [], b"f": 0},
    "paths": lambda: [Path("data/train.csv"), PurePosixPath("/models") / "churn"],
    "identifiers": lambda: uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "curve": lambda: interp1d([0.0, 1.0, 2.0], [1.0, 4.0, 9.0], fill_value="extrapolate"),
    "spline": lambda: BSpline(np.arange(6.0), np.array([1.0, -1.0, 2.0]), 2),
    "bunch": lambda: Bunch(names=["a", "b"], values=np.arange(3)),
    "functions": lambda: [np.log1p, np.mean, accuracy_score, partial(np.clip, a_min=0)],
    "types": lambda: [*(bool, int, float, str, dict, list, object), *(np.float32, StandardScaler)],
    "long-list": lambda: list(range(3000)),
    "long-dict": lambda: {f"word{n}": n for n in range(3000)},
}

ARRAYS: dict[str, Callable[[], Any]] = {
    "fortran": lambda: np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strided": lambda: np.arange(60.0).reshape(6, 10)[::2, 1::3],
    "reversed": lambda: np.arange(5)[::-1],
    "broadcast": lambda: np.broadcast_to(np.float32(1.5), (3, 2)),
    "big-endian": lambda: np.arange(5, dtype=">i4"),
    "big-endian-floats": lambda: np.linspace(0, 1, 4).astype(">f8"),
    "empty": lambda: [np.empty((0, 3)), np.empty(0, dtype="U5"), np.empty((2, 0), dtype=object)],
    "scalar": lambda: [np.array(3.5), np.array("word"), np.array(None, dtype=object)],
    "many-dimensions": lambda: np.arange(64, dtype=np.uint8).reshape(2, 2, 2, 2, 2, 2),
    "kinds": lambda: [
        np.arange(3).astype(kind)
        for kind in ("i1", "u2", "i8", "f2", "f4", "c8", "c16", "M8[s]", "m8[ns]")
    ],
    "booleans": lambda: np.array([True, False, True]),
    "words": lambda: [np.array(["é", "longer"]), np.array([b"ab", b"c"])],
    "dates": lambda: np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
    "structured": lambda: np.array([(1.5, b"a", [[1, 2], [3, 4]])], dtype=POINT),
    "aligned": lambda: np.zeros(3, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "structured-objects": lambda: np.array([(1, "a"), (2, None)], dtype=[("n", "i8"), ("o", "O")]),
    "records": lambda: np.rec.fromarrays([[1, 2], ["a", "b"]], names="n,word"),
    "masked": lambda: np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False], fill_value=-1),
    "matrix": lambda: _matrix(),
    "read-only": lambda: _read_only(),
    "objects": lambda: np.array(["a", None, 1, np.float32(2), (3,), {"k": [4]}], dtype=object),
    "nested-objects": lambda: _nested(),
    "large": lambda: np.arange(200_000, dtype=np.float32),
    "large-fortran": lambda: np.asfortranarray(np.arange(40_000.0).reshape(200, 200)),
}

FRAMES: dict[str, Callable[[], Any]] = {
    "customers": lambda: toys.customers(),
    "gaps": lambda: toys.gappy_customers(),
    "multi-index": lambda: toys.customers().set_index(["city", "age"])[["income"]],
    "multi-columns": lambda: (
        toys.customers().groupby("plan", observed=True)[["age"]].agg(["mean", "max"])
    ),
    "range-index": lambda: pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(4, 8, 2, name="row")),
    "date-index": lambda: pd.Series([1.0, 2.0], index=pd.date_range("2026-01-01", periods=2)),
    "zone": lambda: pd.DataFrame({"at": pd.date_range("2026-01-01", periods=3, tz="UTC")}),
    "span-index": lambda: pd.Series([1], index=pd.to_timedelta([5], unit="s")),
    "category-index": lambda: pd.Series([1, 2], index=pd.CategoricalIndex(["a", "b"])),
    "intervals": lambda: pd.cut(toys.customers()["age"], [0, 30, 50, 99]),
    "moments": lambda: [pd.Timestamp("2026-01-31 12:00"), pd.Timedelta("1h"), pd.NaT, pd.NA],
    "utc": lambda: pd.Timestamp("2026-01-31", tz="UTC"),
    "dtypes": lambda: toys.customers().dtypes,
    "python-words": lambda: pd.Series(["a", None], dtype=pd.StringDtype("python")),
    "object-words": lambda: pd.Series(["a", None, 1], dtype=object, name="mixed"),
    "empty": lambda: pd.DataFrame({"a": np.empty(0), "b": pd.Series(dtype="Int64")}),
    "columns": lambda: toys.customers().columns,
    "noted": lambda: _noted_frame(),
    "described": lambda: toys.customers()[["age", "income"]].describe(),
}

SPARSE = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


def specimens() -> Iterator[Specimen]:
    """Yield scalers on which a value was noted, and models that share or repeat their parts."""
    for group, values in {"python": PYTHON, "array": ARRAYS, "pandas": FRAMES}.items():
        for name, value in values.items():
            yield _noted(f"{group}-{name}", value)
    yield _noted("python-numpy-scalars", _numpy_scalars)
    for form in SPARSE:
        for kind in ("matrix", "array"):
            yield _noted(f"sparse-{form}-{kind}", partial(_sparse, f"{form}_{kind}"))
    for name, value in RANDOM.items():
        yield _noted(f"random-{name}", value)
    for name, value in SHARED.items():
        yield _noted(f"shared-{name}", value)
    rows = toys.numbers()[:5].copy()
    yield Specimen("shared-estimator", _shared_estimator, rows)
    yield Specimen("shared-training-rows", _shared_rows, rows)


def _noted(name: str, value: Callable[[], Any]) -> Specimen:
    return Specimen(f"noted-{name}", partial(_fit, value))


def _fit(value: Callable[[], Any]) -> Any:
    model = StandardScaler().fit(toys.numbers())
    model.notes_ = value()
    return model


def _matrix() -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(np.eye(2))


def _read_only() -> np.ndarray:
    held = np.arange(4.0)
    held.flags.writeable = False
    return held


def _nested() -> np.ndarray:
    held = np.empty(3, dtype=object)
    held[:] = [np.arange(3), np.array(["a", np.int8(1)], dtype=object), [np.eye(2)]]
    return held


def _noted_frame() -> pd.DataFrame:
    held = toys.customers()[["age", "city"]].copy()
    held.attrs["source"] = {"table": "customers", "day": dt.date(2026, 1, 31)}
    return held


def _numpy_scalars() -> list[Any]:
    kinds = [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64, np.float16, np.float32]
    more = [
        np.float64(np.nan),
        np.complex64(1j),
        np.complex128(2),
        np.bool_(True),
        np.longdouble(1),
    ]
    words = [np.str_("é"), np.bytes_(b"a"), np.datetime64("2026-01-31"), np.timedelta64(5, "s")]
    record = np.array([(1.5, b"a", [[1, 2], [3, 4]])], dtype=POINT)[0]
    return [kind(3) for kind in kinds] + more + words + [record, np.dtype("f4"), POINT]


def _sparse(name: str) -> Any:
    return getattr(scipy.sparse, name)(toys.sparse()[:6])


RANDOM: dict[str, Callable[[], Any]] = {
    "state": lambda: np.random.RandomState(3),
    "generator": lambda: np.random.default_rng(3),
    "twister": lambda: np.random.Generator(np.random.MT19937(3)),
    "philox": lambda: np.random.Generator(np.random.Philox(3)),
    "sfc": lambda: np.random.Generator(np.random.SFC64(3)),
    "seeds": lambda: np.random.SeedSequence(3).spawn(2),
}


def _one_array_twice() -> list[np.ndarray]:
    held = np.arange(6.0)
    return [held, held]


def _list_of_itself() -> list[Any]:
    held: list[Any] = [1]
    held.append(held)
    return held


def _parents() -> dict[str, Any]:
    tree: dict[str, Any] = {"name": "root", "children": []}
    tree["children"].append({"name": "leaf", "parent": tree})
    return tree


def _one_list_twice() -> tuple[Any, ...]:
    held = [1, {"a": "word"}]
    return (held, held, {"again": held})


SHARED: dict[str, Callable[[], Any]] = {
    "array-twice": _one_array_twice,
    "list-twice": _one_list_twice,
    "list-of-itself": _list_of_itself,
    "parents": _parents,
}


def _shared_estimator() -> Any:
    """A fitted scaler that is a step, and is noted on the pipeline and on the model too."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(toys.numbers(), toys.kinds())
    model.scaler_ = model[0]
    model[1].scaler_ = model[0]
    return model


def _shared_rows() -> Any:
    model = LogisticRegression().fit(toys.numbers(), toys.kinds())
    model.rows_ = toys.numbers()
    model.sample_ = {"X": model.rows_, "head": model.rows_[:5], "frame": toys.customers()}
    return model
