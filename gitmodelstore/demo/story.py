"""The story of the demo: a bank's credit model over six weeks. Text only; `perform` runs it.

What is shown is what is run, so nothing here states a result: the statements beside a sentence
compute the numbers that it needs.

A scene begins with `#`. `$` marks a command, `>>>` and `...` a Python statement. `In FILE:` is
followed by a line to remove and one to add. `identify` makes sure that git has an identity in a
folder. `@` stands for a text below, or for a day. The rest is prose.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

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
