"""What a gate asks of a card that lacks it is said when a version is registered."""

from __future__ import annotations

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import GateNotPassed

from .looks import commit_by_hand

INTENDED = "register it again with card={'intended_use': '…'} (`gms register --intended-use TEXT`)"
CARD = "register it again with card={'…': '…'} (`gms register --card FILE`)"
ASKED = """\
schema = "1.0"

[gates.staging]
require = ["card.intended_use", "message"]

[gates.production]
require = ["card.intended_use", "card.Fairness", "data"]
"""


@pytest.fixture
def asking(store, notes) -> Store:
    """A store whose gates ask for parts of the card."""
    commit_by_hand(store.path, "modelstore.toml", ASKED)
    return Store.open(store.path, durable=False, notify=notes.append)


def gates_in(notes: list[str]) -> list[str]:
    return [note for note in notes if note.startswith("the gate")]


def test_each_part_that_lacks_is_said_with_what_to_type(asking, notes, fitted):
    asking.register(fitted, "churn", code=None, card={"intended_use": "  "})

    assert gates_in(notes) == [
        f"the gates of staging and production ask for card.intended_use, which churn 1.0.0 "
        f"lacks: {INTENDED}",
        f"the gate of production asks for card.Fairness, which churn 1.0.0 lacks: {CARD}",
    ]


def test_a_card_that_has_them_is_silent(asking, notes, fitted):
    card = {"intended_use": "rank", "Fairness": "measured by age"}
    asking.register(fitted, "churn", code=None, card=card)

    assert gates_in(notes) == []


def test_a_folder_is_told_the_same(asking, notes, fitted, tmp_path):
    card = {"intended_use": "rank"}
    folder = asking.download(asking.register(fitted, "churn", code=None, card=card), tmp_path / "f")
    notes.clear()

    asking.register_folder(folder, "other")

    assert gates_in(notes) == [
        f"the gate of production asks for card.Fairness, which other 1.0.0 lacks: {CARD}"
    ]


def test_without_gates_nothing_is_said(store, notes, fitted):
    Store.open(store.path, durable=False, notify=notes.append).register(fitted, "churn", code=None)

    assert gates_in(notes) == []


def test_the_promotion_is_refused_with_the_same_words(asking, fitted):
    asking.register(fitted, "churn", code=None, message="first")

    with pytest.raises(GateNotPassed) as caught:
        asking.promote("churn@1.0.0", "staging")

    assert caught.value.hint.startswith(INTENDED)
