"""Models of other packages that native code reads: whether their trees hang together.

LightGBM and XGBoost believe the sizes and indices in what they wrote, and follow them. Owns what
must hold of these; what else native code makes of a model is not looked at (see
docs/security.md).

Source of the formats: LightGBM's src/boosting/gbdt_model_text.cpp and src/io/tree.cpp; XGBoost's
src/learner.cc, src/gbm/gbtree_model.cc and src/tree/tree_model.cc.
"""

from __future__ import annotations

import re
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
    head, found, rest = text.partition("\nTree=0\n")
    if not found:
        raise _NotWhole
    held = dict(line.partition("=")[::2] for line in head.splitlines())
    classes, per_round, last = (int(held[name]) for name in _COUNTED)
    columns = last + 1
    _must(head.startswith("tree\nversion=v") and 0 < columns <= _MOST_FEATURES)
    _must(0 < classes <= _MOST_CLASSES and per_round == classes)
    _must(len(held["feature_names"].split(" ")) == columns)
    _must(len(held["feature_infos"].split(" ")) == columns)
    objective = held.get("objective", "custom")
    _must(_OBJECTIVE.fullmatch(objective) is not None)
    said = re.search(r"num_class:(\d+)", objective)
    _must(said is None or int(said[1]) == classes)
    _must(int(held.get("label_index", 0)) >= 0)
    _look_at_params(text)
    trees = list(_blocks(found[1:] + rest, [int(size) for size in held["tree_sizes"].split()]))
    _must(len(trees) % per_round == 0)
    for lines in trees:
        _look_at_tree(lines, columns)


def _look_at_params(text: str) -> None:
    """The settings of the training stand one a line, in brackets, up to their end."""
    behind = text.partition("\nend of trees\n")[2]
    _, begun, params = behind.partition("\nparameters:\n")
    said, ended, _ = params.partition("\nend of parameters\n")
    _must(bool(begun) == bool(ended))
    _must(all(_PARAM.fullmatch(line) for line in said.splitlines() if line))


def _blocks(text: str, sizes: list[int]) -> Iterator[dict[str, str]]:
    """Yield the lines of each tree: it begins and ends exactly where the head says."""
    start = 0
    for number, size in enumerate(sizes):
        block = text[start : start + size]
        lines = block.rstrip("\n").split("\n")
        _must(size > 0 and block.isascii() and lines[0] == f"Tree={number}")
        held = [line.partition("=")[::2] for line in lines[1:]]
        _must(len(dict(held)) == len(held))
        yield dict(held)
        start += size
    _must(text.startswith("end of trees\n", start))


def _look_at_tree(held: dict[str, str], columns: int) -> None:
    leaves, categories = int(held["num_leaves"]), int(held["num_cat"])
    linear = held.get("is_linear", "0")
    _must(_KEYS.issuperset(held) and leaves > 0 and categories >= 0 and linear in ("0", "1"))
    nodes = leaves - 1
    _numbers(held["leaf_value"], leaves, np.float64)
    float(held["shrinkage"])
    if linear == "1":
        _look_at_lines(held, leaves, columns)
    if not nodes:
        return
    for name in (*_OF_NODES, *_OF_LEAVES):
        if name in held or name not in _OLD:
            _numbers(held[name], leaves if name in _OF_LEAVES else nodes, np.float64)
    features = _numbers(held["split_feature"], nodes, np.int64)
    thresholds = _numbers(held["threshold"], nodes, np.float64)
    kinds = _numbers(held["decision_type"], nodes, np.int64)
    _must(bool((features >= 0).all() and (features < columns).all()))
    _must(bool((kinds >= 0).all() and (kinds < 16).all()))
    _look_at_links(held, nodes)
    places = thresholds[(kinds & _CATEGORICAL) != 0]
    _must(bool(((places >= 0) & (places < categories)).all()))
    if categories:
        ends = _numbers(held["cat_boundaries"], categories + 1, np.int64)
        _must(bool(ends[0] == 0 and (np.diff(ends) > 0).all()))
        bits = _numbers(held["cat_threshold"], int(ends[-1]), np.int64)
        _must(bool((bits >= 0).all() and (bits < 1 << 32).all()))


def _look_at_links(held: dict[str, str], nodes: int) -> None:
    """Each node but the first, and each leaf, hangs at exactly one node before it."""
    left = _numbers(held["left_child"], nodes, np.int64)
    right = _numbers(held["right_child"], nodes, np.int64)
    links = np.concatenate([left, right])
    parents = np.tile(np.arange(nodes), 2)
    inner = links >= 0
    _must(bool((links[inner] > parents[inner]).all()))
    _must(np.array_equal(np.sort(links), np.r_[np.arange(-nodes - 1, 0), np.arange(1, nodes)]))


def _look_at_lines(held: dict[str, str], leaves: int, columns: int) -> None:
    """The numbers of linear trees: as many coefficients as features, which there are."""
    _numbers(held["leaf_const"], leaves, np.float64)
    counts = _numbers(held["num_features"], leaves, np.int64)
    _must(bool((counts >= 0).all()))
    total = int(counts.sum())
    features = _numbers(held["leaf_features"], total, np.int64)
    _must(bool((features >= 0).all() and (features < columns).all()))
    _numbers(held["leaf_coeff"], total, np.float64)


def _numbers(text: str, count: int, dtype: Any) -> np.ndarray[Any, Any]:
    """Return numbers that LightGBM reads alike: what is no double for it ends the process."""
    parts = text.split()
    _must(len(parts) == count)
    if dtype is np.int64:
        _must(all(map(_WHOLE.fullmatch, parts)))
        return np.array(parts, dtype=dtype)
    _must(all(map(_REAL.fullmatch, parts)))
    found = np.array(parts, dtype=dtype)
    for part, value in zip(parts, found.tolist(), strict=True):
        if not 1e-307 < abs(value) < 1e308:
            _must(_ZERO_OR_WORD.fullmatch(part) is not None)
    return found


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
        held, end = _ubjson(data, 0, 0)
        _must(end == len(data))
        learner = held.get("Model", held)["learner"]
        _look_at_booster(learner["gradient_booster"], learner["learner_model_param"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError):
        return False
    return True


def _ubjson(data: bytes, at: int, level: int) -> tuple[Any, int]:
    """Return the value that begins at a place, and where it ends.

    Source: Universal Binary JSON, draft 12, as far as XGBoost's src/common/json.cc writes it.
    """
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
    held: dict[str, Any] = {}
    while data[at : at + 1] != b"}":
        name, at = _ubjson_text(data, at)
        _must(name not in held)
        held[name], at = _ubjson(data, at, level + 1)
    return held, at + 1


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


def _look_at_booster(booster: dict[str, Any], said: dict[str, Any]) -> None:
    columns, classes = int(said["num_feature"]), int(said["num_class"])
    targets = int(said.get("num_target", 1))
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
    said = tree["tree_param"]
    nodes, width = int(said["num_nodes"]), int(said["size_leaf_vector"])
    _must(nodes > 0 and int(said["num_feature"]) == columns and 0 <= width <= _MOST_CLASSES)
    arrays = {name: held for name, held in tree.items() if name not in ("id", "tree_param")}
    weights = arrays.pop("leaf_weights", None)
    _must(arrays.keys() == _TREE.keys() and (weights is not None) == (width > 1))
    for name, held in arrays.items():
        _must(held.dtype == _TREE[name])
        if not name.startswith("categories") and name != "base_weights":
            _must(len(held) == nodes)
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
