"""What is said of a call that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gitmodelstore.errors import StoreError


def refusal(kind: type[StoreError], call: Callable[..., Any], *args: Any) -> tuple[str, str | None]:
    """The message and the hint of the error with which a call ends."""
    with pytest.raises(kind) as caught:
        call(*args)
    return str(caught.value), caught.value.hint
