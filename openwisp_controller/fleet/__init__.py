"""Virtual devices that speak the device protocol: for the demo, for tests, for load.

Knows nothing of the controller but its HTTP interface, so it may be pointed at any controller of that
protocol.
"""

from .device import VirtualDevice
from .events import Endpoint, Event, EventKind, State, Violation
from .faults import FaultKind, Faults, Mix
from .fleet import Fleet
from .metrics import EndpointStats
from .policy import AgentPolicy
from .ssh import DeviceSshServer, SshFault
from .ssh_fleet import SshOptions
from .summary import Summary
from .thread import FleetError, FleetThread

__all__ = [
    "AgentPolicy",
    "DeviceSshServer",
    "Endpoint",
    "EndpointStats",
    "Event",
    "EventKind",
    "FaultKind",
    "Faults",
    "Fleet",
    "FleetError",
    "FleetThread",
    "Mix",
    "SshFault",
    "SshOptions",
    "State",
    "Summary",
    "Violation",
    "VirtualDevice",
]
