"""A version of which every text that the reader accepts is an attack on the page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from gitmodelstore import Store
from gitmodelstore.errors import FormatError
from gitmodelstore.values.json import dump
from gitmodelstore.values.manifest import Manifest
from tests.store import looks

ATTACKS = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=2</script>",
    "\"><img src=x onerror=window.hacked=3>",
    "'><svg onload=window.hacked=4><style>*{display:none}</style>",
    "javascript:window.hacked=5",
    "data:text/html,<script>window.hacked=6</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<!--", "]]>", "&lt;b&gt;",
    "\u05d0\u05d1\u05d2 abc",
    "https://example.org/\" onclick=\"window.hacked=7",
)  # fmt: skip
# No JSON of a manifest may hold these, but a commit message may.
UNSEEN = ("\u202egpj.exe", "a\u200bb", "\u2066x\u2069")


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place of a document that holds a text, and each free key as a place."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        if isinstance(inner, (dict, list)):
            yield from places(inner)
        elif isinstance(inner, str) or inner is None:
            yield value, key


def poisoned(manifest: bytes) -> tuple[bytes, int]:
    """Return a manifest with an attack in every text that may be any, and how many there are."""
    document = json.loads(manifest)
    document["code"] = {"url": "x", "commit": "a" * 40, "branch": "x", "dirty": False, "diff": None,
                        "entry_point": "x"}  # fmt: skip
    document["card"] = {"intended_use": "x", "limitations": "x", "sections": {"x": "x"}}
    for attack in ATTACKS[:6]:
        document["custom"][attack] = [attack, {attack: attack}]
        document["pipeline"]["params"][attack] = attack
        document["pipeline"]["tuned"].append(attack)
    document["pipeline"]["params"] = dict(sorted(document["pipeline"]["params"].items()))
    count = 0
    for at, (holder, key) in enumerate(places(document)):
        before = holder[key]
        holder[key] = ATTACKS[at % len(ATTACKS)]
        try:
            Manifest.parse(canonical(document))
            count += 1
        except FormatError:
            holder[key] = before
    return canonical(document), count


def canonical(document: Any) -> bytes:
    """Return the bytes of a manifest as the writer lays them out: free maps are sorted."""
    value = deepcopy(document)
    for free in (value["custom"], value["pipeline"]["params"], value["metrics"]):
        for key in sorted(free):
            free[key] = free.pop(key)
    return dump(value)


def add_hostile(store: Store) -> int:
    """Add progression 1.2.0 by plain git; return how many texts of it are attacks."""
    folder = store.path / "models" / "progression"
    document = json.loads((folder / "manifest.json").read_bytes())
    document.update(version="1.2.0", parent="1.1.0")
    data, count = poisoned(canonical(document))
    (folder / "manifest.json").write_bytes(data)
    registry = json.loads((store.path / "registry.json").read_bytes())
    versions = registry["models"]["progression"]
    registry["models"]["progression"] = {"1.2.0": {"status": "registered"}, **versions}
    (store.path / "registry.json").write_bytes(dump(registry))
    trailers = "Event: registered\nModel: progression\nVersion: 1.2.0\nTo: registered"
    reason = " ".join((*ATTACKS, *UNSEEN)).replace("\n", " ")
    author = f"{ATTACKS[0].replace('<', '').replace('>', '')} {UNSEEN[0]} <x@example.org>"
    git = looks.git
    git(store.path, "add", "-A")
    message = f"progression 1.2.0\n\n{trailers}\nReason: {reason}"
    git(store.path, "commit", "-q", "--author", author, "-m", message)
    digest = hashlib.sha256(data).hexdigest()
    tag = f"progression 1.2.0\n\nManifest-SHA256: {digest}"
    git(store.path, "tag", "-a", "progression@v1.2.0", "-m", tag)
    return count
