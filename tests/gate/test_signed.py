"""Signatures and approvals that a store asks for, judged on each commit by every judge."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitmodelstore.errors import GateNotPassed, SignatureError
from tests.keys import Desk

from .conftest import Found, Place

REQUIRED = 'schema = "1.0"\n\n[policy]\nrequire_signed = true\n'
SIGNERS = 'schema = "1.0"\n\n[gates.production]\nsigners = ["grace@example.org"]\n'
APPROVALS = 'schema = "1.0"\n\n[gates.production]\napprovals = 1\n'


@pytest.fixture
def signing(place: Place, desk: Desk) -> Place:
    """The shared store, whose own configuration says whom it believes: Ada and Grace."""
    desk.allow(desk.ada, desk.grace)
    return place


def everywhere(place: Place, *refs: str) -> Found:
    """What the command, the client's and the server's hook say of the last commit."""
    found = place.by_pre_receive(*(refs or ("main",)))
    assert place.by_pre_push(*(refs or ("main",))) == found
    assert place.by_range() == [pair for pair in found if not pair[1].startswith("refs/")]
    return found


class TestEveryCommit:
    def test_signed_by_somebody_on_the_list_is_taken(self, signing: Place) -> None:
        signing.settle(REQUIRED)
        signing.register()

        assert everywhere(signing, "main", "churn@v1.3.0") == []

    def test_not_signed_is_refused_by_the_library_and_by_the_server(
        self, signing: Place, desk: Desk
    ) -> None:
        signing.settle(REQUIRED)
        desk.sit_down(desk.ada, sign=False)

        with pytest.raises(GateNotPassed) as caught:
            signing.store.promote("churn@1.2.0", "production")
        assert caught.value.conditions == ("not signed [GMS060]",)
        assert (
            signing.store.version("churn").version == signing.store.version("churn@1.1.0").version
        )

        signing.write("README.md", "# Models", "by hand")
        assert everywhere(signing) == [("GMS060", "")]

    def test_a_stranger_is_refused(self, signing: Place, desk: Desk) -> None:
        signing.settle(REQUIRED)
        desk.sit_down(desk.mallory)
        signing.file("README.md").write_text("# Models")
        signing.commit("mine now")

        assert everywhere(signing) == [("GMS061", "")]

    def test_a_tag_that_is_not_signed(self, signing: Place) -> None:
        signing.settle(REQUIRED)
        signing.register()
        signing.git("tag", "--delete", "churn@v1.3.0")
        signing.git("tag", "--annotate", "--no-sign", "-m", "churn 1.3.0", "churn@v1.3.0")

        assert everywhere(signing, "main", "churn@v1.3.0") == [("GMS060", "refs/tags/churn@v1.3.0")]

    def test_a_list_that_the_push_itself_brings_counts_for_nothing(
        self, signing: Place, desk: Desk
    ) -> None:
        signing.settle('schema = "1.0"\n[store]\nallow = ["signers"]\n')
        signing.settle(REQUIRED + '[store]\nallow = ["signers"]\n')
        desk.sit_down(desk.mallory)
        signing.file("signers").write_text(f"mallory@example.org {desk.mallory.public}\n")
        signing.git("config", "gpg.ssh.allowedSignersFile", str(signing.path / "signers"))
        signing.commit("believe me")

        assert signing.by_pre_receive() == [("GMS061", "")]
        with pytest.raises(SignatureError):
            signing.store.promote("churn@1.2.0", "production")

    def test_a_server_that_knows_nobody_takes_nothing(
        self, signing: Place, desk: Desk, isolated: Path
    ) -> None:
        signing.settle(REQUIRED)
        signing.register()
        signing.git("config", "--global", "--unset", "gpg.ssh.allowedSignersFile")

        assert ("GMS061", "") in signing.by_pre_receive("main", "churn@v1.3.0")
        assert signing.by_pre_push("main", "churn@v1.3.0") == []  # a laptop cannot tell


class TestWhoMayMove:
    def test_only_these(self, signing: Place, desk: Desk) -> None:
        signing.settle(SIGNERS)
        with pytest.raises(GateNotPassed) as caught:
            signing.store.promote("churn@1.2.0", "production")
        assert caught.value.conditions == (
            "failed: signed by ada@example.org, and only grace@example.org may move a version to "
            "production",
        )

        desk.sit_down(desk.grace)
        signing.store.promote("churn@1.2.0", "production")
        assert everywhere(signing) == []

    def test_by_hand_too(self, signing: Place) -> None:
        signing.settle(SIGNERS)

        signing.go_live()
        signing.commit("go live")

        assert everywhere(signing) == [("GMS062", "")]

    def test_an_override_does_not_make_somebody_else_of_the_signer(self, signing: Place) -> None:
        signing.settle(SIGNERS)

        with pytest.raises(GateNotPassed):
            signing.store.promote("churn@1.2.0", "production", force=True, reason="now")

    def test_other_moves_are_free(self, signing: Place) -> None:
        signing.settle(SIGNERS)
        signing.store.promote("churn@1.2.0", "staging")

        assert everywhere(signing) == []


class TestApprovals:
    def test_somebody_else_must_have_approved(self, signing: Place, desk: Desk) -> None:
        signing.settle(APPROVALS)
        signing.register()
        signing.push("churn@v1.3.0")
        with pytest.raises(GateNotPassed) as caught:
            signing.store.promote("churn@1.3.0", "production")
        assert caught.value.conditions == (
            "passed: signed by ada@example.org",
            "failed: 0 of 1 approvals of churn 1.3.0 for production",
        )

        desk.sit_down(desk.grace)
        signing.store.approve("churn@1.3.0", "production", reason="looked at the errors")
        desk.sit_down(desk.ada)
        signing.store.promote("churn@1.3.0", "production")

        assert signing.by_range("HEAD~2") == []
        assert signing.by_pre_push() == signing.by_pre_receive() == []

    def test_an_approval_for_another_status_does_not_count(
        self, signing: Place, desk: Desk
    ) -> None:
        signing.settle(APPROVALS)
        signing.register()
        desk.sit_down(desk.grace)
        signing.store.approve("churn@1.3.0", "staging")
        desk.sit_down(desk.ada)
        signing.push("churn@v1.3.0")

        signing.go_live("v1_3_0")
        signing.commit("go live")

        assert everywhere(signing) == [("GMS063", "")]


NO_LIST = "no allowed signers are known: gpg.ssh.allowedSignersFile is not set"
HOW_TO_LIST = (
    "write a line `ada@example.org ssh-ed25519 AAAA…` for each person, then: "
    "git config --global gpg.ssh.allowedSignersFile FILE"
)


@pytest.fixture
def listless(rule: str, place: Place, isolated: Path) -> Place:
    """A store whose gate asks who signs, on a machine that signs nothing and knows nobody."""
    place.settle(f'schema = "1.0"\n\n[gates.production]\n{rule}\n')
    return place


@pytest.mark.corpus("rule", ["approvals = 1", "signed = true", 'signers = ["grace@example.org"]'])
class TestWithoutAList:
    """Only the move through such a gate asks for a list of allowed signers."""

    def test_everything_else_works(self, listless: Place, tmp_path: Path) -> None:
        store = listless.store
        listless.register()  # churn 1.3.0
        store.annotate("churn@1.3.0", {"auc": 0.9})
        store.promote("churn@1.2.0", "staging")
        store.promote(["churn@1.3.0", "risk@1.0.0"], "staging")
        store.archive("churn@1.2.0")
        store.withdraw("churn@1.0.0", reason="leaked labels")
        store.promote("churn@1.0.0", "registered", reason="no leak after all")
        store.archive("churn@1.1.0", vacate=True, reason="the campaign is over")
        assert listless.by_pre_commit() == []

        assert store.verify().is_sound
        assert {fault.code for fault in store.doctor().faults} <= {"GMS076"}  # a plain clone
        assert listless.by_command("validate") == listless.by_range("origin/main") == []
        refs = ("main", "churn@v1.3.0")
        assert listless.by_pre_push(*refs) == listless.by_pre_receive(*refs) == []
        for asked in (
            ["log"],
            ["show", "churn@1.3.0"],
            ["list"],
            ["audit", "churn", "-o", str(tmp_path / "a.zip")],
        ):
            done = listless.gms(*asked)
            assert done.returncode == 0, done.stderr

    def test_from_a_folder(self, listless: Place) -> None:
        card = listless.file("models/churn/README.md")
        card.write_text(card.read_text() + "\nedited\n")

        made = listless.store.register_folder(listless.path / "models" / "churn")

        assert str(made.version) == "1.2.1"

    def test_the_settings_can_be_changed(self, listless: Place) -> None:
        listless.settle('schema = "1.0"\n')
        listless.settle(REQUIRED.replace("true", "false") + "[gates.production]\nsigned = true\n")

        assert listless.by_range("HEAD~2") == []

    def test_the_move_says_what_is_missing_and_what_to_type(self, listless: Place) -> None:
        for move in (
            lambda: listless.store.promote("churn@1.2.0", "production"),
            lambda: listless.store.archive("churn@1.1.0", successor="1.2.0"),
            lambda: listless.store.promote("churn@1.1.0", "staging", successor="1.2.0"),
            lambda: listless.store.promote(
                "churn@1.2.0", "production", force=True, reason="we must"
            ),
        ):
            with pytest.raises(GateNotPassed) as caught:
                move()
            assert caught.value.conditions[0] == (
                f"failed: the signature cannot be verified: {NO_LIST}"
            )
            assert caught.value.hint == HOW_TO_LIST

    def test_a_rollback_is_such_a_move(self, listless: Place) -> None:
        listless.settle('schema = "1.0"\n')
        listless.store.promote("churn@1.2.0", "production")
        listless.settle(SIGNERS)

        with pytest.raises(GateNotPassed) as caught:
            listless.store.rollback("churn", keep=True)

        assert caught.value.hint == HOW_TO_LIST

    def test_a_server_refuses_the_move_alone(self, listless: Place) -> None:
        listless.register()

        listless.go_live()
        listless.commit("go live")

        assert set(listless.by_pre_receive("main", "churn@v1.3.0")) == {("GMS061", "")}
        assert listless.by_pre_receive("HEAD~1:refs/heads/main", "churn@v1.3.0") == []


def test_a_store_that_asks_for_nothing_starts_no_program(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    git = shutil.which("git")
    assert git is not None
    (tools / "git").symlink_to(git)
    (tools / "ssh-keygen").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    (tools / "ssh-keygen").chmod(0o755)
    place.register()
    monkeypatch.setenv("PATH", f"{tools}:{Path(git).parent}:/bin")

    assert place.by_pre_push("main", "churn@v1.3.0") == []
    assert not (tmp_path / "asked").exists()
