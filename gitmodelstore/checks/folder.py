"""What the folder of a model must be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.checks.judged import manifests, samples
from gitmodelstore.checks.tree import file_faults
from gitmodelstore.errors import FormatError
from gitmodelstore.values.layout import (
    ATTRIBUTES,
    CARD,
    CODE_DIFF,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    FOLDER_FILES,
    INSTALLED,
    MANIFEST,
    PIPELINE,
    REQUIREMENTS,
    SAMPLE,
    folder,
)
from gitmodelstore.values.manifest_rules import Outline
from gitmodelstore.values.objects import PLAIN_FILE, Entry
from gitmodelstore.values.pointer import MOST_POINTER_BYTES, read_pointer
from gitmodelstore.values.version import Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from gitmodelstore.checks.objects import Objects
    from gitmodelstore.values.manifest import Manifest

# Files whose size their format does not bound; beyond it a host's page would not show them.
MOST_BYTES = {CARD: 2**20, REQUIREMENTS: 2**20, INSTALLED: 2**20, CODE_DIFF: 2**24}
UNLIMITED = 2**63
_SEND = "send it first, with the package 'git-lfs': git lfs push --all REMOTE"
_ALWAYS = frozenset({MANIFEST, PIPELINE, CARD, ATTRIBUTES})


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a check must know of a file.

    Attributes:
        sha256: of its content (behind a Git LFS pointer: of what it points to).
        size_bytes: of the same.
        mode: as git keeps it. Of what is no plain file the rest counts for nothing.
    """

    sha256: str
    size_bytes: int
    mode: int = PLAIN_FILE


def folder_faults(
    model: str,
    version: Version,
    files: Mapping[str, FileFacts],
    manifest: Outline | Manifest,
    attributes: bytes | None,
) -> Iterator[Fault]:
    """Yield what is wrong with the folder of one version.

    Args:
        model, version: what the tag and the registry call it.
        files: name in the folder to its facts.
        manifest: what manifest.json says; reading it has judged its form.
        attributes: the bytes of the folder's .gitattributes; None without such a file.
    """
    where = folder(model)
    yield from file_faults(model, {name: facts.mode for name, facts in files.items()})
    yield from missing_faults(model, files.keys())
    if attributes not in (None, FOLDER_ATTRIBUTES, FOLDER_ATTRIBUTES_LFS):
        what = "not one of the two contents that a folder may have"
        yield Fault("GMS004", f"{where}/{ATTRIBUTES}", what)
    named = (manifest.model, manifest.version)
    if named != (model, version):
        what = f"is of {named[0]} {named[1]}, not of {model} {version}"
        yield Fault("GMS023", f"{where}/{MANIFEST}", what)
    yield from artifact_faults(where, manifest, files)


def missing_faults(model: str, names: Iterable[str]) -> Iterator[Fault]:
    """Yield the files that every version has, and this folder has not."""
    for name in sorted(_ALWAYS - set(names)):
        yield Fault("GMS020", f"{folder(model)}/{name}", "missing")


def artifact_faults(
    where: str, manifest: Outline | Manifest, files: Mapping[str, FileFacts]
) -> Iterator[Fault]:
    """Yield where the files of a folder, `where`, are not those that its manifest lists."""
    declared = {entry.path: entry for entry in manifest.artifacts}
    for name in sorted((files.keys() & FOLDER_FILES) - declared.keys() - {MANIFEST, CARD}):
        yield Fault("GMS021", f"{where}/{name}", "not in the manifest's artifacts")
    for name, entry in declared.items():
        facts = files.get(name)
        if facts is None and name in _ALWAYS:
            continue  # `missing_faults` has said so
        if facts is None:
            what = "in the manifest's artifacts, not in the folder"
            yield Fault("GMS020", f"{where}/{name}", what)
        elif facts.mode == PLAIN_FILE and (facts.sha256, facts.size_bytes) != (
            entry.sha256,
            entry.size_bytes,
        ):
            what = (
                f"{facts.size_bytes} bytes of sha256 {facts.sha256[:12]}, the "
                f"manifest says {entry.size_bytes} of {entry.sha256[:12]}"
            )
            yield Fault("GMS022", f"{where}/{name}", what)


class FolderJudge:
    """Judges the folders of models in a repository, each tree once.

    Args:
        objects: the repository.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        most = objects.setting("modelstore.maxFileBytes") or ""
        self._most_bytes = int(most) if most.isdigit() else UNLIMITED
        self._outlines: dict[str, Outline | Manifest | FormatError] = {}
        self._found: dict[tuple[str, str], list[Fault]] = {}

    def outline(self, model: str, entries: Mapping[str, Entry]) -> Outline | Manifest | None:
        """Return the manifest in a folder, at least in outline.

        None where there is none that follows its format.
        """
        found = self._read(model, entries)
        return None if isinstance(found, FormatError) else found

    def manifest(self, model: str, entries: Mapping[str, Entry]) -> Manifest | None:
        """Return the whole manifest in a folder; None as `outline`."""
        from gitmodelstore.values.manifest import Manifest  # what most steps need not import

        found = self.outline(model, entries)
        if found is None or isinstance(found, Manifest):
            return found
        entry = entries[MANIFEST]
        data = self._objects.content(entry.oid, f"{folder(model)}/{MANIFEST}")
        manifest = Manifest.parse(data)
        manifests.put(entry.oid, (manifest, hashlib.sha256(data).hexdigest()))
        return manifest

    def faults(self, model: str, version: Version | None, tree: str) -> list[Fault]:
        """Return what is wrong with a folder.

        Args:
            model: its name.
            version: of which it should be; None for any.
            tree: id of its tree.

        Raises:
            MissingObject, IntegrityError: an object of it cannot be read.
        """
        if (model, tree) not in self._found:
            self._found[model, tree] = list(self._judged(model, tree))
        found = list(self._found[model, tree])
        manifest = self.outline(model, self._objects.entries(tree))
        if version is not None and manifest is not None and manifest.version != version:
            what = f"is of {manifest.model} {manifest.version}, not of {model} {version}"
            found.append(Fault("GMS023", f"{folder(model)}/{MANIFEST}", what))
        return found

    def _judged(self, model: str, tree: str) -> Iterator[Fault]:
        where = folder(model)
        entries = self._objects.entries(tree)
        plain = {name: entry for name, entry in entries.items() if entry.mode == PLAIN_FILE}
        attributes = self._attributes(where, plain)
        manifest = self._read(model, plain)
        if isinstance(manifest, FormatError):
            mend = f"gms register --from-folder {where}"
            yield from format_faults(manifest, "GMS010", f"{where}/{MANIFEST}", mend)
        yield from self._size_faults(where, plain)
        if manifest is None or isinstance(manifest, FormatError):
            yield from file_faults(model, {name: entry.mode for name, entry in entries.items()})
            yield from missing_faults(model, entries.keys())
            return
        if SAMPLE in plain:
            yield from self._sample_faults(f"{where}/{SAMPLE}", plain[SAMPLE].oid)
        facts, lost = self._facts(where, plain, manifest, large=attributes == FOLDER_ATTRIBUTES_LFS)
        yield from lost
        for name in entries.keys() - plain.keys():
            facts[name] = FileFacts("", 0, entries[name].mode)
        yield from folder_faults(model, manifest.version, facts, manifest, attributes)

    def _read(
        self, model: str, entries: Mapping[str, Entry]
    ) -> Outline | Manifest | FormatError | None:
        entry = entries.get(MANIFEST)
        if entry is None or entry.mode != PLAIN_FILE:
            return None
        known: tuple[Manifest, str] | None = manifests.get(entry.oid)
        if known is not None:
            return known[0]
        if entry.oid not in self._outlines:
            path = f"{folder(model)}/{MANIFEST}"
            try:
                data = self._objects.content(entry.oid, path)
                self._outlines[entry.oid] = Outline.parse(data, path)
            except FormatError as error:
                self._outlines[entry.oid] = error
        return self._outlines[entry.oid]

    def _attributes(self, where: str, plain: Mapping[str, Entry]) -> bytes | None:
        entry = plain.get(ATTRIBUTES)
        return self._objects.content(entry.oid, f"{where}/{ATTRIBUTES}") if entry else None

    def _size_faults(self, where: str, plain: Mapping[str, Entry]) -> Iterator[Fault]:
        for name, entry in plain.items():
            most = min(MOST_BYTES.get(name, self._most_bytes), self._most_bytes)
            if most < UNLIMITED:
                size = self._objects.size(entry.oid, f"{where}/{name}")
                if size > most:
                    what = f"{size:,} bytes, more than {most:,}"
                    yield Fault("GMS005", f"{where}/{name}", what)

    def _sample_faults(self, path: str, oid: str) -> Iterator[Fault]:
        if samples.get(oid):
            return
        from gitmodelstore.values.sample import MOST_BYTES as MOST_SAMPLE_BYTES
        from gitmodelstore.values.sample import Sample

        size = self._objects.size(oid, path)
        if size > MOST_SAMPLE_BYTES:
            yield Fault("GMS005", path, f"{size:,} bytes, more than {MOST_SAMPLE_BYTES:,}")
            return
        try:
            Sample.parse(self._objects.content(oid, path), path)
            samples.put(oid, True)
        except FormatError as error:
            yield from format_faults(error, "GMS013", path)

    def _facts(
        self, where: str, plain: Mapping[str, Entry], manifest: Outline | Manifest, *, large: bool
    ) -> tuple[dict[str, FileFacts], list[Fault]]:
        """Return the facts of each listed file, and what is missing behind pointers."""
        listed = {entry.path for entry in manifest.artifacts}
        facts, lost = {}, []
        for name, entry in plain.items():
            path = f"{where}/{name}"
            if name not in listed:
                facts[name] = FileFacts("", 0)
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
