"""What holds of the packages where none of them is installed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore.errors import LoadError
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import load
from gitmodelstore.pickles.native import is_whole_lightgbm
from gitmodelstore.pickles.rights import (
    OF_PACKAGES,
    is_estimator_of_package,
    listed,
    packages,
    to_install,
)

from .conftest import MISSING
from .make_table import EXCLUDED, INDEX

# A file that holds nothing but an object of a class: PROTO, GLOBAL, EMPTY_TUPLE, NEWOBJ,
# EMPTY_DICT, BUILD, STOP.
FILE = b"\x80\x04c%s\n%s\n)\x81}b."
FIRST = {
    "catboost": ("catboost.core", "CatBoostClassifier"),
    "category_encoders": ("category_encoders.target_encoder", "TargetEncoder"),
    "feature_engine": ("feature_engine.encoding.mean_encoding", "MeanEncoder"),
    "imblearn": ("imblearn.pipeline", "Pipeline"),
    "lightgbm": ("lightgbm.sklearn", "LGBMClassifier"),
    "optbinning": ("optbinning.binning.binning_process", "BinningProcess"),
    "skrub": ("skrub._table_vectorizer", "TableVectorizer"),
    "xgboost": ("xgboost.sklearn", "XGBClassifier"),
}


def test_each_package_has_its_classes_and_what_installs_it():
    assert packages() == set(INDEX) == set(FIRST)
    for package, place in FIRST.items():
        assert listed(*place) == OF_PACKAGES
        assert is_estimator_of_package(*place)
        index, version = to_install(package).split("==")
        assert index == INDEX[package]
        pins = Path(__file__).with_name("requirements.txt").read_text().splitlines()
        assert f"{index}=={version}" in [pin.replace("xgboost-cpu", "xgboost") for pin in pins]


def test_estimators_that_do_more_are_not_in_it():
    for name in EXCLUDED:
        assert listed("skrub._llm_encoder", name) is None


@pytest.mark.parametrize("package", MISSING)
def test_a_package_that_is_not_installed_is_asked_for_by_name(package):
    module, name = FIRST[package]

    with pytest.raises(LoadError) as caught:
        load(FILE % (module.encode(), name.encode()), name="pipeline.joblib")

    assert str(caught.value) == f"'pipeline.joblib' needs '{package}', which is not installed here"
    assert caught.value.hint == (
        f"run `pip install {to_install(package)}`, "
        "or install the release that its requirements.txt names"
    )


@pytest.mark.parametrize("package", FIRST)
def test_the_dry_walk_knows_its_names_without_it(package):
    module, name = FIRST[package]

    assert walk(FILE % (module.encode(), name.encode())).refusals == ()


def test_the_dry_walk_refuses_a_model_that_would_be_taken_for_an_address():
    number = pickle.dumps({"_handle": 4096}, 4)[2:-1]
    data = FILE.replace(b"}b.", b"") % (b"lightgbm.basic", b"Booster") + number + b"b."

    assert "neither text nor bytes" in str(walk(data).refusals)


TREE = """Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
split_gain=4 2
threshold=0.5 0.25
decision_type=2 2
left_child=1 -1
right_child=-2 -3
leaf_value=0.1 0.2 0.3
leaf_weight=4 4 4
leaf_count=4 4 4
internal_value=0 0
internal_weight=8 4
internal_count=12 8
is_linear=0
shrinkage=1


"""
MODEL = f"""tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
feature_infos=[0:1] [0:1]
tree_sizes={len(TREE)}

{TREE}end of trees

parameters:
[boosting: gbdt]

end of parameters
"""


def test_a_whole_model_of_lightgbm_is_taken():
    assert is_whole_lightgbm(MODEL)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("left_child=1 -1", "left_child=7 -1"),  # leads out of the tree
        ("left_child=1 -1", "left_child=0 -1"),  # leads round
        ("right_child=-2 -3", "right_child=-2 -2"),  # a leaf of two nodes
        ("split_feature=0 1", "split_feature=0 9"),  # a column that there is not
        ("decision_type=2 2", "decision_type=2 1"),  # a set of categories that there is not
        ("leaf_value=0.1 0.2 0.3", "leaf_value=0.1 0.2    "),  # too few
        ("num_leaves=3", "num_leaves=9"),
        ("leaf_value=0.1 0.2 0.3", "leaf_value=0.1 0.2 1e-405"),  # no double
        ("num_class=1", "num_class=3"),
        ("max_feature_idx=1", "max_feature_idx=5"),
        (f"tree_sizes={len(TREE)}", f"tree_sizes={len(TREE) + 1}"),
        ("split_gain=4 2", "split-gain=4 2"),
        ("[boosting: gbdt]", "[boosting"),
        ("end of parameters", "end"),
    ],
)
def test_one_that_native_code_would_lose_its_way_in_is_not(part, other):
    assert part in MODEL
    assert not is_whole_lightgbm(MODEL.replace(part, other))


def test_nothing_of_them_is_imported(tmp_path: Path):
    code = (
        "import io, sys, joblib, gitmodelstore\n"
        "from sklearn.linear_model import Ridge\n"
        "from gitmodelstore.pickles.load import load\n"
        "file = io.BytesIO()\n"
        "joblib.dump(Ridge().fit([[1], [2]], [1, 2]), file)\n"
        "load(file.getvalue(), name='ridge')\n"
        "from gitmodelstore.pickles.rights import packages\n"
        "assert packages().isdisjoint(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
