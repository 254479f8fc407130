"""Callables inside numpy and scipy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .families_arrays import npy
from .values import Build, Effect, Hostile, Name, New, call
from .writer import written

NUMPY = "inside numpy"
SCIPY = "inside scipy"


def inside_numpy(effect: Effect) -> Iterator[Hostile]:
    for programs in (_numpy_code, _numpy_writers, _numpy_callers):
        yield from written(NUMPY, programs(effect))
    beside = {"beside.npy": npy(call("os:system", effect.command))}
    yield from written(NUMPY, _numpy_readers(effect), beside=beside)
    diagnose = call("numpy.f2py.diagnose:run_command", effect.command)
    yield from written(NUMPY, {"f2py.diagnose.run_command": diagnose}, needs=("numpy<2",))
    run = call("numpy.distutils.exec_command:exec_command", effect.command)
    old = ("numpy<2", "python<3.12")
    yield from written(NUMPY, {"distutils.exec_command": run}, needs=old)


def inside_scipy(effect: Effect) -> Iterator[Hostile]:
    for programs in (_scipy_code, _scipy_writers, _scipy_callers):
        yield from written(SCIPY, programs(effect))
    source = f"model(x={effect.expression})"
    make = call("scipy._lib.decorator:FunctionMaker.create", source, "return x", {})
    yield from written(SCIPY, {"_lib.decorator.FunctionMaker": make}, needs=("scipy<1.12",))
    library = call("ctypes:CDLL", None)
    pointer = call("builtins:getattr", library, "system")
    never = {"LowLevelCallable": call("scipy:LowLevelCallable", pointer)}
    yield from written(SCIPY, never, "never")


def _numpy_code(effect: Effect) -> dict[str, Any]:
    utils = "numpy.testing._private.utils"
    return {
        "runstring": call(f"{utils}:runstring", effect.statement, {}),
        "measure": call(f"{utils}:measure", effect.statement),
        "testing.measure": call("numpy.testing:measure", effect.statement),
        "f2py.crackfortran.myeval": call(
            "numpy.f2py.crackfortran:myeval", effect.expression, {}, {}
        ),
        "f2py.crackfortran.param_eval": call(
            "numpy.f2py.crackfortran:param_eval", effect.expression, {}, {}
        ),
        "testing.assert_raises": call(
            "numpy.testing:assert_raises",
            Name("builtins:ValueError"),
            Name("os:system"),
            effect.command,
        ),
        "testing.assert_no_warnings": call(
            "numpy.testing:assert_no_warnings", Name("os:system"), effect.command
        ),
    }


def _numpy_readers(effect: Effect) -> dict[str, Any]:
    path = effect.beside("beside.npy")
    opened = call("builtins:open", path, "rb")
    return {
        "load": call("numpy:load", path, None, True),
        "lib.format.read_array": call("numpy.lib.format:read_array", opened, True),
        "load of bytes": call(
            "numpy:load", call("io:BytesIO", npy(call("os:system", effect.command))), None, True
        ),
    }


def _numpy_writers(effect: Effect) -> dict[str, Any]:
    path, array = effect.path, call("numpy:array", [1.0])
    return {
        "save": call("numpy:save", path, 1),
        "savez": call("numpy:savez", path, 1),
        "savez_compressed": call("numpy:savez_compressed", path, 1),
        "savetxt": call("numpy:savetxt", path, [1]),
        "ndarray.tofile": call("numpy:ndarray.tofile", array, path),
        "ndarray.dump": call("numpy:ndarray.dump", array, path),
        "memmap": call("numpy:memmap", path, "u1", "w+", 0, (1,)),
        "memmap by NEWOBJ": New(Name("numpy:memmap"), (path, "u1", "w+", 0, (1,))),
        "memmap by NEWOBJ_EX": New(
            Name("numpy:memmap"), (path,), {"dtype": "u1", "mode": "w+", "shape": (1,)}
        ),
        "lib.format.open_memmap": call("numpy.lib.format:open_memmap", path, "w+", "u1", (1,)),
    }


def _numpy_callers(effect: Effect) -> dict[str, Any]:
    system, saver = Name("os:system"), effect.saver
    commands = call("numpy:array", [effect.command], "O")
    random = "numpy.random._pickle"
    return {
        "vectorize": call(call("numpy:vectorize", system), effect.command),
        "frompyfunc": call(call("numpy:frompyfunc", system, 1, 1), commands),
        "apply_along_axis": call("numpy:apply_along_axis", saver, 0, [1.0]),
        "apply_over_axes": call("numpy:apply_over_axes", saver, call("numpy:array", [[1.0]]), [0]),
        "fromfunction": call("numpy:fromfunction", saver, (1,)),
        "fromiter": call("numpy:fromiter", call("builtins:map", system, [effect.command]), "i4"),
        "piecewise": call(
            "numpy:piecewise", call("numpy:array", [1.0]), [call("numpy:array", [True])], [saver]
        ),
        "loadtxt with a converter": call("numpy:loadtxt", ["1"], converters={0: saver}),
        "genfromtxt with a converter": call("numpy:genfromtxt", ["1"], converters={0: saver}),
        "array2string with a formatter": call(
            "numpy:array2string", call("numpy:array", [1]), formatter={"all": saver}
        ),
        "random.__randomstate_ctor": call(f"{random}:__randomstate_ctor", effect.command, system),
        "random.__generator_ctor": call(f"{random}:__generator_ctor", effect.command, system),
        "ma.apply_along_axis": call(
            "numpy.ma:apply_along_axis", saver, 0, call("numpy:array", [1.0])
        ),
        "mask_indices": call("numpy:mask_indices", 2, saver),
    }


def _scipy_code(effect: Effect) -> dict[str, Any]:
    template = {"_parse_arg_template": effect.statement}
    infrastructure = "scipy.stats._distn_infrastructure"
    return {
        "rv_continuous, its template": Build(
            New(Name(f"{infrastructure}:rv_continuous")), template
        ),
        "rv_discrete, its template": Build(New(Name(f"{infrastructure}:rv_discrete")), template),
        "rv_sample, its template": Build(New(Name(f"{infrastructure}:rv_sample")), template),
        "norm_gen, its template": Build(
            New(Name("scipy.stats._continuous_distns:norm_gen")), template
        ),
        "_attach_argparser_methods": call(
            f"{infrastructure}:rv_generic._attach_argparser_methods",
            Build(call("types:SimpleNamespace"), template),
        ),
    }


def _scipy_writers(effect: Effect) -> dict[str, Any]:
    path, row = effect.path, call("numpy:array", [[1.0]])
    sparse = call("scipy.sparse:csr_matrix", row)
    return {
        "io.savemat": call("scipy.io:savemat", path, {"a": 1}),
        "io.mmwrite": call("scipy.io:mmwrite", path, row),
        "io.wavfile.write": call("scipy.io.wavfile:write", path, 8000, row),
        "io.FortranFile": call("scipy.io:FortranFile", path, "w"),
        "io.netcdf_file": call("scipy.io:netcdf_file", path, "w"),
        "io.hb_write": call("scipy.io:hb_write", path, sparse),
        "sparse.save_npz": call("scipy.sparse:save_npz", path, sparse),
    }


def _scipy_callers(effect: Effect) -> dict[str, Any]:
    saver, system, command = effect.saver, Name("os:system"), effect.command
    square = call("numpy:array", [[1.0, 0.0], [0.0, 1.0]])
    return {
        "integrate.quad": call("scipy.integrate:quad", saver, 0, 1),
        "integrate.simpson of a lazy list": call(
            "scipy.integrate:simpson",
            call("builtins:list", call("builtins:map", system, [command])),
        ),
        "optimize.brentq": call("scipy.optimize:brentq", saver, 0, 1),
        "optimize.minimize": call("scipy.optimize:minimize", saver, [0.0]),
        "optimize.minimize_scalar": call("scipy.optimize:minimize_scalar", saver),
        "optimize.fmin": call("scipy.optimize:fmin", saver, [0.0]),
        "optimize.root": call("scipy.optimize:root", saver, [0.0]),
        "optimize.curve_fit": call("scipy.optimize:curve_fit", saver, [1.0], [1.0], [1.0]),
        "ndimage.generic_filter": call("scipy.ndimage:generic_filter", square, saver, 1),
        "ndimage.labeled_comprehension": call(
            "scipy.ndimage:labeled_comprehension", square, None, None, saver, "f8", 0
        ),
        "spatial.distance.cdist": call("scipy.spatial.distance:cdist", [[0.0]], [[1.0]], saver),
        "spatial.distance.pdist": call("scipy.spatial.distance:pdist", [[0.0], [1.0]], saver),
        "linalg.funm": call("scipy.linalg:funm", square, saver),
        "_lib._util._FunctionWrapper": call(
            call("scipy.optimize._differentialevolution:_FunctionWrapper", system, ()), command
        ),
        "_lib._util.MapWrapper": call(
            "builtins:list", call(call("scipy._lib._util:MapWrapper", 1), system, [command])
        ),
        "optimize MemoizeJac": call(
            call("scipy.optimize._optimize:MemoizeJac", saver), call("numpy:array", [0.0])
        ),
        "sparse.linalg.LinearOperator": call(
            "scipy.sparse.linalg:LinearOperator.matvec",
            call("scipy.sparse.linalg:LinearOperator", (2, 2), saver),
            [1.0, 1.0],
        ),
    }
