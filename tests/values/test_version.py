"""Versions follow SemVer 2.0.0; `semver`, another implementation of it, is the judge."""

from __future__ import annotations

from itertools import pairwise

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidVersion
from gitmodelstore.values.names import Version, VersionRange

from .strategies import versions

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
        with pytest.raises(InvalidVersion) as caught:
            Version.parse(text)

        assert str(caught.value) == f"'{text}' is not a SemVer version"

    @pytest.mark.parametrize("text", WITH_BUILD.split())
    def test_build_metadata_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidVersion) as caught:
            Version.parse(text)

        bare = text.partition("+")[0]
        assert caught.value.hint == f"build metadata does not order versions; write {bare}"

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

    @pytest.mark.parametrize("text", ["1.0.0-a.lock", "1.0.0-rc.1.lock"])
    def test_an_ending_that_git_refuses_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidVersion):
            Version.parse(text)

    def test_a_version_has_at_most_100_characters(self) -> None:
        assert str(Version.parse("1.0.0-" + "a" * 94)) == "1.0.0-" + "a" * 94
        with pytest.raises(InvalidVersion) as caught:
            Version.parse("1.0.0-" + "a" * 95)

        assert caught.value.hint == "a version has at most 100 characters"

    def test_a_version_cannot_be_built_that_would_not_read_back(self) -> None:
        with pytest.raises(InvalidVersion) as caught:
            Version(1, 0, 0, ("rc", "01"))

        assert str(caught.value) == "'1.0.0-rc.01' is not a SemVer version"


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
        with pytest.raises(InvalidVersion) as caught:
            Version.parse(text)

        assert str(caught.value) == f"'{text}' is not a SemVer version"
        assert caught.value.hint == hint

    def test_something_else_than_text_is_named(self) -> None:
        with pytest.raises(InvalidVersion) as caught:
            Version.parse(None)  # type: ignore[arg-type]

        assert str(caught.value) == "expected a version as text, found None"

    def test_what_a_terminal_would_act_on_is_escaped(self) -> None:
        with pytest.raises(InvalidVersion) as caught:
            Version.parse("1.0.0\x1b[2J")

        assert str(caught.value) == r"'1.0.0\x1b[2J' is not a SemVer version"


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
        with pytest.raises(InvalidVersion) as caught:
            VersionRange.parse(text)

        assert str(caught.value) == f"'{text}' is not a version range"
        assert caught.value.hint == "write a range as ^1.2 or ~1.2"


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except InvalidVersion:
        return False
    return True
