"""`gms reproduce`: what it prints, and its exit codes; tests/store has what it does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TRAIN = """\
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
import gitmodelstore as gms

table = pd.read_csv("iris.csv")
X, y = table.drop(columns="target"), table["target"]
pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, y)
gms.register_model(pipeline, "iris", test=table, target="target", data={"train": "iris.csv"})
"""
COPY = ("sh", "-c", "cp ../../project/iris.joblib $GMS_REPRODUCE_OUT")
USAGE = "hint: as in `gms reproduce churn@1.2.0 -- python train.py`; see `gms help reproduce`\n"


@pytest.fixture
def project(place, gms, monkeypatch) -> Path:
    """A training repository, and iris 1.0.0 trained with another parameter than its script says."""
    folder = place / "project"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / ".gitignore").write_text("iris.*\n")
    for args in (("init", "-q"), ("add", "."), ("commit", "-qm", "first")):
        subprocess.run(["git", *args], cwd=folder, check=True)
    X, y = load_iris(return_X_y=True, as_frame=True)
    X.iloc[::3].assign(target=y).to_csv(folder / "iris.csv", index=False)
    table = pd.read_csv(folder / "iris.csv")
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    joblib.dump(pipeline.fit(table.drop(columns="target"), table["target"]), folder / "iris.joblib")
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(folder)
    args = ("--code", "train.py", "--data", "train=iris.csv", "--test", "iris.csv")
    done = gms("-C", "../models", "register", "iris", "iris.joblib", *args, "--target", "target")
    assert done.code == 0, done.stderr
    return folder


@pytest.fixture
def here(project, gms):
    """Run a command beside the project."""
    return lambda *args: gms("-C", "../models", *args)


def head_of(project: Path) -> str:
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project, text=True).strip()


@pytest.mark.long  # the next one trains again in every run
def test_what_is_reproduced(here, project):
    stdout, stderr, code = here("reproduce", "iris@1.0.0", "--", *COPY)

    assert code == 0
    assert stderr == f"note: copied 'iris.csv', which is not in git, from '{project}'\n"
    scores = here("show", "iris@1.0.0", "--json").stdout
    metrics = json.loads(scores)["manifest"]["metrics"]
    params = len(json.loads(scores)["manifest"]["pipeline"]["params"])
    lines = [f"{name} {value + 0:.6g}, not compared" for name, value in metrics.items()]
    assert stdout == (
        "iris 1.0.0 is reproduced\n"
        f"  code         {head_of(project)[:7]}, by {' '.join(COPY)}\n"
        "  environment  as recorded\n"
        "  data         test same, train same\n"
        f"  pipeline     {params} parameters the same\n"
        "  answers      identical on 50 rows\n"
        f"  metrics      {lines[0]}\n"
        + "".join(f"               {line}\n" for line in lines[1:])
        + "  file         pipeline.joblib has the same bytes\n"
    )


def test_what_differs_as_a_document(here, project):
    stdout, _, code = here("reproduce", "iris@1.0.0", "--json", "--", "python", "train.py")
    found = json.loads(stdout)

    assert code == 1
    assert (found["reproduced"], found["sections"]) == (False, ["params", "answers", "metrics"])
    assert found["code"] == {"commit": head_of(project), "with_changes": False}
    assert found["params"] == [{"name": "logisticregression__C", "recorded": 1.0, "present": 0.5}]
    assert [(one["role"], one["outcome"]) for one in found["data"]] == [
        ("test", "not compared"),  # a table in the script, and a file at registration
        ("train", "same"),
    ]
    assert found["replay"]["outcome"] == "different"
    assert (found["environment"], found["same_bytes"], found["kept"]) == ("present", False, None)


def test_what_is_refused(here, project):
    copied = f"note: copied 'iris.csv', which is not in git, from '{project}'\n"
    missing = f"error: missing the command to run, after --\n{USAGE}"
    assert here("reproduce", "iris@1.0.0") == ("", missing, 2)
    for typed, said in (
        (
            "iris@1.0.0 -- false",
            f"{copied}error: `false` exited with 1\n"
            "hint: name the files that it reads and that are not in git with --copy PATH; "
            "--keep keeps the work tree\n",
        ),
        (
            "iris@1.0.0 --code nowhere -- true",
            "error: folder 'nowhere' does not exist\nhint: omit --code, or correct it\n",
        ),
        (
            "churn@1.0.0 -- true",
            "error: churn 1.0.0 records no training repository\n"
            "hint: train in a git repository, and register from there\n",
        ),
    ):
        assert here("reproduce", *typed.split()) == ("", said, 1)
    odd = here("reproduce", "iris@1.0.0", "--", "python", "--no-such-option-of-ours")
    assert (odd.stdout, odd.code) == ("", 1)


def test_keep_diff_is_for_a_training_repository(here, project):
    assert here("register", "iris", "iris.joblib", "--no-code", "--keep-diff").code == 2
    (project / "train.py").write_text(TRAIN + "# changed\n")

    assert here("register", "iris", "iris.joblib", "--keep-diff").code == 0
    assert here("cat", "iris@latest:code.diff").stdout.endswith("+# changed\n")
    assert "with uncommitted changes" in here("show", "iris@latest").stdout
