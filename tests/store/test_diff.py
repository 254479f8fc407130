"""What differs between two versions, or a version and a pipeline that is not registered."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import (
    FeatureMismatch,
    FormatError,
    InvalidInput,
    ModelNotFound,
    NotAPipeline,
    StoreError,
    UnfittedPipeline,
    VersionNotFound,
)
from gitmodelstore.estimators.describe import standard_metrics
from gitmodelstore.values.diff import PartChange, SourceChange
from tests.hostile.families import has_fired

from .conftest import once
from .looks import commit_by_hand, git, refusal

LOST = "no repository here has both commits: name it with code= (--code DIR)"


@pytest.fixture
@once
def churn(store, fitted, refitted, X_test, y_test) -> Store:
    """churn 1.0.0 and 1.1.0, tested on the same rows."""
    for pipeline in (fitted, refitted):
        store.register(pipeline, "churn", X_test=X_test, y_test=y_test, code=None)
    return store


@pytest.fixture
def nothing_loads(monkeypatch) -> None:
    """To load a pipeline is a failure."""

    def load(*_: Any, **__: Any) -> None:
        raise AssertionError("a pipeline was loaded")

    monkeypatch.setattr("gitmodelstore.operations.load.load", load)


def every_byte(folder: Path) -> dict[str, tuple[int, str]]:
    """Time and digest of each file of a store, those of git's own included."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TestTwoVersions:
    def test_a_param_and_what_it_made_of_metrics_and_answers(self, churn, nothing_loads):
        found = churn.diff("churn@1.0.0", "churn@1.1.0")

        assert isinstance(found, gms.Diff)
        assert found.sections == ("metrics", "params", "files", "answers")
        assert found.params == (PartChange("changed", "logisticregression__C", 1.0, 3.0),)
        one, other = (churn.show(f"churn@{number}") for number in ("1.0.0", "1.1.0"))
        assert found.metrics.measured_on == "same data"
        assert {c.name: (c.before, c.after) for c in found.metrics.changes} == {
            name: (one.metrics[name], other.metrics[name])
            for name in ("accuracy", "f1_macro", "roc_auc")
        }
        assert [file.path for file in found.files] == ["pipeline.joblib", "sample.json"]
        (answers,) = found.answers  # recorded ones of the same rows need no load
        both = "churn 1.0.0 and churn 1.1.0"
        assert (answers.asked, answers.recorded, answers.why) == (both, True, None)
        assert [one.method for one in answers.methods] == ["predict", "predict_proba"]
        unwanted = churn.diff("churn@1.0.0", "churn@1.1.0", answers=False)
        assert (unwanted.answers, unwanted.unasked) == ((), None)

    def test_asked_here_they_are_the_same_and_nothing_changes(self, churn):
        recorded = churn.diff("churn@1.0.0", "churn@1.1.0").answers[0]
        before = every_byte(churn.path)

        (asked,) = churn.diff("churn@1.0.0", "churn@1.1.0", answers=True).answers

        assert not asked.recorded
        assert replace(asked, recorded=True) == recorded
        assert asked.methods[1].rows == asked.rows
        assert every_byte(churn.path) == before

    def test_samples_of_other_rows_are_asked_of_both(self, churn, fitted, X_test, y_test):
        churn.register(
            fitted, "churn", X_test=X_test[20:], y_test=y_test[20:], code=None, bump="minor"
        )

        found = churn.diff("churn@1.1.0", "churn@1.2.0")

        assert [(one.asked, one.recorded) for one in found.answers] == [
            ("churn 1.1.0", False),
            ("churn 1.2.0", False),
        ]
        assert {one.outcome for held in found.answers for one in held.methods[1:]} == {"different"}
        assert found.metrics.measured_on == "other data"
        assert {one.verdict for one in found.metrics.changes} == {None}
        assert [(one.what, one.role) for one in found.data] == [("changed", "test")]

    def test_a_version_and_itself(self, churn, nothing_loads):
        found = churn.diff("churn@1.0.0", churn.version("churn@v1.0.0"))

        assert not found.differs
        assert found.unasked is None

    def test_the_later_one_beside_its_baseline(self, churn, fitted, X_test, y_test):
        churn.promote("churn@1.1.0", "production")
        churn.register(
            fitted, "churn", X_test=X_test[20:], y_test=y_test[20:], baseline=True, code=None
        )

        found = churn.diff("churn@1.1.0", "churn@latest", answers=False).metrics

        baseline = churn.show("churn@latest").baseline.metrics
        assert {one.name: one.before for one in found.on_same_rows} == dict(baseline)

    def test_without_a_sample_that_is_said(self, store, fitted, refitted):
        for pipeline in (fitted, refitted):
            store.register(pipeline, "churn", code=None)

        found = store.diff("churn@1.0.0", "churn@1.1.0")

        assert (found.answers, found.unasked) == ((), "neither has a sample")

    def test_both_are_scored_on_rows_that_are_given(self, churn, rows):
        X, y = rows

        found = churn.diff("churn@1.0.0", "churn@1.1.0", X[:60], y[:60])

        expected = standard_metrics(churn.load("churn@1.0.0"), X[:60], y[:60])
        assert {one.name: one.before for one in found.metrics.changes} == expected
        assert [one.asked for one in found.answers] == ["churn 1.0.0 and churn 1.1.0", "test rows"]

    @pytest.mark.parametrize(
        ("pair", "kind", "message", "hint"),
        [
            (("churn@1.0.0", "churm@1.1.0"), ModelNotFound, "no model 'churm'",
             "did you mean 'churn'?"),
            (("churn@9.0.0", "churn"), VersionNotFound, "no version '9.0.0' of 'churn'",
             "there is 1.1.0 (registered), 1.0.0 (registered)"),
            ((None, "churn@1.1.0"), InvalidInput, "expected a version first, found None",
             'name it first, as in store.diff("churn@production", pipeline)'),
        ],
    )  # fmt: skip
    def test_what_is_not_there(self, churn, pair, kind, message, hint):
        assert refusal(churn.diff, *pair) == (kind, message, hint)

    def test_a_manifest_of_a_later_schema(self, churn):
        path = "models/churn/manifest.json"
        text = (churn.path / path).read_text().replace('"schema": "1.0"', '"schema": "7.0"')
        git(churn.path, "tag", "-d", "churn@v1.1.0")
        (churn.path / path).write_text(text)
        git(churn.path, "commit", "-q", "--amend", "-am", "By hand")

        assert refusal(churn.diff, "churn@1.0.0", "churn@1.1.0") == (
            FormatError,
            f"{path}: schema '7.0', this gitmodelstore reads '1.0'",
            "upgrade gitmodelstore to read it",
        )


class TestAcrossModels:
    @staticmethod
    def kept(store: Store, name: str, pipeline: Any, X: Any, y: Any = None) -> str:
        return store.register(pipeline, name, X_test=X, y_test=y, code=None).ref

    def test_wine_classified_and_grouped(self, store):
        X, y = load_wine(return_X_y=True)
        one = self.kept(store, "wine", make_pipeline(StandardScaler(), LinearSVC()).fit(X, y), X, y)
        pipeline = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0))
        other = self.kept(store, "groups", pipeline.fit(X), X)

        found = store.diff(one, other)

        assert PartChange("changed", "task", "classification", "clustering") in found.model
        assert [one.method for one in found.answers[0].methods] == ["predict"]

    def test_digits_and_wine_have_nothing_to_ask_each_other(self, store):
        X, y = load_digits(return_X_y=True)
        forest = RandomForestClassifier(5, random_state=0).fit(X[:500], y[:500])
        one = self.kept(store, "digits", forest, X[500:600], y[500:600])
        X, y = load_wine(return_X_y=True)
        other = self.kept(store, "wine", Ridge().fit(X, y), X, y)

        found = store.diff(one, other)

        assert found.answers[0].why == (
            "wine 1.0.0 cannot answer them: the table has 64 columns, the pipeline was fitted on 13"
        )
        assert found.answers[1].why == (
            "digits 1.0.0 cannot answer them: the table has 13 columns, "
            "the pipeline was fitted on 64"
        )
        assert {change.what for change in found.features} == {"removed"}
        assert len(found.features) == 64 - 13

    def test_twenty_lines_of_text_and_a_new_class(self, store):
        lines = [f"{word} {n}" for n in range(10) for word in ("good fine", "bad awful")]
        moods = ["pos", "neg"] * 10
        pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
        one = self.kept(store, "mood", pipeline.fit(lines, moods), lines, moods)
        pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
        other = self.kept(
            store, "mood", pipeline.fit([*lines, "so so"], [*moods, "meh"]), lines, moods
        )

        found = store.diff(one, other)

        assert found.params == (
            PartChange("changed", "tfidfvectorizer__ngram_range", [1, 1], [1, 2]),
        )
        assert found.model == (
            PartChange("changed", "classes", ["neg", "pos"], ["meh", "neg", "pos"]),
        )
        chances = found.answers[0].methods[1]
        assert (chances.outcome, chances.why) == ("different", "shape (50, 2), then (50, 3)")


class TestCode:
    """Commits and lines, where the training repository is at hand."""

    @pytest.fixture
    def code(self, tmp_path, monkeypatch) -> Path:
        folder = tmp_path / "code"
        commit_by_hand(folder, "train.py", "print(1)\n", "First try")
        monkeypatch.chdir(folder)
        return folder

    @pytest.fixture
    def trained(self, store, code, fitted, refitted) -> Store:
        store.register(fitted, "churn", code=code)
        commit_by_hand(code, "train.py", "print(1)\nprint(2)\n", "More lines")
        commit_by_hand(code, "data.bin", b"\0\1", "Some bytes")
        store.register(refitted, "churn", code=code)
        return store

    def test_what_was_committed_in_between(self, trained, code):
        found = trained.diff("churn@1.0.0", "churn@1.1.0").code

        ids = git(code, "log", "--format=%H").split()
        assert found.commits == ((ids[0], "Some bytes"), (ids[1], "More lines"))
        assert found.left_out == ()
        assert found.files == (SourceChange("data.bin", None, None), SourceChange("train.py", 1, 0))
        assert found.why is None

    def test_the_other_way_round(self, trained):
        found = trained.diff("churn@1.1.0", "churn@1.0.0").code

        assert found.commits == ()
        assert [subject for _, subject in found.left_out] == ["Some bytes", "More lines"]
        assert found.files[1] == SourceChange("train.py", 0, 1)

    def test_another_branch(self, trained, code, fit):
        git(code, "checkout", "-q", "-b", "try", "HEAD~2")
        commit_by_hand(code, "train.py", "print(7)\n", "Another idea")
        trained.register(fit(C=9.0), "churn", code=code)

        found = trained.diff("churn@1.1.0", "churn@1.2.0").code

        assert [subject for _, subject in found.commits] == ["Another idea"]
        assert [subject for _, subject in found.left_out] == ["Some bytes", "More lines"]

    def test_from_elsewhere_it_must_be_named(self, trained, code, tmp_path, monkeypatch):
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")

        lost = trained.diff("churn@1.0.0", "churn@1.1.0").code
        named = trained.diff("churn@1.0.0", "churn@1.1.0", code=code).code

        assert (lost.commits, lost.why) == ((), LOST)
        assert len(named.commits) == 2

    def test_the_repository_around_the_store_is_looked_at(
        self, code, fitted, refitted, monkeypatch
    ):
        store = Store.init(code / "models", durable=False)
        store.register(fitted, "churn", code=code)
        commit_by_hand(code, "train.py", "print(2)\n", "Another line")
        store.register(refitted, "churn", code=code)
        monkeypatch.chdir(code.parent)

        found = store.diff("churn@1.0.0", "churn@1.1.0").code

        assert [subject for _, subject in found.commits] == ["Another line"]

    def test_a_shallow_clone_lacks_a_commit(self, trained, code, tmp_path):
        git(tmp_path, "clone", "-q", "--depth", "1", f"file://{code}", "shallow")

        found = trained.diff("churn@1.0.0", "churn@1.1.0", code=tmp_path / "shallow").code

        assert found.why == LOST

    def test_a_partial_clone_fetches_nothing(self, trained, code, tmp_path):
        git(code, "config", "uploadpack.allowFilter", "true")
        partial = tmp_path / "partial"
        how = ("-q", "--filter=blob:none", "--no-checkout")
        git(tmp_path, "clone", *how, f"file://{code}", "partial")
        before = every_byte(partial / ".git" / "objects")

        found = trained.diff("churn@1.0.0", "churn@1.1.0", code=partial).code

        assert found.why.startswith("git cannot tell what changed: ")
        assert every_byte(partial / ".git" / "objects") == before

    def test_uncommitted_changes_alone(self, store, code, fitted, refitted):
        store.register(fitted, "churn", code=code)
        (code / "train.py").write_text("print(9)\n")
        store.register(refitted, "churn", code=code)

        found = store.diff("churn@1.0.0", "churn@1.1.0").code

        assert (found.before.dirty, found.after.dirty) == (False, True)
        assert (found.commits, found.files, found.why) == ((), (), None)

    def test_before_the_first_commit(self, store, tmp_path, fitted, refitted):
        folder = tmp_path / "young"
        folder.mkdir()
        git(folder, "init", "-q")
        store.register(fitted, "churn", code=folder)
        commit_by_hand(folder, "train.py", "print(1)\n", "First try")
        store.register(refitted, "churn", code=folder)

        found = store.diff("churn@1.0.0", "churn@1.1.0", code=folder).code

        assert found.why == "one of the two was trained before the first commit"

    def test_settings_of_the_repository_change_nothing(self, trained, code):
        expected = trained.diff("churn@1.0.0", "churn@1.1.0").code
        for name, value in (
            ("diff.external", "/bin/false"),
            ("log.showSignature", "true"),
            ("diff.noprefix", "true"),
            ("color.ui", "always"),
            ("diff.renames", "copies"),
        ):
            git(code, "config", name, value)

        assert trained.diff("churn@1.0.0", "churn@1.1.0").code == expected

    def test_none_is_looked_for_where_nobody_wants_it(self, trained):
        assert trained.diff("churn@1.0.0", "churn@1.1.0", code=None).code.why == LOST


class TestUnregistered:
    """Both on the same rows, and nothing is kept."""

    @pytest.fixture
    @once
    def live(self, any_store, fitted, X_test, y_test) -> Store:
        any_store.register(fitted, "churn", X_test=X_test, y_test=y_test, code=None)
        any_store.promote("churn@1.0.0", "production")
        return any_store

    def test_both_are_scored_and_asked_and_nothing_changes(
        self, live, fitted, refitted, X_test, y_test
    ):
        before, rows = every_byte(live.path), X_test.copy()

        found = live.diff("churn@production", refitted, X_test, y_test, code=None)

        assert every_byte(live.path) == before
        pd.testing.assert_frame_equal(X_test, rows)
        one, other = (standard_metrics(held, X_test, y_test) for held in (fitted, refitted))
        assert found.metrics.measured_on == "same data"
        assert {c.name: (c.before, c.after) for c in found.metrics.changes} == {
            name: (one[name], other[name]) for name in one
        }
        assert (found.b.name, found.b.version) == ("the pipeline", None)
        assert found.params == (PartChange("changed", "logisticregression__C", 1.0, 3.0),)
        assert (found.features, found.data, found.code) == ((), (), None)
        assert [one.asked for one in found.answers] == ["churn 1.0.0", "test rows"]
        assert found.answers[1].rows == len(X_test)

    def test_it_says_what_it_would_say_once_registered(self, live, refitted, X_test, y_test):
        found = live.diff("churn@1.0.0", refitted, X_test, y_test, code=None)
        live.register(refitted, "churn", X_test=X_test, y_test=y_test, code=None)

        later = live.diff("churn@1.0.0", "churn@1.1.0", code=None)

        for name in ("model", "steps", "params", "features", "data", "environment", "code"):
            assert getattr(found, name) == getattr(later, name)
        assert found.metrics.changes == later.metrics.changes
        assert found.files[0] == later.files[0]

    def test_the_same_pipeline_does_not_differ(self, live, fitted, X_test, y_test):
        assert not live.diff("churn", fitted, X_test, y_test, code=None).differs

    def test_without_rows_the_pipelines_are_compared_and_the_sample_is_asked(self, live, refitted):
        found = live.diff("churn", refitted, code=None)

        assert found.sections == ("params", "files", "answers")
        assert found.metrics.changes == ()

    def test_where_it_was_trained(self, live, refitted, tmp_path, monkeypatch):
        folder = tmp_path / "code"
        commit_by_hand(folder, "train.py", "print(1)\n", "First try")
        live.register(refitted, "churn", code=folder)
        commit_by_hand(folder, "train.py", "print(2)\n", "Second try")

        found = live.diff("churn@latest", refitted, code=folder).code

        assert [subject for _, subject in found.commits] == ["Second try"]

    def test_rows_as_a_file_and_a_pipeline_as_a_file(
        self, live, refitted, X_test, y_test, tmp_path
    ):
        X_test.assign(left=y_test).to_csv(tmp_path / "rows.csv", index=False)
        joblib.dump(refitted, tmp_path / "new.joblib")

        found = live.diff(
            "churn", tmp_path / "new.joblib", test=tmp_path / "rows.csv", target="left", code=None
        )

        expected = live.diff("churn", refitted, X_test, y_test, code=None)
        assert found.b.name == "new.joblib"
        assert found.metrics == expected.metrics
        for one, other in zip(found.answers, expected.answers, strict=True):
            for asked, again in zip(one.methods, other.methods, strict=True):
                # pandas lays a table of a file out in memory as it likes, and sums go by that.
                assert asked == replace(again, largest=pytest.approx(again.largest))

    def test_a_csv_file_has_lost_times(self, any_store, rows, tmp_path):
        days = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=60)})
        pipeline = make_pipeline(
            ColumnTransformer([("day", OrdinalEncoder(), ["day"])]), Ridge()
        ).fit(days, range(60))
        any_store.register(pipeline, "sales", X_test=days, y_test=list(range(60)), code=None)
        days.assign(sold=range(60)).to_csv(tmp_path / "rows.csv", index=False)

        found = any_store.diff(
            "sales@1.0.0", pipeline, test=tmp_path / "rows.csv", target="sold", code=None
        )

        assert (found.features, found.metrics.why) == ((), None)
        assert [one.name for one in found.metrics.changes] == ["mae", "r2", "rmse"]

    def test_a_renamed_feature_is_suspected_and_the_version_cannot_be_scored(
        self, live, fit, X_train, y_train, X_test, y_test
    ):
        names = {"mean radius": "radius"}
        pipeline = make_pipeline(StandardScaler(), LogisticRegression())
        pipeline.fit(X_train.rename(columns=names), y_train)

        found = live.diff("churn", pipeline, X_test.rename(columns=names), y_test, code=None)

        assert found.features == (PartChange("renamed", "mean radius", "mean radius", "radius"),)
        missing = "misses column 'mean radius'"
        assert found.metrics.why == (
            f"churn 1.0.0 cannot be scored on these rows: X_test {missing}"
        )
        assert [one.why for one in found.answers] == [
            "the pipeline cannot answer them: the table misses column 'radius'",
            f"churn 1.0.0 cannot answer them: the table {missing}",
        ]

    def test_rows_with_what_both_take_score_both(self, live, X_train, y_train, X_test, y_test):
        few = list(X_train)[:5]
        pipeline = LinearSVC().fit(X_train[few], y_train)

        found = live.diff("churn", pipeline, X_test, y_test, code=None)

        assert {change.what for change in found.features} == {"removed"}
        assert len(found.metrics.changes) == 3
        assert found.answers[1].why is None

    def test_a_pipeline_that_does_not_take_the_columns_is_refused(
        self, live, refitted, X_test, y_test
    ):
        before = every_byte(live.path)

        assert refusal(
            live.diff, "churn", refitted, X_test.drop(columns="mean radius"), y_test
        ) == (
            FeatureMismatch,
            "X_test misses column 'mean radius'",
            "give rows with the columns that both take; each gets its own",
        )
        assert every_byte(live.path) == before

    def test_a_regressor_beside_a_classifier(self, live, X_train, y_train, X_test, y_test):
        found = live.diff("churn", Ridge().fit(X_train, y_train), X_test, y_test, code=None)

        assert PartChange("changed", "task", "classification", "regression") in found.model
        assert [(one.name, one.before is None) for one in found.metrics.changes] == [
            *(("accuracy", False), ("f1_macro", False), ("mae", True)),
            *(("r2", True), ("rmse", True), ("roc_auc", False)),
        ]

    @pytest.mark.parametrize(
        ("made", "kind", "message", "hint"),
        [
            (lambda p, X, y: (Ridge(),), UnfittedPipeline, "Ridge is not fitted",
             "call fit before register"),
            (lambda p, X, y: (42,), NotAPipeline,
             "expected a fitted scikit-learn estimator, found an int",
             "give the object that `fit` was called on"),
            (lambda p, X, y: (Path("no.joblib"),), NotAPipeline, "file 'no.joblib' does not exist",
             "check the path; it is relative to the working directory"),
            (lambda p, X, y: (p, None, y), InvalidInput, "y_test without X_test",
             "pass the rows that y_test belongs to"),
            (lambda p, X, y: (p, X, y[:5]), InvalidInput,
             "data set 'test': X has 40 rows, y has 5",
             "give the rows and the answers of the same cases, in the same order"),
            (lambda p, X, y: (p, X.to_numpy()[:, :7], y), FeatureMismatch,
             "X_test has 7 columns, the pipeline was fitted on 30",
             "give rows with the columns that both take; each gets its own"),
        ],
    )  # fmt: skip
    def test_what_is_wrong(self, live, refitted, X_test, y_test, made, kind, message, hint):
        with pytest.raises(StoreError) as caught:
            live.diff("churn", *made(refitted, X_test, y_test), code=None)

        assert (type(caught.value), str(caught.value), caught.value.hint) == (kind, message, hint)

    @pytest.mark.parametrize(
        ("details", "message", "hint"),
        [
            ({"target": "no"}, "the test data has no column 'no'",
             "it has mean radius, mean texture, mean perimeter, mean area, mean smoothness"),
            ({}, "the test data has no target", "name its column with target= (--target NAME)"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_a_table(self, live, refitted, X_test, details, message, hint):
        assert refusal(live.diff, "churn", refitted, test=X_test, code=None, **details) == (
            InvalidInput,
            message,
            hint,
        )

    def test_rows_twice(self, live, refitted, X_test, y_test):
        assert refusal(live.diff, "churn", refitted, X_test, test=X_test, target="x")[:2] == (
            InvalidInput,
            "test rows were given twice",
        )


class TestWhatCannotBeLoaded:
    @pytest.fixture
    def poisoned(self, churn, fitted, poisoning, X_test, y_test) -> Store:
        """churn 1.2.0 is hostile: released so, with digests that fit."""
        with poisoning():
            churn.register(
                fitted, "churn", X_test=X_test[9:], y_test=y_test[9:], code=None, bump="minor"
            )
        return churn

    def test_a_refusal_is_said_and_the_rest_is_there(self, poisoned, marker):
        found = poisoned.diff("churn@1.1.0", "churn@1.2.0")

        assert found.params == (PartChange("changed", "logisticregression__C", 3.0, 1.0),)
        assert found.answers == ()
        assert found.unasked.startswith(
            "one of the two cannot be loaded here: 'models/churn/pipeline.joblib of churn 1.2.0' "
            "is refused: it uses 'os.system'"
        )
        assert not has_fired(marker)

    def test_nor_can_it_be_scored(self, poisoned, refitted, X_test, y_test, marker):
        found = poisoned.diff("churn@1.2.0", refitted, X_test, y_test, code=None)

        assert found.metrics.why.startswith("churn 1.2.0 cannot be scored on these rows: ")
        assert not has_fired(marker)

    def test_a_pipeline_that_fails_is_said(self, churn, X_train, y_train, monkeypatch):
        pipeline = Ridge().fit(X_train, y_train)

        def fail(self: object, X: object) -> None:
            raise ValueError("no such\nsolver")

        monkeypatch.setattr(Ridge, "predict", fail)
        assert churn.diff("churn@1.0.0", pipeline, code=None).answers[0].why == (
            "the pipeline cannot answer them: ValueError: no such solver"
        )


def test_other_versions_of_a_library_do_not_warn(churn, monkeypatch, recwarn):
    monkeypatch.setattr("gitmodelstore.operations.load._present", lambda _: "0.1")

    churn.diff("churn@1.0.0", "churn@1.1.0", answers=True)

    assert not [str(one.message) for one in recwarn]
