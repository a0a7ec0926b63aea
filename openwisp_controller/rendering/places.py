"""Where in the NetJSON something stands that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[str | int, ...]


def find(config: dict[str, Any], text: str) -> Path:
    """Return the path of a name or value in a configuration; empty if it is not to be found.

    Args:
        config: with the variables put in, as it was before it was converted.
        text: a key or value, or what netjsonconfig made of one: names of sections have prefixes, numbers, and
            underscores instead of dots and hyphens.
    """
    if not text:
        return ()
    exact = (path for path, written, _ in _texts(config) if written == text)
    around = (path for path, written, is_key in _texts(config) if text in written and not is_key)
    within = [
        (len(written), path)
        for path, written, is_key in _texts(config)
        if written and not is_key and _as_name(written) in _as_name(text)
    ]
    longest = max(within, key=lambda part: part[0])[1] if within else ()
    return next(exact, next(around, longest))


def value_at(value: Any, path: Sequence[str | int]) -> Any:
    """Return what stands at a path, or the last that there is on the way."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return value
    return value


def _as_name(text: str) -> str:
    return text.replace(".", "_").replace("-", "_")


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str, bool]]:
    """Go through the values that are texts, and the keys, each with its path and whether it is a key."""
    if isinstance(value, str):
        yield path, value, False
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), key, True
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
