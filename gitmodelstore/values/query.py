"""What may be asked of all versions: the expressions of `search`.

    metrics.test_auc > 0.9 and status == "production" and data.train.rows >= 1000

    expression  any { "or" any }           any   one { "and" one }
    one         "not" one | "(" expression ")" | condition
    condition   value sign value | value ["not"] "in" value | value "~" text | name
    sign        == != < <= > >=            value name | text | number | date | list | null …

Read by recursive descent, into small objects that say of one version whether it holds.
Nothing of an expression is ever run as code. docs/search.md is the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from gitmodelstore.errors import InvalidQuery
from gitmodelstore.values.field_path import FieldPath, Kind, Record, UnknownName
from gitmodelstore.values.names import quoted
from gitmodelstore.values.query_parts import (
    ORDERS,
    Among,
    Both,
    Comparison,
    Condition,
    Contains,
    Either,
    IsNull,
    IsTrue,
    Not,
    Side,
)
from gitmodelstore.values.query_values import Unfit, reader_of, wanted
from gitmodelstore.values.query_words import (
    Literal,
    Token,
    literal,
    name_at_start,
    parts_of,
    together,
    tokens,
    wrong,
)

MOST_LEVELS = 50  # parentheses and `not` in one another

_AS_IN = "as in `metrics.test_auc > 0.9`"
_AS_A_LIST = 'as in `status in ["staging", "production"]`'
_SIGNS = ("==", "!=", *ORDERS)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression that was understood.

    Attributes:
        text: as it was written.
        names: the fields that it asks for, each once, in order.
        condition: what it asks.
        equals: each field with a text that it is to be, or to be one of.
    """

    text: str
    names: tuple[FieldPath, ...]
    condition: Condition
    equals: tuple[tuple[FieldPath, str], ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Return what an expression asks.

        Raises:
            InvalidQuery: it cannot be understood, or names what no manifest can have.
        """
        reader = _Reader(text)
        found = reader.unknown
        try:
            condition = reader.whole()
        except InvalidQuery as error:  # of a frame for each level of it
            if error.column not in [one.column for one in found]:
                found.append(error.with_traceback(None))
        if found:
            raise together(found) from None
        return cls(text, tuple(reader.names.values()), condition, tuple(reader.equals))

    def matches(self, record: Record) -> bool:
        """Return whether it holds of a version."""
        return self.condition.holds(record)


Value = FieldPath | Literal | list[Literal]


class _Reader:
    """Reads one expression, a word ahead."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._words = tokens(source)
        self._next = next(self._words)
        self._level = 0
        self.names: dict[tuple[str, ...], FieldPath] = {}
        self.equals: list[tuple[FieldPath, str]] = []
        self.unknown: list[InvalidQuery] = []  # one for each name that no manifest can have

    def whole(self) -> Condition:
        if self._next.kind == "end":
            raise self._wrong(self._next, "nothing is asked", _AS_IN)
        found = self._expression()
        if self._next.kind != "end":
            raise self._after_condition()
        return found

    def _expression(self) -> Condition:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _one(self) -> Condition:
        start = self._next
        self._level += 1
        if self._level > MOST_LEVELS:
            raise self._wrong(start, f"nested more than {MOST_LEVELS} deep", "ask in several steps")
        try:
            if self._takes("not"):
                return Not(self._one())
            if self._takes("("):
                found = self._expression()
                if self._next.kind != "end" and self._next.text != ")":
                    raise self._after_condition()
                self._expect(")", f"the parenthesis of column {start.at + 1} is not closed")
                return found
            return self._condition()
        finally:
            self._level -= 1

    def _condition(self) -> Condition:
        start = self._next
        left = self._value()
        sign = self._next
        if sign.kind != "sign" or sign.text not in (*_SIGNS, "in", "not", "~"):
            if isinstance(left, FieldPath):
                return IsTrue(left)
            raise self._wrong(sign, "expected a comparison", _AS_IN)
        self._take()
        if sign.text == "not":
            self._expect("in", "expected `in` after `not`")
            return Not(self._among(start, left))
        if sign.text == "in":
            return self._among(start, left)
        if sign.text == "~":
            return self._contains(start, left)
        at = self._next
        return self._comparison(start, left, sign, at, self._value(asked=True))

    def _comparison(
        self, start: Token, left: Value, sign: Token, at: Token, right: Value
    ) -> Condition:
        path = self._a_name(start, left, right)
        for value in (left, right):
            if isinstance(value, Literal) and value.value is None:
                if sign.text not in ("==", "!="):
                    raise self._wrong(
                        sign,
                        "null is neither above nor below anything",
                        "compare with null by == or !=",
                    )
                is_null = IsNull(path)
                return is_null if sign.text == "==" else Not(is_null)
            if isinstance(value, list) and sign.text not in ("==", "!="):
                raise self._wrong(
                    sign,
                    "a list is neither above nor below anything",
                    "write `in` for one of several",
                )
        if sign.text == "==":
            self._note_equals(left, right)
        kind = _common(left, right)
        return Comparison(self._side(start, left, kind), sign.text, self._side(at, right, kind))

    def _among(self, start: Token, left: Value) -> Condition:
        at = self._next
        right = self._value(asked=True)
        self._a_name(start, left, right)
        if isinstance(right, Literal):
            raise self._wrong(
                at,
                "expected a list or a field after `in`",
                _AS_A_LIST,
            )
        if isinstance(left, list):
            raise self._wrong(start, "a list cannot be in another", "name a field before `in`")
        self._note_equals(left, right)
        kind = left.kind if isinstance(left, FieldPath) else Kind.PLAIN
        among = right.kind if isinstance(right, FieldPath) else kind
        return Among(self._side(start, left, kind), self._side(at, right, among))

    def _contains(self, start: Token, left: Value) -> Condition:
        at = self._next
        part = self._value(asked=True)
        if not isinstance(left, FieldPath):
            raise self._wrong(start, "expected a field before ~", 'as in `message ~ "drift"`')
        if not isinstance(part, Literal) or not isinstance(part.value, str):
            raise self._wrong(at, "expected text after ~", 'as in `message ~ "drift"`')
        return Contains(left, part.value.casefold())

    def field(self) -> FieldPath:
        """Read a name, and nothing else."""
        path = self._path(self._take(), asked=False)
        if self.unknown:
            raise self.unknown[0]
        return path

    # Values

    def _value(self, *, asked: bool = False) -> Value:
        """Read a name, a literal or a list; `asked` is that it is what a field is compared with."""
        token = self._take()
        if token.kind == "name":
            return self._path(token, asked)
        if token.text == "[" and token.kind == "sign":
            return self._list(token)
        if token.kind in ("sign", "end"):
            said = "the end" if token.kind == "end" else quoted(token.text)
            raise self._wrong(token, f"expected a field or a value, found {said}", _AS_IN)
        return Literal(token.value, token.text)

    def _list(self, start: Token) -> list[Literal]:
        found: list[Literal] = []
        while not self._takes("]"):
            if found:
                self._expect(",", f"the list of column {start.at + 1} is not closed")
            one = self._take()
            if one.kind in ("name", "sign", "end"):
                raise self._wrong(one, "a list holds values alone", 'as in `["a", "b"]`')
            found.append(Literal(one.value, one.text))
        return found

    def _path(self, token: Token, asked: bool) -> FieldPath:
        parts = parts_of(token.text)
        try:
            path = FieldPath.of(token.text, tuple(part for part, _ in parts))
        except UnknownName as error:
            part, offset = parts[error.index]
            hint = f'text stands in quotes: "{token.text}"' if asked else error.hint
            unknown = part if error.index == 0 and not asked else None
            place = token.at + offset
            self.unknown.append(wrong(self._source, place, str(error), hint, unknown=unknown))
            return FieldPath(token.text, tuple(one for one, _ in parts), Kind.PLAIN)
        return self.names.setdefault(path.parts, path)

    def _side(self, at: Token, value: Value, kind: Kind) -> Side:
        read = reader_of(kind)
        if isinstance(value, FieldPath):
            return Side(value, None, read)
        try:
            if isinstance(value, list):
                return Side(None, [wanted(one, kind) for one in value], read)
            return Side(None, wanted(value, kind), read)
        except Unfit as error:
            raise self._wrong(at, str(error), error.hint) from None

    def _a_name(self, start: Token, left: Value, right: Value) -> FieldPath:
        for value in (left, right):
            if isinstance(value, FieldPath):
                return value
        raise self._wrong(start, "expected a field on one of the two sides", _AS_IN)

    def _note_equals(self, left: Value, right: Value) -> None:
        if isinstance(left, FieldPath) and not isinstance(right, FieldPath):
            asked = right if isinstance(right, list) else [right]
            self.equals += [(left, one.value) for one in asked if isinstance(one.value, str)]

    # Words

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._next = next(self._words)
        return token

    def _takes(self, sign: str) -> bool:
        found = self._next.kind == "sign" and self._next.text == sign
        if found:
            self._take()
        return found

    def _expect(self, sign: str, message: str) -> None:
        if not self._takes(sign):
            hint = {")": "write ) there", ",": "write , or ] there"}.get(sign, _AS_A_LIST)
            raise self._wrong(self._next, message, hint)

    def _after_condition(self) -> InvalidQuery:
        """Return the error for what follows a condition and does not join it to another."""
        token = self._next
        if token.kind == "sign" and token.text in _SIGNS:
            return self._wrong(token, "a comparison has two sides", "join two comparisons by `and`")
        if token.text == ")":
            return self._wrong(token, "no parenthesis is open", "leave it out, or open one with (")
        hint = "join two comparisons by `and`; text of several words stands in quotes"
        return self._wrong(token, f"expected `and` or `or`, found {quoted(token.text)}", hint)

    def _wrong(self, token: Token, message: str, hint: str | None) -> InvalidQuery:
        return wrong(self._source, token.at, message, hint)


def _common(left: Value, right: Value) -> Kind:
    """Return how two sides compare: as the name says, or as JSON has them where two disagree."""
    kinds = {value.kind for value in (left, right) if isinstance(value, FieldPath)}
    return kinds.pop() if len(kinds) == 1 else Kind.PLAIN


def parse_name(text: str) -> FieldPath:
    """Return the field that a text names.

    Raises:
        InvalidQuery: it is no name, or one that no manifest can have.
    """
    return parse_field(text, with_value=False)[0]


def parse_field(text: str, *, with_value: bool = True) -> tuple[FieldPath, Literal | None]:
    """Return the field, and the value if there is one, that `FIELD` or `FIELD=VALUE` names.

    A value that is no number, true, false or null is text, with quotes or without.

    Raises:
        InvalidQuery: it is no name, or one that no manifest can have.
    """
    name = name_at_start(text)
    rest = text[len(name) :]
    if not name or (rest and not (with_value and rest.startswith("="))):
        raise wrong(
            text, len(name), "expected the name of a field alone", "as in `metrics.test_auc`"
        )
    return _Reader(name).field(), literal(rest[1:]) if rest else None
