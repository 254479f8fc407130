"""What is asked of signatures: that there is one, that it is good, that its signer may do this.

Verifying is not done here: an `Outcome` says what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from gitmodelstore.checks.fault import Fault, Judged
from gitmodelstore.values.signers import Signed

NOT_SIGNED = "GMS060"
NOT_VALID = "GMS061"
NOT_ALLOWED = "GMS062"
SIGN = "--sign"
_HOW_TO_SIGN = "sign it: --sign, or `git config commit.gpgsign true` and `tag.gpgsign true`"

_OTHER_KEY = "sign it with a key of the list of allowed signers: git config user.signingkey FILE"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the signature of one commit or tag.

    Attributes:
        signers: whom the list of allowed signers names for the key; empty unless the
            signature is valid.
        key: fingerprint of the key, as "SHA256:…"; None where there is no SSH signature.
        code: "" when it is valid, else NOT_SIGNED or NOT_VALID.
        why: what is wrong; empty when it is valid.
    """

    signers: tuple[str, ...] = ()
    key: str | None = None
    code: str = ""
    why: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether somebody who is allowed to has signed exactly this."""
        return not self.code

    @property
    def names(self) -> frozenset[str]:
        """What the signer is known by, for comparing people: principals and key."""
        return people(*self.signers, self.key or "") if self.is_valid else frozenset()

    def __str__(self) -> str:
        return f"signed by {', '.join(self.signers)}" if self.is_valid else self.why


UNSIGNED = Outcome(code=NOT_SIGNED, why="not signed")


def under_its_name(outcome: Outcome, tag: Signed, name: str) -> Outcome:
    """Return the outcome of a tag where it stands: a good signature under another name is none.

    Args:
        outcome: what became of its signature.
        tag: the tag, taken apart.
        name: of the ref, without refs/tags/.
    """
    if not outcome.is_valid or tag.header("tag") == name:
        return outcome
    why = f"replayed: it is the tag {tag.header('tag')}"
    return Outcome(key=outcome.key, code=NOT_VALID, why=why)


def people(*names: str) -> frozenset[str]:
    """Return names by which people are compared: addresses do not differ by case.

    >>> sorted(people("Ada Lovelace <Ada@example.org>", "lead@example.org"))
    ['ada@example.org', 'lead@example.org']
    """
    return frozenset(_address(name) for name in names if _address(name))


def overlap(some: Iterable[str], others: Iterable[str]) -> bool:
    """Return whether two sets of names may be of one person; a pattern is whoever it fits.

    >>> overlap(people("*@example.org"), people("ada@example.org"))
    True
    """
    one, other = frozenset(some), frozenset(others)
    return bool(one & other) or _fits(one, other) or _fits(other, one)


def _fits(patterns: Iterable[str], names: Iterable[str]) -> bool:
    wild = [pattern for pattern in patterns if "*" in pattern or "?" in pattern]
    return any(fnmatchcase(name, pattern) for pattern in wild for name in names)


def _address(name: str) -> str:
    if name.startswith("SHA256:"):  # a fingerprint, in which case matters
        return name
    _, bracket, rest = name.rpartition("<")
    return (rest.partition(">")[0] if bracket else name).strip().lower()


def signature_faults(
    outcome: Outcome,
    *,
    path: str = "",
    signed: bool = True,
    signers: Sequence[str] = (),
    purpose: str = "do this",
    commit: str | None = None,
) -> Iterator[Fault]:
    """Yield what a rule has against the signature of a commit or tag.

    Args:
        outcome: what became of it.
        path: the ref of a tag, `refs/tags/churn@v1.0.0`; empty for a commit.
        signed: whether a valid signature is asked for.
        signers: principals who alone may do it; none leaves it to every allowed signer.
        purpose: what they may do, as "move a version to production".
        commit: id of the commit that is judged.
    """
    if not signed and not signers:
        return
    found = judge_signature(outcome, signers=signers, purpose=purpose)
    if not found.passed:
        yield Fault(found.code, path, found.what, mend=found.mend, commit=commit)


def judge_signature(
    outcome: Outcome, *, signers: Sequence[str] = (), purpose: str = "do this"
) -> Judged:
    """Return whether what must be signed is, by somebody who may; arguments as above."""
    bound = f"signed by {listed(signers, 'or')}" if signers else "signed"
    what, mend, code, flag = str(outcome), "", outcome.code, ""
    if outcome.code == NOT_SIGNED:
        mend, flag = _HOW_TO_SIGN, SIGN
    elif outcome.code:
        mend = _OTHER_KEY
    elif signers and not people(*outcome.signers) & people(*signers):
        what = f"{outcome}, and only {listed(signers)} may {purpose}"
        mend, code = f"ask {listed(signers, 'or')}", NOT_ALLOWED
    return Judged("signed", str(outcome), bound, not code, what, mend, code or NOT_SIGNED, flag)


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return names as a sentence holds them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
