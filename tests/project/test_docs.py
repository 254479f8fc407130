"""What the pages say is run here, their links lead somewhere, their commands exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import joblib
import pytest
import sklearn.ensemble  # noqa: F401 - the commands run in forks, which need not import it anew
from sklearn.datasets import load_breast_cancer
from sklearn.tree import DecisionTreeClassifier

import gitmodelstore as gms
import gitmodelstore.store
from gitmodelstore.cli.commands import COMMANDS
from gitmodelstore.operations.load import CARES
from gitmodelstore.pickles import places, relations, states
from gitmodelstore.values.gates import _FIELDS, Gate
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.query import Query, parse_field, top_names
from tests.store import children

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
    for path in sorted(ROOT.glob(pattern))
}
LOADING, SECURITY = PAGES["docs/loading.md"], PAGES["docs/security.md"]
POLICY, SEARCH = PAGES["docs/policy.md"], PAGES["docs/search.md"]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def of_readme(language: str, words: str) -> str:
    """The first of README's blocks that holds these words."""
    return next(block for block in blocks(PAGES["README.md"], language) if words in block)


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """The names that a git host gives to the headings of a page."""
    heads = re.findall(r"^#+ (.*)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def steps(session: str) -> list[tuple[str, str]]:
    """The commands of a session, each with what it prints; `…` stands for any lines."""
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)
    assert found
    return found


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one line of a page, as a user with the package installed.

    A command of ours alone, or a script, runs in a fork, which need not import everything anew.
    """
    words = shlex.split(command.replace("$PWD", str(folder)))
    if words[0] == "gms" and "$(" not in command:
        return children.gms(*words[1:], cwd=folder, on_screen=True)
    if words[0] == "python" and "<" not in command:
        return children.script(*words[1:], cwd=folder, on_screen=True)
    here = Path(sys.executable).parent
    return subprocess.run(  # noqa: S602 - it is the page's own line
        command,
        shell=True,
        cwd=folder,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def right(command: str, folder: Path) -> str:
    """Run a line that must succeed, and return what it prints."""
    done = typed(command, folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


def pattern_of(said: str) -> str:
    """What a page shows as a regular expression: `…` stands for lines, or for part of one."""
    return re.escape(said).replace(re.escape("…\n"), "(?:.*\n)*?").replace("…", ".*")


# Which blocks of a page are sessions that are run, one after the other.
SESSIONS = {
    "README.md": slice(3, 4),
    "docs/coming-from.md": slice(0, 1),
    "docs/first-store.md": slice(0, 13),
    "docs/how-to.md": slice(0, 10),
    "docs/loading.md": slice(0, 2),
    "docs/policy.md": slice(0, 3),
    "docs/search.md": slice(1, 2),
    "docs/tutorial.md": slice(0, 11),
}
TO_THE_LETTER = ("README.md", "docs/tutorial.md")  # whose commands all succeed
LONG = ("docs/coming-from.md", "docs/first-store.md", "docs/how-to.md")


def follow(page: str, home: Path) -> None:
    """Write the files of a page, and type its sessions: each command prints what the page says."""
    files = r"^```\w+\n# (\w+\.(?:py|sh|toml))\n(.*?)^```$"
    for name, code in re.findall(files, PAGES[page], re.MULTILINE | re.DOTALL):
        (home / name).write_text(code)
    folder = home
    for session in blocks(PAGES[page], "console")[SESSIONS[page]]:
        for command, said in steps(session):
            if command.startswith("cd "):
                folder = folder / command.removeprefix("cd ")
                continue
            done = typed(command, folder)
            printed = done.stdout.replace(f"{home}{os.sep}", "/home/ada/")
            assert re.fullmatch(pattern_of(said), printed), f"{command}\n{printed}"
            assert page not in TO_THE_LETTER or done.returncode == 0, command


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.long] if page in LONG else [])
        for page in SESSIONS
        if page != "README.md"
    ],
)
def test_the_session_prints_what_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_CONFIG_COUNT")  # hooks run, as they do for users
    assert len(blocks(PAGES[page], "console")) == SESSIONS[page].stop
    follow(page, tmp_path)


def test_the_first_session_of_readme_and_its_python_print_what_they_say(tmp_path: Path) -> None:
    follow("README.md", tmp_path)

    store = "store = gms.Store.open"
    python = next(
        block for block in blocks(PAGES["README.md"], "python") if block.startswith(store)
    )
    said = right(
        f"{sys.executable} - <<'END'\nimport gitmodelstore as gms\n{python}\nEND", tmp_path
    )
    assert re.fullmatch(
        r"tumours 1\.1\.0 production 0\.\d+\ntumours 1\.0\.0 archived 0\.\d+\ntumours 1\.1\.0\n"
        r"tumours 1\.1\.0 promoted: .*\ntumours 1\.0\.0 -> 1\.1\.0: metrics (?:.*\n)+",
        said,
    ), said


@pytest.mark.long  # tests/demo runs it in every run, but for the clone and the environment
@pytest.mark.timeout(900)
def test_the_demo_command_works_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    right(f"git clone --quiet {ROOT} {clone}", tmp_path)
    command = next(
        block for block in blocks(PAGES["README.md"], "console") if "gms demo" in block
    ).strip()

    said = right(command, clone)

    assert "gms rollback credit" in said
    assert "nothing was removed" in said
    assert (clone / "gitmodelstore-demo" / "models" / "registry.json").exists()
    assert right("git status --porcelain", clone) == ""


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    line = next(
        block for block in blocks(PAGES["README.md"], "console") if "pytest" in block
    ).strip()
    script = "sed -n '/<!-- tests -->/,/```$/p' README.md | grep '^python3 -m venv'"
    assert script in (ROOT / ".ci" / "run").read_text()
    assert right(script, ROOT).strip() == line


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of three versions, the server that it shares, and a pipeline's file."""
    home = tmp_path_factory.mktemp("team")
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    store = gms.Store.init(home / "models")
    for depth in (1, 2, 3):
        pipeline = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(X, y)
        version = store.register(pipeline, "churn", X_test=X, y_test=y)
        if depth < 3:
            store.promote(version, "production", reason="better")
    joblib.dump(pipeline.set_params(max_depth=4).fit(X, y), home / "pipeline.joblib")
    right(f"git clone --quiet --bare {store.path} server.git", home)
    right("git -C models remote add origin ../server.git && git -C models fetch -q origin", home)
    return home


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("heading", ["MLflow", "DVC and GTO", "Hugging Face Hub", "A folder of"])
def test_what_a_table_says_to_type_here_works(
    heading: str, team: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row in a copy of its own, since the rows do not follow one another."""
    table = PAGES["docs/coming-from.md"].partition(f"\n## {heading}")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!---)[^|]+ \| (.+) \|$", table, re.MULTILINE)[1:]
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    pipeline = DecisionTreeClassifier(max_depth=5, random_state=0).fit(X, y)
    names = {"gms": gms, "pipeline": pipeline, "X_test": X, "y_test": y}
    count = 0

    for number, row in enumerate(rows):
        folder = tmp_path / str(number)
        shutil.copytree(team, folder, symlinks=True)
        monkeypatch.chdir(folder)
        monkeypatch.setenv("GITMODELSTORE", "models")
        for line in re.findall(r"`(gms[ .].*?)`", row):
            count += 1
            if line.startswith("gms."):
                eval(line, names)  # noqa: S307 - it is the page's own line
            else:
                done = typed(line, folder)
                assert done.returncode == (1 if " diff " in line else 0), f"{line}\n{done.stdout}"

    assert count >= len(rows) * 2 // 3


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", without_blocks(PAGES[page]))
    assert links or page != "README.md"
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_a_page_names_exists(page: str) -> None:
    known = {name for entry in COMMANDS for name in (entry.name, entry.alias)}
    assert set(re.findall(r"`(?:\w+=\S+ )?gms ([a-z][\w-]*)", PAGES[page])) <= known


def test_the_page_on_architecture_names_every_module_in_the_row_of_its_folder() -> None:
    text = PAGES["ARCHITECTURE.md"]
    rows = dict(re.findall(r"^\| `?(\w+)`? \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE))
    top = ROOT / "gitmodelstore"
    for folder in (top, *(path.parent for path in top.glob("*/__init__.py"))):
        modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}
        row = re.sub(r"\(.*?\)", "", rows["top" if folder == top else folder.name])
        assert modules == set(re.findall(r"`(\w+)`", row)), folder


@pytest.mark.parametrize("page", ["README.md", "docs/loading.md"])
def test_a_page_that_shows_a_load_says_what_is_refused_and_that_it_is_no_sandbox(page: str) -> None:
    assert {"refused", "not a sandbox", "security.md"} == {
        words for words in ("refused", "not a sandbox", "security.md") if words in PAGES[page]
    }


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


def test_the_settings_of_the_page_about_policy_are_read() -> None:
    first, second, third = (Policy.parse(text.encode()) for text in blocks(POLICY, "toml"))

    assert list(first.gates) == ["production"]
    assert not first.allows("registered", "production")
    assert list(second.gates) == ["shadow", "production"]
    assert third.gates["production"].require == ("annotations.approval",)


def test_the_page_about_policy_names_every_key_and_every_field() -> None:
    for field in fields(Gate):
        key = "from" if field.name == "sources" else field.name
        assert f"| `gates.STATUS.{key}` |" in POLICY
    for name in _FIELDS:
        assert f"`{name}`" in POLICY


def test_the_expressions_of_the_page_about_search_can_be_understood() -> None:
    for command, _ in steps(blocks(SEARCH, "console")[0]):
        words = shlex.split(command)
        if "search" in words:
            Query.parse(words[words.index("search") + 1])
        else:
            parse_field(words[words.index("-G") + 1])


def test_the_page_about_search_names_all_that_a_name_can_begin_with() -> None:
    table = SEARCH.partition("## Names")[2].partition("## Comparisons")[0]
    named = {name.partition(".")[0] for name in re.findall(r"`([a-z_]+)[`.]", table)}

    assert set(top_names()) - named == {"schema"}
