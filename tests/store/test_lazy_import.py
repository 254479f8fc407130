"""Asking is instant: no heavy package is imported for it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import gitmodelstore as gms

from . import children

HEAVY = {"sklearn", "pandas", "joblib", "numpy", "scipy", "git", "pyarrow"}
PACKAGE = Path(gms.__file__).parents[1]
ASKED = (
    "store.models()",
    "store.versions('churn')",
    "list(store.listing('churn'))",
    "store.version('churn@^1.0')",
    "store.show('churn@latest')",
    "list(store.log('churn'))",
    "store.which('churn', at='2099-01-01')",
    "store.which('churn@production~0')",
    "store.read('churn', 'README.md')",
    "store.search('version >= 1.0.0')",
    "store.blame('pipeline.algorithm')",
    "store.promote('churn@1.1.0', 'production')",
)


def imported(folder: Path, heavy: set[str], *lines: str) -> dict[str, list[str]]:
    """Return which heavy packages a new Python has imported after each line of a program."""
    program = (
        "import sys\nheavy = {}\n"
        f"for line in {lines!r}:\n"
        f"    exec(line)\n    heavy[line] = sorted({heavy!r} & set(sys.modules))\n"
        "print(heavy)"
    )
    done = children.python("-c", program, cwd=folder, PYTHONPATH=str(PACKAGE))
    assert (done.returncode, done.stderr) == (0, "")
    return dict(ast.literal_eval(done.stdout))


def test_importing_the_package_imports_no_package_at_all(tmp_path):
    line = "import gitmodelstore"
    assert imported(tmp_path, HEAVY | {"pygit2"}, line) == {line: []}


def test_no_question_and_no_move_imports_anything_heavy(store, fitted, X_train, y_train):
    store.promote(store.register(fitted, "churn", code=None), "production")
    logs = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(tol=9))
    store.register(logs.fit(X_train, y_train), "churn", code=None)

    found = imported(
        store.path,
        HEAVY,
        "from gitmodelstore import Store; store = Store.open()",
        *(f"assert {one}" for one in ASKED),
    )

    assert {line: names for line, names in found.items() if names} == {}
