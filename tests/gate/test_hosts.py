"""`gms init --host`: files that the host reads, and a store that passes its own check."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gitmodelstore import Store
from gitmodelstore.errors import InvalidInput
from tests.store import children
from tests.store.looks import git, refusal

from .conftest import Place
from .corpus import new_version

PIPELINES = {
    "github": ".github/workflows/modelstore.yml",
    "gitlab": ".gitlab-ci.yml",
    "gitea": ".gitea/workflows/modelstore.yml",
}


@pytest.mark.parametrize("host", [*PIPELINES, "ssh"])
def test_a_new_store_has_what_the_host_needs(tmp_path: Path, host: str) -> None:
    done = children.gms("init", "store", "--host", host, "--owner", "@acme/leads", cwd=tmp_path)

    assert done.returncode == 0
    assert f"note: now set on the host ({host}):\nnote: 1. " in done.stderr
    store = Store.open(tmp_path / "store")
    assert store.validate() == ()
    own = {".gitattributes", "modelstore.toml", "registry.json"}
    expected = own if host == "ssh" else own | {PIPELINES[host], "CODEOWNERS"}
    assert set(git(store.path, "ls-files").split()) == expected
    if host != "ssh":
        owners = (store.path / "CODEOWNERS").read_text()
        assert "/registry.json @acme/leads\n" in owners
        assert f"/{PIPELINES[host]} @acme/leads\n" in owners


def test_the_check_of_a_pull_request_does_what_it_says(place: Place, tmp_path: Path) -> None:
    """Its own command line, run on a merge as the host makes it."""
    Store.init(tmp_path / "hosted", host="github")
    workflow = yaml.safe_load((tmp_path / "hosted" / PIPELINES["github"]).read_text())
    (step,) = [s for s in workflow["jobs"]["validate"]["steps"] if "gms" in s.get("run", "")]
    base = place.tip()
    place.git("switch", "--quiet", "--create", "proposal")
    new_version()(place)
    place.commit("propose")
    place.git("switch", "--quiet", "--detach", base)
    place.git("merge", "--quiet", "--no-ff", "-m", "merged by the host", "proposal")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "gms").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m gitmodelstore.cli.main "$@"\n'
    )
    (tools / "gms").chmod(0o755)
    surroundings = {**os.environ, "BASE": base, "PATH": f"{tools}:{os.environ['PATH']}"}

    def check() -> int:
        done = subprocess.run(
            ["bash", "-c", step["run"]], cwd=place.path, env=surroundings, capture_output=True
        )
        return done.returncode

    assert check() == 0
    place.git("switch", "--quiet", "proposal")
    place.file("models/churn/pipeline.joblib").write_bytes(b"swapped")
    place.commit("better")
    assert check() == 1


def test_the_gitlab_script_is_shell(tmp_path: Path) -> None:
    Store.init(tmp_path / "hosted", host="gitlab")
    pipeline = yaml.safe_load((tmp_path / "hosted" / ".gitlab-ci.yml").read_text())

    for line in pipeline["validate"]["script"]:
        subprocess.run(["bash", "-n", "-c", line], check=True)


def test_a_store_that_is_there_gets_the_files_uncommitted(place: Place) -> None:
    place.write("CODEOWNERS", "* @me\n", "owners")

    done = place.gms("init", ".", "--host", "gitea")

    assert done.stderr.startswith(
        "note: wrote .gitea/workflows/modelstore.yml; commit it: git add "
        ".gitea/workflows/modelstore.yml\n"
        "note: CODEOWNERS already exists and was left alone\n"
    )
    assert place.git("status", "--porcelain") == "?? .gitea/\n"
    assert place.file("CODEOWNERS").read_text() == "* @me\n"
    assert place.by_pre_commit() == []


def test_what_cannot_be_done_is_refused(place: Place) -> None:
    assert refusal(Store.init, place.shared, bare=True, host="github")[:2] == (
        InvalidInput,
        "a bare store cannot hold the files for a git host",
    )
    assert refusal(Store.init, place.path, host="sourceforge") == (
        InvalidInput,
        "'sourceforge' is not a kind of git host",
        "one of github, gitea, gitlab, ssh",
    )
    done = place.gms("init", "x", "--owner", "@me")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --owner needs --host\n")
