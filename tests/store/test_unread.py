"""One damaged version: every question is answered, and says what is missing from the answer."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import IntegrityError, MissingObject, UnreadWarning
from gitmodelstore.operations import resolve
from tests.store.commands import gms
from tests.store.looks import object_file

MIDDLE = "churn@v1.1.0"


@pytest.fixture
def churn(copied, fit) -> Store:
    """churn 1.0.0, 1.1.0 and 1.2.0, of which the middle one was in production; fraud 1.0.0."""

    def make(place: Path) -> None:
        store = Store.init(place, durable=False)
        for strength in (1.0, 2.0, 3.0):
            store.register(fit(C=strength), "churn", code=None, metrics={"auc": strength})
        store.promote("churn@1.1.0", "production")
        store.promote("churn@1.2.0", "production")
        store.register(fit(C=4.0), "fraud", code=None)

    return copied("unread", make)


def _lose(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _of(name: str, damage: Callable[[Path], None]) -> Callable[[Store, object], None]:
    return lambda store, git: damage(object_file(store.path, name))


def _ref(text: str) -> Callable[[Store, object], None]:
    return lambda store, _: (store.path / ".git/refs/tags" / MIDDLE).write_text(text)


def _edited(store: Store, git) -> None:
    """The manifest of the tag is another than the one that the tag vouches for."""
    message = f"churn 1.1.0\n\nManifest-SHA256: {'0' * 64}"
    git(store.path, "tag", "-f", "-a", MIDDLE, "-m", message, f"{MIDDLE}^{{commit}}")


DAMAGES = {
    "manifest lost": _of(f"{MIDDLE}:models/churn/manifest.json", _lose),
    "manifest cut": _of(f"{MIDDLE}:models/churn/manifest.json", _cut),
    "tag object lost": _of(f"refs/tags/{MIDDLE}", _lose),
    "tag object cut": _of(f"refs/tags/{MIDDLE}", _cut),
    "tag holds no id": _ref("nonsense\n"),
    "tag vouches for another": _edited,
    "folder lost": _of(f"{MIDDLE}:models/churn", _lose),
    "folder cut": _of(f"{MIDDLE}:models/churn", _cut),
    "root tree lost": _of(f"{MIDDLE}^{{tree}}", _lose),
    "registry of then lost": _of(f"{MIDDLE}:registry.json", _lose),
    "registry of then cut": _of(f"{MIDDLE}:registry.json", _cut),
    "commit lost": _of(f"{MIDDLE}^{{commit}}", _lose),
    "commit cut": _of(f"{MIDDLE}^{{commit}}", _cut),
    "pipeline lost": _of(f"{MIDDLE}:models/churn/pipeline.joblib", _lose),
}

ALL = {"1.0.0", "1.1.0", "1.2.0"}


@pytest.fixture
def damaged(damage, churn, git) -> Store:
    DAMAGES[damage](churn, git)
    return Store.open(churn.path, durable=False)


@pytest.fixture(params=["no index", "with the index of before", "the index is damaged"])
def indexed(request, damage, churn, git) -> Store:
    """A damaged store that has an index of its manifests, or has none, or a bad one."""
    if request.param != "no index":
        churn.search("version != null")
    DAMAGES[damage](churn, git)
    index = churn.path / ".git/gitmodelstore/index.sqlite"
    if request.param == "the index is damaged":
        data = bytearray(index.read_bytes())
        data[100] ^= 1  # where each question looks: the page of what tables there are
        index.write_bytes(bytes(data))
    return Store.open(churn.path, durable=False)


def told(ask: Callable[[], object]) -> tuple[object, list[str]]:
    """Return an answer, and the warnings that came with it."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        answer = ask()
    assert {one.category for one in heard} <= {UnreadWarning}
    return answer, [str(one.message) for one in heard]


@pytest.mark.corpus("damage", DAMAGES)
class TestNothingIsLeftOutWithoutAWord:
    def test_of_versions(self, damaged):
        found, heard = told(lambda: damaged.versions("churn"))

        unread = {one.version for one in found.unread}
        assert {str(one.version) for one in found} | unread == ALL
        assert len(found) + len(unread) == len(ALL)
        assert len(heard) == len(unread)
        assert all(one.status and one.fault for one in found.unread)

    def test_of_a_list(self, damaged):
        listed = list(damaged.listing("churn"))

        assert [str(one.version) for one in listed] == ["1.2.0", "1.1.0", "1.0.0"]
        assert all((one.metrics is None) == (one.fault is not None) for one in listed)

    def test_of_a_long_list_which_the_index_tells(self, indexed, monkeypatch):
        monkeypatch.setattr(resolve, "_READ_ALONE", 1)
        listed = list(indexed.listing("churn"))

        assert [str(one.version) for one in listed] == ["1.2.0", "1.1.0", "1.0.0"]
        assert all((one.metrics is None) == (one.fault is not None) for one in listed)

    def test_of_what_gms_list_says(self, damaged):
        """In a process of its own, which has judged nothing of it before the damage."""
        done = gms(damaged, "list", "churn")
        told = gms(damaged, "list", "churn", "--json")
        faulty = [one for one in json.loads(told.stdout)["versions"] if one["faults"]]

        assert done.returncode == told.returncode == 0
        assert done.stderr.count("warning: churn 1.") == len(faulty)
        assert sum("  damaged  " in line for line in done.stdout.splitlines()) == len(faulty)

    def test_of_a_search_a_table_and_a_blame(self, indexed, damage):
        for keep in (True, False):
            store = Store.open(indexed.path, durable=False, cache=keep)
            found, heard = told(lambda store=store: store.search("version != null", "churn"))
            unread = {one.version for one in found.unread}
            assert {str(one.version) for one in found} | unread == ALL
            assert len(found) + len(unread) == len(ALL)
            assert len(heard) == len(unread)

            table, heard = told(lambda store=store: store.frame("churn"))
            assert set(table.version) == ALL
            assert set(table[table.fault.notna()].version) == unread
            assert set(table[table.created_at.isna()].version) == unread
            ended = [one for one in heard if one.startswith("annotations cannot be read: commit ")]
            assert len(heard) == len(unread) + len(ended)
            assert len(ended) == (damage in ("commit lost", "commit cut"))

            changes, _ = told(lambda store=store: store.blame("metrics.auc", "churn"))
            assert {one.version for one in changes.unread} == unread
            assert {str(change.version.version) for change in changes} == ALL - unread

    def test_of_what_the_commands_of_these_say(self, damaged):
        search = gms(damaged, "search", "metrics.auc > 0", "--model", "churn")
        document = json.loads(gms(damaged, "search", "metrics.auc > 0", "--json").stdout)
        unread = [one for one in document["unread"] if one["model"] == "churn"]

        assert search.returncode == bool(unread)
        assert search.stderr.count("warning: not searched: churn 1.") == len(unread)
        assert gms(damaged, "log", "-G", "metrics.auc", "churn").returncode == bool(unread)
        blamed = json.loads(gms(damaged, "log", "-G", "metrics.auc", "churn", "--json").stdout)
        assert [one["version"] for one in blamed["unread"]] == [one["version"] for one in unread]

    def test_of_the_log(self, damaged):
        """Its events are all there, unless it says what could not be read."""
        log = damaged.log("churn")
        events, heard = told(lambda: list(log))

        assert heard == log.faults
        registered = [str(one.version) for one in events if one.kind == "registered"]
        assert len(set(registered)) == len(registered)
        assert log.faults or set(registered) == ALL
        done = gms(damaged, "log", "churn")
        assert done.returncode == bool(log.faults)
        assert done.stderr.count("warning: ") == len(log.faults)
        document = json.loads(gms(damaged, "log", "churn", "--json").stdout)
        assert [fault["message"] for fault in document["faults"]] == log.faults
        assert len(document["events"]) == len(events)

    @pytest.mark.parametrize("how", ["commit lost", "commit cut"])
    def test_of_a_log_that_ends(self, churn, git, how):
        """What came before the last commit that can be read is not taken for its own work."""
        DAMAGES[how](churn, git)
        log = Store.open(churn.path).log("churn")

        events, _ = told(lambda: list(log))

        assert [f"{one.kind} {one.version}" for one in events] == [
            *("promoted 1.2.0", "archived 1.1.0", "promoted 1.1.0")
        ]
        assert len(log.faults) == 1
        assert log.faults[0].startswith("what happened before cannot be read: commit ")

    def test_of_a_bisection(self, damaged):
        """A version that nobody can ask is skipped, and stays a suspect."""
        bad = {"1.1.0", "1.2.0"}
        try:
            found = damaged.bisect(
                "churn", "1.0.0", "1.2.0", lambda one: str(one.version) not in bad, check=False
            )
        except (IntegrityError, MissingObject):  # one of the two ends cannot be read, and is named
            return
        assert [str(one.version) for one in found.suspects] in (["1.1.0"], ["1.1.0", "1.2.0"])
        skipped = [one for one in found.trials if one.verdict == "skipped"]
        assert bool(skipped) == (len(found.suspects) == 2)
        assert all(one.why for one in skipped)

    def test_of_an_audit(self, damaged, tmp_path):
        made, _ = told(lambda: damaged.audit("churn", to=tmp_path / "churn.zip"))

        with zipfile.ZipFile(made.path) as archive:
            said = json.loads(archive.read("churn-audit/audit.json"))
        assert {one["version"] for one in said["versions"]} == ALL
        broken = [one for one in said["versions"] if one["manifest_sha256"] is None]
        assert all(one["faults"] for one in broken)
        assert said["faults"] == list(made.faults)

    def test_another_model_is_not_concerned(self, damaged):
        assert [str(one) for one in damaged.versions("fraud")] == ["fraud 1.0.0"]
        assert damaged.versions("fraud").unread == ()
        assert [str(one) for one in told(lambda: damaged.search("model == 'fraud'"))[0]] == [
            "fraud 1.0.0"
        ]


def test_what_is_sound_says_so(churn):
    found = churn.versions("churn")

    assert (len(found), found.unread, churn.models().unread) == (3, (), ())
    assert churn.search("version != null").unread == churn.blame("params").unread == ()
    assert churn.frame().fault.isna().all()
    assert gms(churn, "log").returncode == gms(churn, "list", "churn").returncode == 0
