"""The model card, as a host shows it: rendered with another implementation of Markdown."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gitmodelstore.values import fields
from gitmodelstore.values.card import MOST_BYTES, render_card
from gitmodelstore.values.manifest import Feature, Manifest, Step

from .strategies import manifests
from .test_manifest import DATASET
from .test_manifest import VALUE as PLAIN

DIGEST = "sha256:" + "ab" * 32
TEST = {**DATASET, "role": "test", "name": "test", "version": "v3"}


def step(name: str, path: str, columns: list[str] | None = None, *steps: Any) -> dict[str, Any]:
    return {"name": name, "class": f"sklearn.{path}", "columns": columns, "steps": [*steps]}


STEPS = [
    step(
        "prepare",
        "compose._column_transformer.ColumnTransformer",
        None,
        step("num", "preprocessing._data.StandardScaler", ["age", "income"]),
        step(
            "cat", "preprocessing._encoders.OneHotEncoder", ["city", "job", "plan", "sex", "source"]
        ),
    ),
    step("clf", "linear_model._logistic.LogisticRegression"),
]

VALUE: dict[str, Any] = {
    **PLAIN,
    "version": "1.2.0",
    "parent": "1.1.0",
    "message": "Income in thousands",
    "pipeline": {
        **PLAIN["pipeline"],
        "steps": STEPS,
        "params": {"clf__C": 0.5, "clf__penalty": "l2", "clf__class_weight": {"0": 1, "1": 3}},
        "tuned": ["clf__C", "clf__class_weight"],
    },
    "features": [{"name": "age", "dtype": "int64"}, {"name": "plan|type", "dtype": "str"}],
    "metrics": {"accuracy": 0.875, "roc_auc": 0.9123456789},
    "data": [{**TEST, "digest": DIGEST, "rows": 12000}],
    "code": {
        "url": "https://git.example.org/team/churn.git",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "branch": "main",
        "dirty": True,
        "diff": DIGEST,
        "entry_point": "train.py",
    },
    "environment": {**PLAIN["environment"], "pins": {"scikit-learn": "1.9.1", "numpy": "2.4.6"}},
    "card": {
        "intended_use": "Rank customers for the *retention* team.",
        "limitations": None,
        "sections": {"Ethics": "Reviewed."},
    },
    "artifacts": [{"path": "pipeline.joblib", "sha256": "cd" * 32, "size_bytes": 12345}],
    "custom": {"license": "apache-2.0"},
}

HEADINGS = [
    "Intended use", "Limitations", "Metrics", "Pipeline", "Inputs", "Outputs", "Parameters", "Data",
    "Code", "Environment", "File",
]  # fmt: skip

CARD = """\
---
library_name: sklearn
model_name: "churn"
license: "apache-2.0"
pipeline_tag: tabular-classification
tags:
- sklearn
- gitmodelstore
- "tabular-classification"
model-index:
- name: "churn"
  results:
  - task:
      type: tabular-classification
    dataset:
      name: "test"
      type: "test"
    metrics:
    - name: "accuracy"
      type: "accuracy"
      value: 0.875
    - name: "roc_auc"
      type: "roc_auc"
      value: 0.9123456789
---

# churn 1.2.0

`LogisticRegression` for classification, after 1.1.0. Trained 2026-03-03T14:05:00Z,
registered 2026-03-03T14:05:09Z by Ada Lovelace &#60;ada@example.org&#62;.

> Income in thousands

```python
import gitmodelstore as gms

model = gms.load_model("churn@1.2.0")
```

## Intended use

> Rank customers for the *retention* team.

## Limitations

_Not stated._

## Metrics

| metric | 1.2.0 | 1.1.0 | difference |
| --- | --- | --- | --- |
| `accuracy` | 0.875 | 0.88 | -0.005 |
| `f1_macro` | – | 0.7 | – |
| `roc_auc` | 0.912346 | – | – |

## Pipeline

```mermaid
flowchart TB
  input(["2 columns"])
  subgraph n1["prepare<br/>ColumnTransformer"]
    n2["num<br/>StandardScaler<br/>age, income"]
    n3["cat<br/>OneHotEncoder<br/>city, job, plan, … 2 more"]
  end
  n4["clf<br/>LogisticRegression"]
  output(["left"])
  n1 --> n4
  input --> n1
  n4 --> output
```

## Inputs

| name | type |
| --- | --- |
| `age` | `int64` |
| plan&#124;type | `str` |

## Outputs

- target: `left`
- task: classification
- classes: `0`, `1`

## Parameters

Those that differ from their defaults:

| parameter | value |
| --- | --- |
| `clf__C` | `0.5` |
| `clf__class_weight` | `{"0": 1, "1": 3}` |

<details><summary>All 3 parameters</summary>

| parameter | value |
| --- | --- |
| `clf__C` | `0.5` |
| `clf__class_weight` | `{"0": 1, "1": 3}` |
| `clf__penalty` | `l2` |

</details>

## Data

| role | name | version | rows | digest |
| --- | --- | --- | --- | --- |
| test | `test` | `v3` | 12,000 | `sha256:abababababab` |

## Code

- commit: [`0123456789ab`](https://git.example.org/team/churn/commit/0123456789abcdef0123456789abcdef01234567)
- branch: `main`
- script: `train.py`
- **trained with uncommitted changes**, digest `sha256:abababababab`

## Environment

Python 3.11.7 on `linux-x86_64`.

<details><summary>2 packages</summary>

| package | version |
| --- | --- |
| `numpy` | `2.4.6` |
| `scikit-learn` | `1.9.1` |

</details>

## File

`pipeline.joblib`: 12,345 bytes, SHA-256
`cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd`

## Ethics

> Reviewed.
"""
DIAGRAM = CARD.partition("```mermaid\n")[2].partition("```")[0].splitlines()

HOSTILE = [
    "a | b", "`a`", "``", "a\\|b", "\\", "a\nb", "# a", "a\n# b\n", "a\n\n---\n\n",
    "<script>alert(1)</script>",
    "</details>", "<!-- ", "![x](http://example.org/x.png)", "[x](javascript:alert(1))", "```",
    "\n```\nx",
    "*a* _b_ __c__ ~~d~~", "&lt;b&gt;", "$x$", ":smile:", "\t\tx", "-->", '"];a["', "end", "1. x",
    "- x",
    "style:#x;",
    "%%{init: {}}%%", "http://example.org", "🚀", "", " ", "a" * 500, "<" * 500, "“”",
    "{{x}}", "]]", "\u2028", "x: y",
]  # fmt: skip


def manifest_of(**changes: Any) -> Manifest:
    return fields.read(Manifest, {**VALUE, **changes})


def before(**changes: Any) -> Manifest:
    metrics = {"accuracy": 0.88, "f1_macro": 0.7}
    return manifest_of(version="1.1.0", parent=None, metrics=metrics, **changes)


def within(part: str, **changes: Any) -> dict[str, Any]:
    """A part of `VALUE`, or the first of a list of them, with something else in it."""
    plain = VALUE[part][0] if isinstance(VALUE[part], list) else VALUE[part]
    return {**plain, **changes}


def card_of(**changes: Any) -> bytes:
    return render_card(manifest_of(**changes), None)


def head_of(card: bytes) -> dict[str, Any]:
    return dict(yaml.safe_load(card.decode().split("---\n")[1]))


def tokens_of(card: bytes) -> list[Token]:
    body = card.decode().partition("\n---\n\n")[2]
    return MarkdownIt("commonmark").enable("table").parse(body)


def inner_tokens(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in [token, *(token.children or [])]]


def text_of(token: Token) -> str:
    return "".join(child.content for child in token.children or [])


def headings_of(tokens: list[Token], tag: str = "h2") -> list[str]:
    """The headings of the card itself, not those in what the author wrote."""
    return [
        text_of(tokens[at + 1])
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == tag and token.level == 0
    ]


def rows_of(tokens: list[Token], heading: str) -> list[list[str]]:
    """The text of every cell of the tables under a heading, head rows included."""
    rows: list[list[str]] = []
    current = ""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            current = text_of(tokens[at + 1])
        elif current == heading and token.type == "tr_open":
            rows.append([])
        elif current == heading and token.type in ("th_open", "td_open"):
            rows[-1].append(text_of(tokens[at + 1]))
    return rows


class TestWhole:
    def test_a_card_holds_what_a_reader_asks_for(self) -> None:
        card = render_card(manifest_of(), before())

        assert card.decode() == CARD
        (index,) = head_of(card)["model-index"]
        assert list(index["results"][0]) == ["task", "dataset", "metrics"]

    def test_a_bare_manifest_has_a_card_too(self) -> None:
        bare = manifest_of(
            parent=None,
            message="",
            pipeline=within("pipeline", steps=[], params={}, tuned=[], task=None, classes=None),
            features=None,
            target=None,
            metrics={},
            data=[],
            code=None,
            environment=within("environment", pins={}),
            card={"intended_use": None, "limitations": None, "sections": None},
            custom={},
        )
        card = render_card(bare, None)

        assert headings_of(tokens_of(card)) == HEADINGS
        assert head_of(card) == {
            "library_name": "sklearn",
            "model_name": "churn",
            "tags": ["sklearn", "gitmodelstore"],
        }

    def test_what_nobody_stated_is_said_to_be_missing(self) -> None:
        nothing = {"intended_use": None, "limitations": " \n", "sections": None}
        card = card_of(card=nothing).decode()

        assert "## Intended use\n\n_Not stated._\n" in card
        assert "## Limitations\n\n_Not stated._\n" in card


class TestDeterminism:
    """The card is a pure function of the manifest."""

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(manifests())
    def test_what_was_built_and_what_was_read_give_the_same_bytes(self, manifest: Manifest) -> None:
        read = Manifest.parse(manifest.render())

        assert render_card(manifest, manifest) == render_card(read, read)

    def test_the_order_of_keys_does_not_matter(self) -> None:
        metrics = {"roc_auc": 0.9123456789, "accuracy": 0.875}
        pins = {"numpy": "2.4.6", "scikit-learn": "1.9.1"}
        other = manifest_of(metrics=metrics, environment=within("environment", pins=pins))

        assert render_card(other, None) == card_of()


class TestSize:
    @pytest.mark.parametrize("text", ["a", "x" * 70, "🚀" * 70, "|<" * 40, "😀|"])
    def test_a_huge_manifest_has_a_small_card(self, text: str) -> None:
        many = range(10_000)
        step = {"name": text, "class": text, "columns": [text] * 9, "steps": []}
        huge = manifest_of(
            message=text * 1000,
            target=text,
            pipeline={
                "class": text,
                "algorithm": text,
                "steps": [step] * 100,
                "params": {f"{text}{i}": text for i in many},
                "tuned": [f"{text}{i}" for i in many],
                "task": "a" * 500,
                "classes": [f"{text}{i}" for i in range(1000)],
            },
            features=[{"name": f"{text}{i}", "dtype": text} for i in range(5000)],
            metrics={f"{'m' * 90}{i}": 1e-300 for i in range(500)},
            data=[within("data", name=text, version=text)] * 100,
            code=within("code", url=text, branch=text, entry_point=text),
            environment=within("environment", platform=text, pins={f"p{i}": text for i in many}),
            card={
                "intended_use": text * 900,
                "limitations": f"{text}\n" * 900,
                "sections": {f"s{i}": text * 20 for i in range(300)},
            },
        )
        card = render_card(huge, huge)

        assert len(card) <= MOST_BYTES
        assert headings_of(tokens_of(card))[: len(HEADINGS)] == HEADINGS
        assert card.decode().count("more in `manifest.json`_") >= 5

    def test_a_long_table_is_cut_with_the_number_of_the_rest(self) -> None:
        features = [{"name": f"feature_{i}", "dtype": "float64"} for i in range(5000)]
        card = card_of(features=features)
        rows = rows_of(tokens_of(card), "Inputs")

        assert rows[0] == ["name", "type"]
        assert rows[1] == ["feature_0", "float64"]
        assert f"\n\n_… {5000 - (len(rows) - 1):,} more in `manifest.json`_\n" in card.decode()

    def test_a_long_text_is_cut_with_the_number_of_the_rest(self) -> None:
        text = "word-" * 1000
        stated = within("card", intended_use=text)
        card = card_of(card=stated).decode()
        shown = card.partition("\n> word")[2].partition("\n")[0]

        assert (
            f"\n\n_… {5000 - len('word' + shown):,} more characters in `manifest.json`_\n" in card
        )

    def test_a_usual_card_is_not_cut(self) -> None:
        params = {f"step__parameter_{i:02}": None for i in range(40)}
        manifest = manifest_of(pipeline=within("pipeline", params=params, tuned=[]))

        assert "more in `manifest.json`" not in render_card(manifest, before()).decode()


class TestHead:
    """The YAML that Hugging Face reads (hub-docs, modelcard.md)."""

    @pytest.mark.parametrize(
        ("task", "first", "tag", "tags"),
        [
            ("regression", "sklearn.svm.SVR", "tabular-regression", ["tabular-regression"]),
            ("clustering", "sklearn.cluster.KMeans", None, ["clustering"]),
            ("no", "x", None, ["no"]),
            (None, "x", None, []),
            (
                "classification",
                "sklearn.feature_extraction.text.TfidfVectorizer",
                "text-classification",
                ["text-classification"],
            ),
            ("regression", "sklearn.feature_extraction.text.CountVectorizer", None, ["regression"]),
        ],
    )
    def test_the_task_is_named_where_the_hub_has_a_name(
        self, task: str | None, first: str, tag: str | None, tags: list[str]
    ) -> None:
        steps = [{"name": "a", "class": first, "columns": None, "steps": []}]
        card = card_of(pipeline=within("pipeline", task=task, steps=steps))

        assert head_of(card).get("pipeline_tag") == tag
        assert head_of(card)["tags"] == ["sklearn", "gitmodelstore", *tags]

    def test_results_without_the_test_data_that_the_format_asks_for_are_left_out(self) -> None:
        assert "model-index" not in head_of(card_of(data=[]))

    @pytest.mark.parametrize("licence", ["mit\n---\n# x", 3, {"a": 1}, "A B"])
    def test_a_licence_that_is_no_identifier_is_left_out(self, licence: Any) -> None:
        assert "license" not in head_of(card_of(custom={"license": licence}))

    @pytest.mark.parametrize("name", HOSTILE)
    def test_any_name_of_a_data_set_stays_a_string(self, name: str) -> None:
        data = [within("data", name=name)]
        dataset = head_of(card_of(data=data))["model-index"][0]["results"][0]["dataset"]

        assert dataset["name"] == (name or "test data")[:60]
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", dataset["type"])

    @pytest.mark.parametrize("value", [1e-300, 1e16, 1.5e300, -0.0, 5, 0.1])
    def test_any_metric_stays_a_number(self, value: float) -> None:
        found = head_of(card_of(metrics={"auc": value}))

        assert found["model-index"][0]["results"][0]["metrics"][0]["value"] == value


class TestMetrics:
    def test_differences_to_the_parent_are_signed(self) -> None:
        manifest = manifest_of(metrics={"a": 0.5, "b": 1, "c": 0.3, "d": 12345678, "e": 1e-9})
        parent = manifest_of(
            version="1.1.0",
            parent=None,
            metrics={"a": 0.25, "b": 1.0, "c": 0.1 + 0.2, "d": 1, "f": 2},
        )

        assert rows_of(tokens_of(render_card(manifest, parent)), "Metrics") == [
            ["metric", "1.2.0", "1.1.0", "difference"],
            ["a", "0.5", "0.25", "+0.25"],
            ["b", "1", "1", "0"],
            ["c", "0.3", "0.3", "-5.55e-17"],
            ["d", "12345678", "1", "+1.23e+07"],
            ["e", "1e-09", "–", "–"],
            ["f", "–", "2", "–"],
        ]

    def test_other_test_data_are_said_to_be_others(self) -> None:
        data = [within("data", digest="sha256:" + "00" * 32)]
        line = "_1.1.0 was measured on different test data._"

        assert line in render_card(manifest_of(), before(data=data)).decode()
        assert line not in render_card(manifest_of(), before()).decode()

    def test_the_baseline_has_a_column_of_its_own(self) -> None:
        baseline = {"version": "1.0.0", "metrics": {"accuracy": 0.8}}
        assert rows_of(tokens_of(card_of(baseline=baseline)), "Metrics") == [
            ["metric", "1.2.0", "production 1.0.0, same rows"],
            ["accuracy", "0.875", "0.8"],
            ["roc_auc", "0.912346", "–"],
        ]


class TestDiagram:
    def lines(self, manifest: Manifest) -> list[str]:
        fences = [
            token for token in tokens_of(render_card(manifest, None)) if token.info == "mermaid"
        ]
        assert len(fences) == 1
        return fences[0].content.splitlines()

    def test_parts_of_a_pipeline_follow_and_others_stand_side_by_side(self) -> None:
        assert self.lines(manifest_of()) == DIAGRAM

    def test_an_estimator_without_parts_is_one_box(self) -> None:
        facts = {
            **VALUE["pipeline"],
            "steps": [],
            "class": "sklearn.svm._classes.SVC",
            "algorithm": "SVC",
        }

        assert self.lines(manifest_of(pipeline=facts)) == [
            "flowchart TB",
            '  input(["2 columns"])',
            '  n1["SVC"]',
            '  output(["left"])',
            "  input --> n1",
            "  n1 --> output",
        ]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_no_name_breaks_out_of_its_label(self, name: str) -> None:
        inner = {"name": name, "class": name, "columns": [name, 3, name], "steps": []}
        outer = {"name": name, "class": name, "columns": None, "steps": [inner, inner]}
        facts = within("pipeline", steps=[outer])
        lines = self.lines(manifest_of(pipeline=facts, target=name))

        label = r"(?:[\w ,]|(?<=\w)[.-](?=\w)|…|–|#[0-9]+;|<br/>)*"
        shapes = (
            rf'n[0-9]+\["{label}"\]',
            rf'subgraph n[0-9]+\["{label}"\]',
            "end",
            rf'(?:input|output)\(\["{label}"\]\)',
            "[a-z0-9]+ --> [a-z0-9]+",
        )
        assert [
            line for line in lines[1:] if not re.fullmatch("|".join(shapes), line.strip())
        ] == []
        assert len(lines) == 9

    def test_what_a_label_escapes_is_what_it_shows(self) -> None:
        facts = within(
            "pipeline", steps=[{"name": 'a"]; b["<b>', "class": "A", "columns": None, "steps": []}]
        )

        assert self.lines(manifest_of(pipeline=facts))[2] == (
            '  n1["a#34;#93;#59; b#91;#34;#60;b#62;<br/>A"]'
        )

    def test_steps_nested_in_many_levels_are_drawn(self) -> None:
        step = Step("last", "A", None, ())
        for _ in range(13):
            step = Step("part", "sklearn.pipeline.Pipeline", None, (step,))
        facts = dataclasses.replace(manifest_of().pipeline, steps=(step,))
        lines = self.lines(dataclasses.replace(manifest_of(), pipeline=facts))

        assert sum("subgraph" in line for line in lines) == sum(
            line.strip() == "end" for line in lines
        )


class TestHostileNames:
    """A name or a value is shown as it is, on one line, whatever it means to Markdown or HTML."""

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_name_stays_in_its_cell(self, name: str) -> None:
        features = [{"name": name, "dtype": name}, {"name": "last", "dtype": "int64"}]
        tokens = tokens_of(card_of(features=features))

        shown = _shown(name)
        assert rows_of(tokens, "Inputs") == [
            ["name", "type"],
            [shown, shown if name else "–"],
            ["last", "int64"],
        ]
        assert headings_of(tokens) == [*HEADINGS, "Ethics"]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_a_name_opens_nothing_anywhere(self, name: str) -> None:
        facts = within(
            "pipeline",
            algorithm=name,
            params={name: name, "a": [name]},
            tuned=[name],
            classes=[name, [name]],
        )
        hostile = manifest_of(
            author=name,
            pipeline=facts,
            target=name,
            data=[within("data", name=name, version=name)],
            code=within("code", url=name, branch=name, entry_point=name),
            environment=within("environment", platform=name, pins={"numpy": name}),
        )
        tokens = tokens_of(render_card(hostile, None))
        inner = inner_tokens(tokens)

        assert headings_of(tokens) == [*HEADINGS, "Ethics"]
        assert _html(inner) == [
            "<details><summary>All 2 parameters</summary>",
            "</details>",
            "<details><summary>1 package</summary>",
            "</details>",
        ]
        assert not [token for token in inner if token.type in ("image", "hr", "code_block")]
        assert {token.attrs.get("href") for token in inner if token.type == "link_open"} <= {
            f"http://example.org/commit/{VALUE['code']['commit']}"
        }

    @pytest.mark.parametrize(
        "heading", [h for h in HOSTILE if h.strip() and "\n" not in h and h[0] != "#"]
    )
    def test_a_heading_of_the_author_is_one_heading(self, heading: str) -> None:
        card = within("card", sections={heading[:100]: "x"})
        assert headings_of(tokens_of(card_of(card=card))) == [*HEADINGS, _shown(heading[:100])]


class TestAuthorsMarkdown:
    """What the author wrote is Markdown, kept within its quote and without raw HTML."""

    @pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()])
    def test_it_cannot_leave_its_quote(self, text: str) -> None:
        card = {"intended_use": text, "limitations": text, "sections": {"Ethics": text}}
        tokens = tokens_of(card_of(card=card, message=text))

        assert headings_of(tokens) == [*HEADINGS, "Ethics"]
        assert headings_of(tokens, "h1") == ["churn 1.2.0"]
        assert len(_html(inner_tokens(tokens))) == 4
        assert sum(token.type == "blockquote_open" and token.level == 0 for token in tokens) == 4

    def test_its_markdown_is_kept(self) -> None:
        text = "For the *retention* team:\n\n- weekly\n- `p < 0.5` only"
        card = card_of(message=text).decode()

        assert "\n> For the *retention* team:\n>\n> - weekly\n> - `p < 0.5` only\n" in card

    def test_its_tags_are_shown_instead_of_obeyed(self) -> None:
        card = card_of(message='<img src="x"> </b> <!-- <?x <https://a.b>')

        assert '> &lt;img src="x"> &lt;/b> &lt;!-- &lt;?x &lt;https://a.b>\n' in card.decode()


class TestCode:
    @pytest.mark.parametrize(
        ("url", "page"),
        [
            ("https://github.com/team/churn.git", "https://github.com/team/churn"),
            ("https://github.com/team/churn/", "https://github.com/team/churn"),
            ("http://git.local:3000/a/b/c", "http://git.local:3000/a/b/c"),
            ("git@github.com:team/churn.git", None),
            ("ssh://git@github.com/team/churn", None),
            ("/srv/git/churn", None),
            ("https://user@host/a", None),
            ("https://host/a)b", None),
            ("https://host/a?b", None),
            ("javascript:alert(1)", None),
            (None, None),
        ],
    )
    def test_a_commit_is_a_link_where_the_remote_is_a_web_page(
        self, url: str | None, page: str | None
    ) -> None:
        inner = inner_tokens(tokens_of(card_of(code=within("code", url=url))))
        links = [token.attrs["href"] for token in inner if token.type == "link_open"]

        assert links == ([f"{page}/commit/{VALUE['code']['commit']}"] if page else [])

    def test_uncommitted_changes_are_said_where_there_are_some(self) -> None:
        assert b"uncommitted" not in card_of(code=within("code", dirty=False, diff=None))


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(manifests())
def test_every_manifest_has_a_card_that_a_host_can_show(manifest: Manifest) -> None:
    card = render_card(manifest, dataclasses.replace(manifest, features=(Feature("a", "b"),)))
    tokens = tokens_of(card)

    assert len(card) <= MOST_BYTES
    assert head_of(card)["model_name"] == manifest.model
    assert headings_of(tokens, "h1") == [f"{manifest.model} {manifest.version}"]
    assert headings_of(tokens)[: len(HEADINGS)] == HEADINGS


def _html(tokens: list[Token]) -> list[str]:
    return [
        token.content.strip() for token in tokens if token.type in ("html_block", "html_inline")
    ]


def _shown(name: str) -> str:
    line = " ".join(name.split())
    return (line if len(line) <= 60 else f"{line[:59]}…") or '""'
