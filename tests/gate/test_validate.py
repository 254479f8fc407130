"""What a push may not do to the refs of a shared store."""

from __future__ import annotations

import pytest

from .conftest import Place
from .corpus import new_version


def refused(place: Place, *refs: str) -> list[tuple[str, str]]:
    """What both hooks say; they must agree."""
    found = place.by_pre_push("--force", *refs)
    assert place.by_pre_receive(*refs) == found
    return found


def test_a_version_without_its_tag(place: Place) -> None:
    place.register()

    assert refused(place, "main") == [("GMS050", "refs/tags/churn@v1.3.0")]


def test_a_tag_without_its_branch(place: Place) -> None:
    place.register()

    assert refused(place, "churn@v1.3.0") == [("GMS052", "refs/tags/churn@v1.3.0")]


def test_a_tag_that_is_moved(place: Place) -> None:
    place.git("tag", "-f", "-a", "-m", "moved", "churn@v1.0.0", "main")

    assert refused(place, "churn@v1.0.0") == [("GMS053", "refs/tags/churn@v1.0.0")]


def test_a_tag_that_is_deleted(place: Place) -> None:
    assert refused(place, ":refs/tags/churn@v1.0.0") == [("GMS053", "refs/tags/churn@v1.0.0")]


def test_a_branch_that_is_deleted_or_rewound(place: Place) -> None:
    assert refused(place, ":refs/heads/main") == [("GMS036", "refs/heads/main")]
    place.git("reset", "--quiet", "--hard", "HEAD~1")
    assert refused(place, "main") == [("GMS036", "refs/heads/main")]


@pytest.mark.parametrize("name", ["v1.0", "churn@1.0.0", "Churn@v1.0.0", "x/y@v1.0.0"])
def test_a_tag_of_another_name(place: Place, name: str) -> None:
    place.git("tag", "-a", "-m", "x", name)

    assert refused(place, name) == [("GMS055", f"refs/tags/{name}")]


def test_refs_of_another_kind(place: Place) -> None:
    assert refused(place, "main:refs/notes/commits") == [("GMS055", "refs/notes/commits")]


def test_a_tag_that_is_not_annotated(place: Place) -> None:
    new_version()(place)
    place.commit()
    place.git("tag", "churn@v1.3.0")

    assert refused(place, "main", "churn@v1.3.0") == [("GMS051", "refs/tags/churn@v1.3.0")]


def test_a_tag_object_of_another_version_under_that_name(place: Place) -> None:
    new_version()(place)
    place.commit()
    place.git("update-ref", "refs/tags/churn@v1.3.0", "refs/tags/churn@v1.0.0")

    assert refused(place, "main", "churn@v1.3.0") == [("GMS051", "refs/tags/churn@v1.3.0")]


def test_a_tag_on_another_commit(place: Place) -> None:
    new_version()(place)
    place.commit()
    place.git("tag", "-a", "-m", "x", "churn@v1.3.0", "HEAD~1")

    assert refused(place, "main", "churn@v1.3.0") == [("GMS052", "refs/tags/churn@v1.3.0")]


def test_a_tag_that_names_another_manifest(place: Place) -> None:
    new_version()(place)
    place.commit()
    place.git("tag", "-a", "-m", f"churn 1.3.0\n\nManifest-SHA256: {'0' * 64}", "churn@v1.3.0")

    assert refused(place, "main", "churn@v1.3.0") == [("GMS054", "refs/tags/churn@v1.3.0")]


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


def test_trailers_that_tell_of_what_did_not_happen(place: Place) -> None:
    place.commit(
        "promote churn\n\nEvent: promoted\nModel: churn\nVersion: 1.0.0\n"
        "From: registered\nTo: production"
    )

    assert refused(place, "main") == [("GMS037", "")]


def test_a_shallow_tree_of_a_partial_push_is_refused_by_git_itself(place: Place) -> None:
    """An object that is missing never reaches the hook."""
    oid = place.git("hash-object", "-w", "--stdin", "--no-filters").strip()
    place.git("update-index", "--add", "--cacheinfo", f"100644,{oid},README.md")
    place.git("commit", "--quiet", "-m", "x")
    (place.path / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    before = place.refs()

    done = place.try_git("push", "--no-verify", "origin", "main")

    assert done.returncode != 0
    assert place.refs() == before
