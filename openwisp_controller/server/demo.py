"""The demo: a controller, a fleet of virtual routers that enrol, and a template change that all of them follow."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import django
from django.core.management import call_command

from ..fleet import FleetError
from .demo_server import Failed, Interruption

_STOPPED = "\nStopped.\n"


def run(options: argparse.Namespace) -> int:
    """Run the demo; return 0 when all went well, 1 otherwise."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)  # the demo always is a world of its own
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("LOOPBACK_MANAGEMENT_IP", "true")  # where its devices are, whatever the server listens at
    temporary = options.data_dir is None
    directory = Path(tempfile.mkdtemp(prefix="openwisp-controller-demo-")) if temporary else options.data_dir
    os.environ["OPENWISP_DATA_DIR"] = str(directory)

    def clean_up() -> None:
        if temporary:
            shutil.rmtree(directory, ignore_errors=True)

    def leave() -> NoReturn:
        clean_up()
        os.write(sys.stdout.fileno(), _STOPPED.encode())  # print may be what was interrupted
        os._exit(0)

    interruption = Interruption(leave)
    interruption.install()
    try:
        _show(options, interruption)
    except (Failed, FleetError, KeyboardInterrupt) as failure:
        if interruption.asked:  # the server may have heard of it first
            print(_STOPPED, end="")
            return 0
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    finally:
        interruption.ignore()
        clean_up()
    return 0


def _show(options: argparse.Namespace, interruption: Interruption) -> None:
    say = _Narrator(time.monotonic()).say
    say("Preparing the database")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    from .demo_scenario import show  # models can be imported from here on

    show(options, say, interruption)


class _Narrator:
    def __init__(self, started: float) -> None:
        self._started = started

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:5.1f} s] {text}", flush=True)
