"""The site of the documents: built without a warning, and showing what a git host shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import gitmodelstore as gms
from gitmodelstore.cli.commands import COMMANDS
from gitmodelstore.values.manifest import Manifest
from tests.project.test_docs import PAGES, ROOT

# By which a list or a table that one renderer reads and the other does not gives itself away.
BLOCKS = ("h1", "h2", "h3", "li", "ol", "pre", "td", "tr", "ul")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="mkdocs-material is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        # Not --quiet, with which --strict counts no warning.
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def shown(site: Path, page: str) -> str:
    path = site / page
    named = path.with_name("index.html") if path.name == "README.md" else path.with_suffix(".html")
    return named.read_text(encoding="utf-8")


def blocks(html: str) -> dict[str, int]:
    return {name: len(re.findall(rf"<{name}[ >]", html)) for name in BLOCKS}


@pytest.mark.long
@pytest.mark.timeout(300)
class TestSite:
    def test_every_page_has_the_blocks_that_a_git_host_shows(self, site: Path) -> None:
        host = MarkdownIt("commonmark").enable("table")

        for page, text in PAGES.items():
            article = re.search(r"<article.*?</article>", shown(site, page), re.DOTALL)
            assert article is not None, page
            assert blocks(article.group()) == blocks(host.render(text)), page

    def test_a_page_fetches_nothing_from_elsewhere(self, site: Path) -> None:
        for page in PAGES:
            html = shown(site, page)
            fetched = re.findall(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?([^\" >]+)", html)
            fetched += re.findall(r"<link\b[^>]*\bhref=\"?([^\" >]+)", html)
            assert fetched
            assert [url for url in fetched if re.match(r"(?:\w+:)?//", url)] == [], page

    def test_the_reference_has_every_command_and_every_public_name(self, site: Path) -> None:
        helped, python = shown(site, "docs/help.md"), shown(site, "docs/python.md")

        for entry in COMMANDS:
            assert f'<h2 id="gms-{entry.name}">' in helped, entry.name
            assert f"Usage: gms {entry.name} " in helped, entry.name
        for name in set(gms.__all__) - {"__version__", "errors"}:
            assert f'<h2 id="gms{name.lower()}">' in python, name
        for name in vars(gms.Store):
            if callable(getattr(gms.Store, name)) and not name.startswith("_"):
                assert f'<h3 id="store{name}">' in python, name

    def test_the_reference_has_every_key_of_the_manifest(self, site: Path) -> None:
        html = shown(site, "docs/manifest.md")

        for field in fields(Manifest):
            if not field.name.startswith("_"):
                assert f"<td><code>{field.name}</code></td>" in html, field.name
        assert "<td><code>data[].role</code></td>" in html


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_pictures_of_the_readme_are_made_by_a_script(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")

    subprocess.run([sys.executable, ROOT / "docs" / "screenshots.py", tmp_path], check=True)

    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(re.findall(r"\(docs/(\w+\.png)\)", PAGES["README.md"]))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.iterdir())
