"""Which store a command or a call means: by place, and by who names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gitmodelstore as gms
from gitmodelstore.cli.main import main
from gitmodelstore.errors import NotAStore
from gitmodelstore.store import Store

from .conftest import Outcome, Run, make_pipeline_file

ROOT = Path(gms.__file__).parents[1]
NAMED = '[tool.gitmodelstore]\nstore = "models"\n'

# Place to the store that is around it, both in the folder that `world` makes.
AROUND = {
    "ml": "ml/models",
    "ml/src": "ml/models",
    "ml/.git": "ml/models",
    "ml/.git/refs/heads": "ml/models",
    "ml/models": "ml/models",
    "ml/models/models/churn": "ml/models",
    "ml/models/.git": "ml/models",
    "linked": "ml/models",
    "linked/src": "ml/models",
    "bare.git": "bare.git",
    "bare.git/objects": "bare.git",
    "elsewhere/notes": None,
}


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_code(folder: Path, *, pyproject: str = "") -> Path:
    """Make an ML repository with a commit."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("print('training')\n")
    if pyproject:
        (folder / "pyproject.toml").write_text(pyproject)
    git(folder, "init", "--quiet", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "code")
    return folder


def make_store(folder: Path, *, model: str = "churn") -> Store:
    """Make a store with one model in production."""
    Store.init(folder)
    store = Store.open(folder, durable=False)
    file = make_pipeline_file(folder.parent / f"{model}.joblib")
    store.register(file, model, code=None)
    store.promote(f"{model}@1.0.0", "production")
    file.unlink()
    return store


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the two worlds lie once a test has made them."""
    return tmp_path_factory.mktemp("worlds")


def world(worlds: Path, *, pyproject: str = "") -> Path:
    """An ML repository with a store in models/ and a linked work tree; a bare copy of the store."""
    made = worlds / ("named" if pyproject else "plain")
    if not made.exists():
        ml = make_code(made / "ml", pyproject=pyproject)
        make_store(ml / "models")
        git(ml, "worktree", "add", "--quiet", "../linked", "-b", "side")
        git(made, "clone", "--quiet", "--bare", "ml/models", "bare.git")
        (made / "elsewhere" / "notes").mkdir(parents=True)
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Type a command in a folder, which is the working directory from then on."""

    def run(folder: Path, typed: str) -> Outcome:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        code = main(typed.split())
        return Outcome(*capsys.readouterr(), code)

    return run


@pytest.fixture
def taken(run: Run) -> Callable[..., str]:
    """Return the store that every command takes in a folder."""

    def taken(folder: Path, options: str = "") -> str:
        def told(command: str) -> dict:
            done = run(folder, f"{options} --json {command}")
            assert done.code == 0, done.stderr
            return json.loads(done.stdout)

        assert [one["model"] for one in told("list")["models"]] == ["churn"]
        assert told("validate")["sound"]
        assert told("doctor --fix")["sound"]  # no repository of code is
        return str(Path(told("hook install")["path"]).parent).removesuffix("/.git")

    return taken


@pytest.mark.parametrize("place", AROUND)
@pytest.mark.parametrize("pyproject", ["", NAMED], ids=["around", "pyproject"])
def test_the_store_around(worlds, monkeypatch, run, taken, place, pyproject):
    here = world(worlds, pyproject=pyproject)
    store = AROUND[place]

    if store is None:
        for command in ("list", "validate", "doctor", "log"):
            done = run(here / place, command)
            assert (done.stdout, done.code) == ("", 128)
            assert done.stderr.startswith("error: no git repository at ")
        for call in (Store.open, lambda: gms.load_model("churn")):
            with pytest.raises(NotAStore):
                call()
        return
    assert taken(here / place) == str(here / store)
    assert Store.open().path == Store.open(".").path == here / store
    assert gms.version_of(gms.load_model("churn")).model == "churn"
    monkeypatch.chdir(here / "elsewhere")
    assert Store.open(f"../{place}").path == here / store
    hooks = (here / "ml" / ".git" / "hooks").iterdir()
    assert not [path.name for path in hooks if path.suffix != ".sample"]


@pytest.mark.parametrize("place", ["ml/src", "ml/models", "elsewhere/notes"])
def test_the_variable_comes_before_what_is_around_and_c_before_that(
    worlds, monkeypatch, taken, place
):
    here = world(worlds, pyproject=NAMED)
    monkeypatch.setenv("GITMODELSTORE", str(here / "bare.git"))

    assert taken(here / place) == str(here / "bare.git")
    assert Store.open().path == here / "bare.git"
    assert gms.version_of(gms.load_model("churn")).model == "churn"
    linked = f"-C {here / 'linked' / 'src'}"
    assert taken(here / place, linked) == str(here / "ml" / "models")
    assert Store.open(here / "ml").path == here / "ml" / "models"


def test_links_lead_to_where_they_lead(worlds, tmp_path, monkeypatch):
    here = world(worlds)
    (tmp_path / "link").symlink_to(here / "ml" / "src")

    assert Store.open(tmp_path / "link").path == here / "ml" / "models"
    monkeypatch.chdir(tmp_path / "link")
    assert Store.open().path == here / "ml" / "models"


def test_code_that_we_cannot_open_has_a_store_all_the_same(tmp_path, taken):
    ml = tmp_path / "ml"
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "ml")
    make_store(ml / "models")

    assert Store.open(ml).path == ml / "models"
    assert taken(ml) == str(ml / "models")


def test_a_call_registers_where_the_variable_says(tmp_path, monkeypatch):
    make_code(tmp_path / "ml")
    Store.init(tmp_path / "ml" / "models")
    store = make_store(tmp_path / "shared")
    monkeypatch.chdir(tmp_path / "ml")
    monkeypatch.setenv("GITMODELSTORE", "../shared")

    gms.register_model(make_pipeline_file(tmp_path / "new.joblib", 2.0), "churn", code=None)

    assert [str(one.version) for one in store.versions("churn")] == ["1.1.0", "1.0.0"]


@pytest.mark.parametrize("place", ["ml", "ml/src", "linked", "linked/src"])
def test_init_says_that_there_is_a_store(worlds, run, place):
    here = world(worlds)

    said = "note: it is already a model store; nothing was changed\n"
    assert run(here / place, "init") == (f"{here}/ml/models\n", said, 0)


def test_init_makes_the_store_where_pyproject_names_it(tmp_path, run):
    ml = make_code(tmp_path / "ml", pyproject=NAMED.replace('"models"', '"../shared"'))

    assert run(ml / "src", "init")[::2] == (f"{tmp_path}/shared\n", 0)
    assert Store.open().path == tmp_path / "shared"
    assert git(ml, "status", "--porcelain") == ""


class TestInACodeRepositoryWithoutAStore:
    @pytest.fixture
    def ml(self, tmp_path) -> Path:
        return make_code(tmp_path / "ml")

    @pytest.mark.parametrize("tagged", [False, True], ids=["plain", "with GTO's tags"])
    def test_no_command_takes_it_for_one(self, ml, run, tagged):
        if tagged:
            git(ml, "tag", "-a", "churn@v1.0.0", "-m", "churn 1.0.0")
        before = sorted((ml / ".git" / "hooks").iterdir())

        for command in ("hook install", "doctor --fix", "validate", "list"):
            assert run(ml / "src", command)[1:] == (
                f"error: '{ml}' is not a model store: no registry.json on branch 'main'\n"
                "hint: create one with `gms init`, or name yours with -C or $GITMODELSTORE\n",
                128,
            )
        assert sorted((ml / ".git" / "hooks").iterdir()) == before

    def test_what_the_hint_says_leads_out(self, ml, run):
        assert run(ml, "init").code == 0

        said = f"nothing to install in {ml}/models/.git/hooks\n"
        assert run(ml, "hook install")[::2] == (said, 0)

    def test_a_repository_that_is_called_models_is_not_taken_for_a_store(self, ml, run):
        make_code(ml / "models")

        done = run(ml, "list")
        assert done.code == 128
        assert done.stderr.startswith(f"error: '{ml}' is not a model store: ")

    def test_init_says_where_nothing_leads_to_the_store(self, ml, run):
        (ml / "models").mkdir()
        (ml / "models" / "old.pkl").write_bytes(b"")

        refused, done = run(ml, "init"), run(ml, "init modelstore")

        assert (refused.code, done.code) == (1, 0)
        assert "hint: name a new folder for the store: `gms init modelstore`" in refused.stderr
        assert (
            "note: nothing names this as the store of that repository yet: add "
            '[tool.gitmodelstore] store = "modelstore" to its pyproject.toml, or set $GITMODELSTORE'
        ) in done.stderr


def test_a_bare_store_that_has_linked_work_trees_alone(worlds, tmp_path, run):
    bare, tree = tmp_path / ".bare", tmp_path / "main"
    git(world(worlds), "clone", "--quiet", "--bare", "bare.git", str(bare))
    git(bare, "worktree", "add", "--quiet", str(tree), "main")
    (tmp_path / ".git").write_text("gitdir: ./.bare\n")

    for place in (tmp_path, bare, bare / "refs", tree, tree / "models" / "churn"):
        done = run(place, "list")
        assert (done.code, "churn" in done.stdout) == (0, True)
        assert Store.open().path == (tree if place.is_relative_to(tree) else bare)


def test_a_bare_ml_repository_that_has_linked_work_trees_alone(worlds, tmp_path, run):
    bare, one, other = (tmp_path / name for name in ("ml.git", "one", "other"))
    git(world(worlds), "clone", "--quiet", "--bare", "ml", str(bare))
    git(bare, "worktree", "add", "--quiet", str(one), "-b", "first")
    git(bare, "worktree", "add", "--quiet", str(other), "-b", "second")
    git(world(worlds), "clone", "--quiet", "bare.git", str(one / "models"))

    for place in (one, one / "src", other, other / "src", bare, bare / "refs"):
        done = run(place, "list")
        assert (done.code, "churn" in done.stdout) == (0, True)
        assert Store.open().path == one / "models"
    git(world(worlds), "clone", "--quiet", "bare.git", str(other / "models"))
    for place, store in ((one, one), (other / "src", other)):
        assert Store.open(place).path == store / "models"
    with pytest.raises(NotAStore):  # which of them?
        Store.open(bare)


def test_git_tells_its_hooks_of_the_code_and_that_leads_nobody_astray(tmp_path, monkeypatch):
    """A hook of the ML repository that calls us, in the main work tree and in a linked one."""
    monkeypatch.delenv("GIT_CONFIG_COUNT")
    ml = make_code(tmp_path / "ml")
    make_store(ml / "models")
    git(ml, "worktree", "add", "--quiet", "../linked", "-b", "side")
    gms_ = f"PYTHONPATH='{ROOT}' '{sys.executable}' -m gitmodelstore.cli.main"
    hook = ml / ".git" / "hooks" / "pre-commit"
    hook.write_text(
        "#!/bin/sh\nset -e\n"
        f"{gms_} list churn >&2\n{gms_} validate\n{gms_} doctor\n{gms_} hook install\n"
        f"{gms_} annotate churn@1.0.0 seen=yes || {gms_} show churn@1.0.0\n"
    )
    hook.chmod(0o755)

    for folder in (ml, tmp_path / "linked"):
        git(folder, "commit", "--quiet", "--allow-empty", "-m", "more code")

    assert git(ml / "models", "status", "--porcelain") == ""
    assert "annotate" in git(ml / "models", "log", "-1", "--format=%s")
    assert git(ml, "ls-files").split() == ["src/train.py"]


class TestAFolderCalledLikeTheModel:
    def test_is_not_loaded(self, worlds, tmp_path, monkeypatch, run):
        here = world(worlds)
        (tmp_path / "churn").mkdir()
        (tmp_path / "churn" / "notes.txt").write_text("mine")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GITMODELSTORE", str(here / "ml"))

        assert gms.version_of(gms.load_model("churn")).model == "churn"
        for command in ("show churn", "inspect churn", "verify churn"):
            assert run(tmp_path, command).code == 0
        assert run(tmp_path, "get churn -q")[::2] == ("churn-1.0.0\n", 0)

    @pytest.mark.parametrize("kind", ["plain", "repository"])
    def test_is_not_taken_for_a_store(self, tmp_path, monkeypatch, kind):
        ml = make_code(tmp_path / "ml")
        make_store(ml / "models")
        (ml / "churn").mkdir()
        if kind == "repository":
            make_code(ml / "churn" / "code")
            (ml / "churn" / "code").rename(tmp_path / "code")
            (ml / "churn").rmdir()
            (tmp_path / "code").rename(ml / "churn")
        monkeypatch.chdir(ml)

        assert gms.version_of(gms.load_model("churn")).model == "churn"
        assert Store.open().path == ml / "models"
        if kind == "plain":
            assert Store.open("churn").path == ml / "models"
        else:
            with pytest.raises(NotAStore, match=f"'{ml}/churn' is not a model store"):
                Store.open("churn")


class TestWhatIsNamedAndNotThere:
    def test_by_the_library_the_variable_and_pyproject(self, tmp_path, monkeypatch):
        ml = make_code(tmp_path / "ml", pyproject=NAMED)
        monkeypatch.chdir(ml)
        there = f"{ml}/models"
        makes = f"`gms init {there}` makes a new one there"

        def said(open_it: Callable[..., object], *args: str, **named: str) -> tuple[str, str]:
            with pytest.raises(NotAStore) as caught:
                open_it(*args, **named)
            return str(caught.value), caught.value.hint

        assert said(Store.open) == (
            f"'{there}' does not exist, but '{ml}/pyproject.toml' names it",
            f"clone the store: `gms clone URL {there}`; {makes}",
        )
        missing = f"folder '{there}' does not exist"
        by_call = said(gms.load_model, "churn", store="models")
        assert by_call == (missing, f"check the path; {makes}")
        monkeypatch.setenv("GITMODELSTORE", "src/../models")
        hint = "$GITMODELSTORE names it: unset it, or name a store with -C"
        assert said(gms.load_model, "churn") == (missing, hint)

    def test_the_hint_leads_out(self, worlds, tmp_path, run, taken):
        ml = make_code(tmp_path / "ml", pyproject=NAMED)

        assert run(ml, f"clone {world(worlds) / 'bare.git'} {ml}/models").code == 0
        assert taken(ml) == f"{ml}/models"

    def test_the_working_directory(self, tmp_path, monkeypatch, capsys):
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()

        for command in ("list", "doctor", "hook install"):
            assert main(command.split()) == 128
            said = capsys.readouterr().err
            assert said.startswith("error: the working directory no longer exists")
        with pytest.raises(NotAStore):
            Store.open()

    @pytest.mark.parametrize("named", ["https://ada:secret@host/m.git", "server:/srv/m.git"])
    def test_an_address(self, tmp_path, monkeypatch, run, named):
        ml = make_code(tmp_path / "ml", pyproject=NAMED.replace('"models"', f'"{named}"'))
        cache = tmp_path / "cache"
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        monkeypatch.setenv("GIT_SSH_COMMAND", "false")  # nobody is there
        named = named.replace("host", "127.0.0.1:9")
        shown = named.replace("ada:secret@", "")

        in_pyproject = run(ml, "list")
        assert in_pyproject.code == 128
        assert "store must be a path, found '" in in_pyproject.stderr
        by_option = run(ml, f"-C {named} list")
        assert by_option.code == 128
        assert by_option.stderr.startswith(f"error: cannot clone '{shown}': ")
        assert "secret" not in by_option.stderr
        assert run(ml, f"init {named}").code == 2
        monkeypatch.setenv("GITMODELSTORE", named)
        by_variable = run(ml, "list")
        assert by_variable.code == 128
        assert by_variable.stderr.startswith(f"error: cannot clone '{shown}': ")
        assert "hint: $GITMODELSTORE names it; check it with `git ls-remote" in by_variable.stderr
        assert list((cache / "gitmodelstore" / "stores").iterdir()) == []
        (ml / named).mkdir(parents=True)  # a path that is there comes first, as for git
        monkeypatch.delenv("GITMODELSTORE")
        assert run(ml, f"-C {named} list").stderr == in_pyproject.stderr


def test_a_store_of_somebody_else_is_named_by_an_absolute_path(tmp_path, run):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    store = make_store(tmp_path / "their store")
    for path in (store.path, *store.path.rglob("*")):
        os.chown(path, 4711, 4711, follow_symlinks=False)
    top = str(store.path).rstrip("/")

    said = run(store.path / "models", "list")
    assert said[1:] == (
        f"error: '{top}' belongs to another user\n"
        f"hint: if you trust it: git config --global --add safe.directory '{top}'\n",
        128,
    )
    subprocess.run(said.stderr.partition("trust it: ")[2], shell=True, check=True)  # noqa: S602
    assert run(store.path / "models", "list").code == 0


def test_the_doctor_finds_a_damaged_store_from_the_code_around_it(tmp_path, run):
    ml = make_code(tmp_path / "ml", pyproject=NAMED)
    make_store(ml / "models")
    (ml / "models" / ".git" / "HEAD").unlink()

    broken = run(ml / "src", "list")
    assert (broken.code, "`gms doctor`" in broken.stderr) == (128, True)
    assert run(ml / "src", "doctor --fix").code == 0
    assert run(ml / "src", "list").code == 0
