"""Organizations and people: nothing is lost, told or accepted that should not be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.config.models import OrganizationConfigSettings

from .. import factories as make

pytestmark = pytest.mark.django_db
BASE = "/api/v1/users"
STRONG = "correct horse battery"


def send(client: Client, method: str, path: str, data: Any) -> Any:
    return getattr(client, method)(BASE + path, json.dumps(data), content_type="application/json")


@pytest.fixture
def member(organization: Organization) -> User:
    make.person("member", organization, manages=False)
    return User.objects.get(username="member")


def memberships(user: User) -> set[tuple[str, bool]]:
    return {(each.organization.name, each.is_admin) for each in OrganizationUser.objects.filter(user=user)}


def test_a_new_organization_has_settings(root: Client) -> None:
    answer = send(root, "post", "/organization/", {"name": "New", "slug": "new"})
    assert answer.status_code == 201
    assert OrganizationConfigSettings.objects.get(organization=answer.json()["id"]).shared_secret


def test_a_slug_that_is_taken(root: Client, organization: Organization) -> None:
    answer = send(root, "post", "/organization/", {"name": "New", "slug": organization.slug})
    assert (answer.status_code, answer.json()) == (400, {"slug": ["organization with this slug already exists."]})


def test_what_was_read_of_a_person_can_be_sent_back(root: Client, member: User) -> None:
    read = root.get(f"{BASE}/user/{member.pk}/").json()
    assert read["organization_users"]
    answer = send(root, "put", f"/user/{member.pk}/", read)
    assert answer.status_code == 200, answer.content
    assert answer.json()["organization_users"] == read["organization_users"]
    assert memberships(member) == {("acme", False)}


def test_memberships(root: Client, member: User, organization: Organization, other: Organization) -> None:
    path = f"/user/{member.pk}/"
    one = {"organization": str(other.pk), "is_admin": True}
    for _ in range(2):
        assert send(root, "patch", path, {"organization_users": one}).status_code == 200
        assert memberships(member) == {("acme", False), ("other", True)}
    assert send(root, "patch", path, {"organization_users": [one]}).status_code == 200
    assert memberships(member) == {("other", True)}
    assert send(root, "patch", path, {"first_name": "Ann"}).status_code == 200
    assert memberships(member) == {("other", True)}
    answer = send(root, "patch", path, {"organization_users": [{"organization": "x", "is_admin": True}]})
    assert answer.status_code == 400
    assert memberships(member) == {("other", True)}


def test_weak_passwords_are_refused(root: Client, member: User) -> None:
    person = {"username": "new", "email": "new@example.org", "password": "1"}
    answer = send(root, "post", "/user/", person)
    assert (answer.status_code, list(answer.json())) == (400, ["password"])
    assert send(root, "post", "/user/", {**person, "password": STRONG}).status_code == 201
    new = {"current_password": None, "new_password": "1", "confirm_password": "1"}
    assert list(send(root, "put", f"/user/{member.pk}/password/", new).json()) == ["new_password"]


def test_the_own_password_is_changed_by_who_knows_it(root: Client) -> None:
    user = User.objects.get(username="root")
    new = {"new_password": STRONG, "confirm_password": STRONG}
    path = f"/user/{user.pk}/password/"
    for wrong in ("wrong", None):
        answer = send(root, "put", path, {**new, "current_password": wrong})
        text = "Your old password was entered incorrectly. Please enter it again."
        assert (answer.status_code, answer.json()) == (400, {"current_password": [text]})
    assert send(root, "put", path, {**new, "current_password": "password"}).status_code == 200
    user.refresh_from_db()
    assert user.check_password(STRONG)
