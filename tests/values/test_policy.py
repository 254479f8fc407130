"""modelstore.toml: what it may say, and that nothing unknown is passed over."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitmodelstore.errors import FormatError, LifecycleError
from gitmodelstore.values.names import NEW_SETTINGS, STATUSES
from gitmodelstore.values.policy import Policy

from .refusals import refusal as said


def policy(text: str) -> Policy:
    return Policy.parse(f'schema = "1.0"\n{text}'.encode())


def refusal(data: bytes) -> tuple[str, str | None]:
    with pytest.raises(FormatError) as caught:
        Policy.parse(data)
    assert caught.value.path == "modelstore.toml"
    return str(caught.value).removeprefix("modelstore.toml: "), caught.value.hint


def test_the_settings_of_a_new_store_are_the_defaults():
    assert Policy.parse(NEW_SETTINGS) == Policy()
    assert Policy.parse(NEW_SETTINGS + b"# read, as these are not\n") == Policy()
    assert Policy().statuses == ("registered", "staging", "production", "archived", "withdrawn")
    assert Policy().exclusive == {"production"}
    assert Policy().lfs_threshold_bytes == 52_428_800


def test_statuses_of_a_team_come_after_ours():
    found = policy('[lifecycle]\nstatuses = ["shadow", "canary", "staging"]')

    assert found.statuses == (*STATUSES, "shadow", "canary")


def test_production_has_one_holder_whatever_else_has():
    found = policy('[lifecycle]\nstatuses = ["shadow"]\nexclusive = ["shadow", "staging"]')

    assert found.exclusive == {"production", "shadow", "staging"}
    assert policy("[lifecycle]\nexclusive = []").exclusive == {"production"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"50 MiB"', 52_428_800),
        ('"1KiB"', 1024),
        ('"2 GiB"', 2_147_483_648),
        ('"7 B"', 7),
        ("123", 123),
        ('"123"', 123),
    ],
)
def test_a_size_is_a_number_and_a_unit(written, expected):
    assert policy(f"[storage]\nlfs_threshold = {written}").lfs_threshold_bytes == expected


@pytest.mark.parametrize(
    "written", ['"50 MB"', '"-1"', "0", "true", "1.5", '"1.5 MiB"', '""', "[]"]
)
def test_any_other_size_is_refused(written):
    message, _ = refusal(f'schema = "1.0"\n[storage]\nlfs_threshold = {written}\n'.encode())

    assert message.startswith("storage.lfs_threshold: expected a size such as '50 MiB', found ")


def test_further_paths_are_patterns():
    assert policy('[store]\nallow = ["docs/**", "Makefile"]').allow == ("docs/**", "Makefile")


def test_what_stands_beside_the_models_is_text_of_a_megabyte_unless_said_otherwise():
    free = policy('[store]\nallow_size = "3 MiB"\nallow_binary = ["docs/*.png"]')

    assert (Policy().allow_bytes, Policy().allow_binary) == (1_048_576, ())
    assert (free.allow_bytes, free.allow_binary) == (3_145_728, ("docs/*.png",))


SIZE = "expected a size such as '50 MiB', found '3 MB'"
STATUS = "use lower-case letters, digits and hyphens, such as 'shadow' or 'pre-production'"
BOUNDS = "lifecycle.statuses, lifecycle.exclusive, lifecycle.moves"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "[webhooks]\nurl = 'x'",
            "unknown key 'webhooks'",
            "this gitmodelstore knows schema, store, storage, lifecycle, gates, policy, remote; a "
            "newer one may know more",
        ),
        (
            '[lifecycle]\nbounds = ["a"]',
            "unknown key 'lifecycle.bounds'",
            f"this gitmodelstore knows {BOUNDS}; a newer one may know more",
        ),
        (
            "[policy]\nrequire_sign = true",
            "unknown key 'policy.require_sign'",
            "did you mean 'policy.require_signed'?",
        ),
        ("[storag]\n", "unknown key 'storag'", "did you mean 'storage'?"),
        (
            "[storage]\nlfs_treshold = 1",
            "unknown key 'storage.lfs_treshold'",
            "did you mean 'storage.lfs_threshold'?",
        ),
        (
            '[lifecycle]\nstatuses = "x"',
            "lifecycle.statuses: expected a list of strings, found 'x'",
            'write it in brackets: ["x"]',
        ),
        *(
            (
                f'[lifecycle]\nstatuses = ["{status}"]',
                f"lifecycle.statuses: '{status}' is not a status name",
                STATUS,
            )
            for status in ("Shadow", "latest")
        ),
        (
            '[lifecycle]\nstatuses = ["v2-canary"]',
            "lifecycle.statuses: 'v2-canary' looks like a version",
            "begin it with a word",
        ),
    ],
)
def test_what_is_not_understood_is_refused(text, message, hint):
    assert refusal(f'schema = "1.0"\n{text}\n'.encode()) == (message, hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("store = 1", "store: expected a table"),
        ("[policy]\nrequire_signed = 1", "policy.require_signed: expected true or false, found 1"),
        ('[store]\nallow_size = "3 MB"', f"store.allow_size: {SIZE}"),
        ("[store]\nallow = [1]", "store.allow: expected a list of strings, found [1]"),
        ('[lifecycle]\nexclusive = ["shadow"]', "lifecycle.exclusive: 'shadow' is not a status"),
        (
            '[lifecycle]\nexclusive = ["archived"]',
            "lifecycle.exclusive: many versions can be 'archived' at once",
        ),
    ],
)
def test_what_cannot_be_is_refused(text, message):
    assert refusal(f'schema = "1.0"\n{text}\n'.encode()) == (message, None)


def test_every_fault_is_said_at_once_with_its_key():
    text = b"""\
schema = "1.0"
storrage = 1
[store]
allow = "docs/**"
allow_size = "3 MB"
colour = 1
[lifecycle]
statuses = ["Shadow", "canary"]
exclusive = ["canery"]
moves = { canary = "production" }
[gates.production]
metrics = ["auc > 1", "auc >> 1"]
signers = "ada@example.org"
[policy]
require_signed = "yes"
"""

    with pytest.raises(FormatError) as caught:
        Policy.parse(text)

    assert set(caught.value.faults) == {
        "unknown key 'storrage'",
        "unknown key 'store.colour'",
        "store.allow: expected a list of strings, found 'docs/**'",
        "store.allow_size: expected a size such as '50 MiB', found '3 MB'",
        "lifecycle.statuses: 'Shadow' is not a status name",
        "lifecycle.exclusive: 'canery' is not a status",
        "lifecycle.moves.canary: expected a list of strings, found 'production'",
        "gates.production.metrics[1]: column 6: expected a number or 'current', found '> 1'",
        "gates.production.signers: expected a list of strings, found 'ada@example.org'",
        "policy.require_signed: expected true or false, found 'yes'",
    }
    assert str(caught.value).endswith(" (and 9 more)")


def test_another_schema_is_refused_by_name():
    assert refusal(b'schema = "2.0"\n[news]\n') == (
        "schema '2.0', this gitmodelstore reads '1.0'",
        "upgrade gitmodelstore to read it",
    )
    assert refusal(b"[store]\n") == ("no schema", 'begin it with: schema = "1.0"')


def test_what_is_not_toml_is_refused_with_the_place():
    assert refusal(b'schema = "1.0"\nstore =\n') == (
        "not TOML: Invalid value (at line 2, column 8)",
        None,
    )
    assert refusal(b"\xff")[0].startswith("not TOML: ")
    assert refusal(b"a = " + b"[" * 100_000) == ("nested too deep", None)


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("prodution", "did you mean 'production'?"),
        ("x", "one of registered, staging, production, archived, withdrawn"),
    ],
)
def test_an_unknown_status_is_refused_with_a_near_one_or_all(status, hint):
    message = f"'{status}' is not a status of this store"

    assert said(LifecycleError, Policy().check_status, status) == (message, hint)


@given(st.binary(max_size=40) | st.text("[]schema=lifecy.\"'1\n\x00", max_size=40).map(str.encode))
def test_no_bytes_raise_anything_else(data):
    with suppress(FormatError):
        Policy.parse(b'schema = "1.0"\n' + data)
