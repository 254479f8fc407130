"""What the README says is run here, as a newcomer would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def first(language: str, beginning: str) -> str:
    return next(block for block in blocks(language) if block.startswith(beginning))


def steps(session: str) -> list[tuple[str, str]]:
    """The commands of a session, each with what it prints; `…` stands for any lines."""
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert found
    return found


def run(command: str, folder: Path) -> str:
    """Run one line of a shell with `gms` and `python` being those of the tests; all it prints."""
    here = Path(sys.executable).parent
    done = subprocess.run(  # noqa: S602 - it is the README's own line
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": f"{here}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def test_the_first_session_prints_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(first("python", "# train.py"))
    folder = tmp_path
    for command, said in steps(first("console", "$ gms init models")):
        if command.startswith("cd "):
            folder = folder / command.removeprefix("cd ")
            continue
        printed = run(command, folder)
        expected = re.escape(said).replace(re.escape("…\n"), "(?:.*\n)+")
        printed = printed.replace(f"{tmp_path}{os.sep}", "/home/ada/")
        assert re.fullmatch(expected, printed), f"{command}\n{printed}"

    python = first("python", "store = gms.Store.open")
    said = run(f"{sys.executable} - <<'END'\nimport gitmodelstore as gms\n{python}\nEND", tmp_path)
    assert re.fullmatch(
        r"tumours 1\.1\.0 production 0\.\d+\ntumours 1\.0\.0 archived 0\.\d+\ntumours 1\.1\.0\n"
        r"tumours 1\.1\.0 promoted: .*\ntumours 1\.0\.0 -> 1\.1\.0: metrics (?:.*\n)+",
        said,
    ), said


@pytest.mark.long  # tests/demo runs it in every run, but for the clone and the environment
@pytest.mark.timeout(900)
def test_the_demo_command_works_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    run(f"git clone --quiet {ROOT} {clone}", tmp_path)
    command = next(block for block in blocks("console") if "gms demo" in block).strip()

    said = run(command, clone)

    assert "gms rollback credit" in said
    assert "nothing was removed" in said
    assert (clone / "gitmodelstore-demo" / "models" / "registry.json").exists()
    assert run("git status --porcelain", clone) == ""


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    line = next(block for block in blocks("console") if "pytest" in block).strip()
    script = "sed -n '/<!-- tests -->/,/```$/p' README.md | grep '^python3 -m venv'"
    assert script in (ROOT / ".ci" / "run").read_text()
    assert run(script, ROOT).strip() == line


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
