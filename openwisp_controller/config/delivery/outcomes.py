"""What is to be told of a compiled configuration: the events of the table of changes that follow from an outcome."""

from __future__ import annotations

from ..compiling.compilation import CompileRequest
from ..compiling.outcome import Outcome
from ..models import Cause, Config
from ..unit_of_work import Happened

Status = Config.Status
#: Cause → the ``action`` of ``config_modified``. Other causes are not announced as modifications.
ACTIONS = {
    Cause.EDITED: "config_changed",
    Cause.INPUTS: "config_changed",
    Cause.TEMPLATES: "m2m_templates_changed",
    Cause.TEMPLATE: "related_template_changed",
    Cause.TEMPLATE_DEFAULTS: "related_template_changed",
    Cause.ROLLED_BACK: "config_changed",
    Cause.VPN: "related_template_changed",
}


def events_of_request(request: CompileRequest, outcome: Outcome) -> list[Happened]:
    """Return what happened to a configuration that was compiled, or got a new status; receivers get its instance."""
    return events(
        request.config or outcome.config,
        request.why().cause,
        outcome.previous_status,
        status_changed=outcome.status_changed,
        modified=is_modification(request, outcome),
    )


def is_modification(request: CompileRequest, outcome: Outcome) -> bool:
    """Tell whether the configuration is to be announced as modified."""
    cause = request.why().cause
    if cause not in ACTIONS or outcome.config.is_deactivating_or_deactivated():
        return False
    if outcome.config.release_policy == Config.Release.HELD and cause != Cause.ROLLED_BACK:
        return False
    return outcome.released or request.forced or cause == Cause.TEMPLATE


def events(
    config: Config, cause: Cause, previous_status: str, *, status_changed: bool, modified: bool
) -> list[Happened]:
    """Return what happened to a configuration, in the order in which it is told.

    Args:
        config: as it is stored now.
        cause: why it was compiled.
        previous_status: the status before.
        status_changed: it has another status than before.
        modified: it is announced as modified.
    """
    result = []
    if modified:
        facts = {"previous_status": previous_status, "action": ACTIONS[cause]}
        result.append(Happened(config, "modified", facts))
    if status_changed and cause != Cause.CLEARED:
        if config.is_deactivating_or_deactivated():
            result += _deactivation(config, previous_status)
        else:
            # an edited template announces the status first, as the field's receivers know it
            position = 0 if cause in (Cause.TEMPLATE, Cause.TEMPLATE_DEFAULTS) else len(result)
            result.insert(position, Happened(config, "status changed"))
    return result


def _deactivation(config: Config, previous_status: str) -> list[Happened]:
    """Return both steps of a deactivation, also where the device had nothing to remove and is done at once."""
    result = []
    if previous_status != Status.DEACTIVATING:
        passing = {"status": Status.DEACTIVATING} if config.status == Status.DEACTIVATED else {}
        result.append(Happened(config, "status changed", passing))
        result.append(Happened(config, "deactivating", {"previous_status": previous_status, **passing}))
    if config.status == Status.DEACTIVATED:
        result.append(Happened(config, "status changed"))
        result.append(Happened(config, "deactivated", {"previous_status": Status.DEACTIVATING.value}))
    return result
