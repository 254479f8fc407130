"""A branch that is behind its own tags: `reset --hard`, a ref set back, a line lost by hand."""

from __future__ import annotations

import json
import re
import subprocess
import time
import warnings

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import BehindWarning, NotAStore, VersionNotFound
from gitmodelstore.operations.snapshot import Snapshot, behind_tags
from tests.store.commands import gms

from .conftest import once
from .looks import commit_by_hand, refusal

BEHIND = (
    "'main' lacks 2 versions that tags name: churn 1.2.0, churn 1.1.0; if you have only "
    "fetched, run `gms pull`; if it was reset, `gms doctor --fix`"
)


@pytest.fixture
@once
def churn(store, fit) -> Store:
    """churn 1.0.0, in production, 1.1.0 and 1.2.0."""
    store.register(fit(C=1.0), "churn", code=None)
    store.promote("churn@1.0.0", "production")
    store.register(fit(C=2.0), "churn", code=None)
    store.register(fit(C=3.0), "churn", code=None)
    return store


@pytest.fixture(params=["reset", "update-ref"])
def behind(request, churn, git) -> Store:
    """The same, of which the branch has lost the last two registrations."""
    if request.param == "reset":
        git(churn.path, "reset", "-q", "--hard", "HEAD~2")
    else:
        git(churn.path, "update-ref", "refs/heads/main", "HEAD~2")
    return Store.open(churn.path, durable=False)


READS = {
    "models": lambda store: store.models(),
    "versions": lambda store: store.versions("churn"),
    "listing": lambda store: list(store.listing("churn")),
    "version": lambda store: store.version("churn"),
    "show": lambda store: store.show("churn"),
    "log": lambda store: list(store.log()),
    "which": lambda store: store.which("churn"),
    "load": lambda store: store.load("churn@production"),
    "search": lambda store: store.search("version != null"),
    "frame": lambda store: store.frame(),
    "blame": lambda store: store.blame("params"),
    "diff": lambda store: store.diff("churn@1.0.0", "churn@production", answers=False),
    "annotations": lambda store: store.annotations("churn"),
}


class TestReads:
    @pytest.mark.parametrize("read", READS.values(), ids=READS)
    def test_each_warns_and_answers(self, behind, read):
        with pytest.warns(BehindWarning) as told:
            read(behind)

        assert [str(one.message) for one in told] == [BEHIND]

    def test_a_store_warns_once_of_a_state(self, behind, git):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(3):
                behind.which("churn")
            git(behind.path, "reset", "-q", "--hard", "churn@v1.2.0")
            behind.which("churn")
            git(behind.path, "reset", "-q", "--hard", "HEAD~1")
            behind.which("churn")

        assert [str(one.message)[:57] for one in told] == [
            "'main' lacks 2 versions that tags name: churn 1.2.0, chur",
            "'main' lacks a version that tags name: churn 1.2.0; if yo",
        ]

    @pytest.mark.parametrize(
        "command",
        [
            *(["list"], ["list", "churn"], ["show", "churn"], ["which", "churn"], ["log"]),
            *(["search", "version != null"], ["log", "-G", "params"]),
        ],
        ids=" ".join,
    )
    def test_a_command_says_it_in_a_line_and_does_its_work(self, behind, command):
        done = gms(behind, *command)

        assert (done.returncode, done.stderr) == (0, f"warning: {BEHIND}\n")
        assert done.stdout

    @pytest.mark.filterwarnings("ignore::gitmodelstore.errors.BehindWarning")
    def test_what_is_lost_is_named_in_what_is_returned(self, behind):
        fault = "tag churn@v1.2.0 names it, but 'main' does not have it: run `gms doctor --fix`"

        for found in (
            *(behind.models(), behind.versions("churn"), behind.search("model == 'churn'")),
            *(behind.blame("params", "churn"), behind.answer("version != null")),
        ):
            assert [(one.model, one.version, one.status) for one in found.unread] == [
                ("churn", "1.2.0", None),
                ("churn", "1.1.0", None),
            ]
            assert found.unread[0].fault == fault
        assert behind.frame("churn").fault.dropna().to_dict()["churn@1.2.0"] == fault
        assert [one.fault for one in behind.listing("churn")][:2] == [None, fault]
        for command in (["list"], ["search", "version == 1.0.0"], ["log", "-G", "params"]):
            unread = json.loads(gms(behind, *command, "--json").stdout)["unread"]
            (said,) = unread[0].pop("faults")
            assert (said["code"], said["message"]) == ("GMS030", fault)
            assert unread[0] == {"model": "churn", "version": "1.2.0", "status": None}

    @pytest.mark.filterwarnings("ignore::gitmodelstore.errors.BehindWarning")
    def test_a_lost_version_asked_for_says_what_to_type(self, behind):
        assert refusal(behind.load, "churn@1.2.0") == (
            VersionNotFound,
            "no version '1.2.0' of 'churn'",
            "tag churn@v1.2.0 names it, but 'main' does not have it: run `gms doctor --fix`",
        )

    def test_a_line_that_was_taken_out_of_the_registry_is_missed_too(self, churn):
        text = (churn.path / "registry.json").read_text()
        line = '      "1.1.0": {\n        "status": "registered"\n      },\n'
        assert line in text
        commit_by_hand(churn.path, "registry.json", text.replace(line, ""))

        with pytest.warns(BehindWarning, match="lacks a version that tags name: churn 1.1.0;"):
            found = churn.versions("churn")

        assert [str(one.version) for one in found] == ["1.2.0", "1.0.0"]
        assert [one.version for one in found.unread] == ["1.1.0"]

    def test_packed_tags_are_seen_and_other_tags_are_not(self, behind, git):
        git(behind.path, "pack-refs", "--all")
        for name in ("a-note", "Not-A-Model@v1.0.0", "churn@v1", "x/y@v1.0.0"):
            git(behind.path, "tag", name)

        with pytest.warns(BehindWarning, match=re.escape(BEHIND)):
            behind.which("churn")

    def test_a_writer_beside_a_reader_is_no_loss(self, churn, fit):
        """A branch moves before its tags are set, and a reader may stand between."""
        before = Snapshot.now(churn._repository)
        churn.register(fit(C=4.0), "churn", code=None)

        assert behind_tags(before) is None

    def test_a_branch_that_is_gone_is_no_store_to_be_made(self, churn, git):
        git(churn.path, "update-ref", "-d", "refs/heads/main")

        assert refusal(Store.open, churn.path) == (
            NotAStore,
            f"'{churn.path}' has no branch 'main', but tags of versions",
            "run `gms doctor`; or name its branch: git config store.branch NAME",
        )

    def test_a_thousand_tags_take_some_milliseconds(self, churn, git):
        oid = git(churn.path, "rev-parse", "churn@v1.0.0").strip()
        statuses = {f"1.{n}.0": {"status": "registered"} for n in range(999, -1, -1)}
        document = {"schema": "1.0", "models": {"churn": statuses}}
        commit_by_hand(churn.path, "registry.json", json.dumps(document, indent=2) + "\n")
        tags = "".join(f"create refs/tags/churn@v1.{n}.0 {oid}\n" for n in range(3, 1000))
        subprocess.run(
            ["git", "update-ref", "--stdin"], cwd=churn.path, input=tags, text=True, check=True
        )
        snapshot = Snapshot.now(churn._repository)
        assert behind_tags(snapshot) is None

        spent = []
        for _ in range(10):
            began = time.perf_counter()
            behind_tags(snapshot)
            spent.append(time.perf_counter() - began)

        assert min(spent) < 0.02  # 1 to 2 ms


class TestVerify:
    @pytest.mark.parametrize("ref", ["churn@1.0.0", None])
    def test_it_fails_and_says_what_to_type(self, behind, ref):
        found = behind.verify(ref)

        assert (found.is_sound, found.faults) == (False, (BEHIND,))
        assert all(version.is_sound for version in found.versions)

    def test_the_command_fails_with_that_fault(self, behind):
        one = gms(behind, "verify", "churn@1.0.0")
        every = gms(behind, "verify", "--all")
        document = json.loads(gms(behind, "verify", "--all", "--json").stdout)

        assert (one.returncode, every.returncode) == (1, 1)
        assert one.stdout.splitlines()[1:] == every.stdout.splitlines()[1:] == [BEHIND]
        assert (one.stderr, every.stderr) == (
            "",
            "note: 1 version verified, the branch lacks others\n",
        )
        (fault,) = document["faults"]
        assert (document["sound"], fault["code"], fault["message"]) == (False, "GMS030", BEHIND)

    def test_it_is_sound_again_when_the_branch_is(self, behind, git):
        git(behind.path, "reset", "-q", "--hard", "churn@v1.2.0")

        assert behind.verify(None).is_sound
