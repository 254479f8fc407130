"""Who is writing, as git knows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from gitmodelstore.errors import GitFailed, NoIdentity, SignatureError
from gitmodelstore.plumbing import git

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
            f"git has no name for the {role.lower()}: '{line}'",
            hint="run `git config --global user.name 'Your Name'`",
        )
    minutes = int(found["zone"][:2]) * 60 + int(found["zone"][2:])
    zone = timezone(timedelta(minutes=-minutes if found["sign"] == "-" else minutes))
    return Identity(found["name"], found["email"]), datetime.fromtimestamp(
        int(found["seconds"]), zone
    )


# What git's configuration says of signing: who signs with what, whom the reader believes.


ALLOWED = "gpg.ssh.allowedSignersFile"
REVOKED = "gpg.ssh.revocationFile"


@dataclass(frozen=True, slots=True)
class Settings:
    """Git's settings as one repository sees them.

    Attributes:
        values: name in lower case to value; None is a name without a value, which is true.
        programs: the same without what the repository's own configuration says.
    """

    values: Mapping[str, str | None] = field(default_factory=dict)
    programs: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Return the settings of the repository in `folder`.

        Raises:
            GitFailed: git is not installed, or does not work there.
        """
        values: dict[str, str | None] = {}
        programs: dict[str, str | None] = {}
        for is_ours, name, value in git.scoped(folder):
            values[name] = value
            if is_ours:
                programs[name] = value
        return cls(values, programs)

    def value(self, name: str) -> str | None:
        """Return what a setting says; None where it is not set, or says nothing."""
        return self.values.get(name.lower()) or None

    def program(self, name: str, default: str) -> str:
        """Return the program that a setting names.

        Raises:
            SignatureError: only the store's own configuration names it.
        """
        ours = self.programs.get(name.lower()) or default
        if (self.value(name) or ours) != ours:
            raise SignatureError(
                f"{name} is set in the store's own configuration, "
                "and gms starts no program that a store names",
                hint=f"if it is yours: git config --global {name} {self.value(name)}",
            )
        return _expanded(ours)

    def file(self, name: str, outside: Path | None, inside: Path) -> Path | None:
        """Return the path that a setting names; None where it names none.

        Args:
            name: of the setting.
            outside: a work tree in which it may not lie, since whoever pushes writes there;
                None for no such.
            inside: the git directory, in which it may, wherever that lies.

        Raises:
            SignatureError: it is relative, or in the work tree.
        """
        said = self.value(name)
        if said is None:
            return None
        path = Path(_expanded(said))
        if not path.is_absolute():
            raise SignatureError(
                f"{name} is '{said}', which is not an absolute path",
                hint=f"git config --global {name} /etc/gitmodelstore/{path.name}",
            )
        place = path.resolve()
        if (
            outside is not None
            and place.is_relative_to(outside.resolve())
            and not place.is_relative_to(inside.resolve())
        ):
            raise SignatureError(
                f"{name} is '{said}', in the store itself: anyone who may push could change it",
                hint="move it out of the store",
            )
        return path


def _expanded(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path
