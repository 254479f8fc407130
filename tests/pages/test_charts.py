"""Charts: where points, periods and boxes lie."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from gitmodelstore import pages
from gitmodelstore.pages import Period, Point

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def points(*values: float | None) -> list[Point]:
    return [
        Point(f"1.{at}.0", START + timedelta(days=at), "registered", value)
        for at, value in enumerate(values)
    ]


def period(since: float, until: float | None, *, is_rollback: bool = False) -> Period:
    end = None if until is None else START + timedelta(days=until)
    return Period("1.0.0", "production", START + timedelta(days=since), end, "A", None, is_rollback)


def dots(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'cx="([^"]+)" cy="([^"]+)"', svg)]


def shades(svg: str) -> list[tuple[float, float]]:
    found = re.findall(r'class="shade[^"]*" x="([^"]+)" y="[^"]+" width="([^"]+)"', svg)
    return [(float(x), float(x) + float(width)) for x, width in found]


def test_higher_values_lie_higher_and_later_versions_to_the_right():
    (x1, y1), (x2, y2), (x3, y3) = dots(pages.curve(points(0.5, 0.9, 0.7), []))

    assert x1 < x2 < x3
    assert y2 < y3 < y1
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.1)


def test_a_period_begins_between_the_versions_between_which_it_began():
    svg = pages.curve(points(1.0, 2.0, 3.0), [period(0.5, 1.5), period(2, None)])
    (x1, _), (x2, _), (x3, _) = dots(svg)
    (left, right), (last, end) = shades(svg)

    assert left == pytest.approx((x1 + x2) / 2, abs=0.1)
    assert right == pytest.approx((x2 + x3) / 2, abs=0.1)
    assert last == pytest.approx(x3)
    assert end > x3


def test_what_happened_after_the_last_version_is_told_apart():
    svg = pages.curve(points(1.0, 2.0), [period(0.5, 3), period(3, 9), period(9, None)])
    (first, middle, last), edge = shades(svg), 640 - 16

    assert dots(svg)[-1][0] < first[1] == pytest.approx(middle[0], abs=0.1)
    assert middle[1] - middle[0] > 30
    assert middle[1] == pytest.approx(last[0], abs=0.1)
    assert last[0] + 20 < last[1] == pytest.approx(edge, abs=0.1)


def test_a_rollback_is_marked_and_said():
    svg = pages.curve(points(1.0, 2.0), [period(0.5, None, is_rollback=True)])

    assert "<title>rolled back to 1.0.0 on 2026-01-01</title>" in svg


@pytest.mark.parametrize(
    "values",
    [(0.5,), (0.5, 0.5), (0, 0), (None, 1.0), (1e308, -1e308), (5e-324, 0.0), (1, 2, None, 3)],
)
def test_every_course_of_numbers_has_a_finite_curve(values):
    svg = pages.curve(points(*values), [period(0, 1)])

    assert len(dots(svg)) == len([value for value in values if value is not None])
    assert not re.search(r"nan|inf", re.sub("<title>.*?</title>", "", svg))
    assert len(pages.places(points(*values))) == len(dots(svg))


def test_without_any_value_there_is_no_chart():
    assert pages.curve(points(None, None), []) == ""
    assert pages.places(points(None)) == []
    assert pages.sparkline([None, 1.0]) == ""


def test_versions_of_one_moment_and_dates_that_go_back_have_places():
    same = [Point(f"1.{at}.0", START, "registered", float(at)) for at in range(3)]
    back = points(1.0, 2.0)[::-1]

    for of in (same, back):
        svg = pages.curve(of, [period(-1, 5)])
        assert sorted(dots(svg)) == dots(svg)
        assert shades(svg)[0][0] < dots(svg)[0][0]


def test_many_versions_have_a_line_and_no_dots():
    svg = pages.curve(points(*map(float, range(400))), [])

    assert dots(svg) == []
    assert len(re.search(r'points="([^"]+)"', svg)[1].split()) == 400
    assert 2 <= svg.count('class="name"') <= 6


def test_a_profile_is_bars_of_shares_or_a_box_of_quantiles():
    box = {"mean": 2.0, "std": 1.0, "p25": 1.5, "p50": 2.0, "p75": 2.5, "missing": 0}
    shares = pages.profile({"distinct": 2, "values": {"<a>": 0.25, "b": 0.75}}, [])

    assert shares.count("<rect") == 2
    assert "&lt;a&gt;: 25 %" in shares
    assert pages.profile({"true": 0.4, "missing": 0}, []).count("<rect") == 1
    assert 'class="median"' in pages.profile(box, [box])
    assert "half below 2," in pages.profile(box, [])


@pytest.mark.parametrize(
    "profile",
    [None, {}, {"missing": 3}, {"mean": "x", "std": None}, {"values": {"a": 7}}, {"values": 3},
     {"mean": 1.0, "std": 0.0, "p25": 1.0, "p50": 1.0, "p75": 1.0},
     {"mean": 1e308, "std": 1e308, "p25": -1e308, "p50": 0.0, "p75": 1e308}],
)  # fmt: skip
def test_what_is_no_distribution_has_no_chart(profile):
    assert pages.profile(profile, []) == ""


def test_data_sets_of_a_version_share_the_scale():
    low = {"mean": 0.0, "std": 1.0, "p25": -1.0, "p50": 0.0, "p75": 1.0}
    high = {**low, "mean": 9.0, "p25": 8.0, "p50": 9.0, "p75": 10.0}

    def box(of, beside):
        return float(re.search(r'<rect x="([^"]+)"', pages.profile(of, beside))[1])

    assert box(low, [low, high]) < 20
    assert box(high, [low, high]) > 110
