"""What manifest.json must be: its declared fields, and the rules between them.

Nothing here builds a value, so that a hook judges a manifest without importing what
values are made of. The value classes, `values/manifest.py`, say what each field means.
"""

from __future__ import annotations

from datetime import datetime, timezone

from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import (
    DIGEST_PATTERN,
    SHA256_PATTERN,
    Boolean,
    Constant,
    Digest,
    Document,
    Field,
    Free,
    Integer,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Shape,
    Text,
)
from gitmodelstore.values.names import METRIC_PATTERN, MODEL_PATTERN, format_moment
from gitmodelstore.values.version import VERSION_PATTERN, Version

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

SCHEMA = "1.0"
MOST_BYTES = 1024 * 1024

_MODEL = Text(MODEL_PATTERN, "a model name")
_DIGEST = Text(DIGEST_PATTERN, "algorithm:hex")
_SHA256 = Text(SHA256_PATTERN, "64 hexadecimal digits")
_HEADING = rf"[^\n#{json_rules.HIDDEN_CLASS}][^\n{json_rules.HIDDEN_CLASS}]{{0,99}}"
_TIME_PATTERN = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)


class VersionText(Text):
    """A SemVer version, read as a `Version`."""

    def __init__(self) -> None:
        super().__init__(VERSION_PATTERN, "a SemVer version")

    def read(self, value: Any) -> Any:
        return Version.parse(value)

    def write(self, value: Any) -> Any:
        return str(value)


class _DigestText(Text):
    def __init__(self) -> None:
        super().__init__(DIGEST_PATTERN, "algorithm:hex")

    def read(self, value: Any) -> Any:
        return Digest.parse(value)

    def write(self, value: Any) -> Any:
        return str(value)


class _Time(Text):
    """A second of UTC, as 2026-03-03T14:05:09Z."""

    def __init__(self) -> None:
        super().__init__(_TIME_PATTERN, "a time as 2026-03-03T14:05:09Z")

    def read(self, value: Any) -> Any:
        # strptime would import two modules more, which a hook would feel.
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=timezone.utc)

    def write(self, value: Any) -> Any:
        return format_moment(value)


class _Steps(ListOf):
    """A list of steps that hold steps: a reference in the schema, since it recurs."""

    def __init__(self) -> None:
        super().__init__(Record(STEP))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": "#/$defs/step"}}


STEP = Shape()
STEP.FIELDS = (
    Field("name", Text()),
    Field("class", Text(), attribute="class_name"),
    Field("columns", Nullable(ListOf(Free()))),
    Field("steps", _Steps()),
)
PIPELINE = Shape(
    Field("class", Text(), attribute="class_name"),
    Field("algorithm", Text()),
    Field("steps", _Steps()),
    Field("params", MapOf(Free())),
    Field("tuned", ListOf(Text())),
    Field("task", Nullable(Text(r"[a-z]+(?:-[a-z]+)*", "a task"))),
    Field("classes", Nullable(ListOf(Free()))),
)
FEATURE = Shape(
    Field("name", Nullable(Text())),
    Field("dtype", Nullable(Text())),
)
BASELINE = Shape(
    Field("version", VersionText()),
    Field("metrics", MapOf(Number(), METRIC_PATTERN, "a metric name")),
)
COLUMN = Shape(
    Field("name", Text()),
    Field("dtype", Text()),
    Field("profile", Nullable(MapOf(Free()))),
)
DATASET = Shape(
    Field("role", Text(r"[a-z][a-z0-9_-]{0,62}", "a role such as 'train'")),
    Field("uri", Nullable(Text())),
    Field("name", Nullable(Text())),
    Field("version", Nullable(Text())),
    Field("digest", _DigestText()),
    Field("size_bytes", Integer()),
    Field("rows", Nullable(Integer())),
    Field("columns", Nullable(ListOf(Record(COLUMN)))),
)
CODE = Shape(
    Field("url", Nullable(Text())),
    Field("commit", Nullable(Text(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", "a commit id"))),
    Field("branch", Nullable(Text())),
    Field("dirty", Boolean()),
    Field("diff", Nullable(_DigestText())),
    Field("entry_point", Nullable(Text())),
)
ENVIRONMENT = Shape(
    Field("python", Text(r"[0-9]+\.[0-9]+\.[0-9A-Za-z.+]+", "a Python version")),
    Field("platform", Text()),
    Field("pins", MapOf(Text(), r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "a normalized name")),
    Field("digest", _DigestText()),
)
CARD = Shape(
    Field("intended_use", Nullable(Text())),
    Field("limitations", Nullable(Text())),
    Field("sections", Nullable(MapOf(Text(), _HEADING, "a heading"))),
)
ARTIFACT = Shape(
    Field("path", Text(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", "a file name")),
    Field("sha256", _SHA256),
    Field("size_bytes", Integer()),
    Field("globals", ListOf(Text()), required=False),
)
MANIFEST = Shape(
    Field("schema", Constant(SCHEMA)),
    Field("model", _MODEL),
    Field("version", VersionText()),
    Field("parent", Nullable(VersionText())),
    Field("created_at", _Time()),
    Field("trained_at", _Time()),
    Field("author", Text()),
    Field("message", Text()),
    Field("pipeline", Record(PIPELINE)),
    Field("features", Nullable(ListOf(Record(FEATURE)))),
    Field("target", Nullable(Text())),
    Field("metrics", MapOf(Number(), METRIC_PATTERN, "a metric name")),
    Field("baseline", Nullable(Record(BASELINE))),
    Field("data", ListOf(Record(DATASET))),
    Field("code", Nullable(Record(CODE))),
    Field("environment", Record(ENVIRONMENT)),
    Field("card", Record(CARD)),
    Field("artifacts", ListOf(Record(ARTIFACT))),
    Field("custom", MapOf(Free())),
)


class Outline:
    """What a check must know of a manifest that is judged: as the `Manifest` has it.

    Attributes:
        model, version, parent: its identity.
        artifacts: every other file of the folder but README.md.
    """

    __slots__ = ("artifacts", "model", "parent", "version")

    def __init__(self, judged: Mapping[str, Any]) -> None:
        self.model: str = judged["model"]
        self.version = Version.parse(judged["version"])
        self.parent = Version.parse(judged["parent"]) if judged["parent"] is not None else None
        self.artifacts = tuple(map(ListedFile, judged["artifacts"]))

    @classmethod
    def parse(cls, data: bytes, path: str = "manifest.json") -> Outline:
        """Return the outline of what the bytes of a manifest.json spell; as `Manifest.parse`."""
        return cls(DOCUMENT.read(data, path))

    def artifact(self, path: str) -> ListedFile | None:
        """Return the entry of the file `path`, None without one."""
        return next((entry for entry in self.artifacts if entry.path == path), None)


class ListedFile:
    """One file of the version: path, SHA-256 and size in bytes."""

    __slots__ = ("path", "sha256", "size_bytes")

    def __init__(self, judged: Mapping[str, Any]) -> None:
        self.path: str = judged["path"]
        self.sha256: str = judged["sha256"]
        self.size_bytes: int = judged["size_bytes"]


def _relations(value: Mapping[str, Any]) -> Iterator[fields.Fault]:
    """Rules between fields, which a table of single fields cannot say."""
    for key in ("created_at", "trained_at"):
        try:
            datetime.fromisoformat(value[key].removesuffix("Z"))
        except ValueError:
            yield key, f"{value[key]} is no day of the calendar"
    if value["parent"] is not None and not (
        Version.parse(value["parent"]) < Version.parse(value["version"])
    ):
        yield "parent", f"{value['parent']} is not below {value['version']}"
    paths: set[str] = set()
    for index, entry in enumerate(value["artifacts"]):
        if entry["path"] in paths:
            yield f"artifacts[{index}].path", f"{entry['path']!r} stands twice"
        paths.add(entry["path"])
    if "pipeline.joblib" not in paths:
        yield "artifacts", "no entry for 'pipeline.joblib'"
    code = value["code"]
    if code is not None and code["diff"] is not None and not code["dirty"]:
        yield "code.diff", "a digest of changes, but dirty is false"


DOCUMENT = Document(MANIFEST, SCHEMA, MOST_BYTES, _relations)
