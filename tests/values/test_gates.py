"""Gates: what modelstore.toml may say of them, and that nothing is guessed; annotations."""

from __future__ import annotations

import operator
import time
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError, InvalidInput
from gitmodelstore.values.events import read_trailers
from gitmodelstore.values.gates import (
    MOST_CHARACTERS,
    OPERATORS,
    Annotated,
    Condition,
    Gate,
    annotation_text,
    check_key,
    check_value,
    exactly,
    parse_pair,
    read_annotations,
)
from gitmodelstore.values.policy import Policy

from .refusals import refusal as said

BY_SIGN = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


def policy(text: str) -> Policy:
    return Policy.parse(f'schema = "1.0"\n{text}'.encode())


def gate(text: str, status: str = "production") -> Gate:
    return policy(f"[gates.{status}]\n{text}").gates[status]


def faults(text: str) -> list[str]:
    with pytest.raises(FormatError) as caught:
        policy(text)
    assert caught.value.path == "modelstore.toml"
    return list(caught.value.faults)


def fault(text: str) -> tuple[str, str | None]:
    """The only fault of a gate of production, its place within the gate, and the hint."""
    with pytest.raises(FormatError) as caught:
        gate(text)
    (found,) = caught.value.faults
    return found.removeprefix("gates.production."), caught.value.hint


def expression_fault(text: str) -> str:
    with pytest.raises(FormatError) as caught:
        Condition.parse(text)
    (found,) = caught.value.faults
    return found


class TestCondition:
    """An expression is NAME OP NUMBER, or NAME OP current [+|- NUMBER]."""

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("test_auc >= 0.75", Condition("test_auc", ">=", Decimal("0.75"))),
            ("test_auc>=0.75", Condition("test_auc", ">=", Decimal("0.75"))),
            ("  mae   <  12 ", Condition("mae", "<", Decimal(12))),
            ("r2 > -.5", Condition("r2", ">", Decimal("-0.5"))),
            ("n == +3.", Condition("n", "==", Decimal(3))),
            ("p@1-x.y <= 1e-3", Condition("p@1-x.y", "<=", Decimal("1e-3"))),
            ("auc >= current", Condition("auc", ">=", Decimal(0), True)),
            ("auc >= current - 0.01", Condition("auc", ">=", Decimal("-0.01"), True)),
            ("auc >= current-0.01", Condition("auc", ">=", Decimal("-0.01"), True)),
            ("mae <= current + 2", Condition("mae", "<=", Decimal(2), True)),
            ("current > 1", Condition("current", ">", Decimal(1))),
        ],
    )
    def test_what_it_means(self, written: str, expected: Condition) -> None:
        assert Condition.parse(written) == expected

    @pytest.mark.parametrize(
        "written",
        ["a >= 0.75", "a < -2", "a == current", "a >= current - 0.01", "a <= current + 3"],
    )
    def test_it_is_written_as_it_is_read(self, written: str) -> None:
        assert str(Condition.parse(written)) == written

    @pytest.mark.parametrize(
        ("written", "what"),
        [
            ("", "column 1: expected the name of a metric, found nothing"),
            ("0.75 <= auc", "column 1: expected the name of a metric, found '0.75 <= auc'"),
            ("auc", "column 4: expected one of >=, <=, ==, >, <, found nothing"),
            ("auc => 1", "column 5: expected one of >=, <=, ==, >, <, found '=> 1'"),
            ("auc = 1", "column 5: expected one of >=, <=, ==, >, <, found '= 1'"),
            ("auc != 1", "column 5: expected one of >=, <=, ==, >, <, found '!= 1'"),
            ("auc >= ", "column 8: expected a number or 'current', found nothing"),
            ("auc >= best", "column 8: expected a number or 'current', found 'best'"),
            ("auc >= currently", "column 8: expected a number or 'current', found 'currently'"),
            ("auc >= nan", "column 8: expected a number or 'current', found 'nan'"),
            ("auc >= 1_000", "column 8: expected a number or 'current', found '1_000'"),
            ("auc >= 1e999", "column 8: expected a finite number, found '1e999'"),
            ("auc >= - current", "column 10: expected a number, found 'current'"),
            ("auc >= 0,75", "column 9: expected the end, found ',75'"),
            ("auc >= 75%", "column 10: expected the end, found '%'"),
            ("auc >= 0.75 and f1 > 0", "column 13: expected the end, found 'and f1 > 0'"),
            ("auc >= current * 2", "column 16: expected +, - or the end, found '* 2'"),
            ("auc >= current -", "column 17: expected a number, found nothing"),
            ("auc >= current - 1 - 1", "column 20: expected the end, found '- 1'"),
            ("auc\n>= 1", "column 4: expected one of >=, <=, ==, >, <, found '\\n>= 1'"),
            ("auc >= ٠", "column 8: expected a number or 'current', found '٠'"),
            ("a\u202e >= 1", "column 2: expected one of >=, <=, ==, >, <, found '\\u202e >= 1'"),
            ("__import__('os')", "column 11: expected one of >=, <=, ==, >, <, found \"('os')\""),
            ("a" * 201, "201 characters, more than 200"),
        ],
    )
    def test_anything_else_is_refused_with_its_column(self, written: str, what: str) -> None:
        assert expression_fault(written) == what.replace("\"('os')\"", "'('os')'")

    @given(st.text("abc_.@-+ <>=!0123456789eEcurrent\n\t\x00٣", max_size=60))
    def test_no_text_raises_anything_else(self, text: str) -> None:
        with suppress(FormatError):
            found = Condition.parse(text)
            assert Condition.parse(str(found)) == found

    @pytest.mark.parametrize(
        "text", ["a >= " + "9" * 190, "a >= " + "1e-" + "9" * 150, "a" * 10**6]
    )
    def test_a_hostile_one_costs_no_time(self, text: str) -> None:
        start = time.perf_counter()
        with suppress(FormatError):
            Condition.parse(text).holds(Decimal("0.5"), Decimal("1e-300"))
        assert time.perf_counter() - start < 1


AS_IN = "as in `test_auc >= 0.75`, or `test_auc >= current - 0.01`"
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


class TestHolds:
    """Numbers are compared as the decimals that are written."""

    @pytest.mark.parametrize(
        ("written", "value", "current"),
        [
            ("auc >= 0.75", 0.75, None),
            ("auc <= 0.75", 0.75, None),
            ("auc == 0.75", 0.75, None),
            ("auc >= current + 0.2", 0.3, 0.1),  # 0.1 + 0.2 is more than 0.3 in binary
            ("auc >= current - 0.01", 0.82, 0.83),
            ("auc <= current - 0.1", 0.2, 0.3),  # 0.3 - 0.1 is less than 0.2 in binary
            ("auc == current", 0.1, 0.1),
            ("n >= current", 3, 3),
        ],
    )
    def test_the_bound_itself_is_within(self, written: str, value: Any, current: Any) -> None:
        holder = None if current is None else exactly(current)
        assert Condition.parse(written).holds(exactly(value), holder)

    @pytest.mark.parametrize("sign", [">", "<"])
    def test_the_bound_of_a_strict_one_is_not(self, sign: str) -> None:
        assert not Condition.parse(f"auc {sign} 0.75").holds(exactly(0.75))
        assert not Condition.parse(f"auc {sign} current + 0.2").holds(exactly(0.3), exactly(0.1))

    @given(st.sampled_from(OPERATORS), NUMBERS, NUMBERS, NUMBERS)
    def test_it_is_exact_arithmetic(self, sign: str, value: float, current: float, by: float):
        condition = Condition("m", sign, exactly(by), True)
        expected = Fraction(exactly(current)) + Fraction(exactly(by))

        found = condition.holds(exactly(value), exactly(current))

        assert found == BY_SIGN[sign](Fraction(exactly(value)), expected)


FIELDS = (
    *("data", "features", "target", "metrics", "baseline", "code", "card", "message", "sample"),
    *("custom", "annotations"),
)
NO_FIELD = "{} is not a field of a manifest"
COUNT = "approvals: expected a whole number from 0 to 100, found"


class TestGate:
    def test_the_example_of_the_design(self) -> None:
        found = gate(
            'from = ["staging"]\n'
            'metrics = ["test_auc >= 0.75", "test_auc >= current - 0.01"]\n'
            'require = ["data", "code.clean", "card.intended_use", "sample"]\n'
            "replay = true\nsigned = false\n"
        )

        assert found == Gate(
            sources=("staging",),
            metrics=(
                Condition("test_auc", ">=", Decimal("0.75")),
                Condition("test_auc", ">=", Decimal("-0.01"), True),
            ),
            require=("data", "code.clean", "card.intended_use", "sample"),
            replay=True,
        )

    def test_an_empty_one_asks_for_nothing_and_can_be_overridden(self) -> None:
        assert gate("") == Gate()
        assert Gate().override

    def test_signatures_and_approvals(self) -> None:
        found = gate('signers = ["ada@example.org"]\napprovals = 2\noverride = false')

        assert found == Gate(signed=True, signers=("ada@example.org",), approvals=2, override=False)
        assert policy("[policy]\nrequire_signed = true").require_signed
        assert not policy("[policy]").require_signed

    def test_a_status_of_the_team_may_have_one(self) -> None:
        found = policy(
            '[lifecycle]\nstatuses = ["shadow"]\nexclusive = ["shadow"]\n'
            '[gates.shadow]\nmetrics = ["auc > current"]\n[gates.staging]\nreplay = true\n'
        )

        assert list(found.gates) == ["shadow", "staging"]

    @pytest.mark.parametrize(
        "name",
        [
            *("data", "data.train", "features", "target", "metrics", "metrics.test.auc", "code"),
            *("code.clean", "code.commit", "card", "card.limitations", "card.Ethical use"),
            *("sample", "baseline", "message", "custom", "custom.ticket.id"),
        ],
    )
    def test_what_may_be_required(self, name: str) -> None:
        assert gate(f'require = ["{name}"]').require == (name,)

    @pytest.mark.parametrize(
        ("name", "what", "hint"),
        [
            ("intended_use", NO_FIELD, f"one of {', '.join(FIELDS)}"),
            ("metric.auc", NO_FIELD, "did you mean 'metrics'?"),
            (
                "code.clear",
                "expected one of clean, commit, url, branch, entry_point, found {}",
                "did you mean 'code.clean'?",
            ),
            ("card.Intended use", NO_FIELD, "did you mean 'card.intended_use'?"),
            ("card.a\\u202e", NO_FIELD, "did you mean 'card'?"),
            ("annotations.Ticket", "expected a key such as 'annotations.approval', found {}", None),
            ("sample.rows", "nothing is below 'sample', found {}", None),
            ("data.", "expected a role such as 'data.train', found {}", None),
        ],
    )
    def test_what_may_not_be_required(self, name: str, what: str, hint: str | None) -> None:
        message = what.format(f"'{name}'")

        assert fault(f'require = ["{name}"]') == (f"require[0]: {message}", hint)

    @pytest.mark.parametrize(
        ("text", "what", "hint"),
        [
            (
                'metric = ["a > 1"]',
                "unknown key 'gates.production.metric'",
                "did you mean 'gates.production.metrics'?",
            ),
            (
                "colour = 1",
                "unknown key 'gates.production.colour'",
                "this gitmodelstore knows gates.production.from, gates.production.metrics, "
                "gates.production.require, gates.production.replay, gates.production.signed, "
                "gates.production.signers, gates.production.approvals, gates.production.override; "
                "a newer one may know more",
            ),
            (
                'from = "staging"',
                "from: expected a list of strings, found 'staging'",
                'write it in brackets: ["staging"]',
            ),
            ("from = []", "from: names no status; leave it out for any", None),
            ('from = ["stagin"]', "from[0]: 'stagin' is not a status", "did you mean 'staging'?"),
            ("metrics = [1]", "metrics: expected a list of strings, found [1]", None),
            (
                'metrics = ["a > 1", "a >> 1"]',
                "metrics[1]: column 4: expected a number or 'current', found '> 1'",
                AS_IN,
            ),
            (
                'metrics = ["annotations.Auc > 1"]',
                "metrics[0]: column 1: expected 'annotations.' and the key of an annotation, "
                "found 'annotations.Auc > 1'",
                AS_IN,
            ),
            (
                'metrics = ["annotations.auc >= current - 0.1"]',
                "metrics[0]: an annotation cannot be compared with that of another version",
                "compare it with a number",
            ),
            ('replay = "yes"', "replay: expected true or false, found 'yes'", None),
            ("override = 0", "override: expected true or false, found 0", None),
            ("approvals = true", f"{COUNT} True", None),
            ("approvals = -1", f"{COUNT} -1", None),
            (
                'signers = ["ada lovelace"]',
                "signers[0]: 'ada lovelace' is not a principal",
                "name it as the file of allowed signers does, such as 'ada@example.org'",
            ),
            ('signers = ["a@b"]\nsigned = false', "signed: false, though signers are named", None),
            ("from = [" + '"staging",' * 101 + "]", "from: 101 entries, more than 100", None),
        ],
    )
    def test_what_is_not_understood_is_refused(self, text: str, what: str, hint: str | None):
        assert fault(text) == (what, hint)

    def test_every_fault_is_told_at_once(self) -> None:
        assert faults(
            '[gates.production]\nmetrics = ["a => 1", "b >", "c > 1"]\nreplay = 1\nfoo = 2\n'
            "[gates.prod]\n[gates.archived]\n"
        ) == [
            "gates.production.metrics[0]: column 3: expected one of >=, <=, ==, >, <, found '=> 1'",
            "gates.production.metrics[1]: column 4: expected a number or 'current', found nothing",
            "gates.production.replay: expected true or false, found 1",
            "unknown key 'gates.production.foo'",
            "gates.prod: 'prod' is not a status",
            "gates.archived: no gate leads to 'archived'",
        ]

    @pytest.mark.parametrize("status", ["registered", "archived", "withdrawn"])
    def test_no_gate_leads_to_where_versions_begin_and_end(self, status: str) -> None:
        assert faults(f"[gates.{status}]") == [f"gates.{status}: no gate leads to '{status}'"]

    def test_a_status_of_many_has_no_current_holder(self) -> None:
        assert faults('[gates.staging]\nmetrics = ["a > current"]') == [
            "gates.staging.metrics[0]: many versions may have this status, so there is no current "
            "one"
        ]

    def test_gates_are_tables(self) -> None:
        assert faults("gates = 3") == ["gates: expected a table"]
        assert faults("gates.production = 3") == ["gates.production: expected a table"]


class TestMoves:
    def test_a_status_that_is_not_named_lets_go_anywhere(self) -> None:
        found = policy('[lifecycle.moves]\nregistered = ["staging", "archived"]\nwithdrawn = []')

        assert found.allows("registered", "staging")
        assert not found.allows("registered", "production")
        assert not found.allows("withdrawn", "production")
        assert found.allows("staging", "production")
        assert Policy().allows("registered", "production")

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("lifecycle.moves = 1", "lifecycle.moves: expected a table"),
            (
                "lifecycle.moves.staging = 'x'",
                "lifecycle.moves.staging: expected a list of strings, found 'x'",
            ),
            ("lifecycle.moves.stage = []", "lifecycle.moves.stage: 'stage' is not a status"),
            (
                'lifecycle.moves.staging = ["production", "prod"]',
                "lifecycle.moves.staging[1]: 'prod' is not a status",
            ),
        ],
    )
    def test_it_names_statuses(self, text: str, what: str) -> None:
        assert faults(text) == [what]


# Annotations as they are typed, written into a commit message, and read from one

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


refusal = partial(said, InvalidInput)


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
        assert refusal(check_key, key) == (f"{shown} is not a key of an annotation", hint)


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
        assert refusal(check_value, "k", value)[0] == what


def as_text_too(number: str) -> str:
    return f"write it as 0.5, or as text: 'k=\"{number}\"'"


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
            ("k=nan", "'k' is nan, which is not a JSON number", as_text_too("nan")),
            ("k=.5", "'k' is .5, which is not a JSON number", as_text_too(".5")),
            (
                "k=1e999",
                "'k' is inf, which is not a finite number",
                "leave it out, or give it as text",
            ),
            ("k=99999999999999999999", "'k' lies beyond 2^53", "keep it as text"),
            ('k="a', "'k' is \"a, which is not JSON", "close the double quotes"),
            ("k=[1]", "'k' is neither a number, true, false nor text", "name a key for each value"),
        ],
    )
    def test_what_is_not_understood(self, typed, what, hint):
        assert refusal(parse_pair, typed) == (what, hint)


class TestMessage:
    def test_what_is_written(self):
        assert annotation_text("churn", "1.2.0", {"auc": 0.83, "ok": None}, "June\n is in") == (
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
