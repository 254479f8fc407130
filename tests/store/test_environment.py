"""What a version was trained with, beside what is installed here."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from importlib.metadata import version

import pytest

from gitmodelstore.errors import IntegrityError, VersionNotFound

from .conftest import once
from .looks import object_file


@pytest.fixture
@once
def churn(store, fitted, X_test):
    """A store with churn 1.0.0, which takes columns with names."""
    store.register(fitted, "churn", X_test=X_test, code=None)
    return store


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Put packages on sys.path, in front of all others, so that these count as installed."""
    site = tmp_path / "site"
    site.mkdir()

    def install(**versions: str) -> None:
        for name, number in versions.items():
            info = site / f"{name}-{number}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(f"Name: {name}\nVersion: {number}\n")
        monkeypatch.syspath_prepend(str(site))

    return install


def recorded_as(churn, tmp_path, **environment):
    """Register churn again as if it had been trained in another environment."""
    folder = churn.download("churn@1.0.0", tmp_path / "folder")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["environment"] |= environment
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = churn.register_folder(folder, "churn", bump="patch")
    shutil.rmtree(folder)
    return found


def told(report) -> list[tuple[str, bool]]:
    return [(str(one), one.counts) for one in report.differences]


def test_here_nothing_differs(any_store, fitted):
    any_store.register(fitted, "churn", code=None)

    report = any_store.environment("churn@1.0.0")

    assert (report.matches, report.differences) == (True, ())
    assert report.recorded == any_store.show("churn@1.0.0").environment
    assert report.requirements == any_store.read("churn@1.0.0", "requirements.txt").decode()
    assert f"scikit-learn=={version('scikit-learn')}\n" in report.requirements


@pytest.mark.parametrize(
    ("package", "number", "counts"),
    [
        ("scikit_learn", "1.0.2", True),
        ("scikit_learn", "{0}.{1}.99", False),
        ("scikit_learn", "{0}.{1}rc1", True),
        ("numpy", "1.26.4", True),
        ("numpy", "{0}.99.0", False),
        ("pandas", "1.5.3", False),
        ("scipy", "0.1", False),
    ],
)
def test_another_release_counts_by_its_package(churn, pretend, package, number, counts):
    name = package.replace("_", "-")
    recorded = version(name)
    here = number.format(*recorded.split("."))
    pretend(**{package: here})

    report = churn.environment("churn@1.0.0")

    assert told(report) == [(f"{name} {recorded}, here {here}", counts)]
    assert report.matches is not counts


@pytest.mark.parametrize(
    ("python", "counts"), [("3.9.1", True), ("{0}.{1}.99", False), ("2.{1}.0", True)]
)
def test_another_python_counts_by_its_minor_release(churn, tmp_path, python, counts):
    python = python.format(*sys.version_info)
    found = recorded_as(churn, tmp_path, python=python)

    report = churn.environment(found)

    assert told(report) == [(f"python {python}, here {platform.python_version()}", counts)]


def test_a_missing_package_counts_and_another_platform_does_not(churn, tmp_path):
    pins = churn.show("churn@1.0.0").environment.pins | {"aaa": "1", "zzz-frames": "2.1"}
    found = recorded_as(churn, tmp_path, pins=pins, platform="plan9-mips")

    report = churn.environment(found)

    here = churn.show("churn@1.0.0").environment.platform
    assert told(report) == [
        ("aaa 1, here none", True),
        ("zzz-frames 2.1, here none", True),
        (f"platform plan9-mips, here {here}", False),
    ]


def test_bytes_that_are_not_the_released_ones_are_refused(churn):
    with pytest.raises(VersionNotFound):
        churn.environment("churn@9.9.9")
    file = churn.path / "models" / "churn" / "requirements.txt"
    file.write_text("evil==1.0\n")  # the work tree is never asked
    assert "evil" not in churn.environment("churn@1.0.0").requirements

    object_file(churn.path, "churn@v1.0.0:models/churn/requirements.txt").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"models/churn/requirements\.txt"):
        type(churn).open(churn.path).environment("churn@1.0.0")
