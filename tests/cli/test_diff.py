"""`gms diff`."""

from __future__ import annotations

import json
import subprocess

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from gitmodelstore.store import Store

CHURN = (
    "churn 1.0.0 -> 1.1.0: metrics (2 better), 1 param, train data and files differ\n"
    "\n"
    "Metrics, on test data that is not recorded for both\n"
    "            1.0.0  1.1.0  change\n"
    "  accuracy   0.75   0.76   +0.01  better\n"
    "  test_auc   0.81   0.83   +0.02  better\n"
    "\n"
    "Params\n"
    "  logisticregression\n"
    "    ~ C  1.0 -> 3.0\n"
    "\n"
    "Data\n"
    "  train  {train} -> none\n"
    "\n"
    "Files\n"
    "  pipeline.joblib  {sizes}\n"
)
UNASKED = "note: no answers were compared: neither has a sample\n"


LOST = "no repository here has both commits: name it with code= (--code DIR)"


@pytest.fixture
def expected(place) -> str:
    """What is printed of churn 1.0.0 and 1.1.0."""
    store = Store.open("models")
    data = store.show("churn@1.0.0").dataset("train")
    one, other = (
        store.show(f"churn@{number}").artifact("pipeline.joblib").size_bytes
        for number in ("1.0.0", "1.1.0")
    )
    grown = "" if one == other else f" ({'+' if other > one else '-'}{abs(other - one)} bytes)"
    sizes = f"{one / 1000:.1f} kB -> {other / 1000:.1f} kB{grown}"
    shape = (
        f"{data.size_bytes} bytes" if data.rows is None else f"{data.rows} x {len(data.columns)}"
    )
    return CHURN.format(train=f"train {shape} sha256:{data.digest.hex[:12]}", sizes=sizes)


@pytest.fixture
def leave(gms, rows) -> None:
    """leave 1.0.0 and 1.1.0, tested on the same rows."""
    for file in ("first.joblib", "second.joblib"):
        options = ["--test", rows, "--target", "left", "--no-code"]
        assert gms("register", "leave", file, *options).code == 0


@pytest.mark.usefixtures("unchanged")
class TestDiff:
    def test_two_versions(self, gms, expected, session):
        assert gms("diff", "churn@1.0.0", "churn@1.1.0") == (expected, UNASKED, 1)
        session("$ gms diff churn@1.1.0 churn@production\nchurn 1.1.0 -> 1.1.0: nothing differs")

    def test_two_models_with_the_same_pipeline(self, gms):
        stdout, stderr, code = gms("diff", "fraud@1.0.0", "churn@1.0.0", "--no-answers")

        assert stdout.startswith(
            "fraud 1.0.0 -> churn 1.0.0: metrics and train data differ\n\n"
            "Metrics, on test data that is not recorded for both\n"
            "            fraud 1.0.0  churn 1.0.0  change\n"
            "  accuracy            -         0.75\n"
            "  test_auc            -         0.81\n"
        )
        assert (stderr, code) == ("", 1)

    def test_the_other_way_round(self, gms):
        lines = gms("diff", "churn@1.1.0", "churn@1.0.0", "-q").stdout.splitlines()

        assert lines[0] == (
            "churn 1.1.0 -> 1.0.0: metrics (2 worse), 1 param, train data and files differ"
        )
        assert "    ~ C  3.0 -> 1.0" in lines

    def test_colour(self, gms, monkeypatch, git):
        monkeypatch.delenv("NO_COLOR")
        git("config", "color.ui", "always")

        lines = gms("diff", "churn@1.0.0", "churn@1.1.0").stdout.splitlines()

        assert lines[4] == "  accuracy   0.75   0.76   +0.01  \x1b[32mbetter\x1b[m"
        assert lines[7] == "\x1b[1mParams\x1b[m"


def test_json(gms, git, leave):
    stdout, stderr, code = gms("diff", "leave@1.0.0", "leave@1.1.0", "--json")

    assert (stderr, code) == ("", 1)
    found = json.loads(stdout)
    assert found["differs"] is True
    assert found["sections"] == ["params", "files", "answers"]
    assert found["a"]["commit"] == git("rev-parse", "leave@v1.0.0^{commit}")
    assert (found["a"]["name"], found["b"]["name"]) == ("leave 1.0.0", "leave 1.1.0")
    assert found["params"] == [
        {"what": "changed", "name": "logisticregression__C", "before": 1.0, "after": 3.0}
    ]
    assert found["metrics"]["measured_on"] == "same data"
    assert set(found["metrics"]["changes"][0]) == {"name", "before", "after", "delta", "verdict"}
    (answers,) = found["answers"]
    assert (answers["asked"], answers["as_recorded"]) == ("leave 1.0.0 and leave 1.1.0", True)
    assert [one["method"] for one in answers["methods"]] == ["predict", "predict_proba"]
    unsaid = {"code": None, "data": [], "environment": [], "answers_why": None}
    assert {name: found[name] for name in unsaid} == unsaid


def test_answers_as_recorded_and_asked_here(gms, leave):
    recorded = gms("diff", "leave@1.0.0", "leave@1.1.0").stdout
    asked = gms("diff", "leave@1.0.0", "leave@1.1.0", "--answers").stdout

    whose = "  to 50 rows of the sample of leave 1.0.0 and leave 1.1.0"
    assert f"\nAnswers\n{whose}, as recorded\n    predict " in recorded
    assert asked == recorded.replace("as recorded", "asked here")
    assert "    predict_proba  different in 50 of 50 rows, largest difference 0." in asked


def test_a_file_that_is_not_registered(gms, leave, place, rows, unchanged):
    found = gms("diff", "leave@1.0.0", "second.joblib", "--test", rows, "--target", "left")

    lines = found.stdout.splitlines()
    assert lines[0] == "leave 1.0.0 -> second.joblib: 1 param, files and answers differ"
    assert "Metrics, on the rows given" in lines
    assert "  accuracy          0.9            0.9       0" in lines
    assert "    ~ C  1.0 -> 3.0" in lines
    assert "  to 40 rows given, asked here" in lines
    assert (found.stderr, found.code) == ("", 1)


def test_a_class_of_ones_own_must_be_trusted(gms, leave, place, monkeypatch):
    (place / "comrades.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Own(LogisticRegression):\n    pass\n"
    )
    monkeypatch.syspath_prepend(place)
    own = __import__("comrades").Own().fit([[0.0, 1.0], [1.0, 0.0]], ["no", "yes"])
    joblib.dump(own, place / "own.joblib")

    refused = gms("diff", "leave@1.0.0", "own.joblib")
    allowed = gms("diff", "leave@1.0.0", "own.joblib", "--trust", "comrades", "--no-answers")

    assert (refused.stdout, refused.code) == ("", 1)
    assert refused.stderr.startswith("error: 'own.joblib' is refused: ")
    classes = allowed.stdout.replace("sklearn.pipeline.", "").replace("comrades.", "")
    assert "  class      Pipeline -> Own" in classes


def test_code_between_two_commits(gms, place, monkeypatch):
    code = place / "code"

    def git(*args: str) -> str:
        done = subprocess.run(["git", *args], cwd=code, check=True, capture_output=True, text=True)
        return done.stdout

    code.mkdir()
    git("init", "-q")
    for number, file in enumerate(("first.joblib", "second.joblib"), 1):
        (code / "train.py").write_text("print(1)\n" * number)
        git("add", ".")
        git("commit", "-qm", f"Try number {number}")
        assert gms("register", "leave", file, "--code", "code").code == 0
    commits = git("log", "--format=%h", "--abbrev=7").split()

    here = gms("diff", "leave@1.0.0", "leave@1.1.0").stdout
    there = gms("diff", "leave@1.0.0", "leave@1.1.0", "--code", "code").stdout

    arrow = f"\nCode\n  {commits[1]} -> {commits[0]}\n"
    assert f"{arrow}  {LOST}\n\n" in here
    assert (
        f"{arrow}  {commits[0]} Try number 2\n  train.py | +1 -0\n  1 file changed, +1 -0\n\n"
    ) in there


def test_long_sections_are_cut(place, gms):
    wide = pd.DataFrame({f"c{n}": [0.0, 1.0, 0.5, 0.7] for n in range(30)})
    store = Store.open("models")
    for X in (wide, wide.rename(columns=str.upper)):
        store.register(LogisticRegression().fit(X, [0, 1, 0, 1]), "wide", X_test=X, code=None)

    lines = gms("diff", "wide@1.0.0", "wide@2.0.0", "--no-answers").stdout.splitlines()

    start = lines.index("Inputs")
    assert lines[start + 1] == "  ~ c0 -> C0  renamed? same place and type"
    assert lines[start + 21] == "  … and 10 more (--json has them all)"


def test_recorded_answers_import_nothing_heavy(imported, leave):
    typed = [f"diff leave@1.0.0 leave@1.1.0 {option}" for option in ("", "--json", "--no-answers")]
    assert imported(*typed) == dict.fromkeys(typed, "1")
