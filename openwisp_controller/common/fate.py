"""Whether what was written in a transaction still stands."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction


class Fate:
    """What becomes of writes: it stands among the hooks that Django runs after the commit, and drops when undone.

    So it knows of every kind of roll-back, of transactions and of savepoints, whoever began them.
    """

    def __init__(self) -> None:
        self._connection: Any = connections[DEFAULT_DB_ALIAS]
        self._is_committed = False

    def __call__(self) -> None:
        self._is_committed = True

    @property
    def is_committed(self) -> bool:
        return self._is_committed

    @property
    def is_undone(self) -> bool:
        """Whether the transaction, or the savepoint, was rolled back."""
        return not self._is_committed and not any(hook is self for _, hook, *_ in self._connection.run_on_commit)


def current_fate() -> Fate:
    """Return what tells about everything that is written in the current transaction or savepoint."""
    connection: Any = connections[DEFAULT_DB_ALIAS]
    savepoints = set(connection.savepoint_ids)
    for began_in, hook, *_ in connection.run_on_commit:
        if isinstance(hook, Fate) and began_in == savepoints and not hook.is_committed:
            return hook
    fate = Fate()
    transaction.on_commit(fate)
    return fate
