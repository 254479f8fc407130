"""Making a store: what is made, what is refused, and that git's own defaults play no part."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import (
    AlreadyExists,
    CannotWrite,
    CorruptStore,
    NoIdentity,
    NotAStore,
    UnsupportedRepository,
)
from gitmodelstore.plumbing import refs

from . import children
from .looks import commit_by_hand, refusal


@pytest.fixture
def project(tmp_path) -> Path:
    """A code repository with one commit."""
    folder = tmp_path / "project"
    commit_by_hand(folder, "train.py", "print(1)\n", "first")
    return folder


def assert_sound(folder: Path, git, *options: str) -> None:
    assert git(folder, "fsck", "--strict", *options) == ""
    if not (folder / "HEAD").exists():
        assert git(folder, "status", "--porcelain") == ""


def tell(notes: list[str], folder: Path, **options) -> Store:
    return Store.init(folder, notify=notes.append, **options)


class TestWhatIsMade:
    def test_a_store_is_three_files_in_one_commit(self, tmp_path, git, notes):
        made = tell(notes, tmp_path / "store")

        assert made.created
        assert notes == []
        assert git(made.path, "log", "--format=%s %D") == "Start a model store HEAD -> main\n"
        assert git(made.path, "ls-files") == ".gitattributes\nmodelstore.toml\nregistry.json\n"
        registry = (made.path / "registry.json").read_text()
        assert registry == '{\n  "schema": "1.0",\n  "models": {}\n}\n'
        assert_sound(made.path, git)

    def test_a_bare_store_has_no_work_tree(self, tmp_path, git):
        made = Store.init(tmp_path / "store.git", bare=True)

        assert git(made.path, "rev-parse", "--is-bare-repository") == "true\n"
        assert "registry.json" in git(made.path, "ls-tree", "--name-only", "main")
        assert not (made.path / "registry.json").exists()
        assert_sound(made.path, git)

    def test_folders_above_are_made(self, tmp_path, git):
        made = Store.init(tmp_path / "a" / "b" / "store")

        assert_sound(made.path, git)

    def test_an_empty_folder_is_taken(self, tmp_path, git):
        (tmp_path / "store").mkdir()

        assert_sound(Store.init(tmp_path / "store").path, git)

    def test_an_empty_repository_is_taken_and_its_branch_becomes_main(self, tmp_path, git, notes):
        git(tmp_path, "init", "--quiet", "store")
        made = tell(notes, tmp_path / "store")

        assert made.created
        assert notes == []  # it does not ignore itself
        assert git(made.path, "symbolic-ref", "HEAD") == "refs/heads/main\n"
        assert_sound(made.path, git)

    def test_an_empty_repository_within_a_code_repository_is_ignored_by_that(
        self, project, git, notes
    ):
        git(project, "init", "--quiet", "models")
        tell(notes, project / "models")

        assert notes == ["the code repository ignores it: /models/ is in .git/info/exclude"]
        assert git(project, "status", "--porcelain") == ""

    def test_an_empty_bare_repository_is_taken(self, tmp_path, git):
        git(tmp_path, "init", "--quiet", "--bare", "store.git")

        made = Store.init(tmp_path / "store.git", bare=True)

        assert Store.open(made.path).models() == ()
        assert_sound(made.path, git)

    def test_doing_it_again_changes_nothing(self, any_store, git):
        before = git(any_store.path, "rev-parse", "main")

        assert not Store.init(any_store.path).created
        assert git(any_store.path, "rev-parse", "main") == before

    def test_a_store_is_found_from_below(self, store, monkeypatch):
        (store.path / "models").mkdir()
        monkeypatch.chdir(store.path / "models")

        assert Store.open().path == store.path


class TestUsersDefaults:
    def test_default_branch_hash_and_template_of_the_user_do_not_matter(
        self, tmp_path, git, monkeypatch
    ):
        monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
        template = tmp_path / "template"
        (template / "hooks").mkdir(parents=True)
        hook = template / "hooks" / "post-checkout"
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
        git(tmp_path, "config", "--global", "init.templateDir", str(template))

        made = Store.init(tmp_path / "store")

        assert git(made.path, "rev-parse", "--show-object-format") == "sha1\n"
        assert git(made.path, "branch", "--show-current") == "main\n"
        assert not (tmp_path / "ran").exists()
        assert_sound(made.path, git)

    def test_bare_repositories_that_are_trusted_by_name_only_do_not_matter(
        self, tmp_path, git, fitted
    ):
        made = Store.init(tmp_path / "store.git", bare=True)
        git(made.path, "config", "user.name", "Grace Hopper")
        git(made.path, "config", "user.email", "grace@example.org")
        git(tmp_path, "config", "--global", "safe.bareRepository", "explicit")

        Store.open(made.path).register(fitted, "churn", code=None)

        (event,) = Store.open(made.path).log()
        assert event.who == "Grace Hopper <grace@example.org>"

    def test_without_an_identity_nothing_is_made(self, tmp_path, git):
        git(tmp_path, "config", "--global", "--unset", "user.name")
        git(tmp_path, "config", "--global", "--unset", "user.email")
        git(tmp_path, "config", "--global", "user.useConfigOnly", "true")

        assert refusal(Store.init, tmp_path / "deep" / "store") == (
            NoIdentity,
            "git does not know who you are",
            "run `git config --global user.name 'Your Name'` and "
            "`git config --global user.email you@example.org`",
        )
        assert list(tmp_path.iterdir()) == []


class TestInsideACodeRepository:
    def test_the_code_repository_ignores_it(self, project, git, notes):
        made = tell(notes, project / "models")

        assert notes == ["the code repository ignores it: /models/ is in .git/info/exclude"]
        assert git(project, "status", "--porcelain", "--ignored") == "!! models/\n"
        assert_sound(made.path, git)

    def test_at_its_top_the_store_is_put_into_models_when_asked(self, project, git):
        assert Store.init(project, place_inside=True).path == project / "models"
        assert git(project, "status", "--porcelain") == ""

    def test_a_line_in_exclude_is_written_once(self, project):
        exclude = project / ".git" / "info" / "exclude"
        exclude.write_text("*.log\n/models/")

        Store.init(project / "models")

        assert exclude.read_text() == "*.log\n/models/"

    def test_a_linked_work_tree_of_the_code_repository_will_do(self, project, tmp_path, git):
        git(project, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")

        Store.init(tmp_path / "linked" / "models")

        assert git(tmp_path / "linked", "status", "--porcelain") == ""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ('[project]\nname = "x"\n\n\n',
             '[project]\nname = "x"\n\n[tool.gitmodelstore]\nstore = "models"\n'),
            ("[tool.gitmodelstore] # ours\ncolor = true\n[tool.x]\n",
             '[tool.gitmodelstore] # ours\nstore = "models"\ncolor = true\n[tool.x]\n'),
            ("", '[tool.gitmodelstore]\nstore = "models"\n'),
        ],
        ids=["without the table", "with the table", "empty"],
    )  # fmt: skip
    def test_pyproject_names_it(self, project, before, after, notes):
        (project / "pyproject.toml").write_text(before)
        tell(notes, project / "models")

        assert (project / "pyproject.toml").read_text() == after
        assert notes[1:] == ['pyproject.toml names it: [tool.gitmodelstore] store = "models"']
        assert Store.open(project).path == project / "models"

    @pytest.mark.parametrize(
        "text",
        ['[tool.gitmodelstore]\nstore = "elsewhere"\n', "[tool\n", "tool = 3\n"],
        ids=["already named", "broken", "odd"],
    )
    def test_a_pyproject_that_names_one_or_is_broken_is_left_alone(self, project, text):
        (project / "pyproject.toml").write_text(text)

        Store.init(project / "models")

        assert (project / "pyproject.toml").read_text() == text

    def test_a_table_written_in_another_way_is_left_readable(self, project):
        (project / "pyproject.toml").write_text("[tool]\ngitmodelstore.color = true\n")

        Store.init(project / "models")

        tomllib.loads((project / "pyproject.toml").read_text())

    def test_a_broken_pyproject_is_named_when_the_store_is_looked_for(self, project, monkeypatch):
        (project / "pyproject.toml").write_text("[tool\n")
        monkeypatch.chdir(project)

        with pytest.raises(NotAStore) as caught:
            Store.open()

        assert str(caught.value).startswith(f"'{project}/pyproject.toml' is not TOML: ")
        assert caught.value.hint == "fix it, or name the store with -C"


class TestRefused:
    def test_a_folder_that_holds_other_things(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")

        assert refusal(Store.init, tmp_path) == (
            AlreadyExists,
            f"'{tmp_path}' already exists and is not empty: it holds 'notes.txt'",
            "name a new folder for the store: `gms init models`",
        )
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_a_repository_of_something_else(self, project, git):
        before = git(project, "rev-parse", "HEAD")

        assert refusal(Store.init, project)[:2] == (
            AlreadyExists,
            f"'{project}' is already a git repository, but not a model store",
        )
        assert git(project, "rev-parse", "HEAD") == before

    def test_a_file_in_the_way(self, tmp_path):
        (tmp_path / "store").write_text("mine")

        assert refusal(Store.init, tmp_path / "store")[:2] == (
            AlreadyExists,
            f"'{tmp_path / 'store'}' already exists and is a file",
        )

    def test_a_file_among_the_folders_above(self, tmp_path):
        (tmp_path / "file").write_text("mine")

        assert refusal(Store.init, tmp_path / "file" / "store")[:2] == (
            AlreadyExists,
            f"'{tmp_path / 'file'}' already exists and is a file",
        )

    @pytest.mark.parametrize("bare", [False, True])
    def test_sha256_ids(self, tmp_path, git, bare):
        git(tmp_path, "init", "--quiet", "--object-format=sha256", *["--bare"] * bare, "store")

        for call in (Store.init, Store.open):
            with pytest.raises(UnsupportedRepository) as caught:
                call(tmp_path / "store")
            assert str(caught.value).startswith(
                f"'{tmp_path / 'store'}' cannot be a store: its object ids are not sha1"
            )
            assert (
                caught.value.hint
                == "create a store with `gms init`, which uses a format that works"
            )

    def test_refs_that_are_not_files(self, tmp_path, git):
        git(tmp_path, "init", "--quiet", "store")
        git(tmp_path / "store", "config", "core.repositoryFormatVersion", "1")
        git(tmp_path / "store", "config", "extensions.refStorage", "reftable")

        with pytest.raises(UnsupportedRepository) as caught:
            Store.open(tmp_path / "store")

        assert "its refs are not plain files" in str(caught.value)

    def test_no_repository(self, tmp_path):
        assert refusal(Store.open, tmp_path) == (
            NotAStore,
            f"no git repository at '{tmp_path}'",
            "create a store with `gms init`, or name one with -C or $GITMODELSTORE",
        )

    def test_a_repository_without_the_branch(self, project):
        assert refusal(Store.open, project)[:2] == (
            NotAStore,
            f"'{project}' is not a model store: it has no branch 'main'",
        )

    def test_a_repository_without_a_registry(self, project, git):
        git(project, "branch", "--move", "main")

        assert refusal(Store.open, project) == (
            NotAStore,
            f"'{project}' is not a model store: no registry.json on branch 'main'",
            "create one with `gms init`, or name yours with -C or $GITMODELSTORE",
        )

    def test_a_folder_that_cannot_be_written(self, tmp_path):
        (tmp_path / "closed").mkdir(mode=0o555)

        def init() -> None:
            children.obey_permissions()
            with pytest.raises(CannotWrite) as caught:
                Store.init(tmp_path / "closed" / "store")
            assert str(caught.value).startswith(f"cannot write to '{tmp_path}/closed/store': ")
            assert caught.value.hint == "check the free space and the permissions of that folder"

        assert children.run(init) == 0
        assert list((tmp_path / "closed").iterdir()) == []


LAST_CHANGES = "git log -p -3 -- registry.json"


class TestAStoreSomebodyEdited:
    @pytest.mark.parametrize(
        ("text", "what", "hint"),
        [
            ("{", "registry.json:1:2: not JSON: expecting property name", LAST_CHANGES),
            ('{"schema": "1.0", "models": {}}', "registry.json: not in canonical form",
             LAST_CHANGES),
            ('{"schema": "9.0", "models": {}}\n', "registry.json: schema '9.0'", "upgrade"),
        ],
    )  # fmt: skip
    def test_every_call_names_the_file_and_the_fault(self, store, git, fitted, text, what, hint):
        store.register(fitted, "churn", code=None)
        commit_by_hand(store.path, "registry.json", text)

        for call in (
            lambda: store.versions("churn"),
            lambda: store.models(),
            lambda: store.load("churn@1.0.0"),
            lambda: store.version("churn"),
            lambda: list(store.log("churn")),
            lambda: store.register(fitted, "churn", code=None),
            lambda: store.promote("churn@1.0.0", "production"),
            lambda: store.rollback("churn"),
        ):
            with pytest.raises(CorruptStore) as caught:
                call()
            assert str(caught.value).startswith(what)
            assert hint in (caught.value.hint or "")

    def test_its_history_is_still_told(self, store, git, fitted):
        store.register(fitted, "churn", code=None)
        commit_by_hand(store.path, "registry.json", "{")

        assert [str(event.version) for event in store.log()] == ["1.0.0"]

    def test_settings_are_named_when_they_are_broken(self, store, git, fitted):
        commit_by_hand(store.path, "modelstore.toml", 'schema = "1.0"\n[storrage]\n')

        assert refusal(store.register, fitted, "churn", code=None)[:2] == (
            CorruptStore,
            "modelstore.toml: unknown key 'storrage'",
        )

    def test_a_branch_of_another_name_is_the_store_when_git_says_so(self, store, git, fitted):
        git(store.path, "branch", "--move", "main", "models")
        git(store.path, "config", "store.branch", "models")

        Store.open(store.path).register(fitted, "churn", code=None)

        assert git(store.path, "log", "--format=%s", "models", "--").startswith(
            "register churn 1.0.0"
        )
        assert_sound(store.path, git)


class TestInterrupted:
    def test_a_store_half_made_is_finished_by_the_next_init(self, tmp_path, git):
        def die(*_: object, **__: object) -> None:
            os.kill(os.getpid(), 9)

        def init() -> None:
            refs.advance = die  # type: ignore[assignment]
            Store.init(tmp_path / "store")

        assert children.run(init) == -9

        made = Store.init(tmp_path / "store")

        assert made.created
        assert_sound(made.path, git, "--no-dangling")  # the first commit, of another second
