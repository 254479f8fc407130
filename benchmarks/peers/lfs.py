"""git-lfs: as plain git, with the pipeline in its folder and a pointer in the commit."""

from __future__ import annotations

import io
import subprocess
from typing import Any, ClassVar

import joblib

from benchmarks.peers.git import FILE, Git, tag
from benchmarks.peers.worker import main


class Lfs(Git):
    cannot: ClassVar[dict[str, str]] = {"fill": "it asks as plain git does"}

    def create(self) -> None:
        super().create()
        self.git("lfs", "install", "--local")
        self.git("lfs", "track", "*.joblib")
        self.git("add", ".gitattributes")
        self.git("commit", "--quiet", "-m", "track")

    def load(self) -> Any:
        pointer = self.git("cat-file", "blob", f"{tag(self.which())}:{FILE}")
        command = ["git", "lfs", "smudge"]
        done = subprocess.run(
            command, input=pointer, cwd=self.folder, check=True, capture_output=True
        )
        return joblib.load(io.BytesIO(done.stdout))


if __name__ == "__main__":
    main(Lfs)
