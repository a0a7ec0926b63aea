"""All that configurations are compiled from: the one place that every compiler, check and preview reads it from.

An ``Overlay`` puts edits that are not stored over what is loaded, so a preview sees what saving would compile.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from ..models import Config, DeviceGroup, OrganizationConfigSettings, Template, Vpn, VpnClient
from ..vpn.reading import clients as vpn_clients
from ..vpn.reading import variables as vpn_variables
from . import context
from .loading import templates_of

#: Takes a configuration and its templates in order, returns those that it shall have.
Reassign = Callable[[Config, list[Template]], list[Template]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a configuration is compiled from, besides what stands in its own row and its device's."""

    config: Config
    templates: Sequence[Template]
    """From first to last, those of its backend."""
    clients: Sequence[VpnClient] = ()
    provided: Sequence[context.Layer] = ()
    """What it gets as a VPN client and from other apps, the strongest first."""

    def variables(self) -> dict[str, Any]:
        """Return the variables that the device sees."""
        return context.merge(context.layers(self.config, self.templates, self.provided))

    def with_placeholders(self) -> dict[str, Any]:
        """Return the variables, and a placeholder for each that the device gets when it becomes a VPN client."""
        variables = self.variables()
        for template in self.templates:
            if template.vpn is not None:
                names = vpn_variables.names_of_clients(template.vpn)
                missing = {name: f"‹{name.rpartition('_')[0] or name}›" for name in names}
                variables = {**missing, **vpn_variables.examples(template.vpn), **variables}
        return variables


class Overlay:
    """Edits that are not stored.

    Args:
        edited: instances with the new values; each stands for the stored one with its primary key.
        reassign: which templates each configuration shall have; None = those that it has.
    """

    def __init__(self, *edited: Model, reassign: Reassign | None = None) -> None:
        self._edited = {(type(instance), instance.pk): instance for instance in edited}
        self._reassign = reassign

    def over_device(self, config: Config) -> None:
        """Put the edits over the group and the organization of a device."""
        device: Any = config.device
        if device.group_id is not None:
            device.group = self._edited.get((DeviceGroup, device.group_id), device.group)
        for (model, _), instance in self._edited.items():
            settings: Any = instance
            if model is OrganizationConfigSettings and settings.organization_id == device.organization_id:
                device.organization.config_settings = settings

    def over_templates(self, config: Config, templates: Iterable[Template]) -> list[Template]:
        """Return the templates of a configuration with the edits put over them and their servers."""
        found = [self._template(template) for template in templates]
        if self._reassign is not None:
            found = [self._template(template) for template in self._reassign(config, found)]
        return [template for template in found if template.backend == config.backend]

    def over_clients(self, clients: Iterable[VpnClient]) -> None:
        """Put the edits over the servers of VPN clients."""
        for client in clients:
            client.vpn = self._edited.get((Vpn, client.vpn_id), client.vpn)  # type: ignore[assignment]

    def _template(self, template: Template) -> Template:
        found: Any = self._edited.get((Template, template.pk), template)
        server = self._edited.get((Vpn, found.vpn_id)) if found.vpn_id is not None else None
        if server is not None:
            found.vpn = server
        return found


def gather(
    configs: Sequence[Config],
    clients: vpn_clients.Clients,
    *,
    assigned: Mapping[uuid.UUID, list[Template]] | None = None,
    overlay: Overlay | None = None,
) -> dict[uuid.UUID, Inputs]:
    """Return what each configuration is compiled from, with few queries however many there are.

    Args:
        configs: as ``loading.load`` returns them.
        clients: the VPN clients of each.
        assigned: templates that are known and need not be read.
        overlay: edits that are not stored.
    """
    templates = templates_of(configs, assigned or {})
    if overlay is not None:
        for config in configs:
            overlay.over_device(config)
            overlay.over_clients(clients[config.pk])
            templates[config.pk] = overlay.over_templates(config, templates[config.pk])
    provided = context.provided(configs, clients)
    return {
        config.pk: Inputs(config, templates[config.pk], clients[config.pk], provided.get(config.pk, ()))
        for config in configs
    }


def of_one(config: Config, templates: Sequence[Template]) -> Inputs:
    """Return what one configuration is compiled from, perhaps unsaved.

    Args:
        config: with its device.
        templates: those that it has or is about to get, from first to last; those of another backend are left out.
    """
    suitable = [template for template in templates if template.backend == config.backend]
    return Inputs(config, suitable, provided=context.provided_with(config, suitable))
