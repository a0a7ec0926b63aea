"""Is there a pool of connections between this process and PostgreSQL that lends them by transaction?"""

from __future__ import annotations

from typing import Any

from django.db import connection

_TRIES = 5


def lends_by_transaction() -> bool:
    """Tell whether one connection is answered by different processes of PostgreSQL, for different transactions.

    While somebody else keeps the connection of the pool that was free, another one is lent.
    """
    mine, other = _connection(), _connection()
    try:
        before = _process(mine)
        other.set_autocommit(False)
        _process(other)
        return any(_process(mine) != before for _ in range(_TRIES))
    finally:
        mine.close()
        other.close()


def _connection() -> Any:
    made: Any = connection.copy()
    made.settings_dict["OPTIONS"] = {**made.settings_dict["OPTIONS"], "prepare_threshold": None}
    return made


def _process(of: Any) -> int:
    with of.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (found,) = cursor.fetchone()
    return int(found)
