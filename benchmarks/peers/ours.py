"""gitmodelstore, durable and with a work tree, which are the defaults."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, ClassVar

from benchmarks.peers.git import AUTHOR, part
from benchmarks.peers.worker import MODEL, System, main

GMS = [sys.executable, "-m", "gitmodelstore.cli.main"]


class Ours(System):
    commands: ClassVar[dict[str, list[str]]] = {
        "promote": [*GMS, "promote", f"{MODEL}@1.0.{{number}}", "production"],
        "rollback": [*GMS, "rollback", MODEL, "--keep"],
        "list": [*GMS, "list", MODEL],
        "which": [*GMS, "which", MODEL],
        "log": [*GMS, "log", MODEL],
    }
    _store: Any = None

    @property
    def store(self) -> Any:
        import gitmodelstore as gms

        if self._store is None:
            self._store = gms.Store.open(self.folder)
        return self._store

    def create(self) -> None:
        import gitmodelstore as gms

        gms.Store.init(self.folder)

    def fill(self, pipeline: Any, first: int, last: int) -> None:
        """Register the first, then write by one `git fast-import` what thousands of calls would.

        The index of the store is there afterwards, as if the calls had brought it up to date.
        """
        if first == 1:
            self.register(pipeline, 1)
        command = ["git", "-c", "core.compression=1", "fast-import", "--quiet"]
        with subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.writelines(self.history(max(first, 2), last))
        subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=self.folder, check=True)
        self.log()

    def history(self, first: int, last: int) -> Iterator[bytes]:
        """Yield a commit and a tag for each version, and a commit for each promotion."""
        manifest = (self.folder / "models" / MODEL / "manifest.json").read_text()
        registry = json.loads((self.folder / "registry.json").read_text())["models"][MODEL]
        entries = [_entry(version, held["status"]) for version, held in registry.items()][::-1]
        who, start = f"{AUTHOR} {int(time.time())} +0000\n", "from refs/heads/main^0\n"
        live = next((n for n, one in enumerate(entries) if '"production"' in one), None)
        for number in range(first, last + 1):
            version = f"1.0.{number}"
            told = f'"version": "{version}",\n  "parent": "1.0.{number - 1}",'
            made = re.sub('"version": .*\n  "parent": .*', told, manifest, count=1)
            entries.append(_entry(version, "registered"))
            head = f"commit refs/heads/main\nmark :{number}\ncommitter {who}"
            text = f"register {MODEL} {version}\n\n{_event('registered', number, 'registered')}"
            yield head.encode() + part(text) + start.encode() + _registry(entries)
            yield f"M 100644 inline models/{MODEL}/manifest.json\n".encode() + part(made)
            digest = hashlib.sha256(made.encode()).hexdigest()
            text = f"{MODEL} {version}\n\nManifest-SHA256: {digest}\n"
            yield f"tag {MODEL}@v{version}\nfrom :{number}\ntagger {who}".encode() + part(text)
            start = ""
            if number % 10 == 0:
                text = f"promote {MODEL} {version}\n\n"
                text += _event("promoted", number, "production", "registered")
                if live is not None:
                    entries[live] = _entry(f"1.0.{live + 1}", "archived")
                    text += _event("archived", live + 1, "archived", "production")
                entries[number - 1], live = _entry(version, "production"), number - 1
                head = f"commit refs/heads/main\ncommitter {who}"
                yield head.encode() + part(text) + _registry(entries)

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        X, y = rows if rows is not None else (None, None)
        told = {"metrics": {"auc": 0.9}, "code": None, "message": "retrained"}
        self.store.register(pipeline, MODEL, version=f"1.0.{number}", X_test=X, y_test=y, **told)

    def load(self) -> Any:
        return self.store.load(f"{MODEL}@production")

    def promote(self, number: int) -> None:
        self.store.promote(f"{MODEL}@1.0.{number}", "production", reason="better")

    def rollback(self) -> None:
        self.store.rollback(MODEL, keep=True)

    def list(self) -> Any:
        return list(self.store.versions(MODEL))

    def which(self) -> Any:
        return self.store.which(MODEL)

    def log(self) -> Any:
        return list(self.store.log(MODEL))

    def pack(self) -> None:
        subprocess.run(["git", "gc", "--quiet", "--prune=now"], cwd=self.folder, check=True)


def _entry(version: str, status: str) -> str:
    return f'      "{version}": {{\n        "status": "{status}"\n      }}'


def _registry(entries: list[str]) -> bytes:
    versions = ",\n".join(reversed(entries))
    text = (
        f'{{\n  "schema": "1.0",\n  "models": {{\n    "{MODEL}": {{\n{versions}\n    }}\n  }}\n}}\n'
    )
    return b"M 100644 inline registry.json\n" + part(text)


def _event(name: str, number: int, after: str, before: str = "") -> str:
    came = f"From: {before}\n" if before else ""
    return f"Event: {name}\nModel: {MODEL}\nVersion: 1.0.{number}\n{came}To: {after}\n"


if __name__ == "__main__":
    main(Ours)
