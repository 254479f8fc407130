"""The server killed in the middle of a push, a pull, a clone and a load, over HTTP and over ssh.

Nothing that was written is lost, both sides stay sound, and the next try brings what is missing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GitFailed, NotFetched, RemoteUnreachable, StoreBusy

from .hosts import Host, serving
from .looks import git
from .ssh_hosts import SshHost, needs_ssh, serving_ssh
from .test_consumers import ann, near
from .test_remotes import helper
from .test_share import clean, hub, refs

__all__ = ["ann", "helper", "hub"]

STUCK = ": > '{mark}'\nexec sleep 100\n"  # of a script: there it stays until it is killed


class Server:
    """A server of `hub.git`, and a place in it where it will be killed."""

    def __init__(self, host: Host | SshHost, url: str, hub: Path, isolated: Path) -> None:
        self.host, self.url, self.hub, self._isolated = host, url, hub, isolated
        self._mark = hub.with_name("mark")

    def script(self, path: Path, text: str) -> Path:
        path.write_text("#!/bin/sh\n" + text + STUCK.format(mark=self._mark))
        path.chmod(0o755)
        return path

    def stop_at(self, moment: str) -> None:
        """Say where a push stops."""
        if moment == "half of the objects came":
            if isinstance(self.host, SshHost):
                path = self.script(self.host.bin / "git-receive-pack", "")
                stuck = STUCK.format(mark=self._mark)
                path.write_text(f"#!/bin/sh\n(head -c 1500\n{stuck}) | git receive-pack $1\n")
            else:
                self.host.end_after(20_000)
        elif moment == "a hook looks at it":
            self.script(self.hub / "hooks/pre-receive", "cat > /dev/null\n")
        elif moment == "the refs are locked":
            self.script(self.hub / "hooks/reference-transaction", '[ "$1" = prepared ] || exit 0\n')
        else:
            assert moment == "it has all, and did not say so"
            self.script(
                self.hub / "hooks/reference-transaction", '[ "$1" = committed ] || exit 0\n'
            )

    def stop_sending(self) -> None:
        """Have a fetch stop after a few hundred bytes of objects."""
        script = self.script(self._isolated / "stuck", '"$@" | head -c 600\n')
        git(self._isolated, "config", "--global", "uploadpack.packObjectsHook", str(script))

    @contextmanager
    def killed(self) -> Iterator[None]:
        """Kill it as soon as it has come to the place, while the body runs."""
        begun = time.monotonic()

        def kill() -> None:
            while (
                not self._mark.exists() and self.host.process and self.host.process.poll() is None
            ):
                assert time.monotonic() < begun + 60
                time.sleep(0.01)
            self.host.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        yield
        killer.join()

    def start(self) -> None:
        """Start it again, as a supervisor would, with nothing in the way of what comes."""
        self._mark.unlink(missing_ok=True)
        for path in (self.hub / "hooks").glob("*[a-z]"):
            path.unlink()
        if isinstance(self.host, SshHost):
            (self.host.bin / "git-receive-pack").unlink(missing_ok=True)
        if "packobjectshook" in git(self._isolated, "config", "--global", "--list"):
            git(self._isolated, "config", "--global", "--unset", "uploadpack.packObjectsHook")
        self.host.start()


@pytest.fixture
def serve(
    hub: Path, tmp_path: Path, isolated: Path, helper: None
) -> Iterator[Callable[[str], Server]]:
    """Start a server of the repository, over HTTP or ssh."""
    with ExitStack() as stack:

        def begin(transport: str) -> Server:
            for setting in ("http.receivepack", "uploadpack.allowAnySHA1InWant"):
                git(hub, "config", setting, "true")
            if transport == "http":
                host = stack.enter_context(serving(tmp_path))
                return Server(host, f"{host.url}/hub.git", hub, isolated)
            over = stack.enter_context(serving_ssh(tmp_path / "ssh", isolated))
            git(isolated, "config", "--global", "core.sshCommand", f"ssh -F '{over.config}'")
            return Server(over, f"models:{hub}", hub, isolated)

        yield begin


def assert_alike(store: Store, hub: Path) -> None:
    """Both hold the same commits and tags, and plain git finds nothing wrong."""
    shared = {ref: oid for ref, oid in refs(store.path).items() if "/remotes/" not in ref}
    assert shared == refs(hub)
    for place in (store.path, hub):
        git(place, "fsck", "--strict", "--no-dangling")
    assert clean(store)


TRANSPORTS = [
    pytest.param("http"),
    pytest.param("ssh", marks=needs_ssh),
]
MOMENTS = [
    "half of the objects came",
    "a hook looks at it",
    "the refs are locked",
    "it has all, and did not say so",
]


@pytest.mark.long
@pytest.mark.parametrize("transport", TRANSPORTS)
class TestKilled:
    @pytest.mark.parametrize("moment", MOMENTS)
    def test_in_a_push(self, ann, hub, tmp_path, serve, transport, moment):
        server = serve(transport)
        git(ann.path, "remote", "set-url", "origin", server.url)
        ben = Store.clone(server.url, tmp_path / "ben", durable=False)
        git(ben.path, "config", "user.name", "Ben")
        version = ann.register(near(7), "near", code=None)
        there, here = refs(hub), refs(ann.path)
        server.stop_at(moment)

        with server.killed(), pytest.raises(RemoteUnreachable) as caught:
            ann.push()

        assert "what you wrote is safe here" in str(caught.value.hint)
        assert refs(ann.path) == here
        assert (refs(hub) == there) == (moment != MOMENTS[-1])
        git(hub, "fsck", "--strict", "--no-dangling")
        assert clean(ann)
        server.start()
        if moment == "the refs are locked":
            with pytest.raises(StoreBusy, match=r"refs/heads/main\.lock' is there") as locked:
                ann.push()
            assert "remove that file" in str(locked.value.hint)
            for lock in hub.rglob("*.lock"):
                lock.unlink()
        # Somebody else comes first, whatever was left.
        other = ben.register(near(8), "near", code=None, push=True)
        ann.push()
        ben.pull()
        for store in (ann, ben):
            assert_alike(store, hub)
        assert {str(one.version) for one in ann.versions("near")} == {
            "1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4",
        }  # fmt: skip
        assert str(version.version) == "1.0.3"
        assert str(other.version) == ("1.0.4" if moment == MOMENTS[-1] else "1.0.3")

    def test_in_a_pull(self, ann, hub, tmp_path, serve, transport):
        server = serve(transport)
        git(ann.path, "remote", "set-url", "origin", server.url)
        ben = Store.clone(server.url, tmp_path / "ben", durable=False)
        for seed in range(4):
            ann.register(near(10 + seed), "near", code=None)
        ann.push()
        here = refs(ben.path)
        server.stop_sending()

        with server.killed(), pytest.raises(RemoteUnreachable) as caught:
            ben.pull()

        assert "nothing has changed" in str(caught.value.hint)
        assert refs(ben.path) == here
        assert clean(ben)
        server.start()
        assert ben.pull().received == 4
        assert_alike(ben, hub)

    def test_in_a_clone_and_in_a_load(self, ann, hub, tmp_path, serve, transport):
        server = serve(transport)
        server.stop_sending()

        with server.killed(), pytest.raises(GitFailed):
            Store.clone(server.url, tmp_path / "ben", durable=False)

        assert not (tmp_path / "ben").exists()
        server.start()
        ben = Store.clone(server.url, tmp_path / "ben", durable=False)
        server.stop_sending()
        with server.killed(), pytest.raises(NotFetched):
            ben.load("near@1.0.0")
        server.start()
        assert ben.load("near@1.0.0")
        assert clean(ben)
