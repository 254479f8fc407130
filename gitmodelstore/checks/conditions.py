"""The single conditions of a gate: a metric, a required field, a replay; each with its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitmodelstore.checks.fault import Judged
from gitmodelstore.values.annotations import written
from gitmodelstore.values.condition import Condition, exactly
from gitmodelstore.values.events import Scalar
from gitmodelstore.values.layout import SAMPLE
from gitmodelstore.values.manifest import Card, Manifest
from gitmodelstore.values.names import quoted
from gitmodelstore.values.registry import Change
from gitmodelstore.values.sample import DIFFERENT, IDENTICAL, WITHIN

_MISSING = "not recorded"
_UNREADABLE = "unknown, since the manifest cannot be read"
_NONE: Mapping[str, Scalar] = {}
_SAME = f"{IDENTICAL} or {WITHIN}"
AGAIN = "register it again with"  # so begins what no command does for this version
_MENDS = {
    "data": "data={'train': …} (`gms register --data ROLE=PATH`)",
    "features": "X_test (`gms register --test FILE`), or fitted on a DataFrame",
    "target": "target='…' (`gms register --target NAME`)",
    "metrics": "metrics={'…': …} (`gms register --metric NAME=VALUE`)",
    "baseline": "baseline=True (`gms register --baseline`)",
    "code": "the training code in a git repository",
    "code.clean": "the training code committed",
    "card": "card={'…': '…'} (`gms register --card FILE`)",
    "card.intended_use": "card={'intended_use': '…'} (`gms register --intended-use TEXT`)",
    "card.limitations": "card={'limitations': '…'} (`gms register --limitations TEXT`)",
    "message": "message='…' (`gms register -m TEXT`)",
    "sample": "X_test (`gms register --sample-from FILE`)",
    "custom": "custom={'…': …} (`gms register --custom FILE`)",
}


def judge_metric(
    condition: Condition,
    change: Change,
    candidate: Manifest | None,
    holder: Manifest | None,
    is_unreadable: bool = False,
    annotations: Mapping[str, Scalar] = _NONE,
) -> Judged:
    """Return whether a version's metric, or an annotation of it, is within its bound.

    A bound on the present holder's number counts only where both numbers are of the same
    rows: the recorded test data are the same, or the version recorded the holder's number on
    its own rows (`baseline`). Where nobody holds the status it is met.

    Args:
        condition: the bound.
        change: what it is asked for.
        candidate: manifest of the version; None where it cannot be read.
        holder: manifest of the present holder; None without one.
        is_unreadable: whether there is a holder, whose manifest cannot be read.
        annotations: those of the version.
    """
    if condition.key is not None:
        return _judge_annotation(condition, condition.key, change, annotations)
    metric, asked = condition.metric, f"{condition.operator} {condition.right}"
    number = candidate.metrics.get(metric) if candidate else None
    value = _UNREADABLE if candidate is None else _MISSING if number is None else repr(number)
    if condition.is_relative and holder is None and not is_unreadable:
        what = f"{metric} is {value}, and nobody is in {change.after}"
        return Judged(str(condition), value, asked, True, what)
    if candidate is None or number is None:
        mend = f"{AGAIN} metrics={{'{metric}': …}} (`gms register --metric {metric}=VALUE`)"
        return _failed(condition, value, asked, "", mend if candidate else "")
    if not condition.is_relative:
        return _judge_number(condition, value, number, None, "")
    if holder is None:
        return _failed(condition, value, asked, "of a holder whose manifest cannot be read")
    current, why = _current(metric, candidate, holder)
    if current is not None:
        origin = f"{condition.right}, {holder.model} {holder.version} has {current!r}"
        return _judge_number(condition, value, number, current, f" ({origin})")
    mend = (
        f"{AGAIN} baseline=True (`gms register --baseline`), which scores "
        f"{holder.model} {holder.version} on the same rows"
    )
    return _failed(condition, value, asked, f"not comparable: {why}", mend)


def judge_required(
    name: str,
    change: Change,
    candidate: Manifest | None,
    annotations: Mapping[str, Scalar] = _NONE,
) -> Judged:
    """Return whether a version has a field in its manifest, or an annotation, by its dotted name.

    Args:
        name: such as "data.train"; "code.clean" asks for a commit without changes.
        change: what it is asked for.
        candidate: the manifest; None where it cannot be read.
        annotations: those of the version.
    """
    bound = "clean" if name == "code.clean" else "recorded"
    root, _, key = name.partition(".")
    if root == "annotations":
        passed = key in annotations if key else bool(annotations)
        value = "recorded" if passed else "missing"
    elif candidate is None:
        value, passed = _UNREADABLE, False
    elif name == "code.clean":
        value = _cleanness(candidate)
        passed = value == bound
    else:
        passed = _has(candidate, name)
        value = "recorded" if passed else "missing"
    what = f"{name} is {value}" if passed else f"{name} is {value}, must be {bound}"
    mend = ""
    if not passed:
        mend = _annotate(change, key or "KEY") if root == "annotations" else _mend(name)
    return Judged(f"require {name}", value, bound, passed, what, mend)


def judge_replay(recorded: str | None, candidate: Manifest | None, change: Change) -> Judged:
    """Return whether a version was asked its sample again, and answered as it did.

    Args:
        recorded: what the promoter recorded; None for nothing.
        candidate: its manifest, which says whether there is a sample.
        change: what it is asked for.
    """
    has_sample = candidate is None or candidate.artifact(SAMPLE) is not None
    known = recorded in (IDENTICAL, WITHIN)
    value = quoted(recorded) if recorded and not recorded.isprintable() else recorded or _MISSING
    if known and has_sample:
        return Judged("replay", value, _SAME, True, f"replay is {value}")
    why = "" if has_sample else ": it has no sample to ask again"
    mend, flag = f"{AGAIN} {_MENDS['sample']}", ""
    if has_sample and recorded == DIFFERENT:
        mend = f"see how with `gms verify {change.model}@{change.version} --replay`"
    elif has_sample:
        flag = "--replay"
        mend = f"gms promote {change.model}@{change.version} {change.after} {flag}"
    what = f"replay is {value}, must be {_SAME}{why}"
    return Judged("replay", value, _SAME, False, what, mend, flag=flag)


def _judge_annotation(
    condition: Condition, key: str, change: Change, annotations: Mapping[str, Scalar]
) -> Judged:
    value, asked = annotations.get(key), f"{condition.operator} {condition.right}"
    if value is None:
        return _failed(condition, _MISSING, asked, "", _annotate(change, key))
    if isinstance(value, (bool, str)):
        return _failed(condition, written(value), asked, "a number", _annotate(change, key))
    return _judge_number(condition, repr(value), value, None, "")


def _annotate(change: Change, key: str) -> str:
    return f"gms annotate {change.model}@{change.version} {key}=VALUE"


def _judge_number(
    condition: Condition, value: str, number: float, current: float | None, origin: str
) -> Judged:
    found, other = exactly(number), None if current is None else exactly(current)
    bound = f"{condition.operator} {condition.bound(other)}"
    passed = condition.holds(found, other)
    must = f"{bound}{origin}"
    what = f"{condition.metric} is {value}, {must}" if passed else ""
    return Judged(
        str(condition),
        value,
        bound,
        passed,
        what or f"{condition.metric} is {value}, must be {must}",
    )


def _failed(condition: Condition, value: str, asked: str, why: str, mend: str = "") -> Judged:
    what = f"{condition.metric} is {value}, must be {asked}{f', {why}' if why else ''}"
    return Judged(str(condition), value, asked, False, what, mend)


def _current(metric: str, candidate: Manifest, holder: Manifest) -> tuple[float | None, str]:
    """Return the holder's number on the candidate's rows; else None, and why there is none."""
    baseline, name = candidate.baseline, f"{holder.model} {holder.version}"
    is_of_holder = baseline is not None and baseline.version == holder.version
    if baseline is not None and is_of_holder and metric in baseline.metrics:
        return baseline.metrics[metric], ""
    ours, theirs = _test_data(candidate), _test_data(holder)
    if ours and ours == theirs:
        number = holder.metrics.get(metric)
        return number, "" if number is not None else f"{name} has no {metric}"
    if is_of_holder:
        return None, f"the baseline has no {metric}"
    if baseline is not None:
        return None, f"the baseline is of {candidate.model} {baseline.version}, not of {name}"
    for manifest, digests in ((candidate, ours), (holder, theirs)):
        if not digests:
            return None, f"{manifest.model} {manifest.version} records no test data"
    return None, f"{name} was tested on other data"


def _test_data(manifest: Manifest) -> list[str]:
    return sorted(str(entry.digest) for entry in manifest.data if entry.role == "test")


def _cleanness(manifest: Manifest) -> str:
    code = manifest.code
    if code is None or code.commit is None:
        return "missing"
    return "dirty" if code.dirty else "clean"


def _has(manifest: Manifest, name: str) -> bool:
    root, _, rest = name.partition(".")
    if not rest:
        return _is_said(_whole(manifest, root))
    if root == "data":
        return manifest.dataset(rest) is not None
    if root == "metrics":
        return rest in manifest.metrics
    if root == "code":
        return manifest.code is not None and _is_said(getattr(manifest.code, rest))
    if root == "card" and rest in Card.KEYS:
        return _is_said(getattr(manifest.card, rest))
    within = manifest.card.sections if root == "card" else manifest.custom
    return _is_said(_within(within or {}, rest))


def _whole(manifest: Manifest, root: str) -> Any:
    """Return what a field without a dot asks for."""
    if root == "sample":
        return manifest.artifact(SAMPLE)
    if root == "code":
        return manifest.code and manifest.code.commit
    if root == "card":
        card = manifest.card
        return [text for text in (card.intended_use, card.limitations) if _is_said(text)] + [
            text for text in (card.sections or {}).values() if _is_said(text)
        ]
    return getattr(manifest, root)


def _within(value: Any, path: str) -> Any:
    """Return what stands at a dotted path, whose keys may hold dots themselves; else None."""
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    cuts = [place for place, character in enumerate(path) if character == "."]
    found = (_within(value[path[:at]], path[at + 1 :]) for at in cuts if path[:at] in value)
    return next((held for held in found if held is not None), None)


def _is_said(value: Any) -> bool:
    """Whether a value says something: false and 0 do, empty text and empty lists do not."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and (not isinstance(value, (list, tuple, Mapping)) or len(value) > 0)


def _mend(name: str) -> str:
    root = name.partition(".")[0]
    return f"{AGAIN} {_MENDS.get(name) or _MENDS[root]}"
