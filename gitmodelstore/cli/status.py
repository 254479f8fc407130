"""`gms annotate`: say something of a version after it was registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.main import signed, trusting
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import InvalidInput
from gitmodelstore.values.events import ROLLED_BACK, Scalar, as_typed
from gitmodelstore.values.gates import parse_pair
from gitmodelstore.values.names import ARCHIVED, WITHDRAWN, did_you_mean
from gitmodelstore.values.tables import ABBREVIATED, OUT_OF_USE, state, visible

if TYPE_CHECKING:
    from gitmodelstore.values.events import Event


@signed
@click.command("annotate")
@click.argument("ref")
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", help="record why in the log")
@click.pass_obj
def annotate(
    session: Session, ref: str, pairs: tuple[str, ...], reason: str | None, sign: bool | None
) -> None:
    """Add notes to the version REF after it was registered, such as a late test result.

    Numbers, true and false are stored as such; everything else, and anything in double
    quotes, is text. The latest value of a KEY counts; KEY= removes it. The notes are in a
    commit that changes no file, so the version stays as it is. `gms show` and `gms log` show
    them, and gates can require them.
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
@click.option("--reason", metavar="TEXT", help="record why in the log")
@click.pass_obj
def approve(session: Session, ref: str, status: str, reason: str | None) -> None:
    """Approve the version REF for STATUS, without moving it.

    An approval is a commit that changes no file, is signed with your key and names the
    digest of the manifest. It does not count if you registered the version, or if you are
    the one who moves it.
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
        raise click.UsageError("--successor and --vacate cannot be used together")


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
@click.option(
    "--successor", metavar="VERSION", help="the version that takes over the status REF leaves"
)
@click.option("--vacate", is_flag=True, help="leave that status empty; needs --reason")
@click.option("--reason", metavar="TEXT", help="record why in the log")
@click.option("--force", is_flag=True, help="override the gate, on record; needs --reason")
@click.option(
    "--replay/--no-replay",
    default=None,
    help="replay its sample first or not; by default if the gate requires it",
)
@click.pass_obj
def promote(
    session: Session,
    /,
    words: tuple[str, ...],
    successor: str | None,
    replay: bool | None,
    sign: bool | None,
    **how: Any,
) -> None:
    """Give the version REF, or one version each of several models, the status STATUS.

    All of it is one commit. A model has one version in production: the previous one is
    archived. A version must load here to get into production.

    If modelstore.toml sets a gate for STATUS, its conditions are checked first, and those
    that fail are listed. To move a version out of production, name a --successor, or leave
    production empty with --vacate. A withdrawn version needs a --reason to come back.
    """
    check_words(successor=successor, **how)
    *refs, status = words
    if not refs:
        raise click.UsageError(f"'{status}' alone: promote needs a version and a status")
    if successor is not None and len(refs) > 1:
        raise click.UsageError("--successor works with one version only")
    store = session.store()
    events = store.promote(refs, status, successor=successor, replay=replay, sign=sign, **how)
    moved = {(event.model, event.version) for event in events}
    versions = [store.version(ref) for ref in refs] if len(moved) < len(refs) else []
    unchanged = [
        f"{version} is already {state(status)}"
        for version in versions
        if (version.model, version.version) not in moved
    ]
    tell(session, events, unchanged)


# `gms archive` and `gms withdraw`: retire a version, and mark it as bad.


def _succeeded(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes a version out of use the options that say what comes then."""
    options = (
        click.option("--reason", metavar="TEXT", help="record why in the log"),
        click.option("--vacate", is_flag=True, help="leave its status empty; needs --reason"),
        click.option(
            "--successor", metavar="VERSION", help="the version that takes over its status"
        ),
    )
    for option in options:
        function = option(function)
    return function


def _retire(session: Session, ref: str, status: str, *, sign: bool | None, **how: Any) -> None:
    check_words(**how)
    store = session.store()
    version = store.version(ref)
    retire = store.archive if status == ARCHIVED else store.withdraw
    events = retire(version, sign=sign, **how)
    tell(session, events, [] if events else [f"{version} is already {status}"])


@signed
@click.command("archive")
@click.argument("ref")
@_succeeded
@click.pass_obj
def archive(session: Session, /, ref: str, **how: Any) -> None:
    """Retire the version REF: it stays in the store, but is not a candidate for production.

    To archive the version in production, name a --successor, or leave production empty with
    --vacate. A withdrawn version needs a --reason.
    """
    _retire(session, ref, ARCHIVED, **how)


@signed
@click.command("withdraw")
@click.argument("ref")
@_succeeded
@click.pass_obj
def withdraw(session: Session, /, ref: str, **how: Any) -> None:
    """Mark the version REF as bad: from then on, only its exact number finds it.

    Its files stay, and loading it warns. To withdraw the version in production, name a
    --successor, leave production empty with --vacate, or use `gms rollback`, which finds a
    successor for you.
    """
    _retire(session, ref, WITHDRAWN, **how)


# `gms rollback`: put an earlier version back into production.


@trusting
@signed
@click.command("rollback")
@click.argument("name")
@click.option(
    "--to", metavar="VERSION", help="go back to this version (default: the last good one)"
)
@click.option("--keep", is_flag=True, help="archive the current version instead of withdrawing it")
@click.option(
    "--no-replay", is_flag=True, help="accept a version that answers differently; needs --reason"
)
@click.option(
    "--vacate", is_flag=True, help="leave the status that it holds now empty; needs --reason"
)
@click.option("--reason", metavar="TEXT", help="record why in the log")
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
    """Put the previous production version back, and withdraw the current one.

    First, the earlier version is verified and loaded here, and its sample is replayed. If it
    answers differently here, the rollback is refused unless you give --no-replay. A
    withdrawn version only comes back with --to and a --reason. History is not rewritten.
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
    """List, add or remove classes, functions and packages of your own that pipelines may use.

    A package ("mypackage") stands for the classes defined in it, not for its functions. Name
    a single class or function in full ("mypackage.features.LogScaler"). `gms show` says
    which names a version needs. The list is in your own configuration file; nothing in a
    store can add to it.
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
        session.note(f"saved in '{configure(after, projects)}'")
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
