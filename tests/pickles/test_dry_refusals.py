"""What a dry walk says against a file: every form that the guarded loader refuses."""

from __future__ import annotations

import gzip
import pickle
import struct

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.rights import Trust
from tests.zoo.specimen import dumped

PROTO = b"\x80\x04"
SCALER = b"csklearn.preprocessing._data\nStandardScaler\n"
WRAPPER = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"


def honest() -> bytes:
    return dumped(StandardScaler().fit(np.arange(6.0).reshape(3, 2)))


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def an_estimator(program: bytes) -> bytes:
    """A file of a scaler that has what `program` leaves on the stack as an attribute."""
    state = b"}" + text("kept") + program + b"s"
    return PROTO + SCALER + b")\x81" + state + b"b."


def reasons(data: bytes, **options: object) -> list[str]:
    return [str(refusal) for refusal in walk(data, **options).refusals]


def broken(data: bytes) -> BrokenPipelineFile:
    with pytest.raises(BrokenPipelineFile) as caught:
        walk(data)
    return caught.value


def test_the_frame_of_these_tests_is_not_refused():
    assert reasons(an_estimator(b"N")) == []


OTHERS_AFTER = frozenset(  # of which more than one thing is said
    {"call", "call a value", "new", "new, named", "value", "in a tuple", "call what came"}
    | {"getattr", "bytearray", "partial", "list"}
)
REFUSED = {
    # A name that is not listed
    "GLOBAL": (b"cos\nsystem\n", "'os.system' is not a name that may be used (GLOBAL at 55)"),
    "STACK_GLOBAL": (
        text("os") + text("system") + b"\x93",
        "'os.system' is not a name that may be used (STACK_GLOBAL at 67)",
    ),
    "barred": (
        b"csklearn.datasets._base\nload_files\n",
        "'sklearn.datasets._base.load_files' is not a name that may be used (GLOBAL at 55)",
    ),
    "dunder": (
        b"csklearn.os\n__loader__\n",
        "'sklearn.os.__loader__' is not a name that may be used (GLOBAL at 55)",
    ),
    # A name beyond its rights
    "call": (
        SCALER + b")R",
        "it calls 'sklearn.preprocessing._data.StandardScaler', "
        "which may only be: value, new, state (REDUCE at 100)",
    ),
    "call a value": (
        b"cnumpy\nexp\n)R",
        "it calls 'numpy.exp', which may only be: value (REDUCE at 67)",
    ),
    "new": (
        b"cnumpy\nexp\n)\x81",
        "it makes an instance of 'numpy.exp', which may only be: value (NEWOBJ at 67)",
    ),
    "new, named": (
        b"cnumpy\nexp\n)}\x92",
        "it makes an instance of 'numpy.exp', which may only be: value (NEWOBJ_EX at 68)",
    ),
    "value": (
        b"cbuiltins\ngetattr\n",
        "it holds as a value 'builtins.getattr', which may only be: call (SETITEM at 73)",
    ),
    "in a tuple": (
        b"cbuiltins\ngetattr\n\x85",
        "it holds as a value 'builtins.getattr', which may only be: call (TUPLE1 at 73)",
    ),
    "call what came": (
        b"cnumpy\nexp\n)R)R",
        "it calls something that is not a name (REDUCE at 69)",
    ),
    # A state where none belongs
    "state of a name": (b"cnumpy\nexp\n}b", "state is given to 'numpy.exp' itself (BUILD at 67)"),
    "state of a list": (
        b"]}b",
        "state is given to something that was not created here (BUILD at 57)",
    ),
    "state of a tuple": (
        b")}b",
        "state is given to something that was not created here (BUILD at 57)",
    ),
    "state with a dunder": (
        SCALER + b")\x81}" + text("__class__") + b"Nsb",
        "attribute '__class__' in a state (BUILD at 115)",
    ),
    "slots": (SCALER + b")\x81N}\x86b", "state for slots (BUILD at 104)"),
    "a template": (
        b"cscipy.stats._continuous_distns\nnorm_gen\n)\x81}"
        + text("_parse_arg_template")
        + text("import os")
        + b"sb",
        "a template that is not scipy's (BUILD at 132)",
    ),
    # Items where none belong
    "APPEND": (
        SCALER + b")\x81Na",
        "items are appended to something that is not a list (APPEND at 102)",
    ),
    "APPENDS": (
        SCALER + b")\x81(NNe",
        "items are appended to something that is not a list (APPENDS at 104)",
    ),
    "SETITEM": (
        SCALER + b")\x81NNs",
        "items are set on something that is not a dict (SETITEM at 103)",
    ),
    "SETITEMS": (
        SCALER + b")\x81(NNu",
        "items are set on something that is not a dict (SETITEMS at 104)",
    ),
    "ADDITEMS": (b"](N\x90", "items are added to something that is not a set (ADDITEMS at 58)"),
    "ADDITEMS, frozen": (
        b"(\x91(N\x90",
        "items are added to something that is not a set (ADDITEMS at 59)",
    ),
    "a list as a key": (b"}]Ns", "a key that is not a simple value (SETITEM at 58)"),
    "tuples as a key": (b"})))\x87\x85Ns", "a key that is not a simple value (SETITEM at 62)"),
    "an object in a set": (
        b"\x8f(" + SCALER + b")\x81\x90",
        "a key that is not a simple value (ADDITEMS at 103)",
    ),
    # Arguments that are unfit
    "getattr": (
        b"cbuiltins\ngetattr\n" + SCALER + text("mro") + b"\x86R",
        "getattr of an attribute that is not listed (REDUCE at 123)",
    ),
    "bytearray": (
        b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R",
        "a bytearray of a size (REDUCE at 81)",
    ),
    "partial": (
        b"cfunctools\npartial\nN\x85R",
        "a partial of something that is not a listed function (REDUCE at 76)",
    ),
    "list": (b"cbuiltins\nrange\n]R", "arguments that are not a tuple (REDUCE at 72)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_told_with_its_opcode_and_place(what):
    program, said = REFUSED[what]
    found = reasons(an_estimator(program))

    assert said in found if what in OTHERS_AFTER else found == [said]


@pytest.mark.parametrize(
    ("program", "opcode"),
    [
        (b"(ios\nsystem\n", "INST"),
        (b"(cos\nsystem\no", "OBJ"),
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\x00", "EXT2"),
        (b"\x84\x01\x00\x00\x00", "EXT4"),
        (b"Pwho\n", "PERSID"),
        (b"NQ", "BINPERSID"),
        (b"\x97", "NEXT_BUFFER"),
        (b"N\x98", "READONLY_BUFFER"),
    ],
    ids=lambda held: held if isinstance(held, str) else "",
)
def test_a_forbidden_opcode(program, opcode):
    found = walk(an_estimator(program)).refusals

    assert ("a forbidden opcode", opcode) in [(held.reason, held.opcode) for held in found]


def test_bytes_behind_the_end():
    said = f"4 bytes follow the end (STOP at {len(honest()) - 1})"

    assert reasons(honest() + b"more") == [said]
    assert reasons(gzip.compress(honest()) + b"more") == [said]


def test_something_else_than_an_estimator():
    assert reasons(pickle.dumps({"a": 1}, 4)) == [
        "it holds 'dict', not a fitted estimator (STOP at 20)"
    ]


@pytest.mark.parametrize("protocol", [0, 1])
def test_an_old_protocol(protocol):
    data = pickle.dumps(StandardScaler(), protocol)

    assert any("pickle protocol 0" in said for said in reasons(data))


def test_a_protocol_that_changes_on_the_way():
    assert "pickle protocol 0 (PROTO at 55)" in reasons(an_estimator(b"\x80\x00N"))


def test_more_than_one_object():
    data = PROTO + b"N" + an_estimator(b"N")[2:]

    assert "more than one object is left at the end" in reasons(data)[0]


def test_nesting_without_end():
    deep = an_estimator(b"]" * 20_000 + b"a" * 19_999)

    assert reasons(deep) == [f"it is nested more than 10,000 deep (STOP at {len(deep) - 1})"]
    assert broken(an_estimator(b"(" * 20_000)).reason == "it is nested too deeply"


def test_a_file_of_joblib_before_0_10():
    with pytest.raises(NotAPipeline) as caught:
        walk(b"ZF0x2a", name="old.joblib")
    assert str(caught.value) == "'old.joblib' was written by a joblib before 0.10"
    legacy = an_estimator(b"cjoblib.numpy_pickle_compat\nNDArrayWrapper\n)\x81}b")
    assert "NDArrayWrapper" in reasons(legacy)[0]


def test_each_reason_is_said_once():
    assert len(reasons(an_estimator(b"](" + b"cos\nsystem\n)R" * 500 + b"e"))) == 1


def test_trust_is_for_plain_names_only():
    assert reasons(an_estimator(b"cmine\nOwn\n"), trust=Trust.of(["mine"])) == []
    assert reasons(an_estimator(b"cmine\nOwn.inner\n"), trust=Trust.of(["mine"])) != []


def test_a_class_of_the_readers_own_may_be_a_list_or_a_dict():
    own = b"cmine\nOwn\n)\x81(NNu(Ne"

    assert reasons(an_estimator(own), trust=Trust.of(["mine.Own"])) == []


def test_an_object_array_of_an_old_protocol():
    dtype = b"cnumpy\ndtype\n" + text("O8") + b"\x85R"

    assert "pickle protocol 0 in an array" in reasons(array(state(dtype=dtype), b"N."))[0]


# Arrays


def array(state: bytes, data: bytes = b"") -> bytes:
    return an_estimator(WRAPPER + state + b"b" + data)


def state(**changes: bytes) -> bytes:
    dtype = b"cnumpy\ndtype\n" + text("f8") + b"\x85R"
    facts = {
        "subclass": b"cnumpy\nndarray\n",
        "shape": b"K\x02\x85",
        "order": text("C"),
        "dtype": dtype,
        "allow_mmap": b"\x89",
    }
    facts |= changes
    return b"}(" + b"".join(text(name) + value for name, value in facts.items()) + b"u"


def test_the_array_of_these_tests_is_not_refused():
    assert reasons(array(state(), bytes(16))) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"shape": b"J\xff\xff\xff\x7f\x85"}, "17,179,869,176 bytes are announced, 19 are left"),
        ({"shape": b"J\xff\xff\xff\xff\x85"}, "an array of an impossible shape"),
        ({"shape": b"N"}, "an array without a shape"),
        ({"order": b"N"}, "an array without an order"),
        ({"dtype": b"N"}, "an array without a dtype"),
        ({"dtype": b"cnumpy\ndtype\n" + text("f9") + b"\x85R"}, "a dtype that is unknown here"),
        ({"subclass": b"N"}, "an array of an unknown class"),
    ],
    ids=lambda held: "" if isinstance(held, str) else next(iter(held)),
)
def test_an_array_that_cannot_be(changes, said):
    assert broken(array(state(**changes), bytes(16))).reason == said


def test_an_array_without_its_bytes():
    assert "a joblib array without its bytes" in reasons(an_estimator(WRAPPER))[0]


def test_an_array_within_a_frame():
    inside = SCALER + b")\x81}" + text("kept") + WRAPPER + state() + b"b" + bytes(16) + b"sb."
    data = PROTO + b"\x95" + struct.pack("<Q", len(inside)) + inside

    assert broken(data).reason == "the bytes of an array begin within a frame"


def test_a_dtype_whose_flags_lie():
    fields = b"}" + text("a") + b"cnumpy\ndtype\n" + text("O8") + b"\x85RK\x00\x86s"
    told = b"(K\x03" + text("|") + b"N" + text("a") + b"\x85" + fields + b"K\x08K\x08K\x00t"
    dtype = b"cnumpy\ndtype\n" + text("V8") + b"\x85R" + told + b"b"

    found = broken(array(state(dtype=dtype), bytes(16)))

    assert found.reason == "a dtype whose flags do not agree with its fields"


def test_what_was_found_before_the_break_is_told():
    found = broken(an_estimator(b"cos\nsystem\n")[:-3])

    assert found.refusals == ("'os.system' is not a name that may be used (GLOBAL at 55)",)
