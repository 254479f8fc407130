"""Commands that write out what the store has (get, cat, env, lock, sync, site), and inspect."""

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
from gitmodelstore.cli.session import OF_A_VERSION, PIPELINE_FILES, Session, document
from gitmodelstore.errors import (
    BrokenPipelineFile,
    CannotWrite,
    LockError,
    NotAPipeline,
    StoreError,
)
from gitmodelstore.lean import TYPE_CHECKING, Any, dataclass, pattern, sha256
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import LOCK_FILE, MANIFEST, PIPELINE
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
    from gitmodelstore.pickles.dry import Dry
    from gitmodelstore.pickles.symbols import Global


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
        session.answer(_environment_lines(report, session.paint()))
    else:
        for line in report.requirements.splitlines():
            session.out(visible(line))
    if check and not report.matches:
        session.note(
            f"check whether it gives the same answers: gms verify {report.version.ref} --replay"
        )
        raise Exit(1)


def _environment_lines(report: EnvironmentReport, paint: Paint) -> Iterator[Part]:
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


# `gms inspect`: what a joblib file is and would do, without running it.

_MOST_ROWS = 30  # of a table on a screen; --json has them all


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file, and what a dry walk says of it."""

    name: str  # of the file, or of its version
    version: ModelVersion | None  # None for a file
    data: bytes
    dry: Dry | None = None  # None if it cannot be read to its end
    absent: tuple[str, ...] = ()  # what the reader trusts and is not here
    broken: BrokenPipelineFile | None = None  # why it cannot be read to its end

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """The reasons not to load it."""
        refusals = self.dry.refusals if self.dry else ()
        rows: list[tuple[object, ...]] = [(r.reason, r.name, r.opcode, r.offset) for r in refusals]
        lines = (*self.absent, *(self.broken.refusals if self.broken else ()))
        rows += [(line, None, None, None) for line in lines]
        if self.broken:
            rows.append((self.broken.reason, None, None, self.broken.offset))
        keys = ("message", "global", "opcode", "offset")
        return [dict(zip(keys, row, strict=True)) for row in rows]


@trusting
@command("inspect")
@argument("what", metavar="FILE|REF")
def inspect(session: Session, what: str) -> None:
    """Show what is in a joblib file, without running anything in it.

    Give the path of a FILE, or a version REF to inspect its pipeline. The exit code is 1 if
    loading it would be refused.
    """
    from gitmodelstore.operations.trust import trusted_names
    from gitmodelstore.pickles.dry import walk
    from gitmodelstore.pickles.rights import Trust
    from gitmodelstore.pickles.summary import absent

    trust = Trust(trusted_names(session.trusted, Path()))
    name, version, data, recorded = _read(session, what)
    try:
        dry = walk(data, name=name, trust=trust, recorded=recorded)
        inspected = Inspected(name, version, data, dry=dry, absent=tuple(absent(dry)))
    except BrokenPipelineFile as error:
        inspected = Inspected(name, version, data, broken=error)
    if session.json:
        session.document(_document(inspected))
    else:
        session.pages(_inspected_lines(inspected, session.paint()))
    exit_if(inspected.refusals)


def _read(session: Session, what: str) -> tuple[str, ModelVersion | None, bytes, tuple[str, ...]]:
    """Return name, version and bytes, and the names that the manifest says readers must trust."""
    path = Path(what)
    if path.is_file():
        return what, None, path.read_bytes(), ()
    if path.suffix in PIPELINE_FILES:
        raise NotAPipeline(
            f"file '{what}' does not exist",
            hint="check the path; it is relative to the working directory",
        )
    store = session.store()
    version = store.version(what)
    return str(version), version, store.read(version, PIPELINE), store.needs_trust(version)


# The page


def _inspected_lines(inspected: Inspected, paint: Paint) -> Iterator[Part]:
    dry = inspected.dry
    yield paint.bold(visible(inspected.name))
    yield f"  {_facts(inspected)}"
    yield f"  sha256 {sha256(inspected.data).hexdigest()}"
    yield ""
    if inspected.refusals:
        yield paint.red("Loading it would be refused")
    else:
        yield "No reason is known not to load it"
    for one in inspected.refusals:
        opcode = f"{one['opcode']} " if one["opcode"] else ""
        place = "" if one["offset"] is None else f" ({opcode}at {one['offset']})"
        yield f"  {visible(one['message'])}{place}"
    if dry is None:
        return
    from gitmodelstore.pickles.summary import summarize

    if dry.needs_trust:
        yield visible(f"Readers must trust: {', '.join(dry.needs_trust)}")
    if dry.lacks_trust:
        yield visible(f"  if you do: gms trust add {' '.join(dry.lacks_trust)}")
    yield ""
    yield from map(visible, summarize(dry.root).lines())
    yield ""
    yield from _globals(dry, paint)
    if dry.arrays:
        yield ""
        yield from _arrays(dry, paint)


def _facts(inspected: Inspected) -> str:
    dry = inspected.dry
    if dry is None:
        return size(len(inspected.data))
    facts = [size(dry.size_bytes), f"pickle protocol {dry.protocol}"]
    if dry.compression:
        facts.append(f"{dry.compression} of {size(dry.pickle_bytes)}")
    from gitmodelstore.pickles.summary import written_by

    version = written_by(dry.root)
    return ", ".join([*facts, *([f"scikit-learn {visible(version)}"] if version else [])])


def _globals(dry: Dry, paint: Paint) -> Iterator[Part]:
    columns = [TextColumn("GLOBAL", most=70), *map(TextColumn, ("USED", "MAY", "VERDICT"))]
    ordered = sorted(dry.globals, key=lambda use: (not use.is_refused, use.name))
    rows = [
        [visible(use.name), ", ".join(use.used) or "-", str(use.rights or "-"), _verdict(use)]
        for use in ordered
    ]
    yield from _table(columns, rows, paint)


def _verdict(use: Global) -> str:
    return "refused" if use.is_refused else use.verdict


def _arrays(dry: Dry, paint: Paint) -> Iterator[Part]:
    columns = [
        TextColumn("ARRAY", most=40),
        TextColumn("SHAPE"),
        TextColumn("SIZE", right=True),
        TextColumn("OFFSET", right=True),
    ]
    ordered = sorted(dry.arrays, key=lambda array: -array.size_bytes)
    rows = [
        [
            visible(array.dtype),
            " x ".join(map(str, array.shape)) or "one",
            size(array.size_bytes),
            str(array.offset),
        ]
        for array in ordered
    ]
    yield from _table(columns, rows, paint)
    total = sum(array.size_bytes for array in dry.arrays)
    yield f"{counted(len(dry.arrays), 'array')}, {size(total)}"


def _table(columns: list[TextColumn], rows: list[list[str]], paint: Paint) -> Iterator[Part]:
    shown = rows[:_MOST_ROWS]
    yield Table(columns, shown, paint=paint.bold)
    if len(rows) > len(shown):
        yield f"and {len(rows) - len(shown):,} more: --json has them all"


# The document


def _document(inspected: Inspected) -> dict[str, Any]:
    from gitmodelstore.pickles.summary import summarize, written_by

    version, dry = inspected.version, inspected.dry
    return {
        "path": None if version else inspected.name,
        **(document(version) if version else dict.fromkeys(OF_A_VERSION)),
        "size_bytes": len(inspected.data),
        "sha256": sha256(inspected.data).hexdigest(),
        "refused": bool(inspected.refusals),
        "refusals": inspected.refusals,
        "needs_trust": dry.needs_trust if dry else None,
        "protocol": dry.protocol if dry else None,
        "compression": dry.compression if dry else None,
        "scikit_learn": written_by(dry.root) if dry else None,
        "pipeline": summarize(dry.root) if dry else None,
        "globals": [_global_document(use) for use in dry.globals] if dry else None,
        "arrays": dry.arrays if dry else None,
    }


def _global_document(use: Global) -> dict[str, Any]:
    return {
        "name": use.name,
        "used": list(use.used),
        "may": str(use.rights).split(", ") if use.rights else [],
        "verdict": _verdict(use),
        "offset": use.offset,
    }
