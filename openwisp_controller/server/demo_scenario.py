"""What the demo shows: devices enrol, a template is edited, all devices follow. Needs Django set up."""

from __future__ import annotations

import argparse
import secrets
import subprocess
import time
from collections.abc import Callable
from functools import partial

from ..config.models import Config, Device
from ..fleet import Fleet, FleetThread, SshOptions
from . import demo_data
from .demo_server import Failed, Interruption, claimed_port, running_server, wait_until_ready
from .processes import url as address_for_people

_POLL_INTERVAL = 8.0
_SEED = 25
"""Not the one of the command ``fleet``, whose devices would else be taken for those of the demo."""
_FOLLOWED_WITHIN = 120.0


def show(options: argparse.Namespace, say: Callable[[str], None], interruption: Interruption) -> None:
    """Show the main job of a controller, and say what happens.

    Args:
        options: of the command ``demo``.
        say: is told each step.
        interruption: where it is told to stop.

    Raises:
        Failed: something did not go as it should.
        KeyboardInterrupt: it was told to stop.
    """
    with claimed_port("127.77.0.1", 2222) as ssh_port, claimed_port(options.host, options.port) as port:
        ssh = SshOptions(port=ssh_port, password=secrets.token_urlsafe(12))
        scene = demo_data.create(ssh)
        interruption.defer()
        _show(options, port, scene, ssh, say, interruption)


def _show(
    options: argparse.Namespace,
    port: int,
    scene: demo_data.Scene,
    ssh: SshOptions,
    say: Callable[[str], None],
    interruption: Interruption,
) -> None:
    url = address_for_people(options.host, port)
    with running_server(options.host, port) as server:
        wait_until_ready(url, server, interruption)
        say(f"The controller serves at {url}/admin/ (user {scene.username}, password {scene.password})")
        fleet = Fleet(
            url, scene.secret, options.devices, interval=_POLL_INTERVAL, seed=_SEED, name_prefix="router", ssh=ssh
        )
        with FleetThread(fleet) as devices:
            say(f"{options.devices} virtual routers enrol and fetch their configuration")
            wait = partial(_wait, devices, server, interruption)
            wait(lambda fleet: _applied(fleet) and _database_agrees(fleet), "apply their configuration")
            say(f"All {options.devices} are applied")
            # as shipped, an agent tells its management address from its second poll on
            wait(_can_be_reached, "tell their management addresses")
            say("They told where they can be reached over SSH")
            before = fleet.checksums()
            edited = time.monotonic()
            channel = demo_data.edit_wifi()
            say(f"Edited the template “{demo_data.WIFI}”: another SSID, channel {channel}")
            wait(
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
                interruption.sleep(1)
            raise Failed(f"the server ended with status {server.returncode}")


def _wait(
    devices: FleetThread,
    server: subprocess.Popen[bytes],
    interruption: Interruption,
    done: Callable[[Fleet], bool],
    what: str,
) -> None:
    def settled(fleet: Fleet) -> bool:
        interruption.check()
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
    return Device.objects.filter(management_ip__isnull=False).count() == len(fleet.devices)


def _database_agrees(fleet: Fleet) -> bool:
    """Whether the controller knows each device as applied, running just what the device says it runs."""
    known = Config.objects.filter(status="applied").values_list("device__name", "applied__checksum")
    return dict(known) == fleet.checksums()
