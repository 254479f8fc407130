"""Asking is instant: no heavy package is imported for it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import gitmodelstore as gms

from . import children

HEAVY = {"sklearn", "pandas", "joblib", "numpy", "scipy", "git", "pyarrow"}
PACKAGE = Path(gms.__file__).parents[1]

# What commands import of the standard library, which may import more itself, and of ours. A module
# that is in nobody's list costs each command what it takes: `python -X importtime` shows it.
LINE = "collections contextlib datetime difflib functools gc importlib itertools math operator re"
LINE += " warnings"
ASK = f"{LINE} bisect json mmap pathlib struct unicodedata zlib"
OF_LINE = "cli.commands cli.main cli.session errors lean values.names values.tables"
OF_ASK = f"""{OF_LINE} checks.fault checks.folder checks.history cli.look operations.history
    operations.resolve operations.snapshot plumbing.checkout plumbing.files plumbing.git
    plumbing.index plumbing.large_files plumbing.loose plumbing.processes plumbing.repository store
    values.events values.json values.model_version values.objects values.policy values.registry"""
OF_MANIFEST = f"{OF_ASK} values.fields values.manifest"
OF_DIFF = f"""{OF_MANIFEST} cli.verify lineage lineage.tables operations.diff operations.load
    values.compare values.diff values.sample"""
BUDGETS = {
    "--version": (LINE, OF_LINE),
    "frobnicate": (LINE, OF_LINE),
    "list --frobnicate": (LINE, f"{OF_LINE} cli.look"),
    "list": (ASK, OF_ASK),
    "__complete pro": (LINE, f"{OF_LINE} cli.look"),
    "__complete list --": (LINE, f"{OF_LINE} cli.look"),
    "__complete show churn@1": (ASK, OF_ASK),
    "verify --frobnicate": (f"{LINE} pathlib", f"{OF_LINE} cli.verify"),
    "list churn": (ASK, OF_MANIFEST),
    "which churn": (ASK, OF_ASK),
    "log churn": (ASK, OF_ASK),
    "show churn": (ASK, f"{OF_MANIFEST} values.pages operations.trust pickles.rights"),
    "diff churn@1.0.0 churn@1.1.0": (f"{ASK} weakref", OF_DIFF),
}
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


def names_after(folder: Path, *lines: str) -> set[str]:
    """Return the modules that a new Python has once it has run a program."""
    program = "\n".join(("import sys", *lines, "print(*sys.modules, file=sys.stderr)"))
    done = children.python("-c", program, cwd=folder, PYTHONPATH=str(PACKAGE))
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("typed", BUDGETS)
def test_a_command_imports_no_more_than_its_budget(store, fitted, tmp_path, typed):
    for _ in range(2):
        store.promote(store.register(fitted, "churn", code=None), "production")
    standard, ours = BUDGETS[typed]

    found = names_after(
        store.path,
        "from gitmodelstore.cli.main import main",
        f"main({typed.split()!r})",
    )

    there = {
        name.partition(".")[0]
        for name in names_after(tmp_path, f"import {', '.join(standard.split())}")
    }
    others = {name.partition(".")[0] for name in found} - there - {"gitmodelstore"}
    assert {name for name in others if not name.startswith("_")} == set()
    own = {
        name.removeprefix("gitmodelstore.") for name in found if name.startswith("gitmodelstore.")
    }
    folders = {name.partition(".")[0] for name in ours.split()}
    assert own - folders <= set(ours.split())
