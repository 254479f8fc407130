"""What a new version changes for those who use it: the part of its number to raise, and why.

So that a range like `^1.2` promises something: inputs, target and classes stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gitmodelstore.values.manifest import Feature, Manifest, PipelineFacts, Step
from gitmodelstore.values.version import Bump

_MOST_TEXT = 60


def suggest(
    parent: Manifest,
    pipeline: PipelineFacts,
    features: tuple[Feature, ...] | None,
    target: str | None,
) -> tuple[Bump, str]:
    """Return the part of the number to raise after `parent`, and the reason.

    Major when inputs, target, task or classes change, minor when steps or params
    do, else patch. What one side does not know is no change, and so is a param
    that only one of them has, at its default: another scikit-learn added or dropped it.

    Args:
        parent: the version before.
        pipeline: what the new pipeline is.
        features: its input columns; None when unknown.
        target: the column that it predicts; None when unknown.

    Returns:
        For the reason, the first change and how many more there are, as
        "clf__max_depth: 3 -> 5 and 2 more"; "retrained" when nothing else changed.
    """
    major = [
        *_of_features(parent.features, features),
        *_of_target(parent.target, target),
        *_of_answers(parent.pipeline, pipeline),
    ]
    if major:
        return "major", _reason(major)
    minor = [
        *_of_steps(parent.pipeline, pipeline),
        *_of_params(parent.pipeline, pipeline),
    ]
    return ("minor", _reason(minor)) if minor else ("patch", "retrained")


def _reason(found: Sequence[str]) -> str:
    return found[0] if len(found) == 1 else f"{found[0]} and {len(found) - 1} more"


def _of_features(
    before: tuple[Feature, ...] | None, after: tuple[Feature, ...] | None
) -> Iterator[str]:
    if before is None or after is None:
        return
    old, new = [feature.name for feature in before], [feature.name for feature in after]
    if None in old or None in new:
        if len(old) != len(new):
            yield f"{len(old)} columns -> {len(new)}"
        return
    yield from (f"column '{name}' was added" for name in new if name not in old)
    yield from (f"column '{name}' was removed" for name in old if name not in new)
    if sorted(map(str, old)) == sorted(map(str, new)) and old != new:
        yield "the columns are in another order"
    yield from _of_dtypes(before, after)


def _of_dtypes(before: tuple[Feature, ...], after: tuple[Feature, ...]) -> Iterator[str]:
    known = {feature.name: feature.dtype for feature in before}
    for feature in after:
        old = known.get(feature.name)
        if old and feature.dtype and old != feature.dtype:
            yield f"column '{feature.name}': {old} -> {feature.dtype}"


def _of_target(before: str | None, after: str | None) -> Iterator[str]:
    if before is not None and after is not None and before != after:
        yield f"target: '{before}' -> '{after}'"


def _of_answers(before: PipelineFacts, after: PipelineFacts) -> Iterator[str]:
    if before.task != after.task:
        yield f"task: {_shown(before.task)} -> {_shown(after.task)}"
    old, new = plain(before.classes), plain(after.classes)
    if old is None or new is None or old == new:
        return
    added = [label for label in new if label not in old]
    removed = [label for label in old if label not in new]
    yield from (f"class {_shown(label)} was added" for label in added)
    yield from (f"class {_shown(label)} was removed" for label in removed)
    if not added and not removed:
        yield "the classes are in another order"


def _of_steps(before: PipelineFacts, after: PipelineFacts) -> Iterator[str]:
    old, new = flat(before.steps), flat(after.steps)
    yield from (f"step '{name}' was added" for name in new if name not in old)
    yield from (f"step '{name}' was removed" for name in old if name not in new)
    for name, step in new.items():
        if name not in old:
            continue
        if old[name].class_name != step.class_name:
            yield f"step '{name}': {_last(old[name].class_name)} -> {_last(step.class_name)}"
        if plain(old[name].columns) != plain(step.columns):
            yield f"step '{name}' takes other columns"
    if list(old) != list(new) and sorted(old) == sorted(new):
        yield "the steps are in another order"
    if before.algorithm != after.algorithm:
        yield f"algorithm: {before.algorithm} -> {after.algorithm}"
    elif before.class_name != after.class_name:
        yield f"class: {before.class_name} -> {after.class_name}"


def flat(steps: tuple[Step, ...], prefix: str = "") -> dict[str, Step]:
    """The steps by path, as `prep__num__scale`."""
    found: dict[str, Step] = {}
    for step in steps:
        found[prefix + step.name] = step
        found |= flat(step.steps, f"{prefix}{step.name}__")
    return found


def _of_params(before: PipelineFacts, after: PipelineFacts) -> Iterator[str]:
    for name in sorted(before.params.keys() | after.params.keys()):
        if name not in after.params:
            if name in before.tuned:
                yield f"{name}: {_shown(before.params[name])} -> none"
        elif name not in before.params:
            if name in after.tuned:
                yield f"{name}: none -> {_shown(after.params[name])}"
        elif plain(before.params[name]) != plain(after.params[name]):
            yield f"{name}: {_shown(before.params[name])} -> {_shown(after.params[name])}"


def plain(value: Any) -> Any:
    """Lists and tuples as one kind: what was read from a file holds lists."""
    if isinstance(value, (list, tuple)):
        return [plain(held) for held in value]
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    return value


def _shown(value: Any) -> str:
    """Return a value as a reader expects it: None as "none", text as it stands, all of it short."""
    text = "none" if value is None else value if isinstance(value, str) else repr(plain(value))
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"


def _last(class_name: str) -> str:
    return class_name.rpartition(".")[2]
