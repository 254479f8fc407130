"""What a notebook shows of an answer: small tables of HTML, in which all text is only text."""

from __future__ import annotations

import warnings
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gitmodelstore import GateNotPassed, Store
from gitmodelstore.values.tables import NOTEBOOK, Fact, Paint, Table, TextColumn, html

from .conftest import once
from .looks import commit_by_hand

TAGS = {"div", "strong", "code", "pre", "span"} | {"table", "thead", "tbody", "tr", "th", "td"}
WHY = "<script>alert('a')</script> 日本語 & \"more\""
POLICY = 'schema = "1.0"\n[gates.production]\nmetrics = ["accuracy >= 2"]\n'
# What is typed into the cells, and of what each shows a part. None is that of another package.
CELLS = {
    "store": ["Store(", "MODEL", "churn"],
    "store.models()": ["PRODUCTION", "1.0.0"],
    "store.version('churn')": ["COMMIT", "production"],
    "store.versions('churn')": ["1.1.0", "registered"],
    "store.listing('churn')": ["ALGORITHM", "LogisticRegression", "profit"],
    "store.show('churn')": ["Pipeline: LogisticRegression", "Metrics", "accuracy"],
    "store.diff('churn@1.0.0', 'churn@1.1.0')": ["Metrics", "profit", "Params"],
    "store.log()": ["EVENT", f"promoted to production, was registered ({WHY})"],
    "store.search('metrics.profit > 1')": ["metrics.profit", "3.5"],
    "store.blame('metrics.profit')": ["CHANGE", "metrics.profit: 3.5"],
    "store.verify(replay=True)": ["files verified, answers identical"],
    "store.verify_data('churn', X_test, role='test')": ["churn 1.0.0  test data different"],
    "store.validate()": ["0 faults"],
    "store.doctor()": ["0 faults"],
    "store.which('churn')": ["in production", WHY],
    "failure": ["does not pass the gate", "failed", "accuracy is", "hint: "],
    "store.frame()": None,
    "store.load('churn')": None,
}
BEGIN = """\
import gitmodelstore as gms
import pandas as pd
X_test = pd.DataFrame({"income": [1.0, 2.0]})
store = gms.Store.open(".")
try:
    store.promote("churn@1.1.0", "production")
except gms.GateNotPassed as error:
    failure = error
"""


class Reader(HTMLParser):
    """Reads HTML: what it may not hold, and the text in it."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.strange: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag not in TAGS or any(name != "style" or "url" in (text or "") for name, text in attrs):
            self.strange.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.strange.append(data)


@pytest.fixture
@once
def churn(store: Store, fitted, refitted, X_test, y_test) -> Store:
    store.register(fitted, "churn", X_test=X_test, y_test=y_test, code=None)
    store.promote("churn@1.0.0", "production", reason=WHY)
    test = {"X_test": X_test, "y_test": y_test}
    store.register(refitted, "churn", **test, metrics={"profit": 3.5}, message=WHY)
    commit_by_hand(store.path, "modelstore.toml", POLICY)
    return store


@pytest.fixture
def shown(churn: Store) -> dict[str, dict[str, str]]:
    """What a kernel answers to each cell, by kind."""
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        nbclient = pytest.importorskip("nbclient")
        cells = [nbformat.v4.new_code_cell(text) for text in (BEGIN, *CELLS)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        place = {"metadata": {"path": str(churn.path)}}
        nbclient.NotebookClient(notebook, kernel_name="python3", resources=place).execute()
    outputs = [cell.outputs[-1].data for cell in notebook.cells[1:]]
    return dict(zip(CELLS, outputs, strict=True))


def test_a_kernel_shows_html_and_short_text(shown):
    for typed, words in CELLS.items():
        made, plain = shown[typed]["text/html"], shown[typed]["text/plain"]
        if words is None:
            continue
        page = Reader(made)
        text = "".join(page.texts)
        assert page.strange == [], typed
        assert [word for word in words if word not in text] == [], typed
        assert len(made) < 10_000, typed
        assert len(plain) < 300, typed
        assert "\n" not in plain, typed
    assert "sk-top-container" in shown["store.load('churn')"]["text/html"]
    frame = shown["store.frame()"]["text/html"]
    assert "&lt;script&gt;" in frame
    assert "<script>alert" not in frame


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<style>*{display:none}</style>",
    "</td></table><svg onload=alert(1)>",
    "javascript:alert(1)",
    "<!-- ",
    "]]>",
    "&lt;b&gt;",
]
UNSEEN = ["\u202e", "\u2066", "\u200b", "\ufeff", "\x1b[31m", "\x00", "\u2028", "\x9b", "\u00ad"]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_anybody_is_only_text(text):
    paint = NOTEBOOK
    pages = (
        [text, f"  {text}", paint.bold(text), f"a {paint.red(text)} b"],
        [Fact(text, text)],
        [Table([TextColumn(text)], [[text], [paint.green(text)]])],
    )
    for page in pages:
        read = Reader(html(page))
        assert read.strange == []
        assert "".join(read.texts).count(text) >= 2
    failure = Reader(GateNotPassed(text, [f"failed: {text}"], unmet=1, hint=text)._repr_html_())
    assert failure.strange == []
    assert "".join(failure.texts).count(text) == 3


@pytest.mark.parametrize("text", UNSEEN)
def test_what_nobody_would_see_is_spelled_out(text):
    page = [f"a{text}b", Fact("x", text), Table([TextColumn(text)], [[text]])]

    made = html(page)
    failure = GateNotPassed(text, [text], unmet=1)._repr_html_()

    assert text not in made
    assert text not in failure
    spelled = ascii(text[:1])[1:-1]
    assert made.count(spelled) == 4
    assert failure.count(spelled) == 2


def test_a_long_one_says_that_there_is_more():
    rows = ([str(number)] for number in range(100_000))

    made = html([Table([TextColumn("N")], rows), *map(str, range(100))])

    assert made.count("print it to see all") == 2
    assert len(made) < 10_000
    assert next(rows) == ["61"]  # and the others are not read


def test_colours_are_ours_alone():
    assert "background" in html([Paint(True).red("bad")])
    assert "background" not in html(["\x1b[31mbad\x1b[m"])


def test_an_error_is_in_the_place_of_what_cannot_be_read(churn: Store):
    commit_by_hand(churn.path, "registry.json", "<b>no JSON</b>")

    read = Reader(Store.open(churn.path)._repr_html_())

    assert read.strange == []
    assert "cannot be read: registry.json" in "".join(read.texts)


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.listing("churn")[0],
        lambda store: store.log()[0],
        lambda store: store.blame("metrics.profit")[0],
        lambda store: store.search("metrics.profit > 1")[0],
        lambda store: store.answer("metrics.profit > 1"),
        lambda store: store.blame_with_unread("metrics.profit"),
        lambda store: store.environment("churn"),
        lambda store: store.validate(),
        lambda store: store.doctor(),
        lambda store: store.verify().versions[0],
        lambda store: store.audit("churn", to=Path("audit.zip"), force=True),
    ],
)
def test_its_repr_is_one_short_line(churn, tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    text = repr(ask(churn))

    assert "\n" not in text
    assert len(text) < 400, text
