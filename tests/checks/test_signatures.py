"""What rules have against a signature, on plain values."""

from __future__ import annotations

import pytest

from gitmodelstore.checks.notes import Step, approval_of, approval_text, standing
from gitmodelstore.checks.signatures import (
    UNSIGNED,
    Outcome,
    overlap,
    people,
    signature_faults,
)

ADA = Outcome(("ada@example.org",), "SHA256:a")
TREE = "a" * 40
HEAD = (
    f"tree {TREE}\nparent {'b' * 40}\nauthor Grace Hopper <grace@example.org> 1772546700 +0000\n"
    "committer Grace Hopper <grace@example.org> 1772546709 +0000\n\n"
)
TEXT = approval_text("churn", "1.0.0", "production", "ab" * 32, "fine")


class TestSignatureFaults:
    def test_of_a_tag(self):
        (fault,) = signature_faults(UNSIGNED, path="refs/tags/churn@v1.0.0", commit="c" * 40)

        assert str(fault) == "refs/tags/churn@v1.0.0: not signed [GMS060]"
        assert fault.commit == "c" * 40
        assert fault.mend == (
            "sign it: --sign, or `git config commit.gpgsign true` and `tag.gpgsign true`"
        )

    def test_of_somebody_else(self):
        (fault,) = signature_faults(ADA, signers=["lead@x"], purpose="move a version to production")

        assert str(fault) == (
            "signed by ada@example.org, and only lead@x may move a version to production [GMS062]"
        )
        assert fault.mend == "ask lead@x"

    def test_signers_ask_for_a_signature_too(self):
        (fault,) = signature_faults(UNSIGNED, signed=False, signers=["ada@example.org"])

        assert fault.code == "GMS060"

    def test_a_pattern_that_fits_is_not_the_one_who_may(self):
        """A key of anybody at example.org is not known to be the lead's."""
        anybody = Outcome(("*@example.org",), "SHA256:b")

        assert [one.code for one in signature_faults(anybody, signers=["lead@example.org"])] == [
            "GMS062"
        ]


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
    def read(self, message: str = TEXT, *, head: str = HEAD, parent_tree: str | None = TREE):
        return approval_of(Step("c" * 40, f"{head}{message}".encode(), parent_tree))

    def test_what_it_says(self):
        found = self.read()

        assert found is not None
        assert (found.model, found.version, found.status) == ("churn", "1.0.0", "production")
        assert (found.manifest_sha256, found.why) == ("ab" * 32, "fine")
        assert (found.who, found.commit) == ("Grace Hopper <grace@example.org>", "c" * 40)

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
        assert self.read(parent_tree=None) is None

    def test_not_in_a_merge(self):
        second = HEAD.replace("author", f"parent {'e' * 40}\nauthor", 1)

        assert self.read(head=second) is None

    def test_a_withdrawal_ends_the_search(self):
        step = Step("c" * 40, f"{HEAD}{TEXT}".encode(), TREE)
        withdrawal = Step("d" * 40, b"", TREE, withdraws=True)

        assert len(list(standing([step, step], "churn", "1.0.0"))) == 2
        assert len(list(standing([step, withdrawal, step], "churn", "1.0.0"))) == 1
        assert list(standing([step], "churn", "1.1.0")) == []
