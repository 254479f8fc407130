"""Those who use a store and hold little of it: pipelines are fetched when they are loaded."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store, load_model
from gitmodelstore.cli.main import main
from gitmodelstore.errors import (
    CannotWork,
    GateNotPassed,
    GitFailed,
    InvalidInput,
    MissingObject,
    NotAStore,
    NotFetched,
    RemoteRefused,
    RemoteUnreachable,
    StaleWarning,
    UnreadWarning,
)
from gitmodelstore.plumbing import remotes
from tests.store import children

from .conftest import Copied
from .hosts import PASSWORD, USER, serving
from .looks import commit_by_hand, git
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
    # What a push does, and five times as fast.
    git(hub, "fetch", "--quiet", str(store.path), "refs/heads/*:refs/heads/*", "--tags")
    git(store.path, "remote", "add", "origin", str(hub))
    git(store.path, "fetch", "--quiet", "origin")
    git(store.path, "branch", "--quiet", "--set-upstream-to=origin/main")
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
    def test_a_first_load_brings_one_pipeline_and_little_else(self, ben):
        ben.load("near@production")

        came = sum(path.stat().st_size for path in (ben.path / ".git/objects/pack").iterdir())
        (size,) = (a.size_bytes for a in ben.show("near@production").artifacts if a.globals)
        assert size > 100_000
        assert came < size + 20_000

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
        git(hub, "symbolic-ref", "HEAD", "refs/heads/master")  # as `git init` may have it
        notes: list[str] = []

        carol = Store.clone(hub.as_uri(), tmp_path / "carol", notify=notes.append, durable=False)

        assert notes == [
            "everything was fetched, because the server ignores filters; to change that, run "
            "there: git config uploadpack.allowFilter true && git config "
            "uploadpack.allowAnySHA1InWant true"
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

    def test_another_remote_gets_all_of_it_by_one_fetch(self, ben, hub, tmp_path):
        git(tmp_path, "init", "--quiet", "--bare", "-b", "main", "backup.git")
        carol = Store.clone(hub.as_uri(), tmp_path / "carol", durable=False)
        for store in (ben, carol):
            store.add_remote("backup", str(tmp_path / "backup.git"))
        before = packs(ben)

        ben.push("backup")

        assert (packs(ben), lacking(ben)) == (before + 1, 0)
        git(tmp_path / "backup.git", "fsck", "--strict", "--connectivity-only")
        carol.annotate("near@1.0.0", {"reviewed": True})
        assert carol.push("backup").sent == 1
        assert lacking(carol) == 3

    def test_others_were_first(self, ann, ben):
        ann.register(near(5), "near", code=None, push=True)
        ben.register(near(6), "near", code=None)

        assert ben.push().renumbered == {"near 1.0.3": "near 1.0.4"}
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


def cached_at(tmp_path: Path) -> Path:
    (place,) = (tmp_path / "cache/gitmodelstore/stores").glob("[!.]*")
    return place


def wait_a_minute(place: Path) -> None:
    """Have the last try lie 61 seconds back."""
    then = time.time() - 61
    os.utime(place / "gitmodelstore-fetched", (then, then))


class TestByUrl:
    def test_a_pipeline_is_loaded_from_a_clone_in_the_cache(self, ann, hub, url, tmp_path):
        model = load_model("near@production", store=url)
        assert (model.predict(ROWS) == ann.load("near@1.0.1").predict(ROWS)).all()
        assert cached_at(tmp_path).name.startswith("hub-")
        go_away(hub)

        again = load_model("near@production", store=url)  # fetched a moment ago

        assert (again.predict(ROWS) == model.predict(ROWS)).all()

    def test_it_follows_and_says_when_it_cannot(self, ann, hub, url, tmp_path):
        store = Store.open(url)
        place = cached_at(tmp_path)
        ann.register(near(5), "near", code=None, push=True)
        assert len(store.versions("near")) == 3  # fetched a moment ago
        wait_a_minute(place)
        assert len(store.versions("near")) == 4
        go_away(hub)
        wait_a_minute(place)

        with pytest.warns(
            StaleWarning, match=r"this is the store as of 20\d\d-\d\d-\d\d \d\d:\d\d UTC"
        ):
            assert len(store.versions("near")) == 4

    def test_what_failed_is_not_tried_again_at_once(self, ann, hub, url, tmp_path):
        store = Store.open(url)
        place = cached_at(tmp_path)
        go_away(hub)
        wait_a_minute(place)
        with pytest.warns(StaleWarning, match="origin cannot be reached"):
            store.models()
        hub.with_name("away.git").rename(hub)
        ann.register(near(5), "near", code=None, push=True)

        assert len(store.versions("near")) == 3
        with pytest.warns(StaleWarning, match="origin cannot be reached"):  # of that time
            Store.open(url)
        wait_a_minute(place)
        assert len(store.versions("near")) == 4

    def test_a_setting_says_how_often(self, ann, url, monkeypatch):
        store = Store.open(url)
        ann.register(near(5), "near", code=None, push=True)
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "store.fetchSeconds")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "0")
        assert len(store.versions("near")) == 4
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "often")

        with pytest.raises(InvalidInput, match="is not a number of seconds: 'often'"):
            store.versions("near")

    def test_a_branch_that_was_reset_is_accepted_when_that_is_typed(
        self, ann, hub, url, tmp_path, capsys
    ):
        store = Store.open(url)
        git(hub, "update-ref", "refs/heads/main", "main~1")
        wait_a_minute(cached_at(tmp_path))
        with pytest.warns(StaleWarning, match="was reset.*gms fetch --force"):
            assert str(store.which("near@production").version.version) == "1.0.1"
        with pytest.raises(RemoteRefused, match="was reset"):
            store.promote("near@1.0.2", "production")

        with pytest.warns(StaleWarning):
            main(["-C", url, "fetch", "--force"])

        assert str(store.which("near@production").version.version) == "1.0.0"

    def test_what_is_written_is_there_or_nowhere(self, ann, hub, url, tmp_path):
        store = Store.open(url, durable=False)

        version = store.register(near(5), "near", code=None)

        assert f"refs/tags/{version.tag}" in refs(hub)
        assert store.version("near@latest") == version
        with pytest.raises(InvalidInput, match="are always pushed"):
            store.promote(version.ref, "staging", push=False)
        (hub / "hooks" / "pre-receive").write_text("#!/bin/sh\nexit 1\n")
        (hub / "hooks" / "pre-receive").chmod(0o755)
        with pytest.raises(RemoteRefused):
            store.promote(version.ref, "production")
        go_away(hub)
        with pytest.raises(RemoteUnreachable):
            store.promote(version.ref, "production")
        assert str(store.which("near@production").version.version) == "1.0.1"
        assert git(cached_at(tmp_path), "count-objects", "-v").startswith("count: 0\n")

    def test_what_needs_a_clone_of_its_own_says_so(self, url, capsys):
        store = Store.open(url)
        for refused in (
            lambda: store.add_remote("backup", "elsewhere"),
            lambda: store.doctor(fix=True),
        ):
            with pytest.raises(InvalidInput, match="needs a clone of your own"):
                refused()
        assert main(["-C", url, "hook", "install"]) == 1
        assert "a hook needs a clone of your own" in capsys.readouterr().err
        assert store.doctor().is_sound
        assert store.pull().received == 0

    @pytest.mark.parametrize(
        "harm",
        [
            "elsewhere",
            "cut",
            *(
                pytest.param(one, marks=pytest.mark.long)
                for one in ("truncated", "empty", "no mark")
            ),
        ],
    )
    def test_a_clone_that_is_damaged_or_of_something_else_is_made_anew(self, url, tmp_path, harm):
        children.run(lambda: Store.open(url))
        place = cached_at(tmp_path)
        if harm == "truncated":
            for pack in place.glob("objects/pack/*.pack"):
                pack.chmod(0o600)
                pack.write_bytes(pack.read_bytes()[:100])
        elif harm == "cut":
            (place / "HEAD").unlink()
        elif harm == "empty":
            shutil.rmtree(place)
            place.mkdir()
        elif harm == "elsewhere":
            git(place, "config", "remote.origin.url", str(tmp_path / "evil.git"))
        else:
            (place / "gitmodelstore-fetched").unlink()

        assert len(Store.open(url).versions("near")) == 3

        assert git(cached_at(tmp_path), "config", "remote.origin.url").strip() == url
        assert Store.open(url).verify().is_sound

    def test_by_the_variable_and_by_an_address_as_ssh_has_it(
        self, ann, hub, url, tmp_path, monkeypatch
    ):
        ssh = tmp_path / "ssh"
        ssh.write_text('#!/bin/sh\nshift $(($# - 1)); exec sh -c "$1"\n')
        ssh.chmod(0o755)
        git(hub, "config", "uploadpack.allowAnySHA1InWant", "true")
        monkeypatch.setenv("GIT_SSH", str(ssh))
        monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
        monkeypatch.chdir(tmp_path)
        for number, address in enumerate((f"server:{hub}", f"ann@server:{hub}", url), 1):
            monkeypatch.setenv("GITMODELSTORE", address)

            assert len(Store.open().versions("near")) == 3
            assert load_model("near@production").predict(ROWS).shape == (5,)

            assert len(list((tmp_path / "cache/gitmodelstore/stores").iterdir())) == number

    @pytest.mark.parametrize("count", [1, pytest.param(4, marks=pytest.mark.long)])
    def test_several_processes_make_it_follow_it_and_write_through_it_at_once(
        self, ann, hub, url, tmp_path, count
    ):
        def read() -> None:
            warnings.simplefilter("error", StaleWarning)
            store = Store.open(url)
            place = cached_at(tmp_path)
            for _ in range(5):
                wait_a_minute(place)
                assert len(store.versions("near")) >= 3
            assert store.load("near@1.0.2").predict(ROWS).shape == (5,)

        def write(seed: int) -> None:
            store = Store.open(url, durable=False)
            version = store.register(near(seed), "near", code=None)
            assert store.version(version.ref) == version

        works = [read] * 2 + [partial(write, 5 + number) for number in range(2 * count)]
        pids = [children.start(work) for work in works]

        assert [children.wait(pid) for pid in pids] == [0] * len(works)
        assert len(Store.open(url).versions("near")) == 3 + 2 * count
        assert Store.open(url).verify().is_sound
        ann.pull()
        assert len(ann.versions("near")) == 3 + 2 * count

    @pytest.mark.long
    def test_what_was_killed_in_the_middle_is_in_nobodys_way(self, url, tmp_path):
        for seconds in (0.02, 0.1, 0.2):
            pid = children.start(
                lambda: Store.open(url, durable=False).register(near(5), "near", code=None)
            )
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
            children.wait(pid)

            assert len(Store.open(url).versions("near")) >= 3

        stores = tmp_path / "cache/gitmodelstore/stores"
        for left in stores.glob(".*"):
            os.utime(left, (0, 0))
        Store.open(url).annotate("near@1.0.1", {"note": "seen"})
        assert list(stores.iterdir()) == [cached_at(tmp_path)]

    def test_a_password_in_it_is_used_and_goes_nowhere(
        self, ann, hub, tmp_path, monkeypatch, capfd
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        written = tmp_path / "written"
        git(tmp_path, "config", "--global", "credential.helper", f"store --file={written}")
        with serving(tmp_path) as host:
            url = f"{host.url}/hub.git"
            for login in (f"{USER}:wrong@", f"{USER}@", ""):
                with pytest.raises(GitFailed, match=f"cannot clone '{url}'"):
                    Store.open(url.replace("//", f"//{login}"))
            with pytest.raises(GitFailed, match=f"cannot clone '{url}'"):
                Store.clone(url.replace("//", f"//{USER}:wrong@"), tmp_path / "clone")

            store = Store.open(url.replace("//", f"//{USER}:{PASSWORD}@"), durable=False)

            assert store.load("near@1.0.0").predict(ROWS).shape == (5,)
            store.promote("near@1.0.2", "production")
            assert store.remotes == {"origin": url}
        wait_a_minute(cached_at(tmp_path))
        with pytest.warns(StaleWarning) as caught:
            assert str(store.which("near@production").version.version) == "1.0.2"
        shown = [str(caught[0].message), *capfd.readouterr(), repr(store)]
        files = [path.read_bytes() for path in cached_at(tmp_path).rglob("*") if path.is_file()]
        assert all(PASSWORD not in text for text in shown)
        assert all(PASSWORD.encode() not in data for data in [*files, pickle.dumps(store)])
        assert not written.exists()

    def test_a_server_that_ignores_filters_is_noticed(self, hub, url, tmp_path):
        git(hub, "config", "uploadpack.allowFilter", "false")
        git(hub, "symbolic-ref", "HEAD", "refs/heads/master")  # as `git init` may have it
        notes: list[str] = []

        store = Store.open(url, notify=notes.append)

        assert [note.partition(";")[0] for note in notes] == [
            "everything was fetched, because the server ignores filters"
        ]
        assert lacking(store) == 0
        assert store.doctor().is_sound  # though it has no hooks, and that HEAD

    def test_what_could_start_a_program_is_refused(self, url, tmp_path):
        for address in ("ext::sh -c touch% evil", "--upload-pack=touch evil:x", "fd::17"):
            with pytest.raises(InvalidInput, match="is not the location of a repository"):
                Store.open(address)
        assert not (tmp_path / "cache").exists()

    def test_a_submodule_in_it_is_nothing_to_it(self, ann, hub, url, tmp_path):
        git(tmp_path, "config", "--global", "submodule.recurse", "true")
        modules = f'[submodule "evil"]\n\tpath = evil\n\turl = ext::touch% {tmp_path}/evil\n'
        commit_by_hand(ann.path, ".gitmodules", modules)
        oid = git(ann.path, "rev-parse", "HEAD").strip()
        git(ann.path, "update-index", "--add", "--cacheinfo", f"160000,{oid},evil")
        git(ann.path, "commit", "--quiet", "-m", "a submodule", "--no-verify")
        git(ann.path, "push", "--quiet", str(hub), "main")

        assert load_model("near@1.0.2", store=url).predict(ROWS).shape == (5,)
        assert not (tmp_path / "evil").exists()

    def test_what_others_may_write_to_is_no_cache(self, url, tmp_path):
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache").chmod(0o777)

        with pytest.raises(CannotWork, match="others may write to"):
            Store.open(url)

        assert list((tmp_path / "cache").iterdir()) == []


def night(store: Store, verb: str, ref: str) -> None:
    """Put a version into production, and have the remote know."""
    if verb == "rollback":
        store.rollback("near", reason="drift", push=True)
    else:
        store.promote(ref, "production", push=True)


class TestNight:
    """Who rolls back, or promotes, and must have it on the remote, holds none of the bytes."""

    @pytest.mark.parametrize("verb", ["rollback", "promote"])
    def test_it_fetches_checks_replays_and_lands_in_one_commit(self, ann, ben, hub, verb):
        ann.register(near(3), "near", code=None, push=True)  # of which Ben knows nothing yet
        ann.promote("near@1.0.2", "production", push=True)
        notes: list[str] = []
        ben = Store.open(ben.path, notify=notes.append, durable=False)
        before = git(hub, "rev-parse", "main").strip()

        if verb == "promote":  # which fetches nothing before, as `register` does not
            ben.pull()
        night(ben, verb, "near@1.0.1")

        assert git(hub, "rev-parse", "main~1").strip() == before
        assert refs(hub)["refs/heads/main"] == refs(ben.path)["refs/heads/main"]
        assert lacking(ben) < 4  # what was replayed is here
        ann.pull()
        assert str(ann.version("near@production")) == "near 1.0.1"
        assert ben.validate() == () == ann.validate()

    @pytest.mark.parametrize("verb", ["rollback", "promote"])
    def test_with_the_remote_down_nothing_changes(self, ben, hub, verb):
        go_away(hub)
        before, pack = refs(ben.path), packs(ben)

        with pytest.raises((RemoteUnreachable, GateNotPassed)) as caught:
            night(ben, verb, "near@1.0.2")

        said = f"{caught.value} {caught.value.hint}"
        assert "origin cannot be reached" in said
        assert str(hub) in said
        assert (refs(ben.path), packs(ben)) == (before, pack)
        assert git(ben.path, "status", "--porcelain") == ""


@pytest.mark.long
@pytest.mark.parametrize("hands", ["rename", "remove"])
def test_the_remote_of_a_partial_clone_is_renamed_or_removed(ben, hub, tmp_path, hands):
    git(ben.path, "remote", hands, "origin", *(["team"] if hands == "rename" else []))
    ben = Store.open(ben.path, durable=False)
    if hands == "remove":
        with pytest.raises(MissingObject):
            ben.load("near@latest")
        git(ben.path, "remote", "add", "origin", hub.as_uri())
        git(ben.path, "config", "remote.origin.promisor", "true")
        ben = Store.open(ben.path, durable=False)
    assert ben.load("near@latest") is not None
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(tmp_path / "other.git"))
    ben.add_remote("other", str(tmp_path / "other.git"))

    assert len(ben.push("other").tags) == 3

    assert git(tmp_path / "other.git", "fsck", "--no-dangling") == ""
    assert Store.open(tmp_path / "other.git").load("near@1.0.0") is not None


class TestSources:
    def test_a_shallow_clone_is_not_cloned(self, ann, hub, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        place = tmp_path / "shallow"
        git(tmp_path, "clone", "--quiet", "--depth=1", hub.as_uri(), str(place))
        git(place, "config", "uploadpack.allowFilter", "true")

        for take in (
            lambda: Store.clone(str(place), tmp_path / "ben"),
            lambda: Store.clone(place.as_uri(), tmp_path / "ben"),
            lambda: Store.open(place.as_uri()),
        ):
            with pytest.raises(
                GitFailed, match="it is a shallow clone, which lacks part of the history"
            ):
                take()
        assert not (tmp_path / "ben").exists()

    def test_a_remote_that_became_shallow_or_partial_is_named(self, ann, ben, hub, tmp_path):
        ann.register(near(7), "far", code=None, push=True)
        ben.pull()
        ann.register(near(5), "near", code=None, push=True)
        source = hub.rename(tmp_path / "source.git").as_uri()
        git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", source, str(hub))
        with pytest.raises(RemoteUnreachable, match="it is a partial clone, which lacks what"):
            ben.fetch()

        shutil.rmtree(hub)
        git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", source, str(hub))
        for key in ("allowFilter", "allowAnySHA1InWant"):
            git(hub, "config", f"uploadpack.{key}", "true")
        before = refs(ben.path), packs(ben)
        for take in (ben.fetch, ben.pull):
            with pytest.raises(RemoteUnreachable, match="it is a shallow clone, which lacks"):
                take()
        assert (refs(ben.path), packs(ben)) == before
        assert ben.load("far@1.0.0").predict(ROWS).shape == (5,)
        ben.annotate("far@1.0.0", {"note": "seen"})
        with pytest.raises(RemoteUnreachable, match="it is a shallow clone, which lacks"):
            ben.push()

    def test_in_a_shallow_clone_what_is_here_is_read_and_gone_on_with(self, ann, hub, tmp_path):
        git(tmp_path, "clone", "--quiet", "--depth=1", hub.as_uri(), "shallow")
        store = Store.open(tmp_path / "shallow", durable=False)

        assert store.load("near@1.0.2").predict(ROWS).shape == (5,)
        for ask in (store.load, store.show):
            with pytest.raises(MissingObject, match="is not in this clone, which is shallow"):
                ask("near@production")
        with pytest.warns(UnreadWarning, match="fetch it: git fetch --unshallow --tags origin"):
            assert list(store.log()) == []
        version = store.register(near(5), "near", code=None, push=True)
        store.promote(version.ref, "production", push=True)
        git(store.path, "fetch", "--quiet", "--unshallow", "--tags", "origin")

        ann.pull()
        for one in (ann, Store.open(store.path)):
            assert one.which("near@production").version.version == version.version
            assert one.verify().is_sound
            assert len(list(one.log("near"))) == 9

    def test_a_mirror_is_read_and_not_written_to(self, ann, hub, tmp_path):
        git(tmp_path, "clone", "--quiet", "--mirror", hub.as_uri(), "mirror.git")
        store = Store.open(tmp_path / "mirror.git")
        for write in (
            lambda: store.promote("near@1.0.2", "production"),
            lambda: store.register(near(5), "near", code=None, push=True),
            lambda: store.doctor(fix=True),
        ):
            with pytest.raises(InvalidInput, match="this is a mirror, and the next fetch would"):
                write()
        ann.register(near(5), "near", code=None, push=True)

        store.pull()

        assert store.verify().is_sound
        assert store.load("near@1.0.3").predict(ROWS).shape == (5,)
        ben = Store.clone(store.path.as_uri(), tmp_path / "ben", durable=False)
        assert ben.load("near@1.0.3").predict(ROWS).shape == (5,)

    def test_a_bundle_is_cloned_and_takes_nothing(self, ann, hub, tmp_path):
        whole, part = tmp_path / "whole.bundle", tmp_path / "part.bundle"
        git(ann.path, "bundle", "create", "--quiet", str(whole), "--all")
        git(ann.path, "bundle", "create", "--quiet", str(part), "main~1..main")

        ben = Store.clone(str(whole), tmp_path / "ben", durable=False)

        assert ben.verify().is_sound
        assert ben.pull().received == 0
        with pytest.raises(InvalidInput, match="origin is a bundle, and nothing can be pushed"):
            ben.promote("near@1.0.2", "production", push=True)
        assert str(ben.which("near@production").version.version) == "1.0.1"
        git(ben.path, "remote", "set-url", "origin", str(hub))
        ben.promote("near@1.0.2", "production", push=True)
        with pytest.raises(GitFailed, match="it is a bundle with only part of the history"):
            Store.clone(str(part), tmp_path / "carol")
        with pytest.raises(NotAStore) as caught:
            Store.open(str(whole))
        assert caught.value.hint == "name the folder of the store; clone a bundle first"
