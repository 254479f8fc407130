"""`Store.verify_data`: whether data is what a version was made with, or what differs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import Pipeline

from gitmodelstore import Store, StoreError
from gitmodelstore.errors import InvalidInput

NAMES = ["mean radius", "mean texture", "target"]


@pytest.fixture
def table() -> pd.DataFrame:
    return load_breast_cancer(as_frame=True).frame[NAMES]


@pytest.fixture
def record(store: Store, fitted: Pipeline):
    """Register a version with data; return the store's `verify_data` of it."""

    def record(**data: Any):
        store.register(fitted, "cancer", data=data, code=None)
        return lambda source, **options: store.verify_data("cancer@latest", source, **options)

    return record


def tables_without(file: Path, column: str) -> Path:
    lines = (line.split(",") for line in file.read_text().splitlines())
    kept = [[*line[:6], *line[7:]] for line in lines]
    assert column not in kept[0]
    other = file.with_name("other.csv")
    other.write_text("".join(f"{','.join(line)}\n" for line in kept))
    return other


def told(found: Any) -> list[tuple[Any, ...]]:
    return [(d.what, d.column, d.key, d.recorded, d.present) for d in found.differences]


def refusal(verify: Any, *args: Any, **options: Any) -> tuple[str, str | None]:
    with pytest.raises(StoreError) as caught:
        verify(*args, **options)
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize("name", ["train_v1.2.0.csv", "train_v1.2.0.parquet"])
class TestAFileWithATable:
    @pytest.fixture
    def path(self, tmp_path: Path, table: pd.DataFrame, name: str) -> Path:
        return self.write(table, tmp_path / name)

    def write(self, table: pd.DataFrame, path: Path) -> Path:
        if path.suffix == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path)
        return path

    def test_its_bytes_are_the_same(self, record, path, tmp_path):
        verify = record(train=path)
        elsewhere = tmp_path / f"copy{path.suffix}"
        elsewhere.write_bytes(path.read_bytes())

        found = verify(elsewhere)

        assert (found.is_same, found.role, found.differences, found.why) == (
            True,
            "train",
            (),
            None,
        )
        assert (found.recorded.name, found.recorded.version) == ("train", "1.2.0")
        assert (found.recorded.rows, len(found.recorded.columns)) == (569, 3)

    def test_the_columns_that_differ_are_named(self, record, path, table):
        verify = record(train=path)
        other = table.drop(columns="mean texture").assign(zip="x")
        other["target"] = other["target"].astype(float)
        other.loc[0, "mean radius"] = np.nan
        self.write(other.iloc[:500], path)

        found = verify(path)

        assert not found.is_same
        assert ("rows", None, None, 569, 500) in told(found)
        assert ("profile", "mean radius", "missing", 0, 1) in told(found)
        assert ("removed", "mean texture", None, "float64", None) in told(found)
        assert ("type", "target", None, "int64", "float64") in told(found)
        assert ("added", "zip", None, None, "str") in told(found)
        assert found.why is None

    def test_one_cell_that_no_profile_tells_is_different_all_the_same(self, record, path, table):
        verify = record(train=path)
        table.loc[7, "mean radius"] += 1e-9
        self.write(table, path)

        found = verify(path)

        assert (found.is_same, found.differences) == (False, ())
        assert found.why == (
            "rows, columns and their profiles agree: a few values or their order differ"
        )

    def test_a_table_in_memory_is_of_another_kind(self, record, path, table):
        assert refusal(record(train=path), table) == (
            "data set 'train' is recorded by the bytes of a file: "
            "a table in memory is of a different kind",
            "give the path of a file",
        )


class TestATableInMemory:
    def test_it_is_the_same_by_value(self, record, table):
        verify = record(train=table)

        assert verify(table.copy()).is_same
        assert verify(table.convert_dtypes(dtype_backend="pyarrow")).is_same
        assert not verify(table.iloc[::-1]).is_same

    def test_files_of_it_are_the_same_too(self, record, table, tmp_path):
        table.to_csv(tmp_path / "a.csv", index=False)
        table.to_parquet(tmp_path / "a.parquet")
        X, y = table[NAMES[:2]], table["target"]
        verify = record(train=table, test=(X, y))

        for name in ("a.csv", "a.parquet"):
            assert verify(tmp_path / name, role="train").is_same
            assert verify(tmp_path / name, role="test").is_same

    def test_a_cell_of_the_target_differs(self, record, table, tmp_path):
        verify = record(test=(table[NAMES[:2]], table["target"]))
        table.loc[3, "target"] = 1 - table.loc[3, "target"]
        table.to_csv(tmp_path / "a.csv", index=False)

        found = verify(tmp_path / "a.csv")

        assert not found.is_same
        assert {one.column for one in found.differences} == {"target"}

    def test_arrays_and_sparse_matrices(self, record):
        dense = np.array([[0, 1.5], [2.0, 0]])
        verify = record(train=(dense, np.array([0, 1])), test=sp.csr_matrix(dense))

        assert verify((dense, np.array([0, 1]))).role == "train"
        assert verify(sp.csc_array(dense)).role == "test"
        assert not verify(sp.csr_matrix(dense * 2), role="test").is_same

    def test_what_is_no_table_is_of_another_kind(self, record, table, tmp_path):
        verify = record(train=table)
        (tmp_path / "a.npy").write_bytes(b"x")
        (tmp_path / "bad.csv").write_text("a,b\n1,2\n1,2,3\n")

        for source in (tmp_path, tmp_path / "a.npy"):
            assert refusal(verify, source) == (
                f"data set 'train' is recorded by the values of a table: '{source}' "
                "is of a different kind",
                "give a table, or a CSV or Parquet file of it",
            )
        assert refusal(verify, tmp_path / "bad.csv") == (
            f"cannot compare '{tmp_path}/bad.csv': pandas cannot read it: error tokenizing data. "
            "c error: expected 2 fields in line 3, saw 3",
            None,
        )
        assert refusal(verify, 7)[0] == "data set 'train': expected a table, found int"

    def test_a_csv_file_of_it_has_the_types_that_were_recorded(self, record, tmp_path):
        table = pd.DataFrame(
            {
                "day": pd.date_range("2024-01-01", periods=4, tz="Europe/Oslo"),
                "zip": ["01234", "00012", None, "12345"],
                "plan": pd.Categorical(["a", "b", "a", "b"]),
                "level": pd.Categorical([1, 2, 1, 2], ordered=True),
                "left": [True, False, True, False],
                "small": pd.array([0.1, 2, 3, 4], dtype="float32"),
                "count": pd.array([1, None, 3, 4], dtype="Int64"),
                "took": pd.to_timedelta([1, 2, 3, 4], unit="h"),
                "target": [0, 1, 0, 1],
            }
        )
        file = tmp_path / "train.csv"
        table.to_csv(file, index=False)

        found = record(train=table)(file)

        types = {column.name: column.dtype for column in found.present.columns}
        assert types == {column.name: column.dtype for column in found.recorded.columns} | {
            "count": "float64"  # of a column that misses one, a file cannot tell
        }
        assert record(train=table.drop(columns="count"))(tables_without(file, "count")).is_same

    def test_dates_that_are_none_differ(self, record, tmp_path):
        table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=2), "target": [0, 1]})
        file = tmp_path / "train.csv"
        table.assign(day="soon").to_csv(file, index=False)

        found = record(train=table)(file)

        assert not found.is_same
        assert next(one[3:] for one in told(found) if one[1] == "day") == ("datetime64", "str")


class TestFoldersAndDvc:
    def test_a_folder(self, record, tmp_path):
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "a").write_text("a")
        verify = record(train=tmp_path / "set")
        same = verify(tmp_path / "set")
        (tmp_path / "set" / "b").write_text("b")
        other = verify(tmp_path / "set")

        assert (same.is_same, other.is_same) == (True, False)
        assert other.why == (
            "it is not known which columns differ: the version records none of this data"
        )
        assert refusal(verify, tmp_path / "set" / "a")[1] == "give the path of a folder"

    def test_a_dvc_file_and_what_it_pins(self, record, tmp_path):
        """The md5 are those that DVC 3.67.1 wrote."""
        (tmp_path / "d" / "sub").mkdir(parents=True)
        (tmp_path / "d" / "a.csv").write_text("a,b\n1,2\n")
        (tmp_path / "d" / "sub" / "é.csv").write_text("x")
        (tmp_path / "d" / "B.csv").write_text("q")
        (tmp_path / "a.csv").write_bytes(b"a,b\r\n1,2\r\n")
        pins = {"d": ("0eb39c0979ca7dc714f2b9007b10c618.dir", 10)}
        pins["a.csv"] = ("b202f333fba4fd38d4b8e5e693077aab", 10)
        for name, (md5, size) in pins.items():
            text = f"outs:\n- md5: {md5}\n  size: {size}\n  hash: md5\n  path: {name}\n"
            (tmp_path / f"{name}.dvc").write_text(text)
        verify = record(train=tmp_path / "a.csv.dvc", images=tmp_path / "d.dvc")

        for role, name in (("train", "a.csv"), ("images", "d")):
            assert verify(tmp_path / f"{name}.dvc", role=role).is_same
            assert verify(tmp_path / name, role=role).is_same
            assert verify(tmp_path / name).role == role
        (tmp_path / "d" / "B.csv").write_text("Q")
        (tmp_path / "a.csv").write_bytes(b"a,b\n1,2\n")
        assert not verify(tmp_path / "d", role="images").is_same
        assert not verify(tmp_path / "a.csv", role="train").is_same
        assert refusal(verify, tmp_path / "d", role="train") == (
            "data set 'train' is recorded by the MD5 of a file, from DVC: "
            f"'{tmp_path}/d' is of a different kind",
            "give the .dvc file, or the file that it pins",
        )


class TestWhichDataSet:
    def test_the_one_with_that_digest_is_meant(self, record, table):
        verify = record(train=table.iloc[:300], test=table.iloc[300:])

        assert verify(table.iloc[300:]).role == "test"
        assert refusal(verify, table) == (
            "cancer 1.0.0 records 'train' and 'test', and this is none of them",
            "name the one that it should be with role= (--role)",
        )
        assert not verify(table, role="train").is_same

    def test_what_is_not_recorded_is_refused(self, record, table, store, fitted):
        verify = record(train=table, holdout=table)
        store.register(fitted, "bare", code=None)

        assert refusal(verify, table, role="trian")[1] == "did you mean 'train'?"
        assert refusal(verify, table, role="x") == (
            "cancer 1.0.0 records no data set 'x'",
            "it records 'train' and 'holdout'",
        )
        for role in (None, "train"):
            with pytest.raises(InvalidInput, match=r"^bare 1\.0\.0 records no data\n"):
                store.verify_data("bare@latest", table, role=role)

    def test_nothing_is_read_where_there_is_no_such_version(self, store):
        assert refusal(store.verify_data, "cancer", "nowhere.csv")[0] == (
            "no model 'cancer': the store is empty"
        )


class TestReading:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        path = tmp_path / "train.npy"
        path.write_bytes(b"x" * (3 << 20))
        return path

    def test_data_that_changes_meanwhile_is_refused(self, store, fitted, large):
        calls: list[int] = []

        def write(what: str, done: int, total: int) -> None:
            calls.append(done)
            with large.open("ab") as file:
                file.write(b"more")

        store.register(fitted, "cancer", data={"train": large}, code=None)
        writing = Store.open(store.path, progress=write)

        for act in (
            lambda: writing.verify_data("cancer@latest", large),
            lambda: writing.register(fitted, "cancer", data={"train": large}, code=None),
        ):
            assert refusal(act) == (
                f"data set 'train': '{large}' changed while it was read",
                "try again when nothing is writing to it",
            )
        assert [str(one.version) for one in store.versions("cancer")] == ["1.0.0"]
        assert calls[:3] == [1 << 20, 2 << 20, 3 << 20]

    def test_whoever_is_told_of_the_progress_can_stop_it(self, store, fitted, large):
        def stop(what: str, done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Store.open(store.path, progress=stop).register(
                fitted, "cancer", data={"train": large}, code=None
            )

        assert store.models() == ()

    def test_digests_are_remembered_unless_the_cache_is_off(self, store, fitted, large, isolated):
        time.sleep(2.1)
        cache = isolated / ".cache" / "gitmodelstore" / "data"
        steps: list[int] = []
        settings: dict[str, Any] = {
            "durable": False,
            "progress": lambda what, done, total: steps.append(done),
        }

        def register(**more: Any) -> int:
            steps.clear()
            opened = Store.open(store.path, **settings, **more)
            opened.register(fitted, "cancer", data={"train": large}, code=None)
            return len(steps)

        assert register(cache=False) == 3
        assert not cache.exists()
        assert [register(), register(), register(cache=False)] == [3, 1, 3]
        assert len(os.listdir(cache)) == 1
        # To verify is to read: what a disk has lost since then would be remembered, too.
        steps.clear()
        assert Store.open(store.path, **settings).verify_data("cancer@latest", large).is_same
        assert len(steps) == 3


def test_it_says_itself_in_a_line(record, table, tmp_path):
    verify = record(train=table)
    without = table.drop(columns="target").assign(more=1.0)
    values = table.copy()
    values.iloc[0, 0] += 1e-9

    assert str(verify(table)) == "cancer 1.0.0: train data is the same"
    assert str(verify(without)) == (
        "cancer 1.0.0: train data differs (column 'target', column 'more')"
    )
    assert str(verify(values)) == (
        "cancer 1.0.0: train data differs (rows, columns and their profiles agree: a few values "
        "or their order differ)"
    )
