"""verify: is every version what was released, and does it answer here as it did?"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.errors import FeatureMismatch, InvalidInput, ModelNotFound, RollbackError
from gitmodelstore.estimators.sample import table_of
from gitmodelstore.plumbing import refs
from gitmodelstore.values.sample import Sample

from . import children
from .conftest import once
from .looks import commit_by_hand, git, look, object_file, refusal, refused

MANIFEST, PIPELINE = "models/churn/manifest.json", "models/churn/pipeline.joblib"


@pytest.fixture
@once
def churn(store, fit, fitted, refitted, X_test, y_test) -> Store:
    """A store of churn 1.0.0, churn 1.1.0 (in production after it), and upsell 1.0.0."""
    store.register(fitted, "churn", X_test=X_test, y_test=y_test, code=None)
    store.promote("churn@1.0.0", "production")
    store.register(refitted, "churn", X_test=X_test, y_test=y_test, code=None)
    store.promote("churn@1.1.0", "production")
    store.register(fit(C=7.0), "upsell", code=None)  # shares no blob with the others
    return store


def replace_file(store: Store, ref: str, path: str, data: bytes) -> None:
    """Make the object of a file hold other content, as a failing disk or an attacker would."""
    (store.path / "other").write_bytes(data)
    other = git(store.path, "hash-object", "-w", "other").strip()
    (store.path / "other").unlink()
    target = object_file(store.path, f"{ref}:{path}")
    target.write_bytes(object_file(store.path, other).read_bytes())


def sample_in(store: Store, ref: str) -> Sample:
    return Sample.parse(store.read(ref, "sample.json"))


class TestSampleOfAVersion:
    """register keeps a sample of X_test; no true record in it unless asked for."""

    def test_it_is_an_artifact_of_the_manifest(self, churn, X_test):
        manifest = churn.show("churn@1.0.0")
        data = churn.read("churn@1.0.0", "sample.json")

        assert manifest.artifact("sample.json").size_bytes == len(data)
        sample = Sample.parse(data)
        assert sample.made == "synthetic"
        assert table_of(sample).dtypes.to_dict() == X_test.dtypes.to_dict()

    def test_no_number_of_the_test_rows_that_one_row_holds_is_in_it(self, churn, X_test):
        found = table_of(sample_in(churn, "churn@1.0.0"))

        for name in X_test:
            alone = X_test[name].drop_duplicates(keep=False)
            assert not found[name].isin(alone).any()

    def test_true_rows_are_kept_when_asked_for(self, store, fitted, X_test):
        store.register(fitted, "churn", X_test=X_test, sample="rows", code=None)

        found = table_of(sample_in(store, "churn@1.0.0"))

        assert len(found.merge(X_test)) == len(found)

    def test_none_is_kept_when_none_is_wanted_or_there_are_no_rows(self, store, fitted, X_test):
        store.register(fitted, "churn", X_test=X_test, sample=None, code=None)
        store.register(fitted, "upsell", code=None)

        for ref in ("churn@1.0.0", "upsell@1.0.0"):
            assert store.show(ref).artifact("sample.json") is None

    def test_equal_pipelines_and_rows_are_unchanged(self, churn, refitted, X_test, y_test):
        again = churn.register(
            refitted, "churn", X_test=X_test, y_test=y_test, if_changed=True, code=None
        )

        assert str(again.version) == "1.1.0"
        assert len(churn.versions("churn")) == 2

    def test_that_there_is_none_is_noted(self, store, fitted, X_test, notes):
        noting = Store.open(store.path, durable=False, notify=notes.append)

        noting.register(fitted, "churn", X_test=X_test.iloc[:4], code=None)

        assert notes[0] == (
            "no sample is kept to replay: 4 rows, fewer than 10, would reveal single ones"
        )

    def test_other_words_are_refused(self, store, fitted, X_test):
        wrong = {"X_test": X_test, "sample": "true", "code": None}
        assert refused(store, InvalidInput, store.register, fitted, "churn", **wrong) == (
            "expected sample 'synthetic', 'rows' or None, found 'true'",
            "'rows' keeps real rows of X_test, 'synthetic' made-up ones",
        )

    def test_it_can_be_made_of_a_file(self, store, fitted, X_test, y_test, tmp_path):
        X_test.assign(target=y_test).to_csv(tmp_path / "rows.csv", index=False)
        joblib.dump(fitted, tmp_path / "pipeline.joblib")

        given = {"sample_from": tmp_path / "rows.csv", "target": "target"}
        store.register(tmp_path / "pipeline.joblib", "churn", **given, code=None)

        assert list(table_of(sample_in(store, "churn@1.0.0"))) == list(X_test)

    def test_other_columns_than_the_inputs_are_refused(self, store, fitted, X_test):
        wrong = {"sample_from": X_test.iloc[:, 1:], "code": None}
        message, _ = refused(store, FeatureMismatch, store.register, fitted, "churn", **wrong)
        assert message == "sample_from misses column 'mean radius'"

    def test_the_card_says_so(self, churn):
        line = "A sample of inputs and answers is kept; replay it with `gms verify churn@1.0.0"

        assert line in churn.read("churn@1.0.0", "README.md").decode()
        assert "sample" not in churn.read("upsell@1.0.0", "README.md").decode()


class TestVerify:
    """Every file against the manifest, and that against the tag; a broken one stops no other."""

    def test_a_sound_version(self, churn):
        (found,) = churn.verify("churn").versions

        assert (str(found), found.status, found.files) == ("churn 1.1.0", "production", 6)
        assert (found.faults, found.is_sound) == ((), True)
        assert (found.replay, found.metrics) == (None, None)

    def test_a_bare_store_too(self, bare_store, fitted, X_test):
        bare_store.register(fitted, "churn", X_test=X_test, code=None)

        assert bare_store.verify("churn@latest", replay=True).is_sound

    def test_all_versions_of_all_models(self, churn):
        found = churn.verify()

        names = [str(version) for version in found.versions]
        assert names == ["churn 1.1.0", "churn 1.0.0", "upsell 1.0.0"]
        assert found.is_sound

    def test_all_faults_are_listed_and_stop_no_other_version(self, churn):
        for name in ("pipeline.joblib", "sample.json"):
            replace_file(churn, "churn@v1.0.0", f"models/churn/{name}", b"something else")

        found = Store.open(churn.path).verify(replay=True)

        assert not found.is_sound
        by_name = {str(version): version for version in found.versions}
        assert by_name["churn 1.1.0"].is_sound
        assert by_name["upsell 1.0.0"].is_sound
        bad = by_name["churn 1.0.0"]
        assert (bad.replay, bad.files) == (None, 4)
        assert [fault.partition(" damaged: ")[0] for fault in bad.faults] == [
            "models/churn/pipeline.joblib:",
            "models/churn/sample.json:",
        ]

    def test_damaged_bytes_are_never_loaded(self, churn, tmp_path):
        touched = tmp_path / "touched"
        hostile = b"cpathlib\nPath.touch\n(cpathlib\nPath\n(V%s\ntRtR." % str(touched).encode()
        replace_file(churn, "churn@v1.1.0", PIPELINE, hostile)

        assert not Store.open(churn.path).verify("churn", replay=True).is_sound
        assert not touched.exists()

    def test_a_missing_tag_is_a_fault(self, churn):
        git(churn.path, "tag", "-d", "churn@v1.0.0")

        (found,) = churn.verify("churn@1.0.0").versions

        assert found.faults == ("tag churn@v1.0.0 is missing: plain git cannot find the version",)

    def test_a_moved_tag_is_a_fault_of_that_version_alone(self, churn):
        git(churn.path, "tag", "-f", "-a", "-m", "moved", "churn@v1.0.0", "churn@v1.1.0^{}")

        found = Store.open(churn.path).verify()

        assert [version.is_sound for version in found.versions] == [True, False, True]
        assert found.versions[1].faults[0].startswith("tag churn@v1.0.0 was moved: it points to ")

    def test_what_is_foreign_or_missing_in_the_folder_is_a_fault(self, store, fitted, X_test):
        store.register(fitted, "churn", X_test=X_test, code=None)
        folder = store.path / "models" / "churn"
        (folder / "notes.txt").write_text("x")
        (folder / "requirements.txt").unlink()
        git(store.path, "add", "--all")
        git(store.path, "commit", "--quiet", "--amend", "-C", "HEAD")
        message = git(store.path, "tag", "-l", "--format=%(contents)", "churn@v1.0.0")
        git(store.path, "tag", "-f", "-a", "-m", message, "churn@v1.0.0")

        (found,) = Store.open(store.path).verify("churn@1.0.0").versions

        assert found.faults == (
            "models/churn/notes.txt: not a file of a version [GMS001]",
            "models/churn/requirements.txt: listed in the manifest, but not in the folder [GMS020]",
        )

    def test_a_reference_that_names_nothing_is_refused(self, churn):
        with pytest.raises(ModelNotFound):
            churn.verify("chrun")

    def test_it_writes_nothing(self, churn, X_test, y_test):
        before = look(churn.path)

        churn.verify(replay=True)
        churn.verify("churn", test=X_test.assign(target=y_test))

        assert look(churn.path) == before


class TestReplay:
    """verify with `replay` asks the sample again."""

    @pytest.mark.parametrize(
        ("by", "outcome", "differing", "is_sound"),
        [
            (0, "identical", 0, True),
            (1e-8, "within tolerance", 0, True),
            (0.5, "different", 20, False),
        ],
    )
    def test_answers_are_compared(self, churn, moved, by, outcome, differing, is_sound):
        moved(by)

        (found,) = churn.verify("churn", replay=True).versions

        assert (found.replay.outcome, found.replay.rows) == (outcome, 20)
        assert (found.faults, found.is_sound) == ((), is_sound)
        assert bool(found.replay.largest_absolute) == bool(by)
        assert found.replay.largest_absolute <= by
        assert len(found.replay.comparisons[1].rows) == differing

    def test_a_version_without_a_sample_is_sound(self, churn):
        (found,) = churn.verify("upsell@1.0.0", replay=True).versions

        assert (found.replay, found.is_sound) == (None, True)

    def test_a_pipeline_that_does_not_load_here_is_not_faulty(self, churn, monkeypatch):
        import sklearn.linear_model._logistic as module

        monkeypatch.delattr(module, "LogisticRegression")

        (found,) = churn.verify("churn", replay=True).versions

        assert (found.faults, found.is_sound) == ((), True)
        assert "LogisticRegression" in (found.unloaded or "")

    def test_loading_a_withdrawn_version_tells_nothing_else(self, churn, notes):
        churn.withdraw("churn@1.0.0")

        Store.open(churn.path, notify=notes.append).verify(replay=True)

        assert notes == []


class TestTest:
    """verify with `test` computes the recorded metrics again."""

    def test_the_rows_of_registration_give_the_same(self, churn, X_test, y_test, tmp_path):
        X_test.assign(target=y_test).to_csv(tmp_path / "test.csv", index=False)

        (found,) = churn.verify("churn", test=tmp_path / "test.csv").versions

        assert [metric.name for metric in found.metrics] == ["accuracy", "f1_macro", "roc_auc"]
        assert found.is_sound

    def test_other_rows_are_different(self, churn, X_test, y_test):
        table = X_test.assign(answer=1 - y_test)

        (found,) = churn.verify("churn", test=table, target="answer").versions

        assert not found.is_sound
        accuracy = found.metrics[0]
        assert accuracy.present == pytest.approx(1 - accuracy.recorded)

    def test_it_needs_to_know_the_target(self, churn, X_test, y_test):
        table = X_test.assign(target=y_test)

        assert refusal(churn.verify, "upsell@1.0.0", test=table) == (
            InvalidInput,
            "the version does not say what it predicts",
            "name the column that holds the true answers with --target",
        )

    def test_it_is_of_one_version(self, churn, X_test):
        assert refusal(churn.verify, test=X_test)[:2] == (
            InvalidInput,
            "test data is of one version",
        )


class TestRollback:
    """Before it acts, the target's bytes verify, load and replay here."""

    HINT = (
        "see how with `gms verify churn@1.0.0 --replay`; name another version with "
        "--to VERSION, or go back anyway with --no-replay --reason TEXT"
    )

    @pytest.fixture
    def noting(self, churn, notes) -> Store:
        return Store.open(churn.path, durable=False, notify=notes.append)

    def test_an_identical_target_goes_on_in_silence(self, noting, notes):
        noting.rollback("churn")

        assert str(noting.version("churn").version) == "1.0.0"
        assert notes == []

    def test_one_within_tolerance_goes_on_with_a_note(self, noting, notes, moved):
        moved(1e-8)

        noting.rollback("churn")

        (note,) = notes
        assert note.startswith("churn 1.0.0 answers within tolerance: the largest difference is ")

    def test_a_different_one_is_refused_and_nothing_is_written(self, noting, moved):
        moved(0.5)

        assert refused(noting, RollbackError, noting.rollback, "churn") == (
            "churn 1.0.0 answers differently here than when it was registered",
            self.HINT,
        )

    def test_a_different_one_can_be_gone_back_to_knowingly(self, noting, moved):
        moved(0.5)

        noting.rollback("churn", replay=False, reason="no other machine left")

        assert str(noting.version("churn").version) == "1.0.0"
        assert noting.log("churn")[0].why == "no other machine left"

    @pytest.mark.parametrize("reason", [None, "", " "])
    def test_without_a_reason_it_cannot(self, noting, reason):
        word = {"replay": False, "reason": reason}

        message, _ = refused(noting, InvalidInput, noting.rollback, "churn", **word)
        assert message == "going back without a replay needs a reason"

    def test_one_without_a_sample_goes_on_with_a_note(self, store, fitted, refitted, notes):
        noting = Store.open(store.path, durable=False, notify=notes.append)
        for pipeline, ref in ((fitted, "plain@1.0.0"), (refitted, "plain@1.1.0")):
            store.register(pipeline, "plain", code=None)
            store.promote(ref, "production")

        noting.rollback("plain")

        assert notes == [
            "plain 1.0.0 has no sample, so it is not known whether it still gives the same answers"
        ]

    def test_a_sample_of_a_later_release_is_refused(self, churn, monkeypatch):
        monkeypatch.setattr("gitmodelstore.values.sample._DOCUMENT._schema", "0.9")

        with pytest.raises(RollbackError):
            churn.rollback("churn")

        (found,) = churn.verify("churn", replay=True).versions
        assert found.replay.why == (
            "models/churn/sample.json: schema '1.0', this gitmodelstore reads '0.9'"
        )


def test_large_pipelines_verify_and_replay(store, fitted, X_test):
    settings = 'schema = "1.0"\n\n[storage]\nlfs_threshold = "1 KiB"\n'
    commit_by_hand(store.path, "modelstore.toml", settings, "Keep all pipelines as LFS objects")
    store.register(fitted, "churn", X_test=X_test, code=None)

    (found,) = store.verify("churn@latest", replay=True).versions

    assert (found.is_sound, found.replay.outcome) == (True, "identical")


def test_a_transformer_has_a_sample_too(store, X_test):
    store.register(StandardScaler().fit(X_test), "scale", X_test=X_test, code=None)

    (found,) = store.verify("scale@latest", replay=True).versions

    assert [one.method for one in found.replay.comparisons] == ["transform"]


def test_rows_of_an_array_and_of_texts_have_samples(store):
    X = np.random.default_rng(0).normal(size=(60, 3))
    store.register(LogisticRegression().fit(X, X[:, 0] > 0), "a", X_test=X, code=None)
    assert json.loads(store.read("a@latest", "sample.json"))["form"] == "array"
    assert store.verify(replay=True).is_sound


def test_the_folder_of_the_work_tree_has_it(churn):
    assert Path(churn.path, "models/churn/sample.json").read_bytes() == churn.read(
        "churn@latest", "sample.json"
    )
    assert isinstance(table_of(sample_in(churn, "churn@latest")), pd.DataFrame)


class TestTagsBesideAWriter:
    """A writer moves the branch, then sets the tag: who reads in between sees no fault."""

    def test_one_that_is_about_to_be_set_is_no_fault(self, any_store, fitted, monkeypatch):
        found = []

        def meddling(*args, **options):
            found.append(Store.open(any_store.path).verify())
            return set_tag(*args, **options)

        set_tag = refs.set_tag
        monkeypatch.setattr(refs, "set_tag", meddling)

        any_store.register(fitted, "churn", code=None)

        (seen,) = found[0].versions
        assert (str(seen), seen.faults) == ("churn 1.0.0", ())

    def test_one_that_a_dead_writer_has_left_out_is_named(self, any_store, fitted):
        def work() -> None:
            refs.set_tag = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
            any_store.register(fitted, "churn", code=None)

        assert children.run(work) == -signal.SIGKILL

        (seen,) = Store.open(any_store.path).verify().versions
        assert seen.faults == ("tag churn@v1.0.0 is missing: plain git cannot find the version",)
        any_store.register(fitted, "upsell", code=None)
        assert Store.open(any_store.path).verify().is_sound
