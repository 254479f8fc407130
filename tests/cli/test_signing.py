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


def test_verify_says_who_signed_and_why_a_signature_does_not_count(desk, signed, gms, git):
    registered, moved = git("rev-parse", "main~1")[:7], git("rev-parse", "main")[:7]
    unknown = f"signed with the unknown key {desk.grace.fingerprint}"

    assert gms("verify", "leave@1.0.0", "--signatures") == (
        "leave 1.0.0  5 files verified\n"
        "  tag leave@v1.0.0: signed by ada@example.org\n"
        f"  registered by {registered}: signed by ada@example.org\n"
        f"  moved to staging by {moved}: {unknown} [GMS061]\n",
        "",
        1,
    )
    desk.allow(desk.grace)
    found = gms("verify", "leave@1.0.0", "--signatures")
    assert found.code == 0
    assert found.stdout.endswith(f"  moved to staging by {moved}: signed by grace@example.org\n")


def test_json_of_signatures(desk, signed, gms, git):
    document = json.loads(gms("verify", "leave@1.0.0", "--signatures", "--json").stdout)

    assert not document["sound"]
    assert document["versions"][0]["signatures"][::2] == [
        {
            "kind": "tag",
            "name": "leave@v1.0.0",
            "status": None,
            "valid": True,
            "signers": ["ada@example.org"],
            "key": desk.ada.fingerprint,
            "code": None,
            "message": None,
        },
        {
            "kind": "promoted",
            "name": git("rev-parse", "main"),
            "status": "staging",
            "valid": False,
            "signers": [],
            "key": desk.grace.fingerprint,
            "code": "GMS061",
            "message": f"signed with the unknown key {desk.grace.fingerprint}",
        },
    ]


def test_all_of_a_store_in_which_only_some_are_signed(desk, signed, gms, git):
    found = gms("verify", "--all", "--signatures")

    assert found.code == 1
    assert found.stdout.count("not signed [GMS060]") == 9  # tag, registration and move of three
    assert found.stderr == "note: 4 versions verified, 4 faulty or different\n"
    assert gms("verify", "--signatures") == found


def test_without_a_list_it_cannot_work(gms, desk):
    assert gms("verify", "churn", "--signatures") == (
        "",
        "error: no allowed signers are known: gpg.ssh.allowedSignersFile is not set\n"
        "hint: write a line `ada@example.org ssh-ed25519 AAAA…` for each person, then: "
        "git config --global gpg.ssh.allowedSignersFile FILE\n",
        128,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["register", "fraud", "second.joblib", "--no-code"],
        ["promote", "churn@1.0.0", "staging"],
        ["archive", "fraud@1.0.0"],
        ["withdraw", "churn@1.0.0"],
        ["rollback", "churn"],
    ],
    ids=lambda command: command[0],
)
def test_sign_and_no_sign(desk, gms, git, command):
    desk.sit_down(desk.ada, sign=False)
    desk.allow(desk.ada)
    before = git("rev-parse", "main")

    assert gms(*command, "--sign").code == 0
    git("verify-commit", "main")

    git("reset", "--hard", "--quiet", before)
    for tag in git("tag", "--points-at", "ORIG_HEAD").split():
        git("tag", "-d", tag)
    desk.sit_down(desk.ada)
    assert gms(*command, "--no-sign").code == 0
    assert "gpgsig" not in git("cat-file", "commit", "main")


class TestApprove:
    def test_it_says_what_it_did_and_the_log_tells_it(self, desk, signed, gms, git):
        found = gms("approve", "leave@1.0.0", "production", "--reason", "looks good")

        commit = git("rev-parse", "main")
        assert found == (f"leave 1.0.0 is approved for production  {commit[:7]}\n", "", 0)
        assert gms("log", "leave", "-n", "1") == (
            "leave 1.0.0 approved for production\n"
            "Date:   2026-04-01 09:30 UTC\n"
            "Author: Grace Hopper <grace@example.org>\n"
            f"Commit: {commit}\n\n    looks good\n",
            "",
            0,
        )
        assert gms("log", "leave", "-n", "1", "--oneline").stdout == (
            f"{commit[:7]} 2026-04-01 leave 1.0.0 approved for production (looks good)\n"
        )
        assert gms("show", "leave@1.0.0").stdout.splitlines()[2] == (
            "  approved     for production 2026-04-01 09:30 UTC by Grace Hopper <grace@example.org>"
        )

    def test_again_writes_nothing(self, desk, signed, gms, git):
        first = gms("approve", "leave@1.0.0", "production")
        desk.allow(desk.grace)

        assert gms("approve", "leave@1.0.0", "production") == (
            first.stdout,
            "note: you have already approved it, so nothing was written\n",
            0,
        )

    def test_json(self, desk, signed, gms, git):
        event = {
            **EVENT,
            "kind": "approved",
            "model": "leave",
            "version": "1.0.0",
            "before": "staging",
            "after": "staging",
            "at": "2026-04-01T09:30:00Z",
            "by": {"name": "Grace Hopper", "email": "grace@example.org"},
        }

        said = json.loads(gms("approve", "leave@1.0.0", "production", "--json").stdout)

        commit = git("rev-parse", "main")
        assert said == {"events": [{**event, "commit": commit, "approved_for": "production"}]}
        shown = json.loads(gms("show", "leave@1.0.0", "--json").stdout)["approvals"]
        digest = json.loads(gms("get", "leave@1.0.0", "--json").stdout)["manifest_sha256"]
        assert shown == [
            {
                "status": "production",
                "manifest_sha256": digest,
                "at": event["at"],
                "by": event["by"],
                "reason": None,
                "commit": commit,
            }
        ]

    @pytest.mark.usefixtures("unchanged")
    def test_without_a_key(self, desk, gms, git):
        desk.sit_down(desk.grace)
        git("config", "--global", "--unset", "user.signingkey")

        assert gms("approve", "churn@1.0.0", "production") == (
            "",
            "error: git has no ssh key to sign with\n"
            "hint: sign with an ssh key: `git config --global gpg.format ssh` and "
            "`git config --global user.signingkey ~/.ssh/id_ed25519.pub`\n",
            128,
        )
