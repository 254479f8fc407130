"""Unpickling that refuses before it acts: the guarded walk.

A subclass of the unpickler written in Python, so that each opcode is judged before it acts: by
`rights` (names), `stand_ins` (calls) and `states`. One parser checks and loads, so that the two
cannot disagree. It is not a sandbox: hostile numbers can make native code misbehave
(docs/security.md).
"""

from __future__ import annotations

import io
import pickle
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import chain, compress
from operator import is_not
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NoReturn

import numpy as np

from gitmodelstore.errors import RefusedPickle, UnportablePipeline
from gitmodelstore.estimators.describe import is_estimator
from gitmodelstore.pickles import rights as rules
from gitmodelstore.pickles.compression import Source
from gitmodelstore.pickles.fast_load import (
    NEVER_HELD,
    Dtypes,
    find,
    is_of_scikit_learn,
    kin_of_class,
    rights_of_trusted,
)
from gitmodelstore.pickles.opcodes import Opcodes
from gitmodelstore.pickles.places import View, misplaced, with_article
from gitmodelstore.pickles.relations import disagreements, is_tree
from gitmodelstore.pickles.rights import NOBODY, STATE, VALUE, Trust, kin_of, packages
from gitmodelstore.pickles.stand_ins import Named, Wrapper, in_words
from gitmodelstore.pickles.states import dtype_code
from gitmodelstore.pickles.summary import way_to_trust

# Whether a pipeline that the guarded walk has built hangs together, before anybody uses it.


_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_PLAIN_OR_NUMPY = (*_PLAIN, np.generic)
_HOLDERS = (list, tuple, dict, set, frozenset, np.ndarray)
_NOTHING: Mapping[str, Any] = {}
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType)
_CALLED = frozenset({"effective_metric_", "func", "inverse_func", "kernel", "metric", "weights"})
_METHODS_OF_TEXT: Any = type(str.lower)
# Classes of scikit-learn from which a team's own derive without taking over what they do.
_BASES = ("sklearn.base", "sklearn.utils.")
# Methods that an honest pipeline keeps among its attributes: histogram boosting that stopped early.
_KEPT_METHODS = frozenset({"_raw_predict"})


def refuse_what_does_not_fit(guard: Guard, pipeline: Any) -> None:
    """Refuse a pipeline that would do more than its parts are for, or read beyond its arrays."""
    view = _Objects(guard.trust)
    for value in guard.stated.values():
        for fault in _in_the_way(value):
            guard.refuse(fault)
        attributes = view.attributes(value)
        if guard.shared:  # what nobody else holds costs what the file itself is long
            for part in attributes.values():
                _weigh(guard, part)
        for fault in _disagreeing(value, attributes):
            guard.refuse(fault)
        if any(callable(attributes[name]) for name in attributes.keys() & _CALLED):
            # The arrays that it can be called with, and so write to.
            given = (part.values() for part in attributes.values() if isinstance(part, dict))
            parts = (*attributes.values(), *chain.from_iterable(given))
            guard.must_be_alone(*(part for part in parts if isinstance(part, np.ndarray)))
    for entry in misplaced(guard.stated.values(), pipeline, view):
        guard.refuse(entry.fault, hint=entry.hint)


def _in_the_way(value: Any) -> Iterator[str]:
    """Yield which attributes of an object take the place of what its class defines."""
    defined = _defined_by(_class_of(value))
    own = getattr(value, "__dict__", _NOTHING) if defined else _NOTHING  # a partial makes one
    for name in sorted(own.keys() & defined):
        if name not in _KEPT_METHODS or getattr(own[name], "__self__", None) is not value:
            where = with_article(type(value).__name__)
            yield f"it sets '{name}' on {where}, although the class defines it"


def _disagreeing(value: Any, attributes: Mapping[str, Any]) -> Iterator[str]:
    if attributes and _acts_as_scikit_learn(_class_of(value)):
        where = with_article(type(value).__name__)
        for name, wanted in disagreements(value):
            yield f"'{name}' of {where} does not fit: it must be {wanted}"


def hangs_together(pipeline: Any) -> bool:
    """Whether nothing that the estimators of a pipeline in memory hold is in the way of a load.

    For a pipeline of scikit-learn's own classes; of False only a load tells.

    Raises:
        UnportablePipeline: what one of them holds stands where no reader takes it.
    """
    estimators = _estimators_in(pipeline)
    view = _Objects(NOBODY)
    for entry in misplaced(estimators, pipeline, view):
        raise UnportablePipeline(
            f"no reader could load this pipeline: {entry.fault}", (), hint=entry.hint
        )
    return not any(
        fault
        for value in estimators
        for fault in (*_in_the_way(value), *_disagreeing(value, view.attributes(value)))
    )


def _estimators_in(pipeline: Any) -> list[Any]:
    """Return a pipeline and the estimators within it; of a forest's trees those that differ."""
    estimators: dict[int, Any] = {}
    first: dict[type, tuple[Mapping[str, Any], list[str], dict[str, Any]]] = {}
    waiting = [pipeline]
    while waiting:
        value = waiting.pop()
        like = first.get(type(value))
        if like is None and isinstance(value, _PLAIN):
            continue
        if like is not None or is_estimator(value):
            own = vars(value)
            if like is None:
                like = first[type(value)] = (own, list(own), {})
            if id(value) not in estimators and not _is_twin(own, *like):
                estimators[id(value)] = value
                waiting += own.values()
        elif isinstance(value, tuple):
            waiting += value
        elif isinstance(value, (list, dict, np.ndarray)):
            if isinstance(value, np.ndarray):
                value = value.ravel().tolist() if value.dtype.hasobject else ()
            items = value.values() if isinstance(value, dict) else value
            if not isinstance(next(iter(items), None), _PLAIN):
                waiting += items
    return list(estimators.values())


def _is_twin(
    tree: Mapping[str, Any], first: Mapping[str, Any], names: list[str], judged: dict[str, Any]
) -> bool:
    """Whether the judgement of the first tree holds here.

    `names`: of its attributes; `judged`: those that were looked at so far.
    """
    if tree is first or "tree_" not in tree or list(tree) != names:
        return False
    for name in compress(names, map(is_not, tree.values(), first.values())):
        if name not in judged:
            judged[name] = _judged_by(name, first[name])
        if _judged_by(name, tree[name]) != judged[name]:
            return False
    return True


def _judged_by(name: str, part: Any) -> Any:
    """Return all that is judged of an attribute of a tree, at most the attribute itself."""
    kind = type(part)
    if kind in _PLAIN:
        return kind if kind is int and name == "random_state" else (kind, part)
    if is_tree(part):
        return kind, part.n_features, part.n_outputs, part.n_classes.tobytes()
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        return kind, part.dtype, part.shape, part.tobytes()
    return (kind, part) if isinstance(part, _PLAIN_OR_NUMPY) else id(part)


def _class_of(value: Any) -> Any:
    return type(value)


def _weigh(guard: Guard, value: Any) -> None:
    """Take note of the time to compare what an attribute holds: many objects can share it."""
    parts: Collection[Any]
    if isinstance(value, np.ndarray):
        guard.work(1 + (value.nbytes >> 10))
        parts = value.ravel().tolist() if value.dtype.hasobject else ()
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts = value
    elif isinstance(value, dict):
        parts = value.values()
    else:
        return
    if not parts:
        return
    if isinstance(next(iter(parts)), _PLAIN):
        guard.work(len(parts) >> 2)
        return
    guard.work(10 * len(parts))
    for part in parts:
        if isinstance(part, (list, np.ndarray)):
            _weigh(guard, part)


class _Objects(View):
    """How the guarded walk shows its objects to `places`."""

    dtype_code = staticmethod(dtype_code)

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def place(self, value: Any) -> tuple[str, str]:
        return _place_of(_class_of(value))

    def is_trusted(self, value: Any) -> bool:
        cls = type(value)
        return bool(self._trust.names) and self._trust.covers(cls.__module__, cls.__qualname__)

    def attributes(self, value: Any) -> Mapping[str, Any]:
        cls = _class_of(value)
        if not _acts_as_scikit_learn(cls) and not _known_package_of(cls):
            return _NOTHING
        state = getattr(value, "__dict__", None) or _NOTHING
        return state.get("_init_params", state) if cls.__module__ == "catboost.core" else state

    def parts(self, value: Any) -> Sequence[Any] | None:
        if not isinstance(value, _HOLDERS):  # most are estimators
            return None
        if isinstance(value, (list, tuple)):
            return value
        if isinstance(value, dict):
            return list(value.values())
        if isinstance(value, (set, frozenset)):
            return list(value)
        if value.dtype.hasobject:
            items = value.ravel().tolist()
            return items if isinstance(items, list) else [items]
        return None

    def keys(self, value: Any) -> Collection[Any]:
        return value if isinstance(value, dict) else ()

    def is_plain(self, value: Any) -> bool:
        return isinstance(value, _PLAIN_OR_NUMPY)

    def is_array(self, value: Any) -> bool:
        return isinstance(value, np.ndarray) and not value.dtype.hasobject

    def is_estimator(self, value: Any) -> bool:
        return _is_estimator(_class_of(value)) or self.is_trusted(value)

    def named(self, leaf: Any) -> tuple[str, str] | None:
        if isinstance(leaf, type):
            return leaf.__module__, leaf.__qualname__
        if isinstance(leaf, _METHODS_OF_TEXT):
            method: Any = leaf
            return f"builtins.{method.__objclass__.__name__}", method.__name__
        if isinstance(leaf, BuiltinFunctionType) and type(leaf.__self__) is str:
            return "builtins.str", leaf.__name__
        if (
            isinstance(leaf, (*_FUNCTIONS, np.ufunc))
            or type(leaf).__name__ == "_ArrayFunctionDispatcher"
        ):
            return getattr(leaf, "__module__", None) or "numpy", leaf.__name__
        return None

    def inmost(self, leaf: Any) -> Any:
        while isinstance(leaf, partial):
            leaf = leaf.func
        return leaf

    def is_class(self, leaf: Any) -> bool:
        return isinstance(leaf, type)

    def is_partial(self, leaf: Any) -> bool:
        return isinstance(leaf, (partial, np.vectorize))

    def takes(self, value: Any, param: str, text: str) -> bool:
        return any(
            constraint.is_satisfied_by(text) for constraint in _constraints(_class_of(value), param)
        )

    def is_trusted_function(self, leaf: Any) -> bool:
        if not self._trust.names or isinstance(leaf, type):
            return False
        module, name = getattr(leaf, "__module__", None), getattr(leaf, "__qualname__", None)
        if not isinstance(module, str) or not isinstance(name, str):
            return False
        return self._trust.names_exactly(module, name)


@lru_cache(maxsize=1024)
def _acts_as_scikit_learn(cls: Any) -> bool:
    """Whether attributes of its objects are used by code of scikit-learn's."""
    return any(
        base.__module__.startswith("sklearn.") and not base.__module__.startswith(_BASES)
        for base in cls.__mro__
    )


@lru_cache(maxsize=1024)
def _place_of(cls: Any) -> tuple[str, str]:
    return rules.canonical(cls.__module__, cls.__qualname__)


@lru_cache(maxsize=1024)
def _known_package_of(cls: Any) -> str:
    package: str = cls.__module__.partition(".")[0]
    return package if package in packages() else ""


@lru_cache(maxsize=1024)
def _is_estimator(cls: Any) -> bool:
    from sklearn.base import BaseEstimator

    if _known_package_of(cls):
        return rules.is_estimator_of_package(cls.__module__, cls.__qualname__)
    return issubclass(cls, BaseEstimator) and cls.__module__.startswith("sklearn.")


@lru_cache(maxsize=1024)
def _defined_by(cls: Any) -> frozenset[str]:
    """Return what classes of scikit-learn and of the packages define, but for public values."""
    return frozenset(
        name
        for base in cls.__mro__
        if base.__module__.startswith(("sklearn.", "scipy.sparse.")) or _known_package_of(base)
        for name, value in vars(base).items()
        if hasattr(value, "__get__")
        or (not _known_package_of(base) and (name[0] == "_" or not isinstance(value, _PLAIN)))
    )


@lru_cache(maxsize=4096)
def _constraints(cls: Any, param: str) -> tuple[Any, ...]:
    from sklearn.utils._param_validation import make_constraint

    constraints = getattr(cls, "_parameter_constraints", {}).get(param, ())
    with suppress(ValueError, TypeError):
        return tuple(map(make_constraint, constraints)) if isinstance(constraints, list) else ()
    return ()


# The links of decision trees, which native code follows without looking.


_BATCH_BYTES = 4 << 20
_LEAF = -1  # sklearn.tree._tree.TREE_LEAF


class Links:
    """The trees of one pipeline."""

    def __init__(self) -> None:
        self._nodes_bytes = 0
        self._are_sound = True
        self._trees: list[tuple[Any, Any, Any]] = []  # left, right and feature of each node
        self._features: list[int] = []
        self._depths: list[int] = []
        self._predictors: list[Any] = []
        self._sets: list[int] = []

    def add_tree(self, nodes: Any, features: int, depth: int) -> None:
        """Take the nodes of a `Tree` that splits so many features, and says how deep it is."""
        left, right, feature = (
            np.ascontiguousarray(nodes[field]) for field in ("left_child", "right_child", "feature")
        )
        self._trees.append((left, right, feature))
        self._features.append(features)
        self._depths.append(depth)
        self._add(nodes)

    def add_predictor(self, nodes: Any, sets: int) -> None:
        """Take the nodes of a `TreePredictor` that has so many sets of categories."""
        self._predictors.append(nodes)
        self._sets.append(sets)
        self._add(nodes)

    def are_sound(self) -> bool:
        """Whether all links lead forward within their tree, and each split is of something."""
        self._judge()
        return self._are_sound

    def _add(self, nodes: Any) -> None:
        self._nodes_bytes += nodes.nbytes
        if self._nodes_bytes > _BATCH_BYTES:  # they are copied to be judged
            self._judge()

    def _judge(self) -> None:
        if not (self._trees_are_sound() and self._predictors_are_sound()):
            self._are_sound = False
        for batch in (self._trees, self._features, self._depths, self._predictors, self._sets):
            batch.clear()
        self._nodes_bytes = 0

    def _trees_are_sound(self) -> bool:
        if not self._trees:
            return True
        left, right, feature = map(np.concatenate, zip(*self._trees, strict=True))
        sizes = np.array([len(links) for links, _, _ in self._trees])
        places, counts = _places(sizes)
        inner = np.flatnonzero(left != _LEAF)
        feature, features = feature[inner], np.repeat(self._features, sizes)[inner]
        return (
            _lead_forward(left[inner], right[inner], places[inner], counts[inner])
            and bool(((feature >= 0) & (feature < features)).all())
            and self._are_as_deep(left, right, inner, places, sizes)
        )

    def _are_as_deep(self, left: Any, right: Any, inner: Any, places: Any, sizes: Any) -> bool:
        """Whether each tree is as deep as it says: paths are written to arrays of that size."""
        # Links lead forward, and no node has two above it, so each is met once.
        first = inner - places[inner]  # where the tree of a node begins
        left, right = left.copy(), right.copy()
        left[inner] += first
        right[inner] += first
        children = np.concatenate((left[inner], right[inner]))
        if len(children) and np.bincount(children).max() > 1:
            return False
        is_inner = np.zeros(len(places), dtype=bool)
        is_inner[inner] = True
        tree_of = np.repeat(np.arange(len(sizes)), sizes)
        depths, depth = np.zeros(len(sizes), dtype=np.int64), 0
        level = np.flatnonzero(places == 0)
        while len(level):
            depths[tree_of.take(level)] = depth
            level, depth = level[is_inner.take(level)], depth + 1
            level = np.concatenate((left.take(level), right.take(level)))
        return bool((depths == self._depths).all())

    def _predictors_are_sound(self) -> bool:
        if not self._predictors:
            return True
        nodes = np.concatenate(self._predictors)
        sizes = np.array([len(tree) for tree in self._predictors])
        places, counts = _places(sizes)
        sets = np.repeat(self._sets, sizes)
        inner = nodes["is_leaf"] == 0
        of_sets = inner & (nodes["is_categorical"] != 0)
        left, right = (nodes[side][inner].astype(np.int64) for side in ("left", "right"))
        return _lead_forward(left, right, places[inner], counts[inner]) and bool(
            (nodes["feature_idx"][inner] >= 0).all()
            and (nodes["bitset_idx"][of_sets] < sets[of_sets]).all()
        )


def _places(sizes: Any) -> tuple[Any, Any]:
    """Return of each node its place in its tree, and how many nodes that has."""
    starts = np.cumsum(sizes) - sizes
    return np.arange(sizes.sum()) - np.repeat(starts, sizes), np.repeat(sizes, sizes)


def _lead_forward(left: Any, right: Any, places: Any, counts: Any) -> bool:
    return all(bool(((child > places) & (child < counts)).all()) for child in (left, right))


# Guard


WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
# What a file may cost beyond what its own size explains, so that a small one stays cheap:
_SPARE_BYTES = 64 << 20  # of memory, for what is made of the same bytes again and again
_SPARE_WORK = 500_000  # microseconds, roughly, in what its calls and states do
_MOST_ALIKE = 1_000  # keys of one hash, which are compared with each other

_MOST_KEY_LEVELS = 2  # tuples within a tuple that is a key
_SCALARS = (str, bytes, int, float, bool, complex, type(None), date, timedelta, type)
_MOST_DIGITS = 1 << 16  # bits of a number that is a key, or is calculated with


class Guard(Opcodes):
    """Walks through one pickle, or through one nested in `outer`; the source stops at its end."""

    # Private bytes are writable memory that is handed over: arrays are views on them. `size_bytes`
    # is a compressed file's.

    def __init__(
        self,
        source: Source,
        name: str,
        trust: Trust = rules.NOBODY,
        *,
        private: bool = False,
        size_bytes: int | None = None,
        outer: Guard | None = None,
    ) -> None:
        super().__init__(source)
        self.source = source
        self.file_name = name
        self.trust = trust
        self.private = private
        self.dtypes: Dtypes = outer.dtypes if outer else Dtypes()
        self.named: dict[tuple[str, str], Named] = outer.named if outer else {}
        self._by_id: dict[int, Named] = outer._by_id if outer else {}
        self._outer = outer
        self._frame: io.BytesIO | None = None
        self.links: Links = outer.links if outer else Links()
        self.wrappers: list[weakref.ref[Wrapper]] = outer.wrappers if outer else []
        # What is made in two steps and has no state yet: arrays, their types, native objects.
        self.unfinished: dict[int, Any] = outer.unfinished if outer else {}
        # What was given a state, arrays and their types left out, and the states; by id.
        self.stated: dict[int, Any] = outer.stated if outer else {}
        self.states: dict[int, Any] = outer.states if outer else {}
        # Arrays and containers that were taken from the memo, so that two may hold them; by id.
        self.shared: dict[int, Any] = outer.shared if outer else {}
        # Arrays that were looked at and that native code follows: nobody else may hold them.
        self.alone: list[Any] = outer.alone if outer else []
        self.takers: dict[type, Any] = outer.takers if outer else {}  # see `states`
        self._hashes: dict[int, Any] = outer._hashes if outer else {}
        self._alike = 0
        size_bytes = source.size_bytes if size_bytes is None else size_bytes
        self._spare = _SPARE_BYTES + size_bytes
        self._work = _SPARE_WORK + size_bytes // 4
        self._opcodes = rules.SPARE_OPCODES + size_bytes

    def load(self) -> Any:
        """Return the object; RefusedPickle, or whatever a damaged file or its classes raise."""
        value = self._walk()
        self.walking = ""
        self.memo.clear()
        if self._outer is None:
            self._refuse_what_was_kept(value)
            self.must_be_alone(*self.alone)
            if self.unfinished:
                first = in_words(next(iter(self.unfinished.values())))
                self.refuse(f"it holds {first}, which is never given its state")
            if not self.links.are_sound():
                self.refuse("the links of a tree leave it, or form a loop")
            refuse_what_does_not_fit(self, value)
        return value

    def _walk(self) -> Any:
        """Do what the base class does, but read by functions written in C."""
        # Frames are kept to: the C unpickler must not see another pickle in the same bytes.
        self._leave_frame()
        self.metastack: list[list[Any]] = []
        self.stack: list[Any] = []
        self.append = self.stack.append
        self.walking, self.proto = "", 0
        self.began: int | None = None  # where in the frame the opcode stands that is judged
        functions, counter, done = self.functions, self._outer or self, 0
        try:
            for done in range(counter._opcodes):  # noqa: B007 - counted for the finally below
                opcode = self.read(1)
                if opcode:
                    functions[opcode[0]](self)
                elif self._frame is None:
                    raise EOFError
                else:
                    self._leave_frame()
            self.refuse("it has far more opcodes than bytes")
        except pickle._Stop as stop:  # type: ignore[attr-defined]
            self.end_frame()
            return stop.value
        finally:
            counter._opcodes -= done

    def take(self, size_bytes: int) -> bytes:
        """Return exactly so many bytes; EOFError where this frame or the file has fewer."""
        if self._frame is None:
            return bytes(self.source.take(size_bytes))
        taken = self._frame.read(size_bytes)
        if len(taken) < size_bytes:
            raise EOFError
        return taken

    def enter_frame(self, size_bytes: int) -> None:
        """Read on from the next bytes of the source, up to so many."""
        self.end_frame()
        self._frame = io.BytesIO(self.source.take(size_bytes))
        self.read, self.readline = self._frame.read, self._frame.readline

    def end_frame(self) -> None:
        """Leave a frame that must be at its end."""
        if self._frame is not None and self._frame.read(1):
            self.refuse("a frame is longer than its contents")
        self._leave_frame()

    def _leave_frame(self) -> None:
        self._frame = None
        self.read, self.readline = self.source.read, self.source.readline

    def begin(self, opcode: str) -> None:
        self.walking = opcode
        self.began = None if self._frame is None else self._frame.tell()

    def _position(self) -> int:
        """Return where the opcode stands that is judged, as well as it can be told."""
        position = int(self.source.tell())
        if self._frame is not None:
            after = self.began if self.began is not None else self._frame.tell()
            position += after - len(self._frame.getvalue())
        return position - 1 if self.walking else position

    def refuse(
        self,
        why: str,
        named: Named | str | None = None,
        *,
        hint: str | None = None,
        needs_trust: tuple[str, ...] = (),
    ) -> NoReturn:
        """Raise the refusal of what is being done just now."""
        name = str(named) if named else None
        place = f" ({self.walking} at byte {self._position()})" if self.walking else ""
        raise RefusedPickle(
            f"'{self.file_name}' is refused: {why}{place}",
            name=name,
            opcode=self.walking or None,
            offset=self._position(),
            hint=hint or (way_to_trust(needs_trust) if needs_trust else _LOOK),
            needs_trust=needs_trust,
        )

    def nested(self) -> Any:
        """Return the object that is pickled at this place, between the opcodes."""
        return Guard(self.source, self.file_name, self.trust, outer=self._outer or self).load()

    def check_keys(self, keys: Sequence[Any]) -> None:
        """Refuse keys that are slow to hash, or many of one hash: tables compare them all."""
        for key in keys:
            if not _is_key(key, _MOST_KEY_LEVELS) and not self.is_own(type(key)):
                self.refuse(f"it uses {in_words(key)} as a key")
            if type(key) is tuple:
                self.work(len(key) // 8)
            if type(key) is not str and self._hashes.setdefault(hash(key), key) != key:
                self._alike += 1
        if self._alike > _MOST_ALIKE:
            self.refuse("it uses very many keys with the same hash")

    def work(self, microseconds: int) -> None:
        """Count the time that a call or a state takes, roughly."""
        outer = self._outer or self
        outer._work -= microseconds
        if outer._work < 0:
            self.refuse("loading it would take far longer than its size explains")

    def spend(self, size_bytes: int) -> None:
        """Count memory that is filled from bytes that may be read again."""
        outer = self._outer or self
        outer._spare -= size_bytes
        if outer._spare < 0:
            self.refuse("it expands into far more memory than its size explains")

    def finish(self, value: Any) -> bool:
        """Whether an array or a dtype may get its state: once, before anybody has looked at it."""
        return self.unfinished.pop(id(value), None) is not None

    def must_be_alone(self, *arrays: Any) -> None:
        """Note arrays that are checked, so that nothing else may write to them."""
        self.alone += arrays
        if self.shared and any(id(array) in self.shared for array in arrays):
            self.refuse("an array that native code follows is shared with something else")

    def of(self, value: Any) -> Named | None:
        """Return the name that a value came from; None for other values."""
        return self._by_id.get(id(value))

    def allows_state(self, cls: type) -> bool:
        listed = rules.listed(cls.__module__, cls.__qualname__)
        if listed is not None and STATE in listed.allowed:
            return True
        kin = None if listed else kin_of_class(cls)
        if kin is not None and STATE in kin.rights.allowed:
            return True
        return any(
            entry.held is cls and STATE in entry.rights.allowed for entry in self.named.values()
        )

    # Names

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for: itself, or a token where it may only be called."""
        if self.proto < 3:
            module, name = rules.of_python_3(module, name)
        entry = self.named.get((module, name))
        if entry is None:
            entry = self._resolve(module, name)
            self.named[module, name] = entry
            self._by_id[id(entry)] = entry
            if VALUE in entry.rights.allowed:
                self._by_id[id(entry.held)] = entry
        return entry.held if VALUE in entry.rights.allowed else entry

    def _resolve(self, module: str, name: str) -> Named:
        label = f"{module}.{name}"
        listed = rules.listed(module, name)
        if listed is None and self.trust.rights(module, name) is not None:
            value = find(module, name)
            rights = rights_of_trusted(value, module, name, self.trust)
            if rights is None:  # it is not what that trust is for
                self._refuse_trusted(value, module, name)
            return Named(module, name, rights, value)
        if listed is None and rules.may_be_of_scikit_learn(module, name):
            listed = rules.OF_SCIKIT_LEARN
        kin = None if listed else kin_of(module, name, find)
        if kin is not None:
            return Named(*kin.place, kin.rights, kin.held)
        if listed is None or (self._outer is not None and (module, name) == WRAPPER):
            self._refuse_foreign(label)
        if (module, name) == WRAPPER:
            return Named(module, name, listed, Wrapper)
        value = find(module, name)
        if isinstance(value, ModuleType) or isinstance(value, type) != (listed.kind == rules.CLASS):
            self.refuse(f"'{label}' is not the {listed.kind} it should be", label)
        if listed is rules.OF_SCIKIT_LEARN and not is_of_scikit_learn(value):
            self._refuse_foreign(label)
        return Named(module, name, listed, value)

    def _refuse_foreign(self, label: str) -> NoReturn:
        hint = None
        if label.partition(".")[0] == "__main__":
            hint = "move it into a module that readers can import, and write the file again"
        elif label.startswith("joblib._store_backends."):
            hint = "take the cache out before you fit: pipeline.set_params(memory=None)"
        self.refuse(
            f"it uses '{label}', which is not part of a pipeline",
            label,
            hint=hint,
            needs_trust=() if rules.acts(label) else (label,),
        )

    def _refuse_trusted(self, value: Any, module: str, name: str) -> NoReturn:
        """Say why trust does not cover what a name stands for."""
        label, place = f"{module}.{name}", getattr(value, "__module__", None)
        if not isinstance(value, type) and not self.trust.names_exactly(module, name):
            why = f"'{label}' is not a class, and trust in a package covers only its classes"
            self.refuse(why, label, needs_trust=(label,))
        if isinstance(value, NEVER_HELD) or not isinstance(place, str):
            self.refuse(f"'{label}' is not a class or a function", label)
        self.refuse(
            f"'{label}' is defined elsewhere, as '{place}.{getattr(value, '__qualname__', name)}'",
            label,
            hint="write the file again here, so that it names what is meant",
        )

    def is_own(self, cls: type) -> bool:
        """Whether a class is one that the reader trusts, which may run its own code."""
        return any(
            entry.held is cls and entry.rights is rules.OF_TRUSTED for entry in self.named.values()
        )

    def with_right(self, value: Any, right: str, verb: str) -> Named:
        entry = self.of(value)
        if entry is None:
            self.refuse(f"it {verb} {in_words(value)}, which is not a name")
        if right not in entry.rights.allowed:
            self.refuse(f"it {verb} '{entry}', which is not allowed", entry)
        return entry

    def _refuse_what_was_kept(self, value: Any) -> None:
        """Refuse where something holds a name that may only be called."""
        # Once stack and memo are gone nobody else may have such a token of ours.
        if isinstance(value, Named):
            self.refuse(f"it holds nothing but the name '{value}'", value)
        tokens = [
            (str(token), weakref.ref(token))
            for token in self.named.values()
            if VALUE not in token.rights.allowed
        ]
        self.named.clear()
        self._by_id.clear()
        del self.stack, self.metastack, self.append
        if any(wrapper() is not None for wrapper in self.wrappers):
            self.refuse("it keeps the description of an array in place of the array")
        for label, token in tokens:
            if token() is not None:
                self.refuse(f"it keeps '{label}', which may only be called", label)


def _is_key(value: Any, levels: int) -> bool:
    if type(value) is tuple:
        return levels > 0 and all(_is_key(part, levels - 1) for part in value)
    if type(value) is int:
        return value.bit_length() <= _MOST_DIGITS
    if isinstance(value, np.void):
        return False
    return type(value) in _SCALARS or isinstance(value, (np.generic, *_SCALARS))


_LOOK = "no honest pipeline needs that: look at it with `gms inspect`, which runs nothing"


# How deep the parts of a pipeline lie in one another, and where that has an end.


# The honest pipelines of tests/zoo hold up to 13 levels, not weighed. An estimator weighs more:
# scikit-learn's repr of one in another takes twice as long for each, seconds at a dozen.
MOST_LEVELS = 50
_OF_ESTIMATOR = 4

_LEAVES = frozenset((str, bytes, int, float, bool, complex, type(None), type))
_CONTAINERS = (list, tuple, set, frozenset)


def is_too_deep(root: Any) -> bool:
    """Whether estimators, kernels and containers nest too deep, or hold themselves."""
    heights: dict[int, int] = {}
    way = [_Level(root)]
    above = way[0].weight
    while way:
        level = way[-1]
        if level.left:
            child = level.left.pop()
            height = heights.get(id(child))
            if height is not None:
                level.below = max(level.below, height)
            elif any(other.held is child for other in way):
                at = next(number for number, other in enumerate(way) if other.held is child)
                if any(has_params(other.held) for other in way[at:]):
                    return True
            else:
                way.append(_Level(child))
                above += way[-1].weight
        else:
            way.pop()
            above -= level.weight
            heights[id(level.held)] = level.below + level.weight
            if way:
                way[-1].below = max(way[-1].below, level.below + level.weight)
        if above + (way[-1].below if way else 0) > MOST_LEVELS:
            return True
    return False


def has_params(value: Any) -> bool:
    """Whether an object is of a class of estimators or kernels, without asking the object."""
    return hasattr(type(value), "get_params")


class _Level:
    """An object on the way down: what it holds that is yet to be looked at, and how deep it is."""

    __slots__ = ("below", "held", "left", "weight")

    def __init__(self, value: Any) -> None:
        self.held = value
        self.left = _inner(value)
        self.below = 0
        self.weight = _OF_ESTIMATOR if hasattr(type(value), "fit") else 1


def _inner(holder: Any) -> list[Any]:
    """Return what an object holds that may hold something itself."""
    kind = type(holder)
    values: Any = ()
    if isinstance(holder, dict):
        values = holder.values()
    elif isinstance(holder, _CONTAINERS):
        values = holder
    elif kind is np.ndarray:
        values = holder.ravel().tolist() if holder.dtype == object else ()
    elif kind is partial:
        values = (*holder.args, *holder.keywords.values())
    elif kind is MethodType:
        values = (holder.__self__,)
    elif has_params(holder) and kind is not type:
        state = getattr(holder, "__dict__", {})  # `_scorer` of histogram boosting holds its owner
        values = [value for name, value in state.items() if name[:1] != "_"]
    return [value for value in values if type(value) not in _LEAVES and _may_hold(value)]


def _may_hold(value: Any) -> bool:
    """Whether something can lie in an object on which the way goes on."""
    kind = type(value)
    if kind is np.ndarray:
        return bool(value.dtype == object)
    return isinstance(value, (dict, *_CONTAINERS, partial, MethodType)) or has_params(value)
