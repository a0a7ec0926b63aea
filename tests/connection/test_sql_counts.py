"""What many devices at once cost in SQL: as much as few of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from openwisp_controller.connection import attempts, claims, execution, push
from openwisp_controller.connection.hostkeys import HostKeyPolicy
from openwisp_controller.connection.models import Command, DeviceConnection, Push

from .. import factories as make

pytestmark = pytest.mark.django_db
OWNER = uuid.uuid4()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq4kcN4hvfgaCXhyG5LhSVwBCkFBVDn0WY0vYdIWrDx"


@pytest.fixture
def cost(organization: Any) -> Any:
    """Does something with 3 and then with 12 more devices, and returns how many statements each took."""

    def cost(prepare: Callable[[list[DeviceConnection]], Any], do: Callable[[Any], Any]) -> tuple[int, int]:
        claims.room(Push, 1)  # the row that all workers lock is made once
        counts = []
        for amount in (3, 12):
            prepared = prepare([make.connection(make.config(organization)) for _ in range(amount)])
            with CaptureQueriesContext(database) as queries:
                do(prepared)
            counts.append(len(queries))
        few, many = counts
        return few, many

    return cost


def request(rows: list[DeviceConnection]) -> list[Any]:
    keys = [row.device_id for row in rows]
    push.request(keys)
    return keys


def test_noting_pushes(cost: Any) -> None:
    assert cost(lambda rows: [row.device_id for row in rows], push.request) == (1, 1)


def test_claiming_pushes(cost: Any) -> None:
    few, many = cost(request, lambda keys: push.claim(OWNER, 100))
    assert few == many <= 12


def test_storing_pushes(cost: Any) -> None:
    def claimed(rows: list[DeviceConnection]) -> list[push.PushOutcome]:
        request(rows)
        return [
            push.PushOutcome(task, "" if number % 2 else "why") for number, task in enumerate(push.claim(OWNER, 100))
        ]

    few, many = cost(claimed, lambda outcomes: push.store(OWNER, outcomes))
    assert few == many <= 8


def test_storing_attempts_that_change_nothing(cost: Any) -> None:
    def made(rows: list[DeviceConnection]) -> list[attempts.Attempt]:
        DeviceConnection.objects.update(is_working=True)
        return [attempts.Attempt(row.pk, row.device_id, "", HostKeyPolicy("first-use", shown=KEY)) for row in rows]

    few, many = cost(made, attempts.store)
    assert few == many <= 9


def test_claiming_and_starting_commands(cost: Any) -> None:
    def created(rows: list[DeviceConnection]) -> None:
        commands = [Command(device=row.device, type="reboot") for row in rows]
        Command.objects.bulk_create(commands)

    def run(_: Any) -> None:
        tasks = execution.claim(OWNER, 100)
        execution.start(OWNER, [task.command_id for task in tasks])

    few, many = cost(created, run)
    assert few == many <= 18
