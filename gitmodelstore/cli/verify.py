"""Commands that check and compare: verify, diff, audit, doctor, validate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gitmodelstore.cli.main import (
    CANNOT_WORK,
    REFUSED,
    UsageError,
    argument,
    command,
    exit_if,
    option,
    refuse,
    trusting,
)
from gitmodelstore.cli.session import PIPELINE_FILES, Session, document
from gitmodelstore.lean import TYPE_CHECKING, Any
from gitmodelstore.values.tables import counted, visible

if TYPE_CHECKING:
    from gitmodelstore.checks.fault import Fault, Faults
    from gitmodelstore.operations.doctor import Diagnosis
    from gitmodelstore.operations.verify import Verification
    from gitmodelstore.values.diff import Diff, Side

# Options of `verify` and `diff`.
_target = option("--target NAME", "with --test: the column with the true answers")
_parse_dates = option("--parse-dates COL...", "with --test: a column of dates; repeatable")


@trusting
@command("verify")
@argument("ref", required=False)
@argument("path", required=False)
@option("--all", "verify every version of every model", "all_of_them")
@option("--replay", "run the pipeline on its sample and compare the answers")
@option("--test FILE", "compute the metrics again on this CSV or Parquet file", kind=Path)
@_target
@_parse_dates
@option("--signatures", "verify who signed it")
@option("--data", "compare the data set at PATH instead")
@option("--role ROLE", "with --data: which data set PATH should be, such as train")
def verify(
    session: Session,
    /,
    ref: str | None,
    path: str | None,
    all_of_them: bool,
    data: bool,
    role: str | None,
    **how: Any,
) -> None:
    """Verify every file of the version REF against its manifest and its tag.

    --replay and --test load the pipeline, unless its bytes are not the ones that were
    released. --signatures uses the list of allowed signers in your git configuration;
    without REF, it checks every version. --data says whether the file or folder PATH is the
    data that REF was made with, and which columns differ.

    The exit code is 1 if a version is faulty or not validly signed, if its answers, metrics
    or data differ, or if the branch lacks a version that has a tag. It is 128 if nothing is
    wrong but a version could not be loaded here.
    """
    if data:
        refuse((all_of_them or any(how.values()), "--data works only with --role"))
        if ref is None or path is None:
            raise UsageError(f"missing argument '{'PATH' if ref else 'REF'}'")
        compared = session.store().verify_data(ref, path, role=role)
        from gitmodelstore.values.diff import data_lines

        session.answer(data_lines(compared, session.paint()), compared)
        exit_if(not compared.is_same)
        return
    all_of_them = all_of_them or (how["signatures"] and ref is None)
    test = how["test"]
    refuse(
        (path is not None or role is not None, "a PATH or --role needs --data"),
        ((ref is None) != all_of_them, "name one version, or give --all"),
        (test and all_of_them, "--test works with one version only"),
        (how["target"] and not test, "--target needs --test FILE"),
        (how["parse_dates"] and not test, "--parse-dates needs --test FILE"),
    )
    from gitmodelstore.values.pages import verification_page

    result = session.store().verify(ref, **how)
    page = verification_page(result, session.paint(), replayed=how["replay"])
    session.answer(page, result, paged=True)
    if all_of_them and not session.json:
        session.note(_summary(result))
    exit_if(not result.is_sound)
    exit_if(result.unloaded, CANNOT_WORK)


def _summary(result: Verification) -> str:
    bad = sum(not version.is_sound for version in result.versions)
    verified = f"{counted(len(result.versions), 'version')} verified"
    if bad:
        return f"{verified}, {bad} faulty or different"
    if result.unloaded:
        return f"{verified}, {len(result.unloaded)} cannot be loaded here"
    return f"{verified}, the branch lacks others" if result.faults else f"{verified}, all sound"


@command("audit")
@argument("name")
@option("--since DATE", "leave out events before this day or time")
@option("-o, --output FILE.zip", "the file to write (default: NAME-audit.zip)", "to")
@option("--with-artifacts", "include the pipelines", "artifacts")
@option("--force", "overwrite an existing file")
def audit(session: Session, /, name: str, **how: Any) -> None:
    """Write the history of the model NAME and the details of its versions to a zip file.

    You need no tool to read it: open index.html in a browser, or events.csv in a spreadsheet.
    It holds events, approvals, overrides, annotations, signatures, the policy in force at
    each event, manifests, cards, and a SHA-256 of each file. The same commit of the store
    gives the same bytes.
    """
    made = session.store().audit(name, **how)
    if session.json:
        size_bytes = made.path.stat().st_size
        session.document(made, model=name, path=made.path.absolute(), size_bytes=size_bytes)
        return
    for fault in made.faults:
        session.warn(fault)
    if made.unverified:
        session.note(f"signatures were not verified: {made.unverified}")
    count = f"{counted(made.events, 'event')}, {counted(made.versions, 'version')}"
    session.note(f"{count}, sha256 {made.sha256}")
    session.out(str(made.path))


@command("validate")
@argument("paths", is_list=True, metavar="[PATH]...", kind=Path)
@option("--range BASE..HEAD", "check only what HEAD adds to BASE", "range_")
def validate(session: Session, paths: Sequence[Path], range_: str | None) -> None:
    """Check every commit on the store's branch and every tag. Nothing is loaded.

    With PATHs, check model folders on disk, as `gms get` writes them. With --range, check
    the commits of a proposed change and the result of merging it; this is the required check
    on a git host. The exit code is 1 if something is wrong, and 128 if gms cannot tell: the
    clone is shallow, or a commit in --range is missing.
    """
    is_given = range_ is not None
    refuse(
        (paths and range_, "give PATHs or --range, not both"),
        ("..." in (range_ or ""), "--range takes BASE..HEAD, with two dots, not three"),
        (is_given and not all((range_ or "").partition("..")), "--range needs BASE..HEAD"),
    )
    faults = _found(session, paths, range_)
    if session.json:
        session.document(sound=not faults, faults=faults, tolerated=faults.notes)
    else:
        tell(session, faults)
        for note in faults.notes:
            session.note(visible(f"{(note.commit or '')[:12]}: {note}"))
        session.note(counted(len(faults), "fault") if faults else "nothing is wrong")
    exit_if(faults)


def tell(session: Session, faults: Sequence[Fault]) -> None:
    from gitmodelstore.checks.fault import fault_lines

    for line in fault_lines(faults):
        session.tell(line)


def _found(session: Session, paths: Sequence[Path], range_: str | None) -> Faults:
    from gitmodelstore.checks.fault import Faults
    from gitmodelstore.operations.snapshot import find
    from gitmodelstore.operations.validate import validate as validate_repository
    from gitmodelstore.operations.validate import validate_folder

    if paths:
        return Faults.of(fault for path in paths for fault in validate_folder(path))
    base, _, head = (range_ or "").partition("..")
    return validate_repository(find(session.place()), (base, head) if range_ else None)


@command("doctor")
@option("--fix", "repair what can be repaired without guessing")
@option("--push", "with --fix: pull first, and push the tags and commits that the remote lacks")
def doctor(session: Session, fix: bool, push: bool) -> None:
    """Check the store's branch, tags, registry, objects, work trees and leftover files.

    Without --fix nothing is written. With --fix, each repair is printed on a line; no version
    is ever deleted, and uncommitted work is left alone. The exit code is 1 if something is
    wrong and not repaired, and 128 if nothing is wrong but not everything could be checked,
    as in a shallow clone.

    After a proposal was merged on a git host, --fix --push tags the versions that it brought.
    """
    refuse((push and not fix, "--push needs --fix"))
    diagnosis = _diagnosis(session, fix=fix, push=push)
    if session.json:
        session.document(diagnosis)
    else:
        for line in diagnosis.repaired:
            session.tell(visible(line))
        tell(session, diagnosis.faults)
        for line in diagnosis.unexamined:
            session.warn(visible(f"not examined: {line}"))
        for line in [*diagnosis.notes, *_summary_of_faults(diagnosis)]:
            session.note(visible(line))
    exit_if(not diagnosis.is_sound, REFUSED if diagnosis.faults else CANNOT_WORK)


def _diagnosis(session: Session, *, fix: bool, push: bool) -> Diagnosis:
    """Ask the store, which may be too broken to be opened as one, or at all."""
    from gitmodelstore.lean import replace
    from gitmodelstore.operations.doctor import revive
    from gitmodelstore.operations.snapshot import locate
    from gitmodelstore.plumbing.repository import Repository
    from gitmodelstore.store import Store

    place = locate(session.place())
    revived = revive(place, fix=fix)
    if revived is not None and (revived.faults or revived.unexamined):
        return revived
    diagnosis = Store(Repository.open(place), notify=session.note).doctor(fix=fix, push=push)
    if revived is None:
        return diagnosis
    repaired, notes = (*revived.repaired, *diagnosis.repaired), (*revived.notes, *diagnosis.notes)
    return replace(diagnosis, repaired=repaired, notes=notes)


def _summary_of_faults(diagnosis: Diagnosis) -> list[str]:
    lines = []
    if diagnosis.past:
        lines.append(
            f"{counted(len(diagnosis.past), 'fault')} of earlier commits, fixed since: "
            "`gms validate` names them"
        )
    if diagnosis.faults:
        left = " left" if diagnosis.repaired else ""
        lines.append(f"{counted(len(diagnosis.faults), 'fault')}{left}")
    elif diagnosis.unexamined:
        lines.append("nothing is wrong with what could be examined")
    elif diagnosis.repaired:
        lines.append("nothing is wrong now")
    else:
        lines.append("nothing is wrong")
    return lines


@trusting
@command("diff")
@argument("a")
@argument("b")
@option("--answers/--no-answers", "run both versions and compare their answers, or do not compare")
@option("--test FILE", "score both on the rows of this CSV or Parquet file", kind=Path)
@_target
@_parse_dates
@option("--code DIR", "the training repository (default: the current one)")
def diff(session: Session, /, a: str, b: str, **how: Any) -> None:
    """Show what differs between the versions A and B, of one model or of two.

    B can also be a .joblib file that is not registered. Answers are compared as recorded if
    both versions have the same sample rows; otherwise both pipelines are loaded and run.
    The exit code is 1 if anything differs, and 0 if not.
    """
    test, code = how["test"], how["code"]
    refuse(
        ((test is None) != (how["target"] is None), "--test FILE and --target NAME go together"),
        (how["parse_dates"] and not test, "--parse-dates needs --test FILE"),
        (code is not None and not Path(code).is_dir(), f"folder '{code}' does not exist"),
    )
    how["code"] = "auto" if code is None else code
    difference = session.store().diff(a, Path(b) if b.endswith(PIPELINE_FILES) else b, **how)
    if session.json:
        session.document(difference, **_more_of(difference))
    else:
        from gitmodelstore.values.diff import diff_page

        session.pages(diff_page(difference, session.paint()))
        if difference.unasked:
            session.note(f"no answers were compared: {difference.unasked}")
    exit_if(difference.differs)


def _more_of(difference: Diff) -> dict[str, Any]:
    """Return what the JSON document says otherwise than the attributes of the same name."""
    paths = [one.path for one in difference.files]
    made: dict[str, Any] = {
        "files": [
            {"path": path, "before": _file(difference.a, path), "after": _file(difference.b, path)}
            for path in paths
        ]
    }
    if difference.code is not None:
        commits, left_out = _commits(difference.code.commits), _commits(difference.code.left_out)
        made["code"] = {**document(difference.code), "commits": commits, "left_out": left_out}
    return made


def _file(side: Side, path: str) -> dict[str, Any] | None:
    if path not in side.files:
        return None
    size, sha256 = side.files[path]
    return {"sha256": sha256, "size_bytes": size}


def _commits(commits: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"commit": oid, "subject": subject} for oid, subject in commits]
