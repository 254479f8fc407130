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

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

import click

from gitmodelstore.cli.session import OwnCode, Session, columns_of_terminal, folded, on_screen, say
from gitmodelstore.errors import (
    CannotWork,
    GateNotPassed,
    InvalidQuery,
    PipelineRaised,
    StoreError,
    reason_of,
    visible,
    words_of,
)
from gitmodelstore.values.tables import Paint

# The commands that there are: where each lies, what it is for, how it is typed.


# The modules that hold several commands; another stands in one of its own name.
FAMILIES = {
    "look": "list show log which search",
    "verify": "verify diff audit doctor validate",
    "files": "get cat env lock sync",
    "start": "init clone hook demo push pull fetch remote",
    "register": "register promote archive withdraw rollback annotate approve trust",
    "reproduce": "reproduce bisect",
    "main": "help",
}
_MODULE_OF = {name: module for module, names in FAMILIES.items() for name in names.split()}


class CommandEntry(NamedTuple):
    name: str  # as it is typed
    group: str  # one of GROUPS
    summary: str  # what it does, in a few words
    examples: tuple[str, str]  # two whole command lines that do different things
    everyday: bool = True  # whether `gms help` shows it
    alias: str | None = None  # another name for it

    @property
    def example(self) -> str:
        """The first of the examples."""
        return self.examples[0]

    @property
    def module(self) -> str:
        """Name of the module that holds it: its own, or that of its family."""
        return next(
            (name for name, family in FAMILIES.items() if self.name in family.split()), self.name
        )

    @property
    def function(self) -> str:
        """Name of the click command in that module; a builtin's name gets an underscore."""
        return f"{self.name}_" if self.name in ("list", "help") else self.name


# By group: the names of each command and what it does, marked where `gms help` shows it, then two
# examples that do different things.
_TABLE = r"""
Start
* init: create a model store
      gms init
      gms init --bare /srv/models.git
  clone: clone a shared store and set up its hooks
      gms clone ssh://server/srv/models.git
      gms clone git@github.com:acme/models.git churn-models
* demo: run through the life of a model in a new folder
      gms demo
      gms demo /tmp/try-it
  help: list the commands, or show how to use one
      gms help promote
      gms help --all
Share
  push: send versions and events to a remote
      gms push
      gms push ssh://server/srv/models.git
  pull: bring the store up to a remote, with your own events on top
      gms pull
      gms pull origin --renumber
  fetch: see what a remote has, without changing the store
      gms fetch
      gms fetch backup --json
  remote: list the remotes, or add one
      gms remote add origin ssh://server/srv/models.git
      gms remote
Versions
* register: register a fitted pipeline as a new version
      gms register churn pipeline.joblib --metric test_auc=0.91
      gms register churn --from-folder models/churn --bump minor
* list, ls: list the models, or the versions of one
      gms list churn
      gms list -n 5
* show: show what a version is made of
      gms show churn@production
      gms show churn@1.2.0 --json
* diff: show what differs between two versions
      gms diff churn@production churn@latest
      gms diff churn pipeline.joblib --test june.csv --target left
  search: find versions by an expression
      gms search 'metrics.test_auc > 0.9'
      gms search '"income" in features' --model churn --sort -created_at
* log: show what happened, when, by whom and why
      gms log churn
      gms log churn -G params.clf__C --oneline
* which: show which version is in production, now or at a date
      gms which churn --at 2026-03-03
      gms which churn@staging
Lifecycle
* promote: give a version a status
      gms promote churn@1.2.0 production --reason "beats 1.1.0"
      gms promote churn@latest fraud@2.0.0 staging
* rollback: put the last good version back into production
      gms rollback churn --reason "drift in income"
      gms rollback churn --to 1.0.0 --keep
  approve: approve a version for a status, signed with your key
      gms approve churn@1.2.0 production --reason "reviewed"
      gms approve churn@latest staging
  annotate: add notes to a registered version
      gms annotate churn@1.2.0 validation_auc=0.83 --reason "June is in"
      gms annotate churn@1.2.0 validation_auc=
  archive: retire a version
      gms archive churn@1.0.0
      gms archive churn@production --successor 1.2.0
  withdraw, yank: mark a version as bad
      gms withdraw churn@1.1.0 --reason "trained on leaked labels"
      gms withdraw churn@production --vacate --reason "wrong currency"
Files
* get: write a version's files into a folder
      gms get churn@1.2.0 -o model
      gms get churn --warm -o /app/model
  cat: print one file of a version
      gms cat churn@production:requirements.txt
      gms cat churn@1.2.0:pipeline.joblib > pipeline.joblib
  env: show which packages a version needs
      gms env churn@production --check
      gms env churn > requirements.txt
  lock: pin versions in a lock file
      gms lock churn@1.2.0
      gms lock --check --fetch
  sync: write the locked versions' files into folders
      gms sync
      gms sync -o /app/models --store /srv/models.git
Trust
  verify: check that a version is what was released
      gms verify churn@production --replay
      gms verify --data churn data/train.csv --role train
  reproduce: train a version again and compare
      gms reproduce churn@1.2.0 -- python train.py
      gms reproduce churn --copy data/extra.csv --no-uv -- make train
  bisect: find the first bad version of a model
      gms bisect churn --good 1.0.0 --bad 1.4.0 -- python check.py {}
      gms bisect churn --good 1.0.0 --bad latest --no-check -- pytest test_churn.py
  audit: export the history of a model as a zip file
      gms audit churn --since 2026-01-01 -o churn.zip
      gms audit churn --with-artifacts
  validate: check the store, or a proposed change to it
      gms validate --range origin/main..HEAD
      gms validate models/churn
  doctor: find and repair what is wrong with the repository
      gms doctor --fix
      gms doctor -C /srv/models.git
  hook: install or remove the git hooks that validate commits and pushes
      gms hook install
      gms hook run pre-commit
  inspect: show what is in a joblib file, without running it
      gms inspect pipeline.joblib
      gms inspect churn@1.2.0 --trust mypackage
  trust: manage which classes and functions of your own may be loaded
      gms trust add mypackage
      gms trust remove mypackage.features.twice
"""


def _read_table() -> Iterator[CommandEntry]:
    group = ""
    lines = iter(_TABLE.strip().splitlines())
    for line in lines:
        if line[:2].strip(" *"):
            group = line
            continue
        names, summary = line[2:].split(": ", 1)
        name, _, alias = names.partition(", ")
        examples = next(lines).strip(), next(lines).strip()
        yield CommandEntry(name, group, summary, examples, line.startswith("*"), alias or None)


COMMANDS = tuple(_read_table())
GROUPS = tuple(dict.fromkeys(entry.group for entry in COMMANDS))
# Commands that git runs and nobody types, with the function of each.
CALLED_BY_GIT = {"merge-driver": "merge_driver", "textconv": "textconv"}
BY_NAME = {name: entry for entry in COMMANDS for name in (entry.name, entry.alias) if name}

# What other tools call it; a word that could mean two commands lists both.
_ELSEWHERE = {
    "add import publish put save": "register",
    "comment note notes set-tag": "annotate",
    "create new": "register init",
    "assign deploy release set stage tag transition": "promote",
    "accept attest": "approve",
    "sign": "approve promote",
    "switch": "promote rollback",
    "report": "audit",
    "blame events history reflog": "log",
    "describe info view": "show",
    "compare drift": "diff",
    "models status versions": "list",
    "current resolve": "which",
    "find": "search which",
    "filter grep query": "search",
    "reset restore revert undo": "rollback",
    "delete remove rm unregister": "withdraw archive",
    "deprecate retire": "archive",
    "checkout": "get rollback",
    "download": "get",
    "dump print read": "cat",
    "environment requirements": "env",
    "freeze": "lock env",
    "pin": "lock",
    "check evaluate fsck replay test": "verify",
    "repair": "doctor",
    "rebuild rerun retrain": "reproduce",
}
ELSEWHERE = {
    word: commands.split() for words, commands in _ELSEWHERE.items() for word in words.split()
}

# A command that is called as git's, what a user of git types after it, and what to type instead.
_OF_GIT = {
    "clone --bare --branch --depth --mirror -b": "type `git clone`, then there `gms doctor --fix`",
    "fetch --all --prune --tags -p -t": "type `git fetch`, which the store follows too",
    "pull --ff-only --rebase -r": "type `gms pull`: it always puts yours on top of theirs",
    "push --all --follow-tags --set-upstream --tags -u": (
        "type `gms push`: the tags go with it, and the first push sets the upstream"
    ),
    "push --force --force-with-lease -f": (
        "type `gms push`: it puts yours on top of theirs, and overwrites nothing"
    ),
}


def _of_git(command: str | None, option: str) -> str | None:
    """Return what to type in place of an option that git's command of that name has."""
    for words, hint in _OF_GIT.items():
        name, *options = words.split()
        if name == command and option in options:
            return hint
    return None


def suggestion(word: str) -> str | None:
    """Return the hint for a word that is not a command, None when nothing is near."""
    from gitmodelstore.values.names import nearest

    near = nearest(word.lower(), BY_NAME)
    meant = ELSEWHERE.get(word.lower(), [near] if near else [])
    described = " or ".join(f"`gms {name}` ({BY_NAME[name].summary})" for name in meant)
    return f"did you mean {described}?" if described else None


# The command line: options that every command takes, and what is said of a wrong one.


_OPTIONS = (  # as it is typed, the attribute of the session that it sets, what it is for
    ("-C PATH", "path", "use the store at PATH (or a URL), or around it"),
    ("--json", "json", "print one JSON document"),
    ("--no-color", "plain", "print without colour"),
    ("--no-cache", "no_cache", "neither read nor write the cache"),
    ("-q, --quiet", "quiet", "do not print notes"),
    ("-v, --verbose", "verbose", "show where an error was raised"),
)
_VERSION = ("--version", "print the version of gitmodelstore")


_MOST_COLUMNS = 100  # of help, however wide the terminal is


class _Formatter(click.HelpFormatter):
    """Help that fits the terminal, where click itself wants fifty columns."""

    def __init__(self, width: int) -> None:
        super().__init__(width=width)

    def getvalue(self) -> str:
        text = super().getvalue()
        return "\n".join(part for line in text.split("\n") for part in folded(line, self.width))


class _Context(click.Context):
    def make_formatter(self) -> click.HelpFormatter:
        room = columns_of_terminal()
        return _Formatter(min(room or _MOST_COLUMNS, _MOST_COLUMNS))


def with_global_options(command: click.Command, entry: CommandEntry | None = None) -> click.Command:
    """Return a command that takes the global options too; `entry` gives its examples."""
    if any(parameter.name == "global_path" for parameter in command.params):
        return command
    command.context_class = _Context
    shown = ("json",) if entry and entry.name in _WITHOUT_STORE else ("path", "json")
    for typed, attribute, text in _OPTIONS:
        _session_option(typed, attribute, text, hidden=attribute not in shown)(command)
    command.add_help_option = False
    click.help_option("-h", "--help", "help", help="show this help")(command)
    if entry is not None:
        command.short_help = entry.summary
        command.epilog = "\n".join(("\b", "Examples:", *(f"  {one}" for one in entry.examples)))
    return command


_WITHOUT_STORE = ("clone", "demo", "trust", "help")  # -C changes nothing of what they do


_Decorated = TypeVar("_Decorated", bound=Callable[..., Any] | click.Command)


def option(
    typed: str, text: str, name: str = "", **more: Any
) -> Callable[[_Decorated], _Decorated]:
    """Give a command an option, written as typed: `-o, --output DIR`; a flag has no word."""
    # A choice has its words in brackets, a repeated option three dots, and `--a/--no-a` is None
    # unless given.
    words = typed.removesuffix("...").replace(",", "").split()
    value = "" if words[-1].startswith("-") else words.pop()
    kind: dict[str, Any] = {"metavar": value, "multiple": typed.endswith("...")}
    if not value:
        kind = {"is_flag": True, "default": None if "/" in typed else False}
    elif value.startswith("["):
        kind = {"type": click.Choice(value[1:-1].split("|"))}
    return click.option(*words, *filter(None, [name]), help=text, **{**kind, **more})


def _session_option(
    typed: str, attribute: str, text: str, **more: Any
) -> Callable[[_Decorated], _Decorated]:
    """Give a command an option that sets an attribute of the session where it is given."""

    def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.obj, attribute, value)

    settings = {"expose_value": False, "callback": remember, **more}
    return option(typed, text, f"global_{attribute}", **settings)


# Decorators of commands: of one that loads pipelines, and of one that writes commits.
trusting = _session_option(
    "--trust NAME...", "trusted", "trust this class, function or package; repeatable"
)
pushed = option("--push/--no-push", "send it to the remote or not; by default as the store says")
proposed = option(
    "--propose BRANCH",
    "only propose it, on a branch of the remote to be merged",
    metavar="[BRANCH]",
    is_flag=False,
    flag_value="",
    callback=lambda _context, _parameter, branch: False if branch is None else branch or True,
)
signed = option("--sign/--no-sign", "sign the commit or not; by default as git is configured")


class GroupedCommand(click.Command):
    """A command whose help groups its options: heading, then lines with their parameters' names."""

    def __init__(self, *, groups: Mapping[str, Sequence[Sequence[str]]], **settings: Any) -> None:
        super().__init__(**settings)
        self._groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {one.name: one.get_help_record(ctx) for one in self.get_params(ctx)}
        rows = [
            (
                heading if number == 0 else "",
                *_joined([records[name] or ("", "") for name in names]),
            )
            for heading, lines in self._groups.items()
            for number, names in enumerate(lines)
        ]
        headings, options = (max(len(row[column]) for row in rows) for column in (0, 1))
        formatter.write_paragraph()
        for heading, names, text in rows:
            formatter.write(f"{heading:<{headings}}  {names:<{options}}  {text}\n")


def _joined(records: Sequence[tuple[str, str]]) -> tuple[str, str]:
    return ", ".join(names for names, _ in records), "; ".join(text for _, text in records if text)


def refuse(*checks: tuple[object, str]) -> None:
    """Refuse a command line with the message of the first check that holds."""
    for holds, message in checks:
        if holds:
            raise click.UsageError(message)


def exit_if(answer: object, code: int = 1) -> None:
    """End a command that has printed its result with this exit code if `answer` is true."""
    if answer:
        raise click.exceptions.Exit(code)


def as_error(error: click.UsageError, command: str | None) -> tuple[str, str | None]:
    """Return the message and the hint for a command line of `command` that is not understood."""
    hint = getattr(error, "hint", None)
    entry = BY_NAME.get(command or "")
    if isinstance(error, click.NoSuchOption):
        from gitmodelstore.values.names import nearest

        near = nearest(error.option_name.lstrip("-"), _long_options(error))
        message = f"no such option '{error.option_name}'"
        hint = _of_git(command, error.option_name) or (
            f"did you mean '--{near}'?" if near else None
        )
    else:
        text = " ".join(error.format_message().split())
        message = text[:1].lower() + text[1:].removesuffix(".")
    if command == "remote" and isinstance(error, click.BadParameter):
        hint = "`gms remote add NAME URL` adds one; the rest is git's: `git remote remove NAME`"
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


# Main


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
            command: click.Command = getattr(import_module("gitmodelstore.cli.start"), name)
            return command
        if entry is None:
            return None
        module = import_module(f"gitmodelstore.cli.{entry.module}")
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
        return overview(ctx.obj)


class UnknownCommand(click.UsageError):
    """The first word is not a command."""

    def __init__(self, word: str) -> None:
        super().__init__(f"'{word}' is not a command")
        self.hint = suggestion(word) or "list all commands with `gms help --all`"


_MOST_UNLOOKED = 100_000  # objects between two looks for garbage; Python has 700


def run() -> None:
    """The entry point of `gms`, `gitmodelstore` and `git modelstore`."""
    # A quarter of a short command: to look for garbage in what it imports, and again at its end.
    gc.set_threshold(_MOST_UNLOOKED)
    _prepare_streams()
    code = main(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _lost_output(error)
    gc.freeze()
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
        with redirect_stdout(sys.stderr):  # what a pipeline prints is not part of the document
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
    except StoreError as error:
        return _refused(error, session)
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
    except BaseException as error:  # code of the user's may raise anything, SystemExit too
        if not isinstance(error, Exception) and _place_of_theirs(error) is None:
            raise
        return _unexpected(session, error)


def _invoke(args: Sequence[str], session: Session) -> int:
    version = option(*_VERSION, expose_value=False, is_eager=True, callback=_print_version)
    group = version(with_global_options(Commands("gms")))
    try:
        with (
            session.meter,
            OwnCode(session),
            group.make_context("gms", list(args), obj=session) as context,
        ):
            group.invoke(context)
    except click.exceptions.NoArgsIsHelpError:
        print(overview(session), file=sys.stderr)
        _answer(session, "usage-error", "missing command", "see `gms help`")
        return USAGE
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    return 0


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gitmodelstore import __version__

        if context.obj.json:
            context.obj.document(gitmodelstore=__version__)
        else:
            print(f"gitmodelstore {__version__}")
        context.exit()


# What is said of an error


def _refused(error: StoreError, session: Session) -> int:
    message, hint, further = str(error), error.hint, getattr(error, "faults", ())[1:]
    if isinstance(error, InvalidQuery):
        message, further = error.summary, _around_place(error.excerpt)
    elif isinstance(error, GateNotPassed):
        message, further = error.summary, error.conditions
    elif isinstance(error, PipelineRaised) and not session.verbose:
        hint = f"{hint}; -v shows where it was raised"
    if session.verbose and error.__cause__:  # of code of the user's, or of another program
        _print_traceback(error.__cause__)
    _complain(session, error.code, message, hint, further)
    if isinstance(error, InvalidQuery):  # a word of the command line, as an unknown option is
        return USAGE
    return CANNOT_WORK if isinstance(error, CannotWork) else REFUSED


def _complain(
    session: Session, code: str, message: str, hint: str | None, further: Sequence[str] = ()
) -> None:
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
    session: Session, code: str, message: str, hint: str | None = None, details: Sequence[str] = ()
) -> None:
    """Print the document of an error, if one is wanted and no other stands there."""
    if session.json and not session.answered:
        error = {"code": code, "message": message, "details": details, "hint": hint}
        session.document(error=error)


def _unexpected(session: Session, error: BaseException) -> int:
    """Report an unexpected error: as the user's if their code raised it, otherwise as a bug."""
    if session.verbose:
        _print_traceback(error)
    text = " ".join(words_of(error).split())
    text = f"{type(error).__name__}{f': {text}' if text else ''}"
    if isinstance(error, Warning) and sys.warnoptions:
        hint = "unset PYTHONWARNINGS, which turns warnings into errors"
        _complain(session, "warning", f"a warning was turned into an error: {text}", hint)
        return REFUSED
    if place := _place_of_theirs(error):
        hint = "fix it there" + ("" if session.verbose else "; -v shows the traceback")
        _complain(session, "raised-elsewhere", f"{place} raised {text}", hint)
        return REFUSED
    _complain(
        session,
        "own-fault",
        f"internal error in gitmodelstore: {text}",
        "please report it with the command that you ran"
        + (" and the lines above" if session.verbose else "; -v shows where it happened"),
    )
    return CANNOT_WORK


def _place_of_theirs(error: BaseException) -> str | None:
    """Return file and line of the user's own code that an error came through, or None."""
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
        return "the working directory no longer exists: go to another with `cd`"
    reason = reason_of(error)
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


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False)
@option("--all", "list every command, grouped by purpose", "all_of_them")
@click.pass_context
def help_(context: click.Context, name: str | None, all_of_them: bool) -> None:
    """List the everyday commands, or show how to use COMMAND."""
    session: Session = context.obj
    if name is None and session.json:
        listed = [one for one in COMMANDS if one.everyday or all_of_them]
        session.document(commands=[_document(one) for one in listed])
        return
    if name is None:
        print(overview(session, all_of_them=all_of_them))
        return
    entry = BY_NAME.get(name)
    if entry is None:
        raise UnknownCommand(name)
    command: Any = Commands("gms").get_command(context, name)
    with command.context_class(command, info_name=entry.name, parent=context.parent) as inner:
        text = command.get_help(inner)
    if session.json:
        session.document(commands=[_document(entry, text)])
    else:
        print(text)


def _document(entry: CommandEntry, text: str | None = None) -> dict[str, str | None]:
    facts = {key: getattr(entry, key) for key in ("name", "alias", "group", "summary", "example")}
    return {**facts, "help": text}


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
        "See `gms help COMMAND` for how to use one"
        + ("." if all_of_them else ", and `gms help --all` for all of them."),
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
                names = ", ".join(filter(None, (entry.name, entry.alias)))
                yield f"  {paint.bold(f'{names:<15}')} {entry.summary}"
        gap = ("",)


def _of_all() -> Iterator[str]:
    yield "Options for every command, before or after its name"
    for option, *_, text in (*_OPTIONS, _VERSION):
        yield f"  {option:<15} {text}"
    yield ""
    yield "gms looks for the store in this order: -C; $GITMODELSTORE; `store` under"
    yield "[tool.gitmodelstore] in the nearest pyproject.toml that sets it; the repository"
    yield "around the working directory; the models/ folder in that repository."
    yield ""


if __name__ == "__main__":
    run()
