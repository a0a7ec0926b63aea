"""Ordered many-to-many relation whose edits are one change each, from either side, also ``set([])``."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, OuterRef, Subquery
from django.db.models.fields.related_descriptors import ManyToManyDescriptor
from django.utils.functional import cached_property
from sortedm2m.fields import SortedManyToManyDescriptor, SortedManyToManyField


def _in_batches(manager: Any) -> Any:
    """Return a manager class that runs each edit in a batch: refused edits leave nothing, signals come once."""

    class BatchedManager(manager):
        def add(self, *objs: Any, **kwargs: Any) -> None:
            from ..unit_of_work import batch

            with batch() as current:
                current.relation_changes(self.instance, added=objs)
                super().add(*objs, **kwargs)
                if self.reverse:
                    _put_last(self.through, self.instance)

        def remove(self, *objs: Any) -> None:
            from ..unit_of_work import batch

            with batch() as current:
                current.relation_changes(self.instance)
                super().remove(*objs)

        def clear(self) -> None:
            from ..unit_of_work import batch

            with batch() as current:
                current.relation_changes(self.instance)
                super().clear()

        def set(self, objs: Any, **kwargs: Any) -> None:
            from ..unit_of_work import batch

            with batch() as current:
                current.relation_changes(self.instance, is_set=True)
                super().set(objs, **kwargs)

        add.alters_data = remove.alters_data = clear.alters_data = set.alters_data = True  # type: ignore[attr-defined]

    return BatchedManager


def _put_last(through: Any, template: Any) -> None:
    """Give the place after all others to a template that was added from its own side, where no place is known."""
    owner = next(f.attname for f in through._meta.concrete_fields if f.is_relation and f.name != "template")
    last = through.objects.filter(**{owner: OuterRef(owner)}).order_by().values(owner).annotate(last=Max("sort_value"))
    through.objects.filter(template=template, sort_value=0).update(sort_value=Subquery(last.values("last")) + 1)


class _Descriptor(SortedManyToManyDescriptor):
    @cached_property
    def related_manager_cls(self) -> Any:
        return _in_batches(super().related_manager_cls)


class _ReverseDescriptor(ManyToManyDescriptor):
    @cached_property
    def related_manager_cls(self) -> Any:
        return _in_batches(super().related_manager_cls)


class OrderedTemplatesField(SortedManyToManyField):
    """An ordered list of templates (``sort_value``, first to last)."""

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, **kwargs)
        descriptor: ManyToManyDescriptor = _Descriptor(self)
        setattr(cls, self.name, descriptor)

    def contribute_to_related_class(self, cls: Any, related: Any) -> None:
        super().contribute_to_related_class(cls, related)
        setattr(cls, related.get_accessor_name(), _ReverseDescriptor(self.remote_field, reverse=True))
