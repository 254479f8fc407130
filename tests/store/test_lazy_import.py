"""Asking is instant: no heavy package is imported for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gitmodelstore as gms

HEAVY = ("sklearn", "pandas", "joblib", "numpy", "scipy", "git", "pyarrow")
PACKAGE = Path(gms.__file__).parents[1]


def imported(program: str, folder: Path, *, also: tuple[str, ...] = ()) -> set[str]:
    """Return which heavy packages a new Python has imported after `program`."""
    asked = f"{program}\nimport sys\nprint(*({{*{(*HEAVY, *also)!r}}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_importing_the_package_imports_no_package_at_all(tmp_path):
    assert imported("import gitmodelstore", tmp_path, also=("pygit2", "click")) == set()


@pytest.mark.parametrize(
    "question",
    [
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
    ],
)
def test_a_question_imports_nothing_heavy(store, fitted, question):
    store.promote(store.register(fitted, "churn", code=None), "production")

    program = f"from gitmodelstore import Store\nstore = Store.open()\nassert {question}"
    assert imported(program, store.path) == set()


def test_a_move_imports_nothing_heavy(store, fitted):
    store.register(fitted, "churn", code=None)

    program = (
        "from gitmodelstore import Store\nstore = Store.open()\n"
        "assert store.promote('churn@1.0.0', 'production')"
    )
    assert imported(program, store.path) == set()
