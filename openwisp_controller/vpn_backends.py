"""Backends of VPN servers: netjsonconfig's, with the schemas limited to what a server managed here may have.

Keys, addresses and peers are put in by the controller, so people do not enter them.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import netjsonconfig


def _single(schema: dict[str, Any], section: str) -> dict[str, Any]:
    """Limit a section to one tunnel, and return the schema of its items."""
    schema["properties"][section].update({"minItems": 1, "maxItems": 1})
    items: dict[str, Any] = schema["properties"][section]["items"]
    return items


def _openvpn_schema() -> dict[str, Any]:
    schema: dict[str, Any] = deepcopy(netjsonconfig.OpenVpn.schema)
    servers = [{"$ref": f"#/definitions/server_{kind}"} for kind in ("bridged", "routed", "manual")]
    schema["properties"]["openvpn"].update({"minItems": 1, "maxItems": 1, "additionalItems": False})
    schema["properties"]["openvpn"]["items"]["oneOf"] = servers
    schema["required"] = ["openvpn"]
    files = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem", "dh": "dh.pem"}
    for definition in ("tunnel", "server"):
        properties = schema["definitions"][definition]["properties"]
        for name in files.keys() & properties.keys():
            properties[name]["default"] = files[name]
    schema["properties"]["files"]["default"] = [
        {"path": path, "mode": "0644", "contents": f"{{{{ {name} }}}}"} for name, path in files.items()
    ]
    return schema


def _wireguard_schema(source: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = deepcopy(source)
    tunnel = _single(schema, "wireguard")
    del tunnel["properties"]["private_key"]
    tunnel["required"] = [name for name in tunnel["required"] if name != "private_key"]
    tunnel["properties"]["name"]["pattern"] = r"^[^\s/]*$"  # it is the name of a file, too
    return schema


def _vxlan_schema() -> dict[str, Any]:
    schema = _wireguard_schema(netjsonconfig.VxlanWireguard.schema)
    vni = _single(schema, "vxlan")["properties"]["vni"]
    next(kind for kind in vni["oneOf"] if kind["type"] == "integer").update(minimum=1, maximum=2**24 - 1)
    return schema


def _zerotier_schema() -> dict[str, Any]:
    schema: dict[str, Any] = deepcopy(netjsonconfig.ZeroTier.schema)
    schema["properties"]["zerotier"].update({"minItems": 1, "maxItems": 1, "additionalItems": False})
    network = schema["definitions"]["zerotier_server"]
    for name in ("name", "id", "nwid", "objtype", "routes", "revision", "creationTime", "ipAssignmentPools"):
        network["properties"].pop(name, None)
    network["required"] = [name for name in network.get("required", ()) if name != "name"]
    if not network["required"]:
        del network["required"]  # an empty list is not valid in this draft
    return schema


class OpenVpn(netjsonconfig.OpenVpn):
    """OpenVPN servers."""

    schema = _openvpn_schema()


class Wireguard(netjsonconfig.Wireguard):
    """WireGuard servers; the peers are the devices that have a template of the server."""

    schema = _wireguard_schema(netjsonconfig.Wireguard.schema)


class VxlanWireguard(netjsonconfig.VxlanWireguard):
    """VXLAN tunnels inside of WireGuard."""

    schema = _vxlan_schema()


class ZeroTier(netjsonconfig.ZeroTier):
    """Networks of a self-hosted ZeroTier controller."""

    schema = _zerotier_schema()
