"""Everything that can be wrong with a store's repository, found without writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.errors import GitFailed, IntegrityError, MissingObject, StoreError
from gitmodelstore.operations.gate import store_faults
from gitmodelstore.operations.init import DRIVERS
from gitmodelstore.operations.next_step import FIX, with_next_step
from gitmodelstore.operations.past import Past
from gitmodelstore.operations.retag import strays
from gitmodelstore.operations.standing import Standing
from gitmodelstore.plumbing import fsck, hooks, journal, lagging, leftovers, lock
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.layout import REGISTRY

# Refs that may go where they hold nothing: the branch, or a fetch, knows better.
REMOVABLE = ("refs/tags/", "refs/remotes/")
_MOST_NOTES = 10  # of commits, each in a line
_REFETCH = "git fetch --refetch REMOTE, from a sound clone"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found.

    Attributes:
        faults: what is wrong.
        past: what some commit of the history got wrong and a later one has put right;
            history is not rewritten, so `validate` goes on to name it.
        repaired: what was done about it before this was found, a line each.
        notes: what else there is to say, a line each.
    """

    faults: tuple[Fault, ...]
    past: tuple[Fault, ...] = ()
    repaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def examine(repository: Repository) -> Diagnosis:
    """Return what is wrong with a store: branch, tags, registry, objects, work trees, leftovers.

    Nothing is written, and no model is loaded.
    """
    faults = [*_refs(repository), *_unfinished(repository)]
    past: list[Fault] = []
    notes: list[str] = []
    with CatFile(repository.common_dir, inherit=False) as objects:
        tip = _tip(repository, objects)
        damages = fsck.check(repository.common_dir)
        known = Past(objects, tip) if tip else None
        damaged = list(_damages(repository, known, damages))
        if known is not None:
            told = {damage.oid for damage in damages if damage.oid}
            try:
                found, past, notes = _of_history(objects, known, told)
            except (MissingObject, IntegrityError) as error:  # the registry itself is unreadable
                found = [] if told else [Fault("GMS071", "", str(error), mend=_REFETCH)]
            except GitFailed as error:  # of packed-refs `git fsck` speaks too
                found = [] if damages else [Fault("GMS071", "", str(error), mend=_REFETCH)]
            faults += found
    faults += damaged
    faults += _work_trees(repository)
    faults += _locks(repository)
    faults += _temporaries(repository)
    faults += _configuration(repository, notes)
    loose = leftovers.loose_objects(repository)
    if loose > leftovers.MANY_LOOSE:
        notes.append(f"{loose:,} loose objects: `git gc` packs them, and prunes nothing young")
    return Diagnosis(tuple(faults), tuple(past), notes=tuple(notes))


def _tip(repository: Repository, objects: CatFile) -> str | None:
    """Return the commit on which the branch stands; None where there is none to read."""
    try:
        tip = repository.head(repository.branch)
        if tip is not None:
            objects.commit(tip)
    except StoreError:
        return None
    return tip


def _refs(repository: Repository) -> Iterator[Fault]:
    damaged = leftovers.damaged_refs(repository)
    for ref in damaged:
        known = ref.startswith(REMOVABLE) or any(known_values(repository, ref))
        mend = FIX if known else f"git update-ref {ref} COMMIT, where another clone has it"
        yield Fault("GMS077", ref, "holds no id", mend=mend)
    branch = repository.branch
    try:
        missing = branch not in damaged and repository.head(branch) is None
    except StoreError:  # its commit is missing or damaged, which `git fsck` says too
        return
    if missing:
        yield Fault("GMS020", branch, "the store has no such branch", mend="gms init")


def known_values(repository: Repository, ref: str) -> Iterator[str]:
    """Yield the ids that a damaged ref may have held: of its reflog, of an unfinished write."""
    yield from leftovers.logged(repository, ref)
    note = journal.read(repository.common_dir)
    if note is not None and ref == repository.branch:
        yield from (note.new, note.old)


def _unfinished(repository: Repository) -> Iterator[Fault]:
    note = journal.read(repository.common_dir)
    if note is not None and not lock.is_held(repository.common_dir):
        what = f"a writer died between {note.old[:12]} and {note.new[:12]}"
        yield Fault("GMS072", "gitmodelstore/pending.json", what, mend=FIX)


def _of_history(
    objects: CatFile, past: Past, told: set[str]
) -> tuple[list[Fault], list[Fault], list[str]]:
    """Return what is wrong with commits and tags now, what was put right since, and notes.

    Args:
        objects, past: the repository and its history.
        told: ids of objects of which it is said already that they are missing or damaged.
    """
    try:
        found = store_faults(objects)
    except StoreError as error:  # a commit is missing, and with it all before it
        if "packed-refs" in str(error):
            raise
        found = [] if told else [Fault("GMS071", "", str(error), mend=_REFETCH)]
    notes = [f"{(fault.commit or '')[:12]}: {fault}" for fault in found if fault.is_note]
    if len(notes) > _MOST_NOTES:
        notes[_MOST_NOTES:] = [f"and {len(notes) - _MOST_NOTES} more, which `gms validate` names"]
    found = [fault for fault in found if not fault.is_note]
    standing = Standing(past)
    now: list[Fault] = []
    then: list[Fault] = []
    for fault in found:
        if fault.code in ("GMS070", "GMS071") and any(oid in fault.what for oid in told):
            continue
        (now if standing.is_now(fault) else then).append(fault)
    now += _unsaid(past, now)
    beside = {stray.tag.name: stray for stray in strays(past, objects)}
    return [with_next_step(fault, past, beside) for fault in now], then, notes


def _unsaid(past: Past, now: list[Fault]) -> Iterator[Fault]:
    """Yield what is wrong with the registry and no commit is to blame for: a merge lost it."""
    said = {(fault.code, fault.what) for fault in now if fault.path == REGISTRY}
    if past.fault_of_registry and not said & {("GMS020", "missing")}:
        for fault in format_faults(past.fault_of_registry, "GMS011", REGISTRY):
            if not any(code == "GMS011" for code, _ in said):
                yield fault
    for known in past.lost:
        what = f"{known} is lost"
        if ("GMS030", what) not in said:
            yield Fault("GMS030", REGISTRY, what)


def _damages(
    repository: Repository, past: Past | None, damages: tuple[fsck.Damage, ...]
) -> Iterator[Fault]:
    names = _names(past) if past and damages else {}
    for damage in damages:
        code = "GMS070" if damage.is_missing else "GMS071"
        if damage.oid is None and "packed-refs" in damage.what:
            mend = "take packed-refs out of a sound clone, or mend the line that git names"
            yield Fault("GMS077", "packed-refs", damage.what, mend=mend)
            continue
        if damage.oid is None:
            yield Fault(code, "", damage.what, mend=_REFETCH)
            continue
        path, what_it_is = names.get(damage.oid, ("", f"{damage.kind} {damage.oid}"))
        yield Fault(code, path, f"{what_it_is} {damage.what}", mend=_REFETCH)


def _names(past: Past) -> dict[str, tuple[str, str]]:
    """Return path and words for each object of a version's folder, by id."""
    names: dict[str, tuple[str, str]] = {}
    for known in past.introduced.values():
        if known.folder is None:
            continue
        path = f"models/{known.model}"
        names.setdefault(known.folder, (path, f"tree {known.folder} of {known}"))
        try:
            entries = past.objects.entries(known.folder)
        except (MissingObject, IntegrityError):
            continue
        for name, entry in entries.items():
            names.setdefault(entry.oid, (f"{path}/{name}", f"blob {entry.oid} of {known}"))
    return names


def _work_trees(repository: Repository) -> Iterator[Fault]:
    try:
        found = lagging.lags(repository)
    except StoreError as error:
        found = []
        if not leftovers.damaged_refs(repository):
            yield Fault("GMS075", "", f"a work tree cannot be read: {error}", mend="git status")
    for lag in found:
        place = str(lag.tree.folder)
        if lag.commit is not None:
            commits = f"{lag.behind} commit{'s' if lag.behind > 1 else ''}"
            what = f"stands on {lag.commit[:12]}, {commits} behind the branch"
            yield Fault("GMS075", place, what, mend=FIX)
        else:
            what = f"what is staged there would take back {', '.join(lag.undone)}"
            mend = f"git -C {place} restore --source=HEAD --staged --worktree -- {REGISTRY} models"
            yield Fault("GMS075", place, what, mend=mend)


def _locks(repository: Repository) -> Iterator[Fault]:
    for held in leftovers.old_locks(repository):
        what = "no living git holds it for so long"
        mend = FIX
        if held.may_be_held:
            what = "a commit may be waiting for its message in an editor"
            mend = f"if no git is running there: rm '{held.path}'"
        yield Fault("GMS073", _place(repository, held.path), what, mend=mend)


def _temporaries(repository: Repository) -> Iterator[Fault]:
    for path in leftovers.temporaries(repository):
        yield Fault("GMS074", _place(repository, path), "nobody has touched it for a day", mend=FIX)


def _place(repository: Repository, path: Path) -> str:
    return path.relative_to(repository.common_dir).as_posix()


def _configuration(repository: Repository, notes: list[str]) -> Iterator[Fault]:
    lacking = missing_drivers(repository)
    if lacking:
        yield Fault("GMS076", "config", f"has no {', '.join(lacking)}", mend=FIX)
    try:
        absent = hooks.absent(repository)
    except StoreError as error:
        notes.append(f"{error}; whether the hooks there call ours cannot be seen from here")
        return
    for name in absent:
        what = f"git does not run gitmodelstore's {name}"
        yield Fault("GMS076", f"hooks/{name}", what, mend=FIX)


def missing_drivers(repository: Repository) -> list[str]:
    """Return the names of the settings by which git finds our drivers that are not set."""
    return [name for name in DRIVERS if repository.setting(name) is None]
