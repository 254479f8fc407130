"""What the manifest can say of a file that is not to be run: the facts of a dry walk.

For a file that holds a team's own classes, on a machine that neither has nor trusts
them. What makes it suspicious besides its unknown classes is refused here too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.pipelines.dry import walk
from gitmodelstore.pipelines.loadable import walk_dry
from gitmodelstore.pipelines.rights import Trust, needs_trust
from gitmodelstore.pipelines.summary import Part, summarize
from gitmodelstore.values.manifest import PipelineFacts, Step

_PIPELINE = "sklearn.pipeline.Pipeline"


@dataclass(frozen=True, slots=True)
class UnrunFile:
    """A file that joblib wrote, looked at without running it.

    Attributes:
        facts: what it says of itself: params as text, nothing that needs the classes.
        globals: the names that loading would look up, sorted.
    """

    facts: PipelineFacts
    globals: tuple[str, ...]


def look_at(path: Path, data: bytes | memoryview) -> UnrunFile:
    """Return what a file says of itself.

    Args:
        path: what to call it in errors.
        data: its bytes.

    Raises:
        NotAPipeline: joblib did not write it.
        RefusedPickle: more speaks against it than classes that are not known here.
        LoadError: it cannot be read to its end.
    """
    names = tuple(sorted(use.name for use in walk(data, name=path.name).globals))
    dry = walk_dry(data, path.name, Trust.of(needs_trust(names)))
    return UnrunFile(_facts(summarize(dry.root)), names)


def _facts(whole: Part) -> PipelineFacts:
    return PipelineFacts(
        class_name=whole.class_name,
        algorithm=_algorithm(whole),
        steps=_steps(whole),
        params=dict(sorted(_params(whole, ""))),
        tuned=(),
        task=None,
        classes=None,
    )


def _steps(part: Part) -> tuple[Step, ...]:
    return tuple(Step(held.name, held.class_name, None, _steps(held)) for held in part.parts)


def _params(part: Part, prefix: str) -> Iterator[tuple[str, str]]:
    for name, text in part.params.items():
        yield f"{prefix}{name}", text
    for held in part.parts:
        yield from _params(held, f"{prefix}{held.name}__")


def _algorithm(part: Part) -> str:
    while part.class_name == _PIPELINE and part.parts:
        part = part.parts[-1]
    return part.class_name.rpartition(".")[2]
