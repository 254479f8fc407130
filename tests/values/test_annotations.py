"""Annotations as they are typed, written into a commit message, and read from one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.events import read_trailers
from gitmodelstore.values.gates import (
    MOST_CHARACTERS,
    Annotated,
    annotation_text,
    check_key,
    check_value,
    parse_pair,
    read_annotations,
)

RULE = "use lower-case letters, digits, . _ and -, at most 63, ending in a letter or digit"
KEYS = st.from_regex(r"[a-z0-9](?:[a-z0-9_.-]{0,20}[a-z0-9])?", fullmatch=True)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(min_size=1, max_size=40),
)


def good(value: object) -> bool:
    try:
        check_value("k", value)
    except InvalidInput:
        return False
    return True


def group(*lines: str) -> str:
    return "\n".join(("Event: annotated", "Model: churn", "Version: 1.0.0", *lines))


class TestKey:
    @pytest.mark.parametrize("key", ["a", "7", "validation_auc", "eu.limit-2", "a" * 63])
    def test_a_key(self, key):
        assert check_key(key) == key

    @pytest.mark.parametrize(
        ("key", "shown", "hint"),
        [
            ("", "''", RULE),
            ("Validation AUC", "'Validation AUC'", f"{RULE}, such as 'validation_auc'"),
            ("a-", "'a-'", f"{RULE}, such as 'a'"),
            ("é", "'é'", RULE),
            ("a\nb", "'a\\nb'", f"{RULE}, such as 'a_b'"),
            ("a" * 64, f"'{'a' * 64}'", f"{RULE}, such as '{'a' * 63}'"),
            (7, "7", f"{RULE}, such as '7'"),
        ],
    )
    def test_what_is_none(self, key, shown, hint):
        with pytest.raises(InvalidInput) as caught:
            check_key(key)

        assert (str(caught.value), caught.value.hint) == (
            f"{shown} is not a key of an annotation",
            hint,
        )


class TestValue:
    @pytest.mark.parametrize("value", [None, True, 0, -1.5, 2**53 - 1, "A-17", "é", 'say "yes"'])
    def test_a_value(self, value):
        assert check_value("k", value) is value

    @pytest.mark.parametrize(
        ("value", "what"),
        [
            (float("nan"), "'k' is nan, which is not a finite number"),
            (float("inf"), "'k' is inf, which is not a finite number"),
            (2**53, "'k' lies beyond 2^53"),
            ([1], "'k' is a list, not a number, true, false or text"),
            (b"a", "'k' is a bytes, not a number, true, false or text"),
            (" ", "'k' is an empty text"),
            ("a\nb", "'k' is a text of several lines"),
            ("a\n", "'k' is a text of several lines"),
            ("a\u2028Event: withdrawn", "'k' is a text of several lines"),
            ("a\u202eb", "'k' contains the hidden character U+202E"),
            ("a\ud800", "'k' contains the hidden character U+D800"),
            ("a" * (MOST_CHARACTERS + 1), "'k' has 1001 characters, more than 1000"),
        ],
    )
    def test_what_is_none(self, value, what):
        with pytest.raises(InvalidInput) as caught:
            check_value("k", value)

        assert str(caught.value) == what


class TestPair:
    @pytest.mark.parametrize(
        ("typed", "value"),
        [
            ("k=0.83", 0.83),
            ("k=-2", -2),
            ("k=1e3", 1000.0),
            ("k=true", True),
            ("k=false", False),
            ("k=", None),
            ("k=null", "null"),
            ("k=A-17", "A-17"),
            ("k=00123", "00123"),
            ("k=1.2.0", "1.2.0"),
            ("k=a=b c", "a=b c"),
            ('k="7"', "7"),
            ('k="a \\" b"', 'a " b'),
        ],
    )
    def test_what_is_typed(self, typed, value):
        found = parse_pair(typed)

        assert found == ("k", value)
        assert type(found[1]) is type(value)

    @pytest.mark.parametrize(
        ("typed", "what", "hint"),
        [
            ("k", "'k' is not KEY=VALUE", "as in validation_auc=0.83; KEY= removes it"),
            ("K=1", "'K' is not a key of an annotation", f"{RULE}, such as 'k'"),
            (
                "k=nan",
                "'k' is nan, which is not a JSON number",
                "write it as 0.5, or as text: 'k=\"nan\"'",
            ),
            (
                "k=.5",
                "'k' is .5, which is not a JSON number",
                "write it as 0.5, or as text: 'k=\".5\"'",
            ),
            (
                "k=1e999",
                "'k' is inf, which is not a finite number",
                "leave it out, or give it as text",
            ),
            ("k=99999999999999999999", "'k' lies beyond 2^53", "keep it as text"),
            ('k="a', "'k' is \"a, which is not JSON", "write both double quotes"),
            ("k=[1]", "'k' is neither a number, true, false nor text", "name a key for each value"),
        ],
    )
    def test_what_is_not_understood(self, typed, what, hint):
        with pytest.raises(InvalidInput) as caught:
            parse_pair(typed)

        assert (str(caught.value), caught.value.hint) == (what, hint)


class TestMessage:
    def test_what_is_written(self):
        text = annotation_text("churn", "1.2.0", {"auc": 0.83, "ok": None}, "June\n is in")

        assert text == (
            "annotate churn 1.2.0: auc, ok\n\nEvent: annotated\nModel: churn\nVersion: 1.2.0\n"
            "Key: auc\nValue: 0.83\nKey: ok\nValue: null\nReason: June is in\n"
        )

    def test_a_long_list_of_keys_is_cut_in_the_subject(self):
        text = annotation_text("churn", "1.2.0", dict.fromkeys("abcde", 1), None)

        assert text.partition("\n")[0] == "annotate churn 1.2.0: a, b, c, d, …"

    @given(st.dictionaries(KEYS, VALUES.filter(good), min_size=1, max_size=5))
    def test_what_is_written_is_read(self, values):
        text = annotation_text("churn", "1.2.0", values, "why")

        assert list(read_annotations(text)) == [
            Annotated("churn", "1.2.0", tuple(values.items()), "why")
        ]
        assert read_trailers(text) == {}  # it says nothing of a move

    def test_a_squash_joins_several_also_beside_moves(self):
        first = annotation_text("churn", "1.0.0", {"a": 1}, "one")
        second = annotation_text("churn", "1.0.0", {"a": 2}, None)
        move = "Event: promoted\nModel: churn\nVersion: 1.0.0\nFrom: registered\nTo: staging"

        found = list(read_annotations(f"Squashed\n\n* {first}\n* {second}\n{move}\n"))

        assert [said.values for said in found] == [(("a", 1),), (("a", 2),)]
        assert [said.why for said in found] == ["one", None]

    @pytest.mark.parametrize(
        "lines",
        [
            (),
            ("Key: a",),
            ("Value: 1",),
            ("Key: a", "Key: b", "Value: 1"),
            ("Key: a", "Value: 1", "Value: 2"),
            ("Key: A", "Value: 1"),
            ("Key: a", "Value: one"),
            ("Key: a", "Value: NaN"),
            ("Key: a", "Value: 1e999"),
            ("Key: a", "Value: [1]"),
            ("Key: a", f"Value: {'[' * 100_000}"),
            ("Key: a", f"Value: {'9' * 5000}"),
            ("Key: a", 'Value: ""'),
            ("Key: a", "Value: 1", "Model: fraud"),
            ("Key: a", "Value: 1", "Key: b", 'Value: "x\\u202e"'),
        ],
    )
    def test_a_group_that_does_not_follow_the_form_is_passed_over_whole(self, lines):
        broken = group(*lines)
        sound = group("Key: a", "Value: 7")

        assert list(read_annotations(f"subject\n\n{broken}\n\n{sound}\n")) == [
            Annotated("churn", "1.0.0", (("a", 7),), None)
        ]

    @given(st.text(alphabet='EventModelVrsioKyau:annotated \n"[]0', max_size=200))
    def test_no_message_raises(self, text):
        list(read_annotations(f"Event: annotated\n{text}"))
