"""The embedded server and devices that fail, lose reports, are away and lose their power: all ends well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from openwisp_controller.fleet import FaultKind, Faults, Fleet, FleetThread, Mix

from ..databases import Migrated
from ..services import free_port
from .processes import EDIT_TEMPLATE, PATIENCE, Process, environment, prepare, run, running, status_of, wait_until

pytestmark = pytest.mark.skipif(
    "DATABASE_URL" in os.environ, reason="has a database of its own: runs once, with SQLite"
)
DEVICES = 40
SECRET = "faults-shared-secret"
APPLIED = """
import json
from openwisp_controller.config.models import Config
applied = Config.objects.filter(status="applied").values_list("device__name", "applied__checksum")
print("applied", json.dumps(dict(applied)))
"""


def shell(code: str, env: dict[str, str]) -> str:
    result = run("manage", "shell", "-v0", "-c", code, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def known_as_applied(env: dict[str, str]) -> dict[str, str]:
    """What the database says that devices run, by name."""
    checksums: dict[str, str] = json.loads(shell(APPLIED, env).partition("applied ")[2])
    return checksums


def all_applied(fleet: Fleet) -> bool:
    return fleet.summary().applied == DEVICES == len(fleet.checksums())


def all_followed(fleet: Fleet, before: dict[str, str], env: dict[str, str]) -> bool:
    """Whether each device runs what the controller wants it to run, by both their accounts.

    ``before`` does not suffice: who enrolled just before the edit runs an older configuration that is not in it.
    """
    return (
        all_applied(fleet)
        and not set(fleet.checksums().values()) & set(before.values())
        and known_as_applied(env) == fleet.checksums()
    )


def test_devices_that_fail_end_well(tmp_path: Path, migrated: Migrated) -> None:
    env = environment(OPENWISP_DATA_DIR=str(tmp_path / "data"))
    migrated.copy_to(env["OPENWISP_DATA_DIR"])
    shell(prepare(SECRET), env)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Process(("serve", "--port", str(port)), env, tmp_path / "log")
    with running(server):
        wait_until(lambda: status_of(f"{url}/readyz") == 200, "readiness")
        faults = Faults(fail_rate=0.3, lose_report_rate=0.3, offline_rate=0.2, power_cut=0.2)
        mix = Mix(mac_name_rate=0.2, hardware_id_rate=0.2, overwrite_rate=0.2)
        fleet = Fleet(url, SECRET, DEVICES, interval=0.5, spread=0.5, faults=faults, mix=mix)
        with FleetThread(fleet) as devices:
            assert devices.wait_for(lambda fleet: len(fleet.checksums()) > DEVICES / 2, PATIENCE), fleet.problems()
            before = fleet.checksums()
            shell(EDIT_TEMPLATE, env)  # while they fail
            assert devices.wait_for(
                lambda fleet: (
                    sum(before.get(name) != now for name, now in fleet.checksums().items()) > DEVICES / 2
                    and all(fleet.summary().faults[kind] > 0 for kind in FaultKind)
                ),
                PATIENCE,
            ), (fleet.problems(), fleet.summary().faults)
        assert fleet.problems() == []

        fleet.faults = Faults()
        with FleetThread(fleet):  # who could not apply tries again after boot
            wait_until(lambda: all_followed(fleet, before, env), "the end of all differences")
            assert fleet.violations == []
            assert fleet.problems() == []
    assert SECRET not in server.output
