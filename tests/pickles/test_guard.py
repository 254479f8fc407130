"""Files whose objects lack what every estimator of their class has, or lie too deep."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.errors import LoadError, NotAPipeline, PipelineRaised, RefusedPickle, StoreError
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.guard import MOST_LEVELS, is_too_deep
from gitmodelstore.pickles.load import load, load_file
from tests.zoo import DEPRECATED, specimens

try:
    from sklearn.frozen import FrozenEstimator
except ImportError:  # scikit-learn before 1.6: another that has nothing but its estimator
    from sklearn.multioutput import MultiOutputClassifier as FrozenEstimator


# None of the files says which release has written it.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")

X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 2.0]})
y = [0, 1, 1, 0]
DEEP = (120, 4_900, 20_000)


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def name(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def pickled(body: bytes) -> bytes:
    return b"\x80\x04\x95" + struct.pack("<Q", len(body) + 1) + body + b"."


def given(cls: type, **state: bytes) -> bytes:
    """Return the opcodes that make an object, and give it a state where there is one."""
    held = b"".join(text(key) + value + b"s" for key, value in state.items())
    made = name(cls.__module__, cls.__name__) + b")\x81"
    return made + (b"}" + held + b"b" if state else b"")


def frozen(count: int) -> bytes:
    first = name(FrozenEstimator.__module__, "FrozenEstimator") + b"\x94)\x81}" + text("estimator")
    each = b"h\x00)\x81}" + text("estimator")
    return first + each * (count - 1) + given(StandardScaler) + b"sb" * count


NESTED: dict[str, Callable[[int], bytes]] = {
    "estimators": frozen,
    "lists": lambda n: given(StandardScaler, x=b"]" * n + b"a" * (n - 1)),
    "tuples": lambda n: given(StandardScaler, x=b")" + b"\x85" * n),
    "dictionaries": lambda n: given(StandardScaler, x=b"}K\x00" * n + b"N" + b"s" * n),
}
NOT_WHOLE = {
    "no state": given(LogisticRegression),
    "looks fitted": given(LogisticRegression, classes_=b"]", n_features_in_=b"K\x02"),
    "steps of a number": given(Pipeline, steps=b"K\x05"),
    "steps of numbers": given(Pipeline, steps=b"]K\x05aK\x06a"),
    "frozen nothing": given(FrozenEstimator),
}


@pytest.mark.parametrize("count", DEEP)
@pytest.mark.corpus("kind", NESTED)
class TestDeep:
    def test_the_door_refuses_it(self, kind, count):
        with pytest.raises(RefusedPickle) as caught:
            load(pickled(NESTED[kind](count)), name="deep.joblib")

        assert str(caught.value) == (
            f"'deep.joblib' is refused: its parts are nested more than {MOST_LEVELS} deep"
        )

    def test_nothing_that_looks_at_it_fails(self, kind, count, tmp_path, capsys):
        file = tmp_path / "deep.joblib"
        file.write_bytes(pickled(NESTED[kind](count)))
        store = Store.init(tmp_path / "store", durable=False)

        walk(file.read_bytes(), name="deep.joblib")
        for args in (["inspect"], ["--json", "inspect"], ["textconv"]):
            assert main([*args, str(file)]) in (0, 1)
        for run in (True, False):
            with suppress(StoreError):
                store.register(file, "churn", code=None, run=run)
        capsys.readouterr()


def test_what_holds_itself_is_too_deep():
    itself = name(FrozenEstimator.__module__, "FrozenEstimator")
    data = pickled(itself + b")\x81\x94}" + text("estimator") + b"h\x00sb")

    with pytest.raises(RefusedPickle, match=f"nested more than {MOST_LEVELS} deep"):
        load(data, name="itself.joblib")


@pytest.mark.filterwarnings(DEPRECATED)
def test_honest_pipelines_are_far_from_it():
    """A pipeline in a pipeline, seven times; a sample of the zoo, of which none holds 14 levels."""
    nested = StandardScaler()
    for _ in range(7):
        nested = make_pipeline(nested)
    assert not is_too_deep(nested)
    for specimen in list(specimens())[::40]:
        assert not is_too_deep(specimen.fit()), specimen.name


class TestNotWhole:
    @pytest.fixture(params=NOT_WHOLE)
    def file(self, request, tmp_path):
        path = tmp_path / "part.joblib"
        path.write_bytes(pickled(NOT_WHOLE[request.param]))
        return path

    @pytest.fixture
    def store(self, tmp_path) -> Store:
        return Store.init(tmp_path / "store", durable=False)

    def test_registering_says_so(self, store, file):
        for rows in ({}, {"X_test": X, "y_test": y}):
            with pytest.raises(StoreError):
                store.register(file, "churn", code=None, **rows)

    def test_what_was_not_run_at_registration_says_so_later(self, store, file):
        version = store.register(file, "churn", code=None, run=False)

        store.verify(version, replay=True)
        store.diff(version, version)
        for ask in (
            lambda: store.verify(version, test=X.assign(left=y), target="left"),
            lambda: store.diff(version, file),
            lambda: store.diff(version, load_file(file).pipeline, X, y),
            lambda: store.register(load_file(file).pipeline, "other", code=None),
        ):
            with pytest.raises(StoreError):
                ask()

    def test_no_command_fails(self, store, file, capsys):
        store.register(file, "churn", code=None, run=False)
        for args in (["inspect", str(file)], ["textconv", str(file)]):
            assert main(args) in (0, 1)
        for args in (["show", "churn@1.0.0"], ["inspect", "churn@1.0.0"], ["verify", "--all"]):
            assert main(["-C", str(store.path), *args]) in (0, 1)
        capsys.readouterr()


def test_the_words(tmp_path):
    store = Store.init(tmp_path / "store", durable=False)
    file = tmp_path / "part.joblib"
    file.write_bytes(pickled(NOT_WHOLE["looks fitted"]))

    with pytest.raises(LoadError) as caught:
        store.register(file, "churn", code=None)
    assert str(caught.value) == (
        "'part.joblib' does not hold a whole pipeline: AttributeError: "
        "'LogisticRegression' object has no attribute 'C'"
    )
    pipeline = LogisticRegression().fit(X, y)
    del pipeline.C
    with pytest.raises(NotAPipeline) as caught:
        store.register(pipeline, "churn", code=None)
    assert str(caught.value) == (
        "this LogisticRegression cannot be described: AttributeError: "
        "'LogisticRegression' object has no attribute 'C'"
    )
    joblib.dump(LogisticRegression().fit(X, y), file)
    with pytest.raises(PipelineRaised) as caught:
        store.register(file, "churn", X_test=X.assign(a="x"), y_test=y, code=None)
    assert str(caught.value).startswith(
        "the pipeline raised ValueError on the test rows: could not convert"
    )
