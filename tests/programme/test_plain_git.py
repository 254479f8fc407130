"""Plain git beside us, at random: no registration is reverted, no edit lost, events are right.

What a person does with git (a branch made, committed to, and brought in; a tag looked at; a
linked work tree; edits left lying about) is a generator that rests between its commands.
Chance decides who goes on: one of these people, or a write of ours.
"""

from __future__ import annotations

import itertools
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import LocalChanges, StoreError
from gitmodelstore.operations import history
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Registry
from tests.programme import sample
from tests.store.looks import git

# Versions that were withdrawn are loaded too, which warns.
pytestmark = pytest.mark.filterwarnings("ignore::gitmodelstore.errors.WithdrawnWarning")

CHECKED_EACH = 15  # steps: what the index answers
CARD = "models/churn/README.md"
Person = Iterator[None]


class Beside:
    """A store with a work tree, people at work there, and what must be so.

    Attributes:
        statuses: version of churn to status, as our calls and merged edits have made them.
        notes: file to content, of what was committed on the branch, or brought there.
        lying: file to content, of edits that nobody has committed.
    """

    def __init__(self, place: Path, pipelines: tuple[object, ...], seed: int) -> None:
        self.place, self.pipelines = place, pipelines
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.store = Store.init(place, durable=False)
        self.store.register(pipelines[0], "churn", code=None)
        self.statuses = {"1.0.0": "registered"}
        self.notes: dict[str, str] = {}
        self.lying: dict[str, str] = {}
        self.numbers = itertools.count()
        self.counts: Counter[str] = Counter()

    # Ours

    def write(self) -> None:
        """Register, promote or withdraw; where an edit is in the way nothing may change."""
        what, version = self.chance.choice(["register", "promote", "withdraw"]), self.any_version()
        tip = self.git("rev-parse", "main")
        try:
            if what == "register":
                pipeline = self.chance.choice(self.pipelines)
                made = self.store.register(pipeline, "churn", code=None)
                self.statuses[str(made.version)] = "registered"
            elif what == "promote":
                self.store.promote(f"churn@{version}", "production", reason="again")
                for other, status in self.statuses.items():
                    if status == "production":
                        self.statuses[other] = "archived"
                self.statuses[version] = "production"
            elif self.statuses[version] != "production":
                self.store.withdraw(f"churn@{version}")
                self.statuses[version] = "withdrawn"
        except LocalChanges:
            assert self.git("rev-parse", "main") == tip
            self.counts["refused"] += 1
        else:
            self.counts[what] += 1

    def any_version(self) -> str:
        return self.chance.choice(sorted(self.statuses))

    # People's

    def git(self, *args: str) -> str:
        return git(self.place, *args).strip()

    def tries(self, *args: str) -> bool:
        """Run a git that may conflict."""
        return subprocess.run(["git", *args], cwd=self.place, capture_output=True).returncode == 0

    def note(self, folder: Path) -> tuple[str, str]:
        """Write a new file and commit it where `folder` is; it is not on the branch by that."""
        name = f".github/note-{next(self.numbers)}.md"
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"said in {name}\n")
        git(folder, "add", name)
        git(folder, "commit", "--quiet", "--message", f"add {name}")
        return name, f"said in {name}\n"

    def commits_all(self) -> Person:
        """`commit -a` of a file of one's own, right beside our writes."""
        if not self.lying and self.on_main():
            name, text = self.note(self.place)
            self.notes[name] = text
            yield
            if not self.lying and self.on_main():
                (self.place / name).write_text(f"{text}more\n")
                self.git("commit", "--quiet", "--all", "--message", f"more of {name}")
                self.notes[name] = f"{text}more\n"

    def branches(self) -> Person:
        """A branch with a note, perhaps a status set by hand, brought in in one of four ways."""
        if self.lying or not self.on_main():
            return
        side, way = f"side-{next(self.numbers)}", self.chance.choice(WAYS)
        start = self.git("rev-parse", "main")
        self.git("switch", "--quiet", "--create", side)
        name, text = self.note(self.place)
        version = self.any_version() if self.chance.random() < 0.5 else None
        if version and self.statuses[version] != "staging":
            path = self.place / "registry.json"
            registry = Registry.parse(path.read_bytes())
            path.write_bytes(
                registry.with_status("churn", Version.parse(version), "staging").render()
            )
            self.git("commit", "--quiet", "--all", "--message", "by hand")
        else:
            version = None  # the side says nothing of it, whatever the branch does meanwhile
        yield
        self.git("switch", "--quiet", "main")
        yield
        if self.lying or not self.on_main() or not self.is_on_main(start):
            return  # it is never brought in
        if self.bring(side, way):
            self.notes[name] = text
            self.statuses |= {version: "staging"} if version else {}
            self.counts[way] += 1
        else:
            self.counts["conflicts"] += 1

    def bring(self, side: str, way: str) -> bool:
        """Bring a branch in; a conflict is given up, as if it had never been tried."""
        if way == "merge":
            done = self.tries("merge", "--quiet", "--no-edit", "--no-ff", side)
            undo = ("merge", "--abort")
        elif way == "squash":
            done = self.tries("merge", "--quiet", "--squash", side)
            if done:
                self.git("commit", "--quiet", "--allow-empty", "--message", f"squash {side}")
            undo = ("reset", "--quiet", "--merge")
        elif way == "rebase of the side":
            done = self.tries("rebase", "--quiet", "main", side)
            if done:
                self.git("switch", "--quiet", "main")
                self.git("merge", "--quiet", "--ff-only", side)
            undo = ("rebase", "--abort")
        else:
            done = self.tries("rebase", "--quiet", side, "main")
            undo = ("rebase", "--abort")
        if not done:
            self.tries(*undo)
        if not self.on_main():
            self.git("switch", "--quiet", "main")
        return done

    def looks_at_a_tag(self) -> Person:
        if not self.lying and self.on_main():
            self.git("checkout", "--quiet", f"churn@v{self.any_version()}")
            self.counts["tags looked at"] += 1
            yield
            self.git("switch", "--quiet", "main")

    def links_a_work_tree(self) -> Person:
        """Works on a branch in a linked work tree, and merges it from there, or forgets it."""
        folder = self.place.parent / f"linked-{next(self.numbers)}"
        start = self.git("rev-parse", "main")
        self.git("worktree", "add", "--quiet", "-b", folder.name, str(folder), "main")
        yield
        name, text = self.note(folder)
        yield
        is_free = not self.lying and self.on_main() and self.is_on_main(start)
        if is_free and self.bring(folder.name, "merge"):
            self.notes[name] = text
            self.counts["linked work trees"] += 1
        yield
        self.git("worktree", "remove", "--force", str(folder))

    def leaves_edits_about(self) -> Person:
        """Edits a file of the model, which is in the way of a registration, or an own one."""
        if self.lying or not self.on_main():
            return
        name = self.chance.choice([CARD, "README.md"])
        text = f"mine {next(self.numbers)}\n"
        before = (self.place / name).read_bytes() if (self.place / name).exists() else None
        (self.place / name).write_text(text)
        if self.chance.random() < 0.3:
            self.git("add", name)
        self.lying[name] = text
        self.counts["edits"] += 1
        for _ in range(self.chance.randrange(1, 4)):
            yield
        assert (self.place / name).read_text() == text
        del self.lying[name]
        if before is None:
            self.git("add", name)
            self.git("commit", "--quiet", "--message", "keep my edit", "--", name)
            self.notes[name] = text
        else:
            self.git("restore", "--staged", "--worktree", "--", name)
            assert name in (CARD, "README.md", *self.notes)

    def on_main(self) -> bool:
        return self.git("rev-parse", "--abbrev-ref", "HEAD") == "main"

    def is_on_main(self, start: str) -> bool:
        """Whether nobody rebased the branch since: what started before brings old moves again."""
        return self.tries("merge-base", "--is-ancestor", start, "main")

    # What must be so

    def check(self) -> None:
        store = Store.open(self.place)
        held = {str(found.version): found.status for found in store.versions("churn")}
        assert held == self.statuses
        for name, text in self.notes.items():
            assert git(self.place, "show", f"main:{name}") == text
        for name, text in self.lying.items():
            assert (self.place / name).read_text() == text
        replayed: dict[str, str | None] = {}
        for event in reversed(list(store.log())):
            assert replayed.get(str(event.version)) == event.before
            replayed[str(event.version)] = event.after
        assert replayed == self.statuses
        if not self.lying:
            assert self.git("status", "--porcelain", "--untracked-files=all") == ""

    def check_answers(self) -> None:
        """The index, which is brought up to date here, answers as the history does."""
        indexed, plain = (Store.open(self.place, cache=cache) for cache in (True, False))
        for question, answer in QUESTIONS.items():
            assert answer(indexed) == answer(plain), question
            self.counts["answers"] += 1

    def check_at_the_end(self, rows: object) -> None:
        assert self.git("fsck", "--strict", "--no-dangling") == ""
        store = Store.open(self.place)
        assert [str(fault) for found in store.verify().versions for fault in found.faults] == []
        for version in list(self.statuses)[-5:]:
            assert len(store.load(f"churn@{version}").predict(rows)) == len(rows)


def dates(store: Store) -> list[datetime]:
    return [event.when for event in store.log()]


def fails(question: Callable[[], object]) -> object:
    """Return the answer, or how there is none."""
    try:
        return question()
    except StoreError as error:
        return str(error)


QUESTIONS: dict[str, Callable[[Store], object]] = {
    "log": lambda store: list(store.log()),
    "log MODEL": lambda store: list(store.log("churn")),
    "list": lambda store: list(store.models()),
    "list MODEL": lambda store: list(store.listing("churn")),
    "versions": lambda store: list(store.versions("churn")),
    "which": lambda store: fails(lambda: store.which("churn@production")),
    "which --at": lambda store: [
        fails(lambda when=when: store.which("churn@production", at=when))  # type: ignore[misc]
        for when in dates(store)[::5]
    ],
    "show": lambda store: [
        (store.registered_at(one), store.show(one)) for one in store.versions("churn")[-3:]
    ],
    "search": lambda store: list(store.search("status == 'registered' or version > 1.1.0")),
    "blame": lambda store: store.blame("pipeline.algorithm", "churn"),
    "frame": lambda store: store.frame().to_csv(),
    "diff": lambda store: str(store.diff("churn@1.0.0", store.versions("churn")[0])),
}

WAYS = ("merge", "squash", "rebase of the side", "rebase of the branch")
PEOPLE: tuple[Callable[[Beside], Person], ...] = (
    Beside.commits_all,
    Beside.branches,
    Beside.branches,
    Beside.looks_at_a_tag,
    Beside.links_a_work_tree,
    Beside.leaves_edits_about,
)


@sample(times=(1, 2), steps=(80, 300))
def test_chance_decides_who_goes_on(
    tmp_path, fitted, refitted, X_test, tell, seed, times, steps, monkeypatch
):
    monkeypatch.setattr(history, "_WORTH_AN_INDEX", 3)
    for number in range(times):
        beside = Beside(tmp_path / f"store-{number}", (fitted, refitted), seed + number)
        interleave(beside, seed + number, steps=steps)
        tell(**beside.counts)
        beside.check_at_the_end(X_test)
        assert beside.counts["register"] > 1
        assert sum(beside.counts[way] for way in WAYS) > 0


def interleave(beside: Beside, seed: int, *, steps: int) -> None:
    """Let two people at most go on, and ours."""
    at_work: list[Person] = []
    for number in range(steps):
        move = beside.chance.random()
        if move < 0.4:
            beside.write()
        elif len(at_work) < 2 and move < 0.7:
            at_work.append(beside.chance.choice(PEOPLE)(beside))
        elif at_work:
            person = beside.chance.choice(at_work)
            try:
                next(person)
            except StopIteration:
                at_work.remove(person)
        try:
            beside.check()
            if number % CHECKED_EACH == 0:
                beside.check_answers()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, step {number}") from error
    for person in at_work:
        for _ in person:
            beside.check()
