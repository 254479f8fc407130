"""What made a version: its data, its code, its environment. Nothing is written here."""

from __future__ import annotations

import re

from gitmodelstore.lean import pattern
from gitmodelstore.values.json import HIDDEN_CHARACTER

_URL = pattern(r"(?P<scheme>(?:\w+::)?[A-Za-z][A-Za-z0-9+.-]+)://(?P<rest>.*)", re.DOTALL)
_HOST_AND_PATH = pattern(r"(?:[^/@:\s]+@)?[^/@:\s]{2,}:(?!//).+")  # as ssh has it; no drive
_LOGIN_SCHEMES = ("ssh", "git+ssh", "ssh+git", "sftp")  # the user is part of the address
_CONTAINER_SCHEMES = ("abfs", "abfss", "wasb", "wasbs")  # Azure writes container@account
_SECRET_PARAMETER = pattern(
    r"(?i)token|secret|password|passwd|pwd|signature|credential|api[_-]?key|access[_-]?key|^(sig|key|auth)$"
)


def is_url(text: str) -> bool:
    """Whether `text` is an address such as `s3://bucket/train.parquet`."""
    return _URL.fullmatch(text) is not None


def public_url(remote: str) -> str | None:
    """Return the address of a remote as others may read it; None for a folder of this machine."""
    if "::" in remote or remote.lower().startswith("file:"):
        return None
    if is_url(remote):
        return spelled_out(without_credentials(remote).partition("?")[0].partition("#")[0])
    return spelled_out(remote) if _HOST_AND_PATH.fullmatch(remote) else None


def without_credentials(url: str) -> str:
    """Return `url` without the user, password and tokens that it carries.

    The user stays where it is part of the address (ssh; Azure's containers). Text
    that is not a URL comes back as it is.

    >>> without_credentials("https://ada:token@example.org/train.csv?version=3&sig=abc")
    'https://example.org/train.csv?version=3'
    """
    parts = _URL.fullmatch(url)
    if not parts:
        return url
    login, place = _split_login(parts["rest"])
    user = login.partition(":")[0]
    scheme = parts["scheme"].rpartition("::")[2].lower()
    kept = f"{user}@" if user and scheme in _LOGIN_SCHEMES + _CONTAINER_SCHEMES else ""
    return f"{parts['scheme']}://{kept}{_without_secret_parameters(place)}"


def spelled_out(text: str) -> str:
    r"""Return `text` with every hidden character spelled out.

    >>> spelled_out("b\u202ea")
    'b\\u202ea'
    """
    return HIDDEN_CHARACTER.sub(
        lambda match: match.group().encode("unicode_escape").decode("ascii"), text
    )


def _split_login(rest: str) -> tuple[str, str]:
    """Split what follows `://` at the @ that ends the user and password."""
    authority = re.match(r"[^/?#]*", rest).group()  # type: ignore[union-attr]
    if "@" in authority:
        login, _, _ = authority.rpartition("@")
        return login, rest[len(login) + 1 :]
    # Secret keys of object stores hold slashes: what follows the colon is not a port number.
    if re.search(r":(?!\d*$)", authority) and "@" in rest:
        login, _, place = rest.partition("@")
        return login, place
    return "", rest


def _without_secret_parameters(place: str) -> str:
    path, mark, query = place.partition("?")
    query, hash_mark, fragment = query.partition("#")
    kept = "&".join(
        part
        for part in query.split("&")
        if part and not _SECRET_PARAMETER.search(part.partition("=")[0])
    )
    return path + (mark + kept if kept else "") + hash_mark + fragment
