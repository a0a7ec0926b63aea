"""Connects to all public signals."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.dispatch import Signal

#: So many lines are written before receivers wait while they are held, to be killed in the middle of a chunk.
HELD_AFTER = 51


class WitnessConfig(AppConfig):
    name = "tests.e2e.witness"

    def ready(self) -> None:
        from openwisp_controller.config import signals
        from openwisp_controller.subnet_division.signals import subnet_provisioned

        for name, signal in {**vars(signals), "subnet_provisioned": subnet_provisioned}.items():
            if isinstance(signal, Signal):
                signal.connect(partial(note, name), weak=False, dispatch_uid=f"witness_{name}")


def note(name: str, sender: Any, instance: Any, **arguments: Any) -> None:
    """Append a line to the file: name, key of the object, action. Small appends of several processes do not mix."""
    line = f"{name} {instance.pk} {arguments.get('action', '-')}\n"
    file = os.open(os.environ["WITNESS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    witness = Path(os.environ["WITNESS_FILE"])
    while held(witness).exists() and len(witness.read_text().splitlines()) >= HELD_AFTER:
        time.sleep(0.05)


def held(witness: Path) -> Path:
    """The file that holds receivers as long as it exists."""
    return witness.with_suffix(".held")
