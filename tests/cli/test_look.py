"""The commands that read: list, show, log, which, cat, get."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore.store import Store

from .conftest import ADA, EVENT, version_document

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def _store_is_left_alone(unchanged: None) -> None:
    """Reading writes nothing."""


def test_list(session):
    session("""
$ gms list
MODEL  VERSIONS  HIGHEST  PRODUCTION  STAGING
churn         2  1.1.0    1.1.0       -
fraud         1  1.0.0    -           1.0.0
$ gms list -n 1
MODEL  VERSIONS  HIGHEST  PRODUCTION  STAGING
churn         2  1.1.0    1.1.0       -
2> note: 1 more model: leave out -n to see all
$ gms list -n 1 --quiet
MODEL  VERSIONS  HIGHEST  PRODUCTION  STAGING
churn         2  1.1.0    1.1.0       -
$ gms list churn -n 2
VERSION  STATUS      REGISTERED            BY            ALGORITHM           accuracy  test_auc
1.1.0    production  2026-03-05 14:05 UTC  Ada Lovelace  LogisticRegression    0.7600    0.8300
1.0.0    archived    2026-03-03 14:05 UTC  Ada Lovelace  LogisticRegression    0.7500    0.8100
""")


def test_list_fits_the_terminal_and_says_how_many_metrics_do_not(session, monkeypatch):
    monkeypatch.setenv("COLUMNS", "76")
    session("""
$ gms list churn -n 1
VERSION  STATUS      REGISTERED  BY        ALGORITHM     accuracy  test_auc
1.1.0    production  2026-03-05  Ada Lov…  LogisticReg…    0.7600    0.8300
2> note: 1 more version: leave out -n to see all
""")
    monkeypatch.setenv("COLUMNS", "70")
    session("""
$ gms list churn -n 1
VERSION  STATUS      REGISTERED  BY        ALGORITHM     accuracy  +1
1.1.0    production  2026-03-05  Ada Lov…  LogisticReg…    0.7600
2> note: 1 more version: leave out -n to see all
""")


def test_list_as_json(gms):
    stdout, stderr, code = gms("list", "--json")

    assert (stderr, code) == ("", 0)
    assert gms("ls") == gms("list")
    churn = {"model": "churn", "version_count": 2, "highest": "1.1.0", "metrics": None}
    fraud = {"model": "fraud", "version_count": 1, "highest": "1.0.0", "metrics": None}
    assert json.loads(stdout) == {
        "models": [
            {**churn, "holders": {"production": ["1.1.0"], "staging": []}},
            {**fraud, "holders": {"production": [], "staging": ["1.0.0"]}},
        ],
        "unread": [],
    }


def test_list_of_a_model_as_json(gms, git: Git):
    document = json.loads(gms("list", "churn", "--json").stdout)

    assert document["model"] == "churn"
    assert document["versions"][1] == version_document(
        *("churn", "1.0.0", "archived"),
        commit=git("rev-parse", "churn@v1.0.0^{commit}"),
        created_at="2026-03-03T14:05:00Z",
        author=ADA,
        algorithm="LogisticRegression",
        metrics={"accuracy": 0.75, "test_auc": 0.81},
        faults=[],
    )


def test_show_tells_what_a_version_is_made_of(gms, git: Git):
    manifest = Store.open("models").show("churn")
    environment = manifest.environment
    stdout, stderr, code = gms("show", "churn")

    head, _, rest = stdout.partition("Made by\n")
    assert head == (
        "churn 1.1.0 is in production since 2026-03-06 14:05 UTC\n"
        "  why          beats 1.0.0 by 0.02\n"
        "  registered   2026-03-05 14:05 UTC by Ada Lovelace <ada@example.org>\n"
        "  trained      2026-03-03 14:05 UTC\n"
        "  parent       1.0.0\n"
        f"  commit       {git('rev-parse', 'churn@v1.1.0^{commit}')}\n"
        "\n"
        "Pipeline: LogisticRegression for classification\n"
        "  ├─ standardscaler      StandardScaler\n"
        "  └─ logisticregression  LogisticRegression\n"
        "  set          logisticregression__C=3.0\n"
        "  classes      no, yes\n"
        "\n"
        "Metrics\n"
        "            1.1.0  1.0.0  change\n"
        "  accuracy   0.76   0.75   +0.01\n"
        "  test_auc   0.83   0.81   +0.02\n"
        "\n"
    )
    assert rest.startswith(
        "  code         no repository recorded\n"
        f"  environment  python {environment.python} (linux-x86_64), "
        f"scikit-learn {environment.pins['scikit-learn']},"
    )
    artifact = manifest.artifact("pipeline.joblib")
    size = f"{artifact.size_bytes / 1000:.1f}"
    assert ["pipeline.joblib", size, "kB", f"sha256:{artifact.sha256[:12]}"] in [
        line.split() for line in rest.splitlines()
    ]
    assert (stderr, code) == ("", 0)


def test_show_tells_message_data_target_and_card(gms):
    stdout = gms("show", "churn@1.0.0").stdout

    assert "\n    first try\n" in stdout
    assert "\n  target       left\n" in stdout
    assert "\n  intended use to call customers before they leave\n" in stdout
    assert "\n  train        " in stdout


def test_show_as_json_holds_the_manifest(gms):
    document = json.loads(gms("show", "churn", "--json").stdout)

    assert document["manifest"] == json.loads(Path("models/models/churn/manifest.json").read_text())
    assert document["parent_metrics"] == {"accuracy": 0.75, "test_auc": 0.81}
    assert document["status"] == "production"


def test_log_tells_every_event_newest_first(session, git: Git):
    oids = git("log", "--format=%H").split()
    lines = [oid[:7] for oid in oids]
    session(f"""
$ gms log churn -n 2
churn 1.1.0 promoted to production, was registered
Date:   2026-03-06 14:05 UTC
Author: Ada Lovelace <ada@example.org>
Commit: {oids[2]}

    beats 1.0.0 by 0.02

churn 1.0.0 archived, was in production
Date:   2026-03-06 14:05 UTC
Author: Ada Lovelace <ada@example.org>
Commit: {oids[2]}

    beats 1.0.0 by 0.02
$ gms log --oneline
{lines[0]} 2026-03-08 fraud 1.0.0 promoted to staging, was registered
{lines[1]} 2026-03-07 fraud 1.0.0 registered
{lines[2]} 2026-03-06 churn 1.1.0 promoted to production, was registered (beats 1.0.0 by 0.02)
{lines[2]} 2026-03-06 churn 1.0.0 archived, was in production (beats 1.0.0 by 0.02)
{lines[3]} 2026-03-05 churn 1.1.0 registered
{lines[4]} 2026-03-04 churn 1.0.0 promoted to production, was registered (the first)
{lines[5]} 2026-03-03 churn 1.0.0 registered
""")


def test_log_as_json(gms, git: Git):
    event = {"kind": "promoted", "model": "fraud", "version": "1.0.0", "before": "registered"}
    event |= {"after": "staging", "at": "2026-03-08T14:05:00Z", "commit": git("rev-parse", "HEAD")}
    assert json.loads(gms("log", "fraud", "-n1", "--json").stdout) == {
        "events": [EVENT | event],
        "faults": [],
    }


def test_which_answers_with_the_version_first(session, git: Git):
    session(f"""
$ gms which churn
churn 1.1.0
  in production since 2026-03-06 14:05 UTC
  by     Ada Lovelace <ada@example.org>
  why    beats 1.0.0 by 0.02
  commit {git("log", "-1", "--format=%H", "--grep=promote churn 1.1.0")}
$ gms which churn --at 2026-03-05
churn 1.0.0
  in production since 2026-03-04 14:05 UTC
  until  2026-03-06 14:05 UTC
  by     Ada Lovelace <ada@example.org>
  why    the first
  commit {git("log", "-1", "--format=%H", "--grep=promote churn 1.0.0")}
""")


def test_which_as_json(gms, git: Git):
    document = json.loads(gms("which", "churn", "--at=2026-03-05", "--json").stdout)

    assert document == version_document(
        *("churn", "1.0.0", "production"),
        commit=git("rev-parse", "churn@v1.0.0^{commit}"),
        since="2026-03-04T14:05:00Z",
        until="2026-03-06T14:05:00Z",
        by=ADA,
        reason="the first",
        since_commit=git("log", "-1", "--format=%H", "--grep=promote churn 1.0.0"),
        dated_at=None,
        withdrawal=None,
    )


@pytest.mark.parametrize(
    "ref",
    ["churn", "churn:latest", "models:/churn@production", "churn@production@{2026-03-31 10:00}"],
)
def test_cat_splits_at_the_last_colon(program, ref, git: Git):
    outcome = program("-C", "models", "cat", f"{ref}:requirements.txt")

    assert outcome == (git("show", "churn@v1.1.0:models/churn/requirements.txt") + "\n", "", 0)


def test_cat_as_json(gms):
    document = json.loads(gms("cat", "churn:requirements.txt", "--json").stdout)

    assert (document["path"], document["base64"]) == ("requirements.txt", None)
    assert document["text"] == Path("models/models/churn/requirements.txt").read_text()
    assert document["size_bytes"] == len(document["text"])


def test_get_writes_plain_files_where_it_is_told(gms):
    stdout, stderr, code = gms("get", "churn@1.0.0", "-o", "there")

    assert (stdout, code) == ("there\n", 0)
    assert stderr.startswith("note: churn 1.0.0: 6 files, ")
    assert sorted(path.name for path in Path("there").iterdir()) == [
        *(".gitattributes", "README.md", "environment.txt", "manifest.json"),
        *("pipeline.joblib", "requirements.txt"),
    ]


def test_get_as_json(gms, place: Path):
    document = json.loads(gms("--json", "get", "churn").stdout)

    assert document["path"] == str(place / "churn-1.1.0")
    assert [file["path"] for file in document["files"]][-1] == "requirements.txt"
    assert gms("get", "fraud@1.0.0", "-q") == ("fraud-1.0.0\n", "", 0)


def test_an_empty_store_is_said_to_be_empty(session, tmp_path):
    empty = Store.init(tmp_path / "empty").path

    session(f"""
$ gms -C {empty} list
2> note: the store is empty; `gms register NAME FILE` adds a model
$ gms -C {empty} list --json
{{
  "models": [],
  "unread": []
}}
$ gms -C {empty} log
""")
