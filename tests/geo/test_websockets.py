"""Live updates of locations, and who gets them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission
from django.contrib.gis.geos import Point
from django.db import transaction
from django.test import Client
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.geo import positions
from openwisp_controller.geo.models import Location
from openwisp_controller.server.asgi import application

from .. import factories as make
from ..services import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)
ALL = "/ws/loci/location/"


def one(location: Location) -> str:
    return f"/ws/loci/location/{location.pk}/"


def somebody(name: str, of: Organization | None = None, *permissions: str, **fields: Any) -> User:
    user = User.objects.create_user(name, f"{name}@example.org", "password", **{"is_staff": True, **fields})
    if of is not None:
        OrganizationUser.objects.create(user=user, organization=of, is_admin=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def socket(path: str, user: User | None) -> WebsocketCommunicator:
    headers = [(b"host", b"testserver"), (b"origin", b"http://testserver")]
    if user is not None:
        client = Client()
        client.force_login(user)
        name = django_settings.SESSION_COOKIE_NAME
        headers.append((b"cookie", f"{name}={client.cookies[name].value}".encode()))
    return WebsocketCommunicator(application, path, headers=headers)


async def _accepted(path: str, user: User | None) -> bool:
    communicator = await database_sync_to_async(socket)(path, user)
    connected, _ = await communicator.connect(PATIENCE)
    await communicator.disconnect(timeout=PATIENCE)
    return bool(connected)


def accepted(path: str, user: User | None) -> bool:
    return asyncio.run(_accepted(path, user))


def messages(watchers: dict[str, tuple[str, User]], change: Callable[[], Any]) -> dict[str, list[Any]]:
    """Return what each of the watchers is told while something is done.

    Args:
        watchers: by a name, the address and who watches it.
        change: does it. Then all locations get another name: whoever is told of that has been told everything.
    """

    def finish() -> None:
        for location in Location.objects.all():
            location.name = "the end"
            location.save()

    async def watch() -> dict[str, list[Any]]:
        sockets = {}
        for name, (path, user) in watchers.items():
            sockets[name] = await database_sync_to_async(socket)(path, user)
            assert (await sockets[name].connect(PATIENCE))[0]
            await sockets[name].send_to(text_data="no JSON, and ignored")
        await database_sync_to_async(change)()
        await database_sync_to_async(finish)()
        told: dict[str, list[Any]] = {}
        for name, each in sockets.items():
            told[name] = []
            while True:
                message = json.loads(await each.receive_from(PATIENCE))
                if message["name"] == "the end":
                    break
                told[name].append(message)
            await each.disconnect(timeout=PATIENCE)
        return told

    return asyncio.run(watch())


def test_who_may_watch(organization: Organization, other: Organization) -> None:
    location = make.location(organization)
    superuser = User.objects.create_superuser("root", "root@example.org", "password")
    people = {
        "superuser": (superuser, True, True),
        "who may see": (somebody("viewer", organization, "view_location"), True, True),
        "who may change": (somebody("changer", organization, "change_location"), True, True),
        "manager of another": (somebody("stranger", other, "view_location"), False, True),
        "manager of none": (somebody("alone", None, "view_location"), False, True),
        "without permission": (somebody("plain", organization), False, False),
        "no staff": (somebody("member", organization, "view_location", is_staff=False), False, False),
        "anonymous": (None, False, False),
    }
    for who, (user, may_watch_one, may_watch_all) in people.items():
        assert accepted(one(location), user) is may_watch_one, who
        assert accepted(ALL, user) is may_watch_all, who
    assert not accepted(f"/ws/loci/location/{uuid.uuid4()}/", superuser)
    assert not accepted(ALL.rstrip("/"), superuser)
    assert not accepted("/ws/loci/nonsense/", superuser)


def test_what_is_told_to_whom(organization: Organization, other: Organization) -> None:
    bus = make.location(organization, "bus", is_mobile=True)
    theirs = make.location(other, "theirs")
    device = make.device(organization)
    make.position(device, bus)
    superuser = User.objects.create_superuser("root", "root@example.org", "password")
    mine = somebody("mine", organization, "view_location")
    stranger = somebody("stranger", other, "view_location")

    def change() -> None:
        positions.report(device, Point(1, 2, srid=4326))
        theirs.address = "elsewhere"
        theirs.save()

    told = messages(
        {
            "one": (one(bus), mine), "all of mine": (ALL, mine), "everything": (ALL, superuser),
            "all of theirs": (ALL, stranger),
        },
        change,
    )  # fmt: skip
    moved = {
        "id": str(bus.pk), "geometry": {"type": "Point", "coordinates": [1.0, 2.0]}, "address": "", "name": "bus",
        "type": "outdoor", "is_mobile": True,
    }  # fmt: skip
    assert told["one"] == told["all of mine"] == [moved]
    assert [message["name"] for message in told["everything"]] == ["bus", "theirs"]
    assert [message["address"] for message in told["all of theirs"]] == ["elsewhere"]


def test_what_is_not_told(organization: Organization) -> None:
    """Saves that change nothing shown, those that are rolled back, and new locations."""
    bus = make.location(organization, "bus", is_mobile=True)
    user = User.objects.create_superuser("root", "root@example.org", "password")

    def change() -> None:
        bus.save()
        Location.objects.get(pk=bus.pk).save()
        with transaction.atomic():
            moved = Location.objects.get(pk=bus.pk)
            moved.geometry = Point(5, 5)
            moved.save()
            transaction.set_rollback(True)
        make.location(organization, "new")

    assert messages({"one": (one(bus), user), "all": (ALL, user)}, change) == {"one": [], "all": []}
