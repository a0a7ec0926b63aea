"""Live updates, and who gets them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.test import Client
from openwisp_users.models import OrganizationUser, User

from openwisp_controller.connection import live
from openwisp_controller.connection.models import BatchCommand, Command
from openwisp_controller.server.asgi import application

from .. import factories as make
from ..services import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def cookie(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"


def manager(organization: Any, name: str, *, may_view: bool = True, **fields: Any) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", "password", **{"is_staff": True, **fields})
    OrganizationUser.objects.create(user=user, organization=organization, is_admin=True)
    if may_view:
        user.user_permissions.set(Permission.objects.filter(codename__in=("view_command", "view_batchcommand")))
    return user


def root() -> User:
    return User.objects.create_superuser("root", "root@example.org", "password")


def socket(path: str, user: User | None) -> WebsocketCommunicator:
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
    if user is not None:
        headers.append((b"cookie", cookie(user).encode()))
    return WebsocketCommunicator(application, path, headers=headers)


async def accepted(path: str, user: User | None) -> bool:
    communicator = await database_sync_to_async(socket)(path, user)
    connected, _ = await communicator.connect(PATIENCE)
    await communicator.disconnect(timeout=PATIENCE)
    return bool(connected)


@pytest.fixture
def device(organization: Any) -> Any:
    return make.connection(make.config(organization)).device


def run(work: Any) -> Any:
    import asyncio

    return asyncio.run(work)


def test_who_may_watch_a_device(device: Any, organization: Any) -> None:
    path = f"/ws/controller/device/{device.pk}/command"
    other = make.organization("other")
    people = {
        "superuser": (root(), True),
        "operator": (manager(organization, "operator"), True),
        "manager of another": (manager(other, "stranger"), False),
        "without permission": (manager(organization, "plain", may_view=False), False),
        "no staff": (manager(organization, "member", is_staff=False), False),
        "anonymous": (None, False),
    }
    for who, (user, expected) in people.items():
        assert run(accepted(path, user)) is expected, who


def test_what_is_not_there_is_refused(device: Any) -> None:
    user = root()
    assert not run(accepted(f"/ws/controller/device/{uuid.uuid4()}/command", user))
    assert not run(accepted(f"/ws/controller/device/{device.pk}/command/", user)), "no slash at the end"
    assert not run(accepted("/ws/nonsense", user))


def test_who_may_watch_a_mass_command(organization: Any) -> None:
    batch = BatchCommand.objects.create(organization=organization, type="reboot", label="x")
    everywhere = BatchCommand.objects.create(type="reboot", label="y")
    operator = manager(organization, "operator")
    assert run(accepted(f"/ws/controller/batch-command/{batch.pk}", operator))
    assert not run(accepted(f"/ws/controller/batch-command/{everywhere.pk}", operator))
    stranger = manager(make.organization("other"), "stranger")
    assert not run(accepted(f"/ws/controller/batch-command/{batch.pk}", stranger))


def test_updates_arrive_after_the_commit(device: Any, settings: Any) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False
    Command.objects.bulk_create([Command(device=device, type="custom", input={"command": "uptime"})])
    command = Command.objects.get()
    user = root()

    def change() -> None:
        command.output = "<b>up</b>\n"
        command.status = "success"
        command.save()

    async def watch() -> Any:
        communicator = await database_sync_to_async(socket)(f"/ws/controller/device/{device.pk}/command", user)
        assert (await communicator.connect(PATIENCE))[0]
        await communicator.send_to(text_data="ignored")
        await database_sync_to_async(change)()
        message = json.loads(await communicator.receive_from(PATIENCE))
        await communicator.disconnect(timeout=PATIENCE)
        return message

    message = run(watch())
    assert message["model"] == "Command"
    shown = message["data"]
    assert (shown["id"], shown["device"], shown["connection"]) == (str(command.pk), str(device.pk), None)
    assert (shown["type"], shown["input"], shown["output"]) == ("Custom commands", "uptime", "<b>up</b>\n")
    assert shown["status"] == "success"


def test_names_of_groups() -> None:
    assert live.device_group("1") == "config.device-1"
