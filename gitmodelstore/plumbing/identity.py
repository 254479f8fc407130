"""Who is writing, as git knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from gitmodelstore.errors import GitFailed, NoIdentity

_IDENT = re.compile(
    r"(?P<name>.*) <(?P<email>[^<>]*)> (?P<seconds>[0-9]+) (?P<sign>[+-])(?P<zone>[0-9]{4})"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and an e-mail address, as git writes them into commits."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def at(self, when: datetime) -> str:
        """Return the line that git writes of who did something when."""
        minutes = int((when.utcoffset() or timedelta(0)).total_seconds()) // 60
        zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
        return f"{self} {int(when.timestamp())} {zone}"


def read_identity(folder: Path, role: str = "COMMITTER") -> tuple[Identity, datetime]:
    """Return who git would write into a commit made in `folder`, and the moment it would write.

    The moment honours GIT_COMMITTER_DATE, as everything here does what git does.

    Args:
        folder: of the repository.
        role: "AUTHOR" or "COMMITTER".

    Raises:
        NoIdentity: git does not know.
    """
    from gitmodelstore.plumbing import git  # reading starts no process

    try:
        said = git.run(*git.TRUSTING, "var", f"GIT_{role}_IDENT", cwd=folder)
    except GitFailed as error:
        if not error.stderr:
            raise
        if "invalid date" in error.stderr:
            said_of_date = error.stderr.removeprefix("fatal: ")
            raise GitFailed(
                f"git cannot read GIT_{role}_DATE: {said_of_date}",
                hint=f"unset GIT_{role}_DATE, or write it as 2026-03-03T14:05:00Z",
            ) from None
        raise NoIdentity(
            "git does not know who you are",
            hint="run `git config --global user.name 'Your Name'` and "
            "`git config --global user.email you@example.org`",
        ) from None
    line = said.decode(errors="replace").strip()
    found = _IDENT.fullmatch(line)
    if found is None or not found["name"]:
        raise NoIdentity(
            f"git names nobody as the {role.lower()}: '{line}'",
            hint="run `git config --global user.name 'Your Name'`",
        )
    minutes = int(found["zone"][:2]) * 60 + int(found["zone"][2:])
    zone = timezone(timedelta(minutes=-minutes if found["sign"] == "-" else minutes))
    return Identity(found["name"], found["email"]), datetime.fromtimestamp(
        int(found["seconds"]), zone
    )
