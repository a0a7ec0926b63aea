"""The field's packages work in one project with this controller: pages, a firmware upgrade, a check, over real SSH.

Their own tests are run by ``make extensions``.
"""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ..extensions.environments import ROOT, TOGETHER, influxdb, together

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what was seen when a project that has all packages used each of them once."""
    data = tmp_path_factory.mktemp("packages")
    for name in ("private", "media"):
        (data / name).mkdir()
    with ExitStack() as stack:
        try:
            port = stack.enter_context(influxdb())
        except FileNotFoundError as error:
            pytest.skip(str(error))
        try:
            python = together()
        except subprocess.CalledProcessError:
            pytest.skip("the packages could not be installed; is the registry of Python packages reachable?")
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        environment = {
            **kept, "DJANGO_SETTINGS_MODULE": "tests.extensions.field_project.settings", "PROJECT_DATA": str(data),
            "EXTENSION": ",".join(TOGETHER), "INFLUXDB_PORT": str(port),
        }  # fmt: skip
        _run(python, environment, "django", "check")
        _run(python, environment, "django", "migrate", "--verbosity", "0")
        return json.loads(_run(python, environment, "tests.extensions.use").strip().splitlines()[-1])


def _run(python: Path, environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [python, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_pages_show_what_packages_add(seen: dict[str, Any]) -> None:
    assert (seen["page"], seen["list"], seen["first"], seen["rest"]) == (200, 200, 200, 200)
    tabs = " ".join(seen["tabs"])
    for part in (
        "config-group",
        "deviceconnection_set-group",
        "devicefirmware-group",
        "upgradeoperation_set-group",
        "check-check-content_type",
    ):
        assert part in tabs


def test_tabs_are_loaded_and_saved_on_pages_with_packages(seen: dict[str, Any]) -> None:
    assert seen["credentials"]
    assert seen["saved"] == [302, 302]
    assert seen["kept"] == 1


def test_a_firmware_upgrade_over_ssh(seen: dict[str, Any]) -> None:
    upgrade = seen["upgrade"]
    assert upgrade["status"] == "success", upgrade["log"]
    assert upgrade["uploaded"]
    assert upgrade["flashed"]
    assert upgrade["written"] == ["/etc/openwisp/firmware_checksum"]


def test_a_check_over_ssh(seen: dict[str, Any]) -> None:
    check = seen["check"]
    assert check["commands"] == 2
    assert check["result"]["iperf3_result"] == 1
    assert check["metrics"] >= 1
