"""One run of a command: the global options, the store that they name, where output goes."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.machinery import ModuleSpec
from types import FrameType

from gitmodelstore.errors import GitFailed, Sentence, StoreError, visible
from gitmodelstore.lean import TYPE_CHECKING, Any, Self, TypeVar
from gitmodelstore.values.tables import (
    MARK,
    OURS,
    RETURN,
    Paint,
    Part,
    cut,
    lines_of,
    size,
    width,
)

if TYPE_CHECKING:
    from gitmodelstore.store import Store

# What reaches the screen: our colours, as git decides on them, and nobody else's.


_NEVER = ("false", "never", "no", "off", "0")


def shown(text: str) -> str:
    """Return text fit for a screen: our own control sequences, all others escaped."""
    if text.isprintable() or text == "\n":
        return text
    parts = OURS.split(text)
    for at in range(0, len(parts), 3):
        parts[at] = visible(parts[at])
        if at:
            code = parts[at - 1]
            parts[at - 2 : at] = ["\r" if code is None else f"\x1b[{code}m", ""]
    return "".join(parts)


class Screen:
    """A stream of text to which only `shown` text is written."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(shown(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def on_screen() -> Iterator[None]:
    """Let what is printed meanwhile go through a `Screen`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Screen(stream) if stream else stream for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def folded(line: str, room: int | None) -> Iterator[str]:
    """Yield a line broken between words into lines of `room` columns; None has room for all."""
    # A command in backticks stays on one line where one has room for it, so that it can be copied.
    if room is None or width(plain := OURS.sub("", line)) <= room:
        yield line
        return
    own = len(plain) - len(plain.lstrip(" "))
    indent = " " * min(own + 2, room // 2)
    fresh = ""
    for word in _words(line, room - len(indent)):
        if fresh.strip() and width(OURS.sub("", fresh + word)) > room:
            yield fresh
            fresh, word = indent, word.lstrip(" ")
        fresh += word
        while width(OURS.sub("", fresh)) > room:  # one word, wider than the terminal
            head = _head(fresh, room)
            yield head
            fresh = indent + fresh[len(head) :]
    yield fresh


def _words(line: str, room: int) -> Iterator[str]:
    """Yield the words of a line, each with the spaces before it."""
    for word in re.findall(r" *(?:[^ `]*`[^`]*`[^ ]*|[^ ]+)", line):
        if width(OURS.sub("", word).lstrip(" ")) <= room:
            yield word
        else:
            yield from re.findall(r" *[^ ]+", word)


def say(text: str) -> None:
    """Print lines on stderr, folded where the terminal is narrower."""
    room = columns_of_terminal(sys.stderr)
    for line in text.split("\n"):
        for part in folded(line, room):
            print(part, file=sys.stderr)


PIPELINE_FILES = (".joblib", ".pkl", ".pickle")  # no reference to a version ends so


def _head(text: str, room: int) -> str:
    """Return as much of the beginning as fits into `room` columns, at least one character."""
    taken, end = 0, 0
    for match in re.finditer(rf"{OURS.pattern}|.", text, re.DOTALL):
        taken += 0 if match[0].startswith(MARK) else width(match[0])
        if taken > room and end:
            break
        end = match.end()
    return text[:end]


def wants_color(stream: Any, setting: Callable[[str], str | None] | None) -> bool:
    """Say whether text on `stream` is to be coloured; `setting` reads git's configuration."""
    # Source: color.ui in `git help config`; https://no-color.org.
    if os.environ.get("NO_COLOR"):
        return False
    is_terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    if setting is None and not is_terminal:
        return False
    wish = (setting("color.ui") if setting else _asked_of_git()) or "auto"
    if wish.lower() == "always":
        return True
    return is_terminal and wish.lower() not in _NEVER


def _asked_of_git() -> str | None:
    from pathlib import Path

    from gitmodelstore.plumbing import git

    try:
        return git.run("config", "--get", "color.ui", cwd=Path()).decode().strip()
    except GitFailed:  # not set
        return None


def columns_of_terminal(stream: Any = None) -> int | None:
    """Return the width of the terminal; None if `stream`, or stdout, is not one."""
    stream = sys.stdout if stream is None else stream
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if stream is None or not stream.isatty():
        return None
    return os.get_terminal_size(stream.fileno()).columns or None


# Long output goes through the pager that git would use, and only on a terminal.


def _pager() -> str | None:
    """Return the command line of the pager; None if output goes nowhere that needs one."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from pathlib import Path

    from gitmodelstore.plumbing import git

    try:  # of no repository: what the one around here names is not run
        pager = git.run("var", "GIT_PAGER", cwd=Path(os.sep)).decode().strip()
    except GitFailed:
        return None
    return None if pager in ("", "cat") else pager


def _through(pager: str, lines: Iterable[str]) -> None:
    """Start the pager as git does: by the shell, and with the options that less and lv want."""
    import subprocess

    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    sys.stdout.flush()
    process = subprocess.Popen(
        ["sh", "-c", pager], stdin=subprocess.PIPE, env=environment, text=True, errors="replace"
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    try:
        with suppress(BrokenPipeError):  # the reader has seen enough
            for line in lines:
                process.stdin.write(shown(line) + "\n")
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        while process.returncode is None:
            with suppress(KeyboardInterrupt):  # which is for the pager, as under git
                process.wait()


# How far long work is, in git's manner: one line on the standard error of a terminal.


_DELAY_SECONDS = 1.0
_PAUSE_SECONDS = 0.2
_MOST_NAME = 40  # columns


class Meter:
    """The line, as `Store` is given it to call; as a context it ends the line on the way out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._what: str | None = None  # is being read
        self._begun = self._shown = 0.0
        self._width = 0  # of the line that stands there; 0 when none does

    def __call__(self, what: str, done_bytes: int, total_bytes: int) -> None:
        if self._session.quiet or sys.stderr is None or not sys.stderr.isatty():
            return
        now = time.monotonic()
        if what != self._what:
            self.end()
            self._what, self._begun, self._shown = what, now, now
        is_done = done_bytes >= total_bytes
        if now - self._begun >= _DELAY_SECONDS and (
            now - self._shown >= _PAUSE_SECONDS or (is_done and self._width)
        ):
            self._show(done_bytes, total_bytes, now, ", done." if is_done else "")
        if is_done:
            self.end()

    def line(self, text: str) -> None:
        """Show a line of git's own meter, over the one before it that says the same."""
        text = visible(text)
        what = text.partition(":")[0]
        if what != self._what:
            self.end()
        self._what = what
        self._write(cut(text, (columns_of_terminal(sys.stderr) or 80) - 1))
        if text.endswith("."):  # "done.", "completed with 2 local objects."
            self.end()

    def end(self) -> None:
        """Keep the current line, so that something else can be printed below it."""
        if self._width:
            print(file=sys.stderr, flush=True)
        self._what, self._width = None, 0

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.end()

    def _show(self, done_bytes: int, total_bytes: int, now: float, ending: str) -> None:
        name = cut(visible(self._what or ""), _MOST_NAME)
        share = 100 * done_bytes // max(total_bytes, 1)
        speed = size(int(done_bytes / (now - self._begun)))
        line = f"Reading {name}: {share:3}% ({size(done_bytes)}/{size(total_bytes)}), {speed}/s"
        self._write(line + ending)
        self._shown = now

    def _write(self, line: str) -> None:
        padding = " " * (self._width - len(line))  # over what is left of a longer line
        self._width = len(line)  # first: Ctrl-C may come while it is printed
        print(f"{RETURN}{line}{padding}", end="", file=sys.stderr, flush=True)


# Session


NO_CACHE = "GITMODELSTORE_NO_CACHE"


T = TypeVar("T")


class Session:
    """What every command needs of its surroundings."""

    def __init__(self) -> None:
        self.path: str | None = None  # what -C named
        self.json = False  # print one JSON document instead of text
        self.answered = False  # that has been printed
        self._stdout = sys.stdout  # in which a document stands alone
        self.plain = False  # --no-color was given
        self.quiet = False  # leave out notes
        self.verbose = False  # show the traceback of what was raised below an error
        self.no_cache = False  # keep out of the user's cache: every load is judged anew
        self.trusted: tuple[str, ...] = ()  # what --trust named
        self.dates: Callable[[datetime], str] | None = None  # how --date shows them
        self.command: str | None = None  # the one that runs, once it is found
        self.typed: set[str] = set()  # names of the parameters that are on the command line
        self.meter = Meter(self)  # says on a terminal how far long work is
        self._store: Store | None = None

    def place(self) -> str | None:
        """Return the path that names the store, None for the one around; a URL names a clone."""
        from gitmodelstore.plumbing.files import is_elsewhere, named_store

        return str(self.store().path) if is_elsewhere(self.path or named_store()) else self.path

    def store(self) -> Store:
        """Return the store that is meant, opened once."""
        if self._store is None:
            from gitmodelstore.store import Store

            settings: dict[str, Any] = {
                "notify": self.note,
                "now": self._moment(),
                "trusted": self.trusted,
                "cache": not (self.no_cache or os.environ.get(NO_CACHE)),
                "progress": self.meter,
                "meter": self.git_meter(),
            }
            self._store = Store.open(self.path, **settings)
        return self._store

    def git_meter(self) -> Callable[[str], None] | None:
        """Return what shows the lines of git's own meter; None if they stay hidden."""
        is_seen = sys.stderr is not None and sys.stderr.isatty() and not (self.quiet or self.json)
        return self.meter.line if is_seen else None

    def _moment(self) -> Callable[[], datetime] | None:
        """Return a function for the date of a commit if git was given one; None otherwise."""
        if "GIT_COMMITTER_DATE" not in os.environ:
            return None
        from gitmodelstore.plumbing.signing import read_identity

        return lambda: read_identity(self.store().path)[1]

    # Output

    def out(self, text: str) -> None:
        """Print one line of data as it is: a path, a name."""
        self.meter.end()
        print(text)

    def tell(self, text: str) -> None:
        """Print one line for people, folded where the terminal is narrower."""
        self.meter.end()
        for line in folded(text, columns_of_terminal()):
            print(line)

    def document(self, value: Any = None, **more: Any) -> None:
        """Print the one JSON document of a command: a value of ours, and more."""
        from gitmodelstore.values.json import spelled

        self._print_json([spelled({**(document(value) or {}), **document(more)})])

    def documents(
        self, key: str, values: Sequence[T], spell: Callable[[T], Any], **more: Any
    ) -> None:
        """Print the same with a list of many values at its end, as `spell` has each, in turn."""
        from gitmodelstore.values.json import spelled

        def parts() -> Iterator[str]:
            yield f'{spelled(document(more)).removesuffix(end)},\n  "{key}": ['
            for number, value in enumerate(values):
                yield f"{',' if number else ''}{inner}{spelled(spell(value), inner)}"
            yield f"{outer if values else ''}]{end}"

        end, outer, inner = "\n}", "\n  ", "\n    "
        self._print_json(parts())

    def _print_json(self, parts: Iterable[str]) -> None:
        self.answered = True
        for part in parts:
            lines = part.split("\n")
            shown = (line if line.isprintable() else _escaped(line) for line in lines)
            if self._stdout is not None:
                self._stdout.write("\n".join(shown))
        if self._stdout is not None:
            print(file=self._stdout)

    def answer(
        self, page: Iterable[Part], value: Any = None, *, paged: bool = False, **more: Any
    ) -> None:
        """Print the JSON document of a value of ours and more, or a page for people."""
        if self.json:
            self.document(value, **more)
        elif paged:
            self.pages(page)
        else:
            for line in lines_of(page, columns_of_terminal()):
                self.tell(line)

    def note(self, text: str) -> None:
        """Say something besides the result, unless -q was given."""
        self.meter.end()
        if not self.quiet:
            say(f"note: {text}")

    def warn(self, text: str) -> None:
        """Say that something is wrong though the command could do its work."""
        self.meter.end()
        mark = Paint(self.colored(sys.stderr)).yellow("warning:")
        say(f"{mark} {text}")

    def paint(self) -> Paint:
        """Return how to colour what goes to stdout."""
        return Paint(self.colored(sys.stdout), columns_of_terminal(), self.dates)

    def colored(self, stream: Any) -> bool:
        if self.plain:
            return False
        return wants_color(stream, self._store.setting if self._store else None)

    def pages(self, page: Iterable[Part]) -> None:
        """Print a page, each line as it comes, through git's pager if it goes to a terminal."""
        room = columns_of_terminal()
        lines = (part for line in lines_of(page, room) for part in folded(line, room))
        pager = _pager()
        if pager is None:
            for line in lines:
                print(line)
        else:
            _through(pager, lines)


# The last place where a command looks for a module: the project that it runs in.


_IMPORTING = ("importlib", "_frozen_importlib", "_frozen_importlib_external")


class OwnCode:
    """A last finder of modules: what the user trusts by name, and what those modules import."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[str, ...], frozenset[str]] = {}
        self._brought: set[str] = set()
        self._is_busy = False

    def __enter__(self) -> Self:
        sys.meta_path.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a module of the top level is; see `importlib.abc.MetaPathFinder`."""
        if path is not None or self._is_busy:
            return None
        self._is_busy = True  # what is imported to find it is not looked for in this way
        try:
            return self._find(name, sys._getframe(1))
        finally:
            self._is_busy = False

    def _find(self, name: str, asking: FrameType) -> ModuleSpec | None:
        if name == "org":  # which `copy` and `pickle` of the standard library look for
            return None
        from pathlib import Path

        from gitmodelstore.operations.trust import find

        if name not in self._trusted() and _module(asking) not in self._brought:
            return None
        try:
            spec = find(name, Path())
        except OSError:  # of a folder that is gone: nothing is imported from it
            return None
        if spec is not None:
            self._brought.add(name)
        return spec

    def _trusted(self) -> frozenset[str]:
        """Return the modules that the user trusts here; nothing where no one can tell."""
        from pathlib import Path

        from gitmodelstore.operations.trust import trusted_modules

        names = self._session.trusted  # not known before the command line is read
        if names not in self._known:
            try:
                self._known[names] = trusted_modules(names, Path())
            except (OSError, StoreError):  # which whoever loads a pipeline is told
                self._known[names] = frozenset()
        return self._known[names]


def _module(frame: FrameType | None) -> str:
    """Return the module of the top level that imports something, the machinery left out."""
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "").partition(".")[0]
        if module not in _IMPORTING:
            return module
        frame = frame.f_back
    return ""


# What `--json` prints of our values: one encoder, and the names that differ from ours.


UNREADABLE = "unreadable"  # the code of what only a sentence is known of
_AS_TEXT = ("Version", "Digest")
_PERSONS = ("author", "who", "back_by")
_FAULTS = ("fault", "faults")  # a sentence or None; sentences, or faults of a check

_NULL_WHEN_EMPTY = ("code", "message")
OF_A_VERSION = ("model", "version", "status", "ref", "tag", "commit")

# What documents call an attribute, whatever it is of.
_EVERYWHERE = {"who": "by", "when": "at", "clock": "dated_at", "fault": "faults"}
# The same of one class. None leaves an attribute out, "" puts its own keys in its place, and a
# property is added.
_OF_CLASS: dict[str, dict[str, str | None]] = {
    "ModelVersion": {"ref": "ref", "tag": "tag", "needs_trust": None, "proposal": None},
    "Match": {"ref": "ref", "tag": "tag", "needs_trust": None, "proposal": None},
    "Event": {"why": "reason", "proposal": None},
    "Approval": {"why": "reason", "model": None, "version": None, "signed": None},
    "Annotation": {"why": "reason", "key": None},
    "Holding": {"why": "reason", "commit": "since_commit"},
    "Shared": {
        "sent": "sent_count",
        "received": "received_count",
        "ahead": "ahead_count",
        "tries": "try_count",
    },
    "Withdrawal": {"why": "reason", "back_why": "back_reason"},
    "ModelSummary": {"versions": "version_count"},
    "FieldChange": {"when": "created_at", "who": "author"},
    "Fault": {"what": "message", "mend": "hint"},
    "Dataset": {"version": "dataset_version", "role": None, "columns": None},
    "Difference": {"package": "name"},
    "Synced": {"what": "outcome"},
    "Verified": {"files": "file_count", "is_sound": "sound"},
    "Verification": {"is_sound": "sound"},
    "Signature": {"outcome": ""},
    "Outcome": {"is_valid": "valid", "why": "message"},
    "Replay": {
        "comparisons": "methods",
        "outcome": "outcome",
        "largest_absolute": "largest_absolute",
        "largest_relative": "largest_relative",
    },
    "Comparison": {"rows": "differences"},
    "Retested": {"is_same": "same"},
    "DataVerified": {"role": "role", "is_same": "same", "why": "why"},
    "Reproduction": {
        "ran": None,
        "answers": "replay",
        "is_reproduced": "reproduced",
        "reasons": "sections",
    },
    "MetricResult": {"delta": "delta"},
    "Side": {
        **dict.fromkeys(("pipeline", "features", "target", "metrics", "baseline", "data")),
        **dict.fromkeys(("code", "environment", "files")),
    },
    "EnvironmentReport": {"recorded": None, "matches": "matches"},
    "Diff": {"unasked": "answers_why", "differs": "differs", "sections": "sections"},
    "MetricChange": {"delta": "delta"},
    "AnswerChange": {"rows": "different_rows", "largest": "largest_absolute"},
    "Answers": {"recorded": "as_recorded"},
    "CodeChange": {"files": "sources"},
    "Bisection": {"good": "last_good"},
    "Audit": {
        "head": "commit",
        "events": "event_count",
        "versions": "version_count",
        "unverified": "signatures_unverified",
    },
    "Site": {
        "head": "commit",
        "written": "written_count",
        "unchanged": "unchanged_count",
        "removed": "removed_count",
    },
    "Diagnosis": {"is_sound": "sound"},
    "Refusal": {"reason": "message", "name": "global"},
    "PipelinePart": {"class_name": "class"},
    "Array": {"fortran": None, "content": None, "code": None, "data": None},
}

_PLANS: dict[Any, tuple[tuple[str, str], ...]] = {}  # by class


def _escaped(line: str) -> str:
    import json

    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def document(value: Any) -> Any:
    """Return a value of ours as plain JSON; "nan" and "inf" are text there."""
    if isinstance(value, Sentence):
        return _fault(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        from gitmodelstore.values.names import format_moment

        return format_moment(value)
    if isinstance(value, os.PathLike) or type(value).__name__ in _AS_TEXT:
        return str(value)
    if isinstance(value, Mapping):
        made = {str(key): document(item) for key, item in value.items()}
        if type(value.get("version")).__name__ == "ModelVersion":
            made |= made["version"]
        return made
    if not hasattr(value, "__match_args__"):
        return [document(item) for item in value]
    name = type(value).__name__
    if name == "Fault":
        return _fault(value)
    if hasattr(value, "FIELDS") and name not in _OF_CLASS:  # as the store's own files have it
        from gitmodelstore.values.fields import write

        declared: Any = value
        return write(declared)
    return _object(value)


def _object(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for attribute, key in _plan(type(value)):
        item = getattr(value, attribute)
        if key == "version" and (item is None or type(item).__name__ == "ModelVersion"):
            made |= dict.fromkeys(OF_A_VERSION) if item is None else document(item)
        elif not key:
            made |= document(item)
        elif attribute in _PERSONS and isinstance(item, str):
            made[key] = person(item)
        elif attribute in _FAULTS:
            made[key] = faults(item)
        elif attribute == "annotations":
            made[key] = dict(item)
        else:
            made[key] = None if item == "" and key in _NULL_WHEN_EMPTY else document(item)
    return made


def _plan(kind: Any) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a class that its document has, each with its key."""
    if kind not in _PLANS:
        own = _OF_CLASS.get(kind.__name__, {})
        fields = getattr(kind, "__own_fields__", None) or kind.__dataclass_fields__
        names = [*fields, *own]
        keys = {name: own.get(name, _EVERYWHERE.get(name, name)) for name in names}
        _PLANS[kind] = tuple((name, key) for name, key in keys.items() if key is not None)
    return _PLANS[kind]


def person(who: str | None) -> dict[str, str | None] | None:
    """Return who "Name <email>" is; None is nobody, and what it lacks is null.

    >>> person("Ada Lovelace <ada@example.org>")
    {'name': 'Ada Lovelace', 'email': 'ada@example.org'}
    """
    if who is None:
        return None
    name, _, address = who.rpartition("<") if who.endswith(">") else (who, "", "")
    return {"name": name.strip() or None, "email": address.removesuffix(">") or None}


def faults(wrong: Any) -> list[dict[str, Any]]:
    """Return what is wrong: sentences, faults of a check, a single one; nothing for None."""
    if wrong is None:
        return []
    return [_fault(one) for one in ([wrong] if isinstance(wrong, str) else wrong)]


def _fault(wrong: Any) -> dict[str, Any]:
    if isinstance(wrong, str):
        code, hint = getattr(wrong, "code", UNREADABLE), getattr(wrong, "hint", None)
        message = str(wrong).removesuffix(f" [{code}]")
        wrong = {"code": code, "message": message, "hint": hint or None}
    else:
        wrong = {key: value or None for key, value in _object(wrong).items()}
    keys = ("code", "message", "path", "where", "commit", "hint")
    return {key: wrong.get(key) for key in keys}
