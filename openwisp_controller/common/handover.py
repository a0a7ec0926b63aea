"""What a receiver finds out about an object, for those that hear of the same object later."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

Fact = TypeVar("Fact")


class Handover(Generic[Fact]):
    """Facts about objects, such as what ``pre_save`` knows and ``post_save`` needs; forgotten with the object.

    Objects are told apart by identity, not by equality.
    """

    def __init__(self) -> None:
        self._facts: dict[int, tuple[weakref.ref[Any], Fact]] = {}

    def put(self, about: Any, fact: Fact) -> None:
        """Note a fact about an object, replacing the one that is noted."""
        key = id(about)
        self._facts[key] = (weakref.ref(about, lambda _gone: self._facts.pop(key, None)), fact)

    def take(self, about: Any) -> Fact | None:
        """Return what was noted of an object and forget it; None when nothing was."""
        if about not in self:
            return None
        return self._facts.pop(id(about))[1]

    def get(self, about: Any) -> Fact | None:
        """Return what was noted of an object, None when nothing was."""
        return self._facts[id(about)][1] if about in self else None

    def __contains__(self, about: Any) -> bool:
        reference, _ = self._facts.get(id(about), (None, None))
        return reference is not None and reference() is about
