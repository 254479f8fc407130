"""What the door takes can be used: models with one attribute changed end no process.

Each is an honest model of the zoo with one number, array, text or container in it replaced, as a
file could have it. If the door takes it, it is asked about honest rows, and its arrays lie in
front of memory that nobody may touch: a read beyond one ends the process, instead of being silent.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import random
import resource
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.tree._tree import Tree
from threadpoolctl import threadpool_limits

from gitmodelstore.errors import StoreError
from gitmodelstore.pickles import guard
from gitmodelstore.pickles.load import load
from tests.conftest import SEED
from tests.zoo import DEPRECATED, specimens
from tests.zoo.specimen import METHODS, Specimen, dumped

pytestmark = pytest.mark.filterwarnings(DEPRECATED)

MOST_SECONDS = 10
MOST_BYTES = 4 << 30
REFUSED, USED, UNWRITTEN, ASTRAY = 10, 11, 12, 13  # no exit codes of a library's own
NO_MORE_THREADS = 1  # as libgomp ends a process that asks for more than MOST_BYTES are enough for

DELETED = object()
NUMBERS = (-(10**6), -1, 0, 1, 2, 1000, 10**6, 2**31 - 1, 2**31, 2**40, 2**63 - 1)
FLOATS = (float("nan"), float("inf"), 0.0, -1.0, 1e300)
TEXTS = ("", "auto", "ball_tree", "brute", "fit", "kd_tree", "linear", "precomputed", "rbf", "warn")
PACKAGES = ("sklearn.", "scipy.")
NATIVE = ("Tree", "KDTree", "BallTree")


class Place(NamedTuple):
    """Where something stands in a model: its name, what stands there, and what puts another."""

    name: str
    held: Any
    put: Callable[[Any], Any]


def places(value: Any, put: Callable[[Any], Any], seen: dict[int, Any]) -> Iterator[Place]:
    """Yield every attribute within a model, and what lists and states of native objects hold."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    for name, held, putting in parts(value, put):
        yield Place(f"{type(value).__name__}.{name}", held, putting)
        yield from places(held, putting, seen)


def parts(value: Any, put: Callable[[Any], Any]) -> Iterator[tuple[Any, Any, Any]]:
    if type(value).__name__ in NATIVE:
        made = value.__reduce__()
        state = made[2] if isinstance(value, Tree) else dict(enumerate(made[2]))
        for name, held in state.items():
            if name == "node_count":  # writing the tree would go astray by it
                continue
            yield name, held, functools.partial(put_in_state, made, put, name)
    elif isinstance(value, list):
        yield from ((n, held, functools.partial(put_item, value, n)) for n, held in few(value))
    elif isinstance(value, dict) and len(value) < 20:
        yield from ((k, held, functools.partial(put_item, value, k)) for k, held in value.items())
    elif isinstance(value, tuple):
        for n, held in few(value):
            yield n, held, lambda new, n=n: put((*value[:n], new, *value[n + 1 :]))
    elif isinstance(value, np.ndarray) and value.dtype == object:
        items = value.reshape(-1)
        yield from ((n, held, functools.partial(put_item, items, n)) for n, held in few(items))
    elif type(value).__module__.startswith(PACKAGES) and hasattr(value, "__dict__"):
        held_by_name = vars(value)
        for name, held in list(held_by_name.items()):
            yield name, held, functools.partial(put_item, held_by_name, name)


def few(values: Any) -> list[tuple[int, Any]]:
    return [(n, held) for n, held in enumerate(values) if n < 3 or n == len(values) - 1]


def put_item(holder: Any, key: Any, new: Any) -> None:
    if new is not DELETED:
        holder[key] = new
    elif not isinstance(holder, np.ndarray):
        del holder[key]


def put_in_state(made: Any, put: Callable[[Any], Any], name: Any, new: Any) -> None:
    cls, arguments, state = made
    if new is DELETED:
        raise ValueError("a native object wants its whole state")
    if isinstance(state, dict):
        state = {**state, name: new}
    else:
        state = (*state[:name], new, *state[name + 1 :])
    again = cls(*arguments)
    again.__setstate__(state)
    put(again)


def changed(value: Any, chance: random.Random) -> tuple[str, Any]:
    """Return another value for the same place, and what was done."""
    if chance.random() < 0.1:
        return "deleted", DELETED
    if isinstance(value, np.ndarray) and value.ndim and value.dtype.names is None:
        return changed_array(value, chance)
    if isinstance(value, np.ndarray) and value.ndim:
        cut = chance.choice([slice(0, -1), slice(0, 0), slice(0, 1)])
        return f"{cut}", value[cut].copy()
    if isinstance(value, (bool, np.bool_)):
        return "not", not value
    if isinstance(value, (int, np.integer)):
        new = chance.choice((*NUMBERS, int(value) + 1, int(value) * 2))
        return f"{new}", new
    if isinstance(value, (float, np.floating)):
        new = chance.choice(FLOATS)
        return f"{new}", new
    if isinstance(value, (list, tuple)):
        return chance.choice(
            [("shorter", value[:-1]), ("twice", value + value), ("empty", value[:0])]
        )
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        how, new = changed(value[key], chance)
        rest = {other: held for other, held in value.items() if other != key}
        return f"[{key!r}] {how}", rest if new is DELETED else {**rest, key: new}
    new = chance.choice((*TEXTS, None, 7))
    return f"{new!r}", new


def changed_array(array: Any, chance: random.Random) -> tuple[str, Any]:
    ways: dict[str, Callable[[], Any]] = {
        "shorter": lambda: array[:-1].copy(),
        "one": lambda: array[:1].copy(),
        "empty": lambda: array[:0].copy(),
        "longer": lambda: np.concatenate([array, array]),
        "flat": lambda: array.ravel().copy(),
        "in columns": lambda: np.asfortranarray(array),
        "deeper": lambda: array[None].copy(),
    }
    if array.ndim > 1:
        ways["narrower"] = lambda: array[..., :-1].copy()
        ways["wider"] = lambda: np.concatenate([array, array], axis=-1)
        ways["turned"] = lambda: np.ascontiguousarray(array.T)
    if array.dtype.kind in "iuf" and array.size:
        for number in (*NUMBERS, *FLOATS):
            ways[f"[0] = {number}"] = functools.partial(with_number, array, 0, number)
            ways[f"all = {number}"] = functools.partial(with_number, array, slice(None), number)
        for dtype in ("i1", "i4", "i8", "f4", "f8", "O"):
            ways[dtype] = lambda dtype=dtype: np.nan_to_num(array).astype(dtype)
    how = chance.choice(list(ways))
    return how, ways[how]()


def with_number(array: Any, at: Any, number: float) -> Any:
    new = array.copy()
    limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
    if limits:
        number = min(max(np.nan_to_num(number), limits.min), limits.max)
    new.reshape(-1)[at] = number
    return new


def fence(array: Any) -> Any:
    """Return a copy that ends where a page does, in front of one that nobody may read."""
    page = mmap.PAGESIZE
    size_bytes = -(-max(array.nbytes, 1) // page) * page
    memory = mmap.mmap(-1, size_bytes + page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory, size_bytes))
    ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(page), 0)
    begin = size_bytes - array.nbytes
    new = np.frombuffer(memory, np.uint8, array.nbytes, begin).view(array.dtype)
    new = new.reshape(array.shape, order="F" if array.flags.fnc else "C")
    new[...] = array
    return new


def is_fenced(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size > 0 and value.dtype.kind in "biufc"


def use(model: Any, rows: Any) -> None:
    """Ask a model whatever it answers; what it raises is its own affair."""
    for place in list(places(model, lambda new: None, {})):
        if is_fenced(place.held) and place.name.partition(".")[0] not in NATIVE:
            with contextlib.suppress(Exception):
                place.put(fence(place.held))
    if is_fenced(rows):
        rows = fence(rows)
    for way in (*METHODS, "decision_path", "kneighbors_graph"):
        with contextlib.suppress(Exception):
            getattr(model, way)(rows)
    for question in (
        lambda: model.score(rows, model.predict(rows)),
        lambda: model.inverse_transform(model.transform(rows)),
        model.__repr__,
        lambda: model._repr_html_(),  # asks for every property
    ):
        with contextlib.suppress(Exception):
            question()


def outcome(model: Any, rows: Any) -> int:
    """Return what comes of a model that is written, read by the door and used, in a child."""
    child = os.fork()
    if child == 0:
        status = ASTRAY
        try:
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # that of pytest-timeout raises
            signal.alarm(MOST_SECONDS)
            threadpool_limits(1)
            warnings.simplefilter("ignore")
            status = UNWRITTEN
            data = dumped(model)
            status = ASTRAY
            try:
                read = load(data, name="file")
            except StoreError:
                status = REFUSED
            else:
                use(read, rows)
                status = USED
        except BaseException:
            if status == ASTRAY:
                traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def change(model: Any, chance: random.Random) -> str | None:
    """Change one place of a model, and say which; None where the place takes nothing else."""
    by_name: dict[str, list[Place]] = {}
    for place in places(model, lambda new: None, {}):
        by_name.setdefault(place.name, []).append(place)
    place = chance.choice(by_name[chance.choice(list(by_name))])
    try:
        with warnings.catch_warnings(action="ignore"):  # numpy's, of numbers that no longer fit
            how, new = changed(place.held, chance)
            place.put(new)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return f"{place.name}: {how}"


@pytest.mark.parametrize(
    ("models", "changes"), [(5, 12), pytest.param(30, 20, marks=pytest.mark.long)]
)
def test_models_with_one_attribute_changed_end_no_process(models, changes):
    """Whatever the door takes is used."""
    seed = int(os.environ[SEED])
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - no secret
    zoo = [specimen for specimen in specimens() if not specimen.name.startswith("noted")]
    counts: Counter[int] = Counter()
    guilty = []
    for _ in range(models):
        specimen = chance.choice(zoo)
        data, rows = fitted(specimen)
        for _ in range(changes):
            model = load(data, name=specimen.name)
            what = change(model, chance)
            if what is not None:
                status = outcome(model, rows)
                counts[status] += 1
                if status == -signal.SIGALRM:
                    print(f"no end in {MOST_SECONDS} s: {specimen.name}, {what}")
                elif status == NO_MORE_THREADS and "_n_threads" in what:
                    print(f"more threads than there are here: {specimen.name}, {what}")
                elif status not in (REFUSED, USED, UNWRITTEN):
                    guilty.append(f"{specimen.name}, {what}: {status}")
    print(dict(counts))

    assert guilty == [], f"seed {seed}"
    assert counts[REFUSED] > 0
    assert counts[USED] > 0


def fitted(specimen: Specimen) -> tuple[bytes, Any]:
    """Return the file of a specimen, and its rows; by one thread, as threads end in a fork."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dumped(specimen.fit()), specimen.rows


@pytest.mark.parametrize("label", [np.iinfo(np.int64).max, 4, -1])
def test_a_label_of_no_cluster_is_refused(label):
    """numpy's bincount makes room for one more than the highest: past the last number, for none."""
    (specimen,) = (one for one in specimens() if one.name == "FeatureAgglomeration")
    data, rows = fitted(specimen)
    model = load(data, name=specimen.name)
    model.labels_ = np.full_like(model.labels_, label)

    assert outcome(model, rows) == REFUSED


def test_without_the_last_look_the_process_ends(monkeypatch):
    """The programme can fail: what the door looks at last is what keeps processes alive."""
    (specimen,) = (specimen for specimen in specimens() if specimen.name == "KMeans")
    data, rows = fitted(specimen)
    model = load(data, name="KMeans")
    model.cluster_centers_ = model.cluster_centers_[:, :1].copy()

    assert outcome(model, rows) == REFUSED
    monkeypatch.setattr(guard, "refuse_what_does_not_fit", lambda *_: None)
    assert outcome(model, rows) == -signal.SIGSEGV
