"""What a registry.json changes, two texts tell as both do that are parsed."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitmodelstore.checks import judge
from gitmodelstore.checks.fault import Fault, registries
from gitmodelstore.checks.history import canonical_steps
from gitmodelstore.operations.mend import Past
from gitmodelstore.operations.validate import store_faults
from gitmodelstore.plumbing.cat_file import CatFile
from gitmodelstore.values import registry as registry_module
from gitmodelstore.values.names import Version
from gitmodelstore.values.registry import EMPTY, Registry

STATUSES = ["registered", "staging", "production", "archived", "withdrawn"]
NONE = [b"", b"{}", b"no JSON", b"\xff"]


def change(chance: random.Random, registry: Registry) -> tuple[Registry, bytes]:
    """Return a later registry, and its text, perhaps edited by hand."""
    for _ in range(chance.randrange(1, 3)):
        version = Version(1, chance.randrange(4), chance.randrange(3))
        registry = registry.with_status(chance.choice("ab"), version, chance.choice(STATUSES))
    text = registry.render()
    kind = chance.randrange(12)
    lines = text.splitlines(keepends=True)
    entries = [at for at, line in enumerate(lines) if line.startswith(b'      "')]
    at, other = chance.choice(entries), chance.choice(entries)
    entry = lines[at : at + 3]
    if kind == 0:  # an entry stands elsewhere
        del lines[at : at + 3]
        lines[other:other] = entry
    elif kind == 1:  # it is gone
        del lines[at : at + 3]
    elif kind == 2:  # it is there twice
        lines[other:other] = entry
    elif kind == 3:
        return registry, chance.choice([*NONE, text.rstrip(), text.replace(b"  ", b" ")])
    return registry, b"".join(lines)


def history(folder: Path, seed: int, count: int) -> None:
    """Make a repository of commits and merges, each of which changes registry.json."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    states: list[Registry] = [EMPTY]
    stream = list[bytes]()
    for number in range(1, count + 1):
        first = number - chance.choice([1, 1, 1, 1, 2, 3]) if number > 4 else number - 1
        merged = chance.randrange(1, number) if number > 4 and chance.random() < 0.2 else None
        state, text = change(chance, states[first])
        states.append(state)
        if chance.random() < 0.1:
            text = state.render()
        stream += [
            b"commit refs/heads/main\nmark :%d\n" % (number + 1),
            b"committer A <a@example.org> %d +0000\ndata 2\nx\n" % (10**9 + number),
            *([b"from :%d\n" % (first + 1)] if first else []),
            *([b"merge :%d\n" % (merged + 1)] if merged not in (None, first) else []),
            b"M %b inline registry.json\n" % chance.choice([b"100644"] * 20 + [b"100755"]),
            b"data %d\n%b\n" % (len(text), text),
        ]
    for command in (["init", "-q", "--bare", "-b", "main"], ["fast-import", "--quiet", "--force"]):
        subprocess.run(["git", *command], cwd=folder, input=b"".join(stream), check=True)


def answers(folder: Path, tip: str) -> Iterator[object]:
    registries._held.clear()
    with CatFile(folder, inherit=False) as objects:
        yield [fault for fault in store_faults(objects) if isinstance(fault, Fault)]
        past = Past(objects, tip)
        yield list(past.introduced.items())
        yield past.rebuilt.render(), past.lost


@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.long)])
def test_to_compare_texts_changes_no_answer(tmp_path, monkeypatch, number):
    seed = random.SystemRandom().randrange(10**6)
    for extra in range(40 if number else 3):
        folder = tmp_path / str(extra)
        folder.mkdir()
        history(folder, seed + extra, 40)
        tip = (folder / "refs/heads/main").read_text().strip()
        monkeypatch.setattr(judge, "_MANY_COMMITS", 1_000)
        whole = list(answers(folder, tip))
        monkeypatch.setattr(judge, "_MANY_COMMITS", 1)

        assert list(answers(folder, tip)) == whole, seed + extra
        assert whole[0]


def test_a_long_history_reads_each_registry_once_and_parses_few(tmp_path, monkeypatch):
    text, stream = EMPTY, list[bytes]()
    for number in range(60):
        text = text.with_status("a", Version(1, number, 0), "registered")
        data = text.render()
        stream.append(b"commit refs/heads/main\ncommitter A <a@example.org> 1 +0000\ndata 2\nx\n")
        stream.append(b"M 100644 inline registry.json\ndata %d\n%b\n" % (len(data), data))
    for command in (["init", "-q", "--bare", "-b", "main"], ["fast-import", "--quiet"]):
        subprocess.run(["git", *command], cwd=tmp_path, input=b"".join(stream), check=True)
    read, parsed = list[str](), list[int]()
    content, parse = CatFile.content, registry_module.json_rules.parse
    monkeypatch.setattr(
        CatFile, "content", lambda self, oid, path: read.append(path) or content(self, oid, path)
    )
    monkeypatch.setattr(
        registry_module.json_rules,
        "parse",
        lambda data, *rest, **more: parsed.append(len(data)) or parse(data, *rest, **more),
    )
    registries._held.clear()
    with CatFile(tmp_path, inherit=False) as objects:
        store_faults(objects)

    assert 60 <= read.count("registry.json") <= 65
    assert len(parsed) <= 5


def test_a_registry_that_is_refused_stands_for_no_other(tmp_path):
    """It was read in place of another, with which the commit after it was compared."""

    def registry(*entries: str, of_a: str) -> bytes:
        held = {"a": of_a.split(), "b": entries}
        entry = '      "{}": {{\n        "status": "registered"\n      }}'
        models = [
            f'    "{model}": {{\n' + ",\n".join(map(entry.format, versions)) + "\n    }"
            for model, versions in held.items()
        ]
        text = '{\n  "schema": "1.0",\n  "models": {\n' + ",\n".join(models) + "\n  }\n}\n"
        return text.encode()

    right, wrong = "1.1.0 1.0.0", "1.0.0 1.1.0"  # the highest comes first
    line = [
        (0, registry("1.0.0", of_a=right)),
        (1, registry("1.0.0", of_a=wrong)),
        (1, registry("1.1.0", "1.0.0", of_a=right)),
        (2, registry("1.0.0", of_a=right)),
        (3, registry("1.2.0", "1.0.0", of_a=wrong)),
    ]
    stream = b"".join(
        b"commit refs/heads/main\nmark :%d\ncommitter A <a@example.org> 1 +0000\ndata 0\n" % number
        + (b"from :%d\n" % parent if parent else b"")
        + b"M 100644 inline registry.json\ndata %d\n%b\n" % (len(text), text)
        for number, (parent, text) in enumerate(line, 1)
    )
    marks = tmp_path / "marks"
    fast_import = ["fast-import", "--quiet", "--force", f"--export-marks={marks}"]
    for command in (["init", "-q", "--bare", "-b", "main"], fast_import):
        subprocess.run(["git", *command], cwd=tmp_path, input=stream, check=True)
    commits = [text.split()[1] for text in sorted(marks.read_text().splitlines())]

    with CatFile(tmp_path, inherit=False) as objects:
        steps = list(canonical_steps(objects, commits))

    (added,) = (change for _, _, changes in steps for change in changes)
    assert (str(added.version), added.before, added.after) == ("1.1.0", None, "registered")
