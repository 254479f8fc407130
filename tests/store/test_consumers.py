"""Those who use a store and hold little of it: pipelines are fetched when they are loaded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store, load_model
from gitmodelstore.errors import (
    InvalidInput,
    MissingObject,
    NotFetched,
    RemoteRefused,
    StaleWarning,
)
from gitmodelstore.plumbing import remotes
from tests.store import children

from .conftest import Copied
from .looks import git
from .test_share import clean, hub, refs

__all__ = ["hub"]

PIPELINE = "models/near/pipeline.joblib"


def near(seed: int) -> Pipeline:
    """A pipeline of 150 KB: it has all rows that it was fitted on."""
    rows = np.random.default_rng(seed).normal(size=(2000, 8))
    return make_pipeline(StandardScaler(), KNeighborsClassifier(3)).fit(rows, rows[:, 0] > 0)


ROWS = np.random.default_rng(7).normal(size=(5, 8))


def make(place: Path) -> None:
    """Three versions of a model, two of which were in production."""
    store = Store.init(place, durable=False)
    for number in range(3):
        store.register(near(number), "near", code=None)
    store.promote("near@1.0.0", "production")
    store.promote("near@1.0.1", "production")


@pytest.fixture
def ann(copied: Copied, hub: Path) -> Store:
    """Has pushed them to a server that knows of filters."""
    store = copied("near", make)
    git(hub, "config", "uploadpack.allowFilter", "true")
    store.push(str(hub))
    return store


@pytest.fixture
def ben(ann: Store, hub: Path, tmp_path: Path) -> Store:
    """Has cloned it from another machine."""
    return Store.clone(hub.as_uri(), tmp_path / "ben", durable=False)


def lacking(store: Store) -> int:
    """Return how many objects of its history a clone does not hold."""
    said = git(store.path, "rev-list", "--objects", "--all", "--missing=print")
    return sum(line.startswith("?") for line in said.splitlines())


def packs(store: Store) -> int:
    return len(list((store.path / ".git/objects/pack").glob("*.pack")))


def go_away(hub: Path) -> None:
    hub.rename(hub.with_name("away.git"))


class TestClone:
    def test_pipelines_stay_there_and_all_that_says_of_them_is_here(self, ben, hub):
        assert lacking(ben) == 3
        assert not (ben.path / PIPELINE).exists()
        assert (ben.path / PIPELINE).with_name("manifest.json").exists()
        go_away(hub)

        assert [str(version.version) for version in ben.versions("near")] == [
            "1.0.2", "1.0.1", "1.0.0",
        ]  # fmt: skip
        assert ben.which("near@production").version.version == ben.version("near@1.0.1").version
        assert len(list(ben.log("near"))) == 6
        assert ben.show("near@1.0.0").artifact("pipeline.joblib").size_bytes > 100_000
        assert len(ben.search("pipeline.algorithm == 'KNeighborsClassifier'")) == 3
        assert ben.diff("near@1.0.0", "near@1.0.2")
        assert len(ben.frame()) == 3
        assert ben.environment("near@1.0.0").matches
        assert ben.validate() == ()
        assert lacking(ben) == 3
        assert git(ben.path, "status", "--porcelain") == ""

    def test_all_of_it_if_that_is_wanted(self, ann, hub, tmp_path):
        carol = Store.clone(hub.as_uri(), tmp_path / "carol", full=True)
        go_away(hub)

        assert (carol.path / PIPELINE).exists()
        assert carol.verify().is_sound
        assert lacking(carol) == 0

    def test_from_a_folder_of_this_machine_git_links_all_of_it(self, ann, hub, tmp_path):
        carol = Store.clone(str(hub), tmp_path / "carol")

        assert lacking(carol) == 0
        assert (carol.path / PIPELINE).exists()

    def test_a_server_that_ignores_filters_is_noticed(self, ann, hub, tmp_path):
        git(hub, "config", "uploadpack.allowFilter", "false")
        notes: list[str] = []

        carol = Store.clone(hub.as_uri(), tmp_path / "carol", notify=notes.append, durable=False)

        assert notes == [
            "everything was fetched, because the server ignores filters; to change that, type "
            "there: git config uploadpack.allowFilter true"
        ]
        assert (lacking(carol), clean(carol)) == (0, True)
        assert (carol.path / PIPELINE).exists()
        go_away(hub)
        assert carol.load("near@1.0.0").predict(ROWS).shape == (5,)

    def test_registries_and_manifests_come_however_large_they_are(
        self, ann, hub, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(remotes, "FILTER", "--filter=blob:limit=100")
        carol = Store.clone(hub.as_uri(), tmp_path / "carol", durable=False)
        assert packs(carol) == 2  # all of them by one fetch
        ann.register(near(9), "near", code=None, push=True)
        carol.pull()
        go_away(hub)

        assert len(carol.versions("near")) == 4
        assert len(list(carol.log("near"))) == 7
        assert all(carol.show(version.ref) for version in carol.versions("near"))
        with pytest.raises(NotFetched):
            carol.read("near@1.0.3", "pipeline.joblib")

    def test_a_server_that_init_made_knows_of_filters(self, ann, tmp_path):
        Store.init(tmp_path / "own.git", bare=True)
        ann.add_remote("own", str(tmp_path / "own.git"))
        ann.push("own")

        assert lacking(Store.clone((tmp_path / "own.git").as_uri(), tmp_path / "carol")) == 3


class TestLoad:
    def test_it_fetches_that_pipeline_and_has_it_offline_from_then_on(self, ann, ben, hub):
        first = ben.load("near@production")
        assert lacking(ben) == 2
        go_away(hub)

        again = ben.load("near@1.0.1")

        expected = ann.load("near@1.0.1").predict(ROWS)
        assert (first.predict(ROWS) == expected).all()
        assert (again.predict(ROWS) == expected).all()

    def test_what_was_not_fetched_is_said_when_the_server_is_away(self, ben, hub):
        go_away(hub)

        with pytest.raises(NotFetched) as caught:
            ben.load("near@production")

        assert str(caught.value) == (
            f"{PIPELINE} of near 1.0.1 was not fetched yet, and origin cannot be reached: "
            f"'{hub}' does not appear to be a git repository"
        )
        assert caught.value.hint == (
            "try again online; `gms clone --full URL` fetches everything at once"
        )
        assert isinstance(caught.value, MissingObject)

    def test_several_come_by_one_fetch(self, ben):
        before = packs(ben)

        assert ben.verify().is_sound

        assert (packs(ben), lacking(ben)) == (before + 1, 0)

    def test_files_and_folders(self, ben, tmp_path):
        folder = ben.download("near@1.0.0", tmp_path / "got")

        assert (folder / "pipeline.joblib").stat().st_size > 100_000
        assert len(ben.read("near@1.0.2", "pipeline.joblib")) > 100_000

    def test_what_the_server_has_lost_is_missing(self, ben, hub):
        oid = git(ben.path, "rev-parse", f"near@v1.0.1:{PIPELINE}").strip()
        (hub / "objects" / oid[:2] / oid[2:]).unlink()

        with pytest.raises(MissingObject) as caught:
            ben.load("near@1.0.1")

        assert not isinstance(caught.value, NotFetched)
        assert oid in str(caught.value)

    def test_no_program_of_the_clones_own_configuration_runs(self, ben, tmp_path):
        mark = tmp_path / "ran"
        git(ben.path, "config", "remote.origin.uploadpack", f"touch {mark}; git-upload-pack")

        ben.load("near@1.0.0")

        assert not mark.exists()


class TestJudged:
    def test_what_was_left_there_is_no_damage(self, ben, hub):
        go_away(hub)
        diagnosis = ben.doctor()

        assert (diagnosis.faults, diagnosis.unexamined) == ((), ())
        assert "3 files are only on origin so far, and fetched when needed" in diagnosis.notes
        assert ben.doctor(fix=True).faults == ()
        assert ben.validate() == ()
        assert lacking(ben) == 3

    def test_damage_of_what_is_here_still_is(self, ben):
        tree = ben.path / "registry.json"
        tree.write_text(tree.read_text().replace("archived", "retired"))
        git(ben.path, "commit", "-aqm", "by hand", "--no-verify")

        assert ben.validate() != ()
        assert ben.doctor().faults != ()

    def test_verifying_fetches_and_offline_says_that_it_cannot(self, ben, hub):
        ben.verify("near@1.0.0")
        go_away(hub)

        assert ben.verify("near@1.0.0").is_sound
        with pytest.raises(NotFetched, match="and 1 more were not fetched yet"):
            ben.verify()
        done = children.gms("verify", "--all", cwd=ben.path)
        assert (done.returncode, done.stdout) == (128, "")


class TestWriting:
    def test_every_writer_works_and_a_push_brings_it_there(self, ann, ben, hub):
        version = ben.register(near(5), "near", code=None)
        ben.promote(version.ref, "production")
        ben.rollback("near")
        ben.archive("near@1.0.0")
        ben.annotate("near@1.0.2", {"seen": True})

        shared = ben.push()

        assert shared.tags == ("near@v1.0.3",)
        assert refs(hub)["refs/heads/main"] == shared.commit
        assert clean(ben)
        ann.pull()
        assert ann.verify().is_sound

    def test_others_were_first(self, ann, ben):
        ann.register(near(5), "near", code=None, push=True)
        ben.register(near(6), "near", code=None)

        shared = ben.push()

        assert shared.renumbered == {"near 1.0.3": "near 1.0.4"}
        assert clean(ben)
        ann.pull()
        assert ann.verify().is_sound

    def test_a_pull_brings_no_pipeline(self, ann, ben, hub):
        ann.register(near(5), "near", code=None, push=True)

        ben.pull()

        assert lacking(ben) == 4
        assert clean(ben)


@pytest.fixture
def url(ann: Store, hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What names the store, for somebody with a cache of his own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return hub.as_uri()


def image_of(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "gitmodelstore/stores").iterdir())


class TestByUrl:
    def test_a_pipeline_is_loaded_from_a_clone_in_the_cache(self, ann, hub, url, tmp_path):
        model = load_model("near@production", store=url)
        assert (model.predict(ROWS) == ann.load("near@1.0.1").predict(ROWS)).all()
        (name,) = image_of(tmp_path / "cache")
        assert name.startswith("hub-")
        go_away(hub)

        again = load_model("near@production", store=url)  # fetched a moment ago

        assert (again.predict(ROWS) == model.predict(ROWS)).all()

    def test_it_follows_and_says_when_it_cannot(self, ann, hub, url, tmp_path):
        store = Store.open(url)
        ann.register(near(5), "near", code=None, push=True)
        assert len(store.versions("near")) == 3  # fetched a moment ago
        (name,) = image_of(tmp_path / "cache")
        mark = tmp_path / "cache/gitmodelstore/stores" / name / "gitmodelstore-fetched"
        os.utime(mark, (0, 0))
        assert len(store.versions("near")) == 4
        go_away(hub)
        os.utime(mark, (0, 0))

        with pytest.warns(StaleWarning, match="this is the store as of 1970-01-01 00:00 UTC"):
            assert len(store.versions("near")) == 4

    def test_what_is_written_is_there_or_nowhere(self, ann, hub, url, tmp_path):
        store = Store.open(url, durable=False)

        version = store.register(near(5), "near", code=None)

        assert f"refs/tags/{version.tag}" in refs(hub)
        assert store.version("near@latest") == version
        with pytest.raises(InvalidInput, match="is always pushed"):
            store.promote(version.ref, "staging", push=False)
        (hub / "hooks" / "pre-receive").write_text("#!/bin/sh\nexit 1\n")
        (hub / "hooks" / "pre-receive").chmod(0o755)
        with pytest.raises(RemoteRefused):
            store.promote(version.ref, "production")
        assert str(store.which("near@production").version.version) == "1.0.1"
        assert len(image_of(tmp_path / "cache")) == 1
