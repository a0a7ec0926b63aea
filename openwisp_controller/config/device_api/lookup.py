"""The one indexed read behind a poll, a download and a report.

A device is served when its organization is active and it has a configuration that is not "deactivated".
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q

from ...common.prepared import Parameter, Prepared
from ..devices import reports
from ..models import Config, Device, Vpn, WHOISInfo
from ..whois import service

_COLUMNS = (
    "device__key", "device__name", "device__last_ip", "device__management_ip",
    "released__checksum", "released_id", "downloaded_id",
)  # fmt: skip


class Whois(NamedTuple):
    """Whether the address of a device is to be looked up again."""

    is_deactivated: bool
    is_enabled: bool | None
    """In the organization of the device; None = as the setting says."""
    is_fresh: bool
    """What is known about the address."""


class Served(NamedTuple):
    """What the poll and download endpoints know about a device."""

    key: str
    name: str
    last_ip: str | None
    management_ip: str | None
    checksum: str | None
    released_id: int | None
    downloaded_id: int | None
    archive: bytes | None = None
    whois: Whois | None = None


def served_configs() -> Any:
    """Return the configurations that devices may fetch and report about."""
    return Config.objects.filter(device__organization__is_active=True).exclude(status=Config.Status.DEACTIVATED)


def find(device_id: uuid.UUID, *, archive: bool = False) -> Served | None:
    """Return what is served to a device, with one statement; None when nothing is.

    Args:
        device_id: primary key of the device.
        archive: read the released archive too.
    """
    row = (_device_with_archive if archive else _device).row(pk=device_id)
    if row is None:
        return None
    served = Served(*row)
    return served._replace(archive=bytes(served.archive)) if served.archive is not None else served


def find_with_whois(device_id: uuid.UUID) -> Served | None:
    """Return what is served to a device, and what is known about its address, with one statement."""
    row = _device_with_whois.row(pk=device_id, fresh_since=service.fresh_since())
    if row is None:
        return None
    return Served(*row[: len(_COLUMNS)])._replace(whois=Whois(*row[len(_COLUMNS) :]))


class Reporting(NamedTuple):
    """What the endpoint for reports knows about a device."""

    key: str
    state: reports.State


def find_reporting(device_id: uuid.UUID) -> Reporting | None:
    """Return what a device reports about, with one statement that locks nothing; None when it is not served.

    Args:
        device_id: primary key of the device.
    """
    row = _reporting.row(pk=device_id)
    return Reporting(row[0], reports.State(*row[1:])) if row is not None else None


class ServedServer(NamedTuple):
    """What the endpoints of VPN servers know about one."""

    key: str
    name: str
    checksum: str | None
    archive: bytes | None = None


def find_server(vpn_id: uuid.UUID, *, archive: bool = False) -> ServedServer | None:
    """Return what is served to a VPN server, with one statement; None when nothing is.

    Args:
        vpn_id: primary key of the server.
        archive: read the released archive too.
    """
    row = (_server_with_archive if archive else _server).row(pk=vpn_id)
    if row is None:
        return None
    served = ServedServer(*row)
    return served._replace(archive=bytes(served.archive)) if served.archive is not None else served


def _device_query(*columns: str) -> Any:
    return served_configs().filter(device=Parameter("pk", Device)).values_list(*columns).order_by()


def _device_query_with_whois() -> Any:
    fresh_since = Parameter("fresh_since", WHOISInfo, "modified")
    fresh = WHOISInfo.objects.filter(ip_address=OuterRef("device__last_ip"), modified__gt=fresh_since)
    names = (*_COLUMNS, "device___is_deactivated", "device__organization__config_settings__whois_enabled")
    return _device_query(*names).annotate(whois_is_fresh=Exists(fresh)).values_list(*names, "whois_is_fresh")


def _server_query(*columns: str) -> Any:
    active = Q(organization__is_active=True) | Q(organization=None)
    servers = Vpn.objects.filter(active, pk=Parameter("pk", Vpn)).order_by()
    return servers.values_list("key", "name", "released__checksum", *columns)


_device: Prepared[Any] = Prepared(lambda: _device_query(*_COLUMNS))
_device_with_archive: Prepared[Any] = Prepared(lambda: _device_query(*_COLUMNS, "released__archive"))
_device_with_whois: Prepared[Any] = Prepared(_device_query_with_whois)
_reporting: Prepared[Any] = Prepared(
    lambda: _device_query("device__key", *(name.replace("_checksum", "__checksum") for name in reports.State._fields))
)
_server: Prepared[Any] = Prepared(_server_query)
_server_with_archive: Prepared[Any] = Prepared(lambda: _server_query("released__archive"))
