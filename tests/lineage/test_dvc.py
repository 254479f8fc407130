"""`.dvc` files: what they pin, and the same digests of the data itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import data
from gitmodelstore.lineage.data import describe

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
    "pins nothing: it has no 'outs'": (
        "",
        "outs: []\n",
        "deps:\n- md5: a\n",
        "\0\xff\n" * 1000,
    ),
    "does not pin its output by an MD5": (
        "outs:\n- path: a\n",
        "outs:\n- md5: xyz\n  size: 1\n",
    ),
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
