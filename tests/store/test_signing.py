"""Commits and tags are signed as git is configured to, and plain git accepts them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, SignatureError
from tests.keys import ssh_keygen

from .looks import refusal

WITH_SSH = (
    "sign with an ssh key: `git config --global gpg.format ssh` and "
    "`git config --global user.signingkey ~/.ssh/id_ed25519.pub`"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store that was made before anybody signed."""
    Store.init(tmp_path / "store")
    return tmp_path / "store"


def opened(place: Path) -> Store:
    return Store.open(place, durable=False)


def refs(git, place: Path) -> str:
    return git(place, "for-each-ref") + git(place, "status", "--porcelain")


def is_signed(git, place: Path, name: str) -> bool:
    kind = git(place, "cat-file", "-t", name).strip()
    return "-----BEGIN SSH SIGNATURE-----" in git(place, "cat-file", kind, name)


class TestAsConfigured:
    def test_git_accepts_the_commit_and_the_tag_of_a_registration(
        self, desk, fitted, git, any_store
    ):
        desk.allow(desk.ada)
        store = any_store

        version = store.register(fitted, "churn", code=None)

        folder = store.path
        git(folder, "verify-commit", version.commit)
        git(folder, "verify-tag", version.tag)
        git(folder, "fsck", "--strict")

    def test_every_command_that_moves_a_status_signs(self, place, desk, fitted, refitted, git):
        desk.allow(desk.ada)
        store = opened(place)
        for pipeline in (fitted, refitted):
            version = store.register(pipeline, "churn", code=None)
            store.promote(version, "production")
        store.archive("churn@1.1.0", successor="1.0.0")
        store.promote("churn@1.1.0", "production")
        store.rollback("churn", reason="drift", replay=False)
        store.promote("churn@1.1.0", "staging", reason="for study")
        store.withdraw("churn@1.1.0")

        for commit in git(place, "rev-list", "main", "--max-count=9").split():
            git(place, "verify-commit", commit)

    def test_the_first_commit_of_a_store_is_signed(self, tmp_path, desk, git):
        desk.allow(desk.ada)

        Store.init(tmp_path / "new")

        git(tmp_path / "new", "verify-commit", "main")

    @pytest.mark.parametrize("what", ["commit", "tag"])
    def test_a_store_may_say_no_to_either(self, place, desk, fitted, git, what):
        git(place, "config", f"{what}.gpgsign", "no")

        version = opened(place).register(fitted, "churn", code=None)

        assert is_signed(git, place, version.commit) == (what == "tag")
        assert is_signed(git, place, version.tag) == (what == "commit")

    def test_a_setting_that_is_neither_true_nor_false(self, place, desk, fitted, git):
        git(place, "config", "commit.gpgsign", "maybe")

        assert refusal(opened(place).register, fitted, "churn", code=None)[:2] == (
            GitFailed,
            "git's setting commit.gpgsign is neither true nor false",
        )

    def test_nothing_is_started_where_nothing_is_to_be_signed(
        self, bare_store, desk, fitted, monkeypatch, tmp_path
    ):
        desk.sit_down(desk.ada, sign=False)
        store = bare_store
        store.register(fitted, "churn", code=None)  # asks git who writes, once a store
        monkeypatch.setenv("PATH", str(tmp_path))

        store.promote("churn@1.0.0", "production")

        assert store.version("churn").status == "production"


class TestWhenAsked:
    def test_sign_true(self, place, desk, fitted, git):
        desk.sit_down(desk.ada, sign=False)
        store = opened(place)

        version = store.register(fitted, "churn", code=None, sign=True)
        store.promote(version, "production")

        assert is_signed(git, place, version.commit)
        assert is_signed(git, place, version.tag)
        assert not is_signed(git, place, "main")

    def test_sign_false(self, place, desk, fitted, git):
        version = opened(place).register(fitted, "churn", code=None, sign=False)

        assert not is_signed(git, place, version.commit)
        assert not is_signed(git, place, version.tag)


class TestKeys:
    def test_a_public_key_spelled_out_is_looked_for_in_the_agent(
        self, place, desk, fitted, git, monkeypatch
    ):
        if shutil.which("ssh-agent") is None:
            pytest.skip("ssh-agent is not here: install the package openssh-client")
        desk.allow(desk.ada)
        desk.set("user.signingkey", f"key::{desk.ada.public}")
        folder = tempfile.TemporaryDirectory()  # the path of a socket must be short
        socket = f"{folder.name}/agent"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)
        try:
            assert agent.stdout is not None
            agent.stdout.readline()  # it listens now
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            subprocess.run(["ssh-add", "-q", desk.ada.key], check=True)
            version = opened(place).register(fitted, "churn", code=None)
        finally:
            agent.terminate()
            agent.communicate()
            folder.cleanup()

        git(place, "verify-commit", version.commit)

    def test_the_key_that_a_command_names(self, place, desk, fitted, git):
        desk.allow(desk.ada)
        git(place, "config", "--global", "--unset", "user.signingkey")
        public = desk.ada.key.with_suffix(".pub")
        desk.set("gpg.ssh.defaultKeyCommand", f"cat {public}")
        store = opened(place)

        with pytest.raises(SignatureError) as caught:  # its private half is in no agent
            store.register(fitted, "churn", code=None)

        assert str(caught.value).startswith(f"cannot sign with the key '{desk.ada.public[:60]}…': ")

    def test_an_rsa_key(self, place, desk, fitted, git, tmp_path):
        key = tmp_path / "rsa"
        ssh_keygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(key))
        person = desk.ada._replace(key=key)
        desk.sit_down(person)
        desk.allow(person)
        store = opened(place)

        version = store.register(fitted, "churn", code=None)

        git(place, "verify-commit", version.commit)
        assert store.verify(version, signatures=True).is_sound

    def test_the_program_of_the_user_is_taken(self, place, desk, fitted, git, tmp_path):
        program = tmp_path / "my-keygen"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexec ssh-keygen "$@"\n')
        program.chmod(0o755)
        desk.set("gpg.ssh.program", str(program))

        opened(place).register(fitted, "churn", code=None)

        calls = (tmp_path / "calls").read_text().splitlines()
        assert [call.partition(" -f ")[0] for call in calls] == ["-Y sign -n git"] * 2

    def test_a_program_that_only_the_store_names_is_not_started(
        self, place, desk, fitted, git, tmp_path
    ):
        git(place, "config", "gpg.ssh.program", "/bin/false")
        before = refs(git, place)

        assert refusal(opened(place).register, fitted, "churn", code=None) == (
            SignatureError,
            "gpg.ssh.program is set in the store's own configuration, "
            "and gms does not run programs that a store names",
            "if it is yours: git config --global gpg.ssh.program /bin/false",
        )
        assert refs(git, place) == before

    def test_an_openpgp_key(self, place, desk, fitted, git, monkeypatch):
        if shutil.which("gpg") is None:
            pytest.skip("gpg is not here: install the package gnupg")
        home = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
        monkeypatch.setenv("GNUPGHOME", str(home))  # the path of its agent's socket must be short
        quiet = ["gpg", "--quiet", "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
        subprocess.run(
            [*quiet, "--quick-gen-key", str(desk.ada), "ed25519", "sign"],
            check=True,
            capture_output=True,
        )
        try:
            desk.set("gpg.format", "openpgp")
            git(place, "config", "--global", "--unset", "user.signingkey")
            version = opened(place).register(fitted, "churn", code=None)
            git(place, "verify-commit", version.commit)
            git(place, "verify-tag", version.tag)
        finally:
            subprocess.run(["gpgconf", "--kill", "gpg-agent"], check=True)
            shutil.rmtree(home, ignore_errors=True)  # the agent removes its sockets beside us
        desk.allow(desk.ada)
        found = opened(place).verify(version, signatures=True).versions[0].signatures
        assert {str(one.outcome) for one in found} == {
            "it is not an SSH signature, and only those are verified"
        }


class TestRefused:
    """Whatever stops a signature, nothing visible is written."""

    @pytest.fixture(autouse=True)
    def unchanged(self, place, git):
        before = refs(git, place)
        yield
        assert refs(git, place) == before
        assert "gitmodelstore" not in [path.name for path in Path(place, ".git").glob("*.lock")]

    def test_a_passphrase_that_nobody_knows(self, place, desk, fitted, tmp_path):
        key = tmp_path / "locked"
        ssh_keygen("-q", "-t", "ed25519", "-N", "a secret", "-f", str(key))
        desk.set("user.signingkey", str(key))

        with pytest.raises(SignatureError) as caught:
            opened(place).register(fitted, "churn", code=None)

        assert str(caught.value).startswith(f"cannot sign with the key '{key}': ")
        assert "incorrect passphrase" in str(caught.value)
        assert caught.value.hint == (
            "check `git config user.signingkey`; a key with a passphrase is best handed to "
            "ssh-agent: ssh-add"
        )

    @pytest.mark.parametrize(
        ("lack", "message", "hint"),
        [
            ("key", "git has no ssh key to sign with", WITH_SSH),
            ("ssh-keygen", "ssh-keygen is not installed", "install the package 'openssh-client'"),
            ("gpg", "gpg is not installed", f"install the package 'gnupg'; or {WITH_SSH}"),
            ("format", "gpg.format is 'pem', which git does not know", WITH_SSH),
        ],
    )
    def test_what_it_needs_and_is_not_there(
        self, place, desk, fitted, git, monkeypatch, tmp_path, lack, message, hint
    ):
        store = opened(place)
        if lack == "key":
            git(place, "config", "--global", "--unset", "user.signingkey")
        elif lack == "format":
            desk.set("gpg.format", "pem")
        else:
            desk.set("gpg.format", "openpgp" if lack == "gpg" else "ssh")
            git_alone = tmp_path / "bin"
            git_alone.mkdir()
            (git_alone / "git").symlink_to(shutil.which("git"))
            monkeypatch.setenv("PATH", str(git_alone))

        found = refusal(store.register, fitted, "churn", code=None)

        assert found == (SignatureError, message, hint)


def test_a_verifier_needs_the_standard_library_alone():
    code = (
        "import sys; import gitmodelstore.plumbing.signing, gitmodelstore.checks.gates; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} "
        "- sys.stdlib_module_names - {'gitmodelstore', '__main__'}))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
        check=True,
    )
    assert done.stdout == "[]\n"
