"""Set-based SQL that the ORM has no word for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL


def one_of_rows(rows: models.QuerySet[Any]) -> models.Q | models.Func:
    """Return the condition of being one of ``rows``, which are found once, before anything else.

    With ``IN`` PostgreSQL may look for them again for each row that it compares, and does so where its statistics say
    that there are hardly any: in tables that just filled up.
    """
    keys = rows.values("pk")
    if connection.vendor != "postgresql":
        return models.Q(pk__in=keys)
    return models.Func(
        models.F("pk"),
        _Array(keys),
        template="%(expressions)s)",
        arg_joiner=" = ANY (",
        output_field=models.BooleanField(),
    )


class _Array(models.Subquery):
    """The rows of a subquery as one array of PostgreSQL."""

    template = "ARRAY(%(subquery)s)"


def exists_referring(model: type[models.Model], by: str, target: type[models.Model]) -> RawSQL:
    """Return an expression that tells whether rows of ``model`` refer to a row of ``target``.

    Written out, because the ORM works its own way of saying this out anew for each query, which costs more than the
    query.

    Args:
        model: whose rows.
        by: name of the foreign key.
        target: the model that is queried.
    """
    quote = connection.ops.quote_name
    column: Any = model._meta.get_field(by)
    key: Any = target._meta.pk
    return RawSQL(
        f"EXISTS(SELECT 1 FROM {quote(model._meta.db_table)} AS referring"
        f" WHERE referring.{quote(column.column)} = {quote(target._meta.db_table)}.{quote(key.column)})",
        (),
        output_field=models.BooleanField(),
    )


def delete_rows(rows: models.QuerySet[Any]) -> int:
    """Delete rows that nothing depends on with one statement, without loading them; return how many there were."""
    return rows._raw_delete(rows.db)


def forget_outdated_relations(row: models.Model, *relations: str) -> None:
    """Forget related objects that ``row`` does not refer to any more.

    A query that waits for a lock gets the new version of the locked row, yet joined to what the old one referred to.

    Args:
        row: as a query that locks it and joins others gave it.
        relations: names of the foreign keys whose objects were joined.
    """
    for name in relations:
        field: Any = row._meta.get_field(name)
        joined = field.get_cached_value(row)
        if getattr(joined, "pk", None) != getattr(row, field.attname):
            field.delete_cached_value(row)


def advisory_lock(about: str) -> None:
    """Let transactions that decide ``about`` the same thing come one after the other; until the end of this one.

    Outside of a transaction, and where writers queue up anyway, nothing happens.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [about])


def update_many(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Update many rows, each with its own values, in one statement.

    Args:
        model: whose table.
        columns: attribute names (``group_id``, not ``group``), the primary key first.
        rows: values in the order of ``columns``.
    """
    if not rows:
        return
    fields: list[Any] = [model._meta.get_field(name.removesuffix("_id") if name != "id" else "id") for name in columns]
    quote = connection.ops.quote_name
    names = [quote(field.column) for field in fields]
    if connection.vendor == "postgresql":
        markers = [
            f"%s::{field.rel_db_type(connection) if field.is_relation else field.db_type(connection)}"
            for field in fields
        ]
    else:
        markers = ["%s"] * len(fields)
    markers = [marker.replace(" identity", "") for marker in markers]
    values = ", ".join(["(" + ", ".join(markers) + ")"] * len(rows))
    table = quote(model._meta.db_table)
    assignments = ", ".join(f"{name} = fresh.{name}" for name in names[1:])
    statement = (
        f"WITH fresh ({', '.join(names)}) AS (VALUES {values}) "
        f"UPDATE {table} SET {assignments} FROM fresh WHERE {table}.{names[0]} = fresh.{names[0]}"
    )
    parameters = [
        field.get_db_prep_save(value, connection) for row in rows for field, value in zip(fields, row, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
