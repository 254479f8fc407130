"""What people fit with these packages loads without a trust list, and goes through a store."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.rights import OF_PACKAGES, listed
from gitmodelstore.plumbing.caches import Verdicts
from tests.packages.make_table import TABLE, table
from tests.packages.zoo import FAMILIES, specimens
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

    facts = store.show(version).pipeline

    assert set(facts.tuned) == {"max_depth", "n_estimators", "n_jobs"}
