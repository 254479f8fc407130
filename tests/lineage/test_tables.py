"""Rows and columns of files that hold a table; what a file does not surely say is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.datasets import load_wine

from gitmodelstore.lineage import tables
from gitmodelstore.lineage.data import describe
from gitmodelstore.values.manifest import Column

from .conftest import run


@pytest.fixture
def wine() -> pd.DataFrame:
    return load_wine(as_frame=True).frame


def described(path: Path):
    """Return what is recorded of a file, and what is said about it."""
    said: list[str] = []
    return describe("train", path, notify=said.append), said


@pytest.mark.parametrize("name", ["wine.csv", "WINE.CSV", "wine.tsv", "wine.parquet", "wine.pq"])
def test_a_file_has_the_columns_of_its_table(tmp_path, wine, name):
    path = tmp_path / name
    if "p" in name:
        wine.to_parquet(path)
    else:
        wine.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")

    found, said = described(path)
    in_memory = describe("train", wine)

    assert (found.rows, found.columns, said) == (178, in_memory.columns, [])
    assert found.digest.algorithm == "sha256"
    assert found.columns[0].profile["mean"] == 13.0


def test_profiles_can_be_left_out(tmp_path, wine):
    path = tmp_path / "wine.csv"
    wine.to_csv(path, index=False)

    bare = describe("train", {"source": path, "profile": False})
    table = describe("train", {"source": wine, "profile": False})

    assert {column.profile for column in bare.columns} == {None}
    assert bare.columns == table.columns


VALUES = "its first line may be values instead of names"


@pytest.mark.parametrize(
    "text",
    [
        "39, State-gov, 77516\n50, Self-emp, 83311\n",  # as UCI's adult.data
        "Ada,Paris\nAlan,London\n",  # nothing tells names from people
        "a,a,b\n1,2,3\n",
        "a,,b\n1,2,3\n",
        "a,7,b\n1,2,3\n",
        "a,nan,b\n1,2,3\n",
        "name,city\nAda,Paris\n",
    ],
)
def test_a_first_line_that_may_be_values_is_not_recorded(tmp_path, text):
    path = tmp_path / "people.csv"
    path.write_text(text)

    found, said = described(path)

    assert (found.rows, found.columns) == (None, None)
    assert said == [f"no columns were recorded for '{path}': {VALUES}"]


def test_an_index_that_pandas_wrote_is_a_column(tmp_path, wine):
    path = tmp_path / "wine.csv"
    wine[["alcohol"]].to_csv(path)

    found, said = described(path)

    assert [column.name for column in found.columns] == ["Unnamed: 0", "alcohol"]
    assert said == []


def test_a_very_wide_file_is_not_opened(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{number}" for number in range(10_002)) + "\n")
    parquet.write_table(pa.table({f"c{n}": [1] for n in range(10_001)}), tmp_path / "wide.pq")

    assert described(path)[1] == [
        f"no columns were recorded for '{path}': its first line has more than 10,000 fields"
    ]
    found, said = described(tmp_path / "wide.pq")
    assert (found.rows, found.columns, said) == (1, None, [])


def test_a_pyarrow_that_ran_what_files_hold_is_not_asked(tmp_path, wine, monkeypatch):
    wine.to_parquet(tmp_path / "wine.parquet")
    monkeypatch.setattr(pa, "__version__", "14.0.0")

    assert described(tmp_path / "wine.parquet")[1] == [
        f"no columns were recorded for '{tmp_path}/wine.parquet': "
        "it needs pyarrow 15 or newer to be read, found 14.0.0"
    ]


def test_a_column_name_with_a_dot_is_a_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,x.y,v.1\n1,2,3\n")

    assert described(path)[0].columns == tuple(
        Column(name, "int64", {"missing": 0}) for name in ("x", "x.y", "v.1")
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "pandas cannot read it: no columns to parse from file"),
        (
            b"a,b\n1,2\n1,2,3\n",
            "pandas cannot read it: error tokenizing data. c error: "
            "expected 2 fields in line 3, saw 3",
        ),
        (b"a,b\n\xff\xfe,2\n", "it is not text in UTF-8"),
        ("\u202eid,b\n1,2\n".encode(), "column '\\u202eid' contains the hidden character U+202E"),
    ],
)
def test_a_file_that_is_no_table_is_still_known_by_its_bytes(tmp_path, content, said):
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    found, notes = described(path)

    assert (found.rows, found.columns, found.size_bytes) == (None, None, len(content))
    assert notes == [f"no columns were recorded for '{path}': {said}"]


def test_a_parquet_file_that_is_broken_or_not_a_table_is_still_known_by_its_bytes(tmp_path, wine):
    path = tmp_path / "wine.parquet"
    wine.to_parquet(path)
    whole = path.read_bytes()
    for cut in (0, 3, 100, -1):
        path.write_bytes(whole[:cut])
        found, (note,) = described(path)
        assert (found.rows, found.columns) == (None, None)
        assert note.startswith(f"no columns were recorded for '{path}': pyarrow cannot read it: ")
    parquet.write_table(pa.table([[1], [2]], names=["a", "a"]), path)

    found, notes = described(path)

    assert (found.columns, len(notes)) == (None, 1)


def test_a_large_file_is_hashed_and_not_opened(tmp_path, wine, monkeypatch):
    wine.to_csv(tmp_path / "wine.csv", index=False)
    wine.to_parquet(tmp_path / "wine.parquet")

    with monkeypatch.context() as patch:
        patch.setattr(tables, "MOST_FILE_BYTES", 1000)
        csv, notes = described(tmp_path / "wine.csv")
        table, more = described(tmp_path / "wine.parquet")
    monkeypatch.setattr(tables, "MOST_CELLS", 1000)
    many, _ = described(tmp_path / "wine.parquet")

    assert (csv.rows, csv.columns, notes) == (None, None, [])
    assert (table.rows, table.columns, more) == (178, None, [])
    assert (many.rows, many.columns) == (178, None)  # a table of very many cells says its rows


def test_columns_that_would_fill_a_manifest_lose_their_profiles_then_their_names():
    names = [f"{number:03d}-{'x' * 915}" for number in range(150)]
    some = describe("train", pd.DataFrame(np.zeros((9, 150)), columns=names))
    more = describe("train", pd.DataFrame(np.zeros((9, 150)), columns=[n * 2 for n in names]))

    assert {column.profile for column in some.columns} == {None}
    assert more.columns is None
    assert more.rows == 9


def test_a_file_without_a_table_imports_no_pandas(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "model.npy").write_bytes(b"x")
    program = (
        "import sys; from gitmodelstore.lineage.data import describe\n"
        "describe('train', 'set'), describe('train', 'set/model.npy')\n"
        "print({'pandas', 'numpy', 'pyarrow'} & set(sys.modules))"
    )

    assert run(tmp_path, "-c", program) == "set()\n"


def test_a_missing_pyarrow_is_said(tmp_path, wine):
    wine.to_parquet(tmp_path / "wine.parquet")
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from gitmodelstore.lineage.data import describe\n"
        "found = describe('train', 'wine.parquet', notify=print)\n"
        "print(found.rows, found.digest.algorithm)"
    )

    assert run(tmp_path, "-c", program) == (
        "no columns were recorded for 'wine.parquet': it needs pyarrow to be read\nNone sha256\n"
    )
