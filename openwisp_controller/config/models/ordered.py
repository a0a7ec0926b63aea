"""Ordered many-to-many relation whose edits are one change each, also ``set([])``."""

from __future__ import annotations

from typing import Any

from django.db.models import Manager
from django.db.models.fields.related_descriptors import ManyToManyDescriptor
from django.utils.functional import cached_property
from sortedm2m.fields import SortedManyToManyDescriptor, SortedManyToManyField


class _Descriptor(SortedManyToManyDescriptor):
    @cached_property
    def related_manager_cls(self) -> type[Manager]:
        sorted_manager: Any = super().related_manager_cls

        class OrderedManager(sorted_manager):
            """Runs each edit in a batch, so that refused edits leave nothing behind and signals come once."""

            def add(self, *objs: Any, **kwargs: Any) -> None:
                from ..batch import batch

                with batch():
                    super().add(*objs, **kwargs)

            def remove(self, *objs: Any) -> None:
                from ..batch import batch

                with batch():
                    super().remove(*objs)

            def clear(self) -> None:
                from ..batch import batch

                with batch():
                    super().clear()

            def set(self, objs: Any, **kwargs: Any) -> None:
                from ..batch import batch

                with batch() as current:
                    current.relation_is_set(self.instance)
                    super().set(objs, **kwargs)

            add.alters_data = remove.alters_data = clear.alters_data = set.alters_data = True  # type: ignore[attr-defined]

        return OrderedManager


class OrderedTemplatesField(SortedManyToManyField):
    """An ordered list of templates (``sort_value``, first to last)."""

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        super().contribute_to_class(cls, name, **kwargs)
        descriptor: ManyToManyDescriptor = _Descriptor(self)
        setattr(cls, self.name, descriptor)
