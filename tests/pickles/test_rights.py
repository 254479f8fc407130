"""Names that the table does not have go by what they are; the number of its rules is raised."""

from __future__ import annotations

import ast
import copy
import hashlib
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.interpolate
import scipy.sparse
import scipy.stats
from scipy.interpolate import BSpline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from gitmodelstore.errors import RefusedPickle
from gitmodelstore.pickles import rights
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import Trust
from gitmodelstore.plumbing.large_files import Verdicts
from tests.zoo import difference
from tests.zoo.specimen import dumped

X = np.random.RandomState(0).normal(size=(60, 2))


@pytest.fixture(autouse=True)
def nothing_remembered():
    from gitmodelstore.pickles.fast_load import find_known
    from gitmodelstore.pickles.rights import kin_of

    yield
    find_known.cache_clear()
    kin_of.cache_clear()


class Curve:
    """A private class of a release to come: what it holds is a spline."""

    def __init__(self, t: Any, c: Any, k: int) -> None:
        self.t, self.c, self.k, self.axis, self.extrapolate = t, c, k, 0, True

    def __call__(self, x: Any, **_: Any) -> Any:
        return BSpline(self.t, self.c, self.k)(x)


def as_of(cls: type, module: str, monkeypatch: pytest.MonkeyPatch) -> type:
    """Let a class stand in a module of a library, as if a release had it there."""
    place = sys.modules.get(module) or types.ModuleType(module)
    monkeypatch.setitem(sys.modules, module, place)
    monkeypatch.setattr(place, cls.__name__, cls, raising=False)
    monkeypatch.setattr(cls, "__module__", module)
    return cls


def keeping(value: Any) -> bytes:
    estimator = StandardScaler().fit(X)
    estimator.kept_ = value
    return dumped(estimator)


def curve(**changes: Any) -> Curve:
    made = Curve(np.arange(11.0), np.ones(7), 3)
    vars(made).update(changes)
    return made


def test_a_private_class_that_holds_a_spline_loads_without_trust(monkeypatch, tmp_path):
    as_of(Curve, "scipy.interpolate._newest", monkeypatch)
    model = SplineTransformer(n_knots=5).fit(X)
    held = [curve(**_parts(spline)) for spline in model.bsplines_]
    expected = model.transform(X)
    model.bsplines_ = held
    data = dumped(model)
    reader = Reader(verdicts=Verdicts(tmp_path))

    for _ in range(2):  # the second time by the unpickler written in C
        found = load(data, name="a.joblib", reader=reader)
        assert difference(found.bsplines_[0].c, held[0].c) is None
        assert np.allclose(found.transform(X), expected)
    assert not walk(data, name="a.joblib").refusals


def _parts(spline: Any) -> dict[str, Any]:
    return {"t": spline.t, "c": spline.c, "k": spline.k}


@pytest.mark.parametrize("module", ["scipy.sparse._newest", "scipy.sparse._csr2"])
def test_a_class_that_moved_is_known_by_its_public_name_and_looked_at(module, monkeypatch):
    cls = scipy.sparse.csr_matrix
    monkeypatch.setattr(cls, "__module__", module)
    place = types.ModuleType(module)
    place.csr_matrix = cls
    monkeypatch.setitem(sys.modules, module, place)
    matrix = cls(np.eye(4))

    assert (load(keeping(matrix), name="a.joblib").kept_ != matrix).nnz == 0
    matrix.indices[0] = 1000
    with pytest.raises(RefusedPickle):
        load(keeping(matrix), name="a.joblib")


HOSTILE = {
    "coefficients that are too few": {"c": np.ones(3)},
    "something to call": {"extrapolate": np.save},
    "an estimator": {"extrapolate": StandardScaler()},
    "a degree that is none": {"k": None},
    "knots of objects": {"t": np.array([None] * 11)},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_what_it_holds_is_looked_at(change, monkeypatch):
    as_of(Curve, "scipy.interpolate._newest", monkeypatch)

    assert load(keeping(curve()), name="a.joblib").kept_.k == 3
    with pytest.raises(RefusedPickle):
        load(keeping(curve(**change)), name="a.joblib")


class Acting(Curve):
    """What does something of its own when it is given a state is no class of data."""

    def __setstate__(self, state: Any) -> None:
        raise SystemExit


class Unknown:
    """What holds none of the shapes that native code of these libraries is known to follow."""

    def __init__(self) -> None:
        self.dataset, self.weights = np.ones((2, 3)), np.ones(300)


@pytest.mark.parametrize(
    ("make", "module"),
    [
        (lambda: Acting(np.arange(11.0), np.ones(7), 3), "scipy.interpolate._newest"),
        (Unknown, "scipy.stats._newest"),
        (curve, "scipy.io._newest"),
        (curve, "numpy.lib._newest"),
        (curve, "pandas.core.computation._newest"),
    ],
    ids=["acting", "unknown", "scipy.io", "numpy.lib", "pandas.core.computation"],
)
def test_other_classes_of_these_libraries_are_refused(make, module, monkeypatch):
    as_of(type(make()), module, monkeypatch)

    with pytest.raises(RefusedPickle):
        load(keeping(make()), name="a.joblib")


def test_a_template_is_looked_at_when_scipy_renames_its_bases(monkeypatch):
    frozen = scipy.stats.uniform(0, 1)
    frozen.dist = copy.copy(frozen.dist)
    frozen.dist._parse_arg_template = "raise SystemExit"
    for cls in type(frozen.dist).__mro__[1:-1]:
        as_of(cls, "scipy.stats._newest", monkeypatch)

    with pytest.raises(RefusedPickle):
        load(keeping(frozen), name="a.joblib")


def test_a_name_is_looked_for_only_where_the_libraries_keep_what_is_private():
    code = (
        "import io, sys; from gitmodelstore.pickles.load import load\n"
        "from gitmodelstore.errors import RefusedPickle\n"
        "for module in ('numpy.f2py.__main__', 'pandas.conftest', 'scipy.io.arff'):\n"
        "    data = b'\\x80\\x04c' + module.encode() + b'\\nabsolute\\n.'\n"
        "    try: load(data, name='a')\n"
        "    except RefusedPickle: assert module not in sys.modules\n"
        "    else: raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_refusal_says_that_this_release_may_be_too_old_and_how_to_trust_the_class(monkeypatch):
    as_of(Unknown, "scipy.stats._newest", monkeypatch)
    data, name = keeping(Unknown()), "scipy.stats._newest.Unknown"

    with pytest.raises(RefusedPickle) as caught:
        load(data, name="a.joblib")
    assert caught.value.hint == (
        f"this release of gitmodelstore may be too old for scipy {scipy.__version__}; meanwhile, "
        f"if you trust it: trusted=['{name}'] in Python, or `gms trust add {name}`; "
        "`gms inspect` shows the file without running it"
    )
    reader = Reader(Trust.of([name]))
    assert load(data, name="a.joblib", reader=reader).kept_.weights.size == 300


# The number of the rules, which cached verdicts bear, is raised when the rules change.


TABLES = ("rights.json", "packages.json")
JUDGES = (
    "rights.py", "guard.py", "opcodes.py", "stand_ins.py", "states.py", "fast_load.py",
    "places.py", "relations.py", "native.py",
)  # fmt: skip
NUMBER, DIGEST = 22, "e4d92669d14386c1"


def _code(node: Any) -> Any:
    """What is written, without docstrings, in a form that is the same in every Python."""
    if isinstance(node, list):
        return [_code(one) for one in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = dict(ast.iter_fields(node))
    if _has_docstring(node):
        parts["body"] = parts["body"][1:]
    kept = {key: _code(part) for key, part in parts.items() if part not in (None, [])}
    return [type(node).__name__, kept]


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node) is not None


def _digest() -> str:
    folder = Path(rights.__file__).parent
    total = hashlib.sha256()
    for name in TABLES:
        total.update(hashlib.sha256((folder / name).read_bytes()).digest())
    for name in JUDGES:
        tree = ast.parse((folder / name).read_text(encoding="utf-8"))
        for node in ast.walk(tree):  # the number itself is no rule
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RULES":
                node.value = ast.Constant(0)
        total.update(hashlib.sha256(repr(_code(tree)).encode()).digest())
    return total.hexdigest()[:16]


def test_the_number_is_raised_when_the_rules_change():
    assert (rights.RULES, _digest()) == (NUMBER, DIGEST), (
        "the rules have changed, and verdicts by the earlier ones are cached: raise RULES in "
        "gitmodelstore/pickles/rights.py, and write number and digest into NUMBER, DIGEST here"
    )
