"""Git's settings count wherever git itself takes them from: `git -c`, the environment, files."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, NoIdentity
from gitmodelstore.plumbing import git as git_program
from gitmodelstore.plumbing.repository import Repository
from gitmodelstore.plumbing.signing import identities, read_identity
from tests.conftest import WITHOUT_HOOKS
from tests.store import children

from .conftest import Outcome, Run

WAYS = ("git -c", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL")


def variables(way: str, settings: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment in which git takes these settings."""
    if way == "git -c":  # as git hands it on; a program that it starts sees the same
        said = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
        alias = "alias.say=!printenv GIT_CONFIG_PARAMETERS"
        done = subprocess.run(
            ["git", *said, "-c", alias, "say"], capture_output=True, text=True, check=True
        )
        return {"GIT_CONFIG_PARAMETERS": done.stdout.strip()}
    if way == "GIT_CONFIG_PARAMETERS":  # as an older git wrote it
        return {way: " ".join(f"'{'='.join(pair)}'" for pair in settings.items())}
    if way == "GIT_CONFIG_COUNT":
        found = dict(WITHOUT_HOOKS)
        for number, (name, value) in enumerate(settings.items(), 1):
            found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return {**found, way: str(len(settings) + 1)}
    for name, value in settings.items():
        git = ["git", "config", "--file", str(folder / "else.gitconfig"), name, value]
        subprocess.run(git, check=True)
    return {way: str(folder / "else.gitconfig")}


def forked(place: Path) -> Run:
    """Run a command in a fork: a program of its own takes a second to import what registers."""

    def run(*args: str, **environment: str) -> Outcome:
        done = children.gms(*args, cwd=place, environment=environment)
        return Outcome(done.stdout, done.stderr, done.returncode)

    return run


@pytest.mark.parametrize("way", WAYS)
def test_who_writes_signs_and_is_believed_and_on_which_branch(place, program, desk, git, way):
    run = program if way == "git -c" else forked(place)
    """The store's own configuration says nothing of any of these, and libgit2 sees none."""
    git("branch", "--copy", "main", "other")
    before = git("rev-parse", "main")
    allowed = place / "allowed"
    allowed.write_text(f"{desk.grace.email} {desk.grace.public}\n")
    said = {
        "store.branch": "other",
        "user.name": desk.grace.name,
        "user.email": desk.grace.email,
        "gpg.format": "ssh",
        "user.signingkey": str(desk.grace.key),
        "commit.gpgsign": "true",
        "tag.gpgSign": "yes",
        "gpg.ssh.allowedSignersFile": str(allowed),
    }
    handed = variables(way, said, place)

    done = run("-C", "models", "register", "leave", "first.joblib", "--no-code", **handed)

    assert done.code == 0, done.stderr
    assert git("log", "-1", "--format=%an <%ae>", "other") == str(desk.grace)
    assert git("rev-parse", "main") == before
    verified = run("-C", "models", "verify", "leave@1.0.0", "--signatures", **handed)
    assert verified.stdout.count("signed by grace@example.org") == 2
    assert verified.code == 0
    assert run("-C", "models", "show", "leave").code == 1  # another branch, without them


def test_what_the_environment_says_wins_over_the_repository(place, program, git):
    git("config", "commit.gpgsign", "true")  # with which nobody could write here
    git("config", "user.name", "Nobody")
    handed = variables("git -c", {"commit.gpgsign": "false", "user.name": "Eve"}, place)

    done = program("-C", "models", "archive", "churn@1.0.0", "--reason", "old", **handed)
    done = program("-C", "models", "promote", "churn@1.0.0", "staging", **handed)

    assert (done.stderr, done.code) == ("", 0)
    assert git("log", "-1", "--format=%an %cn %G?") == "Eve Eve N"


def test_without_git_it_is_said_that_it_is_not_installed(place):
    handed = variables("GIT_CONFIG_COUNT", {"store.branch": "main"}, place)

    done = forked(place)("-C", "models", "list", PATH="/nonexistent", **handed)

    assert done.stderr == (
        "error: git is not installed\nhint: install the package 'git', 2.39 or newer\n"
    )


def test_git_names_the_author_and_the_committer(place, program, git):
    program(
        *("-C", "models", "promote", "churn@1.0.0", "staging"),
        GIT_AUTHOR_NAME="Eve",
        GIT_AUTHOR_EMAIL="eve@example.org",
        GIT_COMMITTER_NAME="Bot",
        GIT_COMMITTER_EMAIL="bot@example.org",
    )

    assert git("log", "-1", "--format=%an %ae %cn %ce") == "Eve eve@example.org Bot bot@example.org"


NAMES = ("Ada", "A", "Ada Lovelace ", "Ada.", " .Ada", "Ada <ada>", "田中太郎", "ä b", "Ada\\tL",
         '"Ada, L"', "a;b", "'Ada'", "Ada\\n", "_", "José ñ", "A  B", "Dr. Ada-L", "")  # fmt: skip
EMAILS = ("ada@example.org", "ada", "@", "<ada@example.org>", "ada+x@example.org.", "a d@x.org",
          "ädä@example.org", "ada@ex ample", "a@b", "")  # fmt: skip


@pytest.mark.parametrize("email", EMAILS)
def test_who_writes_is_whom_git_says(email, place, git, isolated):
    """However somebody is spelled, and whether git is asked or its files are read."""
    repository = Store.open("models")._repository
    for name in NAMES:
        (isolated / ".gitconfig").write_text(f"[user]\n\tname = {name}\n\temail = {email}\n")
        outcomes = []
        for asked in (
            lambda: read_identity(repository.common_dir, "AUTHOR")[0],
            lambda: identities(repository)[0],
        ):
            try:
                outcomes.append(asked())
            except (GitFailed, NoIdentity) as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1], name


def test_hooks_go_where_git_looks_for_them(place, program, git):
    handed = variables("git -c", {"core.hooksPath": "own/hooks"}, place)

    done = program("-C", "models", "hook", "install", **{**handed, "GIT_CONFIG_COUNT": "0"})

    assert (done.stderr, done.code) == ("", 0)
    assert os.access(place / "models/own/hooks/pre-push", os.X_OK)


def test_the_library_takes_them_too(place, monkeypatch, git):
    git("branch", "--copy", "main", "other")
    for name, value in variables("GIT_CONFIG_COUNT", {"store.branch": "other"}, place).items():
        monkeypatch.setenv(name, value)

    (event,) = Store.open("models").promote("churn@1.0.0", "staging")

    assert git("rev-parse", "other") == event.commit != git("rev-parse", "main")


FILES = {
    "machine": "[some]\n\tvalue = of the machine\n\tother = of the machine\n",
    "user": "[some]\n\tvalue = of the user\n",
    "more": "[include]\n\tpath = user\n",
}


USERS = (None, "", "/dev/null", "{}/user", "{}/more", "user")
MACHINES = (None, "/dev/null", "{}/machine", "{}/none", "{}/more")


def test_files_that_the_environment_names_are_those_that_git_reads(place, monkeypatch, git):
    for name, text in FILES.items():
        (place / name).write_text(text)
    variables = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
    for values in itertools.product(USERS, MACHINES, (None, "yes")):
        for variable, value in zip(variables, values, strict=True):
            monkeypatch.delenv(variable, raising=False)
            if value is not None:
                monkeypatch.setenv(variable, value.format(place))
        lines = git("config", "--list").splitlines()
        said = dict(line.split("=", 1) for line in lines)
        repository = Repository.open(place / "models")
        for name in ("some.value", "some.other"):
            assert repository.setting(name) == said.get(name), values


def test_plain_files_that_the_environment_names_start_no_git(place, monkeypatch):
    (place / "user").write_text(FILES["user"])
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(place / "user"))
    monkeypatch.setattr(git_program, "setting", None)

    assert Repository.open(place / "models").setting("some.value") == "of the user"
