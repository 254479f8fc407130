"""Claims about recorded answers to the same rows; a replay of the same numbers says the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from gitmodelstore.estimators.replay import compare
from gitmodelstore.estimators.sample import block_of
from gitmodelstore.values.compare import compare_recorded, hold_same_rows
from gitmodelstore.values.diff import AnswerChange
from gitmodelstore.values.sample import Answer, Sample


def sample(rows=(1.0, 2.0, 3.0), **answers) -> Sample:
    return Sample(
        "synthetic",
        "array",
        len(rows),
        None,
        block_of(np.array(rows)),
        tuple(Answer(name, block_of(held, any_length=True)) for name, held in answers.items()),
    )


def test_the_same_rows_are_those_of_the_same_cells():
    assert hold_same_rows(sample(predict=np.array([1, 2, 3])), sample(predict=np.array([3, 2, 1])))
    assert not hold_same_rows(sample(), sample((1.0, 2.0, 3.5)))
    assert not hold_same_rows(sample(), sample((1.0, 2.0)))


CHANCES = np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
PAIRS = [
    (np.array(["no", "yes", "no"]), np.array(["no", "yes", "no"])),
    (np.array(["no", "yes", "no"]), np.array(["no", "no", "yes"])),
    (np.array([0, 1, 1]), np.array([0, 1, 2])),
    (np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0])),
    (np.array([0, 1, 1]), np.array(["0", "1", "1"])),
    (np.array([True, False, True]), np.array([1, 0, 1])),
    (np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5, 2.5])),
    (np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5 + 1e-12, 2.5])),
    (np.array([0.5, 1.5, 2.5]), np.array([0.5, 1.5 + 1e-3, 2.5])),
    (np.array([0.5, 1.5, 2.5], dtype=np.float32), np.array([0.5, 1.5, 2.5])),
    (np.array([0.5, np.inf, 2.5]), np.array([0.5, np.inf, -np.inf])),
    (
        np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]),
        np.array([[0.1, 0.9], [0.3, 0.7], [0.3, 0.7]]),
    ),
    (CHANCES, np.array([[1.0], [1.0], [1.0]])),
    (csr_matrix([[0, 1.0], [2.0, 0], [0, 0]]), csr_matrix([[0, 1.0], [0, 3.0], [0, 0]])),
    (csr_matrix([[0, 1.0], [2.0, 0], [0, 0]]), csr_matrix([[0, 1.0], [2.0, 0], [0, 0]])),
]


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_replay_says_the_same(before, after):
    one, other = sample(m=before), sample(m=after)

    (found,) = compare_recorded(one, other)
    (replayed,) = compare(one.answers, {"m": after}, 3).comparisons

    assert (found.method, found.outcome, found.rows) == (
        replayed.method,
        replayed.outcome,
        len(replayed.rows),
    )
    assert found.largest == replayed.largest_absolute or math.isclose(
        found.largest, replayed.largest_absolute
    )


def test_other_classes_are_said():
    found = compare_recorded(sample(m=np.ones((3, 2))), sample(m=np.ones((3, 3))))

    assert found == (AnswerChange("m", "different", why="shape (3, 2), then (3, 3)"),)


def test_methods_of_one_alone_are_left_out():
    labels, numbers = np.array(["a", "b", "c"]), np.ones((3, 2))

    found = compare_recorded(
        sample(predict=labels, predict_proba=numbers), sample(predict=labels, transform=numbers)
    )

    assert found == (AnswerChange("predict", "identical"),)
