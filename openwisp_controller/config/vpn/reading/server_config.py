"""The configuration of a VPN server: what people entered, and what the controller puts in."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from .... import rendering
from ....common.encryption import UnreadableSecret, readable
from . import peers, variables

if TYPE_CHECKING:
    from ...models import Vpn

_HIDDEN = "(put in by the controller)"


def check(vpn: Vpn) -> None:
    """Check the configuration of a server, saved or not.

    Raises:
        rendering.RenderingError: it cannot be rendered. The text tells no keys.
    """
    context = variables.of_own_configuration(vpn)
    rendering.Stack(vpn.backend).validate(_with_own_values(vpn, secret=_HIDDEN), context)


def complete(vpn: Vpn) -> dict[str, Any]:
    """Return the configuration of a server in NetJSON, with all that the controller puts in.

    Raises:
        rendering.RenderingError: its keys cannot be read.
    """
    _check_readable(vpn)
    config = _with_own_values(vpn, secret=vpn.private_key)
    if vpn.kind.wireguard:
        vpn.kind.tunnel(config)["peers"] = peers.peers_of_server(vpn)
    if vpn.kind.vxlan:
        config.setdefault("files", []).append(_vxlan_file(vpn))
    return config


def render(vpn: Vpn) -> rendering.Archive:
    """Return the archive of a server. What people entered is validated, the list of peers is not: it was made here.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    if vpn.kind.wireguard and (vpn.ip is None or vpn.subnet is None):
        raise rendering.RenderingError("The server has no address: choose a subnet that has a free one.")
    _check_readable(vpn)
    config, added = _with_own_values(vpn, secret=vpn.private_key), {}
    if vpn.kind.wireguard:
        added["wireguard"] = {"peers": peers.peers_of_server(vpn)}
    files = [_vxlan_file(vpn)] if vpn.kind.vxlan else []
    stack = rendering.Stack(vpn.backend)
    return stack.render_with(config, variables.of_own_configuration(vpn), added, files)


def render_text(vpn: Vpn) -> str:
    """Return the native configuration of a server, saved or not, as one text, extra files included.

    Raises:
        rendering.RenderingError: it cannot be rendered.
    """
    return rendering.Stack(vpn.backend).text(complete(vpn), variables.of_own_configuration(vpn))


def _check_readable(vpn: Vpn) -> None:
    try:
        readable(vpn.private_key)
        readable(vpn.cert.private_key if vpn.cert is not None else "")
    except UnreadableSecret as error:
        raise rendering.RenderingError(str(error)) from None


def _with_own_values(vpn: Vpn, secret: str) -> dict[str, Any]:
    config: dict[str, Any] = deepcopy(vpn.config)
    tunnel = vpn.kind.tunnel(config)
    if vpn.kind.wireguard and tunnel:
        tunnel.pop("peers", None)
        tunnel.update(private_key=secret, address="{{ ip_address }}/{{ subnet_prefixlen }}")
    if vpn.kind.zerotier and tunnel:
        tunnel.update(name=vpn.name, **({"nwid": vpn.network_id, "id": vpn.network_id} if vpn.network_id else {}))
    return config


def _vxlan_file(vpn: Vpn) -> dict[str, str]:
    contents = json.dumps(peers.vxlan_of_server(vpn), indent=4, sort_keys=True)
    return {"path": "vxlan.json", "mode": "0644", "contents": contents}
