"""The command line: options that every command takes, and what is said of a wrong one."""

from __future__ import annotations

from typing import Any

import click

from gitmodelstore.cli.commands import BY_NAME, Entry
from gitmodelstore.cli.paint import columns_of_terminal, folded
from gitmodelstore.values.names import nearest

_CLICKS_WIDTH = 80  # columns, beyond which help does not go


class _Formatter(click.HelpFormatter):
    """Help that fits the terminal, where click itself wants fifty columns."""

    def getvalue(self) -> str:
        text = super().getvalue()
        return "\n".join(part for line in text.split("\n") for part in folded(line, self.width))


class _Context(click.Context):
    def make_formatter(self) -> click.HelpFormatter:
        room = columns_of_terminal()
        return _Formatter(width=room if room and room < _CLICKS_WIDTH else None)


def with_global_options(command: click.Command, entry: Entry | None = None) -> click.Command:
    """Return a command that takes the global options too, as users of git type them anywhere.

    Args:
        command: the group, or a command that the group has just imported.
        entry: the command's line in the table, whose example its help ends with; None
            for the group.
    """
    if any(parameter.name == "global_path" for parameter in command.params):
        return command
    command.context_class = _Context
    command.params += _global_options(hidden=entry is not None)
    if entry is not None:
        command.short_help = entry.summary
        command.epilog = f"Example: {entry.example}"
    return command


def _global_options(*, hidden: bool) -> list[click.Option]:
    return [
        _option(["-C", "global_path"], "path", hidden, metavar="PATH"),
        _option(["--json", "global_json"], "json", hidden, is_flag=True),
        _option(["--no-color", "global_no_color"], "plain", hidden, is_flag=True),
        _option(["--no-cache", "global_no_cache"], "no_cache", hidden, is_flag=True),
        _option(["-q", "--quiet", "global_quiet"], "quiet", hidden, is_flag=True),
        _option(["-v", "--verbose", "global_verbose"], "verbose", hidden, is_flag=True),
    ]


def _option(names: list[str], attribute: str, hidden: bool, **kind: Any) -> click.Option:
    """Return an option that sets an attribute of the session where it is given."""

    def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.obj, attribute, value)

    return click.Option(names, hidden=hidden, expose_value=False, callback=remember, **kind)


def trusting(command: click.Command) -> click.Command:
    """Give a command that loads pipelines the option --trust."""
    command.params.append(
        _option(
            ["--trust", "global_trusted"],
            "trusted",
            hidden=False,
            metavar="NAME",
            multiple=True,
            help="a class, function or package of yours; repeatable",
        )
    )
    return command


def signed(command: click.Command) -> click.Command:
    """Give a command that writes commits the option --sign; it is handed on as `sign`."""
    command.params.append(
        click.Option(
            ["--sign/--no-sign"],
            default=None,
            help="sign what is written; else as git is configured",
        )
    )
    return command


def as_error(error: click.UsageError, command: str | None) -> tuple[str, str | None]:
    """Return the message and the hint for a command line that cannot be understood.

    Args:
        error: what is wrong with it.
        command: the name of its command; None when none was found.
    """
    hint = getattr(error, "hint", None)
    entry = BY_NAME.get(command or "")
    if isinstance(error, click.NoSuchOption):
        near = nearest(error.option_name.lstrip("-"), _long_options(error))
        message = f"no such option '{error.option_name}'"
        hint = f"did you mean '--{near}'?" if near else None
    else:
        message = _in_our_words(error.format_message())
    if hint is None:
        hint = (
            f"as in `{entry.example}`; see `gms help {entry.name}`" if entry else "see `gms help`"
        )
    return message, hint


def _long_options(error: click.NoSuchOption) -> list[str]:
    """Return the options that the command has, without their hyphens, which click would compare."""
    params = error.ctx.command.params if error.ctx else []
    return [
        word[2:] for one in params for word in (*one.opts, *one.secondary_opts) if word[:2] == "--"
    ]


def _in_our_words(message: str) -> str:
    """Return one of click's messages as ours read: lower case, no full stop."""
    text = " ".join(message.split())
    lowered = text[:1].lower() + text[1:]
    return lowered.removesuffix(".")
