"""Django's own signals about deletions, restored versions and renewed certificates, reported as events of the table."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from openwisp_users.models import Organization

from ...pki.models import Cert
from ..models import Config, Device, DeviceGroup, OrganizationConfigSettings, Template, Vpn
from ..models.observed import Observed
from ..unit_of_work import unit_of_work

_NAMES: dict[type[Model], str] = {
    Template: "template",
    DeviceGroup: "group",
    OrganizationConfigSettings: "settings",
    Device: "device",
    Config: "configuration",
    Vpn: "VPN server",
}


def before_deletion(sender: type[Model], instance: Any, origin: Any = None, **kwargs: Any) -> None:
    """Receive ``pre_delete`` of shared objects: what depended on them is compiled without them.

    Not so when a whole organization is deleted, for its devices go too.
    """
    if isinstance(origin, Organization) or getattr(origin, "model", None) is Organization:
        return
    with unit_of_work() as unit:
        unit.happened(instance, "deleted", detail=_detail(instance, "deleted"))


def before_restoring(sender: type[Observed], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``pre_save``: what workers and devices own is no part of an earlier version that is restored."""
    owned = (*sender.system_fields, *sender.shared_fields)
    if raw and owned:
        names = [field.attname for field in sender._meta.concrete_fields if field.name in owned]
        row = sender._base_manager.filter(pk=instance.pk).values(*names).first() or {}
        for name, value in row.items():
            setattr(instance, name, value)


def after_restoring(sender: type[Model], instance: Any, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``post_save``: rows stored as they were once (a fixture, an earlier version) are compiled again.

    Restored devices and configurations are not announced, edited templates are.
    """
    if raw:
        with unit_of_work() as unit:
            unit.happened(instance, "restored", detail=_detail(instance, "restored"))


def after_deleting_vpn(sender: type[Vpn], instance: Vpn, **kwargs: Any) -> None:
    """Receive ``post_delete`` of VPN servers: what they had is given back."""
    with unit_of_work() as unit:
        unit.happened(instance, "gone")


def before_renewal(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive that a certificate is about to be renewed: what uses it is locked before it, as everywhere."""
    if isinstance(instance, Cert):
        with unit_of_work() as unit:
            unit.happened(instance, "renewing", detail=f'certificate "{instance.common_name}" renewed')


def after_renewal(sender: type[Model], instance: Any, **kwargs: Any) -> None:
    """Receive that a certificate was renewed: its server, and all clients of it, get the new one.

    The certificate of a CA follows with those that it signed, see ``pki.renewal``.
    """
    with unit_of_work() as unit:
        unit.happened(instance, "renewed")


def _detail(instance: Any, verb: str) -> str:
    return f'{_NAMES[type(instance)]} "{getattr(instance, "name", instance)}" {verb}'
