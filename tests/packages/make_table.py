"""Make `gitmodelstore/pickles/packages.json`: which classes of which packages are known.

    python -m tests.packages.make_table            # show what would change
    python -m tests.packages.make_table --write    # and write it

Run where the packages are installed (`tests/packages/requirements.txt`). Estimators are found by
walking through each package; what else the zoo's files hold is listed here. Read the difference
before it is committed: where values of a new attribute go is said by `places.py`.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from sklearn.base import BaseEstimator

from gitmodelstore.pickles import rights

TABLE = Path(rights.__file__).with_name("packages.json")
ABOUT = "packages that are judged as scikit-learn is; made by tests/packages/make_table.py"

# The package as it is imported, to its name in the index.
INDEX = {
    "catboost": "catboost",
    "category_encoders": "category_encoders",
    "feature_engine": "feature_engine",
    "imblearn": "imbalanced-learn",
    "lightgbm": "lightgbm",
    "optbinning": "optbinning",
    "skrub": "skrub",
    "xgboost": "xgboost",
}
# Not a part of anybody's pipeline, or in need of what most do not have.
_BARRED = rights._BARRED | {"_data_ops", "_docs", "_reporting", "dask", "distributed", "keras"}
_BARRED |= {"spark", "tensorflow", "testing", "utils", "widget", "plotting", "monitoring"}
_BARRED |= {"counterfactual"}
# Estimators that do more than their state says; each has to be trusted by name.
EXCLUDED = {
    "LLMEncoder": "asks a server that its params name",
    "TextEncoder": "loads a model that its params name, from a folder or over the network",
}
# What else files hold: objects that are no estimators, and functions that are called with rows.
PARTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "lightgbm": {"lightgbm.basic": ("Booster",)},
    "xgboost": {
        "xgboost.core": ("Booster",),
        "xgboost.callback": ("EarlyStopping", "EvaluationMonitor"),
    },
    "optbinning": {
        "optbinning.binning.binning_statistics": (
            *("BinningTable", "ContinuousBinningTable", "MulticlassBinningTable"),
        ),
        "optbinning.binning.multidimensional.binning_statistics_2d": (
            *("BinningTable2D", "ContinuousBinningTable2D"),
        ),
        "optbinning.binning.piecewise.binning_statistics": (
            *("PWBinningTable", "PWContinuousBinningTable"),
        ),
    },
    "skrub": {
        "skrub._table_vectorizer": ("ShortReprDict",),
        "skrub._utils": ("LRUDict",),
        "skrub.selectors._base": (
            *("All", "And", "Cols", "Filter", "Inv", "NameFilter", "Or", "Sub", "XOr"),
        ),
    },
}
FUNCTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "imblearn": {
        "imblearn.metrics._classification": (
            *("geometric_mean_score", "macro_averaged_mean_absolute_error"),
            *("sensitivity_score", "sensitivity_specificity_support", "specificity_score"),
        )
    },
    "skrub": {
        "fnmatch": ("fnmatchcase",),
        "skrub._dataframe._common": (
            *("fill_nulls", "has_nulls", "is_any_date", "is_bool", "is_categorical", "is_duration"),
            *("is_float", "is_integer", "is_numeric", "is_object", "is_string"),
        ),
        "skrub._table_vectorizer": ("_created_by_predicate",),
        "skrub.selectors._selectors": (
            *("_cardinality_below", "_has_dtype", "_null_count_check", "_regex"),
        ),
    },
    "xgboost": {"xgboost.collective": ("communicator_print",)},
}


def estimators(package: str) -> Iterator[type]:
    """Yield the classes of estimators that a package defines."""
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if _BARRED.isdisjoint(found.name.split(".")):
            with contextlib.suppress(ImportError):  # of what is not installed
                for held in vars(importlib.import_module(found.name)).values():
                    if _is_estimator(held) and held.__module__ == found.name:
                        yield held


def _is_estimator(held: object) -> bool:
    if not isinstance(held, type) or held.__name__ in EXCLUDED:
        return False
    return issubclass(held, BaseEstimator) or (
        held.__module__ == "catboost.core" and held.__name__.startswith("CatBoost")
    )


def table() -> dict[str, dict[str, object]]:
    """Return what is known of each package."""
    made: dict[str, dict[str, object]] = {}
    for package, index in INDEX.items():
        by_module: dict[str, list[str]] = {}
        for cls in estimators(package):
            by_module.setdefault(cls.__module__, []).append(cls.__qualname__)
        made[package] = {
            "index": index,
            "version": version(index if index != "xgboost" else _xgboost()),
            "estimators": _joined(by_module),
            "parts": _joined(_installed(PARTS.get(package, {}), type)),
            "functions": _joined(_installed(FUNCTIONS.get(package, {}), object)),
        }
    return made


def _xgboost() -> str:
    """Return which of its two distributions is here: the same code with and without GPU."""
    with contextlib.suppress(Exception):
        return "xgboost" if version("xgboost") else ""
    return "xgboost-cpu"


def _installed(listed: Mapping[str, tuple[str, ...]], kind: type) -> dict[str, list[str]]:
    """Return those that this release has."""
    return {
        module: [
            name
            for name in names
            if isinstance(getattr(importlib.import_module(module), name, None) or 0, kind)
            and hasattr(importlib.import_module(module), name)
        ]
        for module, names in listed.items()
    }


def _joined(by_module: Mapping[str, list[str]]) -> dict[str, str]:
    return {module: " ".join(sorted(names)) for module, names in sorted(by_module.items())}


def main() -> None:
    warnings.simplefilter("ignore")
    before = json.loads(TABLE.read_text())["packages"] if TABLE.exists() else {}
    after = table()
    for package, held in after.items():
        for what, value in held.items():
            if before.get(package, {}).get(what) != value:
                print(f"{package} {what}: {before.get(package, {}).get(what)} -> {value}")
    if "--write" in sys.argv:
        TABLE.write_text(json.dumps({"about": ABOUT, "packages": after}, indent=1) + "\n")


if __name__ == "__main__":
    main()
