"""Calls that no REDUCE makes: APPENDS, ADDITEMS and SETITEMS on something unusual."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .values import Add, Append, Build, Effect, Extension, Fill, Hostile, Name, New, call
from .writer import written

APPEND = "hidden calls by APPENDS"
SETITEM = "hidden calls by SETITEMS"

# An extension code that nobody has registered.
_CODE = 77

_NAMESPACE = "types:SimpleNamespace"


def hidden_in_items(effect: Effect) -> Iterator[Hostile]:
    yield from written(APPEND, _appends(effect))
    for programs in (_environment, _tables, _objects):
        yield from written(SETITEM, programs(effect))
    beside = {"beside_module.py": effect.code}
    path = [Append(Name("sys:path"), (effect.folder,)), call("beside_module:pathlib.Path")]
    yield from written(APPEND, {"sys.path": path}, beside=beside)
    loader = (Name("importlib.machinery:SourceFileLoader"), [".py"])
    finder = call("importlib.machinery:FileFinder", effect.folder, loader)
    cache = [
        Append(Name("sys:path"), ("nowhere",)),
        Fill(Name("sys:path_importer_cache"), (("nowhere", finder),)),
        Name("beside_module:pathlib"),
    ]
    yield from written(SETITEM, {"sys.path_importer_cache": cache}, beside=beside)


def _with(**methods: Any) -> Build:
    """An honest estimator whose state brings methods of its own."""
    return Build(New(Name("sklearn.linear_model:Ridge")), methods)


def _appends(effect: Effect) -> dict[str, Any]:
    system, command = Name("os:system"), effect.command
    namespace = New(Name(_NAMESPACE))
    return {
        "append of an estimator": Append(_with(append=system), (command,)),
        "append of a namespace": Append(Build(namespace, {"append": system}), (command,)),
        "extend of an estimator": Append(_with(extend=Name("subprocess:call")), tuple(effect.argv)),
        "add of an estimator": Add(_with(add=system), (command,)),
        "add of a kernel": Add(
            Build(New(Name("sklearn.gaussian_process.kernels:RBF")), {"add": system}), (command,)
        ),
        "sys.path_hooks": [
            Append(Name("sys:path_hooks"), (system,)),
            Append(Name("sys:path"), (command,)),
            Name("no_such_module:anything"),
        ],
        "sys.meta_path": [
            Append(Name("sys:meta_path"), (Build(namespace, {"find_spec": effect.anything}),)),
            Name("no_such_module:anything"),
        ],
        "gc.callbacks": [Append(Name("gc:callbacks"), (effect.anything,)), call("gc:collect")],
        "logging's handlers": [
            Append(
                Name("logging:root.handlers"),
                (Build(namespace, {"level": 0, "handle": effect.anything}),),
            ),
            call("logging:error", "model"),
        ],
        "a deque of a lazy call": Append(
            call("collections:deque"),
            (call("builtins:next", call("builtins:iter", effect.starter, 1)),),
        ),
        "add of a mailbox": Add(call("mailbox:Maildir", effect.path), ("model",)),
        "write of a file, as append": Append(
            Build(
                namespace,
                {
                    "append": call(
                        "builtins:getattr", call("builtins:open", effect.path, "w"), "write"
                    )
                },
            ),
            ("model",),
        ),
    }


def _environment(effect: Effect) -> dict[str, Any]:
    """Variables that name what the standard library runs."""
    environment, command = Name("os:environ"), effect.command
    return {
        "os.environ and breakpoint": [
            Fill(environment, (("PYTHONBREAKPOINT", "os.system"),)),
            call("builtins:breakpoint", command),
        ],
        "os.environ and a pager": [
            Fill(environment, (("PAGER", command),)),
            call("pydoc:pipepager", "", call("os:getenv", "PAGER")),
        ],
        "os.environ and a browser": [
            Fill(environment, (("BROWSER", "touch %s"),)),
            call("webbrowser:open", effect.path),
        ],
    }


def _tables(effect: Effect) -> dict[str, Any]:
    """Tables of the interpreter, whose entries something else calls."""
    system, command = Name("os:system"), effect.command
    return {
        "sys.modules": [
            Fill(Name("sys:modules"), (("sklearn.model", call("importlib:import_module", "os")),)),
            call("sklearn.model:system", command),
        ],
        "sys.modules, an object": [
            Fill(Name("sys:modules"), (("model", Build(New(Name(_NAMESPACE)), {"step": system})),)),
            call("model:step", command),
        ],
        "globals of a module": [
            Fill(Name("sklearn.base:__dict__"), (("model", system),)),
            call("sklearn.base:model", command),
        ],
        "globals of a function": [
            Fill(Name("sklearn.base:clone.__globals__"), (("model", system),)),
            call("sklearn.base:model", command),
        ],
        "builtins": [
            Fill(Name("builtins:__dict__"), (("len", system),)),
            call("builtins:len", command),
        ],
        "copyreg's extensions": [
            Fill(Name("copyreg:_inverted_registry"), ((_CODE, ("os", "system")),)),
            _extension(command),
        ],
        "copyreg's cache of extensions": [
            Fill(Name("copyreg:_extension_cache"), ((_CODE, system),)),
            _extension(command),
        ],
        "copyreg's dispatch table": [
            Fill(Name("copyreg:dispatch_table"), ((Name(_NAMESPACE), effect.anything),)),
            call("copy:copy", New(Name(_NAMESPACE))),
        ],
        "pickle's own dispatch": [
            Fill(Name("joblib.numpy_pickle:NumpyUnpickler.dispatch"), ((78, effect.anything),)),
            None,
        ],
        "encodings": [
            Fill(Name("encodings:_cache"), (("model", (effect.anything,) * 4),)),
            call("builtins:str.encode", "a", "model"),
        ],
    }


def _objects(effect: Effect) -> dict[str, Any]:
    """Objects that call a key, or are a file."""
    frame = call("pandas:DataFrame", {"a": [1]})
    return {
        "a frame, whose key is called": Fill(frame, ((effect.saver, 1),)),
        "a frame, whose key is called by loc": Fill(
            call("builtins:getattr", frame, "loc"), ((effect.saver, 1),)
        ),
        "a shelf": Fill(call("shelve:open", effect.path), (("model", 1),)),
        "dbm.dumb": Fill(call("dbm.dumb:open", effect.path), (("model", b"1"),)),
        "a mapped array": Fill(call("numpy:memmap", effect.path, "u1", "w+", 0, (1,)), ((0, 1),)),
    }


def _extension(command: str) -> Any:
    return call(Extension(_CODE), command)
