"""What commands do, counted: run by `benchmarks.counts` as a program, with as little as possible.

    python -S counter.py PATHS PACKAGE OUT MODE < COMMANDS

It imports nothing but what Python starts with and `os`, forks twice for each command, and writes a
line for each. The first fork runs the command as a new process would: the modules that it imports,
and for whom; the programs that it starts; the opcodes of our own code, and the functions called
anywhere. The second one imports the same modules before, and counts the bytes that are read and
written after that, and what is asked of libgit2 and of files, so that neither Python's release nor
the libraries are in the numbers.

With MODE `trace` there is the second one only, between two marks for `strace`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing would hide that a command does
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    Row = tuple[str, str, list[list[str]], str, list[str]]

PATHS, PACKAGE, OUT, MODE = sys.argv[1:5]
OWN = os.path.join(PACKAGE, "gitmodelstore") + os.sep
MARK = "/counting/"


class Importers:
    """A finder that finds nothing, and notes who wants a module."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is not None and frame.f_code.co_filename.startswith(OWN):
            self.wanted.add(name)


class Walked:
    """Counts opcodes of our code, and calls of functions anywhere but in Python's importer."""

    opcodes = calls = 0

    def enter(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any] | None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen"):
            return None
        self.calls += 1
        if not file.startswith(OWN):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self.step

    def step(self, frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        if event == "opcode":
            self.opcodes += 1
        return self.step


class Reads:
    """Counts what is asked of libgit2, and the files of the store that Python opens."""

    count = 0

    def __init__(self) -> None:
        self.store = os.getcwd() + os.sep

    def called(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "c_call":
            owner = type(getattr(argument, "__self__", None))
            is_ours = owner.__module__.partition(".")[0] in ("_pygit2", "pygit2")
            self.count += is_ours or owner.__module__ == "_cffi_backend"

    def audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "sqlite3.connect") and isinstance(arguments[0], (str, bytes)):
            path = os.fsdecode(arguments[0]).removeprefix("file://")
            self.count += not path.startswith("/") or path.startswith(self.store)


def program_of(event: str, arguments: tuple[Any, ...]) -> list[str] | None:
    """Return the words of a program that an audited event starts; None if it starts none."""
    if event == "subprocess.Popen":
        return [os.fsdecode(word) for word in arguments[1]]
    if event in ("os.posix_spawn", "os.exec"):
        # `subprocess` starts some of its own in this way, and has said so already
        if "subprocess.py" in sys._getframe(2).f_code.co_filename:
            return None
        return [os.fsdecode(word) for word in arguments[1]]
    return None


def named(words: list[str]) -> str:
    """Return the name of a program, with git's command."""
    name = os.path.basename(words[0])
    if name != "git":
        return name
    takes = {"-C", "-c", "--git-dir", "--work-tree", "--exec-path", "--namespace"}
    skip = False
    for word in words[1:]:
        if skip or word.startswith("-"):
            skip = not skip and word in takes
            continue
        return f"git {word}"
    return name


def run(kind: str, words: list[str], given: str) -> object:
    """Run a command as its own program would; return its exit code."""
    read, write = os.pipe()
    os.write(write, given.encode())  # less than a pipe holds
    os.close(write)
    os.dup2(read, 0)
    try:
        if kind == "gms":
            sys.argv = ["gms", *words]
            import atexit  # noqa: F401 - with it there is something after the command

            from gitmodelstore.cli.main import run as program

            program()
        elif kind == "hook":
            script = os.path.join(PACKAGE, "hooks", words[0])
            sys.argv = [script, *words[1:]]
            sys.path.insert(0, os.path.dirname(script))
            with open(script, encoding="utf-8") as file:
                code = compile(file.read(), script, "exec")
            exec(code, {"__name__": "__main__", "__file__": script})  # noqa: S102
        else:
            exec(words[0], {"__name__": "__main__"})  # noqa: S102
    except SystemExit as end:
        return 0 if end.code is None else end.code
    return 0


def cold(kind: str, words: list[str], given: str) -> dict[str, Any]:
    started = set(sys.modules)
    importers, walked, programs = Importers(), Walked(), list[str]()

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        program = program_of(event, arguments)
        if program is not None:
            programs.append(named(program))

    sys.meta_path.insert(0, importers)
    sys.addaudithook(audited)
    sys.settrace(walked.enter)
    code = run(kind, words, given)
    sys.settrace(None)
    modules = [name for name in sys.modules if name not in started]
    own = {name for name in modules if name.partition(".")[0] == "gitmodelstore"}
    return {
        "code": code,
        "imports": sorted(own | {name for name in importers.wanted if name in sys.modules}),
        "modules": modules,
        "programs": programs,
        "opcodes": walked.opcodes,
        "calls": walked.calls,
    }


def bytes_so_far() -> list[int] | None:
    """Return the bytes that this process has read and written, with those it has waited for."""
    try:
        with open("/proc/self/io", encoding="ascii") as file:
            lines = file.read().split("\n")
    except OSError:
        return None
    return [int(line.split()[1]) for line in lines[:2]]


def warm(kind: str, words: list[str], given: str, modules: list[str]) -> dict[str, Any]:
    for name in modules:
        try:
            __import__(name)
        except Exception:  # noqa: S112 - one that only the command itself can import
            continue
    reads = Reads()
    sys.addaudithook(reads.audited)
    bytes_so_far()
    before = bytes_so_far()
    sys.setprofile(reads.called)
    code = run(kind, words, given)
    sys.setprofile(None)
    after = bytes_so_far()
    counted = {"code": code, "reads": reads.count}
    if before is None or after is None:
        return counted
    return {**counted, "read": after[0] - before[0], "written": after[1] - before[1]}


def traced(
    name: str, kind: str, words: list[str], given: str, modules: list[str]
) -> dict[str, Any]:
    for module in modules:
        try:
            __import__(module)
        except Exception:  # noqa: S112
            continue
    os.path.lexists(MARK + name)
    code = run(kind, words, given)
    os.path.lexists(MARK + "end")
    return {"code": code}


def in_a_fork(work: Callable[..., Any], *arguments: object) -> Any:
    """Return what a function returns in a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        silence = os.open(os.devnull, os.O_RDWR)
        error = os.dup(2)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            answer = repr(work(*arguments))
        except BaseException:
            import traceback

            os.write(error, traceback.format_exc().encode())
            os._exit(1)
        data = answer.encode()
        while data:
            data = data[os.write(write, data) :]
        os._exit(0)
    os.close(write)
    parts = []
    while part := os.read(read, 1 << 16):
        parts.append(part)
    os.close(read)
    os.waitpid(pid, 0)
    return eval(b"".join(parts) or b"None")  # noqa: S307 - our own repr


def main() -> None:
    sys.path[:] = PATHS.split(os.pathsep)
    commands: list[Row] = eval(sys.stdin.read())  # noqa: S307 - the repr that counts.py has written
    with open(OUT, "w", encoding="utf-8") as out:
        for name, kind, turns, given, modules in commands:
            if MODE == "trace":
                answer = in_a_fork(traced, name, kind, turns[0], given, modules)
            else:
                answer = in_a_fork(cold, kind, turns[0], given)
                if answer is not None:
                    second = in_a_fork(warm, kind, turns[1], given, answer["modules"])
                    answer = {**answer, "second": second}
            print(repr((name, answer)), file=out)


main()
