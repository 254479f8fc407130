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


def manifest(target="left"):
    """A parent, as it is read from its file."""
    built = Manifest(
        model="churn",
        version=Version(1, 0, 0),
        parent=None,
        created_at=WHEN,
        trained_at=WHEN,
        author="Ada Lovelace <ada@example.org>",
        message="",
        pipeline=FACTS,
        features=FEATURES,
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


RETRAINED = ("patch", "retrained")


def suggested(features=FEATURES, target="left", parent=None, **facts) -> tuple[str, str]:
    return suggest(parent or manifest(), replace(FACTS, **facts), features, target)


def with_params(**changed) -> dict:
    return {**FACTS.params, **changed}


def test_the_same_again_is_a_patch():
    assert suggested() == RETRAINED
    assert suggested(params=with_params(clf__seeds=(1, 2))) == RETRAINED  # a list, when read


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
    assert suggested(features) == ("major", reason)


@pytest.mark.parametrize(
    "features",
    [None, (Feature("age", None), Feature("city", None)), (Feature(None, None),) * 2],
)
def test_what_is_not_known_of_columns_is_no_change(features):
    assert suggested(features) == RETRAINED


def test_another_target_is_major():
    assert suggested(target="gone") == ("major", "target: 'left' -> 'gone'")
    assert suggested(target=None) == RETRAINED
    assert suggested(parent=manifest(target=None)) == RETRAINED


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"classes": ("leaves", "stays", "unsure")}, "class unsure was added"),
        ({"classes": ("leaves",)}, "class stays was removed"),
        ({"classes": ("stays", "leaves")}, "the classes are in another order"),
        ({"task": "regression", "classes": None}, "task: classification -> regression"),
        (  # and the greatest change decides
            {"classes": ("stays",), "params": with_params(verbose=True)},
            "class leaves was removed",
        ),
    ],
)
def test_another_task_and_other_classes_are_major(facts, reason):
    assert suggested(**facts) == ("major", reason)


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
    assert suggested(steps=steps) == ("minor", reason)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"algorithm": "Ridge"}, "algorithm: RandomForestClassifier -> Ridge"),
        (
            {"class_name": "imblearn.pipeline.Pipeline"},
            "class: sklearn.pipeline.Pipeline -> imblearn.pipeline.Pipeline",
        ),
        ({"params": with_params(clf__max_depth=5)}, "clf__max_depth: 3 -> 5"),
        ({"params": with_params(clf__max_depth=None)}, "clf__max_depth: 3 -> none"),
        ({"params": with_params(clf__max_depth="x" * 99)}, f"clf__max_depth: 3 -> {'x' * 59}…"),
        (
            {"params": with_params(clf__max_depth=5, verbose=True)},
            "clf__max_depth: 3 -> 5 and 1 more",
        ),
        (  # one that was tuned, and is gone
            {"params": {"clf__seeds": [1, 2], "verbose": False}, "tuned": ()},
            "clf__max_depth: 3 -> none",
        ),
    ],
)
def test_another_algorithm_class_or_param_is_minor(facts, reason):
    assert suggested(**facts) == ("minor", reason)


def test_a_param_that_another_release_brought_is_no_change_at_its_default():
    params = with_params(clf__new=1)

    assert suggested(params=params) == RETRAINED
    assert suggested(params={"clf__max_depth": 3, "clf__seeds": [1, 2]}) == RETRAINED
    assert suggested(params=params, tuned=("clf__new",)) == ("minor", "clf__new: none -> 1")
