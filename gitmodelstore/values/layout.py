"""Where things stand in an artifacts repository: paths, tags, fixed contents."""

from __future__ import annotations

from gitmodelstore.values.version import Version

REGISTRY = "registry.json"
SETTINGS = "modelstore.toml"
ATTRIBUTES = ".gitattributes"
MODELS = "models"
MANIFEST = "manifest.json"
PIPELINE = "pipeline.joblib"
SAMPLE = "sample.json"
REQUIREMENTS = "requirements.txt"
INSTALLED = "environment.txt"
CARD = "README.md"
CODE_DIFF = "code.diff"

# Exactly these bytes. No line ending is ever converted, whatever the reader's settings; the two
# drivers are named here and configured by init, and git falls back to its own without them.
STORE_ATTRIBUTES = b"* -text\n*.joblib diff=gitmodelstore\nregistry.json merge=gitmodelstore\n"
FOLDER_ATTRIBUTES = b"* -text\n"
FOLDER_ATTRIBUTES_LFS = b"* -text\npipeline.joblib filter=lfs diff=lfs merge=lfs -text\n"

LARGE_FILES = "lfs/objects"  # in the git directory: where git-lfs keeps its objects

FOLDER_FILES = frozenset(
    {MANIFEST, PIPELINE, SAMPLE, REQUIREMENTS, INSTALLED, CARD, ATTRIBUTES, CODE_DIFF}
)

FALSE = ("false", "no", "off", "0")  # as git reads a truth value in its configuration

CLIENT_HOOKS = ("pre-commit", "pre-push")
SERVER_HOOKS = ("pre-receive",)

NEW_SETTINGS = b"""\
# Settings and policy of this model store; they are part of its history.
schema = "1.0"

[storage]
lfs_threshold = "50 MiB"  # pipelines from this size on are Git LFS objects
"""


def folder(model: str) -> str:
    """Return the path of a model's folder in the repository."""
    return f"{MODELS}/{model}"


def tag_name(model: str, version: Version | str) -> str:
    """Return the name of a version's tag, in the format of GTO.

    >>> tag_name("churn", "1.4.0")
    'churn@v1.4.0'
    """
    return f"{model}@v{version}"


def large_file_path(sha256: str) -> str:
    """Return where git-lfs keeps the object of that SHA-256, below the git directory."""
    return f"{LARGE_FILES}/{sha256[:2]}/{sha256[2:4]}/{sha256}"
