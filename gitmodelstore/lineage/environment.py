"""What was installed: the few distributions that a pipeline needs, and all the others."""
# Names and versions come from the names of metadata folders; files are opened only for what the
# pipeline needs, and to see where a distribution is from.

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from gitmodelstore.lean import cached_property, dataclass, field, pattern
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Code, Environment

# Where the guess "named as its module" fails, for the module that every pipeline has.
_FAMILIAR = {"sklearn": "scikit-learn"}
# Of every pipeline: those of xgboost and catboost alone name nothing of scikit-learn's.
EVERY_PIPELINE = "sklearn.base"
_NAME = pattern(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_EXTRA = pattern(r"\bextra\s*[=!<>~]")
_ON_NO_INDEX = "not on an index, but in the project that trained"
_SCRIPT = ("__main__", "__mp_main__")  # whose names are refused elsewhere
_PIN = pattern(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")


@dataclass(frozen=True)
class Captured:
    """The environment for the manifest, and the two files that spell it out."""

    environment: Environment
    # requirements.txt: a comment line for each module and package of the user's own, then
    # `name==version` of what else the pipeline needs, sorted.
    requirements: bytes
    # environment.txt: two comment lines, `# python 3.11.7` and `# platform linux-x86_64`, then
    # `name==version` of everything, sorted; of what was installed from a folder as a comment.
    installed: bytes


def capture(
    globals_: Iterable[str], *, with_pandas: bool, code: Code | None = None, top: Path | None = None
) -> Captured:
    """Return what is installed, and which of it the pipeline needs.

    Needed are the distributions that ship the modules of `globals_`, pandas if asked for, and what
    these require, extras left out. Of a name installed twice the first on `sys.path` counts, as for
    imports. `code` and `top` are the training code and its work tree: comments say what comes from
    there, since no index has it.
    """
    installed = _installed()
    roots, files = _roots(installed, globals_, with_pandas=with_pandas)
    needed = [installed[name] for name in sorted(_closure(roots, installed))]
    comments = [f"# {name}: {_where(file, code, top)}\n" for name, file in files.items()]
    own = [one for one in needed if one.project is not None]
    comments += [f"# {one.pin}: {_where(one.project, code, top)}\n" for one in own]
    lines = [f"{one.pin}\n" for one in needed if one not in own]
    python, system = sys.version.split()[0], platform_name()
    head = f"# python {python}\n# platform {system}\n"
    everything = "".join([head, *(installed[name].line() for name in sorted(installed))])
    pins = {one.name: one.version for one in needed}
    return Captured(
        Environment(python, system, pins, Digest.of(everything.encode("utf-8"))),
        requirements="".join([*sorted(comments), *lines]).encode("utf-8"),
        installed=everything.encode("utf-8"),
    )


def normalized(name: str) -> str:
    """Return the name of a distribution as PEP 503 spells it.

    >>> normalized("Scikit_Learn")
    'scikit-learn'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def present_versions() -> dict[str, str | None]:
    """Return what `Environment.versions` would be here, with everything that is installed."""
    packages = {name: distribution.version for name, distribution in _installed().items()}
    return {**packages, "python": platform.python_version(), "platform": platform_name()}


def own_projects() -> set[str]:
    """Return the normalized names of what is installed from a folder, editable or not."""
    return {name for name, distribution in _installed().items() if distribution.project is not None}


def platform_name() -> str:
    """Return system and machine, such as "linux-x86_64"."""
    return f"{platform.system()}-{platform.machine()}".lower()


# What is installed


@dataclass
class _Distribution:
    """One installed distribution; its files are read when they are asked for."""

    name: str  # normalized
    version: str  # as its folder is named
    path: Path  # its `.dist-info` folder, or `.egg-info` folder or file
    _shipped: dict[str, bool] = field(default_factory=dict)

    @property
    def pin(self) -> str:
        return f"{self.name}=={self.version}"

    @cached_property
    def requires(self) -> tuple[str, ...]:
        """Normalized names that it requires without an extra."""
        requirements = re.findall(r"^Requires-Dist: *(.*)$", _head(self.path), re.MULTILINE)
        if self.path.suffix == ".egg-info":  # each section of requires.txt is one of an extra
            sections = re.split(r"^\[", _text(self.path / "requires.txt"), flags=re.MULTILINE)
            requirements += sections[0].split("\n")
        return tuple(
            normalized(match.group())
            for requirement in requirements
            if (match := _NAME.match(requirement))
            and not _EXTRA.search(requirement.partition(";")[2])
        )

    @cached_property
    def project(self) -> Path | None:
        """The folder of a project that it was installed from, editable or not; None for others."""
        # Source: PEP 610; a source tree has its `.egg-info` beside setup.py. conda names the folder
        # of its build.
        if self.path.suffix == ".egg-info":
            return self.path.parent if (self.path.parent / "setup.py").is_file() else None
        try:
            source = json.loads(_text(self.path / "direct_url.json") or "{}")
            url = str(source["url"]) if "dir_info" in source else ""
        except (ValueError, TypeError, KeyError):
            return None
        if not url.startswith("file://") or _text(self.path / "INSTALLER").strip() == "conda":
            return None
        return Path(unquote(url[len("file://") :]))

    def line(self) -> str:
        """Return what environment.txt says of it."""
        return f"{self.pin}\n" if self.project is None else f"# {self.pin}: {_ON_NO_INDEX}\n"

    @cached_property
    def _top_level(self) -> frozenset[str]:
        return frozenset(_text(self.path / "top_level.txt").split())

    @cached_property
    def _record(self) -> str:
        files = _text(self.path / "RECORD") or _text(self.path / "installed-files.txt")
        return "\n" + files.replace("\\", "/")

    def ships(self, module: str) -> bool:
        """Whether it installed `module`, a top-level name or a dotted one."""
        if module not in self._shipped:
            path = module.replace(".", "/")
            self._shipped[module] = (
                module in self._top_level
                or any(f"\n{path}{ending}" in self._record for ending in ("/", "."))
                # An editable installation lists only the hook that finds its modules.
                or (normalized(module) == self.name and ".pth," in self._record)
            )
        return self._shipped[module]


def _installed() -> dict[str, _Distribution]:
    """Return normalized name to distribution, scanned once until sys.path or a folder changes."""
    watched = []
    for entry in dict.fromkeys(sys.path):
        with suppress(OSError):  # a folder that is not there, as Python puts on its path
            watched.append((entry or os.getcwd(), os.stat(entry or ".").st_mtime_ns))
    return _scan(tuple(watched))


@lru_cache(maxsize=4)
def _scan(folders: tuple[tuple[str, int], ...]) -> dict[str, _Distribution]:
    distributions: dict[str, _Distribution] = {}
    for folder, _ in folders:
        names: list[str] = []
        with suppress(OSError):  # an archive, which has no folder to list
            names = sorted(os.listdir(folder))
        for name in names:
            distribution = _distribution(folder, name)
            if distribution is not None:
                distributions.setdefault(distribution.name, distribution)
    return distributions


def _distribution(folder: str, entry: str) -> _Distribution | None:
    stem, suffix = os.path.splitext(entry)
    if suffix not in (".dist-info", ".egg-info"):
        return None
    path = Path(folder, entry)
    if suffix == ".egg-info":
        stem = re.sub(r"-py\d[\d.]*$", "", stem)
    parts = re.fullmatch(r"(.+)-([^-]+)", stem)
    name, version = parts.groups() if parts else (stem, "")
    if suffix == ".dist-info" and not (path / "METADATA").is_file():
        return None
    if not version:  # the folder of a source tree does not say it
        fields = dict(re.findall(r"^(Name|Version): *(.*?) *$", _head(path), re.MULTILINE))
        name, version = fields.get("Name", name), fields.get("Version", "")
    version = version.replace("_", "-")
    if not _NAME.fullmatch(name) or not _PIN.fullmatch(version):
        return None
    return _Distribution(normalized(name), version, path)


def _head(path: Path) -> str:
    """The metadata without the description, which follows an empty line."""
    if path.suffix == ".dist-info":
        path /= "METADATA"
    elif not path.is_file():
        path /= "PKG-INFO"
    return _text(path).partition("\n\n")[0]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:  # optional in every format of metadata
        return ""


# What is needed


def _where(place: Path | None, code: Code | None, top: Path | None) -> str:
    """Return where to have code from that no index has."""
    if place is None or code is None or top is None:
        return _ON_NO_INDEX
    if not place.resolve().is_relative_to(top.resolve()):
        return _ON_NO_INDEX
    state = ", with changes that were not committed" if code.dirty else ""
    url = f" of {' '.join(code.url.split())}" if code.url else ""
    return f"from the code repository at {code.commit or 'its beginning'}{url}{state}"


def _roots(
    installed: Mapping[str, _Distribution], globals_: Iterable[str], *, with_pandas: bool
) -> tuple[set[str], dict[str, Path | None]]:
    """Return the distributions that ship modules; and modules that none does, with their files."""
    modules = {name.rpartition(".")[0] or name for name in globals_}
    foreign = {name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names}
    providers = {name: _provider(installed, name) for name in sorted(foreign)}
    files = {
        top: _file_of(top)
        for name, provider in providers.items()
        if provider is None
        and (top := name.partition(".")[0]) not in _SCRIPT
        and top.isidentifier()  # a file can hold any text as a name, pip's options too
    }
    roots = {provider for provider in providers.values() if provider is not None}
    if with_pandas and "pandas" in installed:
        roots.add("pandas")
    return roots, files


def _file_of(module: str) -> Path | None:
    """Return the file of a module, or the folder of a package, that is in use."""
    loaded = sys.modules.get(module)
    places = [getattr(loaded, "__file__", None), *getattr(loaded, "__path__", ())]
    return next((Path(place) for place in places if isinstance(place, str)), None)


def _provider(installed: Mapping[str, _Distribution], module: str) -> str | None:
    """Return the distribution that ships `module`; None if none does."""
    # Shared packages (google, azure) are told apart by the longest part that only one distribution
    # ships.
    top = module.partition(".")[0]
    guess = installed.get(_FAMILIAR.get(top, normalized(top)))
    # A package that several share, a namespace, has no file of its own.
    is_shared = top in sys.modules and getattr(sys.modules[top], "__file__", None) is None
    if guess is not None and guess.ships(top) and not is_shared:
        return guess.name
    candidates = [one for one in installed.values() if one.ships(top)]
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if len(candidates) < 2:
            break
        prefix = ".".join(parts[:length])
        narrower = [one for one in candidates if one.ships(prefix)]
        candidates = narrower or candidates
    return min((one.name for one in candidates), default=None)


def _closure(roots: set[str], installed: Mapping[str, _Distribution]) -> set[str]:
    needed: set[str] = set()
    waiting = sorted(roots)
    while waiting:
        name = waiting.pop()
        if name not in needed and name in installed:
            needed.add(name)
            waiting.extend(installed[name].requires)
    return needed
