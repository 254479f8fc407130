"""A git host over HTTP on this machine: git's own backend behind a real server process.

Where it gets the programs of an environment with giftless, a Git LFS server, it hands that what
belongs to it, as a web server in front of both does.
"""

from __future__ import annotations

import base64
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

USER, PASSWORD = "ann", "s3cret"
_END = "ends-after"  # a file beside the repositories: how many bytes of one body it gets or gives
_LARGE = "large-files"  # the folder of giftless
_GIFTLESS = """
import sys
from giftless.app import init_app
from werkzeug.serving import make_server
basic = {"options": {"storage_options": {"path": sys.argv[2]}}}
app = init_app(additional_config={
    "AUTH_PROVIDERS": ["giftless.auth.allow_anon:read_write"],  # the server before it asks who
    "PRE_AUTHORIZED_ACTION_PROVIDER": {"options": {"private_key": sys.argv[3]}},
    "LEGACY_ENDPOINTS": False,
    "TRANSFER_ADAPTERS": {"basic": basic},
})
make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()
"""


class Backend(BaseHTTPRequestHandler):
    """Hands each request to `git http-backend`, as any web server does by CGI."""

    root: Path
    giftless: subprocess.Popen[bytes] | None = None
    giftless_port: int
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/up":
            self._answer(200, [], b"")
        else:
            self._run()

    def do_POST(self) -> None:
        self._run()

    def do_PUT(self) -> None:
        self._run()

    def log_message(self, *_: object) -> None:
        pass

    def _run(self) -> None:
        address = urlsplit(self.path)
        if "/info/lfs/objects/storage/" in address.path:
            self._hand_on()  # giftless asks for the token that it gave with the address
            return
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._body()  # or its sender, in the middle of it, would never see the answer
            self._answer(401, [("WWW-Authenticate", 'Basic realm="models"')], b"")
            return
        if "/info/lfs/" in address.path:
            self._hand_on()
            return
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(address.path),
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "REMOTE_USER": USER,
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        body = self._body()
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env={**environment, "CONTENT_LENGTH": str(len(body))},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n") if line]
        headers = [(name, value) for name, _, value in lines]
        status = next((value for name, value in headers if name == "Status"), "200")
        self._answer(int(status.split()[0]), [h for h in headers if h[0] != "Status"], content)

    def _hand_on(self) -> None:
        """Have giftless answer; of what it gives, the part that is asked for."""
        if self.giftless is None:
            self._body()
            self._answer(404, [], b"")
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.giftless_port)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name not in ("Accept-Encoding", "Range") and not value.startswith("Basic "):
                connection.putheader(name, value)
        connection.endheaders()
        left = int(self.headers.get("Content-Length") or 0)
        for part in self._parts(left):
            connection.send(part)
        answer = connection.getresponse()
        content = answer.read()
        headers = [("Content-Type", answer.headers.get("Content-Type", ""))]
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and answer.status == 200:
            start = int(asked[1])
            said = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._answer(206, [*headers, ("Content-Range", said)], content[start:])
        else:
            self._answer(answer.status, headers, content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b"".join(self._parts(int(self.headers.get("Content-Length") or 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts += self._parts(size)
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _parts(self, size: int) -> Iterator[bytes]:
        end = self._end()
        while size:
            part = self.rfile.read(min(size, 1 << 12))
            size, end = size - len(part), end - len(part)
            yield part
            if end < 0:
                self._die()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        end = self._end()
        self.wfile.write(content[:end])
        with (self.root / "log").open("a") as log:
            log.write(f"{self.command} {urlsplit(self.path).path} {status} {len(content)}\n")
        if end < len(content):
            self._die()

    def _end(self) -> int:
        file = self.root / _END
        return int(file.read_text()) if file.exists() else sys.maxsize

    def _die(self) -> None:
        """Be killed, as by the system when memory is short, and giftless with it."""
        if self.giftless is not None:
            self.giftless.kill()
        os.kill(os.getpid(), signal.SIGKILL)


class Host:
    """A running server; `url` needs USER and PASSWORD."""

    def __init__(self, root: Path, giftless: Path | None) -> None:
        self._root, self._giftless = root, giftless
        self._port = 0
        self.process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def large_files(self) -> dict[str, Path]:
        """What giftless has, by SHA-256; parts of one, too."""
        return {path.name: path for path in (self._root / _LARGE).rglob("*") if path.is_file()}

    def start(self) -> None:
        """Start it, or start it again where it was killed."""
        self.kill()
        (self._root / _END).unlink(missing_ok=True)
        python = [str(self._giftless / "python")] if self._giftless else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.hosts", str(self._root), str(self._port), *python],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        self._port = int(self.process.stdout.readline())
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{self.url}/up").close()  # noqa: S310 - our own
                break
            except OSError:
                time.sleep(0.05)

    def end_after(self, count: int) -> None:
        """Be killed once so many bytes of one body have come or gone."""
        (self._root / _END).write_text(str(count))

    def sizes(self, command: str, part: str) -> list[int]:
        """Return how many bytes each answer to a command had whose path has a part."""
        lines = [line.split() for line in (self._root / "log").read_text().splitlines()]
        return [int(line[3]) for line in lines if line[0] == command and part in line[1]]

    def kill(self) -> None:
        """End it at once, and whatever it has started."""
        from .children import kill_family  # which imports more than the server needs

        if self.process is None:
            return
        kill_family(self.process.pid)
        self.process.communicate()
        self.process = None


@contextmanager
def serving(root: Path, giftless: Path | None = None) -> Iterator[Host]:
    """Serve the repositories below a folder, in a process of its own.

    `giftless`: the folder of programs of an environment that has it.
    """
    host = Host(root, giftless)
    try:
        yield host
    finally:
        host.kill()


def main() -> None:
    """Serve until killed; the port is printed first."""
    Backend.root = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Backend)
    if len(sys.argv) > 3:
        with socket.create_server(("127.0.0.1", 0)) as free:
            Backend.giftless_port = free.getsockname()[1]
        command = [sys.argv[3], "-W", "ignore", "-c", _GIFTLESS, str(Backend.giftless_port)]
        Backend.giftless = subprocess.Popen(
            [*command, str(Backend.root / _LARGE), secrets.token_hex()], stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", Backend.giftless_port)).close()
                break
            except OSError:
                time.sleep(0.05)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
