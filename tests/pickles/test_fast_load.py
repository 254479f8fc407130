"""The fast way returns what joblib returns: values, identities, dtypes, flags and bytes."""

from __future__ import annotations

import base64
import gc
import io
import math
import mmap
import zlib
from collections import OrderedDict, deque
from json import JSONEncoder
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitmodelstore.pickles import fast_load as module
from gitmodelstore.pickles.fast_load import fast_load, is_fast_here
from tests.zoo import DEPRECATED, ZOO, difference, saved
from tests.zoo.specimen import any_class, dumped

# Of joblib 1.2.0 and 1.1.1, with numpy 1.26.4; the second has no padding before arrays.
NUMBERS_OF_1_2 = (
    b"c-m`VnR<l*0%E6V^ay9=C*@=&>E)H?7F5O;WF}|lq)zD(^aF7ni;5B}!;2CN3Q~)vOrE0IIHeY-gQK`KDLE&xxOhqr"
    b"D_GZ*9`?MHM37pbq8`@bjKqS}Dc;PjKz4pn3Q%hgqcf15Qc?*N&tQkKfNGi2ET(jJv`-0|qT$Wl!)P<b&(F{6KM;Tk"
    b"Z-$a7Nj+SNIXU^|@wvH)1yeeDq#^DE+ZLaglbN2Eo0?Y=pHx|rT0F&DpfpL~KN?^_0Uzw442P+HP*xAq;gwS|m?6H)"
    b"V9Vgl;PPhjW@?*~!PCR&HYI~EL!gH#(+J_v3=vFcW{7oUh~u!IiGh)UnPI96)IL<JG&6WIc%gQfAP0us6g;+Yq4<wI"
    b"RSy6yQNte"
)
NUMBERS_OF_1_1 = (
    b"c-m`VnYx7m0%E6V^ay9=C*@=&>E)H?7F5O;WF}|lq)zD(^aF7ni;5B}!;2CN3Q~)vOrE0IIHeY-gQK`KDLE&xxOhqr"
    b"D_GZ*9`?MHM37pbq8`@bjKqS}Dc;PjKz4pn3Q%hgqcf15Qc?*N&tQkKfNGi2ET(jJv`-0|qT$Wl!)P<b&(F{6KM;Tk"
    b"Z-$a7Nj+SNIXU^|@wvH)1yedolNeCI2YV>PVX7CD)x&gn<&+F&h+{L@GB`81yqUb2+NNai^f0<j$>7Tn=wZq<LfD%j"
    b"f@y1p7}zQ%21W*EhN%uvqft%O%;3r3g&Jpq><zmqI1OZAPt^keq34QH"
)
OBJECTS_OF_1_2 = (
    b"c-mc2O-~y!5Z&F71YDp2TIk0gNG~h(#-S3bdZ<)OLE1}mi7eZ3@wU6(9j{j<5=iurhDg3){uw`ne?YyP^bqD?kF7T|"
    b"@6Ef}x_<~(F>ynC^s``D%3@XL<&2am|CI@64@S-Nv(|L>UDL7@+TFPif84dN*sf~EGg?*7cH1gv`)W!XtOwa{C21)f"
    b"?#z8&=&3KY;TNAz&CLJH{{PHlqw`a@yj{4&4RObYS8g;KeS7lJ9{9{SW)aP@;y1~2TDqluzv9_WBQ#4dR4$YuY-U8|"
    b"@StWl5pN+eFSLmBIx}etMnnr<sLJS?8w9}$h1SFoggBT(#0f8^f>%hWCPB~{hkj8Ew#GewXVj$XBXs{lFM<97wiDPH"
    b";?Qdav~JjHL-1l8dHne)?0S8$m%zSP*!H@Dm(NwgfGsC*Fyw@=I`xbdA*d3b=HUd6a7gFyDuLH)D#shJOHI{<A9#WT"
    b"9N};QZxVPb47_9U{nxe6va_;I_T-L4IGQ`TEBEBS9N6f`h6A6TIS_aU<ngUMX;#~9zMg`OcsvvFKR1EaQv"
)

RECORD = np.dtype([("left", "<i8"), ("value", "<f4")])
DTYPES = (
    *("?", "i1", "<u2", "<i4", ">i8", "f2", "<f8", ">f4", "c16", ">c8", "g", "S3", "U2", "V5"),
    *("M8[ns]", ">M8[D]", "m8[s]"),
    RECORD,
    RECORD.newbyteorder(">"),
    np.dtype([("little", "<i4"), ("big", ">i4")]),
    np.dtype([("small", "i1"), ("large", "f8")], align=True),
    np.dtype([("table", "<f4", (2, 2)), ("inner", RECORD)]),
    "O",
    np.dtype([("thing", "O"), ("number", "<i4")]),
)


def assert_loads_as_joblib_does(data: bytes) -> None:
    for loaded in (fast_load(bytearray(data), any_class, private=True), fast_load(data, any_class)):
        assert difference(joblib.load(io.BytesIO(data)), loaded, identity=True) is None


@pytest.mark.filterwarnings(DEPRECATED)
@pytest.mark.corpus("name", ZOO)
def test_a_pipeline_is_what_joblib_loads(name):
    assert_loads_as_joblib_does(saved(name))


@pytest.mark.parametrize("protocol", [4, 5])
def test_estimators_of_every_kind_are_what_joblib_loads(estimator, protocol):
    assert_loads_as_joblib_does(dumped(estimator, protocol=protocol))


def array(dtype: Any, shape: tuple[int, ...], form: str) -> np.ndarray:
    """An array of some items, in some order of bytes in memory."""
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    if dtype.kind == "O":
        made = np.resize(np.array([None, "é", {1}, range(2), np.arange(2)], dtype=object), shape)
    elif dtype.hasobject:
        made = np.zeros(shape, dtype)
    else:
        made = np.resize(np.arange(251, dtype="u1"), count * dtype.itemsize).view(dtype)
    made = made.reshape(shape)
    if form == "columns":
        return np.asfortranarray(made)
    if form == "reversed" and shape:
        return made[::-1]
    if form == "repeated":
        return np.broadcast_to(made, (2, *shape))
    return made.view(np.matrix) if form == "matrix" and len(shape) == 2 else made


arrays = st.builds(
    array,
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 4), max_size=3).map(tuple),
    st.sampled_from(["rows", "columns", "reversed", "repeated", "matrix"]),
)
SHARED = [
    np.arange(4.0),
    np.array(["a", None], dtype=object),
    np.ma.masked_array([1, 2], [True, False]),
    np.rec.array([(1, 2.5)], dtype=RECORD),
    "text",
    RECORD,
    *("x" * 70_000, b"y" * 70_000, bytearray(b"z" * 70_000)),
]
leaves = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=4), st.sampled_from(SHARED), arrays
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.lists(inner, max_size=3).map(lambda held: [*held, *held]),
        st.lists(inner, max_size=3).map(deque),
        st.dictionaries(st.text(max_size=3), inner, max_size=5),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(OrderedDict),
        st.lists(inner, min_size=1, max_size=3).map(lambda held: SimpleNamespace(held=held)),
        st.lists(inner, min_size=1, max_size=3).map(lambda held: np.array([held, 1], dtype=object)),
    ),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(values, st.sampled_from([4, 5]))
def test_a_mixture_is_what_joblib_loads(value, protocol):
    assert_loads_as_joblib_does(dumped(value, protocol=protocol))


def test_an_array_in_two_places_comes_back_as_two():
    shared = np.arange(3)

    first, second = fast_load(dumped([shared, shared]), any_class)

    assert first is not second
    assert_loads_as_joblib_does(dumped([shared, shared, {"again": shared}]))


def test_a_structure_within_itself_is_read():
    value: list = [np.arange(2)]
    value.append(value)

    loaded = fast_load(dumped(value), any_class)

    assert loaded[1] is loaded


def test_what_was_a_memory_map_is_read_as_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "numbers", dtype="f8", mode="w+", shape=(4,))

    assert_loads_as_joblib_does(dumped([mapped, np.asfortranarray(np.ones((2, 2)))]))


def test_a_file_written_where_nobody_can_tell_the_position_is_read():
    class Pipe(io.BytesIO):
        def tell(self):
            raise io.UnsupportedOperation

    pipe = Pipe()
    joblib.dump([np.arange(3.0), "x", np.arange(2)], pipe)

    assert_loads_as_joblib_does(pipe.getvalue())


@pytest.mark.parametrize("file", [NUMBERS_OF_1_2, NUMBERS_OF_1_1], ids=["1.2", "1.1"])
def test_numbers_that_an_old_joblib_wrote_are_read(file):
    data = zlib.decompress(base64.b85decode(file))

    assert_loads_as_joblib_does(data)
    assert dumped(fast_load(data, any_class)) == dumped(
        [
            np.arange(3.0),
            "é",
            np.asfortranarray(np.arange(4, dtype="<i2").reshape(2, 2)),
            np.array(7, "<i4"),
        ]
    )


def test_objects_that_an_old_joblib_wrote_are_read_with_the_names_of_python_3():
    """joblib 1.6 itself looks for a module `__builtin__`."""
    asked = []

    def find_class(module: str, name: str) -> Any:
        asked.append((module, name))
        return any_class(module, name)

    objects, numbers = fast_load(zlib.decompress(base64.b85decode(OBJECTS_OF_1_2)), find_class)

    assert objects.tolist() == [{1}, "b", range(2)]
    assert numbers.tolist() == [0.0, 1.0]
    assert asked == [
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("_codecs", "encode"),
        ("numpy", "dtype"),
        ("builtins", "set"),
        ("builtins", "range"),
    ]


def test_every_global_comes_from_the_given_function():
    asked = []

    def find_class(module: str, name: str) -> Any:
        asked.append(name)
        return any_class(module, name)

    value = [np.arange(2), np.array([OrderedDict()], dtype=object), len, JSONEncoder.default]
    assert fast_load(dumped(value), find_class)[2:] == value[2:]
    assert {*asked} - {"encode"} == {
        *("ndarray", "dtype", "_reconstruct", "OrderedDict", "len", "JSONEncoder.default")
    }


def test_arrays_are_views_on_private_memory_only():
    data = bytearray(dumped([np.arange(3.0), np.arange(3, dtype=">i4")]))

    copied, turned = fast_load(data, any_class)
    viewed, _ = fast_load(data, any_class, private=True)
    where = data.index(np.float64(2.0).tobytes())
    data[where : where + 8] = np.float64(7.0).tobytes()

    assert copied.tolist() == [0.0, 1.0, 2.0]
    assert viewed.tolist() == [0.0, 1.0, 7.0]
    assert turned.tolist() == [0, 1, 2]


def test_a_copy_on_write_mapping_is_private(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(dumped(np.arange(3.0)))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        loaded = fast_load(memoryview(mapped), any_class, private=True)
        loaded[0] = 5.0
        assert bytes(mapped) != path.read_bytes()
        del loaded
        gc.collect()

    assert joblib.load(path).tolist() == [0.0, 1.0, 2.0]


def test_private_memory_that_cannot_be_written_to_is_refused():
    with pytest.raises(ValueError, match=r"^private data must be writable$"):
        fast_load(dumped(1), any_class, private=True)


def test_the_file_is_let_go_of_when_nothing_is_a_view_on_it():
    data = bytearray(dumped([np.arange(3), np.array(["a"], dtype=object), "text"]))

    loaded = fast_load(data, any_class)
    data.append(0)  # refused while anybody holds the buffer

    assert loaded[2] == "text"


def test_views_that_would_be_misaligned_are_copies():
    data = bytearray(b"?" + dumped(np.arange(3.0)))

    loaded = fast_load(memoryview(data)[1:], any_class, private=True)

    assert loaded.flags.aligned
    assert loaded.tolist() == [0.0, 1.0, 2.0]


def test_this_interpreter_goes_with_this_numpy_and_this_joblib():
    assert is_fast_here()


@pytest.mark.parametrize("habit", ["reads ahead", "answers nothing"])
def test_an_interpreter_of_other_habits_is_found_out(habit, monkeypatch):
    if habit == "reads ahead":
        peek = module._PeekableStream.peek
        monkeypatch.setattr(module._JoblibStream, "peek", peek, raising=False)
    else:
        monkeypatch.setattr(module._JoblibUnpickler, "persistent_load", lambda self, pid: None)

    assert not is_fast_here.__wrapped__()
