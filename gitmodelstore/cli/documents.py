"""What `--json` prints of our values: one encoder, and the names that differ from ours.

A dataclass becomes an object of its attributes. The tables say which of them a document calls
otherwise, leaves out, or adds; docs/json.md describes every key, and they are a promise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields as attributes_of
from dataclasses import is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gitmodelstore.errors import Sentence
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import Version, format_moment

UNREADABLE = "unreadable"  # the code of what only a sentence is known of
_AS_TEXT = (Version, Digest, Path)
_PERSONS = ("author", "who", "back_by")
_FAULTS = ("fault", "faults")  # a sentence or None; sentences, or faults of a check

_NULL_WHEN_EMPTY = ("code", "message")
OF_A_VERSION = ("model", "version", "status", "ref", "tag", "commit")

# What documents call an attribute, whatever it is of.
_EVERYWHERE = {
    "who": "by",
    "when": "at",
    "clock": "dated_at",
    "fault": "faults",
}
# The same of one class. None leaves an attribute out, "" puts its own keys in its place, and a
# property is added.
_OF_CLASS: dict[str, dict[str, str | None]] = {
    "ModelVersion": {"ref": "ref", "tag": "tag", "needs_trust": None},
    "Match": {"ref": "ref", "tag": "tag", "needs_trust": None},
    "Event": {"why": "reason"},
    "Approval": {"why": "reason", "model": None, "version": None, "signed": None},
    "Annotation": {"why": "reason", "key": None},
    "Holding": {"why": "reason", "commit": "since_commit"},
    "Withdrawal": {"why": "reason", "back_why": "back_reason"},
    "ModelSummary": {"versions": "version_count"},
    "Listed": {"manifest": None},
    "FieldChange": {"when": "created_at", "who": "author"},
    "Fault": {"what": "message", "mend": "hint"},
    "Dataset": {"version": "dataset_version", "role": None, "columns": None},
    "Difference": {"package": "name"},
    "Synced": {"what": "outcome"},
    "Verified": {"files": "file_count", "is_sound": "sound"},
    "Verification": {"is_sound": "sound"},
    "Signature": {"outcome": ""},
    "Outcome": {"is_valid": "valid", "why": "message"},
    "Replay": {
        "comparisons": "methods",
        "outcome": "outcome",
        "largest_absolute": "largest_absolute",
        "largest_relative": "largest_relative",
    },
    "Comparison": {"rows": "differences"},
    "Retested": {"is_same": "same"},
    "DataVerified": {"role": "role", "is_same": "same", "why": "why"},
    "Reproduction": {
        "ran": None,
        "answers": "replay",
        "is_reproduced": "reproduced",
        "reasons": "sections",
    },
    "MetricResult": {"delta": "delta"},
    "Side": {
        **dict.fromkeys(("pipeline", "features", "target", "metrics", "baseline", "data")),
        **dict.fromkeys(("code", "environment", "files")),
    },
    "EnvironmentReport": {"recorded": None, "matches": "matches"},
    "Diff": {"unasked": "answers_why", "differs": "differs", "sections": "sections"},
    "MetricChange": {"delta": "delta"},
    "AnswerChange": {"rows": "different_rows", "largest": "largest_absolute"},
    "Answers": {"recorded": "as_recorded"},
    "CodeChange": {"files": "sources"},
    "Bisection": {"good": "last_good"},
    "Audit": {
        "head": "commit",
        "events": "event_count",
        "versions": "version_count",
        "unverified": "signatures_unverified",
    },
    "Diagnosis": {"is_sound": "sound"},
    "Refusal": {"reason": "message", "name": "global"},
    "Part": {"class_name": "class"},
    "Array": {"fortran": None, "content": None, "code": None, "data": None},
}

_PLANS: dict[Any, tuple[tuple[str, str], ...]] = {}  # by class


def document(value: Any) -> Any:
    """Return a value of ours as plain JSON; "nan" and "inf" are text there."""
    if isinstance(value, Sentence):
        return _fault(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, Mapping):
        made = {str(key): document(held) for key, held in value.items()}
        if isinstance(value.get("version"), ModelVersion):
            made |= made["version"]
        return made
    if not is_dataclass(value):
        return [document(held) for held in value]
    name = type(value).__name__
    if name == "Fault":
        return _fault(value)
    if hasattr(value, "FIELDS") and name not in _OF_CLASS:  # as the store's own files have it
        from gitmodelstore.values.fields import write

        declared: Any = value
        return write(declared)
    return _object(value)


def _object(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for attribute, key in _plan(type(value)):
        held = getattr(value, attribute)
        if key == "version" and (held is None or isinstance(held, ModelVersion)):
            made |= dict.fromkeys(OF_A_VERSION) if held is None else document(held)
        elif not key:
            made |= document(held)
        elif attribute in _PERSONS and isinstance(held, str):
            made[key] = person(held)
        elif attribute in _FAULTS:
            made[key] = faults(held)
        elif attribute == "annotations":
            made[key] = dict(held)
        else:
            made[key] = None if held == "" and key in _NULL_WHEN_EMPTY else document(held)
    return made


def _plan(kind: Any) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a class that its document has, each with its key."""
    if kind not in _PLANS:
        own = _OF_CLASS.get(kind.__name__, {})
        names = [*(one.name for one in attributes_of(kind)), *own]
        keys = {name: own.get(name, _EVERYWHERE.get(name, name)) for name in names}
        _PLANS[kind] = tuple((name, key) for name, key in keys.items() if key is not None)
    return _PLANS[kind]


def person(who: str | None) -> dict[str, str | None] | None:
    """Return who "Name <email>" is; None is nobody, and what it lacks is null.

    >>> person("Ada Lovelace <ada@example.org>")
    {'name': 'Ada Lovelace', 'email': 'ada@example.org'}
    """
    if who is None:
        return None
    name, _, address = who.rpartition("<") if who.endswith(">") else (who, "", "")
    return {"name": name.strip() or None, "email": address.removesuffix(">") or None}


def faults(wrong: Any) -> list[dict[str, Any]]:
    """Return what is wrong: sentences, faults of a check, a single one; nothing for None."""
    if wrong is None:
        return []
    return [_fault(one) for one in ([wrong] if isinstance(wrong, str) else wrong)]


def _fault(wrong: Any) -> dict[str, Any]:
    if isinstance(wrong, str):
        code, hint = getattr(wrong, "code", UNREADABLE), getattr(wrong, "hint", None)
        message = str(wrong).removesuffix(f" [{code}]")
        wrong = {"code": code, "message": message, "hint": hint or None}
    else:
        wrong = {key: value or None for key, value in _object(wrong).items()}
    keys = ("code", "message", "path", "where", "commit", "hint")
    return {key: wrong.get(key) for key in keys}
