"""Signatures and approvals where others were first: made again, or named, never lost unsaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import MergeConflict
from tests.keys import Desk, Person

from .looks import git
from .test_rebase import numbers, subjects
from .test_share import ann, ben, clean, hub, refs

__all__ = ["ann", "ben", "hub"]


class Clone:
    """A clone at which people sit down one after the other."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.path, self._desk = store.path, desk
        git(store.path, "config", "--unset", "user.name")

    def as_(self, person: Person, told: list[str] | None = None, *, sign: bool = True) -> Store:
        self._desk.sit_down(person, sign=sign)
        told = [] if told is None else told
        return Store.open(self.path, notify=told.append, durable=False)


@pytest.fixture
def clone(ann: Store, ben: Store, desk: Desk, hub: Path) -> Clone:
    """Ben's, in which Ada, Grace and Linus are allowed to sign."""
    desk.allow(desk.ada, desk.grace, desk.linus)
    return Clone(ben, desk)


def elsewhere(ann: Store, desk: Desk, *, sign: bool = False) -> Store:
    """Linus's, who is always first."""
    desk.sit_down(desk.linus, sign=sign)
    return Store.open(ann.path, durable=False)


def counted(store: Store, ref: str) -> list[str]:
    """Return who approved a version, where the signature is good and of its manifest."""
    return [
        signer
        for found in store.verify(ref, signatures=True).versions
        for one in found.signatures or ()
        if one.kind == "approved"
        for signer in one.outcome.signers
    ]


def refused(store: Store) -> MergeConflict:
    """Return why nothing is pushed, and nothing has changed."""
    before = {name: oid for name, oid in refs(store.path).items() if "remotes" not in name}
    with pytest.raises(MergeConflict) as caught:
        store.push()
    assert refs(store.path).items() >= before.items()
    assert git(store.path, "status", "--porcelain") == ""
    return caught.value


class TestApprovals:
    def test_ours_is_signed_again_and_counts(self, ann, clone, desk, fitted):
        elsewhere(ann, desk).register(fitted, "spam", code=None, push=True)
        grace = clone.as_(desk.grace)
        grace.approve("churn@1.0.0", "staging")

        assert len(grace.push().rewritten) == 1

        assert subjects(clone.path)[:2] == [
            "approve churn 1.0.0 for staging",
            "register spam 1.0.0",
        ]
        git(clone.path, "verify-commit", "main")
        assert counted(grace, "churn@1.0.0") == [desk.grace.email]
        assert clean(grace)

    @pytest.mark.parametrize(
        "version",
        [
            pytest.param(None, id="renumbered"),
            pytest.param("2.0.0", id="another parent", marks=pytest.mark.long),
        ],
    )
    def test_of_a_registration_that_becomes_another_manifest(
        self, ann, clone, desk, fitted, version
    ):
        elsewhere(ann, desk).register(fitted, "churn", code=None, push=True)
        clone.as_(desk.ada, sign=False).register(fitted, "churn", version=version, code=None)
        old = version or "1.0.1"
        told: list[str] = []
        grace = clone.as_(desk.grace, told)
        grace.approve(f"churn@{old}", "staging")

        error = refused(grace)

        new = version or "1.0.2"
        assert str(error) == (
            f"'approve churn {old} for staging' would no longer count, because others were first "
            f"on origin: churn {new} does not have the manifest that was approved"
        )
        assert error.hint == "to drop it, and then approve again: gms pull --theirs"
        grace.pull(theirs=True)
        assert any(line.startswith(f"left out: approve churn {old} for staging") for line in told)
        grace.approve(f"churn@{new}", "staging", push=True)
        assert counted(grace, f"churn@{new}") == [desk.grace.email]
        assert clean(grace)

    @pytest.mark.long
    def test_of_a_registration_that_stays_as_it_is(self, ann, clone, desk, fitted):
        elsewhere(ann, desk).register(fitted, "spam", code=None, push=True)
        clone.as_(desk.ada, sign=False).register(fitted, "churn", code=None)
        grace = clone.as_(desk.grace)
        grace.approve("churn@1.0.1", "staging")

        grace.push()

        assert counted(grace, "churn@1.0.1") == [desk.grace.email]
        assert clean(grace)

    @pytest.mark.long
    def test_of_a_version_that_others_have_withdrawn_meanwhile(self, ann, clone, desk):
        linus = elsewhere(ann, desk)
        linus.withdraw("churn@1.0.0", reason="leaks", push=True)
        linus.promote("churn@1.0.0", "registered", reason="fine after all", push=True)
        grace = clone.as_(desk.grace)
        grace.approve("churn@1.0.0", "staging")

        error = refused(grace)

        assert str(error).endswith("churn 1.0.0 was withdrawn there in the meantime")
        assert grace.pull(theirs=True).ahead == 0

    def test_of_somebody_else_is_named_and_a_merge_by_hand_keeps_it(self, ann, clone, desk, fitted):
        elsewhere(ann, desk).register(fitted, "spam", code=None, push=True)
        clone.as_(desk.grace).approve("churn@1.0.0", "staging")
        ada = clone.as_(desk.ada)

        error = refused(ada)

        assert len(error.clashes) == 1
        assert re.fullmatch(
            r"[0-9a-f]{12} by Grace Hopper <.*>: approve churn 1\.0\.0 for staging",
            error.clashes[0],
        )
        assert "git merge origin/main" in (error.hint or "")
        git(clone.path, "merge", "-q", "--no-edit", "origin/main")
        ada.push()
        assert counted(ada, "churn@1.0.0") == [desk.grace.email]
        assert clean(ada)

    @pytest.mark.long
    def test_what_a_gate_asks_for_counts_after_the_replay_too(self, ann, clone, desk, fitted):
        linus = elsewhere(ann, desk)
        text = 'schema = "1.0"\n[gates.production]\napprovals = 1\n'
        (ann.path / "modelstore.toml").write_text(text)
        git(ann.path, "commit", "-qam", "a gate")
        linus.push()
        ada = clone.as_(desk.ada)
        ada.pull()
        clone.as_(desk.grace).approve("churn@1.0.0", "production", push=True)
        clone.as_(desk.ada).promote("churn@1.0.0", "production")
        elsewhere(ann, desk).register(fitted, "spam", code=None, push=True)

        clone.as_(desk.ada).push()

        assert str(ada.version("churn@production")) == "churn 1.0.0"
        assert clean(ada)


class TestPolicies:
    def gate(self, ann: Store, desk: Desk, text: str) -> None:
        """Linus asks for more, and everybody else has not heard of it."""
        linus = elsewhere(ann, desk, sign=True)
        (ann.path / "modelstore.toml").write_text(f'schema = "1.0"\n{text}\n')
        git(ann.path, "commit", "-qam", "a policy")
        linus.push()

    def test_a_gate_that_asks_for_approvals_now(self, ann, clone, desk):
        self.gate(ann, desk, "[gates.production]\napprovals = 1")
        told: list[str] = []
        ada = clone.as_(desk.ada, told)
        ada.promote("churn@1.0.0", "production")

        error = refused(ada)

        assert "'promote churn 1.0.0 to production' is no longer allowed" in str(error)
        assert "approv" in str(error)
        ada.pull(theirs=True)
        assert ada.version("churn@1.0.0").status == "registered"
        assert any("left out: promote churn 1.0.0 to production" in line for line in told)

    @pytest.mark.long
    def test_signatures_that_are_asked_for_now(self, ann, clone, desk, fitted):
        self.gate(ann, desk, "[policy]\nrequire_signed = true")
        ada = clone.as_(desk.ada, sign=False)
        ada.register(fitted, "churn", code=None)

        error = refused(ada)

        assert "not signed" in str(error)
        assert numbers(ada) == ["1.0.1", "1.0.0"]
        ada = clone.as_(desk.ada)
        ada.push()
        git(clone.path, "verify-commit", "main")
        git(clone.path, "verify-tag", "churn@v1.0.1")


class TestSignatures:
    @pytest.mark.long
    def test_commit_and_tag_of_a_renumbered_version_are_signed_again(
        self, ann, clone, desk, fitted
    ):
        elsewhere(ann, desk).register(fitted, "churn", code=None, push=True)
        clone.as_(desk.ada).register(fitted, "churn", code=None)
        ada = clone.as_(desk.ada, sign=False)  # only what was signed is

        ada.push()

        git(clone.path, "verify-commit", "main")
        git(clone.path, "verify-tag", "churn@v1.0.2")
        assert clean(ada)

    @pytest.mark.long
    def test_a_tag_alone_that_was_signed_is_signed_again(self, ann, clone, desk, fitted):
        elsewhere(ann, desk).register(fitted, "churn", code=None, push=True)
        ada = clone.as_(desk.ada, sign=False)
        desk.set("tag.gpgsign", "true")
        ada.register(fitted, "churn", code=None)
        desk.set("tag.gpgsign", "false")

        ada.push()

        git(clone.path, "verify-tag", "churn@v1.0.2")
        with pytest.raises(Exception, match="verify-commit"):
            git(clone.path, "verify-commit", "main")

    @pytest.mark.long
    def test_a_tag_of_somebody_else_is_named(self, ann, clone, desk, fitted):
        elsewhere(ann, desk).register(fitted, "spam", code=None, push=True)
        grace = clone.as_(desk.grace, sign=False)
        desk.set("tag.gpgsign", "true")
        grace.register(fitted, "churn", code=None)

        error = refused(clone.as_(desk.ada))

        assert error.clashes == (f"tag churn@v1.0.1 by {desk.grace}",)

    @pytest.mark.long
    def test_what_i_signed_for_somebody_else_is_signed_again(self, ann, clone, desk):
        elsewhere(ann, desk).annotate("churn@1.0.0", {"f1": 0.5}, push=True)
        ada = clone.as_(desk.ada)
        ada.annotate("churn@1.0.0", {"auc": 0.5})
        git(
            clone.path,
            "commit",
            "-q",
            "--amend",
            "--allow-empty",
            "--no-edit",
            f"--author={desk.grace}",
            "-S",
        )

        ada.push()

        git(clone.path, "verify-commit", "main")
        assert git(clone.path, "log", "-1", "--format=%an|%cn") == "Grace Hopper|Ada Lovelace\n"
