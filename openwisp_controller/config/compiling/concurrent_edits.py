"""Devices that come to a shared object while it is being edited.

The edit marks the configurations that it sees. One that is given the edited template (or joins the edited group) in a
transaction of its own at that moment is not seen, and is compiled with what the object was before the edit. So an edit
also leaves a job, which looks once more, when every transaction that can have read the old values has ended, at the
devices that came since. Where writers queue up, as on SQLite, there is nothing to look for.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from ..models import Config, Device

#: No transaction that creates a configuration takes so long, nor the wait for it.
YOUNG = timedelta(minutes=10)
_WRITTEN_SINCE = "SELECT {column} FROM {table} WHERE age(xmin) <= age(%s::xid)"


def now() -> str | None:
    """Return the oldest transaction that is not finished: what it and later ones write may be invisible to this one.

    None where writers queue up. Ask before marking.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text")
        (transaction,) = cursor.fetchone()
    return str(transaction)


def writers() -> list[str]:
    """Return the transactions of others that are writing devices or configurations.

    They lock a row of one of these tables before they read what a configuration is compiled with.
    """
    tables = [Config._meta.db_table, Device._meta.db_table]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND relation IN (SELECT name::regclass FROM unnest(%s::text[]) AS name)"
            " AND granted AND mode IN ('RowShareLock', 'RowExclusiveLock')",
            [tables],
        )
        return [name for (name,) in cursor.fetchall()]


def have_ended(transactions: Collection[str]) -> bool:
    """Tell whether none of these transactions, as ``writers`` named them, is still running."""
    return not transactions or not set(transactions) & set(writers())


def devices_since(transaction: str) -> RawSQL:
    """Return the keys of devices written by that transaction (as ``now`` named it) or later, as a subquery."""
    quote = connection.ops.quote_name
    return RawSQL(_WRITTEN_SINCE.format(column="id", table=quote(Device._meta.db_table)), [transaction])


def configs_since(transaction: str) -> Q:
    """Return the condition for configurations that were created, or whose device or templates were written, since then.

    Compiling writes a configuration, too, so its own row does not tell; its age does.
    """
    quote = connection.ops.quote_name
    links = Config.templates.through._meta.db_table
    edited = RawSQL(_WRITTEN_SINCE.format(column="config_id", table=quote(links)), [transaction])
    young = Q(created__gte=timezone.now() - YOUNG)
    return Q(pk__in=edited) | Q(device_id__in=devices_since(transaction)) | young
