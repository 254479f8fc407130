"""The list of allowed signers: which key speaks for whom.

Only who is looked up here. Whether a key may sign at a moment is for ssh-keygen to
judge; what this module reads of the times is used to say why it did not.

Source of the format: ssh-keygen(1), "ALLOWED SIGNERS".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone

# What a signed commit or tag says: the bytes that were signed, the signature, the key in it.


_HEADER = b"gpgsig"
_OTHER_HEADER = b"gpgsig-sha256"  # of a repository with other ids; git leaves it out likewise
_BEGINNINGS = (
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
)
# Nothing may stand behind it: ssh-keygen passes over what does, and readers might not.
_ARMOR = re.compile(
    rb"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\n?"
)
_MAGIC = b"SSHSIG"
_NAMESPACE = b"git"
_TIME = re.compile(rb".*> ([0-9]{1,12}) [+-][0-9]{4}")


class NotSshSignature(ValueError):
    """A signature that is no whole SSH signature of git; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit or tag, taken apart.

    Attributes:
        payload: the exact bytes that were signed.
        signature: the armored signature; None when it is not signed.
        when: the moment at which the key must be valid, UTC: what the committer or tagger
            says; None where nobody is named.
        message: the text below the headers, without the signature.
        headers: name to the values of that name, in order.
    """

    payload: bytes
    signature: bytes | None
    when: datetime | None
    message: str
    headers: dict[str, tuple[str, ...]]

    def header(self, name: str) -> str:
        """Return the first value of a header; an empty text without one."""
        return self.headers.get(name, ("",))[0]

    def not_before(self, moment: datetime | None) -> Signed:
        """Return it with a moment that does not lie before `moment`.

        What is made upon a commit is younger than that commit, whatever it says of itself:
        a key that has expired in the meantime signs nothing by a date of long ago.
        """
        if moment is None or self.when is None or self.when >= moment:
            return self
        return replace(self, when=moment)


def commit_parts(raw: bytes) -> Signed:
    """Take the content of a commit object, without its `commit SIZE`, apart, as git does."""
    kept: list[bytes] = []
    signature: list[bytes] = []
    head, blank, message = raw.partition(b"\n\n")
    into = kept
    for line in head.split(b"\n"):
        name, _, value = line.partition(b" ")
        if line.startswith(b" "):
            into.append(line[1:] if into is signature else line)
        elif name == _HEADER:
            into = signature
            signature.append(value)
        elif name == _OTHER_HEADER:
            into = []
        else:
            into = kept
            kept.append(line)
    payload = b"\n".join(kept) + blank + message
    armored = b"".join(line + b"\n" for line in signature) if signature else None
    return _taken_apart(payload, armored, "committer")


def tag_parts(raw: bytes) -> Signed:
    """Take the content of a tag object apart: its signature ends the message."""
    start, position = None, 0
    for line in raw.split(b"\n"):
        if line.startswith(_BEGINNINGS):
            start = position  # the last one, as git does
        position += len(line) + 1
    if start is None:
        return _taken_apart(raw, None, "tagger")
    return _taken_apart(raw[:start], raw[start:], "tagger")


def with_signature(payload: bytes, signature: bytes) -> bytes:
    """Return a commit whose header holds the signature of `payload`, as git writes it."""
    head, blank, message = payload.partition(b"\n\n")
    lines = signature.rstrip(b"\n").split(b"\n")
    return head + b"\n" + _HEADER + b" " + b"\n ".join(lines) + blank + message


def _taken_apart(payload: bytes, signature: bytes | None, who: str) -> Signed:
    head, _, message = payload.partition(b"\n\n")
    headers: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in head.split(b"\n"):
        text = line.decode(errors="replace")
        if text.startswith(" ") and name:
            headers[name] = (*headers[name][:-1], f"{headers[name][-1]}\n{text[1:]}")
            continue
        name, _, value = text.partition(" ")
        headers[name] = (*headers.get(name, ()), value)
    return Signed(
        payload,
        signature,
        _moment(headers.get(who, ("",))[0]),
        message.decode(errors="replace"),
        headers,
    )


def _moment(ident: str) -> datetime | None:
    parts = _TIME.fullmatch(ident.encode())
    if parts is None:
        return None
    try:
        return datetime.fromtimestamp(int(parts[1]), timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, as ssh writes it.

    Attributes:
        blob: its bytes, which begin with the name of its kind.
    """

    blob: bytes

    @classmethod
    def of_signature(cls, armored: bytes) -> Key:
        """Return the key that an armored SSH signature says it is made with.

        Raises:
            NotSshSignature: it is of another kind, is broken, holds more than one
                signature, or is made for something else than git.
        """
        if not armored.startswith(_BEGINNINGS[0]):
            raise NotSshSignature("it is no SSH signature, and only those are verified")
        armor = _ARMOR.fullmatch(armored)
        if armor is None:
            raise NotSshSignature("the signature is broken, or something stands behind it")
        try:
            data = base64.b64decode(armor[1].replace(b"\n", b""), validate=True)
            if data[:6] != _MAGIC or data[6:10] != b"\0\0\0\1":
                raise NotSshSignature("the signature is broken")
            key, rest = _string(data[10:])
            namespace, _ = _string(rest)
            cls(key).kind  # noqa: B018 - it must have one
        except (binascii.Error, ValueError) as error:
            raise NotSshSignature(
                str(error) if isinstance(error, NotSshSignature) else "the signature is broken"
            ) from None
        if namespace != _NAMESPACE:
            purpose = namespace.decode(errors="replace")
            raise NotSshSignature(f"the signature is made for {purpose!a}, not for git")
        return cls(key)

    @property
    def kind(self) -> str:
        """Name of its kind, as "ssh-ed25519"."""
        return _string(self.blob)[0].decode("ascii")

    @property
    def is_certificate(self) -> bool:
        """Whether an authority vouches for it."""
        return "-cert-v" in self.kind

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: SHA256:…."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Return the string that `data` begins with, and what follows it."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise ValueError("cut short")
    return data[4 : 4 + size], data[4 + size :]


# Signers


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
