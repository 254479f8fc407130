"""Where a user's own files are: the cache, which may go at any time, and the configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_NAME = "gitmodelstore"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for what can be found out again; None where the user has no home."""
    return _folder(environment, "XDG_CACHE_HOME", ".cache", "Library/Caches")


def config_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for what the user has set; None where the user has no home."""
    return _folder(environment, "XDG_CONFIG_HOME", ".config", "Library/Application Support")


def _folder(environment: Mapping[str, str], variable: str, linux: str, mac: str) -> Path | None:
    """Source: the XDG Base Directory Specification; on macOS and Windows their own places."""
    given = environment.get(variable)
    if given and os.path.isabs(given):
        return Path(given) / _NAME
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return Path(local) / _NAME if local else None
    home = environment.get("HOME")
    if not home or not os.path.isabs(home):
        return None
    return Path(home) / (mac if sys.platform == "darwin" else linux) / _NAME


def trusted_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return what GITMODELSTORE_TRUSTED says: whom this user, or this service, trusts."""
    return environment.get("GITMODELSTORE_TRUSTED", "")


SCRATCH = "GMS_REPRODUCE_STORE"


def scratch_store(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the store that stands in for every other one; None outside of `gms reproduce`.

    A training script is run again to see what it makes, not to register it once more, whatever
    store it names.
    """
    given = environment.get(SCRATCH)
    return Path(given) if given else None
