"""Secrets at rest: encrypted in the database and in stored versions, left out of caches."""

from __future__ import annotations

import copy
import functools
import importlib
import io
import json
import pickle
from typing import Any

import pytest
import reversion
from django.apps import apps
from django.core import serializers
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import isolate_apps
from openwisp_notifications.models import Notification
from openwisp_notifications.signals import notify
from openwisp_users.models import User
from reversion.models import Version

from openwisp_controller.common.encryption import (
    PREFIX,
    EncryptedJSONField,
    UnreadableSecret,
    encrypted_fields,
    models_with_secrets,
    readable,
)
from openwisp_controller.common.pickling import SecretsNotPickled
from openwisp_controller.config.models import Config, DeviceImport, ServerCall, Vpn, VpnClient
from openwisp_controller.connection.models import BatchCommand, Command
from openwisp_controller.pki.models import Ca, Cert

from .. import factories as make

pytestmark = pytest.mark.django_db
ONE, TWO = "one-key-of-more-than-thirty-two-characters", "two-keys-of-more-than-thirty-two-characters"
SECRET = "secret-of-somebody"


@pytest.fixture
def objects(organization: Any, settings: Any) -> list[Any]:
    """An object of every model with secrets, all of them filled in."""
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [ONE]
    ca = make.ca(organization, passphrase=SECRET)
    vpn = make.vpn(organization, auth_token=SECRET, webhook_endpoint="https://vpn.example.org")
    config = make.config(organization, templates=[make.vpn_template(vpn)])
    client = VpnClient.objects.get(config=config)
    client.secret = f"0123456789:{SECRET}"
    client.save()
    connection = make.connection(config, make.credentials(organization), params={"password": SECRET})
    input_ = {"password": SECRET, "confirm_password": SECRET}
    command = Command.objects.create(device=config.device, type="change_password", input=input_)
    batch = BatchCommand.objects.create(organization=organization, label="x", type="change_password", input=input_)
    call = ServerCall.objects.create(kind="delete", vpn_id=vpn.pk, arguments={"auth_token": SECRET})
    imported = DeviceImport.objects.create(
        user=User.objects.create_user("importer"), file_name="x", table={"headers": ["key"], "rows": [[SECRET]]}
    )
    found = [
        ca,
        make.cert(ca, passphrase=SECRET),
        vpn,
        client,
        connection.credentials,
        connection,
        command,
        batch,
        call,
        imported,
    ]
    assert {type(each) for each in found} == set(models_with_secrets()), "a model that this test does not know"
    return found


def rows() -> list[tuple[Any, Any, str | None]]:
    """Every stored secret: the field, the primary key, and what the database holds."""
    found = []
    quote = database.ops.quote_name
    for model in models_with_secrets():
        for field in encrypted_fields(model):
            with database.cursor() as cursor:
                key = model._meta.pk.column  # type: ignore[union-attr]
                table, column = quote(model._meta.db_table), quote(str(field.column))
                cursor.execute(f"SELECT {quote(key)}, {column} FROM {table}")
                found += [(field, pk, value) for pk, value in cursor.fetchall()]
    return found


def test_no_secret_is_stored_in_clear(objects: Any) -> None:
    stored = rows()
    assert {field.model for field, _, _ in stored} == {type(each) for each in objects}
    for field, _, value in stored:
        assert value in (None, "", "{}", "null") or str(value).startswith(PREFIX), field
        assert "PRIVATE KEY" not in str(value)
        assert SECRET not in str(value)
    assert sum(str(value).startswith(PREFIX) for _, _, value in stored) >= 13
    vpn = Vpn.objects.get()
    assert vpn.auth_token == SECRET
    assert "PRIVATE KEY" in Ca.objects.get().private_key


def test_fixtures_and_versions_hold_no_usable_secret(objects: Any) -> None:
    text = serializers.serialize("json", objects)
    assert SECRET not in text
    assert "PRIVATE KEY" not in text
    loaded = {type(each.object): each.object for each in serializers.deserialize("json", text)}
    assert (loaded[Vpn].auth_token, loaded[VpnClient].secret) == (SECRET, f"0123456789:{SECRET}")
    assert loaded[Cert].private_key == next(each for each in objects if isinstance(each, Cert)).private_key
    for each in objects:
        if reversion.is_registered(type(each)):
            with reversion.create_revision():
                each.save()
                reversion.add_to_revision(each)
    assert Version.objects.count() >= 4
    for version in Version.objects.all():
        assert SECRET not in version.serialized_data
        assert "PRIVATE KEY" not in version.serialized_data


def test_clear_rows_of_former_releases_are_encrypted(objects: Any) -> None:
    """By the migrations, stored versions included; and they can be taken back."""
    vpn = Vpn.objects.get()
    migration = importlib.import_module("openwisp_controller.config.migrations.0007_encrypted_secrets")
    forward, back = (migration.Migration.operations[-1].code, migration.Migration.operations[-1].reverse_code)
    with reversion.create_revision():
        reversion.add_to_revision(vpn)
    back(apps, None)
    assert {value for field, _, value in rows() if field.model is Vpn} >= {SECRET, vpn.private_key}
    version = Version.objects.get()
    data = json.loads(version.serialized_data)
    data[0]["fields"].update(auth_token=SECRET, private_key=vpn.private_key)
    Version.objects.update(serialized_data=json.dumps(data))
    assert Vpn.objects.get().auth_token == SECRET, "what is not encrypted yet is read as it is"
    forward(apps, None)
    assert all(SECRET not in str(value) and vpn.private_key not in str(value) for _, _, value in rows())
    assert SECRET not in Version.objects.get().serialized_data
    assert Version.objects.get().field_dict["auth_token"] == SECRET
    assert Vpn.objects.get().private_key == vpn.private_key
    assert ServerCall.objects.get(kind="delete").arguments == {"auth_token": SECRET}


def test_rotation(objects: Any, settings: Any) -> None:
    with reversion.create_revision():
        reversion.add_to_revision(Vpn.objects.get())
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [TWO, ONE]
    secrets = sum(str(value).startswith(PREFIX) for _, _, value in rows())
    output = io.StringIO()
    call_command("reencrypt_secrets", stdout=output)
    assert f"{secrets + 1} secrets" in output.getvalue(), "and one stored version"
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [TWO]
    for field, pk, _ in rows():
        readable(getattr(field.model.objects.get(pk=pk), field.name))
    assert Version.objects.get().field_dict["auth_token"] == SECRET


def test_a_lost_key(objects: Any, settings: Any) -> None:
    """Nothing is made anew in the place of what cannot be read, and nothing half is compiled for the device."""
    config = Config.objects.get()
    released = config.released_id
    before = rows()
    settings.OPENWISP_CONTROLLER_ENCRYPTION_KEYS = [TWO]
    for model in models_with_secrets():
        for each in model._base_manager.all():
            each.save()
    kept = [(str(pk), value) for field, pk, value in before if field.model is not Command]
    assert [(str(pk), value) for field, pk, value in rows() if field.model is not Command] == kept
    with pytest.raises(UnreadableSecret, match="Add the former key to ENCRYPTION_KEYS again"):
        readable(Vpn.objects.get().private_key)
    config = Config.objects.get()
    config.context = {"changed": "1"}
    config.save()
    config.refresh_from_db()
    assert config.released_id == released
    assert config.compile_error
    with pytest.raises(CommandError, match="secrets cannot be read"):
        call_command("reencrypt_secrets", stdout=io.StringIO())


def test_objects_in_caches_hold_no_secrets(objects: Any) -> None:
    for each in [*objects, Config.objects.select_related("device__organization__config_settings").get()]:
        pickled = pickle.dumps(each)
        assert SECRET.encode() not in pickled, each
        assert b"PRIVATE KEY" not in pickled, each
        again = pickle.loads(pickled)
        for field in each._meta.concrete_fields:
            assert getattr(again, field.attname) == getattr(type(each).objects.get(pk=each.pk), field.attname)
        for made in (copy.copy(each), copy.deepcopy(each)):
            assert {name: value for name, value in made.__dict__.items() if name != "_state"} == {
                name: value for name, value in each.__dict__.items() if name != "_state"
            }, "copies in the process are complete"


@isolate_apps()
def test_what_proxies_work_out_from_secrets_stays_at_home(objects: Any) -> None:
    class PackagesOwn(Ca):
        class Meta:
            proxy = True
            app_label = "somewhere"

        @functools.cached_property  # noqa: TID251
        def in_capitals(self) -> str:
            return str(self.private_key).upper()

    authority = PackagesOwn.objects.get(pk=Ca.objects.get().pk)
    assert authority.signing_key()
    assert "PRIVATE KEY" in authority.in_capitals
    authority.own = "kept"
    state = authority.__getstate__()
    assert state["own"] == "kept"
    assert not {"_signing_key", "in_capitals", "private_key"} & set(state)


def test_every_model_with_a_secret_leaves_it_out_of_caches() -> None:
    for model in models_with_secrets():
        names = {field.name for field in encrypted_fields(model)}
        assert issubclass(model, SecretsNotPickled), model
        assert names <= set(model.secret_fields), model


def test_notifications_put_no_secrets_into_the_cache(objects: Any, root: Client, committing: Any) -> None:
    """The library keeps the objects that notifications are about in the cache."""
    vpn = Vpn.objects.get()
    config = Config.objects.select_related("device").get()
    with committing():
        make.person("colleague", config.device.organization, "Administrator")
    with committing():
        for sender, target in ((config, config.device), (vpn, vpn), (Ca.objects.get(), vpn)):
            notify.send(sender=sender, type="generic_message", target=target, message="x", level="info")
    assert Notification.objects.exists()
    assert root.get("/api/v1/notifications/notification/").status_code == 200
    kept = b"".join(value for value in cache._cache.values() if isinstance(value, bytes))  # type: ignore[attr-defined]
    assert b"openwisp_controller.config.models" in kept or b"config\x94\x8c\x03Vpn" in kept or b"Device" in kept
    for secret in (SECRET, vpn.private_key, vpn.key, config.device.key, "PRIVATE KEY"):
        assert secret.encode() not in kept


def test_what_people_type_is_taken_as_it_is(objects: Any) -> None:
    vpn = Vpn.objects.get()
    for typed in (f"{PREFIX}00000000:AAAA", "{}", "null", ""):
        vpn.auth_token = typed
        vpn.save()
        assert Vpn.objects.get().auth_token == typed
    assert EncryptedJSONField().to_python("null") is None
