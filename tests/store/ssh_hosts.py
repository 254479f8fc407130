"""A git host over ssh on this machine: openssh-server, run by this user."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .children import kill_family

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
needs_ssh = pytest.mark.skipif(
    not (SSHD and shutil.which("ssh")), reason="needs the packages openssh-server, openssh-client"
)
_SSHD_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv HOME={home} GIT_CONFIG_NOSYSTEM=1 "PATH={folder}/bin:{path}"
"""
_SSH_CONFIG = """\
Host models 127.0.0.1
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/id
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known
    GlobalKnownHostsFile /dev/null
"""


class SshHost:
    """A running sshd. `ssh -F config` reaches it as "models"; programs in `bin` come before others.

    Attributes:
        config: the configuration of an ssh that reaches it.
        key: that it lets in; the file of its public part ends with .pub.
        authorized: the file with the keys that it lets in.
        known: the file of the client with the keys of hosts.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        assert SSHD is not None
        self.folder, self.bin = folder, folder / "bin"
        self.config, self.key, self.known = folder / "config", folder / "id", folder / "known"
        self.authorized = folder / "authorized"
        self.bin.mkdir(parents=True)
        for name in ("host", "id"):
            make_key(folder / name)
        shutil.copy(folder / "id.pub", self.authorized)
        if not os.getuid():
            Path("/run/sshd").mkdir(exist_ok=True)  # as its package does when it starts one
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}"
        words = {"folder": folder, "port": self.port, "user": getpass.getuser(), "home": home}
        (folder / "sshd_config").write_text(_SSHD_CONFIG.format(**words, path=os.environ["PATH"]))
        self.config.write_text(_SSH_CONFIG.format(**words))
        self.known.write_text(f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}")
        self.start()

    def start(self) -> None:
        """Start it, or start it again where it was killed."""
        log, config = self.folder / "log", self.folder / "sshd_config"
        command = [str(SSHD), "-D", "-f", str(config), "-E", str(log)]
        self.process = subprocess.Popen(command, start_new_session=True)
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as reached:
                assert reached.recv(4) == b"SSH-"
                break
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, and whatever it has started."""
        kill_family(self.process.pid)
        self.process.wait()


@contextmanager
def serving_ssh(folder: Path, home: Path) -> Iterator[SshHost]:
    """Serve this machine by an sshd of this user, whose files lie in a folder; `home` is HOME."""
    host = SshHost(folder, home)
    try:
        yield host
    finally:
        host.kill()


def make_key(path: Path, *, passphrase: str = "") -> None:
    """Make a key, as ssh-keygen does."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f", str(path)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
