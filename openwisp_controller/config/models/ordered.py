"""Ordered many-to-many relation whose edits are one change each, from either side, also ``set([])``.

Rows of the relation are written here and nowhere else: by the managers (``config.templates.add`` and the like), one
list at a time, and by ``replace_lists``, many at once. Both send ``m2m_changed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import models
from django.db.models import Max, OuterRef, Subquery, signals
from django.db.models.fields.related_descriptors import ManyToManyDescriptor
from django.utils.functional import cached_property
from sortedm2m.fields import SortedManyToManyDescriptor, SortedManyToManyField

from ...common.sql import delete_rows, insert_many
from ..unit_of_work import UnitOfWork, unit_of_work

Item = TypeVar("Item", bound=models.Model)


class ListEdits:
    """What a unit of work knows of lists that are being edited through their managers, by key of the list's owner."""

    def __init__(self) -> None:
        self._replaced: dict[Any, bool] = {}
        self._added: dict[Any, list[str]] = {}

    def begin(self, owner: models.Model, *, added: Iterable[Any] = ()) -> None:
        """Note that a list is about to be edited.

        Args:
            owner: whose list it is.
            added: objects (or their keys) about to be added, in order.
        """
        self._added[owner.pk] = [str(getattr(item, "pk", item)) for item in added]

    @contextmanager
    def replacing(self, owner: models.Model, *, by_the_same: bool) -> Iterator[None]:
        """While open, a list is replaced as a whole, which clears it first.

        Args:
            owner: whose list it is.
            by_the_same: it is the same list again.
        """
        self._replaced[owner.pk] = by_the_same
        try:
            yield
        finally:
            del self._replaced[owner.pk]

    def is_replaced(self, owner: models.Model) -> bool:
        """Tell whether the list is being replaced as a whole, rather than cleared."""
        return owner.pk in self._replaced

    def is_the_same_again(self, owner: models.Model) -> bool:
        """Tell whether the list is being replaced by the same one."""
        return self._replaced.get(owner.pk, False)

    def in_order_of_addition(self, owner: models.Model, items: Iterable[Item]) -> list[Item]:
        """Sort objects that are being added as the caller gave them."""
        order = {key: place for place, key in enumerate(self._added.get(owner.pk, ()))}
        return sorted(items, key=lambda item: order.get(str(item.pk), len(order)))


class BulkEdits:
    """The owners of lists that ``replace_lists`` is writing, in one unit of work: whoever ordered that reports it."""

    def __init__(self) -> None:
        self._owners: frozenset[Any] = frozenset()

    @contextmanager
    def of(self, owners: Iterable[models.Model]) -> Iterator[None]:
        """While open, edits of the lists of these are accounted for already."""
        before, self._owners = self._owners, self._owners | {owner.pk for owner in owners}
        try:
            yield
        finally:
            self._owners = before

    def __contains__(self, key: object) -> bool:
        return key in self._owners


def replace_lists(
    unit: UnitOfWork,
    through: Any,
    owners: Sequence[models.Model],
    before: Mapping[Any, Sequence[Any]],
    after: Mapping[Any, Sequence[Any]],
) -> None:
    """Write the lists of many owners with a constant number of statements, and send ``m2m_changed`` as managers do.

    Args:
        unit: the current unit of work.
        through: the model of the relation.
        owners: whose lists; their rows are locked by the caller.
        before: keys of the templates that stand in each list now, by key of the owner.
        after: keys of those that shall stand there, in order.
    """
    column = _owner_column(through)
    with unit.of(BulkEdits).of(owners):
        _send_m2m_changed("pre", through, owners, before, after)
        replaced = [owner.pk for owner in owners if before[owner.pk]]
        if replaced:
            delete_rows(through.objects.filter(**{f"{column}__in": replaced}))
        insert_many(
            [
                through(**{column: owner.pk}, template_id=template, sort_value=position)
                for owner in owners
                for position, template in enumerate(after[owner.pk], 1)
            ]
        )
        _send_m2m_changed("post", through, owners, before, after)
    for owner in owners:
        forget_loaded_list(owner)


def _send_m2m_changed(
    when: str,
    through: Any,
    owners: Sequence[models.Model],
    before: Mapping[Any, Sequence[Any]],
    after: Mapping[Any, Sequence[Any]],
) -> None:
    for owner in owners:
        old, new = set(before[owner.pk]), set(after[owner.pk])
        for action, keys in (("remove", old - new), ("add", new - old)):
            if keys:
                signals.m2m_changed.send(
                    sender=through,
                    action=f"{when}_{action}",
                    instance=owner,
                    reverse=False,
                    model=through._meta.get_field("template").related_model,
                    pk_set=keys,
                    using=owner._state.db,
                )


def forget_loaded_list(owner: models.Model) -> None:
    """Forget the templates that were loaded ahead (``prefetch_related``) for the owner of a list that was edited."""
    getattr(owner, "_prefetched_objects_cache", {}).pop("templates", None)


def chosen(owner: models.Model) -> list[Any]:
    """Return the templates that an object was given before it was stored, in order."""
    return list(getattr(owner, "_prefetched_objects_cache", {}).get("templates", ()))


def choose(owner: Any, templates: Iterable[Any]) -> None:
    """Keep templates for an object that is not stored yet, where its list shows them, too."""
    unique = list({template.pk: template for template in templates}.values())
    rows: Any = owner._meta.get_field("templates").related_model._base_manager.all()
    rows._result_cache, rows._prefetch_done = unique, True
    if not hasattr(owner, "_prefetched_objects_cache"):
        owner._prefetched_objects_cache = {}
    owner._prefetched_objects_cache["templates"] = rows


def _owner_column(through: Any) -> str:
    columns = (field for field in through._meta.concrete_fields if field.is_relation and field.name != "template")
    return next(field.attname for field in columns)


class KeptUntilStored:
    """Above a manager: what an object is given before it is stored is kept, and its list shows it."""

    instance: Any
    model: Any
    reverse: bool

    def add(self, *objs: Any, **kwargs: Any) -> None:
        if self._is_for_new():
            choose(self.instance, [*chosen(self.instance), *self._found(objs)])
        else:
            super().add(*objs, **kwargs)  # type: ignore[misc]

    def remove(self, *objs: Any) -> None:
        if self._is_for_new():
            removed = {item.pk for item in self._found(objs)}
            choose(self.instance, [item for item in chosen(self.instance) if item.pk not in removed])
        else:
            super().remove(*objs)  # type: ignore[misc]

    def clear(self) -> None:
        if self._is_for_new():
            choose(self.instance, [])
        else:
            super().clear()  # type: ignore[misc]

    def set(self, objs: Any, **kwargs: Any) -> None:
        if self._is_for_new():
            choose(self.instance, self._found(objs))
        else:
            super().set(objs, **kwargs)  # type: ignore[misc]

    def _is_for_new(self) -> bool:
        return not self.reverse and self.instance._state.adding

    def _found(self, objs: Iterable[Any]) -> list[Any]:
        keys = [item if isinstance(item, models.Model) else self.model._meta.pk.to_python(item) for item in objs]
        rows = self.model._base_manager.in_bulk([item for item in keys if not isinstance(item, models.Model)])
        return [item if isinstance(item, models.Model) else rows[item] for item in keys]

    add.alters_data = remove.alters_data = clear.alters_data = set.alters_data = True  # type: ignore[attr-defined]


def _in_units_of_work(manager: Any) -> Any:
    """Return a manager class that runs each edit in a unit of work: refused edits leave nothing, signals come once."""

    class UnitOfWorkManager(manager):
        def add(self, *objs: Any, **kwargs: Any) -> None:
            with unit_of_work() as unit:
                self._lock_owner(unit)
                unit.of(ListEdits).begin(self.instance, added=objs)
                super().add(*objs, **kwargs)
                if self.reverse:
                    _put_last(self.through, self.instance)

        def remove(self, *objs: Any) -> None:
            with unit_of_work() as unit:
                self._lock_owner(unit)
                unit.of(ListEdits).begin(self.instance)
                super().remove(*objs)

        def clear(self) -> None:
            with unit_of_work() as unit:
                self._lock_owner(unit)
                unit.of(ListEdits).begin(self.instance)
                super().clear()

        def set(self, objs: Any, **kwargs: Any) -> None:
            with unit_of_work() as unit:
                self._lock_owner(unit)
                objs = tuple(objs)
                with unit.of(ListEdits).replacing(self.instance, by_the_same=self._is(objs)):
                    super().set(objs, **kwargs)

        def _is(self, objs: Sequence[Any]) -> bool:
            """Tell whether a list stands there now, in this order; from the other side there is none."""
            if self.reverse or not self.locks_owner:
                return False
            rows = self.through._default_manager.filter(**{self.source_field_name: self.instance.pk})
            column = self.through._meta.get_field(self.target_field_name).attname
            present = rows.order_by(self.through._sort_field_name, "pk").values_list(column, flat=True)
            return [str(key) for key in present] == [str(getattr(obj, "pk", obj)) for obj in objs]

        def _lock_owner(self, unit: Any) -> None:
            """Lock the row that is compiled with the list, before the list is read."""
            if not self.reverse and self.locks_owner:
                unit.lock(type(self.instance), [self.instance.pk])

        locks_owner = False
        add.alters_data = remove.alters_data = clear.alters_data = set.alters_data = True  # type: ignore[attr-defined]

    return type("OrderedManager", (KeptUntilStored, UnitOfWorkManager), {})


def _put_last(through: Any, template: Any) -> None:
    """Give the place after all others to a template that was added from its own side, where no place is known."""
    owner = _owner_column(through)
    last = through.objects.filter(**{owner: OuterRef(owner)}).order_by().values(owner).annotate(last=Max("sort_value"))
    through.objects.filter(template=template, sort_value=0).update(sort_value=Subquery(last.values("last")) + 1)


class _Descriptor(SortedManyToManyDescriptor):
    @cached_property
    def related_manager_cls(self) -> Any:
        manager = _in_units_of_work(super().related_manager_cls)
        manager.locks_owner = self.field.locks_owner
        return manager


class _ReverseDescriptor(ManyToManyDescriptor):
    @cached_property
    def related_manager_cls(self) -> Any:
        return _in_units_of_work(super().related_manager_cls)


class OrderedTemplatesField(SortedManyToManyField):
    """An ordered list of templates (``sort_value``, first to last).

    Args:
        locks_owner: the row that owns the list is locked while the list is edited.
    """

    def __init__(self, *args: Any, locks_owner: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.locks_owner = locks_owner

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, **kwargs)
        descriptor: ManyToManyDescriptor = _Descriptor(self)
        setattr(cls, self.name, descriptor)

    def contribute_to_related_class(self, cls: Any, related: Any) -> None:
        super().contribute_to_related_class(cls, related)
        setattr(cls, related.get_accessor_name(), _ReverseDescriptor(self.remote_field, reverse=True))
