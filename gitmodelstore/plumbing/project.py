"""What a project says of its model store: `[tool.gitmodelstore]` of its pyproject.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gitmodelstore.errors import NotAStore
from gitmodelstore.plumbing.access import text_of

FILE = "pyproject.toml"


def settings(folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield the settings of each pyproject.toml of a folder and above, with its folder.

    Raises:
        NotAStore: one cannot be understood.
    """
    for above in (folder.absolute(), *folder.absolute().parents):
        try:
            whole = tomllib.loads(text_of(above / FILE) or "")
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise NotAStore(
                f"'{above / FILE}' is not TOML: {error}",
                hint="mend it, or name the store with -C",
            ) from error
        tool = whole.get("tool", {})
        found = tool.get("gitmodelstore") if isinstance(tool, dict) else None
        if isinstance(found, dict):
            yield found, above
