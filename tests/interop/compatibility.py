"""Which releases the tests were run with: rows that CI writes, and docs/compatibility.md.

    python -m tests.interop.compatibility ROWS   # make the page of what a run has left in ROWS

`.ci/run` does so after all has passed. The rows are kept in compatibility.json, and a test holds
the page against them, and what README and pyproject.toml promise.
"""

from __future__ import annotations

import json
import platform
import sys
import uuid
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "compatibility.md"
LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "joblib")
PACKAGES = tuple(
    line.partition("==")[0].replace("_", "-")
    for line in (ROOT / "tests" / "packages" / "requirements.txt").read_text().split()
)
Row = dict[str, Any]
HEAD = """\
# Compatibility

CI ran the tests with these releases; `python -m tests.interop.compatibility` writes this page from
its runs. Nothing else was tried, nor macOS and Windows. A pipeline from another release loads if
the libraries themselves can read it ([loading.md](loading.md#other-versions-than-at-training)).

## Python and its libraries

"""


def write_row(folder: Path, session: Any, exitstatus: int) -> None:
    """Write what this run of pytest ran with, and how many tests passed and failed.

    Args:
        folder: where; nothing is written where it is gone.
        session: of pytest, at its end.
        exitstatus: 0 when all went well.
    """
    stats = session.config.pluginmanager.get_plugin("terminalreporter").stats
    row: Row = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "libraries": {name: held for name in LIBRARIES if (held := _installed(name))},
        "packages": {name: held for name in PACKAGES if (held := _installed(name))},
        "passed": len(stats.get("passed", ())),
        "failed": len(stats.get("failed", ())) + len(stats.get("error", ())),
        "exit": int(exitstatus),
    }
    if folder.is_dir() and row["passed"] + row["failed"]:
        (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps(row))


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def merged(rows: Iterable[Row]) -> list[Row]:
    """Return a row an environment, the oldest first: runs of the same one are added up."""
    found: dict[str, Row] = {}
    for row in rows:
        key = json.dumps([row["python"], row["system"], row["libraries"], row["packages"]])
        known = found.setdefault(key, row | {"passed": 0, "failed": 0, "exit": 0})
        for count in ("passed", "failed"):
            known[count] += row[count]
        known["exit"] = max(known["exit"], row["exit"])
    return sorted(found.values(), key=_age)


def _age(row: Row) -> tuple[Any, ...]:
    names = ("scikit-learn", "numpy")
    return (numbers(row["python"]), *(numbers(row["libraries"].get(it, "0")) for it in names))


def numbers(text: str) -> tuple[int, ...]:
    """Return a version as numbers that compare.

    >>> numbers("1.10.2") > numbers("1.9")
    True
    """
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def page(rows: Iterable[Row]) -> str:
    """Return docs/compatibility.md."""
    rows = list(rows)
    plain = [row for row in rows if not row["packages"]]
    lines = [HEAD + _line("Python", *LIBRARIES, "tests passed", "failed", "on")]
    lines.append(_line(*["---"] * (len(LIBRARIES) + 4)))
    for row in plain:
        held = (row["libraries"].get(name, "none") for name in LIBRARIES)
        lines.append(_line(row["python"], *held, row["passed"], row["failed"], row["system"]))
    lines += ["", "## Packages", ""]
    packaged = [row for row in rows if row["packages"]]
    if packaged:
        lines += [_line("package", "release", "Python", "scikit-learn", "tests passed", "failed")]
        lines += [_line(*["---"] * 6)]
    else:
        lines += ["None was run."]
    for row in packaged:
        for name, held in sorted(row["packages"].items()):
            learn = row["libraries"].get("scikit-learn", "none")
            lines.append(_line(name, held, row["python"], learn, row["passed"], row["failed"]))
    return "\n".join(lines) + "\n"


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    rows = merged(json.loads(path.read_text()) for path in Path(sys.argv[1]).glob("*.json"))
    KEPT.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
