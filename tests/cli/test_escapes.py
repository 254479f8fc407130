"""What a terminal would act on reaches it from no file, ref, commit, path or warning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.cli.session import shown
from gitmodelstore.errors import RefusedPickle, StoreError
from gitmodelstore.pickles.load import load_file
from gitmodelstore.values.tables import Paint

# Escape sequences, C0, DEL, C1, right to left, nothing to be seen, a mark for byte order.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\b\r\x7f\x9b31m\x85\u202e\u2066\u200b\u200d\ufeff\u2028"
MODULE = f"""
import warnings

from sklearn.base import BaseEstimator


class Talker(BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return X[:, 0]

    def __setstate__(self, state):
        warnings.warn("a word {HOSTILE.encode("unicode_escape").decode()}")
        self.__dict__.update(state)
"""


def assert_plain(text: str) -> None:
    assert {c for c in text if not c.isprintable() and c not in "\n\t"} == set(), ascii(text)


def test_what_is_printed_is_spelled_out_but_our_colours_stay():
    red = Paint(True).red(f"a{HOSTILE}")

    assert shown(f"{red}\x1b[1mb\n") == ("\x1b[1;31ma" + shown(HOSTILE) + "\x1b[m\\x1b[1mb\n")
    assert_plain(shown(HOSTILE))
    assert shown(f"{Paint(False).red('x')}é 界\t…\n") == "xé 界\t…\n"


def test_an_error_holds_none():
    error = StoreError(f"'{HOSTILE}' is wrong\n  line", hint=f"type {HOSTILE}")

    for text in (str(error), error.hint, *error.__notes__):
        assert_plain(text)
    assert str(error).endswith(" is wrong\n  line")


class TestRelease:
    """What scikit-learn would warn with: the release that a file says has written it."""

    @pytest.fixture
    def file(self, place: Path) -> Path:
        class Scaler(StandardScaler):
            def __getstate__(self):
                return {**super().__getstate__(), "_sklearn_version": f"1.0{HOSTILE}"}

        Scaler.__module__, Scaler.__qualname__ = "sklearn.preprocessing._data", "StandardScaler"
        scaler = Scaler().fit(np.eye(2))
        module = sys.modules["sklearn.preprocessing._data"]
        module.StandardScaler, before = Scaler, module.StandardScaler
        try:
            joblib.dump(scaler, place / "release.joblib")
        finally:
            module.StandardScaler = before
        return place / "release.joblib"

    def test_it_must_be_a_number(self, file):
        with pytest.raises(RefusedPickle) as caught:
            load_file(file)

        assert str(caught.value).startswith(
            "'release.joblib' is refused: the release of scikit-learn that it gives is not a "
            "number (BUILD at byte "
        )

    @pytest.mark.parametrize("typed", ["inspect", "register churn", "--json inspect"])
    def test_it_reaches_no_screen(self, gms, file, typed, capsys):
        found = gms(*typed.split(), str(file))
        main(["textconv", str(file)])

        assert_plain(found.stdout + found.stderr + "".join(capsys.readouterr()))


def test_a_warning_of_the_users_package_is_spelled_out(program, place):
    (place / "talk.py").write_text(MODULE)
    sys.path.insert(0, str(place))
    try:
        from talk import Talker
    finally:
        sys.path.remove(str(place))
    joblib.dump(Talker().fit(np.eye(2)), place / "talker.joblib")
    sys.modules.pop("talk")
    python = os.pathsep.join([str(Path(__file__).parents[2]), str(place)])

    found = program(
        *("-C", "models", "register", "talker", "talker.joblib", "--trust", "talk"),
        PYTHONPATH=python,
    )

    assert found.code == 0, found.stderr
    assert_plain(found.stdout + found.stderr)


@pytest.fixture
def spoilt(place: Path, git) -> Path:
    """A store in which plain git has said it wherever git lets anybody say something."""
    store = place / "models"
    who = "E\x1b[2Jv\x9be\u202e <e\x7fve@\u200bexample.org>"
    identity = {"GIT_AUTHOR_NAME": who, "GIT_COMMITTER_NAME": who}
    text = (store / "registry.json").read_text()
    (store / "registry.json").write_text(text.replace('"staging"', '"archived"'))
    subprocess.run(
        ["git", "commit", "-qam", f"by {HOSTILE}\n\nEvent: archived\nReason: {HOSTILE}\n"],
        cwd=store,
        env={**os.environ, **identity},
        check=True,
    )
    git("tag", "-a", "fraud@v2.0.0-\u202e\u200b\x9b", "-m", HOSTILE)
    git("branch", "side\u202e\u200b\x9b")
    (store / f"a{HOSTILE}").write_text("x")
    (store / "models" / "fraud" / f"b{HOSTILE}").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "hostile names")
    return store


@pytest.mark.parametrize("colour", ["never", "always"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    "args",
    [
        *(["list"], ["list", "fraud"], ["log"], ["log", "--oneline"], ["show", "fraud@1.0.0"]),
        *(["which", "fraud"], ["validate"], ["doctor"], ["verify", "--all"], ["search", "true"]),
        *(["audit", "fraud", "-o", "a.zip"], ["show", f"fraud@{HOSTILE}"], [HOSTILE]),
        *(["inspect", f"./{HOSTILE}.joblib"], ["register", "fraud", f"./{HOSTILE}.joblib"]),
        *(["list", f"--{HOSTILE}"], ["promote", "fraud@1.0.0", HOSTILE], ["diff", "a", HOSTILE]),
        *(["trust", "add", HOSTILE], ["get", "fraud@1.0.0", "-o", f"./{HOSTILE}"]),
    ],
    ids=lambda args: " ".join(args[:2]).encode("ascii", "replace").decode()[:20],
)
def test_no_command_shows_it(spoilt, git, args, form, colour, capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR")
    git("config", "color.ui", colour)
    capsys.readouterr()

    main([*form, "-C", "models", *args])

    found = capsys.readouterr()
    without_ours = (found.out + found.err).replace("\x1b[m", "")
    for code in ("1", "1;31", "2", "31", "32", "33", "36"):
        without_ours = without_ours.replace(f"\x1b[{code}m", "")
    assert_plain(without_ours)
    if form and found.out:
        json.loads(found.out)


def test_no_hook_shows_it(spoilt, git):
    new, zero = git("rev-parse", "HEAD"), "0" * 40
    for name, given in (
        ("pre-receive", f"{zero} {new} refs/heads/{HOSTILE}\n"),
        ("pre-receive", f"{zero} {new} refs/heads/main\n"),
        ("pre-commit", ""),
        ("pre-push", f"refs/heads/main {new} refs/heads/main {zero}\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "gitmodelstore.cli.main", "hook", "run", name, "origin", "url"],
            cwd=spoilt,
            input=given.encode("utf-8", "surrogateescape"),
            capture_output=True,
        )
        assert_plain((done.stderr + done.stdout).decode())


def test_what_the_library_notifies_of_is_spelled_out(place):
    told: list[str] = []
    store = Store.open(place / "models", notify=told.append)

    store._notify(HOSTILE)

    assert_plain(told[0])
