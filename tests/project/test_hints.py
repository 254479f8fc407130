"""A refusal says what to do next, unless there is nothing to say."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gitmodelstore
from gitmodelstore import errors
from gitmodelstore.cli.main import command_named

PACKAGE = Path(gitmodelstore.__file__).parent
GIT = "git's own words, which say it"
CAUGHT = "whoever reads the file, or asks, adds the hint"
DAMAGED = "an object is damaged; `gms doctor` is named where it is met"
# How many refusals without a hint each module has, and why. A new one belongs here with a
# reason, or, better, gets a hint.
WITHOUT = {
    "plumbing/ml_repository.py": (1, "made wrong in memory, which is a fault of ours"),
    "cli/register.py": (2, "the message names file and place, and the caller adds what it expects"),
    "demo.py": (2, "a fault of the demonstration itself"),
    "lineage/data.py": (2, "the name is the fault"),
    "lineage/frames.py": (2, CAUGHT),
    "lineage/tables.py": (2, CAUGHT),
    "operations/load.py": (1, "the system's own words, with the path"),
    "operations/pins.py": (1, "the handler around it adds the hint"),
    "operations/register.py": (1, "the message names the place and what is expected there"),
    "operations/register_folder.py": (1, "the system's own words, with the path"),
    "operations/reproduce.py": (1, "the message of the other program says it"),
    "operations/snapshot.py": (1, DAMAGED),
    "operations/trust.py": (1, "the message is the reason, and says who writes there"),
    "operations/verify.py": (1, DAMAGED),
    "pickles/fast_load.py": (1, "the door adds whom to trust, or that nobody needs it"),
    "plumbing/cat_file.py": (3, DAMAGED),
    "plumbing/checkout.py": (1, GIT),
    "plumbing/index.py": (7, "the history is read then, without an index"),
    "plumbing/repository.py": (2, DAMAGED),
    "plumbing/signing.py": (1, "a program that does not do what it is for"),
    "values/gates.py": (7, CAUGHT),
    "values/json.py": (7, CAUGHT),
    "values/manifest.py": (1, "made wrong in memory, which is a fault of ours"),
    "values/policy.py": (6, "docs/policy.md is named where the settings are read"),
    "values/registry.py": (2, CAUGHT),
    "values/sample.py": (1, "made wrong in memory, which is a fault of ours"),
}


def without_hint(path: Path) -> Iterator[ast.Raise]:
    """Yield where a module raises one of our errors and gives no hint."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        made = node.exc.func
        kind = getattr(errors, made.id, None) if isinstance(made, ast.Name) else None
        if not isinstance(kind, type) or kind is errors.BrokenPipelineFile:  # brings its own
            continue
        if not any(keyword.arg in ("hint", None) for keyword in node.exc.keywords):
            yield node


def test_every_refusal_has_a_hint_or_a_reason_for_none() -> None:
    found = Counter(
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        for _ in without_hint(path)
    )

    assert found == {name: count for name, (count, _) in WITHOUT.items()}


def commands_named() -> Iterator[tuple[str, str]]:
    """Yield where texts of the package name a command of ours between backticks, and the words."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (one.value if isinstance(one, ast.Constant) else "X" for one in node.values)
                text = "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            for found in re.finditer(r"(?:`|: )gms ([^`;,\n]+)", text):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", found[1]


def test_every_command_that_a_hint_names_can_be_typed() -> None:
    """The command is one, and has the options; what stands for a value is not looked at."""
    wrong, seen = [], 0
    for place, typed in commands_named():
        words = typed.split()
        while words[:1] and words[0] in ("-C", "--json"):
            words = words[2:] if words[0] == "-C" else words[1:]
        if not re.fullmatch(r"[a-z-]+", words[0] if words else ""):
            continue  # the name of a command is put in, or it is not a command
        command = command_named(words[0])
        if command is None:
            wrong.append(f"{place}: gms {typed}: no such command")
            continue
        options = {name for one in command.options for name in (*one.words, *one.opposite)}
        ours = words[: words.index("--")] if "--" in words else words
        seen += 1
        wrong += [
            f"{place}: gms {typed}: no option {word}"
            for word in ours[1:]
            if re.fullmatch(r"--?[a-zA-Z][a-z-]*", word) and word not in options
        ]
    assert wrong == []
    assert seen > 100
