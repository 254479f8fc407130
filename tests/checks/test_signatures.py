"""What rules have against a signature, on plain values, and what a signed object says."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.checks.signatures import (
    UNSIGNED,
    Key,
    NotSshSignature,
    Outcome,
    allowed_signers,
    approval_of,
    approval_text,
    commit_parts,
    judge_signature,
    overlap,
    people,
    signature_faults,
    tag_parts,
    with_signature,
)
from gitmodelstore.values.names import Version
from gitmodelstore.values.objects import Commit
from gitmodelstore.values.registry import Change

MOVE = Change("churn", Version(1, 0, 0), "staging", "production")
ADA = Outcome(("ada@example.org",), "SHA256:a")
TREE = "a" * 40
GRACE = "Grace Hopper <grace@example.org>"
WHEN = datetime(2026, 3, 3, 14, 5, 9, tzinfo=timezone.utc)
TEXT = approval_text("churn", "1.0.0", "production", "ab" * 32, "fine")


class TestSignature:
    def test_of_a_tag(self):
        (fault,) = signature_faults(UNSIGNED, "refs/tags/churn@v1.0.0")

        assert str(fault) == "refs/tags/churn@v1.0.0: not signed [GMS060]"
        assert fault.mend == (
            "sign it: --sign, or `git config commit.gpgsign true` and `tag.gpgsign true`"
        )

    def test_of_somebody_else(self):
        mend = judge_signature(ADA, ["lead@x"], MOVE).mend

        assert mend == "lead@x must run: gms promote churn@1.0.0 production --sign"

    def test_a_pattern_that_fits_is_not_the_one_who_may(self):
        """A key of anybody at example.org is not known to be the lead's."""
        anybody = Outcome(("*@example.org",), "SHA256:b")

        assert judge_signature(anybody, ["lead@example.org"], MOVE).code == "GMS062"


@pytest.mark.parametrize(
    ("some", "others", "same"),
    [
        (["Ada <Ada@Example.org>"], ["ada@example.org"], True),
        (["ada@example.org"], ["adam@example.org"], False),
        (["?da@example.org"], ["ada@example.org"], True),
        (["SHA256:aB"], ["SHA256:ab"], False),
        ([], ["ada@example.org"], False),
        ([""], [""], False),
    ],
)
def test_people_are_compared_by_address_key_and_pattern(some, others, same):
    assert overlap(people(*some), people(*others)) == same
    assert overlap(people(*others), people(*some)) == same


class TestApprovalOf:
    def commit(self, message: str = TEXT, parents: tuple[str, ...] = ("b" * 40,)) -> Commit:
        return Commit("c" * 40, TREE, parents, GRACE, GRACE, WHEN, message)

    def read(self, *args, parent_tree: str = TREE):
        before = replace(self.commit(), tree=parent_tree)
        objects = SimpleNamespace(commit={"b" * 40: before}.get, raw=lambda oid: b"")
        return approval_of(objects, self.commit(*args))

    def test_what_it_says(self):
        found = self.read()

        assert found is not None
        assert (found.model, found.version, found.status) == ("churn", "1.0.0", "production")
        assert (found.manifest_sha256, found.why) == ("ab" * 32, "fine")
        assert (found.who, found.when, found.commit) == (GRACE, WHEN, "c" * 40)

    @pytest.mark.parametrize(
        "message",
        [
            "hello\n",
            TEXT.replace("Model: churn\n", ""),
            TEXT.replace("Model: churn\n", "Model: churn\nModel: fraud\n"),
            TEXT.replace("Model: churn\n", "Model: churn\nsomething else\n"),
            TEXT + "\nanother paragraph\n",
            TEXT.replace("Event: approved", "Event: approved "),
            f"Event: approved\n\n{TEXT.replace('approved', 'promoted')}",
        ],
    )
    def test_anything_else_approves_nothing(self, message):
        assert self.read(message) is None

    def test_not_with_a_file_changed_nor_in_a_merge_or_a_first_commit(self):
        assert self.read(parent_tree="d" * 40) is None
        assert self.read(TEXT, ("b" * 40, "e" * 40)) is None
        assert self.read(TEXT, ()) is None


# A signed commit or tag taken apart, and the list of allowed signers read.


PAYLOAD = (
    b"tree aaaa\nparent bbbb\nauthor Ada <ada@example.org> 1772546700 +0100\n"
    b"committer Grace <grace@example.org> 1772546709 -0230\n\nsubject\n\nbody\n"
)
ARMOR = b"-----BEGIN SSH SIGNATURE-----\nAAAA\nBBBB\n-----END SSH SIGNATURE-----\n"


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def armored(blob: bytes) -> bytes:
    text = base64.encodebytes(blob)
    return b"-----BEGIN SSH SIGNATURE-----\n" + text + b"-----END SSH SIGNATURE-----\n"


KEY = string(b"ssh-ed25519") + string(b"k" * 32)
SIGNATURE = b"SSHSIG\0\0\0\1" + string(KEY) + string(b"git") + string(b"") + string(b"sha512")


class TestCommit:
    def test_what_was_signed_is_the_commit_without_its_signature(self):
        parts = commit_parts(with_signature(PAYLOAD, ARMOR))

        assert (parts.payload, parts.signature) == (PAYLOAD, ARMOR)
        assert parts.when == datetime(2026, 3, 3, 14, 5, 9, tzinfo=timezone.utc)
        assert parts.header("parent") == "bbbb"
        assert parts.header("nothing") == ""

    def test_the_header_stands_last_as_git_writes_it(self):
        head = with_signature(PAYLOAD, ARMOR).partition(b"\n\n")[0]

        assert head.endswith(
            b"-0230\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n BBBB\n "
            b"-----END SSH SIGNATURE-----"
        )

    @pytest.mark.parametrize("more", [b"", b"gpgsig AAAA\n" + ARMOR])  # in the message it is text
    def test_an_unsigned_one(self, more):
        parts = commit_parts(PAYLOAD + more)

        assert (parts.payload, parts.signature) == (PAYLOAD + more, None)

    def test_other_headers_stay(self):
        tagged = PAYLOAD.replace(b"\n\n", b"\nmergetag object cccc\n type commit\n\n", 1)

        parts = commit_parts(with_signature(tagged, ARMOR))

        assert parts.payload == tagged
        assert parts.header("mergetag") == "object cccc\ntype commit"

    def test_a_signature_for_other_ids_is_left_out_as_git_does(self):
        signed = with_signature(PAYLOAD, ARMOR)
        both = signed.replace(b"\n\n", b"\ngpgsig-sha256 XXXX\n YYYY\n\n", 1)

        assert commit_parts(both).payload == PAYLOAD
        assert commit_parts(both).signature == ARMOR

    @given(st.binary(max_size=300))
    def test_any_bytes_can_be_taken_apart(self, raw):
        assert commit_parts(raw).signature is None or b"gpgsig" in raw
        assert tag_parts(raw).payload + (tag_parts(raw).signature or b"") == raw

    @pytest.mark.parametrize("stamp", [b"x", b"9999999999999", b"999999999999", b"-5"])
    def test_a_time_that_is_none(self, stamp):
        assert commit_parts(PAYLOAD.replace(b"1772546709", stamp)).when is None

    def test_it_is_not_older_than_its_parent(self):
        parts, later = commit_parts(PAYLOAD), datetime(2026, 4, 1, tzinfo=timezone.utc)

        assert parts.not_before(later).when == later
        assert parts.not_before(None) is parts
        assert parts.not_before(datetime(2026, 1, 1, tzinfo=timezone.utc)) is parts


class TestTag:
    RAW = b"object aaaa\ntype commit\ntag churn@v1.0.0\ntagger A <a@b> 1772546709 +0000\n\nchurn\n"

    def test_the_signature_ends_the_message(self):
        parts = tag_parts(self.RAW + ARMOR)

        assert (parts.payload, parts.signature) == (self.RAW, ARMOR)
        assert parts.header("tag") == "churn@v1.0.0"

    def test_the_last_one_counts_as_for_git_and_a_line_begins_after_a_line_feed(self):
        assert tag_parts(self.RAW + ARMOR + ARMOR).payload == self.RAW + ARMOR
        assert tag_parts(self.RAW + b"x\r" + ARMOR).signature is None


class TestKey:
    def test_the_key_in_a_signature(self):
        key = Key.of_signature(armored(SIGNATURE))

        assert (key.blob, key.kind, key.is_certificate) == (KEY, "ssh-ed25519", False)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (b"-----BEGIN PGP SIGNATURE-----\n", "it is not an SSH signature, and only those"),
            (armored(SIGNATURE) + b"x", "the signature is broken, or something follows it"),
            (armored(b"SSHSIX" + SIGNATURE[6:]), "the signature is broken"),
            (armored(SIGNATURE[:30]), "the signature is broken"),
            (armored(SIGNATURE.replace(b"git", b"cat")), "the signature is made for 'cat', not"),
            (ARMOR.replace(b"AAAA", b"AAA"), "the signature is broken"),
        ],
    )
    def test_what_is_no_signature_of_git(self, text, why):
        with pytest.raises(NotSshSignature) as caught:
            Key.of_signature(text)

        assert str(caught.value).startswith(why)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_refused_or_have_a_key(self, blob):
        with suppress(NotSshSignature):
            assert Key.of_signature(armored(blob)).fingerprint.startswith("SHA256:")


class TestAllowedSigners:
    TEXT = base64.b64encode(KEY).decode()

    def one(self, line: str):
        (found,) = allowed_signers(line)
        assert found.key == Key(KEY)
        return found

    def test_a_line(self):
        found = self.one(f"ada@example.org ssh-ed25519 {self.TEXT} of Ada\n")

        assert (found.principals, found.options) == (("ada@example.org",), {})
        assert not found.is_authority

    def test_options_in_any_case_and_blanks_within_quotation_marks(self):
        found = self.one(
            f'c@x Cert-Authority,Namespaces="git, file",valid-before="2027" ssh-ed25519 {self.TEXT}'
        )

        assert found.is_authority
        assert found.options["namespaces"] == "git, file"
        assert found.options["valid-before"] == "2027"

    def test_names_within_quotation_marks(self):
        assert self.one(f'"ada,lead" ssh-ed25519 {self.TEXT}').principals == ("ada", "lead")

    @pytest.mark.parametrize(
        "line",
        [
            *("", "# a@x ssh-ed25519 AAAA", "a@x", "a@x ssh-ed25519", "a@x ssh-ed25519 !!"),
            f"a@x ssh-rsa {TEXT}",  # a key of another kind than it says
        ],
    )
    def test_what_names_nobody(self, line):
        assert allowed_signers(line) == ()
