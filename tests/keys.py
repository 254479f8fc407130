"""People with keys of their own, made by ssh-keygen, and the reader's lists of whom to believe."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest


class Person(NamedTuple):
    """Somebody with a name and a private key; the public one lies beside it as `.pub`."""

    name: str
    email: str
    key: Path

    @property
    def public(self) -> str:
        return " ".join(self.key.with_suffix(".pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        return ssh_keygen("-l", "-f", f"{self.key}.pub").split()[1]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def ssh_keygen(*args: str) -> str:
    return subprocess.run(["ssh-keygen", *args], capture_output=True, text=True, check=True).stdout


class Desk:
    """Where people sit down one after the other: git's own configuration, and the two lists.

    Attributes:
        ada, grace, linus, mallory: people; the list allows nobody until `allow` is called.
        allowed, revoked: the lists.
    """

    def __init__(self, home: Path, keys: dict[str, Path]) -> None:
        self.ada = Person("Ada Lovelace", "ada@example.org", keys["ada"])
        self.grace = Person("Grace Hopper", "grace@example.org", keys["grace"])
        self.linus = Person("Linus Pauling", "linus@example.org", keys["linus"])
        self.mallory = Person("Mallory", "mallory@example.org", keys["mallory"])
        self.allowed = home / "allowed_signers"
        self.revoked = home / "revoked_keys"
        self._home = home

    def set(self, name: str, value: str) -> None:
        """Set a value in the user's own configuration."""
        subprocess.run(["git", "config", "--global", name, value], check=True)

    def sit_down(self, person: Person, *, sign: bool = True) -> None:
        """From now on this person writes."""
        self.set("user.name", person.name)
        self.set("user.email", person.email)
        self.set("gpg.format", "ssh")
        self.set("user.signingkey", str(person.key))
        for name in ("commit.gpgsign", "tag.gpgsign"):
            self.set(name, str(sign).lower())

    def allow(self, *people: Person, options: str = "") -> None:
        """Add a line for each to the list of allowed signers."""
        with self.allowed.open("a") as file:
            for person in people:
                file.write(f"{person.email} {options} {person.public}\n")
        self.set("gpg.ssh.allowedSignersFile", str(self.allowed))

    def revoke(self, person: Person) -> None:
        with self.revoked.open("a") as file:
            file.write(f"{person.public}\n")
        self.set("gpg.ssh.revocationFile", str(self.revoked))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A key for each of some people."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not here: install the package openssh-client")
    folder = tmp_path_factory.mktemp("keys")
    found = {name: folder / name for name in ("ada", "grace", "linus", "mallory")}
    for name, path in found.items():
        ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path))
    return found


@pytest.fixture
def desk(isolated: Path, keys: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Ada sits at it, and signs; nobody asks for a passphrase on a screen."""
    monkeypatch.setenv("SSH_ASKPASS", "false")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    made = Desk(isolated, keys)
    made.sit_down(made.ada)
    return made
