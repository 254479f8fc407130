"""A branch that stands behind its own versions: a ref that was lost, or set back.

A power cut can leave an old ref, or none; so can `git reset --hard`. The tags of versions
and the reflog still know what the branch held. Where they agree on a commit that goes on from
where the branch stands, it moves forward again, and nothing is lost by that. Where they do
not, tags alone can tell: when all that the branch lacks lies on one line that goes on from
where it stands, when the judge finds nothing wrong there, and when no other branch has it,
for then it may be a proposal that nobody has merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gitmodelstore.checks.judge import Judge, Step
from gitmodelstore.checks.tags import version_of
from gitmodelstore.errors import GitFailed, IntegrityError, LocalChanges, MissingObject
from gitmodelstore.operations.next_step import FIX
from gitmodelstore.operations.past import Past
from gitmodelstore.operations.writer import Writer
from gitmodelstore.plumbing import leftovers, refs, worktree
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.lock import Held
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.objects import FOLDER

_HEADS = "refs/heads/"
_REMOTES = "refs/remotes/"
_TAG, _TAGS = "the tag of a version", "the line of its versions' tags"
_DAMAGE = (MissingObject, IntegrityError, GitFailed)


@dataclass(frozen=True, slots=True)
class Behind:
    """A branch without versions of which there are tags, or without a commit.

    Attributes:
        branch: its full name.
        tip: the commit on which it stands; None where that is none, or not here.
        tags: the names of the tags of versions that it lacks.
        elsewhere: of other such tags, the branch that holds what they stand on: a proposal.
        ahead: the commit to which it moves forward; None where that would be a guess.
        who: who knows that it stood there.
        doubt: why it is not moved forward; empty where nothing more is to be said.
    """

    branch: str
    tip: str | None
    tags: tuple[str, ...]
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    ahead: str | None = None
    who: str = ""
    doubt: str = ""

    @property
    def what(self) -> str:
        """What is wrong, in words."""
        more = f" and {len(self.tags) - 3} more" if len(self.tags) > 3 else ""
        lacking = f"does not hold {', '.join(self.tags[:3])}{more}" if self.tags else ""
        if self.tip is None:
            said = "stands on no commit that is here"
        else:
            said = f"stands on {self.tip[:12]}, and {lacking}"
        if self.ahead:
            return f"{said}; {self.who} knows that it stood on {self.ahead[:12]}"
        return f"{said}{self.doubt and '; '}{self.doubt}"

    @property
    def mend(self) -> str:
        """What to type."""
        name = self.branch.removeprefix(_HEADS)
        last = self.tags[-1] if self.tags else ""
        withdraw = f"`gms withdraw {last.replace('@v', '@')}`: a number is never used twice"
        if self.ahead and (self.tip is None or not last):
            return FIX
        if self.ahead:
            return f"{FIX} moves it forward; if it was set back on purpose, {withdraw}"
        if self.tip is None:
            known = f"'{last}^0', or another" if last else "COMMIT, where another clone has it"
            return f"git branch --force {name} {known}"
        return f"git merge '{last}^0', on {name}; if it was set back on purpose, then {withdraw}"


def behind(repository: Repository, objects: CatFile, past: Past | None) -> Behind | None:
    """Return what the store's branch lacks; None where it lacks nothing that is known here.

    Args:
        repository, objects: the store.
        past: the history of its branch; None where that stands on no commit that is here.
    """
    tip = past.tip.oid if past else None
    held = _history(objects, tip) if tip else frozenset()
    if tip is not None and not held:  # it has a gap, so that nobody can tell what it holds
        return None
    outside = dict(_outside(objects, past, held))
    if (tip is None and _is_only_gone(repository)) or (tip is not None and not outside):
        return None
    branch = repository.branch
    others = {ref: _history(objects, oid) for ref, oid in _others(objects, branch)}
    fetched = {
        ref: others.pop(ref) for ref in list(others) if tip is None and _is_ours(ref, branch)
    }
    elsewhere = {
        name: _short(ref)
        for name, commit in outside.items()
        for ref in sorted(others, reverse=True)
        if commit in others[ref]
    }

    def goes_on(oid: str) -> tuple[str, ...] | None:
        """Return the tags that a commit holds; None where it leaves out more than proposals."""
        history = _history(objects, oid)
        there = tuple(sorted(name for name, commit in outside.items() if commit in history))
        lost = set(outside) - set(there) - set(elsewhere)
        is_further = tip is None or (tip in history and there)
        return there if history and is_further and not lost and is_whole(objects, oid) else None

    for oid, who in _logged(repository, tip):
        if oid not in held and (tags := goes_on(oid)) is not None:
            rest = {name: ref for name, ref in elsewhere.items() if name not in tags}
            return Behind(branch, tip, tags, rest, oid, who)
    lacking = tuple(sorted(set(outside) - set(elsewhere)))
    found = Behind(branch, tip, lacking, elsewhere)
    if tip is not None and not lacking:
        return found
    return _of_tags(objects, found, {name: outside[name] for name in lacking}, goes_on, fetched)


def _of_tags(
    objects: CatFile,
    found: Behind,
    lacking: Mapping[str, str],
    goes_on: Callable[[str], tuple[str, ...] | None],
    fetched: Mapping[str, frozenset[str]],
) -> Behind:
    """Return what tags alone tell, and for a branch that is lost what was fetched of it."""
    ahead = next((oid for oid in lacking.values() if goes_on(oid) is not None), None)
    who = _TAG if len(lacking) == 1 else _TAGS
    for ref, history in fetched.items():
        oid = objects.resolve(ref)
        if oid is not None and history >= set(lacking.values()) and is_whole(objects, oid):
            ahead, who = oid, _short(ref)
    if ahead is None:
        doubt = "its versions' tags lie on several lines" if lacking else ""
        return replace(
            found, doubt=doubt if found.tip is None else _parted(objects, found, lacking)
        )
    judge = Judge(objects)
    line = objects.between(found.tip, ahead) if found.tip else [ahead]
    for oid in line:
        for fault in judge.faults(Step.of(objects.commit(oid))):
            return replace(found, doubt=f"{oid[:12]} is not sound: {fault}")
    return replace(found, ahead=ahead, who=who)


def _parted(objects: CatFile, found: Behind, lacking: Mapping[str, str]) -> str:
    """Return where both sides parted, in words."""
    with suppress(GitFailed):
        base = objects.run("merge-base", found.tip or "", next(iter(lacking.values()))).strip()
        if base != found.tip:
            return f"both went on from {base[:12]}"
    return "they lie on several lines" if len(lacking) > 1 else ""


def _outside(
    objects: CatFile, past: Past | None, held: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Yield tags of versions that the branch does not hold, each with the commit it stands on."""
    known = {one.tag for one in past.introduced.values()} if past else set()
    judge = Judge(objects)
    for name in objects.tags:
        named = version_of(name)
        if named is None or name in known:
            continue
        with suppress(*_DAMAGE):
            tag = objects.tag(name)
            if tag is None or tag.commit in held:
                continue
            if named in judge.introduced(Step.of(objects.commit(tag.commit))):
                yield name, tag.commit


def _is_only_gone(repository: Repository) -> bool:
    """Whether the branch says where it stands, and the commit is what is missing.

    What it says is worth more than an older commit: a sound clone may have that one.
    """
    branch = repository.branch
    said = leftovers.held_by(repository, branch) or leftovers.packed(repository, branch)
    return said is not None and said == next(leftovers.logged(repository, branch), None)


def _logged(repository: Repository, tip: str | None) -> Iterator[tuple[str, str]]:
    """Yield the commits on which the branch stood, the last first, and who knows it.

    The reflog of a branch goes with it; then HEAD's knows the last commit, where HEAD is on
    the branch. What is before that may be another branch's.
    """
    branch = repository.branch
    logged = list(dict.fromkeys(leftovers.logged(repository, branch)))
    yield from ((oid, "its reflog") for oid in logged)
    if tip is None and not logged and leftovers.held_by(repository, "HEAD") == f"ref: {branch}":
        last = next(leftovers.logged(repository, "HEAD"), None)
        if last is not None:
            yield last, "the reflog of HEAD"


def _history(objects: CatFile, oid: str) -> frozenset[str]:
    """Return a commit and all behind it; nothing where some of that cannot be read."""
    try:
        return frozenset(objects.run("rev-list", oid, "--").split())
    except GitFailed:
        return frozenset()


def _others(objects: CatFile, branch: str) -> Iterator[tuple[str, str]]:
    """Yield the branches besides the store's, here and of remotes, each with its commit."""
    form = "--format=%(objectname) %(refname) %(symref)"
    for line in objects.run("for-each-ref", form, _HEADS, _REMOTES).splitlines():
        oid, ref, stands_for = line.split(" ")
        if ref != branch and not stands_for:  # as origin/HEAD does
            yield ref, oid


def _is_ours(ref: str, branch: str) -> bool:
    """Whether a ref is the store's branch as a remote had it."""
    return ref.startswith(_REMOTES) and ref.endswith(f"/{branch.removeprefix(_HEADS)}")


def _short(ref: str) -> str:
    return ref.removeprefix(_HEADS).removeprefix(_REMOTES)


def is_whole(objects: CatFile, oid: str) -> bool:
    """Whether a commit and its folders are here: the power may have gone before they were."""
    try:
        for entry in objects.entries(objects.commit(oid).tree).values():
            if entry.mode == FOLDER:
                objects.entries(entry.oid)
    except _DAMAGE:
        return False
    return True


def move_forward(repository: Repository, writer: Writer, held: Held) -> Iterator[str]:
    """Move the branch to where its reflog or its tags know that it stood, with its work trees.

    Call it under the writer lock, `held`.

    Yields:
        What was done, a line each.

    Raises:
        LocalChanges: uncommitted work is in the way; nothing was changed.
        StoreBusy, CannotWrite, GitFailed: it could not be moved.
    """
    with CatFile(repository.common_dir, inherit=False) as objects:
        found = behind(repository, objects, _past(repository, objects))
    if found is None or found.ahead is None:
        return
    commits = f"{found.ahead[:12]}, where {found.who} knows that it stood"
    if found.who in (_TAG, _TAGS):  # a promotion has none
        commits = f"{commits}; `git fsck --lost-found` shows what may have come after it"
    if found.tip is None:
        said = leftovers.held_by(repository, found.branch)
        leftovers.restore_ref(repository, found.branch, found.ahead, instead_of=said)
        yield f"set {found.branch} to {commits}"
        return
    trees = worktree.on_branch(repository)
    worktree.check(trees)
    for tree in trees:
        worktree.move(tree, found.tip, found.ahead, lock=held)
    moved = refs.advance(
        repository,
        found.tip,
        found.ahead,
        who=writer.committer,
        when=writer.when,
        what="doctor: forward to the versions that it held",
        durable=writer.durable,
    )
    if not moved:
        raise LocalChanges(f"{found.branch} was moved meanwhile", hint="try again")
    yield f"moved {found.branch} forward from {found.tip[:12]} to {commits}"


def _past(repository: Repository, objects: CatFile) -> Past | None:
    try:
        tip = repository.head(repository.branch)
        return Past(objects, tip) if tip else None
    except Exception:  # whatever is the matter with it, it is no commit that is here
        return None
