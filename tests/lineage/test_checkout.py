"""The patch of what is not committed rebuilds the work tree, and follows nobody's settings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import GitFailed, InvalidInput
from gitmodelstore.lineage.code import CodeCapture, capture
from gitmodelstore.plumbing import checkout, repository
from gitmodelstore.values.fields import Digest

from .conftest import commit, git, output

BINARY = b"".join(sha256(bytes([number])).digest() for number in range(100))
ALLOW = ("-c", "protocol.file.allow=always")


def files_of(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Every file but git's own: whether it is a link, a program or plain, and its content."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if ".git" in name.split("/"):
            continue
        if path.is_symlink():
            found[name] = ("link", os.fsencode(os.readlink(path)))
        elif path.is_file():
            found[name] = ("x" if os.access(path, os.X_OK) else "-", path.read_bytes())
    return found


def patch_of(folder: Path, script: Path | None = None) -> bytes:
    with CodeCapture(folder, script) as look:
        found = look.result()
    assert found.dirty
    assert found.diff == Digest.of(look.patch)
    return look.patch


def rebuilt(repository: Path, patch: bytes, place: Path) -> dict[str, tuple[str, bytes]]:
    """What the patch makes of the last commit, in a linked work tree that is gone afterwards."""

    def known() -> list[str]:
        tops = [repository, *(path.parent for path in repository.rglob("*/.git"))]
        return [git(top, "worktree", "list") for top in tops]

    before = known()
    trees = checkout.LinkedTrees()
    try:
        trees.add(repository, git(repository, "rev-parse", "HEAD"), place)
        checkout.apply(patch, place)
        return files_of(place)
    finally:
        trees.remove()
        assert not place.exists()
        assert known() == before


def check_rebuilt(repository: Path, place: Path, script: Path | None = None) -> None:
    """See that the patch of a work tree makes all of it of the last commit."""
    expected = files_of(repository)
    assert rebuilt(repository, patch_of(repository, script), place) == expected


@pytest.fixture
def project(tmp_path) -> Path:
    files = {
        "train.py": b"print(1)\n",
        "old name.py": b"x = 1\n" * 20,
        "gone.py": b"x = 1\n",
        "weights.bin": BINARY,
        "tool": b"#!/bin/sh\n",
        "no_end.txt": b"one\ntwo",
        "trailing.py": b"x = 1   \n",
        ".gitignore": b"ignored*\n",
    }
    return commit(tmp_path / "project", files)


def change_everything(project: Path) -> None:
    (project / "train.py").write_bytes(b"print(2)   \r\n\n\n")  # whitespace that git would mend
    git(project, "mv", "old name.py", "new name.py")
    (project / "gone.py").unlink()
    (project / "weights.bin").write_bytes(BINARY[::-1] + b"\0")
    (project / "tool").chmod(0o755)
    (project / "no_end.txt").write_bytes(b"one\ntwo\nthree")
    (project / "lib").mkdir()
    (project / "lib" / "fresh.py").write_bytes(b"a = 1\nb = 2\n")
    (project / "one line.py").write_bytes(b"a = 1")
    (project / "empty.py").write_bytes(b"")
    (project / 'é\n"\\.py').write_bytes("ä = 1\n".encode())
    (project / "binary.py").write_bytes(b"\0" + BINARY)
    (project / "crlf.ipynb").write_bytes(b"{\r\n}\r\n")
    (project / "link.py").symlink_to("train.py")
    (project / "run.py").write_bytes(b"#!/usr/bin/env python\n")
    (project / "run.py").chmod(0o755)
    (project / "ignored.py").write_bytes(b"print('the entry point')\n")
    (project / "staged.csv").write_bytes(b"1,2\n")
    git(project, "add", "staged.csv")


def test_a_dirty_tree_is_rebuilt_file_by_file(project, tmp_path):
    change_everything(project)

    check_rebuilt(project, tmp_path / "again", project / "ignored.py")


def test_the_patch_is_what_git_itself_would_write_of_new_files(project):
    git(project, "rm", "-q", "--cached", "gone.py")
    names = ["a.py", "b c.py", "dir/d.py", "é\n.py", "*.py", "no_end.py", "empty.py", "run.py"]
    (project / "dir").mkdir()
    for name in names:
        (project / name).write_text("" if name == "empty.py" else f"x = '{name}'\ny = 2\n")
    (project / "no_end.py").write_text("x = 1")
    (project / "run.py").chmod(0o755)
    git(project, "checkout", "-q", "HEAD", "gone.py")

    before = {path: path.read_bytes() for path in (project / ".git").rglob("*") if path.is_file()}
    ours = patch_of(project)

    assert before == {
        path: path.read_bytes() for path in (project / ".git").rglob("*") if path.is_file()
    }
    git(project, "add", "-A")
    assert ours == output(["git", "diff", "--cached", "--binary", "--full-index"], project)


def test_a_file_that_was_taken_from_the_index_alone_is_rebuilt(project, tmp_path):
    git(project, "rm", "-q", "--cached", "train.py")
    (project / "train.py").write_text("print(3)\n")

    check_rebuilt(project, tmp_path / "again")


def test_a_merge_that_is_not_finished_is_rebuilt_as_it_lies_there(project, tmp_path):
    git(project, "checkout", "-qb", "other")
    (project / "train.py").write_text("print('other')\n")
    git(project, "commit", "-qam", "other")
    git(project, "checkout", "-q", "trunk")
    (project / "train.py").write_text("print('ours')\n")
    git(project, "commit", "-qam", "ours")
    subprocess.run(["git", "merge", "-q", "other"], cwd=project, capture_output=True, check=False)
    assert "<<<<<<<" in (project / "train.py").read_text()

    check_rebuilt(project, tmp_path / "again")


def test_settings_of_git_change_neither_the_patch_nor_what_it_rebuilds(project, tmp_path, isolated):
    change_everything(project)
    script = project / "ignored.py"
    expected, before = files_of(project), patch_of(project, script)
    with (isolated / ".gitconfig").open("a") as file:
        file.write(
            "[core]\n\tquotePath = false\n\tcompression = 9\n\tlooseCompression = 9\n"
            "[diff]\n\tsuppressBlankEmpty = true\n\trelative = true\n\trenames = copies\n"
            "\tmnemonicPrefix = true\n\tsubmodule = log\n\tnoprefix = true\n"
            "\talgorithm = patience\n\tcontext = 9\n\texternal = false\n[color]\n\tui = always\n"
            "[status]\n\trelativePaths = true\n\tshowUntrackedFiles = no\n"
            "[apply]\n\twhitespace = fix\n\tignoreWhitespace = change\n"
        )

    assert patch_of(project, script) == before
    assert rebuilt(project, before, tmp_path / "again") == expected


def test_a_repository_with_sha256_ids_in_a_folder_of_an_odd_name_is_rebuilt(tmp_path):
    project = commit(tmp_path / 'a:b "c" \\é', {"train.py": b"print(1)\n"}, "sha256")
    (project / "binary.py").write_bytes(b"\0" + BINARY)
    (project / "train.py").write_bytes(b"print(2)\n")

    check_rebuilt(project, tmp_path / "again")


class TestSubmodules:
    @pytest.fixture
    def whole(self, project, tmp_path) -> Path:
        """The project with the submodule `lib`, which has one of its own, `lib/deep`."""
        deep = commit(tmp_path / "deep", {"deep.py": b"z = 1\n"})
        library = commit(tmp_path / "library", {"lib.py": b"y = 1\n", "old.py": b"x\n"})
        git(library, *ALLOW, "submodule", "--quiet", "add", str(deep), "deep")
        git(library, "commit", "-qm", "deep")
        git(project, *ALLOW, "submodule", "--quiet", "add", str(library), "lib")
        git(project, *ALLOW, "submodule", "--quiet", "update", "--init", "--recursive")
        git(project, "commit", "-qm", "submodule")
        return project

    def test_what_changed_in_them_is_rebuilt(self, whole, tmp_path):
        git(whole, "config", "submodule.lib.ignore", "all")
        (whole / "lib" / "lib.py").write_bytes(b"y = 2\n")
        (whole / "lib" / "old.py").unlink()
        (whole / "lib" / "fresh.py").write_bytes(b"w = 1\n")
        (whole / "lib" / "deep" / "deep.py").write_bytes(b"\0" + BINARY)
        (whole / "train.py").write_bytes(b"print(2)\n")

        check_rebuilt(whole, tmp_path / "again")

    def test_another_commit_of_one_is_rebuilt(self, whole, tmp_path):
        (whole / "lib" / "lib.py").write_bytes(b"y = 3\n")
        git(whole / "lib", "commit", "-qam", "moved")
        (whole / "lib" / "lib.py").write_bytes(b"y = 4\n")

        check_rebuilt(whole, tmp_path / "again")

    def test_each_is_recorded_as_itself(self, whole):
        (whole / "lib" / "lib.py").write_bytes(b"y = 2\n")

        outside, inside = capture(whole), capture(whole / "lib")

        assert (outside.dirty, inside.dirty) == (True, True)
        assert outside.commit == git(whole, "rev-parse", "HEAD") != inside.commit
        assert inside.commit == git(whole / "lib", "rev-parse", "HEAD")

    def test_one_that_was_added_renamed_or_taken_away_is_rebuilt(self, whole, tmp_path):
        more = commit(tmp_path / "more", {"more.py": b"v = 1\n"})
        git(whole, *ALLOW, "submodule", "--quiet", "add", str(more), "more")
        check_rebuilt(whole, tmp_path / "added")

        git(whole, "commit", "-qm", "more")
        git(whole, "mv", "more", "less")
        (whole / "less" / "more.py").write_bytes(b"v = 2\n")
        check_rebuilt(whole, tmp_path / "renamed")

        git(whole, "commit", "-qam", "less")
        git(whole, "rm", "-q", "-f", "less", "lib")
        check_rebuilt(whole, tmp_path / "taken")

    def test_one_that_lacks_the_recorded_commit_is_known_to_be_another(self, whole, tmp_path):
        git(tmp_path / "library", "commit", "-qm", "later", "--allow-empty")
        shutil.rmtree(whole / "lib")
        url = (tmp_path / "library").as_uri()
        git(whole, "clone", "-q", "--depth=1", url, "lib")
        later = git(whole / "lib", "rev-parse", "HEAD")

        patch = patch_of(whole)

        assert f"+Subproject commit {later}\n".encode() in patch
        (whole / "lib" / "lib.py").write_bytes(b"y = 9\n")
        assert patch_of(whole) != patch

    def test_outputs_in_one_are_no_changes(self, whole):
        (whole / "lib" / "model.joblib").write_bytes(b"x")

        assert (capture(whole).dirty, capture(whole).diff) == (False, None)

    def test_one_that_is_not_checked_out_is_named(self, whole, tmp_path):
        git(whole, "submodule", "--quiet", "deinit", "--force", "lib")
        trees = checkout.LinkedTrees()
        try:
            trees.add(whole, git(whole, "rev-parse", "HEAD"), tmp_path / "again")
            assert trees.lacking == ["lib"]
        finally:
            trees.remove()


def test_a_patch_that_does_not_fit_says_so(project, tmp_path):
    (project / "train.py").write_bytes(b"print(2)\n")
    patch = patch_of(project)

    with pytest.raises(GitFailed) as caught:
        checkout.apply(patch, project)

    assert str(caught.value) == "`git apply` failed: error: patch failed: train.py:1"


def test_a_link_is_kept_as_one_and_what_is_no_file_is_passed_over(project):
    (project / "loop.py").symlink_to("nowhere")
    os.mkfifo(project / "pipe.py")

    patch = patch_of(project)

    assert b"new file mode 120000" in patch
    assert b"pipe.py" not in patch


def test_a_source_that_cannot_be_read_says_what_to_do(project):
    (project / "secret.py").write_bytes(b"x")

    with CodeCapture(project, None) as look:
        look._questions[0]._process.wait()  # git has seen it
        (project / "secret.py").unlink()
        with pytest.raises(InvalidInput) as caught:
            look.result()

    assert str(caught.value) == (
        "cannot read the untracked sources: pathspec 'secret.py' did not match any files"
    )
    assert caught.value.hint == "commit them, or name them in .gitignore if they took no part"


CONFIG = """\
[core]
\tbare = false ; not a bare one
  RepositoryFormatVersion=0
# a comment
[merge "gitmodelstore"]
\tdriver = "command -v gms \\"$1\\" || exec; gms"
\tname = registry.json by meaning
[Remote "Origin X"]
\turl = https://example.org/a b
\tfetch = +refs/heads/*:refs/remotes/origin/*
\tfetch = +refs/tags/*:refs/tags/*
\tempty =
\tback = C:\\\\models\\tx
"""
NOT_PLAIN = (
    "[include]\n\tpath = other\n",
    '[includeIf "gitdir:x"]\n\tpath = other\n',
    "[core]\n\tbare\n",
    "[a.b]\n\tc = d\n",
    "[core]\n\tname = one \\\n two\n",
    '[core]\n\tname = "open\n',
    "name = of no section\n",
    "[core] bare = true\n",
)


class TestConfigurationThatIsReadWithoutGit:
    def test_it_says_what_git_says(self, tmp_path: Path) -> None:
        (tmp_path / "config").write_text(CONFIG)
        listed = subprocess.check_output(
            ["git", "config", "--list", "-z", "--file", str(tmp_path / "config")], text=True
        )

        found = checkout.read_config([tmp_path / "config", tmp_path / "none"])

        assert found == [tuple(line.split("\n", 1)) for line in listed.split("\0")[:-1]]
        assert ("remote.Origin X.url", "https://example.org/a b") in found

    @pytest.mark.parametrize("text", NOT_PLAIN)
    def test_what_is_not_plain_is_left_to_libgit2(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "config").write_text(text)

        assert checkout.read_config([tmp_path / "config"]) is None


@given(
    st.from_regex(r'\[([A-Za-z0-9-]+)(?:[ \t]*"([^"\\]*)")?\]', fullmatch=True)
    | st.text('[core "Or-igin"]\\ \t\u00df\u0661', min_size=1, max_size=20)
)
def test_a_section_is_read_as_the_pattern_of_git_has_it(line):
    match = re.fullmatch(r'\[([A-Za-z0-9-]+)(?:[ \t]+"([^"\\]*)")?\]', line)
    middle = "" if match is None or match[2] is None else f"{match[2]}."

    assert checkout._section(line) == (match and f"{match[1].lower()}.{middle}")
    assert checkout._is_key(line) == bool(re.fullmatch("[A-Za-z][A-Za-z0-9-]*", line))


@given(st.text("refs/heads.lock@+-_\u00df\n ", max_size=30).map(lambda rest: f"refs/{rest}"))
def test_a_plain_ref_is_what_the_pattern_has_for_one(name):
    pattern = r"(?!.*\.lock\b)refs(?:/[\w@+-]+(?:\.[\w@+-]+)*)+"

    assert not repository._is_plain_ref(name) or re.fullmatch(pattern, name)
    assert repository._is_plain_ref("refs/tags/churn@v1.0.0")
