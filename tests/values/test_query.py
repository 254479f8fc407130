"""The expressions of `search`: what they mean, and what is said of a wrong one."""

from __future__ import annotations

import operator
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidQuery
from gitmodelstore.values.query import Query, parse_field

RECORD: dict[str, Any] = {
    "status": "production",
    "model": "churn",
    "version": "1.10.0",
    "parent": None,
    "created_at": "2026-03-03T14:05:09Z",
    "author": "Ada Lovelace <ada@example.org>",
    "message": "fewer trees, after Drift in income",
    "pipeline": {
        "class": "sklearn.pipeline.Pipeline",
        "algorithm": "LogisticRegression",
        "steps": [{"name": "clf", "class": "sklearn.linear_model.LogisticRegression", "steps": []}],
        "params": {
            "clf__C": 0.5,
            "clf__max_iter": 100,
            "clf__penalty": "l2",
            "clf__warm_start": False,
            "clf__class_weight": None,
            "clf__l1_ratios": [0, 0.5],
            "a.b": "dotted",
        },
    },
    "features": [{"name": "income", "dtype": "float64"}, {"name": "mean age", "dtype": "int64"}],
    "metrics": {"test_auc": 0.91, "count": 3, "precision.at-10": 0.5, "recall@5": 0.4},
    "baseline": {"version": "1.9.0", "metrics": {"test_auc": 0.9}},
    "data": [
        {
            "role": "train",
            "rows": 1000,
            "version": "1.2",
            "columns": [{"name": "income", "dtype": "float64", "profile": {"mean": 4.0}}],
        },
        {"role": "test", "rows": None, "version": None, "columns": None},
    ],
    "code": {"commit": "0" * 40, "dirty": True, "branch": None},
    "environment": {"python": "3.11.7", "pins": {"scikit-learn": "1.5.0", "numpy": "2.0.0rc1"}},
    "card": {"intended_use": None},
    "artifacts": [{"path": "pipeline.joblib", "size_bytes": 10, "globals": ["numpy.ndarray"]}],
    "custom": {"team": {"name": "Größe"}, "approved": "2026-03-04", "flag": True},
}


class Record:
    def __init__(self, held: dict[str, Any]) -> None:
        self._held = held

    def get(self, key: str) -> Any:
        return self._held.get(key)

    whole = get


def refusal(expression: str) -> InvalidQuery | None:
    try:
        Query.parse(expression)
    except InvalidQuery as error:
        return error
    return None


def holds(expression: str, record: dict[str, Any] = RECORD) -> bool:
    return Query.parse(expression).matches(Record(record))


TRUE = [
    'metrics.test_auc > 0.9 and status == "production" and data.train.rows >= 1000',
    "metrics.test_auc >= 0.91 and metrics.test_auc <= .91 and metrics.count == 3.0",
    "0.9 < metrics.test_auc",
    "metrics.test_auc > baseline.metrics.test_auc",
    "metrics.count != 4 and metrics.count < 1e1 and metrics.count > -3",
    # texts: either quotes, escapes
    "status == 'production'",
    r'custom.team.name == "Gr\öße"',
    # versions by SemVer, bare or quoted
    'version > 1.9.0 and version > "1.10.0-rc.1" and version in ["1.10.0", 2.0.0]',
    "baseline.version < version",
    # releases of packages
    "environment.pins.scikit-learn == 1.5 and environment.pins.scikit-learn < 1.10",
    'environment.pins.numpy < "2.0" and environment.pins.numpy > 1.26.4',
    "environment.python >= 3.9 and environment.python < 3.12",
    "data.train.version >= 1.2.0",
    # a day is all of it
    "created_at == 2026-03-03 and created_at >= 2026-03-03 and created_at <= 2026-03-03",
    "created_at > 2026-03-02 and created_at < 2026-03-04",
    "not (created_at > 2026-03-03 or created_at < 2026-03-03 or created_at != 2026-03-03)",
    "created_at > 2026-03-03T14:05 and created_at == '2026-03-03T16:05:09+02:00'",
    'created_at < "2026-03-03 14:06"',
    # null and missing are one
    "parent == null and card.intended_use == null and metrics.nothing == null",
    "code.branch == null and data.validation.rows == null and metrics.test_auc != null",
    "params.clf__class_weight == None",
    # in and ~
    '"income" in features and "mean age" in features and not "age" in features',
    '"age" not in features and "test_auc" in metrics and 0.5 in params.clf__l1_ratios',
    'status in ["staging", "production"] and params.clf__C in [0.1, 0.5]',
    'created_at in [2026-01-01, 2026-03-03] and environment.python in ["3.11.7"]',
    'message ~ "drift" and author ~ "LOVELACE" and features ~ "AGE" and custom.team.name ~ "gröss"',
    '"train" in data and "income" in data.train.columns',
    # names
    "params.clf__max_iter == pipeline.params.clf__max_iter",
    'params.a.b == "dotted" and params."a.b" == \'dotted\'',
    "metrics.precision.at-10 == 0.5 and metrics.recall@5 == 0.4",
    'features."mean age".dtype == "int64" and pipeline.steps.clf.class ~ "logistic"',
    'artifacts."pipeline.joblib".size_bytes == 10 and artifacts.pipeline.joblib.size_bytes == 10',
    '"numpy.ndarray" in artifacts.pipeline.joblib.globals',
    "data.train.columns.income.profile.mean == 4",
    # truth values, alone too
    "code.dirty and custom.flag and code.dirty == true and params.clf__warm_start == FALSE",
    "not params.clf__warm_start and not metrics.count and not metrics.nothing",
    "params.clf__l1_ratios == [0, 0.5]",
    "custom.approved == 2026-03-04 and custom.approved < 2026-03-05",
    # and before or, not before and
    "metrics.count == 3 or metrics.count == 4 and metrics.count == 5",
    "(metrics.count == 3 OR metrics.count == 4) AND NOT metrics.count == 5",
    "  metrics.count\n==\t3  ",
]

FALSE = [
    "metrics.nothing > 0",
    "metrics.nothing != 0",
    'parent != "1.0.0"',
    'metrics.count == "3"',
    'metrics.count > "3"',
    "params.clf__warm_start == 0",
    "code.dirty == 1",
    "params.clf__C in [true, null]",
    "metrics > 1",
    'metrics.count ~ "3"',
    "null in features",
    "status",
    '"prod" in status',
    "status in []",
    "params.clf__l1_ratios == [0.5, 0]",
]


@pytest.mark.parametrize("expression", TRUE)
def test_it_holds(expression):
    assert holds(expression)


@pytest.mark.parametrize("expression", FALSE)
def test_it_does_not_hold(expression):
    assert not holds(expression)


def test_not_turns_an_answer_round_where_a_field_is_missing_too():
    assert not holds("metrics.nothing > 0.5")
    assert holds("not metrics.nothing > 0.5")


def test_the_names_are_told_once_each_in_order():
    query = Query.parse(
        'status == "a" and metrics.b > 1 or metrics.b < params.c and "x" in features'
    )

    assert [name.text for name in query.names] == ["status", "metrics.b", "params.c", "features"]
    assert [name.parts for name in query.names][2] == ("pipeline", "params", "c")


# What is wrong

AS_IN = "as in `metrics.test_auc > 0.9`"
AS_A_LIST = 'as in `status in ["staging", "production"]`'
SPLIT = "split it into several searches"
JOIN = "join two comparisons by `and`"
WRONG = {
    "": ("column 1: the expression is empty", AS_IN),
    "metrics.auc >": ("column 14: expected a field or a value, found the end", AS_IN),
    "metrics.auc = 1": ("column 13: '=' means nothing here", "write == to compare"),
    "metrics.auc > 1 && status": ("column 17: '&' means nothing here", "write `and`"),
    "code.dirty || code.dirty": ("column 12: '|' means nothing here", "write `or`"),
    "!code.dirty": ("column 1: '!' means nothing here", "write `not`, or != to compare"),
    "(metrics.auc > 1": ("column 17: the parenthesis at column 1 is not closed", "write ) there"),
    "metrics.auc > 1)": ("column 16: no parenthesis is open", "leave it out, or open one with ("),
    "1 < metrics.auc < 2": ("column 17: a comparison has two sides", JOIN),
    "code.dirty code.dirty": (
        "column 12: expected `and` or `or`, found 'code.dirty'",
        "join two comparisons by `and`; write text of several words in quotes",
    ),
    "1 == 1": ("column 1: expected a field on one of the two sides", AS_IN),
    "3": ("column 2: expected a comparison", AS_IN),
    "code.dirty not": ("column 15: expected `in` after `not`", AS_A_LIST),
    'status in "a"': ("column 11: expected a list or a field after `in`", AS_A_LIST),
    'status in ["a" "b"]': ("column 16: the list at column 11 is not closed", "write , or ] there"),
    "status in [code.dirty]": ("column 12: a list may only hold values", 'as in `["a", "b"]`'),
    "status in [[1]]": ("column 12: a list may only hold values", 'as in `["a", "b"]`'),
    "status in ['a',]": ("column 16: a list may only hold values", 'as in `["a", "b"]`'),
    "status in ['a'": ("column 15: the list at column 11 is not closed", "write , or ] there"),
    "[1] in features": ("column 1: a list cannot be in another", "name a field before `in`"),
    "message ~ 3": ("column 11: expected text after ~", 'as in `message ~ "drift"`'),
    '"a" ~ "b"': ("column 1: expected a field before ~", 'as in `message ~ "drift"`'),
    "metrics.auc > null": ("column 13: null cannot be ordered", "compare with null by == or !="),
    "metrics.auc > [1]": ("column 13: a list cannot be ordered", "write `in` for one of several"),
    "version > 1.2": ("column 11: '1.2' is not a SemVer version", "write all three numbers: 1.2.0"),
    "created_at > 2026-13-01": (
        "column 14: '2026-13-01' is not a date",
        "write it as 2026-03-03 or 2026-03-03T14:00",
    ),
    "created_at > 3x": (
        "column 14: '3x' is not a number, date or version",
        'write text in quotes: "3x"',
    ),
    "metrics.auc > 1e999": ("column 15: 1e999 is not a finite number", "write a smaller one"),
    'message ~ "drift': ("column 11: the text is not closed", 'close it with "'),
    "status == production": (
        "column 11: no field 'production'",
        'write text in quotes: "production"',
    ),
    "statos == 'x'": ("column 1: no field 'statos'", "did you mean 'status'?"),
    "code.comit == 'x'": ("column 6: no 'comit' in 'code'", "did you mean 'commit'?"),
    "data.train.rowz > 1": ("column 12: no 'rowz' in 'train'", "did you mean 'rows'?"),
    "status.x == 1": ("column 8: 'status' has no parts", "write status alone"),
    "pipeline.task.x == 1": (
        "column 15: 'pipeline.task' has no parts",
        "write pipeline.task alone",
    ),
    "not " * 60 + "code.dirty": ("column 201: nested more than 50 deep", SPLIT),
    "(" * 60 + "code.dirty": ("column 51: nested more than 50 deep", SPLIT),
}


def test_every_name_that_is_unknown_is_said_at_once():
    with pytest.raises(InvalidQuery) as caught:
        Query.parse("statos == 'x' and code.comit == null or metrics.auc = 1")

    assert caught.value.summary == (
        "column 1: no field 'statos'; column 24: no 'comit' in 'code'; "
        "column 53: '=' means nothing here"
    )
    assert caught.value.excerpt == (
        "statos == 'x' and code.comit == null or metrics.auc = 1",
        "^                      ^                            ^",
    )
    assert caught.value.hint == "did you mean 'status'?"


@pytest.mark.parametrize("expression", WRONG, ids=lambda text: text[:30] or "nothing")
def test_what_is_wrong_is_said_with_its_column(expression):
    message, hint = WRONG[expression]

    with pytest.raises(InvalidQuery) as caught:
        Query.parse(expression)

    error = caught.value
    assert (error.summary, error.hint) == (message, hint)
    line, caret = error.excerpt
    assert error.column is not None
    if len(expression) <= 72:
        assert line == expression
        assert caret == " " * (error.column - 1) + "^"


def test_a_wrong_place_in_a_long_expression_is_shown_with_what_is_around_it():
    with pytest.raises(InvalidQuery) as caught:
        Query.parse(f'message ~ "{"x" * 100}" and\nstatos == "a" and message ~ "{"y" * 100}"')

    line, caret = caught.value.excerpt
    assert line == f'…{"x" * 30}" and statos == "a" and message ~ "{"y" * 7}…'
    assert line[caret.index("^") :].startswith("statos")


def test_the_whole_message_has_the_caret_below_the_place():
    message = "column 13: '=' means nothing here\n  metrics.auc = 1\n              ^"
    assert str(refusal("metrics.auc = 1")) == message

    too_long = "the expression has 4001 characters, more than 4000"
    assert str(refusal("x" * 4001)) == too_long


@pytest.mark.parametrize(
    "expression",
    [
        "1" * 3999 + "x",
        "1." * 1999 + "x",
        '"' + "\\" * 3998,
        "metrics." * 499 + "x",
        "2026-03-03" * 399,
        "[" * 3999,
        "status in " + "[" * 3900,
        "code.dirty and " * 266 + "code.dirty",
        f'message ~ "{"a" * 3900}b"',
    ],
    ids=lambda text: text[:12],
)
def test_no_expression_takes_long(expression):
    record = {**RECORD, "message": "a" * 500_000}
    start = time.process_time()

    with suppress(InvalidQuery):
        holds(expression, record)

    assert time.process_time() - start < 1


# Every expression, against what it should mean

names = st.sampled_from(["metrics.a", "metrics.b", "params.t", "params.u", "params.gone"])
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([-1.5, 0.5, 2.0]))
words = st.sampled_from(["", "a", "ab", "B", 'q"uote', "null"])
values = st.one_of(numbers, words, st.booleans())
ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
conditions = st.one_of(
    st.tuples(st.just("compare"), names, st.sampled_from(["==", "!=", *ORDERS]), values),
    st.tuples(st.just("null"), names, st.sampled_from(["==", "!="])),
    st.tuples(st.just("in"), names, st.lists(values, max_size=3)),
    st.tuples(st.just("has"), names, words),
)
expressions = st.recursive(
    conditions,
    lambda held: st.one_of(
        st.tuples(st.just("not"), held), st.tuples(st.sampled_from(["and", "or"]), held, held)
    ),
    max_leaves=12,
)
records = st.fixed_dictionaries(
    {}, optional={name: st.one_of(values, st.none()) for name in ("a", "b", "t", "u")}
)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def spelled(tree: Any) -> str:
    kind, *rest = tree
    if kind == "not":
        return f"not ({spelled(rest[0])})"
    if kind in ("and", "or"):
        return f"({spelled(rest[0])}) {kind} ({spelled(rest[1])})"
    if kind == "compare":
        return f"{rest[0]} {rest[1]} {written(rest[2])}"
    if kind == "null":
        return f"{rest[0]} {rest[1]} null"
    if kind == "in":
        return f"{rest[0]} in [{', '.join(map(written, rest[1]))}]"
    return f"{rest[0]} ~ {written(rest[1])}"


def alike(one: Any, other: Any) -> bool:
    return [type(one) is kind for kind in (bool, str)] == [type(other) is k for k in (bool, str)]


def meant(tree: Any, record: dict[str, Any]) -> bool:
    kind, *rest = tree
    if kind == "not":
        return not meant(rest[0], record)
    if kind == "and":
        return meant(rest[0], record) and meant(rest[1], record)
    if kind == "or":
        return meant(rest[0], record) or meant(rest[1], record)
    found = record.get(rest[0].split(".")[1])
    if kind == "null":
        return (found is None) == (rest[1] == "==")
    if found is None:
        return False
    if kind == "in":
        return any(alike(found, one) and found == one for one in rest[1])
    if kind == "has":
        return isinstance(found, str) and rest[1].lower() in found.lower()
    _, sign, asked = rest
    if sign in ("==", "!="):
        return (alike(found, asked) and found == asked) == (sign == "==")
    return alike(found, asked) and not isinstance(found, bool) and ORDERS[sign](found, asked)


@given(tree=expressions, held=records)
def test_an_expression_means_what_its_parts_mean(tree, held):
    record = {
        "metrics": {name: held[name] for name in "ab" if name in held},
        "pipeline": {"params": {name: held[name] for name in "tu" if name in held}},
    }

    assert holds(spelled(tree), record) is meant(tree, held)


WORDS = 'metrics.a == ( ) [ ] , not in and or ~ 1 "x" null'


@given(st.text(max_size=60) | st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join))
def test_any_text_is_understood_or_refused_with_a_column_in_it(text):
    found = refusal(text)

    if found is not None:
        assert found.column is not None
        assert 1 <= found.column <= len(text) + 1
        assert found.excerpt[1].endswith("^")


versions = st.from_regex(
    r"[0-9]\.[0-9]{1,2}\.[0-9](-(rc|beta)\.[0-9]{1,2})?", fullmatch=True
).filter(lambda text: semver.Version.is_valid(text))


@given(versions, versions, st.sampled_from(["==", "!=", *ORDERS]))
def test_versions_compare_as_semver_does(one, other, sign):
    expected = semver.Version.parse(one).match(f"{sign}{other}")

    assert holds(f'version {sign} "{other}"', {"version": one}) is expected


moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=timezone.utc)
)


@given(moments, moments | st.none(), st.sampled_from(["==", "!=", *ORDERS]))
def test_a_day_stands_for_all_its_seconds(found, asked, sign):
    asked = asked or found
    day = asked.replace(hour=0, minute=0, second=0)
    last = day + timedelta(days=1) - timedelta(seconds=1)
    expected = {
        "==": day <= found <= last,
        "!=": not day <= found <= last,
        "<": found < day,
        "<=": found <= last,
        ">": found > last,
        ">=": found >= day,
    }[sign]
    record = {"created_at": found.isoformat().replace("+00:00", "Z")}

    assert holds(f"created_at {sign} {asked.date().isoformat()}", record) is expected


# A field, and a value


@pytest.mark.parametrize(
    ("text", "parts", "value"),
    [
        ("metrics.auc", ("metrics", "auc"), None),
        ("features=income", ("features",), ("income", "income")),
        ("params.C=0.5", ("pipeline", "params", "C"), (0.5, "0.5")),
        ("code.dirty=true", ("code", "dirty"), (True, "true")),
        ('message="a = b"', ("message",), ("a = b", "a = b")),
        ("message=a = b", ("message",), ("a = b", "a = b")),
        ("version=1.2.0", ("version",), ("1.2.0", "1.2.0")),
        ('features."a=b".dtype=', ("features", "a=b", "dtype"), ("", "")),
    ],
)
def test_a_field_with_a_value(text, parts, value):
    path, literal = parse_field(text)

    assert path.parts == parts
    assert (None if literal is None else (literal.value, literal.text)) == value


@pytest.mark.parametrize("text", ["", "=3", "metrics.a > 3", "metrics.a extra", "'metrics'"])
def test_what_is_no_field(text):
    with pytest.raises(InvalidQuery, match="expected only the name of a field"):
        parse_field(text)
