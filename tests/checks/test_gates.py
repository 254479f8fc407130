"""Whether a version may come to a status: every kind of condition, met, unmet and at its bound."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitmodelstore.checks.fault import Fault, format_faults
from gitmodelstore.checks.gates import Judgement, Lookups, Move, faults_of, gives_way, judge_step
from gitmodelstore.errors import FormatError
from gitmodelstore.values import fields as fields_of
from gitmodelstore.values.events import NOTHING, Recorded, recorded_of, write_trailers
from gitmodelstore.values.manifest import Manifest
from gitmodelstore.values.names import Version
from gitmodelstore.values.policy import Policy
from gitmodelstore.values.registry import EMPTY, Change, Registry
from tests.values.strategies import manifest_values
from tests.values.test_manifest import VALUE as PLAIN

V1, V2 = Version(1, 0, 0), Version(1, 1, 0)
CHANGE = Change("churn", V2, "staging", "production")
GIVES_WAY = Change("churn", V1, "production", "archived")

TEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def judge(
    rules: Policy,
    change: Change,
    candidate: Manifest | None,
    held_by: Manifest | None,
    returned: bool,
    recorded: Recorded = NOTHING,
    *,
    gives_way: bool = False,
    is_unreadable: bool = False,
) -> Judgement:
    """Judge one change; `is_unreadable`: whether another has the status, and cannot be read."""
    is_held = held_by or is_unreadable
    before = EMPTY.with_status("churn", V1, change.after or "") if is_held else EMPTY
    manifests = {change.version: candidate, V1: held_by}
    look = Lookups(lambda _, version: manifests[version], lambda *_: returned, lambda *_: {})
    changes = [change, CHANGE] if gives_way else [change]
    return Move(rules, change, changes, before, recorded, look, True).judge()


def gate_faults(*args: Any, **more: Any) -> list[Fault]:
    """What the judge tells of one change; arguments as for `judge`."""
    return list(faults_of(judge(*args, **more)))


def dataset(role: str, digest: str) -> dict[str, Any]:
    empty = dict.fromkeys(("uri", "name", "version", "rows", "columns"))
    return {"role": role, "digest": digest, "size_bytes": 3, **empty}


VALUE: dict[str, Any] = {
    **PLAIN,
    "message": "",
    "features": None,
    "target": None,
    "metrics": {"auc": 0.82, "n": 3, "test.auc": 0.5},
    "data": [dataset("test", TEST)],
    "code": None,
    "artifacts": [*PLAIN["artifacts"], {**PLAIN["artifacts"][0], "path": "sample.json"}],
}
CODE = {**PLAIN["code"], "commit": "a" * 40, "branch": "main"}


def manifest(version: str = "1.1.0", **fields: Any) -> Manifest:
    parent = None if version == "1.0.0" else "1.0.0"
    value = {**copy.deepcopy(VALUE), "version": version, "parent": parent, **fields}
    found: Manifest = fields_of.read(Manifest, value)
    return found


def holder(**fields: Any) -> Manifest:
    return manifest("1.0.0", **{"metrics": {"auc": 0.83}, **fields})


def policy(gate: str, more: str = "") -> Policy:
    return Policy.parse(f'schema = "1.0"\n{more}\n[gates.production]\n{gate}\n'.encode())


def told(judgement: Judgement) -> list[tuple[bool, str]]:
    return [(one.passed, one.what) for one in judgement.judged]


def one(
    gate: str,
    candidate: Manifest | None,
    held_by: Manifest | None = None,
    recorded: Recorded = NOTHING,
) -> tuple[bool, str]:
    """The only condition of a gate: whether it is met, and what is said."""
    (found,) = told(judge(policy(gate), CHANGE, candidate, held_by, False, recorded))
    return found


class TestMetrics:
    @pytest.mark.parametrize(
        ("written", "passed", "what"),
        [
            ("auc >= 0.8", True, "auc is 0.82, >= 0.8"),
            ("auc >= 0.82", True, "auc is 0.82, >= 0.82"),
            ("auc > 0.82", False, "auc is 0.82, must be > 0.82"),
            ("auc >= 0.820001", False, "auc is 0.82, must be >= 0.820001"),
            ("auc < 0.82", False, "auc is 0.82, must be < 0.82"),
            ("auc <= 0.82", True, "auc is 0.82, <= 0.82"),
            ("n == 3", True, "n is 3, == 3"),
            ("n == 3.5", False, "n is 3, must be == 3.5"),
            ("test.auc > 0.4", True, "test.auc is 0.5, > 0.4"),
            ("f1 > 0.4", False, "f1 is not recorded, must be > 0.4"),
        ],
    )
    def test_a_number_is_within_its_bound_or_not(self, written: str, passed: bool, what: str):
        assert one(f'metrics = ["{written}"]', manifest()) == (passed, what)

    def test_a_metric_that_is_missing_says_how_to_record_it(self) -> None:
        (found,) = gate_faults(policy('metrics = ["f1 > 0"]'), CHANGE, manifest(), None, False)

        assert found.mend == (
            "register it again with metrics={'f1': …} (`gms register --metric f1=VALUE`)"
        )

    def test_a_manifest_that_cannot_be_read_meets_nothing(self) -> None:
        unknown = "unknown, because the manifest cannot be read"

        found = judge(
            policy('metrics = ["auc > 0"]\nrequire = ["data"]'), CHANGE, None, None, False
        )

        assert told(found) == [
            (False, f"auc is {unknown}, must be > 0"),
            (False, f"data is {unknown}, must be recorded"),
        ]


OTHERS = [dataset("test", OTHER)]


class TestCurrent:
    """Numbers of the holder count only where they are of the same rows."""

    @pytest.mark.parametrize(
        ("written", "passed", "what"),
        [
            ("auc >= current - 0.01", True, ">= 0.82 (current - 0.01, churn 1.0.0 has 0.83)"),
            (
                "auc >= current - 0.009",
                False,
                "must be >= 0.821 (current - 0.009, churn 1.0.0 has 0.83)",
            ),
            ("auc >= current", False, "must be >= 0.83 (current, churn 1.0.0 has 0.83)"),
            ("auc < current + 1", True, "< 1.83 (current + 1, churn 1.0.0 has 0.83)"),
        ],
    )
    def test_equal_test_data_make_them_comparable(self, written: str, passed: bool, what: str):
        found = one(f'metrics = ["{written}"]', manifest(), holder())

        assert found == (passed, f"auc is 0.82, {what}")

    def test_the_recorded_baseline_makes_them_comparable(self) -> None:
        baseline = {"version": "1.0.0", "metrics": {"auc": 0.9}}

        newer = manifest(data=[dataset("test", OTHER)], baseline=baseline)

        found = one('metrics = ["auc >= current"]', newer, holder())

        assert found == (False, "auc is 0.82, must be >= 0.9 (current, churn 1.0.0 has 0.9)")

    @pytest.mark.parametrize(
        ("fields", "held_by", "why"),
        [
            ({"data": OTHERS}, holder(), "churn 1.0.0 was tested on different data"),
            ({"data": []}, holder(), "churn 1.1.0 records no test data"),
            ({"data": [dataset("train", TEST)]}, holder(), "churn 1.1.0 records no test data"),
            ({}, holder(data=[]), "churn 1.0.0 records no test data"),
            ({}, holder(metrics={"f1": 0.5}), "churn 1.0.0 has no auc"),
            (
                {"data": OTHERS, "baseline": {"version": "0.9.0", "metrics": {"auc": 0.1}}},
                holder(),
                "the baseline is churn 0.9.0, not churn 1.0.0",
            ),
            (
                {"data": OTHERS, "baseline": {"version": "1.0.0", "metrics": {"f1": 0.1}}},
                holder(),
                "the baseline has no auc",
            ),
            (
                {"data": [dataset("test", TEST), *OTHERS]},
                holder(),
                "churn 1.0.0 was tested on different data",
            ),
        ],
    )
    def test_other_numbers_are_not_compared(
        self, fields: dict[str, Any], held_by: Manifest, why: str
    ) -> None:
        rules = policy('metrics = ["auc >= current - 1"]')

        (found,) = gate_faults(rules, CHANGE, manifest(**fields), held_by, False)

        assert found.what == (
            f"churn 1.1.0 to production: auc is 0.82, must be >= current - 1, not comparable: {why}"
        )
        assert found.mend == (
            "register it again with baseline=True (`gms register --baseline`), which scores "
            "churn 1.0.0 on the same rows"
        )

    def test_where_nobody_is_it_is_met(self) -> None:
        found = one('metrics = ["auc >= current"]', manifest(data=[]))

        assert found == (True, "auc is 0.82, and no version is in production")

    def test_a_metric_that_is_missing_is_no_match(self) -> None:
        found = one('metrics = ["f1 >= current"]', manifest(), holder(metrics={"f1": 0.1}))

        assert found == (False, "f1 is not recorded, must be >= current")

    def test_a_holder_that_cannot_be_read_is_not_nobody(self) -> None:
        rules = policy('metrics = ["auc >= current"]')

        found = judge(rules, CHANGE, manifest(), None, False, is_unreadable=True)

        what = "auc is 0.82, must be >= current, for a version whose manifest cannot be read"
        assert told(found) == [(False, what)]


SAID = {"intended_use": "calls", "limitations": " ", "sections": {"Ethical use": "none"}}


NOTHING_SAID = {"intended_use": " ", "limitations": None, "sections": {"a": ""}}
FIELDS: list[tuple[Any, ...]] = [  # name, fields with which it is there, and without it
    ("data", {}, {"data": []}),
    ("data.test", {}, {"data": []}),
    ("data.train", {"data": [dataset("train", TEST)]}, {}),
    ("features", {"features": [{"name": "age", "dtype": None}]}, {}, {"features": []}),
    ("target", {"target": "left"}, {"target": " "}),
    ("metrics", {}, {"metrics": {}}),
    ("metrics.test.auc", {}, {"metrics": {"auc": 1}}),
    ("baseline", {"baseline": {"version": "1.0.0", "metrics": {}}}, {}),
    ("code", {"code": CODE}, {}, {"code": {**CODE, "commit": None}}),
    ("code.commit", {"code": {**CODE, "dirty": True}}, {}),
    ("code.branch", {"code": CODE}, {}),
    ("code.url", {"code": {**CODE, "url": "x"}}, {}, {"code": CODE}),
    ("card", {"card": SAID}, {}, {"card": NOTHING_SAID}),
    ("card.intended_use", {"card": SAID}, {}),
    ("card.Ethical use", {"card": SAID}, {}),
    ("card.limitations", {"card": {**SAID, "limitations": "x"}}, {"card": SAID}),
    ("card.Ethics", {"card": {**SAID, "sections": {"Ethics": "x"}}}, {"card": SAID}),
    ("message", {"message": "more trees"}, {}),
    ("sample", {}, {"artifacts": VALUE["artifacts"][:1]}),
    ("custom", {"custom": {"ticket": 7}}, {}),
    ("custom.ticket", {"custom": {"ticket": 0}}, {"custom": {"ticket": ""}}),
    ("custom.ticket", {"custom": {"ticket": 0}}, *({"custom": {"ticket": n}} for n in (None, []))),
    ("custom.a.b", {"custom": {"a": {"b": False}}}, {"custom": {"a": "b"}}),
    ("custom.a.b", {"custom": {"a.b": "x"}}, {}),
    ("custom.a.b.c", {"custom": {"a": None, "a.b": {"c": 1}}}, {}),
]


class TestRequire:
    @pytest.mark.parametrize("case", FIELDS, ids=lambda case: case[0])
    def test_what_is_there_and_what_is_missing(self, case: tuple[Any, ...]) -> None:
        name, there, *without = case
        gate = f'require = ["{name}"]'

        assert one(gate, manifest(**there)) == (True, f"{name} is recorded")
        for fields in without:
            assert one(gate, manifest(**fields)) == (False, f"{name} is missing, must be recorded")

    @pytest.mark.parametrize(
        ("code", "passed", "value"),
        [
            (CODE, True, "clean"),
            ({**CODE, "dirty": True}, False, "dirty, must be clean"),
            ({**CODE, "commit": None}, False, "missing, must be clean"),
            (None, False, "missing, must be clean"),
        ],
    )
    def test_clean_code_is_a_commit_without_changes(self, code: Any, passed: bool, value: str):
        found = one('require = ["code.clean"]', manifest(code=code))

        assert found == (passed, f"code.clean is {value}")

    @pytest.mark.parametrize(
        ("name", "mend"),
        [
            ("data.train", "data={'train': …} (`gms register --data ROLE=PATH`)"),
            ("code.clean", "the training code committed"),
            ("code.url", "the training code in a git repository"),
            (
                "card.intended_use",
                "card={'intended_use': '…'} (`gms register --intended-use TEXT`)",
            ),
            ("card.Ethics", "card={'…': '…'} (`gms register --card FILE`)"),
            ("custom.a", "custom={'…': …} (`gms register --custom FILE`)"),
        ],
    )
    def test_it_says_what_to_give(self, name: str, mend: str) -> None:
        (found,) = gate_faults(policy(f'require = ["{name}"]'), CHANGE, manifest(), None, False)

        assert found.mend == f"register it again with {mend}"


class TestReplay:
    @pytest.mark.parametrize("outcome", ["identical", "within tolerance"])
    def test_the_same_answers_pass_where_there_is_a_sample(self, outcome: str) -> None:
        recorded, without = Recorded(outcome), manifest(artifacts=VALUE["artifacts"][:1])

        assert one("replay = true", manifest(), None, recorded) == (True, f"replay is {outcome}")
        assert one("replay = true", without, None, recorded) == (
            False,
            f"replay is {outcome}, must be identical or within tolerance: it has no sample to "
            "replay",
        )

    @pytest.mark.parametrize(
        ("outcome", "value"),
        [
            ("different", "different"),
            (None, "not recorded"),
            ("", "not recorded"),
            ("Identical", "Identical"),
            ("identical\u202e", "'identical\\u202e'"),
        ],
    )
    def test_other_outcomes_do_not(self, outcome: str | None, value: str) -> None:
        found = one("replay = true", manifest(), None, Recorded(outcome))

        assert found == (False, f"replay is {value}, must be identical or within tolerance")


MOVES = '[lifecycle.moves]\nregistered = ["staging", "archived"]\nproduction = []\nwithdrawn = []'


class TestMovesAndFrom:
    def judged(self, before: str | None, after: str, *, returned: bool = False, **more: Any):
        rules = policy('from = ["staging"]', MOVES)
        change = Change("churn", V2, before, after)
        return told(judge(rules, change, manifest(), None, returned, **more))

    def test_the_way_that_is_meant(self) -> None:
        assert self.judged("registered", "staging") == [(True, "may go from registered to staging")]
        assert self.judged("staging", "production") == [(True, "comes from staging")]
        assert self.judged(None, "registered") == []

    def test_another_way_is_refused_under_two_codes(self) -> None:
        rules = policy('from = ["staging"]', MOVES)
        change = Change("churn", V2, "registered", "production")

        found = gate_faults(rules, change, manifest(), None, False)

        assert [(f.code, f.what, f.mend) for f in found] == [
            (
                "GMS042",
                "churn 1.1.0 to production: may not go from registered to production, only "
                "staging or archived may follow registered",
                "gms promote churn@1.1.0 staging",
            ),
            (
                "GMS043",
                "churn 1.1.0 to production: comes from registered, must come from staging",
                "gms promote churn@1.1.0 staging",
            ),
        ]
        assert {(f.path, f.where) for f in found} == {("registry.json", "models.churn.1.1.0")}

    def test_a_version_that_comes_with_a_status_counts_as_registered_before(self) -> None:
        """A squash makes one change of a registration and its promotion."""
        assert [passed for passed, _ in self.judged(None, "production")] == [False, False]
        assert self.judged(None, "staging") == [(True, "may go from registered to staging")]

    def test_where_nothing_may_follow(self) -> None:
        assert self.judged("production", "archived") == [
            (False, "may not go from production to archived, nothing may follow production")
        ]

    def test_a_return_is_free(self) -> None:
        assert self.judged("registered", "production", returned=True) == []

    def test_a_withdrawn_one_returns_only_by_a_move(self) -> None:
        assert self.judged("withdrawn", "production", returned=True) == [
            (False, "may not go from withdrawn to production, nothing may follow withdrawn")
        ]

    def test_who_gives_way_asks_no_leave(self) -> None:
        assert self.judged("production", "archived", gives_way=True) == []

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (GIVES_WAY, True),
            (Change("churn", V1, "production", "withdrawn"), True),
            (Change("churn", V1, "production", "registered"), False),
            (Change("churn", V1, "staging", "archived"), False),
            (Change("fraud", V1, "production", "archived"), False),
        ],
    )
    def test_giving_way_is_to_leave_what_another_takes(self, change: Change, expected: bool):
        assert gives_way(Policy(), change, [change, CHANGE]) == expected
        assert not gives_way(Policy(), change, [change])


ALL = (
    'from = ["registered"]\nmetrics = ["auc > 0.9", "auc >= current"]\n'
    'require = ["target"]\nreplay = true\n'
)


class TestWhole:
    def test_every_condition_is_judged_in_the_order_of_the_page(self) -> None:
        found = judge(policy(ALL), CHANGE, manifest(), holder(), False)

        assert told(found) == [
            (False, "comes from staging, must come from registered"),
            (False, "auc is 0.82, must be > 0.9"),
            (False, "auc is 0.82, must be >= 0.83 (current, churn 1.0.0 has 0.83)"),
            (False, "target is missing, must be recorded"),
            (False, "replay is not recorded, must be identical or within tolerance"),
        ]
        conditions = ["from", "auc > 0.9", "auc >= current", "require target", "replay"]
        assert [one.condition for one in found.judged] == conditions
        assert found.refused == found.failed == found.judged

    def test_a_fault_for_each_that_is_not_met(self) -> None:
        faults = gate_faults(policy(ALL), CHANGE, manifest(target="left"), holder(), False)

        assert [fault.code for fault in faults] == ["GMS043"] * 4
        assert str(faults[1]) == (
            "registry.json: models.churn.1.1.0: churn 1.1.0 to production: auc is 0.82, must be "
            "> 0.9 [GMS043]"
        )

    def test_a_return_is_only_replayed(self) -> None:
        assert told(judge(policy(ALL), CHANGE, manifest(), holder(), True)) == [
            (False, "replay is not recorded, must be identical or within tolerance")
        ]

    def test_a_status_without_a_gate_asks_for_nothing(self) -> None:
        change = Change("churn", V2, "registered", "staging")

        assert gate_faults(policy(ALL), change, None, None, False) == []


@pytest.mark.parametrize("reason", ["", "  ", "we must"])
def test_an_override_counts_with_a_reason_where_something_is_unmet(reason: str) -> None:
    def faults(gate: str) -> list[tuple[str, str]]:
        recorded = Recorded(override=reason)
        found = gate_faults(policy(gate), CHANGE, manifest(), None, False, recorded)
        return [(fault.code, fault.what.partition(": ")[2]) for fault in found]

    unmet = [("GMS043", "auc is 0.82, must be > 0.9"), ("GMS045", "an override needs a reason")]
    assert faults('metrics = ["auc > 0.9"]') == ([] if reason.strip() else unmet)
    assert faults('metrics = ["auc > 0.8"]\noverride = false') == []


COMPARED = 'metrics = ["auc >= current"]'


class TestStep:
    """One commit: holder and history are asked, and only where it matters."""

    BEFORE = EMPTY.with_status("churn", V1, "production").with_status("churn", V2, "staging")
    MANIFESTS: ClassVar = {V1: holder(), V2: manifest()}

    def look(
        self, *, held: bool = False, without: tuple[Version, ...] = (), annotations: Any = None
    ) -> Lookups:
        def found(_: str, version: Version) -> Manifest | None:
            return None if version in without else self.MANIFESTS[version]

        return Lookups(found, lambda *_: held, lambda *_: annotations or {})

    def step(self, gate: str, message: str = "", before: Registry = BEFORE, **look: Any):
        return [
            fault.what
            for judgement in judge_step(
                policy(gate),
                before,
                (CHANGE, GIVES_WAY),
                lambda change: recorded_of(message, change),
                self.look(**look),
            )
            for fault in faults_of(judgement)
        ]

    @pytest.mark.parametrize(
        ("gate", "look", "unmet"),
        [
            # the holder is who had the status before
            (COMPARED, {}, "must be >= 0.83 (current, churn 1.0.0 has 0.83)"),
            (COMPARED, {"before": EMPTY.with_status("churn", V2, "staging")}, None),
            (  # one that cannot be read stops a comparison alone
                COMPARED,
                {"without": (V1,)},
                "must be >= current, for a version whose manifest cannot be read",
            ),
            ('metrics = ["auc >= 0.5"]', {"without": (V1,)}, None),
            ('metrics = ["auc >= 0.9"]', {"held": True}, None),  # who held it before returns
            ('require = ["annotations"]', {"held": True}, None),
        ],
    )
    def test_whom_it_is_compared_with(self, gate: str, look: Any, unmet: str | None) -> None:
        expected = [f"churn 1.1.0 to production: auc is 0.82, {unmet}"] if unmet else []

        assert self.step(gate, **look) == expected

    def test_the_commit_says_what_was_recorded(self) -> None:
        gate = 'metrics = ["auc >= 0.9"]\nreplay = true'
        said = write_trailers(
            {CHANGE: "promoted", GIVES_WAY: "archived"},
            "we must",
            {CHANGE: Recorded("identical", "we must")},
        )

        assert len(self.step(gate)) == 2
        assert self.step(gate, f"promote churn\n\n{said}\n") == []

    @pytest.mark.parametrize(
        ("annotations", "what"),
        [
            ({}, "auc is not recorded, must be >= 0.8"),
            ({"auc": 0.79}, "auc is 0.79, must be >= 0.8"),
            ({"auc": "0.9"}, 'auc is "0.9", must be >= 0.8, a number'),
            ({"auc": True}, "auc is true, must be >= 0.8, a number"),
        ],
    )
    def test_an_annotation_that_is_asked_for(self, annotations: Any, what: str) -> None:
        bound, needed = 'metrics = ["annotations.auc >= 0.8"]', 'require = ["annotations.ticket"]'

        moved = "churn 1.1.0 to production"
        assert self.step(bound, annotations=annotations) == [f"{moved}: annotations.{what}"]
        assert self.step(needed, annotations=annotations) == [
            f"{moved}: annotations.ticket is missing, must be recorded"
        ]
        assert self.step('require = ["annotations"]', annotations={}) == [
            f"{moved}: annotations is missing, must be recorded"
        ]

    @pytest.mark.parametrize("without", [(), (V2,)])
    def test_annotations_that_are_there_pass_also_where_the_manifest_is_broken(
        self, without: tuple[Version, ...]
    ) -> None:
        gate = (
            'metrics = ["annotations.auc >= 0.8", "annotations.n < 1"]\n'
            'require = ["annotations", "annotations.n", "annotations.ok"]'
        )
        said = {"auc": 0.8, "n": 0, "ok": False}

        assert self.step(gate, annotations=said, without=without) == []

    def test_what_to_annotate_is_said(self) -> None:
        (judgement,) = judge_step(
            policy('metrics = ["annotations.auc >= 0.8"]'),
            self.BEFORE,
            (CHANGE,),
            lambda _: NOTHING,
            self.look(),
        )

        (found,) = faults_of(judgement)
        assert found.mend == "gms annotate churn@1.1.0 auc=VALUE"

    def test_nothing_is_read_where_no_rule_has_a_say(self) -> None:
        def never(*_: Any) -> Any:
            raise AssertionError

        (found,) = judge_step(
            policy("replay = true"),
            EMPTY,
            [Change("churn", V2, "registered", "staging")],
            lambda _: NOTHING,
            Lookups(never, never, never),
        )

        assert found.judged == ()


REQUIRED = [
    *("data", "data.train", "features", "target", "metrics", "metrics.a", "baseline", "code"),
    *("code.clean", "code.url", "card", "card.limitations", "card.Ethics", "message", "sample"),
    *("custom", "custom.a.b"),
]


class TestAny:
    """Of any two manifests: an answer, never an exception, and the same one every time."""

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(manifest_values(), manifest_values(), st.sampled_from(["a", "auc"]), st.booleans())
    def test_there_is_always_an_answer(self, one: Any, other: Any, metric: str, returned: bool):
        rules = policy(
            f'from = ["staging"]\nmetrics = ["{metric} > 0.5", "{metric} >= current - 0.1"]\n'
            f"require = {REQUIRED}\nreplay = true".replace("'", '"')
        )
        candidate, held_by = (fields_of.read(Manifest, value) for value in (one, other))

        found = judge(rules, CHANGE, candidate, held_by, returned, Recorded("identical"))

        assert len(found.judged) == (1 if returned else 4 + len(REQUIRED))
        assert found == judge(rules, CHANGE, candidate, held_by, returned, Recorded("identical"))
        for condition in found.judged:
            assert condition.passed == (", must be " not in condition.what)


def test_the_hint_about_one_fault_of_a_file_is_not_said_of_the_others():
    text = b'schema = "1.0"\n[stor]\n[lifecycle]\nexclusive = ["zz"]\n'
    with pytest.raises(FormatError) as caught:
        Policy.parse(text)

    first, second = format_faults(caught.value, "GMS012", "modelstore.toml", mend="restore it")

    assert (first.mend, second.mend) == ("did you mean 'store'?", "restore it")
