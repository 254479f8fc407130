"""A Git-native model store for scikit-learn pipelines.

    import gitmodelstore as gms

    gms.register_model(pipeline, "churn", X_test=X_test, y_test=y_test)
    model = gms.load_model("churn@production")

Importing this package imports nothing but the standard library; what a call
needs is imported when the call is made.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, which takes 7 ms to import: hooks would feel it
if TYPE_CHECKING:
    from typing import Any

    from gitmodelstore.checks.approvals import Approval
    from gitmodelstore.errors import (
        CannotReproduce,
        EnvironmentWarning,
        GateNotPassed,
        IntegrityError,
        InvalidQuery,
        LockError,
        PipelineRaised,
        RefusedPickle,
        SignatureError,
        StoreError,
    )
    from gitmodelstore.operations.audit import Audit
    from gitmodelstore.operations.bisect import Bisection, Trial
    from gitmodelstore.operations.blame import FieldChange
    from gitmodelstore.operations.compare_environment import EnvironmentReport
    from gitmodelstore.operations.reproduced import Reproduction
    from gitmodelstore.operations.search import Match
    from gitmodelstore.shortcuts import load_model, register_model, version_of
    from gitmodelstore.store import Store
    from gitmodelstore.values.annotations import Annotation
    from gitmodelstore.values.diff import Diff
    from gitmodelstore.values.events import Event
    from gitmodelstore.values.manifest import Manifest
    from gitmodelstore.values.model_version import (
        Holding,
        ModelSummary,
        ModelVersion,
        Withdrawal,
    )
    from gitmodelstore.values.version import Version

__version__ = "0.1.0"

__all__ = [
    "Annotation",
    "Approval",
    "Audit",
    "Bisection",
    "CannotReproduce",
    "Diff",
    "EnvironmentReport",
    "EnvironmentWarning",
    "Event",
    "FieldChange",
    "GateNotPassed",
    "Holding",
    "IntegrityError",
    "InvalidQuery",
    "LockError",
    "Manifest",
    "Match",
    "ModelSummary",
    "ModelVersion",
    "PipelineRaised",
    "RefusedPickle",
    "Reproduction",
    "SignatureError",
    "Store",
    "StoreError",
    "Trial",
    "Version",
    "Withdrawal",
    "load_model",
    "register_model",
    "version_of",
]

_HOMES = {
    "Annotation": "values.annotations",
    "Approval": "checks.approvals",
    "Audit": "operations.audit",
    "Bisection": "operations.bisect",
    "CannotReproduce": "errors",
    "EnvironmentReport": "operations.compare_environment",
    "EnvironmentWarning": "errors",
    "GateNotPassed": "errors",
    "IntegrityError": "errors",
    "InvalidQuery": "errors",
    "LockError": "errors",
    "PipelineRaised": "errors",
    "RefusedPickle": "errors",
    "Reproduction": "operations.reproduced",
    "SignatureError": "errors",
    "Diff": "values.diff",
    "Event": "values.events",
    "FieldChange": "operations.blame",
    "Holding": "values.model_version",
    "Manifest": "values.manifest",
    "Match": "operations.search",
    "ModelSummary": "values.model_version",
    "ModelVersion": "values.model_version",
    "Store": "store",
    "StoreError": "errors",
    "Trial": "operations.bisect",
    "Version": "values.version",
    "Withdrawal": "values.model_version",
    "load_model": "shortcuts",
    "register_model": "shortcuts",
    "version_of": "shortcuts",
}


def __getattr__(name: str) -> Any:
    """Import what a public name needs when it is first used (PEP 562)."""
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gitmodelstore' has no attribute '{name}'")
    value = getattr(import_module(f"gitmodelstore.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
