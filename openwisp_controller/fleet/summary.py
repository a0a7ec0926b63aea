"""How a fleet stands: counts and latencies, for people and for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .device import VirtualDevice
from .events import Endpoint, State
from .faults import FaultKind
from .metrics import EndpointStats, Metrics


@dataclass(frozen=True)
class Summary:
    """How a fleet stands. Latencies are in milliseconds, ``bytes`` counts the bodies of answers.

    ``failures`` are requests that got no answer, ``abandoned`` those a device was switched off under, and
    ``faults`` counts what was injected, each kind.
    """

    devices: int
    registered: int
    applied: int
    error: int
    states: dict[State, int]
    stopped: int
    requests: int
    failures: int
    abandoned: int
    bytes: int
    violations: int
    faults: dict[FaultKind, int]
    endpoints: dict[Endpoint, EndpointStats]


def summarize(devices: Sequence[VirtualDevice], metrics: Metrics, violations: int) -> Summary:
    """Return how devices stand now."""
    states = Counter(device.state for device in devices)
    faults: Counter[FaultKind] = Counter()
    for device in devices:
        if device.injected:
            faults.update(device.injected)
    return Summary(
        devices=len(devices),
        registered=sum(device.storage.credentials is not None for device in devices),
        applied=states[State.APPLIED],
        error=states[State.ERROR],
        states={state: states[state] for state in State if states[state]},
        stopped=sum(device.stopped for device in devices),
        requests=metrics.requests,
        failures=metrics.failures,
        abandoned=metrics.abandoned,
        bytes=metrics.bytes,
        violations=violations,
        faults={kind: faults[kind] for kind in FaultKind},
        endpoints=metrics.endpoints(),
    )


def problem(device: VirtualDevice) -> str:
    """Say why a device is no success; empty when it is one.

    A device that an injected fault kept from applying is none of the controller's problems, unless it was sent
    away.
    """
    if device.state in (State.APPLIED, State.DEACTIVATED):
        return ""
    if device.disturbed and device.state in (State.WAITING, State.REGISTERED, State.ERROR):
        return ""
    return f"{device.name}: {device.state}" + (f": {device.reason}" if device.reason else "")
