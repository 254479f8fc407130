"""The list of allowed signers: which key speaks for whom.

Only who is looked up here. Whether a key may sign at a moment is for ssh-keygen to
judge; what this module reads of the times is used to say why it did not.

Source of the format: ssh-keygen(1), "ALLOWED SIGNERS".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gitmodelstore.values.signed import Key

_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?')


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line of the list.

    Attributes:
        principals: whom the key speaks for: e-mail addresses, or patterns of them.
        key: the key; with `is_authority` the one that signs certificates.
        is_authority: whether the line allows certificates of `key`, not `key` itself.
        options: name in lower case to value: `valid-before`, `namespaces`, …
    """

    principals: tuple[str, ...]
    key: Key
    is_authority: bool
    options: dict[str, str]


def allowed_signers(text: str) -> tuple[AllowedSigner, ...]:
    """Return the lines of a list of allowed signers; one that cannot be read allows nobody."""
    return tuple(_lines(text))


def _lines(text: str) -> Iterator[AllowedSigner]:
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        principals, others = _principals(line.strip())
        options: dict[str, str] = {}
        words = _words(others)
        kind = next(words, "")
        while kind and not re.fullmatch(r"(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+", kind):
            options.update({name.lower(): value for name, value in _OPTION.findall(kind)})
            kind = next(words, "")
        try:
            key = Key(base64.b64decode(next(words, ""), validate=True))
            if key.kind != kind:
                continue
        except (binascii.Error, ValueError):
            continue
        names = tuple(name for name in principals.split(",") if name)
        yield AllowedSigner(names, key, "cert-authority" in options, options)


def _principals(line: str) -> tuple[str, str]:
    if line.startswith('"'):
        quoted, _, others = line[1:].partition('"')
        return quoted, others.strip()
    name, *rest = line.split(maxsplit=1)
    return name, rest[0] if rest else ""


def _words(text: str) -> Iterator[str]:
    """Yield the words of a line; blanks within quotation marks part none."""
    yield from re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^\s"])+', text)
