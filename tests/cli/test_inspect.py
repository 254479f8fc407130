"""`gms inspect`, and the text that `git diff` and `git log -p` show of a pipeline."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore.cli.start import lines_of

Git = Callable[..., str]


class Hostile:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


@pytest.fixture
def hostile(place: Path) -> Path:
    path = place / "hostile.joblib"
    path.write_bytes(pickle.dumps(Hostile(), 4))
    return path


@pytest.fixture(autouse=True)
def _store_is_left_alone(unchanged: None) -> None:
    """Looking writes nothing, no cache of git's either."""


# A file


def test_a_file_is_told_without_loading_it(gms, place):
    data = (place / "first.joblib").read_bytes()
    stdout, stderr, code = gms("inspect", "first.joblib")
    lines = stdout.splitlines()

    assert (stderr, code) == ("", 0)
    assert lines[0] == "first.joblib"
    assert re.fullmatch(r"  \d\.\d kB, pickle protocol 4, scikit-learn \d+\.\d+\.\d+", lines[1])
    assert lines[2] == f"  sha256 {hashlib.sha256(data).hexdigest()}"
    assert lines[4] == "No reason is known not to load it"
    assert "  logisticregression: LogisticRegression" in lines
    assert "    C = 1.0" in lines
    assert re.search(r"^GLOBAL +USED +MAY +VERDICT$", stdout, re.M)
    assert re.search(
        r"^sklearn\.pipeline\.Pipeline +new, state  value, new, state  listed$", stdout, re.M
    )
    assert re.search(r"^float64  1 x 2 +16 bytes +\d+$", stdout, re.M)
    assert re.search(r"^\d+ arrays, \d+ bytes$", lines[-1])


def test_a_hostile_file_is_told_and_refused(gms, session, hostile):
    session(f"""
$ gms inspect hostile.joblib
hostile.joblib
  42 bytes, pickle protocol 4
  sha256 {hashlib.sha256(hostile.read_bytes()).hexdigest()}

Loading it would be refused
  'posix.system' is not a name that may be used (STACK_GLOBAL at 28)
  it holds 'posix.system', not a fitted estimator (STOP at 41)

system('true')

GLOBAL        USED  MAY  VERDICT
posix.system  call  -    refused
= 1
""")
    stdout, stderr, code = gms("inspect", "hostile.joblib", "--json")

    assert (stderr, code) == ("", 1)
    document = json.loads(stdout)
    assert document["refusals"][0] == {
        "message": "'posix.system' is not a name that may be used",
        "global": "posix.system",
        "opcode": "STACK_GLOBAL",
        "offset": 28,
    }
    assert document["globals"] == [
        {"name": "posix.system", "used": ["call"], "may": [], "verdict": "refused", "offset": 28}
    ]
    assert (document["refused"], document["version"]) == (True, None)
    assert document["path"] == "hostile.joblib"


def test_a_broken_file_is_told_and_refused(gms, place):
    data = (place / "first.joblib").read_bytes()[:300]
    (place / "cut.joblib").write_bytes(data)

    stdout, stderr, code = gms("inspect", "cut.joblib")
    document = json.loads(gms("inspect", "cut.joblib", "--json").stdout)

    assert (stderr, code) == ("", 1)
    assert stdout.startswith("cut.joblib\n  300 bytes\n  sha256 ")
    assert re.search(r"Loading it would be refused\n  .* \(at \d+\)\n$", stdout)
    assert (document["refused"], document["pipeline"]) == (True, None)
    assert document["refusals"][-1]["message"]


def test_own_classes_are_trusted_by_name(gms, place):
    data = (place / "first.joblib").read_bytes()
    name = b"sklearn.preprocessing._data"
    (place / "own.joblib").write_bytes(data.replace(name, b"teampack.preprocessing.data"))

    name = "teampack.preprocessing.data.StandardScaler"
    stdout, _, code = gms("inspect", "own.joblib")
    assert code == 1
    assert f"Readers must trust: {name}\n  if you do: gms trust add {name}\n" in stdout
    stdout, _, code = gms("inspect", "own.joblib", "--trust", "teampack")
    assert code == 1
    assert "Loading it would be refused\n  'teampack' is not installed here\n" in stdout
    (place / "teampack" / "preprocessing").mkdir(parents=True)
    source = "class StandardScaler:\n    pass\n"
    (place / "teampack" / "preprocessing" / "data.py").write_text(source)
    importlib.invalidate_caches()
    stdout, _, code = gms("inspect", "own.joblib", "--trust", "teampack")
    assert code == 0
    assert f"Readers must trust: {name}\n\n" in stdout
    assert re.search(r"^teampack\.preprocessing\.data\.StandardScaler .* trusted$", stdout, re.M)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 34\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "'it.joblib' is empty"),
        (b"a,b\n1,2\n", "'it.joblib' is not a file that joblib wrote"),
        (POINTER, "'it.joblib' is a Git LFS pointer, not the file that it points to"),
    ],
)
def test_what_joblib_did_not_write_is_named(gms, place, content, said):
    (place / "it.joblib").write_bytes(content)

    stdout, stderr, code = gms("inspect", "it.joblib")

    assert (stdout, stderr.splitlines()[0], code) == ("", f"error: {said}", 1)


# A version


def test_a_version_is_read_from_the_store(gms):
    stdout, stderr, code = gms("inspect", "churn@1.1.0")
    document = json.loads(gms("inspect", "churn", "--json").stdout)

    assert (stderr, code) == ("", 0)
    assert stdout.startswith("churn 1.1.0\n")
    assert "    C = 3.0\n" in stdout
    assert (document["refused"], document["path"]) == (False, None)
    assert document["ref"] == "churn@1.1.0"
    parts = document["pipeline"]["parts"]
    assert [part["name"] for part in parts] == ["standardscaler", "logisticregression"]
    assert parts[1]["params"]["C"] == "3.0"
    assert parts[0]["fitted"]["n_features_in_"] == "2"
    assert document["arrays"][0]["shape"] == [2]


# What git shows


@pytest.mark.usefixtures("with_gms")
def test_git_diff_shows_what_changed(git: Git):
    shown = git("diff", "churn@v1.0.0", "churn@v1.1.0", "--", "*.joblib").splitlines()

    changed = [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed[:2] == ["-    C = 1.0", "+    C = 3.0"]
    assert changed[2].startswith("-    coef_ = float64 (1, 2) [")
    assert changed[-1].startswith("+file: ")
    assert any(
        line.startswith("@@ ") and line.endswith("logisticregression: LogisticRegression")
        for line in shown
    )
    log = git("log", "-p", "-1", "--format=%s", "churn@v1.0.0", "--", "*.joblib")  # a new one
    assert "+++ b/models/churn/pipeline.joblib" in log
    assert "\n+Pipeline\n" in log
    assert "\n+  logisticregression: LogisticRegression\n" in log


def test_without_gms_git_shows_that_it_changed(git: Git, without_gms):
    without_gms()

    shown = git("diff", "churn@v1.0.0", "churn@v1.1.0", "--", "*.joblib").splitlines()

    before = git("rev-parse", "churn@v1.0.0:models/churn/pipeline.joblib")
    after = git("rev-parse", "churn@v1.1.0:models/churn/pipeline.joblib")
    assert shown[-2:] == [f"-{before}", f"+{after}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ["not a file that joblib wrote"]),
        (b"a,b\n", ["not a file that joblib wrote"]),
        (b"\x80\x04N", ["joblib file that cannot be read: it ends too early"]),
        (POINTER, ["Git LFS pointer", "oid sha256:12", "size 34"]),
        (
            pickle.dumps(Hostile(), 4),
            [
                "refused: 'posix.system' is not a name that may be used",
                "refused: it holds 'posix.system', not a fitted estimator",
                "system('true')",
            ],
        ),
    ],
    ids=["empty", "text", "cut", "pointer", "hostile"],
)
def test_any_file_has_a_text(program, place, content, said):
    (place / "it").write_bytes(content)

    stdout, stderr, code = program("textconv", "it")

    assert (stderr, code) == ("", 0)
    assert stdout.splitlines()[: len(said)] == said


def test_the_text_says_nothing_of_this_machine(place):
    data = (place / "first.joblib").read_bytes()
    lines = list(lines_of(data))
    assert lines[0] == "Pipeline"
    assert lines[-1] == f"file: {len(data):,} bytes, sha256:{hashlib.sha256(data).hexdigest()}"
    assert lines == list(lines_of(data))
