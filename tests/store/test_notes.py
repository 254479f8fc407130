"""Notes go to the log, what needs you is a warning at your own line, and nothing is printed."""

from __future__ import annotations

import logging
import sys
import textwrap
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreWarning, WithdrawnWarning

from . import children


def test_why_a_version_got_its_number_is_logged(churn, refitted, caplog, capfd):
    caplog.set_level(logging.INFO, "gitmodelstore")

    churn.register(refitted, "churn", code=None)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("gitmodelstore", "INFO")
    assert record.getMessage().startswith("churn 1.1.0 (minor: ")
    assert capfd.readouterr() == ("", "")


def test_who_takes_the_notes_has_them_alone(churn, refitted, caplog):
    caplog.set_level(logging.INFO, "gitmodelstore")
    told: list[str] = []

    Store.open(churn.path, notify=told.append).register(refitted, "churn", code=None)

    assert len(told) == 1
    assert caplog.records == []


def test_a_program_that_configures_no_log_prints_nothing(churn, tmp_path):
    program = """
        import gitmodelstore as gms
        store = gms.Store.open("store")
        store.register(store.load("churn@latest").set_params(memory=None), "other", code=None)
        store.promote("other@1.0.0", "production", vacate=True, reason="nothing to vacate")
    """
    done = children.python("-c", textwrap.dedent(program), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_warning_is_of_our_own_class_and_shows_the_users_line(churn, tmp_path):
    churn.withdraw("churn@1.0.0", reason="bad")
    loads = ("store.load('churn@1.0.0')", "gms.load_model('churn@1.0.0', store='store')")
    script = tmp_path / "serve.py"
    script.write_text(
        "\n".join(["import gitmodelstore as gms", "store = gms.Store.open('store')", *loads])
    )

    done = children.python(str(script), cwd=tmp_path)

    said = "WithdrawnWarning: churn 1.0.0 was withdrawn; see why with `gms log churn`"
    assert done.stderr == "".join(
        f"{script}:{number}: {said}\n  {load}\n" for number, load in enumerate(loads, 3)
    )
    with pytest.warns(StoreWarning) as told:
        churn.load("churn@1.0.0")
    assert [(one.category, one.filename) for one in told] == [(WithdrawnWarning, __file__)]


def test_the_package_warns_in_one_way():
    """`warn_user` finds the line; whoever calls `warnings.warn` guesses how deep it is called."""
    package = Path(sys.modules["gitmodelstore"].__file__ or "").parent
    found = [path.name for path in package.rglob("*.py") if "warnings.warn(" in path.read_text()]
    assert found == ["errors.py"]
