"""Signatures and approvals: whether commits and tags have those that the settings require.

A `Verifier` checks signatures against the allowed signers of whoever judges; a store only names
principals. An approval is a signed commit that changes no file and names the version, the status
and the SHA-256 of the manifest. Because a commit names its parent, an approval cannot be copied to
another place. Notes are not fetched by default and can be rewritten; files would be a second truth
about statuses. The price: a squash or a rebase on a host loses approvals.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from functools import cache

from gitmodelstore.checks.fault import Fault, Judged
from gitmodelstore.checks.folder import manifest_entry
from gitmodelstore.checks.history import Objects, first_parents, made_at, merged_by, typed
from gitmodelstore.errors import FormatError, IntegrityError, MissingObject, SignatureError
from gitmodelstore.lean import Protocol, dataclass, pattern, replace
from gitmodelstore.values.events import APPROVED, one_line, says_approved, trailers
from gitmodelstore.values.names import MANIFEST, REGISTERED, REGISTRY, WITHDRAWN, Version
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Change, Moved, changes_between

# What a signed commit or tag says, and the list of allowed signers: which key speaks for whom.


_HEADER = b"gpgsig"
# The other is of a repository with other ids; git leaves it out likewise.
_SIGNATURES = pattern(rb"^(gpgsig|gpgsig-sha256) (.*\n(?: .*\n)*)", re.MULTILINE)
_BEGINNINGS = pattern(
    rb"^-----BEGIN (?:(?:SSH|PGP) SIGNATURE|PGP MESSAGE|SIGNED MESSAGE)-----", re.MULTILINE
)
_SSH = b"-----BEGIN SSH SIGNATURE-----"
# Nothing may stand behind it: ssh-keygen passes over what does, and readers might not.
_ARMOR = pattern(_SSH + rb"\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\n?")
_MAGIC = b"SSHSIG\0\0\0\1"
_TIME = pattern(r".*> ([0-9]{1,12}) [+-][0-9]{4}")


class NotSshSignature(ValueError):
    """Not a complete SSH signature made for git; the message says why."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A commit or tag, taken apart."""

    payload: bytes  # the exact bytes that were signed
    signature: bytes | None  # the armored signature; None when it is not signed
    when: datetime | None  # when the key must be valid, UTC: the committer's or tagger's date

    def header(self, name: str) -> str:
        """Return the first value of a header; an empty text without one."""
        return _header(self.payload, name)

    def not_before(self, moment: datetime | None) -> Signed:
        """Return a copy dated no earlier than `moment`: old dates revive no expired key."""
        if moment is None or self.when is None or self.when >= moment:
            return self
        return replace(self, when=moment)


def commit_parts(raw: bytes) -> Signed:
    """Split the content of a commit object, without its `commit SIZE` header, as git does."""
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
    """A public key, as ssh writes it."""

    blob: bytes  # its bytes, which begin with the name of its kind

    @classmethod
    def of_signature(cls, armored: bytes) -> Key:
        """Return the key that an armored SSH signature says it is made with."""
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
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise ValueError("cut short")
    return data[4 : 4 + size], data[4 + size :]


_LINE = pattern(
    r'\s*("[^"]*"|[^\s"#]\S*)\s+'  # principals
    r'((?:(?:"(?:[^"\\]|\\.)*"|[^\s"])+\s+)*?)'  # options
    r"((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)\s+([A-Za-z0-9+/=]+)(?:\s.*)?"  # kind and key
)
_OPTION = pattern(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?')


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """One line of the list."""

    principals: tuple[str, ...]  # whom the key speaks for: e-mail addresses, or patterns of them
    key: Key  # the key; with `is_authority` the one that signs certificates
    is_authority: bool  # whether the line allows certificates of `key`, not `key` itself
    options: dict[str, str]  # name in lower case to value: `valid-before`, `namespaces`, …

    @property
    def named(self) -> tuple[str, ...]:
        """The principals that it names, without the negated ones."""
        return tuple(name for name in self.principals if not name.startswith("!"))

    def may_allow(self, key: Key) -> bool:
        """Whether it lists this key, or may list the authority that vouches for it."""
        if self.is_authority:
            return key.is_certificate
        return self.key == key and bool(self.named)

    def outside(self, when: datetime) -> str:
        """Return how a moment lies outside the time that it allows; "" if it is inside."""
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
    """Return the lines of a list of allowed signers; lines that cannot be read are skipped."""
    signers: list[AllowedSigner] = []
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
        signers.append(AllowedSigner(names, key, "cert-authority" in options, options))
    return tuple(signers)


NOT_SIGNED = "GMS060"
NOT_VALID = "GMS061"
NOT_ALLOWED = "GMS062"
MISSING = "GMS063"
SIGN = "--sign"
_HOW_TO_SIGN = "sign it: --sign, or `git config commit.gpgsign true` and `tag.gpgsign true`"
_OTHER_KEY = "sign it with a key in the list of allowed signers: git config user.signingkey FILE"
_NOTHING = EMPTY.render()


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


def signature_faults(outcome: Outcome, path: str = "") -> Iterator[Fault]:
    """Yield what is wrong with the signature of a commit, or of the tag whose ref is `path`."""
    judged = judge_signature(outcome)
    if not judged.passed:
        yield Fault(judged.code, path, judged.what, mend=judged.mend)


def judge_signature(
    outcome: Outcome, signers: Sequence[str] = (), change: Change | None = None
) -> Judged:
    """Return whether a commit is signed by somebody who may make its change."""
    what, mend, code, flag = str(outcome), "", outcome.code, ""
    if outcome.code == NOT_SIGNED:
        mend, flag = _HOW_TO_SIGN, SIGN
    elif outcome.code:
        mend = _OTHER_KEY
    elif change and signers and not people(*outcome.signers) & people(*signers):
        what = f"{outcome}, and only {listed(signers)} may move a version to {change.after}"
        mend, code = f"{listed(signers, 'or')} must run: {typed(change)} {SIGN}", NOT_ALLOWED
    return Judged("signed", not code, what, mend, code or NOT_SIGNED, flag)


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return names as a sentence holds them.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


_KEYS = ("Event", "Model", "Version", "Status", "Manifest-SHA256")
_TRAILER = pattern(rf"({'|'.join(_KEYS)}|Reason): (.*)")


@dataclass(frozen=True, slots=True)
class Approval:
    """What a commit says, true or not, of who approves what.

    >>> [approval.who for approval in store.approvals("churn@1.1.0")]
    []

    Attributes:
        model, version: which version.
        status: the status that it may come to.
        manifest_sha256: of the manifest that was approved, 64 hexadecimal digits.
        commit: id of the commit that says so.
        who: the author of that commit, as "Name <email>"; who signed it is another matter.
        when: the committer's date of that commit, UTC; the effective one where readers are told.
        why: the reason given; None without one.
        signed: whether the commit has a signature, good or not.
    """

    model: str
    version: str
    status: str
    manifest_sha256: str
    commit: str
    who: str
    when: datetime
    why: str | None
    signed: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """Which approvals count."""

    # the approvals of different people, each with its outcome, newest first
    counted: tuple[tuple[Approval, Outcome], ...]
    # the others, each with the reason why it does not count
    passed_over: tuple[tuple[Approval, str], ...]


def approval_text(
    model: str, version: str, status: str, manifest_sha256: str, reason: str | None
) -> str:
    """Return the message of a commit that approves a version for a status."""
    facts = zip(_KEYS, (APPROVED, model, version, status, manifest_sha256), strict=True)
    text = trailers(*facts, ("Reason", one_line(reason)))
    return f"approve {model} {version} for {status}\n\n{text}\n"


def approval_of(objects: Objects, commit: Commit) -> Approval | None:
    """Return what a commit approves; None if nothing, several versions, or it changes a file."""
    if not says_approved(commit.message) or len(commit.parents) != 1:
        return None
    if commit.tree != objects.commit(commit.parents[0]).tree:
        return None
    lines = commit.message.rstrip().rpartition("\n\n")[2].splitlines()
    pairs = [(trailer[1], trailer[2]) for trailer in map(_TRAILER.fullmatch, lines) if trailer]
    fields = dict(pairs)
    is_formed = len(fields) == len(pairs) == len(lines) and fields.keys() >= set(_KEYS)
    if not is_formed or fields["Event"] != APPROVED:
        return None
    model, version, status, digest = (fields[key] for key in _KEYS[1:])
    is_signed = commit_parts(objects.raw(commit.oid)).signature is not None
    who, when = commit.author, commit.when
    facts = model, version, status, digest, commit.oid
    return Approval(*facts, who, when, fields.get("Reason"), is_signed)


def standing(
    objects: Objects, commits: Iterable[Commit], model: str, version: Version
) -> Iterator[Approval]:
    """Yield a version's approvals since its last withdrawal; `commits` are newest first."""
    for commit in commits:
        if withdraws(objects, commit, (model, version)):
            return
        approval = approval_of(objects, commit)
        if approval and (approval.model, approval.version) == (model, str(version)):
            yield approval


def withdraws(objects: Objects, commit: Commit, version: tuple[str, Version]) -> bool:
    """Whether a commit withdraws a version; True too if it cannot be read."""
    # A merge may bring our branch: what it merges is looked at one by one.
    try:
        return any(
            change.key == version and change.after == WITHDRAWN
            for part in (commit, *merged_by(objects, commit.parents))
            for change in _changes(objects, part)
        )
    except (FormatError, IntegrityError, MissingObject):
        return True


def _changes(objects: Objects, commit: Commit) -> tuple[Change, ...]:
    before = objects.commit(commit.parents[0]).tree if commit.parents else None
    old, new = (
        objects.entries(root).get(REGISTRY) if root else None for root in (before, commit.tree)
    )
    if old == new:
        return ()
    return changes_between(
        *(objects.content(entry.oid, REGISTRY) if entry else _NOTHING for entry in (old, new))
    )


def judge_approvals(
    needed: int, votes: Tally, change: Change, way_back: str = REGISTERED
) -> Judged:
    """Return whether enough people have approved a move."""
    count = len(votes.counted)
    what = f"{count} of {needed} approvals of {change} for {change.after}"
    if votes.counted:
        what += f" (by {', '.join(', '.join(outcome.signers) for _, outcome in votes.counted)})"
    if count >= needed:
        return Judged("approvals", True, what, code=MISSING)
    for approval, why in votes.passed_over:
        what += f"; {approval.commit[:7]} by {approval.who} does not count: {why}"
    mend = f"ask someone else to run: gms approve {change.ref} {change.after}"
    if change.before == WITHDRAWN:
        mend = f"gms promote {change.ref} {way_back} --reason TEXT"
    return Judged("approvals", False, what, mend, MISSING)


class Verifier(Protocol):
    """Who judges signatures."""

    def outcomes(self, objects: Sequence[Signed]) -> list[Outcome]:
        """Return the outcomes of the signatures of commits and tags, in their order."""


def asks(policy: Policy, changes: Sequence[Change]) -> bool:
    """Whether the settings of a store ask who signs a commit that makes these changes."""
    gates = (policy.gates.get(change.after or "") for change in changes)
    return policy.require_signed or any(
        gate.signed or bool(gate.signers) or gate.approvals > 0 for gate in gates if gate
    )


class SignatureJudge:
    """Judges signatures of one repository, each commit once; `verifier` is called when needed."""

    def __init__(self, objects: Objects, verifier: Callable[[], Verifier]) -> None:
        self._objects = objects
        self._verifier = cache(verifier)
        self._outcomes: dict[str, Outcome] = {}

    def outcomes(
        self, commits: Iterable[str], tags: Iterable[tuple[str, str, str]] = ()
    ) -> dict[str, Outcome]:
        """Return what became of the signature of each commit and tag, by its id.

        A key must be valid when the commit counts. `tags`: id of the tag object, name, and commit
        of each.
        """
        commits, names = list(commits), {oid: name for oid, name, _ in tags}
        signed = {
            oid: self._read(oid, commit_parts, oid) for oid in commits if oid not in self._outcomes
        }
        signed |= {oid: self._read(oid, tag_parts, commit) for oid, _, commit in tags}
        if signed:
            new = self._verifier().outcomes(list(signed.values()))
            self._outcomes.update(zip(signed, new, strict=True))
        outcomes = {oid: self._outcomes[oid] for oid in commits}
        for oid, name in names.items():
            outcomes[oid] = _under_its_name(self._outcomes[oid], signed[oid], name)
        return outcomes

    def _read(self, oid: str, parts: Callable[[bytes], Signed], commit: str) -> Signed:
        return parts(self._objects.raw(oid)).not_before(made_at(self._objects, commit))

    def faults(
        self, oid: str, policy: Policy, changes: Sequence[Change], parent: str | None = None
    ) -> Iterator[tuple[Moved | None, Fault]]:
        """Yield what is wrong with who signed a commit, and with the approvals of each move."""
        whole: list[Fault] = []
        if policy.require_signed:
            whole = list(signature_faults(self.outcomes([oid])[oid]))
        yield from ((None, fault) for fault in whole)
        for change in changes:
            unmet = (one for one in self.conditions(oid, policy, change, parent) if not one.passed)
            faults = dict.fromkeys(Fault(one.code, "", one.what, mend=one.mend) for one in unmet)
            yield from ((change.key, fault) for fault in faults if fault not in whole)

    def conditions(
        self, oid: str, policy: Policy, change: Change, parent: str | None = None
    ) -> Iterator[Judged]:
        """Yield what a gate asks of who makes a move and who approves it, met or not."""
        # Where approvals are asked for, the move must be signed too: the mover's own approval does
        # not count.
        gate = policy.gates.get(change.after or "")
        if gate is None or not asks(policy, [change]):
            return
        try:
            yield judge_signature(self.outcomes([oid])[oid], gate.signers, change)
        except SignatureError as error:
            yield _unknown("the signature cannot be verified", error)
        if not gate.approvals:
            return
        try:
            commit = self._objects.commit(oid)
            mover = people(commit.author, commit.committer) | self.outcomes([oid])[oid].names
            tip = parent or next(iter(commit.parents), None)
            votes = self.tally(tip, change, mover)
            yield judge_approvals(gate.approvals, votes, change, _way_back(policy))
        except SignatureError as error:
            yield _unknown("the approvals cannot be counted", error)

    def tag_faults(self, name: str, oid: str, commit: str) -> Iterator[Fault]:
        """Yield what is wrong with the signature of a tag that must have one."""
        outcomes = self.outcomes([], [(oid, name, commit)])
        yield from signature_faults(outcomes[oid], f"refs/tags/{name}")

    def tally(self, tip: str | None, change: Change, promoter: Iterable[str]) -> Tally:
        """Say which approvals of a version count for a move."""
        if change.before is None or tip is None:
            return Tally((), ())  # nobody can have approved what was not there
        line = self._since_registered(tip, change)
        registered = line[-1]
        manifest = manifest_entry(self._objects, registered.tree, change.model)
        if manifest is None:
            return Tally((), ())
        approvals = list(standing(self._objects, line[:-1], change.model, change.version))
        outcomes = self.outcomes([registered.oid, *(one.commit for one in approvals)])
        author = people(registered.author, registered.committer) | outcomes[registered.oid].names
        digest = self._objects.sha256(manifest.oid, MANIFEST)
        counted: list[tuple[Approval, Outcome]] = []
        passed_over: list[tuple[Approval, str]] = []
        for approval in approvals:
            outcome = outcomes[approval.commit]
            names = outcome.names | people(approval.who)
            if approval.status != change.after:
                why = f"it is for {approval.status}"
            elif approval.manifest_sha256 != digest:
                why = "it is for another manifest"
            elif not outcome.is_valid:
                why = outcome.why
            elif overlap(names, author):
                why = "the author of the version does not count"
            elif overlap(names, promoter):
                why = "the person who moves the version does not count"
            elif any(overlap(outcome.names, other.names) for _, other in counted):
                why = "the same person counts once"
            else:
                counted.append((approval, outcome))
                continue
            passed_over.append((approval, why))
        return Tally(tuple(counted), tuple(passed_over))

    def _since_registered(self, tip: str, change: Change) -> list[Commit]:
        """Return the commits along first parents down to the one that brought a version."""
        line = []
        for commit in first_parents(self._objects, tip):
            line.append(commit)
            with suppress(FormatError):
                brought = (one for one in _changes(self._objects, commit) if one.before is None)
                if any(one.key == change.key for one in brought):
                    break
        return line


def _under_its_name(outcome: Outcome, tag: Signed, name: str) -> Outcome:
    """Return the outcome of a tag by its name: a signature for another name does not count."""
    if not outcome.is_valid or tag.header("tag") == name:
        return outcome
    why = f"replayed: it is the tag {tag.header('tag')}"
    return Outcome(key=outcome.key, code=NOT_VALID, why=why)


def _way_back(policy: Policy) -> str:
    """Return a status to which a withdrawn version may come without being approved."""
    free = [one for one in policy.statuses if one not in policy.gates and one != WITHDRAWN]
    return next((one for one in free if policy.allows(WITHDRAWN, one)), REGISTERED)


def _unknown(what: str, error: SignatureError) -> Judged:
    return Judged("signed", False, f"{what}: {error}", error.hint or "", NOT_VALID)
