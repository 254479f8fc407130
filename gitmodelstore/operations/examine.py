"""Everything that can be wrong with a store's repository, found without writing anything.

Each part is examined for itself: what one of them cannot read is said, and ends no other.
What git itself stumbles over is judged first (`plumbing/git_dir.py`), and the rest in a view
in which that is set right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.errors import IntegrityError, MissingObject, StoreError
from gitmodelstore.lean import cached_property
from gitmodelstore.operations.init import unconfigured
from gitmodelstore.operations.mend import (
    FIX,
    REFETCH,
    Behind,
    Past,
    behind,
    is_sound,
    strays,
    with_next_step,
)
from gitmodelstore.operations.validate import no_branch, store_faults
from gitmodelstore.plumbing import git_dir, worktree, writer_lock
from gitmodelstore.plumbing.cat_file import WHOLE, CatFile, Extent, extent
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.names import LARGE_FILES, MODELS, REGISTRY, WITHDRAWN, Version

# Which faults of a history stand, and which a later commit has put right.


# About the commit as a deed, which says nothing of the store as it is.
_HARMLESS_DEEDS = ("GMS037", "GMS044")
# About what registry.json says, which another registry.json puts right.
_OF_REGISTRY = ("GMS011", "GMS020", "GMS030", "GMS040", "GMS041")
# About what stands at a path.
_OF_PATHS = ("GMS001", "GMS002", "GMS003", "GMS004", "GMS005", "GMS012", "GMS020")


class Standing:
    """What the tip of a branch says about the faults of its commits.

    Args:
        past: the history.
    """

    def __init__(self, past: Past) -> None:
        self._past = past

    def is_now(self, fault: Fault) -> bool:
        """Whether a fault still stands; one that nothing has put right does."""
        if fault.code == "GMS050":
            return self._wants_its_tag(fault.path.removeprefix("refs/tags/"))
        if fault.commit is None or fault.path.startswith("refs/"):
            return True
        if fault.code in _HARMLESS_DEEDS:
            return fault.commit == self._past.tip.oid
        if fault.code == "GMS046":
            return self._is_as_merged(fault)
        if fault.path == REGISTRY:
            return self._is_registry_now(fault)
        if fault.path.startswith(f"{MODELS}/"):
            return self._is_folder_now(fault, "/".join(fault.path.split("/")[:2]))
        if fault.code in _OF_PATHS:
            return self._is_unchanged(fault.commit, fault.path)
        return True

    def _wants_its_tag(self, name: str) -> bool:
        """Whether a tag is missed: of a faulty version that was withdrawn nobody sets one."""
        known = next((k for k in self._past.introduced.values() if k.tag == name), None)
        if known is None or is_sound(self._past, known):
            return True
        return self._past.registry.status(known.model, known.version) != WITHDRAWN

    def _is_as_merged(self, fault: Fault) -> bool:
        """Whether what a merge took back, or made up, is still so: nobody has changed it since."""
        if fault.path != REGISTRY:
            return self._is_unchanged(fault.commit or "", fault.path)
        model, version = fault.what.split(" ")[:2]
        key = model, Version.parse(version)
        then = self._past.judge.registry_at(fault.commit or "")
        return then.status(*key) == self._past.registry.status(*key)

    def _is_registry_now(self, fault: Fault) -> bool:
        if fault.code in _OF_REGISTRY:
            return self._says_so_still(fault)
        return self._concerns_a_version(fault.commit or "", None)

    def _says_so_still(self, fault: Fault) -> bool:
        past, model = self._past, fault.what.partition(" ")[0]
        if fault.code in ("GMS011", "GMS020"):
            unchanged = self._is_unchanged(fault.commit or "", REGISTRY)
            return past.fault_of_registry is not None and unchanged
        if fault.code == "GMS030":
            return any(fault.what == f"{known} is lost" for known in past.lost)
        if fault.code == "GMS040":
            return any(
                fault.what.startswith(f"{model} {version} has ") and status not in self._statuses
                for version, status in past.registry.models.get(model, {}).items()
            )
        held = past.registry
        return any(len(held.holders(model, status)) > 1 for status in past.policy.exclusive)

    @cached_property
    def _statuses(self) -> frozenset[str]:
        return frozenset(self._past.policy.statuses)

    def _is_folder_now(self, fault: Fault, folder: str) -> bool:
        """A version is what its commit holds; any other folder only what stands there now."""
        commit, model = fault.commit or "", folder.partition("/")[2]
        if any(k.commit == commit and k.model == model for k in self._past.introduced.values()):
            return self._concerns_a_version(commit, model)
        return self._is_unchanged(commit, folder)

    def _concerns_a_version(self, commit: str, model: str | None) -> bool:
        """Whether a commit introduced a version that the store has, not withdrawn."""
        return any(
            self._past.registry.status(known.model, known.version) not in (None, WITHDRAWN)
            for known in self._past.introduced.values()
            if known.commit == commit and model in (None, known.model)
        )

    def _is_unchanged(self, commit: str, path: str) -> bool:
        """Whether the tip holds at a path what an earlier commit held there."""
        try:
            then = self._past.objects.commit(commit)
        except (MissingObject, IntegrityError):
            return True
        return self._past.entry(then, path) == self._past.entry(self._past.tip, path)


# Examine


T = TypeVar("T")
# Refs that may go where they hold nothing: the branch, or a fetch, knows better.
REMOVABLE = ("refs/tags/", "refs/remotes/")
_MOST_NOTES = 10  # of commits, each in a line
# What git must read before it can say anything of history.
_NEEDED = ("HEAD", "config", "objects", "packed-refs", "refs")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found.

    Attributes:
        faults: what is wrong.
        past: what some commit of the history got wrong and a later one has put right;
            history is not rewritten, so `validate` goes on to name it.
        repaired: what was done about it before this was found, a line each.
        notes: what else there is to say, a line each.
        unexamined: what could not be examined, with the reason and what to type, a line each.
    """

    faults: tuple[Fault, ...]
    past: tuple[Fault, ...] = ()
    repaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unexamined: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, as far as everything could be examined."""
        return not self.faults and not self.unexamined


def examine(repository: Repository) -> Diagnosis:
    """Return what is wrong with a store: branch, tags, registry, objects, work trees, leftovers.

    Nothing is written, and no model is loaded.
    """
    folder, branch = repository.common_dir, repository.branch
    hidden, flaws = git_dir.unreadable(folder), git_dir.flaws(folder, branch)
    if not hidden and not flaws:
        return _Examination(repository, folder, ()).diagnosis()
    return _of_view(folder, flaws, hidden)


def examine_folder(folder: Path) -> Diagnosis | None:
    """Return what is wrong with a git directory that cannot be opened; see `examine`.

    None where it cannot be opened for another reason than damage, such as its format.
    """
    branch = git_dir.branch_of(folder)
    hidden, flaws = git_dir.unreadable(folder), git_dir.flaws(folder, branch)
    return _of_view(folder, flaws, hidden) if flaws or hidden else None


def _of_view(folder: Path, flaws: list[git_dir.Flaw], hidden: list[str]) -> Diagnosis:
    """Return what is wrong, the flaws first, and the rest as it is without them."""
    faults = tuple(_of_flaw(flaw) for flaw in flaws)
    closed = tuple(
        f"{name}: you are not allowed to read it: check its permissions" for name in hidden
    )
    try:
        with git_dir.view(folder, flaws, hidden) as top:
            found = _Examination(Repository.open(top), folder, tuple(hidden)).diagnosis()
            found = _renamed(found, top, folder)
    except (OSError, StoreError) as error:
        rest = f"what else there is: {error}; fix the above first"
        return Diagnosis(faults, unexamined=(*closed, rest))
    told = (*hidden, *(flaw.path for flaw in flaws))  # what a view leaves out is missing there
    others = (
        fault
        for fault in found.faults
        if fault.path not in told and not fault.path.startswith(tuple(f"{p}/" for p in hidden))
    )
    return replace(found, faults=(*faults, *others), unexamined=(*closed, *found.unexamined))


def _of_flaw(flaw: git_dir.Flaw) -> Fault:
    code = "GMS077" if flaw.path.startswith(("HEAD", "packed-refs", "refs")) else "GMS078"
    return Fault(code, flaw.path, flaw.what, mend=flaw.mend or FIX)


def _renamed(found: Diagnosis, top: Path, folder: Path) -> Diagnosis:
    """Return a diagnosis with the places of the store, not of the view of it."""

    def real(text: str) -> str:
        return text.replace(str(top), str(folder)).replace(str(top.parent), str(folder.parent))

    def renamed(faults: Iterable[Fault]) -> tuple[Fault, ...]:
        return tuple(
            replace(f, path=real(f.path), what=real(f.what), mend=real(f.mend)) for f in faults
        )

    return Diagnosis(
        renamed(found.faults),
        renamed(found.past),
        found.repaired,
        tuple(map(real, found.notes)),
        tuple(map(real, found.unexamined)),
    )


def can_judge(hidden: Iterable[str]) -> bool:
    """Whether refs and history can be judged, though some paths cannot be read."""
    return not any(name.split("/")[0] in _NEEDED for name in hidden)


class _Examination:
    """One look at a repository.

    Args:
        repository: the store, or a view of it.
        folder: its own git directory.
        hidden: what the system does not let this process read there.
    """

    def __init__(self, repository: Repository, folder: Path, hidden: tuple[str, ...]) -> None:
        self._repository = repository
        self._folder = folder
        self._is_open = can_judge(hidden)
        self._faults: list[Fault] = []
        self._past: list[Fault] = []
        self._notes: list[str] = []
        self._unexamined: list[str] = []

    def diagnosis(self) -> Diagnosis:
        """Look at every part, and return what is wrong."""
        repository = self._repository
        self._part("the unfinished write", lambda: _unfinished(repository))
        if self._is_open:
            self._part("refs", lambda: _refs(repository))
            with CatFile(repository.common_dir, inherit=False) as objects:
                self._look_at_objects(objects)
            self._part("HEAD", lambda: _heads(repository, self._folder))
            self._part("work trees", lambda: _indexes(repository, self._folder))
            self._part("work trees", lambda: _lags(repository))
        else:
            self._unexamined.append("refs, objects, history and work trees, until that can be read")
        self._part("locks", lambda: _locks(repository))
        self._part("temporary files", lambda: _temporaries(repository))
        self._part("configuration", lambda: self._configuration())
        self._part("loose objects", lambda: self._count_loose())
        self._part("linked work trees", lambda: self._stale())
        return Diagnosis(
            tuple(self._faults),
            tuple(self._past),
            notes=tuple(self._notes),
            unexamined=tuple(dict.fromkeys(self._unexamined)),
        )

    def _part(self, what: str, step: Callable[[], Iterable[Fault]]) -> None:
        """Take what one part finds; what stops it stops no other."""
        self._value(what, lambda: self._take(step()), None)

    def _take(self, faults: Iterable[Fault]) -> None:
        for fault in faults:  # what was found before a failure counts
            self._faults.append(fault)

    def _value(self, what: str, step: Callable[[], T], otherwise: T) -> T:
        """Return what a step returns; where it fails, of whatever kind that is, say so."""
        try:
            return step()
        except Exception as error:  # damage takes any form, and the rest must be examined
            hint = getattr(error, "hint", None)
            said = " ".join(str(error).split()) or type(error).__name__
            self._unexamined.append(f"{what}: {said}{f'; {hint}' if hint else ''}")
            return otherwise

    def _look_at_objects(self, objects: CatFile) -> None:
        repository = self._repository
        objects.wants_large_files = True
        tip = _tip(repository, objects)
        held = self._value("what the clone holds", lambda: extent(objects), WHOLE)
        none: tuple[writer_lock.Damage, ...] = ()
        damages = self._value("objects", lambda: writer_lock.check(repository.common_dir), none)
        known = Past(objects, tip) if tip and held.lacks_history is None else None
        lacking = None
        if held.lacks_history is None:
            lacking = self._value("the branch", lambda: behind(repository, objects, known), None)
            self._part("the branch", lambda: _branch(repository, objects, lacking, tip))
        damages = tuple(
            one for one in damages if not any((one.oid or "-") in f.what for f in self._faults)
        )
        self._part("objects", lambda: _damages(known, damages))
        if held.lacks_history:
            self._unexamined.append(f"the history: {held.lacks_history}; {held.fetch}")
        elif known is None:
            self._unexamined.append("the history and registry.json, until the branch can be read")
        else:
            told = {damage.oid for damage in damages if damage.oid}
            self._part("the history", lambda: self._history(objects, known, told, lacking, held))

    def _history(
        self,
        objects: CatFile,
        known: Past,
        told: set[str],
        lacking: Behind | None,
        held: Extent,
    ) -> Iterator[Fault]:
        judged = _judged(objects, known, told)
        self._note_commits([fault for fault in judged if fault.is_note])
        found = [fault for fault in judged if not fault.is_note]
        try:
            faults, past = _standing(found, known, objects)
        except (MissingObject, IntegrityError) as error:  # the registry itself is unreadable
            if not told:
                yield Fault("GMS071", "", str(error), mend=REFETCH)
            self._unexamined.append(f"what later commits have put right: {error}")
            faults, past = [replace(fault, mend=fault.mend or REFETCH) for fault in found], []
        self._past += past
        untagged = large = 0
        keeps_large = (self._folder / LARGE_FILES).is_dir()
        for fault in faults:
            name = fault.path.removeprefix("refs/tags/")
            if lacking and name in lacking.tags and fault.code in ("GMS050", "GMS052"):
                continue  # the branch is what is wrong
            if fault.code == "GMS050" and held.has_no_tags:
                untagged += 1
            elif fault.code == "GMS024" and not keeps_large and held.has_remote:
                large += 1
            elif lacking and name in lacking.elsewhere and fault.code == "GMS052":
                branch = lacking.branch.removeprefix("refs/heads/")
                yield replace(fault, mend=f"git merge {lacking.elsewhere[name]}, on {branch}")
            else:
                yield fault
        if large:
            files = "1 large pipeline is" if large == 1 else f"{large} large pipelines are"
            said = f"{files} not here: `git lfs fetch --all {held.remote}`, to load or verify"
            self._notes.append(said)
        if untagged:
            self._unexamined.append(
                f"{untagged} tags: this clone is set to fetch none; "
                f"`git fetch --tags {held.remote}`"
            )

    def _note_commits(self, notes: list[Fault]) -> None:
        """Say what is only to be known of commits, the first of it."""
        said = [f"{(note.commit or '')[:12]}: {note}" for note in notes]
        if len(said) > _MOST_NOTES:
            said[_MOST_NOTES:] = [f"and {len(said) - _MOST_NOTES} more, which `gms validate` names"]
        self._notes += said

    def _configuration(self) -> Iterator[Fault]:
        repository = self._repository
        with CatFile(repository.common_dir, inherit=False) as objects:
            is_copy = extent(objects).is_copy
        lacking = unconfigured(repository)
        try:
            absent = git_dir.absent(repository)
        except StoreError as error:
            absent = ()
            self._notes.append(f"{error}; gms cannot tell whether the hooks there call its own")
        if is_copy:
            if lacking or absent:
                said = "hooks and drivers are not set up: `gms doctor --fix`, to write here"
                self._notes.append(said)
            return
        if lacking:
            yield Fault("GMS076", "config", f"has no {', '.join(lacking)}", mend=FIX)
        for name in absent:
            what = f"git does not run gitmodelstore's {name}"
            yield Fault("GMS076", f"hooks/{name}", what, mend=FIX)

    def _count_loose(self) -> tuple[Fault, ...]:
        loose = writer_lock.loose_objects(self._repository)
        if loose > writer_lock.MANY_LOOSE:
            said = f"{loose:,} loose objects: `git gc` packs them, and prunes nothing young"
            self._notes.append(said)
        return ()

    def _stale(self) -> tuple[Fault, ...]:
        linked = self._repository.common_dir / "worktrees"
        for place in sorted(linked.iterdir()) if linked.is_dir() else ():
            if worktree.linked_folder(place) is None:
                said = f"worktrees/{place.name}: its folder is not there: `git worktree prune`"
                self._notes.append(said)
        return ()


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
    branch = repository.branch
    for ref in writer_lock.damaged_refs(repository):
        if ref == branch:  # of which `behind` tells
            continue
        known = ref.startswith((*REMOVABLE, f"{branch}/")) or any(known_values(repository, ref))
        mend = FIX if known else f"git update-ref {ref} COMMIT, where another clone has it"
        yield Fault("GMS077", ref, "holds no id", mend=mend)
    replaced = repository.common_dir / "refs/replace"
    for path in sorted(replaced.iterdir()) if replaced.is_dir() else ():
        what = "git shows another object in its place, but gms does not"
        yield Fault("GMS055", f"refs/replace/{path.name}", what, mend=f"git replace -d {path.name}")
    grafts = repository.common_dir / "info/grafts"
    if grafts.is_file() and grafts.read_bytes().strip():
        what = "replaces the parents of commits; gms ignores it"
        yield Fault("GMS078", "info/grafts", what, mend=f"remove the file '{grafts}'")


def _branch(
    repository: Repository, objects: CatFile, found: Behind | None, tip: str | None
) -> Iterator[Fault]:
    """Yield what is wrong with the place where the branch stands."""
    branch = repository.branch
    says = writer_lock.held_by(repository, branch) or writer_lock.packed(repository, branch)
    if tip is not None:
        if found is not None and found.tags:
            yield Fault("GMS052", branch, found.what, mend=found.mend)
        return
    if found is None:  # what it says is to be had elsewhere
        yield Fault("GMS070", branch, f"points to {says}, which cannot be read", mend=REFETCH)
        return
    is_lost = says is None and not (repository.common_dir / branch).exists()
    if is_lost and not found.ahead and not found.tags:
        what = "the store has no such branch"
        yield Fault("GMS020", branch, what, mend=no_branch(objects, branch))
    elif branch in writer_lock.damaged_refs(repository):
        doubt = f"; {found.doubt}" if found.doubt else ""
        yield Fault("GMS077", branch, f"holds no id{doubt}", mend=found.mend)
    else:
        yield Fault("GMS077", branch, found.what, mend=found.mend)


def known_values(repository: Repository, ref: str) -> Iterator[str]:
    """Yield the ids that a damaged ref may have held: of its reflog, of an unfinished write."""
    yield from writer_lock.logged(repository, ref)
    note = writer_lock.read(repository.common_dir)
    if note is not None and ref == repository.branch:
        yield from (note.new, note.old)


def _unfinished(repository: Repository) -> Iterator[Fault]:
    note = writer_lock.read(repository.common_dir)
    if note is not None and not writer_lock.is_held(repository.common_dir):
        what = f"a writer died between {note.old[:12]} and {note.new[:12]}"
        yield Fault("GMS072", "gitmodelstore/pending.json", what, mend=FIX)


def _judged(objects: CatFile, past: Past, told: set[str]) -> list[Fault]:
    """Return what the judge finds wrong with commits and tags.

    Args:
        objects, past: the repository and its history.
        told: ids of objects of which it is said already that they are missing or damaged.
    """
    try:
        found = store_faults(objects)
    except StoreError as error:  # a commit is missing: git lists none, so those that are here
        found = [] if told else [Fault("GMS071", "", str(error), mend=REFETCH)]
        found += store_faults(objects, [commit.oid for commit in past.commits])
    return [
        fault
        for fault in found
        if fault.code not in ("GMS070", "GMS071") or not any(oid in fault.what for oid in told)
    ]


def _standing(found: list[Fault], past: Past, objects: CatFile) -> tuple[list[Fault], list[Fault]]:
    """Return the faults that stand, with what mends them, and those that were fixed since."""
    standing = Standing(past)
    now: list[Fault] = []
    then: list[Fault] = []
    for fault in found:
        (now if standing.is_now(fault) else then).append(fault)
    now += _unsaid(past, now)
    beside = {stray.tag.name: stray for stray in strays(past, objects)}
    return [with_next_step(fault, past, beside) for fault in now], then


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


def _damages(past: Past | None, damages: tuple[writer_lock.Damage, ...]) -> Iterator[Fault]:
    names = _names(past) if past and damages else {}
    for damage in damages:
        code = "GMS070" if damage.is_missing else "GMS071"
        if damage.oid is None:
            yield Fault(code, "", damage.what, mend=REFETCH)
            continue
        path, what_it_is = names.get(damage.oid, ("", f"{damage.kind} {damage.oid}"))
        yield Fault(code, path, f"{what_it_is} {damage.what}", mend=REFETCH)


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


def _heads(repository: Repository, folder: Path) -> Iterator[Fault]:
    """Yield HEADs that name what is not there, of this work tree and of linked ones."""
    for place in (repository.common_dir, *(tree.git_dir for tree in worktree.linked(repository))):
        is_own = place == repository.common_dir
        said = lost_head(repository, place)
        if said is None or said == repository.branch:  # of the branch is told elsewhere
            continue
        name = repository.branch_name
        path = "HEAD" if is_own else f"worktrees/{place.name}/HEAD"
        where = folder.parent if folder.name == ".git" else folder
        top = where if is_own else worktree.linked_folder(place)
        mend = f"git -C '{top}' symbolic-ref HEAD {repository.branch}, or another branch"
        if is_own and may_be_head(repository):
            mend = FIX
        yield Fault("GMS077", path, f"names {said}, which is not there", mend=mend or name)


def lost_head(repository: Repository, place: Path) -> str | None:
    """Return what a HEAD names where that does not exist; None where it does.

    Args:
        repository: the store.
        place: the git directory of the work tree that is meant.
    """
    said = (place / "HEAD").read_text(errors="replace").strip()
    name = said.removeprefix("ref:").strip()
    try:
        if said.startswith("ref:"):
            return name if repository.head(name) is None else None
        repository.commit(name)
    except StoreError:
        return name
    return None


def may_be_head(repository: Repository) -> bool:
    """Whether HEAD can be set to the store's branch, and no staged work be taken for another."""
    tip = repository.head(repository.branch)
    if tip is None:
        return False
    if repository.work_tree is None or not (repository.common_dir / git_dir.INDEX).exists():
        return True
    tree = worktree.WorkTree(repository.work_tree, repository.common_dir, repository.sharing)
    return worktree.is_at(tree, tip)


def _indexes(repository: Repository, folder: Path) -> Iterator[Fault]:
    for tree in trees_without_index(repository, folder):
        is_own = tree.git_dir == repository.common_dir
        path = git_dir.INDEX if is_own else f"worktrees/{tree.git_dir.name}/{git_dir.INDEX}"
        what = "is missing: the next commit would remove every file"
        yield Fault("GMS078", path, what, mend=FIX)


def trees_without_index(repository: Repository, folder: Path) -> Iterator[worktree.WorkTree]:
    """Yield the work trees that hold files of a store and have no index.

    Args:
        repository: the store, or a view of it.
        folder: its own git directory, whose work tree is meant.
    """
    trees = list(worktree.linked(repository))
    if repository.work_tree is not None:
        trees.insert(
            0, worktree.WorkTree(repository.work_tree, repository.common_dir, repository.sharing)
        )
    for tree in trees:
        is_seen = tree.git_dir == repository.common_dir and folder != repository.common_dir
        top = folder.parent if is_seen else tree.folder
        has_files = (top / REGISTRY).exists() or (top / MODELS).exists()
        if has_files and not (tree.git_dir / git_dir.INDEX).exists():
            yield tree


def _lags(repository: Repository) -> Iterator[Fault]:
    if _no_tip(repository):
        return
    for lag in worktree.lags(repository):
        place = str(lag.tree.folder)
        if lag.commit is not None:
            commits = f"{lag.behind} commit{'s' if lag.behind > 1 else ''}"
            what = f"stands on {lag.commit[:12]}, {commits} behind the branch"
            yield Fault("GMS075", place, what, mend=FIX)
        else:
            what = f"what is staged there would undo {', '.join(lag.undone)}"
            mend = f"git -C {place} restore --source=HEAD --staged --worktree -- {REGISTRY} models"
            yield Fault("GMS075", place, what, mend=mend)


def _no_tip(repository: Repository) -> bool:
    try:
        return repository.head(repository.branch) is None
    except StoreError:
        return True


def _locks(repository: Repository) -> Iterator[Fault]:
    for held in writer_lock.old_locks(repository):
        what = "no running git process holds a lock for so long"
        mend = FIX
        if held.may_be_held:
            what = "a commit may be waiting for its message in an editor"
            mend = f"if no git is running there: rm '{held.path}'"
        yield Fault("GMS073", _place(repository, held.path), what, mend=mend)


def _temporaries(repository: Repository) -> Iterator[Fault]:
    for path in writer_lock.temporaries(repository):
        yield Fault(
            "GMS074", _place(repository, path), "it has not been touched for a day", mend=FIX
        )


def _place(repository: Repository, path: Path) -> str:
    return path.relative_to(repository.common_dir).as_posix()
