"""Our dataclasses do what those of the standard library do, which is the judge."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import pickle
import sys
from dataclasses import InitVar
from typing import Any, ClassVar

import pytest

from gitmodelstore import lean

KINDS = [
    {"frozen": True, "slots": True},
    {"frozen": True},
    {"slots": True},
    {"eq": False},
    {"frozen": True, "slots": True, "repr": False},
    {},
]


def pair(module: Any, options: dict[str, bool], name: str = "Named") -> type[Any]:
    """A class, or one that inherits from it, made by a module's decorator."""

    class Point:
        """A docstring, without which the standard library makes one of the signature."""

        KIND: ClassVar[str] = "point"
        x: int
        y: int = 2
        names: list[str] = module.field(default_factory=list)
        hidden: Any = module.field(default=None, compare=False, repr=False, kw_only=True)

    made = module.dataclass(**options)(Point)
    if name == "Point":
        return made  # type: ignore[no-any-return]

    class Named(made):  # type: ignore[misc,valid-type]
        """Another."""

        given: InitVar[str] = "z"
        label: str = module.field(init=False)

        def __post_init__(self, given: str) -> None:
            object.__setattr__(self, "label", f"{given}{self.x}")

    return module.dataclass(**options)(Named)  # type: ignore[no-any-return]


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize(
    ("args", "name"),
    [
        ((1,), "Named"), ((1, 3), "Named"), ((1, 3, ["a"]), "Named"), ((1, 3, [], "g"), "Named"),
        ((1,), "Point"), ((1, 3), "Point"), ((1, 3, ["a"]), "Point"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("few", [0, 16])  # objects, before an __init__ is compiled
def test_they_are_alike(
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, bool],
    args: tuple[Any, ...],
    name: str,
    few: int,
) -> None:
    monkeypatch.setattr(lean, "_FEW", few)
    ours, theirs = pair(lean, options, name), pair(dataclasses, options, name)

    one, other = ours(*args, hidden=5), theirs(*args, hidden=5)

    if options.get("repr", True):
        assert repr(one) == repr(other)
    assert (one == ours(*args)) is (other == theirs(*args))
    assert one != ours(9)
    assert one != other
    assert ours.__match_args__ == theirs.__match_args__
    assert (ours.__hash__ is None) is (theirs.__hash__ is None)
    names = [found.name for found in dataclasses.fields(theirs)]
    assert [found.name for found in lean.fields(ours)] == names
    assert [found.name for found in dataclasses.fields(ours)] == names
    assert dataclasses.asdict(one) == dataclasses.asdict(other)
    assert repr(lean.replace(one, x=7)).split("(")[-1] == repr(
        dataclasses.replace(other, x=7)
    ).split("(")[-1] or not options.get("repr", True)
    assert getattr(ours, "__slots__", None) == getattr(theirs, "__slots__", None)


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("name", ["Named", "Point"])
def test_so_are_their_refusals(options: dict[str, bool], name: str) -> None:
    for module in (lean, dataclasses):
        made = pair(module, options, name)
        missing = rf"{name}.__init__\(\) missing 1 required .*: 'x'"
        with pytest.raises(TypeError, match=missing):
            made()
        made = pair(module, options, name)
        with pytest.raises(TypeError, match="got multiple values for argument 'x'"):
            made(1, x=1)
        made = pair(module, options, name)
        with pytest.raises(TypeError, match="positional argument"):
            made(1, 2, [], "", 5, 6)
        made = pair(module, options, name)
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            made(1, z=1)
        if options.get("frozen"):
            with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
                made(1).x = 2
            with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
                del made(1).x
            if options.get("eq", True):
                with pytest.raises(TypeError, match="unhashable type: 'list'"):
                    hash(made(1))


@lean.dataclass(frozen=True, slots=True)
class Kept:
    """One that is pickled."""

    x: int
    y: tuple[int, ...] = ()

    def __hash__(self) -> int:
        return 7


def test_copies_are_equal_and_what_the_class_defines_stays() -> None:
    one = Kept(1, (2,))

    for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert again == one
        assert again is not one
    assert hash(one) == 7
    assert {Kept(1), Kept(1)} == {Kept(1)}


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize("size_bytes", [None, 1 << 30])
def test_digests_are_those_of_hashlib_whether_it_is_loaded_or_not(
    monkeypatch: pytest.MonkeyPatch, is_loaded: bool, size_bytes: int | None
) -> None:
    if not is_loaded:
        monkeypatch.delitem(sys.modules, "hashlib")

    for name, data in itertools.product(("sha1", "sha256"), (b"", b"abc", b"x" * 300_000)):
        digest = getattr(lean, name)(memoryview(data), size_bytes)
        digest.update(b"more")
        assert digest.hexdigest() == getattr(hashlib, name)(data + b"more").hexdigest()


def test_a_python_without_digests_of_its_own_takes_those_of_openssl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "hashlib")
    monkeypatch.setattr(lean, "_OWN", {"sha1": "_no_sha1"})

    assert lean.sha1(b"abc").hexdigest() == "a9993e364706816aba3e25717850c26c9cd0d89d"
