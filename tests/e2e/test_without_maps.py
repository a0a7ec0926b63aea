"""Without a spatial database, or without the wish for one, there are no maps, and everything else works."""

from __future__ import annotations

from pathlib import Path

import pytest

from .processes import environment, run

SHOW = """
from django.apps import apps
from django.db import connection
from django.test import Client
from openwisp_users.models import User
client = Client()
client.force_login(User.objects.create_superuser("root", "root@example.org", "password"))
pages = [client.get(path, HTTP_HOST="localhost").status_code for path in (
    "/admin/", "/admin/config/device/", "/api/v1/controller/device/", "/api/v1/controller/location/"
)]
listed = client.get("/admin/connection/batchcommand/", HTTP_HOST="localhost").content
assert b"By group" in listed and b"By location" not in listed
print(apps.is_installed("openwisp_controller.geo"), connection.settings_dict["ENGINE"], pages)
"""


@pytest.mark.once
def test_maps_can_be_left_off(tmp_path: Path) -> None:
    env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"), MAPS="false")
    for arguments in (("manage", "migrate", "-v0"), ("check",)):
        result = run(*arguments, env=env)
        assert result.returncode == 0, result.stdout + result.stderr
    shown = run("manage", "shell", "-v0", "-c", SHOW, env=env)
    assert shown.stdout.strip().endswith("False django.db.backends.sqlite3 [200, 200, 200, 404]"), shown
