"""Uses the field's packages once, in a project that has them: a firmware upgrade and a check over SSH, pages, REST.

    python -m tests.extensions.use

Prints what it saw as JSON. To be run where the settings of ``field_project`` hold and the database is migrated.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any
from uuid import UUID

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from openwisp_users.models import Organization  # noqa: E402
from swapper import load_model  # noqa: E402

from openwisp_controller.config.models import Config, Device  # noqa: E402
from openwisp_controller.connection.models import Credentials, DeviceConnection  # noqa: E402
from openwisp_controller.connection.tests.utils import SshServer  # noqa: E402
from tests.extensions.field_project.packages import NAMES, ORGANIZATION  # noqa: E402
from tests.http.forms import form_of  # noqa: E402

BOARD = "TP-Link TL-WDR4300 v1"
IMAGE = "ath79-generic-tplink_tl-wdr4300-v1-squashfs-sysupgrade.bin"
#: What ``iperf3 -J`` prints, as far as the check reads it.
STREAM = {"start": 0, "end": 10, "seconds": 10, "bytes": 1000, "bits_per_second": 800.0, "retransmits": 0}
IPERF3 = {
    "start": {}, "intervals": [],
    "end": {"sum_sent": STREAM, "sum_received": STREAM,
            "sum": {**STREAM, "jitter_ms": 0.1, "lost_packets": 0, "packets": 10, "lost_percent": 0}},
}  # fmt: skip


def main() -> None:
    organization = Organization.objects.create(id=UUID(ORGANIZATION), name="acme", slug="acme")
    get_user_model().objects.create_superuser("root", "root@example.org", "correct horse battery")
    with SshServer() as server:
        device = _device(organization, server)
        seen: dict[str, Any] = {}
        if "firmware-upgrader" in NAMES:
            seen["upgrade"] = _upgrade(organization, device, server)
        if "monitoring" in NAMES:
            seen["check"] = _check(device, server)
    seen.update(_pages(device))
    print(json.dumps(seen))


def _device(organization: Any, server: SshServer) -> Any:
    device = Device(
        organization=organization, name="router", mac_address="02:00:00:00:00:01", management_ip="127.0.0.1",
        model=BOARD, os="OpenWrt 23.05.3",
    )  # fmt: skip
    device.full_clean()
    device.save()
    Config.objects.create(device=device, backend="netjsonconfig.OpenWrt")
    credentials = Credentials(
        organization=organization, name="password", connector="openwisp_controller.connection.connectors.ssh.Ssh",
        params={"username": "root", "password": server.device.password, "port": server.port},
    )  # fmt: skip
    credentials.full_clean()
    credentials.save()
    connection = DeviceConnection(
        device=device, credentials=credentials,
        update_strategy="openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt",
    )  # fmt: skip
    connection.full_clean()
    connection.save()
    return device


def _upgrade(organization: Any, device: Any, server: SshServer) -> dict[str, Any]:
    """Upload an image for the device's board and assign it, which upgrades the device."""
    from openwisp_firmware_upgrader.swapper import load_model as firmware_model

    server.device.answers["uci"] = f"{device.pk}\n"
    category = firmware_model("Category").objects.create(organization=organization, name="stable")
    build = firmware_model("Build").objects.create(category=category, version="23.05.5", os="OpenWrt 23.05.5")
    image = firmware_model("FirmwareImage")(
        build=build, type=IMAGE, file=SimpleUploadedFile(f"openwrt-{IMAGE}", b"firmware" * 1000)
    )
    image.full_clean()
    image.save()
    chosen = firmware_model("DeviceFirmware")(device=device, image=image)
    chosen.full_clean()
    chosen.save()
    operation = firmware_model("UpgradeOperation").objects.filter(device=device).latest("created")
    return {
        "status": operation.status,
        "log": operation.log,
        "uploaded": any(content == b"firmware" * 1000 for content in server.device.files.values()),
        "flashed": any(command.startswith("/sbin/sysupgrade -v") for command in server.device.commands),
        "written": sorted(path for path in server.device.files if path.startswith("/etc/")),
    }


def _check(device: Any, server: SshServer) -> dict[str, Any]:
    """Measure the bandwidth from the device, which the package does by a command over SSH."""
    server.device.answers["iperf3"] = json.dumps(IPERF3)
    check = load_model("check", "Check").objects.get(object_id=str(device.pk), check_type__endswith="Iperf3")
    result = check.perform_check()
    return {
        "result": result,
        "commands": sum(command.startswith("iperf3") for command in server.device.commands),
        "metrics": load_model("monitoring", "Metric").objects.filter(object_id=str(device.pk)).count(),
    }


def _pages(device: Any) -> dict[str, Any]:
    person = Client()
    person.post(reverse("admin:login"), {"username": "root", "password": "correct horse battery"})
    address = reverse("admin:config_device_change", args=[device.pk])
    page = person.get(address)
    tab = person.get(reverse("admin:config_device_tab", args=[device.pk, "deviceconnection_set"]))
    whole = person.get(address, {"tabs": "all"})
    return {
        "page": page.status_code,
        "credentials": "deviceconnection_set-0-credentials" in tab.json()["html"],
        "saved": [person.post(address, form_of(each)).status_code for each in (page, whole)],
        "kept": DeviceConnection.objects.filter(device=device).count(),
        "tabs": sorted(set(re.findall(r'id="([\w-]+-group)"', page.content.decode()))),
        "list": person.get(reverse("admin:config_device_changelist")).status_code,
        "first": person.get(reverse("admin:index")).status_code,
        "rest": person.get(reverse("config_api:device_detail", args=[device.pk])).status_code,
    }


if __name__ == "__main__":
    main()
    sys.stdout.flush()
