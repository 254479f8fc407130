"""The floor: a file that joblib writes, and its SHA-256; a file says what is in production."""

from __future__ import annotations

import hashlib
import os
from typing import Any, ClassVar

import joblib

from benchmarks.peers.worker import System, main


class Files(System):
    commands: ClassVar[dict[str, list[str]]] = {
        "promote": ["sh", "-c", "echo {number} > new; mv new production"],
        "list": ["ls"],
        "which": ["cat", "production"],
    }
    cannot: ClassVar[dict[str, str]] = {
        "log": "files have no history",
        "pack": "files stay as they are",
        "rollback": "nothing knows what was in production before",
    }

    def create(self) -> None:
        self.folder.mkdir()

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        file = self.folder / f"{number}.joblib"
        joblib.dump(pipeline, file)
        with file.open("rb") as read:
            digest = hashlib.file_digest(read, "sha256").hexdigest()
        file.with_suffix(".sha256").write_text(digest)

    def load(self) -> Any:
        return joblib.load(self.folder / f"{self.which()}.joblib")

    def promote(self, number: int) -> None:
        new = self.folder / "production.new"
        new.write_text(str(number))
        os.replace(new, self.folder / "production")

    def list(self) -> Any:
        return sorted(self.folder.glob("*.joblib"))

    def which(self) -> Any:
        return (self.folder / "production").read_text().strip()


if __name__ == "__main__":
    main(Files)
