"""Models that tell what a save changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Self

from django.db import models


class Observed(models.Model):
    """A model whose saves are reported to the current batch (see ``batch.py``) with the values they replaced.

    ``observed_fields`` are cheap values remembered when a row is loaded. ``compared_fields`` are large values (JSON):
    the stored ones are read again just before they are overwritten.
    """

    observed_fields: ClassVar[tuple[str, ...]] = ()
    compared_fields: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._remember()
        return instance

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._remember()

    def save(self, *args: Any, **kwargs: Any) -> None:
        from ..batch import batch

        self.normalise()
        with batch() as current:
            created = self._state.adding
            before = {} if created else self._replaced(kwargs.get("update_fields"))
            super().save(*args, **kwargs)
            self._remember(kwargs.get("update_fields"))
            current.saved(self, created, before)

    def normalise(self) -> None:
        """Bring values into their stored form, whichever way they were set; called before every save."""

    def _replace_empty(self, value: Any, *names: str) -> None:
        """Set the loaded fields among ``names`` that are empty to ``value``."""
        for name in names:
            if name in self.__dict__ and not self.__dict__[name]:
                setattr(self, name, value() if callable(value) else value)

    def _remember(self, only: Iterable[str] | None = None) -> None:
        stored: dict[str, Any] = self.__dict__.setdefault("_stored", {})
        for name in self.observed_fields:
            if name in self.__dict__ and (only is None or self._is_among(name, only)):
                stored[name] = self.__dict__[name]

    def _is_among(self, name: str, names: Iterable[str]) -> bool:
        return name in names or name.removesuffix("_id") in names

    def _replaced(self, update_fields: Iterable[str] | None) -> dict[str, Any]:
        """Return the stored values of the fields that this save replaces by other values."""
        names = [
            name
            for name in self.observed_fields + self.compared_fields
            if name in self.__dict__ and (update_fields is None or self._is_among(name, update_fields))
        ]
        stored: dict[str, Any] = self.__dict__.setdefault("_stored", {})
        unknown = [name for name in names if name not in stored]
        if unknown:
            row = type(self)._base_manager.filter(pk=self.pk).values(*unknown).first() or {}
            stored = {**row, **stored}
        return {name: stored[name] for name in names if name in stored and stored[name] != getattr(self, name)}
