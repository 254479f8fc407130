"""The pages of the catalogue: plain values into HTML, by the templates beside this module.

Every text that stands in a page may be hostile. All of it is escaped and made visible (control,
zero-width and bidirectional characters), and a page allows no script, style or picture but the
site's own. Only charts.py and the filters here make markup.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, urlsplit

import jinja2
from markupsafe import Markup

from gitmodelstore.lean import Any, NamedTuple, cached_property, dataclass
from gitmodelstore.pages import charts
from gitmodelstore.pages.charts import Period, Point
from gitmodelstore.values import tables
from gitmodelstore.values.events import Event, as_typed
from gitmodelstore.values.names import format_moment
from gitmodelstore.values.tables import counted, day, difference, moment, name_of, number, visible

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
            commit_address=commit_address, profile=charts.profile, sparkline=charts.sparkline,
            curve=charts.curve, places=charts.places,
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
                "curves": {name: charts.places(model.points(name)) for name in curves},
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
