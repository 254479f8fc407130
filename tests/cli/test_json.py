"""`--json`: every command prints one document, which is what docs/json.schema.json says."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

import tests.json_documents as documents
from gitmodelstore.cli import main as program
from gitmodelstore.cli.commands import COMMANDS
from gitmodelstore.cli.session import document, person
from gitmodelstore.errors import StoreError
from gitmodelstore.values.names import Version
from tests.store import children

# The document of a form of a command, what is typed for it, and the exit code.
FORMS = [
    ("gms-init", "init", 0),
    ("gms-init", "-C new init --host github --owner @acme/leads", 0),
    ("gms-clone", "clone models copy", 0),
    ("gms-push", "push hub.git", 0),
    ("gms-fetch", "-C copy fetch", 0),
    ("gms-pull", "-C copy pull", 0),
    ("gms-remote", "-C copy remote", 0),
    ("gms-register", "register fraud second.joblib --no-code --metric auc=0.5", 0),
    ("gms-register", "register fraud first.joblib --no-code --if-changed", 0),
    ("gms-list", "list", 0),
    ("gms-list-NAME", "list churn", 0),
    ("gms-show", "show churn", 0),
    ("gms-diff", "diff churn@1.0.0 churn@1.1.0", 1),
    ("gms-diff", "diff churn@1.1.0 first.joblib", 1),
    ("gms-diff", "diff churn@1.0.0 fraud@1.0.0", 1),
    ("gms-search", "search metrics.accuracy>0.7", 0),
    ("gms-search", "search metrics.accuracy>7", 1),
    ("gms-log", "log", 0),
    ("gms-log-G", "log churn -G metrics.accuracy", 0),
    ("gms-which", "which churn --at 2026-03-05", 0),
    ("gms-promote", "promote churn@1.0.0 production --reason better", 0),
    ("gms-promote", "promote churn@1.1.0 production", 0),
    ("gms-rollback", "rollback churn --reason drift", 0),
    ("gms-annotate", "annotate churn@1.1.0 auc=0.5 ticket=A-1", 0),
    ("gms-archive", "archive fraud@1.0.0", 0),
    ("gms-withdraw", "withdraw churn@1.1.0 --vacate --reason leak", 0),
    ("gms-get", "get churn -o out", 0),
    ("gms-cat", "cat churn:README.md", 0),
    ("gms-cat", "cat churn:pipeline.joblib", 0),
    ("gms-env", "env churn --check", 0),
    ("gms-lock", "-C ../models lock churn@1.0.0", 0),
    ("gms-sync", "-C ../models sync", 0),
    ("gms-lock-check", "-C ../models lock --check", 0),
    ("gms-verify", "verify churn", 0),
    ("gms-verify", "verify --all --replay", 0),
    ("gms-verify-data", "verify --data churn@1.0.0 train.csv", 0),
    ("gms-verify-data", "verify --data churn@1.0.0 test.csv", 1),
    ("gms-bisect", "bisect churn --good 1.0.0 --bad 1.1.0 --no-check -- true", 0),
    ("gms-site", "site", 0),
    ("gms-audit", "audit churn", 0),
    ("gms-validate", "validate", 0),
    ("gms-validate", "validate broken", 1),
    ("gms-doctor", "doctor", 0),
    ("gms-hook", "hook install", 0),
    ("gms-hook", "hook run pre-commit", 0),
    ("gms-inspect", "inspect churn", 0),
    ("gms-inspect", "inspect hostile.joblib", 1),
    ("gms-inspect", "inspect cut.joblib", 1),
    ("gms-trust", "trust add mypackage", 0),
    ("gms-trust", "trust", 0),
    ("gms-completion", "completion bash", 0),
    ("gms-help", "help", 0),
    ("gms-help", "help --all", 0),
    ("gms-help", "promote --help", 0),
    ("gms-version", "--version", 0),
]
# The code of an error, what is typed for it, and the exit code.
FAILURES = [
    ("version-not-found", "show churn@9.0.0", 1),
    ("model-not-found", "list nothing", 1),
    ("invalid-reference", "which churn@@", 1),
    ("invalid-query", "search accuracy>", 2),
    ("usage-error", "show", 2),
    ("usage-error", "show churn --frobnicate", 2),
    ("usage-error", "promot churn", 2),
    ("usage-error", "", 2),
    ("version-exists", "register churn first.joblib --no-code --version 1.0.0", 1),
    ("invalid-metric", "register churn first.joblib --no-code --metrics train.csv", 1),
    ("not-a-pipeline", "register churn train.csv --no-code", 1),
    ("lifecycle-error", "promote churn@1.1.0 nowhere", 1),
    ("not-a-store", "-C new list", 128),
]


@pytest.fixture
def around(place: Path) -> Path:
    """What the commands of the table are typed about, beside the store."""
    (place / "test.csv").write_text("income,age,left\n1,2,no\n3,4,yes\n9,9,no\n")
    (place / "hostile.joblib").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (place / "cut.joblib").write_bytes((place / "first.joblib").read_bytes()[:300])
    broken = place / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    subprocess.run(["git", "init", "-q", "code"], cwd=place, check=True)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "hub.git"], cwd=place, check=True)
    (place / "new").mkdir()
    return place


@pytest.mark.parametrize(("name", "typed", "code"), FORMS, ids=lambda one: str(one))
def test_each_command_prints_one_document(around, gms, monkeypatch, name, typed, code):
    if "../models" in typed:
        monkeypatch.chdir(around / "code")
        gms("-C", "../models", "lock", "churn@1.0.0")
    if "-C copy" in typed:
        gms("clone", "models", "copy")
    if "hook" in typed:
        monkeypatch.chdir(around / "models")
        typed = f"-C . {typed}"
    words = typed.split()

    done = gms("--json", *words)

    assert done.code == code, done
    documents.checked(name, done.stdout)


@pytest.mark.parametrize(("kind", "typed", "code"), FAILURES, ids=lambda one: str(one))
def test_a_command_that_fails_prints_its_error_as_one_document(around, gms, kind, typed, code):
    done = gms(*typed.split(), "--json")
    error = documents.checked("error", done.stdout)["error"]

    assert (error["code"], done.code) == (kind, code)
    assert f"error: {error['message']}\n" in done.stderr or not typed
    assert (error["hint"] is None) == ("hint: " not in done.stderr) or not typed


def test_an_option_of_another_command_is_none_of_ours(gms):
    ends = ("--good", "9.0.0", "--bad", "1.1.0")
    assert gms("bisect", "churn", *ends, "--", "x", "--json").stdout == ""


NOISY = """\
import os
from sklearn.linear_model import LogisticRegression

def noise():
    print("printed")
    os.write(1, b"written\\n")

noise()

class Noisy(LogisticRegression):
    def predict(self, X):
        noise()
        return super().predict(X)
"""


def test_what_a_pipeline_prints_stays_out_of_the_document(place, monkeypatch):
    (place / "noisy.py").write_text(NOISY)
    monkeypatch.syspath_prepend(place)
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    noisy = importlib.import_module("noisy").Noisy().fit(X, [0, 0, 1, 1])
    joblib.dump(noisy, "noisy.joblib")
    del sys.modules["noisy"]  # each command imports it anew, which prints
    X.assign(left=[0, 0, 1, 1]).to_csv("rows.csv", index=False)
    register = ("register", "noisy", "noisy.joblib", "--test", "rows.csv", "--target", "left")

    for name, args in (
        ("gms-register", (*register, "--no-code")),
        ("gms-verify", ("verify", "noisy@1.0.0", "--replay")),
    ):
        done = children.gms("--json", "-C", "models", *args, "--trust", "noisy", cwd=place)

        assert done.returncode == 0, done.stderr
        documents.checked(name, done.stdout)
        assert "printed\n" in done.stderr
        assert "written\n" in done.stderr


def test_an_interrupted_command_and_a_fault_of_ours_say_so(gms, monkeypatch):
    for raised, kind, code in (
        (KeyboardInterrupt(), "interrupted", 130),
        (PermissionError(13, "Permission denied", "x"), "system-error", 128),
        (MemoryError(), "out-of-memory", 128),
        (ZeroDivisionError("x"), "raised-elsewhere", 1),
    ):

        def fails(*_, raised=raised):
            raise raised

        monkeypatch.setattr(program, "_invoke", fails)
        done = gms("list", "--json")
        assert documents.checked("error", done.stdout)["error"]["code"] == kind
        assert done.code == code
    monkeypatch.setattr(program, "_invoke", len)  # raises in that module
    done = gms("list", "--json")
    assert documents.checked("error", done.stdout)["error"]["code"] == "own-fault"
    assert done.code == 128


@pytest.mark.filterwarnings("ignore::gitmodelstore.errors.BehindWarning")
def test_what_cannot_be_read_is_a_fault_in_every_document(place, gms, git):
    message = f"churn 1.0.0\n\nManifest-SHA256: {'0' * 64}"
    git("tag", "-f", "-a", "churn@v1.0.0", "-m", message, "churn@v1.0.0^{commit}")
    git("reset", "-q", "--hard", "main~2")  # before fraud was registered

    for name, *args in (
        ("gms-list-NAME", "list", "churn"),
        ("gms-search", "search", "metrics.auc>0"),
        ("gms-list", "list"),
        ("gms-log-G", "log", "-G", "metrics.auc"),
        ("gms-verify", "verify", "--all"),
        ("gms-audit", "audit", "churn"),
        ("gms-doctor", "doctor"),
    ):
        faults = list(_faults(documents.checked(name, gms("--json", *args).stdout)))
        assert faults, name
        assert all(fault["code"] != "unreadable" for fault in faults), (name, faults)


def _faults(found):
    if isinstance(found, dict):
        yield from found.get("faults", ())
        found = list(found.values())
    for one in found if isinstance(found, list) else ():
        yield from _faults(one)


def test_the_tables_have_every_command():
    typed = {name.split("-")[1] for name, *_ in FORMS}
    elsewhere = {"demo", "reproduce", "approve"}  # tests/demo, test_reproduce.py, test_signing.py

    assert {entry.name for entry in COMMANDS} == (typed | elsewhere) - {"version"}
    defined = {name for name in documents.DEFINITIONS if name.startswith("gms-")}
    assert defined - {name for name, *_ in FORMS} == {f"gms-{name}" for name in elsewhere}


def test_the_schema_is_one_and_closed():
    Draft202012Validator.check_schema(documents.SCHEMA)
    for name, definition in documents.DEFINITIONS.items():
        if definition["type"] == "object":
            assert definition["required"] == list(definition["properties"]), name
            closed = {"additionalProperties", "unevaluatedProperties"} & set(definition)
            assert len(closed) == (name not in ("version", "holding")), name


def test_the_page_shows_an_error_as_it_is_printed(gms):
    done = gms("show", "chrun", "--json")

    shown = "".join(f"    {line}\n" for line in done.stdout.splitlines())
    assert f"    $ gms show chrun --json 2>/dev/null\n{shown}\n" in documents.PAGE.read_text()


def test_each_error_has_the_code_and_the_exit_code_that_the_page_says(gms, monkeypatch):
    said = {code: status for code, status, _ in documents.errors()}
    for kind in documents.classes():
        error = kind.__new__(kind)
        StoreError.__init__(error, "no")
        error.summary, error.excerpt, error.conditions, error.found = "no", (), (), ()

        def fails(*_, error=error):
            raise error

        monkeypatch.setattr(program, "_invoke", fails)
        done = gms("list", "--json")
        found = documents.checked("error", done.stdout)["error"]["code"]
        assert (found, done.code) == (kind.code, said[kind.code])


def test_the_page_is_made_of_the_schema():
    assert documents.PAGE.read_text(encoding="utf-8") == documents.page(), (
        "write it again with `python -m tests.json_documents`"
    )


def test_each_class_of_error_has_a_code_of_its_own():
    kinds = [k for k in documents.classes() if k.__module__ == "gitmodelstore.errors"]

    codes = [kind.code for kind in kinds] + [code for code, *_ in documents.OTHERS]
    assert len(set(codes)) == len(codes)
    assert "version-not-found" in codes


def test_one_encoder():
    assert person("<ada@example.org>") == {"name": None, "email": "ada@example.org"}
    assert person("Ada") == {"name": "Ada", "email": None}
    assert json.dumps(document([Version.parse("1.0.0"), float("nan"), Path("a")])) == (
        '["1.0.0", "nan", "a"]'
    )
