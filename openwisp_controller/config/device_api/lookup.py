"""The one indexed read behind a poll, a download and a report.

A device is served when its organization is active and it has a configuration that is not "deactivated".
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from django.db.models import Q

from ...common.prepared import Parameter, Prepared
from ..devices import reports
from ..models import Config, Device, Vpn

_COLUMNS = (
    "device__key", "device__name", "device__last_ip", "device__management_ip",
    "released__checksum", "released_id", "downloaded_id",
)  # fmt: skip


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


def _server_query(*columns: str) -> Any:
    active = Q(organization__is_active=True) | Q(organization=None)
    servers = Vpn.objects.filter(active, pk=Parameter("pk", Vpn)).order_by()
    return servers.values_list("key", "name", "released__checksum", *columns)


_device: Prepared[Any] = Prepared(lambda: _device_query(*_COLUMNS))
_device_with_archive: Prepared[Any] = Prepared(lambda: _device_query(*_COLUMNS, "released__archive"))
_reporting: Prepared[Any] = Prepared(
    lambda: _device_query("device__key", *(name.replace("_checksum", "__checksum") for name in reports.State._fields))
)
_server: Prepared[Any] = Prepared(_server_query)
_server_with_archive: Prepared[Any] = Prepared(lambda: _server_query("released__archive"))
