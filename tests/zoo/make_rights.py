"""Make `gitmodelstore/pickles/rights.json` from what honest pipelines need.

    python -m tests.zoo.make_rights            # show what would change
    python -m tests.zoo.make_rights --write    # and write it
    python -m tests.zoo.make_rights --also F   # with what another release needs, from its --needs
    python -m tests.zoo.make_rights --anew     # without what only earlier releases needed
    python -m tests.zoo.make_rights --needs F  # write what this release needs into F

"words" are the texts that scikit-learn's own constraints allow for parameters, in any release.

Every specimen of the zoo is fitted, written by joblib and read by the guard with all
rights given; what each name was used for is noted. Names that pipelines of users need
and the zoo lacks are listed by families below. Read the difference before it is
committed: each new callable must be harmless with any arguments, or get a stand-in.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import io
import json
import pickle
import pkgutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy.spatial.distance
import scipy.special
import scipy.stats
import sklearn
import sklearn.feature_selection
import sklearn.metrics
from scipy.interpolate import interp1d
from sklearn.metrics import pairwise
from sklearn.utils._param_validation import Hidden, Options, make_constraint

from gitmodelstore.pickles import guard, rights, stand_ins
from gitmodelstore.pickles.compression import Source
from gitmodelstore.pickles.fast_load import find as find_here
from gitmodelstore.pickles.fast_load import is_of_scikit_learn
from gitmodelstore.pickles.guard import Guard
from gitmodelstore.pickles.rights import ARGUMENT, CALL, NEW, RIGHTS, STATE, VALUE

TABLE = Path(rights.__file__).with_name("rights.json")
ABOUT = "what honest pipelines need; made by tests/zoo/make_rights.py"
Needs = dict[tuple[str, str], set[str]]
Table = dict[str, dict[str, str]]
Words = dict[str, dict[str, set[str] | None]]

# A cache directory is a second source of pickles; a Memory without one is harmless.
REFUSED = {("joblib._store_backends", "FileSystemStoreBackend")}

# What people hand to FunctionTransformer, as weights, distances and statistics: each makes of its
# arguments new values of about their size, and touches nothing else. Left out is what writes to an
# argument (put), opens a file (load), calls what it is given (apply_along_axis), or makes much of
# a number (repeat, tile, cut).
NUMPY = (
    *("abs", "all", "amax", "amin", "angle", "any", "argmax", "argmin", "argsort", "around"),
    *("array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "atleast_1d"),
    *("atleast_2d", "average", "clip", "column_stack", "concatenate", "copy", "count_nonzero"),
    *("cumprod", "cumsum", "digitize", "expand_dims", "fix", "flip", "fliplr", "flipud", "hstack"),
    *("i0", "imag", "interp", "isclose", "isin", "isneginf", "isposinf", "isreal", "max", "mean"),
    *("median", "min", "nan_to_num", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile"),
    *("nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "percentile", "prod", "ptp"),
    *("quantile", "ravel", "real", "reshape", "round", "searchsorted", "sinc", "sort", "squeeze"),
    *("std", "sum", "transpose", "var", "vstack", "where"),
)
SPECIAL = (
    *("beta", "betaln", "boxcox", "boxcox1p", "cbrt", "digamma", "entr", "erf", "erfc", "erfcinv"),
    *("erfcx", "erfinv", "exp10", "exp2", "expit", "expm1", "exprel", "gamma", "gammaln", "huber"),
    *("i0", "i0e", "i1", "i1e", "inv_boxcox", "inv_boxcox1p", "j0", "j1", "kl_div", "log1p"),
    *("log_expit", "log_ndtr", "log_softmax", "loggamma", "logit", "logsumexp", "ndtr", "ndtri"),
    *("pseudo_huber", "psi", "rel_entr", "rgamma", "softmax", "xlog1py", "xlogy"),
)
DISTANCES = (
    *("braycurtis", "canberra", "chebyshev", "cityblock", "correlation", "cosine", "dice"),
    *("euclidean", "hamming", "jaccard", "jensenshannon", "minkowski", "rogerstanimoto"),
    *("russellrao", "sokalsneath", "sqeuclidean", "yule"),
)
STATISTICS = ("gmean", "hmean", "iqr", "kurtosis", "rankdata", "skew", "trim_mean", "zscore")
PANDAS = ("get_dummies", "isna", "notna", "to_datetime", "to_numeric", "to_timedelta")

# Handed to a stand-in and to nobody else, though they would resolve to something callable.
ONLY_ARGUMENTS = {
    ("numpy", "ndarray"),
    ("numpy", "memmap"),
    ("numpy", "matrix"),
    ("numpy.ma", "MaskedArray"),
}


class Recorder(Guard):
    """A guard that lets everything pass and notes what was needed."""

    def __init__(self, *args: Any, outer: Recorder | None = None, **options: Any) -> None:
        super().__init__(*args, outer=outer, **options)
        self.needs: Needs = outer.needs if outer else {}

    def nested(self) -> Any:
        outer = self._outer or self
        return Recorder(self.source, self.file_name, outer=outer).load()

    def allows_state(self, cls: type) -> bool:
        return True

    def note(self, key: tuple[str, str], right: str) -> None:
        self.needs.setdefault(rights.canonical(*key), set()).add(right)

    def _resolve(self, module: str, name: str) -> stand_ins.Named:
        held = stand_ins.Wrapper if name == "NumpyArrayWrapper" else find_here(module, name)
        kind = rights.CLASS if isinstance(held, type) else rights.FUNCTION
        self.needs.setdefault(rights.canonical(module, name), set())
        return stand_ins.Named(module, name, rights.Rights(kind, frozenset(RIGHTS)), held)

    def with_right(self, value: Any, right: str, verb: str) -> stand_ins.Named:
        named = super().with_right(value, right, verb)
        self.note((named.module, named.name), right)
        return named


def _noting_call(recorder: Recorder) -> None:
    arguments, named = recorder.stack[-1], recorder.of(recorder.stack[-2])
    key = rights.canonical(named.module, named.name) if named else ("", "")
    if key in stand_ins._STAND_INS or key[1].startswith("__pyx_unpickle_"):
        for argument in arguments:
            found = recorder.of(argument)
            if found is not None:
                partial = key == ("functools", "partial")
                recorder.note((found.module, found.name), VALUE if partial else ARGUMENT)
    Guard.functions[pickle.REDUCE[0]](recorder)


def _noting_state(recorder: Recorder) -> None:
    state, made = recorder.stack[-1], recorder.stack[-2]
    held = np.dtype if isinstance(made, np.dtype) else type(made)
    if held is stand_ins.Wrapper:
        found = recorder.of(state["subclass"])
        assert found is not None
        recorder.note((found.module, found.name), ARGUMENT)
        recorder.note(guard.WRAPPER, STATE)
    else:
        recorder.note((held.__module__, held.__qualname__), STATE)
    Guard.functions[pickle.BUILD[0]](recorder)


_NOTING = {pickle.REDUCE[0]: _noting_call, pickle.BUILD[0]: _noting_state}
Recorder.functions = [_NOTING.get(code, load) for code, load in enumerate(Guard.functions)]


def needs_of(data: bytes) -> Needs:
    """Return what one file needs: canonical name to rights."""
    recorder = Recorder(Source(data), "specimen")
    recorder.load()
    return {name: held or {VALUE} for name, held in recorder.needs.items()}


def needs_of_zoo() -> Needs:
    """Return what all specimens need."""
    from tests.zoo import specimens

    total: Needs = {}
    for specimen in specimens():
        buffer = io.BytesIO()
        joblib.dump(specimen.fit(), buffer)
        for name, held in needs_of(buffer.getvalue()).items():
            total.setdefault(name, set()).update(held)
    return total


def families() -> Iterator[tuple[str, str, str]]:
    """Yield module, name and right of what the zoo lacks but pipelines of users hold."""
    for name, held in vars(np).items():
        is_type = isinstance(held, type) and issubclass(held, np.generic)
        if is_type or (isinstance(held, np.ufunc) and held.__name__ == name):
            yield "numpy", held.__name__, VALUE
    for place, held in functions():
        module = getattr(held, "__module__", None) or place.__name__
        yield *rights.canonical(module, held.__name__), VALUE
    for held in (*_scores(), *_measures()):
        yield held.__module__, held.__name__, VALUE
    for cls in _distributions():
        yield cls.__module__, cls.__qualname__, NEW
        yield cls.__module__, cls.__qualname__, STATE
    for name in vars(interp1d):
        if name.startswith("_call_"):
            yield interp1d.__module__, f"interp1d.{name}", VALUE
    # Protocols 2 and 3 have no opcodes for these, and write methods of a class as attributes.
    for name in ("bytes", "frozenset", "set"):
        yield "builtins", name, CALL
    yield interp1d.__module__, "interp1d", ARGUMENT
    yield "collections", "OrderedDict", ARGUMENT  # what a defaultdict of lightgbm makes
    distance = "sklearn.metrics._dist_metrics", "PyFuncDistance64"  # of a function, in a tree
    yield from ((*distance, STATE), (*distance, ARGUMENT))
    yield "datetime", "time", CALL
    yield "collections", "deque", CALL
    yield "numpy", "memmap", ARGUMENT
    yield "_codecs", "encode", CALL


def functions() -> Iterator[tuple[Any, Any]]:
    """Yield functions that are harmless whatever they are given, each with where people find it."""
    for place, names in (
        (np, NUMPY),
        (scipy.special, SPECIAL),
        (scipy.spatial.distance, DISTANCES),
        (scipy.stats, STATISTICS),
        (pd, PANDAS),
    ):
        yield from ((place, getattr(place, name)) for name in names if hasattr(place, name))


def _scores() -> Iterator[Any]:
    """Yield what is given to make_scorer, and to selectors of features."""
    for place in (sklearn.metrics, sklearn.feature_selection):
        for name in place.__all__:
            held = getattr(place, name)
            if inspect.isfunction(held) and not held.__module__.endswith("._scorer"):
                yield held


def _measures() -> Iterator[Any]:
    """Yield kernels and distances."""
    yield from pairwise.PAIRWISE_KERNEL_FUNCTIONS.values()
    yield from filter(None, pairwise.PAIRWISE_DISTANCE_FUNCTIONS.values())


def _distributions() -> Iterator[type]:
    for held in vars(scipy.stats).values():
        if isinstance(held, (scipy.stats.rv_continuous, scipy.stats.rv_discrete)):
            yield type(held)


def words() -> Words:
    """Return the texts that parameters take: class to parameter to words, None for any text."""
    found: Words = {}
    for cls in _with_constraints():
        for param, constraints in cls._parameter_constraints.items():
            add_words(found, cls.__name__, param, _texts(constraints))
    return found


def add_words(total: Words, cls: str, param: str, texts: Iterable[str] | None) -> None:
    """Add what a class of that name takes in one release, or one place."""
    params = total.setdefault(cls, {})
    known = params.get(param, set())
    params[param] = None if texts is None or known is None else known | set(texts)


def _with_constraints() -> Iterator[Any]:
    """Yield scikit-learn's classes that say what their parameters may be."""
    for module in pkgutil.walk_packages(sklearn.__path__, "sklearn."):
        if rights._BARRED.isdisjoint(module.name.split(".")):
            with contextlib.suppress(ImportError):  # of what is not installed
                held = vars(importlib.import_module(module.name)).values()
                for cls in {id(it): it for it in held if isinstance(it, type)}.values():
                    if isinstance(getattr(cls, "_parameter_constraints", None), dict):
                        yield cls


def _texts(constraints: Any) -> set[str] | None:
    if constraints == "no_validation":
        return None
    found: set[str] = set()
    for constraint in constraints:
        made = make_constraint(constraint)
        made = made.constraint if isinstance(made, Hidden) else made
        if isinstance(made, Options):
            found |= {option for option in made.options if isinstance(option, str)}
        elif made.is_satisfied_by("no such text"):
            return None
    return found


def find(module: str, name: str) -> Any:
    """Return what a name stands for; None when this release does not have it."""
    try:
        return find_here(module, name)
    except (ImportError, AttributeError):
        return None


def kind(held: Any) -> str:
    if isinstance(held, type):
        return rights.CLASS
    return rights.FUNCTION if callable(held) else rights.OBJECT


def table(needs: Needs, kinds: Mapping[tuple[str, str], str]) -> Table:
    """Return the table: module to name to its kind and rights."""
    made: dict[str, dict[str, str]] = {}
    for (module, name), held in sorted(needs.items()):
        if (module, name) in REFUSED:
            continue
        allowed = held - {VALUE} if (module, name) in ONLY_ARGUMENTS else held
        found = find(module, name)
        if isinstance(found, type) and is_of_scikit_learn(found):
            allowed = allowed | rights.OF_SCIKIT_LEARN.allowed
        words = [kinds[module, name] if found is None else kind(found)]
        words += [right for right in RIGHTS if right in allowed]
        made.setdefault(module, {})[name] = " ".join(words)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the table")
    parser.add_argument("--also", type=Path, action="append", default=[], help="needs to add")
    parser.add_argument("--anew", action="store_true", help="forget what is not needed here")
    parser.add_argument("--needs", type=Path, help="write only what this release needs")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    needs, texts = needs_here(), words()
    if options.needs:
        listed = [[*key, kind(find(*key)), *sorted(held)] for key, held in sorted(needs.items())]
        options.needs.write_text(json.dumps([listed, texts], default=sorted))
        return
    held = json.loads(TABLE.read_text())
    kinds: dict[tuple[str, str], str] = {}
    for path in options.also:
        listed, others = json.loads(path.read_text())
        for module, name, what, *rights_there in listed:
            needs.setdefault((module, name), set()).update(rights_there)
            kinds[module, name] = what
        for cls, params in others.items():
            for param, taken in params.items():
                add_words(texts, cls, param, taken)
    before = held["names"]
    after = table(needs, kinds) if options.anew else merged(before, table(needs, kinds))
    show(before, after)
    if options.write:
        held |= {"about": ABOUT, "newest": sklearn.__version__, "names": after}
        if options.anew:
            held["words"] = closed(texts)
        TABLE.write_text(json.dumps(held, indent=1) + "\n")


def needs_here() -> Needs:
    """Return what pipelines need of what is installed here."""
    needs = needs_of_zoo()
    for module, name, right in families():
        needs.setdefault(rights.canonical(module, name), set()).add(right)
    return needs


def merged(before: Table, more: Table) -> Table:
    """Return a table with all that either has: releases that are not installed here need it."""
    made = {module: dict(names) for module, names in before.items()}
    for module, names in more.items():
        known = made.setdefault(module, {})
        for name, text in names.items():
            what, *held = text.split()
            had = known.get(name, "").split()[1:]
            known[name] = " ".join([what, *(it for it in RIGHTS if it in {*held, *had})])
    return {module: dict(sorted(names.items())) for module, names in sorted(made.items())}


def closed(texts: Words) -> dict[str, dict[str, str]]:
    """Return the words of parameters that do not take any text."""
    return {
        cls: {param: " ".join(sorted(held)) for param, held in sorted(params.items()) if held}
        for cls, params in sorted(texts.items())
        if any(params.values())
    }


def show(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> None:
    """Print what changed, a line a name."""
    for module in sorted(before.keys() | after.keys()):
        was, becomes = before.get(module, {}), after.get(module, {})
        for name in sorted(was.keys() | becomes.keys()):
            if was.get(name) != becomes.get(name):
                print(f"{module}.{name}: {was.get(name, '-')} -> {becomes.get(name, '-')}")


if __name__ == "__main__":
    main()
