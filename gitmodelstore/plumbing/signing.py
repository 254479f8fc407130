"""Signing commits and tags, with the key and the program that git is configured for.

ssh-keygen judges, and not `git verify-tag` or `git log --format=%G?`, which ask it themselves:
git names only the first principal of a key, judges by the date that the object claims, calls a
doubled signature good, and does not say whether a key was revoked or a commit altered.

Source: git's gpg-interface.c, whose command lines these are.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from gitmodelstore.checks.signatures import (
    NOT_VALID,
    UNSIGNED,
    AllowedSigner,
    Key,
    NotSshSignature,
    Outcome,
    Signed,
    allowed_signers,
)
from gitmodelstore.errors import GitFailed, NoIdentity, SignatureError, reason_of
from gitmodelstore.lean import TYPE_CHECKING, cached_property, dataclass, field, pattern
from gitmodelstore.plumbing import git, processes

if TYPE_CHECKING:
    from gitmodelstore.plumbing.repository import Repository

# Who is writing, as git knows it.


_IDENT = pattern(r"(?P<name>.*) <(?P<email>[^<>]*)> (?P<seconds>[0-9]+) (?P<zone>[+-][0-9]{4})")


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and an e-mail address, as git writes them into commits."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"

    def at(self, when: datetime) -> str:
        """Return the line that git writes of who did something when."""
        zone = when.strftime("%z")[:5] or "+0000"  # without seconds, which some zones once had
        return f"{self} {int(when.timestamp())} {zone}"


# Of such a name and address git changes nothing; from others it takes what a commit cannot hold.
_PLAIN_NAME = pattern(r"[^\W_](?:[\w .-]*[^\W_])?")
_PLAIN_EMAIL = pattern(r"[A-Za-z0-9](?:[\w.+-]*[A-Za-z0-9])?@[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_OF_ROLES = ("author.name", "author.email", "committer.name", "committer.email")


def identities(repository: Repository) -> tuple[Identity, Identity]:
    """Return the author and the committer of a commit made here; git is asked if it must be."""
    if not git.says_who() and not repository.may_say(*_OF_ROLES):
        name, email = (repository.setting(name) or "" for name in ("user.name", "user.email"))
        if _PLAIN_NAME.fullmatch(name) and _PLAIN_EMAIL.fullmatch(email):
            return (Identity(name, email),) * 2
    folder = repository.common_dir
    return read_identity(folder, "AUTHOR")[0], read_identity(folder, "COMMITTER")[0]


def read_identity(folder: Path, role: str = "COMMITTER") -> tuple[Identity, datetime]:
    """Return who and when git would write into a commit made here, GIT_COMMITTER_DATE too."""
    try:
        output = git.run(*git.TRUSTING, "var", f"GIT_{role}_IDENT", cwd=folder)
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
    line = output.decode(errors="replace").strip()
    match = _IDENT.fullmatch(line)
    if match is None or not match["name"]:
        raise NoIdentity(
            f"git has no name for the {role.lower()}: '{line}'",
            hint="run `git config --global user.name 'Your Name'`",
        )
    zone = datetime.fromisoformat(f"2000-01-01T00:00{match['zone']}").tzinfo
    when = datetime.fromtimestamp(int(match["seconds"]), zone)
    return Identity(match["name"], match["email"]), when


# What git's configuration says of signing: who signs with what, whom the reader believes.

ALLOWED = "gpg.ssh.allowedSignersFile"
REVOKED = "gpg.ssh.revocationFile"


@dataclass(frozen=True, slots=True)
class Settings:
    """Git's settings as one repository sees them."""

    # name in lower case to value; None is a name without a value, which is true
    values: Mapping[str, str | None] = field(default_factory=dict)
    # the same without what the repository's own configuration says
    programs: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Return the settings of the repository in `folder`."""
        values: dict[str, str | None] = {}
        programs: dict[str, str | None] = {}
        for is_ours, name, value in git.scoped(folder):
            values[name] = value
            if is_ours:
                programs[name] = value
        return cls(values, programs)

    def value(self, name: str) -> str | None:
        """Return what a setting says; None if it is not set, or says nothing."""
        return self.values.get(name.lower()) or None

    def program(self, name: str, default: str) -> str:
        """Return the program that a setting names."""
        ours = self.programs.get(name.lower()) or default
        if (self.value(name) or ours) != ours:
            raise SignatureError(
                f"{name} is set in the store's own configuration, "
                "and gms does not run programs that a store names",
                hint=f"if it is yours: git config --global {name} {self.value(name)}",
            )
        return os.path.expanduser(ours)

    def file(self, name: str, outside: Path | None, inside: Path) -> Path | None:
        """Return the path that a setting names; None if none, or if it is in `outside`."""
        value = self.value(name)
        if value is None:
            return None
        path = Path(os.path.expanduser(value))
        if not path.is_absolute():
            raise SignatureError(
                f"{name} is '{value}', which is not an absolute path",
                hint=f"git config --global {name} /etc/gitmodelstore/{path.name}",
            )
        place = path.resolve()
        if (
            outside is not None
            and place.is_relative_to(outside.resolve())
            and not place.is_relative_to(inside.resolve())
        ):
            raise SignatureError(
                f"{name} is '{value}', in the store itself: anyone who may push could change it",
                hint="move it out of the store",
            )
        return path


# Signing

SSH_KEYGEN = "ssh-keygen"
if TYPE_CHECKING:
    import subprocess

_PACKAGES = {SSH_KEYGEN: "openssh-client", "gpg": "gnupg", "gpgsm": "gpgsm"}
_CREATED = b"\n[GNUPG:] SIG_CREATED "
_HOW = (
    "sign with an ssh key: `git config --global gpg.format ssh` and "
    "`git config --global user.signingkey ~/.ssh/id_ed25519.pub`"
)


def sign(payload: bytes, settings: Settings, committer: Identity) -> bytes:
    """Return the armored signature of the bytes of a commit or tag."""
    kind = settings.value("gpg.format") or "openpgp"
    if kind == "ssh":
        return _by_ssh(payload, settings)
    if kind not in ("openpgp", "x509"):
        raise SignatureError(f"gpg.format is '{kind}', which git does not know", hint=_HOW)
    return _by_gpg(payload, settings, kind, str(committer))


def run(args: Sequence[str], data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a program that signs or verifies, and return its output."""
    import subprocess

    try:
        process = processes.start(
            args,
            env=git.environment(),
            stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        what = f"'{args[0]}' does not start: {reason_of(error)}"
        hint = "git's configuration names it: see `git config --list --show-origin`"
        if package := _PACKAGES.get(args[0]):
            what, hint = f"{args[0]} is not installed", f"install the package '{package}'"
        raise SignatureError(what, hint=hint) from None
    with process:
        output, errors = process.communicate(data)
    return subprocess.CompletedProcess(args, process.returncode, output, errors)


def _by_ssh(payload: bytes, settings: Settings) -> bytes:
    program = settings.program("gpg.ssh.program", SSH_KEYGEN)
    key = settings.value("user.signingkey") or _default_key(settings)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="gitmodelstore-") as name:  # readable by its owner alone
        folder = Path(name)
        args = [program, "-Y", "sign", "-n", "git", "-f"]
        literal = _literal(key)
        if literal is None:
            args.append(str(Path(key).expanduser()))
        else:
            (folder / "key.pub").write_text(f"{literal}\n")
            args += [str(folder / "key.pub"), "-U"]
        (folder / "payload").write_bytes(payload)
        done = run([*args, str(folder / "payload")])
        signature = folder / "payload.sig"
        if done.returncode or not signature.is_file():
            raise SignatureError(
                f"cannot sign with the key '{_shown(key)}': {_last_line(done.stderr)}",
                hint="check `git config user.signingkey`; a key with a passphrase is best "
                "handed to ssh-agent: ssh-add",
            )
        return _armored(signature.read_bytes(), program)


def _default_key(settings: Settings) -> str:
    """Return the key that gpg.ssh.defaultKeyCommand prints, `key::…` or as in a .pub file."""
    command = settings.program("gpg.ssh.defaultKeyCommand", "")
    if not command:
        raise SignatureError("git has no ssh key to sign with", hint=_HOW)
    done = run(shlex.split(command))
    first = done.stdout.decode(errors="replace").partition("\n")[0].strip()
    if done.returncode or _literal(first) is None:
        why = _last_line(done.stderr) if done.returncode else f"it printed '{first}'"
        raise SignatureError(f"gpg.ssh.defaultKeyCommand gives no key: {why}", hint=_HOW)
    return first


def _literal(key: str) -> str | None:
    """Return the public key that a setting spells out; None if it names a file."""
    if key.startswith("key::"):
        return key.removeprefix("key::")
    return key if key.startswith("ssh-") else None


def _by_gpg(payload: bytes, settings: Settings, kind: str, committer: str) -> bytes:
    default, name = (
        ("gpgsm", "gpg.x509.program") if kind == "x509" else ("gpg", "gpg.openpgp.program")
    )
    if kind == "openpgp" and settings.value(name) is None:
        name = "gpg.program"
    program = settings.program(name, default)
    key = settings.value("user.signingkey") or committer
    try:
        done = run([program, "--status-fd=2", "-bsau", key], payload)
    except SignatureError as error:
        raise SignatureError(str(error), hint=f"{error.hint}; or {_HOW}") from None
    if done.returncode or _CREATED not in b"\n" + done.stderr:
        lines = [line for line in done.stderr.splitlines() if not line.startswith(b"[GNUPG:]")]
        reason = _last_line(b"\n".join(lines))
        raise SignatureError(f"{program} cannot sign with the key of '{key}': {reason}", hint=_HOW)
    return _armored(done.stdout, program)


def _armored(signature: bytes, program: str) -> bytes:
    signature = signature.replace(b"\r\n", b"\n")
    if not signature.startswith(b"-----BEGIN "):
        raise SignatureError(f"{program} made something that is not a signature")
    return signature.rstrip(b"\n") + b"\n"


def _shown(key: str) -> str:
    """Return a key as a message names it: a path whole, a literal key by its beginning."""
    return key if " " not in key or len(key) <= 60 else f"{key[:60]}…"


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it did not say why"


# Verifying signatures with ssh-keygen, against the reader's own list of allowed signers.

_MOST_AT_ONCE = 4  # processes


@dataclass(frozen=True)
class SshVerifier:
    """Who is believed."""

    allowed: Path
    revoked: Path | None = None
    program: str = SSH_KEYGEN  # ssh-keygen, or what stands for it

    @classmethod
    def of(cls, git_dir: Path, work_tree: Path | None) -> SshVerifier:
        """Return the verifier that git's configuration describes; no list lies in `work_tree`."""
        settings = Settings.read(git_dir)
        allowed = settings.file(ALLOWED, work_tree, git_dir)
        if allowed is None:
            raise SignatureError(
                f"no allowed signers are known: {ALLOWED} is not set",
                hint="write a line `ada@example.org ssh-ed25519 AAAA…` for each person, then: "
                f"git config --global {ALLOWED} FILE",
            )
        revoked = settings.file(REVOKED, work_tree, git_dir)
        for name, path in ((ALLOWED, allowed), (REVOKED, revoked)):
            if path is not None and not os.access(path, os.R_OK):
                raise SignatureError(
                    f"{name} names '{path}', which cannot be read", hint="check the path"
                )
        return cls(allowed, revoked, settings.program("gpg.ssh.program", SSH_KEYGEN))

    @cached_property
    def _lines(self) -> tuple[AllowedSigner, ...]:
        return allowed_signers(self.allowed.read_text(encoding="utf-8", errors="replace"))

    def outcomes(self, objects: Sequence[Signed]) -> list[Outcome]:
        """Return the outcomes of the signatures of commits and tags, in their order."""
        if len(objects) < 2:
            return [self.outcome(one) for one in objects]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
            return list(pool.map(self.outcome, objects))

    def outcome(self, signed: Signed) -> Outcome:
        """Return the outcome of the signature of one commit or tag."""
        if signed.signature is None:
            return UNSIGNED
        try:
            key = Key.of_signature(signed.signature)
        except NotSshSignature as error:
            return Outcome(code=NOT_VALID, why=str(error))
        lines = [line for line in self._lines if line.may_allow(key)]
        if signed.when is None:
            why = "it does not say when it was made"
        elif not lines:
            why = f"signed with the unknown key {key.fingerprint}"
        else:
            from tempfile import NamedTemporaryFile

            with NamedTemporaryFile(prefix="gitmodelstore-") as file:
                file.write(signed.signature)
                file.flush()
                question = _Question(self, signed.payload, file.name, signed.when)
                return question.outcome(key, lines)
        return Outcome(key=key.fingerprint, code=NOT_VALID, why=why)


@dataclass(frozen=True, slots=True)
class _Question:
    verifier: SshVerifier
    payload: bytes
    signature: str
    when: datetime

    def outcome(self, key: Key, lines: Sequence[AllowedSigner]) -> Outcome:
        """Say who has signed, by the lines of the list that are of the key; or why nobody has."""
        groups = [line.named for line in lines]
        if key.is_certificate:  # ssh-keygen says for whom it speaks
            principals = self._ask("find-principals", *self._list).stdout
            groups = [(name,) for name in principals.decode(errors="replace").splitlines() if name]
        signers = [name for names in groups if self._is_good(names[0]) for name in names]
        if signers:
            return Outcome(tuple(dict.fromkeys(signers)), key.fingerprint)
        who = ", ".join(dict.fromkeys(name for names in groups for name in names))
        of_whom = f"{key.fingerprint} of {who}" if who else key.fingerprint
        if self._ask("check-novalidate", "-n", "git").returncode:
            why = f"altered: the signature of {key.fingerprint} is of something else"
        elif any(self._is_good(names[0], revocation=False) for names in groups):
            why = f"signed with the revoked key {of_whom}"
        else:
            times = (line.outside(self.when) for line in lines)
            time = next(filter(None, times), "was not allowed to sign for git at that time")
            why = f"signed with the key {of_whom}, which {time}"
        return Outcome(key=key.fingerprint, code=NOT_VALID, why=why)

    def _is_good(self, principal: str, *, revocation: bool = True) -> bool:
        """Whether it is a signature of the payload by a key that speaks for `principal`."""
        revoked = self.verifier.revoked if revocation else None
        options = ("-r", str(revoked)) if revoked else ()
        done = self._ask("verify", "-n", "git", "-I", principal, *self._list, *options)
        return done.returncode == 0

    @property
    def _list(self) -> tuple[str, ...]:
        # As git asks: the moment of the object, in the zone in which the list is read.
        moment = self.when.astimezone().strftime("%Y%m%d%H%M%S")
        return ("-f", str(self.verifier.allowed), "-O", f"verify-time={moment}")

    def _ask(self, what: str, *args: str) -> subprocess.CompletedProcess[bytes]:
        return run([self.verifier.program, "-Y", what, "-s", self.signature, *args], self.payload)
