"""A version trained again, from its code: what is compared, and that no trace is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gitmodelstore as gms
from gitmodelstore import Store
from gitmodelstore.errors import CannotReproduce, GitFailed, InvalidInput
from gitmodelstore.plumbing import checkout

from .looks import commit_by_hand, git, look

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGE = Path(gms.__file__).parents[1]

TRAIN = """\
import sys
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
import gitmodelstore as gms

table = pd.read_csv("data/train.csv")
X, y = table.drop(columns="target"), table["target"]
pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
data = {"train": "data/train.csv"}
version = gms.register_model(pipeline, "cancer", store=STORE, X_test=X, y_test=y, data=data)
"""
DUMP = (
    TRAIN.partition("data =")[0]
    + """\
import joblib, os
joblib.dump(pipeline, os.environ["GMS_REPRODUCE_OUT"])
"""
)
SCALER = "from sklearn.preprocessing import StandardScaler"
PYTHON = ("python", "train.py")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder of its own for what is temporary, to see that nothing stays there."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    return folder


@pytest.fixture
def store(store, notes) -> Store:
    return Store.open(store.path, durable=False, notify=notes.append)


@pytest.fixture
def project(tmp_path, rows, monkeypatch) -> Path:
    """A training repository, whose data git does not hold; it is the working directory."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    git(folder, "init", "--quiet")
    X, y = rows
    X.iloc[:60, :4].assign(target=y.iloc[:60]).to_csv(folder / "data" / "train.csv", index=False)
    (folder / ".gitignore").write_text("data/\n__pycache__/\nsettings/\n")
    git(folder, "add", ".gitignore")
    commit_by_hand(folder, "train.py", TRAIN)
    monkeypatch.chdir(folder)
    return folder


def train(store: Store, project: Path, pipeline: Any = None, **details: Any) -> None:
    """Register what train.py makes as cancer 1.0.0, as if it had just run."""
    table = pd.read_csv(project / "data" / "train.csv")
    X, y = table.drop(columns="target"), table["target"]
    pipeline = pipeline or make_pipeline(StandardScaler(), LogisticRegression())
    details = {"code": project / "train.py", "data": {"train": "data/train.csv"}, **details}
    store.register(pipeline.fit(X, y), "cancer", X_test=X, y_test=y, **details)


@pytest.fixture
def untouched(project, store, temporary):
    """Afterwards repository, store and temporary folder are what they were."""

    def seen() -> tuple[object, ...]:
        return (
            look(project),
            git(project, "worktree", "list"),
            sorted(path.name for path in (project / ".git").iterdir()),
            (project / ".git" / "info" / "exclude").read_text(),
            look(store.path),
            list(temporary.iterdir()),
        )

    before: list[tuple[object, ...]] = []
    yield lambda: before.append(seen())
    assert seen() == before[0]


def refusal(
    store: Store, ref: str = "cancer@1.0.0", command: tuple[str, ...] = PYTHON, **details: Any
) -> CannotReproduce:
    """Return why a version cannot be trained again."""
    with pytest.raises(CannotReproduce) as caught:
        store.reproduce(ref, command, **details)
    return caught.value


def outcomes(results: tuple) -> dict[str, str]:
    return {getattr(one, "role", None) or one.name: one.outcome for one in results}


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_training_script_of_the_examples_is_reproduced(tmp_path, monkeypatch, capfd):
    project = tmp_path / "credit"
    project.mkdir()
    git(project, "init", "--quiet")
    for script in EXAMPLES.glob("*.py"):
        (project / script.name).write_bytes(script.read_bytes())
    (project / "pyproject.toml").touch()
    monkeypatch.chdir(project)
    notes: list[str] = []
    store = Store.init(project, place_inside=True, durable=False, notify=notes.append)
    git(project, "add", "*.py", "pyproject.toml")
    git(project, "commit", "--quiet", "--message", "Train a credit model")
    for script in ("make_loans.py", "train_credit.py"):
        subprocess.run([sys.executable, script], check=True, capture_output=True)
    commit = git(project, "rev-parse", "HEAD").strip()
    (project / "train_credit.py").write_text("raise SystemExit('this has not trained it')\n")
    before = look(project), git(project, "worktree", "list")
    started = time.time()
    notes.clear()
    capfd.readouterr()

    found = store.reproduce("credit@1.0.0", ("python", "train_credit.py"))

    assert (found.is_reproduced, found.reasons, found.same_bytes) == (True, (), True)
    assert found.ran.commit == commit
    ran = found.ran
    assert (ran.with_changes, ran.environment, ran.kept) == (False, "present", None)
    assert found.answers.outcome == "identical"
    assert (found.steps_same, found.params, found.param_count > 50) == (True, (), True)
    assert outcomes(found.data) == {"train": "same", "test": "same"}
    assert {"cv_auc", "test_auc", "roc_auc"} <= set(outcomes(found.metrics))
    assert set(outcomes(found.metrics).values()) == {"same"}
    assert notes == [
        f"copied 'data/{name}-v1.csv', which is not in git, from '{project}'"
        for name in ("loans", "test")
    ]
    stdout, stderr = capfd.readouterr()  # what the command prints is no result
    assert (stdout, stderr.startswith("credit 1.0.0 {'cv_auc': ")) == ("", True)
    assert (look(project), git(project, "worktree", "list")) == before
    assert [str(version) for version in store.versions("credit")] == ["credit 1.0.0"]
    assert all(path.stat().st_mtime <= started for path in (project / "data").iterdir())


OWN_STEPS = """\
from sklearn.preprocessing import StandardScaler


class Scaler(StandardScaler):
    pass
"""
SIDE_EFFECTS = """
import subprocess
store = gms.Store.open(STORE)
store.promote(version, "production", reason="not really")
assert [str(held) for held in gms.Store.open(STORE).versions("cancer")] == ["cancer 1.0.0"]
command = [sys.executable, "-m", "gitmodelstore.cli.main", "-C", STORE, "list"]
listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
assert "1.0.0    1.0.0       -" in listed, listed
assert not gms.Store.init("another").created
"""


@pytest.mark.long
def test_a_dirty_run_is_rebuilt_where_it_ran_and_reaches_no_other_store(
    store, project, untouched, monkeypatch
):
    """With a class of its own that was not committed, and a setting that nobody tracks."""
    inner = project / "inner"
    inner.mkdir()
    git(project, "mv", "train.py", "inner/train.py")
    git(project, "commit", "--quiet", "--message", "moved")
    (project / "data").rename(inner / "data")
    (inner / "settings").mkdir()
    (inner / "settings" / "c.txt").write_text("0.25")
    (inner / "own_steps.py").write_text(OWN_STEPS)
    script = TRAIN.replace("sklearn.preprocessing import Standard", "own_steps import ")
    script = script.replace("StandardScaler()", "Scaler()")
    script = script.replace("Regression()", "Regression(C=float(open('settings/c.txt').read()))")
    (inner / "train.py").write_text(f"STORE = {str(store.path)!r}\n{script}{SIDE_EFFECTS}")
    monkeypatch.chdir(inner)
    monkeypatch.syspath_prepend(str(inner))
    from own_steps import Scaler

    details = {"code": "train.py", "keep_diff": True}
    train(store, inner, make_pipeline(Scaler(), LogisticRegression(C=0.25)), **details)
    git(project, "stash", "--quiet", "--include-untracked")
    untouched()

    trusting = Store.open(store.path, trusted=["own_steps"])
    found = trusting.reproduce("cancer@1.0.0", PYTHON, copy=["settings"])

    assert (found.is_reproduced, found.ran.with_changes) == (True, True)
    assert (found.answers.outcome, found.same_bytes) == ("identical", True)


@pytest.mark.long
def test_a_file_will_do_from_a_bare_repository_in_an_environment_of_uv(
    store, project, untouched, notes, tmp_path, elsewhere
):
    """A program in the place of uv notes how it is called, and hands on the present Python."""
    commit_by_hand(project, "dump.py", DUMP)
    elsewhere(project)
    git(tmp_path, "clone", "--quiet", "--bare", str(project), "bare.git")
    data = project / "data" / "train.csv"
    shell = f"mkdir data && cp {data} data/train.csv && exec python dump.py"
    log = tmp_path / "log"
    instead_of_uv(tmp_path, f"#!{sys.executable}\nLOG = {str(log)!r}\n{FAKE_UV}")
    untouched()

    found = store.reproduce("cancer@1.0.0", ("sh", "-c", shell), code=tmp_path / "bare.git")

    assert (found.is_reproduced, found.same_bytes) == (True, True)
    assert (found.ran.environment, found.ran.differences) == ("recorded", ())
    assert found.answers.outcome == "identical"
    assert outcomes(found.data) == {"train": "same", "test": "not compared"}
    assert set(outcomes(found.metrics).values()) == {"not compared"}
    assert notes[-1] == "uv recreates the recorded environment: training-tools 3.1, here none"
    told = log.read_text().split()
    assert told[:2] == ["venv", "pip"]
    assert "training-tools==3.1" in told
    assert not [line for line in told if line.startswith("gitmodelstore==")]
    assert git(tmp_path / "bare.git", "worktree", "list").count("\n") == 1


FAKE_UV = """\
import pathlib, sys
args = sys.argv[1:]
log = open(LOG, "a")
print(args[0], file=log)
if args[0] == "venv":
    folder = pathlib.Path(args[args.index("--python") - 1], "bin")
    folder.mkdir(parents=True)
    python = folder / "python"
    python.write_text('#!/bin/sh\\nexec ' + sys.executable + ' "$@"\\n')
    python.chmod(0o755)
else:
    print(open(args[-1]).read(), file=log)
"""


def instead_of_uv(tmp_path: Path, script: str) -> None:
    fake = tmp_path / "bin" / "uv"
    fake.parent.mkdir()
    fake.write_text(script)
    fake.chmod(0o755)


@pytest.fixture
def elsewhere(store, tmp_path, monkeypatch):
    """Register cancer 1.0.0 as trained where one more package was installed."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    def elsewhere(project: Path) -> None:
        info = tmp_path / "site" / "training_tools-3.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Name: training-tools\nVersion: 3.1\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / "site"))
            train(store, project)

    return elsewhere


class TestEnvironment:
    def test_without_uv_or_one_that_can_make_it_the_differences_are_said(
        self, store, project, elsewhere, notes, tmp_path, monkeypatch
    ):
        elsewhere(project)
        here = "trained again in the current environment: training-tools 3.1, here none"

        with monkeypatch.context() as patch:
            patch.setattr(checkout, "PROGRAM", "no-such-uv")
            refusal(store, command=("true",))
        assert notes[-1] == here

        instead_of_uv(tmp_path, "#!/bin/sh\necho 'error: no such package' >&2\nexit 2\n")
        refusal(store, command=("true",))
        assert notes[-3:] == [
            "uv recreates the recorded environment: training-tools 3.1, here none",
            "uv cannot recreate the recorded environment: no such package",
            here,
        ]
        notes.clear()
        refusal(store, command=("true",), uv=False)  # it can be left out
        assert not [note for note in notes if note.startswith("uv ")]

    @pytest.mark.long
    def test_a_package_of_the_project_is_taken_from_its_recorded_code(
        self, store, project, elsewhere, notes, tmp_path
    ):
        """As an editable installation leaves it, for whoever has it installed no longer."""
        (project / "src").mkdir()
        commit_by_hand(project, "src/steps.py", "from sklearn.preprocessing import MinMaxScaler")
        own = "from steps import MinMaxScaler as StandardScaler"
        commit_by_hand(project, "dump.py", DUMP.replace(SCALER, own))
        info = tmp_path / "site" / "steps-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Name: steps\nVersion: 0.1\n")
        said = {"url": project.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(said))
        elsewhere(project)
        log = tmp_path / "log"
        instead_of_uv(tmp_path, f"#!{sys.executable}\nLOG = {str(log)!r}\n{FAKE_UV}")

        assert store.reproduce("cancer@1.0.0", ("python", "dump.py")).ran.environment == "recorded"
        assert "steps" not in log.read_text()
        assert notes[-1] == (
            "uv leaves out 'steps', which no index has: it is taken from the recorded code; "
            "if it is somewhere else, add its folder to PYTHONPATH"
        )


def test_what_cannot_be_copied_is_said(store, project, untouched):
    train(store, project)
    untouched()

    for name in ("../store", "nowhere"):
        with pytest.raises(InvalidInput) as caught:
            store.reproduce("cancer@1.0.0", PYTHON, copy=[name])
        assert str(caught.value) == (
            f"cannot copy '{name}': it is not in the repository '{project}'"
        )


def test_changes_that_do_not_fit_or_are_not_those_of_the_manifest_are_refused(
    store, project, untouched, tmp_path
):
    (project / "train.py").write_text("changed\n")
    train(store, project, keep_diff=True)
    git(project, "checkout", "--quiet", "train.py")
    folder = store.download("cancer@1.0.0", tmp_path / "folder")
    (folder / "code.diff").write_text("--- a/train.py\n+++ b/train.py\n")
    store.register_folder(folder, "other")
    untouched()

    error = refusal(store, "other@latest")

    assert str(error) == "code.diff of other 1.0.0 does not match its manifest"


def test_changes_that_were_not_kept_are_said(store, project, notes):
    (project / "train.py").write_text("changed\n")
    train(store, project)

    refusal(store, command=("true",))

    assert "cancer 1.0.0 was trained with uncommitted changes, which were not kept" in notes


def test_keep_leaves_it_to_be_looked_at(store, project, temporary, notes):
    train(store, project)

    refusal(store, command=("touch", "seen"), keep=True)

    (folder,) = temporary.iterdir()
    away = f"`git worktree remove -f {folder / 'code'}` removes the work tree"
    assert notes[-1] == f"left in '{folder}': {away}"
    assert (folder / "code" / "seen").exists()
    assert git(project, "worktree", "list").count("\n") == 2
    git(project, "worktree", "remove", "-f", str(folder / "code"))


class TestRefusals:
    def test_a_command_that_leaves_nothing_or_something_else(self, store, project, untouched):
        train(store, project)
        untouched()
        other = "import gitmodelstore as g; from sklearn.dummy import DummyClassifier as D; "
        other += "g.register_model(D().fit([[1], [2]], [0, 1]), 'fraud')"

        for command, said in {
            ("true",): "`true` wrote no pipeline",
            ("python", "-c", other): f"`python -c {other}` registered fraud, not cancer",
            ("sh", "-c", "exit 3"): "`sh -c exit 3` exited with 3",
            ("sh", "-c", "kill -9 $$"): "`sh -c kill -9 $$` was ended by signal 9",
            ("no-such-program",): "'no-such-program' cannot be started: no such file or directory",
        }.items():
            assert str(refusal(store, command=command)) == said
        with pytest.raises(InvalidInput, match="no command to run"):
            store.reproduce("cancer@1.0.0", ())
        assert str(refusal(store, command=("sh", "-c", "echo x > $GMS_REPRODUCE_OUT"))).startswith(
            "what `sh -c echo x > $GMS_REPRODUCE_OUT` wrote to $GMS_REPRODUCE_OUT cannot be used: "
        )

    def test_a_version_without_a_commit(self, store, fitted, tmp_path):
        empty = tmp_path / "empty"
        empty.mkdir()
        git(empty, "init", "--quiet")
        store.register(fitted, "early", code=empty)

        said = "early 1.0.0 was trained before the first commit of its repository"
        assert str(refusal(store, "early@1.0.0")) == said

    def test_no_repository_around(self, store, project, tmp_path, monkeypatch):
        git(project, "remote", "add", "origin", "https://ada:token@example.org/churn.git")
        train(store, project)
        monkeypatch.chdir(tmp_path)

        error = refusal(store)

        assert str(error) == (
            f"cannot find the code of cancer 1.0.0: '{tmp_path}' is not in a repository"
        )
        assert error.hint == "clone https://example.org/churn.git, and name it with --code PATH"

    def test_a_repository_that_lacks_the_commit(self, store, project, tmp_path):
        train(store, project)
        commit = git(project, "rev-parse", "HEAD").strip()
        other = tmp_path / "other"
        other.mkdir()
        git(other, "init", "--quiet")
        git(project, "commit", "--quiet", "--allow-empty", "--message", "later")
        git(tmp_path, "clone", "--quiet", "--depth=1", project.as_uri(), "shallow")
        shallow = tmp_path / "shallow"

        error = refusal(store, code=other)

        lacks = f"lacks the commit {commit[:12]} that trained cancer 1.0.0"
        assert str(error) == f"the repository '{other}' {lacks}"
        fetch = f"run `git -C {other} fetch`, or name the one that has it with --code PATH"
        assert error.hint == fetch
        unshallow = f"it is a shallow clone: run `git -C {shallow} fetch --unshallow`"
        assert refusal(store, code=shallow).hint == unshallow

    def test_a_folder_that_is_no_repository(self, store, project, tmp_path):
        train(store, project)

        with pytest.raises(GitFailed, match="not a git repository"):
            store.reproduce("cancer@1.0.0", PYTHON, code=tmp_path)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_it_leaves_no_trace(store, project, untouched, ending):
    train(store, project)
    untouched()
    command = [sys.executable, "-m", "gitmodelstore.cli.main", "-C", str(store.path), "reproduce"]
    process = subprocess.Popen(
        [*command, "cancer@1.0.0", "--", "sh", "-c", "echo begun; exec sleep 60"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while "begun" not in process.stderr.readline():
        assert process.poll() is None
    assert git(project, "worktree", "list").count("\n") == 2

    process.send_signal(ending)

    _, said = process.communicate(timeout=20)
    assert (said, process.returncode) == ("interrupted\n", 130)
