"""gms-df-1 is the same on older pandas, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from ..lineage.corpus import SPARSE_FORMATS, corpus, digest_frame
from .environments import ROOT, make

# The oldest pandas that pyproject.toml lets in, and the last before pandas 3.
RELEASES = {
    "2.0.3": ("numpy<2", "scipy<1.14", "pyarrow<20"),
    "2.3.3": ("numpy<2.4", "scipy", "pyarrow"),
}


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    """Name to digest, as this pandas has them."""
    return {name: digest_frame(data).hex for name, data in corpus().items()}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("release", RELEASES)
def test_every_kind_of_data_has_the_digest_that_older_pandas_gives(
    tmp_path: Path, here: dict[str, str], release: str
) -> None:
    programs = make(
        tmp_path / "older", "--no-compile-bytecode", f"pandas=={release}", *RELEASES[release]
    )
    done = subprocess.run(
        [programs / "python", "-m", "tests.lineage.corpus"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    there = json.loads(done.stdout)

    assert there["pandas"] == release != pd.__version__
    assert there["digests"] == here
    assert len(here) > 100


def test_what_is_equal_by_value_has_one_digest_and_nothing_else_has(here: dict[str, str]) -> None:
    alike: dict[str, set[str]] = {}
    for name, digest in here.items():
        alike.setdefault(digest, set()).add(name)

    # Of objects without any value nothing tells the kind: docs/gms-df-1.md, "Columns".
    objects = ("binary", "date32", "time64", "decimal", "list", "struct", "null")
    assert [names for names in alike.values() if len(names) > 1] == [
        {"arrow string", "arrow large string"},
        {f"arrow {name} without rows" for name in ("string", "large string", *objects)},
        {f"sparse {name}" for name in (*SPARSE_FORMATS, "array")},
        {"array", "array by columns"},
    ]
