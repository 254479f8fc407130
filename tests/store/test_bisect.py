"""Bisect: which version was the first bad one, as a callable says of each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitmodelstore import ModelVersion, Store, Version
from gitmodelstore.errors import (
    BisectionError,
    InvalidInput,
    LoadError,
    ModelNotFound,
    VersionNotFound,
)
from gitmodelstore.operations.reproduce import BAD, GOOD, SKIPPED, Trial, _narrow

from .looks import look, refusal

BAD_FROM = Version.parse("1.3.0")


@pytest.fixture(scope="module")
def made(tmp_path_factory, fit) -> Store:
    """churn 1.0.0 to 1.6.0, pre-releases and a backport among them; 1.4.0 was withdrawn."""
    path = tmp_path_factory.mktemp("bisect") / "store"
    Store.init(path)
    store = Store.open(path, durable=False)
    numbers = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0-rc.1", "1.5.0", "1.6.0")
    for place, number in enumerate(numbers):
        store.register(fit(C=1.0 + place), "churn", version=number, code=None)
    store.register(fit(C=20.0), "churn", version="1.2.1", allow_backport=True, code=None)
    store.register(fit(C=1.0), "fraud", code=None)
    store.withdraw("churn@1.4.0")
    return store


@pytest.fixture
def churn(made, notes) -> Store:
    return Store.open(made.path, durable=False, notify=notes.append)


class Asked:
    """A test that knows from where on versions are bad, and which it was asked about."""

    def __init__(self, first: str = "1.3.0", *, skip: tuple[str, ...] = ()) -> None:
        self.first, self.skip = Version.parse(first), skip
        self.versions: list[str] = []

    def __call__(self, version: ModelVersion) -> bool | None:
        self.versions.append(str(version.version))
        return None if str(version.version) in self.skip else version.version < self.first


class TestFound:
    @pytest.mark.parametrize(
        "first", ["1.1.0", "1.2.0", "1.2.1", "1.3.0", "1.4.0", "1.5.0-rc.1", "1.5.0", "1.6.0"]
    )
    def test_the_first_bad_one_in_few_trials(self, churn, first):
        asked = Asked(first)

        found = churn.bisect("churn", "1.0.0", "1.6.0", asked)

        assert str(found.first_bad.version) == first
        assert [str(one.version) for one in found.suspects] == [first]
        assert len(asked.versions) <= 2 + 3
        assert asked.versions[:2] == ["1.0.0", "1.6.0"]
        assert len(set(asked.versions)) == len(asked.versions)

    def test_trials_are_told_as_they_are_made(self, churn, notes):
        seen: list[Trial] = []

        found = churn.bisect("churn", "1.0.0", "1.6.0", Asked(), seen=seen.append)

        assert [(str(one.version), one.verdict, one.why) for one in seen] == [
            ("churn 1.0.0", GOOD, None),
            ("churn 1.6.0", BAD, None),
            ("churn 1.3.0", BAD, None),
            ("churn 1.2.0", GOOD, None),
            ("churn 1.2.1", GOOD, None),
        ]
        assert tuple(seen) == found.trials
        assert str(found.good) == "churn 1.2.1"
        assert notes == [
            "7 versions between churn 1.0.0 and 1.6.0, the withdrawn 1.4.0 among them: at most 3 "
            "to test"
        ]

    def test_a_withdrawn_one_is_asked_about_too(self, churn):
        found = churn.bisect("churn", "1.3.0", "1.5.0-rc.1", Asked("1.4.0"))

        assert str(found.first_bad) == "churn 1.4.0"
        assert found.first_bad.status == "withdrawn"

    def test_nothing_lies_between(self, churn, notes):
        assert str(churn.bisect("churn", "1.2.1", "1.3.0", Asked()).first_bad) == "churn 1.3.0"
        assert notes == ["no version lies between churn 1.2.1 and 1.3.0"]

    def test_versions_are_named_as_anywhere(self, churn):
        good = churn.version("churn@1.1.0")

        found = churn.bisect("churn", good, "latest", Asked())

        assert [str(one.version) for one in found.trials][:2] == ["churn 1.1.0", "churn 1.6.0"]

    def test_a_pipeline_is_asked(self, churn, X_test):
        wanted = churn.load("churn@1.0.0").decision_function(X_test)

        found = churn.bisect(
            "churn",
            "1.0.0",
            "1.6.0",
            lambda version: (churn.load(version).decision_function(X_test) == wanted).all(),
        )

        assert str(found.first_bad) == "churn 1.1.0"

    def test_nothing_is_written(self, churn):
        before = look(churn.path)

        churn.bisect("churn", "1.0.0", "1.6.0", Asked())

        assert look(churn.path) == before


class TestSkipped:
    def test_the_answer_is_one_of_several_where_those_in_question_are(self, churn):
        found = churn.bisect("churn", "1.0.0", "1.6.0", Asked(skip=("1.2.1", "1.3.0")))

        assert found.first_bad is None
        assert [str(one.version) for one in found.suspects] == ["1.2.1", "1.3.0", "1.4.0"]
        assert str(found.good) == "churn 1.2.0"
        found = churn.bisect("churn", "1.0.0", "1.6.0", Asked("1.2.0", skip=("1.3.0", "1.5.0")))
        assert str(found.first_bad) == "churn 1.2.0"

    def test_one_that_is_refused_or_damaged_is_skipped(self, churn):
        def ask(version: ModelVersion) -> bool:
            if str(version.version) == "1.3.0":
                raise LoadError("it needs a package")
            return version.version < BAD_FROM

        found = churn.bisect("churn", "1.0.0", "1.6.0", ask)

        assert [str(one.version) for one in found.suspects] == ["1.3.0", "1.4.0"]
        assert found.trials[2] == Trial(churn.version("churn@1.3.0"), SKIPPED, "it needs a package")

    def test_any_other_error_ends_it(self, churn):
        def ask(version: ModelVersion) -> bool:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            churn.bisect("churn", "1.0.0", "1.6.0", ask)


NOT_BELOW = "churn {}, given as good, is not below churn 1.0.0, given as bad"


class TestRefused:
    @pytest.mark.parametrize(
        ("good", "bad", "answer", "what"),
        [
            ("1.0.0", "1.6.0", None, "churn 1.0.0 was given as good, but it cannot be tested"),
            ("1.6.0", "1.0.0", True, NOT_BELOW.format("1.6.0")),
            ("1.0.0", "1.0.0", True, NOT_BELOW.format("1.0.0")),
        ],
    )
    def test_what_is_not_what_it_is_named(self, churn, good, bad, answer, what):
        said = refusal(churn.bisect, "churn", good, bad, lambda _: answer)
        assert said[:2] == (BisectionError, what)

    def test_why_an_end_cannot_be_tested_is_said(self, churn):
        def ask(_: ModelVersion) -> bool:
            raise LoadError("it needs a package")

        assert refusal(churn.bisect, "churn", "1.0.0", "1.6.0", ask) == (
            BisectionError,
            "churn 1.0.0 was given as good, but it cannot be tested: it needs a package",
            "name another version with --good, or skip this check with --no-check",
        )

    def test_without_a_check_both_are_believed(self, churn):
        asked = Asked("9.0.0")

        found = churn.bisect("churn", "1.0.0", "1.6.0", asked, check=False)

        assert str(found.first_bad) == "churn 1.6.0"
        assert not {"1.0.0", "1.6.0"} & set(asked.versions)

    @pytest.mark.parametrize("answer", ["good", 1, 0, 0.9, []])
    def test_an_answer_that_is_none(self, churn, answer):
        assert refusal(churn.bisect, "churn", "1.0.0", "1.6.0", lambda _: answer)[:2] == (
            InvalidInput,
            f"the test of churn 1.0.0 answers {answer!r}, not True (good), False (bad) or None "
            "(cannot be tested)",
        )

    def test_names_that_name_nothing(self, churn):
        def said(model: str, good: str) -> tuple[type, str]:
            return refusal(churn.bisect, model, good, "1.6.0", Asked())[:2]

        assert said("chrun", "1.0.0") == (ModelNotFound, "no model 'chrun'")
        assert said("churn", "0.9.0") == (VersionNotFound, "no version '0.9.0' of 'churn'")


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 40), st.data())
def test_of_any_line_with_any_skipped_the_first_bad_one_is_suspected(length, data):
    first = data.draw(st.integers(1, length - 1))
    skipped = data.draw(st.sets(st.integers(1, length - 2))) if length > 2 else set()
    asked: list[int] = []

    def judge(place: int) -> str:
        asked.append(place)
        return SKIPPED if place in skipped else BAD if place >= first else GOOD

    low, high = _narrow(list(range(length)), judge)  # type: ignore[arg-type]

    assert low < first <= high
    assert set(range(low + 1, high)) <= skipped
    assert len(asked) == len(set(asked))
    if not skipped:
        assert high == first
        assert len(asked) <= (length - 2).bit_length()
