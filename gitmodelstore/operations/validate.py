"""Whether a store, a proposal to it, or a folder on the disk is sound."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from gitmodelstore.checks.fault import Fault, Faults, format_faults
from gitmodelstore.checks.folder import FileFacts, artifact_faults, folder_entry, folder_names
from gitmodelstore.checks.history import Ancestry, date_notes
from gitmodelstore.checks.judge import CommitStep, Judge, tag_faults
from gitmodelstore.errors import (
    CannotWork,
    FormatError,
    GitFailed,
    IntegrityError,
    MissingObject,
    NotAStore,
    SignatureError,
    reason_of,
)
from gitmodelstore.lean import TYPE_CHECKING, dataclass, replace
from gitmodelstore.plumbing.cat_file import CatFile, Extent, border, extent
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.names import (
    ATTRIBUTES,
    EARLIER_ATTRIBUTES,
    FOLDER_FILES,
    MANIFEST,
    MODELS,
    PIPELINE,
    Version,
    folder,
    from_seconds,
    tag_name,
    version_of,
)
from gitmodelstore.values.objects import Entry, Tag, replaced

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from gitmodelstore.checks.history import Objects
    from gitmodelstore.checks.signatures import Verifier
    from gitmodelstore.plumbing.repository import Repository

# The gate: what hooks and `gms validate` ask the judge about a repository.

ALLOWED = "gpg.ssh.allowedSignersFile"
NOTHING = "0" * 40  # how git spells a ref that does not exist
MOST_COMMITS = 10_000  # in one push, unless modelstore.maxCommits says otherwise
_AT_ONCE = 100
_HEADS = "refs/heads/"
_TAGS = "refs/tags/"
_SET_BACK = (
    "gms doctor says where the branch was, and --fix moves it forward if that needs no guess"
)
_SET_ON_BRANCH = "gms doctor --fix sets it on the commit that the branch has; then push again"
Tags = Mapping[str, str]  # name to id of its object
Graph = dict[str, list[str]]  # commit to its parents, parents before children
Introduced = dict[tuple[str, Version], list[str]]  # model and version to the commits that bring it


@dataclass(frozen=True, slots=True)
class Update:
    """One ref that a push changes."""

    ref: str  # its full name
    old: str  # id before; NOTHING where it does not exist
    new: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What to type about a push that is refused."""

    # the repository that pushes; None on the side that receives, which knows neither what was
    # done there nor how it is called there
    objects: CatFile | None = None
    updates: Sequence[Update] = ()
    remote: str = "REMOTE"  # the name of where it goes to
    stands: str | None = None  # the commit of the branch there, as far as is known here
    is_known: bool = True  # whether anything of the other side is known here

    def behind(self) -> str:
        """Return what to do about a branch that somebody else pushed first."""
        if self.objects is None:
            return "git pull --rebase, gms doctor --fix, then push again; never with --force"
        if not self.is_known:
            return f"run git fetch {self._there}, and push again"
        branch = store_branch(self.objects)
        if self.stands and not _succeeds(self.objects, "merge-base", self.stands, branch):
            set_url = f"git remote set-url {self._there} URL, with the URL of yours"
            return f"the remote is a different store: {set_url}"
        # A pull of a branch by name would bring no tags, and the doctor would make them anew.
        onto = f"{self._there}/{_short(branch)}"
        return f"git fetch {self._there}, git rebase {onto}, gms doctor --fix, and push again"

    def beside(self, name: str, commit: str) -> str:
        """About a tag on a commit that the branch there does not hold, nor gets."""
        if self.objects is None:
            return "push the branch too: git push --follow-tags"
        objects, branch = self.objects, store_branch(self.objects)
        heads = [one.ref for one in self.updates if one.ref.startswith(_HEADS)]
        if heads and branch not in heads:
            how = f"git push --no-follow-tags {self._there} BRANCH:{_short(heads[0])}"
            return f"push a proposal without its tags: {how}"
        if not _is_ancestor(objects, commit, branch):
            return _SET_ON_BRANCH
        if self.stands is None or _is_ancestor(objects, self.stands, branch):
            return f"push the branch too: {self._push(objects)}"
        if _is_start(objects, self.stands):
            how = self._push(objects, "--force ")
            return f"the remote store is still empty, so this may replace it: {how}"
        return self.behind()

    def untagged(self, name: str) -> str:
        """About a version without its tag."""
        objects = self.objects
        if objects is None or name not in objects.tags:
            return "gms doctor --fix, if it is missing here; then git push --follow-tags"
        if not _is_ancestor(objects, f"{_TAGS}{name}^{{commit}}", store_branch(objects)):
            return _SET_ON_BRANCH
        return f"push it too: {self._push(objects)}"

    def moved(self, name: str | None) -> str:
        """About a tag that is there already; None if it would be deleted."""
        once = "a version number is used only once"
        if name is None:
            return f"leave it there: {once}"
        return f"{once}: git fetch --force {self._there} tag {name}, and register another"

    def _push(self, objects: CatFile, option: str = "") -> str:
        return f"git push {option}--follow-tags {self._there} {_short(store_branch(objects))}"

    @property
    def _there(self) -> str:
        from shlex import quote  # only who is refused pays for it

        is_secret = "@" in self.remote and "://" in self.remote
        return "REMOTE" if is_secret else quote(self.remote)


def _short(ref: str) -> str:
    return ref.removeprefix(_HEADS)


def how_to_remake(faults: Sequence[Fault]) -> str | None:
    """Return what to type if commits of a push are faulty themselves; None if none is."""
    # Later commits do not mend them; only tags and large files are outside.
    for fault in faults:
        if fault.commit and fault.code != "GMS024" and not fault.path.startswith(_TAGS):
            return (
                f"no later commit can fix {fault.commit[:12]}: git rebase -i "
                f"{fault.commit[:12]}~1, with `edit` to fix it by git commit --amend or `drop` to "
                "remove it; then gms doctor --fix, and push again"
            )
    return None


def store_branch(objects: CatFile) -> str:
    return _HEADS + (objects.setting("store.branch") or "main")


def staged_faults(objects: CatFile, tree: str) -> list[Fault]:
    """Return what is wrong with the commit that is being made; `tree` is its root tree."""
    parents = tuple(_parents_to_be(objects))
    if parents and objects.commit(parents[0]).tree == tree and len(parents) == 1:
        return []
    return Judge(objects).faults(CommitStep(tree, parents))  # nobody has signed it yet


def _parents_to_be(objects: CatFile) -> Iterator[str]:
    """Yield HEAD and what is being merged into it, several at once perhaps."""
    head = objects.resolve("HEAD")
    if head is None:  # no commit yet
        return
    yield head
    if objects.resolve("MERGE_HEAD") is not None:
        with open(f"{objects.git_dir}/MERGE_HEAD") as file:
            yield from file.read().split()


def sent_faults(objects: CatFile, updates: Sequence[Update], remote: str) -> list[Fault]:
    """Return what is wrong with what is about to be pushed to a remote, as far as that is known."""
    has = [f"^{update.old}" for update in updates if objects.has(update.old)]
    listed = objects.run("for-each-ref", "--format=^%(objectname)", f"refs/remotes/{remote}/")
    stands = _commit_of(objects, f"refs/remotes/{remote}/{_short(store_branch(objects))}")
    advice = Advice(objects, updates, remote, stands, is_known=bool(has or listed))
    return _push_faults(objects, updates, [*has, *listed.split()], {}, stands, advice)


def received_faults(objects: CatFile, updates: Sequence[Update]) -> list[Fault]:
    """Return what is wrong with a push on the server that receives it."""
    branch = store_branch(objects)
    stands = _commit_of(objects, branch)
    meant = [update if update.ref == branch else _followed(objects, update) for update in updates]
    return _push_faults(objects, meant, ["--not", "--all"], objects.tags, stands, Advice())


def _followed(objects: CatFile, update: Update) -> Update:
    """Return an update as that of the branch for which its ref is only another name."""
    if not update.ref.startswith(_HEADS) or update.old == NOTHING:
        return update
    names = objects.run("rev-parse", "--symbolic-full-name", update.ref)
    return replace(update, ref=names.strip() or update.ref)


def _push_faults(
    objects: CatFile,
    updates: Sequence[Update],
    exclusions: Sequence[str],
    old_tags: Mapping[str, str],
    stands: str | None,
    advice: Advice,
) -> list[Fault]:
    """Return what is wrong with a push, seen from either side."""
    # `exclusions`: arguments of `git rev-list` that leave out what the receiver has; `old_tags` its
    # tags, `stands` its branch's commit. A client that knows no signers leaves signatures unjudged.
    branch = store_branch(objects)
    updates = [_from_start(objects, update, branch) for update in updates]
    faults = [fault for update in updates for fault in _ref_faults(objects, update, branch, advice)]
    if faults:
        return faults
    objects.pushed_tags.update(
        {update.ref.removeprefix(_TAGS): update.new for update in updates if _is_tag(update)}
    )
    moved = next((update for update in updates if update.ref == branch), None)
    old = moved.old if moved and moved.old != NOTHING else None
    # What other branches hold has never been judged as this one, nor with its tags.
    graph = dict(objects.commits(moved.new, *([f"^{old}"] if old else []))) if moved else {}
    others = [update.new for update in updates if update.new != NOTHING and update != moved]
    beside = {} if not others else dict(objects.commits(*others, *exclusions))
    commits = graph | beside
    setting = objects.setting("modelstore.maxCommits") or ""
    most = int(setting) if setting.isdigit() else MOST_COMMITS
    if len(commits) > most:
        mend = "push it in parts, or ask the owner of the server to raise modelstore.maxCommits"
        what = f"{len(commits):,} commits in one push, at most {most:,}"
        return [Fault("GMS005", "", what, mend=mend)]
    heads = [*others, *([moved.new] if moved else [])]
    ancestry = _ancestry(objects, commits, heads, old)
    judge = judge_of(objects, ancestry, is_advice=advice.objects is not None)
    introduced = _judge_all(judge, commits, faults)
    if moved and old:
        faults += _whole_faults(judge, graph, moved.new, old)
    tip = moved.new if moved else None
    faults += _tags_faults(judge, [u for u in updates if _is_tag(u)], tip or stands, advice.beside)
    if tip is not None:
        on_branch = {key: [oid for oid in oids if oid in graph] for key, oids in introduced.items()}
        tags = {**old_tags, **objects.pushed_tags}
        paths = {fault.path for fault in faults}
        faults += _untagged_faults(judge, on_branch, tags, paths, advice.untagged)
    return list(dict.fromkeys(faults))


def _from_start(objects: CatFile, update: Update, branch: str) -> Update:
    """Return a push to a branch that only `init` wrote on as one that creates the branch."""
    if update.ref == branch and not _goes_on(objects, update) and _is_start(objects, update.old):
        return replace(update, old=NOTHING)
    return update


def _is_start(objects: CatFile, oid: str) -> bool:
    """Whether a commit is the first of a store, as `init` writes it, without a model or a rule."""
    if not objects.has(oid):
        return False
    from gitmodelstore.values.registry import BEGUN  # which few pushes need

    commit = objects.commit(oid)
    entries = objects.entries(commit.tree)
    files = {name: objects.content(e.oid, name) for name, e in entries.items() if name in BEGUN}
    return not commit.parents and files in (BEGUN, {**BEGUN, ATTRIBUTES: EARLIER_ATTRIBUTES})


def _ancestry(
    objects: CatFile, commits: Graph, heads: Sequence[str], old: str | None
) -> Ancestry | None:
    """Return who is behind whom among a push and what its merges join; None without merges."""
    if all(len(parents) < 2 for parents in commits.values()):
        return None
    outside = {oid for parents in commits.values() for oid in parents if oid not in commits}
    outside.update([old] if old else [])
    exclusions = objects.not_before(*outside) if outside else []
    return Ancestry(objects.commits(*heads, *exclusions), outside)


def _whole_faults(judge: Judge, graph: Graph, new: str, old: str) -> list[Fault]:
    """Return the faults of commits that come to lie on the branch, by its old settings."""
    faults: list[Fault] = []
    ahead, met = [(new, True)], set()  # whether the old commit is behind it
    while ahead:
        oid, is_after = ahead.pop()
        if oid not in graph or oid in met:
            continue
        met.add(oid)
        step, first, way = CommitStep.of(judge.objects.commit(oid)), graph[oid][:1], graph[oid][:1]
        if len(graph[oid]) > 1 and is_after and judge.ancestry is not None:
            way = [one for one in graph[oid] if judge.ancestry.is_behind(old, one)][:1]
            step = step.seen_from(*way)
        faults += judge.faults_as_whole(step, old, is_after=is_after)
        ahead += [(one, is_after and one in way) for one in {*first, *way}]
    return faults


def range_faults(objects: CatFile, base: str, head: str) -> list[Fault]:
    """Return what is wrong with what `head` adds to `base`, by its settings, and their merge."""
    old, new = (_commit_named(objects, name) for name in (base, head))
    graph = dict(objects.commits(new, f"^{old}"))
    clone = extent(objects)
    if clone.is_shallow and not border(objects.common_dir).isdisjoint(graph):
        raise cannot_tell(clone)
    judge = judge_of(objects, _ancestry(objects, graph, [new], old))
    faults: list[Fault] = []
    introduced = _judge_all(judge, graph, faults)
    if _is_ancestor(objects, old, new):
        return list(dict.fromkeys([*faults, *_whole_faults(judge, graph, new, old)]))
    tree = _merged_tree(objects, old, new)
    if tree is None:
        if taken := list(_taken_meanwhile(judge, old, introduced, base)):
            return [*faults, *taken]
        what = f"{head} does not merge into {base} without conflict"
        return [*faults, Fault("GMS036", "", what, mend=f"git merge {base}, and push again")]
    faults = _without_twins([*faults, *judge.faults(CommitStep(tree, (old, new)))])
    if clone.lacks_history and any(fault.code in ("GMS070", "GMS071") for fault in faults):
        raise cannot_tell(clone)
    return faults


def _taken_meanwhile(judge: Judge, old: str, introduced: Introduced, base: str) -> Iterator[Fault]:
    """Yield the versions of a proposal whose numbers others have on the branch by now."""
    objects, registry = judge.objects, judge.registry_at(old)
    for (model, version), commits in introduced.items():
        tag = objects.tag(tag_name(model, version))
        there = objects.commit(tag.commit if tag and tag.commit not in commits else old)
        own, other = (
            folder_entry(objects, one.tree, model) for one in (objects.commit(commits[0]), there)
        )
        if registry.status(model, version) is None or own == other:
            continue
        what = f"another {model} {version} was registered on {base} first"
        mend = (
            "propose it again, for the next number: git push REMOTE --delete BRANCH, then the "
            "same `gms register … --propose`"
        )
        yield Fault("GMS033", folder(model), what, mend=mend, commit=commits[0])


def cannot_tell(clone: Extent) -> CannotWork:
    """Return what to raise if a clone lacks what the judge needs."""
    return CannotWork(f"cannot tell what is sound: {clone.lacks}", hint=clone.fetch)


def store_faults(
    objects: CatFile, commits: Sequence[str] = (), judge: Judge | None = None
) -> list[Fault]:
    """Return the faults of every commit and tag of a store; `commits` if git cannot list them."""
    branch = store_branch(objects)
    tip = _commit_of(objects, branch)
    if tip is None:
        return [lacks_branch(objects, branch)]
    if commits:
        graph = [(oid, list(objects.commit(oid).parents)) for oid in commits]
    else:
        graph = objects.commits(tip)
    merges = any(len(parents) > 1 for _, parents in graph)
    judge = judge or judge_of(objects)
    judge.ancestry = Ancestry(graph) if merges and not commits else None
    faults: list[Fault] = []
    introduced = _judge_all(judge, dict(graph), faults, from_others=not commits)
    tags = [Update(_TAGS + name, NOTHING, oid) for name, oid in objects.tags.items()]
    faults += _tags_faults(judge, tags, tip, lambda *_: _SET_BACK, has_gap=bool(commits))
    paths, mend = {fault.path for fault in faults}, Advice().untagged
    faults += _untagged_faults(judge, introduced, objects.tags, paths, mend)
    return list(dict.fromkeys(faults))


def large_files_of_remotes(objects: CatFile, faults: Iterable[Fault]) -> list[Fault]:
    """Return those faults that are no fault: large files that a remote has, and we fetch later.

    A push sends them before the commits that name them. A bare clone notes no remote's commits.
    """
    lacking = [fault for fault in faults if fault.code == "GMS024"]
    if not lacking or not objects.remote_names:
        return []
    shared = set(objects.run("rev-list", "--remotes").split())
    return [fault for fault in lacking if not shared or fault.commit in shared]


def lacks_branch(objects: CatFile, branch: str) -> Fault:
    """Return the fault of a store whose branch is not here, with what to type."""
    return Fault(
        "GMS020", branch, "the store has no such branch", mend=_branch_from(objects, branch)
    )


def _branch_from(objects: CatFile, branch: str) -> str:
    name = _short(branch)
    remotes = objects.run("for-each-ref", "--format=%(refname)", f"refs/remotes/*/{name}").split()
    if remotes:
        return f"git branch {name} {remotes[0].removeprefix('refs/remotes/')}"
    if objects.remote_names:
        return f"git fetch {objects.remote_names[0]} {name}:{name}"
    if objects.run("for-each-ref", "--count=1").strip():
        return f"git config store.branch NAME, if its branch is not '{name}'; otherwise gms doctor"
    if objects.work_tree is None:
        return f"git push {shlex.quote(str(objects.git_dir))} {name}, in the store that it is for"
    return "gms init"


def judge_of(
    objects: CatFile, ancestry: Ancestry | None = None, *, is_advice: bool = False
) -> Judge:
    """Return a judge who believes whom git's configuration names, and never the store's files."""

    def verifier() -> Verifier:
        from pathlib import Path

        from gitmodelstore.plumbing.signing import SshVerifier

        top = objects.work_tree
        return SshVerifier.of(Path(objects.git_dir), Path(top) if top else None)

    if is_advice and objects.setting(ALLOWED) is None:
        return Judge(objects, ancestry=ancestry)
    return Judge(objects, verifier, ancestry)


def _judge_all(
    judge: Judge, commits: Iterable[str], faults: list[Fault], *, from_others: bool = False
) -> Introduced:
    """Judge commits, parents first, into `faults`; return what they introduce."""
    # `from_others`: it is not known which parent of a merge was the branch.
    introduced: Introduced = {}
    commits = list(commits)
    judge.read_ahead(commits)
    for oid in at_once(judge.objects, commits):
        step = CommitStep.of(judge.objects.commit(oid))
        faults += judge.faults(step)
        faults += date_notes(judge.objects, oid)
        if from_others:
            faults += judge.faults_from_others(step)
        try:
            new = judge.introduced(step)
        except (MissingObject, IntegrityError):  # `judge.faults` has said so
            continue
        for key in new:
            introduced.setdefault(key, []).append(oid)
    return introduced


def at_once(
    objects: Objects, commits: Sequence[str], names: Container[str] | None = None
) -> Iterator[str]:
    """Yield commits, of many of which git reads at once what the judge looks at.

    `names`: of the files of a model that are read too; None for all.
    """
    assert isinstance(objects, CatFile)  # noqa: S101 - the gate knows no other
    read = objects.read_ahead
    were: Mapping[str, Entry] = {}
    for start in range(0, len(commits), _AT_ONCE):
        some = commits[start : start + _AT_ONCE]
        with suppress(MissingObject, IntegrityError):  # which the judge says
            read(some)
            roots = [objects.commit(oid).tree for oid in some]
            read(roots)
            entries = (objects.entries(root).get(MODELS) for root in roots)
            read(entry.oid for entry in entries if entry is not None)
            changed = []
            for root in roots:
                becomes = folder_names(objects, root)
                changed += [
                    becomes[name].oid for name in replaced(were, becomes) if name in becomes
                ]
                were = becomes
            read(changed)
            files = (file for tree in changed for file in objects.entries(tree).items())
            read(entry.oid for name, entry in files if names is None or name in names)
        yield from some


def _ref_faults(objects: CatFile, update: Update, branch: str, advice: Advice) -> Iterator[Fault]:
    ref = update.ref
    if ref.startswith(_TAGS):
        if update.old != NOTHING:
            verb = "deleted" if update.new == NOTHING else "moved"
            what = f"would be {verb}; tags of a store are permanent"
            name = None if update.new == NOTHING else ref.removeprefix(_TAGS)
            yield Fault("GMS053", ref, what, mend=advice.moved(name))
        elif version_of(ref.removeprefix(_TAGS)) is None:
            what = "is not a version tag such as churn@v1.4.0; a store has no other tags"
            yield Fault("GMS055", ref, what, mend="push only version tags")
    elif not ref.startswith(_HEADS):
        what = "is neither a branch nor a version tag"
        yield Fault("GMS055", ref, what, mend="push only branches and version tags")
    elif ref == branch and update.new == NOTHING:
        yield Fault("GMS036", ref, "would be deleted; it is the store", mend="leave it")
    elif ref == branch and not _goes_on(objects, update):
        what = "would lose commits: not a fast-forward"
        yield Fault("GMS036", ref, what, mend=advice.behind())


def _goes_on(objects: CatFile, update: Update) -> bool:
    return update.old == NOTHING or _is_ancestor(objects, update.old, update.new)


@contextmanager
def _named(ref: str, faults: list[Fault]) -> Iterator[None]:
    """Take what cannot be read of a ref, or not be verified, as a fault of it."""
    try:
        yield
    except (MissingObject, IntegrityError) as error:
        code = "GMS070" if isinstance(error, MissingObject) else "GMS071"
        mend = "git fetch --refetch REMOTE, from an intact clone"
        faults[:] = [Fault(code, ref, str(error), mend=mend)]
    except SignatureError as error:
        faults[:] = [Fault("GMS061", ref, str(error), mend=error.hint or "")]


def _place(objects: CatFile, tag: Tag | None) -> datetime:
    """Return what sorts tags along the history, where the trees of neighbours differ in little."""
    with suppress(MissingObject, IntegrityError):
        if tag is not None:
            return objects.commit(tag.commit).when
    return from_seconds(0)


def _tags_faults(
    judge: Judge,
    updates: Sequence[Update],
    tip: str | None,
    beside: Callable[[str, str], str],
    *,
    has_gap: bool = False,
) -> list[Fault]:
    """Return what is wrong with tags, if the branch stands on `tip`."""
    # `beside` tells what to do about one that the branch does not hold; with `has_gap` nobody can
    # tell what it holds.
    objects = judge.objects
    assert isinstance(objects, CatFile)  # noqa: S101 - the gate knows no other
    wrong: dict[str, list[Fault]] = {update.ref: [] for update in updates}
    tags: dict[str, Tag | None] = {}
    for number, update in enumerate(updates):
        if number % _AT_ONCE == 0:
            objects.read_ahead(one.new for one in updates[number : number + _AT_ONCE])
        with _named(update.ref, wrong[update.ref]):
            tags[update.ref] = objects.tag_object(update.ref.removeprefix(_TAGS), update.new)
    standing: dict[str, str] = {}
    for ref in sorted(tags, key=lambda ref: _place(objects, tags[ref])):
        tag, name = tags[ref], ref.removeprefix(_TAGS)
        with _named(ref, wrong[ref]):
            wrong[ref] += tag_faults(judge, name, tag)
            if tag is not None and not wrong[ref]:
                standing[name] = tag.commit
    faults = [fault for some in wrong.values() for fault in some]
    if has_gap:
        return faults
    without = [f"^{tip}"] if tip else []
    listed = objects.run("rev-list", *standing.values(), *without, "--") if standing else ""
    outside = set(listed.split())
    for name in (update.ref.removeprefix(_TAGS) for update in updates):
        commit = standing.get(name)
        if commit in outside:
            what = f"points to {commit[:12]}, which is not on the store's branch"
            faults.append(Fault("GMS052", _TAGS + name, what, mend=beside(name, commit)))
    return faults


def _untagged_faults(
    judge: Judge, introduced: Introduced, tags: Tags, paths: set[str], mend: Callable[[str], str]
) -> Iterator[Fault]:
    """Yield versions that the branch has without a tag, or under a number in use; `mend` helps."""
    # `paths` are reported already.
    for (model, version), commits in introduced.items():
        name = tag_name(model, version)
        if name not in tags:
            what = f"is missing: {model} {version} has no tag"
            for commit in commits[:1]:
                yield Fault("GMS050", _TAGS + name, what, mend=mend(name), commit=commit)
            continue
        tag = None if _TAGS + name in paths else judge.objects.tag(name)
        for commit in commits:
            if tag and _is_other(judge, model, version, commit, tag.commit):
                what = f"{model} {version} is not what was released under that number"
                again = f"register it as a new version: gms register {model} FILE"
                yield Fault("GMS033", folder(model), what, mend=again, commit=commit)


def _is_other(judge: Judge, model: str, version: Version, commit: str, tagged: str) -> bool:
    """Whether a commit introduces a version with another folder than a tagged one has."""
    # A registry that lost versions gets them back without their folders.
    if commit == tagged:
        return False
    try:
        roots = [judge.objects.commit(oid).tree for oid in (commit, tagged)]
        entry, released = (folder_entry(judge.objects, root, model) for root in roots)
        if entry == released:
            return False
        manifest = judge.folders.manifest(model, entry)
    except (MissingObject, IntegrityError):  # which is said
        return False
    return manifest is not None and manifest.version == version


def _merged_tree(objects: CatFile, old: str, new: str) -> str | None:
    """Return the root tree after `new` is merged into `old`; None if that conflicts."""
    try:
        return objects.run("merge-tree", "--write-tree", old, new).split("\n")[0]
    except GitFailed as error:
        if error.stderr:
            raise
        return None


def _without_twins(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults, of those that a commit and the merge share the first only."""
    kept: dict[tuple[str, str, str, str], Fault] = {}
    for fault in faults:
        kept.setdefault((fault.code, fault.path, fault.where, fault.what), fault)
    return list(kept.values())


def _is_tag(update: Update) -> bool:
    return update.ref.startswith(_TAGS) and update.new != NOTHING


def _commit_of(objects: CatFile, name: str) -> str | None:
    """Return the commit that a name means; None if it is not here."""
    options = ("--quiet", "--verify", "--end-of-options")
    try:
        return objects.run("rev-parse", *options, f"{name}^{{commit}}").strip()
    except GitFailed:
        return None


def _commit_named(objects: CatFile, name: str) -> str:
    oid = _commit_of(objects, name)
    if oid is None:
        what = f"'{name}' is not a commit in this repository"
        raise GitFailed(what, hint=_how_to_get(objects, name))
    return oid


def _how_to_get(objects: CatFile, name: str) -> str:
    """Return what to type to get a commit that is not here."""
    clone = extent(objects)
    if clone.is_shallow:
        return f"this is a shallow clone: {clone.fetch}"
    start = re.split(r"[~^]", name)[0]
    if start != name and _commit_of(objects, start):
        return f"see how far its history goes: `git log --oneline {start}`"
    remote, _, branch = start.removeprefix("refs/remotes/").partition("/")
    if branch and f"remote.{remote}.url" in objects.settings:
        return f"fetch it: `git fetch {remote} {branch}`"
    if clone.remote in objects.settings.get(f"remote.{clone.remote}.fetch", ""):
        return f"`git branch --all` lists what is here; `git fetch {clone.remote}` brings the rest"
    return "`git branch --all` and `git tag` list what is here"


def _is_ancestor(objects: CatFile, old: str, new: str) -> bool:
    """Whether a commit is in the history of another; False also where it is not here."""
    return _succeeds(objects, "merge-base", "--is-ancestor", old, new)


def _succeeds(objects: CatFile, *command: str) -> bool:
    try:
        objects.run(*command)
    except GitFailed:
        return False
    return True


# Validate


def validate(repository: Repository, between: tuple[str, str] | None) -> Faults:
    """Return all faults and notes, as `Store.validate` says."""
    with CatFile(repository.work_tree or repository.common_dir, inherit=False) as objects:
        if between is not None:
            return Faults.of(range_faults(objects, *between))
        clone = extent(objects)
        if clone.is_shallow:
            raise cannot_tell(clone)
        faults = store_faults(objects)
        fetchable = large_files_of_remotes(objects, faults)
        faults = [fault for fault in faults if fault not in fetchable]
        lacking = ("GMS070", "GMS071") if clone.is_partial else ("GMS050",)
        if clone.lacks is not None and any(fault.code in lacking for fault in faults):
            faults = [fault for fault in faults if fault.code not in lacking]
            if all(fault.is_note for fault in faults):
                raise cannot_tell(clone)
        return Faults.of(faults)


def refuse_part(repository: Repository) -> None:
    """Refuse to judge what a clone was not asked to hold."""
    clone = extent_of(repository)
    if clone.lacks is not None:
        raise cannot_tell(clone)


def extent_of(repository: Repository) -> Extent:
    with CatFile(repository.common_dir, inherit=False) as objects:
        return extent(objects)


def validate_folder(folder: Path) -> tuple[Fault, ...]:
    """Return everything that is wrong with the files of one version on the disk."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotAStore(
            f"'{folder}' is not a model folder: {MANIFEST} cannot be read ({reason_of(error)})",
            hint="name a folder such as models/churn, or what `gms get` wrote",
        ) from None
    try:
        manifest = Manifest.parse(data, str(path))
    except FormatError as error:
        return tuple(format_faults(error, "GMS010", str(path)))
    facts: dict[str, FileFacts] = {}
    faults: list[Fault] = []
    for file in sorted(folder.iterdir()):
        if file.is_symlink() or not file.is_file():
            faults.append(Fault("GMS002", str(file), "is not a plain file"))
        elif file.name not in FOLDER_FILES:
            faults.append(Fault("GMS001", str(file), "not a file of a version"))
        else:
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            facts[file.name] = FileFacts(digest, file.stat().st_size)
    if PIPELINE not in facts:
        faults.append(Fault("GMS020", str(folder / PIPELINE), "missing"))
    return (*faults, *artifact_faults(str(folder), manifest, facts))
