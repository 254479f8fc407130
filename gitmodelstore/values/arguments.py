"""What callers hand to the library: of the right kind, or refused by name with an example.

Owns the sentences `expected …, found …`. What a text means (a name, a number, a moment) is
judged by the module that reads it.
"""

from __future__ import annotations

from collections.abc import Iterable

from gitmodelstore.errors import InvalidInput, StoreError

_SHORT = 40  # characters of a value that a message repeats


def as_text(value: object, what: str, such_as: str, error: type[StoreError] = InvalidInput) -> str:
    """Return `value` if it is text.

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
        return value
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
    listed = None if isinstance(value, (str, bytes)) else value
    texts = tuple(listed) if isinstance(listed, Iterable) else (None,)
    if all(isinstance(text, str) for text in texts):
        return texts
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
