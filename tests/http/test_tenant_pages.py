"""Pages of the administration name nothing of other organizations, whatever their address asks for."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.sites.models import Site
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from openwisp_ipam.models import IpAddress
from openwisp_users.models import Organization, OrganizationUser, User
from openwisp_utils.admin_theme.filters import AutocompleteFilter

from openwisp_controller.config.models import Config, Device
from openwisp_controller.connection.models import BatchCommand

from .. import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PAGES = [model for model in admin.site._registry if model is not Site]
NAME = "known-to-others-alone"


@pytest.fixture
def foreign() -> dict[type[Model], Any]:
    """Objects of another organization, by their model; everything that has a name has the same."""
    other = make.organization(NAME)
    template = make.template(other, NAME)
    group = make.group(other, NAME, templates=[template])
    device = make.device(other, name=NAME, group=group)
    config = Config.objects.get(device=device)
    subnet = make.subnet(other, "10.9.0.0/16", name=NAME)
    address = IpAddress.objects.create(subnet=subnet, ip_address="10.9.0.9", description=NAME)
    ca = make.ca(other, name=NAME)
    user = User.objects.create_user(NAME, f"{NAME}@example.org", "password", is_staff=True)
    member = OrganizationUser.objects.create(user=user, organization=other, is_admin=True)
    credentials = make.credentials(other, name=NAME)
    command = BatchCommand.objects.create(organization=other, group=group, label=NAME, type="reboot")
    objects = [
        other, template, group, device, subnet, address, ca, make.cert(ca, name=NAME), user, member, credentials,
        command, make.vpn(other, subnet=subnet, name=NAME), config,
    ]  # fmt: skip
    return {type(each): each for each in objects}


@pytest.fixture
def stranger(organization: Organization, foreign: Any) -> Client:
    """Somebody who has every permission there is, in an organization of their own with a few objects."""
    client = make.person("stranger", organization)
    User.objects.get(username="stranger").user_permissions.set(Permission.objects.all())
    make.config(make.device(organization, group=make.group(organization)))
    make.vpn(organization, subnet=make.subnet(organization, "10.8.0.0/16"))
    return client


def parameters(page: type[Model], foreign: dict[type[Model], Any]) -> Iterator[tuple[str, Any]]:
    """Every parameter that leads from a page over one or two relations to a foreign object, with its key."""
    for path, related in relations(page):
        if related in foreign:
            for lookup in ("", "__id__exact", "__in") if "__" not in path else ("",):
                yield f"{path}{lookup}", foreign[related].pk
    for each in admin.site._registry[page].list_filter:
        if isinstance(each, type) and issubclass(each, AutocompleteFilter):
            yield from ((str(each.parameter_name), instance.pk) for instance in foreign.values())


def relations(model: Any) -> Iterator[tuple[str, Any]]:
    for field in model._meta.get_fields():
        if field.is_relation and field.related_model is not None and not isinstance(field.related_model, str):
            yield field.name, field.related_model
            if getattr(field, "attname", field.name) != field.name:
                yield field.attname, field.related_model
            if not field.auto_created:
                for second in field.related_model._meta.get_fields():
                    if second.is_relation and second.related_model is not None:
                        yield f"{field.name}__{second.name}", second.related_model


@pytest.mark.parametrize("page", PAGES, ids=lambda model: model.__name__)
def test_lists_name_nothing_of_others(page: Any, stranger: Client, foreign: Any, root: Client) -> None:
    address = reverse(f"admin:{page._meta.app_label}_{page._meta.model_name}_changelist")
    assert stranger.get(address).status_code == 200
    shown = 0
    for parameter, key in set(parameters(page, foreign)):
        answer = stranger.get(address, {parameter: key})
        assert NAME not in answer.content.decode(), parameter
        if answer.status_code == 200:
            shown += 1
            assert answer.context["cl"].result_count == 0 or not is_filter(page, parameter), parameter
        else:
            assert answer.status_code in (302, 400), parameter
    assert shown or not admin.site._registry[page].list_filter


def is_filter(page: Any, parameter: str) -> bool:
    filters = [each for each in admin.site._registry[page].list_filter if isinstance(each, type)]
    return parameter in {each.parameter_name for each in filters if issubclass(each, AutocompleteFilter)}


def test_an_unknown_key_looks_the_same(stranger: Client, foreign: Any) -> None:
    def page(key: Any) -> str:
        answer = stranger.get(reverse("admin:config_device_changelist"), {"organization": key})
        text = answer.content.decode().replace(str(key), "KEY")
        return re.sub('name="csrfmiddlewaretoken" value="[^"]*"', "", text)

    unknown = page(uuid.uuid4())
    assert page(foreign[Organization].pk) == unknown
    assert "does not exist or that you may not see" in unknown


def test_own_and_shared_objects_filter(stranger: Client, organization: Organization, root: Client) -> None:
    devices = reverse("admin:config_device_changelist")
    answer = stranger.get(devices, {"organization": organization.pk})
    assert (answer.context["cl"].result_count, "may not see" in answer.content.decode()) == (1, False)
    shared = make.template(None, "for everybody")
    Device.objects.get(organization=organization).config.templates.add(shared)
    assert stranger.get(devices, {"config__templates": shared.pk}).context["cl"].result_count == 1
    answer = root.get(devices, {"organization": Organization.objects.get(name=NAME).pk})
    assert answer.context["cl"].result_count == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda model: model.__name__)
def test_forms_that_an_address_fills_in_name_nothing_of_others(page: Any, stranger: Client, foreign: Any) -> None:
    address = reverse(f"admin:{page._meta.app_label}_{page._meta.model_name}_add")
    for path, related in relations(page):
        if related in foreign and "__" not in path:
            answer = stranger.get(address, {path: foreign[related].pk})
            assert NAME not in answer.content.decode(), path
