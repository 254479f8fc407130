"""Help, suggestions, and the page that describes the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gitmodelstore
from gitmodelstore.cli.commands import BY_NAME, COMMANDS, ELSEWHERE
from gitmodelstore.cli.main import Parameter, command_named, main

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_help_shows_the_commands_of_every_day_with_an_example(capsys):
    assert main(["help"]) == 0

    stdout, stderr = capsys.readouterr()
    for entry in COMMANDS:
        assert (f"  {entry.name:<9} {entry.summary}\n" in stdout) == entry.everyday
        assert (f"            $ {entry.example}\n" in stdout) == entry.everyday
    assert stdout.endswith(
        "See `gms help COMMAND` for how to use one, and `gms help --all` for all of them.\n"
    )
    assert stderr == ""
    assert all(len(line) <= 80 for line in stdout.splitlines())


def test_help_all_shows_every_command_and_version_is_one(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"gitmodelstore {gitmodelstore.__version__}\n", "")
    assert main(["help", "--all"]) == 0

    stdout = capsys.readouterr().out
    for entry in COMMANDS:
        assert re.search(rf"^  {entry.name}(, {entry.alias})? +{entry.summary}$", stdout, re.M)


def test_the_options_and_no_command_say_the_same(capsys):
    main(["help"])
    expected = capsys.readouterr()

    for flag in ("--help", "-h"):
        assert main([flag]) == 0
        assert capsys.readouterr() == expected
    assert main([]) == 2  # a usage error that helps
    assert capsys.readouterr() == ("", expected.out)


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_each_command_names_the_global_options_and_two_examples(capsys, entry):
    assert main(["help", entry.name]) == 0
    asked = capsys.readouterr()
    assert main([entry.name, "--help"]) == 0

    assert capsys.readouterr() == asked
    assert asked.out.startswith(f"Usage: gms {entry.name} ")
    first, second = entry.examples
    assert asked.out.endswith(f"  Examples:\n    {first}\n    {second}\n")
    uses_no_store = entry.name in ("clone", "completion", "demo", "trust", "help")
    assert (" -C PATH " in asked.out) != uses_no_store
    assert " --json" in asked.out
    assert " -h, --help" in asked.out or "--json, -h, --help" in asked.out
    for option in options(entry):
        assert option.text
        assert option.words[-1] in asked.out
        assert option.text in " ".join(asked.out.split())
    if entry.alias:
        assert main(["help", entry.alias]) == 0
        assert capsys.readouterr() == asked


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("promot", "did you mean `gms promote` (give a version a status)?"),
        ("add", "did you mean `gms register` (register a fitted pipeline as a new version)?"),
        ("history", "did you mean `gms log` (show what happened, when, by whom and why)?"),
        ("describe", "did you mean `gms show` (show what a version is made of)?"),
        (
            "checkout",
            "did you mean `gms get` (write a version's files into a folder) or `gms rollback` "
            "(put the last good version back into production)?",
        ),
        ("fsck", "did you mean `gms verify` (check that a version is what was released)?"),
        ("frobnicate", "list all commands with `gms help --all`"),
    ],
)
def test_a_word_that_is_no_command(capsys, word, hint):
    expected = ("", f"error: '{word}' is not a command\nhint: {hint}\n")

    assert main([word]) == 2
    assert capsys.readouterr() == expected
    assert main(["help", word]) == 2
    assert capsys.readouterr() == expected


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("push --force", "it puts your changes on top of theirs, and overwrites nothing"),
        ("push -u origin main", "the first push sets the upstream"),
        ("pull --rebase", "use `gms pull`: it always puts your changes on top of theirs"),
        ("fetch --all", "use `git fetch`"),
        ("clone --depth 1 there", "use `git clone`, then run `gms doctor --fix` in the clone"),
        ("remote rm origin", "the rest is git's: `git remote remove NAME`"),
    ],
)
def test_what_users_of_git_type(capsys, typed, hint):
    assert main(typed.split()) == 2
    assert hint in capsys.readouterr().err


def test_what_git_runs_and_nobody_types_has_no_help(capsys):
    assert main(["help", "textconv"]) == 2
    assert capsys.readouterr().err.startswith("error: 'textconv' is not a command\n")


def test_no_word_of_another_tool_hides_a_command():
    assert not set(ELSEWHERE) & set(BY_NAME)
    assert {name for meant in ELSEWHERE.values() for name in meant} <= set(BY_NAME)


# The page


def sections() -> dict[str, str]:
    """Return the text below each heading of the page that names a command."""
    parts = re.split(r"^## gms (\w+).*$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options(entry) -> list[Parameter]:
    """Return the options that the help of a command shows."""
    return [one for one in command_named(entry.name).options if not one.hidden]


def test_help_of_register_fits_a_screen_and_a_half(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    main(["help", "register"])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 36
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize("columns", [60, 80])
def test_its_groups_stay_in_columns_on_a_narrow_terminal(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    main(["help", "register"])

    told = capsys.readouterr().out
    lines = told[told.index("What ") : told.index("\n\n  Examples:")].splitlines()
    (text,) = {len(line) - len(line.lstrip()) for line in lines if line.startswith(" " * 11)}
    assert all(len(line) <= columns for line in lines)
    assert all(line[: len("Version  ")].strip() in line.split()[0] for line in lines)
    assert text > len("Version  --data ROLE=PATH")


def test_the_page_has_a_section_for_each_command_and_names_options_that_exist():
    assert set(sections()) == {entry.name for entry in COMMANDS}

    taken = {word for one in COMMANDS for option in options(one) for word in names_of(option)}
    for name, text in sections().items():
        ours = re.sub(r"`git .*?`|`.* -- .*?`", "", text)
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) <= taken, name


def names_of(option: Parameter) -> tuple[str, ...]:
    return (*option.words, *option.opposite)
