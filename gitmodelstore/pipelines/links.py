"""The links of decision trees, which native code follows without looking.

They are gathered while a pipeline is read and judged many at once: an ensemble has
hundreds of small trees, and nothing follows a link before something is predicted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
        for held in (self._trees, self._features, self._depths, self._predictors, self._sets):
            held.clear()
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
        """Whether each tree is as deep as it says: paths are written to arrays of that size.

        Links lead forward, and no node has two above it, so that each is met once.
        """
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
