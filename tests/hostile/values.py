"""What the corpus is made of: values that a program can leave, and the file that holds it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Fires = Literal["at load", "at predict", "never"]


@dataclass(frozen=True, slots=True)
class Name:
    """A global, `module:name`."""

    target: str


@dataclass(frozen=True, slots=True)
class Call:
    """REDUCE: whatever `function` leaves, called with a tuple."""

    function: Any
    arguments: Any


@dataclass(frozen=True, slots=True)
class New:
    """NEWOBJ, or NEWOBJ_EX when there are named arguments."""

    cls: Any
    arguments: Any = ()
    named: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """BUILD: `state` given to whatever `target` leaves."""

    target: Any
    state: Any


@dataclass(frozen=True, slots=True)
class Append:
    """APPENDS: `items` to whatever `target` leaves."""

    target: Any
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """SETITEMS: pairs of key and value into whatever `target` leaves."""

    target: Any
    items: tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class Add:
    """ADDITEMS: `items` to whatever `target` leaves."""

    target: Any
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """An array as joblib writes it: an instance of `cls`, its state, then `data` as it is."""

    cls: Any
    state: Any
    data: bytes


@dataclass(frozen=True, slots=True)
class Keep:
    """Whatever `value` leaves, kept in the memo too."""

    index: int
    value: Any


@dataclass(frozen=True, slots=True)
class Kept:
    """What the memo holds."""

    index: int


@dataclass(frozen=True, slots=True)
class Extension:
    """EXT1: whatever `copyreg` holds under a code."""

    code: int


@dataclass(frozen=True, slots=True)
class Hostile:
    """One file of the corpus.

    Attributes:
        family: the kind of attack.
        name: unique within the family.
        data: the bytes of the file.
        fires: when plain `joblib.load` lets it act. "never" are bombs, which are not to be loaded
            without a guard, and what merely has to be refused.
        needs: requirements that must all hold for it to fire, such as "numpy<2"; the guard must
            refuse it in any case.
        beside: files that it uses, by their name in the folder of the marker.
        ask: the method that lets a file that fires "at predict" act.
    """

    family: str
    name: str
    data: bytes = field(repr=False)
    fires: Fires
    needs: tuple[str, ...] = ()
    beside: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    ask: str = "predict"

    @property
    def id(self) -> str:
        return f"{self.family}: {self.name}"

    def place(self, folder: Path) -> Path:
        """Write the file and what it uses into the folder of the marker; return its path."""
        for name, data in self.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        path = folder / "hostile.joblib"
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True, slots=True)
class Effect:
    """The one harmless thing that every file of the corpus does: make the marker."""

    marker: Path

    @property
    def path(self) -> str:
        return str(self.marker)

    @property
    def folder(self) -> str:
        return str(self.marker.parent)

    @property
    def argv(self) -> list[str]:
        return ["touch", self.path]

    @property
    def command(self) -> str:
        """For a shell."""
        return shlex.join(self.argv)

    @property
    def expression(self) -> str:
        """For eval."""
        return f"__import__('pathlib').Path({self.path!r}).touch()"

    @property
    def statement(self) -> str:
        """For exec."""
        return f"import pathlib; pathlib.Path({self.path!r}).touch()"

    @property
    def code(self) -> bytes:
        """A Python source file."""
        return f"{self.statement}\n".encode()

    @property
    def saver(self) -> Call:
        """A callable that makes the marker and takes one or two arguments of any kind."""
        return call("functools:partial", Name("numpy:save"), self.path)

    @property
    def starter(self) -> Call:
        """A callable that makes the marker and takes no argument."""
        return call("functools:partial", Name("os:system"), self.command)

    @property
    def anything(self) -> Call:
        """A callable that makes the marker and takes whatever it is given."""
        return call("builtins:eval", f"lambda *_, **__: {self.expression}")

    def beside(self, name: str) -> str:
        """The path of a file that the hostile one uses."""
        return str(self.marker.parent / name)


def has_fired(marker: Path) -> bool:
    """Whether something was made whose name begins with the marker's: numpy adds `.npy`."""
    return any(path.name.startswith(marker.name) for path in marker.parent.iterdir())


def call(function: Any, *arguments: Any, **named: Any) -> Call:
    """A call of `module:name`, or of whatever another value leaves.

    Named arguments are those of a partial, which only its state can bring.
    """
    name = Name(function) if isinstance(function, str) else function
    if not named:
        return Call(name, arguments)
    return Call(Build(call("functools:partial", name), (name, (), named, {})), arguments)


def files(
    family: str,
    programs: Mapping[str, bytes],
    fires: Fires = "at load",
    *,
    needs: tuple[str, ...] = (),
    beside: Mapping[str, bytes] | None = None,
) -> Iterator[Hostile]:
    """One file a program, by its name."""
    for name, data in programs.items():
        yield Hostile(family, name, data, fires, needs, beside or {})
