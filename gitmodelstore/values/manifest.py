"""The manifest: what one version is made of.

The value classes below say what each field means; which keys an object has, in which
order and of which kind, and what holds between them, is `values/manifest_rules.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from gitmodelstore.errors import FormatError
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import Digest, Field
from gitmodelstore.values.manifest_rules import (
    ARTIFACT,
    BASELINE,
    CARD,
    CODE,
    COLUMN,
    DATASET,
    DOCUMENT,
    ENVIRONMENT,
    FEATURE,
    MANIFEST,
    MOST_BYTES,
    PIPELINE,
    SCHEMA,
    STEP,
)
from gitmodelstore.values.version import Version

__all__ = ["MOST_BYTES", "SCHEMA"]

JsonMap = Mapping[str, Any]


@STEP.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = STEP.FIELDS


@PIPELINE.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = PIPELINE.FIELDS


@FEATURE.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = FEATURE.FIELDS


@BASELINE.of
@dataclass(frozen=True, slots=True)
class Baseline:
    """The production version of that moment, scored on the same rows.

    Attributes:
        version: which version it was.
        metrics: name to value, as in the manifest's own metrics.
    """

    version: Version
    metrics: Mapping[str, float]

    FIELDS: ClassVar[tuple[Field, ...]] = BASELINE.FIELDS


@COLUMN.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = COLUMN.FIELDS


@DATASET.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = DATASET.FIELDS


@CODE.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = CODE.FIELDS


@ENVIRONMENT.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = ENVIRONMENT.FIELDS


@CARD.of
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
    FIELDS: ClassVar[tuple[Field, ...]] = CARD.FIELDS


@ARTIFACT.of
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

    FIELDS: ClassVar[tuple[Field, ...]] = ARTIFACT.FIELDS


@MANIFEST.of
@dataclass(frozen=True, slots=True)
class Manifest:
    """What one version is made of; immutable, and canonical as bytes.

    >>> manifest = store.show("churn@production")
    >>> manifest.model, str(manifest.parent), manifest.pipeline.task
    ('churn', '1.0.0', 'classification')

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
    judged: InitVar[JsonMap | None] = None  # the document, where `parse` has judged it
    _written: JsonMap = field(init=False, repr=False, compare=False)

    FIELDS: ClassVar[tuple[Field, ...]] = MANIFEST.FIELDS

    def __post_init__(self, judged: JsonMap | None) -> None:
        if judged is not None:
            object.__setattr__(self, "_written", judged)
            return
        written = fields.write(self)
        object.__setattr__(self, "_written", written)
        found = [*_lost_when_written(self), *DOCUMENT.faults(written)]
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
        value = DOCUMENT.read(data, path)
        return fields.read(cls, value, judged=value)

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
        **fields.json_schema(MANIFEST),
        "$defs": {"json": fields.FREE_DEFINITION, "step": fields.json_schema(STEP)},
    }


def _lost_when_written(manifest: Manifest) -> Iterator[fields.Fault]:
    """Times of which the file would keep less than the value holds."""
    for key in ("created_at", "trained_at"):
        moment = getattr(manifest, key)
        if moment.tzinfo is None or moment.microsecond:
            yield key, f"expected whole seconds with a time zone, found {moment.isoformat()}"


# What a manifest that somebody wrote or edited by hand says, as far as it can be read.


# These are made anew in any case, so that nobody misses them.
_RENEWED = ("schema", "model", "version", "parent", "created_at", "author")


@dataclass(frozen=True, slots=True)
class Claims:
    """The readable part of a manifest.

    Attributes:
        held: attribute of `Manifest` to its value, for each key that can be read.
        left_out: what could not be, a line each, as "metrics.auc: expected a finite number".
    """

    held: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return what the manifest says under the name of an attribute."""
        return self.held.get(name, otherwise)

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 that the manifest names for a file, None where it names none."""
        return next((a.sha256 for a in self.get("artifacts", ()) if a.path == path), None)


def read_claims(data: bytes, path: str) -> Claims:
    """Return what the bytes of a manifest.json say, as far as they can be read.

    Args:
        data: the bytes of the file.
        path: its name, for what is left out.
    """
    try:
        value, said = json_rules.parse(data, path, most_bytes=MOST_BYTES), []
    except FormatError as error:
        value, said = _lenient(data), [str(error)]
    if not isinstance(value, dict):
        return Claims(left_out=tuple(said or [f"{path}: expected an object"]))
    held = {}
    for one in Manifest.FIELDS:
        if one.name not in value:
            continue
        found = list(one.kind.faults(value[one.name], one.name))
        if not found:
            try:
                held[one.of_class] = one.kind.read(value[one.name])
                continue
            except ValueError:  # a day that no calendar has
                found = [(one.name, f"no day of the calendar: {value[one.name]}")]
        if one.name not in _RENEWED:
            said += [f"{path}: {where}: {what}" for where, what in found]
    known = {one.name for one in Manifest.FIELDS}
    said += [
        f"{path}: {json_rules.join('', key)}: unknown key" for key in value if key not in known
    ]
    return Claims(held, tuple(said))


def _lenient(data: bytes) -> Any:
    """Return what Python's own parser makes of it: the last of two keys, NaN; None for no JSON."""
    if len(data) > MOST_BYTES:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
