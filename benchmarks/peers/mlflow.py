"""MLflow with a sqlite file: told everything, so that it needs to find nothing out itself."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from benchmarks.peers.worker import MODEL, System, main

os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", GIT_PYTHON_REFRESH="quiet")

import mlflow
import mlflow.sklearn


class MLflow(System):
    cannot: ClassVar[dict[str, str]] = {
        "log": "the registry keeps no history of aliases",
        "rollback": "the registry does not know which version an alias had before",
        "pack": "artifacts stay as they are",
    }

    def __init__(self, folder: Any) -> None:
        super().__init__(folder)
        self.client = self.chosen()

    def chosen(self) -> Any:
        """Let this folder be the one that mlflow uses in this process, and return its client."""
        mlflow.set_tracking_uri(f"sqlite:///{self.folder}/mlflow.db")
        mlflow.set_registry_uri(f"sqlite:///{self.folder}/mlflow.db")
        return mlflow.MlflowClient()

    def create(self) -> None:
        self.folder.mkdir(exist_ok=True)
        artifacts = (self.folder / "artifacts").as_uri()
        self.client.create_experiment("training", artifact_location=artifacts)

    def register(self, pipeline: Any, number: int, rows: Any = None) -> None:
        """A signature and an input example need rows; the rest is always told."""
        example: dict[str, Any] = {}
        if rows is not None:
            signature = mlflow.models.infer_signature(rows[0], pipeline.predict(rows[0]))
            example = {"signature": signature, "input_example": rows[0]}
        mlflow.set_experiment("training")
        with mlflow.start_run():
            mlflow.log_params({name: str(value)[:250] for name, value in _params(pipeline)})
            mlflow.log_metric("auc", 0.9)
            info = mlflow.sklearn.log_model(
                pipeline,
                name="model",
                registered_model_name=MODEL,
                serialization_format="cloudpickle",
                pip_requirements=["scikit-learn"],
                **example,
            )
        self.client.set_model_version_tag(MODEL, info.registered_model_version, "why", "retrained")

    def load(self) -> Any:
        self.chosen()
        return mlflow.sklearn.load_model(f"models:/{MODEL}@production")

    def promote(self, number: int) -> None:
        self.client.set_registered_model_alias(MODEL, "production", str(number))

    def list(self) -> Any:
        found, token = [], None
        while True:
            page = self.client.search_model_versions(f"name='{MODEL}'", page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def which(self) -> Any:
        return self.client.get_model_version_by_alias(MODEL, "production").version


def _params(pipeline: Any) -> Any:
    return pipeline.get_params(deep=True).items()


if __name__ == "__main__":
    main(MLflow)
