"""`python -m gitmodelstore.cli.asked_again STORE REF SAMPLE [TRUSTED…]`: for `gms reproduce` alone.

It asks a version the rows of a sample, in the environment that the version was trained in,
and prints what became of the answers as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gitmodelstore.errors import StoreError
from gitmodelstore.store import Store
from gitmodelstore.values.sample import Sample


def main(args: Sequence[str]) -> int:
    """Ask, and print; return the exit status."""
    from gitmodelstore.estimators.replay import replay

    store, ref, path, *trusted = args
    try:
        pipeline = Store.open(store, trusted=trusted).load(ref)
        found = replay(pipeline, Sample.parse(Path(path).read_bytes(), path))
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(found), default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
