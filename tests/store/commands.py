"""A command inside a store, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from gitmodelstore import Store


def gms(store: Store, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of a store and return what it said."""
    return subprocess.run(
        [sys.executable, "-m", "gitmodelstore.cli.main", *args],
        cwd=store.path,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
