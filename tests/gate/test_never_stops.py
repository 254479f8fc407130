"""One broken tag, manifest or folder never stops other models from being read, or written."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from gitmodelstore import Store, StoreError
from gitmodelstore.cli.main import main

from .conftest import Place
from .corpus import new_version

CHURN = "models/churn"
TAG = "refs/tags/churn@v1.1.0"


def _object(place: Place, name: str) -> Path:
    oid = place.tip(name)
    return place.file(f".git/objects/{oid[:2]}/{oid[2:]}")


def _missing(name: str) -> Callable[[Place], object]:
    return lambda place: _object(place, name).unlink()


def _damaged(name: str) -> Callable[[Place], object]:
    def damage(place: Place) -> None:
        path = _object(place, name)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-5])

    return damage


def _ref(text: str) -> Callable[[Place], object]:
    return lambda place: place.file(f".git/{TAG}").write_text(text)


def _manifest(text: str) -> Callable[[Place], object]:
    def edit(place: Place) -> None:
        new_version()(place)
        place.write(f"{CHURN}/manifest.json", text, "churn 1.3.0, broken")

    return edit


def _in_place(text: str) -> Callable[[Place], object]:
    def edit(place: Place) -> None:
        place.write(f"{CHURN}/manifest.json", text, "broken in place")

    return edit


def _gone(place: Place) -> None:
    place.git("rm", "-r", "--quiet", CHURN)
    place.commit("without its folder")


def _other_digest(place: Place) -> None:
    place.git("tag", "-d", "churn@v1.1.0")
    commit = place.git("log", "--format=%H", "--grep=register churn 1.1.0").strip()
    message = f"churn 1.1.0\n\nManifest-SHA256: {'0' * 64}"
    place.git("tag", "-a", "-m", message, "churn@v1.1.0", commit)


DAMAGES: dict[str, Callable[[Place], object]] = {
    "no tag": lambda place: place.git("tag", "-d", "churn@v1.1.0"),
    "an empty tag": _ref(""),
    "a tag that holds no id": _ref("nothing\n"),
    "a tag on nothing": _ref(f"{'1' * 40}\n"),
    "a light tag": lambda place: place.git("tag", "--force", "churn@v1.1.0", "churn@v1.1.0^{}"),
    "a tag elsewhere": lambda place: place.git("update-ref", TAG, "HEAD"),
    "a tag of another digest": _other_digest,
    "a tag that is none": lambda place: place.git("tag", "-a", "-m", "x", "v1"),
    "a tag's object missing": _missing(TAG),
    "a tag's object damaged": _damaged(TAG),
    "a manifest missing": _missing(f"HEAD:{CHURN}/manifest.json"),
    "a manifest damaged": _damaged(f"HEAD:{CHURN}/manifest.json"),
    "a folder missing": _missing(f"HEAD:{CHURN}"),
    "a folder damaged": _damaged(f"HEAD:{CHURN}"),
    "a pipeline missing": _missing(f"HEAD:{CHURN}/pipeline.joblib"),
    "a pipeline damaged": _damaged(f"HEAD:{CHURN}/pipeline.joblib"),
    "a manifest that is no JSON": _manifest("{"),
    "a manifest that is empty": _manifest(""),
    "a manifest in place": _in_place("{}"),
    "no folder": _gone,
}


@pytest.fixture
def hurt(damage: str, place: Place) -> Place:
    a_minute_ago = time.time() - 60
    for name in place.git("ls-files").split():  # git would read a folder to compare young files
        os.utime(place.path / name, (a_minute_ago, a_minute_ago))
    place.git("update-index", "-q", "--refresh")
    DAMAGES[damage](place)
    return place


@pytest.mark.corpus("damage", DAMAGES)
def test_others_are_read(hurt: Place, monkeypatch, capsys) -> None:
    store = Store.open(hurt.path)

    assert [str(model.model) for model in store.models()] == ["churn", "risk"]
    assert [str(version.version) for version in store.versions("risk")] == ["1.0.0"]
    assert [str(one.version) for one in store.listing("risk")] == ["1.0.0"]
    assert store.show("risk@1.0.0").model == "risk"
    assert store.load("risk@latest").predict([[1.0, 2.0]]).shape == (1,)
    assert [event.kind for event in store.log("risk")] == ["registered"]
    assert str(store.which("risk@latest").version.version) == "1.0.0"
    assert {str(one): one.is_sound for one in store.verify().versions}["risk 1.0.0"]

    monkeypatch.chdir(hurt.path)
    commands = ["list", "list risk", "show risk@1.0.0", "log", "log risk", "which risk@latest"]
    for command in [*commands, "cat risk@1.0.0:README.md"]:
        assert main(command.split()) == 0, f"{command}: {capsys.readouterr().err}"
        assert "1.0.0" in capsys.readouterr().out


@pytest.mark.corpus("damage", DAMAGES)
def test_others_are_written_and_the_broken_one_says_so_or_is_right(hurt: Place) -> None:
    """Nothing else than one of our errors, and never another version's content."""
    store = hurt.store
    listed = {str(one.version): one for one in store.listing("churn")}
    assert {"1.0.0", "1.1.0", "1.2.0"} <= set(listed)
    assert sum(one.fault is None for one in listed.values()) >= 2
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        with suppress(StoreError):
            assert str(store.show(f"churn@{version}").version) == version
    hurt.register("risk", custom={"again": True})
    assert str(store.version("risk@latest").version) == "1.1.0"
    assert hurt.git("tag", "--list", "risk@*").split() == ["risk@v1.0.0", "risk@v1.1.0"]
