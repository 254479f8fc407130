"""Charts as inline SVG: a metric over versions, its sparkline, and the profile of a column.

Coordinates only: colours and line widths are the style sheet's, by class, because the pages forbid
style attributes. What a chart says, the page says in words or in a table beside it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from markupsafe import Markup

from gitmodelstore.lean import Any, NamedTuple
from gitmodelstore.values.tables import day, number, state, visible


class Point(NamedTuple):
    """One version in a chart: what is written at it, and its value; None without one."""

    version: str
    when: datetime
    status: str
    value: float | None

    @property
    def label(self) -> str:
        value = "not recorded" if self.value is None else number(self.value)
        return f"{self.version}: {value}, {day(self.when)}, {state(self.status)}"


class Period(NamedTuple):
    """How long a version had an exclusive status; `until` is None as long as it has it."""

    version: str
    status: str
    since: datetime
    until: datetime | None
    who: str
    why: str | None
    is_rollback: bool


# The sparkline of the list of models.

_SPARK = (120, 32, 3)  # width, height, margin
_MOST_IN_SPARK = 60  # versions: more cannot be told apart


def sparkline(values: Sequence[float | None]) -> Markup:
    """Return the course of a metric, the latest value as a dot; empty for less than two values."""
    known = [value for value in values if value is not None][-_MOST_IN_SPARK:]
    if len(known) < 2:
        return Markup()
    width, height, margin = _SPARK
    scale = _Scale.of(known, height - margin, margin)
    step = (width - 2 * margin) / (len(known) - 1)
    points = [(margin + at * step, scale.y(value)) for at, value in enumerate(known)]
    x, y = points[-1]
    return Markup(  # noqa: S704 - numbers
        f'<svg class="spark" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<polyline points="{_path(points)}"/><circle cx="{x:.4g}" cy="{y:.4g}" r="2.5"/></svg>'
    )


# The curve of one metric.

_CURVE = (640, 220)
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 16, 16, 34
_MOST_DOTS = 150  # beyond, a dot for each version would only hide the line
_LABELS = 6  # below the axis


def curve(points: Sequence[Point], periods: Sequence[Period]) -> Markup:
    """Return a metric over versions in the order in which they were registered.

    The periods of `periods` are shaded and each rollback is marked. Between two versions the axis
    is time, so a period begins at its true date.
    """
    width, height = _CURVE
    known = [point.value for point in points if point.value is not None]
    if not known:
        return Markup()
    scale = _Scale.of(known, height - _BOTTOM, _TOP)
    axis = _Axis([point.when for point in points], periods)
    parts = [
        *_grid(scale),
        *_shades(periods, axis),
        *_line(points, axis, scale),
        *_names(points, axis),
    ]
    return Markup(  # noqa: S704 - numbers, versions and statuses, whose characters are ruled
        f'<svg class="curve" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def places(points: Sequence[Point]) -> list[list[object]]:
    """Return of each version where it stands in the curve, from 0 to 1, and what is said there."""
    axis = _Axis([point.when for point in points])
    known = [point.value for point in points if point.value is not None]
    if not known:
        return []
    scale = _Scale.of(known, _CURVE[1] - _BOTTOM, _TOP)
    return [
        [
            round(axis.x(at) / _CURVE[0], 4),
            round(scale.y(point.value) / _CURVE[1], 4),
            point.label,
        ]
        for at, point in enumerate(points)
        if point.value is not None
    ]


class _Scale(NamedTuple):
    """From values to heights."""

    low: float
    high: float
    bottom: float
    top: float

    @classmethod
    def of(cls, values: Sequence[float], bottom: float, top: float) -> _Scale:
        low, high = float(min(values)), float(max(values))
        if low == high:
            room = abs(low) * 0.1 or 1.0
            low, high = low - room, high + room
        return cls(low, high, bottom, top)

    def y(self, value: float) -> float:
        # Halves first: the difference of two finite numbers need not be finite.
        reach = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / reach if reach else 0.5
        return self.bottom - share * (self.bottom - self.top)


class _Axis:
    """From versions and times to places from left to right."""

    def __init__(self, times: Sequence[datetime], periods: Iterable[Period] = ()) -> None:
        # A manifest of an earlier date than that of the version before it makes the axis wait.
        self._times = list(accumulate((when.timestamp() for when in times), max))
        moments = [one for period in periods for one in (period.since, period.until) if one]
        self._latest = max((one.timestamp() for one in moments), default=0.0)
        self._step = (_CURVE[0] - _LEFT - _RIGHT) / len(times)

    def x(self, at: float) -> float:
        return _LEFT + (at + 0.5) * self._step

    def of(self, when: datetime | None) -> float:
        """Return the place of a moment: between two versions by time; None is the right edge."""
        if when is None:
            return _CURVE[0] - _RIGHT
        seconds = when.timestamp()
        at = bisect_right(self._times, seconds) - 1
        if at < 0:
            return float(_LEFT)
        if at + 1 == len(self._times):  # up to the last event, and some room behind it
            gap = max(self._latest - self._times[at], 1.0)
            return self.x(at + 0.35 * (seconds - self._times[at]) / gap)
        gap = self._times[at + 1] - self._times[at]
        return self.x(at + (seconds - self._times[at]) / gap)


def _grid(scale: _Scale) -> Iterator[str]:
    right = _CURVE[0] - _RIGHT
    for share in (0.0, 0.5, 1.0):
        value = scale.low * (1 - share) + scale.high * share
        y = scale.y(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.4g}" y2="{y:.4g}"/>'
        yield f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.4g}">{number(float(value), 4)}</text>'


def _shades(periods: Iterable[Period], axis: _Axis) -> Iterator[str]:
    top, bottom = _TOP - 8, _CURVE[1] - _BOTTOM
    for odd, period in enumerate(periods):
        left, right = axis.of(period.since), axis.of(period.until)
        until = f"until {day(period.until)}" if period.until else "until now"
        words = f"{period.version} {state(period.status)} from {day(period.since)} {until}"
        kind = "shade odd" if odd % 2 else "shade"
        yield (
            f'<rect class="{kind}" x="{left:.5g}" y="{top}" width="{max(1, right - left):.5g}" '
            f'height="{bottom - top}"><title>{words}</title></rect>'
        )
        if period.is_rollback:
            yield (
                f'<g class="rollback"><title>rolled back to {period.version} on '
                f'{day(period.since)}</title><line x1="{left:.5g}" x2="{left:.5g}" y1="{top}" '
                f'y2="{bottom}"/><text x="{left:.5g}" y="{top + 10}">↩</text></g>'
            )


def _line(points: Sequence[Point], axis: _Axis, scale: _Scale) -> Iterator[str]:
    drawn = [
        (axis.x(at), scale.y(point.value), point)
        for at, point in enumerate(points)
        if point.value is not None
    ]
    yield f'<polyline class="course" points="{_path((x, y) for x, y, _ in drawn)}"/>'
    if len(drawn) > _MOST_DOTS:
        return
    for x, y, point in drawn:
        yield (
            f'<circle class="dot" cx="{x:.5g}" cy="{y:.5g}" r="4"><title>{point.label}</title>'
            "</circle>"
        )


def _names(points: Sequence[Point], axis: _Axis) -> Iterator[str]:
    last = len(points) - 1
    shown = sorted({round(last * at / (_LABELS - 1)) for at in range(_LABELS)} if last else {0})
    for at in shown:
        name = points[at].version
        name = name if len(name) <= 12 else f"{name[:11]}…"
        yield f'<text class="name" x="{axis.x(at):.5g}" y="{_CURVE[1] - 12}">{name}</text>'


def _path(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.5g},{y:.5g}" for x, y in points)


# The profile of a column: what the manifest has of it, which is no histogram but its quantiles.

_PROFILE = (160, 28)
_QUANTILES = ("p25", "p50", "p75")
_MOST_BARS = 20


def profile(of: Mapping[str, Any] | None, beside: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the distribution of a column: shares as bars, numbers as a box from p25 to p75.

    `beside` are the profiles of the same column in all data sets, which share the scale.
    """
    if of is None:
        return Markup()
    shares = _shares(of)
    if shares:
        return _bars(shares)
    numbers = _numbers(of)
    if numbers is None:
        return Markup()
    return _box(numbers, [numbers, *filter(None, map(_numbers, beside))])


class _Quantiles(NamedTuple):
    low: float
    middle: float
    high: float
    mean: float
    spread: float


def _numbers(profile: Mapping[str, Any]) -> _Quantiles | None:
    values = [profile.get(name) for name in (*_QUANTILES, "mean", "std")]
    numbers = [float(one) for one in values if isinstance(one, (int, float))]
    if len(numbers) == len(values) and all(map(math.isfinite, numbers)):
        return _Quantiles(*numbers)
    return None


def _shares(profile: Mapping[str, Any]) -> list[tuple[str, float]]:
    values = profile.get("values")
    if not isinstance(values, Mapping):
        values = {"true": profile["true"]} if type(profile.get("true")) is float else {}
    return [
        (str(name), float(share))
        for name, share in list(values.items())[:_MOST_BARS]
        if type(share) in (int, float) and 0 <= share <= 1
    ]


def _bars(shares: Sequence[tuple[str, float]]) -> Markup:
    width, height = _PROFILE
    step = width / max(len(shares), 4)
    most = max(share for _, share in shares) or 1.0
    bars = Markup().join(
        Markup(
            '<rect x="{:.5g}" y="{:.5g}" width="{:.5g}" height="{:.5g}"><title>{}</title></rect>'
        ).format(
            at * step,
            height - 26 * share / most,
            max(1.0, step - 2),
            max(1.0, 26 * share / most),
            f"{visible(name)}: {100 * share:.3g} %",
        )
        for at, (name, share) in enumerate(shares)
    )
    return Markup('<svg class="profile" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        width, height, bars
    )


def _box(of: _Quantiles, others: Sequence[_Quantiles]) -> Markup:
    width, height = _PROFILE
    lows = [min(one.low, one.mean - one.spread) for one in others]
    highs = [max(one.high, one.mean + one.spread) for one in others]
    low, high = min(lows), max(highs)
    if not (math.isfinite(low) and math.isfinite(high - low) and high > low):
        return Markup()

    def x(value: float) -> float:
        return 2 + (width - 4) * (value - low) / (high - low)

    middle = height / 2
    words = f"mean {of.mean:.4g}, spread {of.spread:.4g}; a quarter below {of.low:.4g}, "
    words += f"half below {of.middle:.4g}, three quarters below {of.high:.4g}"
    return Markup(
        '<svg class="profile" viewBox="0 0 {} {}" aria-hidden="true"><title>{}</title>'
        '<line class="reach" x1="{:.5g}" x2="{:.5g}" y1="{}" y2="{}"/>'
        '<rect x="{:.5g}" y="6" width="{:.5g}" height="{}"/>'
        '<line class="median" x1="{:.5g}" x2="{:.5g}" y1="4" y2="{}"/></svg>'
    ).format(
        width, height, words,
        x(max(low, of.mean - of.spread)), x(min(high, of.mean + of.spread)), middle, middle,
        x(of.low), max(1.0, x(of.high) - x(of.low)), height - 12,
        x(of.middle), x(of.middle), height - 4,
    )  # fmt: skip
