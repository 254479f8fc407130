"""What is refused for its kind: what was expected, what was found, and an example."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gitmodelstore
from gitmodelstore import Store
from gitmodelstore.errors import StoreError

NEEDED: dict[str, Any] = {
    "a": "churn@1.0.0",
    "b": "churn@1.0.0",
    "bad": "1.0.0",
    "command": ("true",),
    "expression": "version == 1.0.0",
    "field": "params.C",
    "folder": "folder",
    "good": "1.0.0",
    "lock_file": "modelstore.lock.json",
    "model": "churn",
    "name": "README.md",
    "path": "elsewhere",
    "pipeline": None,
    "ref": "churn@1.0.0",
    "refs": ("churn@1.0.0",),
    "source": "README.md",
    "status": "staging",
    "test": lambda version: True,
    "url": "nowhere",
    "values": {"auc": 0.9},
}
FUNCTIONS = ["load_model", "register_model"]
OPENING = ("clone", "init", "open")
METHODS = [name for name in dir(Store) if name[0] != "_" and callable(getattr(Store, name))]


def wrong_values(annotation: str) -> list[object]:
    """What a parameter that is declared so does not take; nothing of one that takes anything."""
    if annotation == "float":
        return [None, ["7"]]
    if annotation in ("bool", "bool | None"):
        return [7, ["no"]]
    if "Callable" in annotation or "Notify" in annotation or "Progress" in annotation:
        return [7]
    if "Any" in annotation.removeprefix("Mapping[str, Any]") or "str" not in annotation:
        return []
    if "Iterable" in annotation or "Sequence" in annotation or "tuple" in annotation:
        return [7, [7]]
    wrong: list[object] = [7, ["churn"]]
    return wrong if "None" in annotation else [None, *wrong]


@pytest.mark.parametrize("name", FUNCTIONS + METHODS)
def test_an_argument_of_the_wrong_kind_is_refused_by_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    call: Callable[..., object] = getattr(gitmodelstore if name in FUNCTIONS else store, name)
    parameters = inspect.signature(call).parameters.values()
    needed = {one.name: NEEDED[one.name] for one in parameters if one.default is one.empty}
    if name in FUNCTIONS:
        needed["store"] = store.path

    said = {}
    for one in parameters:
        if one.name == "trusted" and name in OPENING:
            continue  # the class refuses it, whichever way it is made
        for wrong in wrong_values(str(one.annotation)):
            with pytest.raises(StoreError) as caught:
                call(**needed | {one.name: wrong})
            said[one.name, str(wrong)] = (str(caught.value), caught.value.hint or "")

    assert not {key: told for key, told in said.items() if not told[0].startswith("expected ")}
    ends = {key: told[0] for key, told in said.items() if f", found {key[1]}" not in told[0]}
    assert set(ends) <= {("ref", "[7]")}  # of a list of references the one that is wrong
    assert all(told[1] for told in said.values())


def test_the_class_refuses_what_is_no_list_of_names(store: Store) -> None:
    with pytest.raises(StoreError, match=r"^expected a list of names to trust, found 7"):
        Store.open(store.path, trusted=7)  # type: ignore[arg-type]


def test_the_message_names_what_was_meant(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.versions(None)  # type: ignore[arg-type]
    assert str(caught.value) == "expected the name of a model as text, found None"
    assert caught.value.hint == "such as 'churn'"


@pytest.mark.parametrize("given", ["models", Path("models"), None])
def test_the_class_is_no_way_to_open_a_path(given: Any) -> None:
    with pytest.raises(StoreError, match=r"^expected an open repository, found ") as caught:
        Store(given)
    assert caught.value.hint == "open a store by its path with `Store.open(path)`"


@pytest.mark.parametrize("given", [[], ["a"], ("a", "b", "c")])
def test_what_is_validated_lies_between_two_commits(store: Store, given: Any) -> None:
    with pytest.raises(StoreError, match=r"^expected two commits, found "):
        store.validate(given)


@pytest.mark.parametrize("given", [None, "is_good", 7])
def test_a_bisection_tests_with_a_function(store: Store, given: Any) -> None:
    with pytest.raises(StoreError, match=r"^expected a function for 'test', found "):
        store.bisect("churn", "1.0.0", "1.1.0", given)


def test_a_digest_that_nothing_would_be_held_against_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match=r"^digest= is for a folder, and 'churn@1.0.0' names"):
        gitmodelstore.load_model("churn@1.0.0", store=store.path, digest="sha256:00")


def test_training_code_that_is_not_there_is_refused_before_anything_is_written(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"^'.*nowhere' does not exist"):
        store.register(None, "churn", code=tmp_path / "nowhere")
    assert not store.models()
