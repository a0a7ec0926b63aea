"""Objects that leave the process, in caches: their secrets stay at home."""

from __future__ import annotations

import functools
from copy import deepcopy
from typing import Any, ClassVar, Self

from django.db import models
from django.utils.functional import cached_property

_CACHED = (cached_property, functools.cached_property)  # noqa: TID251  # packages may use either


class SecretsNotPickled(models.Model):
    """A model whose secrets are left out where it is pickled; they are read from the database when they are needed.

    Copies of an object in the process are complete.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ()

    class Meta:
        abstract = True

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        kept = {name: value for name, value in state.items() if name not in self.secret_fields and _is_data(self, name)}
        if "_unsettled" in state:
            kept["_unsettled"] = []  # transactions of this process are nothing to another
        return kept

    def __copy__(self) -> Self:
        return self._with(super().__getstate__())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        result = memo[id(self)] = type(self).__new__(type(self))
        result.__dict__.update(deepcopy(super().__getstate__(), memo))
        return result

    def _with(self, state: dict[str, Any]) -> Self:
        result = type(self).__new__(type(self))
        result.__dict__.update(state)
        return result


def _is_data(instance: models.Model, name: str) -> bool:
    """Tell whether an attribute is a column or bookkeeping, not something that was worked out from secrets.

    Proxies are models of packages: what they set on their instances is theirs.
    """
    if name in ("_state", "_stored") or name in {field.attname for field in instance._meta.concrete_fields}:
        return True
    return bool(instance._meta.proxy) and not isinstance(getattr(type(instance), name, None), _CACHED)
