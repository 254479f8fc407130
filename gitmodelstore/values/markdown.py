"""Markdown that holds what others chose: names and values that cannot open anything in it.

Names and values stand in code spans or as character references; an author's own
Markdown stays Markdown, in a block quote, which nothing in it can close, and
without raw HTML.

Source: the GitHub Flavored Markdown spec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

WHERE = "`manifest.json`"  # where a reader finds what is cut here
_MOST_IN_CELL = 60  # characters


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], count: int, most_bytes: int) -> str:
    """Rows until `most_bytes` are used, and how many of `count` are left."""
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    shown = 0
    for row in rows:
        line = f"| {' | '.join(row)} |"
        most_bytes -= len(line.encode("utf-8")) + 1
        if most_bytes < 0:
            break
        lines.append(line)
        shown += 1
    rest = f"_… {count - shown:,} more in {WHERE}_"
    if not shown:
        return rest
    return "\n".join(lines) + (f"\n\n{rest}" if shown < count else "")


def listed(items: Iterable[str], count: int, most_bytes: int) -> str:
    """Items with commas until `most_bytes` are used, and how many of `count` are left."""
    shown: list[str] = []
    for item in items:
        most_bytes -= len(item.encode("utf-8")) + 2
        if most_bytes < 0:
            return ", ".join([*shown, f"… {count - len(shown):,} more in {WHERE}"])
        shown.append(item)
    return ", ".join(shown)


def folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def quote(markdown: str, most_bytes: int) -> str:
    """The author's Markdown in a block quote, which ends where we say, open fences or not."""
    text, rest = cut_bytes(markdown.strip("\n"), most_bytes)
    # "<" before one of these opens a tag, a comment or a processing instruction.
    safe = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    quote = "\n".join(f"> {line}".rstrip() for line in safe.split("\n"))
    return f"{quote}\n\n_… {rest:,} more characters in {WHERE}_" if rest else quote


def cut_bytes(text: str, most_bytes: int) -> tuple[str, int]:
    """As much of `text` as fits, in whole lines where there are any, and how much is left."""
    if len(text.encode("utf-8")) <= most_bytes:
        return text, 0
    kept = text.encode("utf-8")[:most_bytes].decode("utf-8", "ignore")
    lines = kept.rpartition("\n")[0]
    kept = lines if len(lines) > len(kept) // 2 else kept
    return kept, len(text) - len(kept)


def code_span(text: str) -> str:
    """A name or a value on one line, as it is, whatever it holds."""
    shown = cut(text, _MOST_IN_CELL)
    if not shown:
        return '""'
    # A code span knows no escapes, and hosts disagree about bars and backslashes in tables.
    return plain(text) if re.search(r"[`|\\]", shown) else f"`{shown}`"


def plain(text: str) -> str:
    """A text on one line in which no character means anything to Markdown or HTML."""
    return re.sub(
        r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|([&<>\[\]{}*_`|\\#!~$:^])",
        lambda found: f"&#{ord(found[1])};" if found[1] else found[0],
        cut(text, _MOST_IN_CELL),
    )


def cut(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters."""
    line = " ".join(text[: 10 * most].split())
    whole = len(line) <= most and len(text) <= 10 * most
    return line if whole else f"{line[: most - 1]}…"


def value(value: Any) -> str:
    """A JSON value on one line; text without its quotes."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
