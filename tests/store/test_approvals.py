"""Approvals: who says that a version may come to a status, and whose word counts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.checks.signatures import (
    UNSIGNED,
    Outcome,
    SignatureJudge,
    Tally,
    judge_approvals,
    judge_signature,
    people,
)
from gitmodelstore.errors import InvalidInput, LifecycleError, SignatureError, VersionNotFound
from gitmodelstore.plumbing import refs
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Change
from tests.keys import Person

from .looks import git, hash_object, raw_of, refusal

MARCH = datetime(2026, 3, 3, 12, tzinfo=timezone.utc)
MOVE = Change("churn", Version(1, 0, 0), "registered", "production")


class House:
    """A store in which people take turns, an hour each time."""

    def __init__(self, place: Path, desk) -> None:
        self.place, self.desk, self._hour = place, desk, count()

    def store(self, person: Person | None = None, *, sign: bool = True) -> Store:
        if person is not None:
            self.desk.sit_down(person, sign=sign)
        now = MARCH + timedelta(hours=next(self._hour))
        return Store.open(self.place, durable=False, now=lambda: now)

    def approve(self, person: Person, status: str = "production") -> str:
        return self.store(person).approve("churn@1.0.0", status).commit

    def withdraw(self) -> None:
        """Withdraw the version, and bring it back."""
        self.store(self.desk.ada).withdraw("churn@1.0.0")
        self.store().promote("churn@1.0.0", "registered", reason="fine after all")

    def by_hand(self, old: str = "", new: str = "", *files: str) -> None:
        """Make the last approval again by plain git, with another message, and with these files."""
        message = git(self.place, "log", "-1", "--format=%B", "main").replace(old, new).strip()
        git(self.place, "reset", "--hard", "--quiet", "main~1")
        for name in files:
            (self.place / name).write_text("hello\n")
            git(self.place, "add", name)
        git(self.place, "commit", "--allow-empty", "--quiet", "-S", "-m", message)

    def votes(self, promoter: frozenset[str]) -> Tally:
        """What a judge says of a move of churn 1.0.0 to production, made on the branch now."""
        repository = self.store()._repository
        judge = SignatureJudge(repository, lambda: SshVerifier.of(self.place / ".git", self.place))
        tip = repository.head(repository.branch)
        return judge.tally(tip, MOVE, promoter)

    def tally(self, promoter: Person | str = "Linus Pauling <linus@example.org>"):
        """Who counts where `promoter` moves churn 1.0.0 to production, and who does not, why."""
        found = self.votes(people(str(promoter)))
        return (
            [", ".join(outcome.signers) for _, outcome in found.counted],
            [why for _, why in found.passed_over],
        )


@pytest.fixture
def house(tmp_path, desk, fitted, monkeypatch) -> House:
    """churn 1.0.0 was registered by Ada; everybody but Mallory is allowed to sign."""
    desk.allow(desk.ada, desk.grace, desk.linus)
    monkeypatch.setenv("GIT_COMMITTER_DATE", (MARCH - timedelta(days=1)).isoformat())
    Store.init(tmp_path / "store")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    found = House(tmp_path / "store", desk)
    found.store(desk.ada).register(fitted, "churn", code=None)
    return found


class TestApprove:
    def test_an_approval_is_a_signed_commit_that_changes_no_file(self, house, desk):
        event = house.store(desk.grace).approve("churn@1.0.0", "production", reason="read  it\nall")

        assert str(event) == "churn 1.0.0 approved for production (read it all)"
        assert (event.who, event.before) == (str(desk.grace), event.after)
        assert event.after == "registered"
        git(house.place, "verify-commit", event.commit)
        assert git(house.place, "diff", "--stat", "main~1", "main") == ""
        assert git(house.place, "status", "--porcelain") == ""
        manifest = (house.place / "models/churn/manifest.json").read_bytes()
        assert git(house.place, "log", "-1", "--format=%B", "main") == (
            "approve churn 1.0.0 for production\n\nEvent: approved\nModel: churn\n"
            f"Version: 1.0.0\nStatus: production\nManifest-SHA256: {sha256(manifest).hexdigest()}\n"
            "Reason: read it all\n\n"
        )

    def test_it_moves_nothing(self, house, desk):
        before = house.store().which("churn@1.0.0")
        house.approve(desk.grace)

        assert house.store().which("churn@1.0.0") == before

    def test_the_log_tells_it(self, house, desk):
        house.approve(desk.grace)
        house.store(desk.linus).promote("churn@1.0.0", "production")

        assert [str(event) for event in house.store().log("churn")] == [
            "churn 1.0.0 promoted: registered -> production",
            "churn 1.0.0 approved for production",
            "churn 1.0.0 registered",
        ]
        assert list(house.store().log("churn")) == list(house.store().log())

    def test_it_is_signed_though_git_is_not_configured_to(self, house, desk):
        event = house.store(desk.grace, sign=False).approve("churn@1.0.0", "production")

        git(house.place, "verify-commit", event.commit)

    def test_whoever_has_approved_already_writes_nothing(self, house, desk):
        first = house.approve(desk.grace)

        assert house.approve(desk.grace) == first
        assert git(house.place, "rev-parse", "main").strip() == first

    def test_whose_key_was_revoked_may_approve_again_with_another(self, house, desk):
        first = house.approve(desk.grace)
        desk.revoke(desk.grace)
        renewed = desk.grace._replace(key=desk.mallory.key)
        desk.allow(renewed)

        assert house.approve(renewed) != first
        assert house.tally() == (
            ["grace@example.org"],
            [f"signed with the revoked key {desk.grace.fingerprint} of grace@example.org"],
        )

    @pytest.mark.parametrize(
        ("ref", "status", "error", "message"),
        [
            ("churn@1.0.0", "prod", LifecycleError, "'prod' is not a status of this store"),
            ("churn@9.0.0", "staging", VersionNotFound, "no version '9.0.0' of 'churn'"),
        ],
    )
    def test_what_is_not_there(self, house, desk, ref, status, error, message):
        before = git(house.place, "for-each-ref")

        assert refusal(house.store(desk.grace).approve, ref, status)[:2] == (error, message)
        assert git(house.place, "for-each-ref") == before

    def test_a_model_names_no_version(self, house, desk):
        house.store(desk.grace).promote("churn@1.0.0", "production")

        assert refusal(house.store(desk.grace).approve, "churn", "staging") == (
            VersionNotFound,
            "which version of 'churn' do you want to approve for staging?",
            "the newest is 1.0.0: gms approve churn@1.0.0 staging",
        )

    def test_the_author_is_told_that_it_would_not_count(self, house, desk):
        assert refusal(house.approve, desk.ada) == (
            LifecycleError,
            "churn 1.0.0 was registered by Ada Lovelace <ada@example.org>, "
            "whose own approval does not count",
            "ask someone else to run: gms approve churn@1.0.0 production",
        )

    def test_a_withdrawn_version(self, house, desk):
        house.store(desk.ada).withdraw("churn@1.0.0")

        said = refusal(house.approve, desk.grace)[:2]
        assert said == (LifecycleError, "churn 1.0.0 was withdrawn")

    def test_a_hidden_character_in_the_reason(self, house, desk):
        assert refusal(
            house.store(desk.grace).approve, "churn@1.0.0", "staging", reason="fine\u202e"
        )[:2] == (InvalidInput, "the reason contains the hidden character U+202E")

    def test_without_a_key_nothing_is_written(self, house, desk):
        house.store(desk.grace)
        git(house.place, "config", "--global", "--unset", "user.signingkey")
        before = git(house.place, "for-each-ref")

        with pytest.raises(SignatureError):
            house.store().approve("churn@1.0.0", "production")

        assert git(house.place, "for-each-ref") == before


def test_an_approval_that_was_interrupted_leaves_nothing_in_the_way(
    any_store, desk, fitted, monkeypatch
):
    any_store.register(fitted, "churn", code=None)
    before = git(any_store.path, "for-each-ref")
    desk.sit_down(desk.grace)
    with monkeypatch.context() as broken:
        broken.setattr(refs, "advance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            Store.open(any_store.path).approve("churn@1.0.0", "production")
    assert git(any_store.path, "for-each-ref") == before

    event = Store.open(any_store.path).approve("churn@1.0.0", "production")

    assert git(any_store.path, "rev-parse", "main").strip() == event.commit
    git(any_store.path, "fsck", "--strict")


def interrupt(*_: object, **__: object) -> bool:
    raise KeyboardInterrupt


class TestWhatCounts:
    def test_different_people_count_once_each(self, house, desk):
        house.approve(desk.grace)
        house.approve(desk.linus)

        assert house.tally("Sam <sam@example.org>") == (
            *(["linus@example.org", "grace@example.org"], []),
        )

    def test_the_promoter_does_not_count(self, house, desk):
        house.approve(desk.linus)

        assert house.tally(desk.linus) == ([], ["the person who moves the version does not count"])

    def test_the_promoter_does_not_count_under_another_name(self, house, desk):
        """What a server knows of whoever moves the version: the key, too."""
        house.approve(desk.linus._replace(name="Sam", email="sam@example.org"))
        key = Outcome(("linus@example.org",), desk.linus.fingerprint).names

        assert [
            why for _, why in house.votes(people("Zoe <zoe@example.org>") | key).passed_over
        ] == ["the person who moves the version does not count"]

    def test_the_author_does_not_count_under_another_name(self, house, desk):
        """Ada's key, somebody else's name and address in the commit."""
        disguised = desk.ada._replace(name="Sam", email="sam@example.org")
        house.approve(disguised)

        assert house.tally() == ([], ["the author of the version does not count"])

    def test_one_person_with_two_keys_counts_once(self, house, desk):
        house.approve(desk.grace)
        other = desk.grace._replace(name="G. Hopper", email="g@example.org", key=desk.mallory.key)
        desk.allow(desk.grace._replace(key=desk.mallory.key))
        house.approve(other)

        assert house.tally() == (["grace@example.org"], ["the same person counts once"])

    def test_of_an_unknown_key(self, house, desk):
        house.approve(desk.mallory)

        assert house.tally() == ([], [f"signed with the unknown key {desk.mallory.fingerprint}"])

    def test_of_a_key_that_had_expired(self, house, desk):
        desk.allow(desk.mallory, options='valid-before="20260301"')
        house.approve(desk.mallory)

        key = f"signed with the key {desk.mallory.fingerprint} of mallory@example.org"
        assert house.tally() == ([], [f"{key}, which was valid until 20260301"])

    def test_from_before_a_withdrawal(self, house, desk):
        house.approve(desk.grace)
        house.withdraw()

        assert house.tally() == ([], [])
        assert house.store().approvals("churn@1.0.0") == ()

        house.approve(desk.grace)
        assert house.tally() == (["grace@example.org"], [])

    def test_from_before_a_withdrawal_that_a_merge_brings(self, house, desk):
        """For whoever reads, too: the branch that is merged may have been everybody's."""
        before = git(house.place, "rev-parse", "main").strip()
        house.withdraw()
        git(house.place, "branch", "theirs")
        git(house.place, "reset", "--hard", "--quiet", before)
        house.approve(desk.grace)
        assert house.tally() == (["grace@example.org"], [])

        git(house.place, "merge", "--quiet", "--no-edit", "theirs")

        assert house.tally() == ([], [])
        assert house.store().approvals("churn@1.0.0") == ()

    def test_from_before_a_withdrawal_copied_behind_it(self, house, desk):
        """A cherry-pick is another commit, which Grace has not signed."""
        signed = house.approve(desk.grace)
        house.withdraw()
        desk.sit_down(desk.mallory, sign=False)
        git(house.place, "cherry-pick", "--allow-empty", signed)

        assert house.tally() == ([], ["not signed"])

    def test_from_before_a_withdrawal_copied_with_its_signature(self, house, desk):
        signed = raw_of(house.place, "commit", house.approve(desk.grace))
        house.withdraw()
        tip = raw_of(house.place, "commit", "main")
        head = git(house.place, "rev-parse", "main").strip().encode()
        tree = tip.partition(b"\n")[0]
        lines = signed.split(b"\n")
        moved = b"\n".join([tree, b"parent " + head, *lines[2:]])
        forged = hash_object(house.place, "commit", moved)
        git(house.place, "update-ref", "refs/heads/main", forged)

        assert house.tally() == (
            [],
            [f"altered: the signature of {desk.grace.fingerprint} is of something else"],
        )

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            ("Status: production", "Status: staging", "it is for staging"),
            ("Manifest-SHA256: ", "Manifest-SHA256: 0", "it is for another manifest"),
        ],
    )
    def test_made_by_hand_of_something_else(self, house, desk, old, new, why):
        house.approve(desk.grace)
        house.by_hand(old, new)

        assert house.tally() == ([], [why])

    def test_made_by_hand_it_is_as_good(self, house, desk):
        house.approve(desk.grace)
        house.by_hand()

        assert house.tally() == (["grace@example.org"], [])

    def test_in_a_commit_that_changes_a_file_it_is_none(self, house, desk):
        house.approve(desk.grace)
        house.by_hand("", "", "README.md")

        assert house.tally() == ([], [])
        assert [event.kind for event in house.store().log()] == ["registered"]

    def test_a_pattern_in_the_list_is_whoever_it_fits(self, house, desk):
        """Who is only known to be of example.org may be the author, or the promoter."""
        desk.allowed.write_text(
            f"*@example.org {desk.grace.public}\nada@example.org {desk.ada.public}\n"
        )
        house.approve(desk.grace)

        assert house.tally() == ([], ["the author of the version does not count"])


def test_verify_lists_approvals_and_does_not_ask_for_them(house, desk):
    house.approve(desk.grace)
    house.approve(desk.mallory, "staging")
    desk.sit_down(desk.linus)

    verification = house.store().verify("churn@1.0.0", signatures=True)

    assert verification.is_sound
    found = [
        (one.kind, one.status, str(one.outcome)) for one in verification.versions[0].signatures
    ]
    assert found[2:] == [
        ("approved", "staging", f"signed with the unknown key {desk.mallory.fingerprint}"),
        ("approved", "production", "signed by grace@example.org"),
    ]


class TestGate:
    """What a gate's `signed`, `signers` and `approvals` say of a move."""

    GRACE = Outcome(("grace@example.org", "lead@example.org"), "SHA256:abc")

    def approvals(self, house, needed: int, promoter: str = "Sam <sam@example.org>"):
        one = judge_approvals(needed, house.votes(people(promoter)), MOVE)
        return one.code, one.passed, one.what

    def signed(self, outcome, *signers: str):
        one = judge_signature(outcome, signers, MOVE)
        return one.code, one.passed, one.what

    def test_signed(self):
        assert self.signed(UNSIGNED) == ("GMS060", False, "not signed")
        assert self.signed(self.GRACE)[1:] == (
            True,
            "signed by grace@example.org, lead@example.org",
        )

    def test_not_valid(self):
        altered = Outcome(code="GMS061", why="altered: …")
        assert self.signed(altered) == ("GMS061", False, "altered: …")

    def test_signers(self):
        assert self.signed(self.GRACE, "Lead@example.org")[1]
        assert self.signed(self.GRACE, "a@x", "b@x") == (
            "GMS062",
            False,
            "signed by grace@example.org, lead@example.org, "
            "and only a@x and b@x may move a version to production",
        )
        assert self.signed(UNSIGNED, "a@x") == ("GMS060", False, "not signed")

    def test_approvals_missing(self, house, desk):
        mine = house.approve(desk.linus)
        house.approve(desk.grace)

        assert self.approvals(house, 2, str(desk.linus)) == (
            "GMS063",
            False,
            "1 of 2 approvals of churn 1.0.0 for production (by grace@example.org); "
            f"{mine[:7]} by Linus Pauling <linus@example.org> does not count: "
            "the person who moves the version does not count",
        )

    def test_approvals_there(self, house, desk):
        house.approve(desk.linus)
        house.approve(desk.grace)

        assert self.approvals(house, 2) == (
            "GMS063",
            True,
            "2 of 2 approvals of churn 1.0.0 for production (by grace@example.org, "
            "linus@example.org)",
        )

    def test_what_to_type(self):
        one = judge_approvals(1, Tally((), ()), MOVE)

        assert one.what == "0 of 1 approvals of churn 1.0.0 for production"
        assert one.mend == "ask someone else to run: gms approve churn@1.0.0 production"

    def test_a_withdrawn_version_comes_back_before_it_is_approved(self):
        move = Change("churn", Version(1, 0, 0), "withdrawn", "production")

        one = judge_approvals(1, Tally((), ()), move, "staging")

        assert one.mend == "gms promote churn@1.0.0 staging --reason TEXT"
