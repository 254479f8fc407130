"""What the pages say is run here, their links lead somewhere, their commands exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore.cli.main import COMMANDS
from gitmodelstore.operations.load import CARES
from gitmodelstore.pickles import places, relations, states
from tests.project.test_readme import ROOT, steps
from tests.store import children

PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)
LOADING = (ROOT / "docs" / "loading.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names that a git host gives to the headings of a page."""
    heads = re.findall(r"^#+ (.*)$", without_blocks(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def said_by(command: str, folder: Path) -> str:
    """Run one line of the page, as a user with the package installed; all that it prints.

    A command of ours alone runs in a fork, which need not import everything anew.
    """
    words = shlex.split(command)
    if words[0] == "gms":
        done = children.gms(*words[1:], cwd=folder)
        return (done.stderr + done.stdout).replace(f"{folder}{os.sep}", "/home/ada/")
    here = Path(sys.executable).parent
    done = subprocess.run(  # noqa: S602 - it is the page's own line
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.replace(f"{folder}{os.sep}", "/home/ada/")


def pattern_of(said: str) -> str:
    """What a page shows as a regular expression: `…` stands for lines, or for part of one."""
    lines = re.escape(said).replace(re.escape("…\n"), "(?:.*\n)*?")
    return lines.replace("…", ".*")


@pytest.mark.timeout(300)
def test_the_session_about_loading_prints_what_it_says(tmp_path: Path) -> None:
    for name, code in re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", LOADING, re.M | re.S):
        (tmp_path / name).write_text(code)
    sessions = re.findall(r"^```console\n(.*?)^```$", LOADING, re.M | re.S)
    assert len(sessions) == 2

    for session in sessions:
        for command, said in steps(session):
            printed = said_by(command, tmp_path)
            assert re.fullmatch(pattern_of(said), printed), f"{command}\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = without_blocks((ROOT / page).read_text(encoding="utf-8"))
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    known = {name for entry in COMMANDS for name in (entry.name, entry.alias)}
    found = re.findall(
        r"`(?:\w+=\S+ )?gms ([a-z][\w-]*)", (ROOT / page).read_text(encoding="utf-8")
    )

    assert set(found) <= known


def test_the_page_on_architecture_names_every_module_in_the_row_of_its_folder() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `?(\w+)`? \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE))
    top = ROOT / "gitmodelstore"
    for folder in (top, *(path.parent for path in top.glob("*/__init__.py"))):
        modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
        row = re.sub(r"\(.*?\)", "", rows["top" if folder == top else folder.name])
        assert modules == set(re.findall(r"`(\w+)`", row)), folder


@pytest.mark.parametrize("page", ["README.md", "docs/loading.md"])
def test_a_page_that_shows_a_load_says_what_is_refused_and_that_it_is_no_sandbox(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")

    assert "refused" in text
    assert "no sandbox" in text
    assert "security.md" in text


def test_the_page_about_loading_names_every_care_about_the_environment() -> None:
    assert all(f'"{care}"' in LOADING for care in CARES if care != "warn")
    assert "EnvironmentWarning" in LOADING


# The word by which docs/security.md speaks of each state that is looked at.
NAMES_IN_THE_PAGE = {
    "ndarray": "arrays",
    "MaskedArray": "masked arrays",
    "partial": "functools.partial",
    "Memory": "joblib.Memory",
    "rv_generic": "scipy's distributions",
    "_cs_matrix": "CSR, CSC, BSR",
    "_coo_base": "COO",
    "_dia_base": "DIA",
    "_lil_base": "LIL",
    "Tree": "decision trees",
    "TreePredictor": "trees of histogram boosting",
    "BinaryTree64": "`KDTree`, `BallTree`",
}
# The same of classes whose numbers must agree.
BASES_IN_THE_PAGE = {
    "BaseEstimator": "every estimator",
    "BaseDecisionTree": "decision trees",
    "BaseForest": "forests",
    "BaseBagging": "bagging",
    "BaseGradientBoosting": "gradient boosting",
    "BaseHistGradientBoosting": "histogram boosting",
    "NeighborsBase": "nearest neighbours",
    "_BaseKMeans": "`KMeans` and its kin",
    "BaseLibSVM": "support vector machines",
    "_BaseEncoder": "encoders",
    "EmpiricalCovariance": "covariances",
    "BaseSGD": "stochastic gradient descent",
    "_BaseNMF": "`NMF`",
    "_BasePCA": "PCA",
    "_BaseSparsePCA": "PCA",
    "_BaseSparseCoding": "sparse coding",
    "BaseRandomProjection": "random projections",
    "BaseMultilayerPerceptron": "neural networks",
}


def section(heading: str) -> str:
    return SECURITY.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_page_about_security_names_every_state_that_is_looked_at() -> None:
    table = section("States that are checked")

    for _, name in states._CHECKS:
        assert NAMES_IN_THE_PAGE.get(name, f"`{name}`") in table, name


def test_the_page_about_security_names_every_attribute_that_is_judged() -> None:
    table = section("Where a value of a file goes")

    for name in places._RULES:
        assert f"`{name}`" in table, name


def test_the_page_about_security_names_every_class_whose_numbers_must_agree() -> None:
    table = section("Numbers that must agree")

    for name in relations._RULES:
        assert BASES_IN_THE_PAGE.get(name, f"`{name}`") in table, name
