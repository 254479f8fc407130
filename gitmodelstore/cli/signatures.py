"""What `gms verify --signatures` says of who has signed a version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gitmodelstore.cli.paint import Paint
from gitmodelstore.cli.render import ABBREVIATED, visible
from gitmodelstore.values.events import APPROVED, REGISTERED

if TYPE_CHECKING:
    from gitmodelstore.operations.signatures import Signature


def signature_lines(signatures: Sequence[Signature], paint: Paint) -> Iterator[str]:
    """Yield a line for each signature of a version: whose it is, or why it does not count."""
    for one in signatures:
        said = visible(str(one.outcome))
        if one.outcome.is_valid:
            yield f"  {_what(one)}: {said}"
        elif one.is_needed:
            yield f"  {_what(one)}: {paint.red(said)} [{one.outcome.code}]"
        else:
            yield f"  {_what(one)}: does not count: {said} [{one.outcome.code}]"


def _what(one: Signature) -> str:
    if one.status is None:
        return f"tag {one.name}"
    commit = one.name[:ABBREVIATED]
    if one.kind == REGISTERED:
        return f"registered by {commit}"
    if one.kind == APPROVED:
        return f"approved for {visible(one.status)} by {commit}"
    return f"moved to {visible(one.status)} by {commit}"
