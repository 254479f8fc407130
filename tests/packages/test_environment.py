"""The packages that tabular models are made of, in an environment of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.environments import ROOT, TOOLS, make, pass_there

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_zoo_of_the_packages_passes_where_they_are_installed(tmp_path: Path) -> None:
    programs = make(tmp_path / "packages", "-r", str(REQUIREMENTS), *TOOLS, str(ROOT))

    pass_there(
        programs,
        *("-m", "long or not long"),
        *("tests/packages/test_zoo.py", "tests/packages/test_native.py"),
    )
