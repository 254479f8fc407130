"""The hooks as git runs them: put there, chained, taken away, and what they import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import InvalidInput
from gitmodelstore.plumbing import git, git_dir
from tests.store import children
from tests.store.looks import refusal

from .conftest import Place, told

ROOT = Path(__file__).parents[2]


def installed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".sample")


def with_own_hook(place: Place, name: str, script: str) -> Path:
    """Install the hooks where the user has one."""
    repository = place.store._repository
    git_dir.uninstall(repository)
    own = place.path / ".git" / "hooks" / name
    own.write_text(f"#!/bin/sh\n{script}\n")
    own.chmod(0o755)
    assert git_dir.install(repository) == ("pre-commit", "pre-push")
    return own


def stage(place: Place, name: str, text: str) -> None:
    place.file(name).write_text(text)
    place.git("add", name)


class TestInstalled:
    def test_by_init(self, tmp_path: Path) -> None:
        tree, bare = Store.init(tmp_path / "tree"), Store.init(tmp_path / "bare", bare=True)

        assert installed(tree.path / ".git" / "hooks") == ["pre-commit", "pre-push"]
        assert installed(bare.path / "hooks") == ["pre-receive"]

    def test_twice_changes_nothing(self, place: Place) -> None:
        assert git_dir.install(place.store._repository) == ()

    def test_a_hook_of_the_users_is_called_first_and_comes_back(self, place: Place) -> None:
        own = with_own_hook(place, "pre-push", "cat > pushed")
        place.register()

        assert place.by_pre_push("main") == [("GMS050", "refs/tags/churn@v1.3.0")]
        assert (place.path / "pushed").read_text().startswith("refs/heads/main ")

        repository = place.store._repository
        assert git_dir.uninstall(repository) == ("pre-commit", "pre-push")
        assert own.read_text() == "#!/bin/sh\ncat > pushed\n"
        assert git_dir.uninstall(repository) == ()

    def test_a_hook_of_the_users_that_refuses_has_the_last_word(self, place: Place) -> None:
        with_own_hook(place, "pre-commit", "echo no >&2\nexit 3")
        stage(place, "README.md", "# Models")

        done = place.try_git("commit", "-m", "x")

        assert (done.returncode, done.stderr) == (1, "no\n")

    def test_a_hooks_folder_of_its_own_is_used(self, place: Place) -> None:
        place.git("config", "core.hooksPath", ".git/mine")

        assert git_dir.install(place.store._repository) == ("pre-commit", "pre-push")
        assert (place.path / ".git" / "mine" / "pre-commit").exists()

    def test_a_hooks_folder_that_others_share_is_left_alone(
        self, place: Place, tmp_path: Path
    ) -> None:
        shared = tmp_path / "shared"
        place.git("config", "core.hooksPath", str(shared))

        assert refusal(git_dir.install, place.store._repository)[:2] == (
            InvalidInput,
            f"core.hooksPath is '{shared}', which other repositories may share",
        )
        assert not shared.exists()

    def test_a_store_is_made_all_the_same(self, tmp_path: Path, isolated: Path) -> None:
        config = isolated / ".gitconfig"
        config.write_text(f"{config.read_text()}[core]\n\thooksPath = {tmp_path}/shared\n")
        done = children.gms("init", "store", cwd=tmp_path)

        assert (done.returncode, done.stderr) == (
            0,
            "note: created a model store\n"
            f"note: its hooks were not installed: core.hooksPath is '{tmp_path}/shared', which "
            "other repositories may share\n",
        )

    def test_gitmodelstore_that_is_gone_is_told(self, place: Place) -> None:
        hook = place.path / ".git" / "hooks" / "pre-commit"
        hook.write_text(hook.read_text().replace(str(ROOT), "/nowhere"))
        stage(place, "README.md", "x")

        done = place.try_git("commit", "-m", "x")

        assert done.returncode == 1
        assert done.stderr == (
            "error: gitmodelstore is gone from /nowhere/hooks\n"
            "hint: install it, then run: gms hook install\n"
        )


class TestObjects:
    def test_git_looks_at_them_no_longer_than_who_asked(self, place: Place, monkeypatch) -> None:
        started, start = [], git.start

        def noted(*args, **options):
            started.append(start(*args, **options))
            return started[-1]

        monkeypatch.setattr(git, "start", noted)

        with pytest.raises(KeyboardInterrupt), git_dir.checking(place.path):
            raise KeyboardInterrupt

        (process,) = started
        assert process.returncode is not None
        assert process.stdout.closed


class TestWhatIsStaged:
    """The hook judges what is about to be committed, not what lies in the work tree."""

    def test_another_content_in_the_work_tree_is_no_fault(self, place: Place) -> None:
        stage(place, "README.md", "# Models")
        place.file("registry.json").write_text("broken")

        done = place.try_git("commit", "--quiet", "-m", "x")

        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        "command",
        [
            ("commit", "--all", "-m", "x"),
            ("commit", "-m", "x", "--", "registry.json"),
            ("commit", "--amend", "--no-edit", "--all"),
        ],
        ids=["commit -a", "commit PATH", "--amend"],
    )
    def test_an_index_that_git_makes_for_this_commit(self, place: Place, command) -> None:
        text = place.file("registry.json").read_text()
        place.file("registry.json").write_text(text.replace('"archived"', '"production"'))
        place.file("registry.json").write_text(text.replace("registered", "production", 1))

        done = place.try_git(*command)

        assert done.returncode == 1
        assert told(done.stderr) == [("GMS041", "registry.json")]

    def test_an_amended_message_is_fine(self, place: Place) -> None:
        done = place.try_git("commit", "--quiet", "--amend", "-m", "another message")

        assert (done.returncode, done.stderr) == (0, "")

    def test_a_merge_that_would_have_two_holders(self, place: Place) -> None:
        place.git("config", "merge.gitmodelstore.driver", "git merge-file %A %O %B")
        place.git("switch", "--quiet", "--create", "other")
        place.go_live("v1_0_0")
        place.commit("1.0.0 goes live")
        place.git("switch", "--quiet", "main")
        place.go_live()
        place.commit("1.2.0 goes live")
        place.git("merge", "--quiet", "--no-commit", "other")

        done = place.try_git("commit", "-m", "both")

        assert done.returncode == 1
        assert told(done.stderr) == [("GMS041", "registry.json")]

    def test_the_first_commit_of_all(self, tmp_path: Path) -> None:
        folder = tmp_path / "new"
        folder.mkdir()
        made = Place(folder, folder)
        made.git("init", "--quiet")
        (folder / "notes.txt").write_text("x")
        script = str(git_dir.scripts_folder() / "pre-commit")
        made.git("add", "--all")

        done = subprocess.run(
            [sys.executable, "-E", "-s", "-S", script], cwd=folder, capture_output=True, text=True
        )

        assert told(done.stderr) == [
            ("GMS001", "notes.txt"),
            ("GMS020", ".gitattributes"),
            ("GMS020", "registry.json"),
        ]


class TestWhatIsImported:
    """A hook runs at every commit: what it imports is what it costs."""

    def imported(self, place: Place) -> set[str]:
        script = str(git_dir.scripts_folder() / "pre-commit")
        done = subprocess.run(
            [sys.executable, "-E", "-s", "-S", "-X", "importtime", script],
            cwd=place.path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    def test_nothing_of_ours_where_no_model_is_touched(self, place: Place) -> None:
        stage(place, "README.md", "# Models")

        found = self.imported(place)

        assert {name for name in found if name.startswith("gitmodelstore")} == {
            "gitmodelstore",
            "gitmodelstore.plumbing",
            "gitmodelstore.plumbing.git",
        }
        assert not found & {"re", "subprocess", "dataclasses", "pathlib"}

    def test_the_standard_library_alone_otherwise(self, place: Place) -> None:
        text = place.file("registry.json").read_text()
        stage(place, "registry.json", text.replace("registered", "staging", 1))

        found = self.imported(place)

        assert "gitmodelstore.checks.judge" in found
        assert not found & {"pygit2", "numpy", "pathlib", "urllib"}

    def test_neither_typing_nor_subprocess_where_a_version_comes(self, place: Place) -> None:
        place.register()
        place.git("tag", "--delete", "churn@v1.3.0")
        place.git("reset", "--quiet", "--soft", "HEAD~1")

        found = self.imported(place)

        assert "gitmodelstore.values.manifest" in found
        assert not found & {"subprocess", "typing"}
