"""Callables inside pandas, joblib and threadpoolctl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .values import Build, Call, Effect, Hostile, Name, New, call
from .writer import pickled, written

PANDAS = "inside pandas"
JOBLIB = "inside joblib"


def inside_pandas(effect: Effect) -> Iterator[Hostile]:
    for programs in (_pandas_code, _pandas_writers, _pandas_callers):
        yield from written(PANDAS, programs(effect))
    beside = {"beside.pkl": _inner(effect), "beside_module.py": effect.code}
    yield from written(PANDAS, _pandas_readers(effect), beside=beside)


def inside_joblib(effect: Effect) -> Iterator[Hostile]:
    for programs in (_joblib_callers, _joblib_writers, _borrowed):
        yield from written(JOBLIB, programs(effect))
    vendored = "joblib.externals.cloudpickle.cloudpickle"
    yield from written(JOBLIB, _cloudpickle(effect, vendored), needs=("joblib<1.6",))
    separate = "cloudpickle.cloudpickle"
    yield from written(JOBLIB, _cloudpickle(effect, separate), needs=("cloudpickle>=1.3",))
    beside = {
        "beside.joblib": _inner(effect),
        "beside_module.py": effect.code,
        "cache/poisoned/output.pkl": _inner(effect),
    }
    yield from written(JOBLIB, _joblib_readers(effect), beside=beside)


def _inner(effect: Effect) -> bytes:
    return pickled(call("os:system", effect.command))


def _frame() -> Call:
    return call("pandas:DataFrame", {"a": [1]})


def _series(item: Any) -> Call:
    return call("pandas:Series", [item])


def _pandas_code(effect: Effect) -> dict[str, Any]:
    expression = f"a.to_csv({effect.path!r})"
    scope = {"a": _series(1)}
    return {
        "DataFrame.query": call("pandas:DataFrame.query", _frame(), expression),
        "DataFrame.eval": call("pandas:DataFrame.eval", _frame(), expression),
        "eval": call("pandas:eval", expression, local_dict=scope),
        "core.computation.eval": call(
            "pandas.core.computation.eval:eval", expression, local_dict=scope
        ),
    }


def _pandas_readers(effect: Effect) -> dict[str, Any]:
    path = effect.beside("beside.pkl")
    return {
        "read_pickle": call("pandas:read_pickle", path),
        "io.pickle.read_pickle": call("pandas.io.pickle:read_pickle", path),
        "io.api.read_pickle": call("pandas.io.api:read_pickle", path),
        "compat.pickle_compat": call(
            "pandas.compat.pickle_compat:Unpickler.load",
            call("pandas.compat.pickle_compat:Unpickler", call("io:BytesIO", _inner(effect))),
        ),
    }


def _pandas_writers(effect: Effect) -> dict[str, Any]:
    path = effect.path
    return {
        "DataFrame.to_csv": call("pandas:DataFrame.to_csv", _frame(), path),
        "DataFrame.to_pickle": call("pandas:DataFrame.to_pickle", _frame(), path),
        "DataFrame.to_json": call("pandas:DataFrame.to_json", _frame(), path),
        "DataFrame.to_html": call("pandas:DataFrame.to_html", _frame(), path),
        "DataFrame.to_string": call("pandas:DataFrame.to_string", _frame(), path),
        "DataFrame.to_stata": call("pandas:DataFrame.to_stata", _frame(), path),
        "DataFrame.info": call(
            "pandas:DataFrame.info", _frame(), None, call("io:FileIO", path, "w")
        ),
        "Series.to_csv": call("pandas:Series.to_csv", _series(1), path),
        "to_pickle": call("pandas:to_pickle", 1, path),
        "io.common.get_handle": call("pandas.io.common:get_handle", path, "w"),
        "io.stata.StataWriter": call(
            "pandas.io.stata:StataWriter.write_file",
            call("pandas.io.stata:StataWriter", path, _frame()),
        ),
    }


def _pandas_callers(effect: Effect) -> dict[str, Any]:
    system, saver, command = Name("os:system"), effect.saver, effect.command
    return {
        "DataFrame.pipe": call("pandas:DataFrame.pipe", _frame(), saver),
        "DataFrame.apply": call("pandas:DataFrame.apply", _frame(), saver),
        "DataFrame.agg": call("pandas:DataFrame.agg", _frame(), saver),
        "DataFrame.transform": call("pandas:DataFrame.transform", _frame(), saver),
        "DataFrame.assign": call("pandas:DataFrame.assign", _frame(), b=saver),
        "DataFrame.rename": call("pandas:DataFrame.rename", _frame(), saver),
        "DataFrame.where": call("pandas:DataFrame.where", _frame(), saver),
        "DataFrame.__getitem__": call("pandas:DataFrame.__getitem__", _frame(), saver),
        "DataFrame.groupby": call("pandas:DataFrame.groupby", _frame(), saver),
        "Series.map": call("pandas:Series.map", _series(command), system),
        "Series.apply": call("pandas:Series.apply", _series(command), system),
        "Series.combine": call("pandas:Series.combine", _series(1), _series(2), saver),
        "Index.map": call("pandas:Index.map", call("pandas:Index", [command]), system),
        "core.common.pipe": call("pandas.core.common:pipe", command, system),
        "core.common.apply_if_callable": call(
            "pandas.core.common:apply_if_callable", system, command
        ),
        "core.groupby": call(
            "pandas.core.groupby:DataFrameGroupBy.pipe",
            call("pandas:DataFrame.groupby", _frame(), "a"),
            saver,
        ),
    }


def _joblib_callers(effect: Effect) -> dict[str, Any]:
    system, command = Name("os:system"), effect.command
    delayed = call(call("joblib:delayed", system), command)
    sequential = call("joblib._parallel_backends:SequentialBackend")
    return {
        "Parallel of a tuple": call(call("joblib:Parallel", 1), [(system, (command,), {})]),
        "Parallel of delayed": call(call("joblib:Parallel", 1), [delayed]),
        "parallel.BatchedCalls": call(
            call("joblib.parallel:BatchedCalls", [(system, (command,), {})], (sequential, 1))
        ),
        "loky._WorkItem": call(
            "joblib.externals.loky.process_executor:_CallItem.__call__",
            call("joblib.externals.loky.process_executor:_CallItem", 1, system, (command,), {}),
        ),
        "loky reduction": call(
            call("joblib.externals.loky.backend.reduction:_rebuild_partial", system, (command,), {})
        ),
        "loky pool": call(
            "joblib.externals.loky.process_executor:_process_chunk", system, [(command,)]
        ),
        "Memory.eval": call("joblib:Memory.eval", call("joblib:Memory", None), system, command),
        "NotMemorizedFunc": call(call("joblib.memory:NotMemorizedFunc", system), command),
        "_store_backends.concurrency_safe_write": call(
            "joblib._store_backends:concurrency_safe_write",
            effect.beside("none"),
            effect.path,
            effect.saver,
        ),
        "hashing.hash": call("joblib.hashing:hash", call(_reducing(effect))),
    }


def _reducing(effect: Effect) -> Call:
    """A class whose instances act when they are pickled, as a hash of them does."""
    method = call("builtins:eval", f"lambda self, _: (int, ({effect.expression},))")
    return call("builtins:type", "Step", (), {"__reduce_ex__": method})


def _joblib_readers(effect: Effect) -> dict[str, Any]:
    path = effect.beside("beside.joblib")
    backend = Name("joblib._store_backends:FileSystemStoreBackend")
    poisoned = {"location": effect.beside("cache"), "mmap_mode": None, "verbose": 0}
    return {
        "load": call("joblib:load", path),
        "numpy_pickle.load": call("joblib.numpy_pickle:load", path),
        "numpy_pickle.load_temporary_memmap": call(
            "joblib.numpy_pickle:load_temporary_memmap", path, "r", False
        ),
        "a poisoned cache": call(
            "joblib._store_backends:FileSystemStoreBackend.load_item",
            Build(New(backend), poisoned),
            ["poisoned"],
        ),
    }


def _joblib_writers(effect: Effect) -> dict[str, Any]:
    path = effect.path
    return {
        "dump": call("joblib:dump", 1, path),
        "numpy_pickle.dump": call("joblib.numpy_pickle:dump", 1, path),
        "disk.mkdirp": call("joblib.disk:mkdirp", path),
        "Memory makes its folder": call(
            "joblib:Memory.cache", call("joblib:Memory", path), Name("os:system")
        ),
        "backports.make_memmap": call("joblib.backports:make_memmap", path, "u1", "w+", 0, (1,)),
        "compressor.BinaryZlibFile": call("joblib.compressor:BinaryZlibFile", path, "wb"),
        "numpy_pickle_utils._write_fileobject": call(
            "joblib.numpy_pickle_utils:_write_fileobject", path, ("zlib", 3)
        ),
        "logger.PrintTime": call("joblib.logger:PrintTime", path),
    }


def _borrowed(effect: Effect) -> dict[str, Any]:
    inner, wrapper = _inner(effect), "joblib.externals.loky.cloudpickle_wrapper"
    return {
        "loky's cloudpickle wrapper": call(f"{wrapper}:_reconstruct_wrapper", inner, False),
        "threadpoolctl's ctypes": call(
            "threadpoolctl:ctypes.pythonapi.PyRun_SimpleString", effect.statement.encode()
        ),
    }


def _cloudpickle(effect: Effect, module: str) -> dict[str, Any]:
    code = call("builtins:compile", effect.statement, "model", "exec")
    function_type = call(f"{module}:_builtin_type", "FunctionType")
    os_module = call(f"{module}:subimport", "os")
    programs = {
        "loads": call(f"{module}:pickle.loads", _inner(effect)),
        "subimport": call(call("builtins:getattr", os_module, "system"), effect.command),
        "_make_function": call(call(f"{module}:_make_function", code, {}, "step", None, None)),
        "_builtin_type": call(call(function_type, code, {})),
        "dynamic_subimport": call(
            call(
                "builtins:getattr",
                call(f"{module}:dynamic_subimport", "model", {"act": Name("os:system")}),
                "act",
            ),
            effect.command,
        ),
    }
    return {f"{module}.{name}": program for name, program in programs.items()}
