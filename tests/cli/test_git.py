"""A store whose .git/config names programs, as that of a folder which somebody hands over may.

Each variable of git that is run gets a program that leaves a mark of its own, filters and
drivers are put on every file by info/attributes, and then every command, call and hook runs.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore.cli import main as program_of_gms
from gitmodelstore.cli.commands import COMMANDS
from gitmodelstore.store import Store

# The variables of git that name a command to run; each gets one that leaves its name as a mark.
COMMANDS_OF_GIT = """
    core.fsmonitor core.sshCommand core.pager core.editor core.alternateRefsCommand
    diff.external diff.evil.command diff.evil.textconv merge.evil.driver
    filter.evil.clean filter.evil.smudge filter.evil.process
    filter.a.b=c.clean filter.a.b=c.smudge
    gpg.program gpg.ssh.program gpg.ssh.defaultKeyCommand
    !credential.helper !credential.https://127.0.0.1:9.helper
    sequence.editor interactive.diffFilter trailer.evil.command trailer.evil.cmd
    uploadpack.packObjectsHook !alias.rev-parse !alias.lfs gc.recentObjectsHook hook.evil.command
    pager.log pager.diff !submodule.evil.update remote.origin.uploadpack remote.origin.receivepack
"""
BESIDE = """
[core]
    hooksPath = {hooks}
    askPass = {program}
    gitProxy = {program}
[filter "evil"]
    required = true
[filter "a.b=c"]
    required = true
[log]
    showSignature = true
[trailer "evil"]
    key = Evil
[gc]
    auto = 1
    autoDetach = false
[maintenance]
    auto = true
[hook "evil"]
    event = post-index-change
    event = reference-transaction
[submodule]
    recurse = true
[remote "origin"]
    url = {elsewhere}
    promisor = true
[remote "ssh"]
    url = ssh://127.0.0.1/nothing
[url "ext::{run} url.insteadOf "]
    insteadOf = elsewhere:
[extensions]
    worktreeConfig = true
[include]
    path = included
"""

INCLUDED = """
[filter "included"]
    clean = {run} filter.included
    smudge = {run} filter.included
    required = true
"""


def naming(run: str) -> str:
    """Return the configuration in which each of COMMANDS_OF_GIT names the program `run`."""
    lines = []
    for word in COMMANDS_OF_GIT.split():
        name = word.removeprefix("!")  # which has a shell run it, where git would do otherwise
        section, *between, key = name.split(".")
        of = f' "{".".join(between)}"' if between else ""
        mark = name.replace("/", "-")
        command = f"!{run} {mark}" if word != name else f"{run} {mark}"
        lines += [f"[{section}{of}]", f'    {key} = "{command}"']
    return "\n".join(lines)


# Each of the filters has files of its own: a file has but one.
ATTRIBUTES = """\
* filter=evil diff=evil merge=evil
registry.json filter=included diff=evil merge=evil
manifest.json filter=a.b=c diff=evil merge=evil
requirements.txt filter=worktree diff=evil merge=evil
"""

HOOKS = (
    *("pre-commit", "post-commit", "post-checkout", "post-index-change", "reference-transaction"),
    *("pre-push", "pre-receive", "post-rewrite", "pre-auto-gc", "fsmonitor-watchman"),
)


class Marks:
    """Which programs have run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "marks"
        self.folder.mkdir()
        self.script = folder / "mark"
        self.script.write_text(
            f'#!/bin/sh\ntouch "{self.folder}/${{1:-unnamed}}"\ncase "$1" in *filter*) cat;; esac\n'
        )
        self.script.chmod(0o755)

    @property
    def left(self) -> list[str]:
        return sorted(os.listdir(self.folder))


def arm(repository: Path, marks: Marks, beside: Path) -> None:
    """Have a repository's own configuration name programs wherever git would run one."""
    git_dir = repository / ".git" if (repository / ".git").is_dir() else repository
    hooks = git_dir / "evil-hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\n{marks.script} hook.{name}\n")
        (hooks / name).chmod(0o755)
    places = {
        "run": shlex.quote(str(marks.script)),
        "program": marks.script,
        "hooks": hooks,
        "elsewhere": beside / "elsewhere.git",
    }
    with (git_dir / "config").open("a") as file:
        file.write(naming(str(places["run"])) + BESIDE.format(**places))
    (git_dir / "included").write_text(INCLUDED.format(**places))
    (git_dir / "config.worktree").write_text(
        INCLUDED.format(**places).replace("included", "worktree")
    )
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(ATTRIBUTES)


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path)


@pytest.fixture
def foreign(place: Path, marks: Marks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of the tests, armed; every write asks git to move its work tree."""
    monkeypatch.delenv("GIT_CONFIG_COUNT")  # with which no hook would run in any test
    elsewhere = tmp_path / "elsewhere.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", "models", elsewhere], check=True)
    arm(place / "models", marks, tmp_path)
    sparse = place / "models" / ".git" / "info" / "sparse-checkout"
    sparse.write_text("/*\n")  # there only for our quick way to be given up for git's own
    assert marks.left == []
    return place / "models"


def plain_git(folder: Path, *args: str) -> None:
    subprocess.run(["git", *args], cwd=folder, capture_output=True, check=False)


def test_git_itself_would_run_them(foreign, marks):
    """Otherwise the tests below would show nothing."""
    os.utime(foreign / "registry.json")
    plain_git(foreign, "status")
    for name in ("registry.json", "models/churn/manifest.json", "models/churn/requirements.txt"):
        (foreign / name).unlink()
        plain_git(foreign, "checkout", name)
    (foreign / "new.txt").write_text("new\n")
    plain_git(foreign, "add", "new.txt")
    plain_git(foreign, "update-ref", "refs/heads/side", "HEAD")
    plain_git(foreign, "fetch", "origin")
    plain_git(foreign, "fetch", "ssh")

    assert {
        *("core.fsmonitor", "core.sshCommand", "filter.evil.process", "filter.included"),
        *("filter.a.b=c.smudge", "filter.worktree", "hook.reference-transaction"),
        "remote.origin.uploadpack",
    } <= set(marks.left), marks.left


# Beside the store, or inside it; `lock` and `sync` are told of it in another way.
COMMAND_LINES = {
    "init": ["init", "new"],
    "clone": ["clone", "models", "cloned"],
    "push": ["-C", "models", "push", "origin"],
    "fetch": ["-C", "models", "fetch", "ssh"],
    "lock": ["lock", "churn@1.1.0", "--store", "models"],
    "sync": ["sync", "--store", "models"],
} | {
    typed.split()[0]: ["-C", "models", *typed.split()]
    for typed in (
        "register churn first.joblib -m again",
        "list",
        "show churn@1.1.0",
        "diff churn@1.0.0 churn@1.1.0 --answers",
        "search metrics.accuracy>0",
        "log",
        "which churn --at 2027-01-01",
        "promote fraud@1.0.0 production",
        "rollback churn",
        "approve fraud@1.0.0 staging",
        "annotate churn@1.0.0 a=1",
        "archive churn@1.0.0",
        "withdraw churn@1.0.0 --reason wrong",
        "get churn@1.1.0 -o got --warm",
        "cat churn@1.1.0:manifest.json",
        "env churn@1.1.0",
        "verify --all --replay",
        "reproduce churn@1.1.0 -- true",
        "bisect churn --good 1.0.0 --bad 1.1.0 true",
        "audit churn -o audit.zip",
        "validate --range HEAD~2..HEAD",
        "doctor --fix",
        "hook uninstall",
        "pull origin",
        "remote",
        "inspect churn@1.1.0",
        "trust",
        "site -o pages",
        "completion bash",
        "help",
    )
}


# Those that have nothing to do here, or no key: their exit codes. "lock" and "sync" refuse the
# store itself as the place of a lock file.
CODES = {"diff": 1, "approve": 1, "reproduce": 1, "bisect": 1, "fetch": 128}
CODES_INSIDE = CODES | {"lock": 1, "sync": 1}


def test_each_command_is_tried():
    # "demo" works in a new folder alone, and takes long
    assert COMMAND_LINES.keys() == {entry.name for entry in COMMANDS} - {"demo"}


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
@pytest.mark.corpus("name", COMMAND_LINES)
def test_no_command_runs_them(name, inside, foreign, place, marks, monkeypatch, capsys):
    args = COMMAND_LINES[name]
    if inside:
        for file in ("first.joblib", "second.joblib"):
            (foreign / ".git" / file).write_bytes((place / file).read_bytes())
        monkeypatch.chdir(foreign)
        args = [arg.replace("first.joblib", ".git/first.joblib") for arg in args]
        args = ["." if arg == "models" else arg for arg in args]
    if name == "lock" or name == "sync":
        subprocess.run(["git", "init", "--quiet", place], check=True)
    if name == "sync":
        program_of_gms.main(COMMAND_LINES["lock"])
    capsys.readouterr()

    code = program_of_gms.main(args)

    assert marks.left == []
    wanted = (CODES_INSIDE if inside else CODES).get(name, 0)
    assert code == wanted, capsys.readouterr().err


def test_no_call_of_the_library_runs_them(foreign, place, marks):
    store = Store.open(foreign, durable=False)
    version = store.register(place / "second.joblib", "churn", code=foreign)
    store.promote(version, "staging")
    store.promote(version, "production")
    store.rollback("churn")
    store.annotate(version, {"auc": 0.5})
    store.withdraw(version, reason="it is worse")
    store.load("churn@production")
    store.download("churn@production", place / "got")
    (foreign / "models" / "churn" / "README.md").write_text("mine\n")
    (foreign / "models" / "churn" / "requirements.txt").unlink()
    subprocess.run(["cp", "-r", foreign / "models" / "churn", place / "folder"], check=True)
    store.search("metrics.accuracy > 0")
    store.frame()
    store.validate()
    store.doctor(fix=True)

    assert marks.left == []


def test_a_folder_made_by_hand_runs_none(foreign, marks):
    """The way that stages, restores and refreshes files by git."""
    manifest = foreign / "models" / "churn" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"first try"', '"by hand"'))
    store = Store.open(foreign, durable=False)

    store.register_folder(foreign / "models" / "churn", "churn", accept_changes=True)

    assert marks.left == []


@pytest.mark.parametrize("name", ["pre-commit", "pre-push", "pre-receive"])
def test_no_hook_of_ours_runs_them(name, foreign, marks, program):
    plain = subprocess.run(["git", "rev-parse", "HEAD~1", "HEAD"], cwd=foreign, capture_output=True)
    old, new = plain.stdout.decode().split()
    lines = {"pre-push": f"refs/heads/main {new} refs/heads/main {old}\n"}
    given = lines.get(name, f"{old} {new} refs/heads/main\n" if name == "pre-receive" else "")
    done = subprocess.run(
        [sys.executable, "-m", "gitmodelstore.cli.main", "hook", "run", name, "origin", "url"],
        cwd=foreign,
        input=given.encode(),
        capture_output=True,
    )

    assert (done.stderr.decode(), done.returncode, marks.left) == ("", 0, [])


def test_a_fetch_of_the_lock_file_runs_none(foreign, place, marks, capsys):
    """The remote's programs, the way to it, and what proves who asks."""
    subprocess.run(["git", "init", "--quiet", place], check=True)
    assert program_of_gms.main(["lock", "churn@1.1.0", "--store", "models"]) == 0

    assert program_of_gms.main(["lock", "--check", "--fetch", "--store", "models"]) == 0
    for url in (
        "ssh://127.0.0.1:9/x",
        "https://127.0.0.1:9/x",
        "git://127.0.0.1:9/x",
        "elsewhere:x",
    ):
        subprocess.run(["git", "config", "remote.origin.url", url], cwd=foreign, check=True)
        assert program_of_gms.main(["lock", "--check", "--fetch", "--store", "models"]) == 128

    assert marks.left == []


def test_a_filter_of_the_user_stays_what_the_user_says(foreign, place, marks):
    own = ["git", "config", "--global", "filter.worktree.smudge", "tr a-z A-Z"]
    subprocess.run(own, check=True)
    store = Store.open(foreign, durable=False)

    store.register(place / "second.joblib", "upsell", code=None)

    assert "SCIKIT-LEARN==" in (foreign / "models/upsell/requirements.txt").read_text()
    assert marks.left == []


def test_the_pager_of_a_store_shows_nothing(foreign, marks, monkeypatch):
    monkeypatch.chdir(foreign)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for command in (["log"], ["list"]):
        program_of_gms.main(command)

    assert marks.left == []
