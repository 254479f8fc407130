"""What is registered can be loaded: by whoever trusts exactly what the version says."""

from __future__ import annotations

import functools
import importlib
import math
import operator
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import LSQUnivariateSpline
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.errors import GateNotPassed, LoadError, RefusedPickle, UnportablePipeline
from gitmodelstore.operations import load as loading
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.fast_load import find_known
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import Trust, acts
from gitmodelstore.pickles.summary import absent

from . import children
from .looks import refusal

OWN = """
import re
from collections import namedtuple
from dataclasses import dataclass
from enum import Enum

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler

def twice(X):
    return np.asarray(X) * 2

def scaled(X, factor=1):
    return np.asarray(X) * factor

def names(transformer, columns):
    return [f"x{index}" for index in range(len(columns))]

def words(text):
    return text.split("-")

def outer():
    def inner(X):
        return X
    return inner

class Rates:
    def apply(self, X):
        return X

    @classmethod
    def of(cls, X):
        return X

    @staticmethod
    def halved(X):
        return np.asarray(X) / 2

class Holder(TransformerMixin, BaseEstimator):
    def __init__(self, value=None):
        self.value = value

    def fit(self, X, y=None):
        self.done_ = True
        return self

    def transform(self, X):
        return X

class Scaler(StandardScaler):
    pass

class Colour(Enum):
    RED = 1

Point = namedtuple("Point", "x y")

@dataclass(frozen=True, slots=True)
class Range:
    low: int

class Slots:
    __slots__ = ("a",)
    def __init__(self):
        self.a = 1

def rebuilt(n):
    return Reduced(n)

class Reduced:
    def __init__(self, n):
        self.n = n
    def __reduce__(self):
        return rebuilt, (self.n,)

class Named:
    def __new__(cls, *, a):
        made = object.__new__(cls)
        made.a = a
        return made
    def __getnewargs_ex__(self):
        return (), {"a": self.a}

class Many(list):
    pass

class Table(dict):
    def __setitem__(self, key, value):
        super().__setitem__(key, value)

class Euros(float):
    pass

class Outer:
    class Inner:
        pass

class Odd:
    def __getstate__(self):
        return {1, 2}
    def __setstate__(self, state):
        self.state = state

class Licensed:
    def __getstate__(self):
        return {"key": 1}
    def __setstate__(self, state):
        raise RuntimeError("no licence for this machine")
"""

X = np.arange(1.0, 17.0).reshape(8, 2)
y = np.array([0, 1] * 4)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module of a team's, on the disk as theirs is."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "ownnames.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("ownnames")
    sys.path.remove(str(folder))
    del sys.modules["ownnames"]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf") / "models"


@pytest.fixture
def store(shelf: Path) -> Store:
    Store.init(shelf)
    return Store.open(shelf, durable=False, cache=False)


def fitted(step: Any) -> Any:
    return make_pipeline(step, LogisticRegression()).fit(X, y)


def file_of(pipeline: Any, folder: Path) -> bytes:
    joblib.dump(pipeline, folder / "file.joblib")
    return (folder / "file.joblib").read_bytes()


def verdicts(data: bytes, *trusted: str) -> tuple[bool, bool]:
    """Return whether `gms inspect` and `load` take a file of one who trusts these names."""
    trust = Trust.of(trusted)
    dry = walk(data, trust=trust)
    seen = not dry.refusals and not list(absent(dry))
    try:
        load(data, name="file.joblib", reader=Reader(trust))
    except LoadError:
        return seen, False
    return seen, True


def holding(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What makes a step that holds what is made."""
    return lambda own: own.Holder(make(own))


# What a pipeline holds, and the names of the module that its readers must trust.
KINDS: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "a function": (lambda own: FunctionTransformer(own.twice), ["twice"]),
    "functions in two places": (
        lambda own: FunctionTransformer(own.twice, feature_names_out=own.names),
        ["names", "twice"],
    ),
    "a partial": (
        lambda own: FunctionTransformer(functools.partial(own.scaled, factor=2)),
        ["scaled"],
    ),
    "keywords": (lambda own: FunctionTransformer(own.scaled, kw_args={"factor": 2}), ["scaled"]),
    "a static method": (lambda own: FunctionTransformer(own.Rates.halved), ["Rates.halved"]),
    "a class": (lambda own: own.Scaler(), ["Scaler"]),
    "both": (
        lambda own: make_pipeline(own.Holder(), FunctionTransformer(own.twice)),
        ["Holder", "twice"],
    ),
    **{
        name: (holding(make), ["Holder", name])
        for name, make in {
            "Rates": lambda own: own.Rates,
            "twice": lambda own: {"a": own.twice},
            "rebuilt": lambda own: own.Reduced(2),
            "Colour": lambda own: {own.Colour.RED: [own.Colour.RED]},
            "Point": lambda own: own.Point(1, 2),
            "Range": lambda own: {own.Range(1): 2},
            "Slots": lambda own: own.Slots(),
            "Named": lambda own: own.Named(a=1),
            "Many": lambda own: own.Many([1, 2]),
            "Table": lambda own: own.Table({"a": 1}),
            "Euros": lambda own: own.Euros(2),
            "Outer.Inner": lambda own: own.Outer.Inner(),
            "Odd": lambda own: own.Odd(),
        }.items()
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_registered_loads_for_one_who_trusts_what_it_says(store, own, tmp_path, kind):
    make, needed = KINDS[kind]
    names = tuple(f"ownnames.{name}" for name in needed)
    pipeline = fitted(make(own))

    version = store.register(pipeline, "churn", code=None)

    assert set(version.needs_trust) >= set(names)
    assert store.needs_trust(version.ref) == version.needs_trust
    reading = Store.open(store.path, trusted=version.needs_trust)
    for _ in ("guarded", "by the verdict"):
        assert (reading.load(version).predict(X) == pipeline.predict(X)).all()
    with pytest.raises(RefusedPickle) as caught:
        store.load(version)
    assert set(caught.value.needs_trust) == set(version.needs_trust)
    assert f"`gms trust add {' '.join(caught.value.needs_trust)}`" in caught.value.hint
    data = file_of(pipeline, tmp_path)
    for trusted in ([], ["ownnames"], list(version.needs_trust)):
        seen, loaded = verdicts(data, *trusted)
        assert seen == loaded, trusted
    assert loaded


@pytest.mark.parametrize(
    "pipeline",
    [
        lambda own: CountVectorizer(analyzer=own.words).fit(["a-b", "c-d"]),
        lambda own: CountVectorizer(tokenizer=functools.partial(own.words), token_pattern=None).fit(
            ["a-b", "c-d"]
        ),
        lambda own: KNeighborsClassifier(weights=own.twice).fit(X, y),
    ],
)
def test_a_trusted_function_may_stand_wherever_scikit_learn_calls_one(store, own, pipeline):
    version = store.register(pipeline(own), "words", code=None)

    assert len(version.needs_trust) == 1
    assert Store.open(store.path, trusted=version.needs_trust).load(version) is not None


def test_a_package_never_stands_for_its_functions(store, own):
    version = store.register(fitted(FunctionTransformer(own.twice)), "churn", code=None)

    kind, said, hint = refusal(Store.open(store.path, trusted=["ownnames"]).load, version)

    assert kind is RefusedPickle
    assert "'ownnames.twice' is not a class, and trust in a package covers only its classes" in said
    assert hint == (
        "if you trust it: trusted=['ownnames', 'ownnames.twice'] in Python, or "
        "`gms trust add ownnames.twice`; `gms inspect` shows the file without running it"
    )


def test_what_needs_nobodys_trust_says_so(store):
    version = store.register(fitted(FunctionTransformer(np.log1p)), "churn", code=None)

    assert version.needs_trust == store.needs_trust(version) == ()


NAME_IT = "use a named function of a module that readers can import, such as features.py"
CALL_IT = (
    "call it in a function of a module that readers can import, such as features.py, and give "
    "that function"
)
STEP, VALUE = "param 'func' of step 'functiontransformer'", "param 'value' of step 'holder'"
LOCAL = "ownnames.outer.<locals>.inner"
REFUSED = {  # what no reader could load: what is said of it, and what to do
    f"{STEP} is a lambda": (lambda own: FunctionTransformer(lambda X: X), NAME_IT),
    f"{STEP} is the local function '{LOCAL}'": (
        lambda own: FunctionTransformer(own.outer()),
        NAME_IT,
    ),
    f"{STEP} is the method 'apply' of an object of class 'ownnames.Rates'": (
        lambda own: FunctionTransformer(own.Rates().apply),
        NAME_IT,
    ),
    f"{STEP} is the method 'of' of 'ownnames.Rates'": (
        lambda own: FunctionTransformer(own.Rates.of),
        NAME_IT,
    ),
    f"{VALUE} is the method 'zfill' of 'builtins.str'": (
        lambda own: own.Holder(str.zfill),
        NAME_IT,
    ),
    **{
        f"{VALUE} {what}, which no reader can trust": (
            lambda own, value=value: own.Holder(value),
            CALL_IT,
        )
        for what, value in {
            "holds 'builtins.max'": functools.partial(max),
            "is 'pandas.read_csv'": pd.read_csv,
            "holds 'posix.system'": [os.system],
            "is an object of 'operator.attrgetter'": operator.attrgetter("a"),
        }.items()
    },
    "no reader could load this pipeline: 'feature_names_out' of a FunctionTransformer "
    "holds something callable": (
        lambda own: FunctionTransformer(np.abs, feature_names_out=np.abs),
        None,
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_nobody_could_load_is_refused_before_it_is_kept(store, own, said):
    step, hint = REFUSED[said]

    assert refusal(store.register, fitted(step(own)), "refused", code=None) == (
        *(UnportablePipeline, said, hint),
    )
    assert "refused" not in [model.model for model in store.models()]


def test_what_a_class_raises_when_it_is_read_again_is_said_as_its_own(store, own):
    with pytest.raises(
        LoadError, match="again: RuntimeError: no licence for this machine"
    ) as caught:
        store.register(fitted(own.Holder(own.Licensed())), "churn", code=None)

    assert isinstance(caught.value.__cause__, RuntimeError)


def test_functions_of_general_packages_are_trusted_one_by_one(store, own):
    version = store.register(fitted(own.Holder([np.diff, math.log1p])), "churn", code=None)

    assert version.needs_trust == ("math.log1p", "numpy.diff", "ownnames.Holder")
    assert Store.open(store.path, trusted=version.needs_trust).load(version) is not None


def test_a_name_that_is_something_else_here_is_refused(own, tmp_path):
    data = file_of(fitted(FunctionTransformer(own.twice)), tmp_path)
    stranger = ModuleType("stranger")
    stranger.twice, stranger.path = own.twice, os  # type: ignore[attr-defined]
    sys.modules["stranger"] = stranger
    renamed = data.replace(b"ownnames", b"stranger")

    with pytest.raises(RefusedPickle, match=r"is defined elsewhere, as 'ownnames\.twice'"):
        load(renamed, name="f", reader=Reader(Trust.of(["stranger.twice"])))
    for name in ("path", "path.sys.path.append", "twice.__globals__.get"):
        trusted = Reader(Trust.of([f"stranger.{name}"]))
        with pytest.raises(
            RefusedPickle, match=rf"'stranger\.{name}' is not a class or a function"
        ):
            load(
                f"\x80\x04\x8c\x08stranger\x8c{chr(len(name))}{name}\x93.".encode("latin-1"),
                name="f",
                reader=trusted,
            )
    del sys.modules["stranger"]


@pytest.mark.parametrize(
    "name",
    [
        *("uuid._get_command_stdout", "uuid.getnode", "numpy.core._ufunc_reconstruct"),
        *("scipy.optimize._nonlin._nonlin_wrapper", "numpy.lib.stride_tricks.as_strided"),
        *("sklearn.tree._export.export_graphviz", "sklearn.utils.discovery.all_estimators"),
        *("sklearn.utils._set_output.check_library_installed", "numpy.lib.add_newdoc"),
    ],
)
def test_what_runs_imports_or_writes_at_a_word_is_nobodys_to_trust(name):
    assert acts(name)
    assert not Trust.of([name]).names_exactly(*name.rsplit(".", 1))


@pytest.fixture
def curve() -> Any:
    """A pipeline that holds an object of scipy's whose state only a load can judge."""
    pipeline = fitted(StandardScaler())
    pipeline[0].curve_ = LSQUnivariateSpline(range(9), range(9), [4])
    return pipeline


@pytest.fixture
def curved(store, curve):
    return store.register(curve, "curved", code=None)


CURVE = "scipy.interpolate._fitpack2.LSQUnivariateSpline"


def test_what_only_a_load_wants_trusted_is_recorded_when_it_is_registered(store, curved):
    assert curved.needs_trust == store.needs_trust(curved) == (CURVE,)
    assert Store.open(store.path, trusted=[CURVE]).load(curved) is not None
    with pytest.raises(RefusedPickle) as caught:
        store.load(curved)
    assert caught.value.needs_trust == (CURVE,)


def test_what_only_a_load_wants_trusted_is_recorded_of_a_file_and_a_folder_too(
    store, curve, tmp_path
):
    joblib.dump(curve, tmp_path / "curved.joblib")
    trusting = Store.open(store.path, trusted=[CURVE])

    version = trusting.register(tmp_path / "curved.joblib", "curved", code=None)
    folder = trusting.download(version, tmp_path / "folder")
    again = trusting.register_folder(folder, "again", version="2.0.0", run=True)

    assert version.needs_trust == again.needs_trust == (CURVE,)


def test_what_is_recorded_is_told_where_nothing_is_run(store, curved, capsys):
    inspect = ["-C", str(store.path), "inspect", str(curved.ref)]

    assert main(inspect) == 1
    said = " ".join(capsys.readouterr().out.split())  # lines are folded
    assert f"'{CURVE}' holds what is not known" in said
    assert f"if you do: gms trust add {CURVE}" in said
    assert main([*inspect, "--trust", CURVE]) == 0


def test_what_only_a_load_wants_trusted_does_not_come_to_production(store, curved):
    with pytest.raises(GateNotPassed) as caught:
        store.promote(curved, "production")

    assert f"`gms trust add {CURVE}`" in caught.value.hint
    Store.open(store.path, trusted=[CURVE]).promote(curved, "production")


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), RandomForestClassifier(3)])
def test_an_estimator_whose_parts_do_not_fit_each_other_is_refused(store, model):
    model = clone(model).fit(X, y)
    tree = getattr(model, "estimators_", [model])[-1]
    tree.tree_ = DecisionTreeClassifier().fit(X[:, :1], y).tree_

    with pytest.raises(UnportablePipeline, match="'tree_' of a DecisionTreeClassifier does not"):
        store.register(model, "refused", code=None)


class TestProduction:
    """Nothing comes to an exclusive status that does not load where it is promoted."""

    @pytest.fixture
    def twice(self, tmp_path, own) -> Store:
        store = Store.init(tmp_path / "models")
        version = store.register(fitted(FunctionTransformer(own.twice)), "churn", code=None)
        assert version.needs_trust == ("ownnames.twice",)
        return store

    def test_what_is_not_trusted_here_does_not_come_there(self, twice):
        with pytest.raises(GateNotPassed) as caught:
            twice.promote("churn@1.0.0", "production")

        assert caught.value.summary == "churn 1.0.0 may not be moved to production"
        (line,) = caught.value.conditions
        assert line.startswith(
            "failed: does not load here: 'models/churn/pipeline.joblib of churn 1.0.0' is refused: "
            "it uses 'ownnames.twice', which is not part of a pipeline"
        )
        assert caught.value.hint == (
            "if you trust it: trusted=['ownnames.twice'] in Python, or "
            "`gms trust add ownnames.twice`; `gms inspect` shows the file without running it, or "
            "override it: gms promote churn@1.0.0 production --force --reason TEXT"
        )
        assert twice.version("churn@1.0.0").status == "registered"

    def test_other_statuses_ask_for_no_load(self, twice):
        (event,) = twice.promote("churn@1.0.0", "staging")

        assert event.after == "staging"

    def test_an_override_is_recorded(self, twice):
        told: list[str] = []
        telling = Store.open(twice.path, notify=told.append)

        (event,) = telling.promote("churn@1.0.0", "production", force=True, reason="serves there")

        assert event.override == "serves there"
        assert told[0].startswith("overridden: churn 1.0.0: does not load here: ")
        assert not twice.validate()

    def test_an_override_that_nobody_needed_is_none(self, twice):
        trusting = Store.open(twice.path, trusted=["ownnames.twice"])

        (event,) = trusting.promote("churn@1.0.0", "production", force=True, reason="who knows")

        assert event.override is None

    def test_a_gate_that_lets_nobody_override_holds_here_too(self, twice, git):
        (twice.path / "modelstore.toml").write_text(
            'schema = "1.0"\n[gates.production]\nfrom = ["registered"]\noverride = false\n'
        )
        git(twice.path, "commit", "-qam", "settings")

        with pytest.raises(GateNotPassed, match="does not pass the gate of production"):
            twice.promote("churn@1.0.0", "production", force=True, reason="serves there")

    def test_what_is_trusted_comes_there_loads_and_comes_back(self, twice, own):
        trusting = Store.open(twice.path, trusted=["ownnames.twice"])
        trusting.register(fitted(own.Scaler()), "churn", code=None)
        trusting.promote("churn@1.0.0", "production")
        with pytest.raises(GateNotPassed):  # it needs another name
            trusting.promote("churn@1.1.0", "production")
        both = Store.open(twice.path, trusted=["ownnames.twice", "ownnames.Scaler"])
        both.promote("churn@1.1.0", "production")

        assert {str(one.version): one.after for one in both.rollback("churn", reason="drift")} == {
            "1.0.0": "production",
            "1.1.0": "withdrawn",
        }
        assert both.load("churn@production").predict(X).shape == (8,)

    def test_a_module_that_is_not_here_is_named(self, twice, own, monkeypatch):
        trusting = Store.open(twice.path, trusted=["ownnames.twice"])
        trusting.load("churn@1.0.0")  # so that a verdict is there
        monkeypatch.delitem(sys.modules, "ownnames")
        monkeypatch.setattr(sys, "path", [p for p in sys.path if "team" not in p])
        find_known.cache_clear()

        with pytest.raises(GateNotPassed, match="needs module 'ownnames', which is not installed"):
            Store.open(twice.path, trusted=["ownnames.twice"]).promote("churn@1.0.0", "production")

    @pytest.mark.parametrize("how", ["file", "folder"])
    def test_numbers_that_do_not_agree_are_found_though_nothing_was_run(self, how, tmp_path):
        tree = DecisionTreeClassifier().fit(X, y)
        tree.tree_ = DecisionTreeClassifier().fit(X[:, :1], y).tree_
        (tmp_path / "sent").mkdir()
        joblib.dump(tree, tmp_path / "sent" / "pipeline.joblib")
        store = Store.init(tmp_path / "models")
        if how == "file":
            path = tmp_path / "sent" / "pipeline.joblib"
            store.register(path, "churn", code=None, run=False)
        else:
            store.register_folder(tmp_path / "sent", "churn", accept_changes=True)

        with pytest.raises(GateNotPassed) as caught:
            store.promote("churn@1.0.0", "production")

        (line,) = caught.value.conditions
        assert "does not load here" in line
        assert "'tree_' of a DecisionTreeClassifier does not" in line

    def test_one_that_was_seen_before_is_not_read_again(self, tmp_path, monkeypatch):
        store = Store.init(tmp_path / "models")
        for _ in range(2):
            store.register(fitted(FunctionTransformer(np.log1p)), "churn", code=None)
        for number in ("1.0.0", "1.0.1"):
            store.promote(f"churn@{number}", "production")
        read: list[str] = []
        monkeypatch.setattr(loading, "read_verified", lambda *asked: read.append(asked[2]))

        Store.open(store.path).promote("churn@1.0.0", "production")

        assert read == []


LIFE = """
import joblib, numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from ownnames import Scaler, twice

X = pd.DataFrame(np.arange(1.0, 41.0).reshape(20, 2), columns=["p", "q"])
for name, strength in (("a", 1.0), ("b", 2.0)):
    steps = Scaler(), FunctionTransformer(twice), LogisticRegression(C=strength)
    joblib.dump(make_pipeline(*steps).fit(X, [0, 1] * 10), f"{name}.joblib")
X.to_csv("rows.csv", index=False)
"""
BOTH = "ownnames.Scaler, ownnames.twice"
STEPS = [  # what is typed, how it exits, and what is said
    ("init models", 0),
    ("register churn a.joblib", 1, "`gms trust add ownnames.Scaler ownnames.twice`"),
    ("trust add ownnames", 0),  # the classes, never the function
    (
        "register churn a.joblib",
        *(1, "trust in a package covers only its classes", "`gms trust add ownnames.twice`"),
    ),
    ("inspect a.joblib", 1, "gms trust add ownnames.twice\n"),
    ("trust add ownnames.twice", 0),
    ("inspect a.joblib", 0),
    ("register churn a.joblib --sample-from rows.csv", 0, f"readers must trust: {BOTH}"),
    ("register churn b.joblib --sample-from rows.csv", 0, f"readers must trust: {BOTH}"),
    ("show churn@1.0.0", 0, f"needs trust  {BOTH}"),
    ("trust remove ownnames.twice", 0),
    ("promote churn@1.0.0 production", 1, "`gms trust add ownnames.twice`"),
    ("trust add ownnames.twice", 0),
    ("promote churn@1.0.0 production", 0),
    ("promote churn@1.1.0 production", 0),
    ("verify churn@production --replay", 0, "answers identical"),
    ("rollback churn --reason drift", 0),
]


@pytest.mark.long
def test_the_whole_life_of_a_function_by_commands(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")  # so that no sentence is folded
    monkeypatch.setenv("GITMODELSTORE", str(tmp_path / "models"))
    (tmp_path / "ownnames.py").write_text(OWN)
    assert children.python("-c", LIFE, cwd=tmp_path).returncode == 0

    for typed, code, *texts in STEPS:
        words = [*typed.split(), *(["--no-code"] if typed.startswith("register") else [])]
        done = children.python("-m", "gitmodelstore", *words, cwd=tmp_path)
        assert done.returncode == code, (typed, done)
        assert all(text in done.stdout + done.stderr for text in texts), (typed, done)
