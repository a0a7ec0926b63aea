"""What each template of a device changes of those before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import InvalidConfiguration, RenderingError
from .stack import Stack

#: What people know the items of lists by: those that merging goes by, and what files are written over by.
_LABELS = ("name", "config_value", "id", "path")


class _Item(str):
    """A step of a path that is the label of an item of a list."""

    __slots__ = ()


Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A setting that several layers define.

    Args:
        setting: what people call it: the first labelled item of a list, such as ``radio0``, else the last key.
        earlier: number of the layer that defined it before, from 0.
        is_override: whether values are replaced; False: some are added.
        paths: all that is concerned, from the root.
    """

    setting: str
    earlier: int
    is_override: bool
    paths: tuple[Path, ...]


@dataclass(slots=True)
class Layered:
    """What became of one layer.

    Args:
        overlaps: with earlier layers, in the order of the configuration.
        problem: why it cannot be merged with them; empty if it can be.
    """

    overlaps: list[Overlap] = field(default_factory=list)
    problem: str = ""


def find_overlaps(backend: str, layers: Sequence[Mapping[str, Any]]) -> list[Layered]:
    """Return for each layer, from first to last, what it changes of those before it.

    Found by comparing what is merged without the layer and with it, so the rules are those of merging. A layer that
    cannot be merged is left out for those after it. Equal values are no overlap.

    Raises:
        UnknownBackend: there is no such backend.
    """
    Stack(backend)
    found: list[Layered] = []
    merged: list[Mapping[str, Any]] = []
    base: Mapping[str, Any] = {}
    origins: dict[Path, tuple[int, ...]] = {}
    for number, layer in enumerate(layers):
        try:
            after = Stack(backend, [*merged, layer]).base
        except RenderingError as error:
            text = error.detail if isinstance(error, InvalidConfiguration) else error.message
            found.append(Layered(problem=text))
            continue
        changes = list(_changes(base, after, ()))
        found.append(Layered(_overlaps(changes, origins)))
        _note(after, number, changes, origins)
        merged.append(layer)
        base = after
    return found


def _overlaps(changes: Sequence[tuple[Path, bool]], origins: Mapping[Path, tuple[int, ...]]) -> list[Overlap]:
    known: dict[Path, dict[int, None]] = {}
    for path, numbers in origins.items():
        for length in range(1, len(path) + 1):
            known.setdefault(path[:length], {}).update(dict.fromkeys(numbers))
    found: dict[tuple[str, int], tuple[bool, list[Path]]] = {}
    for path, is_override in changes:
        for number in known.get(path, ()):
            key = (_setting(path), number)
            before, paths = found.get(key, (False, []))
            found[key] = before or is_override, [*paths, path]
    return [
        Overlap(setting, earlier, is_override, tuple(paths))
        for (setting, earlier), (is_override, paths) in found.items()
    ]


def _note(
    after: Mapping[str, Any], number: int, changes: Sequence[tuple[Path, bool]], origins: dict[Path, tuple[int, ...]]
) -> None:
    """Keep which layers each value comes from."""
    leaves = set(_leaves(after, ()))
    replaced = {path for path, is_override in changes if is_override}
    added = {path for path, is_override in changes if not is_override}
    for path in list(origins):
        if path not in leaves:
            del origins[path]
    for path in leaves:
        if path not in origins or any(path[:length] in replaced for length in range(1, len(path) + 1)):
            origins[path] = (number,)
        elif path in added:
            origins[path] = (*origins[path], number)


def _changes(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, bool]]:
    """Tell each path at which something is replaced (True) or to which something is added (False)."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from _changes(value, after[key], (*path, key))
            else:
                yield (*path, key), True
        if path and isinstance(path[-1], _Item) and any(key not in before for key in after):
            yield path, False
    elif isinstance(before, list) and isinstance(after, list):
        yield from _changes_of_list(before, after, path)
    elif before != after:
        yield path, True


def _changes_of_list(before: list[Any], after: list[Any], path: Path) -> Iterator[tuple[Path, bool]]:
    left = list(after)
    is_replaced = False
    for value in before:
        label = _label(value)
        match = next((each for each in left if each == value), None)
        if match is None and label:
            match = next((each for each in left if _label(each) == label), None)
        if match is None:
            if label:
                yield (*path, _Item(label)), True
            is_replaced = is_replaced or not label
            continue
        left = [each for each in left if each is not match]
        if label:
            yield from _changes(value, match, (*path, _Item(label)))
    known = {_label(value) for value in before}
    for label in dict.fromkeys(_label(value) for value in left):
        if label and label in known:
            yield (*path, _Item(label)), True  # both are there, and the last one is what counts
    if before and (is_replaced or any(not _label(value) for value in left)):
        yield path, is_replaced


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict):
        if not value or (path and isinstance(path[-1], _Item)):
            yield path
        for key, part in value.items():
            yield from _leaves(part, (*path, key))
    elif isinstance(value, list):
        labels = [_label(item) for item in value]
        if not all(labels) or not value:
            yield path
        for item, label in zip(value, labels, strict=True):
            if label:
                yield from _leaves(item, (*path, _Item(label)))
    else:
        yield path


def _label(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return next((value[name] for name in _LABELS if isinstance(value.get(name), str) and value[name]), "")


def _setting(path: Path) -> str:
    return str(next((step for step in path if isinstance(step, _Item)), path[-1]))
