"""From a version to a pipeline: verdicts, trust, environment, folders, large files."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier, Event
from types import FrameType

import joblib
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import (
    EnvironmentDiffers,
    EnvironmentWarning,
    IntegrityError,
    InvalidDigest,
    InvalidInput,
    NotAStore,
    RefusedPickle,
)
from gitmodelstore.operations import load as environment
from gitmodelstore.pickles import fast_load, guard, load
from gitmodelstore.plumbing import large_files, loose, processes

from . import children
from .looks import commit_by_hand, refusal

TEAM = """
from sklearn.base import BaseEstimator, TransformerMixin

class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X * 2

def innocent():
    return None
"""


@pytest.fixture
def walks(monkeypatch) -> list[str]:
    """Note each guarded walk."""
    seen: list[str] = []
    real = guard.Guard.load

    def noting(self: guard.Guard) -> object:
        if self._outer is None:
            seen.append(self.file_name)
        return real(self)

    monkeypatch.setattr(guard.Guard, "load", noting)
    return seen


@pytest.fixture
def team(tmp_path, monkeypatch):
    """A module of a team's own."""
    (tmp_path / "teamwork.py").write_text(TEAM)
    monkeypatch.syspath_prepend(tmp_path)
    import teamwork

    yield teamwork
    sys.modules.pop("teamwork", None)


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


_opened: list[str] | None = None


def _note(event: str, args: tuple[object, ...]) -> None:
    if _opened is not None and event == "open":
        _opened.append(str(args[0]))


sys.addaudithook(_note)


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Takes the name of each file that is opened."""
    names: list[str] = []
    monkeypatch.setattr(sys.modules[__name__], "_opened", names)
    return names


class TestServices:
    """A store that stays open looks once for a moved branch, and reads nothing else again."""

    @pytest.fixture
    def service(self, churn, monkeypatch) -> Store:
        monkeypatch.setattr(large_files, "SETTLED_NS", 0)  # of the folder of tags
        churn.promote("churn@1.0.0", "production")
        service = Store.open(churn.path)
        service.load("churn@production")
        service.show("churn@production")
        service.versions("churn")
        service.which("churn")
        return service

    def test_a_load_opens_branch_tag_and_pipeline(self, service, git, opened):
        pipeline = git(service.path, "rev-parse", "churn@v1.0.0:models/churn/pipeline.joblib")
        opened.clear()

        service.load("churn@production")

        names = ["refs/heads/main", "refs/tags/churn@v1.0.0"]
        names += [f"objects/{pipeline[:2]}/{pipeline[2:].strip()}"]
        assert opened == [str(service.path / ".git" / name) for name in names]

    def test_other_questions_open_no_object(self, service, opened):
        for ask in (service.show, service.versions, service.which):
            opened.clear()
            ask("churn")
            assert opened.count(str(service.path / ".git/refs/heads/main")) == 1
            assert not [name for name in opened if "objects" in name]

    def test_a_moved_branch_is_seen(self, service, churn, fitted):
        later = churn.register(fitted, "churn", code=None)
        churn.promote(later, "production")

        assert gms.version_of(service.load("churn@production")).version == later.version


class TestGarbage:
    """Python does not look for garbage while a pipeline is read, unless somebody else has it do."""

    @pytest.fixture
    def looks(self, monkeypatch) -> list[bool]:
        """Note whether garbage is looked for while bytes become objects."""
        looks: list[bool] = []
        real = load._unpickle
        monkeypatch.setattr(
            load, "_unpickle", lambda *args: looks.append(gc.isenabled()) or real(*args)
        )
        return looks

    def test_it_is_looked_for_again_afterwards(self, churn, looks):
        churn.load("churn@1.0.0")

        assert looks == [False]
        assert gc.isenabled()

    def test_whoever_does_not_want_it_is_obeyed(self, churn, looks):
        gc.disable()
        try:
            churn.load("churn@1.0.0")

            assert looks == [False]
            assert not gc.isenabled()
        finally:
            gc.enable()

    def test_also_after_what_is_refused(self, looks):
        with pytest.raises(RefusedPickle):
            load.load(b"\x80\x04cos\nsystem\n.", name="pipeline.joblib")

        assert looks == [False]
        assert gc.isenabled()

    def test_also_after_ctrl_c_at_any_moment(self):
        def strike(_: int, frame: FrameType | None) -> None:
            if frame and frame.f_code is processes.uncollected.__code__:
                raise KeyboardInterrupt

        chance, came = random.Random(0), 0  # noqa: S311 - no secret
        before = signal.signal(signal.SIGALRM, strike)
        try:
            while came < 200:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 1e-4))
                try:
                    for _ in range(200):
                        processes.uncollected(list)
                except KeyboardInterrupt:
                    came += 1
                assert gc.isenabled()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    @pytest.mark.parametrize("first", [0, 1])
    def test_two_threads_that_load_end_in_any_order(self, first):
        started, ended = Barrier(3), [Event(), Event()]

        def make(number: int) -> None:
            started.wait(10)
            ended[number].wait(10)

        with ThreadPoolExecutor(2) as pool:
            done = [pool.submit(processes.uncollected, partial(make, n)) for n in (0, 1)]
            started.wait(10)
            assert not gc.isenabled()
            for number in (first, 1 - first):
                ended[number].set()
                done[number].result(10)
        assert gc.isenabled()

    def test_a_process_that_is_forked_meanwhile_looks_for_it(self):
        def look() -> None:
            assert gc.isenabled()

        begun, forked = Event(), Event()
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(processes.uncollected, lambda: begun.set() or forked.wait(10))
            begun.wait(10)
            worker = children.start(look)
            forked.set()
            assert done.result(10)
        assert children.wait(worker) == 0
        assert gc.isenabled()


class TestVerdicts:
    def test_the_walk_is_done_once(self, churn, walks, isolated):
        first = churn.load("churn@1.0.0")
        again = churn.load("churn@1.0.0")

        assert len(walks) == 1
        assert again[-1].coef_.tobytes() == first[-1].coef_.tobytes()
        assert (isolated / ".cache" / "gitmodelstore" / "verdicts").is_file()

    def test_without_a_cache_it_is_done_each_time(self, churn, walks, isolated):
        store = Store.open(churn.path, cache=False)

        store.load("churn@1.0.0")
        store.load("churn@1.0.0")

        assert len(walks) == 2
        assert not (isolated / ".cache").exists()

    @pytest.mark.parametrize(
        "damage", ["emptied", "other text", "cut short", "unwritable", "a folder", "no home"]
    )
    def test_a_cache_that_cannot_be_used_stops_no_load(
        self, churn, walks, isolated, damage, monkeypatch
    ):
        file = isolated / ".cache" / "gitmodelstore" / "verdicts"
        churn.load("churn@1.0.0")
        if damage == "no home":
            monkeypatch.delenv("HOME")
        elif damage == "unwritable":
            file.unlink()
            monkeypatch.setattr(os, "write", full)
        elif damage == "a folder":
            file.unlink()
            file.mkdir()
        else:
            whole = file.read_text()
            texts = {"emptied": "", "other text": "x" * 64, "cut short": whole[:40]}
            file.write_text(texts[damage])

        assert Store.open(churn.path).load("churn@1.0.0") is not None
        assert len(walks) == 2

    def test_a_line_that_was_cut_short_spoils_no_other(self, churn, walks, isolated):
        file = isolated / ".cache" / "gitmodelstore" / "verdicts"
        file.parent.mkdir(parents=True)
        file.write_text("0123abcd")

        churn.load("churn@1.0.0")
        churn.load("churn@1.0.0")

        assert len(walks) == 1

    def test_a_full_one_begins_anew(self, churn, walks, isolated, monkeypatch):
        monkeypatch.setattr(large_files, "_MOST_VERDICT_BYTES", 10)
        file = isolated / ".cache" / "gitmodelstore" / "verdicts"
        for name in ("a", "b", "c"):
            large_files.Verdicts(file.parent).note(name * 64)

        assert file.stat().st_size <= 66

    def test_other_rules_or_libraries_look_again(self, churn, walks, monkeypatch):
        churn.load("churn@1.0.0")
        monkeypatch.setattr(load.rights, "RULES", 0)
        churn.load("churn@1.0.0")
        monkeypatch.setattr(load, "_versions", lambda: ("scikit-learn 0.0",))
        churn.load("churn@1.0.0")

        assert len(walks) == 3

    def test_the_fast_way_obeys_the_table_too(self, churn, monkeypatch):
        churn.load("churn@1.0.0")
        monkeypatch.setattr(fast_load.rights, "listed", lambda *_: None)
        monkeypatch.setattr(fast_load.rights, "may_be_of_scikit_learn", lambda *_: False)
        fast_load.find_known.cache_clear()

        with pytest.raises(RefusedPickle):
            churn.load("churn@1.0.0")


NEVER_TRUSTED = {
    "is not your own": ("subprocess", "numpy", "sklearn.utils"),
    "may do more than a pipeline needs": (
        *("os.path", "posix.system", "builtins.exec", "numpy.load", "joblib.load"),
        *("pandas.read_pickle", "subprocess.Popen", "pandas.core.frame.DataFrame.to_pickle"),
    ),
    "is not the name of a package": ("my package",),
}


class TestTrust:
    @pytest.fixture
    def doubled(self, store, team, fitted, X_train, y_train) -> Store:
        pipeline = make_pipeline(team.Doubler(), *[clone(step) for _, step in fitted.steps])
        store.register(pipeline.fit(X_train, y_train), "churn", code=None)
        return store

    def test_a_class_of_the_team_is_refused_with_the_way_out(self, doubled):
        with pytest.raises(RefusedPickle) as caught:
            doubled.load("churn@1.0.0")

        assert caught.value.name == "teamwork.Doubler"
        assert (
            "trusted=['teamwork.Doubler'] in Python, or `gms trust add teamwork.Doubler`"
            in caught.value.hint
        )

    @pytest.mark.parametrize("name", ["teamwork", "teamwork.Doubler"])
    def test_the_caller_can_trust_it(self, doubled, name, X_test):
        pipeline = Store.open(doubled.path, trusted=[name]).load("churn@1.0.0")

        assert pipeline.predict(X_test).shape == (len(X_test),)
        again = gms.load_model("churn@1.0.0", store=doubled.path, trusted=[name])
        assert again.predict(X_test).tolist() == pipeline.predict(X_test).tolist()

    @pytest.mark.parametrize("who", ["the environment", "the user", "the project"])
    def test_others_can(self, doubled, isolated, tmp_path, monkeypatch, who):
        if who == "the environment":
            monkeypatch.setenv("GITMODELSTORE_TRUSTED", "something, teamwork")
        elif who == "the user":
            file = isolated / ".config" / "gitmodelstore" / "config.toml"
            file.parent.mkdir(parents=True)
            file.write_text('trusted = ["teamwork"]\n')
        else:
            text = '[tool.gitmodelstore]\ntrusted = ["teamwork"]\n'
            (tmp_path / "pyproject.toml").write_text(text)
            monkeypatch.chdir(tmp_path)

        assert doubled.load("churn@1.0.0") is not None

    def test_the_store_cannot(self, doubled, git):
        (doubled.path / "modelstore.toml").write_text('schema = "1.0"\n')
        git(doubled.path, "config", "gitmodelstore.trusted", "teamwork")
        manifest = json.loads((doubled.path / "models/churn/manifest.json").read_text())
        (globals_,) = (held["globals"] for held in manifest["artifacts"] if "globals" in held)
        assert "teamwork.Doubler" in globals_

        with pytest.raises(RefusedPickle):
            Store.open(doubled.path).load("churn@1.0.0")

    def test_a_pyproject_that_a_store_brought_cannot(self, doubled, git, monkeypatch):
        (doubled.path / "pyproject.toml").write_text(
            '[tool.gitmodelstore]\ntrusted = ["teamwork"]\n'
        )
        git(doubled.path, "add", "pyproject.toml")
        monkeypatch.chdir(doubled.path / "models")

        with pytest.raises(RefusedPickle):
            Store.open(doubled.path).load("churn@1.0.0")

    @pytest.mark.parametrize(
        ("why", "name"), [(why, name) for why, names in NEVER_TRUSTED.items() for name in names]
    )
    def test_what_is_never_trusted(self, doubled, why, name):
        with pytest.raises(InvalidInput, match=why):
            Store.open(doubled.path, trusted=[name]).load("churn@1.0.0")

    def test_a_function_of_a_trusted_package_is_refused(self, store, team, tmp_path):
        joblib.dump(team.innocent, tmp_path / "function.joblib")

        with pytest.raises(
            RefusedPickle, match="is not a class, and trust in a package covers only its classes"
        ):
            load.load_file(tmp_path / "function.joblib", load.Reader(load.Trust.of(["teamwork"])))

    def test_a_verdict_of_one_who_trusts_is_none_of_one_who_does_not(self, doubled):
        Store.open(doubled.path, trusted=["teamwork"]).load("churn@1.0.0")

        with pytest.raises(RefusedPickle):
            Store.open(doubled.path).load("churn@1.0.0")

    def test_loading_unsafely_is_another_call(self, doubled, X_test):
        assert doubled.load_unsafe("churn@1.0.0").predict(X_test).shape == (len(X_test),)

    def test_registering_tells_whom_readers_have_to_trust(
        self, store, team, fitted, X_train, y_train, notes
    ):
        telling = Store.open(store.path, notify=notes.append)
        pipeline = make_pipeline(team.Doubler(), *[clone(step) for _, step in fitted.steps])

        telling.register(pipeline.fit(X_train, y_train), "churn", code=None)

        assert "readers must trust: teamwork.Doubler (`gms trust add teamwork.Doubler`)" in notes


class TestEnvironment:
    @pytest.fixture
    def elsewhere(self, churn, monkeypatch) -> Store:
        """A store of which this is not the machine it was trained on."""
        real = environment._present
        versions = {"scikit-learn": "0.24.2", "numpy": real("numpy") + "9"}
        monkeypatch.setattr(environment, "_present", lambda name: versions.get(name, real(name)))
        return churn

    def test_the_same_says_nothing(self, churn):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            churn.load("churn@1.0.0")
            churn.load("churn@1.0.0", environment="exact")

    def test_one_warning_says_what_differs_and_how_to_check(self, elsewhere):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            elsewhere.load("churn@1.0.0")

        (warning,) = caught
        assert warning.category is EnvironmentWarning
        assert warning.filename == __file__
        said = str(warning.message)
        assert said.startswith("churn 1.0.0 was trained with different versions: scikit-learn ")
        assert ", here 0.24.2; numpy " in said
        assert said.endswith(
            "check whether it gives the same answers: gms verify churn@1.0.0 --replay"
        )

    def test_what_hardly_counts_is_no_warning(self, churn, monkeypatch):
        real = environment._present
        monkeypatch.setattr(
            environment,
            "_present",
            lambda name: real(name) + ".9" if name == "numpy" else real(name),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            churn.load("churn@1.0.0")

        with pytest.raises(EnvironmentDiffers):
            churn.load("churn@1.0.0", environment="exact")

    def test_exact_refuses_and_ignore_is_silent(self, elsewhere):
        with pytest.raises(EnvironmentDiffers) as caught:
            elsewhere.load("churn@1.0.0", environment="exact")
        assert caught.value.hint == "install what `gms cat churn@1.0.0:requirements.txt` lists"

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            elsewhere.load("churn@1.0.0", environment="ignore")

    def test_another_word_is_refused(self, churn):
        with pytest.raises(InvalidInput, match="environment='strict' is not valid"):
            churn.load("churn@1.0.0", environment="strict")

    def test_the_warnings_of_scikit_learn_are_folded_into_it(self, elsewhere, monkeypatch):
        import sklearn.base

        monkeypatch.setattr(sklearn.base, "__version__", "0.24.2")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            elsewhere.load("churn@1.0.0")

        assert [warning.category for warning in caught] == [EnvironmentWarning]


class TestFolders:
    @pytest.fixture
    def folder(self, churn, tmp_path) -> Path:
        return churn.download("churn@1.0.0", tmp_path / "srv" / "churn")

    def test_it_loads_and_says_which_version_it_is(self, folder, fitted, X_test):
        pipeline = gms.load_model(folder)

        assert pipeline.predict_proba(X_test).tobytes() == fitted.predict_proba(X_test).tobytes()
        assert str(gms.version_of(pipeline)) == "churn 1.0.0"
        assert gms.load_model(str(folder)) is not None

    def test_it_needs_no_git_no_home_and_no_disk(self, folder, tmp_path):
        program = (
            "import sys, os\n"
            "from gitmodelstore import load_model\n"
            f"print(load_model({str(folder)!r}).predict([[0.0] * 30]).shape)\n"
            "print(sorted({'pygit2', 'git', 'subprocess'} & set(sys.modules) - {'subprocess'}))\n"
        )
        for path in (folder, *folder.iterdir()):
            path.chmod(path.stat().st_mode & ~0o222)
        root = str(Path(gms.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            env={"PATH": "/nowhere", "PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            capture_output=True,
            text=True,
        )
        folder.chmod(0o755)

        assert (done.stdout, done.stderr) == ("(1,)\n[]\n", "")

    def test_a_pinned_manifest_must_be_that_one(self, folder):
        digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()

        assert gms.load_model(folder, digest=digest) is not None
        assert gms.load_model(folder, digest=f"sha256:{digest}") is not None
        with pytest.raises(IntegrityError, match="is not the manifest that was pinned"):
            gms.load_model(folder, digest="0" * 64)
        with pytest.raises(InvalidDigest):
            gms.load_model(folder, digest="md5:12")

    @pytest.mark.parametrize("damage", ["flipped", "cut short", "longer", "gone"])
    def test_another_pipeline_is_refused(self, folder, damage):
        path = folder / "pipeline.joblib"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.unlink()
        if damage != "gone":
            path.write_bytes(
                {"flipped": data, "cut short": data[:-9], "longer": data + b"."}[damage]
            )

        with pytest.raises(IntegrityError, match=r"pipeline\.joblib"):
            gms.load_model(folder)

    def test_no_such_folder(self, tmp_path):
        kind, message, hint = refusal(gms.load_model, tmp_path / "nowhere")

        assert (kind, hint) == (NotAStore, "write one there with `gms get REF -o DIR`")
        assert "does not contain a version: manifest.json cannot be read" in message

    def test_a_warm_one_is_read_fast_by_whoever_pins_it(self, churn, tmp_path, walks, monkeypatch):
        folder = churn.download("churn@1.0.0", tmp_path / "warm", warm=True)
        digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        monkeypatch.delenv("HOME")
        walks.clear()

        gms.load_model(folder, digest=digest)
        assert walks == []
        gms.load_model(folder)
        assert len(walks) == 1

    def test_several_threads_load_at_once(self, folder, X_test):
        def answer(_: int) -> bytes:
            return gms.load_model(folder).predict_proba(X_test).tobytes()

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(answer, range(8)))) == 1


class TestLargeFiles:
    @pytest.fixture
    def large(self, store, git, fitted) -> Store:
        settings = 'schema = "1.0"\n[storage]\nlfs_threshold = "1 KiB"\n'
        commit_by_hand(store.path, "modelstore.toml", settings)
        store.register(fitted, "churn", code=None)
        return store

    @pytest.fixture
    def hashes(self, monkeypatch) -> list[str | None]:
        """Note the digest of each large file that is read; None where it was remembered."""
        seen: list[str | None] = []
        real = large_files.read

        def noting(*args: object) -> large_files.Content:
            content = real(*args)  # type: ignore[arg-type]
            is_mapped = type(content.data.obj).__name__ == "mmap"
            seen.append(None if is_mapped else content.sha256)
            return content

        monkeypatch.setattr(large_files, "read", noting)
        return seen

    @pytest.fixture
    def settled(self, monkeypatch) -> None:
        monkeypatch.setattr(large_files, "SETTLED_NS", 0)

    @pytest.fixture
    def file(self, large) -> Path:
        objects = large.path / ".git/lfs/objects"
        return next(path for path in objects.rglob("*") if path.is_file())

    def test_a_remembered_one_is_mapped_and_not_hashed(self, large, hashes, settled, X_test):
        first = large.load("churn@1.0.0").predict_proba(X_test)
        again = large.load("churn@1.0.0").predict_proba(X_test)

        assert [found is None for found in hashes] == [False, True]
        assert again.tobytes() == first.tobytes()

    def test_what_was_just_written_is_not_remembered(self, large, hashes):
        large.load("churn@1.0.0")
        large.load("churn@1.0.0")

        assert None not in hashes

    def test_a_file_that_others_could_write_is_not(self, large, hashes, settled, file):
        file.chmod(0o644)

        large.load("churn@1.0.0")
        large.load("churn@1.0.0")

        assert None not in hashes

    def test_another_file_of_that_name_is_hashed_again(self, large, hashes, settled, file):
        large.load("churn@1.0.0")
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.unlink()
        file.write_bytes(data)
        file.chmod(0o444)

        with pytest.raises(IntegrityError):
            large.load("churn@1.0.0")

    @pytest.fixture
    def streamed(self, churn, monkeypatch, settled) -> list[int]:
        """Note each time that churn 1.0.0, which is as if it were larger, is hashed."""
        monkeypatch.setattr(loose, "MOST_WHOLE_BYTES", 0)
        monkeypatch.setattr(loose, "_as_stored", lambda _: None)
        hashed: list[int] = []
        real = large_files._Hasher.end
        monkeypatch.setattr(
            large_files._Hasher, "end", lambda hasher: hashed.append(1) or real(hasher)
        )
        return hashed

    def object_file(self, store: Store, git) -> Path:
        oid = git(store.path, "rev-parse", "churn@v1.0.0:models/churn/pipeline.joblib").strip()
        return store.path / ".git/objects" / oid[:2] / oid[2:]

    def test_a_large_blob_is_hashed_once_too(self, churn, streamed, X_test):
        first = churn.load("churn@1.0.0").predict_proba(X_test)
        assert len(streamed) == 1
        again = churn.load("churn@1.0.0").predict_proba(X_test)

        assert len(streamed) == 1
        assert again.tobytes() == first.tobytes()

    def test_but_not_where_others_could_write_it(self, churn, git, streamed):
        self.object_file(churn, git).chmod(0o644)

        churn.load("churn@1.0.0")
        churn.load("churn@1.0.0")

        assert len(streamed) == 2

    def test_nor_where_it_was_just_written(self, churn, streamed, monkeypatch):
        monkeypatch.setattr(large_files, "SETTLED_NS", 10**12)

        churn.load("churn@1.0.0")
        churn.load("churn@1.0.0")

        assert len(streamed) == 2

    def test_another_file_in_its_place_is_hashed(self, churn, git, streamed):
        churn.load("churn@1.0.0")
        file = self.object_file(churn, git)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.unlink()
        file.write_bytes(data)
        file.chmod(0o444)

        with pytest.raises(IntegrityError):
            churn.load("churn@1.0.0")

    def test_writing_to_the_arrays_changes_no_file(self, large, settled):
        large.load("churn@1.0.0")
        pipeline = large.load("churn@1.0.0")
        pipeline[-1].coef_[:] = 0

        assert large.load("churn@1.0.0")[-1].coef_.any()

    def test_memory_is_private_to_the_process(self):
        memory = large_files.private_memory(8 << 20)
        child = os.fork()
        if child == 0:
            memory[0] = 7
            os._exit(0)
        os.waitpid(child, 0)

        assert memory[0] == 0

    def test_verify_hashes_always(self, large, hashes, settled):
        large.load("churn@1.0.0")
        large.load("churn@1.0.0")
        hashes.clear()

        assert large.verify("churn@1.0.0").is_sound
        assert None not in hashes
