"""What the commit that is being made holds, read from git's index by the git program.

For hooks that the pre-commit framework runs from a bare clone, without pygit2 and in a
few milliseconds: nothing that takes time is imported here at once. Git is started with
the environment of the hook as it is, since GIT_INDEX_FILE names the index that is
committed, which is another one under `git commit -a` and `git commit PATH`.
Paths are relative to the working directory, with slashes.
"""

from __future__ import annotations

import os

from gitmodelstore.plumbing.git import TYPE_CHECKING, Git, failure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from io import BufferedReader

    from gitmodelstore.checks.folder import FileFacts

MANIFEST, PIPELINE = "manifest.json", "pipeline.joblib"
_MODEL_FILES = (f":(glob)**/{MANIFEST}", f":(glob)**/{PIPELINE}")
_MOST_FOLDERS = 100  # from which on the whole index is listed: a command line has an end
_PLAIN = (0o100644, 0o100755)
_GITLINK = 0o160000  # a submodule, whose id names no blob
_MOST_TRIED = 16 << 20  # a larger one is probably kept by Git LFS, and the blob its pointer
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would convert line ends
_MOST_ASKED = 300  # questions that fit into a pipe, so that none waits for its reader
_BLOCK_BYTES = (1 << 20) + 1  # of a file that is kept and not only hashed; a manifest has less


class Staged:
    """The index against HEAD; git is asked at once, and answers while others work.

    Args:
        names: files that the framework names: those that the commit adds or changes, or
            all of them, without those that the user has excluded.
        folders: whether `model_folders` and `files_of` will be asked.
    """

    def __init__(self, names: Collection[str] = (), *, folders: bool = False) -> None:
        self._names = set(names)
        self._diff = Git("diff", "--cached", "--name-status", "-z", "--no-renames", "--relative")
        # The folders that are probably meant are listed at once: a second git would take longer.
        likely = {os.path.dirname(name) for name in names if _is(name, MANIFEST, PIPELINE)}
        self._asked = likely if len(likely) <= _MOST_FOLDERS else set()
        specs = (*_MODEL_FILES, *map(folder_pathspec, self._asked))
        self._listing = Git("ls-files", "-s", "-z", "--", *specs) if folders else None
        self._listed: dict[str, tuple[int, str]] = {}

    def changes(self) -> dict[str, str]:
        """Return each path that the commit touches, with git's letter for what it does to it.

        Files that are only named are there with an "M". What the framework does not name is
        there only if it is deleted, or if a merge is being committed, of which the framework
        names no more than the conflicts.
        """
        parts = iter(self._diff.answer().split("\0"))
        found = {path: letter for letter, path in zip(parts, parts, strict=False)}
        deleted = {path: letter for path, letter in found.items() if letter == "D"}
        unnamed = found.keys() - deleted.keys() - self._names
        more = found if unnamed and _is_merging() else deleted
        return {**dict.fromkeys(self._names, "M"), **more}

    def model_folders(self) -> list[str]:
        """Return the model folders that the commit touches: manifest next to pipeline.

        So is one that loses its pipeline by this commit. The top is the empty text.
        """
        assert self._listing is not None  # noqa: S101 - as the class asks for
        changes = self.changes()
        self._listed = _read_listing(self._listing)
        held = {*self._listed, *(path for path in changes if _is(path, PIPELINE))}
        manifests = {os.path.dirname(path) for path in held if _is(path, MANIFEST)}
        pipelines = {os.path.dirname(path) for path in held if _is(path, PIPELINE)}
        touched = {above for path in changes for above in _folders(path)}
        return sorted(manifests & pipelines & touched)

    def files_of(self, folders: Collection[str]) -> dict[str, tuple[int, str]]:
        """Return the files of model folders, as `entries` does."""
        if not self._asked.issuperset(folders):
            return entries([folder_pathspec(folder) for folder in folders])
        starts = tuple(f"{folder}/" for folder in folders if folder)
        return {
            path: entry
            for path, entry in self._listed.items()
            if path.startswith(starts) or ("" in folders and "/" not in path)
        }


def entries(pathspecs: Collection[str]) -> dict[str, tuple[int, str]]:
    """Return the files of the index that pathspecs fit: path to mode and id of the blob."""
    several = pathspecs if len(pathspecs) <= _MOST_FOLDERS else ()
    return _read_listing(Git("ls-files", "-s", "-z", "--", *several))


def _read_listing(git: Git) -> dict[str, tuple[int, str]]:
    found = {}
    for line in git.answer().split("\0"):
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

    They are read and hashed while the caller imports its checks. Where the file of the work
    tree has the id of the blob, it is the blob, and need not be decompressed by git.

    Args:
        files: path to mode and id of the blob; what is no blob is passed over.
    """

    def __init__(self, files: Mapping[str, tuple[int, str]]) -> None:
        from threading import Thread

        self._found: dict[str, tuple[str, int, bytes]] = {}
        self._failure: Exception | None = None
        self._thread = Thread(target=self._read, args=(dict(files),))
        self._thread.start()

    def data(self, oid: str) -> bytes:
        """Return the bytes of a blob; of one longer than a MiB just more than that.

        Raises:
            GitFailed: git could not read one of the blobs.
        """
        return self._get(oid)[2]

    def plain(self, oid: str) -> tuple[str, int]:
        """Return SHA-256 and size of a blob as it is, even if it is a pointer; raises as `data`."""
        return self._get(oid)[:2]

    def sha256(self, oid: str) -> str | None:
        """Return the SHA-256 of a blob; None of one that was not asked for, or not to be read."""
        self._thread.join()
        found = self._found.get(oid)
        return found[0] if found else None

    def facts(self, oid: str, mode: int) -> FileFacts:
        """Return the facts of a file; behind a Git LFS pointer, of what it points to.

        Where that object lies on this machine its bytes count, not the pointer's word.

        Raises:
            GitFailed: git could not read one of the blobs.
        """
        from gitmodelstore.checks.folder import FileFacts
        from gitmodelstore.values.objects import MOST_POINTER_BYTES, read_pointer

        if mode == _GITLINK:
            return FileFacts("", 0, mode)
        sha256, size, data = self._get(oid)
        pointer = read_pointer(data) if data and size <= MOST_POINTER_BYTES else None
        if pointer is None:
            return FileFacts(sha256, size, mode)
        found = _large_object(pointer.sha256) or (pointer.sha256, pointer.size_bytes)
        return FileFacts(*found, mode)

    def _get(self, oid: str) -> tuple[str, int, bytes]:
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._found[oid]

    def _read(self, files: dict[str, tuple[int, str]]) -> None:
        try:
            others = []
            for path, (mode, oid) in files.items():
                found = _in_work_tree(path, oid) if mode in _PLAIN else None
                if found is not None:
                    self._found[oid] = found
                elif mode != _GITLINK:
                    others.append(oid)
            for oid, sha256, size, data in _blobs(tuple(dict.fromkeys(others))):
                self._found[oid] = (sha256, size, data)
        except Exception as error:  # told to whoever asks for the outcome
            self._failure = error


def _in_work_tree(path: str, oid: str) -> tuple[str, int, bytes] | None:
    """Return SHA-256, size and first MiB of a blob from the file that `git add` made it of.

    None where the file is another one by now, or was another one before git's filters: the
    id, which is a digest of size and content, would differ.
    """
    from hashlib import sha1, sha256

    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | _BINARY)
    except OSError:
        return None
    with open(descriptor, "rb", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        if size > _MOST_TRIED:
            return None
        header = b"blob %d\0" % size
        id_, total = sha1(header, usedforsecurity=False), sha256()
        if len(oid) != 40:  # a repository whose ids are SHA-256
            id_ = sha256(header)
        kept = b""
        while block := file.read(_BLOCK_BYTES):
            id_.update(block)
            total.update(block)
            if len(kept) < _BLOCK_BYTES:
                kept += block
    return (total.hexdigest(), size, kept) if id_.hexdigest() == oid else None


def _blobs(oids: Sequence[str]) -> Iterator[tuple[str, str, int, bytes]]:
    """Yield id, SHA-256, size and first MiB of each blob."""
    for start in range(0, len(oids), _MOST_ASKED):
        asked = oids[start : start + _MOST_ASKED]
        question = "".join(f"{oid}\n" for oid in asked).encode()
        git = Git("cat-file", "--batch", "--buffer", question=question)
        block = memoryview(bytearray(_BLOCK_BYTES))  # one for all: new memory costs time
        with open(git.output, "rb") as answer:
            for oid in asked:
                yield oid, *_blob(answer, block)
        git.end()


def _blob(answer: BufferedReader, block: memoryview) -> tuple[str, int, bytes]:
    """Read SHA-256, size and first MiB of the next blob of `git cat-file --batch`."""
    from hashlib import sha256

    head = answer.readline().split()
    if len(head) != 3:
        raise failure(f"git cannot read {os.fsdecode(b' '.join(head)) or 'what is staged'}")
    size = left = int(head[2])
    total, kept = sha256(), b""
    while left:
        count = answer.readinto(block[: min(left, _BLOCK_BYTES)])
        if not count:
            raise failure("git ended in the middle of a file")
        total.update(block[:count])
        if len(kept) < _BLOCK_BYTES:
            kept += block[:count]
        left -= count
    answer.readline()
    return total.hexdigest(), size, kept


def _large_object(named: str) -> tuple[str, int] | None:
    """Return SHA-256 and size of a Git LFS object; None when it is not on this machine."""
    import hashlib

    common = Git("rev-parse", "--git-common-dir").answer().rstrip("\n")
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


def _is(path: str, *names: str) -> bool:
    return os.path.basename(path) in names


def _is_merging() -> bool:
    git = Git("rev-parse", "--quiet", "--verify", "MERGE_HEAD")
    git.read()
    return git.wait() == 0
