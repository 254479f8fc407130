"""Why a pipeline cannot be pickled, or not be loaded elsewhere: which param of which step.

Pickle says which object it stumbled over, not where that object stands. This is
only walked after pickling has failed, so it may take its time.
"""

from __future__ import annotations

import functools
import io
import pickle
import re
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, NamedTuple

from gitmodelstore.errors import UnportablePipeline
from gitmodelstore.estimators.structure import (
    given_parts,
    is_estimator,
    is_named_list,
    is_pipeline,
    own_params,
    parts,
)
from gitmodelstore.pickles.rights import TEXT_METHODS, never_loads
from gitmodelstore.values.json import hidden_character

# What pickle, and the `__reduce__` and `__getstate__` of other people's objects, raise.
PICKLING_ERRORS = (Exception, SystemExit)

_SCRIPT = ("__main__", "__mp_main__")
_ATTRIBUTE = "attribute"
_MOST_NAMED = 5
_MOST_LEVELS = 20

_MOVE = (
    "move {it} into a module that readers can import, such as features.py, "
    "import {it} from there and fit again"
)
_NAME_IT = "use a named function of a module that readers can import, such as features.py"
_CALL_IT = (
    "call it in a function of a module that readers can import, such as features.py, and give "
    "that function"
)
_METHODS = (types.MethodType, types.BuiltinMethodType)
_NAMED = (types.FunctionType, types.BuiltinFunctionType, type)
_LEAVE_OUT = "leave it out of the pipeline, or drop it in `__getstate__` of the class that keeps it"


class Culprit(NamedTuple):
    """One object that pickle refuses.

    Attributes:
        what: what it is, as "a lambda".
        name: dotted name of it, or of its class.
        hint: what to do instead.
    """

    what: str
    name: str
    hint: str


class _Found(NamedTuple):
    where: str
    culprit: Culprit


_Look = Callable[[Any, set[int]], Iterator[tuple[str, Culprit]]]


def refuse_script_names(names: Iterable[str]) -> None:
    """Refuse names of the training script, which no other process can import.

    Args:
        names: dotted names.

    Raises:
        UnportablePipeline: some begin with `__main__`; all of those are listed.
    """
    found = _script_names(names)
    if found:
        hint = _MOVE.format(it="it" if len(found) == 1 else "them")
        raise UnportablePipeline(_script_message(found), found, hint=hint)


def refuse_caches(pipeline: Any) -> None:
    """Refuse a folder in which steps are remembered: `fit` unpickles what lies there, readers' too.

    Raises:
        UnportablePipeline: `memory` of the pipeline, or of a part of it, names one; all such
            params are listed.
    """
    found = list(_caches(pipeline, "", in_place=True))
    if not found:
        return
    names = tuple(dict.fromkeys(name for name, _ in found))
    listed = " and ".join(f"'{name}'" for name in names)
    verb, it = ("names", "it") if len(names) == 1 else ("name", "them")
    if all(map(str.isidentifier, names)):
        given = ", ".join(f"{name}=None" for name in names)
    else:  # as `make_union` names its parts: "pipeline-1"
        given = "**{" + ", ".join(f'"{name}": None' for name in names) + "}"
    again = "" if all(in_place for _, in_place in found) else ", and fit again"
    raise UnportablePipeline(
        f"{listed} {verb} a folder, whose pickles `fit` would load",
        names,
        hint=f"take {it} out before you register: pipeline.set_params({given}){again}",
    )


def _caches(estimator: Any, path: str, *, in_place: bool) -> Iterator[tuple[str, bool]]:
    """Yield params that name a folder, and whether to change them changes what was fitted."""
    if not is_estimator(estimator):
        return
    fits_its_parts = is_pipeline(estimator) or hasattr(estimator, "transformer_list")
    for name, value in (*own_params(estimator).items(), *given_parts(estimator).items()):
        if name != "memory":
            inside = f"{path}{name}__"
            yield from _caches(value, inside, in_place=in_place and fits_its_parts)
        elif isinstance(value, (str, PathLike)) or getattr(value, "location", None) is not None:
            yield f"{path}{name}", in_place


def refuse_what_nobody_loads(
    pipeline: Any, names: Sequence[str], *, only_found: bool = False
) -> None:
    """Refuse methods of objects, and functions that nobody can trust, with where they stand.

    Args:
        pipeline: what was written.
        names: that loading it looks up and nobody can trust; nothing is refused without any.
        only_found: refuse only what is found in the pipeline.

    Raises:
        UnportablePipeline: there are such.
    """
    look = functools.partial(_nobody_loads, names=frozenset(never_loads(names)))
    found = _found_in(pipeline, look) if names else []
    if found:
        raise _told(found, [])
    if names and not only_found:
        said = ", ".join(f"'{name}'" for name in names[:_MOST_NAMED])
        raise UnportablePipeline(
            f"loading it would use {said}, which no reader can trust", names, hint=_CALL_IT
        )


def refusal(pipeline: Any, error: BaseException, names: Iterable[str]) -> UnportablePipeline:
    """Return the error that says what in `pipeline` cannot be pickled, and where it stands.

    Args:
        pipeline: what was to be written.
        error: what pickle raised.
        names: the globals written until then.
    """
    script = _script_names(names)
    found = [] if isinstance(error, RecursionError) else _found_in(pipeline)
    if not found:
        return _unexplained(error, script)
    return _told(found, script)


def _told(found: list[_Found], script: list[str]) -> UnportablePipeline:
    said = [f"{where} {culprit.what}" for where, culprit in found[:_MOST_NAMED]]
    if len(found) > _MOST_NAMED:
        said.append(f"{len(found) - _MOST_NAMED} more")
    if script:
        said.append(_script_message(script))
    hints = dict.fromkeys(culprit.hint for _, culprit in found)
    names = dict.fromkeys([*(culprit.name for _, culprit in found), *script])
    return UnportablePipeline("; ".join(said), names, hint="; ".join(hints))


def _found_in(pipeline: Any, look: _Look | None = None) -> list[_Found]:
    """What cannot be pickled, or what `look` finds; what fit made of a param is told by that."""
    found = list(dict.fromkeys(_in_estimator(pipeline, "", set(), 0, look)))
    told = {held.culprit.name for held in found if not held.where.startswith(_ATTRIBUTE)}
    return [
        held
        for held in found
        if not held.where.startswith(_ATTRIBUTE) or held.culprit.name not in told
    ]


def _unexplained(error: BaseException, script: list[str]) -> UnportablePipeline:
    if isinstance(error, RecursionError):
        return UnportablePipeline("the pipeline is nested too deeply to be pickled", script)
    text = re.sub(" at 0x[0-9a-fA-F]+", "", str(error))
    said = ascii(text) if hidden_character(text) else text
    return UnportablePipeline(
        f"the pipeline cannot be pickled: {type(error).__name__}: {said}",
        script,
        hint="`joblib.dump` of the same object fails the same way",
    )


def _script_names(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.partition(".")[0] in _SCRIPT)


def _script_message(names: list[str]) -> str:
    listed = " and ".join(
        [", ".join(f"'{n}'" for n in names[:-1])] * (len(names) > 1) + [f"'{names[-1]}'"]
    )
    verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
    return f"{listed} {verb} defined in the training script, where no reader can import {them}"


def _in_estimator(
    estimator: Any, path: str, seen: set[int], level: int, look: _Look | None
) -> Iterator[_Found]:
    """Yield what cannot be pickled in an estimator, or what `look` finds, in its parts first."""
    if id(estimator) in seen or level > _MOST_LEVELS:
        return
    if look is None and _can_be_pickled(estimator):
        return
    search = look or _in_value
    place = f"step '{path}'" if path else type(estimator).__name__
    if not is_estimator(estimator):
        yield from (_Found(f"{place} {verb}", c) for verb, c in search(estimator, seen))
        return
    seen.add(id(estimator))
    if not _can_be_pickled(type(estimator)):
        yield _Found(f"{place} is", _object_of(type(estimator)))
    for part in parts(estimator):
        yield from _in_estimator(
            part.estimator, f"{path}__{part.name}" if path else part.name, seen, level + 1, look
        )
    for kind, name, value in _own_values(estimator):
        for verb, culprit in search(value, seen):
            yield _Found(f"{kind} '{name}' of {place} {verb}", culprit)


def _own_values(estimator: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield what an estimator keeps besides its parts: params, chosen columns, what fit left."""
    params = own_params(estimator)
    for name, value in params.items():
        if is_named_list(name, value):
            yield from (("branch", held[0], held[2:]) for held in value if held[2:])
        elif not is_estimator(value):
            yield "param", name, value
    for name, value in vars(estimator).items():
        if name not in params:
            yield _ATTRIBUTE, name, value


def _in_value(value: Any, seen: set[int], level: int = 0) -> Iterator[tuple[str, Culprit]]:
    """Yield what cannot be pickled in a value, with "is" or "holds"."""
    if id(value) in seen or level > _MOST_LEVELS or _can_be_pickled(value):
        return
    seen.add(id(value))
    deeper = False
    for held in _held_by(value):
        for _, culprit in _in_value(held, seen, level + 1):
            deeper = True
            yield "holds", culprit
    if not deeper and not any(id(held) in seen for held in _held_by(value)):
        yield "is", _culprit(value)


def _nobody_loads(
    value: Any, seen: set[int], level: int = 0, *, names: frozenset[str]
) -> Iterator[tuple[str, Culprit]]:
    """Yield what nobody can load in a value, with "is" or "holds".

    These are methods, and functions and objects of classes among `names`.
    """
    if level > _MOST_LEVELS or id(value) in seen:
        return
    verb = "holds" if level else "is"
    if isinstance(value, _METHODS) and not isinstance(
        getattr(value, "__self__", None), (type(None), types.ModuleType)
    ):
        is_of_class = isinstance(value.__self__, type)
        owner = _dotted(value.__self__ if is_of_class else type(value.__self__))
        of = f"'{owner}'" if is_of_class else f"an object of class '{owner}'"
        yield verb, Culprit(f"the method '{value.__name__}' of {of}", owner, _NAME_IT)
        return
    if isinstance(value, _NAMED):
        if never_loads([_dotted(value)]):
            what = f"'{_dotted(value)}', which no reader can trust"
            yield verb, Culprit(what, _dotted(value), _CALL_IT)
        return
    if isinstance(value, types.MethodDescriptorType) and value.__name__ not in TEXT_METHODS:
        owner = _dotted(value.__objclass__)
        yield verb, Culprit(f"the method '{value.__name__}' of '{owner}'", owner, _NAME_IT)
        return
    if isinstance(value, (str, bytes, int, float, type(None))):
        return
    if _dotted(type(value)) in names:
        name = _dotted(type(value))
        yield verb, Culprit(f"an object of '{name}', which no reader can trust", name, _CALL_IT)
        return
    seen.add(id(value))
    for held in _held_by(value):
        deeper = _nobody_loads(held, seen, level + 1, names=names)
        yield from (("holds", culprit) for _, culprit in deeper)


def _held_by(value: Any) -> list[Any]:
    if isinstance(value, (types.FunctionType, type, types.ModuleType)):
        return []
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.MethodType):
        return [value.__self__]
    if hasattr(value, "dtype") and hasattr(value, "ravel"):
        return list(value.ravel()) if value.dtype == object else []
    return list(getattr(value, "__dict__", {}).values())


def _culprit(value: Any) -> Culprit:
    """Say what an object is that cannot be pickled."""
    if isinstance(value, types.FunctionType):
        return _function(value)
    if isinstance(value, type):
        return Culprit(f"the {_class(value)}", _dotted(value), _MOVE.format(it="it"))
    if not _can_be_pickled(type(value)) and "<locals>" in type(value).__qualname__:
        return _object_of(type(value))
    if isinstance(value, types.ModuleType):
        return Culprit(f"the module '{value.__name__}'", value.__name__, _LEAVE_OUT)
    return Culprit(_common_word(value), _dotted(type(value)), _LEAVE_OUT)


def _function(value: types.FunctionType) -> Culprit:
    name = _dotted(value)
    if value.__name__ == "<lambda>":
        return Culprit("a lambda", name, _NAME_IT)
    if "<locals>" in value.__qualname__:
        return Culprit(f"the local function '{name}'", name, _NAME_IT)
    return Culprit(f"the function '{name}', a name that now holds another object", name, _NAME_IT)


def _class(cls: type) -> str:
    if "<locals>" in cls.__qualname__:
        return f"local class '{_dotted(cls)}'"
    return f"class '{_dotted(cls)}', a name that now holds another object"


def _object_of(cls: type) -> Culprit:
    return Culprit(f"an object of the {_class(cls)}", _dotted(cls), _MOVE.format(it="the class"))


def _common_word(value: Any) -> str:
    if isinstance(value, io.IOBase):
        return "an open file"
    if isinstance(value, types.GeneratorType):
        return "a generator"
    if hasattr(value, "acquire") and hasattr(value, "release"):
        return "a lock"
    return f"an object of class '{_dotted(type(value))}', which cannot be pickled"


def _dotted(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _can_be_pickled(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except PICKLING_ERRORS:
        return False
    return True
