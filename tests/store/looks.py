"""What a store looks like to plain git: to say that a call changed nothing, or what it changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitmodelstore import Store
from gitmodelstore.errors import StoreError
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import Registry


def git(folder: Path, *args: str, **environment: str) -> str:
    """Return what `git ARGS` prints in `folder`; it must exit with 0."""
    return git_bytes(folder, *args, **environment).decode()


def git_bytes(folder: Path, *args: str, **environment: str) -> bytes:
    """Return what `git ARGS` prints, as bytes."""
    done = subprocess.run(
        ["git", *args],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stdout!r} {done.stderr!r}"
    return done.stdout


def object_file(folder: Path, name: str) -> Path:
    """Return the file of an object, such as `churn@v1.0.0:models/churn/manifest.json`, to write."""
    oid = git(folder, "rev-parse", name).strip()
    path = Path(git(folder, "rev-parse", "--absolute-git-dir").strip(), "objects", oid[:2], oid[2:])
    path.chmod(0o644)
    return path


def hash_object(folder: Path, kind: str, raw: bytes) -> str:
    """Write an object as it is, as somebody with a hex editor would, and return its id."""
    return (
        subprocess.run(
            ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"],
            cwd=folder,
            input=raw,
            capture_output=True,
            check=True,
        )
        .stdout.decode()
        .strip()
    )


def raw_of(folder: Path, kind: str, name: str) -> bytes:
    """Return an object as git keeps it."""
    return git_bytes(folder, "cat-file", kind, name)


def image(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Return mode, time and digest of every file, so that no write goes unseen."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        is_file = path.is_file() and not path.is_symlink()
        digest = hashlib.sha256(path.read_bytes() if is_file else b"").hexdigest()
        found[path.relative_to(folder).as_posix()] = (stat.st_mode, stat.st_mtime_ns, digest)
    return found


def look(folder: Path) -> tuple[str, ...]:
    """Return every ref, the state of work tree and index, and all objects that refs reach."""
    return (
        git(folder, "for-each-ref"),
        git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=all"),
        git(folder, "rev-list", "--objects", "--all", "--count"),
    )


def commit_by_hand(folder: Path, path: str, content: str | bytes, message: str = "By hand") -> str:
    """Write a file, commit it as a person would, and return the commit's id.

    Where there is no such folder it becomes a repository.
    """
    if not folder.exists():
        git(folder.parent, "init", "--quiet", folder.name)
    data = content.encode() if isinstance(content, str) else content
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    git(folder, "add", path)
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD").strip()


def use_lfs(folder: Path, threshold: str = "1 KiB") -> None:
    """Let pipelines from some size on be Git LFS objects, by a commit of plain git."""
    text = f'schema = "1.0"\n\n[storage]\nlfs_threshold = "{threshold}"\n'
    commit_by_hand(folder, "modelstore.toml", text, "use LFS")


def refusal(call: Callable[..., Any], *args: Any, **details: Any) -> tuple[type, str, str | None]:
    """Return the kind, message and hint of the error that a call raises."""
    with pytest.raises(StoreError) as caught:
        call(*args, **details)
    return type(caught.value), str(caught.value), caught.value.hint


def refused(
    store: Store, kind: type[StoreError], call: Callable[..., Any], *args: Any, **details: Any
) -> tuple[str, str | None]:
    """Return message and hint of the error that a call raises, which leaves the store as it was."""
    before = look(store.path)
    raised, *words = refusal(call, *args, **details)
    assert (raised, look(store.path)) == (kind, before)
    return words[0], words[1]


def registry_with(store: Store, **moves: str) -> bytes:
    """Return registry.json after moves of churn such as `v1_0_0="staging"`, made by hand."""
    registry = Registry.parse((store.path / "registry.json").read_bytes())
    for version, status in moves.items():
        number = Version.parse(version[1:].replace("_", "."))
        registry = registry.with_status("churn", number, status)
    return registry.render()
