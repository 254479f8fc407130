"""The commands that there are: where each lies, what it is for, how it is typed.

Help and suggestions read this table, so that neither imports a command.
"""

from __future__ import annotations

from typing import NamedTuple

START, VERSIONS, LIFECYCLE, FILES = "Start", "Versions", "Lifecycle", "Files"
TRUST = "Trust"
GROUPS = (START, VERSIONS, LIFECYCLE, FILES, TRUST)


class Entry(NamedTuple):
    """One command.

    Attributes:
        name: as it is typed; the module that holds it bears the same name.
        group: one of GROUPS.
        summary: what it does, in a few words.
        example: a whole command line.
        everyday: whether `gms help` shows it.
        alias: another name for it; None without one.
    """

    name: str
    group: str
    summary: str
    example: str
    everyday: bool = True
    alias: str | None = None

    @property
    def function(self) -> str:
        """Name of the click command in that module; a builtin's name gets an underscore."""
        return f"{self.name}_" if self.name in ("list", "help") else self.name


COMMANDS = (
    Entry("init", START, "make a model store", "gms init"),
    Entry(
        "clone",
        START,
        "copy a shared store, ready to work in",
        "gms clone ssh://server/srv/models.git",
        everyday=False,
    ),
    Entry("demo", START, "a model's whole life, tried on real data", "gms demo"),
    Entry(
        "register",
        VERSIONS,
        "keep a fitted pipeline as a new version",
        "gms register churn pipeline.joblib --metric test_auc=0.91",
    ),
    Entry("list", VERSIONS, "models, or the versions of one", "gms list churn", alias="ls"),
    Entry("show", VERSIONS, "what a version is made of", "gms show churn@production"),
    Entry(
        "diff",
        VERSIONS,
        "what differs between two versions",
        "gms diff churn@production churn@latest",
    ),
    Entry(
        "search",
        VERSIONS,
        "the versions of which something holds",
        "gms search 'metrics.test_auc > 0.9'",
        everyday=False,
    ),
    Entry("log", VERSIONS, "what happened, when, by whom and why", "gms log churn"),
    Entry(
        "which",
        VERSIONS,
        "the version in production, now or then",
        "gms which churn --at 2026-03-03",
    ),
    Entry(
        "promote",
        LIFECYCLE,
        "give a version a status",
        'gms promote churn@1.2.0 production --reason "beats 1.1.0"',
    ),
    Entry(
        "rollback",
        LIFECYCLE,
        "put the last good version back into production",
        'gms rollback churn --reason "drift in income"',
    ),
    Entry(
        "approve",
        LIFECYCLE,
        "say, signed, that a version may come to a status",
        'gms approve churn@1.2.0 production --reason "reviewed"',
        everyday=False,
    ),
    Entry(
        "annotate",
        LIFECYCLE,
        "say something of a version afterwards",
        'gms annotate churn@1.2.0 validation_auc=0.83 --reason "June is in"',
        everyday=False,
    ),
    Entry("archive", LIFECYCLE, "retire a version", "gms archive churn@1.0.0", everyday=False),
    Entry(
        "withdraw",
        LIFECYCLE,
        "mark a version as bad",
        'gms withdraw churn@1.1.0 --reason "trained on leaked labels"',
        everyday=False,
        alias="yank",
    ),
    Entry("get", FILES, "a version as plain files", "gms get churn@1.2.0 -o model"),
    Entry(
        "cat",
        FILES,
        "one file of a version",
        "gms cat churn@production:requirements.txt",
        everyday=False,
    ),
    Entry(
        "env",
        FILES,
        "the packages that a version needs, and what differs here",
        "gms env churn@production --check",
        everyday=False,
    ),
    Entry("lock", FILES, "pin versions for code", "gms lock churn@1.2.0", everyday=False),
    Entry("sync", FILES, "what is locked, as plain files", "gms sync", everyday=False),
    Entry(
        "verify",
        TRUST,
        "whether a version is what was released",
        "gms verify churn@production --replay",
        everyday=False,
    ),
    Entry(
        "reproduce",
        TRUST,
        "whether training a version again gives the same",
        "gms reproduce churn@1.2.0 -- python train.py",
        everyday=False,
    ),
    Entry(
        "bisect",
        TRUST,
        "which version was the first bad one",
        "gms bisect churn --good 1.0.0 --bad 1.4.0 -- python check.py {}",
        everyday=False,
    ),
    Entry(
        "audit",
        TRUST,
        "a model's history, for someone who has no tool",
        "gms audit churn --since 2026-01-01 -o churn.zip",
        everyday=False,
    ),
    Entry(
        "validate",
        TRUST,
        "whether the store, or a proposal to it, is sound",
        "gms validate --range origin/main..HEAD",
        everyday=False,
    ),
    Entry(
        "doctor",
        TRUST,
        "what is wrong with the repository, and its repair",
        "gms doctor --fix",
        everyday=False,
    ),
    Entry(
        "hook",
        TRUST,
        "git's hooks that validate what is committed and pushed",
        "gms hook install",
        everyday=False,
    ),
    Entry(
        "inspect",
        TRUST,
        "what a joblib file is, without running it",
        "gms inspect pipeline.joblib",
        everyday=False,
    ),
    Entry(
        "trust",
        TRUST,
        "whose classes you load besides scikit-learn's",
        "gms trust add mypackage",
        everyday=False,
    ),
    Entry("help", START, "the commands, or how to use one", "gms help promote", everyday=False),
)
# What git calls, and nobody types: the command to the module and function that hold it.
CALLED_BY_GIT = {"merge-driver": "merge_driver", "textconv": "textconv"}
BY_NAME = {name: entry for entry in COMMANDS for name in (entry.name, entry.alias) if name}

# What other tools call it; a word that could mean two commands lists both.
ELSEWHERE = {
    "add": ("register",),
    "comment": ("annotate",),
    "note": ("annotate",),
    "notes": ("annotate",),
    "set-tag": ("annotate",),
    "create": ("register", "init"),
    "import": ("register",),
    "new": ("register", "init"),
    "publish": ("register",),
    "put": ("register",),
    "save": ("register",),
    "assign": ("promote",),
    "deploy": ("promote",),
    "accept": ("approve",),
    "sign": ("approve", "promote"),
    "attest": ("approve",),
    "release": ("promote",),
    "set": ("promote",),
    "stage": ("promote",),
    "switch": ("promote", "rollback"),
    "tag": ("promote",),
    "transition": ("promote",),
    "report": ("audit",),
    "events": ("log",),
    "history": ("log",),
    "reflog": ("log",),
    "describe": ("show",),
    "compare": ("diff",),
    "drift": ("diff",),
    "info": ("show",),
    "view": ("show",),
    "models": ("list",),
    "status": ("list",),
    "versions": ("list",),
    "current": ("which",),
    "find": ("search", "which"),
    "filter": ("search",),
    "grep": ("search",),
    "query": ("search",),
    "blame": ("log",),
    "resolve": ("which",),
    "reset": ("rollback",),
    "restore": ("rollback",),
    "revert": ("rollback",),
    "undo": ("rollback",),
    "delete": ("withdraw", "archive"),
    "remove": ("withdraw", "archive"),
    "rm": ("withdraw", "archive"),
    "unregister": ("withdraw", "archive"),
    "deprecate": ("archive",),
    "retire": ("archive",),
    "checkout": ("get", "rollback"),
    "download": ("get",),
    "dump": ("cat",),
    "environment": ("env",),
    "freeze": ("lock", "env"),
    "pin": ("lock",),
    "print": ("cat",),
    "requirements": ("env",),
    "check": ("verify",),
    "evaluate": ("verify",),
    "fsck": ("verify",),
    "repair": ("doctor",),
    "rebuild": ("reproduce",),
    "replay": ("verify",),
    "rerun": ("reproduce",),
    "retrain": ("reproduce",),
    "test": ("verify",),
    "read": ("cat",),
}


def suggestion(word: str) -> str | None:
    """Return the hint for a word that is no command, None when nothing is near."""
    meant = ELSEWHERE.get(word.lower())
    if meant is None:
        from gitmodelstore.values.names import nearest

        near = nearest(word.lower(), BY_NAME)
        meant = (near,) if near else ()
    described = " or ".join(f"`gms {name}` ({BY_NAME[name].summary})" for name in meant)
    return f"did you mean {described}?" if described else None
