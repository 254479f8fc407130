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


@pytest.fixture
def pins(gms) -> dict[str, str]:
    return json.loads(gms("env", "churn", "--json").stdout)["pins"]


def test_where_nothing_differs(gms, session, pins):
    assert gms("env", "churn") == (gms("cat", "churn:requirements.txt").stdout, "", 0)
    assert f"scikit-learn=={version('scikit-learn')}\n" in gms("env", "churn").stdout
    python = platform.python_version()
    session(f"""
$ gms env churn --python
{python}
$ gms env churn --check
churn 1.1.0  python {python} and {len(pins)} packages, as at training
""")


@pytest.mark.usefixtures("other_numpy")
def test_where_something_counts(gms, session, pins):
    numpy, scipy = pins["numpy"], pins["scipy"]
    wide = max(len(numpy), len(scipy))
    session(f"""
$ gms env churn --check
churn 1.1.0  1 difference that may change answers, 1 other
  numpy  {numpy:<{wide}}  1.0.1  counts
  scipy  {scipy:<{wide}}  0.9
2> note: check whether it gives the same answers: gms verify churn@1.1.0 --replay
= 1
""")

    found = gms("env", "churn", "--check", "--json")
    document = json.loads(found.stdout)

    assert (found.code, document["matches"]) == (1, False)
    first, second = document["differences"]
    assert first == {"name": "numpy", "recorded": numpy, "present": "1.0.1", "counts": True}
    assert second["name"] == "scipy"
    assert document["python"] == platform.python_version()
    assert document["platform"] == platform_name()
    assert document["requirements"] == gms("env", "churn").stdout
    assert gms("env", "churn", "--json").code == 0
