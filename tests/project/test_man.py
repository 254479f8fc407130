"""The manual page: what the help says, where `man gms` and `git modelstore --help` find it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from gitmodelstore.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]
needs_man = pytest.mark.skipif(shutil.which("man") is None, reason="man-db is not installed")


@pytest.fixture
def man() -> ModuleType:
    spec = importlib.util.spec_from_file_location("man", ROOT / "docs" / "man.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def pages(man: ModuleType, tmp_path: Path) -> Path:
    """A folder as the installation of a package makes one."""
    folder = tmp_path / "share" / "man" / "man1"
    folder.mkdir(parents=True)
    for name in man.NAMES:
        text = man.page() if name == man.NAMES[0] else man.SAME
        (folder / f"{name}.1").write_text(text, encoding="utf-8")
    return folder.parent


@needs_man
@pytest.mark.parametrize("typed", [("man", "gms"), ("git", "modelstore", "--help")])
def test_it_has_the_help_of_every_command(pages, typed):
    environment = os.environ | {"MANPATH": str(pages), "MANWIDTH": "80", "MANPAGER": "cat"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment |= {"PATH": path, "LC_ALL": "C.UTF-8", "PAGER": "cat", "GIT_PAGER": "cat"}

    done = subprocess.run(typed, env=environment, capture_output=True, text=True, check=True)

    words = " ".join(done.stdout.split())
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "git-modelstore, gitmodelstore - a Git-native model store for scikit-learn" in words
    for entry in COMMANDS:
        assert f"gms {entry.name} Usage: gms {entry.name} " in words
        assert entry.summary in words
        assert all(" ".join(example.split()) in words for example in entry.examples)
    assert "under [tool.gitmodelstore] in the nearest pyproject.toml" in words


@needs_man
def test_man_has_nothing_to_say_of_it(pages):
    typed = ("man", "--warnings", "-E", "UTF-8", "-l", str(pages / "man1" / "gms.1"))
    environment = os.environ | {"MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(typed, env=environment, capture_output=True, text=True, check=True)

    assert done.stderr == ""


@pytest.mark.long
def test_the_package_has_it(man, tmp_path):
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT))
    subprocess.run(pip, check=True)
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as opened:
        texts = {
            Path(name).name: opened.read(name).decode()
            for name in opened.namelist()
            if "/data/share/man/man1/" in name
        }

    assert texts == {
        "gms.1": man.page(),
        "git-modelstore.1": man.SAME,
        "gitmodelstore.1": man.SAME,
    }
