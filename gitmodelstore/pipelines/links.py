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
        self._trees: list[Any] = []
        self._features: list[int] = []
        self._depths: list[int] = []
        self._predictors: list[Any] = []
        self._sets: list[int] = []

    def add_tree(self, nodes: Any, features: int, depth: int) -> None:
        """Take the nodes of a `Tree` that splits so many features, and says how deep it is."""
        self._trees.append(nodes)
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
        nodes, places, counts = _joined(self._trees)
        left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
        features = np.repeat(self._features, [len(tree) for tree in self._trees])
        inner = left != _LEAF
        return (
            _lead_forward(left, right, inner, places, counts)
            and bool(((feature >= 0) & (feature < features))[inner].all())
            and self._are_as_deep(left, right, inner, places)
        )

    def _are_as_deep(self, left: Any, right: Any, inner: Any, places: Any) -> bool:
        """Whether each tree is as deep as it says: paths are written to arrays of that size.

        Links lead forward, and no node has two above it, so that each is met once.
        """
        sizes = np.array([len(tree) for tree in self._trees])
        starts = np.cumsum(sizes) - sizes
        tree_of = np.repeat(np.arange(len(sizes)), sizes)
        first = np.arange(len(places)) - places  # where the tree of a node begins
        children = np.concatenate(
            [left[inner] + first[inner], right[inner] + first[inner]], dtype=np.int64
        )
        if len(children) and np.bincount(children).max() > 1:
            return False
        depths, level, depth = np.zeros(len(sizes), dtype=np.int64), starts[sizes > 0], 0
        while len(level):
            depths[tree_of[level]] = depth
            level, depth = level[inner[level]], depth + 1
            level = np.concatenate([left[level] + first[level], right[level] + first[level]])
        return bool((depths == self._depths).all())

    def _predictors_are_sound(self) -> bool:
        if not self._predictors:
            return True
        nodes, places, counts = _joined(self._predictors)
        left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
        sets = np.repeat(self._sets, [len(tree) for tree in self._predictors])
        inner = nodes["is_leaf"] == 0
        of_sets = inner & (nodes["is_categorical"] != 0)
        return _lead_forward(left, right, inner, places, counts) and bool(
            (nodes["feature_idx"][inner] >= 0).all()
            and (nodes["bitset_idx"][of_sets] < sets[of_sets]).all()
        )


def _joined(trees: list[Any]) -> tuple[Any, Any, Any]:
    """Return all nodes, and of each its place in its tree and how many nodes that has."""
    sizes = np.array([len(tree) for tree in trees])
    starts = np.cumsum(sizes) - sizes
    places = np.arange(sizes.sum()) - np.repeat(starts, sizes)
    return np.concatenate(trees), places, np.repeat(sizes, sizes)


def _lead_forward(left: Any, right: Any, inner: Any, places: Any, counts: Any) -> bool:
    return all(bool(((child > places) & (child < counts))[inner].all()) for child in (left, right))
