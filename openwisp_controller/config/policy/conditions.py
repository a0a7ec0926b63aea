"""Conditions of rows, and causes that depend on what exactly was edited."""

from __future__ import annotations

from typing import Any

from ..models import Cause, Config, Template
from ..unit_of_work import Happened, Observation, Saved
from ..whois.service import WHOISService


def became_error(saved: Saved) -> bool:
    """The new status is "error"."""
    config: Any = saved.subject
    return bool(config.status == Config.Status.ERROR)


def whois_is_configured(observation: Observation) -> bool:
    """there is an account for WHOIS"""
    return WHOISService.is_configured()


def cause_of_template_edit(saved: Saved) -> Cause:
    """`TEMPLATE`; `TEMPLATE_DEFAULTS` when the template on its own renders to the same as before"""
    template: Any = saved.subject
    earlier = Template(
        backend=saved.before.get("backend", template.backend),
        config=saved.before.get("config", template.config),
        default_values=saved.before.get("default_values", template.default_values),
    )
    content = template.content()
    same = content is not None and content == earlier.content()
    return Cause.TEMPLATE_DEFAULTS if same else Cause.TEMPLATE


def cause_of_template_deletion(deleted: Happened) -> Cause:
    """`TEMPLATES`; `INPUTS` for a template of a VPN server"""
    template: Any = deleted.subject
    return Cause.TEMPLATES if template.vpn_id is None else Cause.INPUTS


def name_of_template(edited: Saved) -> str:
    """Return what revisions say about an edited template."""
    template: Any = edited.subject
    return f'template "{template.name}"'
