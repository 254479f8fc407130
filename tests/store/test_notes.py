"""Notes go to the log, what needs you is a warning at your own line, and nothing is printed."""

from __future__ import annotations

import logging
import sys
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


def test_a_program_prints_nothing_but_warnings_of_our_own_class_at_its_own_lines(
    churn, fitted, tmp_path
):
    churn.register(fitted, "fraud", code=None)
    churn.withdraw("churn@1.0.0", reason="bad")
    warned = ("store.load('churn@1.0.0')", "gms.load_model('churn@1.0.0', store='store')")
    script = tmp_path / "serve.py"
    script.write_text(
        "import gitmodelstore as gms\n"
        "store = gms.Store.open('store')\n"
        f"{warned[0]}\n{warned[1]}\n"
        "store.register(store.load('fraud@1.0.0').set_params(memory=None), 'other')\n"
        "store.promote('other@1.0.0', 'production', vacate=True, reason='nothing to vacate')\n"
    )

    done = children.python(str(script), cwd=tmp_path)

    said = "WithdrawnWarning: churn 1.0.0 was withdrawn; see why with `gms log churn`"
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "".join(
        f"{script}:{number}: {said}\n  {line}\n" for number, line in enumerate(warned, 3)
    )
    with pytest.warns(StoreWarning) as told:
        churn.load("churn@1.0.0")
    assert [(one.category, one.filename) for one in told] == [(WithdrawnWarning, __file__)]


def test_the_package_warns_in_one_way():
    """`warn_user` finds the line; whoever calls `warnings.warn` guesses how deep it is called."""
    package = Path(sys.modules["gitmodelstore"].__file__ or "").parent
    found = [path.name for path in package.rglob("*.py") if "warnings.warn(" in path.read_text()]
    assert found == ["errors.py"]
