"""Claims about what raises which part of a version number, and the reason given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from gitmodelstore.values.compare import suggest
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import (
    Artifact,
    Card,
    Environment,
    Feature,
    Manifest,
    PipelineFacts,
    Step,
)
from gitmodelstore.values.names import Version

SCALE = Step("scale", "sklearn.preprocessing._data.StandardScaler", None, ())
PREP = Step("prep", "sklearn.pipeline.Pipeline", ("age", "city"), (SCALE,))
CLF = Step("clf", "sklearn.ensemble._forest.RandomForestClassifier", None, ())
FACTS = PipelineFacts(
    class_name="sklearn.pipeline.Pipeline",
    algorithm="RandomForestClassifier",
    steps=(PREP, CLF),
    params={"clf__max_depth": 3, "clf__seeds": [1, 2], "verbose": False},
    tuned=("clf__max_depth",),
    task="classification",
    classes=("leaves", "stays"),
)
FEATURES = (Feature("age", "int64"), Feature("city", "str"))
WHEN = datetime(2026, 3, 3, tzinfo=timezone.utc)


def manifest(facts=FACTS, features=FEATURES, target="left"):
    """A parent, as it is read from its file."""
    built = Manifest(
        model="churn",
        version=Version(1, 0, 0),
        parent=None,
        created_at=WHEN,
        trained_at=WHEN,
        author="Ada Lovelace <ada@example.org>",
        message="",
        pipeline=facts,
        features=features,
        target=target,
        metrics={},
        baseline=None,
        data=(),
        code=None,
        environment=Environment("3.11.7", "linux-x86_64", {}, Digest.of(b"")),
        card=Card(),
        artifacts=(Artifact("pipeline.joblib", "0" * 64, 1, ()),),
        custom={},
    )
    return Manifest.parse(built.render())


def test_the_same_again_is_a_patch():
    assert suggest(manifest(), FACTS, FEATURES, "left") == ("patch", "retrained")


def test_params_that_were_tuples_are_the_same_as_lists():
    facts = replace(FACTS, params={**FACTS.params, "clf__seeds": (1, 2)})

    assert suggest(manifest(), facts, FEATURES, "left") == ("patch", "retrained")


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ((*FEATURES, Feature("income", "float64")), "column 'income' was added"),
        (FEATURES[:1], "column 'city' was removed"),
        (FEATURES[::-1], "the columns are in another order"),
        ((Feature("age", "float64"), FEATURES[1]), "column 'age': int64 -> float64"),
        ((Feature("years", "int64"), FEATURES[1]), "column 'years' was added and 1 more"),
        ((Feature(None, None),), "2 columns -> 1"),
    ],
)
def test_other_columns_are_major(features, reason):
    assert suggest(manifest(), FACTS, features, "left") == ("major", reason)


@pytest.mark.parametrize(
    "features",
    [
        None,
        (Feature("age", None), Feature("city", None)),
        (Feature(None, None), Feature(None, None)),
    ],
)
def test_what_is_not_known_of_columns_is_no_change(features):
    assert suggest(manifest(), FACTS, features, "left") == ("patch", "retrained")


def test_another_target_is_major():
    assert suggest(manifest(), FACTS, FEATURES, "gone") == ("major", "target: 'left' -> 'gone'")
    assert suggest(manifest(), FACTS, FEATURES, None) == ("patch", "retrained")
    assert suggest(manifest(target=None), FACTS, FEATURES, "left") == ("patch", "retrained")


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        (("leaves", "stays", "unsure"), "class unsure was added"),
        (("leaves",), "class stays was removed"),
        (("stays", "leaves"), "the classes are in another order"),
    ],
)
def test_other_classes_are_major(classes, reason):
    facts = replace(FACTS, classes=classes)

    assert suggest(manifest(), facts, FEATURES, "left") == ("major", reason)


def test_another_task_is_major():
    facts = replace(FACTS, task="regression", classes=None)

    assert suggest(manifest(), facts, FEATURES, "left") == (
        "major",
        "task: classification -> regression",
    )


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ((PREP, replace(SCALE, name="extra"), CLF), "step 'extra' was added"),
        ((CLF,), "step 'prep' was removed and 1 more"),
        ((replace(PREP, steps=()), CLF), "step 'prep__scale' was removed"),
        ((CLF, PREP), "the steps are in another order"),
        ((replace(PREP, columns=("age",)), CLF), "step 'prep' takes other columns"),
        (
            (PREP, replace(CLF, class_name="lightgbm.sklearn.LGBMClassifier")),
            "step 'clf': RandomForestClassifier -> LGBMClassifier",
        ),
    ],
)
def test_other_steps_are_minor(steps, reason):
    assert suggest(manifest(), replace(FACTS, steps=steps), FEATURES, "left") == ("minor", reason)


def test_another_algorithm_or_class_is_minor():
    algorithm = replace(FACTS, algorithm="Ridge")
    kind = replace(FACTS, class_name="imblearn.pipeline.Pipeline")

    assert suggest(manifest(), algorithm, FEATURES, "left") == (
        "minor",
        "algorithm: RandomForestClassifier -> Ridge",
    )
    assert suggest(manifest(), kind, FEATURES, "left") == (
        "minor",
        "class: sklearn.pipeline.Pipeline -> imblearn.pipeline.Pipeline",
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"clf__max_depth": 5}, "clf__max_depth: 3 -> 5"),
        ({"clf__max_depth": None}, "clf__max_depth: 3 -> none"),
        ({"clf__max_depth": "x" * 99}, f"clf__max_depth: 3 -> {'x' * 59}…"),
        ({"clf__max_depth": 5, "verbose": True}, "clf__max_depth: 3 -> 5 and 1 more"),
    ],
)
def test_other_params_are_minor(changed, reason):
    facts = replace(FACTS, params={**FACTS.params, **changed})

    assert suggest(manifest(), facts, FEATURES, "left") == ("minor", reason)


def test_a_param_that_another_release_brought_is_no_change_at_its_default():
    facts = replace(FACTS, params={**FACTS.params, "clf__new": 1})
    without = replace(FACTS, params={"clf__max_depth": 3, "clf__seeds": [1, 2]})

    assert suggest(manifest(), facts, FEATURES, "left") == ("patch", "retrained")
    assert suggest(manifest(), without, FEATURES, "left") == ("patch", "retrained")
    assert suggest(manifest(), replace(facts, tuned=("clf__new",)), FEATURES, "left") == (
        "minor",
        "clf__new: none -> 1",
    )


def test_a_param_that_was_tuned_and_is_gone_is_minor():
    facts = replace(FACTS, params={"clf__seeds": [1, 2], "verbose": False}, tuned=())

    assert suggest(manifest(), facts, FEATURES, "left") == ("minor", "clf__max_depth: 3 -> none")


def test_the_greatest_change_decides():
    facts = replace(FACTS, params={**FACTS.params, "verbose": True}, classes=("stays",))

    assert suggest(manifest(), facts, FEATURES, "left") == ("major", "class leaves was removed")
