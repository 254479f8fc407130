"""Hypothesis strategies for the values of the store: valid manifests and their parts.

Owns what "every manifest that the format allows" means for the tests; it is
written from the documents of the format, not from its table of fields.
"""

from __future__ import annotations

import string
from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from gitmodelstore.values.manifest import Manifest

ALPHANUMERIC = string.ascii_lowercase + string.digits
HIDDEN = "\x00\x07\x0b\r\x1b\x7f\x85\u061c\u200e\u202a\u202e\u2066\u2069\ufeff"
_HIDDEN_RANGES = [(0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F), (0x202A, 0x202E), (0x2066, 0x2069)]
_HIDDEN_ALL = [chr(c) for first, last in _HIDDEN_RANGES for c in range(first, last + 1)]


def texts(**bounds: Any) -> st.SearchStrategy[str]:
    """Any text in which a reader sees every character; tabs and newlines too."""
    visible = st.characters(
        exclude_categories=("Cs",),
        exclude_characters=[*_HIDDEN_ALL, "\u061c", "\u200e", "\u200f", "\ufeff"],
    )
    return st.text(visible, **{"max_size": 20, **bounds})


def _reserved(name: str) -> bool:
    return name in ("con", "prn", "aux", "nul") or (
        len(name) == 4 and name[:3] in ("com", "lpt") and name[3].isdigit()
    )


def model_names() -> st.SearchStrategy[str]:
    inner = st.text(ALPHANUMERIC + "_-", max_size=61)
    ends = st.sampled_from(ALPHANUMERIC)
    return (
        st.one_of(ends, st.builds("{}{}{}".format, ends, inner, ends))
        .map(str)
        .filter(lambda name: not _reserved(name))
    )


def versions() -> st.SearchStrategy[str]:
    """SemVer versions as the store writes them."""
    number = st.integers(0, 30).map(str)
    word = st.text(string.ascii_letters + "-", min_size=1, max_size=5)
    mixed = st.builds("{}{}{}".format, st.integers(0, 99), word, st.integers(0, 99))
    identifiers = st.lists(st.one_of(number, word, mixed), min_size=1, max_size=3).map(".".join)
    prerelease = st.one_of(st.just(""), identifiers.map("-{}".format))
    return st.builds("{}.{}.{}{}".format, number, number, number, prerelease).filter(
        lambda version: not version.endswith(".lock")
    )


def _times() -> st.SearchStrategy[str]:
    return st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)).map(
        lambda moment: moment.replace(tzinfo=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def _hexes(digits: int) -> st.SearchStrategy[str]:
    return st.text("0123456789abcdef", min_size=digits, max_size=digits)


def _digests() -> st.SearchStrategy[str]:
    return st.builds("{}:{}".format, st.sampled_from(["sha256", "gms-df-1"]), _hexes(64))


def _numbers() -> st.SearchStrategy[float]:
    return st.one_of(
        st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53) + 1, 2**53 - 1)
    )


def _counts() -> st.SearchStrategy[int]:
    return st.integers(0, 2**53 - 1)


def free_json() -> st.SearchStrategy[Any]:
    leaves = st.one_of(st.none(), st.booleans(), _numbers(), texts())
    return st.recursive(
        leaves,
        lambda held: st.one_of(
            st.lists(held, max_size=3), st.dictionaries(texts(), held, max_size=3)
        ),
        max_leaves=6,
    )


def _maps(values: st.SearchStrategy[Any], keys: Any = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts() if keys is None else keys, values, max_size=3)


def _maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


def _lists(values: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, max_size=most)


def _object(
    optional: dict[str, Any] | None = None, **keys: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """An object with these keys in their order; a key `class_` is "class"."""
    named = {key.removesuffix("_"): values for key, values in keys.items()}
    return st.fixed_dictionaries(named, optional=optional)


def _step(steps: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    columns = _maybe(_lists(st.one_of(texts(), _counts())))
    return _object(name=texts(), class_=texts(), columns=columns, steps=steps)


def _pipelines() -> st.SearchStrategy[dict[str, Any]]:
    return _object(
        class_=texts(),
        algorithm=texts(),
        steps=st.recursive(st.just([]), lambda held: _lists(_step(held)), max_leaves=4),
        params=_maps(free_json()),
        tuned=_lists(texts()),
        task=_maybe(st.sampled_from(["classification", "regression", "outlier-detection"])),
        classes=_maybe(_lists(st.one_of(texts(), st.integers(-5, 5), _lists(texts())))),
    )


def _metrics() -> st.SearchStrategy[dict[str, Any]]:
    names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.@-]{0,20}", fullmatch=True)
    return _maps(_numbers(), names)


def _datasets() -> st.SearchStrategy[dict[str, Any]]:
    column = _object(name=texts(), dtype=texts(), profile=_maybe(_maps(free_json())))
    return _object(
        role=st.sampled_from(["train", "test", "early-stopping_2"]),
        **dict.fromkeys(("uri", "name", "version"), _maybe(texts())),
        digest=_digests(),
        size_bytes=_counts(),
        rows=_maybe(_counts()),
        columns=_maybe(_lists(column)),
    )


def _codes() -> st.SearchStrategy[dict[str, Any]]:
    def build(dirty: bool) -> st.SearchStrategy[dict[str, Any]]:
        return _object(
            url=_maybe(texts()),
            commit=_maybe(st.one_of(_hexes(40), _hexes(64))),
            branch=_maybe(texts()),
            dirty=st.just(dirty),
            diff=_maybe(_digests()) if dirty else st.none(),
            entry_point=_maybe(texts()),
        )

    return st.booleans().flatmap(build)


def _environments() -> st.SearchStrategy[dict[str, Any]]:
    names = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,9}[a-z0-9])?", fullmatch=True)
    pythons = st.sampled_from(["3.11.7", "3.14.0rc1"])
    return _object(python=pythons, platform=texts(), pins=_maps(texts(), names), digest=_digests())


def _cards() -> st.SearchStrategy[dict[str, Any]]:
    headings = texts(min_size=1).filter(lambda text: "\n" not in text and text[0] != "#")
    said, sections = _maybe(texts()), _maybe(_maps(texts(), headings))
    return _object(intended_use=said, limitations=said, sections=sections)


def _artifacts() -> st.SearchStrategy[list[Any]]:
    def build(paths: list[str]) -> st.SearchStrategy[Any]:
        facts = {"sha256": _hexes(64), "size_bytes": _counts()}
        names = {"globals": _lists(texts())}
        every = ["pipeline.joblib", *paths]
        return st.tuples(*(_object(names, path=st.just(path), **facts) for path in every))

    others = st.lists(st.sampled_from(["sample.json", "code.diff"]), unique=True)
    return others.flatmap(build).map(list)


@st.composite
def manifest_values(draw: st.DrawFn) -> dict[str, Any]:
    """Parsed JSON of a valid manifest.json, its keys in the order of the format."""
    version = draw(versions())
    first = version in ("0.0.0",) or "-" in version
    return {
        "schema": "1.0",
        "model": draw(model_names()),
        "version": version,
        "parent": draw(st.sampled_from([None] if first else [None, "0.0.0"])),
        "created_at": draw(_times()),
        "trained_at": draw(_times()),
        "author": draw(texts()),
        "message": draw(texts()),
        "pipeline": draw(_pipelines()),
        "features": draw(_maybe(_lists(_object(name=_maybe(texts()), dtype=_maybe(texts()))))),
        "target": draw(_maybe(texts())),
        "metrics": draw(_metrics()),
        "baseline": draw(_maybe(_object(version=versions(), metrics=_metrics()))),
        "data": draw(_lists(_datasets())),
        "code": draw(_maybe(_codes())),
        "environment": draw(_environments()),
        "card": draw(_cards()),
        "artifacts": draw(_artifacts()),
        "custom": draw(_maps(free_json())),
    }


def manifests() -> st.SearchStrategy[Manifest]:
    """Valid manifests, read from bytes whose free keys stand in any order."""
    from gitmodelstore.values import fields

    return manifest_values().map(lambda value: fields.read(Manifest, value))
