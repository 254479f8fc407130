"""What changed between two registry.json, found in their text.

A history of thousands of versions has thousands of registries with thousands of
lines each, of which a commit changes a handful. Two canonical texts are equal
before and after those lines, so that only they are parsed. Anything else than the
canonical form is parsed whole.
"""

from __future__ import annotations

import re

from gitmodelstore.errors import StoreError
from gitmodelstore.values.names import model_name, status_name
from gitmodelstore.values.registry import Change, Registry
from gitmodelstore.values.version import Version

_ENTRY = b'\n      "'  # how the line of a version begins,
_MODEL = b'\n    "'  # that of a model,
_END = b"\n      }"  # and that which ends a version
_LINE = re.compile(
    r'(?:    "(?P<model>[^"\\]+)": \{'
    r'|      "(?P<version>[^"\\]+)": \{'
    r'|        "status": "(?P<status>[^"\\]+)"'
    r"|      \},?|    \},?|  \}|\}|)"
)

Statuses = dict[tuple[str, str], str]  # model and version to status


def changes_between(before: bytes, after: bytes) -> tuple[Change, ...]:
    """Return each version whose status differs, by model, highest first.

    Args:
        before, after: the bytes of an earlier and of a later registry.json.

    Raises:
        FormatError: one of them is not a registry.
    """
    regions = _regions(before, after)
    read = [_read(region) for region in regions] if regions else [None, None]
    old, new = read
    if old is None or new is None:
        return tuple(Registry.parse_history(before).changes(Registry.parse_history(after)))
    changed = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    found = [Change(m, Version.parse(v), old.get((m, v)), new.get((m, v))) for m, v in changed]
    found.sort(key=lambda change: change.version, reverse=True)
    return tuple(sorted(found, key=lambda change: change.model))


def _regions(before: bytes, after: bytes) -> tuple[bytes, bytes] | None:
    """Return the parts of both texts in which they differ, as whole entries.

    Each begins with the line of its model. None where that cannot be told.
    """
    same = _common(before, after, min(len(before), len(after)))
    start = before.rfind(_ENTRY, 0, same)
    model = before.rfind(_MODEL, 0, start + 1)
    if model < 0:
        return None
    header = before[model : before.find(b"\n", model + 1)]
    tail = _common_tail(before[same:], after[same:])
    regions = []
    for text in (before, after):
        end = text.find(_END, len(text) - tail)
        regions.append(header + text[start : end if end >= 0 else len(text)])
    return regions[0], regions[1]


def _common(before: bytes, after: bytes, most: int) -> int:
    """Return how many bytes the two begin with in common, by halving."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_tail(before: bytes, after: bytes) -> int:
    """Return how many bytes the two end with in common."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[len(before) - middle :] == after[len(after) - middle :]:
            low = middle
        else:
            high = middle - 1
    return low


def _read(region: bytes) -> Statuses | None:
    """Return the entries of a part of a canonical text; None where it is not one."""
    statuses: Statuses = {}
    model = version = ""
    for line in region.decode("utf-8", "replace").split("\n"):
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        model = found["model"] or model
        version = found["version"] or version
        if found["status"]:
            statuses[model, version] = found["status"]
    try:
        for (name, number), status in statuses.items():
            model_name(name), Version.parse(number), status_name(status)
    except StoreError:
        return None
    return statuses
