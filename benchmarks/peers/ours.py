"""gitmodelstore, durable and with a work tree, which are the defaults."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, ClassVar

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
        """Without waiting for the disk."""
        import gitmodelstore as gms

        kept, self._store = self.store, gms.Store.open(self.folder, durable=False)
        super().fill(pipeline, first, last)
        self._store = kept

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


if __name__ == "__main__":
    main(Ours)
