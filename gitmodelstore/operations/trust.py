"""Whom the reader trusts: what the user has set, never what a store says."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from gitmodelstore.errors import InvalidInput, StoreWarning, warn_user
from gitmodelstore.lean import TYPE_CHECKING, Any, pattern
from gitmodelstore.plumbing import files
from gitmodelstore.plumbing.files import around, code_places, text_of
from gitmodelstore.values.names import MANIFEST, PIPELINE, REGISTRY

if TYPE_CHECKING:
    from gitmodelstore.values.manifest import Manifest

_KEY, _PROJECTS = "trusted", "projects"
# Of what no index need be asked: tools that run, compile, load or fetch what they are told to.
_TOOLS = frozenset(
    (
        "IPython", "cffi", "click", "cloudpickle", "cython", "dask", "dill", "distributed",
        "django", "execnet", "fabric", "flask", "git", "gitmodelstore", "hypothesis",
        "invoke", "ipykernel", "jax", "jedi", "jinja2", "jupyter_client", "keras", "llvmlite",
        "loky", "mlflow", "mypy", "notebook", "numba", "numexpr", "onnx", "paramiko",
        "pexpect", "pip", "pkg_resources", "pluggy", "polars", "prefect", "psutil", "ptyprocess",
        "pyximport", "pygit2", "pytest", "ray", "requests", "ruff", "setuptools", "sh", "skops",
        "sqlalchemy", "sympy", "tensorflow", "torch", "transformers", "urllib3", "uv",
        "virtualenv", "wheel", "yaml", "_cffi_backend", "_distutils_hack", "_pytest",
    )
)  # fmt: skip
_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")


def needs_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the names that readers of a version must trust; empty for none."""
    from gitmodelstore.pickles.rights import needs_trust

    pipeline = manifest.artifact(PIPELINE)
    if pipeline is None:
        return ()
    return tuple(sorted({*needs_trust(pipeline.globals or ()), *(pipeline.needs_trust or ())}))


def trusted_names(argument: Iterable[str], folder: Path) -> frozenset[str]:
    """Return all packages, classes and functions that the reader trusts.

    They come from the caller, from the variable GITMODELSTORE_TRUSTED (names between
    commas), from the user's configuration file, and from `[tool.gitmodelstore] trusted`
    of the pyproject.toml that `folder` belongs to, unless that lies in a store.
    """
    names = [argument] if isinstance(argument, str) else list(argument)
    names += _of_variable()
    names += configured()
    names += _of_project(folder)
    for name in names:
        check_name(name)
    return frozenset(names)


def _of_variable() -> list[str]:
    names = (name.strip() for name in files.trusted_variable().split(","))
    return [name for name in names if name]


def configured() -> tuple[str, ...]:
    """Return what the user's configuration file lists; nothing if others may write it."""
    path = config_file()
    if path is not None and (why := _doubt(path)):
        warn_user(StoreWarning(why))
    return _listed(_settings(path).get(_KEY, []), str(path))


def configured_projects() -> tuple[str, ...]:
    """Return the folders in which names were trusted; nothing if others may write the file."""
    path = config_file()
    folders = _settings(path).get(_PROJECTS, [])
    if not isinstance(folders, list) or not all(isinstance(one, str) for one in folders):
        raise InvalidInput(
            f"{path}: {_PROJECTS} must be a list of folders",
            hint=f'write {_PROJECTS} = ["/home/me/project"]',
        )
    return tuple(folders)


def _settings(path: Path | None) -> dict[str, Any]:
    """Return what a configuration file says; nothing without one that is believed."""
    if path is None or _doubt(path):
        return {}
    try:
        text = text_of(path)
        if not text:
            return {}
        import tomllib  # five milliseconds that most commands do not need

        return tomllib.loads(text)
    except ValueError as error:  # as both that it may be are
        raise InvalidInput(f"'{path}' is not TOML: {error}", hint="fix it or remove it") from None


def configure(names: Iterable[str], projects: Iterable[str] = ()) -> Path:
    """Write whom the user trusts into their configuration file; `projects` define some of it."""
    listed = list(dict.fromkeys(names))
    for name in listed:
        check_name(name)
    path = config_file()
    if path is None:
        raise InvalidInput(
            "cannot find your home folder, which holds the configuration",
            hint="set HOME, or name them each time: --trust NAME",
        )
    if why := _doubt(path):
        raise InvalidInput(why)
    files.make_private(path.parent)
    text = _toml_list(_KEY, listed)
    folders = list(dict.fromkeys(projects))
    text += _toml_list(_PROJECTS, folders) if folders else ""
    files.put(path, (text.encode(),), mode=0o644)
    return path


def _toml_list(key: str, texts: Iterable[str]) -> str:
    lines = "".join(f"    {json.dumps(text, ensure_ascii=False)},\n" for text in texts)
    return f"{key} = [\n{lines}]\n"


def _doubt(path: Path) -> str | None:
    """Return why a configuration file is not believed; None if it is, or is not there."""
    why = files.written_by_others(path) if path.exists() else None
    return f"the trusted names in '{path}' are ignored: {why}" if why else None


def _of_project(folder: Path) -> tuple[str, ...]:
    """Return what the nearest pyproject.toml lists, unless a store or a stranger wrote it."""
    for settings, place in files.settings(folder):
        file = place / files.FILE
        if any((above / REGISTRY).exists() for above in (place, *place.parents)):
            continue
        if _KEY not in settings:
            return ()
        if is_of_a_store(file):
            continue
        if why := files.is_a_strangers(file, folder):
            warn_user(StoreWarning(f"the trusted names in '{file}' are ignored: {why}"))
            return ()
        return _listed(settings[_KEY], str(file))
    return ()


def is_of_a_store(file: Path) -> bool:
    """Whether a file lies in a store, or among the files of a version, or is a link to such."""
    from gitmodelstore.plumbing.checkout import brings  # only who lists something pays for it

    for place in dict.fromkeys((file.parent, file.parent.resolve(), file.resolve().parent)):
        if (place / MANIFEST).exists() and (place / PIPELINE).exists():
            return True
        if any((above / REGISTRY).exists() for above in (place, *place.parents)):
            return True
        if brings(place, REGISTRY):
            return True
    return False


def config_file() -> Path | None:
    """Return the user's configuration file; None without a home."""
    folder = files.config_folder()
    return None if folder is None else folder / "config.toml"


def check_name(name: object) -> None:
    """Refuse what is neither a package nor a dotted name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!a} is not the name of a package, a class or a function",
            hint="name a package ('mypackage'), a class ('mypackage.features.LogScaler') or a "
            "function ('mypackage.features.twice')",
        )
    from gitmodelstore.pickles.rights import GENERAL, acts, is_like_a_class, names_at

    package, _, inside = name.partition(".")
    if package in GENERAL or package in sys.stdlib_module_names:
        if not inside or not names_at(name).inside:
            raise InvalidInput(
                f"'{package}' is not your own: every file could use all of it",
                hint="what honest pipelines need of it is already allowed; trust anything else by "
                "its exact name, as `gms inspect` lists it",
            )
        if acts(name):
            raise InvalidInput(
                f"'{name}' may do more than a pipeline needs, and cannot be trusted",
                hint="call what you need of it in a function of your own module, and trust that",
            )
    if package in _TOOLS and not is_like_a_class(inside):
        raise _not_as_a_whole(name)


def check_added(name: str) -> str | None:
    """Refuse names that nobody can trust, and whole packages of tools; return a warning, if any."""
    # A tool comes from an index and needs neither scikit-learn nor numpy and its kin: each of its
    # classes would be at the service of every file.
    from gitmodelstore.pickles.rights import names_at

    check_name(name)
    place = names_at(name)
    if not place.inside and not _holds_parts(place.module):
        raise _not_as_a_whole(name)
    return place.word(name)


def _not_as_a_whole(name: str) -> InvalidInput:
    return InvalidInput(
        f"'{name}' cannot be trusted as a whole: every file could use each of its classes",
        hint="name the exact class that your pipelines use, as `gms inspect` lists it: "
        f"{name}.….Class",
    )


def _holds_parts(module: str) -> bool:
    """Whether a package may be trusted as a whole: one's own, or made for pipelines."""
    from importlib.metadata import distribution, packages_distributions

    names = packages_distributions().get(module.partition(".")[0], ())
    distributions = [distribution(name) for name in dict.fromkeys(names)]
    return not distributions or any(
        dist.read_text("direct_url.json") or any(map(_is_needed_by_parts, dist.requires or ()))
        for dist in distributions
    )


def _is_needed_by_parts(requirement: str) -> bool:
    from gitmodelstore.pickles.rights import GENERAL

    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    name = re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""
    if name == "scikit-learn":
        return True  # if only as an extra: so have lightgbm and xgboost it
    return name in GENERAL and "extra ==" not in requirement


def _listed(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidInput(
            f"{place}: {_KEY} must be a list of names", hint=f'write {_KEY} = ["mypackage"]'
        )
    for name in value:
        check_name(name)
    return tuple(value)


# The modules of the user's own project that commands import: whose names the user trusts there.


def find(module: str, folder: Path) -> ModuleSpec | None:
    """Return where a project defines a module of the top level; None if it may not."""
    if module in sys.stdlib_module_names:
        return None
    for place in code_places(folder):
        spec = PathFinder.find_spec(module, [str(place)])
        if spec is not None:
            return spec if _is_the_users(spec, place) else None
    return None


def trusted_modules(modules: Iterable[str], folder: Path) -> frozenset[str]:
    """Return the top-level modules that the project around a folder may bring."""
    names = [*modules, *_of_variable()]
    if str(around(folder)) in configured_projects():
        names += configured()
    return frozenset(name.partition(".")[0] for name in names if name)


def _is_the_users(spec: ModuleSpec, place: Path) -> bool:
    """Whether a module lies outside of every store, and nobody else could have put it there."""
    # The file of a module, or the folders of a package that has none of its own.
    places = [spec.origin] if spec.origin is not None else spec.submodule_search_locations or ()
    return not any(
        # Of a folder what lies in it is asked: it could be a store itself.
        is_of_a_store(file / "__init__.py" if file.is_dir() else file)
        or files.is_a_strangers(file, place)
        for file in map(Path, places)
    )
