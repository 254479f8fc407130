"""The pages of the catalogue: plain values into HTML, by the templates beside this module.

Every text that stands in a page may be hostile. All of it is escaped and made visible (control,
zero-width and bidirectional characters), and a page allows no script, style or picture but the
site's own. Only the charts and the filters here make markup.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from urllib.parse import quote, urlsplit

import jinja2
from markupsafe import Markup

from gitmodelstore.lean import Any, NamedTuple, cached_property, dataclass
from gitmodelstore.values import tables
from gitmodelstore.values.events import Event, as_typed
from gitmodelstore.values.names import format_moment
from gitmodelstore.values.tables import (
    counted,
    day,
    difference,
    moment,
    name_of,
    number,
    state,
    visible,
)

_HERE = Path(__file__).parent
STATIC = ("static/icon.svg", "static/site.css", "static/site.js")
_MOST_COLUMNS = 6  # metrics in the table of versions
_MOST_CURVES = 12
_MOST_ROWS = 200  # of a long table that are laid out before somebody wants all

Document = Mapping[str, Any]


# What the pages are about.


class VersionLine(NamedTuple):
    """One version as lists show it; `fault` says why the rest is not known, None if it is."""

    version: str
    status: str
    fault: str | None = None
    created_at: datetime | None = None
    author: str = ""
    message: str = ""
    algorithm: str = ""
    task: str | None = None
    parent: str | None = None
    metrics: Mapping[str, float] = {}
    commit: str = ""
    oid: str = ""  # of its manifest


@dataclass(frozen=True)
class ModelFacts:
    """One model.

    Attributes:
        name: its name.
        lines: its versions, highest first.
        events: what happened to it, newest first.
        periods: who had an exclusive status and when, oldest first.
        live: the exclusive status that matters most, such as "production"; None without one.
        headline: the metric that stands for the model; None if no version has any.
    """

    name: str
    lines: tuple[VersionLine, ...]
    events: tuple[Event, ...]
    periods: tuple[Period, ...]
    live: str | None
    headline: str | None

    @cached_property
    def by_time(self) -> tuple[VersionLine, ...]:
        """The versions that can be read, in the order in which they were registered."""
        dated = [
            (line.created_at, at, line)
            for at, line in enumerate(reversed(self.lines))
            if line.created_at is not None
        ]
        return tuple(line for _, _, line in sorted(dated, key=lambda one: one[:2]))

    @cached_property
    def holder(self) -> Period | None:
        """Who has the live status now, since when; None if nobody has."""
        now = (one for one in self.periods if one.until is None and one.status == self.live)
        return next(now, None)

    def line(self, version: str) -> VersionLine | None:
        return self._by_version.get(version)

    @cached_property
    def _by_version(self) -> dict[str, VersionLine]:
        return {line.version: line for line in self.lines}

    @cached_property
    def shown(self) -> VersionLine:
        """The version that the list of models shows: the live one, otherwise the highest."""
        live = self.line(self.holder.version) if self.holder else None
        return live or self.lines[0]

    @property
    def statuses(self) -> list[str]:
        return sorted({line.status for line in self.lines})

    @cached_property
    def metrics(self) -> list[str]:
        """Every metric of a version, the headline first, then as often as it was recorded."""
        counts: dict[str, int] = {}
        for line in self.lines:
            for name in line.metrics:
                counts[name] = counts.get(name, 0) + 1
        return sorted(counts, key=lambda name: (name != self.headline, -counts[name], name))

    def values(self, metric: str) -> list[float | None]:
        return [line.metrics.get(metric) for line in self.by_time]

    def points(self, metric: str) -> list[Point]:
        return [
            Point(line.version, line.created_at, line.status, line.metrics.get(metric))
            for line in self.by_time
            if line.created_at is not None
        ]


class EventFacts:
    """What the filters of the page of all events offer."""

    def __init__(self) -> None:
        self.count = 0
        self.models: set[str] = set()
        self.kinds: set[str] = set()

    def add(self, event: Document) -> None:
        self.count += 1
        self.models.add(event["model"])
        self.kinds.add(event["kind"])


class Head(NamedTuple):
    """The commit that the catalogue shows, and when it counts from."""

    commit: str
    when: datetime


# Filters: how values stand in a page.


def _multiline(text: str) -> Markup:
    """Return text with its own line ends, escaped."""
    return Markup("\n").join(visible(line) for line in text.split("\n"))


def _plain_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pairs(annotations: Document) -> str:
    return ", ".join(
        f"{key} removed" if value is None else f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in annotations.items()
    )


def _script(value: Any) -> Markup:
    """Return JSON for a script element, which no text in it can close."""
    text = json.dumps(value, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - without any sign that HTML knows


_SSH = re.compile(r"(?:ssh://)?[A-Za-z0-9_.-]+@([A-Za-z0-9.-]+)(?::[0-9]+/|[:/])([^\s:?#]+)")
# Where hosts show a commit, and a file as it was then.
_SHOWN_AT = (
    ("github.com", "/commit/", "/blob/"),
    ("codeberg.org", "/commit/", "/src/commit/"),
    ("gitlab.com", "/-/commit/", "/-/blob/"),
    ("bitbucket.org", "/commits/", "/src/"),
)


def web_address(url: str | None) -> str | None:
    """Return the https or http address of a repository; None of what is not on the web.

    >>> web_address("git@github.com:acme/churn.git")
    'https://github.com/acme/churn'
    >>> web_address("javascript:alert(1)")
    """
    if url is None or not url.isprintable():
        return None
    by_ssh = _SSH.fullmatch(url)
    text = f"https://{by_ssh[1]}/{by_ssh[2].lstrip('/')}" if by_ssh else url
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return quote(text.removesuffix(".git"), safe=":/?#[]!$&'()*+,;=%~-._")


def commit_address(url: str | None, commit: str | None, path: str | None = None) -> str | None:
    """Return where the host of a repository shows a commit, or a file; None if unknown.

    >>> commit_address("https://github.com/acme/churn", "c0ffee", "train.py")
    'https://github.com/acme/churn/blob/c0ffee/train.py'
    """
    address = web_address(url)
    if address is None or commit is None:
        return None
    host = urlsplit(address).hostname or ""
    for name, of_commit, of_file in _SHOWN_AT:
        if host == name or host.startswith(f"{name.partition('.')[0]}."):
            place = f"{of_commit}{commit}" if path is None else f"{of_file}{commit}/{quote(path)}"
            return f"{address.rstrip('/')}{place}"
    return None


def event_text(event: Event) -> str:
    """Return what happened, as `promoted to production` or `approved for staging`."""
    if event.approved_for is not None:
        return f"approved for {event.approved_for}"
    if event.annotations:
        return f"annotated: {as_typed(event.annotations)}"
    if event.after not in (None, event.kind):
        return f"{event.kind.replace('-', ' ')} to {event.after}"
    return event.kind


def _shown(value: Any) -> Any:
    return visible(value) if type(value) is str else value


@dataclass
class _Renderer:
    """The templates, read once."""

    release: str

    @cached_property
    def environment(self) -> jinja2.Environment:
        made = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            auto_reload=False,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        made.filters.update(
            day=day, moment=moment, name_of=name_of, number=number, state=tables.state,
            size=tables.size, counted=counted, multiline=_multiline, json=_plain_json, pairs=_pairs,
            script=_script, iso=format_moment, event=event_text,
        )  # fmt: skip
        made.globals.update(
            release=self.release, difference=difference, web_address=web_address,
            commit_address=commit_address, profile=profile, sparkline=sparkline,
            curve=curve, places=places,
        )  # fmt: skip
        return made

    @cached_property
    def macros(self) -> Any:
        return self.environment.get_template("macros.html").module

    def render(self, template: str, **values: Any) -> bytes:
        return str(self.environment.get_template(template).render(**values)).encode()


_renderer = lru_cache(maxsize=1)(_Renderer)  # compiling a page takes longer than filling it


class Pages:
    """Makes the pages of one release."""

    def __init__(self, release: str) -> None:
        self._renderer = _renderer(release)

    @cached_property
    def digest(self) -> str:
        """What the pages depend on besides what they show: release, templates, code."""
        files = sorted(path for path in _HERE.rglob("*") if path.suffix in _OURS)
        digest = hashlib.sha256(self._renderer.release.encode())
        for path in files:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def index(self, models: Sequence[ModelFacts], head: Head) -> bytes:
        """Return the page of all models."""
        return self._renderer.render("index.html", root="", models=models, head=head)

    def model(self, model: ModelFacts) -> bytes:
        """Return the page of one model."""
        curves = model.metrics[:_MOST_CURVES]
        return self._renderer.render(
            "model.html",
            root="../../",
            model=model,
            columns=model.metrics[:_MOST_COLUMNS],
            curves=curves,
            shaded=[one for one in model.periods if one.status == model.live],
            data={
                "periods": [
                    [one.version, one.status, one.since.timestamp(),
                     one.until.timestamp() if one.until else None, name_of(one.who), one.why or ""]
                    for one in model.periods
                ],
                "curves": {name: places(model.points(name)) for name in curves},
            },
        )  # fmt: skip

    def version(
        self,
        model: ModelFacts,
        line: VersionLine,
        events: Sequence[Event],
        document: Mapping[str, Any] | None,
        signatures: Sequence[Mapping[str, Any]],
        annotations: Mapping[str, Any],
    ) -> bytes:
        """Return the page of one version; `document` is its manifest, None if it is not read."""
        parent = model.line(line.parent) if line.parent else None
        return self._renderer.render(
            "version.html",
            root="../../",
            model=model,
            line=line,
            manifest=document,
            parent=parent,
            events=events,
            signatures=signatures,
            annotations=annotations,
            profiles=_profiles(document),
        )

    def compare(self, models: Sequence[ModelFacts], head: Head) -> bytes:
        """Return the page that compares two versions, whose data it loads when they are chosen."""
        listed = {
            one.name: [[line.version, line.status] for line in one.lines if line.fault is None]
            for one in models
        }
        return self._renderer.render("compare.html", root="", data=listed, models=models, head=head)

    def event_row(self, event: Document, at: int, *, in_zip: bool = False) -> Markup:
        """Return an event, as events.json has it, as a row of the page of all events."""
        return Markup(self._renderer.macros.event_row(event, at >= _MOST_ROWS, in_zip))  # noqa: S704 - of a template

    def version_row(self, version: Document) -> Markup:
        """Return a version, as audit.json has it, as a row of the page in an audit."""
        return Markup(self._renderer.macros.version_row(version))  # noqa: S704 - likewise

    def audit(
        self,
        rows: Iterable[str],
        facts: EventFacts,
        *,
        head: Head | None = None,
        faults: Sequence[str] = (),
        unverified: str | None = None,
        summary: Document | None = None,
        versions: Iterable[str] = (),
    ) -> Iterator[bytes]:
        """Yield the page of all events; of one model in an audit, where `summary` is audit.json.

        Rows are those of `event_row` and `version_row`.
        """
        template = self._renderer.environment.get_template("audit.html")
        parts = template.stream(
            root="", rows=rows, count=facts.count, models=sorted(facts.models),
            kinds=sorted(facts.kinds), head=head, faults=faults, unverified=unverified,
            summary=summary, versions=versions, most_rows=_MOST_ROWS,
        )  # fmt: skip
        parts.enable_buffering(100)
        return (part.encode() for part in parts)


def as_row(line: bytes) -> Markup:
    """Return a row of a page as it was read again from where it was kept."""
    return Markup(line.decode())  # noqa: S704 - `event_row` or `version_row` made it


_OURS = (".html", ".css", ".js", ".svg", ".py")


def static(name: str) -> bytes:
    """Return one of the files in STATIC."""
    return (_HERE / name).read_bytes()


def compare_data(model: str, version: str, document: Mapping[str, Any]) -> bytes:
    """Return the script that hands the page of comparisons what the manifest of a version says."""
    facts = dict(_flat(document))
    return f"compared({_script([model, version, facts])});\n".encode()


def _profiles(document: Mapping[str, Any] | None) -> dict[str, list[Mapping[str, Any]]]:
    """Return the profiles of each column in all data sets, which are drawn on one scale."""
    profiles: dict[str, list[Mapping[str, Any]]] = {}
    for dataset in document["data"] if document else ():
        for column in dataset["columns"] or ():
            if column["profile"]:
                profiles.setdefault(column["name"], []).append(column["profile"])
    return profiles


# What names an item of a list in the manifest, so that the same items are compared.
_NAMED_BY = ("role", "name", "path")


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of a manifest with its path, items of lists by their names."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path} › {key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        for at, one in enumerate(value):
            name = next((one[key] for key in _NAMED_BY if one.get(key)), None)
            yield from _flat(one, f"{path} › {at + 1 if name is None else name}")
    else:
        yield path, value


# Charts as inline SVG. Coordinates only: colours and line widths are the style sheet's, by class,
# because the pages forbid style attributes. What a chart says, the page says in words or in a table
# beside it.


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
