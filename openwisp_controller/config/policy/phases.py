"""What happens at the end of every unit of work, in this order; other apps register phases of their own."""

from __future__ import annotations

import logging

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from ..assignment.receivers import GroupListEdits
from ..compiling.compilation import Compilation
from ..delivery import outbox, outcomes
from ..delivery.emissions import Emission, Emissions
from ..delivery.outbox import Outbox
from ..unit_of_work import FollowUps, Phase, Stage, UnitOfWork, phases
from ..vpn.clients import ClientsToReconcile
from ..vpn.servers import MarkedServers

logger = logging.getLogger(__name__)


def _announce_group_lists(unit: UnitOfWork) -> bool:
    return unit.of(GroupListEdits).report(unit)


def _follow_up(unit: UnitOfWork) -> bool:
    return unit.of(FollowUps).run()


def _reconcile_vpn_clients(unit: UnitOfWork) -> bool:
    return unit.of(ClientsToReconcile).run(unit)


def _compile(unit: UnitOfWork) -> None:
    unit.of(Compilation).run(unit)


def _mark_servers(unit: UnitOfWork) -> None:
    unit.of(MarkedServers).write()


def _write_outbox(unit: UnitOfWork) -> None:
    if unit.background:
        unit.of(Outbox).write(unit)


def _report_outcomes(unit: UnitOfWork) -> None:
    for request, outcome in unit.of(Compilation).results:
        for event in outcomes.events_of_request(request, outcome):
            unit.happened(event.subject, event.event, **event.facts)


def _send_signals(unit: UnitOfWork) -> None:
    emissions = unit.of(Emissions).in_order()
    if unit.background:
        outbox.send_and_delete(emissions, unit.of(Outbox).entries)
        return
    for emission in emissions:
        if unit.robust:
            _send_without_harm(emission)
        else:
            emission.send()


def _send_without_harm(emission: Emission) -> None:
    """Send a signal inside the transaction; a receiver that fails, also at the database, undoes its own part only."""
    try:
        with transaction.atomic():
            emission.send_robustly()
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError:
        logger.exception("A receiver of a signal about %r failed", emission.subject)


PHASES = (
    Phase(
        "lists of groups", "compare the edited lists of templates of groups with what they were, and report each",
        Stage.SETTLE, _announce_group_lists,
    ),
    Phase(
        "follow-ups", "run the steps that rows of the table noted: templates of a new group, organization or backend,"
        " subnets by division rules",
        Stage.SETTLE, _follow_up,
    ),
    Phase(
        "VPN clients", "let the VPN clients of configurations follow the templates: certificates, keys, addresses",
        Stage.SETTLE, _reconcile_vpn_clients,
    ),
    Phase("VPN servers", "mark VPN servers for compiling in the background", Stage.CONCLUDE, _mark_servers),
    Phase(
        "compile", "compile each configuration once, store the revisions, release them unless they are held",
        Stage.CONCLUDE, _compile,
    ),
    Phase(
        "outbox", "in the background: write down which signals are to be sent after the commit",
        Stage.CONCLUDE, _write_outbox,
    ),
    Phase(
        "outcomes", "report what compiling led to: modified, another status, deactivated",
        Stage.CONCLUDE, _report_outcomes,
    ),
    Phase(
        "signals", "send each signal once, by subject and in the documented order; in the background receivers that"
        " raise are logged",
        Stage.DELIVER, _send_signals,
    ),
)  # fmt: skip


def register() -> None:
    """Register the phases; called once, when the app starts."""
    for phase in PHASES:
        phases.register(phase.name, phase)
