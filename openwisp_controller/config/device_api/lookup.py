"""The one indexed read behind a poll and a download.

The SQL is written by the ORM once per process and then reused: building a query costs more than running this one.
A device is served when its organization is active and it has a configuration that is not "deactivated".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q

from ..models import Config, Device, Vpn

_SAMPLE = uuid.UUID(int=0)
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
    row = _read(_device_query, device_id, archive)
    if row is None:
        return None
    served = Served(*row)
    return served._replace(archive=bytes(served.archive)) if served.archive is not None else served


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
    row = _read(_server_query, vpn_id, archive)
    if row is None:
        return None
    served = ServedServer(*row)
    return served._replace(archive=bytes(served.archive)) if served.archive is not None else served


def _device_query(archive: bool) -> Any:
    columns = (*_COLUMNS, "released__archive") if archive else _COLUMNS
    return served_configs().filter(device_id=_SAMPLE).values_list(*columns)


def _server_query(archive: bool) -> Any:
    columns = ("key", "name", "released__checksum", *(("released__archive",) if archive else ()))
    active = Q(organization__is_active=True) | Q(organization=None)
    return Vpn.objects.filter(active, pk=_SAMPLE).values_list(*columns)


def _read(query: Callable[[bool], Any], key: uuid.UUID, archive: bool) -> Any:
    """Run a query for one key and return its row; None when there is none."""
    statement, parameters, position = _statement(query, connection.vendor, archive)
    values = list(parameters)
    values[position] = _adapted(key)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


@lru_cache(maxsize=8)
def _statement(query: Callable[[bool], Any], vendor: str, archive: bool) -> tuple[str, tuple[Any, ...], int]:
    """Return the SQL, its parameters, and at which of them the key stands."""
    statement, parameters = query(archive).order_by().query.get_compiler(connection=connection).as_sql()
    return statement, tuple(parameters), parameters.index(_adapted(_SAMPLE))


def _adapted(key: uuid.UUID) -> Any:
    return Device._meta.pk.get_db_prep_value(key, connection)
