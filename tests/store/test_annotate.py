"""Annotations: what is said of a version afterwards, beside what it is made of."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from gitmodelstore import Annotation, Store
from gitmodelstore.checks.gates import Annotations
from gitmodelstore.errors import GateNotPassed, InvalidInput, ModelNotFound, VersionNotFound
from gitmodelstore.values.gates import annotation_text

from .conftest import once
from .looks import commit_by_hand, git, look, refusal

MARCH = datetime(2026, 3, 3, 12, tzinfo=timezone.utc)
ADA = "Ada Lovelace <ada@example.org>"
REF = "churn@1.0.0"


@pytest.fixture
@once
def made(any_store, fitted, refitted) -> Store:
    """churn 1.0.0 and 1.1.0, an hour later."""
    for hour, pipeline in enumerate((fitted, refitted)):
        store = Store.open(any_store.path, now=lambda: MARCH + timedelta(hours=hour))  # noqa: B023
        store.register(pipeline, "churn", code=None)
    return any_store


@pytest.fixture
def churn(made, notes) -> Store:
    """The same; each write is an hour after the one before."""
    hours = count(2)
    later = lambda: MARCH + timedelta(hours=next(hours))  # noqa: E731
    return Store.open(made.path, durable=False, notify=notes.append, now=later)


@pytest.fixture
@once
def tree(store, fitted, refitted) -> Store:
    """The same, with a work tree in any case, for what is done by hand."""
    store.register(fitted, "churn", code=None)
    store.register(refitted, "churn", code=None)
    return store


def values(store: Store, ref: str = "churn@1.0.0") -> dict[str, object]:
    return {key: one.value for key, one in store.annotations(ref).items()}


def by_hand(store: Store, message: str) -> str:
    """Commit nothing but a message, as somebody without our commands would."""
    git(store.path, "commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", message)
    return git(store.path, "rev-parse", "HEAD").strip()


def text(model: str = "churn", version: str = "1.0.0", reason: str = "", **said: object) -> str:
    return annotation_text(model, version, said, reason)


class TestAnnotate:
    def test_it_is_a_commit_that_changes_no_file(self, churn):
        before = git(churn.path, "rev-parse", "main^{tree}")

        event = churn.annotate(
            "churn@1.0.0", {"validation_auc": 0.83, "approval": "A-17"}, reason="June  is\nin"
        )

        assert str(event) == (
            'churn 1.0.0 annotated: validation_auc=0.83 approval="A-17" (June is in)'
        )
        assert git(churn.path, "rev-parse", "main^{tree}") == before
        assert git(churn.path, "rev-parse", "main").strip() == event.commit
        assert git(churn.path, "log", "-1", "--format=%B", "main") == (
            "annotate churn 1.0.0: validation_auc, approval\n\nEvent: annotated\nModel: churn\n"
            'Version: 1.0.0\nKey: validation_auc\nValue: 0.83\nKey: approval\nValue: "A-17"\n'
            "Reason: June is in\n\n"
        )

    def test_it_is_found_with_who_when_and_why(self, churn):
        event = churn.annotate(REF, {"auc": 0.83}, reason="June is in")

        assert churn.annotations("churn@1.0.0") == {
            "auc": Annotation(
                "auc", 0.83, event.commit, ADA, MARCH + timedelta(hours=2), "June is in"
            )
        }
        assert churn.annotations("churn@1.1.0") == {}

    def test_the_store_is_as_sound_as_before(self, churn):
        churn.promote("churn@1.0.0", "production")
        before = churn.which("churn")
        churn.annotate(REF, {"auc": 0.83})

        assert churn.which("churn") == before
        assert churn.validate() == ()
        assert churn.doctor().faults == ()
        assert churn.verify().is_sound

    def test_of_a_key_the_latest_value_counts_and_the_log_keeps_all(self, churn):
        churn.annotate(REF, {"b": 1, "a": True})
        churn.annotate(REF, {"b": 2}, reason="again")
        churn.annotate("churn@1.1.0", {"b": 3})

        assert values(churn) == {"a": True, "b": 2}
        assert [str(event) for event in churn.log("churn")][:3] == [
            "churn 1.1.0 annotated: b=3",
            "churn 1.0.0 annotated: b=2 (again)",
            "churn 1.0.0 annotated: b=1 a=true",
        ]
        assert list(churn.log("churn")) == list(churn.log())

    def test_it_is_taken_back(self, churn):
        churn.annotate(REF, {"a": 1, "b": 2})
        churn.annotate(REF, {"a": None}, reason="a slip")

        assert values(churn) == {"b": 2}
        assert str(churn.log("churn")[0]) == "churn 1.0.0 annotated: a= (a slip)"
        churn.annotate(REF, {"a": 3})
        assert values(churn) == {"a": 3, "b": 2}

    def test_what_is_said_already_is_not_written_again(self, churn, notes):
        churn.annotate(REF, {"a": 1, "b": "x"})
        before = look(churn.path) if churn.path.name == "store" else None

        assert churn.annotate(REF, {"b": "x"}, reason="once more") is None
        assert notes == ["churn 1.0.0 already has these annotations, so nothing was written"]
        assert before is None or look(churn.path) == before

    @pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), ("1", 1), (0, False)])
    def test_equal_to_python_is_not_the_same(self, churn, before, after):
        churn.annotate(REF, {"a": before})

        assert churn.annotate(REF, {"a": after}) is not None
        assert type(values(churn)["a"]) is type(after)

    def test_numbers_of_numpy(self, churn):
        churn.annotate(REF, {"a": np.float32(0.5), "b": np.int64(7), "c": np.bool_(True)})

        assert values(churn) == {"a": 0.5, "b": 7, "c": True}

    def test_a_version_that_was_withdrawn_or_rolled_back_from(self, churn):
        churn.promote("churn@1.0.0", "production")
        churn.promote("churn@1.1.0", "production")
        churn.annotate("churn@1.1.0", {"drift": 0.4})
        churn.rollback("churn", reason="drift")
        churn.annotate("churn@1.1.0", {"post-mortem": "PM-3"})

        assert values(churn, "churn@1.1.0") == {"drift": 0.4, "post-mortem": "PM-3"}
        assert churn.which("churn@1.1.0").why == "drift"

    def test_a_version_may_be_named_by_its_status(self, churn):
        churn.promote("churn@1.1.0", "production")
        event = churn.annotate("churn@production", {"a": 1})

        assert str(event.version) == "1.1.0"
        assert churn.annotate(churn.version("churn"), {"b": 1}).version == event.version


class TestRefused:
    @pytest.mark.parametrize(
        ("ref", "said", "kind", "what", "hint"),
        [
            ("churn@9.0.0", {"a": 1}, VersionNotFound, "no version '9.0.0' of 'churn'", ...),
            ("chrun@1.0.0", {"a": 1}, ModelNotFound, "no model 'chrun'", "did you mean 'churn'?"),
            (
                REF,
                {},
                InvalidInput,
                "no annotation is given",
                "name a key and its value, as in validation_auc=0.83",
            ),
            (
                *(REF, {f"k{i}": i for i in range(51)}, InvalidInput),
                *("51 keys, more than 50 at once", "annotate them in several steps"),
            ),
            (
                *(REF, {"approvel": None}, InvalidInput),
                *("churn 1.0.0 has no annotation 'approvel' to remove", "did you mean 'approval'?"),
            ),
            (
                *(REF, {"zzz": None}, InvalidInput),
                "churn 1.0.0 has no annotation 'zzz' to remove",
                "see them with `gms show churn@1.0.0`",
            ),
            (REF, {"A": 1}, InvalidInput, "'A' is not a key of an annotation", ...),
            (
                *(REF, {"a": {"b": 1}}, InvalidInput),
                "'a' is a dict, not a number, true, false or text",
                "name a key for each value",
            ),
        ],
    )
    def test_it_is_refused_and_nothing_is_written(self, tree, ref, said, kind, what, hint):
        tree.annotate(REF, {"approval": 1})
        before = look(tree.path)

        *told, advice = refusal(tree.annotate, ref, said)

        assert told == [kind, what]
        assert hint in (..., advice)
        assert look(tree.path) == before

    def test_a_model_names_no_version(self, tree):
        tree.promote("churn@1.0.0", "production")
        assert refusal(tree.annotate, "churn", {"auc": 1}) == (
            VersionNotFound,
            "which version of 'churn' do you want to annotate?",
            "the newest is 1.1.0: gms annotate churn@1.1.0 auc=VALUE",
        )

    def test_a_hidden_character_in_the_reason(self, tree):
        with pytest.raises(
            InvalidInput, match=r"^the reason contains the hidden character U\+202E\n"
        ):
            tree.annotate(REF, {"a": 1}, reason="a\u202eb")


class TestMessageOfAVersion:
    """Somebody else's folder brings one; it must not speak in the name of who registers it."""

    REFUSAL = (
        InvalidInput,
        "the message contains the lines of an annotation, and would count as one",
        "give another with -m TEXT, and annotate with `gms annotate`",
    )

    def test_of_a_pipeline(self, tree, fit):
        before = look(tree.path)
        message = f"Good.\n\n{text(a=1)}"
        assert refusal(tree.register, fit(C=9.0), "churn", message=message) == self.REFUSAL
        assert look(tree.path)[:2] == before[:2]

    def test_of_a_folder(self, tree, tmp_path):
        folder = tree.download("churn@1.1.0", tmp_path / "theirs")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["message"] = text(approval="A-17").strip()
        (folder / "manifest.json").write_text(json.dumps(manifest))

        assert refusal(tree.register_folder, folder, "churn") == self.REFUSAL
        tree.register_folder(folder, "churn", message="theirs")
        assert values(tree) == {}

    def test_one_that_only_speaks_of_events_is_none(self, tree, fit):
        tree.register(fit(C=9.0), "churn", message="Event: annotated\nby hand", code=None)

        assert str(tree.version("churn@latest").version) == "1.2.0"


class TestHistory:
    """Whatever git makes of the commits, the words count."""

    def test_made_by_hand_it_is_as_good(self, tree):
        oid = by_hand(tree, text(a=7, reason="by hand"))

        found = tree.annotations("churn@1.0.0")["a"]
        assert (found.value, found.commit, found.why) == (7, oid, "by hand")

    def test_a_commit_that_changes_files_carries_it_too(self, tree):
        commit_by_hand(tree.path, "README.md", "Hello\n", text(a=7))

        assert values(tree) == {"a": 7}
        assert tree.validate() == ()

    def test_of_a_version_that_was_not_there_yet_it_does_not_count(self, tree, fit):
        by_hand(tree, text(version="1.2.0", approval="A-1"))
        tree.register(fit(C=9.0), "churn", code=None)

        assert values(tree, "churn@1.2.0") == {}
        assert "annotated" not in [event.kind for event in tree.log("churn")]

    def test_what_does_not_follow_the_form_is_passed_over(self, tree):
        by_hand(tree, "Event: annotated")
        by_hand(tree, text(a=7).replace("Value: 7", "Value: seven"))
        by_hand(tree, text(version="not.a.version", a=7))
        by_hand(tree, text(model="fraud", a=7))

        assert values(tree) == {}
        assert {event.kind for event in tree.log()} == {"registered"}
        assert tree.validate() == ()

    def test_a_merge_carries_what_its_commits_say(self, tree):
        git(tree.path, "checkout", "--quiet", "-b", "proposal")
        first = by_hand(tree, text(a=1, b=1, reason="there"))
        by_hand(tree, text(a=2))
        git(tree.path, "checkout", "--quiet", "main")
        by_hand(tree, text(a=0, c=0))
        git(tree.path, "merge", "--quiet", "--no-ff", "-m", "Merge", "proposal")

        assert values(tree) == {"a": 2, "b": 1, "c": 0}
        found = tree.annotations("churn@1.0.0")["b"]
        assert (found.commit, found.why, found.who) == (first, "there", ADA)
        assert [str(event) for event in tree.log()][:3] == [
            "churn 1.0.0 annotated: a=2",
            "churn 1.0.0 annotated: a=1 b=1 (there)",
            "churn 1.0.0 annotated: a=0 c=0",
        ]
        assert tree.validate() == ()

    def test_merges_of_merges_are_told_once_each(self, tree):
        git(tree.path, "checkout", "--quiet", "-b", "one")
        by_hand(tree, text(a=1))
        git(tree.path, "checkout", "--quiet", "-b", "two", "main")
        by_hand(tree, text(b=1))
        git(tree.path, "merge", "--quiet", "--no-ff", "-m", "Merge one into two", "one")
        git(tree.path, "checkout", "--quiet", "main")
        by_hand(tree, "main goes on")
        git(tree.path, "merge", "--quiet", "--no-ff", "-m", "Merge one", "one")
        git(tree.path, "merge", "--quiet", "--no-ff", "-m", "Merge two", "two")

        told = [str(event) for event in tree.log() if event.kind == "annotated"]
        assert told == ["churn 1.0.0 annotated: b=1", "churn 1.0.0 annotated: a=1"]

    def test_a_squash_tells_moves_after_what_was_said_before_them(self, tree):
        git(tree.path, "checkout", "--quiet", "-b", "proposal")
        by_hand(tree, text(a=1))
        git(tree.path, "config", "store.branch", "proposal")
        Store.open(tree.path).promote("churn@1.0.0", "staging", reason="good")
        git(tree.path, "config", "store.branch", "main")
        body = git(tree.path, "log", "--reverse", "--format=* %B", "main..proposal")
        git(tree.path, "checkout", "--quiet", "main")
        git(tree.path, "merge", "--quiet", "--squash", "proposal")
        git(tree.path, "commit", "--quiet", "-m", f"Squashed\n\n{body}")

        assert values(tree) == {"a": 1}
        assert [str(event) for event in tree.log()][:2] == [
            "churn 1.0.0 promoted: registered -> staging (good)",
            "churn 1.0.0 annotated: a=1",
        ]
        assert tree.validate() == ()

    def test_beside_a_registry_that_is_none_it_does_not_count(self, tree):
        tree.annotate(REF, {"a": 1})
        whole = (tree.path / "registry.json").read_text()
        commit_by_hand(tree.path, "registry.json", "{", text(b=2))
        commit_by_hand(tree.path, "registry.json", whole, text(c=3))

        assert values(tree) == {"a": 1, "c": 3}
        assert [event.annotations for event in tree.log()][:2] == [(("c", 3),), (("a", 1),)]

    def test_both_ways_to_look_agree(self, tree):
        """With and without knowing where the version was introduced."""
        tree.annotate("churn@1.1.0", {"a": 1})
        tree.annotate(REF, {"a": 2, "b": 3})
        version = tree.version("churn@1.0.0")
        head = git(tree.path, "rev-parse", "HEAD").strip()

        line = Annotations(tree._repository, head)
        assert line.of("churn", version.version) == tree.annotations(version)
        assert set(tree.annotations(version)) == {"a", "b"}


class TestSigned:
    def test_it_is_signed_where_git_signs(self, tree, desk):
        event = Store.open(tree.path, durable=False).annotate(REF, {"a": 1})

        assert "-----BEGIN SSH SIGNATURE-----" in git(tree.path, "cat-file", "commit", event.commit)

    def test_or_is_not_where_it_is_told_not_to(self, tree, desk):
        event = Store.open(tree.path, durable=False).annotate(REF, {"a": 1}, sign=False)

        assert "SIGNATURE" not in git(tree.path, "cat-file", "commit", event.commit)

    def test_a_store_that_wants_signatures_refuses_one_without(self, tree, desk):
        desk.allow(desk.ada)
        desk.sit_down(desk.ada, sign=False)
        policy = 'schema = "1.0"\n[policy]\nrequire_signed = true\n'
        commit_by_hand(tree.path, "modelstore.toml", policy)
        store = Store.open(tree.path, durable=False)

        said = "^annotate churn 1.0.0: a: not signed as the store requires"
        with pytest.raises(GateNotPassed, match=said):
            store.annotate(REF, {"a": 1})
        assert store.annotate(REF, {"a": 1}, sign=True).annotations == (("a", 1),)


def test_two_writers_at_once_both_count(tree, tmp_path: Path):
    from concurrent.futures import ThreadPoolExecutor

    def say(number: int) -> None:
        Store.open(tree.path, durable=False).annotate(REF, {f"k{number}": number})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(12)))

    assert values(tree) == {f"k{number}": number for number in range(12)}
    assert git(tree.path, "status", "--porcelain") == ""
