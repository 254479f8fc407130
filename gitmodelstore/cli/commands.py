"""The commands that there are: where each lies, what it is for, how it is typed."""

from __future__ import annotations

from collections.abc import Iterator

from gitmodelstore.lean import NamedTuple

# The modules that hold several commands; another stands in one of its own name.
FAMILIES = {
    "look": "list show log which search completion",
    "verify": "verify diff audit doctor validate",
    "files": "get cat env lock sync site inspect",
    "start": "init clone hook demo push pull fetch remote",
    "register": "register promote archive withdraw rollback annotate approve trust",
    "reproduce": "reproduce bisect",
    "main": "help",
}


class CommandEntry(NamedTuple):
    name: str  # as it is typed
    group: str  # one of GROUPS
    summary: str  # what it does, in a few words
    examples: tuple[str, str]  # two whole command lines that do different things
    everyday: bool = True  # whether `gms help` shows it
    alias: str | None = None  # another name for it

    @property
    def example(self) -> str:
        """The first of the examples."""
        return self.examples[0]

    @property
    def module(self) -> str:
        """Name of the module that holds it: its own, or that of its family."""
        return next(
            (name for name, family in FAMILIES.items() if self.name in family.split()), self.name
        )

    @property
    def function(self) -> str:
        """Name of the command in that module; a builtin's name gets an underscore."""
        return f"{self.name}_" if self.name in ("list", "help") else self.name


# By group: the names of each command and what it does, marked where `gms help` shows it, then two
# examples that do different things.
_TABLE = r"""
Start
* init: create a model store
      gms init
      gms init --bare /srv/models.git
  clone: clone a shared store and set up its hooks
      gms clone ssh://server/srv/models.git
      gms clone git@github.com:acme/models.git churn-models
* demo: run through the life of a model in a new folder
      gms demo
      gms demo /tmp/try-it
  completion: complete commands and versions in your shell
      gms completion bash
      gms completion fish | source
  help: list the commands, or show how to use one
      gms help promote
      gms help --all
Share
  push: send versions and events to a remote
      gms push
      gms push ssh://server/srv/models.git
  pull: bring the store up to date with a remote, with your own events on top
      gms pull
      gms pull origin --renumber
  fetch: see what a remote has, without changing the store
      gms fetch
      gms fetch backup --json
  remote: list the remotes, or add one
      gms remote add origin ssh://server/srv/models.git
      gms remote
Versions
* register: register a fitted pipeline as a new version
      gms register churn pipeline.joblib --metric test_auc=0.91
      gms register churn --from-folder models/churn --bump minor
* list, ls: list the models, or the versions of one
      gms list churn
      gms list -n 5
* show: show what a version is made of
      gms show churn@production
      gms show churn@1.2.0 --json
* diff: show what differs between two versions
      gms diff churn@production churn@latest
      gms diff churn pipeline.joblib --test june.csv --target left
  search: find versions by an expression
      gms search 'metrics.test_auc > 0.9'
      gms search '"income" in features' --model churn --sort -created_at
* log: show what happened, when, by whom and why
      gms log churn
      gms log churn -G params.clf__C --oneline
* which: show which version is in production, now or at a date
      gms which churn --at 2026-03-03
      gms which churn@staging
Lifecycle
* promote: give a version a status
      gms promote churn@1.2.0 production --reason "beats 1.1.0"
      gms promote churn@latest fraud@2.0.0 staging
* rollback: put the last good version back into production
      gms rollback churn --reason "drift in income"
      gms rollback churn --to 1.0.0 --keep
  approve: approve a version for a status, signed with your key
      gms approve churn@1.2.0 production --reason "reviewed"
      gms approve churn@latest staging
  annotate: add notes to a registered version
      gms annotate churn@1.2.0 validation_auc=0.83 --reason "June is in"
      gms annotate churn@1.2.0 validation_auc=
  archive: retire a version
      gms archive churn@1.0.0
      gms archive churn@production --successor 1.2.0
  withdraw, yank: mark a version as bad
      gms withdraw churn@1.1.0 --reason "trained on leaked labels"
      gms withdraw churn@production --vacate --reason "wrong currency"
Files
* get: write a version's files into a folder
      gms get churn@1.2.0 -o model
      gms get churn --warm -o /app/model
  cat: print one file of a version
      gms cat churn@production:requirements.txt
      gms cat churn@1.2.0:pipeline.joblib > pipeline.joblib
  env: show which packages a version needs
      gms env churn@production --check
      gms env churn > requirements.txt
  lock: pin versions in a lock file
      gms lock churn@1.2.0
      gms lock --check --fetch
  sync: write the locked versions' files into folders
      gms sync
      gms sync -o /app/models --store /srv/models.git
Trust
  verify: check that a version is what was released
      gms verify churn@production --replay
      gms verify --data churn data/train.csv --role train
  reproduce: train a version again and compare
      gms reproduce churn@1.2.0 -- python train.py
      gms reproduce churn --copy data/extra.csv --no-uv -- make train
  bisect: find the first bad version of a model
      gms bisect churn --good 1.0.0 --bad 1.4.0 -- python check.py {}
      gms bisect churn --good 1.0.0 --bad latest --no-check -- pytest test_churn.py
  site: write the catalogue: pages that show the store in a browser
      gms site --open
      gms site -o public
  audit: export the history of a model as a zip file
      gms audit churn --since 2026-01-01 -o churn.zip
      gms audit churn --with-artifacts
  validate: check the store, or a proposed change to it
      gms validate --range origin/main..HEAD
      gms validate models/churn
  doctor: find and repair what is wrong with the repository
      gms doctor --fix
      gms doctor -C /srv/models.git
  hook: install or remove the git hooks that validate commits and pushes
      gms hook install
      gms hook run pre-commit
  inspect: show what is in a joblib file, without running it
      gms inspect pipeline.joblib
      gms inspect churn@1.2.0 --trust mypackage
  trust: manage which classes and functions of your own may be loaded
      gms trust add mypackage
      gms trust remove mypackage.features.twice
"""


def _read_table() -> Iterator[CommandEntry]:
    group = ""
    lines = iter(_TABLE.strip().splitlines())
    for line in lines:
        if line[:2].strip(" *"):
            group = line
            continue
        names, summary = line[2:].split(": ", 1)
        name, _, alias = names.partition(", ")
        examples = next(lines).strip(), next(lines).strip()
        yield CommandEntry(name, group, summary, examples, line.startswith("*"), alias or None)


COMMANDS = tuple(_read_table())
GROUPS = tuple(dict.fromkeys(entry.group for entry in COMMANDS))
# Commands that git runs and nobody types, with the function of each.
COMPLETE = "__complete"  # a shell asks what may stand in place of the last word
CALLED_BY_GIT = {"merge-driver": "merge_driver", "textconv": "textconv"}
BY_NAME = {name: entry for entry in COMMANDS for name in (entry.name, entry.alias) if name}

# What other tools call it; a word that could mean two commands lists both.
_ELSEWHERE = {
    "add import publish put save": "register",
    "comment note notes set-tag": "annotate",
    "create new": "register init",
    "assign deploy release set stage tag transition": "promote",
    "accept attest": "approve",
    "sign": "approve promote",
    "switch": "promote rollback",
    "report": "audit site",
    "browse catalog catalogue dashboard page serve ui web": "site",
    "blame events history reflog": "log",
    "describe info view": "show",
    "compare drift": "diff",
    "models status versions": "list",
    "current resolve": "which",
    "find": "search which",
    "filter grep query": "search",
    "reset restore revert undo": "rollback",
    "delete remove rm unregister": "withdraw archive",
    "deprecate retire": "archive",
    "checkout": "get rollback",
    "download": "get",
    "dump print read": "cat",
    "environment requirements": "env",
    "freeze": "lock env",
    "pin": "lock",
    "check evaluate fsck replay test": "verify",
    "repair": "doctor",
    "rebuild rerun retrain": "reproduce",
}
ELSEWHERE = {
    word: commands.split() for words, commands in _ELSEWHERE.items() for word in words.split()
}

# A command that is called as git's, what a user of git types after it, and what to type instead.
_OF_GIT = {
    "clone --bare --branch --depth --mirror -b": (
        "use `git clone`, then run `gms doctor --fix` in the clone"
    ),
    "fetch --all --prune --tags -p -t": "use `git fetch`, which works for a store too",
    "pull --ff-only --rebase -r": "use `gms pull`: it always puts your changes on top of theirs",
    "push --all --follow-tags --set-upstream --tags -u": (
        "use `gms push`: it sends the tags too, and the first push sets the upstream"
    ),
    "push --force --force-with-lease -f": (
        "use `gms push`: it puts your changes on top of theirs, and overwrites nothing"
    ),
}


def instead_of_git(command: str | None, option: str) -> str | None:
    """Return what to type in place of an option that git's command of that name has."""
    for words, hint in _OF_GIT.items():
        name, *options = words.split()
        if name == command and option in options:
            return hint
    return None


def suggestion(word: str) -> str | None:
    """Return the hint for a word that is not a command, None if nothing is near."""
    from gitmodelstore.values.names import nearest

    near = nearest(word.lower(), BY_NAME)
    meant = ELSEWHERE.get(word.lower(), [near] if near else [])
    described = " or ".join(f"`gms {name}` ({BY_NAME[name].summary})" for name in meant)
    return f"did you mean {described}?" if described else None
