"""What the rows of variables say: which other origins define a variable, and what uses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ... import rendering
from ..compiling import context
from ..compiling.context import Explained, Layer
from ..models import Config, Template

_LONGEST = 200
"""Characters of a value that are shown."""


def of_config(config: Config, found: Sequence[Explained]) -> list[dict[str, Any]]:
    """Return the variables of a device as the page takes them.

    Args:
        config: with its templates stored.
        found: see ``context.explain``.
    """
    return _described(found, _users(config.ordered_templates()))


def of_layers(layers: Sequence[Layer], templates: Iterable[Template]) -> list[dict[str, Any]]:
    """Return variables of some origins as the page takes them.

    Args:
        layers: the strongest first.
        templates: those that may use the variables.
    """
    return _described(context.explained(layers), _users(templates))


def defaults_of(templates: Iterable[Template]) -> list[Layer]:
    """Return the default values of templates, those of the last one first."""
    return [
        Layer(f'template "{template.name}"', template.default_values)
        for template in reversed(list(templates))
        if isinstance(template.default_values, dict)
    ]


def _described(found: Iterable[Explained], users: dict[str, list[str]]) -> list[dict[str, Any]]:
    shown = [
        {
            "name": each.name,
            "layers": [
                {"origin": origin, **({} if each.is_secret else _shown(value))}
                for origin, value in ((each.origin, each.value), *each.overridden)
            ],
            "used": users.pop(each.name, []),
        }
        for each in found
    ]
    return [*shown, *({"name": name, "layers": [], "used": used} for name, used in sorted(users.items()))]


def _shown(value: Any) -> dict[str, Any]:
    if isinstance(value, str) and len(value) > _LONGEST:
        return {"value": value[:_LONGEST] + "…", "isCut": True}
    return {"value": value}


def _users(templates: Iterable[Template]) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for template in templates:
        for name in rendering.variable_names(template.config):
            users.setdefault(name, []).append(f'template "{template.name}"')
    return users
