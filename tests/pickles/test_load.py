"""Claims about the door: what comes through, and what each refusal says."""

from __future__ import annotations

import hashlib
import os
import pickle
from datetime import datetime, timezone

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression

from gitmodelstore.errors import LoadError, NotAPipeline, RefusedPickle
from gitmodelstore.pickles.load import Reader, is_compressed, load, load_file
from gitmodelstore.pickles.rights import Trust
from tests.zoo.specimen import dumped

X = np.arange(12.0).reshape(6, 2)
Y = [0, 1, 0, 1, 0, 1]
AGAIN = "write it again with `joblib.dump(pipeline, file)`"
COPY = "copy the file again, or write it again with `joblib.dump`"


@pytest.fixture
def fitted():
    return LogisticRegression().fit(X, Y)


def refused(data, error, *trusted):
    with pytest.raises(error) as caught:
        load(data, name="churn.joblib", reader=Reader(Trust.of(trusted)))
    return str(caught.value), caught.value.hint


def test_a_loaded_pipeline_predicts_the_same_bit_for_bit(fitted):
    again = load(memoryview(dumped(fitted)), name="churn.joblib")

    assert again.predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "lzma", "xz"])
def test_every_compression_of_joblib_is_read(fitted, method):
    data = dumped(fitted, compress=(method, 3))

    assert is_compressed(data)
    assert load(data, name="churn.joblib").coef_.tobytes() == fitted.coef_.tobytes()


def test_a_plain_file_is_not_called_compressed(fitted):
    assert not is_compressed(dumped(fitted))
    assert not is_compressed(b"x,y\n1,2\n")


CLASS_HINT = "install the versions that its requirements.txt names"
REFUSED = {
    "another kind of file": (
        b"age,income\n1,2\n",
        NotAPipeline,
        "'churn.joblib' is not a file that joblib wrote",
        AGAIN,
    ),
    "nothing": (b"", NotAPipeline, "'churn.joblib' is empty", AGAIN),
    "a pointer of Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        NotAPipeline,
        "'churn.joblib' is a Git LFS pointer, not the file that it points to",
        "run `git lfs pull`",
    ),
    "a file of an ancient joblib": (
        b"ZF0x1c              x\x9c",
        NotAPipeline,
        "'churn.joblib' was written by a joblib before 0.10",
        AGAIN,
    ),
    "no opcodes": (
        b"\x80\x04\xff\xff.",
        RefusedPickle,
        "'churn.joblib' is refused: the opcode 0xff does not belong in a pipeline (0xff at byte 2)",
        "no honest pipeline needs that: look at it with `gms inspect`, which runs nothing",
    ),
    "a module that is not there": (
        b"\x80\x04cfeatures\nLogScaler\n.",
        LoadError,
        "'churn.joblib' needs module 'features', which is not installed here",
        "install it, or start Python where 'features' can be imported; commands import it "
        "from a project of yours in which you ran `gms trust add NAME`",
    ),
    "a module that another scikit-learn had": (
        b"\x80\x04csklearn.ensemble._gb_losses\nBinomialDeviance\n.",
        LoadError,
        "'churn.joblib' needs module 'sklearn.ensemble._gb_losses', "
        "which the installed 'sklearn' does not have",
        CLASS_HINT,
    ),
    "an attribute that is not there": (
        b"\x80\x04csklearn.linear_model\nOldRegression\n.",
        LoadError,
        "'churn.joblib' needs 'sklearn.linear_model.OldRegression', "
        "which the installed 'sklearn.linear_model' does not have",
        CLASS_HINT,
    ),
    "a class of the script that wrote it": (
        b"\x80\x04c__main__\nLogScaler\n.",
        RefusedPickle,
        "'churn.joblib' is refused: it uses '__main__.LogScaler', which is not part of a "
        "pipeline (GLOBAL at byte 21)",
        "move it into a module that readers can import, and write the file again",
    ),
    "a class": (
        pickle.dumps(LogisticRegression),
        NotAPipeline,
        "'churn.joblib' holds the class 'LogisticRegression', not a fitted estimator",
        "dump the object that `fit` was called on",
    ),
    **{
        words: (
            dumped(value),
            NotAPipeline,
            f"'churn.joblib' holds {words}, not a fitted estimator",
            "dump the object that `fit` was called on",
        )
        for value, words in (({}, "a dict"), (X, "an ndarray"), (None, "None"))
    },
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_pipeline_is_refused_with_what_to_do(what):
    data, error, *said = REFUSED[what]

    assert refused(data, error, "features") == tuple(said)


@pytest.mark.parametrize("data", [b"x,y\n1,2\n", b"PK\x03\x04", b"\x80"])
def test_another_kind_of_file_is_refused(data):
    assert refused(data, NotAPipeline) == ("'churn.joblib' is not a file that joblib wrote", AGAIN)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(fitted, part):
    data = dumped(fitted)

    assert refused(data[: int(len(data) * part)], LoadError) == (
        "'churn.joblib' ends too early: it was cut off",
        COPY,
    )


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "xz"])
def test_a_compressed_file_that_was_cut_off_is_refused(fitted, method):
    data = dumped(fitted, compress=(method, 3))

    message, hint = refused(data[: len(data) // 2], LoadError)

    assert message.startswith("'churn.joblib' cannot be read: its compressed bytes end too early")
    assert hint == COPY


def test_a_compressed_file_that_is_damaged_is_refused(fitted):
    data = bytearray(dumped(fitted, compress=("zlib", 3)))
    data[40:60] = bytes(20)

    assert refused(bytes(data), LoadError) == (
        "'churn.joblib' cannot be read: it cannot be decompressed (at 0)",
        COPY,
    )


def test_a_class_of_the_script_that_wrote_it_is_named_to_who_trusts_it():
    assert refused(b"\x80\x04c__main__\nLogScaler\n.", LoadError, "__main__") == (
        "'churn.joblib' needs 'LogScaler' of the script that wrote it",
        "move 'LogScaler' into a module that readers can import, such as features.py, "
        "import it from there, fit and dump again",
    )


def test_a_class_of_the_team_is_refused_until_it_is_trusted():
    name = f"{Moody.__module__}.Moody"
    assert refused(dumped(Moody()), RefusedPickle)[1] == (
        f"if you trust it: trusted=['{name}'] in Python, or `gms trust add {name}`; "
        "`gms inspect` shows the file without running it"
    )


class Moody(BaseEstimator):
    """Fails when it is read, as classes of another release do."""

    def fit(self, X, y=None):
        return self

    def __setstate__(self, state):
        raise ValueError("node array has an incompatible\x1b dtype")


def test_an_error_of_the_class_itself_is_passed_on_without_control_characters():
    assert refused(dumped(Moody()), LoadError, Moody.__module__)[0] == (
        "'churn.joblib' cannot be loaded here: "
        r"ValueError: 'node array has an incompatible\x1b dtype'"
    )


def test_the_version_warning_of_scikit_learn_comes_through(fitted):
    import sklearn

    version = sklearn.__version__
    other = f"0{version[1:]}"
    data = dumped(fitted).replace(version.encode(), other.encode())

    with pytest.warns(InconsistentVersionWarning):
        load(data, name="churn.joblib")
    with pytest.raises(InconsistentVersionWarning):
        load(data, name="churn.joblib")


def test_a_file_gives_its_digest_and_its_pipeline(fitted, tmp_path):
    path = tmp_path / "churn.joblib"
    path.write_bytes(dumped(fitted))
    os.utime(path, (1_000_000_000, 1_000_000_000))

    read = load_file(path)

    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.size_bytes == path.stat().st_size
    assert read.pipeline.coef_.tobytes() == fitted.coef_.tobytes()
    assert read.modified_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=timezone.utc)


def test_what_is_no_file_to_read_is_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, error, said, hint in (
        (
            tmp_path / "none.joblib",
            NotAPipeline,
            f"file '{tmp_path / 'none.joblib'}' does not exist",
            "check the path; it is relative to the working directory",
        ),
        (
            str(tmp_path),
            NotAPipeline,
            f"'{tmp_path}' is a folder, not a file",
            "name the file that joblib wrote",
        ),
        (
            loop,
            LoadError,
            f"'{loop}' cannot be read: Too many levels of symbolic links",
            "check the path, and who may read it",
        ),
    ):
        with pytest.raises(error) as caught:
            load_file(path)
        assert (str(caught.value), caught.value.hint) == (said, hint)


def test_an_empty_file_is_refused_by_its_name(tmp_path):
    (tmp_path / "churn.joblib").touch()

    with pytest.raises(NotAPipeline) as caught:
        load_file(tmp_path / "churn.joblib")

    assert str(caught.value) == "'churn.joblib' is empty"
