"""Ours beside files, git, git-lfs, DVC + GTO, MLflow, BentoML and vetiver: one small pipeline."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib

from benchmarks.measure import Action, Bench, Cannot
from benchmarks.models import credit_pipeline, loans
from benchmarks.systems import Asked, asked, each

WARM, COLD = "warm", "cold"


def run(folder: Path, bench: Bench) -> None:
    pipeline, rows = folder / "S.joblib", folder / "rows.csv"
    joblib.dump(credit_pipeline(trees=bench.count(200)), pipeline)
    X, y = loans(50)
    X.assign(answer=y).to_csv(rows, index=False)
    with asked(bench, folder) as systems:
        registering(systems, bench, pipeline, rows)
        loading(systems, bench, beside(systems, folder, credit_pipeline(300, trees=3)))
        promoting(systems, bench)
        for question in ("list", "which", "log"):
            for way in (WARM, COLD):
                bench.compare(f"{question}, {way}", each(systems, way, question))


def registering(systems: dict[str, Asked], bench: Bench, pipeline: Path, rows: Path) -> None:
    told = {"pipeline": pipeline}
    bench.compare("register S, warm", each(systems, WARM, "register", **told))
    with_rows = each(systems, WARM, "register", rows=rows, **told)
    keep_rows = {name: one for name, one in with_rows.items() if systems[name].kind.keeps_rows}
    bench.compare("register S with 50 rows, warm", keep_rows)
    bench.compare("register S, in a new process", each(systems, COLD, "register", **told))


def beside(systems: dict[str, Asked], folder: Path, pipeline: Any) -> dict[str, Path]:
    """Make registries of a small model of the same kind; who loads that has imported all."""
    file, found = folder / "beside.joblib", {}
    joblib.dump(pipeline, file)
    for name, one in systems.items():
        other = Asked(one.kind, one.python, folder / f"{one.folder.name}-beside", one.budget)
        other.warm("create")
        other.warm("register", pipeline=file)
        put_in_production(other, 1)
        other.close()
        found[name] = other.folder
    return found


def put_in_production(one: Asked, number: int) -> None:
    with suppress(Cannot):  # then the newest is loaded
        one.warm("promote", number=number)


def loading(systems: dict[str, Asked], bench: Bench, others: dict[str, Path]) -> None:
    """In new processes, which never held this pipeline."""
    for name, one in systems.items():
        put_in_production(one, 1)
        fresh(one, others[name], "again")()
    caches = (f"first-{number}" for number in itertools.count())
    first = {name: fresh(one, others[name], caches) for name, one in systems.items()}
    again = {name: fresh(one, others[name], "again") for name, one in systems.items()}
    bench.compare("load S, the first time", first)
    bench.compare("load S, again", again)


def fresh(one: Asked, other: Path, cache: object) -> Action:
    """Return what loads in a new process, with an empty cache each time or with a known one."""

    def action() -> object:
        name = cache if isinstance(cache, str) else next(cache)  # type: ignore[call-overload]
        taken = one.fresh("load", str(name), beside=other)
        if name != "again":
            shutil.rmtree(one.environment(str(name))["XDG_CACHE_HOME"], ignore_errors=True)
        return taken

    return action


def promoting(systems: dict[str, Asked], bench: Bench) -> None:
    for way in (WARM, COLD):
        bench.compare(f"promote, {way}", alternating(systems, way))

    def two(one: Asked) -> Callable[[], None]:
        def action() -> None:
            put_in_production(one, 1)
            put_in_production(one, 2)

        return action

    before = {name: two(one) for name, one in systems.items()}
    for way in (WARM, COLD):
        bench.compare(f"rollback, {way}", each(systems, way, "rollback"), before=before)


def alternating(systems: dict[str, Asked], way: str) -> dict[str, Action]:
    """Return what promotes one of two versions in turn."""

    def of(one: Asked) -> Action:
        numbers = itertools.cycle((1, 2))
        return lambda: getattr(one, way)("promote", number=next(numbers))

    return {name: of(one) for name, one in systems.items()}
