"""docs/compatibility.md is made of what CI ran, and covers what README promises."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from .compatibility import KEPT, PAGE, ROOT, numbers, page

ROWS = json.loads(KEPT.read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FLOORS = dict(
    match.groups()
    for line in PROJECT["dependencies"]
    if (match := re.match(r"(scikit-learn|pandas|joblib)>=([\d.]+)", line))
)
OLDEST = dict(
    line.split("==")
    for line in (ROOT / "tests/interop/oldest.txt").read_text().splitlines()
    if "==" in line
)


def test_the_page_is_made_of_the_rows():
    assert PAGE.read_text() == page(ROWS)


def test_all_of_them_passed():
    assert [row for row in ROWS if row["failed"] or row["exit"]] == []


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_the_oldest_that_is_promised_was_run(package):
    ran = min((row["libraries"][package] for row in ROWS), key=numbers)

    assert ran == OLDEST[package]
    assert numbers(ran)[: len(numbers(FLOORS[package]))] == numbers(FLOORS[package])


def test_the_oldest_python_that_is_promised_was_run_and_a_newer_one():
    oldest = PROJECT["requires-python"].removeprefix(">=")
    ran = {numbers(row["python"])[:2] for row in ROWS}

    assert min(ran) == numbers(oldest)
    assert len(ran) > 1
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text()


def test_it_names_no_place_of_the_machine_that_made_it():
    assert not re.search(r"(?<![\w.])/\w+/\w+|https?://", PAGE.read_text())
