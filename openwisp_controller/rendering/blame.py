"""Which layer of a configuration makes it invalid, and through which variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .backends import load_backend
from .errors import InvalidConfiguration, RenderingError, UnreadableConfiguration
from .places import value_at
from .stack import Stack
from .variables import expand, names

Layer = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Blame:
    """The layer to look at: its label, the path of the offending value, the variables in it, a plain
    sentence."""

    layer: str
    path: tuple[str | int, ...]
    variables: tuple[str, ...]
    message: str


def explain(
    backend: str, layers: Sequence[Layer], context: Mapping[str, Any], *, dsa: bool | None = None
) -> Blame | None:
    """Find the layer with which a configuration becomes invalid; None if the whole is valid.

    ``layers`` are pairs of label and NetJSON object, from the first template to the device's own
    configuration. A layer that is incomplete by itself but completed by a later one is not to blame. Raises
    :class:`UnknownBackend`.
    """
    load_backend(backend)
    whole = _failure(backend, layers, context, dsa) if layers else None
    if whole is None:
        return None
    broken = _broken_paths(backend, layers, context, dsa)
    count, error = len(layers), whole
    for earlier in range(len(layers) - 1, 0, -1):
        failure = _failure(backend, layers[:earlier], context, dsa)
        if failure is None:
            break
        if broken is None or _path(failure) in broken or _same(failure, whole):
            count, error = earlier, failure
    count = _source_of_file(layers[:count], context, error) or count
    used = tuple(sorted(names(value_at(_merged(backend, layers[:count]), _path(error)))))
    label = layers[count - 1][0]
    kind = "Configuration" if count == len(layers) else "Template"
    return Blame(label, _path(error), used, _sentence(f'{kind} "{label}"', error, used) + _others(whole, error))


def _source_of_file(layers: Sequence[Layer], context: Mapping[str, Any], error: RenderingError) -> int | None:
    """Return the number, from 1, of the layer that brings the extra file which an error is about.

    It need not be the one with which the error comes up: that may only make settings which the file would replace.
    """
    if isinstance(error, UnreadableConfiguration) and error.path[:1] == ("files",):
        for number, (_, config) in reversed(list(enumerate(layers, start=1))):
            if any(
                expand(file.get("path"), context) == error.found
                for file in config.get("files", config.get("files!", ()))
            ):
                return number
    return None


def _same(one: RenderingError, other: RenderingError) -> bool:
    """Whether two errors are about the same place; those without one only if they say the same."""
    return _path(one) == _path(other) and (_path(one) != () or one.message == other.message)


def _path(error: RenderingError) -> tuple[str | int, ...]:
    return error.path if isinstance(error, InvalidConfiguration) else ()


def _broken_paths(
    backend: str, layers: Sequence[Layer], context: Mapping[str, Any], dsa: bool | None
) -> set[tuple[str | int, ...]] | None:
    """Return the paths of all errors that the schema sees in the whole; None if it does not get that far."""
    *templates, (_, config) = layers
    try:
        stack = Stack(backend, [template for _, template in templates], dsa=dsa)
        return stack.broken_paths(config, context)
    except RenderingError:
        return None


def _failure(
    backend: str, layers: Sequence[Layer], context: Mapping[str, Any], dsa: bool | None
) -> RenderingError | None:
    *templates, (_, config) = layers
    try:
        Stack(backend, [template for _, template in templates], dsa=dsa).render(config, context)
    except RenderingError as error:
        return error
    return None


def _merged(backend: str, layers: Sequence[Layer]) -> Any:
    *templates, (_, config) = layers
    try:
        return Stack(backend, [template for _, template in templates]).merge(config)
    except RenderingError:
        return config


def _others(whole: RenderingError, told: RenderingError) -> str:
    """Return what else is wrong with a configuration besides the mistake that is told already."""
    mistakes = whole.mistakes if isinstance(whole, InvalidConfiguration) else ()
    rest = [mistake for mistake in mistakes if mistake.path != _path(told)]
    return "".join(f' Invalid as well at "{_pointer(each.path)}": {each.text.rstrip(".")}.' for each in rest)


def _pointer(path: Sequence[str | int]) -> str:
    return "#/" + "/".join(map(str, path))


def _sentence(who: str, error: RenderingError, used: Sequence[str]) -> str:
    if isinstance(error, InvalidConfiguration):
        where = "/".join(str(step) for step in error.path)
        text = f'{who} makes the configuration invalid at "#/{where}": {error.detail.rstrip(".")}.'
    else:
        text = f"{who} makes the configuration impossible to render: {error.message}"
    return f"{text} Variables used there: {', '.join(used)}." if used else text
