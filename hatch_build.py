"""Puts the manual pages into the wheel, made from the help of this very version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        sys.path[:0] = [self.root, str(Path(self.root, "docs"))]
        import man

        folder = Path(self.directory, "man")
        folder.mkdir(parents=True, exist_ok=True)
        for name in man.NAMES:
            file = folder / f"{name}.1"
            text = man.page() if name == man.NAMES[0] else man.SAME
            file.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(file)] = f"share/man/man1/{file.name}"
