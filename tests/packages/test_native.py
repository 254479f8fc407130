"""Files that want more of these packages than their classes are for: refused before they act."""

from __future__ import annotations

import functools
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import category_encoders
import imblearn.pipeline
import joblib
import lightgbm
import numpy as np
import pytest
import skrub
import skrub.selectors
import xgboost
from feature_engine.creation import MathFeatures
from feature_engine.timeseries.forecasting import WindowFeatures
from imblearn.over_sampling import SMOTE
from optbinning import BinningProcess, Scorecard
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from gitmodelstore.errors import RefusedPickle
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.pickles.native import (
    _Buffer,
    is_whole_catboost,
    is_whole_lightgbm,
    is_whole_xgboost,
)
from gitmodelstore.pickles.rights import Trust
from tests.packages import zoo
from tests.packages.readers import exits
from tests.zoo.specimen import dumped

pytestmark = pytest.mark.filterwarnings("ignore")

ZOO = {specimen.name: specimen for specimen in zoo.specimens()}


class Call:
    """What pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.said = function, arguments

    def __reduce__(self) -> Any:
        return self.said


def _with_state(cls: type, state: Any) -> bytes:
    """Return the file of an object of a class, whatever its `__getstate__` would say."""
    import pickle

    file = io.BytesIO()
    pickler = pickle._Pickler(file, 4)
    pickler.proto, pickler.framer.file_write = 4, file.write
    file.write(pickle.PROTO + b"\x04")
    pickler.save(cls)
    file.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
    pickler.save(state)
    file.write(pickle.BUILD + pickle.STOP)
    return file.getvalue()


def _changed(name: str, **attributes: Any) -> Any:
    """Return the file of a fitted model with some attributes of another kind."""
    model = ZOO[name].fit()
    vars(model).update(attributes)
    return dumped(model)


def _held(value: Any) -> bytes:
    scaler = StandardScaler().fit(zoo.numbers())
    scaler.note_ = value
    return dumped(scaler)


def _piped(*steps: Any) -> bytes:
    return dumped(make_pipeline(*steps))


def _model(cls: Any, **params: Any) -> bytes:
    return dumped(cls(**params))


HOSTILE: dict[str, Callable[[str], bytes]] = {
    # Calls, which the zoo's files do not need
    "lightgbm-file": lambda path: _held(Call(lightgbm.Booster, None, None, path)),
    "lightgbm-model": lambda _: _held(Call(lightgbm.LGBMClassifier)),
    "xgboost-file": lambda path: _held(Call(xgboost.Booster, None, (), path)),
    "xgboost-matrix": lambda path: _held(Call(xgboost.DMatrix, path)),
    "catboost-pool": lambda path: _held(Call(catboost.Pool, path)),
    "catboost-method": lambda _: _held(Call(getattr, catboost.CatBoost(), "load_model")),
    "optbinning-pickle": lambda path: _held(Call(Scorecard.load, path)),
    "optbinning-process": lambda path: _held(Call(BinningProcess.load, path)),
    "skrub-fetch": lambda _: _held(Call(skrub.datasets.fetch_employee_salaries)),
    # States that native code would take for an address, or not understand
    "lightgbm-address": lambda _: _with_state(lightgbm.Booster, {"_handle": 4096}),
    "lightgbm-none": lambda _: _with_state(lightgbm.Booster, {"_handle": None}),
    "lightgbm-missing": lambda _: _with_state(lightgbm.Booster, {"params": {}}),
    "lightgbm-two": lambda _: _with_state(lightgbm.Booster, {"_handle": "a", "handle": 4096}),
    "xgboost-address": lambda _: _with_state(xgboost.Booster, {"handle": 4096}),
    "xgboost-none": lambda _: _with_state(xgboost.Booster, {"handle": None}),
    "xgboost-array": lambda _: _with_state(xgboost.Booster, {"handle": np.zeros(9)}),
    "catboost-text": lambda path: _with_state(catboost.CatBoost, {"__model": path}),
    "catboost-class": lambda _: _with_state(catboost.CatBoost, {"__class__": 1}),
    # Params by which native code opens a file or speaks to others
    "lightgbm-splits": lambda path: _model(lightgbm.LGBMRegressor, forcedsplits_filename=path),
    "lightgbm-machines": lambda _: _model(lightgbm.LGBMRegressor, machines="10.0.0.1:1"),
    "lightgbm-alias": lambda path: _changed(
        "lightgbm-classifier", _other_params={"model_input": path}
    ),
    "lightgbm-behind-a-number": lambda path: _changed(
        "lightgbm-classifier", _other_params={1: 0, "model_input": path}
    ),
    # Threads, of which native code makes as many as it is told until the process ends
    "lightgbm-threads": lambda _: _changed("lightgbm-classifier", n_jobs=10**6),
    "lightgbm-other-threads": lambda _: _changed(
        "lightgbm-classifier", _other_params={"num_threads": 10**6}
    ),
    "catboost-threads": lambda _: _model(catboost.CatBoostRegressor, thread_count=10**6),
    "encoders-processes": lambda _: _with_state(
        category_encoders.HashingEncoder, {"max_process": 10**6}
    ),
    "catboost-folder": lambda path: _model(catboost.CatBoostRegressor, train_dir=path),
    "catboost-above": lambda _: _model(catboost.CatBoostRegressor, train_dir="../elsewhere"),
    "catboost-snapshot": lambda path: _model(catboost.CatBoostRegressor, snapshot_file=path),
    "xgboost-checkpoints": lambda path: _model(
        xgboost.XGBRegressor, callbacks=[xgboost.callback.TrainingCheckPoint(path)]
    ),
    # Text that is taken for the name of a method or a folder
    "feature-engine-method": lambda _: _model(
        MathFeatures, variables=["a", "b"], func="to_clipboard"
    ),
    "feature-engine-methods": lambda _: _model(WindowFeatures, functions=["mean", "to_csv"]),
    "skrub-method": lambda _: _changed("skrub-aggregated", _operations=["to_clipboard"]),
    "skrub-format": lambda _: _changed("skrub-joined", _right_cols_renaming="{0.x}".format),
    "encoders-hash": lambda _: _model(category_encoders.HashingEncoder, hash_method="file_digest"),
    "imblearn-folder": lambda path: dumped(
        imblearn.pipeline.make_pipeline(SMOTE(), LogisticRegression(), memory=path)
    ),
    # Something else where a part belongs, or where the class has a method
    "imblearn-step": lambda _: dumped(
        imblearn.pipeline.Pipeline([("a", os.system), ("b", LogisticRegression())])
    ),
    "skrub-predicate": lambda _: _model(
        skrub.SelectCols, cols=skrub.selectors.Filter(os.system, args=("true",))
    ),
    "skrub-builtin": lambda _: _model(skrub.SelectCols, cols=skrub.selectors.Filter(abs)),
    "lightgbm-method": lambda _: _changed("lightgbm-classifier", predict=np.abs),
    "lightgbm-booster": lambda _: _changed("lightgbm-classifier", _Booster=np.abs),
    "xgboost-method": lambda _: _changed("xgboost-classifier", get_booster=np.abs),
    "xgboost-callback": lambda _: _model(xgboost.XGBRegressor, callbacks=[np.abs]),
    "optbinning-variable": lambda _: _changed(
        "optbinning-process", _binned_variables={"age": np.abs}
    ),
    "encoders-mapping": lambda _: _changed("category-encoders-TargetEncoder", mapping=np.abs),
    "catboost-objective": lambda _: _model(catboost.CatBoostRegressor, iterations=np.abs),
    # Text that a step before makes of the rows, for a model that opens what text names
    "catboost-rows": lambda _: _piped(FunctionTransformer(np.max), catboost.CatBoostRegressor()),
    "xgboost-rows": lambda _: _piped(
        FunctionTransformer(functools.partial(np.sum, axis=None)), xgboost.XGBRegressor()
    ),
    # Estimators that do more than their state says
    "skrub-text": lambda _: dumped(make_pipeline(skrub.TextEncoder(), LogisticRegression())),
}
ONLY_BY_THE_GUARD = {"lightgbm-method", "lightgbm-missing", "xgboost-array", "xgboost-method"}
ONLY_BY_THE_GUARD |= {"catboost-text", "catboost-class"}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_before_it_acts(name, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = HOSTILE[name](str(tmp_path / "marker"))
    before = sorted(tmp_path.iterdir())

    with pytest.raises(RefusedPickle):
        load(data, name=name)

    assert sorted(tmp_path.iterdir()) == before
    assert walk(data).refusals != () or name in ONLY_BY_THE_GUARD


def test_what_the_table_leaves_out_loads_when_its_name_is_trusted():
    data = dumped(skrub.TextEncoder(model_name="small"))
    name = "skrub._llm_encoder.TextEncoder"

    assert load(data, name="text", reader=Reader(trust=Trust.of([name]))).model_name == "small"


def test_a_model_that_opens_text_is_fine_behind_a_function_of_each_value():
    pipeline = make_pipeline(FunctionTransformer(np.log1p), xgboost.XGBRegressor(n_estimators=2))
    pipeline.fit(zoo.numbers().abs(), zoo.target())

    assert isinstance(load(dumped(pipeline), name="piped")[-1], xgboost.XGBRegressor)


def _mutated(text: str, chance: random.Random) -> str:
    place, other = chance.randrange(len(text)), chance.randrange(len(text))
    if chance.random() < 0.7:
        return text[:place] + chance.choice("0123456789- \n") + text[place + 1 :]
    return text[:place] + text[other : other + 8] + text[place + 8 :]


@pytest.mark.parametrize("name", ["categories", "classes", "linear"])
def test_changes_of_lightgbms_text_end_in_a_refusal_or_in_peace(name, tmp_path: Path):
    seed = random.randrange(10**6)  # noqa: S311 - no secret
    chance = random.Random(seed)  # noqa: S311
    whole = ZOO[f"lightgbm-{name}"].fit()._Booster.model_to_string()
    columns = int(whole.partition("max_feature_idx=")[2].partition("\n")[0]) + 1
    changed = [_mutated(whole, chance) for _ in range(60)]
    taken = [text.encode() for text in changed if is_whole_lightgbm(text)]

    assert set(exits("lightgbm", taken, columns, tmp_path)) == {0}, f"seed {seed}"
    assert len(taken) < 50


@pytest.mark.parametrize("name", ["classes", "categories", "dart", "linear", "many-targets"])
def test_changes_of_xgboosts_bytes_cost_no_memory_and_lead_no_link_astray(name, tmp_path: Path):
    seed = random.randrange(10**6)  # noqa: S311 - no secret
    chance = random.Random(seed)  # noqa: S311
    booster = ZOO[f"xgboost-{name}"].fit().get_booster()
    whole = bytes(booster.__getstate__()["handle"])
    taken = []
    for _ in range(200):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if is_whole_xgboost(bytes(data)):
            taken.append(bytes(data))

    assert is_whole_xgboost(whole)
    assert set(exits("xgboost", taken, booster.num_features(), tmp_path)) == {0}, f"seed {seed}"
    assert len(taken) < 160


def _model_of(name: str) -> bytes:
    return bytes(ZOO[f"catboost-{name}"].fit().__getstate__()["__model"])


@pytest.mark.parametrize("name", ["categories", "classes", "depthwise", "kept"])
def test_changes_of_catboosts_bytes_end_in_a_refusal_or_in_peace(name, tmp_path: Path):
    seed = random.randrange(10**6)  # noqa: S311 - no secret
    chance = random.Random(seed)  # noqa: S311
    whole = _model_of(name)
    text = range(whole.index(b"catboost_version_info"), whole.rindex(b"test_best_error"))
    places = [place for place in range(len(whole)) if place not in text or chance.random() < 0.1]
    taken = []
    for _ in range(200):
        data, place, other = bytearray(whole), chance.choice(places), chance.choice(places)
        size = chance.choice([0, 1, 4, 8])
        data[place : place + size] = whole[other : other + size]
        data[place] ^= 0 if size else 1 << chance.randrange(8)
        if is_whole_catboost(bytes(data)):
            taken.append(bytes(data))

    assert is_whole_catboost(whole)
    assert set(exits("catboost", taken, 6, tmp_path)) <= {0}, f"seed {seed}"
    assert len(taken) < 190


def _with_number(name: str, field: int, dtype: str, value: int) -> bytes:
    """Return a model whose trees end a vector with another number."""
    whole = _model_of(name)
    numbers = _Buffer.sized(whole, 4)[0].table(1).array(field, dtype)
    changed = numbers.copy()
    changed[-1] = value
    assert whole.count(numbers.tobytes()) == 1
    return whole.replace(numbers.tobytes(), changed.tobytes())


def _with_note(name: str, key: str, note: str) -> bytes:
    model = ZOO[f"catboost-{name}"].fit()
    model.get_metadata()[key] = note
    return bytes(model.__getstate__()["__model"])


def _with_categories(change: Callable[[Any], Any]) -> bytes:
    """Return a model that finds what is kept of categories in other places."""
    whole = _model_of("kept")
    table = _Buffer.sized(whole, 8 + int.from_bytes(whole[4:8], "little") + 4)[0]
    places = table.array(1, "u1").view([("hash", "<u8"), ("index", "<u4")])
    assert whole.count(places.tobytes()) >= 1
    return whole.replace(places.tobytes(), change(places.copy()).tobytes())


def _beyond(places: Any) -> Any:
    places["index"] = 1 << 30
    return places


OF_CLASSES = '{"class_to_label": [0, 1, 1000000000], "class_names": [0, 1, 2]}'
UNSAFE = {
    "split": lambda: _with_number("classifier", 1, "<i4", 1 << 30),
    "tree": lambda: _with_number("classifier", 2, "<i4", 30),
    "leaf": lambda: _with_number("depthwise", 11, "<u4", 1 << 30),
    "category": lambda: _with_categories(_beyond),
    "class": lambda: _with_note("classes", "class_params", OF_CLASSES),
    "depth": lambda: _with_note("classifier", "training", "[" * 200000 + "]" * 200000),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_model_of_catboosts_that_would_end_the_process_is_refused(name, tmp_path: Path):
    data = UNSAFE[name]()

    with pytest.raises(RefusedPickle, match="an invalid state"):
        load(_with_state(catboost.CatBoostClassifier, {"__model": data}), name=name)

    assert 0 not in exits("catboost", [data], 4, tmp_path)


def test_a_model_of_catboosts_whose_categories_nobody_finds_is_refused():
    """`catboost.sum_models` would divide by how many it found."""
    assert is_whole_catboost(_with_categories(lambda places: places))
    assert not is_whole_catboost(_with_categories(lambda places: places[::-1]))


def test_a_model_of_catboosts_with_text_loads_when_its_name_is_trusted():
    rows = zoo.visits()[["age", "note"]]
    model = catboost.CatBoostClassifier(iterations=2, text_features=["note"], verbose=False)
    data = dumped(model.set_params(allow_writing_files=False).fit(rows, zoo.binary()))

    with pytest.raises(RefusedPickle, match="text or embeddings") as refused:
        load(data, name="text")
    trust = Trust.of(refused.value.needs_trust)

    assert load(data, name="text", reader=Reader(trust=trust)).predict(rows).shape == (120,)


def test_joblib_would_have_opened_the_file(tmp_path: Path):
    """The corpus means it: without the guard the call is made."""
    data = _held(Call(lightgbm.Booster, None, None, str(tmp_path / "none")))

    with pytest.raises(lightgbm.basic.LightGBMError, match="none"):
        joblib.load(io.BytesIO(data))
