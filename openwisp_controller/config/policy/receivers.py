"""Django's own signals about deletions, restored versions and renewed certificates, reported as events of the table."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from openwisp_users.models import Organization

from ...pki.models import Cert
from ..models import Config, Device, DeviceGroup, OrganizationConfigSettings, Template, Vpn
from ..models.observed import Observed
from ..unit_of_work import unit_of_work
from ..whois.service import WHOISService

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
    """Receive ``pre_save``: look at what an earlier version, or a fixture, is about to replace."""
    if raw:
        instance.begin_restoring()


def after_restoring(sender: type[Model], instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Receive ``post_save``: an earlier version that was stored over a row is an edit as any other.

    What did not exist (any more) is compiled; nothing is announced of it.
    """
    if not raw:
        return
    if not created:
        instance.end_restoring()
        return
    if isinstance(instance, Config):
        instance.created_here = True
    with unit_of_work() as unit:
        unit.happened(instance, "restored", detail=_detail(instance, "restored"))


def after_deleting_vpn(sender: type[Vpn], instance: Vpn, **kwargs: Any) -> None:
    """Receive ``post_delete`` of VPN servers: what they had is given back."""
    with unit_of_work() as unit:
        unit.happened(instance, "gone")


def after_deleting_device(sender: type[Device], instance: Device, **kwargs: Any) -> None:
    """Receive ``post_delete`` of devices: their addresses may not be needed any more."""
    if WHOISService.is_configured():
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
    if isinstance(instance, Config):  # its device may not be restored yet
        return f"{_NAMES[Config]} {verb}"
    return f'{_NAMES[type(instance)]} "{getattr(instance, "name", instance)}" {verb}'
