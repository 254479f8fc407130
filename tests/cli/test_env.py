"""`gms env`: requirements to install, and what differs here."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import pytest

from gitmodelstore.lineage.environment import platform_name


@pytest.fixture
def other_numpy(tmp_path, monkeypatch):
    """Another numpy and scipy than the store was made with seem to be installed."""
    for name, number in (("numpy", "1.0.1"), ("scipy", "0.9")):
        info = tmp_path / "site" / f"{name}-{number}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {number}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def test_the_requirements_are_what_the_version_keeps(gms):
    found = gms("env", "churn")

    assert found == (gms("cat", "churn:requirements.txt").stdout, "", 0)
    assert f"scikit-learn=={version('scikit-learn')}\n" in found.stdout


def test_python_alone(gms):
    assert gms("env", "churn", "--python") == (f"{platform.python_version()}\n", "", 0)


def test_check_where_nothing_differs(gms):
    packages = len(json.loads(gms("env", "churn", "--json").stdout)["pins"])

    told = f"python {platform.python_version()} and {packages} packages, as at training"
    assert gms("env", "churn", "--check") == (f"churn 1.1.0  {told}\n", "", 0)


@pytest.mark.usefixtures("other_numpy")
def test_check_where_something_counts(gms):
    pins = json.loads(gms("env", "churn", "--json").stdout)["pins"]
    numpy, scipy = pins["numpy"], pins["scipy"]
    wide = max(len(numpy), len(scipy), len("recorded"))

    assert gms("env", "churn", "--check") == (
        "churn 1.1.0  1 difference that may change answers, 1 other\n"
        f"  numpy    {numpy:<{wide}}  1.0.1  counts\n"
        f"  scipy    {scipy:<{wide}}  0.9\n",
        "note: check whether it gives the same answers: gms verify churn@1.1.0 --replay\n",
        1,
    )


@pytest.mark.usefixtures("other_numpy")
def test_the_document(gms):
    found = gms("env", "churn", "--check", "--json")
    document = json.loads(found.stdout)

    assert (found.code, document["matches"]) == (1, False)
    assert [one["name"] for one in document["differences"]] == ["numpy", "scipy"]
    assert document["differences"][0] == {
        "name": "numpy",
        "recorded": document["pins"]["numpy"],
        "present": "1.0.1",
        "counts": True,
    }
    assert (document["python"], document["platform"]) == (
        platform.python_version(),
        platform_name(),
    )
    assert document["requirements"] == gms("env", "churn").stdout
    assert gms("env", "churn", "--json").code == 0
