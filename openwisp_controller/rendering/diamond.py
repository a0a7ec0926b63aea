"""Putting faster methods *under* somebody's class, so that all its own overrides stay in force.

``graft(Theirs, [Faster])`` with ``Faster`` deriving from one of the bases of ``Theirs`` gives a subclass
whose method resolution order is: Theirs and its own bases, Faster, the common base. What ``Theirs`` overrides
wins, and its ``super()`` calls reach ``Faster``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from types import FunctionType
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def per_class(function: Callable[P, T]) -> Callable[P, T]:
    """Remember the answers of a function of classes (which are few and live as long as the process)."""
    return cast(Callable[P, T], cache(function))


def graft(theirs: type, faster: Iterable[type], top: type | None = None) -> type:
    """Return a subclass of ``theirs`` with the classes of ``faster`` below it and ``top`` above.

    ``faster`` goes from the most to the least derived; those that ``theirs`` has no use for are left out.
    Name and module stay those of ``theirs`` (templates are looked up by them). Raises :class:`TypeError` when
    Python finds no consistent method resolution order.
    """
    below = [cls for cls in faster if cls.__mro__[1] in theirs.__mro__]
    # a class cannot stand before its own subclass
    middle = [] if any(issubclass(cls, theirs) for cls in below) else [theirs]
    names = {"__module__": theirs.__module__, "__qualname__": theirs.__qualname__}
    return type(theirs)(theirs.__name__, (*([top] if top else []), *middle, *below), names)


def defined_by(cls: type, name: str) -> type | None:
    """Return the class from which ``cls`` has the attribute ``name``, or None."""
    return next((base for base in cls.__mro__ if name in base.__dict__), None)


def with_globals(function: FunctionType, **replaced: Any) -> FunctionType:
    """Return the same function seeing other objects under some of its module's global names.

    For library functions that call a slow helper by its global name: only the helper changes.
    """
    missing = set(replaced) - set(function.__code__.co_names)
    if missing:
        raise LookupError(f"{function.__qualname__} does not use {sorted(missing)}")
    names = {**function.__globals__, **replaced}
    clone = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    clone.__kwdefaults__ = function.__kwdefaults__
    clone.__qualname__ = function.__qualname__
    return clone
