"""A git host over HTTP on this machine: git's own backend behind a real server process."""

from __future__ import annotations

import base64
import os
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


class Backend(BaseHTTPRequestHandler):
    """Hands each request to `git http-backend`, as any web server does by CGI."""

    root: str
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/up":
            self._answer(200, [], b"")
        else:
            self._run()

    def do_POST(self) -> None:
        self._run()

    def log_message(self, *_: object) -> None:
        pass

    def _run(self) -> None:
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._answer(401, [("WWW-Authenticate", 'Basic realm="models"')], b"")
            return
        address = urlsplit(self.path)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_PROJECT_ROOT": self.root,
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
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if line]
        status = next((value for name, value in headers if name == "Status"), "200")
        self._answer(int(status.split()[0]), [h for h in headers if h[0] != "Status"], content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, headers: list[tuple[str, ...]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Host:
    """A running server; `url` needs USER and PASSWORD."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def kill(self) -> None:
        """End it at once, and whatever it has started."""
        subprocess.run(["pkill", "-9", "-P", str(self.process.pid)], check=False)
        self.process.kill()
        self.process.communicate()


@contextmanager
def serving(root: Path) -> Iterator[Host]:
    """Serve the repositories below a folder, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.hosts", str(root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    host = Host(process, int(process.stdout.readline()))
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{host.url}/up").close()  # noqa: S310 - our own
                break
            except OSError:
                time.sleep(0.05)
        yield host
    finally:
        host.kill()


def main() -> None:
    """Serve until killed; the port is printed first."""
    Backend.root = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
