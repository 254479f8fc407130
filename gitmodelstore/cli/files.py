"""Commands that write out what the store has: get, cat, env, lock, sync, site."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gitmodelstore.cli.main import (
    Exit,
    UsageError,
    argument,
    command,
    exit_if,
    option,
    refuse,
    trusting,
)
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import CannotWrite, LockError, StoreError
from gitmodelstore.lean import TYPE_CHECKING, Any, pattern, sha256
from gitmodelstore.values.names import LOCK_FILE, MANIFEST
from gitmodelstore.values.tables import (
    Paint,
    Part,
    Table,
    TextColumn,
    counted,
    size,
    visible,
)

if TYPE_CHECKING:
    from gitmodelstore.operations.load import EnvironmentReport


@trusting
@command("get")
@argument("ref")
@option("-o, --output DIR", "the new folder (default: NAME-VERSION)", "folder")
@option("--warm", "check the pipeline now, so that it loads faster from there")
def get(session: Session, ref: str, folder: str | None, warm: bool) -> None:
    """Verify the files of the version REF, write them into a new folder and print its path.

    --warm is for container images: it also stores the result of the safety check beside the
    files. Only code that pins the digest of the manifest, which is printed, relies on it.
    """
    store = session.store()
    version = store.version(ref)
    target = store.download(version, folder, warm=warm)
    paths = [path for path in sorted(target.iterdir()) if path.is_file()]
    if session.json:
        files = [
            {"path": path.name, "sha256": _digest(path), "size_bytes": path.stat().st_size}
            for path in paths
        ]
        digest = _digest(target / MANIFEST)
        session.document(version, path=target.absolute(), manifest_sha256=digest, files=files)
        return
    if version.status == "withdrawn":
        session.warn(f"{version} was withdrawn; see why with `gms log {version.model}`")
    total = sum(path.stat().st_size for path in paths)
    session.note(f"{version}: {counted(len(paths), 'file')}, {size(total)}")
    if warm:
        session.note(f"pin it: digest='sha256:{_digest(target / MANIFEST)}'")
    session.out(str(target))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        import hashlib

        return hashlib.file_digest(file, "sha256").hexdigest()


# A reference may hold colons itself (churn:latest, models:/churn@production), a file no slash.
_REF_AND_FILE = pattern(r"(?P<ref>.+):(?P<file>[A-Za-z0-9_.][A-Za-z0-9_.-]*)", re.DOTALL)


@command("cat")
@argument("what", metavar="REF:FILE")
def cat(session: Session, what: str) -> None:
    """Verify FILE of the version REF and print it unchanged.

    On a terminal, control characters are escaped.
    """
    match = _REF_AND_FILE.fullmatch(what)
    if match is None:
        raise UsageError(f"'{what}' does not name a file of a version: write REF:FILE")
    store = session.store()
    version = store.version(match["ref"])
    if session.json:
        data = store.read(version, match["file"])
        digest = sha256(data).hexdigest()
        session.document(version, path=match["file"], sha256=digest, **_content(data))
        return
    if sys.stdout.isatty():
        data = store.read(version, match["file"])
        if b"\0" in data:
            raise StoreError(
                f"'{match['file']}' is binary and cannot be shown on a terminal",
                hint=f"write it to a file: gms cat {what} > {match['file']}",
            )
        sys.stdout.write(data.decode("utf-8", "replace"))
        return
    for _ in store.read_parts(version, match["file"]):
        pass  # all of it is verified before anything is printed
    sys.stdout.flush()
    for part in store.read_parts(version, match["file"]):
        sys.stdout.buffer.write(part)


def _content(data: bytes) -> dict[str, Any]:
    """Return the size of a file and its text, or its bytes in base64 where it is not text."""
    try:
        return {"size_bytes": len(data), "text": data.decode("utf-8"), "base64": None}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"size_bytes": len(data), "text": None, "base64": b64encode(data).decode()}


_COLUMNS = [TextColumn("")] * 4  # package, recorded, here, whether it counts


@command("env")
@argument("ref")
@option("--check", "compare with the packages installed here")
@option("--python", "print only the version of Python")
def env(session: Session, ref: str, check: bool, python: bool) -> None:
    """Print what the version REF needs, as a requirements file for pip or uv.

    With --check, print how that differs from what is installed here. The exit code is then 1
    if scikit-learn or Python has another minor release, numpy another major one, or a
    package is missing.
    """
    refuse((check and python, "--check and --python cannot be used together"))
    report = session.store().environment(ref)
    if session.json:
        recorded = report.recorded
        session.document(
            report, python=recorded.python, platform=recorded.platform, pins=recorded.pins
        )
    elif python:
        session.out(visible(report.recorded.python))
    elif check:
        session.answer(_lines(report, session.paint()))
    else:
        for line in report.requirements.splitlines():
            session.out(visible(line))
    if check and not report.matches:
        session.note(
            f"check whether it gives the same answers: gms verify {report.version.ref} --replay"
        )
        raise Exit(1)


def _lines(report: EnvironmentReport, paint: Paint) -> Iterator[Part]:
    title, packages = paint.bold(str(report.version)), counted(len(report.recorded.pins), "package")
    if not report.differences:
        yield f"{title}  python {report.recorded.python} and {packages}, as at training"
        return
    counting = sum(difference.counts for difference in report.differences)
    others = len(report.differences) - counting
    phrases = [paint.red(f"{counted(counting, 'difference')} that may change answers")]
    phrases = phrases if counting else ["no difference that matters"]
    phrases += [f"{counted(others, 'other')}"] if others else []
    yield f"{title}  {', '.join(phrases)}"
    rows = []
    for one in report.differences:
        cells = (one.package, one.recorded, one.present or "none", "counts" * one.counts)
        rows.append([visible(cell) if one.counts else paint.dim(visible(cell)) for cell in cells])
    yield Table(_COLUMNS, rows, "  ")


@command("lock")
@argument("refs", is_list=True, metavar="[REF]...")
@option("--check", "show how the lock file differs from the store")
@option("--fetch", "with --check: fetch the store first")
@option("--store PATH", "the store (default: the one in pyproject.toml)")
def lock(
    session: Session, refs: tuple[str, ...], check: bool, fetch: bool, store: str | None
) -> None:
    """Pin the versions REF in modelstore.lock.json, at the top of this repository.

    Other pins in the file stay. With --check, compare the file with the store as last
    fetched; the exit code is 1 if something differs.
    """
    refuse(
        (check == bool(refs), "name a version to lock, or give --check"),
        (fetch and not check, "--fetch needs --check"),
    )
    session.path = store or session.path
    if check:
        _check(session, fetch)
    else:
        _lock(session, refs)


def _lock(session: Session, refs: tuple[str, ...]) -> None:
    from gitmodelstore.operations.pins import top_of

    top = top_of(Path())
    _find_store(session, top)
    done = session.store().lock(refs, top)
    if session.json:
        session.document(path=done.path, changed=done.changed, versions=done.pinned)
        return
    for pin in done.pinned:
        if pin.before not in (None, str(pin.version.version)):
            session.note(f"{pin.version.model}: {pin.before} -> {pin.version.version}")
        if pin.new_inputs:
            session.note(f"{pin.version} takes different inputs from {pin.before}")
        session.out(f"{pin.version}  {pin.version.commit[:7]}  {LOCK_FILE}")


def _check(session: Session, fetch: bool) -> None:
    from gitmodelstore.operations.pins import check_lock
    from gitmodelstore.plumbing import ml_repository
    from gitmodelstore.plumbing.files import named_store

    path = ml_repository.find(Path()) or Path().absolute() / LOCK_FILE
    store_path = session.path or named_store()
    faults = check_lock(path, session.store().path if store_path else None, fetch=fetch)
    if session.json:
        session.document(sound=not faults, path=path, faults=faults)
    else:
        for fault in faults:
            session.out(str(fault))
            if fault.mend:
                session.note(fault.mend)
        if not faults:
            session.note(
                f"{counted(len(ml_repository.read(path).models), 'version')} locked, all present"
            )
    exit_if(faults)


def _find_store(session: Session, top: Path) -> None:
    """Point the session at the store of the lock file in `top`, unless the user names a store."""
    from gitmodelstore.plumbing.files import named_store

    if not (session.path or named_store()):
        from gitmodelstore.plumbing.ml_repository import locate, read

        path = top / LOCK_FILE
        session.path = str(locate(top, read(path) if path.exists() else None))


@command("sync")
@option("-o, --output DIR", "the folder to write to (default: .models)", "folder")
@option("--store PATH", "the store (default: the one in pyproject.toml)")
def sync(session: Session, folder: str | None, store: str | None) -> None:
    """Write each version in modelstore.lock.json, verified, into a folder NAME-VERSION.

    The folders go into .models beside the file, which git then ignores. A complete folder is
    left alone, an incomplete one is written again.
    """
    from gitmodelstore.plumbing import ml_repository

    path = ml_repository.find(Path())
    if path is None:
        raise LockError(
            f"no {LOCK_FILE} in this folder or any folder above it",
            hint="write one with `gms lock REF`",
        )
    session.path = store or session.path
    _find_store(session, path.parent)
    done = session.store().sync(path, folder)
    if session.json:
        session.document(path=path, versions=done)
        return
    for one in done:
        if one.version.status == "withdrawn":
            session.warn(f"{one.version} was withdrawn; see `gms log {one.version.model}`")
        session.note(f"{one.version}: {one.what}")
        session.out(str(one.path))


@command("site")
@option("-o, --output DIR", "the folder (default: site)", "folder")
@option("--open", "open it in your browser", "is_opened")
@option("--serve [PORT]", "serve it on this machine (default port: 8000)", "port", bare="8000")
def site(session: Session, folder: str | None, is_opened: bool, port: str | None) -> None:
    """Write the catalogue: pages that show the store in a browser.

    The pages show all models, the versions of each, what each version is made of, a comparison
    of any two, and every event. They need no server: open index.html, or publish the folder on
    any web server. Run it again to bring the folder up to date. --serve runs a server that only
    this machine reaches, until you press Ctrl-C.
    """
    refuse((session.json and port is not None, "--serve and --json cannot be used together"))
    number = None if port is None else _port(port)
    made = session.store().site(folder or "site")
    if session.json:
        session.document(made, path=made.path.absolute())
    else:
        for fault in made.faults:
            session.warn(visible(fault))
        counts = f"{counted(made.written, 'file')} written, {made.unchanged:,} unchanged"
        session.note(counts + (f", {made.removed:,} removed" if made.removed else ""))
        session.out(str(made.index))
    if number is not None:
        _serve(session, made.path, number, is_opened=is_opened)
    elif is_opened:
        _browse(session, made.index.absolute().as_uri())


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 <= int(text[:6]) < 2**16:
        raise UsageError(f"'{text}' is not a port: --serve takes a number up to 65535")
    return int(text)


def _serve(session: Session, folder: Path, port: int, *, is_opened: bool) -> None:
    """Serve a folder to this machine alone, until Ctrl-C."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> Any:
            # A page of elsewhere whose name leads here would read what only you are to see.
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in ("127.0.0.1", "localhost"):
                return self.send_error(403)
            return super().send_head()

        def log_message(self, *_: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=str(folder)))
    except OSError as error:
        hint = "name another one: gms site --serve 8001"
        raise CannotWrite(f"port {port} cannot be used: {error.strerror}", hint=hint) from None
    with server:
        url = f"http://127.0.0.1:{server.server_port}/"
        session.note(f"{url} (press Ctrl-C to stop)")
        if is_opened:
            _browse(session, url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def _browse(session: Session, url: str) -> None:
    import webbrowser

    if not webbrowser.open(url):
        session.note(f"no browser was found; open {url}")
