"""The transports that people use: what a remote is told, and what comes of it when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import RemoteUnreachable

from .hosts import PASSWORD, USER, serving
from .looks import git
from .test_share import clean, hub, refs

__all__ = ["hub"]


@pytest.fixture
def helper(isolated: Path) -> None:
    """A credential helper of the user's, as a password manager is one."""
    script = isolated / "helper"
    script.write_text(f"#!/bin/sh\necho username={USER}\necho password={PASSWORD}\n")
    script.chmod(0o755)
    subprocess.run(
        ["git", "config", "--global", "credential.helper", str(script)], check=True, cwd=isolated
    )


def test_over_http_with_a_credential_helper(store, hub, fitted, tmp_path, helper):
    git(hub, "config", "http.receivepack", "true")
    store.register(fitted, "churn", code=None)
    with serving(tmp_path) as host:
        url = f"{host.url}/hub.git"
        assert store.push(url).tags == ("churn@v1.0.0",)
        other = Store.clone(url, tmp_path / "ben", durable=False)
        other.register(fitted, "churn", code=None, push=True)
        assert store.pull().received == 1

    assert refs(hub)["refs/tags/churn@v1.0.1"]
    assert clean(store)
    with pytest.raises(RemoteUnreachable, match="cannot be reached"):
        store.push()


def test_without_credentials_nobody_is_asked_at_the_terminal(store, hub, fitted, tmp_path):
    store.register(fitted, "churn", code=None)
    with serving(tmp_path) as host, pytest.raises(RemoteUnreachable, match="could not read Us"):
        store.push(f"{host.url}/hub.git")


def test_what_stands_around_a_hook_names_no_other_repository(store, hub, fitted, tmp_path):
    """As in a hook of the ML repository, where git has set GIT_DIR and its kin."""
    store.register(fitted, "churn", code=None)
    git(tmp_path, "init", "--quiet", "code")
    program = f"from gitmodelstore import Store\nStore.open({str(store.path)!r}).push({str(hub)!r})"
    around = {
        "GIT_DIR": str(tmp_path / "code/.git"),
        "GIT_INDEX_FILE": str(tmp_path / "code/.git/index"),
        "GIT_WORK_TREE": str(tmp_path / "code"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "code/.git/objects"),
    }

    subprocess.run([sys.executable, "-c", program], env={**os.environ, **around}, check=True)

    assert refs(hub)["refs/heads/main"] == refs(store.path)["refs/heads/main"]


def test_a_repository_configuration_starts_no_program(store, hub, fitted, tmp_path):
    ran = tmp_path / "ran"
    store.register(fitted, "churn", code=None)
    store.add_remote("origin", f"ssh://localhost:1{hub}")
    git(store.path, "config", "core.sshCommand", f"touch {ran}; false")

    with pytest.raises(RemoteUnreachable):
        store.push()

    assert not ran.exists()
