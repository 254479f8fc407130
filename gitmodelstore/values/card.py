"""The model card: the README.md that a git host shows when a model's folder is opened.

A pure function of the manifest and of its parent's. Whoever trains a model chooses its names and
values, and others trust the page: they stand in code spans or as character references, which open
nothing in Markdown; the author's Markdown stays, without raw HTML, in a block quote, which nothing
in it can close.

Source: YAML head as in Hugging Face's modelcard.md; Markdown as in the GitHub Flavored Markdown
spec; diagram as in Mermaid's flowchart syntax.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from gitmodelstore.lean import Any
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Manifest, Step
from gitmodelstore.values.names import CODE_DIFF, PIPELINE, SAMPLE, format_moment
from gitmodelstore.values.tables import counted, difference, number

# Markdown that holds what others chose: names and values that cannot open anything in it.

WHERE = "`manifest.json`"  # where a reader finds what is cut here
_MOST_IN_CELL = 60  # characters


def fitting(items: Iterable[str], between: int, most_bytes: int) -> list[str]:
    """Return the first items for which there is room, with `between` bytes behind each."""
    shown: list[str] = []
    for item in items:
        most_bytes -= len(item.encode("utf-8")) + between
        if most_bytes < 0:
            break
        shown.append(item)
    return shown


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], count: int, most_bytes: int) -> str:
    """Return the rows for which there is room, and how many of `count` are left."""
    shown = fitting((f"| {' | '.join(row)} |" for row in rows), 1, most_bytes)
    rest = f"_… {count - len(shown):,} more in {WHERE}_"
    if not shown:
        return rest
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *shown]
    return "\n".join(lines) + (f"\n\n{rest}" if len(shown) < count else "")


def listed(items: Iterable[str], count: int, most_bytes: int) -> str:
    """Return the items for which there is room, and how many of `count` are left."""
    shown = fitting(items, 2, most_bytes)
    rest = [f"… {count - len(shown):,} more in {WHERE}"] if len(shown) < count else []
    return ", ".join([*shown, *rest])


def folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def quote(markdown: str, most_bytes: int) -> str:
    """The author's Markdown in a block quote, which ends where we say, open fences or not."""
    text, rest = cut_bytes(markdown.strip("\n"), most_bytes)
    # "<" before one of these opens a tag, a comment or a processing instruction.
    safe = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)
    quote = "\n".join(f"> {line}".rstrip() for line in safe.split("\n"))
    return f"{quote}\n\n_… {rest:,} more characters in {WHERE}_" if rest else quote


def cut_bytes(text: str, most_bytes: int) -> tuple[str, int]:
    """As much of `text` as fits, in whole lines where there are any, and how much is left."""
    if len(text.encode("utf-8")) <= most_bytes:
        return text, 0
    kept = text.encode("utf-8")[:most_bytes].decode("utf-8", "ignore")
    lines = kept.rpartition("\n")[0]
    kept = lines if len(lines) > len(kept) // 2 else kept
    return kept, len(text) - len(kept)


def code_span(text: str) -> str:
    """A name or a value on one line, as it is, whatever it holds."""
    shown = cut(text, _MOST_IN_CELL)
    if not shown:
        return '""'
    # A code span knows no escapes, and hosts disagree about bars and backslashes in tables.
    return plain(text) if re.search(r"[`|\\]", shown) else f"`{shown}`"


def plain(text: str) -> str:
    """A text on one line in which no character means anything to Markdown or HTML."""
    return re.sub(
        r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|([&<>\[\]{}*_`|\\#!~$:^])",
        lambda match: f"&#{ord(match[1])};" if match[1] else match[0],
        cut(text, _MOST_IN_CELL),
    )


def cut(text: str, most: int) -> str:
    """`text` on one line of at most `most` characters."""
    line = " ".join(text[: 10 * most].split())
    whole = len(line) <= most and len(text) <= 10 * most
    return line if whole else f"{line[: most - 1]}…"


_AS_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def value(value: Any) -> str:
    """A JSON value on one line; text without its quotes."""
    if isinstance(value, str):
        return value
    return _AS_JSON(value)


MOST_BYTES = 10_000

# The share of their room, in percent, that the sections get until the whole fits.
_SHARES = (100, 80, 60, 45, 30, 20, 10, 5, 0)


def render_card(manifest: Manifest, parent: Manifest | None) -> bytes:
    """Return a model folder's README.md, at most 10,000 bytes; metrics beside `parent`'s."""
    return next(
        card
        for share in _SHARES
        if len(card := _card(manifest, parent, share)) <= MOST_BYTES or share == 0
    )


def _card(manifest: Manifest, parent: Manifest | None, share: int) -> bytes:
    def room(size_bytes: int) -> int:
        return size_bytes * share // 100

    parts = (
        _head(manifest),
        _title(manifest),
        quote(manifest.message, room(800)) if manifest.message.strip() else "",
        "```python\nimport gitmodelstore as gms\n\n"
        f'model = gms.load_model("{manifest.model}@{manifest.version}")\n```',
        _stated("Intended use", manifest.card.intended_use, room(1500)),
        _stated("Limitations", manifest.card.limitations, room(1500)),
        _metrics(manifest, parent, room(1200)),
        _diagram(manifest, room(2000)),
        _inputs(manifest, room(1200)),
        _outputs(manifest, room(500)),
        _params(manifest, room(1000), room(1500)),
        _data(manifest, room(1000)),
        _code(manifest),
        _environment(manifest, room(1000)),
        _file(manifest),
        _own_sections(manifest, room(2500)),
    )
    return ("\n\n".join(part for part in parts if part) + "\n").encode("utf-8")


def _head(manifest: Manifest) -> str:
    """The YAML that Hugging Face reads."""
    tag = _pipeline_tag(manifest)
    task = tag or manifest.pipeline.task
    licence = manifest.custom.get("license")
    lines = ["---", "library_name: sklearn", f"model_name: {_yaml(manifest.model)}"]
    if isinstance(licence, str) and re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,40}", licence):
        lines.append(f"license: {_yaml(licence)}")
    if tag:
        lines.append(f"pipeline_tag: {tag}")
    lines += ["tags:", "- sklearn", "- gitmodelstore"]
    if task:
        lines.append(f"- {_yaml(task[:60])}")
    return "\n".join([*lines, *_model_index(manifest, tag), "---"])


def _pipeline_tag(manifest: Manifest) -> str | None:
    """The task as Hugging Face names it; None when it has no name for it."""
    task = manifest.pipeline.task
    if task not in ("classification", "regression"):
        return None
    if not _reads_text(manifest):
        return f"tabular-{task}"
    return "text-classification" if task == "classification" else None


def _reads_text(manifest: Manifest) -> bool:
    """Whether the whole input goes through one of scikit-learn's text vectorizers first."""
    steps = manifest.pipeline.steps
    while steps and steps[0].columns is None:
        if steps[0].class_name.startswith("sklearn.feature_extraction.text."):
            return True
        steps = steps[0].steps
    return False


# Hugging Face's identifiers, where ours differ (hf.co/metrics).
_METRIC_TYPES = {"f1_macro": "f1", "r2": "r_squared"}


def _model_index(manifest: Manifest, tag: str | None) -> Iterator[str]:
    """The metrics for machines: only with a task and the test data that the format requires."""
    test = manifest.dataset("test")
    if tag is None or test is None or not manifest.metrics:
        return
    name = (test.name or "test data")[:60]
    identifier = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "test"
    yield "model-index:"
    yield f"- name: {_yaml(manifest.model)}"
    yield "  results:"
    yield f"  - task:\n      type: {tag}"
    yield f"    dataset:\n      name: {_yaml(name)}\n      type: {_yaml(identifier)}"
    yield "    metrics:"
    for metric, value in sorted(manifest.metrics.items())[:6]:
        yield f"    - name: {_yaml(metric)}"
        yield f"      type: {_yaml(_METRIC_TYPES.get(metric, metric))}"
        yield f"      value: {_yaml_number(value)}"


def _yaml(text: str) -> str:
    """A string in quotes that JSON and YAML read alike."""
    return re.sub(
        r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
        lambda match: f"\\u{ord(match[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


def _yaml_number(value: float) -> str:
    # YAML 1.1 reads a number with an exponent only with a point in it.
    text = json.dumps(value)
    return text if "." in text or "e" not in text else text.replace("e", ".0e")


def _title(manifest: Manifest) -> str:
    kind = code_span(manifest.pipeline.algorithm)
    task = f" for {manifest.pipeline.task[:60]}" if manifest.pipeline.task else ""
    after = f", after {manifest.parent}" if manifest.parent else ", the first version"
    trained, registered = map(format_moment, (manifest.trained_at, manifest.created_at))
    return (
        f"# {manifest.model} {manifest.version}\n\n"
        f"{kind}{task}{after}. Trained {trained},\n"
        f"registered {registered} by {plain(manifest.author)}."
    )


def _stated(heading: str, text: str | None, most_bytes: int) -> str:
    if text is None or not text.strip():
        return f"## {heading}\n\n_Not stated._"
    return f"## {heading}\n\n{quote(text, most_bytes)}"


def _metrics(manifest: Manifest, parent: Manifest | None, most_bytes: int) -> str:
    before = parent.metrics if parent else {}
    names = sorted({*manifest.metrics, *before})
    if not names:
        return "## Metrics\n\n_None recorded._"
    columns: dict[str, Mapping[str, float]] = {str(manifest.version): manifest.metrics}
    if parent:
        columns |= {str(parent.version): before, "difference": {}}
    if manifest.baseline:
        columns[f"production {manifest.baseline.version}, same rows"] = manifest.baseline.metrics

    def cell(heading: str, name: str) -> str:
        if heading == "difference" and name in manifest.metrics and name in before:
            return difference(manifest.metrics[name], before[name])
        return number(columns[heading][name]) if name in columns[heading] else "–"

    rows = ([code_span(name), *(cell(heading, name) for heading in columns)] for name in names)
    parts = ["## Metrics", table(["metric", *columns], rows, len(names), most_bytes)]
    now, then = manifest.dataset("test"), parent.dataset("test") if parent else None
    if parent and now and then and now.digest != then.digest:
        parts.append(f"_{parent.version} was measured on different test data._")
    return "\n\n".join(parts)


def _diagram(manifest: Manifest, most_bytes: int) -> str:
    facts = manifest.pipeline
    steps = facts.steps or (Step(facts.algorithm, facts.class_name, None, ()),)
    drawing = _Drawing(most_bytes)
    ends = drawing.draw(steps, facts.class_name, "  ")
    inputs = "input" if manifest.features is None else counted(len(manifest.features), "column")
    drawing.edges += [f"  input --> {first}" for first in ends[0]]
    drawing.edges += [f"  {last} --> output" for last in ends[1]]
    lines = [
        "flowchart TB",
        f'  input(["{inputs}"])',
        *drawing.nodes,
        f'  output(["{_label(manifest.target or "prediction")}"])',
        *drawing.edges,
    ]
    return "\n".join(["## Pipeline\n", "```mermaid", *lines, "```"])


class _Drawing:
    """A flowchart in the making: each part a box, each part with parts a frame around them."""

    def __init__(self, most_bytes: int) -> None:
        self.nodes: list[str] = []
        self.edges: list[str] = []
        self._left = most_bytes
        self._boxes = 0

    def draw(
        self, steps: Sequence[Step], class_name: str, indent: str
    ) -> tuple[list[str], list[str]]:
        """Draw the steps of a class; return the boxes to which the way in leads, and out."""
        boxes: list[str] = []
        for index, step in enumerate(steps):
            if self._left <= 0:
                boxes.append(self._box(f"… {len(steps) - index} more", indent))
                break
            boxes.append(self._step(step, indent))
        if not class_name.endswith("Pipeline"):  # the parts stand side by side
            return boxes, boxes
        self.edges += [f"  {one} --> {next_}" for one, next_ in pairwise(boxes)]
        return boxes[:1], boxes[-1:]

    def _step(self, step: Step, indent: str) -> str:
        if not step.steps:
            return self._box(_step_label(step), indent)
        name = self._box(_step_label(step), f"{indent}subgraph ")
        self.draw(step.steps, step.class_name, indent + "  ")
        self._write(f"{indent}end")
        return name

    def _box(self, label: str, indent: str) -> str:
        self._boxes += 1
        name = f"n{self._boxes}"
        self._write(f'{indent}{name}["{label}"]')
        return name

    def _write(self, line: str) -> None:
        self.nodes.append(line)
        self._left -= len(line.encode("utf-8")) + len("\n  n10 --> n11")


def _step_label(step: Step) -> str:
    lines = [_label(step.name), _label(step.class_name.rpartition(".")[2])]
    if step.columns is not None:
        more = f", … {len(step.columns) - 3} more" if len(step.columns) > 3 else ""
        names = ", ".join(_label(str(column), 24) for column in step.columns[:3])
        lines.append((names + more) or "no columns")
    return "<br/>".join(dict.fromkeys(lines))


def _label(text: str, most: int = 40) -> str:
    """`text` for the inside of a quoted Mermaid label; odd characters become entity codes."""
    # Quotes and brackets end labels, Markdown in them is interpreted ("1. x" is refused as a list),
    # and "style…:…#…;" on one line loses its last character.
    return re.sub(
        r"(?<=[A-Za-z0-9])[_.-](?=[A-Za-z0-9])|([^\w ]|_)",
        lambda match: f"#{ord(match[1])};" if match[1] else match[0],
        cut(text, most) or "–",
    )


def _inputs(manifest: Manifest, most_bytes: int) -> str:
    features = manifest.features
    if features is None:
        return "## Inputs\n\n_Unknown: the pipeline was fitted on data without column names._"
    rows = (
        [
            f"_column {index}_" if feature.name is None else code_span(feature.name),
            code_span(feature.dtype) if feature.dtype else "–",
        ]
        for index, feature in enumerate(features)
    )
    return "## Inputs\n\n" + table(["name", "type"], rows, len(features), most_bytes)


def _outputs(manifest: Manifest, most_bytes: int) -> str:
    classes = manifest.pipeline.classes
    lines = [
        f"- target: {code_span(manifest.target) if manifest.target else 'not named'}",
        f"- task: {manifest.pipeline.task[:60] if manifest.pipeline.task else 'unknown'}",
    ]
    if classes is not None:
        spans = (code_span(value(label)) for label in classes)
        lines.append(f"- classes: {listed(spans, len(classes), most_bytes)}")
    return "## Outputs\n\n" + "\n".join(lines)


def _params(manifest: Manifest, most_tuned: int, most_bytes: int) -> str:
    params = manifest.pipeline.params
    tuned = sorted(set(manifest.pipeline.tuned) & set(params))
    if not params:
        return "## Parameters\n\n_None._"
    differing = "All have their default values."
    if tuned:
        table = _param_table(params, tuned, most_tuned)
        differing = f"Those that differ from their defaults:\n\n{table}"
    every = folded(
        f"All {counted(len(params), 'parameter')}", _param_table(params, sorted(params), most_bytes)
    )
    return f"## Parameters\n\n{differing}\n\n{every}"


def _param_table(params: Mapping[str, Any], names: Sequence[str], most_bytes: int) -> str:
    rows = ([code_span(name), code_span(value(params[name]))] for name in names)
    return table(["parameter", "value"], rows, len(names), most_bytes)


def _data(manifest: Manifest, most_bytes: int) -> str:
    if not manifest.data:
        return "## Data\n\n_None recorded._"
    heads = ["role", "name", "version", "rows", "digest"]
    rows = (
        [
            dataset.role,
            code_span(dataset.name) if dataset.name else "–",
            code_span(dataset.version) if dataset.version else "–",
            "–" if dataset.rows is None else f"{dataset.rows:,}",
            code_span(_short(dataset.digest)),
        ]
        for dataset in manifest.data
    )
    return "## Data\n\n" + table(heads, rows, len(manifest.data), most_bytes)


def _code(manifest: Manifest) -> str:
    code = manifest.code
    if code is None:
        return "## Code\n\n_No repository recorded._"
    address = _web_address(code.url) if code.url else None
    commit = f"`{code.commit}`" if code.commit else "none yet"
    if code.commit and address:
        commit = f"[`{code.commit[:12]}`]({address}/commit/{code.commit})"
    facts = {"repository": None if address else code.url, "branch": code.branch}
    facts["script"] = code.entry_point
    lines = [f"- commit: {commit}"]
    lines += [f"- {name}: {code_span(text)}" for name, text in facts.items() if text]
    if code.dirty:
        digest = f", digest {code_span(_short(code.diff))}" if code.diff else ""
        kept = f", kept in [{CODE_DIFF}]({CODE_DIFF})" if manifest.artifact(CODE_DIFF) else ""
        lines.append(f"- **trained with uncommitted changes**{digest}{kept}")
    return "## Code\n\n" + "\n".join(lines)


def _web_address(url: str) -> str | None:
    """The page of a repository whose remote is on an http(s) host; None for any other."""
    page = url.rstrip("/").removesuffix(".git")
    web = r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[A-Za-z0-9_.~-]+)+"
    return page if re.fullmatch(web, page) and len(page) <= 200 else None


def _environment(manifest: Manifest, most_bytes: int) -> str:
    environment = manifest.environment
    where = f"Python {environment.python[:60]} on {code_span(environment.platform)}."
    rows = ([code_span(name), code_span(pin)] for name, pin in sorted(environment.pins.items()))
    parts = ["## Environment", where]
    if environment.pins:
        shown = table(["package", "version"], rows, len(environment.pins), most_bytes)
        parts.append(folded(counted(len(environment.pins), "package"), shown))
    return "\n\n".join(parts)


def _file(manifest: Manifest) -> str:
    lines = []
    if entry := manifest.artifact(PIPELINE):
        lines = [f"`{entry.path}`: {entry.size_bytes:,} bytes, SHA-256\n`{entry.sha256}`"]
    if manifest.artifact(SAMPLE) is not None:
        command = f"gms verify {manifest.model}@{manifest.version} --replay"
        lines.append(f"\nA sample of inputs and answers is kept; replay it with `{command}`.")
    return "## File\n\n" + "\n".join(lines)


def _own_sections(manifest: Manifest, most_bytes: int) -> str:
    """What the author added, in the order of its headings."""
    sections = sorted((manifest.card.sections or {}).items())
    parts: list[str] = []
    for index, (heading, text) in enumerate(sections):
        if most_bytes < 300:  # less than a heading and a line
            parts.append(f"_… {counted(len(sections) - index, 'more section')} in {WHERE}_")
            break
        parts.append(_stated(plain(heading), text, most_bytes))
        most_bytes -= len(parts[-1].encode("utf-8"))
    return "\n\n".join(parts)


def _short(digest: Digest) -> str:
    return f"{digest.algorithm[:30]}:{digest.hex[:12]}"
