"""The HTTP interface of self-hosted ZeroTier controllers, as documented by ZeroTier."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import httpx
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ...common.encryption import readable
from ...common.validators import validate_no_nul
from ..models import ServerCall, Vpn, VpnClient
from ..unit_of_work import unit_of_work
from . import outbound_calls, outbound_http

logger = logging.getLogger(__name__)
TIMEOUT = 5
"""Seconds."""
_NOT_OURS = (
    "authTokens", "authorizationEndpoint", "clientId", "rulesSource", "ssoEnabled", "creationTime", "name", "nwid",
    "objtype", "revision", "routes", "ipAssignmentPools",
)  # fmt: skip


def _send(method: str, host: str, token: str, path: str, body: Any = None) -> httpx.Response:
    base = host if "://" in host else f"http://{host}"
    headers = {"X-ZT1-Auth": token, "Accept": "application/json", "Content-Type": "application/json"}
    return outbound_http.request(method, f"{base}{path}", timeout=TIMEOUT, headers=headers, json=body)


def check(vpn: Vpn) -> str:
    """Ask the controller of a server who it is and return the address of its node.

    Raises:
        ValidationError: keyed by field, when it cannot be reached or refuses the token.
    """
    try:
        response = _send("GET", vpn.host, readable(vpn.auth_token) or "", "/status")
        node = response.json().get("address", "") if response.status_code == 200 else ""
    except AttributeError:
        node = ""
    except (httpx.HTTPError, ValueError) as error:
        text = _("Failed to connect to the ZeroTier controller, Error: {}").format(error)
        raise ValidationError({"host": text}) from None
    if response.status_code == 401:
        text = _("Authorization failed for ZeroTier controller, ensure you are using the correct authorization token")
        raise ValidationError({"auth_token": text})
    if response.status_code != 200:
        text = _(
            "Failed to connect to the ZeroTier controller, ensure you are using the correct hostname"
            " (error: {reason}, status code: {code})"
        ).format(reason=response.reason_phrase, code=response.status_code)
        raise ValidationError({"host": text})
    if not re.fullmatch("[0-9a-f]{10}", str(node)):
        text = _("What answers there is no ZeroTier controller: it does not tell the address of its node.")
        raise ValidationError({"host": text})
    return str(node)


@dataclass(frozen=True)
class Network:
    """A network as its controller created it."""

    node_id: str
    network_id: str
    settings: dict[str, Any]
    """What the controller answered, without what is not up to us."""

    def apply(self, vpn: Vpn) -> None:
        """Take it over into a server, which is not saved by that."""
        vpn.node_id, vpn.network_id = self.node_id, self.network_id
        own = vpn.kind.tunnel(vpn.config)
        kept = {"client_options": own["client_options"]} if "client_options" in own else {}
        vpn.config = {**vpn.config, "zerotier": [{**self.settings, **kept}]}


def create_network(vpn: Vpn) -> Network:
    """Create the network of a server at its controller.

    Raises:
        ValidationError: it could not be created.
    """
    node_id = vpn.node_id or check(vpn)
    try:
        response = _post_network(vpn, node_id)
        if response.status_code >= 300:
            raise ValueError(f"the controller answered {response.status_code} {response.reason_phrase}")
        return _network_of(node_id, response)
    except ValidationError as error:
        raise ValidationError(_("Failed to create ZeroTier network, Error: {}").format(error.messages[0])) from None
    except (httpx.HTTPError, ValueError, TypeError) as error:
        text = _("Failed to create ZeroTier network, Error: {}").format(error)
        raise ValidationError(text) from None


def _post_network(vpn: Vpn, node_id: str) -> httpx.Response:
    path = f"/controller/network/{node_id}______"
    return _send("POST", vpn.host, readable(vpn.auth_token) or "", path, _network(vpn))


def _network_of(node_id: str, response: httpx.Response) -> Network:
    """Return the network that a controller describes; raise ``ValueError``, ``TypeError`` or ``ValidationError``."""
    answer = dict(response.json())
    network = str(answer.pop("id", ""))
    if not re.fullmatch("[0-9a-f]{16}", network):
        raise ValueError("the controller did not tell the id of the network")
    validate_no_nul(answer)
    return Network(node_id, network, {name: value for name, value in answer.items() if name not in _NOT_OURS})


def delete_left_over(vpn: Vpn) -> None:
    """Schedule the deletion of a network whose server could not be stored."""
    with transaction.atomic():
        outbound_calls.schedule("delete", vpn.pk, vpn.network_id, **_access(vpn))


def _network(vpn: Vpn) -> dict[str, Any]:
    body = {key: value for key, value in vpn.kind.tunnel(vpn.config).items() if key != "client_options"}
    body["name"] = vpn.name
    if vpn.subnet is not None:
        network = ip_network(str(vpn.subnet.subnet))
        body["routes"] = [{"target": str(network), "via": ""}]
        body["ipAssignmentPools"] = [
            {"ipRangeStart": str(next(network.hosts())), "ipRangeEnd": str(network.broadcast_address)}
        ]
    return body


# what follows from changes


def server_created(vpn: Vpn) -> None:
    """Let the controller join the new network of a server and authorize the devices, or create it if there is none."""
    if not vpn.kind.zerotier:
        return
    outbound_calls.schedule("network_join" if vpn.network_id else "create", vpn.pk)
    for client in vpn.vpnclient_set.filter(auto_cert=True).exclude(secret=""):
        client.vpn = vpn
        member_changed(client)


def server_changed(vpn: Vpn, *, network_is_new: bool) -> None:
    """Tell the controller about an edited server."""
    if not vpn.kind.zerotier:
        return
    if network_is_new or not vpn.network_id:
        server_created(vpn)
    else:
        outbound_calls.schedule("update", vpn.pk)


def server_deleted(vpn: Vpn) -> None:
    """Delete the network of a server that is deleted."""
    if vpn.kind.zerotier and vpn.network_id:
        outbound_calls.schedule("delete", vpn.pk, **_access(vpn))


def member_changed(client: VpnClient) -> None:
    """Authorize a device in the network, with its address, once it has an identity."""
    if client.vpn.kind.zerotier and client.secret and client.vpn.network_id:
        outbound_calls.schedule("update_member", client.vpn_id, client.zerotier_member_id)


def member_removed(client: VpnClient) -> None:
    """Remove a device from the network."""
    if client.vpn.kind.zerotier and client.secret and client.vpn.network_id:
        outbound_calls.schedule("remove_member", client.vpn_id, client.zerotier_member_id, **_access(client.vpn))


def _access(vpn: Vpn) -> dict[str, str]:
    return {"host": vpn.host, "auth_token": readable(vpn.auth_token) or "", "network_id": vpn.network_id}


# the calls


def _create(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    """Create the network of a server that was stored without asking its controller."""
    if vpn is None or not vpn.kind.zerotier or vpn.network_id:
        return None
    node_id = vpn.node_id or check(vpn)
    response = _post_network(vpn, node_id)
    if response.status_code < 300:
        _take_over(vpn, _network_of(node_id, response))
    return response


def _take_over(asked: Vpn, network: Network) -> None:
    """Store a new network with its server as it is by now; one that nobody needs any more is deleted."""
    with unit_of_work():
        vpn = Vpn.objects.select_for_update(of=("self",), no_key=True).filter(pk=asked.pk).first()
        if vpn is None or not vpn.kind.zerotier or vpn.network_id:
            network.apply(asked)
            delete_left_over(asked)
        else:
            network.apply(vpn)
            vpn.save(update_fields=["node_id", "network_id", "config", "modified"])


def _update(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    if vpn is None or not vpn.network_id:
        return None
    return _send(
        "POST", vpn.host, readable(vpn.auth_token) or "", f"/controller/network/{vpn.network_id}", _network(vpn)
    )


def _join(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    if vpn is None or not vpn.network_id:
        return None
    return _send("POST", vpn.host, readable(vpn.auth_token) or "", f"/network/{vpn.network_id}", {})


def _authorize_controller(call: ServerCall, vpn: Vpn | None) -> None:
    if vpn is not None and vpn.node_id:
        outbound_calls.schedule("update_member", vpn.pk, vpn.node_id)


def _update_member(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    if vpn is None or not vpn.network_id:
        return None
    ip = vpn.ip
    if call.subject != vpn.node_id:
        client = vpn.vpnclient_set.select_related("ip").filter(zerotier_member_id=call.subject).first()
        if client is None:
            return None
        ip = client.ip
    body = {"authorized": True, "activeBridge": True, "ipAssignments": [str(ip.ip_address)] if ip else []}
    path = f"/controller/network/{vpn.network_id}/member/{call.subject}"
    return _send("POST", vpn.host, readable(vpn.auth_token) or "", path, body)


def _remove_member(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    if vpn is not None and vpn.vpnclient_set.filter(zerotier_member_id=call.subject).exists():
        return None  # it came back
    return _gone(_delete(call, f"/controller/network/{readable(call.arguments)['network_id']}/member/{call.subject}"))


def _delete_network(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    return _gone(_delete(call, f"/controller/network/{readable(call.arguments)['network_id']}"))


def _leave(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    return _gone(_delete(call, f"/network/{readable(call.arguments)['network_id']}"))


def _delete(call: ServerCall, path: str) -> httpx.Response:
    return _send("DELETE", call.arguments["host"], readable(call.arguments)["auth_token"], path)


def _gone(response: httpx.Response) -> httpx.Response | None:
    return None if response.status_code == 404 else response


def _then_leave(call: ServerCall, vpn: Vpn | None) -> None:
    outbound_calls.schedule("leave", call.vpn_id, call.subject, **call.arguments)


outbound_calls.kinds.register("create", outbound_calls.CallKind(_create))
outbound_calls.kinds.register("update", outbound_calls.CallKind(_update, _authorize_controller))
outbound_calls.kinds.register("network_join", outbound_calls.CallKind(_join, _authorize_controller))
outbound_calls.kinds.register("update_member", outbound_calls.CallKind(_update_member))
outbound_calls.kinds.register("remove_member", outbound_calls.CallKind(_remove_member))
outbound_calls.kinds.register("delete", outbound_calls.CallKind(_delete_network, _then_leave))
outbound_calls.kinds.register("leave", outbound_calls.CallKind(_leave))
