"""Models of other packages that native code reads: whether their trees hang together.

LightGBM, XGBoost and CatBoost believe the sizes and indices in what they wrote, and follow them.
Owns what must hold of these; what else native code makes of a model is not looked at (see
docs/security.md).

Source of the formats: LightGBM's src/boosting/gbdt_model_text.cpp and src/io/tree.cpp; XGBoost's
src/learner.cc, src/gbm/gbtree_model.cc and src/tree/tree_model.cc; CatBoost's
catboost/libs/model/flatbuffers, model.cpp, static_ctr_provider.cpp and cpu/evaluator_impl.cpp.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

_MOST_FEATURES = 1 << 24
_MOST_CLASSES = 1 << 16
_CATEGORICAL = 1  # the bit of `decision_type`
_COUNTED = ("num_class", "num_tree_per_iteration", "max_feature_idx")
# Of each node, and of each leaf; weights are missing in files of old.
_OF_NODES = ("internal_count", "internal_value", "split_gain", "internal_weight")
_OF_LEAVES = ("leaf_count", "leaf_weight")
_OLD = ("internal_weight", "leaf_weight")
_KEYS = frozenset(
    {"cat_boundaries", "cat_threshold", "decision_type", "is_linear", "leaf_coeff", "leaf_const"}
    | {"leaf_features", "leaf_value", "left_child", "num_cat", "num_features", "num_leaves"}
    | {"right_child", "shrinkage", "split_feature", "threshold", *_OF_NODES, *_OF_LEAVES}
)
_PARAM = re.compile(r"\[[a-z0-9_]+: [^\[\]]*(\[[^\]]*\][^\[\]]*)*\]")
_WHOLE = re.compile(r"-?\d{1,18}")
_REAL = re.compile(r"-?(\d{1,40}(\.\d{1,40})?(e[-+]\d{1,3})?|inf|nan)")
_ZERO_OR_WORD = re.compile(r"-?(0(\.0+)?|inf|nan)")
_OBJECTIVE = re.compile(r"[a-z_0-9]+( [a-z_]+:[-+.0-9einfa]+| sqrt)*")


class _NotWhole(ValueError):
    """Something does not agree with something else."""


def is_whole_lightgbm(text: str) -> bool:
    """Whether the text of a LightGBM model says what its own trees need."""
    try:
        _look_at(text)
    except (KeyError, ValueError, OverflowError):
        return False
    return True


def _look_at(text: str) -> None:
    head, mark, rest = text.partition("\nTree=0\n")
    if not mark:
        raise _NotWhole
    fields = dict(line.partition("=")[::2] for line in head.splitlines())
    classes, per_round, last = (int(fields[name]) for name in _COUNTED)
    columns = last + 1
    _must(head.startswith("tree\nversion=v") and 0 < columns <= _MOST_FEATURES)
    _must(0 < classes <= _MOST_CLASSES and per_round == classes)
    _must(len(fields["feature_names"].split(" ")) == columns)
    _must(len(fields["feature_infos"].split(" ")) == columns)
    objective = fields.get("objective", "custom")
    _must(_OBJECTIVE.fullmatch(objective) is not None)
    match = re.search(r"num_class:(\d+)", objective)
    _must(match is None or int(match[1]) == classes)
    _must(int(fields.get("label_index", 0)) >= 0)
    _look_at_params(text)
    trees = list(_blocks(mark[1:] + rest, [int(size) for size in fields["tree_sizes"].split()]))
    _must(len(trees) % per_round == 0)
    for lines in trees:
        _look_at_tree(lines, columns)


def _look_at_params(text: str) -> None:
    """The settings of the training stand one a line, in brackets, up to their end."""
    behind = text.partition("\nend of trees\n")[2]
    _, begun, params = behind.partition("\nparameters:\n")
    settings, ended, _ = params.partition("\nend of parameters\n")
    _must(bool(begun) == bool(ended))
    _must(all(_PARAM.fullmatch(line) for line in settings.splitlines() if line))


def _blocks(text: str, sizes: list[int]) -> Iterator[dict[str, str]]:
    """Yield the lines of each tree: it begins and ends exactly where the head says."""
    start = 0
    for number, size in enumerate(sizes):
        block = text[start : start + size]
        lines = block.rstrip("\n").split("\n")
        _must(size > 0 and block.isascii() and lines[0] == f"Tree={number}")
        pairs = [line.partition("=")[::2] for line in lines[1:]]
        _must(len(dict(pairs)) == len(pairs))
        yield dict(pairs)
        start += size
    _must(text.startswith("end of trees\n", start))


def _look_at_tree(fields: dict[str, str], columns: int) -> None:
    leaves, categories = int(fields["num_leaves"]), int(fields["num_cat"])
    linear = fields.get("is_linear", "0")
    _must(_KEYS.issuperset(fields) and leaves > 0 and categories >= 0 and linear in ("0", "1"))
    nodes = leaves - 1
    _numbers(fields["leaf_value"], leaves, np.float64)
    float(fields["shrinkage"])
    if linear == "1":
        _look_at_lines(fields, leaves, columns)
    if not nodes:
        return
    for name in (*_OF_NODES, *_OF_LEAVES):
        if name in fields or name not in _OLD:
            _numbers(fields[name], leaves if name in _OF_LEAVES else nodes, np.float64)
    features = _numbers(fields["split_feature"], nodes, np.int64)
    thresholds = _numbers(fields["threshold"], nodes, np.float64)
    kinds = _numbers(fields["decision_type"], nodes, np.int64)
    _must(bool((features >= 0).all() and (features < columns).all()))
    _must(bool((kinds >= 0).all() and (kinds < 16).all()))
    _look_at_links(fields, nodes)
    places = thresholds[(kinds & _CATEGORICAL) != 0]
    _must(bool(((places >= 0) & (places < categories)).all()))
    if categories:
        ends = _numbers(fields["cat_boundaries"], categories + 1, np.int64)
        _must(bool(ends[0] == 0 and (np.diff(ends) > 0).all()))
        bits = _numbers(fields["cat_threshold"], int(ends[-1]), np.int64)
        _must(bool((bits >= 0).all() and (bits < 1 << 32).all()))


def _look_at_links(fields: dict[str, str], nodes: int) -> None:
    """Each node but the first, and each leaf, hangs at exactly one node before it."""
    left = _numbers(fields["left_child"], nodes, np.int64)
    right = _numbers(fields["right_child"], nodes, np.int64)
    links = np.concatenate([left, right])
    parents = np.tile(np.arange(nodes), 2)
    inner = links >= 0
    _must(bool((links[inner] > parents[inner]).all()))
    _must(np.array_equal(np.sort(links), np.r_[np.arange(-nodes - 1, 0), np.arange(1, nodes)]))


def _look_at_lines(fields: dict[str, str], leaves: int, columns: int) -> None:
    """The numbers of linear trees: as many coefficients as features, which there are."""
    _numbers(fields["leaf_const"], leaves, np.float64)
    counts = _numbers(fields["num_features"], leaves, np.int64)
    _must(bool((counts >= 0).all()))
    total = int(counts.sum())
    features = _numbers(fields["leaf_features"], total, np.int64)
    _must(bool((features >= 0).all() and (features < columns).all()))
    _numbers(fields["leaf_coeff"], total, np.float64)


def _numbers(text: str, count: int, dtype: Any) -> np.ndarray[Any, Any]:
    """Return numbers that LightGBM reads alike: what is no double for it ends the process."""
    parts = text.split()
    _must(len(parts) == count)
    if dtype is np.int64:
        _must(all(map(_WHOLE.fullmatch, parts)))
        return np.array(parts, dtype=dtype)
    _must(all(map(_REAL.fullmatch, parts)))
    numbers = np.array(parts, dtype=dtype)
    for part, value in zip(parts, numbers.tolist(), strict=True):
        if not 1e-307 < abs(value) < 1e308:
            _must(_ZERO_OR_WORD.fullmatch(part) is not None)
    return numbers


def _must(is_so: bool) -> None:
    if not is_so:
        raise _NotWhole


# XGBoost


_TYPES = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_WORDS = {b"T": True, b"F": False, b"Z": None}
_MOST_LEVELS = 32
# What a tree holds. One of several targets has the weights of its leaves apart; release 3.2 reads
# past the end of what earlier ones wrote of such a tree, who had them elsewhere.
_TREE = {
    **dict.fromkeys(("base_weights", "loss_changes", "split_conditions", "sum_hessian"), ">f4"),
    **dict.fromkeys(("left_children", "right_children", "parents", "split_indices"), ">i4"),
    **dict.fromkeys(("default_left", "split_type"), "u1"),
    **dict.fromkeys(("categories", "categories_nodes"), ">i4"),
    **dict.fromkeys(("categories_segments", "categories_sizes"), ">i8"),
}


def is_whole_xgboost(data: bytes) -> bool:
    """Whether the bytes of an XGBoost model, of 1.6 or later, are whole and its trees agree."""
    try:
        document, end = _ubjson(data, 0, 0)
        _must(end == len(data))
        learner = document.get("Model", document)["learner"]
        _look_at_booster(learner["gradient_booster"], learner["learner_model_param"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
        return False
    return True


def _ubjson(data: bytes, at: int, level: int) -> tuple[Any, int]:
    """Return the value that begins at a place, and where it ends."""
    # Source: Universal Binary JSON, draft 12, as far as XGBoost's src/common/json.cc writes it.
    kind, at = data[at : at + 1], at + 1
    _must(level < _MOST_LEVELS)
    if kind in _TYPES:
        dtype = np.dtype(_TYPES[kind])
        return np.frombuffer(data, dtype, 1, at)[0].item(), at + dtype.itemsize
    if kind in _WORDS:
        return _WORDS[kind], at
    if kind == b"S":
        return _ubjson_text(data, at)
    if kind == b"{":
        return _ubjson_object(data, at, level)
    _must(kind == b"[")
    return _ubjson_array(data, at, level)


def _ubjson_count(data: bytes, at: int) -> tuple[int, int]:
    _must(data[at : at + 1] == b"L")
    count = int.from_bytes(data[at + 1 : at + 9], "big", signed=True)
    _must(0 <= count <= len(data))
    return count, at + 9


def _ubjson_text(data: bytes, at: int) -> tuple[str, int]:
    size, at = _ubjson_count(data, at)
    _must(at + size <= len(data))
    return str(data[at : at + size], "utf-8"), at + size


def _ubjson_object(data: bytes, at: int, level: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    while data[at : at + 1] != b"}":
        name, at = _ubjson_text(data, at)
        _must(name not in members)
        members[name], at = _ubjson(data, at, level + 1)
    return members, at + 1


def _ubjson_array(data: bytes, at: int, level: int) -> tuple[Any, int]:
    kind = None
    if data[at : at + 1] == b"$":
        kind, at = data[at + 1 : at + 2], at + 2
    _must(data[at : at + 1] == b"#")
    count, at = _ubjson_count(data, at + 1)
    if kind is not None:
        dtype = np.dtype(_TYPES[kind])
        return np.frombuffer(data, dtype, count, at), at + count * dtype.itemsize
    items = []
    for _ in range(count):
        item, at = _ubjson(data, at, level + 1)
        items.append(item)
    return items, at


def _look_at_booster(booster: dict[str, Any], params: dict[str, Any]) -> None:
    columns, classes = int(params["num_feature"]), int(params["num_class"])
    targets = int(params.get("num_target", 1))
    _must(0 <= columns <= _MOST_FEATURES and 0 <= classes <= _MOST_CLASSES)
    _must(0 < targets <= _MOST_CLASSES)
    groups = max(classes, targets, 1)
    tree_booster = booster.get("gbtree", booster)
    model = tree_booster["model"]
    if booster["name"] == "gblinear":
        _must(model["weights"].dtype == ">f4" and len(model["weights"]) == (columns + 1) * groups)
        return
    _must(booster["name"] == ("dart" if "gbtree" in booster else "gbtree"))
    _must(tree_booster["name"] == "gbtree")
    trees, info = model["trees"], model["tree_info"]
    _must(len(trees) == len(info) == int(model["gbtree_model_param"]["num_trees"]))
    _must(all(0 <= group < groups for group in info))
    ends = np.asarray(model.get("iteration_indptr", [0, len(trees)]), dtype=np.int64)
    _must(bool(ends[0] == 0 and ends[-1] == len(trees) and (np.diff(ends) >= 0).all()))
    _must("weight_drop" not in booster or len(booster["weight_drop"]) == len(trees))
    for number, tree in enumerate(trees):
        _must(tree["id"] == number)
        _look_at_xgboost_tree(tree, columns, groups)


def _look_at_xgboost_tree(tree: dict[str, Any], columns: int, groups: int) -> None:
    params = tree["tree_param"]
    nodes, width = int(params["num_nodes"]), int(params["size_leaf_vector"])
    _must(nodes > 0 and int(params["num_feature"]) == columns and 0 <= width <= _MOST_CLASSES)
    arrays = {name: array for name, array in tree.items() if name not in ("id", "tree_param")}
    weights = arrays.pop("leaf_weights", None)
    _must(arrays.keys() == _TREE.keys() and (weights is not None) == (width > 1))
    for name, array in arrays.items():
        _must(array.dtype == _TREE[name])
        if not name.startswith("categories") and name != "base_weights":
            _must(len(array) == nodes)
    left, right = (tree[f"{side}_children"].astype(np.int64) for side in ("left", "right"))
    features = tree["split_indices"].astype(np.int64)
    inner = left != -1
    _must(width in (0, 1, groups))
    _must(len(tree["base_weights"]) == nodes * max(width, 1))
    if weights is not None:  # of several targets: a leaf says which of the weights are its
        leaves = right[~inner]
        _must(weights.dtype == ">f4" and len(weights) == len(leaves) * width)
        _must(bool(((leaves >= 0) & (leaves < len(leaves))).all()))
    else:
        _must(np.array_equal(inner, right != -1))
    links = np.concatenate([left[inner], right[inner]])
    _must(len(np.unique(links)) == len(links))
    _must(bool(((links > 0) & (links < nodes)).all()))
    _must(np.array_equal(tree["parents"][links], np.tile(np.flatnonzero(inner), 2)))
    _must(bool(((features >= 0) & (features < max(columns, 1)))[inner].all()))
    _look_at_categories(tree, inner)


def _look_at_categories(tree: dict[str, Any], inner: Any) -> None:
    """Nodes that split by categories have theirs within the list of all."""
    of_nodes = tree["categories_nodes"].astype(np.int64)
    starts, sizes = (tree[f"categories_{name}"].astype(np.int64) for name in ("segments", "sizes"))
    categories = tree["categories"]
    _must(len(of_nodes) == len(starts) == len(sizes))
    _must(bool(((starts >= 0) & (sizes >= 0) & (starts + sizes <= len(categories))).all()))
    _must(bool(((categories >= 0) & (categories < _MOST_FEATURES)).all()))
    kinds = tree["split_type"]
    _must(bool((kinds <= 1).all()))
    _must(np.array_equal(of_nodes, np.flatnonzero((kinds == 1) & inner)))


# CatBoost: fields are numbered as its schema has them. Those of all trees are 1 splits, 2 sizes and
# 3 starts of trees, 4 features of categories, 5 of numbers, 6 categories and 7 numbers kept of
# them that a tree may split by, 8 values and 9 weights of leaves; where trees are not symmetric,
# 10 steps from each node and 11 its leaf; 16 biases, 17 the splits once more, packed.


_AS_JSON = re.compile("params|loss_function|training|output_options")  # in the name of a note
_MOST_DEPTH = 16  # of a symmetric tree, as CatBoost grows them
_BINS = 254  # borders or values of a feature that share a bucket
_MOST_BUCKETS = 1 << 16
_BUCKETS, _MEANS = 1, (2, 3)  # kinds of what is kept of categories: by class, or means
_COUNTS = (4, 5)
_OF_TEXT = (12, 13, 18)  # features of text, what is calculated of them, and embeddings
_PLACES = np.dtype([("hash", "<u8"), ("index", "<u4")])  # of a table of categories
_FREE = (1 << 64) - 1


def is_whole_catboost(data: bytes) -> bool:
    """Whether a CatBoost model is whole and its trees agree; one of text or embeddings is not."""
    try:
        _must(data[:4] == b"CBM1")
        core, end = _Buffer.sized(data, 4)
        _must(core.text(0) == "FlabuffersModel_v1")
        trees, parts = core.table(1), core.texts(3)
        dimension = trees.number(0, "<i4")
        _must(0 < dimension <= _MOST_CLASSES and parts in ([], ["static_provider_v1"]))
        _look_at_info(core.tables(2), dimension)
        kept, end = _kept_of_categories(data, end) if parts else ({}, end)
        _must(end == len(data))
        _look_at_catboost_trees(trees, dimension, _bins(trees, kept))
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError):
        return False
    except (struct.error, RecursionError):
        return False
    return True


class _Buffer:
    """A FlatBuffer: each vector lies within it, and all together are hardly more than it."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self._spare = 4 * len(data)

    @classmethod
    def sized(cls, data: bytes, at: int) -> tuple[_Table, int]:
        """Return the first table of the buffer whose size stands at a place, and where it ends."""
        end = at + 4 + int(struct.unpack_from("<I", data, at)[0])
        _must(end <= len(data))
        buffer = cls(memoryview(data)[at + 4 : end])
        return _Table(buffer, buffer.follow(0)), end

    def follow(self, at: int) -> int:
        return at + int(struct.unpack_from("<I", self.data, at)[0])

    def array(self, at: int, dtype: str, each: int = 1) -> np.ndarray[Any, Any]:
        """Return the numbers of the vector that a place leads to, of whose items each has some."""
        start = self.follow(at) + 4
        count = struct.unpack_from("<I", self.data, start - 4)[0] * each
        size = count * np.dtype(dtype).itemsize
        self._spare -= size
        _must(start + size <= len(self.data) and self._spare >= 0)
        return np.frombuffer(self.data[start : start + size], dtype)


class _Table:
    """A table of a FlatBuffer, whose fields are numbered as the schema has them."""

    def __init__(self, buffer: _Buffer, at: int) -> None:
        vtable = at - struct.unpack_from("<i", buffer.data, at)[0]
        _must(vtable >= 0)
        size, self._width = struct.unpack_from("<HH", buffer.data, vtable)
        _must(size >= 4 and size % 2 == 0 and at + self._width <= len(buffer.data))
        self._buffer, self._at = buffer, at
        self._offsets = struct.unpack_from(f"<{size // 2 - 2}H", buffer.data, vtable + 4)

    def _place(self, field: int, size: int = 4) -> int | None:
        offset = self._offsets[field] if field < len(self._offsets) else 0
        _must(offset == 0 or 4 <= offset <= self._width - size)
        return self._at + offset if offset else None

    def number(self, field: int, dtype: str, missing: int = 0) -> int:
        kind = np.dtype(dtype)
        at = self._place(field, kind.itemsize)
        return missing if at is None else int(np.frombuffer(self._buffer.data, kind, 1, at)[0])

    def array(self, field: int, dtype: str, each: int = 1) -> np.ndarray[Any, Any]:
        at = self._place(field)
        return np.empty(0, dtype) if at is None else self._buffer.array(at, dtype, each)

    def text(self, field: int) -> str:
        return str(self.array(field, "u1").tobytes(), "utf-8")

    def texts(self, field: int) -> list[str]:
        arrays = (self._buffer.array(at, "u1") for at in self._items(field))
        return [str(item.tobytes(), "utf-8") for item in arrays]

    def table(self, field: int) -> _Table:
        at = self._place(field)
        _must(at is not None)
        return _Table(self._buffer, self._buffer.follow(at or 0))

    def tables(self, field: int) -> list[_Table]:
        places = [self._buffer.follow(at) for at in self._items(field)]
        _must(len(set(places)) == len(places))
        return [_Table(self._buffer, at) for at in places]

    def _items(self, field: int) -> range:
        count = len(self.array(field, "<u4"))
        start = self._buffer.follow(self._place(field) or 0) + 4 if count else 0
        return range(start, start + 4 * count, 4)


def _look_at_info(pairs: list[_Table], dimension: int) -> None:
    """What native code reads as JSON is not deep, and names as many classes as the trees."""
    info = {pair.text(0): pair.text(1) for pair in pairs}
    _must(len(info) == len(pairs))
    for name, text in info.items():
        if _AS_JSON.search(name) and text.count("[") + text.count("{") > _MOST_LEVELS:
            _look_at_depth(_json(text))
    params = _json(info.get("params", "{}"))
    labels = 2 if dimension == 1 else dimension
    for name in ("class_params", "multiclass_params"):
        if name in info:
            labels = _look_at_classes(_json(info[name]), dimension)
    names = params.get("data_processing_options", {}).get("class_names", [])
    _must(type(names) is list and len(names) in (0, labels))
    for loss in (params.get("loss_function", {}), _json(info.get("loss_function", "{}"))):
        _must(loss.get("type") != "RMSEWithUncertainty" or dimension == 2)


def _json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _must(len(dict(pairs)) == len(pairs))
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def _look_at_depth(value: Any, level: int = 0) -> None:
    _must(level < _MOST_LEVELS)
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _look_at_depth(item, level + 1)


def _look_at_classes(params: dict[str, Any], dimension: int) -> int:
    """Look at which class each number of a row is for, and return how many classes there are."""
    count, names = params.get("classes_count", 0), params.get("class_names", [])
    ids = params["class_to_label"]
    _must(type(count) is int and 0 <= count <= _MOST_CLASSES and type(ids) is type(names) is list)
    total = count or len(names) or len(ids)
    _must(len(ids) == (2 if dimension == 1 else dimension) and len(names) in (0, total))
    _must(all(type(label) is int and 0 <= label < total for label in ids))
    return total


def _kept_of_categories(data: bytes, at: int) -> tuple[dict[Any, int], int]:
    """Return how many numbers are kept of each category, by what they are of."""
    count = struct.unpack_from("<I", data, at)[0]
    kept: dict[Any, int] = {}
    at += 4
    for _ in range(count):
        table, at = _Buffer.sized(data, at)
        name, kind = _base(table.table(0))
        _must(name not in kept)
        classes = table.number(4, "<i4")
        kept[name] = width = 2 if kind in _MEANS else 1 if kind in _COUNTS else classes
        _must(0 < width <= _MOST_CLASSES)
        places, numbers = table.array(1, "u1").view(_PLACES), table.array(2, "u1")
        used = places["hash"] != _FREE
        _must(len(numbers) % (4 * width) == 0 and len(places).bit_count() == 1)
        _must(not used.all() and bool((places["index"][used] < len(numbers) // (4 * width)).all()))
        _look_at_hashes(places["hash"], used)
    return kept, at


def _look_at_hashes(hashes: np.ndarray[Any, Any], used: np.ndarray[Any, Any]) -> None:
    """From where the search for a hash begins, no free place comes before its own."""
    at, count = np.arange(len(hashes)), len(hashes)
    free = np.maximum.accumulate(np.where(used, -1, at))
    free[free < 0] = free[-1] - count  # the last one, before the table begins again
    steps = (at - (hashes & np.uint64(count - 1)).astype(np.int64)) % count
    _must(bool((steps < at - free)[used].all()))


def _base(base: _Table) -> tuple[Any, int]:
    """Return what numbers of categories are of, and of which kind they are."""
    features, kind = base.table(0), base.number(1, "i1")
    _must(0 <= kind <= max(_COUNTS))
    name = [features.array(field, "<u4", 1 if field == 0 else 2).tobytes() for field in range(3)]
    return (*name, kind, base.number(2, "<i4")), kind


def _bins(trees: _Table, kept: dict[Any, int]) -> np.ndarray[Any, Any]:
    """Return all that a tree can split by: its bucket, what it is changed by, and its border."""
    floats, cats = trees.tables(5), trees.tables(4)
    _must(not any(len(trees.array(field, "<u4")) for field in _OF_TEXT))
    of_floats, of_cats = _columns(floats, 1), _columns(cats, 0)
    _must(set(of_floats.values()).isdisjoint(of_cats.values()))
    _must(all(0 <= feature.number(5, "i1") <= 2 for feature in floats))
    counts = [(_borders(feature, 3), False) for feature in floats]
    for feature in trees.tables(6):
        counts.append((len(feature.array(1, "<i4")), True))
        _must(feature.number(0, "<i4", -1) in of_cats)
        _must(len(feature.texts(2)) in (0, counts[-1][0]))
    for feature in trees.tables(7):
        counts.append((_borders(feature, 1), False))
        number = feature.table(0)
        parts, (name, kind) = number.table(0).table(0), _base(number.table(0))
        for field, each, columns in ((0, 1, of_cats), (1, 2, of_floats), (2, 2, of_cats)):
            _must(columns.keys() >= set(parts.array(field, "<i4", each)[::each].tolist()))
        last = kept[name] - (1 if kind == _BUCKETS else 2)
        _must(kind >= min(_MEANS) or 0 <= number.number(1, "<i4") <= last)
    bins, first = [np.empty(0, np.int64)], 0
    for count, by_value in counts:
        place = np.arange(count)
        at, bucket = place % _BINS + 1, first + place // _BINS
        bins.append(bucket | (255 - at) << 16 | 255 << 24 if by_value else bucket | at << 24)
        first += -(-count // _BINS)
    _must(first <= _MOST_BUCKETS)
    return np.concatenate(bins)


def _columns(features: list[_Table], field: int) -> dict[int, int]:
    """Return the columns of the features of a kind, ordered by their own numbers."""
    own, columns = [-1], [-1]
    for feature in features:
        own.append(feature.number(field, "<i4", -1))
        columns.append(feature.number(field + 1, "<i4", -1))
        feature.text(4 if field else 2)
    _must(bool((np.diff(own) > 0).all() and (np.diff(np.subtract(columns, own)) >= 0).all()))
    _must(columns[-1] <= _MOST_FEATURES)
    return dict(zip(own[1:], columns[1:], strict=True))


def _borders(feature: _Table, field: int) -> int:
    borders = feature.array(field, "<f4")
    _must(bool((borders[1:] > borders[:-1]).all()))
    return len(borders)


def _look_at_catboost_trees(trees: _Table, dimension: int, bins: np.ndarray[Any, Any]) -> None:
    splits, sizes, starts = (trees.array(field, "<i4").astype(np.int64) for field in (1, 2, 3))
    values, weights = len(trees.array(8, "<f8")), len(trees.array(9, "<f8"))
    _must(bool((sizes >= 0).all() and sizes.sum() == len(splits)))
    _must(np.array_equal(starts, sizes.cumsum() - sizes))
    _must(weights * dimension in (0, values) and len(trees.array(16, "<f8")) in (0, dimension))
    steps, leaves = trees.array(10, "<u2", 2).reshape(-1, 2), trees.array(11, "<u4")
    if len(steps):
        _must(len(steps) == len(leaves) == len(splits) and bool((sizes > 0).all()))
        ends = np.repeat(starts + sizes, sizes)
        _must(bool((np.arange(len(steps)) + steps.max(axis=1) < ends).all()))
        stops = np.flatnonzero((steps == 0).any(axis=1))
        stops = stops[np.argsort(leaves[stops], kind="stable")]  # as their values lie
        _must(np.array_equal(leaves[stops], np.arange(0, values, dimension)))
        _must(bool((np.diff(np.repeat(np.arange(len(sizes)), sizes)[stops]) >= 0).all()))
    else:
        _must(len(leaves) == 0 and bool((sizes <= _MOST_DEPTH).all()))
        _must((1 << sizes).sum() * dimension == values)
        _must(len(bins) > 0 or len(splits) == 0)
    if not len(bins):  # of a tree of leaves alone, all of which say 0
        bins = np.zeros(1, np.int64)
    _must(bool(((splits >= 0) & (splits < len(bins))).all()))
    packed = trees.array(17, "<u4")
    _must(len(packed) == 0 or np.array_equal(packed, bins[splits]))
