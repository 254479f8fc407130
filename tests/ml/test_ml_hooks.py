"""The scripts of the hooks, run as a framework runs them: on python3 alone."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import sys

import pytest

from gitmodelstore.plumbing import git

from .conftest import ROOT, Done, Repository, run

SCRIPTS = sorted((ROOT / "hooks").glob("*.py"))
PIPELINE = "models/churn/pipeline.joblib"


def short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def pointer(data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    version = "version https://git-lfs.github.com/spec/v1"
    return f"{version}\noid sha256:{digest}\nsize {len(data)}\n".encode()


def judge(ml: Repository, hook: str, *names: str) -> Done:
    """Stage everything, and run a hook on files."""
    ml.git("add", ".")
    return ml.hook(hook, *names)


def errors(done: Done) -> list[str]:
    return [line for line in done.said.splitlines() if line.startswith("error")]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_older_python_is_told_so_in_a_line(script, ml):
    program = (
        f"import sys, runpy; sys.version_info = (3, 8, 10); "
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )

    done = run([sys.executable, "-I", "-c", program], ml.path)

    assert done == ("error: gitmodelstore's hooks need Python 3.11 or newer, python3 is 3.8\n", 1)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_older_python_can_read_the_script(script):
    ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 8))


def alone(ml: Repository, program: str) -> Done:
    """Run a program that has the hooks and the standard library."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    start += "from gitmodelstore.cli import ml_hooks as hooks\n"
    return run([sys.executable, "-I", "-S", "-c", start + program], ml.path)


@pytest.mark.parametrize("name", ["validate", "no-raw-models", "lock"])
def test_nothing_but_the_standard_library_is_imported(ml, store, copy, name):
    copy()
    store.lock(["churn@1.0.0"], ml.path)
    ml.git("add", ".")
    names = ml.git("ls-files").split()
    program = (
        f"names = {names!r}\n"
        f"print(hooks.answer(hooks.{name.replace('-', '_')}, names))\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(tops - sys.stdlib_module_names - {'__main__'}))"
    )

    assert alone(ml, program).said == "0\n['gitmodelstore']\n"


def test_a_commit_without_a_model_imports_nothing_that_takes_time(ml):
    ml.git("add", ".")
    program = (
        "print([list(hook(['train.py'])) for hook in (hooks.validate, hooks.no_raw_models)])\n"
        "print(list(hooks.lock([])))\n"
        "print({'re', 'typing', 'dataclasses', 'json', 'subprocess'} & set(sys.modules))\n"
        "print(sorted(name for name in sys.modules if name.startswith('gitmodelstore')))"
    )

    assert alone(ml, program).said.splitlines() == [
        "[[], []]",
        "[]",
        "set()",
        "['gitmodelstore', 'gitmodelstore.cli', 'gitmodelstore.cli.ml_hooks', "
        "'gitmodelstore.plumbing', 'gitmodelstore.plumbing.git']",
    ]


def test_a_manifest_that_breaks_its_format_is_refused_with_the_place(ml, copy):
    folder = copy()
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"version": "1.0.0"', '"version": "one"'))

    assert judge(ml, "validate", "models/churn/manifest.json") == (
        "error: models/churn/manifest.json: version: expected a SemVer version, found 'one' "
        "[GMS010]\nhint: copy the folder again: `gms get REF -o DIR`\n",
        1,
    )


def test_every_fault_of_a_folder_is_told_at_once(ml, copy):
    folder = copy()
    before = (folder / "requirements.txt").read_bytes()
    other = b"other\n"
    (folder / "requirements.txt").write_bytes(other)
    (folder / "README.md").chmod(0o755)
    (folder / "deep").mkdir()
    (folder / "deep" / "data.csv").write_text("1\n")
    (folder / "environment.txt").unlink()

    done = judge(ml, "validate", "models/churn/deep/data.csv")

    assert errors(done) == [
        "error: models/churn/README.md: is of mode 100755, "
        "expected a plain file (mode 100644) [GMS002]",
        "error: models/churn/deep/data.csv: not a file of a version [GMS001]",
        "error: models/churn/environment.txt: listed in the manifest, but not in the folder "
        "[GMS020]",
        f"error: models/churn/requirements.txt: 6 bytes of sha256 {short(other)}, "
        f"the manifest says {len(before)} of {short(before)} [GMS022]",
    ]


def test_a_folder_at_the_top_is_judged_by_its_own_files(ml, store):
    store.download("churn@1.0.0", ml.path / "x")
    for path in (ml.path / "x").iterdir():
        path.rename(ml.path / path.name)
    (ml.path / "x").rmdir()
    (ml.path / "train.py").unlink()
    (ml.path / "src").mkdir()
    (ml.path / "src" / "train.py").write_text("1\n")

    assert judge(ml, "validate", "pipeline.joblib") == ("", 0)

    (ml.path / "notes.txt").write_text("x")

    assert judge(ml, "validate", "notes.txt").said == (
        "error: notes.txt: not a file of a version [GMS001]\nhint: git rm --cached -- notes.txt\n"
    )


def test_a_link_or_a_submodule_in_a_folder_is_refused(ml, copy):
    folder = copy()
    (folder / "sample.json").unlink()
    os.symlink("/etc/hostname", folder / "sample.json")
    ml.git("add", ".")
    ml.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},models/churn/module")

    assert errors(ml.hook("validate", "models/churn/sample.json"))[:2] == [
        "error: models/churn/module: not a file of a version [GMS001]",
        "error: models/churn/sample.json: is a symbolic link, "
        "expected a plain file (mode 100644) [GMS002]",
    ]


def test_a_manifest_that_is_a_link_is_refused(ml, copy):
    folder = copy()
    (folder / "manifest.json").unlink()
    os.symlink("/etc/hostname", folder / "manifest.json")

    done = judge(ml, "validate", "models/churn/manifest.json")

    assert done.said == "error: models/churn/manifest.json: not a plain file [GMS002]\n"


def test_a_folder_that_loses_its_pipeline_is_refused(ml, copy):
    copy()
    ml.git("add", ".")
    ml.git("commit", "--quiet", "-m", "first")
    ml.git("rm", "--quiet", "--cached", PIPELINE)

    done = ml.hook("validate")

    assert done.code == 1
    assert done.said.startswith("error: models/churn/pipeline.joblib: missing [GMS020]\n")


def test_the_manifest_of_something_else_is_no_business_of_ours(ml):
    (ml.path / "web").mkdir()
    (ml.path / "web" / "manifest.json").write_text('{"name": "an app"}')

    assert judge(ml, "validate", "web/manifest.json", "train.py") == ("", 0)
    assert ml.hook("no-raw-models", "web/manifest.json") == ("", 0)


def test_a_pointer_of_git_lfs_stands_for_what_it_points_to(ml, copy):
    folder = copy()
    data = (folder / "pipeline.joblib").read_bytes()
    (folder / "pipeline.joblib").write_bytes(pointer(data))
    ml.git("add", ".")
    names = (PIPELINE,)

    assert ml.hook("validate", *names) == ("", 0)
    assert ml.hook("no-raw-models", *names) == ("", 0)

    (folder / "pipeline.joblib").write_bytes(pointer(data + b"x"))
    assert "GMS022" in judge(ml, "validate", *names).said
    assert "GMS090" in ml.hook("no-raw-models", *names).said


def test_a_damaged_object_of_git_lfs_is_refused(ml, copy):
    folder = copy()
    data = (folder / "pipeline.joblib").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    kept = ml.path / ".git" / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
    kept.parent.mkdir(parents=True)
    kept.write_bytes(data)
    (folder / "pipeline.joblib").write_bytes(pointer(data))

    assert judge(ml, "validate", PIPELINE) == ("", 0)

    kept.write_bytes(data[:-1] + b"x")

    assert "GMS022" in ml.hook("validate", PIPELINE).said


RAW = {
    "behind a pointer": (
        {"raw.skops": pointer(b"a model")},
        "raw.skops: a model without a manifest beside it [GMS090]\n",
    ),
    "beside a pipeline": (
        {"models/churn/other.pkl": b"x"},
        "models/churn/other.pkl: a model that the manifest of churn 1.0.0 does not list [GMS090]\n",
    ),
    "beside a manifest that anybody could write": (
        {"raw.pkl": b"x", "manifest.json": b'{"artifacts": [{"path": "raw.pkl"}]}'},
        "raw.pkl: a model beside a manifest that cannot be read: manifest.json: schema: missing",
    ),
    "of a name that a terminal would act on": (
        {"raw\x1b[31m.pkl": b"x"},
        "raw\\x1b[31m.pkl: a model without",
    ),
}


@pytest.mark.parametrize("case", RAW)
def test_a_raw_model_is_refused(ml, copy, case):
    files, said = RAW[case]
    copy()
    for name, content in files.items():
        (ml.path / name).write_bytes(content)

    done = judge(ml, "no-raw-models", next(iter(files)))

    assert done.code == 1
    assert done.said.startswith(f"error: {said}")
    assert "\x1b" not in done.said


def test_a_model_beside_another_version_s_manifest_is_refused(ml, store, copy):
    folder = copy("churn@1.0.0")
    other = store.download("churn@1.1.0", ml.path / "other")
    ml.git("add", "models")
    ml.git("commit", "--quiet", "-m", "first")
    (folder / "manifest.json").write_bytes((other / "manifest.json").read_bytes())
    ml.git("add", "models")

    # The binary itself is not part of this commit.
    assert ml.hook("no-raw-models", "models/churn/manifest.json").said.splitlines()[0] == (
        "error: models/churn/pipeline.joblib: not the file that the manifest of churn 1.1.0 lists "
        "[GMS090]"
    )


def test_more_files_than_git_is_asked_about_at_once_are_read(ml):
    for number in range(git._MOST_ASKED + 7):
        (ml.path / f"{number}.txt").write_text(f"{number}\n")
    ml.git("add", ".")
    said = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from gitmodelstore.plumbing import git\n"
        "files = git.entries([':(glob)*.txt'])\n"
        "[__import__('os').unlink(path) for path in files]\n"
        "contents = git.Contents(files)\n"
        "print(len(files), all(contents.data(oid) == f'{path[:-4]}\\n'.encode()"
        " for path, (_, oid) in files.items()))"
    )

    assert run([sys.executable, "-c", said], ml.path).said == "307 True\n"


def test_where_the_system_cannot_start_a_process_by_itself_the_answer_is_the_same(ml, copy):
    (copy() / "notes.txt").write_text("x")
    ml.git("add", ".")
    program = (
        f"import os, sys, runpy; del os.posix_spawnp; sys.argv = ['', 'models/churn/notes.txt']\n"
        f"runpy.run_path({str(ROOT / 'hooks' / 'validate.py')!r}, run_name='__main__')"
    )

    done = run([sys.executable, "-c", program], ml.path)

    assert done.said.startswith("error: models/churn/notes.txt: not a file of a version [GMS001]\n")
    assert done.code == 1


def test_without_git_the_hook_says_so(ml):
    done = ml.hook("validate", PATH="/nowhere")

    assert done == ("error: git is not installed\nhint: install the package 'git'\n", 1)


def test_outside_a_repository_the_hook_fails(tmp_path, ml):
    done = ml.hook("validate", GIT_DIR=str(tmp_path / "nothing"))

    assert done.code == 1
    # git complains to the same screen, sooner or later
    assert "error: git could not say what is staged: it exited with 129" in done.said.splitlines()


@pytest.mark.parametrize("name", ["validate", "no-raw-models"])
@pytest.mark.parametrize("work_tree", ["another", "missing", "a link", "whole"])
def test_the_staged_file_counts_whatever_the_work_tree_holds(ml, copy, name, work_tree):
    path = copy() / "pipeline.joblib"
    whole = path.read_bytes()
    changed = whole[:-1] + bytes([whole[-1] ^ 1])  # as long as it was
    for staged_bytes, code in ((whole, 0), (changed, 1)):
        path.write_bytes(staged_bytes)
        ml.git("add", ".")
        path.unlink()
        if work_tree == "a link":
            (ml.path / "elsewhere").write_bytes(staged_bytes)
            path.symlink_to(ml.path / "elsewhere")
        elif work_tree != "missing":
            path.write_bytes(changed if work_tree == "another" and code == 0 else whole)

        assert ml.hook(name, PIPELINE).code == code
        path.unlink(missing_ok=True)


def test_a_repository_with_ids_of_sha256_is_judged_too(ml, copy, tmp_path):
    folder = copy()
    shutil.rmtree(ml.path / ".git")
    ml.git("init", "--quiet", "--object-format=sha256")

    assert judge(ml, "validate", PIPELINE) == ("", 0)

    (folder / "pipeline.joblib").write_bytes(b"x")
    assert "GMS022" in judge(ml, "validate", PIPELINE).said


def test_the_index_that_git_names_is_the_one_that_is_read(ml, copy):
    folder = copy()
    ml.git("add", ".")
    index = ml.path / ".git" / "another"
    (folder / "notes.txt").write_text("x")
    ml.git("add", ".", GIT_INDEX_FILE=str(index))

    assert ml.hook("validate", "models/churn/notes.txt") == ("", 0)
    assert ml.hook("validate", "models/churn/notes.txt", GIT_INDEX_FILE=str(index)).code == 1
