"""modelstore.lock.json: its format, and the fingerprint of inputs."""

from __future__ import annotations

import hashlib
import json

import pytest

from gitmodelstore.errors import FormatError
from gitmodelstore.plumbing.ml_repository import Lock, fingerprint
from gitmodelstore.values.manifest import Feature
from tests.values.refusals import refusal

CHURN = {
    "version": "1.2.0",
    "tag": "churn@v1.2.0",
    "commit": "1" * 40,
    "manifest_sha256": "2" * 64,
    "pipeline": {"sha256": "3" * 64, "size_bytes": 5016185},
    "features": f"gms-features-1:{'4' * 64}",
}
OF_CHURN = ": models.churn."
WHOLE = {"schema": "1.0", "store": "https://example.org/models.git", "models": {"churn": CHURN}}


def written(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def of_store(store: str) -> bytes:
    return written({**WHOLE, "store": store})


def changed(**keys: object) -> bytes:
    return written({**WHOLE, "models": {"churn": {**CHURN, **keys}}})


def test_what_is_written_is_what_was_read():
    lock = Lock.parse(written(WHOLE))

    assert lock.render() == written(WHOLE)
    assert str(lock.models["churn"].version) == "1.2.0"
    assert lock.models["churn"].pipeline.size_bytes == 5016185


def test_models_stand_in_order_of_their_names():
    credit = {**CHURN, "tag": "a-credit@v1.2.0"}
    lock = Lock.parse(written({**WHOLE, "models": {"a-credit": credit, "churn": CHURN}}))

    assert Lock(lock.store, dict(reversed(lock.models.items()))).render() == lock.render()


@pytest.mark.parametrize(
    "store",
    [
        *("../modèles", "git@example.org:ml/models.git", "models"),
        "ssh://git@example.org/models.git",  # the user of such an address is no secret
    ],
)
def test_a_store_is_a_url_or_a_path(store):
    assert Lock.parse(of_store(store)).store == store


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", ": schema: missing (and 2 more)"),
        (b"[1]", ": expected an object, found a list"),
        (b"{", ":1:2: not JSON: expecting property name enclosed in double quotes"),
        (written(WHOLE)[:-1], ": not in canonical form"),
        (written({**WHOLE, "schema": "2.0"}), ": schema '2.0', this gitmodelstore reads '1.0'"),
        (written({**WHOLE, "more": 1}), ": more: unknown key"),
        (written({**WHOLE, "store": " "}), ": store: expected a url or a path, found ' '"),
        (of_store("https://ada:secret@example.org/m.git"), ": store: holds credentials"),
        (of_store("https://token@example.org/m.git"), ": store: holds credentials"),
        (
            written({**WHOLE, "models": {"Churn": CHURN}}),
            ": models (key): expected a model name, found 'Churn'",
        ),
        (changed(version="1.2"), f"{OF_CHURN}version: expected a SemVer version, found '1.2'"),
        (
            changed(tag="churn@v1.3.0"),
            f"{OF_CHURN}tag: expected 'churn@v1.2.0', found 'churn@v1.3.0'",
        ),
        (changed(commit="HEAD"), f"{OF_CHURN}commit: expected a commit id, found 'HEAD'"),
        (
            changed(manifest_sha256="2" * 63),
            f"{OF_CHURN}manifest_sha256: expected 64 hexadecimal digits, found '{'2' * 63}'",
        ),
        (
            changed(pipeline={"sha256": "3" * 64, "size_bytes": -1}),
            f"{OF_CHURN}pipeline.size_bytes: expected a whole number from 0 to 2^53, found -1",
        ),
        (
            changed(features="sha256:00"),
            f"{OF_CHURN}features: expected gms-features-1:hex, found 'sha256:00'",
        ),
    ],
)
def test_what_departs_from_the_format_is_refused_with_the_place(data, message):
    assert refusal(FormatError, Lock.parse, data)[0] == f"modelstore.lock.json{message}"


def test_a_bad_lock_cannot_exist():
    with pytest.raises(FormatError, match="store: holds credentials"):
        Lock("https://ada:secret@example.org/m.git", {})


def test_the_fingerprint_is_the_digest_of_names_and_types_in_order():
    features = [Feature("größe", "float64"), Feature(None, None)]
    text = '[["größe","float64"],[null,null]]'

    assert fingerprint(features) == f"gms-features-1:{hashlib.sha256(text.encode()).hexdigest()}"
    assert fingerprint(features[::-1]) != fingerprint(features)
    assert fingerprint([Feature("größe", "float32"), features[1]]) != fingerprint(features)
    assert fingerprint(None) is None
