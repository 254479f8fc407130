"""A git host with a protected branch: a bare repository whose hook behaves as such hosts do.

It runs no hook of ours. Its merge button is plain git, in a clone that knows nothing of us, under
another name.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Literal

Button = Literal["merge", "squash", "rebase"]

# What hosts do with a push: the branch moves by the button alone, no tag moves, more than three
# tags start nothing, and a new branch is answered with where to ask for the merge.
HOOK = r"""#!/bin/sh
none=0000000000000000000000000000000000000000
tags=0
while read old new ref; do
  case $ref in
  refs/heads/main)
    if [ -z "$MERGE_BUTTON" ] && [ "$old" != $none ]; then
      echo "error: GH013: Repository rule violations found for $ref."
      echo "error: Changes must be made through a pull request."
      exit 1
    fi ;;
  refs/heads/*)
    if [ "$old" = $none ] && [ -z "$QUIET_HOST" ]; then
      echo
      echo "Create a pull request for '${ref#refs/heads/}' on the host by visiting:"
      echo "     https://host.example/acme/models/pull/new/${ref#refs/heads/}"
      echo
    fi ;;
  refs/tags/*)
    tags=$((tags + 1))
    if [ "$old" != $none ]; then echo "error: Cannot update this protected tag."; exit 1; fi ;;
  esac
done
echo $tags >> tags-per-push
"""


class Host:
    """The host's repository, and what its pages can do."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "host.git"
        self._desk = folder / "button"
        self._git(folder, "init", "--quiet", "--bare", "-b", "main", str(self.path))
        hook = self.path / "hooks" / "pre-receive"
        hook.write_text(HOOK)
        hook.chmod(0o755)

    def _git(self, at: Path, *args: str) -> str:
        who = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", "Rita"), ("EMAIL", "rita@host.example"))
        }
        who.pop("GIT_AUTHOR_NAME" if args[0] == "rebase" else "", None)
        # The host's own hook is to run, which our tests turn off elsewhere.
        bare = {n: v for n, v in os.environ.items() if not n.startswith("GIT_CONFIG_")}
        done = subprocess.run(
            ["git", *args],
            cwd=at,
            env={**bare, "GIT_CONFIG_NOSYSTEM": "1", **who, "MERGE_BUTTON": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"git {' '.join(args)}: {done.stdout}{done.stderr}"
        return done.stdout

    def press(self, button: Button, branch: str, *, delete: bool = True) -> str:
        """Merge a proposed branch in one of the three ways; return where main stands then."""
        if not self._desk.exists():
            self._git(self.path.parent, "clone", "--quiet", str(self.path), str(self._desk))
        desk = self._desk
        self._git(desk, "fetch", "--quiet", "--prune", "--no-tags", "origin")
        self._git(desk, "checkout", "--quiet", "-B", "main", "origin/main")
        theirs = f"origin/{branch}"
        titles = self._git(desk, "log", "--reverse", "--format=* %B", f"main..{theirs}")
        if button == "merge":
            self._git(desk, "merge", "--quiet", "--no-ff", "-m", f"Merge {branch} (#1)", theirs)
        elif button == "squash":
            self._git(desk, "merge", "--quiet", "--squash", theirs)
            self._git(desk, "commit", "--quiet", "-m", f"{branch} (#1)\n\n{titles}")
        else:
            self._git(desk, "checkout", "--quiet", "-B", "rebased", theirs)
            self._git(desk, "rebase", "--quiet", "--force-rebase", "main")
            self._git(desk, "checkout", "--quiet", "main")
            self._git(desk, "merge", "--quiet", "--ff-only", "rebased")
        self._git(desk, "push", "--quiet", "origin", "main", *([f":{branch}"] if delete else []))
        return self.refs()["refs/heads/main"]

    def refs(self) -> dict[str, str]:
        """The id of each ref by its name; of a tag, of the commit that it stands on."""
        form = "--format=%(refname) %(objectname) %(*objectname)"
        lines = self._git(self.path, "for-each-ref", form).splitlines()
        return {line.split()[0]: line.split()[-1] for line in lines}

    def tags_per_push(self) -> list[int]:
        """How many tags each push had."""
        return [int(line) for line in (self.path / "tags-per-push").read_text().split()]
