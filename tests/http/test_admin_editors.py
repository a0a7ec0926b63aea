"""What the pages give to the editors of configurations and variables."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from django import forms
from django.test import Client
from django.urls import reverse
from openwisp_users.models import Organization

from openwisp_controller.config import widgets
from openwisp_controller.config.models import DeviceGroup
from openwisp_controller.config.widgets import JsonSchemaWidget
from openwisp_controller.connection.widgets import CommandSchemaWidget, CredentialsSchemaWidget

from .. import factories as make

pytestmark = pytest.mark.django_db


def page_of(client: Client, instance: Any) -> str:
    meta = instance._meta
    answer = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[instance.pk]))
    assert answer.status_code == 200
    return unescape(answer.content.decode())


class OptionsOfPackage(JsonSchemaWidget):
    """As packages make their own."""

    schema_view_name = None
    app_label_model = "package_upgrade"
    netjsonconfig_hint = False
    advanced_mode = False
    extra_attrs = {"data-show-errors": "never", "class": "manual"}


@pytest.mark.parametrize("widget", [OptionsOfPackage, OptionsOfPackage()])
def test_a_widget_of_a_package(widget: Any) -> None:
    class Form(forms.Form):
        options = forms.JSONField(widget=widget, required=False)

    html = Form()["options"].as_widget()
    for text in (
        'data-editor="schema"', 'data-advanced="false"', 'data-show-errors="never"', 'class="manual"',
        'data-model="package_upgrade"',
    ):  # fmt: skip
        assert text in html
    for text in ("data-schema-url", "data-schema-selector", "data-help-url"):
        assert text not in html


def test_arguments_of_the_widget() -> None:
    widget = JsonSchemaWidget(
        schema_view_name="admin:connection_credentials_schema", schema_selector="#id_connector", advanced_mode=False
    )
    html = widget.render("params", "{}")
    assert 'data-schema-url="/admin/connection/credentials/ui/schema.json"' in html
    assert 'data-schema-selector="#id_connector"' in html
    assert 'data-help-url="https://' in html
    with pytest.raises(TypeError, match="nonsense"):
        JsonSchemaWidget(nonsense=1)


def test_schemas(root: Client) -> None:
    answer = root.get("/config/schema.json")
    schemas = answer.json()
    assert "openwisp_controller.vpn_backends.OpenVpn" in schemas
    assert "interfaces" in schemas["netjsonconfig.OpenWrt"]["properties"]
    known = root.get("/config/schema.json", headers={"If-Modified-Since": answer["Last-Modified"]})
    assert known.status_code == 304
    assert Client().get("/config/schema.json").status_code == 403


def test_schema_of_groups(root: Client) -> None:
    url = reverse("admin:config_devicegroup_schema")
    assert url == "/admin/config/devicegroup/ui/schema.json"
    assert root.get(url).json() == {"type": "object", "properties": {}}
    assert Client().get(url).status_code == 302


def test_variables_of_a_group_know_what_they_override(root: Client, organization: Organization) -> None:
    template = make.template(
        organization, "wifi", {"general": {"description": "{{ ssid }}"}}, default_values={"ssid": "default"}
    )
    group = DeviceGroup.objects.create(organization=organization, name="roofs", context={"ssid": "roof"})
    group.templates.add(template)
    found = page_of(root, group).partition('data-explained="')[2].partition('}]"')[0] + "}]"
    layers = [{"origin": "group", "value": "roof"}, {"origin": 'template "wifi"', "value": "default"}]
    assert json.loads(found) == [{"name": "ssid", "layers": layers, "used": ['template "wifi"']}]


def test_variables_of_a_device_know_what_they_override(root: Client, organization: Organization) -> None:
    template = make.template(
        organization, "wifi", {"general": {"description": "{{ ssid }}"}}, default_values={"ssid": "default"}
    )
    config = make.config(make.device(organization), templates=[template], context={"ssid": "own"})
    text = page_of(root, config.device).partition('<script id="controller-explained" type="application/json">')[2]
    found = {each["name"]: each for each in json.loads(text.partition("</script>")[0])}
    layers = [{"origin": "device", "value": "own"}, {"origin": 'template "wifi"', "value": "default"}]
    assert found["ssid"] == {"name": "ssid", "layers": layers, "used": ['template "wifi"']}


def test_variables_of_an_organization_know_what_they_override(root: Client, organization: Organization) -> None:
    make.template(organization, "long", default_values={"text": "x" * 300})
    page = page_of(root, organization)
    found = json.loads(page.partition('data-explained="')[2].partition('}]"')[0] + "}]")
    assert [(each["name"], each["layers"][0]["isCut"]) for each in found] == [("text", True)]


def test_without_the_built_scripts_pages_have_plain_texts(
    root: Client, organization: Organization, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets, "_BUILT", tmp_path)
    page = page_of(root, make.template(organization))
    assert 'name="default_values"' in page
    assert "config/built/editor" not in page


def test_packages_find_the_editors_of_credentials_and_commands(root: Client) -> None:
    for widget in (CredentialsSchemaWidget(), CommandSchemaWidget()):
        data = widget.data()
        assert root.get(data["schema-url"]).status_code == 200
        assert data["model"].startswith("connection_")
    assert CredentialsSchemaWidget().attrs["data-secrets"] == "password key community"
