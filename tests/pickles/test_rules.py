"""The number of the rules, which cached verdicts bear, is raised when the rules change."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path
from typing import Any

from gitmodelstore.pickles import rights

TABLES = ("rights.json", "packages.json")
JUDGES = (
    "rights.py", "guard.py", "opcodes.py", "stand_ins.py", "states.py", "fast_load.py",
    "places.py", "relations.py", "native.py",
)  # fmt: skip
NUMBER, DIGEST = 11, "c78536b533686109"


def _code(node: Any) -> Any:
    """What is written, without docstrings, in a form that is the same in every Python."""
    if isinstance(node, list):
        return [_code(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = dict(ast.iter_fields(node))
    if _has_docstring(node):
        parts["body"] = parts["body"][1:]
    kept = {key: _code(part) for key, part in parts.items() if part not in (None, [])}
    return [type(node).__name__, kept]


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node) is not None


def _digest() -> str:
    folder = Path(rights.__file__).parent
    total = hashlib.sha256()
    for name in TABLES:
        total.update(hashlib.sha256((folder / name).read_bytes()).digest())
    for name in JUDGES:
        tree = ast.parse((folder / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):  # the number itself is no rule
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RULES":
                node.value = ast.Constant(0)
        total.update(hashlib.sha256(repr(_code(tree)).encode()).digest())
    return total.hexdigest()[:16]


def test_the_number_is_raised_when_the_rules_change():
    assert (rights.RULES, _digest()) == (NUMBER, DIGEST), (
        "the rules have changed, and verdicts by the earlier ones are cached: raise RULES in "
        "gitmodelstore/pickles/rights.py, and write number and digest into NUMBER, DIGEST here"
    )
