"""One bit flipped, or the end cut off, of every kind of file: never wrong bytes to the unpickler.

Each attempt reads the damaged store in a process of its own with a clock, so that a crash
or a hang counts too. The unpickler's door is watched: what goes through it must be what was
registered. What is refused must say in which file.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import BehindWarning, StoreError
from gitmodelstore.operations import snapshot
from gitmodelstore.pickles import load as door
from gitmodelstore.plumbing import large_files
from gitmodelstore.plumbing.files import cache_folder
from tests.store import children
from tests.store.children import Acknowledged, acknowledging
from tests.store.looks import use_lfs

REFS = ("churn@1.0.0", "churn@1.1.0", "large@1.0.0")
# How a refusal names a file: by its path in the tree, its id, its ref, its path in .git.
NAMED = re.compile(
    r"models/|registry\.json|modelstore\.toml|refs/|objects/|[0-9a-f]{40}|tag \w+@v|"
    r"'[^']*/(?:store|config|HEAD|packed-refs|index|pending\.json)'|'main'|"
    r"no commit introduces \w+ [0-9.]+"
)


@pytest.fixture
def damaged(tmp_path: Path, git, fitted, refitted, monkeypatch) -> Store:
    """A store with blobs, an LFS object, trees, commits, tags, both kinds of ref, and a cache."""
    monkeypatch.setattr(large_files, "SETTLED_NS", 0)  # the digest of a file just made is noted too
    store = Store.init(tmp_path / "store", durable=False)
    store.register(fitted, "churn", code=None)
    store.promote("churn@1.0.0", "production")
    git(store.path, "pack-refs", "--all")
    store.register(refitted, "churn", code=None)
    use_lfs(store.path)
    store.register(fitted, "large", code=None)
    for ref in REFS:
        store.load(ref)  # which notes verdicts in the cache
    return store


def kinds(store: Store, git) -> dict[str, list[Path]]:
    """Every file of the store and of our cache, by kind."""
    inside = store.path / ".git"
    found: dict[str, list[Path]] = {
        "pack": list(inside.glob("objects/pack/*.pack")),
        "index of a pack": list(inside.glob("objects/pack/*.idx")),
        "reverse index of a pack": list(inside.glob("objects/pack/*.rev")),
        "commit graph": list(inside.glob("objects/info/commit-graph*")),
        "packed refs": list(inside.glob("packed-refs")),
        "ref": [path for path in inside.glob("refs/**/*") if path.is_file()],
        "HEAD": [inside / "HEAD"],
        "LFS object": [path for path in inside.glob("lfs/objects/**/*") if path.is_file()],
        "our note": list(inside.glob("gitmodelstore/*")),
        "index": [inside / "index"],
        "registry in the work tree": [store.path / "registry.json"],
        "pipeline in the work tree": list(store.path.glob("models/*/pipeline.joblib")),
        "our cache": [path for path in cache_folder().rglob("*") if path.is_file()],
    }
    for path in inside.glob("objects/??/*"):
        oid = path.parent.name + path.name
        found.setdefault(f"loose {git(store.path, 'cat-file', '-t', oid).strip()}", []).append(path)
    return {kind: [p for p in paths if p.stat().st_size] for kind, paths in found.items() if paths}


def damage(data: bytes, chance: random.Random) -> bytes:
    """Return the data with one bit flipped or, one time in five, without its end."""
    place = chance.randrange(len(data) * 8)
    if chance.random() < 0.2:
        return data[: place // 8]
    held = bytearray(data)
    held[place // 8] ^= 1 << place % 8
    return bytes(held)


def put(path: Path, data: bytes) -> None:
    """Overwrite a file where it lies; its times stay, as far as anybody can set them.

    One that gets shorter is made anew: cutting a file that a process has mapped ends that
    process, whatever it is, and the children of this one have inherited its packs.
    """
    status = path.stat()
    if len(data) < status.st_size:
        path.unlink()
    else:
        path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def watch_the_door(acknowledged: Acknowledged, released: set[str]) -> None:
    """Say of all bytes that come to the unpickler whether they were registered."""
    real: Callable[..., object] = door.load

    def load(data, **options):
        known = hashlib.sha256(data).hexdigest() in released
        acknowledged.say("unpickled" if known else "wrong bytes")
        return real(data, **options)

    door.load = load


def look(place: Path, acknowledged: Acknowledged, released: set[str], truth) -> None:
    """Read all there is; every refusal names a file, and what is answered is the truth."""
    signal.alarm(30)
    warnings.simplefilter("ignore", BehindWarning)  # of tags whose names were changed
    watch_the_door(acknowledged, released)
    for judged in (snapshot.registries, snapshot.policies, snapshot.manifests):
        judged._held.clear()

    def ask(question: Callable[[Store], object], expected: object) -> None:
        try:
            answer = question(Store.open(place, durable=False))
        except StoreError as error:
            text = f"{error} {getattr(error, 'path', '')}"
            acknowledged.say("refused" if NAMED.search(text) else f"unnamed: {error!r}")
        else:
            acknowledged.say("answered" if answer == expected else f"wrong: {answer!r}")

    for ref, (data, version) in truth.items():
        ask(lambda store, ref=ref: store.read(ref, "pipeline.joblib"), data)
        ask(lambda store, ref=ref: store.show(ref).version, version)
        ask(lambda store, ref=ref: bool(store.load(ref)), True)
    try:
        for found in Store.open(place).verify().versions:
            unnamed = [fault for fault in found.faults if not NAMED.search(fault)]
            acknowledged.say(f"unnamed: {unnamed}" if unnamed else "verified")
    except StoreError as error:
        acknowledged.say("refused" if NAMED.search(str(error)) else f"unnamed: {error!r}")


def programme(store: Store, git, tell, seed: int, *, times: int) -> None:
    """Damage a file of each kind in turn and see what is read; then put it back."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = kinds(store, git)
    truth = {ref: (store.read(ref, "pipeline.joblib"), store.show(ref).version) for ref in REFS}
    released = {hashlib.sha256(data).hexdigest() for data, _ in truth.values()}
    counts: Counter[str] = Counter()
    for number in range(times):
        kind = sorted(files)[number % len(files)]
        file = chance.choice(sorted(files[kind]))
        whole = file.read_bytes()
        put(file, damage(whole, chance))
        with acknowledging() as acknowledged:
            place = store.path
            status = children.run(lambda: look(place, acknowledged, released, truth))  # noqa: B023
            said = acknowledged.heard()
        put(file, whole)
        where = f"seed {seed}, attempt {number}: {kind}, {file}"
        bad = [line for line in said if line.startswith(("wrong", "unnamed"))]
        assert (status, bad) == (0, []), where
        counts.update(said)
    tell(attempts=times, kinds=len(files), wrong_bytes=counts["wrong bytes"], **counts)
    assert counts["unpickled"] > 0
    assert counts["refused"] > 0
    assert Store.open(store.path).verify().is_sound


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
class TestAnyBitOfAnyFile:
    @pytest.fixture
    def store(self, damaged, git, packed) -> Store:
        if packed:
            git(damaged.path, "gc", "--quiet")
        return damaged

    def test_eighty_in_all(self, store, git, tell, seed):
        programme(store, git, tell, seed, times=40)

    @pytest.mark.long
    def test_six_hundred_in_all(self, store, git, tell, seed):
        programme(store, git, tell, seed, times=300)
