"""Plain git: a commit and an annotated tag a version; a tracked file says what is in production."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from typing import Any, ClassVar

import joblib

from benchmarks.peers.worker import MODEL, System, main

FILE, PRODUCTION = f"models/{MODEL}/pipeline.joblib", f"models/{MODEL}/production"
COMMIT = f"git add {PRODUCTION}; git commit -q --allow-empty -m promote"
AUTHOR = "Ada <ada@example.org>"


def tag(number: int | str) -> str:
    return f"{MODEL}@v1.0.{number}"


def part(text: str | bytes) -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return f"data {len(data)}\n".encode() + data + b"\n"


class Git(System):
    commands: ClassVar[dict[str, list[str]]] = {
        "promote": ["sh", "-c", f"echo {{number}} > {PRODUCTION}; {COMMIT}"],
        "rollback": ["sh", "-c", f"git checkout -q HEAD~1 -- {PRODUCTION}; {COMMIT}"],
        "list": ["git", "tag", "-l", tag("*")],
        "which": ["git", "show", f"HEAD:{PRODUCTION}"],
        "log": ["git", "log", "--format=%h %an %ad %s"],
    }

    def git(self, *words: str) -> bytes:
        done = subprocess.run(["git", *words], cwd=self.folder, check=True, capture_output=True)
        return done.stdout

    def create(self) -> None:
        self.folder.mkdir()
        self.git("init", "--quiet", "-b", "main")
        self.git("config", "gc.auto", "0")

    def fill(self, pipeline: Any, first: int, last: int) -> None:
        """By one `git fast-import`, which writes what the commands below write."""
        command = ["git", "fast-import", "--quiet"]
        with subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            for chunk in self.history(pipeline, first, last):
                process.stdin.write(chunk)
        self.git("reset", "--quiet", "--hard")

    def history(self, pipeline: Any, first: int, last: int) -> Iterator[bytes]:
        memory = io.BytesIO()
        joblib.dump(pipeline, memory)
        for number in range(first, last + 1):
            content = memory.getvalue() + str(number).encode()  # joblib ignores what follows
            after = "" if number > first or first == 1 else "from refs/heads/main^0\n"
            who = f"{AUTHOR} {1_700_000_000 + number * 60} +0000"
            head = f"commit refs/heads/main\nmark :{number}\ncommitter {who}\n".encode()
            yield head + part(f"register {number}") + after.encode()
            yield f"M 100644 inline {FILE}\n".encode() + part(content)
            yield f"tag {tag(number)}\nfrom :{number}\ntagger {who}\n".encode() + part("1")
            if number % 10 == 0:
                head = f"commit refs/heads/main\ncommitter {who}\n".encode()
                yield head + part(f"promote {number}")
                yield f"M 100644 inline {PRODUCTION}\n".encode() + part(str(number))

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        file = self.folder / FILE
        file.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(pipeline, file)
        self.git("add", FILE)
        self.git("commit", "--quiet", "-m", f"register {number}")
        self.git("tag", "-a", "-m", f"version {number}", tag(number))

    def load(self) -> Any:
        return joblib.load(io.BytesIO(self.git("cat-file", "blob", f"{tag(self.which())}:{FILE}")))

    def promote(self, number: int) -> None:
        (self.folder / PRODUCTION).write_text(str(number))
        self.git("add", PRODUCTION)
        self.git("commit", "--quiet", "--allow-empty", "-m", f"promote {number}")

    def rollback(self) -> None:
        before = self.git("log", "-n", "2", "--format=%H", "--", PRODUCTION).split()[1].decode()
        self.promote(int(self.git("show", f"{before}:{PRODUCTION}")))

    def list(self) -> Any:
        return self.git("tag", "-l", tag("*")).split()

    def which(self) -> Any:
        return self.git("show", f"HEAD:{PRODUCTION}").decode().strip()

    def log(self) -> Any:
        return self.git("log", "--format=%h %an %ad %s").splitlines()

    def pack(self) -> None:
        self.git("gc", "--quiet", "--prune=now")


if __name__ == "__main__":
    main(Git)
