"""Clocks that go wrong: a commit counts no earlier than the one before it, and it is said.

On 1, 4, 7, … November three versions of churn are registered, then promoted one by one; the
last promotion is made by a machine whose clock is five weeks slow.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
import zipfile
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from itertools import chain, repeat

import pytest

from gitmodelstore import Store
from gitmodelstore.checks.history import effective_date
from gitmodelstore.errors import ClockWarning, VersionNotFound
from gitmodelstore.plumbing import cat_file
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.plumbing.repository import Repository
from tests.store.commands import gms

from .conftest import once
from .looks import hash_object

NOVEMBER = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
SLOW = timedelta(weeks=5)


class Clock:
    def __init__(self) -> None:
        self.now = NOVEMBER

    def day(self, number: int) -> datetime:
        self.now = NOVEMBER + timedelta(days=number - 1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
@once
def made(store, clock, fit) -> Store:
    """1.0.0 to 1.2.0 come on 1, 4 and 7 November; 1.0.0 is live on the 10th, 1.1.0 on the 13th."""
    store = Store.open(store.path, durable=False, now=lambda: clock.now)
    for day, strength in ((1, 1.0), (4, 2.0), (7, 3.0)):
        clock.day(day)
        store.register(fit(C=strength), "churn", code=None)
    for day, version in ((10, "1.0.0"), (13, "1.1.0")):
        clock.day(day)
        store.promote(f"churn@{version}", "production")
    return store


@pytest.fixture
def churn(made, clock) -> Store:
    """The same, on that day."""
    clock.day(13)
    return Store.open(made.path, durable=False, now=lambda: clock.now)


def live(store: Store, when: int | datetime) -> str:
    """Return what was in production at a moment, or on a day of November."""
    at = f"2026-11-{when:02d}" if isinstance(when, int) else when
    return str(store.which("churn", at=at).version.version)


def promoted_by_hand(store: Store, git, version: str, when: datetime) -> str:
    """Promote a version by an edit of registry.json that plain git commits, dated `when`."""
    path = store.path / "registry.json"
    registry = json.loads(path.read_text())
    versions = registry["models"]["churn"]
    for said in versions.values():
        if said["status"] == "production":
            said["status"] = "archived"
    versions[version]["status"] = "production"
    path.write_text(json.dumps(registry, indent=2) + "\n")
    seconds = f"@{int(when.timestamp())} +0000"
    git(store.path, "commit", "-aqm", f"promote {version}", GIT_COMMITTER_DATE=seconds)
    return git(store.path, "rev-parse", "HEAD").strip()


class TestACommitThatIsDatedBeforeItsParent:
    @pytest.fixture
    def slow(self, churn, git) -> Store:
        promoted_by_hand(churn, git, "1.2.0", NOVEMBER + timedelta(days=15) - SLOW)
        return churn

    def test_no_day_before_its_parent_is_answered_in_another_way(self, churn, git):
        promoted_by_hand(churn, git, "1.2.0", NOVEMBER + timedelta(days=15) - SLOW)

        assert [live(churn, day) for day in (10, 11, 12, 14)] == [*["1.0.0"] * 3, "1.2.0"]
        with pytest.raises(VersionNotFound):
            live(churn, 9)
        assert str(churn.version("churn@production@{2026-11-12}").version) == "1.0.0"

    def test_its_events_count_at_the_date_of_the_parent_and_say_so(self, slow):
        promoted, archived, *earlier = slow.log("churn")

        assert promoted.when == archived.when == NOVEMBER + timedelta(days=12)
        assert promoted.clock == archived.clock == NOVEMBER + timedelta(days=15) - SLOW
        assert {event.clock for event in earlier} == {None}
        held = slow.which("churn")
        assert (held.since, held.clock) == (promoted.when, promoted.clock)

    def test_log_which_and_show_say_so(self, slow):
        line = "2026-10-12 12:00 UTC, before its parent; counts as above"

        assert f"\nDated:  {line}\n" in gms(slow, "log").stdout
        assert " (dated 2026-10-12, before its parent)\n" in gms(slow, "log", "--oneline").stdout
        assert f"\n  dated  {line}\n" in gms(slow, "which", "churn").stdout
        assert f"\n  dated        {line}\n" in gms(slow, "show", "churn").stdout
        (promoted, *_) = json.loads(gms(slow, "log", "--json").stdout)["events"]
        assert (promoted["at"], promoted["dated_at"]) == (
            "2026-11-13T12:00:00Z",
            "2026-10-12T12:00:00Z",
        )

    def test_validate_and_doctor_name_it_and_find_nothing_wrong(self, slow, git):
        oid = git(slow.path, "rev-parse", "HEAD").strip()
        what = "dated 2026-10-12T12:00:00Z, before its parent; counts as 2026-11-13T12:00:00Z"

        found = slow.validate()
        done = gms(slow, "validate")
        told = json.loads(gms(slow, "validate", "--json").stdout)

        assert found == ()
        assert [(note.code, note.what, note.commit) for note in found.notes] == [
            ("GMS038", what, oid)
        ]
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"note: {oid[:12]}: {what} [GMS038]\nnote: nothing is wrong\n"
        assert (told["sound"], [note["code"] for note in told["tolerated"]]) == (True, ["GMS038"])
        assert f"{oid[:12]}: {what} [GMS038]" in slow.doctor().notes

    def test_an_audit_names_it(self, slow, tmp_path):
        made = slow.audit("churn", to=tmp_path / "churn.zip")

        with zipfile.ZipFile(made.path) as archive:
            events = json.loads(archive.read("churn-audit/events.json"))["events"]
            page = archive.read("churn-audit/index.html").decode()
            table = archive.read("churn-audit/events.csv").decode()
        assert [event["clock"] for event in events[-2:]] == ["2026-10-12T12:00:00Z"] * 2
        assert "dated 2026-10-12T12:00:00Z, before its parent; counts as the date above" in page
        assert table.count("2026-10-12T12:00:00Z") == 2

    def test_what_follows_a_date_of_the_future_counts_at_that_date(self, churn, git):
        """A clock that is ahead is as wrong: those that are right are then before it."""
        promoted_by_hand(churn, git, "1.2.0", NOVEMBER + timedelta(days=400))
        right = promoted_by_hand(churn, git, "1.1.0", NOVEMBER + timedelta(days=15))

        assert [live(churn, day) for day in (12, 20)] == ["1.0.0", "1.1.0"]
        assert [str(event.version) for event in churn.log("churn")][:2] == ["1.2.0", "1.1.0"]
        assert [note.commit for note in churn.validate().notes] == [right]
        assert churn.which("churn").since == NOVEMBER + timedelta(days=400)

    def test_several_in_a_row_all_count_at_the_last_right_date(self, churn, git):
        for days, version in ((2, "1.2.0"), (1, "1.1.0"), (3, "1.0.0")):
            promoted_by_hand(churn, git, version, NOVEMBER + timedelta(days=days))

        assert live(churn, 12) == "1.0.0"
        assert {event.when for event in churn.log("churn") if event.clock} == {
            NOVEMBER + timedelta(days=12)
        }
        assert len(churn.validate().notes) == 3

    @pytest.mark.parametrize("is_new", [False, True], ids=["a known seed", "a new seed"])
    def test_no_commit_that_is_added_changes_an_answer_about_before(self, churn, git, is_new):
        """Whatever date it bears: each answer stays about all moments before its parent's."""
        seed = int.from_bytes(os.urandom(4), "big") if is_new else 11
        print(f"seed {seed}")
        chance = random.Random(seed)  # noqa: S311 - dates
        answers: dict[int, str] = {}
        latest = NOVEMBER + timedelta(days=12)
        for step in range(6):
            version = f"1.{(step + 2) % 3}.0"
            when = NOVEMBER + timedelta(days=chance.randint(-400, 400), hours=chance.randint(0, 23))
            promoted_by_hand(churn, git, version, when)
            latest = max(latest, when)
            held = churn.which("churn")
            assert (str(held.version.version), held.since) == (version, latest)
            days = [*range(9, (latest - NOVEMBER).days, 23)]
            found = {day: live(churn, NOVEMBER + timedelta(days=day)) for day in days}
            assert {day: found[day] for day in answers} == answers
            answers = found

    def test_clocks_may_differ_by_a_minute_without_a_word(self, churn, git):
        promoted_by_hand(churn, git, "1.2.0", NOVEMBER + timedelta(days=12, seconds=-60))

        assert churn.validate().notes == ()
        assert churn.which("churn").since == NOVEMBER + timedelta(days=12)

    def test_a_version_registered_so_has_that_date_everywhere(
        self, churn, clock, fit, git, tmp_path
    ):
        """As an older release made it: manifest and commit bear the slow clock's date."""
        clock.day(20)
        churn.register(fit(C=4.0), "churn", code=None)
        _date_back(churn, git, clock.now - SLOW)
        counts = NOVEMBER + timedelta(days=12)

        for keep in (True, False, True):
            store = Store.open(churn.path, durable=False, cache=keep)
            assert store.search("version == 1.3.0")[0].created_at == counts
            assert len(store.search("created_at >= 2026-11-13")) == 1
            assert store.frame("churn").loc["churn@1.3.0", "created_at"] == counts
            assert store.blame("params", "churn")[0].version.ref == "churn@1.3.0"
            assert store.blame("params", "churn")[0].when == counts
        listed = {str(one.version): one.created_at for one in churn.listing("churn")}
        assert listed["1.3.0"] == churn.registered_at("churn@1.3.0") == counts
        assert "registered   2026-11-13 12:00 UTC by" in gms(churn, "show", "churn@1.3.0").stdout

    @pytest.mark.parametrize("day", ["1960-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
    def test_dates_of_long_ago_are_no_others(self, churn, day, git, clock):
        oid = _commit_dated(churn, git, int(datetime.fromisoformat(day).timestamp()))

        assert effective_date(churn._repository, oid) == NOVEMBER + timedelta(days=12)
        assert live(churn, 12) == "1.0.0"

    def test_a_date_that_no_calendar_has_is_no_fault_of_ours(self, churn, git):
        oid = _commit_dated(churn, git, 99_999_999_999_999)

        last = datetime(9999, 12, 30, tzinfo=timezone.utc)
        assert effective_date(churn._repository, oid) == last
        with CatFile(churn.path, inherit=False) as objects:
            assert effective_date(objects, oid) == last
        assert live(churn, 12) == "1.0.0"

    def test_the_date_of_the_author_counts_for_nothing(self, churn, git):
        path = churn.path / "registry.json"
        path.write_text(path.read_text().replace('"registered"', '"staging"'))
        when = (NOVEMBER + timedelta(days=14)).isoformat()
        dated = "--date=2001-01-01T00:00:00Z"
        git(churn.path, "commit", "-aqm", "staged", dated, GIT_COMMITTER_DATE=when)

        assert churn.validate().notes == ()
        assert churn.log("churn")[0].when == NOVEMBER + timedelta(days=14)

    def test_a_merge_counts_after_its_first_parent_alone(self, churn, git):
        """What a branch of another clock brings happened when it came."""
        git(churn.path, "checkout", "-qb", "side", "HEAD~1")
        (churn.path / "README.md").write_text("# Models\n")
        git(churn.path, "add", "README.md")
        ahead = (NOVEMBER + timedelta(days=300)).isoformat()
        git(churn.path, "commit", "-qm", "a word", GIT_COMMITTER_DATE=ahead)
        git(churn.path, "checkout", "-q", "main")
        behind = (NOVEMBER - timedelta(days=3)).isoformat()
        git(churn.path, "merge", "-qm", "a merge", "side", GIT_COMMITTER_DATE=behind)
        merge = git(churn.path, "rev-parse", "HEAD").strip()

        assert effective_date(churn._repository, merge) == NOVEMBER + timedelta(days=12)
        assert [note.commit for note in churn.validate().notes] == [merge]
        assert [live(churn, day) for day in (12, 13)] == ["1.0.0", "1.1.0"]

    def test_both_readers_of_a_repository_agree(self, slow, git):
        line = git(slow.path, "rev-list", "main").split()
        repository = Repository.open(slow.path)

        with CatFile(slow.path, inherit=False) as objects:
            assert [effective_date(objects, oid) for oid in line] == [
                effective_date(repository, oid) for oid in reversed(line)
            ][::-1]

    def test_the_registries_of_a_long_history_are_those_that_git_has(self, slow, git, monkeypatch):
        monkeypatch.setattr(cat_file, "_MANY_REGISTRIES", 2)
        names = [f"{oid}:registry.json" for oid in git(slow.path, "rev-list", "main").split()]
        git(slow.path, "repack", "-adfq")
        oids = git(slow.path, "rev-parse", *names).split()
        texts = [git(slow.path, "cat-file", "blob", oid).encode() for oid in oids]

        with CatFile(slow.path, inherit=False) as objects:
            assert [objects.content(oid, "registry.json") for oid in oids] == texts
            git(slow.path, "repack", "-adfq", "--depth=0")  # what was read is gone
            assert [objects.content(oid, "registry.json") for oid in oids] == texts

    def test_where_the_history_ends_what_can_be_read_counts(self, slow, git, tmp_path):
        clone = tmp_path / "shallow"
        git(tmp_path, "clone", "-q", "--depth=2", f"file://{slow.path}", str(clone))
        assert Store.open(clone).which("churn").since == NOVEMBER + timedelta(days=12)

    def test_ten_thousand_commits_are_walked_once(self, churn, git):
        tip = git(churn.path, "rev-parse", "main").strip()
        lines = []
        for number in range(10_000):
            when = int(NOVEMBER.timestamp()) + 86_400 * 13 + number * (-1) ** number
            lines += ["commit refs/heads/main", f"committer A <a@b> {when} +0000", "data 0"]
            lines += [f"from {tip}"] if number == 0 else []
        subprocess.run(
            ["git", "fast-import", "--quiet"],
            cwd=churn.path,
            input="\n".join([*lines, ""]),
            text=True,
            check=True,
        )
        git(churn.path, "reset", "-q", "--hard")
        store = Store.open(churn.path)

        began = time.perf_counter()
        held = store.which("churn", at="2026-11-12")
        list(store.log("churn"))

        assert str(held.version.version) == "1.0.0"
        assert time.perf_counter() - began < 10  # 1 s here; one walk a commit takes minutes


class TestAWriterWhoseClockIsBehind:
    @pytest.fixture
    def slow(self, churn, clock) -> Store:
        clock.day(16)
        clock.now -= SLOW
        return churn

    def test_says_so_and_dates_its_commit_as_the_one_before(self, slow, git, clock):
        tip = git(slow.path, "rev-parse", "main").strip()

        with pytest.warns(ClockWarning) as told:
            slow.promote("churn@1.2.0", "production")

        assert [str(one.message) for one in told] == [
            "the clock of this machine says 2026-10-12 12:00 UTC, but the commit before this one, "
            f"{tip[:12]} by Ada Lovelace <ada@example.org>, counts as of 2026-11-13 12:00 UTC: "
            "this one gets that date; correct the wrong clock"
        ]
        assert git(slow.path, "log", "-1", "--format=%cI").strip() == "2026-11-13T12:00:00+00:00"
        assert [live(slow, day) for day in (11, 12, 13)] == ["1.0.0", "1.0.0", "1.2.0"]

    @pytest.mark.filterwarnings("ignore::gitmodelstore.errors.ClockWarning")
    def test_what_the_clock_said_is_recorded_and_named(self, slow, git, clock, fit):
        """In a paragraph of its own: an approval's last one holds its own trailers alone."""
        slow.promote("churn@1.2.0", "production", reason="better")
        slow.annotate("churn@1.2.0", {"ticket": "A 17"})
        version = slow.register(fit(C=4.0), "churn", code=None, message="with more rain")

        note = "\n\nClock: 2026-10-12T12:00:00Z\n\n"
        assert all(git(slow.path, "log", "--format=%B", f"-{n}").count(note) == n for n in (1, 3))
        assert {event.clock for event in slow.log("churn") if event.when > NOVEMBER} >= {clock.now}
        (registered, annotated, promoted, *_) = slow.log("churn")
        assert [registered.kind, annotated.kind, promoted.kind] == [
            *("registered", "annotated", "promoted")
        ]
        assert (promoted.why, annotated.annotations) == ("better", (("ticket", "A 17"),))
        assert {one.clock for one in (registered, annotated, promoted)} == {clock.now}
        assert [(one.code, one.what[:27]) for one in slow.validate().notes] == [
            ("GMS038", "dated 2026-10-12T12:00:00Z,")
        ] * 3
        assert slow.validate() == ()
        assert slow.show(version).message == "with more rain"
        assert slow.show(version).created_at == NOVEMBER + timedelta(days=12)
        assert slow.verify(version).is_sound

    def test_a_warning_that_is_an_error_comes_when_all_is_written(self, slow, fit):
        """Hours of fit are not lost."""
        with pytest.raises(ClockWarning):
            slow.register(fit(C=4.0), "churn", code=None)

        assert slow.verify("churn@1.3.0").is_sound
        assert slow.doctor().faults == ()

    def test_a_command_says_it_in_a_line(self, churn, git, monkeypatch):
        monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-10-12T12:00:00Z")

        done = gms(churn, "promote", "churn@1.2.0", "production")

        assert done.returncode == 0
        assert done.stderr.startswith(
            "warning: the clock of this machine says 2026-10-12 12:00 UTC"
        )
        assert git(churn.path, "log", "-1", "--format=%ct %at").split() == ["1794571200"] * 2

    def test_nobody_is_told_of_a_minute_or_of_a_wait_for_the_lock(self, churn, clock):
        clock.day(13)
        clock.now -= timedelta(seconds=60)

        (event, *_) = churn.promote("churn@1.2.0", "production")

        assert (event.when, event.clock) == (NOVEMBER + timedelta(days=12), None)

        late = NOVEMBER + timedelta(days=12, hours=1)
        moments = chain([clock.now - timedelta(hours=1)], repeat(late))
        waited = Store.open(churn.path, durable=False, now=lambda: next(moments))
        (event, *_) = waited.promote("churn@1.1.0", "production")

        assert (event.when, event.clock) == (NOVEMBER + timedelta(days=12), None)

    def test_a_new_store_takes_versions_of_the_past(self, tmp_path, clock, fit):
        """What makes a store dates nothing: a history that is brought in keeps its dates."""
        Store.init(tmp_path / "new")
        clock.now = datetime(2024, 2, 29, tzinfo=timezone.utc)
        store = Store.open(tmp_path / "new", durable=False, now=lambda: clock.now)

        store.register(fit(), "churn", code=None)

        assert store.which("churn@1.0.0").since == clock.now
        assert store.validate().notes == ()


class TestAServer:
    def test_a_push_of_such_a_commit_is_taken_and_named(self, churn, git, tmp_path, monkeypatch):
        shared = tmp_path / "shared.git"
        git(tmp_path, "clone", "-q", "--bare", str(churn.path), str(shared))
        git(churn.path, "remote", "add", "origin", str(shared))
        monkeypatch.setenv("GIT_CONFIG_COUNT", "0")  # the hooks of the server run
        assert gms(Store.open(shared), "hook", "install").returncode == 0
        oid = promoted_by_hand(churn, git, "1.2.0", NOVEMBER + timedelta(days=15) - SLOW)

        pushed = subprocess.run(
            ["git", "push", "-q", "--no-verify", "origin", "main"],
            cwd=churn.path,
            capture_output=True,
            text=True,
        )

        assert pushed.returncode == 0, pushed.stderr
        assert (
            f"remote: note: {oid[:12]}: dated 2026-10-12T12:00:00Z, before its parent; "
            "counts as 2026-11-13T12:00:00Z [GMS038]" in pushed.stderr
        )


def _commit_dated(store: Store, git, seconds: int) -> str:
    """Put a commit that changes nothing on the branch, dated as git itself would refuse to."""
    tip = git(store.path, "rev-parse", "main").strip()
    tree = git(store.path, "rev-parse", "main^{tree}").strip()
    who = f"Ada Lovelace <ada@example.org> {seconds} +0000"
    data = f"tree {tree}\nparent {tip}\nauthor {who}\ncommitter {who}\n\nodd\n"
    made = hash_object(store.path, "commit", data.encode())
    git(store.path, "update-ref", "refs/heads/main", made)
    return made


def _date_back(store: Store, git, when: datetime) -> None:
    """Make the last registration again as a clock of that moment would have had it made."""
    path = store.path / "models" / "churn" / "manifest.json"
    said = f'"created_at": "{when:%Y-%m-%dT%H:%M:%SZ}"'
    path.write_text(re.sub('"created_at": "[^"]*"', said, path.read_text()))
    digest = sha256(path.read_bytes()).hexdigest()
    date = f"@{int(when.timestamp())} +0000"
    git(store.path, "commit", "-aq", "--amend", "--no-edit", GIT_COMMITTER_DATE=date)
    message = f"churn 1.3.0\n\nManifest-SHA256: {digest}"
    git(store.path, "tag", "-f", "-a", "churn@v1.3.0", "-m", message, GIT_COMMITTER_DATE=date)
