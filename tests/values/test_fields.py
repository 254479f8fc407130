"""The kinds of fields: each departure has its message, and names where it stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidDigest
from gitmodelstore.values import fields
from gitmodelstore.values.fields import (
    Boolean,
    Constant,
    Digest,
    Free,
    Integer,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Text,
)
from gitmodelstore.values.manifest import Feature, Manifest
from gitmodelstore.values.sample import Sample

from .refusals import refusal

_SELF: list[Any] = []
_SELF.append(_SELF)


@pytest.mark.parametrize(
    ("kind", "value", "faults"),
    [
        (Text(), 1, ["x: expected text, found int 1"]),
        (Text(), None, ["x: expected text, found null"]),
        (Text(), True, ["x: expected text, found true or false"]),
        (Text(), "a\u202eb", ["x: contains the hidden character U+202E"]),
        (Text("[a-z]+", "a word"), "A1", ["x: expected a word, found 'A1'"]),
        (Text("[a-z]+", "a word"), "a\n", [r"x: expected a word, found 'a\n'"]),
        (Text("[a-z]+", "a word"), "A" * 99, ["x: expected a word, found '" + "A" * 78 + "…"]),
        (Constant("1.0"), "1x0", ["x: expected '1.0', found '1x0'"]),
        (Integer(), True, ["x: expected a whole number, found true or false"]),
        (Integer(), 1.5, ["x: expected a whole number, found float 1.5"]),
        (Integer(), float("nan"), ["x: expected a whole number, found float nan"]),
        (Integer(), float("inf"), ["x: expected a whole number, found float inf"]),
        (Integer(), -1, ["x: expected a whole number from 0 to 2^53, found -1"]),
        (Integer(), 2**53, ["x: expected a whole number from 0 to 2^53, found 9007199254740992"]),
        (Integer(), 1e300, ["x: expected a whole number from 0 to 2^53, found 1e+300"]),
        pytest.param(
            Integer(), 1 << 40_000, [
                "x: expected a whole number from 0 to 2^53, found 0x100000000000000000…"
            ],
            id="more digits than Python spells",
        ),
        (Number(), "1", ["x: expected a number, found text"]),
        (Number(), False, ["x: expected a number, found true or false"]),
        (Number(), float("nan"), ["x: expected a finite number, found nan"]),
        (Number(), -float("inf"), ["x: expected a finite number, found -inf"]),
        (Number(), 2**53, ["x: the integer 9007199254740992 lies beyond 2^53"]),
        (Number(), 1 << 4000, ["x: the integer 0x100000000000000000… lies beyond 2^53"]),
        (Boolean(), 1, ["x: expected true or false, found int 1"]),
        (Boolean(), None, ["x: expected true or false, found null"]),
        (Free(), object, ["x: expected JSON, found type <class 'object'>"]),
        (Free(), {"a": [0, float("nan")]}, ["x.a[1]: expected a finite number, found nan"]),
        (Free(), {"a": 2**60}, ["x.a: the integer 1152921504606846976 lies beyond 2^53"]),
        (Free(), {1: "a"}, ["x (key): expected text, found int 1"]),
        (Free(), {"a\x00": "\x1b"}, [
            "x (key): contains the hidden character U+0000",
            r"x.'a\x00': contains the hidden character U+001B",
        ]),
        (Free(), _SELF, ["x" + "[0]" * 32 + ": nested more than 32 deep"]),
        (Nullable(Number()), "1", ["x: expected a number, found text"]),
        (ListOf(Integer()), {}, ["x: expected a list, found an object"]),
        (ListOf(Integer()), [0, -1, "2"], [
            "x[1]: expected a whole number from 0 to 2^53, found -1",
            "x[2]: expected a whole number, found text",
        ]),
        (MapOf(Number()), [], ["x: expected an object, found a list"]),
        (MapOf(Number(), "[a-z]+", "a word"), {"A": None}, [
            "x (key): expected a word, found 'A'",
            "x.A: expected a number, found null",
        ]),
        (Record(Feature), None, ["x: expected an object, found null"]),
        (Record(Feature), {"name": "age", "type": "int"}, [
            "x.type: unknown key",
            "x.dtype: missing",
        ]),
    ],
)  # fmt: skip
def test_a_departure_is_named_with_its_place(
    kind: fields.Kind, value: Any, faults: list[str]
) -> None:
    assert [f"{where}: {what}" for where, what in kind.faults(value, "x")] == faults


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Text(), "tab\t, newline\n and 🚀"),
        (Constant("1.0"), "1.0"),
        (Integer(), 0),
        (Integer(), 2**53 - 1),
        (Integer(), 3.0),  # to JSON the same number as 3
        (Number(), -0.0),
        (Number(), 1e300),
        (Number(), -(2**53) + 1),
        (Boolean(), False),
        (Free(), {"a": [None, True, 1, 1.5, "x", {"b": []}]}),
        (Nullable(Text()), None),
        (ListOf(Text()), []),
        (MapOf(Free()), {}),
    ],
)
def test_what_a_kind_holds_has_no_faults(kind: fields.Kind, value: Any) -> None:
    assert list(kind.faults(value, "x")) == []


def test_keys_are_written_in_one_order() -> None:
    value = {"b": 1, "a": {"d": [{"f": 1, "e": 2}], "c": 0}}

    assert str(MapOf(Free()).write(value)) == "{'a': {'c': 0, 'd': [{'e': 2, 'f': 1}]}, 'b': 1}"


def test_a_whole_number_is_written_in_one_way() -> None:
    assert repr(Integer().write(3.0)) == "3"
    assert repr(Integer().read(3.0)) == "3"


def test_the_digest_of_bytes_is_their_sha256() -> None:
    assert str(Digest.of(b"churn")) == "sha256:" + hashlib.sha256(b"churn").hexdigest()


def test_a_digest_reads_back_as_it_was_written() -> None:
    digest = Digest.parse("gms-df-1:" + "0a" * 32)

    assert (digest.algorithm, digest.hex) == ("gms-df-1", "0a" * 32)
    assert str(digest) == "gms-df-1:" + "0a" * 32


@pytest.mark.parametrize(
    "text",
    [
        *("", "sha256", "sha256:", ":" + "0" * 64, "sha256:" + "A" * 64, "sha256:" + "0" * 63),
        *("sha256:" + "0" * 30, "SHA256:" + "0" * 64, "sha256:" + "0" * 64 + "\n"),
        "sha256::" + "0" * 64,
    ],
)
def test_other_text_is_no_digest(text: str) -> None:
    message, _ = refusal(InvalidDigest, Digest.parse, text)

    shown = f"'{text}'" if text.isprintable() else repr(text)
    assert message == f"expected algorithm:hex, found {shown}"


def test_a_digest_cannot_be_built_from_parts_that_would_not_read_back() -> None:
    message, _ = refusal(InvalidDigest, Digest, "sha256:ab", "0" * 64)

    assert message == f"expected algorithm:hex, found 'sha256:ab:{'0' * 64}'"


def texts_of(kind: Any, seen: set[int]) -> Iterator[Text]:
    """Yield the kinds of text within a kind."""
    if id(kind) in seen:
        return
    seen.add(id(kind))
    if isinstance(kind, Text):
        yield kind
    for part in (getattr(kind, "_kind", None), getattr(kind, "_key", None)):
        yield from texts_of(part, seen)
    for field in getattr(getattr(kind, "_cls", None), "FIELDS", ()):
        yield from texts_of(field.kind, seen)


PLAIN = [
    kind
    for cls in (Manifest, Sample)
    for kind in texts_of(fields.Record(cls), set())
    if kind._is_plain is not None
]


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind._what)
@given(data=st.data())
def test_what_is_known_to_fit_fits_the_pattern(kind: Text, data: st.DataObject) -> None:
    pattern = re.compile(kind._pattern.pattern)
    odd = st.text(st.sampled_from("aZ09_-.:@/+[]\n \u00df\u00b2\u0661\u00b7"), max_size=70)
    text = data.draw(st.one_of(st.from_regex(pattern, fullmatch=True), odd))

    for one in (text, f"{text}\n", text.upper(), text[1:], text * 2):
        assert not kind._is_plain(one) or pattern.fullmatch(one), repr(one)


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind._what)
def test_what_is_usual_is_known_to_fit(kind: Text) -> None:
    usual = [
        *("1.0", "1.4.0", "3.11.7", "churn", "test", "classification", "f1_macro", "frame"),
        *("scikit-learn", "pipeline.joblib", "2026-11-30T20:58:01Z", "ab" * 32, "predict"),
        *("gms-df-1:" + "0a" * 32, "synthetic"),
    ]
    assert any(map(kind._is_plain, usual))
