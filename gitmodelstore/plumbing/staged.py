"""What the commit that is being made holds, read from git's index by the git program.

For hooks that the pre-commit framework runs from a bare clone, without pygit2 and in a
few milliseconds: nothing but `os` and `subprocess` is imported here at once. Git is
started with the environment of the hook as it is, since GIT_INDEX_FILE names the index
that is committed, which is another one under `git commit -a` and `git commit PATH`.
Paths are relative to the working directory, with slashes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator

TYPE_CHECKING = False  # typing's own takes 7 ms to import, which hooks would feel
if TYPE_CHECKING:
    from gitmodelstore.checks.folder import FileFacts

MANIFEST, PIPELINE = "manifest.json", "pipeline.joblib"
_MODEL_FILES = (f":(glob)**/{MANIFEST}", f":(glob)**/{PIPELINE}")
_MOST_FOLDERS = 100  # from which on the whole index is listed: a command line has an end
_GITLINK = 0o160000  # a submodule, whose id names no blob
_PIPE_BYTES = 1 << 20
_KEPT_BYTES = (1 << 20) + 1  # of a file that is read and not only hashed; a manifest has less


class Staged:
    """The index against HEAD; git is asked at once, and answers while others work.

    Args:
        names: files that the framework names: those that the commit adds or changes, or
            all of them, without those that the user has excluded.
        folders: whether `model_folders` will be asked.
    """

    def __init__(self, names: Collection[str] = (), *, folders: bool = False) -> None:
        self._names = set(names)
        self._diff = _start("diff", "--cached", "--name-status", "-z", "--no-renames", "--relative")
        self._models = _start("ls-files", "-z", "--", *_MODEL_FILES) if folders else None

    def changes(self) -> dict[str, str]:
        """Return each path that the commit touches, with git's letter for what it does to it.

        Files that are only named are there with an "M". What the framework does not name is
        there only if it is deleted, or if a merge is being committed, of which the framework
        names no more than the conflicts.
        """
        parts = iter(_answer(self._diff).split("\0"))
        found = {path: letter for letter, path in zip(parts, parts, strict=False)}
        deleted = {path: letter for path, letter in found.items() if letter == "D"}
        unnamed = found.keys() - deleted.keys() - self._names
        more = found if unnamed and _is_merging() else deleted
        return {**dict.fromkeys(self._names, "M"), **more}

    def model_folders(self) -> list[str]:
        """Return the model folders that the commit touches: manifest next to pipeline.

        So is one that loses its pipeline by this commit. The top is the empty text.
        """
        assert self._models is not None  # noqa: S101 - as the class asks for
        changes = self.changes()
        held = set(_answer(self._models).split("\0"))
        held.update(path for path in changes if _is(path, PIPELINE))
        manifests = {os.path.dirname(path) for path in held if _is(path, MANIFEST)}
        pipelines = {os.path.dirname(path) for path in held if _is(path, PIPELINE)}
        touched = {above for path in changes for above in _folders(path)}
        return sorted(manifests & pipelines & touched)


def entries(pathspecs: Collection[str]) -> dict[str, tuple[int, str]]:
    """Return the files of the index that pathspecs fit: path to mode and id of the blob."""
    several = pathspecs if len(pathspecs) <= _MOST_FOLDERS else ()
    found = {}
    for line in _answer(_start("ls-files", "-s", "-z", "--", *several)).split("\0"):
        facts, _, path = line.partition("\t")
        mode, oid, stage = facts.split() if facts else ("", "", "")
        if stage == "0":
            found[path] = (int(mode, 8), oid)
    return found


def folder_pathspec(folder: str) -> str:
    """Return the pathspec of all files of a folder; of the top without its folders."""
    return f":(literal){folder}/" if folder else ":(glob)*"


def file_pathspec(path: str) -> str:
    """Return the pathspec of exactly one file."""
    return f":(literal){path}"


class Contents:
    """Size, SHA-256 and, of small files, bytes of blobs, found out in a thread of its own.

    Git reads and decompresses, and the thread hashes, while the caller imports its checks.

    Args:
        files: mode and id of the blob of each; what is no blob is passed over.
    """

    def __init__(self, files: Iterable[tuple[int, str]]) -> None:
        from threading import Thread

        oids = tuple(dict.fromkeys(oid for mode, oid in files if mode != _GITLINK))
        self._found: dict[str, tuple[str, int, bytes]] = {}
        self._failure: Exception | None = None
        self._thread = Thread(target=self._read, args=(oids,))
        self._thread.start()

    def data(self, oid: str) -> bytes:
        """Return the bytes of a blob; no more than the first MiB of a longer one.

        Raises:
            GitFailed: git could not read one of the blobs.
        """
        return self._get(oid)[2]

    def facts(self, oid: str, mode: int) -> FileFacts:
        """Return the facts of a file; behind a Git LFS pointer, of what it points to.

        Where that object lies on this machine its bytes count, not the pointer's word.

        Raises:
            GitFailed: git could not read one of the blobs.
        """
        from gitmodelstore.checks.folder import FileFacts
        from gitmodelstore.values.pointer import MOST_POINTER_BYTES, read_pointer

        if mode == _GITLINK:
            return FileFacts(mode, "", 0)
        sha256, size, data = self._get(oid)
        pointer = read_pointer(data) if data and size <= MOST_POINTER_BYTES else None
        if pointer is None:
            return FileFacts(mode, sha256, size)
        found = _large_object(pointer.sha256) or (pointer.sha256, pointer.size_bytes)
        return FileFacts(mode, *found)

    def _get(self, oid: str) -> tuple[str, int, bytes]:
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._found[oid]

    def _read(self, oids: tuple[str, ...]) -> None:
        try:
            for oid, sha256, size, data in _blobs(oids):
                self._found[oid] = (sha256, size, data)
        except Exception as error:  # told to whoever asks for the outcome
            self._failure = error


def _blobs(oids: Iterable[str]) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield id, SHA-256, size and first MiB of each blob."""
    from hashlib import sha256

    process = _start("cat-file", "--batch", stdin=subprocess.PIPE, pipesize=_PIPE_BYTES)
    asked, answer = process.stdin, process.stdout
    if asked is None or answer is None:
        raise _failed(process)
    with process:
        for oid in oids:
            asked.write(f"{oid}\n".encode())
            asked.flush()
            head = answer.readline().split()
            if len(head) != 3:
                raise _failed(process)
            size = left = int(head[2])
            total, kept = sha256(), b""
            while left:
                block = answer.read(min(left, _PIPE_BYTES))
                if not block:
                    raise _failed(process)
                total.update(block)
                kept += block[: _KEPT_BYTES - len(kept)]
                left -= len(block)
            answer.readline()
            yield oid, total.hexdigest(), size, kept
        asked.close()


def _large_object(named: str) -> tuple[str, int] | None:
    """Return SHA-256 and size of a Git LFS object; None when it is not on this machine."""
    import hashlib

    common = _answer(_start("rev-parse", "--git-common-dir")).rstrip("\n")
    path = os.path.join(common, "lfs", "objects", named[:2], named[2:4], named)
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            return found, file.tell()
    except FileNotFoundError:
        return None


def _folders(path: str) -> Iterator[str]:
    """Yield the folder of a path and those above it but the top, or the top for a file there."""
    above = os.path.dirname(path)
    yield above
    while above := os.path.dirname(above):
        yield above


def _is(path: str, name: str) -> bool:
    return path == name or path.endswith(f"/{name}")


def _is_merging() -> bool:
    process = _start("rev-parse", "--quiet", "--verify", "MERGE_HEAD")
    process.communicate()
    return process.returncode == 0


def _start(
    *args: str, stdin: int = subprocess.DEVNULL, pipesize: int = -1
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            ["git", *args],
            stdin=stdin,
            stdout=subprocess.PIPE,  # what it has to complain of goes to the user's screen
            pipesize=pipesize,
        )
    except FileNotFoundError as error:
        from gitmodelstore.errors import GitFailed

        raise GitFailed("git is not installed", hint="install the package 'git'") from error


def _answer(process: subprocess.Popen[bytes]) -> str:
    stdout, _ = process.communicate()
    if process.returncode:
        raise _failed(process)
    return os.fsdecode(stdout)


def _failed(process: subprocess.Popen[bytes]) -> Exception:
    from gitmodelstore.errors import GitFailed

    return GitFailed(f"git could not say what is staged: it exited with {process.poll()}")
