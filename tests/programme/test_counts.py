"""What commands import, start, read, write and walk has not grown (benchmarks/counts.json)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import counts


def test_a_sample_of_commands_does_no_more_than_was_accepted(tmp_path: Path) -> None:
    found = counts.measured(counts.small_store(tmp_path), counts.SAMPLE)

    lines = counts.grown(found, counts.baseline())

    assert not lines, counts.how_to_accept(lines)


@pytest.mark.long
def test_no_command_does_more_than_was_accepted(tmp_path: Path) -> None:
    store = counts.small_store(tmp_path)
    found = counts.measured(store, counts.COMMANDS)

    lines = counts.grown(found, counts.baseline())

    assert not lines, counts.how_to_accept(lines)


@pytest.mark.long
def test_no_question_makes_more_system_calls_than_were_accepted(tmp_path: Path) -> None:
    if not counts.has_strace():
        pytest.skip("install the package 'strace' to count system calls")
    questions = [name for name in counts.COMMANDS if name not in counts.WRITES]
    found = counts.measured(counts.small_store(tmp_path), questions, traced=True)

    lines = counts.grown(found, counts.baseline())

    assert not lines, counts.how_to_accept(lines)
