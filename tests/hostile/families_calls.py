"""Callables with a name that everybody knows: processes, code, files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .values import Effect, Hostile, Name, call, files
from .writer import pickled, written

FAMILY = "direct calls"


def direct_calls(effect: Effect) -> Iterator[Hostile]:
    for programs in (_processes, _code, _openers, _paths):
        yield from written(FAMILY, programs(effect))
    yield from files(FAMILY, _old_names(effect))


def _processes(effect: Effect) -> dict[str, Any]:
    environment: dict[str, str] = {"PATH": "/usr/bin:/bin"}
    touch_in_shell = ("/bin/sh", ["sh", "-c", effect.command], environment)
    return {
        "os.system": call("os:system", effect.command),
        "posix.system": call("posix:system", effect.command),
        "os.popen, read to its end": call("builtins:list", call("os:popen", effect.command)),
        "os.spawnlp": call("os:spawnlp", 0, "touch", *effect.argv),
        "os.spawnvp": call("os:spawnvp", 0, "touch", effect.argv),
        "os.posix_spawn, awaited": call("os:waitpid", call("os:posix_spawn", *touch_in_shell), 0),
        "os.posix_spawnp, awaited": call("os:waitpid", call("os:posix_spawnp", *touch_in_shell), 0),
        "subprocess.Popen, awaited": call(
            "subprocess:Popen.wait", call("subprocess:Popen", effect.argv)
        ),
        "subprocess.call": call("subprocess:call", effect.argv),
        "subprocess.run": call("subprocess:run", effect.argv),
        "subprocess.check_call": call("subprocess:check_call", effect.argv),
        "subprocess.check_output": call("subprocess:check_output", effect.argv),
        "subprocess.getoutput": call("subprocess:getoutput", effect.command),
        "subprocess.getstatusoutput": call("subprocess:getstatusoutput", effect.command),
    }


def _code(effect: Effect) -> dict[str, Any]:
    compiled = call("builtins:compile", effect.statement, "model", "exec")
    of_builtins = call("builtins:__import__", "os")
    return {
        "eval": call("builtins:eval", effect.expression),
        "exec": call("builtins:exec", effect.statement),
        "exec with its own globals": call("builtins:exec", effect.statement, {}),
        "compile, then exec": call("builtins:exec", compiled),
        "compile, then eval": call("builtins:eval", compiled),
        "__import__, then getattr": call(
            call("builtins:getattr", of_builtins, "system"), effect.command
        ),
        "eval that returns a function": call(call("builtins:eval", f"lambda: {effect.expression}")),
    }


def _openers(effect: Effect) -> dict[str, Any]:
    return {
        "open for writing": call("builtins:open", effect.path, "w"),
        "open for appending": call("builtins:open", effect.path, "a"),
        "io.open": call("io:open", effect.path, "wb"),
        "_io.open": call("_io:open", effect.path, "x"),
        "io.FileIO": call("io:FileIO", effect.path, "w"),
        "os.open": call("os:open", effect.path, 0o101),
        "os.mkdir": call("os:mkdir", effect.path),
        "os.makedirs": call("os:makedirs", effect.path),
        "os.mkfifo": call("os:mkfifo", effect.path),
        "os.mknod": call("os:mknod", effect.path),
        "os.symlink": call("os:symlink", effect.folder, effect.path),
    }


def _paths(effect: Effect) -> dict[str, Any]:
    path = call("pathlib:PosixPath", effect.path)
    return {
        "Path.touch": call("pathlib:Path.touch", path),
        "Path.write_text": call("pathlib:Path.write_text", path, ""),
        "Path.write_bytes": call("pathlib:Path.write_bytes", path, b""),
        "Path.mkdir": call("pathlib:Path.mkdir", path),
        "Path.open": call("pathlib:Path.open", path, "w"),
        "Path.symlink_to": call("pathlib:Path.symlink_to", path, effect.folder),
        "bound method by getattr": call(call("builtins:getattr", path, "touch")),
    }


def _old_names(effect: Effect) -> dict[str, bytes]:
    """Names of Python 2, which unpicklers translate up to protocol 2."""
    old: dict[str, Any] = {
        "__builtin__.eval": call("__builtin__:eval", effect.expression),
        "commands.getoutput": call("commands:getoutput", effect.command),
        "__builtin__.map": call(
            "builtins:list", call("__builtin__:map", Name("os:system"), [effect.command])
        ),
        "itertools.imap": call(
            "builtins:list", call("itertools:imap", Name("os:system"), [effect.command])
        ),
    }
    return {name: pickled(value, 2) for name, value in old.items()}
