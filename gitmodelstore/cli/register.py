"""Commands that write into the store: register, promote, archive, withdraw, approve, …"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gitmodelstore.cli.main import (
    Parameter,
    UsageError,
    argument,
    command,
    option,
    proposed,
    pushed,
    refuse,
    signed,
    trusting,
)
from gitmodelstore.cli.session import Session, say
from gitmodelstore.errors import InvalidInput, InvalidMetric, reason_of
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values.names import ARCHIVED, WITHDRAWN, did_you_mean
from gitmodelstore.values.tables import ABBREVIATED, OUT_OF_USE, state, visible

if TYPE_CHECKING:
    from gitmodelstore.values.events import Event, Scalar
    from gitmodelstore.values.model_version import ModelVersion, Proposal

_MOST_BYTES = 16 * 1024 * 1024  # of a JSON file that is to become part of a manifest


def _pairs(_: Session, parameter: Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Return what `--data ROLE=PATH` and `--metric NAME=VALUE` say."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise UsageError(f"{parameter.words[0]} takes {parameter.metavar}, not '{text}'")
        if name in pairs:
            raise UsageError(f"'{name}' was given twice with {parameter.words[0]}")
        pairs[name] = value
    return pairs


def _numbers(session: Session, parameter: Parameter, texts: Any) -> dict[str, Any]:
    return {name: _number(name, text) for name, text in _pairs(session, parameter, texts).items()}


def _number(name: str, text: str) -> float | int:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise UsageError(f"metric '{name}' is '{text}', not a number")


_reason = option("--reason TEXT", "record why in the log")

_GROUPS = {
    "What": (
        *(("messages",), ("from_folder",), ("accept_changes",), ("run", "no_run")),
        ("if_changed",),
    ),
    "Data": (("data",), ("target",), ("sample_from",), ("sample",)),
    "Metrics": (("metric",), ("metrics",), ("test",), ("baseline",), ("parse_dates",)),
    "Version": (("version", "allow_backport"), ("bump",)),
    "Card": (("intended_use",), ("limitations",), ("card", "custom")),
    "Code": (("code", "no_code"), ("keep_diff",)),
    "Trust": (("global_trusted",), ("sign",), ("push",), ("propose",)),
    "Common": (("global_path",), ("global_json", "help")),
}


@trusting
@proposed
@pushed
@signed
@command("register", groups=_GROUPS)
@argument("name", required=False)
@argument("file", metavar="(FILE | --from-folder DIR)", required=False)
@option("-m, --message TEXT...", "describe it", "messages")
@option("--from-folder DIR", "register pipeline.joblib and manifest.json of DIR")
@option("--accept-changes", "accept a pipeline that DIR's manifest does not match")
@option("--run", "load the pipeline in DIR")
@option("--no-run", "do not load FILE")
@option("--if-changed", "do nothing if nothing changed")
@option("--metric NAME=VALUE...", "record a metric; repeatable", callback=_numbers)
@option("--metrics FILE", "read metrics from a JSON file")
@option(
    "--data ROLE=PATH...", "record a data set, such as train=train.csv; repeatable", callback=_pairs
)
@option("--target NAME", "the column that the pipeline predicts")
@option("--test FILE", "compute metrics on the rows of this CSV or Parquet file", kind=Path)
@option("--baseline", "score the production version on them too")
@option("--parse-dates COL...", "a column of dates in a CSV file; repeatable")
@option("--sample-from FILE", "make the sample from the input rows in this file", kind=Path)
@option(
    "--sample [synthetic|rows|none]",
    "keep made-up rows (default), real rows or none",
    default="synthetic",
)
@option("--version V", "use this version number")
@option(
    "--bump [auto|major|minor|patch]",
    "which number to raise if --version is not given",
    default="auto",
)
@option("--allow-backport", "allow one below the highest")
@option("--intended-use TEXT", "what the model is for, for its card")
@option("--limitations TEXT", "what it is not for, for its card")
@option("--card FILE", "the model card, as JSON")
@option("--custom FILE", "other data of yours, as JSON")
@option("--code PATH", "the training code (default: this repository)")
@option("--no-code", "or none")
@option("--keep-diff", "store uncommitted changes as code.diff")
def register(session: Session, /, name: str | None, file: str | None, **options: Any) -> None:
    """Register the fitted pipeline in FILE, written by joblib.dump, as a new version of NAME.
    FILE is stored byte for byte and loaded once. Anything that no pipeline needs is refused, not
    run.
    """
    if options["from_folder"]:
        _register_folder(session, name, file, options)
        return
    if name is None or file is None:
        what = f"missing argument '{'FILE' if name else 'NAME'}'"
        raise UsageError(what + _swallowed(options["propose"]))
    _check_words(**options)
    card = {key: options[key] for key in ("intended_use", "limitations") if options[key]}
    details = {name: options[name] for name in _AS_GIVEN} | {
        "message": "\n\n".join(options["messages"]),
        "metrics": {**_metrics_of(options["metrics"]), **options["metric"]},
        "sample": None if options["sample"] == "none" else options["sample"],
        "card": _object_of(options["card"]) | card,
        "custom": _object_of(options["custom"]),
        "run": not options["no_run"],
    }
    store = session.store()
    code = None if options["no_code"] else _code(options["code"])
    before = next((str(one.highest) for one in store.models() if one.model == name), None)
    version = store.register(Path(file), name, code=code, **details)
    is_new = before != str(version.version) or not options["if_changed"]
    _tell(session, version, is_new=bool(version.proposal) if options["propose"] else is_new)


def _check_words(
    version: str | None, bump: str, test: Path | None, no_code: bool, **more: Any
) -> None:
    has_rows = more["sample_from"] or test
    of_a_folder = more["accept_changes"] or more["run"]
    refuse(
        (of_a_folder, "--accept-changes and --run are for --from-folder"),
        (version and bump != "auto", "--version and --bump cannot be used together"),
        (more["sample"] == "rows" and not has_rows, "--sample rows needs --sample-from FILE"),
        (test and not more["target"], "--test needs --target NAME"),
        (more["parse_dates"] and not has_rows, "--parse-dates needs --test FILE"),
        (more["baseline"] and not test, "--baseline needs --test FILE"),
        (more["code"] and no_code, "--code and --no-code cannot be used together"),
        (more["keep_diff"] and no_code, "--keep-diff and --no-code cannot be used together"),
    )


# Options that are keywords of `Store.register` as they are.
_AS_GIVEN = (
    "data", "test", "parse_dates", "baseline", "sample_from", "target", "version", "bump",
    "allow_backport", "if_changed", "keep_diff", "sign", "push", "propose",
)  # fmt: skip
# What a folder's manifest says already, and a FILE does not.
_OF_A_FILE = (
    "metrics", "metric", "data", "sample_from", "sample", "target", "card", "intended_use",
    "limitations", "custom", "code", "no_code", "keep_diff", "no_run",
)  # fmt: skip


def _register_folder(
    session: Session, name: str | None, file: str | None, options: Mapping[str, Any]
) -> None:
    def is_typed(option: str) -> bool:
        return option in session.typed

    bump = options["bump"] if is_typed("bump") else None
    says = "is for FILE; with --from-folder, the manifest says it"
    refuse(
        (file is not None, "give FILE or --from-folder, not both"),
        *((is_typed(name), f"--{name.replace('_', '-')} {says}") for name in _OF_A_FILE),
        (options["version"] and bump, "--version and --bump cannot be used together"),
    )
    store = session.store()
    before = {str(version) for model in store.models() for version in store.versions(model.model)}
    as_given = (
        "version",
        "allow_backport",
        "accept_changes",
        "if_changed",
        "run",
        "push",
        "propose",
    )
    version = store.register_folder(
        options["from_folder"],
        name,
        bump=bump,
        message="\n\n".join(options["messages"]) or None,
        **{option: options[option] for option in as_given},
    )
    is_new = str(version) not in before
    _tell(session, version, is_new=bool(version.proposal) if options["propose"] else is_new)


def _swallowed(propose: bool | str) -> str:
    """Return what to say where a word is missing that `--propose` took for its BRANCH."""
    return f"; --propose took '{propose}': put it last" if isinstance(propose, str) else ""


def _tell_proposal(session: Session, proposal: Proposal) -> None:
    for line in () if session.quiet else proposal.messages:
        say(f"remote: {visible(line)}")
    session.out(visible(f"proposed: {proposal.title}  {proposal.commit[:ABBREVIATED]}"))
    session.out(visible(f"branch {proposal.branch} on {proposal.remote} ({proposal.url})"))
    if proposal.request:
        session.out(visible(proposal.request))
    session.note(f"it counts once it is merged into {visible(proposal.into)}")


def _tell(session: Session, version: ModelVersion, *, is_new: bool) -> None:
    folder, proposal = f"models/{version.model}", version.proposal
    if session.json:
        needs = version.needs_trust or ()
        session.document(version, path=folder, created=is_new, needs_trust=needs, proposal=proposal)
        return
    if proposal is not None:
        _tell_proposal(session, proposal)
        return
    if not is_new:
        session.note(f"nothing has changed since {version}, so nothing was written")
    session.out(f"{version}  {version.commit[:ABBREVIATED]}  {folder}")


def _code(path: str | None) -> Path:
    """Return the training script or a folder of its repository; by default, where we are."""
    if path and not Path(path).exists():
        raise InvalidInput(f"'{path}' does not exist", hint="omit --code, or correct it")
    return Path(path or ".")


def _metrics_of(path: str | None) -> dict[str, Any]:
    try:
        return _object_of(path)
    except InvalidInput as error:
        hint = error.hint or 'write it as {"test_auc": 0.91}'
        raise InvalidMetric(str(error), hint=hint) from None


def _object_of(path: str | None) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one without a file."""
    if path is None:
        return {}
    from gitmodelstore.errors import FormatError
    from gitmodelstore.values.json import parse

    try:
        value = parse(Path(path).read_bytes(), path, most_bytes=_MOST_BYTES)
    except OSError as error:
        raise InvalidInput(
            f"cannot read '{path}': {reason_of(error)}",
            hint="check the path; it is relative to the working directory",
        ) from None
    except FormatError as error:
        raise InvalidInput(str(error)) from None
    if not isinstance(value, dict):
        raise InvalidInput(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


@pushed
@signed
@command("annotate")
@argument("ref")
@argument("pairs", metavar="KEY=VALUE...", is_list=True, required=True)
@_reason
def annotate(
    session: Session,
    ref: str,
    pairs: tuple[str, ...],
    reason: str | None,
    sign: bool | None,
    push: bool | None,
) -> None:
    """Add notes to the version REF after it was registered, such as a late test result.

    Numbers, true and false are stored as such; everything else, and anything in double
    quotes, is text. The latest value of a KEY counts; KEY= removes it. The notes are in a
    commit that changes no file, so the version stays as it is. `gms show` and `gms log` show
    them, and gates can require them.
    """
    event = session.store().annotate(ref, _values(pairs), reason=reason, sign=sign, push=push)
    if session.json:
        session.document(events=[event] if event else [])
    elif event is not None:
        from gitmodelstore.values.events import as_typed

        notes = visible(as_typed(event.annotations))
        session.tell(
            f"{event.model} {event.version} is annotated: {notes}  {event.commit[:ABBREVIATED]}"
        )


def _values(pairs: tuple[str, ...]) -> dict[str, Scalar | None]:
    from gitmodelstore.values.gates import parse_pair

    values: dict[str, Scalar | None] = {}
    for pair in pairs:
        key, value = parse_pair(pair)
        if key in values:
            raise InvalidInput(f"'{key}' is named twice", hint="name each key once")
        values[key] = value
    return values


@pushed
@command("approve")
@argument("ref")
@argument("status")
@_reason
def approve(session: Session, ref: str, status: str, reason: str | None, push: bool | None) -> None:
    """Approve the version REF for STATUS, without moving it.

    An approval is a commit that changes no file, is signed with your key and names the
    digest of the manifest. It does not count if you registered the version, or if you are
    the one who moves it.
    """
    event = session.store().approve(ref, status, reason=reason, push=push)
    if session.json:
        session.document(events=[event])
        return
    session.tell(
        f"{event.model} {event.version} is approved for {event.approved_for}"
        f"  {event.commit[:ABBREVIATED]}"
    )


# What the commands that move a status say: one sentence a version that came to its new one.


def check_words(
    reason: str | None,
    *,
    successor: str | None = None,
    push: bool | None = None,  # which needs no reason
    propose: bool | str = False,  # nor does this
    **options: bool,
) -> None:
    """Refuse `options` that are given without their reason, and ways that exclude each other."""
    is_bare = not (reason or "").strip()
    refuse(
        *(
            (is_given and is_bare, f"--{name.replace('_', '-')} needs a --reason")
            for name, is_given in options.items()
        ),
        (
            successor is not None and options.get("vacate"),
            "--successor and --vacate cannot be used together",
        ),
    )


def tell(
    session: Session,
    events: Sequence[Event],
    unchanged: Sequence[str] = (),
    *,
    may_propose: bool = False,
) -> None:
    """Say what a command did; `unchanged` tells of versions that had the status already."""
    proposal = events[0].proposal if events else None
    if session.json:
        session.document(events=events, **({"proposal": proposal} if may_propose else {}))
        return
    if proposal is not None:
        _tell_proposal(session, proposal)
        return
    for sentence in [*_sentences(events), *unchanged]:
        session.tell(sentence)


def _sentences(events: Sequence[Event]) -> Iterator[str]:
    """Yield a sentence for each event: a successor before the version that made room."""
    paired: set[int] = set()
    for event in events:
        left = next((one for one in events if _gave_way(one, event)), None)
        if left is not None:
            paired |= {id(event), id(left)}
            yield f"{_now(event)} (was {left.version}, now {_short(left.after)})"
    yield from (_now(event) for event in events if id(event) not in paired)


def _gave_way(left: Event, event: Event) -> bool:
    """Whether `left` lost to `event` the status that it had."""
    in_use = event.after is not None and event.after not in OUT_OF_USE
    return in_use and left is not event and (left.model, left.before) == (event.model, event.after)


def _now(event: Event) -> str:
    from gitmodelstore.values.events import ROLLED_BACK

    again = " again" if event.kind == ROLLED_BACK else ""
    return f"{event.model} {event.version} is {_short(event.after)}{again}"


def _short(status: str | None) -> str:
    return state(status) if status else "gone"


@proposed
@pushed
@signed
@trusting
@command("promote")
@argument("words", is_list=True, required=True, metavar="REF... STATUS")
@option("--successor VERSION", "the version that takes over the status REF leaves")
@option("--vacate", "leave that status empty; needs --reason")
@_reason
@option("--force", "override the gate, on record; needs --reason")
@option("--replay/--no-replay", "replay its sample first or not (default: if the gate requires it)")
def promote(
    session: Session, /, words: tuple[str, ...], replay: bool | None, sign: bool | None, **how: Any
) -> None:
    """Give the version REF, or one version each of several models, the status STATUS.

    All of it is one commit. A model has one version in production: the previous one is
    archived. A version must load here to get into production.

    If modelstore.toml sets a gate for STATUS, its conditions are checked first, and those
    that fail are listed. To move a version out of production, name a --successor, or leave
    production empty with --vacate. A withdrawn version needs a --reason to come back.
    """
    check_words(**how)
    *refs, status = words
    is_one = how["successor"] is None or len(refs) <= 1
    refuse(
        (
            not refs,
            f"'{status}' alone: promote needs a version and a status{_swallowed(how['propose'])}",
        ),
        (not is_one, "--successor works with one version only"),
    )
    store = session.store()
    events = store.promote(refs, status, replay=replay, sign=sign, **how)
    moved = {(event.model, event.version) for event in events}
    is_known = len(moved) == len(refs) or how["propose"]  # what others have is not known here
    versions = [] if is_known else [store.version(ref) for ref in refs]
    unchanged = [
        f"{version} is already {state(status)}"
        for version in versions
        if (version.model, version.version) not in moved
    ]
    tell(session, events, unchanged, may_propose=True)


def _succeeded(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes a version out of use the options that say what comes then."""
    successor = "the version that takes over its status"
    function = option("--reason TEXT", "record why in the log")(function)
    vacate = option("--vacate", "leave its status empty; needs --reason")
    return option("--successor VERSION", successor)(vacate(function))


def _retire(session: Session, ref: str, status: str, *, sign: bool | None, **how: Any) -> None:
    check_words(**how)
    store = session.store()
    version = ref if how["propose"] else store.version(ref)  # what others have is not known here
    retire = store.archive if status == ARCHIVED else store.withdraw
    events = retire(version, sign=sign, **how)
    unchanged = [] if events or how["propose"] else [f"{version} is already {status}"]
    tell(session, events, unchanged, may_propose=True)


@proposed
@pushed
@signed
@command("archive")
@argument("ref")
@_succeeded
def archive(session: Session, /, ref: str, **how: Any) -> None:
    """Retire the version REF: it stays in the store, but is not a candidate for production.

    To archive the version in production, name a --successor, or leave production empty with
    --vacate. A withdrawn version needs a --reason.
    """
    _retire(session, ref, ARCHIVED, **how)


@proposed
@pushed
@signed
@command("withdraw")
@argument("ref")
@_succeeded
def withdraw(session: Session, /, ref: str, **how: Any) -> None:
    """Mark the version REF as bad: from then on, only its exact number finds it.

    Its files stay, and loading it warns. To withdraw the version in production, name a
    --successor, leave production empty with --vacate, or use `gms rollback`, which finds a
    successor for you.
    """
    _retire(session, ref, WITHDRAWN, **how)


@trusting
@proposed
@pushed
@signed
@command("rollback")
@argument("name")
@option("--to VERSION", "go back to this version (default: the last good one)")
@option("--keep", "archive the current version instead of withdrawing it")
@option("--no-replay", "accept a version that answers differently; needs --reason")
@option("--vacate", "leave its present status empty; needs --reason")
@_reason
def rollback(session: Session, /, name: str, no_replay: bool, **how: Any) -> None:
    """Put the previous production version back, and withdraw the current one.

    First, the earlier version is verified and loaded here, and its sample is replayed. If it
    answers differently here, the rollback is refused unless you give --no-replay. A
    withdrawn version only comes back with --to and a --reason. History is not rewritten.
    """
    check_words(how["reason"], vacate=how["vacate"], no_replay=no_replay)
    events = session.store().rollback(name, replay=not no_replay, **how)
    tell(session, events, may_propose=True)


@command("trust")
@argument("action", choices=["list", "add", "remove"], default="list")
@argument("names", is_list=True, metavar="[NAME]...")
def trust(session: Session, action: str, names: tuple[str, ...]) -> None:
    """List, add or remove classes, functions and packages of your own that pipelines may use.

    A package ("mypackage") stands for the classes defined in it, not for its functions. Name
    a single class or function in full ("mypackage.features.LogScaler"). `gms show` says
    which names a version needs. The list is in your own configuration file; nothing in a
    store can add to it.
    """
    from gitmodelstore.operations.trust import check_added, config_file, configure, configured

    before = configured()
    refuse(
        (action == "list" and names, "list takes no names"),
        (action != "list" and not names, f"name what to {action}"),
    )
    after = before
    if action != "list":
        words = [check_added(name) for name in names] if action == "add" else []
        added = tuple(dict.fromkeys((*before, *names)))
        after = added if action == "add" else _removed(before, names)
        for word in filter(None, words):
            session.note(word)
        projects = _projects(session, after, names if action == "add" else ())
        session.note(f"saved in '{configure(after, projects)}'")
    if session.json:
        session.document(trusted=after, path=config_file())
        return
    for name in after:
        session.out(name)


def _projects(session: Session, trusted: Iterable[str], added: Iterable[str]) -> list[str]:
    """Return the projects that define a trusted name, with this one where it defines a new one."""
    from gitmodelstore.operations.trust import configured_projects, find
    from gitmodelstore.plumbing.files import around

    def defines(folder: Path, names: Iterable[str]) -> list[str]:
        return sorted({top for name in names if find(top := name.partition(".")[0], folder)})

    projects = [project for project in configured_projects() if defines(Path(project), trusted)]
    here = str(around(Path()))
    if tops := defines(Path(), added):
        session.note(f"commands that run in '{here}' import {', '.join(map(repr, tops))} from it")
        projects.append(here)
    return projects


def _removed(before: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in before:
            raise InvalidInput(
                f"'{name}' is not trusted",
                hint=did_you_mean(name, before) or "see `gms trust list`",
            )
    return tuple(name for name in before if name not in names)
