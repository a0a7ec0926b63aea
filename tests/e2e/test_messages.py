"""Messages that are lost, doubled, out of order or late, of all tasks there are: no task minds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from openwisp_controller.connection.connectors.openwrt.ssh import WAKE
from openwisp_controller.server.queues import QUEUES

from ..ssh import SshServers
from .deployment import Deployment, Services
from .processes import running, wait_until
from .test_reaching import COMMANDS, connect, outputs, pushes_left, told, unfinished

pytestmark = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs PostgreSQL and Redis")
DEVICES = 12
#: Where the broker keeps messages, and those that are being worked at.
MESSAGES = (*QUEUES, "unacked")
#: Sends every task there is, twice for what exists and twice for what does not, in any order.
SEND_ALL = """
import random, typing, uuid
from celery import current_app
from openwisp_users.models import Organization
from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection.models import BatchCommand, Command, Credentials, DeviceConnection

there = {
    "organization_id": Organization, "config_id": Config, "device_id": Device, "command_id": Command,
    "batch_id": BatchCommand, "credential_id": Credentials, "connection_id": DeviceConnection,
}

def value(name, kind, exists):
    name = name.removesuffix("_pk") + "_id" if name.endswith("_pk") else name
    if name.endswith("_id") and exists and name in there:
        found = there[name].objects.first()
        return str(found.pk) if found else str(uuid.uuid4())
    if name.endswith("_id") and str in (typing.get_args(kind) or (kind,)):
        return str(uuid.uuid4())
    if name.endswith("_ids"):
        return [str(key) for key in Config.objects.values_list("pk", flat=True)] if exists else [str(uuid.uuid4())]
    if int in (typing.get_args(kind) or (kind,)):
        return 2**31 - 1
    return "10.9.8.7" if name.endswith("address") else {str: "update", bool: True}[kind]

current_app.loader.import_default_modules()
messages = []
for name, task in current_app.tasks.items():
    if name.startswith("openwisp_controller."):
        hints = typing.get_type_hints(task.run)
        hints.pop("return", None)
        for exists in (True, True, False, False):
            messages.append((task, [value(each, kind, exists) for each, kind in hints.items()]))
assert len(messages) > 80, f"{len(messages)} messages"
random.Random(1).shuffle(messages)
for task, values in messages:
    task.apply_async(values)
"""


@pytest.fixture
def deployed(tmp_path: Path, services: Services) -> Iterator[Deployment]:
    with services.deployed(tmp_path, DEVICES) as result:
        yield result


def test_every_task_is_doubled_and_out_of_order(deployed: Deployment, ssh: SshServers) -> None:
    faces = connect(deployed, ssh, DEVICES)
    broker = redis.Redis.from_url(deployed.env["REDIS_URL"])
    deployed.edit_template("1")
    deployed.shell(COMMANDS.format(text="echo once"))
    broker.flushall()  # these messages are lost
    deployed.shell(SEND_ALL)
    workers = [deployed.process("worker", "--concurrency", "2") for _ in range(2)]
    with running(*workers):
        wait_until(lambda: not any(broker.exists(key) for key in MESSAGES), "that all messages are done")
        state = deployed.wait_until_all_followed(DEVICES)
        wait_until(lambda: unfinished(deployed) == 0 and pushes_left(deployed) == 0, "that nothing is left")
    assert state.revisions == DEVICES
    assert set(outputs(deployed)) == {("success", "once\n")}
    assert [face.commands.count("echo once") for face in faces] == [1] * DEVICES
    # one device is told of more than its template: update_config asks for it each time
    assert sum(times > 1 for times in told(faces)) <= 1
    assert all(WAKE in face.commands for face in faces)
    for worker in workers:
        assert "Traceback" not in worker.output
