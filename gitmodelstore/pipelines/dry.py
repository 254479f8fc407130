"""What a joblib file is, told without running it: nothing is imported, nothing is called.

The way in: `walk` for hooks, `gms inspect` and `git diff`. The standard library does,
so that a hook runs from a bare clone. The machine is `dry_machine.py`, what speaks
against a file `dry_rules.py`, what people want to know of it `summary.py`.

An answer without refusals is no promise: the guarded loader also looks at what the
names are. A refusal is one: it would not load the file.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import cast

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.pipelines.compression import MOST_BYTES, compressor_of, decompress
from gitmodelstore.pipelines.dry_machine import Machine
from gitmodelstore.pipelines.dry_places import Symbols
from gitmodelstore.pipelines.dry_rules import Refusal, Rules, shortened
from gitmodelstore.pipelines.dry_symbols import Array, Items, Made, Pairs, Symbol
from gitmodelstore.pipelines.dry_walk import SPARE_OPCODES, Walk
from gitmodelstore.pipelines.places import misplaced
from gitmodelstore.pipelines.rights import NOBODY, RIGHTS, Rights, Trust

MOST_LEVELS = 10_000  # of containers within containers
_START_BYTES = 64  # that say what a file is

_WRITE_AGAIN = "write it again with `joblib.dump(pipeline, file)`"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_LEAVES = frozenset({str, int, float, bool, bytes, type(None), Array})


@dataclass(frozen=True, slots=True)
class GlobalUse:
    """A name that a file uses.

    Attributes:
        name: as "sklearn.pipeline.Pipeline".
        used: rights that it uses, of "value", "call", "new" and "state", in that order.
        rights: what may be done with it; None when it may not be used at all.
        verdict: "listed"; by its spelling "data" or "scikit-learn"; "trusted"; "refused".
        offset: of the opcode that named it first.
    """

    name: str
    used: tuple[str, ...]
    rights: Rights | None
    verdict: str
    offset: int

    @property
    def is_refused(self) -> bool:
        """Whether it may not be used so."""
        return self.rights is None or not self.rights.allowed.issuperset(self.used)


@dataclass(frozen=True, slots=True)
class Dry:
    """What a dry walk found.

    Attributes:
        root: the symbol of the object that the file holds.
        protocol: of the pickle.
        compression: name of joblib's compressor; None for a plain file.
        size_bytes: of the file.
        pickle_bytes: of what it holds, decompressed.
        globals: the names that it uses, in order.
        arrays: those whose bytes joblib wrote between the opcodes.
        refusals: why the guarded loader would refuse it; empty when nothing is known.
    """

    root: Symbol = field(repr=False)
    protocol: int
    compression: str | None
    size_bytes: int
    pickle_bytes: int
    globals: tuple[GlobalUse, ...]
    arrays: tuple[Array, ...] = field(repr=False)
    refusals: tuple[Refusal, ...]


def walk(
    data: bytes | memoryview,
    *,
    name: str = "pipeline.joblib",
    trust: Trust = NOBODY,
    most_bytes: int = MOST_BYTES,
) -> Dry:
    """Return what `data`, a whole file that joblib wrote, holds.

    Args:
        data: the file, plain or in any of joblib's compressions but lz4.
        name: what to call it in errors.
        trust: names besides the table of `rights.py`.
        most_bytes: that it may have when decompressed.

    Raises:
        NotAPipeline: joblib did not write it.
        BrokenPipelineFile: it cannot be read to its end.
    """
    start = bytes(data[:_START_BYTES])
    refuse_other_files(start, name)
    compression = compressor_of(start)
    if compression is None:
        held, behind = _as_bytes(data), 0
    else:
        content = BytesIO()  # hands out what it holds without a copy
        keep = content.write
        behind = decompress(data, compression, keep, name=name, most_bytes=most_bytes)
        held = content.getvalue()
    rules = Rules(trust)
    state = Walk(name, held, rules, left=SPARE_OPCODES + len(data))
    machine = Machine(state)
    root, end = _run(machine, held)
    if machine.protocol < 2:
        rules.refuse(f"pickle protocol {machine.protocol}", "STOP", end - 1)
    rules.ended(root, "STOP", end - 1)
    for found in misplaced(rules.stated, root, Symbols()):
        rules.refuse(shortened(found.fault), "STOP", end - 1)
    if state.wrappers:
        rules.refuse("an array of joblib's without its bytes", "STOP", end - 1)
    behind += len(held) - end
    if behind:
        rules.refuse(f"{behind:,} bytes follow the end", "STOP", end - 1)
    if _is_too_deep(root):
        rules.refuse(f"it is nested more than {MOST_LEVELS:,} deep", "STOP", end - 1)
    return Dry(
        root=root,
        protocol=machine.protocol,
        compression=compression,
        size_bytes=len(data),
        pickle_bytes=len(held),
        globals=tuple(_uses(rules)),
        arrays=tuple(state.arrays),
        refusals=tuple(rules.refusals.values()),
    )


def _as_bytes(data: bytes | memoryview) -> bytes:
    """Return what reads as bytes do, of large memory without a copy: a mapping does."""
    if isinstance(data, bytes):
        return data
    whole = data.obj
    is_all = isinstance(whole, mmap.mmap) and len(whole) == data.nbytes
    return cast(bytes, whole) if is_all else bytes(data)


def refuse_other_files(data: bytes, name: str) -> None:
    """Refuse what joblib cannot have written, or wrote before 0.10.

    Raises:
        NotAPipeline: says what it is.
    """
    if not data:
        raise NotAPipeline(f"'{name}' is empty", hint=_WRITE_AGAIN)
    if data.startswith(_LFS_POINTER):
        raise NotAPipeline(
            f"'{name}' is a Git LFS pointer, not the file that it points to",
            hint="run `git lfs pull`",
        )
    if data.startswith(b"ZF"):
        raise NotAPipeline(f"'{name}' was written by a joblib before 0.10", hint=_WRITE_AGAIN)


def _run(machine: Machine, held: bytes) -> tuple[Symbol, int]:
    """Run the machine; what does not even begin as a pickle is no damaged one."""
    try:
        return machine.run(0)
    except BrokenPipelineFile:
        if held[:1] == b"\x80":
            raise
        reason = f"'{machine.walk.name}' is not a file that joblib wrote"
        raise NotAPipeline(reason, hint=_WRITE_AGAIN) from None


def _uses(rules: Rules) -> Iterator[GlobalUse]:
    for held in rules.globals.values():
        used = tuple(right for right in RIGHTS if right in held.used)
        yield GlobalUse(str(held), used, held.rights, held.verdict, held.offset)


def _is_too_deep(root: Symbol) -> bool:
    """Whether something is only reached through very many containers, the shortest way."""
    level, seen = [root], {id(root)}
    for _ in range(MOST_LEVELS):
        if not level:
            return False
        below = []
        for symbol in level:
            for part in _parts(symbol):
                if id(part) not in seen:
                    seen.add(id(part))
                    below.append(part)
        level = below
    return True


def _parts(symbol: Symbol) -> list[Symbol]:
    """Return what a symbol holds, without what holds nothing itself."""
    kind = type(symbol)
    if kind is list or kind is tuple:
        held = symbol
    elif kind is Pairs:
        held = symbol.flat
    elif kind is Items:
        held = symbol.held
    elif kind is Made:
        held = (symbol.of, symbol.arguments, symbol.state, *symbol.pairs)
    else:
        return []
    return [part for part in held if type(part) not in _LEAVES]
