"""Which faults of a history stand, and which a later commit has put right.

History is not rewritten, so a commit that was wrong stays wrong for ever; what matters
to those who use the store is what it says now.
"""

from __future__ import annotations

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.fault import Fault
from gitmodelstore.errors import IntegrityError, MissingObject
from gitmodelstore.operations.past import Past
from gitmodelstore.operations.retag import is_sound
from gitmodelstore.values.layout import MODELS, REGISTRY
from gitmodelstore.values.names import WITHDRAWN
from gitmodelstore.values.version import Version

# About the commit as a deed, which says nothing of the store as it is.
_HARMLESS_DEEDS = ("GMS037", "GMS044")
# About what registry.json says, which another registry.json puts right.
_OF_REGISTRY = ("GMS011", "GMS020", "GMS030", "GMS040", "GMS041")
# About what stands at a path.
_OF_PATHS = ("GMS001", "GMS002", "GMS003", "GMS004", "GMS005", "GMS012", "GMS020")


class Standing:
    """What the tip of a branch says about the faults of its commits.

    Args:
        past: the history.
    """

    def __init__(self, past: Past) -> None:
        self._past = past

    def is_now(self, fault: Fault) -> bool:
        """Whether a fault still stands; one that nothing has put right does."""
        if fault.code == "GMS050":
            return self._wants_its_tag(fault.path.removeprefix("refs/tags/"))
        if fault.commit is None or fault.path.startswith("refs/"):
            return True
        if fault.code in _HARMLESS_DEEDS:
            return fault.commit == self._past.tip.oid
        if fault.code == "GMS046":
            return self._is_as_merged(fault)
        if fault.path == REGISTRY:
            return self._is_registry_now(fault)
        if fault.path.startswith(f"{MODELS}/"):
            return self._is_folder_now(fault, "/".join(fault.path.split("/")[:2]))
        if fault.code in _OF_PATHS:
            return self._is_unchanged(fault.commit, fault.path)
        return True

    def _wants_its_tag(self, name: str) -> bool:
        """Whether a tag is missed: of a faulty version that was withdrawn nobody sets one."""
        known = next((k for k in self._past.introduced.values() if k.tag == name), None)
        if known is None or is_sound(self._past, known):
            return True
        return self._past.registry.status(known.model, known.version) != WITHDRAWN

    def _is_as_merged(self, fault: Fault) -> bool:
        """Whether what a merge took back, or made up, is still so: nobody has changed it since."""
        if fault.path != REGISTRY:
            return self._is_unchanged(fault.commit or "", fault.path)
        model, version = fault.what.split(" ")[:2]
        key = model, Version.parse(version)
        then = self._past.judge.registry_at(fault.commit or "")
        return then.status(*key) == self._past.registry.status(*key)

    def _is_registry_now(self, fault: Fault) -> bool:
        if fault.code in _OF_REGISTRY:
            return self._says_so_still(fault)
        return self._concerns_a_version(fault.commit or "", None)

    def _says_so_still(self, fault: Fault) -> bool:
        past, model = self._past, fault.what.partition(" ")[0]
        if fault.code in ("GMS011", "GMS020"):
            unchanged = self._is_unchanged(fault.commit or "", REGISTRY)
            return past.fault_of_registry is not None and unchanged
        if fault.code == "GMS030":
            return any(fault.what == f"{known} is lost" for known in past.lost)
        if fault.code == "GMS040":
            return any(
                fault.what.startswith(f"{model} {version} has ") and status not in self._statuses
                for version, status in past.registry.models.get(model, {}).items()
            )
        held = past.registry
        return any(len(held.holders(model, status)) > 1 for status in past.policy.exclusive)

    @cached_property
    def _statuses(self) -> frozenset[str]:
        return frozenset(self._past.policy.statuses)

    def _is_folder_now(self, fault: Fault, folder: str) -> bool:
        """A version is what its commit holds; any other folder only what stands there now."""
        commit, model = fault.commit or "", folder.partition("/")[2]
        if any(k.commit == commit and k.model == model for k in self._past.introduced.values()):
            return self._concerns_a_version(commit, model)
        return self._is_unchanged(commit, folder)

    def _concerns_a_version(self, commit: str, model: str | None) -> bool:
        """Whether a commit introduced a version that the store has, not withdrawn."""
        return any(
            self._past.registry.status(known.model, known.version) not in (None, WITHDRAWN)
            for known in self._past.introduced.values()
            if known.commit == commit and model in (None, known.model)
        )

    def _is_unchanged(self, commit: str, path: str) -> bool:
        """Whether the tip holds at a path what an earlier commit held there."""
        try:
            then = self._past.objects.commit(commit)
        except (MissingObject, IntegrityError):
            return True
        return self._past.entry(then, path) == self._past.entry(self._past.tip, path)
