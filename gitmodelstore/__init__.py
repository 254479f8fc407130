"""A Git-native model store for scikit-learn pipelines.

    import gitmodelstore as gms

    gms.register_model(pipeline, "churn", X_test=X_test, y_test=y_test)
    model = gms.load_model("churn@production")

Importing this package imports nothing but the standard library; what a call
needs is imported when the call is made. Every error and warning is a class of
`gitmodelstore.errors`.
"""

from __future__ import annotations

__version__ = "0.1.0"

# Where each public name lives; __init__.pyi tells editors and type checkers the same.
_HOMES = {
    "Annotation": "values.gates",
    "Approval": "checks.signatures",
    "Audit": "operations.audit",
    "Bisection": "operations.reproduce",
    "CannotReproduce": "errors",
    "EnvironmentReport": "operations.load",
    "EnvironmentWarning": "errors",
    "GateNotPassed": "errors",
    "IntegrityError": "errors",
    "InvalidQuery": "errors",
    "LockError": "errors",
    "PipelineRaised": "errors",
    "RefusedPickle": "errors",
    "Reproduction": "operations.reproduce",
    "SignatureError": "errors",
    "Diff": "values.diff",
    "Event": "values.events",
    "FieldChange": "operations.search",
    "Holding": "values.events",
    "Manifest": "values.manifest",
    "Match": "operations.search",
    "ModelSummary": "values.model_version",
    "ModelVersion": "values.model_version",
    "Site": "operations.site",
    "Store": "store",
    "StoreError": "errors",
    "StoreWarning": "errors",
    "Trial": "operations.reproduce",
    "Version": "values.names",
    "Withdrawal": "values.events",
    "load_model": "shortcuts",
    "register_model": "shortcuts",
    "version_of": "shortcuts",
}


__all__ = ["__version__", "errors", *_HOMES]


def __getattr__(name: str) -> object:
    """Import what a public name needs when it is first used (PEP 562)."""
    from importlib import import_module

    if name == "errors":
        return import_module("gitmodelstore.errors")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gitmodelstore' has no attribute '{name}'")
    value: object = getattr(import_module(f"gitmodelstore.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return what is public, and no more: other names may change at any time."""
    return sorted(__all__)
