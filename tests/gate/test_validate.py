"""What a push may not do to the refs of a shared store."""

from __future__ import annotations

import pytest

from .conftest import Place
from .corpus import new_version
from .steps import Step, do, git, nothing, register

TAG, FIRST = "refs/tags/churn@v1.3.0", "refs/tags/churn@v1.0.0"
BY_HAND = [new_version(), nothing]
ANOTHER = f"churn 1.3.0\n\nManifest-SHA256: {'0' * 64}"
UNTRUE = "Event: promoted\nModel: churn\nVersion: 1.0.0\nFrom: registered\nTo: production"


def tag(name: str, *target: str, message: str = "x") -> Step:
    return git("tag", "--force", "-a", "-m", message, name, *target)


# What is done, what is pushed, and the fault that both hooks find.
REFUSED: dict[str, tuple[list[Step], str, tuple[str, str]]] = {
    "a version without its tag": ([register()], "main", ("GMS050", TAG)),
    "a tag without its branch": ([register()], "churn@v1.3.0", ("GMS052", TAG)),
    "a tag that is moved": ([tag("churn@v1.0.0", "main")], "churn@v1.0.0", ("GMS053", FIRST)),
    "a tag that is deleted": ([], f":{FIRST}", ("GMS053", FIRST)),
    "a branch that is deleted": ([], ":refs/heads/main", ("GMS036", "refs/heads/main")),
    "a branch that is rewound": (
        [git("reset", "--quiet", "--hard", "HEAD~1")],
        "main",
        ("GMS036", "refs/heads/main"),
    ),
    **{
        f"a tag of another name, {name}": ([tag(name)], name, ("GMS055", f"refs/tags/{name}"))
        for name in ("v1.0", "churn@1.0.0", "Churn@v1.0.0", "x/y@v1.0.0")
    },
    "refs of another kind": ([], "main:refs/notes/commits", ("GMS055", "refs/notes/commits")),
    "a tag that is not annotated": (
        [*BY_HAND, git("tag", "churn@v1.3.0")],
        "main churn@v1.3.0",
        ("GMS051", TAG),
    ),
    "a tag object of another version under that name": (
        [*BY_HAND, git("update-ref", TAG, FIRST)],
        "main churn@v1.3.0",
        ("GMS051", TAG),
    ),
    "a tag on another commit": (
        [*BY_HAND, tag("churn@v1.3.0", "HEAD~1")],
        "main churn@v1.3.0",
        ("GMS052", TAG),
    ),
    "a tag that names another manifest": (
        [*BY_HAND, tag("churn@v1.3.0", message=ANOTHER)],
        "main churn@v1.3.0",
        ("GMS054", TAG),
    ),
    "trailers that tell of what did not happen": (
        [lambda place: place.commit(f"promote churn\n\n{UNTRUE}")],
        "main",
        ("GMS037", ""),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_both_hooks_refuse(place: Place, name: str) -> None:
    steps, refs, fault = REFUSED[name]
    do(place, *steps)

    assert place.by_pre_push("--force", *refs.split()) == [fault]
    assert place.by_pre_receive(*refs.split()) == [fault]


def test_more_commits_than_the_server_takes(place: Place) -> None:
    place.git("-C", str(place.shared), "config", "modelstore.maxCommits", "2")
    for number in range(3):
        place.commit(f"nothing {number}")

    assert place.by_pre_receive("main") == [("GMS005", "")]


def test_a_larger_file_than_the_server_takes(place: Place) -> None:
    place.git("-C", str(place.shared), "config", "modelstore.maxFileBytes", "500")
    place.register()

    found = place.by_pre_receive("main", "churn@v1.3.0")

    assert ("GMS005", "models/churn/pipeline.joblib") in found
    assert {code for code, _ in found} == {"GMS005"}


def test_a_shallow_tree_of_a_partial_push_is_refused_by_git_itself(place: Place) -> None:
    """An object that is missing never reaches the hook."""
    oid = place.git("hash-object", "-w", "--stdin", "--no-filters").strip()
    place.git("update-index", "--add", "--cacheinfo", f"100644,{oid},README.md")
    place.git("commit", "--quiet", "-m", "x")
    (place.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    before = place.refs()

    assert place.try_git("push", "--no-verify", "origin", "main").returncode != 0
    assert place.refs() == before
