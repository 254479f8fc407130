"""Arrays as joblib writes them, whose wrapper, dtype or nested pickle is hostile."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .values import Array, Build, Call, Effect, Hostile, Keep, Kept, Name, New, call, files
from .writer import Writer, pickled, written

NESTED = "nested arrays"
WRAPPERS = "wrappers of arrays"
LEGACY = "legacy containers"

_WRAPPER = "joblib.numpy_pickle:NumpyArrayWrapper"
_OLD_WRAPPER = "joblib.numpy_pickle_compat:NDArrayWrapper"


def nested_arrays(effect: Effect) -> Iterator[Hostile]:
    act = call("os:system", effect.command)
    for framed in (False, True):
        ending = ", framed" if framed else ""
        for name, value in _places(act).items():
            yield from files(NESTED, {f"{name}{ending}": pickled(value, framed=framed)})
    yield from written(NESTED, _inner_programs(effect, act))


def wrappers(effect: Effect) -> Iterator[Hostile]:
    yield from written(WRAPPERS, _acting_states(effect))
    subclass = {"a hostile subclass": _numbers(subclass=_finalizing(effect))}
    yield from written(WRAPPERS, subclass, needs=("numpy<2",))
    for programs in (_wild_states, _wild_dtypes, _wild_programs):
        yield from written(WRAPPERS, programs(), "never")


def legacy_containers(effect: Effect) -> Iterator[Hostile]:
    act = call("os:system", effect.command)
    beside = {"beside.npy": npy(act), "beside.z": zfile(bytes(8))}
    alone = {"ZF": zfile(pickled(act)), "ZF of protocol 2": zfile(pickled(act, 2))}
    yield from files(LEGACY, alone)
    referring = _old_wrapper("beside.npy")
    yield from files(LEGACY, {"NDArrayWrapper": pickled(referring)}, beside=beside)
    yield from files(LEGACY, {"NDArrayWrapper in ZF": zfile(pickled(referring))}, beside=beside)
    yield from files(LEGACY, _merely_legacy(), "never", beside=beside)


def dtype(code: str, flags: int = 0) -> Build:
    """A dtype as numpy pickles it."""
    order = "|" if code[0] in "OSVb" else "<"
    return Build(
        call("numpy:dtype", code, False, True), (3, order, None, None, None, -1, -1, flags)
    )


def array(shape: Any, kind: Any, data: bytes, /, **others: Any) -> Array:
    """An array behind joblib's wrapper; `others` are more of its state, or replace it."""
    written = {"subclass": Name("numpy:ndarray"), "order": "C", "allow_mmap": False}
    return Array(Name(_WRAPPER), written | {"shape": shape, "dtype": kind} | others, data)


def objects(nested: bytes, /, **others: Any) -> Array:
    """An array of one object, whose items are in a pickle of their own."""
    return array((1,), dtype("O", 63), nested, **others)


def zfile(data: bytes) -> bytes:
    """A container of joblib before 0.10: mark, size in hex, zlib."""
    return b"ZF" + hex(len(data)).ljust(len(hex(2**64))).encode() + zlib.compress(data)


def _numbers(**others: Any) -> Array:
    return array((2,), dtype("f8"), bytes(16), **others)


def _places(act: Call) -> dict[str, Any]:
    hostile = objects(pickled(act))
    ridge = New(Name("sklearn.linear_model:Ridge"))
    return {
        "the only array": hostile,
        "the tenth array": [_numbers()] * 9 + [hostile],
        "an attribute of an estimator": Build(ridge, {"coef_": _numbers(), "classes_": hostile}),
        "an argument of a call": call("numpy:array", hostile),
        "a key of a dictionary": [{"model": [hostile]}],
        "after a piece of an honest nested pickle": objects(pickled([1, "model", act])),
    }


def _inner_programs(effect: Effect, act: Call) -> dict[str, Any]:
    items = _as_numpy_pickles(act)
    return {
        "protocol 0 in it": objects(pickled(act, 0)),
        "protocol 2 in it": objects(pickled(act, 2)),
        "protocol 5 in it": objects(pickled(act, 5, framed=True)),
        "INST in it": objects(Writer(0).mark().unicode(effect.command).inst("os:system").stop()),
        "items of an array in it": objects(pickled(items)),
        "items of an array in an array in it": objects(pickled(_as_numpy_pickles(items))),
        "pickle.loads in it": objects(pickled(call("pickle:loads", pickled(act)))),
        "acts, then breaks off": objects(pickled(act)[:-1]),
        "acts, honest at last": objects(Writer(4).push(act).pop().push(items).stop()),
        "a wrapper in it, which nobody replaces": objects(pickled([_numbers_wrapper(), act])),
        "with an alignment": objects(pickled(act), numpy_array_alignment_bytes=16),
        "memory-mapped, if that is allowed": objects(pickled(act), allow_mmap=True),
        "Fortran order": objects(pickled(act), order="F"),
        "a shape that is not its own": objects(pickled(act), shape=()),
    }


def _as_numpy_pickles(item: Any) -> Build:
    """An array of one object, as numpy itself pickles it."""
    empty = call("numpy.core.multiarray:_reconstruct", Name("numpy:ndarray"), (0,), b"b")
    return Build(empty, (1, (1,), dtype("O", 63), False, [item]))


def _numbers_wrapper() -> Build:
    return Build(New(Name(_WRAPPER)), {"shape": (2,), "dtype": dtype("f8"), "order": "C"})


def _with_method(method: str, effect: Effect) -> Call:
    """An instance that acts when Python asks it something."""
    return call(call("builtins:type", "Step", (), {method: effect.anything}))


def _acting_states(effect: Effect) -> dict[str, Any]:
    """The state of a wrapper is its attributes, and joblib uses them without a look."""
    nested = pickled(call("os:system", effect.command))
    looks_like_a_dtype = Build(New(Name("types:SimpleNamespace")), {"hasobject": True})
    return {
        "its read is replaced": _numbers(read=effect.anything),
        "its read_array is replaced": _numbers(read_array=effect.anything),
        "its alignment is a function": _numbers(
            safe_get_numpy_array_alignment_bytes=effect.anything
        ),
        "its shape acts when its length is asked": _numbers(shape=_with_method("__len__", effect)),
        "a size acts when it becomes a number": _numbers(shape=(_with_method("__int__", effect),)),
        "its order acts when it is compared": _numbers(order=_with_method("__eq__", effect)),
        "its dtype only looks like one": array((1,), looks_like_a_dtype, nested),
        "its dtype has fields of objects": array((1,), _fields("O"), nested),
        "odd keys beside the known": objects(nested, _sklearn_version="1.5.0", model=1),
        "a subclass that is no array": objects(nested, subclass=Name("subprocess:Popen")),
    }


def _finalizing(effect: Effect) -> Call:
    attributes = {"__array_finalize__": effect.anything}
    return call("builtins:type", "Step", (Name("numpy:ndarray"),), attributes)


def _fields(code: str, offset: int = 0) -> Build:
    """A dtype of one field."""
    flags = 63 if code == "O" else 0
    fields = {"a": (dtype(code, flags), offset)}
    return Build(
        call("numpy:dtype", "V8", False, True), (3, "|", None, ("a",), fields, 8, 1, flags)
    )


def _wild_states() -> dict[str, Any]:
    shapes: dict[str, Any] = {
        "below zero": (-1,),
        "below zero twice": (-1, -8),
        "beyond the file": (2**40,),
        "beyond an address": (2**62,),
        "a product that overflows": (2**32, 2**32),
        "a product that overflows to little": (2**62, 2**62, 2),
        "a hundred dimensions": (1,) * 100,
        "a list": [2],
        "a number": 2,
        "None": None,
        "text": "22",
        "fractions": (2.5,),
        "truth": (True, 2),
    }
    alignments = {"zero": 0, "below zero": -16, "vast": 2**40, "text": "16"}
    programs: dict[str, Any] = {f"shape: {name}": _numbers(shape=it) for name, it in shapes.items()}
    return programs | {
        f"alignment: {name}": _numbers(numpy_array_alignment_bytes=it)
        for name, it in alignments.items()
    }


def _wild_dtypes() -> dict[str, Any]:
    raw = b"\x41" * 64
    return {
        "dtype: pointers from the file": array((1,), dtype("O", 0), raw),
        "dtype: times that claim to be pointers": array((1,), dtype("m8", 63), raw),
        "dtype: numbers that claim to be pointers": array((1,), dtype("f8", 63), raw),
        "dtype: such times in an array in it": array((1,), dtype("O", 63), pickled(_times())),
        "dtype: a field of pointers, its flag cleared": array((1,), _without_flag(), raw),
        "dtype: a field beyond the item": array((1,), _fields("f8", 2**20), raw),
        "dtype: a field before the item": array((1,), _fields("f8", -64), raw),
        "dtype: an item of two gigabytes": array((1,), dtype("V2147483647"), raw),
        "dtype: items of nothing, endless": array((2**62,), dtype("V0"), raw),
        "dtype: text": array((1,), "f8", raw),
        "dtype: a class": array((1,), Name("builtins:object"), raw),
        "dtype: None": array((1,), None, raw),
        "dtype: strings of variable length": array(
            (1,), call("builtins:getattr", Name("numpy:dtypes"), "StringDType"), raw
        ),
    }


def _times() -> Build:
    """An array whose type says that it holds times, and its flags that these are objects."""
    empty = call("numpy.core.multiarray:_reconstruct", Name("numpy:ndarray"), (0,), b"b")
    return Build(empty, (1, (1,), dtype("m8", 63), False, ["waited"]))


def _without_flag() -> Build:
    fields = {"a": (dtype("O", 63), 0)}
    return Build(call("numpy:dtype", "V8", False, True), (3, "|", None, ("a",), fields, 8, 1, 0))


def _wild_programs() -> dict[str, Any]:
    bare = New(Name(_WRAPPER))
    return {
        "without a state": bare,
        "a state that is a list": Build(bare, [1]),
        "a state that lacks all": Build(bare, {}),
        "its order: text": _numbers(order="K"),
        "its subclass: None": _numbers(subclass=None),
        "raw bytes that are missing": array((2,), dtype("f8"), b""),
        "padding that is missing": array(
            (2,), dtype("f8"), b"\xff", numpy_array_alignment_bytes=16
        ),
        "nested pickle that is missing": objects(b""),
        "nested pickle of another value": objects(pickled("model")),
        "built twice": [Keep(0, bare), Build(Build(Kept(0), {"shape": (2,)}), {"shape": ()})],
        "made by a call": call(_WRAPPER, Name("numpy:ndarray"), (2,), "C", dtype("f8")),
        "a slot state": Build(bare, (None, {"shape": (2,)})),
    }


def npy(act: Call) -> bytes:
    """An `.npy` file whose items are a pickle of ours."""
    header = io.BytesIO()
    about = {"descr": "|O", "fortran_order": False, "shape": (1,)}
    np.lib.format.write_array_header_1_0(header, about)
    return header.getvalue() + pickled(act)


def _old_wrapper(filename: str) -> Build:
    state = {"filename": filename, "subclass": Name("numpy:ndarray"), "allow_mmap": False}
    return Build(New(Name(_OLD_WRAPPER)), state)


def _merely_legacy() -> dict[str, bytes]:
    zipped = New(Name("joblib.numpy_pickle_compat:ZNDArrayWrapper"))
    state = {
        "filename": "beside.z",
        "init_args": (Name("numpy:ndarray"), (0,), "b"),
        "state": (1, (1,), dtype("f8"), False),
    }
    honest = pickled(New(Name("sklearn.linear_model:Ridge")))
    return {
        "ZNDArrayWrapper": pickled(Build(zipped, state)),
        "NDArrayWrapper of a file elsewhere": pickled(_old_wrapper("../../elsewhere.npy")),
        "NDArrayWrapper of an absolute path": pickled(_old_wrapper("/dev/zero")),
        "NDArrayWrapper without a file": pickled(_old_wrapper("missing.npy")),
        "ZF around something honest": zfile(honest),
        "ZF that lies about its size": b"ZF"
        + b"0xffffffffffffffff ".ljust(19)
        + zlib.compress(honest),
        "ZF in ZF": zfile(zfile(honest)),
        "ZF without content": b"ZF0x1",
    }
