"""Git's objects in files of their own: written, and read where libgit2 does it badly.

libgit2 could do it, but deflates all at one level, which for a pipeline takes
longer than pickling it (and inflating it again longer than unpickling), and spends
a dozen system calls where three do. Packing, which is where git saves space and
shares bytes between versions, deflates anew in any case.

`git prune --expire=now`, alone or in `git gc --prune=now`, removes every loose object that no
ref reached when it started, also what a writer has made and named since. A ref of our own would
come too late as well, and git's lock of a gc binds no `git prune`. So before the branch moves,
each new object gets a hard link in `gitmodelstore-spares` for some minutes. A writer waits for
a `git gc` at work and puts back what is missing. A prune that outlasts that is recognized by
`objects/tmp_gitmodelstore`, which it removes last: then the next reader that misses an object,
or the next writer, restores all.

Source of the formats: git's Documentation/gitformat-loose and gitformat-commit.
"""

from __future__ import annotations

import errno
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from gitmodelstore.errors import FROM_INTACT, IntegrityError
from gitmodelstore.lean import BinaryIO, Literal, dataclass, replace, sha1
from gitmodelstore.plumbing import processes
from gitmodelstore.plumbing.files import UNSHARED, Sharing
from gitmodelstore.plumbing.large_files import Stream, fill, private_memory
from gitmodelstore.values.names import large_file_path

Buffer = bytes | memoryview
Kind = Literal["blob", "tree", "commit", "tag"]

STORED = 0  # as it is
FAST = 1  # deflated at the level that git itself takes for loose objects
_MOST_AS_IT_IS = 4000  # bytes: with its head it fills no more than a block of the disk
_FOLDER = 0o040000
_CHUNK = 1 << 20
# zlib's window in bits, and its memLevel. With its defaults it asks the system for a quarter of a
# megabyte, which for a commit costs ten times as much as deflating it.
_ANY = (15, 8)
_SMALL = (13, 6)
_SMALL_BYTES = 1 << 13  # a window of 13 bits sees all of it
_STORED_HEAD = b"\x78\x01"  # of a zlib stream: deflate, a window of 32 KB, the fastest level
_MOST_STORED = 0xFFFF  # bytes that a stored block holds
_BLOCK_HEAD = struct.Struct("<BHH")  # whether it is the last, its size, and that inverted
_MOST_TRIES = 50  # against a `git prune` that removes temporary files, however young
_MOST_PARTS = 1000  # in one call of writev; Linux takes 1,024
_FEW_PARTS = 3  # which are the head
_GIVEN = 1 << 16  # to zlib at a time: it copies what it did not take
_MOST_HEADER = 64
_CHECKSUM_BYTES = 4
MOST_WHOLE_BYTES = 1 << 20


class Damaged(Exception):
    """An object's file does not hold what its name says, as whoever reads it finds out."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """What an object is to hold, of which no more than two pieces need be in memory at a time."""

    nbytes: int
    again: Callable[[], Iterable[Buffer]]  # yields all of it, each time it is called


def write(
    objects: str | Path,
    kind: Kind,
    data: Buffer | Pieces,
    level: int,
    sharing: Sharing = UNSHARED,
) -> str:
    """Store an object in the folder `objects` of a git directory; return its id."""
    view = data if isinstance(data, Pieces) else memoryview(data)
    header = f"{kind} {view.nbytes}\0".encode()
    digest = sha1(header, view.nbytes)
    for piece in _pieces(view):
        digest.update(piece)
    oid = digest.hexdigest()
    path = f"{objects}/{oid[:2]}/{oid[2:]}"

    def make() -> bool:
        """Write the file; return False where a `git prune` took it half written."""
        # git's own gc removes what is called tmp_obj_… and was left by a dead writer.
        temporary = os.path.join(objects, f"tmp_obj_{os.urandom(8).hex()}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
            try:
                sharing.adjust(descriptor)
                if level == STORED or isinstance(view, Pieces) or view.nbytes <= _MOST_AS_IT_IS:
                    written = _stored(header, view)
                else:
                    written = _deflated(header, view, level)
                for parts in written:
                    _write(descriptor, parts)
            finally:
                os.close(descriptor)
            return _rename(temporary, path, sharing)
        except BaseException:  # Ctrl-C too must leave no file
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    if not _is_kept(path) and not any(make() for _ in range(_MOST_TRIES)):
        raise FileNotFoundError(errno.ENOENT, "what is written disappears at once", path)
    return oid


def _is_kept(path: str) -> bool:
    """Whether an object is there already; it is made young, so that no gc takes it just now."""
    try:
        if os.stat(path).st_size == 0:  # what a power cut leaves
            return False
        os.utime(path)
    except (FileNotFoundError, PermissionError):  # somebody else's is made anew
        return False
    return True


def read(raw: bytes, oid: str) -> tuple[str, bytes] | None:
    """Return kind and content of the file of an object, checked against its id; None if odd."""
    head, separator, content = _inflated(raw, oid).partition(b"\0")
    kind, _, size = head.decode(errors="replace").partition(" ")
    is_whole = separator and size.isdecimal() and int(size) == len(content)
    return (kind, content) if is_whole and object_id(kind, content) == oid else None


def _inflated(raw: bytes, oid: str) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(raw)
    except zlib.error as error:
        raise Damaged(f"{oid}: {error}") from None
    if not unpacker.eof:
        raise Damaged(f"{oid}: the object was cut short")
    return data


def read_blob(file: BinaryIO, oid: str, *, checked: bool = True) -> memoryview:
    """Return the content of a loose blob in memory of its own.

    `checked` against its id, which whoever knows its SHA-256 does without where it is stored.
    """
    # Read in parts, a large one is in memory once; a stored one, as pipelines are, is not inflated.
    stored = _as_stored(file)
    if stored is not None and (not checked or blob_id(stored) == oid):
        return stored
    return fill(open_blob(file, oid, checked=True))


def _as_stored(file: BinaryIO) -> memoryview | None:
    """Return the content of a sound blob that `_stored` wrote, by two calls; None of any other."""
    if not hasattr(os, "preadv"):
        return None
    descriptor, start = file.fileno(), len(_STORED_HEAD) + _BLOCK_HEAD.size
    begin = os.pread(descriptor, start + _MOST_HEADER, 0)
    header = begin[start : begin.find(b"\0", start) + 1]
    kind, _, digits = header[:-1].partition(b" ")
    is_ours = begin.startswith(_STORED_HEAD + _block_head(len(header), last=False))
    if not is_ours or kind != b"blob" or not digits.isdigit():
        return None
    size, start = int(digits), start + len(header)
    blocks = -(-size // _MOST_STORED)
    length = start + size + (blocks + 1) * _BLOCK_HEAD.size + _CHECKSUM_BYTES
    if length > MOST_WHOLE_BYTES or os.fstat(descriptor).st_size != length:
        return None
    data, parts, wanted = private_memory(size), list[memoryview](), list[bytes]()
    for at in range(0, size, _MOST_STORED):
        block = data[at : at + _MOST_STORED]
        wanted.append(_block_head(block.nbytes, last=False))
        parts += (memoryview(bytearray(_BLOCK_HEAD.size)), block)
    end = memoryview(bytearray(_BLOCK_HEAD.size + _CHECKSUM_BYTES))
    taken = os.preadv(descriptor, [*parts, end], start)
    checksum = zlib.adler32(data, zlib.adler32(header)).to_bytes(_CHECKSUM_BYTES, "big")
    is_whole = parts[::2] == wanted and end == _block_head(0, last=True) + checksum
    return data if taken == length - start and is_whole else None


def open_blob(file: BinaryIO, oid: str, *, checked: bool) -> Stream:
    """Return the content of a loose blob as it comes; `checked` against id and checksum."""
    # Whoever knows its SHA-256 does without: what is stored goes where it is wanted without a copy.
    readinto = _Blocks(file, oid, checked=checked).readinto
    header, byte = b"", memoryview(bytearray(1))
    while not header.endswith(b"\0"):
        if len(header) > _MOST_HEADER or not readinto(byte):
            raise Damaged(f"{oid}: it is not a file")
        header += byte
    kind, _, size = header[:-1].partition(b" ")
    if kind != b"blob" or not size.isdigit():
        raise Damaged(f"{oid}: it is not a file")
    stream = whole(oid, int(size), readinto)
    return with_id(oid, stream) if checked else replace(stream, file=file)


def blob_id(content: Buffer) -> str:
    """Return the id that git gives a file."""
    return object_id("blob", content)


def object_id(kind: str, content: Buffer) -> str:
    """Return the id that git gives an object."""
    digest = sha1(b"%s %d\0" % (kind.encode(), len(content)), len(content))
    digest.update(content)
    return digest.hexdigest()


def with_id(oid: str, stream: Stream) -> Stream:
    """Return a stream that is compared with the id of the blob that it should be."""
    digest = sha1(b"blob %d\0" % stream.size_bytes, stream.size_bytes)

    def read(target: memoryview) -> int:
        count = stream.readinto(target)
        digest.update(target[:count])
        if count == 0 and digest.hexdigest() != oid:
            raise Damaged(f"{oid}: its content has another id")
        return count

    return Stream(stream.size_bytes, read)


def whole(oid: str, size_bytes: int, readinto: Callable[[memoryview], int]) -> Stream:
    """Return a stream of exactly so many bytes."""
    if size_bytes >> 48:  # more than any file has: a damaged number
        raise Damaged(f"{oid}: it says that it has {size_bytes} bytes")
    left, has_ended = size_bytes, False

    def read(target: memoryview) -> int:
        nonlocal left, has_ended
        if left == 0:
            if not has_ended and readinto(memoryview(bytearray(1))):
                raise Damaged(f"{oid}: it is longer than it says")
            has_ended = True
            return 0
        count = readinto(target[:left])
        if count == 0:
            raise Damaged(f"{oid}: the object was cut short")
        left -= count
        return count

    return Stream(size_bytes, read)


class Inflated:
    """What a zlib stream holds that begins where a file stands."""

    def __init__(self, file: BinaryIO, oid: str) -> None:
        self._file = file
        self._oid = oid
        self._unpacker = zlib.decompressobj()
        self._given = b""

    def readinto(self, target: memoryview) -> int:
        """Fill memory and return how far; less than it has room for only at the end."""
        filled = 0
        while filled < len(target) and not self._unpacker.eof:
            given = self._given or self._file.read(_GIVEN)
            try:
                part = self._unpacker.decompress(given, min(len(target) - filled, _CHUNK))
            except zlib.error as error:
                raise Damaged(f"{self._oid}: {error}") from None
            if not (given or part or self._unpacker.eof):
                raise Damaged(f"{self._oid}: the object was cut short")
            self._given = self._unpacker.unconsumed_tail
            target[filled : filled + len(part)] = part
            filled += len(part)
        return filled


class _Blocks:
    """What a zlib stream in a file holds, not inflating what is stored; `checked`: by checksum."""

    def __init__(self, file: BinaryIO, oid: str, *, checked: bool) -> None:
        self._file = file
        self._oid = oid
        self._taken = 0
        self._left = 0  # of the block
        self._checksum = zlib.adler32(b"") if checked else None
        self._is_last = self._has_ended = False
        self._inflated: Inflated | None = None
        if file.read(len(_STORED_HEAD)) != _STORED_HEAD:
            self._inflate()

    def readinto(self, target: memoryview) -> int:
        """Fill memory and return how far, as `Inflated.readinto`."""
        filled = 0
        while filled < len(target) and self._inflated is None:
            if self._left:
                count = self._file.readinto(target[filled : filled + self._left])  # type: ignore[attr-defined]
                if not count:
                    raise Damaged(f"{self._oid}: the object was cut short")
                if self._checksum is not None:
                    self._checksum = zlib.adler32(target[filled : filled + count], self._checksum)
                filled += count
                self._left -= count
                self._taken += count
            elif self._is_last:
                self._end()
                return filled
            elif not self._begin():
                self._inflate()
        if self._inflated is not None:
            filled += self._inflated.readinto(target[filled:])
        return filled

    def _begin(self) -> bool:
        """Begin the next block; False where it is deflated, or damaged."""
        head = self._file.read(_BLOCK_HEAD.size)
        if len(head) < _BLOCK_HEAD.size:
            return False
        last, size, check = _BLOCK_HEAD.unpack(head)
        if last > 1 or size ^ _MOST_STORED != check:
            return False
        self._is_last, self._left = bool(last), size
        return True

    def _end(self) -> None:
        if self._has_ended:
            return
        checksum = self._file.read(_CHECKSUM_BYTES)
        if len(checksum) < _CHECKSUM_BYTES:
            raise Damaged(f"{self._oid}: the object was cut short")
        if self._checksum not in (None, int.from_bytes(checksum, "big")):
            raise Damaged(f"{self._oid}: its checksum is wrong")
        self._has_ended = True

    def _inflate(self) -> None:
        """Start again with zlib, which says what is wrong, and continue at this point."""
        self._file.seek(0)
        self._inflated = Inflated(self._file, self._oid)
        left = self._taken
        while left:
            left -= self._inflated.readinto(memoryview(bytearray(min(left, _CHUNK))))


def tree_data(entries: Iterable[tuple[str, int, str]]) -> bytes:
    """Return the content of a tree object; git sorts a folder as if its name ended in a slash."""
    parts = []
    for name, mode, oid in sorted(
        entries, key=lambda entry: f"{entry[0]}/" if entry[1] == _FOLDER else entry[0]
    ):
        parts.append(f"{mode:o} {name}\0".encode() + bytes.fromhex(oid))
    return b"".join(parts)


def _pieces(data: memoryview | Pieces) -> Iterable[Buffer]:
    return data.again() if isinstance(data, Pieces) else (data,)


def _stored(header: bytes, data: memoryview | Pieces) -> Iterator[list[Buffer]]:
    """Yield a zlib stream of stored blocks: what zlib makes at level 0, and copies twice."""
    # Source: RFC 1950 (head, checksum) and RFC 1951, section 3.2.4.
    checksum = zlib.adler32(header)
    parts: list[Buffer] = [_STORED_HEAD, _block_head(len(header), last=False), header]
    for piece in _pieces(data):
        if len(parts) > _FEW_PARTS:  # of the piece before
            yield parts
            parts = []
        checksum = zlib.adler32(piece, checksum)
        view = memoryview(piece)
        for start in range(0, view.nbytes, _MOST_STORED):
            block = view[start : start + _MOST_STORED]
            parts += (_block_head(block.nbytes, last=False), block)
            if len(parts) >= _MOST_PARTS:
                yield parts
                parts = []
    yield [*parts, _block_head(0, last=True), checksum.to_bytes(4, "big")]


def _block_head(size: int, *, last: bool) -> bytes:
    return _BLOCK_HEAD.pack(last, size, size ^ _MOST_STORED)


def _deflated(header: bytes, data: memoryview, level: int) -> Iterator[list[Buffer]]:
    window, memory = _SMALL if data.nbytes <= _SMALL_BYTES else _ANY
    packer = zlib.compressobj(level, wbits=window, memLevel=memory)
    parts: list[Buffer] = [packer.compress(header)]
    for start in range(0, data.nbytes, _CHUNK):
        parts.append(packer.compress(data[start : start + _CHUNK]))
        if start + _CHUNK < data.nbytes:
            yield parts
            parts = []
    yield [*parts, packer.flush()]


def _write(descriptor: int, parts: list[Buffer]) -> None:
    """Write all of `parts`, in one call where the system has one and takes it whole."""
    if hasattr(os, "writev"):
        written = os.writev(descriptor, parts)
        if written == sum(memoryview(part).nbytes for part in parts):
            return
        rest = memoryview(b"".join(parts))[written:]
    else:
        rest = memoryview(b"".join(parts))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _rename(temporary: str, path: str, sharing: Sharing) -> bool:
    """Give an object its name; False if a `git prune` took it. A gc may take the folder too."""
    for _ in range(100):
        try:
            os.rename(temporary, path)
            return True
        except FileNotFoundError:
            if not os.path.lexists(temporary):
                return False
            with suppress(FileNotFoundError):
                sharing.make_folder(os.path.dirname(path))
    os.rename(temporary, path)
    return True


# Second names for what was just written, so that no prune takes it.

_SPARES = "gitmodelstore-spares"  # a folder below it for each minute
_MINUTE_SECONDS = 60
_KEPT_MINUTES = 2  # longer than a prune takes from its look at the refs to its last removal
_OID_DIGITS = 40
_PREFIX = 2  # digits of an id that name a folder
SIGN = "objects/tmp_gitmodelstore"  # gone as soon as a prune of young objects is through
_PRUNE_SECONDS = 5.0


def keep(common_dir: Path, name: str, sharing: Sharing) -> bool:
    """Link an object, by id or LFS SHA-256, in the spares; False if there is no loose one."""
    first = place(common_dir, name)
    second = f"{common_dir}/{_SPARES}/{_minute()}/{_fanned(name)}"
    for _ in range(2):
        try:
            os.link(first, second)
        except FileExistsError:  # what it would be a name for is looked up before
            pass
        except FileNotFoundError:
            if not os.path.exists(first):
                return False
            if not os.path.isdir(f"{common_dir}/{_SPARES}"):
                _put_sign(common_dir, sharing)
            with suppress(OSError):
                sharing.make_folder(os.path.dirname(second))
            continue
        except OSError:  # a file system without second names, or another user's file
            return os.path.exists(first)
        return True
    return os.path.exists(first)


def beside(git_dir: Path) -> str:
    """Return the folders of second names, as git takes them for further ones of objects."""
    with suppress(OSError):
        folders = [f"{git_dir}/{_SPARES}/{minute}" for minute in os.listdir(git_dir / _SPARES)]
        return os.pathsep.join(folder for folder in folders if os.pathsep not in folder)
    return ""


def restore_pruned(common_dir: Path, sharing: Sharing) -> bool:
    """Restore what a prune has taken; return whether one has come by, or comes just now."""
    if not os.path.isdir(f"{common_dir}/{_SPARES}"):
        return False
    for _ in processes.tries(time.monotonic() + _PRUNE_SECONDS):
        is_at_work = _is_pruning()  # first: the sign goes before the process
        if not os.path.exists(f"{common_dir}/{SIGN}"):
            _put_sign(common_dir, sharing)
            restore(common_dir, sharing)
            return True
        if not is_at_work:
            break
    return False


def restore(common_dir: Path, sharing: Sharing) -> bool:
    """Give all that has a second name its first one back; return whether one was missing."""
    with suppress(OSError):
        folders = list(Path(common_dir, _SPARES).iterdir())
        spares = [spare for folder in folders for spare in _of_minute(folder)]
        return sum(_restore(common_dir, *spare, sharing) for spare in spares) > 0
    return False


def tend(common_dir: Path, sharing: Sharing, is_packed: Callable[[str], bool], last: int) -> int:
    """Restore what prunes took, drop old spares; hold the writer lock. Returns the next `last`."""
    # `is_packed`: whether an object is here all the same. `last`: so that it is done once a minute.
    if not os.path.exists(f"{common_dir}/{SIGN}"):
        _put_sign(common_dir, sharing)
        restore(common_dir, sharing)
    now = _minute()
    if now == last:
        return now
    with suppress(OSError):
        for minute in os.listdir(f"{common_dir}/{_SPARES}"):
            if minute.isdigit() and abs(now - int(minute)) <= _KEPT_MINUTES:
                continue
            folder = Path(common_dir, _SPARES, minute)
            for name, spare in _of_minute(folder):
                if not os.path.exists(place(common_dir, name)) and not is_packed(name):
                    _restore(common_dir, name, spare, sharing)
                spare.unlink(missing_ok=True)
            for below in (*folder.iterdir(), folder):
                below.rmdir()
    return now


def wait_for_prune(common_dir: Path, until: float) -> None:
    """Wait for the prune of a `git gc`, if the system tells; a later one finds what is named."""
    if not os.path.exists(f"{common_dir}/gc.pid"):
        return
    number = _prune(common_dir)
    for _ in processes.tries(until):
        if number is None or _prune(common_dir) != number:
            return


def _prune(common_dir: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        gc = int((common_dir / "gc.pid").read_text().split()[0])
        for child in Path(f"/proc/{gc}/task/{gc}/children").read_text().split():
            if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1] == b"prune":
                return int(child)
    return None


def _is_pruning() -> bool:
    """Whether a prune of any repository is at work, as far as the system tells."""
    with suppress(OSError):
        for number in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if Path(f"/proc/{number}/comm").read_bytes().strip() != b"git":
                    continue
                if b"prune" in Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")[1:3]:
                    return True
    return False


def _put_sign(common_dir: Path, sharing: Sharing) -> None:
    with suppress(OSError):
        os.close(os.open(f"{common_dir}/{SIGN}", os.O_WRONLY | os.O_CREAT, 0o444))
        sharing.adjust(f"{common_dir}/{SIGN}")


def _of_minute(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield names, as `keep` takes them, and where the second one is."""
    for path in folder.iterdir():
        if len(path.name) == _PREFIX:
            yield from ((path.name + spare.name, spare) for spare in path.iterdir())
        else:
            yield path.name, path


def _restore(common_dir: Path, name: str, spare: Path, sharing: Sharing) -> bool:
    first = place(common_dir, name)
    for _ in range(100):  # a prune takes folders away that are empty
        try:
            os.link(spare, first)
        except FileNotFoundError:
            if not spare.exists():
                return False
            with suppress(OSError):
                sharing.make_folder(os.path.dirname(first))
            continue
        except FileExistsError:
            return False
        except OSError:  # another user's, which the system lets be renamed but not linked
            with suppress(OSError):
                os.rename(spare, first)
                return True
            return False
        return True
    return False


def place(common_dir: Path, name: str) -> str:
    """Return where an object lies, by the name that `keep` takes."""
    is_large = len(name) != _OID_DIGITS
    return f"{common_dir}/{large_file_path(name) if is_large else f'objects/{_fanned(name)}'}"


def _fanned(name: str) -> str:
    """Return where an object is in a folder of them, as git lays it out."""
    return name if len(name) != _OID_DIGITS else f"{name[:_PREFIX]}/{name[_PREFIX:]}"


def _minute() -> int:
    return int(time.time()) // _MINUTE_SECONDS


# Packs: their indexes judged before libgit2 maps them into memory. Large files are read from them
# here, and the few objects that a question needs, for which libgit2 takes too long to import.
# Source: git's Documentation/gitformat-pack.

_PACK_CHECKSUM_BYTES = 20
_MAGIC = b"\xfftOc\0\0\0\x02"  # of an index of version 2, which git has written since 2007
_FANOUT = struct.Struct(">256I")
_ID_BYTES = 20
_FAR = 1 << 31  # such an offset is the place of one of eight bytes
_BLOB, _OFS_DELTA = 3, 6
_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_MOST_SIZE_BYTES = 10  # of the number in front of an object
_MOST_DELTAS = 4095  # upon one another: more than git makes, whatever pack.depth says
_MOST_DELTAS_BYTES = 1 << 24  # of these together
_MOST_ORDERS = 10_000  # of one: a text of which so much differs is git's
_READ_AHEAD = 1 << 12  # of a pack, which holds most commits and trees whole
_MOST_TEXT_BYTES = 1 << 22
_MOST_BASES_BYTES = 1 << 22

_Place = tuple[str, int]  # a pack, and where an object begins there


class _Bases(dict[_Place, tuple[str, bytes]]):
    """Kind and content of the objects of packs upon which others are deltas, those read last.

    The manifests of a model, and the texts of registry.json, which are read one after another, are
    deltas upon each other, up to fifty.
    """

    nbytes = 0

    def keep(self, place: _Place, found: tuple[str, bytes]) -> None:
        if place not in self:
            self[place] = found
            self.nbytes += len(found[1])
        while self.nbytes > _MOST_BASES_BYTES:
            self.nbytes -= len(self.pop(next(iter(self)))[1])


class Packs:
    """The packs of one object database."""

    def __init__(self, objects: Path) -> None:
        self._folder = objects / "pack"
        self._changed_at = 0  # when a pack came or went, as far as has been looked
        self._sound: set[tuple[str, int, int]] = set()
        self._indexes: tuple[str, ...] = ()
        self._sizes: dict[str, int] = {}  # of packs
        self._bases = _Bases()

    def check(self) -> None:
        """Look at new indexes, and at each pack's size."""
        # libgit2 has packs mapped into memory: to read one that was cut short ends the process.
        for pack, size_bytes in self._sizes.items():
            with suppress(FileNotFoundError):  # a repack took it away
                if os.stat(pack).st_size != size_bytes:
                    raise _no_longer(pack)
        try:
            changed_at = os.stat(self._folder).st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at == self._changed_at:
            return
        indexes, sizes = [], {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.endswith(".idx") or entry.name == "multi-pack-index":
                    self._check(entry)
                if entry.name.endswith(".idx"):
                    indexes.append(entry.path)
                    pack = f"{entry.path[:-4]}.pack"
                    with suppress(FileNotFoundError):
                        sizes[pack] = os.stat(pack).st_size
        self._indexes, self._sizes = tuple(indexes), sizes
        self._changed_at = changed_at

    def open_blob(self, oid: str, *, checked: bool) -> tuple[BinaryIO, Stream] | None:
        """Return the pack that has a blob whole, open, and its content as it comes; or None."""
        # `checked` against its id, which libgit2 does too, so then only large ones are read here.
        with suppress(FileNotFoundError):  # a repack took it away
            place = self._find(oid)
            return _open_blob(*place, oid, checked) if place else None
        return None

    def read(self, oid: str) -> tuple[str, bytes] | None:
        """Return kind and content of an object, checked against its id; None if libgit2 must."""
        # Which must also say what is wrong with one that cannot be read.
        found = self._read(self._find(oid), MOST_WHOLE_BYTES)
        return found if found and object_id(*found) == oid else None

    def read_text(self, oid: str) -> bytes | None:
        """Return one of many blobs that resemble each other, unchecked; None if git must."""
        # Which does not check them either, and takes four times as long to hand them out.
        place = self._find(oid)
        found = self._read(place, _MOST_TEXT_BYTES)
        if place is None or found is None or found[0] != "blob":
            return None
        self._bases.keep(place, found)  # the next one may be a delta upon it
        return found[1]

    def _read(self, place: _Place | None, most_bytes: int) -> tuple[str, bytes] | None:
        with suppress(FileNotFoundError, IndexError, ValueError, zlib.error):
            return _packed(*place, self._bases, most_bytes) if place else None
        return None

    def holds(self, oid: str) -> bool:
        """Whether a pack that is there now has an object."""
        self._changed_at = 0  # some file systems tell times apart that lie far from each other
        self.check()
        return self._find(oid) is not None

    def _find(self, oid: str) -> tuple[str, int] | None:
        """Return the pack that has an object, and where that begins there."""
        name = bytes.fromhex(oid)
        for index in self._indexes:
            with suppress(FileNotFoundError):  # a repack took it away
                offset = _offset(index, name)
                if offset is not None:
                    return f"{index[:-4]}.pack", offset
        return None

    def _check(self, entry: os.DirEntry[str]) -> None:
        try:
            stat = entry.stat()
            key = (entry.name, stat.st_size, stat.st_mtime_ns)
            if key in self._sound:
                return
            data = Path(entry.path).read_bytes()
        except FileNotFoundError:  # a repack took it away
            return
        digest = sha1(data[:-_PACK_CHECKSUM_BYTES]).digest()
        if data[-_PACK_CHECKSUM_BYTES:] != digest:
            raise IntegrityError(
                f"objects/pack/{entry.name} is damaged: it does not match its own checksum",
                path=f"objects/pack/{entry.name}",
                hint=_mend(Path(entry.path)),
            )
        if entry.name.endswith(".idx"):
            pack, end = f"{entry.path[:-4]}.pack", -_PACK_CHECKSUM_BYTES
            with suppress(FileNotFoundError), open(pack, "rb") as file:
                size_bytes = file.seek(0, os.SEEK_END)
                file.seek(max(0, size_bytes + end))
                if file.read() != data[2 * end : end]:
                    raise _no_longer(pack)
        self._sound.add(key)


def _no_longer(pack: str) -> IntegrityError:
    path = f"objects/pack/{os.path.basename(pack)}"
    return IntegrityError(
        f"{path} is damaged: it does not belong to its index", path=path, hint=FROM_INTACT
    )


def _offset(index: str, name: bytes) -> int | None:
    with open(index, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        counts = _FANOUT.unpack(file.read(_FANOUT.size))
        start, end, total = counts[name[0] - 1] if name[0] else 0, counts[name[0]], counts[-1]
        if not start <= end <= total:
            return None
        names = len(_MAGIC) + _FANOUT.size
        file.seek(names + start * _ID_BYTES)
        listed = file.read((end - start) * _ID_BYTES)
        at = listed.find(name)
        while at % _ID_BYTES and at >= 0:  # across the border of two
            at = listed.find(name, at + 1)
        if at < 0:
            return None
        offsets = names + total * (_ID_BYTES + 4)  # four bytes of a checksum for each
        file.seek(offsets + (start + at // _ID_BYTES) * 4)
        offset = int.from_bytes(file.read(4), "big")
        if offset & _FAR:
            file.seek(offsets + total * 4 + (offset ^ _FAR) * 8)
            offset = int.from_bytes(file.read(8), "big")
        return offset


def _open_blob(pack: str, offset: int, oid: str, checked: bool) -> tuple[BinaryIO, Stream] | None:
    """Return what stands at a place of a pack; None where it is not asked for here."""
    file = open(pack, "rb", buffering=0)  # noqa: SIM115 - the caller closes it
    try:
        file.seek(offset)
        head = file.read(_MOST_SIZE_BYTES)
        used, size = _number(head, 0, 4) if head else (0, 0)
        is_whole_blob = bool(head) and (head[0] >> 4) & 7 == _BLOB
        if not is_whole_blob or (checked and size <= MOST_WHOLE_BYTES):
            file.close()
            return None
        file.seek(offset + used)
        stream = whole(oid, size, Inflated(file, oid).readinto)
        return file, with_id(oid, stream) if checked else stream
    except BaseException:  # nobody else knows of the file yet
        file.close()
        raise


def _number(data: bytes, at: int, bits: int = 7) -> tuple[int, int]:
    """Return where a number ends that begins with so many bits of a byte, and the number."""
    number, shift = data[at] & ((1 << bits) - 1), bits
    while data[at] & 0x80:
        at += 1
        number |= (data[at] & 0x7F) << shift
        shift += 7
    return at + 1, number


def _packed(pack: str, offset: int, bases: _Bases, most_bytes: int) -> tuple[str, bytes] | None:
    """Return kind and content of what begins at a place of a pack; None if it is not small."""
    deltas: list[tuple[int, bytes]] = []  # with its place; the last one comes first
    nbytes = 0
    found = bases.get((pack, offset))
    with open(pack, "rb", buffering=0) as file:
        while found is None:
            file.seek(offset)
            data = file.read(_READ_AHEAD)
            used, size = _number(data, 0, 4)
            number = (data[0] >> 4) & 7
            if size > most_bytes or not (number in _KINDS or number == _OFS_DELTA):
                return None  # git's own gc leaves no delta upon an id
            base = offset
            if number == _OFS_DELTA:
                used, back = _distance(data, used)
                base -= back
                if not 0 < base < offset or len(deltas) == _MOST_DELTAS:
                    raise ValueError
            content = _inflated_from(file, data[used:], size)
            if number in _KINDS:
                found = _KINDS[number], content
            else:
                nbytes += size
                if nbytes > _MOST_DELTAS_BYTES:
                    return None
                deltas.append((offset, content))
                offset = base
                found = bases.get((pack, base))
    for place, delta in reversed(deltas):
        bases.keep((pack, offset), found)
        found, offset = (found[0], _applied(delta, found[1], most_bytes)), place
    return found


def _inflated_from(file: BinaryIO, data: bytes, size: int) -> bytes:
    """Return the content of so many bytes whose zlib stream begins with `data`."""
    unpacker, content = zlib.decompressobj(), b""
    while data and not unpacker.eof and len(content) <= size:
        content += unpacker.decompress(data, size + 1 - len(content))
        data = unpacker.unconsumed_tail or file.read(_GIVEN)
    if len(content) != size or not unpacker.eof:
        raise ValueError
    return content


def _distance(data: bytes, at: int) -> tuple[int, int]:
    """Return where the number ends that says how far before it the base of a delta lies; it."""
    back = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        back = (back + 1) << 7 | data[at] & 0x7F
    return at + 1, back


def _applied(delta: bytes, base: bytes, most_bytes: int) -> bytes:
    """Return what a delta makes of its base."""
    at, base_size = _number(delta, 0)
    at, size = _number(delta, at)
    if base_size != len(base) or size > most_bytes:
        raise ValueError
    parts: list[Buffer] = []  # joined at the end, since the base may be long
    source = memoryview(base)
    while at < len(delta) and len(parts) < _MOST_ORDERS:
        order = delta[at]
        at += 1
        if order & 0x80:  # copy: up to four bytes of a place, three of a length
            start = length = 0
            for bit in range(7):
                if order >> bit & 1:
                    if bit < 4:
                        start |= delta[at] << 8 * bit
                    else:
                        length |= delta[at] << 8 * (bit - 4)
                    at += 1
            parts.append(source[start : start + (length or 0x10000)])
        else:
            parts.append(delta[at : at + order])
            at += order
    if at < len(delta) or sum(map(len, parts)) != size:
        raise ValueError
    return b"".join(parts)


def _mend(path: Path) -> str:
    if path.suffix != ".idx":
        return f"remove '{path}': git will make it again"
    return f"remove '{path}', then make it again: git index-pack '{path.with_suffix('.pack')}'"
