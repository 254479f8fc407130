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

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self.process, self.url = process, f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
        self.config, self.key, self.known = folder / "config", folder / "id", folder / "known"
        self.authorized, self.bin, self.port = folder / "authorized", folder / "bin", port

    def kill(self) -> None:
        """End it at once, and whatever it has started."""
        kill_family(self.process.pid)
        self.process.wait()


@contextmanager
def serving_ssh(folder: Path, home: Path) -> Iterator[SshHost]:
    """Serve this machine by an sshd of this user, whose files lie in a folder; `home` is HOME."""
    assert SSHD is not None
    (folder / "bin").mkdir(parents=True)
    for name in ("host", "id"):
        make_key(folder / name)
    shutil.copy(folder / "id.pub", folder / "authorized")
    if not os.getuid():
        Path("/run/sshd").mkdir(exist_ok=True)  # as its package does when it starts one
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = {"folder": folder, "port": port, "user": getpass.getuser(), "home": home}
    words["path"] = os.environ["PATH"]
    (folder / "sshd_config").write_text(_SSHD_CONFIG.format(**words))
    (folder / "config").write_text(_SSH_CONFIG.format(**words))
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    command = [SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")]
    host = SshHost(subprocess.Popen(command, start_new_session=True), folder, port)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as reached:
                assert reached.recv(4) == b"SSH-"
                break
            assert host.process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield host
    finally:
        host.kill()


def make_key(path: Path, *, passphrase: str = "") -> None:
    """Make a key, as ssh-keygen does."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-C", "test", "-N", passphrase, "-f", str(path)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
