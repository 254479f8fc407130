"""The store, as training and serving code use it.

Store delegates: each method gathers what its operation needs (the repository, the
writer, paths) and calls it. The methods stand in a module for each kind of question.
"""

from __future__ import annotations

from types import FunctionType

from gitmodelstore.store.asking import Asking
from gitmodelstore.store.files import Files
from gitmodelstore.store.lifecycle import Lifecycle
from gitmodelstore.store.registering import Registering
from gitmodelstore.store.trust import Trust


class Store(Registering, Lifecycle, Asking, Files, Trust):
    """One artifacts repository.

    >>> store = gms.Store.open("models")
    >>> print(store.register(pipeline, "churn", X_test=X_test, y_test=y_test))
    churn 1.3.0
    >>> event, *others = store.promote("churn@latest", "staging")
    >>> model = store.load("churn@staging")

    Args:
        repository: the open repository.
        notify: takes the notes that a command would print on stderr, such as why a version
            got its number; None leaves them to `logging`, as INFO of "gitmodelstore".
            What needs you is a `StoreWarning`.
        now: returns the moment that a commit bears; None is the clock.
        durable: whether a write returns only when it is on disk; None is git's
            setting `store.durable`, true unless set.
        wait_seconds: how long a write waits for another one to finish.
        trusted: packages and classes of your own that pipelines may hold, such as
            "mypackage" (the classes defined in it) or "mypackage.features.LogScaler";
            besides those that GITMODELSTORE_TRUSTED, the user's configuration file and
            `[tool.gitmodelstore] trusted` of the project's pyproject.toml name. What a
            store says of trust is never asked.
        cache: whether to note in the user's cache which pipelines were found harmless, so
            that they load faster from then on, the digests of large data files, so that they
            are read again only when they have changed, and, in the git directory, what
            manifests say, so that searches are quick.
        progress: takes how far the reading of data is: what is read, how many bytes of it
            were, and how many it has. It is called at every file and every mebibyte, and may
            raise to stop. None is told nothing.

    Attributes:
        path: the work tree, or the git directory of a bare store.
        created: whether `init` has just made it.
        host_rules: what `init` says is to be set on the git host, one sentence each.
    """


def _belong_to_store() -> None:
    """Have Python name the methods as people call them: `Store.log() missing 1 required …`."""
    for part in Store.__mro__[1:-1]:
        for held in vars(part).values():
            method = getattr(held, "__func__", held)  # of a class method
            if isinstance(method, FunctionType):
                method.__qualname__ = f"Store.{method.__name__}"
                method.__module__ = __name__


_belong_to_store()
