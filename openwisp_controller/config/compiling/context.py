"""Which variables a device sees, and where each came from.

From strongest to weakest: the device's own variables, the predefined ones, the hardware id, what other apps provide
(addresses, VPN clients), the group, the organization, the system, and the default values of the templates.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...common.registry import Registry
from ..settings import settings
from ..vpn.reading import clients as vpn_clients
from ..vpn.reading import variables as vpn_variables

if TYPE_CHECKING:
    from ..models import Config, Template

Variables = Mapping[str, Any]
#: Takes configurations, returns the variables of each that has some, keyed by the configuration's primary key.
Provider = Callable[[Sequence["Config"]], Mapping[uuid.UUID, Variables]]

_SECRETS = ("pvt_key_", "key_contents_", "secret")
PREDEFINED = ("id", "key", "name", "mac_address")
#: What other apps provide, by origin, which is shown to operators; the one registered first wins.
providers: Registry[Provider] = Registry("provider of variables")


@dataclass(frozen=True, slots=True)
class Layer:
    """Variables with one origin, such as ``group`` or ``template "wifi"``."""

    origin: str
    variables: Variables


def of_config(config: Config, *, system: bool = False) -> dict[str, Any]:
    """Return the variables of one configuration: the predefined ones first, the others sorted by name.

    Args:
        config: may be unsaved.
        system: leave out the variables defined in the configuration itself.
    """
    templates = config.ordered_templates()
    strongest_first = layers(config, templates, provided_with(config, templates))
    merged = merge(strongest_first[1:] if system else strongest_first)
    ordered = {name: merged.pop(name) for name in PREDEFINED if name in merged}
    ordered.update(sorted(merged.items()))
    return ordered


def provided(configs: Sequence[Config], clients: vpn_clients.Clients) -> dict[uuid.UUID, list[Layer]]:
    """Return what configurations get as VPN clients and from other apps, by configuration, the strongest first.

    Args:
        configs: each provider is asked once about all of them.
        clients: the VPN clients of each.
    """
    result: dict[uuid.UUID, list[Layer]] = {}
    found: list[tuple[str, Mapping[uuid.UUID, Variables]]] = [("VPN server", vpn_variables.of_clients(clients))]
    found += [(origin, provider(configs)) for origin, provider in providers.items()]
    for origin, by_config in found:
        for key, variables in by_config.items():
            if variables:
                result.setdefault(key, []).append(Layer(origin, variables))
    return result


def provided_with(config: Config, templates: Sequence[Template]) -> list[Layer]:
    """Return what ``provided`` says of one configuration with the templates that it has or is about to get.

    Without VPN templates it is no VPN client, so nobody is asked about that.
    """
    is_client = any(template.vpn_id is not None for template in templates)
    clients = vpn_clients.clients_of_configs([config]) if is_client else {}
    return provided([config], clients).get(config.pk, [])


def layers(config: Config, templates: Sequence[Template], extra: Sequence[Layer] = ()) -> list[Layer]:
    """Return the layers of variables of a configuration, the strongest first, its own variables always at the front.

    Args:
        config: with its device, the device's group and organization at hand.
        templates: its templates, from first to last.
        extra: what providers contribute, see ``provided``.
    """
    device = config.device
    predefined = {"id": str(device.pk), "key": device.key, "name": device.name, "mac_address": device.mac_address}
    result = [Layer("device", _object(config.context)), Layer("predefined", predefined)]
    if settings.HARDWARE_ID_ENABLED and device.hardware_id:
        result.append(Layer("predefined", {"hardware_id": str(device.hardware_id)}))
    result.extend(extra)
    if device.group is not None:
        result.append(Layer("group", _object(device.group.context)))
    organization_settings = getattr(device.organization, "config_settings", None)
    if organization_settings is not None:
        result.append(Layer("organization", _object(organization_settings.context)))
    if settings.CONTEXT:
        result.append(Layer("system", settings.CONTEXT))
    for template in reversed(templates):
        if template.default_values:
            result.append(Layer(f'template "{template.name}"', _object(template.default_values)))
        if template.vpn_id is not None and not _is_client(extra, template.vpn_id):
            assert template.vpn is not None
            result.append(Layer("VPN server", vpn_variables.of_server(template.vpn)))
    return result


def _is_client(extra: Sequence[Layer], vpn_id: uuid.UUID) -> bool:
    """Tell whether the device is a client of a VPN server already; otherwise it is about to become one."""
    return any(f"vpn_host_{vpn_id.hex}" in layer.variables for layer in extra)


def is_secret(name: str) -> bool:
    """Tell whether a variable of this name is a private key or the like."""
    return name.startswith(_SECRETS)


@dataclass(frozen=True, slots=True)
class Explained:
    """A variable as a device sees it, and where its value comes from."""

    name: str
    value: Any
    origin: str
    overrides: tuple[str, ...] = ()
    """Weaker origins that define it too, the strongest first."""
    overridden: tuple[tuple[str, Any], ...] = ()
    """The same, each with its value."""

    @property
    def is_secret(self) -> bool:
        """Whether it is a private key or the like, to be shown only when somebody asks for it."""
        return self.name == "key" or is_secret(self.name)


def explain(config: Config, templates: Sequence[Template]) -> list[Explained]:
    """Return every variable that a device sees, sorted by name, with its origin.

    Args:
        config: may be unsaved.
        templates: its templates, from first to last.
    """
    return explained(layers(config, templates, provided_with(config, templates)))


def explained(strongest_first: Sequence[Layer]) -> list[Explained]:
    """Return every variable of some layers, sorted by name, with its origin."""
    origins: dict[str, list[Layer]] = {}
    for layer in strongest_first:
        for name in layer.variables:
            origins.setdefault(name, []).append(layer)
    return [
        Explained(
            name, found[0].variables[name], found[0].origin, tuple(layer.origin for layer in found[1:]),
            tuple((layer.origin, layer.variables[name]) for layer in found[1:]),
        )
        for name, found in sorted(origins.items())
    ]  # fmt: skip


def defaults(templates: Sequence[Template], group: Any, organization: Any) -> dict[str, Any]:
    """Return what a device need not define: default values of its templates, as group and organization override them.

    Args:
        templates: from first to last; later ones win.
        group: a ``DeviceGroup`` or None.
        organization: an ``Organization`` or None.
    """
    values: dict[str, Any] = {}
    for template in templates:
        values.update(_object(template.default_values))
    for owner in (getattr(organization, "config_settings", None), group):
        if owner is not None:
            values.update((name, value) for name, value in _object(owner.context).items() if name in values)
    return values


def merge(strongest_first: Sequence[Layer]) -> dict[str, Any]:
    """Flatten layers into one dictionary; the strongest value of each name wins."""
    merged: dict[str, Any] = {}
    for layer in reversed(strongest_first):
        merged.update(layer.variables)
    return merged


def _object(value: Any) -> Variables:
    """Ignore what is no object: such a value can have been stored by other means than our forms."""
    return value if isinstance(value, dict) else {}
