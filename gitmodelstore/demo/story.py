"""The story itself: a bank's credit model over six weeks. Data only; `Stage` performs it.

What is shown is what is run, so nothing here states a result: numbers that a
sentence needs are worked out by the statements beside it.
"""

from __future__ import annotations

from datetime import date, timedelta

from gitmodelstore.demo.script import Command, Edit, Identify, Python, Say, Scene, command

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
