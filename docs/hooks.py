"""The pages of the site: those of the repository, at the same places in it, and the reference.

So each link between two files leads from page to page on the site as it does on a git host,
also out of docs/, and a page needs to know nothing of the site. The reference is what
`gms COMMAND --help`, the docstrings and the schema say, which a git host shows as they are.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Return the pages, what they link to, the reference, and the files of the theme."""
    root = Path(config.config_file_path).parent.resolve()
    paths = {path for pattern in PAGES for path in root.glob(pattern)}
    for page in list(paths):
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        paths.update(path for link in links if (path := (page.parent / link).resolve()).is_file())
    theme = [file for file in files if file.src_dir != config.docs_dir]
    pages = [
        File(
            path.relative_to(root).as_posix(),
            str(root),
            config.site_dir,
            config.use_directory_urls,
        )
        for path in sorted(paths)
    ]
    made = [
        File.generated(config, f"docs/{name}.md", content="\n\n".join(lines()))
        for name, lines in (
            ("help", help_page),
            ("python", python_page),
            ("manifest", manifest_page),
        )
    ]
    return Files([*theme, *pages, *made])


def help_page() -> Iterator[str]:
    """Yield what `gms COMMAND --help` says of each command."""
    from gitmodelstore.cli.commands import COMMANDS
    from gitmodelstore.cli.main import command_named, help_of

    os.environ["COLUMNS"] = "100"  # otherwise as wide as the terminal of whoever builds it
    yield "# Help of every command"
    yield "What `gms COMMAND --help` says. [Commands](commands.md) has the rest."
    for entry in COMMANDS:
        yield f"## gms {entry.name}"
        yield _block("text", help_of(command_named(entry.name)))


def python_page() -> Iterator[str]:
    """Yield the public names with their docstrings, the methods of Store after it."""
    import gitmodelstore as gms

    yield "# Python"
    yield "After `import gitmodelstore as gms`: what `help()` shows of every public name."
    names = [name for name in gms.__all__ if inspect.getdoc(getattr(gms, name))]
    first = ["register_model", "load_model", "version_of", "Store"]
    for name in [*first, *(name for name in names if name[0].isupper() and name not in first)]:
        thing = getattr(gms, name)
        yield from _entry(f"## gms.{name}", f"gms.{name}", thing)
        if thing is gms.Store:
            for method, kept in sorted(vars(thing).items()):
                if not method.startswith("_") and callable(getattr(thing, method)):
                    owner = "gms.Store" if isinstance(kept, classmethod) else "store"
                    name = f"{owner}.{method}"
                    yield from _entry(f"### Store.{method}", name, getattr(thing, method))


def manifest_page() -> Iterator[str]:
    """Yield the keys of manifest.json, as its schema gives them."""
    schema = json.loads(Path(__file__).with_name("manifest.schema.json").read_text("utf-8"))
    yield "# The manifest"
    yield (
        "The keys of `manifest.json`; `data[].role` is the role of each data set. "
        "Its [schema](manifest.schema.json) has the patterns too."
    )
    for name, part in {"manifest": schema, **schema["$defs"]}.items():
        yield f"## {name}"
        rows = list(_rows(part, ""))
        yield "\n".join(["| key | holds |", "|---|---|", *rows]) if rows else f"Is {_kind(part)}."


def _rows(part: dict[str, Any], before: str) -> Iterator[str]:
    """Yield a row for each key below a value, which may be a list or null as well."""
    for one in part.get("anyOf", ()):
        yield from _rows(one, before)
    if "items" in part:
        yield from _rows(part["items"], f"{before.removesuffix('.')}[].")
    for key, value in part.get("properties", {}).items():
        missing = "" if key in part["required"] else "; may be missing"
        yield f"| `{before}{key}` | {_kind(value)}{missing} |"
        yield from _rows(value, f"{before}{key}.")


def _kind(part: dict[str, Any]) -> str:
    """Return in words what a value may be."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(map(_kind, part["anyOf"])))
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if part.get("type") == "array":
        return f"a list of: {_kind(part['items'])}"
    if isinstance(part.get("additionalProperties"), dict):
        return f"an object, each value: {_kind(part['additionalProperties'])}"
    return str(part["type"])


def _entry(heading: str, name: str, thing: object) -> Iterator[str]:
    yield heading
    if inspect.isroutine(thing):
        yield _block("python", f"{name}{_signature(thing)}")
    yield _block("text", inspect.getdoc(thing) or "")


class _Plain(str):
    """An annotation that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _signature(thing: object) -> str:
    signature = inspect.signature(thing)  # type: ignore[arg-type]
    parts = [
        one.replace(annotation=_Plain(one.annotation))
        for one in signature.parameters.values()
        if one.name not in ("self", "cls")
    ]
    answer = _Plain(signature.return_annotation)
    shown = str(signature.replace(parameters=parts, return_annotation=answer))
    if len(shown) < 80:
        return shown
    stars = [one for one in parts if one.kind is one.KEYWORD_ONLY][:1]
    lines = [f"    {line},\n" for one in parts for line in (["*"] * (one in stars) + [str(one)])]
    return f"(\n{''.join(lines)}) -> {answer}"


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"
