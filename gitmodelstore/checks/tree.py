"""What may stand in an artifacts repository beside its models, and the names of those."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from gitmodelstore.checks.fault import Fault
from gitmodelstore.errors import InvalidName
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.layout import (
    ATTRIBUTES,
    FOLDER_FILES,
    MODELS,
    REGISTRY,
    SETTINGS,
    STORE_ATTRIBUTES,
    folder,
)
from gitmodelstore.values.names import model_name
from gitmodelstore.values.objects import FOLDER, PLAIN_FILE, Entry

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from gitmodelstore.checks.objects import Objects
    from gitmodelstore.values.policy import Policy

# What teams and git hosts keep in every repository.
ALLOWED = (
    "README.md",
    "LICENSE",
    "SECURITY.md",
    "CODEOWNERS",
    ".github/**",
    ".gitlab/**",
    ".gitlab-ci.yml",
    ".gitea/**",
    ".forgejo/**",
)
MOST_FILES = 10_000  # beside the models
MOST_SETTINGS_BYTES = 2**20
_MODELS = (".joblib", ".pkl", ".pickle")  # text too, where an old protocol wrote it
_OWN = (MODELS, REGISTRY, SETTINGS, ATTRIBUTES)
# git obeys these wherever they stand, and so do the file systems that fold their names.
_OBEYED = re.compile(r"\.git.*|git~[0-9]+", re.IGNORECASE)
_ALLOWED_DOT_GIT = (".github", ".gitlab", ".gitlab-ci.yml", ".gitea", ".gitignore")
_KINDS = {0o120000: "a symbolic link", 0o160000: "a submodule", FOLDER: "a folder"}
_RESTORE = "git restore --source=HEAD --staged --worktree -- "


def root_faults(
    objects: Objects, before: Sequence[str], after: str, policy: Policy
) -> Iterator[Fault]:
    """Yield what is wrong beside the models, where no tree before stands for it.

    Args:
        objects: the repository.
        before: ids of the root trees of the parents, which were judged themselves.
        after: id of the root tree.
        policy: says which further files may stand there, and what they may be.
    """
    were, becomes = [objects.entries(tree) for tree in before], objects.entries(after)
    for name in (REGISTRY, ATTRIBUTES):
        if name not in becomes:
            yield Fault("GMS020", name, "missing", mend=f"{_RESTORE}{name}")
    for name, entry in becomes.items():
        if any(was.get(name) == entry for was in were):
            continue
        if name == MODELS:
            if entry.mode != FOLDER:
                yield _not(FOLDER, name, entry.mode)
        elif name in _OWN:
            yield from _own_faults(objects, name, entry)
        else:
            yield from _foreign_faults(
                objects, name, entry, [was.get(name) for was in were], policy
            )


def folder_names(objects: Objects, tree: str) -> Mapping[str, Entry]:
    """Return the entries of `models/` in a root tree; none without it."""
    entry = objects.entries(tree).get(MODELS)
    return objects.entries(entry.oid) if entry and entry.mode == FOLDER else {}


def name_faults(model: str, entry: Entry) -> Iterator[Fault]:
    """Yield what is wrong with an entry of `models/` before one looks into it."""
    try:
        model_name(model)
    except InvalidName as error:
        yield Fault("GMS003", folder(_shown(model)), str(error), mend=error.hint or "")
    if entry.mode != FOLDER:
        yield _not(FOLDER, folder(model), entry.mode)


def file_faults(model: str, modes: Mapping[str, int]) -> Iterator[Fault]:
    """Yield the files of a model's folder, by name and mode, that are foreign or no plain files."""
    for name, mode in sorted(modes.items()):
        path = f"{folder(model)}/{_shown(name)}"
        if name not in FOLDER_FILES:
            yield Fault("GMS001", path, "not a file of a version", mend=unstage(path))
        elif mode != PLAIN_FILE:
            yield _not(PLAIN_FILE, path, mode)


def unstage(path: str) -> str:
    """Return the command that takes a file out of what is to be committed."""
    return f"git rm --cached -- {_quoted(path)}"


def _quoted(path: str) -> str:
    """Return a path as a shell reads it."""
    import shlex  # only for what is wrong: a hook that finds nothing is to be quick

    return shlex.quote(path)


def _own_faults(objects: Objects, name: str, entry: Entry) -> Iterator[Fault]:
    if entry.mode != PLAIN_FILE:
        yield _not(PLAIN_FILE, name, entry.mode)
    elif name == ATTRIBUTES and objects.content(entry.oid, name) != STORE_ATTRIBUTES:
        what = "not the content that it has in every store"
        yield Fault("GMS004", name, what, mend=f"{_RESTORE}{name}")
    elif name == SETTINGS and (size := objects.size(entry.oid, name)) > MOST_SETTINGS_BYTES:
        yield Fault("GMS005", name, f"{size:,} bytes, more than {MOST_SETTINGS_BYTES:,}")


def _foreign_faults(
    objects: Objects, name: str, entry: Entry, before: Sequence[Entry | None], policy: Policy
) -> Iterator[Fault]:
    """Yield what is wrong with the files below a name; those that stood there are not judged."""
    for number, (path, found, is_new) in enumerate(_files(objects, name, entry, before)):
        if number >= MOST_FILES:
            yield Fault("GMS005", name, f"more than {MOST_FILES:,} files")
            return
        if is_new:
            yield from _file_faults(objects, path, found, policy)


def _file_faults(objects: Objects, path: str, entry: Entry, policy: Policy) -> Iterator[Fault]:
    shown = _shown(path)
    parts = path.split("/")
    if any(_OBEYED.fullmatch(part) and part not in _ALLOWED_DOT_GIT for part in parts):
        yield Fault("GMS001", shown, "git itself would obey it", mend=unstage(shown))
    elif not _fits(path, (*ALLOWED, *policy.allow)):
        mend = f'take it out, or name it in {SETTINGS}: [store] allow = ["{shown}"]'
        yield Fault("GMS001", shown, "not a file of a model store", mend=mend)
    elif entry.mode != PLAIN_FILE:
        yield _not(PLAIN_FILE, shown, entry.mode)
    elif hidden := hidden_character(path):
        yield Fault("GMS003", shown, f"its name holds the hidden character {hidden}")
    elif (size := objects.size(entry.oid, shown)) > policy.allow_bytes:
        mend = f'take it out, or raise the bound in {SETTINGS}: [store] allow_size = "10 MiB"'
        yield Fault("GMS005", shown, f"{size:,} bytes, more than {policy.allow_bytes:,}", mend=mend)
    elif not _fits(path, policy.allow_binary) and (
        path.lower().endswith(_MODELS) or not is_text(objects.content(entry.oid, shown))
    ):
        mend = f'take it out, or name it in {SETTINGS}: [store] allow_binary = ["{shown}"]'
        yield Fault("GMS001", shown, "not text; what is no model is text here", mend=mend)


def is_text(data: bytes) -> bool:
    """Whether the content of a file is text: UTF-8 without a NUL."""
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _fits(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _files(
    objects: Objects, path: str, entry: Entry, before: Sequence[Entry | None]
) -> Iterator[tuple[str, Entry, bool]]:
    """Yield each file below a path, and whether it stood there in no tree before."""
    if entry.mode != FOLDER:
        yield path, entry, entry not in before
        return
    were = [objects.entries(was.oid) for was in before if was and was.mode == FOLDER]
    for name, below in objects.entries(entry.oid).items():
        yield from _files(objects, f"{path}/{name}", below, [was.get(name) for was in were])


def _not(wanted: int, path: str, mode: int) -> Fault:
    kind = _KINDS.get(mode, f"of mode {mode:o}")
    expected = "a folder" if wanted == FOLDER else f"a plain file (mode {PLAIN_FILE:o})"
    mend = f"git update-index --chmod=-x -- {_quoted(path)}" if mode == 0o100755 else ""
    return Fault("GMS002", path, f"is {kind}, expected {expected}", mend=mend)


def _shown(name: str) -> str:
    """Return a name that may hold anything, fit to be printed."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)
