"""Claims about what two manifests say of their difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitmodelstore.values.compare import compare
from gitmodelstore.values.diff import (
    CodeChange,
    DataDifference,
    FileChange,
    MetricChange,
    PackageChange,
    PartChange,
    Side,
)
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import (
    Baseline,
    Code,
    Column,
    Dataset,
    Environment,
    Feature,
    PipelineFacts,
    Step,
)
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import Version

SCALE = Step("scale", "sklearn.preprocessing._data.StandardScaler", None, ())
NUM = Step("num", "sklearn.pipeline.Pipeline", ("age", "income"), (SCALE,))
PREP = Step("prep", "sklearn.compose._column_transformer.ColumnTransformer", None, (NUM,))
CLF = Step("clf", "sklearn.linear_model._logistic.LogisticRegression", None, ())
FACTS = PipelineFacts(
    class_name="sklearn.pipeline.Pipeline",
    algorithm="LogisticRegression",
    steps=(PREP, CLF),
    params={"clf__C": 1.0, "clf__warm_start": False, "prep__num__scale__with_mean": True},
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

    def test_on_the_same_data(self):
        before = self.measured("1.0.0", {"auc": 0.8, "rmse": 2.0, "rows": 5, "old": 1.0}, b"x")
        after = self.measured("1.1.0", {"auc": 0.7, "rmse": 1.5, "rows": 6, "new": 1.0}, b"x")

        found = compare(before, after).metrics

        assert found.measured_on == "same data"
        assert found.changes == (
            MetricChange("auc", 0.8, 0.7, "worse"),
            MetricChange("new", None, 1.0, None),
            MetricChange("old", 1.0, None, None),
            MetricChange("rmse", 2.0, 1.5, "better"),
            MetricChange("rows", 5, 6, None),
        )
        assert found.changes[0].delta == pytest.approx(-0.1)
        assert found.changes[1].delta is None

    def test_on_other_data_nobody_is_better(self):
        before = self.measured("1.0.0", {"auc": 0.8}, b"x")

        found = compare(before, self.measured("1.1.0", {"auc": 0.9}, b"y")).metrics

        assert found.measured_on == "other data"
        assert found.changes == (MetricChange("auc", 0.8, 0.9, None),)

    @pytest.mark.parametrize("rows", [None, Digest("gms-df-1", "ab" * 32)])
    def test_where_the_data_cannot_be_compared_that_is_said(self, rows):
        before = self.measured("1.0.0", {"auc": 0.8}, b"x")

        found = compare(before, self.measured("1.1.0", {"auc": 0.9}, rows)).metrics

        assert found.measured_on == "unknown data"
        assert found.changes == (MetricChange("auc", 0.8, 0.9, "better"),)

    def test_a_recorded_baseline_is_compared_on_its_rows_both_ways(self):
        older = self.measured("1.0.0", {"auc": 0.8}, b"x")
        baseline = Baseline(Version.parse("1.0.0"), {"auc": 0.95})
        newer = self.measured("1.1.0", {"auc": 0.9}, b"y", baseline=baseline)

        assert compare(older, newer).metrics.on_same_rows == (
            MetricChange("auc", 0.95, 0.9, "worse"),
        )
        assert compare(newer, older).metrics.on_same_rows == (
            MetricChange("auc", 0.9, 0.95, "better"),
        )

    def test_the_baseline_of_another_version_or_model_is_none(self):
        older = self.measured("1.0.0", {"auc": 0.8}, b"x")
        baseline = Baseline(Version.parse("0.9.0"), {"auc": 0.95})
        newer = self.measured("1.1.0", {"auc": 0.9}, b"y", baseline=baseline)
        other = replace(newer, baseline=Baseline(Version.parse("1.0.0"), {"auc": 0.5}))

        assert compare(older, newer).metrics.on_same_rows == ()
        fraud = replace(older, version=version("1.0.0", "fraud"))
        assert compare(fraud, other).metrics.on_same_rows == ()

    def test_equal_ones_do_not_differ(self):
        one = self.measured("1.0.0", {"auc": 0.8}, b"x")

        assert compare(one, self.measured("1.1.0", {"auc": 0.8}, b"x")).sections == ()


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


class TestSteps:
    @pytest.mark.parametrize(
        ("steps", "changes"),
        [
            ((PREP,), [PartChange("removed", "clf", CLF.class_name, None)]),
            (
                (CLF,),
                [PartChange("removed", "prep", PREP.class_name, None)],  # and not its parts again
            ),
            ((PREP, SCALE, CLF), [PartChange("added", "scale", None, SCALE.class_name)]),
            (
                (PREP, replace(CLF, class_name="a.Forest")),
                [PartChange("changed", "clf", CLF.class_name, "a.Forest")],
            ),
            (
                (replace(PREP, steps=(replace(NUM, columns=("age",)),)), CLF),
                [PartChange("takes", "prep__num", ["age", "income"], ["age"])],
            ),
            (
                (CLF, PREP),
                [
                    PartChange(
                        "moved",
                        "order",
                        ["prep", "prep__num", "prep__num__scale", "clf"],
                        ["clf", "prep", "prep__num", "prep__num__scale"],
                    )
                ],
            ),
        ],
    )
    def test_a_step_that_differs(self, steps, changes):
        assert list(compare(side(), facts(steps=steps)).steps) == changes


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


class TestFeatures:
    @staticmethod
    def changes(*features: Feature) -> list[PartChange]:
        return list(compare(side(), side("1.1.0", features=features)).features)

    def test_added_removed_and_of_another_type(self):
        age, _, income = FEATURES

        assert self.changes(*FEATURES, Feature("tenure", "int64")) == [
            PartChange("added", "tenure", None, "int64")
        ]
        assert self.changes(age, income) == [PartChange("removed", "city", "str", None)]
        assert self.changes(age, Feature("city", "category"), income) == [
            PartChange("changed", "city", "str", "category")
        ]

    def test_another_name_in_the_same_place_of_the_same_type_is_suspected_to_be_renamed(self):
        age, _, income = FEATURES

        assert self.changes(age, Feature("town", "str"), income) == [
            PartChange("renamed", "city", "city", "town")
        ]
        assert self.changes(age, Feature("town", "int64"), income) == [
            PartChange("removed", "city", "str", None),
            PartChange("added", "town", None, "int64"),
        ]

    def test_all_renamed(self):
        upper = [replace(feature, name=str(feature.name).upper()) for feature in FEATURES]

        assert [(one.what, one.after) for one in self.changes(*upper)] == [
            ("renamed", "AGE"),
            ("renamed", "CITY"),
            ("renamed", "INCOME"),
        ]

    def test_reordered(self):
        age, city, income = FEATURES

        assert self.changes(income, age, city) == [
            PartChange("moved", "order", ["age", "city", "income"], ["income", "age", "city"])
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

    def test_unknown_ones_do_not_differ(self):
        assert compare(side(), side("1.1.0", features=None)).features == ()
        assert self.changes(*(replace(held, dtype=None) for held in FEATURES)) == []


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

    def test_rows_columns_and_profiles(self):
        after = dataset(
            "train",
            Digest.of(b"two"),
            (
                Column("age", "int64", {"missing": 0, "p25": 40, "p50": 50, "p75": 60}),
                Column("city", "category", None),
                Column("new", "str", None),
            ),
            2000,
        )

        (found,) = compare(side(data=(self.BEFORE,)), side("1.1.0", data=(after,))).data

        assert (found.what, found.role, found.before, found.after) == (
            "changed",
            "train",
            self.BEFORE,
            after,
        )
        assert found.differences == (
            DataDifference("rows", recorded=1000, present=2000),
            DataDifference("profile", "age", "p25", 30, 40),
            DataDifference("profile", "age", "p50", 40, 50),
            DataDifference("profile", "age", "p75", 50, 60),
            DataDifference("type", "city", None, "str", "category"),
            DataDifference("removed", "old", recorded="str"),
            DataDifference("added", "new", present="str"),
        )

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
        before = Environment(
            "3.11.7",
            "linux-x86_64",
            {"joblib": "1.4.0", "numpy": "2.1.0", "scikit-learn": "1.5.2", "pandas": "2.2.0"},
            Digest.of(b""),
        )
        after = Environment(
            "3.12.1",
            "linux-aarch64",
            {"joblib": "1.5.0", "numpy": "2.2.0", "scikit-learn": "1.6.0", "scipy": "1.1"},
            Digest.of(b"x"),
        )

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
        "code",
        [
            replace(CODE, branch="try"),
            replace(CODE, url="git@example.org:churn.git"),
            replace(CODE, entry_point=None),
        ],
    )
    def test_a_commit_is_the_same_code_wherever_it_was_checked_out(self, code):
        assert compare(side(), side("1.1.0", code=code)).code is None

    @pytest.mark.parametrize(
        "code",
        [
            replace(CODE, commit=LATER),
            replace(CODE, dirty=True, diff=Digest.of(b"x")),
            replace(CODE, entry_point="other.py"),
        ],
    )
    def test_other_code(self, code):
        assert compare(side(), side("1.1.0", code=code)).code == CodeChange(CODE, code)

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
