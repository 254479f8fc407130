"""`gms demo`: the whole life of a model, performed in a new folder.

What happens is `gitmodelstore.demo`'s business; here it is shown.
"""

from __future__ import annotations

import shlex
import textwrap
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gitmodelstore.cli.session import Session
    from gitmodelstore.demo.stage import Kind, Show

_WIDTH = 80
_NEXT = (
    ("gms list", "the models, and what is in production"),
    ("gms show credit@production", "what that version is made of"),
    ("git -C models log -p --stat", "all of it is plain git"),
)


@click.command()
@click.argument("folder", metavar="[DIR]", default="gitmodelstore-demo", type=Path)
@click.pass_obj
def demo(session: Session, folder: Path) -> None:
    """Go through the whole life of a model, in a new folder.

    DIR, `gitmodelstore-demo` unless named, becomes a small training project with a
    model store in it. Everything shown is really run; it takes about ten seconds
    and no network, and leaves the folder for you to look at.
    """
    from gitmodelstore.demo.facts import facts
    from gitmodelstore.demo.stage import Stage
    from gitmodelstore.demo.story import story

    began, today = time.monotonic(), datetime.now(timezone.utc).date()
    stage = Stage(folder, _silent if session.json else _show(session))
    try:
        stage.set_up()
        if not session.json:
            _introduce(session, folder)
        stage.perform(story(today))
    except KeyboardInterrupt:
        session.warn(f"what '{folder}' holds so far is whole; begin again with another folder")
        raise
    if session.json:
        session.document(facts(stage, today))
    else:
        _conclude(session, folder, time.monotonic() - began)


def _silent(kind: Kind, text: str) -> None:
    """A JSON document stands alone."""


def _show(session: Session) -> Show:
    """Return what prints each thing that happens, as it happens."""
    paint = session.paint()

    def typed(prompt: str, text: str) -> str:
        return f"{paint.dim(prompt)}{paint.bold(text)}"

    def show(kind: Kind, text: str) -> None:
        lines = text.rstrip("\n").split("\n")
        if kind == "title":
            session.out(f"\n{paint.cyan(_filled(text))}")
        elif kind == "prose":
            session.out(f"\n{_filled(text)}\n")
        elif kind == "command":
            session.out(typed("$ ", text))
        elif kind == "python":
            prompts = [">>> ", *["... "] * (len(lines) - 1)]
            session.out("\n".join(map(typed, prompts, lines)))
        elif text:
            session.out("\n".join(line.rstrip() for line in lines))

    return show


def _filled(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH)


def _introduce(session: Session, folder: Path) -> None:
    session.out(
        _filled(
            f"The life of a credit model, in '{folder}'. What stands behind $ and >>> is really "
            "run there, and you could type it. Only the loans are simulated, and the dates: the "
            "story takes six weeks and ends today, and its commits bear the dates of the story."
        )
    )


def _conclude(session: Session, folder: Path, seconds: float) -> None:
    show, paint = _show(session), session.paint()
    show("title", f"Done in {seconds:.0f} seconds")
    show("prose", f"The store is '{folder / 'models'}'; nothing was removed. To try next:")
    show("command", f"cd {shlex.quote(str(folder))}")
    for command, meaning in _NEXT:
        session.out(f"{paint.dim('$ ')}{paint.bold(f'{command:28}')}  # {meaning}")
