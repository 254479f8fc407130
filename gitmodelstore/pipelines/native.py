"""Models of other packages that native code reads from text: whether their trees hang together.

LightGBM believes the sizes and indices in its text, and follows them. Owns what must hold of
them; what else native code makes of a model is not looked at (docs/security.md says which).

Source of the format: LightGBM's src/boosting/gbdt_model_text.cpp and src/io/tree.cpp.
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
    parts = text.split()
    _must(len(parts) == count)
    return np.array(parts, dtype=dtype)


def _must(is_so: bool) -> None:
    if not is_so:
        raise _NotWhole
