"""Conditions on metrics, as gates spell them: `test_auc >= 0.75`, `test_auc >= current - 0.01`.

Numbers are compared as the decimals that are written, so that 0.1 + 0.2 is 0.3.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import NoReturn

from gitmodelstore.errors import FormatError
from gitmodelstore.values.annotations import KEY_PATTERN, PREFIX
from gitmodelstore.values.json import cut
from gitmodelstore.values.names import METRIC_PATTERN, quoted

OPERATORS = (">=", "<=", "==", ">", "<")
CURRENT = "current"

_MOST_CHARACTERS = 200
_EXACT = Context(prec=800)  # the digits of any two doubles, side by side
_NAME = re.compile(METRIC_PATTERN)
_KEY = re.compile(KEY_PATTERN)
_OPERATOR = re.compile("|".join(OPERATORS))
_HOLDER = re.compile(rf"{CURRENT}(?![A-Za-z0-9_.@])")
_SIGN = re.compile("[+-]")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?(?![A-Za-z0-9_.])")
_SPACES = re.compile(" *")


def exactly(value: float) -> Decimal:
    """Return a metric as the decimal that its manifest spells: the shortest that means it."""
    return Decimal(repr(value))


@dataclass(frozen=True, slots=True)
class Condition:
    """A bound on one metric, or on one annotation.

    Attributes:
        metric: its name; that of an annotation is `annotations.KEY`.
        operator: one of OPERATORS.
        number: the bound; of a relative one what is added to the holder's number.
        is_relative: whether the bound is the number of the present holder.
    """

    metric: str
    operator: str
    number: Decimal
    is_relative: bool = False

    @property
    def key(self) -> str | None:
        """The key of the annotation that it bounds; None where it bounds a metric."""
        return self.metric.removeprefix(PREFIX) if self.metric.startswith(PREFIX) else None

    @classmethod
    def parse(cls, text: str, where: str = "") -> Condition:
        """Return what `NAME OP NUMBER`, or `NAME OP current + NUMBER`, means.

        Args:
            text: the expression.
            where: its place in the settings, for the error.

        Raises:
            FormatError: it is neither; the column, from 1, is said.
        """
        return _Reading(text, where).condition()

    def bound(self, current: Decimal | None = None) -> Decimal:
        """Return what the metric is compared with; `current` is the holder's number."""
        return self.number if current is None else _EXACT.add(current, self.number)

    def holds(self, value: Decimal, current: Decimal | None = None) -> bool:
        """Return whether a metric of that value fulfils it."""
        bound = self.bound(current)
        return {
            ">=": value >= bound,
            "<=": value <= bound,
            "==": value == bound,
            ">": value > bound,
            "<": value < bound,
        }[self.operator]

    @property
    def right(self) -> str:
        """The right side, as `0.75` or `current - 0.01`."""
        if not self.is_relative:
            return str(self.number)
        if not self.number:
            return CURRENT
        return f"{CURRENT} {'-' if self.number < 0 else '+'} {self.number.copy_abs()}"

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.right}"


class _Reading:
    """An expression, and how far it has been read."""

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._at = 0

    def condition(self) -> Condition:
        if len(self._text) > _MOST_CHARACTERS:
            what = f"{len(self._text)} characters, more than {_MOST_CHARACTERS}"
            raise FormatError(what, where=self._where)
        metric = self._must(_NAME, "the name of a metric")
        if metric.startswith(PREFIX) and not _KEY.fullmatch(metric, len(PREFIX)):
            self._at = 0
            self._fail(f"'{PREFIX}' and the key of an annotation")
        operator = self._must(_OPERATOR, f"one of {', '.join(OPERATORS)}")
        is_relative = self._may(_HOLDER) is not None
        sign = self._may(_SIGN)
        number = Decimal(0)
        if sign is not None or not is_relative:
            expected = "a number" if sign else f"a number or '{CURRENT}'"
            number = self._number(expected)
        if self._at < len(self._text):
            self._fail("the end" if sign or not is_relative else "+, - or the end")
        return Condition(
            metric, operator, number.copy_negate() if sign == "-" else number, is_relative
        )

    def _number(self, expected: str) -> Decimal:
        start = self._at
        text = self._must(_NUMBER, expected)
        if not math.isfinite(float(text)):
            self._at = start
            self._fail("a finite number")
        return Decimal(text)

    def _may(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._skip())
        if found is None:
            return None
        self._at = found.end()
        self._skip()
        return found.group()

    def _must(self, pattern: re.Pattern[str], expected: str) -> str:
        found = self._may(pattern)
        if found is None:
            self._fail(expected)
        return found

    def _skip(self) -> int:
        found = _SPACES.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at

    def _fail(self, expected: str) -> NoReturn:
        rest = self._text[self._at :]
        found = quoted(cut(rest)) if rest else "nothing"
        raise FormatError(
            f"column {self._at + 1}: expected {expected}, found {found}",
            where=self._where,
            hint="as in `test_auc >= 0.75`, or `test_auc >= current - 0.01`",
        )
