"""Tags set where the branch has a version and no tag stands on it.

Tags never move, with one exception. A host that squashes or rebases a proposal makes
new commits of it, and leaves the tag on one that the branch never gets. Such a tag is
set anew here, on the commit that introduced the version on the branch, and only when
that holds the identical folder: the same tree, so the same bytes in every file. So no
reader gets other bytes under that number than before, and what the tag vouches for, the
digest of the manifest, is the same. The old tag object stays in the object database
until git's gc takes it. What remains to be done is the remote's: where the old tag was
pushed, somebody who may sets it anew there too, since a push of the new one is refused
until then, and every clone that fetched it fetches it by force, or runs the doctor too.

Nor is it a move when a tag that nobody can read, or a light one on the very commit that
introduced the version, gets the tag object that it should have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitmodelstore.errors import IntegrityError, MissingObject
from gitmodelstore.operations.past import Introduced, Past
from gitmodelstore.operations.publish import write_tag_object
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing import disk, fsck, refs
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.values.objects import Tag, named_manifest

_SQUASHED = (
    "set tag {name} anew on {new}: a squash or rebase had left it on {old}, with the same folder; "
    "if the old one was pushed, whoever may sets it anew there: git push --force REMOTE tag {name}"
)


@dataclass(frozen=True, slots=True)
class Stray:
    """A tag on a commit that the branch does not hold, of a version that it does.

    Attributes:
        known: the version, on the branch.
        tag: as it stands.
        is_same: whether both commits hold the identical folder.
    """

    known: Introduced
    tag: Tag
    is_same: bool


def untagged(past: Past, objects: CatFile) -> Iterator[Introduced]:
    """Yield the sound versions of the branch that have no tag."""
    for known in past.introduced.values():
        if known.tag not in objects.tags and is_sound(past, known):
            yield known


def is_sound(past: Past, known: Introduced) -> bool:
    """Whether a version is what a tag could vouch for: its folder has no fault but absence.

    A pipeline that Git LFS has elsewhere (GMS024) is none.
    """
    if known.manifest_sha256 is None or known.folder is None:
        return False
    try:
        found = past.judge.folder_faults(known.model, known.version, known.folder)
    except (MissingObject, IntegrityError):
        return False
    return all(fault.code == "GMS024" for fault in found)


def is_mended(code: str, past: Past, known: Introduced) -> bool:
    """Whether `retag` mends a fault of a version's tag: it holds no object, or the bare commit."""
    if not is_sound(past, known):
        return False
    objects = past.objects
    assert isinstance(objects, CatFile)  # noqa: S101 - the doctor knows no other
    oid = objects.tags.get(known.tag)
    return code in ("GMS051", "GMS070") and oid is not None and _is_hollow(objects, known, oid)


def set_tag(known: Introduced) -> str:
    """Return the command that sets the tag of a version where it belongs, whatever it holds."""
    return f"git tag -f -a -m '{known}' {known.tag} {known.commit[:12]}"


def _is_hollow(objects: CatFile, known: Introduced, oid: str) -> bool:
    """Whether a ref holds an object that cannot be read, or the version's commit without a tag."""
    if oid == known.commit:
        return True
    try:
        objects.raw(oid)
    except (MissingObject, IntegrityError):
        return True
    return False


def strays(past: Past, objects: CatFile) -> Iterator[Stray]:
    """Yield the tags that stand beside the branch, of versions that the branch has."""
    on_branch = {commit.oid for commit in past.commits}
    for known in past.introduced.values():
        try:
            tag = objects.tag(known.tag)
            if tag is None or tag.commit in on_branch:
                continue
            held = past.entry(objects.commit(tag.commit), f"models/{known.model}")
        except (MissingObject, IntegrityError):
            continue
        same = held is not None and held.oid == known.folder and known.manifest_sha256 is not None
        yield Stray(known, tag, same)


def retag(repository: Repository, writer: Writer) -> tuple[str, ...]:
    """Set the tags that are missing, and those that a squash left beside the branch.

    A tag object that stands on the right commit and that no ref holds, as a power cut can
    leave, is taken before a new one is made. Call it under the writer lock.

    Returns:
        What was done, a line each.

    Raises:
        StoreBusy, CannotWrite: a tag could not be set.
    """
    tip = repository.head(repository.branch)
    if tip is None:
        return ()
    done = []
    with CatFile(repository.common_dir, inherit=False) as objects:
        past = Past(objects, tip)
        missing = list(untagged(past, objects))
        hollow = [
            known
            for known in past.introduced.values()
            if (held := objects.tags.get(known.tag)) and _is_hollow(objects, known, held)
            if is_sound(past, known)
        ]
        kept = _dangling(objects) if missing or hollow else {}
        for known in missing:
            oid = kept.get((known.tag, known.commit)) or _made(repository, writer, known)
            repository.secure([oid])
            _sync(repository, writer)
            if refs.create_tag(repository, known.tag, oid):
                done.append(f"set tag {known.tag} on {known.commit[:12]}, which introduced it")
        for known in hollow:
            oid = kept.get((known.tag, known.commit)) or _made(repository, writer, known)
            _sync(repository, writer)
            if refs.replace_tag(repository, known.tag, objects.tags[known.tag], oid):
                where = f"{known.commit[:12]}, which introduced it"
                done.append(f"set tag {known.tag}, which held no tag, on {where}")
        for stray in list(strays(past, objects)):
            if stray.is_same and is_sound(past, stray.known):
                oid = _made(repository, writer, stray.known, stray.tag.message)
                repository.secure([oid])
                _sync(repository, writer)
                if refs.replace_tag(repository, stray.tag.name, stray.tag.oid, oid):
                    commits = {"new": stray.known.commit[:12], "old": stray.tag.commit[:12]}
                    done.append(_SQUASHED.format(name=stray.tag.name, **commits))
    return tuple(done)


def _made(repository: Repository, writer: Writer, known: Introduced, said: str = "") -> str:
    """Write the tag object of a version, with what an earlier one said, and return its id."""
    message = said.strip() or str(known)
    if named_manifest(message) != known.manifest_sha256:
        message = f"{message}\n\nManifest-SHA256: {known.manifest_sha256}"
    return write_tag_object(repository, writer, known.tag, known.commit, f"{message}\n")


def _sync(repository: Repository, writer: Writer) -> None:
    if writer.durable:
        with writing(repository.common_dir):
            disk.sync(repository.common_dir)


def _dangling(objects: CatFile) -> dict[tuple[str, str], str]:
    """Return tag objects that no ref holds and that name a manifest, by name and commit."""
    found: dict[tuple[str, str], str] = {}
    for oid in fsck.dangling_tags(objects.folder):
        tag = objects.any_tag(oid)
        if tag is not None and named_manifest(tag.message):
            found[tag.name, tag.commit] = oid
    return found
