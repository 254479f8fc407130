"""`gms annotate`, and how `show`, `log` and gates tell of it."""

from __future__ import annotations

import json

import pytest

from .conftest import ADA, EVENT

MOMENT = "2026-04-01T09:30:00Z"


@pytest.fixture
def annotated(program):
    """What the command printed for churn 1.1.0."""
    pairs = ("validation_auc=0.83", "approval=A-17", "final=true")
    args = ("-C", "models", "annotate", "churn@1.1.0", *pairs)
    return program(*args, "--reason", "June is in")


def test_it_says_what_was_recorded(annotated, git):
    said = 'churn 1.1.0 is annotated: validation_auc=0.83 approval="A-17" final=true'

    assert annotated == (f"{said}  {git('rev-parse', '--short=7', 'main')}\n", "", 0)
    assert git("status", "--porcelain") == ""


def test_show_tells_what_counts(gms, annotated):
    gms("annotate", "churn@1.1.0", "final=")

    assert (
        "\n\nAnnotations\n"
        '  approval="A-17"  2026-04-01 Ada Lovelace (June is in)\n'
        "  validation_auc=0.83  2026-04-01 Ada Lovelace (June is in)\n"
        "\n"
    ) in gms("show", "churn@1.1.0").stdout
    assert "Annotations" not in gms("show", "churn@1.0.0").stdout


def test_show_as_json(gms, annotated, git):
    found = json.loads(gms("show", "churn@1.1.0", "--json").stdout)["annotations"]

    assert list(found) == ["approval", "final", "validation_auc"]
    assert found["validation_auc"] == {
        "value": 0.83,
        "at": MOMENT,
        "by": ADA,
        "reason": "June is in",
        "commit": git("rev-parse", "main"),
    }
    assert json.loads(gms("show", "fraud@1.0.0", "--json").stdout)["annotations"] == {}


def test_log_tells_all(gms, annotated, git):
    gms("annotate", "churn@1.1.0", "final=")
    commits = git("log", "-2", "--format=%h", "--abbrev=7", "main").split()

    assert gms("log", "churn", "--oneline", "-n", "2").stdout == (
        f"{commits[0]} 2026-04-01 churn 1.1.0 annotated: final=\n"
        f'{commits[1]} 2026-04-01 churn 1.1.0 annotated: validation_auc=0.83 approval="A-17" '
        "final=true (June is in)\n"
    )
    assert gms("log", "churn").stdout.startswith("churn 1.1.0 annotated: final=\nDate:   ")


def test_log_as_json(gms, annotated, git):
    (event,) = json.loads(gms("log", "-n", "1", "--json").stdout)["events"]

    assert event == {
        **EVENT,
        "kind": "annotated",
        "model": "churn",
        "version": "1.1.0",
        "at": MOMENT,
        "reason": "June is in",
        "commit": git("rev-parse", "main"),
        "annotations": {"validation_auc": 0.83, "approval": "A-17", "final": True},
    }


def test_nothing_is_written_twice(gms, annotated, git):
    head = git("rev-parse", "main")

    assert gms("annotate", "churn@1.1.0", "final=true") == (
        "",
        "note: churn 1.1.0 already has these annotations, so nothing was written\n",
        0,
    )
    assert json.loads(gms("annotate", "churn@1.1.0", "final=true", "--json").stdout) == {
        "events": []
    }
    assert git("rev-parse", "main") == head


def test_json(gms, git):
    (event,) = json.loads(gms("annotate", "churn@1.1.0", "a=1", "--json").stdout)["events"]

    assert (event["kind"], event["annotations"]) == ("annotated", {"a": 1})
    assert event["commit"] == git("rev-parse", "main")


def test_a_gate_asks_for_it(gms, place, git):
    (place / "models" / "modelstore.toml").write_text(
        'schema = "1.0"\n[gates.staging]\nmetrics = ["annotations.validation_auc >= 0.8"]\n'
        'require = ["annotations.approval"]\n'
    )
    git("commit", "--quiet", "--all", "-m", "A gate")

    assert gms("promote", "churn@1.0.0", "staging") == (
        "",
        "error: churn 1.0.0 does not pass the gate of staging\n"
        "       failed: annotations.validation_auc is not recorded, must be >= 0.8\n"
        "       failed: annotations.approval is missing, must be recorded\n"
        "hint: run `gms annotate churn@1.0.0 validation_auc=VALUE`, or override it: "
        "gms promote churn@1.0.0 staging --force --reason TEXT\n",
        1,
    )
    gms("annotate", "churn@1.0.0", "validation_auc=0.81", "approval=A-17")
    assert gms("promote", "churn@1.0.0", "staging") == ("churn 1.0.0 is in staging\n", "", 0)


def test_what_a_terminal_would_act_on_does_not_get_in(gms, unchanged):
    assert gms("annotate", "churn@1.1.0", "a=x\x1b[2J") == (
        "",
        "error: 'a' contains the hidden character U+001B\nhint: type it again instead of "
        "pasting it\n",
        1,
    )
