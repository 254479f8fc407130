"""What is refused: the whole message, the exit code, and a store that is as it was."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore.cli.commands import BY_NAME
from gitmodelstore.cli.main import main
from gitmodelstore.store import Store

Git = Callable[..., str]


def refused(message: str, hint: str | None = None) -> str:
    return f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")


# Where there is no store to work on


def run_here(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[str, int]:
    code = main(list(args))
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    return stderr, code


_CREATE = "create a store with `gms init`, or name one with -C or $GITMODELSTORE"
_BELOW = (
    "'models' is one: go there with `cd`, or name it with -C models, in Python with store='models'"
)
_NAMED = "$GITMODELSTORE names it: unset it, or name a store with -C"


@pytest.mark.parametrize(
    ("folder", "named", "hint"), [("empty", "", _CREATE), (".", "", _BELOW), (".", ".", _NAMED)]
)
def test_no_store_around(place, capsys, monkeypatch, folder, named, hint):
    (place / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(place / folder)
    monkeypatch.setenv("GITMODELSTORE", named)

    said = refused(f"no git repository at '{place / folder}'", hint)
    assert run_here(capsys, "list") == (said, 128)


@pytest.mark.usefixtures("unchanged")
def test_a_date_that_git_does_not_understand(place, capsys, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "nonsense")

    said = refused(
        "git cannot read GIT_COMMITTER_DATE: invalid date format: nonsense",
        "unset GIT_COMMITTER_DATE, or write it as 2026-03-03T14:05:00Z",
    )
    assert run_here(capsys, "-C", "models", "withdraw", "churn@1.0.0") == (said, 128)


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


# What is typed, and what is said of it. What it names beside the store is made by `around`.

REFUSED = """
$ gms get churn@1.0.0 -o taken
error: 'taken' already exists and is not empty
hint: name another folder with -o DIR
$ gms get churn@1.0.0 -o train.csv
error: 'train.csv' already exists
hint: name another folder with -o DIR
$ gms clone models taken
error: 'taken' already exists and is not empty
hint: name a new folder: `gms clone URL PATH`
$ gms demo taken
error: 'taken' already exists and is not empty
hint: name another folder: `gms demo DIR`
$ gms -C . init taken
error: '{place}/taken' already exists and is not empty: it holds 'mine'
hint: name a new folder for the store: `gms init modelstore`
$ gms -C . init code
error: '{place}/code' is already a git repository, but not a model store
hint: name a new folder for the store: `gms init modelstore`
$ gms -C . init train.csv
error: '{place}/train.csv' already exists and is a file
hint: name a new folder for the store: `gms init modelstore`
$ gms -C empty show churn
error: no model 'churn': the store is empty
hint: run `gms register churn pipeline.joblib`
$ gms annotate churn@1.1.0 auc
error: 'auc' is not KEY=VALUE
hint: as in validation_auc=0.83; KEY= removes it
$ gms annotate churn@1.1.0 a=1 a=2
error: 'a' is named twice
hint: name each key once
$ gms annotate churn@1.1.0 a=nan
error: 'a' is nan, which is not a JSON number
hint: write it as 0.5, or as text: 'a="nan"'
$ gms annotate churn@1.1.0 a=
error: churn 1.1.0 has no annotation 'a' to remove
hint: see them with `gms show churn@1.1.0`
$ gms annotate churn a=1
error: which version of 'churn' do you want to annotate?
hint: the newest is 1.1.0: gms annotate churn@1.1.0 a=VALUE
$ gms annotate chrun@1.1.0 a=1
error: no model 'chrun'
hint: did you mean 'churn'?
$ gms audit chrun
error: no model 'chrun'
hint: did you mean 'churn'?
$ gms audit churn --since 'last week'
error: 'last week' is not a date
hint: write it as 2026-03-03 or 2026-03-03T14:00
$ gms audit churn -o train.csv
error: 'train.csv' already exists
hint: name another file with -o FILE.zip, or give --force
$ gms diff churn churm
error: no model 'churm'
hint: did you mean 'churn'?
$ gms diff churn no.joblib
error: file 'no.joblib' does not exist
hint: check the path; it is relative to the working directory
$ gms diff churn churn --test no.csv --target left
error: cannot read 'no.csv': no such file or directory
hint: check the path; it is relative to the working directory
$ gms diff churn unfitted.joblib
error: Pipeline is not fitted
hint: call fit before register
$ gms env churn@7.0.0 --check
error: no version '7.0.0' of 'churn'
hint: there is 1.1.0 (production), 1.0.0 (archived)
$ gms list chum
error: no model 'chum'
hint: did you mean 'churn'?
$ gms show churn@77.5.5
error: no version '77.5.5' of 'churn'
hint: there is 1.1.0 (production), 1.0.0 (archived)
$ gms which churn --at 2020-01-01
error: the store did not exist yet on 2020-01-01 23:59 UTC
hint: see when it began with `gms log`
$ gms which churn --at tuesday
error: 'tuesday' is not a date
hint: write it as 2026-03-03 or 2026-03-03T14:00
$ gms cat churn:requirement.txt
error: churn 1.1.0 has no file 'requirement.txt'
hint: did you mean 'requirements.txt'?
$ gms promote churn production
error: which version of 'churn' do you want in production?
hint: the newest is 1.1.0: gms promote churn@1.1.0 production
$ gms promote churn@1.1.0 prod
error: 'prod' is not a status of this store
hint: did you mean 'production'?
$ gms archive churn@1.1.0
error: churn 1.1.0 is in production, which would then be empty
hint: name a successor: gms archive churn@1.1.0 --successor VERSION, or leave production empty: \
gms archive churn@1.1.0 --vacate --reason TEXT
$ gms rollback fraud
error: no earlier production version of 'fraud' to go back to
hint: name one with --to VERSION; see them with `gms list fraud`
$ gms register --no-code churn none.joblib
error: file 'none.joblib' does not exist
hint: check the path; it is relative to the working directory
$ gms register --no-code Churn first.joblib
error: 'Churn' is not a model name
hint: use lower-case letters, digits, - and _, at most 63, ending in a letter or digit, such as \
'churn'
$ gms register --no-code churn train.csv
error: 'train.csv' is not a file that joblib wrote
hint: write it again with `joblib.dump(pipeline, file)`
$ gms register --no-code churn unfitted.joblib
error: Pipeline is not fitted
hint: call fit before register
$ gms register --no-code churn first.joblib --metric auc=nan
error: metric 'auc' is nan, not a finite number
hint: leave it out, or give a number
$ gms register --no-code churn first.joblib --metrics nan.json
error: nan.json: auc: NaN is not a finite number
hint: write it as {"test_auc": 0.91}
$ gms register --no-code churn first.joblib --metrics text.json
error: metric 'auc' is the text 'good', not a finite number
hint: leave it out, or give a number
$ gms register --no-code churn first.joblib --metrics two.json
error: metric 'auc' is the text 'good', not a finite number; 'a b' is not a metric name
hint: leave it out, or give a number
$ gms register --no-code churn first.joblib --card two.json
error: card.a b: expected text, found int 1; card.intended_use: expected text, found int 7
$ gms register --no-code churn first.joblib --metrics list.json
error: list.json: expected a JSON object, found list
hint: write it as {"test_auc": 0.91}
$ gms register --no-code churn first.joblib --metrics train.csv
error: train.csv:1:1: not JSON: expecting value
hint: write it as {"test_auc": 0.91}
$ gms register --no-code churn first.joblib --metrics none.json
error: cannot read 'none.json': no such file or directory
hint: check the path; it is relative to the working directory
$ gms register --no-code churn first.joblib --data train=none.csv
error: data set 'train': no file or folder 'none.csv'
hint: check the path; it is relative to the working directory
$ gms register --no-code churn first.joblib --version 1.1.0
error: version '1.1.0' of 'churn' already exists
hint: omit the version for the next number, or use 1.1.1
$ gms register --no-code churn first.joblib --version 1.0.5
error: version '1.0.5' of 'churn' is below the highest, 1.1.0
hint: use 1.1.1, or mark it as a backport: allow_backport=True (--allow-backport)
$ gms register --no-code churn first.joblib --version v1.2.3
error: 'v1.2.3' is not a SemVer version
hint: leave out the 'v': 1.2.3
$ gms register churn first.joblib --code none
error: 'none' does not exist
hint: omit --code, or correct it
$ gms search code.dirty --model chrun
error: no model 'chrun'
hint: did you mean 'churn'?
$ gms log -G status
error: 'status' is not a field of the manifest
hint: see `gms log`
$ gms log -G version=1.2
error: '1.2' is not a SemVer version
hint: write all three numbers: 1.2.0
$ gms register churn first.joblib --test no.csv --target left
error: cannot read 'no.csv': no such file or directory
hint: check the path; it is relative to the working directory
$ gms verify churn@1.0.0 --test no.csv
error: cannot read 'no.csv': no such file or directory
hint: check the path; it is relative to the working directory
$ gms inspect none.joblib
error: file 'none.joblib' does not exist
hint: check the path; it is relative to the working directory
$ gms inspect chrun
error: no model 'chrun'
hint: did you mean 'churn'?
$ gms promote churn@1.0.0 production --replay
error: churn 1.0.0 does not pass the gate of production
       failed: replay is not recorded, must be identical or within tolerance: it has no sample to \
replay
hint: register it again with X_test (`gms register --sample-from FILE`), or override it: gms \
promote churn@1.0.0 production --force --reason TEXT
$ gms promote churn@1.1.0 staging
error: churn 1.1.0 is in production, which would then be empty
hint: name a successor: gms promote churn@1.1.0 staging --successor VERSION, or leave production \
empty: gms promote churn@1.1.0 staging --vacate --reason TEXT
$ gms approve churn@1.0.0 production
error: churn 1.0.0 was registered by Ada Lovelace <ada@example.org>, whose own approval does not \
count
hint: ask someone else to run: gms approve churn@1.0.0 production
"""
# Where no hint stands here it is the first example of the command.
NOT_UNDERSTOOD = """
$ gms annotate churn@1.1.0
error: missing argument 'KEY=VALUE...'
$ gms audit
error: missing argument 'NAME'
$ gms diff churn
error: missing argument 'B'
$ gms diff churn churn --test rows.csv
error: --test FILE and --target NAME go together
$ gms diff churn churn --target left
error: --test FILE and --target NAME go together
$ gms diff churn churn --code nowhere
error: folder 'nowhere' does not exist
$ gms env churn --check --python
error: --check and --python cannot be used together
$ gms env
error: missing argument 'REF'
$ gms register -x first.joblib
error: no such option '-x'
$ gms register churn first.joblib --data train
error: --data takes ROLE=PATH, not 'train'
$ gms register churn first.joblib --metric auc=high
error: metric 'auc' is 'high', not a number
$ gms register churn first.joblib --metric a=1 --metric a=2
error: 'a' was given twice with --metric
$ gms register churn first.joblib --version 2.0.0 --bump major
error: --version and --bump cannot be used together
$ gms register churn
error: missing argument 'FILE'
$ gms register churn first.joblib -m
error: option '-m' requires an argument
$ gms register churn first.joblib --metrc a=1
error: no such option '--metrc'
hint: did you mean '--metric'?
$ gms promote churn@1.0.0
error: 'churn@1.0.0' alone: promote needs a version and a status
$ gms cat churn@1.0.0
error: 'churn@1.0.0' does not name a file of a version: write REF:FILE
$ gms --nothing
error: no such option '--nothing'
hint: see `gms help`
$ gms log --one
error: no such option '--one'
hint: did you mean '--oneline'?
$ gms list --no-colour
error: no such option '--no-colour'
hint: did you mean '--no-color'?
$ gms list --al
error: no such option '--al'
$ gms search 'metrics.test_auc = 0.9'
error: column 18: '=' means nothing here
       metrics.test_auc = 0.9
                        ^
hint: write == to compare
$ gms search 'test_auc > 0.9'
error: column 1: no field 'test_auc'
       test_auc > 0.9
       ^
hint: did you mean 'metrics.test_auc'?
$ gms search 'status == production'
error: column 11: no field 'production'
       status == production
                 ^
hint: write text in quotes: "production"
$ gms search 'xyzzy > 1'
error: column 1: no field 'xyzzy'
       xyzzy > 1
       ^
hint: there are status, params, schema, model, version, parent, created_at, trained_at, author, \
message, pipeline, features, target, metrics, baseline, data, code, environment, card, artifacts, \
custom, annotations
$ gms search
error: missing argument 'EXPRESSION'
$ gms search metrics.test_auc '>' 0.9
error: got unexpected extra arguments (> 0.9)
$ gms search code.dirty --sort 'metrics.a > 1'
error: column 10: expected only the name of a field
       metrics.a > 1
                ^
hint: as in `metrics.test_auc`
$ gms log -G metrics.
error: column 8: expected only the name of a field
       metrics.
              ^
hint: as in `metrics.test_auc`
$ gms promote churn@1.1.0 staging --vacate
error: --vacate needs a --reason
$ gms archive churn@1.1.0 --vacate --reason ' '
error: --vacate needs a --reason
$ gms withdraw churn@1.1.0 --vacate
error: --vacate needs a --reason
$ gms rollback churn --vacate
error: --vacate needs a --reason
$ gms archive churn@1.1.0 --vacate --reason x --successor 1.0.0
error: --successor and --vacate cannot be used together
$ gms promote churn@1.1.0 fraud@1.0.0 staging --successor 1.0.0
error: --successor works with one version only
$ gms register churn first.joblib --baseline
error: --baseline needs --test FILE
$ gms register churn first.joblib --test rows.csv
error: --test needs --target NAME
$ gms verify
error: name one version, or give --all
$ gms verify churn --all
error: name one version, or give --all
$ gms verify --all --test rows.csv
error: --test works with one version only
$ gms verify churn --target left
error: --target needs --test FILE
$ gms rollback churn --no-replay
error: --no-replay needs a --reason
$ gms register leave first.joblib --sample rows --target left --no-code
error: --sample rows needs --sample-from FILE
$ gms promote churn@1.1.0 production --force
error: --force needs a --reason
$ gms promote churn@1.1.0 production --force --reason ' '
error: --force needs a --reason
"""
CANNOT_WORK = """
$ gms -C train.csv list
error: '{place}/train.csv' is not a folder
hint: name the folder of the store; clone a bundle first
$ gms -C nowhere list
error: folder '{place}/nowhere' does not exist
hint: check the path; `gms init {place}/nowhere` makes a new one there
$ gms -C unborn list
error: '{place}/unborn' is not a model store: it has no branch 'main'
hint: create one with `gms init`, or name yours with -C or $GITMODELSTORE
$ gms -C sha256 list
error: '{place}/sha256' cannot be a store: its object ids are not sha1 (unknown object format \
'sha256')
hint: create a store with `gms init`, which uses a format that works
$ gms audit churn -o models
error: 'models' is a folder
hint: name a file with -o FILE.zip
$ gms audit churn -o no/a.zip
error: folder 'no' does not exist
hint: create it, or name another
"""


def session(text: str, code: int) -> list[tuple[str, str, int]]:
    """Return each command of a session, what it says and its exit code."""
    commands = (command.partition("\n") for command in f"\n{text.strip()}".split("\n$ gms ")[1:])
    return [(typed, f"{said}\n", code) for typed, _, said in commands]


@pytest.fixture
def around(place: Path, unfitted: Path) -> dict[Path, bytes | None]:
    """The files and folders around the store."""
    (place / "nan.json").write_text('{"auc": NaN}')
    (place / "text.json").write_text('{"auc": "good"}')
    (place / "list.json").write_text("[0.9]")
    (place / "two.json").write_text('{"auc": "good", "a b": 1, "intended_use": 7}')
    (place / "taken").mkdir()
    (place / "taken" / "mine").write_text("mine")
    Store.init(place / "empty")
    for words in (
        *("init -q unborn", "init -q --object-format=sha256 sha256", "init -q code"),
        "-C code commit -q --allow-empty -m work",
    ):
        subprocess.run(["git", *words.split()], check=True)
    return files(place)


def files(place: Path) -> dict[Path, bytes | None]:
    """Return everything around the store with its content."""
    found = (path for path in place.rglob("*") if place / "models" not in path.parents)
    return {path: path.read_bytes() if path.is_file() else None for path in found}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("typed", "said", "code"),
    [*session(REFUSED, 1), *session(NOT_UNDERSTOOD, 2), *session(CANNOT_WORK, 128)],
    ids=lambda value: str(value).split("\n")[0],
)
def test_a_command_says_why_not_and_changes_nothing(gms, place, around, typed, said, code):
    if code == 2 and "\nhint: " not in said:
        command = BY_NAME[typed.split()[0]]
        said += f"hint: as in `{command.example}`; see `gms help {command.name}`\n"

    assert gms(*shlex.split(typed)) == ("", said.replace("{place}", str(place)), code)
    assert files(place) == around
