"""How a dry walk shows its symbols to `places`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from gitmodelstore.pipelines.dry_arrays import array_of
from gitmodelstore.pipelines.dry_rules import class_of, dtype_code, is_one_of, is_partial
from gitmodelstore.pipelines.dry_symbols import NEW, Global, Items, Made, Pairs, Symbol
from gitmodelstore.pipelines.rights import (
    CLASS,
    FUNCTION,
    is_estimator_of_package,
    newest_release,
    packages,
)

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_SCALAR = {("numpy._core.multiarray", "scalar")}
_MEMORY = {("joblib.memory", "Memory")}
# Modules of scikit-learn in which no estimator is defined.
_NO_ESTIMATORS = (
    *("sklearn._loss.", "sklearn.gaussian_process.kernels", "sklearn.metrics.", "sklearn.utils."),
    *("sklearn.model_selection._split", "sklearn.neighbors._ball_tree"),
    *("sklearn.neighbors._kd_tree", "sklearn.tree._tree"),
)
_NOT_ESTIMATORS = frozenset({"TreePredictor", "_BisectingTree", "_CFNode", "_CFSubcluster"})


class Symbols:
    """The view of a dry walk."""

    def class_name(self, value: Symbol) -> str:
        cls = class_of(value) if type(value) is Made else None
        return cls.name.rpartition(".")[2] if type(cls) is Global else "object"

    def package(self, value: Symbol) -> str:
        cls = class_of(value) if type(value) is Made else None
        package = str(cls.place[0]).partition(".")[0] if type(cls) is Global else ""
        return package if package in packages() else ""

    def attributes(self, value: Symbol) -> Mapping[str, Symbol]:
        if not self._is_of(value, "sklearn") and not self.package(value):
            return {}
        state = value.state[0] if type(value.state) is tuple and value.state else value.state
        if type(state) is not Pairs:
            return {}
        pairs = zip(state.flat[::2], state.flat[1::2], strict=True)
        return {name: held for name, held in pairs if type(name) is str}

    def parts(self, value: Symbol) -> Sequence[Symbol] | None:
        if isinstance(value, (list, tuple)):
            return value
        if type(value) is Pairs:
            return value.flat[1::2]
        if type(value) is Items:
            return value.held
        if type(value) is Made and value.way == NEW and value.arguments:
            return tuple(value.arguments)  # a tuple with names
        array = array_of(value)
        if array is not None:
            return array.content if type(array.content) is list else None
        is_dict = type(value) is Made and value.pairs and type(value.state) in (type(None), Pairs)
        return value.pairs[1::2] if is_dict else None

    def keys(self, value: Symbol) -> Collection[Symbol]:
        if type(value) is Pairs:
            return [key for key in value.flat[::2] if type(key) is str]
        return [key for key in value.pairs[::2] if type(key) is str] if type(value) is Made else ()

    def is_plain(self, value: Symbol) -> bool:
        return type(value) in _PLAIN or (type(value) is Made and is_one_of(value.of, _SCALAR))

    def is_array(self, value: Symbol) -> bool:
        array = array_of(value)
        return array is not None and array.content is None

    def is_estimator(self, value: Symbol) -> bool:
        if self.package(value):
            return is_estimator_of_package(*class_of(value).place)
        if not self._is_of(value, "sklearn") or self.class_name(value) in _NOT_ESTIMATORS:
            return False
        return not class_of(value).module.startswith(_NO_ESTIMATORS)

    def is_part(self, value: Symbol, package: str) -> bool:
        return self._is_of(value, package)

    def named(self, leaf: Symbol) -> tuple[str, str] | None:
        if _is_global(leaf):
            return str(leaf.place[0]), str(leaf.place[1])
        is_method = type(leaf) is Made and is_one_of(leaf.of, {("builtins", "getattr")})
        if not is_method or type(leaf.arguments) is not tuple or len(leaf.arguments) != 2:
            return None
        of, name = leaf.arguments
        if type(of) is str:
            return "builtins.str", str(name)
        return (".".join(of.place) if _is_global(of) else "", str(name))

    def is_trusted_function(self, leaf: Symbol) -> bool:
        while is_partial(leaf) and type(leaf.arguments) is tuple and leaf.arguments:
            leaf = leaf.arguments[0]
        rights = leaf.rights if _is_global(leaf) and leaf.verdict == "trusted" else None
        return rights is not None and rights.kind == FUNCTION

    def called(self, leaf: Symbol) -> tuple[str, str] | None:
        while type(leaf) is Made and is_partial(leaf) and leaf.arguments:
            leaf = leaf.arguments[0]
        return self.named(leaf)

    def dtype_code(self, leaf: Symbol) -> str:
        return dtype_code(leaf)

    def is_class(self, leaf: Symbol) -> bool:
        return _is_global(leaf) and leaf.rights is not None and leaf.rights.kind == CLASS

    def is_partial(self, leaf: Symbol) -> bool:
        return is_partial(leaf)

    def is_memory(self, leaf: Symbol) -> bool:
        return type(leaf) is Made and is_one_of(leaf.of, _MEMORY)

    def takes(self, value: Symbol, param: str, text: str) -> bool:
        """Whether nobody can know here: a later release than the table's wrote the object."""
        version = self.attributes(value).get("_sklearn_version")
        return type(version) is str and _release(version) > _release(newest_release())

    def _is_of(self, value: Symbol, package: str) -> bool:
        if type(value) is not Made:
            return False
        cls = class_of(value)
        if not _is_global(cls):
            return False
        return bool(cls.verdict == "trusted" or cls.place[0].partition(".")[0] == package)


def _is_global(value: Symbol) -> bool:
    return type(value) is Global


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:2])
