"""What can be wrong with a store's repository, and its repair.

Examining writes nothing. Each part is examined by itself: one that cannot be read is reported, and
the others go on. What git itself stumbles over is judged first (`plumbing/git_dir.py`), the rest in
a view without it.

What can be repaired without guessing is repaired, before the store is examined again. No version is
ever deleted, and uncommitted work is never touched. A second run has nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from gitmodelstore.checks.fault import Fault, fault_lines, format_faults
from gitmodelstore.errors import (
    CannotWork,
    CannotWrite,
    IntegrityError,
    MissingObject,
    NotAStore,
    StoreError,
    is_of_handler,
)
from gitmodelstore.lean import TypeVar, dataclass, replace
from gitmodelstore.operations.init import CONFIGURED, unconfigured
from gitmodelstore.operations.mend import (
    FIX,
    REFETCH,
    Behind,
    Past,
    behind,
    fetched_again,
    find_tags,
    is_now,
    is_whole,
    move_forward,
    past_of,
    rebuild,
    retag,
    where_it_says,
    with_next_step,
)
from gitmodelstore.operations.publish import recover
from gitmodelstore.operations.snapshot import Writer, is_cached, was_store
from gitmodelstore.operations.validate import lacks_branch, large_files_of_remotes, store_faults
from gitmodelstore.plumbing import checkout, git_dir, refs, worktree, writer_lock
from gitmodelstore.plumbing.cat_file import WHOLE, CatFile, Extent, extent
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values.names import MODELS, REGISTRY, version_of

Damages = Callable[[], tuple[git_dir.Damage, ...]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cure:
    """A fault, and how the doctor puts it right."""

    fault: Fault
    done: str  # what is said of it then
    repair: Callable[[], object]


_Finding = Fault | Cure | str  # a note
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

    def __repr__(self) -> str:
        return f"<Diagnosis: {self._summary()}>"

    def _repr_html_(self) -> str:
        from gitmodelstore.values.tables import html

        unexamined = (f"not examined: {line}" for line in self.unexamined)
        lines = (*self.repaired, *fault_lines(self.faults), *unexamined, *self.notes)
        return html([self._summary(), *lines])

    def _summary(self) -> str:
        from gitmodelstore.values.tables import counted

        unexamined = f", {len(self.unexamined)} not examined" if self.unexamined else ""
        return f"{counted(len(self.faults), 'fault')}{unexamined}"


def examine(repository: Repository) -> Diagnosis:
    """Return what is wrong with a store: branch, tags, registry, objects, work trees, leftovers."""
    folder = repository.common_dir
    return _seen(folder, repository.branch) or _Examination(repository, folder, ()).diagnosis()


def examine_folder(folder: Path) -> Diagnosis | None:
    """Return what is wrong with a git directory that cannot be opened; None if not damaged."""
    return _seen(folder, git_dir.branch_of(folder))


def _seen(folder: Path, branch: str) -> Diagnosis | None:
    """Return what git itself stumbles over, and what is wrong apart from that."""
    hidden, flaws = git_dir.unreadable(folder), git_dir.flaws(folder, branch)
    if not hidden and not flaws:
        return None
    of_refs = ("HEAD", "packed-refs", "refs")
    faults = tuple(
        Fault(
            "GMS077" if flaw.path.startswith(of_refs) else "GMS078",
            flaw.path,
            flaw.what,
            mend=flaw.mend or FIX,
        )
        for flaw in flaws
    )
    closed = tuple(not_allowed(name) for name in hidden)
    try:
        with git_dir.view(folder, flaws, hidden) as top:
            diagnosis = _Examination(Repository.open(top), folder, tuple(hidden)).diagnosis()
            diagnosis = _renamed(diagnosis, top, folder)
    except (OSError, StoreError) as error:
        rest = f"the rest: {error}; fix the above first"
        return Diagnosis(faults, unexamined=(*closed, rest))
    paths = (*hidden, *(flaw.path for flaw in flaws))  # what a view leaves out is missing there
    others = (
        fault
        for fault in diagnosis.faults
        if fault.path not in paths and not fault.path.startswith(tuple(f"{p}/" for p in hidden))
    )
    return replace(
        diagnosis, faults=(*faults, *others), unexamined=(*closed, *diagnosis.unexamined)
    )


def not_allowed(name: object) -> str:
    return f"{name}: you are not allowed to read it: check its permissions"


def _renamed(diagnosis: Diagnosis, top: Path, folder: Path) -> Diagnosis:
    """Return a diagnosis with the places of the store, not of the view of it."""

    def real(text: str) -> str:
        return text.replace(str(top), str(folder)).replace(str(top.parent), str(folder.parent))

    def renamed(faults: Iterable[Fault]) -> tuple[Fault, ...]:
        return tuple(
            replace(f, path=real(f.path), what=real(f.what), mend=real(f.mend)) for f in faults
        )

    return replace(
        diagnosis,
        faults=renamed(diagnosis.faults),
        past=renamed(diagnosis.past),
        notes=tuple(map(real, diagnosis.notes)),
        unexamined=tuple(map(real, diagnosis.unexamined)),
    )


def can_judge(hidden: Iterable[str]) -> bool:
    """Whether refs and history can be judged, though some paths cannot be read."""
    return not any(name.split("/")[0] in _NEEDED for name in hidden)


def in_a_line(what: str, error: Exception) -> str:
    """Return what failed and why, in one line."""
    hint = getattr(error, "hint", None)
    message = " ".join(str(error).split()) or type(error).__name__
    return f"{what}: {message}{f'; {hint}' if hint else ''}"


class _Examination:
    """One look at a store or a view of it; `hidden` is what this process may not read."""

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
        self._part("the unfinished write", _unfinished, repository)
        with CatFile(repository.common_dir, inherit=False) as objects:
            clone = self._value("what the clone holds", lambda: extent(objects), WHOLE)
            if self._is_open:
                self._part("refs", _refs, repository)
                self._look_at_objects(objects, clone)
        if self._is_open:
            self._part("HEAD", heads, repository, self._folder)
            self._part("work trees", indexes, repository, self._folder)
            self._part("work trees", lags, repository)
            self._part("work trees", unfinished_merges, repository)
        else:
            self._unexamined.append("refs, objects, history and work trees, until that can be read")
        self._part("locks", locks, repository)
        self._part("temporary files", temporaries, repository)
        self._part("configuration", _configuration, repository, clone)
        self._part("loose objects", _loose, repository)
        self._part("linked work trees", _stale, repository)
        return Diagnosis(
            tuple(self._faults),
            tuple(self._past),
            notes=tuple(self._notes),
            unexamined=tuple(dict.fromkeys(self._unexamined)),
        )

    def _part(self, what: str, find: Callable[..., Iterable[_Finding]], *args: object) -> None:
        """Take what one part finds; what stops it stops no other."""

        def take() -> None:
            for one in find(*args):  # what was found before a failure counts
                if isinstance(one, str):
                    self._notes.append(one)
                else:
                    self._faults.append(one.fault if isinstance(one, Cure) else one)

        self._value(what, take, None)

    def _value(self, what: str, step: Callable[[], T], otherwise: T) -> T:
        """Return what a step returns; where it fails, of whatever kind that is, say so."""
        try:
            return step()
        except Exception as error:  # damage takes any form, and the rest must be examined
            if is_of_handler(error):
                raise
            self._unexamined.append(in_a_line(what, error))
            return otherwise

    def _look_at_objects(self, objects: CatFile, clone: Extent) -> None:
        # git looks at all of them meanwhile, which takes as long as the branch and its history.
        with ExitStack() as running:
            checking = git_dir.checking(self._repository.common_dir)
            nothing: Damages = tuple
            found = self._value("objects", lambda: running.enter_context(checking), nothing)
            self._look_at_history(objects, clone, found)

    def _look_at_history(self, objects: CatFile, clone: Extent, found: Damages) -> None:
        repository = self._repository
        objects.wants_large_files = True
        past = past_of(repository, objects)
        history = past if clone.lacks_history is None else None
        lacking = None
        if clone.lacks_history is None:
            lacking = self._value("the branch", lambda: behind(repository, objects, history), None)
            self._part("the branch", _branch, repository, objects, lacking, history)
        judged = None  # before git has looked at all objects: this takes as long
        if history is not None and not clone.lacks_history:
            judged = self._value("the history", lambda: _judged(history), None)
        none: tuple[git_dir.Damage, ...] = ()
        damages = self._value("objects", found, none)
        texts = [fault.what for fault in self._faults]
        damages = tuple(one for one in damages if not any((one.oid or "-") in w for w in texts))
        self._part("objects", _damages, history, damages)
        if clone.left_out and not clone.lacks_history:
            files = "1 file is" if clone.left_out == 1 else f"{clone.left_out} files are"
            self._notes.append(f"{files} only on {clone.remote} so far, and fetched when needed")
        if clone.lacks_history:
            self._unexamined.append(f"the history: {clone.lacks_history}; {clone.fetch}")
        elif history is None:
            self._unexamined.append("the history and registry.json, until the branch can be read")
        elif judged is not None:
            ids = {damage.oid for damage in damages if damage.oid}
            found_wrong = _apart_from(ids, *judged)
            self._part("the history", self._history, history, found_wrong, ids, lacking, clone)

    def _history(
        self,
        history: Past,
        judged: list[Fault],
        damaged: set[str],
        lacking: Behind | None,
        clone: Extent,
    ) -> Iterator[_Finding]:
        yield from _told([fault for fault in judged if fault.is_note])
        faults = [fault for fault in judged if not fault.is_note]
        try:
            faults, past = _standing(faults, history)
        except (MissingObject, IntegrityError) as error:  # the registry itself is unreadable
            if not damaged:
                yield Fault("GMS071", "", str(error), mend=REFETCH)
            self._unexamined.append(f"what later commits have put right: {error}")
            faults, past = [replace(fault, mend=fault.mend or REFETCH) for fault in faults], []
        self._past += past
        untagged = large = 0
        fetchable = large_files_of_remotes(history.objects, faults)
        for fault in faults:
            name = fault.path.removeprefix("refs/tags/")
            if lacking and name in lacking.tags and fault.code in ("GMS050", "GMS052"):
                continue  # the branch is what is wrong
            if fault.code == "GMS050" and clone.has_no_tags:
                untagged += 1
            elif fault in fetchable:
                large += 1
            elif lacking and name in lacking.elsewhere and fault.code == "GMS052":
                branch = lacking.branch.removeprefix("refs/heads/")
                yield replace(fault, mend=f"git merge {lacking.elsewhere[name]}, on {branch}")
            else:
                yield fault
        if large:
            files = "1 large pipeline is" if large == 1 else f"{large} large pipelines are"
            yield f"{files} not here, and fetched from {clone.remote} when needed"
        if untagged:
            self._unexamined.append(
                f"{untagged} tags: this clone is set to fetch none; "
                f"`git fetch --tags {clone.remote}`"
            )


def _told(notes: list[Fault]) -> list[str]:
    """Return what is only to be known of commits, the first of it."""
    lines = [f"{(note.commit or '')[:12]}: {note}" for note in notes]
    if len(lines) > _MOST_NOTES:
        lines[_MOST_NOTES:] = [f"and {len(lines) - _MOST_NOTES} more, which `gms validate` lists"]
    return lines


def _configuration(repository: Repository, clone: Extent) -> Iterator[_Finding]:
    if is_cached(repository):  # nobody works there
        return
    cures = [*drivers(repository)]
    try:
        cures += hooks(repository)
    except StoreError as error:
        yield f"{error}; gms cannot tell whether the hooks there run its own"
    if not clone.is_copy:
        yield from cures
    elif cures and not clone.is_mirror:
        yield "hooks and drivers are not set up: to write here, run `gms doctor --fix`"


def drivers(repository: Repository) -> Iterator[Cure]:
    """Yield the settings that git lacks to merge and to show files of a store."""
    if lacking := unconfigured(repository):
        names, settings = ", ".join(lacking), {name: CONFIGURED[name] for name in lacking}
        repair = partial(repository.configure, settings)
        yield _cure("GMS076", "config", f"has no {names}", f"configured git: {names}", repair)


def hooks(repository: Repository) -> Iterator[Cure]:
    """Yield the missing hooks; mending one installs all."""
    absent = git_dir.absent(repository)
    for name in absent:
        what = f"git does not run gitmodelstore's {name}"
        done = f"installed the hooks {', '.join(absent)}" if name == absent[0] else ""
        repair = partial(git_dir.install, repository)
        yield _cure("GMS076", f"hooks/{name}", what, done, repair)


def _cure(code: str, path: str, what: str, done: str, repair: Callable[[], object]) -> Cure:
    return Cure(Fault(code, path, what, mend=FIX), done, repair)


def _loose(repository: Repository) -> Iterator[str]:
    loose = git_dir.loose_objects(repository)
    if loose > git_dir.MANY_LOOSE:
        yield f"{loose:,} loose objects: `git gc` packs them, and keeps all recent ones"


def _stale(repository: Repository) -> Iterator[str]:
    linked = repository.common_dir / "worktrees"
    for place in sorted(linked.iterdir()) if linked.is_dir() else ():
        if worktree.linked_folder(place) is None:
            yield f"worktrees/{place.name}: its folder is missing: `git worktree prune`"


def damaged_refs(repository: Repository) -> Iterator[Fault | Cure]:
    """Yield refs without an id; one stays if its value cannot be known."""
    branch = repository.branch
    removable = ("refs/tags/", "refs/remotes/", f"{branch}/")  # the branch, or a fetch, knows more
    with CatFile(repository.common_dir, inherit=False) as objects:
        for ref in refs.damaged(repository):
            values = (oid for oid in _known_values(repository, ref) if is_whole(objects, oid))
            value = next(values, None)
            if ref.startswith("refs/tags/") and refs.packed(repository, ref):
                value, done = None, f"removed an empty {ref}, which packed-refs has"
            elif value is not None:
                is_logged = value in refs.logged(repository, ref)
                who = "its reflog" if is_logged else "the unfinished write"
                done = f"set {ref} to {value[:12]}, the id in {who}"
            elif _is_all_that_is_left(repository, objects, ref):
                yield Fault("GMS077", ref, "holds no id", mend=fetched_again(ref))
                continue
            elif ref.startswith(removable):
                done = f"removed {ref}, which was empty"
            else:
                mend = f"git update-ref {ref} COMMIT, as another clone has it"
                yield Fault("GMS077", ref, "holds no id", mend=mend)
                continue
            repair = partial(refs.restore, repository, ref, value)
            yield _cure("GMS077", ref, "holds no id", done, repair)


def _is_all_that_is_left(repository: Repository, objects: CatFile, ref: str) -> bool:
    """Whether a tag is of a version that the branch lacks, so that only its name tells of it."""
    name = ref.removeprefix("refs/tags/")
    if name == ref or version_of(name) is None:
        return False
    past = past_of(repository, objects)
    return past is not None and past.tagged(name) is None


def _refs(repository: Repository) -> Iterator[_Finding]:
    for one in damaged_refs(repository):
        fault = one.fault if isinstance(one, Cure) else one
        if fault.path != repository.branch:  # `behind` reports it
            yield fault
    replaced = repository.common_dir / "refs/replace"
    for path in sorted(replaced.iterdir()) if replaced.is_dir() else ():
        what = "git shows another object in its place, but gms does not"
        yield Fault("GMS055", f"refs/replace/{path.name}", what, mend=f"git replace -d {path.name}")
    grafts = repository.common_dir / "info/grafts"
    if grafts.is_file() and grafts.read_bytes().strip():
        what = "replaces the parents of commits; gms ignores it"
        yield Fault("GMS078", "info/grafts", what, mend=f"remove the file '{grafts}'")


def _branch(
    repository: Repository, objects: CatFile, lacking: Behind | None, past: Past | None
) -> Iterator[Fault]:
    """Yield what is wrong with the place where the branch stands."""
    branch, says = repository.branch, where_it_says(repository)
    if past is not None:
        if lacking is not None and lacking.tags:
            yield Fault("GMS052", branch, lacking.what, mend=lacking.mend)
        return
    if lacking is None:  # what it says is to be had elsewhere
        yield Fault("GMS070", branch, f"points to {says}, which cannot be read", mend=REFETCH)
        return
    is_lost = says is None and not (repository.common_dir / branch).exists()
    if is_lost and not lacking.ahead and not lacking.tags:
        yield lacks_branch(objects, branch)
    elif branch in refs.damaged(repository):
        doubt = f"; {lacking.doubt}" if lacking.doubt else ""
        yield Fault("GMS077", branch, f"holds no id{doubt}", mend=lacking.mend)
    else:
        yield Fault("GMS077", branch, lacking.what, mend=lacking.mend)


def _known_values(repository: Repository, ref: str) -> Iterator[str]:
    """Yield the ids that a damaged ref may have held: of its reflog, of an unfinished write."""
    yield from refs.logged(repository, ref)
    note = writer_lock.read(repository.common_dir)
    if note is not None and ref == repository.branch:
        yield from (note.new, note.old)


def _unfinished(repository: Repository) -> Iterator[Fault]:
    note = writer_lock.read(repository.common_dir)
    if note is not None and not writer_lock.is_held(repository.common_dir):
        what = f"a writer died between {note.old[:12]} and {note.new[:12]}"
        yield Fault("GMS072", "gitmodelstore/pending.json", what, mend=FIX)


def _judged(past: Past) -> tuple[list[Fault], list[Fault]]:
    """Return what the judge finds wrong with commits and tags, and why git cannot list them."""
    try:
        return store_faults(past.objects, judge=past.judge), []
    except StoreError as error:  # a commit is missing: git lists none, so those that are here
        faults = store_faults(past.objects, [one.oid for one in past.commits], past.judge)
        return faults, [Fault("GMS071", "", str(error), mend=REFETCH)]


def _apart_from(damaged: set[str], faults: list[Fault], unlisted: list[Fault]) -> list[Fault]:
    """Return the faults that do not only repeat which objects are damaged."""
    return ([] if damaged else unlisted) + [
        fault
        for fault in faults
        if fault.code not in ("GMS070", "GMS071") or not any(oid in fault.what for oid in damaged)
    ]


def _standing(faults: list[Fault], past: Past) -> tuple[list[Fault], list[Fault]]:
    """Return the faults that stand, with what mends them, and those that were fixed since."""
    now: list[Fault] = []
    then: list[Fault] = []
    for fault in faults:
        (now if is_now(past, fault) else then).append(fault)
    now += _unsaid(past, now)
    return [with_next_step(fault, past) for fault in now], then


def _unsaid(past: Past, now: list[Fault]) -> Iterator[Fault]:
    """Yield what is wrong with the registry and no commit is to blame for: a merge lost it."""
    reports = {(fault.code, fault.what) for fault in now if fault.path == REGISTRY}
    if past.fault_of_registry and not reports & {("GMS020", "missing")}:
        for fault in format_faults(past.fault_of_registry, "GMS011", REGISTRY):
            if not any(code == "GMS011" for code, _ in reports):
                yield fault
    for version in past.lost:
        what = f"{version} is lost"
        if ("GMS030", what) not in reports:
            yield Fault("GMS030", REGISTRY, what)


def _damages(past: Past | None, damages: tuple[git_dir.Damage, ...]) -> Iterator[Fault]:
    names = _names(past) if past and damages else {}
    for damage in damages:
        path, name = names.get(damage.oid or "", ("", f"{damage.kind} {damage.oid}"))
        what = damage.what if damage.oid is None else f"{name} {damage.what}"
        yield Fault(
            "GMS070" if damage.what == git_dir.MISSING else "GMS071", path, what, mend=REFETCH
        )


def _names(past: Past) -> dict[str, tuple[str, str]]:
    """Return path and words for each object of a version's folder, by id."""
    names: dict[str, tuple[str, str]] = {}
    for version in past.introduced.values():
        if version.folder is None:
            continue
        path = f"models/{version.model}"
        names.setdefault(version.folder, (path, f"tree {version.folder} of {version}"))
        try:
            entries = past.objects.entries(version.folder)
        except (MissingObject, IntegrityError):
            continue
        for name, entry in entries.items():
            names.setdefault(entry.oid, (f"{path}/{name}", f"blob {entry.oid} of {version}"))
    return names


def heads(repository: Repository, folder: Path) -> Iterator[Fault | Cure]:
    """Yield HEADs that name what is not there, of this work tree and of linked ones."""
    for place in (repository.common_dir, *(tree.git_dir for tree in worktree.linked(repository))):
        is_own = place == repository.common_dir
        target = _lost_head(repository, place)
        if target is None or target == repository.branch:  # of the branch is told elsewhere
            continue
        path = "HEAD" if is_own else f"worktrees/{place.name}/HEAD"
        where = folder.parent if folder.name == ".git" else folder
        top = where if is_own else worktree.linked_folder(place)
        mend = f"git -C '{top}' symbolic-ref HEAD {repository.branch}, or another branch"
        what = f"points to {target}, which does not exist"
        if is_own and _may_be_head(repository):
            done = f"set HEAD to {repository.branch}: {target}, which it pointed to, does not exist"
            yield _cure("GMS077", path, what, done, partial(worktree.point_head, repository))
        else:
            yield Fault("GMS077", path, what, mend=mend)


def _lost_head(repository: Repository, place: Path) -> str | None:
    """Return what the HEAD in a git directory names where that is not there; None if it is."""
    text = (place / "HEAD").read_text(errors="replace").strip()
    name = text.removeprefix("ref:").strip()
    try:
        if text.startswith("ref:"):
            return name if repository.head(name) is None else None
        repository.commit(name)
    except StoreError:
        return name
    return None


def _may_be_head(repository: Repository) -> bool:
    """Whether HEAD can be set to the store's branch, and no staged work be taken for another."""
    tip = repository.head(repository.branch)
    if tip is None:
        return False
    tree = _own_tree(repository)
    return tree is None or not (tree.git_dir / git_dir.INDEX).exists() or worktree.is_at(tree, tip)


def _own_tree(repository: Repository) -> worktree.WorkTree | None:
    if repository.work_tree is None:
        return None
    return worktree.WorkTree(repository.work_tree, repository.common_dir, repository.sharing)


def indexes(repository: Repository, folder: Path) -> Iterator[Cure]:
    """Yield the indexes that work trees of a store lack; `folder` is its own git directory."""
    own = _own_tree(repository)
    for tree in (*((own,) if own else ()), *worktree.linked(repository)):
        is_own = tree.git_dir == repository.common_dir
        top = folder.parent if is_own and folder != repository.common_dir else tree.folder
        has_files = (top / REGISTRY).exists() or (top / MODELS).exists()
        if has_files and not (tree.git_dir / git_dir.INDEX).exists():
            path = git_dir.INDEX if is_own else f"worktrees/{tree.git_dir.name}/{git_dir.INDEX}"
            what = "is missing: the next commit would remove every file"
            done = f"rebuilt the index of {tree.folder} from the commit that is checked out"
            yield _cure("GMS078", path, what, done, partial(worktree.stage_head, tree))


def has_branch(repository: Repository) -> bool:
    try:
        return repository.head(repository.branch) is not None
    except StoreError:
        return False


def unfinished_merges(repository: Repository) -> Iterator[str]:
    """Say where git is in the middle of something."""
    for tree in worktree.on_branch(repository):
        if name := worktree.in_progress(tree):
            pull = "; if it is a pull that stopped, `gms pull` may end it for you"
            how = f"finish it or run `git {name} --abort`"
            more = pull if name in ("merge", "rebase") else ""
            yield f"{tree.folder}: git is in the middle of a {name}: {how}{more}"
    for tree in worktree.left_in_conflict(repository):
        how = f"to give it up, run `git checkout --force {repository.branch_name}` there"
        yield f"{tree.folder}: a conflict was left there, and no branch is checked out: {how}"


def lags(repository: Repository, lock: HeldLock | None = None) -> Iterator[Fault | Cure]:
    """Yield the work trees that are not where the branch is; who repairs holds the lock."""
    tip = repository.head(repository.branch) if has_branch(repository) else None
    for lag in worktree.lags(repository) if tip else ():
        place, old = str(lag.tree.folder), lag.commit
        if old is not None and tip is not None:
            commits = f"{lag.behind} commit{'s' if lag.behind > 1 else ''}"
            what = f"is at {old[:12]}, {commits} behind the branch"
            done = f"moved {place} from {old[:12]} to the branch, {tip[:12]}"
            repair = partial(_move, lag.tree, old, tip, lock)
            yield _cure("GMS075", place, what, done, repair)
        else:
            what = f"what is staged there would undo {', '.join(lag.undone)}"
            mend = f"git -C {place} restore --source=HEAD --staged --worktree -- {REGISTRY} models"
            yield Fault("GMS075", place, what, mend=mend)


def _move(tree: worktree.WorkTree, old: str, new: str, lock: HeldLock | None) -> None:
    if lock is not None:
        worktree.move(tree, old, new, lock=lock)


def locks(repository: Repository) -> Iterator[Fault | Cure]:
    """Yield the locks that dead processes have left, and one that `git commit` may hold."""
    for path, may_be_held in list(git_dir.old_locks(repository)):
        place = _place(repository, path)
        if may_be_held:
            what = "a commit may be waiting for its message in an editor"
            mend = f"if no git is running there: rm '{path}'"
            yield Fault("GMS073", place, what, mend=mend)
        else:
            done = f"removed the lock {place}, which no process holds"
            what = "no running git process holds a lock for so long"
            yield _cure("GMS073", place, what, done, partial(git_dir.remove, path))


def temporaries(repository: Repository) -> Iterator[Cure]:
    """Yield what unfinished writes have left."""
    for path in git_dir.temporaries(repository):
        place = _place(repository, path)
        done = f"removed {place}, which had not been touched for a day"
        what = "it has not been touched for a day"
        yield _cure("GMS074", place, what, done, partial(git_dir.remove, path))


def _place(repository: Repository, path: Path) -> str:
    return path.relative_to(repository.common_dir).as_posix()


# Repairs


def doctor(repository: Repository, writer: Callable[[], Writer] | None = None) -> Diagnosis:
    """Return what is wrong with a store, as `Store.doctor`; `writer` None writes nothing."""
    _refuse_other_repository(repository)
    if writer is None:
        return examine(repository)
    folder = repository.common_dir
    repairs = _Repairs()
    flaws = repairs.of_git(folder, repository.branch)
    if repairs.done:  # what is held of the damaged files is out of date
        repository = Repository.open(repository.work_tree or folder)
    if any(flaw.path in _FATAL for flaw in flaws) or not can_judge(git_dir.unreadable(folder)):
        repairs.notes.append(_LEFT)
    else:
        try:
            repairs.of_store(repository, writer())
        except CannotWrite as error:  # not even the lock
            repairs.notes.append(f"nothing was repaired: {error}")
    return repairs.put_into(examine(repository))


# Where one of these is damaged, git does nothing there.
_LEFT = "nothing else was repaired, until that is fixed"
_FATAL = ("HEAD", "config", "objects", "refs", "shallow", "packed-refs")


def revive(place: Path, *, fix: bool) -> Diagnosis | None:
    """Examine, and with `fix` mend, a git directory that cannot be opened; None if it can be."""
    folder = checkout.locate(place)
    if folder is None or not folder.is_dir() or _opens(folder):
        return None
    if not os.access(folder, os.R_OK | os.X_OK):
        return Diagnosis((), unexamined=(not_allowed(f"'{folder}'"),))
    repairs = _Repairs()
    if fix:
        repairs.of_git(folder, git_dir.branch_of(folder))
        if _opens(folder):
            return repairs.put_into(Diagnosis(()))
        repairs.notes.append(_LEFT)
    diagnosis = examine_folder(folder)
    return None if diagnosis is None else repairs.put_into(diagnosis)


def _opens(folder: Path) -> bool:
    try:
        Repository.open(folder)
    except CannotWork:
        return False
    return True


def _refuse_other_repository(repository: Repository) -> None:
    """Refuse what was never a store: a repository of code must not get our hooks."""
    has_registry = False
    with suppress(StoreError):
        tip = repository.head(repository.branch)
        commits = repository.first_parents(tip) if tip is not None else ()
        has_registry = any(repository.entry(commit.tree, REGISTRY) for commit in commits)
    if not has_registry and not was_store(repository):
        place = repository.work_tree or repository.common_dir
        raise NotAStore(
            f"'{place}' is not a model store, and never was",
            hint="name the store with -C, or create one with `gms init`",
        )


class _Repairs:
    """What was done, and what could not be, a line each."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.notes: list[str] = []
        self._lost_refs = False

    def put_into(self, diagnosis: Diagnosis) -> Diagnosis:
        return replace(diagnosis, repaired=tuple(self.done), notes=(*self.notes, *diagnosis.notes))

    def of_git(self, folder: Path, branch: str) -> list[git_dir.Flaw]:
        """Set right what git itself stumbles over, as far as is known how; return what is left."""

        def mend(flaw: git_dir.Flaw) -> Iterator[str]:
            yield git_dir.mend(folder, flaw)

        flaws = git_dir.flaws(folder, branch)
        self._lost_refs = any(flaw.path == "packed-refs" for flaw in flaws)
        for flaw in flaws:
            if not flaw.mend:
                self._attempt(f"{flaw.path} was left", mend, flaw)
        return git_dir.flaws(folder, branch) if self.done else flaws

    def of_store(self, repository: Repository, writer: Writer) -> None:
        attempt = self._attempt
        quiet = replace(writer, notify=self.notes.append)
        folder, wait = repository.common_dir, writer.wait_seconds
        with CatFile(folder, inherit=False) as objects:
            clone, has_tags = extent(objects), bool(objects.tags)

        def is_whole() -> bool:
            """Whether the branch's history is here, as far as it was asked for."""
            return has_branch(repository) and clone.lacks_history is None

        repository.restore()
        with writer_lock.exclusive(folder, wait_seconds=wait, sharing=repository.sharing) as lock:
            attempt("locks were not removed", locks, repository)
            attempt("refs were not restored", damaged_refs, repository)
            attempt("the unfinished write was left alone", _recover, repository, lock)
            lost_refs = self._lost_refs or not has_tags or not has_branch(repository)
            if not has_branch(repository):
                attempt("the branch was left alone", move_forward, repository, quiet, lock)
            if lost_refs:
                attempt("tags were not found again", find_tags, repository)
            if not has_branch(repository):
                attempt("the branch was left alone", move_forward, repository, quiet, lock)
            attempt("HEAD was left", heads, repository, folder)
            attempt("the index was not rebuilt", indexes, repository, folder)
            if is_whole():
                attempt("the branch was left alone", move_forward, repository, quiet, lock)
                attempt("refs were not restored", damaged_refs, repository)  # of what came back
                attempt("HEAD was left", heads, repository, folder)
                # Now, since a rebuilt registry takes the work trees with it.
                attempt("a work tree was left alone", lags, repository, lock)
        if is_whole():
            attempt("registry.json was not rebuilt", rebuild, repository, quiet)
        if is_whole() and not clone.has_no_tags:
            with writer_lock.exclusive(folder, wait_seconds=wait):
                attempt("tags were not set", retag, repository, quiet)
        attempt("temporary files were not removed", temporaries, repository)
        if not clone.is_mirror:
            attempt("git was not configured", drivers, repository)
            attempt("hooks were not installed", hooks, repository)

    def _attempt(
        self, what: str, step: Callable[..., Iterable[str | Fault | Cure]], *args: object
    ) -> None:
        """Take a step, or repair what it finds; what stops it stops no other."""
        try:
            for one in step(*args):  # what was done before a failure counts
                if isinstance(one, Cure):
                    one.repair()
                done = one.done if isinstance(one, Cure) else one
                if done and isinstance(done, str):
                    self.done.append(done)
        except Exception as error:  # damage takes any form, and the other steps must run
            if is_of_handler(error):
                raise
            self.notes.append(in_a_line(what, error))


def _recover(repository: Repository, lock: HeldLock) -> Iterator[str]:
    note = writer_lock.read(repository.common_dir)
    if note is None:
        return
    done: list[str] = []
    recover(repository, done.append, lock)
    tip = repository.head(repository.branch)
    is_there = repository.find_commit(note.new) is not None
    finished = tip and is_there and repository.is_ancestor(note.new, tip)
    verb = "finished" if finished else "undid"
    yield f"{verb} the write of {note.new[:12]}, which was interrupted"
    yield from done
