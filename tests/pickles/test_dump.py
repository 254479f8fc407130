"""Claims about writing a pipeline: joblib's bytes, every global, and what is refused."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import threading

import joblib
import numpy as np
import pytest
from joblib.numpy_pickle import NumpyUnpickler
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from gitmodelstore.errors import UnportablePipeline
from gitmodelstore.pickles.dump import check_portable, dump, globals_of
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import Trust

MOVE_IT = (
    "move it into a module that readers can import, such as features.py, "
    "import it from there and fit again"
)
NAME_IT = "use a named function of a module that readers can import, such as features.py"
LEAVE_OUT = "leave it out of the pipeline, or drop it in `__getstate__` of the class that keeps it"


class OnlyWrites:
    """A sink that can do nothing but take bytes."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


def by_joblib(pipeline):
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer)
    return buffer.getvalue()


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

    dumped = dump(estimator, sink)

    assert sink.getvalue() == by_joblib(estimator)
    assert dumped.size_bytes == len(sink.getvalue())


def test_a_sink_that_cannot_tell_gets_the_same_bytes(estimator):
    sink = OnlyWrites()

    dumped = dump(estimator, sink)

    assert sink.data == by_joblib(estimator)
    assert dumped.size_bytes == len(sink.data)


def test_every_global_that_loading_looks_up_is_recorded(estimator, monkeypatch):
    names = globals_of(estimator)

    assert looked_up(by_joblib(estimator), monkeypatch) <= set(names)
    assert list(names) == sorted(set(names))


def test_globals_inside_object_arrays_are_recorded(keeper):
    hidden = np.array([StandardScaler(), np.log1p, len], dtype=object)

    names = globals_of(keeper(hidden))

    assert any(name.endswith(".log1p") for name in names)  # its module depends on the numpy
    assert "builtins.len" in names


def test_loading_gives_back_the_same_answers_bit_for_bit(estimator, answer):
    sink = io.BytesIO()
    dump(estimator, sink)

    again = load(sink.getvalue(), name="pipeline.joblib", reader=Reader(Trust.of(["tests"])))

    assert type(again) is type(estimator)
    assert answer(again) == answer(estimator)


def test_a_failing_sink_raises_its_own_error(keeper):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        dump(keeper(None), Full())


def test_a_portable_pipeline_passes(estimator):
    check_portable(dump(estimator, io.BytesIO()))


def test_a_class_of_the_training_script_is_refused(in_main):
    @in_main
    class LogScaler(BaseEstimator):
        def fit(self, X, y=None):
            return self

    with pytest.raises(UnportablePipeline) as caught:
        check_portable(dump(LogScaler(), io.BytesIO()))

    assert str(caught.value) == (
        "'__main__.LogScaler' is defined in the training script, where no reader can import it"
    )
    assert caught.value.hint == MOVE_IT
    assert caught.value.names == ("__main__.LogScaler",)


def test_every_name_of_the_training_script_is_listed(in_main, keeper):
    @in_main
    def log(X):
        return X

    @in_main
    def root(X):
        return X

    hidden = np.array([root], dtype=object)

    with pytest.raises(UnportablePipeline) as caught:
        check_portable(dump(keeper([log, hidden]), io.BytesIO()))

    assert str(caught.value) == (
        "'__main__.log' and '__main__.root' are defined in the training script, "
        "where no reader can import them"
    )
    assert caught.value.hint == MOVE_IT.replace(" it ", " them ")
    assert caught.value.names == ("__main__.log", "__main__.root")


def refused(pipeline):
    with pytest.raises(UnportablePipeline) as caught:
        dump(pipeline, io.BytesIO())
    return str(caught.value), caught.value.hint


def test_a_lambda_is_refused_with_its_param_and_step():
    pipeline = Pipeline([("log", FunctionTransformer(lambda X: X)), ("scale", StandardScaler())])

    message, hint = refused(pipeline.fit(np.ones((3, 2))))

    assert message == "param 'func' of step 'log' is a lambda"
    assert hint == NAME_IT


def test_a_lambda_deep_inside_is_refused_with_its_whole_path():
    union = FeatureUnion([("log", FunctionTransformer(lambda X: X)), ("as_is", "passthrough")])
    pipeline = Pipeline([("prep", union), ("scale", StandardScaler())])

    message, hint = refused(pipeline.fit(np.ones((3, 2))))

    assert message == "param 'func' of step 'prep__log' is a lambda"
    assert hint == NAME_IT


def test_a_lambda_of_a_lone_estimator_is_refused_with_its_class():
    message, _ = refused(FunctionTransformer(lambda X: X))

    assert message == "param 'func' of FunctionTransformer is a lambda"


def test_a_lambda_that_chooses_columns_is_refused_with_its_branch(people):
    columns = ColumnTransformer([("num", StandardScaler(), lambda X: ["age"])])

    message, hint = refused(Pipeline([("prep", columns), ("scale", StandardScaler())]).fit(people))

    assert message == "branch 'num' of step 'prep' holds a lambda"
    assert hint == NAME_IT


def test_a_lambda_that_scores_is_told_once(answers):
    search = GridSearchCV(Ridge(), {}, cv=2, scoring=lambda estimator, X, y: 1.0)

    message, _ = refused(search.fit(np.arange(60.0).reshape(-1, 1), answers))

    assert message == "param 'scoring' of GridSearchCV is a lambda"


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

    message, hint = refused(FunctionTransformer(log))

    assert message == (
        "param 'func' of FunctionTransformer is the local function "
        f"'{__name__}.test_a_local_function_is_refused_by_its_name.<locals>.log'"
    )
    assert hint == NAME_IT


def test_a_local_class_is_refused_by_its_name():
    class Scaler(BaseEstimator):
        def fit(self, X, y=None):
            return self

    message, hint = refused(Pipeline([("own", Scaler()), ("scale", StandardScaler())]))

    assert message == (
        "step 'own' is an object of the local class "
        f"'{__name__}.test_a_local_class_is_refused_by_its_name.<locals>.Scaler'"
    )
    assert hint == MOVE_IT.replace("move it", "move the class").replace(
        "import it", "import the class"
    )


def test_a_class_that_was_defined_again_after_fit_is_refused(monkeypatch):
    class Scaler(BaseEstimator):
        def fit(self, X, y=None):
            return self

    Scaler.__qualname__ = "Scaler"
    monkeypatch.setattr(sys.modules[__name__], "Scaler", object(), raising=False)

    message, _ = refused(Scaler())

    assert message == (
        f"Scaler is an object of the class '{__name__}.Scaler', "
        "a name that now holds another object"
    )


def test_an_open_file_is_refused_with_its_place(keeper, tmp_path):
    with (tmp_path / "log.txt").open("w") as file:
        message, hint = refused(keeper({"log": [file]}))

    assert message == "param 'kept' of step 'keep' holds an open file"
    assert hint == LEAVE_OUT


def test_a_generator_is_refused_with_its_place(keeper):
    message, hint = refused(keeper(iter(x for x in "ab")))

    assert message == "param 'kept' of step 'keep' is a generator"
    assert hint == LEAVE_OUT


def test_a_lock_left_by_fit_is_refused_with_its_place(keeper):
    pipeline = keeper(None)
    pipeline.steps[0][1].guard_ = threading.Lock()

    message, hint = refused(pipeline)

    assert message == "attribute 'guard_' of step 'keep' is a lock"
    assert hint == LEAVE_OUT


def test_a_module_is_refused_with_its_place(keeper):
    message, _ = refused(keeper(np))

    assert message == "param 'kept' of step 'keep' is the module 'numpy'"


def test_several_obstacles_are_all_named(keeper):
    pipeline = keeper(lambda: 0)
    pipeline.steps[1][1].guard_ = threading.Lock()

    message, hint = refused(pipeline)

    assert message == (
        "param 'kept' of step 'keep' is a lambda; attribute 'guard_' of step 'scale' is a lock"
    )
    assert hint == f"{NAME_IT}; {LEAVE_OUT}"


def test_an_error_of_somebody_elses_reduce_is_passed_on(keeper):
    message, hint = refused(keeper(Obstinate()))

    assert message == (
        "param 'kept' of step 'keep' is an object of class "
        f"'{__name__}.Obstinate', which cannot be pickled"
    )
    assert hint == LEAVE_OUT


class Obstinate:
    def __reduce__(self):
        raise NotImplementedError("no")


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, gitmodelstore.pickles, gitmodelstore.pickles.load, "
        "gitmodelstore.estimators.scores, gitmodelstore.values.compare; "
        "print(*{'joblib', 'numpy', 'sklearn', 'pandas'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
