"""Looking observations up in the table of changes."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from django.db.models import Model

from ...common.wakeup import wake
from ..compiling.loading import load
from ..delivery import outbox, outcomes
from ..delivery.emissions import Emission
from ..models import Cause
from ..unit_of_work import Happened, Observation, UnitOfWork
from .changes import TABLE
from .effects import Change, Event, Sends

logger = logging.getLogger(__name__)


def evaluate(unit: UnitOfWork, observation: Observation) -> None:
    """Let everything follow that the table says of an observation.

    Raises:
        LookupError: the table knows no such event.
    """
    for change in _matching(observation):
        for effect in change.effects:
            effect.apply(unit, observation, change.what)


def send_now(subject: Model, event: str, /, *, robust: bool = False, **facts: Any) -> None:
    """Send the signals of an event at once, outside of any unit of work: nothing is changed by it.

    Args:
        subject: whom the event is about.
        event: its name in the table.
        robust: a receiver that raises is logged and does not stop the others.
        facts: what the table's row needs to know.
    """
    for emission in emissions_of(Happened(subject, event, facts)):
        (emission.send_robustly if robust else emission.send)()


def has_receivers(model: type[Model], event: str) -> bool:
    """Tell whether anybody listens to the signals of an event, so that nothing is loaded for nobody."""
    return any(each.signal.has_listeners(each.sender or model) for each in _signals(model, event, len(TABLE)))


def emissions_of(observation: Observation) -> list[Emission]:
    """Return the signals, and nothing else, that the table says of an observation."""
    return [sends.emission(observation) for change in _matching(observation) for sends in change.signals()]


def redeliver(limit: int = 200) -> int:
    """Send signals that a killed worker left in the outbox; return of how many changes."""
    overdue = outbox.claim_overdue(limit)
    configs = {config.pk: config for config in load({entry.config_id for entry in overdue})}
    emissions = [
        emission
        for entry in overdue
        if entry.config_id in configs
        for event in outcomes.events(
            configs[entry.config_id], Cause(entry.cause), entry.previous_status,
            status_changed=entry.status_changed, modified=entry.modified,
        )
        for emission in emissions_of(event)
    ]  # fmt: skip
    outbox.send_and_delete(emissions, overdue)
    if overdue:
        logger.warning("Sent the signals of %d changes that an interrupted worker had left.", len(overdue))
    if len(overdue) == limit:
        wake("config.redeliver_signals")
    return len(overdue)


def _matching(observation: Observation) -> list[Change]:
    changes = _rows(type(observation.subject))
    found = [change for change in changes if change.applies(observation)]
    if isinstance(observation, Happened) and not any(change.trigger.matches(observation) for change in changes):
        raise LookupError(f"The table of changes has no event {observation.event!r} of {type(observation.subject)}.")
    return found


def _rows(model: type[Model]) -> list[Change]:
    """Return the rows about a model; apps add theirs when they start, so the number of rows is part of the key."""
    return _rows_of(model, len(TABLE))


@cache
def _rows_of(model: type[Model], size: int) -> list[Change]:
    return [change for change in TABLE if issubclass(model, change.trigger.model)]


@cache
def _signals(model: type[Model], event: str, size: int) -> list[Sends]:
    about = [change for change in _rows(model) if isinstance(change.trigger, Event) and change.trigger.name == event]
    return [sends for change in about for sends in change.signals()]
