"""Distances and kernels: neighbours of every metric, processes, densities, support vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.spatial.distance
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.decomposition import KernelPCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.kernel_approximation import Nystroem, PolynomialCountSketch, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import (
    chi2_kernel,
    cosine_similarity,
    laplacian_kernel,
    linear_kernel,
    polynomial_kernel,
    rbf_kernel,
    sigmoid_kernel,
)
from sklearn.neighbors import (
    KernelDensity,
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNeighborsTransformer,
    LocalOutlierFactor,
    NearestNeighbors,
    NeighborhoodComponentsAnalysis,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted

TREE_METRICS: dict[str, dict[str, Any]] = {
    "euclidean": {},
    "manhattan": {},
    "chebyshev": {},
    "minkowski": {"p": 3},
    "seuclidean": {"V": [1.0, 2.0, 1.0, 2.0]},
    "mahalanobis": {"VI": np.diag([1.0, 0.5, 1.0, 0.5])},
}
BALL_METRICS = ("hamming", "canberra", "braycurtis")
BOOLEAN_METRICS = ("jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath")
BRUTE_METRICS = ("cosine", "correlation", "sqeuclidean", "l1", "l2", "nan_euclidean")


def specimens() -> Iterator[Specimen]:
    """Yield models that measure distances."""
    yield from _neighbours()
    yield from _near_things()
    yield from _processes()
    yield from _densities()
    yield from _support()
    yield from _clusters()


def _near(metric: Any, algorithm: str, parameters: dict[str, Any] | None) -> KNeighborsClassifier:
    given = dict(parameters or {})
    p = given.pop("p", 2)
    options = {"p": p, "metric": metric, "metric_params": given or None}
    return KNeighborsClassifier(3, algorithm=algorithm, leaf_size=10, **options)


def _neighbours() -> Iterator[Specimen]:
    """Every metric; the classes are numbers, since 1.5 fails at brute force over strings."""
    for metric, parameters in TREE_METRICS.items():
        for algorithm in ("ball_tree", "kd_tree", "brute"):
            if (metric, algorithm) in {("seuclidean", "kd_tree"), ("mahalanobis", "kd_tree")}:
                continue  # a k-d tree has no such metric
            build = partial(_near, metric, algorithm, parameters)
            name = f"near-{metric}-{algorithm.replace('_', '-')}"
            yield fitted(name, build, toys.numbers, toys.numbered)
    for metric in BALL_METRICS:
        build = partial(_near, metric, "ball_tree", None)
        yield fitted(f"near-{metric}-ball-tree", build, toys.counts, toys.numbered)
    for metric in BOOLEAN_METRICS:
        build = partial(_near, metric, "ball_tree", None)
        yield fitted(f"near-{metric}-ball-tree", build, _yes_or_no, toys.numbered)
    for metric in BRUTE_METRICS:
        build = partial(_near, metric, "brute", None)
        yield fitted(f"near-{metric.replace('_', '-')}-brute", build, toys.numbers, toys.numbered)
    yield fitted(
        "near-haversine", partial(_near, "haversine", "ball_tree", None), _places, toys.numbered
    )
    callable_ = partial(_near, scipy.spatial.distance.cityblock, "brute", None)
    yield fitted("near-callable", callable_, toys.numbers, toys.numbered)
    yield fitted("near-sparse", lambda: KNeighborsClassifier(3), toys.sparse, toys.numbered)


def _yes_or_no() -> np.ndarray:
    return toys.numbers() > 0


def _places() -> np.ndarray:
    return toys.numbers()[:, :2] / 4


def _near_things() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "weighted": lambda: KNeighborsRegressor(4, weights="distance", algorithm="kd_tree"),
        "radius": lambda: RadiusNeighborsRegressor(radius=9.0, algorithm="ball_tree"),
        "search": lambda: NearestNeighbors(n_neighbors=3, radius=1.0, algorithm="kd_tree"),
        "novelty": lambda: LocalOutlierFactor(5, novelty=True, algorithm="ball_tree"),
        "graph": lambda: make_pipeline(
            KNeighborsTransformer(n_neighbors=5), KNeighborsRegressor(3, metric="precomputed")
        ),
    }
    yield from each("near", ways, toys.numbers, toys.target)
    yield fitted(
        "near-learnt",
        lambda: make_pipeline(
            NeighborhoodComponentsAnalysis(2, max_iter=5, random_state=0), KNeighborsClassifier()
        ),
        toys.numbers,
        toys.kinds,
        ignored=ConvergenceWarning,
    )


KERNELS: dict[str, Callable[[], Any]] = {
    "scaled": lambda: ConstantKernel(2.0) * RBF(1.0) + WhiteKernel(0.1),
    "anisotropic": lambda: (
        RBF([1.0, 2.0, 3.0, 4.0], length_scale_bounds="fixed") + WhiteKernel(0.1)
    ),
    "matern": lambda: Matern(nu=1.5) + WhiteKernel(0.1),
    "quadratic": lambda: RationalQuadratic(alpha=0.5) + WhiteKernel(0.1),
    "power": lambda: Exponentiation(DotProduct(), 2) + WhiteKernel(0.1),
    "periodic": lambda: ExpSineSquared(1.0, periodicity=2.0) * RBF() + WhiteKernel(0.1),
    "pairwise": lambda: PairwiseKernel(metric="laplacian") + WhiteKernel(0.1),
}


def _processes() -> Iterator[Specimen]:
    for name, kernel in KERNELS.items():
        build = partial(_process, kernel)
        yield fitted(f"process-{name}", build, toys.numbers, toys.target)
    for strategy in ("one_vs_rest", "one_vs_one"):
        build = partial(GaussianProcessClassifier, 1.0 * RBF(), multi_class=strategy)
        yield fitted(
            f"process-{strategy.replace('_', '-')}",
            build,
            _first_rows,
            _first_kinds,
            ignored=ConvergenceWarning,
            asked=strategy == "one_vs_rest",  # the other one has no probabilities
        )
    both = partial(GaussianProcessRegressor, RBF(), alpha=0.1, normalize_y=True)
    yield fitted("process-outputs", both, toys.numbers, toys.targets)


def _process(kernel: Callable[[], Any]) -> GaussianProcessRegressor:
    return GaussianProcessRegressor(kernel(), optimizer=None, alpha=0.01, random_state=0)


def _first_rows() -> np.ndarray:
    return toys.numbers()[:18]


def _first_kinds() -> np.ndarray:
    return toys.kinds()[:18]


def _densities() -> Iterator[Specimen]:
    for kernel in ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"):
        build = partial(KernelDensity, kernel=kernel, bandwidth=5.0, algorithm="kd_tree")
        yield fitted(f"density-{kernel}", build, toys.numbers)
    build = partial(KernelDensity, bandwidth="scott", metric="manhattan", algorithm="ball_tree")
    yield fitted("density-scott", build, toys.numbers)


def _support() -> Iterator[Specimen]:
    kernels = [linear_kernel, polynomial_kernel, sigmoid_kernel, rbf_kernel, laplacian_kernel]
    for kernel in [*kernels, cosine_similarity]:
        name = f"support-{kernel.__name__.replace('_', '-')}"
        yield fitted(name, partial(SVC, kernel=kernel), toys.numbers, toys.kinds)
    yield fitted("support-chi2-kernel", partial(SVC, kernel=chi2_kernel), toys.positive, toys.kinds)
    ways: dict[str, Callable[[], Any]] = {
        "weighted": lambda: SVC(class_weight="balanced", decision_function_shape="ovo"),
        "regression": lambda: make_pipeline(StandardScaler(), SVR(kernel="poly", degree=2)),
        "outliers": lambda: OneClassSVM(nu=0.2, gamma=0.3),
        "ridge": lambda: KernelRidge(kernel="rbf", gamma=0.1),
        "ridge-laplacian": lambda: KernelRidge(kernel="laplacian"),
        "components": lambda: KernelPCA(2, kernel="rbf", fit_inverse_transform=True),
        "components-cosine": lambda: KernelPCA(2, kernel="cosine", eigen_solver="dense"),
        "nystroem": lambda: make_pipeline(
            Nystroem(n_components=5, random_state=0, kernel="laplacian"), LogisticRegression()
        ),
        "fourier": lambda: make_pipeline(
            RBFSampler(n_components=6, random_state=0), LogisticRegression()
        ),
        "sketch": lambda: PolynomialCountSketch(n_components=6, random_state=0),
    }
    yield from each("support", ways, toys.numbers, toys.binary)
    yield fitted("support-sparse", SVC, toys.sparse, toys.kinds)
    yield fitted("support-precomputed", partial(SVC, kernel="precomputed"), _gram, toys.kinds)


def _gram() -> np.ndarray:
    return toys.numbers() @ toys.numbers().T


def _clusters() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "scaled": lambda: make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)),
        "elkan": lambda: KMeans(3, algorithm="elkan", init=toys.numbers()[:3].copy(), n_init=1),
        "seeded": lambda: make_pipeline(
            StandardScaler(), KMeans(2, n_init=1, random_state=np.random.RandomState(6))
        ),
    }
    yield from each("clusters", ways, toys.numbers)
    silent: dict[str, Callable[[], Any]] = {
        "dense": lambda: DBSCAN(eps=1.5, metric="manhattan"),
        "linked": lambda: AgglomerativeClustering(3, linkage="average", compute_distances=True),
        "spectral": lambda: SpectralClustering(2, affinity="rbf", random_state=0),
    }
    yield from each("clusters", silent, toys.numbers, asked=False)
