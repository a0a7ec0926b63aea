"""What people type into the pages of the administration: it is stored, or refused at its field, whatever it is."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from openwisp_controller.config.models import Config, Device, DeviceGroup, Template

from .. import factories as make
from ..database.scenarios import fresh, save
from .test_admin import config, device_form, errors, post_device, url

__all__ = ["config"]
pytestmark = pytest.mark.django_db

NOT_STORABLE = {
    "not a number": ('{"a": NaN}', "NaN and infinite numbers are not allowed."),
    "infinite": ('{"a": [-Infinity]}', "NaN and infinite numbers are not allowed."),
    "too big": ('{"a": {"b": 1e999}}', "NaN and infinite numbers are not allowed."),
    "too long": ('{"a": ' + "9" * 5000 + "}", "A number in the JSON has too many digits."),
    "too deep": ('{"a":' * 3000 + "1" + "}" * 3000, "The JSON is nested too deeply."),
    "half a character": ('{"a": "\\ud800"}', "Incomplete characters (surrogates) are not allowed."),
}


def template_form(template: Template, **values: Any) -> dict[str, Any]:
    return {
        "name": template.name, "organization": template.organization_id or "", "type": "generic",
        "backend": template.backend, "tags": "", "default_values": "{}", "config": json.dumps(template.config),
        "notes": "", **values,
    }  # fmt: skip


def group_form(group: DeviceGroup, **values: Any) -> dict[str, Any]:
    return {
        "name": group.name, "organization": group.organization_id, "description": "", "templates": "",
        "context": "{}", "meta_data": "{}", **values,
    }  # fmt: skip


def organization_form(client: Client, organization: Organization, **values: Any) -> dict[str, Any]:
    """What the browser posts for an organization."""
    page = client.get(organization_page(organization)).content.decode()
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', page))
    secret = organization.config_settings.shared_secret
    return {
        **hidden, "name": organization.name, "slug": organization.slug, "is_active": "on",
        "config_settings-0-shared_secret": secret, "config_settings-0-context": "{}",
        "config_limits-0-device_limit": 0, **values,
    }  # fmt: skip


def organization_page(organization: Organization) -> str:
    return reverse("admin:openwisp_users_organization_change", args=[organization.pk])


@pytest.mark.parametrize("what", NOT_STORABLE)
@pytest.mark.parametrize("where", ["device", "template", "group", "metadata", "organization"])
def test_json_that_cannot_be_stored_is_refused_at_its_field(
    root: Client, config: Config, where: str, what: str
) -> None:
    text, message = NOT_STORABLE[what]
    owner, group, template = config.device.organization, config.device.group, config.templates.get()
    assert group is not None
    if where == "device":
        answer = post_device(root, config.device, **{"config-0-context": text})
    elif where == "template":
        answer = root.post(url("template_change", template), template_form(template, default_values=text))
    elif where == "group":
        answer = root.post(url("devicegroup_change", group), group_form(group, context=text))
    elif where == "metadata":
        answer = root.post(url("devicegroup_change", group), group_form(group, meta_data=text))
    else:
        form = organization_form(root, owner, **{"config_settings-0-context": text})
        answer = root.post(organization_page(owner), form)
    assert message in errors(answer)


def test_the_form_of_an_organization_is_complete(root: Client, config: Config) -> None:
    owner = config.device.organization
    form = organization_form(root, owner, **{"config_settings-0-context": '{"a": "b"}'})
    assert root.post(organization_page(owner), form).status_code == 302
    owner.config_settings.refresh_from_db()
    assert owner.config_settings.context == {"a": "b"}


def test_every_error_is_told_once(root: Client, config: Config) -> None:
    owner = config.device.organization
    form = organization_form(root, owner, **{"config_settings-0-shared_secret": "a b"})
    assert errors(root.post(organization_page(owner), form)).count("must not contain spaces") == 1
    text = errors(post_device(root, config.device, name="no hostname!"))
    assert text.strip() == "Must be either a valid hostname or mac address."


def test_tags_that_are_too_long(root: Client, config: Config) -> None:
    template = config.templates.get()
    answer = root.post(url("template_change", template), template_form(template, tags=f"mesh, {'x' * 101}"))
    assert "Tags have at most 100 characters." in errors(answer)
    assert root.post(url("template_change", template), template_form(template, tags="x" * 100)).status_code == 302


def test_preview_without_a_configuration(root: Client, organization: Organization) -> None:
    device = make.device(organization)
    form = device_form(device, **{"config-TOTAL_FORMS": 0})
    answer = root.post(url("device_preview"), {**form, "id": device.pk})
    assert answer.status_code == 400
    assert answer.json() == {"errors": {"__all__": ["No configuration available"]}}


class TestHiddenBackend:
    """Where backends are not shown, whatever is new gets the default one and nothing else changes."""

    @pytest.fixture(autouse=True)
    def _hidden(self, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_CONFIG_BACKEND_FIELD_SHOWN = False

    @pytest.mark.parametrize("model", ["device", "template"])
    def test_pages(self, root: Client, config: Config, model: str) -> None:
        instance = config.device if model == "device" else config.templates.get()
        for page in (url(f"{model}_changelist"), url(f"{model}_add"), url(f"{model}_change", instance)):
            answer = root.get(page)
            assert answer.status_code == 200
            of_editor = b'data-schema-selector="#id_backend, #id_config-0-backend"'
            assert b'backend"' not in answer.content.replace(of_editor, b"")

    def test_new_device(self, root: Client, organization: Organization) -> None:
        form = device_form(Device(organization=organization, name="new", mac_address="02:00:00:00:00:77"))
        del form["config-0-backend"]
        assert root.post(url("device_add"), form).status_code == 302
        assert Config.objects.get().backend == make.BACKEND

    def test_device(self, root: Client, organization: Organization) -> None:
        config = make.config(organization, backend="netjsonconfig.OpenWisp")
        form = device_form(config.device, **{"config-0-context": '{"a": "b"}'})
        del form["config-0-backend"]
        assert root.post(url("device_change", config.device), form).status_code == 302
        assert (fresh(config).backend, fresh(config).context) == ("netjsonconfig.OpenWisp", {"a": "b"})

    def test_new_template(self, root: Client, organization: Organization) -> None:
        form = template_form(Template(name="new", organization=organization, config={"general": {"a": "b"}}))
        del form["backend"]
        assert root.post(url("template_add"), form).status_code == 302
        assert Template.objects.get().backend == make.BACKEND

    def test_templates_to_choose_from(self, root: Client, config: Config) -> None:
        page = reverse("admin:get_relevant_templates", args=[config.device.organization_id])
        assert [each["name"] for each in root.get(page).json().values()] == ["wifi"]
        assert [each["name"] for each in root.get(page, {"config_id": config.pk}).json().values()] == ["wifi"]

    def test_without_a_default_it_is_asked_for(self, root: Client, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_DEFAULT_BACKEND = None
        assert b'name="backend"' in root.get(url("template_add")).content


def test_serial_numbers_are_shown_and_found(root: Client, config: Config, settings: Any) -> None:
    save(config.device, hardware_id="SN-0815")
    assert b"SN-0815" not in root.get(url("device_changelist")).content
    settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
    settings.OPENWISP_CONTROLLER_HARDWARE_ID_AS_NAME = False
    assert b"SN-0815" in root.get(url("device_changelist"), {"q": "0815"}).content


@pytest.mark.parametrize(("deactivated", "label"), [(False, b"unknown"), (True, b"deactivated")])
def test_status_without_a_configuration(
    root: Client, organization: Organization, deactivated: bool, label: bytes
) -> None:
    device = make.device(organization)
    if deactivated:
        device.deactivate()
    badge = b'<td class="field-config_status"><span class="controller-badge idle">%s</span></td>' % label
    assert badge in root.get(url("device_changelist")).content


class TestMoves:
    """Groups and their templates stay in one organization."""

    def test_template_of_a_group(self, root: Client, organization: Organization, other: Organization) -> None:
        template = make.template(organization, "mesh")
        make.group(organization, templates=[template])
        answer = root.post(url("template_change", template), template_form(template, organization=other.pk))
        assert "while groups of other organizations have this template" in errors(answer)
        answer = root.post(url("template_change", template), template_form(template, organization=""))
        assert answer.status_code == 302

    def test_group_with_templates(self, root: Client, organization: Organization, other: Organization) -> None:
        group = make.group(organization, templates=[make.template(organization, "mesh"), make.template(None, "all")])
        answer = root.post(url("devicegroup_change", group), group_form(group, organization=other.pk))
        assert "Take the templates of the former organization out of the group first: mesh" in errors(answer)
        group.templates.remove(Template.objects.get(name="mesh"))
        assert root.post(url("devicegroup_change", group), group_form(group, organization=other.pk)).status_code == 302


@pytest.mark.parametrize("model", ["device", "template", "devicegroup"])
def test_pages_of_new_objects_show_no_key_that_they_do_not_get(root: Client, config: Config, model: str) -> None:
    instances = {"device": config.device, "template": config.templates.get(), "devicegroup": config.device.group}
    assert b"field-created" not in root.get(url(f"{model}_add")).content
    page = root.get(url(f"{model}_change", instances[model])).content
    assert b"field-created" in page
    assert b"field-id" in page
