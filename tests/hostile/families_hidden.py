"""Calls that no REDUCE makes: BUILD on something unusual, or with an unusual state."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from typing import Any

from .values import Add, Append, Build, Effect, Fill, Hostile, Name, New, call
from .writer import written

FAMILY = "hidden calls by BUILD"

_NAMESPACE = "types:SimpleNamespace"
_KERNEL = "sklearn.gaussian_process.kernels:RBF"


def hidden_in_build(effect: Effect) -> Iterator[Hostile]:
    for programs in (_own_setstate, _classes, _modules, _states):
        yield from written(FAMILY, programs(effect))


def _ridge(state: Any = None) -> New | Build:
    """An honest estimator, with a state if there is one."""
    bare = New(Name("sklearn.linear_model:Ridge"))
    return bare if state is None else Build(bare, state)


def _own_setstate(effect: Effect) -> dict[str, Any]:
    """A first BUILD brings the function that a second one calls with its state."""
    system, command = Name("os:system"), effect.command
    honest = {
        "estimator": _ridge(),
        "namespace": New(Name(_NAMESPACE)),
        "loss": New(Name("sklearn._loss.loss:HalfSquaredError")),
        "kernel": New(Name(_KERNEL)),
        "splitter": New(Name("sklearn.model_selection:KFold")),
        "exception": New(Name("builtins:ValueError")),
        "wrapper of joblib": New(Name("joblib.memory:NotMemorizedFunc")),
        "built estimator": _ridge({"alpha": 1.0}),
    }
    own = {"__setstate__": system}
    programs = {
        f"__setstate__ of the {name}": Build(Build(value, own), command)
        for name, value in honest.items()
    }
    return programs | {
        "__setstate__ by a slot state": Build(Build(New(Name(_KERNEL)), (None, own)), command),
        "__setstate__ of a new class": Build(call(call("builtins:type", "Step", (), own)), command),
    }


def _classes(effect: Effect) -> dict[str, Any]:
    """A slot state sets attributes, of classes and functions too; estimators alone are immune."""
    system, command = Name("os:system"), effect.command
    mixin, kernel = Name("sklearn.base:RegressorMixin"), Name(_KERNEL)
    code = call("marshal:loads", marshal.dumps(compile(effect.expression, "model", "eval")))
    uses = {
        "__new__": New(kernel),
        "__init__": call(kernel),
        "__init_subclass__": call("builtins:type", "Step", (kernel,), {}),
        "__array__": call("numpy:array", New(kernel)),
        "__hash__": {New(kernel): 1},
        "__eq__": call("operator:eq", New(kernel), 1),
        "__setitem__": Fill(New(kernel), ((1, 2),)),
        "append": Append(New(kernel), (1,)),
        "add": Add(New(kernel), (1,)),
        "__setstate__": Build(New(kernel), 1),
    }
    programs: dict[str, Any] = {
        f"{method} of a class": [Build(kernel, (None, {method: effect.anything})), use]
        for method, use in uses.items()
    }
    return programs | {
        "__setstate__ of a mixin": [
            Build(mixin, (None, {"__setstate__": system})),
            _ridge(command),
        ],
        "__code__ of a function": [
            Build(Name("sklearn.base:clone"), (None, {"__code__": code})),
            call("sklearn.base:clone"),
        ],
        "__class__ of an instance": Build(
            Build(New(kernel), (None, {"__class__": Name("scipy.stats:rv_continuous")})),
            {"_parse_arg_template": effect.statement},
        ),
    }


def _modules(effect: Effect) -> dict[str, Any]:
    """The state of a module is its globals."""
    system, command = Name("os:system"), effect.command
    return {
        "a function of sklearn.base": [
            Build(Name("sklearn:base"), {"clone": system}),
            call("sklearn.base:clone", command),
        ],
        "a function that joblib calls": [
            Build(Name("joblib:numpy_pickle"), {"_ensure_native_byte_order": effect.anything}),
            call("joblib.numpy_pickle:_ensure_native_byte_order", 1),
        ],
        "a global that looks harmless": [
            Build(Name("sklearn:utils"), {"model": system}),
            call("sklearn.utils:model", command),
        ],
        "a function that warnings calls": [
            Build(call("importlib:import_module", "warnings"), {"showwarning": effect.anything}),
            call("warnings:warn", "model"),
        ],
        "a function of numpy.testing": [
            Build(Name("numpy:testing"), {"assert_equal": system}),
            call("numpy.testing:assert_equal", command),
        ],
    }


def _states(effect: Effect) -> dict[str, Any]:
    """Classes whose own state says what is called."""
    system, command = Name("os:system"), effect.command
    partial = New(Name("functools:partial"), (Name("builtins:print"),))
    thread = New(Name("threading:Timer"))
    finished = call("threading:Event")
    started = {
        "interval": 0,
        "function": system,
        "args": (command,),
        "kwargs": {},
        "finished": finished,
    }
    wrapper = New(Name("joblib.memory:NotMemorizedFunc"))
    return {
        "the state of a partial": call(Build(partial, (system, (command,), {}, {}))),
        "the state of a Timer": call("threading:Timer.run", Build(thread, started)),
        "the state of joblib's wrapper": call(Build(wrapper, {"func": system}), command),
        "the state of a vectorize": call(
            Build(call("numpy:vectorize", Name("builtins:len")), {"pyfunc": system}), command
        ),
        "the state of a file handler": call(
            "logging:FileHandler._open",
            Build(
                New(Name("logging:FileHandler")),
                {
                    "baseFilename": effect.path,
                    "mode": "w",
                    "encoding": None,
                    "errors": None,
                    "_builtin_open": Name("builtins:open"),
                },
            ),
        ),
    }
