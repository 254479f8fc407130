"""What people fit with these packages loads without a trust list, and goes through a store."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from typing import Any

import catboost
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.errors import GateNotPassed, RefusedPickle, UnportablePipeline
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import OF_PACKAGES, listed
from gitmodelstore.plumbing.large_files import Verdicts
from tests.packages.make_table import TABLE, table
from tests.packages.zoo import FAMILIES, binary, specimens, visits
from tests.zoo import answers, difference
from tests.zoo.make_rights import needs_of
from tests.zoo.specimen import dumped

pytestmark = pytest.mark.filterwarnings("ignore")  # each package has its own

ZOO = {specimen.name: specimen for specimen in specimens()}
SILENT = {
    "feature-engine-time-ordinal": "its get_params fails once it is fitted",
    "optbinning-scorecard-numbers": "its predict_proba is there and fails",
    "xgboost-linear": "its apply is there and fails",
}


@functools.cache
def fitted(name: str) -> Any:
    return ZOO[name].fit()


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Sums of several threads differ in the last bit."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("packages") / "store"
    Store.init(path)
    return Store.open(path, durable=False, cache=False)


@pytest.mark.parametrize("name", ZOO)
def test_it_loads_without_a_trust_list_and_answers_the_same(name, tmp_path):
    model, rows = fitted(name), ZOO[name].rows
    data = dumped(model)
    reader = Reader(verdicts=Verdicts(tmp_path))

    assert walk(data).refusals == ()
    for _ in range(2):  # walked, then read by what was noted
        loaded = load(data, name=name, reader=reader)
        if name not in SILENT:
            assert difference(answers(model, rows), answers(loaded, rows)) is None


@pytest.mark.parametrize("name", [name for name in ZOO if name.startswith("lightgbm-")])
def test_a_deep_copy_loads_too(name):
    """It, and a model read from LightGBM's own file, has every param in it, the unused ones too."""
    data = dumped(copy.deepcopy(fitted(name)))

    assert walk(data).refusals == ()
    assert (
        difference(
            answers(fitted(name), ZOO[name].rows), answers(load(data, name=name), ZOO[name].rows)
        )
        is None
    )


@pytest.mark.parametrize("name", [name for name in ZOO if name != "feature-engine-time-ordinal"])
def test_it_goes_through_a_store(name, store, capsys):
    pipeline, model = fitted(name), name.lower()

    version = store.register(pipeline, model, X_test=ZOO[name].rows, code=None)

    ref = f"{model}@{version.version}"
    assert type(store.load(version)) is type(pipeline)
    assert store.verify(ref, replay=True).is_sound
    if name != "lightgbm-seeded":  # it draws from its RandomState whenever it answers
        assert store.diff(version, ZOO[name].fit(), code=None).params == ()
    assert main(["-C", str(store.path), "inspect", ref]) == 0
    assert type(pipeline).__name__ in capsys.readouterr().out


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    "name",
    [
        *("lightgbm-categories", "xgboost-classifier", "catboost-text", "imblearn-SMOTE"),
        *("category-encoders-TargetEncoder", "feature-engine-piped", "skrub-joined"),
        *("skrub-table", "optbinning-piped"),
    ],
)
def test_every_protocol_is_read(name, protocol):
    data = dumped(fitted(name), protocol=protocol, compress=protocol % 2)

    assert walk(data).refusals == ()
    assert type(load(data, name=name)) is type(fitted(name))


def test_each_package_has_its_specimens():
    assert {name for name, family in FAMILIES.items() if len(list(family())) < 12} == set()


def test_the_table_is_what_these_releases_have():
    assert json.loads(TABLE.read_text())["packages"] == table()


@pytest.mark.parametrize("name", ZOO)
def test_nothing_of_a_package_may_do_more_than_it_needs(name):
    for (module, label), needed in needs_of(dumped(fitted(name))).items():
        rights = listed(module, label)
        if rights is OF_PACKAGES:
            assert needed <= OF_PACKAGES.allowed, (module, label)


def test_params_are_compared_with_the_defaults_that_xgboost_hands_on(store):
    version = store.register(fitted("xgboost-classifier"), "defaults", code=None)

    assert set(store.show(version).pipeline.tuned) == {"max_depth", "n_estimators", "n_jobs"}


TEXT = "catboost.core.CatBoostClassifier"


@functools.cache
def of_text() -> Any:
    """Return a model whose dictionaries nobody looks at."""
    model = catboost.CatBoostClassifier(iterations=2, text_features=["note"], verbose=False)
    rows = visits()[["age", "note"]]
    return model.set_params(allow_writing_files=False).fit(rows, binary())


@pytest.mark.parametrize("way", ["object", "file", "unrun", "piped", "folder"])
def test_a_model_that_is_not_looked_at_says_whom_to_trust_wherever_it_comes_from(
    way, store, tmp_path
):
    model = make_pipeline("passthrough", of_text()) if way == "piped" else of_text()
    telling = Store.open(store.path, trusted=[TEXT], durable=False, cache=False)
    file = tmp_path / "text.joblib"
    file.write_bytes(dumped(model))
    if way == "folder":
        folder = telling.download(telling.register(model, "text", code=None), tmp_path / "got")
        version = store.register_folder(folder, "text", bump="minor")
    elif way in ("file", "unrun"):
        version = telling.register(file, "text", run=way == "file", code=None)
    else:
        version = store.register(model, "text", code=None)

    assert version.needs_trust == store.needs_trust(version) == (TEXT,)
    assert type(telling.load(version)) is type(model)
    with pytest.raises(RefusedPickle) as refused:
        store.load(version)
    assert refused.value.needs_trust == (TEXT,)


def test_inspect_names_it_until_it_is_trusted(store, capsys):
    ref = str(store.register(of_text(), "inspected", code=None).ref)
    inspect = ["-C", str(store.path), "inspect", ref]

    assert main(inspect) == 1
    said = " ".join(capsys.readouterr().out.split())  # lines are folded
    assert "it holds a CatBoost model of text or embeddings" in said
    assert "holds what is not known" not in said
    assert f"if you do: gms trust add {TEXT}" in said
    assert main([*inspect, "--trust", TEXT]) == 0


@pytest.mark.parametrize("is_old", [False, True])
def test_a_model_that_does_not_load_here_does_not_come_to_production(is_old, store, monkeypatch):
    if is_old:  # as it was registered before anybody looked
        monkeypatch.setattr("gitmodelstore.pickles.load.refuse_unloadable", lambda *_: ())
    version = store.register(of_text(), "promoted", code=None)
    assert store.needs_trust(version) == (() if is_old else (TEXT,))

    with pytest.raises(GateNotPassed) as refused:
        store.promote(version, "production")

    assert f"`gms trust add {TEXT}`" in refused.value.hint
    Store.open(store.path, trusted=[TEXT], durable=False).promote(version, "production")


@pytest.mark.parametrize("name", ["lightgbm-classifier", "xgboost-classifier"])
def test_a_model_that_native_code_could_not_follow_is_not_registered(name, store):
    model = copy.deepcopy(fitted(name))
    model.set_params = np.abs

    with pytest.raises(UnportablePipeline, match="sets 'set_params' on"):
        store.register(model, "refused", code=None)
