"""Models whose rows are stored by statements that PostgreSQL need not plan, nor read, each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models

from .sql import insert_row, update_unchanged


class StoredWithKeptPlans(models.Model):
    """Stores what ``save()`` decides to store as Django does, but sends values beside the statement.

    Django writes every value into the text, so that PostgreSQL reads and plans another statement for each row. What it
    decides, and the signals that it sends, stay its own; only the last step of ``save()`` is another one.
    """

    class Meta:
        abstract = True

    def _do_insert(
        self, manager: Any, using: str, fields: Sequence[Any], returning_fields: Sequence[Any], raw: bool
    ) -> Any:
        if not returning_fields:
            values = {
                each.attname: getattr(self, each.attname) if raw else each.pre_save(self, True) for each in fields
            }
            if _are_plain(using, fields, values):
                insert_row(type(self), values)
                return []
        return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]

    def _do_update(  # type: ignore[override]
        self, base_qs: Any, using: str, pk_val: Any, values: Sequence[Any], update_fields: Any, forced_update: bool
    ) -> Any:
        fields = [field for field, _, _ in values]
        stored = {field.attname: value for field, _, value in values}
        if values and not self._meta.select_on_save and _are_plain(using, fields, stored):
            return update_unchanged(type(self), {self._meta.pk.attname: pk_val}, stored)
        return super()._do_update(base_qs, using, pk_val, values, update_fields, forced_update)  # type: ignore[call-arg]


def _are_plain(using: str, fields: Sequence[Any], values: Mapping[str, Any]) -> bool:
    """Tell whether values, by attribute name, are stored as they are, in the default database."""
    return (
        using == DEFAULT_DB_ALIAS
        and not any(hasattr(field, "get_placeholder") for field in fields)
        and not any(hasattr(value, "resolve_expression") for value in values.values())
    )
