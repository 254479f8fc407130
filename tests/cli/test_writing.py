"""The commands that write: init, register, promote, archive, withdraw, rollback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore.cli.main import main
from gitmodelstore.store import Store

from .conftest import version_document

Git = Callable[..., str]


# init


def test_init_makes_a_store_in_the_current_folder(gms, place, capsys, monkeypatch):
    (place / "new").mkdir()
    monkeypatch.chdir(place / "new")

    assert main(["init"]) == 0

    assert capsys.readouterr() == (f"{place}/new\n", "note: created a model store\n")
    assert Store.open(place / "new").models() == ()


@pytest.mark.usefixtures("unchanged")
def test_init_of_a_store_says_that_it_is_one(session, place):
    session(f"""
$ gms init
{place}/models
2> note: it is already a model store; nothing was changed
""")


def test_init_inside_a_code_repository_makes_models(place, capsys, monkeypatch):
    code = place / "code"
    subprocess.run(["git", "init", "-q", str(code)], check=True)
    (code / "pyproject.toml").write_text('[project]\nname = "training"\n')
    (code / "src").mkdir()
    monkeypatch.chdir(code / "src")

    assert main(["init"]) == 0
    assert capsys.readouterr() == (
        f"{code}/models\n",
        "note: created a model store\n"
        "note: the code repository ignores it: /models/ is in .git/info/exclude\n"
        'note: pyproject.toml names it: [tool.gitmodelstore] store = "models"\n',
    )
    assert main(["list", "--json"]) == 0


def test_init_bare_as_json(place, capsys):
    assert main(["init", "--bare", "served.git", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "path": f"{place}/served.git",
        "created": True,
        "notes": ["created a model store"],
        "rules": [],
    }
    assert (place / "served.git" / "HEAD").is_file()


# register


def test_register_says_number_commit_and_folder(gms, git: Git):
    outcome = gms(
        *("register", "churn", "first.joblib", "-m", "older", "-m", "settings", "--no-code"),
        *("--metric", "accuracy=0.7", "--data", "train=train.csv", "--target", "left"),
    )

    assert outcome == (
        f"churn 1.2.0  {git('rev-parse', 'HEAD')[:7]}  models/churn\n",
        "note: churn 1.2.0 (minor: logisticregression__C: 3.0 -> 1.0)\n",
        0,
    )
    manifest = Store.open("models").show("churn@1.2.0")
    assert manifest.message == "older\n\nsettings"
    assert manifest.metrics == {"accuracy": 0.7}
    assert [dataset.role for dataset in manifest.data] == ["train"]
    assert (manifest.target, manifest.code) == ("left", None)
    date = git("log", "-1", "--format=%cI").replace("Z", "+00:00")
    assert date == "2026-04-01T09:30:00+00:00"  # as git was told


def test_register_as_json(gms, git: Git):
    options = ("--version=2.0.0", "--no-code", "--json")
    stdout, stderr, code = gms("register", "churn", "second.joblib", *options)

    assert (stderr, code) == ("", 0)
    assert json.loads(stdout) == version_document(
        *("churn", "2.0.0", "registered"),
        commit=git("rev-parse", "HEAD"),
        path="models/churn",
        created=True,
        needs_trust=[],
        proposal=None,
    )


def test_register_reads_metrics_card_and_custom_fields_from_files(gms, place):
    (place / "metrics.json").write_text('{"auc": 0.9, "loss": 1}')
    (place / "card.json").write_text('{"limitations": "small", "Ethics": "none"}')
    (place / "custom.json").write_text('{"ticket": 7}')

    gms(
        *("register", "churn", "first.joblib", "--no-code", "--bump", "major"),
        *("--metrics", "metrics.json", "--metric", "auc=0.8", "--card", "card.json"),
        *("--limitations", "very small", "--custom", "custom.json"),
    )

    manifest = Store.open("models").show("churn@2.0.0")
    assert manifest.metrics == {"auc": 0.8, "loss": 1}
    assert manifest.card.limitations == "very small"
    assert manifest.card.sections == {"Ethics": "none"}
    assert manifest.custom == {"ticket": 7}


@pytest.mark.usefixtures("unchanged")
def test_register_if_changed_writes_nothing_when_nothing_differs(session, git: Git):
    session(f"""
$ gms register fraud first.joblib --no-code --if-changed
fraud 1.0.0  {git("rev-parse", "--short=7", "fraud@v1.0.0^{commit}")}  models/fraud
2> note: nothing has changed since fraud 1.0.0, so nothing was written
""")


def test_register_records_the_repository_around_the_working_directory(place, monkeypatch):
    for folder, branch in (("here", "trunk"), ("there", "side")):
        (place / folder).mkdir()
        for args in (["init", "-qb", branch], ["commit", "-qm", "none", "--allow-empty"]):
            subprocess.run(["git", *args], cwd=place / folder, check=True)
    monkeypatch.chdir(place / "here")

    main(["-C", "../models", "register", "churn", "../first.joblib"])
    main(["-C", "../models", "register", "churn", "../first.joblib", "--code", "../there"])

    store = Store.open("../models")
    assert store.show("churn@1.2.0").code.branch == "trunk"
    assert store.show("churn@1.2.1").code.branch == "side"


def test_register_from_inside_the_store_records_no_code(place, monkeypatch):
    monkeypatch.chdir(place / "models")

    assert main(["register", "churn", "../first.joblib", "-q"]) == 0
    assert Store.open(".").show("churn@1.2.0").code is None


# Moves of status


@pytest.mark.parametrize(
    "text",
    [
        """
$ gms archive churn@1.1.0 --successor 1.0.0
churn 1.0.0 is in production (was 1.1.0, now archived)
$ gms archive churn@1.1.0
churn 1.1.0 is already archived
""",
        """
$ gms withdraw churn@1.0.0 --reason 'leaked labels'
churn 1.0.0 is withdrawn
$ gms yank churn@1.0.0
churn 1.0.0 is already withdrawn
$ gms get churn@1.0.0 -q
churn-1.0.0
2> warning: churn 1.0.0 was withdrawn; see why with `gms log churn`
""",
        """
$ gms rollback churn --reason 'drift in income'
churn 1.0.0 is in production again (was 1.1.0, now withdrawn)
2> note: churn 1.0.0 has no sample, so it is not known whether it still gives the same answers
""",
        """
$ gms rollback churn --to 1.0.0 --keep -q
churn 1.0.0 is in production again (was 1.1.0, now archived)
""",
    ],
    ids=lambda text: text.split()[2],
)
def test_what_a_move_says(session, text):
    session(text)


@pytest.mark.usefixtures("unchanged")
def test_promote_again_changes_nothing(session):
    session("$ gms promote churn@1.1.0 production\nchurn 1.1.0 is already in production")


def test_the_log_says_that_it_was_rolled_back(gms):
    gms("rollback", "churn", "--reason", "drift in income")

    last = gms("log", "churn", "-n2", "--oneline").stdout.splitlines()[1]
    said = "churn 1.0.0 rolled back to production, was archived (drift in income)"
    assert last.endswith(said)


def test_promote_says_who_made_room_and_moves_several_models_in_one_commit(session, git: Git):
    before = git("rev-parse", "HEAD")

    session("""
$ gms promote churn@1.0.0 production --reason calmer
churn 1.0.0 is in production (was 1.1.0, now archived)
$ gms promote churn@1.0.0 fraud@1.0.0 production
fraud 1.0.0 is in production
churn 1.0.0 is already in production
""")
    assert "Reason: calmer" in git("log", "-1", "--format=%B", "HEAD^")
    assert git("rev-parse", "HEAD~2") == before


def test_promote_as_json_tells_the_events(gms):
    first, again = (
        json.loads(gms("--json", "promote", "churn@1.0.0", "production").stdout)["events"]
        for _ in range(2)
    )

    assert [(e["version"], e["before"], e["after"]) for e in first] == [
        ("1.1.0", "production", "archived"),
        ("1.0.0", "archived", "production"),
    ]
    assert again == []


def test_a_damaged_version_does_not_stop_the_list(gms, git: Git):
    gms("register", "fraud", "second.joblib", "--no-code", "--version", "1.0.1")
    path = Path("models/models/fraud/manifest.json")
    path.write_text(path.read_text().replace('"LogisticRegression"', '"Oracle"'))
    git("commit", "-qam", "edit by hand")
    git("tag", "-f", "fraud@v1.0.0", "-m", "moved")

    stdout, stderr, code = gms("list", "fraud")

    assert [line.split()[:3] for line in stdout.splitlines()[1:]] == [
        ["1.0.1", "registered", "2026-04-01"],
        ["1.0.0", "staging", "damaged"],
    ]
    assert stderr.startswith("warning: fraud 1.0.0: tag fraud@v1.0.0 was moved: it points to ")
    assert code == 0
