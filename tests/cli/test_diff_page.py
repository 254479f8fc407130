"""The text of `gms diff`, section by section."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitmodelstore.values.compare import compare
from gitmodelstore.values.diff import (
    AnswerChange,
    Answers,
    CodeChange,
    Diff,
    MetricChange,
    Metrics,
    SourceChange,
    diff_page,
)
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Baseline, Column, Dataset, Environment, Feature
from gitmodelstore.values.names import Version
from gitmodelstore.values.tables import Paint, lines_of
from tests.values.test_compare import CLF, CODE, FACTS, FEATURES, LATER, NUM, PREP, side


def lines(found: Diff) -> list[str]:
    return list(lines_of(diff_page(found, Paint(False))))


def section(found: Diff, head: str) -> list[str]:
    """The lines below a heading."""
    held = lines(found)
    below = held[held.index(head) + 1 :]
    return below[: below.index("")] if "" in below else below


def test_nothing_differs():
    assert lines(compare(side(), side("1.1.0"))) == ["churn 1.0.0 -> 1.1.0: nothing differs"]


def test_a_diff_is_its_first_line():
    found = compare(side(), side("1.1.0", target="gone", metrics={"auc": 0.5}))

    assert found.sentence == lines(found)[0] == "churn 1.0.0 -> 1.1.0: metrics and target differ"
    assert repr(found) == f"<Diff {found.sentence}>"


def test_one_thing_differs():
    assert compare(side(), side("1.1.0", files={})).sentence == "churn 1.0.0 -> 1.1.0: files differ"


def test_metrics_on_other_data_beside_the_baseline():
    test = [
        Dataset("test", None, None, None, Digest.of(held), 9, None, None) for held in (b"x", b"y")
    ]
    before = side(metrics={"auc": 0.8, "n": 5}, data=test[:1])
    baseline = Baseline(Version.parse("1.0.0"), {"auc": 0.95})
    after = side("1.1.0", metrics={"auc": 0.9}, data=test[1:], baseline=baseline)

    assert section(compare(before, after), "Metrics, each on other test data") == [
        "       1.0.0  1.1.0  change",
        "  auc    0.8    0.9    +0.1",
        "  n        5      -",
        "  one beside the other as its baseline, on the same rows",
        "       1.0.0  1.1.0  change",
        "  auc   0.95    0.9   -0.05  worse",
    ]


def test_a_side_that_could_not_be_scored():
    why = "churn 1.0.0 cannot be scored on these rows: X_test misses column 'a'"
    found = replace(compare(side(), side(None)), metrics=Metrics(scored=True, why=why))

    assert lines(found) == [
        "churn 1.0.0 -> the pipeline: nothing differs",
        "",
        "Metrics, on the rows given",
        f"  {why}",
    ]


def test_equal_scores_are_shown_where_they_were_asked_for():
    metrics = Metrics((MetricChange("auc", 0.5, 0.5, None),), scored=True)

    assert lines(replace(compare(side(), side(None)), metrics=metrics))[3:] == [
        "       churn 1.0.0  the pipeline  change",
        "  auc          0.5           0.5       0",
    ]


def test_steps():
    steps = (
        replace(PREP, steps=(replace(NUM, columns=("age",)),)),
        replace(CLF, class_name="sklearn.svm._classes.SVC"),
    )
    found = compare(side(), side("1.1.0", pipeline=replace(FACTS, steps=steps)))

    assert section(found, "Steps") == [
        "  ~ prep / num  takes ['age', 'income'] -> ['age']",
        "  ~ clf  LogisticRegression -> SVC",
    ]


def test_params_stand_below_their_step():
    params = {
        "clf__C": 3.0,
        "clf__base__depth": 2,
        "clf__warm_start": True,
        "prep__num__scale__with_mean": False,
        "verbose": True,
    }
    tuned = ("clf__base__depth", "verbose")
    found = compare(side(), side("1.1.0", pipeline=replace(FACTS, params=params, tuned=tuned)))

    assert section(found, "Params") == [
        "  + verbose  True",
        "  clf",
        "    ~ C           1.0 -> 3.0",
        "    ~ warm_start  False -> True",
        "  clf / base",
        "    + depth  2",
        "  prep / num / scale",
        "    ~ with_mean  True -> False",
    ]


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ((*FEATURES, Feature("new", "int64")), "+ new  int64"),
        ((*FEATURES, Feature("new", None)), "+ new  any type"),
        (FEATURES[:2], "- income  float64"),
        ((Feature("age", "float64"), *FEATURES[1:]), "~ age  int64 -> float64"),
        (
            (Feature("years", "int64"), *FEATURES[1:]),
            "~ age -> years  renamed? same place and type",
        ),
        (FEATURES[::-1], "~ in another order, from age on, where income stands now"),
        ((Feature("a\x1b[31m", "int64"), *FEATURES), "+ a\\x1b[31m  int64"),
    ],
)
def test_inputs(features, said):
    assert f"  {said}" in section(compare(side(), side("1.1.0", features=features)), "Inputs")


def test_data_with_what_differs_column_by_column():
    def column(name: str, middle: float) -> Column:
        held = {"missing": 0, "p25": middle - 1, "p50": middle, "p75": middle + 1}
        return Column(name, "float64", held)

    def dataset(moved: float, number: str, *more: Column) -> Dataset:
        columns = (column("a", 0), column("b", moved / 3), column("c", moved), *more)
        digest = Digest("sha256", number * 64)
        return Dataset("train", None, "churn", f"2026-0{number}", digest, 9, 1000, columns)

    before = side(data=(dataset(0, "1", Column("old", "str", None)),))
    after = side("1.1.0", data=(dataset(2, "2"), replace(dataset(0, "3"), role="extra")))

    assert section(compare(before, after), "Data") == [
        "  train  churn 2026-01 1,000 x 4 sha256:111111111111 -> "
        "churn 2026-02 1,000 x 3 sha256:222222222222",
        "    ~ b  p25 -1 -> -0.333333; p50 0 -> 0.666667; p75 1 -> 1.66667",
        "    ~ c  p25 -1 -> 1; p50 0 -> 2; p75 1 -> 3",
        "    - old  str",
        "    1 column with the same profile",
        "  extra  none -> churn 2026-03 1,000 x 3 sha256:333333333333",
    ]


def test_environment_what_counts_first():
    pins = {"numpy": "1.26.0", "scikit-learn": "1.5.0", "scipy": "1.1"}
    before = Environment("3.11.7", "linux-x86_64", pins, Digest.of(b""))
    pins = {"numpy": "2.1.0", "scikit-learn": "1.5.1", "joblib": "1.4"}
    after = Environment("3.12.1", "linux-x86_64", pins, Digest.of(b""))
    found = compare(side(environment=before), side("1.1.0", environment=after))

    assert lines(found) == [
        "churn 1.0.0 -> 1.1.0: environment (numpy, python) differ",
        "",
        "Environment",
        "  ! numpy   1.26.0 -> 2.1.0",
        "  ! python  3.11.7 -> 3.12.1",
        "  also joblib none -> 1.4, scikit-learn 1.5.0 -> 1.5.1, scipy 1.1 -> none",
    ]


def test_code():
    after = replace(CODE, commit=LATER, dirty=True, entry_point="fit.py")
    code = CodeChange(
        CODE,
        after,
        commits=((LATER, "Fit\x07 more"),),
        left_out=(("c" * 40, "Another idea"),),
        files=(SourceChange("fit.py", 12, 3), SourceChange("a.bin", None, None)),
    )

    assert section(replace(compare(side(), side("1.1.0")), code=code), "Code") == [
        "  aaaaaaa -> bbbbbbb with uncommitted changes",
        "  script train.py -> fit.py",
        "  bbbbbbb Fit\\x07 more",
        "  not in the second: ccccccc Another idea",
        "  fit.py | +12 -3",
        "  a.bin | binary",
        "  2 files changed, +12 -3",
    ]


def test_files():
    before = side(files={"pipeline.joblib": (1000, "1"), "sample.json": (5, "2")})
    after = side("1.1.0", files={"pipeline.joblib": (2500, "3"), "code.diff": (7, "4")})

    assert section(compare(before, after), "Files") == [
        "  pipeline.joblib  1.0 kB -> 2.5 kB (+1.5 kB)",
        "  sample.json      5 bytes, removed",
        "  code.diff        7 bytes, added",
    ]


def test_answers():
    held = (
        AnswerChange("predict", "identical"),
        AnswerChange("predict_proba", "within tolerance", 0, 2e-9),
        AnswerChange("transform", "different", 3, 0.25),
        AnswerChange("score", "different", why="shape (1, 2), then (1, 3)"),
    )
    answers = (
        Answers("churn 1.0.0", 5, False, held),
        Answers("test rows", 1, False, why="the pipeline cannot answer them: it is tired"),
    )

    assert section(replace(compare(side(), side(None)), answers=answers), "Answers") == [
        "  to 5 rows of the sample of churn 1.0.0, asked here",
        "    predict        identical",
        "    predict_proba  within tolerance, largest difference 2e-09",
        "    transform      different in 3 of 5 rows, largest difference 0.25",
        "    score          different: shape (1, 2), then (1, 3)",
        "  to 1 row given, asked here",
        "    the pipeline cannot answer them: it is tired",
    ]
