"""The page for whoever keeps a store explains every fault code, by its name."""

from __future__ import annotations

import re
from pathlib import Path

from gitmodelstore.checks.fault import CODES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_code_is_explained_once_in_order() -> None:
    rows = re.findall(r"^\| (GMS[0-9]{3}) \| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)

    assert rows == list(CODES.items())


def test_every_code_is_found_somewhere_in_the_code() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "gitmodelstore").rglob("*.py")
        if path.name != "fault.py"
    )

    assert {code for code in CODES if code not in source} == set()
