"""Digests: the content address of an artifact or of a data set."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from gitmodelstore.errors import InvalidDigest
from gitmodelstore.values.names import quoted

DIGEST_PATTERN = r"[a-z][a-z0-9-]*:(?:[0-9a-f]{2}){16,64}"
SHA256_PATTERN = r"[0-9a-f]{64}"
_DIGEST = re.compile(DIGEST_PATTERN)


@dataclass(frozen=True, slots=True)
class Digest:
    """A named algorithm and the value that it gave.

    >>> str(Digest.of(b""))[:15]
    'sha256:e3b0c442'

    Attributes:
        algorithm: name as in hashlib ("sha256"), or one of ours ("gms-df-1").
        hex: lower-case hexadecimal, two characters a byte.
    """

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(str(self)):
            raise InvalidDigest(
                f"expected algorithm:hex, found {quoted(str(self))}",
                hint="such as sha256: and 64 hexadecimal digits, in lower case",
            )

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Return the digest that `text` spells as `algorithm:hex`.

        Raises:
            InvalidDigest: `text` is something else.
        """
        if not isinstance(text, str) or ":" not in text:
            raise InvalidDigest(
                f"expected algorithm:hex, found {quoted(text)}",
                hint="such as sha256: and 64 hexadecimal digits, in lower case",
            )
        algorithm, _, value = text.partition(":")
        return cls(algorithm, value)

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Return the SHA-256 of `data`."""
        return cls("sha256", hashlib.sha256(data).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
