"""Annotations: what is said of a version after it was registered, beside what it is made of.

Owns their form: keys, values, and the trailers of a commit message that hold them. Which of
them count is `checks/annotations.py`'s business.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.events import ANNOTATED, Scalar
from gitmodelstore.values.json import GREATEST_INTEGER, cut, hidden_character
from gitmodelstore.values.names import quoted

PREFIX = "annotations."  # before a key, where a policy names it
KEY_PATTERN = r"(?![a-z0-9_.-]{64})[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?"
MOST_KEYS = 50  # in one commit
MOST_CHARACTERS = 1000  # of a text
_MOST_NAMED = 4  # keys in the subject of a commit

_KEY = re.compile(KEY_PATTERN)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MARK = f"Event: {ANNOTATED}"
_TRAILER = re.compile(r"(Event|Model|Version|Key|Value|Reason): (.*)")


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one commit says of one key of a version.

    >>> event = store.annotate("churn@1.1.0", {"ticket": "A-17"})
    >>> store.annotations("churn@1.1.0")["ticket"].value
    'A-17'

    Attributes:
        key: as "validation_auc".
        value: a number, true or false, or a text of one line; None where it was taken back.
        commit: id of the commit whose message says it.
        who: the author of that commit, as "Name <email>".
        when: the effective date of the commit that brought it to the branch, UTC; of a
            merge that is later than when it was said.
        why: the reason given; None without one.
    """

    key: str
    value: Scalar | None
    commit: str
    who: str
    when: datetime
    why: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one group of trailers annotates.

    Attributes:
        model, version: which version, whether there is one or not.
        values: keys and values, in their order.
        why: the reason given; None without one.
    """

    model: str
    version: str
    values: tuple[tuple[str, Scalar | None], ...]
    why: str | None


def annotation_text(
    model: str, version: str, values: Mapping[str, Scalar | None], reason: str | None
) -> str:
    """Return the message of a commit that annotates a version."""
    lines = [f"Event: {ANNOTATED}", f"Model: {model}", f"Version: {version}"]
    for key, value in values.items():
        lines += [f"Key: {key}", f"Value: {written(value)}"]
    if one_line := " ".join((reason or "").split()):
        lines.append(f"Reason: {one_line}")
    trailers = "\n".join(lines)
    named = ", ".join([*values][:_MOST_NAMED]) + (", …" if len(values) > _MOST_NAMED else "")
    return f"annotate {model} {version}: {named}\n\n{trailers}\n"


def says_annotated(message: str) -> bool:
    """Whether a commit message claims to annotate something."""
    return _MARK in message


def read_annotations(message: str) -> Iterator[Said]:
    """Yield what a commit message annotates, in its order.

    Every paragraph is read, since a squash on a git host joins several messages. A group of
    trailers that does not follow the form is passed over whole.
    """
    if not says_annotated(message):
        return
    for paragraph in re.split(r"\n\s*\n", message):
        groups: list[list[tuple[str, str]]] = []
        for line in paragraph.split("\n"):
            found = _TRAILER.fullmatch(line.strip())
            if found and found[1] == "Event":
                groups.append([])
            if found and groups:
                groups[-1].append((found[1], found[2]))
        reason = dict(groups[-1]).get("Reason") if groups else None
        yield from (said for group in groups if (said := _said(group, reason)))


def check_key(key: object) -> str:
    """Return `key` if it can be one.

    Raises:
        InvalidInput: it cannot; the hint gives a near one that can.
    """
    if isinstance(key, str) and _KEY.fullmatch(key):
        return key
    rule = "use lower-case letters, digits, . _ and -, at most 63, ending in a letter or digit"
    near = re.sub(r"[^a-z0-9_.-]+", "_", str(key).lower())[:63].strip("._-")
    advice = f"{rule}, such as '{near}'" if _KEY.fullmatch(near) else rule
    shown = quoted(cut(key)) if isinstance(key, str) else ascii(key)
    raise InvalidInput(f"{shown} is no key of an annotation", hint=advice)


def check_value(key: str, value: Any) -> Scalar | None:
    """Return `value` if it can be annotated; None takes the key back.

    Raises:
        InvalidInput: it is neither a finite number, true, false nor a text of one line, or
            it is too long.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput(
                f"'{key}' is {value}, which is no finite number",
                hint="leave it out, or give it as text",
            )
        if isinstance(value, int) and abs(value) > GREATEST_INTEGER:
            raise InvalidInput(f"'{key}' lies beyond 2^53", hint="keep it as text")
        return value
    if not isinstance(value, str):
        kind = type(value).__name__
        raise InvalidInput(
            f"'{key}' is a {kind}, not a number, true, false or text",
            hint="name a key for each value",
        )
    if not value.strip():
        raise InvalidInput(f"'{key}' is an empty text", hint=f"`{key}=` takes it back")
    if len(value) > MOST_CHARACTERS:
        raise InvalidInput(
            f"'{key}' has {len(value)} characters, more than {MOST_CHARACTERS}",
            hint="keep a long text elsewhere, and annotate where",
        )
    if len(value.splitlines()) > 1 or value.splitlines()[0] != value:
        raise InvalidInput(f"'{key}' is a text of several lines", hint="write one line")
    if found := hidden_character(value):
        raise InvalidInput(
            f"'{key}' holds the hidden character {found}",
            hint="type it again instead of pasting it",
        )
    return value


def parse_pair(text: str) -> tuple[str, Scalar | None]:
    """Return the key and the value that somebody typed as `KEY=VALUE`.

    A number of JSON, true and false are that; anything else, or what stands between double
    quotes, is text. `KEY=` takes the key back.

    >>> parse_pair("validation_auc=0.83")
    ('validation_auc', 0.83)
    >>> parse_pair("approval=00123"), parse_pair('batch="7"'), parse_pair("approval=")
    (('approval', '00123'), ('batch', '7'), ('approval', None))

    Raises:
        InvalidInput: it is no such pair, or the value might be a number and is none.
    """
    key, sign, typed = text.partition("=")
    if not sign:
        raise InvalidInput(
            f"{quoted(cut(text))} is no KEY=VALUE",
            hint="as in validation_auc=0.83; KEY= takes it back",
        )
    check_key(key)
    return key, check_value(key, _typed(key, typed))


def written(value: Scalar | None) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _typed(key: str, text: str) -> Any:
    if not text or text in ("true", "false") or _NUMBER.fullmatch(text) or text.startswith('"'):
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise InvalidInput(
                f"'{key}' is {cut(text)}, which is not JSON", hint="write both double quotes"
            ) from None
    if text[0] in "[{":
        raise InvalidInput(
            f"'{key}' is neither a number, true, false nor text",
            hint="name a key for each value",
        )
    if _may_mean_a_number(text):
        raise InvalidInput(
            f"'{key}' is {text}, which is no number of JSON",
            hint=f"write it as 0.5, or as text: '{key}=\"{text}\"'",
        )
    return text


def _may_mean_a_number(text: str) -> bool:
    """Whether a program would read a number that JSON has not: .5, +1, nan; 00123 is a name."""
    try:
        float(text)
    except ValueError:
        return False
    return not text.isdigit()


def _said(group: list[tuple[str, str]], reason: str | None) -> Said | None:
    facts = [(name, text) for name, text in group if name not in ("Key", "Value")]
    pairs = [(name, text) for name, text in group if name in ("Key", "Value")]
    said = dict(facts)
    names = [name for name, _ in pairs]
    if (
        said["Event"] != ANNOTATED
        or len(said) != len(facts)
        or not {"Model", "Version"} <= set(said)
    ):
        return None
    if not pairs or len(pairs) > 2 * MOST_KEYS or names != ["Key", "Value"] * (len(pairs) // 2):
        return None
    texts = [text for _, text in pairs]
    try:
        values = tuple(
            (check_key(key), check_value(key, _read(text)))
            for key, text in zip(texts[::2], texts[1::2], strict=True)
        )
    except (InvalidInput, ValueError):
        return None
    return Said(said["Model"], said["Version"], values, said.get("Reason", reason))


def _read(text: str) -> Any:
    """Return what the trailer `Value` says.

    Raises:
        ValueError: it is no JSON, or a list or an object, which is not looked into.
    """
    if text[:1] in "[{":
        raise ValueError(text)
    return json.loads(text)
