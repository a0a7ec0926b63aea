"""What the rows of chosen templates say: which settings of earlier templates each of them changes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from ... import rendering
from ..models import Template
from .base import asked_templates, selectable_templates

_MOST = 100
"""Templates that can be asked about at once."""
_SHOWN = 3
"""Settings that a row names of each kind; the rest is told when it is opened."""
#: Any of these shows lists of templates.
_PERMISSIONS = ("change_device", "add_device", "change_devicegroup", "add_devicegroup")


@require_GET
def template_overlaps(request: HttpRequest) -> JsonResponse:
    """Answer with what templates, in the order of ``pks``, change of those before them, by key.

    Each has ``summary``, a short text, and ``details``, lines with the path of every setting; templates that change
    nothing are left out. Those of different backends do not meet.
    """
    user: Any = request.user
    if not any(user.has_perm(f"config.{name}") for name in _PERMISSIONS):
        raise PermissionDenied
    try:
        keys = asked_templates(request)
    except ValueError:
        return JsonResponse({"error": _("invalid template pks were received")}, status=400)
    if len(set(keys)) != len(keys) or len(keys) > _MOST:
        return JsonResponse({"error": _("each of at most %d templates is named once") % _MOST}, status=400)
    found = selectable_templates(request, Template.objects.all()).in_bulk(keys)
    if len(found) != len(keys):
        return JsonResponse({"error": _("there are no such templates")}, status=404)
    told = _told([found[key] for key in keys])
    return JsonResponse({"overlaps": {str(key): told[key] for key in keys if key in told}})


def _told(templates: Sequence[Template]) -> dict[uuid.UUID, dict[str, Any]]:
    result: dict[uuid.UUID, dict[str, Any]] = {}
    by_backend: dict[str, list[Template]] = {}
    for template in templates:
        by_backend.setdefault(template.backend, []).append(template)
    for backend, those in by_backend.items():
        try:
            layers = rendering.find_overlaps(backend, [template.config or {} for template in those])
        except rendering.UnknownBackend:
            layers = [rendering.Layered() for _template in those]
        variables = _overridden_variables([template.default_values or {} for template in those])
        for template, layer, names in zip(those, layers, variables, strict=True):
            described = _described(layer, names, those)
            if described["summary"]:
                result[template.pk] = described
    return result


def _overridden_variables(defaults: Sequence[Mapping[str, Any]]) -> list[dict[str, int]]:
    """Return for each template the variables whose default value it changes, with the number of who had it before."""
    last: dict[str, int] = {}
    result = []
    for number, values in enumerate(defaults):
        result.append(
            {name: last[name] for name in values if name in last and defaults[last[name]][name] != values[name]}
        )
        last.update(dict.fromkeys(values, number))
    return result


def _described(layer: rendering.Layered, variables: Mapping[str, int], templates: Sequence[Template]) -> dict[str, Any]:
    overridden: list[str] = []
    added: list[str] = []
    details: list[str] = []
    for each in layer.overlaps:
        setting = _("%(setting)s of %(template)s") % {
            "setting": each.setting, "template": templates[each.earlier].name,
        }  # fmt: skip
        (overridden if each.is_override else added).append(setting)
        kind = _("overrides %s") if each.is_override else _("adds to %s")
        details.append(f"{kind % setting}: {', '.join(' › '.join(path) for path in each.paths)}")
    for name, earlier in variables.items():
        setting = _("variable %(setting)s of %(template)s") % {"setting": name, "template": templates[earlier].name}
        overridden.append(setting)
        details.append(_("overrides %s") % setting)
    parts = []
    if layer.problem:
        parts.append(_("cannot be merged: %s") % layer.problem)
    if overridden:
        parts.append(_("overrides %s") % _shortened(overridden))
    if added:
        parts.append(_("adds to %s") % _shortened(added))
    return {"summary": "; ".join(parts), "details": [*parts[: bool(layer.problem)], *details]}


def _shortened(names: Sequence[str]) -> str:
    text = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return _("%(names)s and %(count)d more") % {"names": text, "count": more} if more > 0 else text
