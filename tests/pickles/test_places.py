"""Functions that people hand to FunctionTransformer and its kin: a closed list, each harmless."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.spatial.distance
import scipy.special
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from gitmodelstore import Store
from gitmodelstore.errors import RefusedPickle, UnportablePipeline
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import load, refuse_unloadable
from tests.zoo import toys
from tests.zoo.make_rights import DISTANCES, functions
from tests.zoo.specimen import dumped

# numpy.core warns when pickle looks there for where a function of scipy's comes from.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.core is deprecated")

LISTED = {f"{place.__name__}.{held.__name__}": held for place, held in functions()}

ROWS = np.ones((6, 2))
ROOT = Path(__file__).parents[2]
# Calls each with rows, while Python says whatever is opened, started, compiled or connected.
WATCHED = """
import sys, warnings
import numpy as np, pandas as pd
from tests.zoo.make_rights import functions

rows = np.linspace(0.1, 0.9, 12).reshape(6, 2)
other = rows.copy()  # what a function of numpy's is given last can be where it writes to
warnings.simplefilter("ignore")
seen, watching = [], ""
quiet = ("object.__getattr__", "sys._getframe", "builtins.id", "import", "marshal.loads")
def note(event, details):
    if watching and not event.startswith(quiet):
        seen.append((watching, event))
def call(held, *given):
    try:
        held(*given)
    except (TypeError, ValueError, IndexError, AttributeError):  # too few, or of another shape
        return False
    return True
found = [(f"{place.__name__}.{held.__name__}", held) for place, held in functions()]
for _, held in found:  # what is imported or compiled once is none of the function's business
    any(call(held, *given) for given in ((rows,), (rows, other), (rows[0], other[0])))
sys.addaudithook(note)
for watching, held in found:
    ways = ((rows,), (rows, other), (rows[0],), (rows[0], other[0]), (rows[0], *other[:2]))
    ways += ((rows, 0), (rows, 0.1), (rows, rows.shape))
    if not any([call(held, *given) for given in ways]):
        seen.append((watching, "takes no rows"))
watching = ""
assert not seen, seen
assert len(found) > 100
assert rows.tobytes() == np.linspace(0.1, 0.9, 12).tobytes(), "a function wrote to the rows"
"""


@pytest.mark.corpus("name", LISTED)
def test_a_listed_function_loads(name):
    data = dumped(FunctionTransformer(LISTED[name]))

    assert load(data, name=name).func is LISTED[name]
    assert walk(data).refusals == ()


def test_each_makes_new_values_of_its_rows_and_does_nothing_else():
    subprocess.run([sys.executable, "-c", WATCHED], check=True, cwd=ROOT)


def rows(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(np.abs(X) / 10 + 0.1, columns=list("abcd"))


@pytest.mark.parametrize(
    "function",
    [
        *(np.log1p, np.sqrt, np.asarray, np.nan_to_num, pd.isna),
        *(scipy.special.logit, scipy.special.softmax),
        partial(np.clip, a_min=0.2, a_max=0.8),
    ],
    ids=lambda function: getattr(function, "__name__", "partial"),  # an address is of one process
)
def test_a_pipeline_of_one_goes_through_a_store(function, tmp_path):
    store = Store.open(Store.init(tmp_path / "store").path, durable=False, cache=False)
    X, y = rows(toys.numbers()), toys.target()
    pipeline = make_pipeline(FunctionTransformer(function), Ridge()).fit(X, y)

    version = store.register(pipeline, "prices", X_test=X, code=None)

    assert np.array_equal(store.load(version).predict(X), pipeline.predict(X))
    assert store.verify("prices@latest", replay=True).is_sound


@pytest.mark.parametrize("algorithm", ["ball_tree", "brute"])
@pytest.mark.parametrize("name", DISTANCES[:3])
def test_a_distance_of_scipy_loads(name, algorithm):
    metric = getattr(scipy.spatial.distance, name)
    model = KNeighborsClassifier(metric=metric, algorithm=algorithm)
    model.fit(toys.numbers(), toys.binary())

    loaded = load(dumped(model), name=name)

    assert loaded.metric is metric
    assert np.array_equal(loaded.predict(toys.numbers()), model.predict(toys.numbers()))


REFUSED: dict[str, Any] = {
    "opens": np.load,
    "opens-text": np.fromfile,
    "opens-a-table": pd.read_pickle,
    "writes": np.save,
    "writes-to-rows": np.put,
    "copies-to-rows": np.copyto,
    "calls": np.apply_along_axis,
    "evaluates": pd.eval,
    "grows": np.repeat,
    "cuts": pd.cut,
    "works": np.diff,
    "makes": np.frompyfunc,
    "reads": pd.read_csv,
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused(name):
    data = dumped(FunctionTransformer(REFUSED[name]))

    with pytest.raises(RefusedPickle):
        load(data, name=name)
    assert walk(data).refusals != ()


@pytest.mark.parametrize("dtype", ["U100000000", np.dtype("S9999")], ids=str)
@pytest.mark.parametrize("way", ["keywords", "partial"])
def test_no_function_is_told_to_make_very_wide_values(dtype, way):
    given: Any = partial(np.asarray, dtype=dtype) if way == "partial" else np.asarray
    keywords = None if way == "partial" else {"dtype": dtype}
    data = dumped(FunctionTransformer(given, kw_args=keywords))

    with pytest.raises(RefusedPickle):
        load(data, name="wide")
    assert walk(data).refusals != ()


@pytest.mark.parametrize(
    "dtype",
    [float, bool, np.float32, np.uint8, "float64", np.dtype("f4"), np.dtype(">i8")],
    ids=str,
)
def test_a_function_is_told_to_make_numbers_of_a_type(dtype):
    step = FunctionTransformer(np.asarray, kw_args={"dtype": dtype})
    data = dumped(make_pipeline(step, FunctionTransformer(partial(pd.get_dummies, dtype=dtype))))

    assert load(data, name="typed")[0].kw_args == {"dtype": dtype}
    assert walk(data).refusals == ()


@pytest.mark.parametrize(
    "function",
    [
        partial(np.log1p, ROWS),
        partial(np.add, ROWS, ROWS),
        partial(np.clip, ROWS, 0, 1),
        partial(np.log1p, out=ROWS),
        partial(np.median, overwrite_input=True),
    ],
    ids=["unary", "binary", "no ufunc", "by name", "to sort in"],
)
def test_no_partial_writes_into_the_rows(function):
    step = FunctionTransformer(function)
    data = dumped(step)

    with pytest.raises(RefusedPickle, match="would write into one of its arguments"):
        load(data, name="written to")
    with pytest.raises(UnportablePipeline, match="would write into one of its arguments") as caught:
        refuse_unloadable(data, step, ["functools.partial"])
    assert str(caught.value.hint).startswith("leave 'out' and 'overwrite_input' out")


@pytest.mark.parametrize("given", [str, list, object, np.log, np.dtype("O")], ids=str)
def test_what_is_no_type_of_numbers_is_told_with_what_to_write(given):
    for step in (
        FunctionTransformer(np.asarray, kw_args={"dtype": given}),
        FunctionTransformer(partial(np.asarray, dtype=given)),
    ):
        with pytest.raises(RefusedPickle, match="something callable") as caught:
            load(dumped(step), name="told")
        assert "such as 'float64'" in str(caught.value.hint)
        assert walk(dumped(step)).refusals != ()
