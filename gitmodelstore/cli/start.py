"""Commands that set up a store, and those that git calls there: init, clone, hook, textconv, …"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from gitmodelstore.cli.main import Exit, argument, command, option, refuse
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import BrokenPipelineFile, NotAPipeline, StoreError, visible
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values.names import CLIENT_HOOKS as CLIENT
from gitmodelstore.values.names import SERVER_HOOKS as SERVER
from gitmodelstore.values.names import SETTINGS
from gitmodelstore.values.tables import counted

if TYPE_CHECKING:
    from gitmodelstore import Store
    from gitmodelstore.demo import Kind, Show
    from gitmodelstore.operations.share import Shared
    from gitmodelstore.pickles.dry import Dry
    from gitmodelstore.values.registry import Registry


@command("init")
@argument("path", required=False)
@option("--bare", "create it without a work tree, as on a server")
@option("--host [github|gitlab|gitea|ssh]", "add the CI check for this kind of git host")
@option("--owner WHO", "with --host: who approves changes, such as @acme/leads")
def init(
    session: Session, path: str | None, bare: bool, host: str | None, owner: str | None
) -> None:
    """Create a model store at PATH, or do nothing if there is one.

    PATH defaults to the current folder or, inside a code repository, to models/ at its top,
    which that repository then ignores. With --host, also add the CI check that validates
    proposed changes, and list what to set on the host.
    """
    from gitmodelstore.plumbing.files import is_elsewhere, named_store
    from gitmodelstore.store import Store

    notes: list[str] = []
    here = session.path or (None if path else named_store())
    refuse(
        (
            is_elsewhere(here or path),
            "name a folder to create the store in; `gms push URL` shares it",
        )
    )
    place = Path(here or ".", path or "")
    refuse((owner and not host, "--owner needs --host"))
    settings: dict[str, Any] = {"bare": bare, "host": host, "owner": owner, "notify": notes.append}
    store = Store.init(place, place_inside=path is None, **settings)
    where = str(store.path)
    if store.created:
        notes.insert(0, "created a model store")
    elif not notes:
        notes.append("it is already a model store; nothing was changed")
    rules = list(store.host_rules)
    if session.json:
        session.document(path=where, created=store.created, notes=notes, rules=rules)
        return
    for text in notes:
        session.note(text)
    session.out(where)
    if rules:
        session.note(f"what to set on the host ({host}):")
    for number, rule in enumerate(rules, 1):
        session.note(f"{number}. {rule}")


@command("clone")
@argument("url")
@argument("path", required=False)
@option("--full", "fetch all pipelines now instead of when they are loaded")
def clone(session: Session, url: str, path: str | None, full: bool) -> None:
    """Clone the store at URL into PATH, and set up its hooks and git settings.

    PATH defaults to the last part of URL. From another machine, only the history and the
    manifests are fetched. `load`, `get`, `verify` and the like fetch the pipelines that they
    need, and keep them for offline use.
    """
    from gitmodelstore.store import Store

    place = path or re.sub(r"\.git$", "", url.rstrip("/")).replace(":", "/").rpartition("/")[2]
    store = Store.clone(url, place, full=full, notify=session.note, meter=session.git_meter())
    if session.json:
        models = store.models()
        versions = sum(summary.versions for summary in models)
        session.document(path=store.path, model_count=len(models), version_count=versions)
        return
    session.out(str(store.path))


_renumber = option("--renumber", "give a version the next number if the one you chose is taken")
_theirs = option("--theirs", "drop your status changes that conflict with those of others")


@command("push")
@argument("remote", required=False)
@_renumber
@_theirs
def push(session: Session, remote: str | None, renumber: bool, theirs: bool) -> None:
    """Send the branch and the tags of its versions to REMOTE, all or nothing.

    REMOTE defaults to the one that git pushes to. In a store without a remote, it is the URL of
    the first one, which becomes 'origin'. If others pushed first, their events are
    fetched, and yours are judged and written again on top: a version whose number you did
    not choose gets the next one.
    """
    store = session.store()
    _tell_shared(session, store, store.push(remote, renumber=renumber, theirs=theirs))


@command("pull")
@argument("remote", required=False)
@_renumber
@_theirs
def pull(session: Session, remote: str | None, renumber: bool, theirs: bool) -> None:
    """Bring the store up to date with REMOTE, and put your own new events on top.

    REMOTE defaults to the one that the branch follows. Work trees follow; your uncommitted
    work is never touched.
    """
    store = session.store()
    _tell_shared(session, store, store.pull(remote, renumber=renumber, theirs=theirs))


@command("fetch")
@argument("remote", required=False)
@option("--force", "accept a remote whose branch was reset")
def fetch(session: Session, remote: str | None, force: bool) -> None:
    """See what REMOTE has, without changing the store.

    REMOTE defaults to the one that the branch follows.
    """
    store = session.store()
    _tell_shared(session, store, store.fetch(remote, force=force), bring="gms pull")


def _tell_shared(session: Session, store: Store, shared: Shared, bring: str = "") -> None:
    """Say what went and what came; `bring` is typed to have in the store what came."""
    if session.json:
        session.document(shared)
        return
    place = visible(f"{shared.remote} ({shared.url})")
    counts = {"commit": shared.sent, "tag": len(shared.tags)}
    if sent := " and ".join(counted(count, noun) for noun, count in counts.items() if count):
        session.tell(f"sent {sent} to {place}")
    elif shared.received and bring:
        session.tell(f"{counted(shared.received, 'new commit')} on {place}")
    elif shared.received:
        session.tell(f"{counted(shared.received, 'commit')} came from {place}")
    else:
        session.tell(f"nothing new on {place}" if bring else f"up to date with {place}")
    is_plain = (shared.ahead == 0 and not bring) or len(store.remotes) < 2
    to = "" if is_plain else f" {shared.remote}"
    if bring and shared.received:
        session.note(f"to bring it into the store: {bring}{to}")
    if shared.ahead:
        session.note(f"{counted(shared.ahead, 'commit')} not on {shared.remote} yet: gms push{to}")


@command("remote")
@argument("action", required=False, choices=["show", "add"], default="show")
@argument("name", required=False)
@argument("url", required=False)
def remote(session: Session, action: str, name: str | None, url: str | None) -> None:
    """List the store's remotes with their URLs, or add one.

    They are git's own: `git remote` lists and changes them too.
    """
    from gitmodelstore.operations.share import refuse_unknown

    store = session.store()
    if action == "add":
        refuse((not name or not url, "`gms remote add` needs a name and a URL"))
        store.add_remote(name or "", url or "")
    there = store.remotes
    if name is not None:
        there = {name: there[name]} if name in there else refuse_unknown(name, there)
    if session.json:
        session.document(remotes=[{"name": one, "url": place} for one, place in there.items()])
        return
    for one, place in there.items():
        session.out(visible(f"{one}  {place}"))
    if not there:
        session.note("no remote yet: gms push URL, or gms remote add origin URL")


_STDERR = 2


@command("hook", takes_any=True)
@argument("action", choices=["install", "uninstall", "run"])
@argument("name", required=False, choices=[*CLIENT, *SERVER])
@argument("args", is_list=True)
def hook(session: Session, action: str, name: str | None, args: Sequence[str]) -> None:
    """Install git hooks in the store, remove them, or run one.

    A store with a work tree gets pre-commit and pre-push, a bare store pre-receive. If you
    have a hook of that name, it is kept and runs first, and `uninstall` puts it back.
    `install` also makes the git settings that a store needs, such as push.followTags, unless
    you have set them yourself. Call `run NAME` from a hook of your own to run one of these.
    """
    from gitmodelstore.operations.init import set_up
    from gitmodelstore.operations.snapshot import find, refuse_cached
    from gitmodelstore.plumbing.git_dir import hooks_folder, install, uninstall

    is_wrong = (action == "run") != (name is not None)
    refuse((is_wrong, "run takes the name of a hook, but install and uninstall do not"))
    if name is not None:
        raise Exit(_run(session, name, args))
    repository = find(session.place())
    refuse_cached(repository, "a hook")
    done = (install if action == "install" else uninstall)(repository)
    if action == "install":
        set_up(repository)
    folder = hooks_folder(repository)
    if session.json:
        session.document(action=action, path=folder, hooks=done, exit_code=None)
    elif done:
        session.out(f"{action}ed {', '.join(done)} in {folder}")
    else:
        session.out(f"nothing to {action} in {folder}")


def _run(session: Session, name: str, args: Sequence[str]) -> int:
    from gitmodelstore.plumbing import processes
    from gitmodelstore.plumbing.git_dir import scripts_folder

    script = scripts_folder() / name
    call = [sys.executable, "-E", "-s", "-S", str(script), *args]
    code = processes.start(call, stdout=_STDERR if session.json else None).wait()
    if session.json:
        session.document(action="run", path=script, hooks=[name], exit_code=code)
    return code


_WIDTH = 80
_NEXT = (
    ("gms list", "the models, and what is in production"),
    ("gms show credit@production", "what that version is made of"),
    ("git -C models log -p --stat", "all of it is plain git"),
)


@command("demo")
@argument("folder", metavar="[DIR]", default="gitmodelstore-demo", kind=Path)
def demo(session: Session, folder: Path) -> None:
    """Run through the whole life of a model in a new folder.

    DIR (default: gitmodelstore-demo) becomes a small training project with a model store.
    Every command shown is really run. It takes about ten seconds, needs no network, and
    leaves the folder for you to look at.
    """
    from gitmodelstore.demo import Stage, facts, story

    began, today = time.monotonic(), datetime.now(timezone.utc).date()
    stage = Stage(folder, (lambda *_: None) if session.json else _show(session))
    try:
        stage.set_up()
        if not session.json:
            _introduce(session, folder)
        stage.perform(story(today))
    except KeyboardInterrupt:
        session.warn(f"'{folder}' is complete up to this point; start again with another folder")
        raise
    if session.json:
        session.document(facts(stage, today))
    else:
        _conclude(session, folder, time.monotonic() - began)


def _show(session: Session) -> Show:
    paint = session.paint()

    def typed(prompt: str, text: str) -> str:
        return f"{paint.dim(prompt)}{paint.bold(text)}"

    def show(kind: Kind, text: str) -> None:
        lines = text.rstrip("\n").split("\n")
        if kind == "title":
            session.out(f"\n{paint.cyan(_filled(text))}")
        elif kind == "prose":
            session.out(f"\n{_filled(text)}\n")
        elif kind == "command":
            session.out(typed("$ ", text))
        elif kind == "python":
            prompts = [">>> ", *["... "] * (len(lines) - 1)]
            session.out("\n".join(map(typed, prompts, lines)))
        elif text:
            session.out("\n".join(line.rstrip() for line in lines))

    return show


def _filled(text: str) -> str:
    import textwrap

    return textwrap.fill(" ".join(text.split()), _WIDTH)


def _introduce(session: Session, folder: Path) -> None:
    session.out(
        _filled(
            f"The life of a credit model, in '{folder}'. Every line after $ or >>> is really "
            "run there, and you could type it yourself. Only the loans and the dates are "
            "simulated: the story takes six weeks and ends today, as its commits say."
        )
    )


def _conclude(session: Session, folder: Path, seconds: float) -> None:
    import shlex

    show, paint = _show(session), session.paint()
    show("title", f"Done in {seconds:.0f} seconds")
    show("prose", f"The store is '{folder / 'models'}'; nothing was removed. To try next:")
    show("command", f"cd {shlex.quote(str(folder))}")
    for typed, meaning in _NEXT:
        session.out(f"{paint.dim('$ ')}{paint.bold(f'{typed:28}')}  # {meaning}")


@command("merge-driver")
@argument("base", kind=Path)
@argument("ours", kind=Path)
@argument("theirs", kind=Path)
def merge_driver(_: Session, /, base: Path, ours: Path, theirs: Path) -> None:
    """Merge the registry THEIRS into OURS, given their common ancestor BASE, by meaning.

    Where that cannot be done git's own merge of lines goes into OURS, with its marks,
    and the exit code says that somebody must look at it.
    """
    from gitmodelstore.plumbing import processes
    from gitmodelstore.plumbing.git import command
    from gitmodelstore.values.registry import merge

    try:
        merged = merge(_read(base), _read(ours), _read(theirs), _exclusive())
    except StoreError:
        labels = ("-L", "ours", "-L", "base", "-L", "theirs")
        files = (str(ours), str(base), str(theirs))
        processes.start(command("merge-file", *labels, *files)).wait()
        raise
    ours.write_bytes(merged.render())


def _read(path: Path) -> Registry:
    from gitmodelstore.values.registry import EMPTY, Registry

    data = path.read_bytes()
    return Registry.parse_history(data) if data else EMPTY  # without an ancestor BASE is empty


def _exclusive() -> frozenset[str]:
    """The exclusive statuses of the work tree in which git merges; the usual ones without one."""
    from gitmodelstore.values.policy import Policy

    settings = Path(SETTINGS)
    return (Policy.parse(settings.read_bytes()) if settings.exists() else Policy()).exclusive


_LFS = b"version https://git-lfs.github.com/spec/"
_MOST_POINTER_BYTES = 1024
_MOST_LINES = 5_000


@command("textconv")
@argument("file", kind=Path)
def textconv(_: Session, /, file: Path) -> None:
    """Print what the joblib file FILE holds, the same on every machine, running nothing."""
    for count, line in enumerate(lines_of(file.read_bytes())):
        if count == _MOST_LINES:
            print("…")
            break
        text = line.lstrip(" ")
        print(" " * (len(line) - len(text)) + visible(text))


def lines_of(data: bytes) -> Iterator[str]:
    """Yield the text of a file; refusals without their offsets, which differ between two files."""
    import hashlib

    from gitmodelstore.pickles.dry import walk

    if data.startswith(_LFS) and len(data) <= _MOST_POINTER_BYTES:
        yield "Git LFS pointer"
        yield from data.decode("utf-8", "replace").splitlines()[1:]
        return
    try:
        dry = walk(data)
    except NotAPipeline:
        yield "not a file that joblib wrote"
    except BrokenPipelineFile as error:
        yield f"joblib file that cannot be read: {error.reason}"
    else:
        yield from _pipeline(dry)
    yield ""
    yield f"file: {len(data):,} bytes, sha256:{hashlib.sha256(data).hexdigest()}"


def _pipeline(dry: Dry) -> Iterator[str]:
    from gitmodelstore.pickles.summary import summarize, written_by

    for reason in dict.fromkeys(refusal.reason for refusal in dry.refusals):
        yield f"refused: {reason}"
    yield from summarize(dry.root).lines()
    yield ""
    yield f"scikit-learn: {written_by(dry.root) or 'unknown'}"
    yield f"pickle: protocol {dry.protocol}, {dry.compression or 'not compressed'}"
