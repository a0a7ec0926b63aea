"""Set-based SQL that the ORM has no word for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection, models, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now


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


#: What a database raises that is full, locked, read-only or away, through no fault of what was asked.
UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
#: Seconds that a poll or download waits for others who write, before it is answered without being noted.
BOOKKEEPING_PATIENCE = 0.5


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """A transaction, or part of one, that gives up instead of waiting long for others who write.

    For what can be written some other time: whoever catches one of ``UNAVAILABLE`` around it goes on without.

    Args:
        seconds: to wait for a lock.
    """
    if connection.vendor != "postgresql":
        with _busy_timeout(seconds), transaction.atomic():
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {int(seconds * 1000)}")
        yield


def update_now(model: type[models.Model], column: str, value: Any, seconds: float, **values: Any) -> bool:
    """Update rows with one statement that does not wait for others who write; return whether any was updated.

    Args:
        model: whose table.
        column: attribute name (``device_id``, not ``device``) by which the rows are found.
        value: what it holds in them; those that somebody else has locked are left out.
        seconds: to wait where a whole database is locked at a time.
        values: what to store, by attribute name.

    Raises:
        one of ``UNAVAILABLE``: the database cannot be written.
    """
    (found,), parameters = _comparisons(model, {column: value})
    if connection.vendor != "postgresql":
        with _busy_timeout(seconds):
            return bool(_update(model, values, found, parameters))
    # one statement alone: with an explicit transaction it would cost two more round trips
    table, key = (connection.ops.quote_name(name) for name in (model._meta.db_table, str(model._meta.pk.column)))
    unlocked = f"{key} IN (SELECT {key} FROM {table} WHERE {found} FOR NO KEY UPDATE SKIP LOCKED)"
    return bool(_update(model, values, unlocked, parameters))


@contextmanager
def _busy_timeout(seconds: float) -> Iterator[None]:
    """While open, SQLite waits no longer than this for others who write."""
    connection.ensure_connection()
    connection.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    try:
        yield
    finally:
        restore_patience(None, connection)


def restore_patience(sender: object, connection: Any, **kwargs: object) -> None:
    """Let SQLite wait for others who write as long as the setting ``timeout`` says, whatever it was told meanwhile.

    Args:
        sender: ignored; given where this receives ``connection_created``.
        connection: of Django, open.
        kwargs: ignored.
    """
    if connection.vendor == "sqlite":
        usual = float(connection.settings_dict["OPTIONS"].get("timeout", 5))
        connection.connection.execute(f"PRAGMA busy_timeout = {int(usual * 1000)}")


def insert_row(model: type[models.Model], values: Mapping[str, Any]) -> None:
    """Insert a row with one statement whose plan is kept; no signal is sent.

    Args:
        model: whose table.
        values: by attribute name (``group_id``, not ``group``).
    """
    quote = connection.ops.quote_name
    fields = {_field(model, name): value for name, value in values.items()}
    stored = [field.get_db_prep_save(value, connection) for field, value in fields.items()]
    with binding_cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(quote(field.column) for field in fields)})"
            f" VALUES ({', '.join(['%s'] * len(stored))})",
            stored,
        )


def update_row(row: models.Model, *names: str) -> None:
    """Store some columns of a row as the instance has them, with one statement whose plan is kept; no signal is sent.

    Args:
        row: is stored already.
        names: attribute names (``group_id``, not ``group``).
    """
    (found,), parameters = _comparisons(type(row), {row._meta.pk.attname: row.pk})
    _update(type(row), {name: getattr(row, name) for name in names}, found, parameters)


def update_unchanged(model: type[models.Model], known: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Update the rows that still hold what is known of them, with one statement; return whether there were any.

    Args:
        model: whose table.
        known: what they hold, by attribute name.
        values: what to store, by attribute name.
    """
    found, parameters = _comparisons(model, known)
    return bool(_update(model, values, " AND ".join(found), parameters))


def _comparisons(model: type[models.Model], values: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """Return conditions for these values, by attribute name, and their parameters."""
    null = "IS NOT DISTINCT FROM" if connection.vendor == "postgresql" else "IS"
    fields = {_field(model, name): value for name, value in values.items()}
    columns = [
        f"{connection.ops.quote_name(field.column)} {null if field.null else '='} %s" for field in fields
    ]  # fmt: skip
    return columns, [field.get_db_prep_save(value, connection) for field, value in fields.items()]


def _update(model: type[models.Model], values: Mapping[str, Any], found: str, parameters: list[Any]) -> int:
    """Store values, by attribute name, in the rows for which the condition holds; return how many there were."""
    quote = connection.ops.quote_name
    fields = {_field(model, name): value for name, value in values.items()}
    columns = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    stored = [field.get_db_prep_save(value, connection) for field, value in fields.items()]
    with binding_cursor() as cursor:
        cursor.execute(f"UPDATE {quote(model._meta.db_table)} SET {columns} WHERE {found}", [*stored, *parameters])
        return int(cursor.rowcount)


def update_many(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Update many rows, each with its own values, in one statement.

    Args:
        model: whose table.
        columns: attribute names (``group_id``, not ``group``), the primary key first.
        rows: values in the order of ``columns``.
    """
    if not rows:
        return
    if len(rows) == 1:  # PostgreSQL keeps the plan for one row, but plans for each list of them
        (row,) = rows
        (found,), parameters = _comparisons(model, {columns[0]: row[0]})
        _update(model, dict(zip(columns[1:], row[1:], strict=True)), found, parameters)
        return
    fields = [_field(model, name) for name in columns]
    names = [connection.ops.quote_name(field.column) for field in fields]
    table = connection.ops.quote_name(model._meta.db_table)
    assignments = ", ".join(f"{name} = fresh.{name}" for name in names[1:])
    fresh, parameters = _table_of(fields, rows)
    with binding_cursor() as cursor:
        cursor.execute(
            f"WITH fresh ({', '.join(names)}) AS ({fresh}) "
            f"UPDATE {table} SET {assignments} FROM fresh WHERE {table}.{names[0]} = fresh.{names[0]}",
            parameters,
        )


def insert_many(instances: Sequence[models.Model]) -> None:
    """Insert rows of one model with one statement, and give the instances what the database made: keys and moments.

    Like ``bulk_create``, without writing every value into the text of the statement. A column that is ``Now()`` for the
    first row is for all.
    """
    if not instances:
        return
    if connection.vendor != "postgresql":
        type(instances[0])._default_manager.bulk_create(instances)
        return
    meta: Any = instances[0]._meta
    key: Any = meta.pk
    fields = [field for field in meta.local_concrete_fields if field is not key]
    now = [field for field in fields if isinstance(getattr(instances[0], field.attname), Now)]
    fields = [field for field in fields if field not in now]
    rows = [[field.pre_save(instance, True) for field in fields] for instance in instances]
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in (*fields, *now))
    made = {field.attname: quote(field.column) for field in (key, *now)}
    fresh, parameters = _table_of(fields, rows)
    with binding_cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(meta.db_table)} ({names})"
            f" SELECT fresh.*{', STATEMENT_TIMESTAMP()' * len(now)} FROM ({fresh}) fresh"
            f" RETURNING {', '.join(made.values())}",
            parameters,
        )
        for instance, values in zip(instances, cursor.fetchall(), strict=True):
            instance.__dict__.update(zip(made, values, strict=True))
            instance._state.adding = False
            instance._state.db = connection.alias


def raise_many(model: type[models.Model], owner: type[models.Model], rows: Sequence[Sequence[Any]]) -> None:
    """Store rows of two columns, the key of an owner and a value, with one statement; a stored value only grows.

    Rows of owners that do not exist are left out.

    Args:
        model: whose table; its key is that of the owner, and it has one more column.
        owner: what the rows are about.
        rows: key and value, in the order in which all who write them lock them.
    """
    if not rows:
        return
    fields = model._meta.concrete_fields
    quote = connection.ops.quote_name
    key, value = (quote(str(field.column)) for field in fields)
    table, owners, own_key = quote(model._meta.db_table), quote(owner._meta.db_table), quote(str(owner._meta.pk.column))
    fresh, parameters = _table_of(fields, rows)
    with binding_cursor() as cursor:
        cursor.execute(
            f"WITH fresh ({key}, {value}) AS ({fresh}) "
            f"INSERT INTO {table} ({key}, {value}) SELECT {key}, {value} FROM fresh "
            f"WHERE EXISTS (SELECT 1 FROM {owners} WHERE {owners}.{own_key} = fresh.{key}) "
            f"ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value} WHERE {table}.{value} < excluded.{value}",
            parameters,
        )


def _field(model: type[models.Model], name: str) -> Any:
    """Return the field with this attribute name."""
    return _fields(model)[name]


@cache
def _fields(model: type[models.Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


def _table_of(fields: Sequence[Any], rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return a query for a table of these rows, in their order, with its parameters.

    Args:
        fields: of the columns.
        rows: values, as instances have them.
    """
    stored = [
        [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)] for row in rows
    ]
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{_type_of(field)}[]" for field in fields)
        return f"SELECT * FROM unnest({arrays})", [list(column) for column in zip(*stored, strict=True)]
    row = "(" + ", ".join(["%s"] * len(fields)) + ")"
    return "VALUES " + ", ".join([row] * len(rows)), [value for row in stored for value in row]


def _type_of(field: Any) -> str:
    """Return the type of a column without length: what is too long is refused, not cut."""
    name: str = field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
    return name.replace(" identity", "").partition("(")[0].strip()


def binding_cursor(database: Any = None) -> Any:
    """Return a cursor that sends values beside the statement, so that PostgreSQL can keep its plan.

    Other cursors of Django put the values into the text, so that it is another statement each time. Where the
    connection's ``prepare_threshold`` is not set, as behind a pool that lends connections by transaction, they do, too.

    Args:
        database: connection of Django; None = the default one.
    """
    database = database or connection
    database.ensure_connection()
    raw = database.connection
    if getattr(raw, "prepare_threshold", None) is None:
        return database.cursor()
    factory, raw.cursor_factory = raw.cursor_factory, database.Database.Cursor
    try:
        return database.cursor()
    finally:
        raw.cursor_factory = factory
