"""A lower layer knows nothing of a higher one (ARCHITECTURE.md, "Where the code is")."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gitmodelstore"
FACES = ("cli", "demo")  # they alone meet the user: arguments, environment, screen

# Each layer may import itself and those before it. Layers of one row do not know each other,
# but for lineage, which asks git about the training repository.
ROWS = [
    {"errors", "lean"},
    {"values"},
    {"checks"},
    {"plumbing"},
    {"estimators"},
    {"pickles", "lineage", "pages"},
    {"operations"},
    {"store"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {layer: height for height, row in enumerate(ROWS) for layer in row}

ONLY_IN = {
    "pygit2": {"plumbing"},
    "git": {"plumbing"},
    "sklearn": {"estimators", "pickles", "demo"},
    "joblib": {"estimators", "pickles", "demo"},
    "pickle": {"pickles"},
    "pandas": {"estimators", "lineage", "pickles", "demo"},
    "jinja2": {"pages"},
    "markupsafe": {"pages"},
    "subprocess": {"plumbing", "cli", "demo"},
}

# Modules whose tests stand in a file that is named after another one.
TESTED_ELSEWHERE = {
    "checks/folder.py": "gate/test_judge.py",
    "cli/start.py": "cli/test_writing.py",
    "pickles/compression.py": "pickles/test_load.py",
    "pickles/opcodes.py": "pickles/test_hostile.py",
    "pickles/stand_ins.py": "pickles/test_hostile.py",
    "pickles/symbols.py": "pickles/test_dry.py",
    "plumbing/cat_file.py": "gate/test_examine.py",
    "plumbing/processes.py": "programme/test_interrupts.py",
    "plumbing/repository.py": "store/test_integrity.py",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """Every node of a module but those for type checkers only."""
    return list(walk_without_type_checking(parsed(path)))


def layer(path: Path) -> str:
    """The first part of the module's path within the package."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that `path` imports, at any depth, with its line; not for type checkers only."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", node.lineno


def walk_without_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from walk_without_type_checking(child)


def test_a_module_imports_only_lower_layers() -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules()
        if layer(path) != "__init__"  # the package itself only names where its public names live
        for name, line in imports(path)
        if name.startswith("gitmodelstore.")
        and HEIGHT[name.split(".")[1]] >= HEIGHT[layer(path)]
        and name.split(".")[1] != layer(path)
    ]
    assert upward == []


def imported_modules(path: Path) -> set[Path]:
    """The modules of the package that one imports, at any depth."""
    names = {name for name, _ in imports(path)} | {
        f"{node.module}.{alias.name}"
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    files = {ROOT / f"{name.replace('.', '/')}.py" for name in names}
    return {file for file in files if file.is_relative_to(PACKAGE) and file.exists()}


def test_no_module_comes_back_to_itself() -> None:
    """Within a folder too, and by imports within functions."""
    below = {path: imported_modules(path) for path in modules()}
    for _ in modules():
        wider = {path: held.union(*map(below.get, held)) for path, held in below.items()}
        if wider == below:
            break
        below = wider
    assert {str(path.relative_to(PACKAGE)) for path, held in below.items() if path in held} == set()


def test_a_name_means_one_thing() -> None:
    """No public class stands in two modules, no stem of a module in more than two folders."""
    classes = Counter(
        node.name
        for path in modules()
        for node in parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    stems = Counter(path.stem for path in modules() if path.stem != "__init__")

    assert [name for name, count in classes.items() if count > 1] == []
    assert [stem for stem, count in stems.items() if count > 2] == []


def test_the_house_has_no_more_rooms_than_one_can_know() -> None:
    assert len(modules()) <= 110


def test_the_tests_of_a_module_are_found_by_its_name() -> None:
    tests = Path(__file__).parent
    stems = {path.stem.removeprefix("test_") for path in tests.rglob("test_*.py")}
    large = [
        path
        for path in modules()
        if path.parent.parent == PACKAGE and path.stem != "__init__"
        if len(path.read_text(encoding="utf-8").splitlines()) > 100
    ]
    nameless = {path.relative_to(PACKAGE).as_posix() for path in large if path.stem not in stems}

    assert nameless == set(TESTED_ELSEWHERE)
    assert [name for name in TESTED_ELSEWHERE.values() if not (tests / name).exists()] == []


def test_a_package_is_imported_only_where_it_belongs() -> None:
    misplaced = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules()
        for name, line in imports(path)
        if layer(path) not in ONLY_IN.get(name.split(".")[0], {layer(path)})
    ]
    assert misplaced == []


def test_values_and_checks_need_only_the_standard_library() -> None:
    import sys

    foreign = {
        name.split(".")[0]
        for path in modules()
        if layer(path) in ("errors", "values", "checks")
        for name, _ in imports(path)
    } - sys.stdlib_module_names
    assert foreign == {"gitmodelstore"}


def test_only_commands_read_the_environment() -> None:
    """But for plumbing/git.py, which hands it on to git, whole or without what names another
    repository, and plumbing/files.py, which finds the user's own folders and trust."""
    readers = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if layer(path) not in FACES
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "sys.argv")
    }
    assert readers == {"plumbing/git.py", "plumbing/files.py"}


def test_one_function_starts_programs() -> None:
    """A fork comes between nothing that `processes.start` does; a hook's git is alone there."""
    starters = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        if layer(path) not in FACES
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("subprocess.run", "subprocess.Popen", "os.posix_spawnp")
    }
    assert starters == {"plumbing/processes.py", "plumbing/git.py"}


def test_only_commands_print() -> None:
    printers = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in modules()
        if layer(path) not in FACES
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.exit")
    }
    assert printers == set()
