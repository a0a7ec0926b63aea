"""Layering of NetJSON: templates from first to last, then the device's own configuration.

Objects merge recursively, lists are concatenated without repeating equal elements, and list items that
share an identifier (``name``, ``config_value``, ``id``; type, name and VLAN id for VLAN interfaces) merge
into one. Same rules and same order as ``netjsonconfig.utils.merge_config``, but nothing is copied: the result
shares unchanged parts with its inputs, which stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import InvalidConfiguration

#: List identifiers, either for all elements or by the element's ``type`` (None = all other types).
Identifiers = Sequence[str] | Mapping[str | None, Sequence[str]]


def merge_config(
    template: Mapping[str, Any], config: Mapping[str, Any], list_identifiers: Identifiers | None = None
) -> dict[str, Any]:
    """Return ``config`` layered over ``template``; parts that did not change are shared with the inputs.

    Raises :class:`InvalidConfiguration` when a list meets an object under the same key.
    """
    result = dict(template)
    for key, value in config.items():
        existing = result.get(key)
        if isinstance(value, dict):
            if isinstance(existing, dict):
                value = merge_config(existing, value, list_identifiers)
            elif isinstance(existing, list):
                raise _incompatible(key, existing, value)
        elif isinstance(value, list):
            if isinstance(existing, list):
                value = merge_list(existing, value, list_identifiers)
            elif isinstance(existing, dict):
                raise _incompatible(key, existing, value)
        result[key] = value
    return result


def merge_list(list1: Sequence[Any], list2: Sequence[Any], identifiers: Identifiers | None = None) -> list[Any]:
    """Return the elements of ``list1``, then those of ``list2``, with identified elements merged in place."""
    by_type: Any = identifiers if isinstance(identifiers, dict) else {None: identifiers or ()}
    first = {_key(element, by_type): element for element in list1}
    known = list(first.values())
    second = {_key(element, by_type): element for element in list2 if element not in known}
    return list(merge_config(first, second).values())


def has_replacements(value: Any) -> bool:
    """Tell whether a key somewhere in a configuration says that what stands there replaces what templates have."""
    if isinstance(value, dict):
        return any(_replaced_key(key) for key in value) or any(map(has_replacements, value.values()))
    return isinstance(value, list) and any(map(has_replacements, value))


def merge_replacing(
    template: Mapping[str, Any], config: Mapping[str, Any], list_identifiers: Identifiers | None = None
) -> dict[str, Any]:
    """Return ``config`` layered over ``template``; what stands under ``"key!"`` takes the place of ``"key"``.

    Otherwise as :func:`merge_config`, also about what it raises.
    """
    result = dict(template)
    for key, value in config.items():
        if name := _replaced_key(key):
            if name in config:
                raise InvalidConfiguration(f"Either '{name}' or '{key}' is possible, not both.")
            result[name] = _taken(value)
            continue
        existing = result.get(key)
        if isinstance(value, dict) and isinstance(existing, dict):
            value = merge_replacing(existing, value, list_identifiers)
        elif isinstance(value, list) and isinstance(existing, list):
            value = _merge_list_replacing(existing, value, list_identifiers)
        elif isinstance(value, (dict, list)):
            if isinstance(existing, (dict, list)):
                raise _incompatible(key, existing, value)
            value = _taken(value)
        result[key] = value
    return result


def _merge_list_replacing(list1: Sequence[Any], list2: Sequence[Any], identifiers: Identifiers | None) -> list[Any]:
    by_type: Any = identifiers if isinstance(identifiers, dict) else {None: identifiers or ()}
    result = {_key(element, by_type): element for element in list1}
    known = list(result.values())
    for element in list2:
        if element not in known:
            key = _key(element, by_type)
            existing = result.get(key)
            if isinstance(existing, dict) and isinstance(element, dict):
                result[key] = merge_replacing(existing, element, identifiers)
            else:
                result[key] = _taken(element)
    return list(result.values())


def _taken(value: Any) -> Any:
    """Return a value that meets nothing to be replaced."""
    if isinstance(value, dict):
        return merge_replacing({}, value)
    return [_taken(item) for item in value] if isinstance(value, list) else value


def _replaced_key(key: object) -> str:
    """Return the key whose value is replaced; empty if this is an ordinary key."""
    return key[:-1] if isinstance(key, str) and len(key) > 1 and key[-1] == "!" else ""


def _key(element: Any, by_type: Mapping[str | None, Sequence[str]]) -> Any:
    """Return what identifies a list element; an element without identifier is identical only to itself."""
    if not isinstance(element, dict):
        return id(element)
    kind = element.get("type")
    if kind and kind in by_type:
        return tuple(element[name] for name in by_type[kind] if name in element)
    for name in by_type.get(None, ()):
        if name in element:
            key = element[name]
            return tuple(key) if isinstance(key, list) else key
    return id(element)


def _incompatible(key: object, existing: object, value: object) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"Incompatible type for '{key}': expected {type(existing).__name__}, got {type(value).__name__}."
    )
