#!/usr/bin/env python3
"""The hook gitmodelstore-lock, for the pre-commit framework: docs/ml-repositories.md."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whatever python3 the machine has runs this
    found = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    sys.exit("error: gitmodelstore's hooks need Python 3.11 or newer, python3 is " + found)

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gitmodelstore.cli import ml_hooks

ml_hooks.run(ml_hooks.lock)
