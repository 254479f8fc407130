"""What a run leaves out of a corpus is what the long run tries."""

from __future__ import annotations

import subprocess
import sys

from tests.project.test_docs import ROOT

CORPUS = "tests/gate/test_never_stops.py"


def collected(*args: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", CORPUS, *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {line for line in done.stdout.splitlines() if "::" in line}


def test_the_sample_and_the_rest_are_the_whole() -> None:
    sample, rest, whole = collected(), collected("-m", "long"), collected("-m", "")

    assert sample
    assert rest
    assert not sample & rest
    assert sample | rest == whole
