"""The write path: how one commit and its tags become visible, all or nothing.

ARCHITECTURE.md ("Writing") gives the order. The work trees move before the branch: a process that
dies in between leaves the new version staged, which the next writer undoes. The other way round a
`git commit -a` by hand would silently revert the version.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Thread

from gitmodelstore.checks.fault import registries
from gitmodelstore.checks.gates import Annotations
from gitmodelstore.checks.history import LIFECYCLE, clock_note
from gitmodelstore.checks.judge import CommitStep, Judge
from gitmodelstore.checks.signatures import Approval, SignatureJudge, approval_text, asks, people
from gitmodelstore.errors import (
    FormatError,
    GateNotPassed,
    InvalidInput,
    LifecycleError,
    LocalChanges,
    SignatureError,
    StoreBusy,
    StoreError,
)
from gitmodelstore.lean import Any, BinaryIO, dataclass, field, replace
from gitmodelstore.operations.history import Notify, annotation_events, approval_event
from gitmodelstore.operations.resolve import (
    Ref,
    annotated,
    approvals,
    manifest_sha256,
    resolve_exact,
)
from gitmodelstore.operations.snapshot import Snapshot, Writer, advance, upon, warn_of_clock
from gitmodelstore.plumbing import files, large_files, processes, refs, worktree, writer_lock
from gitmodelstore.plumbing.loose import Buffer
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.signing import Identity, SshVerifier
from gitmodelstore.plumbing.worktree import Handmade, WorkTree, registry_alone
from gitmodelstore.plumbing.writer_lock import HeldLock, Note
from gitmodelstore.values import overview
from gitmodelstore.values.events import Event, Scalar
from gitmodelstore.values.gates import MOST_KEYS, annotation_text, check_key, check_value, written
from gitmodelstore.values.json import hidden_character
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import (
    CARD,
    FOLDER_ATTRIBUTES,
    FOLDER_ATTRIBUTES_LFS,
    MODELS,
    REGISTRY,
    WITHDRAWN,
    Version,
    did_you_mean,
)
from gitmodelstore.values.objects import FOLDER, PLAIN_FILE, Entry, Pointer
from gitmodelstore.values.overview import Since
from gitmodelstore.values.registry import EMPTY, Registry

_MOST_TRIES = 20
Tags = dict[str, str]  # name to id of its object
Trees = tuple[WorkTree, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What one commit is to change."""

    message: str
    registry: Registry
    folders: Mapping[str, str] = field(default_factory=dict)  # model to its folder's new tree
    tags: Mapping[str, str] = field(default_factory=dict)  # name to message of annotated tags
    # What else changes at the root, such as modelstore.toml; None for what goes.
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    # Judges who signed and approved what its gates ask that of, once the commit is written, and
    # raises with every condition of these gates; None where none asks.
    conclude: Callable[[SignatureJudge, str], None] | None = None
    # The folder of a work tree that becomes this version as it lies there, and the files of it
    # that are made anew; None for what comes from elsewhere.
    handmade: tuple[Handmade, Mapping[str, bytes | None]] | None = None

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """Commits and tags that are written, and that the branch is to move to."""

    commit: str
    tags: Mapping[str, str]  # name to the id of its object
    title: str  # for the reflog
    writer: Writer  # with the moment that the commit bears
    written: tuple[str, ...]  # the ids of all that nothing names yet
    clock: datetime | None = None  # what the writer's clock says, if it is behind the store's
    handmade: tuple[Handmade, Mapping[str, bytes | None]] | None = None  # as in `Draft`


Drafting = Callable[[Snapshot], Draft | None]
Planning = Callable[[Snapshot, HeldLock], PlannedMove | None]


def check_reason(reason: str | None) -> None:
    """Refuse a reason with a character that a reader could not see."""
    if character := hidden_character(" ".join((reason or "").split())):
        raise InvalidInput(
            f"the reason contains the hidden character {character}",
            hint="type the reason again instead of pasting it",
        )


def publish(
    repository: Repository, writer: Writer, draft: Drafting, *, broken: bool = False
) -> tuple[Snapshot, Snapshot]:
    """Commit what `draft` makes of the store; return the store before and after. See `move`."""

    def plan(snapshot: Snapshot, lock: HeldLock) -> PlannedMove | None:
        wanted = draft(snapshot)
        return write(snapshot, writer, wanted, lock) if wanted else None

    return move(repository, writer, plan, broken=broken)


def move(
    repository: Repository, writer: Writer, plan: Planning, *, broken: bool = False
) -> tuple[Snapshot, Snapshot]:
    """PlannedMove the branch to what `plan` writes; return the store before and after.

    These are the same object where there was nothing to do, for which `plan` returns None. It
    is called under the lock, and again when plain git moved the branch in the meantime.
    """
    try:
        with (
            writer_lock.exclusive(
                repository.common_dir, wait_seconds=writer.wait_seconds, sharing=repository.sharing
            ) as lock,
            writing(repository.common_dir),  # whatever the system refuses, and wherever
        ):
            repository.tend()
            recover(repository.store or repository, writer.notify, lock)
            before, commit, clock = _publish(repository, plan, lock, broken)
        repository.settle(lock.until)
        # Not before: until then a prune may have taken it.
        published = Snapshot(repository, repository.commit(commit)) if commit else before
    finally:
        repository.forget_written()
    if clock is not None:  # now that it is written: a warning may be an error to the caller
        warn_of_clock(published, clock)
    return before, published


def _publish(
    repository: Repository, plan: Planning, lock: HeldLock, broken: bool
) -> tuple[Snapshot, str | None, datetime | None]:
    """Return the store before it, the commit, if any, and a clock that is behind the store's."""
    for _ in range(_MOST_TRIES):
        snapshot = Snapshot.now(repository, broken=broken)
        planned = plan(snapshot, lock)
        if planned is None:
            return snapshot, None, None
        repository.secure(planned.written)
        if _swap(snapshot, planned, lock):
            return snapshot, planned.commit, planned.clock
    raise StoreBusy(
        f"{repository.branch} moved {_MOST_TRIES} times while this was being written",
        hint="try again when the other git processes have finished",
    )


def write(
    snapshot: Snapshot,
    writer: Writer,
    wanted: Draft,
    lock: HeldLock,
    *,
    authored: tuple[Identity, datetime] | None = None,
) -> PlannedMove:
    """Write, judge and return the commit of a draft upon a snapshot, and its tags."""
    # `authored`: whose event it is, and since when, if it is made again; None for the writer's.
    repository = snapshot.repository
    writer, clock = upon(writer, snapshot)
    who = authored[0] if authored else writer.author
    tree = _write_tree(snapshot, wanted, _readme(snapshot, wanted, writer, who))
    if wanted.conclude is None:
        _validate(snapshot, wanted, tree, lock)
    commit = repository.write_commit(
        tree,
        (snapshot.commit.oid,),
        _with_clock(wanted.message, clock),
        author=who,
        committer=writer.committer,
        when=writer.when,
        authored_at=authored[1] if authored else None,
        sign=writer.sign_commit,
    )
    tags = {
        name: write_tag_object(repository, writer, name, commit, message)
        for name, message in (() if repository.store else wanted.tags.items())
    }
    _validate_signatures(snapshot, wanted, commit, tags)
    if wanted.conclude is not None:  # what was wrong is told together with the signatures
        _validate(snapshot, wanted, tree, lock)
    written = (*repository.changed(snapshot.commit.tree, tree), commit, *tags.values())
    return PlannedMove(commit, tags, wanted.title, writer, written, clock, wanted.handmade)


def recover(repository: Repository, notify: Notify, lock: HeldLock, *, died: bool = True) -> None:
    """Finish or undo, under the lock, what a writer began: a dead one, or, unless `died`, this."""
    note = writer_lock.read(repository.common_dir)
    if note is None:
        return
    repository.restore()
    refs.remove_own(repository, note.new, note.tags, died=died)
    for tree in _noted(repository, note):
        refs.remove_own_index(tree.git_dir)
    tip = repository.head(repository.branch)
    new = repository.find_commit(note.new)
    if tip is None or new is None:  # the power went before its objects were on the disk
        pass
    elif repository.is_ancestor(new, tip):
        if tip == new:
            _follow(repository, note, lock)
        why = "which an interrupted write had left out"
        _set_tags(repository, note.tags, notify, lock, why)
    else:
        _undo(repository, note, tip, lock)
    writer_lock.clear(repository.common_dir)


def _with_clock(message: str, clock: datetime | None) -> str:
    """Return a message with the clock's time before its last paragraph of trailers."""
    if clock is None:
        return message
    body, gap, trailers = message.rstrip("\n").rpartition("\n\n")
    parts = (body, clock_note(clock), trailers) if gap else (trailers, clock_note(clock))
    return "\n\n".join(parts) + "\n"


def _validate(snapshot: Snapshot, wanted: Draft, tree: str, lock: HeldLock) -> None:
    """Judge our own work as a hook would: libgit2 runs no hooks."""
    step = CommitStep(tree, (snapshot.commit.oid,), wanted.message)
    faults = Judge(snapshot.repository).faults(step)
    if faults:
        kind = LifecycleError if faults[0].code in LIFECYCLE else FormatError
        raise kind(str(faults[0]), hint=faults[0].mend or None)
    for name in wanted.tags:
        refs.check_free(snapshot.repository, name, until=lock.until)


def _validate_signatures(snapshot: Snapshot, wanted: Draft, commit: str, tags: Tags) -> None:
    if not (snapshot.policy.require_signed or snapshot.policy.gates):
        return
    changes = tuple(snapshot.registry.changes(wanted.registry))
    if not asks(snapshot.policy, changes):
        return
    judge = _judge_of_signatures(snapshot.repository)
    if wanted.conclude is not None:
        wanted.conclude(judge, commit)
    faults = list(dict.fromkeys(f for _, f in judge.faults(commit, snapshot.policy, changes)))
    if snapshot.policy.require_signed:
        for name, oid in tags.items():
            faults += judge.tag_faults(name, oid, commit)
    if faults:
        raise GateNotPassed(
            f"{wanted.title}: not signed as the store requires",
            map(str, faults),
            unmet=len(faults),
            hint=faults[0].mend or None,
        )


def _judge_of_signatures(repository: Repository) -> SignatureJudge:
    return SignatureJudge(
        repository, lambda: SshVerifier.of(repository.common_dir, repository.work_tree)
    )


def _write_tree(snapshot: Snapshot, wanted: Draft, readme: bytes | None) -> str:
    repository = snapshot.repository
    root = snapshot.commit.tree
    rendered = wanted.registry.render()
    registry = repository.write_blob(rendered)
    registries.put(registry, wanted.registry)
    changes = {**wanted.entries, REGISTRY: Entry(PLAIN_FILE, registry)}
    if readme is not None:
        changes[CARD] = Entry(PLAIN_FILE, repository.write_blob(readme))
    if wanted.folders:
        models = repository.entry(root, MODELS)
        if models is not None and models.mode != FOLDER:
            raise FormatError("not a folder", path=MODELS, hint="run `gms doctor`")
        folders = {model: Entry(FOLDER, tree) for model, tree in wanted.folders.items()}
        tree = repository.write_tree(models.oid if models else None, folders)
        changes[MODELS] = Entry(FOLDER, tree)
    return repository.write_tree(root, changes)


def _readme(snapshot: Snapshot, wanted: Draft, writer: Writer, who: Identity) -> bytes | None:
    """Return README.md of the store as a draft makes it; None where it is left as it is."""
    with suppress(StoreError):  # what is broken is named elsewhere: no page stops a write
        return _page(snapshot, wanted, writer, who)
    return None


def _page(snapshot: Snapshot, wanted: Draft, writer: Writer, who: Identity) -> bytes | None:
    repository, before, after = snapshot.repository, EMPTY, wanted.registry
    with suppress(FormatError):  # which a draft rebuilds
        before = snapshot.registry
    entry = repository.entry(snapshot.commit.tree, CARD)
    changes = () if after is before else tuple(before.changes(after))
    says_more = any(
        one.model not in before.models or {one.before, one.after} & {*overview.SHOWN}
        for one in changes
    )
    if not (says_more or (changes and entry is None)) or CARD in wanted.entries:
        return None
    if not snapshot.policy.readme or (entry is not None and entry.mode != PLAIN_FILE):
        return None
    content = bytes(repository.read(entry.oid, CARD)) if entry else None
    page = content.decode(errors="surrogateescape") if content is not None else None
    if page is not None and not overview.is_kept(page):
        return None
    if worktree.is_edited(repository, CARD):
        writer.notify(f"{CARD} was left as it is: somebody is editing it")
        return None
    rows, own = overview.rows_of(page or ""), Since.of(writer.when, str(who))
    given = {(one.model, one.version, one.after): own for one in changes}
    models = list(after.models)[: overview.MOST_MODELS]
    shown = [_row(snapshot, after, model, rows.get(model, ""), given) for model in models]
    page = overview.with_rows(page, shown, len(after.models) - len(models))
    return page.encode(errors="surrogateescape")


def _row(
    snapshot: Snapshot, registry: Registry, model: str, row: str, given: Mapping[Any, Since]
) -> str:
    """Return what README.md of the store says of a model: its `row`, unless that is wrong.

    `given`: since when versions have the status that a draft gives them, by model, version, status.
    """
    holders = [registry.holders(model, status) for status in overview.SHOWN]
    if overview.names(row, holders) and all(model != moved for moved, _, _ in given):
        return row
    since, known = [], overview.holders_of(row) or [{} for _ in holders]
    for status, versions, told in zip(overview.SHOWN, holders, known, strict=True):
        since.append(
            {
                version: given.get((model, version, status))
                or told.get(str(version))
                or _since(snapshot, model, version, status)
                for version in versions
            }
        )
    manifest = snapshot.readable(model, next(iter(holders[0]), None))
    metrics = manifest.metrics if manifest else {}
    name = snapshot.policy.headline(metrics)
    return overview.ModelRow(model, since, (name, metrics[name]) if name else None).render()


def _since(snapshot: Snapshot, model: str, version: Version, status: str) -> Since | None:
    """Return since when a version has its status, from the history; None where that is damaged."""
    with suppress(StoreError):
        for event in snapshot.history.events(model, version):
            if event.after == status:
                return Since.of(event.when, event.who)
    return None


def write_tag_object(
    repository: Repository, writer: Writer, name: str, commit: str, message: str
) -> str:
    """Store an annotated tag that no ref names yet and return its id."""
    return repository.write_tag(
        name, commit, message, tagger=writer.committer, when=writer.when, sign=writer.sign_tag
    )


def _swap(snapshot: Snapshot, wanted: PlannedMove, lock: HeldLock) -> bool:
    """Make it the store's; False, all undone, if the branch moved or a prune took some."""
    repository, writer = snapshot.repository, wanted.writer
    handmade, after = wanted.handmade or (None, {})
    trees = worktree.on_branch(repository)
    worktree.check(trees)
    folders = tuple(str(tree.folder) for tree in trees)
    aside = handmade.path if handmade else ""
    note = Note(snapshot.commit.oid, wanted.commit, wanted.tags, folders, aside)
    writer_lock.write(repository.common_dir, note, repository.sharing)
    try:
        if writer.durable:
            with writing(repository.common_dir):
                files.sync(repository.common_dir)
        _move_trees(repository, trees, note, handmade.tree if handmade else None, lock)
        moved = advance(repository, writer, note.old, note.new, wanted.title, lock.until)
    except BaseException as error:  # Ctrl-C too must undo what was begun
        was_pruned = repository.revive() and isinstance(error, StoreError)
        with suppress(StoreError):  # the note stays for the next writer
            recover(repository, writer.notify, lock, died=False)
        if not was_pruned:
            raise
        return False
    if not moved:
        recover(repository, writer.notify, lock, died=False)
        return False
    if handmade:
        try:  # let the work tree follow whose folder has become the version, which is there already
            handmade.adopt(after)
        except StoreError as error:
            writer.notify(f"{aside} could not follow: {error}")
    if _set_tags(repository, wanted.tags, writer.notify, lock):
        writer_lock.clear(repository.common_dir)
    if repository.work_tree and not trees and not repository.store:
        what = f"'{repository.branch_name}' is not checked out here: the work tree was left alone"
        how = f"to give up the conflict there: git checkout --force {repository.branch_name}"
        writer.notify(f"{what}; {how}" if worktree.left_in_conflict(repository) else what)
    return True


def _move_trees(
    repository: Repository, trees: Trees, note: Note, own: WorkTree | None, lock: HeldLock
) -> None:
    """Move work trees to what was written; of the `own` of a folder made by hand no model."""
    running = []
    refused: dict[WorkTree, StoreError] = {}
    try:
        for tree in trees:
            target = note.new
            if tree == own:
                target = registry_alone(repository, note.old, note.new)
            elif worktree.bring(repository, tree, note.old, note.new, until=lock.until):
                continue
            try:
                process = worktree.start(tree, note.old, target, lock=lock)
            except LocalChanges as error:
                refused[tree] = error
            else:
                running.append((tree, target, process))
    finally:
        for tree, target, process in running:
            try:
                worktree.finish(tree, process, note.old, target, lock=lock)
            except StoreError as error:
                refused[tree] = error
    if refused:
        # Where uncommitted work is in the way nothing was changed: nothing is to be undone.
        untouched = {str(t.folder) for t, e in refused.items() if isinstance(e, LocalChanges)}
        left = tuple(folder for folder in note.folders if folder not in untouched)
        writer_lock.write(repository.common_dir, replace(note, folders=left))
        raise next(iter(refused.values()))


def _set_tags(
    repository: Repository, tags: Mapping[str, str], notify: Notify, lock: HeldLock, why: str = ""
) -> bool:
    """Set tags on what the branch holds; False if one could not be set, which is not a failure."""
    done = True
    for name, oid in tags.items():
        try:
            if refs.set_tag(repository, name, None, oid, until=lock.until) and why:
                notify(f"set tag {name}, {why}")
        except StoreError as error:
            notify(f"tag {name} could not be set: {error}")
            done = False
    return done


def _noted(repository: Repository, note: Note) -> list[WorkTree]:
    return [tree for tree in worktree.on_branch(repository) if str(tree.folder) in note.folders]


def _follow(repository: Repository, note: Note, lock: HeldLock) -> None:
    for tree in _noted(repository, note):
        if note.handmade:  # its files are left as they lie, beside the version that is staged
            worktree.move(tree, note.old, registry_alone(repository, note.old, note.new), lock=lock)
            Handmade(tree, note.handmade, {}, lock.until).unstage()
        else:
            worktree.move(tree, note.old, note.new, lock=lock)


def _undo(repository: Repository, note: Note, tip: str, lock: HeldLock) -> None:
    """Take back what is staged in the noted work trees; `tip`: the branch's commit before."""
    # Every write changes the registry, and the index is written in one go, so it says whether a
    # work tree had moved. What a commit by hand took in the meantime stays.
    old, new, now = (_registry_oid(repository, commit) for commit in (note.old, note.new, tip))
    if now == new:
        return
    for tree in _noted(repository, note):
        if worktree.staged(tree, REGISTRY) == new:
            # In this process where that will do: a git may be what could not be started.
            if not worktree.bring(repository, tree, note.new, tip, until=lock.until):
                worktree.move(tree, note.new, tip, lock=lock)
        elif now == old:
            worktree.mend(repository, tree, note.old, note.new, lock=lock, leave=note.handmade)


def _registry_oid(repository: Repository, commit: str) -> str | None:
    entry = repository.entry(repository.commit(commit).tree, REGISTRY)
    return entry.oid if entry else None


# Say something of a version after it was registered.


def annotate(
    repository: Repository, writer: Writer, ref: Ref, values: Mapping[str, Any], reason: str | None
) -> Event | None:
    """Add a commit that changes no file, and says something of a version."""
    changes = _checked(values)
    check_reason(reason)
    meant: list[ModelVersion] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        command = f"annotate {{}} {next(iter(changes))}=VALUE"
        version = resolve_exact(snapshot, ref, "do you want to annotate", command)
        current = {key: one.value for key, one in annotated(snapshot, version).items()}
        for key in (key for key, value in changes.items() if value is None and key not in current):
            raise InvalidInput(
                f"{version} has no annotation '{key}' to remove",
                hint=did_you_mean(key, current) or f"see them with `gms show {version.ref}`",
            )
        meant[:] = [version]
        if all(written(current.get(key)) == written(value) for key, value in changes.items()):
            return None
        text = annotation_text(version.model, str(version.version), changes, reason)
        return Draft(text, snapshot.registry)

    before, published = publish(repository, writer, draft)
    if published is before:
        writer.notify(f"{meant[0]} already has these annotations, so nothing was written")
        return None
    line = Annotations(repository, published.commit.oid)
    return next(annotation_events(line, published.commit))


def _checked(values: Mapping[str, Any]) -> dict[str, Scalar | None]:
    if not values:
        raise InvalidInput(
            "no annotation is given", hint="name a key and its value, as in validation_auc=0.83"
        )
    if len(values) > MOST_KEYS:
        raise InvalidInput(
            f"{len(values)} keys, more than {MOST_KEYS} at once",
            hint="annotate them in several steps",
        )
    # numpy's numbers know themselves as Python's
    plain = {
        key: value.item() if hasattr(value, "item") else value for key, value in values.items()
    }
    return {check_key(key): check_value(key, value) for key, value in plain.items()}


# Say, signed, that a version may come to a status.


def approve(
    repository: Repository, writer: Writer, ref: Ref, status: str, reason: str | None
) -> Event:
    """Add a commit, which the writer must sign, that says that a version may come to a status."""
    check_reason(reason)
    own_approvals: list[Approval] = []

    def draft(snapshot: Snapshot) -> Draft | None:
        version = _may_approve(snapshot, writer, ref, status)
        digest = manifest_sha256(snapshot, version)
        own_approvals[:] = _own(snapshot, writer, version, status, digest)
        if own_approvals:
            return None
        text = approval_text(version.model, str(version.version), status, digest, reason)
        return Draft(text, snapshot.registry)

    _, published = publish(repository, writer, draft)
    if own_approvals:
        writer.notify("you have already approved it, so nothing was written")
    commit = repository.commit(own_approvals[0].commit) if own_approvals else published.commit
    event = approval_event(repository, commit)
    assert event is not None  # noqa: S101 - it has just been written, or read
    return event


def _may_approve(snapshot: Snapshot, writer: Writer, ref: Ref, status: str) -> ModelVersion:
    snapshot.policy.check_status(status)
    what, command = f"do you want to approve for {status}", f"approve {{}} {status}"
    version = resolve_exact(snapshot, ref, what, command)
    if version.status == WITHDRAWN:
        raise LifecycleError(
            f"{version} was withdrawn", hint=f"see why with `gms log {version.model}`"
        )
    author = snapshot.repository.commit(version.commit).author
    if people(author) & people(str(writer.author), str(writer.committer)):
        raise LifecycleError(
            f"{version} was registered by {author}, whose own approval does not count",
            hint=f"ask someone else to run: gms approve {version.ref} {status}",
        )
    return version


def _own(
    snapshot: Snapshot, writer: Writer, version: ModelVersion, status: str, digest: str
) -> list[Approval]:
    """Return the approvals that the writer has given already, but for those not validly signed."""
    own = [
        approval
        for approval in approvals(snapshot, version)
        if (approval.status, approval.manifest_sha256) == (status, digest)
        and people(approval.who) & people(str(writer.author))
        and approval.signed
    ]
    try:
        outcomes = _judge_of_signatures(snapshot.repository).outcomes(one.commit for one in own)
    except SignatureError:
        return own
    return [approval for approval in own if outcomes[approval.commit].is_valid]


# A file on its way into the store: hashed as it comes, in memory until it is large.

_LEAST_IN_PARALLEL = 1 << 18  # bytes that take longer to hash than a thread to start


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is in the object database, though nothing names it yet."""

    blob: str
    sha256: str
    size_bytes: int


def store_file(
    repository: Repository, data: Buffer, kept: dict[str, str] | None = None, stored: bool = False
) -> StoredFile:
    """Store a file, unless `kept` (SHA-256 to blob) has it; `stored` does not deflate it."""
    sha256 = hashlib.sha256(data).hexdigest()
    blob = (kept or {}).get(sha256) or repository.write_blob(data, stored=stored)
    repository.know(blob, sha256, len(data))
    return StoredFile(blob, sha256, len(data))


class _Temporary:
    """A file that goes when this object does, unless it has been `kept` until then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kept = False
        self._process = os.getpid()

    def __del__(self) -> None:
        if not self.kept and self._process == os.getpid():  # no copy, in a process forked meanwhile
            with processes.held():
                self.path.unlink(missing_ok=True)


class Sink:
    """Takes the bytes of one file and keeps them in git, or in LFS from `threshold_bytes` on."""

    # Nothing is visible before `keep`. From `most_in_memory` bytes on they wait on the disk.

    def __init__(
        self, repository: Repository, threshold_bytes: int, *, most_in_memory: int | None = None
    ) -> None:
        self.size_bytes = 0
        self._repository = repository
        self._threshold = threshold_bytes
        self._most_in_memory = min(threshold_bytes, most_in_memory or threshold_bytes)
        self._memory = bytearray()  # 3.13 complains of a BytesIO that ends with its views
        self._file: BinaryIO | None = None
        self._temporary: _Temporary | None = None
        self._digest = hashlib.sha256()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take the next bytes; joblib's pickler and shutil call it."""
        size = memoryview(data).nbytes
        self.size_bytes += size
        if self._file is None and self.size_bytes >= self._most_in_memory:
            self._spill()
        if self._file is None:
            self._memory += data
            return size
        with writing(self._repository.common_dir):
            if size < _LEAST_IN_PARALLEL:
                self._digest.update(data)
                return self._file.write(data)
            hashing = Thread(target=self._digest.update, args=(data,))
            hashing.start()
            try:
                return self._file.write(data)
            finally:
                hashing.join()

    def content(self) -> memoryview:
        """Return what came, read-only; nothing may come afterwards."""
        if self._file is None:
            return memoryview(self._memory).toreadonly()
        with writing(self._repository.common_dir):
            self._file.flush()
        return memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))

    def keep(self) -> StoredFile:
        """Store what came: the blob is the content itself, or the pointer to an LFS object."""
        if self._file is None or self._temporary is None:
            return store_file(self._repository, memoryview(self._memory), stored=True)
        sha256 = self._digest.hexdigest()
        if not self.is_large:
            with writing(self._repository.common_dir):
                self._file.flush()
            blob = self._repository.write_file(self._temporary.path, self.size_bytes)
            self._repository.know(blob, sha256, self.size_bytes)
            return StoredFile(blob, sha256, self.size_bytes)
        with processes.held(), writing(self._repository.common_dir):
            self._file.close()
            self._repository.keep_large_file(self._temporary.path, sha256)
            self._temporary.kept = True
        pointer = Pointer(sha256, self.size_bytes)
        blob = self._repository.write_blob(pointer.render())
        return StoredFile(blob, sha256, self.size_bytes)

    @property
    def is_large(self) -> bool:
        return self.size_bytes >= self._threshold

    @property
    def attributes(self) -> bytes:
        """The .gitattributes of the folder that this file is the pipeline of."""
        return FOLDER_ATTRIBUTES_LFS if self.is_large else FOLDER_ATTRIBUTES

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with suppress(OSError):  # of what a full disk did not take, and nobody wants now
                self._file.close()
        self._temporary = None

    def _spill(self) -> None:
        """Move on to a file in git-lfs's own folder: from here a rename makes it an object."""
        with processes.held(), writing(self._repository.common_dir):
            folder = large_files.temporary_folder(
                self._repository.common_dir, self._repository.sharing
            )
            self._temporary = _Temporary(folder / f"tmp{os.urandom(8).hex()}")
            descriptor = os.open(self._temporary.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            self._file = os.fdopen(descriptor, "wb", buffering=1 << 20)
            self._file.write(self._memory)
        self._digest.update(self._memory)
        self._memory = bytearray()
