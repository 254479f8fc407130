"""`gms bisect`: the command that is handed each version, and what its exit codes mean."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from gitmodelstore.plumbing import processes
from gitmodelstore.store import Store
from tests import json_documents
from tests.store import children

from .conftest import Outcome, Run, make_pipeline_file

NOTE = (
    "note: 3 versions between churn 1.0.0 and 1.4.0, the withdrawn 1.2.0 among them: at most 2 "
    "to test\n"
)
ENDS = "churn 1.0.0  good\nchurn 1.4.0  bad\n"

CHECK = """\
import json, os, sys
from pathlib import Path
import gitmodelstore as gms
folder = Path(sys.argv[2])
manifest = json.loads((folder / "manifest.json").read_text())
number = manifest["version"]
assert sys.argv[1] == "at:" + os.environ["GMS_FOLDER"] == f"at:{folder}"
assert folder.name == f"churn-{number}"
names = [os.environ["GMS_" + name] for name in ("MODEL", "VERSION", "REF")]
assert names == ["churn", number, f"churn@{number}"]
assert Path.cwd() == Path(sys.argv[3])
found = gms.Store.open(os.environ["GITMODELSTORE"]).version(names[2])
assert found.status == os.environ["GMS_STATUS"]
print(names[2], found.status, (folder / "pipeline.joblib").stat().st_size > 0)
sys.exit(number >= "1.3.0")
"""


def shell(**codes: int) -> tuple[str, ...]:
    """A command that exits with a code for each version, `v1_2_0=1`, and else with 0."""
    arms = " ".join(f"{name[1:].replace('_', '.')}) exit {code};;" for name, code in codes.items())
    return ("--", "sh", "-c", f"case $GMS_VERSION in {arms} esac")


@pytest.fixture
def line(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """churn 1.0.0 to 1.4.0, of which 1.2.0 was withdrawn; the folder where others are made."""
    when = datetime(2026, 4, 1, 9, 30, tzinfo=timezone.utc)
    store = Store.open(place / "models", durable=False, now=lambda: when)
    for number in ("1.2.0", "1.3.0", "1.4.0"):
        strength = float(number[2])
        file = make_pipeline_file(place / f"{number}.joblib", strength)
        store.register(file, "churn", version=number, message=f"strength {strength}", code=None)
    store.withdraw("churn@1.2.0")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    return temporary


@pytest.fixture
def bisect(place: Path, line: Path) -> Run:
    """Search churn between 1.0.0 and 1.4.0; afterwards no folder is left."""

    def run(*args: str, options: tuple[str, ...] = (), **variables: str):
        ends = ("--good", "1.0.0", "--bad", "1.4.0")
        words = ("-C", "models", *options, "bisect", "churn", *ends, *args)
        done = children.gms(*words, cwd=place, environment=variables)
        assert list(line.iterdir()) == []
        return Outcome(done.stdout, done.stderr, done.returncode)

    return run


def test_it_names_the_first_bad_version_with_who_when_and_what(bisect):
    found = bisect(*shell(v1_3_0=1, v1_4_0=1))

    assert found == (
        f"{ENDS}churn 1.2.0  good\nchurn 1.3.0  bad\n"
        "churn 1.3.0 is the first bad version\n"
        "  registered 2026-04-01 09:30 UTC by Ada Lovelace <ada@example.org>, is registered\n"
        "    strength 3.0\n"
        "see what changed with: gms diff churn@1.2.0 churn@1.3.0\n",
        NOTE,
        0,
    )


def test_the_command_finds_the_version_as_plain_files_and_in_its_environment(
    bisect, place, tmp_path
):
    script = tmp_path / "check.py"
    script.write_text(CHECK)

    found = bisect("--", sys.executable, str(script), "at:{}", "{}", str(place))

    assert found.code == 0, found.stderr
    assert found.stdout.startswith(f"{ENDS}churn 1.2.0  good\nchurn 1.3.0  bad\n")
    assert found.stderr == (
        f"{NOTE}churn@1.0.0 archived True\nchurn@1.4.0 registered True\n"
        "churn@1.2.0 withdrawn True\nchurn@1.3.0 registered True\n"
    )


@pytest.mark.parametrize("code", [1, 2, 124, 126, 127])
def test_codes_up_to_127_are_bad(bisect, code):
    found = bisect(*shell(v1_2_0=code, v1_3_0=code, v1_4_0=code))

    assert "churn 1.2.0 is the first bad version\n" in found.stdout
    assert found.code == 0


def test_125_skips_and_the_answer_may_be_one_of_several(bisect):
    found = bisect(*shell(v1_2_0=125, v1_3_0=125, v1_4_0=1))

    assert found == (
        f"{ENDS}churn 1.2.0  skipped\nchurn 1.1.0  good\nchurn 1.3.0  skipped\n"
        "the first bad version of churn is one of 1.2.0, 1.3.0, 1.4.0\n"
        "see what changed with: gms diff churn@1.1.0 churn@1.4.0\n",
        NOTE,
        1,
    )


@pytest.mark.parametrize(
    ("line_of_shell", "code"), [("exit 128", 128), ("exit 255", 255), ("kill -9 $$", 137)]
)
def test_codes_above_127_and_signals_end_the_search(bisect, line_of_shell, code):
    found = bisect("--", "sh", "-c", f"[ $GMS_VERSION = 1.0.0 ] || {line_of_shell}")

    command = f"sh -c '[ $GMS_VERSION = 1.0.0 ] || {line_of_shell}'"
    assert found == (
        "churn 1.0.0  good\n",
        f"{NOTE}error: `{command}` exited with {code} for churn 1.4.0, which ends the search\n"
        "hint: an exit code of 0 is good, 125 cannot be tested, any other up to 127 is bad\n",
        1,
    )


def test_both_ends_are_tested_first(bisect):
    hint = "or skip this check with --no-check\n"

    assert bisect("--", "false") == (
        "churn 1.0.0  bad\n",
        f"{NOTE}error: churn 1.0.0 was given as good, but the test says bad\n"
        f"hint: name another version with --good, {hint}",
        1,
    )
    assert bisect("--", "true") == (
        "churn 1.0.0  good\nchurn 1.4.0  good\n",
        f"{NOTE}error: churn 1.4.0 was given as bad, but the test says good\n"
        f"hint: name another version with --bad, {hint}",
        1,
    )
    assert "churn 1.1.0 is the first bad" in bisect("--no-check", "--", "false").stdout
    assert "churn 1.4.0 is the first bad" in bisect("--no-check", "--", "true").stdout


def test_a_command_that_cannot_be_started_is_no_verdict_nor_is_none(bisect):
    assert bisect("--no-check", "--", "no such program") == (
        "",
        f"{NOTE}error: 'no such program' cannot be started: no such file or directory\n"
        "hint: to run a shell command, use: -- sh -c 'LINE'\n",
        1,
    )
    assert bisect() == (
        "",
        "error: missing argument '-- CMD...'\n"
        "hint: as in `gms bisect churn --good 1.0.0 --bad 1.4.0 -- python check.py {}`; "
        "see `gms help bisect`\n",
        2,
    )


def test_a_damaged_version_is_skipped_with_the_reason(bisect, damage):
    """Its manifest is damaged, so that it is told by its commit as well."""
    damage("churn@v1.3.0:models/churn/manifest.json")

    found = bisect(*shell(v1_4_0=1))

    assert "\nchurn 1.3.0  skipped (models/churn/manifest.json" in found.stdout
    assert "the first bad version of churn is one of 1.3.0, 1.4.0\n" in found.stdout
    assert found.code == 1


def test_json_is_one_document_whatever_the_command_prints(bisect):
    found = bisect("--", "sh", "-c", "echo noise; [ $GMS_VERSION = 1.0.0 ]", options=("--json",))

    document = json.loads(found.stdout)
    assert found.stderr == NOTE + "noise\n" * 4
    assert document["model"] == "churn"
    assert document["first_bad"] == {
        **document["suspects"][0],
        "created_at": "2026-03-05T14:05:00Z",
        "author": {"name": "Ada Lovelace", "email": "ada@example.org"},
        "message": None,
    }
    assert document["first_bad"]["ref"] == "churn@1.1.0"
    assert document["last_good"]["ref"] == "churn@1.0.0"
    keys = ("version", "verdict", "exit_code", "why")
    assert [tuple(one[key] for key in keys) for one in document["trials"]] == [
        ("1.0.0", "good", 0, None),
        *((version, "bad", 1, None) for version in ("1.4.0", "1.2.0", "1.1.0")),
    ]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: str(value),
)
def test_what_ends_it_leaves_no_folder(line, place, number, code):
    started = place / "started"
    args = ["-C", "models", "--json", "bisect", "churn", "--good", "1.0.0", "--bad", "1.4.0", "--"]
    args += ["sh", "-c", f"touch {started}; exec sleep 60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gitmodelstore.cli.main", *args],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.02)
    assert len(list(line.iterdir())) == 1

    if number == signal.SIGINT:  # a terminal sends it to the command too
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)

    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    if number == signal.SIGINT:
        assert json_documents.checked("error", stdout)["error"]["code"] == "interrupted"
    assert stderr == NOTE + ("interrupted\n" if number == signal.SIGINT else "")
    assert list(line.iterdir()) == []


def test_a_signal_that_comes_while_the_command_starts_ends_it_too():
    started = []

    def start():
        started.append(processes.start(["sleep", "60"]))
        signal.raise_signal(signal.SIGINT)  # before anybody has the process
        return started[0]

    with pytest.raises(KeyboardInterrupt), processes.running(start):
        pass

    assert started[0].returncode == -signal.SIGTERM
