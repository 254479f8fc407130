"""One argument in every form that Python people have it in: paths, versions, texts."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

import joblib
import pytest

import gitmodelstore as gms
from gitmodelstore import Store


class Place:
    """A path of somebody else's making."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return os.fspath(self.path)


class Status(str, Enum):  # noqa: UP042 - a StrEnum is a text already
    """As people keep words that belong together."""

    STAGING = "staging"


class Bump(str, Enum):  # noqa: UP042
    MAJOR = "major"


@pytest.mark.parametrize("form", [str, Path, Place])
def test_a_path_may_be_any_path(tmp_path, fitted, X_test, y_test, form, monkeypatch):
    monkeypatch.chdir(tmp_path)
    joblib.dump(fitted, "pipeline.joblib")
    X_test.assign(y=y_test).to_csv("test.csv", index=False)
    table, file = form(tmp_path / "test.csv"), form(tmp_path / "pipeline.joblib")

    store = Store.init(form(tmp_path / "store"), durable=False)
    version = store.register(
        file, "churn", test=table, target="y", data={"train": table}, code=form(tmp_path)
    )
    assert gms.register_model(file, "churn", store=form(store.path), code=None).ref == "churn@1.0.1"
    folder = store.download(version, form(tmp_path / "files"))
    assert gms.version_of(gms.load_model(form(folder))) == gms.ModelVersion(
        "churn", version.version, "", ""
    )
    assert store.register_folder(form(folder), "other").ref == "other@1.0.0"
    assert store.verify(version, test=table, target="y").is_sound
    assert store.verify_data(version, table, role="train").is_same
    assert store.diff(version, Path(file), test=table, target="y", code=form(tmp_path)).metrics
    assert store.audit("churn", to=form(tmp_path / "audit.zip")).path == tmp_path / "audit.zip"
    locked = store.lock([version], form(tmp_path))
    assert store.sync(form(locked.path), form(tmp_path / "synced"))[0].path.parent.name == "synced"
    assert (
        Store.clone(str(store.path), form(tmp_path / "clone")).version(version).ref == "churn@1.0.0"
    )


def test_a_version_is_taken_wherever_a_reference_is(churn, refitted):
    first = churn.version("churn@latest")
    second = churn.register(refitted, "churn", code=None)

    churn.promote([first], "production")
    assert churn.which(first).version.status == "production"
    churn.archive(first, successor=second)
    assert churn.version(second).status == "production"
    churn.rollback("churn", to=first, keep=True, replay=False, reason="a try")
    assert gms.version_of(gms.load_model(first, store=churn.path)).ref == first.ref
    assert churn.show(first).version == first.version
    assert churn.diff(first, second).differs
    assert churn.bisect("churn", first, second, lambda one: one.version == first.version).first_bad


def test_a_text_may_be_of_a_class_of_texts(churn, refitted, git):
    churn.register(refitted, "churn", bump=Bump.MAJOR, code=None)
    (event,) = churn.promote("churn@2.0.0", Status.STAGING)

    assert f"{event}" == "churn 2.0.0 promoted: registered -> staging"
    assert "To: staging" in git(churn.path, "log", "-1", "--format=%B")
    assert churn.validate() == ()
