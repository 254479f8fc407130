"""Other repositories, reached by GitPython through the system's git; nothing else does.

Whatever comes from outside stands behind `--`, and is looked at before: git takes a url
that begins with a dash for an option, and one with `::` for a program to start.
GitPython's exceptions leave as ours.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from gitmodelstore.errors import (
    CannotWrite,
    GitFailed,
    InvalidInput,
    MissingObject,
    RemoteRefused,
    RemoteUnreachable,
    StoreBusy,
    StoreError,
)
from gitmodelstore.lean import cached_property, dataclass, field, pattern
from gitmodelstore.plumbing import git, processes
from gitmodelstore.plumbing.cat_file import CHANGES, METADATA
from gitmodelstore.values.names import MODELS, PIPELINE
from gitmodelstore.values.objects import Pointer

if TYPE_CHECKING:
    from git import PushInfo, RemoteProgress, Repo

    from gitmodelstore.plumbing.repository import Repository

Meter = Callable[[str], None]  # takes each line of git's own meter
Settings = Sequence[tuple[bool, str, str | None]]  # of git, as `git.scoped` has them
_PRIVATE = "refs/gitmodelstore"  # refs of ours, which no clone fetches
_NO_COMMIT = "0" * 40
_LONGEST_SECONDS = 86_400  # that a ref is kept which only one call needs
# What git says of a ref that somebody else moved, or set, first, and of those that failed with it.
# Source: builtin/push.c, builtin/send-pack.c, builtin/receive-pack.c, refs/.
_WAS_FIRST = (
    "fetch first", "non-fast-forward", "stale info", "already exists", "needs force",
    "cannot lock ref", "failed to update ref", "incorrect old value", "failed to lock",
    "reference already exists",
)  # fmt: skip
_ONLY_ADDED = ("failed to push some refs", "remote unpack failed: unpack-objects abnormal exit")
# How git says that it cannot write here what came.
_NOT_WRITTEN = (
    "no space left on device",
    "disk quota exceeded",
    "insufficient permission for adding",
)
_LOCK = pattern(r"Unable to create '(.+)\.lock': File exists")  # source: lockfile.c
_TOGETHER = ("atomic push fail", "atomic transaction failed", "transaction")


# What a repository's own configuration may not make of a transfer: half of it, or more.
_LFS_SETTINGS = (
    "-c", "lfs.allowIncompletePush=false",
    "-c", "lfs.skipDownloadErrors=false",
    "-c", "lfs.fetchRecentAlways=false",
)  # fmt: skip
# How git-lfs says that a server lacks a file, or that there is none: a plain ssh server lacks
# git-lfs-authenticate. Then what stands beside a cause, and around it.
_NOT_THERE = (
    "does not exist on the server", "remote missing object", "Repository or object not found",
    "404 Not Found", "git-lfs-authenticate",
)  # fmt: skip
_NO_LFS = "it has no Git LFS server for this repository"
_ADDED = ("error: failed to ", "fetch: ", "warning: ")
_OF_REQUEST = pattern(r'(?:.*"\w+://[^"]*": )?(?:(?:batch re\w+|LFS|Fatal error): )*')
_OF_SYSTEM = pattern(r"(?:dial|read|write) tcp \S+: (?:\w+: )?")
_CLOSED = ("EOF", "broken pipe", "connection reset by peer", "use of closed network connection")
_OTHER_BYTES = pattern(r"expected OID (\w{12})\w*, got \w+.*")
_READ = "a registry or manifest"
# Where hosts take a request to merge a branch, as they say it of a push; how their urls look.
_OF_REQUESTS = ("/pull/", "/pulls/", "/merge_requests/", "/compare/", "/pull-requests/")
_OF_PROTECTED = ("protected branch", "through a pull request")
_PAGE = pattern(r"https?://[!-~]+")
_GITHUB = "https://github.com/{path}/pull/new/{branch}"
_GITLAB = (
    "https://gitlab.com/{path}/-/merge_requests/new?merge_request%5Bsource_branch%5D={value}"
    "&merge_request%5Btarget_branch%5D={into}"
)
_HOSTS = {
    "github.com": _GITHUB,
    "ssh.github.com": _GITHUB,
    "gitlab.com": _GITLAB,
    "altssh.gitlab.com": _GITLAB,
    "codeberg.org": "https://codeberg.org/{path}/compare/{into}...{branch}",
    "gitea.com": "https://gitea.com/{path}/compare/{into}...{branch}",
}
_PLACE = pattern(
    r"(?:(?:https?|ssh|git)://(?:[^@/]*@)?(?P<host>[\w.-]+)(?::\d+)?/|"
    r"(?:[^@/:]*@)?(?P<short>[\w.-]+):)/?(?P<path>[\w.-]+(?:/[\w.-]+?)+)(?:\.git)?/?"
)


_METER = pattern(r"(?:remote: )?[A-Z][A-Za-z ]+: +\d")  # source: progress.c of git
_COMPLAINT = pattern(r"(?:ssh|fatal|error|ERROR): (.+)$", re.MULTILINE)
_OF_SSH = "Could not read from remote repository"  # git: ssh has said why, in lines of any form
_CHANGED = pattern(r"^Host key for (.+) has changed", re.MULTILINE)
_ADVICE = ("Please make sure you have the correct access rights", "and the repository exists.")
# What ssh says of keys, and git of what is not a whole repository, and what it means. Source:
# sshconnect.c and sshconnect2.c of OpenSSH; builtin/clone.c and bundle.c of git.
_OF_SHALLOW = (
    "it is a shallow clone, which lacks part of the history",
    "name what it was cloned from, or fetch the rest there: git fetch --unshallow --tags",
)
# A partial clone asks a shallow one for the border of its history, by a fetch that asks for it by a
# fetch, without end. With this setting of its environment each ends at once; so git complains.
_NO_FETCHES = ("fetch.parallel", "fetch.parallel cannot be negative")
_NEW_BORDER = "shallow roots are not allowed to be updated"  # git: builtin/fetch.c
_REASONS = {
    "source repository is shallow": _OF_SHALLOW,
    _NO_FETCHES[1]: _OF_SHALLOW,
    _NEW_BORDER: _OF_SHALLOW,
    "from promisor remote": (
        "it is a partial clone, which lacks what was asked for",
        "name what it was cloned from, or fetch the rest there: git fetch --refetch --no-filter",
    ),
    "lacks these prerequisite commits": (
        "it is a bundle with only part of the history",
        "make a complete one: git bundle create FILE --all",
    ),
    "HOST IDENTIFICATION HAS CHANGED": (
        "its host key has changed, or a different host answers",
        "ask who runs it; if the new key is right, forget the old one: ssh-keygen -R {host}",
    ),
    "Host key verification failed": (
        "its host key is not known here",
        "check and accept it in a terminal: git ls-remote {url}",
    ),
    "Permission denied (": (
        "it accepts none of your ssh keys",
        "have your public key added there; if yours has a passphrase, unlock it first: ssh-add",
    ),
}


def check_url(url: str) -> str:
    """Return `url` if git may be handed it."""
    if not url or url.startswith("-") or "::" in url or not url.isprintable():
        raise InvalidInput(
            f"{url!a} is not the location of a repository",
            hint="name a path, or a url such as ssh://server/srv/models.git",
        )
    return url


# User and password of a URL, by the URL without them: this process forgets them, no other hears.
_LOGINS: dict[str, tuple[str, str | None]] = {}
# It answers whatever git asks, and what git tells it goes nowhere. A URL would be on command lines.
_HELPER = """!printf 'username=%s\\npassword=%s\\n' "$GMS_USER" "$GMS_PASSWORD" #"""
# Asked before the others, it has git give up once a password was refused, and notes whose it was.
_ONCE = """!f() { case $1 in
erase) grep -v ^password= > "$GMS_REFUSED" ;; get) test ! -e "$GMS_REFUSED" || echo quit=1 ;;
esac; }; f"""


def keep_login(url: str, public: str) -> None:
    """Keep the user and password of a URL for whatever this process asks of the `public` one."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return
    user, password = unquote(parts.username), unquote(parts.password or "")
    if not (user + password).isprintable():  # git reads them by lines
        raise InvalidInput(
            f"the user or password of '{public}' has a character that cannot be printed",
            hint="keep them in a credential helper: git help credentials",
        )
    _LOGINS[public] = user, password if ":" in parts.netloc.rpartition("@")[0] else None


def _with_login(environment: dict[str, str], url: str, first: Sequence[str] = ()) -> dict[str, str]:
    """Return an environment in which git logs in at a URL as the caller's URL said.

    `first`: credential helpers that are asked before.
    """
    if url not in _LOGINS:
        return environment
    from urllib.parse import urlsplit

    (user, password), parts = _LOGINS[url], urlsplit(url)
    section = f"credential.{parts.scheme}://{parts.netloc}"
    pairs = [(f"{section}.username", user)]
    if password is not None:  # no helper of the user's is told, which may write it down
        pairs = [(f"{section}.helper", helper) for helper in ("", *first, _HELPER)]
        environment = {**environment, "GMS_USER": user, "GMS_PASSWORD": password}
    return environment | git.configured(environment, pairs)


def check_name(name: str) -> str:
    """Return `name` if a remote may be called so."""
    is_plain = name.replace("-", "").replace("_", "").replace(".", "").isalnum()
    if not is_plain or name.startswith(("-", ".")) or ".." in name or name.endswith(".lock"):
        raise InvalidInput(
            f"{name!a} is not the name of a remote", hint="use letters and digits, as in 'origin'"
        )
    return name


def check_branch(repository: Repository, name: str) -> str:
    """Return `name` if a branch may be called so."""
    try:
        git.run("check-ref-format", f"refs/heads/{name}", cwd=repository.git_dir)
    except GitFailed:
        raise InvalidInput(
            f"{name!a} is not the name of a branch", hint="use one such as 'propose/churn'"
        ) from None
    return name


# What is configured


def settings_of(repository: Repository) -> Settings:
    """Return git's configuration there. That takes a process, so read it once for a command."""
    return tuple(git.scoped(repository.git_dir))


def names(settings: Settings) -> dict[str, str]:
    """Return the url of each remote, by its name, in the order of the configuration."""
    urls: dict[str, str] = {}
    for _, key, value in settings:
        if key.startswith("remote.") and key.endswith(".url") and value:
            urls.setdefault(key[len("remote.") : -len(".url")], value)
    return urls


def upstream(repository: Repository, settings: Settings | None = None) -> tuple[str | None, str]:
    """Return the remote that the store's branch follows, None if it has none, and the branch.

    `settings`: where they were read already.
    """
    section = f"branch.{repository.branch_name}"
    if settings is None:
        name, merge = (repository.setting(f"{section}.{key}") for key in ("remote", "merge"))
    else:
        values = {key: value for _, key, value in settings}
        name, merge = values.get(f"{section}.remote"), values.get(f"{section}.merge")
    return name, (merge or repository.branch).removeprefix("refs/heads/")


def push_default(repository: Repository, settings: Settings | None = None) -> str | None:
    """Return the remote that git pushes the store's branch to; None if nothing says so.

    Source: branch.<name>.pushRemote in `git help config`.
    """
    branch = f"branch.{repository.branch_name}"
    keys = (f"{branch}.pushremote", "remote.pushdefault", f"{branch}.remote")
    read = (
        repository.setting if settings is None else {key: value for _, key, value in settings}.get
    )
    return next((name for name in map(read, keys) if name), None)


def add(repository: Repository, name: str, url: str) -> None:
    """Have a remote called `name`, which branches are fetched from; a path is noted whole."""
    url = os.path.abspath(url) if os.path.exists(check_url(url)) else url
    own = (repository.common_dir, repository.work_tree or repository.common_dir)
    if os.path.realpath(url) in map(os.path.realpath, own):
        raise InvalidInput(f"'{url}' is this store itself", hint="name another repository")
    repository.configure(
        {
            f"remote.{check_name(name)}.url": url,
            f"remote.{name}.fetch": f"+refs/heads/*:refs/remotes/{name}/*",
        }
    )


def remove(repository: Repository, name: str) -> None:
    """Have a remote no longer."""
    repository.configure({f"remote.{name}.url": None, f"remote.{name}.fetch": None})


def follow(remote: Remote) -> None:
    """Have the store's branch follow the branch of the same name there, if it follows none."""
    repository = remote.repository
    if upstream(repository, remote.settings)[0] is None:
        section = f"branch.{repository.branch_name}"
        there = {f"{section}.remote": remote.name, f"{section}.merge": repository.branch}
        repository.configure(there)


# Fetch and push


@dataclass(frozen=True)
class Remote:
    """The branch of another repository that a store's branch is shared through."""

    repository: Repository
    name: str
    url: str = ""  # without credentials; empty if nobody is told
    branch: str = ""  # there
    configured: Settings | None = field(default=None, repr=False)  # where that was read already
    push_url: str = ""  # where a push goes, without credentials, if that is elsewhere

    @cached_property
    def settings(self) -> Settings:
        """Git's configuration here, which is read once."""
        return settings_of(self.repository) if self.configured is None else self.configured

    @property
    def push_urls(self) -> list[str]:
        """Where a push goes, each of them, if that is not where a fetch comes from.

        Source: remote.<name>.pushurl and url.<base>.pushInsteadOf in `git help config`.
        """
        own = f"remote.{self.name}"
        urls, pushed = (
            [value for _, name, value in self.settings if name == f"{own}.{key}" and value]
            for key in ("url", "pushurl")
        )
        forms = [
            (value, name[len("url.") : -len(".pushinsteadof")])
            for _, name, value in self.settings
            if name.startswith("url.") and name.endswith(".pushinsteadof") and value
        ]
        pushed = pushed or [_in_place_of(forms, url) for url in urls]
        return pushed if pushed != urls[:1] else []

    @property
    def tracking(self) -> str:
        """The ref that says where that branch was last seen."""
        return f"refs/remotes/{self.name}/{self.branch}"

    @property
    def seen(self) -> str | None:
        """The commit at which the branch was last seen there; None if it never was."""
        return self.repository.ref(self.tracking)

    def fetch(self, *, tags: bool = True, forced: bool = False) -> str | None:
        """Fetch the branch and its tags; return where it stands, None if there is none.

        A branch that was reset there is refused, unless `forced`: somebody may be playing
        old signed states again.
        """
        spec = f"{'+' if forced else ''}refs/heads/{self.branch}:{self.tracking}"
        before = self.seen
        try:
            self._fetch([spec], tags=tags)
        except RemoteUnreachable as error:
            said = error.stderr
            if "couldn't find remote ref" in said:
                return None
            if "[rejected]" in said or "non-fast-forward" in said:
                raise RemoteRefused(
                    f"'{self.branch}' of {self.name} was reset: it lacks commits that it had",
                    hint="ask who rewrote it; to accept it: gms fetch --force",
                ) from None
            raise
        if self.seen is not None and self.seen != before:
            self.complete(before, self.seen)
        return self.seen

    def complete(self, before: str | None, tip: str) -> None:
        """Have here what is new since `before` and needs no load, however large it is.

        A partial clone leaves large files there: of these, what the store reads of each commit,
        and what a work tree has of the last one.
        """
        if self.repository.promisor is None:
            return
        since, folder = ((f"^{before}",) if before else ()), self.repository.git_dir
        changes = git.run(*CHANGES, tip, *since, "--", *METADATA, cwd=folder)
        wanted = dict.fromkeys((line.split()[3].decode() for line in changes.splitlines()), _READ)
        listed = git.run("ls-tree", "-r", "-z", tip, cwd=folder).decode(errors="replace")
        for entry, _, path in (line.partition("\t") for line in listed.split("\0")):
            if entry and not path.endswith(f"/{PIPELINE}"):
                wanted[entry.split()[2]] = path
        wanted.pop(_NO_COMMIT, None)
        self.repository.bring(wanted)

    def fetch_tags(self, tags: Sequence[str]) -> dict[str, str]:
        """Return the ids of tags as they are there, whatever is called so here; not all may be."""
        there = self.listing() if tags else {}
        tags = [tag for tag in tags if f"refs/tags/{tag}" in there]
        private = {tag: f"{_PRIVATE}/theirs/{tag}" for tag in tags}
        try:
            for some in _batches(list(private.items()), 500):
                self._fetch([f"+refs/tags/{tag}:{ref}" for tag, ref in some])
            return {tag: oid for tag, ref in private.items() if (oid := self.repository.ref(ref))}
        finally:
            drop(self.repository, private.values())

    def _fetch(self, specs: Sequence[str], *, tags: bool = False) -> None:
        self._expect_whole()
        options = {"no_recurse_submodules": True, "no_tags": not tags}
        with self._git() as (remote, progress):
            remote.fetch(list(specs), progress=progress, **options, **self._program("upload_pack"))
        lines = [*progress.error_lines, *progress.other_lines]
        if any(_NEW_BORDER in line for line in lines):  # which git does not call an error
            raise self._failure(_NEW_BORDER)

    def _expect_whole(self, *, is_push: bool = False) -> None:
        """Refuse what git would go on with without end: see _NO_FETCHES."""
        if self.repository.promisor == self.name and self._is_shallow:
            raise self._failure(_NEW_BORDER, is_push)

    @cached_property
    def _is_shallow(self) -> bool:
        """Whether the history there is cut short, as the older of git's protocols says at once."""
        with self._git() as (remote, _), tempfile.NamedTemporaryFile() as packets:
            remote.repo.git(c="protocol.version=0").ls_remote(
                "--heads",
                "--",
                self.name,
                self.branch,
                env={"GIT_TRACE_PACKET": packets.name},
                **self._program("upload_pack"),
            )
            return b"< shallow " in packets.read()

    def fetch_objects(self, oids: Sequence[str]) -> None:
        """Have objects here that a partial clone has left there, by one fetch.

        Source: fetch_objects in git's promisor-remote.c.
        """
        with self._git() as (remote, progress), tempfile.TemporaryFile() as listed:
            from git.cmd import handle_process_output

            listed.write("".join(f"{oid}\n" for oid in oids).encode())
            listed.seek(0)
            process = remote.repo.git(c="fetch.negotiationAlgorithm=noop").fetch(
                self.name,
                progress=self.repository.meter is not None,
                as_process=True,
                universal_newlines=True,
                stdin=True,
                istream=listed,
                filter="blob:none",
                no_tags=True,
                no_write_fetch_head=True,
                upload_pack=self._program("upload_pack")["upload_pack"],
            )
            take = progress.new_message_handler()
            handle_process_output(process, None, take, decode_streams=False)
            process.wait()

    def gives_files(self) -> bool:
        """Whether it gives away single objects, which a partial clone asks for.

        In the newer of git's protocols every server does; but ssh brings only the older one to a
        server that is not told to take GIT_PROTOCOL.
        """
        try:
            self.fetch_objects(["1" * 40])  # which nobody has
        except RemoteUnreachable as error:
            return "unadvertised object" not in error.stderr
        return True

    def listing(self, *, pushing: bool = False) -> dict[str, str]:
        """Return the id of each branch and tag there, by its full name.

        With `pushing`, of all places that a push goes to: an empty id is of what they differ in.
        """
        options = ("--heads", "--tags", "--refs", "--")
        there: list[dict[str, str]] = []
        for place in (pushing and self.push_urls) or (self.name,):
            with self._git(is_push=pushing) as (remote, _):
                said = remote.repo.git.ls_remote(*options, place, **self._program("upload_pack"))
            pairs = (line.split("\t") for line in said.splitlines() if "\t" in line)
            there.append({name: oid for oid, name in pairs})
        first, *others = there
        everywhere = set(first).union(*others)
        same = {name for name in everywhere if len({one.get(name) for one in there}) == 1}
        return {name: first[name] if name in same else "" for name in everywhere}

    def push(
        self,
        commit: str,
        tags: Sequence[str],
        *,
        instead_of: str | None = None,
        hint: str | None = None,
        messages: list[str] | None = None,
    ) -> bool:
        """Move the branch there to `commit` and set tags, all or none.

        Return False if somebody else pushed first. The commit must descend from the branch there,
        or replace the commit `instead_of`. `hint` goes with a refusal; `messages` gets the lines
        that the host prints, or why somebody was first.

        Raises:
            RemoteRefused: a hook or a rule of the host refused it.
            RemoteUnreachable: the host could not be asked, or ended in the middle.
            StoreBusy: a lock is in the way there.
        """
        self._expect_whole(is_push=True)
        failed, progress = self._send(commit, tags, instead_of)
        if not failed:
            if self.seen != commit:  # git has noted it where the remote has a refspec
                self.repository.set_ref(self.tracking, commit)
            if messages is not None:
                lines = [line for line in progress.other_lines if line.startswith("remote: ")]
                messages += [line.removeprefix("remote: ").rstrip() for line in lines]
            return True
        lines = [
            line.partition(": ")[2].rstrip()
            for line in (*progress.other_lines, *progress.error_lines)
            if line.startswith(("remote: ", "error: "))
        ]
        lines = [line for line in lines if line and not line.startswith(_ONLY_ADDED)]
        if lock := _LOCK.search("\n".join(lines)):
            raise StoreBusy(
                f"{self.name} is locked: '{os.path.normpath(lock[1])}.lock' is there",
                hint="what you wrote is safe here; if nobody is pushing, git was killed there: "
                "remove that file, or run `gms doctor --fix` there, then `gms push`",
            )
        reasons = [_reason(info) for info in failed]
        # Of refs that failed together, only the server's words say which was to blame, and why.
        others = [why for why in reasons if not why.startswith(_TOGETHER)] or lines or reasons
        if any(first in why for why in others for first in _WAS_FIRST):
            if messages is not None:
                messages += others
            return False
        raise self._refusal(lines, reasons, hint)

    def _send(
        self, commit: str, tags: Sequence[str], instead_of: str | None
    ) -> tuple[list[Any], RemoteProgress]:
        """Push in one go, and return the refs that failed and what git said."""
        # A name for the commit, which no prune takes and whose fate git can be asked.
        private = f"{_PRIVATE}/push/{os.getpid()}"
        self.repository.set_ref(private, commit)
        specs = [f"{private}:refs/heads/{self.branch}"]
        specs += [f"refs/tags/{tag}:refs/tags/{tag}" for tag in tags]
        try:
            with self._git(is_push=True) as (remote, progress):
                options: dict[str, Any] = {"atomic": True, "no_verify": True, "no_signed": True}
                options["no_follow_tags"] = True  # only those that are named
                options |= self._program("receive_pack")
                if instead_of:
                    lease = f"refs/heads/{self.branch}:{instead_of}"
                    options["force_with_lease"] = lease
                infos = remote.push(specs, progress=progress, **options)
                failed = [info for info in infos if info.flags & info.ERROR]
                if infos.error is not None and not failed:
                    raise infos.error
        finally:
            drop(self.repository, [private])
        return failed, progress

    def _refusal(self, lines: list[str], reasons: Sequence[str], hint: str | None) -> RemoteRefused:
        """Return the error for a push that a hook or a rule of the host refused.

        `lines` are the server's own words, and `reasons` what git says of each ref.
        """
        words = " ".join([*lines, *reasons]).lower()
        if hint is None and any(one in words for one in _OF_PROTECTED):
            there = f"{self.repository.branch_name}:propose/NAME"
            hint = (
                f"nobody may push to it: git push --no-follow-tags {self.name} {there}, and "
                "`gms pull` once that is merged; --propose does it at once"
            )
        told = "; ".join(dict.fromkeys(why for why in reasons if not why.startswith(_TOGETHER)))
        if told == "unpacker error":
            told = "it could not store what was sent"
            hint = "its disk may be full, or you may not write there; what you wrote is safe here"
        elif told == "branch is currently checked out":
            lines, own = [], f"git remote set-url {self.name} URL"
            hint = f"push to a bare repository instead, as `git init --bare` makes it: {own}"
        return RemoteRefused(
            f"{self.name} refused it: {told or reasons[0]}",
            lines,
            hint=hint or "what you wrote is safe here: do what it asks for, then `gms push`",
        )

    def request_page(self, branch: str, messages: Sequence[str]) -> str | None:
        """Return where to ask the host to merge a branch that was pushed to it.

        As it said itself, or where it is one whose addresses are known; otherwise None.
        """
        from urllib.parse import quote

        pages = (page for line in messages for page in _PAGE.findall(line))
        own = next((page for page in pages if any(word in page for word in _OF_REQUESTS)), None)
        place = _PLACE.fullmatch(names(self.settings).get(self.name, ""))
        if own is not None or place is None:
            return own
        form = _HOSTS.get((place["host"] or place["short"]).lower())
        words = {"branch": quote(branch), "value": quote(branch, safe=""), "into": self.branch}
        return form.format(path=place["path"], **words) if form else None

    def _program(self, option: str) -> dict[str, Any]:
        """Return which program is to answer there: never one that the repository's own names."""
        key = f"remote.{self.name}.{option.replace('_', '')}"
        values = [value for is_ours, name, value in self.settings if is_ours and name == key]
        program = (values and values[-1]) or f"git-{option.replace('_', '-')}"
        return {option: program, "allow_unsafe_options": True}  # it was checked to be no other

    @contextmanager
    def _git(self, *, is_push: bool = False) -> Iterator[tuple[Any, RemoteProgress]]:
        """Yield GitPython's remote, and what takes note of all that git says."""
        try:
            import git as gitpython
        except ImportError:  # it looks for git at once
            raise GitFailed("git is not installed", hint="install the package 'git'") from None
        log = logging.getLogger("git.remote")  # which would warn of what our errors say
        log.setLevel(log.level or logging.ERROR)
        progress = _progress(self.repository.meter)
        own, shared = self.repository.git_dir, self.repository.common_dir
        places = {
            "GIT_COMMON_DIR": shared,
            "GIT_DIR": own,
            "GIT_IMPLICIT_WORK_TREE": 0,
            "GIT_INDEX_FILE": own / "index",
            "GIT_OBJECT_DIRECTORY": shared / "objects",
            "GIT_REPLACE_REF_BASE": "refs/replace/",
            "GIT_SHALLOW_FILE": shared / "shallow",
            "GIT_WORK_TREE": self.repository.work_tree or own,
        }
        repository = _repo(own)
        variables = {**git.instead(self.settings, places), **git.mute_ssh(self.settings)}
        try:
            with repository.git.custom_environment(**self._with_login(variables)):
                yield repository.remote(self.name), progress
        except gitpython.exc.GitError as error:
            stderr = str(getattr(error, "stderr", "") or "").strip()
            stderr = stderr.removeprefix("stderr: '").removesuffix("'")
            said = "\n".join([*progress.error_lines, *progress.other_lines, stderr])
            raise self._failure(said or str(error), is_push) from None
        except BaseException:  # as Ctrl-C is
            progress.end()
            if repository.git.process is not None:
                repository.git.process.terminate()
            raise
        finally:
            repository.close()

    def _with_login(self, environment: dict[str, str]) -> dict[str, str]:
        return _with_login(environment, names(self.settings).get(self.name, ""))

    def _failure(self, stderr: str, is_push: bool = False) -> StoreError:
        """Return the error for what git complains of: the remote, or what is wrong here."""
        folder = self.repository.common_dir
        lock = _LOCK.search(stderr)
        if lock and os.path.exists(f"{lock[1]}.lock"):
            name = os.path.relpath(lock[1], folder)
            what = f"{name} is locked by a git process"
            return StoreBusy(what, hint=f"if no git is running, remove '{lock[1]}.lock'")
        mine = "\n".join(one for one in stderr.lower().split("\n") if "remote: " not in one)
        if mark := next((mark for mark in _NOT_WRITTEN if mark in mine), None):
            return CannotWrite(
                f"cannot write to '{folder}': {mark.partition(' for ')[0]}",
                hint="check the free space and the permissions of that folder",
            )
        return unreachable(self.name, (is_push and self.push_url) or self.url, stderr, is_push)

    def bring_for(self, seen: str | None, tip: str) -> None:
        """Have here, by one fetch, what is to be sent and a partial clone has left elsewhere.

        Raises:
            NotFetched: that remote cannot be asked.
        """
        if self.repository.promisor in (None, self.name):
            return
        revisions = (tip, f"^{seen}") if seen else (tip,)
        listed = git.run(
            "rev-list",
            "--objects",
            "--missing=print",
            *revisions,
            "--",
            cwd=self.repository.git_dir,
        )
        lacking = [line[1:] for line in listed.decode().splitlines() if line.startswith("?")]
        self.repository.bring(dict.fromkeys(lacking, f"what goes to {self.name}"))

    def push_large(self, pointers: Mapping[str, Pointer]) -> None:
        """Have the large files there that Git LFS moves; `pointers` to them by their versions.

        Raises:
            MissingObject: one is not here.
            GitFailed: git-lfs is not installed.
            RemoteUnreachable: the host could not be asked, or ended in the middle.
        """
        here = self.repository.large_file
        lacking = [what for what, one in pointers.items() if here(one.sha256) != one.size_bytes]
        if lacking:
            more = f" and {len(lacking) - 5} more" if lacking[5:] else ""
            raise MissingObject(
                f"large pipelines to be sent to {self.name} are missing or damaged here: "
                f"{', '.join(lacking[:5])}{more}",
                hint="`gms verify --all` fetches what is missing, and says what is damaged",
            )
        self._authenticate(pushing=True)
        for some in _batches(sorted({one.sha256 for one in pointers.values()}), 100):
            self._lfs("push", "--object-id", self.name, *some)

    def fetch_large(self, pointers: Mapping[str, str]) -> None:
        """Have the large files here that these pointers name: SHA-256 by the pointer's id in git.

        Those that are here already stay. What comes was hashed before it got its place; what
        came when it broke off in the middle is gone on with the next time.

        Raises:
            MissingObject: the remote lacks one.
            GitFailed: git-lfs is not installed.
            RemoteUnreachable: the host could not be asked, or ended in the middle.
        """
        lines = [
            f"100644 blob {oid}\t{sha256}\n"
            for oid, sha256 in sorted(pointers.items())
            if self.repository.large_file(sha256) is None
        ]
        if not lines:
            return
        with tempfile.TemporaryFile() as file:
            file.write("".join(lines).encode())
            file.seek(0)
            tree = git.run("mktree", cwd=self.repository.git_dir, stdin=file).decode().strip()
        self._authenticate(pushing=False)
        try:
            self._lfs("fetch", "--include=", "--exclude=", self.name, tree)
        except RemoteUnreachable as error:
            if not any(words in error.stderr for words in _NOT_THERE):
                raise
        for sha256 in pointers.values():
            if self.repository.large_file(sha256) is None:
                raise MissingObject(
                    f"{self.name} does not have the Git LFS object {sha256[:12]}",
                    hint="in a clone that has it, run `git lfs push --all origin`",
                )

    def _authenticate(self, *, pushing: bool) -> None:
        """See that git itself gets in, since git-lfs offers a wrong password again and again.

        Without end, if the user's helper has no other (git-lfs issue 2833).
        """
        if pushing:
            self._expect_whole(is_push=True)
        with self._git() as (remote, _):
            if pushing:
                remote.repo.git.push(
                    self.name,
                    f"+{self.repository.branch}:refs/heads/{self.branch}",
                    dry_run=True,
                    no_recurse_submodules=True,
                    no_signed=True,
                    no_verify=True,
                    receive_pack=self._program("receive_pack")["receive_pack"],
                )
            else:
                program = self._program("upload_pack")
                remote.repo.git.ls_remote("--heads", "--", self.name, self.branch, **program)

    def _once(self, environment: dict[str, str]) -> dict[str, str]:
        """Return an environment in which no password is asked for after one was refused.

        git-lfs would ask and offer it without end: `_authenticate` sees only what git is refused.
        """
        helpers = [("credential.helper", ""), ("credential.helper", _ONCE)]
        for is_ours, name, value in self.settings:
            if is_ours and name.startswith("credential.") and name.endswith(".helper"):
                helpers.append((name, value or ""))
                if not value:  # it takes back those before
                    helpers.append((name, _ONCE))
        environment = environment | git.configured(environment, helpers)
        return _with_login(environment, names(self.settings).get(self.name, ""), [_ONCE])

    def _lfs(self, *args: str) -> None:
        """Run git-lfs, which never reads the store's .lfsconfig: anyone may have committed that.

        It looks for one in the work tree, the index and HEAD, so it gets a git directory without
        any of them, with the configuration and the objects of the store.
        """
        variables = {**git.closed(self.settings), **git.mute_ssh(self.settings)}
        with tempfile.TemporaryDirectory(prefix="gitmodelstore-") as folder:
            Path(folder, "HEAD").write_text("ref: refs/heads/none\n")
            Path(folder, "commondir").write_text(f"{self.repository.common_dir}\n")
            around = {**variables, "GIT_DIR": folder, "GIT_LFS_FORCE_PROGRESS": "1"}
            command = git.command(*_LFS_SETTINGS, "lfs", *args)
            refused = Path(folder, "refused")
            environment = self._once(git.environment({**around, "GMS_REFUSED": str(refused)}))
            meter = self.repository.meter
            code, said = _run(command, meter, cwd=folder, env=environment)
            login = refused.read_text(errors="replace") if refused.exists() else ""
        if not code:
            return
        words = "\n".join(said)
        if "is not a git command" in words:
            raise GitFailed(
                "large files are moved by git-lfs, which is not installed",
                hint="install the package 'git-lfs'",
            )
        verb = "take" if args[0] == "push" else "send"
        cause, hint = _cause_of_lfs(words), "try again; what went through is not sent again"
        if login:
            values = dict(line.split("=", 1) for line in login.splitlines() if "=" in line)
            place = f"{values.get('protocol')}://{values.get('host')}"
            cause = f"{place!a} refused the password of {values.get('username', '')!a}"
            hint = "give the right one to your credential helper: git help credentials"
        elif cause == _NO_LFS:
            hint = "enable Git LFS there, or name a server that has it: git config lfs.url URL"
        raise RemoteUnreachable(
            f"{self.name} did not {verb} every large file: {cause}",
            command="git lfs",
            stderr=words,
            hint=hint,
        )


def _cause_of_lfs(stderr: str) -> str:
    """Return in our words why git-lfs failed, or in its own without what stands around them."""
    lines = [line.strip() for line in stderr.splitlines()]
    line = next((one for one in lines if one and not one.startswith(_ADDED)), "it ended early")
    words = _OF_SYSTEM.sub("", _OF_REQUEST.sub("", line, count=1), count=1)
    if any(one in stderr for one in _NOT_THERE):
        return _NO_LFS
    if other := _OTHER_BYTES.match(words):
        return f"it did not send the bytes of {other[1]}"
    if words.endswith(_CLOSED):
        return "it closed the connection"
    return re.sub(r"//[^/@\s]*@", "//", words)


def _in_place_of(forms: Sequence[tuple[str, str]], url: str) -> str:
    """Return the address that stands for one; of several forms the longest counts."""
    fitting = (form for form in forms if url.startswith(form[0]))
    short, base = max(fitting, key=lambda form: len(form[0]), default=("", ""))
    return base + url.removeprefix(short)


@contextmanager
def kept(repository: Repository, commit: str) -> Iterator[str]:
    """Yield a ref that stands on a commit, for a while; what dead processes left goes."""
    folder = f"{_PRIVATE}/beside"
    for old in (repository.common_dir / folder).glob("*"):
        if time.time() - old.stat().st_mtime > _LONGEST_SECONDS:
            drop(repository, [f"{folder}/{old.name}"])
    ref = f"{folder}/{os.urandom(8).hex()}"
    repository.set_ref(ref, commit)
    try:
        yield ref
    finally:
        drop(repository, [ref])


def below(repository: Repository, folder: str) -> list[str]:
    """Return the names of the refs in a folder such as refs/heads."""
    return [f"{folder}/{name}" for name in repository.names_below(f"{folder}/")]


def tags_off_branch(repository: Repository) -> list[str]:
    """Return the tags on commits that the store's branch does not hold."""
    options = ("--format=%(refname:lstrip=2)", f"--no-merged={repository.branch}", "refs/tags/")
    said = git.run("for-each-ref", *options, cwd=repository.git_dir)
    return said.decode(errors="surrogateescape").split()


def held_by_tags_alone(repository: Repository, tags: Sequence[str]) -> list[str]:
    """Return the commits behind some tags that no branch holds, parents first."""
    names = [f"refs/tags/{tag}" for tag in tags]
    options = ("--topo-order", "--reverse", *names, "--not", "--branches", "--remotes", "--")
    return git.run("rev-list", *options, cwd=repository.git_dir).decode().split()


def drop(repository: Repository, names: Iterable[str]) -> None:
    """Remove refs, those that are there."""
    for ref in names:
        (repository.common_dir / ref).unlink(missing_ok=True)
        if repository.ref(ref):  # it was packed
            git.run("update-ref", "--no-deref", "-d", "--", ref, cwd=repository.git_dir)


def _reason(info: PushInfo) -> str:
    summary = info.summary.strip()
    return summary[summary.rfind("(") + 1 : -1] if summary.endswith(")") else summary


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _progress(meter: Meter | None) -> Any:
    from git import RemoteProgress

    class Progress(RemoteProgress):
        def __init__(self) -> None:
            super().__init__()
            self._meter, self._lock = meter, threading.Lock()

        def update(self, *_: object) -> None:
            with self._lock:
                if self._meter is not None:
                    self._meter(self._cur_line or "")

        def end(self) -> None:
            """Show nothing from here on, though a thread still reads what git says."""
            with self._lock:
                self._meter = None

    return Progress()


def _repo(folder: Path) -> Repo:
    from git import Git, Repo

    class Lenient(Git):
        """Git whose words are read as they come: a host may say them in any encoding."""

        process: Any = None  # that was started last
        version_info = (
            2,
            39,
        )  # that we need: GitPython asks what 1.7 could, and it takes a process

        def execute(self, *args: Any, **options: Any) -> Any:
            result = super().execute(*args, **options)
            if options.get("as_process") and options.get("universal_newlines"):
                self.process = result
                for stream in filter(None, (result.stdout, result.stderr)):
                    stream.reconfigure(errors="replace")
            return result

    class Opened(Repo):
        GitCommandWrapperType = Lenient

    return Opened(folder)


def unreachable(name: str, url: str, stderr: str, is_push: bool = False) -> RemoteUnreachable:
    """Return the error of a remote; `url`: as others may see it, empty if it has none."""
    place = f" at '{url}'" if url else ""
    why, hint = _why(stderr, url.partition(", ")[0] or name)
    before, after = "nothing has changed; ", ""
    if is_push:  # whose answer may be all that was lost
        before, after = "what you wrote is safe here; ", ", then `gms push`"
    what, hint = f"{name} cannot be reached{place}: {why}", f"{before}{hint}{after}"
    return RemoteUnreachable(what, command="git", stderr=stderr, hint=hint)


def _why(stderr: str, url: str) -> tuple[str, str]:
    """Return why git could not reach a remote, by what it and ssh have said, and what to do."""
    stderr = stderr.replace("\r", "")  # which ssh ends lines with
    host = _CHANGED.search(stderr)
    for words, (why, hint) in _REASONS.items():
        if words in stderr:
            return why, hint.format(url=url, host=shlex.quote(host[1]) if host else "HOST")
    reasons = [one for one in _COMPLAINT.findall(stderr) if not one.startswith(_OF_SSH)]
    lines = [line for line in stderr.splitlines() if line.strip() and line not in _ADVICE]
    others = [line for line in lines if _OF_SSH not in line] or ["git does not say why"]
    return reasons[0] if reasons else others[-1], f"check it with `git ls-remote {url}`"


def _run(command: Sequence[str], meter: Meter | None, **options: Any) -> tuple[int, list[str]]:
    """Run a program; return its exit code, and what it said besides the lines of its meter."""
    options |= {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
    # As text, it ends a line at a carriage return too.
    options |= {"stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    said = []
    with processes.running(lambda: processes.start(command, **options)) as process:
        lines = cast("TextIO", process.stdout)
        for line in map(str.rstrip, lines):
            if not _METER.match(line):
                said.append(line)
            elif meter is not None:
                meter(line)
        lines.close()
        return process.wait(), said


# Clone


FILTER = "--filter=blob:limit=100k"  # pipelines are larger, what says of them is smaller
_EVERYTHING = (
    "everything was fetched, because the server {}; to change that, run there: "
    "git config uploadpack.{}"
)
_SINGLE = "git config uploadpack.allowAnySHA1InWant true"
GIVES_NONE = _EVERYTHING.format("does not serve single files", "allowAnySHA1InWant true")
_IGNORES = "filtering not recognized by server"  # git: fetch-pack.c
_PATTERNS = ("/*", f"!/{MODELS}/*/{PIPELINE}")  # of what a work tree has


def clone(
    url: str, path: Path, public: str, *, meter: Meter | None, partial: bool, bare: bool
) -> str | None:
    """Clone a repository, with its branches and tags, into a new or empty folder.

    `public` is the url as it may be shown. A `partial` clone lacks larger files, and nothing is
    checked out. Return why it holds all of them anyway; None if that is as was wanted.
    """
    partial = partial and not os.path.exists(url)  # git links, or copies, what is on the disk
    options = ["--progress" if meter else "--quiet", "--no-recurse-submodules"]
    options += ["--reject-shallow"]
    options += [FILTER] if partial else []
    options += ["--bare"] if bare else ["--no-checkout"] if partial else []
    command = git.command("clone", *options, "--", check_url(url), str(path))
    environment = _with_login(git.environment(git.mute_ssh(git.scoped(Path()))), url)
    environment |= git.configured(environment, [(_NO_FETCHES[0], "-1")])
    code, said = _run(command, meter, env=environment)
    if code:
        why, hint = _why("\n".join(said), public)
        raise GitFailed(
            f"cannot clone '{public}': {why}",
            command="git clone",
            stderr="\n".join(said),
            hint=hint,
        )
    if not any(_IGNORES in line for line in said):
        return None
    for key in ("promisor", "partialclonefilter"):
        git.run("config", "--unset-all", f"remote.origin.{key}", cwd=path)
    return _EVERYTHING.format("ignores filters", f"allowFilter true && {_SINGLE}")


def leave_out_pipelines(work_tree: Path) -> None:
    """Have a work tree without pipelines; nothing is checked out yet."""
    git.run("sparse-checkout", "set", "--no-cone", *_PATTERNS, cwd=work_tree)


def branches(repository: Repository) -> dict[str, str]:
    """Return the full name of each branch that a fresh clone has of its remote, by its own."""
    folder = "refs/remotes/origin" if repository.work_tree else "refs/heads"
    names = {ref.removeprefix(f"{folder}/"): ref for ref in below(repository, folder)}
    return {name: ref for name, ref in names.items() if name != "HEAD"}


def check_out(work_tree: Path, branch: str) -> None:
    """Check out a branch that only the remote has, and follow it."""
    git.run("checkout", "--quiet", branch, "--", cwd=work_tree)
