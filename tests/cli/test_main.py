"""`gms` as a program: its names, what it imports, pipes, terminals, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gitmodelstore.cli.main import main

from .conftest import on_terminal

CHURN = "MODEL  VERSIONS  HIGHEST  PRODUCTION  STAGING\nchurn         2  1.1.0    1.1.0       -\n"
MORE = "note: 1 more model: leave out -n to see all\n"


def scripts() -> Path:
    """The folder of the installed entry points, which stand beside Python."""
    return Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        "gms -C models list -n1",
        "gitmodelstore -C models list -n1",
        "git-modelstore -C models list -n1",
        "git modelstore -C models list -n1",
        "git -C models modelstore list -n1",
    ],
)
def test_each_name_of_the_program(place, monkeypatch, command):
    if not (scripts() / "gms").exists():
        pytest.skip("the package is not installed here")
    monkeypatch.setenv("PATH", f"{scripts()}{os.pathsep}{os.environ['PATH']}")

    process = subprocess.run(command.split(), capture_output=True, text=True, check=False)

    assert (process.stdout, process.stderr, process.returncode) == (CHURN, MORE, 0)


# What is imported


def test_only_what_loads_pipelines_imports_the_heavy_packages(imported):
    typed = (
        *("list", "list --json", "list churn", "show churn", "log", "log -G pipeline.algorithm"),
        *("search metrics.test_auc>0.8", "which churn", "get churn", "cat churn:README.md"),
        *("help", "help register", "promote churn@1.0.0 staging", "verify --all"),
        *("inspect first.joblib", "inspect churn"),
    )
    assert imported(*typed) == dict.fromkeys(typed, "0")


def test_a_short_command_does_not_look_for_garbage_in_what_it_imports(place):
    """Python would a dozen times, and once more at its end: a quarter of the command."""
    program = (
        "import atexit, gc, sys; from gitmodelstore.cli.main import run; "
        "began = gc.get_stats()[2]['collections']; sys.argv = 'gms -C models list'.split(); "
        "atexit.register(lambda: print("
        "gc.get_stats()[2]['collections'] - began, gc.get_freeze_count() > 10_000)); run()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "0 True"


# Pipes and signals


def test_a_closed_pipe_ends_quietly(place):
    script = f"{{ {sys.executable} -m gitmodelstore.cli.main -C models log; echo $? >&2; }} | true"
    process = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    assert (process.stdout, process.stderr) == ("", "141\n")


def test_a_full_disk_is_told(place, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "gitmodelstore.cli.main", "-C", "models", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert process.returncode == 128
    assert process.stderr == "error: the output could not be written: no space left on device\n"


def interruptible() -> None:
    """Take Ctrl-C, also where the tests run in the background of a shell that ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_says_only_that(place):
    os.mkfifo(place / "slow.json")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gitmodelstore.cli.main", "-C", "models", "register"),
            *("churn", "first.joblib", "--metrics", "slow.json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    with (place / "slow.json").open("w"):  # returns once the command reads it
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)

    assert (stdout, stderr, process.returncode) == ("", "interrupted\n", 130)


# Faults of our own


broken = staticmethod(partial(iter, 3))  # which raises in C: no code of anybody's is passed


def test_a_fault_of_ours_asks_to_be_reported_and_shows_where_when_asked(gms, session, monkeypatch):
    monkeypatch.setattr("gitmodelstore.store.Store.models", broken)

    session("""
$ gms list
2> error: internal error in gitmodelstore: TypeError: 'int' object is not iterable
2> hint: please report it with the command that you ran; -v shows where it happened
= 128
""")
    stderr = gms("list", "-v").stderr
    assert stderr.startswith("Traceback (most recent call last):\n")
    assert stderr.endswith(
        "hint: please report it with the command that you ran and the lines above\n"
    )


# Terminals


@pytest.mark.usefixtures("place", "colorful")
def test_colour_on_a_terminal():
    assert "\x1b[1mchurn 1.1.0\x1b[m\n  \x1b[32min production\x1b[m" in on_terminal(
        "which", "churn"
    )
    assert on_terminal("nothing").startswith("\x1b[1;31merror:\x1b[m 'nothing'")


@pytest.mark.usefixtures("place", "colorful")
@pytest.mark.parametrize(
    ("args", "variables"),
    [(["--no-color"], {}), (["--json"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
)
def test_no_colour_when_told(args, variables):
    assert "\x1b" not in on_terminal("which", "churn", *args, **variables)


@pytest.mark.usefixtures("colorful")
def test_gits_own_setting_of_colour(gms, git: Callable[..., str]):
    git("config", "color.ui", "never")
    assert "\x1b" not in on_terminal("which", "churn")
    git("config", "color.ui", "always")
    assert "\x1b[1mchurn 1.1.0\x1b[m" in gms("which", "churn").stdout


@pytest.mark.usefixtures("place")
def test_long_output_goes_through_gits_pager():
    assert on_terminal("log", "--oneline", "-n1", GIT_PAGER="sed s/^/paged:/").startswith("paged:")
    assert on_terminal("log", GIT_PAGER="true") == ""  # left early, which is no error
    for typed in (["list"], ["show", "churn"], ["diff", "churn@1.0.0", "churn@1.1.0"]):
        assert on_terminal(*typed, GIT_PAGER="sed s/^/paged:/").startswith("paged:")
    assert on_terminal("verify", "--all", GIT_PAGER="sed s/^/paged:/").startswith("paged:")


def test_a_terminal_is_shown_a_file_of_text_and_no_binary_one(gms):
    assert on_terminal("cat", "churn:pipeline.joblib") == (
        "error: 'pipeline.joblib' is binary and cannot be shown on a terminal\n"
        "hint: write it to a file: gms cat churn:pipeline.joblib > pipeline.joblib\n"
    )
    shown = on_terminal("cat", "churn:requirements.txt")
    assert shown == gms("cat", "churn:requirements.txt").stdout != ""


@pytest.mark.parametrize("module", ["gitmodelstore", "gitmodelstore.cli.main"])
def test_without_a_command_the_everyday_ones_are_shown(gms, module):
    call = [sys.executable, "-m", module]
    done = subprocess.run(call, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr, done.returncode) == ("", gms("help").stdout, 2)


def test_options_after_the_command_are_the_same(gms):
    assert gms("--json", "list") == gms("list", "--json")
    assert main(["list", "-C", "models", "--no-color", "-q", "-v"]) == 0
