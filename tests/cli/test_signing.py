"""`--sign`, `gms approve`; `gms verify --signatures`."""

from __future__ import annotations

import json

import pytest

from .conftest import EVENT


@pytest.fixture(autouse=True)
def made(place):
    """The store of the tests is made before anybody signs."""


@pytest.fixture
def signed(desk, place, gms, git):
    """leave 1.0.0, registered by Ada and moved to staging by Grace, who signs; Ada is allowed."""
    desk.allow(desk.ada)
    assert gms("register", "leave", "first.joblib", "--no-code").code == 0
    desk.sit_down(desk.grace)
    assert gms("promote", "leave@1.0.0", "staging").code == 0


def test_verify_says_who_signed_and_why_a_signature_does_not_count(desk, signed, gms, git, session):
    registered, moved = git("rev-parse", "main~1"), git("rev-parse", "main")
    unknown = f"signed with the unknown key {desk.grace.fingerprint}"
    page = f"""
$ gms verify leave@1.0.0 --signatures
leave 1.0.0  5 files verified
  tag leave@v1.0.0: signed by ada@example.org
  registered by {registered[:7]}: signed by ada@example.org
  moved to staging by {moved[:7]}: """
    session(f"{page}{unknown} [GMS061]\n= 1")
    document = json.loads(gms("verify", "leave@1.0.0", "--signatures", "--json").stdout)
    assert not document["sound"]
    ada = {"valid": True, "signers": ["ada@example.org"], "key": desk.ada.fingerprint}
    grace = {"valid": False, "signers": [], "key": desk.grace.fingerprint}
    assert document["versions"][0]["signatures"][::2] == [
        {"kind": "tag", "name": "leave@v1.0.0", "status": None, **ada, "code": None}
        | {"message": None},
        {"kind": "promoted", "name": moved, "status": "staging", **grace, "code": "GMS061"}
        | {"message": unknown},
    ]
    desk.allow(desk.grace)
    session(f"{page}signed by grace@example.org")


def test_all_of_a_store_in_which_only_some_are_signed(desk, signed, gms):
    found = gms("verify", "--all", "--signatures")

    assert found.code == 1
    assert found.stdout.count("not signed [GMS060]") == 9  # tag, registration and move of three
    assert found.stderr == "note: 4 versions verified, 4 faulty or different\n"
    assert gms("verify", "--signatures") == found


def test_without_a_list_it_cannot_work(session, desk):
    session("""
$ gms verify churn --signatures
2> error: no allowed signers are known: gpg.ssh.allowedSignersFile is not set
2> hint: write a line `ada@example.org ssh-ed25519 AAAA…` for each person, then: git config \
--global gpg.ssh.allowedSignersFile FILE
= 128
""")


@pytest.mark.parametrize(
    "command",
    [
        "register fraud second.joblib --no-code",
        "promote churn@1.0.0 staging",
        "archive fraud@1.0.0",
        "withdraw churn@1.0.0",
        "rollback churn",
    ],
)
def test_sign_and_no_sign(desk, gms, git, command):
    desk.sit_down(desk.ada, sign=False)
    desk.allow(desk.ada)
    before = git("rev-parse", "main")

    assert gms(*command.split(), "--sign").code == 0
    git("verify-commit", "main")

    git("reset", "--hard", "--quiet", before)
    for tag in git("tag", "--points-at", "ORIG_HEAD").split():
        git("tag", "-d", tag)
    desk.sit_down(desk.ada)
    assert gms(*command.split(), "--no-sign").code == 0
    assert "gpgsig" not in git("cat-file", "commit", "main")


class TestApprove:
    def test_it_says_what_it_did_and_the_log_tells_it(self, desk, signed, gms, git, session):
        said = gms("approve", "leave@1.0.0", "production", "--reason", "looks good")

        commit = git("rev-parse", "main")
        line = f"leave 1.0.0 is approved for production  {commit[:7]}\n"
        assert said == (line, "", 0)
        session(f"""
$ gms log leave -n 1
leave 1.0.0 approved for production
Date:   2026-04-01 09:30 UTC
Author: Grace Hopper <grace@example.org>
Commit: {commit}

    looks good
$ gms log leave -n 1 --oneline
{commit[:7]} 2026-04-01 leave 1.0.0 approved for production (looks good)
""")
        assert gms("show", "leave@1.0.0").stdout.splitlines()[2] == (
            "  approved     for production 2026-04-01 09:30 UTC by Grace Hopper <grace@example.org>"
        )
        desk.allow(desk.grace)
        session(f"""
$ gms approve leave@1.0.0 production
{line}2> note: you have already approved it, so nothing was written
""")

    def test_json(self, desk, signed, gms, git):
        said = json.loads(gms("approve", "leave@1.0.0", "production", "--json").stdout)

        grace = {"name": "Grace Hopper", "email": "grace@example.org"}
        known = {"at": "2026-04-01T09:30:00Z", "by": grace, "commit": git("rev-parse", "main")}
        event = {"kind": "approved", "model": "leave", "version": "1.0.0", "before": "staging"}
        event |= {"after": "staging", "approved_for": "production"}
        assert said == {"events": [{**EVENT, **known, **event}]}
        digest = json.loads(gms("get", "leave@1.0.0", "--json").stdout)["manifest_sha256"]
        assert json.loads(gms("show", "leave@1.0.0", "--json").stdout)["approvals"] == [
            {"status": "production", "manifest_sha256": digest, "reason": None, **known}
        ]

    @pytest.mark.usefixtures("unchanged")
    def test_without_a_key(self, desk, session, git):
        desk.sit_down(desk.grace)
        git("config", "--global", "--unset", "user.signingkey")

        session("""
$ gms approve churn@1.0.0 production
2> error: git has no ssh key to sign with
2> hint: sign with an ssh key: `git config --global gpg.format ssh` and `git config --global \
user.signingkey ~/.ssh/id_ed25519.pub`
= 128
""")
