"""Ways to damage a store: what a power cut, a full disk, a bad sector or a hand leaves behind.

Each takes the store's git directory. `ALL` has them by name; each can be done again, alone or
after another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Damage = Callable[[Path], object]
NOBODY = "1" * 40  # the id of an object that no store holds


def git(folder: Path, *args: str) -> str:
    """Run git there, and return what it printed; whether it succeeds does not matter here."""
    return subprocess.run(
        ["git", "-c", "core.hooksPath=/dev/null", *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    ).stdout.strip()


def clear(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


def missing(name: str) -> Damage:
    """Return a damage that removes what matches a pattern."""

    def damage(folder: Path) -> None:
        for path in sorted(folder.glob(name)):
            clear(path)

    return damage


def holding(name: str, content: bytes | str) -> Damage:
    """Return a damage that lets a file hold something else."""

    def damage(folder: Path) -> None:
        clear(folder / name)
        for above in reversed((folder / name).relative_to(folder).parents[:-1]):
            if (folder / above).is_file():  # another damage's
                clear(folder / above)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def changed(name: str, change: Callable[[bytes], bytes], *, most: int = 1) -> Damage:
    """Return a damage that changes the content of the first files that match a pattern."""

    def damage(folder: Path) -> None:
        for path in [path for path in sorted(folder.glob(name)) if path.is_file()][:most]:
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(change(data))

    return damage


def folder_at(name: str) -> Damage:
    """Return a damage that puts a folder where a file should be."""

    def damage(folder: Path) -> None:
        for path in sorted(folder.glob(name))[:1] or [folder / name]:
            clear(path)
            path.mkdir(parents=True)
            (path / "x").write_text("x")

    return damage


def file_at(name: str) -> Damage:
    """Return a damage that puts a file where a folder should be."""
    return holding(name, "x")


def object_of(name: str, change: Callable[[bytes], bytes] | None) -> Damage:
    """Return a damage of the loose file of an object that git can name; None removes it."""

    def damage(folder: Path) -> None:
        oid = git(folder, "rev-parse", "--verify", "--quiet", name)
        path = folder / "objects" / oid[:2] / oid[2:]
        if oid and path.is_file():
            data = path.read_bytes()
            path.unlink()
            if change is not None:
                path.write_bytes(change(data))

    return damage


def running(*args: str) -> Damage:
    """Return a damage that git itself does."""
    return lambda folder: git(folder, *args)


def half(data: bytes) -> bytes:
    """Without its end."""
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """With a bit of its middle flipped."""
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :] if data else b"\1"


def zeros(data: bytes) -> bytes:
    """As ext4 leaves a file that was not on the disk when the power went."""
    return bytes(len(data))


def nothing(_: bytes) -> bytes:
    """Empty."""
    return b""


def garbage(data: bytes) -> bytes:
    """Something else, as long."""
    return bytes((7 * place + 3) % 256 for place in range(max(len(data), 64)))


CHANGES = {f.__name__: f for f in (half, flipped, zeros, nothing, garbage)}


def after(first: Damage, then: Damage) -> Damage:
    """Return a damage that needs another state first."""

    def damage(folder: Path) -> None:
        first(folder)
        then(folder)

    return damage


def holding_id(name: str, of: str) -> Damage:
    """Return a damage that lets a file hold the id of what git knows by another name."""
    return lambda folder: holding(name, f"{git(folder, 'rev-parse', of)}\n")(folder)


def _lying_order(data: bytes) -> bytes:
    head, *lines = data.splitlines(keepends=True)
    return b"".join([head, *reversed(lines)]) if lines else data


TAG = "refs/tags/churn@v1.1.0"
_packed = running("pack-refs", "--all")
_pack_all = running("repack", "-a", "-d", "-q")
_with_midx = running("repack", "-a", "-d", "-q", "--write-midx")
_with_graph = running("commit-graph", "write", "--reachable")
_broken_chain = after(
    running("commit-graph", "write", "--reachable", "--split"),
    missing("objects/info/commit-graphs/*.graph"),
)


def _stale_worktree(folder: Path) -> None:
    place = folder / "worktrees/gone"
    place.mkdir(parents=True, exist_ok=True)
    (place / "HEAD").write_text("ref: refs/heads/main\n")
    (place / "commondir").write_text("../..\n")
    (place / "gitdir").write_text("/nowhere/at/all/.git\n")


def _half_worktree(folder: Path) -> None:
    _stale_worktree(folder)
    clear(folder / "worktrees/gone/HEAD")
    clear(folder / "worktrees/gone/commondir")
    (folder / "worktrees/gone/gitdir").write_bytes(b"\0\xff\n")


def _worktree_without(name: str) -> Damage:
    def damage(folder: Path) -> None:
        git(folder, "worktree", "add", "--quiet", "--detach", str(folder.parent.parent / "linked"))
        clear(folder / "worktrees/linked" / name)

    return damage


def _dangling_hook(folder: Path) -> None:
    clear(folder / "hooks/pre-push")
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks/pre-push").symlink_to("/nowhere/at/all")


def _hook_that_cannot_run(folder: Path) -> None:
    with suppress(FileNotFoundError):
        (folder / "hooks/pre-push").chmod(0o644)


def _locked(folder: Path) -> None:
    for name in ("index.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            (folder / name).write_text("")
            os.utime(folder / name, (1_000_000_000, 1_000_000_000))


def _folder_for_the_tip(folder: Path) -> None:
    oid = git(folder, "rev-parse", "main")
    folder_at(f"objects/{oid[:2]}/{oid[2:]}")(folder)


OBJECTS = {
    "tip": "main",
    "tag object": "churn@v1.1.0",
    "old commit": "main~2",
    "root tree": "main^{tree}",
    "registry": "main:registry.json",
    "settings": "main:modelstore.toml",
    "folder": "churn@v1.1.0:models/churn",
    "manifest": "churn@v1.1.0:models/churn/manifest.json",
    "pipeline": "churn@v1.1.0:models/churn/pipeline.joblib",
}


def _all() -> dict[str, Damage]:
    found: dict[str, Damage] = {
        "HEAD missing": missing("HEAD"),
        "HEAD is a folder": folder_at("HEAD"),
        "HEAD holds another word": holding("HEAD", "main\n"),
        "HEAD detached on nothing": holding("HEAD", f"{NOBODY}\n"),
        "HEAD on a missing branch": holding("HEAD", "ref: refs/heads/other\n"),
        "HEAD names no ref": holding("HEAD", "ref: ../../x\n"),
        "HEAD with binary": holding("HEAD", b"ref: refs/heads/\xff\0\n"),
        "index missing": missing("index"),
        "index is a folder": folder_at("index"),
        "index of another version": changed("index", lambda data: data[:7] + b"\x09" + data[8:]),
        "packed-refs: a folder": folder_at("packed-refs"),
        "packed-refs: a line cut": after(_packed, changed("packed-refs", lambda d: d[:-30])),
        "packed-refs: a foreign line": after(
            _packed, changed("packed-refs", lambda d: d + b"nonsense\n")
        ),
        "packed-refs: a foreign line first": after(
            _packed, changed("packed-refs", lambda d: b"nonsense\n" + d)
        ),
        "packed-refs: another order": after(_packed, changed("packed-refs", _lying_order)),
        "packed-refs: gone": after(_packed, missing("packed-refs")),
        "branch: gone": missing("refs/heads/main"),
        "branch: a folder": folder_at("refs/heads/main"),
        "branch: on nothing": holding("refs/heads/main", f"{NOBODY}\n"),
        "branch: on a blob": holding_id("refs/heads/main", "main:registry.json"),
        "branch: on no id": holding("refs/heads/main", "0" * 40 + "\n"),
        "branch: a ref that is not there": holding("refs/heads/main", "ref: refs/heads/x\n"),
        "branch: a ref to itself": holding("refs/heads/main", "ref: refs/heads/main\n"),
        "branch: lost": running("update-ref", "-d", "refs/heads/main"),
        "branch: lost, with its folder": missing("refs/heads"),
        "refs gone": missing("refs"),
        "refs a file": file_at("refs"),
        "tags gone": missing("refs/tags"),
        "tags a file": file_at("refs/tags"),
        "tag: gone": missing(TAG),
        "tag: a folder": folder_at(TAG),
        "tag: on nothing": holding(TAG, f"{NOBODY}\n"),
        "tag: light": running("update-ref", TAG, "churn@v1.1.0^{}"),
        "tag: elsewhere": running("update-ref", TAG, "churn@v1.0.0"),
        "tag: foreign": running("tag", "v1"),
        "objects gone": missing("objects"),
        "objects a file": file_at("objects"),
        "objects/info gone": missing("objects/info"),
        "objects/pack gone": after(_pack_all, missing("objects/pack")),
        "objects: a folder that is a file": lambda folder: file_at(
            f"objects/{git(folder, 'rev-parse', 'main')[:2]}"
        )(folder),
        "objects: a file that is a folder": _folder_for_the_tip,
        "pack gone": after(_pack_all, missing("objects/pack/*.pack")),
        "pack index gone": after(_pack_all, missing("objects/pack/*.idx")),
        "pack reverse index gone": after(_pack_all, missing("objects/pack/*.rev")),
        "commit-graph: chain broken": _broken_chain,
        "commit-graph: chain garbage": after(
            _broken_chain, changed("objects/info/commit-graphs/commit-graph-chain", garbage)
        ),
        "commit-graph: a folder": folder_at("objects/info/commit-graph"),
        "alternates to nowhere": holding("objects/info/alternates", "/nowhere/at/all\n"),
        "alternates of binary": holding("objects/info/alternates", b"\0\xff\n"),
        "config gone": missing("config"),
        "config: a folder": folder_at("config"),
        "config: no syntax": changed("config", lambda data: data + b"[broken\n"),
        "config: unknown extension": running("config", "extensions.unheardof", "true"),
        "config: unknown version": running("config", "core.repositoryformatversion", "7"),
        "config: sha256": after(
            running("config", "core.repositoryformatversion", "1"),
            running("config", "extensions.objectFormat", "sha256"),
        ),
        "config: another branch": running("config", "store.branch", "other"),
        "config: not bare, not there": running("config", "core.worktree", "/nowhere/at/all"),
        "config: a wrong boolean": running("config", "core.bare", "perhaps"),
        "hooks gone": missing("hooks"),
        "hooks a file": file_at("hooks"),
        "hook: gone": missing("hooks/pre-push"),
        "hook: another": holding("hooks/pre-push", "#!/bin/sh\nexit 0\n"),
        "hook: a folder": folder_at("hooks/pre-push"),
        "hook: dangling": _dangling_hook,
        "hook: not executable": _hook_that_cannot_run,
        "hook: binary": holding("hooks/pre-push", bytes(range(256))),
        "logs gone": missing("logs"),
        "logs a file": file_at("logs"),
        "log: a folder": folder_at("logs/refs/heads/main"),
        "log of HEAD: a folder": folder_at("logs/HEAD"),
        "our folder gone": missing("gitmodelstore"),
        "our folder a file": file_at("gitmodelstore"),
        "our lock: a folder": folder_at("gitmodelstore/lock"),
        "our note: a folder": folder_at("gitmodelstore/pending.json"),
        "our note: of nothing": holding(
            "gitmodelstore/pending.json",
            f'{{"old": "{NOBODY}", "new": "{NOBODY}", "tags": {{}}, "folders": []}}',
        ),
        "our note: of another kind": holding(
            "gitmodelstore/pending.json", '{"old": 1, "new": [], "tags": 3, "folders": "x"}'
        ),
        "our index: a folder": folder_at("gitmodelstore/index.sqlite"),
        "lfs gone": missing("lfs"),
        "lfs a file": file_at("lfs"),
        "a stale work tree": _stale_worktree,
        "half a work tree": _half_worktree,
        "worktrees a file": file_at("worktrees"),
        "work tree without HEAD": _worktree_without("HEAD"),
        "work tree without commondir": _worktree_without("commondir"),
        "work tree without index": _worktree_without("index"),
        "info/attributes: a folder": folder_at("info/attributes"),
        "info/exclude: a folder": folder_at("info/exclude"),
        "info gone": missing("info"),
        "shallow": holding_id("shallow", "main"),
        "shallow of garbage": holding("shallow", "nonsense\n"),
        "grafts": holding_id("info/grafts", "main"),
        "replaced": running("replace", "-f", "main", "main~2"),
        "replaced by nothing": lambda folder: holding(
            f"refs/replace/{git(folder, 'rev-parse', 'main')}", f"{NOBODY}\n"
        )(folder),
        "locks left": _locked,
        "MERGE_HEAD of nothing": holding("MERGE_HEAD", f"{NOBODY}\n"),
        "reset": running("-C", "..", "reset", "--quiet", "--hard", "HEAD~2"),
        "branch forced back": running("update-ref", "refs/heads/main", "main~2"),
    }
    for name, change in CHANGES.items():
        found |= {
            f"HEAD: {name}": changed("HEAD", change),
            f"index: {name}": changed("index", change),
            f"packed-refs: {name}": after(_packed, changed("packed-refs", change)),
            f"branch: {name}": changed("refs/heads/main", change),
            f"tag: {name}": changed(TAG, change),
            f"all loose refs: {name}": changed("refs/**/*", change, most=99),
            f"config: {name}": changed("config", change),
            f"log: {name}": changed("logs/refs/heads/main", change),
            f"our note: {name}": holding("gitmodelstore/pending.json", change(b"{" * 80)),
            f"our lock: {name}": changed("gitmodelstore/lock", change),
            f"our index: {name}": changed("gitmodelstore/index.sqlite", change),
            f"lfs object: {name}": changed("lfs/objects/**/*", change),
            f"pack: {name}": after(_pack_all, changed("objects/pack/*.pack", change)),
            f"pack index: {name}": after(_pack_all, changed("objects/pack/*.idx", change)),
            f"pack reverse index: {name}": after(_pack_all, changed("objects/pack/*.rev", change)),
            f"midx: {name}": after(_with_midx, changed("objects/pack/multi-pack-index", change)),
            f"commit-graph: {name}": after(
                _with_graph, changed("objects/info/commit-graph", change)
            ),
        }
    for name, change in [*CHANGES.items(), ("gone", None)]:
        found |= {f"{kind}: {name}": object_of(what, change) for kind, what in OBJECTS.items()}
    return found


ALL = _all()
