"""`python -m gitmodelstore`: the command `gms`, where its script is not on the path."""

from gitmodelstore.cli.main import run

if __name__ == "__main__":  # a fork beside a thread imports every module first
    run()
