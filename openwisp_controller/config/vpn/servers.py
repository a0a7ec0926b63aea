"""From VPN servers to the archives that they download. Compiled when something changes, never on a request."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from ... import rendering
from ...common import claims
from ...common.authorship import author_id
from ...common.wakeup import wake
from ..models import Cause, StaleServer, Vpn, VpnRevision
from ..unit_of_work import unit_of_work
from . import webhook
from .reading import server_config

logger = logging.getLogger(__name__)


class MarkedServers:
    """The servers that a unit of work marks for compiling at its end."""

    def __init__(self) -> None:
        self.keys: dict[uuid.UUID, None] = {}

    def write(self) -> None:
        """Store one mark for each server and wake a worker."""
        if self.keys:
            StaleServer.objects.bulk_create(StaleServer(vpn_id=key) for key in self.keys)
            self.keys = {}
            wake("config.compile_servers")


def mark_stale(keys: Iterable[uuid.UUID]) -> None:
    """Let servers be compiled again in the background.

    Args:
        keys: their primary keys.
    """
    with unit_of_work() as unit:
        unit.of(MarkedServers).keys.update(dict.fromkeys(keys))


def mark_all_stale() -> None:
    """Let all servers be compiled again in the background."""
    mark_stale(Vpn.objects.values_list("pk", flat=True))


def compile_stale() -> int:
    """Compile stale servers, one transaction each; return how many there were.

    A server whose certificate is still to be made or renewed waits for it.
    """
    return _STALE.all()


def compile_now(key: uuid.UUID) -> None:
    """Compile one server that never was."""
    with transaction.atomic():
        vpn = _next(Q(pk=key))
        if vpn is not None:
            _compile(vpn)


def exist_stale() -> bool:
    """Tell whether a server is to be compiled."""
    return _ready().filter(_marked()).exists()


def _marked() -> Exists:
    return Exists(StaleServer.objects.filter(vpn_id=OuterRef("pk")))


def _ready() -> Any:
    signed_by_current_ca = Q(cert__issuer_serial=F("cert__ca__serial_number"))
    return Vpn.objects.filter(Q(ca=None) | Q(cert__revoked=True) | signed_by_current_ca)


def _next(which: Q | Exists) -> Vpn | None:
    related = ("ca", "cert", "subnet", "ip", "organization__config_settings")
    rows = _ready().filter(which).select_related(*related).order_by("pk")
    vpn: Vpn | None = claims.lock(rows, no_key=True).first()
    return vpn


def _claim_stale(prepared: Any, failed: set[uuid.UUID]) -> Vpn | None:
    return _next(Q(_marked(), ~Q(pk__in=failed)))


def _compile(vpn: Vpn, prepared: Any = None) -> None:
    marks = list(StaleServer.objects.filter(vpn_id=vpn.pk).values_list("pk", flat=True))
    vpn.compile_error = ""
    try:
        archive = server_config.render(vpn)
    except rendering.RenderingError as error:
        vpn.compile_error = error.message
        logger.warning("VPN server %s cannot be compiled: %s", vpn.pk, error.message)
    except Exception as error:  # one broken server must not stop the others
        vpn.compile_error = f"Unexpected error: {error!r}"
        logger.exception("Compiling VPN server %s failed unexpectedly", vpn.pk)
    else:
        if vpn.checksum != archive.checksum:
            first = vpn.released_id is None
            vpn.released = VpnRevision.objects.create(
                vpn=vpn, cause=Cause.CREATED if first else Cause.VPN, checksum=archive.checksum, archive=archive.data,
                author_id=author_id(),
            )  # fmt: skip
            webhook.schedule(vpn)
    Vpn.objects.filter(pk=vpn.pk).update(released=vpn.released_id, compile_error=vpn.compile_error)
    StaleServer.objects.filter(pk__in=marks).delete()


_STALE = claims.Work("VPN server", _claim_stale, _compile)
