"""GTO reads our tags: the same versions, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import Ridge

import gitmodelstore as gms

from .environments import make


@pytest.fixture(scope="module")
def gto(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("gto"), "gto>=1.7") / "gto"


def ask(gto: Path, store: gms.Store, *words: str) -> Any:
    done = subprocess.run(
        [gto, words[0], "--repo", store.path, *words[1:], "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.long  # pip takes most of the time, to make the environment
@pytest.mark.timeout(600)
class TestOnAStoreWithALife:
    @pytest.fixture
    def store(self, tmp_path: Path) -> gms.Store:
        store = gms.Store.init(tmp_path / "store")
        X, y = load_wine(return_X_y=True)
        for model, version in [
            ("wine", "1.0.0"),
            ("wine", "1.1.0-rc.1"),
            ("wine", "1.1.0"),
            ("wine", "10.20.30"),
            ("a-b_c", "0.1.0"),
        ]:
            store.register(Ridge().fit(X, y), model, version=version, message=f"{model}!")
        store.promote("wine@1.1.0", "production", reason="good")
        store.promote("wine@10.20.30", "production", reason="better")
        store.rollback("wine", reason="it was not")
        return store

    def test_show_lists_exactly_our_versions(self, gto: Path, store: gms.Store) -> None:
        for summary in store.models():
            assert {entry["version"] for entry in ask(gto, store, "show", summary.model)} == {
                f"v{version.version}" for version in store.versions(summary.model)
            }

    def test_history_tells_exactly_our_registrations(self, gto: Path, store: gms.Store) -> None:
        history = ask(gto, store, "history")
        assert {(e["artifact"], e["version"], e["commit"], e["event"]) for e in history} == {
            (v.model, f"v{v.version}", v.commit, "registration")
            for summary in store.models()
            for v in store.versions(summary.model)
        }
        assert len(history) == 5
