"""The file system: shared permissions, durable writes, the user's folders, a project's settings."""
# In a shared repository we, as git, give the permissions of `core.sharedRepository`, whatever the
# umask. Source: git's adjust_shared_perm and git_config_perm (path.c, setup.c).

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from gitmodelstore.errors import AlreadyExists, CannotRead, NotAStore, is_of_handler
from gitmodelstore.lean import Any, dataclass
from gitmodelstore.plumbing import processes
from gitmodelstore.values.names import MODELS

_GROUP, _EVERYBODY = 0o660, 0o664
_WORDS = {
    **dict.fromkeys(("umask", "false", "no", "off", "0", ""), 0),
    **dict.fromkeys(("group", "true", "yes", "on", "1"), _GROUP),
    **dict.fromkeys(("all", "world", "everybody", "2"), _EVERYBODY),
}


@dataclass(frozen=True, slots=True)
class Sharing:
    """The permissions that files get."""

    # what they get besides those that the umask leaves; 0 in a repository that is not shared
    bits: int = 0
    only: bool = False  # whether they get no others: the setting was a number such as 0640

    @classmethod
    def of(cls, setting: str | None) -> Sharing:
        """Return what a value of `core.sharedRepository` says; None is that of no value."""
        value = "umask" if setting is None else setting.strip().lower()
        if value in _WORDS:
            return cls(_WORDS[value])
        try:
            mode = int(value, 8)
        except ValueError:  # git refuses to work there, and will say so
            return cls()
        return cls(mode & 0o666, True) if mode & 0o600 == 0o600 else cls()

    def mode(self, mode: int) -> int:
        """Return the mode of a file or folder that was made with `mode`."""
        bits = self.bits
        if not bits:
            return mode
        if not mode & stat.S_IWUSR:
            bits &= ~0o222
        if mode & stat.S_IXUSR:
            bits |= (bits & 0o444) >> 2
        new = (mode & ~0o777 | bits) if self.only else mode | bits
        if stat.S_ISDIR(mode):
            new |= (new & 0o444) >> 2
            if new & 0o060:
                new |= stat.S_ISGID
        return new

    def adjust(self, place: str | Path | int) -> None:
        """Give a file or folder that was just made, or is open, the permissions it should have."""
        if not self.bits or os.name == "nt":
            return
        old = os.stat(place).st_mode
        new = self.mode(old)
        if new != old:
            os.chmod(place, stat.S_IMODE(new))

    def make_folder(self, folder: str | Path) -> None:
        """Make a folder, and those above it that are missing."""
        try:
            os.mkdir(folder)
        except FileExistsError:
            return
        except FileNotFoundError:
            self.make_folder(os.path.dirname(folder))
            self.make_folder(folder)
        else:
            self.adjust(folder)

    def umask(self) -> int | None:
        """Return the umask for a git that writes a work tree; None for that of this process."""
        # Git leaves files of a shared work tree to the umask: the next user could not replace them.
        if not self.bits:
            return None
        allowed = self.bits | (self.bits & 0o444) >> 2
        return 0o777 & ~allowed if self.only else _umask() & ~allowed


UNSHARED: Sharing = Sharing()


def _umask() -> int:
    """Return this process's umask; only setting it tells, where the system does not say."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Umask:"))[6:], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


# Making what was written durable, chosen by platform; putting a file in place in one step.

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def check_absent(path: Path, hint: str) -> None:
    """Refuse a place where a file is, or a folder that holds something."""
    if path.is_dir() and any(path.iterdir()):
        raise AlreadyExists(f"'{path}' already exists and is not empty", hint=hint)
    if os.path.lexists(path) and not path.is_dir():
        raise AlreadyExists(f"'{path}' already exists", hint=hint)


def sync(folder: Path) -> None:
    """Return when everything written below `folder` so far is on its disk."""
    # Linux: one syncfs; elsewhere the system's sync. Windows has neither: only the branch is
    # flushed.
    syncfs = _syncfs()
    if syncfs is None:
        if hasattr(os, "sync"):
            os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            _fall_back()
    finally:
        os.close(descriptor)


def sync_folder(folder: str | Path) -> None:
    """Return when the names in a folder, such as that of a file just renamed, are on disk."""
    if os.name == "nt":  # it opens no folders, and keeps names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put(
    path: Path,
    parts: Iterable[bytes | memoryview],
    *,
    mode: int = 0o666,
    sharing: Sharing = UNSHARED,
) -> None:
    """Write a file in one step; `mode` less the umask and `sharing` say who may read it."""
    # A process that is killed leaves a file of that name and a suffix.
    partial = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    with processes.held():
        try:
            with open(os.open(partial, _NEW_FILE, mode), "wb") as file:
                sharing.adjust(file.fileno())
                file.writelines(parts)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _fall_back() -> None:
    """Sync everything if there is no syncfs; a disk that failed raises."""
    import ctypes

    number = ctypes.get_errno()
    if number in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
        raise OSError(number, os.strerror(number))
    os.sync()


@lru_cache(maxsize=1)
def _syncfs() -> Any | None:
    """Return the C library's syncfs, which Python does not offer; None without it."""
    if sys.platform != "linux":
        return None
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


# What the system does not let this process read, as our error: that is not damage.

_HINTS = {
    errno.EMFILE: "this process cannot open more files: raise its limit with `ulimit -n`",
    errno.ENFILE: "the system cannot open more files: close some, or raise its limit",
    errno.EACCES: "check who may read that file and the folders above it",
    errno.EPERM: "check who may read that file and the folders above it",
}
_TOO_MANY = (os.strerror(errno.EMFILE), os.strerror(errno.ENFILE))


def refusal(error: BaseException, what: str) -> CannotRead | None:
    """Return what to raise if the system refused to open `what`; None for any other error."""
    # What a handler of a signal raised is raised again: it says nothing of `what`.
    if is_of_handler(error):
        raise error
    for code, hint in _HINTS.items():
        reason = os.strerror(code)
        if getattr(error, "errno", None) == code or str(error).endswith(reason):
            return CannotRead(f"{what} cannot be read: {reason}", hint=hint)
    return None


def limit(error: BaseException) -> str | None:
    """Return the hint of an error that says that no more files may be open; None for others."""
    store_error = refusal(error, "")
    return store_error.hint if store_error and str(store_error).endswith(_TOO_MANY) else None


def quoted(path: str | Path) -> str:
    """Return a path as a shell takes it for one word."""
    import shlex  # only for what is wrong: a command that finds nothing is to be quick

    return shlex.quote(str(path))


def of_somebody_else(path: str | Path) -> NotAStore:
    """Return what to raise where git does not trust a repository because of its owner."""
    owned = os.path.realpath(path)
    return NotAStore(
        f"'{owned}' belongs to another user",
        hint=f"if you trust it: git config --global --add safe.directory {quoted(owned)}",
    )


def text_of(path: Path) -> str | None:
    """Return what a file of the user's says; None without one; UnicodeDecodeError if not text."""
    absent = (FileNotFoundError, NotADirectoryError, PermissionError)
    with reading(f"'{path}'"), suppress(*absent):
        return path.read_text(encoding="utf-8")
    return None


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn the system's refusal to open `what` into our error."""
    try:
        yield
    except OSError as error:
        raise refusal(error, what) or error from None


# Where a user's own files are, the cache and the configuration, and whether others write there.

_NAME = "gitmodelstore"

# Variables that name git's configuration of the machine and the user, or leave out the first.
_OTHER_FILES = ("GIT_CONFIG_SYSTEM", "GIT_CONFIG_GLOBAL")
NO_MACHINE = "GIT_CONFIG_NOSYSTEM"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for what can be found out again; None if the user has no home."""
    return _folder(environment, "XDG_CACHE_HOME", ".cache", "Library/Caches")


def config_folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder for what the user has set; None if the user has no home."""
    return _folder(environment, "XDG_CONFIG_HOME", ".config", "Library/Application Support")


def attributes_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where git looks for attributes of the user if core.attributesFile names no file."""
    return _folder_of_git(environment) / "attributes"


def _folder_of_git(environment: Mapping[str, str]) -> Path:
    config = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '')}/.config"
    return Path(config, "git")


def configuration_files(environment: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """Return where git's configuration of the machine and the user is; None if not known here."""
    home = environment.get("HOME")
    if home is None or sys.platform == "win32":
        return None
    named = tuple(map(environment.get, _OTHER_FILES))
    if any(path is not None and not os.path.isabs(path) for path in named):
        return None  # which counts from wherever git runs
    is_left_out = environment.get(NO_MACHINE, "").lower() not in ("", "0", "false", "no", "off")
    return _configuration_files(home, environment.get("XDG_CONFIG_HOME"), is_left_out, *named)


def other_configuration(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variables that are set which name other files, or leave out the machine's."""
    return [name for name in (*_OTHER_FILES, NO_MACHINE) if name in environment]


@lru_cache(maxsize=4)  # every setting that is read asks for them
def _configuration_files(
    home: str, folder: str | None, is_left_out: bool, machine: str | None, user: str | None
) -> tuple[str, ...]:
    of_machine = () if is_left_out else (machine or "/etc/gitconfig",)
    own = _folder_of_git({"HOME": home, "XDG_CONFIG_HOME": folder or ""})
    of_user = (user,) if user else (f"{own / 'config'}", f"{Path(home, '.gitconfig')}")
    return *of_machine, *of_user


def _folder(environment: Mapping[str, str], variable: str, linux: str, mac: str) -> Path | None:
    """Source: the XDG Base Directory Specification; on macOS and Windows their own places."""
    given = environment.get(variable)
    if given and os.path.isabs(given):
        return Path(given) / _NAME
    if sys.platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return Path(local) / _NAME if local else None
    home = environment.get("HOME")
    if not home or not os.path.isabs(home):
        return None
    return Path(home) / (mac if sys.platform == "darwin" else linux) / _NAME


def written_by_others(path: str | Path) -> str | None:
    """Return who besides the user could replace a file, links followed, or None."""
    # What is missing is nobody's yet. Windows has no such rights.
    if not hasattr(os, "geteuid"):
        return None
    left, visited = [os.path.abspath(path)], set[str]()
    while left:
        place = left.pop()
        while place not in visited:
            visited.add(place)
            with suppress(OSError):  # it is not there, or nobody gets there
                status = os.lstat(place)
                if why := others_of(status, place):
                    return why
                if stat.S_ISLNK(status.st_mode):
                    above = os.path.dirname(place)
                    left.append(os.path.normpath(os.path.join(above, os.readlink(place))))
            place = os.path.dirname(place)
    return None


def make_private(folder: str | Path) -> None:
    """Make a folder and those above it, so that nobody else may write to what was missing."""
    missing = []
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        missing.append(place)
        place = os.path.dirname(place)
    for place in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(place, 0o700)


def others_of(status: os.stat_result, place: str) -> str | None:
    """Return who else owns a file or a folder, or may write to it; None for nobody."""
    # In a folder with the "sticky" bit, such as /tmp, only owners rename what is theirs.
    if status.st_uid not in (os.geteuid(), 0):
        return f"'{place}' belongs to another user"
    is_shared = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode) and not is_shared:
        return f"others may write to '{place}': prevent it with `chmod go-w {quoted(place)}`"
    return None


def is_a_strangers(file: Path, folder: Path) -> str | None:
    """Return who else could have written a file found in or above a folder, or None."""
    # A mounted project may belong to somebody else: then it is theirs as the folder is.
    if not hasattr(os, "geteuid"):
        return None
    status = file.stat()
    if status.st_uid not in (os.geteuid(), 0, folder.stat().st_uid):
        return f"'{file}' belongs to another user"
    if status.st_mode & 0o002:
        return f"others may write to '{file}': prevent it with `chmod o-w {quoted(file)}`"
    return None


def may_write_as(status: os.stat_result, around: os.stat_result) -> bool:
    """Whether a file can only come from who may write to the folder around it, or from the user."""
    if not hasattr(os, "geteuid"):
        return True
    is_shared = around.st_mode & 0o020 and status.st_gid == around.st_gid
    is_known = is_shared or status.st_uid in (os.geteuid(), 0, around.st_uid)
    is_link = stat.S_ISLNK(status.st_mode)  # whose mode says nothing
    return bool(is_known) and (is_link or not status.st_mode & ~around.st_mode & 0o022)


def trusted_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return what GITMODELSTORE_TRUSTED says: whom this user, or this service, trusts."""
    return environment.get("GITMODELSTORE_TRUSTED", "")


def named_store(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the store that GITMODELSTORE names for all that this user, or service, does."""
    return environment.get("GITMODELSTORE") or None


SCRATCH = "GMS_REPRODUCE_STORE"


def scratch_store(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the store that stands in for every other one; None outside of `gms reproduce`."""
    given = environment.get(SCRATCH)
    return Path(given) if given else None


# What a project says of its model store: `[tool.gitmodelstore]` of its pyproject.toml, `models/`.

FILE = "pyproject.toml"
_MARKS = (FILE, "setup.py", "setup.cfg", ".git")


def around(folder: Path) -> Path:
    """Return the project that a folder is in: the nearest one with its marks, or the folder."""
    folder = folder.resolve()
    for above in (folder, *folder.parents):
        if any((above / mark).exists() for mark in _MARKS):
            return above
    return folder


def code_places(folder: Path) -> tuple[Path, ...]:
    """Return where the modules of a project may be: here, at its top, and in its `src`."""
    project = around(folder)
    return tuple(dict.fromkeys((folder.resolve(), project, project / "src")))


def settings(folder: Path) -> Iterator[tuple[dict[str, Any], Path]]:
    """Yield the settings of each pyproject.toml of a folder and above, with its folder."""
    for above in (folder.absolute(), *folder.absolute().parents):
        try:
            text = text_of(above / FILE)
            if not text:
                continue
            import tomllib  # five milliseconds that most commands do not need

            whole = tomllib.loads(text)
        except ValueError as error:  # as both that it may be are
            raise NotAStore(
                f"'{above / FILE}' is not TOML: {error}", hint="fix it, or name the store with -C"
            ) from None
        tool = whole.get("tool", {})
        table = tool.get("gitmodelstore") if isinstance(tool, dict) else None
        if isinstance(table, dict):
            yield table, above


def store_of_project(folder: Path) -> tuple[Path, Path] | None:
    """Return the store that the nearest pyproject.toml names which names one, and that file."""
    for table, place in settings(folder):
        store = table.get("store")
        if store is None:
            continue
        if not isinstance(store, str) or is_address(store):
            raise NotAStore(
                f"'{place / FILE}': [tool.gitmodelstore] store must be a path, found {store!r}",
                hint='write it as store = "models", relative to that file',
            )
        return beside(place, store), place / FILE
    return None


def is_address(text: str) -> bool:
    """Whether text names a repository elsewhere: `server:/srv/models.git`, `https://…`."""
    return re.match(r"[^/:]{2,}:", text) is not None


def is_elsewhere(named: object) -> bool:
    """Whether text is an address, and not a path that exists; git decides it so too."""
    return isinstance(named, str) and is_address(named) and not os.path.lexists(named)


def beside(place: Path, path: str) -> Path:
    """Return what a path means in a folder, or in the main work tree."""
    # If the main one, as of a bare repository, lacks it: the only linked one that has it.
    here = (place / path).resolve()
    if _is_repository(here):
        return here
    main, linked = _other_trees(place)
    if main is not None and _is_repository(main / path):
        return (main / path).resolve()
    folders = {(tree / path).resolve() for tree in linked if _is_repository(tree / path)}
    return folders.pop() if len(folders) == 1 else here


def linked_to(mark: Path) -> Path | None:
    """Return the git directory that a file `.git` names; None if it is not such a file."""
    with suppress(OSError, ValueError):
        if mark.is_file() and (text := mark.read_text().strip()).startswith("gitdir: "):
            return (mark.parent / text.removeprefix("gitdir: ")).resolve()
    return None


def store_inside(top: Path) -> Path | None:
    """Return the repository that is the `models/` of a code repository; None without one."""
    folder = beside(top, MODELS)
    return folder if (folder / ".git").exists() else None


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (folder / "HEAD").exists()


def _other_trees(folder: Path) -> tuple[Path | None, list[Path]]:
    """Return the folder that answers to one of a linked work tree: in the main one, in others."""
    for above in (folder, *folder.parents):
        mark = above / ".git"
        if mark.is_dir():
            break
        main, inside, git_dir = None, Path(), above
        if linked := linked_to(mark):
            inside, git_dir = folder.relative_to(above), linked
            if git_dir.parent.name == "worktrees":
                git_dir = git_dir.parent.parent
                main = git_dir.parent / inside if git_dir.name == ".git" else None
        elif not (above / "HEAD").is_file():
            continue
        texts = (text_of(one) for one in sorted(git_dir.glob("worktrees/*/gitdir")))
        return main, [Path(text.strip()).parent / inside for text in texts if text]
    return None, []
