"""The three hooks for ML repositories, as the scripts in hooks/ call them."""
# They run from a bare clone with the standard library alone, and most commits touch no model: until
# that is known nothing else of this package is imported.

from __future__ import annotations

import os
import sys

from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.git import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitmodelstore.checks.fault import Fault

LOCK = "modelstore.lock.json"
# What holds a fitted model, by the libraries that write it.
BINARIES = (
    ".joblib", ".pkl", ".pickle", ".dill", ".cloudpickle", ".skops",  # scikit-learn and others
    ".onnx", ".pmml", ".safetensors", ".mlmodel",  # formats for exchange
    ".pt", ".pth", ".ckpt", ".keras", ".h5", ".hdf5", ".tflite",  # neural networks
    ".cbm", ".ubj", ".bst",  # CatBoost, XGBoost
)  # fmt: skip


def run(hook: Callable[[Sequence[str]], Iterable[Fault]]) -> None:
    """Run a hook on the files that the command line names, and exit: 0 when nothing is wrong."""
    code = answer(hook, sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # tidying up takes Python as long as starting, and nothing is left to tidy


def answer(hook: Callable[[Sequence[str]], Iterable[Fault]], names: Sequence[str]) -> int:
    """Run a hook, say what is wrong on stderr, and return the exit code."""
    try:
        faults = tuple(hook(names))
    except Exception as error:  # a StoreError, whose module hooks import only then
        from gitmodelstore.errors import StoreError

        if not isinstance(error, StoreError):
            raise
        _say("error", str(error))
        if error.hint:
            _say("hint", error.hint)
        return 1
    for fault in faults:
        _say("error", str(fault))
        if fault.mend:
            _say("hint", fault.mend)
    return 1 if faults else 0


def validate(names: Sequence[str]) -> Iterable[Fault]:
    """Return what is wrong with the model folders that a commit touches."""
    index = git.StagedFiles(names, folders=True)
    folders = index.model_folders()
    if not folders:
        return
    files = index.files_of(folders)
    contents = git.Contents(files)  # which are read while this imports

    from gitmodelstore.checks.folder import model_folder_faults
    from gitmodelstore.values.objects import PLAIN_FILE

    for folder in folders:
        start = f"{folder}/" if folder else ""
        inside = {
            path.removeprefix(start): entry
            for path, entry in files.items()
            if path.startswith(start) and (folder or "/" not in path)
        }
        facts = {name: contents.facts(oid, mode) for name, (mode, oid) in inside.items()}
        read = {
            name: contents.data(oid) for name, (mode, oid) in inside.items() if mode == PLAIN_FILE
        }
        attributes = read.get(".gitattributes")
        yield from model_folder_faults(folder, facts, read.get(git.MANIFEST), attributes)


def no_raw_models(names: Sequence[str]) -> Iterable[Fault]:
    """Return the model binaries of a commit that no manifest beside them lists."""
    changes = git.StagedFiles(names).changes()
    binaries = {path for path, letter in changes.items() if letter != "D" and _is_binary(path)}
    folders = {os.path.dirname(path) for path in changes if os.path.basename(path) == git.MANIFEST}
    if not binaries and not folders:
        return ()
    folders_of = folders | {os.path.dirname(path) for path in binaries}
    files = git.entries([git.folder_pathspec(folder) for folder in sorted(folders_of)])
    # Beside a manifest that is changed or deleted, those that stay as they are count too.
    binaries |= {path for path in files if os.path.dirname(path) in folders and _is_binary(path)}
    return _judge_binaries(sorted(binaries & files.keys()), files)


def _judge_binaries(binaries: Sequence[str], files: dict[str, tuple[int, str]]) -> Iterable[Fault]:
    if not binaries:
        return
    beside = {path: _beside(path) for path in binaries}
    listed = [path for path in binaries if beside[path] in files]
    wanted = [*listed, *(beside[path] for path in listed)]
    contents = git.Contents({path: files[path] for path in wanted})
    binaries = [path for path in binaries if not _plainly_listed(path, beside, files, contents)]
    if not binaries:
        return

    from gitmodelstore.checks.folder import raw_model_fault
    from gitmodelstore.values.objects import PLAIN_FILE

    for path in binaries:
        facts = manifest = None
        if path in listed:
            facts = contents.facts(files[path][1], files[path][0])
            mode, oid = files[beside[path]]
            manifest = contents.data(oid) if mode == PLAIN_FILE else None
        fault = raw_model_fault(path, facts, manifest)
        if fault is not None:
            yield fault


def _plainly_listed(
    path: str, beside: dict[str, str], files: dict[str, tuple[int, str]], contents: git.Contents
) -> bool:
    """Return whether a pipeline is the one that the manifest beside it lists."""
    # So it is in every honest folder, at a fifth of the work; gitmodelstore-validate judges the
    # manifest.
    name = os.path.basename(path)
    if name != git.PIPELINE or beside[path] not in files:
        return False
    modes = {files[path][0], files[beside[path]][0]}
    manifest = contents.data(files[beside[path]][1]) if modes == {0o100644} else b""
    return _plainly_lists(manifest, name, *contents.plain(files[path][1]))


def _plainly_lists(manifest: bytes, name: str, sha256: str, size_bytes: int) -> bool:
    """Return whether a manifest lists exactly this file; False also if it cannot be read."""
    import json

    try:
        value = json.loads(manifest)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or not {"schema", "model", "version"} <= value.keys():
        return False
    listed = value.get("artifacts")
    return isinstance(listed, list) and any(
        isinstance(entry, dict)
        and (entry.get("path"), entry.get("sha256"), entry.get("size_bytes"))
        == (name, sha256, size_bytes)
        for entry in listed
    )


def lock(names: Sequence[str]) -> Iterable[Fault]:
    """Return where lock files, or the one of this folder, differ from the clone of the store."""
    wanted = [name for name in names if os.path.basename(name) == LOCK] or [LOCK]
    files = git.entries([git.file_pathspec(name) for name in wanted])
    if not files:
        return
    contents = git.Contents(files)

    from pathlib import Path

    from gitmodelstore.checks.fault import Fault
    from gitmodelstore.plumbing.ml_repository import Clone, locate, lock_faults, read_lock
    from gitmodelstore.values.objects import PLAIN_FILE

    for path, (mode, oid) in files.items():
        if mode != PLAIN_FILE:
            yield Fault("GMS080", path, "not a plain file")
            continue
        pinned, faults = read_lock(contents.data(oid), path)
        yield from faults
        if pinned is not None and pinned.models:
            clone = Clone(locate(Path(path).parent, pinned))
            yield from lock_faults(pinned, clone.held(pinned), path)


def _is_binary(path: str) -> bool:
    return path.lower().endswith(BINARIES)


def _beside(path: str) -> str:
    folder = os.path.dirname(path)
    return f"{folder}/{git.MANIFEST}" if folder else git.MANIFEST


def _say(kind: str, text: str) -> None:
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    print(f"{kind}: {text}", file=sys.stderr)
