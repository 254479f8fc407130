"""What DVC knows data by: what a `.dvc` file pins, and the same digests of data at hand.

DVC writes its files itself, in the block style of YAML and always with the same keys, so that
lines are enough to read them; whatever is written otherwise is refused.

Source: DVC's documentation, "`.dvc` files", and the text that `dvc add` of 1.x to 3.x writes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from gitmodelstore.errors import InvalidInput
from gitmodelstore.lineage import visible
from gitmodelstore.lineage.files import PLAIN, Hashing, digests_in_folder, read_whole
from gitmodelstore.values.digest import Digest

SUFFIX = ".dvc"
FILE, FOLDER = "md5", "md5-dir"

_MOST_BYTES = 1 << 20  # of a `.dvc` file
_OUTPUTS = re.compile(r"^outs:[ \t]*(?:#.*)?$(?P<body>(?:\n(?:[ \t-].*|#.*)?)*)", re.MULTILINE)
_ITEM = re.compile(r"([ \t]*)- +(?=\S)")
_KEY = re.compile(r"(?P<key>[\w-]+):(?:[ \t]+(?P<value>.*?))?[ \t]*$")
_MD5 = re.compile(r"([0-9a-f]{32})(\.dir)?")
_INSTEAD = "give the data itself"


def pinned(path: Path) -> tuple[Digest, int]:
    """Return the digest and the size in bytes that a `.dvc` file pins for its one output.

    The digest is of the algorithm "md5" for a file, "md5-dir" for a folder.

    Raises:
        InvalidInput: it cannot be read, or pins nothing, several outputs, or by something
            else than an MD5 and a size.
    """
    data, _ = read_whole(path)
    shown = f"'{visible(str(path))}'"
    outputs = list(_outputs(data[:_MOST_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")))
    if len(outputs) > 1:
        raise InvalidInput(
            f"{shown} pins {len(outputs)} outputs, not one",
            hint="give the one that you mean, as the file or folder itself",
        )
    if not outputs:
        raise InvalidInput(f"{shown} pins nothing: it has no 'outs'", hint=_INSTEAD)
    output = outputs[0]
    kind = output.get("hash", "md5")
    found = _MD5.fullmatch(output.get("md5", ""))
    if kind != "md5" or not found:
        other = next((key for key in ("etag", "checksum", "files") if key in output), kind)
        by = "an MD5" if other == "md5" else f"an MD5, but by its {other}"
        raise InvalidInput(f"{shown} does not pin its output by {by}", hint=_INSTEAD)
    size = output.get("size", "")
    if not re.fullmatch(r"[0-9]{1,15}", size):
        raise InvalidInput(
            f"{shown} does not say the size of its output",
            hint=f"let DVC write it anew with `dvc commit`, or {_INSTEAD}",
        )
    return Digest(FOLDER if found[2] else FILE, found[1]), int(size)


def digest_of_folder(folder: Path, how: Hashing = PLAIN) -> tuple[Digest, int]:
    """Return the "md5-dir" of a folder as `dvc add` computes it, and its size in bytes.

    Raises:
        InvalidInput: as `files.digest_of_folder`; a name that is not UTF-8.
    """
    found = digests_in_folder(folder, how, "md5")
    try:
        entries = [
            {"md5": digest, "relpath": name.decode("utf-8")}
            for name, digest, _ in found
            if name.rpartition(b"/")[2] != b".dvcignore"
        ]
    except UnicodeDecodeError:
        raise InvalidInput(f"'{visible(str(folder))}' holds a name that is not UTF-8") from None
    entries.sort(key=lambda entry: entry["relpath"])
    listed = json.dumps(entries, sort_keys=True).encode("utf-8")
    digest = hashlib.md5(listed, usedforsecurity=False).hexdigest()
    return Digest(FOLDER, digest), sum(size for _, _, size in found)


def _outputs(text: str) -> Iterator[dict[str, str]]:
    """Yield the keys of each output, those of lists and maps within it left out."""
    found = _OUTPUTS.search(text)
    indent: str | None = None
    output: dict[str, str] | None = None
    for line in found["body"].split("\n") if found else ():
        item = _ITEM.match(line)
        if item and (indent is None or item[1] == indent):
            if output is not None:
                yield output
            indent, output = item[1], {}
            line = line[: item.end()].replace("-", " ") + line[item.end() :]
        if output is None or indent is None:
            continue
        depth = len(line) - len(line.lstrip(" \t"))
        key = _KEY.fullmatch(line.strip())
        if key and depth == len(indent) + 2:
            output[key["key"]] = _unquoted(key["value"] or "")
    if output is not None:
        yield output


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value
