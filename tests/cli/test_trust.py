"""`gms trust`: kept in the user's own file, asked by every load."""

from __future__ import annotations

import json


def test_names_are_added_listed_and_removed(gms, isolated):
    file = isolated / ".config" / "gitmodelstore" / "config.toml"

    assert gms("trust") == ("", "", 0)
    assert gms("trust", "add", "mypackage", "other.features.LogScaler") == (
        "mypackage\nother.features.LogScaler\n",
        f"note: kept in '{file}'\n",
        0,
    )
    assert gms("-q", "trust", "add", "mypackage")[0] == "mypackage\nother.features.LogScaler\n"
    assert gms("-q", "trust", "remove", "mypackage")[0] == "other.features.LogScaler\n"
    assert file.read_text() == 'trusted = [\n    "other.features.LogScaler",\n]\n'


def test_the_document(gms, isolated):
    stdout, _, _ = gms("-q", "--json", "trust", "add", "mypackage")

    assert json.loads(stdout) == {
        "trusted": ["mypackage"],
        "path": str(isolated / ".config" / "gitmodelstore" / "config.toml"),
    }


def test_what_is_no_name_is_refused(gms, isolated):
    for name in ("my package", "a..b", "-x", "", "os;system"):
        assert gms("trust", "add", "--", name)[1:] == (
            f"error: {name!a} is no package and no class\n"
            "hint: name a package ('mypackage') or a class ('mypackage.features.LogScaler')\n",
            1,
        )
    assert not (isolated / ".config").exists()


def test_what_is_not_trusted_cannot_be_removed(gms, isolated):
    gms("trust", "add", "mypackage")

    assert gms("trust", "remove", "mypackge") == (
        "",
        "error: 'mypackge' is not trusted\nhint: did you mean 'mypackage'?\n",
        1,
    )


def test_a_file_that_is_not_toml_is_named(gms, isolated):
    file = isolated / ".config" / "gitmodelstore" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("trusted = [")

    _, stderr, status = gms("trust")

    assert stderr.startswith(f"error: '{file}' is not TOML: ")
    assert status == 1
