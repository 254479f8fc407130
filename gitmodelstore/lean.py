"""What typing and functools have, as hooks can afford it."""

from __future__ import annotations

import functools
import sys

TYPE_CHECKING = False  # type checkers take it for true; typing's own takes 7 ms to import
if TYPE_CHECKING or sys.version_info >= (3, 12):
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801 - as functools calls it
        """As it is from Python 3.12 on: 3.11 has a lock, which a forked process may wait for."""

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.attrname] = self.func(instance)
            return value
