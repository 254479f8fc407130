"""The two pictures of the README: the catalogue and the terminal, of a store with real models.

`python docs/screenshots.py` makes docs/catalogue.png and docs/terminal.png anew, or those of a
folder that it is told. It needs the test requirements and Chromium (`apt-get install chromium`).
"""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gitmodelstore import Store

BEGIN = datetime(2026, 1, 12, 9, 30, tzinfo=timezone.utc)
COMMANDS = (
    "gms list --metric roc_auc --metric r2",
    "gms which tumours --at 2026-03-01 --date short",
    "gms diff tumours@production~1 tumours@production",
)
WIDTH = 96  # columns
# SGR codes that gms prints, as CSS; colours with enough contrast on the dark background.
STYLES = {
    "1": "font-weight:600", "2": "color:#8b949e", "31": "color:#ff7b72", "32": "color:#7ee787",
    "33": "color:#e3b341", "36": "color:#79c0ff",
}  # fmt: skip
PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0;background:#0d1117">
<pre style="margin:0;padding:20px 24px;display:inline-block;color:#e6edf3;background:#0d1117;
font:14px/1.45 'DejaVu Sans Mono',monospace">{}</pre>"""


def fill(place: Path) -> Store:
    """Register, promote and roll back versions of three models, some days apart."""
    clock = [BEGIN]
    store = Store.init(place)
    store = Store.open(place, now=lambda: clock[0], durable=False)

    def register(model: str, load: Callable[..., Any], estimator: Any) -> None:
        clock[0] += timedelta(days=9, hours=3, minutes=17)
        X, y = load(return_X_y=True, as_frame=True)
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
        pipeline = make_pipeline(StandardScaler(), estimator).fit(X_train, y_train)
        store.register(pipeline, model, X_test=X_test, y_test=y_test, code=None)

    def promote(ref: str, status: str, reason: str | None = None) -> None:
        clock[0] += timedelta(hours=26, minutes=41)
        store.promote(ref, status, reason=reason)

    for c in (0.0001, 0.0005, 0.002):
        register("tumours", load_breast_cancer, LogisticRegression(C=c))
    promote("tumours@1.0.0", "production")
    promote("tumours@1.1.0", "production", "better on the test rows")
    for alpha in (3000.0, 500.0, 100.0):
        register("progression", load_diabetes, Ridge(alpha=alpha))
    promote("progression@1.1.0", "production")
    promote("tumours@1.2.0", "production", "better again")
    register("tumours", load_breast_cancer, LogisticRegression(C=1000.0, max_iter=2000))
    promote("tumours@1.3.0", "staging")
    promote("tumours@1.3.0", "production")
    clock[0] += timedelta(days=1)
    store.rollback("tumours", reason="drift in mean radius")
    for c in (0.001, 0.01):
        register("wines", load_wine, LogisticRegression(C=c))
    promote("wines@1.1.0", "staging")
    promote("progression@1.2.0", "staging")
    return store


def shown(place: Path) -> str:
    """Return what the commands print in colour, as HTML."""
    environment = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    parts = []
    for command in COMMANDS:
        words = [sys.executable, "-m", "gitmodelstore", *command.split()[1:]]
        done = subprocess.run(
            words, cwd=place, env=environment, stdout=subprocess.PIPE, check=False
        )
        prompt = f'<span style="{STYLES["32"]}">$</span> <b>{html.escape(command)}</b>\n'
        parts.append(prompt + _coloured(done.stdout.decode()))
    return "\n".join(parts)


def _coloured(text: str) -> str:
    """Return text with SGR codes as HTML."""
    pieces = re.split(r"\x1b\[([0-9;]*)m", text)
    lines = html.escape(pieces[0])
    for codes, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        style = ";".join(STYLES[code] for code in codes.split(";") if code in STYLES)
        lines += (
            f'<span style="{style}">{html.escape(piece)}</span>' if style else html.escape(piece)
        )
    return lines


def main(pictures: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        os.environ.update(
            GIT_AUTHOR_NAME="Ada Lovelace", GIT_AUTHOR_EMAIL="ada@example.org",
            GIT_COMMITTER_NAME="Ada Lovelace", GIT_COMMITTER_EMAIL="ada@example.org",
        )  # fmt: skip
        store = fill(Path(folder, "models"))
        subprocess.run(["git", "config", "color.ui", "always"], cwd=store.path, check=True)
        store.site(Path(folder, "site"))
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 660})
        page.goto(Path(folder, "site", "index.html").as_uri())
        page.screenshot(path=pictures / "catalogue.png")
        page = browser.new_page()  # whose styles no policy of the catalogue forbids
        page.set_content(PAGE.format(shown(store.path)))
        page.locator("pre").screenshot(path=pictures / "terminal.png")


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or [Path(__file__).parent]))
