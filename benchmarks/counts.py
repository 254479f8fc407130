"""What commands do, in counts that do not depend on the machine, and how they have grown.

    python -m benchmarks.counts                # measure, and compare with counts.json
    python -m benchmarks.counts --write        # accept what this Python measures
    python -m benchmarks.counts --only list    # some commands

counts.json has, for each minor release of Python and each command on a small store of always the
same versions:

- imports: modules of ours, and those that they import themselves. One more is a failure.
- modules: all that is imported, by libraries too
- programs: what is started, by name. One more is a failure.
- opcodes: of our own code that are walked; calls: of functions anywhere, from import to end
- reads: calls of libgit2, and files of the store that are opened, once everything is imported
- read, written: bytes, from there too, with those of programs that were waited for
- system: calls that name a file of the store (Linux with strace), traced_read: bytes of its files
  that are read or mapped, traced_programs: all that are started, by git too

A count fails where it is more than the slack in `SLACK` above the baseline. A release of Python
that has no baseline is compared with the nearest one that has, but not for what differs between
releases: modules, opcodes and calls.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks.histories import large_store
from gitmodelstore.plumbing.large_files import SETTLED_NS

ROOT = Path(__file__).parents[1]
BASELINE = Path(__file__).with_name("counts.json")
AGAIN = "python -m benchmarks.counts --write"
VERSIONS = 100
Counts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """Something to count.

    Attributes:
        kind: `gms`, `hook` (a script in hooks/) or `python` (a program).
        first, second: its words; the second time where it cannot be done twice.
        given: what it reads; {tip} and {before} are commits of the branch.
        code: the exit code that it must have.
    """

    kind: str
    first: tuple[str, ...]
    second: tuple[str, ...] = ()
    given: str = ""
    code: int = 0

    @property
    def turns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.first, self.second or self.first


def _gms(first: str, second: str = "", code: int = 0) -> Command:
    return Command("gms", tuple(first.split()), tuple(second.split()), code=code)


_LOAD = 'from gitmodelstore import Store; Store.open().load("wine@production")'

# What each run of the tests asks stands first, and what writes last: the order is in the counts.
COMMANDS = {
    "--version": _gms("--version"),
    "usage error": _gms("list --colour", code=2),
    "completion": _gms("__complete pro"),
    "completion of versions": _gms("__complete show wine@1.14"),
    "list": _gms("list"),
    "which": _gms("which wine"),
    "show": _gms("show wine@1.40.0"),
    "log -n": _gms("log wine -n 20"),
    "list NAME": _gms("list wine"),
    "which --at": _gms("which wine --at 2026-01-01T00:45:00Z"),
    "log": _gms("log"),
    "diff": _gms("diff wine@1.41.0 wine@1.42.0", code=1),
    "search": _gms("search metrics.auc>0.005"),
    "verify": _gms("verify wine@1.43.0"),
    "validate hook": Command("hook", ("pre-receive",), given="{before} {tip} refs/heads/main\n"),
    "load": Command("python", (_LOAD,)),
    "promote": _gms("promote wine@1.50.0 production", "promote wine@1.51.0 production"),
    "rollback": _gms("rollback wine --reason worse"),
    "register": _gms("register wine {pipeline} --no-code"),
}  # fmt: skip
PROMOTED = ("wine@1.50.0", "wine@1.51.0")
WRITES = ("promote", "rollback", "register")
# In each run of the tests.
SAMPLE = ("--version", "usage error", "completion", "list", "which", "show", "log -n")

# For each count: how much more is nothing, as a share of the baseline and beside it.
SLACK = {
    "modules": (0.05, 5),
    "opcodes": (0.05, 1000),
    "calls": (0.10, 500),
    "reads": (0.01, 0),
    "read": (0.05, 20_000),  # five pages of the index, which ids spread differently each time
    "written": (0.05, 500),
    "system": (0.01, 5),
    "traced_read": (0.05, 20_000),
    "traced_programs": (0, 0),
}
OF_PYTHON = ("modules", "opcodes", "calls")


def measured(store: Path, names: Collection[str], *, traced: bool = False) -> dict[str, Counts]:
    """Count what commands do in a store, one after another; those that write come last."""
    asked = [name for name in names if name not in WRITES]
    found = _all(store, asked, traced=traced)
    if writes := [name for name in names if name in WRITES]:
        _python(store, f"for one in {PROMOTED!r}: store.load(one)")
        found.update(_all(store, writes, traced=False))
    return found


def _all(store: Path, names: Sequence[str], *, traced: bool) -> dict[str, Counts]:
    rows = [_row(store, name) for name in names]
    answers = dict(zip(names, _counted(store, rows), strict=True))
    found: dict[str, Counts] = {}
    for name, counts in answers.items():
        again = counts["second"]
        assert counts["code"] == again["code"] == COMMANDS[name].code, (name, counts["code"])
        found[name] = {
            "imports": counts["imports"],
            "modules": len(counts["modules"]),
            "programs": sorted(counts["programs"]),
            "opcodes": counts["opcodes"],
            "calls": counts["calls"],
            **{key: again[key] for key in ("reads", "read", "written") if key in again},
        }
    if traced:
        after = [(*row[:-1], answers[row[0]]["modules"]) for row in rows]
        for name, calls in _traced(store, after).items():
            found[name].update(calls)
    return found


def _row(store: Path, name: str) -> tuple[Any, ...]:
    """Return what counter.py is told: name, kind, words of both turns, input and modules."""
    pipeline = store.with_suffix(".joblib")
    if not pipeline.exists():
        pipeline.write_bytes(_run(store, "cat-file", "blob", "HEAD:models/wine/pipeline.joblib"))
    tip, before = _run(store, "rev-list", "--max-count=2", "HEAD").decode().split()
    filled = {"tip": tip, "before": before, "pipeline": str(pipeline)}
    command = COMMANDS[name]
    turns = [[_filled(word, filled) for word in words] for words in command.turns]
    return name, command.kind, turns, _filled(command.given, filled), ()


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], text)


def _counted(store: Path, rows: Sequence[tuple[Any, ...]]) -> Iterator[Counts]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        done = subprocess.run(
            _counter(out, "count"), input=repr(rows), cwd=store, env=_environment(store),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    for row, line in zip_longest(rows, lines):
        answer = ast.literal_eval(line)[1] if line else None
        if answer is None or answer["second"] is None:
            raise RuntimeError(f"{row[0]} cannot be counted:\n{done.stdout}{done.stderr}")
        yield answer


def _counter(out: Path, mode: str) -> list[str]:
    paths = os.pathsep.join(
        [str(ROOT), *(path for path in sys.path if path not in ("", str(ROOT)))]
    )
    script = str(Path(__file__).with_name("counter.py"))
    return [sys.executable, "-S", script, paths, str(ROOT), str(out), mode]


def _environment(store: Path) -> dict[str, str]:
    """Nothing of this machine but where programs are; a home with an identity, and empty caches."""
    home = store.parent / "home"
    home.mkdir(exist_ok=True)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
        "COLUMNS": "100",
    }


_KINDS = ("system", "traced_read", "traced_programs")
_MARK = re.compile(r'stat\w*\(.*"/counting/([^"\\]+)"')
_CUT = " <unfinished ...>"
_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)")
_TRACED = "trace=%file,read,pread64,write,pwrite64,mmap,fsync,fdatasync,getdents64,execve"


def _traced(store: Path, rows: Sequence[tuple[Any, ...]]) -> dict[str, Counts]:
    """Count the system calls that commands make in a store, once everything is imported."""
    with tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder) / "out", Path(folder) / "log"
        strace = ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(log), "-e", _TRACED]
        subprocess.run(
            [*strace, *_counter(out, "trace")], input=repr(rows), cwd=store,
            env=_environment(store), capture_output=True, text=True, check=True,
        )  # fmt: skip
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    found: dict[str, Counts] = {}
    counts: Counts = {}
    for line in _whole(lines):
        if mark := _MARK.search(line):
            counts = found.setdefault(mark[1], dict.fromkeys(_KINDS, 0))
        elif match := _CALL.match(line):
            for kind, more in _summed(match, store):
                counts[kind] = counts.get(kind, 0) + more
    del found["end"]
    return found


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines of strace, with the two of a call that another process came between as one."""
    begun: dict[str, str] = {}
    for line in lines:
        pid = line.partition(" ")[0]
        if line.endswith(_CUT):
            begun[pid] = line.removesuffix(_CUT)
        elif " resumed>" in line:
            yield begun.pop(pid, "") + line.partition(" resumed>")[2]
        else:
            yield line


def _summed(match: re.Match[str], store: Path) -> Iterator[tuple[str, int]]:
    """Yield what a system call adds to which count."""
    call, arguments, result = match.groups()
    if call == "execve":
        yield "traced_programs", result == "0"
        return
    # the working directory is named before each path, absolute ones too
    arguments = re.sub(r"^AT_FDCWD(<.*?>)?, ", "", arguments)
    if f"<{store}" in arguments or f'"{store}' in arguments or re.match(r'"[^/]', arguments):
        yield "system", 1
        if call in ("read", "pread64"):
            yield "traced_read", int(result)
        elif call == "mmap":
            yield "traced_read", int(arguments.split(", ")[1])


def has_strace() -> bool:
    """Whether the program is here, and may be used."""
    try:
        command = ["strace", "-f", "-qq", "-o", os.devnull, "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def small_store(folder: Path, versions: int = VERSIONS) -> Path:
    """The store in which commands are counted: loose objects, as registering leaves them."""
    store = large_store(folder / "store", versions, packed=False)
    _python(store, "store.log()[0]; store.search('metrics.auc > 0')")  # so that its index stands
    time.sleep(SETTLED_NS / 1e9)  # until then each look at the tags looks at all of them
    return store


def _python(store: Path, program: str) -> None:
    words = f"from gitmodelstore import Store; store = Store.open()\n{program}"
    command = [sys.executable, "-c", words]
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    environment = {**_environment(store), **path}
    subprocess.run(command, cwd=store, env=environment, check=True, capture_output=True)


def _run(store: Path, *args: str) -> bytes:
    command = ["git", "-C", str(store), *args]
    return subprocess.run(command, check=True, capture_output=True).stdout


# The baseline, and what has grown.


def this_minor() -> str:
    return "{}.{}".format(*sys.version_info)


def baseline() -> dict[str, dict[str, Counts]]:
    """Return what was accepted, by minor release of Python and command."""
    return dict(json.loads(BASELINE.read_text(encoding="utf-8")))


def grown(found: Mapping[str, Counts], accepted: Mapping[str, Mapping[str, Counts]]) -> list[str]:
    """Return a line for each count that is more than was accepted."""
    minor = this_minor()
    nearest = min(accepted, key=lambda one: abs(int(one[2:]) - int(minor[2:])))
    kinds = {kind: SLACK[kind] for kind in SLACK if nearest == minor or kind not in OF_PYTHON}
    lines = []
    for name, counts in found.items():
        before = accepted[nearest].get(name)
        if before is None:
            lines.append(f"{name}: there is no baseline for it")
            continue
        lines += [f"{name}: {line}" for line in _compared(counts, before, kinds)]
    return lines


def _compared(
    counts: Counts, before: Counts, kinds: Mapping[str, tuple[float, int]]
) -> Iterator[str]:
    more = sorted(set(counts["imports"]) - set(before["imports"]))
    if more:
        yield f"imports {', '.join(more)}"
    started = list(counts["programs"])
    for program in before["programs"]:
        if program in started:
            started.remove(program)
    if started:
        yield f"starts {', '.join(started)}"
    for key, (share, beside) in kinds.items():
        if key in counts and key in before:
            most = before[key] * (1 + share) + beside
            if counts[key] > most:
                part = counts[key] / max(before[key], 1) - 1
                yield f"{key} {before[key]:,} → {counts[key]:,} ({part:+.0%}, at most {most:,.0f})"


def how_to_accept(lines: Sequence[str]) -> str:
    """Return what is said where something has grown."""
    return (
        "these commands do more than benchmarks/counts.json accepts:\n  "
        + "\n  ".join(lines)
        + f"\nif that is worth it, run `{AGAIN}` and say why in the commit"
    )


def write(found: Mapping[str, Counts]) -> None:
    """Accept what this release of Python measures."""
    accepted = baseline() if BASELINE.exists() else {}
    of_this = {**accepted.get(this_minor(), {}), **found}
    accepted[this_minor()] = {name: of_this[name] for name in COMMANDS if name in of_this}
    ordered = {minor: accepted[minor] for minor in sorted(accepted)}
    BASELINE.write_text(_rendered(ordered), encoding="utf-8")


def _rendered(accepted: Mapping[str, Mapping[str, Counts]]) -> str:
    """JSON with a line for each count, so that a diff shows what has changed."""
    minors = []
    for minor, commands in accepted.items():
        rows = []
        for name, counts in commands.items():
            lines = ",\n".join(f"      {json.dumps(k)}: {json.dumps(v)}" for k, v in counts.items())
            rows.append(f"    {json.dumps(name)}: {{\n{lines}\n    }}")
        minors.append(f"  {json.dumps(minor)}: {{\n" + ",\n".join(rows) + "\n  }")
    return "{\n" + ",\n".join(minors) + "\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="accept what is measured")
    parser.add_argument("--only", action="append", choices=COMMANDS, help="one of the commands")
    options = parser.parse_args()
    names = [name for name in COMMANDS if name in (options.only or COMMANDS)]
    with tempfile.TemporaryDirectory() as folder:
        store = small_store(Path(folder))
        found = measured(store, names, traced=has_strace())
    for name, counts in found.items():
        shown = {key: value for key, value in counts.items() if key != "imports"}
        print(f"{name}: {len(counts['imports'])} imports, {shown}")
    if options.write:
        write(found)
    elif lines := grown(found, baseline()):
        sys.exit(how_to_accept(lines))


if __name__ == "__main__":
    main()
