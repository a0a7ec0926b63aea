"""The costs of the device protocol and of changes, on PostgreSQL. Django must be set up before this is imported."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from openwisp_ipam.models import Subnet
from openwisp_users.models import Organization

from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Device, OrganizationConfigSettings, Template
from openwisp_controller.server.wsgi import application
from openwisp_controller.subnet_division.models import SubnetDivisionRule

from .meter import Cost, measure
from .rendering import TEMPLATES, context

BACKEND = "netjsonconfig.OpenWrt"
SECRET = "benchmark" * 3
REPEAT = 500


def request(method: str, path: str, data: dict[str, str], expect: int) -> bytes:
    """Send a request through the server's own WSGI entry point and return the body."""
    encoded = urlencode(data)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": encoded if method == "GET" else "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded" if method == "POST" else "",
        "CONTENT_LENGTH": str(len(encoded)) if method == "POST" else "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(encoded.encode()),
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    status = []
    response = application(environ, lambda line, headers, *rest: status.append(line))
    body = b"".join(response)
    close = getattr(response, "close", None)
    if close is not None:
        close()
    if not status[0].startswith(str(expect)):
        raise RuntimeError(f"{method} {path}: {status[0]} {body[:200]!r}")
    return body


def registration(number: int, name: str = "") -> dict[str, str]:
    mac = f"02:10:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    return {
        "secret": SECRET, "name": name or f"router-{number}", "mac_address": mac, "backend": BACKEND,
        "key": f"{number:032d}", "model": "TP-Link Archer C7 v5", "os": "OpenWrt 23.05.3", "system": "QCA956X",
    }  # fmt: skip


def populate(devices: int) -> None:
    """Create one organization with five default templates and enrol devices through the protocol."""
    organization = Organization.objects.create(name="benchmark", slug="benchmark")
    OrganizationConfigSettings.objects.create(organization=organization, shared_secret=SECRET[:32], context=context(0))
    for number, config in enumerate(TEMPLATES):
        template = Template(
            organization=organization, name=f"template {number}", backend=BACKEND, config=config, default=True,
            default_values=context(number),
        )  # fmt: skip
        template.full_clean()
        template.save()
    maintenance.reconcile()
    for number in range(devices):
        request("POST", "/controller/register/", registration(number), 201)


def run(devices: int) -> Iterator[Cost]:
    """Measure every operation of the budget table with that many devices in the database."""
    populate(devices)
    rows = list(Device.objects.values_list("pk", "key")[:REPEAT])
    paths = [(key.hex, secret) for key, secret in rows]

    def get(endpoint: str) -> list[Callable[[], Any]]:
        return [
            lambda device=device, key=key: request("GET", f"/controller/{endpoint}/{device}/", {"key": key}, 200)
            for device, key in paths
        ]

    def report(status: str) -> list[Callable[[], Any]]:
        return [
            lambda device=device, key=key: request(
                "POST", f"/controller/report-status/{device}/", {"key": key, "status": status}, 200
            )
            for device, key in paths
        ]

    yield measure("checksum poll, nothing changed", get("checksum"), budget=(1, 0.25))
    yield measure("download", get("download-config"), budget=(2, 0.6))
    yield measure("download again", get("download-config"), budget=(2, 0.6))
    yield measure("report-status", report("applied"), budget=(5, 3))
    fresh = range(devices, devices + REPEAT // 2)
    new: list[Callable[[], Any]] = [
        lambda number=number: request("POST", "/controller/register/", registration(number), 201) for number in fresh
    ]
    yield measure("registration of a new device", new, budget=(20, 10))
    again: list[Callable[[], Any]] = [
        lambda number=number: request("POST", "/controller/register/", registration(number), 201)
        for number in range(REPEAT // 2)
    ]
    yield measure("registration again", again, budget=(8, 5))
    yield measure("one device's variables changed", _edits(rows), budget=(15, 10))
    yield from _template_change()
    yield from _subnet_division(devices + REPEAT // 2)


def _edits(rows: list[Any]) -> list[Callable[[], Any]]:
    def edit(device: Any, number: int) -> None:
        related = ("device__group", "device__organization__config_settings")
        config = Config.objects.select_related(*related).get(device_id=device)
        config.context = {"wifi_key": f"another-key-{number}"}
        config.full_clean()
        config.save()

    return [lambda device=device, number=number: edit(device, number) for number, (device, _) in enumerate(rows[:200])]


def _template_change() -> Iterator[Cost]:
    total = Config.objects.count()
    template = Template.objects.get(name="template 0")

    def edit() -> None:
        general = template.config.get("general", {})
        template.config = {**template.config, "general": {**general, "description": "edited"}}
        template.full_clean()
        template.save()

    yield measure(f"the request that edits a template of {total} devices", [edit], budget=(None, 200))
    compile_all: list[Callable[[], Any]] = [maintenance.compile_stale]
    yield measure(f"template change, per device of {total}", compile_all, units=total, budget=(0.1, 1.5))


def _subnet_division(known: int) -> Iterator[Cost]:
    """A rule for all devices, 2 subnets with 2 addresses each, then new devices.

    Args:
        known: how many devices were enrolled so far.
    """
    total = Config.objects.count()
    organization = Organization.objects.get(slug="benchmark")
    master = Subnet.objects.create(name="pool", subnet="10.0.0.0/12", organization=organization)
    rule = SubnetDivisionRule(
        organization=organization, master_subnet=master, label="LAN", size=28, number_of_subnets=2, number_of_ips=2,
        type="openwisp_controller.subnet_division.rule_types.device.DeviceSubnetDivisionRuleType",
    )  # fmt: skip
    rule.full_clean()
    rule.save()
    run_jobs: list[Callable[[], Any]] = [jobs.run_all]
    yield measure(f"new subnet division rule, per device of {total}", run_jobs, units=total, budget=(1, 10))
    new: list[Callable[[], Any]] = [
        lambda number=number: request("POST", "/controller/register/", registration(number), 201)
        for number in range(known, known + REPEAT // 5)
    ]
    yield measure("registration of a new device that gets subnets", new, budget=(30, None))
