"""What a manifest that somebody wrote or edited by hand says, as far as it can be read.

Each key stands for itself: one that is not as the format wants it is left out, and said,
and the others are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitmodelstore.errors import FormatError
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.manifest import MOST_BYTES, Manifest

# These are made anew in any case, so that nobody misses them.
_RENEWED = ("schema", "model", "version", "parent", "created_at", "author")


@dataclass(frozen=True, slots=True)
class Claims:
    """The readable part of a manifest.

    Attributes:
        held: attribute of `Manifest` to its value, for each key that can be read.
        left_out: what could not be, a line each, as "metrics.auc: expected a finite number".
    """

    held: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return what the manifest says under the name of an attribute."""
        return self.held.get(name, otherwise)

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 that the manifest names for a file, None where it names none."""
        return next((a.sha256 for a in self.get("artifacts", ()) if a.path == path), None)


def read_claims(data: bytes, path: str) -> Claims:
    """Return what the bytes of a manifest.json say, as far as they can be read.

    Args:
        data: the bytes of the file.
        path: its name, for what is left out.
    """
    try:
        value, said = json_rules.parse(data, path, most_bytes=MOST_BYTES), []
    except FormatError as error:
        value, said = _lenient(data), [str(error)]
    if not isinstance(value, dict):
        return Claims(left_out=tuple(said or [f"{path}: expected an object"]))
    held = {}
    for one in Manifest.FIELDS:
        if one.name not in value:
            continue
        found = list(one.kind.faults(value[one.name], one.name))
        if not found:
            try:
                held[one.of_class] = one.kind.read(value[one.name])
                continue
            except ValueError:  # a day that no calendar has
                found = [(one.name, f"no day of the calendar: {value[one.name]}")]
        if one.name not in _RENEWED:
            said += [f"{path}: {where}: {what}" for where, what in found]
    known = {one.name for one in Manifest.FIELDS}
    said += [
        f"{path}: {json_rules.join('', key)}: unknown key" for key in value if key not in known
    ]
    return Claims(held, tuple(said))


def _lenient(data: bytes) -> Any:
    """Return what Python's own parser makes of it: the last of two keys, NaN; None for no JSON."""
    if len(data) > MOST_BYTES:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
