"""Push, pull and fetch: the store's branch and its tags against those of a remote.

The order of a push: what others did is brought in first (`rebase`), then large files go, then the
branch with the tags of its versions, all or none. Nothing is a success before the remote has it.
Where somebody was first again, all of it is repeated.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast
from weakref import WeakKeyDictionary

from gitmodelstore.errors import (
    AlreadyExists,
    IntegrityError,
    InvalidInput,
    RemoteRefused,
    RemoteUnreachable,
    StoreBusy,
    StoreError,
)
from gitmodelstore.lean import dataclass, field, replace
from gitmodelstore.lineage import without_credentials
from gitmodelstore.operations import rebase
from gitmodelstore.operations.history import registry_of
from gitmodelstore.operations.snapshot import (
    Snapshot,
    Writer,
    is_cached,
    large_pipeline,
    likely_remote,
    named_remote,
)
from gitmodelstore.plumbing import refs, remotes
from gitmodelstore.plumbing.remotes import Remote
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.values.events import Event
from gitmodelstore.values.model_version import ModelVersion, Proposal
from gitmodelstore.values.names import (
    REGISTRY,
    Version,
    did_you_mean,
    folder,
    tag_name,
)
from gitmodelstore.values.objects import (
    Commit,
    Pointer,
    read_pointer,
)
from gitmodelstore.values.registry import BEGUN
from gitmodelstore.values.tables import counted

if TYPE_CHECKING:  # what writes takes 30 ms to import, and most pulls bring nothing
    from gitmodelstore.operations.doctor import Diagnosis

One = TypeVar("One", ModelVersion, Event)
Made = TypeVar("Made", ModelVersion, Event, Event | None, tuple[Event, ...])
Batch = tuple[str, tuple[str, ...]]  # a commit to push, and tags with it
_LONGEST_NAME = 100  # of what is proposed, in the name of a branch
MOST_TAGS = 3  # a push: large hosts make no events of tags for more
_MOST_LOCKED = 6  # tries, each with a wait
_LONGEST_LOCKED_SECONDS = 0.5
_MOST_TRIES = 60
_MOST_QUIET = 10  # tries in which somebody was first, and nothing came of it
_NEWS = 2  # tries that one needs where others were first long ago
_MOST_WAITS = 6  # so many times as long as the last try took
_LONGEST_WAIT_SECONDS = 10.0
# Until when a store lets others go first, and the longest that this can have been.
_turns: WeakKeyDictionary[Repository, tuple[float, float]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Shared:
    """What a push, pull or fetch did.

    Attributes:
        remote: its name.
        url: its URL, without credentials.
        branch: the branch there.
        commit: the commit at the tip of that branch; None if there is none yet.
        sent: how many commits were sent.
        tags: the tags that were sent.
        received: how many commits there the store's branch did not have.
        ahead: how many commits of the store are not there.
        renumbered: old and new names of versions that got a new number, such as "churn 1.1.0".
        rewritten: old and new ids of commits that were rewritten because others pushed first.
        tries: how many times it was pushed.
    """

    remote: str
    url: str
    branch: str
    commit: str | None
    sent: int = 0
    tags: tuple[str, ...] = ()
    received: int = 0
    ahead: int = 0
    renumbered: Mapping[str, str] = field(default_factory=dict)
    rewritten: Mapping[str, str] = field(default_factory=dict)
    tries: int = 0


class _Rewritten:
    """What our versions and commits are called after one or more rebases: old to new."""

    def __init__(self) -> None:
        self.renumbered: dict[str, str] = {}
        self.commits: dict[str, str] = {}

    def add(self, rebased: rebase.Rebased | None) -> None:
        for names, more in (
            (self.renumbered, rebased.renumbered if rebased else {}),
            (self.commits, rebased.rewritten if rebased else {}),
        ):
            first = {new: old for old, new in names.items()}
            names.update({first.get(old, old): new for old, new in more.items()})


def push(
    repository: Repository,
    writer: Callable[[], Writer],
    name: str | None = None,
    *,
    renumber: bool = False,
    theirs: bool = False,
) -> Shared:
    """Send the branch and the tags that are missing there; see `Store.push`."""
    remote = find_remote(repository, name, pushing=True)
    received, quiet, done, why = 0, 0, _Rewritten(), list[str]()
    if remote.seen is None and remote.name != likely_remote(repository, remote.settings):
        _fetch(remote, may_be_new=True)  # what another clone has sent there need not be here
    _let_others_go_first(repository)
    if remote.seen is None:  # the branch may be there anyway
        _fetch(remote, may_be_new=True)
    for tries in range(1, _MOST_TRIES + 1):
        began, known = time.monotonic(), remote.seen
        start = _bare_start(repository, known)
        if start is None:
            received += _behind(remote)
            strays = rebase.moved_strays(repository, remote.seen)
            done.add(rebase.bring_up(repository, writer, remote, strays, renumber, theirs))
        tip, seen = Snapshot.now(repository).commit.oid, None if start else remote.seen
        batches = [] if remote.push_urls else list(_batches(repository, seen, tip))
        if not batches:
            seen, batches = _left_out(remote, tip)
        _send_large(remote, seen, tip)
        if _send(remote, batches, start, why):
            if remote.name == likely_remote(repository, remote.settings):
                remotes.follow(remote)
            rebase.forget(repository)
            _note_turn(repository, time.monotonic() - began, tries)
            if tries > _NEWS:
                writer().notify(
                    f"{remote.name} accepted it on try {tries}, because others pushed first"
                )
            sent = len(_new_commits(repository, seen, tip))
            tags = [tag for _, some in batches for tag in some]
            return _shared(remote, tip, received, done, sent=sent, tags=tags, tries=tries)
        time.sleep(_chance(time.monotonic() - began, tries))
        _fetch(remote, may_be_new=True)
        quiet = 0 if remote.seen != known else quiet + 1  # another process may have fetched, too
        if quiet:
            _refuse_other_tags(remote, [tag for _, some in batches for tag in some])
        if quiet == _MOST_QUIET:
            break
    what = f"others pushed to {remote.name} first, {tries} times"
    hint = "what you wrote is safe here; try again: gms push"
    if quiet:  # a lock, perhaps, which a dead process has left
        what = f"{remote.name} did not accept it in {tries} tries: {why[-1]}"
        if remote.push_urls:
            place = without_credentials(remote.push_urls[0])
            hint = f"it pushes to another place than it fetches from: see `git ls-remote {place}`"
    raise StoreBusy(what, hint=hint)


def _chance(took: float, tries: int) -> float:
    """Return how long to wait after a try that was not the first there, in seconds.

    A first one has mostly met old news. After that the longest wait falls with every try, so that
    those who were not first for long go before the others.
    """
    waits = 1.0 if tries < _NEWS else _MOST_WAITS / tries
    return random.uniform(0, min(took * waits, _LONGEST_WAIT_SECONDS))  # noqa: S311


def _let_others_go_first(repository: Repository) -> None:
    """Wait for the end of the time that the last push has left to others."""
    until, _ = _turns.get(repository, (0.0, 0.0))
    time.sleep(max(0.0, until - time.monotonic()))


def _note_turn(repository: Repository, took: float, tries: int) -> None:
    """Leave some time to others after a push that was not the first there.

    Who has just been first need not fetch, and so would be first again and again. Where nobody
    else comes, the time is halved.
    """
    _, before = _turns.get(repository, (0.0, 0.0))
    longest = before / 2 if tries == 1 else min(took * _MOST_WAITS, _LONGEST_WAIT_SECONDS)
    _turns[repository] = time.monotonic() + random.uniform(0, longest), longest  # noqa: S311


def _refuse_other_tags(remote: Remote, tags: Sequence[str]) -> None:
    """Refuse tags that the remote has with other objects, though no commit came with them."""
    there = remote.listing()
    for tag in tags:
        oid = there.get(f"refs/tags/{tag}")
        if oid is not None and oid != remote.repository.ref(f"refs/tags/{tag}"):
            raise RemoteRefused(
                f"{remote.name} has a different tag {tag}, of a version that its branch lacks",
                hint="have whoever pushed it push the branch too, then `gms push`; or remove it "
                f"there, if you may: git push {remote.name} --delete {tag}",
            )


def _left_out(remote: Remote, tip: str) -> tuple[str | None, list[Batch]]:
    """Return what is missing there, whatever was seen, and since when.

    Where a push goes to several places, it is what any of them lacks.
    """
    repository, there = remote.repository, remote.listing(pushing=True)
    head, tags = there.get(f"refs/heads/{remote.branch}"), _missing_tags(repository, there)
    if head == tip:
        every = range(0, len(tags), MOST_TAGS)
        return tip, [(tip, tuple(tags[at : at + MOST_TAGS])) for at in every]
    if head == "":  # the places differ
        return None, [(tip, tuple(tags))]
    # It was reset since, or removed, or others were first.
    known = head is None or repository.find_commit(head) is not None
    return (head, list(_batches(repository, head, tip))) if known else (tip, [(tip, ())])


def _new_commits(repository: Repository, seen: str | None, tip: str) -> list[str]:
    """Return the commits behind `tip` that are not behind what was seen, None for nothing."""
    return repository.between(seen, tip) if seen else [oid for oid, _ in repository.graph(tip)]


def _behind(remote: Remote) -> int:
    """Return how many commits that were seen there the store's branch lacks, whoever fetched."""
    tip = Snapshot.now(remote.repository).commit.oid
    return len(_new_commits(remote.repository, tip, remote.seen)) if remote.seen else 0


def pull(
    repository: Repository,
    writer: Callable[[], Writer],
    name: str | None = None,
    *,
    renumber: bool = False,
    theirs: bool = False,
) -> Shared:
    """Bring the store up to a remote, with what was written here on top; see `Store.pull`."""
    remote = find_remote(repository, name)
    _fetch(remote)
    received, done = _behind(remote), _Rewritten()
    done.add(
        rebase.bring_up(repository, writer, remote, rebase.strays(repository), renumber, theirs)
    )
    return _shared(remote, remote.seen, received, done)


def prepare(repository: Repository, writer: Callable[[], Writer]) -> None:
    """Bring the store up to what others did, and see that what is written then can be pushed."""
    pulled, remote = pull(repository, writer), find_remote(repository, pushing=True)
    if remote.push_urls or remote.name != pulled.remote:
        remote.listing(pushing=True)


def fetch(repository: Repository, name: str | None = None, *, force: bool = False) -> Shared:
    """See what a remote has, and change nothing of the store; see `Store.fetch`."""
    remote = find_remote(repository, name)
    _fetch(remote, tags=False, forced=force)
    _bring_tags(remote)
    return _shared(remote, remote.seen, _behind(remote), _Rewritten())


def _bring_tags(remote: Remote) -> None:
    """Have the tags here of versions that the branch has, which a process that died left out."""
    repository, tip = remote.repository, Snapshot.now(remote.repository)
    wanted = [
        name
        for model, statuses in tip.registry.models.items()
        for name in (tag_name(model, version) for version in statuses)
        if not repository.ref(f"refs/tags/{name}")
    ]
    for name, oid in remote.fetch_tags(wanted).items():
        refs.set_tag(repository, name, None, oid)
        tag = repository.tag(name)
        if tag is None or not repository.is_ancestor(tag.commit, tip.commit.oid):
            remotes.drop(repository, [f"refs/tags/{name}"])


def share(
    repository: Repository, writer: Callable[[], Writer], made: Made, wanted: bool | None
) -> Made:
    """Send what was made, where that is wanted, and return it as it is called then.

    `wanted` is None for what modelstore.toml says. What is not sent is only said.
    """
    if wanted is None:
        wanted = Snapshot.now(repository).policy.push
    there = repository.remote_names
    name = remotes.push_default(repository) or ("origin" if "origin" in there else None)
    name = name or (there[0] if len(there) == 1 else None)
    if not wanted or not there:
        if there and made:
            to = "" if name else f" {there[0]}"
            writer().notify(f"not on {name or 'a remote'} yet: gms push{to}")
        return made
    try:
        shared = push(repository, writer)
    except StoreError:
        if not is_cached(repository):  # what was written there goes
            writer().notify(f"written here, but not on {name or 'a remote'} yet: gms push")
        raise
    if isinstance(made, tuple):
        return cast(Made, tuple(_as_shared(one, shared) for one in made))
    return made if made is None else _as_shared(made, shared)


def push_repaired(
    repository: Repository, writer: Callable[[], Writer], diagnosis: Diagnosis
) -> Diagnosis:
    """Send what a doctor has set right, whatever else is wrong; say what was sent."""
    shared = push(repository, writer)
    sent = [*shared.tags, *([counted(shared.sent, "commit")] if shared.sent else [])]
    if not sent:
        return replace(diagnosis, notes=(*diagnosis.notes, f"{shared.remote} has all of it"))
    what = f"sent to {shared.remote}: {', '.join(sent)}"
    return replace(diagnosis, repaired=(*diagnosis.repaired, what))


def _as_shared(one: One, shared: Shared) -> One:
    """Return a version or an event with the number and the commit that it has now."""
    name = shared.renumbered.get(f"{one.model} {one.version}")
    version = Version.parse(name.partition(" ")[2]) if name else one.version
    return replace(one, version=version, commit=shared.rewritten.get(one.commit, one.commit))


# What is written on a branch of its own, for a host whose main branch nobody may push to.


def propose(
    repository: Repository,
    writer: Callable[[], Writer],
    make: Callable[[Repository], Made],
    branch: str | None,
) -> Made:
    """Have `make` write upon what the remote has, and push that to a branch there, without tags.

    Nothing else of the store changes. A branch that is there already, and not merged, is gone on
    with where the caller named it; None names it by what is proposed.
    """
    remote, notify = find_remote(repository), writer().notify
    if branch == remote.branch:
        raise InvalidInput(
            f"'{branch}' is the branch of the store",
            hint="name another to propose something for it",
        )
    if branch is not None:
        remotes.check_branch(repository, branch)
    _fetch(remote, tags=False)
    seen, there = cast(str, remote.seen), remote.listing()
    own = len(_new_commits(repository, seen, Snapshot.now(repository).commit.oid))
    if own:
        notify(f"it leaves out {counted(own, 'commit')} of yours that {remote.name} does not have")
    base = _gone_on_with(remote, branch, there) or seen
    with remotes.kept(repository, base) as ref:
        made = make(repository.beside(ref))
        commit = repository.commit(repository.head(ref) or base)
        if commit.oid == base:
            notify(f"{remote.name} has it already, so nothing was proposed")
            return made
        proposal = _proposal(remote, branch or _free_name(remote, commit, there), base, commit)
    if isinstance(made, tuple):
        return cast(Made, tuple(replace(one, proposal=proposal) for one in made))
    return made if made is None else replace(made, proposal=proposal)


def _gone_on_with(remote: Remote, branch: str | None, there: Mapping[str, str]) -> str | None:
    """Return where a branch stands that is there and not merged; None without such a one."""
    if branch is None or f"refs/heads/{branch}" not in there:
        return None
    repository, tip = (
        remote.repository,
        replace(remote, branch=branch).fetch(tags=False, forced=True),
    )
    if tip is None or repository.is_ancestor(tip, remote.seen or tip):
        return None
    if repository.entry(repository.commit(tip).tree, REGISTRY) is None:
        what = f"branch '{branch}' of {remote.name} holds no model store"
        raise InvalidInput(what, hint="name another")
    return tip


def _free_name(remote: Remote, commit: Commit, there: Mapping[str, str]) -> str:
    """Return the name of a branch for what a commit proposes."""
    words = "-".join(re.findall(r"[\w.+-]+", rebase.title_of(commit)))
    name = remotes.check_branch(remote.repository, f"propose/{words[:_LONGEST_NAME].rstrip('.-')}")
    tip = there.get(f"refs/heads/{name}")
    if tip is None or _is_merged(remote, tip):
        return name
    raise AlreadyExists(
        f"this is proposed already: branch '{name}' of {remote.name}",
        hint=f"add this to it with --propose {name}, name another branch, or remove that one: "
        f"git push {remote.name} --delete {name}",
    )


def _is_merged(remote: Remote, tip: str) -> bool:
    repository, seen = remote.repository, remote.seen
    is_here = seen is not None and repository.find_commit(tip) is not None
    return is_here and repository.is_ancestor(tip, seen or tip)


def _proposal(remote: Remote, branch: str, base: str, commit: Commit) -> Proposal:
    """Push a commit to a branch for it."""
    _send_large(remote, base, commit.oid)
    messages: list[str] = []
    target = replace(remote, branch=branch)
    hint = "nothing has changed; do what it asks for, or name another branch: --propose BRANCH"
    if not target.push(commit.oid, (), hint=hint, messages=messages):
        raise StoreBusy(
            f"somebody else has just pushed to '{branch}' of {remote.name}",
            hint="nothing has changed; try again",
        )
    page = remote.request_page(branch, messages)
    return Proposal(
        rebase.title_of(commit), remote.name, remote.url, branch, remote.branch, commit.oid,
        without_credentials(page) if page else None, tuple(messages),
    )  # fmt: skip


def _shared(
    remote: Remote,
    commit: str | None,
    received: int,
    done: _Rewritten,
    *,
    sent: int = 0,
    tags: Sequence[str] = (),
    tries: int = 0,
) -> Shared:
    repository, tip = remote.repository, Snapshot.now(remote.repository).commit.oid
    ahead = len(_new_commits(repository, commit, tip))
    url = (remote.push_url if tries else "") or remote.url
    return Shared(
        remote.name, url, remote.branch, commit, sent, tuple(tags), received, ahead,
        done.renumbered, done.commits, tries,
    )  # fmt: skip


def remotes_of(repository: Repository) -> dict[str, str]:
    """Return the URL of each remote by its name, without credentials."""
    urls = remotes.names(remotes.settings_of(repository))
    return {name: without_credentials(url) for name, url in urls.items()}


def add_remote(repository: Repository, name: str, url: str) -> None:
    """Add a remote; one that is there already with this URL is left as it is."""
    urls = remotes.names(remotes.settings_of(repository))
    present = urls.get(remotes.check_name(name))
    if present is not None and present != url:
        raise AlreadyExists(
            f"remote '{name}' already exists: {without_credentials(present)}",
            hint=f"to change it: git remote set-url {name} URL",
        )
    if present is None:
        remotes.add(repository, name, url)


def find_remote(
    repository: Repository, name: str | None = None, *, pushing: bool = False
) -> Remote:
    """Return the remote that is meant: by name, by URL, the branch's own, or the only one.

    With `pushing` it is the one that git pushes to, and a URL becomes the first remote of a store
    that has none.
    """
    settings = remotes.settings_of(repository)
    urls = remotes.names(settings)
    if pushing and name is not None and not urls and _is_place(name):
        return _first_remote(repository, name)
    is_typed, verb = name is not None, "push" if pushing else "pull"
    way = "push to" if pushing else "pull from"
    if name is None:
        name = likely_remote(repository, settings, pushing=pushing) or _refuse_to_guess(urls, verb)
    if name not in urls:
        places = (name, os.path.abspath(name))
        named = next((one for one, url in urls.items() if url in places), None)
        if named is None and not is_typed and urls:
            raise InvalidInput(
                f"git is configured to {way} '{without_credentials(name)}', a remote that the "
                "store does not have",
                hint=f"it has {', '.join(urls)}; see the settings: "
                f"git config --get-regexp '^branch.{repository.branch_name}|pushdefault'",
            )
        name = named or refuse_unknown(name, urls)
    if pushing and os.path.isfile(urls[name]):
        raise InvalidInput(
            f"{name} is a bundle, and nothing can be pushed to it: '{urls[name]}'",
            hint=f"name a repository in its place: git remote set-url {name} URL",
        )
    return named_remote(repository, name, settings)


def _first_remote(repository: Repository, url: str) -> Remote:
    """Add a remote, if there is one: what was typed wrong can be typed again."""
    remotes.add(repository, "origin", url)
    remote = named_remote(repository, "origin")
    try:
        remote.listing()
    except RemoteUnreachable as error:
        remotes.remove(repository, "origin")
        if "does not appear to be a git repository" not in error.stderr:
            raise
        hint = "check the address; `git init --bare PATH` makes an empty repository there"
        raise RemoteUnreachable(str(error), stderr=error.stderr, hint=hint) from None
    except BaseException:
        remotes.remove(repository, "origin")
        raise
    return remote


def _refuse_to_guess(urls: Iterable[str], verb: str) -> NoReturn:
    names = list(urls)
    if names:
        what = f"the store has several remotes: {', '.join(names)}"
        raise InvalidInput(what, hint=f"name one, as in `gms {verb} {names[0]}`")
    what = "add one: gms push URL, or gms remote add origin URL"
    raise InvalidInput("the store has no remote", hint=what)


def refuse_unknown(name: str, urls: Mapping[str, str]) -> NoReturn:
    """Refuse the name, or the URL, of a remote that the store does not have."""
    public = without_credentials(name)
    others = ", ".join(f"'{one}' ({without_credentials(url)})" for one, url in urls.items())
    hint = did_you_mean(name, urls)
    if hint is None and _is_place(name):
        hint = f"add it: gms remote add NAME {shlex.quote(public)}"
    elif hint is None:
        hint = f"add it: gms remote add {name} URL"
    there = f"; it has {others}" if urls else ""
    raise InvalidInput(f"the store has no remote '{public}'{there}", hint=hint)


def _is_place(text: str) -> bool:
    return "/" in text or ":" in text or os.path.exists(text)


def _fetch(
    remote: Remote, *, tags: bool = True, forced: bool = False, may_be_new: bool = False
) -> int:
    """Fetch, and return how many commits came.

    Raises:
        InvalidInput: the remote has no such branch, and `may_be_new` is false.
    """
    before = remote.seen
    after = remote.fetch(tags=tags, forced=forced)
    if after is None and not may_be_new:
        what = f"{remote.name} has no branch '{remote.branch}' yet"
        raise InvalidInput(what, hint="push the store to it: gms push")
    return len(_new_commits(remote.repository, before, after)) if after not in (None, before) else 0


def _batches(repository: Repository, seen: str | None, tip: str) -> Iterator[Batch]:
    """Yield commits to push one after another, each with the tags of versions up to it.

    No version comes without its tag.
    """
    if seen == tip:
        return
    line: list[Commit] = []
    stop = set(repository.between(seen, tip)) if seen else None
    for commit in repository.first_parents(tip):
        if stop is not None and commit.oid not in stop:
            break
        line.append(commit)
    tags: list[str] = []
    for commit in reversed(line):
        own = list(rebase.introduced(repository, commit))
        for name in own:
            if repository.tag(name) is None:
                raise IntegrityError(
                    f"tag {name} is missing",
                    path=f"refs/tags/{name}",
                    hint="run `gms doctor --fix`",
                )
        if tags and len(tags) + len(own) > MOST_TAGS:
            yield commit.parents[0], tuple(tags)
            tags = []
        tags += own
    yield tip, tuple(tags)


def _missing_tags(repository: Repository, there: dict[str, str]) -> list[str]:
    registry = Snapshot.now(repository).registry
    names = (
        tag_name(m, version) for m, versions in registry.models.items() for version in versions
    )
    return [name for name in names if not there.get(f"refs/tags/{name}") and repository.tag(name)]


def _bare_start(repository: Repository, seen: str | None) -> str | None:
    """Return what was last seen of a remote if `init --bare` made it and nothing came since."""
    if seen is None:
        return None
    commit, tip = repository.commit(seen), Snapshot.now(repository)
    files = repository.entries(commit.tree).keys()
    is_start = not commit.parents and REGISTRY in files and files <= BEGUN.keys()
    is_start = is_start and not registry_of(repository, commit).models
    return seen if is_start and not tip.history.holds(seen) else None


def _send(remote: Remote, batches: Sequence[Batch], instead_of: str | None, why: list[str]) -> bool:
    """Push one batch after another; the first of them in place of a commit, if one is given.

    False if somebody was first; `why` takes how the remote says that.
    """
    for number, (commit, tags) in enumerate(batches):
        if not _push(remote, commit, tags, None if number else instead_of, why):
            return False
    return True


def _push(
    remote: Remote, commit: str, tags: Sequence[str], instead_of: str | None, why: list[str]
) -> bool:
    """Push one batch, again while a lock is in the way: a git there holds one for milliseconds."""
    for _ in range(_MOST_LOCKED):
        with suppress(StoreBusy):
            return remote.push(commit, tags, instead_of=instead_of, messages=why)
        time.sleep(random.uniform(0, _LONGEST_LOCKED_SECONDS))  # noqa: S311
    return remote.push(commit, tags, instead_of=instead_of, messages=why)


def _send_large(remote: Remote, seen: str | None, tip: str) -> None:
    """Have here what commits to be sent name, and their large files there, before they go."""
    repository = remote.repository
    remote.bring_for(seen, tip)
    pointers: dict[str, Pointer] = {}
    for oid in _new_commits(repository, seen, tip):
        commit = repository.commit(oid)
        for name in rebase.introduced(repository, commit):
            place = folder(name.partition("@")[0])
            entry = large_pipeline(repository.entries(commit.tree, place))
            pointer = read_pointer(repository.content(entry.oid, place)) if entry else None
            if pointer is not None:
                pointers[name.replace("@v", " ")] = pointer
    if pointers:
        remote.push_large(pointers)
