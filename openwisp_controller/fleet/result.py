"""The result of a run as JSON, for scripts and for comparing runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .device import VirtualDevice
from .fleet import Fleet
from .metrics import EndpointStats

Json = dict[str, Any]  # whatever JSON can hold


def result(fleet: Fleet, options: Json, seconds: float) -> Json:
    """Return everything there is to say about a run that took ``seconds``.

    ``options`` are shown as they are, so they must not contain the shared secret; neither are keys shown.
    """
    summary = fleet.summary()
    problems = fleet.problems()
    return {
        "success": not problems,
        "options": options,
        "seconds": round(seconds, 3),
        "counts": {
            "devices": summary.devices,
            "registered": summary.registered,
            "applied": summary.applied,
            "error": summary.error,
            "stopped": summary.stopped,
            "requests": summary.requests,
            "failures": summary.failures,
            "abandoned": summary.abandoned,
            "bytes": summary.bytes,
            "violations": summary.violations,
        },
        "states": {str(state): count for state, count in summary.states.items()},
        "faults": {kind.name.lower(): count for kind, count in summary.faults.items()},
        "violations": [
            {"device": violation.device, "endpoint": str(violation.endpoint), "what": violation.what}
            for violation in fleet.violations
        ],
        "problems": problems,
        "endpoints": {str(endpoint): _figures(stats) for endpoint, stats in summary.endpoints.items()},
        "devices": [_device(device) for device in fleet.devices],
    }


def write(document: Json, target: str) -> None:
    """Write a result to a file, or to the standard output when the target is ``-``.

    Raises:
        OSError: the file cannot be written.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")


def _figures(stats: EndpointStats) -> Json:
    figures = {"mean": stats.mean, "p50": stats.p50, "p95": stats.p95, "p99": stats.p99, "max": stats.max}
    return {"count": stats.count, **{f"{name}_ms": round(value, 3) for name, value in figures.items()}}


def _device(device: VirtualDevice) -> Json:
    storage = device.storage
    return {
        "name": device.name,
        "mac_address": device.identity.mac_address,
        "uuid": storage.credentials.uuid if storage.credentials else None,
        "state": str(device.state),
        "reason": device.reason,
        "checksum": storage.checksum,
        "current_status": storage.current_status or None,
        "stopped": device.stopped,
        "exit_code": device.exit_code,
        "faults": {kind.name.lower(): count for kind, count in device.injected.items()},
    }
