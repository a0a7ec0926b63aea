"""Random histories in which rules divide subnets for devices and for VPN clients, too."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import consumes, rule
from openwisp_ipam.models import IpAddress, Subnet

from openwisp_controller.config.models import Config, Device, Job, Vpn, VpnClient
from openwisp_controller.subnet_division.models import SubnetDivisionIndex, SubnetDivisionRule

from .. import factories as make
from .machine import ControllerMachine

LABELS = st.sampled_from(["LAN", "GUEST", "LAN_subnet1"])
#: Files that show what rules give, so that a device compiled without it has another checksum.
CONTENTS = st.sampled_from(["{{ LAN_subnet1 }} {{ LAN_subnet2_ip1 }}", "{{ GUEST_prefixlen }} {{ GUEST_subnet1_ip1 }}"])
#: Which of several, in order; nothing happens where there are not so many.
WHICH = st.integers(0, 3)


def shown(contents: str) -> dict[str, Any]:
    """A configuration that is a file with these contents."""
    return {"files": [{"path": "/etc/subnets", "mode": "0644", "contents": contents}]}


class DividingMachine(ControllerMachine):
    """Adds rules, their changes, devices that are deleted, and people who delete what was generated."""

    devices = ControllerMachine.devices

    def prepare(self) -> list[Any]:
        self.masters = [make.subnet(None, "172.16.0.0/16"), self.subnet]
        for server in self.servers:
            make.vpn_template(Vpn.objects.get(pk=server), default=server == self.servers[0])
        for label, vpn in (("LAN", False), ("GUEST", True)):
            self._divide(0, int(vpn), vpn, label, {"number_of_subnets": 1, "number_of_ips": 1})
        return [make.config(owner, config=shown("{{ LAN_subnet1 }}")).device_id for owner in self.organizations]

    @rule(
        org=st.integers(0, 1), master=st.integers(0, 1), vpn=st.booleans(), label=LABELS,
        subnets=st.integers(1, 2), ips=st.integers(1, 2), size=st.sampled_from([28, 29]),
    )  # fmt: skip
    def divide(self, org: int, master: int, vpn: bool, label: str, subnets: int, ips: int, size: int) -> None:
        with suppress(ValidationError), transaction.atomic():  # the label may be taken
            self._divide(org, master, vpn, label, {"number_of_subnets": subnets, "number_of_ips": ips, "size": size})

    @rule(which=WHICH, label=LABELS)
    def relabel(self, which: int, label: str) -> None:
        self._change(which, label=label)

    @rule(which=WHICH, ips=st.integers(1, 4))
    def change_addresses(self, which: int, ips: int) -> None:
        self._change(which, number_of_ips=ips)

    @rule(which=WHICH)
    def delete_rule(self, which: int) -> None:
        for divided in self._rules(which):
            divided.delete()

    @rule(device=devices, contents=CONTENTS)
    def show(self, device: Any, contents: str) -> None:
        for config in Config.objects.filter(device=device):
            config.config = shown(contents)
            config.save()

    @rule(device=consumes(devices))
    def delete_device(self, device: Any) -> None:
        Device.objects.get(pk=device).delete(check_deactivated=False)

    @rule(which=WHICH, address=st.booleans())
    def delete_by_hand(self, which: int, address: bool) -> None:
        rows = SubnetDivisionIndex.objects.filter(ip__isnull=not address, config__isnull=False)
        for row in rows.order_by("rule__label", "subnet_number")[which : which + 1]:
            ((row.ip if address else row.subnet) or row).delete()

    def check_addresses(self) -> None:
        """Each object has exactly what the rules say once no work is left, and nothing else is there."""
        if Job.objects.exists():
            return
        wanted = {
            (divided.pk, str(origin), number, ip)
            for divided in SubnetDivisionRule.objects.all()
            for origin in self._objects(divided)
            for number in range(1, divided.number_of_subnets + 1)
            for ip in (None, *range(1, divided.number_of_ips + 1))
        }
        rows = SubnetDivisionIndex.objects.select_related("rule", "subnet", "ip")
        assert {(row.rule_id, row.origin, row.subnet_number, row.ip_number) for row in rows} == wanted
        for row in rows:
            assert row.rule is not None
            assert row.subnet is not None
            name = f"{row.rule.label}_subnet{row.subnet_number}"
            assert row.keyword == (name if row.ip_number is None else f"{name}_ip{row.ip_number}")
            assert row.subnet.name == name
            assert row.subnet.subnet.prefixlen == row.rule.size
            assert row.ip is None or row.ip.subnet_id == row.subnet_id
        generated = [row.subnet.subnet for row in rows if row.ip_number is None and row.subnet is not None]
        reserved = Subnet.objects.filter(name__startswith="Reserved Subnet")
        assert Subnet.objects.count() == len(generated) + reserved.count() + len(self.masters)
        blocks = sorted(generated + [subnet.subnet for subnet in reserved])
        assert not any(one.overlaps(other) for one, other in pairwise(blocks))
        self._check_clients({row.ip_id: row.origin for row in rows if row.ip is not None})

    def _check_clients(self, generated: dict[Any, str]) -> None:
        """Clients to which a rule applies have an address of it, the others one of the server's subnet."""
        divided = set(
            SubnetDivisionRule.objects.filter(type__contains=".vpn.", master_subnet=self.subnet).values_list(
                "organization", flat=True
            )
        )
        own = 0
        for client in VpnClient.objects.select_related("config__device"):
            if client.config.device.organization_id in divided:
                assert generated[client.ip_id] == str(client.pk)
            else:
                assert (client.ip_id is not None) == client.auto_cert
                assert client.ip_id not in generated
                own += client.auto_cert
        assert IpAddress.objects.count() == len(generated) + own + len(self.servers)

    def _objects(self, divided: SubnetDivisionRule) -> Any:
        if ".device." in divided.type:
            configs = Config.objects.filter(device__organization=divided.organization_id)
            return configs.values_list("pk", flat=True)
        clients = VpnClient.objects.filter(config__device__organization=divided.organization_id)
        return clients.filter(vpn__subnet=divided.master_subnet_id).values_list("pk", flat=True)

    def _divide(self, org: int, master: int, vpn: bool, label: str, values: dict[str, int]) -> None:
        owner, kind = self.organizations[org], "vpn" if vpn else "device"
        make.division_rule(self.masters[master], kind, label, organization=owner, **values)

    def _rules(self, which: int) -> Any:
        return SubnetDivisionRule.objects.order_by("organization__name", "label")[which : which + 1]

    def _change(self, which: int, **values: Any) -> None:
        for divided in self._rules(which):
            for name, value in values.items():
                setattr(divided, name, value)
            with suppress(ValidationError), transaction.atomic():
                divided.full_clean()
                divided.save()
