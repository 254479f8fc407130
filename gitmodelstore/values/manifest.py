"""The manifest: what one version is made of, and what manifest.json must be."""
# A hook judges by these classes: nothing here imports typing.

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone

from gitmodelstore.errors import FormatError
from gitmodelstore.lean import TYPE_CHECKING, dataclass, field
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import (
    DIGEST_PATTERN,
    SHA256,
    Boolean,
    Constant,
    Digest,
    Document,
    Free,
    Integer,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Text,
    declared,
    is_digest,
    is_file_name,
    is_identifier,
    is_package,
    record,
)
from gitmodelstore.values.names import (
    METRIC_PATTERN,
    MODEL_PATTERN,
    VERSION_PATTERN,
    Version,
    format_moment,
    is_plain_model,
    is_plain_version,
    is_word,
)

if TYPE_CHECKING:
    from dataclasses import InitVar
    from typing import Any

    from gitmodelstore.values.fields import Fault

    JsonMap = Mapping[str, Any]

SCHEMA = "1.0"
MOST_BYTES = 1024 * 1024

_HEADING = rf"[^\n#{json_rules.HIDDEN_CLASS}][^\n{json_rules.HIDDEN_CLASS}]{{0,99}}"
_TIME_PATTERN = (
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
)


class _AsText(Text):
    """A value that stands in the document as its text."""

    def __init__(
        self,
        pattern: str,
        what: str,
        read: Callable[[str], Any],
        is_plain: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(pattern, what, is_plain)
        self._parse = read

    def read(self, value: Any) -> Any:
        return self._parse(value)

    def write(self, value: Any) -> Any:
        return format_moment(value) if isinstance(value, datetime) else str(value)


def _second(text: str) -> datetime:
    # strptime would import two modules more, which a hook would feel.
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)


def _is_plain_time(text: str) -> bool:
    """Whether a text is a time as its pattern has it."""
    year, *parts = text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19]
    is_form = len(text) == 20 and text.isascii() and text[4::3] == "--T::Z"
    if not is_form or not "".join((year, *parts)).isdigit():
        return False
    month, day, hour, minute, second = map(int, parts)
    return 0 < month < 13 and 0 < day < 32 and hour < 24 and minute < 60 and second < 60


VERSION = _AsText(VERSION_PATTERN, "a SemVer version", Version.parse, is_plain_version)
_DIGEST = _AsText(DIGEST_PATTERN, "algorithm:hex", Digest.parse, is_digest)
_TIME = _AsText(_TIME_PATTERN, "a time as 2026-03-03T14:05:09Z", _second, _is_plain_time)
_METRICS = MapOf(Number(), METRIC_PATTERN, "a metric name", is_identifier)


class _Steps(ListOf):
    """A list of steps that hold steps: a reference in the schema, since it recurs."""

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"$ref": "#/$defs/step"}}


_STEPS = _Steps(Record(type(None)))  # until the class is there that holds some itself


@record
class Step:
    """One named part of a pipeline.

    Attributes:
        name: its name in the pipeline.
        class_name: dotted path of its class; "passthrough" or "drop" as scikit-learn spells them.
        columns: for a branch of a ColumnTransformer, the columns that it takes
            (names or positions); None elsewhere, or when they are more than 5,000.
        steps: the parts that it is made of in turn.
    """

    name: str = declared(Text())
    class_name: str = declared(Text(), key="class")
    columns: tuple[str | int, ...] | None = declared(Nullable(ListOf(Free())))
    steps: tuple[Step, ...] = declared(_STEPS)


_STEPS._kind = Record(Step)


@record
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

    class_name: str = declared(Text(), key="class")
    algorithm: str = declared(Text())
    steps: tuple[Step, ...] = declared(_STEPS)
    params: JsonMap = declared(MapOf(Free()))
    tuned: tuple[str, ...] = declared(ListOf(Text()))
    task: str | None = declared(Nullable(Text(r"[a-z]+(?:-[a-z]+)*", "a task", is_word)))
    classes: tuple[Any, ...] | None = declared(Nullable(ListOf(Free())))


@record
class Feature:
    """One input column.

    Attributes:
        name: the column's name; None where the training data had none.
        dtype: its logical type, such as "int64", "float64", "str", "category",
            "datetime64[ns, UTC]"; None when only the name is known.
    """

    name: str | None = declared(Nullable(Text()))
    dtype: str | None = declared(Nullable(Text()))


@record
class Baseline:
    """The production version of that moment, scored on the same rows.

    Attributes:
        version: which version it was.
        metrics: name to value, as in the manifest's own metrics.
    """

    version: Version = declared(VERSION)
    metrics: Mapping[str, float] = declared(_METRICS)


@record
class Column:
    """One column of a data set.

    Attributes:
        name: its name.
        dtype: its logical type, as in Feature.
        profile: a few summary numbers; None when it was not looked at.
    """

    name: str = declared(Text())
    dtype: str = declared(Text())
    profile: JsonMap | None = declared(Nullable(MapOf(Free())))


@record
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

    role: str = declared(Text(r"[a-z][a-z0-9_-]{0,62}", "a role such as 'train'", is_word))
    uri: str | None = declared(Nullable(Text()))
    name: str | None = declared(Nullable(Text()))
    version: str | None = declared(Nullable(Text()))
    digest: Digest = declared(_DIGEST)
    size_bytes: int = declared(Integer())
    rows: int | None = declared(Nullable(Integer()))
    columns: tuple[Column, ...] | None = declared(Nullable(ListOf(Record(Column))))


@record
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

    url: str | None = declared(Nullable(Text()))
    commit: str | None = declared(Nullable(Text(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", "a commit id")))
    branch: str | None = declared(Nullable(Text()))
    dirty: bool = declared(Boolean())
    diff: Digest | None = declared(Nullable(_DIGEST))
    entry_point: str | None = declared(Nullable(Text()))


@record
class Environment:
    """What was installed.

    Attributes:
        python: version, as "3.11.7".
        platform: system and machine, as "linux-x86_64".
        pins: distribution to exact version, for what the pipeline needs.
        digest: of environment.txt.
    """

    python: str = declared(
        Text(r"[0-9]+\.[0-9]+\.[0-9A-Za-z.+]+", "a Python version", is_plain_version)
    )
    platform: str = declared(Text())
    pins: Mapping[str, str] = declared(
        MapOf(Text(), r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "a normalized name", is_package)
    )
    digest: Digest = declared(_DIGEST)

    @property
    def versions(self) -> dict[str, str]:
        """Everything that is recorded: "python", "platform" and the pins."""
        return {"python": self.python, "platform": self.platform, **self.pins}


@record
class Card:
    """What only people know; the rest of the model card is derived.

    Attributes:
        intended_use: None when nobody has said.
        limitations: None when nobody has said.
        sections: further headings and their Markdown.
    """

    intended_use: str | None = declared(Nullable(Text()), default=None)
    limitations: str | None = declared(Nullable(Text()), default=None)
    sections: Mapping[str, str] | None = declared(
        Nullable(MapOf(Text(), _HEADING, "a heading")), default=None
    )

    KEYS = ("intended_use", "limitations")


@record
class Artifact:
    """One file of the version.

    Attributes:
        path: its name in the model's folder.
        sha256: of its content, 64 hexadecimal digits.
        size_bytes: of its content.
        globals: for the pipeline, the dotted names that loading it looks up; None elsewhere.
        needs_trust: those of them that readers must trust for what the pipeline holds, though
            their names alone do not say so; None for none.
    """

    path: str = declared(Text(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*", "a file name", is_file_name))
    sha256: str = declared(SHA256)
    size_bytes: int = declared(Integer())
    globals: tuple[str, ...] | None = declared(ListOf(Text()), required=False, default=None)
    needs_trust: tuple[str, ...] | None = declared(ListOf(Text()), required=False, default=None)

    def lists(self, file: Any) -> bool:
        """Whether it is the entry of a file with this SHA-256 and size."""
        return (self.sha256, self.size_bytes) == (file.sha256, file.size_bytes)


@record
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

    schema: str = declared(Constant(SCHEMA), default=SCHEMA, kw_only=True)
    model: str = declared(Text(MODEL_PATTERN, "a model name", is_plain_model))
    version: Version = declared(VERSION)
    parent: Version | None = declared(Nullable(VERSION))
    created_at: datetime = declared(_TIME)
    trained_at: datetime = declared(_TIME)
    author: str = declared(Text())
    message: str = declared(Text())
    pipeline: PipelineFacts = declared(Record(PipelineFacts))
    features: tuple[Feature, ...] | None = declared(Nullable(ListOf(Record(Feature))))
    target: str | None = declared(Nullable(Text()))
    metrics: Mapping[str, float] = declared(_METRICS)
    baseline: Baseline | None = declared(Nullable(Record(Baseline)))
    data: tuple[Dataset, ...] = declared(ListOf(Record(Dataset)))
    code: Code | None = declared(Nullable(Record(Code)))
    environment: Environment = declared(Record(Environment))
    card: Card = declared(Record(Card))
    artifacts: tuple[Artifact, ...] = declared(ListOf(Record(Artifact)))
    custom: JsonMap = declared(MapOf(Free()))
    judged: InitVar[JsonMap | None] = None  # the document, where `parse` has judged it
    _written: JsonMap = field(init=False, repr=False, compare=False)

    def __post_init__(self, judged: JsonMap | None) -> None:
        if judged is not None:
            object.__setattr__(self, "_written", judged)
            return
        written = fields.write(self)
        object.__setattr__(self, "_written", written)
        faults = [*_lost_when_written(self), *DOCUMENT.faults(written)]
        if json_rules.nests_too_deep(written):
            faults.append(("", f"nested more than {json_rules.MOST_LEVELS} deep"))
        if faults:
            raise FormatError(path=f"manifest of {self.model} {self.version}", found=faults)

    @classmethod
    def parse(cls, data: bytes, path: str = "manifest.json") -> Manifest:
        """Return the manifest that the bytes of a manifest.json spell; `path` is for the error.

        Raises:
            FormatError: not strict JSON, of another schema, with faults (all of
                them are listed), or not in canonical form.
        """
        value = DOCUMENT.read(data, path)
        return fields.read(cls, value, judged=value)

    def render(self) -> bytes:
        """Return the bytes of manifest.json; FormatError where it may not have as many."""
        data = json_rules.dump(self._written)
        if len(data) > MOST_BYTES:
            size = f"{len(data)} bytes, more than {MOST_BYTES}"
            hint = "keep large tables in a file of the data, not in the manifest"
            raise FormatError(f"manifest of {self.model} {self.version}: {size}", hint=hint)
        return data

    def __str__(self) -> str:
        """Return what `gms show` prints of it; the store knows more of the version."""
        from gitmodelstore.values.pages import manifest_page
        from gitmodelstore.values.tables import Paint, lines_of

        return "\n".join(lines_of(manifest_page(self, Paint(False))))

    def __repr__(self) -> str:
        """Return one line, as `<Manifest churn 1.2.0: LogisticRegression, 3 metrics>`."""
        from gitmodelstore.values.tables import counted, visible

        algorithm, metrics = visible(self.pipeline.algorithm), counted(len(self.metrics), "metric")
        return f"<Manifest {self.model} {self.version}: {algorithm}, {metrics}>"

    def _repr_html_(self) -> str:
        from gitmodelstore.values.pages import manifest_page
        from gitmodelstore.values.tables import NOTEBOOK, html

        return html(manifest_page(self, NOTEBOOK))

    def artifact(self, path: str) -> Artifact | None:
        """Return the entry of the file `path`, None without one."""
        return next((entry for entry in self.artifacts if entry.path == path), None)

    def dataset(self, role: str) -> Dataset | None:
        """Return the first data set of that role, None without one."""
        return next((entry for entry in self.data if entry.role == role), None)


def _relations(value: Mapping[str, Any]) -> Iterator[Fault]:
    """Rules between fields, which a table of single fields cannot say."""
    for key in ("created_at", "trained_at"):
        try:
            datetime.fromisoformat(value[key].removesuffix("Z"))
        except ValueError:
            yield key, f"{value[key]} is not a day of the calendar"
    if value["parent"] is not None and not (
        Version.parse(value["parent"]) < Version.parse(value["version"])
    ):
        yield "parent", f"{value['parent']} is not below {value['version']}"
    paths: set[str] = set()
    for index, entry in enumerate(value["artifacts"]):
        if entry["path"] in paths:
            yield f"artifacts[{index}].path", f"{entry['path']!r} appears twice"
        paths.add(entry["path"])
    if "pipeline.joblib" not in paths:
        yield "artifacts", "no entry for 'pipeline.joblib'"
    code = value["code"]
    if code is not None and code["diff"] is not None and not code["dirty"]:
        yield "code.diff", "a digest of changes, but dirty is false"


DOCUMENT = Document(Manifest, SCHEMA, MOST_BYTES, _relations)


def manifest_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of manifest.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitmodelstore manifest, schema {SCHEMA}",
        **Record(Manifest).schema(),
        "$defs": {"json": fields.FREE_DEFINITION, "step": Record(Step).schema()},
    }


def _lost_when_written(manifest: Manifest) -> Iterator[Fault]:
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
    """The readable part of a manifest."""

    values: Mapping[str, Any] = field(default_factory=dict)  # by attribute of `Manifest`
    left_out: tuple[str, ...] = ()  # what could not be read, as "metrics.auc: expected a …"

    def get(self, name: str, otherwise: Any = None) -> Any:
        """Return what the manifest says under the name of an attribute."""
        return self.values.get(name, otherwise)

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 that the manifest names for a file, None where it names none."""
        return next((a.sha256 for a in self.get("artifacts", ()) if a.path == path), None)


def read_claims(data: bytes, path: str) -> Claims:
    """Return what the bytes of a manifest.json say, as far as they can be read."""
    value, left_out = None, list[str]()
    try:
        value = json_rules.parse(data, path, most_bytes=MOST_BYTES)
    except FormatError as error:
        left_out.append(str(error))
        if len(data) <= MOST_BYTES:  # by Python's own parser: the last of two keys counts, and NaN
            with suppress(ValueError, RecursionError):
                value = json.loads(data)
    if not isinstance(value, dict):
        return Claims(left_out=tuple(left_out or [f"{path}: expected an object"]))
    claims = {}
    declared: tuple[fields.Field, ...] = Manifest.FIELDS  # type: ignore[attr-defined]
    for one in declared:
        if one.name not in value:
            continue
        faults = list(one.kind.faults(value[one.name], one.name))
        if not faults:
            try:
                claims[one.attribute] = one.kind.read(value[one.name])
                continue
            except ValueError:  # a day that no calendar has
                faults = [(one.name, f"no day of the calendar: {value[one.name]}")]
        if one.name not in _RENEWED:
            left_out += [f"{path}: {where}: {what}" for where, what in faults]
    names = {one.name for one in declared}
    left_out += [
        f"{path}: {json_rules.join('', key)}: unknown key" for key in value if key not in names
    ]
    return Claims(claims, tuple(left_out))
