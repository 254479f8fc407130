"""Who else may use what is written in a git directory: git's `core.sharedRepository`.

Git gives each file and folder that it makes in a shared repository the permissions that this
setting names, whatever the umask is; so do we, wherever we write one ourselves.
Source: git's adjust_shared_perm and git_config_perm (path.c, setup.c).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_GROUP, _EVERYBODY = 0o660, 0o664
_WORDS = {
    **dict.fromkeys(("umask", "false", "no", "off", "0", ""), 0),
    **dict.fromkeys(("group", "true", "yes", "on", "1"), _GROUP),
    **dict.fromkeys(("all", "world", "everybody", "2"), _EVERYBODY),
}


@dataclass(frozen=True, slots=True)
class Sharing:
    """The permissions that files get.

    Attributes:
        bits: what they get besides those that the umask leaves; 0 in a repository that is
            not shared.
        only: whether they get no others: the setting was a number such as 0640.
    """

    bits: int = 0
    only: bool = False

    @classmethod
    def of(cls, setting: str | None) -> Sharing:
        """Return what a value of `core.sharedRepository` says; None is that of no value."""
        said = "umask" if setting is None else setting.strip().lower()
        if said in _WORDS:
            return cls(_WORDS[said])
        try:
            mode = int(said, 8)
        except ValueError:  # git refuses to work there, and will say so
            return cls()
        return cls(mode & 0o666, True) if mode & 0o600 == 0o600 else cls()

    def mode(self, mode: int) -> int:
        """Return the mode of a file or folder that was made with `mode`."""
        bits = self.bits
        if not bits:
            return mode
        if not mode & stat.S_IWUSR:
            bits &= ~0o222
        if mode & stat.S_IXUSR:
            bits |= (bits & 0o444) >> 2
        new = (mode & ~0o777 | bits) if self.only else mode | bits
        if stat.S_ISDIR(mode):
            new |= (new & 0o444) >> 2
            if new & 0o060:
                new |= stat.S_ISGID
        return new

    def adjust(self, place: str | Path | int) -> None:
        """Give a file or folder that was just made, or is open, the permissions it should have.

        Raises:
            OSError: it is not there, or somebody else's.
        """
        if not self.bits or os.name == "nt":
            return
        old = os.stat(place).st_mode
        new = self.mode(old)
        if new != old:
            os.chmod(place, stat.S_IMODE(new))

    def make_folder(self, folder: str | Path) -> None:
        """Make a folder, and those above it that are missing.

        Raises:
            OSError: the disk does not take it.
        """
        try:
            os.mkdir(folder)
        except FileExistsError:
            return
        except FileNotFoundError:
            self.make_folder(os.path.dirname(folder))
            self.make_folder(folder)
        else:
            self.adjust(folder)

    def umask(self) -> int | None:
        """Return the umask for a git that writes a work tree; None for that of this process.

        Git gives files of a work tree what the umask leaves, in a shared repository too, where
        the next of its users could then not replace them.
        """
        if not self.bits:
            return None
        allowed = self.bits | (self.bits & 0o444) >> 2
        return 0o777 & ~allowed if self.only else _umask() & ~allowed


UNSHARED = Sharing()


def _umask() -> int:
    """Return this process's umask; only setting it tells, where the system does not say."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Umask:"))[6:], 8)
    found = os.umask(0o077)
    os.umask(found)
    return found
