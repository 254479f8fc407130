""""""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    BaggingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from gitmodelstore.errors import FeatureMismatch
from gitmodelstore.estimators.describe import (
    check_features,
    describe,
    feature_count,
    feature_names,
    is_estimator,
    is_named_list,
    plain,
)
from gitmodelstore.values import fields
from gitmodelstore.values.manifest import PipelineFacts

X = np.arange(40.0).reshape(20, 2) % 7
Y = np.arange(20) % 2


def outline(steps):
    """Steps as nested (name, class, columns, …)."""
    return [
        (step.name, step.class_name.rpartition(".")[2], step.columns, *outline(step.steps))
        for step in steps
    ]


@pytest.fixture
def churn(people, answers):
    numeric = Pipeline([("scale", StandardScaler())])
    prepare = ColumnTransformer(
        [("num", numeric, ["age", "income"]), ("cat", OneHotEncoder(), ["city"])],
        remainder="passthrough",
    )
    clf = LogisticRegression(C=0.5, max_iter=500, random_state=0)
    return Pipeline([("prep", prepare), ("clf", clf)]).fit(people.drop(columns="plan"), answers)


def test_a_pipeline_is_described_with_its_nested_steps(churn):
    facts = describe(churn)

    assert facts.class_name == "sklearn.pipeline.Pipeline"
    assert facts.algorithm == "LogisticRegression"
    assert facts.task == "classification"
    assert facts.classes == (0, 1)
    assert outline(facts.steps)[0][:3] == ("prep", "ColumnTransformer", None)
    branches = outline(facts.steps)[0][3:]
    assert branches[0] == ("num", "Pipeline", ("age", "income"), ("scale", "StandardScaler", None))
    assert branches[1] == ("cat", "OneHotEncoder", ("city",))
    assert branches[2][:2] == ("remainder", "passthrough")
    assert branches[2][2] in (("tenure",), (2,))  # scikit-learn 1.5 and 1.6 keep positions


def test_only_what_departs_from_the_defaults_is_tuned(churn):
    facts = describe(churn)

    assert facts.tuned == ("clf__C", "clf__max_iter", "clf__random_state", "prep__remainder")
    assert facts.params["clf__C"] == 0.5
    assert facts.params["prep__num__scale__with_mean"] is True


def test_params_are_those_of_get_params_but_for_the_estimators(estimator):
    expected = {
        name
        for name, value in estimator.get_params(deep=True).items()
        if not is_estimator(value) and not is_named_list(name.rpartition("__")[2], value)
    }

    assert set(describe(estimator).params) == expected


def test_every_description_fits_the_manifest(estimator):
    facts = describe(estimator)

    assert list(fields.Record(PipelineFacts).faults(fields.write(facts), "")) == []
    assert describe(estimator) == facts


@pytest.mark.parametrize(
    ("pipeline", "name"),
    [
        (GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=2), "Ridge"),
        (GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {}, cv=2), "Ridge"),
        (CalibratedClassifierCV(LogisticRegression(), cv=2), "LogisticRegression"),
        (TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), "Ridge"),
        (Pipeline([("scale", StandardScaler()), ("none", "passthrough")]), "StandardScaler"),
        (BaggingClassifier(n_estimators=2), "BaggingClassifier"),
        (StackingRegressor([("a", Ridge())], cv=2), "StackingRegressor"),
    ],
)
def test_the_algorithm_is_what_predicts(pipeline, name):
    assert describe(pipeline.fit(X, Y)).algorithm == name


def test_the_parts_of_ensembles_and_unions_are_steps():
    voting = VotingClassifier([("a", LogisticRegression()), ("b", "drop")])
    stacking = StackingRegressor([("a", Ridge())], final_estimator=KNeighborsRegressor(2), cv=2)
    union = FeatureUnion([("a", StandardScaler()), ("b", "drop")])

    assert outline(describe(voting.fit(X, Y)).steps) == [
        ("a", "LogisticRegression", None),
        ("b", "drop", None),
    ]
    assert outline(describe(stacking.fit(X, Y)).steps) == [
        ("a", "Ridge", None),
        ("final_estimator", "KNeighborsRegressor", None),
    ]
    assert outline(describe(union.fit(X)).steps) == [
        ("a", "StandardScaler", None),
        ("b", "drop", None),
    ]


def test_the_estimator_that_fit_chose_is_a_step():
    steps = describe(BaggingClassifier(n_estimators=2).fit(X, Y)).steps

    assert outline(steps) == [("estimator", "DecisionTreeClassifier", None)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("age", ("age",)),
        (["income", "age"], ("income", "age")),
        ([0, 2], (0, 2)),
        (1, (1,)),
        (slice(0, 2), (0, 1)),
        (slice("income", "tenure"), ("income", "tenure")),
        ([True, False, True], (0, 2)),
        (np.array([1]), (1,)),
        (make_column_selector("^a"), ("age",)),
    ],
)
def test_columns_are_recorded_however_they_were_chosen(people, columns, expected):
    table = people[["age", "income", "tenure"]]
    is_one = isinstance(columns, (str, int))
    step = CountVectorizer(analyzer="char") if is_one else StandardScaler()
    table = table.astype(str) if is_one else table

    prepare = ColumnTransformer([("some", step, columns)]).fit(table)

    assert describe(prepare).steps[0].columns == expected


@pytest.mark.parametrize(
    ("pipeline", "task"),
    [
        (LogisticRegression(), "classification"),
        (make_pipeline(StandardScaler(), Ridge()), "regression"),
        (KMeans(2, n_init=1), "clustering"),
        (IsolationForest(n_estimators=2), "outlier-detection"),
        (make_pipeline(StandardScaler(), StandardScaler()), "transformation"),
        (GridSearchCV(LogisticRegression(), {}, cv=2), "classification"),
    ],
)
def test_the_task_is_what_scikit_learn_says(pipeline, task):
    assert describe(pipeline.fit(X, Y)).task == task


def test_an_estimator_of_no_kind_has_no_task():
    class Plain:
        def fit(self):
            return self

        def get_params(self, deep=True):
            return {"x": 1}

    facts = describe(Plain())

    assert (facts.task, facts.classes, facts.params) == (None, None, {"x": 1})


def test_classes_are_plain_and_one_list_an_output():
    words = LogisticRegression().fit(X, np.where(Y, "stays", "leaves"))
    several = DecisionTreeClassifier().fit(X, np.column_stack([Y, Y]))
    regressor = Ridge().fit(X, Y)

    assert describe(words).classes == ("leaves", "stays")
    assert describe(several).classes == ([0, 1], [0, 1])
    assert describe(regressor).classes is None


def test_kernels_and_splitters_are_shown_as_python_shows_them():
    process = GaussianProcessRegressor(RBF(2.0), optimizer=None).fit(X, Y)
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=KFold(2)).fit(X, Y)

    assert describe(process).params["kernel"] == "RBF(length_scale=2)"
    assert describe(process).params["kernel__length_scale"] == 2.0
    assert describe(search).params["cv"] == "KFold(n_splits=2, random_state=None, shuffle=False)"
    assert describe(search).params["param_grid"] == {"alpha": [1.0]}


def test_class_weights_keep_their_labels():
    forest = RandomForestClassifier(2, class_weight={0: 1, 1: 5}).fit(X, Y)

    assert describe(forest).params["class_weight"] == {"0": 1, "1": 5}


CODE = """
import numpy as np
from sklearn.preprocessing import FunctionTransformer
from gitmodelstore.estimators.describe import describe
args = {"a": {"x", "y", "z", 3, 1.5}, "b": object(), "c": np.random.RandomState(1),
        "d": frozenset(map(str, range(99))), "e": np.random.default_rng(1)}
print(describe(FunctionTransformer(np.log1p, kw_args=args)).params)
"""


def test_descriptions_are_equal_in_every_process(capsys):
    """Here, and in another that has another order of what is hashed."""
    exec(CODE, {})  # noqa: S102
    other = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert capsys.readouterr().out == other
    assert "<object object>" in other


# Claims about the columns that a pipeline was fitted on.


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
    search = GridSearchCV(make_pipeline(union, Ridge()), {}, cv=2).fit(people[COLUMNS], answers)

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


DROP = "give X_test[list(pipeline.feature_names_in_)]"


@pytest.mark.parametrize(
    ("given", "said", "hint"),
    [
        (
            ["age", "city", "plan"],
            "misses columns 'income', 'tenure' and has the unexpected columns 'city', 'plan'",
            "add them, made as for training: the pipeline was fitted on them",
        ),
        ([*COLUMNS, "city"], "has the unexpected column 'city'", DROP),
        (
            ["income", "age", "tenure"],
            "has its columns in another order: columns 'income', 'age'",
            DROP,
        ),
        ([*COLUMNS, "age"], "has column 'age' more than once", DROP),
    ],
    ids=["missing", "unexpected", "another order", "twice"],
)
def test_other_columns_are_refused_with_what_to_do(named, people, given, said, hint):
    assert refused(named, people[given]) == (f"X_test {said}", hint)


def test_a_column_by_another_name_is_found(named, people):
    renamed = people[COLUMNS].rename(columns={"income": "net_income"})

    assert refused(named, renamed) == (
        "X_test misses column 'income' and has the unexpected column 'net_income'",
        "if 'net_income' is what the pipeline knows as 'income', rename it: "
        "`.rename(columns={'net_income': 'income'})`",
    )


def test_a_long_list_of_columns_is_cut(people, answers):
    wide = people[["age"]].assign(**{f"c{i}": people["income"] for i in range(9)})
    assert refused(Ridge().fit(wide, answers), people[["age"]])[0] == (
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


# Claims about the plain form of a param.


class Anything:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


class Broken:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (2**53, "9007199254740992"),
        (0.5, 0.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.array(2.5), 2.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([np.nan, "a"], dtype=object), ["nan", "a"]),
        ((1, [2, {"b": 1, "a": np.nan}]), [1, [2, {"a": "nan", "b": 1}]]),
        ({3, 1, "a"}, [1, 3, "a"]),
        ({None: 1, 2: 3, "a": 4}, {"2": 3, "a": 4, "null": 1}),
        (len, "builtins.len"),
        (np.log1p, "numpy.log1p"),
        (np.float64, "numpy.float64"),
        (np.dtype("int32"), "int32"),
        (pd.NA, "<NA>"),
        (Ridge(), "sklearn.linear_model._ridge.Ridge"),
        (functools.partial(np.clip, 1, a_min=0), "numpy.clip(…, 1, a_min=0)"),
        (1 + 2j, "(1+2j)"),
        (Anything("<Thing at 0x7f00aa>"), "<Thing>"),
        (Anything("a\n  b"), "a b"),
        (Anything("x" * 300), "x" * 199 + "…"),
        (Broken(), "<Broken>"),
        ("\u202eevil", r"'\u202eevil'"),
        ("tab\tand\nline", "tab\tand\nline"),
    ],
)
def test_a_value_has_one_plain_form(value, expected):
    found = plain(value)

    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_large_values_are_named_by_kind_size_and_digest():
    ones = plain(np.ones((100, 3)))

    assert ones.startswith("float64 array of shape (100, 3), sha256:")
    assert ones == plain(np.asfortranarray(np.ones((100, 3))))
    assert ones != plain(np.zeros((100, 3)))
    assert plain(list(range(99))).startswith("list of 99, sha256:")
    assert plain({str(i): i for i in range(99)}).startswith("dict of 99, sha256:")
    assert plain("ab" * 600).startswith("abab")
    assert len(plain("ab" * 600)) < 300


def test_a_random_state_is_told_by_where_it_stands():
    state = np.random.RandomState(1)
    before = plain(state)
    state.random_sample()

    assert before == plain(np.random.RandomState(1))
    assert before.startswith("RandomState, sha256:")
    assert plain(state) != before


def test_what_holds_itself_ends():
    endless = []
    endless.append(endless)

    json.dumps(plain(endless))
