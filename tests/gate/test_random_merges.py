"""What git merges by itself is sound, however branches cross: histories made by chance."""

from __future__ import annotations

import os
import random

import pytest

from tests.conftest import SEED

from .conftest import Place

STATUSES = ("registered", "staging", "archived")  # that many versions may have


class Branches:
    """Some branches of a store on which people move versions, and which they merge.

    Args:
        place: the clone in which they work.
        seed: of what chance decides.
    """

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.chance = place, random.Random(seed)  # noqa: S311 - no secret
        self.names = ["main", "one", "two"]
        self.merges = 0
        place.git("config", "merge.gitmodelstore.driver", "git merge-file %A %O %B")
        for name in self.names[1:]:
            place.git("branch", name)

    def step(self) -> None:
        """Move a version on a branch, or merge one or two others into it."""
        here, *others = self.chance.sample(self.names, 3)
        self.place.git("switch", "--quiet", here)
        if self.chance.random() < 0.5:
            self.move()
        else:
            self.merge(*others[: self.chance.choice((1, 1, 2))])

    def move(self) -> None:
        def edit(held: dict) -> None:
            version = self.chance.choice(("1.2.0", "1.0.0"))
            held["models"]["churn"][version]["status"] = self.chance.choice(STATUSES)

        self.place.edit("registry.json", edit)
        self.place.commit("move")

    def merge(self, *names: str) -> None:
        """Merge as git does; a conflict is given up."""
        command = ("-c", "core.hooksPath=/dev/null", "merge", "--quiet", "--no-ff", "--no-edit")
        if len(names) > 1 and self.crossed(*names):
            return
        if self.place.try_git(*command, *names).returncode == 0:
            self.merges += 1
        else:
            self.place.git("reset", "--quiet", "--hard")

    def crossed(self, one: str, other: str) -> bool:
        """Whether git would take the first of several common ancestors, and may lose a change.

        Of two sides it merges those ancestors first, of three it does not.
        """
        asked = (("HEAD", one), (other, "HEAD", one))
        return any(len(self.place.git("merge-base", "--all", *q).split()) > 1 for q in asked)


def check(place: Place, number: int, steps: int) -> None:
    seed = int(os.environ[SEED]) + number
    print(f"seed {seed}")
    branches = Branches(place, seed)
    for _ in range(steps):
        branches.step()
    place.git("switch", "--quiet", "main")
    for name in branches.names[1:]:
        branches.merge(name)

    assert branches.merges > 0
    assert place.by_command("validate") == []
    assert place.by_pre_receive("main") == []


def test_twenty_steps(place: Place) -> None:
    check(place, 0, 20)


@pytest.mark.long
@pytest.mark.parametrize("number", range(1, 25))
def test_a_hundred_steps(place: Place, number: int) -> None:
    check(place, number, 100)
