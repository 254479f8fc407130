"""How what is asked grows with a store: processor time and memory of new processes.

    python -m benchmarks.growth                     # 100 to 10,000 versions, and 1,000 models x 20
    python -m benchmarks.growth --sizes 100 1000 --only log --only show --json growth.json

It makes the stores, brings up their indexes, asks each question in new processes (the least of
three, because other work on the machine only adds), and fits cost = base + c · versions^exponent.
A line holds if every size is within the limit and nothing grows faster than n log n. The last
column is the fit prolonged to a million versions, not a measurement.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.histories import large_store

SIZES = (100, 1_000, 5_000, 10_000)
MODELS, EACH = 1_000, 20
SCREEN, ALL, FIRST = 0.3, 1.5, 4.0  # seconds of the processor
MOST_MB = 150.0
MOST_EXPONENT = 1.15  # n log n from 1,000 to 10,000 is n to the power of 1.12
MILLION = 1_000_000
CLOSED = 141  # the exit code where nobody reads any further
TURNS, LONG = 3, 20  # a turn of more than so many seconds is the only one
NOTICEABLE = 0.04  # seconds; what grows by less does not grow
PATIENCE = 120  # seconds of the processor; what takes longer is not asked of larger stores


@dataclass(frozen=True, slots=True)
class Question:
    """A command or a program, and what it may take.

    Attributes:
        words: of `gms`, with {model}, {middle} and {next} version, {moment}, {pipeline}.
        program: Python, in place of words.
        seconds: of the processor, at every size; None without a limit.
        ratio: what the largest size may take, in terms of the smallest.
        is_first: that there is no index yet.
        screen: that its first screen is all that is wanted.
        writes: so that each turn has a copy of the store.
    """

    words: str = ""
    program: str = ""
    seconds: float | None = None
    ratio: float | None = None
    is_first: bool = False
    screen: bool = False
    writes: bool = False


_OPEN = "from gitmodelstore import Store; store = Store.open()\n"
_VERSIONS = "[one for name in store.models() for one in store.versions(name)]"
QUESTIONS = {
    "list": Question("list", seconds=SCREEN),
    "list NAME": Question("list {model}", seconds=SCREEN, screen=True),
    "show": Question("show {model}@{middle}", seconds=SCREEN),
    "which": Question("which {model}", seconds=SCREEN),
    "which --at": Question("which {model} --at {moment}", seconds=SCREEN),
    "log -n 20": Question("log -n 20", seconds=SCREEN),
    "log": Question("log", seconds=ALL),
    "search": Question("search metrics.auc>0.0009", seconds=SCREEN),
    "blame": Question("log {model} -G params.logisticregression__C", seconds=SCREEN),
    "diff": Question("diff {model}@{middle} {model}@{next}", seconds=SCREEN),
    "frame": Question(program=_OPEN + "store.frame()", seconds=ALL),
    "versions()": Question(program=_OPEN + _VERSIONS, seconds=ALL),
    "promote": Question("promote {model}@{middle} production", ratio=1.5, writes=True),
    "register": Question("register {model} {pipeline} --no-code", ratio=1.5, writes=True),
    "verify --all": Question("verify --all"),
    "audit": Question("audit {model} -o {zip} --force", seconds=10.0),
    "validate": Question("validate", seconds=20.0),
    "doctor": Question("doctor", seconds=20.0),
    # last: whoever comes after them would find no index, or half of it
    "first log -n 20": Question("log -n 20", seconds=FIRST, is_first=True),
    "first search": Question("search metrics.auc>0.0009", seconds=FIRST, is_first=True),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A store to ask: how many models, how many versions of each."""

    models: int
    each: int

    @property
    def versions(self) -> int:
        return self.models * self.each

    def __str__(self) -> str:
        return f"{self.versions:,}" if self.models == 1 else f"{self.models:,} x {self.each}"

    def make(self, folder: Path) -> Path:
        return large_store(folder / f"{self.models}x{self.each}", self.each, self.models)

    @property
    def words(self) -> dict[str, str]:
        middle = self.each // 2
        return {
            "model": "wine" if self.models == 1 else f"m{self.models // 2:04}",
            "middle": f"1.{middle}.0",
            "next": f"1.{middle + 1}.0",
            "moment": f"2026-01-01T00:{middle % 60:02}:00Z",
        }


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took, with those that it waited for."""

    seconds: float  # of the processor
    megabytes: float  # of the largest process, at most


# Run by a small Python of its own, since a fork has at first the memory of what it is a fork of.
_WATCH = """
import os, resource, sys
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]),) * 2)
    null = os.open(os.devnull, os.O_RDWR)
    for stream, at in enumerate((null, write if sys.argv[2] == "screen" else null, null)):
        os.dup2(at, stream)
    os.close(read)
    os.execv(sys.argv[3], sys.argv[3:])
os.close(write)
lines = 0
while lines < 40 and (part := os.read(read, 4096)):
    lines += part.count(b"\\n")
os.close(read)
_, status, usage = os.wait4(pid, 0)
code = os.waitstatus_to_exitcode(status)
print(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def cost(words: Sequence[str], cwd: Path, *, screen: bool = False) -> Cost | None:
    """Run a program and return what it took; None if that was more than `PATIENCE`.

    `screen`: nobody reads more than its first forty lines.
    """
    hidden = ("PYTHONDONTWRITEBYTECODE", "GITMODELSTORE")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    command = [
        sys.executable,
        "-S",
        "-c",
        _WATCH,
        str(PATIENCE),
        "screen" if screen else "all",
        *words,
    ]
    done = subprocess.run(
        command, cwd=cwd, env=environment, check=True, capture_output=True, text=True
    )
    code, seconds, megabytes = map(float, done.stdout.split())
    if code < 0:
        return None
    if code not in (0, 1, CLOSED):
        raise RuntimeError(f"{' '.join(words)} in {cwd} exited with {code:.0f}")
    return Cost(seconds, megabytes)


def asked(question: Question, store: Path, shape: Shape) -> Cost | None:
    """Return the least that a question took in some turns; None if a turn lost patience."""
    given = {**shape.words, "pipeline": f"{store}.joblib", "zip": f"{store}.zip"}
    words = [sys.executable, "-m", "gitmodelstore"]
    words += [word.format(**given) for word in question.words.split()]
    if question.program:
        words = [sys.executable, "-c", question.program]
    costs: list[Cost] = []
    for _ in range(TURNS):
        place = store
        if question.writes:
            place = Path(f"{store}.copy")
            shutil.copytree(store, place)
        if question.is_first:
            for name in ("index.sqlite", "manifests"):
                (store / "gitmodelstore" / name).unlink(missing_ok=True)
        one = cost(words, place, screen=question.screen)
        if question.writes:
            shutil.rmtree(place)
        if one is None:
            return None
        costs.append(one)
        if one.seconds > LONG:
            break
    return Cost(min(one.seconds for one in costs), max(one.megabytes for one in costs))


def prepare(store: Path, shape: Shape) -> None:
    """Bring up the index, have a pipeline to register, and load what is promoted once."""
    name = f"HEAD:{_first_model(store)}/pipeline.joblib"
    command = ["git", "-C", str(store), "cat-file", "blob", name]
    pipeline = subprocess.run(command, check=True, capture_output=True).stdout
    Path(f"{store}.joblib").write_bytes(pipeline)
    program = _OPEN + "store.log()[0]; store.search('metrics.auc > 2')\n"
    program += f"store.load('{shape.words['model']}@{shape.words['middle']}')"
    subprocess.run([sys.executable, "-c", program], cwd=store, check=True)


def _first_model(store: Path) -> str:
    command = ["git", "-C", str(store), "ls-tree", "--name-only", "HEAD", "models/"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0]


def fit(costs: Mapping[int, float], hundredths: Iterable[int]) -> tuple[float, float, float]:
    """Return base, c and power of base + c · n^power, the nearest to what was measured.

    Each power is tried; for each, the other two are the least squares of the relative errors, with
    neither below zero.

    >>> base, c, power = fit({n: 0.1 + 3e-5 * n for n in (100, 1000, 5000, 10000)}, range(200))
    >>> round(base, 3), round(power, 2)
    (0.1, 1.0)
    """
    best = (math.inf, 0.0, 0.0, 0.0)
    for step in hundredths:
        power = step / 100
        base, c = _fitted([(n**power, seconds) for n, seconds in costs.items()])
        error = sum(((base + c * n**power) / seconds - 1) ** 2 for n, seconds in costs.items())
        best = min(best, (error, base, c, power))
    return best[1:]


def _fitted(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return base and factor, neither below zero, by weighted least squares."""
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    spread = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    if spread == 0:
        return mean_y, 0.0
    both = zip(weights, points, strict=True)
    slope = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in both) / spread
    if slope < 0:
        return mean_y, 0.0
    if mean_y < slope * mean_x:
        squares = sum(w * x * x for w, (x, _) in zip(weights, points, strict=True))
        return 0.0, sum(w * x * y for w, (x, y) in zip(weights, points, strict=True)) / squares
    return mean_y - slope * mean_x, slope


@dataclass(frozen=True, slots=True)
class Line:
    """What a question took in each store, and what follows from that."""

    name: str
    costs: dict[str, Cost | None]
    is_flat: bool  # what grows is taken as linear then
    exponent: float | None
    million_seconds: float | None
    over: tuple[str, ...]  # the limits that do not hold


def line(name: str, question: Question, costs: Mapping[Shape, Cost | None]) -> Line:
    taken = {shape: one for shape, one in costs.items() if one is not None}
    single = {shape.versions: one.seconds for shape, one in taken.items() if shape.models == 1}
    power, million, is_flat = None, None, False
    over = []
    if len(single) > 2:  # there are three unknowns
        is_flat = max(single.values()) - min(single.values()) < NOTICEABLE
        base, c, power = fit(single, (100,) if is_flat else range(251))
        million = base + c * MILLION**power
        if power > MOST_EXPONENT:
            over.append(f"grows with the power of {power:.2f}")
    over += [f"{shape}: more than {PATIENCE} s" for shape, one in costs.items() if one is None]
    for shape, one in taken.items():
        if question.seconds is not None and one.seconds > question.seconds:
            over.append(f"{shape}: {one.seconds:.2f} s, limit {question.seconds}")
        if one.megabytes > MOST_MB:
            over.append(f"{shape}: {one.megabytes:.0f} MB, limit {MOST_MB:.0f}")
    if question.ratio is not None and len(single) > 1:
        ratio = single[max(single)] / single[min(single)]
        if ratio > question.ratio:
            over.append(f"{ratio:.2f} times that of {min(single)}, limit {question.ratio}")
    shown = {str(shape): one for shape, one in costs.items()}
    return Line(name, shown, is_flat, power, million, tuple(over))


def measure(
    shapes: Sequence[Shape], names: Sequence[str], folder: Path
) -> Iterator[tuple[Line, Question]]:
    """Make the stores, ask each question of each, and yield a line a question."""
    stores = {}
    for shape in shapes:
        stores[shape] = shape.make(folder)
        prepare(stores[shape], shape)
    for name in names:
        question = QUESTIONS[name]
        costs: dict[Shape, Cost | None] = {}
        for shape in sorted(shapes, key=lambda one: one.versions):
            costs[shape] = asked(question, stores[shape], shape)
        yield line(name, question, costs), question


def head(shapes: Sequence[Shape]) -> str:
    ordered = sorted(shapes, key=lambda one: one.versions)
    columns = " | ".join(f"{shape}, s" for shape in ordered)
    rule = "---|" * (len(ordered) + 5)
    return f"| question | {columns} | MB | exponent | limit, s | at a million, s | holds |\n|{rule}"


def row(one: Line, question: Question) -> str:
    def shown(cost: Cost | None) -> str:
        return f"> {PATIENCE}" if cost is None else f"{cost.seconds:.2f}"

    costs = " | ".join(map(shown, one.costs.values()))
    most = max((cost.megabytes for cost in one.costs.values() if cost), default=math.nan)
    limit = "-" if question.seconds is None else f"{question.seconds}"
    if question.ratio is not None:
        limit = f"{question.ratio} times"
    power = "-" if one.exponent is None else f"{one.exponent:.2f}"
    if one.is_flat:
        power = "flat"
    million = "-" if one.million_seconds is None else f"{one.million_seconds:,.1f}"
    holds = "; ".join(one.over) or "yes"
    return f"| {one.name} | {costs} | {most:.0f} | {power} | {limit} | {million} | {holds} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="versions of one model")
    parser.add_argument("--only", action="append", choices=QUESTIONS, help="one of the questions")
    parser.add_argument("--many", action="store_true", help="1,000 models of 20 versions, too")
    parser.add_argument("--json", type=Path, help="where to write what was measured")
    parser.add_argument("--folder", type=Path, help="where to make the stores (a temporary folder)")
    options = parser.parse_args(arguments)
    shapes = [Shape(1, size) for size in sorted(options.sizes)]
    shapes += [Shape(MODELS, EACH)] if options.many else []
    names = [name for name in QUESTIONS if name in (options.only or QUESTIONS)]
    lines = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(head(shapes), flush=True)
        for one, question in measure(shapes, names, Path(folder)):
            print(row(one, question), flush=True)
            lines.append(one)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in lines], indent=1) + "\n")


if __name__ == "__main__":
    main()
