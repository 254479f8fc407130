"""Train the credit model: how likely is a loan not to be paid back?

Run it in the folder that contains data/.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer

import gitmodelstore as gms

TRAIN, TEST = "data/loans-v1.csv", "data/test-v1.csv"
NUMERIC = ["income", "age", "loan_amount", "credit_score"]
CATEGORICAL = ["home_ownership"]
TARGET = "default"
PARAMS = {"n_estimators": 50, "max_depth": 3}
CARD = {
    "intended_use": "Rank loan applications for review by a person.",
    "limitations": "Trained on simulated loans.",
}


def read(path: str) -> tuple[pd.DataFrame, pd.Series[int]]:
    """Return the features and the outcome of the loans in a CSV file."""
    table = pd.read_csv(path)
    return table[NUMERIC + CATEGORICAL], table[TARGET]


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    numeric = make_pipeline(SimpleImputer(strategy="median"), PowerTransformer())
    categorical = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer(
        [("numeric", numeric, NUMERIC), ("categorical", categorical, CATEGORICAL)]
    )
    return make_pipeline(columns, GradientBoostingClassifier(**PARAMS, random_state=0))


def auc(pipeline: Any, path: str) -> float:
    """Return the area under the ROC curve on the loans in a CSV file."""
    X, y = read(path)
    return float(roc_auc_score(y, pipeline.predict_proba(X)[:, 1]))


def fit(train: str, test: str) -> tuple[Pipeline, dict[str, float]]:
    """Return the fitted pipeline and its metrics: cross-validated, and on the test rows."""
    X, y = read(train)
    scores = cross_val_score(build(), X, y, cv=5, scoring="roc_auc")
    pipeline = build().fit(X, y)
    return pipeline, {
        "cv_auc": float(scores.mean()),
        "cv_auc_std": float(scores.std()),
        "test_auc": auc(pipeline, test),
    }


def main() -> None:
    """Train, and register the result as a new version of the model `credit`."""
    pipeline, metrics = fit(TRAIN, TEST)
    X_test, y_test = read(TEST)
    data = {"train": TRAIN, "test": TEST}
    version = gms.register_model(
        pipeline,
        "credit",
        X_test=X_test,
        y_test=y_test,
        data=data,
        metrics=metrics,
        card=CARD,
        if_changed=True,
    )
    print(version, {name: round(value, 4) for name, value in metrics.items()})


if __name__ == "__main__":
    main()
