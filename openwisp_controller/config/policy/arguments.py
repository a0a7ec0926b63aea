"""The arguments of the documented signals besides their subject, from what was observed."""

from __future__ import annotations

from typing import Any

from ..unit_of_work import Happened, Saved


def of_group(saved: Saved) -> dict[str, Any]:
    device: Any = saved.subject
    return {"group_id": device.group_id, "old_group_id": saved.before["group_id"]}


def of_lost_group(lost: Happened) -> dict[str, Any]:
    return {"group_id": None, "old_group_id": lost.facts["former"]}


def of_management_ip(saved: Saved) -> dict[str, Any]:
    device: Any = saved.subject
    return {"management_ip": device.management_ip, "old_management_ip": saved.before["management_ip"]}


def of_backend(saved: Saved) -> dict[str, Any]:
    config: Any = saved.subject
    return {"old_backend": saved.before["backend"], "backend": config.backend}


def of_enrolment(enrolled: Happened) -> dict[str, Any]:
    return {"is_new": enrolled.facts["is_new"]}


def of_request(requested: Happened) -> dict[str, Any]:
    return {"request": requested.facts["request"]}


def of_modified(modified: Happened) -> dict[str, Any]:
    config: Any = modified.subject
    facts = modified.facts
    return {
        "previous_status": facts["previous_status"],
        "action": facts["action"],
        "config": config,
        "device": config.device,
    }


def of_deactivating(deactivating: Happened) -> dict[str, Any]:
    config: Any = deactivating.subject
    return {"previous_status": deactivating.facts["previous_status"], "device": config.device}


def of_deactivated(deactivated: Happened) -> dict[str, Any]:
    return {"previous_status": deactivated.facts["previous_status"]}


def of_whois(found: Happened) -> dict[str, Any]:
    return {"updated_fields": found.facts["updated_fields"], "device": found.facts["device"]}


def of_group_templates(edited: Happened) -> dict[str, Any]:
    return {"templates": edited.facts["templates"], "old_templates": edited.facts["old_templates"]}
