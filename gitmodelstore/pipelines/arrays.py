"""Arrays in the guarded walk: what `joblib_arrays` reads, from the guard's own source."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from gitmodelstore.pipelines.joblib_arrays import ArrayForm, NotFast

if TYPE_CHECKING:
    from gitmodelstore.pipelines.guard import Guard


def read(guard: Guard, state: Any) -> Any:
    """Return the array whose description is `state` and whose bytes come now.

    Raises:
        RefusedPickle: the description is none that joblib writes.
        EOFError: the file does not hold so many bytes.
    """
    if type(state) is not dict:
        guard.refuse("an array is described in no way of joblib's")
    named = guard.of(state.get("subclass"))
    if named is None:
        guard.refuse("an array is of no class that has a name")
    try:
        form = ArrayForm.of({**state, "subclass": named.held}, guard.dtypes)
    except NotFast as error:
        guard.refuse(str(error))
    try:
        if form.is_of_objects:
            return form.finished(guard.nested())
        array, end = form.read(guard.source.view, guard.source.tell(), private=guard.private)
    except pickle.UnpicklingError:
        raise EOFError from None
    guard.source.seek(end)
    return array


def is_shape(shape: Any) -> bool:
    """Whether it is a tuple of whole numbers, none of them negative."""
    return type(shape) is tuple and all(type(n) is int and n >= 0 for n in shape)
