"""Signals as an app in the same processes receives them, across a crash: what the reference page promises."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .deployment import Deployment, Services
from .processes import running, wait_until
from .witness.apps import HELD_AFTER, held

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 500
CHUNK = 200
MODIFIED, STATUS = "config_modified", "config_status_changed"
#: One device, edited directly in every way that has a signal of its own.
EDIT_ONE = """
from openwisp_controller.config.models import Config, Device, DeviceGroup, Template
device = Device.objects.get(name="router-7")
group = DeviceGroup.objects.create(organization=device.organization, name="group")
device.name, device.group, device.management_ip = "renamed", group, "10.0.0.7"
device.save()
config = Config.objects.get(device=device)
config.context = {"unused": "1"}
config.config = {"general": {"timezone": "UTC"}}
config.save()
Config.objects.get(device=device).templates.add(Template.objects.create(
    organization=device.organization, name="another", backend=config.backend,
    config={"interfaces": [{"name": "eth9", "type": "ethernet"}]},
))
Device.objects.get(name="renamed").deactivate()
Device.objects.get(name="renamed").activate()
"""
EDITED_ONCE = {
    "device_name_changed": 1, "device_group_changed": 1, "management_ip_changed": 1,
    "device_deactivated": 1, "device_activated": 1, "config_deactivating": 1,
}  # fmt: skip


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    path = tmp_path / "signals"
    path.touch()
    return path


@pytest.fixture
def deployed(tmp_path: Path, witness: Path, services: Services) -> Iterator[Deployment]:
    settings = {"DJANGO_SETTINGS_MODULE": "tests.e2e.witness.settings", "WITNESS_FILE": str(witness)}
    with services.deployed(tmp_path, **settings) as result:
        yield result


def received(witness: Path) -> list[list[str]]:
    return [line.split() for line in witness.read_text().splitlines()]


def test_signals_across_a_crash(deployed: Deployment, witness: Path) -> None:
    deployed.prepare(DEVICES)
    assert received(witness) == [], "creating devices announces nothing"
    worker = deployed.process("worker", "--concurrency", "1")
    successor = deployed.process("worker", "--concurrency", "1")
    with running(worker, deployed.process("scheduler")):
        held(witness).touch()
        with deployed.template_being_edited("1"):
            wait_until(lambda: len(received(witness)) == HELD_AFTER, "that a chunk is being announced")
            worker.stop(signal.SIGKILL)
        held(witness).unlink()
        before = received(witness)
        owed = deployed.state().owed
        assert len(before) == HELD_AFTER < 2 * CHUNK
        assert owed == CHUNK, "what is not announced completely must still be owed"
        deployed.let_claims_lapse()
        with running(successor):
            deployed.wait_until_all_followed(DEVICES)
            _check_at_least_once(before, received(witness))
            _check_exactly_once(deployed, witness)


def _check_at_least_once(before: list[list[str]], lines: list[list[str]]) -> None:
    """Everybody was told; only those whom the killed worker had told already were told again."""
    counts = Counter((name, key) for name, key, _action in lines)
    told_already = {(name, key) for name, key, _action in before}
    assert Counter(name for name, _key in counts) == {MODIFIED: DEVICES, STATUS: DEVICES}
    assert {action for name, _key, action in lines if name == MODIFIED} == {"related_template_changed"}
    assert {each for each, count in counts.items() if count > 1} == told_already
    assert max(counts.values()) == 2


def _check_exactly_once(deployed: Deployment, witness: Path) -> None:
    """What is edited directly is announced once, while workers and the reconciler go on."""
    start = len(received(witness))
    deployed.shell(EDIT_ONE)
    reconciled = "SELECT count(*) FROM config_config WHERE stale_since IS NOT NULL"
    wait_until(lambda: deployed.query(reconciled) == (0,), "the reconciler")
    lines = received(witness)[start:]
    counts = Counter(name for name, _key, _action in lines)
    assert {name: counts[name] for name in EDITED_ONCE} == EDITED_ONCE
    actions = Counter(action for name, _key, action in lines if name == MODIFIED)
    assert actions["m2m_templates_changed"] >= 1
    assert actions["related_template_changed"] == 0
