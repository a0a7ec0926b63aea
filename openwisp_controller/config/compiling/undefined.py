"""Variables that configurations and templates use and nobody defines, said in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ... import rendering
from ..models import Config, DeviceGroup, OrganizationConfigSettings, Template
from ..settings import settings
from ..vpn.reading import clients as vpn_clients
from ..vpn.reading import variables as vpn_variables
from . import compiler, context

#: How many configurations and templates are asked which names they define, to find one that was meant.
_ASKED = 200


@dataclass(frozen=True, slots=True)
class Undefined:
    """A name that nobody defines."""

    name: str
    nearest: str = ""
    """A known name that may have been meant; empty if there is none like it."""
    lacking: int = 0
    """How many devices lack it, for templates."""
    devices: int = 0
    """How many devices have the template."""

    def __str__(self) -> str:
        text = _("the variable %s is not defined") % f'"{self.name}"'
        if self.nearest:
            text += " " + _("(did you mean %s?)") % f'"{self.nearest}"'
        if self.devices:
            missing = ngettext("%(n)d of %(all)d device lacks it", "%(n)d of %(all)d devices lack it", self.devices)
            text += ": " + missing % {"n": self.lacking, "all": self.devices}
        return text


def sentence(found: Iterable[Undefined]) -> str:
    """Return what to tell people."""
    text = "; ".join(map(str, found))
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def refuse(found: Sequence[Undefined]) -> None:
    """Raise ``ValidationError`` for undefined variables, where the setting says so."""
    if found and settings.UNDEFINED_VARIABLES == "refuse":
        raise ValidationError({"config": sentence(found)})


def is_asked() -> bool:
    """Tell whether anybody wants to know."""
    return settings.UNDEFINED_VARIABLES != "ignore"


def of_config(config: Config, templates: Sequence[Template]) -> list[Undefined]:
    """Return the names that a configuration, perhaps unsaved, uses and nobody defines.

    Args:
        config: with its device.
        templates: its templates, from first to last.
    """
    to_come = {name for template in templates if template.vpn is not None for name in _of_clients(template)}
    names = [name for name in compiler.undefined_variables(config, templates) if name not in to_come]
    if not names:
        return []
    known = context.merge(context.layers(config, templates, context.provided_with(config, templates)))
    return [Undefined(name, _nearest(name, known)) for name in names]


def of_template(template: Template) -> list[Undefined]:
    """Return the names that a template, perhaps unsaved, uses and of which devices that have it, or all, know nothing.

    However many devices there are, the number of statements is the same.
    """
    own = {*template.default_values, *settings.CONTEXT, *vpn_variables.EXAMPLES}
    if template.vpn is not None:
        own |= {*vpn_variables.of_server(template.vpn), *_of_clients(template)}
    try:
        names = rendering.Stack(template.backend).undefined(template.config, dict.fromkeys(own, ""))
    except rendering.RenderingError:
        return []
    if not names:
        return []
    users = Config.objects.none()
    if not template._state.adding:
        users = Config.objects.filter(templates=template, device___is_deactivated=False)
    lacking, devices = _lacking(users, names, template)
    known = {*own, *_known_nearby(template)}
    found = []
    for name in names:
        if lacking[name] if devices else name not in known:
            found.append(Undefined(name, _nearest(name, known - {name}), lacking[name], devices))
    return found


def _lacking(users: QuerySet[Config], names: Sequence[str], template: Template) -> tuple[dict[str, int], int]:
    """Return how many of the configurations lack each name, and how many configurations there are."""
    links = Config.templates.through.objects.filter(config=OuterRef("pk")).exclude(template=template.pk)
    flags = {}
    for number, name in enumerate(names):
        defined = (
            Q(context__has_key=name)
            | Q(device__group__context__has_key=name)
            | Q(device__organization__config_settings__context__has_key=name)
            | Q(Exists(links.filter(template__default_values__has_key=name)))
        )
        flags[f"defines_{number}"] = ExpressionWrapper(defined, output_field=BooleanField())
    rows = list(users.annotate(**flags).order_by().values_list("pk", *flags))
    open_rows = {pk: [name for name, flag in zip(names, known, strict=True) if not flag] for pk, *known in rows}
    open_rows = {pk: left for pk, left in open_rows.items() if left}
    configs = list(Config.objects.filter(pk__in=list(open_rows)).select_related("device")) if open_rows else []
    provided = context.provided(configs, vpn_clients.clients_of_configs(configs)) if configs else {}
    result = dict.fromkeys(names, 0)
    for config in configs:
        given = context.merge(provided.get(config.pk, ()))
        for name in open_rows[config.pk]:
            result[name] += name not in given
    return result, len(rows)


def _known_nearby(template: Template) -> set[str]:
    """Return names that somebody defines who may use the template: organizations, groups, devices, templates."""
    owner = template.organization_id
    of_owner: Any = {} if owner is None else {"organization": owner}
    of_device: Any = {} if owner is None else {"device__organization": owner}
    shared = Q() if owner is None else Q(organization=owner) | Q(organization=None)
    sources: list[QuerySet[Any, Any]] = [
        OrganizationConfigSettings.objects.filter(**of_owner).values_list("context", flat=True),
        DeviceGroup.objects.filter(**of_owner).order_by().values_list("context", flat=True),
        Config.objects.filter(**of_device).exclude(context={}).order_by().values_list("context", flat=True),
        Template.objects.filter(shared)
        .exclude(pk=template.pk)
        .exclude(default_values={})
        .order_by()
        .values_list("default_values", flat=True),
    ]
    return {name for source in sources for values in source[:_ASKED] if isinstance(values, dict) for name in values}


def _of_clients(template: Template) -> set[str]:
    """Return the names that a device has once it is a client of the server of a template."""
    assert template.vpn is not None
    return vpn_variables.names_of_clients(template.vpn)


def _nearest(name: str, known: Collection[str]) -> str:
    matches = get_close_matches(name, sorted(known), 1, 0.7)
    return matches[0] if matches else ""
