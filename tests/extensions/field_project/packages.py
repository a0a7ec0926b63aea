"""What a deployment has to know about each package of the field that it may hold."""

import os
from dataclasses import dataclass, field
from typing import Any

#: Names of packages, with commas between.
EXTENSION = os.environ.get("EXTENSION", "none")
#: The organization whose devices measure their bandwidth.
ORGANIZATION = "6d6f6e69-746f-4269-8e67-000000000001"


@dataclass(frozen=True)
class Package:
    """A package.

    Attributes:
        apps: what it adds to ``INSTALLED_APPS``.
        urls: modules with its addresses.
        routes: functions that return its WebSockets.
        settings: what its own tests count on.
    """

    apps: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


def _together(*packages: Package) -> Package:
    """Return what a deployment needs that has all of them."""
    return Package(
        apps=tuple(app for package in packages for app in package.apps),
        urls=tuple(module for package in packages for module in package.urls),
        routes=tuple(route for package in packages for route in package.routes),
        settings={name: value for package in packages for name, value in package.settings.items()},
    )


MONITORING = Package(
    (
        "openwisp_monitoring.monitoring", "openwisp_monitoring.device", "openwisp_monitoring.check", "nested_admin",
    ),
    ("openwisp_monitoring.urls",),
    (),
    {
        "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
        "OPENWISP_MONITORING_AUTO_IPERF3": True,
        "OPENWISP_MONITORING_IPERF3_CHECK_CONFIG": {ORGANIZATION: {"host": ["iperf3.example.org"]}},
        "OPENWISP_MONITORING_API_URLCONF": "openwisp_monitoring.urls",
        "OPENWISP_MONITORING_API_BASEURL": "http://testserver",
        "OPENWISP_MONITORING_MAC_VENDOR_DETECTION": False,
        "TIMESERIES_DATABASE": {
            "BACKEND": "openwisp_monitoring.db.backends.influxdb",
            "USER": "openwisp", "PASSWORD": "openwisp", "NAME": "openwisp2", "HOST": "127.0.0.1",
            "PORT": os.environ.get("INFLUXDB_PORT", "8086"),
        },
    },
)  # fmt: skip
RADIUS = Package(
    (
        "openwisp_radius", "openwisp_radius.integrations.monitoring", "dj_rest_auth", "dj_rest_auth.registration",
        "private_storage",
    ),
    ("openwisp_radius.urls",),
)  # fmt: skip

PACKAGES = {
    "none": Package(),
    "field-notes": Package(("field_notes",), ("field_notes.urls",)),  # that of the documentation
    "firmware-upgrader": Package(
        ("openwisp_firmware_upgrader", "private_storage"),
        ("openwisp_firmware_upgrader.urls",),
        ("openwisp_firmware_upgrader.routing.get_routes",),
        {
            "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
            "OPENWISP_USERS_AUTH_THROTTLE_RATE": "10000/day",
            "OPENWISP_CUSTOM_OPENWRT_IMAGES": (
                ("customimage-squashfs-sysupgrade.bin", {"label": "Custom WAP-1200", "boards": ("CWAP1200",)}),
            ),
            "OPENWISP_FIRMWARE_UPGRADER_OPENWRT_SETTINGS": {
                "reconnect_delay": 0 if "," in EXTENSION else 150, "reconnect_retry_delay": 30,
                "reconnect_max_retries": 10, "upgrade_timeout": 80,
            },
        },
    ),
    "monitoring": MONITORING,
    "radius": _together(MONITORING, RADIUS),
    "network-topology": Package(
        (
            "openwisp_network_topology", "openwisp_network_topology.integrations.device",
            "flat_json_widget",
        ),
        ("openwisp_network_topology.urls",),
        (),
        {"TOPOLOGY_UPDATE_INTERVAL": 1},
    ),
}  # fmt: skip


NAMES = EXTENSION.split(",")
PACKAGE = PACKAGES[NAMES[0]] if len(NAMES) == 1 else _together(*(PACKAGES[name] for name in NAMES))
