"""Most tests here run where the packages are: `test_environment.py` makes such a place."""

from __future__ import annotations

from importlib.util import find_spec

from gitmodelstore.pickles.rights import packages

MISSING = sorted(package for package in packages() if find_spec(package) is None)

collect_ignore = ["test_native.py", "test_zoo.py"] if MISSING else []
