"""Gates from the command line: what is printed of a refusal, and how it is overridden."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]
SETTINGS = """\
schema = "1.0"

[gates.production]
from = ["staging"]
metrics = ["accuracy >= 0.75", "test_auc >= current - 0.01"]
require = ["data.train", "card.intended_use"]
"""
REFUSED = (
    "error: churn 1.2.0 does not pass the gate of production\n"
    "       failed: comes from registered, must come from staging\n"
    "       failed: accuracy is 0.7, must be >= 0.75\n"
    "       failed: test_auc is 0.9, must be >= current - 0.01, not comparable: churn 1.2.0 "
    "records no test data\n"
    "       failed: data.train is missing, must be recorded\n"
    "       passed: card.intended_use is recorded\n"
    "hint: run `gms promote churn@1.2.0 staging`, or override it: gms promote churn@1.2.0 "
    "production --force --reason TEXT\n"
)


@pytest.fixture
def gated(place: Path, gms, git: Git) -> None:
    """A gate before production, and churn 1.2.0, which does not pass it."""
    (place / "models" / "modelstore.toml").write_text(SETTINGS)
    git("commit", "--quiet", "--all", "--message", "Set a gate")
    done = gms(
        *("register", "churn", "first.joblib", "--no-code", "--intended-use", "calls"),
        *("--metric", "accuracy=0.7", "--metric", "test_auc=0.9", "--version", "1.2.0"),
    )
    assert done.code == 0, done.stderr


def test_a_refusal_lists_every_condition(gms, gated, unchanged):
    assert gms("promote", "churn@1.2.0", "production") == ("", REFUSED, 1)


def test_an_override_is_told_and_stands_in_the_log(gms, gated):
    done = gms("promote", "churn@1.2.0", "production", "--force", "--reason", "we must")

    assert done == (
        "churn 1.2.0 is in production (was 1.1.0, now archived)\n",
        "note: overridden: churn 1.2.0: comes from registered, must come from staging\n"
        "note: overridden: churn 1.2.0: accuracy is 0.7, must be >= 0.75\n"
        "note: overridden: churn 1.2.0: test_auc is 0.9, must be >= current - 0.01, not "
        "comparable: churn 1.2.0 records no test data\n"
        "note: overridden: churn 1.2.0: data.train is missing, must be recorded\n",
        0,
    )
    first, second = json.loads(gms("log", "churn", "-n2", "--json").stdout)["events"]
    assert (first["override"], second["override"]) == ("we must", None)
    lines = gms("log", "churn", "-n1", "--oneline").stdout.split(" ", 2)
    assert lines[2] == (
        "churn 1.2.0 promoted to production, was registered, gate overridden (we must)\n"
    )


@pytest.mark.parametrize("reason", [[], ["--reason", " "]])
def test_an_override_needs_a_reason(gms, gated, unchanged, reason):
    assert gms("promote", "churn@1.2.0", "production", "--force", *reason) == (
        "",
        "error: --force needs a --reason\n"
        'hint: as in `gms promote churn@1.2.0 production --reason "beats 1.1.0"`; see `gms help '
        "promote`\n",
        2,
    )


def test_a_reason_cannot_paint_the_screen(gms, gated, unchanged):
    done = gms("promote", "churn@1.2.0", "production", "--force", "--reason", "a\x1b[2Jb")

    assert (done.stdout, done.code) == ("", 1)
    assert done.stderr.startswith("error: the reason holds the hidden character U+001B\n")


def test_settings_with_faults_are_named_line_by_line(gms, place, git: Git):
    (place / "models" / "modelstore.toml").write_text(
        'schema = "1.0"\n[gates.production]\nmetrics = ["auc => 1"]\nreplays = true\n'
    )
    git("commit", "--quiet", "--all", "--message", "Set a bad gate")

    assert gms("promote", "churn@1.0.0", "production") == (
        "",
        "error: modelstore.toml: gates.production.metrics[0]: column 5: expected one of >=, <=, "
        "==, >, <, found '=> 1' (and 1 more)\n",
        128,
    )


def test_a_replay_can_be_asked_for(gms):
    done = gms("promote", "churn@1.0.0", "production", "--replay")

    assert done == (
        "",
        "error: churn 1.0.0 does not pass the gate of production\n"
        "       failed: replay is not recorded, must be identical or within tolerance: it has no "
        "sample to ask again\n"
        "hint: register it again with X_test (`gms register --sample-from FILE`), or override it: "
        "gms promote churn@1.0.0 production --force --reason TEXT\n",
        1,
    )


# register --test, --baseline


@pytest.fixture
def rows(place: Path) -> str:
    lines = [
        "a,b,left",
        *(f"{n % 4}.0,{(n * 3) % 7}.0,{'yes' if n % 2 else 'no'}" for n in range(40)),
    ]
    (place / "rows.csv").write_text("\n".join(lines) + "\n")
    return "rows.csv"


def test_rows_and_a_baseline_are_recorded(gms, rows):
    done = gms(
        *("register", "churn", "first.joblib", "--no-code", "--bump", "minor"),
        *("--test", rows, "--target", "left", "--baseline"),
    )
    assert (done.code, done.stderr) == (0, "")

    manifest = json.loads(gms("cat", "churn@1.2.0:manifest.json").stdout)
    assert manifest["baseline"]["version"] == "1.1.0"
    assert sorted(manifest["metrics"]) == ["accuracy", "f1_macro", "roc_auc"]
    assert sorted(manifest["baseline"]["metrics"]) == ["accuracy", "f1_macro", "roc_auc"]
    assert [(data["role"], data["uri"]) for data in manifest["data"]] == [("test", "rows.csv")]
    assert manifest["target"] == "left"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--baseline"], "--baseline needs --test FILE"),
        (["--test", "rows.csv"], "--test needs --target NAME"),
    ],
)
def test_they_need_each_other(gms, rows, unchanged, args, message):
    done = gms("register", "churn", "first.joblib", *args)

    assert (done.stdout, done.code) == ("", 2)
    assert done.stderr.startswith(f"error: {message}\n")


def test_a_file_that_is_not_there(gms, unchanged):
    done = gms("register", "churn", "first.joblib", "--test", "no.csv", "--target", "left")

    assert done == ("", "error: cannot read 'no.csv': no such file or directory\n", 1)
