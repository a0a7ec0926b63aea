"""A project in the style of the field's deployments, with settings, addresses, ASGI and Celery of its own, runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.once
#: Enrols a device and lets it fetch its configuration, then looks at pages, REST and WebSockets, in one process.
USE = """
import json, django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import resolve, reverse
from openwisp_users.models import Organization
from openwisp_controller.config.models import Device, OrganizationConfigSettings, Template
from tests.extensions.field_project.asgi import routes
from tests.extensions.field_project.celery import app

organization = Organization.objects.create(name="acme", slug="acme")
OrganizationConfigSettings.objects.create(organization=organization, shared_secret="s" * 32)
Template.objects.create(name="wifi", backend="netjsonconfig.OpenWrt", default=True, organization=organization,
                        config={"interfaces": [{"name": "eth0", "type": "ethernet"}]})
device = Client()
answer = device.post(reverse("controller:device_register"), {
    "secret": "s" * 32, "name": "02:00:00:00:00:01", "mac_address": "02:00:00:00:00:01",
    "backend": "netjsonconfig.OpenWrt",
})
lines = dict(line.split(": ", 1) for line in answer.content.decode().splitlines() if ": " in line)
key = {"key": lines["key"]}
checksum = device.get(f"/controller/device/checksum/{lines['uuid']}/", key)
get_user_model().objects.create_superuser("root", "root@example.org", "correct horse battery")
person = Client()
print(json.dumps({
    "register": answer.status_code,
    "checksum": checksum.content.decode(),
    "stored": Device.objects.get().config.checksum,
    "login": person.post(reverse("admin:login"), {"username": "root", "password": "correct horse battery"}).status_code,
    "list": person.get(reverse("admin:config_device_changelist")).status_code,
    "page": person.get(reverse("admin:config_device_change", args=[lines["uuid"]])).status_code,
    "rest": person.get(reverse("config_api:device_detail", args=[Device.objects.get().pk])).json()["name"],
    "schema": person.get(reverse("config:schema")).status_code,
    "routes": sorted(str(route.pattern) for route in routes),
    "tasks": "openwisp_controller.config.tasks.compile_stale" in app.tasks,
}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that runs Python in the project, on a database of its own."""
    data = tmp_path_factory.mktemp("field")
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment = {
        **kept, "DJANGO_SETTINGS_MODULE": "tests.extensions.field_project.settings", "PROJECT_DATA": str(data),
        "EXTENSION": "none",
    }  # fmt: skip

    def _run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return _run


def test_it_checks_migrates_and_serves(run: Any) -> None:
    run("-m", "django", "check")
    run("-m", "django", "migrate", "--verbosity", "0")
    assert run("-m", "django", "makemigrations", "--check", "--dry-run", "config", "connection", "geo", "pki")
    seen = json.loads(run("-c", USE).strip().splitlines()[-1])
    assert seen["register"] == 201
    assert seen["checksum"] == seen["stored"]
    assert (seen["login"], seen["list"], seen["page"], seen["schema"]) == (302, 200, 200, 200)
    assert seen["rest"] == "02:00:00:00:00:01"
    assert any("ws/controller/device/" in route for route in seen["routes"])
    assert any("ws/loci/location" in route for route in seen["routes"])
    assert any("ws/notification" in route for route in seen["routes"])
    assert seen["tasks"]
