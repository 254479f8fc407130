"""No line is wider than the terminal: what does not fit shrinks or is folded."""

from __future__ import annotations

import re
import subprocess
from unicodedata import combining, east_asian_width

import pytest

from gitmodelstore import Store
from gitmodelstore.cli.session import folded

from .conftest import on_terminal

NARROW = 40
WIDE_TEXT = "昨日の検証では精度が下がったので、担当者の判断により一つ前の版へ戻しました。"
COMMANDS = (
    ("list",),
    ("list", "churn"),
    ("log",),
    ("log", "--oneline"),
    ("log", "-G", "params.logisticregression__C"),
    ("show", "churn"),
    ("show", "churn@1.0.0"),
    ("which", "churn@1.0.0"),
    ("which", "churn"),
    ("diff", "churn@1.0.0", "churn@1.1.0"),
    ("verify", "churn"),
    ("verify", "--all", "--replay"),
    ("doctor",),
    ("validate",),
    ("env", "churn", "--check"),
    ("inspect", "first.joblib"),
    ("search", "metrics.test_auc > 0.8 and author ~ '田' or message != ''"),
    ("help",),
    ("help", "--all"),
    ("help", "promote"),
    ("register", "--help"),
    ("list", "--help"),
    ("--help",),
)


def columns(line: str) -> int:
    """Count as terminals do, not as `render.width` does it."""
    wide = sum(east_asian_width(c) in ("W", "F") for c in line)
    return len(line) + wide - sum(bool(combining(c)) for c in line)


@pytest.fixture
def eastern(place, monkeypatch):
    """The store of the tests, with long texts, and with wide ones."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "田中太郎左衛門景正")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "田中太郎左衛門景正")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    store = Store.open("models", durable=False)
    store.promote("churn@1.0.0", "staging", reason=WIDE_TEXT)
    store.withdraw("churn@1.0.0", reason="a-reason-of-a-single-word-that-is-wider-than-that-screen")
    store.annotate("churn@1.1.0", {"validation_auc": 0.8375, "where": WIDE_TEXT})
    (place / "models" / "leftover").write_text("not a file of ours")
    subprocess.run(["git", "add", "leftover"], cwd="models", check=True)
    return store


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_no_line_is_wider_than_the_terminal(eastern, gms, monkeypatch, args):
    whole = gms(*args)
    monkeypatch.setenv("COLUMNS", str(NARROW))

    narrow = gms(*args)

    assert narrow.code == whole.code
    assert [line for line in narrow.stdout.splitlines() if columns(line) > NARROW] == []
    lines = narrow.stdout.splitlines()
    assert lines or not whole.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("promote", "churn@1.0.0", "productoin"),
        ("search", "metrics.test_auc > 0.8 and metrics.test_auc < 0.9 and modle == 'churn'"),
        ("search", "modle == 'churn' and metrics.test_auc > 0.8 and metrics.test_auc < 0.9"),
        ("promote", "churn@1.0.0", "production", "--if", "metrics.test_auc > 0.99"),
        ("get", "churn@1.1.0"),
        ("-C", "/", "list"),
        ("list", "--nope"),
    ],
    ids=" ".join,
)
def test_nor_is_any_of_an_error(eastern, gms, monkeypatch, args):
    monkeypatch.setenv("COLUMNS", str(NARROW))

    lines = gms(*args).stderr.splitlines()

    assert lines
    assert [line for line in lines if columns(line) > NARROW] == []
    for place, line in enumerate(lines):
        if line.strip() == "^":  # it stands below what is meant
            assert lines[place - 1][line.index("^") :].startswith("modle")


def test_a_command_that_is_to_be_typed_stays_on_one_line():
    assert list(folded("hint: a hint that names `gms env churn --check`; or not", 30)) == [
        "hint: a hint that names",
        "  `gms env churn --check`; or",
        "  not",
    ]


@pytest.mark.usefixtures("eastern", "colorful")
def test_on_a_real_terminal():
    """The size that the system tells, colours, and the pager that git would take."""
    text = on_terminal("log", columns=NARROW)

    assert "\x1b[33m" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert [line for line in plain.splitlines() if columns(line) > NARROW] == []
    assert "".join(plain.split()).count("".join(WIDE_TEXT.split())) == 2  # nothing is left out


def test_what_is_folded_is_whole_and_indented_below_its_first_line():
    text = "  fact         a text of several words, of which some fit into the first line"

    lines = list(folded(text, 30))

    assert lines[0] == "  fact         a text of"
    assert {len(line) - len(line.lstrip()) for line in lines[1:]} == {4}
    assert " ".join(text.split()) == " ".join(" ".join(lines).split())
    assert list(folded(text, None)) == [text]
    assert list(folded("x" * 25, 10)) == ["xxxxxxxxxx", "  xxxxxxxx", "  xxxxxxx"]
    assert list(folded("漢字漢字漢字", 5)) == ["漢字", "  漢", "  字", "  漢", "  字"]
