"""`gms register`: keep a fitted pipeline as a new version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.main import signed, trusting
from gitmodelstore.cli.session import Session
from gitmodelstore.errors import InvalidInput, InvalidMetric
from gitmodelstore.values.tables import ABBREVIATED

if TYPE_CHECKING:
    from gitmodelstore.store import Store
    from gitmodelstore.values.model_version import ModelVersion

_MOST_BYTES = 16 * 1024 * 1024  # of a JSON file that is to become part of a manifest


def _pairs(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Return what `--data ROLE=PATH` and `--metric NAME=VALUE` say."""
    pairs: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise click.UsageError(
                f"'{text}' is not {parameter.metavar}, which {parameter.opts[0]} takes"
            )
        if name in pairs:
            raise click.UsageError(f"'{name}' was given twice with {parameter.opts[0]}")
        pairs[name] = value
    return pairs


def _numbers(context: click.Context, parameter: click.Parameter, given: Any) -> dict[str, Any]:
    return {name: _number(name, text) for name, text in _pairs(context, parameter, given).items()}


def _number(name: str, text: str) -> float | int:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise click.UsageError(f"metric '{name}' is '{text}', not a number")


@trusting
@signed
@click.command("register")
@click.argument("name", required=False)
@click.argument("file", required=False)
@click.option("--from-folder", metavar="DIR", help="in place of FILE: the folder of a version")
@click.option("--accept-changes", is_flag=True, help="of DIR: other bytes than its manifest names")
@click.option("--run", is_flag=True, help="of DIR: load the pipeline, to describe it anew")
@click.option("-m", "--message", "messages", metavar="TEXT", multiple=True, help="what it is")
@click.option("--metrics", metavar="FILE", help="a JSON object of names and numbers")
@click.option(
    "--metric", metavar="NAME=VALUE", multiple=True, callback=_numbers, help="one; repeatable"
)
@click.option(
    "--data", metavar="ROLE=PATH", multiple=True, callback=_pairs, help="a data set; repeatable"
)
@click.option("--test", metavar="FILE", help="rows to test on, with the target: CSV or Parquet")
@click.option(
    "--parse-dates", metavar="COL", multiple=True, help="a column of these rows; repeatable"
)
@click.option("--baseline", is_flag=True, help="score the version in production on them too")
@click.option("--sample-from", metavar="FILE", help="input rows, CSV or Parquet, to make a sample")
@click.option(
    "--sample",
    type=click.Choice(["synthetic", "rows", "none"]),
    default="synthetic",
    help="rows like those of that file, in which nobody's record is; or true rows",
)
@click.option("--target", metavar="NAME", help="the column that it predicts")
@click.option("--version", metavar="V", help="exactly this number")
@click.option(
    "--bump",
    type=click.Choice(["auto", "major", "minor", "patch"]),
    default="auto",
    help="else: which part of the highest number to raise; auto looks at what changed",
)
@click.option("--allow-backport", is_flag=True, help="let V lie below the highest")
@click.option("--if-changed", is_flag=True, help="write nothing when nothing differs")
@click.option("--card", metavar="FILE", help="a JSON object of headings and Markdown")
@click.option("--intended-use", metavar="TEXT", help="for the model card")
@click.option("--limitations", metavar="TEXT", help="for the model card")
@click.option("--custom", metavar="FILE", help="a JSON object of your own")
@click.option("--code", metavar="PATH", help="the training script or repository; else around you")
@click.option("--keep-diff", is_flag=True, help="keep what is not committed there, as code.diff")
@click.option("--no-run", is_flag=True, help="keep FILE without loading it")
@click.option("--no-code", is_flag=True, help="record no training repository")
@click.pass_obj
def register(session: Session, /, name: str | None, file: str | None, **options: Any) -> None:
    """Keep the fitted pipeline in FILE, as joblib.dump wrote it, as a version of model NAME.

    FILE is loaded once, and kept byte for byte. What is no part of a pipeline is refused
    before it acts; --trust names classes and functions of your own.

    With --from-folder DIR, keep a folder with pipeline.joblib and manifest.json, such as
    models/churn after an edit by hand, or what `gms get` wrote. What its manifest says is
    kept, what can be known is made anew, and nothing is loaded unless --run says so.
    """
    if options["from_folder"]:
        _register_folder(session, name, file, options)
        return
    if name is None or file is None:
        raise click.UsageError(f"missing argument '{'FILE' if name else 'NAME'}'")
    if options["accept_changes"] or options["run"]:
        raise click.UsageError("--accept-changes and --run are for --from-folder")
    if options["version"] and options["bump"] != "auto":
        raise click.UsageError("--version and --bump exclude each other")
    if options["sample"] == "rows" and not (options["sample_from"] or options["test"]):
        raise click.UsageError("--sample rows needs --sample-from FILE")
    if options["test"] and not options["target"]:
        raise click.UsageError("--test needs --target NAME")
    if options["parse_dates"] and not (options["test"] or options["sample_from"]):
        raise click.UsageError("--parse-dates needs --test FILE")
    if options["baseline"] and not options["test"]:
        raise click.UsageError("--baseline needs --test FILE")
    if options["code"] and options["no_code"]:
        raise click.UsageError("--code and --no-code exclude each other")
    if options["keep_diff"] and options["no_code"]:
        raise click.UsageError("--keep-diff and --no-code exclude each other")
    details = {
        "message": "\n\n".join(options["messages"]),
        "metrics": {**_metrics_of(options["metrics"]), **options["metric"]},
        "data": options["data"],
        "test": _path(options["test"]),
        "parse_dates": options["parse_dates"],
        "baseline": options["baseline"],
        "sample": None if options["sample"] == "none" else options["sample"],
        "sample_from": _path(options["sample_from"]),
        "target": options["target"],
        "card": _card_of(options),
        "custom": _object_of(options["custom"]),
        "version": options["version"],
        "bump": options["bump"],
        "allow_backport": options["allow_backport"],
        "if_changed": options["if_changed"],
        "keep_diff": options["keep_diff"],
        "run": not options["no_run"],
        "sign": options["sign"],
    }
    store = session.store()
    code = None if options["no_code"] else _code(options["code"])
    before = _highest(store, name)
    version = store.register(Path(file), name, code=code, **details)
    _tell(session, version, is_new=before != str(version.version) or not options["if_changed"])


# What a folder's manifest says already, and a FILE does not.
_OF_A_FILE = (
    *("metrics", "metric", "data", "sample_from", "sample", "target", "card", "intended_use"),
    *("limitations", "custom", "code", "no_code", "keep_diff", "no_run"),
)


def _register_folder(
    session: Session, name: str | None, file: str | None, options: Mapping[str, Any]
) -> None:
    given = click.get_current_context().get_parameter_source
    if file is not None:
        raise click.UsageError("give FILE or --from-folder, not both")
    for option in _OF_A_FILE:
        if given(option) is click.core.ParameterSource.COMMANDLINE:
            flag = option.replace("_", "-")
            raise click.UsageError(f"--{flag} is for FILE; a folder's manifest says it")
    bump = options["bump"] if given("bump") is click.core.ParameterSource.COMMANDLINE else None
    if options["version"] and bump:
        raise click.UsageError("--version and --bump exclude each other")
    store = session.store()
    before = {str(version) for model in store.models() for version in store.versions(model.model)}
    version = store.register_folder(
        options["from_folder"],
        name,
        version=options["version"],
        bump=bump,
        allow_backport=options["allow_backport"],
        message="\n\n".join(options["messages"]) or None,
        accept_changes=options["accept_changes"],
        if_changed=options["if_changed"],
        run=options["run"],
    )
    _tell(session, version, is_new=str(version) not in before)


def _path(named: str | None) -> Path | None:
    return Path(named) if named else None


def _tell(session: Session, version: ModelVersion, *, is_new: bool) -> None:
    folder = f"models/{version.model}"
    if session.json:
        needs = version.needs_trust or ()
        session.document(version, path=folder, created=is_new, needs_trust=needs)
        return
    if not is_new:
        session.note(f"nothing has changed since {version}, so nothing was written")
    session.out(f"{version}  {version.commit[:ABBREVIATED]}  {folder}")


def _highest(store: Store, name: str) -> str | None:
    return next((str(one.highest) for one in store.models() if one.model == name), None)


def _code(named: str | None) -> Path:
    """Return the training script or a folder of its repository: as named, else where we are."""
    path = Path(named or ".")
    if not path.exists():
        hint = "leave --code out, or mend it"
        raise InvalidInput(f"there is no file or folder '{named}'", hint=hint)
    return path


def _metrics_of(path: str | None) -> dict[str, Any]:
    try:
        return _object_of(path)
    except InvalidInput as error:
        hint = error.hint or 'write it as {"test_auc": 0.91}'
        raise InvalidMetric(str(error), hint=hint) from None


def _card_of(options: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: options[key] for key in ("intended_use", "limitations") if options[key]}
    return {**_object_of(options["card"]), **said}


def _object_of(path: str | None) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one without a file.

    Raises:
        InvalidInput: there is no such file, or it holds something else.
    """
    if path is None:
        return {}
    from gitmodelstore.errors import FormatError
    from gitmodelstore.values.json import parse

    try:
        value = parse(Path(path).read_bytes(), path, most_bytes=_MOST_BYTES)
    except OSError as error:
        raise InvalidInput(
            f"cannot read '{path}': {(error.strerror or str(error)).lower()}",
            hint="check the path; it is relative to the working directory",
        ) from None
    except FormatError as error:
        raise InvalidInput(str(error)) from None
    if not isinstance(value, dict):
        raise InvalidInput(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value
