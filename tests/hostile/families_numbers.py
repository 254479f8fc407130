"""Numbers that do not agree: compiled code would read or write beyond an array, or never end."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.interpolate import BSpline
from sklearn.cluster import HDBSCAN, Birch, BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import LatentDirichletAllocation, SparseCoder
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge, SGDClassifier, SGDRegressor
from sklearn.manifold import LocallyLinearEmbedding
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MultiLabelBinarizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.tree._tree import Tree

from .fitted import changed, changed_curve, dumped
from .values import Effect, Hostile, files

FAMILY = "numbers that do not agree"

_ROWS = np.random.RandomState(0).rand(40, 3)
_KINDS = np.arange(40) % 3
_TARGETS = _ROWS[:, 0] + 0.1 * _KINDS
_WORDS = ["one word", "two words", "three", "four words", "five", "six"]


def disagreeing(_: Effect) -> Iterator[Hostile]:
    yield from files(FAMILY, _programs(), "never")


@functools.cache
def _programs() -> dict[str, bytes]:
    programs = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tiny data
        for group in (_trees, _boosting, _neighbours, _clusters, _vectors, _encoders, _others):
            programs |= {name: dumped(model) for name, model in group().items()}
        programs |= {name: dumped(model) for name, model in _values().items()}
    return programs


def _without(model: Any, name: str) -> Any:
    copied = copy.deepcopy(model)
    del vars(copied)[name]
    return copied


def _grown(model: Any, features: int | None = None, **state: Any) -> Any:
    """The same estimator with another tree: of so many features, with another state."""
    _, (own, classes, outputs), given = model.tree_.__reduce__()
    tree = Tree(features or own, classes, outputs)
    tree.__setstate__({**given, **state})
    return changed(model, tree_=tree)


def _nodes(model: Any, change: Callable[[Any], None]) -> Any:
    nodes = model.tree_.__reduce__()[2]["nodes"].copy()
    change(nodes)
    return nodes


def _wide(model: Any) -> Any:
    def change(nodes: Any) -> None:
        nodes["feature"][nodes["left_child"] != -1] = 999

    return _grown(model, 1000, nodes=_nodes(model, change))


def _trees() -> dict[str, Any]:
    tree = DecisionTreeClassifier(max_depth=3).fit(_ROWS, _KINDS)
    forest = RandomForestClassifier(2, max_depth=2).fit(_ROWS, _KINDS)
    alone = IsolationForest(n_estimators=2, random_state=0).fit(_ROWS)
    wide = [_wide(each) for each in forest.estimators_]

    def twice(nodes: Any) -> None:
        nodes["right_child"] = nodes["left_child"]

    return {
        "a tree of other features": _wide(tree),
        "a tree without a width": _without(_wide(tree), "n_features_in_"),
        "a tree that is deeper than it says": _grown(tree, max_depth=0),
        "a tree that is less deep": _grown(tree, max_depth=1 << 40),
        "two links to one node": _grown(tree, nodes=_nodes(tree, twice)),
        "a tree of other classes": changed(tree, n_classes_=7),
        "a forest of other features": changed(forest, estimators_=wide),
        "a forest without a width": _without(forest, "n_features_in_"),
        "a forest of other outputs": changed(forest, n_outputs_=1 << 40),
        "a forest of other classes": changed(forest, n_classes_=1 << 20),
        "an isolation forest of other features": changed(
            alone, estimators_=[_wide(each) for each in alone.estimators_]
        ),
        "paths of other trees": changed(
            alone, _decision_path_lengths=[part[:1] for part in alone._decision_path_lengths]
        ),
    }


def _boosting() -> dict[str, Any]:
    kinds = GradientBoostingClassifier(n_estimators=2, max_depth=2).fit(_ROWS, _KINDS)
    values = GradientBoostingRegressor(n_estimators=2, max_depth=2).fit(_ROWS, _TARGETS)
    bins = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2).fit(_ROWS, _KINDS)
    first = kinds.init_
    narrow = changed(
        first, class_prior_=first.class_prior_[:1], classes_=first.classes_[:1], n_classes_=1
    )
    cut = copy.deepcopy(bins)
    for row in cut._predictors:
        for predictor in row:
            predictor.nodes["feature_idx"] = 2**31 - 1
    regression = HistGradientBoostingRegressor(max_iter=1, min_samples_leaf=2)
    regression.fit(_ROWS, _TARGETS)
    fewer = copy.deepcopy(bins._bin_mapper)
    vars(fewer).update(is_categorical_=fewer.is_categorical_[:1])
    return {
        "boosted trees, twice as wide": changed(
            values, estimators_=np.hstack([values.estimators_] * 2)
        ),
        "boosted trees, turned": changed(
            kinds, estimators_=np.ascontiguousarray(kinds.estimators_.T)
        ),
        "boosted trees in a list": changed(values, estimators_=values.estimators_.tolist()),
        "boosted trees of other features": changed(
            values,
            estimators_=np.array([[_wide(each)] for each in values.estimators_.ravel()], object),
        ),
        "a first guess of fewer classes": changed(kinds, init_=narrow),
        "fewer classes than trees": changed(kinds, n_classes_=2),
        "histograms of features there are not": cut,
        "histograms, rows of other trees": changed(bins, n_trees_per_iteration_=1 << 30),
        "histograms, fewer kinds": changed(bins, _bin_mapper=fewer),
        "histograms without a width": _without(regression, "n_features_in_"),
    }


def _neighbours() -> dict[str, Any]:
    near = KNeighborsClassifier(1, algorithm="kd_tree").fit(_ROWS, _KINDS)
    brute = KNeighborsRegressor(1, algorithm="brute").fit(_ROWS, _TARGETS)
    other = KNeighborsClassifier(1, algorithm="kd_tree").fit(_ROWS[:5, :2], _KINDS[:5])
    weighed = KNeighborsRegressor(
        1, algorithm="brute", metric="mahalanobis", metric_params={"VI": np.eye(3)}
    ).fit(_ROWS, _TARGETS)
    density = KernelDensity().fit(_ROWS)
    weighed_once = DistanceMetric.get_metric("minkowski", p=3, w=np.ones(1))
    return {
        "neighbours of other rows": changed(near, _fit_X=_ROWS[:5].copy()),
        "neighbours, another tree": changed(near, _tree=other._tree),
        "neighbours, fewer samples": changed(near, n_samples_fit_=5),
        "neighbours, narrower rows": changed(brute, _fit_X=_ROWS[:, :1].copy()),
        "neighbours without a width": _without(brute, "n_features_in_"),
        "neighbours, other classes": changed(near, _y=np.full(40, 1000)),
        "neighbours, a small metric": changed(weighed, effective_metric_params_={"VI": np.eye(1)}),
        "neighbours, an unknown keyword": changed(weighed, effective_metric_params_={"x": 1}),
        "a tree with leaves of no rows": changed(near, _tree=_tree_with(near._tree, 4, 0)),
        "a tree of one weight": changed(near, _tree=_tree_with(near._tree, 11, weighed_once)),
        "a tree where there is none": changed(near, _fit_method="brute"),
        "density of other features": changed(density, n_features_in_=1),
    }


def _tree_with(tree: Any, place: int, value: Any) -> Any:
    made, arguments, state = tree.__reduce__()
    again = made(*arguments)
    again.__setstate__((*state[:place], value, *state[place + 1 :]))
    return again


def _clusters() -> dict[str, Any]:
    means = KMeans(2, n_init=1).fit(_ROWS)
    batches = MiniBatchKMeans(2, n_init=1).fit(_ROWS)
    halves = BisectingKMeans(2, n_init=1).fit(_ROWS)
    birch = Birch(threshold=0.1, n_clusters=2).fit(_ROWS)
    scan = HDBSCAN(min_samples=2).fit(_ROWS)
    joined = scan._single_linkage_tree_.copy()
    joined["left_node"] = 1 << 40
    loop = copy.deepcopy(halves)
    loop._bisecting_tree.left = loop._bisecting_tree
    return {
        "centres, narrower": changed(means, cluster_centers_=means.cluster_centers_[:, :1].copy()),
        "centres, turned": changed(means, cluster_centers_=means.cluster_centers_.T.copy()),
        "centres, none": changed(means, cluster_centers_=means.cluster_centers_[:0].copy()),
        "centres in columns": changed(
            means, cluster_centers_=np.asfortranarray(means.cluster_centers_)
        ),
        "centres without a width": _without(means, "n_features_in_"),
        "threads": changed(means, _n_threads=1_000_000),
        "counts of other centres": changed(batches, _counts=batches._counts[:1].copy()),
        "halves in a circle": loop,
        "norms of other centres": changed(birch, _subcluster_norms=np.ones(99)),
        "links beyond the rows": changed(scan, _single_linkage_tree_=joined),
    }


def _vectors() -> dict[str, Any]:
    kinds = SVC().fit(_ROWS, _KINDS)
    values, one = SVR().fit(_ROWS, _TARGETS), OneClassSVM().fit(_ROWS)
    given = SVC(kernel="precomputed").fit(_ROWS @ _ROWS.T, _KINDS)
    sparse = SVC().fit(sp.csr_matrix(_ROWS), _KINDS)
    short = sparse._dual_coef_.copy()
    short.data, short.indices = short.data[:3], short.indices[:3]
    short.indptr = np.array([0, 2, 3], dtype=short.indptr.dtype)
    return {
        "support, fewer numbers": changed(kinds, _dual_coef_=kinds._dual_coef_[:1].copy()),
        "support, other counts": changed(kinds, _n_support=np.array([40, 40, 40], dtype=np.int32)),
        "support, negative counts": changed(
            kinds, _n_support=np.array([len(kinds.support_) + 5, -5, 0], dtype=np.int32)
        ),
        "support, fewer constants": changed(kinds, _intercept_=kinds._intercept_[:1].copy()),
        "support, no vectors": changed(kinds, support_vectors_=kinds.support_vectors_[:0].copy()),
        "support, narrower vectors": changed(
            kinds, support_vectors_=kinds.support_vectors_[:, :1].copy()
        ),
        "support, fewer chances": changed(kinds, _probA=np.ones(1), _probB=np.ones(1)),
        "support, another kernel": changed(given, kernel="rbf"),
        "support, rows there are not": changed(
            given, support_=np.full_like(given.support_, 1 << 20)
        ),
        "support, a short sparse one": changed(sparse, _dual_coef_=short),
        "support, not sparse": changed(sparse, _sparse=False),
        "support of a regression": changed(values, _n_support=np.ones(7, dtype=np.int32)),
        "support of one class": changed(one, _dual_coef_=one._dual_coef_[:, :1].copy()),
        "a huge degree": changed(kinds, degree=1 << 30),
    }


def _encoders() -> dict[str, Any]:
    letters = np.array([["a", "x"], ["b", "y"], ["c", "x"]], dtype=object)
    hot = OneHotEncoder().fit(letters)
    rare = OneHotEncoder(min_frequency=2, sparse_output=False).fit(
        np.vstack([letters, letters[:1]])
    )
    bins = KBinsDiscretizer(3, encode="onehot").fit(_ROWS)
    labels = MultiLabelBinarizer().fit([["a", "b"], ["c"]])
    count, weighed = CountVectorizer().fit(_WORDS), TfidfVectorizer().fit(_WORDS)
    records = DictVectorizer().fit([{"a": 1, "b": 2}])
    targets = TargetEncoder(cv=2).fit(letters.repeat(4, 0), np.arange(12) % 2)
    return {
        "words beyond the vocabulary": changed(count, vocabulary_={"word": 1 << 30}),
        "words below zero": changed(count, vocabulary_={"word": -(1 << 30)}),
        "words with fewer weights": changed(weighed, vocabulary_={"word": 0, "two": 1}),
        "records beyond the names": changed(records, vocabulary_={"a": 0, "b": 1 << 30}),
        "no hashes": changed(FeatureHasher(4), n_features=0),
        "no hashes of words": changed(HashingVectorizer(n_features=4), n_features=0),
        "labels twice": changed(labels, classes_=np.array(["a"] * 50, dtype=object)),
        "labels there are not": changed(labels, _cached_dict={"a": 1 << 30, "b": 1, "c": 2}),
        "columns below zero": changed(hot, _n_features_outs=[-1, 2]),
        "fewer columns than categories": changed(hot, _n_features_outs=[1, 2]),
        "more categories than columns": changed(
            hot, categories_=[hot.categories_[0].repeat(50), hot.categories_[1]]
        ),
        "categories of fewer columns": changed(hot, categories_=hot.categories_[:1]),
        "ordinals of fewer columns": changed(
            OrdinalEncoder().fit(letters), categories_=hot.categories_[:1]
        ),
        "rare ones there are not": changed(
            rare, _default_to_infrequent_mappings=[np.array([9, 9, 9]), np.array([0, 1])]
        ),
        "bins of other edges": changed(bins, n_bins_=np.array([3, 3, 9])),
        "targets of fewer categories": changed(
            targets, encodings_=[part[:1] for part in targets.encodings_]
        ),
    }


def _others() -> dict[str, Any]:
    powers = PolynomialFeatures(2).fit(_ROWS)
    curves = SplineTransformer(n_knots=3).fit(_ROWS)
    spread = EllipticEnvelope(random_state=0).fit(_ROWS)
    topics = LatentDirichletAllocation(2, max_iter=1).fit(_ROWS)
    steps = SGDRegressor(max_iter=5, tol=None).fit(_ROWS, _TARGETS)
    kinds = SGDClassifier(max_iter=5, tol=None).fit(_ROWS, _KINDS)
    tree = DecisionTreeRegressor().fit(_ROWS, _TARGETS)
    codes = SparseCoder(np.eye(3)).fit(_ROWS)
    local = LocallyLinearEmbedding(n_neighbors=3, n_components=1, eigen_solver="dense").fit(_ROWS)
    return {
        "powers of another degree": changed(powers, _max_degree=40),
        "more powers than there are": changed(powers, _n_out_full=1000, n_output_features_=1000),
        "curves of another degree": changed(curves, degree=1),
        "curves of fewer columns": changed(curves, bsplines_=curves.bsplines_[:1]),
        "a small precision": changed(spread, precision_=spread.precision_[:1, :1].copy()),
        "topics without an end": changed(topics, exp_dirichlet_component_=np.full((2, 3), np.nan)),
        "fewer steps": changed(steps, coef_=steps.coef_[:1].copy()),
        "fewer classes": changed(kinds, coef_=kinds.coef_[:1].copy()),
        "more codes than rows": changed(codes, n_components_=1 << 40),
        "more dimensions": changed(local, n_components=100),
        "a vast number of columns": changed(StandardScaler().fit(_ROWS), n_features_in_=1 << 40),
        "jobs": changed(RandomForestClassifier(1).fit(_ROWS, _KINDS), n_jobs=1 << 30),
        "a tree's other outputs": changed(tree, n_outputs_=1 << 30),
    }


def _values() -> dict[str, Any]:
    """Objects of scipy's and pandas', as notes on an honest model."""
    rows = sp.csr_matrix(np.eye(4))
    blocks = sp.bsr_matrix(np.eye(4), blocksize=(2, 2))
    points = sp.coo_matrix(np.eye(4))
    lines = sp.dia_matrix(np.eye(4))
    lists = sp.lil_matrix(np.eye(4))
    far = lists.copy()
    far.rows[0] = [1 << 40]
    curve = BSpline(np.arange(8.0), np.ones(4), 3)
    kinds = pd.Categorical(["a", "b"])
    kinds._ndarray[:] = 100
    levels = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    levels._codes = (np.array([100, 0], dtype=np.int8), levels._codes[1])
    model = Ridge().fit(_ROWS, _TARGETS)
    values = {
        "columns beyond the shape": changed(rows, indices=rows.indices + 100),
        "starts that fall": changed(rows, indptr=rows.indptr[::-1].copy()),
        "data in two dimensions": changed(rows, data=np.ones((4, 4))),
        "data of objects": changed(rows, data=np.ones(4, dtype=object)),
        "another format": changed(rows, _format="csc"),
        "places of another type": changed(rows, indptr=rows.indptr.astype(np.int64)),
        "blocks that do not fit": changed(blocks, _shape=(3, 4)),
        "fewer data than places": changed(points, data=np.ones(2)),
        "places beyond the shape": changed(points, _shape=(2, 2)),
        "fewer data than diagonals": changed(lines, offsets=np.arange(4)),
        "lists beyond the shape": far,
        "lists of other lengths": changed(lists, data=lists.data[::-1][:2]),
        "fewer knots": changed_curve(curve, t=np.arange(5.0)),
        "knots that fall": changed_curve(curve, t=np.arange(8.0)[::-1].copy()),
        "codes beyond the categories": kinds,
        "codes beyond the levels": levels,
    }
    return {f"noted, {name}": changed(model, notes_=value) for name, value in values.items()}
