"""The hooks for ML repositories, run by pre-commit and by prek in real commits, offline."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from gitmodelstore.cli.ml_hooks import BINARIES

from .conftest import HOOKS, ROOT, Done, Repository, run

pytestmark = pytest.mark.corpus("framework", ["pre-commit", "prek"])


def complaints(done: Done) -> list[str]:
    """The lines that the hooks printed; prek shows them indented."""
    lines = map(str.strip, done.said.splitlines())
    return [line for line in lines if line.startswith(("error: ", "hint: "))]


def check_accepted(done: Done) -> None:
    assert (complaints(done), done.code) == ([], 0), done.said


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


@pytest.fixture
def committed(hooked: Repository, copy: Callable[..., Path]) -> Path:
    """The folder of churn 1.0.0, which is in the first commit past the hooks."""
    folder = copy("churn@1.0.0")
    check_accepted(hooked.commit_all())
    return folder


def is_damaged(done: Done, place: str = "models/churn") -> bool:
    """Whether a commit was refused for the pipeline of a folder, and for nothing else."""
    said = [line for line in complaints(done) if line.startswith("error: ")]
    assert done.code == 1
    return len(said) == 2 and all(
        line.startswith(f"error: {place}/pipeline.joblib: ") for line in said
    )


def test_the_first_commit_of_a_repository_may_hold_a_whole_version(hooked, committed):
    assert "models/churn/pipeline.joblib" in hooked.git("ls-tree", "-r", "--name-only", "HEAD")


def test_a_damaged_model_is_refused_however_it_is_committed(hooked, committed):
    first = hooked.head()
    damage(committed / "pipeline.joblib")

    assert is_damaged(hooked.commit("-a"))
    assert is_damaged(hooked.commit("models/churn/pipeline.joblib"))
    assert is_damaged(hooked.commit_all())
    assert is_damaged(hooked.commit("--amend"))
    assert hooked.head() == first


def test_what_a_commit_leaves_out_does_not_count(hooked, copy):
    hooked.git("add", "train.py")
    assert hooked.commit().code == 0
    damage(copy() / "pipeline.joblib")
    hooked.git("add", "models")
    (hooked.path / "train.py").write_text("print('better')\n")

    check_accepted(hooked.commit("train.py"))
    assert hooked.git("show", "--name-only", "--format=").split() == ["train.py"]


def test_the_staged_content_counts_not_the_work_tree(hooked, copy):
    folder = copy()
    whole = (folder / "pipeline.joblib").read_bytes()
    hooked.git("add", ".")
    damage(folder / "pipeline.joblib")

    check_accepted(hooked.commit())

    hooked.git("add", ".")
    (folder / "pipeline.joblib").write_bytes(whole)
    (folder / "requirements.txt").write_bytes((folder / "requirements.txt").read_bytes())
    assert is_damaged(hooked.commit())


def test_a_whole_version_replaces_another(hooked, committed, copy):
    copy("churn@1.1.0")

    check_accepted(hooked.commit("-a", "--amend"))


def damaged_beside(repository: Repository, folder: Path, ours: str, theirs: str | None) -> str:
    """Damage the model on the branch "side", past the hooks; return the name of the other."""
    main = repository.git("branch", "--show-current").strip()
    repository.git("checkout", "--quiet", "-b", "side")
    damage(folder / "pipeline.joblib")
    if theirs:
        (repository.path / "train.py").write_text(theirs)
    repository.git("commit", "--quiet", "--no-verify", "-am", "past the hooks")
    repository.git("checkout", "--quiet", main)
    (repository.path / "train.py").write_text(ours)
    assert repository.commit("-a").code == 0
    return main


def test_a_clean_merge_that_brings_a_damaged_model_is_refused(hooked, committed):
    damaged_beside(hooked, committed, "print('better')\n", None)
    before = hooked.head()

    assert is_damaged(run(["git", "merge", "--no-edit", "side"], hooked.path))
    assert hooked.head() == before


def test_a_merge_with_conflicts_is_judged_as_a_whole(hooked, committed):
    main = damaged_beside(hooked, committed, "print('one way')\n", "print('another way')\n")
    assert run(["git", "merge", "side"], hooked.path).code == 1
    (hooked.path / "train.py").write_text("print('both ways')\n")
    hooked.git("add", "train.py")

    assert is_damaged(hooked.commit())

    hooked.git("checkout", main, "--", "models")
    assert hooked.commit().code == 0


def test_a_version_without_its_manifest_is_refused(hooked, committed):
    hooked.git("rm", "--quiet", "models/churn/manifest.json")

    assert complaints(hooked.commit()) == [
        "error: models/churn/pipeline.joblib: a model without a manifest beside it [GMS090]",
        "hint: run `gms register pipeline models/churn/pipeline.joblib`, "
        "then `git rm --cached -- models/churn/pipeline.joblib`",
    ]


def test_a_whole_folder_may_go(hooked, committed):
    hooked.git("rm", "--quiet", "-r", "models")

    assert hooked.commit().code == 0


def test_names_with_spaces_and_letters_of_other_alphabets_are_judged(hooked, copy):
    place = "modèles neufs/отток ü"
    folder = copy(place=place)
    (folder / "notes 'of mine'.txt").write_text("x")

    assert complaints(hooked.commit_all()) == [
        f"error: {place}/notes 'of mine'.txt: not a file of a version [GMS001]",
        f"hint: git rm --cached -- '{place}/notes '\"'\"'of mine'\"'\"'.txt'",
    ]
    (folder / "notes 'of mine'.txt").unlink()
    assert hooked.commit_all().code == 0


def test_a_raw_model_is_refused_with_the_command_to_type(hooked):
    (hooked.path / "Best Model.joblib").write_bytes(b"x")
    (hooked.path / "net.ONNX").write_bytes(b"x")

    done = hooked.commit_all()

    assert complaints(done) == [
        "error: Best Model.joblib: a model without a manifest beside it [GMS090]",
        "hint: run `gms register best-model 'Best Model.joblib'`, "
        "then `git rm --cached -- 'Best Model.joblib'`",
        "error: net.ONNX: a model without a manifest beside it [GMS090]",
        "hint: write it with `joblib.dump`, run `gms register net FILE`, "
        "then `git rm --cached -- net.ONNX`",
    ]
    assert done.code == 1


def test_what_the_configuration_excludes_is_left_alone(hooked, copy):
    configuration = hooked.path / ".pre-commit-config.yaml"
    configuration.write_text(f"exclude: ^fixtures/\n{configuration.read_text()}")
    damage(copy(place="fixtures/broken") / "pipeline.joblib")
    (hooked.path / "fixtures" / "raw.pkl").write_bytes(b"x")

    check_accepted(hooked.commit_all())


def test_all_files_are_judged_where_all_are_named(hooked, framework, copy):
    assert hooked.commit_all().code == 0
    damage(copy() / "pipeline.joblib")
    hooked.git("add", ".")
    hooked.git("commit", "--quiet", "--no-verify", "-m", "past the hooks")

    assert is_damaged(run([framework, "run", "--all-files"], hooked.path))


def test_a_commit_in_a_linked_work_tree_is_judged(hooked, committed, tmp_path):
    hooked.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "linked")
    linked = Repository(tmp_path / "linked")
    damage(linked.path / "models" / "churn" / "pipeline.joblib")

    assert is_damaged(linked.commit("-a"))


def test_a_project_within_the_repository_is_judged_from_its_own_folder(framework_source, ml, copy):
    """prek runs the hooks of a configuration in a folder of the repository there."""
    revision = Repository(framework_source).head()
    configuration = (
        f"repos:\n  - repo: {framework_source}\n    rev: {revision}\n    hooks:\n"
        "      - id: gitmodelstore-validate\n"
    )
    (ml.path / ".pre-commit-config.yaml").write_text("repos: []\n")
    folder = copy(place="part/models/churn")
    (ml.path / "part" / ".pre-commit-config.yaml").write_text(configuration)
    ml.git("add", ".")
    assert run(["prek", "install"], ml.path).code == 0
    assert ml.commit().code == 0
    (folder / "notes.txt").write_text("x")
    assert complaints(ml.commit_all()) == [
        "error: models/churn/notes.txt: not a file of a version [GMS001]",
        "hint: git rm --cached -- models/churn/notes.txt",
    ]
    ml.git("rm", "--quiet", "-f", "part/models/churn/notes.txt")
    ml.git("rm", "--quiet", "part/models/churn/requirements.txt")

    assert complaints(ml.commit())[0] == (
        "error: models/churn/requirements.txt: listed in the manifest, but not in the folder "
        "[GMS020]"
    )


def test_a_withdrawn_version_is_not_locked(hooked, store):
    store.lock(["churn@1.0.0"], hooked.path)
    assert hooked.commit_all().code == 0
    store.withdraw("churn@1.0.0")
    store.lock(["credit@1.0.0"], hooked.path)

    assert complaints(hooked.commit("-a")) == [
        "error: modelstore.lock.json: models.churn.version: churn 1.0.0 was withdrawn [GMS082]",
        "hint: lock a version that exists: `gms lock churn@VERSION`",
    ]


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_can_be_tried(framework_source, framework, ml, copy, name):
    copy()
    ml.git("add", ".")

    done = run([framework, "try-repo", str(framework_source), name, "--all-files"], ml.path)

    assert done.code == 0, done.said
    skipped = name == "gitmodelstore-lock"  # there is no lock file
    assert ("Skipped" if skipped else "Passed") in done.said


def test_the_declared_hooks_are_the_scripts() -> None:
    declared = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    assert [hook["id"] for hook in declared] == list(HOOKS)
    for hook in declared:
        script = ROOT / hook["entry"]
        assert hook["language"] == "script"
        assert script.stem.replace("_", "-") == hook["id"].removeprefix("gitmodelstore-")
        assert script.stat().st_mode & 0o111 == 0o111
    pattern = re.compile(declared[1]["files"])
    assert all(pattern.search(f"a/model{ending.upper()}") for ending in BINARIES)
    assert not pattern.search("train.py")


def test_the_page_names_every_hook() -> None:
    page = (ROOT / "docs" / "ml-repositories.md").read_text(encoding="utf-8")

    assert all(f"- id: {name}" in page for name in HOOKS)
