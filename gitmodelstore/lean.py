"""What typing, functools, dataclasses and hashlib have, as short commands can afford it."""

from __future__ import annotations

import collections
import functools
import re
import sys
from importlib import import_module
from operator import attrgetter
from types import MappingProxyType

TYPE_CHECKING = False  # type checkers take it for true; typing's own takes 7 ms to import
if TYPE_CHECKING:
    from hashlib import _Hash as Hash
    from typing import Any as Any
    from typing import BinaryIO as BinaryIO
    from typing import Literal as Literal
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TypeVar as TypeVar
    from typing import overload as overload
else:

    class _Anything:
        """A name that only type checkers read."""

        def __init__(self, *_, **__):
            pass

        def __getitem__(self, _):
            return self

    Any = BinaryIO = Literal = Self = _Anything()
    TypeVar = _Anything

    class Protocol:
        """The base of classes that only describe an interface."""

    def overload(function):
        return function

    class _Tuples(type):
        def __new__(cls, name, _, space):
            names = tuple(space["__annotations__"])
            defaults = [space.pop(field) for field in names if field in space]
            base = collections.namedtuple(name, names, defaults=defaults)
            return type(name, (base,), {**space, "__slots__": ()})

    NamedTuple = type.__new__(_Tuples, "NamedTuple", (), {})


if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801 - as functools calls it
        """As it is from Python 3.12 on: 3.11 has a lock, which a forked process may wait for."""

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value


# Digests. Those of hashlib are OpenSSL's, which takes a fifth as long to load as Python to start.
# What hashes little before anything else has loaded it does with those that Python brings.

_MUCH_BYTES = 1 << 18
_OWN = {"sha1": "_sha1", "sha256": "_sha2" if sys.version_info >= (3, 12) else "_sha256"}


def sha1(start: bytes | memoryview, size_bytes: int | None = None) -> Hash:
    """Return a SHA-1 that has begun, as hashlib's; `size_bytes`: of all that is to come."""
    return _digest("sha1", start, size_bytes)


def sha256(start: bytes | memoryview, size_bytes: int | None = None) -> Hash:
    """Return a SHA-256 that has begun, as hashlib's; `size_bytes`: of all that is to come."""
    return _digest("sha256", start, size_bytes)


def _digest(name: str, start: bytes | memoryview, size_bytes: int | None) -> Hash:
    is_little = (len(start) if size_bytes is None else size_bytes) <= _MUCH_BYTES
    module = _OWN[name] if is_little and "hashlib" not in sys.modules else "hashlib"
    try:
        made = getattr(sys.modules.get(module) or import_module(module), name)
    except ImportError:  # a Python that was built without
        made = getattr(import_module("hashlib"), name)
    digest: Hash = made(start, usedforsecurity=False)
    return digest


# Regular expressions: those that a command does not use take longer to compile than all it does.

if TYPE_CHECKING:
    pattern = re.compile
else:

    class pattern:  # noqa: N801 - a function, as it is used
        """As `re.compile`, which it calls when it is used."""

        def __init__(self, *args):
            self._args = args

        def __getattr__(self, name):
            if name.startswith("__"):  # asked by `copy` and `pickle`
                raise AttributeError(name)
            made = re.compile(*self._args)
            for method in ("match", "fullmatch", "search", "finditer", "findall", "sub", "split"):
                self.__dict__[method] = getattr(made, method)
            return getattr(made, name)


# Dataclasses: to import those of the standard library, and to let them make the 29 classes that
# a list of models needs, takes as long as Python takes to start, twice. These write an __init__
# once so many objects were made that it is worth it: one takes as long to compile as twenty objects
# to fill. `dataclasses.fields` and what is built upon that takes them for its own.

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace
else:
    _NONE = object()
    _FEW = 16  # objects

    class Field:
        """An attribute of a dataclass."""

        is_kept = True  # where not, it is only handed to __post_init__
        init = repr = compare = True
        kw_only = False
        default = default_factory = _NONE
        metadata = MappingProxyType({})

        def __init__(self, **options):
            self.__dict__.update(options)

    def field(**options):
        return Field(**options)

    def fields(one):
        return tuple(made for made in one.__own_fields__.values() if made.is_kept)

    def replace(one, /, **changes):
        for made in fields(one):
            if made.init and made.name not in changes:
                changes[made.name] = getattr(one, made.name)
        return type(one)(**changes)

    def dataclass(cls=None, /, *, frozen=False, slots=False, repr=True, eq=True):  # noqa: A002
        if cls is None:
            return lambda cls: _made(cls, frozen, slots, repr, eq)
        return _made(cls, frozen, slots, repr, eq)

    def _made(cls, frozen, slots, has_repr, has_eq):
        inherited, declared = {}, {}
        for base in cls.__mro__[:0:-1]:
            inherited |= base.__dict__.get("__own_fields__", {})
        for name, kind in cls.__annotations__.items():
            if not kind.startswith("ClassVar["):
                declared[name] = _declared(cls, name, kind)
        if slots:
            cls = _slotted(cls, [name for name in declared if name not in inherited], declared)
        cls.__own_fields__ = inherited | declared
        names = [made.name for made in fields(cls) if made.compare]
        methods = {"__init__": _init(cls, frozen), "__dataclass_fields__": _Standard()}
        if has_repr:
            methods["__repr__"] = _repr
        if has_eq:
            methods["__eq__"] = _eq(names)
        if frozen:
            methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
        if frozen and slots:
            methods |= {"__getstate__": _state, "__setstate__": _restore}
        own = cls.__dict__
        if has_eq and (own.get("__hash__") is None or "__hash__" not in own):
            cls.__hash__ = _hash(names) if frozen else None
        for name, method in methods.items():
            if name not in own:
                setattr(cls, name, method)
        places = (made for made in cls.__own_fields__.values() if made.init and not made.kw_only)
        cls.__match_args__ = tuple(made.name for made in places)
        return cls

    def _declared(cls, name, kind):
        default = cls.__dict__.get(name, _NONE)
        made = default if isinstance(default, Field) else Field(default=default)
        made.name, made.type, made.is_kept = name, kind, not kind.startswith("InitVar[")
        if made is default and made.default is _NONE:
            delattr(cls, name)
        elif made is default:
            setattr(cls, name, made.default)
        return made

    def _slotted(cls, names, declared):
        slots = tuple(name for name in names if declared[name].is_kept)
        gone = ("__dict__", "__weakref__", *slots)
        namespace = {name: value for name, value in cls.__dict__.items() if name not in gone}
        made = type(cls)(cls.__name__, cls.__bases__, {**namespace, "__slots__": slots})
        made.__qualname__ = cls.__qualname__
        return made

    def _init(cls, frozen):
        made = 0

        def __init__(self, *args, **kwargs):  # noqa: N807 - for the first of them
            nonlocal made
            made += 1
            if made > _FEW or not _fill(cls, self, args, kwargs):
                cls.__init__ = _compiled(cls, frozen)
                cls.__init__(self, *args, **kwargs)

        return __init__

    def _fill(cls, self, args, kwargs):
        """Do what the __init__ of a class would do; False where it would do more, or refuse it."""
        own = cls.__own_fields__
        names = cls.__match_args__
        given = dict(zip(names, args, strict=False))
        if len(args) > len(names) or not given.keys().isdisjoint(kwargs):
            return False
        given |= kwargs
        if not own.keys() >= given.keys():
            return False
        for name, made in own.items():
            if not (made.init and made.is_kept):
                return False
            if name not in given:
                if made.default is not _NONE:
                    given[name] = made.default
                elif made.default_factory is not _NONE:
                    given[name] = made.default_factory()
                else:
                    return False
        for name in own:
            object.__setattr__(self, name, given[name])
        if hasattr(cls, "__post_init__"):
            self.__post_init__()
        return True

    def _compiled(cls, frozen):
        space = {"_NONE": _NONE, "_set": object.__setattr__}
        places, names, lines, handed = [], [], [], []
        for made in cls.__own_fields__.values():
            name, value = made.name, made.name
            if made.default is not _NONE:
                space[f"_{name}"] = made.default
                value = f"{name}=_{name}"
            elif made.default_factory is not _NONE:
                space[f"_{name}"] = made.default_factory
                value = f"{name}=_NONE"
                made_here = f"_{name}() if {name} is _NONE else {name}"
            if made.init:
                (names if made.kw_only else places).append(value)
            elif made.default is not _NONE:
                lines.append(f"{name} = _{name}")
            elif made.default_factory is not _NONE:
                lines.append(f"{name} = _NONE")
            else:
                continue
            if not made.is_kept:
                handed.append(name)
                continue
            held = name if made.default_factory is _NONE else made_here
            lines.append(f"_set(self, {name!r}, {held})" if frozen else f"self.{name} = {held}")
        if hasattr(cls, "__post_init__"):
            lines.append(f"self.__post_init__({', '.join(handed)})")
        given = ", ".join(("self", *places, *(("*", *names) if names else ())))
        exec(f"def __init__({given}):\n " + "\n ".join(lines or ["pass"]), space)  # noqa: S102
        space["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
        return space["__init__"]

    def _repr(self):
        shown = (made.name for made in fields(self) if made.repr)
        listed = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({listed})"

    def _values(names):
        if len(names) == 1:
            return lambda one: (getattr(one, names[0]),)
        return attrgetter(*names) if names else lambda _: ()

    def _eq(names):
        values = _values(names)

        def __eq__(self, other):  # noqa: N807
            same = other.__class__ is self.__class__
            return values(self) == values(other) if same else NotImplemented

        return __eq__

    def _hash(names):
        values = _values(names)

        def __hash__(self):  # noqa: N807
            return hash(values(self))

        return __hash__

    def _refuse(self, name, *value):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")

    def _state(self):
        return [getattr(self, made.name) for made in fields(self)]

    def _restore(self, state):
        for made, value in zip(fields(self), state, strict=True):
            object.__setattr__(self, made.name, value)

    class _Standard:
        """What `dataclasses` calls `__dataclass_fields__`, made where somebody asks for it."""

        def __get__(self, one, owner):
            import dataclasses

            same = ("init", "repr", "compare", "kw_only", "metadata")
            defaults = ("default", "default_factory")
            found = {}
            for name, made in owner.__own_fields__.items():
                options = {key: getattr(made, key) for key in same}
                given = {key: getattr(made, key) for key in defaults}
                options |= {key: value for key, value in given.items() if value is not _NONE}
                standard = found[name] = dataclasses.field(**options)
                standard.name, standard.type = name, made.type
                kinds = dataclasses._FIELD, dataclasses._FIELD_INITVAR
                standard._field_type = kinds[not made.is_kept]
            return found
