"""Organizations and people: nothing is lost, told or accepted that should not be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from openwisp_users.models import Organization, OrganizationUser, User

from openwisp_controller.config.models import OrganizationConfigSettings
from openwisp_controller.server.users_api import FailuresThrottle

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


BAD_PERMISSIONS: list[Any] = ["abc", 99999, "99999: x", True, None, {}, 1.5, [], "", "-1"]


@pytest.mark.parametrize("bad", BAD_PERMISSIONS, ids=repr)
def test_permissions_of_groups_that_are_none(root: Client, bad: Any) -> None:
    group = send(root, "post", "/group/", {"name": "field", "permissions": ["1: whatever", 2]}).json()
    assert [text.partition(":")[0] for text in group["permissions"]] == ["1", "2"]
    for method, path in (("post", "/group/"), ("patch", f"/group/{group['id']}/")):
        answer = send(root, method, path, {"name": "other", "permissions": [1, bad]})
        assert (answer.status_code, list(answer.json())) == (400, ["permissions"]), answer.content
    assert root.get(f"{BASE}/group/{group['id']}/").json() == group
    assert send(root, "patch", f"/group/{group['id']}/", {"permissions": group["permissions"]}).json() == group


def test_the_owner_is_one_of_the_people(
    root: Client, member: User, organization: Organization, other: Organization
) -> None:
    path, own = f"/organization/{organization.pk}/", OrganizationUser.objects.get(user=member)
    foreign = OrganizationUser.objects.create(user=member, organization=other)
    assert send(root, "patch", path, {"owner": {"organization_user": str(own.pk)}}).status_code == 200
    for bad in ({}, {"organization_user": str(foreign.pk)}, {"organization_user": "x"}):
        answer = send(root, "patch", path, {"owner": bad})
        assert (answer.status_code, list(answer.json())) == (400, ["owner"]), answer.content
        assert root.get(BASE + path).json()["owner"] == {"organization_user": str(own.pk)}
    read = send(root, "patch", path, {"owner": {"organization_user": None}}).json()
    assert read["owner"] is None
    assert send(root, "put", path, read).json()["owner"] is None
    assert send(root, "patch", path, {"owner": {"organization_user": str(own.pk)}}).status_code == 200
    assert send(root, "patch", path, {"owner": None}).json()["owner"] is None


def test_a_person_without_organizations(root: Client) -> None:
    new = {"username": "new", "email": "new@example.org", "password": STRONG, "organization_users": []}
    answer = send(root, "post", "/user/", new)
    assert (answer.status_code, answer.json()["organization_users"]) == (201, [])


def test_another_primary_address(root: Client, member: User) -> None:
    path = f"/user/{member.pk}/email/"
    second = send(root, "post", path, {"email": "second@example.org", "primary": True})
    assert (second.status_code, second.json()["primary"]) == (201, True)
    emails = {each["email"]: each for each in root.get(BASE + path).json()["results"]}
    first = next(each for email, each in emails.items() if email != "second@example.org")
    assert not first["primary"]
    again = send(root, "patch", f"{path}{first['id']}/", {"primary": True})
    assert (again.status_code, again.json()["primary"]) == (200, True)
    assert [each["email"] for each in root.get(BASE + path).json()["results"] if each["primary"]] == [first["email"]]
    assert User.objects.get(pk=member.pk).email == first["email"]
    taken = send(root, "patch", f"{path}{first['id']}/", {"email": "second@example.org"})
    assert taken.status_code == 400


@pytest.mark.parametrize("uid", ["x", "zzzzzzzz-1", "\u00fc", "0" * 300])
def test_a_reset_for_nobody(client: Client, uid: str) -> None:
    new = {"uid": uid, "token": "t", "new_password1": STRONG, "new_password2": STRONG}
    answer = send(client, "post", "/password/reset/confirm/", new)
    assert (answer.status_code, answer.json()) == (400, {"uid": ["Invalid value"]})


def test_only_failed_tries_are_limited(client: Client, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 6
    monkeypatch.setattr(FailuresThrottle, "rate", f"{tries}/day")
    member.set_password(STRONG)
    member.save()
    for _ in range(tries + 5):
        assert send(client, "post", "/token/", {"username": "member", "password": STRONG}).status_code == 200
    guess = {"uid": "x", "token": "t", "new_password1": STRONG, "new_password2": STRONG}
    answers = [send(client, "post", "/password/reset/confirm/", guess) for _ in range(tries + 1)]
    assert [answer.status_code for answer in answers] == [400] * tries + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    right = send(client, "post", "/token/", {"username": "member", "password": STRONG})
    assert right.status_code == 429  # whoever guessed cannot try whether the last guess was right
