"""What differs between two descriptions of a data set."""

from __future__ import annotations

from gitmodelstore.values.compare import data_differences
from gitmodelstore.values.diff import DataDifference
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Column, Dataset


def dataset(*columns: Column, rows: int | None = 5, known: bool = True) -> Dataset:
    listed = columns if known else None
    return Dataset("train", None, None, None, Digest.of(b""), 0, rows, listed)


def test_equal_descriptions_do_not_differ():
    one = dataset(Column("a", "int64", {"missing": 0, "values": {"x": 1.0}}))

    assert data_differences(one, one) == ()


def test_rows_come_first_then_columns_in_their_order_then_new_ones_and_the_order():
    before = dataset(*(Column(name, "int64", None) for name in "abcd"), rows=5)
    now = dataset(*(Column(name, "int64", None) for name in "xdba"), rows=6)

    assert data_differences(before, now) == (
        DataDifference("rows", recorded=5, present=6),
        DataDifference("removed", "c", recorded="int64"),
        DataDifference("added", "x", present="int64"),
        DataDifference("order"),
    )


def test_each_number_of_a_profile_is_one_difference():
    before = dataset(Column("a", "str", {"missing": 0, "values": {"no": 0.5, "yes": 0.5}}))
    now = dataset(Column("a", "str", {"missing": 2, "values": {"no": 0.5, "may": 0.5}}))

    assert data_differences(before, now) == (
        DataDifference("profile", "a", "missing", 0, 2),
        DataDifference("profile", "a", "values.may", None, 0.5),
        DataDifference("profile", "a", "values.yes", 0.5, None),
    )


def test_of_another_type_only_what_both_have_is_compared():
    before = dataset(Column("a", "int64", {"missing": 0, "mean": 3.0}))
    now = dataset(Column("a", "str", {"missing": 1, "distinct": 3}))

    assert data_differences(before, now) == (
        DataDifference("type", "a", None, "int64", "str"),
        DataDifference("profile", "a", "missing", 0, 1),
    )


def test_what_one_of_them_does_not_know_is_no_difference():
    known = dataset(Column("a", "int64", {"missing": 0}))

    assert data_differences(known, dataset(rows=None, known=False)) == ()
    assert data_differences(dataset(rows=None, known=False), known) == ()
    assert data_differences(known, dataset(Column("a", "int64", None))) == ()


def test_a_target_that_is_named_as_an_input_is_a_column_of_its_own():
    twice = dataset(Column("a", "int64", None), Column("a", "float64", None))
    once = dataset(Column("a", "int64", None))

    assert data_differences(twice, once) == (DataDifference("removed", "a", recorded="float64"),)
