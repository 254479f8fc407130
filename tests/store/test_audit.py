"""Audit: what happened to a model, in a zip, for somebody who has no tool."""

from __future__ import annotations

import csv
import hashlib
import html.parser
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import pytest

from gitmodelstore import Audit, Store
from gitmodelstore.errors import AlreadyExists, CannotWrite, InvalidReference

from .conftest import once
from .looks import commit_by_hand, git, git_bytes, look, object_file, refusal

MARCH = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
POLICY = 'schema = "1.0"\n\n[gates.production]\nrequire = ["annotations.ticket"]\n'
UNVERIFIED = "no allowed signers are known: gpg.ssh.allowedSignersFile is not set"


class Opened:
    """A zip, unpacked: file name to content, without the name of its folder."""

    def __init__(self, made: Audit) -> None:
        self.made, self.path = made, made.path
        with zipfile.ZipFile(made.path) as archive:
            assert archive.testzip() is None
            self.infos = archive.infolist()
            self.files = {info.filename: archive.read(info) for info in self.infos}

    def __getitem__(self, name: str) -> bytes:
        return self.files[f"churn-audit/{name}"]

    def json(self, name: str):
        return json.loads(self[name])

    @property
    def events(self) -> list[dict]:
        return self.json("events.json")["events"]

    @property
    def names(self) -> list[str]:
        return sorted(name.removeprefix("churn-audit/") for name in self.files)


@pytest.fixture
@once
def churn(store, fitted, refitted) -> Store:
    """A year of churn, a day each step: a policy on the fourth, an override, an annotation."""
    days = count()
    one = Store.open(store.path, durable=False, now=lambda: MARCH + timedelta(days=next(days)))
    one.register(fitted, "churn", message="first", code=None)
    one.promote("churn@1.0.0", "production", reason="the first")
    one.register(refitted, "churn", code=None)
    when = (MARCH + timedelta(days=next(days))).isoformat()
    (store.path / "modelstore.toml").write_text(POLICY)
    git(store.path, "commit", "--quiet", "-a", "-m", "A gate", GIT_COMMITTER_DATE=when)
    one.promote("churn@1.1.0", "production", force=True, reason='=2+3 <b>"now"</b>, é')
    one.annotate("churn@1.0.0", {"ticket": "A-17"}, reason="late")
    one.promote("churn@1.0.0", "production", reason="back")
    one.register(fitted, "fraud", code=None)
    return one


@pytest.fixture
def audit(store, tmp_path) -> Callable[..., Opened]:
    """Write an audit of churn as the store is now, and open it."""

    def write(**options) -> Opened:
        target = tmp_path / f"{len(list(tmp_path.glob('*.zip')))}.zip"
        return Opened(Store.open(store.path).audit("churn", to=target, **options))

    return write


class TestContent:
    def test_every_file_and_its_sum(self, churn, audit, tmp_path):
        found = audit()

        policies = sorted(name for name in found.names if name.startswith("policies/"))
        assert len(policies) == 2
        assert found.names == sorted(
            ["SHA256SUMS", "audit.json", "events.csv", "events.json", "index.html"]
            + [*policies, "registry.json"]
            + ["static/icon.svg", "static/site.css", "static/site.js"]
            + [
                f"versions/{v}/{f}"
                for v in ("1.0.0", "1.1.0")
                for f in ("README.md", "manifest.json")
            ]
        )
        with zipfile.ZipFile(found.path) as archive:
            archive.extractall(tmp_path / "out")
        done = subprocess.run(
            ["sha256sum", "--check", "--strict", "SHA256SUMS"],
            cwd=tmp_path / "out" / "churn-audit",
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(done.stdout.splitlines()) == len(found.names) - 1
        summed = [line.split("  ")[1] for line in found["SHA256SUMS"].decode().splitlines()]
        assert summed == [name for name in found.names if name != "SHA256SUMS"]

    def test_the_events_in_their_order_with_what_explains_them(self, churn, audit):
        told = [
            (e["when"][:10], e["version"], e["kind"], e["why"], e["override"], e["annotations"])
            for e in audit().events
        ]

        why = '=2+3 <b>"now"</b>, é'
        assert told == [
            ("2026-03-01", "1.0.0", "registered", None, None, {}),
            ("2026-03-02", "1.0.0", "promoted", "the first", None, {}),
            ("2026-03-03", "1.1.0", "registered", None, None, {}),
            ("2026-03-05", "1.0.0", "archived", why, None, {}),
            ("2026-03-05", "1.1.0", "promoted", why, why, {}),
            ("2026-03-06", "1.0.0", "annotated", "late", None, {"ticket": "A-17"}),
            ("2026-03-07", "1.0.0", "promoted", "back", None, {}),
            ("2026-03-07", "1.1.0", "archived", "back", None, {}),
        ]

    def test_the_policy_in_force_at_each_event(self, churn, audit):
        found = audit()

        policies = [event["policy"] for event in found.events]
        first, second = policies[0], policies[-1]
        assert policies == [first] * 3 + [second] * 5
        assert found[second].decode() == POLICY
        assert found[first] == git_bytes(
            churn.path, "cat-file", "blob", first.removeprefix("policies/").removesuffix(".toml")
        )

    def test_manifests_and_cards_are_those_of_the_store(self, churn, audit):
        found = audit()

        for number in ("1.0.0", "1.1.0"):
            for name in ("manifest.json", "README.md"):
                assert found[f"versions/{number}/{name}"] == git_bytes(
                    churn.path, "cat-file", "blob", f"churn@v{number}:models/churn/{name}"
                )
        assert found["registry.json"] == git_bytes(churn.path, "show", "main:registry.json")

    def test_the_summary(self, churn, audit):
        summary = audit().json("audit.json")

        head = git(churn.path, "rev-parse", "main").strip()
        assert summary["format"] == "gms-audit-1"
        assert summary["head"]["commit"] == head
        assert summary["head"]["holders"] == {"production": ["1.0.0"]}
        assert summary["head"]["statuses"] == {"1.1.0": "archived", "1.0.0": "production"}
        assert (summary["since"], summary["before"], summary["faults"]) == (None, None, [])
        newest, first = summary["versions"]
        assert (newest["version"], first["version"]) == ("1.1.0", "1.0.0")
        assert first["annotations"] == {"ticket": "A-17"}
        artifact = churn.show("churn@1.0.0").artifact("pipeline.joblib")
        assert first["pipeline_sha256"] == artifact.sha256
        assert first["tag"] == "churn@v1.0.0"
        assert first["commit"] == churn.version("churn@1.0.0").commit

    def test_the_table_is_read_by_a_spreadsheet_and_computes_nothing(self, churn, audit):
        text = audit()["events.csv"].decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))

        assert len(rows) == 8
        assert rows[4]["why"] == rows[4]["override"] == '\'=2+3 <b>"now"</b>, é'
        assert rows[5]["annotations"] == '{"ticket": "A-17"}'
        assert rows[0]["signature"] == "not signed"
        assert not [c for row in rows for c in row.values() if c.startswith(("=", "+", "-", "@"))]

    def test_the_page_is_whole_and_escapes_what_people_wrote(self, churn, audit):
        found = audit()
        page = found["index.html"].decode()

        reader = Reader()
        reader.feed(page)
        assert reader.open == []
        assert {link for link in reader.links if link != "#content"} <= set(found.names)
        assert "<b>" not in page
        assert "&lt;b&gt;&#34;now&#34;&lt;/b&gt;" in page
        assert "gate overridden" in page
        assert f"Signatures were not verified: {UNVERIFIED}" in page
        assert reader.scripts == ["static/site.js"]

    def test_artifacts_only_where_they_are_asked_for(self, churn, audit):
        found = audit(artifacts=True)

        assert found["versions/1.0.0/pipeline.joblib"] == churn.read(
            "churn@1.0.0", "pipeline.joblib"
        )
        assert "versions/1.1.0/requirements.txt" in found.names


class Reader(html.parser.HTMLParser):
    """What is open at the end of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: set[str] = set()
        self.scripts: list[str | None] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "link", "input"):
            self.open.append(tag)
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))
        self.links |= {value for name, value in attrs if name == "href"}

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


class TestSince:
    def test_events_are_left_out_and_what_was_in_force_is_said(self, churn, audit):
        found = audit(since="2026-03-05")
        before = found.json("audit.json")["before"]

        days = [event["when"][:10].removeprefix("2026-03-") for event in found.events]
        assert days == ["05", "05", "06", "07", "07"]
        assert before["when"] == "2026-03-04T12:00:00Z"
        assert before["subject"] == "A gate"
        assert before["holders"] == {"production": ["1.0.0"]}
        assert before["statuses"] == {"1.1.0": "registered", "1.0.0": "production"}
        assert found[before["policy"]].decode() == POLICY
        assert "Before 2026-03-05T00:00:00Z" in found["index.html"].decode()
        assert len([name for name in found.names if name.startswith("policies/")]) == 1

    @pytest.mark.parametrize(
        "since",
        [
            "2026-03-05T12:00",
            "2026-03-05T13:00+01:00",
            date(2026, 3, 5),
            datetime(2026, 3, 5, 12, tzinfo=timezone.utc),
        ],
    )
    def test_a_moment_counts_itself_and_a_day_its_first_second(self, churn, audit, since):
        assert audit(since=since).events[0]["when"] == "2026-03-05T12:00:00Z"

    def test_before_there_was_a_store(self, churn, audit):
        found = audit(since="2001-01-01")

        assert len(found.events) == 8
        assert found.json("audit.json")["before"] is None
        assert "The store did not exist yet" in found["index.html"].decode()

    def test_in_the_future_nothing_has_happened(self, churn, audit):
        found = audit(since="2999-01-01")

        assert found.events == []
        assert found.json("audit.json")["before"]["holders"] == {"production": ["1.0.0"]}


class TestSame:
    def test_the_same_head_gives_the_same_bytes(self, churn, audit, tmp_path):
        found = [audit(), audit()]
        git(tmp_path, "clone", "--quiet", "--bare", str(churn.path), "clone.git")
        git(tmp_path / "clone.git", "gc", "--quiet")
        again = Store.open(tmp_path / "clone.git").audit("churn", to=tmp_path / "again.zip")

        assert found[0].path.read_bytes() == found[1].path.read_bytes() == again.path.read_bytes()
        assert again.sha256 == hashlib.sha256(again.path.read_bytes()).hexdigest()
        assert {info.date_time for info in found[0].infos} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in found[0].infos} == {0o100644}

    def test_other_arguments_give_others(self, churn, audit):
        assert audit().path.read_bytes() != audit(since="2026-03-05").path.read_bytes()

    def test_nothing_is_written_into_the_store(self, churn, audit):
        before = look(churn.path)
        audit(artifacts=True)

        assert look(churn.path) == before


class TestPlace:
    def test_a_file_is_not_written_over_unless_that_is_wanted(self, churn, tmp_path):
        target = tmp_path / "a.zip"
        target.write_text("mine")

        assert refusal(churn.audit, "churn", to=target) == (
            AlreadyExists,
            f"'{target}' already exists",
            "name another file with -o FILE.zip, or give --force",
        )
        assert target.read_text() == "mine"
        assert churn.audit("churn", to=target, force=True).path == target
        assert zipfile.is_zipfile(target)
        assert [path.name for path in tmp_path.iterdir() if "a.zip" in path.name] == ["a.zip"]

    def test_a_pipe_or_a_device_stays_one(self, churn, tmp_path):
        target = tmp_path / "a.zip"
        os.mkfifo(target)

        with pytest.raises(CannotWrite, match="is not a regular file"):
            churn.audit("churn", to=target, force=True)

        assert target.is_fifo()

    def test_what_fails_halfway_leaves_nothing(self, churn, tmp_path, monkeypatch):
        """A full disk: the system says so in the middle of the zip."""
        (tmp_path / "out").mkdir()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
        with pytest.raises(CannotWrite, match="No space left on device"):
            churn.audit("churn", to=tmp_path / "out" / "a.zip")

        assert list((tmp_path / "out").iterdir()) == []

    def test_without_a_name_it_is_beside(self, churn, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

        assert churn.audit("churn").path == Path("churn-audit.zip")

    def test_what_cannot_be_understood_writes_nothing(self, churn, tmp_path):
        said = refusal(churn.audit, "churn", since="yesterday", to=tmp_path / "a.zip")

        assert said[:2] == (InvalidReference, "'yesterday' is not a date")
        assert not (tmp_path / "a.zip").exists()


class TestBroken:
    def break_object(self, churn, name: str, content: bytes | None) -> None:
        path = object_file(churn.path, name)
        path.unlink() if content is None else path.write_bytes(content)

    @pytest.mark.parametrize("content", [b"damaged", None])
    def test_a_manifest_that_is_damaged_or_gone_is_named(self, churn, audit, content):
        self.break_object(churn, "churn@v1.1.0:models/churn/manifest.json", content)

        found = audit()

        (fault,) = found.made.faults
        assert fault.startswith("churn 1.1.0: models/churn/manifest.json")
        assert found.json("audit.json")["faults"] == [fault]
        broken, sound = found.json("audit.json")["versions"]
        assert broken["faults"] == [fault]
        assert (sound["faults"], sound["files"]) == ([], ["README.md", "manifest.json"])
        assert broken["files"] == ["README.md"]
        assert "What could not be read" in found["index.html"].decode()
        assert len(found.events) == 8

    def test_a_manifest_that_follows_no_form_is_put_in_as_it_is(self, store, fitted, audit):
        store.register(fitted, "churn", code=None)
        path = store.path / "models" / "churn" / "manifest.json"
        path.write_text(path.read_text().replace('"1.0.0"', '"1.1.0"', 1) + "{")
        registry = store.path / "registry.json"
        entry = '"1.0.0": {\n        "status": "registered"\n      }'
        both = entry.replace("1.0.0", "1.1.0") + f",\n      {entry}"
        registry.write_text(registry.read_text().replace(entry, both))
        git(store.path, "commit", "--quiet", "-a", "-m", "By hand, past every check")

        found = audit()

        assert found.made.versions == 2
        assert [fault.partition(": ")[0] for fault in found.made.faults] == ["churn 1.1.0"]
        assert found["versions/1.1.0/manifest.json"] == path.read_bytes()

    def test_a_tag_that_was_moved_is_named(self, churn, audit):
        git(churn.path, "tag", "-f", "-a", "-m", "moved", "churn@v1.0.0", "main~5")

        made = audit().made

        assert len(made.faults) == 1
        assert "tag churn@v1.0.0 was moved" in made.faults[0]
        assert made.versions == 2

    def test_a_pipeline_that_is_gone_is_named_where_it_is_asked_for(self, churn, audit):
        self.break_object(churn, "churn@v1.1.0:models/churn/pipeline.joblib", None)

        assert audit().made.faults == ()
        (fault,) = audit(artifacts=True).made.faults
        assert fault.startswith("churn 1.1.0: models/churn/pipeline.joblib")

    def test_settings_that_follow_no_form_are_put_in_as_they_are(self, churn, audit):
        commit_by_hand(churn.path, "modelstore.toml", "schema = ")

        found = audit()

        summary = found.json("audit.json")
        assert found[summary["head"]["policy"]] == b"schema = "
        assert summary["head"]["holders"] == {"production": ["1.0.0"]}
        assert len(found.made.faults) == 1


class TestSignatures:
    @pytest.fixture
    def signing(self, store, fitted, desk) -> Store:
        """Ada has signed churn 1.0.0."""
        signing = Store.open(store.path, durable=False)
        signing.register(fitted, "churn", code=None)
        return signing

    def test_who_signed_what(self, signing, desk, audit):
        desk.allow(desk.ada)
        signing.annotate("churn@1.0.0", {"a": 1}, sign=False)
        desk.sit_down(desk.mallory)
        Store.open(signing.path, durable=False).promote("churn@1.0.0", "staging")

        found = audit()

        assert found.made.unverified is None
        assert [(e["kind"], e["signature"]["state"]) for e in found.events] == [
            ("registered", "signed"),
            ("annotated", "not signed"),
            ("promoted", "not valid"),
        ]
        assert found.events[0]["signature"]["signers"] == ["ada@example.org"]
        (version,) = found.json("audit.json")["versions"]
        assert [(one["kind"], one["state"]) for one in version["signatures"]] == [
            ("tag", "signed"),
            ("registered", "signed"),
            ("promoted", "not valid"),
        ]
        assert "signed by ada@example.org" in found["index.html"].decode()

    def test_where_nobody_is_known_the_unsigned_is_told_from_the_unverified(self, signing, audit):
        signing.annotate("churn@1.0.0", {"a": 1}, sign=False)

        found = audit()

        assert found.made.unverified == UNVERIFIED
        states = [event["signature"]["state"] for event in found.events]
        assert states == ["not verified", "not signed"]
        (version,) = found.json("audit.json")["versions"]
        assert [one["state"] for one in version["signatures"]] == ["not verified", "not verified"]

    @pytest.mark.parametrize("since", [None, "2999-01-01"])
    def test_without_the_program_that_verifies(self, signing, desk, audit, since):
        desk.allow(desk.ada)
        desk.set("gpg.ssh.program", "no-such-program")

        found = audit(since=since)

        assert "no-such-program" in found.made.unverified
        assert found.made.faults == ()
        (version,) = found.json("audit.json")["versions"]
        signatures = [*(event["signature"] for event in found.events), *version["signatures"]]
        assert {one["state"] for one in signatures} == {"not verified"}

    def test_approvals_are_events(self, signing, desk, audit):
        desk.allow(desk.ada, desk.grace)
        desk.sit_down(desk.grace)
        Store.open(signing.path, durable=False).approve("churn@1.0.0", "production", reason="read")

        event = audit().events[-1]

        assert (event["kind"], event["approved_for"]) == ("approved", "production")
        assert event["signature"]["signers"] == ["grace@example.org"]
