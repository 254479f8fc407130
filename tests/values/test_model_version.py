"""References: each line of the grammar, the spellings of other tools, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidReference
from gitmodelstore.values.model_version import Reference
from gitmodelstore.values.names import Version, VersionRange

from .refusals import refusal as said
from .strategies import model_names, versions

ON_THE_DAY = datetime(2026, 6, 1, 23, 59, 59, tzinfo=timezone.utc)


refusal = partial(said, InvalidReference, Reference.parse)


@pytest.mark.parametrize(
    ("text", "selector", "back", "at"),
    [
        *(
            (f"churn@{written}", selector, 0, None)
            for written, selector in {
                "1.4.0": Version(1, 4, 0),
                "v1.4.0": Version(1, 4, 0),
                "2.0.0-rc.1": Version(2, 0, 0, ("rc", "1")),
                **{word: word for word in ("production", "shadow", "latest")},
                **{r: VersionRange.parse(r) for r in ("^1.2", "~1.2", "~1", "^2.0.0-rc.1")},
            }.items()
        ),
        ("churn", "production", 0, None),
        ("churn@production~1", "production", 1, None),
        ("churn@staging~12", "staging", 12, None),
        ("churn@latest~2", "latest", 2, None),
        ("churn@production@{2026-06-01}", "production", 0, ON_THE_DAY),
        ("churn@{2026-06-01}", "production", 0, ON_THE_DAY),
        ("churn@latest@{2026-06-01}", "latest", 0, ON_THE_DAY),
        ("churn@production~1@{2026-06-01}", "production", 1, ON_THE_DAY),
        ("churn@^1.2@{2026-06-01}", VersionRange.parse("^1.2"), 0, ON_THE_DAY),
    ],
)
def test_a_reference_names_a_model_and_one_of_its_versions(text, selector, back, at):
    reference = Reference.parse(text)

    assert (reference.model, reference.selector) == ("churn", selector)
    assert (reference.back, reference.at, reference.commit) == (back, at, None)
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("churn#production", "churn@production"),
        ("churn:latest", "churn@latest"),
        ("churn:1.4.0", "churn@1.4.0"),
        ("models:/churn@production", "churn@production"),
        ("models:/churn/1.4.0", "churn@1.4.0"),
        ("models:/churn/production", "churn@production"),
        ("models:/churn", "churn"),
        ("models://churn/latest", "churn@latest"),
    ],
)
def test_the_spellings_of_other_tools_mean_the_same(text, ours):
    theirs, expected = Reference.parse(text), Reference.parse(ours)

    assert (theirs.model, theirs.selector) == (expected.model, expected.selector)


@pytest.mark.parametrize("text", ["4f0c2a9", "0" * 40, "deadbeef"])
def test_a_name_of_hexadecimal_digits_can_be_a_commit_too(text):
    reference = Reference.parse(text)

    assert (reference.model, reference.commit) == (text, text)


@pytest.mark.parametrize("text", ["4f0c2a", "0" * 41, "churn", "deadbeef@latest"])
def test_any_other_name_is_no_commit(text):
    assert Reference.parse(text).commit is None


@pytest.mark.parametrize("text", ["", None, 7, b"churn"])
def test_what_is_no_text_is_refused(text):
    message = f"expected a reference such as 'churn@production', found {text!r}"

    assert refusal(text) == (message, "such as 'churn', 'churn@1.4.0' or 'churn@latest'")


NAME_RULE = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"
STATUS_RULE = "use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("Churn", "'Churn' is not a model name", f"{NAME_RULE}, such as 'churn'"),
        ("../x", "'../x' is not a model name", f"{NAME_RULE}, such as 'x'"),
        ("@latest", "'' is not a model name", NAME_RULE),
        ("churn@", "nothing after the '@'", "write churn@1.4.0 or churn@latest"),
        ("churn:", "nothing after the '@'", "write churn@1.4.0 or churn@latest"),
        ("churn@1.4", "'1.4' is not a SemVer version", "write all three numbers: 1.4.0"),
        (
            "churn@1.02.3",
            "'1.02.3' is not a SemVer version",
            "write the numbers without leading zeros: 1.2.3",
        ),
        ("churn@vv1.0.0", "'vv1.0.0' is not a status name", STATUS_RULE),
        ("churn@^x", "'^x' is not a version range", "write a range as ^1.2 or ~1.2"),
        ("churn@Production", "'Production' is not a status name", STATUS_RULE),
        ("churn@1.4.0~1", "'~1' goes with a status or 'latest'", "such as churn@production~1"),
        ("churn@^1.2~1", "'~1' goes with a status or 'latest'", "such as churn@production~1"),
        *(
            (f"churn@latest~{n}", f"'~{n}' goes back too far", "see the holders with `gms log`")
            for n in ("9999999", "9" * 5000)
        ),
        (
            "churn@1.4.0@{2026-06-01}",
            "a date goes with a status, a range or 'latest'",
            "such as churn@production@{2026-06-01}",
        ),
        (
            "churn@production@{June}",
            "'June' is not a date",
            "write it as 2026-03-03 or 2026-03-03T14:00",
        ),
        *(
            (text, "a date comes last, in braces", "write churn@production~1@{2026-06-01}")
            for text in ("churn@production@{2026-06-01}~1", "churn@production@{2026-06-01")
        ),
    ],
)
def test_a_refusal_says_which_part_and_what_to_write(text, message, hint):
    assert refusal(text) == (f"'{text}': {message}", hint)


def test_what_a_terminal_would_act_on_is_escaped():
    assert refusal("churn@\x1b[2J\n")[0] == (r"'churn@\x1b[2J\n': '\x1b[2J\n' is not a status name")


@given(model_names(), versions())
def test_every_exact_reference_reads_back(model, version):
    reference = Reference.parse(f"{model}@{version}")

    assert (reference.model, str(reference.selector)) == (model, version)


pieces = st.sampled_from(
    ["churn", "@", "#", ":", "/", "~", "^", "1.4.0", "v", "{", "}", "models:/", "latest", "9" * 99]
)


@given(st.text(max_size=40) | st.lists(pieces | st.text(max_size=3), max_size=8).map("".join))
def test_no_text_raises_anything_else(text):
    with suppress(InvalidReference):
        assert Reference.parse(text).text == text


@given(st.text(max_size=40).map("churn@{}".format))
def test_a_refusal_can_be_printed(text):
    with suppress(InvalidReference):
        assert Reference.parse(text)
        return
    assert refusal(text)[0].isprintable()
