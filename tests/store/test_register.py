"""Registering: what ends up in the store, under which number, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

import gitmodelstore as gms
from gitmodelstore.errors import (
    FeatureMismatch,
    InvalidInput,
    InvalidMetric,
    InvalidName,
    InvalidVersion,
    NotAPipeline,
    StoreError,
    UnfittedPipeline,
    UnportablePipeline,
    VersionExists,
)
from gitmodelstore.lineage.frames import measure
from gitmodelstore.values.names import Version

from . import children
from .looks import commit_by_hand, git, git_bytes, look, refused

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
PACKAGE = Path(gms.__file__).parents[1]
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def manifest(store):
    """Parsed manifest.json of the version that a tag names, as plain git shows it."""

    def read(tag: str) -> dict:
        model = tag.partition("@")[0]
        return json.loads(git(store.path, "show", f"{tag}:models/{model}/manifest.json"))

    return read


class TestWhatIsKept:
    @pytest.mark.parametrize("given", [str, Path])
    def test_a_file_is_kept_byte_for_byte(self, store, fitted, given):
        joblib.dump({"not": "this"}, "other")
        joblib.dump(fitted, "model.pkl", protocol=3)

        store.register(given("model.pkl"), "churn")

        kept = git_bytes(store.path, "cat-file", "blob", "main:models/churn/pipeline.joblib")
        assert kept == Path("model.pkl").read_bytes()
        assert (store.path / "models/churn/pipeline.joblib").read_bytes() == kept

    def test_a_compressed_file_is_kept_with_a_notice(self, store, fitted, notes):
        joblib.dump(fitted, "p.gz", compress=("gzip", 3))

        gms.Store.open(store.path, notify=notes.append).register("p.gz", "churn", code=None)

        notice = "the file is compressed: git cannot share bytes between versions of it"
        assert notice in notes
        kept = git_bytes(store.path, "cat-file", "blob", "main:models/churn/pipeline.joblib")
        assert kept == Path("p.gz").read_bytes()

    def test_every_digest_is_that_of_the_file(self, store, fitted, manifest):
        store.register(fitted, "churn")

        joblib.dump(fitted, "p.joblib")
        kept = git_bytes(store.path, "cat-file", "blob", "main:models/churn/pipeline.joblib")
        assert kept == Path("p.joblib").read_bytes()
        entries = {held["path"]: held for held in manifest("churn@v1.0.0")["artifacts"]}
        tracked = git(store.path, "ls-tree", "--name-only", "main:models/churn").split()
        assert set(tracked) == {*entries, "manifest.json", "README.md"}
        for name, entry in entries.items():
            data = git_bytes(store.path, "cat-file", "blob", f"main:models/churn/{name}")
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
            assert entry["size_bytes"] == len(data)

    def test_the_tag_vouches_for_the_manifest_and_the_commit_says_what_happened(
        self, store, fitted
    ):
        version = store.register(fitted, "churn", message="first try\n\nwith a long story")

        assert git(store.path, "rev-list", "--count", "main") == "2\n"
        assert git(store.path, "rev-parse", "churn@v1.0.0^{commit}").strip() == version.commit
        data = git_bytes(store.path, "show", "churn@v1.0.0:models/churn/manifest.json")
        assert git(store.path, "for-each-ref", "--format=%(contents)", "refs/tags") == (
            "churn 1.0.0\n\nfirst try\n\nwith a long story\n\n"
            f"Manifest-SHA256: {hashlib.sha256(data).hexdigest()}\n\n"
        )
        assert git(store.path, "log", "-1", "--format=%an <%ae>|%cn|%B") == (
            "Ada Lovelace <ada@example.org>|Ada Lovelace|register churn 1.0.0\n\n"
            "first try\n\nwith a long story\n\n"
            "Event: registered\nModel: churn\nVersion: 1.0.0\nTo: registered\nBump: auto\n\n"
        )

    def test_every_text_file_is_canonical(self, store, fitted):
        store.register(fitted, "churn", custom={"ümlaut": [1, 2.5, None]})

        for path in ("registry.json", "models/churn/manifest.json"):
            data = git_bytes(store.path, "show", f"main:{path}")
            value = json.loads(data)
            expected = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
            assert data == expected.encode()

    def test_what_show_returns_is_what_was_registered(self, store, fitted, X_test, y_test):
        version = store.register(fitted, "churn", X_test=X_test, y_test=y_test, message="m")

        data = git_bytes(store.path, "show", "main:models/churn/manifest.json")
        shown = store.show(version)
        assert shown.render() == data
        assert shown == gms.Manifest.parse(data)
        assert (shown.model, shown.version, shown.message) == ("churn", Version(1, 0, 0), "m")

    def test_a_bare_store_keeps_the_same(self, bare_store, store, fitted):
        one, other = (s.register(fitted, "churn", code=None) for s in (bare_store, store))

        assert one.ref == other.ref
        path = "main:models/churn/pipeline.joblib"
        assert git(bare_store.path, "rev-parse", path) == git(store.path, "rev-parse", path)


class TestManifest:
    def test_identity_and_times(self, store, fitted):
        store = gms.Store.open(store.path, now=lambda: NOON + timedelta(microseconds=7))

        first = store.show(store.register(fitted, "churn", message="why", code=None))
        second = store.show(store.register(fitted, "churn", code=None))

        assert (first.parent, second.parent) == (None, Version(1, 0, 0))
        assert (first.created_at, first.trained_at) == (NOON, NOON)
        assert (first.author, first.message) == ("Ada Lovelace <ada@example.org>", "why")

    def test_the_time_of_training_can_be_said_or_is_that_of_the_file(self, store, fitted):
        joblib.dump(fitted, "p.joblib")
        os.utime("p.joblib", (NOON.timestamp(), NOON.timestamp()))
        at = datetime(2026, 5, 1, 10, tzinfo=timezone(timedelta(hours=2)))

        said = store.register(fitted, "churn", trained_at=at, code=None)
        found = store.register("p.joblib", "churn", code=None)

        assert store.show(said).trained_at == datetime(2026, 5, 1, 8, tzinfo=timezone.utc)
        assert store.show(found).trained_at == NOON

    def test_the_pipeline_is_described(self, store, fitted):
        facts = store.show(store.register(fitted, "churn", code=None)).pipeline

        assert facts.class_name == "sklearn.pipeline.Pipeline"
        assert facts.algorithm == "LogisticRegression"
        assert [(step.name, step.class_name) for step in facts.steps] == [
            ("standardscaler", "sklearn.preprocessing._data.StandardScaler"),
            ("logisticregression", "sklearn.linear_model._logistic.LogisticRegression"),
        ]
        assert facts.params["logisticregression__C"] == fitted.get_params()["logisticregression__C"]
        assert (facts.task, facts.classes) == ("classification", (0, 1))

    def test_features_come_from_the_test_data_or_are_the_names_that_were_fitted(
        self, store, fitted, X_test, X_train, y_train
    ):
        plain = LogisticRegression(max_iter=5000).fit(X_train.to_numpy(), y_train)
        typed, named, nameless = (
            store.show(store.register(pipeline, "churn", X_test=X, code=None)).features
            for pipeline, X in ((fitted, X_test), (fitted, None), (plain, None))
        )

        names = list(fitted.feature_names_in_)
        assert [(f.name, f.dtype) for f in typed] == [(name, "float64") for name in names]
        assert [(f.name, f.dtype) for f in named] == [(name, None) for name in names]
        assert nameless is None

    def test_the_target_is_the_name_of_the_answers(self, store, fitted, X_test, y_test):
        named, said, unknown = (
            store.show(store.register(fitted, model, X_test=X_test, code=None, **more)).target
            for model, more in (
                ("a", {"y_test": y_test}),
                ("b", {"y_test": y_test, "target": "malignant"}),
                ("c", {"y_test": y_test.to_numpy()}),
            )
        )

        assert (named, said, unknown) == ("target", "malignant", None)

    def test_the_metrics_of_a_classifier_are_recomputed(self, store, fitted, X_test, y_test):
        manifest = store.show(store.register(fitted, "m", X_test=X_test, y_test=y_test, code=None))

        answers = fitted.predict(X_test)
        assert manifest.metrics == {
            "accuracy": accuracy_score(y_test, answers),
            "f1_macro": f1_score(y_test, answers, average="macro"),
            "roc_auc": roc_auc_score(y_test, fitted.predict_proba(X_test)[:, 1]),
        }

    def test_the_metrics_of_a_regressor_are_recomputed(self, store, X_train, X_test):
        names = list(X_train.columns[1:6])
        model = LinearRegression().fit(X_train[names], X_train.iloc[:, 0])
        X, y = X_test[names], X_test.iloc[:, 0]

        manifest = store.show(store.register(model, "m", X_test=X, y_test=y, code=None))

        answers = model.predict(X)
        assert manifest.metrics == pytest.approx(
            {
                "r2": r2_score(y, answers),
                "mae": mean_absolute_error(y, answers),
                "rmse": float(np.sqrt(np.mean((y - answers) ** 2))),
            }
        )

    def test_given_metrics_come_before_standard_ones(self, store, fitted, X_test, y_test):
        given = {"accuracy": 0.5, "profit": np.float32(12.5), "n": np.int64(3), "x": np.array(2.5)}

        version = store.register(
            fitted, "m", X_test=X_test, y_test=y_test, metrics=given, code=None
        )

        found = dict(store.show(version).metrics)
        assert {"f1_macro", "roc_auc"} == found.keys() - given.keys()
        expected = {"accuracy": 0.5, "profit": 12.5, "n": 3, "x": 2.5}
        assert {name: found[name] for name in given} == expected

    def test_data_sets_are_known_by_their_content(self, store, fitted, X_test, y_test, elsewhere):
        (elsewhere / "train_v2.csv").write_bytes(b"a,b\n1,2\n")

        data = {"train": "train_v2.csv", "validation": (X_test, y_test), "extra": X_test}
        version = store.register(fitted, "m", data=data, code=None)

        train, validation, extra = store.show(version).data
        assert str(train.digest) == "sha256:" + hashlib.sha256(b"a,b\n1,2\n").hexdigest()
        assert (train.uri, train.name, train.version) == ("train_v2.csv", "train", "2")
        assert validation.digest == measure((X_test, y_test))[0]
        assert extra.digest == measure(X_test)[0]
        assert (extra.rows, len(extra.columns)) == X_test.shape

    def test_the_test_data_is_the_data_set_test(self, store, fitted, X_test, y_test):
        both = store.register(fitted, "a", X_test=X_test, y_test=y_test, code=None)
        alone = store.register(fitted, "b", X_test=X_test, code=None)

        assert store.show(both).dataset("test").digest == measure((X_test, y_test))[0]
        assert store.show(alone).dataset("test").digest == measure(X_test)[0]

    def test_a_data_set_test_that_is_named_stays(self, store, fitted, X_test, elsewhere):
        (elsewhere / "test.csv").write_bytes(b"x")

        version = store.register(fitted, "m", X_test=X_test, data={"test": "test.csv"}, code=None)

        assert [held.uri for held in store.show(version).data] == ["test.csv"]

    def test_card_and_custom_fields_are_kept(self, store, fitted):
        card = {"intended_use": "demo", "limitations": "many", "Ethics": "*none*"}
        custom = {"ticket": "ML-7", "nested": {"a": [1, None]}}

        manifest = store.show(store.register(fitted, "m", card=card, custom=custom, code=None))

        assert (manifest.card.intended_use, manifest.card.limitations) == ("demo", "many")
        assert manifest.card.sections == {"Ethics": "*none*"}
        assert manifest.custom == custom

    def test_the_environment_is_what_is_installed_here(self, store, fitted, manifest):
        from importlib.metadata import version

        store.register(fitted, "m", code=None)

        environment = manifest("m@v1.0.0")["environment"]
        for name in ("scikit-learn", "numpy", "joblib", "pandas"):
            assert environment["pins"][name] == version(name)
        installed = git_bytes(store.path, "show", "main:models/m/environment.txt")
        assert environment["digest"] == "sha256:" + hashlib.sha256(installed).hexdigest()
        requirements = git(store.path, "show", "main:models/m/requirements.txt")
        assert f"scikit-learn=={version('scikit-learn')}" in requirements
        assert environment["python"] == sys.version.split()[0]

    def test_without_a_repository_no_code_is_recorded(self, store, fitted):
        assert store.show(store.register(fitted, "m", code=None)).code is None


SCRIPT = """
    import sys
    import gitmodelstore as gms
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    print(gms.register_model(model, "iris", store=sys.argv[1], X_test=X, y_test=y))
"""


class TestTrainingScript:
    @pytest.fixture
    def project(self, tmp_path, monkeypatch):
        """A training repository with one script, committed."""
        monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
        folder = tmp_path / "project"
        commit_by_hand(folder, "src/train.py", textwrap.dedent(SCRIPT))
        git(folder, "remote", "add", "origin", "https://ada:secret@example.org/churn.git")
        return folder

    def test_its_repository_is_recorded(self, store, project):
        done = children.python("project/src/train.py", str(store.path), cwd=project.parent)

        assert (done.returncode, done.stdout, done.stderr) == (0, "iris 1.0.0\n", "")
        code = store.show("iris@1.0.0").code
        assert code.commit == git(project, "rev-parse", "HEAD").strip()
        assert (code.branch, code.dirty, code.diff) == ("trunk", False, None)
        assert (code.url, code.entry_point) == ("https://example.org/churn.git", "src/train.py")

    def test_its_uncommitted_changes_are_known(self, store, project):
        with (project / "src" / "train.py").open("a") as file:
            file.write("# changed\n")
        (project / "out.csv").write_text("what training writes")

        children.script("src/train.py", str(store.path), cwd=project)

        code = store.show("iris@1.0.0").code
        diff = git_bytes(project, "diff", "--binary", "--full-index", "HEAD")
        assert code.dirty
        assert str(code.diff) == "sha256:" + hashlib.sha256(diff).hexdigest()

    @pytest.mark.parametrize(
        ("definition", "error"),
        [
            ("make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression(max_iter=500))",
             "UnportablePipeline: param 'func' of step 'functiontransformer' is a lambda\n"
             "hint: use a named function of a module that readers can import, such as "
             "features.py"),
            ("make_pipeline(Keep(), LogisticRegression(max_iter=500))",
             "UnportablePipeline: '__main__.Keep' is defined in the training script, where no "
             "reader can import it\nhint: move it into a module that readers can import, such "
             "as features.py, import it from there and fit again"),
        ],
    )  # fmt: skip
    def test_what_no_other_process_could_import_is_refused(self, store, project, definition, error):
        script = textwrap.dedent(SCRIPT).replace("LogisticRegression(max_iter=500)", definition)
        (project / "src" / "train.py").write_text(
            "from sklearn.base import BaseEstimator, TransformerMixin\n"
            "from sklearn.pipeline import make_pipeline\n"
            "from sklearn.preprocessing import FunctionTransformer\n"
            "class Keep(TransformerMixin, BaseEstimator):\n"
            "    def fit(self, X, y=None): return self\n"
            "    def transform(self, X): return X\n" + script
        )
        before = look(store.path)

        done = children.script("src/train.py", str(store.path), cwd=project)

        assert done.returncode == 1
        assert done.stderr.endswith(f"gitmodelstore.errors.{error}\n")
        assert look(store.path) == before

    def test_the_store_is_found_through_pyproject_from_a_subfolder(self, project):
        (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
        made = gms.Store.init(project / "models")
        script = project / "src" / "train.py"
        script.write_text(script.read_text().replace(", store=sys.argv[1]", ""))

        done = children.script("train.py", cwd=project / "src")

        assert (done.stdout, done.stderr) == ("iris 1.0.0\n", "")
        assert [str(v) for v in gms.Store.open(made.path).versions("iris")] == ["iris 1.0.0"]
        script.with_name("load.py").write_text(
            "import gitmodelstore as gms\nprint(gms.version_of(gms.load_model('iris@latest')))\n"
        )
        loaded = children.script("load.py", cwd=project / "src")
        assert (loaded.stdout, loaded.stderr) == ("iris 1.0.0\n", "")


class TestNumbers:
    @pytest.fixture
    def again(self, store, fitted):
        """Register once more, and return the number that it got."""

        def register(pipeline=fitted, **details) -> str:
            return str(store.register(pipeline, "churn", code=None, **details).version)

        return register

    @pytest.mark.parametrize(
        ("bump", "expected"), [("major", "2.0.0"), ("minor", "1.1.0"), ("patch", "1.0.1")]
    )
    def test_a_bump_raises_its_part(self, again, bump, expected):
        again()

        assert again(bump=bump) == expected

    def test_the_same_pipeline_again_is_a_patch_another_param_a_minor_version(
        self, again, refitted
    ):
        assert [again(), again(), again(refitted)] == ["1.0.0", "1.0.1", "1.1.0"]

    def test_another_input_is_a_major_version(self, store, again, X_train, y_train, notes):
        again()
        fewer = make_pipeline(StandardScaler(), LogisticRegression())
        fewer.fit(X_train.iloc[:, 1:], y_train)
        version = gms.Store.open(store.path, notify=notes.append).register(
            fewer, "churn", code=None
        )

        assert str(version.version) == "2.0.0"
        assert notes == ["churn 2.0.0 (major: column 'mean radius' was removed)"]

    def test_a_version_that_is_asked_for_is_given(self, again):
        assert again(version="3.1.4") == "3.1.4"
        assert again(version=Version(3, 2, 0)) == "3.2.0"
        again(version="4.0.0-rc.1")
        assert again(bump="patch") == "4.0.0"  # the release of the one before

    def test_pre_releases_come_before_their_release(self, store, again):
        numbers = [again(version=v) for v in ("1.0.0", "2.0.0-rc.2", "2.0.0-rc.10", "2.0.0")]

        assert [str(v.version) for v in store.versions("churn")] == numbers[::-1]
        assert [str(store.show(f"churn@{n}").parent) for n in numbers] == ["None", *numbers[:-1]]

    def test_a_backport_is_registered_when_it_is_meant(self, store, again):
        again()
        again(version="2.0.0")

        assert again(version="1.0.1", allow_backport=True) == "1.0.1"
        assert str(store.show("churn@1.0.1").parent) == "1.0.0"
        assert str(store.version("churn@latest").version) == "2.0.0"
        assert again() == "2.0.1"

    @pytest.mark.parametrize(
        ("details", "kind", "message", "hint"),
        [
            ({"version": "1.0.0"}, VersionExists, "version '1.0.0' of 'churn' already exists",
             "omit the version for the next number, or use 1.0.1"),
            ({"version": "0.9.0"}, VersionExists,
             "version '0.9.0' of 'churn' is below the highest, 1.0.0",
             "use 1.0.1, or mark it as a backport: allow_backport=True (--allow-backport)"),
            ({"version": "1.0.0-rc.1"}, VersionExists,
             "version '1.0.0-rc.1' of 'churn' is below the highest, 1.0.0",
             "use 1.0.1, or mark it as a backport: allow_backport=True (--allow-backport)"),
            ({"version": "v1.2.3"}, InvalidVersion, "'v1.2.3' is not a SemVer version",
             "leave out the 'v': 1.2.3"),
            ({"version": "1.02.3"}, InvalidVersion, "'1.02.3' is not a SemVer version",
             "write the numbers without leading zeros: 1.2.3"),
            ({"version": "1.0.0+x"}, InvalidVersion, "'1.0.0+x' is not a SemVer version",
             "build metadata does not order versions; write 1.0.0"),
            ({"bump": "huge"}, InvalidVersion, "'huge' is not a kind of bump",
             "one of auto, major, minor, patch"),
        ],
    )  # fmt: skip
    def test_a_number_that_cannot_be_given_is_refused(
        self, store, again, details, kind, message, hint
    ):
        again()

        assert refused(store, kind, again, **details) == (message, hint)


class TestIfChanged:
    def test_nothing_is_written_when_nothing_differs(self, store, fitted, X_test, y_test):
        def register():
            return store.register(
                fitted, "m", X_test=X_test, y_test=y_test, if_changed=True, code=None
            )

        first = register()
        before = look(store.path)

        assert register() == first
        assert look(store.path) == before

    @pytest.mark.parametrize(
        "change", [{"metrics": {"profit": 1}}, {"message": "again"}, {"custom": {"a": 1}}]
    )
    def test_any_difference_is_a_new_version(self, store, fitted, refitted, change):
        store.register(fitted, "m", if_changed=True, code=None)

        version = store.register(fitted, "m", if_changed=True, code=None, **change)
        other = store.register(refitted, "m", if_changed=True, code=None, **change)

        assert (str(version), str(other)) == ("m 1.0.1", "m 1.1.0")


OBJECT = "the object that `fit` was called on"
NAME_RULE = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"


class TestRefusals:
    """Refused before anything is written: whole message and hint, and the store as it was."""

    @pytest.fixture
    def refuse(self, store, fitted):
        def register(kind: type[StoreError], pipeline=fitted, model="churn", code=None, **details):
            return refused(store, kind, store.register, pipeline, model, code=code, **details)

        return register

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("Churn", f"{NAME_RULE}, such as 'churn'"),
            ("a.b", f"{NAME_RULE}, such as 'a-b'"),
            ("a/b", f"{NAME_RULE}, such as 'a-b'"),
            ("..", NAME_RULE),
            ("-x", f"{NAME_RULE}, such as 'x'"),
            ("con", NAME_RULE),
            ("a" * 64, f"{NAME_RULE}, such as '{'a' * 63}'"),
            ("🚀", NAME_RULE),
            ("", NAME_RULE),
        ],
    )
    def test_a_bad_name(self, refuse, name, hint):
        assert refuse(InvalidName, model=name) == (f"'{name}' is not a model name", hint)

    def test_an_unfitted_pipeline(self, refuse):
        assert refuse(UnfittedPipeline, make_pipeline(StandardScaler(), LogisticRegression())) == (
            "Pipeline is not fitted",
            "call fit before register",
        )

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (float("nan"), "nan"),
            (np.float64("inf"), "inf"),
            ("0.9", "the text '0.9'"),
            (None, "None"),
            (True, "True"),
        ],
    )
    def test_a_metric_that_is_no_finite_number(self, refuse, value, words):
        assert refuse(InvalidMetric, metrics={"auc": value}) == (
            f"metric 'auc' is {words}, not a finite number",
            "leave it out, or give a number",
        )

    def test_a_metric_with_a_bad_name(self, refuse):
        assert refuse(InvalidName, metrics={"my auc": 1}) == (
            "'my auc' is not a metric name",
            "use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'",
        )

    def test_a_data_file_that_does_not_exist(self, refuse, elsewhere):
        (elsewhere / "train.csv").write_text("x")

        assert refuse(InvalidInput, data={"train": "tran.csv"}) == (
            "data set 'train': no file or folder 'tran.csv'",
            "did you mean 'train.csv'?",
        )

    def test_test_data_with_other_columns(self, refuse, X_test):
        other = X_test.rename(columns={"mean radius": "radius"})

        assert refuse(FeatureMismatch, X_test=other) == (
            "X_test misses column 'mean radius' and has the unexpected column 'radius'",
            "if 'radius' is what the pipeline knows as 'mean radius', rename it: "
            "`.rename(columns={'radius': 'mean radius'})`",
        )

    def test_answers_without_rows(self, refuse, y_test):
        assert refuse(InvalidInput, y_test=y_test) == (
            "y_test without X_test",
            "pass the rows that y_test belongs to",
        )

    def test_more_answers_than_rows(self, refuse, X_test, y_test):
        assert refuse(InvalidInput, X_test=X_test, y_test=y_test.iloc[1:]) == (
            "data set 'test': X has 40 rows, y has 39",
            "give the rows and the answers of the same cases, in the same order",
        )

    def test_a_lambda(self, refuse, X_train, y_train):
        pipeline = make_pipeline(
            FunctionTransformer(lambda X: X), LogisticRegression(max_iter=9999)
        )

        assert refuse(UnportablePipeline, pipeline.fit(X_train, y_train)) == (
            "param 'func' of step 'functiontransformer' is a lambda",
            "use a named function of a module that readers can import, such as features.py",
        )

    def test_steps_that_are_remembered_in_a_folder(self, refuse, X_train, y_train, elsewhere):
        inner = make_pipeline(StandardScaler(), StandardScaler(), memory=str(elsewhere / "cache"))
        pipeline = make_pipeline(inner, LogisticRegression(max_iter=9999)).fit(X_train, y_train)

        assert refuse(UnportablePipeline, pipeline) == (
            "'pipeline__memory' names a folder whose pickles `fit` would load",
            "take it out before you register: pipeline.set_params(pipeline__memory=None)",
        )

    def test_a_cache_without_a_folder_is_taken(self, store, X_train, y_train):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(), memory=joblib.Memory(None))

        store.register(pipeline.fit(X_train, y_train), "churn", code=None)

        assert store.load("churn@latest").memory.location is None

    def test_caches_wherever_they_stand(self, refuse, X_train, y_train, elsewhere):
        memory = joblib.Memory(elsewhere / "cache", verbose=0)
        union = make_union(make_pipeline(StandardScaler(), MinMaxScaler(), memory=memory))
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=9999), memory=memory)
        search = GridSearchCV(model, {"logisticregression__C": [1.0]}, cv=2)

        pipeline = make_pipeline(union, LogisticRegression(max_iter=9999)).fit(X_train, y_train)
        assert refuse(UnportablePipeline, pipeline) == (
            "'featureunion__pipeline__memory' names a folder whose pickles `fit` would load",
            "take it out before you register: "
            "pipeline.set_params(featureunion__pipeline__memory=None)",
        )
        assert refuse(UnportablePipeline, search.fit(X_train, y_train)) == (
            "'estimator__memory' names a folder whose pickles `fit` would load",
            "take it out before you register: "
            "pipeline.set_params(estimator__memory=None), and fit again",
        )

    @pytest.mark.parametrize(
        ("thing", "message", "hint"),
        [
            ("p.txt", "'p.txt' is not a file that joblib wrote",
             "write it again with `joblib.dump(pipeline, file)`"),
            ("other.joblib", "file 'other.joblib' does not exist",
             "check the path; it is relative to the working directory"),
            ("p.joblib", "'p.joblib' holds a dict, not a fitted estimator", f"dump {OBJECT}"),
            ({"a": 1}, "expected a fitted scikit-learn estimator, found a dict", f"give {OBJECT}"),
            (None, "expected a fitted scikit-learn estimator, found None", f"give {OBJECT}"),
        ],
    )  # fmt: skip
    def test_what_is_no_estimator(self, refuse, thing, message, hint):
        Path("p.txt").write_text("hello")
        joblib.dump({"a": 1}, "p.joblib")

        assert refuse(NotAPipeline, thing) == (message, hint)

    @pytest.mark.parametrize(
        ("details", "message"),
        [
            ({"custom": {"a": float("nan")}}, "custom.a: expected a finite number, found nan"),
            ({"custom": {"a": [{1}]}}, "custom.a[0]: expected JSON, found set {1}"),
            ({"card": {"intended_use": 7}}, "card.intended_use: expected text, found int 7"),
            ({"message": "a\x00b"},
             "cannot be recorded: message: contains the hidden character U+0000"),
            ({"target": "a\u202eb"},
             "cannot be recorded: target: contains the hidden character U+202E"),
            ({"data": ["train.csv"]}, "expected a dictionary of data sets, found ['train.csv']"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_written_down(self, refuse, details, message):
        assert refuse(InvalidInput, **details)[0] == message

    def test_a_manifest_that_grows_too_large(self, refuse):
        message, hint = refuse(InvalidInput, custom={"a": "x" * 2**20})

        assert message.startswith("cannot be recorded: manifest of churn 1.0.0: ")
        assert message.endswith(" bytes, more than 1048576")
        assert hint == "keep large tables in a file of the data, not in the manifest"


class TestPlainGit:
    """`git log`, `show`, `diff` and `restore` mean what a git user expects."""

    @pytest.fixture
    def folder(self, store, fitted, refitted):
        store.register(fitted, "churn", code=None)
        store.register(fitted, "fraud", code=None)
        store.register(refitted, "churn", code=None)
        return store.path

    def test_tags_are_the_versions_and_the_log_of_a_folder_the_history_of_a_model(self, folder):
        assert git(folder, "fsck", "--strict") == git(folder, "status", "--porcelain") == ""
        assert git(folder, "log", "--format=%s", "--", "models/churn").splitlines() == [
            "register churn 1.1.0",
            "register churn 1.0.0",
        ]
        names = ["churn@v1.0.0", "churn@v1.1.0", "fraud@v1.0.0"]
        assert git(folder, "tag", "--list").split() == names
        assert git(folder, "cat-file", "-t", "churn@v1.0.0") == "tag\n"
        assert git(folder, "diff", "fraud@v1.0.0", "main", "--", "models/fraud") == ""
        diff = git(folder, "diff", "churn@v1.0.0", "churn@v1.1.0", "--", "models/churn")
        assert '-      "logisticregression__C": 1.0,\n' in diff
        assert '+      "logisticregression__C": 3.0,\n' in diff

    def test_restore_brings_an_earlier_folder_back(self, folder, fitted, X_test):
        source = "--source=churn@v1.0.0"
        git(folder, "restore", source, "--staged", "--worktree", "--", "models/churn")

        restored = joblib.load(folder / "models/churn/pipeline.joblib")
        assert (restored.predict_proba(X_test) == fitted.predict_proba(X_test)).all()
        assert git(folder, "diff", "--cached", "churn@v1.0.0", "--", "models/churn") == ""


def test_a_table_of_more_columns_than_can_be_listed_is_registered(store):
    wide = pd.DataFrame(np.random.default_rng(0).random((6, 5001)))
    model = LogisticRegression(max_iter=3000).fit(wide.to_numpy(), [0, 1] * 3)

    manifest = store.show(store.register(model, "m", X_test=wide.to_numpy(), code=None))

    assert manifest.features is None
    assert manifest.dataset("test").rows == 6


def test_what_a_message_says_of_a_manifest_is_not_believed(store, fitted):
    message = f"as asked\n\nManifest-SHA256: {'0' * 64}"

    version = store.register(fitted, "m", message=message, code=None)

    assert store.show(version).message == message
    assert store.verify().is_sound
    assert store.validate() == ()
