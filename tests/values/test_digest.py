from __future__ import annotations

import hashlib

import pytest

from gitmodelstore.errors import InvalidDigest
from gitmodelstore.values.fields import Digest


def test_the_digest_of_bytes_is_their_sha256() -> None:
    assert str(Digest.of(b"churn")) == "sha256:" + hashlib.sha256(b"churn").hexdigest()


def test_a_digest_reads_back_as_it_was_written() -> None:
    digest = Digest.parse("gms-df-1:" + "0a" * 32)

    assert (digest.algorithm, digest.hex) == ("gms-df-1", "0a" * 32)
    assert str(digest) == "gms-df-1:" + "0a" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256",
        "sha256:",
        ":" + "0" * 64,
        "sha256:" + "A" * 64,
        "sha256:" + "0" * 63,
        "sha256:" + "0" * 30,
        "SHA256:" + "0" * 64,
        "sha256:" + "0" * 64 + "\n",
        "sha256::" + "0" * 64,
    ],
)
def test_other_text_is_no_digest(text: str) -> None:
    with pytest.raises(InvalidDigest) as caught:
        Digest.parse(text)

    shown = f"'{text}'" if text.isprintable() else repr(text)
    assert str(caught.value) == f"expected algorithm:hex, found {shown}"


def test_a_digest_cannot_be_built_from_parts_that_would_not_read_back() -> None:
    with pytest.raises(InvalidDigest) as caught:
        Digest("sha256:ab", "0" * 64)

    assert str(caught.value) == "expected algorithm:hex, found 'sha256:ab:" + "0" * 64 + "'"
