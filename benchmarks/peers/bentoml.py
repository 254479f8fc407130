"""BentoML's model store, in a folder of its own."""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

os.environ.update(BENTOML_HOME=sys.argv[1], BENTOML_DO_NOT_TRACK="True")

from benchmarks.peers.worker import MODEL, System, main


class BentoML(System):
    commands: ClassVar[dict[str, list[str]]] = {
        "list": ["env", "BENTOML_HOME={folder}", "bentoml", "models", "list", MODEL]
    }
    cannot: ClassVar[dict[str, str]] = {
        "promote": "the model store has no stages",
        "rollback": "the model store has no stages",
        "which": "the model store has no stages",
        "log": "the model store keeps no events",
        "pack": "models stay as they are",
    }

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        import bentoml

        bentoml.sklearn.save_model(
            f"{MODEL}:{number}", pipeline, metadata={"auc": 0.9}, labels={"why": "retrained"}
        )

    def load(self) -> Any:
        """From this folder, which need not be the home that the process began with."""
        import bentoml
        from bentoml._internal.models.model import ModelStore

        store = ModelStore(self.folder / "models")
        return bentoml.sklearn.load_model(bentoml.models.get(f"{MODEL}:latest", _model_store=store))

    def list(self) -> Any:
        import bentoml

        return bentoml.models.list(MODEL)


if __name__ == "__main__":
    main(BentoML)
