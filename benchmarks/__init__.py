"""How fast it is, beside others: `python -m benchmarks --help`, and README.md."""
