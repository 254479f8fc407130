"""`gms annotate`, and how `show`, `log` and gates tell of it."""

from __future__ import annotations

import json

import pytest

from .conftest import ADA, EVENT

MOMENT = "2026-04-01T09:30:00Z"
PAIRS = ("validation_auc=0.83", "approval=A-17", "final=true")


@pytest.fixture
def annotated(gms, git):
    """The commit that annotates churn 1.1.0."""
    assert gms("annotate", "churn@1.1.0", *PAIRS, "--reason", "June is in").code == 0
    return git("rev-parse", "main")


def test_it_says_what_was_recorded(program, git):
    said = program("-C", "models", "annotate", "churn@1.1.0", *PAIRS)

    commit = git("rev-parse", "--short=7", "main")
    pairs = 'validation_auc=0.83 approval="A-17" final=true'
    assert said == (f"churn 1.1.0 is annotated: {pairs}  {commit}\n", "", 0)
    assert git("status", "--porcelain") == ""


def test_show_tells_what_counts_and_log_tells_all(gms, annotated, git, session):
    gms("annotate", "churn@1.1.0", "final=")

    assert (
        "\n\nAnnotations\n"
        '  approval="A-17"  2026-04-01 Ada Lovelace (June is in)\n'
        "  validation_auc=0.83  2026-04-01 Ada Lovelace (June is in)\n"
        "\n"
    ) in gms("show", "churn@1.1.0").stdout
    assert "Annotations" not in gms("show", "churn@1.0.0").stdout
    session(f"""
$ gms log churn --oneline -n 2
{git("rev-parse", "--short=7", "main")} 2026-04-01 churn 1.1.0 annotated: final=
{annotated[:7]} 2026-04-01 churn 1.1.0 annotated: validation_auc=0.83 approval="A-17" final=true \
(June is in)
""")
    assert gms("log", "churn").stdout.startswith("churn 1.1.0 annotated: final=\nDate:   ")


def test_the_documents_of_show_and_log(gms, annotated):
    found = json.loads(gms("show", "churn@1.1.0", "--json").stdout)["annotations"]
    (event,) = json.loads(gms("log", "-n", "1", "--json").stdout)["events"]

    assert list(found) == ["approval", "final", "validation_auc"]
    known = {"at": MOMENT, "by": ADA, "reason": "June is in", "commit": annotated}
    assert found["validation_auc"] == {"value": 0.83, **known}
    assert json.loads(gms("show", "fraud@1.0.0", "--json").stdout)["annotations"] == {}
    annotations = {"validation_auc": 0.83, "approval": "A-17", "final": True}
    of_what = {"kind": "annotated", "model": "churn", "version": "1.1.0"}
    assert event == {**EVENT, **of_what, **known, "annotations": annotations}


def test_nothing_is_written_twice(session, annotated, git):
    session("""
$ gms annotate churn@1.1.0 final=true
2> note: churn 1.1.0 already has these annotations, so nothing was written
$ gms annotate churn@1.1.0 final=true --json -q
{
  "events": []
}
""")
    assert git("rev-parse", "main") == annotated


def test_json(gms, git):
    (event,) = json.loads(gms("annotate", "churn@1.1.0", "a=1", "--json").stdout)["events"]

    assert (event["kind"], event["annotations"]) == ("annotated", {"a": 1})
    assert event["commit"] == git("rev-parse", "main")


def test_a_gate_asks_for_it(gms, place, git, session):
    (place / "models" / "modelstore.toml").write_text(
        'schema = "1.0"\n[gates.staging]\nmetrics = ["annotations.validation_auc >= 0.8"]\n'
        'require = ["annotations.approval"]\n'
    )
    git("commit", "--quiet", "--all", "-m", "A gate")

    session("""
$ gms promote churn@1.0.0 staging
2> error: churn 1.0.0 does not pass the gate of staging
2>        failed: annotations.validation_auc is not recorded, must be >= 0.8
2>        failed: annotations.approval is missing, must be recorded
2> hint: run `gms annotate churn@1.0.0 validation_auc=VALUE`, or override it: gms promote \
churn@1.0.0 staging --force --reason TEXT
= 1
""")
    gms("annotate", "churn@1.0.0", "validation_auc=0.81", "approval=A-17")
    session("$ gms promote churn@1.0.0 staging\nchurn 1.0.0 is in staging")


@pytest.mark.usefixtures("unchanged")
def test_what_a_terminal_would_act_on_does_not_get_in(session):
    session("""
$ gms annotate churn@1.1.0 'a=x\x1b[2J'
2> error: 'a' contains the hidden character U+001B
2> hint: type it again instead of pasting it
= 1
""")
