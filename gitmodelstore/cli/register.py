"""`gms register`: keep a fitted pipeline as a new version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gitmodelstore.cli.main import GroupedCommand, signed, trusting
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
            raise click.UsageError(f"{parameter.opts[0]} takes {parameter.metavar}, not '{text}'")
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


_GROUPS = {
    "What": (
        ("messages",),
        ("from_folder",),
        ("accept_changes",),
        ("run", "no_run"),
        ("if_changed",),
    ),
    "Data": (("data",), ("target",), ("sample_from",), ("sample",)),
    "Metrics": (("metric",), ("metrics",), ("test",), ("baseline",), ("parse_dates",)),
    "Version": (("version",), ("bump",), ("allow_backport",)),
    "Card": (("intended_use",), ("limitations",), ("card", "custom")),
    "Code": (("code", "no_code"), ("keep_diff",)),
    "Trust": (("global_trusted",), ("sign",)),
    "Common": (("global_path",), ("global_json", "help")),
}


@trusting
@signed
@click.command("register", cls=GroupedCommand, groups=_GROUPS)
@click.argument("name", required=False)
@click.argument("file", metavar="(FILE | --from-folder DIR)", required=False)
@click.option("-m", "--message", "messages", metavar="TEXT", multiple=True, help="describe it")
@click.option(
    "--from-folder", metavar="DIR", help="register pipeline.joblib and manifest.json of DIR"
)
@click.option(
    "--accept-changes", is_flag=True, help="accept a pipeline that DIR's manifest does not match"
)
@click.option("--run", is_flag=True, help="load the pipeline in DIR")
@click.option("--no-run", is_flag=True, help="do not load FILE")
@click.option("--if-changed", is_flag=True, help="do nothing if nothing changed")
@click.option(
    "--metric",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_numbers,
    help="record a metric; repeatable",
)
@click.option("--metrics", metavar="FILE", help="read metrics from a JSON file")
@click.option(
    "--data",
    metavar="ROLE=PATH",
    multiple=True,
    callback=_pairs,
    help="record a data set, such as train=train.csv; repeatable",
)
@click.option("--target", metavar="NAME", help="the column that the pipeline predicts")
@click.option(
    "--test", metavar="FILE", help="compute metrics on the rows of this CSV or Parquet file"
)
@click.option("--baseline", is_flag=True, help="score the production version on them too")
@click.option(
    "--parse-dates",
    metavar="COL",
    multiple=True,
    help="a column of dates in a CSV file; repeatable",
)
@click.option(
    "--sample-from", metavar="FILE", help="make the sample from the input rows in this file"
)
@click.option(
    "--sample",
    type=click.Choice(["synthetic", "rows", "none"]),
    default="synthetic",
    help="keep made-up rows (default), real rows or none",
)
@click.option("--version", metavar="V", help="use this version number")
@click.option(
    "--bump",
    type=click.Choice(["auto", "major", "minor", "patch"]),
    default="auto",
    help="which number to raise if --version is not given",
)
@click.option("--allow-backport", is_flag=True, help="allow a number below the highest version")
@click.option("--intended-use", metavar="TEXT", help="what the model is for, for its card")
@click.option("--limitations", metavar="TEXT", help="what it is not for, for its card")
@click.option("--card", metavar="FILE", help="the model card, as JSON")
@click.option("--custom", metavar="FILE", help="other data of yours, as JSON")
@click.option("--code", metavar="PATH", help="the training code (default: this repository)")
@click.option("--no-code", is_flag=True, help="or none")
@click.option("--keep-diff", is_flag=True, help="store uncommitted changes as code.diff")
@click.pass_obj
def register(session: Session, /, name: str | None, file: str | None, **options: Any) -> None:
    """Register the fitted pipeline in FILE, written by joblib.dump, as a new version of NAME.
    FILE is stored byte for byte, and loaded once. Anything that no scikit-learn pipeline needs
    is refused before it can run.
    """
    if options["from_folder"]:
        _register_folder(session, name, file, options)
        return
    if name is None or file is None:
        raise click.UsageError(f"missing argument '{'FILE' if name else 'NAME'}'")
    if options["accept_changes"] or options["run"]:
        raise click.UsageError("--accept-changes and --run are for --from-folder")
    if options["version"] and options["bump"] != "auto":
        raise click.UsageError("--version and --bump cannot be used together")
    if options["sample"] == "rows" and not (options["sample_from"] or options["test"]):
        raise click.UsageError("--sample rows needs --sample-from FILE")
    if options["test"] and not options["target"]:
        raise click.UsageError("--test needs --target NAME")
    if options["parse_dates"] and not (options["test"] or options["sample_from"]):
        raise click.UsageError("--parse-dates needs --test FILE")
    if options["baseline"] and not options["test"]:
        raise click.UsageError("--baseline needs --test FILE")
    if options["code"] and options["no_code"]:
        raise click.UsageError("--code and --no-code cannot be used together")
    if options["keep_diff"] and options["no_code"]:
        raise click.UsageError("--keep-diff and --no-code cannot be used together")
    details = {name: options[name] for name in _AS_GIVEN} | {
        "message": "\n\n".join(options["messages"]),
        "metrics": {**_metrics_of(options["metrics"]), **options["metric"]},
        "test": _path(options["test"]),
        "sample": None if options["sample"] == "none" else options["sample"],
        "sample_from": _path(options["sample_from"]),
        "card": _card_of(options),
        "custom": _object_of(options["custom"]),
        "run": not options["no_run"],
    }
    store = session.store()
    code = None if options["no_code"] else _code(options["code"])
    before = _highest(store, name)
    version = store.register(Path(file), name, code=code, **details)
    _tell(session, version, is_new=before != str(version.version) or not options["if_changed"])


# Options that are keywords of `Store.register` as they are.
_AS_GIVEN = (
    "data", "parse_dates", "baseline", "target", "version", "bump", "allow_backport",
    "if_changed", "keep_diff", "sign",
)  # fmt: skip
# What a folder's manifest says already, and a FILE does not.
_OF_A_FILE = (
    "metrics", "metric", "data", "sample_from", "sample", "target", "card", "intended_use",
    "limitations", "custom", "code", "no_code", "keep_diff", "no_run",
)  # fmt: skip


def _register_folder(
    session: Session, name: str | None, file: str | None, options: Mapping[str, Any]
) -> None:
    given = click.get_current_context().get_parameter_source
    if file is not None:
        raise click.UsageError("give FILE or --from-folder, not both")
    for option in _OF_A_FILE:
        if given(option) is click.core.ParameterSource.COMMANDLINE:
            flag = option.replace("_", "-")
            raise click.UsageError(
                f"--{flag} is for FILE; with --from-folder, the manifest says it"
            )
    bump = options["bump"] if given("bump") is click.core.ParameterSource.COMMANDLINE else None
    if options["version"] and bump:
        raise click.UsageError("--version and --bump cannot be used together")
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
        hint = "omit --code, or correct it"
        raise InvalidInput(f"'{named}' does not exist", hint=hint)
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
