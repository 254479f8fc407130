"""One run of a command: whose code it finds, where Python does, and lines that fit the terminal."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unicodedata import combining, east_asian_width

import pytest

from gitmodelstore import Store
from gitmodelstore.cli.session import OwnCode, Session, folded
from gitmodelstore.operations.trust import find
from gitmodelstore.values.tables import width
from tests.cli.test_main import scripts
from tests.store import children

from .conftest import on_terminal

CANNOT_LOAD = 128  # of verify: nothing is wrong with the version, but it cannot be asked here
FEATURES = """
import os
from pathlib import Path

from sklearn.base import BaseEstimator, TransformerMixin

import wording  # beside it

Path(os.environ["MARK"]).touch()


class Scaler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        import lazily

        return X * lazily.TWO
"""
TRAIN = """
import numpy as np, joblib
from features import Scaler
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
import gitmodelstore as gms

X = np.arange(40.0).reshape(20, 2)
for strength in (1.0, 2.0):
    pipeline = make_pipeline(Scaler(), LogisticRegression(C=strength)).fit(X, [0, 1] * 10)
    store = gms.Store.open("models", trusted=["features"])
    version = store.register(pipeline, "churn", X_test=X, code=None)
    store.promote(version, "production")
"""


class Project(NamedTuple):
    """A folder of code with a class of its own, a store in `models`, and a mark.

    The mark is made when the module of the class is imported.
    """

    folder: Path
    mark: Path

    def run(self, *args: str, cwd: Path | None = None, **environment: str) -> tuple[int, str]:
        """Run a command, in a process that has imported libraries but nothing of the project."""
        words = ("-C", str(self.folder / "models"), *args)
        environment["MARK"] = str(self.mark)
        done = children.gms(*words, cwd=cwd or self.folder, environment=environment)
        return done.returncode, done.stderr

    def run_installed(self, *args: str) -> tuple[int, str]:
        """Run the installed command, whose folder is not the project's."""
        done = subprocess.run(
            [scripts() / "gms", "-C", self.folder / "models", *args],
            cwd=self.folder,
            env={**os.environ, "MARK": str(self.mark)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr

    def was_imported(self) -> bool:
        there = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return there


def lay_out(folder: Path) -> None:
    """Write the modules of a project into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.py").write_text(FEATURES)
    (folder / "wording.py").write_text("")
    (folder / "lazily.py").write_text("TWO = 2\n")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a store lies, once a test has made it, with two versions, the second in production."""
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(params=["beside", pytest.param("src", marks=pytest.mark.long)])
def project(trained: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    folder = tmp_path / "code"
    if not (trained / "models").exists():  # inside a test, where the environment is isolated
        lay_out(trained)
        (trained / "train.py").write_text(TRAIN)
        subprocess.run([scripts() / "gms", "init", "models"], cwd=trained, check=True)
        environment = {**os.environ, "MARK": str(trained / "mark")}
        subprocess.run([sys.executable, "train.py"], cwd=trained, check=True, env=environment)
    shutil.copytree(trained / "models", folder / "models")
    lay_out(folder / "src" if request.param == "src" else folder)
    (folder / "pyproject.toml").write_text('[project]\nname = "churn"\nversion = "0.1"\n')
    return Project(folder, tmp_path / "imported")


def test_a_project_is_asked_where_its_names_were_trusted(project, tmp_path, isolated):
    code, said = project.run("rollback", "churn", "--reason", "drift")
    assert code == 1
    assert not project.was_imported()

    code, said = project.run("trust", "add", "features.Scaler")
    assert f"note: commands that run in '{project.folder}' import 'features' from it\n" in said
    assert "not installed" not in said
    assert not project.was_imported()
    code, said = project.run(
        "rollback", "churn", "--reason", "drift", cwd=project.folder / "models"
    )
    assert code == 1  # not from within the store
    assert not project.was_imported()
    code, said = project.run_installed("rollback", "churn", "--reason", "drift")
    assert code == 0, said
    assert project.was_imported()
    below = project.folder / "notebooks"
    below.mkdir()
    code, said = project.run("verify", "churn@1.0.0", "--replay", cwd=below)
    assert code == 0, said
    assert project.was_imported()
    project.run("trust", "remove", "features.Scaler")
    config = isolated / ".config" / "gitmodelstore" / "config.toml"
    assert config.read_text() == "trusted = [\n]\n"


@pytest.mark.parametrize("project", ["beside"], indirect=True)
@pytest.mark.parametrize("how", ["--trust", "GITMODELSTORE_TRUSTED"])
def test_what_is_trusted_for_one_run_is_found_in_it(project, how):
    named = ("--trust", "features.Scaler") if how == "--trust" else ()
    environment = {} if named else {how: "features.Scaler"}

    code, said = project.run("verify", "churn@1.0.0", "--replay", *named, **environment)

    assert (code, project.was_imported()) == (0, True), said


@pytest.mark.parametrize("project", ["beside"], indirect=True)
class TestCodeOfOthers:
    """A folder that was not the user's when names were trusted gives its modules to nobody."""

    @pytest.fixture
    def replay_in(self, project: Project) -> Callable[[Path], tuple[int, str]]:
        assert project.run("trust", "add", "features.Scaler")[0] == 0

        def run(folder: Path) -> tuple[int, str]:
            return project.run("verify", "churn@1.0.0", "--replay", cwd=folder)

        return run

    def test_a_clone_of_foreign_code(self, project, replay_in, tmp_path):
        foreign = tmp_path / "foreign"
        lay_out(foreign)
        (foreign / ".git").mkdir()
        (foreign / "pyproject.toml").write_text(
            '[tool.gitmodelstore]\ntrusted = ["features", "features.Scaler"]\n'
        )

        assert replay_in(foreign)[0] == CANNOT_LOAD
        assert not project.was_imported()

    def test_a_work_tree_of_a_store_and_a_link_into_one(self, project, replay_in):
        models = project.folder / "models"
        lay_out(models)

        assert replay_in(models)[0] == CANNOT_LOAD
        assert replay_in(models / "models" / "churn")[0] == CANNOT_LOAD
        assert project.run("trust", "add", "features", cwd=models)[0] == 0
        assert replay_in(models)[0] == CANNOT_LOAD
        assert not project.was_imported()
        (project.folder / "features.py").unlink()
        (project.folder / "features.py").symlink_to("models/features.py")
        assert replay_in(project.folder)[0] == CANNOT_LOAD
        assert not project.was_imported()

    def test_a_store_that_is_taken_for_a_package(self, project):
        assert find("models", project.folder) is None
        assert find("notebooks", project.folder) is None
        (project.folder / "notebooks").mkdir()
        assert find("notebooks", project.folder) is not None

    def test_a_file_that_others_may_write(self, project, replay_in):
        (project.folder / "features.py").chmod(0o666)

        assert replay_in(project.folder)[0] == CANNOT_LOAD
        assert not project.was_imported()

    def test_what_is_installed_comes_first(self, project):
        assert project.run("trust", "add", "features.Scaler")[0] == 0
        for name in ("sklearn", "json", "numpy", "joblib", "lz4", "zstandard"):
            (project.folder / f"{name}.py").write_text("raise SystemExit('shadowed')\n")

        code, said = project.run_installed("verify", "churn@1.0.0", "--replay")

        assert code == 0, said


def test_a_folder_that_is_gone_and_a_broken_configuration_stop_no_import(
    isolated, tmp_path, monkeypatch
):
    """Missing modules are asked for by libraries, too, whatever the command is about."""
    config = isolated / ".config" / "gitmodelstore" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("trusted = [")
    finder = OwnCode(Session())
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with finder, pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_of_anybodys")


# No line is wider than the terminal: what does not fit shrinks or is folded.


NARROW = 40
WIDE_TEXT = "昨日の検証では精度が下がったので、担当者の判断により一つ前の版へ戻しました。"
COMMANDS = """
list
list churn
log
log --oneline
log -G params.logisticregression__C
show churn
show churn@1.0.0
which churn@1.0.0
which churn
diff churn@1.0.0 churn@1.1.0
verify churn
verify --all --replay
doctor
validate
env churn --check
inspect first.joblib
search "metrics.test_auc > 0.8 and author ~ '田' or message != ''"
help
help --all
help promote
register --help
list --help
--help
"""
REFUSED = """
promote churn@1.0.0 productoin
search "metrics.test_auc > 0.8 and metrics.test_auc < 0.9 and modle == 'churn'"
search "modle == 'churn' and metrics.test_auc > 0.8 and metrics.test_auc < 0.9"
promote churn@1.0.0 production --if "metrics.test_auc > 0.99"
get churn@1.1.0
-C / list
list --nope
"""


def columns(line: str) -> int:
    """Count as terminals do, not as `render.width` does it."""
    wide = sum(east_asian_width(c) in ("W", "F") for c in line)
    return len(line) + wide - sum(bool(combining(c)) for c in line)


@pytest.fixture
def eastern(place, monkeypatch):
    """The store of the tests, with long texts, and with wide ones."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "田中太郎左衛門景正")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "田中太郎左衛門景正")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    store = Store.open("models", durable=False)
    store.promote("churn@1.0.0", "staging", reason=WIDE_TEXT)
    store.withdraw("churn@1.0.0", reason="a-reason-of-a-single-word-that-is-wider-than-that-screen")
    store.annotate("churn@1.1.0", {"validation_auc": 0.8375, "where": WIDE_TEXT})
    (place / "models" / "leftover").write_text("not a file of ours")
    subprocess.run(["git", "add", "leftover"], cwd="models", check=True)
    return store


@pytest.mark.parametrize("typed", COMMANDS.strip().splitlines())
def test_no_line_is_wider_than_the_terminal(eastern, gms, monkeypatch, typed):
    whole = gms(*shlex.split(typed))
    monkeypatch.setenv("COLUMNS", str(NARROW))

    narrow = gms(*shlex.split(typed))

    assert narrow.code == whole.code
    assert [line for line in narrow.stdout.splitlines() if columns(line) > NARROW] == []
    assert narrow.stdout.splitlines() or not whole.stdout


def on_screen(line: str) -> str:
    """The line with a character for each column that a terminal gives it."""
    return "".join("" if combining(c) else c * columns(c) for c in line)


@pytest.mark.parametrize("room", [40, 80, 200])
@pytest.mark.parametrize("typed", ["list --metric test_auc", "list churn", "search 'status != 1'"])
def test_columns_stand_below_one_another(eastern, gms, monkeypatch, typed, room):
    monkeypatch.setenv("COLUMNS", str(room))

    lines = [on_screen(line) for line in gms(*shlex.split(typed)).stdout.splitlines()]

    assert max(map(len, lines)) <= room
    head, *rows = lines
    if len(head.split()) == 2:  # a line for each cell
        starts = [line.index(line.split()[1]) for line in lines if line and line[0] != " "]
        assert len(starts) > 6
        assert len(set(starts)) == 1
        return
    for name in head.split():
        if name.startswith("+"):  # of what there is no room for
            continue
        start, end = head.index(name), head.index(name) + len(name)
        texts = [line.ljust(len(head)) + " " for line in rows]
        is_left = all(t[start] != " " and t[start - 1] in (" ", t[-1]) for t in texts)
        assert is_left or all(t[end - 1] != " " and t[end] == " " for t in texts), name


def test_what_takes_no_column_is_counted_as_none():
    texts = {"e\u0301": 1, "日本": 4, "😀": 2, "☀\ufe0f": 1, "a\u20dd": 1}

    assert {text: width(text) for text in texts} == texts


@pytest.mark.parametrize("typed", REFUSED.strip().splitlines())
def test_nor_is_any_of_an_error(eastern, gms, monkeypatch, typed):
    monkeypatch.setenv("COLUMNS", str(NARROW))

    lines = gms(*shlex.split(typed)).stderr.splitlines()

    assert lines
    assert [line for line in lines if columns(line) > NARROW] == []
    for place, line in enumerate(lines):
        if line.strip() == "^":  # it stands below what is meant
            assert lines[place - 1][line.index("^") :].startswith("modle")


def test_a_command_that_is_to_be_typed_stays_on_one_line():
    assert list(folded("hint: a hint that names `gms env churn --check`; or not", 30)) == [
        "hint: a hint that names",
        "  `gms env churn --check`; or",
        "  not",
    ]


@pytest.mark.usefixtures("eastern", "colorful")
def test_on_a_real_terminal():
    """The size that the system tells, colours, and the pager that git would take."""
    text = on_terminal("log", columns=NARROW)

    assert "\x1b[33m" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert [line for line in plain.splitlines() if columns(line) > NARROW] == []
    assert "".join(plain.split()).count("".join(WIDE_TEXT.split())) == 2  # nothing is left out


def test_what_is_folded_is_whole_and_indented_below_its_first_line():
    text = "  fact         a text of several words, of which some fit into the first line"

    lines = list(folded(text, 30))

    assert lines[0] == "  fact         a text of"
    assert {len(line) - len(line.lstrip()) for line in lines[1:]} == {4}
    assert " ".join(text.split()) == " ".join(" ".join(lines).split())
    assert list(folded(text, None)) == [text]
    assert list(folded("x" * 25, 10)) == ["xxxxxxxxxx", "  xxxxxxxx", "  xxxxxxx"]
    assert list(folded("漢字漢字漢字", 5)) == ["漢字", "  漢", "  字", "  漢", "  字"]
