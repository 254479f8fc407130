"""`gms verify`: whether versions are what was released, and answer here as they did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import trusting
from gitmodelstore.cli.verify_data import verify_data
from gitmodelstore.values.render import counted
from gitmodelstore.values.verify_page import page

if TYPE_CHECKING:
    from gitmodelstore.operations.verify import Verification

CANNOT_TELL = 128  # as in cli/main.py


@trusting
@click.command("verify")
@click.argument("ref", required=False)
@click.argument("path", required=False)
@click.option("--all", "all_of_them", is_flag=True, help="every version of every model")
@click.option("--replay", is_flag=True, help="ask the pipeline its sample again, and compare")
@click.option("--test", metavar="FILE", help="compute its metrics again: CSV or Parquet")
@click.option("--target", metavar="NAME", help="column of FILE with the true answers")
@click.option("--parse-dates", metavar="COL", multiple=True, help="a column of FILE; repeatable")
@click.option("--signatures", is_flag=True, help="verify who has signed it")
@click.option("--data", is_flag=True, help="verify instead the data set at PATH")
@click.option("--role", metavar="ROLE", help="which data set PATH should be: train, test, …")
@click.pass_obj
def verify(
    session: Session,
    ref: str | None,
    path: str | None,
    all_of_them: bool,
    replay: bool,
    test: str | None,
    target: str | None,
    parse_dates: tuple[str, ...],
    signatures: bool,
    data: bool,
    role: str | None,
) -> None:
    """Verify every file of the version REF against its manifest and its tag.

    --replay and --test load the pipeline, unless its bytes are not the ones that were
    released. --signatures asks your own list of allowed signers, without REF of every
    version. The exit code is 1 when a version is faulty, or not validly signed, or its
    answers or metrics are different, or the branch lacks versions that tags name; it is 128
    when all is sound, but a version that was to be asked cannot be loaded here.

    --data reads the file or folder PATH and says whether it is what REF was made with,
    or which columns differ; the exit code is then 1.
    """
    if data:
        if all_of_them or replay or test or target or signatures:
            raise click.UsageError("--data goes with no other option than --role")
        if ref is None or path is None:
            raise click.UsageError(f"missing argument '{'PATH' if ref else 'REF'}'")
        verify_data(session, ref, path, role)
        return
    if path is not None or role is not None:
        raise click.UsageError("a PATH and --role are for --data")
    all_of_them = all_of_them or (signatures and ref is None)
    if (ref is None) != all_of_them:
        raise click.UsageError("name one version, or give --all")
    if test and all_of_them:
        raise click.UsageError("--test is of one version, and --all of all")
    if target and not test:
        raise click.UsageError("--target needs --test FILE")
    if parse_dates and not test:
        raise click.UsageError("--parse-dates needs --test FILE")
    found = session.store().verify(
        ref,
        replay=replay,
        test=Path(test) if test else None,
        target=target,
        signatures=signatures,
        parse_dates=parse_dates,
    )
    if session.json:
        session.document(found)
    else:
        for line in page(found, session.paint(), replayed=replay):
            session.tell(line)
        if all_of_them:
            session.note(_summary(found))
    if not found.is_sound:
        raise click.exceptions.Exit(1)
    if found.unloaded:
        raise click.exceptions.Exit(CANNOT_TELL)


def _summary(found: Verification) -> str:
    bad = sum(not version.is_sound for version in found.versions)
    verified = f"{counted(len(found.versions), 'version')} verified"
    if bad:
        return f"{verified}, {bad} faulty or different"
    if found.unloaded:
        return f"{verified}, {len(found.unloaded)} cannot be loaded here"
    return f"{verified}, the branch lacks others" if found.faults else f"{verified}, all sound"
