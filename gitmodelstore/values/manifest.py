"""The manifest: what one version is made of.

The value classes below are the format: `FIELDS` of each lists the keys of its
object in the order in which they are written. Cross-field rules stand in
`_relations`; everything else is the table's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, ClassVar

from gitmodelstore.errors import FormatError
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.digest import DIGEST_PATTERN, SHA256_PATTERN, Digest
from gitmodelstore.values.fields import (
    Boolean,
    Constant,
    Field,
    Free,
    Integer,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Text,
)
from gitmodelstore.values.moment import format_moment
from gitmodelstore.values.names import METRIC_PATTERN, MODEL_PATTERN
from gitmodelstore.values.version import VERSION_PATTERN, Version

SCHEMA = "1.0"
MOST_BYTES = 1024 * 1024

JsonMap = Mapping[str, Any]

_MODEL = Text(MODEL_PATTERN, "a model name")
_DIGEST = Text(DIGEST_PATTERN, "algorithm:hex")
_SHA256 = Text(SHA256_PATTERN, "64 hexadecimal digits")
_HEADING = rf"[^\n#{json_rules.HIDDEN_CLASS}][^\n{json_rules.HIDDEN_CLASS}]{{0,99}}"
_TIME_PATTERN = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)


class _Version(Text):
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


@dataclass(frozen=True, slots=True)
class Step:
    """One named part of a pipeline.

    Attributes:
        name: its name in the pipeline.
        class_name: dotted path of its class; "passthrough" or "drop" as scikit-learn spells them.
        columns: for a branch of a ColumnTransformer, the columns that it takes
            (names or positions); None elsewhere, or when they are more than 5,000.
        steps: the parts that it is made of in turn.
    """

    name: str
    class_name: str
    columns: tuple[str | int, ...] | None
    steps: tuple[Step, ...]

    FIELDS: ClassVar[tuple[Field, ...]] = ()


class _Steps(ListOf):
    """A list of steps that hold steps: a reference in the schema, since it recurs."""

    def __init__(self) -> None:
        super().__init__(Record(Step))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": "#/$defs/step"}}


Step.FIELDS = (
    Field("name", Text()),
    Field("class", Text(), attribute="class_name"),
    Field("columns", Nullable(ListOf(Free()))),
    Field("steps", _Steps()),
)


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """What the fitted pipeline is.

    Attributes:
        class_name: dotted path of its class.
        algorithm: class name of the final estimator, without the module.
        steps: its parts, nested.
        params: `get_params(deep=True)` without the estimators themselves, JSON-safe.
        tuned: names of the params that differ from their constructor's default.
        task: "classification", "regression", "clustering", "outlier-detection",
            "transformation"; None when scikit-learn does not say.
        classes: the labels of a classifier, in the order of its probabilities; one
            list an output where there are several; None elsewhere.
    """

    class_name: str
    algorithm: str
    steps: tuple[Step, ...]
    params: JsonMap
    tuned: tuple[str, ...]
    task: str | None
    classes: tuple[Any, ...] | None

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("class", Text(), attribute="class_name"),
        Field("algorithm", Text()),
        Field("steps", _Steps()),
        Field("params", MapOf(Free())),
        Field("tuned", ListOf(Text())),
        Field("task", Nullable(Text(r"[a-z]+(?:-[a-z]+)*", "a task"))),
        Field("classes", Nullable(ListOf(Free()))),
    )


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column.

    Attributes:
        name: the column's name; None where the training data had none.
        dtype: its logical type, such as "int64", "float64", "str", "category",
            "datetime64[ns, UTC]"; None when only the name is known.
    """

    name: str | None
    dtype: str | None

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("name", Nullable(Text())),
        Field("dtype", Nullable(Text())),
    )


@dataclass(frozen=True, slots=True)
class Baseline:
    """The production version of that moment, scored on the same rows.

    Attributes:
        version: which version it was.
        metrics: name to value, as in the manifest's own metrics.
    """

    version: Version
    metrics: Mapping[str, float]

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("version", _Version()),
        Field("metrics", MapOf(Number(), METRIC_PATTERN, "a metric name")),
    )


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a data set.

    Attributes:
        name: its name.
        dtype: its logical type, as in Feature.
        profile: a few summary numbers; None when it was not looked at.
    """

    name: str
    dtype: str
    profile: JsonMap | None

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("name", Text()),
        Field("dtype", Text()),
        Field("profile", Nullable(MapOf(Free()))),
    )


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set that took part.

    Attributes:
        role: what it was for: "train", "test", …
        uri: where it lay, without credentials; None for data in memory.
        name: its name without folder, version and suffix; None when unknown.
        version: the version that its file name carries; None without one.
        digest: its content.
        size_bytes: of the file, of all files of the folder, or of the values in memory.
        rows: how many; None when the file was not opened.
        columns: in order; None when the file was not opened.
    """

    role: str
    uri: str | None
    name: str | None
    version: str | None
    digest: Digest
    size_bytes: int
    rows: int | None
    columns: tuple[Column, ...] | None

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("role", Text(r"[a-z][a-z0-9_-]{0,62}", "a role such as 'train'")),
        Field("uri", Nullable(Text())),
        Field("name", Nullable(Text())),
        Field("version", Nullable(Text())),
        Field("digest", _DigestText()),
        Field("size_bytes", Integer()),
        Field("rows", Nullable(Integer())),
        Field("columns", Nullable(ListOf(Record(Column)))),
    )


@dataclass(frozen=True, slots=True)
class Code:
    """The repository around the training script.

    Attributes:
        url: of its remote, without credentials; None without a remote.
        commit: checked out at that moment; None before the first commit.
        branch: None on a detached head.
        dirty: whether the sources differed from the commit.
        diff: digest of that difference; None when clean.
        entry_point: the script, relative to the repository; None when unknown.
    """

    url: str | None
    commit: str | None
    branch: str | None
    dirty: bool
    diff: Digest | None
    entry_point: str | None

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("url", Nullable(Text())),
        Field("commit", Nullable(Text(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", "a commit id"))),
        Field("branch", Nullable(Text())),
        Field("dirty", Boolean()),
        Field("diff", Nullable(_DigestText())),
        Field("entry_point", Nullable(Text())),
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """What was installed.

    Attributes:
        python: version, as "3.11.7".
        platform: system and machine, as "linux-x86_64".
        pins: distribution to exact version, for what the pipeline needs.
        digest: of environment.txt.
    """

    python: str
    platform: str
    pins: Mapping[str, str]
    digest: Digest

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("python", Text(r"[0-9]+\.[0-9]+\.[0-9A-Za-z.+]+", "a Python version")),
        Field("platform", Text()),
        Field("pins", MapOf(Text(), r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "a normalized name")),
        Field("digest", _DigestText()),
    )


@dataclass(frozen=True, slots=True)
class Card:
    """What only people know; the rest of the model card is derived.

    Attributes:
        intended_use: None when nobody has said.
        limitations: None when nobody has said.
        sections: further headings and their Markdown.
    """

    intended_use: str | None = None
    limitations: str | None = None
    sections: Mapping[str, str] | None = None

    KEYS: ClassVar[tuple[str, ...]] = ("intended_use", "limitations")
    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("intended_use", Nullable(Text())),
        Field("limitations", Nullable(Text())),
        Field("sections", Nullable(MapOf(Text(), _HEADING, "a heading"))),
    )


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of the version.

    Attributes:
        path: its name in the model's folder.
        sha256: of its content, 64 hexadecimal digits.
        size_bytes: of its content.
        globals: for the pipeline, the dotted names that loading it looks up; None elsewhere.
    """

    path: str
    sha256: str
    size_bytes: int
    globals: tuple[str, ...] | None = None

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("path", Text(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", "a file name")),
        Field("sha256", _SHA256),
        Field("size_bytes", Integer()),
        Field("globals", ListOf(Text()), required=False),
    )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one version is made of; immutable, and canonical as bytes.

    Attributes:
        model, version: which version this is.
        parent: the highest version below it when it was registered; None for the first.
        created_at: when it was registered (UTC, whole seconds).
        trained_at: when it was trained, as far as known (UTC, whole seconds).
        author: who registered it, as "Name <email>".
        message: what the author said about it; may be empty.
        pipeline: what it is.
        features: its input columns in order; None when unknown.
        target: name of the column that it predicts; None when unknown.
        metrics: name to finite number.
        baseline: the production version of that moment on the same rows; None unless asked for.
        data: the data sets that took part.
        code: the repository around the training script; None without one.
        environment: what was installed.
        card: what only people know.
        artifacts: every other file of the folder but README.md.
        custom: the team's own JSON.
    """

    model: str
    version: Version
    parent: Version | None
    created_at: datetime
    trained_at: datetime
    author: str
    message: str
    pipeline: PipelineFacts
    features: tuple[Feature, ...] | None
    target: str | None
    metrics: Mapping[str, float]
    baseline: Baseline | None
    data: tuple[Dataset, ...]
    code: Code | None
    environment: Environment
    card: Card
    artifacts: tuple[Artifact, ...]
    custom: JsonMap
    schema: str = SCHEMA
    _judged: bool = field(default=False, repr=False, compare=False)  # by `parse`, already
    _written: JsonMap = field(init=False, repr=False, compare=False)

    FIELDS: ClassVar[tuple[Field, ...]] = (
        Field("schema", Constant(SCHEMA)),
        Field("model", _MODEL),
        Field("version", _Version()),
        Field("parent", Nullable(_Version())),
        Field("created_at", _Time()),
        Field("trained_at", _Time()),
        Field("author", Text()),
        Field("message", Text()),
        Field("pipeline", Record(PipelineFacts)),
        Field("features", Nullable(ListOf(Record(Feature)))),
        Field("target", Nullable(Text())),
        Field("metrics", MapOf(Number(), METRIC_PATTERN, "a metric name")),
        Field("baseline", Nullable(Record(Baseline))),
        Field("data", ListOf(Record(Dataset))),
        Field("code", Nullable(Record(Code))),
        Field("environment", Record(Environment)),
        Field("card", Record(Card)),
        Field("artifacts", ListOf(Record(Artifact))),
        Field("custom", MapOf(Free())),
    )

    def __post_init__(self) -> None:
        written = fields.write(self)
        object.__setattr__(self, "_written", written)
        if self._judged:
            return
        found = [*_lost_when_written(self), *_all_faults(written)]
        if json_rules.nests_too_deep(written):
            found.append(("", f"nested more than {json_rules.MOST_LEVELS} deep"))
        if found:
            raise FormatError(path=f"manifest of {self.model} {self.version}", found=found)

    @classmethod
    def parse(cls, data: bytes, path: str = "manifest.json") -> Manifest:
        """Return the manifest that the bytes of a manifest.json spell.

        Args:
            data: the bytes of the file.
            path: its name, for the error.

        Raises:
            FormatError: not strict JSON, of another schema, with faults (all of
                them are listed), or not in canonical form.
        """
        value = json_rules.parse(data, path, most_bytes=MOST_BYTES)
        _refuse_other_schema(value, path)
        found = list(_all_faults(value))
        if found:
            raise FormatError(path=path, found=found)
        manifest = fields.read(cls, value, _judged=True)
        if manifest.render() != data:
            raise FormatError("not in canonical form", path=path)
        return manifest

    def render(self) -> bytes:
        """Return the bytes of manifest.json.

        Raises:
            FormatError: they are more than a manifest may have.
        """
        data = json_rules.dump(self._written)
        if len(data) > MOST_BYTES:
            size = f"{len(data)} bytes, more than {MOST_BYTES}"
            raise FormatError(
                f"manifest of {self.model} {self.version}: {size}",
                hint="keep large tables in a file of the data, not in the manifest",
            )
        return data

    def artifact(self, path: str) -> Artifact | None:
        """Return the entry of the file `path`, None without one."""
        return next((entry for entry in self.artifacts if entry.path == path), None)

    def dataset(self, role: str) -> Dataset | None:
        """Return the first data set of that role, None without one."""
        return next((entry for entry in self.data if entry.role == role), None)


def manifest_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of manifest.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitmodelstore manifest, schema {SCHEMA}",
        **fields.json_schema(Manifest),
        "$defs": {"json": fields.FREE_DEFINITION, "step": fields.json_schema(Step)},
    }


def _lost_when_written(manifest: Manifest) -> Iterator[fields.Fault]:
    """Times of which the file would keep less than the value holds."""
    for key in ("created_at", "trained_at"):
        moment = getattr(manifest, key)
        if moment.tzinfo is None or moment.microsecond:
            yield key, f"expected whole seconds with a time zone, found {moment.isoformat()}"


def _all_faults(value: Any) -> Iterator[fields.Fault]:
    found = list(fields.faults(Manifest, value))
    yield from found
    if not found:
        yield from _relations(value)


def _relations(value: JsonMap) -> Iterator[fields.Fault]:
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


def _refuse_other_schema(value: Any, path: str) -> None:
    schema = value.get("schema") if isinstance(value, dict) else None
    if isinstance(schema, str) and schema != SCHEMA:
        raise FormatError(
            f"schema {schema!r}, this gitmodelstore reads {SCHEMA!r}",
            path=path,
            hint="upgrade gitmodelstore to read it",
        )
