"""Data sets: what a file, a folder, a table or a `.dvc` file is known by."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import data, frames, tables, without_credentials
from gitmodelstore.lineage.data import describe, name_and_version
from gitmodelstore.lineage.data import digest_of_folder as tree_digest
from gitmodelstore.values.manifest import Column, Dataset

from .conftest import refusal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with `data/churn_v1.2.0.csv` in it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "churn_v1.2.0.csv").write_bytes(b"a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_a_name_counts_and_a_link_to_a_file_does_not(folder):
    before = tree_digest(Path("data"))
    (folder / "data" / "churn_v1.2.0.csv").rename(folder / "data" / "kept")
    assert tree_digest(Path("data")) != before

    (folder / "data" / "kept").rename(folder / "kept")
    (folder / "data" / "churn_v1.2.0.csv").symlink_to(folder / "kept")
    assert tree_digest(Path("data")) == before


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

    types = [{column.name: column.dtype for column in one.columns} for one in (named, plain)]
    assert types == [{"a": "int64", "left": "int64"}, {"0": "int64", "y": "float64"}]
    assert (named.rows, plain.rows) == (2, 2)
    assert named.digest != plain.digest


def test_wide_tables_list_no_profiles_and_the_widest_no_columns():
    wide = describe("train", np.zeros((2, tables.MOST_PROFILES + 1)))
    widest = describe("train", sp.csr_matrix((2, tables.MOST_COLUMNS + 1)))

    assert {column.profile for column in wide.columns} == {None}
    assert (widest.columns, widest.rows) == (None, 2)


def test_a_mapping_says_what_should_be_recorded_instead(folder):
    said = {"uri": "s3://AKIA:se/cret@bucket/churn.csv", "name": "customers", "version": "7"}
    found = describe("train", {"source": "data/churn_v1.2.0.csv", **said})

    assert (found.uri, found.name, found.version) == ("s3://bucket/churn.csv", "customers", "7")


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        (None, "expected a path or a table, found None",
         "such as 'train.csv', a DataFrame, or (X, y)"),
        (7, "expected a table, found int",
         "give a DataFrame, a Series, an array or a sparse matrix"),
        ("", "'' is not a path", "give the path of a file or a folder, or a DataFrame"),
        ((np.zeros((3, 1)), np.zeros(2)), "X has 3 rows, y has 2",
         "give the rows and the answers of the same cases, in the same order"),
        ({"source": "data", "url": "x"}, "unknown key 'url'", "did you mean 'uri'?"),
        ({"uri": "x"}, "no 'source'", "give {'source': a path or a table, 'uri': …}"),
        ({"source": "data", "version": 3}, "expected text as 'version', found int",
         "write {'source': …, 'version': 'text'}"),
        ({"source": "data", "profile": "no"}, "expected True or False as 'profile', found 'no'",
         "leave it out to record the profile of each column"),
        ("s3://key:secret@bucket/train.csv", "cannot read 's3://bucket/train.csv'",
         "give a local file or a DataFrame; {'source': …, 'uri': …} records where it came from"),
        ("data/churn_v1.2.0.cvs", "no file or folder 'data/churn_v1.2.0.cvs'",
         "did you mean 'churn_v1.2.0.csv'?"),
        ("nowhere/x.csv", "no file or folder 'nowhere/x.csv'",
         "check the path; it is relative to the working directory"),
        ("pipe", "'pipe' is neither a file nor a folder", None),  # and not waited for
        ("loop", "'loop/circle' is a link to a folder",
         "give the folder itself, or a copy of it"),
    ],
)  # fmt: skip
def test_what_is_no_data_is_refused(folder, source, message, hint):
    os.mkfifo("pipe")
    (folder / "loop").mkdir()
    (folder / "loop" / "circle").symlink_to(folder)

    assert refusal("train", source) == (f"data set 'train': {message}", hint)


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


def test_a_bad_role_is_refused_with_a_good_one():
    assert refusal("Train Set", "x") == (
        "'Train Set' is not a role of a data set",
        "use lower-case letters, digits, - and _, such as 'train' or 'test'; or 'train-set'",
    )


# `.dvc` files: what they pin, and the same digests of the data itself.


MD5 = "0123456789abcdef0123456789abcdef"


def written(folder: Path, text: str, name: str = "train_v2.csv.dvc") -> Path:
    path = folder / name
    path.write_text(text)
    return path


# As DVC 3.67, 2.58 and 1.0 write them; of an import; with everything that may stand there.
FILES = {
    "3": f"outs:\n- md5: {MD5}\n  size: 42\n  hash: md5\n  path: train.csv\n",
    "2": f"outs:\n- md5: {MD5}\n  size: 42\n  path: train.csv\n",
    "windows": f"outs:\r\n- md5: {MD5}\r\n  size: 42\r\n  path: train.csv\r\n",
    "quoted": f"outs:\n- md5: '{MD5}'\n  size: 42\n  path: \"it's: x.csv\"\n",
    "folder": f"outs:\n- md5: {MD5}.dir\n  size: 42\n  nfiles: 3\n  hash: md5\n  path: d\n",
    "indented": f"outs:\n  - md5: {MD5}\n    size: 42\n    path: train.csv\n",
    "path first": f"outs:\n- path: train.csv\n  hash: md5\n  size: 42\n  md5: {MD5}\n",
    "imported": (
        "md5: ffffffffffffffffffffffffffffffff\nfrozen: true\ndeps:\n- path: data.csv\n"
        "  md5: eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n  size: 7\n  repo:\n"
        "    url: ssh://git.example.org/data.git\n    rev_lock: aaaa\n"
        f"outs:\n- md5: {MD5}\n  size: 42\n  hash: md5\n  path: train.csv\n"
    ),
    "everything": (
        f"# by hand\nouts:  # one\n- md5: {MD5}\n  size: 42\n  hash: md5\n  path: train.csv\n"
        "  desc: |\n    md5: eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\n    - size: 9\n  labels:\n  - md5\n"
        "  - size: 8\n  meta:\n    size: 9\n    path: other\n\n  # more\n  remote: s3\n"
        "meta:\n  outs:\n  - md5: dddddddddddddddddddddddddddddddd\n    size: 1\n"
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_pins_is_its_md5_and_size(tmp_path, name):
    path = tmp_path / "train_v2.csv.dvc"
    path.write_bytes(FILES[name].encode())

    digest, size = data.pinned(path)

    assert (str(digest), size) == (f"md5{'-dir' if name == 'folder' else ''}:{MD5}", 42)


def test_a_data_set_is_named_by_the_file_that_is_pinned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, FILES["3"])

    found = describe("train", "train_v2.csv.dvc")

    assert (found.uri, found.name, found.version) == ("train_v2.csv.dvc", "train", "2")
    assert (str(found.digest), found.size_bytes) == (f"md5:{MD5}", 42)
    assert (found.rows, found.columns) == (None, None)


REFUSED = {
    "pins nothing: it has no 'outs'": ("", "outs: []\n", "deps:\n- md5: a\n", "\0\xff\n" * 1000),
    "does not pin its output by an MD5": ("outs:\n- path: a\n", "outs:\n- md5: xyz\n  size: 1\n"),
    "does not pin its output by an MD5, but by its files": (
        f"outs:\n- path: a\n  files:\n  - size: 3\n    relpath: b\n    md5: {MD5}\n",
    ),
    "does not pin its output by an MD5, but by its etag": (
        "outs:\n- etag: '9b5c'\n  size: 3\n  path: a\n",
    ),
    "does not pin its output by an MD5, but by its sha256": (
        f"outs:\n- md5: {MD5}\n  size: 3\n  hash: sha256\n  path: a\n",
    ),
    "does not say the size of its output": (
        f"outs:\n- md5: {MD5}\n  path: a\n",
        f"outs:\n- md5: {MD5}\n  size: -3\n  path: a\n",
    ),
    "pins 2 outputs, not one": (
        f"outs:\n- md5: {MD5}\n  size: 3\n  path: a\n- md5: {MD5}\n  size: 3\n  path: b\n",
    ),
}
HINTS = {
    "does not say the size of its output": (
        "let DVC write it again with `dvc commit`, or give the data itself"
    ),
    "pins 2 outputs, not one": "give that file or folder itself",
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_pins_no_single_output_is_refused(tmp_path, message):
    for text in REFUSED[message]:
        path = written(tmp_path, text)
        with pytest.raises(InvalidInput) as caught:
            data.pinned(path)
        assert str(caught.value) == f"'{path}' {message}"
        assert caught.value.hint == HINTS.get(message, "give the data itself")


def test_the_digest_of_a_folder_is_the_one_that_dvc_gives(tmp_path):
    """`dvc add d` of DVC 3.67.1 wrote this md5 and this size for these files."""
    (tmp_path / "d" / "sub").mkdir(parents=True)
    (tmp_path / "d" / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "d" / "sub" / "é.csv").write_text("x")
    (tmp_path / "d" / "B.csv").write_text("q")

    digest, size = data.dvc_digest_of_folder(tmp_path / "d")

    assert (str(digest), size) == ("md5-dir:0eb39c0979ca7dc714f2b9007b10c618", 10)


def test_a_name_that_is_not_utf_8_has_no_digest_in_dvc(tmp_path):
    (tmp_path / "d").mkdir()
    Path(os.fsdecode(bytes(tmp_path / "d") + b"/\xff")).write_text("x")

    with pytest.raises(InvalidInput) as caught:
        data.dvc_digest_of_folder(tmp_path / "d")

    assert str(caught.value) == f"'{tmp_path}/d' holds a name that is not UTF-8"
