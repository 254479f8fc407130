"""Wrong commits, each as the edit of a work tree that makes it, and the faults that it has."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from typing import NamedTuple

from .conftest import Found, Place

CHURN = "models/churn"


class Case(NamedTuple):
    """One wrong commit.

    Attributes:
        name: what is wrong.
        edit: makes it in the work tree.
        faults: codes and paths, sorted.
        untagged: tags of versions that it brings; without them a branch is not whole.
    """

    name: str
    edit: Callable[[Place], object]
    faults: Found
    untagged: tuple[str, ...] = ()

    @property
    def of_branch(self) -> Found:
        """What is wrong with a branch that ends with it."""
        return sorted([*self.faults, *(("GMS050", f"refs/tags/{tag}") for tag in self.untagged)])


def _write(name: str, text: str) -> Callable[[Place], object]:
    return lambda place: place.file(name).write_text(text)


def _pickle(name: str, protocol: int) -> Callable[[Place], object]:
    return lambda place: place.file(name).write_bytes(pickle.dumps(["a model"], protocol))


def _replace(name: str, old: str, new: str) -> Callable[[Place], object]:
    def edit(place: Place) -> None:
        text = place.file(name).read_text()
        assert old in text
        place.file(name).write_text(text.replace(old, new))

    return edit


def _registry(change: Callable[[dict], object]) -> Callable[[Place], object]:
    return lambda place: place.edit("registry.json", lambda held: change(held["models"]))


def _manifest(change: Callable[[dict], object]) -> Callable[[Place], object]:
    return lambda place: place.edit(f"{CHURN}/manifest.json", change)


def _status(version: str, status: str) -> Callable[[Place], object]:
    return _registry(lambda models: models["churn"][version].update(status=status))


def new_version(version: str = "1.3.0", parent: str = "1.2.0") -> Callable[[Place], object]:
    """Make the folder that of another version, as somebody would by hand, and register it."""

    def edit(place: Place) -> None:
        _manifest(lambda held: held.update(version=version, parent=parent))(place)

        def put(models: dict) -> None:
            rest = dict(models["churn"])
            models["churn"].clear()
            models["churn"].update({version: {"status": "registered"}, **rest})

        _registry(put)(place)

    return edit


def _both(*edits: Callable[[Place], object]) -> Callable[[Place], object]:
    def edit(place: Place) -> None:
        for one in edits:
            one(place)

    return edit


def _gone(models: dict) -> None:
    del models["churn"]["1.0.0"]


def _link(place: Place) -> None:
    place.file(f"{CHURN}/README.md").unlink()
    place.file(f"{CHURN}/README.md").symlink_to("/etc/passwd")


def _executable(place: Place) -> None:
    place.file(f"{CHURN}/pipeline.joblib").chmod(0o755)


def _flipped(place: Place) -> None:
    data = bytearray(place.file(f"{CHURN}/pipeline.joblib").read_bytes())
    data[200] ^= 1
    place.file(f"{CHURN}/pipeline.joblib").write_bytes(data)


def _truncated(place: Place) -> None:
    data = place.file(f"{CHURN}/pipeline.joblib").read_bytes()
    place.file(f"{CHURN}/pipeline.joblib").write_bytes(data[:-7])


def _twice(place: Place) -> None:
    text = place.file("registry.json").read_text()
    place.file("registry.json").write_text(
        text.replace('"schema": "1.0",', '"schema": "1.0",\n  "schema": "1.0",')
    )


def _nan(place: Place) -> None:
    text = place.file(f"{CHURN}/manifest.json").read_text()
    assert '"metrics": {}' in text
    place.file(f"{CHURN}/manifest.json").write_text(
        text.replace('"metrics": {}', '"metrics": {\n    "auc": NaN\n  }')
    )


def _submodule(place: Place) -> None:
    head = place.git("rev-parse", "HEAD").strip()
    place.git("update-index", "--add", "--cacheinfo", f"160000,{head},vendored")
    place.file("vendored").mkdir()


def _pickle_beside(place: Place) -> None:
    shutil.copy(place.file(f"{CHURN}/pipeline.joblib"), place.file(f"{CHURN}/other.pkl"))


def _swapped(place: Place) -> None:
    shutil.copy(place.file("models/risk/pipeline.joblib"), place.file(f"{CHURN}/pipeline.joblib"))


def _of_another_model(place: Place) -> None:
    for file in place.file("models/risk/x").parent.iterdir():
        shutil.copy(file, place.file(f"{CHURN}/{file.name}"))


def _unindented(place: Place) -> None:
    held = json.loads(place.file("registry.json").read_text())
    place.file("registry.json").write_text(json.dumps(held))


MANIFEST = f"{CHURN}/manifest.json"
PIPELINE = f"{CHURN}/pipeline.joblib"
IN_PLACE = ("GMS033", CHURN)

CASES = [
    # What may stand there
    Case("a foreign file", _write("notes.txt", "x"), [("GMS001", "notes.txt")]),
    Case("a foreign folder", _write("data/train.csv", "x"), [("GMS001", "data/train.csv")]),
    Case("a foreign file of a model", _pickle_beside, [("GMS001", f"{CHURN}/other.pkl"), IN_PLACE]),
    Case("a submodule", _submodule, [("GMS001", "vendored")]),
    Case("submodules", _write(".gitmodules", ""), [("GMS001", ".gitmodules")]),
    Case("attributes in a host's folder", _write(".github/.gitattributes", "* filter=x"),
         [("GMS001", ".github/.gitattributes")]),
    Case("a symbolic link", _link, [("GMS002", f"{CHURN}/README.md"), IN_PLACE]),
    Case("an executable pipeline", _executable, [("GMS002", PIPELINE), IN_PLACE]),
    Case("a model's name", _write("models/Churn/manifest.json", "{}"),
         [("GMS003", "models/Churn")]),
    Case("a file instead of a model", _write("models/other", "x"), [("GMS002", "models/other")]),
    Case("other attributes of the store", _write(".gitattributes", "* text=auto\n"),
         [("GMS004", ".gitattributes")]),
    Case("other attributes of a model", _write(f"{CHURN}/.gitattributes", "* filter=evil\n"),
         [("GMS004", f"{CHURN}/.gitattributes"), ("GMS022", f"{CHURN}/.gitattributes"), IN_PLACE]),
    Case("a large text beside the models", _write("README.md", "x" * 2**20 + "x"),
         [("GMS005", "README.md")]),
    Case("a pickle in a host's folder", _pickle(".github/model", 5),
         [("GMS001", ".github/model")]),
    Case("a pickle that is text", _pickle(".github/model.pkl", 0),
         [("GMS001", ".github/model.pkl")]),
    Case("a large card", _write(f"{CHURN}/README.md", "x" * 2**20 + "x"),
         [("GMS005", f"{CHURN}/README.md"), IN_PLACE]),
    # Documents
    Case("a manifest that is no JSON", _write(MANIFEST, "{"), [("GMS010", MANIFEST)]),
    Case("a manifest with NaN", _nan, [("GMS010", MANIFEST)]),
    Case("a manifest with an unknown key", _manifest(lambda held: held.update(extra=1)),
         [("GMS010", MANIFEST)]),
    Case("a manifest with two faults",
         _manifest(lambda held: held.update(extra=1, created_at="yesterday")),
         [("GMS010", MANIFEST), ("GMS010", MANIFEST)]),
    Case("a registry that is no JSON", _write("registry.json", "<<<<<<< HEAD\n"),
         [("GMS011", "registry.json")]),
    Case("a registry with a key twice", _twice, [("GMS011", "registry.json")]),
    Case("a registry in another form", _unindented, [("GMS011", "registry.json")]),
    Case("settings with an unknown key", _write("modelstore.toml", 'schema = "1.0"\n[stroage]\n'),
         [("GMS012", "modelstore.toml")]),
    Case("a sample that is none", _write(f"{CHURN}/sample.json", "{"),
         [("GMS013", f"{CHURN}/sample.json"), ("GMS021", f"{CHURN}/sample.json"), IN_PLACE]),
    # Folders
    Case("a file missing", lambda place: place.file(f"{CHURN}/requirements.txt").unlink(),
         [("GMS020", f"{CHURN}/requirements.txt"), IN_PLACE]),
    Case("a manifest missing", lambda place: place.file(MANIFEST).unlink(), [("GMS020", MANIFEST)]),
    Case("a registry missing", lambda place: place.file("registry.json").unlink(),
         [("GMS020", "registry.json")]),
    Case("a file that is not listed", _write(f"{CHURN}/code.diff", "x"),
         [("GMS021", f"{CHURN}/code.diff"), IN_PLACE]),
    Case("a bit flipped", _flipped, [("GMS022", PIPELINE), IN_PLACE]),
    Case("a pipeline cut short", _truncated, [("GMS022", PIPELINE), IN_PLACE]),
    Case("a pipeline of another model", _swapped, [("GMS022", PIPELINE), IN_PLACE]),
    Case("a whole folder of another model", _of_another_model, [("GMS023", MANIFEST)]),
    # History
    Case("a version lost", _registry(_gone), [("GMS030", "registry.json")]),
    Case("a model's folder lost", lambda place: shutil.rmtree(place.path / CHURN),
         [("GMS030", CHURN)]),
    Case("a version that is not registered",
         _manifest(lambda held: held.update(version="1.3.0", parent="1.2.0")),
         [("GMS031", CHURN)]),
    Case("a version without its folder",
         _registry(lambda models: models["risk"].update({"0.9.0": {"status": "registered"}})),
         [("GMS032", "registry.json")], untagged=("risk@v0.9.0",)),
    Case("a version changed in place", _manifest(lambda held: held.update(message="better")),
         [IN_PLACE]),
    Case("two versions at once", _both(new_version("1.3.0"), new_version("1.4.0", "1.2.0")),
         [("GMS032", "registry.json"), ("GMS034", "registry.json")],
         untagged=("churn@v1.3.0", "churn@v1.4.0")),
    Case("another parent", new_version(parent="1.0.0"), [("GMS035", MANIFEST)],
         untagged=("churn@v1.3.0",)),
    # Lifecycle
    Case("an unknown status", _status("1.0.0", "shadow"), [("GMS040", "registry.json")]),
    Case("two holders", _status("1.0.0", "production"), [("GMS041", "registry.json")]),
    Case("settings and something else",
         _both(_write("modelstore.toml", 'schema = "1.0"\n'), _status("1.0.0", "staging")),
         [("GMS044", "modelstore.toml")]),
    Case("several faults at once",
         _both(_write("notes.txt", "x"), _registry(_gone), _status("1.2.0", "production")),
         [("GMS001", "notes.txt"), ("GMS030", "registry.json"), ("GMS041", "registry.json")]),
]  # fmt: skip
