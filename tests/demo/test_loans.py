"""The simulated loans: the same on every machine, and wrong in one place when asked to be."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "make_loans.py"))
FILES, simulate, write_loans = (EXAMPLE[name] for name in ("FILES", "simulate", "write_loans"))


@pytest.fixture(scope="module")
def loans() -> pd.DataFrame:
    return simulate(2000)


def test_the_same_seed_gives_the_same_loans(loans):
    pd.testing.assert_frame_equal(simulate(2000), loans)
    assert not simulate(2000, seed=1).equals(loans)


def test_values_are_missing_everywhere_but_in_the_outcome(loans):
    missing = loans.isna().mean()

    assert missing["default"] == 0
    assert missing.drop("default").between(0.005, 0.2).all()


def test_about_one_loan_in_five_is_not_paid_back(loans):
    assert 0.15 < loans["default"].mean() < 0.25


def test_scores_of_today_know_the_outcome_and_nothing_else_differs(loans):
    late = simulate(2000, scores_of_today=True)
    bad = loans["default"] == 1
    score = "credit_score"

    pd.testing.assert_frame_equal(late.drop(columns=score), loans.drop(columns=score))
    pd.testing.assert_series_equal(late.loc[~bad, score], loans.loc[~bad, score])
    assert late.loc[bad, score].mean() < loans.loc[bad, score].mean() - 100


def test_files_are_written_as_the_story_needs_them(tmp_path):
    write_loans(tmp_path / "data")

    assert {path.name for path in (tmp_path / "data").iterdir()} == set(FILES)
    for name, (first, end, _) in FILES.items():
        assert len(pd.read_csv(tmp_path / "data" / name)) == end - first
