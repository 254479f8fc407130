"""What a run leaves out of a corpus is what the long run tries."""

from __future__ import annotations

import subprocess
import sys

from tests.project.test_docs import ROOT

CORPUS = "tests/gate/test_never_stops.py"


def collected(*expressions: str) -> list[set[str]]:
    """Return which tests each expression of marks selects, all from one process."""
    program = (
        f"import pytest\nfor expression in {expressions!r}:\n"
        f"    assert not pytest.main(['--collect-only', '-q', {CORPUS!r}, '-m', expression])\n"
        "    print('---')\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *parts, _ = done.stdout.split("---\n")
    return [{line for line in part.splitlines() if "::" in line} for part in parts]


def test_the_sample_and_the_rest_are_the_whole() -> None:
    sample, rest, whole = collected("not long", "long", "")

    assert sample
    assert rest
    assert not sample & rest
    assert sample | rest == whole
