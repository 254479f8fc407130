"""Claims about the columns that a pipeline was fitted on."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore.errors import FeatureMismatch
from gitmodelstore.estimators.describe import check_features, feature_count, feature_names

COLUMNS = ["age", "income", "tenure"]


@pytest.fixture
def named(people, answers):
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(people[COLUMNS], answers)


@pytest.fixture
def unnamed(people, answers):
    return LogisticRegression(max_iter=500).fit(people[COLUMNS].to_numpy(), answers)


def refused(pipeline, X):
    with pytest.raises(FeatureMismatch) as caught:
        check_features(pipeline, X)
    return str(caught.value), caught.value.hint


def test_names_and_count_are_those_of_fit(named, unnamed):
    assert feature_names(named) == ("age", "income", "tenure")
    assert feature_count(named) == 3
    assert feature_names(unnamed) is None
    assert feature_count(unnamed) == 3


def test_names_are_found_behind_a_step_that_passes_through(people, answers):
    steps = [("none", "passthrough"), ("scale", StandardScaler()), ("clf", LogisticRegression())]

    pipeline = Pipeline(steps).fit(people[COLUMNS], answers)

    assert feature_names(pipeline) == ("age", "income", "tenure")
    assert feature_count(pipeline) == 3


def test_names_are_found_inside_a_search_and_a_union(people, answers):
    union = FeatureUnion([("a", StandardScaler()), ("b", StandardScaler())])
    pipeline = make_pipeline(union, Ridge())

    search = GridSearchCV(pipeline, {}, cv=2).fit(people[COLUMNS], answers)

    assert feature_names(search) == ("age", "income", "tenure")


def test_a_pipeline_of_texts_has_no_columns(answers):
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        ["good bad"] * 60, answers
    )

    assert feature_names(pipeline) is None
    assert feature_count(pipeline) is None
    check_features(pipeline, ["bad luck"])


def test_the_same_columns_pass(named, unnamed, people):
    check_features(named, people[COLUMNS])
    check_features(unnamed, people[COLUMNS].to_numpy())
    check_features(unnamed, people[COLUMNS].to_numpy().tolist())
    check_features(unnamed, scipy.sparse.csr_matrix((2, 3)))


def test_missing_and_unexpected_columns_are_named(named, people):
    assert refused(named, people[["age", "city", "plan"]]) == (
        "X_test misses columns 'income', 'tenure' and has the unexpected columns 'city', 'plan'",
        "add them, made as for training: the pipeline was fitted on them",
    )


def test_a_column_by_another_name_is_found(named, people):
    renamed = people[COLUMNS].rename(columns={"income": "net_income"})

    assert refused(named, renamed) == (
        "X_test misses column 'income' and has the unexpected column 'net_income'",
        "if 'net_income' is what the pipeline knows as 'income', rename it: "
        "`.rename(columns={'net_income': 'income'})`",
    )


def test_an_unexpected_column_comes_with_the_way_to_drop_it(named, people):
    assert refused(named, people[[*COLUMNS, "city"]]) == (
        "X_test has the unexpected column 'city'",
        "give X_test[list(pipeline.feature_names_in_)]",
    )


def test_another_order_is_refused(named, people):
    assert refused(named, people[["income", "age", "tenure"]]) == (
        "X_test has its columns in another order: columns 'income', 'age'",
        "give X_test[list(pipeline.feature_names_in_)]",
    )


def test_a_column_that_stands_twice_is_refused(named, people):
    assert refused(named, people[[*COLUMNS, "age"]])[0] == "X_test has column 'age' more than once"


def test_a_long_list_of_columns_is_cut(people, answers):
    wide = people[["age"]].assign(**{f"c{i}": people["income"] for i in range(9)})
    pipeline = Ridge().fit(wide, answers)

    assert refused(pipeline, people[["age"]])[0] == (
        "X_test misses columns 'c0', 'c1', 'c2', 'c3', 'c4' and 4 more"
    )


def test_another_number_of_columns_is_refused(unnamed, named):
    assert refused(unnamed, np.ones((2, 4))) == (
        "X_test has 4 columns, the pipeline was fitted on 3",
        "give the columns that it was fitted on, without the target",
    )
    assert refused(named, np.ones((2, 1)))[0] == "X_test has 1 column, the pipeline was fitted on 3"


def test_columns_without_names_are_refused_where_the_pipeline_knows_names(named, people):
    expected = (
        "X_test has no column names, the pipeline was fitted on columns 'age', 'income', 'tenure'",
        "give a DataFrame with these columns",
    )

    assert refused(named, people[COLUMNS].to_numpy()) == expected
    assert refused(named, people[COLUMNS].set_axis([0, 1, 2], axis=1)) == expected
    assert refused(named, people["age"]) == expected
