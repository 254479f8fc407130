"""What to type about a fault of a commit in the making, where the judge itself does not say."""

from __future__ import annotations

from gitmodelstore.checks.fault import Fault
from gitmodelstore.values.layout import MODELS

_RESTORE = "git restore --source=HEAD --staged --worktree -- {path}"
_FOLDER = (
    "git restore --source=HEAD --staged --worktree -- {folder}; "
    "or keep it as a version of its own: gms register --from-folder {folder}"
)
_MENDS = {
    "GMS002": _RESTORE,
    "GMS003": "rename it: git mv",
    "GMS004": _RESTORE,
    "GMS005": _RESTORE,
    "GMS010": _FOLDER,
    "GMS011": _RESTORE,
    "GMS012": _RESTORE,
    "GMS013": _FOLDER,
    "GMS020": _FOLDER,
    "GMS021": _FOLDER,
    "GMS022": _FOLDER,
    "GMS023": _FOLDER,
    "GMS030": _RESTORE,
    "GMS040": "use a status of this store, or add it to modelstore.toml in a commit before",
    "GMS041": "gms promote MODEL@VERSION STATUS, for the one that is meant; the other is archived",
    "GMS043": "gms promote MODEL@VERSION STATUS --force --reason TEXT, if it must be",
    "GMS045": "ask whoever keeps the store, or meet the conditions",
}


def mend_of(fault: Fault) -> str:
    """Return what mends a fault: its own word, else that for faults of its kind."""
    if fault.mend or fault.code not in _MENDS:
        return fault.mend
    inside = fault.path.startswith(f"{MODELS}/")
    folder = "/".join(fault.path.split("/")[:2]) if inside else fault.path
    return _MENDS[fault.code].format(path=fault.path, folder=folder)
