"""What `gms verify` and an audit print."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values.events import APPROVED, REGISTERED
from gitmodelstore.values.names import DIFFERENT, WITHIN
from gitmodelstore.values.tables import ABBREVIATED, Paint, counted, cut, number, visible

if TYPE_CHECKING:
    from gitmodelstore.estimators.replay import Comparison, Replay, Retested
    from gitmodelstore.operations.verify import Signature, Verification, Verified

_MOST_ROWS = 5  # shown of a method; --json has them all
_MOST_ANSWER = 40  # characters


def verification_lines(
    verification: Verification, paint: Paint, *, replayed: bool = False
) -> Iterator[str]:
    """Yield the lines of `gms verify`; if `replayed`, a missing sample is named."""
    for version in verification.versions:
        yield from _lines(version, replayed, paint)
    yield from (paint.red(visible(fault)) for fault in verification.faults)


def _lines(version: Verified, replayed: bool, paint: Paint) -> Iterator[str]:
    parts = [f"{counted(version.files, 'file')} verified"]
    if version.faults:
        parts = [paint.red(counted(len(version.faults), "fault"))]
    elif version.unloaded is not None:
        parts.append(paint.yellow("cannot be loaded here"))
    elif version.replay is not None:
        parts.append(outcome_of(version.replay, paint))
    elif replayed:
        parts.append("no sample to replay")
    yield f"{paint.bold(str(version))}  {', '.join(parts)}"
    yield from (f"  {visible(fault)}" for fault in version.faults)
    if version.unloaded is not None:
        yield f"  {visible(version.unloaded)}"
        if version.unloaded.hint:
            yield f"  hint: {visible(version.unloaded.hint)}"
    if version.replay is not None:
        yield from replay_lines(version.replay)
    yield from _metrics(version.metrics or (), paint)
    yield from _signatures(version.signatures or (), paint)


def outcome_of(replay: Replay, paint: Paint) -> str:
    if replay.outcome == DIFFERENT:
        return paint.red("answers different")
    if replay.outcome == WITHIN:
        return f"answers within tolerance (largest difference {_largest(replay)})"
    return "answers identical"


def _largest(of: Replay | Comparison) -> str:
    absolute, relative = number(of.largest_absolute, 3), number(of.largest_relative, 3)
    return f"{absolute}, relative {relative}"


def replay_lines(replay: Replay) -> Iterator[str]:
    if replay.why:
        yield f"  it cannot answer here: {visible(replay.why)}"
    for one in replay.comparisons:
        if one.why:
            yield f"  {one.method}: {visible(one.why)}"
        elif one.outcome == DIFFERENT:
            rows = f"{len(one.rows)} of {counted(replay.rows, 'row')}"
            largest = f", largest difference {_largest(one)}" if one.largest_absolute else ""
            yield f"  {one.method}: {rows}{largest}"
            yield from _rows(one)


def _rows(one: Comparison) -> Iterator[str]:
    for row in one.rows[:_MOST_ROWS]:
        recorded, present = _answer(row.recorded), _answer(row.present)
        yield f"    row {row.row}: recorded {recorded}, now {present}"
    if len(one.rows) > _MOST_ROWS:
        yield f"    … and {len(one.rows) - _MOST_ROWS} more"


def _answer(value: Any) -> str:
    if isinstance(value, list):
        return cut(f"[{', '.join(map(_answer, value))}]", _MOST_ANSWER)
    return number(value) if isinstance(value, float) else cut(visible(str(value)), _MOST_ANSWER)


def _metrics(metrics: tuple[Retested, ...], paint: Paint) -> Iterator[str]:
    for metric in metrics:
        present = "not defined" if metric.present is None else number(metric.present)
        outcome = "same" if metric.is_same else paint.red("different")
        yield f"  {metric.name}: recorded {number(metric.recorded)}, now {present}, {outcome}"


def _signatures(signatures: Sequence[Signature], paint: Paint) -> Iterator[str]:
    """Yield a line for each signature of a version: whose it is, or why it does not count."""
    for one in signatures:
        outcome = visible(str(one.outcome))
        if one.outcome.is_valid:
            yield f"  {_what(one)}: {outcome}"
        elif one.is_needed:
            yield f"  {_what(one)}: {paint.red(outcome)} [{one.outcome.code}]"
        else:
            yield f"  {_what(one)}: does not count: {outcome} [{one.outcome.code}]"


def _what(one: Signature) -> str:
    if one.status is None:
        return f"tag {one.name}"
    commit = one.name[:ABBREVIATED]
    if one.kind == REGISTERED:
        return f"registered by {commit}"
    if one.kind == APPROVED:
        return f"approved for {visible(one.status)} by {commit}"
    return f"moved to {visible(one.status)} by {commit}"


# How an audit reads: a page for a browser, and a table for a spreadsheet.

Document = Mapping[str, Any]

EVENT_COLUMNS = (
    "when", "model", "version", "kind", "before", "after", "who", "why", "replay", "override",
    "approved_for", "annotations", "commit", "policy", "signature", "signers", "clock",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t")  # what a spreadsheet would compute
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 0.875rem }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem; border-bottom: 1px solid }
th { white-space: nowrap }
code { overflow-wrap: anywhere }
.bad { font-weight: bold; color: #b00020 }
"""
_FILES = (
    ("events.csv", "every event, for a spreadsheet; a ' stands before what it would compute"),
    ("events.json", "the same, for programs"),
    ("audit.json", "what this page says, for programs"),
    ("registry.json", "the status of every version at the end, as the store has it"),
    ("policies/", "each modelstore.toml that was in force, named by its git blob id"),
    ("versions/", "of each version manifest.json, what it is made of, and README.md, its card"),
    ("SHA256SUMS", "the SHA-256 of every other file"),
)
_CHECK = (
    "In this folder, <code>sha256sum -c SHA256SUMS</code> says whether a file was changed. In a "
    "clone of the store, <code>git show COMMIT</code> shows each commit, "
    "<code>git cat-file blob ID</code> each policy, and <code>gms audit</code> at the same commit, "
    "with the same list of allowed signers, writes the same bytes."
)


def events_head(columns: Sequence[str] = EVENT_COLUMNS) -> bytes:
    """Return the heads of the columns of events as CSV; a mark says to spreadsheets: UTF-8."""
    return _csv(columns).encode("utf-8-sig")


def event_cells(event: Document, columns: Sequence[str] = EVENT_COLUMNS) -> bytes:
    """Return an event as a line of CSV (RFC 4180)."""
    signature = event["signature"]
    row = {**event, "signature": signature["state"], "signers": signature["signers"]}
    return _csv(_cell(row[column]) for column in columns).encode()


def _csv(cells: Iterable[str]) -> str:
    import csv

    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def audit_page(
    summary: Document, events: Iterator[bytes], versions: Iterator[bytes]
) -> Iterator[bytes]:
    """Yield the page about one model: the content of audit.json, and `event_row`, `version_row`."""
    head, since = summary["head"], summary["since"]
    scope = f"The events since {since}." if since else "Every event from the first."
    title = f"Audit of {_text(summary['model'])}"
    top = [
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>',
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>',
        f"<h1>{title}</h1>",
        f"<p>The model store as of commit <code>{head['commit']}</code> of "
        f"{_text(summary['branch'])}, {head['when']}. {scope} All times are UTC.</p>",
        *_faults(summary),
        *_state("At the end", head),
        *(_state(f"Before {since}", summary["before"]) if since else ()),
        "<h2>Events</h2>\n",
    ]
    yield "\n".join(top).encode()
    yield from _table(
        ("when", "version", "what", "who", "why", "signature", "policy", "commit"), events
    )
    yield b"<h2>Versions</h2>\n"
    yield from _table(
        ("version", "status", "registered", "by", "annotations", "signatures", "pipeline"), versions
    )
    end = [
        "<h2>Files</h2>",
        "<ul>",
        *(f"<li><code>{name}</code>: {_text(what)}</li>" for name, what in _FILES),
        "</ul>",
        f"<p>{_CHECK}</p>",
        "</html>\n",
    ]
    yield "\n".join(end).encode()


def _faults(summary: Document) -> list[str]:
    why, faults = summary["signatures_unverified"], summary["faults"]
    lines = [f"<p>Signatures were not verified: {_text(why)}.</p>"] if why else []
    if faults:
        items = (f'<li class="bad">{_text(fault)}</li>' for fault in faults)
        lines += ["<h2>What could not be read</h2>", "<ul>", *items, "</ul>"]
    return lines


def _state(heading: str, state: Document | None) -> list[str]:
    lines = [f"<h2>{_text(heading)}</h2>"]
    if state is None:
        return [*lines, "<p>The store did not exist yet.</p>"]
    all_of_them = ", ".join(f"{number} {status}" for number, status in state["statuses"].items())
    holders = "; ".join(
        f"in {status}: {', '.join(numbers) or 'none'}"
        for status, numbers in state["holders"].items()
    )
    policy = _link(state["policy"]) if state["policy"] else "none: every move was allowed"
    return [
        *lines,
        f"<p>Commit <code>{state['commit']}</code> of {state['when']}. "
        f"<strong>{_text(holders)}</strong>. Versions: {_text(all_of_them or 'none')}. "
        f"Policy: {policy}.</p>",
    ]


def event_row(event: Document) -> bytes:
    """Return an event as a row of the page."""
    return _row(
        _when(event),
        _text(event["version"]),
        _event_line(event),
        _text(event["who"]),
        _text(event["why"] or ""),
        _signature(event["signature"]),
        _link(event["policy"]) if event["policy"] else "none",
        f"<code>{event['commit'][:12]}</code>",
    )


def _when(event: Document) -> str:
    if not event["clock"]:
        return str(event["when"])
    note = f"dated {event['clock']}, before its parent; counts as the date above"
    return f'{event["when"]}<br><span class="bad">{note}</span>'


def _event_line(event: Document) -> str:
    words = [event["kind"]]
    if event["approved_for"]:
        words.append(f"for {event['approved_for']}")
    elif event["annotations"]:
        words = [f"{event['kind']}: {_pairs(event['annotations'])}"]
    elif event["after"] not in (None, event["kind"]):
        words.append(f"to {event['after']}")
    if event["before"] and not event["approved_for"]:
        words.append(f"from {event['before']}")
    text = _text(" ".join(words))
    if event["replay"]:
        text += f"<br>replay: {_text(event['replay'])}"
    if event["override"]:
        text += f'<br><span class="bad">gate overridden: {_text(event["override"])}</span>'
    return text


def version_row(version: Document) -> bytes:
    """Return a version as a row of the page."""
    number, status = version["version"], _text(version["status"] or "")
    for fault in version["faults"]:
        status += f'<br><span class="bad">{_text(fault)}</span>'
    links = " ".join(_link(f"versions/{number}/{name}", name) for name in version["files"])
    signatures = "<br>".join(
        f"{_text(one['kind'])}: {_signature(one)}" for one in version["signatures"]
    )
    return _row(
        f"{_text(number)}<br>{links}",
        status,
        version["registered_at"] or "unknown",
        _text(version["who"] or "unknown"),
        _text(_pairs(version["annotations"])),
        signatures,
        f"<code>{version['pipeline_sha256'] or 'unknown'}</code>",
    )


def _signature(one: Document) -> str:
    by = f" by {', '.join(one['signers'])}" if one["signers"] else ""
    why = f" ({one['why']})" if one["why"] and one["why"] != one["state"] else ""
    return _text(f"{one['state']}{by}{why}")


def _pairs(annotations: Document) -> str:
    return ", ".join(
        f"{key} taken back" if value is None else f"{key} = {_json(value)}"
        for key, value in annotations.items()
    )


def _row(*cells: str) -> bytes:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n".encode()


def _table(heads: Iterable[str], rows: Iterator[bytes]) -> Iterator[bytes]:
    first = next(rows, None)
    if first is None:
        yield b"<p>None.</p>\n"
        return
    yield f"<table>\n<tr>{''.join(f'<th>{_text(head)}</th>' for head in heads)}</tr>\n".encode()
    yield first
    yield from rows
    yield b"</table>\n"


def _link(path: str, name: str | None = None) -> str:
    shown = name or path.partition("/")[2][:12]
    from html import escape

    return f'<a href="{escape(path)}">{_text(shown)}</a>'


def _text(text: str) -> str:
    from html import escape

    return escape(visible(text))


def _cell(value: Any) -> str:
    if value is None or value in ({}, []):
        return ""
    text = value if isinstance(value, str) else _json(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
