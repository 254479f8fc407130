"""`clone` leaves a store that is ready to work in, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import AlreadyExists, GitFailed, InvalidInput, NotAStore
from tests.store import children
from tests.store.looks import git, refusal
from tests.store.writers import versions

from .conftest import Place


def test_a_copy_has_versions_tags_drivers_and_hooks(place: Place, tmp_path: Path) -> None:
    store = Store.clone(str(place.shared), tmp_path / "copy", durable=False)

    assert versions(store) == ["1.2.0", "1.1.0", "1.0.0"]
    assert store.validate() == ()
    assert store.doctor().faults == ()
    copy = Place(store.path, place.shared)
    copy.register()
    alone = ("--no-follow-tags", "main")
    assert copy.by_pre_push(*alone) == [("GMS050", "refs/tags/churn@v1.3.0")]
    done = copy.try_git("push")
    assert done.returncode == 0, done.stderr
    assert "refs/tags/churn@v1.3.0" in copy.refs()


def test_over_ssh_like_urls_and_the_command(place: Place, tmp_path: Path) -> None:
    git(place.shared, "config", "uploadpack.allowFilter", "true")
    done = children.gms("clone", f"file://{place.shared}", cwd=tmp_path / "clone" / "..")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path}/shared\n", "")


def test_a_store_on_another_branch(place: Place, tmp_path: Path) -> None:
    place.git("-C", str(place.shared), "branch", "--move", "main", "models")

    store = Store.clone(str(place.shared), tmp_path / "copy")

    assert store.setting("store.branch") == "models"
    assert len(store.versions("churn")) == 3


@pytest.mark.parametrize("bare", [False, True])
def test_a_host_whose_default_branch_holds_something_else(
    place: Place, tmp_path: Path, bare: bool
) -> None:
    at = ("-C", str(place.shared))
    place.git(*at, "branch", "--move", "main", "models")
    tree = place.git(*at, "hash-object", "-w", "-t", "tree", "/dev/null").strip()
    site = place.git(*at, "commit-tree", "-m", "site", tree).strip()
    place.git(*at, "update-ref", "refs/heads/site", site)
    place.git(*at, "symbolic-ref", "HEAD", "refs/heads/site")
    url = str(place.shared)

    if bare:  # as in the cache, of a store that is named by its address
        assert len(Store.open(f"file://{url}").versions("churn")) == 3
    else:
        assert len(Store.clone(url, tmp_path / "copy").versions("churn")) == 3
    place.git(*at, "branch", "propose/mine", "models")
    assert refusal(Store.clone, url, tmp_path / "other") == (
        NotAStore,
        f"'{url}' has no store on its default branch, but on several others: models, propose/mine",
        f"choose one: git clone -b NAME {url}, and there git config store.branch NAME && "
        "gms doctor --fix",
    )


@pytest.mark.parametrize("url", ["--upload-pack=touch hacked", "ext::sh -c touch% hacked", ""])
def test_a_url_that_is_an_option_or_a_program(tmp_path: Path, url: str) -> None:
    assert refusal(Store.clone, url, tmp_path / "copy")[:2] == (
        InvalidInput,
        f"{url!a} is not the location of a repository",
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(Store.clone, str(tmp_path / "nowhere"), tmp_path / "copy")[:2] == (
        GitFailed,
        f"cannot clone '{tmp_path}/nowhere': repository '{tmp_path}/nowhere' does not exist",
    )
    assert not (tmp_path / "copy").exists()


def test_a_repository_of_something_else_is_not_kept(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "code")
    git(tmp_path / "code", "commit", "--quiet", "--allow-empty", "-m", "x")

    assert refusal(Store.clone, str(tmp_path / "code"), tmp_path / "copy")[:2] == (
        NotAStore,
        f"'{tmp_path}/code' is not a model store: no registry.json on its branch",
    )
    assert not (tmp_path / "copy").exists()


def test_a_folder_that_holds_something_is_left_alone(place: Place, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine").write_text("x")

    assert refusal(Store.clone, str(place.shared), tmp_path / "copy")[:2] == (
        AlreadyExists,
        f"'{tmp_path}/copy' already exists and is not empty",
    )
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["mine"]
