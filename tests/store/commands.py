"""A command inside a store, in a process of its own."""

from __future__ import annotations

import subprocess

from gitmodelstore import Store

from . import children


def gms(store: Store, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of a store and return what it said."""
    return children.gms(*args, cwd=store.path)
