"""The population stability index of two profiles, beside that of the raw values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from gitmodelstore.lineage.profile import profile
from gitmodelstore.values.stability import Shift, shift


def of(before, after) -> Shift | None:
    one, other = pd.Series(before), pd.Series(after)
    return shift(profile(one), len(one), profile(other), len(other))


def raw(before, after, ends=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)) -> float:
    """The index of the values themselves, in bins that end at quantiles of the first."""
    edges = [-np.inf, *np.quantile(before, ends), np.inf]
    p, q = (np.histogram(held, edges)[0] / len(held) for held in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


@pytest.fixture
def chance():
    return np.random.default_rng(0)


class TestNumbers:
    @pytest.mark.parametrize("moved", [0.0, 0.1, 0.3, 0.5, 1.0])
    def test_a_moved_column_has_nearly_the_index_of_its_values(self, chance, moved):
        before, after = chance.normal(size=20_000), chance.normal(moved, size=20_000)

        found = of(before, after)

        assert found.psi == pytest.approx(raw(before, after), rel=0.15, abs=0.005)

    @pytest.mark.parametrize(
        ("moved", "level"), [(0.0, "stable"), (0.4, "moderate"), (1.0, "major")]
    )
    def test_the_level(self, chance, moved, level):
        assert of(chance.normal(size=5000), chance.normal(moved, size=5000)).level == level

    def test_a_wider_column_has_shifted(self, chance):
        before, after = chance.normal(size=5000), chance.normal(scale=2, size=5000)

        expected = raw(before, after, (0.01, 0.25, 0.5, 0.75, 0.99))
        assert of(before, after).psi == pytest.approx(expected, rel=0.1)

    def test_the_same_column_has_not(self):
        X, _ = load_breast_cancer(return_X_y=True, as_frame=True)

        assert [of(X[name], X[name]).psi for name in X] == [0.0] * 30

    def test_halves_of_real_data_are_stable_but_for_chance(self):
        X, _ = load_diabetes(return_X_y=True, as_frame=True)
        shuffled = [X.sample(frac=1, random_state=seed) for seed in range(20)]

        found = [of(table[name][:221], table[name][221:]) for table in shuffled for name in X]

        assert len(found) == 200
        assert sum(one.level != "stable" for one in found) < 10

    def test_other_patients_are_not(self):
        X, y = load_breast_cancer(return_X_y=True, as_frame=True)

        assert of(X["mean radius"][y == 1], X["mean radius"][y == 0]).level == "major"

    def test_small_samples_differ_by_chance(self, chance):
        pairs = [of(chance.normal(size=60), chance.normal(size=40)) for _ in range(200)]

        assert sum(found.level != "stable" for found in pairs) < 20
        assert sum(found.psi > 0.1 for found in pairs) > 40

    def test_few_whole_numbers_shift_by_the_least_that_fits(self, chance):
        before = chance.poisson(1, 5000)

        assert of(before, chance.poisson(1, 5000)).psi == 0
        assert of(before, chance.poisson(3, 5000)).level == "major"

    def test_a_column_of_0_and_1_is_known_by_its_mean(self):
        before, after = np.arange(1000) % 10 < 6, np.arange(1000) % 10 < 4

        as_numbers = of(before.astype(int), after.astype(int))

        assert as_numbers.psi == pytest.approx(0.2 * np.log(1.5) * 2, rel=0.01)
        assert as_numbers.psi == pytest.approx(of(before, after).psi)

    def test_a_constant_that_becomes_another_one(self):
        assert of([1.5] * 100, [1.5] * 100).psi == 0
        assert of([1.5] * 100, [2.5] * 100).level == "major"

    def test_days_and_durations(self):
        days = pd.Series(pd.date_range("2026-01-01", periods=1000))

        assert of(days, days + pd.Timedelta(days=400)).level == "major"
        assert of(days - days[0], (days - days[0]) * 3).level == "major"
        assert of(days, days).psi == 0


class TestShares:
    def test_categories(self):
        before = pd.Series(["a"] * 500 + ["b"] * 500)
        after = pd.Series(["a"] * 300 + ["b"] * 700)

        expected = -0.2 * np.log(0.3 / 0.5) + 0.2 * np.log(0.7 / 0.5)
        assert of(before, after).psi == pytest.approx(expected, rel=0.01)

    def test_a_category_that_is_gone_is_finite_and_says_more_the_more_rows_there_are(self):
        def gone(rows: int) -> float:
            before = pd.Series((["a"] * 9 + ["b"]) * (rows // 10))
            return of(before, pd.Series(["a"] * rows)).psi

        assert 0 < gone(100) < gone(10_000) < 2

    def test_missing_values_have_a_bin_of_their_own(self, chance):
        before = pd.Series(chance.normal(size=1000))
        after = before.where(np.arange(1000) % 2 == 0)

        assert of(before, before).psi == 0
        assert of(before, after).level == "major"


@pytest.mark.parametrize(
    ("before", "rows", "after"),
    [
        (None, 100, {"missing": 0, "p50": 1.0}),
        ({"missing": 0}, 100, {"missing": 0}),
        ({"missing": 0, "distinct": 90}, 100, {"missing": 0, "distinct": 90}),
        ({"missing": 0, "p50": 1.0}, 0, {"missing": 0, "p50": 1.0}),
        ({"missing": 0, "p50": 1.0}, 100, {"missing": 0, "true": 0.5}),
        ({"missing": 0, "p50": 1.0}, 100, {"missing": 0, "p50": "2026-01-01", "unit": "s"}),
        ({"missing": 0, "p50": "-0044-03-15"}, 100, {"missing": 0, "p50": "2026-01-01"}),
    ],
)
def test_what_profiles_do_not_say_is_not_known(before, rows, after):
    assert shift(before, rows, after, 100) is None


def test_the_bounds():
    assert [Shift(psi, 0.0).level for psi in (0.0999, 0.1, 0.2499, 0.25)] == [
        "stable",
        "moderate",
        "moderate",
        "major",
    ]
    assert Shift(0.3, 0.31).level == "stable"
