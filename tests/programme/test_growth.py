"""What is asked of a store costs no more than its size: counts in stores of three sizes."""

from __future__ import annotations

import pytest

from benchmarks import counts

# Each size is twice the one before it. Of what is linear, the second step up adds twice as much as
# the first; of what is quadratic, four times as much. A constant share is in neither.
SIZES = (150, 300, 600)
MOST = 2.6
SLACK = {"opcodes": 2000, "calls": 500, "reads": 10, "read": 20_000, "written": 2000}
QUESTIONS = tuple(name for name in counts.COMMANDS if name not in ("--version", "usage error"))


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, counts.Counts]]:
    """What each command does in a store of each size."""
    found = []
    for size in SIZES:
        folder = tmp_path_factory.mktemp(f"versions{size}")
        store = counts.small_store(folder, size)
        found.append(counts.measured(store, QUESTIONS))
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_command_grows_no_faster_than_its_store(
    counted: list[dict[str, counts.Counts]], name: str
) -> None:
    few, more, many = (one[name] for one in counted)

    grown = {
        kind: (few[kind], more[kind], many[kind])
        for kind, slack in SLACK.items()
        if many[kind] - more[kind] > MOST * max(more[kind] - few[kind], 0) + slack
    }

    assert not grown, f"{name} in stores of {SIZES} versions: {grown}"
    programs = [len(one["programs"]) for one in (few, more, many)]
    assert programs[0] == programs[2], f"{name} starts {programs} programs"
