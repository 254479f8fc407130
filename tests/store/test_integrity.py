"""Damage of every kind: never wrong bytes to the unpickler, and the refusal names the file.

Any bit of any file is flipped in tests/programme.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.pipeline import Pipeline

from gitmodelstore import Store
from gitmodelstore.errors import (
    CorruptStore,
    IntegrityError,
    MissingObject,
    StoreError,
    UnreadWarning,
)
from gitmodelstore.operations import snapshot

from .conftest import once
from .looks import commit_by_hand, object_file

PIPELINE = "models/churn/pipeline.joblib"
MANIFEST = "models/churn/manifest.json"


@pytest.fixture
@once
def churn(store, fitted, refitted, other) -> Store:
    """A store that holds churn 1.0.0 in production, churn 1.1.0 and upsell 1.0.0."""
    store.register(fitted, "churn", code=None)
    store.promote("churn@1.0.0", "production")
    store.register(refitted, "churn", code=None)
    store.register(other, "upsell", code=None)
    return store


@pytest.fixture
def other(fit) -> Pipeline:
    """Another pipeline, which shares no blob with the first two."""
    return fit(C=7.0)


def fresh(store: Store) -> Store:
    """Return the store as a process sees it that has read nothing of it yet."""
    for judged in (snapshot.registries, snapshot.policies, snapshot.manifests):
        judged._held.clear()
    return Store.open(store.path, durable=False)


def write(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def flip(data: bytes, bit: int) -> bytes:
    held = bytearray(data)
    held[bit // 8 % len(held)] ^= 1 << bit % 8
    return bytes(held)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit in the head": lambda data: flip(data, 5),
    "a bit in the middle": lambda data: flip(data, len(data) * 4),
    "a bit at the end": lambda data: flip(data, len(data) * 8 - 1),
    "cut short": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
}


def assert_others_go_on(store: Store, other, X_test) -> None:
    """One broken model stops nothing of another one."""
    assert [str(v.version) for v in store.versions("upsell")] == ["1.0.0"]
    assert (store.load("upsell@1.0.0").predict(X_test) == other.predict(X_test)).all()
    assert [event.kind for event in store.log("upsell")] == ["registered"]
    assert store.show("upsell@1.0.0").model == "upsell"
    assert {summary.model for summary in store.models()} == {"churn", "upsell"}
    store.register(other, "upsell", code=None)
    store.promote("upsell@1.0.0", "production")


class TestDamagedObjects:
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    @pytest.mark.parametrize("path", [PIPELINE, MANIFEST])
    def test_the_file_is_named_and_nothing_is_loaded(self, churn, other, X_test, path, damage):
        file = object_file(churn.path, f"churn@v1.0.0:{path}")
        write(file, damage(file.read_bytes()))

        with pytest.raises(IntegrityError) as caught:
            fresh(churn).load("churn@1.0.0")

        assert str(caught.value).startswith(f"{path}")
        assert caught.value.path == path
        assert "git fsck" in (caught.value.hint or "")
        assert fresh(churn).load("churn@1.1.0") is not None
        assert_others_go_on(fresh(churn), other, X_test)

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_a_damaged_registry(self, churn, damage):
        file = object_file(churn.path, "main:registry.json")
        write(file, damage(file.read_bytes()))

        for call in (
            lambda: fresh(churn).models(),
            lambda: fresh(churn).load("churn"),
            lambda: fresh(churn).promote("churn@1.1.0", "production"),
        ):
            with pytest.raises(IntegrityError) as caught:
                call()
            assert str(caught.value).startswith("registry.json: ")
            assert caught.value.path == "registry.json"

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    @pytest.mark.parametrize("what", ["^{tree}", ":models/churn", "^{commit}", ""])
    def test_a_damaged_folder_commit_or_tag(self, churn, what, damage):
        file = object_file(churn.path, f"churn@v1.0.0{what}")
        write(file, damage(file.read_bytes()))

        with pytest.raises(StoreError) as caught:
            fresh(churn).load("churn@1.0.0")

        if what in ("^{commit}", ""):
            oid = file.parent.name + file.name
            assert oid in str(caught.value) or "churn@v1.0.0" in str(caught.value)
        else:
            assert isinstance(caught.value, IntegrityError)

    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    def test_a_damaged_tip(self, churn, damage):
        file = object_file(churn.path, "main")
        write(file, damage(file.read_bytes()))

        with pytest.raises(IntegrityError, match=r"^commit [0-9a-f]{40}: damaged: "):
            fresh(churn)

    @pytest.mark.parametrize("path", [PIPELINE, MANIFEST, "models/churn", "registry.json"])
    def test_a_missing_object(self, churn, path):
        object_file(churn.path, f"churn@v1.0.0:{path}").unlink()

        with pytest.raises(MissingObject) as caught:
            fresh(churn).load("churn@1.0.0")

        assert path.split("/")[0] in str(caught.value)
        assert "fetch from a complete clone" in (caught.value.hint or "")

    def test_a_missing_tip(self, churn, git):
        oid = git(churn.path, "rev-parse", "main").strip()
        object_file(churn.path, "main").unlink()

        with pytest.raises(MissingObject, match=oid):
            fresh(churn)

    def test_another_object_in_its_place(self, churn):
        file = object_file(churn.path, f"churn@v1.0.0:{PIPELINE}")
        write(file, object_file(churn.path, f"churn@v1.1.0:{PIPELINE}").read_bytes())

        with pytest.raises(IntegrityError, match=f"^{PIPELINE}: damaged: "):
            fresh(churn).load("churn@1.0.0")

    @pytest.mark.parametrize("text", ["", "x", "0" * 40 + "\n", "ref: refs/heads/main\n"])
    def test_a_damaged_branch(self, churn, text):
        (churn.path / ".git" / "refs" / "heads" / "main").write_text(text)

        with pytest.raises(StoreError) as caught:
            fresh(churn)

        assert "main" in str(caught.value) or "0000000" in str(caught.value)


class TestTags:
    @pytest.mark.parametrize("target", ["main", "churn@v1.1.0^{}"])
    def test_a_moved_tag_is_named_and_gives_no_other_version(
        self, churn, git, other, X_test, target
    ):
        git(churn.path, "tag", "--force", "-m", "moved", "churn@v1.0.0", target)

        with pytest.raises(IntegrityError) as caught:
            fresh(churn).load("churn@1.0.0")

        assert str(caught.value).startswith("tag churn@v1.0.0 was moved: it points to ")
        assert caught.value.path == "refs/tags/churn@v1.0.0"
        assert caught.value.hint == (
            "fetch it from an intact clone: `git fetch REMOTE "
            "+refs/tags/churn@v1.0.0:refs/tags/churn@v1.0.0`; "
            "`gms doctor` says what else can be done"
        )
        assert_others_go_on(fresh(churn), other, X_test)

    @pytest.mark.parametrize(
        "target", [("main",), ("churn@v1.0.0^{}",), ("-m", "odd", "main^{tree}")]
    )
    def test_a_tag_without_a_message_or_of_a_tree_counts_as_none(
        self, churn, git, fitted, X_test, target
    ):
        *options, target = target
        git(churn.path, "tag", "--force", *options, "churn@v1.0.0", target)

        assert (fresh(churn).load("churn@1.0.0").predict(X_test) == fitted.predict(X_test)).all()

    def test_a_deleted_tag_is_no_loss(self, churn, git, fitted, X_test):
        commit = fresh(churn).version("churn@1.0.0").commit
        git(churn.path, "tag", "--delete", "churn@v1.0.0")

        assert fresh(churn).version("churn@1.0.0").commit == commit
        assert (fresh(churn).load("churn").predict(X_test) == fitted.predict(X_test)).all()

    @pytest.mark.parametrize("text", ["x", "nothing of the kind\n"])
    def test_a_tag_that_holds_no_id_is_named(self, churn, other, X_test, text):
        (churn.path / ".git" / "refs" / "tags" / "churn@v1.0.0").write_text(text)

        with pytest.raises(IntegrityError) as caught:
            fresh(churn).load("churn@1.0.0")

        assert str(caught.value) == "refs/tags/churn@v1.0.0 cannot be read: it holds no id"
        assert_others_go_on(fresh(churn), other, X_test)

    def test_a_manifest_that_is_not_the_one_the_tag_names(self, churn, git):
        message = f"churn 1.0.0\n\nManifest-SHA256: {'0' * 64}\n"
        git(churn.path, "tag", "--force", "-m", message, "churn@v1.0.0", "churn@v1.0.0^{}")

        with pytest.raises(IntegrityError) as caught:
            fresh(churn).load("churn@1.0.0")

        assert str(caught.value) == f"{MANIFEST} of churn 1.0.0 is not the one that tag " + (
            "churn@v1.0.0 names"
        )


class TestCommitsByHand:
    def test_a_manifest_of_another_version(self, churn, other, X_test):
        """Registered by an editor: a registry line and a folder copied from elsewhere."""
        text = (churn.path / "registry.json").read_text()
        one = '      "1.1.0": {'
        two = '      "1.2.0": {\n        "status": "registered"\n      },\n'
        commit_by_hand(churn.path, "registry.json", text.replace(one, two + one))

        with pytest.raises(IntegrityError) as caught:
            fresh(churn).load("churn@1.2.0")

        assert str(caught.value) == f"{MANIFEST} of churn 1.2.0 is of churn 1.1.0"
        assert fresh(churn).load("churn@1.1.0") is not None
        assert_others_go_on(fresh(churn), other, X_test)

    def test_a_folder_changed_later_changes_no_version(self, churn, refitted, X_test):
        commit_by_hand(churn.path, PIPELINE, b"evil")

        assert (fresh(churn).load("churn@1.1.0").predict(X_test) == refitted.predict(X_test)).all()

    def test_a_pipeline_replaced_and_the_tag_moved_there(self, churn, git):
        commit_by_hand(churn.path, PIPELINE, b"evil")
        git(churn.path, "tag", "--force", "-m", "moved", "churn@v1.1.0", "main")

        with pytest.raises(IntegrityError, match=r"tag churn@v1\.1\.0 was moved"):
            fresh(churn).load("churn@1.1.0")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda path: path.write_bytes(b"evil"),
                " of churn 1.1.0 is not the file that was released: 4 bytes of sha256 ",
            ),
            (lambda path: path.unlink(), " of churn 1.1.0 is missing"),
            (lambda path: (path.unlink(), path.symlink_to("/etc/passwd")), ""),
            (lambda path: (path.unlink(), path.mkdir(), (path / "file").write_text("x")), ""),
        ],
        ids=["another file", "none", "a link", "a folder"],
    )
    def test_a_history_rewritten_with_another_pipeline(self, churn, git, change, message):
        """The strongest hand: the introducing commit itself is made anew, tag and all."""
        git(churn.path, "reset", "--quiet", "--hard", "churn@v1.1.0")
        change(churn.path / PIPELINE)
        git(churn.path, "add", "--all")
        git(churn.path, "commit", "--quiet", "--amend", "--no-edit")
        git(churn.path, "tag", "--force", "-m", "churn 1.1.0", "churn@v1.1.0", "main")

        with pytest.raises(IntegrityError) as caught:
            fresh(churn).load("churn@1.1.0")

        assert str(caught.value).startswith(f"{PIPELINE}{message}")
        assert caught.value.path == PIPELINE


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_index_of_a_pack_is_named_before_it_is_used(churn, git, kind):
    git(churn.path, "gc", "--quiet")
    (file,) = (churn.path / ".git" / "objects" / "pack").glob("*.idx")
    write(file, DAMAGES[kind](file.read_bytes()))

    with pytest.raises(IntegrityError) as caught:
        fresh(churn).load("churn@1.0.0")

    name = f"objects/pack/{file.name}"
    assert str(caught.value) == f"{name} is damaged: it does not match its own checksum"
    *_, pack = caught.value.hint.split("git index-pack ")
    file.unlink()
    git(churn.path, "index-pack", pack.strip("'"))
    assert fresh(churn).load("churn@1.0.0") is not None


def test_a_pack_that_comes_later_is_looked_at_too(churn, git):
    store = fresh(churn)
    store.load("churn@1.0.0")
    git(churn.path, "gc", "--quiet")
    (file,) = (churn.path / ".git" / "objects" / "pack").glob("*.idx")
    write(file, flip(file.read_bytes(), 8000))

    with pytest.raises(IntegrityError, match=r"\.idx is damaged"):
        store.load("churn@1.1.0")


def test_corruption_of_settings_names_them(churn):
    file = object_file(churn.path, "main:modelstore.toml")
    write(file, b"")

    with pytest.raises((IntegrityError, CorruptStore), match=r"^modelstore\.toml: "):
        fresh(churn).promote("churn@1.1.0", "production")


@pytest.mark.parametrize("before", [b" refs/heads/main", b" refs/tags/churn@v1.0.0"])
def test_packed_refs_with_an_id_that_is_none_are_named(churn, git, before):
    git(churn.path, "pack-refs", "--all")
    path = churn.path / ".git" / "packed-refs"
    data = path.read_bytes()
    at = data.index(before) - 7
    path.write_bytes(data[:at] + b"\xce" + data[at + 1 :])

    with pytest.raises((StoreError, UnreadWarning), match=before[1:].decode()):
        fresh(churn).versions("churn")
