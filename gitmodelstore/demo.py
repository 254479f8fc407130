"""The story of the demo: a bank's credit model over six weeks. Text only; `perform` runs it.

What is shown is what is run, so nothing here states a result: the statements beside a sentence
compute the numbers that it needs.

A scene begins with `#`. `$` marks a command, `>>>` and `...` a Python statement. `In FILE:` is
followed by a line to remove and one to add. `identify` makes sure that git has an identity in a
folder. `@` stands for a text below, or for a day. The rest is prose.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import gitmodelstore
from gitmodelstore.errors import NoIdentity, StoreError
from gitmodelstore.lean import TYPE_CHECKING, Any, Literal, NamedTuple, pattern
from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.files import check_absent
from gitmodelstore.plumbing.repository import writing
from gitmodelstore.plumbing.signing import Identity, read_identity
from gitmodelstore.values.events import ROLLED_BACK
from gitmodelstore.values.names import WITHDRAWN

if TYPE_CHECKING:
    from gitmodelstore.values.manifest import Manifest

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

_STORY = """\
# 42 days ago: A training project, and a store for its models
train.py, serve.py and simulated loans (data/*.csv) are in the folder already. The store becomes
a git repository of its own inside that folder.
$ git init --quiet --initial-branch=main
identify .
$ gms init models
identify models
$ git add .
$ git commit --quiet -m 'Train a credit model'
$ git log --oneline --stat
# 42 days ago: Any scikit-learn pipeline: tumours, benign or malignant
The data is real and comes with scikit-learn. now= is only for the story: it sets the date of each
commit.
>>> from sklearn.datasets import load_breast_cancer
>>> from sklearn.linear_model import LogisticRegression
>>> from sklearn.model_selection import train_test_split
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
>>> X_train, X_test, y_train, y_test = train_test_split(
...     X, y, random_state=0, stratify=y)
>>> tumours = make_pipeline(StandardScaler(), LogisticRegression())
>>> tumours = tumours.fit(X_train, y_train)
>>> import gitmodelstore as gms
>>> store = gms.Store.open("models", notify=print, now=story_time)
>>> version = store.register(tumours, "breast-cancer",
...     X_test=X_test, y_test=y_test, data={"train": (X_train, y_train)},
...     code=None, message="typed at a prompt: no commit holds this code")
>>> {name: round(value, 4)
...  for name, value in store.show(version).metrics.items()}
$ gms promote breast-cancer@latest production --reason 'first model'
# 41 days ago: The credit model goes live
Now with the functions of train.py: imputation and scaling by column, gradient boosting,
cross-validation. Each version records the digests of its data files and the commit of train.py
(code= says where it is).
>>> import train
>>> from importlib import reload
>>> X_test, y_test = train.read("data/test-v1.csv")
@train loans-v1 test-v1 2,000 loans
$ gms promote credit@latest production --reason 'first model'
# 30 days ago: More loans: a patch
Nobody chooses a number: the store looks at what changed, and says why.
@train loans-v2 test-v1 1,000 more loans
@promote
# 23 days ago: Other parameters: a minor version
In train.py:
- PARAMS = {"n_estimators": 50, "max_depth": 3}
+ PARAMS = {"n_estimators": 100, "max_depth": 2}
$ git commit --all --quiet -m 'More but shallower trees'
>>> train = reload(train)
@train loans-v2 test-v1 shallower trees
@promote
# 16 days ago: One more column: a major version, since callers must send it
In train.py:
- NUMERIC = ["income", "age", "loan_amount", "credit_score"]
+ NUMERIC = ["income", "age", "loan_amount", "credit_score", "employment_years"]
$ git commit --all --quiet -m 'Use the years of employment'
>>> train = reload(train)
>>> X_test, y_test = train.read("data/test-v1.csv")
@train loans-v2 test-v1 employment years
@promote
# 16 days ago: What production loads is what was trained
Loading checks the SHA-256 of exactly the bytes that it unpickles. (Unpickling runs code: load
only models from people you trust.)
>>> loaded = gms.load_model("credit@production")
>>> loaded_version = gms.version_of(loaded)
>>> print(loaded_version)
>>> loaded.predict_proba(X_test.head(3))[:, 1].round(4)
>>> loaded_auc = train.auc(loaded, "data/test-v1.csv")
>>> trained_auc = metrics["test_auc"]
>>> print(f"{loaded_auc:.4f} loaded, {trained_auc:.4f} trained")
And they are equal in every digit:
>>> loaded_auc == trained_auc
# 9 days ago: A mistake goes live
Somebody adds the credit scores again, to training and test rows: today's, not those of the day of
the application. By now, everyone who did not pay has a bad score. Of course the test looks great.
>>> X_test, y_test = train.read("data/test-v2.csv")
@train loans-v3 test-v2 scores rejoined
@promote
# 4 days ago: Fresh loans tell the truth; back to the last good version
By now, the outcome of newer loans is known, with their scores at the time:
>>> live_auc = train.auc(store.load("credit@production"), "data/fresh.csv")
>>> earlier_auc = train.auc(store.load("credit@production~1"), "data/fresh.csv")
>>> print(f"{live_auc:.4f} live, {earlier_auc:.4f} the version before")
$ gms rollback credit --reason 'scores from after the outcome'
A service that starts now gets the earlier version, verified:
$ python serve.py
# 0 days ago: What was live when, and why
Six weeks later, somebody asks:
$ gms list credit
$ gms which credit@production
Anyone who got an answer on @day got it from the bad version:
$ gms which credit@production --at @day
Nothing is ever rewritten. The last four of all events:
$ gms log credit -n 4
The store is plain git, and git shows it without gitmodelstore:
$ git -C models log --oneline --decorate
$ git -C models status --short --branch
"""

# `@train LOANS TEST MESSAGE`; `X_test` and `y_test` are the rows of TEST.
_TRAINING = r"""
>>> pipeline, metrics = train.fit("data/\1.csv", "data/\2.csv")
>>> {name: round(value, 4) for name, value in metrics.items()}
>>> version = store.register(pipeline, "credit", X_test=X_test, y_test=y_test,
...     metrics=metrics, card=train.CARD, code=".", message="\3",
...     data={"train": "data/\1.csv", "test": "data/\2.csv"})
"""
_PROMOTION = """
>>> for event in store.promote(version, "production",
...         reason=f"test AUC {metrics['test_auc']:.4f}"):
...     print(event.kind, event.version, event.after)
"""


class Scene(NamedTuple):
    """What happens on one day, in UTC, which is also the date of its commits."""

    title: str
    on: date
    text: str


def asked_on(today: date) -> date:
    """Return the past day on which the last scene asks what was live."""
    return today - timedelta(days=7)


def story(today: date) -> tuple[Scene, ...]:
    """Return the scenes of a story that ends today."""
    text = re.sub(r"\n@train (\S+) (\S+) (.*)\n", _TRAINING, _STORY)
    text = text.replace("\n@promote\n", _PROMOTION).replace("@day", str(asked_on(today)))
    scenes = re.findall(r"# (\d+) days ago: (.*)\n((?:[^#].*\n)+)", text)
    return tuple(Scene(title, today - timedelta(int(ago)), does) for ago, title, does in scenes)


# Performs a story in a folder, where what is shown is what is run; then tells the facts.


Kind = Literal["title", "prose", "command", "python", "result"]
Show = Callable[[Kind, str], None]

DEMO_USER = Identity("Demo User", "demo@example.org")
_DAY_BEGINS = time(9, 0, tzinfo=timezone.utc)
# What of the user's own settings could ask for a passphrase, or run a program, in the midst of
# the story. They are set for the demo's processes alone.
_UNDISTURBED = "commit.gpgSign=false tag.gpgSign=false core.hooksPath=/dev/null color.ui=false"
_PROGRAMS = {
    "gms": (sys.executable, "-c", "from gitmodelstore.cli.main import run; run()"),
    "python": (sys.executable,),
}
_STEPS = pattern(
    r">>> (?P<python>.*\n(?:\.\.\. .*\n)*)|\$ (?P<command>.*)\n|identify (?P<identify>.*)\n"
    r"|In (?P<edit>\S+):\n- (?P<before>.*)\n\+ (?P<after>.*)\n"
    r"|(?P<prose>(?:(?!>>> |\$ |identify |In \S+:\n).*\n)+)"
)


class Stage:
    """A folder, new or empty, in which stories are performed; `show` takes all that happens."""

    def __init__(self, folder: Path, show: Show) -> None:
        self.folder = folder.absolute()
        self._given = folder
        self.names: dict[str, Any] = {}  # of the Python session, which lasts for the whole story
        self.is_demo_user = False  # whether git knew nobody, so that `DEMO_USER` writes
        self._show = show
        self._time = datetime.min.replace(tzinfo=timezone.utc)

    def set_up(self) -> None:
        """Write what the story finds in its folder; nothing where git is missing."""
        git.run("version", cwd=Path())
        check_absent(self._given, "name another folder: `gms demo DIR`")
        examples = _examples()
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("train", "serve"):
                script = examples / f"{name}_credit.py"
                self._write(f"{name}.py", script.read_text(encoding="utf-8"))
            self._write("pyproject.toml", PYPROJECT)
            self._write(".gitignore", IGNORED)
            runpy.run_path(str(examples / "make_loans.py"))["write_loans"](self.folder / "data")

    def perform(self, scenes: tuple[Scene, ...]) -> None:
        """Do every step of every scene, and show it."""
        self.names |= {"__name__": "__demo__", "story_time": self._now}
        with chdir(self.folder), _session_in(self.folder):
            for number, scene in enumerate(scenes, start=1):
                self._time = max(self._time, datetime.combine(scene.on, _DAY_BEGINS))
                self._show("title", f"{number}. {scene.title} ({scene.on})")
                for step in _STEPS.finditer(scene.text):
                    self._do(step)

    def _now(self) -> datetime:
        """Return the time in the story: a minute passes from one call to the next."""
        self._time += timedelta(minutes=1)
        return self._time - timedelta(minutes=1)

    def _do(self, step: re.Match[str]) -> None:
        match step.lastgroup:
            case "python":
                self._run_python(step["python"].replace("\n... ", "\n").rstrip("\n"))
            case "command":
                self._run_command(step["command"])
            case "identify":
                self._identify(step["identify"])
            case "prose":
                self._show("prose", step["prose"])
            case _:
                self._edit(step["edit"], step["before"], step["after"])

    def _run_python(self, source: str) -> None:
        self._show("python", source)
        printed = io.StringIO()
        with redirect_stdout(printed):
            # The statement is the one just shown, and comes from the story above.
            exec(compile(f"{source}\n", "<demo>", "single"), self.names)  # noqa: S102
        self._show("result", printed.getvalue())

    def _run_command(self, shown: str) -> None:
        self._show("command", shown)
        program, *args = shlex.split(shown)
        process = subprocess.Popen(
            [*_PROGRAMS.get(program, (program,)), *args],
            cwd=self.folder,
            env=_environment(self._now().isoformat()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            self._show("result", process.communicate()[0].decode(errors="replace"))
        finally:
            process.wait()  # one that is interrupted ends by itself, and is not killed
        if process.returncode:
            raise StoreError(f"`{shown}` failed with exit status {process.returncode}")

    def _edit(self, path: str, before: str, after: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise StoreError(f"'{path}' does not hold {before!r} once")
        self._show("prose", f"In {path}:")
        self._show("result", f"- {before}\n+ {after}")
        self._write(path, text.replace(before, after))

    def _identify(self, folder: str) -> None:
        """Give git the demo's identity if it has none, and use no signing key."""
        for name in ("commit.gpgsign", "tag.gpgsign"):
            git.run("config", name, "false", cwd=self.folder / folder)
        try:
            for role in ("AUTHOR", "COMMITTER"):
                read_identity(self.folder / folder, role)
        except NoIdentity:
            if not self.is_demo_user:
                self._show("prose", "git does not know your name here, so the demo sets one:")
            self.is_demo_user = True
            at = "" if folder == "." else f"-C {folder} "
            self._run_command(f"git {at}config user.name '{DEMO_USER.name}'")
            self._run_command(f"git {at}config user.email {DEMO_USER.email}")

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8", newline="\n")


def _examples() -> Path:
    """Return the folder with the scripts of the examples, which is beside the package."""
    beside = Path(gitmodelstore.__file__).resolve().parents[1]
    for name in ("examples", "gitmodelstore_examples"):  # a checkout; an installed wheel
        if (beside / name / "train_credit.py").is_file():
            return beside / name
    raise StoreError("the examples of gitmodelstore are not installed", hint="reinstall it")


def _environment(moment: str) -> dict[str, str]:
    """Return the environment of a command of the story, free of the user's settings."""
    # Its Python finds this package by its folder unless it is installed.
    made = git.environment({"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment})
    made.pop("GITMODELSTORE", None)  # it would name another store than the project does
    made |= {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"}
    inherited = made.get("PYTHONPATH", "").split(os.pathsep)
    paths = [os.path.abspath(path) for path in inherited if path]
    ours = str(Path(gitmodelstore.__file__).absolute().parents[1])
    if ours not in (*paths, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        paths.append(ours)
    made["PYTHONPATH"] = os.pathsep.join(paths)
    settings = [setting.partition("=") for setting in _UNDISTURBED.split()]
    for number, (key, _, value) in enumerate(settings):
        made |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return made | {"GIT_CONFIG_COUNT": str(len(settings))}


@contextmanager
def _session_in(folder: Path) -> Iterator[None]:
    """Import train.py and show values as a plain prompt opened there does, and leave no trace."""
    before = sys.dont_write_bytecode, sys.displayhook, sys.modules.pop("train", None)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # a stale cache would hide an edit within the same second
    sys.displayhook = lambda value: None if value is None else print(repr(value))
    try:
        yield
    finally:
        sys.dont_write_bytecode, sys.displayhook, train = before
        sys.path.remove(str(folder))
        sys.modules.pop("train", None)
        if train is not None:
            sys.modules["train"] = train


def facts(stage: Stage, today: date) -> dict[str, Any]:
    """Return what happened, as docs/json.md lists it: read off the store, not off the script."""
    store, names = stage.names["store"], stage.names
    trained, loaded = names["trained_auc"], names["loaded_auc"]
    agreement = {"version": names["loaded_version"], "trained_auc": trained, "loaded_auc": loaded}
    events = {event.kind: event for event in reversed(store.log(MODEL))}
    bad, good = str(events[WITHDRAWN].version), str(events[ROLLED_BACK].version)
    why, commit = events[ROLLED_BACK].why, events[ROLLED_BACK].commit
    day = asked_on(today).isoformat()
    live = store.which(f"{MODEL}@production", at=day)
    user = {"name": DEMO_USER.name, "email": DEMO_USER.email}
    return {
        "path": stage.folder,
        "store": store.path,
        "demo_user": user if stage.is_demo_user else None,
        "versions": [
            {"version": version, **_made_of(store.show(version))}
            for summary in store.models()
            for version in reversed(store.versions(summary.model))
        ],
        "agreement": agreement | {"identical": trained == loaded},
        "fresh_auc": {bad: names["live_auc"], good: names["earlier_auc"]},
        "rollback": {"model": MODEL, "from": bad, "to": good, "reason": why, "commit": commit},
        "production_at": {key: getattr(live, key) for key in ("version", "since", "until")}
        | {"date": day},
    }


def _made_of(manifest: Manifest) -> dict[str, Any]:
    commit = manifest.code.commit if manifest.code else None
    return {"code_commit": commit, "metrics": dict(manifest.metrics)}
