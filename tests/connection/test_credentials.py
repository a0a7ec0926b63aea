"""Credentials: what is accepted, how secrets are kept, and which devices get them."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import asyncssh
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection as database
from reversion.models import Version

from openwisp_controller.common.encryption import PREFIX, UnreadableSecret, readable
from openwisp_controller.config.maintenance import reconcile
from openwisp_controller.config.models import Config
from openwisp_controller.connection import auto_add
from openwisp_controller.connection.models import Credentials, DeviceConnection

from .. import factories as make

pytestmark = pytest.mark.django_db
SNMP = "openwisp_controller.connection.connectors.openwrt.snmp.OpenWRTSnmp"
OPENWRT = "openwisp_controller.connection.connectors.openwrt.ssh.OpenWrt"
ONE, TWO = "one-key-of-more-than-thirty-two-characters", "two-keys-of-more-than-thirty-two-characters"
RSA = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_private_key().decode()
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_private_key().decode()


def stored(table: str = "connection_credentials", column: str = "params") -> str:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return str(cursor.fetchone()[0])


class TestValidation:
    @pytest.mark.parametrize(
        ("params", "messages"),
        [
            ({}, ["This field cannot be blank.", "{} is not valid under any of the given schemas"]),
            ({"username": "root", "password": "abc"}, ["'abc' is too short"]),
            ("text", ["'text' is not of type 'object'"]),
            ({"username": "root", "password": "abcd", "port": 70000}, ["70000 is greater than the maximum of 65535"]),
            (
                {"username": "root", "password": "abcd", "v": 1},
                ["Additional properties are not allowed ('v' was unexpected)"],
            ),
            ({"username": "root", "key": RSA, "port": 22.5}, ["22.5 is not of type 'integer'"]),
            (
                {"username": "root", "key": ECDSA},
                ["Unrecognized or unsupported SSH key algorithm, only RSA and ED25519 are currently supported."],
            ),
            ({"username": "root", "key": RSA}, None),
            ({"username": "root", "password": "abcd"}, None),
        ],
    )
    def test_ssh(self, organization: Any, params: Any, messages: list[str] | None) -> None:
        credentials = Credentials(organization=organization, name="c", connector=make.SSH, params=params)
        assert errors(credentials).get("params") == messages

    def test_snmp(self, organization: Any) -> None:
        credentials = Credentials(organization=organization, name="c", connector=SNMP, params={"agent": "x"})
        assert errors(credentials) == {"params": ["'community' is a required property"]}

    def test_connector_is_required(self, organization: Any) -> None:
        assert set(errors(Credentials(organization=organization, name="c", params={"a": 1}))) == {"connector"}

    def test_shared_names_are_unique(self, organization: Any) -> None:
        make.credentials(None, "c1")
        again = Credentials(organization=organization, name="c1", connector=make.SSH, params=PARAMS)
        (message,) = errors(again)["name"]
        assert message.startswith("There is already another shared credentials with this name.")

    def test_organization_cannot_leave_its_devices(self, organization: Any) -> None:
        connection = make.connection(make.config(organization))
        credentials = Credentials.objects.get(pk=connection.credentials_id)
        credentials.organization = make.organization("other")
        assert "organization" in errors(credentials)
        credentials.organization = None
        assert errors(credentials) == {}


PARAMS = {"username": "root", "password": "verysecret"}


def errors(credentials: Credentials) -> dict[str, list[str]]:
    try:
        credentials.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


class TestEncryption:
    def test_nothing_readable_is_stored(self, organization: Any) -> None:
        make.credentials(organization, params=PARAMS)
        assert stored().startswith(PREFIX)
        assert "verysecret" not in stored()
        assert Credentials.objects.get().params == PARAMS

    def test_versions_hold_no_secrets(self, organization: Any, client: Any, django_user_model: Any) -> None:
        device = make.connection(make.config(organization), params={"password": "verysecret"}).device
        client.force_login(django_user_model.objects.create_superuser("root", "root@example.org", "x"))
        import reversion

        with reversion.create_revision():
            reversion.add_to_revision(device)
        versions = Version.objects.filter(content_type__model="deviceconnection")
        assert versions
        assert "verysecret" not in versions.get().serialized_data
        assert versions.get().field_dict["params"] == {"password": "verysecret"}

    def test_rotation(self, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [ONE]
        make.credentials(organization, params=PARAMS)
        before = stored()
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [TWO, ONE]
        assert Credentials.objects.get().params == PARAMS
        output = io.StringIO()
        call_command("reencrypt_secrets", stdout=output)
        assert "1 secrets" in output.getvalue()
        assert stored() != before
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [TWO]
        assert Credentials.objects.get().params == PARAMS
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [ONE]
        unreadable = Credentials.objects.get()
        with pytest.raises(UnreadableSecret, match="not among the configured ones"):
            readable(unreadable.params)
        unreadable.save()
        with pytest.raises(CommandError, match="1 secrets cannot be read"):
            call_command("reencrypt_secrets", stdout=output)
        settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [TWO]
        assert Credentials.objects.get().params == PARAMS, "saving it kept what was stored"

    def test_secrets_cannot_be_moved_to_another_column(self, organization: Any) -> None:
        make.connection(make.config(organization))
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE connection_deviceconnection SET params = (SELECT params FROM connection_credentials)"
            )
        with pytest.raises(UnreadableSecret, match="changed by somebody"):
            DeviceConnection.objects.get().get_params()

    def test_fixtures_hold_no_secrets(self, organization: Any) -> None:
        make.credentials(organization, params=PARAMS)
        output = io.StringIO()
        call_command("dumpdata", "connection.Credentials", stdout=output)
        assert "verysecret" not in output.getvalue()
        assert json.loads(output.getvalue())[0]["fields"]["params"].startswith(PREFIX)


class TestAutoAdd:
    def test_existing_devices(self, organization: Any, committing: Any) -> None:
        configs = [make.config(organization) for _ in range(3)]
        make.device(organization)
        make.config(make.organization("other"))
        deactivated = make.config(organization)
        deactivated.device.deactivate()
        with committing():
            credentials = make.credentials(organization, auto_add=True)
        rows = DeviceConnection.objects.filter(credentials=credentials)
        assert {row.device_id for row in rows} == {config.device_id for config in [*configs, deactivated]}
        assert {(row.update_strategy, row.enabled, row.is_working) for row in rows} == {(OPENWRT, True, None)}
        assert {row.pk.version for row in rows} == {4}
        assert {str(row.params) for row in rows} == {"{}"}

    def test_shared_ones_go_everywhere(self, organization: Any, committing: Any) -> None:
        configs = [make.config(organization), make.config(make.organization("other"))]
        with committing():
            make.credentials(None, auto_add=True)
        assert set(DeviceConnection.objects.values_list("device", flat=True)) == {each.device_id for each in configs}

    def test_it_is_one_statement(self, organization: Any, django_assert_num_queries: Any) -> None:
        for _ in range(5):
            make.config(organization)
        credentials = make.credentials(organization, auto_add=True)
        with django_assert_num_queries(1):
            assert auto_add._attach("credentials.id", Credentials._meta.pk, credentials.pk) == 5

    def test_twice_is_once(self, organization: Any, committing: Any) -> None:
        make.config(organization)
        with committing():
            credentials = make.credentials(organization, auto_add=True)
        with committing():
            credentials.save()
        assert DeviceConnection.objects.count() == 1

    def test_new_configurations(self, organization: Any) -> None:
        make.credentials(organization, auto_add=True)
        make.credentials(None, auto_add=True)
        make.credentials(organization)
        make.credentials(make.organization("other"), auto_add=True)
        assert make.config(organization).device.deviceconnection_set.count() == 2

    def test_a_lost_message_is_made_up_for(self, organization: Any) -> None:
        make.config(organization)
        make.credentials(organization, auto_add=True)  # nothing is committed, so no task runs
        assert not DeviceConnection.objects.exists()
        reconcile()
        assert DeviceConnection.objects.count() == 1
        DeviceConnection.objects.all().delete()
        reconcile()
        assert not DeviceConnection.objects.exists(), "what a person removed stays removed"

    def test_backends_without_strategy_are_left_out(
        self, organization: Any, committing: Any, settings: Any, caplog: Any
    ) -> None:
        settings.OPENWISP_CONFIG_UPDATE_MAPPING = {make.BACKEND: OPENWRT}
        make.config(organization)
        other = make.config(organization)
        Config.objects.filter(pk=other.pk).update(backend="netjsonconfig.OpenWisp")
        with committing():
            make.credentials(organization, auto_add=True)
        assert DeviceConnection.objects.count() == 1
        assert "not added to 1 devices" in caplog.text

    def test_a_device_that_moves_changes_its_credentials(self, organization: Any, committing: Any) -> None:
        other = make.organization("other")
        config = make.config(organization)
        with committing():
            make.credentials(organization, "old", auto_add=True)
            make.credentials(other, "new", auto_add=True)
            make.credentials(None, "shared", auto_add=True)
        device = config.device
        device.organization = other
        with committing():
            device.save()
        assert set(device.deviceconnection_set.values_list("credentials__name", flat=True)) == {"new", "shared"}


def test_embedded_mode_keeps_its_key_to_itself(tmp_path: Any, monkeypatch: Any) -> None:
    from openwisp_controller.server import environment

    monkeypatch.setenv("OPENWISP_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ENCRYPTION_KEYS")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (key,) = environment.encryption_keys()
    assert len(key) >= 32
    assert environment.encryption_keys() == [key]
    assert os.stat(tmp_path / "encryption-keys").st_mode & 0o777 == 0o600
