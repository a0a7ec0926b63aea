"""Which templates a configuration gets by itself, and which it may have."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ...common.prepared import Parameter, Prepared
from ..compiling import compiler, undefined
from ..models import Config, Device, DeviceGroup, Template
from ..settings import settings
from ..vpn.reading import clients

_EXHAUSTED = _("The subnet %s has no free address left for this device.")


def automatic_templates(organization_id: uuid.UUID, backend: str) -> list[Template]:
    """Return the default and required templates of a new configuration: required first, then by name."""
    return _automatic(organization=organization_id, backend=backend)


_automatic = Prepared[Template](
    lambda: Template.objects.usable_by(
        Parameter("organization", Template, "organization"), Parameter("backend", Template, "backend")
    ).automatic()
)


def group_templates(group: DeviceGroup | None, backend: str) -> list[Template]:
    """Return the templates of a group that suit a backend, in the group's order."""
    if group is None:
        return []
    return [template for template in group.templates.all() if template.backend == backend]


def initial_templates(device: Device, backend: str) -> list[Template]:
    """Return what a new (or re-activated) configuration gets: automatic templates, then those of its group."""
    templates = automatic_templates(device.organization_id, backend)
    present = {template.pk for template in templates}
    templates += [t for t in group_templates(device.group, backend) if t.pk not in present]
    return one_per_server(templates)


def check_organizations(config: Config, templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming the templates that belong to another organization than the device."""
    check_owners(templates, config.device.organization_id)


def check_owners(templates: Iterable[Template], organization: uuid.UUID | None) -> None:
    """Raise ``ValidationError`` naming the templates that are neither shared nor of ``organization``."""
    foreign = [t.name for t in templates if t.organization_id not in (None, organization)]
    if foreign:
        raise ValidationError(
            _(
                "The following templates are owned by organizations which do not match the organization"
                " of this configuration: {}"
            ).format(", ".join(foreign))
        )


def check_group(group: DeviceGroup, templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming the templates that belong to another organization than the group."""
    foreign = [t.name for t in templates if t.organization_id not in (None, group.organization_id)]
    if foreign:
        raise ValidationError(_("These templates belong to another organization: {}").format(", ".join(foreign)))


def check_group_servers(templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming templates of a group that no device could have together.

    Devices get those of their own backend alone.
    """
    by_backend: dict[str, list[Template]] = {}
    for template in templates:
        by_backend.setdefault(template.backend, []).append(template)
    for together in by_backend.values():
        check_vpn_servers(together)


def check_chosen(config: Config, templates: Sequence[Template]) -> None:
    """Raise ``ValidationError`` unless a configuration may have these templates, and the required ones, together.

    Args:
        config: with its device; perhaps unsaved.
        templates: all that it shall have.
    """
    check_organizations(config, templates)
    check_backends(config, templates)
    required = Template.objects.usable_by(config.device.organization_id, config.backend).filter(required=True)
    chosen = {template.pk for template in templates}
    check_vpn_servers([*templates, *(each for each in required.exclude(vpn=None) if each.pk not in chosen)])
    present = {template.pk for template in config.ordered_templates()}
    exhausted = clients.exhausted_subnet(config, [each for each in templates if each.pk not in present])
    if exhausted is not None:
        raise ValidationError(_EXHAUSTED % exhausted.subnet)


def check_backends(config: Config, templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming the templates that are made for another backend."""
    others = [template.name for template in templates if template.backend != config.backend]
    if others:
        raise ValidationError(
            _("The following templates are made for another backend than this configuration: {}").format(
                ", ".join(others)
            )
        )


def check_vpn_servers(templates: Iterable[Template]) -> None:
    """Raise ``ValidationError`` naming templates of the same VPN server: a device is its client once."""
    by_server: dict[str, list[str]] = {}
    for template in templates:
        if template.vpn is not None:
            by_server.setdefault(template.vpn.name, []).append(f'"{template.name}"')
    lines = []
    for server, names in sorted(by_server.items()):
        if len(names) > 1:
            *others, last = sorted(names)
            text = _('The templates {} are all linked to the same VPN server: "{}".')
            lines.append(text.format(f"{', '.join(others)} and {last}", server))
    if lines:
        first_line = _("You cannot select multiple VPN client templates related to the same VPN server.")
        raise ValidationError("\n".join([str(first_line), *lines]))


def one_per_server(templates: Iterable[Template]) -> list[Template]:
    """Leave out templates of a VPN server of which one before makes the device a client already."""
    servers: set[uuid.UUID] = set()
    result = []
    for template in templates:
        if template.vpn_id is None or template.vpn_id not in servers:
            result.append(template)
        if template.vpn_id is not None:
            servers.add(template.vpn_id)
    return result


def check_assignable(config: Config, present: Sequence[Template], added: Sequence[Template]) -> None:
    """Raise ``ValidationError`` unless ``added`` may be appended to the templates of a configuration.

    Args:
        config: with its device.
        present: templates it has, in order.
        added: templates it shall get besides.
    """
    check_organizations(config, added)
    check_backends(config, added)
    check_vpn_servers([*present, *added])
    if config.device.is_deactivated():
        return
    exhausted = clients.exhausted_subnet(config, added)
    if exhausted is not None:
        raise ValidationError(_EXHAUSTED % exhausted.subnet)
    error = compiler.check(config, [*present, *added])
    if error is not None and compiler.check(config, present) is None:
        raise ValidationError(_("There is a conflict with the specified templates. {}").format(error.message))
    if settings.UNDEFINED_VARIABLES == "refuse":
        before = {each.name for each in undefined.of_config(config, present)}
        new = [each for each in undefined.of_config(config, [*present, *added]) if each.name not in before]
        if new:
            raise ValidationError(undefined.sentence(new))


def required_first(present: list[uuid.UUID], required: Collection[uuid.UUID], added: uuid.UUID) -> list[uuid.UUID]:
    """Insert a template that became required behind the required ones that stand at the front."""
    position = 0
    while position < len(present) and present[position] in required:
        position += 1
    return [*present[:position], added, *present[position:]]


def with_automatic(present: list[uuid.UUID], automatic: Sequence[Template]) -> list[uuid.UUID]:
    """Add the automatic templates that are missing, each where a new configuration would have it."""
    leading: set[uuid.UUID] = set()
    for template in automatic:
        leading.add(template.pk)
        if template.pk not in present:
            present = required_first(present, leading, template.pk)
    return present
