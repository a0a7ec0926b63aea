"""What a deployment has to know about each package of the field that it may hold."""

import os
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Package:
    """A package.

    Attributes:
        label: of its tests.
        apps: what it adds to ``INSTALLED_APPS``.
        urls: modules with its addresses.
        routes: functions that return its WebSockets.
        settings: what its own tests count on.
    """

    label: str = ""
    apps: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


PACKAGES = {
    "none": Package(),
    "field-notes": Package("field_notes", ("field_notes",), ("field_notes.urls",)),  # that of the documentation
    "firmware-upgrader": Package(
        "openwisp_firmware_upgrader",
        ("openwisp_firmware_upgrader", "private_storage"),
        ("openwisp_firmware_upgrader.urls",),
        ("openwisp_firmware_upgrader.routing.get_routes",),
        {
            "OPENWISP_CUSTOM_OPENWRT_IMAGES": (
                ("customimage-squashfs-sysupgrade.bin", {"label": "Custom WAP-1200", "boards": ("CWAP1200",)}),
            ),
            "OPENWISP_FIRMWARE_UPGRADER_OPENWRT_SETTINGS": {
                "reconnect_delay": 150, "reconnect_retry_delay": 30, "reconnect_max_retries": 10, "upgrade_timeout": 80,
            },
        },
    ),
    "monitoring": Package(
        "openwisp_monitoring",
        (
            "openwisp_monitoring.monitoring", "openwisp_monitoring.device", "openwisp_monitoring.check", "nested_admin",
        ),
        ("openwisp_monitoring.urls",),
        (),
        {
            "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
            "OPENWISP_MONITORING_AUTO_IPERF3": True,
            "OPENWISP_MONITORING_API_URLCONF": "openwisp_monitoring.urls",
            "OPENWISP_MONITORING_API_BASEURL": "http://testserver",
            "OPENWISP_MONITORING_MAC_VENDOR_DETECTION": False,
            "TIMESERIES_DATABASE": {
                "BACKEND": "openwisp_monitoring.db.backends.influxdb",
                "USER": "openwisp", "PASSWORD": "openwisp", "NAME": "openwisp2", "HOST": "127.0.0.1",
                "PORT": os.environ.get("INFLUXDB_PORT", "8086"),
            },
        },
    ),
    "network-topology": Package(
        "openwisp_network_topology",
        (
            "openwisp_network_topology", "openwisp_network_topology.integrations.device",
            "flat_json_widget",
        ),
        ("openwisp_network_topology.urls",),
        (),
        {"TOPOLOGY_UPDATE_INTERVAL": 1},
    ),
}  # fmt: skip
PACKAGE = PACKAGES[os.environ.get("EXTENSION", "none")]
