"""Claims about what two manifests say of their difference, and of each other's answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from gitmodelstore.estimators import replay
from gitmodelstore.estimators.sample import block_of
from gitmodelstore.values import fields
from gitmodelstore.values.compare import (
    compare,
    compare_recorded,
    data_differences,
    hold_same_rows,
    suggest,
)
from gitmodelstore.values.diff import (
    AnswerChange,
    CodeChange,
    DataDifference,
    FileChange,
    MetricChange,
    PackageChange,
    PartChange,
    Side,
    better_or_worse,
    direction_of,
)
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import (
    Baseline,
    Code,
    Column,
    Dataset,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
    Step,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import Version
from gitmodelstore.values.sample import Answer, Sample

from .test_manifest import VALUE

SCALE = Step("scale", "sklearn.preprocessing._data.StandardScaler", None, ())
NUM = Step("num", "sklearn.pipeline.Pipeline", ("age", "income"), (SCALE,))
PREP = Step("prep", "sklearn.compose._column_transformer.ColumnTransformer", None, (NUM,))
CLF = Step("clf", "sklearn.linear_model._logistic.LogisticRegression", None, ())
FACTS = PipelineFacts(
    class_name="sklearn.pipeline.Pipeline",
    algorithm="LogisticRegression",
    steps=(PREP, CLF),
    params={
        "clf__C": 1.0,
        "clf__seeds": [1, 2],
        "clf__warm_start": False,
        "prep__num__scale__with_mean": True,
    },
    tuned=("clf__C",),
    task="classification",
    classes=("leaves", "stays"),
)
FEATURES = (Feature("age", "int64"), Feature("city", "str"), Feature("income", "float64"))
COMMIT, LATER = "a" * 40, "b" * 40
CODE = Code("https://example.org/churn.git", COMMIT, "main", False, None, "train.py")
ENVIRONMENT = Environment("3.11.7", "linux-x86_64", {"numpy": "2.1.0"}, Digest.of(b""))


def version(number: str, model: str = "churn") -> ModelVersion:
    return ModelVersion(model, Version.parse(number), "registered", COMMIT)


def side(number: str | None = "1.0.0", **changes) -> Side:
    held = version(number) if number else None
    made = Side(
        name=str(held or "the pipeline"),
        version=held,
        pipeline=FACTS,
        features=FEATURES,
        target="left",
        metrics={},
        baseline=None,
        data=(),
        code=CODE,
        environment=ENVIRONMENT,
        files={"pipeline.joblib": (10, "1" * 64)},
    )
    return replace(made, **changes)


def facts(**changes) -> Side:
    return side("1.1.0", pipeline=replace(FACTS, **changes))


def test_the_same_does_not_differ():
    found = compare(side(), side("1.1.0"))

    assert not found.differs
    assert found.sections == ()


def test_sections_are_named_in_order():
    found = compare(side(), side("1.1.0", target="gone", files={}, metrics={"auc": 0.9}))

    assert found.sections == ("metrics", "model", "files")


class TestMetrics:
    """Better or worse where the direction is known and the data are not others."""

    @staticmethod
    def measured(number: str, metrics: dict[str, float], rows, **more) -> Side:
        digest = Digest.of(rows) if isinstance(rows, bytes) else rows
        data = () if digest is None else (dataset("test", digest),)
        return side(number, metrics=metrics, data=data, **more)

    def compared(self, metrics: dict[str, float], rows, others: dict[str, float], **more):
        before = self.measured("1.0.0", metrics, b"x")
        return compare(before, self.measured("1.1.0", others, rows, **more)).metrics

    def test_on_the_same_data(self):
        before = {"auc": 0.8, "rmse": 2.0, "rows": 5, "old": 1.0, "same": 1.0}

        found = self.compared(before, b"x", {"auc": 0.7, "rmse": 1.5, "rows": 6, "new": 1.0})

        assert found.measured_on == "same data"
        assert [(one.name, one.before, one.after, one.verdict) for one in found.changes] == [
            ("auc", 0.8, 0.7, "worse"),
            ("new", None, 1.0, None),
            ("old", 1.0, None, None),
            ("rmse", 2.0, 1.5, "better"),
            ("rows", 5, 6, None),
            ("same", 1.0, None, None),
        ]
        assert found.changes[0].delta == pytest.approx(-0.1)
        assert found.changes[1].delta is None
        assert not self.compared({"auc": 0.8}, b"x", {"auc": 0.8}).differ

    @pytest.mark.parametrize(
        ("rows", "measured_on", "verdict"),
        [
            (b"y", "other data", None),  # on other data nobody is better
            (None, "unknown data", "better"),
            (Digest("gms-df-1", "ab" * 32), "unknown data", "better"),
        ],
    )
    def test_on_data_that_are_not_the_same(self, rows, measured_on, verdict):
        found = self.compared({"auc": 0.8}, rows, {"auc": 0.9})

        assert found.measured_on == measured_on
        assert found.changes == (MetricChange("auc", 0.8, 0.9, verdict),)

    def test_a_recorded_baseline_is_compared_on_its_rows_both_ways(self):
        older = self.measured("1.0.0", {"auc": 0.8}, b"x")
        baseline = Baseline(Version.parse("1.0.0"), {"auc": 0.95})
        newer = self.measured("1.1.0", {"auc": 0.9}, b"y", baseline=baseline)

        (worse,) = compare(older, newer).metrics.on_same_rows
        (better,) = compare(newer, older).metrics.on_same_rows

        assert worse == MetricChange("auc", 0.95, 0.9, "worse")
        assert better == MetricChange("auc", 0.9, 0.95, "better")

    def test_the_baseline_of_another_version_or_model_is_none(self):
        older = self.measured("1.0.0", {"auc": 0.8}, b"x")
        others = [Baseline(Version.parse(number), {"auc": 0.95}) for number in ("0.9.0", "1.0.0")]
        newer, other = (
            self.measured("1.1.0", {"auc": 0.9}, b"y", baseline=baseline) for baseline in others
        )

        assert compare(older, newer).metrics.on_same_rows == ()
        fraud = replace(older, version=version("1.0.0", "fraud"))
        assert compare(fraud, other).metrics.on_same_rows == ()


class TestModel:
    def test_task_algorithm_target_and_classes(self):
        after = replace(
            facts(task="regression", algorithm="Ridge", classes=("leaves",)), target="gone"
        )

        assert compare(side(), after).model == (
            PartChange("changed", "task", "classification", "regression"),
            PartChange("changed", "algorithm", "LogisticRegression", "Ridge"),
            PartChange("changed", "target", "left", "gone"),
            PartChange("changed", "classes", ["leaves", "stays"], ["leaves"]),
        )

    def test_what_one_does_not_know_is_no_difference(self):
        after = replace(facts(task=None, classes=None), target=None)

        assert compare(side(), after).sections == ()


FEWER_COLUMNS = (replace(PREP, steps=(replace(NUM, columns=("age",)),)), CLF)


class TestSteps:
    @pytest.mark.parametrize(
        ("steps", "change", "reason"),
        [
            ((PREP,), ("removed", "clf", CLF.class_name, None), "step 'clf' was removed"),
            (
                (CLF,),
                ("removed", "prep", PREP.class_name, None),  # and not its parts again
                "step 'prep' was removed and 2 more",
            ),
            (
                (PREP, SCALE, CLF),
                ("added", "scale", None, SCALE.class_name),
                "step 'scale' was added",
            ),
            (
                (PREP, replace(CLF, class_name="a.Forest")),
                ("changed", "clf", CLF.class_name, "a.Forest"),
                "step 'clf': LogisticRegression -> Forest",
            ),
            (
                (replace(PREP, steps=(replace(NUM, steps=()),)), CLF),
                ("removed", "prep__num__scale", SCALE.class_name, None),
                "step 'prep__num__scale' was removed",
            ),
            (
                FEWER_COLUMNS,
                ("takes", "prep__num", ["age", "income"], ["age"]),
                "step 'prep__num' takes other columns",
            ),
            (
                (CLF, PREP),
                (
                    "moved",
                    "order",
                    ["prep", "prep__num", "prep__num__scale", "clf"],
                    ["clf", "prep", "prep__num", "prep__num__scale"],
                ),
                "the steps are in another order",
            ),
        ],
    )
    def test_another_step_is_minor(self, steps, change, reason):
        assert compare(side(), facts(steps=steps)).steps == (PartChange(*change),)
        assert suggested(steps=steps) == ("minor", reason)


class TestParams:
    def test_only_what_differs_by_path(self):
        params = {**FACTS.params, "clf__C": 3.0, "prep__num__scale__with_mean": False}

        assert compare(side(), facts(params=params)).params == (
            PartChange("changed", "clf__C", 1.0, 3.0),
            PartChange("changed", "prep__num__scale__with_mean", True, False),
        )

    def test_true_is_not_1_and_a_tuple_is_a_list(self):
        before = facts(params={"a": 1, "b": (1, 2)}, tuned=())

        found = compare(before, facts(params={"a": True, "b": [1, 2]}, tuned=()))

        assert found.params == (PartChange("changed", "a", 1, True),)

    def test_one_that_only_one_has_counts_where_it_was_set(self):
        params = {"clf__warm_start": False, "clf__depth": 3, "clf__new": None}

        assert compare(side(), facts(params=params, tuned=("clf__depth",))).params == (
            PartChange("removed", "clf__C", 1.0, None),
            PartChange("added", "clf__depth", None, 3),
        )


AGE, CITY, INCOME = FEATURES


class TestFeatures:
    @staticmethod
    def changes(*features: Feature) -> list[tuple]:
        found = compare(side(), side("1.1.0", features=features)).features
        return [(one.what, one.name, one.before, one.after) for one in found]

    @pytest.mark.parametrize(
        ("features", "changes", "reason"),
        [
            (
                (*FEATURES, Feature("tenure", "int64")),
                [("added", "tenure", None, "int64")],
                "column 'tenure' was added",
            ),
            ((AGE, INCOME), [("removed", "city", "str", None)], "column 'city' was removed"),
            (
                (AGE, Feature("city", "category"), INCOME),
                [("changed", "city", "str", "category")],
                "column 'city': str -> category",
            ),
            (  # of the same type in the same place: suspected to be renamed
                (AGE, Feature("town", "str"), INCOME),
                [("renamed", "city", "city", "town")],
                "column 'town' was added and 1 more",
            ),
            (
                (AGE, Feature("town", "int64"), INCOME),
                [("removed", "city", "str", None), ("added", "town", None, "int64")],
                "column 'town' was added and 1 more",
            ),
            (
                (INCOME, AGE, CITY),
                [("moved", "order", ["age", "city", "income"], ["income", "age", "city"])],
                "the columns are in another order",
            ),
        ],
    )
    def test_other_columns_are_major(self, features, changes, reason):
        assert self.changes(*features) == changes
        assert suggested(features) == ("major", reason)

    def test_all_renamed(self):
        upper = [replace(feature, name=str(feature.name).upper()) for feature in FEATURES]

        assert [change[::3] for change in self.changes(*upper)] == [
            ("renamed", "AGE"),
            ("renamed", "CITY"),
            ("renamed", "INCOME"),
        ]

    def test_without_names_places_count(self):
        before = side(features=(Feature(None, "float64"), Feature(None, "float64")))

        after = side("1.1.0", features=(Feature(None, "float32"),))
        assert compare(before, after).features == (
            PartChange("removed", "column 1", "float64", None),
            PartChange("changed", "column 0", "float64", "float32"),
        )
        named = side("1.1.0", features=(Feature("a", "float64"), Feature("b", "float64")))
        assert compare(before, named).features == (PartChange("changed", "names", "none", "given"),)
        assert suggested((Feature(None, None),)) == ("major", "3 columns -> 1")

    def test_unknown_ones_do_not_differ(self):
        untyped = tuple(replace(held, dtype=None) for held in FEATURES)

        assert compare(side(), side("1.1.0", features=None)).features == ()
        assert self.changes(*untyped) == []
        for features in (None, untyped, (Feature(None, None),) * 3):
            assert suggested(features) == RETRAINED


def dataset(role: str, digest: Digest, columns=None, rows: int | None = None) -> Dataset:
    return Dataset(role, None, "churn", None, digest, 100, rows, columns)


class TestData:
    BEFORE = dataset(
        "train",
        Digest.of(b"one"),
        (
            Column("age", "int64", {"missing": 0, "p25": 30, "p50": 40, "p75": 50}),
            Column("city", "str", None),
            Column("old", "str", None),
        ),
        1000,
    )

    def test_the_same_digest_is_the_same_data_under_each_name(self):
        other = replace(self.BEFORE, name="other", uri="s3://b/other.csv")

        assert compare(side(data=(self.BEFORE,)), side("1.1.0", data=(other,))).data == ()

    def test_what_differs_is_said(self):
        after = dataset("train", Digest.of(b"two"), self.BEFORE.columns[1:], 2000)

        (found,) = compare(side(data=(self.BEFORE,)), side("1.1.0", data=(after,))).data

        assert (found.what, found.role) == ("changed", "train")
        assert (found.before, found.after) == (self.BEFORE, after)
        assert found.differences == data_differences(self.BEFORE, after)
        assert [one.what for one in found.differences] == ["rows", "removed"]

    def test_digests_of_two_kinds_cannot_be_compared(self):
        after = dataset("train", Digest("gms-df-1", "ab" * 32))

        (found,) = compare(side(data=(self.BEFORE,)), side("1.1.0", data=(after,))).data

        assert (found.what, found.differences) == ("unknown", ())

    def test_one_role_twice_and_one_that_is_new(self):
        second = dataset("train", Digest.of(b"more"))
        held = dataset("holdout", Digest.of(b"x"))

        found = compare(side(data=(self.BEFORE, second)), side("1.1.0", data=(self.BEFORE, held)))

        assert [(one.what, one.role) for one in found.data] == [
            ("removed", "train"),
            ("added", "holdout"),
        ]

    def test_a_pipeline_in_the_making_has_no_roles_that_nobody_gave(self):
        assert compare(side(data=(self.BEFORE,)), side(None)).data == ()


class TestWhatMadeThem:
    def test_environment_by_severity(self):
        old = {"joblib": "1.4.0", "numpy": "2.1.0", "scikit-learn": "1.5.2", "pandas": "2.2.0"}
        new = {"joblib": "1.5.0", "numpy": "2.2.0", "scikit-learn": "1.6.0", "scipy": "1.1"}
        before = Environment("3.11.7", "linux-x86_64", old, Digest.of(b""))
        after = Environment("3.12.1", "linux-aarch64", new, Digest.of(b"x"))

        found = compare(side(environment=before), side("1.1.0", environment=after)).environment

        assert found == (
            PackageChange("python", "3.11.7", "3.12.1", True),
            PackageChange("scikit-learn", "1.5.2", "1.6.0", True),
            PackageChange("joblib", "1.4.0", "1.5.0", False),
            PackageChange("numpy", "2.1.0", "2.2.0", False),
            PackageChange("pandas", "2.2.0", None, False),
            PackageChange("platform", "linux-x86_64", "linux-aarch64", False),
            PackageChange("scipy", None, "1.1", False),
        )

    @pytest.mark.parametrize(
        ("changes", "is_other"),
        [
            ({"branch": "try"}, False),  # a commit is the same code wherever it was checked out
            ({"url": "git@example.org:churn.git"}, False),
            ({"entry_point": None}, False),
            ({"commit": LATER}, True),
            ({"dirty": True, "diff": Digest.of(b"x")}, True),
            ({"entry_point": "other.py"}, True),
        ],
    )
    def test_other_code(self, changes, is_other):
        code = replace(CODE, **changes)

        found = compare(side(), side("1.1.0", code=code)).code

        assert found == (CodeChange(CODE, code) if is_other else None)

    def test_a_version_without_code_is_named(self):
        found = compare(side(), side("1.1.0", code=None)).code

        assert found == CodeChange(CODE, None, why="no repository is recorded for churn 1.1.0")
        assert compare(side(code=None), side("1.1.0", code=None)).code is None
        assert compare(side(), side(None, code=None)).code is None

    def test_files_of_other_content(self):
        before = side(files={"pipeline.joblib": (10, "1"), "sample.json": (5, "2"), "a": (1, "3")})
        files = {"pipeline.joblib": (12, "9"), "sample.json": (5, "2"), "b": (2, "4")}

        assert compare(before, side("1.1.0", files=files)).files == (
            FileChange("pipeline.joblib", 10, 12),
            FileChange("a", 1, None),
            FileChange("b", None, 2),
        )
        assert compare(before, side(None, files={"pipeline.joblib": (12, "9")})).files == (
            FileChange("pipeline.joblib", 10, 12),
        )


# Two descriptions of a data set


def described(*columns: Column, rows: int | None = 5, known: bool = True) -> Dataset:
    listed = columns if known else None
    return Dataset("train", None, None, None, Digest.of(b""), 0, rows, listed)


def test_equal_descriptions_do_not_differ():
    one = described(Column("a", "int64", {"missing": 0, "values": {"x": 1.0}}))

    assert data_differences(one, one) == ()


def test_rows_come_first_then_columns_in_their_order_then_new_ones_and_the_order():
    before = described(*(Column(name, "int64", None) for name in "abcd"), rows=5)
    now = described(*(Column(name, "int64", None) for name in "xdba"), rows=6)

    assert data_differences(before, now) == (
        DataDifference("rows", recorded=5, present=6),
        DataDifference("removed", "c", recorded="int64"),
        DataDifference("added", "x", present="int64"),
        DataDifference("order"),
    )


def test_each_number_of_a_profile_is_one_difference():
    before = described(Column("a", "str", {"missing": 0, "values": {"no": 0.5, "yes": 0.5}}))
    now = described(Column("a", "str", {"missing": 2, "values": {"no": 0.5, "may": 0.5}}))

    assert data_differences(before, now) == (
        DataDifference("profile", "a", "missing", 0, 2),
        DataDifference("profile", "a", "values.may", None, 0.5),
        DataDifference("profile", "a", "values.yes", 0.5, None),
    )


def test_of_another_type_only_what_both_have_is_compared():
    before = described(Column("a", "int64", {"missing": 0, "mean": 3.0}))
    now = described(Column("a", "str", {"missing": 1, "distinct": 3}))

    assert data_differences(before, now) == (
        DataDifference("type", "a", None, "int64", "str"),
        DataDifference("profile", "a", "missing", 0, 1),
    )


def test_what_one_of_them_does_not_know_is_no_difference():
    known = described(Column("a", "int64", {"missing": 0}))

    assert data_differences(known, described(rows=None, known=False)) == ()
    assert data_differences(described(rows=None, known=False), known) == ()
    assert data_differences(known, described(Column("a", "int64", None))) == ()


def test_a_target_that_is_named_as_an_input_is_a_column_of_its_own():
    twice = described(Column("a", "int64", None), Column("a", "float64", None))
    once = described(Column("a", "int64", None))

    assert data_differences(twice, once) == (DataDifference("removed", "a", recorded="float64"),)


# The part of a version number that a change raises, and why


def manifest(target="left"):
    """A parent, as it is read from its file."""
    built = replace(fields.read(Manifest, VALUE), pipeline=FACTS, features=FEATURES, target=target)
    return Manifest.parse(built.render())


RETRAINED = ("patch", "retrained")


def suggested(features=FEATURES, target="left", parent=None, **facts) -> tuple[str, str]:
    return suggest(parent or manifest(), replace(FACTS, **facts), features, target)


def with_params(**changed) -> dict:
    return {**FACTS.params, **changed}


def test_the_same_again_is_a_patch():
    assert suggested() == RETRAINED
    assert suggested(params=with_params(clf__seeds=(1, 2))) == RETRAINED  # a list, when read


def test_another_target_is_major():
    assert suggested(target="gone") == ("major", "target: 'left' -> 'gone'")
    assert suggested(target=None) == RETRAINED
    assert suggested(parent=manifest(target=None)) == RETRAINED


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"classes": ("leaves", "stays", "unsure")}, "class unsure was added"),
        ({"classes": ("leaves",)}, "class stays was removed"),
        ({"classes": ("stays", "leaves")}, "the classes are in another order"),
        ({"task": "regression", "classes": None}, "task: classification -> regression"),
        (  # and the greatest change decides
            {"classes": ("stays",), "params": with_params(clf__warm_start=True)},
            "class leaves was removed",
        ),
    ],
)
def test_another_task_and_other_classes_are_major(facts, reason):
    assert suggested(**facts) == ("major", reason)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"algorithm": "Ridge"}, "algorithm: LogisticRegression -> Ridge"),
        (
            {"class_name": "imblearn.pipeline.Pipeline"},
            "class: sklearn.pipeline.Pipeline -> imblearn.pipeline.Pipeline",
        ),
        ({"params": with_params(clf__C=5)}, "clf__C: 1.0 -> 5"),
        ({"params": with_params(clf__C=None)}, "clf__C: 1.0 -> none"),
        ({"params": with_params(clf__C="x" * 99)}, f"clf__C: 1.0 -> {'x' * 59}…"),
        ({"params": with_params(clf__C=5, clf__warm_start=True)}, "clf__C: 1.0 -> 5 and 1 more"),
        (  # one that was tuned, and is gone
            {"params": {"clf__seeds": [1, 2], "clf__warm_start": False}, "tuned": ()},
            "clf__C: 1.0 -> none",
        ),
    ],
)
def test_another_algorithm_class_or_param_is_minor(facts, reason):
    assert suggested(**facts) == ("minor", reason)


def test_a_param_that_another_release_brought_is_no_change_at_its_default():
    params = with_params(clf__new=1)

    assert suggested(params=params) == RETRAINED
    assert suggested(params={"clf__C": 1.0, "clf__seeds": [1, 2]}) == RETRAINED
    assert suggested(params=params, tuned=("clf__new",)) == ("minor", "clf__new: none -> 1")


# Which way a metric is better


@pytest.mark.parametrize(
    ("direction", "names"),
    [
        (1, "accuracy test_auc roc_auc f1_macro f1@0.5 r2 val.precision balancedAccuracy profit"),
        (1, "average_precision explained_variance d2_absolute_error_score neg_log_loss score"),
        (1, "neg_mean_squared_error true_positive_rate"),
        (-1, "mae rmse test-rmse log_loss mean_absolute_error brier_score false_positive_rate"),
        (-1, "cross_entropy max_error valLoss neg_log_likelihood"),
        (0, "n_rows threshold accuracy_loss x 0.5 profile"),  # nothing, or two things
    ],
)
def test_the_name_of_a_metric_says_which_way_is_better(direction, names):
    assert {direction_of(name) for name in names.split()} == {direction}


def test_the_verdict():
    assert better_or_worse("auc", 0.8, 0.9) == "better"
    assert better_or_worse("auc", 0.9, 0.8) == "worse"
    assert better_or_worse("rmse", 2.0, 1.0) == "better"
    assert better_or_worse("auc", 0.8, 0.8) is None
    assert better_or_worse("rows", 1, 2) is None


# Recorded answers to the same rows; a replay of the same numbers says the same


def sample(rows=(1.0, 2.0, 3.0), **answers) -> Sample:
    return Sample(
        "synthetic",
        "array",
        len(rows),
        None,
        block_of(np.array(rows)),
        tuple(Answer(name, block_of(held, any_length=True)) for name, held in answers.items()),
    )


def test_the_same_rows_are_those_of_the_same_cells():
    assert hold_same_rows(sample(predict=np.array([1, 2, 3])), sample(predict=np.array([3, 2, 1])))
    assert not hold_same_rows(sample(), sample((1.0, 2.0, 3.5)))
    assert not hold_same_rows(sample(), sample((1.0, 2.0)))


CHANCES = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
PAIRS = [
    (np.array(["no", "yes", "no"]), np.array(["no", "yes", "no"])),
    (np.array(["no", "yes", "no"]), np.array(["no", "no", "yes"])),
    (np.array([0, 1, 1]), np.array([0, 1, 2])),
    (np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0])),
    (np.array([0, 1, 1]), np.array(["0", "1", "1"])),
    (np.array([True, False, True]), np.array([1, 0, 1])),
    (np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5, 2.5])),
    (np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5 + 1e-12, 2.5])),
    (np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5 + 1e-3, 2.5])),
    (np.array([0.5, 1.5, 2.5], dtype=np.float32), np.array([0.5, 1.5, 2.5])),
    (np.array([0.5, np.inf, 2.5]), np.array([0.5, np.inf, -np.inf])),
    (CHANCES, np.array([[0.1, 0.9], [0.3, 0.7], [0.3, 0.7]])),
    (CHANCES, np.array([[1.0], [1.0], [1.0]])),
    (csr_matrix([[0, 1.0], [2.0, 0], [0, 0]]), csr_matrix([[0, 1.0], [0, 3.0], [0, 0]])),
    (csr_matrix([[0, 1.0], [2.0, 0], [0, 0]]), csr_matrix([[0, 1.0], [2.0, 0], [0, 0]])),
]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_replay_says_the_same(before, after):
    one, other = sample(m=before), sample(m=after)

    (found,) = compare_recorded(one, other)
    (replayed,) = replay.compare(one.answers, {"m": after}, 3).comparisons

    assert (found.method, found.outcome) == (replayed.method, replayed.outcome)
    assert found.rows == len(replayed.rows)
    assert found.largest == pytest.approx(replayed.largest_absolute, rel=1e-9, abs=0)


def test_other_classes_are_said():
    found = compare_recorded(sample(m=np.ones((3, 2))), sample(m=np.ones((3, 3))))

    assert found == (AnswerChange("m", "different", why="shape (3, 2), then (3, 3)"),)


def test_methods_of_one_alone_are_left_out():
    labels, numbers = np.array(["a", "b", "c"]), np.ones((3, 2))

    assert compare_recorded(
        sample(predict=labels, predict_proba=numbers), sample(predict=labels, transform=numbers)
    ) == (AnswerChange("predict", "identical"),)
