"""What people do with a clone, step by step: histories are made of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .conftest import Found, Place

Step = Callable[[Place], object]
FREE = 'schema = "1.0"\n'  # settings without a gate


def git(*args: str) -> Step:
    return lambda place: place.git(*args)


def do(place: Place, *steps: Step) -> None:
    for step in steps:
        step(place)


def settle(text: str) -> Step:
    return lambda place: place.settle(text)


def write(name: str, text: str) -> Step:
    return lambda place: place.write(name, text)


def move(message: str, **statuses: str) -> Step:
    def step(place: Place) -> None:
        place.put(**statuses)
        place.commit(message)

    return step


def put(**statuses: str) -> Step:
    return move("move", **statuses)


def fork(name: str, start: str = "main") -> Step:
    return git("switch", "--create", name, start)


def merge(*names: str, how: tuple[str, ...] = (), by: Step | None = None) -> Step:
    """Merge as git does by itself; `by` says what else the merge makes of the work tree."""

    def step(place: Place) -> None:
        place.try_git("merge", "--quiet", "--no-ff", "--no-commit", *how, *names)
        if by is not None:
            by(place)
        if place.file(".git/MERGE_HEAD").exists():
            place.commit("merge")
        assert len(place.git("rev-parse", "HEAD^@").split()) > 1

    return step


def restored(name: str, source: str = "HEAD") -> Step:
    return git("restore", f"--source={source}", "--staged", "--worktree", "--", name)


def register(model: str = "churn", **options: object) -> Step:
    return lambda place: place.register(model, **options)


def registered(model: str = "churn", version: str = "1.3.0", **options: object) -> Step:
    """Register a version, and push it."""

    def step(place: Place) -> None:
        place.register(model, **options)
        place.push(f"{model}@v{version}")

    return step


def elsewhere(*steps: Step) -> Step:
    """Somebody else works on the branch and pushes; main is here as it was before."""

    def step(place: Place) -> None:
        base = place.git("rev-parse", "HEAD").strip()
        for each in steps:
            each(place)
        place.git("push", "--quiet", "--follow-tags", "origin", "main")
        place.git("reset", "--quiet", "--hard", base)

    return step


def has(count: int, *command: str) -> Step:
    """Make sure that the history is as it is meant: so many lines of git."""

    def step(place: Place) -> None:
        assert len(place.git(*command).split()) == count

    return step


def risk_live(version: str, **others: str) -> Step:
    def edit(held: dict) -> None:
        for name, status in {version: "production", **others}.items():
            held["models"]["risk"][name]["status"] = status

    return lambda place: (place.edit("registry.json", edit), place.commit("move"))


go_live = put(v1_2_0="production", v1_1_0="archived")
readme = write("README.md", "# Models\n")
nothing: Step = Place.commit
push: Step = Place.push
back = git("switch", "main")
pull = git("pull", "--no-rebase", "--no-edit", "origin", "main")
three_sides = has(3, "rev-parse", "HEAD^@")
two_bases = has(2, "merge-base", "--all", "HEAD^1", "HEAD^2")
by_lines = git("config", "merge.gitmodelstore.driver", "git merge-file %A %O %B")


def crossed(*steps: Step) -> list[Step]:
    """Work on a commit from before, and merge the branch into that: the first parent is ours."""
    return [fork("side", "main~1"), *steps, merge("main")]


class History(NamedTuple):
    """A history, the faults that every judge finds in it, and the tags that are pushed with it."""

    name: str
    steps: list[Step]
    faults: Iterable[tuple[str, str]] = ()
    tags: tuple[str, ...] = ()
    is_seen_later: bool = True  # where the server has not looked


def pushed(place: Place, *refs: str) -> Found:
    """What the server says to main as HEAD has it; the client says so before, and of the range."""
    found = place.by_pre_push("HEAD:main", *refs)
    if not refs:
        without_tags = [pair for pair in found if not pair[1].startswith("refs/")]
        assert place.by_range("origin/main") == without_tags
    assert place.by_pre_receive("HEAD:main", *refs) == found
    return found


def in_history(place: Place) -> Found:
    """What `validate` says of a store in which HEAD has come to be the branch all the same."""
    place.git("branch", "--force", "taken", "HEAD")
    place.git("switch", "--quiet", "--detach", "HEAD")
    place.git("branch", "--force", "main", "taken")
    return place.by_command("validate")


def judge_alike(place: Place, history: History) -> None:
    do(place, *history.steps)

    assert pushed(place, *history.tags) == sorted(history.faults)
    assert in_history(place) == (sorted(history.faults) if history.is_seen_later else [])
