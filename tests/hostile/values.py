"""What the corpus is made of: values that a program can leave, and the file that holds it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, Literal

Fires = Literal["at load", "at predict", "never"]


def _value(name: str, *fields: str, **defaults: Any) -> Any:
    """A class of values, which compare and match by their fields."""
    more = [(field, Any, default) for field, default in defaults.items()]
    return make_dataclass(name, [*fields, *more], frozen=True)


Name = _value("Name", "target")  # a global, `module:name`
Call = _value("Call", "function", "arguments")  # REDUCE: what `function` leaves, with a tuple
New = _value("New", "cls", arguments=(), named=None)  # NEWOBJ, or NEWOBJ_EX with named arguments
Build = _value("Build", "target", "state")  # BUILD: `state` given to what `target` leaves
Append = _value("Append", "target", "items")  # APPENDS: `items` to what `target` leaves
Fill = _value("Fill", "target", "items")  # SETITEMS: pairs of key and value
Add = _value("Add", "target", "items")  # ADDITEMS
Array = _value("Array", "cls", "state", "data")  # as joblib: an instance, its state, raw data
Keep = _value("Keep", "index", "value")  # what `value` leaves, kept in the memo too
Kept = _value("Kept", "index")  # what the memo holds
Extension = _value("Extension", "code")  # EXT1: what `copyreg` holds under a code


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
