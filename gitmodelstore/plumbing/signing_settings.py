"""What git's configuration says of signing: who signs with what, whom the reader believes.

It is read by a process of git, without libgit2, so that a hook on a server can. A store's
own configuration may say which key to take and which lists to believe; programs to start
are taken from the user's or the machine's alone, since a folder that somebody hands over
brings its configuration with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitmodelstore.errors import SignatureError
from gitmodelstore.plumbing import git

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
                "and no program that a store names is started",
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
                f"{name} is '{said}', which is no absolute path",
                hint=f"git config --global {name} /etc/gitmodelstore/{path.name}",
            )
        place = path.resolve()
        if (
            outside is not None
            and place.is_relative_to(outside.resolve())
            and not place.is_relative_to(inside.resolve())
        ):
            raise SignatureError(
                f"{name} is '{said}', in the store itself: whoever may push could change it",
                hint="move it to a place of your own",
            )
        return path


def _expanded(path: str) -> str:
    return str(Path(path).expanduser()) if path.startswith("~") else path
