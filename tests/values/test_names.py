"""What people type: names of models, statuses and metrics, moments, versions and their ranges.

Versions follow SemVer 2.0.0; `semver`, another implementation of it, is the judge.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
import semver
from hypothesis import given, settings
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidName, InvalidReference, InvalidVersion
from gitmodelstore.values.names import (
    Version,
    VersionRange,
    as_moment,
    did_you_mean,
    format_moment,
    metric_name,
    model_name,
    nearest,
    parse_moment,
    quoted,
    status_name,
)

from .refusals import refusal
from .strategies import model_names, versions

UTC = timezone.utc
RULE = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        (model_name, "churn a 0 credit-risk_2 a--b a__b console com10 " + "a" * 63),
        (status_name, "production pre-production a latest-2 " + "a" * 32),
        (metric_name, "auc test_auc precision@10 F1 _x " + "a" * 100),
    ],
)
def test_a_plain_name_is_taken(rule, names):
    assert [rule(name) for name in names.split()] == names.split()


class TestModels:
    @pytest.mark.parametrize(
        ("name", "shown", "near"),
        [
            ("Churn", "'Churn'", "churn"),
            ("churn.model", "'churn.model'", "churn-model"),
            ("team/churn", "'team/churn'", "team-churn"),
            ("..", "'..'", None),
            ("../churn", "'../churn'", "churn"),
            ("-x", "'-x'", "x"),
            ("x-", "'x-'", "x"),
            ("_x", "'_x'", "x"),
            ("con", "'con'", None),
            ("nul", "'nul'", None),
            ("com1", "'com1'", None),
            ("lpt9", "'lpt9'", None),
            ("a" * 64, f"'{'a' * 64}'", "a" * 63),
            ("🚀", "'🚀'", None),
            ("churn🚀", "'churn🚀'", "churn"),
            ("café", "'café'", "caf"),
            ("", "''", None),
            (" churn", "' churn'", "churn"),
            ("churn\n", r"'churn\n'", "churn"),
            ("chu\u202ern", r"'chu\u202ern'", "chu-rn"),
            ("a@b", "'a@b'", "a-b"),
            ("a\\b", r"'a\b'", "a-b"),
            (None, "None", None),
        ],
    )
    def test_a_bad_name_is_refused_with_a_near_one(
        self, name: str, shown: str, near: str | None
    ) -> None:
        hint = f"{RULE}, such as '{near}'" if near else RULE

        assert refusal(InvalidName, model_name, name) == (f"{shown} is not a model name", hint)

    @given(st.text("aA0-_./", max_size=5))
    def test_the_near_name_is_one(self, name: str) -> None:
        try:
            model_name(name)
        except InvalidName as error:
            near = (error.hint or "").partition("such as ")[2].strip("'")
            assert not near or model_name(near) == near

    @settings(max_examples=12)
    @given(model_names(), versions())
    def test_git_takes_every_name_as_a_tag(self, name: str, version: str) -> None:
        ref = f"refs/tags/{model_name(name)}@v{version}"

        assert subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0

    @given(model_names())
    def test_every_name_of_the_rule_is_taken(self, name: str) -> None:
        assert model_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Production", "1st", "a_b", "a-", "latest", "greatest", "a" * 33]
)
def test_other_words_name_no_status(name: str) -> None:
    assert refusal(InvalidName, status_name, name) == (
        f"'{name}' is not a status name",
        "use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'",
    )


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "a" * 101, "a=b", "é"])
def test_other_words_name_no_metric(name: str) -> None:
    assert refusal(InvalidName, metric_name, name) == (
        f"'{name}' is not a metric name",
        "use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'",
    )


def test_a_near_miss_earns_a_hint() -> None:
    assert did_you_mean("chrun", ["churn", "credit"]) == "did you mean 'churn'?"
    assert did_you_mean("fraud", ["churn"]) is None
    assert nearest("churn", []) is None


# Moments: what people type, and what the store writes


@pytest.mark.parametrize("text", ["2026-03-03", "20260303", "2026-W10-2", " 2026-03-03 "])
def test_a_day_means_its_last_second(text):
    assert parse_moment(text) == datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-03T14:05", datetime(2026, 3, 3, 14, 5, tzinfo=UTC)),
        ("2026-03-03 14:05:09", datetime(2026, 3, 3, 14, 5, 9, tzinfo=UTC)),
        ("2026-03-03T14:05:09Z", datetime(2026, 3, 3, 14, 5, 9, tzinfo=UTC)),
        ("2026-03-03T14:05+02:00", datetime(2026, 3, 3, 12, 5, tzinfo=UTC)),
        ("2026-03-03T00:00", datetime(2026, 3, 3, tzinfo=UTC)),
        ("2026-01-01T00:30+01:00", datetime(2025, 12, 31, 23, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc_and_any_other_becomes_utc(text, expected):
    assert parse_moment(text) == expected
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "2026", "2026-13-01", "2026-02-30", "03.03.2026", "2026-03-03T25:00"),
        *("now", "0001-01-01T00:00+02:00", "9999-12-31T23:30-02:00"),  # beyond the calendar of UTC
        "\x1b[2J",
    ],
)
def test_what_is_no_date_is_refused(text):
    assert refusal(InvalidReference, parse_moment, text) == (
        f"{quoted(text)} is not a date",
        "write it as 2026-03-03 or 2026-03-03T14:00",
    )


@given(st.text(max_size=30) | st.datetimes().map(str) | st.dates().map(str))
def test_no_text_raises_anything_else(text):
    with suppress(InvalidReference):
        parse_moment(text)


def test_a_date_and_a_datetime_mean_what_their_text_means():
    paris = timezone(timedelta(hours=2))

    assert as_moment(date(2026, 3, 3)) == parse_moment("2026-03-03")
    assert as_moment(datetime(2026, 3, 3)) == datetime(2026, 3, 3, tzinfo=UTC)
    assert as_moment(datetime(2026, 3, 3, 14, tzinfo=paris)) == datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert as_moment("2026-03-03") == parse_moment("2026-03-03")


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1)), st.integers(-23, 23))
def test_what_the_store_writes_reads_back_to_the_second(moment, hours):
    zoned = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))

    written = format_moment(zoned)

    assert parse_moment(written) == zoned
    assert written.endswith("Z")


# Versions

# The lists behind the regular expression that semver.org suggests (regex101.com/r/vkijKf),
# without build metadata.
VALID = """
0.0.4 1.2.3 10.20.30 1.0.0-alpha 1.0.0-beta 1.0.0-alpha.beta 1.0.0-alpha.beta.1 1.0.0-alpha.1
1.0.0-alpha0.valid 1.0.0-alpha.0valid 1.0.0-rc.1 10.2.3-DEV-SNAPSHOT 1.2.3-SNAPSHOT-123 1.0.0
2.0.0 1.1.7 1.2.3----RC-SNAPSHOT.12.9.1--.12 1.0.0-0A.is.legal
99999999999999999999999.999999999999999999.99999999999999999
"""
WITH_BUILD = """
1.1.2-prerelease+meta 1.1.2+meta 1.1.2+meta-valid 2.0.0+build.1848
1.0.0+0.build.1-rc.10000aaa-kk-0.1
1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay
1.2.3----R-S.12.9.1--.12+meta 2.0.0-rc.1+build.123
"""
INVALID = """
1 1.2 1.2.3-0123 1.2.3-0123.0123 1.1.2+.123 +invalid -invalid -invalid+invalid -invalid.01 alpha
alpha.beta alpha.beta.1 alpha.1 alpha+beta alpha_beta alpha. alpha.. beta 1.0.0-alpha_beta -alpha.
1.0.0-alpha.. 1.0.0-alpha..1 1.0.0-alpha...1 1.0.0-alpha....1 1.0.0-alpha.....1 1.0.0-alpha......1
1.0.0-alpha.......1 01.1.1 1.01.1 1.1.01 1.2.3.DEV 1.2-SNAPSHOT 1.2.31.2.3----RC-SNAPSHOT.12.09.1
1.2-RC-SNAPSHOT -1.0.3-gamma+b7718 +justmeta 9.8.7+meta+meta 9.8.7-whatever+meta+meta
"""


class TestValidity:
    """2. A normal version number MUST take the form X.Y.Z … 9. … appending a hyphen and a
    series of dot separated identifiers."""

    @pytest.mark.parametrize("text", VALID.split())
    def test_a_valid_version_reads_back_as_it_was_written(self, text: str) -> None:
        assert str(Version.parse(text)) == text

    @pytest.mark.parametrize("text", INVALID.split())
    def test_an_invalid_version_is_refused(self, text: str) -> None:
        message, _ = refusal(InvalidVersion, Version.parse, text)

        assert message == f"'{text}' is not a SemVer version"

    @pytest.mark.parametrize("text", WITH_BUILD.split())
    def test_build_metadata_is_refused(self, text: str) -> None:
        _, hint = refusal(InvalidVersion, Version.parse, text)

        bare = text.partition("+")[0]
        assert hint == f"build metadata does not order versions; write {bare}"

    @given(st.text("019.-+aZ", max_size=14))
    def test_another_implementation_agrees_on_what_is_valid(self, text: str) -> None:
        assert _is_version(text) == (semver.Version.is_valid(text) and "+" not in text)

    @given(versions())
    def test_another_implementation_takes_every_version_of_ours(self, text: str) -> None:
        assert _is_version(text)
        assert semver.Version.is_valid(text)

    @pytest.mark.parametrize("text", ["1.0.0-lock", "1.0.0-a.lock.b", "1.0.0-a.locks"])
    def test_only_an_ending_that_git_refuses_is_refused(self, text: str) -> None:
        assert str(Version.parse(text)) == text

        for ending in (".lock", ".rc.1.lock"):
            refusal(InvalidVersion, Version.parse, "1.0.0-a" + ending)

    def test_a_version_has_at_most_100_characters(self) -> None:
        assert str(Version.parse("1.0.0-" + "a" * 94)) == "1.0.0-" + "a" * 94
        _, hint = refusal(InvalidVersion, Version.parse, "1.0.0-" + "a" * 95)
        assert hint == "a version has at most 100 characters"

    def test_a_version_cannot_be_built_that_would_not_read_back(self) -> None:
        message, _ = refusal(InvalidVersion, Version, 1, 0, 0, ("rc", "01"))

        assert message == "'1.0.0-rc.01' is not a SemVer version"


class TestMessages:
    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("v1.2.3", "leave out the 'v': 1.2.3"),
            ("V1.2.3-rc.1", "leave out the 'v': 1.2.3-rc.1"),
            ("1.02.3", "write the numbers without leading zeros: 1.2.3"),
            ("1.0.0+x", "build metadata does not order versions; write 1.0.0"),
            ("1.2", "write all three numbers: 1.2.0"),
            ("1", "write all three numbers: 1.0.0"),
            ("01.2", "write MAJOR.MINOR.PATCH, such as 1.4.0 or 2.0.0-rc.1"),
            ("", "write MAJOR.MINOR.PATCH, such as 1.4.0 or 2.0.0-rc.1"),
            ("٣.1.2", "write MAJOR.MINOR.PATCH, such as 1.4.0 or 2.0.0-rc.1"),
            ("1.0." + "0" * 5000, "a version has at most 100 characters"),
        ],
    )
    def test_the_hint_says_what_to_write(self, text: str, hint: str) -> None:
        message = f"'{text}' is not a SemVer version"

        assert refusal(InvalidVersion, Version.parse, text) == (message, hint)

    def test_anything_else_is_shown_without_harm(self) -> None:
        of_none, _ = refusal(InvalidVersion, Version.parse, None)
        escaped, _ = refusal(InvalidVersion, Version.parse, "1.0.0\x1b[2J")

        assert of_none == "expected a version as text, found None"
        assert escaped == r"'1.0.0\x1b[2J' is not a SemVer version"


class TestOrder:
    """11. Precedence refers to how versions are compared to each other when ordered."""

    def test_the_example_of_clause_11_is_in_order(self) -> None:
        example = (
            "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 "
            "1.0.0-rc.1 1.0.0 2.0.0 2.1.0 2.1.1"
        )
        ordered = [Version.parse(text) for text in example.split()]

        shuffled = ordered[::2] + ordered[1::2]
        assert sorted(shuffled) == ordered
        assert all(low < high and high > low and low != high for low, high in pairwise(ordered))

    @given(versions(), versions())
    def test_another_implementation_orders_alike(self, one: str, other: str) -> None:
        ours = (Version.parse(one) > Version.parse(other)) - (
            Version.parse(one) < Version.parse(other)
        )

        assert ours == semver.Version.parse(one).compare(other)

    def test_a_version_is_not_compared_with_text(self) -> None:
        with pytest.raises(TypeError):
            assert Version.parse("1.0.0") < "2.0.0"


class TestBumps:
    @pytest.mark.parametrize(
        ("before", "kind", "after"),
        [
            ("1.4.2", "major", "2.0.0"),
            ("1.4.2", "minor", "1.5.0"),
            ("1.4.2", "patch", "1.4.3"),
            ("0.0.0", "patch", "0.0.1"),
            ("2.0.0-rc.1", "major", "2.0.0"),
            ("2.0.0-rc.1", "minor", "2.0.0"),
            ("2.0.0-rc.1", "patch", "2.0.0"),
            ("2.1.0-rc.1", "major", "3.0.0"),
            ("2.1.0-rc.1", "minor", "2.1.0"),
            ("2.1.1-rc.1", "minor", "2.2.0"),
            ("2.1.1-rc.1", "patch", "2.1.1"),
        ],
    )
    def test_a_bump_gives_the_next_release_of_its_kind(
        self, before: str, kind: str, after: str
    ) -> None:
        assert str(Version.parse(before).bump(kind)) == after  # type: ignore[arg-type]

    @given(versions(), st.sampled_from(["major", "minor", "patch"]))
    def test_a_bump_is_a_release_above(self, text: str, kind: str) -> None:
        before = Version.parse(text)
        after = before.bump(kind)  # type: ignore[arg-type]

        assert after > before
        assert not after.is_prerelease


class TestRanges:
    @pytest.mark.parametrize(
        ("text", "lowest", "below"),
        [
            ("^1.2", "1.2.0", "2.0.0"),
            ("^1", "1.0.0", "2.0.0"),
            ("^1.2.3", "1.2.3", "2.0.0"),
            ("^0", "0.0.0", "1.0.0"),
            ("^0.0", "0.0.0", "0.1.0"),
            ("^0.2", "0.2.0", "0.3.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^0.0.0", "0.0.0", "0.0.1"),
            ("^1.2.0-rc.1", "1.2.0-rc.1", "2.0.0"),
            ("~1", "1.0.0", "2.0.0"),
            ("~1.2", "1.2.0", "1.3.0"),
            ("~1.2.3", "1.2.3", "1.3.0"),
            ("~0", "0.0.0", "1.0.0"),
            ("~1.2.3-beta", "1.2.3-beta", "1.3.0"),
        ],
    )
    def test_a_range_reaches_as_far_as_node_semver_says(
        self, text: str, lowest: str, below: str
    ) -> None:
        found = VersionRange.parse(text)

        assert (str(found.lowest), str(found.below), str(found)) == (lowest, below, text)

    @pytest.mark.parametrize(
        ("text", "inside", "outside"),
        [
            ("^1.2", "1.2.0 1.2.1 1.9.0", "1.1.9 2.0.0 2.0.0-rc.1 1.3.0-rc.1 1.2.0-rc.1"),
            ("^0.2", "0.2.0 0.2.9", "0.1.9 0.3.0 1.0.0 0.3.0-rc.1"),
            ("^0.0.3", "0.0.3", "0.0.2 0.0.4 0.0.4-rc.1"),
            ("~1.2", "1.2.0 1.2.9", "1.3.0 1.1.9 1.3.0-rc.1"),
            ("^1.2.0-rc.1", "1.2.0-rc.1 1.2.0-rc.2 1.2.0 1.3.0", "1.2.0-beta 1.3.0-rc.1 2.0.0"),
        ],
    )
    def test_a_range_holds_what_lies_in_it(self, text: str, inside: str, outside: str) -> None:
        found = VersionRange.parse(text)

        assert [v for v in inside.split() if Version.parse(v) not in found] == []
        assert [v for v in outside.split() if Version.parse(v) in found] == []

    @pytest.mark.parametrize(
        "text", ["", "^", "1.2", "^v1", "^1.2.3.4", "^01", "~1.2-rc.1", ">=1.2", "^1.x", "^ 1"]
    )
    def test_other_text_is_no_range(self, text: str) -> None:
        assert refusal(InvalidVersion, VersionRange.parse, text) == (
            f"'{text}' is not a version range",
            "write a range as ^1.2 or ~1.2",
        )


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except InvalidVersion:
        return False
    return True
