"""What to type about a fault of a store, where the judge speaks of a commit in the making.

The judge's own words say how to make a commit right before it is made. In a store it is
made: what stands now can be put right by a next commit, and never by another past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gitmodelstore.checks.fault import Fault
from gitmodelstore.operations.past import Introduced, Past
from gitmodelstore.operations.retag import Stray, is_mended, is_sound, set_tag
from gitmodelstore.values.layout import MODELS, REGISTRY, SETTINGS

FIX = "gms doctor --fix"
REFETCH = "git fetch --refetch REMOTE, from a sound clone"
_OF_REGISTRY = {
    "GMS011": FIX,
    "GMS020": FIX,
    "GMS030": FIX,
    "GMS040": "gms promote MODEL@VERSION STATUS, with one of the statuses of modelstore.toml",
    "GMS041": "gms promote MODEL@VERSION STATUS, for the one that is meant",
}


def with_next_step(fault: Fault, past: Past, strays: Mapping[str, Stray]) -> Fault:
    """Return a fault with what mends it in a store.

    Args:
        fault: as the judge of a commit or of a tag says it.
        past: the history.
        strays: name to each tag that stands beside the branch.
    """
    if fault.path.startswith("refs/tags/"):
        return _of_tag(fault, past, strays.get(fault.path.removeprefix("refs/tags/")))
    if fault.path == REGISTRY and fault.code in _OF_REGISTRY:
        return replace(fault, mend=_OF_REGISTRY[fault.code])
    if fault.code == "GMS071" and "Git LFS object" in fault.what:
        return replace(fault, mend="remove that file, then git lfs fetch --all REMOTE")
    if fault.code in ("GMS070", "GMS071"):
        return replace(fault, mend=REFETCH)
    if fault.code == "GMS024":
        return replace(fault, mend="git lfs fetch --all REMOTE")
    if fault.path.startswith(f"{MODELS}/") or (fault.path == REGISTRY and fault.commit):
        return replace(fault, mend=_of_folder(fault, past))
    if fault.path == SETTINGS and fault.code == "GMS012":
        mend = f"git restore --source={fault.commit}~1 -- {SETTINGS}, and commit it alone"
        return replace(fault, mend=mend)
    if fault.path and fault.code in ("GMS001", "GMS002", "GMS003", "GMS005"):
        return replace(fault, mend=f"git rm -r -- '{fault.path}', and commit that")
    if fault.path and fault.code in ("GMS004", "GMS020") and fault.commit is not None:
        mend = f"git restore --source={fault.commit}~1 -- {fault.path}, and commit it"
        return replace(fault, mend=mend)
    if fault.commit is not None:
        return replace(fault, mend=f"nothing changes a commit of the past: git show {fault.commit}")
    return fault


def _of_tag(fault: Fault, past: Past, stray: Stray | None) -> Fault:
    """Return what mends a tag: it is fetched, or set where it belongs, and never taken away."""
    name = fault.path.removeprefix("refs/tags/")
    known = next((one for one in past.introduced.values() if one.tag == name), None)
    if fault.code == "GMS055" or (known is None and fault.code == "GMS052"):
        return fault
    sound = f"take it from a sound clone: git fetch REMOTE '+refs/tags/{name}:refs/tags/{name}'"
    if known is None:
        return replace(fault, mend=sound)
    if fault.code == "GMS050" and not is_sound(past, known):
        mend = f"no tag is set on a faulty version: gms withdraw {known.model}@{known.version}"
        return replace(fault, mend=mend)
    if fault.code == "GMS050" or is_mended(fault.code, past, known):
        return replace(fault, mend=FIX)
    again = f"{sound}; or, where the branch is right: {set_tag(known)}"
    if fault.code == "GMS052" and stray is not None:
        where = f"{stray.known.commit[:12]} brought {stray.known}"
        if stray.is_same:
            return replace(fault, what=f"{fault.what}; {where}, the same folder", mend=FIX)
        mend = f"{again}, once what the tag holds is registered under another number"
        return replace(fault, what=f"{fault.what}; {where}, another folder", mend=mend)
    return replace(fault, mend=again)


def _of_folder(fault: Fault, past: Past) -> str:
    """Return what to do about a folder: about the version that it is, or the edit of one."""
    model = fault.path.split("/")[1] if fault.path.startswith(f"{MODELS}/") else None
    known = next(
        (
            one
            for one in past.introduced.values()
            if one.commit == fault.commit and model in (None, one.model)
        ),
        None,
    )
    if known is None:
        path = f"{MODELS}/{model}"
        return (
            f"git restore --source={fault.commit}~1 --staged --worktree -- {path}, and commit; "
            f"or keep it as a version: gms register --from-folder {path}"
        )
    if _stands(past, known):
        path = f"{MODELS}/{known.model}"
        return (
            f"gms register --from-folder {path} keeps it under a new number; then "
            f"gms withdraw {known.model}@{known.version}"
        )
    return f"gms withdraw {known.model}@{known.version}"


def _stands(past: Past, known: Introduced) -> bool:
    entry = past.entry(past.tip, f"{MODELS}/{known.model}")
    return entry is not None and entry.oid == known.folder
