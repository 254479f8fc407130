"""The packages that tabular models are made of, in an environment of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.interop.environments import make

ROOT = Path(__file__).parents[2]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_zoo_of_the_packages_passes_where_they_are_installed(tmp_path: Path) -> None:
    tools = ("pytest", "pytest-timeout", "hypothesis")
    programs = make(tmp_path / "packages", "-r", str(REQUIREMENTS), *tools, str(ROOT))
    done = subprocess.run(
        [
            programs / "python",
            *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "long or not long"),
            *("tests/packages/test_zoo.py", "tests/packages/test_hostile.py"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
