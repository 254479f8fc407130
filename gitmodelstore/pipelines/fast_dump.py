"""The bytes of `joblib.dump` from the C pickler: a forest takes a third of the time.

joblib runs the pickler that is written in Python, since that one can be stopped
after the small wrapper that stands for an array, for the array's data to follow.
The C pickler cannot be stopped, but what joblib does there is known beforehand: a
wrapper's state ends with the opcodes SETITEMS and BUILD, the frame is closed, the
data comes. So here a mark stands at either end of each state, an integer of 120
random bits that the pickler writes like any other; afterwards the marks are taken
out, the frames are cut as joblib cuts them, and the data is put in.

Where the two picklers would write something else, nothing is written, and the
caller goes joblib's way: see `_Differs`.

Source of the opcodes: Python's Lib/pickletools.py. Of the frames: PEP 3154, and
joblib's numpy_pickle.py, `NumpyPickler.save`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyPickler

from gitmodelstore.pipelines.recording import RecordingPickler
from gitmodelstore.pipelines.unportable import PICKLING_ERRORS

_FRAME = 0x95
_FRAME_HEAD = 9  # bytes: the opcode, the length
_LEAST_FRAMED = 4  # bytes; the picklers leave less without a frame
_LARGEST_FRAME = 64 * 1024  # bytes; from there on the picklers cut at places of their own
_BATCH = 1000  # items; where a batch of them is full, the picklers end it differently

_ARRAYS = (np.ndarray, np.matrix, np.memmap)
_COUNTED = frozenset({list, dict, set, frozenset})
_REDUCED = b")R\x94}\x94("  # no arguments, REDUCE, MEMOIZE, the state: EMPTY_DICT, MEMOIZE, MARK
_BUILT = b")\x81\x94}\x94("  # the same with NEWOBJ, which is how joblib's pickler makes a wrapper
_STATE_ENDS = b"ub"


class _Differs(Exception):
    """joblib's pickler would write, or this one has written, something of another form.

    An array that stands in two places: joblib writes it twice, the C pickler once and
    a reference, which joblib could not read. A container with a full batch, a frame
    at its largest, a text or bytes too large for a frame: cut at other places.
    """


def fast_dump(pipeline: Any, pickler: NumpyPickler) -> bool:
    """Do what `pickler.dump(pipeline)` does.

    Args:
        pipeline: any object.
        pickler: one of joblib's that has written nothing yet, and notes `names`; it
            makes the wrappers and writes the data of arrays.

    Returns:
        False when that has to be asked, also for its error: nothing was written.
    """
    if pickler.proto < 4:
        return False
    buffer = BytesIO()
    marking = _MarkingPickler(buffer, pickler)
    try:
        marking.dump(pipeline)
        data = buffer.getvalue()
        pieces = list(marking.pieces(_without_frames(data)))
    except (_Differs, *PICKLING_ERRORS):
        return False
    pickler.names |= marking.names
    write = pickler.file_handle.write
    write(data[:2])  # the protocol
    for piece, (wrapper, array) in zip(pieces, marking.arrays, strict=False):
        write(piece)
        wrapper.write_array(array, pickler)
    write(pieces[-1])
    return True


class _MarkingPickler(RecordingPickler):
    """Writes joblib's wrapper for each array, with a mark at either end of its state."""

    def __init__(self, handle: Any, maker: NumpyPickler) -> None:
        super().__init__(handle, maker.proto)
        self._make_wrapper = maker._create_array_wrapper
        self._seen = 0
        first = int.from_bytes(b"\0" + os.urandom(14) + b"\1", "little")
        self._keys = (first, first + 1)
        self.arrays: list[tuple[NumpyArrayWrapper, Any]] = []

    def persistent_id(self, obj: Any) -> None:
        """Look at every object, those met before too; none is written in a way of its own."""
        kind = type(obj)
        if kind in _ARRAYS:
            self._seen += 1
        elif kind in _COUNTED and len(obj) >= _BATCH:
            raise _Differs

    def reducer_override(self, obj: Any) -> Any:
        """Put the wrapper in an array's place."""
        if type(obj) in _ARRAYS:
            array = np.asanyarray(obj) if type(obj) is np.memmap else obj
            wrapper = self._make_wrapper(array)
            self.arrays.append((wrapper, array))
            before, after = self._keys
            # The C pickler makes no object of another class than the one it writes (NEWOBJ),
            # so that the class is called (REDUCE).
            return NumpyArrayWrapper, (), {before: None, **vars(wrapper), after: None}
        reduced = super().reducer_override(obj)
        if isinstance(reduced, tuple) and any(reduced[3:5]) and len(obj) >= _BATCH:
            raise _Differs  # a list or a dict of a class of its own
        return reduced

    def pieces(self, stream: bytes) -> Iterator[bytes]:
        """Yield what stands before, between and after the data of the arrays, framed.

        Raises:
            _Differs: see there.
        """
        before, after = (b"\x8a\x10" + key.to_bytes(16, "little") + b"N" for key in self._keys)
        piece, *states = stream.split(before)
        if not self._seen == len(self.arrays) == len(states):
            raise _Differs
        for held in states:
            state, _, rest = held.partition(after)
            if not (piece.endswith(_REDUCED) and rest.startswith(_STATE_ENDS)):
                raise _Differs
            yield _framed(piece.removesuffix(_REDUCED) + _BUILT + state + _STATE_ENDS)
            piece = rest.removeprefix(_STATE_ENDS)
        yield _framed(piece)


def _without_frames(data: bytes) -> bytes:
    """Return a pickle without its protocol and the heads of its frames."""
    parts, position = [], 2
    while position < len(data):
        if data[position] != _FRAME:
            raise _Differs
        start = position + _FRAME_HEAD
        position = start + int.from_bytes(data[position + 1 : start], "little")
        parts.append(data[start:position])
    return b"".join(parts)


def _framed(piece: bytes) -> bytes:
    if len(piece) >= _LARGEST_FRAME:
        raise _Differs
    if len(piece) < _LEAST_FRAMED:
        return piece
    return bytes([_FRAME]) + len(piece).to_bytes(8, "little") + piece
