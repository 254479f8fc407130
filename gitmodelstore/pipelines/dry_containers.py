"""The opcodes that build tuples, lists, dicts and sets: a part of `dry_machine.py`."""

from __future__ import annotations

from gitmodelstore.pipelines.dry_scalars import Scalars
from gitmodelstore.pipelines.dry_symbols import Global, Items, Pairs, Symbol
from gitmodelstore.pipelines.dry_walk import MOST_MARKS, Fault, Walk


class Containers(Scalars):
    """What needs marks besides stack and memo.

    Attributes:
        stacks: those below the marks that are open.
    """

    __slots__ = ("stacks",)

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk)
        self.stacks: list[list[Symbol]] = []

    # Marks

    def on_mark(self, at: int) -> int:
        if len(self.stacks) >= MOST_MARKS:
            raise Fault("it is nested too deeply")
        self.stacks.append(self.stack)
        self.stack = []
        self.push = self.stack.append
        return at

    def above_mark(self) -> list[Symbol]:
        items = self.stack
        if not self.stacks:
            raise Fault("there is no mark")
        self.stack = self.stacks.pop()
        self.push = self.stack.append
        return items

    def on_pop(self, at: int) -> int:
        if self.stack:
            self.stack.pop()
        else:
            self.above_mark()
        return at

    def on_pop_mark(self, at: int) -> int:
        self.above_mark()
        return at

    # Tuples, lists, dicts, sets

    def on_empty_tuple(self, at: int) -> int:
        self.push(())
        return at

    def on_tuple(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.push(tuple(items))
        return at

    def on_tuple1(self, at: int) -> int:
        return self._tuple(1, at)

    def on_tuple2(self, at: int) -> int:
        return self._tuple(2, at)

    def on_tuple3(self, at: int) -> int:
        return self._tuple(3, at)

    def _tuple(self, count: int, at: int) -> int:
        stack = self.stack
        if len(stack) < count:
            raise Fault("the stack is empty")
        items = stack[-count:]
        self.hold(items, at)
        stack[-count:] = [tuple(items)]
        return at

    def hold(self, items: list[Symbol], at: int) -> None:
        if Global in map(type, items):
            self.walk.rules.hold(items, *self.opcode_at(at))

    def on_empty_list(self, at: int) -> int:
        self.push([])
        return at

    def on_list(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.push(items)
        return at

    def on_append(self, at: int) -> int:
        return self._extend([self.stack.pop()], at)

    def on_appends(self, at: int) -> int:
        return self._extend(self.above_mark(), at)

    def _extend(self, items: list[Symbol], at: int) -> int:
        self.hold(items, at)
        target = self.stack[-1]
        if self.walk.rules.extended(target, *self.opcode_at(at)):
            target.extend(items)
        return at

    def on_empty_dict(self, at: int) -> int:
        self.push(Pairs())
        return at

    def on_dict(self, at: int) -> int:
        items = self.above_mark()
        self.push(Pairs())
        return self._set(items, at)

    def on_setitem(self, at: int) -> int:
        value = self.stack.pop()
        return self._set([self.stack.pop(), value], at)

    def on_setitems(self, at: int) -> int:
        return self._set(self.above_mark(), at)

    def _set(self, items: list[Symbol], at: int) -> int:
        if len(items) % 2:
            raise Fault("a key without a value")
        self.hold(items, at)
        target = self.stack[-1]
        if not self.walk.rules.filled(target, items[::2], *self.opcode_at(at)):
            return at
        if type(target) is Pairs:
            target.flat = _extended(target.flat, items)
        else:
            target.pairs = _extended(target.pairs, items)
        return at

    def on_empty_set(self, at: int) -> int:
        self.push(Items())
        return at

    def on_additems(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.walk.rules.keyed(items, *self.opcode_at(at))
        target = self.stack[-1]
        if type(target) is Items and not target.frozen:
            target.held = _extended(target.held, items)
        else:
            self.refuse(at, "items are added to what is no set")
        return at

    def on_frozenset(self, at: int) -> int:
        items = self.above_mark()
        self.hold(items, at)
        self.walk.rules.keyed(items, *self.opcode_at(at))
        self.push(Items(items, frozen=True))
        return at


def _extended(held: list[Symbol] | tuple[()], items: list[Symbol]) -> list[Symbol]:
    """Return `held` with the items behind; a list that is there already grows in place."""
    if not held:
        return items
    assert type(held) is list  # noqa: S101 - only a list is not empty
    held.extend(items)
    return held
