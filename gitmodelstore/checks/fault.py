"""A fault that a check found, with a code that never changes its meaning (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gitmodelstore.errors import FormatError, place_in, visible
from gitmodelstore.lean import TYPE_CHECKING, dataclass
from gitmodelstore.values.names import MODELS

if TYPE_CHECKING:
    from typing import Any

# Code to its short name. The tens group them: tree, documents, folder, history, lifecycle,
# tags, signatures, objects and other files of git, and the contents of ML repositories.
CODES = {
    "GMS001": "foreign file",
    "GMS002": "not a plain file",
    "GMS003": "name not allowed",
    "GMS004": "attributes not fixed",
    "GMS005": "too large",
    "GMS010": "manifest does not follow its format",
    "GMS011": "registry does not follow its format",
    "GMS012": "settings do not follow their format",
    "GMS013": "sample does not follow its format",
    "GMS020": "file missing",
    "GMS021": "file not listed",
    "GMS022": "digest differs",
    "GMS023": "identity differs",
    "GMS024": "large file missing",
    "GMS030": "version lost",
    "GMS031": "version not registered",
    "GMS032": "version without folder",
    "GMS033": "version changed in place",
    "GMS034": "two versions at once",
    "GMS035": "parent is another",
    "GMS036": "history rewritten",
    "GMS037": "trailers contradict",
    "GMS038": "date goes back",
    "GMS040": "unknown status",
    "GMS041": "two holders",
    "GMS042": "move not allowed",
    "GMS043": "gate not passed",
    "GMS044": "settings not alone",
    "GMS045": "override not allowed",
    "GMS046": "merge contradicts its sides",
    "GMS047": "status left empty",
    "GMS048": "return without a reason",
    "GMS050": "tag missing",
    "GMS051": "tag not annotated",
    "GMS052": "tag misplaced",
    "GMS053": "tag moved or deleted",
    "GMS054": "tag contradicts manifest",
    "GMS055": "ref not allowed",
    "GMS060": "not signed",
    "GMS061": "signature not valid",
    "GMS062": "signer not allowed",
    "GMS063": "approval missing",
    "GMS070": "object missing",
    "GMS071": "object damaged",
    "GMS072": "write unfinished",
    "GMS073": "lock left behind",
    "GMS074": "temporary file left behind",
    "GMS075": "work tree differs",
    "GMS076": "not configured",
    "GMS077": "ref damaged",
    "GMS078": "file of git damaged",
    "GMS080": "lock does not follow its format",
    "GMS081": "locked version differs",
    "GMS082": "locked version withdrawn",
    "GMS083": "features differ",
    "GMS090": "model without manifest",
}
# Codes that are reported but refuse nothing: no answer depends on them, and nobody can fix them.
NOTES = frozenset({"GMS038"})

GATE = "GMS043"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong or, if its code is in `NOTES`, something worth knowing.

    Attributes:
        code: its kind, a key of `CODES`.
        path: the file, such as `models/churn/manifest.json`, or the ref, such as
            `refs/tags/churn@v1.0.0`; empty for the commit itself.
        where: the place in the file, such as `artifacts[0].sha256`, or `3:7` for line and
            column; empty for the whole file.
        what: what is wrong, in lower case, without a full stop.
        mend: the command that fixes it, or what to do; empty if there is nothing to do.
        commit: id of the commit with the fault; None for uncommitted files.
    """

    code: str
    path: str
    what: str
    where: str = ""
    mend: str = ""
    commit: str | None = None

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code  # noqa: S101 - a slip of ours, no input

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.what) if part) + f" [{self.code}]"

    @property
    def is_note(self) -> bool:
        """Whether it is only a note, and refuses nothing."""
        return self.code in NOTES

    @property
    def place(self) -> str:
        """The path and the place in the file, as one text."""
        return place_in(self.path, self.where)


@dataclass(frozen=True, slots=True)
class Judged:
    """One condition of a move, and whether it is met."""

    condition: str  # as in the settings: `test_auc >= 0.75`, `require data`, `from`
    passed: bool
    what: str  # value and bound in words, such as `test_auc is 0.74, must be >= 0.75`
    mend: str = ""  # what to do if it is not met; empty if there is nothing to do
    code: str = GATE  # of the fault if it is not met
    flag: str = ""  # the option with which the same command meets it, such as `--sign`

    @property
    def of_gate(self) -> bool:
        """Whether it can be overridden: not if it is a move, a signature or an approval."""
        return self.code == GATE


class Faults(tuple[Fault, ...]):
    """The faults that refuse something, and the notes that do not."""

    notes: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Faults:
        """Return faults with the notes separated."""
        every = tuple(faults)
        made = cls(fault for fault in every if not fault.is_note)
        made.notes = tuple(fault for fault in every if fault.is_note)
        return made

    def __str__(self) -> str:
        """Return what `gms validate` prints."""
        return "\n".join(fault_lines(self))

    def __repr__(self) -> str:
        from gitmodelstore.values.tables import counted

        return f"<{counted(len(self), 'fault')}>"

    def _repr_html_(self) -> str:
        from gitmodelstore.values.tables import html

        return html([repr(self)[1:-1], *fault_lines(self)])


def fault_lines(faults: Iterable[Fault]) -> Iterator[str]:
    """Yield the lines of each fault: where, what, and what to do about it."""
    for fault in faults:
        commit = f"{fault.commit[:12]}: " if fault.commit else ""
        yield visible(f"{commit}{fault}")
        if fault.mend:
            yield visible(f"    {fault.mend}")


def format_faults(error: FormatError, code: str, path: str, mend: str = "") -> Iterator[Fault]:
    """Yield a fault for each error in a document."""
    for place, (where, what) in enumerate(error.found):
        yield Fault(code, path, what, where, (error.hint if place == 0 else None) or mend)


# What to type about a fault of a commit that is not made yet, if the judge does not say.

RESTORE = "git restore --source=HEAD --staged --worktree -- {path}"
_FOLDER = (
    "git restore --source=HEAD --staged --worktree -- {folder}; "
    "or keep it as a new version: gms register --from-folder {folder}"
)
_MENDS = {
    "GMS002": RESTORE,
    "GMS003": "rename it: git mv",
    "GMS004": RESTORE,
    "GMS005": RESTORE,
    "GMS010": _FOLDER,
    "GMS011": RESTORE,
    "GMS012": RESTORE,
    "GMS013": _FOLDER,
    "GMS020": _FOLDER,
    "GMS021": _FOLDER,
    "GMS022": _FOLDER,
    "GMS023": _FOLDER,
    "GMS030": RESTORE,
    "GMS040": "use a status of this store, or first commit it to modelstore.toml",
    "GMS041": "gms promote MODEL@VERSION STATUS, for the one that you mean; the other is archived",
    "GMS043": "gms promote MODEL@VERSION STATUS --force --reason TEXT, if it must be",
    "GMS045": "ask the person who runs the store, or meet the conditions",
}


def mend_of(fault: Fault) -> str:
    """Return how to fix a fault: its own hint, or the one for its code."""
    if fault.mend or fault.code not in _MENDS:
        return fault.mend
    inside = fault.path.startswith(f"{MODELS}/")
    folder = "/".join(fault.path.split("/")[:2]) if inside else fault.path
    return _MENDS[fault.code].format(path=fault.path, folder=folder)


# What this process has already judged, by the id of its blob, whose content never changes.


class Kept:
    """The most recent values, by the id of the blob from which each was read."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, Any] = {}

    def get(self, oid: str) -> Any:
        """Return the value of a blob; None if it is not kept."""
        return self._held.get(oid)

    def made(self, oid: str, make: Callable[[], Any]) -> Any:
        """Return the value of a blob, made and kept if it is not yet."""
        if oid not in self._held:
            self.put(oid, make())
        return self._held[oid]

    def put(self, oid: str, value: Any) -> None:
        """Keep a value, and drop the oldest."""
        while len(self._held) >= self._most:
            self._held.pop(next(iter(self._held)))
        self._held[oid] = value


registries = Kept(16)  # Registry
policies = Kept(16)  # Policy
manifests = Kept(64)  # Manifest, with the SHA-256 of its bytes
samples = Kept(64)  # True of those that follow their format
