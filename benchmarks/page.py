"""The page of results: its tables and charts are made anew, its text is left as it is.

A table stands between `<!-- table: SUITE -->` and `<!-- end -->`; after the name of a suite come
the beginnings of the lines that are wanted, separated by semicolons, if not all are; then without
those about memory.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks import charts
from benchmarks.measure import OURS, Line, Row
from benchmarks.results import lines

ACROSS = ("systems", "large", "growth", "disk")  # systems are columns; otherwise rows are below
BLOCK = re.compile(r"(<!-- table: ([\w-]+)(?:: ([^>]*))? -->\n).*?(<!-- end -->)", re.DOTALL)


def write(results: dict[str, Any], docs: Path) -> None:
    """Make the tables of docs/benchmarks.md and the charts beside it anew."""
    page = docs / "benchmarks.md"
    page.write_text(renewed(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    for name, chart in drawn(results).items():
        (docs / name).write_text(chart, encoding="utf-8")


def renewed(text: str, results: dict[str, Any]) -> str:
    """Return the page with the tables that the results give."""

    def table(match: re.Match[str]) -> str:
        suite, wanted = match[2], match[3]
        if suite == "machine":
            return f"{match[1]}\n{machine(results)}\n\n{match[4]}"
        found = lines(results, suite)
        if wanted:
            starts = [start.strip() for start in wanted.split(";")]
            lean = [line for line in found if not line.name.endswith("peak memory")]
            found = [line for start in starts for line in lean if line.name.startswith(start)]
        made = across(found) if suite in ACROSS else below(found)
        made = made if found else "Not measured in this run."
        return f"{match[1]}\n{made}\n\n{match[4]}"

    return BLOCK.sub(table, text)


def machine(results: dict[str, Any]) -> str:
    """Return where and when it was measured, and with which releases."""
    here, suites = results["machine"], results["suites"]
    libraries = ", ".join(f"{name} {number}" for name, number in here["libraries"].items())
    days = sorted({about["at"][:10] for about in suites.values()})
    loads = [about["load"] for about in suites.values()]
    peers: dict[str, Any] = {}
    for about in suites.values():
        peers |= about.get("peers", {})
    installed = [
        f"{one} {number}"
        for versions in peers.values()
        for one, number in sorted(versions.items())
        if here["libraries"].get(one) != number
    ]
    parts = [
        f"- {here['cpu']}, {here['cores']} cores, {here['memory_gb']} GB; {here['os']}, "
        f"Linux {here['kernel']}, {here['file_system']}; Python {here['python']}, "
        f"git {here['git']}, {here['git_lfs'] or 'no git-lfs'}.",
        f"- {libraries}" + "".join(f", {one}" for one in installed) + ".",
        f"- Measured on {' and '.join(days)}. Load average at the start of a suite: "
        f"{min(loads):g} to {max(loads):g}.",
    ]
    return "\n".join(parts)


# Tables


def across(found: list[Line]) -> str:
    """Return a table with a column for each system, and why it has no answer below."""
    systems = list(dict.fromkeys(row.system for line in found for row in line.rows))
    made = ["| | " + " | ".join(systems) + " |", "|---|" + "--:|" * len(systems)]
    reasons: dict[str, list[str]] = {}
    for line in found:
        rows = {row.system: row for row in line.rows}
        cells = [_cell(rows.get(system), line.unit) for system in systems]
        made.append(
            f"| {line.name} ({'MB' if line.unit == 'MB' else 'ms'}) | {' | '.join(cells)} |"
        )
        for row in line.rows:
            if not row.taken and row.note:
                reasons.setdefault(f"{row.system}: {row.note}", []).append(line.name)
    return "\n".join(made + _notes(reasons))


def _notes(reasons: dict[str, list[str]]) -> list[str]:
    if not reasons:
        return []
    return ["", "No answer:", "", *(f"- {one} ({_short(names)})" for one, names in reasons.items())]


def _short(names: list[str]) -> str:
    """Return the questions without how they were asked."""
    return ", ".join(dict.fromkeys(re.split("[,:]", name)[0] for name in names))


def below(found: list[Line]) -> str:
    """Return a table with a line for each question, and the ratio to each yardstick."""
    made = ["| | measured (ms, MB) | yardstick | ratio | reach |", "|---|--:|--:|--:|--:|"]
    for line in found:
        mine, *others = line.rows
        measured = f"{mine.system}: {_cell(mine, line.unit)}"
        reach = "" if line.reach is None else f"{line.reach:g}"
        for row in others:
            yardstick = f"{row.system}: {_cell(row, line.unit)}"
            ratio = _ratio(mine, row)
            first = line.name if row is others[0] else ""
            made.append(f"| {first} | {measured} | {yardstick} | {ratio} | {reach} |")
            reach = ""
    return "\n".join(made)


def _ratio(mine: Row, other: Row) -> str:
    """Return the ratio with its quartiles; that of the medians where no turns are pairs."""
    if other.ratio:
        return "{1:.2f} ({0:.2f} to {2:.2f})".format(*other.ratio)
    return f"{mine.taken[1] / other.taken[1]:.2f}" if mine.taken and other.taken else "–"


def _cell(row: Row | None, unit: str) -> str:
    """Return milliseconds or MB, and marks: `*` for noise, `†` for fewer turns."""
    if row is None or not row.taken:
        return "–"
    value = row.taken[1] * (1 if unit == "MB" else 1000)
    marked = "†" * (bool(row.note) and unit == "s")
    return f"{charts.number(value)}{'*' * row.is_noisy}{marked}"


# Charts


def drawn(results: dict[str, Any]) -> dict[str, str]:
    """Return the charts, by the names of their files."""
    small = {line.name: line for line in lines(results, "systems")}
    titles = {
        "register S, warm": "register, ms",
        "load S, again": "load again, ms",
        "promote, warm": "promote, ms",
        "list, cold": "list, as a command, ms",
    }
    panels = {title: _values(small[name], 1000) for name, title in titles.items() if name in small}
    disk: dict[str, dict[str, float]] = {}
    for line in lines(results, "disk"):  # who cannot pack stays as it is
        disk[line.name] = {**next(iter(disk.values()), {}), **_values(line, 1)}
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in lines(results, "growth"):
        if line.name.startswith("list, cold: "):
            count = float(line.name.split()[2].replace(",", ""))
            for name, value in _values(line, 1).items():
                curves.setdefault(name, []).append((count, value))
    return {
        "benchmarks-small.svg": charts.bars(
            "A pipeline of half a megabyte (logarithmic)", panels, OURS
        ),
        "benchmarks-disk.svg": charts.bars("MB on disk", disk, OURS),
        "benchmarks-growth.svg": charts.curves(
            "Listing the versions of a model, as a command: seconds by versions", curves, OURS
        ),
    }


def _values(line: Line, factor: float) -> dict[str, float]:
    return {row.system: row.taken[1] * factor for row in line.rows if row.taken}
