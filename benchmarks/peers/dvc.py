"""DVC keeps the pipeline, a git commit has its digest, GTO's tags are versions and stages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, ClassVar

import joblib

from benchmarks.peers.git import AUTHOR, Git, part, tag
from benchmarks.peers.worker import MODEL, main

os.environ.update(DVC_NO_ANALYTICS="1", DO_NOT_TRACK="1")

ASSIGN = ["gto", "assign", "--force", MODEL]
FILE = f"models/{MODEL}.joblib"


class Dvc(Git):
    commands: ClassVar[dict[str, list[str]]] = {
        "promote": [*ASSIGN, "--version", "v1.0.{number}", "--stage", "production"],
        "list": ["gto", "show", MODEL],
        "which": ["gto", "show", f"{MODEL}#production"],
        "log": ["gto", "history", MODEL],
    }
    cannot: ClassVar[dict[str, str]] = {}

    def create(self) -> None:
        from dvc.repo import Repo

        super().create()
        Repo.init(str(self.folder)).close()
        (self.folder / "models").mkdir()
        self.git("add", ".")
        self.git("commit", "--quiet", "-m", "start")

    def history(self, pipeline: Any, first: int, last: int) -> Iterator[bytes]:
        """Yield the pointers and tags that DVC and GTO write, all to the pipeline of the first."""
        if first == 1:
            self.register(pipeline, 1)
        pointer = (self.folder / f"{FILE}.dvc").read_text()
        start = "from refs/heads/main^0\n"
        for number in range(max(first, 2), last + 1):
            who = f"{AUTHOR} {1_700_000_000 + number * 60} +0000"
            head = f"commit refs/heads/main\nmark :{number}\ncommitter {who}\n".encode()
            yield head + part(f"register {number}") + start.encode()
            start = ""
            yield f"M 100644 inline {FILE}.dvc\n".encode() + part(f"{pointer}# {number}\n")
            yield f"tag {tag(number)}\nfrom :{number}\ntagger {who}\n".encode() + part("1")
            if number % 10 == 0:
                stage = f"tag {MODEL}#production#{number // 10}\nfrom :{number}\n".encode()
                yield stage + f"tagger {who}\n".encode() + part("1")

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        import gto.api
        from dvc.repo import Repo

        joblib.dump(pipeline, self.folder / FILE)
        with Repo(str(self.folder)) as repo:
            repo.add(str(self.folder / FILE))
        self.git("add", f"{FILE}.dvc", "models/.gitignore")
        self.git("commit", "--quiet", "-m", f"register {number}")
        gto.api.register(str(self.folder), MODEL, "HEAD", version=f"v1.0.{number}")

    def load(self) -> Any:
        import dvc.api

        rev = tag(self.which().removeprefix("v1.0."))
        with dvc.api.open(FILE, repo=str(self.folder), rev=rev, mode="rb") as file:
            return joblib.load(file)

    def promote(self, number: int) -> None:
        import gto.api

        version = f"v1.0.{number}"
        gto.api.assign(str(self.folder), MODEL, version=version, stage="production", force=True)

    def rollback(self) -> None:
        """The version that had the stage before, from the history, gets it again."""
        events = [one for one in self.log() if one["event"] == "assignment"]
        self.promote(int(events[1]["version"].removeprefix("v1.0.")))

    def list(self) -> Any:
        import gto.api

        return gto.api.show(str(self.folder), MODEL)

    def which(self) -> Any:
        import gto.api

        (found,) = gto.api.show(str(self.folder), f"{MODEL}#production")
        return found["version"]

    def log(self) -> Any:
        import gto.api

        return gto.api.history(str(self.folder), MODEL)


if __name__ == "__main__":
    main(Dvc)
