"""Whether a manifest lists a file, found out without judging the manifest.

For hooks that must be quick; imports nothing but json.
"""

from __future__ import annotations

import json


def plainly_lists(manifest: bytes, name: str, sha256: str, size_bytes: int) -> bool:
    """Return whether a manifest lists exactly this file; False also when it cannot be read."""
    try:
        value = json.loads(manifest)
    except (ValueError, RecursionError):
        return False
    if not isinstance(value, dict) or not {"schema", "model", "version"} <= value.keys():
        return False
    listed = value.get("artifacts")
    return isinstance(listed, list) and any(
        isinstance(entry, dict)
        and (entry.get("path"), entry.get("sha256"), entry.get("size_bytes"))
        == (name, sha256, size_bytes)
        for entry in listed
    )
