"""Tags: each names a version, is annotated, and stands on the commit that introduced it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from gitmodelstore.checks.fault import Fault
from gitmodelstore.checks.judge import Judge, Step
from gitmodelstore.checks.tree import folder_names
from gitmodelstore.errors import StoreError
from gitmodelstore.values.layout import MANIFEST, tag_name
from gitmodelstore.values.names import model_name
from gitmodelstore.values.objects import PLAIN_FILE, Tag, named_manifest
from gitmodelstore.values.version import Version

_NAME = re.compile(r"([a-z0-9_-]{1,63})@v(.{1,255})")


def version_of(name: str) -> tuple[str, Version] | None:
    """Return model and version that a tag's name spells; None when it is no name of a version.

    >>> version_of("churn@v1.4.0")
    ('churn', Version('1.4.0'))
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        named = model_name(found[1]), Version.parse(found[2])
    except StoreError:
        return None
    return named if tag_name(*named) == name else None


def tag_faults(judge: Judge, name: str, tag: Tag | None) -> Iterator[Fault]:
    """Yield what is wrong with a tag, where it stands in the history apart.

    Args:
        judge: of the repository.
        name: of the ref, without refs/tags/.
        tag: what it holds; None when that is no annotated tag of that name on a commit.
    """
    ref = f"refs/tags/{name}"
    named = version_of(name)
    if named is None:
        what = "is no tag of a version, as churn@v1.4.0; other tags a store does not have"
        yield Fault("GMS055", ref, what, mend="push the tags of versions alone: '*@v*'")
        return
    model, version = named
    again = f"git tag -f -a -m '{model} {version}' {name} COMMIT"
    if tag is None:
        what = "is not an annotated tag of that name on a commit"
        yield Fault("GMS051", ref, what, mend=f"make it one: {again}")
        return
    commit = judge.objects.commit(tag.commit)
    if (model, version) not in judge.introduced(Step.of(commit)):
        what = f"stands on {tag.commit[:12]}, which does not introduce {model} {version}"
        mend = f"set it on the commit that does: {again}; git log -- models/{model}"
        yield Fault("GMS052", ref, what, mend=mend)
        return
    yield from _manifest_faults(judge, ref, tag, model, version)
    if judge.policy(Step.of(commit)).require_signed and judge.signatures is not None:
        yield from judge.signatures.tag_faults(name, tag.oid, commit)


def _manifest_faults(
    judge: Judge, ref: str, tag: Tag, model: str, version: Version
) -> Iterator[Fault]:
    root = judge.objects.commit(tag.commit).tree
    held = folder_names(judge.objects, root).get(model)
    entry = judge.objects.entries(held.oid).get(MANIFEST) if held else None
    if entry is None or entry.mode != PLAIN_FILE:
        what = f"there is no manifest of {model} {version} at its commit"
        mend = f"set it on a commit that has one: git tag -f -a {tag.name} COMMIT"
        yield Fault("GMS020", ref, what, mend=mend)
        return
    said = named_manifest(tag.message)
    found = hashlib.sha256(judge.objects.content(entry.oid, MANIFEST)).hexdigest()
    if said is not None and said != found:
        what = f"names the manifest {said[:12]}, at its commit stands {found[:12]}"
        mend = f"take it from a sound clone, or: git tag -f -a {tag.name} {tag.commit}"
        yield Fault("GMS054", ref, what, mend=mend)
