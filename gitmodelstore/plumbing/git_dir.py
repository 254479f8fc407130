"""A git directory as plain files: what git cannot read is mended; hooks are put there.

HEAD, config, packed-refs, the index, and what is derived of objects: where one is damaged, git
dies. So they are judged here without git, each by its documented format (gitrepository-layout,
gitformat-index, gitformat-pack, gitformat-commit-graph), with what belongs in its place. Whoever
examines a damaged store does so in a `view`, in which it is set right: nothing is written.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitmodelstore.errors import GitFailed, InvalidInput, NotAStore
from gitmodelstore.lean import TYPE_CHECKING, dataclass, pattern, replace
from gitmodelstore.plumbing import git
from gitmodelstore.plumbing.checkout import NEEDED
from gitmodelstore.plumbing.files import put
from gitmodelstore.plumbing.loose import SIGN
from gitmodelstore.plumbing.refs import CHECKSUM_BYTES, CORPSE_SECONDS, is_sound
from gitmodelstore.plumbing.repository import Repository, writing
from gitmodelstore.plumbing.worktree import linked_folder
from gitmodelstore.values.names import CLIENT_HOOKS, OWN_FOLDER, SERVER_HOOKS

if TYPE_CHECKING:
    import subprocess

ASIDE = f"{OWN_FOLDER}/damaged"  # where a damaged file is kept that something stands in for
INDEX = "index"
_OID = pattern(rb"[0-9a-f]{40}")
_HEAD = pattern(rb"(ref:\s*refs/[^\s\x00-\x1f\x7f~^:?*\[\\]+|[0-9a-f]{40})\s*")
_PACKED = pattern(rb"([0-9a-f]{40}) (refs/[^\s\x00-\x1f\x7f~^:?*\[\\]+)")
_PEELED = pattern(rb"\^[0-9a-f]{40}")
_SMALL_BYTES = 1 << 16
# Where each of these is, it is a folder; without the first two it is not a git directory.
_FOLDERS = (
    OWN_FOLDER,  # first, since it takes what others set aside
    *NEEDED,
    "refs/heads", "refs/tags", "objects/info", "objects/pack", "info", "logs", "hooks",
    "lfs", "lfs/objects", "worktrees",
)  # fmt: skip
# Where each of these is, it is a file.
_FILES = (
    "objects/info/commit-graph", "logs/HEAD", "info/attributes", "info/exclude",
    f"{OWN_FOLDER}/lock", f"{OWN_FOLDER}/pending.json", f"{OWN_FOLDER}/index.sqlite",
)  # fmt: skip
_EDIT = "git config --file '{path}' --edit, or restore the file from a backup"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A file or folder that is not what git needs there."""

    path: str
    what: str
    content: bytes | None = None  # what belongs there; None if nothing has to
    is_folder: bool = False
    mend: str = ""  # what to do about it; empty if `mend` can
    # whether git will make it again of other files, so that nothing is lost with it
    is_derived: bool = False


def branch_of(folder: Path) -> str:
    """Return the full name of the store's branch, as far as the configuration can be read."""
    try:
        branch = _settings(folder).get("store.branch")
    except GitFailed:
        branch = None
    return f"refs/heads/{branch or 'main'}"


def _settings(folder: Path) -> dict[str, str]:
    """Return what the configuration of a git directory says by itself; a sole name says true."""
    lines = os.fsdecode(_of_config(folder, "--list", "-z")).split("\0")[:-1]
    pairs = (line.partition("\n") for line in lines)
    return {name: value if has_value else "true" for name, has_value, value in pairs}


def _of_config(folder: Path, *question: str) -> bytes:
    return git.run("config", "--file", str(folder / "config"), *question, cwd=_outside(folder))


def _outside(path: Path) -> Path:
    """Return where git finds no repository that it stumbles over."""
    return Path(path.absolute().anchor)


def unreadable(folder: Path) -> list[str]:
    """Return what the system does not let this process read there, below the git directory."""
    paths = []

    def look(above: str) -> None:
        with os.scandir(above) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                needed = os.R_OK | os.X_OK if is_folder else os.R_OK
                if not os.access(entry.path, needed) and not entry.is_symlink():
                    paths.append(Path(entry.path).relative_to(folder).as_posix())
                elif is_folder:
                    look(entry.path)

    with suppress(OSError):
        look(os.fspath(folder))
    return sorted(paths)


def flaws(folder: Path, branch: str) -> list[Flaw]:
    """Return what is wrong in a git directory, nothing twice."""
    by_path: dict[str, Flaw] = {}
    checks: tuple[Callable[[], Iterator[Flaw]], ...] = (
        lambda: _kinds(folder),
        lambda: _head(folder, branch),
        lambda: _config(folder),
        lambda: _packed_refs(folder),
        lambda: _logs(folder, branch),
        lambda: _indexes(folder),
        lambda: _work_trees(folder),
        lambda: _borders(folder),
        lambda: _commit_graphs(folder),
        lambda: _packs(folder),
    )
    for check in checks:
        with suppress(PermissionError):  # `unreadable` reports it
            for flaw in check():
                parents = {str(above) for above in Path(flaw.path).parents}
                if not parents & by_path.keys():
                    by_path.setdefault(flaw.path, flaw)
    return list(by_path.values())


def _kinds(folder: Path) -> Iterator[Flaw]:
    """Yield files where folders should be, and the other way round."""
    for name in _FOLDERS:
        path = folder / name
        if path.is_dir() or (name not in NEEDED and not os.path.lexists(path)):
            continue
        what = "is not a folder" if os.path.lexists(path) else "is missing"
        mend = (
            "clone the store again, or restore the folder from a backup"
            if name == "objects"
            else ""
        )
        yield Flaw(name, what, is_folder=True, mend=mend)
    for name in _FILES:
        if (folder / name).is_dir():
            yield Flaw(name, "is a folder, not a file")
    for name in ("packed-refs", "shallow", "objects/info/alternates"):
        if os.path.lexists(folder / name) and not (folder / name).is_file():
            yield Flaw(name, "is not a file")


def _data(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""  # `_kinds` reports it


def _head(folder: Path, branch: str) -> Iterator[Flaw]:
    what = _not_said(folder / "HEAD", _HEAD)
    if what:
        yield Flaw("HEAD", what, f"ref: {branch}\n".encode())


def _not_said(path: Path, expected: re.Pattern[bytes]) -> str | None:
    """Return what is wrong with a small file that must say something; None if it does."""
    if not os.path.lexists(path):
        return "is missing"
    if not path.is_file():
        return "is not a file"
    if path.stat().st_size <= _SMALL_BYTES and expected.fullmatch(path.read_bytes()):
        return None
    return "does not have the required content" if path.stat().st_size else "is empty"


def _config(folder: Path) -> Iterator[Flaw]:
    path = folder / "config"
    if not os.path.lexists(path):
        return
    is_bare = b"false" if folder.name == ".git" else b"true"
    least = b"[core]\n\trepositoryformatversion = 0\n\tbare = " + is_bare + b"\n"
    mend = _EDIT.format(path=path)
    if not path.is_file():
        yield Flaw("config", "is not a file", least)
        return
    data = path.read_bytes()
    if data and not data.strip(b"\0 \t\r\n"):
        yield Flaw("config", "contains only zeros: remotes and settings are gone", least)
        return
    try:
        settings = _settings(folder)
        if settings.get("core.bare") not in (None, "", "true", "false"):
            _of_config(folder, "--type=bool", "--get", "core.bare")
        work_tree = settings.get("core.worktree")
    except GitFailed as error:
        message = (error.stderr or str(error)).splitlines()[0].removeprefix("fatal: ")
        yield Flaw("config", f"git cannot read it: {message}", least, mend=mend)
        return
    if work_tree and not (folder / work_tree).is_dir():
        what = f"its core.worktree names '{work_tree}', which does not exist"
        mend = f"git config --file '{path}' --unset core.worktree"
        yield Flaw("config", what, re.sub(rb"(?m)^\s*worktree\s*=.*\n", b"", data), mend=mend)


def _packed_refs(folder: Path) -> Iterator[Flaw]:
    """Judge packed-refs as git reads it: one line that it does not know, and it reads none."""
    lines = _data(folder / "packed-refs").splitlines(keepends=True)
    head = lines[0] if lines and lines[0].startswith(b"# pack-refs with:") else b""
    refs: list[tuple[bytes, bytes]] = []
    bad = []
    for number, line in enumerate(lines[1 if head else 0 :], 2 if head else 1):
        text = line.removesuffix(b"\n")
        if line.endswith(b"\n") and (entry := _PACKED.fullmatch(text)):
            refs.append((entry[2], entry[1]))
        elif not (line.endswith(b"\n") and _PEELED.fullmatch(text)):
            bad.append(number)
    names = [name for name, _ in refs]
    kept = b"".join(oid + b" " + name + b"\n" for name, oid in sorted(dict(refs).items()))
    if bad:
        lost = f"{len(bad)} line{'s' if len(bad) > 1 else ''}"
        what = f"line {bad[0]} cannot be read; {len(refs)} refs can, {lost} cannot"
        yield Flaw("packed-refs", what, kept)
    elif b" sorted" in head and names != sorted(names):
        yield Flaw("packed-refs", "says that it is sorted, but is not, so git misses refs", kept)


def _logs(folder: Path, branch: str) -> Iterator[Flaw]:
    """Yield the folders where the log of a ref belongs; of the branch's even while it is lost."""
    logs = folder / "logs"
    packed = {line[41:].strip() for line in _data(folder / "packed-refs").splitlines()}
    for log in sorted(logs.rglob("*")) if logs.is_dir() else ():
        name = log.relative_to(logs).as_posix()
        is_ref = name == branch or os.fsencode(name) in packed or (folder / name).is_file()
        if log.is_dir() and is_ref:
            yield Flaw(f"logs/{name}", "is a folder, not a file")


def _git_dirs(folder: Path) -> Iterator[str]:
    """Yield the places of this git directory and those of linked work trees, with a "/" at ends."""
    yield ""
    linked = folder / "worktrees"
    for path in sorted(linked.iterdir()) if linked.is_dir() else ():
        if path.is_dir():
            yield f"worktrees/{path.name}/"


def _indexes(folder: Path) -> Iterator[Flaw]:
    for place in _git_dirs(folder):
        if what := _of_file(folder / place / INDEX, _of_index):
            yield Flaw(f"{place}{INDEX}", what)


def _of_file(path: Path, judge: Callable[[bytes], str | None]) -> str | None:
    """Return what is wrong with a file by its content; None if nothing is, or none is there."""
    if not os.path.lexists(path):
        return None
    return judge(path.read_bytes()) if path.is_file() else "is not a file"


def _of_index(data: bytes) -> str | None:
    if len(data) < 12 + CHECKSUM_BYTES or not data.startswith(b"DIRC"):
        return "is not a git index" if data.strip(b"\0") else "is empty"
    version = int.from_bytes(data[4:8], "big")
    if not 2 <= version <= 4:
        return f"has a version that git does not know: {version}"
    if not is_sound(data) and any(data[-CHECKSUM_BYTES:]):  # zeros: index.skipHash
        return "does not match its own checksum"
    return None


def _work_trees(folder: Path) -> Iterator[Flaw]:
    for place in list(_git_dirs(folder))[1:]:
        top = linked_folder(folder / place)
        if top is None:
            continue
        if what := _not_said(folder / place / "commondir", re.compile(rb"[^\x00]+")):
            yield Flaw(f"{place}commondir", what, b"../..\n")
        if what := _not_said(folder / place / "HEAD", _HEAD):
            mend = f"echo 'ref: refs/heads/BRANCH' > '{folder / place}HEAD', with its branch"
            yield Flaw(f"{place}HEAD", what, b"0" * 40 + b"\n", mend=mend)


def _borders(folder: Path) -> Iterator[Flaw]:
    """Yield what is wrong with the files that say where else objects are, or are not."""
    lines = _data(folder / "shallow").splitlines()
    kept = [line for line in lines if _OID.fullmatch(line)]
    if len(kept) < len(lines):
        content = b"".join(line + b"\n" for line in kept) or None
        yield Flaw("shallow", "a line is not a commit id", content)
    alternates = folder / "objects/info/alternates"
    lines = [line for line in _data(alternates).splitlines() if line.strip()]
    gone = [line for line in lines if not line.startswith(b"#") and not _is_folder(folder, line)]
    if gone:
        name = gone[0].decode(errors="backslashreplace")
        what = f"names '{name}', which does not exist: objects are missing"
        mend = f"make that folder reachable again, or remove its line from '{alternates}'"
        content = b"".join(line + b"\n" for line in lines if line not in gone) or None
        yield Flaw("objects/info/alternates", what, content, mend=mend)


def _is_folder(folder: Path, line: bytes) -> bool:
    with suppress(ValueError):  # a zero byte
        return (folder / "objects" / os.fsdecode(line)).is_dir()
    return False


def _commit_graphs(folder: Path) -> Iterator[Flaw]:
    info = folder / "objects/info"
    if what := _of_file(info / "commit-graph", _of_graph):
        yield Flaw("objects/info/commit-graph", what, is_derived=True)
    if what := _of_chain(info / "commit-graphs"):
        yield Flaw("objects/info/commit-graphs", what, is_derived=True)


def _of_graph(data: bytes) -> str | None:
    if not data.startswith(b"CGPH"):
        return "is not a git commit-graph"
    return None if is_sound(data) else "does not match its own checksum"


def _of_chain(folder: Path) -> str | None:
    chain = folder / "commit-graph-chain"
    if not folder.is_dir():
        return "is not a folder" if os.path.lexists(folder) else None
    if not os.path.lexists(chain):
        return "has files, but no chain" if any(folder.iterdir()) else None
    for line in chain.read_bytes().splitlines():
        if not _OID.fullmatch(line):
            return "its chain names a file that is missing"
        graph = folder / f"graph-{line.decode()}.graph"
        what = _of_file(graph, _of_graph) if os.path.lexists(graph) else "is missing"
        if what is not None:
            return f"{graph.name} {what}"
    return None


def _packs(folder: Path) -> Iterator[Flaw]:
    """Yield indexes of packs that are missing or damaged; packs are `git fsck`'s to judge."""
    pack = folder / "objects/pack"
    for path in sorted(pack.iterdir()) if pack.is_dir() else ():
        place = f"objects/pack/{path.name}"
        if path.suffix in (".rev", ".bitmap") or path.name == "multi-pack-index":
            if not path.is_file() or not is_sound(path.read_bytes()):
                yield Flaw(place, "does not match its own checksum", is_derived=True)
        elif path.suffix == ".pack" and path.is_file():
            index = path.with_suffix(".idx")
            is_there = index.is_file()
            if not is_there or not is_sound(index.read_bytes()):
                what = "does not match its own checksum" if is_there else "is missing"
                content = _index_of(path)
                mend = "" if content else "git fetch --refetch REMOTE, from an intact clone"
                name = f"objects/pack/{index.name}"
                yield Flaw(name, what, content, mend=mend, is_derived=True)


def _index_of(pack: Path) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        made, pack = Path(folder).absolute() / "made.idx", pack.absolute()
        try:
            form = "--object-format=sha1"  # outside of a repository, the user's default otherwise
            git.run("index-pack", form, "-o", str(made), str(pack), cwd=_outside(pack))
        except GitFailed:
            return None
        return made.read_bytes()


def mend(folder: Path, flaw: Flaw) -> str:
    """Repair a flaw and return a line about it; hold the writer lock if you can."""
    # What was there is kept in `ASIDE`, unless git made it of other files.
    path = folder / flaw.path
    kept = ""
    with writing(path):
        if os.path.lexists(path):
            kept = _set_aside(folder, flaw)
        path.parent.mkdir(parents=True, exist_ok=True)
        if flaw.is_folder:
            path.mkdir()
        elif flaw.content is not None:
            put(path, (flaw.content,), mode=0o444 if flaw.path.startswith("objects/") else 0o666)
    if flaw.content is None and not flaw.is_folder:
        return f"removed {flaw.path}: it {_as_past(flaw.what)}{kept}"
    return f"rebuilt {flaw.path}: it {_as_past(flaw.what)}{kept}"


def _as_past(what: str) -> str:
    for now, then in (("is ", "was "), ("does not", "did not"), ("says ", "said ")):
        if what.startswith(now):
            return then + what.removeprefix(now)
    return f"was damaged, {what}"


def _set_aside(folder: Path, flaw: Flaw) -> str:
    """Remove what is there, or keep it elsewhere; return words that say where."""
    path = folder / flaw.path
    if flaw.is_derived or flaw.path == OWN_FOLDER:
        remove(path)
        return ""
    aside = folder / ASIDE
    aside.mkdir(parents=True, exist_ok=True)
    name = flaw.path.replace("/", "-")
    number = sum(1 for entry in aside.iterdir() if entry.name.startswith(name))
    kept = aside / (f"{name}.{number}" if number else name)
    path.rename(kept)
    return f"; what was there is in {ASIDE}/{kept.name}"


@contextmanager
def view(folder: Path, flaws: list[Flaw], hidden: list[str]) -> Iterator[Path]:
    """Give a git directory in which flaws are set right, made of links to the damaged one."""
    changes: dict[str, Flaw | None] = dict.fromkeys(hidden)
    changes |= {flaw.path: flaw for flaw in flaws}
    with tempfile.TemporaryDirectory(prefix="gms-doctor-") as made:
        top = Path(made).resolve() / folder.name
        _link(folder, top, changes, "")
        for name, flaw in changes.items():
            path = top / name
            if name in NEEDED or (flaw is not None and flaw.is_folder):
                path.mkdir(parents=True, exist_ok=True)
            elif flaw is not None and flaw.content is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(flaw.content)
        if "HEAD" in hidden:  # without one it is not a git directory
            (top / "HEAD").write_text("ref: refs/heads/main\n")
        yield top


def _link(source: Path, target: Path, changes: dict[str, Flaw | None], above: str) -> None:
    target.mkdir()
    for path in source.iterdir():
        name = f"{above}{path.name}"
        if name in changes:
            continue
        if path.is_dir() and any(change.startswith(f"{name}/") for change in changes):
            _link(path, target / path.name, changes, f"{name}/")
        elif path.is_file() and path.stat().st_size <= _SMALL_BYTES and not path.is_symlink():
            shutil.copy(path, target / path.name)  # a link that is HEAD, git reads otherwise
        else:
            (target / path.name).symlink_to(path.absolute())


# What dead processes leave in a git directory: locks and temporary files.

OLD_SECONDS = 24 * 60 * 60
MANY_LOOSE = 6_700  # where git's own automatic gc would begin
_LOCKS = ("*.lock", "refs/**/*.lock", "logs/**/*.lock")
_TEMPORARY = (
    "objects/tmp_*",  # objects of ours and of git, and what is pushed, in quarantine
    "objects/incoming-*",
    "objects/??/tmp_obj_*",
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/info/*.lock",
    "objects/pack/*.lock",
    "lfs/tmp/*",
    "lfs/incomplete/*[0-9]",  # of a git-lfs that was killed; it goes on with what ends in .part
)


def old_locks(repository: Repository) -> Iterator[tuple[Path, bool]]:
    """Yield git's locks older than a minute, and if `git commit` may hold them in an editor."""
    for name in _git_dirs(repository.common_dir):
        folder = repository.common_dir / name
        paths = {path for pattern in _LOCKS for path in folder.glob(pattern) if path.is_file()}
        for path in sorted(paths):
            age = _age(path)
            if age is not None and age >= CORPSE_SECONDS:
                yield path, _may_be_held(path, age)


def temporaries(repository: Repository) -> list[Path]:
    """Return files and folders of unfinished writes that nobody has touched for a day."""
    folder = repository.common_dir
    paths = {path for pattern in _TEMPORARY for path in folder.glob(pattern)}
    paths.discard(folder / SIGN)
    return [path for path in sorted(paths) if (_age(path) or 0) >= OLD_SECONDS]


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    with writing(path), suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def loose_objects(repository: Repository) -> int:
    """Return how many objects are in files of their own."""
    folders = (repository.common_dir / "objects").glob("[0-9a-f][0-9a-f]")
    return sum(len(os.listdir(folder)) for folder in folders)


def _may_be_held(lock: Path, age: float) -> bool:
    """Whether `git commit` may have written a message, and wait for it to be edited."""
    if lock.name != "index.lock" or age >= OLD_SECONDS:
        return False
    with suppress(FileNotFoundError):
        message = lock.with_name("COMMIT_EDITMSG").stat().st_mtime
        return message >= lock.stat().st_mtime
    return False


def _age(path: Path) -> float | None:
    """Seconds since a file, or anything in a folder, was written; None if it is gone."""
    try:
        inside = [entry.lstat().st_mtime for entry in path.rglob("*")] if path.is_dir() else []
        return time.time() - max([path.lstat().st_mtime, *inside])
    except FileNotFoundError:
        return None


# What `git fsck` finds: objects that are missing or damaged. It writes nothing.

MISSING = "is missing"
_MISSING = pattern(r"missing (\w+) ([0-9a-f]{40})")
_CORRUPT = pattern(
    r"(?:error|fatal): (?:corrupt loose object '([0-9a-f]{40})'"
    r"|loose object ([0-9a-f]{40}) \(stored in .*\) is corrupt"
    r"|(?:cannot unpack|index CRC mismatch for object) ([0-9a-f]{40}) from .*"
    r"|([0-9a-f]{40}): (?!invalid sha1 pointer).*)"
)
_ID = pattern(r"error: [0-9a-f]{40}: ")
_MALFORMED = pattern(r"error in (\w+) ([0-9a-f]{40}): (.*)")
_DANGLING_TAG = pattern(r"dangling tag ([0-9a-f]{40})")
# What it says of refs and reflogs, and before it names the object that it cannot read.
_TOLD_ELSEWHERE = (
    "error: refs/",
    "error: HEAD",
    "error: worktrees/",
    "error: bad ref for",
    "error: invalid HEAD",
    "error: inflate",
    "error: unable to unpack",
)


@dataclass(frozen=True, slots=True)
class Damage:
    """One object that is not as it should be, or what git says where it names none."""

    oid: str | None  # None if git names none, as of a pack whose checksum is wrong
    kind: str  # blob, tree, commit or tag; "object" when unknown
    what: str


@contextmanager
def checking(folder: Path) -> Iterator[Callable[[], tuple[Damage, ...]]]:
    """Let git look at every object meanwhile; yield what returns those missing or damaged."""
    with _fsck("--strict", "--no-dangling", folder=folder) as process:
        yield lambda: _damages(_said(process))


def _damages(lines: list[str]) -> tuple[Damage, ...]:
    kinds = {match[2]: match[1] for line in lines if (match := _MISSING.fullmatch(line))}
    missing = (Damage(oid, kind, MISSING) for oid, kind in kinds.items())
    damages: dict[str, Damage] = {}  # each object once
    for damage in (*_damaged(lines), *missing):
        kind = kinds.get(damage.oid or "", damage.kind)
        damages.setdefault(damage.oid or damage.what, replace(damage, kind=kind))
    return tuple(damages.values())


def dangling_tags(folder: Path) -> tuple[str, ...]:
    """Return the ids of tag objects that no ref holds."""
    with _fsck("--connectivity-only", "--dangling", folder=folder) as process:
        lines = _said(process)
    return tuple(match[1] for line in lines if (match := _DANGLING_TAG.fullmatch(line)))


def _damaged(lines: list[str]) -> Iterator[Damage]:
    for line in lines:
        if match := _CORRUPT.fullmatch(line):
            yield Damage(next(filter(None, match.groups())), "object", "is damaged")
        elif match := _MALFORMED.fullmatch(line):
            yield Damage(match[2], match[1], f"is not a valid {match[1]}: {match[3]}")
        elif _ID.match(line):  # the index names an object that is missing, as is said of that
            continue
        elif line.startswith(("error: ", "fatal: ")) and not line.startswith(_TOLD_ELSEWHERE):
            yield Damage(None, "object", f"git fsck says: {line.partition(': ')[2]}")


@contextmanager
def _fsck(*options: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with git.start((*git.SPARING, "fsck", "--no-progress", *options), folder) as process:
        try:
            yield process
        finally:
            process.kill()  # does nothing to one that has ended


def _said(process: subprocess.Popen[bytes]) -> list[str]:
    stdout, stderr = process.communicate()
    return [*stderr.decode(errors="replace").splitlines(), *stdout.decode().splitlines()]


# Hooks of git in a repository: put there, found again, taken away.

_KEPT = ".before-gitmodelstore"  # what the user's own hook is called meanwhile
_MARK = "# gitmodelstore put this hook here; `gms hook uninstall` takes it away."

_PROGRAM = pattern(r"^if \[ ! -e (.+) \] \|\| \[ ! -x (.+) \]; then$", re.MULTILINE)

# What git hands a hook on standard input is read once and given to both.
_SCRIPT = """\
#!/bin/sh
{mark}
{reading}before="$(dirname "$0")/{name}{kept}"
if [ -x "$before" ]; then
  {feed}"$before" "$@" || exit
fi
if [ ! -e {script} ] || [ ! -x {python} ]; then
  echo "error: gitmodelstore is gone from {folder}" >&2
  echo "hint: install it, then run: gms hook install" >&2
  exit 1
fi
{large}{feed}{python} -E -s -S {script} "$@"
"""

# `git lfs install` puts no hook beside ours, so ours does what its would: large files go first.
_LARGE = """\
common="$(git rev-parse --git-common-dir)"
if [ -d "$common/lfs/objects" ] && command -v git-lfs >/dev/null 2>&1; then
  {feed}git lfs pre-push "$@" || exit
fi
"""


def scripts_folder() -> Path:
    """Return the folder with the hooks of this installation: beside the package, always."""
    beside = Path(__file__).resolve().parents[2]
    for name in ("hooks", "gitmodelstore_hooks"):  # a checkout; an installed wheel
        if (beside / name / "pre-receive").is_file():
            return beside / name
    raise NotAStore("this installation of gitmodelstore has no hooks", hint="install it again")


def hooks_folder(repository: Repository) -> Path:
    """Return the folder from which git runs hooks in a repository."""
    setting = repository.setting("core.hooksPath")
    if setting == os.devnull:  # no hook is to run for this process, which says nothing of others
        setting = repository.kept_setting("core.hooksPath")
    if setting is None:
        return repository.common_dir / "hooks"
    top = repository.work_tree or repository.common_dir
    folder = (top / os.path.expanduser(setting)).resolve()
    if not folder.is_relative_to(top.resolve()):
        raise InvalidInput(
            f"core.hooksPath is '{setting}', which other repositories may share",
            hint="call `gms hook run NAME` from the hooks there, or give this repository its own: "
            "git config core.hooksPath .git/hooks",
        )
    return folder


def install(repository: Repository) -> tuple[str, ...]:
    """Put our hooks into a repository, and return the names of those that were not there."""
    folder, new = hooks_folder(repository), []
    with writing(folder):
        repository.sharing.make_folder(folder)
        for name in CLIENT_HOOKS if repository.work_tree else SERVER_HOOKS:
            path, text = folder / name, _script(name)
            if is_ours(path):
                if path.read_text() == text and os.access(path, os.X_OK):
                    continue
            elif path.exists():
                path.rename(_kept(path))
            fresh = path.with_name(f"{name}.gitmodelstore")
            fresh.write_text(text)
            fresh.chmod(repository.sharing.mode(0o755))
            fresh.replace(path)
            new.append(name)
    return tuple(new)


def uninstall(repository: Repository) -> tuple[str, ...]:
    """Take our hooks away again, give the user's own their names back, and return the names."""
    folder, gone = hooks_folder(repository), []
    with writing(folder):
        for name in (*CLIENT_HOOKS, *SERVER_HOOKS):
            path = folder / name
            if is_ours(path):
                path.unlink()
                if _kept(path).exists():
                    _kept(path).rename(path)
                gone.append(name)
    return tuple(gone)


def is_ours(path: Path) -> bool:
    """Whether a hook is one that `install` put there."""
    return path.is_file() and _MARK in path.read_text(errors="replace")


def absent(repository: Repository) -> tuple[str, ...]:
    """Return the names of our hooks that are not in a repository, or would not find us."""
    folder = hooks_folder(repository)
    names = CLIENT_HOOKS if repository.work_tree else SERVER_HOOKS
    return tuple(name for name in names if not _works(folder / name))


def _works(path: Path) -> bool:
    """Whether a hook is ours, and the program that it starts is still there."""
    if not is_ours(path) or not os.access(path, os.X_OK):
        return False
    match = _PROGRAM.search(path.read_text(errors="replace"))
    if match is None:
        return False
    # Not what another user's home hides, either.
    return all(os.path.exists(Path(*shlex.split(word))) for word in match.groups())


def _kept(path: Path) -> Path:
    return path.with_name(path.name + _KEPT)


def _script(name: str) -> str:
    script = scripts_folder() / name
    feeds = name in ("pre-push", *SERVER_HOOKS)
    feed = 'printf "%s\\n" "$given" | ' if feeds else ""
    return _SCRIPT.format(
        mark=_MARK,
        name=name,
        kept=_KEPT,
        reading='given="$(cat)"\n' if feeds else "",
        feed=feed,
        large=_LARGE.format(feed=feed) if name == "pre-push" else "",
        python=shlex.quote(sys.executable),
        script=shlex.quote(str(script)),
        folder=shlex.quote(str(script.parent)),
    )
