"""What was written here, written again upon what others did meanwhile, one event after another.

A commit counts by what it changes against its first parent, so that a merge by hand is its own
event. Nothing is believed of the first time: each commit is judged as new, by the settings that
stand before it now. What our commits were is kept under `refs/gitmodelstore/before` until what
they became is on the remote.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import takewhile
from typing import TYPE_CHECKING, NoReturn

from gitmodelstore.errors import (
    CannotWork,
    GitFailed,
    InvalidVersion,
    MergeConflict,
    NoIdentity,
    StoreError,
    VersionExists,
)
from gitmodelstore.lean import dataclass, pattern, replace
from gitmodelstore.operations.history import registry_of
from gitmodelstore.operations.snapshot import Snapshot, Writer, signing, upon
from gitmodelstore.plumbing import refs, remotes, writer_lock
from gitmodelstore.plumbing.remotes import Remote
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.signing import Identity
from gitmodelstore.plumbing.writer_lock import HeldLock
from gitmodelstore.values import overview
from gitmodelstore.values.events import read_bump, says_annotated, says_approved
from gitmodelstore.values.names import (
    CARD,
    MANIFEST,
    MODELS,
    REGISTERED,
    REGISTRY,
    Version,
    folder,
    tag_name,
    version_of,
)
from gitmodelstore.values.objects import Commit, Entry, named_manifest
from gitmodelstore.values.registry import Change, Registry

if TYPE_CHECKING:  # what writes takes 30 ms to import, and most pulls bring nothing
    from gitmodelstore.operations.publish import Draft, PlannedMove

BEFORE = "refs/gitmodelstore/before"
_NOBODY = Identity("nobody", "nobody@localhost")  # in a reflog
_AUTHOR = pattern(rb"^author (.*) <(.*)> (\d+) ([+-])(\d\d)(\d\d)$", re.MULTILINE)
# How our messages name a version: "churn 1.1.0", "churn to 1.1.0", and in trailers.
_NAMED = pattern(
    r"(?P<before>^Model: (?P<of>\S+)\nVersion: |(?<![\w.@-])(?P<model>[a-z0-9_-]+) (?:to )?)"
    r"(?P<version>\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]*[0-9A-Za-z])?)(?![\w+-])",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Rebased:
    """What became of the store here when it was brought up to a remote.

    Attributes:
        before, after: the branch's commits.
        renumbered: old and new names of the versions that got another number.
        rewritten: old and new ids of our commits.
    """

    before: str
    after: str
    renumbered: Mapping[str, str]
    rewritten: Mapping[str, str]


def bring_up(
    repository: Repository,
    who: Callable[..., Writer],
    remote: Remote,
    strays: Sequence[str],
    renumber: bool,
    theirs: bool,
) -> Rebased | None:
    """Have the branch hold what was last seen of a remote's, with our own events on top.

    A merge or a rebase by hand that stopped on that way is given up, if it has nothing of a
    person's. What one has left is put right: tags on commits that were written again since, a
    version that it skipped, a number that both sides gave.

    Args:
        who: returns who writes, which takes processes, and is not called where nothing is new.
        strays: version tags that stand beside the branch.
        renumber: whether versions whose number somebody named get another one if it is taken.
        theirs: whether to leave out moves of ours that contradict what others did.

    Returns:
        None if the branch holds it already.

    Raises:
        MergeConflict: two people moved the same version, or the same status.
        VersionExists: a number that was asked for by name is taken.
        LocalChanges: git is in the middle of something, or uncommitted work is in the way.
    """
    seen, now = remote.seen, Snapshot.now(repository)
    news = _news(remote, seen, now.commit.oid, strays) if seen else None
    if news is None and writer_lock.read(repository.common_dir) is None:
        _move_tags(repository, who, seen)
        return None
    from gitmodelstore.operations.publish import move

    try:
        writer = who()
    except NoIdentity:
        skips = news is not None and news.skipped
        if seen is None or skips or not repository.is_ancestor(now.commit.oid, seen):
            raise
        writer = who(nobody=_NOBODY)  # to go forward, git does not ask either
    plan = _RebasePlan(remote, writer, seen, news or _News([], {}, []), renumber, theirs)
    try:
        before, after = move(repository, writer, plan)
    except BaseException:
        plan.undo()
        raise
    _move_tags(repository, who, seen)
    rebase = plan.rebase
    if rebase is None or before is after:
        return None
    for note in rebase.notes:
        writer.notify(note)
    renumbered = {f"{m} {old}": f"{m} {new}" for (m, old), new in rebase.renamed.items()}
    return Rebased(before.commit.oid, after.commit.oid, renumbered, rebase.rewritten)


@dataclass(frozen=True, slots=True)
class _News:
    """What a rebase joins with our own line.

    Attributes:
        strays: tags of ours beside the branch whose numbers the remote also has.
        tags: the remote's tags that are not here, or are others here, with their objects.
        skipped: commits of ours that a rebase by hand has left out, oldest first.
    """

    strays: Sequence[str]
    tags: Mapping[str, str]
    skipped: Sequence[str]


def _news(remote: Remote, seen: str, tip: str, strays: Sequence[str]) -> _News | None:
    """Return what the branch lacks of what was seen of a remote, and fetch the tags of it."""
    repository = remote.repository
    strays = _numbers_of(repository, seen, strays)
    if not strays and not _has_news(repository, seen, tip):
        return None
    wanted = [*_lacking(repository, seen, tip), *strays]
    tags = remote.fetch_tags(list(dict.fromkeys(wanted)))
    strays = [name for name in strays if name in tags]
    return _News(strays, tags, _skipped(repository, {name: tags[name] for name in strays}))


class _RebasePlan:
    """The rebase as `move` plans it under the lock, and what undoes it if the move fails."""

    def __init__(
        self,
        remote: Remote,
        writer: Writer,
        seen: str | None,
        news: _News,
        renumber: bool,
        theirs: bool,
    ) -> None:
        self._repository, self._remote, self._writer = remote.repository, remote, writer
        self._seen, self._news = seen, news
        self._renumber, self._theirs = renumber, theirs
        self._removed: dict[str, str] = {}  # tags, with the ids of their objects
        self._kept: list[str] = []
        self.rebase: _Rebase | None = None

    def __call__(self, snapshot: Snapshot, held: HeldLock) -> PlannedMove | None:
        repository, seen, tip = self._repository, self._seen, snapshot.commit.oid
        strays, skipped = self._news.strays, self._news.skipped
        if seen is None:  # by now, what a dead writer left is finished
            return None
        if not (strays or _has_news(repository, seen, tip)):
            return None
        self._end_stopped(seen)
        # Ours go first: they name commits that the branch will not have.
        own = _own_tags(repository, seen, tip)
        self._removed |= own | {name: repository.ref(f"refs/tags/{name}") or "" for name in strays}
        self._kept = [oid for oid in (*skipped, tip) if not repository.is_ancestor(oid, seen)]
        for oid in self._kept:
            refs.put(repository, f"{BEFORE}/{oid}", oid)
        remotes.drop(repository, [f"refs/tags/{name}" for name in self._removed])
        settled = {"renumber": self._renumber, "theirs": self._theirs}
        tags = own.values()
        self.rebase = _Rebase(snapshot, self._writer, self._remote, seen, held, tags, **settled)
        return self.rebase.run(skipped, self._news.tags)

    def _end_stopped(self, seen: str) -> None:
        """Give up merges and rebases by hand that have stopped and hold nothing of a person's."""
        from gitmodelstore.plumbing import worktree

        for tree in worktree.on_branch(self._repository):
            if ended := worktree.give_up(tree, lambda o: self._repository.is_ancestor(o, seen)):
                as_git = f"as `git {ended} --abort` does"
                self._writer.notify(
                    f"ended the {ended} that had stopped in '{tree.folder}', {as_git}"
                )

    def undo(self) -> None:
        for name, oid in self._removed.items():
            refs.set_tag(self._repository, name, None, oid)
        remotes.drop(self._repository, [f"{BEFORE}/{oid}" for oid in self._kept])


def _has_news(repository: Repository, seen: str, tip: str) -> bool:
    """Whether the branch lacks what was seen of a remote, or a merge gave a number of its twice."""
    if seen == tip:
        return False
    if not repository.is_ancestor(seen, tip):
        return True
    line = _own_line(repository, seen, tip)
    if all(len(commit.parents) < 2 for commit in line):
        return False
    ours = [tag for one in line if len(one.parents) < 2 for tag in introduced(repository, one)]
    return bool(_numbers_of(repository, seen, ours))


def _own_line(repository: Repository, seen: str, tip: str) -> list[Commit]:
    """Return our commits along first parents, the newest first."""
    own = set(repository.between(seen, tip))
    return list(takewhile(lambda one: one.oid in own, repository.first_parents(tip)))


def _numbers_of(repository: Repository, commit: str, tags: Iterable[str]) -> list[str]:
    """Return those of some tags whose versions a commit has."""
    registry = registry_of(repository, repository.commit(commit))
    keys = ((tag, version_of(tag)) for tag in tags)
    return [tag for tag, key in keys if key and registry.status(*key) is not None]


def strays(repository: Repository) -> list[str]:
    """Return the tags of versions that stand beside the branch; none where they are damaged."""
    with suppress(GitFailed):
        return remotes.tags_off_branch(repository)
    return []


def introduced(repository: Repository, commit: Commit) -> Iterator[str]:
    """Yield the tags of the versions that a commit registers."""
    parents = [repository.commit(parent) for parent in commit.parents[:1]]
    before = registry_of(repository, parents[0]).models if parents else {}
    for model, statuses in registry_of(repository, commit).models.items():
        for version in statuses.keys() - before.get(model, {}).keys():
            yield tag_name(model, version)


def moved_strays(repository: Repository, seen: str | None) -> list[str]:
    """Return those of versions that our commits have moved."""
    tip = Snapshot.now(repository).commit.oid
    strays = []
    for commit in _own_line(repository, seen, tip) if seen else ():
        before, after = (
            registry_of(repository, repository.commit(oid))
            for oid in ((commit.parents or (commit.oid,))[0], commit.oid)
        )
        for change in before.changes(after):
            tag = repository.tag(tag_name(change.model, change.version))
            if tag is not None and not repository.is_ancestor(tag.commit, tip):
                strays.append(tag.name)
    return strays


def _skipped(repository: Repository, theirs: Mapping[str, str]) -> list[str]:
    """Return our commits that tags alone hold, by which others have registered something else.

    `theirs`: the tags with their objects there.
    """
    others = []
    for name, oid in theirs.items():
        tag = repository.tag(name)
        if tag is not None and named_manifest(tag.message) != _named_by(repository, oid):
            others.append(name)
    return remotes.held_by_tags_alone(repository, others) if others else []


def _named_by(repository: Repository, oid: str) -> str | None:
    """Return the digest of the manifest that a tag object names."""
    return named_manifest(repository.raw(oid).decode(errors="replace"))


def _move_tags(repository: Repository, who: Callable[[], Writer], seen: str | None) -> None:
    """Have the tags of our versions on the commits that a rebase by hand has made of them."""
    tip = Snapshot.now(repository).commit.oid
    own = _own_tags(repository, seen, tip) if seen else {}
    on_branch = set(repository.between(seen, tip)) if seen else set()
    tags = [repository.tag(name) for name in own]
    if any(tag is not None and tag.commit not in on_branch for tag in tags):
        from gitmodelstore.operations.mend import retag

        writer = who()
        wait, sharing = writer.wait_seconds, repository.sharing
        with writer_lock.exclusive(repository.common_dir, wait_seconds=wait, sharing=sharing):
            for line in retag(repository, writer, may_be_shared=False):
                writer.notify(line)


def forget(repository: Repository) -> None:
    """Keep no longer what our commits were before they were written again: all is shared."""
    remotes.drop(repository, remotes.below(repository, BEFORE))


def _lacking(repository: Repository, seen: str, tip: str) -> list[str]:
    """Return the tags of versions there that are not here, or name other versions of ours."""
    here, there = (registry_of(repository, repository.commit(oid)).models for oid in (tip, seen))
    own = _own_tags(repository, seen, tip)
    names = (
        tag_name(model, version)
        for model, statuses in there.items()
        for version in statuses
        if version not in here.get(model, {}) or tag_name(model, version) in own
    )
    return [name for name in names if name in own or not repository.ref(f"refs/tags/{name}")]


def _own_tags(repository: Repository, seen: str, tip: str) -> dict[str, str]:
    """Return the tags here of versions that only we have, and the ids of their objects.

    They stand on our commits, or on what those were before they were written again by hand.
    """
    line = _own_line(repository, seen, tip)
    if not line:
        return {}
    since = line[-1].parents[:1]
    before = registry_of(repository, repository.commit(since[0])).models if since else {}
    tags = {}
    for model, statuses in registry_of(repository, repository.commit(tip)).models.items():
        for version in statuses.keys() - before.get(model, {}).keys():
            tag = repository.tag(tag_name(model, version))
            if tag is not None and not repository.is_ancestor(tag.commit, seen):
                tags[tag.name] = tag.oid
    return tags


class _Rebase:
    """Our events upon another commit, under the writer lock."""

    def __init__(
        self,
        ours: Snapshot,
        writer: Writer,
        remote: Remote,
        seen: str,
        held: HeldLock,
        tags: Iterable[str],  # the ids of those of our versions
        *,
        renumber: bool,
        theirs: bool,
    ) -> None:
        from gitmodelstore.checks.signatures import tag_parts

        self.repository = ours.repository
        signed = ((oid, tag_parts(self.repository.raw(oid))) for oid in tags)
        self._signed_tags = {oid: parts for oid, parts in signed if parts.signature}
        self.renamed: dict[tuple[str, str], Version] = {}
        self.notes: list[str] = []
        self.rewritten: dict[str, str] = {}
        self._ours, self._writer, self._remote, self._held = ours, writer, remote, held
        self._seen = seen
        self._head = Snapshot(self.repository, self.repository.commit(seen))
        self._renumber, self._theirs = renumber, theirs
        self._trees: dict[str, str] = {}  # of a folder here, to the one that it became
        self._written: list[str] = []
        self._tags: dict[str, str] = {}
        self._elsewhere: dict[str, str] = {}
        self._manifests: dict[tuple[str, str], str] = {}  # of our versions: the digest of the new

    def run(self, skipped: Sequence[str], theirs: Mapping[str, str]) -> PlannedMove:
        """Write everything, and return the move to it.

        Args:
            skipped: commits of ours that a rebase by hand has left out, oldest first.
            theirs: tags that were others here.
        """
        from gitmodelstore.operations.publish import PlannedMove

        repository = self.repository
        line = _own_line(repository, self._seen, self._ours.commit.oid)
        if line and not line[-1].parents:
            _refuse_unrelated(self._remote, self._seen)
        lost = self._unsignable(line)
        if lost:
            raise _conflict(
                f"these signatures would be lost, because others were first on {self._remote.name}",
                lost,
                hint=f"to keep them: git merge {self._remote.name}/{self._remote.branch}, then "
                "`gms push`; or have whoever signed them sign again after `gms pull`",
            )
        self._elsewhere = self._published(line)
        for commit in (*map(repository.commit, skipped), *reversed(line)):
            self._again(commit)
        written = (*self._written, self._head.commit.oid)
        title = f"bring up to {self._remote.name}/{self._remote.branch}"
        writer, _ = upon(self._writer, self._head)
        tags = {**theirs, **self._tags}
        return PlannedMove(self._head.commit.oid, tags, title, writer, written)

    def _published(self, line: Sequence[Commit]) -> dict[str, str]:
        """Return those of our commits that other remotes have: by id, which remote."""
        repository, tip = self.repository, self._ours.commit.oid
        where: dict[str, str] = {}
        for name in repository.remote_names:
            there = repository.ref(f"refs/remotes/{name}/{repository.branch_name}")
            if there is None or name == self._remote.name:
                continue
            lacking = set(repository.between(there, tip))
            where |= {commit.oid: name for commit in line if commit.oid not in lacking}
        return where

    def _unsignable(self, line: Sequence[Commit]) -> list[str]:
        """Return the commits and tags whose signatures nobody here can make again."""
        me = str(self._writer.committer)
        tags = (
            (parts.header("tag"), parts.header("tagger").rpartition("> ")[0] + ">")
            for parts in self._signed_tags.values()
        )
        return [
            *(
                f"{commit.oid[:12]} by {commit.committer}: {title_of(commit)}"
                for commit in line
                if self._is_signed(commit) and commit.committer != me
            ),
            *(f"tag {name} by {tagger}" for name, tagger in tags if tagger != me),
        ]

    def _signing(self, commit: Commit) -> Writer:
        """Return a writer who signs what was signed."""
        is_signed = self._is_signed(commit)
        is_tag_signed = any(
            parts.header("object") == commit.oid for parts in self._signed_tags.values()
        )
        if not (is_signed or is_tag_signed):
            return self._writer
        both = signing(self._writer, self.repository, True)
        return both if is_signed else replace(self._writer, sign_tag=both.sign_tag)

    def _is_signed(self, commit: Commit) -> bool:
        head, _, _ = self.repository.raw(commit.oid).partition(b"\n\n")
        return b"\ngpgsig" in head

    def _again(self, commit: Commit) -> None:
        from gitmodelstore.operations.publish import write

        draft = self._draft(commit)
        if draft is None:
            return
        other = self._elsewhere.get(commit.oid)
        if other and not self._renumber:
            tracking = f"{self._remote.name}/{self._remote.branch}"
            raise _conflict(
                f"{other} and {self._remote.name} have diverged: '{title_of(commit)}' is "
                f"on {other} already",
                (),
                hint=f"merge them: git merge {tracking}, then `gms push {other}` and "
                f"`gms push {self._remote.name}`; or rewrite it anyway: --renumber",
            )
        broken = self._broken(commit)
        if broken and self._theirs:
            self.notes.append(f"left out: {title_of(commit)}: {broken}")
            return
        if broken:
            raise _conflict(
                f"'{title_of(commit)}' would no longer count, because others were first on "
                f"{self._remote.name}: {broken}",
                (),
                hint="to drop it, and then approve again: gms pull --theirs",
            )
        try:
            writer = self._signing(commit)
            authored = _authored(self.repository.raw(commit.oid))
            wrote = write(self._head, writer, draft, self._held, authored=authored)
        except (MergeConflict, VersionExists):
            raise
        except StoreError as error:
            if self._theirs and not draft.tags:  # a version is never left out
                self.notes.append(f"left out: {title_of(commit)}: {error}")
                return
            hints = [] if draft.tags else ["to drop it: gms push --theirs"]
            raise _conflict(
                f"'{title_of(commit)}' is no longer allowed, because others were first on "
                f"{self._remote.name}: {error}",
                (),
                hint="; ".join([*([error.hint] if error.hint else []), *hints]) or None,
            ) from None
        self.rewritten[commit.oid] = wrote.commit
        self._written += wrote.written
        self._tags.update(wrote.tags)
        self._head = Snapshot(self.repository, self.repository.commit(wrote.commit))

    def _broken(self, commit: Commit) -> str | None:
        """Return why an approval of ours would not count any more; None of what would."""
        from gitmodelstore.checks.signatures import approval_of, withdraws

        repository, approval = self.repository, approval_of(self.repository, commit)
        if approval is None or not approval.signed:
            return None
        model, number = key = approval.model, approval.version
        if self._manifests.get(key, approval.manifest_sha256) != approval.manifest_sha256:
            now = self.renamed.get(key, number)
            return f"{model} {now} does not have the manifest that was approved"
        with suppress(InvalidVersion):
            version = model, Version.parse(number)
            news = repository.between(self._ours.commit.oid, self._seen)
            if any(withdraws(repository, repository.commit(oid), version) for oid in news):
                return f"{model} {number} was withdrawn there in the meantime"
        return None

    def _draft(self, commit: Commit) -> Draft | None:
        """Return what a commit of ours is to change now; None if nothing is left of it."""
        from gitmodelstore.operations.publish import Draft

        repository, head = self.repository, self._head
        parent = repository.commit(commit.parents[0])
        # What a merge here brought from there is theirs, whatever became of it since.
        merged = [
            repository.commit(oid)
            for oid in commit.parents[1:]
            if repository.is_ancestor(oid, self._seen)
        ]
        brought = [registry_of(repository, one) for one in merged]
        changes = [
            one
            for one in registry_of(repository, parent).changes(registry_of(repository, commit))
            if all(there.status(one.model, one.version) != one.after for there in brought)
            and not (one.before is None and self._is_there(one, commit))
        ]
        new = [one for one in changes if one.before is None]
        if len(new) > 1:
            names = ", ".join(f"{one.model} {one.version}" for one in new)
            raise CannotWork(
                f"commit {commit.oid[:12]} registers several versions: {names}",
                hint="register each in a commit of its own",
            )
        message = _renumbered(commit.message, self.renamed)
        draft = self._registered(commit, new[0]) if new else Draft(message, head.registry)
        moves = [self._renamed(one) for one in changes if one.before is not None]
        registry = self._moved(draft.registry, moves, commit)
        if registry is None and not new:
            return None
        registry = registry or draft.registry  # a version is never left out
        folders = {**dict(self._folders(parent, commit, merged)), **draft.folders}
        entries = dict(self._others(parent, commit, merged))
        says = says_annotated(commit.message) or says_approved(commit.message)
        if registry == head.registry and not (folders or entries or says):
            return None
        return replace(draft, registry=registry, folders=folders, entries=entries)

    def _is_there(self, new: Change, commit: Commit) -> bool:
        """Whether a version of ours is there already, by a host that squashed or rebased it."""
        head, repository = self._head, self.repository
        if head.registry.status(new.model, new.version) is None:
            return False
        there = repository.commit(head.version(new.model, new.version).commit)
        path = folder(new.model)
        return repository.entry(there.tree, path) == repository.entry(commit.tree, path)

    def _registered(self, commit: Commit, change: Change) -> Draft:
        from gitmodelstore.operations.register import submit_again
        from gitmodelstore.values.manifest import Manifest

        repository, (model, old) = self.repository, (change.model, change.version)
        entries = repository.entries(commit.tree, folder(model))
        path = f"{folder(model)}/{MANIFEST}"
        manifest = Manifest.parse(bytes(repository.read(entries[MANIFEST].oid, path)), path)
        bump = read_bump(commit.message)
        if bump is None and self._head.registry.status(model, old) is not None:
            bump = self._taken(model, old)
        blobs = {name: entry.oid for name, entry in entries.items()}
        version, draft = submit_again(self._head, self._writer, manifest, bump, blobs)
        if version != old:
            self.renamed[model, str(old)] = version
            self.notes.append(
                f"{model} {old} is now {version}: somebody else had pushed that number first"
            )
        new = repository.entries(draft.folders[model])[MANIFEST]
        content = repository.read(new.oid, path)
        self._manifests[model, str(old)] = hashlib.sha256(content).hexdigest()
        before = repository.entry(commit.tree, folder(model))
        if before is not None:
            self._trees[before.oid] = draft.folders[model]
        if change.after in (None, REGISTERED):
            return draft
        # A squash on a host: it was registered and moved on in one commit, whose message says why.
        registry = draft.registry.with_status(model, version, change.after)
        message = _renumbered(commit.message, self.renamed)
        return replace(draft, registry=registry, message=message)

    def _taken(self, model: str, version: Version) -> str:
        """Return how a number is chosen that somebody named and others have taken."""
        if self._renumber:
            return "auto"
        theirs = self.repository.commit(self._head.version(model, version).commit)
        raise VersionExists(
            f"{model} {version} was registered on {self._remote.name} first, by {theirs.author}",
            hint="to give yours the next number: gms push --renumber",
        )

    def _renamed(self, change: Change) -> Change:
        version = self.renamed.get((change.model, str(change.version)), change.version)
        return Change(change.model, version, change.before, change.after)

    def _moved(
        self, registry: Registry, moves: Sequence[Change], commit: Commit
    ) -> Registry | None:
        """Return the registry after moves of ours; None if they are to be left out."""
        clashes = list(self._clashes(moves))
        if clashes and self._theirs:
            self.notes.append(f"left out: {title_of(commit)}")
            return None
        if clashes:
            raise _conflict(
                f"'{title_of(commit)}' conflicts with what others did on {self._remote.name}",
                clashes,
                hint="to drop yours: gms push --theirs; `gms log` then shows what stands",
            )
        for one in moves:
            if one.after is not None:
                registry = registry.with_status(one.model, one.version, one.after)
        return registry

    def _clashes(self, moves: Sequence[Change]) -> Iterator[str]:
        registry, exclusive = self._head.registry, self._head.policy.exclusive
        for one in moves:
            now = registry.status(one.model, one.version)
            if now not in (one.before, one.after):
                yield (
                    f"{one.model} {one.version}: here {one.before} -> {one.after}, "
                    f"there {one.before} -> {now}"
                )
            leaves = {other.version for other in moves if other.before == one.after}
            holders = registry.holders(one.model, one.after) if one.after in exclusive else ()
            for holder in set(holders) - leaves - {one.version}:
                yield (f"{one.model} {one.after}: here {one.version}, there {holder}")

    def _folders(
        self, parent: Commit, commit: Commit, merged: Sequence[Commit]
    ) -> Iterator[tuple[str, str]]:
        """Yield the models whose folders a commit of ours put back, with the trees for them."""
        now, *known = (self._models(one) for one in (self._head.commit, parent, *merged))
        for model, entry in self._models(commit).items():
            tree = self._trees.get(entry.oid, entry.oid)
            is_ours = all(one.get(model) != entry for one in known)
            if is_ours and now.get(model) != Entry(entry.mode, tree):
                yield model, tree

    def _models(self, commit: Commit) -> Mapping[str, Entry]:
        has = self.repository.entry(commit.tree, MODELS)
        return self.repository.entries(commit.tree, MODELS) if has else {}

    def _others(
        self, parent: Commit, commit: Commit, merged: Sequence[Commit]
    ) -> Iterator[tuple[str, Entry | None]]:
        """Yield what a commit of ours changes at the root besides, such as modelstore.toml."""
        before, after, now = (
            self.repository.entries(one.tree) for one in (parent, commit, self._head.commit)
        )
        others = [self.repository.entries(one.tree) for one in merged]
        for name in sorted(before.keys() | after.keys()):
            old, new, there = before.get(name), after.get(name), now.get(name)
            known = [old, there, *(brought.get(name) for brought in others)]
            if name in (REGISTRY, MODELS) or new in known:
                continue
            if name == CARD and self._page(new) == self._page(old):
                continue  # the commands alone changed it, and do so again
            if name == CARD and self._page(there) == self._page(old):
                yield name, self._with_rows(new, there)
            elif there == old:
                yield name, new
            elif self._theirs:
                self.notes.append(f"left out: what '{title_of(commit)}' changes in {name}")
            else:
                raise _conflict(
                    f"'{title_of(commit)}' changes {name}, and so did others on "
                    f"{self._remote.name}",
                    [f"{name}: here {_short(new)}, there {_short(there)}"],
                    hint=f"see theirs with `git diff {commit.oid[:12]} {self._remote.tracking} -- "
                    f"{name}`; to drop yours, and then edit it again: gms pull --theirs",
                )

    def _page(self, entry: Entry | None) -> str:
        """Return what people wrote in README.md of the store."""
        return overview.without_rows(self._text(entry) if entry else None)

    def _with_rows(self, entry: Entry | None, other: Entry | None) -> Entry | None:
        """Return what people wrote in one README.md, with what the commands keep in another."""
        if entry is None or other is None:
            return entry
        page = overview.with_rows_of(self._text(entry), self._text(other))
        blob = self.repository.write_blob(page.encode(errors="surrogateescape"))
        return replace(entry, oid=blob)

    def _text(self, entry: Entry) -> str:
        return bytes(self.repository.read(entry.oid, CARD)).decode(errors="surrogateescape")


def _refuse_unrelated(remote: Remote, seen: str) -> NoReturn:
    repository, name = remote.repository, remote.name
    commit = repository.commit(seen)
    files = repository.entries(commit.tree)
    if REGISTRY in files:
        raise CannotWork(
            f"{name} has a different store: the two have no commit in common",
            hint=f"clone it beside this one: gms clone {remote.url}",
        )
    some = ", ".join(sorted(files)[:3]) or "no files"
    lease = f"--force-with-lease={remote.branch}:{commit.oid[:12]}"
    spec = f"{repository.branch_name}:{remote.branch}"
    raise CannotWork(
        f"'{remote.branch}' of {name} is not a model store: it has {some}",
        hint="use an empty repository; or, if nobody needs what is there, put the store in its "
        f"place: git push {lease} --no-verify --no-follow-tags {name} {spec}, then gms push",
    )


def _conflict(what: str, clashes: Sequence[str], hint: str | None) -> MergeConflict:
    return MergeConflict("\n  ".join([what, *clashes]), clashes, hint=hint)


def _short(entry: Entry | None) -> str:
    return entry.oid[:12] if entry else "gone"


def title_of(commit: Commit) -> str:
    return commit.message.partition("\n")[0]


def _authored(raw: bytes) -> tuple[Identity, datetime] | None:
    """Return who wrote a commit, and when."""
    found = _AUTHOR.search(raw.partition(b"\n\n")[0])
    if found is None:
        return None
    name, email, seconds, sign, hours, minutes = (
        part.decode(errors="surrogateescape") for part in found.groups()
    )
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    return Identity(name, email), datetime.fromtimestamp(int(seconds), timezone(offset))


def _renumbered(message: str, renamed: Mapping[tuple[str, str], Version]) -> str:
    """Return a message with the new numbers of the versions that it names."""

    def new(match: re.Match[str]) -> str:
        key = match["of"] or match["model"], match["version"]
        return f"{match['before']}{renamed.get(key, match['version'])}"

    return _NAMED.sub(new, message) if renamed else message
