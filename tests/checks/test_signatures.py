"""What rules have against a signature, on plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from gitmodelstore.checks.signatures import (
    UNSIGNED,
    Outcome,
    approval_of,
    approval_text,
    judge_signature,
    overlap,
    people,
    signature_faults,
)
from gitmodelstore.values.objects import Commit

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
        judged = judge_signature(ADA, signers=["lead@x"], purpose="move a version to production")

        assert (judged.code, judged.what) == (
            "GMS062",
            "signed by ada@example.org, and only lead@x may move a version to production",
        )
        assert judged.mend == "ask lead@x"

    def test_signers_ask_for_a_signature_too(self):
        judged = judge_signature(UNSIGNED, signers=["ada@example.org"])

        assert (judged.code, judged.passed) == ("GMS060", False)

    def test_a_pattern_that_fits_is_not_the_one_who_may(self):
        """A key of anybody at example.org is not known to be the lead's."""
        anybody = Outcome(("*@example.org",), "SHA256:b")

        assert judge_signature(anybody, signers=["lead@example.org"]).code == "GMS062"


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

    def test_not_with_a_file_changed(self):
        assert self.read(parent_tree="d" * 40) is None

    @pytest.mark.parametrize("parents", [("b" * 40, "e" * 40), ()])
    def test_not_in_a_merge_nor_in_a_first_commit(self, parents):
        assert self.read(TEXT, parents) is None
