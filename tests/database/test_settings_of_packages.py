"""Settings as packages know them: attributes of modules, commands that may be changed, warnings."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.core import checks
from django.test import override_settings
from openwisp_users.models import Organization

from openwisp_controller.config import settings as config_settings
from openwisp_controller.connection import commands
from openwisp_controller.connection import settings as connection_settings
from openwisp_controller.connection.push import is_needed
from openwisp_controller.connection.tasks import update_config

from .. import factories as make

STRATEGY = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"


def test_settings_are_attributes_of_their_modules() -> None:
    assert connection_settings.MANAGEMENT_IP_ONLY is True
    assert connection_settings.DEFAULT_UPDATE_STRATEGIES[0][0] == STRATEGY
    assert connection_settings.UPDATE_CONFIG_MODEL == "config.Device"
    assert config_settings.BACKENDS[0][0] == "netjsonconfig.OpenWrt" == config_settings.DEFAULT_BACKEND
    with override_settings(OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLY=False):
        assert connection_settings.MANAGEMENT_IP_ONLY is False
    with pytest.raises(AttributeError, match="has no attribute 'UNHEARD_OF'"):
        _ = connection_settings.UNHEARD_OF


@pytest.mark.django_db
def test_an_attribute_that_is_patched_has_effect(organization: Organization) -> None:
    device = make.device(organization, last_ip="192.0.2.7", management_ip="192.0.2.8")
    make.config(device)
    with mock.patch("openwisp_controller.connection.settings.MANAGEMENT_IP_ONLY", False):
        assert make.connection(device).get_addresses() == ["192.0.2.8", "192.0.2.7"]
    assert device.deviceconnection_set.get().get_addresses() == ["192.0.2.8"]
    with override_settings(OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLY=False):
        assert len(device.deviceconnection_set.get().get_addresses()) == 2


@pytest.mark.django_db
def test_the_model_that_decides_about_pushes_can_be_set(organization: Organization) -> None:
    device = make.config(make.device(organization)).device
    assert is_needed(device.pk)
    nothing = mock.patch.object(connection_settings, "UPDATE_CONFIG_MODEL", "connection.Nothing", create=True)
    with nothing, pytest.raises(LookupError):
        is_needed(device.pk)


@pytest.mark.django_db
def test_a_push_that_is_not_needed_is_logged(organization: Organization, caplog: Any) -> None:
    config = make.config(make.device(organization), status="applied")
    make.connection(config)
    with caplog.at_level("INFO", "openwisp_controller.connection.tasks"):
        update_config(str(config.device_id))
    assert f"{config.device} (pk: {config.device_id}) is not going to be updated" in caplog.messages


class TestCommandsOfOrganizations:
    KEY = "3fa85f64-5717-4562-b3fc-2c963f66afa6"

    def test_they_show_the_setting(self) -> None:
        assert dict(commands.ORGANIZATION_ENABLED_COMMANDS) == {"__all__": tuple(commands.COMMANDS)}
        with override_settings(OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS={self.KEY: ["reboot"]}):
            assert dict(commands.ORGANIZATION_ENABLED_COMMANDS) == {self.KEY: ("reboot",)}
            assert {self.KEY: {"reboot": commands.get_command_schema("reboot")}} == commands.ORGANIZATION_COMMAND_SCHEMA

    def test_changes_have_effect(self) -> None:
        with mock.patch.dict(commands.ORGANIZATION_ENABLED_COMMANDS, {self.KEY: ("reboot",)}):
            assert commands.allowed_commands(self.KEY) == [("reboot", "Reboot")]
            assert not commands.is_allowed("custom", self.KEY)
            assert commands.is_allowed("custom", "another")
        assert commands.is_allowed("custom", self.KEY)

    def test_one_that_is_taken_away(self) -> None:
        with mock.patch.dict(commands.ORGANIZATION_ENABLED_COMMANDS):
            del commands.ORGANIZATION_ENABLED_COMMANDS["__all__"]
            assert commands.allowed_commands(self.KEY) == []
            with pytest.raises(KeyError):
                del commands.ORGANIZATION_ENABLED_COMMANDS["__all__"]
        assert len(commands.allowed_commands(self.KEY)) == len(commands.COMMANDS)

    def test_what_was_changed_and_changed_back_follows_the_setting(self) -> None:
        with mock.patch.dict(commands.ORGANIZATION_ENABLED_COMMANDS, {self.KEY: ("custom",)}):
            del commands.ORGANIZATION_ENABLED_COMMANDS["__all__"]
        enabled = {"__all__": ["reboot"], self.KEY: ["change_password"]}
        with override_settings(OPENWISP_CONTROLLER_ORGANIZATION_ENABLED_COMMANDS=enabled):
            assert commands.allowed_commands(self.KEY) == [("change_password", "Change password")]
            assert commands.allowed_commands() == [("reboot", "Reboot")]


class TestSettingsWithoutEffect:
    @override_settings(OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLI=False)
    def test_unknown_ones_are_told_with_what_was_meant(self) -> None:
        (warning,) = [each for each in checks.run_checks() if each.id == "config.W001"]
        assert warning.msg.startswith("OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLI has no effect")
        assert warning.hint == "Did you mean OPENWISP_CONTROLLER_MANAGEMENT_IP_ONLY?"

    @override_settings(CONFIG_DEVICE_MODEL="mine.Device", CONFIG_TEMPLATE_MODEL="config.Template")
    def test_models_are_not_replaced(self) -> None:
        (warning,) = [each for each in checks.run_checks() if each.id == "config.W002"]
        assert "CONFIG_DEVICE_MODEL has no effect" in warning.msg
        assert "config.Device is used" in warning.msg

    def test_what_is_known_is_not_told(self) -> None:
        assert not [each for each in checks.run_checks() if each.id in ("config.W001", "config.W002")]
