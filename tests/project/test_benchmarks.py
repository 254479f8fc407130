"""The driver of the benchmarks runs, and the page is what its results give."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from benchmarks import page, results
from benchmarks.__main__ import RESULTS, main
from benchmarks.measure import OURS, Bench, Cannot, Taken
from benchmarks.systems import KINDS, Asked

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def measured(folder: Path, suite: str) -> dict[str, list[str]]:
    """Run a suite of little, and return its lines with who answered, as the file has them."""
    file = folder / "results.json"
    tiny = ["--tiny", "--turns", "1", "--pause", "0", "--folder", str(folder)]
    with patch.dict(os.environ):
        main([*tiny, "--only", suite, "-o", str(file)])
    found = results.lines(results.read(file), suite)
    return {line.name: [row.system for row in line.rows if row.taken] for line in found}


def test_the_page_and_its_charts_are_made_from_the_results() -> None:
    found = results.read(RESULTS)
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert page.renewed(text, found) == text
    assert {path.name for path in DOCS.glob("*.svg")} == set(page.drawn(found))
    for name, chart in page.drawn(found).items():
        assert (DOCS / name).read_text(encoding="utf-8") == chart
        assert f"]({name})" in text


def test_a_suite_runs_from_the_driver_to_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = measured(tmp_path, "lineage")
    assert lines["environment, warm"] == ["environment", "importlib.metadata"]
    assert lines["code, one of 100 files changed"] == ["code", "git status"]
    assert "lineage: environment, warm\n" in capsys.readouterr().out
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "benchmarks.md").write_text("<!-- table: lineage: code -->\nold\n<!-- end -->\n")

    page.write(results.read(tmp_path / "results.json"), docs)

    table = (docs / "benchmarks.md").read_text()
    assert re.search(r"\| code, one of 100 files changed \| code: [\d.]+\*? \| git status: ", table)
    assert "old" not in table
    assert "environment" not in table


def test_a_row_ends_with_its_budget_and_one_without_an_answer_says_why() -> None:
    def refuse() -> None:
        raise Cannot("there is no such thing")

    bench = Bench("any", turns=5, pause=0, budget=4, tell=lambda _: None)
    slow = iter([Taken(2, 1), Taken(2, 1)])
    with patch("time.perf_counter", iter(range(10_000)).__next__):
        bench.compare("ask", {OURS: lambda: next(slow), "peer": refuse})

    ours, peer = bench.lines[0].rows
    assert (ours.taken, ours.otherwise, ours.note) == ([2, 2, 2], [1, 1, 1], "ended after 4 s")
    assert (peer.taken, peer.note) == ([], "there is no such thing")


def test_a_worker_answers_or_says_why_not(tmp_path: Path) -> None:
    kind = next(kind for kind in KINDS if kind.worker == "files")
    asked = Asked(kind, sys.executable, tmp_path / "files", budget=60)
    asked.warm("create")
    asked.warm("promote", number=3)
    assert asked.warm("which").seconds > 0
    assert (tmp_path / "files" / "production").read_text() == "3"
    with pytest.raises(Cannot, match="files have no history"):
        asked.cold("log")
    asked.close()


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("suite", ["systems", "growth", "disk"])
def test_ours_and_what_needs_no_installation_answer(suite: str, tmp_path: Path) -> None:
    lines = measured(tmp_path, suite)
    assert all(OURS in systems for systems in lines.values())
    assert all("plain git" in systems for name, systems in lines.items() if "rows" not in name)
