"""Write the simulated loans of the examples into data/: who applied, and who did not pay back.

Run it in the folder of the project.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20
LOANS = 6500
_HOMES = ("mortgage", "own", "rent")
_HOME_SHARES = (0.4, 0.15, 0.45)
_MISSING_SHARES = {
    "income": 0.03,
    "age": 0.02,
    "loan_amount": 0.01,
    "credit_score": 0.15,
    "employment_years": 0.04,
    "home_ownership": 0.06,
}
_BASE_RATE = -2.1  # log-odds of a default for an average applicant; about one loan in five

# file name -> first row, row after the last, whether it has today's credit scores
FILES = {
    "loans-v1.csv": (0, 2000, False),
    "loans-v2.csv": (0, 3000, False),
    "loans-v3.csv": (0, 3500, True),
    "test-v1.csv": (3500, 5000, False),
    "test-v2.csv": (3500, 5000, True),
    "fresh.csv": (5000, 6500, False),
}


def write_loans(folder: Path) -> None:
    """Write `FILES` as CSV into a folder, which is created if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    at_application = simulate(LOANS)
    of_today = simulate(LOANS, scores_of_today=True)
    for name, (first, end, is_late) in FILES.items():
        rows = (of_today if is_late else at_application).iloc[first:end]
        rows.to_csv(folder / name, index=False, lineterminator="\n")


def simulate(rows: int, *, seed: int = SEED, scores_of_today: bool = False) -> pd.DataFrame:
    """Return loans with their outcome in the column `default` (1: not paid back).

    Args:
        rows: the number of loans.
        seed: the seed of the generator.
        scores_of_today: leak the outcome. The credit score is today's, which knows how
            the loan ended, and not the one at the time of the application; the other
            columns are the same.

    Returns:
        Columns income (a year), age (years), loan_amount, credit_score (300 to 850),
        employment_years, home_ownership and default; values are missing at random,
        but never in the outcome.
    """
    draw = np.random.default_rng(seed)
    table = _applicants(draw, rows)
    table["default"] = (draw.random(rows) < 1 / (1 + np.exp(-_log_odds(table)))).astype(int)
    holes = {name: draw.random(rows) < share for name, share in _MISSING_SHARES.items()}
    if scores_of_today:
        fall = np.where(table["default"] == 1, draw.normal(150, 50, rows), 0)
        table["credit_score"] = (table["credit_score"] - fall).clip(300, 850).round()
    for name, is_missing in holes.items():
        table[name] = table[name].mask(is_missing)
    return table


def _applicants(draw: np.random.Generator, rows: int) -> pd.DataFrame:
    age = draw.gamma(6, 4, rows) + 19
    income = draw.lognormal(10.7, 0.45, rows)
    return pd.DataFrame(
        {
            "income": income.round(-2),
            "age": age.clip(19, 80).round(),
            "loan_amount": (income * draw.beta(2, 5, rows)).clip(1000).round(-2),
            "credit_score": draw.normal(665, 75, rows).clip(300, 850).round(),
            "employment_years": (draw.beta(1.2, 4, rows) * (age - 18)).round(1),
            "home_ownership": draw.choice(_HOMES, rows, p=_HOME_SHARES),
        }
    )


def _log_odds(table: pd.DataFrame) -> pd.Series[float]:
    """Return the log-odds of a default for each loan, from the facts at its application."""
    home = table["home_ownership"].map({"mortgage": -0.2, "own": -0.5, "rent": 0.4})
    return (
        _BASE_RATE
        + 6.0 * (table["loan_amount"] / table["income"] - 0.28)
        - (table["credit_score"] - 665) / 75
        - 0.03 * (table["age"] - 42)
        - 0.2 * (table["employment_years"] - 5).clip(upper=10)
        + home
    )


if __name__ == "__main__":
    write_loans(Path("data"))
    print("wrote", ", ".join(f"data/{name}" for name in FILES))
