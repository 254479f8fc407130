"""Other repositories, reached through the system's git.

Whatever comes from outside stands behind `--`, and is looked at before: git takes a url
that begins with a dash for an option, and one with `::` for a program to start.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from gitmodelstore.errors import GitFailed, InvalidInput
from gitmodelstore.plumbing import git, processes


def check_url(url: str) -> str:
    """Return `url` if git may be handed it."""
    if not url or url.startswith("-") or "::" in url or not url.isprintable():
        raise InvalidInput(
            f"{url!a} is not the location of a repository",
            hint="name a path, or a url such as ssh://server/srv/models.git",
        )
    return url


def clone(url: str, path: Path, *, meter: bool) -> None:
    """Clone a repository, with its branches and tags, into a new or empty folder."""
    shown = ("--progress",) if meter else ("--quiet",)
    command = git.command(
        "clone", *shown, "--no-recurse-submodules", "--", check_url(url), str(path)
    )
    process = processes.start(
        command,
        env=git.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=None if meter else subprocess.PIPE,
    )
    _, errors = process.communicate()
    if process.returncode:
        said = (errors or b"").decode(errors="replace").strip().splitlines()
        reason = next((line for line in said if line.startswith("fatal: ")), "see above")
        raise GitFailed(
            f"cannot clone '{url}': {reason.removeprefix('fatal: ')}",
            command="git clone",
            stderr="\n".join(said),
            hint="check the location, and that you may read it, with `git ls-remote`",
        )


def branches(git_dir: Path) -> list[str]:
    """Return the names of the branches that a fresh clone has of its remote."""
    asked = ("for-each-ref", "--format=%(refname)%(symref)", "refs/remotes/origin/")
    said = git.run(*asked, cwd=git_dir).decode(errors="surrogateescape").split("\n")
    return [line.removeprefix("refs/remotes/origin/") for line in said if line.count("refs/") == 1]


def check_out(work_tree: Path, branch: str) -> None:
    """Check out a branch that only the remote has, and follow it."""
    git.run("checkout", "--quiet", branch, "--", cwd=work_tree)
