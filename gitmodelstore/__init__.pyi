"""What editors and type checkers see of the package, which imports it when it is used."""

from gitmodelstore import errors as errors
from gitmodelstore.checks.signatures import Approval as Approval
from gitmodelstore.errors import (
    CannotReproduce as CannotReproduce,
    EnvironmentWarning as EnvironmentWarning,
    GateNotPassed as GateNotPassed,
    IntegrityError as IntegrityError,
    InvalidQuery as InvalidQuery,
    LockError as LockError,
    PipelineRaised as PipelineRaised,
    RefusedPickle as RefusedPickle,
    SignatureError as SignatureError,
    StoreError as StoreError,
    StoreWarning as StoreWarning,
)
from gitmodelstore.operations.audit import Audit as Audit
from gitmodelstore.operations.reproduce import Bisection as Bisection, Trial as Trial
from gitmodelstore.operations.search import FieldChange as FieldChange
from gitmodelstore.operations.load import EnvironmentReport as EnvironmentReport
from gitmodelstore.operations.reproduce import Reproduction as Reproduction
from gitmodelstore.operations.search import Match as Match
from gitmodelstore.operations.site import Site as Site
from gitmodelstore.shortcuts import (
    load_model as load_model,
    register_model as register_model,
    version_of as version_of,
)
from gitmodelstore.store import Store as Store
from gitmodelstore.values.gates import Annotation as Annotation
from gitmodelstore.values.diff import Diff as Diff
from gitmodelstore.values.events import Event as Event
from gitmodelstore.values.manifest import Manifest as Manifest
from gitmodelstore.values.events import Holding as Holding, Withdrawal as Withdrawal
from gitmodelstore.values.model_version import (
    ModelSummary as ModelSummary,
    ModelVersion as ModelVersion,
)
from gitmodelstore.values.names import Version as Version

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
    "Site",
    "Store",
    "StoreError",
    "StoreWarning",
    "Trial",
    "Version",
    "Withdrawal",
    "__version__",
    "errors",
    "load_model",
    "register_model",
    "version_of",
]

__version__: str
