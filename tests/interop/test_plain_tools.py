"""A store is plain git and plain files: nothing of ours is needed to read it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

import gitmodelstore as gms
from tests.store.looks import git

LOAD = """
import sys, joblib, numpy
rows = numpy.load(sys.argv[2])
numpy.save(sys.argv[3], joblib.load(sys.argv[1]).predict_proba(rows))
assert "gitmodelstore" not in sys.modules
"""


@pytest.fixture
def store(tmp_path: Path) -> gms.Store:
    return gms.Store.init(tmp_path / "store")


def test_joblib_loads_what_plain_git_checks_out(store: gms.Store, tmp_path: Path) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    first = RandomForestClassifier(20, random_state=0).fit(X, y)
    store.register(first, "cancer")
    store.register(RandomForestClassifier(20, random_state=1).fit(X, y), "cancer")
    np.save(tmp_path / "rows.npy", X)

    git(store.path, "checkout", "--quiet", "cancer@v1.0.0")
    file = store.path / "models/cancer/pipeline.joblib"
    subprocess.run(
        [sys.executable, "-c", LOAD, file, tmp_path / "rows.npy", tmp_path / "answers.npy"],
        check=True,
        cwd=tmp_path,
    )

    assert np.array_equal(np.load(tmp_path / "answers.npy"), first.predict_proba(X))


def test_the_digests_of_the_manifest_are_those_of_the_files(store: gms.Store) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    store.register(RandomForestClassifier(5).fit(X, y), "cancer", X_test=X, y_test=y)

    manifest = json.loads(git(store.path, "show", "cancer@v1.0.0:models/cancer/manifest.json"))

    folder = store.path / "models/cancer"
    assert {entry["path"]: entry["sha256"] for entry in manifest["artifacts"]} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name not in ("manifest.json", "README.md")
    }
    said = git(
        store.path, "tag", "--list", "--format=%(contents:trailers)", "cancer@v1.0.0"
    ).strip()
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert said.strip() == f"Manifest-SHA256: {digest}"
