"""`gms audit`: what it prints, and where the zip goes."""

from __future__ import annotations

import hashlib
import json
import zipfile

UNVERIFIED = "no allowed signers are known: gpg.ssh.allowedSignersFile is not set"
PIPELINE = "churn-audit/versions/1.0.0/pipeline.joblib"


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_it_prints_the_path_and_takes_the_name_of_the_model(gms, place, session, unchanged):
    assert gms("audit", "churn", "-o", "churn.zip") == (
        "churn.zip\n",
        f"note: signatures were not verified: {UNVERIFIED}\n"
        f"note: 5 events, 2 versions, sha256 {digest(place / 'churn.zip')}\n",
        0,
    )
    assert "churn-audit/index.html" in names(place / "churn.zip")
    assert PIPELINE not in names(place / "churn.zip")
    session("$ gms audit fraud -q\nfraud-audit.zip")
    assert gms("audit", "churn", "-o", "train.csv", "--force", "--with-artifacts").code == 0
    assert PIPELINE in names(place / "train.csv")


def test_json(gms, place, git):
    document = json.loads(gms("audit", "churn", "--json", "--since", "2026-03-06").stdout)

    assert document == {
        "model": "churn",
        "path": str(place / "churn-audit.zip"),
        "sha256": digest(place / "churn-audit.zip"),
        "size_bytes": (place / "churn-audit.zip").stat().st_size,
        "commit": git("rev-parse", "main"),
        "event_count": 2,
        "version_count": 2,
        "faults": [],
        "signatures_unverified": UNVERIFIED,
    }


def test_a_broken_manifest_is_warned_of_and_stops_nothing(program, place, damage):
    damage("churn@v1.0.0:models/churn/manifest.json")

    found = program("-C", "models", "audit", "churn")

    assert (found.stdout, found.code) == ("churn-audit.zip\n", 0)
    assert found.stderr.startswith("warning: churn 1.0.0: models/churn/manifest.json: damaged: ")
