"""Events: what the first-parent difference of registry.json says happened."""
# Trailers of the commit message may explain it; where they contradict the difference they are
# passed over, so an edit by hand, a merge or a squash is as good an event as our own.

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gitmodelstore.lean import dataclass, field, pattern
from gitmodelstore.values.model_version import ModelVersion, Proposal
from gitmodelstore.values.names import (
    ARCHIVED,
    WITHDRAWN,
    Version,
    format_moment,
    from_seconds,
)
from gitmodelstore.values.registry import Change
from gitmodelstore.values.tables import (
    ABBREVIATED,
    NOTEBOOK,
    Paint,
    Part,
    Table,
    TextColumn,
    html,
    name_of,
    state,
    visible,
    withdrawn_and_back,
)

REGISTERED = "registered"
PROMOTED = "promoted"
ROLLED_BACK = "rolled-back"
REMOVED = "removed"
APPROVED = "approved"  # moves nothing: a signed statement that a version may come to a status
ANNOTATED = "annotated"  # moves nothing either: what is said of a version afterwards
_ANNOTATES = f"Event: {ANNOTATED}"
_APPROVES = f"\nEvent: {APPROVED}\n"
Scalar = str | int | float | bool  # what an annotation may say

# An override may come without its reason, so that the checks can say so.
_TRAILER = pattern(
    r"(?:(Event|Model|Version|From|To|Reason|Replay|Vacate|Key|Value): |(Override):)(.*)"
)
_BUMP = pattern(r"^Bump: (auto|major|minor|patch)$", re.MULTILINE)
_ANY_TRAILER = pattern(r"\s*[A-Za-z][A-Za-z0-9-]*: .*")


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one version's status, or an approval or annotation of one.

    >>> event = store.log("churn")[-1]
    >>> event.kind, event.model, str(event.version), event.after
    ('registered', 'churn', '1.0.0', 'registered')

    Attributes:
        kind: "registered", "promoted", "archived", "withdrawn", "rolled-back" or "removed"; or
            "approved" or "annotated".
        model, version: which version.
        before: its status until then; None if it was registered, and for an annotation.
        after: its status from then on; None if it was removed by hand, and for an annotation.
        commit: the commit of the event; for an annotation, a merge may have brought it.
        when: the effective date of that commit, UTC: its committer's, but no earlier than that of
            the commit before it; for a commit that a merge brought, the date of the merge.
        who: the author of that commit, as "Name <email>".
        why: the reason given; None without one.
        replay: the result of the replay then: "identical", "within tolerance" or "different";
            None if none is recorded.
        override: the reason for overriding a gate; otherwise None.
        vacate: the reason for leaving an exclusive status empty; otherwise None.
        approved_for: for an approval, which changes no status, the status that it is for;
            otherwise None.
        annotations: for an annotation, which changes no status either, its keys and values; a
            value that was removed is None.
        clock: the commit's own date, if that is more than a minute before its parent's, so that
            `when` is later; otherwise None.
        proposal: if `promote` or `rollback` returned it with `propose`, where it was proposed:
            it has not happened yet; otherwise None.
    """

    kind: str
    model: str
    version: Version
    before: str | None
    after: str | None
    commit: str
    when: datetime
    who: str
    why: str | None
    replay: str | None = None
    override: str | None = None
    vacate: str | None = None
    approved_for: str | None = None
    annotations: tuple[tuple[str, Scalar | None], ...] = ()
    clock: datetime | None = None
    proposal: Proposal | None = field(default=None, compare=False, repr=False)

    @property
    def is_move(self) -> bool:
        """Whether it changed the status of the version."""
        return self.kind not in (APPROVED, ANNOTATED)

    def __str__(self) -> str:
        """Return one line, as `churn 1.2.0 promoted: registered -> production (better)`."""
        why = f" ({self.why})" if self.why else ""
        if self.approved_for is not None:
            return f"{self.model} {self.version} {self.kind} for {self.approved_for}{why}"
        if self.annotations:
            return f"{self.model} {self.version} {self.kind}: {as_typed(self.annotations)}{why}"
        if self.before is None and self.kind == self.after:  # registered
            return f"{self.model} {self.version} {self.kind}{why}"
        moved = " -> ".join(status for status in (self.before, self.after) if status)
        return f"{self.model} {self.version} {self.kind}: {moved}{why}"

    def __repr__(self) -> str:
        return visible(f"<Event {format_moment(self.when)} {self}>")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """When a version had been withdrawn, and how it came back.

    >>> events = store.withdraw("churn@1.2.0", reason="a slip")
    >>> events = store.promote("churn@1.2.0", "production", reason="no slip")
    >>> store.which("churn").withdrawal.why
    'a slip'

    Attributes:
        since, who, why, commit: when it was withdrawn, by whom, the reason, the commit.
        until, back_by, back_why, back_commit: the same for its return. A reason is None if
            none was given.
    """

    since: datetime
    who: str
    why: str | None
    commit: str
    until: datetime
    back_by: str
    back_why: str | None
    back_commit: str


@dataclass(frozen=True, slots=True, repr=False)
class Holding:
    """Which version had a status at some moment, and how it got it.

    >>> holding = store.which("churn")
    >>> str(holding.version), holding.why
    ('churn 1.1.0', 'more profit')

    Attributes:
        version: the version, with its status at that moment.
        since: when it got that status (effective date of that commit, UTC).
        who: the author of that commit, as "Name <email>".
        why: the reason given; None without one.
        commit: the commit that gave it the status.
        until: when it lost the status; None if it still has it, or the question was about now.
        withdrawal: the last time that it had been withdrawn before it got that status; None if
            it never had been.
        clock: the commit's own date if `since` is later, as in `Event`.
    """

    version: ModelVersion
    since: datetime
    who: str
    why: str | None
    commit: str
    until: datetime | None
    withdrawal: Withdrawal | None = None
    clock: datetime | None = None

    def __str__(self) -> str:
        """Return what `gms which` prints."""
        return "\n".join(holding_lines(self, Paint(False)))

    def _repr_html_(self) -> str:
        return html(holding_lines(self, NOTEBOOK))

    def __repr__(self) -> str:
        """Return one line, as `<Holding churn 1.2.0 in production since 2026-03-03T14:05:09Z>`."""
        until = f" until {format_moment(self.until)}" if self.until else ""
        since = format_moment(self.since)
        return f"<Holding {self.version} in {self.version.status} since {since}{until}>"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What whoever moved a version recorded of the move; None if there is nothing."""

    replay: str | None = None  # what asking its sample again gave, as the trailer says it
    override: str | None = None  # why it passes the gate all the same; empty without a reason
    vacate: str | None = None  # why it leaves an exclusive status without a holder


NOTHING = Recorded()


@dataclass(frozen=True, slots=True)
class Explained:
    """What the trailers of one commit say of one version."""

    kind: str
    before: str | None
    after: str | None
    why: str | None
    recorded: Recorded = NOTHING


def as_typed(annotations: Iterable[tuple[str, Scalar | None]]) -> str:
    """Return annotations as they are typed: `auc=0.83 ticket="A 17" signed_off=`."""
    return " ".join(
        f"{key}={'' if value is None else json.dumps(value, ensure_ascii=False)}"
        for key, value in annotations
    )


def facts_of(event: Event) -> str:
    """Return what an index keeps of an event besides its version, as JSON."""
    when, clock = event.when.timestamp(), event.clock and event.clock.timestamp()
    facts = (event.kind, event.before, event.after, event.commit, int(when), event.who, event.why)
    more = (event.replay, event.override, event.vacate, event.approved_for, event.annotations)
    return json.dumps([*facts, *more, clock], separators=(",", ":"))


def event_of(model: str, version: str, facts: str) -> Event:
    """Return the event whose facts an index keeps."""
    kind, before, after, commit, when, who, why, *recorded, noted, clock = json.loads(facts)
    replay, override, vacate, approved_for = recorded
    return Event(
        kind,
        model,
        Version.parse(version),
        before,
        after,
        commit,
        from_seconds(when),
        who,
        why,
        replay,
        override,
        vacate,
        approved_for,
        tuple((key, value) for key, value in noted),
        None if clock is None else from_seconds(int(clock)),
    )


def kind_of(change: Change) -> str:
    """Return what a change of status is called when no trailer says more."""
    if change.before is None:
        return REGISTERED
    if change.after is None:
        return REMOVED
    return change.after if change.after in (ARCHIVED, WITHDRAWN) else PROMOTED


def events_of(
    changes: Iterable[Change],
    message: str,
    *,
    commit: str,
    when: datetime,
    who: str,
    clock: datetime | None = None,
) -> tuple[Event, ...]:
    """Return the events of one commit; `changes` is its first-parent difference."""
    # Once for all: a commit or a merge by hand may bring thousands.
    groups = list(_groups(message))
    explained, recorded_as = dict(groups), {(key, note.after): note for key, note in groups}
    events, by_itself = [], list[str | None]()
    for change in changes:
        key = change.model, str(change.version)
        note, moved = explained.get(key), recorded_as.get((key, change.after))
        noted = moved.recorded if moved else NOTHING
        agrees = note is not None and (note.before, note.after) == (change.before, change.after)
        kind = kind_of(change)
        if note and agrees and (note.kind, kind) == (ROLLED_BACK, PROMOTED):
            kind = ROLLED_BACK  # all that trailers may say more than the difference
        if note and agrees:
            why = note.why
        elif change.before == WITHDRAWN:
            why = word_for(message, change)
        else:
            by_itself = by_itself or [_why_by_hand(message)]
            why = None if note else by_itself[0]
        facts = change.model, change.version, change.before, change.after, commit, when, who, why
        recorded = noted.replay or None, noted.override or None, noted.vacate or None
        events.append(Event(kind, *facts, *recorded, clock=clock))
    return tuple(events)


def says_approved(message: str) -> bool:
    """Whether a commit message claims to approve something."""
    return _APPROVES in message


def says_annotated(message: str) -> bool:
    """Whether a commit message claims to annotate something."""
    return _ANNOTATES in message


def trailers(*pairs: tuple[str, object]) -> str:
    """Return a paragraph of trailers; of what is None or empty there is no line."""
    return "\n".join(f"{key}: {value}" for key, value in pairs if value not in (None, ""))


def write_trailers(
    changes: Mapping[Change, str],
    reason: str | None,
    recorded: Mapping[Change, Recorded] | None = None,
    *,
    bump: str | None = None,
) -> str:
    """Return the trailers for changes and their kinds; `bump`: how the number was chosen."""
    pairs: list[tuple[str, object]] = []
    for change, kind in changes.items():
        noted = (recorded or {}).get(change, NOTHING)
        pairs += [("Event", kind), ("Model", change.model), ("Version", change.version)]
        pairs += [("From", change.before), ("To", change.after), ("Replay", noted.replay)]
        pairs += [("Override", one_line(noted.override)), ("Vacate", one_line(noted.vacate))]
    return trailers(*pairs, ("Reason", one_line(reason)), ("Bump", bump))


def trailer_groups(message: str) -> Iterator[tuple[list[tuple[str, str]], str | None]]:
    """Yield each group of trailers, which `Event:` begins, and its paragraph's reason."""
    # A squash on a git host joins messages. A reason below the last group holds for all of them.
    for paragraph in re.split(r"\n\s*\n", message):
        groups: list[list[tuple[str, str]]] = []
        for line in paragraph.split("\n"):
            trailer = _TRAILER.fullmatch(line.strip())
            if trailer and trailer[1] == "Event":
                groups.append([])
            if trailer and groups:
                groups[-1].append((trailer[1] or trailer[2], trailer[3]))
        yield from ((group, dict(groups[-1]).get("Reason")) for group in groups)


def read_bump(message: str) -> str | None:
    """Return how the number of the commit's version was chosen; None by hand, or unknown."""
    bumps = _BUMP.findall(message)
    return bumps[-1] if bumps else None


def read_trailers(message: str) -> dict[tuple[str, str], Explained]:
    """Return what the trailers of a commit message say, by model and version; the last counts."""
    return dict(_groups(message))


def recorded_of(message: str, change: Change) -> Recorded:
    """Return what a message records for the gate of a change."""
    # A squash joins several steps: those to the status that the version came to count.
    return _noted(_groups(message), change)


def word_for(message: str, change: Change) -> str | None:
    """Return why a version leaves its status, as a message says; None if it does not."""
    # `Reason:` of a withdrawal, otherwise `Vacate:`, for any version of the model: several steps
    # may have become one change.
    returns = change.before == WITHDRAWN
    reasons = [
        note.why if returns else note.recorded.vacate
        for (model, version), note in _groups(message)
        if model == change.model
        and (not returns or version == str(change.version))
        and note.before in (change.before, None)
    ]
    return _first_said([*reasons, *_by_itself(message, "Reason" if returns else "Vacate")])


def _why_by_hand(message: str) -> str | None:
    """Return the reason of changes that no group of trailers explains."""
    return _first_said([*_by_itself(message, "Reason"), *_by_itself(message, "Vacate")])


def _by_itself(message: str, key: str) -> Iterator[str]:
    """Yield a key's values in paragraphs of trailers without an event of ours."""
    for paragraph in re.split(r"\n\s*\n", message):
        lines = paragraph.strip().splitlines()
        if not all(_ANY_TRAILER.fullmatch(line) for line in lines):
            continue
        pairs = [line.strip().partition(": ") for line in lines]
        if not any(name == "Event" for name, _, _ in pairs):
            yield from (text.strip() for name, _, text in pairs if name == key)


def _first_said(texts: Iterable[str | None]) -> str | None:
    """Return the first text in which there is something to read."""
    words = (text for text in texts if any(c.isprintable() and not c.isspace() for c in text or ""))
    return next(words, None)


def _noted(groups: Iterable[tuple[tuple[str, str], Explained]], change: Change) -> Recorded:
    wanted = (change.model, str(change.version)), change.after
    noted = [note.recorded for key, note in groups if (key, note.after) == wanted]
    return noted[-1] if noted else NOTHING


def _groups(message: str) -> Iterator[tuple[tuple[str, str], Explained]]:
    """Yield what each group of trailers says of a move, with its model and version."""
    for pairs, reason in trailer_groups(message):
        fields = {key: text.strip() for key, text in pairs}
        if fields["Event"] in (APPROVED, ANNOTATED):  # no word of a move in the same commit
            continue
        recorded = Recorded(fields.get("Replay"), fields.get("Override"), fields.get("Vacate"))
        why = fields.get("Reason", reason and reason.strip())
        yield (
            (fields.get("Model", ""), fields.get("Version", "")),
            Explained(fields["Event"], fields.get("From"), fields.get("To"), why, recorded),
        )


def one_line(text: str | None) -> str:
    return " ".join((text or "").split())


# The text of `gms log` and `gms which`: what happened, and how it came to what is.


def line(event: Event, paint: Paint) -> str:
    """Return one line of `gms log --oneline`."""
    return " ".join(_cells(event, paint))


def table(events: Iterable[Event], paint: Paint) -> Iterator[Part]:
    """Yield the same, and who did it, as a table."""
    heads = map(TextColumn, ("COMMIT", "DATE", "VERSION", "EVENT", "BY"))
    rows = ([*_cells(event, paint), name_of(event.who)] for event in events)
    yield Table([*heads], rows, paint=paint.dim)


def _cells(event: Event, paint: Paint) -> tuple[str, str, str, str]:
    why = f" ({visible(event.why)})" if event.why else ""
    why += f" (dated {paint.day(event.clock)}, before its parent)" if event.clock else ""
    commit = paint.yellow(event.commit[:ABBREVIATED])
    name = f"{event.model} {event.version}"
    return commit, paint.day(event.when), name, f"{_move(event, paint)}{why}"


def blocks(events: Iterable[Event], paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms log`: a paragraph an event."""
    for place, event in enumerate(events):
        if place:
            yield ""
        yield f"{paint.bold(f'{event.model} {event.version}')} {_move(event, paint)}"
        yield f"Date:   {paint.moment(event.when)}"
        if event.clock:
            yield f"Dated:  {paint.moment(event.clock)}, before its parent; counts as above"
        yield f"Author: {visible(event.who)}"
        yield f"Commit: {paint.commit(event.commit, 8)}"
        if event.replay:
            yield f"Replay: {visible(event.replay)}"
        if event.why:
            yield ""
            yield f"    {visible(event.why)}"


def _move(event: Event, paint: Paint) -> str:
    """What happened, with the status that it led to and the one before."""
    if event.approved_for is not None:
        return paint.status(event.approved_for, f"{event.kind} for {event.approved_for}")
    if event.annotations:
        return f"{event.kind}: {visible(as_typed(event.annotations))}"
    text = event.kind.replace("-", " ")
    if event.after not in (None, event.kind):
        text += f" to {event.after}"
    before = f", was {state(event.before)}" if event.before else ""
    override = f", {paint.red('gate overridden')}" if event.override else ""
    vacated = f", {paint.red(f'nobody in {event.before} then')}" if event.vacate else ""
    return paint.status(event.after or "", text) + before + override + vacated


def holding_lines(holding: Holding, paint: Paint) -> Iterator[str]:
    """Yield the lines of `gms which`."""
    status = holding.version.status
    yield paint.bold(str(holding.version))
    yield f"  {paint.status(status, state(status))} since {paint.moment(holding.since)}"
    clock = holding.clock and paint.moment(holding.clock)
    facts = {
        "dated ": clock and f"{clock}, before its parent; counts as above",
        "until ": holding.until and paint.moment(holding.until),
        "by    ": visible(holding.who),
        "why   ": holding.why and visible(holding.why),
        "commit": paint.commit(holding.commit, 9),
    }
    yield from (f"  {label} {text}" for label, text in facts.items() if text)
    for word, text in withdrawn_and_back(holding, paint):
        yield f"  {word} {text}"
