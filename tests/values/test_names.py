from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitmodelstore.errors import InvalidName
from gitmodelstore.values.names import did_you_mean, metric_name, model_name, nearest, status_name

from .strategies import model_names, versions

RULE = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"


class TestModels:
    @pytest.mark.parametrize(
        "name", ["churn", "a", "0", "credit-risk_2", "a--b", "a__b", "console", "com10", "a" * 63]
    )
    def test_a_plain_name_is_a_model_name(self, name: str) -> None:
        assert model_name(name) == name

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
        ],
    )
    def test_a_bad_name_is_refused_with_a_near_one(
        self, name: str, shown: str, near: str | None
    ) -> None:
        with pytest.raises(InvalidName) as caught:
            model_name(name)

        assert str(caught.value) == f"{shown} is not a model name"
        assert caught.value.hint == (f"{RULE}, such as '{near}'" if near else RULE)

    def test_something_else_than_text_is_named(self) -> None:
        with pytest.raises(InvalidName) as caught:
            model_name(None)  # type: ignore[arg-type]

        assert str(caught.value) == "None is not a model name"
        assert caught.value.hint == RULE

    @given(st.text("aA0-_./", max_size=5))
    def test_the_near_name_is_one(self, name: str) -> None:
        try:
            model_name(name)
        except InvalidName as error:
            near = (error.hint or "").partition("such as ")[2].strip("'")
            assert not near or model_name(near) == near

    @settings(max_examples=12, deadline=None)
    @given(model_names(), versions())
    def test_git_takes_every_name_as_a_tag(self, name: str, version: str) -> None:
        ref = f"refs/tags/{model_name(name)}@v{version}"

        assert subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0

    @given(model_names())
    def test_every_name_of_the_rule_is_taken(self, name: str) -> None:
        assert model_name(name) == name


class TestStatuses:
    @pytest.mark.parametrize("name", ["production", "pre-production", "a", "a" * 32, "latest-2"])
    def test_lower_case_words_name_a_status(self, name: str) -> None:
        assert status_name(name) == name

    @pytest.mark.parametrize("name", ["", "Production", "1st", "a_b", "a-", "latest", "greatest"])
    def test_other_words_are_refused(self, name: str) -> None:
        with pytest.raises(InvalidName) as caught:
            status_name(name)

        assert str(caught.value) == f"'{name}' is not a status name"
        assert caught.value.hint == (
            "use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'"
        )

    def test_a_status_has_at_most_32_characters(self) -> None:
        with pytest.raises(InvalidName):
            status_name("a" * 33)


class TestMetrics:
    @pytest.mark.parametrize("name", ["auc", "test_auc", "precision@10", "F1", "_x", "a" * 100])
    def test_usual_names_are_taken(self, name: str) -> None:
        assert metric_name(name) == name

    @pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "a" * 101, "a=b", "é"])
    def test_other_names_are_refused(self, name: str) -> None:
        with pytest.raises(InvalidName) as caught:
            metric_name(name)

        assert str(caught.value) == f"'{name}' is not a metric name"
        assert caught.value.hint == (
            "use letters, digits and _ . @ -, beginning with a letter, such as 'test_auc'"
        )


class TestNearMisses:
    def test_a_near_miss_earns_a_hint(self) -> None:
        assert did_you_mean("chrun", ["churn", "credit"]) == "did you mean 'churn'?"

    def test_nothing_near_earns_none(self) -> None:
        assert did_you_mean("fraud", ["churn"]) is None
        assert nearest("churn", []) is None
