"""The standard library without a famous name: what starts a program, makes or reads a file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from .values import Append, Effect, Fires, Hostile, Name, call
from .writer import written

FAMILY = "standard library: files"

# The address of a socket holds no longer path.
SOCKET_PATH = 100


def file_makers(effect: Effect) -> Iterator[Hostile]:
    for programs in (_processes, _makers, _temporary, _copies):
        yield from written(FAMILY, programs(effect))
    for programs in (_of_files, _imports):
        yield from written(FAMILY, programs(effect), beside=_beside(effect))
    yield from written(FAMILY, _before_3_12(effect), needs=("python<3.12",))
    yield from written(FAMILY, _before_3_13(effect), needs=("python<3.13",))
    fires: Fires = "at load" if len(effect.path) < SOCKET_PATH else "never"
    unix, stream = 1, 1
    socket = call("socket:socket", unix, stream)
    bind = call("socket:socket.bind", socket, effect.path)
    yield from written(FAMILY, {"socket.bind": bind}, fires)


def _processes(effect: Effect) -> dict[str, Any]:
    shell = ["sh", "-c", effect.command]
    library = call("ctypes:CDLL", None)
    return {
        "pydoc.pipepager": call("pydoc:pipepager", "", effect.command),
        "pydoc.tempfilepager": call("pydoc:tempfilepager", "", f"{effect.command};:"),
        "webbrowser.GenericBrowser": call(
            "webbrowser:GenericBrowser.open",
            call("webbrowser:GenericBrowser", "touch"),
            effect.path,
        ),
        "webbrowser.get": call(
            "webbrowser:GenericBrowser.open", call("webbrowser:get", "touch %s"), effect.path
        ),
        "pty.spawn": call("pty:spawn", effect.argv),
        "uuid": call("uuid:_get_command_stdout", *effect.argv),
        "_osx_support": call("_osx_support:_read_output", effect.command),
        "imaplib.IMAP4_stream": call("imaplib:IMAP4_stream", effect.command),
        "multiprocessing.util.spawnv_passfds": call(
            "os:waitpid", call("multiprocessing.util:spawnv_passfds", b"/bin/sh", shell, []), 0
        ),
        "ctypes.pythonapi": call("ctypes:pythonapi.PyRun_SimpleString", effect.statement.encode()),
        "ctypes.CDLL": call(call("builtins:getattr", library, "system"), effect.command.encode()),
        "a module of asyncio": call("asyncio.subprocess:subprocess.call", effect.argv),
    }


def _makers(effect: Effect) -> dict[str, Any]:
    """Make a file by being constructed or opened."""
    path = effect.path
    handler = {"()": "subprocess.getoutput", "cmd": effect.command}
    cookies = call("http.cookiejar:LWPCookieJar", path)
    return {
        "logging.FileHandler": call("logging:FileHandler", path),
        "logging.handlers.RotatingFileHandler": call("logging.handlers:RotatingFileHandler", path),
        "logging.config.dictConfig": call(
            "logging.config:dictConfig", {"version": 1, "handlers": {"model": handler}}
        ),
        "logging.basicConfig": call("logging:basicConfig", filename=path, force=True),
        "sqlite3.connect": call("sqlite3:connect", path),
        "shelve.open": call("shelve:open", path),
        "dbm.dumb.open": call("dbm.dumb:open", path, "n"),
        "gzip.open": call("gzip:open", path, "wb"),
        "bz2.open": call("bz2:open", path, "wb"),
        "lzma.open": call("lzma:open", path, "wb"),
        "tarfile.open": call("tarfile:open", path, "w"),
        "zipfile.ZipFile": call("zipfile:ZipFile", path, "w"),
        "wave.open": call("wave:open", path, "wb"),
        "codecs.open": call("codecs:open", path, "w"),
        "argparse.FileType": call(call("argparse:FileType", "w"), path),
        "mailbox.mbox": call("mailbox:mbox", path),
        "mailbox.Maildir": call("mailbox:Maildir", path),
        "http.cookiejar": call("http.cookiejar:LWPCookieJar.save", cookies),
        "cProfile.Profile.dump_stats": call(
            "cProfile:Profile.dump_stats", call("cProfile:Profile"), path
        ),
        "copyreg._reconstructor": call(
            "copyreg:_reconstructor", Name("logging:FileHandler"), Name("logging:FileHandler"), path
        ),
        "source loader's set_data": call(
            "importlib.machinery:SourceFileLoader.set_data",
            call("importlib.machinery:SourceFileLoader", "model", path),
            path,
            b"",
        ),
    }


def _temporary(effect: Effect) -> dict[str, Any]:
    """Temporary files, whose names begin with the marker's."""
    prefix, folder = effect.marker.name, effect.folder
    return {
        "tempfile.mkstemp": call("tempfile:mkstemp", "", prefix, folder),
        "tempfile.mkdtemp": call("tempfile:mkdtemp", "", prefix, folder),
        "tempfile.NamedTemporaryFile": call(
            "tempfile:NamedTemporaryFile", prefix=prefix, dir=folder, delete=False
        ),
    }


def _copies(effect: Effect) -> dict[str, Any]:
    """Make a file out of another: the hostile file itself serves."""
    source = effect.beside("hostile.joblib")
    return {
        "shutil.copyfile": call("shutil:copyfile", source, effect.path),
        "shutil.copy2": call("shutil:copy2", source, effect.path),
        "shutil.make_archive": call(
            "shutil:make_archive", effect.path, "tar", effect.folder, "hostile.joblib"
        ),
        "os.link": call("os:link", source, effect.path),
        "urllib.request of a local file": call(
            "urllib.request:urlretrieve", f"file://{source}", effect.path
        ),
    }


def _beside(effect: Effect) -> dict[str, bytes]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("beside_zipped.py", effect.code)
    handler = f"class=FileHandler\nargs=({effect.path!r},)\n"
    return {
        "beside_module.py": effect.code,
        "beside.txt": b">>> " + effect.code,
        "beside.pth": effect.code,
        "beside.zip": archive.getvalue(),
        "beside.ini": (
            "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=\n"
            f"[logger_root]\nhandlers=file\n[handler_file]\n{handler}"
        ).encode(),
    }


def _of_files(effect: Effect) -> dict[str, Any]:
    """Run or read what lies beside the file."""
    module, loader = effect.beside("beside_module.py"), "importlib.machinery:SourceFileLoader"
    archive = call("zipimport:zipimporter", effect.beside("beside.zip"))
    return {
        "runpy.run_path": call("runpy:run_path", module),
        "doctest.testfile": call("doctest:testfile", effect.beside("beside.txt"), False),
        "site.addsitedir": call("site:addsitedir", effect.folder),
        "zipimport": call("zipimport:zipimporter.load_module", archive, "beside_zipped"),
        "SourceFileLoader": call(f"{loader}.load_module", call(loader, "beside_module", module)),
        "py_compile.compile": call("py_compile:compile", module, effect.path),
        "logging.config.fileConfig": call("logging.config:fileConfig", effect.beside("beside.ini")),
        "pydoc.importfile": call("pydoc:importfile", module),
        "unittest discovery": call(
            "unittest:TestLoader.discover",
            call("unittest:TestLoader"),
            effect.folder,
            "beside_module.py",
        ),
    }


def _imports(effect: Effect) -> dict[str, Any]:
    """Put the folder on the path: a name is then enough."""
    path = Append(Name("sys:path"), (effect.folder,))
    return {
        "importlib.import_module": [path, call("importlib:import_module", "beside_module")],
        "__import__": [path, call("builtins:__import__", "beside_module")],
        "a name of a module beside": [path, Name("beside_module:pathlib")],
        "runpy.run_module": [path, call("runpy:run_module", "beside_module")],
        "pydoc.safeimport": [path, call("pydoc:safeimport", "beside_module")],
    }


def _before_3_12(effect: Effect) -> dict[str, Any]:
    return {
        "distutils.spawn": call("distutils.spawn:spawn", effect.argv),
        "distutils.file_util": call("distutils.file_util:write_file", effect.path, []),
    }


def _before_3_13(effect: Effect) -> dict[str, Any]:
    rules = {"text/plain": [{"view": "true", "test": effect.command}]}
    return {
        "pipes.Template": call("pipes:Template.open", call("pipes:Template"), effect.path, "w"),
        "mailcap.findmatch": call("mailcap:findmatch", rules, "text/plain"),
        "dataclasses._create_fn": call(
            "dataclasses:_create_fn", "f", (f"x={effect.expression}",), ("pass",)
        ),
    }
