"""`gms bisect`: which version was the first bad one, as a command says of each."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.documents import document, person
from gitmodelstore.cli.main import REFUSED
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import BisectionError, InvalidInput, StoreError
from gitmodelstore.values.render import moment, state, visible

if TYPE_CHECKING:
    from datetime import datetime

    from gitmodelstore.operations.bisect import Bisection, Trial
    from gitmodelstore.store import Store
    from gitmodelstore.values.model_version import ModelVersion
    from gitmodelstore.values.version import Version

_PLACE = "{}"  # in CMD: where the folder's path goes
_SKIP, _MOST_BAD = 125, 127  # exit codes, as of `git bisect run`
_STDERR = 2


@click.command("bisect")
@click.argument("name")
@click.option("--good", required=True, metavar="VERSION", help="one that is good")
@click.option("--bad", required=True, metavar="VERSION", help="a higher one that is bad")
@click.option("--no-check", is_flag=True, help="do not test these two first")
@click.argument("command", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def bisect(
    context: click.Context,
    name: str,
    good: str,
    bad: str,
    no_check: bool,
    command: tuple[str, ...],
) -> None:
    """Find the first bad version of the model NAME between a good one and a bad one.

    Versions between the two are tested by CMD, withdrawn ones too, in the order of their numbers.
    Each is there for CMD as a folder of plain files, whose path stands for every {} in CMD and in
    the variable GMS_FOLDER, beside GMS_MODEL, GMS_VERSION, GMS_REF, GMS_STATUS and
    GITMODELSTORE. Exit codes mean what they do for `git bisect run`: 0 is good, 125 cannot be
    tested, others up to 127 are bad, and those above end the search. What CMD prints goes to
    stderr. The exit code is 1 when it can be one of several.
    """
    session: Session = context.obj
    store = session.store()
    runner = _Runner(store, command)

    def seen(trial: Trial) -> None:
        if not session.json:
            session.tell(_line(trial))
            sys.stdout.flush()  # between what CMD prints

    with _ending_properly():
        found = store.bisect(name, good, bad, runner, check=not no_check, seen=seen)
    if session.json:
        session.document(found, **_document(store, found, runner.codes))
    else:
        for line in _answer(store, found):
            session.tell(line)
    context.exit(0 if found.first_bad else REFUSED)


class _Runner:
    """Runs a command for each version.

    Attributes:
        codes: what it exited with, by version.
    """

    def __init__(self, store: Store, command: Sequence[str]) -> None:
        self._store = store
        self._command = command
        self.codes: dict[Version, int] = {}

    def __call__(self, version: ModelVersion) -> bool | None:
        """Return whether the command calls a version good; None where it skips it.

        Raises:
            BisectionError: it exited with a code that ends the search.
            InvalidInput: it cannot be started.
        """
        with TemporaryDirectory(prefix="gms-bisect-") as place:
            folder = self._store.download(
                version, Path(place) / f"{version.model}-{version.version}"
            )
            code = self._run(version, folder)
        self.codes[version.version] = code
        if code > _MOST_BAD:
            raise BisectionError(
                f"`{shlex.join(self._command)}` exited with {code} for {version}, "
                "which ends the search",
                hint="an exit code of 0 is good, 125 cannot be tested, any other up to 127 is bad",
            )
        return None if code == _SKIP else code == 0

    def _run(self, version: ModelVersion, folder: Path) -> int:
        args = [arg.replace(_PLACE, str(folder)) for arg in self._command]
        variables = {
            "GMS_FOLDER": str(folder),
            "GMS_MODEL": version.model,
            "GMS_VERSION": str(version.version),
            "GMS_REF": version.ref,
            "GMS_STATUS": version.status,
            "GITMODELSTORE": str(self._store.path.absolute()),
        }
        try:
            done = subprocess.run(
                args, env={**os.environ, **variables}, stdout=_STDERR, check=False
            )
        except OSError as error:
            raise InvalidInput(
                f"'{args[0]}' cannot be started: {(error.strerror or str(error)).lower()}",
                hint="a line of shell is typed as: -- sh -c 'LINE'",
            ) from None
        # A signal's number is added to 128, as shells do.
        return done.returncode if done.returncode >= 0 else 128 - done.returncode


@contextmanager
def _ending_properly() -> Iterator[None]:
    """Let what would end this process at once remove the folder that CMD was given."""

    def end(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # not on Windows
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _line(trial: Trial) -> str:
    why = f" ({visible(trial.why)})" if trial.why else ""
    return f"{trial.version}  {trial.verdict}{why}"


def _answer(store: Store, found: Bisection) -> list[str]:
    bad = found.first_bad
    if bad is None:
        named = ", ".join(str(version.version) for version in found.suspects)
        lines = [f"the first bad version of {found.good.model} is one of {named}"]
    else:
        when, who, message = _facts(store, bad)
        lines = [
            f"{bad} is the first bad version",
            f"  registered {moment(when)} by {visible(who)}, is {state(bad.status)}",
        ]
        lines += [f"    {visible(line)}" for line in (message or "").strip().splitlines()]
    return [*lines, f"see what changed with: gms diff {found.good.ref} {found.suspects[-1].ref}"]


def _facts(store: Store, version: ModelVersion) -> tuple[datetime, str, str | None]:
    """Return when a version was registered, by whom, and what was said of it."""
    try:
        manifest = store.show(version)
    except StoreError:  # its manifest is what is bad of it
        event = next(e for e in store.log(version.model) if e.commit == version.commit)
        return event.when, event.who, None
    return store.registered_at(version), manifest.author, manifest.message or None


def _document(store: Store, found: Bisection, codes: dict[Version, int]) -> dict[str, Any]:
    bad = None
    if found.first_bad is not None:
        when, who, message = _facts(store, found.first_bad)
        said = {"created_at": when, "author": person(who), "message": message}
        bad = {**document(found.first_bad), **said}
    return {
        "model": found.good.model,
        "first_bad": bad,
        "trials": [
            {**document(trial), "exit_code": codes.get(trial.version.version)}
            for trial in found.trials
        ],
    }
