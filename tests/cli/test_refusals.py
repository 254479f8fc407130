"""What is refused: the whole message, the exit code, and a store that is as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gitmodelstore
from gitmodelstore.cli.main import main

Git = Callable[..., str]

_RULE = "use lower-case letters, digits, - and _, at most 63, ending in a letter or digit"


def refused(message: str, hint: str | None = None) -> str:
    return f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")


# Where something stands already


@pytest.mark.parametrize(
    ("args", "what", "hint"),
    [
        (
            ("register", "churn", "first.joblib", "--version", "1.0.0"),
            "version '1.0.0' of 'churn' already exists",
            "omit the version for the next number, or use 1.1.1",
        ),
        (
            ("get", "churn@1.0.0", "-o", "taken"),
            "'taken' already exists and is not empty",
            "name another folder with -o DIR",
        ),
        (
            ("get", "churn@1.0.0", "-o", "train.csv"),
            "'train.csv' already exists",
            "name another folder with -o DIR",
        ),
        (
            ("audit", "churn", "-o", "train.csv"),
            "'train.csv' already exists",
            "name another file with -o FILE.zip, or give --force",
        ),
        (
            ("clone", "models", "taken"),
            "'taken' already exists and is not empty",
            "name a new folder: `gms clone URL PATH`",
        ),
        (
            ("demo", "taken"),
            "'taken' already exists and is not empty",
            "name another folder: `gms demo DIR`",
        ),
        (
            ("init", "taken"),
            "'{place}/taken' already exists and is not empty: it holds 'mine'",
            "name a new folder for the store: `gms init modelstore`",
        ),
        (
            ("init", "other"),
            "'{place}/other' is already a git repository of something else",
            "name a new folder for the store: `gms init modelstore`",
        ),
        (
            ("init", "train.csv"),
            "'{place}/train.csv' already exists and is a file",
            "name a new folder for the store: `gms init modelstore`",
        ),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_what_already_exists_stays_and_the_code_is_1(place, capsys, monkeypatch, args, what, hint):
    (place / "taken").mkdir()
    (place / "taken" / "mine").write_text("mine")
    for command in (("init",), ("commit", "--allow-empty", "-m", "work")):
        subprocess.run(
            ["git", *command], cwd=_made(place / "other"), check=True, capture_output=True
        )
    capsys.readouterr()
    monkeypatch.setenv("GITMODELSTORE", "models")

    assert run_here(capsys, *args) == (refused(what.format(place=place), hint), 1)
    assert (place / "taken" / "mine").read_text() == "mine"


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


# Where there is no store to work on


def run_here(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[str, int]:
    code = main(list(args))
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    return stderr, code


def test_no_store_around(place, capsys, monkeypatch):
    (place / "empty").mkdir()
    monkeypatch.chdir(place / "empty")

    assert run_here(capsys, "list") == (
        refused(
            f"no git repository at '{place / 'empty'}'",
            "create a store with `gms init`, or name one with -C or $GITMODELSTORE",
        ),
        128,
    )


def test_a_store_below_is_named_where_none_is_around(place, capsys):
    assert run_here(capsys, "list") == (
        refused(
            f"no git repository at '{place}'",
            "'models' is one: go there with `cd`, or name it with -C models, "
            "in Python with store='models'",
        ),
        128,
    )


def test_no_folder_of_that_name(place, capsys):
    assert run_here(capsys, "-C", "nowhere", "list") == (
        refused(
            f"folder '{place}/nowhere' does not exist",
            f"check the path; `gms init {place}/nowhere` makes a new one there",
        ),
        128,
    )


def test_the_environment_names_no_store(place, capsys, monkeypatch):
    monkeypatch.setenv("GITMODELSTORE", str(place))

    assert run_here(capsys, "list") == (
        refused(
            f"no git repository at '{place}'",
            "$GITMODELSTORE names it: unset it, or name a store with -C",
        ),
        128,
    )


def test_a_repository_of_something_else(place, capsys):
    subprocess.run(["git", "init", "-q", "code"], check=True)

    assert run_here(capsys, "-C", "code", "list") == (
        refused(
            f"'{place}/code' is not a model store: it has no branch 'main'",
            "create one with `gms init`, or name yours with -C or $GITMODELSTORE",
        ),
        128,
    )


def test_a_repository_with_other_ids(place, capsys):
    subprocess.run(["git", "init", "-q", "--object-format=sha256", "other"], check=True)

    stderr, code = run_here(capsys, "-C", "other", "list")

    assert stderr == refused(
        f"'{place}/other' cannot be a store: its object ids are not sha1 "
        "(unknown object format 'sha256')",
        "create a store with `gms init`, which chooses both",
    )
    assert code == 128


def test_an_empty_store_has_no_model(place, capsys):
    main(["init", "empty", "-q"])
    capsys.readouterr()

    assert run_here(capsys, "-C", "empty", "show", "churn") == (
        refused("no model 'churn': the store is empty", "run `gms register churn pipeline.joblib`"),
        1,
    )


@pytest.mark.parametrize("args", [["init", "new"], ["-C", "models", "withdraw", "churn@1.0.0"]])
@pytest.mark.usefixtures("unchanged")
def test_git_does_not_know_who_writes(place, capsys, isolated, args):
    (isolated / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")

    assert run_here(capsys, *args) == (
        refused(
            "git does not know who you are",
            "run `git config --global user.name 'Your Name'` and "
            "`git config --global user.email you@example.org`",
        ),
        128,
    )
    assert not (place / "new").exists()


@pytest.mark.usefixtures("unchanged")
def test_a_date_that_git_does_not_understand(place, capsys, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "nonsense")

    assert run_here(capsys, "-C", "models", "withdraw", "churn@1.0.0") == (
        refused(
            "git cannot read GIT_COMMITTER_DATE: invalid date format: nonsense",
            "unset GIT_COMMITTER_DATE, or write it as 2026-03-03T14:05:00Z",
        ),
        128,
    )


def test_settings_with_several_faults_are_told_of_all(gms, git: Git):
    path = Path("models/modelstore.toml")
    path.write_text(path.read_text() + '[storrage]\n[lifecycle]\nexclusive = "staging"\n')
    git("commit", "-qam", "edit by hand")

    said = (
        "error: modelstore.toml: unknown key 'storrage' (and 1 more)\n"
        "       lifecycle.exclusive: expected a list of strings, found 'staging'\n"
        "hint: did you mean 'storage'?\n"
    )
    assert gms("promote", "churn@1.0.0", "staging") == ("", said, 128)
    error = json.loads(gms("promote", "churn@1.0.0", "staging", "--json").stdout)["error"]
    assert error["details"] == ["lifecycle.exclusive: expected a list of strings, found 'staging'"]


def test_a_registry_that_was_badly_edited(gms, git: Git):
    path = Path("models/registry.json")
    path.write_text(path.read_text().replace('"archived"', '"Retired"'))
    git("commit", "-qam", "edit by hand")
    head = git("rev-parse", "HEAD")

    for args in (["list"], ["show", "churn"], ["withdraw", "churn@1.0.0"]):
        assert gms(*args) == (
            "",
            refused(
                "registry.json: 'models.churn.1.0.0': 'Retired' is not a status name",
                "see who changed it: git log -p -3 -- registry.json; then "
                "`git restore --source=COMMIT -- registry.json` and commit",
            ),
            128,
        )
    assert (git("rev-parse", "HEAD"), git("status", "--porcelain")) == (head, "")


# What is asked of a store


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["list", "chum"], "no model 'chum'", "did you mean 'churn'?"),
        (
            ["show", "churn@77.5.5"],
            "no version '77.5.5' of 'churn'",
            "there is 1.1.0 (production), 1.0.0 (archived)",
        ),
        (
            ["which", "churn", "--at", "2020-01-01"],
            "the store did not exist yet on 2020-01-01 23:59 UTC",
            "see when it began with `gms log`",
        ),
        (
            ["which", "churn", "--at", "tuesday"],
            "'tuesday' is not a date",
            "write it as 2026-03-03 or 2026-03-03T14:00",
        ),
        (
            ["cat", "churn:requirement.txt"],
            "churn 1.1.0 has no file 'requirement.txt'",
            "did you mean 'requirements.txt'?",
        ),
        (
            ["promote", "churn", "production"],
            "which version of 'churn' do you want in production?",
            "the newest is 1.1.0: gms promote churn@1.1.0 production",
        ),
        (
            ["promote", "churn@1.1.0", "prod"],
            "'prod' is not a status of this store",
            "did you mean 'production'?",
        ),
        (
            ["archive", "churn@1.1.0"],
            "churn 1.1.0 is in production, which would then be empty",
            "name a successor: gms archive churn@1.1.0 --successor VERSION, or leave "
            "production empty: gms archive churn@1.1.0 --vacate --reason TEXT",
        ),
        (
            ["rollback", "fraud"],
            "no earlier production version of 'fraud' to go back to",
            "name one with --to VERSION; see them with `gms list fraud`",
        ),
    ],
)
def test_reading_and_moving(gms, args, message, hint):
    assert gms(*args) == ("", refused(message, hint), 1)


# What is to be registered


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (
            ["churn", "none.joblib"],
            "file 'none.joblib' does not exist",
            "check the path; it is relative to the working directory",
        ),
        (
            ["churn", "train.csv"],
            "'train.csv' is not a file that joblib wrote",
            "write it again with `joblib.dump(pipeline, file)`",
        ),
        (
            ["churn", "unfitted.joblib"],
            "Pipeline is not fitted",
            "call fit before register",
        ),
        (
            ["churn", "first.joblib", "--metric", "auc=nan"],
            "metric 'auc' is nan, not a finite number",
            "leave it out, or give a number",
        ),
        (
            ["churn", "first.joblib", "--metrics", "nan.json"],
            "nan.json: auc: NaN is not a finite number",
            'write it as {"test_auc": 0.91}',
        ),
        (
            ["churn", "first.joblib", "--metrics", "text.json"],
            "metric 'auc' is the text 'good', not a finite number",
            "leave it out, or give a number",
        ),
        (
            ["churn", "first.joblib", "--metrics", "two.json"],
            "metric 'auc' is the text 'good', not a finite number; 'a b' is not a metric name",
            "leave it out, or give a number",
        ),
        (
            ["churn", "first.joblib", "--card", "two.json"],
            "card.a b: expected text, found int 1; card.intended_use: expected text, found int 7",
            None,
        ),
        (
            ["churn", "first.joblib", "--metrics", "list.json"],
            "list.json: expected a JSON object, found list",
            'write it as {"test_auc": 0.91}',
        ),
        (
            ["churn", "first.joblib", "--metrics", "train.csv"],
            "train.csv:1:1: not JSON: expecting value",
            'write it as {"test_auc": 0.91}',
        ),
        (
            ["churn", "first.joblib", "--metrics", "none.json"],
            "cannot read 'none.json': no such file or directory",
            "check the path; it is relative to the working directory",
        ),
        (
            ["churn", "first.joblib", "--data", "train=none.csv"],
            "data set 'train': no file or folder 'none.csv'",
            "check the path; it is relative to the working directory",
        ),
        (
            ["churn", "first.joblib", "--version", "1.1.0"],
            "version '1.1.0' of 'churn' already exists",
            "omit the version for the next number, or use 1.1.1",
        ),
        (
            ["churn", "first.joblib", "--version", "1.0.5"],
            "version '1.0.5' of 'churn' is below the highest, 1.1.0",
            "use 1.1.1, or mark it as a backport: allow_backport=True (--allow-backport)",
        ),
        (
            ["churn", "first.joblib", "--version", "v1.2.3"],
            "'v1.2.3' is not a SemVer version",
            "leave out the 'v': 1.2.3",
        ),
        (
            ["churn", "first.joblib", "--version", "1.02.3"],
            "'1.02.3' is not a SemVer version",
            "write the numbers without leading zeros: 1.2.3",
        ),
        (
            ["churn", "first.joblib", "--version", "1.0.0+x"],
            "'1.0.0+x' is not a SemVer version",
            "build metadata does not order versions; write 1.0.0",
        ),
    ],
)
def test_registering(gms, place, unfitted, args, message, hint):
    (place / "nan.json").write_text('{"auc": NaN}')
    (place / "text.json").write_text('{"auc": "good"}')
    (place / "list.json").write_text("[0.9]")
    (place / "two.json").write_text('{"auc": "good", "a b": 1, "intended_use": 7}')

    assert gms("register", "--no-code", *args) == ("", refused(message, hint), 1)


@pytest.mark.usefixtures("unchanged")
def test_registering_with_code_that_is_not_there(gms):
    assert gms("register", "churn", "first.joblib", "--code", "none") == (
        "",
        refused("'none' does not exist", "omit --code, or correct it"),
        1,
    )


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Churn", "churn"),
        ("my.model", "my-model"),
        ("a/b", "a-b"),
        ("..", None),
        ("-x", "x"),
        ("con", None),
        ("a" * 64, "a" * 63),
        ("\N{GRINNING FACE}", None),
        ("", None),
    ],
)
def test_registering_under_a_bad_name(gms, name, near):
    hint = f"{_RULE}, such as '{near}'" if near else _RULE

    assert gms("register", "--no-code", "--", name, "first.joblib") == (
        "",
        refused(f"'{name}' is not a model name", hint),
        1,
    )


# Command lines that cannot be understood

_REGISTER = (
    "as in `gms register churn pipeline.joblib --metric test_auc=0.91`; see `gms help register`"
)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        (["register", "-x", "first.joblib"], "no such option '-x'", _REGISTER),
        (
            ["register", "churn", "first.joblib", "--data", "train"],
            "--data takes ROLE=PATH, not 'train'",
            _REGISTER,
        ),
        (
            ["register", "churn", "first.joblib", "--metric", "auc=high"],
            "metric 'auc' is 'high', not a number",
            _REGISTER,
        ),
        (
            ["register", "churn", "first.joblib", "--metric", "a=1", "--metric", "a=2"],
            "'a' was given twice with --metric",
            _REGISTER,
        ),
        (
            ["register", "churn", "first.joblib", "--version", "2.0.0", "--bump", "major"],
            "--version and --bump cannot be used together",
            _REGISTER,
        ),
        (["register", "churn"], "missing argument 'FILE'", _REGISTER),
        (
            ["register", "churn", "first.joblib", "-m"],
            "option '-m' requires an argument",
            _REGISTER,
        ),
        (
            ["register", "churn", "first.joblib", "--metrc", "a=1"],
            "no such option '--metrc'",
            "did you mean '--metric'?",
        ),
        (
            ["promote", "churn@1.0.0"],
            "'churn@1.0.0' alone: promote needs a version and a status",
            'as in `gms promote churn@1.2.0 production --reason "beats 1.1.0"`; '
            "see `gms help promote`",
        ),
        (
            ["cat", "churn@1.0.0"],
            "'churn@1.0.0' does not name a file of a version: write REF:FILE",
            "as in `gms cat churn@production:requirements.txt`; see `gms help cat`",
        ),
        (["--nothing"], "no such option '--nothing'", "see `gms help`"),
        (["log", "--one"], "no such option '--one'", "did you mean '--oneline'?"),
        (["list", "--no-colour"], "no such option '--no-colour'", "did you mean '--no-color'?"),
        (["list", "--al"], "no such option '--al'", "as in `gms list churn`; see `gms help list`"),
    ],
)
def test_usage(gms, args, message, hint):
    assert gms(*args) == ("", refused(message, hint), 2)


# A folder that cannot be written

# Root is bound by no permission, so another user goes on once everything is imported: Python
# itself may lie where that user cannot read. The first command, refused, imports it all.
AS_ANOTHER_USER = """
import os, sys
from gitmodelstore.cli.main import main
import ctypes, shutil, gitmodelstore.operations.promote
assert main(["-q", "withdraw", "nothing@1.0.0"]) == 1
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print("ready", file=sys.stderr)
sys.exit(main(sys.argv[1:]))
"""


def test_a_folder_that_takes_nothing(place, git: Git):
    (place / ".gitconfig").write_text(
        "[user]\n\tname = N\n\temail = n@example.org\n[safe]\n\tdirectory = *\n"
    )
    for folder in (place, *place.parents):
        if folder.stat().st_uid == os.geteuid() and folder.parent != folder:
            folder.chmod(folder.stat().st_mode | 0o055)
    for folder in [place / "models", *(place / "models").rglob("*")]:
        if folder.is_dir():
            folder.chmod(0o555)
    before = git("for-each-ref")

    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER_USER, "-C", "models", "withdraw", "churn@1.0.0"],
        cwd=place,
        env={
            **os.environ,
            "HOME": str(place),
            "GITMODELSTORE": "models",
            "PYTHONPATH": str(Path(gitmodelstore.__file__).parents[1]),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    said = done.stderr.partition("ready\n")[2]
    assert said.startswith("error: cannot write to '"), done.stderr
    assert said.endswith("hint: check the free space and the permissions of that folder\n")
    assert (done.stdout, done.returncode) == ("", 128)
    assert git("for-each-ref") == before
