"""Whose signatures count is said by the reader, never by the store."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.checks.signatures import (
    NOT_SIGNED,
    NOT_VALID,
    Outcome,
    Signed,
    commit_parts,
    tag_parts,
)
from gitmodelstore.errors import ClockWarning, SignatureError
from gitmodelstore.plumbing.signing import SshVerifier
from tests.keys import ssh_keygen

from .looks import hash_object, raw_of, refusal

MARCH = datetime(2026, 3, 3, 12, tzinfo=timezone.utc)
BROKEN = "the signature is broken, or something follows it"


@pytest.fixture
def place(tmp_path: Path, desk, monkeypatch) -> Path:
    """A store whose first commit is a day older than its first version."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", (MARCH - timedelta(days=1)).isoformat())
    Store.init(tmp_path / "store")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    return tmp_path / "store"


def opened(place: Path, *, when: datetime = MARCH) -> Store:
    return Store.open(place, durable=False, now=lambda: when)


def said(store: Store, ref: str = "churn@1.0.0") -> dict[str, str]:
    """What is found of each signature of a version, by what it is of."""
    found = store.verify(ref, signatures=True).versions[0]
    assert found.faults == ()
    return {one.kind: str(one.outcome) for one in found.signatures or ()}


def judged(place: Path, parts: Signed) -> Outcome:
    return SshVerifier.of(place / ".git", place).outcome(parts)


@pytest.fixture
def registered(place, fitted) -> Store:
    """churn 1.0.0, signed by Ada."""
    store = opened(place)
    store.register(fitted, "churn", code=None)
    return store


class TestValid:
    def test_every_part_names_its_signer(self, place, desk, registered):
        desk.allow(desk.ada, desk.grace)
        desk.sit_down(desk.grace)
        opened(place).promote("churn@1.0.0", "production")

        verification = registered.verify("churn", signatures=True)

        assert verification.is_sound
        assert said(registered) == {
            "tag": "signed by ada@example.org",
            "registered": "signed by ada@example.org",
            "promoted": "signed by grace@example.org",
        }
        tag = verification.versions[0].signatures[0]
        assert (tag.name, tag.outcome.key) == ("churn@v1.0.0", desk.ada.fingerprint)

    def test_all_versions_at_once(self, place, desk, registered, refitted):
        desk.allow(desk.ada)
        registered.register(refitted, "churn", code=None)
        registered.register(refitted, "fraud", code=None)

        verification = registered.verify(signatures=True)

        assert verification.is_sound
        assert [len(one.signatures) for one in verification.versions] == [2, 2, 2]

    def test_a_key_may_speak_for_several_names(self, desk, registered):
        desk.allowed.write_text(
            f"# people\n\nada@example.org,lead@example.org {desk.ada.public} a comment\n"
        )
        desk.allow()

        assert said(registered)["tag"] == "signed by ada@example.org, lead@example.org"

    def test_a_certificate(self, place, desk, fitted, tmp_path):
        certified = tmp_path / "certified"
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-f", str(certified))
        ca = str(desk.linus.key)
        subprocess.run(
            ["ssh-keygen", "-q", "-s", ca, "-I", "id", "-n", "ada@example.org", f"{certified}.pub"],
            check=True,
        )
        desk.allowed.write_text(
            f'*@example.org cert-authority,namespaces="git" {desk.linus.public}'
        )
        desk.allow()
        desk.sit_down(desk.ada._replace(key=Path(f"{certified}-cert.pub")))
        store = opened(place, when=datetime.now(timezone.utc))
        store.register(fitted, "churn", code=None)

        assert said(store)["tag"] == "signed by ada@example.org"

    def test_git_agrees(self, place, desk, registered, git):
        desk.allow(desk.ada)

        git(place, "verify-commit", "main")
        git(place, "verify-tag", "churn@v1.0.0")


class TestNotValid:
    def test_not_signed(self, place, desk, fitted):
        desk.allow(desk.ada)
        desk.sit_down(desk.ada, sign=False)
        store = opened(place)
        store.register(fitted, "churn", code=None)

        verification = store.verify("churn@1.0.0", signatures=True)

        assert not verification.is_sound
        assert {one.outcome.code for one in verification.versions[0].signatures} == {NOT_SIGNED}
        assert said(store) == {"tag": "not signed", "registered": "not signed"}

    def test_a_tag_that_is_not_there(self, place, desk, registered, git):
        desk.allow(desk.ada)
        git(place, "tag", "-d", "churn@v1.0.0")

        found = registered.verify("churn@1.0.0", signatures=True).versions[0].signatures

        assert str(found[0].outcome) == "the tag does not exist, so it is not signed"

    def test_an_unknown_key(self, desk, registered):
        desk.allow(desk.grace)

        assert said(registered)["tag"] == f"signed with the unknown key {desk.ada.fingerprint}"

    def test_a_revoked_key(self, desk, registered):
        desk.allow(desk.ada)
        desk.revoke(desk.ada)

        assert said(registered)["tag"] == (
            f"signed with the revoked key {desk.ada.fingerprint} of ada@example.org"
        )

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            ('valid-before="20260301"', "was valid until 20260301"),
            ('valid-before="20260303115959Z"', "was valid until 20260303115959Z"),
            ('valid-after="20260401"', "is valid from 20260401 on"),
        ],
    )
    def test_a_key_at_another_time(self, desk, registered, options, why):
        desk.allow(desk.ada, options=options)

        assert said(registered)["tag"] == (
            f"signed with the key {desk.ada.fingerprint} of ada@example.org, which {why}"
        )

    def test_a_key_that_has_expired_since(self, desk, registered):
        desk.allow(desk.ada, options='valid-before="20260304",valid-after="20260303"')

        assert said(registered)["tag"] == "signed by ada@example.org"

    def test_a_date_of_long_ago_does_not_help_a_key_that_has_expired(self, place, desk, registered):
        desk.allow(desk.ada)
        desk.allow(desk.mallory, options='valid-before="20260101"')
        desk.sit_down(desk.mallory)
        long_ago = datetime(2025, 12, 1, tzinfo=timezone.utc)
        with pytest.warns(ClockWarning):
            opened(place, when=long_ago).promote("churn@1.0.0", "production")

        assert said(registered)["promoted"] == (
            f"signed with the key {desk.mallory.fingerprint} of mallory@example.org, "
            "which was valid until 20260101"
        )

    def test_a_key_for_other_things_than_git(self, desk, registered):
        desk.allow(desk.ada, options='namespaces="file"')

        assert said(registered)["tag"] == (
            f"signed with the key {desk.ada.fingerprint} of ada@example.org, "
            "which was not allowed to sign for git at that time"
        )

    def test_a_signature_made_for_other_things(self, place, desk, registered):
        desk.allow(desk.ada)
        parts = tag_parts(raw_of(place, "tag", "churn@v1.0.0"))
        file = place.parent / "payload"
        file.write_bytes(parts.payload)
        ssh_keygen("-Y", "sign", "-n", "file", "-f", str(desk.ada.key), str(file))
        made = parts.payload + Path(f"{file}.sig").read_bytes()

        assert (
            str(judged(place, tag_parts(made))) == "the signature is made for 'file', not for git"
        )

    def test_an_altered_commit(self, place, desk, registered):
        desk.allow(desk.ada)
        raw = raw_of(place, "commit", "main").replace(b"register churn", b"register chorn")

        outcome = judged(place, commit_parts(raw))

        assert (outcome.code, outcome.signers) == (NOT_VALID, ())
        assert str(outcome) == (
            f"altered: the signature of {desk.ada.fingerprint} is of something else"
        )

    def test_a_signature_copied_over_another_commit(self, place, desk, registered, git):
        desk.allow(desk.ada)
        signature = commit_parts(raw_of(place, "commit", "main")).signature
        desk.sit_down(desk.mallory, sign=False)
        opened(place).promote("churn@1.0.0", "production")
        head, _, message = raw_of(place, "commit", "main").partition(b"\n\n")
        lines = b"\n ".join(signature.rstrip().split(b"\n"))
        forged = hash_object(place, "commit", head + b"\ngpgsig " + lines + b"\n\n" + message)
        git(place, "update-ref", "refs/heads/main", forged)

        assert said(opened(place))["promoted"] == (
            f"altered: the signature of {desk.ada.fingerprint} is of something else"
        )

    def test_the_signed_tag_of_another_version(self, place, desk, registered, refitted, git):
        desk.allow(desk.ada)
        desk.sit_down(desk.mallory, sign=False)
        store = opened(place)
        store.register(refitted, "churn", code=None)
        # A tag that names the right commit, but bears another name, under this one's ref.
        body = f"object {git(place, 'rev-parse', 'main')}type commit\ntag churn@v9.0.0\n"
        stamp = int(MARCH.timestamp())
        payload = f"{body}tagger Ada Lovelace <ada@example.org> {stamp} +0000\n\nchurn 9.0.0\n"
        file = place.parent / "payload"
        file.write_text(payload)
        ssh_keygen("-Y", "sign", "-n", "git", "-f", str(desk.ada.key), str(file))
        oid = hash_object(place, "tag", file.read_bytes() + Path(f"{file}.sig").read_bytes())
        git(place, "update-ref", "refs/tags/churn@v1.1.0", oid)

        assert said(opened(place), "churn@1.1.0")["tag"] == "replayed: it is the tag churn@v9.0.0"

    @pytest.mark.parametrize("extra", [b"more\n", b"-----BEGIN SSH SIGNATURE-----\n"])
    def test_nothing_may_stand_behind_a_signature(self, place, desk, registered, extra):
        desk.allow(desk.ada)
        raw = raw_of(place, "tag", "churn@v1.0.0")

        assert str(judged(place, tag_parts(raw + extra))) == BROKEN

    def test_two_signatures_are_none(self, place, desk, registered):
        desk.allow(desk.ada)
        raw = raw_of(place, "commit", "main")
        start = raw.index(b"gpgsig ")
        header = raw[start : raw.index(b"\n\n")]

        twice = commit_parts(raw[:start] + header + b"\n" + raw[start:])

        assert str(judged(place, twice)) == BROKEN


class TestLists:
    """The lists are the reader's: they never come with the store."""

    def refused(self, store: Store) -> tuple[type, str, str | None]:
        return refusal(store.verify, "churn@1.0.0", signatures=True)

    def test_without_a_list_nothing_can_be_said(self, registered):
        assert self.refused(registered) == (
            SignatureError,
            "no allowed signers are known: gpg.ssh.allowedSignersFile is not set",
            "write a line `ada@example.org ssh-ed25519 AAAA…` for each person, then: "
            "git config --global gpg.ssh.allowedSignersFile FILE",
        )

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            (
                *("allowedSignersFile", "{}/modelstore.toml"),
                "is '{}', in the store itself: anyone who may push could change it",
            ),
            ("allowedSignersFile", "signers", "is '{}', which is not an absolute path"),
            ("allowedSignersFile", "{}/../missing", "names '{}', which cannot be read"),
            ("revocationFile", "{}/../missing", "names '{}', which cannot be read"),
        ],
    )
    def test_what_may_not_be_one_is_refused(self, place, desk, registered, name, value, said):
        desk.allow(desk.ada)
        path = value.format(place)
        desk.set(f"gpg.ssh.{name}", path)

        assert self.refused(registered)[1] == f"gpg.ssh.{name} {said.format(path)}"

    def test_a_list_in_the_git_directory_is_the_readers_own(self, place, desk, registered, git):
        inside = place / ".git" / "allowed_signers"
        inside.write_text(f"ada@example.org {desk.ada.public}\n")
        git(place, "config", "gpg.ssh.allowedSignersFile", str(inside))

        assert said(registered)["tag"] == "signed by ada@example.org"

    def test_one_in_the_home_folder(self, desk, registered):
        desk.allow(desk.ada)
        desk.set("gpg.ssh.allowedSignersFile", "~/allowed_signers")

        assert said(registered)["tag"] == "signed by ada@example.org"

    def test_lines_that_cannot_be_read_allow_nobody(self, desk, registered):
        desk.allowed.write_text(f"ada@example.org ssh-rsa {desk.ada.public.split()[1]}\nada !!\n\n")
        desk.allow()

        assert said(registered)["tag"] == f"signed with the unknown key {desk.ada.fingerprint}"


def test_a_good_signature_takes_one_process_and_an_unknown_key_none(
    place, desk, registered, tmp_path
):
    program = tmp_path / "counting"
    program.write_text(f'#!/bin/sh\necho call >> {tmp_path}/calls\nexec ssh-keygen "$@"\n')
    program.chmod(0o755)
    desk.set("gpg.ssh.program", str(program))
    desk.allow(desk.ada)

    assert said(registered)["tag"] == "signed by ada@example.org"
    assert (tmp_path / "calls").read_text().count("call") == 2  # the commit's and the tag's

    desk.allowed.write_text(f"grace@example.org {desk.grace.public}\n")
    said(registered)
    assert (tmp_path / "calls").read_text().count("call") == 2


HOOK = """\
#!{python} -S
import subprocess, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from gitmodelstore.plumbing.signing import SshVerifier
from gitmodelstore.checks.signatures import commit_parts

for line in sys.stdin:
    old, new, ref = line.split()
    raw = subprocess.check_output(["git", "cat-file", "commit", new])
    outcome = SshVerifier.of(Path.cwd(), None).outcome(commit_parts(raw))
    if not outcome.is_valid:
        sys.exit(f"{{ref}}: {{outcome}} [{{outcome.code}}]")
"""


def test_a_server_verifies_what_is_pushed_with_its_own_list(place, desk, registered, git):
    server = place.parent / "server.git"
    git(place.parent, "clone", "--quiet", "--bare", str(place), str(server))
    allowed = server / "allowed_signers"
    allowed.write_text(f"ada@example.org {desk.ada.public}\n")
    git(server, "config", "gpg.ssh.allowedSignersFile", str(allowed))
    hook = server / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    root = str(Path(__file__).parents[2])
    hook.write_text(HOOK.format(python=sys.executable, root=root))
    hook.chmod(0o755)
    desk.allow(desk.mallory)  # whoever pushes may believe whom they like

    opened(place).promote("churn@1.0.0", "staging")
    git(place, "push", "--quiet", str(server), "main")

    desk.sit_down(desk.mallory)
    opened(place).promote("churn@1.0.0", "production")
    refused = subprocess.run(
        ["git", "push", "--quiet", str(server), "main"], cwd=place, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert (
        f"refs/heads/main: signed with the unknown key {desk.mallory.fingerprint} [GMS061]"
        in refused.stderr
    )
