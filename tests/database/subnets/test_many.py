"""Many devices: at the same moment, and in one job."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openwisp_ipam.models import IpAddress, Subnet

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Device, Job, Revision, VpnClient
from openwisp_controller.subnet_division.models import SubnetDivisionIndex

from ... import factories as make
from .helpers import using


@pytest.fixture(autouse=True)
def nobody_wakes(lost_messages: list[Message]) -> None:
    """Workers do what tests tell them to do."""


def fleet(organization: Any, count: int) -> list[Config]:
    devices = Device.objects.bulk_create(
        Device(organization=organization, name=f"{organization.name}-{n}", key=f"{organization.name}-{n}",
               mac_address=f"02:AA:00:00:{n >> 8:02X}:{n & 255:02X}")
        for n in range(count)
    )  # fmt: skip
    configs = Config.objects.bulk_create(
        Config(device=device, backend=make.BACKEND, config=using("OW_subnet1")) for device in devices
    )
    maintenance.recompute()
    maintenance.compile_stale()
    return configs


def cost(action: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        action()
    return len(queries)


@pytest.mark.django_db
def test_statements_of_the_job_are_constant(organization: Any) -> None:
    costs = []
    for count in (1, 5, jobs.CHUNK - 1):
        owner = make.organization()
        fleet(owner, count)
        make.division_rule(make.subnet(owner))
        costs.append(cost(jobs.run_all))
        rows = SubnetDivisionIndex.objects.filter(config__device__organization=owner, ip=None)
        assert rows.values("subnet").distinct().count() == 2 * count
    assert costs[1] <= 60
    assert costs[2] <= costs[1] + (jobs.CHUNK * 0.1 if connection.vendor == "sqlite" else 0)  # it takes few parameters


@pytest.mark.django_db
def test_so_are_those_of_vpn_clients(organization: Any) -> None:
    costs = []
    for count in (1, 5, 60):
        owner = make.organization()
        vpn = make.vpn(owner)
        template = make.vpn_template(vpn, default=True)
        fleet(owner, count)
        make.division_rule(vpn.subnet, "vpn")
        Job.objects.filter(kind="subnet_division_provision").delete()
        costs.append(cost(jobs.run_all))
        clients = VpnClient.objects.filter(template=template, ip__subnet__name="OW_subnet1")
        assert clients.values("ip").distinct().count() == count
    assert costs[2] <= costs[1] + (5 if connection.vendor == "sqlite" else 0)


@pytest.mark.django_db
def test_job_goes_on_where_it_was_interrupted(organization: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 10)
    fleet(organization, 25)
    make.division_rule(make.subnet(organization))
    Job.objects.exclude(kind="subnet_division_provision").delete()
    jobs.run_chunk()
    assert SubnetDivisionIndex.objects.filter(ip=None).count() == 20
    Job.objects.update(cursor=None)  # as if that had been lost
    maintenance.reconcile()
    assert SubnetDivisionIndex.objects.filter(ip=None).count() == 50
    assert not Job.objects.exists()
    assert Revision.objects.count() == 50


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="Writers queue up, so nobody comes in between.")
class TestConcurrently:
    COUNT = 60

    def at_once(self, action: Any, arguments: list[Any]) -> None:
        def run(argument: Any) -> None:
            try:
                action(argument)
            finally:
                connection.close()

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(run, arguments))

    def no_overlap(self, master: Subnet) -> list[Any]:
        found = sorted(subnet.subnet for subnet in Subnet.objects.filter(master_subnet=master))
        assert all(one.broadcast_address < other.network_address for one, other in itertools.pairwise(found))
        return found

    def test_devices_enrol(self) -> None:
        master = make.subnet(None, "10.7.0.0/16")
        owners = [make.organization() for _ in range(3)]
        for owner in owners:
            make.division_rule(master, organization=owner)
        maintenance.reconcile()
        devices = [make.device(owners[n % 3]) for n in range(self.COUNT)]
        self.at_once(lambda device: make.config(device), devices)
        assert len(self.no_overlap(master)) == 1 + 2 * self.COUNT
        assert len(set(IpAddress.objects.values_list("ip_address", flat=True))) == 4 * self.COUNT

    def test_clients_join_while_the_rule_is_created(self) -> None:
        organization = make.organization()
        vpn = make.vpn(organization)
        template = make.vpn_template(vpn)
        configs = [make.config(organization) for _ in range(self.COUNT)]

        def join(config: Config | None) -> None:
            if config is None:
                make.division_rule(vpn.subnet, "vpn")
            else:
                config.templates.add(template)

        self.at_once(join, [*configs[: self.COUNT // 2], None, *configs[self.COUNT // 2 :]])
        maintenance.reconcile()
        maintenance.reconcile()
        assert len(self.no_overlap(vpn.subnet)) == 1 + 2 * self.COUNT
        assert VpnClient.objects.filter(ip__subnet__name="OW_subnet1").count() == self.COUNT
        assert IpAddress.objects.filter(subnet=vpn.subnet).count() == 1

    def test_rule_is_deleted_while_devices_enrol(self) -> None:
        organization = make.organization()
        master = make.subnet(organization)
        rule = make.division_rule(master)
        maintenance.reconcile()
        devices: list[Any] = [make.device(organization) for _ in range(self.COUNT)]
        devices.insert(self.COUNT // 2, None)
        self.at_once(lambda device: make.config(device) if device else rule.delete(), devices)
        maintenance.reconcile()
        assert Config.objects.count() == self.COUNT
        assert not SubnetDivisionIndex.objects.exists()
        assert [subnet.name for subnet in Subnet.objects.filter(master_subnet=master)] == [
            "Reserved Subnet 10.0.0.0/28"
        ]
