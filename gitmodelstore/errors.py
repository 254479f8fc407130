"""The errors that gitmodelstore raises: each says what is wrong and what to type next.

Owns every exception class that leaves the package. What an error means to a
shell (its exit status) is decided in `gitmodelstore.cli.main` alone.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import warnings
from collections.abc import Container, Iterable, Sequence

_PACKAGE = os.path.dirname(__file__) + os.sep
_OURS_OR_WITH = (_PACKAGE, contextlib.__file__)
FROM_INTACT = "run `git fsck` to see what is damaged, and fetch from an intact clone"
_COPY_AGAIN = "copy the file again, or write it again with `joblib.dump`"


def visible(text: str) -> str:
    r"""Return text with everything escaped, except newlines, that a terminal would act on or hide.

    Messages quote files, names and other programs, so anybody may have written them.

    >>> visible("churn\x1b[2J\n\u202e")
    'churn\\x1b[2J\n\\u202e'
    """
    if text.isprintable():
        return text
    lines = text.split("\n")  # most of which are as they should be, and there may be many
    return "\n".join(line if line.isprintable() else _spelled(line) for line in lines)


def _spelled(line: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else ascii(c)[1:-1] for c in line)


def html_of(text: str) -> str:
    """Return untrusted text as HTML, with everything escaped that a browser would hide."""
    from html import escape

    return escape(visible(text))


def html_table(
    heads: Sequence[str], rows: Iterable[Iterable[str]], right: Container[int] = ()
) -> str:
    """Return cells, which are HTML already, as a table that needs no style sheet.

    The columns whose numbers are in `right` are right-aligned; if all heads are empty, none
    is shown.
    """

    def row(tag: str, cells: Iterable[str]) -> str:
        sides = ("right" if at in right else "left" for at in itertools.count())
        style = "vertical-align:top;white-space:pre-wrap;text-align"
        styled = (
            f'<{tag} style="{style}:{side}">{cell}</{tag}>'
            for side, cell in zip(sides, cells, strict=False)
        )
        return f"<tr>{''.join(styled)}</tr>"

    head = f"<thead>{row('th', heads)}</thead>" if any(heads) else ""
    body = "".join(row("td", cells) for cells in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>"


def is_theirs(error: BaseException) -> bool:
    """Whether other people's code may have raised it: `sys.exit` and panics, but not Ctrl-C."""
    return not isinstance(error, (KeyboardInterrupt, GeneratorExit)) and not is_of_handler(error)


def is_of_handler(error: BaseException) -> bool:
    """Whether a signal handler raised it, such as one for a timeout."""
    import _signal  # type: ignore[import-not-found]  # in Python itself: no file is read now

    handlers = map(_signal.getsignal, _signal.valid_signals())
    codes = [getattr(handler, "__code__", None) for handler in handlers]
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code not in codes:
        step = step.tb_next
    return step is not None


def is_ours(error: BaseException) -> bool:
    """Whether it is this package's own error, or a warning turned into one.

    Other code may raise our classes too, so the traceback decides.
    """
    if not isinstance(error, StoreError):
        return isinstance(error, Warning)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS_OR_WITH):
        trace = trace.tb_next
    return trace is None


def words_of(error: BaseException) -> str:
    """Return the text of an error; "" if even that fails."""
    try:
        return str(error)
    except Exception as other:  # `__str__` of a class of anybody's may raise anything
        if is_of_handler(other):
            raise
        return ""


def reason_of(error: OSError) -> str:
    """Return what the system says about an error; what a signal handler raised is raised again."""
    if is_of_handler(error):
        raise error
    return (error.strerror or str(error)).lower()


class StoreError(Exception):
    """An error that the caller can act on. Message and hint have no control characters.

    >>> try:
    ...     store.load("churm")
    ... except gms.StoreError as error:
    ...     print(f"{error}; {error.hint}")
    no model 'churm'; did you mean 'churn'?

    Attributes:
        hint: what to type or do next; None if the message says it all.
        code: the name of the class for machines, such as `version-not-found`.
    """

    code = "store-error"

    def __init_subclass__(cls) -> None:
        if not cls.__name__.startswith("_"):  # a private one is told as the class that it is of
            name = "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__)
            cls.code = name.removeprefix("-")

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(visible(message))
        hint = visible(hint) if hint else hint
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")  # seen in notebooks too

    def __reduce__(self) -> tuple[object, ...]:
        """Return what makes it again in another process, whatever its class is made of."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[StoreError], args: tuple[object, ...]) -> StoreError:
    return kind.__new__(kind, *args)


class Sentence(str):
    """What is wrong, in words, with a code for machines.

    Attributes:
        code: the code of the fault, as in `checks.fault`, or of the error.
        hint: what to do about it; None if there is nothing to type.
    """

    code: str
    hint: str | None

    @classmethod
    def of(cls, wrong: StoreError | str, code: str = "", hint: str | None = None) -> Sentence:
        """Return the message of an error, or words under a code of their own."""
        sentence = cls(wrong)
        sentence.code = code or getattr(wrong, "code", "")
        sentence.hint = hint or getattr(wrong, "hint", None)
        return sentence


class CannotWork(StoreError):
    """The store itself cannot be used: absent, unreadable, or of an unknown format."""


def place_in(path: str | None, where: str) -> str:
    """Return a file and a place in it as editors read it: `a.json:3:7`, `a.json: artifacts[0]`."""
    return (":" if where[:1].isdigit() else ": ").join(part for part in (path, where) if part)


# What the caller wrote


class InvalidName(StoreError):
    """A model, status or metric name that the formats do not allow."""


class InvalidVersion(StoreError):
    """Text that is not a SemVer 2.0.0 version that a store accepts."""


class InvalidReference(StoreError):
    """Text that does not follow the reference grammar."""


class InvalidDigest(StoreError):
    """Text that is not `algorithm:hex`."""


class InvalidMetric(StoreError):
    """A metric whose value is not a finite number."""


class InvalidQuery(StoreError):
    """An expression for `search` that is not valid.

    >>> try:
    ...     store.search("metrics.profit >")
    ... except gms.InvalidQuery as error:
    ...     print(error.summary)
    column 17: expected a field or a value, found the end

    Attributes:
        summary: what is wrong, and in which column.
        excerpt: the expression, or the part around the place, and a line with a caret below
            that place; empty if it is about the whole.
        column: where, from 1; None likewise.
        unknown: the first part of a name that no manifest can have; None for other errors.
    """

    def __init__(
        self,
        summary: str,
        excerpt: Iterable[str] = (),
        *,
        column: int | None = None,
        unknown: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.summary = summary
        self.excerpt = tuple(excerpt)
        self.column = column
        self.unknown = unknown
        super().__init__("\n  ".join([summary, *self.excerpt]), hint=hint)


class InvalidInput(StoreError):
    """An argument that is not valid, or cannot be recorded (data, card, custom fields)."""


class PipelineRaised(InvalidInput):
    """An exception that a pipeline raised on rows; it is the cause of this error.

    >>> try:
    ...     store.register(pipeline, "churn", X_test=X_test.astype("str") + "?", y_test=y_test)
    ... except gms.StoreError as error:
    ...     print(type(error).__name__)
    PipelineRaised
    """


class UnfittedPipeline(StoreError):
    """The estimator has not been fitted, so there is nothing to register."""


class UnportablePipeline(StoreError):
    """The pipeline contains objects that no other process could load.

    Attributes:
        names: the offending names, such as `__main__.LogScaler`.
    """

    def __init__(self, message: str, names: Iterable[str], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.names = tuple(names)


class FeatureMismatch(StoreError):
    """The columns of the test data are not those that the pipeline was fitted on."""


class NotAPipeline(StoreError):
    """A file or an object that is not a scikit-learn estimator written by joblib."""


# What the store holds


class ModelNotFound(StoreError):
    """No model of that name."""


class VersionNotFound(StoreError):
    """No version matches the reference."""


class AlreadyExists(StoreError):
    """Something already exists there; it was left alone."""


class VersionExists(AlreadyExists):
    """A version number that was used before, or is below the highest."""


class LifecycleError(StoreError):
    """A change of status that the lifecycle or the store's policy does not allow."""


class GateNotPassed(LifecycleError):
    """A version that does not pass the gate of a status.

    >>> try:
    ...     store.promote("churn@1.0.0", "staging")
    ... except gms.GateNotPassed as error:
    ...     print(*error.conditions)
    failed: accuracy is 0.85, must be >= 0.86

    Attributes:
        summary: which version, and which gate.
        conditions: every condition, met or not, as a line with its value and its bound.
        unmet: how many of them are not met.
    """

    def __init__(
        self, summary: str, conditions: Iterable[str], *, unmet: int, hint: str | None = None
    ) -> None:
        self.summary = summary
        self.conditions = tuple(conditions)
        self.unmet = unmet
        super().__init__("\n  ".join([summary, *self.conditions]), hint=hint)

    def _repr_html_(self) -> str:
        outcomes = (line.partition(": ") for line in self.conditions)
        rows = (map(html_of, (word, what)) for word, _, what in outcomes)
        hint = f"<div>hint: {html_of(self.hint)}</div>" if self.hint else ""
        return f"<div><strong>{html_of(self.summary)}</strong></div>{html_table((), rows)}{hint}"


class RollbackError(StoreError):
    """No version to go back to exists, or the one named cannot be used."""


class BisectionError(StoreError):
    """A search for the first bad version that cannot start, or had to stop."""


class LocalChanges(StoreError):
    """Uncommitted work, or an operation of git in progress, is in the way."""


class StoreBusy(StoreError):
    """Another writer held the store for longer than the caller was willing to wait."""


class MergeConflict(StoreError):
    """Two histories of the store whose changes conflict.

    Attributes:
        clashes: each conflict as "model version: what each side did".
    """

    def __init__(self, message: str, clashes: Iterable[str], *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.clashes = tuple(clashes)


class RemoteRefused(StoreError):
    """A hook or a rule of the host refused a push, or its branch was reset.

    Attributes:
        lines: what the host printed.
    """

    def __init__(self, message: str, lines: Iterable[str] = (), *, hint: str | None = None) -> None:
        self.lines = tuple(lines)
        super().__init__("\n  ".join([message, *self.lines]), hint=hint)


class CannotReproduce(StoreError):
    """A version that cannot be trained again here: no code at hand, or a command that failed.

    >>> try:
    ...     store.reproduce("churn@1.2.0", ("python", "train.py"))
    ... except gms.CannotReproduce as error:
    ...     print(error)
    churn 1.2.0 records no training repository
    """


# What is on disk


class FormatError(StoreError):
    """A file of the store that does not follow its format.

    Attributes:
        path: the file, such as `models/churn/manifest.json`; None if unknown.
        found: every fault, as the place in the file (`artifacts[0].sha256`, `3:7` for line and
            column, empty for the whole file) and what is wrong.
    """

    def __init__(
        self,
        what: str = "",
        *,
        path: str | None = None,
        where: str = "",
        found: Iterable[tuple[str, str]] = (),
        hint: str | None = None,
    ) -> None:
        self.path = path
        self.found = tuple(found) or ((where, what),)
        where, what = self.found[0]
        first = ": ".join(part for part in (place_in(path, where), what) if part)
        more = f" (and {len(self.found) - 1} more)" if len(self.found) > 1 else ""
        super().__init__(f"{first}{more}", hint=hint)

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault found, each as "where: what"."""
        return tuple(": ".join(part for part in pair if part) for pair in self.found)


class IntegrityError(StoreError):
    """Bytes that are not the ones that were released.

    >>> folder = store.download("churn@1.1.0")
    >>> written = (folder / "pipeline.joblib").write_bytes(b"something else")
    >>> try:
    ...     gms.load_model(folder)
    ... except gms.IntegrityError as error:
    ...     print(error)
    'churn-1.1.0/pipeline.joblib' is not the file that was released

    Attributes:
        path: the file that differs, such as `models/churn/pipeline.joblib`.
    """

    def __init__(self, message: str, *, path: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class LockError(StoreError):
    """A lock file that is missing, or does not match the store.

    >>> try:
    ...     store.sync("modelstore.lock.json")
    ... except gms.LockError as error:
    ...     print(error)
    'modelstore.lock.json' cannot be read: no such file or directory
    """


class MissingObject(StoreError):
    """An object that the history names is not on this machine."""


class NotFetched(MissingObject, CannotWork):
    """A file that a clone has not fetched, from a remote that cannot be reached now."""


def not_fetched(path: str, error: RemoteUnreachable, *, others: int = 0) -> NotFetched:
    """Return the error for a file, and others, still to be fetched; `path` says what it is."""
    files = f"{path} and {others} more were" if others else f"{path} was"
    return NotFetched(
        f"{files} not fetched yet, and {error}",
        hint="try again online; `gms clone --full URL` fetches everything at once",
    )


def lacking(path: str, oid: object) -> MissingObject:
    """Return the error for an object that is not here; `path` says what it is."""
    return MissingObject(
        f"{path}: object {oid} is not in this repository",
        hint="run `git fsck` to see what is missing, and fetch from a complete clone",
    )


def damaged(path: str, what: object) -> IntegrityError:
    """Return the error for an object that cannot be read; `path` says what it is."""
    return IntegrityError(f"{path}: damaged: {what}", path=path, hint=FROM_INTACT)


class LoadError(StoreError):
    """Verified bytes that could not be turned into a pipeline here."""


class BrokenPipelineFile(LoadError):
    """A joblib file that cannot be read to its end, damaged or crafted.

    Attributes:
        reason: what is wrong.
        offset: where, in the decompressed bytes.
        refusals: the reasons not to load it that were found before that place.
    """

    def __init__(
        self, name: str, reason: str, *, offset: int, refusals: Iterable[str] = ()
    ) -> None:
        super().__init__(f"'{name}' cannot be read: {reason} (at {offset})", hint=_COPY_AGAIN)
        self.reason = reason
        self.offset = offset
        self.refusals = tuple(refusals)


class RefusedPickle(LoadError):
    """A pickle that would do something that no pipeline needs; none of it was run.

    >>> joblib.dump(make_pipeline(print), "stolen.joblib")[0]
    'stolen.joblib'
    >>> try:
    ...     store.register("stolen.joblib", "churn")
    ... except gms.RefusedPickle as error:
    ...     print(error.name)
    builtins.print

    Attributes:
        name: the global that it wanted, such as "os.system"; None if it is not about one.
        opcode: the opcode at which it was stopped; None if it is about the whole file.
        offset: the place of that opcode in the (decompressed) file, in bytes; or None.
        needs_trust: the names that the reader would have to trust; empty if that would not help.
    """

    def __init__(
        self,
        message: str,
        *,
        name: str | None = None,
        opcode: str | None = None,
        offset: int | None = None,
        hint: str | None = None,
        needs_trust: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.opcode = opcode
        self.offset = offset
        self.needs_trust = needs_trust


class OtherVersionsNeeded(LoadError):
    """Undamaged bytes that the library versions here cannot read, because others wrote them.

    Attributes:
        differences: what differs, each as "numpy 2.4.6, here 1.26.4".
    """

    def __init__(self, message: str, *, hint: str, differences: Iterable[str]) -> None:
        super().__init__(message, hint=hint)
        self.differences = tuple(differences)


class EnvironmentDiffers(LoadError):
    """What is installed here differs from training, and the caller asked for no difference."""


class StoreWarning(UserWarning):
    """The call has succeeded, but something needs your attention; other notes are logged.

    It is the base of every warning of this package.

    >>> import warnings
    >>> warnings.simplefilter("error", gms.StoreWarning)
    """


def warn_user(warning: StoreWarning) -> None:
    """Show a warning at the line outside this package that led to it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(warning, stacklevel=level)


class WithdrawnWarning(StoreWarning):
    """The loaded version was withdrawn, because somebody found it to be bad."""


class EnvironmentWarning(StoreWarning):
    """What is installed here is not what a version was trained with; it was loaded anyway.

    >>> import warnings
    >>> warnings.simplefilter("error", gms.EnvironmentWarning)  # or load(…, environment="exact")
    """


class ClockWarning(StoreWarning):
    """The clock is before the store's last commit, so the new commit gets the date of that one."""


class BehindWarning(StoreWarning):
    """The branch lacks versions that have tags; the answer is from what it has."""


class StaleWarning(StoreWarning):
    """A store that is named by its URL cannot be reached; the answer is from the last fetch."""


class UnreadWarning(StoreWarning):
    """Something could not be read and is missing from an answer."""


# What is around the store


class NotAStore(CannotWork):
    """There is no store, or the repository is not one."""


class UnsupportedRepository(CannotWork):
    """A git repository in a format that libgit2 cannot open."""


class CorruptStore(CannotWork):
    """registry.json, modelstore.toml or the branch itself cannot be read.

    Attributes:
        faults: everything that is wrong with the file, as in FormatError; otherwise empty.
    """

    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: FormatError, hint: str | None) -> CorruptStore:
        """Return the error for a store with a file that breaks its format."""
        made = cls(str(error), hint=hint)
        made.faults = error.faults
        return made


class NoIdentity(CannotWork):
    """git does not know who is writing."""


class SignatureError(CannotWork):
    """A signature that could not be made, or something needed to verify signatures is missing.

    >>> try:
    ...     store.verify(signatures=True)
    ... except gms.SignatureError as error:
    ...     print(error)
    no allowed signers are known: gpg.ssh.allowedSignersFile is not set
    """


class DamagedIndex(Exception):
    """What follows from the history is not kept as it was written: it has to be read again."""


class BusyIndex(DamagedIndex):
    """Somebody is writing it."""


class GitFailed(CannotWork):
    """A git process, or libgit2, failed for another reason.

    Attributes:
        command: the git command line, empty for libgit2.
        stderr: what git printed.
    """

    def __init__(
        self, message: str, *, command: str = "", stderr: str = "", hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.command = command
        self.stderr = stderr


class RemoteUnreachable(GitFailed):
    """A remote could not be reached: no network, no rights, or the connection was lost."""


class CannotWrite(CannotWork):
    """The disk is full, read-only, or cannot be written to for another reason."""


class CannotRead(CannotWork):
    """The system does not let this process open a file: no rights, or too many open files."""
