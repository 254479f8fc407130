"""The commit that trained a version, and whether it is the whole truth."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore.errors import GitFailed
from gitmodelstore.lineage import code
from gitmodelstore.lineage.code import capture
from gitmodelstore.values.manifest import Code


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def sha256(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository with one commit of train.py and .gitignore."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "train.py").write_text("print(1)\n")
    (folder / ".gitignore").write_text("ignored*\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_clean_repository_is_its_commit(repository):
    assert capture(repository) == Code(
        url=None,
        commit=git(repository, "rev-parse", "HEAD"),
        branch="trunk",
        dirty=False,
        diff=None,
        entry_point=None,
    )


def test_without_a_repository_there_is_no_code(tmp_path):
    assert capture(tmp_path) is None


def test_a_folder_within_the_repository_is_enough(repository):
    (repository / "src" / "deep").mkdir(parents=True)

    found = capture(repository / "src" / "deep", repository / "train.py")

    assert found is not None
    assert (found.dirty, found.entry_point) == (False, "train.py")


@pytest.mark.parametrize("is_staged", [False, True])
def test_a_change_of_a_tracked_file_makes_it_dirty(repository, is_staged):
    (repository / "train.py").write_text("print(2)\n")
    if is_staged:
        git(repository, "add", "train.py")
    diff = subprocess.run(
        ["git", "diff", "HEAD", "--full-index"], cwd=repository, check=True, capture_output=True
    ).stdout

    found = capture(repository)

    assert found is not None
    assert found.dirty
    assert str(found.diff) == f"sha256:{sha256(diff)}"


def test_other_changes_have_another_diff(repository):
    digests = set()
    for number in range(3):
        (repository / "train.py").write_text(f"print({number + 2})\n")
        digests.add(capture(repository).diff)

    assert len(digests) == 3


def test_personal_settings_of_git_do_not_change_the_diff(repository, isolated):
    (repository / "train.py").write_text("print(2)\n")
    before = capture(repository)
    with (isolated / ".gitconfig").open("a") as file:
        file.write(
            "[diff]\n\tnoprefix = true\n\talgorithm = patience\n\tcontext = 9\n\texternal = false\n"
            "[color]\n\tui = always\n[status]\n\trelativePaths = true\n\tshowUntrackedFiles = no\n"
        )

    assert capture(repository) == before


def test_a_renamed_file_makes_it_dirty(repository):
    git(repository, "mv", "train.py", "fit.py")

    assert capture(repository).dirty


@pytest.mark.parametrize("name", ["features.py", "lib/deep/features.py", "explore.ipynb"])
def test_an_untracked_source_makes_it_dirty(repository, name):
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1\n")

    found = capture(repository)

    assert found.dirty
    assert found.diff.hex == sha256(_as_git_would_add_it(repository))


def _as_git_would_add_it(repository: Path) -> bytes:
    git(repository, "add", "-Af")
    return subprocess.run(
        ["git", "diff", "--cached", "--full-index", "--binary"],
        cwd=repository,
        check=True,
        capture_output=True,
    ).stdout


def test_untracked_outputs_and_ignored_sources_do_not_make_it_dirty(repository):
    (repository / "model.joblib").write_bytes(b"x")
    (repository / "ignored.py").write_text("x = 1\n")

    assert not capture(repository).dirty


@pytest.mark.parametrize("name", ["ignored.py", "run"])
def test_an_uncommitted_entry_point_makes_it_dirty_whatever_its_name(repository, name):
    (repository / name).write_text("x = 1\n")

    found = capture(repository, repository / name)

    assert (found.dirty, found.entry_point) == (True, name)


def test_an_entry_point_outside_is_recorded_by_its_name(repository, tmp_path):
    script = tmp_path / "elsewhere.py"
    script.write_text("x = 1\n")

    found = capture(repository, script)

    assert (found.dirty, found.entry_point) == (False, "elsewhere.py")


def test_names_that_git_would_quote_are_read_as_they_are(repository):
    for name in ("a b.py", "é\n.py", "*.py"):
        (repository / name).write_text(name + "\n")

    found = capture(repository, repository / "*.py")

    assert found.diff.hex == sha256(_as_git_would_add_it(repository))


def test_a_detached_head_has_no_branch(repository):
    git(repository, "checkout", "-q", "--detach")

    found = capture(repository)

    assert found.branch is None
    assert found.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_before_the_first_commit_there_is_no_commit(tmp_path, object_format):
    git(tmp_path, "init", "-q", f"--object-format={object_format}")

    empty = capture(tmp_path)
    (tmp_path / "train.py").write_text("print(1)\n")
    git(tmp_path, "add", "train.py")
    staged = capture(tmp_path)

    assert (empty.commit, empty.branch, empty.dirty, empty.diff) == (None, "trunk", False, None)
    assert (staged.commit, staged.dirty) == (None, True)
    diff = subprocess.run(
        ["git", "diff", "--cached", "--full-index"], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    assert staged.diff.hex == sha256(diff)


def test_a_linked_work_tree_speaks_for_itself(repository, tmp_path):
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
    (repository / "train.py").write_text("print(2)\n")

    found = capture(tmp_path / "linked")

    assert (found.branch, found.dirty) == ("other", False)


def test_a_shallow_clone_knows_its_commit(repository, tmp_path):
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), "shallow")

    assert capture(tmp_path / "shallow").commit == git(repository, "rev-parse", "HEAD")


@pytest.fixture
def with_submodule(repository, tmp_path) -> Path:
    """The repository, with another one in it as the submodule `lib`."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "lib.py").write_text("x = 1\n")
    git(library, "add", ".")
    git(library, "commit", "-qm", "library")
    allow = ("-c", "protocol.file.allow=always")
    git(repository, *allow, "submodule", "--quiet", "add", str(library), "lib")
    git(repository, "commit", "-qm", "submodule")
    return repository


def test_a_change_in_a_submodule_makes_both_dirty(with_submodule):
    git(with_submodule, "config", "submodule.lib.ignore", "all")
    assert not capture(with_submodule).dirty
    digests = set()
    for number in (2, 3):
        (with_submodule / "lib" / "lib.py").write_text(f"x = {number}\n")
        digests.add(capture(with_submodule).diff)

    assert capture(with_submodule).dirty
    assert len(digests) == 2
    assert capture(with_submodule / "lib").dirty


def test_in_a_submodule_the_submodule_is_recorded(with_submodule):
    found = capture(with_submodule / "lib")

    assert found.commit == git(with_submodule / "lib", "rev-parse", "HEAD")
    assert found.commit != git(with_submodule, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ada:token@example.org/a/b.git", "https://example.org/a/b.git"),
        ("https://token@example.org/a/b.git?x=1", "https://example.org/a/b.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("ssh://git:pw@example.org:22/a/b", "ssh://git@example.org:22/a/b"),
        ("/srv/git/b.git", None),
        ("../b.git", None),
        ("file:///srv/git/b.git", None),
        (r"C:\repos\b", None),
        ("ext::sh -c date", None),
    ],
)
def test_the_url_of_the_remote_is_recorded_without_secrets_and_machine_paths(
    repository, url, expected
):
    git(repository, "config", "remote.origin.url", url)

    assert capture(repository).url == expected


def test_without_origin_the_remote_of_the_branch_is_recorded(repository):
    for name in ("first", "mine"):
        git(repository, "remote", "add", name, f"https://example.org/{name}.git")
    assert capture(repository).url == "https://example.org/first.git"

    git(repository, "config", "branch.trunk.remote", "mine")

    assert capture(repository).url == "https://example.org/mine.git"


def test_a_repository_that_names_no_other_is_not_misled_by_a_hook(
    repository, tmp_path, monkeypatch
):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))

    assert not capture(repository).dirty


def test_a_repository_that_git_refuses_is_an_error_with_its_reason(repository):
    (repository / ".git" / "config").write_text("[broken\n")

    with pytest.raises(GitFailed) as caught:
        capture(repository)

    assert str(caught.value) == (
        "`git status` failed: fatal: bad config line 1 in file .git/config"
    )
    assert caught.value.hint is None


def test_a_repository_of_somebody_else_says_what_to_type(repository, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(GitFailed) as caught:
        capture(repository)

    assert "dubious ownership" in str(caught.value)
    assert caught.value.hint == f"run `git config --global --add safe.directory {repository}`"


def test_reading_leaves_the_index_as_it_was(repository):
    index = repository / ".git" / "index"
    os.utime(repository / "train.py", (1, 1))
    before = index.read_bytes()

    capture(repository)

    assert index.read_bytes() == before


def test_the_entry_point_is_the_script_that_was_started(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("from gitmodelstore.lineage.code import entry_point\nprint(entry_point())\n")
    root = Path(code.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def said(*args: str) -> str:
        command = [sys.executable, *args]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    assert said("train.py") == str(script)
    assert said("-c", script.read_text()) == "None"


def test_an_installed_program_is_no_entry_point():
    assert code.entry_point() is None  # pytest itself


@pytest.mark.parametrize("note", ["__vsc_ipynb_file__", "__session__"])
def test_the_entry_point_of_a_kernel_is_its_notebook(repository, tmp_path, note):
    notebook = repository / "explore.ipynb"
    notebook.write_text("{}\n")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "explore")
    kernel = tmp_path / "kernel.py"  # such as puts the name into the namespace of the notebook
    kernel.write_text(
        f"{note} = {str(notebook)!r}\n"
        "from gitmodelstore.lineage.code import capture, entry_point\n"
        "print(capture(entry_point().parent, entry_point()))\n"
    )
    root = Path(code.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(kernel)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
        text=True,
    )

    assert "dirty=False, diff=None, entry_point='explore.ipynb')" in done.stdout


def test_a_notebook_that_is_not_there_is_no_entry_point(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__session__", "gone.ipynb", raising=False)
    assert code.entry_point() is None
    monkeypatch.setattr(main, "__session__", "3f1c-console", raising=False)
    assert code.entry_point() is None
