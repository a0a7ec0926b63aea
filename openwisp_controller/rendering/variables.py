"""Configuration variables: ``{{ name }}`` in string values, replaced literally and once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from .errors import RenderingError
from .values import check_number, reject_key

#: Characters that all strings holding variables may have together, after expansion.
MAX_EXPANDED_SIZE = 4 * 1024 * 1024

_REFERENCE = re.compile(r"\{\{\s*(\w*)\s*\}\}")
#: A text that is one variable and nothing else.
ALONE = re.compile(r"\s*\{\{\s*(\w+)\s*\}\}\s*")
_LONGEST_NUMBER = 40
#: A value that may be meant for a number or a boolean.
_LIKE_NUMBER = re.compile(r"\s*(?:[+-]?[0-9]+(?:\.[0-9]+)?|(?i:true|false|yes|no|on|off))\s*")


def names(value: Any) -> set[str]:
    """Return the names of all variables referenced in the string values of a NetJSON structure.

    Keys are not looked at, because variables are never expanded in them.
    """
    found: set[str] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if "{{" in item:
                found.update(_REFERENCE.findall(item))
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
    found.discard("")
    return found


def has_left(text: str) -> bool:
    """Tell whether variables are left in a text."""
    return _REFERENCE.search(text) is not None


def with_names(value: Any) -> Any:
    """Return a copy in which every variable that is left stands for its own name, for trying out what depends on it."""
    if isinstance(value, str):
        return _REFERENCE.sub(_own_name, value) if "{{" in value else value
    if isinstance(value, dict):
        return {key: with_names(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_names(item) for item in value]
    return value if isinstance(value, (int, float)) else deepcopy(value)


def _own_name(match: re.Match[str]) -> str:
    return match[1] if match[1].isascii() and match[1] else "x"


def expand(value: Any, context: Mapping[str, Any]) -> Any:
    """Return a copy of ``value`` with the variables of ``context`` put in; ``value`` stays as it is.

    The text put in is ``str(context[name])``, taken literally: neither backslashes nor further
    ``{{ references }}`` in it mean anything. Names that ``context`` lacks stay as they were written.
    Raises :class:`RenderingError` naming the variable when the expanded strings exceed
    :data:`MAX_EXPANDED_SIZE` characters together.
    """
    return copy_expanded(value, Substitution(context).put_in if context else None)


def copy_expanded(value: Any, substitute: Callable[[str], str] | None) -> Any:
    """Copy any structure and expand its variables with ``Substitution.put_in`` on the way; None = leave them."""
    if isinstance(value, str):
        return substitute(value) if substitute and "{{" in value else value
    if isinstance(value, dict):
        return {key: copy_expanded(item, substitute) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_expanded(item, substitute) for item in value]
    return deepcopy(value)


def expand_plain(value: Any, substitute: Callable[[str], str]) -> Any:
    """Copy plain JSON (see :func:`~.values.copy_plain`) and expand its variables on the way.

    ``substitute`` is the method of a :class:`Substitution`. Raises :class:`~.values.NotPlain` like ``copy_plain``.
    """
    kind = type(value)
    if kind is str:
        return substitute(value) if "{{" in value else value
    if kind is dict:
        result = {}
        for key, item in value.items():
            if type(item) is not str:
                item = expand_plain(item, substitute)
            elif "{{" in item:
                item = substitute(item)
            result[key if type(key) is str else reject_key(key)] = item
        return result
    if kind is list:
        return [expand_plain(item, substitute) for item in value]
    if kind is bool or value is None:
        return value
    return check_number(value)


class Substitution:
    """Puts in the values of variables; all texts together may become as large as the limit says."""

    __slots__ = ("_size", "alone", "put_in", "undefined")

    put_in: Callable[[str], str]
    """Returns a text with its variables replaced; those without a value stay."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.undefined: set[str] = set()
        """Names that were met and have no value."""
        self.alone: set[str] = set()
        """Names that were a whole text, and whose value, if any, may be meant for a number or a boolean."""
        self.put_in, self._size = self._functions(context)

    @property
    def size(self) -> int:
        """How many characters were put in so far."""
        return self._size()

    def _functions(self, context: Mapping[str, Any]) -> tuple[Callable[[str], str], Callable[[], int]]:
        texts: dict[str, str] = {}
        # names that may stand for numbers; a closure, for every text of every device comes through here
        watched: set[str] = set()
        undefined, alone = self.undefined, self.alone
        left = MAX_EXPANDED_SIZE

        def replace(match: re.Match[str]) -> str:
            nonlocal left
            name = match[1]
            text = texts.get(name)
            if text is None:
                if name not in context:
                    if name:
                        undefined.add(name)
                        if ALONE.fullmatch(match.string):
                            alone.add(name)
                    return match[0]
                text = texts[name] = str(context[name])
                if len(text) < _LONGEST_NUMBER and _LIKE_NUMBER.fullmatch(text):
                    watched.add(name)
            if name in watched and name not in alone and ALONE.fullmatch(match.string):
                alone.add(name)
            left -= len(text)
            if left < 0:
                raise RenderingError(
                    f'Variable "{name}" makes the configuration too large: expanded variables may have '
                    f"{MAX_EXPANDED_SIZE} characters together. Shorten its value or use it less often."
                )
            return text

        sub = _REFERENCE.sub
        return lambda text: sub(replace, text), lambda: MAX_EXPANDED_SIZE - left
