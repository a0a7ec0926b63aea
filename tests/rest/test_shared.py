"""Objects that all organizations share, and organizations that are switched off."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from openwisp_ipam.models import Subnet
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.config.models import Device, Template, Vpn
from openwisp_controller.connection.models import Credentials
from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make
from .client import Rest, done, made

pytestmark = pytest.mark.django_db
SECRET = "very-secret-word"
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_A_MANAGER = {"detail": "User is not a manager of the organization to which the requested resource belongs."}
SHARED: tuple[type[Any], ...] = (Template, Vpn, Ca, Cert, Credentials, Subnet)


@pytest.fixture
def manager(organization: Organization) -> Client:
    """Manages an organization, and has every permission there is."""
    client = make.person("manager", organization)
    User.objects.get(username="manager").user_permissions.set(Permission.objects.all())
    return client


@pytest.fixture
def shared(db: Any) -> dict[str, Model]:
    """One object of every kind that can be shared, by its address."""
    ca = make.ca(None)
    return {
        "/api/v1/controller/template/": make.template(None),
        "/api/v1/controller/vpn/": make.vpn(
            None, subnet=make.subnet(None, "10.7.0.0/24"), auth_token=SECRET, key=SECRET
        ),
        "/api/v1/controller/ca/": ca,
        "/api/v1/controller/cert/": make.cert(ca),
        "/api/v1/controller/credential/": make.credentials(None, params={"password": SECRET}),
        "/api/v1/ipam/subnet/": make.subnet(None, "10.8.0.0/24"),
    }


def test_they_are_read_by_whoever_may_read_the_list(
    organization: Organization, shared: dict[str, Model], root: Client
) -> None:
    for person, action in (("viewer", "view"), ("changer", "change")):
        client = make.person(person, organization)
        user = User.objects.get(username=person)
        user.user_permissions.set(Permission.objects.filter(codename__startswith=f"{action}_"))
        for path, each in shared.items():
            listed = client.get(path)
            assert str(each.pk) in {str(one["id"]) for one in done(listed)["results"]}, path
            detail = client.get(f"{path}{each.pk}/")
            assert done(detail)["organization"] is None
            for answer in (listed, detail):
                assert SECRET not in answer.content.decode()
                assert "PRIVATE KEY" not in answer.content.decode()
    for path in ("vpn", "credential"):
        each = shared[f"/api/v1/controller/{path}/"]
        assert SECRET in root.get(f"/api/v1/controller/{path}/{each.pk}/").content.decode()


def test_only_superusers_write_them(manager: Client, shared: dict[str, Model], root: Client) -> None:
    for path, each in shared.items():
        detail = f"{path}{each.pk}/"
        before = type(each)._default_manager.filter(pk=each.pk).values().get()
        name = {"name": "taken over"}
        answers = [
            manager.patch(detail, name, content_type="application/json"),
            manager.put(detail, {**root.get(detail).json(), **name}, content_type="application/json"),
            manager.delete(detail),
        ]
        answers += [manager.post(f"{detail}{action}/") for action in _actions(path)]
        for answer in answers:
            assert (answer.status_code, answer.json()) == (403, FORBIDDEN), detail
        assert type(each)._default_manager.filter(pk=each.pk).values().get() == before
        assert done(root.patch(detail, name, content_type="application/json"))["name"] == "taken over"


def _actions(path: str) -> tuple[str, ...]:
    return {"ca": ("renew",), "cert": ("renew", "revoke")}.get(path.strip("/").rsplit("/", 1)[-1], ())


def test_nobody_else_makes_them(manager: Client, organization: Organization, shared: dict[str, Model]) -> None:
    before = {model: model.objects.filter(organization=None).count() for model in SHARED}
    own = make.ca(organization)
    bodies: dict[str, dict[str, Any]] = {
        "template": {"backend": make.BACKEND, "config": {"interfaces": []}},
        "vpn": {"host": "vpn.example.org", "backend": "openwisp_controller.vpn_backends.OpenVpn", "ca": own.pk,
                "config": make.OPENVPN},
        "ca": {"key_length": "256", "common_name": "new.example"},
        "cert": {"key_length": "256", "common_name": "new.example", "ca": own.pk},
        "credential": {"connector": make.SSH, "params": {"username": "root", "password": "secret"}},
        "subnet": {"subnet": "10.99.0.0/24"},
    }  # fmt: skip
    for path in shared:
        body = {"name": "new", **bodies[path.strip("/").rsplit("/", 1)[-1]]}
        for more, text in (({}, "This field is required."), ({"organization": None}, "This field may not be null.")):
            answer = manager.post(path, {**body, **more}, content_type="application/json")
            assert (answer.status_code, answer.json()) == (400, {"organization": [text]}), path
        answer = manager.post(path, {**body, "organization": str(organization.pk)}, content_type="application/json")
        assert answer.status_code == 201, (path, answer.content)
        detail = f"{path}{answer.json()['id']}/"
        for method in (manager.patch, manager.put):
            answer = method(detail, {**body, "organization": None}, content_type="application/json")
            assert (answer.status_code, list(answer.json())) == (400, ["organization"]), path
        answer = manager.put(detail, body, content_type="application/json")
        assert (answer.status_code, list(answer.json())) == (400, ["organization"]), path
    assert {model: model.objects.filter(organization=None).count() for model in SHARED} == before


class TestSwitchedOff:
    @pytest.fixture
    def off(self, other: Organization) -> Organization:
        other.is_active = False
        other.save()
        return other

    def test_its_managers_lose_access(self, off: Organization) -> None:
        client = make.person("manager-of-it", off, "Administrator")
        device = make.device(off)
        for path in ("/device/", f"/device/{device.pk}/", "/template/", "/ca/"):
            answer = Rest(client).get(path)
            assert (answer.status_code, answer.json()) == (403, NOT_A_MANAGER)

    def test_who_manages_another_one_as_well(self, manager: Client, off: Organization, organization: Any) -> None:
        OrganizationUser.objects.create(user=User.objects.get(username="manager"), organization=off, is_admin=True)
        device, own = make.device(off), make.device(organization)
        rest = Rest(manager)
        assert [each["id"] for each in done(rest.get("/device/"))["results"]] == [str(own.pk)]
        assert rest.get(f"/device/{device.pk}/").status_code == 404
        given = {"name": "new", "organization": str(off.pk), "mac_address": "02:00:00:00:00:99"}
        answer = rest.post("/device/", given)
        assert answer.json() == {"organization": [f'Invalid pk "{off.pk}" - object does not exist.']}

    def test_superusers_go_on(self, root: Client, off: Organization) -> None:
        given = {"name": "new", "organization": str(off.pk), "mac_address": "02:00:00:00:00:99"}
        answer = made(Rest(root).post("/device/", given))
        done(Rest(root).patch(f"/device/{answer['id']}/", {"notes": "n"}))
        assert Device.objects.get().notes == "n"
