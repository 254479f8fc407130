"""A sample of the test rows: equal dtypes, nobody's record, equal bytes every time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gitmodelstore.estimators.replay import NoSample, make_sample
from gitmodelstore.estimators.sample import choose, table_of
from gitmodelstore.values.sample import MOST_BYTES, Sample

N = 200
CHANCE = np.random.default_rng(11)


def table() -> pd.DataFrame:
    """Every kind of column that a sample keeps, with missing values where there can be some."""
    chance = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "count": chance.integers(0, 10_000_000, N),
            "byte": chance.integers(0, 5, N).astype("uint8"),
            "income": chance.lognormal(10, 1, N),
            "ratio": chance.random(N).astype("float32"),
            "flag": chance.random(N) < 0.3,
            "city": np.array(["Oslo", "Lima", "Bonn"], dtype=object)[chance.integers(0, 3, N)],
            "plan": pd.Categorical(chance.choice(["paid", "free"], N), ["paid", "free", "never"]),
            "size": pd.Categorical(chance.choice([1, 2, 3], N), [1, 2, 3], ordered=True),
            "whole": pd.array(chance.integers(0, 99, N), dtype="Int16"),
            "share": pd.array(chance.random(N), dtype="Float32"),
            "maybe": pd.array(chance.random(N) < 0.5, dtype="boolean"),
            "word": pd.array(chance.choice(["x", "y"], N), dtype="string"),
            "naive": pd.date_range("2024-01-01", periods=N, freq="D"),
            "zoned": pd.date_range("2024-01-01", periods=N, freq="h", tz="Europe/Paris"),
            "took": pd.to_timedelta(chance.integers(0, 10**6, N), unit="s"),
            "thin": pd.arrays.SparseArray(np.where(chance.random(N) < 0.2, 1.0, 0.0), fill_value=0),
        }
    )
    for name in ("income", "ratio", "city", "plan", "whole", "share", "maybe", "word", "naive"):
        frame.loc[chance.permutation(N)[:20], name] = None
    return frame


def arrow() -> pd.DataFrame:
    pytest.importorskip("pyarrow")
    chance = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "n": pd.array(chance.integers(0, 9, N), dtype="int64[pyarrow]"),
            "x": pd.array(chance.random(N), dtype="double[pyarrow]"),
            "b": pd.array(chance.random(N) < 0.5, dtype="bool[pyarrow]"),
            "s": pd.array(chance.choice(["x", "y"], N), dtype="string[pyarrow]"),
        }
    )


def texts() -> list[str]:
    return [f"Anna{n} wrote to user-{7919 * n} about the contract" for n in range(N)]


def shapes() -> dict[str, Any]:
    numbers = np.random.default_rng(5).normal(size=(N, 4))
    thin = scipy.sparse.random(N, 30, 0.3, "csr", random_state=1)
    return {
        "array": numbers,
        "float32 array": numbers.astype(np.float32),
        "array by columns": np.asfortranarray(numbers),
        "integers": np.arange(4 * N).reshape(N, 4),
        "text array": np.array([["a", "b"]] * N),
        "objects": np.array([["a", 1.5]] * N, dtype=object),
        "csr_matrix": thin,
        "csc_matrix": thin.tocsc(),
        "csr_array": scipy.sparse.csr_array(thin),
        "list of lists": numbers.tolist(),
        "texts": texts(),
        "series": pd.Series(texts(), name="text"),
        "text objects": np.array(texts(), dtype=object),
    }


def same(one: Any, other: Any) -> None:
    """Equal values, types and forms."""
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_freq=False)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif scipy.sparse.issparse(one):
        assert (one.format, one.dtype, one.shape) == (other.format, other.dtype, other.shape)
        assert (one != other).nnz == 0
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other


def read_again(sample: Sample) -> Any:
    return table_of(Sample.parse(sample.render()))


def sample_of(X: Any, made: str = "synthetic") -> Sample:
    return Sample(made, *choose(X, made), answers=())


def test_true_rows_come_back_as_they_were():
    frame = table()

    found = read_again(sample_of(frame, "rows"))

    places = [int(np.flatnonzero(frame["count"] == count)[0]) for count in found["count"]]
    same(found, frame.iloc[places].reset_index(drop=True))


@pytest.mark.parametrize("X", shapes().values(), ids=shapes().keys())
@pytest.mark.parametrize("made", ["synthetic", "rows"])
def test_every_form_comes_back_in_that_form(X: Any, made: str):
    found = read_again(sample_of(X, made))

    assert type(found) is type(X)
    assert getattr(found, "dtype", None) == getattr(X, "dtype", None)
    assert getattr(found, "shape", (0,))[1:] == getattr(X, "shape", (0,))[1:]
    same(found, table_of(sample_of(X, made)))


@pytest.mark.parametrize("make", [table, arrow])
def test_synthetic_rows_have_equal_dtypes(make: Callable[[], pd.DataFrame]):
    frame = make()

    found = read_again(sample_of(frame))

    assert found.dtypes.to_dict() == frame.dtypes.to_dict()
    assert list(found.columns) == list(frame.columns)


def test_missing_values_keep_about_their_share():
    frame = table()

    found = table_of(sample_of(frame))

    for name in frame:
        expected = frame[name].isna().mean() * len(found)
        assert abs(found[name].isna().sum() - expected) <= 1
    assert found.isna().any().to_dict() == frame.isna().any().to_dict()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_what_is_missing_among_objects_is_missing_in_the_same_way(missing: object):
    values = pd.Series(["a", "b", missing, "a"] * 20, name="x", dtype=object)

    found = read_again(sample_of(values.to_frame()))["x"]

    assert found.dtype == object
    blanks = found[found.isna()].tolist()
    assert blanks
    assert {type(value) for value in blanks} == {type(missing)}


def test_equal_rows_give_equal_bytes():
    assert sample_of(table()).render() == sample_of(table()).render()
    assert sample_of(texts()).render() == sample_of(texts()).render()


def test_the_rows_are_not_changed():
    frame, before = table(), table()
    sample_of(frame)
    sample_of(frame, "rows")
    same(frame, before)


class TestNobodysRecord:
    """Nothing survives that one row alone holds."""

    @pytest.mark.parametrize(
        "values",
        [
            CHANCE.lognormal(10, 2, N),
            CHANCE.normal(0, 1, N).round(2),
            CHANCE.lognormal(10, 2, N).astype(np.float32),
            CHANCE.integers(0, 10**9, N),
            np.where(CHANCE.random(N) < 0.5, 0.0, CHANCE.lognormal(3, 1, N)),
            CHANCE.integers(0, 300, N),
        ],
        ids=["floats", "rounded", "float32", "integers", "half zeros", "dense integers"],
    )
    def test_no_number_of_one_row_is_drawn(self, values: np.ndarray):
        found = table_of(sample_of(values.reshape(-1, 1)))

        one_row = [value for value in values if np.count_nonzero(values == value) == 1]
        assert not np.isin(found, one_row).any()

    def test_extremes_are_not_told(self):
        values = np.append(CHANCE.normal(100, 1, N), [1e9, -1e9, 2e9])

        found = table_of(sample_of(values.reshape(-1, 1)))

        assert 90 < found.min() <= found.max() < 110

    def test_times_of_one_row_are_not_drawn_though_days_stay_days(self):
        births = pd.Series(
            pd.to_datetime("1950-01-01") + pd.to_timedelta(CHANCE.permutation(20_000)[:N], unit="D")
        )

        found = table_of(sample_of(births.to_frame("born")))["born"]

        assert not found.isin(births).any()
        assert (found == found.dt.normalize()).all()

    def test_a_rare_category_becomes_a_placeholder(self):
        labels = ["common"] * 30 + ["Ada Lovelace"] * 4 + ["usual"] * 30
        frame = pd.DataFrame(
            {"x": pd.Categorical(labels, ["Ada Lovelace", "common", "usual", "no"])}
        )

        found = table_of(sample_of(frame))["x"]

        assert set(found) == {"common", "usual"}
        assert list(found.cat.categories[1:]) == ["common", "usual", "no"]
        assert "Ada" not in sample_of(frame).render().decode()

    def test_rare_texts_are_not_drawn(self):
        frame = pd.DataFrame({"x": ["common"] * 30 + ["Ada Lovelace"] * 4 + ["usual"] * 30})

        assert set(table_of(sample_of(frame))["x"]) == {"common", "usual"}

    @pytest.mark.parametrize(
        "words",
        [
            texts(),
            [f"AB-{n:05d}" for n in range(N)],
            [f"person{n}@example{n % 50}.org" for n in range(N)],
            [chr(97 + n % 26) * (n // 26 + 1) for n in range(N)],
        ],
        ids=["sentences", "numbers of one pattern", "addresses", "all letters taken"],
    )
    def test_only_frequent_words_of_distinct_texts_survive(self, words: list[str]):
        found = set(re.findall(r"\w+", " ".join(table_of(sample_of(words)))))

        for word in found & set(re.findall(r"\w+", " ".join(words))):
            assert sum(word in re.findall(r"\w+", text) for text in set(words)) >= 5

    def test_placeholders_keep_a_common_pattern(self):
        found = table_of(sample_of([f"AB-{n:05d}" for n in range(N)]))

        assert all(re.fullmatch(r"[A-Z]{2}-\d{5}", text) for text in found)

    def test_a_text_that_repeats_makes_no_word_frequent(self):
        letter = "dear Ada Lovelace your code is 4711"
        words = [letter] * 9 + [f"word{n} other{n} more{n}" for n in range(N)]

        assert "Lovelace" not in " ".join(table_of(sample_of(words)))

    def test_too_few_rows_make_no_sample(self):
        with pytest.raises(NoSample, match=r"^9 rows, fewer than 10, would reveal single ones$"):
            choose(np.zeros((9, 2)), "synthetic")

    def test_a_column_that_is_nearly_all_missing_is_drawn_missing(self):
        frame = pd.DataFrame({"x": [1.5, 2.5, *[None] * N], "y": range(N + 2)})

        assert table_of(sample_of(frame))["x"].isna().all()

    @pytest.mark.parametrize("dtype", [object, "string", "category", "float64", "Int64"])
    def test_a_column_of_nothing_stays_one(self, dtype: str):
        frame = pd.DataFrame({"x": pd.Series([None] * N, dtype=dtype), "y": range(N)})

        found = table_of(sample_of(frame))["x"]

        assert found.isna().all()
        assert found.dtype == frame["x"].dtype

    @pytest.mark.parametrize("dtype", ["int8", "int64", "uint64"])
    def test_the_largest_integers_stay_within_their_type(self, dtype: str):
        values = np.iinfo(dtype).max - np.arange(100, dtype=dtype)

        found = table_of(sample_of(values.reshape(-1, 1)))

        assert found.dtype == dtype
        assert int(found.min()) > np.iinfo(dtype).max - 10_000


class TestAnswers:
    """The rows of a sample are ones that the pipeline answers to."""

    def test_methods_that_there_are_are_asked(self):
        X, y = table()[["count", "ratio"]], np.arange(N) % 2
        pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(X, y)

        sample = make_sample(pipeline, X)

        assert [answer.method for answer in sample.answers] == ["predict", "predict_proba"]
        assert sample.rows == 50

    def test_several_outputs_are_told_apart(self):
        X, y = np.arange(2.0 * N).reshape(N, 2), np.arange(2 * N).reshape(N, 2) % 2
        forest = RandomForestClassifier(3, random_state=0).fit(X, y)

        methods = [answer.method for answer in make_sample(forest, X).answers]

        assert methods == ["predict", "predict_proba[0]", "predict_proba[1]"]

    def test_rows_on_which_it_fails_are_left_out(self):
        frame = pd.DataFrame({"x": ["a", "b", "c", "d"] * 20})
        sample = make_sample(OneHotEncoder(sparse_output=False).fit(frame[frame["x"] < "c"]), frame)

        assert 0 < sample.rows < 50
        assert set(table_of(sample)["x"]) == {"a", "b"}

    def test_rows_to_which_it_answers_nan_are_left_out(self):
        X = np.array([[1.0], [np.nan], [2.0], [3.0]] * 20)

        found = table_of(make_sample(StandardScaler().fit(X), X))

        assert 0 < len(found) < 50
        assert not np.isnan(found).any()

    def test_a_method_that_answers_to_no_row_is_left_out(self):
        X = np.arange(float(N)).reshape(N, 1)

        sample = make_sample(Half().fit(X, X.ravel() > 9), X)

        assert [answer.method for answer in sample.answers] == ["predict"]

    def test_none_left_is_said(self):
        frame = pd.DataFrame({"x": ["a", "b"] * 20})
        pipeline = OneHotEncoder().fit(pd.DataFrame({"x": ["c"]}))

        with pytest.raises(NoSample, match=r"^the pipeline answers none of its rows \(Value"):
            make_sample(pipeline, frame)

    def test_a_table_of_another_kind_is_said(self):
        model = DummyClassifier().fit([[1]], [1])

        with pytest.raises(NoSample, match=r"^values of type complex128$"):
            make_sample(model, np.zeros((N, 2), dtype=complex))
        with pytest.raises(NoSample, match=r"^2,001 columns, more than 2,000$"):
            make_sample(model, np.zeros((N, 2_001)))
        with pytest.raises(NoSample, match=r"^arrays of 3 dimensions$"):
            make_sample(model, np.zeros((N, 2, 2)), "rows")

    def test_an_estimator_that_writes_into_its_input_sees_the_same_rows_each_time(self):
        X, y = CHANCE.normal(5, 2, (N, 2)), np.arange(N) % 2
        pipeline = make_pipeline(StandardScaler(copy=False), LogisticRegression()).fit(X.copy(), y)

        sample = make_sample(pipeline, X)

        expected = pipeline.predict_proba(table_of(sample)).ravel().tolist()
        assert list(sample.answers[1].block.values) == expected

    @pytest.mark.parametrize("columns", [784, 2_000])
    def test_wide_rows_are_fewer_and_fit(self, columns: int):
        X = CHANCE.random((50, columns))

        sample = make_sample(StandardScaler().fit(X), X)

        assert 1 <= sample.rows <= 5
        assert len(sample.render()) <= MOST_BYTES

    @pytest.mark.parametrize("vectorizer", [TfidfVectorizer(), HashingVectorizer()])
    def test_vectorizers_of_text_have_samples(self, vectorizer: Any):
        sample = make_sample(vectorizer.fit(texts()), texts())

        assert sample.answers[0].block.places is not None
        assert len(sample.render()) <= MOST_BYTES

    def test_columns_prepared_apart_have_a_sample(self):
        X, y = table(), np.arange(N) % 2
        prepare = ColumnTransformer(
            [("n", SimpleImputer(), ["count", "income"]), ("c", OneHotEncoder(), ["plan", "byte"])]
        )

        assert make_sample(make_pipeline(prepare, LogisticRegression()).fit(X, y), X).rows > 30


class Half(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts, but has no probabilities in spite of its method."""

    def fit(self, X: Any, y: Any) -> Half:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=int)

    def predict_proba(self, X: Any) -> Any:
        raise NotImplementedError
