"""Help, suggestions, and the page that describes the commands."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import gitmodelstore
from gitmodelstore.cli.main import BY_NAME, COMMANDS, ELSEWHERE, main

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_help_shows_the_commands_of_every_day_with_an_example(capsys):
    assert main(["help"]) == 0

    stdout, stderr = capsys.readouterr()
    for entry in COMMANDS:
        assert (f"  {entry.name:<9} {entry.summary}\n" in stdout) == entry.everyday
        assert (f"            $ {entry.example}\n" in stdout) == entry.everyday
    assert stdout.endswith(
        "`gms help COMMAND` says more of one, `gms help --all` lists them all.\n"
    )
    assert stderr == ""
    assert all(len(line) <= 80 for line in stdout.splitlines())


def test_help_all_shows_every_command(capsys):
    assert main(["help", "--all"]) == 0

    stdout = capsys.readouterr().out
    for entry in COMMANDS:
        assert re.search(rf"^  {entry.name}(, {entry.alias})? +{entry.summary}$", stdout, re.M)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_option_says_the_same(capsys, flag):
    main(["help"])
    expected = capsys.readouterr()

    assert main([flag]) == 0
    assert capsys.readouterr() == expected


def test_no_command_is_a_usage_error_that_helps(capsys):
    main(["help"])
    text = capsys.readouterr().out

    assert main([]) == 2
    assert capsys.readouterr() == ("", text)


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_each_command_has_an_example(capsys, entry):
    assert main(["help", entry.name]) == 0
    asked = capsys.readouterr()
    assert main([entry.name, "--help"]) == 0

    assert capsys.readouterr() == asked
    assert asked.out.startswith(f"Usage: gms {entry.name} ")
    assert asked.out.endswith(f"  Example: {entry.example}\n")


def test_help_of_an_alias_is_that_of_the_command(capsys):
    assert main(["help", "yank"]) == 0
    assert capsys.readouterr().out.startswith("Usage: gms withdraw ")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("promot", "did you mean `gms promote` (give a version a status)?"),
        ("add", "did you mean `gms register` (keep a fitted pipeline as a new version)?"),
        ("history", "did you mean `gms log` (what happened, when, by whom and why)?"),
        ("describe", "did you mean `gms show` (what a version is made of)?"),
        (
            "checkout",
            "did you mean `gms get` (a version as plain files) or `gms rollback` "
            "(put the last good version back into production)?",
        ),
        ("fsck", "did you mean `gms verify` (whether a version is what was released)?"),
        ("frobnicate", "see them all with `gms help --all`"),
    ],
)
def test_a_word_that_is_no_command(capsys, word, hint):
    expected = ("", f"error: '{word}' is not a command\nhint: {hint}\n")

    assert main([word]) == 2
    assert capsys.readouterr() == expected
    assert main(["help", word]) == 2
    assert capsys.readouterr() == expected


def test_no_word_of_another_tool_hides_a_command():
    assert not set(ELSEWHERE) & set(BY_NAME)
    assert {name for meant in ELSEWHERE.values() for name in meant} <= set(BY_NAME)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"gitmodelstore {gitmodelstore.__version__}\n", "")


# The page


def sections() -> dict[str, str]:
    """Return the text below each heading of the page that names a command."""
    parts = re.split(r"^## gms (\w+).*$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_the_page_names_each_command_and_option(entry):
    from gitmodelstore.cli.main import Commands

    command = Commands("gms").get_command(click.Context(Commands("gms")), entry.name)
    text = sections()[entry.name]

    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert f"`{parameter.opts[-1]}" in text
