"""`gms help`: the commands, or how to use one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from gitmodelstore.cli.commands import BY_NAME, COMMANDS, GROUPS, Entry
from gitmodelstore.cli.paint import columns_of_terminal, folded
from gitmodelstore.cli.session import Session
from gitmodelstore.values.render import Paint

_OPTIONS = (
    ("-C PATH", "the store, or a folder inside a repository that has one"),
    ("--json", "print one JSON document"),
    ("--no-color", "print without colour"),
    ("--no-cache", "judge each pipeline anew, and note nothing"),
    ("-q, --quiet", "leave out notes"),
    ("-v, --verbose", "show where an error was raised"),
    ("--version", "print the version of gitmodelstore"),
)


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False)
@click.option("--all", "all_of_them", is_flag=True, help="every command, by what it is for")
@click.pass_context
def help_(context: click.Context, name: str | None, all_of_them: bool) -> None:
    """Show the commands of every day, all of them, or how to use COMMAND."""
    session: Session = context.obj
    if name is None and session.json:
        session.document(
            commands=[_document(one) for one in COMMANDS if one.everyday or all_of_them]
        )
        return
    if name is None:
        print(overview(session, all_of_them=all_of_them))
        return
    assert context.parent is not None  # noqa: S101 - `help` is always a command of the group
    group = context.parent.command
    assert isinstance(group, click.Group)  # noqa: S101
    _, command, _ = group.resolve_command(context.parent, [name])
    assert command is not None  # noqa: S101 - an unknown one was refused
    shown = BY_NAME[name].name
    with command.context_class(command, info_name=shown, parent=context.parent) as asked:
        text = command.get_help(asked)
    if session.json:
        session.document(commands=[_document(BY_NAME[name], text)])
    else:
        print(text)


def _document(entry: Entry, text: str | None = None) -> dict[str, str | None]:
    said = {key: getattr(entry, key) for key in ("name", "alias", "group", "summary", "example")}
    return {**said, "help": text}


def overview(session: Session, *, all_of_them: bool = False) -> str:
    """Return the text of `gms help`."""
    paint = session.paint()
    lines = [
        "usage: gms [-C PATH] [--json] [--no-color] [-q | -v] COMMAND [ARGUMENTS]",
        "",
        "A Git-native model store for scikit-learn pipelines.",
        "",
        *(_by_group(paint) if all_of_them else _everyday(paint)),
        "",
        *(_of_all() if all_of_them else ()),
        "`gms help COMMAND` says more of one"
        + ("." if all_of_them else ", `gms help --all` lists them all."),
    ]
    room = columns_of_terminal()
    return "\n".join(part for line in lines for part in folded(line, room))


def _everyday(paint: Paint) -> Iterator[str]:
    for entry in COMMANDS:
        if entry.everyday:
            yield f"  {paint.bold(f'{entry.name:<9}')} {entry.summary}"
            yield f"  {'':<9} {paint.dim(f'$ {entry.example}')}"


def _by_group(paint: Paint) -> Iterator[str]:
    gap: Sequence[str] = ()
    for group in GROUPS:
        yield from gap
        yield group
        for entry in COMMANDS:
            if entry.group == group:
                yield f"  {paint.bold(f'{_names(entry):<15}')} {entry.summary}"
        gap = ("",)


def _names(entry: Entry) -> str:
    return f"{entry.name}, {entry.alias}" if entry.alias else entry.name


def _of_all() -> Iterator[str]:
    yield "Options, before the command or after it"
    for option, what in _OPTIONS:
        yield f"  {option:<15} {what}"
    yield ""
    yield "The store is what -C names, else $GITMODELSTORE, else [tool.gitmodelstore] store of"
    yield "the nearest pyproject.toml that says it, else the repository around, or the"
    yield "store in its models/."
    yield ""
