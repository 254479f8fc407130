"""What was installed, and what of it a pipeline needs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from gitmodelstore.lineage.environment import capture, normalized
from gitmodelstore.values.fields import Digest
from gitmodelstore.values.manifest import Code


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A site-packages folder, all that is on sys.path but the standard library."""
    folder = tmp_path / "site"
    folder.mkdir()
    kept = [entry for entry in sys.path if "site-packages" not in entry]
    monkeypatch.setattr(sys, "path", [str(folder), *kept])
    return folder


def install(
    site: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: tuple[str, ...] = (),
    record: tuple[str, ...] = (),
    top_level: str | None = None,
) -> Path:
    """Write the metadata that an installer leaves."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n\nRequires-Dist: not-this\n")
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in record))
    if top_level is not None:
        (info / "top_level.txt").write_text(top_level)
    return info


def pins(*names: str, with_pandas: bool = False) -> dict[str, str]:
    return dict(capture(names, with_pandas=with_pandas).environment.pins)


def test_a_pipeline_of_scikit_learn_needs_what_scikit_learn_requires():
    found = capture(["sklearn.linear_model._logistic.LogisticRegression"], with_pandas=True)

    assert {"scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl", "pandas"} <= set(
        found.environment.pins
    )
    assert "pytest" not in found.environment.pins
    for name, version in found.environment.pins.items():
        assert version == importlib.metadata.version(name)
    assert "pandas" not in pins("sklearn.linear_model._logistic.LogisticRegression")


def test_everything_installed_is_archived():
    expected = {
        normalized(found.metadata["Name"]): found.version
        for found in reversed(list(importlib.metadata.distributions()))
    }

    found = capture([], with_pandas=False)
    lines = found.installed.decode().splitlines()

    assert lines[0] == f"# python {sys.version.split()[0]}"
    assert found.environment.platform == f"{os.uname().sysname}-{os.uname().machine}".lower()
    assert lines[1] == f"# platform {found.environment.platform}"
    pins = [line.removeprefix("# ").partition(":")[0] for line in lines[2:]]  # of a clone: itself
    assert pins == [f"{name}=={version}" for name, version in sorted(expected.items())]
    assert found.environment.digest == Digest.of(found.installed)
    assert found.environment.pins == {}
    assert found.requirements == b""


def test_requirements_are_sorted_pins(site):
    install(site, "scikit_learn", "1.5.0", requires=("NumPy>=1",), record=("sklearn/__init__.py",))
    install(site, "numpy", "2.0.0", record=("numpy/__init__.py",))

    found = capture(["sklearn.svm._classes.SVC"], with_pandas=True)

    assert found.requirements == b"numpy==2.0.0\nscikit-learn==1.5.0\n"


def test_a_requirement_counts_when_installed_and_not_an_extra(site):
    install(
        site,
        "a",
        record=("a/__init__.py",),
        requires=(
            "B_b (>=1.0)",
            "c[fast]>=1; python_version < '4'",
            "d; extra == 'more'",
            'e ; sys_platform == "win32" and extra == "more"',
            "not-installed>=1",
            "typing-extra>=1.0",
        ),
    )
    for name in ("b.b", "c", "d", "e", "typing_extra"):
        install(site, name)

    assert set(pins("a.module.Class")) == {"a", "b-b", "c", "typing-extra"}


@pytest.mark.parametrize(
    ("distributions", "modules", "expected"),
    [
        (
            {"a": {"record": ("a/__init__.py",), "requires": ("b",)}, "b": {"requires": ("a",)}},
            ("a.Class",),  # requirements in a circle
            {"a", "b"},
        ),
        (
            {
                "Pillow": {"record": ("PIL/Image.py", "PIL/__init__.py")},
                "PyYAML": {"top_level": "_yaml\nyaml\n"},
                "six": {"record": ("six.py",)},
                "Fast-Thing": {"record": ("fast.cpython-311-x86_64-linux-gnu.so",)},
            },
            ("PIL.Image.Image", "yaml.Loader", "six.moves.x", "fast.f"),
            {"pillow", "pyyaml", "six", "fast-thing"},
        ),
        ({"utils": {"record": ("other/__init__.py",)}}, ("utils.Scaler",), set()),  # its name alone
        (
            {"my_team": {"record": ("_my_team.pth", "my_team-1.0.dist-info/METADATA")}},
            ("my_team.features.Scaler",),  # editable
            {"my-team"},
        ),
        ({}, ("builtins.int", "collections.OrderedDict", "__main__.Scaler", "mine.Scaler"), set()),
    ],
)
def test_a_module_leads_to_the_distributions_that_it_needs(site, distributions, modules, expected):
    for name, files in distributions.items():
        install(site, name, **files)

    assert set(pins(*modules)) == expected


def test_distributions_that_share_a_package_are_told_apart(site, monkeypatch):
    install(site, "google_cloud_storage", record=("google/cloud/storage/client.py",))
    install(site, "google_cloud_bigquery", record=("google/cloud/bigquery/client.py",))
    install(site, "google", record=("google/search.py",))
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))

    assert set(pins("google.cloud.bigquery.client.Client")) == {"google-cloud-bigquery"}


class TestCodeOfOnesOwn:
    """What no index has is a comment, which says where it is: pip would fetch a stranger's."""

    CODE = Code("https://example.org/ada/churn.git", "3f2a" * 10, "main", False, None, None)

    def lines(self, *names: str, top: Path | None, code: Code | None = CODE) -> list[str]:
        found = capture(names, with_pandas=False, code=code, top=top)
        return found.requirements.decode().splitlines()

    def test_a_module_of_the_project(self, site, tmp_path, monkeypatch):
        module = types.ModuleType("features")
        module.__file__ = str(tmp_path / "code" / "features.py")
        monkeypatch.setitem(sys.modules, "features", module)
        names = ("features.Scaler", "features.twice", "__main__.No", "x\n--index-url y.Z")

        place = f"from the code repository at {'3f2a' * 10} of https://example.org/ada/churn.git"
        assert self.lines(*names, top=tmp_path / "code") == [f"# features: {place}"]
        changed = replace(self.CODE, dirty=True, diff=Digest.of(b""), url=None)
        assert self.lines(*names, top=tmp_path / "code", code=changed) == [
            f"# features: from the code repository at {'3f2a' * 10}, "
            "with changes that were not committed"
        ]
        elsewhere = "# features: not on an index, but in the project that trained"
        assert self.lines(*names, top=tmp_path / "other") == [elsewhere]
        assert self.lines(*names, top=None, code=None) == [elsewhere]

    @pytest.mark.parametrize("editable", [True, False])
    def test_a_package_of_the_project(self, site, tmp_path, editable):
        project = tmp_path / "my code"
        info = install(site, "my_team", record=("my_team/__init__.py",), requires=("dep",))
        install(site, "dep", "2.0")
        url = f"file://{str(project).replace(' ', '%20')}"
        (info / "direct_url.json").write_text(
            json.dumps({"url": url, "dir_info": {"editable": editable}})
        )

        found = capture(["my_team.Scaler"], with_pandas=False, code=self.CODE, top=project)

        assert found.environment.pins == {"my-team": "1.0", "dep": "2.0"}
        assert found.requirements.decode().splitlines() == [
            f"# my-team==1.0: from the code repository at {'3f2a' * 10} "
            "of https://example.org/ada/churn.git",
            "dep==2.0",
        ]
        assert found.installed.decode().splitlines()[2:] == [
            "dep==2.0",
            "# my-team==1.0: not on an index, but in the project that trained",
        ]

    def test_what_conda_built_in_a_folder_is_on_an_index(self, site):
        info = install(site, "dep", record=("dep/__init__.py",))
        url = "file:///home/conda/feedstock_root/build_artifacts/dep_170/work"
        (info / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {}}))
        (info / "INSTALLER").write_text("conda\n")

        assert self.lines("dep.Scaler", top=None) == ["dep==1.0"]

    @pytest.mark.parametrize("said", ["{", "[]", '{"url": 1, "dir_info": {}}', "{}"])
    def test_what_an_installer_says_may_be_anything(self, site, said):
        info = install(site, "my_team", record=("my_team/__init__.py",))
        (info / "direct_url.json").write_text(said)

        assert self.lines("my_team.Scaler", top=None) == ["my-team==1.0"]


def test_broken_distributions_are_not_there(site):
    install(site, "whole")
    (site / "~artial-1.0.dist-info").mkdir()
    (site / "nometadata-1.0.dist-info").mkdir()
    (site / "noversion.dist-info").mkdir()
    (site / "noversion.dist-info" / "METADATA").write_text("Name: noversion\n")
    (site / "strange-1.0 or so.egg-info").write_text("")

    assert capture([], with_pandas=False).installed.decode().splitlines()[2:] == ["whole==1.0"]


def test_old_metadata_is_read_too(site):
    (site / "Debian_Made-2.0-py3.11.egg-info").write_text("Name: x\n")
    source = site / "in_tree.egg-info"
    source.mkdir()
    (source / "PKG-INFO").write_text("Name: In.Tree\nVersion: 0.3\n\nlong\n")
    (source / "requires.txt").write_text("whole>=1\n\n[docs]\ndocs-only\n")
    (source / "top_level.txt").write_text("in_tree\n")
    install(site, "whole")
    install(site, "docs_only")

    assert pins("in_tree.x.Y") == {"in-tree": "0.3", "whole": "1.0"}
    assert b"debian-made==2.0\n" in capture([], with_pandas=False).installed


def test_the_first_of_one_name_on_the_path_counts(site, tmp_path, monkeypatch):
    install(site, "a", "2.0", record=("a/__init__.py",))
    second = tmp_path / "second"
    second.mkdir()
    install(second, "a", "1.0", record=("a/__init__.py",))
    monkeypatch.setattr(sys, "path", [*sys.path, str(second)])

    assert pins("a.B") == {"a": "2.0"}


def test_what_is_installed_meanwhile_is_seen(site, monkeypatch, tmp_path):
    assert pins("a.B") == {}

    install(site, "a", record=("a/__init__.py",))
    os.utime(site, ns=(1, 1))  # clocks of file systems are coarser than this test

    assert pins("a.B") == {"a": "1.0"}
    monkeypatch.setattr(sys, "path", [str(tmp_path / "nowhere")])
    assert pins("a.B") == {}
