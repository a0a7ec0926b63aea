"""How many round trips to the database changes cost, on any number of devices."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from openwisp_controller.common.wakeup import Message
from openwisp_controller.config import maintenance
from openwisp_controller.config.delivery import jobs
from openwisp_controller.config.models import Config, Device, DeviceGroup, OutboxEntry, Template

from .. import factories as make
from .scenarios import fresh, interface, save, using

pytestmark = pytest.mark.django_db
MANY = 400
#: Statements, however many devices there are, for those that come to an edited object unseen (on PostgreSQL).
LOOK_AT_STRAGGLERS = 8
#: In each chunk of devices, for templates of a VPN server of which they have one.
LOOK_FOR_RIVALS = MANY // jobs.CHUNK


@pytest.fixture(autouse=True)
def nobody_wakes(lost_messages: list[Message]) -> None:
    """Workers do what tests tell them to do."""


class Fleet:
    """Devices in a group, with five templates each."""

    def __init__(self, organization: Any, count: int) -> None:
        self.organization = organization
        self.group: DeviceGroup = make.group(organization)
        self.templates = [
            make.template(organization, config={"files": [{"path": f"/{n}", "mode": "0644", "contents": "{{ name }}"}]})
            for n in range(5)
        ]
        devices = Device.objects.bulk_create(
            Device(organization=organization, group=self.group, name=f"router-{n}", key=f"{organization.name}-{n}",
                   mac_address=f"02:AA:00:00:{n >> 8:02X}:{n & 255:02X}")
            for n in range(count)
        )  # fmt: skip
        configs = Config.objects.bulk_create(Config(device=device, backend=make.BACKEND) for device in devices)
        links = Config.templates.through
        links.objects.bulk_create(
            links(config=config, template=template, sort_value=place)
            for config, (place, template) in itertools.product(configs, enumerate(self.templates, 1))
        )
        maintenance.recompute()
        maintenance.compile_stale()


def cost(action: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        action()
    return len(queries)


MARKS: dict[str, Callable[[Fleet], Any]] = {
    "template": lambda f: save(f.templates[0], config=interface("eth9")),
    "default values": lambda f: save(f.templates[0], default_values={"x": "1"}),
    "new default template": lambda f: make.template(f.organization, default=True),
    "template deleted": lambda f: f.templates[0].delete(),
    "group's variables": lambda f: save(f.group, context={"x": "1"}),
    "group's templates": lambda f: f.group.templates.set([make.template(f.organization)]),
    "organization's variables": lambda f: save(f.organization.config_settings, context={"x": "1"}),
    "everything": lambda f: maintenance.recompute(),
    "template taken from all": lambda f: f.templates[0].config_relations.clear(),
}


@pytest.mark.parametrize("change", MARKS)
def test_marking_costs_the_same_for_any_number_of_devices(organization: Any, change: str) -> None:
    costs = []
    for count in (1, 2, 40):  # the first fills caches of the process, such as that of content types
        fleet = Fleet(make.organization(), count)
        costs.append(cost(lambda fleet=fleet: MARKS[change](fleet)))
    assert costs[1] == costs[2] <= 25


def test_compiling_after_an_edited_template(organization: Any) -> None:
    fleet = Fleet(organization, MANY)
    save(fleet.templates[0], config=using("name"))
    count = cost(maintenance.compile_stale)
    assert count <= MANY * 0.1
    assert Config.objects.filter(status="modified", stale_since=None).count() == MANY
    assert not OutboxEntry.objects.exists()


def test_new_default_template(organization: Any) -> None:
    Fleet(organization, MANY)
    template = make.template(organization, default=True)
    assert cost(jobs.run_all) <= MANY * 0.15 + LOOK_AT_STRAGGLERS + LOOK_FOR_RIVALS
    assert template.config_relations.count() == MANY


def test_other_templates_of_a_group(organization: Any) -> None:
    fleet = Fleet(organization, MANY)
    template: Template = make.template(organization)
    fleet.group.templates.set([template])
    assert cost(jobs.run_all) <= MANY * 0.15 + LOOK_AT_STRAGGLERS + LOOK_FOR_RIVALS
    assert template.config_relations.count() == MANY


@pytest.mark.parametrize(
    ("budget", "edit"),
    [
        (15, lambda c: save(c, context={"x": "1"})),
        (15, lambda c: save(c, config=interface("eth9"))),
        (16, lambda c: save(c.device, name="another")),
        (6, lambda c: save(c)),
        (6, lambda c: save(c.device)),
        (16, lambda c: c.templates.remove(c.templates.first())),
        (30, lambda c: save(c.device, group=make.group(c.device.organization))),
    ],
    ids=["variables", "configuration", "name", "unchanged configuration", "unchanged device", "template", "group"],
)
def test_one_device(organization: Any, budget: int, edit: Callable[[Config], Any]) -> None:  # fmt: skip
    fleet = Fleet(organization, 3)
    config = fresh(fleet.templates[0].config_relations.all()[0])
    assert config.device.organization
    assert cost(lambda: edit(config)) <= budget


def test_reconciling_when_nothing_is_left_undone(organization: Any) -> None:
    Fleet(organization, 3)
    maintenance.reconcile()
    assert cost(maintenance.reconcile) <= 10
