"""Manifests and registries: valid ones accepted byte for byte, those with a violation refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError
from gitmodelstore.values import fields
from gitmodelstore.values import json as json_rules
from gitmodelstore.values.fields import Text
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Registry
from tests.programme import sample, tables
from tests.values.strategies import model_names, versions
from tests.values.test_manifest import VALUE

DOCUMENTS = sample(times=(60, 300))  # of a kind
STATUSES = ("registered", "staging", "production", "archived", "withdrawn", "shadow-2")


def try_many(
    strategy: st.SearchStrategy[Any], check: Callable[[Any], str], seed: int, times: int
) -> Counter[str]:
    """Check what is drawn, and count what `check` says that it was."""
    counts: Counter[str] = Counter()

    @hypothesis.seed(seed)
    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate],  # to make a large case small takes minutes; the seed finds it
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(drawn: Any) -> None:
        counts[check(drawn)] += 1

    run()
    return counts


def refusal(parse: Callable[[bytes], object], data: bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        parse(data)
    return caught.value


class TestManifests:
    def accepted(self, value: dict[str, Any]) -> str:
        """What the standard library makes of it are the bytes; they are read and written alike."""
        data = json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
        assert json_rules.dump(value) == data
        assert Manifest.parse(data).render() == data
        assert fields.read(Manifest, value) == Manifest.parse(data)
        return "accepted"

    def refused(self, case: tuple[dict[str, Any], tables.Violation]) -> str:
        value, violation = case
        spoiled = tables.spoiled(value, violation)
        error = refusal(Manifest.parse, json_rules.dump(spoiled))
        named = {where for where, _ in error.found}
        if violation.where == "schema" and isinstance(spoiled.get("schema"), str):
            assert "schema" in str(error)  # of another schema nothing else is judged
        else:
            assert named in ({violation.where}, {violation.where.removesuffix(" (key)")})
        return violation.what

    @DOCUMENTS
    def test_valid_ones_are_accepted(self, tell, seed, times):
        counts = try_many(tables.manifests(), self.accepted, seed, times)

        tell(**counts)
        assert counts["accepted"] >= times

    @DOCUMENTS
    def test_those_with_one_violation_are_refused_with_the_key_named(self, tell, seed, times):
        counts = try_many(tables.faulty(), self.refused, seed, times)

        tell(refused=counts.total(), kinds_of_violation=len(counts))
        assert counts.total() >= times
        assert len(counts) > (5 if times > 100 else 2)

    def test_a_kind_of_field_that_nobody_knows_here_is_told(self):
        class Odd:
            pass

        with pytest.raises(TypeError, match="fields of the kind Odd"):
            tables.of(Odd())  # type: ignore[arg-type]

    def test_every_kind_of_the_table_can_be_spoiled(self):
        found = {violation.what for violation in tables.violations(Manifest, VALUE)}
        assert {"unknown key", "missing key", "another type", "hidden character"} <= found
        assert {"another pattern", "out of bounds", "key of another pattern"} <= found


@st.composite
def registries(draw: st.DrawFn) -> dict[str, Any]:
    """Parsed JSON of a valid registry.json: at least one model, in order."""
    names = draw(st.lists(model_names(), min_size=1, max_size=3, unique=True))
    models = {}
    for name in sorted(names):
        held = {Version.parse(text) for text in draw(st.lists(versions(), min_size=1, max_size=4))}
        models[name] = {
            str(version): {"status": draw(st.sampled_from(STATUSES))}
            for version in sorted(held, reverse=True)
        }
    return {"schema": "1.0", "models": models}


def dumped(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"


# Each takes a valid registry and a function that draws, spoils the one, and returns what the
# refusal must name.


def _bad_model(value: Any, model: str, version: str, draw: Any) -> str:
    bad = draw(st.sampled_from(["Churn", "con", "-x", "a.b", "x" * 64, "a\u202eb", ""]))
    value["models"] = {bad: value["models"][model]}
    return repr(bad)[1:-1]


def _bad_version(value: Any, model: str, version: str, draw: Any) -> str:
    bad = draw(st.sampled_from(["v1.0.0", "1.0", "01.0.0", "1.0.0+x", "1.0.0\n", "1.0.0-a.lock"]))
    value["models"][model] = {bad: {"status": "staging"}}
    return f"models.{model}"


def _bad_status(value: Any, model: str, version: str, draw: Any) -> str:
    bad = draw(st.sampled_from(["", "In Production", "-", "x" * 100, "a\n", "a\u200eb"]))
    value["models"][model][version]["status"] = bad
    return f"models.{model}.'{version}'" if "'" in version else f"models.{model}"


def _other_entry(value: Any, model: str, version: str, draw: Any) -> str:
    bad = draw(
        st.sampled_from([None, "staging", [], {}, {"state": "x"}, {"status": 1}])
        | st.just({"status": "staging", "auc": 0.9})
    )
    value["models"][model][version] = bad
    return f"models.{model}"


def _other_model(value: Any, model: str, version: str, draw: Any) -> str:
    value["models"][model] = draw(st.sampled_from([None, [], "x", 1, {}]))
    return f"models.{model}"


def _other_top(value: Any, model: str, version: str, draw: Any) -> str:
    value["models"] = draw(st.sampled_from([None, [], "x", 1]))
    return "models"


def _unknown_key(value: Any, model: str, version: str, draw: Any) -> str:
    value[draw(_keys())] = 1
    return "schema"


def _other_schema(value: Any, model: str, version: str, draw: Any) -> str:
    value["schema"] = draw(st.sampled_from(["2.0", "1.1", 1, None, "1.0\n", ""]))
    return "schema"


def _missing(value: Any, model: str, version: str, draw: Any) -> str:
    del value[draw(st.sampled_from(["schema", "models"]))]
    return "schema"


def _out_of_order(value: Any, model: str, version: str, draw: Any) -> str:
    value["models"][model] = {
        "1.0.0": {"status": "staging"},
        "1.1.0": {"status": "staging"},
    }
    return f"models.{model}"


def _keys() -> st.SearchStrategy[str]:
    return tables.of(Text()).filter(lambda key: key not in ("schema", "models"))


SPOIL = (
    *(_bad_model, _bad_version, _bad_status, _other_entry, _other_model),
    *(_other_top, _unknown_key, _other_schema, _missing, _out_of_order),
)


@st.composite
def faulty_registries(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """The rule that is broken, what a refusal must name, and the document."""
    value = draw(registries())
    model = draw(st.sampled_from(sorted(value["models"])))
    version = draw(st.sampled_from(sorted(value["models"][model])))
    spoil = draw(st.sampled_from(SPOIL))
    return spoil.__name__, spoil(value, model, version, draw), value


class TestRegistries:
    def accepted(self, value: dict[str, Any]) -> str:
        registry = Registry.parse(dumped(value))
        assert registry.render() == dumped(value)
        assert {m: dict(held) for m, held in registry.models.items()} == {
            model: {version: entry["status"] for version, entry in held.items()}
            for model, held in value["models"].items()
        }
        return "accepted"

    def refused(self, case: tuple[str, str, dict[str, Any]]) -> str:
        rule, named, value = case
        error = refusal(Registry.parse, dumped(value))
        assert str(error).startswith("registry.json: ")
        assert named in str(error)
        return rule

    @DOCUMENTS
    def test_valid_ones_are_accepted(self, tell, seed, times):
        counts = try_many(registries(), self.accepted, seed, times)

        tell(**counts)
        assert counts["accepted"] >= times

    @DOCUMENTS
    def test_those_with_one_violation_are_refused_with_the_key_named(self, tell, seed, times):
        counts = try_many(faulty_registries(), self.refused, seed, times)

        tell(refused=counts.total(), kinds_of_violation=len(counts))
        assert counts.total() >= times
        assert len(counts) > (9 if times > 100 else 5)
