"""Which configurations depend on an object that many devices share."""

from __future__ import annotations

import uuid
from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet

from ..models import Config, Device, DeviceGroup, OrganizationConfigSettings, Template, Vpn
from .effects import Dependents


def _active() -> QuerySet[Config]:
    return Config.objects.filter(device___is_deactivated=False)


OF_TEMPLATE = Dependents(
    "the configurations of active devices that have the template",
    lambda template: _active().filter(templates=template),
)
OF_GROUP = Dependents(
    "the configurations of active devices of the group",
    lambda group: _active().filter(device__group=group),
)
OF_ORGANIZATION = Dependents(
    "the configurations of active devices of the organization",
    lambda settings: _active().filter(device__organization=settings.organization_id),
)
OF_VPN = Dependents(
    "the configurations of active devices that are clients of the server",
    lambda vpn: _active().filter(vpnclient__vpn=vpn),
)
OF_CERT = Dependents(
    "the configuration of the active device whose certificate it is",
    lambda cert: _active().filter(vpnclient__cert=cert),
)
OF_DEVICE = Dependents(
    "the configuration of the device",
    lambda device: Config.objects.filter(device=device),
)
OF_CLIENT = Dependents(
    "the configuration of the client",
    lambda client: Config.objects.filter(pk=client.config_id),
)
OF_UNMARKED_CLIENT = Dependents(
    "the configuration of the client, unless it is marked already,",
    lambda client: Config.objects.filter(pk=client.config_id, stale_since__isnull=True),
)
ITSELF = Dependents(
    "the configuration itself",
    lambda config: Config.objects.filter(pk=config.pk),
)
_OF_MODEL: dict[type[Model], Dependents] = {
    Template: OF_TEMPLATE,
    DeviceGroup: OF_GROUP,
    OrganizationConfigSettings: OF_ORGANIZATION,
    Vpn: OF_VPN,
    Device: OF_DEVICE,
    Config: ITSELF,
}


def configs_depending_on(model: str, key: uuid.UUID) -> QuerySet[Config] | None:
    """Return the configurations that depend on a shared object, None when it is gone.

    Args:
        model: label of its model, one of those that the table compiles in the background.
        key: its primary key.
    """
    shared: Any = apps.get_model(model)._base_manager.filter(pk=key).first()
    return _OF_MODEL[type(shared)].query(shared) if shared is not None else None
