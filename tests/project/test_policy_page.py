"""What docs/policy.md shows is run, and its settings are read."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gitmodelstore.values.gates import _FIELDS, Gate
from gitmodelstore.values.policy import Policy
from tests.project.test_docs import pattern_of, said_by
from tests.project.test_readme import ROOT, steps

PAGE = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.timeout(300)
def test_the_session_prints_what_it_says(tmp_path: Path) -> None:
    for name, code in re.findall(r"^```\w+\n# (\w+\.(?:py|toml))\n(.*?)^```$", PAGE, re.M | re.S):
        (tmp_path / name).write_text(code)
    sessions = blocks("console")
    assert len(sessions) == 3

    for session in sessions:
        for command, said in steps(session):
            printed = said_by(command, tmp_path)
            assert re.fullmatch(pattern_of(said), printed), f"{command}\n{printed}"


def test_its_settings_are_read() -> None:
    first, second, third = (Policy.parse(text.encode()) for text in blocks("toml"))

    assert list(first.gates) == ["production"]
    assert not first.allows("registered", "production")
    assert list(second.gates) == ["shadow", "production"]
    assert third.gates["production"].require == ("annotations.approval",)


def test_it_names_every_key_and_every_field() -> None:
    for field in fields(Gate):
        key = "from" if field.name == "sources" else field.name
        assert f"| `gates.STATUS.{key}` |" in PAGE
    for name in _FIELDS:
        assert f"`{name}`" in PAGE
