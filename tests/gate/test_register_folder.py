"""A folder made by hand, copied in, or written by `get` becomes a right version."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest

from gitmodelstore import Store
from gitmodelstore.errors import (
    IntegrityError,
    InvalidInput,
    LocalChanges,
    NotAStore,
    RefusedPickle,
    StoreError,
    VersionExists,
)
from gitmodelstore.operations import publish as publishing
from gitmodelstore.operations.init import set_up
from gitmodelstore.plumbing import refs, worktree
from gitmodelstore.plumbing.worktree import Handmade

from .conftest import Place, pipeline
from .corpus import CASES, Case, new_version

CHURN = "models/churn"


@pytest.fixture
def place(place: Place) -> Place:
    """A clone in which nothing is wrong: `git clone` alone configures no drivers."""
    set_up(Store.open(place.path)._repository)
    return place


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def store(place: Place, told: list[str]) -> Store:
    def tell(note: str) -> None:
        if note != "not on origin yet: gms push":  # of every registration here
            told.append(note)

    return Store.open(place.path, durable=False, notify=tell)


def status(place: Place) -> str:
    return place.git("status", "--porcelain", "--untracked-files=all")


def sound(place: Place) -> None:
    """Nothing is uncommitted, and no judge has anything to say of what was registered."""
    assert status(place) == ""
    assert place.by_range("origin/main") == []
    place.push("refs/tags/*")
    assert Store.open(place.path).verify().is_sound


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    held = json.loads(path.read_text())
    held.update(changes)
    path.write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n")


class TestCopies:
    """What `gms get` wrote, or somebody copied."""

    @pytest.fixture
    def copy(self, store: Store, tmp_path: Path) -> Path:
        return store.download("churn@1.1.0", tmp_path / "copy")

    def test_it_becomes_the_next_version(self, place: Place, store: Store, copy: Path) -> None:
        edit_manifest(copy, metrics={"auc": 0.75}, custom={"team": "risk"}, message="again")
        before = store.show("churn@1.1.0")

        version = store.register_folder(copy)

        after = store.show(version)
        assert str(version) == "churn 1.3.0"
        assert str(after.parent) == "1.2.0"
        assert (after.metrics, after.custom, after.message) == (
            {"auc": 0.75},
            {"team": "risk"},
            "again",
        )
        kept = ("pipeline", "features", "target", "data", "code", "environment", "card")
        assert all(getattr(after, name) == getattr(before, name) for name in kept)
        assert after.artifacts == before.artifacts
        assert after.trained_at == before.trained_at
        assert after.created_at >= before.created_at
        assert b"1.3.0" in store.read(version, "README.md")
        sound(place)

    def test_as_another_model(self, place: Place, store: Store, copy: Path, told) -> None:
        version = store.register_folder(copy, "leavers", message="a copy")

        assert str(version) == "leavers 1.0.0"
        assert told[0] == "its manifest is for 'churn'; it becomes a version of 'leavers'"
        assert store.show(version).message == "a copy"
        sound(place)

    def test_under_a_number(self, place: Place, store: Store, copy: Path) -> None:
        assert str(store.register_folder(copy, version="2.0.0-rc.1")) == "churn 2.0.0-rc.1"
        assert str(store.register_folder(copy, bump="major")) == "churn 2.0.0"
        with pytest.raises(VersionExists) as caught:
            store.register_folder(copy, version="1.9.0")
        assert str(caught.value) == "version '1.9.0' of 'churn' is below the highest, 2.0.0"
        assert str(store.register_folder(copy, version="1.9.0", allow_backport=True)) == (
            "churn 1.9.0"
        )
        assert str(store.show("churn@1.9.0").parent) == "1.2.0"
        sound(place)

    def test_the_number_that_it_bears_where_that_is_new(self, place, store, copy) -> None:
        edit_manifest(copy, version="1.7.0")
        assert str(store.register_folder(copy)) == "churn 1.7.0"
        sound(place)

    def test_only_if_something_changed(self, place: Place, store: Store, tmp_path: Path) -> None:
        copy = store.download("churn@1.2.0", tmp_path / "copy")
        head = place.git("rev-parse", "HEAD")

        assert str(store.register_folder(copy, if_changed=True)) == "churn 1.2.0"
        assert place.git("rev-parse", "HEAD") == head

        edit_manifest(copy, metrics={"auc": 0.8})
        assert str(store.register_folder(copy, if_changed=True)) == "churn 1.2.1"

    def test_into_a_bare_store(self, place: Place, copy: Path) -> None:
        bare = Store.open(place.shared, durable=False)
        assert str(bare.register_folder(copy, bump="patch")) == "churn 1.2.1"
        assert bare.verify().is_sound

    def test_what_a_warm_copy_has_beside_it_is_passed_over(self, store: Store, tmp_path) -> None:
        copy = store.download("churn@1.1.0", tmp_path / "warm", warm=True)
        assert (copy / ".gitmodelstore").exists()
        assert str(store.register_folder(copy)) == "churn 1.3.0"


class TestOwnFolder:
    """A folder of the store's own work tree, edited by hand."""

    @pytest.mark.parametrize("how", ["unstaged", "staged", "staged, then edited"])
    def test_edits_are_registered_and_the_work_tree_is_clean(
        self, place: Place, store: Store, how: str
    ) -> None:
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(message="by hand"))
        place.file(f"{CHURN}/code.diff").write_text("--- a\n+++ b\n")
        place.file(f"{CHURN}/README.md").write_text("# mine\n")
        if how != "unstaged":
            place.git("add", "--all")
        if how == "staged, then edited":
            place.edit(f"{CHURN}/manifest.json", lambda held: held.update(metrics={"auc": 0.5}))

        version = store.register_folder(place.path / CHURN)

        manifest = store.show(version)
        assert str(version) == "churn 1.2.1"
        assert manifest.message == "by hand"
        assert manifest.artifact("code.diff") is not None
        assert manifest.metrics == ({"auc": 0.5} if "then" in how else {})
        sound(place)

    def test_a_file_that_was_taken_out(self, place: Place, store: Store) -> None:
        place.file(f"{CHURN}/requirements.txt").unlink()
        version = store.register_folder(place.path / CHURN)
        assert "requirements.txt" not in store._snapshot().files(version)
        sound(place)

    def test_a_new_model(self, place: Place, store: Store) -> None:
        shutil.copytree(place.path / CHURN, place.path / "models/leavers")
        assert str(store.register_folder(place.path / "models/leavers")) == "leavers 1.0.0"
        sound(place)

    def test_a_version_entered_by_hand_keeps_its_number(self, place: Place, store: Store) -> None:
        new_version("1.5.0", parent="1.0.0")(place)
        assert ("GMS035", f"{CHURN}/manifest.json") in place.by_pre_commit()

        version = store.register_folder(place.path / CHURN)

        assert str(version) == "churn 1.5.0"
        assert str(store.show(version).parent) == "1.2.0"
        sound(place)

    def test_other_edits_stay_as_they_are(self, place: Place, store: Store) -> None:
        place.file(f"{CHURN}/README.md").write_text("# mine\n")
        place.file("models/risk/README.md").write_text("# theirs\n")
        place.file("notes.txt").write_text("notes")

        store.register_folder(place.path / CHURN)

        assert status(place) == " M models/risk/README.md\n?? notes.txt\n"
        assert place.file("models/risk/README.md").read_text() == "# theirs\n"

    def test_another_edit_of_the_registry_is_in_the_way(self, place: Place, store: Store) -> None:
        place.edit("registry.json", lambda held: held["models"].pop("risk"))
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(message="by hand"))
        before = {path: path.read_bytes() for path in (place.path / CHURN).iterdir()}

        with pytest.raises(LocalChanges) as caught:
            store.register_folder(place.path / CHURN)

        assert "registry.json" in str(caught.value)
        assert {path: path.read_bytes() for path in (place.path / CHURN).iterdir()} == before
        assert status(place) == f" M {CHURN}/manifest.json\n M registry.json\n"

    def test_a_merge_under_way_is_left_alone(self, place: Place, store: Store) -> None:
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(message="by hand"))
        place.git("add", "--all")
        place.file(".git/MERGE_HEAD").write_text(place.git("rev-parse", "HEAD"))
        with pytest.raises(LocalChanges) as caught:
            store.register_folder(place.path / CHURN)
        assert str(caught.value) == f"a merge is in progress in '{place.path}'"
        assert status(place) == f"M  {CHURN}/manifest.json\n"

    def test_with_another_branch_checked_out(self, place: Place, store: Store) -> None:
        place.git("switch", "--quiet", "--create", "mine")
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(message="by hand"))

        version = store.register_folder(place.path / CHURN)

        assert store.show(version).message == "by hand"
        assert status(place) == f" M {CHURN}/manifest.json\n"

    def test_of_a_linked_work_tree(self, place: Place, store: Store, tmp_path: Path) -> None:
        place.git("switch", "--quiet", "--create", "mine")
        place.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
        edit_manifest(tmp_path / "linked" / CHURN, message="by hand")

        store.register_folder(tmp_path / "linked" / CHURN)

        assert place.git("-C", str(tmp_path / "linked"), "status", "--porcelain") == ""
        assert status(place) == ""

    def test_it_is_of_that_model(self, place: Place, store: Store) -> None:
        with pytest.raises(InvalidInput) as caught:
            store.register_folder(place.path / CHURN, "risk")
        assert str(caught.value) == (
            f"'{place.path / CHURN}' is the folder of 'churn', not of 'risk'"
        )

    @pytest.mark.parametrize("dies", [True, False], ids=["dies", "fails"])
    @pytest.mark.parametrize(
        ("module", "name"),
        [(worktree, "start"), (refs, "advance"), (Handmade, "adopt"), (refs, "set_tag")],
        ids=lambda held: held if isinstance(held, str) else "",
    )
    def test_the_files_stay_when_the_write_ends_halfway(
        self, place: Place, store: Store, monkeypatch, module, name: str, dies: bool
    ) -> None:
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(message="by hand"))
        joblib.dump(pipeline(), place.file(f"{CHURN}/pipeline.joblib"))
        before = {path: path.read_bytes() for path in (place.path / CHURN).iterdir()}

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(module, name, interrupted)
            if dies:
                patch.setattr(publishing, "recover", lambda *_, **__: None)
            with pytest.raises(KeyboardInterrupt):
                store.register_folder(place.path / CHURN, accept_changes=True)

        now = {path: path.read_bytes() for path in (place.path / CHURN).iterdir()}
        pipelines = [held for path, held in before.items() if path.name == "pipeline.joblib"]
        assert all(now[path] == held for path, held in before.items() if held in pipelines)
        found = store.doctor(fix=True)
        assert (found.faults, found.notes) == ((), ())
        left = {path: path.read_bytes() for path in (place.path / CHURN).iterdir()}
        if name in ("adopt", "set_tag"):  # the version is there
            assert str(store.version("churn@latest").version) == "1.2.1"
            assert place.git("tag", "--list", "churn@v1.2.1") == "churn@v1.2.1\n"
        else:
            assert left == before
            assert str(store.version("churn@latest").version) == "1.2.0"
        assert place.file(f"{CHURN}/pipeline.joblib").read_bytes() == pipelines[0]


MENDED = [
    case
    for case in CASES
    if case.name
    in (
        "a manifest that is no JSON",
        "a manifest with NaN",
        "a manifest with an unknown key",
        "a manifest with two faults",
        "a file missing",
        "a file that is not listed",
        "a whole folder of another model",
        "other attributes of a model",
    )
]


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "in the work tree"])
@pytest.mark.parametrize("case", MENDED, ids=lambda case: case.name)
def test_what_a_judge_refuses_is_mended(place: Place, store: Store, case: Case, committed) -> None:
    assert len(MENDED) == 8
    case.edit(place)
    if committed:
        place.commit("by hand")
    unknown = "no JSON" in case.name
    version = store.register_folder(place.path / CHURN, accept_changes=unknown)

    assert version.model == "churn"
    assert status(place) == ""
    assert place.by_library() == []
    assert store.load(version) is not None


class TestPipelines:
    """Bytes that are not those of the manifest."""

    @pytest.fixture
    def changed(self, store: Store, place: Place, tmp_path: Path) -> Path:
        X, y = [[float(i), float(i % 7)] for i in range(40)], [int(i > 20) for i in range(40)]
        store.register(pipeline(0.3), "churn", code=None, X_test=X, y_test=y, version="1.4.0")
        copy = store.download("churn@1.4.0", tmp_path / "changed")
        joblib.dump(pipeline(), copy / "pipeline.joblib")
        return copy

    def test_are_refused(self, store: Store, place: Place, changed: Path) -> None:
        head = place.git("rev-parse", "HEAD")
        with pytest.raises(IntegrityError) as caught:
            store.register_folder(changed)
        digest = store.show("churn@1.4.0").artifact("pipeline.joblib").sha256
        path = changed / "pipeline.joblib"
        found = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
        assert str(caught.value) == (
            f"'{path}' has sha256 {found.stdout[:12]}, its manifest names {digest[:12]}"
        )
        assert caught.value.hint == (
            "to accept these bytes: --accept-changes (accept_changes=True)"
        )
        assert place.git("rev-parse", "HEAD") == head

    def test_are_taken_when_they_are_accepted(self, store, place, changed, told) -> None:
        version = store.register_folder(changed, accept_changes=True)

        assert told == [
            "pipeline.joblib does not match its manifest: its digest is renewed",
            "sample.json is left out: its answers are from the earlier pipeline",
            "churn 1.4.1 (patch: retrained)",
        ]
        manifest = store.show(version)
        assert manifest.pipeline.class_name == "sklearn.pipeline.Pipeline"
        assert manifest.pipeline.params["logisticregression__C"] == "9.0"
        assert manifest.artifact("sample.json") is None
        assert manifest.artifact("pipeline.joblib").globals == (
            store.show("churn@1.4.0").artifact("pipeline.joblib").globals
        )
        assert store.load(version).steps[1][1].C == 9.0
        sound(place)

    def test_are_described_when_they_may_run(self, store, place, changed, told) -> None:
        version = store.register_folder(changed, accept_changes=True, run=True)

        assert str(version) == "churn 1.5.0"
        assert told[-1] == "churn 1.5.0 (minor: logisticregression__C: 0.3 -> 9.0)"
        assert store.show(version).pipeline.params["logisticregression__C"] == 9.0
        assert store.show(version).pipeline.task == "classification"
        sound(place)

    def test_a_sample_that_is_still_answered_so_is_kept(self, store, place, changed) -> None:
        joblib.dump(pipeline(0.3), changed / "pipeline.joblib", protocol=2)
        version = store.register_folder(changed, accept_changes=True, run=True)
        assert store.verify(version, replay=True).versions[0].replay.outcome == "identical"

    def test_nothing_is_unpickled(self, store, place, changed, monkeypatch) -> None:
        from gitmodelstore.pickles import load

        monkeypatch.setattr(load, "_unpickle", lambda *_, **__: pytest.fail("unpickled"))
        store.register_folder(changed, accept_changes=True)

    def test_what_would_act_is_refused(self, store, place, changed, tmp_path) -> None:
        class Evil:
            def __reduce__(self) -> tuple[object, ...]:
                return open, (str(tmp_path / "acted"), "w")

        (changed / "pipeline.joblib").write_bytes(pickle.dumps(Evil()))
        head = place.git("rev-parse", "HEAD")
        for run in (False, True):
            with pytest.raises(RefusedPickle):
                store.register_folder(changed, accept_changes=True, run=run)
        assert not (tmp_path / "acted").exists()
        assert place.git("rev-parse", "HEAD") == head


class TestFolders:
    """What a folder may hold."""

    @pytest.fixture
    def copy(self, store: Store, tmp_path: Path) -> Path:
        return store.download("churn@1.1.0", tmp_path / "churn-1.1.0")

    @pytest.mark.parametrize(
        ("make", "kind", "message"),
        [
            (
                lambda folder: [(folder / name).write_text("x") for name in ("a.pkl", "b.txt")],
                InvalidInput,
                "'{folder}' contains files that do not belong to a version: 'a.pkl', 'b.txt'",
            ),
            (
                lambda folder: (folder / "sub").mkdir(),
                InvalidInput,
                "'{folder}' contains files that do not belong to a version: 'sub'",
            ),
            (
                lambda folder: (
                    (folder / "README.md").unlink(),
                    (folder / "README.md").symlink_to("/etc/passwd"),
                ),
                InvalidInput,
                "'{folder}': not a plain file: README.md",
            ),
            (
                lambda folder: (folder / "pipeline.joblib").unlink(),
                NotAStore,
                "'{folder}' holds no pipeline.joblib",
            ),
            (shutil.rmtree, NotAStore, "folder '{folder}' does not exist"),
            (
                lambda folder: (folder / "manifest.json").unlink(),
                IntegrityError,
                "'{folder}/pipeline.joblib' has sha256 {sha}, and there is no manifest to check it "
                "against",
            ),
        ],
        ids=["files", "a folder", "a link", "no pipeline", "nothing", "no manifest"],
    )
    def test_other_things_are_refused_by_name(
        self, store: Store, place: Place, copy: Path, make: Callable, kind, message: str
    ) -> None:
        sha = store.show("churn@1.1.0").artifact("pipeline.joblib").sha256[:12]
        head = place.git("rev-parse", "HEAD")
        make(copy)
        with pytest.raises(kind) as caught:
            store.register_folder(copy)
        assert str(caught.value) == message.format(folder=copy, sha=sha)
        assert isinstance(caught.value, StoreError)
        assert caught.value.hint
        assert place.git("rev-parse", "HEAD") == head

    def test_a_pipeline_alone_is_looked_at(self, store, place, copy, told) -> None:
        for path in copy.iterdir():
            if path.name != "pipeline.joblib":
                path.unlink()

        version = store.register_folder(copy, accept_changes=True)

        assert str(version) == "churn 1.2.1"
        assert told == [
            "pipeline.joblib does not match its manifest: its digest is renewed",
            "no manifest records the environment: the current one is recorded",
            "churn 1.2.1 (patch: retrained)",
        ]
        manifest = store.show(version)
        assert manifest.pipeline.algorithm == "LogisticRegression"
        assert "scikit-learn" in manifest.environment.pins
        sound(place)

    def test_what_cannot_be_read_of_a_manifest_is_left_out_and_said(
        self, store, place, copy, told
    ) -> None:
        edit_manifest(copy, metrics={"auc": "high"}, target=7, extra=1, custom={"a": 1})

        version = store.register_folder(copy)

        assert told == [
            "manifest.json: target: expected text, found int 7: left out",
            "manifest.json: metrics.auc: expected a number, found text: left out",
            "manifest.json: extra: unknown key: left out",
            "churn 1.3.0 (minor: logisticregression__C: 0.01 -> 0.1)",
        ]
        manifest = store.show(version)
        assert (manifest.metrics, manifest.target, manifest.custom) == ({}, None, {"a": 1})
        sound(place)

    def test_a_sample_that_is_none_is_refused_when_it_is_asked(self, store, copy) -> None:
        (copy / "sample.json").write_text("{}")
        with pytest.raises(InvalidInput) as caught:
            store.register_folder(copy, run=True)
        assert caught.value.hint == "remove sample.json from the folder"

    def test_an_edited_file_is_renewed_and_said(self, store, place, copy, told) -> None:
        (copy / "environment.txt").write_text("# by hand\n")
        version = store.register_folder(copy)
        assert told[0] == "environment.txt does not match its manifest: renewed"
        manifest = store.show(version)
        assert manifest.environment.digest.hex == manifest.artifact("environment.txt").sha256
        sound(place)


class TestLargeFiles:
    """Pipelines from the threshold on are objects of Git LFS."""

    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.keep_large_files(pipeline=pipeline(0.6))
        assert place.file(f"{CHURN}/pipeline.joblib").read_text().startswith("version https")
        return place

    def test_the_pointer_of_the_own_folder(self, place: Place, store: Store) -> None:
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(message="by hand"))
        version = store.register_folder(place.path / CHURN)
        assert store.load(version).steps[1][1].C == 0.6
        assert status(place) == ""
        assert place.by_library() == []

    def test_a_plain_file_in_the_own_folder_becomes_a_pointer(self, place, store) -> None:
        joblib.dump(pipeline(0.7), place.file(f"{CHURN}/pipeline.joblib"))
        version = store.register_folder(place.path / CHURN, accept_changes=True)
        assert store.load(version).steps[1][1].C == 0.7
        assert place.file(f"{CHURN}/pipeline.joblib").read_text().startswith("version https")
        assert status(place) == ""


class TestCommand:
    """`gms register --from-folder`."""

    def test_it_prints_the_version(self, place: Place) -> None:
        place.edit(f"{CHURN}/manifest.json", lambda held: held.update(version="1.3.0"))

        done = place.gms("register", "--from-folder", CHURN, "-m", "by hand")

        commit = place.tip()[:7]
        assert (done.returncode, done.stdout) == (0, f"churn 1.3.0  {commit}  models/churn\n")
        assert done.stderr == "note: not on origin yet: gms push\n"
        assert status(place) == ""
        again = place.gms("--json", "register", "--from-folder", CHURN, "--if-changed")
        assert json.loads(again.stdout)["created"] is False

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            ((), "missing argument 'NAME'"),
            (("churn",), "missing argument 'FILE'"),
            (("churn", "x.joblib", "--run"), "--accept-changes and --run are for --from-folder"),
            (("churn", "f", "--from-folder", CHURN), "give FILE or --from-folder, not both"),
            (("--from-folder", CHURN, "--metric", "a=1"),
             "--metric is for FILE; with --from-folder, the manifest says it"),
            (("--from-folder", CHURN, "--version", "2.0.0", "--bump", "major"),
             "--version and --bump cannot be used together"),
        ],
    )  # fmt: skip
    def test_what_does_not_go_together(self, place: Place, args, message: str) -> None:
        done = place.gms("register", *args)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {message}\n")
