"""Who writes into the store, when, and how carefully: what every writing operation is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gitmodelstore.plumbing.identity import Identity


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, when, and how carefully.

    Attributes:
        author, committer: as git knows them.
        when: the moment that the commit will bear.
        notify: takes what the caller should be told besides the result.
        durable: whether to return only when it is on disk.
        wait_seconds: how long to wait for another writer.
    """

    author: Identity
    committer: Identity
    when: datetime
    notify: Callable[[str], None]
    durable: bool = True
    wait_seconds: float = 30.0
