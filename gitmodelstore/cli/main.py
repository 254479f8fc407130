"""The command `gms`: finds the command that is meant, runs it, and turns errors into exit codes.

Nowhere else in the package is it decided what a shell sees of an error:

    0    done
    1    no, refused, faulty, or different
    2    the command line cannot be understood
    128  cannot work: no store, a corrupt one, no identity, a full disk
    130  interrupted
    141  whoever read the output has closed it, as for any program in a pipe
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib import import_module
from itertools import takewhile
from typing import Any

import click

from gitmodelstore.cli.commands import BY_NAME, CALLED_BY_GIT, COMMANDS, suggestion
from gitmodelstore.cli.own_code import OwnCode
from gitmodelstore.cli.paint import columns_of_terminal, on_screen, say
from gitmodelstore.cli.session import Session
from gitmodelstore.cli.usage import as_error, with_global_options
from gitmodelstore.errors import (
    CannotWork,
    CorruptStore,
    FormatError,
    GateNotPassed,
    InvalidQuery,
    PipelineRaised,
    StoreError,
    words_of,
)

_MARGIN = len("error: ")
_SPELLED_OUT = "backslashreplace"
REFUSED, USAGE, CANNOT_WORK, INTERRUPTED, CLOSED_PIPE = 1, 2, 128, 130, 141


class Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [entry.name for entry in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = BY_NAME.get(cmd_name)
        if cmd_name in CALLED_BY_GIT:
            name = CALLED_BY_GIT[cmd_name]
            command: click.Command = getattr(import_module(f"gitmodelstore.cli.{name}"), name)
            return command
        if entry is None:
            return None
        module = import_module(f"gitmodelstore.cli.{entry.name}")
        return with_global_options(getattr(module, entry.function), entry)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            raise UnknownCommand(name)
        ctx.obj.command = name
        return name, command, args[1:]

    def get_help(self, ctx: click.Context) -> str:
        from gitmodelstore.cli.help import overview

        return overview(ctx.obj)


class UnknownCommand(click.UsageError):
    """The first word is none of the commands.

    Attributes:
        hint: what was probably meant, or where the commands are listed.
    """

    def __init__(self, word: str) -> None:
        super().__init__(f"'{word}' is not a command")
        self.hint = suggestion(word) or "see them all with `gms help --all`"


def run() -> None:
    """The entry point of `gms`, `gitmodelstore` and `git modelstore`."""
    _prepare_streams()
    code = main(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _lost_output(error)
    sys.exit(code)


def main(args: Sequence[str]) -> int:
    """Run one command line, without the program's name, and return its exit code."""
    with on_screen():
        session = Session()
        words = _ours(args)
        session.json = "--json" in words  # whatever is wrong with the others
        if not session.json:
            return _run(args, session)
        if not {"-h", "--help"}.isdisjoint(words):
            args = ["--json", "help", *(word for word in words if word in BY_NAME)][:3]
        with redirect_stdout(sys.stderr):  # what a pipeline prints is no part of the document
            return _run(args, session)


def _ours(args: Sequence[str]) -> tuple[str, ...]:
    """Return the words before those of a command that is to be run."""
    return tuple(takewhile(lambda word: word != "--", args))


def _run(args: Sequence[str], session: Session) -> int:
    try:
        return _invoke(args, session)
    except click.UsageError as error:
        message, hint = as_error(error, session.command)
        _complain(session, "usage-error", message, hint)
        return USAGE
    except FormatError as error:
        _complain(session, error.code, str(error), error.hint, error.faults[1:])
        return REFUSED
    except InvalidQuery as error:  # a word of the command line, as an unknown option is
        _complain(session, error.code, error.summary, error.hint, _around_place(error.excerpt))
        return USAGE
    except GateNotPassed as error:
        _complain(session, error.code, error.summary, error.hint, error.conditions)
        return REFUSED
    except PipelineRaised as error:
        _show_cause(session, error)
        further = "" if session.verbose else "; -v shows where it was raised"
        _complain(session, error.code, str(error), f"{error.hint}{further}")
        return REFUSED
    except StoreError as error:
        _show_cause(session, error)
        others = error.faults[1:] if isinstance(error, CorruptStore) else ()
        _complain(session, error.code, str(error), error.hint, others)
        return CANNOT_WORK if isinstance(error, CannotWork) else REFUSED
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        _answer(session, "interrupted", "interrupted")
        return INTERRUPTED
    except BrokenPipeError as error:
        return _lost_output(error)
    except OSError as error:
        _complain(session, "system-error", _of_system(error), None)
        return CANNOT_WORK
    except MemoryError:
        _complain(session, "out-of-memory", "out of memory", None)
        return CANNOT_WORK
    except BaseException as error:
        if not isinstance(error, Exception) and _place_of_theirs(error) is None:
            raise
        return _unexpected(session, error)


def _invoke(args: Sequence[str], session: Session) -> int:
    group = with_global_options(
        Commands(
            "gms",
            context_settings={"help_option_names": ["-h", "--help"]},
            params=[_version_option()],
        )
    )
    try:
        with (
            session.meter,
            OwnCode(session),
            group.make_context("gms", list(args), obj=session) as context,
        ):
            group.invoke(context)
    except click.exceptions.NoArgsIsHelpError:
        from gitmodelstore.cli.help import overview

        print(overview(session), file=sys.stderr)
        _answer(session, "usage-error", "missing command", "see `gms help`")
        return USAGE
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return 0


def _version_option() -> click.Option:
    return click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="print the version of gitmodelstore",
    )


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gitmodelstore import __version__

        if context.obj.json:
            context.obj.document(gitmodelstore=__version__)
        else:
            print(f"gitmodelstore {__version__}")
        context.exit()


# What is said of an error


def _complain(
    session: Session, code: str, message: str, hint: str | None, further: Sequence[str] = ()
) -> None:
    from gitmodelstore.values.render import Paint, visible

    stream: Any = sys.stderr
    paint = Paint(stream is not None and stream.isatty() and session.colored(stream))
    say(f"{paint.red('error:')} {visible(message)}")
    for fault in further:
        say(" " * _MARGIN + visible(fault))
    if hint:
        say(f"{paint.cyan('hint:')} {visible(hint)}")
    _answer(session, code, message, hint, further)


def _around_place(excerpt: tuple[str, ...]) -> tuple[str, ...]:
    """Return as much of a line with a caret below it as the terminal has room for."""
    room = (columns_of_terminal(sys.stderr) or 0) - _MARGIN
    if room <= 0 or len(excerpt) != 2 or len(excerpt[0]) <= room:
        return excerpt
    line, caret = excerpt
    start = min(max(0, len(caret) - room // 2), len(line) - room)
    return line[start : start + room], caret[start:]


def _answer(
    session: Session,
    code: str,
    message: str,
    hint: str | None = None,
    details: Sequence[str] = (),
) -> None:
    """Print the document of an error, if one is wanted and no other stands there."""
    if session.json and not session.answered:
        said = {"code": code, "message": message, "details": details, "hint": hint}
        session.document(error=said)


def _show_cause(session: Session, error: StoreError) -> None:
    """Show the traceback of what code of the user's, or another program, raised before."""
    if session.verbose and error.__cause__:
        _print_traceback(error.__cause__)


def _unexpected(session: Session, error: BaseException) -> int:
    """Say what nobody has put into words: whose it is goes by where it was raised."""
    if session.verbose:
        _print_traceback(error)
    said = " ".join(words_of(error).split())
    said = f"{type(error).__name__}{f': {said}' if said else ''}"
    if isinstance(error, Warning) and sys.warnoptions:
        hint = "unset PYTHONWARNINGS, which makes errors of warnings"
        _complain(session, "warning", f"a warning was made an error: {said}", hint)
        return REFUSED
    if place := _place_of_theirs(error):
        hint = "mend it there" + ("" if session.verbose else "; -v shows how it came to that")
        _complain(session, "raised-elsewhere", f"{place} raised {said}", hint)
        return REFUSED
    _complain(
        session,
        "own-fault",
        f"gitmodelstore has a fault: {said}",
        "please report it with what you typed"
        + (" and the lines above" if session.verbose else "; -v shows where it happened"),
    )
    return CANNOT_WORK


def _place_of_theirs(error: BaseException) -> str | None:
    """Return file and line of the user's own code that an error has come through, or None.

    His own is what neither this package, nor Python, nor what is installed beside them holds.
    """
    import sysconfig
    import traceback

    folders = [os.path.dirname(os.path.dirname(__file__))]
    folders += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        own = frame.filename.startswith("<")
        if not own and not frame.filename.startswith(tuple(f"{one}{os.sep}" for one in folders)):
            return f"'{frame.filename}', line {frame.lineno},"
    return None


def _print_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def _of_system(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and not error.filename:
        return "the working directory is not there any more: go to another with `cd`"
    reason = (error.strerror or str(error)).lower()
    return f"'{error.filename}': {reason}" if error.filename else reason


def _lost_output(error: OSError) -> int:
    """Say nothing of a closed pipe; leave nothing behind that the interpreter would complain of."""
    if not isinstance(error, BrokenPipeError):
        print(f"error: the output could not be written: {_of_system(error)}", file=sys.stderr)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE if isinstance(error, BrokenPipeError) else CANNOT_WORK


def _prepare_streams() -> None:
    """Print what a terminal's encoding lacks as an escape, and warnings as one line."""
    import warnings

    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors=_SPELLED_OUT)  # type: ignore[union-attr]
    warnings.showwarning = _show_warning
    if sys.stdout is not None and sys.stderr is not None and "--json" in _ours(sys.argv):
        # Native code prints to the descriptor itself, so the document gets another one; it stays
        # open to the end, of which Python 3.13 would complain if closing it were left to it.
        number = sys.stdout.fileno()
        encoding = sys.stdout.encoding
        own = open(  # noqa: SIM115 - it takes the place of sys.stdout
            os.dup(number), "w", encoding=encoding, errors=_SPELLED_OUT, closefd=False
        )
        os.dup2(sys.stderr.fileno(), number)
        sys.stdout = own


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {' '.join(str(message).split())}")


if __name__ == "__main__":
    run()
