"""The transports that people use: what a remote is told, and what comes of it when it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, NotFetched, RemoteUnreachable
from gitmodelstore.plumbing.ml_repository import Clone

from .children import Terminal
from .hosts import PASSWORD, USER, serving
from .looks import git, refusal
from .ssh_hosts import SshHost, make_key, needs_ssh, serving_ssh
from .test_consumers import ann as near_ann
from .test_consumers import lacking
from .test_share import clean, hub, refs

__all__ = ["hub", "near_ann"]


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


@pytest.fixture
def server(tmp_path: Path, isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshHost]:
    """This machine by ssh, which the user's configuration of git says how to call."""
    with serving_ssh(tmp_path / "ssh", isolated) as host:
        git(isolated, "config", "--global", "core.sshCommand", f"ssh -F '{host.config}'")
        yield host


def addresses(server: SshHost, hub: Path) -> list[str]:
    """Return the ways in which people write where it is."""
    return [f"ssh://models{hub}", f"models:{hub}", f"{server.url}{hub}"]


@needs_ssh
class TestOverSsh:
    def test_push_clone_load_a_race_and_pull(self, store, hub, fitted, tmp_path, server, X_test):
        store.register(fitted, "churn", code=None)
        assert store.push(f"models:{hub}").tags == ("churn@v1.0.0",)

        ben = Store.clone(f"ssh://models{hub}", tmp_path / "ben", durable=False)
        git(ben.path, "config", "user.name", "Ben")
        assert (ben.load("churn@1.0.0").predict(X_test) == fitted.predict(X_test)).all()
        store.register(fitted, "churn", code=None, push=True)
        second = ben.register(fitted, "churn", code=None, push=True)

        assert str(second.version) == "1.0.2"  # somebody was first
        assert store.pull().received == 1
        assert refs(hub)["refs/tags/churn@v1.0.2"] == refs(store.path)["refs/tags/churn@v1.0.2"]
        assert clean(store)
        assert clean(ben)

    @pytest.mark.long
    def test_a_consumer_fetches_what_it_loads(self, near_ann, hub, tmp_path, server):
        notes: list[str] = []
        carol = Store.clone(f"models:{hub}", tmp_path / "carol", notify=notes.append)
        assert (lacking(carol), len(notes)) == (0, 1)
        assert "the server does not serve single files; to change that, run there: git" in notes[0]
        git(hub, *notes[0].rpartition(": git ")[2].split())
        ben = Store.clone(f"models:{hub}", tmp_path / "ben", durable=False)
        assert lacking(ben) == 3

        ben.load("near@1.0.1")

        assert lacking(ben) == 2
        server.kill()
        assert ben.load("near@1.0.1")
        with pytest.raises(NotFetched, match="Connection refused"):
            ben.load("near@1.0.0")

    @pytest.mark.long
    @pytest.mark.parametrize("number", range(3))
    def test_ways_to_write_the_address(self, store, hub, fitted, tmp_path, server, number):
        url = addresses(server, hub)[number]
        store.register(fitted, "churn", code=None)

        assert store.push(url).sent == 2
        assert store.push(url).sent == 0  # the same remote
        assert store.remotes == {"origin": url}
        assert Store.clone(url, tmp_path / "ben", durable=False).pull().received == 0

    @pytest.mark.long
    @pytest.mark.parametrize("way", ["core.sshCommand", "GIT_SSH_COMMAND", "GIT_SSH"])
    def test_ways_to_say_which_ssh(self, store, hub, fitted, isolated, server, monkeypatch, way):
        git(isolated, "config", "--global", "--unset", "core.sshCommand")
        store.register(fitted, "churn", code=None)
        with pytest.raises(RemoteUnreachable):
            store.push(f"models:{hub}")
        command = f"ssh -F '{server.config}'"
        if way == "GIT_SSH":  # a program, which is not given to a shell
            program = isolated / "my ssh"
            program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            program.chmod(0o755)
            command = str(program)
        if way.isupper():
            monkeypatch.setenv(way, command)
        else:
            git(isolated, "config", "--global", way, command)

        assert store.push(f"models:{hub}").sent == 2


@needs_ssh
class TestSshRefuses:
    """Each way says what it is, and what to type."""

    def refused(self, store: Store, hub: Path) -> tuple[str, str]:
        """Return what is said of a push, and the hint."""
        url = f"models:{hub}"
        before = refs(store.path)
        with pytest.raises(RemoteUnreachable) as caught:
            store.push(url)
        with pytest.raises(GitFailed) as cloned:
            Store.clone(url, store.path.parent / "copy")
        assert (refs(store.path), store.remotes) == (before, {})
        assert not (store.path.parent / "copy").exists()
        why = str(caught.value).removeprefix(f"origin cannot be reached at '{url}': ")
        assert str(cloned.value) == f"cannot clone '{url}': {why}"
        hint = str(caught.value.hint)
        assert hint == f"nothing has changed; {cloned.value.hint}"
        return why, hint.removeprefix("nothing has changed; ")

    def test_another_host_key(self, store, hub, tmp_path, server):
        make_key(tmp_path / "other")
        other = (tmp_path / "other.pub").read_text()
        place = f"[127.0.0.1]:{server.port}"
        server.known.write_text(f"{place} {other}")

        assert self.refused(store, hub) == (
            "its host key has changed, or a different host answers",
            "ask who runs it; if the new key is right, forget the old one: "
            f"ssh-keygen -R '{place}'",
        )

    @pytest.mark.long
    def test_a_host_key_that_is_not_known(self, store, hub, server):
        server.known.write_text("")

        assert self.refused(store, hub) == (
            "its host key is not known here",
            f"check and accept it in a terminal: git ls-remote models:{hub}",
        )

    @pytest.mark.long
    def test_a_key_that_it_does_not_take(self, store, hub, server):
        server.authorized.write_text("")

        assert self.refused(store, hub) == (
            "it accepts none of your ssh keys",
            "have your public key added there; if yours has a passphrase, unlock it first: ssh-add",
        )

    @pytest.mark.long
    def test_a_server_that_is_down(self, store, hub, server):
        server.kill()

        why, hint = self.refused(store, hub)

        assert why == f"connect to host 127.0.0.1 port {server.port}: Connection refused"
        assert hint == f"check it with `git ls-remote models:{hub}`"

    @pytest.mark.long
    def test_a_repository_that_is_not_there(self, store, tmp_path, server):
        typo = tmp_path / "typo.git"

        assert (
            f"'{typo}' does not appear to be a git repository"
            in refusal(store.push, f"models:{typo}")[1]
        )


def test_every_fetch_and_push_tells_ssh_to_ask_nothing(store, tmp_path, monkeypatch, hub):
    """Input is no terminal here; and the program says which options it got."""
    programs, log = tmp_path / "programs", tmp_path / "log"
    programs.mkdir()
    (programs / "ssh").write_text(f"#!/bin/sh\necho \"$@\" >> '{log}'\nexit 1\n")
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    git(store.path, "remote", "add", "origin", f"models:{hub}")

    for call in (store.push, store.pull, partial(Clone(store.path).fetch, "origin")):
        with pytest.raises(GitFailed):
            call()
    with pytest.raises(GitFailed):
        Store.clone(f"models:{hub}", tmp_path / "copy")

    calls = [line for line in log.read_text().splitlines() if "git-" in line]
    assert len(calls) >= 4
    assert all("-o BatchMode=yes" in line for line in calls)


@needs_ssh
class TestPassphrase:
    """A key that is locked: who sits at a terminal is asked, and nobody else."""

    @pytest.fixture
    def locked(self, server: SshHost) -> SshHost:
        server.key.unlink()
        make_key(server.key, passphrase="open sesame")  # noqa: S106
        server.authorized.write_text(server.key.with_name("id.pub").read_text())
        return server

    @pytest.mark.long
    def test_at_a_terminal_it_is_asked_for(self, store, hub, fitted, locked):
        store.register(fitted, "churn", code=None)
        command = Terminal("-C", str(store.path), "push", f"models:{hub}", cwd=store.path)
        asked = [0]  # once for each time that the server is called
        while command.until(lambda shown: shown.count("Enter passphrase") > asked[-1]):
            command.type("open sesame\n")
            asked.append(asked[-1] + 1)

        assert command.end() == 0
        assert asked[-1] > 1
        assert refs(hub)["refs/heads/main"] == refs(store.path)["refs/heads/main"]
        command.close()

    def test_where_input_is_no_terminal_nobody_is_asked(self, store, hub, fitted, locked):
        """As in a notebook: the terminal from which it was started is still there."""
        store.register(fitted, "churn", code=None)
        command = Terminal(
            "-C", str(store.path), "push", f"models:{hub}", cwd=store.path, stdin=os.devnull
        )

        assert command.end() == 128
        assert "it accepts none of your ssh keys" in command.shown
        assert "passphrase for" not in command.shown
        command.close()
