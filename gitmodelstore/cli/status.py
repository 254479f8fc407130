"""`gms annotate`: say something of a version after it was registered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.main import signed, trusting
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.events import ROLLED_BACK, Scalar, as_typed
from gitmodelstore.values.gates import parse_pair
from gitmodelstore.values.names import did_you_mean
from gitmodelstore.values.tables import ABBREVIATED, OUT_OF_USE, state, visible

if TYPE_CHECKING:
    from gitmodelstore.values.events import Event


@signed
@click.command("annotate")
@click.argument("ref")
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def annotate(
    session: Session, ref: str, pairs: tuple[str, ...], reason: str | None, sign: bool | None
) -> None:
    """Say something of the version REF after it was registered: a late result, a number.

    Numbers, true and false are that, anything else, or what stands between double quotes,
    is text. Of a KEY the latest value counts; KEY= takes it back. It is a commit of its own that
    changes no file, so that the version stays what it was; `gms show` and `gms log` tell it,
    and gates can ask for it.
    """
    event = session.store().annotate(ref, _values(pairs), reason=reason, sign=sign)
    if session.json:
        session.document(events=[event] if event else [])
    elif event is not None:
        said = visible(as_typed(event.annotations))
        session.tell(
            f"{event.model} {event.version} is annotated: {said}  {event.commit[:ABBREVIATED]}"
        )


def _values(pairs: tuple[str, ...]) -> dict[str, Scalar | None]:
    values: dict[str, Scalar | None] = {}
    for pair in pairs:
        key, value = parse_pair(pair)
        if key in values:
            raise InvalidInput(f"'{key}' is named twice", hint="name each key once")
        values[key] = value
    return values


# `gms approve`: say, signed, that a version may come to a status.


@click.command("approve")
@click.argument("ref")
@click.argument("status")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def approve(session: Session, ref: str, status: str, reason: str | None) -> None:
    """Say that the version REF may come to the status STATUS. It is not moved.

    It is a commit of its own that changes no file, signed with your key, and bound to the
    digest of the manifest. Whoever registered the version, or moves it, does not count.
    """
    event = session.store().approve(ref, status, reason=reason)
    if session.json:
        session.document(events=[event])
        return
    session.tell(
        f"{event.model} {event.version} is approved for {event.approved_for}"
        f"  {event.commit[:ABBREVIATED]}"
    )


# What the commands that move a status say: one sentence a version that came to its new one.


def check_words(reason: str | None, *, successor: str | None = None, **options: bool) -> None:
    """Refuse options that need a reason which is not given, and ways that exclude each other.

    Args:
        reason: the reason that was given.
        successor: whom --successor names.
        options: name to whether the option was given.
    """
    for name, is_given in options.items():
        if is_given and not (reason or "").strip():
            raise click.UsageError(f"--{name.replace('_', '-')} needs a --reason")
    if successor is not None and options.get("vacate"):
        raise click.UsageError("--successor and --vacate exclude each other")


def tell(session: Session, events: Sequence[Event], unchanged: Sequence[str] = ()) -> None:
    """Say what a command did.

    Args:
        session: of the command.
        events: what happened.
        unchanged: sentences about the versions that had the status already.
    """
    if session.json:
        session.document(events=events)
        return
    for sentence in [*sentences(events), *unchanged]:
        session.tell(sentence)


def sentences(events: Sequence[Event]) -> Iterator[str]:
    """Yield a sentence for each event; who made room for another is told with that one.

    A successor that came to a status is told before the version that left it.
    """
    told: set[int] = set()
    for event in events:
        left = next((one for one in events if _gave_way(one, event)), None)
        if left is not None:
            told |= {id(event), id(left)}
            yield f"{_now(event)} (was {left.version}, now {_short(left.after)})"
    yield from (_now(event) for event in events if id(event) not in told)


def _gave_way(left: Event, event: Event) -> bool:
    """Whether `left` lost to `event` the status that it had."""
    held = event.after is not None and event.after not in OUT_OF_USE
    return held and left is not event and (left.model, left.before) == (event.model, event.after)


def _now(event: Event) -> str:
    again = " again" if event.kind == ROLLED_BACK else ""
    return f"{event.model} {event.version} is {_short(event.after)}{again}"


def _short(status: str | None) -> str:
    return state(status) if status else "gone"


# `gms promote`: give versions a status.


@signed
@trusting
@click.command("promote")
@click.argument("words", nargs=-1, required=True, metavar="REF... STATUS")
@click.option("--successor", metavar="VERSION", help="who takes over what REF leaves")
@click.option("--vacate", is_flag=True, help="leave that without a version; needs a --reason")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.option("--force", is_flag=True, help="override the gate; needs a --reason, is recorded")
@click.option(
    "--replay/--no-replay",
    default=None,
    help="ask the version its sample again first; else where its gate wants it",
)
@click.pass_obj
def promote(
    session: Session,
    words: tuple[str, ...],
    successor: str | None,
    vacate: bool,
    reason: str | None,
    force: bool,
    replay: bool | None,
    sign: bool | None,
) -> None:
    """Give the version REF, or one each of several models, the status STATUS.

    It is one commit. Only one version of a model is in production: the one that
    was is archived.

    Where modelstore.toml sets a gate before STATUS, its conditions are judged first,
    and all of them are printed where one is not met. What comes to production must
    load here.

    A version leaves production for another status only with a --successor, or with --vacate,
    which leaves production empty. A version that was withdrawn comes back only with a --reason.
    """
    check_words(reason, successor=successor, vacate=vacate, force=force)
    *refs, status = words
    if not refs:
        raise click.UsageError(f"'{status}' alone: promote needs a version and a status")
    if successor is not None and len(refs) > 1:
        raise click.UsageError("--successor is of one version")
    store = session.store()
    events = store.promote(
        refs,
        status,
        reason=reason,
        successor=successor,
        vacate=vacate,
        force=force,
        replay=replay,
        sign=sign,
    )
    moved = {(event.model, event.version) for event in events}
    versions = [store.version(ref) for ref in refs] if len(moved) < len(refs) else []
    unchanged = [
        f"{version} is {state(status)} already"
        for version in versions
        if (version.model, version.version) not in moved
    ]
    tell(session, events, unchanged)


# `gms archive`: retire a version.


@signed
@click.command("archive")
@click.argument("ref")
@click.option("--successor", metavar="VERSION", help="who takes over what it holds")
@click.option(
    "--vacate", is_flag=True, help="leave what it holds without a version; needs a --reason"
)
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def archive(
    session: Session,
    ref: str,
    successor: str | None,
    vacate: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Retire the version REF: it stays, and is no candidate for production.

    The version in production can be archived with a --successor, or with --vacate, which
    leaves production empty. A version that was withdrawn needs a --reason.
    """
    check_words(reason, successor=successor, vacate=vacate)
    store = session.store()
    version = store.version(ref)
    events = store.archive(version, successor=successor, vacate=vacate, reason=reason, sign=sign)
    tell(session, events, [] if events else [f"{version} is archived already"])


# `gms withdraw`: mark a version as bad.


@signed
@click.command("withdraw")
@click.argument("ref")
@click.option("--successor", metavar="VERSION", help="who takes over what it holds")
@click.option(
    "--vacate", is_flag=True, help="leave what it holds without a version; needs a --reason"
)
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def withdraw(
    session: Session,
    ref: str,
    successor: str | None,
    vacate: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Mark the version REF as bad: from then on only its exact number finds it.

    Its files stay, and loading it warns. The version in production can be withdrawn with a
    --successor, or with --vacate, which leaves production empty; `gms rollback` finds a
    successor by itself.
    """
    check_words(reason, successor=successor, vacate=vacate)
    store = session.store()
    version = store.version(ref)
    events = store.withdraw(version, successor=successor, vacate=vacate, reason=reason, sign=sign)
    tell(session, events, [] if events else [f"{version} is withdrawn already"])


# `gms rollback`: put an earlier version back into production.


@trusting
@signed
@click.command("rollback")
@click.argument("name")
@click.option("--to", metavar="VERSION", help="this one; else the last good one before")
@click.option("--keep", is_flag=True, help="archive the replaced version; else it is withdrawn")
@click.option("--no-replay", is_flag=True, help="even if it answers differently here")
@click.option("--vacate", is_flag=True, help="leave what it holds now empty; needs a --reason")
@click.option("--reason", metavar="TEXT", help="why; the log tells it")
@click.pass_obj
def rollback(
    session: Session,
    name: str,
    to: str | None,
    keep: bool,
    no_replay: bool,
    vacate: bool,
    reason: str | None,
    sign: bool | None,
) -> None:
    """Put the production version before back, and withdraw the present one.

    Before anything is written, the bytes of the earlier version are verified and
    loaded here, and the rows of its sample are asked again: a version that answers
    differently here is refused. --no-replay, which needs a --reason, goes back to it
    knowingly. A version that was withdrawn comes back only with --to and a --reason.
    History is not rewritten.
    """
    check_words(reason, vacate=vacate, no_replay=no_replay)
    store = session.store()
    events = store.rollback(
        name, to=to, keep=keep, replay=not no_replay, reason=reason, vacate=vacate, sign=sign
    )
    tell(session, events)


# `gms trust`: whose classes and functions this user loads besides scikit-learn's.


@click.command("trust")
@click.argument("action", type=click.Choice(["list", "add", "remove"]), default="list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def trust(session: Session, action: str, names: tuple[str, ...]) -> None:
    """List, add or remove packages, classes and functions of your own that pipelines may hold.

    A package ("mypackage") stands for the classes defined in it, never its functions. A
    class or a function is named exactly ("mypackage.features.LogScaler",
    "mypackage.features.twice"); `gms show` says which names a version needs. They are kept
    in your own configuration file. What a store says of trust is never asked.
    """
    from gitmodelstore.operations.trust import check_added, config_file, configure, configured

    before = configured()
    if action == "list":
        if names:
            raise click.UsageError("list takes no names")
        after = before
    else:
        if not names:
            raise click.UsageError(f"name what to {action}")
        words = [check_added(name) for name in names] if action == "add" else []
        after = _added(before, names) if action == "add" else _removed(before, names)
        for word in filter(None, words):
            session.note(word)
        projects = _projects(session, after, names if action == "add" else ())
        session.note(f"kept in '{configure(after, projects)}'")
    if session.json:
        session.document(trusted=after, path=config_file())
        return
    for name in after:
        session.out(name)


def _projects(session: Session, trusted: Iterable[str], added: Iterable[str]) -> list[str]:
    """Return the projects that define a trusted name, with this one where it defines a new one."""
    from gitmodelstore.operations.trust import configured_projects, find
    from gitmodelstore.plumbing.files import around

    def defines(folder: Path, names: Iterable[str]) -> list[str]:
        return sorted({top for name in names if find(top := name.partition(".")[0], folder)})

    projects = [held for held in configured_projects() if defines(Path(held), trusted)]
    here = str(around(Path()))
    if found := defines(Path(), added):
        session.note(f"commands that run in '{here}' import {', '.join(map(repr, found))} from it")
        projects.append(here)
    return projects


def _added(before: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*before, *names)))


def _removed(before: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in before:
            raise InvalidInput(
                f"'{name}' is not trusted",
                hint=did_you_mean(name, before) or "see `gms trust list`",
            )
    return tuple(name for name in before if name not in names)
