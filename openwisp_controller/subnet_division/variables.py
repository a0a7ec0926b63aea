"""The configuration variables of generated subnets and addresses."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from ..config import compiler, context
from ..config.models import Config
from ..config.sql import referred_to_by
from .models import SubnetDivisionIndex

_KNOWN = "has_divided_subnets"


def register() -> None:
    """Let configurations have these variables; those without generated subnets cost nothing."""
    compiler.register_annotation(_KNOWN, referred_to_by(SubnetDivisionIndex, "config", Config))
    context.register_provider("subnet division rule", of_configs)


def of_configs(configs: Sequence[Config]) -> dict[uuid.UUID, dict[str, str]]:
    """Return the variables of each configuration that has generated subnets, with one query."""
    keys = [config.pk for config in configs if config.__dict__.get(_KNOWN, not config._state.adding)]
    result: dict[uuid.UUID, dict[str, str]] = {}
    if not keys:
        return result
    rows = SubnetDivisionIndex.objects.filter(config__in=keys, subnet__isnull=False).order_by("-pk")
    for config, keyword, number, ip_number, subnet, ip in rows.values_list(
        "config", "keyword", "subnet_number", "ip_number", "subnet__subnet", "ip__ip_address"
    ):
        variables = result.setdefault(config, {})
        if ip_number is not None:
            variables[keyword] = str(ip)
        else:
            variables[keyword] = str(subnet)
            variables[f"{keyword.removesuffix(f'_subnet{number}')}_prefixlen"] = str(subnet.prefixlen)
    return result
