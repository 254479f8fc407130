"""What `search`, `blame` and `frame` answer of real versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gitmodelstore as gms
from gitmodelstore import InvalidQuery, Match, Store, StoreError, Version
from gitmodelstore.errors import UnreadWarning
from gitmodelstore.values.registry import Registry

from .conftest import once
from .looks import object_file

DAY = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the store of the test has said, in notes and in warnings."""
    heard: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", UnreadWarning)
        warnings.showwarning = lambda told, *_, **__: heard.append(str(told))
        yield heard


@pytest.fixture
@once
def made(store: Store, fit, X_test, y_test, X_train, y_train) -> Store:
    """churn 1.0.0 (archived), 1.1.0 (production), 1.2.0, and fraud 1.0.0, a day apart."""
    day = count()
    store = Store.open(store.path, durable=False, now=lambda: DAY + timedelta(days=next(day)))
    train = {"train": (X_train, y_train)}
    store.register(
        fit(), "churn", X_test=X_test, y_test=y_test, data=train, metrics={"profit": 3}, code=None,
        message="first try",
    )  # fmt: skip
    store.promote("churn@1.0.0", "production")
    store.register(fit(C=3.0), "churn", metrics={"profit": 4.5}, code=None, message="Drift")
    store.promote("churn@1.1.0", "production")
    store.register(fit(C=0.1), "churn", data=train, code=None, custom={"approved": True})
    store.register(fit(), "fraud", metrics={"profit": -1, "recall": 0.5}, code=None)
    return store


@pytest.fixture
def full(made: Store, said) -> Store:
    """The same, six days later; it says to `said` what it has to say."""
    day = count(6)
    now = lambda: DAY + timedelta(days=next(day))  # noqa: E731
    return Store.open(made.path, durable=False, now=now, notify=said.append)


def found(store: Store, expression: str, model: str | None = None, **how: Any) -> list[str]:
    return [match.ref for match in store.search(expression, model, **how)]


class TestSearch:
    def test_it_asks_for_manifest_and_status(self, full):
        assert found(full, 'metrics.profit > 2 and status == "production"') == ["churn@1.1.0"]
        assert found(full, "data.train.rows >= 60") == ["churn@1.2.0", "churn@1.0.0"]
        assert found(full, "params.logisticregression__C in [1, 3.0]") == [
            *("churn@1.1.0", "churn@1.0.0"),
            "fraud@1.0.0",
        ]
        assert found(full, '"mean radius" in features and "test" in data') == ["churn@1.0.0"]
        assert found(full, "created_at >= 2026-03-03", "churn") == ["churn@1.2.0", "churn@1.1.0"]

    def test_it_sorts_by_model_then_highest_first_or_by_a_field(self, full):
        assert found(full, "version >= 1.0.0") == [
            *("churn@1.2.0", "churn@1.1.0", "churn@1.0.0", "fraud@1.0.0")
        ]
        by_profit = found(full, "version >= 1.0.0", sort="metrics.profit")
        assert by_profit == ["fraud@1.0.0", "churn@1.0.0", "churn@1.1.0", "churn@1.2.0"]
        highest = found(full, "version >= 1.0.0", "churn", sort="-metrics.profit")
        assert highest == ["churn@1.1.0", "churn@1.0.0", "churn@1.2.0"]  # what lacks it is last
        assert found(full, "version >= 1.0.0", "churn", sort="version")[0] == "churn@1.0.0"

    def test_a_match_is_a_version_with_the_values_that_were_asked_for(self, full):
        (match,) = full.search("metrics.profit == 4.5 and params.logisticregression__C > 1")

        assert isinstance(match, Match)
        assert match == Match(
            "churn",
            Version.parse("1.1.0"),
            "production",
            full.version("churn@1.1.0").commit,
            DAY + timedelta(days=2),
            "Ada Lovelace <ada@example.org>",
            {"metrics.profit": 4.5, "params.logisticregression__C": 3.0},
        )
        assert full.load(match).predict is not None

    def test_a_status_is_that_of_now(self, full):
        assert found(full, 'status == "staging"') == []
        full.promote("churn@1.2.0", "staging")

        assert found(full, 'status == "staging"') == ["churn@1.2.0"]

    def test_what_is_not_in_the_index_is_read_from_the_manifest(self, full, X_train):
        mean = X_train["mean radius"].mean()
        name = 'data.train.columns."mean radius".profile.mean'

        assert found(full, f"{name} > {mean - 0.1} and {name} < {mean + 0.1}") == [
            *("churn@1.2.0", "churn@1.0.0")
        ]
        assert found(full, '"mean radius" in data.train.columns', "churn") == [
            *("churn@1.2.0", "churn@1.0.0")
        ]
        assert len(found(full, 'artifacts."pipeline.joblib".globals ~ "standardscaler"')) == 4

    def test_a_new_store_holds_nothing(self, store):
        assert store.search("metrics.auc > 0") == ()

    @pytest.mark.parametrize("sort", ["metrics.", "profits", "metrics.profit=3", "-"])
    def test_what_is_no_field_to_sort_by(self, full, sort):
        with pytest.raises(InvalidQuery):
            full.search("code.dirty", sort=sort)

    @pytest.mark.parametrize(
        ("expression", "note"),
        [
            ("metrics.prfit > 1", "no version has 'metrics.prfit': did you mean 'metrics.profit'?"),
            ("data.trian.rows > 1",
             "no version has 'data.trian.rows': did you mean 'data.train.rows'?"),
            ("metrics.xyz > 1", "no version has 'metrics.xyz'"),
            ('status == "prodution"', "no status 'prodution': did you mean 'production'?"),
            ('model in ["chrun", "fraud"] and metrics.profit > 9',
             "no model 'chrun': did you mean 'churn'?"),
            ("metrics.profit > 99", None),
        ],
    )  # fmt: skip
    def test_where_nothing_is_found_a_slip_is_said(self, full, said, expression, note):
        assert full.search(expression) == ()
        assert said == ([note] if note else [])


def blamed(store: Store, field: str, model: str | None = None) -> list[str]:
    return [str(change.version.version) for change in store.blame(field, model)]


class TestBlame:
    def test_each_version_that_changed_a_field(self, full):
        changes = full.blame("params.logisticregression__C", "churn")

        assert [(str(c.version), c.parent, c.before, c.after) for c in changes] == [
            ("churn 1.2.0", "1.1.0", 3.0, 0.1),
            ("churn 1.1.0", "1.0.0", 1.0, 3.0),
            ("churn 1.0.0", None, None, 1.0),
        ]
        second = changes[1]
        assert (second.when, second.message) == (DAY + timedelta(days=2), "Drift")
        assert second.who == "Ada Lovelace <ada@example.org>"
        assert second.version == full.version("churn@1.1.0")

    def test_which_version_first_had_a_value(self, full):
        assert blamed(full, "features=mean radius", "churn") == ["1.0.0"]
        assert blamed(full, "params.logisticregression__C=3") == ["1.1.0"]
        assert full.blame("params.logisticregression__C=7") == ()

    def test_a_field_that_went_and_came_back(self, full):
        assert [(str(c.version), c.before, c.after) for c in full.blame("data", "churn")] == [
            ("churn 1.2.0", [], ["train"]),
            ("churn 1.1.0", ["train", "test"], []),
            ("churn 1.0.0", None, ["train", "test"]),
        ]
        assert blamed(full, "data=train", "churn") == ["1.2.0", "1.0.0"]
        assert blamed(full, "data.train.rows=null", "churn") == ["1.1.0"]

    def test_a_correction_of_an_old_release_is_no_change_back(self, full, fit):
        full.register(fit(), "churn", version="1.0.1", allow_backport=True, code=None)

        assert blamed(full, "params.logisticregression__C=1", "churn") == ["1.0.0"]

    @pytest.mark.parametrize(
        ("field", "message"),
        [
            ("created_at=soon", "'soon' is not a date"),
            ("metrics.a > 1", "column 10: expected only the name of a field"),
            ("metrisc.a", "column 1: no field 'metrisc'"),
        ],
    )
    def test_what_can_be_no_field_or_value(self, full, field, message):
        with pytest.raises(StoreError) as caught:
            full.blame(field)

        assert str(caught.value).partition("\n")[0] == message


class TestFrame:
    def test_a_row_a_version_in_the_order_of_search(self, full):
        table = full.frame()

        assert table.index.name == "ref"
        assert list(table.index) == ["churn@1.2.0", "churn@1.1.0", "churn@1.0.0", "fraud@1.0.0"]
        assert list(table["status"]) == ["registered", "production", "archived", "registered"]
        assert table["metrics.profit"].tolist()[1:] == [4.5, 3.0, -1.0]
        assert table["created_at"]["churn@1.1.0"] == pd.Timestamp(DAY + timedelta(days=2))
        assert table["data.train.rows"].tolist() == [60, pd.NA, 60, pd.NA]
        assert table["data.train.digest"]["churn@1.0.0"].startswith("gms-df-1:")
        assert full.load(table["metrics.profit"].idxmax()).predict is not None

    def test_the_columns_and_their_types(self, full):
        types = {name: str(dtype) for name, dtype in full.frame("churn").dtypes.items()}
        assert list(types)[:11] == [
            *("model", "version", "status", "created_at", "trained_at", "author", "message"),
            *("parent", "algorithm", "task", "target"),
        ]
        assert list(types)[-3:] == ["fault", "size_bytes", "commit"]
        assert types["created_at"] == types["trained_at"] == "datetime64[us, UTC]"
        assert types["metrics.profit"] == types["metrics.accuracy"] == "float64"
        assert types["params.logisticregression__C"] == "float64"
        assert types["params.logisticregression__max_iter"] == "Int64"
        assert types["params.standardscaler__copy"] == "boolean"
        assert types["params.logisticregression__solver"] == types["version"] == "string"
        assert types["data.train.rows"] == types["n_features"] == "Int64"
        assert types["code.dirty"] == types["custom.approved"] == "boolean"
        assert types["code.url"] == types["baseline.version"] == "string"
        assert "metrics.recall" not in types  # only fraud has it
        assert list(full.frame("churn").columns) == list(types)

    def test_what_was_annotated_is_a_column(self, full):
        full.annotate("churn@1.1.0", {"auc": 0.8, "approval": "A-17"})
        full.annotate("churn@1.1.0", {"auc": 0.9})
        table = full.frame("churn")

        assert table["annotations.auc"].tolist()[1] == 0.9
        assert table["annotations.approval"].tolist() == [pd.NA, "A-17", pd.NA]
        assert str(table["annotations.approval"].dtype) == "string"
        assert "annotations.auc" not in full.frame("fraud")

    def test_values_of_several_kinds_stay_as_they_are(self, store, fitted):
        for value in (1, "a", [1, 2], None, 2**70 - 2**70 + 2**53 - 1):
            store.register(fitted, "churn", code=None, custom={"x": value, "big": 10**15})

        table = store.frame()

        assert table["custom.x"].tolist() == [2**53 - 1, None, [1, 2], "a", 1]
        assert str(table["custom.x"].dtype) == "object"
        assert str(table["custom.big"].dtype) == "Int64"

    def test_an_empty_store_is_an_empty_table(self, store):
        table = store.frame()

        assert table.shape[0] == 0
        assert "status" in table.columns


class TestUnread:
    """One version that cannot be read never stops the others."""

    @pytest.fixture
    def commit(self, full, git) -> Callable[..., None]:
        """Put a version into registry and folder by hand, as a later gitmodelstore might."""

        def commit(version: str, data: bytes) -> None:
            path: Path = full.path
            registry = Registry.parse((path / "registry.json").read_bytes())
            later = registry.with_status("churn", Version.parse(version), "registered")
            (path / "registry.json").write_bytes(later.render())
            (path / "models/churn/manifest.json").write_bytes(data)
            git(path, "commit", "--quiet", "--all", "-m", f"{version} by hand")

        return commit

    def manifest(self, full: Store, **other: Any) -> bytes:
        value = json.loads((full.path / "models/churn/manifest.json").read_text())
        text = json.dumps({**value, **other}, indent=2, ensure_ascii=False)
        return f"{text}\n".encode()

    LATER = "models/churn/manifest.json: schema '2.0', this gitmodelstore reads '1.0'"

    def test_a_later_schema_is_named_and_has_a_row_in_the_table(self, full, commit, said):
        commit("1.3.0", self.manifest(full, version="1.3.0", schema="2.0", moods=["a"]))
        unread = [f"not searched: churn 1.3.0: {self.LATER}"]

        for _ in range(2):  # from the manifests, then from the index
            said.clear()
            assert len(full.search("version >= 1.0.0")) == 4
            assert said == unread
        (change,) = full.blame("pipeline.task", "churn")
        assert str(change.version) == "churn 1.0.0"

        said.clear()
        table = full.frame("churn")
        assert table.loc["churn@1.3.0", "status"] == "registered"
        assert table.loc["churn@1.3.0", "fault"] == self.LATER
        assert table.loc["churn@1.3.0"].isna().sum() == table.shape[1] - 4
        assert said == unread

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (lambda data: b"{}\n", "missing"),
            (lambda data: data[:-20], "not JSON"),
            (lambda data: data.replace(b'"metrics": {}', b'"metrics": {"a": NaN}'), "finite"),
            (lambda data: data.replace(b'"churn"', b'"fraud"'), "is of fraud 1.3.0"),
            (lambda data: data.replace(b"  ", b"    "), "not in canonical form"),
            (lambda data: b"\xff" + data, "not UTF-8"),
        ],
    )
    def test_a_broken_manifest_is_named(self, full, commit, said, change, fault):
        commit("1.3.0", change(self.manifest(full, version="1.3.0")))

        assert len(full.search("version >= 1.0.0")) == 4
        assert len(said) == 1
        assert said[0].startswith("not searched: churn 1.3.0: ")
        assert fault in said[0]

    def test_many_are_counted(self, full, commit, said):
        for number in range(13):
            version = f"2.{number}.0"
            commit(version, self.manifest(full, version=version, schema="2.0"))

        assert len(full.search("version >= 1.0.0")) == 4
        assert len(said) == 11
        assert said[-1] == "not searched: 3 more versions that cannot be read"

    @pytest.mark.parametrize(
        ("damage", "fault"),
        [
            (lambda path, data: path.unlink(), "object {} is not in this repository"),
            (
                lambda path, data: path.write_bytes(path.read_bytes()[:-30]),
                "damaged: {}: the object was cut short",
            ),
            (  # git looks only at the checksum of the compression
                lambda path, data: path.write_bytes(zlib.compress(b"blob %d\0" % len(data) + data)),
                "damaged: {}: its content has another id",
            ),
        ],
        ids=["missing", "damaged", "under the id of another"],
    )
    def test_a_manifest_that_cannot_be_believed_is_named(self, full, damage, fault):
        path = object_file(full.path, "churn@v1.1.0:models/churn/manifest.json")
        data = full.read("churn@1.1.0", "manifest.json").replace(b'"profit": 4.5', b'"profit": 9.5')
        oid = path.parent.name + path.name
        damage(path, data)

        for _ in range(2):
            done = in_a_process_of_its_own(full)
            assert done.stdout == "churn@1.2.0 churn@1.0.0 fraud@1.0.0\n"
            assert done.stderr == (
                "not searched: churn 1.1.0: models/churn/manifest.json: " + fault.format(oid) + "\n"
            )

    def test_what_the_index_has_not_may_be_lost(self, full, said):
        path = object_file(full.path, "churn@v1.0.0:models/churn/manifest.json")
        full.search("version >= 1.0.0")
        path.unlink()
        again = Store.open(full.path, notify=said.append)
        lost = (
            "not searched: churn 1.0.0: models/churn/manifest.json: "
            f"object {path.parent.name}{path.name} is not in this repository"
        )

        assert found(again, "data.train.columns != null") == ["churn@1.2.0"]
        assert found(again, "not data.train.columns == null and version < 1.1.0") == []
        assert blamed(again, "data.train.columns", "churn") == ["1.2.0"]
        assert said == [lost] * 3


def in_a_process_of_its_own(store: Store) -> subprocess.CompletedProcess[str]:
    """Search there for every version: this process has the manifests that it wrote in memory."""
    program = (
        "import sys; from gitmodelstore import Store\n"
        "import warnings\n"
        "warnings.showwarning = lambda told, *_, **__: print(told, file=sys.stderr)\n"
        "store = Store.open(sys.argv[1])\n"
        "print(*(match.ref for match in store.search('version >= 1.0.0')))"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(store.path)],
        env={**os.environ, "PYTHONPATH": str(Path(gms.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_public():
    assert {"InvalidQuery", "Match", "FieldChange"} <= set(gms.__all__)
