"""Numbers of fitted estimators that must agree, since native code does not compare them.

Trees, centres, support vectors, encoders and such are handed to compiled code, which follows the
sizes and indices of one attribute into the arrays of another. Owns what must hold between the
attributes of one estimator; docs/security.md lists it with the figures. Arrays that stand for
themselves (sparse matrices, trees, curves) are judged by `states`, when they get their state.

Each rule yields claims: the attribute, whether it is as it must be, and what it must be. What
cannot even be compared is not as it must be. An attribute that is not there is not claimed,
unless compiled code would go astray without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gitmodelstore.pickles.states import is_array, is_count, spline_of, within

Claim = tuple[str, bool, str]

_MOST_FEATURES = 1 << 24
_MOST_OUTPUTS = 1 << 20
_MOST_THREADS = 4096
_MOST_DEGREE = 1000
_INT32 = np.dtype("int32")
_FLOAT64 = np.dtype("float64")

# What comparing raises where an attribute is of another kind than honest ones.
_INCOMPARABLE = (
    ArithmeticError, AttributeError, LookupError, TypeError, ValueError,
    RecursionError,
)  # fmt: skip


class Attributes(dict[str, Any]):
    """The attributes of one estimator, and common questions about them."""

    def __init__(self, value: Any) -> None:
        super().__init__(value.__dict__)
        self.kind = type(value).__name__

    def given(self, *names: str) -> Iterator[tuple[str, Any]]:
        """Yield those of some attributes that hold something."""
        yield from ((name, self[name]) for name in names if self.get(name) is not None)

    @property
    def features(self) -> Any:
        """How many columns it was fitted on, as the file says."""
        return self.get("n_features_in_")

    @property
    def is_classifier(self) -> bool:
        return self.kind.endswith("Classifier") or self.kind.endswith("SVC")


_Claims = Callable[[Attributes], Iterator[Claim]]


class _Rule(NamedTuple):
    """What is claimed of objects that have an attribute, perhaps that their width is known."""

    claims: _Claims
    when: str | None
    is_wide: bool

    def of(self, state: Attributes) -> Iterator[Claim]:
        if self.when is None or self.when in state:
            if self.is_wide:
                yield _features(state)
            yield from self.claims(state)


_RULES: dict[str, list[_Rule]] = {}


def disagreements(value: Any) -> Iterator[tuple[str, str]]:
    """Yield which attributes of an object disagree with others, and what they must be."""
    cls: Any = type(value)
    rules = _rules_of(cls)
    if not rules:
        return
    state = Attributes(value)
    for rule in rules:
        try:
            yield from ((name, wanted) for name, is_so, wanted in rule.of(state) if not is_so)
        except _INCOMPARABLE:
            yield rule.claims.__name__.strip("_"), "numbers that can be compared"


@lru_cache(maxsize=1024)
def _rules_of(cls: Any) -> tuple[_Rule, ...]:
    return tuple(
        rule
        for base in cls.__mro__
        if base.__module__.startswith("sklearn.")
        for rule in _RULES.get(base.__name__, ())
    )


def _of(
    *classes: str, when: str | None = None, is_wide: bool = False
) -> Callable[[_Claims], _Claims]:
    """Let a rule be about these classes of scikit-learn and what derives from them."""

    def put(claims: _Claims) -> _Claims:
        for name in classes:
            _RULES.setdefault(name, []).append(_Rule(claims, when, is_wide))
        return claims

    return put


def _is_in_rows(value: Any, dimensions: int, dtype: Any = None) -> bool:
    return is_array(value, dimensions, "fi", dtype) and bool(value.flags.c_contiguous)


def _is_sparse(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.sparse")


def _features(state: Attributes) -> Claim:
    """Claim that the width is known: without it scikit-learn compares none with the rows."""
    is_so = is_count(state.features, 0, _MOST_FEATURES)
    return "n_features_in_", is_so, f"a whole number up to {_MOST_FEATURES:,}"


def _classes(state: Attributes) -> Iterator[Claim]:
    """Claim that the classes are as many as is said, of one output or of each."""
    classes, count = state.get("classes_"), state.get("n_classes_")
    if classes is None or count is None:
        return
    if isinstance(count, (int, np.integer)):
        is_so = len(classes) == count
    else:
        is_so = len(classes) == len(count) <= _MOST_OUTPUTS and all(
            len(part) == number for part, number in zip(classes, count, strict=True)
        )
    yield "n_classes_", is_so, "as many as classes_"


@_of("BaseEstimator")
def _estimator(state: Attributes) -> Iterator[Claim]:
    for name in ("n_features_in_", "_n_features_out"):
        if name in state:
            yield name, is_count(state[name], 0, _MOST_FEATURES), "a number of columns"
    names = state.get("feature_names_in_")
    if names is not None and "n_features_in_" in state:
        yield "feature_names_in_", names.shape == (state.features,), "a name for each column"
    for name in ("_n_threads", "n_threads"):
        if name in state:
            yield name, is_count(state[name], 1, _MOST_THREADS), f"1 to {_MOST_THREADS}"
    jobs = state.get("n_jobs")
    if isinstance(jobs, (int, np.integer)):
        yield "n_jobs", abs(int(jobs)) <= _MOST_THREADS, f"at most {_MOST_THREADS}"
    outputs = state.get("n_outputs_")
    if isinstance(outputs, (int, np.integer)):
        yield "n_outputs_", is_count(outputs, 0, _MOST_OUTPUTS), "a number of outputs"


# Trees


def _tree_in(value: Any) -> Any:
    return getattr(value, "__dict__", {}).get("tree_")


def is_tree(value: Any) -> bool:
    cls: Any = type(value)
    return _is_of_trees(cls)


@lru_cache(maxsize=1024)
def _is_of_trees(cls: Any) -> bool:
    return (cls.__name__, cls.__module__) == ("Tree", "sklearn.tree._tree")


@_of("BaseDecisionTree", when="tree_", is_wide=True)
def _decision_tree(state: Attributes) -> Iterator[Claim]:
    tree = state["tree_"]
    yield "tree_", is_tree(tree), "a tree"
    yield "tree_", tree.n_features == state.features, "of as many features as the estimator"
    yield "n_outputs_", state.get("n_outputs_", tree.n_outputs) == tree.n_outputs, "as in the tree"
    if state.is_classifier and "n_classes_" in state:
        counts = np.atleast_1d(state["n_classes_"])
        yield "n_classes_", np.array_equal(counts, tree.n_classes), "as in the tree"
        if isinstance(state["n_classes_"], (int, np.integer)):
            yield from _classes(state)


@_of("BaseForest", when="estimators_", is_wide=True)
def _forest(state: Attributes) -> Iterator[Claim]:
    yield from _classes(state)
    trees = [_tree_in(each) for each in state["estimators_"]]
    is_so = all(is_tree(tree) and tree.n_features == state.features for tree in trees)
    yield "estimators_", is_so, "trees of as many features as the forest"
    outputs = state.get("n_outputs_")
    is_so = outputs is None or all(tree.n_outputs == outputs for tree in trees)
    yield "n_outputs_", is_so, "as in the trees"
    if "n_classes_" in state:
        counts = np.atleast_1d(state["n_classes_"])
        is_so = all(np.array_equal(counts, tree.n_classes) for tree in trees)
        yield "n_classes_", is_so, "as in the trees"
    for name, count in state.given("_n_samples", "_n_samples_bootstrap"):
        yield name, is_count(count, 0, (1 << 31) - 1), "a number of rows"


@_of("RandomTreesEmbedding")
def _embedding(state: Attributes) -> Iterator[Claim]:
    for name, encoder in state.given("one_hot_encoder_"):
        is_so = len(encoder.__dict__["categories_"]) == len(state["estimators_"])
        yield name, is_so, "a column for each tree"


@_of("BaseBagging", when="estimators_", is_wide=True)
def _bagging(state: Attributes) -> Iterator[Claim]:
    yield from _classes(state)
    columns = state["estimators_features_"]
    is_so = len(columns) == len(state["estimators_"]) and all(
        is_array(part, 1, "iu") and within(part, state.features) for part in columns
    )
    yield "estimators_features_", is_so, "columns for each estimator"
    if "_max_samples" in state:
        yield "_max_samples", is_count(state["_max_samples"], 0, (1 << 31) - 1), "a number of rows"


@_of("IsolationForest", when="estimators_")
def _isolation(state: Attributes) -> Iterator[Claim]:
    trees = [_tree_in(each) for each in state["estimators_"]]
    widths = [
        state.features if state["_max_features"] == state.features else len(columns)
        for columns in state["estimators_features_"]
    ]
    is_so = all(tree.n_features == width for tree, width in zip(trees, widths, strict=True))
    yield "estimators_", is_so, "trees of as many features as they are given"
    for name in ("_decision_path_lengths", "_average_path_length_per_tree"):
        if name in state:
            is_so = all(
                is_array(part, 1, "fi") and len(part) == tree.node_count
                for part, tree in zip(state[name], trees, strict=True)
            )
            yield name, is_so, "a number for each node of each tree"


@_of("BaseGradientBoosting", when="estimators_", is_wide=True)
def _boosting(state: Attributes) -> Iterator[Claim]:
    trees = state["estimators_"]
    wide = 1
    if state.is_classifier:
        yield from _classes(state)
        wide = 1 if state["n_classes_"] == 2 else int(state["n_classes_"])
    is_so = (
        isinstance(trees, np.ndarray)
        and trees.dtype == object
        and trees.ndim == 2
        and trees.flags.c_contiguous
        and trees.shape[1] == wide
        and state.get("n_trees_per_iteration_", wide) == wide
    )
    yield "estimators_", bool(is_so), "rows of one tree for each class"
    features, inside = state.features, trees.ravel().tolist()
    kinds = {kind.__name__ for kind in set(map(type, inside))}
    is_so = kinds <= {"DecisionTreeRegressor"} and all(
        is_tree(tree) and tree.n_features == features and tree.n_outputs == 1
        for tree in map(_tree_in, inside)
    )
    yield "estimators_", is_so, "trees of one output, and of as many features as it has"
    first = state.get("init_")
    if wide > 1 and not isinstance(first, str):
        yield "init_", _answers(first) == wide, "an estimator with as many classes"


def _answers(value: Any) -> int:
    """Return how many classes an estimator answers with, or its last step does."""
    state = value.__dict__
    if type(value).__name__ == "DummyClassifier":
        sizes = {int(state["n_classes_"]), len(state["classes_"]), len(state["class_prior_"])}
        return sizes.pop() if len(sizes) == 1 and state["n_outputs_"] == 1 else -1
    if "classes_" in state:
        return len(state["classes_"])
    if "steps" in state:
        return _answers(state["steps"][-1][1])
    inner = ("best_estimator_", "estimator_", "final_estimator_", "estimator")
    return next((_answers(state[name]) for name in inner if name in state), -1)


@_of("BaseHistGradientBoosting", when="_predictors", is_wide=True)
def _histogram_boosting(state: Attributes) -> Iterator[Claim]:
    rows, each = state["_predictors"], state["n_trees_per_iteration_"]
    features = state.features
    is_so = is_count(each, 1, _MOST_OUTPUTS) and all(len(row) == each for row in rows)
    yield "_predictors", is_so, "rows of n_trees_per_iteration_ trees"
    bins = state["_bin_mapper"].__dict__
    kinds, edges = bins["is_categorical_"], bins["bin_thresholds_"]
    is_so = is_array(kinds, 1, "ub") and len(kinds) == len(edges) == features
    yield "_bin_mapper", is_so, "edges and a kind for each feature"
    is_categorical = np.asarray(kinds).astype(bool)
    is_so = all(
        bool((edge >= 0).all() and (edge < 256).all())
        for edge, chosen in zip(edges, is_categorical, strict=True)
        if chosen
    )
    yield "_bin_mapper", is_so, "categories from 0 to 255"
    predictors = {id(predictor): predictor for row in rows for predictor in row}
    nodes = [predictor.__dict__["nodes"] for predictor in predictors.values()]
    if nodes:
        inner: Any = np.concatenate(nodes)
        inner = inner[inner["is_leaf"] == 0]
        is_so = within(inner["feature_idx"].astype(np.int64), features)
        yield "_predictors", is_so, "splits on existing features"
        chosen = inner[inner["is_categorical"] != 0]["feature_idx"]
        yield "_predictors", bool(is_categorical[chosen].all()), "sets of categorical features"
    if state.get("_preprocessor") is not None:
        is_so = _keeps_columns(state["_preprocessor"], features)
        yield "_preprocessor", is_so, "an order of all columns"


def _keeps_columns(preprocessor: Any, features: int) -> bool:
    """Whether what comes before the trees hands on every column, in the order that it says."""
    parts = [it for it in preprocessor.__dict__["transformers_"] if not isinstance(it[1], str)]
    masks = [np.asarray(columns) for _, _, columns in parts]
    if [type(part).__name__ for _, part, _ in parts] != ["OrdinalEncoder", "FunctionTransformer"]:
        return False
    function = parts[1][1].__dict__["func"]
    return bool(
        function.func.__name__ == "check_array"
        and not function.args
        and all(mask.dtype == bool and mask.shape == (features,) for mask in masks)
        and (np.sum(masks, axis=0) == 1).all()
        and len(parts[0][1].__dict__["categories_"]) == masks[0].sum()
    )


# Neighbours and clusters


def _rows_of(tree: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = np.asarray(tree.data).shape
    return shape


@_of("NeighborsBase", when="_fit_X", is_wide=True)
def _neighbours(state: Attributes) -> Iterator[Claim]:
    rows, tree, method = state["_fit_X"], state.get("_tree"), state["_fit_method"]
    metric = state.get("effective_metric_")
    is_so = _is_sparse(rows) or is_array(rows, 2, "fiub")
    yield "_fit_X", is_so, "rows of numbers"
    is_so = is_count(state["n_samples_fit_"], 0, (1 << 31) - 1)
    yield "n_samples_fit_", is_so and rows.shape[0] == state["n_samples_fit_"], "rows of _fit_X"
    if metric != "precomputed":
        yield "_fit_X", rows.shape[1] == state.features, "as wide as n_features_in_"
    kinds = {"brute": "NoneType", "kd_tree": "KDTree", "ball_tree": "BallTree"}
    yield "_tree", kinds.get(method) == type(tree).__name__, "what _fit_method says"
    if tree is not None:
        yield "_tree", _rows_of(tree) == rows.shape, "a tree of the rows of _fit_X"
    targets, classes = state.get("_y"), state.get("classes_")
    if targets is not None:
        yield "_y", targets.shape[0] == rows.shape[0], "a target for each row"
        if state.is_classifier and isinstance(classes, np.ndarray):
            is_so = targets.dtype.kind in "iu" and within(targets, len(classes))
            yield "_y", is_so, "numbers of classes_"
    yield from _metric(state, "effective_metric_params_", state.features)


def _metric(state: Attributes, name: str, features: Any) -> Iterator[Claim]:
    given = state.get(name) or {}
    params = {"p", "w", "V", "VI", "gamma", "missing_values"}
    yield name, params.issuperset(given), "numbers that a metric takes"
    for key, shapes in (
        ("VI", [(features, features)]),
        ("V", [(features,), (features, features)]),
        ("w", [(features,)]),
    ):
        if given.get(key) is not None:
            yield name, np.shape(given[key]) in shapes, f"{key} of as many features"


@_of("KernelDensity", when="tree_", is_wide=True)
def _density(state: Attributes) -> Iterator[Claim]:
    is_so = type(state["tree_"]).__name__ in ("KDTree", "BallTree")
    yield "tree_", is_so and _rows_of(state["tree_"])[1] == state.features, "a tree of its rows"


@_of("_BaseKMeans", when="cluster_centers_", is_wide=True)
def _means(state: Attributes) -> Iterator[Claim]:
    centres = state["cluster_centers_"]
    is_so = (
        _is_in_rows(centres, 2)
        and centres.dtype.kind == "f"
        and centres.dtype.itemsize in (4, 8)
        and centres.shape[0] > 0
        and centres.shape[1] == state.features
    )
    yield "cluster_centers_", is_so, "rows of as many numbers as there are features"
    if "_counts" in state:
        is_so = is_array(state["_counts"], 1) and len(state["_counts"]) == len(centres)
        yield "_counts", is_so, "a number for each centre"


@_of("BisectingKMeans")
def _bisecting(state: Attributes) -> Iterator[Claim]:
    waiting, visited = [state.get("_bisecting_tree")], set()
    centres: Any = state.get("cluster_centers_")
    is_so = True
    while waiting and is_so:
        node = waiting.pop()
        if node is None:
            continue
        inside = node.__dict__
        is_so = (
            type(node).__name__ == "_BisectingTree"
            and id(node) not in visited
            and inside["center"].size == state.features
            and inside["center"].dtype == centres.dtype
            and (inside["left"] is not None or is_count(inside["label"], 0, len(centres) - 1))
        )
        visited.add(id(node))
        waiting += [inside["left"], inside["right"]]
    yield "_bisecting_tree", bool(is_so), "a tree of centres"


@_of("Birch", when="subcluster_centers_", is_wide=True)
def _birch(state: Attributes) -> Iterator[Claim]:
    centres = state["subcluster_centers_"]
    is_so = is_array(centres, 2) and centres.shape[1] == state.features
    yield "subcluster_centers_", is_so, "as wide as n_features_in_"
    norms = state["_subcluster_norms"]
    is_so = norms.shape == (len(centres),) and norms.dtype == centres.dtype
    yield "_subcluster_norms", is_so, "a number for each centre"
    if "subcluster_labels_" in state:
        is_so = len(state["subcluster_labels_"]) == len(centres)
        yield "subcluster_labels_", is_so, "a label for each centre"


@_of("FeatureAgglomeration", when="labels_")
def _agglomeration(state: Attributes) -> Iterator[Claim]:
    labels = state["labels_"]  # which numpy counts: the highest number there is leads it astray
    is_so = is_array(labels, 1, "iu") and within(labels, len(labels))
    yield "labels_", is_so, "the number of a cluster for each feature"


@_of("AffinityPropagation", "MeanShift")
def _centres(state: Attributes) -> Iterator[Claim]:
    centres = state.get("cluster_centers_")
    if centres is not None and not _is_sparse(centres) and state.get("affinity") != "precomputed":
        is_so = centres.ndim == 2 and (len(centres) == 0 or centres.shape[1] == state.features)
        yield "cluster_centers_", is_so, "as wide as n_features_in_"


@_of("HDBSCAN", when="_single_linkage_tree_")
def _linkage(state: Attributes) -> Iterator[Claim]:
    joined = state["_single_linkage_tree_"]
    rows = len(joined) + 1
    limits = rows + np.arange(len(joined))
    is_so = joined.ndim == 1 and all(
        bool((joined[side] >= 0).all() and (joined[side] < limits).all())
        for side in ("left_node", "right_node")
    )
    is_so = is_so and bool((joined["cluster_size"] <= rows).all())
    yield "_single_linkage_tree_", is_so, "nodes that join earlier ones"


# Support vectors


@_of("BaseLibSVM", when="support_")
def _support(state: Attributes) -> Iterator[Claim]:
    places, counts, kernel = state["support_"], state["_n_support"], state.get("kernel")
    vectors, weights = state["support_vectors_"], state["_dual_coef_"]
    is_sparse, is_given = state["_sparse"], callable(kernel) or kernel == "precomputed"
    for name, array in (("support_", places), ("_n_support", counts)):
        yield name, _is_in_rows(array, 1, _INT32), "whole numbers"
    size, classes = len(places), 2
    if state.is_classifier:
        classes = len(state["classes_"])
        is_so = classes >= 2 and len(counts) == classes and bool(counts.min() >= 0)
        is_so = is_so and int(counts.astype(np.int64).sum()) == size
    else:  # scikit-learn 1.5 writes anything into the numbers of a sparse one
        is_so = len(counts) == 2 and (is_sparse or counts[0] == size)
    yield "_n_support", bool(is_so), "the numbers of support vectors"
    pairs = classes * (classes - 1) // 2 if state.is_classifier else 1
    if not callable(kernel):
        yield _features(state)
    is_so = is_sparse == _is_sparse(vectors) == _is_sparse(weights)
    yield "_sparse", isinstance(is_sparse, bool) and is_so, "what the support vectors are"
    if is_given:
        yield "support_vectors_", vectors.shape[0] == 0 and not is_sparse, "empty"
    else:
        yield "support_vectors_", vectors.shape == (size, state.features), "a row for each"
    wanted = (classes - 1 if state.is_classifier else 1, size)
    yield "_dual_coef_", weights.shape == wanted, "a number for each support vector and class"
    if is_sparse:
        is_so = weights.format == vectors.format == "csr"
        is_so = is_so and weights.data.shape == (wanted[0] * wanted[1],)
    else:
        is_so = _is_in_rows(vectors, 2, _FLOAT64) and _is_in_rows(weights, 2, _FLOAT64)
    yield "_dual_coef_", is_so, "numbers in one block"
    is_so = _is_in_rows(state["_intercept_"], 1, _FLOAT64) and len(state["_intercept_"]) == pairs
    yield "_intercept_", is_so, "a number for each pair of classes"
    for name, array in state.given("_probA", "_probB"):
        is_so = _is_in_rows(array, 1, _FLOAT64) and len(array) in (0, pairs)
        is_so = is_so and len(state["_probA"]) == len(state["_probB"])
        yield name, is_so, "a number for each pair of classes, or none"
    if state.is_classifier and "class_weight_" in state:
        is_so = len(state["class_weight_"]) in (0, classes)
        yield "class_weight_", is_so, "a number for each class"
    if is_given:
        yield "support_", within(places, state["shape_fit_"][0]), "rows of what was fitted"
    if kernel == "precomputed":
        yield "support_", within(places, state.features), "columns of what is predicted"
    if callable(kernel):
        rows = state["_BaseLibSVM__Xfit"].shape[0]
        yield "_BaseLibSVM__Xfit", rows == state["shape_fit_"][0], "the rows of the fit"
    degree = state.get("degree")
    if isinstance(degree, (int, np.integer)):
        yield "degree", is_count(degree, 0, _MOST_DEGREE), f"0 to {_MOST_DEGREE}"


# Text and encoders


def _numbers(state: Attributes, name: str, size: int) -> Claim:
    numbers = state[name]
    is_so = isinstance(numbers, dict) and all(is_count(n, 0, size - 1) for n in numbers.values())
    return name, is_so, "numbers below its size"


@_of("CountVectorizer", when="vocabulary_")
def _words(state: Attributes) -> Iterator[Claim]:
    size = len(state["vocabulary_"])
    yield _numbers(state, "vocabulary_", size)
    weights = getattr(state.get("_tfidf"), "__dict__", {}).get("idf_")
    if weights is not None:
        yield "_tfidf", len(weights) == size, "a weight for each word"


@_of("DictVectorizer", when="vocabulary_")
def _records(state: Attributes) -> Iterator[Claim]:
    size = len(state["vocabulary_"])
    yield "feature_names_", len(state["feature_names_"]) == size, "as many as vocabulary_"
    yield _numbers(state, "vocabulary_", size)


@_of("FeatureHasher", "HashingVectorizer", when="n_features")
def _hashes(state: Attributes) -> Iterator[Claim]:
    yield "n_features", is_count(state["n_features"], 1, (1 << 31) - 1), "1 or more"


@_of("MultiLabelBinarizer")
def _labels(state: Attributes) -> Iterator[Claim]:
    classes, cached = state.get("classes_"), state.get("_cached_dict")
    if isinstance(classes, np.ndarray):
        yield "classes_", len(set(classes.tolist())) == len(classes), "no class twice"
    if cached is not None and classes is not None:
        yield _numbers(state, "_cached_dict", len(classes))
        yield "_cached_dict", len(cached) == len(classes), "as many as classes_"


@_of("_BaseEncoder", when="categories_", is_wide=True)
def _encoder(state: Attributes) -> Iterator[Claim]:
    categories = state["categories_"]
    is_so = len(categories) == state.features and all(
        isinstance(part, np.ndarray) and part.ndim == 1 for part in categories
    )
    yield "categories_", is_so, "an array for each column"
    sizes = [len(part) for part in categories]
    if state.get("_infrequent_enabled"):
        rare, mappings = state["_infrequent_indices"], state["_default_to_infrequent_mappings"]
        for place, (few, mapping) in enumerate(zip(rare, mappings, strict=True)):
            if mapping is None:
                yield "_infrequent_indices", few is None, "none where nothing is mapped"
                continue
            left = sizes[place] - len(few) + 1
            is_so = (
                is_array(mapping, 1, "iu")
                and len(mapping) == sizes[place]
                and within(few, sizes[place])
                and within(mapping, left)
            )
            yield "_default_to_infrequent_mappings", is_so, "numbers of the remaining categories"
            sizes[place] = left
    if state.kind == "OneHotEncoder" and "_n_features_outs" in state:
        yield from _one_hot(state, sizes)
    if state.kind == "TargetEncoder" and "encodings_" in state:
        each = len(state["classes_"]) if state.get("target_type_") == "multiclass" else 1
        lengths = [len(part) for part in state["encodings_"]]
        wanted = [size for size in sizes for _ in range(each)]
        yield "encodings_", lengths == wanted, "a number for each category"


def _one_hot(state: Attributes, sizes: list[int]) -> Iterator[Claim]:
    dropped = state.get("_drop_idx_after_grouping", state.get("drop_idx_"))
    if dropped is not None:
        is_so = len(dropped) == len(sizes) and all(
            place is None or is_count(place, 0, size - 1)
            for place, size in zip(dropped, sizes, strict=True)
        )
        yield "drop_idx_", is_so, "existing categories"
        sizes = [size - (place is not None) for size, place in zip(sizes, dropped, strict=True)]
    yield "_n_features_outs", list(state["_n_features_outs"]) == sizes, "counts of the categories"


@_of("KBinsDiscretizer", when="n_bins_")
def _bins(state: Attributes) -> Iterator[Claim]:
    counts, edges = state["n_bins_"], state["bin_edges_"]
    is_so = len(counts) == len(edges) == state.features and all(
        len(edge) == count + 1 for edge, count in zip(edges, counts, strict=True)
    )
    yield "n_bins_", is_so, "one less than the edges"
    for name, encoder in state.given("_encoder"):
        lengths = [len(part) for part in encoder.__dict__["categories_"]]
        yield name, lengths == [int(count) for count in counts], "a category for each bin"


# Preprocessing, linear models, decompositions


@_of("PolynomialFeatures", when="n_output_features_", is_wide=True)
def _powers(state: Attributes) -> Iterator[Claim]:
    least, most = state["_min_degree"], state["_max_degree"]
    is_so = is_count(least, 0, _MOST_DEGREE) and is_count(most, 0, _MOST_DEGREE)
    yield "_max_degree", is_so and least <= most, f"0 to {_MOST_DEGREE}"
    if is_so:
        is_so = state["n_output_features_"] == _combinations(state, least, most)
        is_so = is_so and state["_n_out_full"] == _combinations(state, 0, most)
        yield "n_output_features_", is_so, "what degree and features make"


def _combinations(state: Attributes, least: int, most: int) -> int:
    """Source: sklearn.preprocessing.PolynomialFeatures._num_combinations."""
    features = int(state.features)
    if state["interaction_only"]:
        upper = min(most, features)
        total = sum(math.comb(features, n) for n in range(max(1, least), upper + 1))
    else:
        total = math.comb(features + most, most) - 1
        if least > 0:
            total -= math.comb(features + least - 1, least - 1) - 1
    return total + bool(state["include_bias"])


@_of("SplineTransformer", when="bsplines_")
def _splines(state: Attributes) -> Iterator[Claim]:
    degrees = [spline_of(curve).get("k") for curve in state["bsplines_"]]
    is_so = len(degrees) == state.features and all(k == state["degree"] for k in degrees)
    yield "bsplines_", is_so, "a curve of its degree for each column"


@_of("EmpiricalCovariance", when="covariance_", is_wide=True)
def _covariance(state: Attributes) -> Iterator[Claim]:
    square = (state.features, state.features)
    for name, array in state.given("covariance_", "precision_"):
        is_so = is_array(array, 2) and array.shape == square
        yield name, is_so, "as many rows and columns as features"
    yield "location_", state["location_"].shape == (state.features,), "a number for each feature"


@_of("BaseSGD")
def _descent(state: Attributes) -> Iterator[Claim]:
    weights = state.get("coef_")
    if weights is None:
        return
    yield _features(state)
    yield "coef_", weights.shape[-1] == state.features, "as wide as n_features_in_"
    rows = 1 if weights.ndim == 1 else weights.shape[0]
    if "classes_" in state:
        count = len(state["classes_"])
        yield "coef_", rows == (1 if count == 2 else count), "a row for each class"
    shapes = [weights.shape, weights.shape[-1:]] if rows == 1 else [weights.shape]
    for name, array in state.given("_standard_coef", "_average_coef"):
        yield name, is_array(array, array.ndim) and array.shape in shapes, "of the shape of coef_"
    for name in ("intercept_", "_standard_intercept", "_average_intercept", "offset_"):
        if isinstance(state.get(name), np.ndarray):
            yield name, state[name].shape == (rows,), "a number for each row of coef_"
    for name, array in state.given("_expanded_class_weight") if "classes_" in state else ():
        yield name, len(array) == len(state["classes_"]), "a number for each class"


@_of("LatentDirichletAllocation", when="components_")
def _topics(state: Attributes) -> Iterator[Claim]:
    parts = state["components_"]
    is_so = is_array(parts, 2) and parts.shape == (state["n_components"], state.features)
    yield "components_", is_so, "n_components rows of n_features_in_ numbers"
    other = state["exp_dirichlet_component_"]
    is_so = other.shape == parts.shape and other.dtype == parts.dtype
    yield "exp_dirichlet_component_", is_so, "of the shape of components_"
    yield "components_", bool(np.isfinite(other).all()), "finite numbers"
    for name in ("doc_topic_prior_", "topic_word_prior_"):
        if name in state:
            yield name, bool(0 <= state[name] < math.inf), "a finite number"
    is_so = is_count(state.get("max_doc_update_iter", 1), 0, 1_000_000)
    yield "max_doc_update_iter", is_so, "a number of rounds"


@_of("_BaseNMF", when="components_")
def _factors(state: Attributes) -> Iterator[Claim]:
    parts = state["components_"]
    yield "components_", parts.shape[1] == state.features, "as wide as n_features_in_"
    for name in ("n_components_", "_n_components"):
        if isinstance(state.get(name), (int, np.integer)):
            yield name, state[name] == parts.shape[0], "the rows of components_"


@_of("_BaseSparseCoding", "_BasePCA", "TruncatedSVD", "BaseRandomProjection", "_BaseSparsePCA")
def _components(state: Attributes) -> Iterator[Claim]:
    parts = state.get("components_", state.get("dictionary"))
    if parts is not None and state.features is not None:
        is_so = len(parts.shape) == 2 and parts.shape[1] == state.features
        yield "components_", is_so, "as wide as n_features_in_"
        rows = state.get("n_components_")
        if isinstance(rows, (int, np.integer)):
            yield "n_components_", rows == parts.shape[0], "the rows of components_"


@_of("LocallyLinearEmbedding")
def _embedded(state: Attributes) -> Iterator[Claim]:
    if isinstance(state.get("embedding_"), np.ndarray):
        is_so = state["embedding_"].shape[1] == state["n_components"]
        yield "n_components", is_so, "the columns of embedding_"


@_of("AdditiveChi2Sampler", when="sample_steps")
def _sampler(state: Attributes) -> Iterator[Claim]:
    is_so = is_count(state["sample_steps"], 1, _MOST_DEGREE)
    yield "sample_steps", is_so, f"1 to {_MOST_DEGREE}"


@_of("PolynomialCountSketch", when="indexHash_")
def _sketch(state: Attributes) -> Iterator[Claim]:
    places = state["indexHash_"]
    is_so = (
        is_count(state["degree"], 1, _MOST_DEGREE)
        and places.shape == state["bitHash_"].shape
        and places.shape[0] == state["degree"]
        and is_count(state["n_components"], 1, _MOST_FEATURES)
        and within(places, state["n_components"])
    )
    yield "indexHash_", is_so, "a row below n_components for each degree"


@_of("BaseMultilayerPerceptron")
def _layers(state: Attributes) -> Iterator[Claim]:
    layers = state.get("coefs_")
    if isinstance(layers, list) and layers:
        widths = [state.features, *(layer.shape[1] for layer in layers)]
        is_so = all(
            layer.shape == sizes for layer, sizes in zip(layers, pairwise(widths), strict=True)
        )
        yield "coefs_", is_so, "layers that fit each other"
