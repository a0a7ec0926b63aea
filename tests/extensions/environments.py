"""Virtual environments with the field's packages, and the database of time series that one of them needs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".extensions"
VERSIONS = {"firmware-upgrader": "1.3.1", "monitoring": "1.3", "network-topology": "1.3.1", "radius": "1.3.3"}
#: What else the tests of a package need.
BESIDES = {"radius": (f"openwisp-monitoring=={VERSIONS['monitoring']}", "freezegun")}
#: Packages that work together in one project.
TOGETHER = ("firmware-upgrader", "monitoring", "network-topology")


def environment(package: str) -> Path:
    """Return the Python of a package's virtual environment, with the package and the controller installed."""
    python = _created(package)
    _install(python, ["-e", f"{ROOT}[production,test]", f"openwisp-{package}=={VERSIONS[package]}",
                      *BESIDES.get(package, ())])  # fmt: skip
    return python


def together() -> Path:
    """Return the Python of an environment with the packages of ``TOGETHER``, which shares what the controller's has.

    Raises:
        CalledProcessError: they could not be installed.
    """
    python = _created("together")
    here, there = sysconfig.get_path("purelib"), sysconfig.get_path("purelib", vars={"base": str(python.parent.parent)})
    Path(there, "controller.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    _install(python, [f"openwisp-{package}=={VERSIONS[package]}" for package in TOGETHER])
    return python


def _created(name: str) -> Path:
    place = PLACE / name
    python = place / "bin" / "python"
    PLACE.mkdir(exist_ok=True)
    if not python.exists():
        subprocess.run([str(ROOT / ".venv/bin/python"), "-m", "venv", "--clear", str(place)], check=True)
    return python


def _install(python: Path, wanted: list[str]) -> None:
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-c", "constraints.txt"]
    subprocess.run([*command, *wanted], cwd=ROOT, check=True)


@contextmanager
def influxdb() -> Iterator[int]:
    """Start a database of time series on free ports of 127.0.0.1, and stop it at the end; yield the port.

    Raises:
        FileNotFoundError: there is none on this machine.
    """
    program = shutil.which("influxd")
    if program is None:
        raise FileNotFoundError("openwisp-monitoring needs InfluxDB; install it with: apt-get install influxdb")
    with tempfile.TemporaryDirectory() as data:
        port, rpc = _free_port(), _free_port()
        settings = Path(data, "influxdb.conf")
        settings.write_text(
            f'bind-address = "127.0.0.1:{rpc}"\nreporting-disabled = true\n'
            f'[meta]\n  dir = "{data}/meta"\n'
            f'[data]\n  dir = "{data}/data"\n  wal-dir = "{data}/wal"\n  query-log-enabled = false\n'
            f'[http]\n  bind-address = "127.0.0.1:{port}"\n  log-enabled = false\n'
        )
        with open(os.devnull, "w") as nowhere:
            server = subprocess.Popen([program, "-config", str(settings)], stdout=nowhere, stderr=nowhere)
        try:
            _wait_for(port)
            yield port
        finally:
            server.terminate()
            server.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
