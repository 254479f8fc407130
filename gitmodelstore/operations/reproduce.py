"""Train a version again and see whether the same comes out; find the first bad version."""
# The command runs as if its user had typed it, in a work tree of the recorded commit and with a
# store that stands in for every other one: nothing is registered, and no trace is left.

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from os import PathLike
from pathlib import Path, PurePosixPath

import gitmodelstore
from gitmodelstore.errors import (
    BisectionError,
    CannotReproduce,
    FormatError,
    IntegrityError,
    InvalidInput,
    LoadError,
    MissingObject,
    StoreError,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, pattern
from gitmodelstore.lineage.environment import own_projects, present_versions
from gitmodelstore.operations.init import BRANCH, init
from gitmodelstore.operations.load import read_verified
from gitmodelstore.operations.resolve import Named, check_model, resolve_of
from gitmodelstore.operations.snapshot import Snapshot, Writer
from gitmodelstore.plumbing import checkout
from gitmodelstore.plumbing.files import SCRATCH, code_places
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.signing import Identity
from gitmodelstore.values.compare import PYTHON, Difference, environment_differences, first_parts
from gitmodelstore.values.manifest import Code, Manifest
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import CODE_DIFF, INSTALLED, PIPELINE, SAMPLE, WITHDRAWN, Version
from gitmodelstore.values.names import DIFFERENT as ANSWERS_DIFFER

if TYPE_CHECKING:
    from gitmodelstore.estimators.replay import Replay

# What training again gave, set beside what was registered.


SAME, DIFFERENT, MISSING, NOT_COMPARED = "same", "different", "missing", "not compared"
_WRONG = (DIFFERENT, MISSING)


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """How training was done again.

    Attributes:
        commit: id of the commit that was checked out.
        with_changes: whether `code.diff` was applied to it.
        command: what was run.
        environment: "recorded" if uv recreated it, otherwise "present".
        differences: what differs between the recorded environment and the present one, what
            counts first; empty if it is the recorded one.
        kept: the folder that was kept; None if it was removed.
    """

    commit: str
    with_changes: bool
    command: tuple[str, ...]
    environment: str
    differences: tuple[Difference, ...]
    kept: Path | None


@dataclass(frozen=True, slots=True)
class DataResult:
    """One data set: the recorded digest, that of the new run, and an outcome.

    It is "same", "different", "missing", or "not compared": if the new run only wrote a file, or
    passed a table where the recorded run passed a file, or the reverse.
    """

    role: str
    recorded: str
    present: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class ParamResult:
    """One parameter whose value differs now; None if it is not set."""

    name: str
    recorded: Any
    present: Any


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric: the recorded number, that of the new run, and an outcome as for data."""

    name: str
    recorded: float
    present: float | None
    outcome: str

    @property
    def delta(self) -> float | None:
        """By how much it rose; None if there is no new number."""
        return None if self.present is None else self.present - self.recorded


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The result of training a version again.

    >>> found = store.reproduce("churn", ("python", "train.py"))
    >>> found.is_reproduced, found.reasons
    (True, ())

    Attributes:
        version: which.
        ran: how.
        data: each recorded data set.
        steps_same: whether classes and steps of the pipeline are the recorded ones.
        params: the parameters that differ.
        param_count: how many there are.
        answers: the answers of the new pipeline to the recorded sample; None without one.
        metrics: each recorded metric.
        same_bytes: whether the new pipeline.joblib has exactly the recorded bytes.
    """

    version: ModelVersion
    ran: TrainingRun
    data: tuple[DataResult, ...]
    steps_same: bool
    params: tuple[ParamResult, ...]
    param_count: int
    answers: Replay | None
    metrics: tuple[MetricResult, ...]
    same_bytes: bool

    @property
    def is_reproduced(self) -> bool:
        """Whether nothing differs, and there was something to tell it by."""
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """What differs: of "data", "steps", "params", "answers" and "metrics"; none when the
        version is reproduced. "nothing to compare" where no two things were compared."""
        is_compared = any(one.outcome != NOT_COMPARED for one in self.metrics)
        holding = {
            "data": any(one.outcome in _WRONG for one in self.data),
            "steps": not self.steps_same,
            "params": bool(self.params),
            "answers": self.answers is not None and self.answers.outcome == ANSWERS_DIFFER,
            "metrics": any(one.outcome in _WRONG for one in self.metrics),
            "nothing to compare": not (self.same_bytes or self.answers or is_compared),
        }
        return tuple(reason for reason, holds in holding.items() if holds)


def compare(
    version: ModelVersion,
    run: TrainingRun,
    recorded: Manifest,
    present: Manifest,
    answers: Replay | None,
    *,
    from_file: bool,
) -> Reproduction:
    """Return how two manifests, and the answers of the second's pipeline, compare."""
    # If the new run only wrote a file (`from_file`), what it lacks says nothing.
    lacking = NOT_COMPARED if from_file else MISSING
    before, after = recorded.pipeline, present.pipeline
    files = [manifest.artifact(PIPELINE) for manifest in (recorded, present)]
    return Reproduction(
        version,
        run,
        tuple(_data(recorded, present, lacking)),
        (before.class_name, before.steps) == (after.class_name, after.steps),
        tuple(_params(before.params, after.params)),
        len(before.params),
        answers,
        tuple(_metrics(recorded.metrics, present.metrics, lacking)),
        files[0] is not None and files[1] is not None and files[0].sha256 == files[1].sha256,
    )


def _data(recorded: Manifest, present: Manifest, lacking: str) -> Iterator[DataResult]:
    for dataset in recorded.data:
        now = present.dataset(dataset.role)
        digest = None if now is None else str(now.digest)
        if now is None:
            outcome = lacking
        elif dataset.digest.algorithm != now.digest.algorithm:
            outcome = NOT_COMPARED  # a file now, say, and a table then
        else:
            outcome = SAME if dataset.digest == now.digest else DIFFERENT
        yield DataResult(dataset.role, str(dataset.digest), digest, outcome)


def _params(recorded: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[ParamResult]:
    for name in sorted({*recorded, *present}):
        if (name in recorded) != (name in present) or recorded[name] != present[name]:
            yield ParamResult(name, recorded.get(name), present.get(name))


def _metrics(
    recorded: Mapping[str, float], present: Mapping[str, float], lacking: str
) -> Iterator[MetricResult]:
    from gitmodelstore.estimators.replay import Retested

    for name, value in sorted(recorded.items()):
        now = Retested(name, value, present.get(name))
        outcome = lacking if now.present is None else SAME if now.is_same else DIFFERENT
        yield MetricResult(name, value, now.present, outcome)


# The code that trained a version, found again: its repository, commit and uncommitted changes.


_SHOWN = 12  # digits of a commit's id


def recorded_code(version: ModelVersion, manifest: Manifest) -> tuple[Code, str]:
    if manifest.code is None:
        raise CannotReproduce(
            f"{version} records no training repository",
            hint="train in a git repository, and register from there",
        )
    if manifest.code.commit is None:
        raise CannotReproduce(
            f"{version} was trained before the first commit of its repository",
            hint="commit the training code, and register again",
        )
    return manifest.code, manifest.code.commit


def kept_changes(snapshot: Snapshot, version: ModelVersion, code: Code) -> bytes | None:
    """Return the uncommitted changes that a version keeps; None if it keeps none."""
    entry = snapshot.manifest(version).artifact(CODE_DIFF)
    if entry is None:
        return None
    if code.diff is None or code.diff.hex != entry.sha256:
        raise CannotReproduce(
            f"{CODE_DIFF} of {version} does not match its manifest",
            hint=f"read it with `gms cat {version.ref}:{CODE_DIFF}`",
        )
    return bytes(read_verified(snapshot, version, CODE_DIFF))


def training_repository(
    version: ModelVersion, code: Code, commit: str, options: ReproduceOptions, store: Path
) -> Path:
    """Return the repository with a version's commit, the named or the one around; not `store`."""
    repository = _named(options.code) if options.code else _around(options.here, store)
    where = f"clone {code.url}" if code.url else "find the repository that trained it"
    if repository is None:
        raise CannotReproduce(
            f"cannot find the code of {version}: '{options.here}' is not in a repository",
            hint=f"{where}, and name it with --code PATH",
        )
    if not checkout.has_commit(repository, commit):
        hint = f"run `git -C {repository} fetch`, or name the one that has it with --code PATH"
        if code.url:
            hint = f"run `git -C {repository} fetch {code.url}`, or {where} and name it"
            hint += " with --code PATH"
        if checkout.is_shallow(repository):
            hint = f"it is a shallow clone: run `git -C {repository} fetch --unshallow`"
        raise CannotReproduce(
            f"the repository '{repository}' lacks the commit {commit[:_SHOWN]} "
            f"that trained {version}",
            hint=hint,
        )
    return repository


def _named(folder: Path) -> Path | None:
    if not folder.is_dir():
        raise CannotReproduce(
            f"folder '{folder}' does not exist", hint="omit --code, or correct it"
        )
    repository = checkout.find(folder)
    return repository.top if repository else folder.resolve()


def _around(here: Path, store: Path) -> Path | None:
    """Return the top of the repository around a folder, that of the store passed over."""
    repository = checkout.find(here)
    if repository is not None and repository.common_dir.resolve() == store.resolve():
        repository = checkout.find(repository.top.parent)
    return repository.top if repository else None


# The environment in which a version is trained again: the recorded one, or the present one.


RECORDED, PRESENT = "recorded", "present"
# What installs, and this package itself, which is lent to the environment as it is here.
_LISTED = pattern(r"^(# )?(?P<name>[^#=\s]+)==([^:\s]+)", re.MULTILINE)
_NO_PART = {"gitmodelstore", "pip", "setuptools", "uv", "wheel"}


@dataclass(frozen=True, slots=True)
class TrainingEnvironment:
    """Where the command runs."""

    kind: str  # "recorded" or "present"
    python: Path
    # A folder that holds this package alone; then those of the recorded code, where something
    # was installed from a folder.
    modules: tuple[Path, ...]
    differences: tuple[Difference, ...]  # of the recorded one from the present one, where taken


def training_environment(
    snapshot: Snapshot, version: ModelVersion, options: ReproduceOptions, folder: Path, start: Path
) -> TrainingEnvironment:
    """Return the recorded environment if it is here or uv makes it; otherwise the present."""
    manifest = snapshot.manifest(version)
    pins, own = _everything(snapshot, version)
    pins = pins or dict(manifest.environment.pins)
    own |= own_projects() & pins.keys()
    differing = _differences(manifest.environment.python, pins)
    # This package is lent to every environment, alone.
    lent = folder / "modules"
    lent.mkdir()
    (lent / "gitmodelstore").symlink_to(Path(gitmodelstore.__file__).parent)
    modules = (lent, *(code_places(start) if own else ()))
    program = checkout.find_uv() if differing and options.with_uv else None
    if program is not None:
        options.notify(f"uv recreates the recorded environment: {_said(differing)}")
        for name in sorted(own):
            options.notify(
                f"uv leaves out '{name}', which no index has: it is taken from the recorded code; "
                "if it is somewhere else, add its folder to PYTHONPATH"
            )
        listed = "".join(f"{name}=={pins[name]}\n" for name in pins if name not in own)
        try:
            programs = checkout.make(program, folder / "env", manifest.environment.python, listed)
            return TrainingEnvironment(RECORDED, programs / "python", modules, ())
        except checkout.UvFailed as error:
            options.notify(f"uv cannot recreate the recorded environment: {error}")
    if differing:
        options.notify(f"trained again in the current environment: {_said(differing)}")
    return TrainingEnvironment(PRESENT, Path(sys.executable), modules, differing)


def _everything(snapshot: Snapshot, version: ModelVersion) -> tuple[dict[str, str], set[str]]:
    """Return name to version of what environment.txt lists, and which of them no index has."""
    if snapshot.manifest(version).artifact(INSTALLED) is None:
        return {}, set()
    text = bytes(read_verified(snapshot, version, INSTALLED)).decode("utf-8")
    lines = [line.groups() for line in _LISTED.finditer(text) if line["name"] not in _NO_PART]
    return {name: number for _, name, number in lines}, {name for own, name, _ in lines if own}


def _differences(python: str, pins: dict[str, str]) -> tuple[Difference, ...]:
    """Return what differs, what counts first; another patch release of Python does not differ."""
    present = present_versions()
    here = str(present[PYTHON])
    is_other = first_parts(python, 2) != first_parts(here, 2)
    return environment_differences({PYTHON: python if is_other else here, **pins}, present)


def _said(differences: tuple[Difference, ...]) -> str:
    most = 5
    text = "; ".join(map(str, differences[:most]))
    more = len(differences) - most
    return f"{text}; and {more} more" if more > 0 else text


# Reproduce


OUT = "GMS_REPRODUCE_OUT"
_NOBODY = Identity("gms reproduce", "reproduce@localhost")
_SETTINGS = {
    "user.name": _NOBODY.name,
    "user.email": _NOBODY.email,
    "commit.gpgsign": "false",
    "tag.gpgsign": "false",
    "store.durable": "false",
}
_TREE = "code"  # of the folders in the temporary one, that with the work tree


@dataclass(frozen=True, slots=True)
class ReproduceOptions:
    """How to train a version again, as in `Store.reproduce`."""

    command: Sequence[str]
    here: Path
    when: datetime
    notify: Callable[[str], None]
    code: Path | None = None
    copy: Sequence[str | PathLike[str]] = ()
    with_uv: bool = True
    keep: bool = False
    trusted: tuple[str, ...] = ()


def reproduce(snapshot: Snapshot, version: ModelVersion, options: ReproduceOptions) -> Reproduction:
    """Train a version again and compare what comes out with what was registered."""
    if not options.command:
        raise InvalidInput("no command to run", hint="write it after --")
    manifest = snapshot.manifest(version)
    code, commit = recorded_code(version, manifest)
    store = snapshot.repository.common_dir
    repository = training_repository(version, code, commit, options, store)
    changes = kept_changes(snapshot, version, code)
    if code.dirty and changes is None:
        options.notify(f"{version} was trained with uncommitted changes, which were not kept")
    with _work_tree(repository, commit, changes, options) as folder:
        start = _start(options.here, repository, folder / _TREE)
        _bring(manifest, repository, folder / _TREE, start, options)
        (folder / "environment").mkdir()
        environment = training_environment(
            snapshot, version, options, folder / "environment", start
        )
        scratch = _scratch(folder / "store.git", options)
        bench = _Bench(snapshot, version, options, folder, start, scratch, environment)
        bench.run()
        made, from_file = bench.made()
        answers = bench.answers(made)
        how = (commit, changes is not None, tuple(options.command))
        kept = folder if options.keep else None
        ran = TrainingRun(*how, environment.kind, environment.differences, kept)
        present = Snapshot.now(bench.store).manifest(made)
        return compare(version, ran, manifest, present, answers, from_file=from_file)


@contextmanager
def _work_tree(
    repository: Path, commit: str, changes: bytes | None, options: ReproduceOptions
) -> Iterator[Path]:
    """Yield a temporary folder, in which `code` is a work tree as it was when it trained."""
    folder = Path(tempfile.mkdtemp(prefix="gms-reproduce-")).resolve()
    trees, is_ready = checkout.LinkedTrees(), False
    try:
        trees.add(repository, commit, folder / _TREE)
        for name in trees.lacking:
            options.notify(
                f"the submodule '{name}' is empty: it is not checked out in {repository}"
            )
        checkout.apply(changes or b"", folder / _TREE)
        is_ready = True
        yield folder
    finally:
        try:
            if not (options.keep and is_ready):
                trees.remove()
        finally:
            if options.keep:
                away = f"`git worktree remove -f {folder / _TREE}` removes the work tree"
                options.notify(f"left in '{folder}': {away}")
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _start(here: Path, repository: Path, tree: Path) -> Path:
    """Return the folder of the work tree that the working directory is in its repository."""
    here = here.resolve()
    within = tree / here.relative_to(repository) if here.is_relative_to(repository) else tree
    return within if within.is_dir() else tree


def _bring(
    manifest: Manifest, repository: Path, tree: Path, start: Path, options: ReproduceOptions
) -> None:
    """Copy into the work tree what git does not hold: recorded data, and what is asked for."""
    inside = start.relative_to(tree)
    for given in options.copy:
        path = (repository / inside / given).resolve()
        if not path.is_relative_to(repository) or not path.exists():
            raise InvalidInput(
                f"cannot copy '{given}': it is not in the repository '{repository}'",
                hint="name a file or folder in it, relative to where the command starts",
            )
        _copy(path, tree / path.relative_to(repository))
    for dataset in manifest.data:
        uri = (dataset.uri or "").removesuffix(".dvc")
        path = repository / inside / uri
        if not _is_inside(uri) or not path.exists() or (start / uri).exists():
            continue
        options.notify(f"copied '{uri}', which is not in git, from '{repository / inside}'")
        _copy(path, start / uri)


def _is_inside(uri: str) -> bool:
    """Whether the address of a data set is a path below the folder where training started."""
    path = PurePosixPath(uri)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _scratch(path: Path, options: ReproduceOptions) -> Repository:
    """Make the store that stands in for every other one."""
    Repository.init(path, bare=True, branch=BRANCH).configure(_SETTINGS)
    writer = Writer(_NOBODY, _NOBODY, options.when, options.notify, durable=False)
    return init(path, bare=True, identify=lambda _: writer).repository


@dataclass(frozen=True, slots=True)
class _Bench:
    """A version that is trained again, and the folders of that run."""

    snapshot: Snapshot
    version: ModelVersion
    options: ReproduceOptions
    folder: Path  # of all of them
    start: Path  # where commands start: a folder in the work tree of the recorded commit
    store: Repository  # stands in for every other one
    environment: TrainingEnvironment

    @property
    def out(self) -> Path:
        """Where the command may write its pipeline instead."""
        return self.folder / PIPELINE

    @property
    def recorded(self) -> Manifest:
        return self.snapshot.manifest(self.version)

    @property
    def surroundings(self) -> checkout.Surroundings:
        place = str(self.store.common_dir)
        variables = {"GITMODELSTORE": place, SCRATCH: place, OUT: str(self.out)}
        programs = self.environment.python.parent
        return checkout.Surroundings(programs, self.environment.modules, variables)

    def __str__(self) -> str:
        return f"`{' '.join(self.options.command)}`"

    def run(self) -> None:
        status = checkout.run(self.options.command, self.start, self.surroundings)
        if status:
            ending = f"exited with {status}" if status > 0 else f"was ended by signal {-status}"
            raise CannotReproduce(
                f"{self} {ending}",
                hint="name the files that it reads and that are not in git "
                "with --copy PATH; --keep keeps the work tree",
            )

    def made(self) -> tuple[ModelVersion, bool]:
        """Return the version that the command made, and whether it only wrote a file."""
        model = self.recorded.model
        from_file = self.out.exists()
        if from_file:
            self._register()
        snapshot = Snapshot.now(self.store)
        highest = snapshot.registry.highest(model)
        if highest is not None:
            return snapshot.version(model, highest), from_file
        others = ", ".join(sorted(snapshot.registry.models))
        raise CannotReproduce(
            f"{self} registered {others}, not {model}" if others else f"{self} wrote no pipeline",
            hint="have it call `gitmodelstore.register_model`, or write one to "
            f"${OUT} with joblib.dump",
        )

    def answers(self, made: ModelVersion) -> Replay | None:
        """Return how the new pipeline, where it was trained, answers the sample; or None."""
        if self.recorded.artifact(SAMPLE) is None:
            return None
        from gitmodelstore.estimators.replay import Comparison, DifferentRow, Replay

        sample = self.folder / SAMPLE
        sample.write_bytes(read_verified(self.snapshot, self.version, SAMPLE))
        question = (str(self.store.common_dir), made.ref, str(sample), *self.options.trusted)
        answers, error = self._ask("gitmodelstore.cli.reproduce", *question)
        if error:
            return Replay(0, why=error)
        document = json.loads(answers)
        comparisons = (
            Comparison(**{**one, "rows": tuple(DifferentRow(**row) for row in one["rows"])})
            for one in document["comparisons"]
        )
        return Replay(document["rows"], tuple(comparisons), document["why"])

    def _register(self) -> None:
        recorded = self.recorded
        data = [
            f"--data={dataset.role}={dataset.uri}"
            for dataset in recorded.data
            if _is_inside(dataset.uri or "") and (self.start / (dataset.uri or "")).exists()
        ]
        trust = [argument for name in self.options.trusted for argument in ("--trust", name)]
        arguments = [recorded.model, str(self.out), *data, *trust, "--quiet"]
        _, error = self._ask("gitmodelstore", "register", *arguments)
        if error:
            raise CannotReproduce(f"what {self} wrote to ${OUT} cannot be used: {error}")

    def _ask(self, module: str, *arguments: str) -> tuple[str, str | None]:
        """Run a module of ours in the environment; return what it prints, and its error."""
        command = [str(self.environment.python), "-m", module, *arguments]
        status, printed, message = checkout.ask(command, self.start, self.surroundings)
        if not status:
            return printed, None
        lines = [line.strip() for line in message.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        return printed, (errors or lines or ["it printed nothing"])[-1].removeprefix("error: ")


# Find the first bad version of a model, by asking about the middle of those in question.


GOOD, BAD, SKIPPED = "good", "bad", "skipped"
Test = Callable[[ModelVersion], bool | None]
_UNTESTABLE = (IntegrityError, MissingObject, FormatError, LoadError)


@dataclass(frozen=True, slots=True)
class Trial:
    """The test of one version.

    >>> found = store.bisect("churn", "1.0.0", "1.2.0", lambda version: version.ref < "churn@1.2.0")
    >>> [(str(trial.version), trial.verdict) for trial in found.trials][:1]
    [('churn 1.0.0', 'good')]

    Attributes:
        version: which.
        verdict: GOOD, BAD or SKIPPED.
        why: why it cannot be tested; None if the test gave the verdict.
    """

    version: ModelVersion
    verdict: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Bisection:
    """The result of a search.

    >>> found = store.bisect("churn", "1.0.0", "1.2.0", lambda version: version.ref < "churn@1.2.0")
    >>> print(found.first_bad)
    churn 1.2.0

    Attributes:
        good: the highest version that is known to be good, or was named as good.
        suspects: the first bad version is one of these, lowest first: those that could not be
            tested, and the lowest that is bad. There is one if the answer is clear.
        trials: every version that was tested, in order, first the two that were named.
    """

    good: ModelVersion
    suspects: tuple[ModelVersion, ...]
    trials: tuple[Trial, ...]

    @property
    def first_bad(self) -> ModelVersion | None:
        """The first bad version; None if it can be one of several."""
        return self.suspects[0] if len(self.suspects) == 1 else None


def bisect(
    snapshot: Snapshot,
    model: str,
    good: Named,
    bad: Named,
    test: Test,
    *,
    check: bool = True,
    notify: Callable[[str], None],
    seen: Callable[[Trial], None] | None = None,
) -> Bisection:
    """Find the first bad version above a good one, as `Store.bisect` says."""
    # Withdrawn versions are tested too: what was found bad later is what is looked for.
    check_model(snapshot, model)
    ends = resolve_of(snapshot, model, good), resolve_of(snapshot, model, bad)
    line, faults = _line(snapshot, *ends)
    notify(_question(line))
    trials: list[Trial] = []

    def judge(version: ModelVersion) -> str:
        fault = faults.get(version.version)
        trial = Trial(version, SKIPPED, fault) if fault else _trial(test, version)
        trials.append(trial)
        if seen is not None:
            seen(trial)
        return trial.verdict

    if check:
        for version, verdict in zip(ends, (GOOD, BAD), strict=True):
            judge(version)
            _refuse_misnamed(trials[-1], verdict)
    low, high = _narrow(line, judge)
    return Bisection(line[low], tuple(line[low + 1 : high + 1]), tuple(trials))


def _line(
    snapshot: Snapshot, good: ModelVersion, bad: ModelVersion
) -> tuple[list[ModelVersion], dict[Version, str]]:
    """Return the versions from good to bad, and why some of them have no known commit."""
    if good.version >= bad.version:
        raise BisectionError(
            f"{good}, given as good, is not below {bad}, given as bad",
            hint="to find the first good version, use a test that answers the other way round",
        )
    numbers = reversed(snapshot.registry.versions(good.model))
    line, faults = [good], {}
    for number in (number for number in numbers if good.version < number < bad.version):
        try:
            line.append(snapshot.version(good.model, number))
        except StoreError as error:
            status = snapshot.registry.status(good.model, number) or ""
            line.append(ModelVersion(good.model, number, status, ""))
            faults[number] = str(error)
    return [*line, bad], faults


def _question(line: Sequence[ModelVersion]) -> str:
    between = line[1:-1]
    if not between:
        return f"no version lies between {line[0]} and {line[-1].version}"
    count = f"{len(between)} version{'' if len(between) == 1 else 's'}"
    text = f"{count} between {line[0]} and {line[-1].version}"
    withdrawn = [str(version.version) for version in between if version.status == WITHDRAWN]
    if withdrawn:
        text += f", the withdrawn {', '.join(withdrawn)} among them"
    return f"{text}: at most {len(between).bit_length()} to test"


def _narrow(line: Sequence[ModelVersion], judge: Callable[[ModelVersion], str]) -> tuple[int, int]:
    """Return the places of the last good and the first bad one, as near as can be found out."""
    low, high = 0, len(line) - 1
    skipped: set[int] = set()
    while left := [place for place in range(low + 1, high) if place not in skipped]:
        middle = (low + high) / 2
        place = min(left, key=lambda place: abs(place - middle))
        verdict = judge(line[place])
        if verdict == GOOD:
            low = place
        elif verdict == BAD:
            high = place
        else:
            skipped.add(place)
    return low, high


def _trial(test: Test, version: ModelVersion) -> Trial:
    try:
        answer: Any = test(version)
    except _UNTESTABLE as error:
        return Trial(version, SKIPPED, str(error))
    plain = answer.item() if hasattr(answer, "item") else answer  # numpy's truth is not Python's
    if plain is None:
        return Trial(version, SKIPPED)
    if not isinstance(plain, bool):
        raise InvalidInput(
            f"the test of {version} answers {answer!a}, not True (good), False (bad) or "
            "None (cannot be tested)",
            hint="return True, False or None from the function",
        )
    return Trial(version, GOOD if plain else BAD)


def _refuse_misnamed(trial: Trial, verdict: str) -> None:
    if trial.verdict == verdict:
        return
    version, outcome = trial.version, f"the test says {trial.verdict}"
    if trial.verdict == SKIPPED:
        outcome = f"it cannot be tested{f': {trial.why}' if trial.why else ''}"
    raise BisectionError(
        f"{version} was given as {verdict}, but {outcome}",
        hint=f"name another version with --{verdict}, or skip this check with --no-check",
    )
