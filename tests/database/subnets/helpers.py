"""What the tests of subnet division share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openwisp_ipam.models import Subnet

from openwisp_controller.config.models import Config
from openwisp_controller.subnet_division.models import SubnetDivisionIndex
from openwisp_controller.subnet_division.signals import subnet_provisioned


def children(master: Subnet) -> dict[str, str]:
    """Name by network of the children of a subnet."""
    found = Subnet.objects.filter(master_subnet=master)
    return {str(subnet.subnet): subnet.name for subnet in sorted(found, key=lambda subnet: subnet.subnet)}


def variables(config: Config, label: str = "OW") -> dict[str, Any]:
    """The variables of a rule that a configuration sees."""
    context = Config.objects.get(pk=config.pk).get_context()
    return {name: value for name, value in context.items() if name.startswith(f"{label}_")}


def subnets_of(config: Config) -> list[str]:
    rows = SubnetDivisionIndex.objects.filter(config=config, ip=None).order_by("rule__created", "subnet_number")
    return [str(row.subnet.subnet) for row in rows.select_related("subnet") if row.subnet]


def compiled(config: Config) -> str:
    """All files that the device may fetch, as one text."""
    released = Config.objects.get(pk=config.pk).released
    assert released is not None
    return "".join(file.contents for file in released.files())


@contextmanager
def provisioned() -> Iterator[list[dict[str, Any]]]:
    """Collect the emissions of ``subnet_provisioned``."""
    emitted: list[dict[str, Any]] = []

    def receive(sender: Any, **arguments: Any) -> None:
        emitted.append({"sender": sender, **arguments})

    subnet_provisioned.connect(receive, weak=False)
    try:
        yield emitted
    finally:
        subnet_provisioned.disconnect(receive)


def using(*names: str) -> dict[str, Any]:
    """A configuration that writes variables into a file."""
    contents = " ".join(f"{name}={{{{ {name} }}}}" for name in names)
    return {"files": [{"path": "/etc/subnets", "mode": "0644", "contents": contents}]}
