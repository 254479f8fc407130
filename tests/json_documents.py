"""The schema of what `--json` prints, and the page that is made of it.

`python -m tests.json_documents` writes the tables of docs/json.md anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from gitmodelstore.cli.commands import BY_NAME
from gitmodelstore.errors import CannotWork, InvalidQuery, StoreError

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "json.md"
SCHEMA: dict[str, Any] = json.loads((DOCS / "json.schema.json").read_text(encoding="utf-8"))
DEFINITIONS: dict[str, dict[str, Any]] = SCHEMA["$defs"]
_MANIFEST = Draft202012Validator(json.loads((DOCS / "manifest.schema.json").read_text()))
# Errors that are none of our classes: code, exit code, what they are.
OTHERS = (
    ("raised-elsewhere", 1, "Other code raised an exception."),
    ("warning", 1, "Python was told to turn warnings into errors, and there was one."),
    ("usage-error", 2, "The command line cannot be understood."),
    ("system-error", 128, "The operating system refused something."),
    ("out-of-memory", 128, "There is not enough memory."),
    ("own-fault", 128, "A bug in gitmodelstore."),
    ("interrupted", 130, "You interrupted it."),
)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$defs": DEFINITIONS, "$ref": f"#/$defs/{name}"})


def checked(name: str, stdout: str) -> dict[str, Any]:
    """Return the one document that a command printed, if it is what the schema says."""
    document: dict[str, Any] = json.loads(stdout)
    faults = validator(name).iter_errors(document)
    found = [f"{fault.json_path}: {fault.message}" for fault in faults]
    if name == "gms-show":
        found += [fault.message for fault in _MANIFEST.iter_errors(document["manifest"])]
    assert not found, (name, found)
    return document


def check(args: Sequence[str], stdout: str) -> None:
    """Check the document of whichever form of a command a test has typed."""
    document = json.loads(stdout)
    command = next((BY_NAME[word].name for word in args if word in BY_NAME), "version")
    command = "help" if "--help" in args else command
    forms = [name for name in DEFINITIONS if name.split("-")[:2] == ["gms", command]]
    name = "error" if "error" in document else max(forms, key=lambda form: _fits(form, document))
    checked(name, stdout)


def _fits(name: str, document: dict[str, Any]) -> bool:
    return validator(name).is_valid(document)


# The page


def classes(of: type[StoreError] = StoreError) -> Iterator[type[StoreError]]:
    yield of
    for kind in of.__subclasses__():
        if kind.__bases__[0] is of:  # once, whatever else it is
            yield from classes(kind)


def errors() -> list[tuple[str, int, str]]:
    """Return every code that an error document can bear, its exit code, and what it means."""
    ours = (kind for kind in classes() if kind.__module__ == StoreError.__module__)
    rows = {
        kind.code: (
            kind.code,
            128 if issubclass(kind, CannotWork) else 2 if kind is InvalidQuery else 1,
            (kind.__doc__ or "").partition("\n")[0],
        )
        for kind in ours
    }
    return [*sorted(rows.values()), *OTHERS]


def tables() -> str:
    """Return the part of the page that is made."""
    commands = [name for name in DEFINITIONS if name.startswith("gms-")]
    objects = [name for name in DEFINITIONS if name not in (*commands, "error", "error-facts")]
    lines = ["## Commands", ""]
    for name in commands:
        lines += [f"### {_title(name)}", "", *_table(DEFINITIONS[name])]
    lines += ["## Objects", ""]
    for name in sorted(objects):
        lines += [
            f"### {_title(name)}",
            "",
            DEFINITIONS[name]["description"],
            "",
            *_table(DEFINITIONS[name]),
        ]
    lines += ["## Errors", "", DEFINITIONS["error"]["description"], ""]
    lines += ["It is an object with the key `error`, which holds:", ""]
    lines += [*_table(DEFINITIONS["error-facts"])]
    lines += ["| code | exit | means |", "|---|---|---|"]
    lines += [f"| `{code}` | {status} | {what} |" for code, status, what in errors()]
    return "\n".join(lines) + "\n"


def _table(definition: dict[str, Any]) -> Iterator[str]:
    for base in definition.get("allOf", ()):
        yield f"The keys of a {_named(base)}{', and:' if definition['properties'] else '.'}"
        yield ""
    if not definition.get("properties"):
        return
    yield "| key | is | holds |"
    yield "|---|---|---|"
    for key, kind in definition["properties"].items():
        yield f"| `{key}` | {_kind(kind)} | {kind['description']} |"
    yield ""


def _named(kind: dict[str, Any]) -> str:
    title = _title(kind["$ref"].rpartition("/")[2])
    return f"[{title}](#{title.replace(' ', '-')})"


def _title(name: str) -> str:
    title: str = DEFINITIONS[name].get("title", name)
    return title


def _kind(kind: dict[str, Any]) -> str:
    if "$ref" in kind:
        return _named(kind)
    if "anyOf" in kind:
        return " or ".join(dict.fromkeys(_kind(one) for one in kind["anyOf"]))
    if "enum" in kind:
        return ", ".join(f"`{word}`" for word in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_kind(kind['items'])}"
    if kind.get("type") == "object" and "additionalProperties" in kind:
        return f"object of {_kind(kind['additionalProperties'])}"
    types = kind.get("type", "any JSON")
    words = {"string": "text", "boolean": "true or false", "integer": "number"}
    return " or ".join(
        words.get(one, one) for one in ([types] if isinstance(types, str) else types)
    )


def page() -> str:
    """Return the page with its tables made anew."""
    return PAGE.read_text(encoding="utf-8").partition("## Commands\n")[0] + tables()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
