"""Library, command, client hooks and server say the same of every wrong commit.

A sample in every run, and all in the long one, as test_doctor.py does with the library alone.
"""

from __future__ import annotations

import pytest

from .conftest import Place
from .corpus import CASES, Case


@pytest.mark.corpus("case", CASES)
def test_every_judge_says_the_same(place: Place, case: Case) -> None:
    case.edit(place)
    expected = sorted(case.faults)

    assert place.by_pre_commit() == expected
    assert place.mends()
    place.commit()
    assert place.by_library() == expected
    assert place.by_range() == expected
    assert place.by_command("validate") == case.of_branch
    assert place.by_pre_push() == case.of_branch
    assert place.by_pre_receive() == case.of_branch


@pytest.mark.corpus("case", CASES)
def test_a_wrong_commit_in_the_middle_of_ten_is_found(place: Place, case: Case) -> None:
    """The tip is sound again: every pushed commit is judged, not only the last one."""
    for number in range(4):
        place.register("risk", custom={"number": number})
    case.edit(place)
    wrong = place.commit()
    place.git("revert", "--no-edit", wrong)
    for number in range(4):
        place.register("risk", custom={"number": -number})

    found = place.by_pre_receive("main", *place.git("tag").split())

    assert set(case.faults) <= set(found)
