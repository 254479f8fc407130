"""Gates: what a version must be before it may come to a status, as modelstore.toml says it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import partial

from gitmodelstore.errors import FormatError, InvalidInput
from gitmodelstore.lean import TYPE_CHECKING, Any, TypeVar, dataclass, pattern
from gitmodelstore.values.events import (
    ANNOTATED,
    Scalar,
    one_line,
    says_annotated,
    trailer_groups,
    trailers,
)
from gitmodelstore.values.json import (
    GREATEST_INTEGER,
    FaultList,
    cut,
    flag,
    hidden_character,
    join,
    read_table,
    texts,
)
from gitmodelstore.values.names import METRIC_PATTERN, did_you_mean, quoted

if TYPE_CHECKING:
    from decimal import Decimal

# Annotations: what is said of a version after it was registered, beside what it is made of.

PREFIX = "annotations."  # before a key, where a policy names it
KEY_PATTERN = r"(?![a-z0-9_.-]{64})[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?"
MOST_KEYS = 50  # in one commit
MOST_CHARACTERS = 1000  # of a text
_MOST_NAMED = 4  # keys in the subject of a commit

_KEY = pattern(KEY_PATTERN)
_NUMBER = pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one commit says of one key of a version.

    >>> event = store.annotate("churn@1.1.0", {"ticket": "A-17"})
    >>> store.annotations("churn@1.1.0")["ticket"].value
    'A-17'

    Attributes:
        key: as "validation_auc".
        value: a number, true or false, or a text of one line; None if it was taken back.
        commit: id of the commit whose message says it.
        who: the author of that commit, as "Name <email>".
        when: the effective date of the commit that brought it to the branch, UTC; of a
            merge that is later than when it was said.
        why: the reason given; None without one.
    """

    key: str
    value: Scalar | None
    commit: str
    who: str
    when: datetime
    why: str | None


@dataclass(frozen=True, slots=True)
class Annotated:
    """What one group of trailers annotates."""

    model: str
    version: str  # whether there is such a one or not
    values: tuple[tuple[str, Scalar | None], ...]
    why: str | None


def annotation_text(
    model: str, version: str, values: Mapping[str, Scalar | None], reason: str | None
) -> str:
    """Return the message of a commit that annotates a version."""
    pairs = [pair for k, v in values.items() for pair in (("Key", k), ("Value", written(v)))]
    text = trailers(
        ("Event", ANNOTATED),
        ("Model", model),
        ("Version", version),
        *pairs,
        ("Reason", one_line(reason)),
    )
    keys = ", ".join([*values][:_MOST_NAMED]) + (", …" if len(values) > _MOST_NAMED else "")
    return f"annotate {model} {version}: {keys}\n\n{text}\n"


def read_annotations(message: str) -> Iterator[Annotated]:
    """Yield what a message annotates; groups of trailers in another form are passed over."""
    for group, reason in trailer_groups(message) if says_annotated(message) else ():
        if annotated := _said(group, reason):
            yield annotated


def check_key(key: object) -> str:
    """Return `key` if it can be one; InvalidInput, with a near one as hint, otherwise."""
    if isinstance(key, str) and _KEY.fullmatch(key):
        return key
    rule = "use lower-case letters, digits, . _ and -, at most 63, ending in a letter or digit"
    near = re.sub(r"[^a-z0-9_.-]+", "_", str(key).lower())[:63].strip("._-")
    advice = f"{rule}, such as '{near}'" if _KEY.fullmatch(near) else rule
    shown = quoted(cut(key)) if isinstance(key, str) else ascii(key)
    raise InvalidInput(f"{shown} is not a key of an annotation", hint=advice)


def check_value(key: str, value: Any) -> Scalar | None:
    """Return `value` if it can be annotated; InvalidInput otherwise. None takes the key back."""
    if value is None or isinstance(value, bool):
        return value
    if fault := _value_fault(key, value):
        raise InvalidInput(f"'{key}' {fault[0]}", hint=fault[1])
    checked: Scalar = value
    return checked


def _value_fault(key: str, value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a value, and the hint."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, which is not a finite number", "leave it out, or give it as text"
    if isinstance(value, int) and abs(value) > GREATEST_INTEGER:
        return "lies beyond 2^53", "keep it as text"
    if isinstance(value, (int, float)):
        return None
    if not isinstance(value, str):
        what = f"is a {type(value).__name__}, not a number, true, false or text"
        return what, "name a key for each value"
    if not value.strip():
        return "is an empty text", f"`{key}=` removes it"
    if len(value) > MOST_CHARACTERS:
        what = f"has {len(value)} characters, more than {MOST_CHARACTERS}"
        return what, "keep a long text elsewhere, and annotate where"
    if value.splitlines() != [value]:
        return "is a text of several lines", "write one line"
    if hidden := hidden_character(value):
        return f"contains the hidden character {hidden}", "type it again instead of pasting it"
    return None


def parse_pair(text: str) -> tuple[str, Scalar | None]:
    """Return the key and the value of a typed `KEY=VALUE`; InvalidInput otherwise.

    A number of JSON, true and false are that; anything else, or what stands between double
    quotes, is text. `KEY=` takes the key back.

    >>> parse_pair("approval=00123"), parse_pair('batch="7"'), parse_pair("approval=")
    (('approval', '00123'), ('batch', '7'), ('approval', None))
    """
    key, sign, typed = text.partition("=")
    if not sign:
        hint = "as in validation_auc=0.83; KEY= removes it"
        raise InvalidInput(f"{quoted(cut(text))} is not KEY=VALUE", hint=hint)
    check_key(key)
    return key, check_value(key, _typed(key, typed))


def written(value: Scalar | None) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


def _typed(key: str, text: str) -> Any:
    fault = None
    if not text or text in ("true", "false") or _NUMBER.fullmatch(text) or text.startswith('"'):
        try:
            return json.loads(text) if text else None
        except ValueError:
            fault = f"is {cut(text)}, which is not JSON", "close the double quotes"
    elif text[0] in "[{":
        fault = "is neither a number, true, false nor text", "name a key for each value"
    elif _may_mean_a_number(text):
        hint = f"write it as 0.5, or as text: '{key}=\"{text}\"'"
        fault = f"is {text}, which is not a JSON number", hint
    if fault:
        raise InvalidInput(f"'{key}' {fault[0]}", hint=fault[1])
    return text


def _may_mean_a_number(text: str) -> bool:
    """Whether a program would read a number that JSON has not: .5, +1, nan; 00123 is a name."""
    try:
        float(text)
    except ValueError:
        return False
    return not text.isdigit()


def _said(pairs: list[tuple[str, str]], reason: str | None) -> Annotated | None:
    keyed = [pair for pair in pairs if pair[0] in ("Key", "Value")]
    facts = dict(pair for pair in pairs if pair not in keyed)
    texts = [text for _, text in keyed]
    if (
        facts["Event"] != ANNOTATED
        or not {"Model", "Version"} <= facts.keys()
        or len(facts) + len(keyed) != len(pairs)
        or not 0 < len(keyed) <= 2 * MOST_KEYS
        or [key for key, _ in keyed] != ["Key", "Value"] * (len(keyed) // 2)
        or any(text[:1] in ("[", "{") for text in texts[1::2])  # nested without end, for example
    ):
        return None
    try:
        values = tuple(
            (check_key(key), check_value(key, json.loads(text)))
            for key, text in zip(texts[::2], texts[1::2], strict=True)
        )
    except (InvalidInput, ValueError):
        return None
    return Annotated(facts["Model"], facts["Version"], values, facts.get("Reason", reason))


# Conditions on metrics, as gates spell them: `test_auc >= 0.75`, `test_auc >= current - 0.01`.

OPERATORS = (">=", "<=", "==", ">", "<")
CURRENT = "current"

_MOST_CHARACTERS = 200
_EXACT = 800  # the digits of any two doubles, side by side
# The words of an expression, each with the spaces behind it.
_NAME = pattern(rf"({METRIC_PATTERN}) *")
_OPERATOR = pattern(rf"({'|'.join(OPERATORS)}) *")
_HOLDER = pattern(rf"({CURRENT})(?![A-Za-z0-9_.@]) *")
_SIGN = pattern("([+-]) *")
_NUMBER_PATTERN = pattern(
    r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)(?![A-Za-z0-9_.]) *"
)


def exactly(value: float) -> Decimal:
    """Return a metric as the decimal that its manifest spells: the shortest that means it."""
    from decimal import Decimal

    return Decimal(repr(value))


@dataclass(frozen=True, slots=True)
class Condition:
    """A bound on one metric, or on one annotation."""

    metric: str  # its name; that of an annotation is `annotations.KEY`
    operator: str
    number: Decimal  # the bound, or what is added to the holder's number
    is_relative: bool = False  # whether the bound is the number of the present holder

    @property
    def key(self) -> str | None:
        """The key of the annotation that it bounds; None if it bounds a metric."""
        return self.metric.removeprefix(PREFIX) if self.metric.startswith(PREFIX) else None

    @classmethod
    def parse(cls, text: str, where: str = "") -> Condition:
        """Parse `NAME OP NUMBER` or `NAME OP current + NUMBER`; FormatError otherwise."""
        return _Reading(text, where).condition()

    def bound(self, current: Decimal | None = None) -> Decimal:
        """Return what the metric is compared with; `current` is the holder's number."""
        from decimal import Context

        return self.number if current is None else Context(_EXACT).add(current, self.number)

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
        self._at = len(text) - len(text.lstrip(" "))

    def condition(self) -> Condition:
        from decimal import Decimal

        if len(self._text) > _MOST_CHARACTERS:
            what = f"{len(self._text)} characters, more than {_MOST_CHARACTERS}"
            raise FormatError(what, where=self._where)
        metric = self._take(_NAME, "the name of a metric")
        if metric.startswith(PREFIX) and not _KEY.fullmatch(metric, len(PREFIX)):
            raise self._expected(f"'{PREFIX}' and the key of an annotation", 0)
        operator = self._take(_OPERATOR, f"one of {', '.join(OPERATORS)}")
        is_relative, sign = bool(self._take(_HOLDER)), self._take(_SIGN)
        number, start = "0", self._at
        if sign or not is_relative:
            number = self._take(_NUMBER_PATTERN, "a number" if sign else f"a number or '{CURRENT}'")
            if not math.isfinite(float(number)):
                raise self._expected("a finite number", start)
        if self._at < len(self._text):
            raise self._expected("the end" if sign or not is_relative else "+, - or the end")
        exact = Decimal(number)
        return Condition(
            metric, operator, exact.copy_negate() if sign == "-" else exact, is_relative
        )

    def _take(self, pattern: re.Pattern[str], expected: str | None = None) -> str:
        """Return the next word, if it is of that pattern; otherwise "", or what was expected."""
        match = pattern.match(self._text, self._at)
        if match is None and expected:
            raise self._expected(expected)
        self._at = match.end() if match else self._at
        return match[1] if match else ""

    def _expected(self, what: str, at: int | None = None) -> FormatError:
        at = self._at if at is None else at
        shown = quoted(cut(self._text[at:])) if self._text[at:] else "nothing"
        message = f"column {at + 1}: expected {what}, found {shown}"
        hint = "as in `test_auc >= 0.75`, or `test_auc >= current - 0.01`"
        return FormatError(message, where=self._where, hint=hint)


# What a gate may require, and what may stand behind the dot: fields of a manifest, and annotations.
_CODE = ("clean", "commit", "url", "branch", "entry_point")
_FIELDS = {
    "data": ("a role such as 'data.train'", re.compile(r"[a-z][a-z0-9_-]{0,62}")),
    "features": None,
    "target": None,
    "metrics": ("a metric such as 'metrics.test_auc'", re.compile(METRIC_PATTERN)),
    "baseline": None,
    "code": (f"one of {', '.join(_CODE)}", re.compile("|".join(_CODE))),
    "card": ("a heading such as 'card.Ethics'", re.compile(r"[^\n#][^\n]{0,99}")),
    "message": None,
    "sample": None,
    "custom": ("a key such as 'custom.ticket'", re.compile(r"[^\n]{1,200}")),
    "annotations": ("a key such as 'annotations.approval'", re.compile(KEY_PATTERN)),
}
_CARD = ("intended_use", "limitations")

_MOST_LISTED = 100
_MOST_APPROVALS = 100
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold before a version comes to one status."""

    sources: tuple[str, ...] = ()  # statuses that it may come from ("from"); empty for any
    metrics: tuple[Condition, ...] = ()  # bounds on its metrics and annotations; all must hold
    require: tuple[str, ...] = ()  # what its manifest or annotations must have, by dotted name
    replay: bool = False  # whether its answers must have been asked again, and be the same
    signed: bool = False  # whether the commit must be; true where `signers` are named
    signers: tuple[str, ...] = ()  # principals who may sign it; empty for every allowed signer
    approvals: int = 0  # how many others must have approved
    override: bool = True  # whether `--force` with a reason passes it all the same


@dataclass(frozen=True, slots=True)
class GateReader:
    """Reads gates and moves from the settings; what is wrong with them is in `faults`."""

    statuses: Collection[str]
    exclusive: Collection[str]  # the statuses that one version holds at a time
    ends: Collection[str]  # the statuses without a gate
    faults: FaultList

    def gates(self, value: Any) -> dict[str, Gate]:
        """Return status to gate, as the table `gates` says."""
        return self._by_status(value, "gates", self._gate)

    def moves(self, value: Any) -> dict[str, tuple[str, ...]]:
        """Return status to those that may follow it."""
        return self._by_status(value, "lifecycle.moves", lambda _, *setting: self._listed(*setting))

    def _by_status(
        self, value: Any, where: str, read: Callable[[str, Any, str], T]
    ) -> dict[str, T]:
        settings: dict[str, T] = {}
        with self.faults:
            if not isinstance(value, dict):
                raise FormatError("expected a table", where=where)
            for status, setting in value.items():
                with self.faults:
                    place = join(where, status)
                    settings[status] = read(self._status(status, place), setting, place)
        return settings

    def _gate(self, status: str, table: Any, where: str) -> Gate:
        if status in self.ends:
            hint = "set lifecycle.moves to say which statuses may follow which"
            raise FormatError(f"no gate leads to '{status}'", where=where, hint=hint)
        condition = partial(_condition, status in self.exclusive)
        read: dict[str, Callable[[Any, str], Any]] = {
            "from": self._sources,
            "metrics": lambda setting, place: self._each(setting, place, condition),
            "require": lambda setting, place: self._each(setting, place, _field),
            "replay": flag,
            "signed": flag,
            "signers": lambda setting, place: self._each(setting, place, _principal),
            "approvals": _count,
            "override": flag,
        }
        settings = read_table(table, where, read, self.faults)
        if "from" in settings:
            settings["sources"] = settings.pop("from")
        with self.faults:
            if settings.get("signers") and settings.setdefault("signed", True) is False:
                raise FormatError("false, though signers are named", where=join(where, "signed"))
        return Gate(**settings)

    def _each(self, value: Any, where: str, read: Callable[[str, str], T]) -> tuple[T, ...]:
        entries = []
        for text, place in _texts(value, where):
            with self.faults:
                entries.append(read(text, place))
        return tuple(dict.fromkeys(entries))

    def _sources(self, value: Any, where: str) -> tuple[str, ...]:
        if value == []:
            raise FormatError("names no status; leave it out for any", where=where)
        return self._listed(value, where)

    def _listed(self, value: Any, where: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._status(*entry) for entry in _texts(value, where)))

    def _status(self, status: str, where: str) -> str:
        if status in self.statuses:
            return status
        names = f"one of {', '.join(self.statuses)}; name others in lifecycle.statuses"
        hint = did_you_mean(status, self.statuses) or names
        raise FormatError(f"{quoted(cut(status))} is not a status", where=where, hint=hint)


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    listed = texts(value, where)
    if len(listed) > _MOST_LISTED:
        raise FormatError(f"{len(listed)} entries, more than {_MOST_LISTED}", where=where)
    return ((text, f"{where}[{index}]") for index, text in enumerate(listed))


def _condition(is_exclusive: bool, text: str, where: str) -> Condition:
    condition = Condition.parse(text, where)
    if condition.is_relative and condition.key is not None:
        what = "an annotation cannot be compared with that of another version"
        raise FormatError(what, where=where, hint="compare it with a number")
    if condition.is_relative and not is_exclusive:
        what = "many versions may have this status, so there is no current one"
        hint = "compare with a number, or name the status in lifecycle.exclusive"
        raise FormatError(what, where=where, hint=hint)
    return condition


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_APPROVALS:
        shown = cut(ascii(value))
        what = f"expected a whole number from 0 to {_MOST_APPROVALS}, found {shown}"
        raise FormatError(what, where=where)
    return value


def _principal(text: str, where: str) -> str:
    """Return a principal as an allowed-signers file of ssh-keygen names it."""
    if not re.fullmatch(r"[^\s,\"*?!#]{1,200}", text) or hidden_character(text):
        hint = "name it as the file of allowed signers does, such as 'ada@example.org'"
        raise FormatError(f"{quoted(cut(text))} is not a principal", where=where, hint=hint)
    return text


def _field(text: str, where: str) -> str:
    """Return `text` if it names a field that a manifest may have, or an annotation."""
    root, dot, rest = text.partition(".")
    meant = rest.lower().replace("-", "_").replace(" ", "_")
    hint = None
    if root not in _FIELDS or hidden_character(text):
        hint = did_you_mean(root, _FIELDS) or f"one of {', '.join(_FIELDS)}"
    elif root == "card" and meant in _CARD and rest not in _CARD:
        hint = f"did you mean 'card.{meant}'?"
    if hint:
        what = f"{quoted(cut(text))} is not a field of a manifest"
        raise FormatError(what, where=where, hint=hint)
    below = _FIELDS[root]
    if not dot:
        return text
    if below is None:
        raise FormatError(f"nothing is below '{root}', found {quoted(cut(text))}", where=where)
    if not below[1].fullmatch(rest):
        what = f"expected {below[0]}, found {quoted(cut(text))}"
        names = [f"code.{name}" for name in _CODE] if root == "code" else []
        raise FormatError(what, where=where, hint=did_you_mean(text, names))
    return text
