"""Manifests: valid ones are accepted byte for byte, those with a violation are refused."""

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
from gitmodelstore.values.manifest import Manifest
from tests.programme import sample, tables
from tests.values.test_manifest import VALUE

DOCUMENTS = sample(times=(30, 150))  # of a kind


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
