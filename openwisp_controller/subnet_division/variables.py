"""The configuration variables of generated subnets and addresses."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from ..common.prepared import PreparedForKeys
from ..common.sql import exists_referring
from ..config.compiling import context, loading
from ..config.models import Config
from .models import SubnetDivisionIndex

_KNOWN = "has_divided_subnets"


def register() -> None:
    """Let configurations have these variables; those without generated subnets cost nothing."""
    loading.extra_columns.register(_KNOWN, exists_referring(SubnetDivisionIndex, "config", Config))
    context.providers.register("subnet division rule", variables_of_configs)


def variables_of_configs(configs: Sequence[Config]) -> dict[uuid.UUID, dict[str, str]]:
    """Return the variables of each configuration that has generated subnets, with one query."""
    keys = [config.pk for config in configs if getattr(config, _KNOWN, not config._state.adding)]
    result: dict[uuid.UUID, dict[str, str]] = {}
    if not keys:
        return result
    index: Any
    for index in _indexes(keys):
        if index.subnet is None or (index.ip_number is not None and index.ip is None):
            continue  # just being deleted, and its index row is next
        variables = result.setdefault(index.config_id, {})
        if index.ip_number is not None:
            variables[index.keyword] = str(index.ip.ip_address)
        else:
            subnet, label = index.subnet.subnet, index.keyword.removesuffix(f"_subnet{index.subnet_number}")
            variables[index.keyword] = str(subnet)
            variables[f"{label}_prefixlen"] = str(subnet.prefixlen)
    return result


_indexes = PreparedForKeys[SubnetDivisionIndex](
    SubnetDivisionIndex,
    "config",
    lambda wanted: (
        SubnetDivisionIndex.objects.filter(wanted, subnet__isnull=False).select_related("subnet", "ip").order_by("-pk")
    ),
)
