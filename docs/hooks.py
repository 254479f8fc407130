"""The pages of the site: those of the repository, at the same places in it.

So each link between two files leads from page to page on the site as it does on a git host,
also out of docs/, and a page needs to know nothing of the site.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Return the pages, what they link to, and the files of the theme."""
    root = Path(config.config_file_path).parent.resolve()
    paths = {path for pattern in PAGES for path in root.glob(pattern)}
    for page in list(paths):
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        paths.update(path for link in links if (path := (page.parent / link).resolve()).is_file())
    theme = [file for file in files if file.src_dir != config.docs_dir]
    pages = [
        File(
            path.relative_to(root).as_posix(),
            str(root),
            config.site_dir,
            config.use_directory_urls,
        )
        for path in sorted(paths)
    ]
    return Files([*theme, *pages])
