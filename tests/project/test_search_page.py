"""What docs/search.md shows is run, and what it names can be asked."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gitmodelstore.values.field_path import top_names
from gitmodelstore.values.query import Query, parse_field
from tests.project.test_docs import pattern_of, said_by
from tests.project.test_readme import ROOT, steps

PAGE = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
EXPRESSIONS, SESSION = re.findall(r"^```console\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.timeout(120)
def test_the_session_prints_what_it_says(tmp_path: Path) -> None:
    for name, code in re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE, re.M | re.S):
        (tmp_path / name).write_text(code)

    for command, said in steps(SESSION):
        printed = said_by(command, tmp_path)
        assert re.fullmatch(pattern_of(said), printed), f"{command}\n{printed}"


def test_its_commands_can_be_understood() -> None:
    for command, _ in steps(EXPRESSIONS):
        words = shlex.split(command)
        if "search" in words:
            Query.parse(words[words.index("search") + 1])
        else:
            parse_field(words[words.index("-G") + 1])


def test_it_names_all_that_a_name_can_begin_with() -> None:
    table = PAGE.partition("## Names")[2].partition("## Comparisons")[0]
    named = {name.partition(".")[0] for name in re.findall(r"`([a-z_]+)[`.]", table)}

    assert set(top_names()) - named == {"schema"}
