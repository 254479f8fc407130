"""Results as a file: what was measured, on which machine, with which releases; see README.md."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Line, Row

SCHEMA = "gitmodelstore-benchmarks-1"
LIBRARIES = ("numpy", "pandas", "scikit-learn", "joblib", "pygit2", "GitPython")


def machine(folder: Path) -> dict[str, Any]:
    """Describe where it is measured; the file system is that of the folder."""
    return {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(int((_field("/proc/meminfo", "MemTotal") or "0").split()[0]) / 1e6),
        "os": _field("/etc/os-release", "PRETTY_NAME", "=").strip('"') or platform.platform(),
        "kernel": platform.release().split("-")[0],
        "file_system": _file_system(folder.resolve()),
        "python": platform.python_version(),
        "git": _first_line("git", "--version").removeprefix("git version "),
        "git_lfs": _first_line("git-lfs", "--version").split(" ")[0],
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _field(path: str, name: str, separator: str = ":") -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(separator) for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")


def _file_system(folder: Path) -> str:
    """Return the type of the mount that holds a folder."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    above = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return max(above, key=lambda mount: len(mount[1]))[2] if above else ""


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.splitlines()[0].strip()


def read(path: Path) -> dict[str, Any]:
    """Read a file of results.

    Raises:
        SystemExit: it is not such a file.
    """
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if found.get("schema") != SCHEMA:
        sys.exit(f"error: {path} is not a file of results ({SCHEMA})")
    return found


def expect(path: Path, here: dict[str, Any]) -> None:
    """See to it that results can be added to a file, before anything is measured.

    Raises:
        SystemExit: the file is of another machine, or of other releases.
    """
    if path.exists() and (there := read(path)["machine"]) != here:
        other = ", ".join(key for key in here if there.get(key) != here[key])
        sys.exit(f"error: {path} is of another machine: {other}\nhint: give another file by -o")


def lines(results: dict[str, Any], suite: str) -> list[Line]:
    """Return the lines of a suite, in the order in which they were measured."""
    return [
        Line(**{**line, "suite": suite, "rows": [Row(**row) for row in line["rows"]]})
        for line in results["suites"].get(suite, {}).get("lines", [])
    ]


def merged(
    path: Path, here: dict[str, Any], suite: str, about: dict[str, Any], found: list[Line]
) -> dict[str, Any]:
    """Return what a file holds, with the lines of one suite in place of what it had."""
    new: dict[str, Any] = {"schema": SCHEMA, "machine": here, "suites": {}}
    results = read(path) if path.exists() else new
    results["suites"][suite] = {**about, "lines": [_as_json(line) for line in found]}
    return results


def _as_json(line: Line) -> dict[str, Any]:
    found = asdict(line)
    del found["suite"]
    found["rows"] = [{key: value for key, value in row.items() if value} for row in found["rows"]]
    return {key: value for key, value in found.items() if value is not None}


def write(path: Path, results: dict[str, Any]) -> None:
    """Write results, a line of text for each row."""
    text = json.dumps(results, indent=1, ensure_ascii=False)
    path.write_text(_compact(text) + "\n", encoding="utf-8")


def _compact(text: str) -> str:
    """Put lists of numbers, and what holds nothing but those and values, on one line."""
    inner = re.compile(r"\{(?:[^{}\[\]]|\[[^\[\]{}]*\])*\}|\[[^\[\]{}]*\]")
    return inner.sub(lambda match: re.sub(r"\s*\n\s*", " ", match[0]), text)
