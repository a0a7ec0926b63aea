"""What can go wrong with a device by itself, and when: failures, lost reports, absence, power cuts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum

from .seeded_random import SeededRandom


class FaultKind(StrEnum):
    """The faults that can be injected; the values read as a heading of a count."""

    FAILURE = "failed applications"
    LOST_REPORT = "lost reports"
    OFFLINE = "offline cycles"
    POWER_CUT = "power cuts"


class CutPoint(StrEnum):
    """Where in a cycle the power may go."""

    START = "before the poll"
    REGISTERED = "before the credentials were stored"
    POLLED = "between poll and download"
    DOWNLOADED = "between download and apply"
    APPLIED = "between apply and report"
    REPORTED = "before the answer to the report was read"
    IDLE = "between two cycles"


class Loss(StrEnum):
    """What of a report gets lost."""

    REQUEST = "the report"
    ANSWER = "the answer to the report"


class PowerCut(Exception):
    """The device lost its power."""

    def __init__(self, point: CutPoint) -> None:
        super().__init__(str(point))
        self.point = point


@dataclass(frozen=True)
class Faults:
    """How often devices fail, each a probability from 0 to 1.

    Args:
        fail_rate: applications of an archive that fail.
        lose_report_rate: status reports that get lost.
        offline_rate: cycles in which a device is unreachable.
        power_cut: cycles in which it loses its power.

    Raises:
        ValueError: a value is no probability.
    """

    fail_rate: float = 0.0
    lose_report_rate: float = 0.0
    offline_rate: float = 0.0
    power_cut: float = 0.0

    def __post_init__(self) -> None:
        check_probabilities(self)

    def __bool__(self) -> bool:
        return any(getattr(self, rate.name) for rate in fields(self))


def check_probabilities(rates: Faults | Mix) -> None:
    """Raise ValueError, naming it, unless every rate is a number from 0 to 1."""
    for rate in fields(rates):
        value = getattr(rates, rate.name)
        if not 0 <= value <= 1:  # false for "not a number", too
            raise ValueError(f"{rate.name} is a probability from 0 to 1, not {value}")


@dataclass(frozen=True)
class Mix:
    """Which shares of a fleet, from 0 to 1, differ from the ordinary device.

    Args:
        mac_name_rate: have a default hostname and so register with their MAC address as name.
        hardware_id_rate: derive their key from a hardware id.
        overwrite_rate: overwrite UCI files instead of merging into them.

    Raises:
        ValueError: a value is no share.
    """

    mac_name_rate: float = 0.0
    hardware_id_rate: float = 0.0
    overwrite_rate: float = 0.0

    def __post_init__(self) -> None:
        check_probabilities(self)


_CUT_POINTS = tuple(CutPoint)
_FAILURES = (
    (
        "daemon.notice netifd: wan (1403): udhcpc: no lease",
        "ERROR: no default route after the network restart",
    ),
    ("daemon.err hostapd: Configuration file: 2 errors found in configuration file", "ERROR: wifi did not come up"),
    ("user.notice ucitrack: Setting up firewall reload dependency", "ERROR: firewall reload exited with 1"),
    (
        "kern.err kernel: jffs2: no space left on “device”",
        "ERROR: could not write /etc/config/network",
    ),
    (*(f"daemon.warn dnsmasq[2217]: no servers found in resolv.conf, retry {n}" for n in range(30)), "ERROR: no DNS"),
)


class FaultPlan:
    """Decides about the faults of one device; ``faults`` tells how often they shall occur just now."""

    __slots__ = ("_cut", "_faults", "_random", "offline")

    def __init__(self, random: SeededRandom, faults: Callable[[], Faults]) -> None:
        self._random = random
        self._faults = faults
        self._cut: CutPoint | None = None
        self.offline = False

    def next_cycle(self) -> None:
        """Decide whether the device is offline in the cycle that begins, and whether and where its power goes."""
        faults = self._faults()
        # Drawn in any case: to switch one fault on or off must not move the others.
        cut, point = self._random.happens("power cut", faults.power_cut), self._random.pick("cut point", _CUT_POINTS)
        self._cut = point if cut else None
        self.offline = self._random.happens("offline", faults.offline_rate)

    def reach(self, point: CutPoint) -> None:
        """Pass a point of the cycle.

        What was planned for a point that this cycle does not have happens at its end.

        Raises:
            PowerCut: the power goes here.
        """
        if self._cut is not None and (point is self._cut or point is CutPoint.IDLE):
            self._cut = None
            raise PowerCut(point)

    def failure(self) -> tuple[str, ...]:
        """Return the lines of the log when the application that begins fails, else nothing."""
        reason = self._random.pick("failure reason", _FAILURES)
        return reason if self._random.happens("failure", self._faults().fail_rate) else ()

    def loss(self) -> Loss | None:
        """Return what of the report about to be sent gets lost, if anything."""
        what = self._random.pick("loss kind", tuple(Loss))
        return what if self._random.happens("loss", self._faults().lose_report_rate) else None
