"""The driver: picks suites, runs them, writes results as JSON, and makes the page of them."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from benchmarks import page, results, suites
from benchmarks.measure import Bench
from benchmarks.systems import Environments

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results.json")
NAMES = sorted(module.name for module in pkgutil.iter_modules(suites.__path__))


def main(arguments: list[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    if options.report:
        page.write(results.read(options.report), ROOT / "docs")
        return
    names = options.only.split(",") if options.only else NAMES
    if unknown := set(names) - set(NAMES):
        sys.exit(f"error: no suite {', '.join(sorted(unknown))}\nhint: {', '.join(NAMES)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, it leaves results
    environments = Environments(options.cache if options.peers else None)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name).resolve()
        alone(folder)
        here = results.machine(folder)
        if options.output:
            results.expect(options.output, here)
        for suite in names:
            bench = Bench(
                suite,
                turns=options.turns,
                pause=options.pause,
                budget=options.budget,
                processor=options.processor,
                tiny=options.tiny,
                environments=environments,
            )
            run(bench, folder, options.output, here)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    found.add_argument("--peers", action="store_true", help="install other systems, and ask them")
    found.add_argument("--only", metavar="NAME[,NAME]", help=f"these suites: {', '.join(NAMES)}")
    found.add_argument("-o", "--output", type=Path, help="write or renew this file of results")
    found.add_argument("--report", type=Path, metavar="FILE", help="make the page of results")
    found.add_argument("--turns", type=int, default=15, help="turns of a line (15)")
    found.add_argument("--pause", type=float, default=0.1, help="seconds before each turn (0.1)")
    found.add_argument("--budget", type=float, default=60, help="seconds that a row may take (60)")
    found.add_argument("--processor", action="store_true", help="measure processor time")
    found.add_argument("--folder", type=Path, help="where to work (a temporary folder)")
    found.add_argument("--cache", type=Path, default=cache(), help="where peers are installed")
    found.add_argument("--tiny", action="store_true", help="little of all, to see that it runs")
    return found


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "gitmodelstore-benchmarks")


def alone(folder: Path) -> None:
    """Let nothing of the user's own settings and caches play a part.

    The settings are in a home of its own, and not in GIT_CONFIG_GLOBAL: with that, ours has to
    ask git for them each time, as it cannot read them itself.
    """
    home = folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    os.environ.update(HOME=str(home), XDG_CACHE_HOME=str(folder / "cache"), DO_NOT_TRACK="1")
    ours = ("PYTHONDONTWRITEBYTECODE", "XDG_CONFIG_HOME", "GITMODELSTORE", "GITMODELSTORE_TRUSTED")
    for name in list(os.environ):
        if name in ours or name.startswith("GIT_"):
            del os.environ[name]


def run(bench: Bench, folder: Path, output: Path | None, here: dict[str, object]) -> None:
    """Run one suite in a folder of its own, which goes afterwards; keep what was measured."""
    started, load = datetime.now(timezone.utc), os.getloadavg()[0]
    about: dict[str, object] = {
        "at": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": _commit(),
        "clock": "processor" if bench.processor else "wall",
        "turns": bench.turns,
        "budget": bench.budget,
        "load": round(load, 1),
    }
    try:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            importlib.import_module(f"benchmarks.suites.{bench.suite}").run(Path(name), bench)
    finally:  # whoever interrupts it has what was measured until then
        if bench.environments is not None and bench.environments.versions:
            about["peers"] = bench.environments.versions
        if output is not None and bench.lines:
            results.write(output, results.merged(output, here, bench.suite, about, bench.lines))


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
