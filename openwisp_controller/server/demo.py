"""The demo: a controller, a fleet of virtual routers that enrol, and a template change that all of them follow."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..fleet import Fleet, FleetThread, SshOptions
from .processes import url as address_for_people

_POLL_INTERVAL = 8.0
_SEED = 25
"""Not the one of the command ``fleet``, whose devices would else be taken for those of the demo."""
_READY_WITHIN = 120.0
_FOLLOWED_WITHIN = 120.0


class Failed(Exception):
    """The demo did not go as it should; the text says why."""


def run(options: argparse.Namespace) -> int:
    """Run the demo; return 0 when all went well, 1 otherwise."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # the demo always is a world of its own
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    temporary = options.data_dir is None
    directory = Path(tempfile.mkdtemp(prefix="openwisp-controller-demo-")) if temporary else options.data_dir
    os.environ["OPENWISP_DATA_DIR"] = str(directory)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to be stopped politely is like Ctrl-C
    try:
        _show(options)
    except Failed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    finally:
        if temporary:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


def _show(options: argparse.Namespace) -> None:
    started = time.monotonic()
    say = _Narrator(started).say
    say("Preparing the database")
    _migrate()
    from . import demo_data

    ssh = SshOptions(port=_free_port("127.77.0.1", 2222), password=secrets.token_urlsafe(12))
    scene = demo_data.create(ssh)
    port = _free_port(options.host, options.port)
    url = address_for_people(options.host, port)
    with _server(options.host, port) as server:
        _wait_until_ready(url, server)
        say(f"The controller serves at {url}/admin/ (user {scene.username}, password {scene.password})")
        fleet = Fleet(
            url, scene.secret, options.devices, interval=_POLL_INTERVAL, seed=_SEED, name_prefix="router", ssh=ssh
        )
        with FleetThread(fleet) as devices:
            say(f"{options.devices} virtual routers enrol and fetch their configuration")
            _wait(
                devices, server, lambda fleet: _applied(fleet) and _database_agrees(fleet), "apply their configuration"
            )
            say(f"All {options.devices} are applied")
            # as shipped, an agent tells its management address from its second poll on
            _wait(devices, server, _can_be_reached, "tell their management addresses")
            say("They told where they can be reached over SSH")
            before = fleet.checksums()
            edited = time.monotonic()
            channel = demo_data.edit_wifi()
            say(f"Edited the template “{demo_data.WIFI}”: another SSID, channel {channel}")
            _wait(
                devices,
                server,
                lambda fleet: (
                    _applied(fleet)
                    and _database_agrees(fleet)
                    and all(checksum != before[name] for name, checksum in fleet.checksums().items())
                ),
                "follow the template",
            )
            took = time.monotonic() - edited
            say(f"All {options.devices} follow: they fetched, verified and applied the new configuration")
            pushed = sum(
                any("SIGUSR1" in command for command in device.commands) for device in fleet.ssh_servers.values()
            )
            say(
                f"{pushed} were told over SSH, so it took {took:.1f} s;"
                f" they look by themselves only every {_POLL_INTERVAL:.0f} s"
            )
            if fleet.violations:
                raise Failed("the devices met violations of the protocol: " + "; ".join(fleet.problems()[:5]))
            if options.once:
                return
            print(
                f"\nLook around: {url}/admin/  user: {scene.username}  password: {scene.password}\n"
                "  Devices, with their revisions and what is in them:  /admin/config/device/\n"
                "  Edit a template and watch the devices follow:       /admin/config/template/\n"
                "  Send commands to a device from its page, or to all: /admin/connection/batchcommand/\n"
                "Enrol devices of your own with the shared secret      "
                f"{scene.secret}\nCtrl-C ends the demo.",
                flush=True,
            )
            while server.poll() is None:
                time.sleep(1)
            raise Failed(f"the server ended with status {server.returncode}")


class _Narrator:
    def __init__(self, started: float) -> None:
        self._started = started

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)


def _free_port(host: str, wanted: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (wanted, 0):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Failed(f"cannot listen at {host}")


@contextmanager
def _server(host: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "openwisp_controller.server.cli", "serve", "--host", host, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Failed(f"the server ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    raise Failed(f"the server was not ready within {_READY_WITHIN:.0f} seconds")


def _wait(devices: FleetThread, server: subprocess.Popen[bytes], done: Callable[[Fleet], bool], what: str) -> None:
    def settled(fleet: Fleet) -> bool:
        return server.poll() is not None or bool(fleet.violations) or done(fleet)

    if not devices.wait_for(settled, _FOLLOWED_WITHIN):
        summary = devices.fleet.summary()
        raise Failed(
            f"only {summary.applied} of {summary.devices} devices did {what} within {_FOLLOWED_WITHIN:.0f} seconds. "
            + "; ".join(devices.fleet.problems()[:5])
        )
    if server.poll() is not None:
        raise Failed(f"the server ended with status {server.returncode}")


def _applied(fleet: Fleet) -> bool:
    summary = fleet.summary()
    return summary.applied == summary.devices == len(fleet.checksums())


def _can_be_reached(fleet: Fleet) -> bool:
    """Whether the controller knows the management address of every device."""
    from ..config.models import Device

    return Device.objects.filter(management_ip__isnull=False).count() == len(fleet.devices)


def _database_agrees(fleet: Fleet) -> bool:
    """Whether the controller knows each device as applied, running just what the device says it runs."""
    from ..config.models import Config

    known = Config.objects.filter(status="applied").values_list("device__name", "applied__checksum")
    return dict(known) == fleet.checksums()
