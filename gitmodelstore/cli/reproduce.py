"""`gms reproduce` and `gms bisect`, which run a command of yours."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitmodelstore.cli.main import REFUSED, UsageError, argument, command, exit_if, option, trusting
from gitmodelstore.cli.session import Session, document, person
from gitmodelstore.errors import BisectionError, InvalidInput, StoreError, reason_of
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values.tables import (
    ABBREVIATED,
    Fact,
    Paint,
    Part,
    counted,
    cut,
    difference,
    moment,
    number,
    state,
    visible,
)

if TYPE_CHECKING:
    from datetime import datetime

    from gitmodelstore.operations.reproduce import Bisection, MetricResult, Reproduction, Trial
    from gitmodelstore.store import Store
    from gitmodelstore.values.model_version import ModelVersion
    from gitmodelstore.values.names import Version

_MOST_PARAMS = 10  # shown; --json has them all


@trusting
@command("reproduce")
@argument("ref")
@argument("command", is_list=True)
@option("--code PATH", "the training repository (default: the current one)")
@option("--copy PATH...", "copy a file or folder that is not in git; repeatable")
@option("--no-uv", "use the Python environment installed here")
@option("--keep", "keep the work tree afterwards")
def reproduce(
    session: Session, /, ref: str, command: tuple[str, ...], no_uv: bool, **how: Any
) -> None:
    """Train the version REF again with COMMAND, and compare the result with the version.

    COMMAND runs in a work tree of the training repository, at the recorded commit and with
    the uncommitted changes that were kept. Whatever it registers goes into a temporary
    store; it can also write its pipeline to the file $GMS_REPRODUCE_OUT. The exit code is 1
    if data, parameters, answers or metrics differ.

    This runs the code of that commit, so use it only for versions from people you trust.
    """
    if not command:
        raise UsageError("missing the command to run, after --")
    import signal

    with _ended_by(signal.default_int_handler, signal.SIGTERM):
        result = session.store().reproduce(ref, command, uv=not no_uv, **how)
    ran = result.ran
    session.answer(
        _lines(result, session.paint()),
        result,
        code={"commit": ran.commit, "with_changes": ran.with_changes},
        command=ran.command,
        environment=ran.environment,
        differences=ran.differences,
        kept=ran.kept,
    )
    exit_if(not result.is_reproduced)


@contextmanager
def _ended_by(handler: Any, *numbers: int) -> Iterator[None]:
    """Let what would end this process at once end the command, and remove its folder, too."""
    import signal
    from threading import current_thread, main_thread

    ours = numbers if current_thread() is main_thread() else ()
    before = {number: signal.signal(number, handler) for number in ours}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _lines(result: Reproduction, paint: Paint) -> Iterator[Part]:
    verdict = "is reproduced" if result.is_reproduced else paint.red("is not reproduced")
    why = "" if result.is_reproduced else f": {visible(', '.join(result.reasons))}"
    yield f"{paint.bold(str(result.version))} {verdict}{why}"
    ran = result.ran
    changes = " with code.diff" if ran.with_changes else ""
    command = cut(visible(" ".join(ran.command)), 60)
    yield Fact("code", f"{ran.commit[:ABBREVIATED]}{changes}, by {command}")
    yield Fact("environment", _environment(result))
    if result.data:
        data = (f"{visible(one.role)} {one.outcome}" for one in result.data)
        yield Fact("data", ", ".join(data))
    steps = "" if result.steps_same else "other steps, "
    params = f"{len(result.params)} of " if result.params else ""
    same = "different" if result.params else "the same"
    yield Fact("pipeline", f"{steps}{params}{counted(result.param_count, 'parameter')} {same}")
    for one in result.params[:_MOST_PARAMS]:
        before, after = (cut(visible(repr(value)), 40) for value in (one.recorded, one.present))
        yield f"    {visible(one.name)}: {before}, now {after}"
    if len(result.params) > _MOST_PARAMS:
        yield f"    … and {len(result.params) - _MOST_PARAMS} more"
    yield from _answers(result, paint)
    for index, metric in enumerate(result.metrics):
        yield Fact("" if index else "metrics", _metric(metric, paint))
    yield Fact(
        "file", f"pipeline.joblib has {'the same' if result.same_bytes else 'different'} bytes"
    )


def _environment(result: Reproduction) -> str:
    ran = result.ran
    if ran.environment == "recorded":
        return "as recorded, made by uv"
    if not ran.differences:
        return "as recorded"
    counting = sum(one.counts for one in ran.differences)
    counts = f", {counting} may change answers" if counting else ""
    return f"the present one: {counted(len(ran.differences), 'difference')}{counts}"


def _answers(result: Reproduction, paint: Paint) -> Iterator[Part]:
    if result.answers is None:
        yield Fact("answers", "no sample to replay")
        return
    from gitmodelstore.values.pages import outcome_of, replay_lines

    outcome = outcome_of(result.answers, paint).replace("answers ", "", 1)
    yield Fact("answers", f"{outcome} on {counted(result.answers.rows, 'row')}")
    yield from (f"  {line}" for line in replay_lines(result.answers))


def _metric(metric: MetricResult, paint: Paint) -> str:
    now = ""
    if metric.present is not None:
        now = f", now {number(metric.present)}"
        if metric.present != metric.recorded:
            now += f" ({difference(metric.present, metric.recorded)})"
    is_wrong = metric.outcome in ("different", "missing")
    outcome = paint.red(metric.outcome) if is_wrong else metric.outcome
    return f"{visible(metric.name)} {number(metric.recorded)}{now}, {outcome}"


_PLACE = "{}"  # in CMD: where the folder's path goes
_SKIP, _MOST_BAD = 125, 127  # exit codes, as of `git bisect run`
_STDERR = 2


@command("bisect")
@argument("name")
@option("--good VERSION", "a good version", required=True)
@option("--bad VERSION", "a higher, bad version", required=True)
@option("--no-check", "do not test these two first")
@argument("command", metavar="-- CMD...", is_list=True, required=True)
def bisect(
    session: Session, /, name: str, no_check: bool, command: tuple[str, ...], **ends: str
) -> None:
    """Find the first bad version of the model NAME between a good and a bad one.

    CMD tests a version: each {} in it, and $GMS_FOLDER, is the path of a folder with the
    version's files. $GMS_MODEL, $GMS_VERSION, $GMS_REF, $GMS_STATUS and $GITMODELSTORE are
    set too. Withdrawn versions are tested as well.

    The exit code of CMD means what it means for `git bisect run`: 0 is good, 125 cannot be
    tested, any other up to 127 is bad, and a higher one stops the search. The output of CMD
    goes to stderr. The exit code of gms is 1 if several versions could be the first bad one.
    """
    store = session.store()
    import signal

    runner = _Runner(store, command)

    def seen(trial: Trial) -> None:
        if not session.json:
            why = f" ({visible(trial.why)})" if trial.why else ""
            session.tell(f"{trial.version}  {trial.verdict}{why}")
            sys.stdout.flush()  # between what CMD prints

    with _ended_by(_end, signal.SIGTERM, signal.SIGHUP):
        search = store.bisect(name, test=runner, check=not no_check, seen=seen, **ends)
    facts = _facts(store, search.first_bad) if search.first_bad else None
    session.answer(_answer(search, facts), search, **_document(search, facts, runner.codes))
    exit_if(not search.first_bad, REFUSED)


class _Runner:
    """Runs a command for each version."""

    def __init__(self, store: Store, command: Sequence[str]) -> None:
        self._store = store
        self._command = command
        self.codes: dict[Version, int] = {}  # what it exited with

    def __call__(self, version: ModelVersion) -> bool | None:
        """Return whether the command calls a version good; None if it skips it."""
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="gms-bisect-") as place:
            folder = self._store.download(
                version, Path(place) / f"{version.model}-{version.version}"
            )
            code = self._run(version, folder)
        self.codes[version.version] = code
        if code > _MOST_BAD:
            import shlex

            raise BisectionError(
                f"`{shlex.join(self._command)}` exited with {code} for {version}, "
                "which ends the search",
                hint="an exit code of 0 is good, 125 cannot be tested, any other up to 127 is bad",
            )
        return None if code == _SKIP else code == 0

    def _run(self, version: ModelVersion, folder: Path) -> int:
        from gitmodelstore.plumbing import processes

        args = [arg.replace(_PLACE, str(folder)) for arg in self._command]
        variables = {
            "GMS_FOLDER": str(folder),
            "GMS_MODEL": version.model,
            "GMS_VERSION": str(version.version),
            "GMS_REF": version.ref,
            "GMS_STATUS": version.status,
            "GITMODELSTORE": str(self._store.path.absolute()),
        }
        try:
            with processes.running(
                lambda: processes.start(args, env={**os.environ, **variables}, stdout=_STDERR)
            ) as process:
                code = process.wait()
        except OSError as error:
            raise InvalidInput(
                f"'{args[0]}' cannot be started: {reason_of(error)}",
                hint="to run a shell command, use: -- sh -c 'LINE'",
            ) from None
        # A signal's number is added to 128, as shells do.
        return code if code >= 0 else 128 - code


def _end(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


Facts = tuple["datetime", str, str | None]  # when a version was registered, by whom, why


def _answer(search: Bisection, facts: Facts | None) -> Iterator[str]:
    bad = search.first_bad
    if bad is None or facts is None:
        versions = ", ".join(str(version.version) for version in search.suspects)
        yield f"the first bad version of {search.good.model} is one of {versions}"
    else:
        when, who, message = facts
        yield f"{bad} is the first bad version"
        yield f"  registered {moment(when)} by {visible(who)}, is {state(bad.status)}"
        yield from (f"    {visible(line)}" for line in (message or "").strip().splitlines())
    yield f"see what changed with: gms diff {search.good.ref} {search.suspects[-1].ref}"


def _facts(store: Store, version: ModelVersion) -> Facts:
    try:
        manifest = store.show(version)
    except StoreError:  # its manifest is what is bad of it
        event = next(e for e in store.log(version.model) if e.commit == version.commit)
        return event.when, event.who, None
    return store.registered_at(version), manifest.author, manifest.message or None


def _document(search: Bisection, facts: Facts | None, codes: dict[Version, int]) -> dict[str, Any]:
    bad = None
    if facts is not None:
        when, who, message = facts
        details = {"created_at": when, "author": person(who), "message": message}
        bad = {**document(search.first_bad), **details}
    trials = [
        {**document(trial), "exit_code": codes.get(trial.version.version)}
        for trial in search.trials
    ]
    return {"model": search.good.model, "first_bad": bad, "trials": trials}


def ask_again(store: str, ref: str, path: str, *trusted: str) -> int:
    """Print what a version answers to the rows of a sample, as JSON, where it was trained."""
    import json
    from dataclasses import asdict

    from gitmodelstore.estimators.replay import replay
    from gitmodelstore.store import Store
    from gitmodelstore.values.sample import Sample

    try:
        pipeline = Store.open(store, trusted=trusted).load(ref)
        result = replay(pipeline, Sample.parse(Path(path).read_bytes(), path))
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(result), default=str))
    return 0


if __name__ == "__main__":
    sys.exit(ask_again(*sys.argv[1:]))
