"""What the user's own pipeline or data raises is told as theirs, with what to do about it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gitmodelstore.cli.main import main
from gitmodelstore.errors import InvalidInput, LoadError, NotAPipeline, PipelineRaised
from gitmodelstore.lineage.frames import logical_type
from gitmodelstore.lineage.tables import read_table
from gitmodelstore.store import Store

from .looks import refusal

N = 60
X = pd.DataFrame(
    {
        "opened": pd.date_range("2024-01-01", periods=N),
        "zip": [f"0{n % 3}234" for n in range(N)],
        "visits": np.arange(N) % 7,
    }
)
y = pd.Series(np.where(X["visits"] > 3, "1", "0"), name="left")  # text that looks like numbers
ME = __name__


class Inputs(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Takes dates, and postal codes as text; says so as pandas does where they are not."""

    def fit(self, X: Any, y: Any = None) -> Inputs:
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        codes = X["zip"].str.len()
        return np.column_stack([X["opened"].dt.day_of_year, codes, X["visits"]]).astype(float)


class Raising(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Raises what it is told to, where it is told to."""

    def __init__(self, error: str = "ValueError", where: str = "predict") -> None:
        self.error = error
        self.where = where

    def fit(self, X: Any, y: Any = None) -> Raising:
        self.classes_ = np.unique(y)
        return self

    def _raise(self, where: str) -> None:
        if self.__dict__.get("where") == where and "classes_" in self.__dict__:
            raise ERRORS[self.__dict__["error"]]

    def predict(self, X: Any) -> Any:
        self._raise("predict")
        return np.full(len(X), self.classes_[0])

    def get_params(self, deep: bool = True) -> Any:
        self._raise("get_params")
        return super().get_params(deep)

    def __sklearn_is_fitted__(self) -> bool:
        self._raise("fitted")
        return True

    def __repr__(self) -> str:
        self._raise("repr")
        return "Raising()"

    @property
    def feature_names_in_(self) -> Any:
        self._raise("names")
        raise AttributeError("feature_names_in_")

    def __getstate__(self) -> Any:
        self._raise("getstate")
        return self.__dict__


class Mute(ValueError):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Panic(BaseException):
    """As the one of pyo3, which is no Exception either."""


ERRORS: dict[str, BaseException] = {
    "Panic": Panic("unwrap"),
    "ValueError": ValueError("too\nhot"),
    "SystemExit": SystemExit(0),
    "KeyError": KeyError("a"),
    "Mute": Mute(),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "LoadError": LoadError("no model here", hint="bring it"),
}


def raises(*_: Any) -> None:
    raise ERRORS["LoadError"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.init(tmp_path / "store", durable=False, trusted=[ME])


@pytest.fixture
def gms(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    monkeypatch.chdir(store.path.parent)

    def run(*args: object) -> tuple[int, str, str]:
        capsys.readouterr()
        return main(["-C", str(store.path), *map(str, args)]), *capsys.readouterr()

    return run


def fitted() -> Any:
    return make_pipeline(Inputs(), LogisticRegression(max_iter=1000)).fit(X, y)


class TestAnErrorOfThePipeline:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            *[("ValueError", ": too hot"), ("SystemExit", ": 0"), ("KeyError", ": 'a'")],
            *[("Mute", ""), ("Panic", ": unwrap")],
        ],
    )
    def test_on_the_test_rows_is_theirs(self, store, error, said):
        with pytest.raises(PipelineRaised) as caught:
            store.register(Raising(error).fit(X, y), "churn", X_test=X, y_test=y, code=None)

        assert str(caught.value) == f"the pipeline raised {error} on the test rows{said}"
        assert caught.value.hint is not None
        assert caught.value.__cause__ is ERRORS[error]  # whose traceback is the user's own
        assert store.models() == ()

    def test_one_of_our_classes_is_theirs_too(self, store, tmp_path):
        said = "the pipeline raised LoadError on the test rows: no model here"
        pipeline = Raising("LoadError").fit(X, y)
        assert refusal(store.register, pipeline, "churn", X_test=X, y_test=y, code=None) == (
            *(PipelineRaised, said, "bring it"),
        )
        with pytest.raises(NotAPipeline, match="cannot be described: LoadError: no model here"):
            store.register(Raising("LoadError", "fitted").fit(X, y), "churn", code=None)
        store.register(Raising("LoadError", "later").fit(X, y), "churn", X_test=X, code=None)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Raising, "predict", raises)
            (found,) = store.verify("churn@1.0.0", replay=True).versions
            assert found.replay.why == "LoadError: no model here"
            with pytest.raises(PipelineRaised, match="raised LoadError on the test rows"):
                store.verify("churn@1.0.0", test=X.assign(left=y), target="left")
            patched.setattr(Raising, "__setstate__", raises, raising=False)
            with pytest.raises(LoadError, match="cannot be loaded here: LoadError: no model here"):
                store.load("churn@1.0.0")

    @pytest.fixture
    def register(self, gms, tmp_path) -> Callable[..., tuple[int, str, str]]:
        """Register by a command what raises an error on the test rows."""
        X.assign(left=y).to_csv(tmp_path / "test.csv", index=False)

        def register(error: str, *options: str) -> tuple[int, str, str]:
            joblib.dump(Raising(error).fit(X, y), tmp_path / "churn.joblib")
            rows = ("--test", "test.csv", "--target", "left")
            return gms(*options, "register", "churn", "churn.joblib", "--trust", ME, *rows)

        return register

    def test_by_a_command_it_is_a_refusal_in_two_lines(self, register):
        said = (
            "error: the pipeline raised ValueError on the test rows: too hot\n"
            "hint: give the test rows the columns and types that the pipeline was fitted on: "
            "Parquet files keep types, CSV files do not; -v shows where it was raised\n"
        )
        assert register("ValueError") == (1, "", said)
        code, _, err = register("ValueError", "-v")
        assert code == 1
        assert "Traceback" in err
        assert f'{Path(__file__).name}", line' in err

    def test_ctrl_c_stays_what_it_is(self, register):
        assert register("KeyboardInterrupt")[::2] == (130, "interrupted\n")

    def test_at_replay_it_is_the_answer(self, store, monkeypatch):
        pipeline = Raising("SystemExit", "later").fit(X, y)
        store.register(pipeline, "churn", X_test=X, code=None)

        monkeypatch.setattr(Raising, "predict", lambda *_: sys.exit(0))
        (found,) = store.verify("churn@1.0.0", replay=True).versions

        assert found.faults == ()
        assert found.replay.why == "SystemExit: 0"

    @pytest.mark.parametrize("where", ["get_params", "fitted", "names", "repr", "getstate"])
    @pytest.mark.parametrize("error", ["ValueError", "SystemExit"])
    @pytest.mark.parametrize("kind", ["memory", "file"])
    def test_of_its_own_class_is_theirs(self, store, tmp_path, monkeypatch, where, error, kind):
        pipeline = Raising(error, where).fit(X, y)
        what: Any = pipeline
        if kind == "file":
            what = tmp_path / "churn.joblib"
            with monkeypatch.context() as calm:
                calm.setattr(Raising, "_raise", lambda *_: None)
                joblib.dump(pipeline, what)
        if where == "repr":  # which is worth a line in the manifest, and no refusal
            store.register(what, "churn", X_test=X, y_test=y, code=None)
            return
        _, said, hint = refusal(store.register, what, "churn", X_test=X, y_test=y, code=None)
        assert error in said
        assert hint

    @pytest.mark.parametrize("error", ["ValueError", "SystemExit", "Mute", "Panic"])
    def test_at_load_it_is_theirs(self, store, gms, error, monkeypatch):
        def fails(self: Any, given: Any) -> None:
            raise ERRORS[error]

        store.register(Raising("ValueError", "later").fit(X, y), "churn", X_test=X, code=None)
        store.promote("churn@1.0.0", "production")
        store.register(Raising("KeyError", "later").fit(X, y), "churn", X_test=X, code=None)
        store.promote("churn@1.1.0", "production")
        monkeypatch.setattr(Raising, "__setstate__", fails, raising=False)

        kind, said, hint = refusal(store.load, "churn@1.0.0")
        assert kind is LoadError
        assert f"cannot be loaded here: {error}" in said
        assert "or code of yours raises this" in hint
        monkeypatch.delattr(Raising, "__setstate__")
        monkeypatch.setattr(Raising, "predict", fails)
        code, _, err = gms("rollback", "churn", "--trust", ME, "--reason", "drift")
        assert code == 1
        assert err.startswith(f"error: churn 1.0.0 cannot answer here: {error}")

    def test_why_there_is_no_sample_is_said(self, tmp_path):
        notes: list[str] = []
        store = Store.init(tmp_path / "store", durable=False, notify=notes.append)

        store.register(Raising("ValueError").fit(X, y), "churn", X_test=X, code=None)

        assert notes[0] == (
            "no sample is kept to replay: the pipeline answers none of its rows "
            "(ValueError: too hot)"
        )


class TestAFileOfText:
    """CSV holds text: columns get the types that were recorded, or that the caller names."""

    @pytest.fixture
    def test_file(self, tmp_path: Path) -> Path:
        X.assign(left=y, plan="free").to_csv(tmp_path / "test.csv", index=False)
        return tmp_path / "test.csv"

    @pytest.fixture
    def lettered(self, test_file) -> Path:
        """The same with postal codes that nobody can take for numbers."""
        frame = pd.read_csv(test_file, dtype={"zip": str})
        frame.assign(zip="A" + frame["zip"]).to_csv(test_file, index=False)
        return test_file

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        joblib.dump(fitted(), tmp_path / "churn.joblib")
        return tmp_path / "churn.joblib"

    @pytest.fixture
    def register(self, gms, file, test_file) -> Callable[..., tuple[int, str, str]]:
        rows = ("--test", test_file, "--target", "left")
        return functools.partial(gms, "register", "churn", file, "--trust", ME, *rows)

    @pytest.fixture
    def churn(self, store) -> Store:
        """A store that has recorded the types of the columns."""
        store.register(fitted(), "churn", X_test=X, y_test=y, code=None)
        return store

    def test_dates_and_text_are_read_as_the_version_recorded_them(self, churn, gms, test_file):
        code, out, _ = gms("verify", "churn@1.0.0", "--trust", ME, "--test", test_file)

        assert code == 0
        assert "accuracy" in out

    def test_a_first_version_is_told_which_columns_hold_dates(self, register):
        code, _, err = register()
        assert code == 1
        assert "hint: column 'opened' holds dates as text: `--parse-dates opened`" in err
        code, _, err = register("--parse-dates", "opened")
        assert "Can only use .str accessor" in err  # nobody knows yet that zip is text

    def test_a_first_version_is_registered_from_a_file_of_text(self, register, lettered):
        code, out, err = register("--parse-dates", "opened")
        assert (code, out.split()[:2]) == (0, ["churn", "1.0.0"]), err

    def test_the_next_version_reads_them_as_the_last_one(self, churn, register):
        code, _, err = register()

        assert code == 0, err
        first, second = (churn.show(f"churn@1.0.{n}") for n in (0, 1))
        assert first.features == second.features
        assert first.metrics == second.metrics

    @pytest.mark.parametrize(
        ("named", "message"),
        [
            ("opend", "the test data has no column 'opend'"),
            ("plan", "the test data: column 'plan' does not hold dates: "),
        ],
    )
    def test_a_column_that_is_none_is_refused(self, register, named, message):
        code, _, err = register("--parse-dates", named)

        assert code == 1
        assert err.startswith(f"error: {message}")
        assert "\nhint: " in err

    @pytest.mark.parametrize(
        ("text", "recorded", "read"),
        [
            ("01234,00012", "str", "str"),
            ("1,2", "float32", "float32"),
            ("1.0,2.0", "int64", "int64"),
            ("1.5,2.0", "int64", "float64"),
            ("1,", "int64", "float64"),
            ("1,inf", "int64", "float64"),
            ("1,300", "uint8", "int64"),
            ("0,1", "bool", "bool"),
            ("0,2", "bool", "int64"),
            ("True,False", "bool", "bool"),
            ("one,2", "int64", "str"),
            ("20260101,20260102", "datetime64", "datetime64"),
            ("2026-01-01T00:00:00+01:00,", "datetime64[Europe/Oslo]", "datetime64[Europe/Oslo]"),
            ("1 days,2 days 01:00:00", "timedelta64", "timedelta64"),
            ("01,02", "category[str]", "category[str]"),
            ("1,2", "category[int64, ordered]", "category[int64, ordered]"),
        ],
    )
    def test_each_type_as_far_as_the_text_has_it(self, tmp_path, text, recorded, read):
        table = read_table(one_column(tmp_path, text), {"a": recorded, "gone": "datetime64"})

        assert logical_type(table["a"]) == read

    def test_rows_of_a_sample_and_a_diff_are_told_which_columns_hold_dates(
        self, gms, file, lettered
    ):
        test = ("--trust", ME, "--test", lettered, "--target", "left")
        dates = "column 'opened' holds dates as text: `--parse-dates opened`"

        _, _, err = gms("register", "churn", file, *test[:2], "--sample-from", lettered)
        assert dates in err
        _, out, err = gms("diff", "churn@1.0.0", "churn@1.0.0", *test)
        assert dates in out, err
        _, out, _ = gms("diff", "churn@1.0.0", "churn@1.0.0", *test, "--parse-dates", "opened")
        assert "cannot" not in out

    @pytest.mark.parametrize(
        ("text", "second"),
        [
            ("13/02/2026,05/03/2026", "2026-03-05"),
            ("02/13/2026,03/05/2026", "2026-03-05"),
            ("11.11.2026,", "NaT"),
        ],
    )
    def test_a_date_is_never_guessed(self, tmp_path, text, second):
        table = read_table(one_column(tmp_path, text), {"a": "datetime64"})

        assert str(table["a"][1])[:10] == second

    def test_nor_are_day_and_month_that_may_be_either(self, tmp_path):
        with pytest.raises(InvalidInput, match=r"'05/03/2026' does not make clear which"):
            read_table(one_column(tmp_path, "05/03/2026,06/03/2026"), {"a": "datetime64"})

    def test_numbers_are_not_dates(self):
        with pytest.raises(InvalidInput, match=r"does not hold dates: it holds numbers \(int64\)"):
            read_table(pd.DataFrame({"a": [20260101]}), {"a": "datetime64"})

    @pytest.mark.parametrize(
        ("content", "message", "hint"),
        [
            ("näme,left\n1,1\n".encode("latin-1"), "it is not text in UTF-8", "save it as UTF-8"),
            ("a,left\n1,1\n".encode("utf-16"), "it is not text in UTF-8", "save it as UTF-8"),
            (b"a;left\n1;1\n", "';' separates its columns", "write it with commas"),
            (b"a\tleft\n1\t1\n", "'\\t' separates its columns", "write it with commas"),
        ],
    )
    def test_a_file_that_is_written_otherwise_is_told_how(self, tmp_path, content, message, hint):
        file = tmp_path / "one.csv"
        file.write_bytes(content)

        kind, said, advice = refusal(read_table, file)

        assert (kind, said) == (InvalidInput, f"cannot read '{file}': {message}")
        assert advice.startswith(hint)

    @pytest.mark.parametrize("content", [b"\x93NUMPY\x01\xff\xfe", b"", b'a,b\n"1'])
    def test_what_is_no_table_is_refused(self, churn, gms, test_file, content):
        test_file.write_bytes(content)

        code, _, err = gms("verify", "churn@1.0.0", "--trust", ME, "--test", test_file)

        assert code == 1
        assert err.startswith(("error: cannot read '", "error: the test data has no column 'left'"))


def one_column(folder: Path, text: str) -> Path:
    """A file whose column a has these values, and b others."""
    file = folder / "one.csv"
    file.write_text("a,b\n" + "".join(f"{value},x\n" for value in text.split(",")))
    return file


def table_of(module: str, kind: str) -> Any:
    """A table of a library that is not here."""
    return type(kind, (), {"__module__": module, "shape": (1, 1)})()


class TestDataOfAnybodysMaking:
    @pytest.mark.parametrize(
        ("given", "message", "hint"),
        [
            ({"a": [1]}, "a dict, which is not accepted", "give `pandas.DataFrame(X_test)`"),
            (iter([1]), "a list_iterator, which is not accepted", "give `list(X_test)`"),
            ("test.csv", "'test.csv', not a table", "a file with the target is given as test="),
            *(
                (
                    table_of(module, kind),
                    f"a {kind} of {module.partition('.')[0]}, which is not accepted",
                    f"give `X_test.{call}`",
                )
                for module, kind, call in (
                    ("polars.lazyframe.frame", "LazyFrame", "collect()"),
                    ("dask.dataframe.core", "DataFrame", "compute()"),
                    ("modin.pandas.dataframe", "DataFrame", "modin.to_pandas()"),
                    ("pyspark.sql.dataframe", "DataFrame", "toPandas()"),
                    ("duckdb", "DuckDBPyRelation", "df()"),
                    ("torch", "Tensor", "numpy()"),
                )
            ),
        ],
    )
    def test_what_is_not_taken_is_named(self, store, given, message, hint):
        assert refusal(store.register, fitted(), "churn", X_test=given, code=None) == (
            *(InvalidInput, f"X_test is {message}", hint),
        )

    def test_what_reading_it_raises_is_said(self, store):
        class Odd:
            shape = (3,)
            dtype = np.dtype(float)

            @property
            def columns(self) -> Any:
                raise RuntimeError("the connection was lost")

        with pytest.raises(InvalidInput, match=r"^data set 'train': "):
            store.register(fitted(), "churn", data={"train": Odd()}, code=None)

    def test_a_table_of_arrow_is_taken(self, store):
        table = pytest.importorskip("pyarrow").Table.from_pandas(X)

        one, two = (
            store.show(
                store.register(
                    fitted(), "churn", X_test=rows, y_test=y, data={"train": (rows, y)}, code=None
                )
            )
            for rows in (table, X)
        )

        assert (one.features, one.metrics) == (two.features, two.metrics)
        assert [held.digest for held in one.data] == [held.digest for held in two.data]
