"""Gates from the command line: what is printed of a refusal, and how it is overridden."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.keys import Desk

Git = Callable[..., str]
SETTINGS = """\
[gates.production]
from = ["staging"]
metrics = ["accuracy >= 0.75", "test_auc >= current - 0.01"]
require = ["data.train", "card.intended_use"]
"""
REFUSED = """
$ gms promote churn@1.2.0 production
2> error: churn 1.2.0 does not pass the gate of production
2>        failed: comes from registered, must come from staging
2>        failed: accuracy is 0.7, must be >= 0.75
2>        failed: test_auc is 0.9, must be >= current - 0.01, not comparable: churn 1.2.0 records \
no test data
2>        failed: data.train is missing, must be recorded
2>        passed: card.intended_use is recorded
2> hint: run `gms promote churn@1.2.0 staging`, or override it: gms promote churn@1.2.0 production \
--force --reason TEXT
= 1
"""


@pytest.fixture
def gated(place: Path, gms, git: Git) -> None:
    """A gate before production, and churn 1.2.0, which does not pass it."""
    commit_settings(place, git, SETTINGS)
    done = gms(
        *("register", "churn", "first.joblib", "--no-code", "--intended-use", "calls"),
        *("--metric", "accuracy=0.7", "--metric", "test_auc=0.9", "--version", "1.2.0"),
    )
    assert done.code == 0, done.stderr


@pytest.mark.usefixtures("gated", "unchanged")
def test_a_refusal_lists_every_condition(session):
    session(REFUSED)


def test_an_override_is_told_and_stands_in_the_log(gms, gated, session):
    session("""
$ gms promote churn@1.2.0 production --force --reason 'we must'
churn 1.2.0 is in production (was 1.1.0, now archived)
2> note: overridden: churn 1.2.0: comes from registered, must come from staging
2> note: overridden: churn 1.2.0: accuracy is 0.7, must be >= 0.75
2> note: overridden: churn 1.2.0: test_auc is 0.9, must be >= current - 0.01, not comparable: \
churn 1.2.0 records no test data
2> note: overridden: churn 1.2.0: data.train is missing, must be recorded
""")
    first, second = json.loads(gms("log", "churn", "-n2", "--json").stdout)["events"]
    assert (first["override"], second["override"]) == ("we must", None)
    assert gms("log", "churn", "-n1", "--oneline").stdout.split(" ", 2)[2] == (
        "churn 1.2.0 promoted to production, was registered, gate overridden (we must)\n"
    )


def commit_settings(place: Path, git: Git, text: str) -> None:
    (place / "models" / "modelstore.toml").write_text(f'schema = "1.0"\n\n{text}')
    git("commit", "--quiet", "--all", "--message", "Set rules")


# All conditions at once, and hints that get on

EVERYTHING = """\
[lifecycle.moves]
registered = ["archived", "staging"]

[gates.production]
from = ["staging"]
metrics = ["accuracy >= 0.7", "annotations.auc >= 0.8"]
require = ["card.intended_use"]
signed = true
approvals = 1
"""


@pytest.fixture
def at_desk(desk, place: Path) -> Desk:
    """Ada and Grace are believed; Ada sits there, and signs only when she is told to."""
    desk.allow(desk.ada, desk.grace)
    desk.sit_down(desk.ada, sign=False)
    return desk


@pytest.fixture
def setting(place: Path, gms, git: Git, rows: str) -> Callable[[str], None]:
    """Register churn 1.2.0, and commit these settings."""
    done = gms(
        *("register", "churn", "first.joblib", "--no-code", "--version", "1.2.0", "--test"),
        *(rows, "--target", "left", "--metric", "accuracy=0.7"),
        *("--intended-use", "calls"),
    )
    assert done.code == 0, done.stderr
    return lambda text: commit_settings(place, git, text)


def typed_by_hint(stderr: str) -> str:
    """The first command of a hint, as somebody types it."""
    (hint,) = re.findall(r"^hint: (.*)$", stderr, re.MULTILINE)
    (command, *_) = re.findall(r"(?:gms|git config) [^`,;]+", hint)
    return command.replace("TEXT", "'it is meant'").replace("KEY=VALUE", "KEY=1")


def follow(gms, desk: Desk, *command: str) -> list[str]:
    """Type a command, and what each refusal hints at, until it passes; return what was typed."""
    typed: list[str] = []
    done = gms(*command)
    while done.code:
        assert len(typed) < 8, typed
        said = done.stderr
        typed.append(typed_by_hint(said).replace("=VALUE", "=0.9"))
        words = shlex.split(typed[-1])[1:]
        if "someone else to run" in said or "grace@example.org must run" in said:
            desk.sit_down(desk.grace, sign=False)
        if typed[-1].startswith("git"):
            desk.allow(desk.ada, desk.grace)
        else:
            done = gms(*words)
            assert done.code == 0 or failed(done.stderr) < failed(said), done.stderr
        desk.sit_down(desk.ada, sign=False)
        if words[: len(command[:3])] != list(command[:3]):  # a step on the way
            done = gms(*command)
    return typed


def failed(stderr: str) -> int:
    return stderr.count("       failed: ") or 1


def test_every_condition_is_in_one_list_and_the_hints_lead_through_it(
    gms, at_desk, setting, session
):
    setting(EVERYTHING)

    session("""
$ gms promote churn@1.2.0 production
2> error: churn 1.2.0 does not pass the gate of production
2>        failed: may not go from registered to production, only archived or staging may follow \
registered
2>        failed: comes from registered, must come from staging
2>        passed: accuracy is 0.7, >= 0.7
2>        failed: annotations.auc is not recorded, must be >= 0.8
2>        passed: card.intended_use is recorded
2>        failed: not signed
2>        failed: 0 of 1 approvals of churn 1.2.0 for production
2> hint: run `gms promote churn@1.2.0 staging`
= 1
""")
    assert follow(gms, at_desk, "promote", "churn@1.2.0", "production") == [
        "gms promote churn@1.2.0 staging",
        "gms annotate churn@1.2.0 auc=0.9",
        "gms approve churn@1.2.0 production",
        "gms promote churn@1.2.0 production --sign",
    ]


# Rules; what is done before; the command, and what its hints have somebody type.
HINTS = """
[gates.production]
signers = ["grace@example.org"]
$ gms promote churn@1.2.0 production --sign
> gms promote churn@1.2.0 production --sign

[gates.production]
approvals = 1
before: gms withdraw churn@1.2.0
$ gms promote churn@1.2.0 production --sign --reason good
> gms promote churn@1.2.0 registered --reason 'it is meant'
> gms approve churn@1.2.0 production

[gates.production]
metrics = ["accuracy >= 0.9"]
approvals = 1
$ gms promote churn@1.2.0 production
> gms approve churn@1.2.0 production
> gms promote churn@1.2.0 production --force --sign --reason 'it is meant'

[gates.production]
from = ["staging"]
override = false
before: gms withdraw churn@1.2.0
$ gms promote churn@1.2.0 production
> gms promote churn@1.2.0 staging --reason 'it is meant'

[gates.production]
replay = true
$ gms promote churn@1.2.0 production --no-replay
> gms promote churn@1.2.0 production --replay

[gates.staging]
metrics = ["accuracy >= 0.9"]
before: gms promote churn@1.2.0 production
$ gms promote churn@1.2.0 staging
> gms promote churn@1.2.0 staging --force --vacate --reason 'it is meant'

before: gms withdraw churn@1.0.0
$ gms rollback churn --to 1.0.0
> gms rollback churn --to 1.0.0 --reason 'it is meant'

before: gms withdraw churn@1.0.0
$ gms archive churn@1.0.0
> gms archive churn@1.0.0 --reason 'it is meant'
"""


@pytest.mark.parametrize("text", HINTS.strip().split("\n\n"))
def test_each_hint_gets_on(gms, at_desk, setting, text):
    rules, before, (command,), expected = (
        [line.removeprefix(mark) for line in text.split("\n") if re.match(pattern, line)]
        for mark, pattern in (
            ("", r"\[|\w+ ="),
            ("before: gms ", "before"),
            ("$ gms ", r"\$"),
            ("> ", ">"),
        )
    )
    setting("\n".join(rules))
    for one in before:
        assert gms(*one.split()).code == 0

    assert follow(gms, at_desk, *command.split()) == expected


def test_a_hint_to_vacate_an_exclusive_status_gets_on(gms, setting):
    shadow = '[lifecycle]\nstatuses = ["shadow"]\nexclusive = ["shadow"]\n\n'
    setting(f'{shadow}[gates.production]\nfrom = ["shadow"]\n')
    command = ("promote", "churn@1.2.0", "production")

    assert typed_by_hint(gms(*command).stderr) == "gms promote churn@1.2.0 shadow"
    assert gms("promote", "churn@1.2.0", "shadow").code == 0
    said = gms(*command).stderr
    assert said.endswith("gms promote churn@1.2.0 production --vacate --reason TEXT\n")
    assert gms(*command, "--vacate", "--reason", "it is meant").code == 0


def test_a_machine_without_a_list_is_told_how_to_have_one(gms, desk, setting, session):
    desk.sit_down(desk.ada, sign=False)
    setting("[gates.production]\napprovals = 1\n")
    missing = "no allowed signers are known: gpg.ssh.allowedSignersFile is not set"

    session(f"""
$ gms promote churn@1.2.0 production
2> error: churn 1.2.0 does not pass the gate of production
2>        failed: the signature cannot be verified: {missing}
2>        failed: the approvals cannot be counted: {missing}
2> hint: write a line `ada@example.org ssh-ed25519 AAAA…` for each person, then: git config \
--global gpg.ssh.allowedSignersFile FILE
= 1
""")
    assert follow(gms, desk, "promote", "churn@1.2.0", "production") == [
        "git config --global gpg.ssh.allowedSignersFile FILE",
        "gms approve churn@1.2.0 production",
        "gms promote churn@1.2.0 production --sign",
    ]


# Nobody in production, and back from withdrawal


def test_production_is_left_empty_only_on_purpose(gms, git: Git):
    done = gms("promote", "churn@1.1.0", "staging", "--vacate", "--reason", "over", "--json")

    (event,) = json.loads(done.stdout)["events"]
    assert (event["after"], event["vacate"], event["reason"]) == ("staging", "over", "over")
    assert gms("log", "churn", "-n1").stdout.startswith(
        "churn 1.1.0 promoted to staging, was in production, nobody in production then\n"
    )


def test_show_and_which_say_that_a_version_had_been_withdrawn(gms):
    gms("withdraw", "churn@1.0.0", "--reason", "leaked labels")
    assert json.loads(gms("which", "churn@1.0.0", "--json").stdout)["withdrawal"] is None
    gms("promote", "churn@1.0.0", "registered", "--reason", "no leak after all")
    gms("promote", "churn@1.0.0", "production", "--reason", "better")

    for command in (["which", "churn"], ["show", "churn"]):
        lines = [" ".join(line.split()) for line in gms(*command).stdout.splitlines()]
        (at,) = (place for place, line in enumerate(lines) if line.startswith("withdrawn "))
        assert re.sub("20[-0-9: ]{14} UTC", "DATE", "\n".join(lines[at : at + 2])) == (
            "withdrawn DATE by Ada Lovelace <ada@example.org> (leaked labels)\n"
            "came back DATE by Ada Lovelace <ada@example.org> (no leak after all)"
        )
        told = json.loads(gms(*command, "--json").stdout)["withdrawal"]
        assert (told["reason"], told["back_reason"]) == ("leaked labels", "no leak after all")


# register --test, --baseline


def test_rows_and_a_baseline_are_recorded(gms, rows):
    done = gms(
        *("register", "churn", "first.joblib", "--no-code", "--bump", "minor"),
        *("--test", rows, "--target", "left", "--baseline"),
    )
    assert (done.code, done.stderr) == (0, "")

    manifest = json.loads(gms("cat", "churn@1.2.0:manifest.json").stdout)
    assert manifest["baseline"]["version"] == "1.1.0"
    assert sorted(manifest["metrics"]) == ["accuracy", "f1_macro", "roc_auc"]
    assert sorted(manifest["baseline"]["metrics"]) == ["accuracy", "f1_macro", "roc_auc"]
    assert [(data["role"], data["uri"]) for data in manifest["data"]] == [("test", "rows.csv")]
    assert manifest["target"] == "left"
