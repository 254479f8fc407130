""""""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict, deque
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib.numpy_pickle import NumpyUnpickler
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from gitmodelstore.errors import UnportablePipeline
from gitmodelstore.pickles.dump import (
    _JoblibPickler,
    dump,
    fast_dump,
    globals_of,
    refuse_script_names,
)
from tests.zoo.specimen import dumped

MOVE_IT = (
    "move it into a module that readers can import, such as features.py, "
    "import it from there and fit again"
)
NAME_IT = "use a named function of a module that readers can import, such as features.py"
LEAVE_OUT = "leave it out of the pipeline, or drop it in `__getstate__` of the class that keeps it"


def looked_up(data, monkeypatch):
    """The names that joblib and the C unpickler of nested arrays look up."""
    names = set()
    original = pickle._Unpickler.find_class

    def find_class(self, module, name):
        found = original(self, module, name)
        names.add(f"{pickle.whichmodule(found, name)}.{name}" if name != "NA" else found)
        return found

    class Nested(pickle.Unpickler):
        def find_class(self, module, name):
            found = super().find_class(module, name)
            names.add(f"{pickle.whichmodule(found, name)}.{name}")
            return found

    with monkeypatch.context() as patch:
        patch.setattr(NumpyUnpickler, "find_class", find_class, raising=False)
        patch.setattr(pickle, "load", lambda file: Nested(file).load())
        joblib.load(io.BytesIO(data))
    return {name for name in names if isinstance(name, str)}


def test_the_bytes_are_those_of_joblib(estimator):
    sink = io.BytesIO()

    written = dump(estimator, sink.write)

    assert sink.getvalue() == dumped(estimator)
    assert written.size_bytes == len(sink.getvalue())


def test_every_global_that_loading_looks_up_is_recorded(estimator, monkeypatch):
    names = globals_of(estimator)

    assert looked_up(dumped(estimator), monkeypatch) <= set(names)
    assert list(names) == sorted(set(names))


def test_globals_inside_object_arrays_are_recorded(keeper):
    names = globals_of(keeper(np.array([StandardScaler(), np.log1p, len], dtype=object)))

    assert any(name.endswith(".log1p") for name in names)  # its module depends on the numpy
    assert "builtins.len" in names


def test_a_failing_sink_raises_its_own_error(keeper):
    def write(data):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        dump(keeper(None), write)


def test_no_estimator_of_a_library_is_of_the_training_script(estimator):
    refuse_script_names(globals_of(estimator))


def test_every_name_of_the_training_script_is_listed(in_main, keeper):
    @in_main
    class LogScaler(BaseEstimator):
        def fit(self, X, y=None):
            return self

    @in_main
    def log(X):
        return X

    @in_main
    def root(X):
        return X

    hidden = np.array([root], dtype=object)
    for pipeline, said, hint, names in (
        (
            LogScaler(),
            "'__main__.LogScaler' is defined in the training script, where no reader can import it",
            MOVE_IT,
            ("__main__.LogScaler",),
        ),
        (
            keeper([log, hidden]),
            "'__main__.log' and '__main__.root' are defined in the training script, "
            "where no reader can import them",
            MOVE_IT.replace(" it ", " them "),
            ("__main__.log", "__main__.root"),
        ),
    ):
        with pytest.raises(UnportablePipeline) as caught:
            refuse_script_names(globals_of(pipeline))
        assert (str(caught.value), caught.value.hint, caught.value.names) == (said, hint, names)


def refused(pipeline):
    with pytest.raises(UnportablePipeline) as caught:
        globals_of(pipeline)
    return str(caught.value), caught.value.hint


LAMBDA = FunctionTransformer(lambda X: X)
IN_UNION = FeatureUnion([("log", LAMBDA), ("as_is", "passthrough")])


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (
            Pipeline([("log", LAMBDA), ("scale", StandardScaler())]),
            "param 'func' of step 'log' is a lambda",
        ),
        (
            Pipeline([("prep", IN_UNION), ("scale", StandardScaler())]),
            "param 'func' of step 'prep__log' is a lambda",
        ),
        (LAMBDA, "param 'func' of FunctionTransformer is a lambda"),
    ],
    ids=["a step", "deep inside", "alone"],
)
def test_a_lambda_is_refused_with_its_param_and_its_whole_path(pipeline, said):
    assert refused(pipeline.fit(np.ones((3, 2)))) == (said, NAME_IT)


def test_a_lambda_that_chooses_columns_is_refused_with_its_branch(people):
    columns = ColumnTransformer([("num", StandardScaler(), lambda X: ["age"])])

    assert refused(Pipeline([("prep", columns), ("scale", StandardScaler())]).fit(people)) == (
        "branch 'num' of step 'prep' holds a lambda",
        NAME_IT,
    )


def test_a_lambda_that_scores_is_told_once(answers):
    search = GridSearchCV(Ridge(), {}, cv=2, scoring=lambda estimator, X, y: 1.0)

    assert (
        refused(search.fit(np.arange(60.0).reshape(-1, 1), answers))[0]
        == "param 'scoring' of GridSearchCV is a lambda"
    )


def test_a_lambda_outside_of_any_estimator_is_refused():
    assert refused({"a": lambda: 0})[0] == "dict holds a lambda"


def test_what_is_nested_too_deeply_is_refused(keeper):
    nested = []
    for _ in range(5000):
        nested = [nested]

    message, hint = refused(keeper(nested))

    assert message == "the pipeline is nested too deeply to be pickled"
    assert hint is None


def test_a_local_function_is_refused_by_its_name():
    def log(X):
        return X

    assert refused(FunctionTransformer(log)) == (
        (
            "param 'func' of FunctionTransformer is the local function "
            f"'{__name__}.test_a_local_function_is_refused_by_its_name.<locals>.log'"
        ),
        NAME_IT,
    )


def test_a_local_class_is_refused_by_its_name():
    class Scaler(BaseEstimator):
        def fit(self, X, y=None):
            return self

    assert refused(Pipeline([("own", Scaler()), ("scale", StandardScaler())])) == (
        (
            "step 'own' is an object of the local class "
            f"'{__name__}.test_a_local_class_is_refused_by_its_name.<locals>.Scaler'"
        ),
        MOVE_IT.replace("move it", "move the class").replace("import it", "import the class"),
    )


def test_a_class_that_was_defined_again_after_fit_is_refused(monkeypatch):
    class Scaler(BaseEstimator):
        def fit(self, X, y=None):
            return self

    Scaler.__qualname__ = "Scaler"
    monkeypatch.setattr(sys.modules[__name__], "Scaler", object(), raising=False)

    assert refused(Scaler())[0] == (
        f"Scaler is an object of the class '{__name__}.Scaler', "
        "a name that now holds another object"
    )


def test_what_the_machine_holds_is_refused_with_its_place(keeper, tmp_path):
    left_by_fit = keeper(None)
    left_by_fit.steps[0][1].guard_ = threading.Lock()
    with (tmp_path / "log.txt").open("w") as file:
        for pipeline, said in (
            (keeper({"log": [file]}), "param 'kept' of step 'keep' holds an open file"),
            (keeper(iter(x for x in "ab")), "param 'kept' of step 'keep' is a generator"),
            (keeper(np), "param 'kept' of step 'keep' is the module 'numpy'"),
            (left_by_fit, "attribute 'guard_' of step 'keep' is a lock"),
            (
                keeper(Obstinate()),
                "param 'kept' of step 'keep' is an object of class "
                f"'{__name__}.Obstinate', which cannot be pickled",
            ),
        ):
            assert refused(pipeline) == (said, LEAVE_OUT)


def test_several_obstacles_are_all_named(keeper):
    pipeline = keeper(lambda: 0)
    pipeline.steps[1][1].guard_ = threading.Lock()

    assert refused(pipeline) == (
        "param 'kept' of step 'keep' is a lambda; attribute 'guard_' of step 'scale' is a lock",
        f"{NAME_IT}; {LEAVE_OUT}",
    )


class Obstinate:
    def __reduce__(self):
        raise NotImplementedError("no")


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, gitmodelstore.pickles, gitmodelstore.pickles.load, "
        "gitmodelstore.operations.register, gitmodelstore.values.compare; "
        "print(*{'joblib', 'numpy', 'sklearn', 'pandas'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


# The C pickler writes joblib's very bytes, or nothing.


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


def written(value) -> bytes:
    buffer = io.BytesIO()
    dump(value, buffer.write)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_is_written_as_joblib_writes_it(kind):
    value = {"before": "text", "array": ARRAYS[kind], "after": [1.5, None, (True, b"bytes")]}

    assert fast(value) == dumped(value)


def test_a_memory_map_is_written_as_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "numbers", dtype="f8", mode="w+", shape=(4,))

    assert fast([mapped]) == dumped([mapped])


def test_an_array_alone_and_nothing_at_all_are_written():
    for value in (np.arange(3), None, "", (), 2**70):
        assert fast(value) in (dumped(value), None)
        assert written(value) == dumped(value)


def test_arrays_begin_where_joblib_aligns_them():
    values = [np.arange(n, dtype="u1") for n in range(20)]

    assert fast(values) == dumped(values)


def test_a_forest_takes_this_way():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(30, random_state=0).fit(X, y)

    assert fast(forest) == dumped(forest)


def test_an_array_in_two_places_is_left_to_joblib():
    shared = np.arange(3)
    for value in ([shared, shared], {"a": shared, "b": SimpleNamespace(c=shared)}):
        assert fast(value) is None
        assert written(value) == dumped(value)


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

    assert written(value) == dumped(value)
    assert fast(value) in (dumped(value), None)


@pytest.mark.parametrize("length", range(65_300, 65_560, 20))
def test_where_frames_end_the_bytes_are_still_those_of_joblib(length):
    for text in ("x" * length, b"x" * length, ["x" * 50 + str(n) for n in range(length // 60)]):
        value = [text, np.arange(2), text[:5], np.arange(3), text]
        assert written(value) == dumped(value)
        assert fast(value) in (dumped(value), None)


def test_what_cannot_be_pickled_is_left_to_joblib_and_its_error():
    assert fast([np.arange(2), lambda: None]) is None


def test_a_structure_within_itself_is_written():
    value: list = [np.arange(2)]
    value.append(value)

    assert fast(value) == dumped(value)


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
    expected = dumped(value)

    assert written(value) == expected
    assert fast(value) in (expected, None)
