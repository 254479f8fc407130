"""Uncommitted changes as one patch, of which `git apply` rebuilds the work tree.

What became of tracked files `git diff` says; here are its options, which nobody's settings
may change, since the bytes are digested, and the new files that git does not track yet,
written as git would write them if it did.

Source: git help diff-format; of binary files, diff.c and base85.c of git (Python's
base64.b85encode has the same alphabet).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import visible

# Without the commit, and the prefix of a submodule's paths.
_OPTIONS = (
    "--binary",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--no-relative",
    "--no-indent-heuristic",
    "--diff-algorithm=myers",
    "--unified=3",
    "--inter-hunk-context=0",
    "--submodule=short",
    "--ignore-submodules=dirty",  # what changed inside of one follows as files
    "-O/dev/null",
)
_SETTINGS = (
    "core.quotePath=true",
    "core.compression=1",
    "core.looseCompression=1",  # which git takes for binary patches too
    "diff.suppressBlankEmpty=false",
)
# The tree without files, which git knows without holding it: what a first commit is compared to.
EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_BINARY_LINE = 52  # bytes that a line of a binary patch holds at most
_NOTHING = "literal 0\nHcmV?d00001\n\n"  # what is there before: no bytes, deflated
_QUOTED = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 34: '"', 92: "\\"}


def diff_command(against: str, prefix: str = "") -> tuple[str, ...]:
    """Return the arguments of git that print how the work tree differs from a commit.

    Args:
        against: the commit, or a tree.
        prefix: put before each path, as `lib/` for those of the submodule `lib`.
    """
    settings = (argument for setting in _SETTINGS for argument in ("-c", setting))
    prefixes = (f"--src-prefix=a/{prefix}", f"--dst-prefix=b/{prefix}")
    # A recording must not disturb a commit that is being made.
    return (*settings, "--no-optional-locks", "diff", *_OPTIONS, *prefixes, against, "--")


def new_file(top: Path, path: bytes, algorithm: str, prefix: bytes = b"") -> bytes:
    """Return the patch that makes a file: of a link its target, as git would record it.

    Args:
        top: the work tree.
        path: of the file in it.
        algorithm: by which the repository names objects, "sha1" or "sha256".
        prefix: put before the path, as in `diff_command`.

    Raises:
        InvalidInput: the file cannot be read.
    """
    mode, content = _read(top / os.fsdecode(path))
    oid = hashlib.new(algorithm, b"blob %d\0" % len(content) + content).hexdigest()
    before, after = _quoted(b"a/" + prefix + path), _quoted(b"b/" + prefix + path)
    head = f"diff --git {before} {after}\nnew file mode {mode:o}\nindex {'0' * len(oid)}..{oid}\n"
    if not content:
        return head.encode("ascii")
    if b"\0" in content:
        return (head + "".join(_binary(content))).encode("ascii")
    # A name with a space in it ends with a tab, as other tools would take a time for a part of it.
    end = "\t" if " " in after and not after.startswith('"') else ""
    return f"{head}--- /dev/null\n+++ {after}{end}\n".encode("ascii") + _text(content)


def _read(file: Path) -> tuple[int, bytes]:
    """Return the mode of a file as git keeps it, and its content."""
    try:
        mode = file.lstat().st_mode
        if stat.S_ISLNK(mode):
            return 0o120000, os.fsencode(os.readlink(file))
        return (0o100755 if mode & stat.S_IXUSR else 0o100644), file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot read the untracked source '{visible(str(file))}': "
            f"{(error.strerror or str(error)).lower()}",
            hint="commit it, or name it in .gitignore if it took no part",
        ) from error


def _text(content: bytes) -> bytes:
    lines = content.split(b"\n")
    last = lines.pop()
    count = len(lines) + bool(last)
    parts = [b"@@ -0,0 +1%s @@\n" % (b"" if count == 1 else b",%d" % count)]
    parts += [b"+" + line + b"\n" for line in lines]
    if last:
        parts.append(b"+" + last + b"\n\\ No newline at end of file\n")
    return b"".join(parts)


def _binary(content: bytes) -> Iterator[str]:
    yield f"GIT binary patch\nliteral {len(content)}\n"
    deflated = zlib.compress(content, 1)
    for start in range(0, len(deflated), _BINARY_LINE):
        piece = deflated[start : start + _BINARY_LINE]
        length = chr(ord("A") + len(piece) - 1 if len(piece) <= 26 else ord("a") + len(piece) - 27)
        yield f"{length}{base64.b85encode(piece, pad=True).decode('ascii')}\n"
    yield "\n" + _NOTHING


def _quoted(path: bytes) -> str:
    r"""Return a path as git prints it with core.quotePath.

    >>> _quoted(b"a/b c.py"), _quoted("a/é.py".encode())
    ('a/b c.py', '"a/\\303\\251.py"')
    """
    if re.fullmatch(rb'[^\x00-\x1f"\\\x7f-\xff]*', path):
        return path.decode("ascii")
    shown = (
        f"\\{_QUOTED[byte]}"
        if byte in _QUOTED
        else chr(byte)
        if 32 <= byte < 127
        else f"\\{byte:03o}"
        for byte in path
    )
    return f'"{"".join(shown)}"'
