"""Answer with the credit model in production, whichever version that is.

Without an argument, it answers for three applications in this file; with the path of a CSV file,
for the rows in it.
"""

from __future__ import annotations

import sys

import pandas as pd

import gitmodelstore as gms

APPLICATIONS = pd.DataFrame(
    {
        "income": [52_000.0, 31_000.0, None],
        "age": [44.0, 26.0, 35.0],
        "loan_amount": [9_000.0, 14_500.0, 7_000.0],
        "credit_score": [720.0, None, 610.0],
        "employment_years": [11.0, 1.5, 4.0],
        "home_ownership": ["own", "rent", None],
    }
)


def main() -> None:
    """Load the model once, verified, as a service does when it starts, then predict."""
    model = gms.load_model("credit@production")  # unpickling runs code: trust the store
    rows = pd.read_csv(sys.argv[1]) if len(sys.argv) > 1 else APPLICATIONS
    risks = model.predict_proba(rows)[:, 1]
    print(f"{gms.version_of(model)} says how likely each loan is not paid back:")
    for number, risk in enumerate(risks, start=1):
        print(f"{number:>5}  {risk:.4f}")


if __name__ == "__main__":
    main()
