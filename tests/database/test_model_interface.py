"""Methods that other packages call on models, by the names under which the field knows them."""

from __future__ import annotations

import io
import json
import tarfile

import netjsonconfig
import pytest
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from openwisp_users.models import Organization, User

from openwisp_controller.config.models import Config, Device, Template
from openwisp_controller.connection.models import Command

from .. import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def config(organization: Organization) -> Config:
    file = {"path": "/etc/ssid", "mode": "0644", "contents": "{{ ssid }}"}
    template = make.template(organization, "wifi", config={"files": [file]})
    return make.config(make.device(organization, name="ap"), templates=[template], context={"ssid": "free"})


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return sorted(tar.getnames())


def test_a_configuration_as_netjsonconfig_sees_it(config: Config) -> None:
    assert config.backend_class is netjsonconfig.OpenWrt
    assert isinstance(config.backend_instance, netjsonconfig.OpenWrt)
    assert config.json(dict=True)["general"] == {"hostname": "ap"}
    assert json.loads(config.json(indent=4))["files"][0]["contents"] == "free"
    assert "option hostname 'ap'" in config.backend_instance.render()
    assert config.generate().getvalue() == bytes(config.released.archive)  # type: ignore[union-attr]


def test_a_backend_instance_with_other_templates_and_variables(config: Config) -> None:
    assert "files" not in config.get_backend_instance(template_instances=[]).config
    assert config.get_backend_instance(context={"ssid": "mine"}).config["files"][0]["contents"] == "mine"


def test_related_models_and_default_templates(organization: Organization, config: Config) -> None:
    default = make.template(organization, "default", default=True)
    found: QuerySet[Template] = config.get_default_templates()
    assert list(found) == [default]
    assert config.get_template_model() is Template
    assert Device.get_config_model() is Config


def test_a_template_on_its_own(organization: Organization, config: Config) -> None:
    template = config.templates.get()
    assert str(template) == "wifi"
    assert template.backend_class is netjsonconfig.OpenWrt
    assert template.json(dict=True)["files"][0]["contents"] == "{{ ssid }}"
    assert names(template.generate().getvalue()) == ["etc/ssid"]


def test_a_clone_stands_in_the_log_of_who_made_it(organization: Organization, config: Config) -> None:
    make.superuser()
    user = User.objects.get(username="root")
    clone = config.templates.get().clone(user)
    assert clone.name == "wifi (Clone)"
    assert LogEntry.objects.get().user == user
    assert LogEntry.objects.get().object_id == str(clone.pk)


def test_a_server(organization: Organization) -> None:
    server = make.vpn(organization)
    assert issubclass(server.backend_class, netjsonconfig.OpenVpn | netjsonconfig.Wireguard)
    assert json.loads(server.json()) == {"type": "DeviceConfiguration", **server.json(dict=True)}
    assert names(server.generate().getvalue()) == ["wg0.conf"]


def test_keys_from_a_given_secret(organization: Organization) -> None:
    device = make.device(organization)
    assert device.generate_key("secret") == Device(mac_address=device.mac_address).generate_key("secret")
    assert device.generate_key("secret") != device.generate_key("other")


def test_what_a_command_is_given() -> None:
    custom = Command(type="custom", input={"command": "uptime"})
    assert custom.is_custom
    assert (custom.custom_command, custom.arguments, custom.input_data) == ("uptime", ("uptime",), "uptime")
    password = Command(type="change_password", input={"password": "correct", "confirm_password": "correct"})
    assert not password.is_custom
    assert password.arguments == ("correct", "correct")
    assert "correct" not in password.input_data
    assert Command(type="reboot").arguments == ()


def test_an_address_that_is_emptied_reads_as_it_was_set(organization: Organization) -> None:
    device = make.device(organization, management_ip="10.0.0.7")
    device.management_ip = ""
    device.save()
    assert device.management_ip == ""
    device.refresh_from_db()
    assert device.management_ip is None
