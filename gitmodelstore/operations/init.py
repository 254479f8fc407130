"""Make a model store, or a copy of one that is shared."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from gitmodelstore.errors import (
    AlreadyExists,
    CannotWork,
    CannotWrite,
    InvalidInput,
    NotAStore,
    RemoteRefused,
    RemoteUnreachable,
    StaleWarning,
    StoreBusy,
    StoreError,
    warn_user,
)
from gitmodelstore.lean import dataclass
from gitmodelstore.lineage import without_credentials
from gitmodelstore.operations.history import Notify
from gitmodelstore.operations.snapshot import (
    FETCHED,
    Snapshot,
    Writer,
    advance,
    is_cached,
    is_store,
    named_remote,
    signing,
)
from gitmodelstore.plumbing import files as disk
from gitmodelstore.plumbing import git_dir, refs, remotes, worktree, writer_lock
from gitmodelstore.plumbing.files import check_absent
from gitmodelstore.plumbing.remotes import Remote
from gitmodelstore.plumbing.repository import Repository, exclude, writing
from gitmodelstore.values.names import ATTRIBUTES, MODELS, REGISTRY, SETTINGS
from gitmodelstore.values.objects import FOLDER, PLAIN_FILE, Entry
from gitmodelstore.values.registry import BEGUN

# What a git host needs to be the gate: the check as its pipeline, owners, rules to set.


_STEPS = """\
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install gitmodelstore
"""

_ACTIONS = """\
# Written by `gms init --host {host}`: the gate of this model store.
name: model store
on:
  pull_request:
  push:
    branches: [{branch}]
jobs:
  validate:
    # Make this a required check: it validates the proposed commits and their merge.
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
{steps}      - run: gms validate --range "$BASE..HEAD"
        env:
          BASE: ${{{{ github.event.pull_request.base.sha }}}}
  tags:
    # Tags the versions that a pull request brought, and validates the whole store.
    if: github.event_name == 'push'
    runs-on: ubuntu-latest
    concurrency: model-store-tags
    permissions:
      contents: write
    env:
      GIT_AUTHOR_NAME: model store
      GIT_AUTHOR_EMAIL: model-store@localhost
      GIT_COMMITTER_NAME: model store
      GIT_COMMITTER_EMAIL: model-store@localhost
    steps:
{steps}      - run: gms doctor --fix --push
      - run: gms validate
"""

_GITLAB = """\
# Written by `gms init --host gitlab`: the gate of this model store.
validate:
  image: python:3.12
  variables:
    GIT_DEPTH: "0"
    GIT_AUTHOR_NAME: model store
    GIT_AUTHOR_EMAIL: model-store@localhost
    GIT_COMMITTER_NAME: model store
    GIT_COMMITTER_EMAIL: model-store@localhost
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  script:
    - pip install gitmodelstore
    - |
      if [ -n "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME" ]; then
        git fetch origin "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
        gms validate --range FETCH_HEAD..HEAD
      else
        # Tags the versions that were merged, and validates the whole store.
        git switch --force-create "$CI_COMMIT_BRANCH"
        gms doctor --fix --push
        gms validate
      fi
"""

_OWNERS = """\
# Who must approve changes of what is in production.
/registry.json {owner}
/modelstore.toml {owner}
/{pipeline} {owner}
"""

_GITHUB_RULES = (
    "a branch rule for '{branch}': require a pull request, approval from code owners, and the "
    "check 'validate'; block force pushes and deletions",
    "a tag rule for '*@v*': restrict updates and deletions",
    "require branches to be up to date before merging, so that what is merged is what was checked",
    "allow merge commits or rebases; squashing is fine for one version at a time, if its default "
    "message has the commit details",
)
_GITLAB_RULES = (
    "protect the branch '{branch}': no one may push, maintainers may merge, code owners approve",
    "protect the tags '*@v*': only maintainers may create them, and no one may delete them",
    "merge requests: require pipelines to succeed, and use merged results pipelines or "
    "fast-forward merges",
    "set the squash commit template to %{{title}}, an empty line, and %{{all_commits}}",
    "job token permissions: allow Git push requests to the repository, so that CI can set tags",
)
_GITEA_RULES = (
    "protect the branch '{branch}': disable pushes, require the check 'validate' and an approval",
    "protect the tags '*@v*': let only Actions, and those who merge, create them",
)
_SSH_RULES = (
    "on the server: git init --bare -b {branch} /srv/models.git",
    "on the server, to check every push: gms -C /srv/models.git hook install",
    "on the server, to forbid overrides: git -C /srv/models.git config modelstore.overrides false",
    "here: git remote add origin SERVER:/srv/models.git",
    "here: git push -u origin {branch}",
)
# By kind of host: the path of its CI file, the text of that, and what to set on the host.
_HOSTS = {
    "github": (".github/workflows/modelstore.yml", _ACTIONS, _GITHUB_RULES),
    "gitea": (".gitea/workflows/modelstore.yml", _ACTIONS, _GITEA_RULES),
    "gitlab": (".gitlab-ci.yml", _GITLAB, _GITLAB_RULES),
    "ssh": ("", "", _SSH_RULES),
}


# Init


BRANCH = "main"
_MESSAGE = "Start a model store\n"
# What git is told in a store, unless its user has told it otherwise. First how it merges
# registry.json, and how it shows a pipeline. Where gms is not on the path it merges lines, as it
# always does, and shows the digest; a command that failed would end the whole diff.
# What git was told once is not cached (cachetextconv): reading would write refs into the store.
CONFIGURED = {
    "merge.gitmodelstore.name": "registry.json by meaning",
    "merge.gitmodelstore.driver": "command -v gms >/dev/null 2>&1 || "
    "exec git merge-file %A %O %B; exec gms merge-driver %O %A %B",
    "diff.gitmodelstore.textconv": "command -v gms >/dev/null 2>&1 || "
    'exec git hash-object --no-filters "$1"; exec gms textconv',
    "diff.gitmodelstore.xfuncname": "^ *[^ :=]+: [A-Z][A-Za-z0-9_]+",
    # A plain `git push` brings the tags of its versions, and a plain `git pull` keeps each event
    # in a commit of its own.
    "push.followTags": "true",
    "pull.rebase": "true",
    "receive.fsckObjects": "true",
    # Clones fetch pipelines when they are loaded.
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
}
_WITH_WORK_TREE, _BARE = ("push.", "pull."), ("receive.", "uploadpack.")
# What `git init --bare` and an `init` that was interrupted leave.
_OURS = {
    ".git", ATTRIBUTES, REGISTRY, SETTINGS,
    "HEAD", "config", "description", "hooks", "info", "objects", "refs", "gitmodelstore",
    "branches", "gitmodelstore-spares",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Initialized:
    repository: Repository
    created: bool  # False if it was a store already
    notes: tuple[str, ...] = ()  # what else was done, one sentence each
    rules: tuple[str, ...] = ()  # what to set on the git host, one sentence each


def init(
    path: Path,
    bare: bool,
    identify: Callable[[Path], Writer],
    place_inside: bool = False,
    host: str | None = None,
    owner: str | None = None,
) -> Initialized:
    """Make a store at `path`, or return the one that is there, as `Store.init` says."""
    # `identify` returns who makes it, and is called only when something is written.
    path = path.absolute()
    code = _code_repository(path)
    if place_inside and code is not None and not _is_store(path):
        setting = disk.store_of_project(path)
        path = setting[0] if setting else disk.store_inside(code) or code / MODELS
        code = _code_repository(path)
    if _is_store(path):
        repository = Repository.open(path)
        return Initialized(repository, False, *_equip(repository, identify, host, owner))
    _refuse_occupied(path)
    if code == path.resolve():  # an empty repository, about to become the store itself
        code = _code_repository(path.parent)
    writer = identify(_nearest_folder(path))
    repository = Repository.init(path, bare=bare, branch=BRANCH)
    set_up(repository)
    files, rules = _host(repository, writer, host, owner)
    _first_commit(repository, writer, files)
    notes = [] if code is None or bare else _introduce(code, path)
    _install_hooks(repository, notes.append)
    return Initialized(repository, True, tuple(notes), rules)


def _install_hooks(repository: Repository, notify: Notify) -> None:
    try:
        git_dir.install(repository)
    except InvalidInput as error:
        notify(f"its hooks were not installed: {error}")


def unconfigured(repository: Repository) -> list[str]:
    """Return the names of the settings that git lacks in a store of this kind."""
    others = _BARE if repository.work_tree else _WITH_WORK_TREE
    names = [name for name in CONFIGURED if not name.startswith(others)]
    return [name for name in names if repository.setting(name) is None]


def set_up(repository: Repository) -> None:
    """Tell git what it must know of a store; one about to be pushed is cloned by its HEAD."""
    repository.configure({name: CONFIGURED[name] for name in unconfigured(repository)})
    if repository.work_tree is None and repository.is_empty:
        worktree.point_head(repository)


def _host(
    repository: Repository, writer: Writer, name: str | None, owner: str | None
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files that a kind of git host needs, and what to set there."""
    if name is None:
        return {}, ()
    if name not in _HOSTS:
        hint = f"one of {', '.join(_HOSTS)}"
        raise InvalidInput(f"'{name}' is not a kind of git host", hint=hint)
    branch, files = repository.branch_name, {}
    path, pipeline, rules = _HOSTS[name]
    if path:
        files[path] = pipeline.format(host=name, branch=branch, steps=_STEPS)
        owner = owner or writer.author.email
        files["CODEOWNERS"] = _OWNERS.format(owner=owner, pipeline=path)
    return (
        {path: text.encode() for path, text in files.items()},
        tuple(rule.format(branch=branch) for rule in rules),
    )


def _equip(
    repository: Repository, identify: Callable[[Path], Writer], name: str | None, owner: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Write what a git host needs into the work tree of a store; return notes and rules."""
    if name is None:
        return (), ()
    if repository.work_tree is None:
        raise InvalidInput(
            "a bare store cannot hold the files for a git host",
            hint="clone it, and run `gms init --host` there",
        )
    files, rules = _host(repository, identify(repository.work_tree), name, owner)
    notes = []
    for path, content in files.items():
        file = repository.work_tree / path
        if file.exists():
            notes.append(f"{path} already exists and was left alone")
            continue
        with writing(repository.work_tree):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        notes.append(f"wrote {path}; commit it: git add {path}")
    return tuple(notes), rules


def _first_commit(repository: Repository, writer: Writer, further: Mapping[str, bytes]) -> None:
    with writer_lock.exclusive(
        repository.common_dir, wait_seconds=writer.wait_seconds, sharing=repository.sharing
    ) as lock:
        root = _write_files(repository, {**BEGUN, **further})
        commit = repository.write_commit(
            root,
            (),
            _MESSAGE,
            author=writer.author,
            committer=writer.committer,
            when=writer.when,
            sign=signing(writer, repository, None).sign_commit,
        )
        repository.secure([*repository.changed(None, root), commit])
        # As in `publish`: files first, so that a death in between leaves nothing to revert.
        for tree in worktree.on_branch(repository):
            worktree.populate(tree, commit)
        if writer.durable:
            with writing(repository.common_dir):
                disk.sync(repository.common_dir)
        advance(repository, writer, None, commit, _MESSAGE.strip())
    repository.settle(lock.until)
    repository.forget_written()


def _write_files(repository: Repository, files: Mapping[str, bytes]) -> str:
    """Store files by path and return the id of the tree that holds them."""
    entries: dict[str, Entry] = {}
    below: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = data
        else:
            entries[name] = Entry(PLAIN_FILE, repository.write_blob(data))
    for name, contents in below.items():
        entries[name] = Entry(FOLDER, _write_files(repository, contents))
    return repository.write_tree(None, entries)


def _is_store(path: Path) -> bool:
    try:
        return is_store(Repository.open(path))
    except CannotWork:
        return False


def _code_repository(path: Path) -> Path | None:
    """Return the top of the repository in whose work tree `path` lies; None without one."""
    try:
        repository = Repository.discover(_nearest_folder(path))
    except StoreError:
        return None
    return repository.work_tree.resolve() if repository.work_tree else None


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _refuse_occupied(path: Path) -> None:
    """Refuse what holds something else; an empty repository, as `git init` makes it, will do."""
    nearest, what = next(above for above in (path, *path.parents) if above.exists()), ""
    if not nearest.is_dir():
        what = f"'{nearest}' already exists and is a file"
    elif nearest == path:
        with writing(path):
            occupants = sorted(entry.name for entry in path.iterdir() if entry.name not in _OURS)
        if occupants:
            what = f"'{path}' already exists and is not empty: it holds '{occupants[0]}'"
    with suppress(NotAStore):
        if not Repository.open(path).is_empty:
            what = f"'{path}' is already a git repository, but not a model store"
    if what:
        names = (MODELS, "modelstore", *(f"modelstore{n}" for n in range(2, 10)))
        free = next((name for name in names if not os.path.lexists(name)), "FOLDER")
        raise AlreadyExists(what, hint=f"name a new folder for the store: `gms init {free}`")


def _introduce(code: Path, store: Path) -> list[str]:
    relative = store.resolve().relative_to(code).as_posix()
    notes = []
    if exclude(Repository.open(code), f"/{relative}/"):
        notes.append(f"the code repository ignores it: /{relative}/ is in .git/info/exclude")
    if _name_in_pyproject(code / "pyproject.toml", relative):
        notes.append(
            f"pyproject.toml names it: [tool.gitmodelstore] store = {json.dumps(relative)}"
        )
        return notes
    with suppress(NotAStore):
        setting = disk.store_of_project(code)
        if store.resolve() == (setting[0] if setting else disk.store_inside(code)):
            return notes
    notes.append(
        "nothing names this as the store of that repository yet: add "
        f"[tool.gitmodelstore] store = {json.dumps(relative)} to its pyproject.toml, "
        "or set $GITMODELSTORE"
    )
    return notes


def _name_in_pyproject(path: Path, relative: str) -> bool:
    """Add `[tool.gitmodelstore] store` to a pyproject.toml; leave one that has it, or is broken."""
    try:
        text = path.read_text(encoding="utf-8")
        tool = tomllib.loads(text).get("tool", {})
    except (FileNotFoundError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    if not isinstance(tool, dict) or "store" in tool.get("gitmodelstore", {}):
        return False
    line = f"store = {json.dumps(relative)}\n"
    header = re.search(r"^\[tool\.gitmodelstore\][ \t]*(?:#.*)?\n", text, re.MULTILINE)
    if header:
        text = text[: header.end()] + line + text[header.end() :]
    else:
        text = f"{text.rstrip()}\n\n[tool.gitmodelstore]\n{line}".lstrip()
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False  # the table is written in some other way; only its owner can add to it
    with writing(path):
        path.write_text(text, encoding="utf-8")
    return True


# A copy of a shared store, with the drivers and hooks that a clone of plain git lacks.


def clone(
    url: str,
    path: Path,
    notify: Notify,
    *,
    meter: Notify | None = None,
    full: bool = False,
    bare: bool = False,
) -> Repository:
    """Clone a store and return the copy; `notify` is told what else could not be done.

    Pipelines stay at the remote until they are loaded, unless it is `full`.
    """
    check_absent(path, "name a new folder: `gms clone URL PATH`")
    was_there, public = path.exists(), without_credentials(url)
    is_whole = False
    try:
        note = remotes.clone(url, path, public, meter=meter, partial=not full, bare=bare)
        is_whole = True
        repository = _cloned(public, path, meter)
        if repository.promisor and not Remote(repository, "origin").gives_files():
            shutil.rmtree(path)
            remotes.clone(url, path, public, meter=meter, partial=False, bare=bare)
            repository, note = _cloned(public, path, meter), remotes.GIVES_NONE
        tip = Snapshot.now(repository).commit.oid
        Remote(repository, "origin", branch=repository.branch_name).complete(None, tip)
        if repository.work_tree is not None:
            _check_out(repository, repository.branch_name)
    except BaseException as error:
        # What failed git has tidied up, but not where Ctrl-C ended it too, and it took too long.
        if is_whole or not isinstance(error, StoreError):
            shutil.rmtree(path, ignore_errors=True)
            if was_there:
                path.mkdir(exist_ok=True)
        raise
    if note:
        notify(note)
    if repository.work_tree is not None:
        set_up(repository)
        _install_hooks(repository, notify)
    if full:
        _fetch_large(repository, notify)
    return repository


def _cloned(url: str, path: Path, meter: Notify | None) -> Repository:
    """Return what git has cloned, if it is a store."""
    repository = _on_its_branch(Repository.open(path))
    repository.meter = meter
    if is_store(repository):
        return repository
    what = f"is not a model store: no {REGISTRY} on its branch"
    hint = "clone other repositories with `git clone`"
    if stores := _branches_with_a_store(repository):
        what = f"has no store on its default branch, but on several others: {', '.join(stores)}"
        hint = (
            f"choose one: git clone -b NAME {shlex.quote(url)}, and there "
            "git config store.branch NAME && gms doctor --fix"
        )
    if repository.is_empty:
        what = "is empty: no store has been pushed to it yet"
        hint = f"in the store that belongs there, run: gms push {shlex.quote(url)}"
    raise NotAStore(f"'{url}' {what}", hint=hint)


def _fetch_large(repository: Repository, notify: Notify) -> None:
    """Fetch the large pipelines of every version, which git itself leaves to git-lfs."""
    from gitmodelstore.operations.load import bring_all

    snapshot = Snapshot.now(repository)
    try:
        bring_all(snapshot, snapshot.registry.models)
    except StoreError as error:
        notify(f"large pipelines were not fetched: {error}")


def _on_its_branch(repository: Repository) -> Repository:
    """Return a clone that takes the branch on which it stands for the store's.

    Another one is checked out where the remote's HEAD names none, or one without a store: so it is
    after `git init --bare`, or on a host that has begun a branch, and a push of another.
    """
    place = repository.work_tree or repository.git_dir
    there = _branches_with_a_store(repository) or list(remotes.branches(repository))
    default = BRANCH if BRANCH in there else there[0] if len(there) == 1 else None
    branch = _head(repository)
    if branch is not None and default is not None and not _has_registry(repository, branch):
        if repository.work_tree is None:
            repository.configure({"store.branch": default})
            repository = Repository.open(place)
            worktree.point_head(repository)
            return repository
        _check_out(repository, default)
        repository = Repository.open(place)
        branch = _head(repository)
    if branch in (repository.branch, None):
        return repository
    repository.configure({"store.branch": branch.removeprefix("refs/heads/")})
    return Repository.open(place)


def _branches_with_a_store(repository: Repository) -> list[str]:
    """Return the branches of a fresh clone's remote that hold a store."""
    there = remotes.branches(repository)
    return sorted(name for name, ref in there.items() if _has_registry(repository, ref))


def _check_out(repository: Repository, branch: str) -> None:
    place = repository.work_tree or repository.git_dir
    if repository.promisor is not None:
        remotes.leave_out_pipelines(place)
    remotes.check_out(place, branch)


def _has_registry(repository: Repository, branch: str) -> bool:
    oid = repository.ref(branch)
    return oid is not None and REGISTRY in repository.entries(repository.commit(oid).tree)


def _head(repository: Repository) -> str | None:
    """Return the full name of the branch that HEAD names; None if it names a commit."""
    text = (repository.git_dir / "HEAD").read_text().strip()
    return text.removeprefix("ref: ") if text.startswith("ref: refs/heads/") else None


# A store that is named by its address: a clone of it in the user's cache.


_SECONDS = 60.0  # between two fetches, unless git's setting store.fetchSeconds says otherwise
_LEFT_SECONDS = 86_400  # after which a folder of a process that was killed goes
_WAIT_SECONDS = 30
_PASSING = shutil.ignore_patterns("tmp_*", "*.lock", "*.keep")  # what a fetch has while it runs


def cached(url: str, notify: Notify, meter: Notify | None = None) -> Path:
    """Return the clone of a store in the user's cache, brought up to date.

    One that is not there, is damaged, or is of something else, is made anew.

    Raises:
        CannotWork: only a cache folder that others may write to is there.
        GitFailed: it cannot be cloned.
        NotAStore: the repository is not a model store.
    """
    public = without_credentials(remotes.check_url(url))
    remotes.keep_login(url, public)
    place = place_in_cache(public)
    doubt = disk.written_by_others(place) if disk.cache_folder() else "you have no home folder"
    if doubt:
        what = f"no folder is safe to cache a clone of '{public}' in: {doubt}"
        raise CannotWork(what, hint="clone it with `gms clone URL`, and name that folder")
    if not _is_clone(place, public):
        _make_cached(public, place, notify, meter)
    repository = Repository.open(place)
    if not refresh(repository):
        _warn_if_stale(repository)
    return place


def place_in_cache(url: str) -> Path:
    """Return where the clone of a store lies in the user's cache, if there is one."""
    public = without_credentials(url)
    name = re.sub(r"\W+", "-", re.split("[/:]", public.removesuffix(".git"))[-1]) or "store"
    digest = hashlib.sha256(public.encode()).hexdigest()[:16]
    return (disk.cache_folder() or Path()) / "stores" / f"{name}-{digest}"


def _is_clone(place: Path, url: str) -> bool:
    try:
        repository = Repository.open(place)
        Snapshot.now(repository)
    except StoreError:
        return False
    return is_cached(repository) and repository.kept_setting("remote.origin.url") == url


def _make_cached(url: str, place: Path, notify: Notify, meter: Notify | None) -> None:
    """Clone beside the place, and rename: of several processes one is first."""
    with _folder_beside(place) as folder:
        made = clone(url, folder / "store", notify, meter=meter, bare=True)
        made.configure({"remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*"})
        refs.put(made, f"refs/remotes/origin/{made.branch_name}", made.head(made.branch) or "")
        _note(made, time.time())
        if not _is_clone(place, url):
            with suppress(OSError):
                place.rename(folder / "damaged")
            with suppress(OSError):
                made.git_dir.rename(place)


@contextmanager
def _folder_beside(place: Path) -> Iterator[Path]:
    with writing(place.parent):
        disk.make_private(place.parent)
        for old in place.parent.glob(".*"):
            with suppress(FileNotFoundError):  # another process has removed it
                if time.time() - old.stat().st_mtime > _LEFT_SECONDS:
                    shutil.rmtree(old, ignore_errors=True)
        folder = tempfile.TemporaryDirectory(
            prefix=f".{place.name}-", dir=place.parent, ignore_cleanup_errors=True
        )
    with folder as path:
        yield Path(path)


def refresh(repository: Repository, *, now: bool = False) -> bool:
    """Bring a clone in the cache up to its remote, if that was not tried lately or must be `now`.

    Return whether it was tried. Where it failed, what is here stands, and a warning says of when
    it is.
    """
    tried_at = (repository.common_dir / FETCHED).stat().st_mtime
    is_recent = 0 <= time.time() - tried_at < _seconds(repository)
    # `gms fetch --force` moves it, too
    seen = repository.ref(f"refs/remotes/origin/{repository.branch_name}")
    if is_recent and not now and seen == repository.head(repository.branch):
        return False
    try:
        _fetch(repository, wait_seconds=_WAIT_SECONDS if now else 0)
    except StoreBusy:  # somebody else is at it
        return False
    except (RemoteUnreachable, RemoteRefused):
        _warn_if_stale(repository)
    except CannotWrite as error:  # what is here can be read all the same
        _warn_stale(_noted(repository)[0], str(error))
    return True


def _seconds(repository: Repository) -> float:
    text = repository.setting("store.fetchSeconds") or _SECONDS
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(
            f"git's setting store.fetchSeconds is not a number of seconds: '{text}'",
            hint="git config --global store.fetchSeconds 60",
        ) from None


def _fetch(repository: Repository, *, wait_seconds: float) -> None:
    folder = repository.common_dir
    with writer_lock.exclusive(folder, wait_seconds=wait_seconds):
        fetched_at, _ = _noted(repository)
        remote = named_remote(repository, "origin")
        try:
            seen = remote.fetch()
            if seen is None:
                what = f"{remote.name} has no branch '{remote.branch}' any more"
                raise RemoteRefused(what, hint=f"see which: git ls-remote {remote.url}")
        except (RemoteUnreachable, RemoteRefused) as error:
            way_out = f"; {error.hint}" if isinstance(error, RemoteRefused) and error.hint else ""
            _note(repository, fetched_at, f"{error}{way_out}")
            raise
        if seen != repository.head(repository.branch):
            refs.put(repository, repository.branch, seen)
        _note(repository, time.time())


def _note(repository: Repository, fetched_at: float, why: str = "") -> None:
    """Note that a fetch was tried now, when one last succeeded, and why this one did not."""
    with writing(repository.common_dir):
        disk.put(repository.common_dir / FETCHED, [f"{fetched_at}\n{why}".encode()])


def _noted(repository: Repository) -> tuple[float, str]:
    fetched_at, _, why = (repository.common_dir / FETCHED).read_text().partition("\n")
    return float(fetched_at), why


def _warn_if_stale(repository: Repository) -> None:
    fetched_at, why = _noted(repository)
    if why:
        _warn_stale(fetched_at, why)


def _warn_stale(fetched_at: float, why: str) -> None:
    when = datetime.fromtimestamp(fetched_at, timezone.utc)
    warn_user(StaleWarning(f"{why}; this is the store as of {when:%Y-%m-%d %H:%M} UTC"))


@contextmanager
def copy_to_write(repository: Repository) -> Iterator[Repository]:
    """Yield a copy of a clone in the cache, which shares its objects, to write in and push from.

    What is not pushed goes with it, and nobody else has seen it.
    """
    _fetch(repository, wait_seconds=_WAIT_SECONDS)
    place = repository.common_dir
    folders = place / "objects", place / "lfs" / "objects"

    def take(source: str, target: str) -> None:  # objects never change, all else does
        is_object = any(map(Path(source).is_relative_to, folders))
        (os.link if is_object else shutil.copy2)(source, target)

    with _folder_beside(place) as folder:
        with writer_lock.exclusive(place, wait_seconds=_WAIT_SECONDS):
            shutil.copytree(place, folder / "store", copy_function=take, ignore=_PASSING)
        yield Repository.open(folder / "store")
    refresh(repository, now=True)
