"""README.md of a store: what a git host shows of its models, and what becomes of it in merges."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from gitmodelstore import Store
from gitmodelstore.values import overview

from .looks import git

SETTINGS = 'schema = "1.0"\n'


def page(store: Store) -> str:
    return git(store.path, "show", "HEAD:README.md")


def cells(store: Store, model: str) -> list[str]:
    """The cells of a row as a browser shows them."""
    html = MarkdownIt("commonmark", {"html": True}).render(page(store))
    row = next(row for row in html.split("<tr>") if f'"models/{model}/README.md"' in row)
    return [" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in row.split("</td>")[:-1]]


def edit(store: Store, name: str, text: str) -> None:
    (store.path / name).write_text(text)
    git(store.path, "add", name)
    git(store.path, "commit", "--quiet", "-m", f"edit {name}")


@pytest.fixture
def day(churn: Store) -> str:
    return f"{churn.log()[0].when:%Y-%m-%d}"


class TestKept:
    def test_the_first_version_makes_it(self, churn):
        assert cells(churn, "churn") == ["churn", "–", "–", "–"]
        assert "last registered or rolled back to" in page(churn)
        assert git(churn.path, "status", "--porcelain") == ""

    def test_it_says_since_when_and_who_and_one_metric(self, churn, refitted, day):
        churn.register(refitted, "churn", metrics={"roc_auc": 0.91, "f1": 0.5}, code=None)
        churn.promote("churn@1.1.0", "production")
        churn.promote("churn@1.0.0", "staging")

        by_ada = f"since {day} by Ada Lovelace"
        assert cells(churn, "churn") == [
            "churn", f"1.1.0 {by_ada}", f"1.0.0 {by_ada}", "f1 0.5"
        ]  # fmt: skip

    def test_the_metric_is_what_the_gate_of_production_asks_for(self, churn, refitted):
        edit(churn, "modelstore.toml", SETTINGS + '[gates.production]\nmetrics=["roc_auc>=0.9"]')
        churn.register(refitted, "churn", metrics={"roc_auc": 0.91, "f1": 0.5}, code=None)
        churn.promote("churn@1.1.0", "production")
        assert cells(churn, "churn")[3] == "roc_auc 0.91"

    def test_what_leaves_a_status_leaves_the_row(self, churn, refitted, day):
        churn.register(refitted, "churn", code=None)
        churn.promote("churn@1.0.0", "production")
        churn.promote("churn@1.1.0", "production")
        churn.rollback("churn")
        assert cells(churn, "churn")[1] == f"1.0.0 since {day} by Ada Lovelace"
        churn.withdraw("churn@1.0.0", reason="it was wrong", vacate=True)
        assert cells(churn, "churn")[1:3] == ["–", "–"]

    def test_many_in_staging_are_counted(self, churn, fitted):
        for number in range(1, 6):
            churn.register(fitted, "churn", version=f"1.{number}.0", code=None)
            churn.promote(f"churn@1.{number}.0", "staging")
        assert re.fullmatch(
            r"1\.5\.0 .*1\.4\.0 .*1\.3\.0 .* and 2 more versions", cells(churn, "churn")[2]
        )
        churn.archive("churn@1.5.0")
        assert re.fullmatch(
            r"1\.4\.0 .*1\.2\.0 since .* and 1 more version", cells(churn, "churn")[2]
        )

    def test_a_version_more_does_not_change_it(self, churn, refitted):
        before = page(churn)
        churn.register(refitted, "churn", code=None)
        assert page(churn) == before
        assert "README.md" not in git(churn.path, "show", "--name-only", "--format=").split()

    def test_the_text_around_it_is_the_teams(self, churn):
        edit(churn, "README.md", f"# Fraud team\n\n{page(churn)}\nAsk #fraud.\n")
        churn.promote("churn@1.0.0", "production")
        assert page(churn).startswith("# Fraud team\n")
        assert page(churn).endswith("Ask #fraud.\n")
        assert cells(churn, "churn")[1].startswith("1.0.0 since")

    def test_a_page_without_the_marks_is_left_alone(self, churn):
        edit(churn, "README.md", "ours\n")
        churn.promote("churn@1.0.0", "production")
        assert page(churn) == "ours\n"

    def test_settings_turn_it_off(self, store, fitted):
        edit(store, "modelstore.toml", SETTINGS + "[store]\nreadme = false\n")
        store.register(fitted, "churn", code=None)
        assert "README.md" not in git(store.path, "ls-tree", "--name-only", "HEAD").split()

    def test_who_is_editing_it_keeps_the_edit(self, churn, notes):
        (churn.path / "README.md").write_text("half a sentence")
        store = Store.open(churn.path, durable=False, notify=notes.append)
        store.promote("churn@1.0.0", "production")
        assert (churn.path / "README.md").read_text() == "half a sentence"
        assert notes == ["README.md was left as it is: somebody is editing it"]

    def test_what_it_missed_meanwhile_does_not_show_in_dates(self, churn, refitted):
        clock = [datetime(2027, 1, day, tzinfo=timezone.utc) for day in (1, 2, 3, 4)]
        store = Store.open(churn.path, durable=False, now=lambda: clock[0])
        store.register(refitted, "churn", code=None)
        store.promote("churn@1.0.0", "production")
        before, clock[0] = (store.path / "README.md").read_bytes(), clock[1]
        (store.path / "README.md").write_text("half a sentence")
        store.promote("churn@1.1.0", "production")
        (store.path / "README.md").write_bytes(before)
        clock[0] = clock[2]
        store.promote("churn@1.0.0", "production")
        assert cells(store, "churn")[1].startswith("1.0.0 since 2027-01-03")

    def test_a_store_from_before_gets_one_with_the_next_event(self, churn, refitted, day):
        churn.promote("churn@1.0.0", "production")
        git(churn.path, "rm", "--quiet", "README.md")
        git(churn.path, "commit", "--quiet", "-m", "as before")
        churn.register(refitted, "churn", code=None)
        assert cells(churn, "churn")[1] == f"1.0.0 since {day} by Ada Lovelace"

    def test_equal_histories_have_equal_pages(self, churn, tmp_path):
        churn.promote("churn@1.0.0", "production")
        first = page(churn)
        git(churn.path, "rm", "--quiet", "README.md")
        git(churn.path, "commit", "--quiet", "-m", "gone")
        churn.annotate("churn@1.0.0", {"ticket": "A-17"})
        churn.promote("churn@1.0.0", "staging", vacate=True, reason="a drill")
        churn.promote("churn@1.0.0", "production")
        assert page(churn) == first

    def test_names_are_text(self, churn, monkeypatch):
        name = "</td><script>alert(1)</script> [x](javascript:1) & \u202e"
        monkeypatch.setenv("GIT_AUTHOR_NAME", name.replace("<", "").replace(">", ""))
        churn.promote("churn@1.0.0", "production")
        shown = overview.Since.of(churn.log()[0].when, name).who
        assert "<" not in shown
        assert "\u202e" not in shown
        assert len(overview.Since.of(churn.log()[0].when, "x" * 10**6).who) <= 60
        assert "<script" not in page(churn)
        assert "\u202e" not in page(churn)


class TestMerged:
    @pytest.fixture
    def two(self, churn: Store, fitted, tmp_path: Path) -> tuple[Store, Path]:
        """A store with the models churn and loans, and a clone of it by plain git."""
        churn.register(fitted, "loans", code=None)
        git(tmp_path, "clone", "--quiet", str(churn.path), "clone")
        return churn, tmp_path / "clone"

    def test_two_models_merge_without_a_driver(self, two):
        store, clone = two
        store.promote("churn@1.0.0", "production")
        Store.open(clone, durable=False).promote("loans@1.0.0", "production")
        git(clone, "pull", "--quiet", "--no-rebase", "--no-edit")
        merged = Store.open(clone, durable=False)
        assert cells(merged, "churn")[1].startswith("1.0.0")
        assert cells(merged, "loans")[1].startswith("1.0.0")
        assert not merged.validate()
        assert git(clone, "status", "--porcelain") == ""

    def test_two_versions_in_one_status_merge_and_the_next_event_sets_it_right(
        self, churn, fitted, tmp_path
    ):
        churn.register(fitted, "churn", version="1.1.0", code=None)
        git(tmp_path, "clone", "--quiet", str(churn.path), "clone")
        Store.init(tmp_path / "clone")  # the driver for registry.json
        theirs = Store.open(tmp_path / "clone", durable=False)
        churn.promote("churn@1.0.0", "staging")
        theirs.promote("churn@1.1.0", "staging")
        git(theirs.path, "pull", "--quiet", "--no-rebase", "--no-edit")
        assert not theirs.validate()

        theirs.promote("churn@1.1.0", "production")

        _, production, staging, _ = cells(theirs, "churn")
        assert production.startswith("1.1.0 since")
        assert staging.startswith("1.0.0 since")
        assert page(theirs).count("1.1.0 since") == page(theirs).count("1.0.0 since") == 1

    def test_pull_writes_it_again_and_keeps_what_people_wrote(self, two):
        store, clone = two
        store.promote("churn@1.0.0", "production")
        ours = Store.open(clone, durable=False)
        ours.promote("loans@1.0.0", "production")
        edit(ours, "README.md", "Ask #fraud.\n\n" + page(ours))
        ours.pull()
        assert page(ours).startswith("Ask #fraud.\n")
        assert cells(ours, "churn")[1].startswith("1.0.0")
        assert cells(ours, "loans")[1].startswith("1.0.0")
        assert git(clone, "rev-list", "--merges", "--count", "HEAD") == "0\n"


def test_more_models_than_a_page_holds_are_counted():
    row = overview.ModelRow("m", ({}, {}), None).render()
    text = overview.with_rows(None, [row], 1000)
    assert "1,000 more models: `gms list`" in text
    assert overview.rows_of(text) == {"m": row}
