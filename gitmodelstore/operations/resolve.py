"""From a reference to the version that it names."""

from __future__ import annotations

from itertools import islice

from gitmodelstore.errors import InvalidReference, ModelNotFound, VersionNotFound
from gitmodelstore.operations.history import holders
from gitmodelstore.operations.snapshot import Snapshot, lost_versions, registry_of
from gitmodelstore.values.model_version import ModelVersion
from gitmodelstore.values.names import WITHDRAWN, did_you_mean
from gitmodelstore.values.reference import LATEST, Reference
from gitmodelstore.values.registry import EMPTY
from gitmodelstore.values.version import Version, VersionRange

_MOST_NAMED = 5  # versions that a hint lists

Named = str | Version | ModelVersion  # a version of a model that is known already


def resolve(snapshot: Snapshot, ref: str | Reference | ModelVersion) -> ModelVersion:
    """Return the version that `ref` names, with its status in `snapshot`.

    Raises:
        InvalidReference: it does not follow the grammar.
        ModelNotFound, VersionNotFound: nothing fits; the hint says what there is.
        LifecycleError: it names a status that the store does not know.
    """
    if isinstance(ref, ModelVersion):
        return snapshot.version(ref.model, ref.version)
    reference = ref if isinstance(ref, Reference) else Reference.parse(ref)
    model = reference.model
    if reference.commit and model not in snapshot.registry.models:
        return _by_commit(snapshot, reference.commit)
    check_model(snapshot, model)
    asked = snapshot.at(reference.at) if reference.at else snapshot
    return snapshot.version(model, _select(asked, reference, model))


def resolve_of(snapshot: Snapshot, model: str, named: Named) -> ModelVersion:
    """Return the version of `model` that `named` means: a number, or what may follow the "@".

    Raises:
        InvalidReference: it is of another model.
        StoreError: as in `resolve`.
    """
    if isinstance(named, ModelVersion):
        found = resolve(snapshot, named)
    else:
        found = resolve(snapshot, str(named) if "@" in str(named) else f"{model}@{named}")
    if found.model != model:
        raise InvalidReference(
            f"'{found}' is no version of '{model}'", hint=f"see them with `gms list {model}`"
        )
    return found


def check_model(snapshot: Snapshot, model: str) -> str:
    """Return `model` if the store has it.

    Raises:
        ModelNotFound: it has not; the hint names a near one, or all of a few.
    """
    models = snapshot.registry.models
    if model in models:
        return model
    if not models:
        raise ModelNotFound(
            f"no model '{model}': the store is empty",
            hint=f"run `gms register {model} pipeline.joblib`",
        )
    known = ", ".join(list(models)[:_MOST_NAMED]) + (", …" if len(models) > _MOST_NAMED else "")
    raise ModelNotFound(
        f"no model '{model}'", hint=did_you_mean(model, models) or f"it has {known}"
    )


def _select(asked: Snapshot, reference: Reference, model: str) -> Version:
    """Return the version of `model` that the selector means in `asked`.

    What was withdrawn later does not count: asked about a day, the answer is the one
    that was given on that day.
    """
    selector = reference.selector
    if isinstance(selector, Version):
        return _exact(asked, model, selector)
    if isinstance(selector, VersionRange):
        fitting = [v for v in _candidates(asked, model) if v in selector]
        return _first(fitting, f"no version of '{model}' fits {selector}", asked, model)
    if selector == LATEST:
        found = _candidates(asked, model)
        releases = [v for v in found if not v.is_prerelease] or found
        what = f"every version of '{model}' is withdrawn"
        if reference.back:
            what = f"'{model}' has no version to go back to with '{reference.text}'"
        elif model not in asked.registry.models:
            what = f"no version of '{model}'"
        return _first(releases[reference.back :], what, asked, model)
    status = asked.policy.check_status(selector or "")
    if reference.back:
        return _earlier_holder(asked, model, status, reference.back)
    return _holder(asked, model, status)


def _exact(asked: Snapshot, model: str, version: Version) -> Version:
    statuses = asked.registry.models.get(model, {})
    if str(version) in statuses:
        return version
    lost = (one.fault for one in lost_versions(asked, model) if one.version == str(version))
    raise VersionNotFound(
        f"no version '{version}' of '{model}'",
        hint=next(lost, None) or what_there_is(asked, model),
    )


def _holder(asked: Snapshot, model: str, status: str) -> Version:
    found = asked.registry.holders(model, status)
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(map(str, found[:_MOST_NAMED]))
        raise VersionNotFound(
            f"{len(found)} versions of '{model}' are in {status}: {named}",
            hint=f"name one, such as {model}@{found[0]}",
        )
    raise VersionNotFound(
        f"no version of '{model}' is in {status}", hint=what_there_is(asked, model)
    )


def _earlier_holder(asked: Snapshot, model: str, status: str, back: int) -> Version:
    line: list[Version] = []
    for version, _ in holders(asked, model, status):
        withdrawn = asked.registry.status(model, version) == WITHDRAWN
        if not withdrawn and (not line or line[-1] != version):
            line.append(version)
        if len(line) > back:
            return line[-1]
    raise VersionNotFound(
        f"'{model}' has no holder of {status} {back} before the present one",
        hint=f"see them with `gms log {model}`",
    )


def _candidates(asked: Snapshot, model: str) -> list[Version]:
    """Versions that `latest` and ranges may answer: all but the withdrawn, highest first."""
    return [
        version
        for version in asked.registry.versions(model)
        if asked.registry.status(model, version) != WITHDRAWN
    ]


def _first(found: list[Version], what: str, asked: Snapshot, model: str) -> Version:
    if found:
        return found[0]
    raise VersionNotFound(what, hint=what_there_is(asked, model))


def what_there_is(asked: Snapshot, model: str) -> str:
    """Return a hint that lists the highest versions of a model with their status."""
    versions = asked.registry.models.get(model, {})
    if not versions:
        return f"'{model}' had no version at that time"
    named = ", ".join(f"{v} ({s})" for v, s in islice(versions.items(), _MOST_NAMED))
    return f"there is {named}" + (", …" if len(versions) > _MOST_NAMED else "")


def _by_commit(snapshot: Snapshot, prefix: str) -> ModelVersion:
    """Return the one version that a commit introduced."""
    oid = snapshot.repository.find_commit(prefix)
    if oid is None:
        raise VersionNotFound(
            f"no model and no commit '{prefix}'", hint="see the models with `gms list`"
        )
    commit = snapshot.repository.commit(oid)
    before = (
        registry_of(snapshot.repository, snapshot.repository.commit(commit.parents[0]))
        if commit.parents
        else EMPTY
    )
    changes = before.changes(registry_of(snapshot.repository, commit))
    new = [change for change in changes if change.before is None]
    if len(new) != 1:
        raise VersionNotFound(
            f"commit {oid[:12]} introduced {len(new) or 'no'} version{'s' if new else ''}",
            hint=f"see it with `git show {oid[:12]}`",
        )
    return snapshot.version(new[0].model, new[0].version)
