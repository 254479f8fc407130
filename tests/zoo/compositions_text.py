"""Text, dictionaries, sparse matrices, topics, and the choice of features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, LatentDirichletAllocation, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import (
    ENGLISH_STOP_WORDS,
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
    chi2,
    f_classif,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
    r_regression,
)
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import Binarizer, MaxAbsScaler, Normalizer, StandardScaler
from sklearn.random_projection import SparseRandomProjection
from sklearn.svm import LinearSVC

from tests.zoo import toys
from tests.zoo.specimen import Specimen, each, fitted


def specimens() -> Iterator[Specimen]:
    """Yield models of words, of sparse rows and of chosen features."""
    yield from _words()
    yield from _vectorizers()
    yield from _records()
    yield from _sparse_rows()
    yield from _chosen()


def _words() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "tfidf-descent": lambda: make_pipeline(TfidfVectorizer(), SGDClassifier(random_state=0)),
        "tfidf-svc": lambda: make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            LinearSVC(random_state=0),
        ),
        "counts-bayes": lambda: make_pipeline(
            CountVectorizer(stop_words="english"), MultinomialNB()
        ),
        "counts-tfidf": lambda: Pipeline(
            [("count", CountVectorizer()), ("idf", TfidfTransformer()), ("nb", ComplementNB())]
        ),
        "hashed": lambda: make_pipeline(
            HashingVectorizer(n_features=64, alternate_sign=False), LogisticRegression()
        ),
        "latent": lambda: make_pipeline(
            TfidfVectorizer(), TruncatedSVD(3, random_state=0), Normalizer(copy=False)
        ),
        "topics": lambda: make_pipeline(
            CountVectorizer(), LatentDirichletAllocation(3, max_iter=3, random_state=0)
        ),
        "parts": lambda: make_pipeline(TfidfVectorizer(), NMF(2, init="nndsvd", random_state=0)),
        "union": lambda: make_pipeline(
            make_union(TfidfVectorizer(), CountVectorizer(analyzer="char_wb", ngram_range=(2, 3))),
            SelectKBest(chi2, k=10),
            LogisticRegression(),
        ),
    }
    yield from each("text", ways, toys.texts, toys.kinds)
    yield fitted(
        "text-column",
        lambda: make_pipeline(
            ColumnTransformer([("note", TfidfVectorizer(), "city")]), LogisticRegression()
        ),
        toys.customers,
        toys.binary,
    )


def _vectorizers() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "stop-list": lambda: CountVectorizer(stop_words=["again", "price"], binary=True),
        "stop-set": lambda: CountVectorizer(stop_words=list(ENGLISH_STOP_WORDS)),
        "vocabulary": lambda: CountVectorizer(vocabulary={"late": 0, "refund": 1}),
        "float32": lambda: TfidfVectorizer(dtype=np.float32, norm="l1", use_idf=False),
        "accents": lambda: TfidfVectorizer(strip_accents="unicode", analyzer="char"),
        "split": lambda: TfidfVectorizer(tokenizer=str.split, token_pattern=None),
        "lower": lambda: CountVectorizer(preprocessor=str.lower, max_features=5),
    }
    yield from each("vectorizer", ways, toys.texts)


def _records() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "sparse": lambda: make_pipeline(DictVectorizer(), MaxAbsScaler(), LogisticRegression()),
        "dense": lambda: make_pipeline(
            DictVectorizer(sparse=False), MaxAbsScaler(), LogisticRegression()
        ),
        "hashed": lambda: make_pipeline(FeatureHasher(32), MaxAbsScaler(), LogisticRegression()),
    }
    yield from each("records", ways, toys.records, toys.kinds)


def _sparse_rows() -> Iterator[Specimen]:
    ways: dict[str, Callable[[], Any]] = {
        "scaled": lambda: make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
        "binarized": lambda: make_pipeline(Binarizer(threshold=0.2), MultinomialNB()),
        "projected": lambda: make_pipeline(
            SparseRandomProjection(3, density=0.5, random_state=0), Ridge()
        ),
        "forest": lambda: RandomForestClassifier(3, random_state=0),
    }
    yield from each("sparse", ways, toys.sparse, toys.binary)
    yield fitted("sparse-array", LogisticRegression, _array, toys.kinds)


def _array() -> Any:
    return scipy.sparse.csr_array(toys.sparse())


def _chosen() -> Iterator[Specimen]:
    for score in (f_classif, chi2):
        build = partial(SelectKBest, score, k=2)
        yield fitted(f"chosen-{_plain(score)}", build, toys.positive, toys.kinds)
    for score in (f_regression, r_regression, mutual_info_regression):
        build = partial(SelectPercentile, score, percentile=50)
        yield fitted(f"chosen-{_plain(score)}", build, toys.numbers, toys.target)
    seeded = partial(mutual_info_classif, random_state=0, discrete_features=False)
    ways: dict[str, Callable[[], Any]] = {
        "partial": lambda: SelectKBest(seeded, k=2),
        "rate": lambda: SelectFpr(f_classif, alpha=0.9),
        "discovery": lambda: SelectFdr(f_classif, alpha=0.9),
        "family": lambda: SelectFwe(f_classif, alpha=0.99),
        "generic": lambda: GenericUnivariateSelect(f_classif, mode="k_best", param=1),
        "variance": lambda: VarianceThreshold(0.5),
        "eliminated": lambda: RFE(LogisticRegression(), n_features_to_select=2),
        "eliminated-searched": lambda: RFECV(
            LogisticRegression(), cv=StratifiedKFold(2), scoring="accuracy"
        ),
        "from-model": lambda: SelectFromModel(LogisticRegression(), threshold="0.5*mean"),
        "from-forest": lambda: SelectFromModel(
            RandomForestClassifier(3, random_state=0), max_features=2, threshold=-np.inf
        ),
        "forward": lambda: SequentialFeatureSelector(LogisticRegression(), cv=2),
        "backward": lambda: SequentialFeatureSelector(
            LogisticRegression(), n_features_to_select=3, direction="backward", cv=2
        ),
    }
    yield from each("chosen", ways, toys.numbers, toys.binary)
    yield fitted(
        "chosen-within-union",
        lambda: make_pipeline(
            FeatureUnion(
                [
                    ("best", SelectKBest(f_regression, k=1)),
                    ("all", "passthrough"),
                    ("none", "drop"),
                ],
                transformer_weights={"all": 2.0},
            ),
            SelectFromModel(Lasso(0.01)),
            Ridge(),
        ),
        toys.numbers,
        toys.target,
    )


def _plain(function: Callable[..., Any]) -> str:
    return function.__name__.replace("_", "-")
