"""What a terminal shows of a store: chosen metrics, trends, dates as git shows them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from gitmodelstore.cli.look import date_style
from gitmodelstore.values.model_version import ModelSummary
from gitmodelstore.values.names import Version
from gitmodelstore.values.tables import Fact, Paint, models, sparkline, width

Git = Callable[..., str]


def test_a_list_of_models_has_chosen_metrics_and_how_they_went(session):
    session("""
$ gms list --metric test_auc --metric nothing
MODEL  VERSIONS  HIGHEST  PRODUCTION  STAGING  test_auc  TREND  nothing  TREND
churn         2  1.1.0    1.1.0       -          0.8300  ▁█           -  -
fraud         1  1.0.0    -           1.0.0           -  -            -  -
2> note: no version has the metric 'nothing'
$ gms list churn --metric accuracy -n 1
VERSION  STATUS      REGISTERED            BY            ALGORITHM           accuracy
1.1.0    production  2026-03-05 14:05 UTC  Ada Lovelace  LogisticRegression    0.7600
2> note: 1 more version: leave out -n to see all
$ gms list --metric 'a"b'
2> error: 'a"b' is not a metric name
2> hint: use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'
= 1
""")


def test_chosen_metrics_as_json(gms):
    churn, fraud = json.loads(gms("list", "--metric", "test_auc", "--json").stdout)["models"]

    assert churn["metrics"] == {"test_auc": {"1.0.0": 0.81, "1.1.0": 0.83}}
    assert fraud["metrics"] == {"test_auc": {}}


def test_a_trend_needs_an_encoding_that_has_it(gms, monkeypatch):
    monkeypatch.setattr("gitmodelstore.values.tables.BARS", "▁▂▃▄▅▆▇█\ud800")  # no encoding has

    stdout, stderr, code = gms("list", "--metric", "test_auc")

    assert stdout.splitlines()[0].split()[-1] == "test_auc"
    assert (stderr, code) == ("", 0)


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], "-"),
        ([1.0], "▄"),
        ([2.0, 2.0], "▄▄"),
        ([-1e308, 1e308, 0.0], "▁█▅"),
        ([float(number) for number in range(30)], "▁▁▂▂▂▃▃▃▃▄▄▄▅▅▅▆▆▆▆▇▇▇██"),
    ],
)
def test_a_sparkline(values, bars):
    assert sparkline(values) == bars


def test_a_trend_that_leaves_versions_out_says_so():
    highest = Version.parse("1.30.0")
    summary = ModelSummary("churn", 31, highest, {"production": ()})
    curve = {f"1.{minor}.0": 0.5 + minor / 100 for minor in range(31)}

    (table,) = models([summary], Paint(False), {"auc": {"churn": curve}})

    heads, row = table.lines()
    assert heads.endswith("auc  LAST 24")
    assert row.endswith("0.8000  ▁▁▂▂▂▃▃▃▃▄▄▄▅▅▅▆▆▆▆▇▇▇██")


STYLES = """
default iso iso8601 iso-strict rfc rfc2822 short unix raw local iso-local short-local rfc-local
format:%Y_%d format-local:%H:%M format:
"""


def test_dates_are_shown_as_git_shows_them(gms, git: Git, monkeypatch):
    commits = [event["commit"] for event in json.loads(gms("log", "--json").stdout)["events"]]
    assert len(commits) > 3
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        for style in STYLES.split():
            lines = gms("log", "--date", style).stdout.splitlines()
            dates = [line[5:].strip() for line in lines if line.startswith("Date:")]
            shown = git("log", f"--date={style}", "--format=%H %cd").splitlines()
            by_commit = dict(line.partition(" ")[::2] for line in shown)
            if style == "iso-strict":  # newer ones of git say Z
                by_commit = {oid: date.replace("Z", "+00:00") for oid, date in by_commit.items()}
            assert dates == [by_commit[commit] for commit in commits], style
    finally:
        monkeypatch.undo()
        time.tzset()


AGES = (
    3,
    80,
    100,
    5000,
    5400,
    86_400,
    140_000,
    86_400 * 4,
    86_400 * 5,
    86_400 * 13,
    86_400 * 15,
    86_400 * 68,
)
AGES += (86_400 * 75, 86_400 * 350, 86_400 * 370, 86_400 * 800, 86_400 * 1800, 86_400 * 4000)


def test_how_long_ago_is_said_as_git_says_it(git: Git, place, monkeypatch):
    now = int(time.time())
    tree = git("mktree")
    for age in AGES:
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"@{now - age} +0000")
        commit = git("commit-tree", tree, "-m", "x")
        when = datetime.fromtimestamp(now - age, timezone.utc)
        for style in ("relative", "human", "human-local"):
            shown = date_style(style)
            ours = [shown(when), git("log", "-1", f"--date={style}", "--format=%cd", commit)]
            assert ours[1].strip() in (ours[0], shown(when)), (style, age)  # a second may pass


def test_every_command_that_shows_dates_takes_the_option(gms):
    first = gms("log", "churn", "--oneline", "-n", "1", "--date", "format:%d/%m").stdout
    assert first[7:].startswith(" 06/03 churn 1.1.0 promoted to production")
    which = gms("which", "churn", "--date=format:%d/%m").stdout
    assert which.splitlines()[1] == "  in production since 06/03"
    assert "since 06.03.26\n" in gms("show", "churn", "--date", "format:%d.%m.%y").stdout
    assert " 2026-03-05 14:05:00 +0000 " in gms("list", "churn", "--date", "iso").stdout
    assert gms("log", "--date", "sometimes").code == 2


@pytest.mark.parametrize("room", [40, 80, 200])
def test_a_fact_is_folded_below_its_own_text(room):
    words = ["日本語", "e\u0301cole", "😀", "plain"] * 20

    lines = list(Fact("environment", " ".join(words)).lines(room))

    assert [word for line in lines for word in line.split()] == ["environment", *words]
    assert lines[0].startswith("  environment  日本語")
    assert all(line[:15].isspace() and line[15] != " " for line in lines[1:])
    assert all(room - 10 < width(line) <= room for line in lines[:-1])


@pytest.mark.parametrize("room", [30, 40, 80, 200])
def test_metrics_of_a_comparison_stand_below_one_another(gms, monkeypatch, room):
    monkeypatch.setenv("COLUMNS", str(room))

    lines = gms("diff", "churn@1.0.0", "churn@1.1.0").stdout.splitlines()

    place = next(at for at, line in enumerate(lines) if line.startswith("  accuracy"))
    if room == 30:  # a line for each cell
        rows = [
            "  accuracy",
            "    1.0.0   0.75",
            "    1.1.0   0.76",
            "    change  +0.01",
            "    better",
        ]
        assert lines[place : place + 5] == rows
    else:
        assert lines[place - 1 : place + 2] == [
            "            1.0.0  1.1.0  change",
            "  accuracy   0.75   0.76   +0.01  better",
            "  test_auc   0.81   0.83   +0.02  better",
        ]
