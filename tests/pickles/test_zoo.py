"""Every honest pipeline comes through the door without a trust list, as joblib reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import joblib
import pytest
from threadpoolctl import threadpool_limits

from gitmodelstore.pickles import rights
from gitmodelstore.pickles.dry import walk
from gitmodelstore.pickles.load import Reader, load
from gitmodelstore.plumbing.large_files import Verdicts
from tests.zoo import DEPRECATED, ZOO, answers, difference, encodings, saved
from tests.zoo.make_rights import TABLE, needs_of

pytestmark = pytest.mark.filterwarnings(DEPRECATED)

ENCODINGS = dict(encodings())
ENCODED = ("columns-index", "vectorizer-split", "GradientBoostingClassifier", "KNeighborsRegressor")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Sums of several threads differ in the last bit."""
    with threadpool_limits(1):
        yield


def by_joblib(data: bytes) -> Any:
    return joblib.load(io.BytesIO(data))


@pytest.mark.corpus("name", ZOO)
def test_the_first_load_gives_the_very_objects_of_joblib(name):
    data = saved(name)

    assert difference(by_joblib(data), load(data, name=name), identity=True) is None


@pytest.mark.corpus("name", ZOO)
def test_the_dry_walk_finds_nothing_against_it(name):
    assert walk(saved(name)).refusals == ()


@pytest.mark.corpus("name", ZOO)
def test_the_second_load_does_too(name, tmp_path):
    data = saved(name)
    reader = Reader(verdicts=Verdicts(tmp_path))

    load(data, name=name, reader=reader)
    again = load(data, name=name, reader=reader)

    assert difference(by_joblib(data), again, identity=True) is None


@pytest.mark.corpus("name", [name for name in ZOO if ZOO[name].rows is not None])
def test_a_loaded_one_answers_as_joblibs_does(name, tmp_path):
    data, rows = saved(name), ZOO[name].rows

    expected = answers(by_joblib(data), rows)

    assert difference(answers(load(data, name=name), rows), expected) is None


@pytest.mark.corpus("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ENCODED)
def test_every_encoding_of_joblib_is_read(name, encoding, tmp_path):
    data = ENCODINGS[encoding](ZOO[name].fit())
    reader = Reader(verdicts=Verdicts(tmp_path))

    for _ in range(2):
        found = load(data, name=name, reader=reader)
        assert difference(by_joblib(data), found, identity=True) is None


@pytest.mark.corpus("name", ZOO)
def test_the_table_has_what_it_needs_and_no_more_is_given(name):
    table = json.loads(TABLE.read_text())["names"]

    for (module, label), needed in needs_of(saved(name)).items():
        given = set(table[module][label].split()[1:])
        assert needed - given <= {rights.VALUE, rights.ARGUMENT}, (module, label)
