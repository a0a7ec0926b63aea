"""The page that shows the REST interface with curl, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ..databases import Migrated
from ..services import free_port
from .deployment import wait_until_ready
from .processes import PATIENCE, Process, environment, run, running

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="has databases of its own: runs once, with SQLite")
PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/rest.md"
PEOPLE = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("admin", "admin@example.org", "secret")
"""


def test_the_commands_of_the_page_go_from_a_token_to_a_device_applied(tmp_path: Path, migrated: Migrated) -> None:
    env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))
    migrated.copy_to(env["OPENWISP_DATA_DIR"])
    result = run("manage", "shell", "-v0", "-c", PEOPLE, env=env)
    assert result.returncode == 0, result.stderr
    port = free_port()
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    script = "set -euo pipefail\n" + "\n".join(blocks)
    script = script.replace("https://controller.example.org", f"http://127.0.0.1:{port}")
    with running(Process(("serve", "--port", str(port)), env, tmp_path / "log")):
        wait_until_ready(f"http://127.0.0.1:{port}")
        shell = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False, env=env
        )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    lines = shell.stdout.splitlines()
    for line in ("applied", "ssid = free wifi  (organization)"):
        assert line in lines, shell.stdout
    assert "+\toption description 'guests'" in lines
    assert '"release_policy": "held"' in shell.stdout
