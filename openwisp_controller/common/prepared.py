"""Queries that are put into SQL once and then run with other values.

To find the words for a query with related objects costs the ORM several times what the query itself costs. The few
queries of every poll, enrolment and edit are therefore prepared; use it where ``make bench`` shows the difference,
and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.query import ModelIterable
from django.utils.functional import cached_property

from .sql import binding_cursor

Model = TypeVar("Model", bound=models.Model)


class Parameter(models.Expression):
    """The place of a value in a prepared query.

    Args:
        name: under which the value is given when the query runs.
        model: whose field it is compared with.
        field: name of that field.
    """

    def __init__(self, name: str, model: type[models.Model], field: str = "id") -> None:
        like: Any = model._meta.get_field(field)
        super().__init__(output_field=like)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def stored(self, value: Any) -> Any:
        """Return a value in the form that the database takes."""
        return self.output_field.get_db_prep_value(getattr(value, "pk", value), connection)


class OneOf(models.Func):
    """The condition that a column holds one of a list of values, however many they are.

    Args:
        column: name of a field.
        parameter: the place of the list.
    """

    output_field = models.BooleanField()
    template = "%(expressions)s)"

    def __init__(self, column: str, parameter: Parameter) -> None:
        super().__init__(models.F(column), _Many(parameter))

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        return super().as_sql(compiler, connection, arg_joiner=" = ANY(")

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> Any:
        return super().as_sql(
            compiler, connection, template="%(expressions)s))", arg_joiner=" IN (SELECT value FROM json_each("
        )


class _Many(Parameter):
    def __init__(self, one: Parameter) -> None:
        models.Expression.__init__(self, output_field=one.output_field)
        self.name = one.name

    def stored(self, value: Any) -> Any:
        values = [super(_Many, self).stored(each) for each in value]
        return values if connection.vendor == "postgresql" else json.dumps(values)


class Prepared(Generic[Model]):
    """A query of the default database.

    Args:
        build: returns the query, with a ``Parameter`` wherever a value comes. Called once, when the query first runs.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def __call__(self, **values: Any) -> list[Model]:
        """Run the query and return its objects."""
        ready = self._ready
        compiler = copy(ready.compiler)  # it keeps the state of one run
        compiler.connection = _Connection(connections[DEFAULT_DB_ALIAS])
        compiler.as_sql = lambda: (ready.sql, ready.bind(values))
        compiler.get_converters = lambda _columns: ready.converters
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        run: Any = SimpleNamespace(db=DEFAULT_DB_ALIAS, model=ready.model, query=query, _known_related_objects={})
        return list(ModelIterable(run))

    def first(self, **values: Any) -> Model | None:
        """Run the query and return the first of its objects, or None."""
        return next(iter(self(**values)), None)

    def row(self, **values: Any) -> tuple[Any, ...] | None:
        """Run the query and return its first row as the database gives it, or None."""
        ready = self._ready
        with binding_cursor() as cursor:
            cursor.execute(ready.sql, ready.bind(values))
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    @cached_property
    def _ready(self) -> _Ready:
        queryset = self._build()
        compiler = queryset.query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, *_ in compiler.select])
        compiler.connection = None  # that of the thread which came first
        return _Ready(queryset.model, compiler, sql, tuple(parameters), converters)


class PreparedForKeys(Generic[Model]):
    """A query for what belongs to one key or to several.

    PostgreSQL keeps the plan for one key. For a list it plans each time, since it cannot tell how long lists will be;
    with many joins that costs more than the query.

    Args:
        model: what is asked for.
        column: name of the field that holds the keys.
        build: returns the query for a condition.
    """

    def __init__(self, model: type[models.Model], column: str, build: Callable[[Any], Any]) -> None:
        place = Parameter("keys", model, column)
        self._one: Prepared[Model] = Prepared(lambda: build(models.Q(**{column: place})))
        self._several: Prepared[Model] = Prepared(lambda: build(OneOf(column, place)))

    def __call__(self, keys: Iterable[Any]) -> list[Model]:
        """Run the query and return its objects."""
        keys = list(keys)
        return self._one(keys=keys[0]) if len(keys) == 1 else self._several(keys=keys)


class _Connection:
    """A connection of Django whose cursors let PostgreSQL keep the plans of what they execute."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        return binding_cursor(self._connection)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What preparing a query leaves behind; the same for all threads."""

    model: type[models.Model]
    compiler: Any
    sql: str
    parameters: tuple[Any, ...]
    converters: Any

    def bind(self, values: dict[str, Any]) -> list[Any]:
        return [each.stored(values[each.name]) if isinstance(each, Parameter) else each for each in self.parameters]
