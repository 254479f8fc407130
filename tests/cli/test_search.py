"""`gms search` and `gms log -G`: what they print, and their exit codes."""

from __future__ import annotations

import json

import pytest

from gitmodelstore.values.query import top_names

from .conftest import ADA, version_document

FIELDS = ", ".join(top_names())


def test_search(session):
    """Matches with what was asked for; sorted, cut, and where there are none."""
    session("""
$ gms search "metrics.test_auc > 0.8 and status != 'withdrawn'"
MODEL  VERSION  STATUS      REGISTERED  BY            metrics.test_auc
churn  1.1.0    production  2026-03-05  Ada Lovelace              0.83
churn  1.0.0    archived    2026-03-03  Ada Lovelace              0.81
$ gms search "model in ['churn', 'fraud']" --sort -params.logisticregression__C -n 2
MODEL  VERSION  STATUS      REGISTERED  BY            params.logisticregression__C
churn  1.1.0    production  2026-03-05  Ada Lovelace                             3
churn  1.0.0    archived    2026-03-03  Ada Lovelace                             1
2> note: 1 more version: leave out -n to see all
$ gms search 'target == "left" or message == "" or data ~ "train"'
MODEL  VERSION  STATUS      REGISTERED  BY            target  message    data
churn  1.1.0    production  2026-03-05  Ada Lovelace  -                  []
churn  1.0.0    archived    2026-03-03  Ada Lovelace  left    first try  ["train"]
fraud  1.0.0    staging     2026-03-07  Ada Lovelace  -                  []
$ gms search 'message == ""' --model fraud
MODEL  VERSION  STATUS   REGISTERED  BY            message
fraud  1.0.0    staging  2026-03-07  Ada Lovelace
$ gms search 'metrics.test_auc > 0.9'
= 1
$ gms search 'metrics.test_auk > 0.9'
2> note: no version has 'metrics.test_auk': did you mean 'metrics.test_auc'?
= 1
$ gms search 'metrics.test_auk > 0.9' -q --json
{
  "versions": [],
  "unread": []
}
= 1
$ gms log -G features=age
= 1
""")


def test_search_fits_the_terminal(session, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    session("""
$ gms search 'metrics.test_auc > 0.82'
MODEL  VERSION  STATUS      REGISTERED  metrics.test_auc  +1
churn  1.1.0    production  2026-03-05              0.83
""")
    monkeypatch.setenv("COLUMNS", "40")
    session("""
$ gms search 'metrics.test_auc > 0.82'
MODEL  VERSION  STATUS      metrics…  +2
churn  1.1.0    production      0.83
""")


def versions(outcome):
    return ["@".join(line.split()[:2]) for line in outcome.stdout.splitlines()[1:]]


@pytest.mark.parametrize(
    "who", ["Ada Lovelace", "ada@example.org", "Ada Lovelace <ada@example.org>"]
)
def test_search_for_a_person_by_name_or_address(gms, who):
    everything = ["churn@1.1.0", "churn@1.0.0", "fraud@1.0.0"]

    assert versions(gms("search", f'author == "{who}"')) == everything
    assert versions(gms("search", f'author in ["Bo", "{who}"]')) == everything
    assert versions(gms("search", f'"{who}" == author and author ~ "LOVE"')) == everything
    assert gms("search", f'author != "{who}"').code == 1
    assert gms("search", 'author == "Ada" or author == "example.org" or author == 1').code == 1


def test_search_for_what_was_annotated(gms, session):
    gms("annotate", "churn@1.0.0", "validation_auc=0.83", "approval=A-17", "stale=true")
    gms("annotate", "churn@1.0.0", "validation_auc=0.85", "stale=")
    gms("annotate", "fraud@1.0.0", "validation_auc=0.5")

    session("""
$ gms search "annotations.validation_auc >= 0.6"
MODEL  VERSION  STATUS    REGISTERED  BY            annotations.validation_auc
churn  1.0.0    archived  2026-03-03  Ada Lovelace                        0.85
$ gms search annotations.stale
2> note: no version has 'annotations.stale'
= 1
$ gms search "annotations.aproval == 'A-17'"
2> note: no version has 'annotations.aproval': did you mean 'annotations.approval'?
= 1
$ gms log -G annotations.approval
2> error: 'annotations' is not a field of the manifest
2> hint: see `gms log`
= 1
""")
    assert versions(gms("search", '"approval" in annotations')) == ["churn@1.0.0"]
    assert versions(gms("search", "annotations == null")) == ["churn@1.1.0"]
    by_auc = gms("search", "annotations != null", "--sort", "annotations.validation_auc")
    assert versions(by_auc)[0] == "fraud@1.0.0"
    for args in (["approval == 'A-17'"], ["code.dirty", "--sort=-approval"]):
        assert gms("search", *args).stderr.endswith("hint: did you mean 'annotations.approval'?\n")


def test_search_as_json(gms):
    stdout, stderr, code = gms("search", "metrics.test_auc > 0.82", "--json")

    assert (stderr, code) == ("", 0)
    document = json.loads(stdout)
    assert len(document["versions"][0].pop("commit")) == 40
    assert document == {
        "versions": [
            version_document(
                *("churn", "1.1.0", "production"),
                created_at="2026-03-05T14:05:00Z",
                author=ADA,
                values={"metrics.test_auc": 0.83},
            )
        ],
        "unread": [],
    }


def test_search_points_at_what_is_wrong(gms):
    assert gms("search", "code.dirty and\x1b[31m") == (
        "",
        "error: column 15: '\\x1b' means nothing here\n"
        "       code.dirty and [31m\n"
        "                     ^\n"
        "hint: write text in quotes, and a name with such a character too\n",
        2,
    )


# gms log -G


def test_log_tells_how_a_field_changed(session, git):
    first, second = git("rev-parse", *(f"churn@v1.{n}.0^{{commit}}" for n in (0, 1))).split()
    session(f"""
$ gms log -G params.logisticregression__C churn --oneline
{second[:7]} 2026-03-05 churn 1.1.0 params.logisticregression__C: 1 -> 3
{first[:7]} 2026-03-03 churn 1.0.0 params.logisticregression__C: 1
$ gms log -G params.logisticregression__C=1 churn --oneline
{first[:7]} 2026-03-03 churn 1.0.0 params.logisticregression__C: 1
$ gms log churn -G data -n 1 --oneline
{second[:7]} 2026-03-05 churn 1.1.0 data: -train
$ gms log churn -G target -n 1 --oneline
{second[:7]} 2026-03-05 churn 1.1.0 target: left -> none
$ gms log churn -G data=train
churn 1.0.0 data: +train
Date:   2026-03-03 14:05 UTC
Author: Ada Lovelace <ada@example.org>
Commit: {first}

    first try
""")


def test_log_of_a_field_as_json(gms):
    stdout, stderr, code = gms("log", "churn", "-G", "metrics.test_auc", "-n1", "--json")

    document = json.loads(stdout)
    assert (len(document["changes"][0].pop("commit")), stderr, code) == (40, "", 0)
    assert document == {
        "changes": [
            version_document(
                *("churn", "1.1.0", "production"),
                parent="1.0.0",
                field="metrics.test_auc",
                before=0.81,
                after=0.83,
                created_at="2026-03-05T14:05:00Z",
                author=ADA,
                message=None,
            )
        ],
        "unread": [],
    }
