"""What one release of scikit-learn and numpy wrote another reads, or says why it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .environments import ROOT, make

OLDER = ("scikit-learn==1.5.2", "numpy==1.26.4", "scipy<1.14", "pandas<3")
# "plain" is read by every release; what "moved" names has moved in scikit-learn, and in numpy.
REGISTER = """
import sys
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
import gitmodelstore as gms

X, y = load_iris(return_X_y=True, as_frame=True)
y = y > 1
store = gms.Store.init(sys.argv[1])
for name, model in (
    ("plain", GaussianNB()),
    ("moved", GradientBoostingClassifier(n_estimators=3, random_state=0)),
):
    for column in ("petal length (cm)", "sepal width (cm)"):
        pipeline = make_pipeline(StandardScaler(), model).fit(X[[column]], y)
        store.register(pipeline, name, X_test=X[[column]], y_test=y, code=None)
    store.promote(f"{name}@1.0.0", "production")
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("across") / "older", *OLDER, str(ROOT)) / "python"


@pytest.fixture(params=["written by the older", "written here"])
def pair(request: pytest.FixtureRequest, older: Path, tmp_path: Path) -> tuple[Path, Run]:
    """A store that one of the two wrote, and how the other runs `gms` there."""
    here = Path(sys.executable)
    writer, reader = (older, here) if request.param.endswith("older") else (here, older)
    place = tmp_path / "store"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    subprocess.run([writer, "-c", REGISTER, place], check=True, env=environment)

    def gms(*args: str) -> subprocess.CompletedProcess[str]:
        command = [reader, "-m", "gitmodelstore", "-C", place, *args]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return place, gms


def versions(found: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {f"{it['model']}@{it['version']}": it for it in json.loads(found.stdout)["versions"]}


def test_what_loads_answers_alike_and_what_does_not_says_how_to_load_it(pair):
    _, gms = pair

    found = gms("--json", "verify", "--all", "--replay")

    assert found.returncode == 128, found.stdout + found.stderr
    by_ref = versions(found)
    assert {it["sound"] for it in by_ref.values()} == {True}
    assert by_ref["plain@1.0.0"]["replay"]["outcome"] in ("identical", "within tolerance")
    assert by_ref["plain@1.0.0"]["unloaded"] is None
    unloaded = by_ref["moved@1.0.0"]["unloaded"]
    assert unloaded["code"] == "other-versions-needed"
    for package in ("scikit-learn 1.", "numpy "):
        assert package in unloaded["message"].partition("it was trained with ")[2]
    assert "`gms env moved@1.0.0 > requirements.txt`" in unloaded["hint"]


def test_the_rest_goes_on_without_loading(pair):
    _, gms = pair

    for args in (
        ("verify", "--all"),
        ("list",),
        ("show", "moved"),
        ("log", "moved"),
        ("env", "moved"),
        ("promote", "moved@latest", "staging"),
    ):
        done = gms(*args)
        assert done.returncode == 0, (args, done.stderr)
    assert gms("diff", "moved@1.0.0", "moved@latest").returncode == 1
    assert "scikit-learn==1." in gms("env", "moved").stdout


def test_loading_it_fails_with_the_same_words(pair):
    _, gms = pair

    refused = gms("rollback", "moved", "--to", "1.0.0")
    done = gms("verify", "moved", "--replay")

    assert refused.returncode != 0
    assert "it was trained with" in done.stdout
    assert "cannot be loaded here" in done.stdout
