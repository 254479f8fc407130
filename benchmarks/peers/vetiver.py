"""vetiver on a folder of pins."""

from __future__ import annotations

from typing import Any, ClassVar

from benchmarks.peers.worker import MODEL, System, main


class Vetiver(System):
    cannot: ClassVar[dict[str, str]] = {
        "promote": "pins have no stages",
        "rollback": "pins have no stages",
        "which": "pins have no stages",
        "log": "pins keep no events",
        "pack": "pins stay as they are",
    }

    @property
    def board(self) -> Any:
        import pins

        return pins.board_folder(str(self.folder), allow_pickle_read=True)

    def create(self) -> None:
        self.folder.mkdir()

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        import vetiver

        prototype = None if rows is None else rows[0]
        model = vetiver.VetiverModel(
            pipeline, MODEL, prototype_data=prototype, metadata={"auc": 0.9}
        )
        vetiver.vetiver_pin_write(self.board, model)

    def load(self) -> Any:
        import vetiver

        return vetiver.VetiverModel.from_pin(self.board, MODEL).model

    def list(self) -> Any:
        return self.board.pin_versions(MODEL)


if __name__ == "__main__":
    main(Vetiver)
