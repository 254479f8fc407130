"""What callers hand to the library: of the right kind, or refused by name with an example.

Owns the sentences `expected …, found …`. What a text means (a name, a number, a moment) is
judged by the module that reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from gitmodelstore.errors import InvalidInput, InvalidName, InvalidReference, StoreError
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.version import Version

_SHORT = 40  # characters of a value that a message repeats


class _Kind(NamedTuple):
    """What a parameter takes: in words, by example, by type."""

    what: str
    such_as: str
    types: tuple[type, ...] = (str,)
    error: type[StoreError] = InvalidInput


_REF = (str, ModelVersion)
_NUMBER = (str, Version, ModelVersion)
_PATH = (str, os.PathLike)
_MOMENT = (str, date)
# By the word that the parameter has in every call, or by what it is where that has two meanings.
_KINDS = {
    "bad": _Kind("a version", "'1.4.0'", _NUMBER),
    "bump": _Kind("a part of the version as text", "'minor'"),
    "card": _Kind("a dictionary of headings and texts", "{'limitations': '…'}", (Mapping,)),
    "column": _Kind("the name of a column as text", "'churned'"),
    "commit": _Kind("a commit as text", "'HEAD~1'"),
    "custom": _Kind("a dictionary", "{'ticket': 'A-17'}", (Mapping,)),
    "data": _Kind(
        "a dictionary of data sets", "{'train': 'train.csv', 'test': (X_test, y_test)}", (Mapping,)
    ),
    "digest": _Kind("a SHA-256 as text", "'sha256:9f86…'"),
    "environment": _Kind("what to do where packages differ", "'warn', 'exact' or 'ignore'"),
    "expression": _Kind("an expression as text", "'metrics.test_auc > 0.9'"),
    "field": _Kind("a field as text", "'metrics.test_auc'"),
    "file": _Kind("the name of a file as text", "'README.md'"),
    "good": _Kind("a version", "'1.0.0'", _NUMBER),
    "host": _Kind("the kind of host as text", "'github'"),
    "message": _Kind("a message as text", "'retrained on May'"),
    "metrics": _Kind("a dictionary of numbers", "{'test_auc': 0.91}", (Mapping,)),
    "model": _Kind("the name of a model as text", "'churn'", error=InvalidName),
    "moment": _Kind("a moment", "'2026-03-03' or a datetime", _MOMENT, InvalidReference),
    "number": _Kind("a version number", "'1.4.0'", (str, Version)),
    "owner": _Kind("an owner as text", "'@acme/leads'"),
    "path": _Kind("a path", "'models/churn'", _PATH),
    "reason": _Kind("a reason as text", "'drift in income'"),
    "ref": _Kind("a reference", "'churn@production'", _REF, InvalidReference),
    "role": _Kind("the role of a data set as text", "'train'"),
    "sample": _Kind("the kind of sample as text", "'synthetic' or 'rows'"),
    "seconds": _Kind("a number of seconds", "30.0", (int, float)),
    "setting": _Kind("the name of a setting as text", "'user.name'"),
    "sort": _Kind("a field to sort by as text", "'-metrics.test_auc'"),
    "status": _Kind("a status as text", "'staging'", error=InvalidName),
    "successor": _Kind("a version", "'1.4.0'", _NUMBER),
    "url": _Kind("the address of a store as text", "'git@example.org:acme/models.git'"),
    "values": _Kind("a dictionary of annotations", "{'approval': 'A-17'}", (Mapping,)),
    "version": _Kind("a version", "'1.4.0'", _NUMBER),
}


def expect(**given: object) -> None:
    """Refuse what is not of the kind that its word names; see `_KINDS` for the words.

    >>> expect(model="churn", status=None)
    Traceback (most recent call last):
    gitmodelstore.errors.InvalidName: expected a status as text, found None
    hint: such as 'staging'

    Raises:
        InvalidName, InvalidReference, InvalidInput: something is of another kind.
    """
    for word, value in given.items():
        kind = _KINDS[word]
        if not isinstance(value, kind.types):
            raise kind.error(
                f"expected {kind.what}, found {shown(value)}", hint=f"such as {kind.such_as}"
            )


def expect_given(**given: object) -> None:
    """Do what `expect` does for what was given: None is what it is where nothing is."""
    expect(**{word: value for word, value in given.items() if value is not None})


def expect_flags(**given: object) -> None:
    """Refuse what is neither True nor False: "no" would be taken for a yes.

    >>> expect_flags(force="no")
    Traceback (most recent call last):
    gitmodelstore.errors.InvalidInput: expected True or False for 'force', found 'no'
    hint: such as force=True

    Raises:
        InvalidInput: one is something else; numpy's truth values are taken.
    """
    for word, value in given.items():
        if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
            raise InvalidInput(
                f"expected True or False for '{word}', found {shown(value)}",
                hint=f"such as {word}=True",
            )


def expect_flags_given(**given: object) -> None:
    """Do what `expect_flags` does for what was given: None is what it is where nothing is."""
    expect_flags(**{word: value for word, value in given.items() if value is not None})


def expect_function(word: str, value: object) -> None:
    """Refuse what cannot be called.

    Raises:
        InvalidInput: it is something else than a function.
    """
    if not callable(value):
        raise InvalidInput(
            f"expected a function for '{word}', found {shown(value)}",
            hint=f"give its name without brackets: {word}=print",
        )


def as_text(value: object, what: str, such_as: str, error: type[StoreError] = InvalidInput) -> str:
    """Return `value` as plain text, if it is text of whatever class.

    >>> as_text("churn", "the name of a model", "churn")
    'churn'
    >>> as_text(None, "the name of a model", "churn")
    Traceback (most recent call last):
    gitmodelstore.errors.InvalidInput: expected the name of a model as text, found None
    hint: such as 'churn'

    Args:
        value: what the caller gave.
        what: what it is meant to be, with its article.
        such_as: an example of one.
        error: what to raise.

    Raises:
        InvalidInput, or `error`: it is something else.
    """
    if isinstance(value, str):
        return str.__str__(value)  # of an Enum what it stands for, and not its name
    raise error(f"expected {what} as text, found {shown(value)}", hint=f"such as '{such_as}'")


def as_texts(
    value: object, what: str, such_as: str, error: type[StoreError] = InvalidInput
) -> tuple[str, ...]:
    """Return the texts that `value` lists; a text alone is no list of its characters.

    >>> as_texts(["mypackage"], "names to trust", "mypackage")
    ('mypackage',)
    >>> as_texts("mypackage", "names to trust", "mypackage")
    Traceback (most recent call last):
    gitmodelstore.errors.InvalidInput: expected a list of names to trust, found 'mypackage'
    hint: such as ['mypackage']

    Args:
        value: what the caller gave.
        what: what it is meant to list, in the plural.
        such_as: an example of one of them.
        error: what to raise.

    Raises:
        InvalidInput, or `error`: it is no list, or lists something else than texts.
    """
    return _listed(value, what, such_as, (str,), error)


def as_refs(value: object) -> tuple[str | ModelVersion, ...]:
    """Return the references that `value` lists; one alone is no list.

    Raises:
        InvalidReference: it is no list, or lists something else.
    """
    return _listed(value, "references", "churn@production", _REF, InvalidReference)


def as_paths(value: object) -> tuple[str | os.PathLike[str], ...]:
    """Return the paths that `value` lists; one alone is no list.

    Raises:
        InvalidInput: it is no list, or lists something else.
    """
    return _listed(value, "paths", "data/train.csv", _PATH, InvalidInput)


def _listed(
    value: object, what: str, such_as: str, types: tuple[type, ...], error: type[StoreError]
) -> tuple[Any, ...]:
    listed = None if isinstance(value, (str, bytes)) else value
    items = tuple(listed) if isinstance(listed, Iterable) else (None,)
    if all(isinstance(item, types) for item in items):
        return items
    raise error(
        f"expected a list of {what}, found {shown(value)}",
        hint=f"such as {[value if isinstance(value, str) else such_as]}",
    )


def shown(value: object) -> str:
    """Return a value as a message repeats it: a short one as Python writes it, else its type.

    >>> shown(None), shown(["a", 1]), shown(print)
    ('None', "['a', 1]", "an object of type 'builtin_function_or_method'")
    """
    plain = (type(None), bool, int, float, str, bytes, list, tuple, dict)
    text = ascii(value) if type(value) in plain else ""
    kind = type(value).__name__
    return text if 0 < len(text) <= _SHORT else f"an object of type '{kind}'"
