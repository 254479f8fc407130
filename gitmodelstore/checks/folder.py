"""What the folder of a model must be, in a store and in a commit to an ML repository."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from gitmodelstore.checks.fault import RESTORE, Fault, format_faults, manifests, samples
from gitmodelstore.errors import FormatError, InvalidName
from gitmodelstore.lean import TYPE_CHECKING, cached_property, dataclass, pattern, replace, sha256
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.names import (
    ATTRIBUTES,
    CARD,
    CODE_DIFF,
    EARLIER_ATTRIBUTES,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    FOLDER_FILES,
    INSTALLED,
    MANIFEST,
    MODEL_PATTERN,
    MODELS,
    PIPELINE,
    REGISTRY,
    REQUIREMENTS,
    SAMPLE,
    SETTINGS,
    STORE_ATTRIBUTES,
    Version,
    folder,
    model_name,
)
from gitmodelstore.values.objects import FOLDER, MOST_POINTER_BYTES, PLAIN_FILE, Entry, read_pointer

if TYPE_CHECKING:
    from gitmodelstore.checks.history import Objects
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.policy import Policy


# What may stand in an artifacts repository beside its models, and the names of those.

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
_OBEYED = pattern(r"\.git.*|git~[0-9]+", re.IGNORECASE)
_ALLOWED_DOT_GIT = (".github", ".gitlab", ".gitlab-ci.yml", ".gitea", ".gitignore")
_KINDS = {0o120000: "a symbolic link", 0o160000: "a submodule", FOLDER: "a folder"}


def root_faults(
    objects: Objects, before: Sequence[str], after: str, policy: Policy
) -> Iterator[Fault]:
    """Yield what is wrong beside the models, where no tree before stands for it."""
    were, becomes = [objects.entries(tree) for tree in before], objects.entries(after)
    for name in (REGISTRY, ATTRIBUTES):
        if name not in becomes:
            yield Fault("GMS020", name, "missing", mend=RESTORE.format(path=name))
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


def folder_entry(objects: Objects, tree: str, model: str) -> Entry | None:
    """Return the entry of a model's folder in a root tree; None without one."""
    return folder_names(objects, tree).get(model)


def manifest_entry(objects: Objects, tree: str, model: str) -> Entry | None:
    """Return the entry of a model's manifest in a root tree; None without one."""
    entry = folder_entry(objects, tree, model)
    return objects.entries(entry.oid).get(MANIFEST) if entry and entry.mode == FOLDER else None


def name_faults(model: str, entry: Entry) -> Iterator[Fault]:
    """Yield what is wrong with an entry of `models/` before one looks into it."""
    try:
        model_name(model)
    except InvalidName as error:
        yield Fault("GMS003", folder(_shown(model)), str(error), mend=error.hint or "")
    if entry.mode != FOLDER:
        yield _not(FOLDER, folder(model), entry.mode)


def file_faults(model: str, modes: Mapping[str, int]) -> Iterator[Fault]:
    """Yield the files of a model's folder that are foreign, not plain, or missing."""
    for name, mode in sorted(modes.items()):
        path = f"{folder(model)}/{_shown(name)}"
        if name not in FOLDER_FILES:
            yield Fault("GMS001", path, "not a file of a version", mend=unstage(path))
        elif mode != PLAIN_FILE:
            yield _not(PLAIN_FILE, path, mode)
    for name in sorted(_ALWAYS - modes.keys()):
        yield Fault("GMS020", f"{folder(model)}/{name}", "missing")


def unstage(path: str) -> str:
    """Return the command that takes a file out of the commit."""
    return f"git rm --cached -- {quoted_path(path)}"


def quoted_path(path: str) -> str:
    """Return a path as a POSIX shell reads it."""
    import shlex  # only for what is wrong: a hook that finds nothing is to be quick

    return shlex.quote(path)


def _own_faults(objects: Objects, name: str, entry: Entry) -> Iterator[Fault]:
    if entry.mode != PLAIN_FILE:
        yield _not(PLAIN_FILE, name, entry.mode)
    elif name == ATTRIBUTES:
        if objects.content(entry.oid, name) not in (STORE_ATTRIBUTES, EARLIER_ATTRIBUTES):
            yield Fault("GMS004", name, "does not have its fixed content")
    elif name == SETTINGS:
        yield from size_faults(objects, name, entry.oid, MOST_SETTINGS_BYTES)


def size_faults(
    objects: Objects, path: str, oid: str, most: int, mend: str = ""
) -> Iterator[Fault]:
    size = 0 if oid in objects.left_out else objects.size(oid, path)
    if size > most:
        yield Fault("GMS005", path, f"{size:,} bytes, more than {most:,}", mend=mend)


def _foreign_faults(
    objects: Objects, name: str, entry: Entry, before: Sequence[Entry | None], policy: Policy
) -> Iterator[Fault]:
    """Yield what is wrong with the files below a name; those that stood there are not judged."""
    for number, (path, file, is_new) in enumerate(_files(objects, name, entry, before)):
        if number >= MOST_FILES:
            yield Fault("GMS005", name, f"more than {MOST_FILES:,} files")
            return
        if is_new:
            yield from _file_faults(objects, path, file, policy)


def _file_faults(objects: Objects, path: str, entry: Entry, policy: Policy) -> Iterator[Fault]:
    shown = _shown(path)
    parts = path.split("/")
    if any(_OBEYED.fullmatch(part) and part not in _ALLOWED_DOT_GIT for part in parts):
        yield Fault("GMS001", shown, "git would act on it", mend=unstage(shown))
    elif not _fits(path, (*ALLOWED, *policy.allow)):
        mend = f'remove it, or list it in {SETTINGS}: [store] allow = ["{shown}"]'
        yield Fault("GMS001", shown, "not a file of a model store", mend=mend)
    elif entry.mode != PLAIN_FILE:
        yield _not(PLAIN_FILE, shown, entry.mode)
    elif hidden := hidden_character(path):
        yield Fault("GMS003", shown, f"its name contains the hidden character {hidden}")
    elif entry.oid in objects.left_out:
        return
    elif objects.size(entry.oid, shown) > policy.allow_bytes:
        mend = f'remove it, or raise the limit in {SETTINGS}: [store] allow_size = "10 MiB"'
        yield from size_faults(objects, shown, entry.oid, policy.allow_bytes, mend)
    elif not _fits(path, policy.allow_binary) and (
        path.lower().endswith(_MODELS) or not is_text(objects.content(entry.oid, shown))
    ):
        mend = f'remove it, or list it in {SETTINGS}: [store] allow_binary = ["{shown}"]'
        yield Fault("GMS001", shown, "not text; only models may be binary here", mend=mend)


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
    mend = f"git update-index --chmod=-x -- {quoted_path(path)}" if mode == 0o100755 else ""
    return Fault("GMS002", path, f"is {kind}, expected {expected}", mend=mend)


def _shown(name: str) -> str:
    """Return a name that may hold anything, fit to be printed."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)


# Files whose size their format does not bound; beyond it a host's page would not show them.
MOST_BYTES = {CARD: 2**20, REQUIREMENTS: 2**20, INSTALLED: 2**20, CODE_DIFF: 2**24}
UNLIMITED = 2**63
_SEND = "send it first, with the package 'git-lfs': git lfs push --all REMOTE"
_ALWAYS = frozenset({MANIFEST, PIPELINE, CARD, ATTRIBUTES})


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a check must know of a file."""

    sha256: str  # of its content (behind a Git LFS pointer: of what it points to)
    size_bytes: int
    mode: int = PLAIN_FILE  # in git; with any other mode, digest and size do not matter


def folder_faults(
    model: str,
    version: Version,
    files: Mapping[str, FileFacts],
    manifest: Manifest,
    attributes: bytes | None,
) -> Iterator[Fault]:
    """Yield what is wrong with the folder of one version, whose files are these."""
    where = folder(model)
    yield from file_faults(model, {name: facts.mode for name, facts in files.items()})
    if attributes not in (None, FOLDER_ATTRIBUTES, FOLDER_ATTRIBUTES_LFS):
        what = "not one of the two allowed contents"
        yield Fault("GMS004", f"{where}/{ATTRIBUTES}", what)
    if (manifest.model, manifest.version) != (model, version):
        what = f"belongs to {manifest.model} {manifest.version}, not to {model} {version}"
        yield Fault("GMS023", f"{where}/{MANIFEST}", what)
    yield from artifact_faults(where, manifest, files)


def artifact_faults(
    where: str, manifest: Manifest, files: Mapping[str, FileFacts]
) -> Iterator[Fault]:
    """Yield the differences between the files in the folder `where` and its manifest."""
    declared = {entry.path: entry for entry in manifest.artifacts}
    for name in sorted((files.keys() & FOLDER_FILES) - declared.keys() - {MANIFEST, CARD}):
        yield Fault("GMS021", f"{where}/{name}", "not listed in the manifest")
    for name, entry in declared.items():
        facts = files.get(name)
        if facts is None and name in _ALWAYS:
            continue  # `file_faults` reports it
        if facts is None:
            what = "listed in the manifest, but not in the folder"
            yield Fault("GMS020", f"{where}/{name}", what)
        elif facts.mode == PLAIN_FILE and not entry.lists(facts):
            what = (
                f"{facts.size_bytes} bytes of sha256 {facts.sha256[:12]}, the "
                f"manifest says {entry.size_bytes} of {entry.sha256[:12]}"
            )
            yield Fault("GMS022", f"{where}/{name}", what)


class FolderJudge:
    """Judges the folders of models in a repository, each tree once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._faults: dict[tuple[str, Version | None, str], list[Fault]] = {}
        self._digests: dict[str, str] = {}  # SHA-256 of manifests

    @cached_property
    def _most_bytes(self) -> int:
        most = self._objects.setting("modelstore.maxFileBytes") or ""
        return int(most) if most.isdigit() else UNLIMITED

    def manifest(self, model: str, entry: Entry | None) -> Manifest | None:
        """Return the manifest in a folder; None without one that follows its format."""
        if entry is None or entry.mode != FOLDER:
            return None
        try:
            return self._manifest(model, self._objects.entries(entry.oid))
        except FormatError:
            return None

    def faults(self, model: str, version: Version | None, tree: str) -> list[Fault]:
        """Return the faults of a folder; also if it does not hold `version`, if one is given."""
        key = (model, version, tree)
        if key not in self._faults:
            self._faults[key] = list(self._judged(*key))
        return self._faults[key]

    def _judged(self, model: str, version: Version | None, tree: str) -> Iterator[Fault]:
        where = folder(model)
        entries = self._objects.entries(tree)
        plain = {name: entry for name, entry in entries.items() if entry.mode == PLAIN_FILE}
        manifest = None
        try:
            manifest = self._manifest(model, entries)
        except FormatError as error:
            mend = f"gms register --from-folder {where}"
            yield from format_faults(error, "GMS010", f"{where}/{MANIFEST}", mend)
        for name, entry in plain.items():
            most = min(MOST_BYTES.get(name, self._most_bytes), self._most_bytes)
            if most < UNLIMITED:  # else nobody needs to know how large it is
                yield from size_faults(self._objects, f"{where}/{name}", entry.oid, most)
        if manifest is None:
            yield from file_faults(model, {name: entry.mode for name, entry in entries.items()})
            return
        if SAMPLE in plain:
            yield from self._sample_faults(f"{where}/{SAMPLE}", plain[SAMPLE].oid)
        attributes = None
        if ATTRIBUTES in plain:
            attributes = self._objects.content(plain[ATTRIBUTES].oid, f"{where}/{ATTRIBUTES}")
        facts, lost = self._facts(where, plain, manifest, large=attributes == FOLDER_ATTRIBUTES_LFS)
        yield from lost
        for name in entries.keys() - plain.keys():
            facts[name] = FileFacts("", 0, entries[name].mode)
        yield from folder_faults(model, version or manifest.version, facts, manifest, attributes)

    def _manifest(self, model: str, entries: Mapping[str, Entry]) -> Manifest | None:
        entry = entries.get(MANIFEST)
        if entry is None or entry.mode != PLAIN_FILE:
            return None
        pair: tuple[Manifest, str] | None = manifests.get(entry.oid)
        if pair is None:
            path = f"{folder(model)}/{MANIFEST}"
            data = self._objects.content(entry.oid, path)
            from gitmodelstore.values.manifest import Manifest

            pair = Manifest.parse(data, path), self.digest(entry.oid, data)
            manifests.put(entry.oid, pair)
        return pair[0]

    def digest(self, oid: str, data: bytes | None = None) -> str:
        """Return the SHA-256 of a manifest; `data`: its bytes, where they were read."""
        if oid not in self._digests:
            read = self._objects.content(oid, MANIFEST) if data is None else data
            self._digests[oid] = sha256(read).hexdigest()
        return self._digests[oid]

    def _sample_faults(self, path: str, oid: str) -> Iterator[Fault]:
        if samples.get(oid) or oid in self._objects.left_out:
            return
        from gitmodelstore.values.sample import MOST_BYTES as MOST_SAMPLE_BYTES
        from gitmodelstore.values.sample import Sample

        large = list(size_faults(self._objects, path, oid, MOST_SAMPLE_BYTES))
        if large:
            yield from large
            return
        try:
            Sample.parse(self._objects.content(oid, path), path)
            samples.put(oid, True)
        except FormatError as error:
            yield from format_faults(error, "GMS013", path)

    def _facts(
        self, where: str, plain: Mapping[str, Entry], manifest: Manifest, *, large: bool
    ) -> tuple[dict[str, FileFacts], list[Fault]]:
        """Return the facts of each listed file, and what is missing behind pointers."""
        facts, lost = {}, []
        for name, entry in plain.items():
            path = f"{where}/{name}"
            artifact = manifest.artifact(name)
            if artifact is None:
                facts[name] = FileFacts("", 0)
                continue
            if entry.oid in self._objects.left_out:
                facts[name] = FileFacts(artifact.sha256, artifact.size_bytes)
                continue
            size = self._objects.size(entry.oid, path)
            pointer = None
            if large and name == PIPELINE and size <= MOST_POINTER_BYTES:
                pointer = read_pointer(self._objects.content(entry.oid, path))
            if pointer is None:
                facts[name] = FileFacts(self._objects.sha256(entry.oid, path), size)
                continue
            facts[name] = FileFacts(pointer.sha256, pointer.size_bytes)
            kept = self._objects.large_file(pointer.sha256)
            if kept is None and self._objects.keeps_large_files:
                what = f"its Git LFS object {pointer.sha256[:12]} is not here"
                lost.append(Fault("GMS024", path, what, mend=_SEND))
            elif kept not in (None, pointer.size_bytes):
                what = f"its Git LFS object has {kept} bytes, the pointer says {pointer.size_bytes}"
                lost.append(Fault("GMS022", path, what))
        return facts, lost


# What a commit to an ML repository may hold of models: whole versions, or nothing.


_COPY_AGAIN = "copy the folder again: `gms get {ref} -o DIR`"
_REGISTERED = (".joblib", ".pkl", ".pickle")  # what `gms register` takes


def model_folder_faults(
    place: str, files: Mapping[str, FileFacts], manifest: bytes | None, attributes: bytes | None
) -> Iterator[Fault]:
    """Yield what is wrong with a model folder to be committed; `place` is its path, "" the top."""
    path = posixpath.join(place, MANIFEST)
    if manifest is None:
        yield Fault("GMS002", path, "not a plain file")
        return
    from gitmodelstore.values.manifest import Manifest

    try:
        read = Manifest.parse(manifest, path)
    except FormatError as error:
        yield from format_faults(error, "GMS010", path, _COPY_AGAIN.format(ref="REF"))
        return
    again = _COPY_AGAIN.format(ref=f"{read.model}@{read.version}")
    for fault in folder_faults(read.model, read.version, files, read, attributes):
        name = fault.path.removeprefix(f"{folder(read.model)}/")
        moved = posixpath.join(place, name)
        mend = unstage(moved) if fault.code == "GMS001" else again
        yield replace(fault, path=moved, mend=mend)


def raw_model_fault(path: str, facts: FileFacts | None, manifest: bytes | None) -> Fault | None:
    """Return what is wrong with a model binary that is to be committed; None when all is well."""
    if manifest is None:
        return _raw(path, "a model without a manifest beside it")
    from gitmodelstore.values.manifest import Manifest

    try:
        read = Manifest.parse(manifest, posixpath.join(posixpath.dirname(path), MANIFEST))
    except FormatError as error:
        return _raw(path, f"a model beside a manifest that cannot be read: {error}")
    entry, of = read.artifact(posixpath.basename(path)), f"{read.model} {read.version}"
    if entry is None:
        return _raw(path, f"a model that the manifest of {of} does not list")
    if facts is None or not entry.lists(facts):
        return _raw(path, f"not the file that the manifest of {of} lists")
    return None


def _raw(path: str, what: str) -> Fault:
    register = f"run `gms register {_model(path)} {quoted_path(path)}`"
    if not path.lower().endswith(_REGISTERED):
        register = f"write it with `joblib.dump`, run `gms register {_model(path)} FILE`"
    mend = f"{register}, then `git rm --cached -- {quoted_path(path)}`"
    return Fault("GMS090", path, what, mend=mend)


def _model(path: str) -> str:
    """Return a model's name that the file's name suggests."""
    stem = posixpath.basename(path).partition(".")[0]
    near = re.sub(r"[^a-z0-9_-]+", "-", stem.lower())[:63].strip("-_")
    return near if re.fullmatch(MODEL_PATTERN, near) else "NAME"
