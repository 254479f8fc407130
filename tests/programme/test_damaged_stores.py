"""The doctor before every kind of damage: it names what is wrong, and never makes it worse.

Without --fix it writes nothing. With it, no version is lost that some object still holds, no
file of a work tree is touched, and what is wrong afterwards is named. Each run is a process of
its own with a clock, so that a crash or a hang counts too.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gitmodelstore import Store
from gitmodelstore.cli.main import main
from gitmodelstore.plumbing import git_dir
from tests.store import children
from tests.store.looks import image, use_lfs

from .damages import ALL, git

SINGLES, PAIRS = 5, 3  # by default; with `-m long` every single one, and as many pairs as make 335
ALL_IN_ALL = 335
PARTS = 4  # in which they are tried, a minute each


@pytest.fixture
def template(tmp_path: Path, fitted, refitted) -> Path:
    """A store with a work tree: two models, a promotion, a pipeline that is a Git LFS object."""
    place = tmp_path / "template"
    store = Store.init(place, durable=False)
    git_dir.install(store._repository)
    store.register(fitted, "churn", code=None)
    store.register(refitted, "churn", code=None)
    store.promote("churn@1.0.0", "production")
    store.register(fitted, "risk", code=None)
    use_lfs(place)
    store.register(fitted, "large", code=None)
    assert Store.open(place).verify().is_sound
    return place


def changed(place: Path, before: dict[str, Any]) -> list[str]:
    """Return what differs now, but for objects that a reader gave back, as after a prune."""
    now = image(place)
    differing = (name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
    return [
        name
        for name in differing
        if not (name.startswith(".git/objects") and (name not in before or (place / name).is_dir()))
    ]


def doctor(place: Path, *args: str) -> tuple[int, str]:
    """Return the exit code of `gms --json doctor`, and what it printed."""
    reading, writing = os.pipe()

    def work() -> None:
        for number in (1, 2):
            os.dup2(writing, number)
        sys.stdout = sys.stderr = os.fdopen(1, "w", errors="backslashreplace", closefd=False)
        signal.alarm(120)
        os.chdir("/")
        code = main(["-q", "--json", "-C", str(place), "doctor", *args])
        sys.stdout.flush()
        os._exit(code)

    child = children.start(work)
    os.close(writing)
    with open(reading, errors="replace") as said:
        text = said.read()
    return children.wait(child), text


def told(code: int, text: str) -> dict[str, Any]:
    """Return the document, of which there is one; an error only where it can do nothing."""
    assert "Traceback" not in text
    assert "has a fault" not in text
    assert code in (0, 1, 128), text
    if text.startswith("error: "):
        assert code == 128
        assert "\nhint: " in text
        return {"faults": [], "unexamined": [text], "repaired": []}
    document: dict[str, Any] = json.loads(text[text.index("{") :])
    faults, unexamined = document["faults"], document["unexamined"]
    assert code == (1 if faults else 128 if unexamined else 0)
    assert document["sound"] == (code == 0)
    assert all(fault["hint"] and "tag -d" not in fault["hint"] for fault in faults)
    return document


def kept(folder: Path) -> dict[str, str]:
    """Return what may not get less: the objects in files of their own, and packs."""
    paths = [*folder.glob("objects/[0-9a-f][0-9a-f]/*"), *folder.glob("objects/pack/*.pack")]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }


def versions(place: Path) -> dict[str, str]:
    """Return the commit on which each tag of a version stands, as far as git can say."""
    listed = git(place, "for-each-ref", "--format=%(refname:strip=2) %(*objectname)", "refs/tags")
    pairs = (line.partition(" ") for line in listed.splitlines())
    return {name: commit for name, _, commit in pairs if commit}


def treat(template: Path, place: Path, names: tuple[str, ...]) -> str:
    """Damage a copy, let the doctor look, then repair it; return what came of it."""
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.mkdir()
    shutil.copytree(template, place, symlinks=True)
    git(place, "update-index", "-q", "--refresh")
    folder, before = place / ".git", versions(place)
    for name in names:
        ALL[name](folder)
    (place / "notes.txt").write_text("mine")
    (place / "models/churn/README.md").write_text("# mine\n")
    held, stood = kept(folder), versions(place)
    damaged = image(place)

    found = told(*doctor(place))
    assert changed(place, damaged) == []

    fixed = told(*doctor(place, "--fix"))
    # What the first look could not see may hold faults of its own.
    assert found["unexamined"] or len(fixed["faults"]) <= len(found["faults"])
    assert kept(folder).items() >= held.items()
    assert (place / "notes.txt").read_text() == "mine"
    assert (place / "models/churn/README.md").read_text() == "# mine\n"
    assert versions(place).items() >= (stood.items() & before.items())
    again = told(*doctor(place, "--fix"))
    assert (again["repaired"], again["faults"]) == ([], fixed["faults"])
    if fixed["faults"] or fixed["unexamined"]:
        return "named"
    assert versions(place).items() >= before.items()
    assert all(not one.faults for one in Store.open(place).verify().versions)
    return "repaired" if fixed["repaired"] else "no damage" if not found["faults"] else "mended"


def programme(template: Path, tell, seed: int, cases: list[tuple[str, ...]]) -> None:
    counts: Counter[str] = Counter()
    for names in cases:
        try:
            counts[treat(template, template.parent / "here/store", names)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}: {' and '.join(names)}")
            raise
    tell(damages=len(cases), **{name.replace(" ", "_"): number for name, number in counts.items()})


def pairs(chance: random.Random, number: int) -> list[tuple[str, ...]]:
    return [tuple(chance.sample(sorted(ALL), 2)) for _ in range(number)]


@pytest.mark.parametrize(
    "names",
    [
        ("branch: a folder", "log: a folder"),  # what was hidden by the other is mended too
        ("branch forced back", "HEAD on a missing branch"),
        ("log: half", "refs gone"),  # only tag objects know of the last versions
        ("tags gone", "reset"),
        ("packed-refs: half", "log: half"),
    ],
    ids=" and ".join,
)
def test_one_repair_is_enough(template, names):
    assert treat(template, template.parent / "here/store", names) == "repaired"


def test_a_few_damages(template, tell, seed):
    chance = random.Random(seed)  # noqa: S311 - to be had again
    singles = [(name,) for name in chance.sample(sorted(ALL), SINGLES)]
    programme(template, tell, seed, [*singles, *pairs(chance, PAIRS)])


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_three_hundred_and_thirty_five_damages_in_all(template, tell, seed, part):
    chance = random.Random(seed)  # noqa: S311 - to be had again
    singles = [(name,) for name in sorted(ALL)]
    cases = [*singles, *pairs(chance, ALL_IN_ALL - len(singles))]
    programme(template, tell, seed, cases[part::PARTS])
