"""The system's git, started with a known environment."""
# It starts no program that a repository's own configuration names.

from __future__ import annotations

import os

TYPE_CHECKING = False  # as in lean.py: most hooks import no more of ours than this module
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from io import BufferedReader, RawIOBase
    from pathlib import Path
    from typing import Any

    from gitmodelstore.checks.folder import FileFacts

# The git program, started in half a millisecond, for hooks that live for a few of them.


# Somebody's repository must not run what its configuration names, nor have its index written.
# `_PROGRAMS` says what else is closed where a command would look at it.
HARMLESS = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.ext.allow=never",
    "-c", "submodule.recurse=false",
    "-c", "fetch.recurseSubmodules=false",
    "-c", "diff.autoRefreshIndex=false",
    "-c", "log.showSignature=false",  # it would start gpg.program
    "-c", "maintenance.auto=false",  # it would start gc.recentObjectsHook
)  # fmt: skip


class Git:
    """A running git; started by the system if it can, since `subprocess` is slow to import."""

    def __init__(
        self, *args: str, question: bytes | None = b"", environment: Mapping[str, str] | None = None
    ) -> None:
        output, theirs = os.pipe()
        asking, ours = os.pipe()
        self.answers: BufferedReader = open(output, "rb")  # noqa: SIM115 - until `end`
        self.questions: RawIOBase = open(ours, "wb", buffering=0)  # noqa: SIM115 - until `end`
        try:
            if question is not None:
                _widen(theirs)
                self.questions.write(question)
                self.questions.close()
            kept = environment or os.environ
            self._wait = _start(command(*args), asking, theirs, kept, question is None)
        except BaseException:
            self._close()
            raise
        finally:
            os.close(theirs)
            os.close(asking)

    def end(self) -> int:
        """Ask and read no more, and return its exit code when it has ended."""
        self._close()
        return self._wait()

    def answer(self) -> str:
        """Return all that it prints, once it has done it."""
        text = os.fsdecode(self.answers.read())
        self.check()
        return text

    def check(self) -> None:
        """Wait for its end, which must be successful."""
        if code := self.end():
            raise failure(f"git could not say what is staged: it exited with {code}")

    def _close(self) -> None:
        self.questions.close()
        self.answers.close()


def _start(
    command: list[str], stdin: int, stdout: int, environment: Mapping[str, str], quiet: bool
) -> Callable[[], int]:
    try:
        if not hasattr(os, "posix_spawnp"):
            import subprocess

            stderr = subprocess.DEVNULL if quiet else None
            process = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment
            )
            return lambda: process.wait()
        there: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
        ]
        if quiet:
            there.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
        pid = os.posix_spawnp(command[0], command, environment, file_actions=there)
        return lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except FileNotFoundError:
        raise failure("git is not installed", "install the package 'git'") from None


def _widen(pipe: int) -> None:
    """Let git run ahead of its reader by a MiB where the system can (Linux)."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
    except (ImportError, AttributeError, OSError):
        pass  # it works without, only slower


def failure(what: str, hint: str | None = None, command: str = "", stderr: str = "") -> Exception:
    from gitmodelstore.errors import GitFailed  # which hooks need only then

    return GitFailed(what, hint=hint, command=command, stderr=stderr)


# Git

# What `git rev-parse --local-env-vars` lists: inside a hook these point at the repository
# that runs it, not at the one that is meant. GIT_CONFIG_COUNT and GIT_CONFIG_PARAMETERS,
# which that lists too, are settings of the user's, by `git -c` or by hand, and stay.
LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)

# What is said in place of a setting that names a program where only the repository's own
# configuration says it. Source: git help config, every variable that is run; those that only
# commands look at which nothing here starts are in the list of docs/security.md alone.
_PROGRAMS = {
    "filter.*.clean": "",
    "filter.*.smudge": "",
    "filter.*.process": "",
    "filter.*.required": "false",
    "hook.*.command": "true",
    "core.sshcommand": "ssh",
    "core.askpass": "",
    "core.alternaterefscommand": "true",
    "remote.*.vcs": "",
    "lfs.*.path": "",  # of an agent that moves large files: a server may choose it, too
}
# Of these the first counts, so that nothing can be said in their place.
_FIRST_COUNTS = ("core.gitproxy", "remote.*.uploadpack")
_HELPER = "credential.*helper"  # a list, which an empty value takes back
# Commands that look at none of these: they neither write nor compare files, nor fetch.
_LOOKS_AT_NONE = (
    "cat-file", "config", "diff-index", "diff-tree", "for-each-ref", "fsck", "log", "ls-files",
    "ls-tree", "merge-base", "remote", "rev-list", "rev-parse", "var", "version",
)  # fmt: skip
_OURS = ("system", "global", "command")  # the scopes that no repository brings with it
# In a git directory git would pass over its configuration where a user has it trust bare
# repositories only by name.
TRUSTING = ("-c", "safe.bareRepository=all")
# Next to one another are texts that differ little: git keeps 96 MB of them, to no use.
SPARING = ("-c", "core.deltaBaseCacheLimit=24m")
_ADDED = frozenset(setting.lower() for setting in (*HARMLESS, *TRUSTING))  # by us, not by the user
# What looks at a commit on its way to the branch.
_MOVES = frozenset({"checkout-index", "diff-index", "diff-tree", "read-tree", "update-index"})
NO_FETCH = {"GIT_NO_LAZY_FETCH": "1"}  # what a partial clone lacks stays lacking


def command(*args: str) -> list[str]:
    """Return the command line of `git ARGS` with the settings that keep it harmless."""
    return ["git", *HARMLESS, *args]


def environment(extra: Mapping[str, str] | None = None, *, inherit: bool = False) -> dict[str, str]:
    """Return this process's environment, unless `inherit` without what names a repository."""
    kept = dict(os.environ) if inherit else surroundings()
    if not inherit:  # what a store holds is in its objects, not in what stands in for some here
        kept.update(GIT_NO_REPLACE_OBJECTS="1", GIT_GRAFT_FILE=os.path.join(os.devnull, "none"))
    kept.update(
        GIT_TERMINAL_PROMPT="0",
        GIT_LFS_SKIP_SMUDGE="1",  # a work tree keeps the pointer until `git lfs pull`
        LC_ALL="C",
    )
    return {**kept, **(extra or {})}


def instead(
    settings: Iterable[tuple[bool, str, str | None]], places: Mapping[str, object]
) -> dict[str, str]:
    """Return what changes in this process's environment; `places` name the repository."""
    wanted = environment(closed(settings))
    pairs = [pair.split("=", 1) for pair in HARMLESS if pair != "-c"]
    wanted |= configured(wanted, [(name, value) for name, value in pairs])
    return {**wanted, **{n: str(places.get(n, "")) for n in os.environ if n in LOCAL}}


def configured(environment: Mapping[str, str], pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the variables that add settings, by name, to those that an environment has."""
    first = environment.get("GIT_CONFIG_COUNT", "")
    start_at = int(first) if first.isdecimal() else 0
    variables = {"GIT_CONFIG_COUNT": str(start_at + len(pairs))}
    for number, (name, value) in enumerate(pairs, start_at):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def surroundings() -> dict[str, str]:
    """Return this process's environment without what names a repository."""
    return {name: value for name, value in os.environ.items() if name not in LOCAL}


def start(
    args: Sequence[str],
    cwd: Path,
    *,
    to_the_end: bool = False,
    holding: tuple[int, ...] = (),
    index: Path | None = None,
    extra: Mapping[str, str] | None = None,
    inherit: bool = False,
    training: bool = False,
    umask: int | None = None,
    stdin: Any = None,
    stderr: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `git ARGS` in `cwd` and return the running process.

    Args:
        to_the_end: keep Ctrl-C at the terminal from it: what it does takes
            milliseconds and must not be left half done.
        training: it is the repository of the code that trains, which its user runs anyway:
            its filters run, since without them other files would seem changed than are.
    """
    import subprocess  # it takes half as long to import as Python takes to start

    from gitmodelstore.plumbing import loose, processes

    extra = {**(extra or {}), **({"GIT_INDEX_FILE": str(index)} if index else {})}
    if not inherit and _verb(args) in _MOVES:  # a prune may have taken what is not named yet
        alternates = loose.beside(cwd / ".git") or loose.beside(cwd)
        extra |= {"GIT_ALTERNATE_OBJECT_DIRECTORIES": alternates} if alternates else {}
    if not training and not inherit:
        if _verb(args) in _LOOKS_AT_NONE:
            extra |= NO_FETCH
        else:
            settings = tuple(scoped(cwd))
            extra |= closed(settings) | (mute_ssh(settings) if _verb(args) == "fetch" else {})
    try:
        return processes.start(
            command(*args),
            cwd=cwd,
            env=environment(extra, inherit=inherit),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if stderr is None else stderr,
            pass_fds=holding,
            process_group=0 if to_the_end else None,
            umask=-1 if umask is None else umask,
        )
    except OSError as error:
        raise _not_started(error, cwd) from None


def _not_started(error: OSError, folder: Path) -> Exception:
    """Return our error for a git that could not be started in a folder."""
    if isinstance(error, FileNotFoundError):
        if not os.path.isdir(folder):
            return failure(f"'{folder}' is not a folder")
        return failure("git is not installed", hint="install the package 'git', 2.39 or newer")
    from gitmodelstore.errors import reason_of  # which hooks need only then

    return failure(
        f"git cannot be started: {reason_of(error)}",
        hint="see the limits of this process with `ulimit -a`",
    )


def run(*args: str, cwd: Path, **options: Any) -> bytes:
    """Run `git ARGS` in `cwd` and return what it printed; the rest is as in `start`."""
    from contextlib import nullcontext

    from gitmodelstore.plumbing.processes import held, running

    with (
        held() if options.get("to_the_end") else nullcontext(),
        running(lambda: start(args, cwd, **options)) as process,
    ):
        stdout, stderr = process.communicate()
    check(process.returncode, args, stderr)
    return stdout


def check(code: int, args: Sequence[str], stderr: bytes) -> None:
    """Raise if git failed."""
    if code:
        message = stderr.decode(errors="replace").strip()
        what = f"`git {_verb(args)}` failed: {message or f'exit status {code}'}"
        raise failure(what, command="git " + " ".join(args), stderr=message)


def scoped(folder: Path) -> Iterator[tuple[bool, str, str | None]]:
    """Yield of each setting whether it is the user's, its name, and its value (None: true)."""
    # The environment's, as by `git -c`, are the user's. Names are in lower case but for the middle.
    listing = run(*TRUSTING, "config", "--list", "--null", "--show-scope", cwd=folder)
    entries = iter(listing.decode(errors="surrogateescape").split("\0")[:-1])
    for scope, entry in zip(entries, entries, strict=True):
        name, has_value, value = entry.partition("\n")
        if scope != "command" or f"{name}={value}" not in _ADDED:
            yield scope in _OURS, name, value if has_value else None


def closed(settings: Iterable[tuple[bool, str, str | None]]) -> dict[str, str]:
    """Return the environment in which git starts no program that a repository's settings name."""
    # `settings`: of `scoped`. What the user's or the machine's say stays.
    ours: dict[str, str] = {}
    helpers: list[tuple[str, str]] = []
    theirs: dict[str, str] = {}
    for is_ours, name, value in settings:
        key = _key(name)
        if is_ours and key == _HELPER:
            helpers.append((name, value or ""))
        elif is_ours:
            ours[name] = "true" if value is None else value
        elif key in _PROGRAMS or key in _FIRST_COUNTS or key == _HELPER:
            theirs[name] = key
    if not theirs:
        return {}
    pairs = [
        (name, _of_lfs(name) or ours.get(name, _PROGRAMS[key]))
        for name, key in theirs.items()
        if key in _PROGRAMS
    ]
    if _HELPER in theirs.values():
        pairs += [("credential.helper", ""), *helpers]
    variables = {**configured(os.environ, pairs), **NO_FETCH}
    if "core.gitproxy" in theirs:
        variables["GIT_PROXY_COMMAND"] = os.environ.get("GIT_PROXY_COMMAND", "")
    return variables


def mute_ssh(settings: Iterable[tuple[bool, str, str | None]]) -> dict[str, str]:
    """Return the environment in which ssh asks nothing, if there is nobody at a terminal.

    It would ask for a passphrase, or about the key of a host, at the terminal from which a notebook
    or a service was started, and wait for ever. `settings`: as `scoped` gives them.
    """
    import re
    import shlex

    try:
        if os.isatty(0):
            return {}
    except OSError:  # it is closed
        pass
    own = [value for is_ours, name, value in settings if is_ours and name == "core.sshcommand"]
    program = shlex.quote(os.environ.get("GIT_SSH") or "ssh")
    command = os.environ.get("GIT_SSH_COMMAND") or (own and own[-1]) or program
    if not re.match(r"\s*'?(?:\S*/)?ssh(?:['\s]|$)", command):  # others have other options
        return {}
    return {"GIT_SSH_COMMAND": f"{command} -o BatchMode=yes"}


def _key(name: str) -> str:
    """Return the name of a setting with a star for its middle, as in the tables above."""
    section, _, rest = name.partition(".")
    _, has_middle, last = rest.rpartition(".")
    if section == "credential" and last == "helper":
        return _HELPER
    return f"{section}.*.{last}" if has_middle else name


def _of_lfs(name: str) -> str | None:
    """Return what git-lfs itself would set, where it is installed, as `git lfs install` does."""
    import shutil

    if name != "filter.lfs.process" or not shutil.which("git-lfs"):
        return None
    return "git-lfs filter-process"


def _verb(args: Sequence[str]) -> str:
    left = iter(args)
    for arg in left:
        if arg == "-c":
            next(left, None)
        elif not arg.startswith("-"):
            return arg
    return ""


def setting(name: str, folder: Path, *, kind: str = "") -> str | None:
    """Return a value of git's configuration there, None without; `kind`: "bool", "" for text."""
    from subprocess import PIPE

    from gitmodelstore.plumbing import processes

    flags = (f"--type={kind}",) if kind else ()
    words = ("git", *TRUSTING, "config", *flags, "--get", name)  # HARMLESS would be the answer
    options: dict[str, Any] = {"cwd": folder, "env": environment(), "stdout": PIPE, "stderr": PIPE}
    try:
        with processes.running(lambda: processes.start(words, **options)) as process:
            value, errors = process.communicate()
    except OSError as error:
        raise _not_started(error, folder) from None
    if process.returncode > 1:
        why = errors.decode(errors="replace").strip()
        raise failure(f"`git config` failed: {why}", command=" ".join(words), stderr=why)
    return None if process.returncode else value.decode(errors="surrogateescape")[:-1]


def is_said(name: str) -> bool:
    """Whether the environment may set something itself, as `git -c` does."""
    if not any(
        variable in os.environ for variable in ("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS")
    ):
        return False  # to go through the environment takes longer than what libgit2 does
    return any(
        name.lower() in value.lower()
        for variable, value in os.environ.items()
        if variable.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_PARAMETERS"))
    )


def says_who() -> bool:
    """Whether the environment names the author or the committer of a commit, or a date."""
    return any(name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_")) for name in os.environ)


# What the commit that is being made holds, read from git's index by the git program.

MANIFEST, PIPELINE = "manifest.json", "pipeline.joblib"
_MODEL_FILES = (f":(glob)**/{MANIFEST}", f":(glob)**/{PIPELINE}")
_MOST_FOLDERS = 100  # from which on the whole index is listed: a command line has an end
_PLAIN = (0o100644, 0o100755)
_GITLINK = 0o160000  # a submodule, whose id names no blob
_MOST_TRIED = 16 << 20  # a larger one is probably kept by Git LFS, and the blob its pointer
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would convert line ends
_MOST_ASKED = 300  # questions that fit into a pipe, so that none waits for its reader
_BLOCK_BYTES = (1 << 20) + 1  # of a file that is kept and not only hashed; a manifest has less


class StagedFiles:
    """The index against HEAD: git is asked at once, and answers while others work."""

    # `names`: files that the framework names: the commit's, or all but those that the user
    # excludes.

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
        """Return each path that the commit touches, with git's letter for what it does to it."""
        # Files that are only named have "M". Others are there if deleted, or if a merge is
        # committed; the framework names only the conflicts among them.
        parts = iter(self._diff.answer().split("\0"))
        letters = {path: letter for letter, path in zip(parts, parts, strict=False)}
        deleted = {path: letter for path, letter in letters.items() if letter == "D"}
        unnamed = letters.keys() - deleted.keys() - self._names
        more = letters if unnamed and _is_merging() else deleted
        return {**dict.fromkeys(self._names, "M"), **more}

    def model_folders(self) -> list[str]:
        """Return the folders with manifest and pipeline that the commit touches; "" is the top."""
        assert self._listing is not None  # noqa: S101 - as the class asks for
        changes = self.changes()
        self._listed = _read_listing(self._listing)
        paths = {*self._listed, *(path for path in changes if _is(path, PIPELINE))}
        manifests = {os.path.dirname(path) for path in paths if _is(path, MANIFEST)}
        pipelines = {os.path.dirname(path) for path in paths if _is(path, PIPELINE)}
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
    files = {}
    for line in git.answer().split("\0"):
        facts, _, path = line.partition("\t")
        mode, oid, stage = facts.split() if facts else ("", "", "")
        if stage == "0":
            files[path] = (int(mode, 8), oid)
    return files


def folder_pathspec(folder: str) -> str:
    """Return the pathspec of all files of a folder; of the top without its folders."""
    return f":(literal){folder}/" if folder else ":(glob)*"


def file_pathspec(path: str) -> str:
    """Return the pathspec of exactly one file."""
    return f":(literal){path}"


class Contents:
    """Size, SHA-256 and, if small, bytes of blobs, from a thread while the caller imports."""

    # If the file of the work tree has the id of the blob, git need not decompress that.

    def __init__(self, files: Mapping[str, tuple[int, str]]) -> None:
        from threading import Thread

        self._found: dict[str, tuple[str, int, bytes]] = {}
        self._failure: Exception | None = None
        self._thread = Thread(target=self._read, args=(dict(files),))
        self._thread.start()

    def data(self, oid: str) -> bytes:
        """Return the bytes of a blob; of one longer than a MiB just more than that."""
        return self._get(oid)[2]

    def plain(self, oid: str) -> tuple[str, int]:
        """Return SHA-256 and size of a blob as it is, even if it is a pointer."""
        return self._get(oid)[:2]

    def sha256(self, oid: str) -> str | None:
        """Return the SHA-256 of a blob; None if it was not asked for or cannot be read."""
        self._thread.join()
        facts = self._found.get(oid)
        return facts[0] if facts else None

    def facts(self, oid: str, mode: int) -> FileFacts:
        """Return the facts of a file; behind a Git LFS pointer, of the object if it is here."""
        from gitmodelstore.checks.folder import FileFacts
        from gitmodelstore.values.objects import MOST_POINTER_BYTES, read_pointer

        if mode == _GITLINK:
            return FileFacts("", 0, mode)
        sha256, size, data = self._get(oid)
        pointer = read_pointer(data) if data and size <= MOST_POINTER_BYTES else None
        if pointer is None:
            return FileFacts(sha256, size, mode)
        target = _large_object(pointer.sha256) or (pointer.sha256, pointer.size_bytes)
        return FileFacts(*target, mode)

    def _get(self, oid: str) -> tuple[str, int, bytes]:
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._found[oid]

    def _read(self, files: dict[str, tuple[int, str]]) -> None:
        try:
            others = []
            for path, (mode, oid) in files.items():
                facts = _in_work_tree(path, oid) if mode in _PLAIN else None
                if facts is not None:
                    self._found[oid] = facts
                elif mode != _GITLINK:
                    others.append(oid)
            for oid, sha256, size, data in _blobs(tuple(dict.fromkeys(others))):
                self._found[oid] = (sha256, size, data)
        except Exception as error:  # told to whoever asks for the outcome
            self._failure = error


def _in_work_tree(path: str, oid: str) -> tuple[str, int, bytes] | None:
    """Return SHA-256, size and first MiB of a blob from its file in the work tree."""
    # None if the file is another one by now, or before git's filters: the id would differ.
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
    for start in range(0, len(oids), _MOST_ASKED):
        batch = oids[start : start + _MOST_ASKED]
        question = "".join(f"{oid}\n" for oid in batch).encode()
        git = Git("cat-file", "--batch", "--buffer", question=question)
        block = memoryview(bytearray(_BLOCK_BYTES))  # one for all: new memory costs time
        for oid in batch:
            yield oid, *_blob(git.answers, block)
        git.check()


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


def _large_object(sha256: str) -> tuple[str, int] | None:
    import hashlib

    common = Git("rev-parse", "--git-common-dir").answer().rstrip("\n")
    path = os.path.join(common, "lfs", "objects", sha256[:2], sha256[2:4], sha256)
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return digest, file.tell()
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
    git.answers.read()
    return git.end() == 0
