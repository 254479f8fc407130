"""`gms completion`: the scripts, in real shells; and what they ask."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitmodelstore.cli.commands import COMMANDS, COMPLETE
from gitmodelstore.cli.main import main

Ask = Callable[..., list[str]]


@pytest.fixture
def ask(place: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Return what may stand in place of the last word; nothing may be said of it."""

    def asked(*words: str) -> list[str]:
        assert main([COMPLETE, *words]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return [line.partition("\t")[0] for line in printed.out.splitlines()]

    return asked


class TestCandidates:
    def test_commands_with_what_they_do(self, place, capsys):
        main([COMPLETE, "pro"])

        assert capsys.readouterr().out == "promote\tgive a version a status\n"

    def test_all_commands(self, ask):
        assert ask("") == [entry.name for entry in COMMANDS]

    def test_global_options_and_those_of_a_command(self, ask):
        assert "--no-color" not in ask("list", "--")
        assert ask("--ve") == ["--version"]
        assert ask("register", "--met") == ["--metric", "--metrics"]
        assert ask("promote", "--no-p") == ["--no-push"]

    def test_values_of_a_choice(self, ask):
        assert ask("register", "--sample", "") == ["synthetic", "rows", "none"]
        assert ask("register", "--sample=r") == ["--sample=rows"]
        assert ask("completion", "") == ["bash", "zsh", "fish"]
        assert ask("help", "rep") == ["reproduce"]

    def test_models_and_what_follows_the_only_one(self, ask):
        assert ask("-C", "models", "list", "") == ["churn", "fraud"]
        assert ask("-C", "models", "show", "") == ["churn", "fraud"]
        assert "churn@1.0.0" in ask("-C", "models", "show", "ch")
        assert ask("-C", "models", "which", "churn@pro") == ["churn@production"]
        assert ask("-C", "models", "show", "nobody@") == []

    def test_statuses_and_numbers(self, ask):
        statuses = ["registered", "staging", "production", "archived", "withdrawn"]
        assert ask("-C", "models", "promote", "churn@1.0.0", "s") == ["staging"]
        assert ask("-C", "models", "approve", "churn@1.0.0", "") == statuses
        assert "1.0.0" in ask("-C", "models", "rollback", "churn", "--to", "1")
        assert "--successor=1.0.0" in ask("-C", "models", "archive", "churn@1.1.0", "--successor=1")

    def test_a_file_whose_name_a_shell_would_act_on_is_not_offered(self, ask, place, git):
        store, tag = place / "models", "churn@v1.1.0"
        git("checkout", "--quiet", "--detach", tag)
        (store / "models" / "churn" / "$(touch owned)").write_text("")
        git("add", "--all")
        git("commit", "--quiet", "--amend", "--no-edit")
        git("branch", "--force", "main")
        git("tag", "--force", "--annotate", "--message", "churn 1.1.0", tag)

        offered = ask("-C", "models", "cat", "churn@1.1.0:")

        assert "churn@1.1.0:manifest.json" in offered
        assert not [one for one in offered if "touch" in one]

    def test_files_of_a_version(self, ask):
        assert ask("-C", "models", "cat", "churn@1.0.0:req") == ["churn@1.0.0:requirements.txt"]
        assert "churn@1.0.0:" in ask("-C", "models", "cat", "churn@1.0")

    @pytest.mark.parametrize("how", ["-C", "--store", "variable", "around"])
    def test_in_the_store_that_is_meant(self, ask, place, monkeypatch, how):
        before = {"-C": ["-C", "models"], "--store": [], "variable": [], "around": []}[how]
        command = ["lock", "--store", "models"] if how == "--store" else ["show"]
        if how == "variable":
            monkeypatch.setenv("GITMODELSTORE", str(place / "models"))
        elif how == "around":
            monkeypatch.chdir(place / "models")

        assert "churn@1.0.0" in ask(*before, *command, "churn@1.0")

    def test_behind_two_dashes_there_are_no_options(self, ask):
        assert ask("-C", "models", "reproduce", "churn", "--", "--") == []

    @pytest.mark.parametrize(
        "words",
        [
            (),
            ("frobnicate", ""),
            ("show", "churn@"),
            ("-C", "nowhere", "show", ""),
            ("-C", "https://host.invalid/models.git", "show", ""),
            ("--frobnicate", "--json", "list", "-"),
            ("cat", "nobody@9:"),
            ("show", "\udcff"),
        ],
    )
    def test_says_nothing_of_what_is_wrong_and_writes_nothing(
        self, ask, tmp_path, monkeypatch, words
    ):
        monkeypatch.chdir(tmp_path)
        before = sorted(tmp_path.rglob("*"))

        assert [one for one in ask(*words) if not one.startswith("-")] == []
        assert sorted(tmp_path.rglob("*")) == before

    def test_a_damaged_store_is_no_error(self, ask, place):
        shutil.rmtree(place / "models" / ".git" / "refs")

        assert ask("-C", "models", "show", "") == []

    def test_a_url_offers_the_clone_in_the_cache_and_fetches_nothing(
        self, ask, place, monkeypatch, tmp_path, capsys
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        url = (place / "models").as_uri()
        assert ask("-C", url, "list", "") == []
        assert main(["-C", url, "list"]) == 0
        shutil.rmtree(place / "models")
        capsys.readouterr()

        assert ask("-C", url, "list", "") == ["churn", "fraud"]


def test_json_has_the_script(place, capsys):
    assert main(["completion", "fish"]) == 0
    script = capsys.readouterr().out

    assert main(["completion", "fish", "--json"]) == 0
    assert f'"script": "{script[:20]}' in capsys.readouterr().out


# The shells themselves, on a terminal: what is typed, and which words then stand in the line.


_PROGRAM = """#!{python}
import sys
if sys.argv[1] in ("__complete", "completion"):
    from gitmodelstore.cli.main import run
    run()
print("".join(map("<{{}}>".format, sys.argv[1:])))
"""
_STARTED = {
    "bash": (["--norc", "--noprofile", "-i"], "PS1='$ '; {git}eval \"$(gms completion bash)\""),
    "zsh": (
        ["-f", "-i"],
        "PS1='$ '; autoload -Uz compinit; compinit -u -D; eval \"$(gms completion zsh)\"",
    ),
    "fish": (["--no-config", "-i"], "gms completion fish | source"),
}
_OF_GIT = Path("/usr/share/bash-completion/completions/git")


class Terminal:
    """A shell on a terminal in which gms is completed."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        words, begin = _STARTED[name]
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(name, [name, *words], environment)  # noqa: S606
        self._text = ""
        git = f"source {_OF_GIT}; " if _OF_GIT.exists() else ""
        self._type(begin.replace("{git}", git) + "\r")
        self._type("gms it is rea''dy\r")
        assert self._until(r"<it><is><ready>"), self._text

    def line(self, keys: str) -> str:
        """Return the words that a command gets, once a tab was typed behind these keys."""
        at = len(self._text)
        self._type(keys + "\t")
        self._quiet()
        self._type(" .\r")
        assert self._until(r"<\.>", at), self._text[at:]
        return re.findall(r"((?:<[^<>\r\n]*>)+)", self._text[at:])[-1].removesuffix("<.>")

    def _type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        self._text += os.read(self._terminal, 1 << 16).decode(errors="replace")
        return True

    def _quiet(self) -> None:
        """Wait until nothing more comes: the candidates have been asked for."""
        self._read(10)
        while self._read(0.7):
            pass

    def _until(self, pattern: str, at: int = 0) -> bool:
        end = time.monotonic() + 30
        while not re.search(pattern, self._text[at:]) and time.monotonic() < end:
            self._read(1)
        return re.search(pattern, self._text[at:]) is not None

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


@pytest.fixture(params=_STARTED)
def terminal(request: pytest.FixtureRequest, place: Path, tmp_path: Path) -> Iterator[Terminal]:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"install the package '{name}' to complete in it")
    programs = tmp_path / "programs"
    programs.mkdir()
    for command in ("gms", "git-modelstore"):
        (programs / command).write_text(_PROGRAM.format(python=sys.executable))
        (programs / command).chmod(0o755)
    root = str(Path(__file__).parents[2])
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    more = {"PATH": path, "PYTHONPATH": root, "TERM": "xterm", "GITMODELSTORE": "models"}
    made = Terminal(name, place, {**os.environ, **more})
    yield made
    made.close()


@pytest.mark.long
def test_a_shell_completes_commands_options_and_versions(terminal: Terminal) -> None:
    assert terminal.line("gms rollb") == "<rollback>"
    assert terminal.line("gms register --met") in ("<register><--metric>", "<register><--met>")
    assert terminal.line("gms register --sample=ro") == "<register><--sample=rows>"
    assert terminal.line("gms show churn@prod") == "<show><churn@production>"
    assert (
        terminal.line("gms cat churn@production:req") == "<cat><churn@production:requirements.txt>"
    )
    assert terminal.line("gms promote churn@1.0.0 stag") == "<promote><churn@1.0.0><staging>"
    assert terminal.line("git modelstore which churn@prod") == "<which><churn@production>"
    assert terminal.line("gms validate mode") in ("<validate><models/>", "<validate><models>")
