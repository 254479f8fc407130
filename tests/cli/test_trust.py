"""`gms trust`: kept in the user's own file, asked by every load."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def file(isolated) -> Path:
    return isolated / ".config" / "gitmodelstore" / "config.toml"


def test_names_are_added_listed_and_removed(gms, session, file):
    session(f"""
$ gms trust
$ gms trust add mypackage other.features.LogScaler
mypackage
other.features.LogScaler
2> note: 'mypackage' is not installed here
2> note: 'other' is not installed here
2> note: saved in '{file}'
$ gms -q trust add mypackage
mypackage
other.features.LogScaler
$ gms trust remove mypackge
2> error: 'mypackge' is not trusted
2> hint: did you mean 'mypackage'?
= 1
$ gms -q trust remove mypackage
other.features.LogScaler
""")
    assert file.read_text() == 'trusted = [\n    "other.features.LogScaler",\n]\n'
    document = json.loads(gms("-q", "--json", "trust", "remove", "other.features.LogScaler").stdout)
    assert document == {"trusted": [], "path": str(file)}


def test_what_is_no_name_is_refused(gms, file):
    for name in ("my package", "a..b", "-x", "", "os;system"):
        assert gms("trust", "add", "--", name)[1:] == (
            f"error: {name!a} is not the name of a package, a class or a function\n"
            "hint: name a package ('mypackage'), a class ('mypackage.features.LogScaler') or a "
            "function ('mypackage.features.twice')\n",
            1,
        )
    assert not file.parents[1].exists()


def test_a_file_that_is_not_toml_is_named(gms, file):
    file.parent.mkdir(parents=True)
    file.write_text("trusted = [")

    _, stderr, status = gms("trust")

    assert stderr.startswith(f"error: '{file}' is not TOML: ")
    assert status == 1


NOT_AS_A_WHOLE = (
    "error: '{0}' cannot be trusted as a whole: every file could use each of its "
    "classes\nhint: name the exact class that your pipelines use, as `gms inspect` lists it: "
    "{0}.….Class\n"
)


@pytest.mark.parametrize("name", ["pip", "setuptools", "torch", "pip._internal", "gitmodelstore"])
def test_a_tool_is_not_taken_as_a_whole_wherever_it_is_named(gms, place, name, monkeypatch):
    assert gms("trust", "add", name)[1:] == (NOT_AS_A_WHOLE.format(name), 1)
    assert gms("inspect", "churn@1.0.0", "--trust", name)[1:] == (NOT_AS_A_WHOLE.format(name), 1)
    monkeypatch.setenv("GITMODELSTORE_TRUSTED", name)
    assert gms("inspect", "churn@1.0.0")[1:] == (NOT_AS_A_WHOLE.format(name), 1)


@pytest.mark.parametrize("name", ["pluggy", "jsonschema", "iniconfig"])
def test_a_package_that_needs_no_arrays_is_added_by_class_alone(gms, name):
    """None of them holds parts of pipelines; that the name is known to be a tool is no matter."""
    assert gms("trust", "add", name)[1:] == (NOT_AS_A_WHOLE.format(name), 1)
    assert gms("trust", "add", f"{name}.Some")[2] == 0


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Install a package as pip does, with what it needs, and whence it came."""

    def install(name: str, *needs: str, source: str = "", url: str = "") -> Path:
        site = tmp_path / "site"
        about = site / f"{name}-1.0.dist-info"
        about.mkdir(parents=True)
        lines = "".join(f"Requires-Dist: {need}\n" for need in needs)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{lines}"
        )
        (about / "top_level.txt").write_text(f"{name}\n")
        (site / name).mkdir()
        (site / name / "__init__.py").write_text(source)
        if url:
            (about / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))
        monkeypatch.syspath_prepend(site)
        return site / name

    return install


@pytest.mark.parametrize(
    "needs", [["scikit-learn>=1.0"], ['scikit-learn; extra == "sklearn"'], ["numpy"], ["pandas>2"]]
)
def test_a_package_made_for_pipelines_is_taken_as_a_whole(gms, installed, needs):
    installed("boosts", *needs)
    installed("ours", url="file:///home/ada/ours")  # one's own, whatever it needs
    installed("shell", 'numpy; extra == "test"')

    assert gms("trust", "add", "boosts", "ours")[2] == 0
    assert gms("trust", "add", "shell")[1:] == (NOT_AS_A_WHOLE.format("shell"), 1)


def test_a_name_that_is_no_class_here_gets_a_word(gms, installed):
    folder = installed(
        "boosts", "numpy", source="from .trees import Boost\n\ndef boost():\n    pass\n"
    )
    (folder / "trees.py").write_text("class Boost:\n    pass\n")

    def word(name: str) -> str:
        return gms("trust", "add", name).stderr.splitlines()[0]

    assert word("bosts") == "note: 'bosts' is not installed here: did you mean 'boosts'?"
    assert word("quite_another.Thing") == "note: 'quite_another' is not installed here"
    assert word("boosts") == "note: 'boosts' stands for every class that is defined in it"
    assert word("boosts.trees.Bost") == "note: 'boosts.trees' has no 'Bost': did you mean 'Boost'?"
    assert word("boosts.Boost") == (
        "note: 'boosts.Boost' is defined in 'boosts.trees': pipelines name it as it is named there"
    )
    assert word("boosts.boost").startswith("note: saved in ")
    assert word("numpy.tile").startswith("note: saved in ")  # as pipelines name it
    assert word("boosts.trees.Boost").startswith("note: saved in ")
    assert "boosts" not in sys.modules
