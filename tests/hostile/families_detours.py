"""The standard library without a famous name: what runs code that the file brings along."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any

from .values import Append, Build, Effect, Hostile, Keep, Kept, Name, call
from .writer import pickled, written

FAMILY = "standard library"


def detours(effect: Effect) -> Iterator[Hostile]:
    for programs in (_runners, _code_objects, _loops, _callers, _holders, _lookups, _loads):
        yield from written(FAMILY, programs(effect))


def _runners(effect: Effect) -> dict[str, Any]:
    """Run source text."""
    statement, clock = effect.statement, Name("time:time")
    interpreter = call("code:InteractiveInterpreter")
    example = call("doctest:Example", statement, "")
    doctest = call("doctest:DocTest", [example], {}, "model", None, None, None)
    script = call("io:StringIO", "continue\n")
    annotated = Build(call("types:SimpleNamespace"), {"__annotations__": {"x": effect.expression}})
    return {
        "code.InteractiveInterpreter": call(
            "code:InteractiveInterpreter.runsource", interpreter, statement
        ),
        "code.InteractiveConsole": call(
            "code:InteractiveConsole.push", call("code:InteractiveConsole"), statement
        ),
        "timeit.timeit": call("timeit:timeit", statement, "pass", clock, 1),
        "timeit.timeit, its setup": call("timeit:timeit", "pass", statement, clock, 1),
        "timeit.repeat": call("timeit:repeat", statement, "pass", clock, 1, 1),
        "timeit.main": call("timeit:main", ["-n", "1", "-r", "1", statement]),
        "cProfile.run": call("cProfile:run", statement),
        "cProfile.runctx": call("cProfile:runctx", statement, {}, {}),
        "cProfile.Profile": call("cProfile:Profile.run", call("cProfile:Profile"), statement),
        "profile.run": call("profile:run", statement),
        "trace.Trace": call("trace:Trace.run", call("trace:Trace", 0, 0), statement),
        "bdb.Bdb": call("bdb:Bdb.run", call("bdb:Bdb"), statement),
        "pdb.Pdb": call(
            "pdb:Pdb.run", call("pdb:Pdb", "tab", script, call("io:StringIO")), statement
        ),
        "doctest": call("doctest:DocTestRunner.run", call("doctest:DocTestRunner"), doctest),
        "typing.get_type_hints": call("typing:get_type_hints", annotated),
    }


def _code_objects(effect: Effect) -> dict[str, Any]:
    """Run code that is compiled already."""
    expression = marshal.dumps(compile(effect.expression, "model", "eval"))
    module = marshal.dumps(compile(effect.statement, "model", "exec"))
    loaded = call("marshal:loads", module)
    method = call("builtins:eval", f"lambda *_: {effect.expression}")
    return {
        "marshal.loads, exec": call("builtins:exec", loaded),
        "types.FunctionType": call(
            call("types:FunctionType", call("marshal:loads", expression), {})
        ),
        "runpy._run_code": call("runpy:_run_code", loaded, {}),
        "InteractiveInterpreter.runcode": call(
            "code:InteractiveInterpreter.runcode", call("code:InteractiveInterpreter"), loaded
        ),
        "a class with __new__": call(call("builtins:type", "Step", (), {"__new__": method})),
        "a class with __del__": call(
            "builtins:id", call(call("builtins:type", "Step", (), {"__del__": method}))
        ),
        "a class with __set_name__": call(
            "builtins:type",
            "Step",
            (),
            {"step": call(call("builtins:type", "Name", (), {"__set_name__": method}))},
        ),
    }


def _loops(effect: Effect) -> dict[str, Any]:
    """Lazy calls, and what consumes them."""
    system, commands = Name("os:system"), [effect.command]
    lazy = call("builtins:map", system, commands)
    consumers = ("list", "tuple", "set", "frozenset", "bytes", "bytearray", "sum", "any", "max")
    by_hand = {
        "dict.fromkeys": call("builtins:dict.fromkeys", lazy),
        "array.array": call("array:array", "l", lazy),
        "Counter": call("collections:Counter", lazy),
        "deque of nothing": call("collections:deque", lazy, 0),
        "next": call("builtins:next", lazy),
        "operator.contains": call("operator:contains", lazy, 1),
        "deque of starmap": call(
            "collections:deque", call("itertools:starmap", system, [(effect.command,)])
        ),
        "list of filter": call("builtins:list", call("builtins:filter", system, commands)),
        "list of takewhile": call("builtins:list", call("itertools:takewhile", system, commands)),
        "list of groupby": call("builtins:list", call("itertools:groupby", commands, system)),
        "list of chain": call("builtins:list", call("itertools:chain", [], lazy)),
        "accumulate": call("builtins:list", call("itertools:accumulate", [1, 2], effect.saver)),
        "iter with a sentinel": call("builtins:next", call("builtins:iter", effect.starter, 1)),
        "str.join": call("builtins:str.join", "", lazy),
        "sorted with a key": call("builtins:sorted", commands, key=system),
        "heapq.merge": call("builtins:list", call("heapq:merge", commands, commands, key=system)),
    }
    return {f"{name} of map": call(f"builtins:{name}", lazy) for name in consumers} | by_hand


def _callers(effect: Effect) -> dict[str, Any]:
    """Call what they are given."""
    system, command = Name("os:system"), effect.command
    path = call("pathlib:PosixPath", effect.path)
    return {
        "functools.partial": call(effect.starter),
        "functools.reduce": call("functools:reduce", effect.saver, [1, 2]),
        "functools.singledispatch": call(call("functools:singledispatch", system), command),
        "functools.lru_cache": call(call(call("functools:lru_cache", 1), system), command),
        "operator.call": call("operator:call", system, command),
        "operator.methodcaller": call(call("operator:methodcaller", "touch"), path),
        "unittest.mock.Mock": call(call("unittest.mock:Mock", None, system), command),
        "property": call("builtins:property.__get__", call("builtins:property", system), command),
        "types.MethodType": call(call("types:MethodType", system, command)),
        "re.sub": call("re:sub", "$", effect.saver, "model"),
        "json.loads": call("json:loads", "{}", object_hook=effect.saver),
        "weakref.finalize": call(call("weakref:finalize", Name("os:PathLike"), system, command)),
        "defaultdict": call(
            "operator:getitem", call("collections:defaultdict", effect.starter), "model"
        ),
        "asyncio.to_thread": call("asyncio:run", call("asyncio:to_thread", system, command)),
        "copy._reconstruct": call("copy:_reconstruct", None, None, system, (command,)),
    }


def _holders(effect: Effect) -> dict[str, Any]:
    """Keep a call, and are told to make it."""
    system, command = Name("os:system"), effect.command
    executor = call("concurrent.futures:ThreadPoolExecutor", 1)
    filtering = Build(call("logging:Filterer"), {"filters": [effect.saver]})
    cached = Build(call("functools:cached_property", effect.saver), {"attrname": "model"})
    return {
        "threading.Thread": call(
            "threading:Thread.run", call("threading:Thread", None, effect.starter)
        ),
        "threading.Timer": call("threading:Timer.run", call("threading:Timer", 0, effect.starter)),
        "multiprocessing.pool": call(
            "multiprocessing.pool:ThreadPool.apply",
            call("multiprocessing.dummy:Pool", 1),
            system,
            (command,),
        ),
        "concurrent.futures": call(
            "concurrent.futures:Future.result",
            call("concurrent.futures:ThreadPoolExecutor.submit", executor, system, command),
        ),
        "contextlib.ExitStack": [
            Keep(0, call("contextlib:ExitStack")),
            call("contextlib:ExitStack.callback", Kept(0), system, command),
            call("contextlib:ExitStack.close", Kept(0)),
        ],
        "sched.scheduler": [
            Keep(0, call("sched:scheduler")),
            call("sched:scheduler.enter", Kept(0), 0, 1, system, (command,)),
            call("sched:scheduler.run", Kept(0)),
        ],
        "signal": [
            call("signal:signal", 10, effect.saver),
            call("signal:raise_signal", 10),
            call("builtins:len", ()),
        ],
        "logging.Filterer": call("logging:Filterer.filter", filtering, 1),
        "functools.cached_property": call(
            "functools:cached_property.__get__", cached, call("types:SimpleNamespace")
        ),
        "copyreg.dispatch_table": [
            call("copyreg:pickle", Name("builtins:complex"), effect.saver),
            call("copy:copy", call("types:SimpleNamespace")),
            call("pickle:dumps", call("builtins:complex", 1)),
        ],
    }


def _lookups(effect: Effect) -> dict[str, Any]:
    """Find a function by text, or through an attribute of something harmless."""
    os_module = call("importlib:import_module", "os")
    formatter = call("string:Formatter")
    field = call("string:Formatter.get_field", formatter, "0.system", [os_module], {})
    found = {
        "pkgutil.resolve_name": call("pkgutil:resolve_name", "os:system"),
        "pydoc.locate": call("pydoc:locate", "os.system"),
        "operator.attrgetter": call(call("operator:attrgetter", "system"), os_module),
        "vars of a module": call(
            call("operator:itemgetter", "system"), call("builtins:vars", os_module)
        ),
        "reduce of getattr": call(
            "functools:reduce", Name("builtins:getattr"), ["path", "os", "system"], os_module
        ),
        "object.__getattribute__": call("builtins:object.__getattribute__", os_module, "system"),
        "inspect.getattr_static": call("inspect:getattr_static", os_module, "system"),
        "string.Formatter": call("operator:getitem", field, 0),
        "xmlrpc.server": call("xmlrpc.server:resolve_dotted_attribute", os_module, "system"),
        "logging.config": call("logging.config:_resolve", "os.system"),
        "sys.modules": call(
            "builtins:getattr", call("operator:getitem", Name("sys:modules"), "os"), "system"
        ),
        "globals of a function": call(
            "builtins:getattr",
            call("operator:getitem", Name("shutil:copyfile.__globals__"), "os"),
            "system",
        ),
    }
    programs: dict[str, Any] = {
        name: call(function, effect.command) for name, function in found.items()
    }
    builtin = call("operator:getitem", Name("shutil:copyfile.__builtins__"), "eval")
    return programs | {"builtins of a function": call(builtin, effect.expression)}


def _loads(effect: Effect) -> dict[str, Any]:
    """A pickle in a pickle."""
    inner = pickled(call("os:system", effect.command))
    held = call("io:BytesIO", inner)
    return {
        "pickle.loads": call("pickle:loads", inner),
        "_pickle.loads": call("_pickle:loads", inner),
        "pickle._loads": call("pickle:_loads", inner),
        "pickle.load": call("pickle:load", held),
        "pickle.Unpickler": call("pickle:Unpickler.load", call("pickle:Unpickler", held)),
        "pickle._Unpickler": call("pickle:_Unpickler.load", call("pickle:_Unpickler", held)),
        "three pickles deep": call("pickle:loads", pickled(call("pickle:loads", inner))),
        "multiprocessing.reduction": call("multiprocessing.reduction:ForkingPickler.loads", inner),
        "shelve.Shelf": call(
            "shelve:Shelf.__getitem__", call("shelve:Shelf", {b"model": inner}), "model"
        ),
        "list.extend of map": Append(
            call("builtins:list"), (call("operator:iadd", [], call("pickle:loads", inner)),)
        ),
    }
