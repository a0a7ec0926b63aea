"""From VPN servers to the archives that they download. Compiled when something changes, never on a request."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from ... import rendering
from ...common.authorship import author_id
from ...common.wakeup import wake
from . import peers, variables, webhook

if TYPE_CHECKING:
    from ..models import Vpn

logger = logging.getLogger(__name__)
_HIDDEN = "(put in by the controller)"


def check(vpn: Vpn) -> None:
    """Check the configuration of a server, saved or not.

    Raises:
        rendering.RenderingError: it cannot be rendered. The text tells no keys.
    """
    context = variables.of_own_configuration(vpn)
    rendering.Stack(vpn.backend).validate(_with_own_values(vpn, secret=_HIDDEN), context)


def complete_config(vpn: Vpn) -> dict[str, Any]:
    """Return the configuration of a server in NetJSON, with all that the controller puts in."""
    config = _with_own_values(vpn, secret=vpn.private_key)
    if vpn.family.wireguard:
        vpn.family.tunnel(config)["peers"] = peers.of_server(vpn)
    if vpn.family.vxlan:
        config.setdefault("files", []).append(_vxlan_file(vpn))
    return config


def render(vpn: Vpn) -> rendering.Archive:
    """Return the archive of a server. What people entered is validated, the list of peers is not: it was made here.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    if vpn.family.wireguard and (vpn.ip is None or vpn.subnet is None):
        raise rendering.RenderingError("The server has no address: choose a subnet that has a free one.")
    config, added = _with_own_values(vpn, secret=vpn.private_key), {}
    if vpn.family.wireguard:
        added["wireguard"] = {"peers": peers.of_server(vpn)}
    files = [_vxlan_file(vpn)] if vpn.family.vxlan else []
    stack = rendering.Stack(vpn.backend)
    return stack.render_with(config, variables.of_own_configuration(vpn), added, files)


def render_text(vpn: Vpn) -> str:
    """Return the native configuration of a server, saved or not, as one text, extra files included.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    return rendering.Stack(vpn.backend).text(complete_config(vpn), variables.of_own_configuration(vpn))


def _with_own_values(vpn: Vpn, secret: str) -> dict[str, Any]:
    config: dict[str, Any] = deepcopy(vpn.config)
    tunnel = vpn.family.tunnel(config)
    if vpn.family.wireguard and tunnel:
        tunnel.pop("peers", None)
        tunnel.update(private_key=secret, address="{{ ip_address }}/{{ subnet_prefixlen }}")
    if vpn.family.zerotier and tunnel:
        tunnel.update(name=vpn.name, **({"nwid": vpn.network_id, "id": vpn.network_id} if vpn.network_id else {}))
    return config


def _vxlan_file(vpn: Vpn) -> dict[str, str]:
    contents = json.dumps(peers.vxlan_of_server(vpn), indent=4, sort_keys=True)
    return {"path": "vxlan.json", "mode": "0644", "contents": contents}


# compiling


def mark_stale(keys: Iterable[uuid.UUID]) -> None:
    """Let servers be compiled again in the background.

    Args:
        keys: their primary keys.
    """
    from ..models import StaleServer

    marks = StaleServer.objects.bulk_create(StaleServer(vpn_id=key) for key in keys)
    if marks:
        wake("config.compile_servers")


def mark_all_stale() -> None:
    """Let all servers be compiled again in the background."""
    from ..models import Vpn

    mark_stale(Vpn.objects.values_list("pk", flat=True))


def compile_stale() -> int:
    """Compile stale servers, one transaction each; return how many there were.

    A server whose certificate is still to be made or renewed waits for it.
    """
    count = 0
    while True:
        with transaction.atomic():
            vpn = _claim(_marked())
            if vpn is None:
                return count
            _compile(vpn)
        count += 1


def compile_now(key: uuid.UUID) -> None:
    """Compile one server that never was."""
    with transaction.atomic():
        vpn = _claim(Q(pk=key))
        if vpn is not None:
            _compile(vpn)


def exist_stale() -> bool:
    """Tell whether a server is to be compiled."""
    return _ready().filter(_marked()).exists()


def _marked() -> Exists:
    from ..models import StaleServer

    return Exists(StaleServer.objects.filter(vpn_id=OuterRef("pk")))


def _ready() -> Any:
    from ..models import Vpn

    signed_by_current_ca = Q(cert__issuer_serial=F("cert__ca__serial_number"))
    return Vpn.objects.filter(Q(ca=None) | Q(cert__revoked=True) | signed_by_current_ca)


def _claim(which: Q | Exists) -> Any:
    rows = _ready().filter(which).select_related("ca", "cert", "subnet", "ip").order_by("pk")
    skip = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(of=("self",), no_key=True, skip_locked=skip).first()


def _compile(vpn: Vpn) -> None:
    from ..models import Cause, StaleServer, Vpn, VpnRevision

    marks = list(StaleServer.objects.filter(vpn_id=vpn.pk).values_list("pk", flat=True))
    vpn.compile_error = ""
    try:
        archive = render(vpn)
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
