"""`gms demo`, judged by the facts that it reports, by plain git, and by what it prints."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.demo.conftest import Demo, Run

CREDIT = ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "2.0.1"]


def _versions(demo: Demo, model: str = "credit") -> list[dict]:
    return [one for one in demo.facts["versions"] if one["model"] == model]


@pytest.mark.long  # the demo of TestStory runs in every run
class TestFacts:
    def test_each_kind_of_change_raises_its_part_of_the_number(self, demo):
        assert [one["version"] for one in _versions(demo)] == CREDIT
        assert [one["version"] for one in _versions(demo, "breast-cancer")] == ["1.0.0"]

    def test_the_earlier_version_is_in_production_and_the_bad_one_withdrawn(self, demo):
        statuses = [one["status"] for one in _versions(demo)]
        assert statuses == ["archived", "archived", "archived", "production", "withdrawn"]

    def test_each_good_version_tests_better_than_the_one_before(self, demo):
        found = [one["metrics"]["test_auc"] for one in _versions(demo)[:-1]]

        assert found == sorted(set(found))
        assert all({"cv_auc", "cv_auc_std"} <= one["metrics"].keys() for one in _versions(demo))

    def test_what_is_loaded_agrees_with_what_was_trained_to_the_last_bit(self, demo):
        agreement = demo.facts["agreement"]

        assert agreement["version"] == "2.0.0"
        assert agreement["trained_auc"] == agreement["loaded_auc"]
        assert agreement["identical"] is True

    def test_the_bad_version_tests_best_and_does_worse_on_fresh_loans(self, demo):
        *good, bad = [one["metrics"]["test_auc"] for one in _versions(demo)]
        fresh = demo.facts["fresh_auc"]

        assert bad > max(good) + 0.1
        assert fresh["2.0.1"] < fresh["2.0.0"] - 0.03

    def test_the_rollback_goes_to_the_last_good_version_with_a_reason(self, demo):
        back = demo.facts["rollback"]

        assert (back["from"], back["to"]) == ("2.0.1", "2.0.0")
        assert back["reason"] == "scores from after the outcome"

    def test_on_the_day_asked_about_the_bad_version_was_live(self, demo):
        live = demo.facts["production_at"]

        assert live["version"] == "2.0.1"
        assert live["since"] < live["date"] < live["until"]

    def test_versions_name_the_commit_of_the_code_that_trained_them(self, demo):
        ours = demo.git("rev-list", "--reverse", "HEAD", store=False).split()
        trained_by = [one["code_commit"] for one in _versions(demo)]

        assert trained_by == [ours[0], ours[0], ours[1], ours[2], ours[2]]

    def test_the_code_was_as_committed_and_the_data_files_are_known(self, demo):
        text = demo.git("show", "credit@v2.0.0:models/credit/manifest.json")
        manifest = json.loads(text)

        assert manifest["code"]["dirty"] is False
        assert [(one["role"], one["uri"]) for one in manifest["data"]] == [
            ("train", "data/loans-v2.csv"),
            ("test", "data/test-v1.csv"),
        ]

    def test_nobody_is_made_up_where_git_knows_a_name(self, demo):
        assert demo.facts["demo_user"] is None
        assert demo.git("log", "--format=%an").split("\n")[0] == "Ada Lovelace"
        assert demo.run("git", "config", "--local", "user.name", cwd=demo.folder, code=1)

    def test_the_paths_are_those_of_the_project_and_its_store(self, demo):
        assert Path(demo.facts["path"]) == demo.folder
        assert Path(demo.facts["store"]) == demo.folder / "models"


@pytest.mark.long
class TestPlainGit:
    @pytest.mark.parametrize("store", [True, False], ids=["store", "project"])
    def test_finds_nothing_wrong_and_nothing_uncommitted(self, demo, store):
        done = demo.run(
            "git", "fsck", "--strict", "--no-progress", cwd=demo.folder / ("models" * store)
        )

        assert done.stdout + done.stderr == ""
        assert demo.git("status", "--porcelain", store=store) == ""

    def test_has_a_tag_for_every_version_and_no_other(self, demo):
        assert sorted(demo.git("tag", "--list").split()) == sorted(
            one["tag"] for one in demo.facts["versions"]
        )
        for one in demo.facts["versions"]:
            assert demo.git("rev-parse", f"{one['tag']}^{{commit}}").strip() == one["commit"]

    def test_shows_the_folder_of_the_version_that_serves_again(self, demo):
        assert demo.git("diff", "--stat", "credit@v2.0.0", "HEAD", "--", "models/credit") == ""

    def test_dates_never_run_backwards(self, demo):
        found = [int(line) for line in demo.git("log", "--reverse", "--format=%ct").split()]

        assert found == sorted(found)
        assert found[-1] < time.time()


class TestStory:
    def test_fits_eighty_columns_without_escape_sequences_where_no_terminal_is(self, told):
        lines = [line for line in told.splitlines() if not line.startswith("/")]  # a long path

        assert [line for line in lines if len(line) > 80] == []
        assert "\x1b" not in told

    def test_says_that_the_demo_names_itself_to_a_git_that_knows_nobody(self, told):
        assert "git does not know your name here, so the demo sets one:" in told
        assert "$ git config user.name 'Demo User'" in told
        assert "$ git -C models config user.email demo@example.org" in told
        assert "Demo User <demo@example.org>" in told

    def test_says_why_every_version_got_its_number(self, told):
        said = [line for line in told.splitlines() if line.startswith("credit ") and "(" in line]

        assert said[:5] == [
            "credit 1.0.0 (the first version)",
            "credit 1.0.1 (patch: retrained)",
            "credit 1.1.0 (minor: gradientboostingclassifier__max_depth: 3 -> 2 and 1 more)",
            "credit 2.0.0 (major: column 'employment_years' was added)",
            "credit 2.0.1 (patch: retrained)",
        ]

    def test_a_service_started_afterwards_answers_with_the_earlier_version(self, told):
        assert "$ python serve.py\ncredit 2.0.0 says" in told

    def test_ends_with_where_the_store_is_and_what_to_try(self, told):
        *_, last = told.partition("\nDone in ")

        assert "The store is 'told/models'; nothing was removed." in last
        assert [line[2:].partition("  ")[0] for line in last.splitlines() if line[:2] == "$ "] == [
            "cd told",
            "gms list",
            "gms show credit@production",
            "git -C models log -p --stat",
        ]


def test_ctrl_c_leaves_what_was_done_whole(start_gms, stranger: Run, tmp_path):
    running = start_gms("demo", "cut", cwd=tmp_path)
    assert any("promote breast-cancer@latest" in line for line in running.stdout)
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=30)

    assert running.returncode == 130
    assert "'cut' is complete up to this point" in said
    for args in (("fsck", "--strict", "--no-progress"), ("status", "--porcelain")):
        done = stranger("git", *args, cwd=tmp_path / "cut" / "models")
        assert done.stdout + done.stderr == ""
