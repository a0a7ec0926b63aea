"""Models that tell what a save changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.signals import post_save, pre_save

from ...common.fate import Fate, current_fate
from ...common.kept_plans import StoredWithKeptPlans
from ...common.pickling import SecretsNotPickled
from ...common.prepared import Parameter, Prepared
from ..unit_of_work import unit_of_work


@cache
def _locked(model: type[models.Model], names: tuple[str, ...]) -> Prepared[Any]:
    """Return the query for some columns of a row of ``model``, which locks it."""
    rows = model._base_manager.select_for_update(no_key=True).only(*names)
    return Prepared(lambda: rows.filter(pk=Parameter("pk", model)))


_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What an instance learnt of its row in a transaction, and how to forget it when that is rolled back."""

    fate: Fate
    created: bool
    """The row was created."""
    before: dict[str, Any]
    """What was known before, by name."""
    adopted: dict[str, Any]
    """Values that the instance took over from the row, by name."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Learnt:
        return self  # copies of an instance share its transaction

    def undo(self, instance: Observed) -> None:
        for name, value in self.before.items():
            is_adopted = name in self.adopted and instance.__dict__.get(name, _UNKNOWN) == self.adopted[name]
            if value is _UNKNOWN:
                instance._stored.pop(name, None)
                continue
            instance._stored[name] = value
            if is_adopted:
                instance.__dict__[name] = value
        # hooks that run after the commit, but before the one that tells of it, still find the row
        if self.created and not type(instance)._base_manager.filter(pk=instance.pk).exists():
            instance._state.adding = True


class Observed(StoredWithKeptPlans, SecretsNotPickled):
    """A model whose saves are reported to the current unit of work with the values they replaced.

    The replaced values are read from the row, which stays locked until the end of the transaction. So a change is seen
    whatever happened to this instance before: loaded long ago, loaded in part, saved in a transaction that was undone.
    What it takes for stored of its shared fields, and whether it has a row at all, follows every roll-back, too.
    """

    observed_fields: ClassVar[tuple[str, ...]] = ()
    """Attribute names whose replaced values are reported."""
    system_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that ``save()`` does not write unless they are named in ``update_fields``: the controller owns them."""
    shared_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that ``save()`` writes only where this instance changed them: devices and workers change them too."""
    coupled_fields: ClassVar[tuple[str, ...]] = ()
    """Those of the shared fields that say one thing together: ``save()`` writes all of them or none."""

    unversioned_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that are no part of the versions which people restore, besides ``system_fields``."""

    _stored: dict[str, Any]
    """What this instance knows to be stored of its shared fields."""
    _unsettled: list[_Learnt]
    """What of that it learnt in transactions which had not ended when it looked last, the oldest first."""

    _restored_over: dict[str, Any]
    """The values that an earlier version replaces which is being restored, by attribute name."""

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stored, self._unsettled, self._restored_over = {}, [], {}
        super().__init__(*args, **kwargs)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **kwargs: Any) -> Self:
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._know(instance._of_shared(None))
        return instance

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        self.is_new()
        super().refresh_from_db(using, fields, from_queryset)
        self._know(self._of_shared(fields))

    def full_clean(self, *args: Any, **kwargs: Any) -> None:
        self.is_new()
        super().full_clean(*args, **kwargs)

    def save(self, *args: Any, **kwargs: Any) -> None:
        created = self.is_new()
        self.normalise()
        if not created and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = self._written_fields()
        with unit_of_work() as unit:
            before = self._begin() if created else self._replaced(kwargs["update_fields"])
            super().save(*args, **kwargs)
            self._learn(self._of_shared(kwargs.get("update_fields")))
            unit.saved(self, created=created, before=before)

    def begin_restoring(self) -> None:
        """Note what is about to be replaced by the earlier version that this instance is; see ``end_restoring``.

        Versions and fixtures are stored past ``save()``. What workers and devices own is no part of them: this instance
        gets it from the row.
        """
        owned = (*self.system_fields, *self.shared_fields)
        if owned:
            names = [field.attname for field in self._meta.concrete_fields if field.name in owned]
            row = type(self)._base_manager.filter(pk=self.pk).values(*names).first() or {}
            for name, value in row.items():
                setattr(self, name, value)
        self._restored_over = self._replaced(None)

    def end_restoring(self) -> None:
        """Report what the earlier version replaced."""
        with unit_of_work() as unit:
            unit.saved(self, created=False, before=self._restored_over)

    def is_new(self) -> bool:
        """Tell whether no row is stored; what this instance took for stored, and was rolled back, is forgotten."""
        while self._unsettled and self._unsettled[-1].fate.is_undone:
            self._unsettled.pop().undo(self)
        self._unsettled = [learnt for learnt in self._unsettled if not learnt.fate.is_committed]
        return self._state.adding

    @classmethod
    def insert(cls, instances: Sequence[Self]) -> None:
        """Store new rows with one statement; Django's signals are sent and each is reported, as by ``save()``."""
        with unit_of_work() as unit:
            for instance in instances:
                instance.normalise()
                instance._begin()
                pre_save.send(sender=cls, instance=instance, raw=False, using=DEFAULT_DB_ALIAS, update_fields=None)
            cls._base_manager.bulk_create(instances)
            for instance in instances:
                instance._learn(instance._of_shared(None))
                post_save.send(
                    sender=cls, instance=instance, created=True, raw=False, using=DEFAULT_DB_ALIAS, update_fields=None
                )
                unit.saved(instance, created=True, before={})

    def reported_fields(self) -> tuple[str, ...]:
        """Return those of the observed fields whose replaced values are reported now."""
        return self.observed_fields

    def normalise(self) -> None:
        """Bring values into their stored form, whichever way they were set; called before every save."""

    def remember_stored(self, only: Iterable[str] | None = None) -> None:
        """Take the values of shared fields for stored; for code that stores them by other means than ``save()``.

        This instance has them from the row then: should the transaction be rolled back, it gets the former ones back.

        Args:
            only: names of fields; None = all.
        """
        self._learn(self._of_shared(only), adopted=True)

    def adopt(self, stored: Self, *names: str) -> None:
        """Take over values of a row that stand in another instance of it.

        Args:
            stored: has them as they are stored.
            names: attribute names.
        """
        for name in names:
            setattr(self, name, getattr(stored, name))
        self.remember_stored(names)

    def _begin(self) -> dict[str, Any]:
        """Note that a row is about to be created; return what that replaces: nothing."""
        self._unsettled.append(_Learnt(current_fate(), True, {}, {}))
        return {}

    def _of_shared(self, only: Iterable[str] | None) -> dict[str, Any]:
        """Return the loaded values of shared fields, of those named; None = of all."""
        return {
            name: self.__dict__[name]
            for name in self.shared_fields
            if name in self.__dict__ and (only is None or name in only)
        }

    def _learn(self, values: dict[str, Any], *, adopted: bool = False) -> None:
        """Take values of shared fields for stored, as long as the transaction is not rolled back.

        Args:
            adopted: this instance has them from the row; else the row has them from this instance.
        """
        self.is_new()
        before = {name: self._stored.get(name, _UNKNOWN) for name in values}
        if any(before[name] != value for name, value in values.items()):
            self._unsettled.append(_Learnt(current_fate(), False, before, values if adopted else {}))
        self._know(values)

    def _know(self, values: dict[str, Any]) -> None:
        self._stored.update(values)

    def differing(self, *names: str) -> dict[str, Any]:
        """Return those of the loaded fields ``names`` whose stored value is another one, with that value."""
        names = tuple(name for name in names if name in self.__dict__)
        stored = type(self)._base_manager.filter(pk=self.pk).values(*names).first() or {}
        return {name: value for name, value in stored.items() if value != getattr(self, name)}

    def _replace_empty(self, value: Any, *names: str) -> None:
        """Set the loaded fields among ``names`` that are empty to ``value``."""
        for name in names:
            if name in self.__dict__ and not self.__dict__[name]:
                setattr(self, name, value() if callable(value) else value)

    def _written_fields(self) -> list[str] | None:
        """Return what a save of the whole instance writes; None = everything."""
        if not self.system_fields and not self.shared_fields:
            return None
        unchanged = {
            name
            for name in self.shared_fields
            if name not in self.__dict__ or (name in self._stored and self._stored[name] == self.__dict__[name])
        }
        if not unchanged.issuperset(self.coupled_fields):
            unchanged -= {name for name in self.coupled_fields if name in self.__dict__}
        left_out = {*self.system_fields, *unchanged}
        fields = (field for field in self._meta.concrete_fields if not field.primary_key)
        return [field.name for field in fields if field.attname in self.__dict__ and field.name not in left_out]

    def _replaced(self, update_fields: Iterable[str] | None) -> dict[str, Any]:
        """Return the stored values of the fields that this save replaces by other values; locks the row."""
        names = [
            name
            for name in self.reported_fields()
            if name in self.__dict__
            and (update_fields is None or name in update_fields or name.removesuffix("_id") in update_fields)
        ]
        if not names:
            return {}
        stored = _locked(type(self), tuple(names)).first(pk=self.pk)
        if stored is None:
            return {}
        return {name: getattr(stored, name) for name in names if getattr(stored, name) != getattr(self, name)}
