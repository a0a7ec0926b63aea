"""Signals that are about to be sent, and their order."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection, models, transaction
from django.dispatch import Signal

from ...common.fate import Fate, current_fate
from .. import signals
from ..models import Config

logger = logging.getLogger(__name__)
#: The order of signals about one device, group or server; those in one line keep the order in which they came.
ORDER: tuple[tuple[Signal, ...], ...] = (
    (signals.config_download_requested,),
    (signals.config_backend_changed,),
    (signals.device_name_changed,),
    (
        signals.config_modified, signals.config_status_changed, signals.config_deactivating, signals.config_deactivated,
    ),
    (signals.device_group_changed,),
    (signals.management_ip_changed,),
    (signals.device_activated, signals.device_deactivated),
    (signals.group_templates_changed,),
    (signals.vpn_server_modified,),
    (signals.device_registered,),
    (signals.checksum_requested,),
)  # fmt: skip
_RANKS = {id(signal): rank for rank, together in enumerate(ORDER) for signal in together}


@dataclass(slots=True)
class Emission:
    """One signal about to be sent."""

    signal: Signal
    subject: models.Model
    arguments: dict[str, Any] = field(default_factory=dict)
    sender: type[Any] | None = None
    """None = the class of the subject."""
    named: str = "instance"
    """Under which name receivers get the subject."""
    status: str | None = None
    """The status that the configuration has while the signal is sent, where it passes through two of them."""

    def send(self) -> None:
        """Send the signal; what a receiver raises goes to the caller."""
        with _Status(self):
            self.signal.send(**self._sent())

    def send_robustly(self) -> None:
        """Send the signal; a receiver that raises is logged with its name and does not stop the others."""
        with _Status(self):
            self.signal.send_robust(**self._sent())

    @property
    def from_whom(self) -> type[Any]:
        """The sender."""
        return self.sender or type(self.subject)

    def _sent(self) -> dict[str, Any]:
        return {"sender": self.from_whom, self.named: self.subject, **self.arguments}

    @property
    def rank(self) -> int:
        """The place in ``ORDER``; signals of other apps come last."""
        return _RANKS.get(id(self.signal), len(ORDER))


class _Status:
    """Shows receivers the configuration in the status that the signal speaks of, which is not the stored one."""

    def __init__(self, emission: Emission) -> None:
        self.emission = emission

    def __enter__(self) -> None:
        if self.emission.status is not None:
            self.final: str = self.emission.subject.status  # type: ignore[attr-defined]
            self._show(self.emission.status)

    def __exit__(self, *error: Any) -> None:
        if self.emission.status is not None:
            self._show(self.final)

    def _show(self, status: str) -> None:
        config: Any = self.emission.subject
        config.status = status
        config.remember_stored(["status"])  # a receiver that saves the configuration leaves the stored status alone


class Emissions:
    """The signals that a unit of work sends when it is done (``unit.of(Emissions)``)."""

    def __init__(self) -> None:
        self._emissions: list[tuple[Fate, Emission]] = []

    def add(self, emission: Emission) -> None:
        """Send a signal at the end, unless what it tells of is undone, in the order of ``ORDER``."""
        self._emissions.append((current_fate(), emission))

    def in_order(self) -> list[Emission]:
        """Return the signals by subject (in order of first mention), then in the order of ``ORDER``."""
        return in_order(emission for fate, emission in self._emissions if not fate.is_undone)


def in_order(emissions: Iterable[Emission]) -> list[Emission]:
    """Sort by subject (in order of first mention, a configuration counts as its device), then by ``ORDER``."""
    emissions = list(emissions)
    first: dict[Any, int] = {}
    for emission in emissions:
        first.setdefault(_about(emission.subject), len(first))
    return sorted(emissions, key=lambda emission: (first[_about(emission.subject)], emission.rank))


def _about(subject: models.Model) -> Any:
    return subject.device_id if isinstance(subject, Config) else subject.pk


def send_after_commit(emission: Emission, *, robust: bool) -> None:
    """Send a signal after the commit with the object as it is then, once in a transaction for each object.

    Args:
        emission: its subject is read again; nothing is sent when it is gone.
        robust: a receiver that raises is logged and does not stop the others.
    """
    later = _AfterCommit(emission, robust)
    if not any(isinstance(each, _AfterCommit) and each.replaces(later) for _, each, *_ in connection.run_on_commit):
        transaction.on_commit(later)


@dataclass
class _AfterCommit:
    emission: Emission
    robust: bool
    sent: bool = False

    def replaces(self, other: _AfterCommit) -> bool:
        """Tell whether this one, not sent yet, says all that the other one would say."""
        mine, others = self.emission, other.emission
        return not self.sent and mine.signal is others.signal and mine.subject == others.subject

    def __call__(self) -> None:
        self.sent = True
        if not self.emission.signal.has_listeners(self.emission.from_whom):
            return
        subject = type(self.emission.subject)._base_manager.filter(pk=self.emission.subject.pk).first()
        if subject is None:
            return
        emission = replace(self.emission, subject=subject)
        (emission.send_robustly if self.robust else emission.send)()
