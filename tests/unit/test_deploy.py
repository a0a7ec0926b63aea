"""The examples in ``deploy/`` start what there is, with variables that there are."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from openwisp_controller.server import cli, processes

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
SOCKET = ROOT / "deploy/systemd/openwisp-controller-web.socket"
NGINX = (ROOT / "deploy/nginx/openwisp-controller.conf").read_text()


def started_by(unit: Path) -> list[str]:
    """The arguments of the command line that a unit starts."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    program, *arguments = shlex.split(parser["Service"]["ExecStart"])
    assert program.endswith("/openwisp-controller")
    return arguments


def test_a_unit_for_each_process() -> None:
    assert [started_by(unit)[0] for unit in UNITS] == ["live", "scheduler", "web", "worker"]


def test_the_socket_is_where_web_would_listen() -> None:
    web = ROOT / "deploy/systemd/openwisp-controller-web.service"
    options = cli.command_line().parse_args(started_by(web))
    assert f"ListenStream={options.host}:{options.port}\n" in SOCKET.read_text()
    assert f"Backlog={processes.BACKLOG}\n" in SOCKET.read_text()
    assert f"Requires={SOCKET.name}\n" in web.read_text()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_start_commands_that_there_are(unit: Path) -> None:
    assert cli.command_line().parse_args(started_by(unit)).run


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", [*UNITS, SOCKET], ids=lambda unit: unit.name)
def test_units_are_understood(unit: Path) -> None:
    result = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    own = [line for line in result.stderr.splitlines() if unit.name in line and "is not executable" not in line]
    assert own == []


def test_nginx_asks_where_the_processes_listen() -> None:
    for name in ("web", "live"):
        options = cli.command_line().parse_args(started_by(ROOT / f"deploy/systemd/openwisp-controller-{name}.service"))
        assert f"server {options.host}:{options.port};" in NGINX


def test_variables_are_known() -> None:
    known = (ROOT / "docs/reference/environment.md").read_text()
    for name in re.findall(r"^([A-Z_]+)='", (ROOT / "deploy/openwisp-controller.env").read_text(), re.MULTILINE):
        assert f"`{name}`" in known
