"""The oldest releases that README names: the tests of pipelines and of the store pass there too."""

from __future__ import annotations

from pathlib import Path

import pytest

from .environments import ROOT, TOOLS, make, pass_there

# What is refused at one door is refused at the others, bytes are walked dry without any
# package, and the code around a script is git's: all whatever is installed.
SAME_ANYWHERE = (
    "registering_the_file or no_verdict_is_noted or mutations_end or dry_broken or TrainingScript"
    " or test_guard"
)
OLDEST = Path(__file__).with_name("oldest.txt")


def test_readme_names_the_oldest_scikit_learn() -> None:
    pin = next(line for line in OLDEST.read_text().splitlines() if line.startswith("scikit-learn"))
    oldest = ".".join(pin.partition("==")[2].split(".")[:2])
    assert f"scikit-learn {oldest}" in (ROOT / "README.md").read_text()
    assert f'"scikit-learn>={oldest}"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_oldest_releases_pass_the_tests_of_pipelines_and_store(tmp_path: Path) -> None:
    programs = make(tmp_path / "oldest", "-c", str(OLDEST), *TOOLS, str(ROOT))

    pass_there(
        programs,
        *("-k", f"not ({SAME_ANYWHERE})", "tests/pickles", "tests/estimators"),
        *("tests/store/test_register.py", "tests/store/test_promote.py"),
    )
