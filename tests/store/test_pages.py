"""What is printed of an answer is what the command prints; its repr stays on one line."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest

from gitmodelstore import Store

from .commands import gms
from .conftest import once


@pytest.fixture
@once
def churn(store: Store, fitted, refitted, X_test, y_test) -> Store:
    store.register(fitted, "churn", X_test=X_test, y_test=y_test, code=None)
    store.promote("churn@1.0.0", "production", reason="the first")
    store.register(refitted, "churn", metrics={"profit": 3.5}, code=None)
    return store


@pytest.mark.parametrize(
    ("ask", "command"),
    [
        (lambda store: store.log("churn"), ("log", "churn")),
        (lambda store: store.log()[:1], ("log", "-n", "1")),
        (
            lambda store: store.diff("churn@1.0.0", "churn@1.1.0"),
            ("diff", "churn@1.0.0", "churn@1.1.0"),
        ),
        (lambda store: store.models(), ("list",)),
        (lambda store: store.listing("churn"), ("list", "churn")),
        (lambda store: store.search("metrics.profit > 1"), ("search", "metrics.profit > 1")),
        (lambda store: store.which("churn"), ("which", "churn")),
        (lambda store: store.verify(), ("verify", "--all")),
        (
            lambda store: store.verify("churn@1.0.0", replay=True),
            ("verify", "churn@1.0.0", "--replay"),
        ),
    ],
)
def test_it_is_what_the_command_prints(churn, capsys, ask, command):
    found = ask(churn)

    assert f"{found}\n" == gms(churn, *command).stdout
    assert "\n" not in repr(found)
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_a_log_is_a_sequence(churn):
    log = churn.log("churn")

    assert isinstance(log, Sequence)
    assert log[0].kind == "registered"
    assert [event.kind for event in log[1:]] == ["promoted", "registered"]
    assert (len(log), log[-1], log[::-1][0]) == (3, log[2], log[2])
    assert log == churn.log("churn") == list(log)
    assert tuple(log) == log
    assert log[:2] != log
    assert log[0] in log
    assert list(log) == list(log)
    assert repr(log) == "<3 events>"
    with pytest.raises(IndexError):
        log[3]


def test_what_nobody_asks_for_is_not_read(churn):
    log = churn.log("churn")
    assert log
    assert log[0]
    assert list(log[:1])
    assert len(log._kept) == 1
