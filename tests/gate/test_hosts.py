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

from .conftest import Place, pipeline
from .corpus import new_version
from .protected import Host

PIPELINES = {
    "github": ".github/workflows/modelstore.yml",
    "gitlab": ".gitlab-ci.yml",
    "gitea": ".gitea/workflows/modelstore.yml",
}


def with_gms(folder: Path) -> str:
    """The path on which a runner finds the command."""
    tools = folder / "bin"
    tools.mkdir()
    (tools / "gms").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m gitmodelstore.cli.main "$@"\n'
    )
    (tools / "gms").chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"


@pytest.mark.parametrize("host", [*PIPELINES, "ssh"])
def test_a_new_store_has_what_the_host_needs(tmp_path: Path, host: str) -> None:
    done = children.gms("init", "store", "--host", host, "--owner", "@acme/leads", cwd=tmp_path)

    assert done.returncode == 0
    assert f"note: what to set on the host ({host}):\nnote: 1. " in done.stderr
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
    surroundings = {**os.environ, "BASE": base, "PATH": with_gms(tmp_path)}

    def check() -> int:
        return subprocess.run(
            ["bash", "-c", step["run"]], cwd=place.path, env=surroundings, capture_output=True
        ).returncode

    assert check() == 0
    place.git("switch", "--quiet", "proposal")
    place.file("models/churn/pipeline.joblib").write_bytes(b"swapped")
    place.commit("better")
    assert check() == 1


@pytest.mark.parametrize(
    "kind",
    ["gitlab", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("github", "gitea"))],
)
def test_the_ci_tags_what_was_merged(tmp_path: Path, kind: str) -> None:
    """Its own lines, in a clone as a runner has it: nobody's name, and on GitLab no branch."""
    host = Host(tmp_path)
    store = Store.init(tmp_path / "store", host=kind, durable=False)
    store.push(str(host.path))
    version = store.register(pipeline(), "churn", code=None, propose=True)
    assert version.proposal is not None
    main = host.press("squash", version.proposal.branch)
    written = yaml.safe_load((store.path / PIPELINES[kind]).read_text())
    if kind == "gitlab":
        job = written["validate"]
        lines, known = job["script"], {**job["variables"], "CI_COMMIT_BRANCH": "main"}
    else:
        job = written["jobs"]["tags"]
        lines, known = [step.get("run", "") for step in job["steps"]], job["env"]
    git(tmp_path, "clone", "--quiet", str(host.path), "runner")
    if kind == "gitlab":
        git(tmp_path / "runner", "switch", "--quiet", "--detach")
        git(tmp_path / "runner", "branch", "--quiet", "-D", "main")
    (tmp_path / "home").mkdir()
    surroundings = {**os.environ, "HOME": str(tmp_path / "home"), "PATH": with_gms(tmp_path)}

    for line in lines:
        if not line.startswith("pip install"):
            command = ["bash", "-eo", "pipefail", "-c", line]
            there = {**surroundings, **known}
            done = subprocess.run(
                command, cwd=tmp_path / "runner", env=there, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr

    assert host.refs()["refs/tags/churn@v1.0.0"] == main == host.refs()["refs/heads/main"]


def test_a_store_that_is_there_gets_the_files_uncommitted(place: Place) -> None:
    place.write("CODEOWNERS", "* @me\n", "owners")

    assert place.gms("init", ".", "--host", "gitea").stderr.startswith(
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
