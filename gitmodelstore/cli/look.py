"""Commands that look at the store: list, show, log, which, search; and what shells complete."""
# A command line that is not understood costs what stands here.

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, islice

from gitmodelstore.cli.commands import COMMANDS
from gitmodelstore.cli.main import (
    Command,
    Parameter,
    UnknownCommand,
    argument,
    command,
    command_named,
    count,
    exit_if,
    option,
    whole_line,
)
from gitmodelstore.cli.session import Session, document, faults, person
from gitmodelstore.errors import StoreError
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values import tables
from gitmodelstore.values.tables import (
    counted,
    visible,
)

if TYPE_CHECKING:
    from gitmodelstore.operations.resolve import Listed
    from gitmodelstore.store import Store
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import ModelSummary, Unread


_DATES = {  # git's, as a function of the moment in the zone in which it is shown
    "default": "%a %b {0.day} %H:%M:%S %Y %z",
    "iso": "%Y-%m-%d %H:%M:%S %z",
    "iso-strict": "%Y-%m-%dT%H:%M:%S{1}",
    "rfc": "%a, {0.day} %b %Y %H:%M:%S %z",
    "short": "%Y-%m-%d",
    "unix": "{2}",
    "raw": "{2} %z",
}
_DATES |= {"iso8601": _DATES["iso"], "iso8601-strict": _DATES["iso-strict"]}
_DATES |= {"rfc2822": _DATES["rfc"]}


def date_style(text: str) -> Callable[[datetime], str]:
    """Return what shows a moment as git's --date=TEXT does; ValueError if git has none such."""
    name, separator, form = text.partition(":")
    is_local = name == "local" or name.endswith("-local")
    name = "default" if name == "local" else name.removesuffix("-local")
    kinds = {*_DATES, "format", "human", "relative"}
    if (name == "format") != bool(separator) or name not in kinds:
        known = "relative, local, human, iso, short, rfc, unix, format:…"
        raise ValueError(f"{text!r} is not one of {known}")

    def shown(when: datetime) -> str:
        from datetime import timezone

        when = when.astimezone(None if is_local else timezone.utc)
        if name == "relative":
            return _ago(int((datetime.now(timezone.utc) - when).total_seconds()))
        if name == "human":
            return _human(when, datetime.now(timezone.utc).astimezone(), is_local)
        if name == "format":
            return when.strftime(form)
        pattern = _DATES[name]
        if name == "default" and is_local:
            pattern = pattern.removesuffix(" %z")
        zone = when.strftime("%z")
        return when.strftime(pattern.format(when, f"{zone[:3]}:{zone[3:]}", int(when.timestamp())))

    return shown


def _human(when: datetime, now: datetime, is_local: bool) -> str:
    """Return a moment without what goes without saying at another."""
    # Source: show_date_normal in date.c of git.
    if when.year != now.year:
        return when.strftime(f"%b {when.day} %Y")
    days = now.day - when.day if when.month == now.month else -1
    if days == 0:
        return _ago(int((now - when).total_seconds()))
    if not 0 < days < 5:
        return when.strftime(f"%a %b {when.day} %H:%M")
    is_known = is_local or when.utcoffset() == now.utcoffset()
    return when.strftime("%a %H:%M" if is_known else "%a %H:%M %z")


def _ago(seconds: int) -> str:
    """Return how long ago that is, in the words of git and with its rounding."""
    # Source: show_date_relative in date.c of git.
    if seconds < 0:
        return "in the future"
    minutes = (seconds + 30) // 60
    hours = (minutes + 30) // 60
    days = (hours + 12) // 24
    months = (days * 24 + 365) // (365 * 2)
    steps = (
        (seconds < 90, seconds, "second"),
        (minutes < 90, minutes, "minute"),
        (hours < 36, hours, "hour"),
        (days < 14, days, "day"),
        (days < 70, (days + 3) // 7, "week"),
        (days < 365, (days + 15) // 30, "month"),
        (days >= 1825, (days + 183) // 365, "year"),
    )
    for holds, number, noun in steps:
        if holds:
            return f"{counted(number, noun)} ago"
    years, left = divmod(months, 12)
    more = f", {counted(left, 'month')}" if left else ""
    return f"{counted(years, 'year')}{more} ago"


def _remember_dates(session: Session, _: Parameter, style: Any) -> None:
    session.dates = style


dated = option(
    "--date FORMAT",
    "show dates as git does: relative, local, iso, short, format:%d.%m.%Y, …",
    "dates",
    kind=date_style,
    callback=_remember_dates,
    is_kept=False,
)


@command("list")
@argument("name", required=False)
@option("-n N", "list at most N", "count", kind=count)
@option("--metric NAME...", "show this metric, and its trend in each model; repeatable", "metrics")
@dated
def list_(session: Session, name: str | None, count: int | None, metrics: Sequence[str]) -> None:
    """List the models in the store, or the versions of the model NAME, highest first.

    With --metric, the list of models has the metric of the version in production, and how it
    went from the lowest version to the highest.
    """
    if name is None:
        _models(session, count, metrics)
    else:
        _versions(session, name, count, metrics)


def _models(session: Session, count: int | None, metrics: Sequence[str]) -> None:
    store = session.store()
    models = store.models()
    summaries = models[:count]
    left_out = len(models) - len(summaries)
    curves = _curves(store, metrics) if metrics else None
    if session.json:
        session.document(
            models=[{**document(one), "metrics": _metrics_of(one, curves)} for one in summaries],
            unread=models.unread,
        )
    elif summaries:
        bars = _can_print(tables.BARS)
        session.pages(tables.models(summaries, session.paint(), curves, bars=bars))
        for metric in metrics:
            if curves and not curves[metric]:
                session.note(f"no version has the metric '{visible(metric)}'")
        _note_left_out(session, left_out, "model")
    else:
        session.note("the store is empty; `gms register NAME FILE` adds a model")


def _curves(store: Store, metrics: Sequence[str]) -> tables.Curves:
    """Return each metric by model and version, the lowest version first."""
    from gitmodelstore.values.names import metric_name

    names = {metric_name(metric): f'metrics."{metric}"' for metric in metrics}
    answer = store.answer(" or ".join(f"{name} != null" for name in names.values()))
    curves: dict[str, dict[str, dict[str, float]]] = {metric: {} for metric in metrics}
    for match in reversed(answer.matches):
        for metric, value in zip(names, match.values.values(), strict=True):
            if value is not None:
                curves[metric].setdefault(match.model, {})[str(match.version)] = value
    return curves


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _metrics_of(summary: ModelSummary, curves: tables.Curves | None) -> dict[str, Any] | None:
    if curves is None:
        return None
    return {metric: dict(models.get(summary.model, {})) for metric, models in curves.items()}


def _versions(session: Session, name: str, count: int | None, metrics: Sequence[str]) -> None:
    store = session.store()
    listed = islice(store.listing(name).passing(), count)
    if session.json:
        session.documents("versions", list(listed), spell=_document, model=name)
        return
    faults: list[str] = []
    session.pages(tables.versions(_watched(listed, faults), session.paint(), metrics))
    for fault in faults:
        session.warn(fault)
    if count is not None:
        there_are = sum(one.versions for one in store.models() if one.model == name)
        _note_left_out(session, there_are - count, "version")


def _note_left_out(session: Session, left_out: int, noun: str) -> None:
    if left_out > 0:
        session.note(f"{counted(left_out, f'more {noun}')}: leave out -n to see all")


def _document(one: Listed) -> dict[str, Any]:
    from gitmodelstore.values.model_version import ModelVersion

    return {**document(ModelVersion(one.model, one.version, "", "")), **document(one)}


def _watched(listed: Iterable[Listed], faults: list[str]) -> Iterator[Listed]:
    """Yield the versions on and keep what is wrong with those that cannot be read."""
    for one in listed:
        if one.fault and one.status:  # of what is lost whoever opened the store has told
            faults.append(f"{one.model} {one.version}: {visible(one.fault)}")
        yield one


@command("show")
@argument("ref")
@dated
def show(session: Session, ref: str) -> None:
    """Show what the version REF is made of: pipeline, metrics, data, code and environment.

    A model name alone means the version in production.
    """
    from gitmodelstore.values.pages import manifest_page

    store = session.store()
    version = store.version(ref)
    manifest = store.show(version)
    holding = store.which(version)
    parent = _parent(session, store, manifest)
    needs = store.needs_trust(version)
    approvals = store.approvals(version)
    annotations = store.annotations(version)
    registered = store.registered_at(version)
    page = manifest_page(
        manifest,
        session.paint(),
        holding=holding,
        registered_at=registered,
        parent=parent,
        approvals=approvals,
        annotations=tuple(annotations.values()),
        needs_trust=needs,
    )
    session.answer(
        page,
        holding,
        paged=True,
        created_at=registered,
        author=person(manifest.author),
        parent_metrics=parent.metrics if parent else None,
        manifest=manifest,
        needs_trust=needs,
        approvals=approvals,
        annotations=annotations,
    )


def _parent(session: Session, store: Store, manifest: Manifest) -> Manifest | None:
    """Return the parent's manifest; None, and a warning, where it cannot be read."""
    if manifest.parent is None:
        return None
    try:
        return store.show(f"{manifest.model}@{manifest.parent}")
    except StoreError as error:
        session.warn(f"metrics of {manifest.model} {manifest.parent}: {error}")
        return None


@command("log")
@argument("name", required=False)
@option("-n N", "show at most N events", "count", kind=count)
@option("--oneline", "print one line per event")
@option("-G FIELD[=VALUE]", "show the versions in which this field changed", "field")
@dated
def log(
    session: Session, name: str | None, count: int | None, oneline: bool, field: str | None
) -> None:
    """Show what happened in the store, or to the model NAME, newest first.

    Each event has its date, author, old and new status, reason and commit. -G FIELD lists
    the versions in which a field of the manifest changed, -G FIELD=VALUE those in which it
    became VALUE, or a list gained it. The exit code is 1 if something could not be read.
    """
    if field is not None:
        _show_changes(session, field, name, count, oneline=oneline)
        return
    from gitmodelstore.values.events import blocks, line

    history = session.store().log(name)
    history.tell = lambda fault: session.warn(visible(fault))
    events = islice(history, count)
    if session.json:
        session.document(events=list(events), faults=faults(history.faults))
    elif oneline:
        paint = session.paint()
        session.pages(line(event, paint) for event in events)
    else:
        session.pages(blocks(events, session.paint()))
    exit_if(history.faults)


@command("which")
@argument("ref")
@option(
    "--at DATE", "show it at the end of a day (2026-03-03) or at a time (2026-03-03T14:05, UTC)"
)
@dated
def which(session: Session, ref: str, at: str | None) -> None:
    """Show which version REF means, since when, by whom and why.

    The first line is only the version, for scripts. A model name alone means the version in
    production.
    """
    from gitmodelstore.values.events import holding_lines

    holding = session.store().which(ref, at=at)
    session.answer(holding_lines(holding, session.paint()), holding)


@command("search")
@argument("expression")
@option("--model NAME", "search only this model")
@option("--sort FIELD", "sort by this field, or by -FIELD from high to low")
@option("-n N", "list at most N versions", "count", kind=count)
def search(
    session: Session, expression: str, model: str | None, sort: str | None, count: int | None
) -> None:
    """List the versions that match EXPRESSION, by model, highest version first.

    Compare status and manifest fields: metrics.test_auc > 0.9, status == "production",
    data.train.rows >= 1000, created_at >= 2026-03-01, "income" in features,
    message ~ "drift", params.clf__C in [0.1, 1]. Join them with and, or, not and
    parentheses. The exit code is 1 if nothing matches, or if a version is damaged.
    """
    answer = session.store().answer(expression, model, sort=sort)
    matches = answer.matches[:count]
    if session.json:
        session.document(versions=matches, unread=answer.unread)
    elif matches:
        session.pages(tables.matches(matches, session.paint()))
        _note_left_out(session, len(answer.matches) - len(matches), "version")
    _conclude(session, matches, answer.unread, answer.note)


def _conclude(
    session: Session, rows: Sequence[object], unread: Sequence[Unread], note: str | None = None
) -> None:
    """Warn of versions that could not be read; exit with 1 where there are any, or no rows."""
    from gitmodelstore.operations.search import told

    for sentence in told(unread):
        session.warn(visible(sentence))
    if note:
        session.note(visible(note))
    exit_if(not rows or any(one.status is not None for one in unread))


def _show_changes(
    session: Session, field: str, model: str | None, count: int | None, *, oneline: bool
) -> None:
    from gitmodelstore.values.pages import change_blocks, change_line

    blame = session.store().blame_with_unread(field, model)
    changes = blame.changes[:count]
    paint = session.paint()
    if session.json:
        session.document(changes=changes, unread=blame.unread)
    elif changes:
        session.pages(
            (change_line(change, paint, field) for change in changes)
            if oneline
            else change_blocks(changes, paint, field)
        )
    _conclude(session, changes, blame.unread)


# What a shell completes: it hands over the words before the cursor, and gets what may come next.


@command("completion")
@argument("shell", choices=("bash", "zsh", "fish"))
def completion(session: Session, shell: str) -> None:
    """Print a script that completes commands, options, models and versions in SHELL.

    Put one line into the file that your shell reads when it starts:

    bash: eval "$(gms completion bash)"

    zsh, after compinit: eval "$(gms completion zsh)"

    fish: gms completion fish | source

    It completes `git modelstore` too, if git is completed.
    """
    from pathlib import Path

    script = Path(__file__).with_name(f"completion.{shell}").read_text(encoding="utf-8")
    if session.json:
        session.document(shell=shell, script=script)
    else:
        print(script, end="")


def complete(words: Sequence[str]) -> int:
    """Print what may stand in place of the last word, each with what it is; never an error."""
    import warnings

    warnings.simplefilter("ignore")
    os.environ["GIT_NO_LAZY_FETCH"] = "1"
    with suppress(Exception, KeyboardInterrupt):
        *before, word = words
        for candidate, what in _Completed(before).candidates(word):
            print(f"{candidate}\t{what}" if what else candidate)
    return 0


Candidates = Iterable[tuple[str, str]]  # each with what it is, which may be nothing


class _Completed:
    """The words before the cursor."""

    def __init__(self, words: Sequence[str]) -> None:
        self._values: dict[str, str] = {}  # of options, by name of the parameter
        self._parameters, self._waiting, arguments = self._read(whole_line(), words)
        self._command = arguments[0] if arguments else None
        self._arguments: list[str] = []
        if self._command is not None:
            made = command_named(self._command)
            if made is None:
                raise UnknownCommand(self._command)
            self._parameters, self._waiting, self._arguments = self._read(made, arguments[1:])

    def _read(
        self, made: Command, words: Sequence[str]
    ) -> tuple[list[Parameter], Parameter | None, list[str]]:
        """Return parameters, the option that waits for its value, and the arguments."""
        known = {word: one for one in made.options for word in (*one.words, *one.opposite)}
        waiting: Parameter | None = None
        arguments: list[str] = []
        for at, word in enumerate(words):
            typed, has_value, value = word.partition("=")
            if waiting is not None:
                self._values[waiting.name], waiting = word, None
            elif word == "--":
                self._values["--"] = word
                return made.parameters, None, [*arguments, *words[at + 1 :]]
            elif not word.startswith("-") or word == "-":
                if not made.is_mixed:
                    return made.parameters, None, list(words[at:])
                arguments.append(word)
            elif typed in known and not known[typed].is_flag:
                if has_value:
                    self._values[known[typed].name] = value
                else:
                    waiting = known[typed]
        return made.parameters, waiting, arguments

    def candidates(self, word: str) -> Candidates:
        """Yield what may stand in place of a word that begins so."""
        typed, has_value, value = word.partition("=")
        if self._waiting is not None:
            yield from _beginning(word, self._values_of(self._waiting, word))
        elif word.startswith("-") and "--" not in self._values:
            one = next((one for one in self._parameters if typed in one.words), None)
            if has_value and one is not None:
                found = _beginning(value, self._values_of(one, value))
                yield from ((f"{typed}={candidate}", what) for candidate, what in found)
            else:
                yield from _beginning(word, self._options())
        elif self._command is None:
            yield from _beginning(word, _COMMANDS)
        else:
            parameter = self._argument()
            if parameter is not None:
                yield from _beginning(word, self._values_of(parameter, word))

    def _options(self) -> Candidates:
        for one in self._parameters:
            for word in (*one.words, *one.opposite) if not one.hidden else ():
                yield word, one.text

    def _argument(self) -> Parameter | None:
        """Return the argument that stands at the cursor."""
        places = [one for one in self._parameters if not one.words]
        at = len(self._arguments)
        if at < len(places):
            return places[at]
        return places[-1] if places and places[-1].is_list else None

    def _values_of(self, one: Parameter, word: str) -> Candidates:
        if one.choices:
            return ((choice, "") for choice in one.choices)
        what = one.metavar.strip("[]{}.")
        if what == "COMMAND" and self._command == "help":
            return _COMMANDS
        if what == "NAME" and (one.words[-1:] == ("--model",) or self._command in _OF_MODELS):
            return self._store().models()
        if what in ("REF", "A", "B", "FILE|REF", "REF... STATUS"):
            store = self._store()
            statuses = store.statuses() if self._arguments and "STATUS" in what else ()
            return chain(statuses, store.references(word))
        if what == "REF:FILE":
            return self._store().files(word)
        if what == "STATUS":
            return self._store().statuses()
        if what == "VERSION" and self._arguments:
            return self._store().versions(self._arguments[0].partition("@")[0])
        return ()

    def _store(self) -> _Offered:
        return _Offered(self._values.get("global_path") or self._values.get("store"))


_COMMANDS = tuple((entry.name, entry.summary) for entry in COMMANDS)
_OF_MODELS = ("register", "list", "log", "rollback", "bisect", "audit")  # whose NAME is a model


def _beginning(word: str, candidates: Candidates) -> Candidates:
    return (one for one in dict(candidates).items() if one[0].startswith(word))


class _Offered:
    """What there is in the store that is meant, as its branch stands; nothing is fetched."""

    def __init__(self, path: str | None) -> None:
        from gitmodelstore.operations.snapshot import Snapshot, find
        from gitmodelstore.plumbing.files import is_elsewhere, named_store

        if is_elsewhere(named := path or named_store()):
            from gitmodelstore.operations.init import place_in_cache

            path = str(place_in_cache(str(named)))
        self._snapshot = Snapshot.now(find(path))
        self._registry = self._snapshot.registry

    def models(self) -> Candidates:
        for model, statuses in self._registry.models.items():
            yield model, counted(len(statuses), "version")

    def statuses(self) -> Candidates:
        return ((status, "") for status in self._snapshot.policy.statuses)

    def versions(self, model: str) -> Candidates:
        return iter(self._registry.models.get(model, {}).items())

    def references(self, word: str) -> Candidates:
        """Yield models, and what may follow the only one that a word begins."""
        models = [one for one in self.models() if one[0].startswith(word.partition("@")[0])]
        if "@" in word:
            models = [one for one in models if one[0] == word.partition("@")[0]]
        else:
            yield from models
        for model, _ in models if len(models) == 1 else ():
            for status in self._snapshot.policy.statuses:
                holders = self._registry.holders(model, status)
                if len(holders) == 1:
                    yield f"{model}@{status}", str(holders[0])
            yield f"{model}@latest", str(self._registry.highest(model))
            for version, status in self.versions(model):
                yield f"{model}@{version}", status

    def files(self, word: str) -> Candidates:
        """Yield references with a colon, and with the files of the one before a colon."""
        from gitmodelstore.operations.resolve import resolve
        from gitmodelstore.values.names import ATTRIBUTES, FOLDER_FILES

        reference, colon, _ = word.rpartition(":")
        if colon:
            files = self._snapshot.files(resolve(self._snapshot, reference))
            # No other name comes to a command line: a shell may act on what it spells.
            for name in sorted((FOLDER_FILES - {ATTRIBUTES}) & files.keys()):
                yield f"{reference}:{name}", ""
        else:
            for candidate, what in self.references(word):
                yield f"{candidate}:", what
