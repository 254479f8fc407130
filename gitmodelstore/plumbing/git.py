"""The system's git, started with an environment of which every variable is known.

Owns how git is called; what it is called for is the caller's business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from gitmodelstore.errors import GitFailed

TYPE_CHECKING = False  # as in values/fields.py
if TYPE_CHECKING:
    import subprocess
    from pathlib import Path  # with what it imports, a third of what a hook has time for

# What `git rev-parse --local-env-vars` lists: inside a hook these point at the repository
# that runs it, not at the one that is meant.
_LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
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

_CONFIGURED = ("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS")  # of those

# Reading somebody's repository must not run what its configuration names, nor write its index.
_HARMLESS = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "submodule.recurse=false",
    "-c",
    "diff.autoRefreshIndex=false",
)


def command(*args: str) -> list[str]:
    """Return the command line of `git ARGS` with the settings that keep it harmless."""
    return ["git", *_HARMLESS, *args]


def environment(
    extra: Mapping[str, str] | None = None, *, inherit: bool = False, configured: bool = False
) -> dict[str, str]:
    """Return this process's environment, unless `inherit` without what names a repository.

    With `configured` the settings stay that `git -c` and GIT_CONFIG_COUNT hand on.
    """
    kept = dict(os.environ) if inherit else surroundings(configured=configured)
    kept.update(
        GIT_TERMINAL_PROMPT="0",
        GIT_LFS_SKIP_SMUDGE="1",  # a work tree keeps the pointer until `git lfs pull`
        LC_ALL="C",
        **(extra or {}),
    )
    return kept


def surroundings(*, configured: bool = False) -> dict[str, str]:
    """Return this process's environment without what names a repository; `configured` as above."""
    dropped = set(_LOCAL) - set(_CONFIGURED if configured else ())
    return {name: value for name, value in os.environ.items() if name not in dropped}


def start(
    args: Sequence[str],
    cwd: Path,
    *,
    to_the_end: bool = False,
    holding: tuple[int, ...] = (),
    index: Path | None = None,
    inherit: bool = False,
    umask: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `git ARGS` in `cwd` and return the running process.

    Args:
        args, cwd: what and where.
        to_the_end: keep Ctrl-C at the terminal from it: what it does takes
            milliseconds and must not be left half done.
        holding: file descriptors that it keeps open as long as it lives.
        index: the file that it is to take for the index; None for that of the work tree.
        inherit: keep what names a repository in the environment: that of a hook is meant.
        umask: for the files that it writes; None for this process's.

    Raises:
        GitFailed: git is not installed, or cannot be started.
    """
    import subprocess  # it takes half as long to import as Python takes to start

    from gitmodelstore.plumbing import forks

    try:
        with forks.guard:  # a fork meanwhile would copy the pipes, and keep us waiting for its end
            return subprocess.Popen(
                command(*args),
                cwd=cwd,
                env=environment({"GIT_INDEX_FILE": str(index)} if index else None, inherit=inherit),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=holding,
                process_group=0 if to_the_end else None,
                umask=-1 if umask is None else umask,
            )
    except FileNotFoundError as error:
        raise _not_started(cwd) from error
    except OSError as error:
        raise GitFailed(
            f"git cannot be started: {error.strerror}",
            hint="see what the system allows this process with `ulimit -a`",
        ) from error


def run(
    *args: str,
    cwd: Path,
    inherit: bool = False,
    to_the_end: bool = False,
    umask: int | None = None,
) -> bytes:
    """Run `git ARGS` in `cwd` and return what it printed; the rest is as in `start`.

    Raises:
        GitFailed: git cannot be started, or it exited with another status than 0.
    """
    process = start(args, cwd, inherit=inherit, to_the_end=to_the_end, umask=umask)
    stdout, stderr = process.communicate()
    if process.returncode:
        said = stderr.decode(errors="replace").strip()
        raise GitFailed(
            f"`git {args[0]}` failed: {said or f'exit status {process.returncode}'}",
            command="git " + " ".join(args),
            stderr=said,
        )
    return stdout


def says(name: str, folder: Path) -> bool:
    """Return whether a setting is true there, those of `git -c` and the environment included.

    libgit2 does not see the latter.
    """
    import subprocess

    done = subprocess.run(
        command("config", "--type=bool", "--get", name),
        cwd=folder,
        env=environment(configured=True),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.stdout.strip() == b"true"


def _not_started(cwd: Path) -> GitFailed:
    if os.path.isdir(cwd):
        return GitFailed("git is not installed", hint="install the package 'git', 2.39 or newer")
    return GitFailed(f"'{cwd}' is not a folder")
