"""`python -m gitmodelstore`: the command `gms`, where its script is not on the path."""

from gitmodelstore.cli.main import run

run()
