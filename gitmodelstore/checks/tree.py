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
_OWN = (MODELS, REGISTRY, SETTINGS, ATTRIBUTES)
# git obeys these wherever they stand, and so do the file systems that fold their names.
_OBEYED = re.compile(r"\.git.*|git~[0-9]+", re.IGNORECASE)
_ALLOWED_DOT_GIT = (".github", ".gitlab", ".gitlab-ci.yml", ".gitea", ".gitignore")
_KINDS = {0o120000: "a symbolic link", 0o160000: "a submodule", FOLDER: "a folder"}
_RESTORE = "git restore --source=HEAD --staged --worktree -- "


def root_faults(
    objects: Objects, before: Sequence[str], after: str, allow: tuple[str, ...]
) -> Iterator[Fault]:
    """Yield what is wrong beside the models, where no tree before stands for it.

    Args:
        objects: the repository.
        before: ids of the root trees of the parents, which were judged themselves.
        after: id of the root tree.
        allow: patterns of further paths that may stand there.
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
            yield from _foreign_faults(objects, name, entry, (*ALLOWED, *allow))


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


def _foreign_faults(
    objects: Objects, name: str, entry: Entry, allow: tuple[str, ...]
) -> Iterator[Fault]:
    for number, (path, found) in enumerate(_files(objects, name, entry)):
        if number >= MOST_FILES:
            yield Fault("GMS005", name, f"more than {MOST_FILES:,} files")
            return
        shown = _shown(path)
        parts = path.split("/")
        if any(_OBEYED.fullmatch(part) and part not in _ALLOWED_DOT_GIT for part in parts):
            yield Fault("GMS001", shown, "git itself would obey it", mend=unstage(shown))
        elif not any(fnmatchcase(path, pattern) for pattern in allow):
            mend = f'take it out, or name it in {SETTINGS}: [store] allow = ["{shown}"]'
            yield Fault("GMS001", shown, "not a file of a model store", mend=mend)
        elif found.mode != PLAIN_FILE:
            yield _not(PLAIN_FILE, shown, found.mode)
        elif hidden := hidden_character(path):
            yield Fault("GMS003", shown, f"its name holds the hidden character {hidden}")


def _files(objects: Objects, path: str, entry: Entry) -> Iterator[tuple[str, Entry]]:
    if entry.mode != FOLDER:
        yield path, entry
        return
    for name, below in objects.entries(entry.oid).items():
        yield from _files(objects, f"{path}/{name}", below)


def _not(wanted: int, path: str, mode: int) -> Fault:
    kind = _KINDS.get(mode, f"of mode {mode:o}")
    expected = "a folder" if wanted == FOLDER else f"a plain file (mode {PLAIN_FILE:o})"
    mend = f"git update-index --chmod=-x -- {_quoted(path)}" if mode == 0o100755 else ""
    return Fault("GMS002", path, f"is {kind}, expected {expected}", mend=mend)


def _shown(name: str) -> str:
    """Return a name that may hold anything, fit to be printed."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)
