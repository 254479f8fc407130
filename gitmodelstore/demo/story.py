"""The story itself: a bank's credit model over six weeks. Data only; `Stage` performs it.

What is shown is what is run, so nothing here states a result: numbers that a
sentence needs are worked out by the statements beside it.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gitmodelstore
from gitmodelstore.errors import NoIdentity, StoreError
from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.files import check_absent
from gitmodelstore.plumbing.identity import Identity, read_identity
from gitmodelstore.plumbing.repository import writing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


# The parts of a story: scenes, and the steps that they are made of.


@dataclass(frozen=True, slots=True)
class Say:
    """A paragraph of prose; line ends in it do not matter."""

    text: str


@dataclass(frozen=True, slots=True)
class Python:
    """One statement at the prompt of one Python session that lasts for the whole story."""

    source: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command typed in the project's folder: gms, git or python, and its arguments."""

    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one place of a file of the project, as an editor makes it."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Identify:
    """See to it that git knows who commits in a folder of the project."""

    folder: str


Step = Say | Python | Command | Edit | Identify


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens on one day.

    Attributes:
        title: what it is about.
        on: the day, in UTC; what is committed bears it.
        steps: what is done, in order.
    """

    title: str
    on: date
    steps: tuple[Step, ...]


def command(*args: str) -> Command:
    """Return the command that these words are."""
    return Command(args)


# Story


STORE = "models"
MODEL = "credit"

PYPROJECT = """\
[project]
name = "credit"
version = "0.1.0"
dependencies = ["gitmodelstore", "pandas", "scikit-learn"]
"""
IGNORED = """\
__pycache__/
data/
"""

_METRICS = Python("{name: round(value, 4) for name, value in metrics.items()}")
_RELOAD = Python("train = reload(train)")


def asked_on(today: date) -> date:
    """Return the past day on which the last scene asks what was live."""
    return today - timedelta(days=7)


def story(today: date) -> tuple[Scene, ...]:
    """Return the scenes of a story that ends today."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    return (
        _project(ago(42)),
        _first_model(ago(42)),
        _credit(ago(41)),
        _more_data(ago(30)),
        _other_parameters(ago(23)),
        _another_column(ago(16)),
        _same_answers(ago(16)),
        _mistake(ago(9)),
        _rollback(ago(4)),
        _questions(today, at=asked_on(today)),
    )


def _project(on: date) -> Scene:
    return Scene(
        "A training project, and a store for its models",
        on,
        (
            Say(
                "train.py, serve.py and simulated loans (data/*.csv) are in the folder "
                "already. The store becomes a git repository of its own inside it."
            ),
            command("git", "init", "--quiet", "--initial-branch=main"),
            Identify("."),
            command("gms", "init", STORE),
            Identify(STORE),
            command("git", "add", "."),
            command("git", "commit", "--quiet", "-m", "Train a credit model"),
            command("git", "log", "--oneline", "--stat"),
        ),
    )


def _first_model(on: date) -> Scene:
    return Scene(
        "Any scikit-learn pipeline: tumours, benign or malignant",
        on,
        (
            Say(
                "The data is real and comes with scikit-learn. now= is there for the "
                "story's sake: it dates what is written."
            ),
            Python("from sklearn.datasets import load_breast_cancer"),
            Python("from sklearn.linear_model import LogisticRegression"),
            Python("from sklearn.model_selection import train_test_split"),
            Python("from sklearn.pipeline import make_pipeline"),
            Python("from sklearn.preprocessing import StandardScaler"),
            Python("X, y = load_breast_cancer(return_X_y=True, as_frame=True)"),
            Python(
                "X_train, X_test, y_train, y_test = train_test_split(\n"
                "    X, y, random_state=0, stratify=y)"
            ),
            Python("tumours = make_pipeline(StandardScaler(), LogisticRegression())"),
            Python("tumours = tumours.fit(X_train, y_train)"),
            Python("import gitmodelstore as gms"),
            Python(f'store = gms.Store.open("{STORE}", notify=print, now=story_time)'),
            Python(
                'version = store.register(tumours, "breast-cancer",\n'
                '    X_test=X_test, y_test=y_test, data={"train": (X_train, y_train)},\n'
                '    code=None, message="typed at a prompt: no commit holds this code")'
            ),
            Python(
                "{name: round(value, 4)\n for name, value in store.show(version).metrics.items()}"
            ),
            _promotion("breast-cancer", "first model"),
        ),
    )


def _credit(on: date) -> Scene:
    return Scene(
        "The credit model goes live",
        on,
        (
            Say(
                "Now the functions of train.py: imputation and scaling by column, gradient "
                "boosting, cross-validation. Each version records the digests of its data "
                "files and the commit of train.py (code= says where that is)."
            ),
            Python("import train"),
            Python("from importlib import reload"),
            _test_rows("test-v1"),
            *_training("loans-v1", "test-v1", "2,000 loans"),
            _promotion(MODEL, "first model"),
        ),
    )


def _more_data(on: date) -> Scene:
    return Scene(
        "More loans: a patch",
        on,
        (
            Say("Nobody chooses a number: the store looks at what changed, and says so."),
            *_training("loans-v2", "test-v1", "1,000 loans more"),
            _scored_promotion(),
        ),
    )


def _other_parameters(on: date) -> Scene:
    return Scene(
        "Other parameters: a minor version",
        on,
        (
            Edit(
                "train.py",
                'PARAMS = {"n_estimators": 50, "max_depth": 3}',
                'PARAMS = {"n_estimators": 100, "max_depth": 2}',
            ),
            _commit("More trees, but flatter ones"),
            _RELOAD,
            *_training("loans-v2", "test-v1", "flatter trees"),
            _scored_promotion(),
        ),
    )


def _another_column(on: date) -> Scene:
    return Scene(
        "One more column: a major version, since callers must send it",
        on,
        (
            Edit(
                "train.py",
                'NUMERIC = ["income", "age", "loan_amount", "credit_score"]',
                'NUMERIC = ["income", "age", "loan_amount", "credit_score", "employment_years"]',
            ),
            _commit("Look at the years of employment"),
            _RELOAD,
            _test_rows("test-v1"),
            *_training("loans-v2", "test-v1", "employment years"),
            _scored_promotion(),
        ),
    )


def _same_answers(on: date) -> Scene:
    return Scene(
        "What production loads is what was trained",
        on,
        (
            Say(
                "Loading checks the SHA-256 of the very bytes that it unpickles. "
                "(Unpickling runs code: load models of people whom you trust.)"
            ),
            Python('loaded = gms.load_model("credit@production")'),
            Python("loaded_version = gms.version_of(loaded)"),
            Python("print(loaded_version)"),
            Python("loaded.predict_proba(X_test.head(3))[:, 1].round(4)"),
            Python('loaded_auc = train.auc(loaded, "data/test-v1.csv")'),
            Python('trained_auc = metrics["test_auc"]'),
            Python('print(f"{loaded_auc:.4f} loaded, {trained_auc:.4f} trained")'),
            Say("And not only to four digits:"),
            Python("loaded_auc == trained_auc"),
        ),
    )


def _mistake(on: date) -> Scene:
    return Scene(
        "A mistake goes live",
        on,
        (
            Say(
                "Somebody joins the credit scores anew, for training and for test rows: "
                "those of today, not of the day of the application. Who did not pay "
                "has a bad score by now. The test looks splendid, of course."
            ),
            _test_rows("test-v2"),
            *_training("loans-v3", "test-v2", "scores rejoined"),
            _scored_promotion(),
        ),
    )


def _rollback(on: date) -> Scene:
    return Scene(
        "Fresh loans tell the truth; back to the last good version",
        on,
        (
            Say("The outcome of newer loans is known by now, with scores as they were:"),
            Python('live_auc = train.auc(store.load("credit@production"), "data/fresh.csv")'),
            Python('earlier_auc = train.auc(store.load("credit@production~1"), "data/fresh.csv")'),
            Python('print(f"{live_auc:.4f} live, {earlier_auc:.4f} the one before")'),
            command("gms", "rollback", MODEL, "--reason", "scores from after the outcome"),
            Say("A service that starts now gets the earlier one, verified:"),
            command("python", "serve.py"),
        ),
    )


def _questions(on: date, *, at: date) -> Scene:
    return Scene(
        "What was live when, and why",
        on,
        (
            Say("Six weeks later, somebody asks:"),
            command("gms", "list", MODEL),
            command("gms", "which", "credit@production"),
            Say(f"Who got an answer on {at:%Y-%m-%d} got it from the bad one:"),
            command("gms", "which", "credit@production", "--at", f"{at:%Y-%m-%d}"),
            Say("Nothing is ever rewritten. The last four of all events:"),
            command("gms", "log", MODEL, "-n", "4"),
            Say("The store is plain git, and git shows it without us:"),
            command("git", "-C", STORE, "log", "--oneline", "--decorate"),
            command("git", "-C", STORE, "status", "--short", "--branch"),
        ),
    )


def _training(loans: str, test: str, message: str) -> tuple[Python, ...]:
    """Fit on a file of loans and register; `X_test` and `y_test` are the rows of `test`."""
    return (
        Python(f'pipeline, metrics = train.fit("data/{loans}.csv", "data/{test}.csv")'),
        _METRICS,
        Python(
            f'version = store.register(pipeline, "{MODEL}", X_test=X_test, y_test=y_test,\n'
            f'    metrics=metrics, card=train.CARD, code=".", message="{message}",\n'
            f'    data={{"train": "data/{loans}.csv", "test": "data/{test}.csv"}})'
        ),
    )


def _test_rows(test: str) -> Python:
    return Python(f'X_test, y_test = train.read("data/{test}.csv")')


def _promotion(model: str, reason: str) -> Command:
    return command("gms", "promote", f"{model}@latest", "production", "--reason", reason)


def _scored_promotion() -> Python:
    return Python(
        'for event in store.promote(version, "production",\n'
        "        reason=f\"test AUC {metrics['test_auc']:.4f}\"):\n"
        "    print(event.kind, event.version, event.after)"
    )


def _commit(message: str) -> Command:
    return command("git", "commit", "--all", "--quiet", "-m", message)


# Simulated loans: who asked for one, and who did not pay it back.


SEED = 20
LOANS = 6500
_HOMES = ("mortgage", "own", "rent")
_HOME_SHARES = (0.4, 0.15, 0.45)
_MISSING_SHARES = {
    "income": 0.03,
    "age": 0.02,
    "loan_amount": 0.01,
    "credit_score": 0.15,
    "employment_years": 0.04,
    "home_ownership": 0.06,
}
_BASE_RATE = -2.1  # log-odds of a default where everything is ordinary; about one loan in five

# file name -> first row, row behind the last, whether the credit scores are of today
FILES = {
    "loans-v1.csv": (0, 2000, False),
    "loans-v2.csv": (0, 3000, False),
    "loans-v3.csv": (0, 3500, True),
    "test-v1.csv": (3500, 5000, False),
    "test-v2.csv": (3500, 5000, True),
    "fresh.csv": (5000, 6500, False),
}


def write_loans(folder: Path) -> None:
    """Write the files of the story, `FILES`, as CSV into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    at_application = simulate(LOANS)
    of_today = simulate(LOANS, scores_of_today=True)
    for name, (first, end, is_late) in FILES.items():
        rows = (of_today if is_late else at_application).iloc[first:end]
        rows.to_csv(folder / name, index=False, lineterminator="\n")


def simulate(rows: int, *, seed: int = SEED, scores_of_today: bool = False) -> pd.DataFrame:
    """Return loans with their outcome in the column `default` (1: not paid back).

    Args:
        rows: how many.
        seed: of the generator.
        scores_of_today: the mistake of the story. The credit score is not the one at
            the time of the application but one that knows how the loan ended; the
            other columns are the same.

    Returns:
        Columns income (a year), age (years), loan_amount, credit_score (300 to 850),
        employment_years, home_ownership and default; values are missing at random,
        but never in the outcome.
    """
    import numpy as np

    draw = np.random.default_rng(seed)
    table = _applicants(draw, rows)
    table["default"] = (draw.random(rows) < 1 / (1 + np.exp(-_log_odds(table)))).astype(int)
    holes = {name: draw.random(rows) < share for name, share in _MISSING_SHARES.items()}
    if scores_of_today:
        fall = np.where(table["default"] == 1, draw.normal(150, 50, rows), 0)
        table["credit_score"] = (table["credit_score"] - fall).clip(300, 850).round()
    for name, is_missing in holes.items():
        table[name] = table[name].mask(is_missing)
    return table


def _applicants(draw: np.random.Generator, rows: int) -> pd.DataFrame:
    import pandas as pd

    age = draw.gamma(6, 4, rows) + 19
    income = draw.lognormal(10.7, 0.45, rows)
    return pd.DataFrame(
        {
            "income": income.round(-2),
            "age": age.clip(19, 80).round(),
            "loan_amount": (income * draw.beta(2, 5, rows)).clip(1000).round(-2),
            "credit_score": draw.normal(665, 75, rows).clip(300, 850).round(),
            "employment_years": (draw.beta(1.2, 4, rows) * (age - 18)).round(1),
            "home_ownership": draw.choice(_HOMES, rows, p=_HOME_SHARES),
        }
    )


def _log_odds(table: pd.DataFrame) -> pd.Series[float]:
    """How likely each loan is not paid back, from the facts at its application."""
    home = table["home_ownership"].map({"mortgage": -0.2, "own": -0.5, "rent": 0.4})
    return (
        _BASE_RATE
        + 6.0 * (table["loan_amount"] / table["income"] - 0.28)
        - (table["credit_score"] - 665) / 75
        - 0.03 * (table["age"] - 42)
        - 0.2 * (table["employment_years"] - 5).clip(upper=10)
        + home
    )


# Performs a story in a folder: what is shown is what is run.


Kind = Literal["title", "prose", "command", "python", "result"]
Show = Callable[[Kind, str], None]

DEMO_USER = Identity("Demo User", "demo@example.org")
_DAY_BEGINS = time(9, 0, tzinfo=timezone.utc)
# What of the user's own settings could ask for a passphrase, or run a program, in the midst of
# the story. They are set for the demo's processes alone.
_UNDISTURBED = {
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "core.hooksPath": "/dev/null",
    "color.ui": "false",
}
_PROGRAMS = {
    "gms": (sys.executable, "-c", "from gitmodelstore.cli.main import run; run()"),
    "python": (sys.executable,),
}


class StoryClock:
    """The time in the story: on each day from nine o'clock, a minute from one call to the next."""

    def __init__(self) -> None:
        self._next = datetime.min.replace(tzinfo=timezone.utc)

    def go_to(self, day: date) -> None:
        """Go on to a day; on the present one the clock just goes on."""
        self._next = max(self._next, datetime.combine(day, _DAY_BEGINS))

    def __call__(self) -> datetime:
        moment = self._next
        self._next += timedelta(minutes=1)
        return moment


class Stage:
    """A folder in which stories are performed.

    Args:
        folder: where; new or empty.
        show: takes every paragraph, command and result as it comes.

    Attributes:
        folder: as given, absolute.
        names: the variables of the Python session.
        is_demo_user: whether git knew nobody, so that `DEMO_USER` writes.
    """

    def __init__(self, folder: Path, show: Show) -> None:
        self.folder = folder.absolute()
        self._given = folder
        self.names: dict[str, Any] = {}
        self.is_demo_user = False
        self._show = show
        self._clock = StoryClock()

    def set_up(self) -> None:
        """Write what the story finds in its folder.

        Raises:
            AlreadyExists: the folder does, and holds something; nothing was touched.
            GitFailed: git is not installed; nothing was touched.
        """
        git.run("version", cwd=Path())
        check_absent(self._given, "name another folder: `gms demo DIR`")
        project = files("gitmodelstore.demo") / "project"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("train.py", "serve.py"):
                self._write(name, (project / name).read_text(encoding="utf-8"))
            self._write("pyproject.toml", PYPROJECT)
            self._write(".gitignore", IGNORED)
            write_loans(self.folder / "data")

    def perform(self, scenes: tuple[Scene, ...]) -> None:
        """Do every step of every scene, and show it.

        Raises:
            StoreError: a step failed, as none should.
        """
        self.names |= {"__name__": "__demo__", "story_time": self._clock}
        with chdir(self.folder), _importing_from(self.folder, "train"):
            for number, scene in enumerate(scenes, start=1):
                self._clock.go_to(scene.on)
                self._show("title", f"{number}. {scene.title} ({scene.on})")
                for step in scene.steps:
                    self._do(step)

    def _do(self, step: Step) -> None:
        match step:
            case Say():
                self._show("prose", step.text)
            case Python():
                self._run_python(step)
            case Command():
                self._run_command(step)
            case Edit():
                self._edit(step)
            case Identify():
                self._identify(step)

    def _run_python(self, step: Python) -> None:
        self._show("python", step.source)
        printed = io.StringIO()
        with redirect_stdout(printed), _echoing():
            # The statement is the one just shown, and comes from story.py.
            exec(compile(f"{step.source}\n", "<demo>", "single"), self.names)  # noqa: S102
        self._show("result", printed.getvalue())

    def _run_command(self, step: Command) -> None:
        shown = shlex.join(step.args)
        self._show("command", shown)
        program, *args = step.args
        moment = self._clock().isoformat()
        process = subprocess.Popen(
            [*_PROGRAMS.get(program, (program,)), *args],
            cwd=self.folder,
            env=_environment({"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = _wait(process).decode(errors="replace")
        self._show("result", said)
        if process.returncode:
            raise StoreError(f"`{shown}` failed with exit status {process.returncode}")

    def _edit(self, step: Edit) -> None:
        text = (self.folder / step.path).read_text(encoding="utf-8")
        if text.count(step.before) != 1:
            raise StoreError(f"'{step.path}' does not hold {step.before!r} once")
        self._show("prose", f"In {step.path}:")
        self._show("result", f"- {step.before}\n+ {step.after}")
        self._write(step.path, text.replace(step.before, step.after))

    def _identify(self, step: Identify) -> None:
        """Name the demo's user to git in one repository, if git knows nobody there.

        Whoever signs otherwise is not asked for a key by a demo.
        """
        for name in ("commit.gpgsign", "tag.gpgsign"):
            git.run("config", name, "false", cwd=self.folder / step.folder)
        try:
            for role in ("AUTHOR", "COMMITTER"):
                read_identity(self.folder / step.folder, role)
        except NoIdentity:
            if not self.is_demo_user:
                self._show("prose", "git knows nobody's name here, so the demo gives one:")
            self.is_demo_user = True
            for key, value in (("name", DEMO_USER.name), ("email", DEMO_USER.email)):
                at = () if step.folder == "." else ("-C", step.folder)
                self._run_command(command("git", *at, "config", f"user.{key}", value))

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command of the story, undisturbed by the user's settings."""
    found = git.environment(extra)
    found.pop("GITMODELSTORE", None)  # it would name another store than the project does
    found |= {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    found["PYTHONPATH"] = os.pathsep.join(_module_paths(found.get("PYTHONPATH", "")))
    for number, (key, value) in enumerate(_UNDISTURBED.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return found | {"GIT_CONFIG_COUNT": str(len(_UNDISTURBED))}


def _module_paths(inherited: str) -> list[str]:
    """Return where a Python started in another folder looks for modules first.

    That is what it looks through here, and the folder of this package unless it is installed:
    a checkout is found by the working directory, which is not the story's.
    """
    found = [os.path.abspath(path) for path in inherited.split(os.pathsep) if path]
    ours = str(Path(gitmodelstore.__file__).absolute().parents[1])
    installed = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))
    return found if ours in (*found, *installed) else [*found, ours]


def _wait(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a command printed; one that is interrupted ends by itself, and is not killed."""
    try:
        return process.communicate()[0]
    except KeyboardInterrupt:
        process.wait()
        raise


@contextmanager
def _importing_from(folder: Path, module: str) -> Iterator[None]:
    """Import modules from a folder, as a prompt opened there does, and leave no trace."""
    keeps_bytecode = sys.dont_write_bytecode
    others = sys.modules.pop(module, None)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # a stale cache would hide an edit within the same second
    try:
        yield
    finally:
        sys.dont_write_bytecode = keeps_bytecode
        sys.path.remove(str(folder))
        sys.modules.pop(module, None)
        if others is not None:
            sys.modules[module] = others


@contextmanager
def _echoing() -> Iterator[None]:
    """Print the value of an expression, as the plain prompt does, whatever is set up here."""
    before = sys.displayhook
    sys.displayhook = lambda value: None if value is None else print(repr(value))
    try:
        yield
    finally:
        sys.displayhook = before
