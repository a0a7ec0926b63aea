"""Earlier versions, on every page that has them: nobody sees or restores what is not theirs."""

from __future__ import annotations

from typing import Any

import pytest
import reversion
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from openwisp_ipam.models import IpAddress
from openwisp_users.models import Group, Organization, OrganizationOwner, OrganizationUser, User
from reversion.admin import VersionAdmin
from reversion.models import Version

from openwisp_controller.common.versions import GuardedVersions

from .. import factories as make

pytestmark = pytest.mark.django_db
PAGES = [model for model, page in admin.site._registry.items() if isinstance(page, VersionAdmin)]
SECRET_NAME = "known-to-acme-alone"


@pytest.fixture
def things(organization: Organization) -> dict[type, Any]:
    """An object of each model that has versions, of one organization; each was saved with a version of it."""
    subnet = make.subnet(organization, "10.9.0.0/16", name=SECRET_NAME)
    address = IpAddress(subnet=subnet, ip_address="10.9.0.9", description=SECRET_NAME)
    ca = make.ca(organization, name=SECRET_NAME)
    owner = User.objects.create_user(SECRET_NAME, f"{SECRET_NAME}@example.org", "password", is_staff=True)
    member = OrganizationUser(user=owner, organization=organization, is_admin=True)
    address.save()
    member.save()
    OrganizationOwner.objects.filter(organization=organization).delete()
    objects = [
        organization, owner, member, OrganizationOwner(organization=organization, organization_user=member),
        Group.objects.create(name=SECRET_NAME), make.group(organization, SECRET_NAME),
        make.template(organization, SECRET_NAME), make.vpn(organization, subnet=subnet, name=SECRET_NAME),
        make.device(organization, name=SECRET_NAME), ca, make.cert(ca, name=SECRET_NAME), subnet, address,
        make.credentials(organization, SECRET_NAME),
    ]  # fmt: skip
    for each in objects:
        with reversion.create_revision():
            each.save()
            reversion.add_to_revision(each)
    result = {type(each): each for each in objects}
    assert set(result) == set(PAGES), "a page with versions that this test does not know"
    return result


@pytest.fixture
def stranger(other: Organization) -> Client:
    """Somebody of another organization who has every permission there is."""
    client = make.person("stranger", other, "Administrator")
    user = User.objects.get(username="stranger")
    user.user_permissions.set(Permission.objects.all())
    return client


def address(model: Any, view: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=arguments)


def version_of(instance: Any) -> Version:
    found: Version = Version.objects.get_for_object(instance).first()
    return found


def everything(things: dict[type, Any]) -> str:
    """What is stored of the objects."""
    stored = [list(model._base_manager.order_by("pk").values()) for model in things if model is not User]
    people = User.objects.order_by("pk").values_list("username", "is_superuser", "is_staff", "password", "email")
    return f"{stored}{list(people)}"


def test_every_page_is_guarded() -> None:
    assert len(PAGES) >= 13
    for model in PAGES:
        assert isinstance(admin.site._registry[model], GuardedVersions), model


@pytest.mark.parametrize("page", PAGES, ids=lambda model: model.__name__)
def test_another_organizations_versions(page: Any, stranger: Client, things: dict[type, Any]) -> None:
    """Whatever page is asked for whatever version: refused, without a name, and without a trace."""
    for model, instance in things.items():
        instance._meta.model._base_manager.filter(pk=instance.pk).update(**edited(model))
    before = everything(things)
    for instance in things.values():
        version = version_of(instance)
        addresses = [
            address(page, "recover", version.pk),
            address(page, "revision", version.object_id, version.pk),
            address(page, "revision", things[page].pk, version.pk),
        ]
        for one in addresses:
            for answer in (stranger.get(one), stranger.post(one, {"name": "x", "username": "x"})):
                assert answer.status_code in (403, 404), one
                assert SECRET_NAME not in answer.content.decode(), one
    if page is not Group:  # which belong to no organization
        answer = stranger.get(address(page, "history", things[page].pk))
        assert answer.status_code in (403, 404)
        assert SECRET_NAME not in answer.content.decode()
    assert stranger.get(address(page, "recoverlist")).status_code == 403
    assert everything(things) == before


def edited(model: Any) -> dict[str, Any]:
    """Values that a restored version would replace."""
    if model is User:
        return {"username": "now", "is_superuser": False}
    names = {field.name for field in model._meta.concrete_fields}
    return {name: "now" for name in ("name", "description") if name in names}


@pytest.mark.parametrize("page", PAGES, ids=lambda model: model.__name__)
def test_a_version_is_restored_on_the_page_of_its_model_only(page: Any, root: Client, things: dict[type, Any]) -> None:
    for model, instance in things.items():
        if model is not page:
            version = version_of(instance)
            for one in (
                address(page, "recover", version.pk),
                address(page, "revision", version.object_id, version.pk),
            ):
                assert root.get(one).status_code == 404, one
                assert root.post(one, {}).status_code == 404, one


def test_a_former_superuser_stays_former(administrator: Client, organization: Organization) -> None:
    """An administrator of the organization, who may edit people, does not give powers back that were taken away."""
    person = User.objects.create_user("former", "former@example.org", "password", is_staff=True, is_superuser=True)
    OrganizationUser.objects.create(user=person, organization=organization)
    with reversion.create_revision():
        person.save()
        reversion.add_to_revision(person)
    person.is_superuser = False
    person.save()
    version = version_of(person)
    User.objects.get(username="administrator").user_permissions.set(Permission.objects.all())
    for model in PAGES:
        one = address(model, "revision", person.pk, version.pk)
        assert administrator.post(one, {"username": "former"}).status_code in (403, 404)
    person.refresh_from_db()
    assert not person.is_superuser


def test_own_versions_are_restored(administrator: Client, organization: Organization) -> None:
    group = make.group(organization, "before")
    with reversion.create_revision():
        group.save()
        reversion.add_to_revision(group)
    version = version_of(group)
    group.name = "after"
    group.save()
    one = address(type(group), "revision", group.pk, version.pk)
    assert "before" in administrator.get(one).content.decode()
    data = {"name": "before", "organization": organization.pk, "meta_data": "{}", "context": "{}", "description": ""}
    assert administrator.post(one, data).status_code == 302
    group.refresh_from_db()
    assert group.name == "before"
