"""Signing commits and tags, with the key and the program that git is configured for.

Source: git's gpg-interface.c, whose command lines these are.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from gitmodelstore.cached import cached_property
from gitmodelstore.checks.signatures import NOT_VALID, UNSIGNED, Outcome
from gitmodelstore.errors import SignatureError
from gitmodelstore.plumbing import git, processes
from gitmodelstore.plumbing.identity import ALLOWED, REVOKED, Identity, Settings
from gitmodelstore.values.signers import (
    AllowedSigner,
    Key,
    NotSshSignature,
    Signed,
    allowed_signers,
)

SSH_KEYGEN = "ssh-keygen"
_PACKAGES = {SSH_KEYGEN: "openssh-client", "gpg": "gnupg", "gpgsm": "gpgsm"}
_CREATED = b"\n[GNUPG:] SIG_CREATED "
_HOW = (
    "sign with an ssh key: `git config --global gpg.format ssh` and "
    "`git config --global user.signingkey ~/.ssh/id_ed25519.pub`"
)


def sign(payload: bytes, settings: Settings, committer: Identity) -> bytes:
    """Return the armored signature of the bytes of a commit or tag.

    Args:
        payload: the bytes.
        settings: what git's configuration says.
        committer: whose key it is where no `user.signingkey` is set (but for ssh keys).

    Raises:
        SignatureError: there is no key, no program, or it does not sign.
    """
    kind = settings.value("gpg.format") or "openpgp"
    if kind == "ssh":
        return _by_ssh(payload, settings)
    if kind not in ("openpgp", "x509"):
        raise SignatureError(f"gpg.format is '{kind}', which git does not know", hint=_HOW)
    return _by_gpg(payload, settings, kind, str(committer))


def run(args: Sequence[str], data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a program that signs or verifies, and return what it said.

    Raises:
        SignatureError: it is not installed; the hint names the package.
    """
    try:
        with processes.guard:  # as in `git.start`
            process = subprocess.Popen(
                args,
                env=git.environment(),
                stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
    except OSError as error:
        package = _PACKAGES.get(args[0])
        raise SignatureError(
            f"{args[0]} is not installed"
            if package
            else f"'{args[0]}' does not start: {(error.strerror or str(error)).lower()}",
            hint=f"install the package '{package}'"
            if package
            else "git's configuration names it: see `git config --list --show-origin`",
        ) from None
    with process:
        said, complained = process.communicate(data)
    return subprocess.CompletedProcess(args, process.returncode, said, complained)


def _by_ssh(payload: bytes, settings: Settings) -> bytes:
    program = settings.program("gpg.ssh.program", SSH_KEYGEN)
    key = settings.value("user.signingkey") or _default_key(settings)
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
        raise SignatureError("git knows no ssh key to sign with", hint=_HOW)
    done = run(shlex.split(command))
    first = done.stdout.decode(errors="replace").partition("\n")[0].strip()
    if done.returncode or _literal(first) is None:
        said = _last_line(done.stderr) if done.returncode else f"it printed '{first}'"
        raise SignatureError(f"gpg.ssh.defaultKeyCommand names no key: {said}", hint=_HOW)
    return first


def _literal(key: str) -> str | None:
    """Return the public key that a setting spells out; None where it names a file."""
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
        said = [line for line in done.stderr.splitlines() if not line.startswith(b"[GNUPG:]")]
        reason = _last_line(b"\n".join(said))
        raise SignatureError(
            f"{program} cannot sign with the key of '{key}': {reason}",
            hint=_HOW,
        )
    return _armored(done.stdout, program)


def _armored(signature: bytes, program: str) -> bytes:
    signature = signature.replace(b"\r\n", b"\n")
    if not signature.startswith(b"-----BEGIN "):
        raise SignatureError(f"{program} made something that is no signature")
    return signature.rstrip(b"\n") + b"\n"


def _shown(key: str) -> str:
    """Return a key as a message names it: a path whole, a literal key by its beginning."""
    return key if " " not in key or len(key) <= 60 else f"{key[:60]}…"


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it did not say why"


# Verifying signatures with ssh-keygen, against the reader's own list of allowed signers.


_MOST_AT_ONCE = 4  # processes


@dataclass(frozen=True)
class Verifier:
    """Who is believed.

    Attributes:
        allowed: the list of allowed signers.
        revoked: the list of revoked keys; None without one.
        program: ssh-keygen, or what stands for it.
    """

    allowed: Path
    revoked: Path | None = None
    program: str = SSH_KEYGEN

    @classmethod
    def of(cls, git_dir: Path, work_tree: Path | None) -> Verifier:
        """Return the verifier that git's configuration describes.

        Args:
            git_dir: of the repository.
            work_tree: in which no list may lie; None for a bare repository.

        Raises:
            SignatureError: there is no list of allowed signers, or a list cannot be used.
            GitFailed: git does not work there.
        """
        settings = Settings.read(git_dir)
        allowed = settings.file(ALLOWED, work_tree, git_dir)
        if allowed is None:
            raise SignatureError(
                f"nobody is known whose signatures count: {ALLOWED} is not set",
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
        """Say what becomes of the signatures of several commits and tags, in their order.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        if len(objects) < 2:
            return [self.outcome(one) for one in objects]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(_MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
            return list(pool.map(self.outcome, objects))

    def outcome(self, signed: Signed) -> Outcome:
        """Say what becomes of the signature of one commit or tag.

        Raises:
            SignatureError: ssh-keygen is not installed.
        """
        if signed.signature is None:
            return UNSIGNED
        try:
            key = Key.of_signature(signed.signature)
        except NotSshSignature as error:
            return Outcome(code=NOT_VALID, why=str(error))
        if signed.when is None:
            return _refused(key, "it does not say when it was made")
        lines = [line for line in self._lines if self._may_be(line, key)]
        if not lines:
            return _refused(key, f"signed with the unknown key {key.fingerprint}")
        with TemporaryDirectory(prefix="gitmodelstore-") as folder:
            signature = Path(folder, "signature")
            signature.write_bytes(signed.signature)
            asked = _Asked(self, signed.payload, signature, signed.when)
            groups = asked.principals() if key.is_certificate else [_named(line) for line in lines]
            signers = [name for group in groups if asked.is_good(group[0]) for name in group]
            if signers:
                return Outcome(tuple(dict.fromkeys(signers)), key.fingerprint)
            return _refused(key, asked.why(key, lines, groups))

    def _may_be(self, line: AllowedSigner, key: Key) -> bool:
        if line.is_authority:
            return key.is_certificate
        return line.key == key and bool(_named(line))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One signature that ssh-keygen is asked about."""

    verifier: Verifier
    payload: bytes
    signature: Path
    when: datetime

    def is_good(self, principal: str, *, revocation: bool = True) -> bool:
        """Whether it is a signature of the payload by a key that speaks for `principal`."""
        revoked = self.verifier.revoked if revocation else None
        known = ("-r", str(revoked)) if revoked else ()
        return self._run("verify", "-I", principal, *self._list(), *known).returncode == 0

    def principals(self) -> list[tuple[str, ...]]:
        """For whom a certificate speaks, each by itself."""
        done = self._run("find-principals", *self._list(), namespace=())
        return [(name,) for name in done.stdout.decode(errors="replace").splitlines() if name]

    def why(self, key: Key, lines: Sequence[AllowedSigner], groups: list[tuple[str, ...]]) -> str:
        """Say why it is not good; it is read where it is refused, so it may take a while."""
        who = ", ".join(dict.fromkeys(name for group in groups for name in group))
        of_whom = f"{key.fingerprint} of {who}" if who else key.fingerprint
        if self._run("check-novalidate").returncode:
            return f"altered: the signature of {key.fingerprint} is of something else"
        if any(self.is_good(group[0], revocation=False) for group in groups):
            return f"signed with the revoked key {of_whom}"
        for line in lines:
            if said := outside(line, self.when):
                return f"signed with the key {of_whom}, which {said}"
        return f"signed with the key {of_whom}, which may not sign for git at that time"

    def _list(self) -> tuple[str, ...]:
        # As git asks: the moment of the object, in the zone in which the list is read.
        moment = self.when.astimezone().strftime("%Y%m%d%H%M%S")
        return ("-f", str(self.verifier.allowed), "-O", f"verify-time={moment}")

    def _run(
        self, what: str, *args: str, namespace: Iterable[str] = ("-n", "git")
    ) -> CompletedProcess[bytes]:
        command = [self.verifier.program, "-Y", what, *namespace, "-s", str(self.signature)]
        return run([*command, *args], self.payload)


def outside(line: AllowedSigner, when: datetime) -> str:
    """Say how a moment lies outside the time for which a key is allowed; empty where within."""
    before, after = line.options.get("valid-before"), line.options.get("valid-after")
    if before and _written(when, before) > _digits(before):
        return f"was valid until {before}"
    if after and _written(when, after) < _digits(after):
        return f"is valid from {after} on"
    return ""


def _written(when: datetime, as_in: str) -> str:
    """Return a moment as a list of allowed signers writes it: of UTC where that ends in Z."""
    moment = when if as_in.endswith("Z") else when.astimezone()
    return moment.strftime("%Y%m%d%H%M%S")


def _digits(text: str) -> str:
    return text.rstrip("Z").ljust(14, "0")


def _named(line: AllowedSigner) -> tuple[str, ...]:
    """Return whom a line names, without those whom it leaves out."""
    return tuple(name for name in line.principals if not name.startswith("!"))


def _refused(key: Key, why: str) -> Outcome:
    return Outcome(key=key.fingerprint, code=NOT_VALID, why=why)
