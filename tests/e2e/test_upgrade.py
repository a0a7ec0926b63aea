"""An upgrade: tables of an earlier state of the migrations, with devices in them, and devices that notice nothing."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from openwisp_controller.fleet import Fleet, FleetThread

from ..databases import DATABASE_FILE, Migrated
from ..services import free_port
from .processes import PATIENCE, Process, environment, prepare, run
from .test_backup import (
    CREDENTIALS,
    DEVICES,
    QUIET,
    SECRET,
    all_applied,
    check_that_nobody_notices,
    known,
    requests,
    served,
    shell,
)

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="has databases of its own: runs once, with SQLite")
#: The state before jobs had authors, secrets were encrypted, and undefined variables were noted.
EARLIER = ("config", "0004_vpn_permissions")


def test_devices_notice_nothing_of_an_upgrade(tmp_path: Path, migrated: Migrated) -> None:
    env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))
    migrated.copy_to(env["OPENWISP_DATA_DIR"])
    shell(prepare(SECRET) + CREDENTIALS, env)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Process(("serve", "--port", str(port)), env, tmp_path / "log")
    with FleetThread(Fleet(url, SECRET, DEVICES, interval=0.5)) as fleet:
        with served(url, server):
            assert fleet.wait_for(all_applied, PATIENCE), fleet.fleet.problems()
            before = known(env, fleet.fleet)
            quiet = requests(fleet.fleet, *QUIET)
        result = run("manage", "migrate", "-v0", *EARLIER, env=env)
        assert result.returncode == 0, result.stderr
        with sqlite3.connect(tmp_path / "data" / DATABASE_FILE) as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(config_job)")]
            assert "author" not in columns
            (devices,) = database.execute("SELECT count(*) FROM config_device").fetchone()
            assert devices == DEVICES
        with served(url, server):
            check_that_nobody_notices(fleet, before, env, quiet)
