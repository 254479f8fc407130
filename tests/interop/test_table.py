"""The table of rights has all that pipelines of the installed releases need."""

from __future__ import annotations

import pytest

from gitmodelstore.pickles import rights
from tests.zoo import DEPRECATED
from tests.zoo.make_rights import needs_here, table


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings(DEPRECATED)
def test_made_anew_it_has_nothing_that_a_release_added():
    added = [
        f"{module}.{name}: {text}"
        for module, names in table(needs_here(), {}).items()
        for name, text in names.items()
        if (known := rights.listed(module, name)) is None
        or not known.allowed.issuperset(text.split()[1:])
    ]

    assert added == [], "read each of these; `python -m tests.zoo.make_rights --write` adds them"
