"""Data sets: what a file, a folder or a table is known by."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import data as data_module
from gitmodelstore.lineage import frames, tables, without_credentials
from gitmodelstore.lineage.data import describe, name_and_version
from gitmodelstore.lineage.data import digest_of_folder as tree_digest
from gitmodelstore.values.manifest import Column, Dataset


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with `data/churn_v1.2.0.csv` in it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "churn_v1.2.0.csv").write_bytes(b"a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(*args, **options) -> tuple[str, str | None]:
    with pytest.raises(InvalidInput) as caught:
        describe(*args, **options)
    return str(caught.value), caught.value.hint


def run(program: str) -> str:
    """Return what a Python of its own prints that runs `program`."""
    root = Path(data_module.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    return done.stdout


def test_a_file_is_known_by_its_bytes(folder):
    found = describe("train", "data/churn_v1.2.0.csv")

    assert found.digest.algorithm == "sha256"
    assert found.digest.hex == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert (found.uri, found.name, found.version) == ("data/churn_v1.2.0.csv", "churn", "1.2.0")
    assert found.size_bytes == 8


def test_a_path_within_the_base_is_recorded_relative_to_it(folder, tmp_path_factory):
    path = folder / "data" / "churn_v1.2.0.csv"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "link").symlink_to(folder)

    assert describe("train", path, base=folder).uri == "data/churn_v1.2.0.csv"
    assert describe("train", path, base=folder / "data").uri == "churn_v1.2.0.csv"
    assert describe("train", "data/churn_v1.2.0.csv", base=elsewhere / "link").uri == (
        "data/churn_v1.2.0.csv"
    )
    assert describe("train", path, base=elsewhere).uri == path.as_posix()
    assert describe("train", path).uri == path.as_posix()


def test_a_folder_is_known_by_the_files_in_it(folder):
    (folder / "data" / "more").mkdir()
    (folder / "data" / "more" / "é.csv").write_bytes(b"x")
    lines = b"gms-tree-1\n"
    for path, content in (("churn_v1.2.0.csv", b"a,b\n1,2\n"), ("more/é.csv", b"x")):
        lines += hashlib.sha256(content).hexdigest().encode() + b"  " + path.encode() + b"\0"

    found = describe("train", "data")

    assert str(found.digest) == "gms-tree-1:" + hashlib.sha256(lines).hexdigest()
    assert (found.size_bytes, found.name, found.uri) == (9, "data", "data")


def test_renaming_a_file_changes_the_digest_of_its_folder(folder):
    before = tree_digest(Path("data"))
    (folder / "data" / "churn_v1.2.0.csv").rename(folder / "data" / "b.csv")

    assert tree_digest(Path("data")) != before


def test_a_link_to_a_file_counts_as_the_file(folder):
    before = tree_digest(Path("data"))
    (folder / "data" / "churn_v1.2.0.csv").rename(folder / "kept")
    (folder / "data" / "churn_v1.2.0.csv").symlink_to(folder / "kept")

    assert tree_digest(Path("data")) == before


def test_a_link_to_a_folder_is_refused(folder):
    (folder / "data" / "loop").symlink_to(folder)

    assert refusal("train", "data") == (
        "data set 'train': 'data/loop' is a link to a folder",
        "give the folder itself, or a copy of it",
    )


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("data_v1.2.3.parquet", ("data", "1.2.3")),
        ("churn-2024-01.csv", ("churn", "2024-01")),
        ("churn_20240131.csv.gz", ("churn", "20240131")),
        ("churn-1.4.0-rc.1.csv", ("churn", "1.4.0-rc.1")),
        ("churn.v2.csv", ("churn", "2")),
        ("churn_v1.2", ("churn", "1.2")),
        ("x.tar.gz", ("x", None)),
        ("X_test2.npy", ("X_test2", None)),
        ("part-0001.parquet", ("part-0001", None)),
        ("adult.data", ("adult", None)),
        (".hidden", (".hidden", None)),
    ],
)
def test_a_file_name_spells_name_and_version(file_name, expected):
    assert name_and_version(file_name) == expected


def test_a_table_is_known_by_its_values():
    frame = pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": ["x", "y", None, "z", "x"]})

    assert describe("test", frame) == Dataset(
        role="test",
        uri=None,
        name=None,
        version=None,
        digest=frames.measure(frame)[0],
        size_bytes=frames.measure(frame)[1],
        rows=5,
        columns=(
            Column("a", "int64", {"missing": 0, "mean": 3.0, "std": 1.581}),
            Column("b", "str", {"missing": 1, "distinct": 3}),
        ),
    )


def test_a_pair_lists_the_columns_of_both_halves():
    X = pd.DataFrame({"a": [1, 2]})

    named = describe("test", (X, pd.Series([0, 1], name="left")))
    plain = describe("test", (X.to_numpy(), np.array([0.0, 1.0])))

    assert [(column.name, column.dtype) for column in named.columns] == [
        ("a", "int64"),
        ("left", "int64"),
    ]
    assert [(column.name, column.dtype) for column in plain.columns] == [
        ("0", "int64"),
        ("y", "float64"),
    ]
    assert (named.rows, plain.rows) == (2, 2)
    assert named.digest != plain.digest


def test_halves_of_different_lengths_are_refused():
    assert refusal("test", (np.zeros((3, 1)), np.zeros(2))) == (
        "data set 'test': X has 3 rows, y has 2",
        "give the rows and the answers of the same cases, in the same order",
    )


def test_wide_tables_list_no_profiles_and_the_widest_no_columns():
    wide = describe("train", np.zeros((2, tables.MOST_PROFILES + 1)))
    widest = describe("train", sp.csr_matrix((2, tables.MOST_COLUMNS + 1)))

    assert {column.profile for column in wide.columns} == {None}
    assert (widest.columns, widest.rows) == (None, 2)


def test_a_mapping_says_what_should_be_recorded_instead(folder):
    found = describe(
        "train",
        {
            "source": "data/churn_v1.2.0.csv",
            "uri": "s3://AKIA:se/cret@bucket/churn.csv",
            "name": "customers",
            "version": "7",
        },
    )

    assert (found.uri, found.name, found.version) == ("s3://bucket/churn.csv", "customers", "7")


def test_a_mapping_of_something_else_is_refused(folder):
    assert refusal("train", {"source": "data", "url": "x"}) == (
        "data set 'train': unknown key 'url'",
        "did you mean 'uri'?",
    )
    assert refusal("train", {"uri": "x"}) == (
        "data set 'train': no 'source'",
        "give {'source': a path or a table, 'uri': …}",
    )
    assert refusal("train", {"source": "data", "version": 3}) == (
        "data set 'train': expected text as 'version', found int",
        "write {'source': …, 'version': 'text'}",
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ada:token@example.org/x.csv", "https://example.org/x.csv"),
        ("https://token@example.org:8080/x", "https://example.org:8080/x"),
        ("s3://bucket/x@y.csv", "s3://bucket/x@y.csv"),
        ("ssh://git@example.org:22/x.git", "ssh://git@example.org:22/x.git"),
        ("ssh://git:secret@example.org/x.git", "ssh://git@example.org/x.git"),
        (
            "abfss://raw@account.dfs.core.windows.net/x",
            "abfss://raw@account.dfs.core.windows.net/x",
        ),
        ("https://host/x?X-Amz-Signature=1&id=2&sig=3#a", "https://host/x?id=2#a"),
        ("https://host/x?token=1", "https://host/x"),
        ("postgresql://u:p@ss@host/db", "postgresql://host/db"),
        ("data/x.csv", "data/x.csv"),
    ],
)
def test_credentials_leave_a_url_and_its_meaning_stays(url, expected):
    assert without_credentials(url) == expected


def test_a_url_is_not_fetched_and_its_secret_not_shown():
    assert refusal("train", "s3://key:secret@bucket/train.csv") == (
        "data set 'train': cannot read 's3://bucket/train.csv'",
        "give a local file or a DataFrame; {'source': …, 'uri': …} records where it came from",
    )


def test_a_missing_file_brings_its_neighbour_to_mind(folder):
    assert refusal("train", "data/churn_v1.2.0.cvs") == (
        "data set 'train': no file or folder 'data/churn_v1.2.0.cvs'",
        "did you mean 'churn_v1.2.0.csv'?",
    )
    assert refusal("train", "nowhere/x.csv") == (
        "data set 'train': no file or folder 'nowhere/x.csv'",
        "check the path; it is relative to the working directory",
    )


def test_an_unreadable_file_is_refused(folder):
    Path("data/churn_v1.2.0.csv").chmod(0)
    folder.chmod(0o755)
    program = (
        "import os\n"
        "from gitmodelstore.lineage.data import InvalidInput, describe\n"
        "if os.geteuid() == 0:  # root reads everything, and may import it\n"
        "    describe('train', 'data')\n"
        "    os.setuid(65534)\n"
        "try:\n"
        "    describe('train', 'data/churn_v1.2.0.csv')\n"
        "except InvalidInput as error:\n"
        "    print(error)\n"
    )

    assert run(program) == (
        "data set 'train': cannot read 'data/churn_v1.2.0.csv': permission denied\n"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(folder):
    os.mkfifo("data/pipe")

    assert refusal("train", "data/pipe") == (
        "data set 'train': 'data/pipe' is neither a file nor a folder",
        None,
    )


@pytest.mark.parametrize("source", [None, 7, ""])
def test_what_is_no_data_is_refused(source):
    message, _ = refusal("train", source)

    assert message in (
        "data set 'train': expected a path or a table, found None",
        "data set 'train': expected a table, found int",
        "data set 'train': '' is not a path",
    )


def test_a_bad_role_is_refused_with_a_good_one():
    assert refusal("Train Set", "x") == (
        "'Train Set' is not a role of a data set",
        "use lower-case letters, digits, - and _, such as 'train' or 'test'; or 'train-set'",
    )


def test_describing_a_file_imports_neither_pandas_nor_numpy(folder):
    program = (
        "import sys; from gitmodelstore.lineage.data import describe; "
        "describe('train', 'data'); print({'pandas', 'numpy'} & set(sys.modules))"
    )
    assert run(program) == "set()\n"
