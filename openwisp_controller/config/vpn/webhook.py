"""Telling WireGuard servers by a web address that there is something new to download."""

from __future__ import annotations

import logging

import httpx

from ...common.encryption import readable
from ..models import ServerCall, Vpn
from . import outbound_calls, outbound_http

logger = logging.getLogger(__name__)
TIMEOUT = 30
"""Seconds."""


def schedule(vpn: Vpn) -> None:
    """Call the webhook of a server after the commit, if it has one."""
    if not vpn.kind.wireguard:
        return
    if not (vpn.webhook_endpoint and vpn.auth_token):
        logger.info(
            "Cannot update configuration of %s VPN server, webhook endpoint and authentication token are empty.",
            vpn.name,
        )
        return
    outbound_calls.schedule("webhook", vpn.pk)


def _call(call: ServerCall, vpn: Vpn | None) -> httpx.Response | None:
    if vpn is None or not (vpn.webhook_endpoint and vpn.auth_token):
        return None
    url = httpx.URL(vpn.webhook_endpoint).copy_merge_params({"key": readable(vpn.auth_token)})
    return outbound_http.request("POST", str(url), timeout=TIMEOUT)


outbound_calls.kinds.register("webhook", outbound_calls.CallKind(_call))
