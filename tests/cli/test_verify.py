"""`gms verify`, and the replay before `gms rollback`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from sklearn.linear_model import LogisticRegression

Git = Callable[..., str]


@pytest.fixture
def sampled(gms, rows) -> None:
    """leave 1.0.0, with a sample and its metrics on `rows.csv`; 1.1.0 is in production after it."""
    for file in ("first.joblib", "second.joblib"):
        options = ["--sample-from", rows, "--target", "left", "--no-code"]
        assert gms("register", "leave", file, *options, "--metric", "accuracy=0.5").code == 0
        assert gms("promote", "leave@latest", "production").code == 0


@pytest.fixture
def elsewhere(monkeypatch):
    answer = LogisticRegression.predict_proba

    def move(by: float) -> None:
        monkeypatch.setattr(
            LogisticRegression, "predict_proba", lambda self, X: answer(self, X) * (1 - by)
        )

    return move


@pytest.mark.usefixtures("unchanged")
class TestVerify:
    def test_what_is_sound(self, session):
        session("""
$ gms verify churn
churn 1.1.0  5 files verified
$ gms verify churn --replay
churn 1.1.0  5 files verified, no sample to replay
$ gms verify --all
churn 1.1.0  5 files verified
churn 1.0.0  5 files verified
fraud 1.0.0  5 files verified
2> note: 3 versions verified, all sound
""")

    def test_json(self, gms):
        found = json.loads(gms("verify", "churn", "--json").stdout)

        said = {"model": "churn", "version": "1.1.0", "status": "production", "sound": True}
        said |= {"file_count": 5, "faults": []}
        unasked = dict.fromkeys(("replay", "metrics", "signatures", "unloaded"))
        assert found == {"sound": True, "faults": [], "versions": [said | unasked]}


def test_a_fault_is_listed_and_the_exit_code_is_1(session, git: Git):
    git("tag", "-d", "churn@v1.0.0")

    session("""
$ gms verify --all
churn 1.1.0  5 files verified
churn 1.0.0  1 fault
  tag churn@v1.0.0 is missing: plain git cannot find the version
fraud 1.0.0  5 files verified
2> note: 3 versions verified, 1 faulty or different
= 1
""")


@pytest.mark.usefixtures("sampled")
class TestReplay:
    def test_identical(self, session):
        session("$ gms verify leave --replay\nleave 1.1.0  6 files verified, answers identical")

    def test_within_tolerance(self, session, elsewhere):
        elsewhere(2e-9)

        session("""
$ gms verify leave --replay
leave 1.1.0  6 files verified, answers within tolerance (largest difference 1.82e-09, \
relative 2e-09)
""")

    def test_different_with_the_rows(self, gms, elsewhere):
        elsewhere(0.5)

        said = gms("verify", "leave", "--replay")
        found = json.loads(gms("verify", "leave", "--replay", "--json").stdout)

        lines = said.stdout.splitlines()
        assert lines[0] == "leave 1.1.0  6 files verified, answers different"
        assert lines[1].startswith("  predict_proba: 50 of 50 rows, largest difference 0.4")
        assert lines[2].startswith("    row 0: recorded [")
        assert lines[-1] == "    … and 45 more"
        assert (len(lines), said.stderr, said.code) == (8, "", 1)
        assert found["sound"] is False
        replay = found["versions"][0]["replay"]
        assert (replay["outcome"], replay["rows"], replay["why"]) == ("different", 50, None)
        labels, chances = replay["methods"]
        assert (labels["outcome"], labels["differences"]) == ("identical", [])
        first = chances["differences"][0]
        assert first["present"] == pytest.approx([value / 2 for value in first["recorded"]])

    def test_a_pipeline_that_fails_here(self, session, monkeypatch):
        def fail(self: object, X: object) -> None:
            raise ValueError("no such\nsolver")

        monkeypatch.setattr(LogisticRegression, "predict", fail)

        session("""
$ gms verify leave --replay
leave 1.1.0  6 files verified, answers different
  it cannot answer here: ValueError: no such solver
= 1
""")

    def test_metrics_are_computed_again(self, gms, rows):
        said = gms("verify", "leave", "--test", rows)
        found = json.loads(gms("verify", "leave", "--test", rows, "--json").stdout)

        first, second = said.stdout.splitlines()
        assert first == "leave 1.1.0  6 files verified"
        assert second.startswith("  accuracy: recorded 0.5, now ")
        assert second.endswith(", different")
        assert said.code == 1
        (metric,) = found["versions"][0]["metrics"]
        assert (metric["name"], metric["recorded"], metric["same"]) == ("accuracy", 0.5, False)

    def test_rollback_to_a_different_one_is_refused_but_where_it_is_meant(
        self, session, git, elsewhere
    ):
        elsewhere(0.5)
        head = git("rev-parse", "HEAD")

        session("""
$ gms rollback leave
2> error: leave 1.0.0 answers differently here than when it was registered
2> hint: see how with `gms verify leave@1.0.0 --replay`; name another version with --to VERSION, \
or go back anyway with --no-replay --reason TEXT
= 1
""")
        assert (git("rev-parse", "HEAD"), git("status", "--porcelain")) == (head, "")
        session("""
$ gms rollback leave --no-replay --reason urgent
leave 1.0.0 is in production again (was 1.1.0, now withdrawn)
""")

    def test_true_rows_are_kept_when_asked_for(self, gms, rows):
        options = ["--sample", "rows", "--target", "left", "--no-code"]

        assert gms("register", "leave", "first.joblib", *options, "--sample-from", rows).code == 0
        sample = json.loads(gms("cat", "leave@latest:sample.json").stdout)
        assert (sample["made"], sample["rows"]) == ("rows", 40)


@pytest.fixture
def gone(monkeypatch):
    """What the pipelines name is not in the releases that are installed here."""
    from gitmodelstore.lineage import environment
    from gitmodelstore.pickles.fast_load import find_known

    found = environment.present_versions()
    versions = {**found, "scikit-learn": "99.0.1"}
    monkeypatch.setattr(environment, "present_versions", lambda: versions)
    monkeypatch.delattr("sklearn.linear_model._logistic.LogisticRegression")
    find_known.cache_clear()
    yield found["scikit-learn"]
    find_known.cache_clear()


@pytest.mark.usefixtures("sampled")
class TestWhatCannotBeLoadedHere:
    SERIES = "{}.{}".format(*sys.version_info)

    def test_it_is_not_faulty_and_says_how_to_load_it(self, gms, session, gone):
        wanted = f"scikit-learn {gone}, here 99.0.1"
        session(f"""
$ gms verify leave@1.1.0 --replay
leave 1.1.0  6 files verified, cannot be loaded here
  'models/leave/pipeline.joblib of leave 1.1.0' needs \
'sklearn.linear_model._logistic.LogisticRegression', which the installed \
'sklearn.linear_model._logistic' does not have; it was trained with {wanted}
  hint: create its environment: `gms env leave@1.1.0 > requirements.txt`, then `uv venv --python \
{self.SERIES} leave-env && uv pip install --python leave-env -r requirements.txt`, or `pip install \
-r requirements.txt` with Python {self.SERIES}
= 128
""")
        said = gms("--json", "verify", "leave@1.1.0", "--replay")
        document = json.loads(said.stdout)

        (version,) = document["versions"]
        assert (said.code, document["sound"], version["faults"]) == (128, True, [])
        assert version["unloaded"]["code"] == "other-versions-needed"
        assert version["unloaded"]["message"].endswith(wanted)
        assert version["replay"] is None

    def test_all_else_goes_on_without_loading(self, gms, gone):
        assert gms("verify", "--all").code == 0
        assert gms("verify", "--all", "--replay").stderr.endswith("cannot be loaded here\n")
        assert gms("list", "leave").code == 0
        assert gms("show", "leave@1.0.0").code == 0
        assert gms("diff", "leave@1.0.0", "leave@1.1.0").code == 1
        assert gms("promote", "leave@1.0.0", "staging").code == 0
        assert gms("env", "leave@1.0.0").stdout
