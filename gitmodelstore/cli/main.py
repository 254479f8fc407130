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

_COLLECTS = gc.isenabled()
gc.disable()  # in what is imported there is no garbage, and to look for it takes a quarter

# ruff: noqa: E402 - what comes before them makes them fast

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from itertools import takewhile

from gitmodelstore.cli.commands import (
    BY_NAME,
    CALLED_BY_GIT,
    COMMANDS,
    COMPLETE,
    GROUPS,
    CommandEntry,
    instead_of_git,
    suggestion,
)
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
from gitmodelstore.lean import Any, TypeVar
from gitmodelstore.values.tables import Paint

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


# -C changes nothing of what they do
_WITHOUT_STORE = ("clone", "completion", "demo", "trust", "help")


class UsageError(Exception):
    """A command line that cannot be understood."""

    hint: str | None = None


class NoSuchOption(UsageError):
    """An option that the command does not have."""

    def __init__(self, word: str, command: Command) -> None:
        super().__init__(f"no such option '{word}'")
        self.word = word
        self.command = command


class Exit(Exception):
    """The end of a command that has printed its result, with an exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


Callback = Callable[[Session, "Parameter", Any], Any]


class Parameter:
    """An option or an argument of a command.

    Attributes:
        name: of the argument of the function that gets its value.
        is_kept: whether the function gets it at all.
        words: an option as it is typed; none of an argument.
        opposite: `--no-…`, what is typed to switch it off.
        metavar: what stands for its value in help.
        is_flag: it has no value.
        is_list: it may be given several times, or is all arguments that are left.
        choices: what the value may be; empty if it may be anything.
        kind: makes the value of what is typed; None leaves it as it is.
        bare: its value where it is an option that is typed without one; None if it needs one.
        callback: gets the value, and returns what counts.
        is_eager: it is looked at before all others.
    """

    def __init__(self, name: str, words: Sequence[str] = (), **more: Any) -> None:
        self.name = name
        self.words, self.opposite = tuple(words), tuple(more.get("opposite", ()))
        self.choices: tuple[str, ...] = tuple(more.get("choices", ()))
        self.is_flag: bool = more.get("is_flag", False)
        self.is_list: bool = more.get("is_list", False)
        self.default = more.get("default", () if self.is_list else None)
        self.required: bool = more.get("required", False)
        self.kind: Callable[[str], Any] | None = more.get("kind")
        self.bare: str | None = more.get("bare")
        self.callback: Callback | None = more.get("callback")
        self.is_eager: bool = more.get("is_eager", False)
        self.is_kept: bool = more.get("is_kept", True)
        self.hidden: bool = more.get("hidden", False)
        self.text: str = more.get("text", "")
        self.metavar: str = more.get("metavar", "") or self._usual_metavar()

    def _usual_metavar(self) -> str:
        if self.words:
            return ""
        left, right = "{}" if self.required else ("", "")
        words = f"{left}{'|'.join(self.choices)}{right}" if self.choices else self.name.upper()
        words = words if self.required else f"[{words}]"
        return f"{words}..." if self.is_list else words

    @property
    def label(self) -> str:
        """What a message calls it."""
        return " / ".join(f"'{word}'" for word in self.words) or f"'{self.metavar}'"

    def value(self, typed: Any, session: Session) -> Any:
        """Return its value, of what was typed; None if nothing was."""
        if typed is None or typed == []:
            if self.required:
                what = f"missing {'option' if self.words else 'argument'} {self.label}"
                choices = f". Choose from: {', '.join(self.choices)}" if self.choices else ""
                raise UsageError(what + choices)
            value = self.default
            if self.kind and isinstance(value, str):
                value = self.kind(value)
        elif self.is_list:
            value = tuple(map(self._made, typed))
        else:
            value = self._made(typed)
        return self.callback(session, self, value) if self.callback else value

    def _made(self, typed: Any) -> Any:
        if self.choices and typed not in self.choices:
            listed = ", ".join(map(repr, self.choices))
            raise BadValue(self, f"{typed!r} is not one of {listed}")
        if self.kind is None or not isinstance(typed, str):
            return typed
        try:
            return self.kind(typed)
        except ValueError as error:
            raise BadValue(self, str(error)) from None


class BadValue(UsageError):
    """A value that an option or an argument cannot have."""

    def __init__(self, parameter: Parameter, why: str) -> None:
        super().__init__(f"invalid value for {parameter.label}: {why}")


def count(text: str) -> int:
    """Return a number of things to show; ValueError of none."""
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a valid integer range") from None
    if number < 1:
        raise ValueError(f"{number} is not in the range x>=1")
    return number


class Command:
    """A command: the function that does it, and what can be typed after its name.

    Attributes:
        groups: of help that groups options: a heading, then lines with parameters' names.
        is_mixed: whether options may stand between and after arguments.
        takes_any: whether an option that it does not have is one of its arguments.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        groups: Mapping[str, Sequence[Sequence[str]]] | None = None,
        is_mixed: bool = True,
        takes_any: bool = False,
    ) -> None:
        self.name = name
        self.function = function
        self.parameters: list[Parameter] = getattr(function, _DECLARED, [])
        self.groups = groups
        self.is_mixed = is_mixed
        self.takes_any = takes_any
        self.examples: Sequence[str] = ()

    @property
    def options(self) -> list[Parameter]:
        return [one for one in self.parameters if one.words]

    def run(self, args: Sequence[str], session: Session) -> Any:
        """Do what a command line says."""
        values, left = self.parse(args, session)
        if left:
            several = "s" if len(left) > 1 else ""
            raise UsageError(f"got unexpected extra argument{several} ({' '.join(left)})")
        return self.function(session, **values)

    def parse(self, args: Sequence[str], session: Session) -> tuple[dict[str, Any], list[str]]:
        """Return the values of all parameters by name, and the words that are none of them."""
        given, left = _Typed(self, list(args)).split()
        for one in self.parameters:
            if not one.words and left:
                given[one] = list(left) if one.is_list else left[0]
                del left[: len(left) if one.is_list else 1]
        session.typed = {one.name for one in given}
        others = (one for one in self.parameters if one not in given)
        order = [*given, *sorted(others, key=lambda one: one.words != ())]
        values = {}
        for one in sorted(order, key=lambda one: not one.is_eager):
            value = one.value(given.get(one), session)
            if one.is_kept:
                values[one.name] = value
        return values, left


class _Typed:
    """A command line while it is read."""

    def __init__(self, command: Command, words: list[str]) -> None:
        self._command = command
        self._words = words  # that are not read yet
        self._given: dict[Parameter, Any] = {}
        self._left: list[str] = []  # what is not an option
        self._known = {word: one for one in command.options for word in (*one.words, *one.opposite)}

    def split(self) -> tuple[dict[Parameter, Any], list[str]]:
        """Return what each option got, and the other words."""
        while self._words:
            word = self._words.pop(0)
            if word == "--":
                break
            if not _is_option(word):
                self._left.append(word)
                if not self._command.is_mixed:
                    break
            elif word.startswith("--"):
                self._long(word)
            else:
                self._short(word)
        return self._given, self._left + self._words

    def _long(self, typed: str) -> None:
        word, has_value, value = typed.partition("=")
        if word not in self._known:
            if not self._command.takes_any:
                raise NoSuchOption(word, self._command)
            self._left.append(typed)
        elif not self._known[word].is_flag:
            self._words[:0] = [value] if has_value else []
            self._take(word)
        elif has_value:
            raise UsageError(f"option '{word}' does not take a value")
        else:
            self._take(word)

    def _short(self, typed: str) -> None:
        others = ""
        for at, letter in enumerate(typed[1:], 2):
            word = f"-{letter}"
            if word not in self._known:
                if not self._command.takes_any:
                    raise NoSuchOption(word, self._command)
                others += letter
            elif self._known[word].is_flag:
                self._take(word)
            else:
                self._words[:0] = [typed[at:]] if typed[at:] else []
                self._take(word)
                break
        if others:
            self._left.append(f"-{others}")

    def _take(self, word: str) -> None:
        one = self._known[word]
        if one.is_flag:
            value: Any = word not in one.opposite
        elif one.bare is not None and (not self._words or _is_option(self._words[0])):
            value = one.bare
        elif self._words:
            value = self._words.pop(0)
        else:
            raise UsageError(f"option '{word}' requires an argument")
        self._given[one] = [*self._given.get(one, ()), value] if one.is_list else value


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


_DECLARED = "_gms_parameters"
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any] | Command)


def _declare(target: _Decorated, parameter: Parameter) -> _Decorated:
    """Give a command a parameter: the last one, or of a function, which is read upwards, the first.

    It is a decorator's work.
    """
    if isinstance(target, Command):
        target.parameters.append(parameter)
    else:
        target.__dict__.setdefault(_DECLARED, []).insert(0, parameter)
    return target


def command(name: str, **more: Any) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function, which gets the session and the values of its parameters."""
    return lambda function: Command(name, function, **more)


def argument(
    name: str, *, required: bool | None = None, **more: Any
) -> Callable[[_Decorated], _Decorated]:
    """Give a command an argument; it is required unless it has a default or may be several."""
    if required is None:
        required = not ("default" in more or more.get("is_list"))
    return lambda target: _declare(target, Parameter(name, required=required, **more))


def option(
    typed: str, text: str, name: str = "", **more: Any
) -> Callable[[_Decorated], _Decorated]:
    """Give a command an option, written as typed: `-o, --output DIR`; a flag has no word."""
    # A choice has its words in brackets, a repeated option three dots, and `--a/--no-a` is None
    # unless given.
    words = typed.removesuffix("...").replace(",", "").split()
    value = "" if words[-1].startswith("-") or len(words) == 1 else words.pop()
    kind: dict[str, Any] = {"metavar": value, "is_list": typed.endswith("...")}
    if not value:
        kind = {"is_flag": True, "default": None if "/" in typed else False}
    elif value.startswith("[") and "bare" not in more:
        kind["choices"] = value[1:-1].split("|")
    on, *off = words[-1].split("/")
    words = [*words[:-1], on]
    usual = on.lstrip("-").replace("-", "_").lower()
    made = {"opposite": off, "text": text, **kind, **more}
    return lambda target: _declare(target, Parameter(name or usual, words, **made))


def _session_option(
    typed: str, attribute: str, text: str, **more: Any
) -> Callable[[_Decorated], _Decorated]:
    """Give a command an option that sets an attribute of the session where it is given."""

    def remember(session: Session, _: Parameter, value: Any) -> None:
        if value:
            setattr(session, attribute, value)

    return option(typed, text, f"global_{attribute}", callback=remember, is_kept=False, **more)


# Decorators of commands: of one that loads pipelines, and of one that writes commits.
trusting = _session_option(
    "--trust NAME...", "trusted", "trust this class, function or package; repeatable"
)
pushed = option("--push/--no-push", "push to the remote or not (default: the store's setting)")
proposed = option(
    "--propose [BRANCH]",
    "only propose it, on a remote branch to be merged",
    bare="",
    callback=lambda _session, _parameter, branch: False if branch is None else branch or True,
)
signed = option("--sign/--no-sign", "sign the commit or not (default: git's setting)")


def with_global_options(made: Command, entry: CommandEntry | None = None) -> Command:
    """Return a command that takes the global options too; `entry` gives its examples."""
    if any(one.name == "global_path" for one in made.parameters):
        return made
    shown = ("json",) if entry and entry.name in _WITHOUT_STORE else ("path", "json")
    for typed, attribute, text in _OPTIONS:
        _session_option(typed, attribute, text, hidden=attribute not in shown)(made)
    option("-h, --help", "show this help", is_eager=True, callback=_show_help, is_kept=False)(made)
    made.examples = entry.examples if entry else ()
    return made


def refuse(*checks: tuple[object, str]) -> None:
    """Refuse a command line with the message of the first check that holds."""
    for holds, message in checks:
        if holds:
            raise UsageError(message)


def exit_if(answer: object, code: int = 1) -> None:
    """End a command that has printed its result with this exit code if `answer` is true."""
    if answer:
        raise Exit(code)


def as_error(error: UsageError, command: str | None) -> tuple[str, str | None]:
    """Return the message and the hint for a command line of `command` that is not understood."""
    hint = error.hint
    entry = BY_NAME.get(command or "")
    if isinstance(error, NoSuchOption):
        from gitmodelstore.values.names import nearest

        options = error.command.options
        words = [word for one in options for word in (*one.words, *one.opposite)]
        near = nearest(error.word.lstrip("-"), [word[2:] for word in words if word[:2] == "--"])
        hint = instead_of_git(command, error.word) or (
            f"did you mean '--{near}'?" if near else None
        )
    if command == "remote" and isinstance(error, BadValue):
        hint = "`gms remote add NAME URL` adds one; the rest is git's: `git remote remove NAME`"
    if hint is None:
        hint = (
            f"as in `{entry.example}`; see `gms help {entry.name}`" if entry else "see `gms help`"
        )
    return str(error), hint


# Main


_MARGIN = len("error: ")
_SPELLED_OUT = "backslashreplace"
REFUSED, USAGE, CANNOT_WORK, INTERRUPTED, CLOSED_PIPE = 1, 2, 128, 130, 141


def whole_line() -> Command:
    """Return what stands before the name of a command, as if it were a command."""
    whole = with_global_options(Command("", overview, is_mixed=False))
    return option(*_VERSION, is_eager=True, callback=_print_version)(whole)


def command_named(name: str) -> Command | None:
    """Return a command, imported when it is asked for; None if there is none of that name."""
    entry = BY_NAME.get(name)
    if name in CALLED_BY_GIT:
        made: Command = getattr(import_module("gitmodelstore.cli.start"), CALLED_BY_GIT[name])
        return made
    if entry is None:
        return None
    module = import_module(f"gitmodelstore.cli.{entry.module}")
    return with_global_options(getattr(module, entry.function), entry)


class UnknownCommand(UsageError):
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
    if _is_awaited():
        sys.exit(code)
    if sys.stderr is not None:
        sys.stderr.flush()
    os._exit(code)  # tidying up takes Python a quarter as long as starting, and there is nothing


def _is_awaited() -> bool:
    """Whether somebody wants to know of the end of this process, or has not ended yet."""
    threading = sys.modules.get("threading")
    return "atexit" in sys.modules or (threading is not None and threading.active_count() > 1)


def main(args: Sequence[str]) -> int:
    """Run one command line, without the program's name, and return its exit code."""
    if args[:1] == [COMPLETE]:
        code: int = import_module("gitmodelstore.cli.look").complete(args[1:])
        return code
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
    except UsageError as error:
        message, hint = as_error(error, session.command)
        _complain(session, "usage-error", message, hint)
        return USAGE
    except StoreError as error:
        return _refused(error, session)
    except KeyboardInterrupt:
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
    if not args:
        print(overview(session), file=sys.stderr)
        _answer(session, "usage-error", "missing command", "see `gms help`")
        return USAGE
    try:
        with session.meter, OwnCode(session):
            _, words = whole_line().parse(args, session)
            if not words:
                raise UsageError("missing command")
            found = command_named(words[0])
            if found is None:
                raise UnknownCommand(words[0])
            session.command = words[0]
            found.run(words[1:], session)
    except Exit as leaving:
        return leaving.code
    return 0


def _print_version(session: Session, _: Parameter, wanted: bool) -> None:
    if wanted:
        from gitmodelstore import __version__

        if session.json:
            session.document(gitmodelstore=__version__)
        else:
            print(f"gitmodelstore {__version__}")
        raise Exit


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
        # open to the end; Python 3.13 would complain if it had to close it.
        number = sys.stdout.fileno()
        encoding = sys.stdout.encoding
        own = open(  # noqa: SIM115 - it takes the place of sys.stdout
            os.dup(number), "w", encoding=encoding, errors=_SPELLED_OUT, closefd=False
        )
        os.dup2(sys.stderr.fileno(), number)
        sys.stdout = own


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {' '.join(str(message).split())}")


@command("help")
@argument("name", metavar="[COMMAND]", required=False)
@option("--all", "list every command, grouped by purpose", "all_of_them")
def help_(session: Session, /, name: str | None, all_of_them: bool) -> None:
    """List the everyday commands, or show how to use COMMAND."""
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
    made: Any = command_named(entry.name)
    text = help_of(made)
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


# The help of one command


_MOST_COLUMNS = 100  # of help, however wide the terminal is
_MOST_OF_OPTION = 30  # columns
_LEAST_COLUMNS = 20  # for what a usage line says after the name of the command


def _show_help(session: Session, _: Parameter, wanted: bool) -> None:
    if wanted:
        made = command_named(session.command) if session.command else None
        print(help_of(made) if made else overview(session))
        raise Exit


def help_of(made: Command) -> str:
    """Return how to use a command."""
    import inspect

    room = min(columns_of_terminal() or _MOST_COLUMNS, _MOST_COLUMNS)
    pieces = ["[OPTIONS]", *(one.metavar for one in made.parameters if not one.words)]
    lines = [*_usage(f"Usage: gms {made.name} ", " ".join(pieces), room), ""]
    for paragraph in inspect.cleandoc(made.function.__doc__ or "").split("\n\n"):
        lines += [*_wrapped(" ".join(paragraph.split()), room, "  "), ""]
    lines += _grouped(made, room) if made.groups else ["Options:", *_listed(made, room)]
    if made.examples:
        lines += ["", "  Examples:", *(f"    {one}" for one in made.examples)]
    return "\n".join(part for line in lines for part in folded(line, room))


def _usage(start: str, rest: str, room: int) -> Iterator[str]:
    if room >= len(start) + _LEAST_COLUMNS:
        first, *others = _wrapped(rest, room, " " * len(start))
        yield start + first.lstrip()
        yield from others
    else:
        yield start
        yield from _wrapped(rest, room, " " * (len("Usage: ") + 4))


def _wrapped(text: str, room: int, indent: str = "") -> list[str]:
    import textwrap

    room = max(room, len(indent) + 1)
    return textwrap.wrap(text, room, initial_indent=indent, subsequent_indent=indent)


def _listed(made: Command, room: int) -> Iterator[str]:
    """Yield a line, or several, for each option."""
    rows = [("  ", *_row(one)) for one in made.options if not one.hidden]
    return _beside(rows, room, _MOST_OF_OPTION)


def _beside(rows: Sequence[tuple[str, str, str]], room: int, most: int) -> Iterator[str]:
    """Yield how a row starts, names in up to `most` columns, and the text beside or below them."""
    column = min(max(len(names) for _, names, _ in rows), most) + 2
    for start, names, text in rows:
        indent = " " * (len(start) + column)
        first, *others = _wrapped(text, max(room - len(indent), 10))
        if len(names) <= column - 2:
            yield f"{start}{names:<{column}}{first}"
        else:
            yield f"{start}{names}"
            others.insert(0, first)
        yield from (indent + line for line in others)


def _row(one: Parameter) -> tuple[str, str]:
    names = ", ".join(one.words) + (f" / {one.opposite[0]}" if one.opposite else "")
    note = "  [required]" if one.required else "  [x>=1]" if one.kind is count else ""
    return f"{names} {one.metavar}".rstrip(), one.text + note


def _grouped(made: Command, room: int) -> Iterator[str]:
    """Yield a line, or several, for each row of options, behind the heading of its group."""
    records = {one.name: _row(one) for one in made.options}
    groups = (made.groups or {}).items()
    width = max(len(heading) for heading, _ in groups) + 2
    rows = [
        (("" if number else heading).ljust(width), *_joined([records[name] for name in names]))
        for heading, lines in groups
        for number, names in enumerate(lines)
    ]
    return _beside(rows, room, room // 3)


def _joined(records: Iterable[tuple[str, str]]) -> tuple[str, str]:
    names, texts = zip(*records, strict=True)
    return ", ".join(names), "; ".join(text for text in texts if text)


if _COLLECTS:
    gc.enable()


if __name__ == "__main__":  # the module whose classes the commands import is another one
    import_module("gitmodelstore.cli.main").run()
