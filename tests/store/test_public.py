"""What is public: its names, its signatures, its docstrings, as an editor and `help` show them."""

from __future__ import annotations

import ast
import inspect
import pickle
import pydoc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gitmodelstore as gms

from . import children

PACKAGE = Path(gms.__file__).parent
SOURCE = ast.parse((PACKAGE / "__init__.py").read_text())


def public() -> Iterator[tuple[str, Any]]:
    """Every public class and function, and every method of the store."""
    for name in gms.__all__:
        value = getattr(gms, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield name, value
    for name, value in inspect.getmembers(gms.Store):
        if name[0] != "_" and callable(value):
            yield f"Store.{name}", value


PUBLIC = dict(public())
CALLS = {name: value for name, value in PUBLIC.items() if not inspect.isclass(value)}


def test_dir_shows_what_is_public_and_no_more(tmp_path):
    asked = "import gitmodelstore as gms; gms.load_model; print(dir(gms) == sorted(gms.__all__))"
    done = children.python("-c", asked, cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("True\n", "")
    assert not [name for name in dir(gms) if name.startswith("_") and name != "__version__"]
    assert issubclass(gms.errors.VersionExists, gms.StoreError)


def test_editors_and_type_checkers_see_the_same_names():
    handed_on = {
        alias.asname: node.module
        for node in ast.walk(SOURCE)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    defined = {node.name for node in SOURCE.body if isinstance(node, ast.FunctionDef)}

    assert set(handed_on) | {"__version__"} | defined - {"__dir__"} == set(gms.__all__)
    for name, module in handed_on.items():
        if name != "errors":
            assert module == f"gitmodelstore.{gms._HOMES[name]}"


@pytest.mark.parametrize("call", CALLS)
def test_a_call_shows_its_whole_signature(call: str) -> None:
    """As it is written, and not behind *args and **kwargs, which no editor sees through."""
    parameters = inspect.signature(CALLS[call]).parameters.values()
    hidden = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    assert not hasattr(CALLS[call], "__wrapped__")
    assert not [one for one in parameters if one.kind in hidden]
    assert not [one for one in parameters if one.annotation is one.empty and one.name != "self"]


def test_register_model_takes_what_register_does():
    whole = dict(inspect.signature(gms.register_model).parameters)
    whole.pop("store")
    method = dict(inspect.signature(gms.Store.register).parameters)
    method.pop("self")

    assert list(whole.values()) == list(method.values())


def test_register_model_passes_on_all_that_it_was_given(tmp_path, monkeypatch) -> None:
    received: dict[str, Any] = {}
    monkeypatch.setattr(gms.Store, "register", lambda store, **given: received.update(given))
    gms.Store.init(tmp_path / "models")
    names = set(inspect.signature(gms.register_model).parameters) - {"store"}
    given = {name: object() for name in names}

    gms.register_model(store=tmp_path / "models", **given)

    assert received == given


@pytest.mark.parametrize("how", ["init", "clone", "open"])
def test_a_store_takes_its_settings_however_it_is_made(how: str) -> None:
    made = inspect.signature(getattr(gms.Store, how)).parameters
    for name, one in list(inspect.signature(gms.Store).parameters.items())[1:]:
        assert made[name] == one


@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_an_example(name: str) -> None:
    """The run of the doctests runs it."""
    assert ">>> " in (PUBLIC[name].__doc__ or "")


@pytest.mark.parametrize("call", CALLS)
def test_it_says_what_it_takes_returns_and_raises(call: str) -> None:
    signature = inspect.signature(CALLS[call])
    said = inspect.getdoc(CALLS[call]) or ""
    names = [name for name in signature.parameters if name != "self"]

    assert "Returns:" in said or re.match("Return|Yield", said)
    if names:
        args = said.partition("\nArgs:")[2].partition("\n\n")[0]
        assert [name for name in names if not re.search(rf"\b{name}\b", args)] == []
        assert "\nRaises:" in said


def test_help_reads_well(capsys):
    text = pydoc.render_doc(gms.Store, renderer=pydoc.plaintext)

    assert "A model store: one git repository" in text
    flat = re.sub(r"[\s|']+", "", text)  # Python 3.13 breaks a long signature into lines
    assert "register(self,pipeline:Any,model:str" in flat
    assert "kwargs" not in text


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_argument_is_told_with_the_name_that_was_called(call: str) -> None:
    with pytest.raises(TypeError) as caught:
        CALLS[call](None, no_such_argument=1)

    assert str(caught.value).startswith(f"{call}() ")
    assert pickle.loads(pickle.dumps(CALLS[call])) == CALLS[call]
