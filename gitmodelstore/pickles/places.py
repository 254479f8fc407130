"""What may stand in which attribute of scikit-learn's objects, so that using them does no more.

A loaded pipeline acts on what its attributes hold: it calls `transform` of whatever stands where a
step belongs, and takes text for the name of a method or of a file. Owns the rule for each such
attribute; docs/security.md says where in scikit-learn the value goes. `misplaced` asks through a
`View`, so that the guarded walk (objects) and the dry one (symbols) judge alike.

Standard library alone: hooks ask it too.
"""

from __future__ import annotations

import re
import string
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple, Protocol

from gitmodelstore.pickles.rights import packages, words_of

# A CatBoost model of text or embeddings loads for readers who trust its class.


MODEL_OF_CATBOOST = "__model"  # the attribute that its native code reads
OF_TEXT = "it holds a CatBoost model of text or embeddings, which cannot be checked"
_FIELDS_OF_TEXT = (12, 13, 18)  # of all trees: features, what is calculated of them, embeddings


def is_of_text(data: bytes) -> bool:
    """Whether the bytes of a CatBoost model say that it has features of text or embeddings."""

    def number(kind: str, at: int) -> int:
        return int(struct.unpack_from(kind, data, at)[0])

    def followed(table: int, field: int) -> int | None:
        """Return where a field of a FlatBuffer's table leads; None if it is not there."""
        vtable = table - number("<i", table)
        place = 4 + 2 * field
        offset = number("<H", vtable + place) if place < number("<H", vtable) else 0
        return table + offset + number("<I", table + offset) if offset else None

    try:
        trees = followed(8 + number("<I", 8), 1)
        vectors = [followed(trees, field) for field in _FIELDS_OF_TEXT] if trees else []
        return any(at is not None and number("<I", at) for at in vectors)
    except struct.error:
        return False


class View(Protocol):
    """How a walk looks at what it made. A leaf is what is not a container of other things."""

    def place(self, value: Any) -> tuple[str, str]:
        """Return module and name of the class of an object, as the table lists it."""

    def class_name(self, value: Any) -> str:
        return self.place(value)[1].rpartition(".")[2]

    def package(self, value: Any) -> str:
        """Return the one of `rights.packages` that defines the class; "" for any other."""
        package = self.place(value)[0].partition(".")[0]
        return package if package in packages() else ""

    def is_trusted(self, value: Any) -> bool:
        """Whether the reader trusts its class."""

    def is_part(self, leaf: Any, package: str) -> bool:
        """Whether its class is defined in a package, or trusted by the reader."""
        return self.is_trusted(leaf) or self.place(leaf)[0].partition(".")[0] == package

    def attributes(self, value: Any) -> Mapping[str, Any]:
        """Return what objects of scikit-learn's, or of `rights.packages`, hold by name, or {}."""

    def parts(self, value: Any) -> Sequence[Any] | None:
        """Return the items of a container or an object array (a tuple's as a tuple), or None."""

    def keys(self, value: Any) -> Collection[Any]:
        """Return the keys of a dictionary; nothing for any other value."""

    def is_plain(self, leaf: Any) -> bool:
        """Whether it is None, text, bytes or a number."""

    def is_array(self, leaf: Any) -> bool:
        """Whether it is an array of numbers."""

    def is_estimator(self, leaf: Any) -> bool:
        """Whether it is an object of an estimator's class, or of one that the reader trusts."""

    def inmost(self, leaf: Any) -> Any:
        """Return what a partial of any depth calls; anything else unchanged."""

    def named(self, leaf: Any) -> tuple[str, str] | None:
        """Return module and name of a function or a class; None for any other value."""

    def is_trusted_function(self, leaf: Any) -> bool:
        """Whether it is a function that the reader trusts by name, which may stand anywhere."""

    def dtype_code(self, leaf: Any) -> str:
        """Return the letters of a dtype of numpy's, "f4"; "" for any other value."""

    def is_class(self, leaf: Any) -> bool:
        """Whether it is a class."""

    def is_partial(self, leaf: Any) -> bool:
        """Whether it is a `functools.partial`."""

    def takes(self, value: Any, param: str, text: str) -> bool:
        """Whether the installed scikit-learn says that a text is meant for a parameter."""


_MOST_THREADS = 4096

_Test = Callable[[View, Any], bool]


class _Rule(NamedTuple):
    """What each leaf of an attribute must be, and the message if one is not."""

    is_met: _Test
    fault: str


def _is_estimator(view: View, leaf: Any) -> bool:
    return view.is_estimator(leaf) or view.is_plain(leaf)


def _is_suffix(view: View, leaf: Any) -> bool:
    return view.is_plain(leaf) or view.named(leaf) == ("builtins.str", "format")


def _is_builtin(view: View, leaf: Any) -> bool:
    return (view.named(leaf) or ("",))[0] == "builtins"


# What is called

# As functions are told what type of values to make, with `dtype=float`.
TYPES_OF_NUMBERS = frozenset(
    {("builtins", name) for name in ("bool", "float", "int")}
    | {("numpy", f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
    | {("numpy", name) for name in ("bool", "bool_", "float16", "float32", "float64")}
)
# The same as an object: np.dtype("f4").
_CODES_OF_NUMBERS = frozenset(
    {"b1", "f2", "f4", "f8", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))}
)


def _is_not_called(view: View, leaf: Any) -> bool:
    return view.named(leaf) is None and not view.is_partial(leaf)


def is_given(view: View, leaf: Any) -> bool:
    """Whether a function may get it: nothing callable, and no type of wide values."""
    if view.named(leaf) in TYPES_OF_NUMBERS:
        return True
    is_wide = is_type_of_values(leaf, view.class_name(leaf), view.dtype_code(leaf))
    return _is_not_called(view, leaf) and not is_wide


def is_type_of_values(value: Any, class_name: str, dtype_code: str) -> bool:
    """Whether it could be a type of numpy's that makes each value very wide, "U100000000"."""
    if type(value) is str:
        return _WIDE.fullmatch(value) is not None
    return class_name.lower().endswith("dtype") and dtype_code not in _CODES_OF_NUMBERS


def _are_few(view: View, leaf: Any) -> bool:
    """Whether it is not a number of threads under which native code would end the process."""
    number: Any = leaf if isinstance(leaf, Real) else 0
    return bool(-_MOST_THREADS <= number <= _MOST_THREADS)


# What is text


def _text(is_known: Callable[[str], bool]) -> _Rule:
    """Return the rule for text that is used as a name; numpy's text will not do."""

    def is_met(view: View, leaf: Any) -> bool:
        if type(leaf) is str:
            return is_known(leaf)
        return view.is_plain(leaf) and not isinstance(leaf, (str, bytes))

    return _Rule(is_met, _NEVER_WRITTEN)


def _words(*words: str) -> _Rule:
    return _text(frozenset(words).__contains__)


def _form(pattern: str) -> _Rule:
    regex = re.compile(pattern)
    return _text(lambda text: regex.fullmatch(text) is not None)


def _is_plain_format(text: str) -> bool:
    """Whether a format names nothing but the two names that scikit-learn hands to it."""
    with suppress(ValueError):
        return all(
            field in (None, "transformer_name", "feature_name") and not (form or conversion)
            for _, field, form, conversion in string.Formatter().parse(text)
        )
    return False


_NEVER_WRITTEN = "is not a text that scikit-learn writes there"
_FOLDS = {("sklearn.model_selection._split", name) for name in ("KFold", "StratifiedKFold")}
_ESTIMATORS = _Rule(_is_estimator, "holds something that is not an estimator")
_PARTS = _Rule(
    lambda view, leaf: view.is_plain(leaf) or view.is_part(leaf, "sklearn"),
    "holds something that is not a part of scikit-learn",
)
_OF_ONE_POINT = ("sklearn.isotonic", "<lambda>")  # what isotonic regression makes of one
_CURVES = _Rule(
    lambda view, leaf: (
        view.is_plain(leaf) or view.is_part(leaf, "scipy") or view.named(leaf) == _OF_ONE_POINT
    ),
    "holds something that is not a curve from scipy",
)
_WIDE = re.compile(r"[|<>=]?[aSUV]\d{4,}")
_GIVEN = _Rule(is_given, "holds something callable, or a type of very wide values")
_FEW = _Rule(_are_few, f"asks for more than {_MOST_THREADS} threads or processes")
_NOT_CALLED = _Rule(_is_not_called, "holds something callable")
_FUNCTIONS = _Rule(  # `list` of text makes a constant of the file
    lambda view, leaf: not view.is_class(leaf) or not _is_builtin(view, leaf),
    "is a built-in class, which would be called",
)
_OF_TEXT = _Rule(
    lambda view, leaf: (
        not view.is_partial(leaf) and (view.named(leaf) or ("",))[0] in ("", "builtins.str")
    ),
    "is not a method of str",
)
_METHODS = _words(
    "auto", "decision_function", "predict", "predict_log_proba", "predict_proba",
    "score_samples", "transform",
)  # fmt: skip

_THREADS = frozenset(
    {"max_process", "n_jobs", "nthread", "nthreads", "num_thread", "num_threads", "thread_count"}
)
# Attributes with the name of a method, or a list of them.
_OF_METHODS = (
    "_response_method", "chain_method", "chain_method_", "response_method", "response_methods",
    "stack_method", "stack_method_",
)  # fmt: skip
# Attributes that scikit-learn goes through: of a mapping that would be its keys.
_ITERATED = frozenset((*_OF_METHODS, "estimator_params", "estimators_", "steps", "transformers_"))

_RULES: Mapping[str, _Rule] = {
    **dict.fromkeys(
        (
            "_bin_mapper", "_centerer", "_encoder", "_estimator", "_final_estimator",
            "_label_binarizer", "_label_encoder", "_preprocessor", "_remainder", "_scaler",
            "_tfidf", "base_estimator", "base_estimator_", "best_estimator_", "calibrators",
            "estimator", "estimator_", "estimators", "estimators_", "final_estimator",
            "final_estimator_", "imputation_sequence_", "indicator_", "init_",
            "initial_imputer_", "kernel_pca_", "label_binarizer_", "le_", "named_estimators_",
            "nbrs_", "one_hot_encoder_", "regressor", "regressor_", "remainder", "steps",
            "transformer", "transformer_", "transformer_list", "transformers", "transformers_",
        ),
        _ESTIMATORS,
    ),
    "init": _Rule(
        lambda view, leaf: _is_estimator(view, leaf) or view.is_array(leaf), _ESTIMATORS.fault
    ),
    **dict.fromkeys(
        (
            "_base_loss", "_bisecting_tree", "_curve_scorer", "_loss", "_metadata_request",
            "_optimizer", "_predictors", "_scorer", "_scorers", "_tree", "child_", "closs",
            "calibrated_classifiers_", "dummy_leaf_", "interval_y_pred", "interval_y_true",
            "k1", "k2", "kernel_", "kernels", "left", "link", "next_leaf_", "prev_leaf_",
            "right", "root_", "scorer_", "scoring", "subclusters_", "tree_",
        ),
        _PARTS,
    ),
    **dict.fromkeys(("bsplines_", "f_"), _CURVES),
    **dict.fromkeys(_THREADS, _FEW),
    "memory": _Rule(
        lambda view, leaf: leaf is None or view.place(leaf)[0] == "joblib.memory",
        "names a folder whose pickles `fit` would load",
    ),
    "cv": _Rule(
        lambda view, leaf: not view.is_class(leaf) or view.named(leaf) in _FOLDS,
        "is a class that scikit-learn never writes there",
    ),
    **dict.fromkeys(
        (
            "_score_func", "effective_metric_", "fun", "func", "inverse_func", "kernel",
            "metric", "pooling_func", "score_func", "strategy", "weights",
        ),
        _FUNCTIONS,
    ),
    **dict.fromkeys(
        (
            "callback", "feature_name_combiner", "feature_names_out", "is_data_valid",
            "is_model_valid", "loss", "max_features", "oob_score", "optimizer", "refit",
        ),
        _NOT_CALLED,
    ),
    **dict.fromkeys(("analyzer", "preprocessor", "strip_accents", "tokenizer"), _OF_TEXT),
    **dict.fromkeys(
        (
            "_kwargs", "effective_metric_params_", "fun_args", "inv_kw_args", "kernel_params",
            "kw_args", "metric_params", "pairwise_kernels_kwargs",
        ),
        _GIVEN,
    ),
    "dtype": _Rule(
        lambda view, leaf: view.named(leaf) is None or view.is_class(leaf),
        "is a function, which would be called",
    ),
    **dict.fromkeys(_OF_METHODS, _METHODS),
    "_sklearn_output_config": _words("default", "pandas", "polars"),
    "encoding": _form(r"[A-Za-z0-9_.\-]{1,40}"),
    "estimator_params": _form(r"[A-Za-z][A-Za-z0-9_]*"),
    "importance_getter": _form(r"(?!_)\w+(\.(?!_)\w+)*"),
    "pre_dispatch": _form(r"all|[0-9n_jobs*+\-/ ().]{1,40}"),
    "verbose_feature_names_out": _text(_is_plain_format),
}  # fmt: skip
# Objects of the packages: what they hold is data, or the parts that are named here.
_PART_NAMES = frozenset(
    {"_Booster", "_binned_variables", "_binning_table", "_encoders", "_le", "_main_check_input"}
    | {"_matching", "_named_encoders", "_periodic_encoders", "_pipeline", "_postprocessors"}
    | {"_preprocessors", "_specific_transformers", "_wrapped_transformer", "all_processing_steps_"}
    | {"base_encoder_", "base_sampler_", "binner_dict_", "binning_process", "binning_process_"}
    | {"callbacks", "categorical_encoder", "categorical_encoder_", "classifier", "classifier_"}
    | {"datetime", "edited_nearest_neighbours_", "encoder_list", "enn", "enn_", "estimator"}
    | {"estimator_", "estimators", "estimators_", "feature_encoder", "high_cardinality"}
    | {"kmeans_estimator", "kmeans_estimator_", "label_encoder", "low_cardinality"}
    | {"minmax_scaler_", "n_neighbors", "n_neighbors_ver3", "neighbors_", "ngrams_count_", "nn_"}
    | {"nn_k_", "nn_m_", "nn_ver3_", "numeric", "ordinal_encoder", "pipelines_", "regressor"}
    | {"regressor_", "robust_scaler_", "sampler", "sampler_", "samplers_", "smote", "smote_"}
    | {"specific_transformers", "steps", "string_encoder", "svm_estimator", "svm_estimator_"}
    | {"to_str", "tomek", "tomek_", "transformer", "transformer_", "transformers"}
    | {"transformers_", "tsvd_", "vectorizer", "vectorizer_", "vectorizers_"}
)
_PARTS_OF_PACKAGES = _Rule(
    lambda view, leaf: (
        _PARTS.is_met(view, leaf) or view.is_estimator(leaf) or view.package(leaf) != ""
    ),
    "holds something that is not a part of a pipeline",
)
_FUNCTIONS_OF_PACKAGES = _Rule(
    lambda view, leaf: not view.is_class(leaf) and not _is_builtin(view, leaf), _FUNCTIONS.fault
)
_CLASSES_OF_PACKAGES = _Rule(
    lambda view, leaf: _is_not_called(view, leaf) or view.is_class(leaf), _NOT_CALLED.fault
)
# Names of what pandas does with groups of rows: it would call any method of that name.
_AGGREGATIONS = _words(
    "add", "all", "any", "count", "div", "first", "floordiv", "kurt", "last", "max", "mean",
    "median", "min", "mod", "mode", "mul", "nunique", "pow", "prod", "sem", "size", "skew",
    "std", "sub", "sum", "truediv", "var",
)  # fmt: skip


def _is_aggregation(view: View, leaf: Any) -> bool:
    is_function = view.named(leaf) is not None and _FUNCTIONS_OF_PACKAGES.is_met(view, leaf)
    return is_function or _AGGREGATIONS.is_met(view, leaf)


_HASHES = _words(
    "blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha3_224", "sha3_256",
    "sha3_384", "sha3_512", "sha512",
)  # fmt: skip
_BELOW_HERE = _form(r"(?!.*\.\.)[A-Za-z0-9_][\w./ -]{0,200}")
_RULES_OF_PACKAGES: Mapping[tuple[str, str], _Rule] = {
    ("catboost", "input_borders"): _BELOW_HERE,
    ("catboost", "output_borders"): _BELOW_HERE,
    ("catboost", "snapshot_file"): _BELOW_HERE,
    ("catboost", "train_dir"): _BELOW_HERE,
    ("category_encoders", "hash_method"): _HASHES,
    ("feature_engine", "func"): _Rule(_is_aggregation, _NEVER_WRITTEN),
    ("feature_engine", "functions"): _AGGREGATIONS,
    ("skrub", "_operations"): _AGGREGATIONS,
    ("skrub", "operations"): _AGGREGATIONS,
    ("skrub", "_right_cols_renaming"): _Rule(_is_suffix, _NEVER_WRITTEN),
}
# Rules of scikit-learn's attributes that say nothing of those of the packages.
_ABOUT_PARTS = (
    _ESTIMATORS, _RULES["init"], _PARTS, _CURVES, _FUNCTIONS, _NOT_CALLED, _RULES["dtype"],
)  # fmt: skip
# Attributes by which the packages call a function with the rows, or with what they are to predict.
_CALLED_BY_PACKAGES = frozenset(
    {"eval_metric", "func", "loss_function", "metric", "objective", "_objective", "predicate"}
    | {"scoring", "_fobj", "_logger"}
)
# Parameters that have native code read or write a file, or speak to other machines, in `fit`.
_FILES = {
    "lightgbm": re.compile(
        "(?!_).*(file|machine|model_|_model|input_|output|config|snapshot|save|init_score|valid_data"
        "|train_data|test_data|parser).*|model|data|input|valid|test|train|task|tree_learner"
    ),
}
_SIMPLE = (type(None), bool, int, float, str)
_ALONE = frozenset({("num_machines", 1), ("tree_learner", "serial")})
_PARAMS = ("params", "_other_params", "kwargs")
# Packages whose models take text for the name of a file with rows.
_OPENS_TEXT = frozenset({"catboost", "lightgbm", "xgboost"})
_ONE_OF_MANY = frozenset(
    {"all", "amax", "amin", "any", "average", "iqr", "logsumexp", "matmul", "matvec", "max", "mean"}
    | {"median", "min", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod"}
    | {"nanquantile", "nansum", "percentile", "prod", "ptp", "quantile", "sum", "trim_mean"}
    | {"vecdot", "vecmat"}
)
# Where in a tuple that these hold the estimator stands: names, columns and such stand beside it.
_AT = {
    **dict.fromkeys(("steps", "transformer_list", "transformers", "transformers_"), 1),
    **dict.fromkeys(("_remainder", "estimators"), 1),
    "imputation_sequence_": 2,
}
# Keywords of what is called: those that no honest pipeline has among them.
_KEYWORDS = frozenset(
    {"_kwargs", "effective_metric_params_", "fun_args", "inv_kw_args", "kernel_params", "kw_args"}
    | {"metric_params", "pairwise_kernels_kwargs"}
)
# What functools.update_wrapper leaves on numpy.vectorize, and scipy on its distributions.
HARMLESS_DUNDERS = frozenset({"__doc__", "__name__"})
FOREIGN_KEYWORDS = frozenset({"out", "overwrite_input"})  # an array of the file, or the rows
# Attributes by which Python, scikit-learn or a notebook would ask the object for something else.
_NEVER = re.compile(
    "_repr_.*|_ipython_.*|_doc_link_.*|_get_doc_link|_html_repr|_get_.*_html|_sk_visual_block_"
    "|_skl_callbacks.*|_parent_callback_ctx|_parameter_constraints|_type|get_metadata_routing"
)
# The same of estimators; what histogram boosting and others have beside them is named alike.
_NEVER_OF_ESTIMATORS = frozenset(
    {"_validate_params", "decision_function", "fit", "fit_predict", "fit_transform"}
    | {"get_feature_names_out", "get_params", "inverse_transform", "predict", "predict_log_proba"}
    | {"predict_proba", "score", "score_samples", "set_output", "set_params", "transform"}
)

_VERSION = re.compile(r"[0-9A-Za-z.+]{0,40}")
HINT_OF_GIVEN = (
    "name a type by a text such as 'float64', and what is called or written to in a function of "
    "your own"
)
_HINTS = dict.fromkeys(_KEYWORDS, HINT_OF_GIVEN) | {
    "memory": "take the cache out before you register: pipeline.set_params(memory=None)",
    "input": "read the files before the pipeline, so that each row is a text",
}
_READS_FILES = "input"  # of a vectorizer, unless it is "content"
# Attributes whose estimators are given the very rows that the object itself is given.
_GIVEN_THE_SAME = (
    "best_estimator_", "calibrated_classifiers_", "estimator", "estimator_", "estimators",
    "estimators_", "named_estimators_", "transformer_list", "transformers", "transformers_",
)  # fmt: skip


def is_version(text: Any) -> bool:
    """Whether it can be a release of scikit-learn, which warns of others by this very text."""
    return type(text) is str and _VERSION.fullmatch(text) is not None


class Misplaced(NamedTuple):
    """One attribute that does not hold what scikit-learn writes there."""

    fault: str  # a clause, "'memory' of a Pipeline names a folder whose …"
    hint: str | None  # what an honest author types instead


def misplaced(objects: Iterable[Any], root: Any, view: View) -> Iterator[Misplaced]:
    """Yield what is wrong with the objects of a pipeline that were given attributes."""
    readers = []
    one_of_many = None
    opens_text = False
    visited: set[tuple[str, int]] = set()
    for value in objects:
        attributes = view.attributes(value)
        if attributes:
            for name, why in _faults(value, attributes, view, visited):
                yield _misplaced(name, view.class_name(value), why)
        opens_text |= view.package(value) in _OPENS_TEXT
        if (view.named(view.inmost(attributes.get("func"))) or ("", ""))[1] in _ONE_OF_MANY:
            one_of_many = one_of_many or value
        source = attributes.get(_READS_FILES, "content")
        if type(source) is not str or source != "content":
            readers.append(value)
    if opens_text and one_of_many is not None and view.package(one_of_many) == "":
        yield _misplaced(
            "func",
            view.class_name(one_of_many),
            "turns the rows into one value, which a model would take for a file name",
        )
    given = {id(value) for value in _given_the_rows(root, view)} if readers else set()
    for value in readers:
        if id(value) not in given:
            yield _misplaced(
                _READS_FILES,
                view.class_name(value),
                "makes it read files that other parts of the pipeline name",
            )


def _misplaced(name: str, kind: str, why: str) -> Misplaced:
    return Misplaced(f"'{_shown(name)}' of {with_article(kind)} {why}", _HINTS.get(name))


def with_article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"


def _faults(
    owner: Any, attributes: Mapping[str, Any], view: View, visited: set[tuple[str, int]]
) -> Iterator[tuple[str, str]]:
    """Yield the names of attributes of one object, and what is wrong with each."""
    checks = _asked(view.class_name(owner), view.package(owner), frozenset(attributes))
    for name in checks.foreign:
        yield name, "is a name that scikit-learn never writes"
    if checks.own and view.is_estimator(owner):
        for name in checks.own:
            yield name, "would replace its own"
    for name, rule in checks.rules:
        leaves = _leaves(attributes[name], view, visited, name)
        if not all(
            rule.is_met(view, leaf) or view.is_trusted_function(view.inmost(leaf))
            for leaf in leaves
        ):
            yield name, rule.fault
    for name in checks.files:
        if attributes[name] is not None:
            yield name, "names a file or a machine that native code would use in `fit`"
    for name in checks.params:
        keys, values = view.keys(attributes[name]), view.parts(attributes[name]) or ()
        given = list(zip(keys, values, strict=False))
        is_odd = bool(keys) and len(keys) != len(values)  # with keys that are not text
        package = view.package(owner)
        # What LightGBM says of itself where nobody asked for files or machines is no fault.
        if is_odd or any(
            _is_of_files(package, key)
            and not (type(one) in _SIMPLE and (not one or (key, one) in _ALONE))
            for key, one in given
        ):
            yield name, "names a file or a machine that native code would use in `fit`"
        if any(key in _THREADS and not _are_few(view, value) for key, value in given):
            yield name, _FEW.fault
    for name in checks.keywords:
        if not FOREIGN_KEYWORDS.isdisjoint(view.keys(attributes[name])):
            yield name, "makes the function write into an array that it is given"
    for name in checks.iterated:
        if view.keys(attributes[name]):  # it would be used by its keys
            yield name, "is a mapping"
    if not {"n_splits"}.issuperset(view.keys(attributes.get("cvargs"))):
        yield "cvargs", "holds more than a number of splits"
    if not is_version(attributes.get("_sklearn_version", "")):
        yield "_sklearn_version", _NEVER_WRITTEN
    for name, words in checks.words:
        text = attributes[name]
        if isinstance(text, str) and text not in words and not view.takes(owner, name, text):
            yield name, f"is {_shown(text)!a}, which scikit-learn never accepts"


class _LookedAt(NamedTuple):
    """Which attributes of an object are looked at: the same for all that have the same names."""

    foreign: tuple[str, ...]  # names that are never written
    own: tuple[str, ...]  # names of what estimators define
    rules: tuple[tuple[str, _Rule], ...]  # of values
    keywords: tuple[str, ...]  # of what is called
    iterated: tuple[str, ...]  # what scikit-learn goes through
    words: tuple[tuple[str, frozenset[str]], ...]  # parameters that take certain texts, and which
    files: tuple[str, ...] = ()  # what names files to native code
    params: tuple[str, ...] = ()  # what has such parameters


@lru_cache(maxsize=1024)
def _asked(kind: str, package: str, names: frozenset[str]) -> _LookedAt:
    words = {} if package else words_of(kind)
    foreign = (name for name in names if not name.isidentifier() or _NEVER.fullmatch(name))
    return _LookedAt(
        tuple(sorted(foreign)),
        tuple(sorted(names & _NEVER_OF_ESTIMATORS)),
        tuple((name, rule) for name in sorted(names) for rule in _rules_of(package, name)),
        tuple(sorted(names & _KEYWORDS)),
        tuple(sorted(names & _ITERATED)) if package in ("", "imblearn") else (),
        tuple((name, words[name]) for name in sorted(names & words.keys())),
        tuple(name for name in sorted(names) if _is_of_files(package, name)),
        tuple(name for name in _PARAMS if package and name in names),
    )


def _rules_of(package: str, name: str) -> Iterator[_Rule]:
    """Yield what the leaves of an attribute must be, in scikit-learn or in one of the packages."""
    common = _RULES.get(name)
    if not package:
        yield from (common,) if common else ()
        return
    if common and common not in _ABOUT_PARTS:
        yield common
    own = _RULES_OF_PACKAGES.get((package, name))
    if own:
        yield own
    elif name in _CALLED_BY_PACKAGES:
        yield _FUNCTIONS_OF_PACKAGES
    elif "dtype" in name or name == "args":
        yield _CLASSES_OF_PACKAGES
    else:
        yield _PARTS_OF_PACKAGES if name in _PART_NAMES else _NOT_CALLED


def _is_of_files(package: str, param: Any) -> bool:
    regex = _FILES.get(package)
    return regex is not None and type(param) is str and regex.fullmatch(param) is not None


def _leaves(value: Any, view: View, visited: set[tuple[str, int]], name: str) -> Iterator[Any]:
    """Yield what an attribute holds, through what only holds others; of `visited` nothing again."""
    waiting, at = [value], _AT.get(name)
    while waiting:
        item = waiting.pop()
        parts = None if view.is_plain(item) else view.parts(item)
        if parts is None:
            yield item
        elif (name, id(item)) not in visited:
            visited.add((name, id(item)))
            waiting += parts[at : at + 1] if at is not None and isinstance(parts, tuple) else parts


def _given_the_rows(root: Any, view: View) -> Iterator[Any]:
    """Yield the objects that are given the rows of the caller, as they are."""
    waiting, visited = [root], {("", id(root))}
    while waiting:
        value = waiting.pop()
        yield value
        attributes = view.attributes(value)
        steps = view.parts(attributes.get("steps")) or ()
        for name, inside in (
            ("steps", steps[:1]),
            *((it, attributes.get(it)) for it in _GIVEN_THE_SAME),
        ):
            for part in _leaves(inside, view, visited, name):
                if ("", id(part)) not in visited:
                    visited.add(("", id(part)))
                    waiting.append(part)


def _shown(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"
