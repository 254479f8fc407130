"""Train a version again, from its recorded code, and see whether the same comes out.

The command is somebody's own, and runs as if that person had typed it. What is around it is
ours: a work tree of the recorded commit, a store that stands in for every other one, so that
nothing is registered anywhere, and no trace of either afterwards.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gitmodelstore.errors import CannotReproduce, InvalidInput
from gitmodelstore.operations.init import BRANCH, init
from gitmodelstore.operations.load import read_verified
from gitmodelstore.operations.reproduced import Ran, Reproduction, compare
from gitmodelstore.operations.snapshot import Snapshot
from gitmodelstore.operations.training_code import (
    kept_changes,
    recorded_code,
    training_repository,
)
from gitmodelstore.operations.training_environment import (
    TrainingEnvironment,
    training_environment,
)
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing import linked, runs
from gitmodelstore.plumbing.identity import Identity
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.user import SCRATCH
from gitmodelstore.values.layout import PIPELINE, SAMPLE
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.model_version import ModelVersion

if TYPE_CHECKING:
    from gitmodelstore.pipelines.replay import Replay

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
_AWAY = "`git worktree remove -f {tree}` takes the work tree away"
_COMMANDS = "gitmodelstore"
_ASK = "gitmodelstore.cli.asked_again"


@dataclass(frozen=True, slots=True)
class Again:
    """How a version is to be trained again; `Store.reproduce` says what each field means."""

    command: Sequence[str]
    here: Path
    when: datetime
    notify: Callable[[str], None]
    code: Path | None = None
    copy: Sequence[str | PathLike[str]] = ()
    with_uv: bool = True
    keep: bool = False
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bench:
    """The folders of one run.

    Attributes:
        folder: of all of them.
        start: where commands start: a folder in the work tree of the recorded commit.
        store: the store that stands in for every other one.
        out: where the command may write its pipeline instead.
        environment: whose `python` it is.
        surroundings: of every command.
    """

    folder: Path
    start: Path
    store: Repository
    out: Path
    environment: TrainingEnvironment
    surroundings: runs.Surroundings


def reproduce(snapshot: Snapshot, version: ModelVersion, again: Again) -> Reproduction:
    """Train a version again and compare what comes out with what was registered.

    Raises:
        CannotReproduce: its code is not at hand, or the command failed or left no pipeline.
        InvalidInput: there is no command, or nothing to copy where `copy` says.
        GitFailed: git could not check the code out, or the kept changes do not fit.
        IntegrityError, FormatError, MissingObject: the version is not the released one.
    """
    if not again.command:
        raise InvalidInput("there is no command to run", hint="write it after --")
    manifest = snapshot.manifest(version)
    code, commit = recorded_code(version, manifest)
    store = snapshot.repository.common_dir
    repository = training_repository(version, code, commit, again.code, again.here, store)
    changes = kept_changes(snapshot, version, code)
    if code.dirty and changes is None:
        again.notify(f"{version} was trained with uncommitted changes, of which none are kept")
    with _folder(again) as folder, _tree(repository, commit, changes, folder, again) as tree:
        start = _start(again.here, repository, tree)
        _bring(manifest, repository, tree, start, again)
        bench = _bench(snapshot, version, folder, start, again)
        _run(again.command, bench)
        made, from_file = _made(bench, manifest, again)
        answers = _answers(snapshot, version, made, bench, again)
        ran = Ran(
            commit,
            changes is not None,
            tuple(again.command),
            bench.environment.kind,
            bench.environment.differences,
            folder if again.keep else None,
        )
        present = Snapshot.now(bench.store).manifest(made)
        return compare(version, ran, manifest, present, answers, from_file=from_file)


@contextmanager
def _folder(again: Again) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gms-reproduce-")).resolve()
    try:
        yield folder
    finally:
        if again.keep:
            again.notify(f"left in '{folder}': {_AWAY.format(tree=folder / _TREE)}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _tree(
    repository: Path, commit: str, changes: bytes | None, folder: Path, again: Again
) -> Iterator[Path]:
    trees, tree = linked.LinkedTrees(), folder / _TREE
    is_ready = False
    try:
        trees.add(repository, commit, tree)
        for name in trees.lacking:
            again.notify(f"the submodule '{name}' is empty: it is not checked out in {repository}")
        linked.apply(changes or b"", tree)
        is_ready = True
        yield tree
    finally:
        if not (again.keep and is_ready):
            trees.remove()


def _start(here: Path, repository: Path, tree: Path) -> Path:
    """Return the folder of the work tree that the working directory is in its repository."""
    here = here.resolve()
    within = tree / here.relative_to(repository) if here.is_relative_to(repository) else tree
    return within if within.is_dir() else tree


def _bring(manifest: Manifest, repository: Path, tree: Path, start: Path, again: Again) -> None:
    """Copy into the work tree what git does not hold: recorded data, and what is asked for."""
    inside = start.relative_to(tree)
    for given in again.copy:
        path = (repository / inside / given).resolve()
        if not path.is_relative_to(repository) or not path.exists():
            raise InvalidInput(
                f"there is no '{given}' in the repository '{repository}' to be copied",
                hint="name a file or folder of it, relative to where the command starts",
            )
        _copy(path, tree / path.relative_to(repository))
    for dataset in manifest.data:
        uri = (dataset.uri or "").removesuffix(".dvc")
        path = repository / inside / uri
        if not _is_inside(uri) or not path.exists() or (start / uri).exists():
            continue
        again.notify(f"copied '{uri}', which git does not hold, from '{repository / inside}'")
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


def _bench(
    snapshot: Snapshot, version: ModelVersion, folder: Path, start: Path, again: Again
) -> _Bench:
    (folder / "environment").mkdir()
    environment = training_environment(
        snapshot, version, folder / "environment", again.notify, start=start, with_uv=again.with_uv
    )
    store, out = _scratch(folder / "store.git", again), folder / PIPELINE
    place = str(store.common_dir)
    variables = {"GITMODELSTORE": place, SCRATCH: place, OUT: str(out)}
    around = runs.Surroundings(environment.programs, environment.modules, variables)
    return _Bench(folder, start, store, out, environment, around)


def _scratch(path: Path, again: Again) -> Repository:
    """Make the store that stands in for every other one."""
    Repository.init(path, bare=True, branch=BRANCH).configure(_SETTINGS)
    writer = Writer(_NOBODY, _NOBODY, again.when, again.notify, durable=False)
    return init(path, bare=True, identify=lambda _: writer).repository


def _run(command: Sequence[str], bench: _Bench) -> None:
    status = runs.run(command, bench.start, bench.surroundings)
    if status:
        said = f"exited with {status}" if status > 0 else f"was ended by signal {-status}"
        raise CannotReproduce(
            f"`{' '.join(command)}` {said}",
            hint="name what it reads and git does not hold with --copy PATH; "
            "--keep leaves the work tree to look at",
        )


def _made(bench: _Bench, recorded: Manifest, again: Again) -> tuple[ModelVersion, bool]:
    """Return the version that the command made, and whether it only wrote a file.

    Raises:
        CannotReproduce: it made none, or of another model.
    """
    model = recorded.model
    from_file = bench.out.exists()
    if from_file:
        _register(bench, recorded, again)
    snapshot = Snapshot.now(bench.store)
    highest = snapshot.registry.highest(model)
    if highest is not None:
        return snapshot.version(model, highest), from_file
    others = sorted(snapshot.registry.models)
    raise CannotReproduce(
        f"`{' '.join(again.command)}` registered {', '.join(others)}, not {model}"
        if others
        else f"`{' '.join(again.command)}` left no pipeline",
        hint=f"let it call `gitmodelstore.register_model`, or joblib.dump into ${OUT}",
    )


def _register(bench: _Bench, recorded: Manifest, again: Again) -> None:
    """Register the file that the command wrote, in its own environment."""
    data = [
        f"--data={dataset.role}={dataset.uri}"
        for dataset in recorded.data
        if _is_inside(dataset.uri or "") and (bench.start / (dataset.uri or "")).exists()
    ]
    trust = [argument for name in again.trusted for argument in ("--trust", name)]
    arguments = [recorded.model, str(bench.out), *data, *trust, "--quiet"]
    status, _, said = runs.ask(
        [str(bench.environment.python), "-m", _COMMANDS, "register", *arguments],
        bench.start,
        bench.surroundings,
    )
    if status:
        raise CannotReproduce(
            f"what `{' '.join(again.command)}` wrote into ${OUT} cannot be taken: "
            f"{_last_line(said).removeprefix('error: ')}"
        )


def _answers(
    snapshot: Snapshot, version: ModelVersion, made: ModelVersion, bench: _Bench, again: Again
) -> Replay | None:
    """Return what the new pipeline answers to the recorded sample; None without one.

    It is asked in the environment, and with the modules, that it was trained in.
    """
    if snapshot.manifest(version).artifact(SAMPLE) is None:
        return None
    from gitmodelstore.pipelines.replay import Comparison, DifferentRow, Replay

    sample = bench.folder / SAMPLE
    sample.write_bytes(read_verified(snapshot, version, SAMPLE))
    command = [
        str(bench.environment.python),
        "-m",
        _ASK,
        str(bench.store.common_dir),
        made.ref,
        str(sample),
    ]
    status, told, said = runs.ask([*command, *again.trusted], bench.start, bench.surroundings)
    if status:
        return Replay(0, why=_last_line(said).removeprefix("error: "))
    document = json.loads(told)
    comparisons = (
        Comparison(**{**one, "rows": tuple(DifferentRow(**row) for row in one["rows"])})
        for one in document["comparisons"]
    )
    return Replay(document["rows"], tuple(comparisons), document["why"])


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it said nothing"])[-1]
