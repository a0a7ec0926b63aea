"""How many statements each operation costs, however many objects there are; begin and commit are counted, too."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openwisp_users.models import User
from rest_framework.authtoken.models import Token

from .. import factories as make

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
BASE = "/api/v1/controller"
#: Operation → statements for a superuser with a token. What was won is written down here, what is lost has a reason.
#: An edit looks whether there is a version already, but of a device.
#: Versions of a device include where it is: one statement more for each, two where it is somewhere.
BASELINE = {
    "list of devices": 3, "device": 3, "list of templates": 4, "template": 3, "list of groups": 4, "group": 3,
    "list of VPN servers": 3, "VPN server": 2, "list of CAs": 3, "CA": 2, "list of certificates": 3, "certificate": 2,
    "list of credentials": 3, "credentials": 2, "list of connections": 4, "list of commands": 3,
    "list of mass commands": 2, "list of revisions": 4, "variables": 7, "settings of an organization": 3,
    "list of locations": 4, "location": 3, "map": 3, "list of floor plans": 3, "position of a device": 3,
    "devices of a location": 5, "positions on floors": 6, "devices with a location": 4,
    "PATCH of variables": 16, "PATCH of notes": 20, "PATCH of a template": 19, "POST of a device": 31,
}  # fmt: skip


class Counting:
    """A superuser with a token, who counts statements."""

    def __init__(self) -> None:
        make.superuser()
        token = Token.objects.create(user=User.objects.get(username="root"))
        self.client = Client(headers={"Authorization": f"Bearer {token.key}"})

    def count(self, request: Callable[[], Any]) -> tuple[int, list[str]]:
        with CaptureQueriesContext(connection) as queries:
            answer = request()
        assert answer.status_code in (200, 201), answer.content
        return len(queries), [query["sql"][:150] for query in queries]

    def get(self, path: str) -> Callable[[], Any]:
        return lambda: self.client.get(BASE + path)

    def send(self, method: str, path: str, data: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: getattr(self.client, method)(BASE + path, json.dumps(data()), content_type="application/json")


def operations(person: Counting, organization: Any, more: int) -> dict[str, Callable[[], Any]]:
    """Every operation of the baseline, with so many objects of each kind besides those that it works on."""
    values = itertools.count()
    template, group = make.template(organization), make.group(organization)
    make.template(organization, default=True)
    config = make.config(make.device(organization, group=group), templates=[template])
    server = make.vpn(organization)
    authority = make.ca(organization)
    certificate = make.cert(authority)
    connected = make.connection(config)
    for number in range(more):
        make.config(make.device(organization, group=group), templates=[template])
        make.group(organization, templates=[template])
        make.vpn(organization, subnet=make.subnet(organization, f"10.{number + 1}.0.0/16"))
        make.cert(authority)
        make.credentials(organization)
        building = make.location(organization, type="indoor")
        make.position(make.device(organization), building, floorplan=make.floorplan(building), indoor="1,2")
    place = make.location(organization, type="indoor")
    for present in (config.device, *(make.device(organization) for _ in range(more))):
        plan = place.floorplan_set.first() or make.floorplan(place)
        make.position(present, place, floorplan=plan, indoor="1,2")
    device = f"/device/{config.device_id}/"
    new = {
        "name": "new", "organization": str(organization.pk), "mac_address": "02:00:00:00:00:99",
        "config": {"backend": make.BACKEND, "templates": [str(template.pk)], "context": {"a": "1"}, "config": {}},
    }  # fmt: skip
    return {
        "list of devices": person.get("/device/?page_size=100"),
        "device": person.get(device),
        "list of templates": person.get("/template/"),
        "template": person.get(f"/template/{template.pk}/"),
        "list of groups": person.get("/group/"),
        "group": person.get(f"/group/{group.pk}/"),
        "list of VPN servers": person.get("/vpn/"),
        "VPN server": person.get(f"/vpn/{server.pk}/"),
        "list of CAs": person.get("/ca/"),
        "CA": person.get(f"/ca/{authority.pk}/"),
        "list of certificates": person.get("/cert/"),
        "certificate": person.get(f"/cert/{certificate.pk}/"),
        "list of credentials": person.get("/credential/"),
        "credentials": person.get(f"/credential/{connected.credentials_id}/"),
        "list of connections": person.get(f"{device}connection/"),
        "list of commands": person.get(f"{device}command/"),
        "list of mass commands": person.get("/batch-command/"),
        "list of revisions": person.get(f"{device}revision/"),
        "variables": person.get(f"{device}variables/"),
        "settings of an organization": person.get(f"/organization/{organization.pk}/settings/"),
        "list of locations": person.get("/location/"),
        "location": person.get(f"/location/{place.pk}/"),
        "map": person.get("/location/geojson/"),
        "list of floor plans": person.get("/floorplan/"),
        "position of a device": person.get(f"{device}location/"),
        "devices of a location": person.get(f"/location/{place.pk}/device/"),
        "positions on floors": person.get(f"/location/{place.pk}/indoor-coordinates/"),
        "devices with a location": person.get(f"/device/?with_geo=true&location={place.pk}"),
        "PATCH of variables": person.send("patch", device, lambda: {"config": {"context": {"a": str(next(values))}}}),
        "PATCH of notes": person.send("patch", device, lambda: {"notes": str(next(values))}),
        "PATCH of a template": person.send(
            "patch", f"/template/{template.pk}/", lambda: {"default_values": {"a": str(next(values))}}
        ),
        "POST of a device": person.send("post", "/device/", lambda: new),
    }


@pytest.mark.parametrize("more", [0, 15])
def test_statements(organization: Any, lost_messages: Any, more: int) -> None:
    person = Counting()
    todo = operations(person, organization, more)
    for name in ("map", "PATCH of variables", "PATCH of a template"):  # what is asked once in a process
        person.count(todo[name])
    found = {name: person.count(operation) for name, operation in todo.items()}
    differing = {name: found[name] for name in BASELINE if found[name][0] != BASELINE[name]}
    assert not differing, json.dumps(differing, indent=1)
    assert BASELINE.keys() == found.keys()
