"""What a pickle may do with which name: a closed table, and one rule for scikit-learn's classes.

Owns the question "may this file use that name, and how", without importing anything
but the standard library, so that hooks can ask it too. What a name resolves to is
the guard's business. The table is `rights.json`, made by `tests/zoo/make_rights.py`
from the pickles of honest pipelines; `packages.json` adds the packages that tabular
models are made of (`tests/packages/make_table.py`), whose classes are judged likewise.

The rights:

- value: it may stand in the pickle, as an argument or an attribute.
- call: it may be called with arguments from the pickle (REDUCE).
- new: instances may be made without calling `__init__` (NEWOBJ).
- state: its instances may be given their state (BUILD).
- argument: it may be handed to a callable that is known to make the right thing of it,
  and to nobody else.
"""

from __future__ import annotations

import json
import re
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from gitmodelstore.lean import TYPE_CHECKING, Any, NamedTuple, dataclass, pattern
from gitmodelstore.plumbing.files import code_places

if TYPE_CHECKING:
    import ast

VALUE, CALL, NEW, STATE, ARGUMENT = RIGHTS = ("value", "call", "new", "state", "argument")
CLASS, FUNCTION, OBJECT = "class", "function", "object"

# What both walks keep to.
OLDEST_PROTOCOL, NEWEST_PROTOCOL = 2, 5
MOST_MARKS = 10_000  # open at once; a linked tree of Birch has hundreds
SPARE_OPCODES = 1_000_000  # beyond one for each byte of a file, since a compressed one repeats

# Packages of which the table says all that there is to say.
GENERAL = frozenset({"joblib", "numpy", "pandas", "pyarrow", "scipy", "sklearn"})

_TABLE = Path(__file__).with_name("rights.json")
_PACKAGES = Path(__file__).with_name("packages.json")

# The number of this set of rules, which cached verdicts bear: one of another set says nothing.
# Raise it when the tables or a module that judges changes; tests/pickles/test_rights.py tells.
RULES = 22

# What of Python's own may be trusted by name: modules that calculate, and what pickles of a
# pattern and of a key call.
_CALCULATING = frozenset(
    {"_decimal", "_pydecimal", "cmath", "datetime", "decimal", "fractions", "ipaddress", "math"}
    | {"numbers", "statistics", "unicodedata"}
)
_HARMLESS = frozenset({"operator.itemgetter", "re._compile"})
# Parts of general packages, and names in them, that read, write, start, import or compile what
# they are told to.
_ACTING_PARTS = frozenset(
    {"_ccallback", "_compiler", "_datasource", "_lib", "_npyio_impl", "_testing", "_utils_impl"}
    | {"compat", "computation", "config_init", "ctypeslib", "datasets", "distutils"}
    | {"externals", "f2py", "format", "io", "memmap", "misc", "npyio", "parallel", "parsers"}
    | {"plotting", "testing", "tests", "util", "weave"}
)
_ACTING_NAME = pattern(
    r"_*(add_newdoc|as_strided|check_(library|memory)|dump|eval$|exec|export|fetch"
    r"|from(file|regex|string)|genfromtxt|getattr|import|info$|load|lookfor|memmap|mmap"
    r"|nonlin_wrapper|open|popen|read|run$|save|show|source$|spawn|system|test$|tofile|ufunc_reconstruct"
    r"|to_(csv|pickle|parquet|hdf|json|sql|excel|feather|orc|xml|stata|gbq|clipboard)|write).*",
    re.IGNORECASE,
)

# Parts of module paths in which nothing is a part of a pipeline.
_BARRED = frozenset(
    {"_build_utils", "_mocking", "_show_versions", "_testing", "conftest", "datasets"}
    | {"discovery", "estimator_checks", "experimental", "externals", "tests"}
)

# Where numpy, scipy and pandas keep what is private to a release, of which pipelines hold some.
_PRIVATE = (
    "numpy._core.", "numpy.ma.", "numpy.random.", "pandas._libs.", "pandas.core.",
    "scipy.interpolate.", "scipy.sparse.", "scipy.special.", "scipy.stats.",
)  # fmt: skip
_BARRED_THERE = frozenset({"computation", "test", "testing", "tests", "testutils"})

# What a vectorizer takes as a preprocessor, a tokenizer or an analyzer: a method of str, which
# pickle writes as a call of getattr.
TEXT_METHODS = frozenset(
    {"casefold", "lower", "lstrip", "rsplit", "rstrip", "split", "splitlines", "strip", "swapcase"}
    | {"title", "upper"}
)
# The same of other objects: frozen distributions keep one, histogram boosting that stopped early
# the other. Module of the object's class, and name.
METHODS = frozenset(
    {
        ("scipy.stats._discrete_distns", "_entropy"),
        ("sklearn.ensemble._hist_gradient_boosting.gradient_boosting", "_raw_predict"),
    }
)

_SUFFIX = pattern(r"\{\}[^{}]{0,200}")

# Where names stood in other releases: module to module, then single names.
_MOVED_MODULES = {
    "_loss": "sklearn._loss._loss",
    "numpy.core": "numpy._core",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "pathlib._local": "pathlib",
    **dict.fromkeys(("scipy.stats._stats_py", "scipy.stats.stats"), "scipy.stats"),
    **dict.fromkeys(("pandas._libs.interval", "pandas._libs.missing"), "pandas"),
    **{
        f"pandas.core.{name}": "pandas"
        for name in (
            "arrays.categorical", "dtypes.dtypes", "dtypes.missing", "frame", "reshape.encoding",
            "series", "tools.datetimes", "tools.numeric", "tools.timedeltas",
        )
    },
    **{
        f"pandas.core.arrays.{name}": "pandas.arrays"
        for name in (
            "boolean", "datetimes", "floating", "integer", "interval", "period", "string_",
            "timedeltas",
        )
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be done with a name."""

    kind: str  # what it must be: "class", "function" (anything that is called) or "object"
    allowed: frozenset[str]  # of RIGHTS

    def __str__(self) -> str:
        return ", ".join(right for right in RIGHTS if right in self.allowed)


OF_SCIKIT_LEARN = Rights(CLASS, frozenset({VALUE, NEW, STATE}))
OF_DATA = Rights(CLASS, frozenset({NEW, STATE}))
OF_PACKAGES = Rights(CLASS, frozenset({NEW, STATE, ARGUMENT}))
OF_TRUSTED = Rights(CLASS, frozenset({VALUE, CALL, NEW, STATE}))
OF_TRUSTED_FUNCTION = Rights(FUNCTION, frozenset({VALUE, CALL}))
OF_TRUSTED_OBJECT = Rights(OBJECT, frozenset({VALUE}))
# Of an exact name that is written as functions are, where nobody looks what it is.
_OF_EITHER = Rights(FUNCTION, OF_TRUSTED.allowed)


@dataclass(frozen=True, slots=True)
class Trust:
    """What the reader trusts besides the table."""

    # Packages ("mypackage": the classes defined in it, never functions) and exact names of classes
    # and functions ("other.features.LogScaler").
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str]) -> Trust:
        return cls(frozenset(names))

    def covers(self, module: str, name: str) -> bool:
        """Whether a class of that name is trusted."""
        parts = module.split(".")
        is_general = parts[0] in GENERAL or parts[0] in sys.stdlib_module_names
        packages = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        is_within = not is_general and not self.names.isdisjoint(packages)
        return is_within or self.names_exactly(module, name)

    def names_exactly(self, module: str, name: str) -> bool:
        """Whether that very name is trusted, be it a class or a function."""
        label = f"{module}.{name}"
        return label in self.names and not acts(label)

    def rights(self, module: str, name: str) -> Rights | None:
        """Return what a trusted name may be used for, by its spelling; or None."""
        if not self.names or not self.covers(module, name):
            return None
        is_function = self.names_exactly(module, name) and not is_like_a_class(name)
        return _OF_EITHER if is_function else OF_TRUSTED


NOBODY = Trust()


def canonical(module: str, name: str) -> tuple[str, str]:
    """Return where the table lists what a pickle of any supported release calls so."""
    if module == "numpy.core._multiarray_umath":
        return "numpy", name
    if (module, name) == ("pandas._libs.tslibs.nattype", "__nat_unpickle"):
        return module, "_nat_unpickle"
    if module.startswith("pandas.core.arrays.") and name.endswith("Dtype"):
        return "pandas", name
    if module.startswith("pandas.core.indexes.") and not name.startswith("_"):
        return "pandas", name
    if module == "numpy.ma.core" and not name.startswith("_"):
        return "numpy.ma", name
    if module.startswith("scipy.special._"):
        return "scipy.special", name
    if module == "numpy.rec" and name in ("recarray", "record"):
        return "numpy", name
    return _MOVED_MODULES.get(module, module), name


def listed(module: str, name: str) -> Rights | None:
    """Return the rights of a name that the table lists; None for any other."""
    module, name = canonical(module, name)
    text = _file()["names"].get(module, {}).get(name)
    return _of_packages().get((module, name)) or (_rights(text) if text else None)


def is_suffix(text: str, method: str) -> bool:
    """Whether it is how skrub's joiners name columns: the method `format` of a plain "{} right"."""
    return method == "format" and _SUFFIX.fullmatch(text) is not None


def may_be_of_scikit_learn(module: str, name: str) -> bool:
    """Whether the open rule can cover a name, by its spelling; the guard looks at what it is."""
    parts = module.split(".")
    return (
        parts[0] == "sklearn"
        and _BARRED.isdisjoint(parts)
        and name.isidentifier()
        and is_like_a_class(name)
        and not name.startswith("__")
    )


def may_be_renamed(module: str, name: str) -> bool:
    """Whether a name can be a part of numpy, scipy or pandas that releases rename; see `kin`."""
    parts = module.split(".")
    return (
        module.startswith(_PRIVATE)
        and _BARRED_THERE.isdisjoint(parts)
        and not any(part.startswith("__") for part in parts)
        and name.isidentifier()
    )


def namesakes(module: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return where the table lists something of the same library by the same last name."""
    return _namesakes().get((module.partition(".")[0], name), ())


def spelled(module: str, name: str) -> tuple[str, str]:
    """Return where the table lists a name, or its namesake, as far as its spelling tells."""
    place = canonical(module, name)
    if listed(module, name) or not may_be_renamed(module, name):
        return place
    return next(iter(namesakes(module, name)), place)


def of_python_3(module: str, name: str) -> tuple[str, str]:
    """Return what a pickle means that keeps to the names of Python 2, as protocol 2 does."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def is_like_a_class(name: str) -> bool:
    """Whether the last part of a name is written as those of classes are."""
    return name.rpartition(".")[2].lstrip("_")[:1].isupper()


def needs_trust(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the names that a file uses its readers must trust, sorted.

    >>> needs_trust(["sklearn.pipeline.Pipeline", "features.LogScaler", "builtins.max"])
    ('features.LogScaler',)
    """
    return tuple(sorted(name for name in names if _is_foreign(name) and not acts(name)))


def never_loads(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the names that a file uses nobody can trust, sorted."""
    return tuple(sorted(name for name in names if _is_foreign(name) and acts(name)))


@lru_cache(maxsize=4096)
def _is_foreign(dotted: str) -> bool:
    """Whether the table does not say what a name may be used for, nor the rule for scikit-learn."""
    parts = dotted.split(".")
    for count in range(1, len(parts)):
        place = module, name = ".".join(parts[:count]), ".".join(parts[count:])
        is_private = may_be_renamed(module, name)
        if (
            listed(*place)
            or may_be_of_scikit_learn(*place)
            or (is_private and (is_like_a_class(name) or namesakes(*place)))
        ):
            return False
    return True


@lru_cache(maxsize=4096)
def acts(dotted: str) -> bool:
    """Whether nobody can trust a name: it may act, and is of Python or of a general package.

    >>> acts("posix.system"), acts("pandas.io.parsers.readers.read_csv"), acts("math.log1p")
    (True, True, False)
    >>> acts("scipy.interpolate._bsplines._BSpline"), acts("mypackage.features.twice")
    (False, False)
    """
    package, *parts = dotted.split(".")
    if package == "__main__" or not parts:
        return True
    if package in sys.stdlib_module_names:
        return dotted not in _HARMLESS and package not in _CALCULATING
    if package not in GENERAL:
        return False
    if package in ("joblib", "pyarrow"):
        return True
    is_method = len(parts) > 1 and is_like_a_class(parts[-2])
    is_apart = not (_ACTING_PARTS | _BARRED).isdisjoint(parts)
    return is_method or is_apart or bool(_ACTING_NAME.match(parts[-1]))


@lru_cache(maxsize=1)
def packages() -> frozenset[str]:
    """Return the packages besides scikit-learn's whose classes are known, as they are imported."""
    return frozenset(_known_packages())


def to_install(package: str) -> str | None:
    """Return what `pip install` takes for one of `packages`, as the table was made with it."""
    entry = _known_packages().get(package)
    return f"{entry['index']}=={entry['version']}" if entry else None


def distributions() -> frozenset[str]:
    return frozenset(entry["index"] for entry in _known_packages().values())


def is_estimator_of_package(module: str, name: str) -> bool:
    return (module, name) in _estimators()


@lru_cache(maxsize=1)
def _known_packages() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_PACKAGES.read_bytes())
    return dict(table["packages"])


@lru_cache(maxsize=1)
def _estimators() -> frozenset[tuple[str, str]]:
    return frozenset(_names_of_packages("estimators"))


def _names_of_packages(kind: str) -> Iterator[tuple[str, str]]:
    for package in _known_packages().values():
        for module, names in package[kind].items():
            yield from ((module, name) for name in names.split())


def newest_release() -> str:
    """Return the newest scikit-learn that the table was made with."""
    return str(_file()["newest"])


def words_of(cls: str) -> Mapping[str, frozenset[str]]:
    """Return the texts that parameters of a class take in any supported scikit-learn."""
    return _words().get(cls, {})


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, frozenset[str]]]:
    return {
        cls: {param: frozenset(words.split()) for param, words in params.items()}
        for cls, params in _file()["words"].items()
    }


@lru_cache(maxsize=1)
def _file() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_TABLE.read_bytes())
    return table


@cache
def _rights(text: str) -> Rights:
    kind, *allowed = text.split()
    return Rights(kind, frozenset(allowed))


@lru_cache(maxsize=1)
def _of_packages() -> dict[tuple[str, str], Rights]:
    table: dict[tuple[str, str], Rights] = {}
    for kind in ("estimators", "parts"):
        table |= dict.fromkeys(_names_of_packages(kind), OF_PACKAGES)
    functions = Rights(FUNCTION, frozenset({VALUE}))
    return table | dict.fromkeys(_names_of_packages("functions"), functions)


@lru_cache(maxsize=1)
def _namesakes() -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    places: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
    for module, names in _file()["names"].items():
        for name in names:
            key = module.partition(".")[0], name
            places[key] = (*places.get(key, ()), (module, name))
    return places


# Where a name that somebody is about to trust is defined, found out without importing it.


_FUNCTION = "function"
_ANY_NAME = ("*", "__getattr__")  # of a module that binds them any name may be had


@dataclass(frozen=True, slots=True)
class Place:
    """What a dotted name leads to here."""

    module: str  # the longest part of it that is a module; empty where not even the first part is
    inside: str  # what follows, within the module
    source: Path | None = None  # where the module is written in Python, if it is

    def word(self, name: str) -> str | None:
        """Return what there is to say of the name; None of what is defined there."""
        if not self.inside and self.module:
            return f"'{name}' stands for every class that is defined in it"
        # The libraries write where a name is public into what is defined elsewhere.
        text = None if name.partition(".")[0] in GENERAL else self._said()
        return self.lack(name) or (f"'{name}' {text}" if text and text != _FUNCTION else None)

    def lack(self, name: str) -> str | None:
        """Return what is not here of the name; None of what is, as far as that can be told."""
        if not self.module:
            package = name.partition(".")[0]
            if package in sys.modules:
                return None
            import pkgutil

            paths = [*map(str, code_places(Path())), *sys.path]
            installed = (module.name for module in pkgutil.iter_modules(dict.fromkeys(paths)))
            return f"'{package}' is not installed here{_near(package, installed)}"
        first = self.inside.partition(".")[0]
        bound = self._bound()
        if hasattr(sys.modules.get(self.module), first):
            return None
        if not first or first in bound or not bound.keys().isdisjoint(_ANY_NAME):
            return None
        return f"'{self.module}' has no '{first}'{_near(first, bound)}"

    @property
    def is_function(self) -> bool:
        """Whether it is a function, as far as the source of its module tells."""
        return self._said() == _FUNCTION

    def _said(self) -> str | None:
        return self._bound().get(self.inside.partition(".")[0])

    def _bound(self) -> dict[str, str]:
        """Return what the module binds; `_ANY_NAME` where nobody knows without importing it."""
        return _bound(self.source, self.module) if self.source else dict.fromkeys(_ANY_NAME, "")


def names_at(name: str) -> Place:
    """Return where a dotted name leads to; nothing is imported."""
    parts = name.split(".")
    spec: ModuleSpec | None = None
    count = 0
    while count < len(parts):
        inner = _spec(".".join(parts[: count + 1]), spec)
        if inner is None:
            break
        spec, count = inner, count + 1
    origin = spec.origin if spec else None
    source = Path(origin) if origin and origin.endswith(".py") else None
    return Place(".".join(parts[:count]), ".".join(parts[count:]), source)


def _spec(name: str, within: ModuleSpec | None) -> ModuleSpec | None:
    if within is not None:
        places = within.submodule_search_locations
        # By its last part: of a package without __init__.py the whole name asks for its parent.
        tail = name.rpartition(".")[2]
        return PathFinder.find_spec(tail, list(places)) if places is not None else None
    from importlib.util import find_spec

    try:
        return PathFinder.find_spec(name, list(map(str, code_places(Path())))) or find_spec(name)
    except ValueError:  # `__main__` has none
        return None


def _near(word: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, names, n=1, cutoff=0.8)
    return f": did you mean '{near[0]}'?" if near else ""


def _bound(source: Path, module: str) -> dict[str, str]:
    """Return what a module binds, and what there is to say of it where it is not a class."""
    import ast

    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return dict.fromkeys(_ANY_NAME, "")
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    words: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, word in _bound_by(node, package):
            words[name] = word and words.get(name, word)  # a class on one of several ways is one
    return words


def _bound_by(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    import ast

    match node:
        case ast.ClassDef():
            yield node.name, ""
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name, _FUNCTION
        case ast.Assign():
            yield from ((target.id, "") for target in node.targets if isinstance(target, ast.Name))
        case ast.ImportFrom():
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            place = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                word = f"is defined in '{place}': pipelines name it as it is named there"
                yield alias.asname or alias.name, word


# Names of numpy, scipy and pandas that the table does not have, judged by what they are here.


# By which a class would act while it is made, given a state, looked at or let go.
_ACTING = frozenset(
    {"__del__", "__delattr__", "__getattr__", "__getattribute__", "__getnewargs__"}
    | {"__getnewargs_ex__", "__init_subclass__", "__new__", "__reduce__", "__reduce_ex__"}
    | {"__set_name__", "__setattr__", "__setstate__"}
)
_HARMLESS_BASES = frozenset({("builtins", "object"), ("abc", "ABC"), ("typing", "Generic")})
_HEAP_TYPE = 1 << 9  # of `__flags__`: the class was made by a class statement


class _Plain:
    """An object with attributes and nothing else, as memory holds it."""


class Kin(NamedTuple):
    """What a name that the table does not have turned out to be."""

    place: tuple[str, str]  # where the table lists it; of a class of data, where it is
    rights: Rights
    held: Any


@lru_cache(maxsize=1024)
def kin_of(module: str, name: str, find: Callable[[str, str], Any]) -> Kin | None:
    """Return what a name stands for that the table does not have; None where it may not be used."""
    if not may_be_renamed(module, name):
        return None
    value = find(module, name)
    for place in namesakes(module, name):
        rights = listed(*place)
        if rights is not None and any(other is value for other in _addresses(*place, find)):
            return Kin(place, rights, value)
    if not isinstance(value, type) or not may_be_renamed(value.__module__, value.__qualname__):
        return None
    derived = _rights_of_base(value)
    if derived is not None:
        return Kin((module, name), Rights(derived.kind, derived.allowed - {VALUE}), value)
    only_holds = (
        type(value) in (type, ABCMeta)
        and value.__basicsize__ == _Plain.__basicsize__
        and value.__dictoffset__ != 0
        and all(_is_quiet(base, value) for base in value.__mro__)
    )
    return Kin((module, name), OF_DATA, value) if only_holds else None


def _addresses(module: str, name: str, find: Callable[[str, str], Any]) -> Iterator[Any]:
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        try:
            yield find(".".join(parts[:count]), name)
        except (ImportError, AttributeError):
            continue


def _rights_of_base(cls: type) -> Rights | None:
    """Return those of the listed class that `cls` is a kind of; None where it acts by itself."""
    for base in cls.__mro__:
        rights = listed(base.__module__, base.__qualname__)
        if rights is not None and base is not object:
            return rights if STATE in rights.allowed else None
        if not _is_quiet(base, cls):
            return None
    return None


def _is_quiet(base: type, cls: type) -> bool:
    """Whether a class of the same library was made by Python, and does nothing unasked."""
    if (base.__module__, base.__qualname__) in _HARMLESS_BASES:
        return True
    return (
        base.__module__.partition(".")[0] == cls.__module__.partition(".")[0]
        and bool(base.__flags__ & _HEAP_TYPE)
        and _ACTING.isdisjoint(vars(base))
    )
