"""Gates: what modelstore.toml may say of them, and that nothing is guessed."""

from __future__ import annotations

import operator
import time
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError
from gitmodelstore.values.gates import OPERATORS, Condition, Gate, exactly
from gitmodelstore.values.policy import Policy

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
        found = expression_fault(written)
        assert found == what.replace("\"('os')\"", "'('os')'")

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
            *(
                "code.clean",
                "code.commit",
                "card",
                "card.limitations",
                "card.Ethical use",
                "sample",
            ),
            *("baseline", "message", "custom", "custom.ticket.id"),
        ],
    )
    def test_what_may_be_required(self, name: str) -> None:
        assert gate(f'require = ["{name}"]').require == (name,)

    @pytest.mark.parametrize(
        ("text", "what", "hint"),
        [
            ('metric = ["a > 1"]', "metric: unknown key", "did you mean 'metrics'?"),
            (
                "colour = 1",
                "colour: unknown key",
                "the keys of a gate are from, metrics, require, replay, signed, signers, "
                "approvals, override; a newer gitmodelstore may have more",
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
                "as in `test_auc >= 0.75`, or `test_auc >= current - 0.01`",
            ),
            (
                'require = ["intended_use"]',
                "require[0]: 'intended_use' is not a field of a manifest",
                "one of data, features, target, metrics, baseline, code, card, message, sample, "
                "custom, annotations",
            ),
            (
                'require = ["metric.auc"]',
                "require[0]: 'metric.auc' is not a field of a manifest",
                "did you mean 'metrics'?",
            ),
            (
                'require = ["code.clear"]',
                "require[0]: expected one of clean, commit, url, branch, entry_point, found "
                "'code.clear'",
                "did you mean 'code.clean'?",
            ),
            (
                'require = ["card.Intended use"]',
                "require[0]: 'card.Intended use' is not a field of a manifest",
                "did you mean 'card.intended_use'?",
            ),
            (
                'require = ["annotations.Ticket"]',
                "require[0]: expected a key such as 'annotations.approval', found "
                "'annotations.Ticket'",
                None,
            ),
            (
                'metrics = ["annotations.Auc > 1"]',
                "metrics[0]: column 1: expected 'annotations.' and the key of an annotation, "
                "found 'annotations.Auc > 1'",
                "as in `test_auc >= 0.75`, or `test_auc >= current - 0.01`",
            ),
            (
                'metrics = ["annotations.auc >= current - 0.1"]',
                "metrics[0]: an annotation cannot be compared with that of another version",
                "compare it with a number",
            ),
            (
                'require = ["sample.rows"]',
                "require[0]: nothing is below 'sample', found 'sample.rows'",
                None,
            ),
            (
                'require = ["data."]',
                "require[0]: expected a role such as 'data.train', found 'data.'",
                None,
            ),
            (
                'require = ["card.a\\u202e"]',
                "require[0]: 'card.a\\u202e' is not a field of a manifest",
                "did you mean 'card'?",
            ),
            ('replay = "yes"', "replay: expected true or false, found 'yes'", None),
            ("override = 0", "override: expected true or false, found 0", None),
            (
                "approvals = true",
                "approvals: expected a whole number from 0 to 100, found True",
                None,
            ),
            ("approvals = -1", "approvals: expected a whole number from 0 to 100, found -1", None),
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
            "gates.production.foo: unknown key",
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
