"""The package of the page about extensions, as it stands there, in a project in the style of deployments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/write-an-extension.md"
pytestmark = pytest.mark.once
USE = """
import json, django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization
from openwisp_controller.config.models import Config, Device, Template
from openwisp_controller.connection.commands import get_command_choices

acme = Organization.objects.create(name="acme", slug="acme")
device = Device.objects.create(name="ap", mac_address="02:00:00:00:00:01", organization=acme)
template = Template.objects.create(name="place", backend="netjsonconfig.OpenWrt", organization=acme, config={
    "files": [{"path": "/etc/room", "mode": "0644", "contents": "{{ room }}"}]})
config = Config.objects.create(device=device, backend="netjsonconfig.OpenWrt")
config.templates.add(template)
get_user_model().objects.create_superuser("root", "root@example.org", "correct horse battery")
person = Client()
person.post(reverse("admin:login"), {"username": "root", "password": "correct horse battery"})
config.config = {"general": {"timezone": "UTC"}}
config.save()
address = reverse("field_note", args=[device.pk])
written = person.patch(address, json.dumps({"room": "attic"}), content_type="application/json")
config.refresh_from_db()
page = person.get(reverse("admin:config_device_change", args=[device.pk])).content.decode()
print(json.dumps({
    "written": written.json(),
    "room": config.get_context()["room"],
    "delivered": "attic" in config.json(),
    "stored": config.stale_since is None and config.compiled.detail,
    "tab": "note-group" in page,
    "command": dict(get_command_choices()).get("uptime"),
    "nobody": Client().get(address).status_code,
}))
"""


def test_the_package_of_the_page_runs(tmp_path: Path) -> None:
    package = tmp_path / "field_notes"
    package.mkdir()
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = ["apps.py", "models.py", "receivers.py", "admin.py", "urls.py", "tests.py"]
    for name, block in zip(names, blocks, strict=True):
        (package / name).write_text(block)
    (package / "__init__.py").touch()
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment = {
        **kept, "DJANGO_SETTINGS_MODULE": "tests.extensions.field_project.settings", "PROJECT_DATA": str(tmp_path),
        "EXTENSION": "field-notes", "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
    }  # fmt: skip

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("-m", "django", "makemigrations", "field_notes")
    run("-m", "django", "migrate", "--verbosity", "0")
    run("-m", "django", "test", "field_notes", "--noinput")
    seen = json.loads(run("-c", USE).strip().splitlines()[-1])
    assert seen["written"] == {"room": "attic", "changes": 1}
    assert seen["room"] == "attic"
    assert seen["delivered"]
    assert seen["stored"] == "room attic"
    assert seen["tab"]
    assert seen["command"] == "Uptime"
    assert seen["nobody"] == 401
