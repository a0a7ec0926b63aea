"""Models that tell what a save changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import Any, ClassVar, Self

from django.db import models

from ...common.prepared import Parameter, Prepared


@cache
def _locked(model: type[models.Model], names: tuple[str, ...]) -> Prepared[Any]:
    """Return the query for some columns of a row of ``model``, which locks it."""
    rows = model._base_manager.select_for_update(no_key=True).only(*names)
    return Prepared(lambda: rows.filter(pk=Parameter("pk", model)))


class Observed(models.Model):
    """A model whose saves are reported to the current batch (see ``batch.py``) with the values they replaced.

    The replaced values are read from the row, which stays locked until the end of the transaction. So a change is seen
    whatever happened to this instance before: loaded long ago, loaded in part, saved in a transaction that was undone.
    """

    observed_fields: ClassVar[tuple[str, ...]] = ()
    """Attribute names whose replaced values are reported."""
    guarded_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that ``save()`` does not write unless they are named in ``update_fields``: others own them."""
    contested_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that ``save()`` writes only where this instance changed them: devices and workers change them too."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._remember()
        return instance

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        self._remember(fields)

    def save(self, *args: Any, **kwargs: Any) -> None:
        from ..unit_of_work import batch

        self.normalise()
        created = self._state.adding
        if not created and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = self._written_fields()
        known = dict(self.__dict__.get("_stored", {}))
        try:
            with batch() as current:
                before = {} if created else self._replaced(kwargs["update_fields"])
                super().save(*args, **kwargs)
                self._remember(kwargs.get("update_fields"))
                current.saved(self, created, before)
        except BaseException:
            self._stored = known
            raise

    def normalise(self) -> None:
        """Bring values into their stored form, whichever way they were set; called before every save."""

    def _replace_empty(self, value: Any, *names: str) -> None:
        """Set the loaded fields among ``names`` that are empty to ``value``."""
        for name in names:
            if name in self.__dict__ and not self.__dict__[name]:
                setattr(self, name, value() if callable(value) else value)

    def _written_fields(self) -> list[str] | None:
        """Return what a save of the whole instance writes; None = everything."""
        if not self.guarded_fields and not self.contested_fields:
            return None
        stored: dict[str, Any] = self.__dict__.get("_stored", {})
        unchanged = {
            name
            for name in self.contested_fields
            if name not in self.__dict__ or (name in stored and stored[name] == self.__dict__[name])
        }
        left_out = {*self.guarded_fields, *unchanged}
        fields = (field for field in self._meta.concrete_fields if not field.primary_key)
        return [field.name for field in fields if field.attname in self.__dict__ and field.name not in left_out]

    def _remember(self, only: Iterable[str] | None = None) -> None:
        stored: dict[str, Any] = self.__dict__.setdefault("_stored", {})
        for name in self.contested_fields:
            if name in self.__dict__ and (only is None or name in only):
                stored[name] = self.__dict__[name]

    def _replaced(self, update_fields: Iterable[str] | None) -> dict[str, Any]:
        """Return the stored values of the fields that this save replaces by other values; locks the row."""
        names = [
            name
            for name in self.observed_fields
            if name in self.__dict__
            and (update_fields is None or name in update_fields or name.removesuffix("_id") in update_fields)
        ]
        if not names:
            return {}
        stored = _locked(type(self), tuple(names)).first(pk=self.pk)
        if stored is None:
            return {}
        return {name: getattr(stored, name) for name in names if getattr(stored, name) != getattr(self, name)}

    def _differs(self, *names: str) -> dict[str, Any]:
        """Return those of the loaded fields ``names`` whose stored value is another one, with that value."""
        names = tuple(name for name in names if name in self.__dict__)
        stored = type(self)._base_manager.filter(pk=self.pk).values(*names).first() or {}
        return {name: value for name, value in stored.items() if value != getattr(self, name)}
