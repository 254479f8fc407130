"""One fixture isolates every test from the machine that it runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pygit2
import pytest
from pygit2.enums import ConfigLevel

from tests.keys import desk, keys

__all__ = ["desk", "keys"]

WITHOUT_HOOKS = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "core.hooksPath",
    "GIT_CONFIG_VALUE_0": "/dev/null",
}


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HOME of its own, no system configuration, a fixed identity; nothing inherited of git."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITMODELSTORE", "GMS_", "XDG_")):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "LINES", "PAGER", "LESS", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    for level, path in (("GLOBAL", str(home)), ("XDG", ""), ("SYSTEM", "")):
        pygit2.settings.search_path[ConfigLevel[level]] = path  # it has read HOME once and for all
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    # What is committed by hand in tests is mostly wrong on purpose; tests/gate tries the hooks.
    for name, value in WITHOUT_HOOKS.items():
        monkeypatch.setenv(name, value)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n"
        "[init]\n\tdefaultBranch = trunk\n[advice]\n\tdetachedHead = false\n"
    )
    return home


LONG = ("interop", "project", "programme", "demo")  # folders of tests with files that take minutes


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist keep the order of `pytest_collection_modifyitems`, not begin with many tests."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the seeds and counts of tests/programme, whatever became of them."""
    told = {
        report.nodeid: [count for name, count in report.user_properties if name == "programme"]
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", "") == "call"
    }
    for test, counts in told.items():
        if counts:
            terminalreporter.write_line(f"{test}: {', '.join(map(str, counts))}")
