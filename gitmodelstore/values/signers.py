"""What a signed commit or tag says, and the list of allowed signers: which key speaks for whom.

Whether a signature is good, and its key may sign at that moment, is for ssh-keygen to judge.
What is read of it here picks the lines of the list that ssh-keygen is asked about, so that a
good signature takes one process and a stranger's none, and says why one is refused.

Sources: git's gitformat-signature(5); ssh-keygen(1), "ALLOWED SIGNERS"; OpenSSH's PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone

_HEADER = b"gpgsig"
# The other is of a repository with other ids; git leaves it out likewise.
_SIGNATURES = re.compile(rb"^(gpgsig|gpgsig-sha256) (.*\n(?: .*\n)*)", re.MULTILINE)
_BEGINNINGS = re.compile(
    rb"^-----BEGIN (?:(?:SSH|PGP) SIGNATURE|PGP MESSAGE|SIGNED MESSAGE)-----", re.MULTILINE
)
_SSH = b"-----BEGIN SSH SIGNATURE-----"
# Nothing may stand behind it: ssh-keygen passes over what does, and readers might not.
_ARMOR = re.compile(_SSH + rb"\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\n?")
_MAGIC = b"SSHSIG\0\0\0\1"
_TIME = re.compile(r".*> ([0-9]{1,12}) [+-][0-9]{4}")


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
    """

    payload: bytes
    signature: bytes | None
    when: datetime | None

    def header(self, name: str) -> str:
        """Return the first value of a header; an empty text without one."""
        return _header(self.payload, name)

    def not_before(self, moment: datetime | None) -> Signed:
        """Return it with a moment that does not lie before `moment`.

        What is made upon a commit is younger than that commit, whatever it says of itself:
        a key that has expired in the meantime signs nothing by a date of long ago.
        """
        if moment is None or self.when is None or self.when >= moment:
            return self
        return replace(self, when=moment)


def commit_parts(raw: bytes) -> Signed:
    """Take the content of a commit object apart, as git does; `commit SIZE` is no part of it."""
    head, blank, message = raw.partition(b"\n\n")
    signature = b"".join(
        lines.replace(b"\n ", b"\n")
        for name, lines in _SIGNATURES.findall(head + b"\n")
        if name == _HEADER
    )
    payload = _SIGNATURES.sub(b"", head + b"\n")[:-1] + blank + message
    return Signed(payload, signature or None, _moment(payload, "committer"))


def tag_parts(raw: bytes) -> Signed:
    """Take the content of a tag object apart: its signature ends the message."""
    start = len(raw)
    for beginning in _BEGINNINGS.finditer(raw):
        start = beginning.start()  # the last one, as git does
    return Signed(raw[:start], raw[start:] or None, _moment(raw[:start], "tagger"))


def with_signature(payload: bytes, signature: bytes) -> bytes:
    """Return a commit whose header holds the signature of `payload`, as git writes it."""
    head, blank, message = payload.partition(b"\n\n")
    lines = signature.rstrip(b"\n").split(b"\n")
    return head + b"\n" + _HEADER + b" " + b"\n ".join(lines) + blank + message


def _header(payload: bytes, name: str) -> str:
    head = payload.partition(b"\n\n")[0].decode(errors="replace")
    header = re.search(rf"^{name} (.*(?:\n .*)*)", head, re.MULTILINE)
    return header[1].replace("\n ", "\n") if header else ""


def _moment(payload: bytes, who: str) -> datetime | None:
    time = _TIME.fullmatch(_header(payload, who))
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(int(time[1]), timezone.utc)
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
        if not armored.startswith(_SSH):
            raise NotSshSignature("it is not an SSH signature, and only those are verified")
        armor = _ARMOR.fullmatch(armored)
        if armor is None:
            raise NotSshSignature("the signature is broken, or something follows it")
        try:
            data = base64.b64decode(armor[1].replace(b"\n", b""), validate=True)
            blob, rest = _string(data.removeprefix(_MAGIC))
            namespace = _string(rest)[0].decode(errors="replace")
            if not (data.startswith(_MAGIC) and cls(blob).kind):
                raise ValueError("no signature")
        except ValueError:
            raise NotSshSignature("the signature is broken") from None
        if namespace != "git":
            raise NotSshSignature(f"the signature is made for {namespace!a}, not for git")
        return cls(blob)

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


# The list of allowed signers.


_LINE = re.compile(
    r'\s*("[^"]*"|[^\s"#]\S*)\s+'  # principals
    r'((?:(?:"(?:[^"\\]|\\.)*"|[^\s"])+\s+)*?)'  # options
    r"((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)\s+([A-Za-z0-9+/=]+)(?:\s.*)?"  # kind and key
)
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

    @property
    def named(self) -> tuple[str, ...]:
        """Whom it names, without those whom it leaves out."""
        return tuple(name for name in self.principals if not name.startswith("!"))

    def may_allow(self, key: Key) -> bool:
        """Whether it is of this key, or may be of who vouches for it."""
        if self.is_authority:
            return key.is_certificate
        return self.key == key and bool(self.named)

    def outside(self, when: datetime) -> str:
        """Say how a moment lies outside the time that it allows; empty where within."""
        before, after = self.options.get("valid-before"), self.options.get("valid-after")
        if before and _written(when, before) > _digits(before):
            return f"was valid until {before}"
        if after and _written(when, after) < _digits(after):
            return f"is valid from {after} on"
        return ""


def _written(when: datetime, as_in: str) -> str:
    """Return a moment as a list of allowed signers writes it: of UTC where that ends in Z."""
    moment = when if as_in.endswith("Z") else when.astimezone()
    return moment.strftime("%Y%m%d%H%M%S")


def _digits(text: str) -> str:
    return text.rstrip("Z").ljust(14, "0")


def allowed_signers(text: str) -> tuple[AllowedSigner, ...]:
    """Return the lines of a list of allowed signers; one that cannot be read allows nobody."""
    return tuple(_signers(text))


def _signers(text: str) -> Iterator[AllowedSigner]:
    for line in map(_LINE.fullmatch, text.splitlines()):
        if line is None:
            continue
        try:
            key = Key(base64.b64decode(line[4], validate=True))
            if key.kind != line[3]:
                continue
        except ValueError:
            continue
        names = tuple(name for name in line[1].strip('"').split(",") if name)
        options = {name.lower(): value for name, value in _OPTION.findall(line[2])}
        yield AllowedSigner(names, key, "cert-authority" in options, options)
