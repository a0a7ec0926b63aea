"""Addresses of the device protocol, for the app itself and for packages with views of their own."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, re_path

_ID = r"(?P<pk>[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
#: Name → address; the shorter form of each, without ``device/``, is the one that shipped agents use.
_OF_DEVICES = {
    "checksum": rf"checksum/{_ID}",
    "download_config": rf"download-config/{_ID}",
    "report_status": rf"report-status/{_ID}",
    "update_info": rf"update-info/{_ID}",
    "register": "register",
}
_OF_SERVERS = {"vpn_checksum": rf"vpn/checksum/{_ID}", "vpn_download_config": rf"vpn/download-config/{_ID}"}


def get_controller_urls(views_module: Any) -> list[URLPattern]:
    """Return the addresses of the device protocol; they belong into the namespace ``controller``.

    Args:
        views_module: module with the views: ``checksum`` or ``device_checksum``, and so on.
    """
    found = []
    for name, address in _OF_DEVICES.items():
        view = getattr(views_module, f"device_{name}", None) or getattr(views_module, name)
        found += [
            re_path(rf"^controller/{address}/$", view, name=f"{name}_legacy"),
            re_path(rf"^controller/device/{address}/$", view, name=f"device_{name}"),
        ]
    return found + [
        re_path(rf"^controller/{address}/$", getattr(views_module, name), name=name)
        for name, address in _OF_SERVERS.items()
    ]
