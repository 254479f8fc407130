"""The scripts of examples/, run by the very commands of their README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working directory in which `gms` and `python` are those of the tests."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, options in {
        "gms": "-c 'from gitmodelstore.cli.main import run; run()'",
        "python": "-W error",
    }.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def _sh(script: str, cwd: Path) -> str:
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long  # the demo runs these scripts in every run
def test_the_commands_of_the_readme_lead_to_a_model_that_answers(folder):
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n(.*?)```", text, re.DOTALL)
    assert block is not None
    commands = re.sub(r"^\$ ", "", block[1], flags=re.MULTILINE)

    said = _sh(commands.replace("PATH/TO/examples", str(EXAMPLES)), folder)

    assert "credit 1.0.0 {'cv_auc': 0." in said
    assert "credit 1.0.0 says how likely each loan is not paid back:\n    1  0." in said
    _check_training_again(folder / "credit")


def _check_training_again(project: Path) -> None:
    """Nothing new is no new version; other parameters are a minor one, of another commit."""
    assert _sh("python train_credit.py", project).startswith("credit 1.0.0 ")

    script = project / "train_credit.py"
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace('"max_depth": 3', '"max_depth": 2'), encoding="utf-8")

    said = _sh("git commit -qam 'Flatter trees'; python train_credit.py", project)
    assert said.startswith("credit 1.1.0 ")
    head = _sh("git rev-parse HEAD", project).strip()
    assert f'"commit": "{head}"' in _sh("gms cat credit@1.1.0:manifest.json", project)


def test_the_readme_names_every_file():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    assert [path.name for path in EXAMPLES.glob("*.py") if f"`{path.name}`" not in text] == []
