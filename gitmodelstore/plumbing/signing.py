"""Signing commits and tags, with the key and the program that git is configured for.

Source: git's gpg-interface.c, whose command lines these are.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from gitmodelstore.errors import SignatureError
from gitmodelstore.plumbing import forks, git
from gitmodelstore.plumbing.identity import Identity
from gitmodelstore.plumbing.signing_settings import Settings

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
        with forks.guard:  # as in `git.start`
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
