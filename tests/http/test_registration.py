"""Enrolment of devices."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.urls import reverse
from openwisp_notifications.models import Notification
from openwisp_users.models import User

from openwisp_controller.config import signals
from openwisp_controller.config.device_api import responses
from openwisp_controller.config.models import Config, Device, OrganizationLimits

from .. import factories as make
from ..recorder import SignalRecorder
from .protocol import (
    HEADER,
    KEY,
    MAC,
    NO_NUL,
    PEER,
    assert_not_found,
    assert_text,
    download,
    enrolment,
    files,
    path,
    poll,
    register,
    registered,
)

pytestmark = pytest.mark.django_db
OTHER_BACKEND = "netjsonconfig.OpenWisp"
NAME_TAKEN = "Device with this Name and Organization already exists."
MAC_TAKEN = "Device with this Mac address and Organization already exists."
SERIAL_TAKEN = "Device with this Serial number and Organization already exists."
NO_SPACES = "This value must not contain spaces, dots or slashes."
NO_ADDRESS = "Enter a valid IPv4 or IPv6 address."


def md5(base: str, secret: str = make.SECRET) -> str:
    return hashlib.md5(f"{base}+{secret}".encode()).hexdigest()


def known(organization: Any, **fields: Any) -> Device:
    """A device with configuration that has the usual key."""
    fields = {"name": "router", "mac_address": MAC, "key": KEY, **fields}
    return make.config(make.device(organization, **fields)).device


def template_names(config: Config) -> list[str]:
    return [template.name for template in config.templates.all()]


@pytest.fixture
def nothing_happens(organization: Any, recorded: SignalRecorder) -> Any:
    """Checks after the test that nothing was stored or announced."""
    before = [*Device.objects.order_by("pk").values(), *Config.objects.order_by("pk").values()]
    yield
    assert [*Device.objects.order_by("pk").values(), *Config.objects.order_by("pk").values()] == before
    assert recorded.names == []


class TestRequest:
    """The address, the method and where parameters come from."""

    @pytest.mark.parametrize("legacy", [True, False])
    def test_paths(self, client: Any, organization: Any, legacy: bool) -> None:
        assert reverse(f"controller:{'register_legacy' if legacy else 'device_register'}") == path(
            "register", legacy=legacy
        )
        assert_text(register(client, legacy=legacy), 201, registered(Device.objects.get(), is_new=True))

    def test_methods(self, client: Any, organization: Any, nothing_happens: None) -> None:
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
            response = client.generic(method, path("register"))
            assert (response.status_code, response.content, response.headers["Allow"]) == (405, b"", "POST, OPTIONS")
            assert HEADER not in response.headers
        response = client.options(path("register"))
        assert (response.status_code, response.content, response.headers["Allow"]) == (200, b"", "POST, OPTIONS")
        assert HEADER not in response.headers

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
    def test_other_bodies_count_as_empty(
        self, client: Any, organization: Any, nothing_happens: None, content_type: str
    ) -> None:
        response = client.post(path("register"), json.dumps(enrolment()), content_type=content_type)
        assert_text(response, 400, 'error: missing required parameter "secret"\n')

    def test_query_is_ignored(self, client: Any, organization: Any, nothing_happens: None) -> None:
        response = client.post(f"{path('register')}?secret={make.SECRET}")
        assert_text(response, 400, 'error: missing required parameter "secret"\n')

    def test_urlencoded_body(self, client: Any, organization: Any) -> None:
        """What agents send; the other tests send multipart bodies."""
        body = urlencode(enrolment(model="a b", tags=""))
        response = client.post(path("register"), body, content_type="application/x-www-form-urlencoded")
        assert response.status_code == 201
        assert Device.objects.get().model == "a b"


@pytest.mark.usefixtures("nothing_happens")
class TestRefused:
    """The checks, in their order."""

    def test_switched_off(self, client: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_REGISTRATION_ENABLED = False
        assert_text(client.post(path("register")), 403, "error: registration disabled")

    @pytest.mark.parametrize("empty", [None, ""])
    def test_missing_parameters(self, client: Any, empty: str | None) -> None:
        sent: dict[str, str | None] = dict.fromkeys(("secret", "name", "mac_address", "backend"), empty)
        for name, value in (("secret", "wrong"), ("name", "a b"), ("mac_address", "x"), ("backend", "x")):
            assert_text(register(client, **sent), 400, f'error: missing required parameter "{name}"\n')
            sent[name] = value
        assert_text(register(client, **sent), 403, "error: wrong backend\n")
        assert_text(register(client, **{**sent, "backend": make.BACKEND}), 403, "error: unrecognized secret")

    @pytest.mark.parametrize("backend", ["OpenWrt", "netjsonconfig.OpenVpn", "a\x00b", " netjsonconfig.OpenWrt"])
    def test_wrong_backend(self, client: Any, backend: str) -> None:
        assert_text(register(client, backend=backend), 403, "error: wrong backend\n")

    @pytest.mark.parametrize(
        "secret", ["wrong", make.SECRET.upper(), make.SECRET[:-1], make.SECRET + " ", "a\x00", "ж"]
    )
    def test_wrong_secret(self, client: Any, secret: str) -> None:
        assert_text(register(client, secret=secret), 403, "error: unrecognized secret")

    def test_disabled_organization(self, client: Any, organization: Any) -> None:
        organization.is_active = False
        organization.save()
        organization.config_settings.registration_enabled = False
        organization.config_settings.save()
        assert_text(register(client), 403, "error: unrecognized secret")

    def test_switched_off_in_the_organization(self, client: Any, organization: Any) -> None:
        organization.config_settings.registration_enabled = False
        organization.config_settings.save()
        assert_text(register(client, key="a b"), 403, "error: registration disabled")

    def test_self_creation_switched_off(self, client: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_REGISTRATION_SELF_CREATION = False
        for key in (KEY, None):
            body = "Device not found in the system, please create it first."
            assert_text(register(client, key=key, mac_address="x"), 404, body)

    @pytest.mark.parametrize(
        "name", ["name", "mac_address", "key", "hardware_id", "model", "os", "system", "tags", "management_ip"]
    )
    def test_nul(self, client: Any, name: str) -> None:
        messages = {
            "name": "Must be either a valid hostname or mac address.",
            "mac_address": "Must be a valid mac address.",
            "management_ip": NO_ADDRESS,
        }
        assert_text(register(client, **{name: "a\x00b"}), 400, messages.get(name, NO_NUL))

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"mac_address": "02:11:22:33:44"}, "Must be a valid mac address."),
            ({"mac_address": f"{MAC[:-1]}\n"}, "Must be a valid mac address."),
            ({"name": "no spaces"}, "Must be either a valid hostname or mac address."),
            ({"name": "под.example"}, "Must be either a valid hostname or mac address."),
            ({"name": "rou\r\nter"}, "Must be either a valid hostname or mac address."),
            ({"management_ip": "foobar"}, NO_ADDRESS),
            ({"key": "a b"}, NO_SPACES),
            ({"key": "a/b"}, NO_SPACES),
            ({"key": "abcdefgh\n"}, NO_SPACES),
            ({"key": "k" * 65}, "Ensure this value has at most 64 characters (it has 65)."),
            ({"model": "m" * 65}, "Ensure this value has at most 64 characters (it has 65)."),
            ({"os": "o" * 129}, "Ensure this value has at most 128 characters (it has 129)."),
            ({"hardware_id": "h" * 33}, "Ensure this value has at most 32 characters (it has 33)."),
            ({"mac_address": "x", "management_ip": "x"}, f"Must be a valid mac address. {NO_ADDRESS}"),
        ],
    )
    def test_invalid(self, client: Any, parameters: dict[str, str], message: str) -> None:
        assert_text(register(client, **parameters), 400, message)

    def test_database_away(self, client: Any) -> None:
        def fail(*arguments: Any) -> None:
            raise OperationalError("the database is gone")

        with connection.execute_wrapper(fail):
            response = register(client)
        assert_text(response, 503, "error: temporarily unavailable, please try again later\n")

    def test_too_many_fields(self, client: Any, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
        assert_text(register(client), 400, "error: malformed request\n")

    def test_refusals_are_logged_without_secrets(self, client: Any, caplog: pytest.LogCaptureFixture) -> None:
        register(client, secret="guessed-secret", key="guessed-key")
        register(client, name="a b", key="guessed-key")
        records = [record for record in caplog.records if record.name == responses.__name__]
        assert [record.levelno for record in records] == [logging.WARNING] * 2
        assert all(record.request.path == path("register") for record in records)  # type: ignore[attr-defined]
        assert "guessed" not in caplog.text


class TestTaken:
    """What is unique, and the limit of devices."""

    @pytest.fixture(autouse=True)
    def another(self, organization: Any) -> Device:
        return known(organization, name="Taken", key="another", hardware_id="serial")

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"name": "taken", "mac_address": "02:00:00:00:00:99"}, NAME_TAKEN),
            ({}, MAC_TAKEN),
            ({"mac_address": MAC.lower().replace(":", "-")}, MAC_TAKEN),
            ({"name": "taken"}, f"{NAME_TAKEN} {MAC_TAKEN}"),
            ({"mac_address": "02:00:00:00:00:99", "hardware_id": "serial"}, SERIAL_TAKEN),
            ({"name": "taken", "key": None}, f"{NAME_TAKEN} {MAC_TAKEN}"),
            ({"name": "taken", "key": ""}, f"{NAME_TAKEN} {MAC_TAKEN}"),
        ],
    )
    @pytest.mark.usefixtures("nothing_happens")
    def test_refused(self, client: Any, parameters: dict[str, str | None], message: str) -> None:
        assert_text(register(client, **parameters), 400, message)

    def test_without_key_where_the_key_is_the_derived_one(self, client: Any, another: Device) -> None:
        """The device is there; the key that nobody sent is not talked about."""
        Device.objects.update(key=md5(MAC))
        assert_text(register(client, key=None), 400, MAC_TAKEN)

    def test_consistent_registration_switched_off(self, client: Any, another: Device, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_CONSISTENT_REGISTRATION = False
        assert_text(register(client, key=another.key), 400, MAC_TAKEN)

    def test_another_organization_may_have_the_same(self, client: Any) -> None:
        make.organization(secret="b" * 32)
        response = register(client, secret="b" * 32, name="taken", hardware_id="serial")
        assert_text(response, 201, registered(Device.objects.get(key=KEY), is_new=True))
        assert Device.objects.filter(mac_address=MAC, name__iexact="taken", hardware_id="serial").count() == 2

    def test_names_may_repeat_where_allowed(self, client: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_DEVICE_NAME_UNIQUE = False
        assert register(client, name="taken", mac_address="02:00:00:00:00:99").status_code == 201

    @pytest.mark.parametrize(("limit", "status"), [(0, 201), (2, 201), (1, 400), (None, 400)])
    def test_limit(self, client: Any, organization: Any, limit: int | None, status: int) -> None:
        OrganizationLimits.objects.update(device_limit=limit)
        response = register(client, mac_address="02:00:00:00:00:99")
        assert response.status_code == status
        if status == 400:
            text = "The maximum amount of allowed devices has been reached for organization acme."
            assert_text(response, 400, text)
            assert register(client, key="another").status_code == 201  # who is in stays in


class TestNew:
    """A device that nobody knows."""

    def test_what_is_stored(self, client: Any, organization: Any, recorded: SignalRecorder) -> None:
        make.template(organization, "a-default", default=True)
        make.template(organization, "z-required", required=True)
        make.template(None, "m-shared", default=True)
        make.template(organization, "b-tagged")
        make.template(make.organization(), "foreign", default=True)
        make.template(organization, "other-backend", default=True, backend=OTHER_BACKEND)
        recorded.clear()
        response = register(
            client, model="TP-Link", os="OpenWrt 23.05", system="MT7621", hardware_id="42", management_ip="FD00::0001"
        )
        device = Device.objects.get()
        assert_text(response, 201, registered(device, is_new=True))
        assert (device.organization, device.name, device.mac_address, device.key) == (organization, "router", MAC, KEY)
        assert (device.model, device.os, device.system) == ("TP-Link", "OpenWrt 23.05", "MT7621")
        assert (device.hardware_id, device.management_ip, device.last_ip) == ("42", "fd00::1", PEER)
        config = device.config
        assert (config.backend, config.config, config.status) == (make.BACKEND, {}, "modified")
        assert template_names(config) == ["z-required", "a-default", "m-shared"]
        (emission,) = recorded.emitted
        assert (emission.name, emission.sender, emission.instance) == ("device_registered", Device, device)
        assert emission.is_new is True
        assert poll(client, device).content.decode() == hashlib.md5(download(client, device).content).hexdigest()

    def test_backend(self, client: Any, organization: Any) -> None:
        assert register(client, backend=OTHER_BACKEND).status_code == 201
        assert Config.objects.get().backend == OTHER_BACKEND

    def test_empty_values(self, client: Any, organization: Any) -> None:
        """Agents always send all parameters."""
        empty = dict.fromkeys(("hardware_id", "management_ip", "model", "os", "system", "tags"), "")
        assert register(client, **empty).status_code == 201
        device = Device.objects.get()
        assert (device.hardware_id, device.management_ip) == (None, None)
        assert (device.model, device.os, device.system) == ("", "", "")

    def test_nothing_else_is_taken(self, client: Any, organization: Any) -> None:
        group = make.group(organization)
        pk = uuid.uuid4()
        response = register(
            client, id=str(pk), pk=str(pk), created="2000-01-01", modified="2000-01-01", notes="x", released_id="1",
            group=str(group.pk), group_id=str(group.pk), config="{}", config_id="1", context="{}", status="applied",
            organization=str(uuid.uuid4()), organization_id=str(uuid.uuid4()), _is_deactivated="1", last_ip="10.0.0.1",
        )  # fmt: skip
        assert response.status_code == 201
        device = Device.objects.get()
        assert device.pk != pk
        assert device.created.year > 2000
        assert (device.notes, device.group, device.organization) == ("", None, organization)
        assert (device.is_deactivated(), device.last_ip) == (False, PEER)
        assert (device.config.status, device.config.context) == ("modified", {})

    def test_mac_address_is_stored_upper_case(self, client: Any, organization: Any) -> None:
        assert register(client, mac_address="02-aa-bb-cc-dd-ee").status_code == 201
        assert Device.objects.get().mac_address == "02-AA-BB-CC-DD-EE"

    def test_mac_address_as_name(self, client: Any, organization: Any) -> None:
        response = register(client, name=MAC)
        device = Device.objects.get()
        assert_text(response, 201, registered(device, is_new=True))
        assert "option hostname '02-11-22-33-44-55'" in files(download(client, device).content)["etc/config/system"]

    def test_last_address_may_repeat(self, client: Any, organization: Any) -> None:
        other = known(organization, name="other", mac_address="02:00:00:00:00:99", key="other", last_ip="10.0.0.1")
        register(client, peer="10.0.0.1")
        assert set(Device.objects.values_list("last_ip", flat=True)) == {"10.0.0.1"}
        assert Device.objects.filter(pk=other.pk, last_ip="10.0.0.1").exists()

    def test_peer_behind_a_proxy(self, client: Any, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_TRUSTED_PROXIES = 1
        client.post(path("register"), enrolment(), headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.9"})
        assert Device.objects.get().last_ip == "198.51.100.9"

    def test_invalid_utf8_is_replaced(self, client: Any, organization: Any) -> None:
        body = f"secret={make.SECRET}&name=router&mac_address={MAC}&backend={make.BACKEND}&key={KEY}&model=%ff&tags=%ff"
        response = client.post(path("register"), body, content_type="application/x-www-form-urlencoded")
        assert response.status_code == 201
        assert Device.objects.get().model == "\ufffd"

    def test_default_templates_that_do_not_fit_together(
        self, client: Any, organization: Any, recorded: SignalRecorder
    ) -> None:
        """The device is in, and people see what is wrong; it is served once that is mended."""
        interface = {"interfaces": [{"name": "{{ ifname }}", "type": "ethernet"}]}
        make.template(organization, default=True, config=interface, default_values={"ifname": "eth0"})
        settings = organization.config_settings
        settings.context = {"ifname": "much-too-long-for-an-interface"}
        settings.save()
        recorded.clear()
        response = register(client)
        device = Device.objects.get()
        assert_text(response, 201, registered(device, is_new=True))
        assert recorded.names == ["device_registered"]
        assert device.config.status == "error"
        assert "much-too-long" in device.config.error_reason
        assert device.config.error_reason.endswith("Variables used there: ifname.")
        assert poll(client, device).status_code == 503
        settings.context = {}
        settings.save()
        device.config.save()
        assert poll(client, device).status_code == 200

    def test_people_are_notified(self, client: Any, organization: Any, committing: Any) -> None:
        with committing():
            User.objects.create_superuser("admin", "admin@example.org", "secret")
        for words in ("A new device", "The existing device"):
            with committing():
                register(client)
            newest = Notification.objects.filter(type="device_registered").latest("timestamp")
            assert newest.message.replace("<p>", "").startswith(words)
        with committing():
            register(client, secret="wrong")
        assert Notification.objects.filter(type="device_registered").count() == 2

    def test_failing_receiver_leaves_nothing_behind(self, client: Any, organization: Any) -> None:
        def fail(**arguments: Any) -> None:
            raise RuntimeError("receiver")

        signals.device_registered.connect(fail)
        try:
            with pytest.raises(RuntimeError, match="receiver"):
                register(client)
        finally:
            signals.device_registered.disconnect(fail)
        assert not Device.objects.exists()


class TestKey:
    """The key of a device, which it computes as we do."""

    @pytest.mark.parametrize("key", [None, ""])
    @pytest.mark.parametrize("mac_address", [MAC, "02:AA:BB:CC:DD:EE", "02:aa:bb:cc:dd:ee", "02-aa-bb-cc-dd-ee"])
    def test_derived_from_the_mac_address(
        self, client: Any, organization: Any, key: str | None, mac_address: str
    ) -> None:
        response = register(client, key=key, mac_address=mac_address, hardware_id="42")
        assert_text(response, 201, registered(Device.objects.get(), is_new=True))
        assert Device.objects.get().key == md5(mac_address.upper())

    @pytest.mark.parametrize(("hardware_id", "base"), [("42", "42"), ("", MAC), (None, MAC)])
    def test_derived_from_the_hardware_id(
        self, client: Any, organization: Any, settings: Any, hardware_id: str | None, base: str
    ) -> None:
        settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
        assert register(client, key=None, hardware_id=hardware_id).status_code == 201
        assert Device.objects.get().key == md5(base)

    def test_sent_key_is_taken_as_it_is(self, client: Any, organization: Any) -> None:
        assert register(client, key="Own-Key_1", mac_address="02:aa:bb:cc:dd:ee").status_code == 201
        assert Device.objects.get().key == "Own-Key_1"

    def test_random_without_consistent_registration(self, client: Any, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_CONSISTENT_REGISTRATION = False
        assert register(client, key=md5(MAC)).status_code == 201
        key = Device.objects.get().key
        assert key != md5(MAC)
        assert len(key) == 32
        assert key.isalnum()

    def test_agent_and_prepared_device_agree(self, client: Any, organization: Any, settings: Any) -> None:
        """A device that people created has the key that it will send, though nothing may enrol itself otherwise."""
        settings.OPENWISP_CONTROLLER_REGISTRATION_SELF_CREATION = False
        device = make.device(organization, "router", mac_address=MAC)
        assert device.key == md5(MAC)
        assert_text(register(client, key=md5(MAC)), 201, registered(device, is_new=False))

    def test_keys_stay_when_the_secret_changes(self, client: Any, organization: Any) -> None:
        device = known(organization)
        settings = organization.config_settings
        settings.shared_secret = "n" * 32
        settings.save()
        assert_text(register(client, secret="n" * 32), 201, registered(device, is_new=False))

    def test_found_in_another_organization(self, client: Any, organization: Any) -> None:
        """A device that was moved enrols with its former secret, and stays where it is."""
        new = make.organization()
        device = known(new)
        assert_text(
            register(client, name="renamed"), 201, registered(device, is_new=False).replace("router", "renamed")
        )
        device.refresh_from_db()
        assert device.organization == new

    def test_derived_key_of_a_device_that_was_moved(self, client: Any, organization: Any) -> None:
        known(make.organization(), key=md5(MAC))
        assert_text(register(client, key=None), 400, "Device with this Key already exists.")


class TestAgain:
    """A device that is recognised by its key."""

    def test_nothing_new(self, client: Any, organization: Any, recorded: SignalRecorder) -> None:
        device = known(organization, last_ip=PEER)
        before = [Device.objects.values().get(), Config.objects.values().get()]
        recorded.clear()
        assert_text(register(client), 201, registered(device, is_new=False))
        assert [Device.objects.values().get(), Config.objects.values().get()] == before
        (emission,) = recorded.emitted
        assert (emission.name, emission.instance, emission.is_new) == ("device_registered", device, False)

    def test_what_changes_and_what_does_not(self, client: Any, organization: Any, recorded: SignalRecorder) -> None:
        group = make.group(organization)
        device = known(organization, group=group, management_ip="10.0.0.1", hardware_id="42", model="old")
        Config.objects.update(status="applied")
        recorded.clear()
        response = register(
            client, model="new", os="OpenWrt", system="MT7621", mac_address="02:00:00:00:00:99", hardware_id="43",
            management_ip="10.0.0.2", backend=OTHER_BACKEND, peer="198.51.100.1",
        )  # fmt: skip
        assert_text(response, 201, registered(device, is_new=False))
        device = Device.objects.get()
        assert (device.model, device.os, device.system, device.last_ip) == ("new", "OpenWrt", "MT7621", "198.51.100.1")
        assert (device.mac_address, device.key, device.hardware_id, device.management_ip) == (
            MAC,
            KEY,
            "42",
            "10.0.0.1",
        )
        assert (device.organization, device.group) == (organization, group)
        assert (device.config.backend, device.config.status) == (make.BACKEND, "applied")
        assert recorded.names == ["device_registered"]

    def test_empty_and_absent_values_are_ignored(self, client: Any, organization: Any) -> None:
        known(organization, model="m", os="o", system="s")
        assert register(client, model="", os="").status_code == 201
        device = Device.objects.get()
        assert (device.model, device.os, device.system) == ("m", "o", "s")

    @pytest.mark.parametrize("posted", [MAC, MAC.lower(), MAC.replace(":", "-"), MAC.replace(":", ""), "router"])
    def test_name_is_kept(self, client: Any, organization: Any, recorded: SignalRecorder, posted: str) -> None:
        """Agents send the MAC address when their hostname is the default one."""
        device = known(organization)
        recorded.clear()
        assert_text(register(client, name=posted), 201, registered(device, is_new=False))
        assert recorded.names == ["device_registered"]

    @pytest.mark.parametrize("posted", ["renamed", "ROUTER", "02:00:00:00:00:99"])
    def test_rename(self, client: Any, organization: Any, recorded: SignalRecorder, posted: str) -> None:
        device = known(organization)
        Config.objects.update(status="applied")
        recorded.clear()
        response = register(client, name=posted)
        device.refresh_from_db()
        assert device.name == posted
        assert_text(response, 201, registered(device, is_new=False))
        assert recorded.names == [
            "device_name_changed", "config_modified", "config_status_changed", "device_registered",
        ]  # fmt: skip
        modified = recorded.only("config_modified")
        assert (modified.action, modified.previous_status) == ("config_changed", "applied")
        assert modified.device.skip_next_push is True  # the device is about to fetch it anyway
        assert Config.objects.get().status == "modified"

    @pytest.mark.usefixtures("two_devices", "nothing_happens")
    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"name": "taken"}, NAME_TAKEN),
            ({"name": "a b"}, "Must be either a valid hostname or mac address."),
            ({"name": "a\x00b"}, "Must be either a valid hostname or mac address."),
            ({"model": "m" * 65}, "Ensure this value has at most 64 characters (it has 65)."),
            ({"os": "a\x00b"}, NO_NUL),
        ],
    )
    def test_refused(self, client: Any, parameters: dict[str, str], message: str) -> None:
        """All or nothing: a bad name does not let the good model in."""
        assert_text(register(client, **{"model": "new", **parameters}), 400, message)

    @pytest.fixture
    def two_devices(self, organization: Any) -> None:
        known(organization)
        known(organization, name="Taken", key="another", mac_address="02:00:00:00:00:99")

    def test_unknown_peer_does_not_erase_the_last_address(self, client: Any, organization: Any) -> None:
        known(organization, last_ip=PEER)
        assert register(client, peer="").status_code == 201
        assert Device.objects.get().last_ip == PEER

    @pytest.mark.parametrize("status", ["deactivating", "deactivated"])
    def test_deactivated(self, client: Any, organization: Any, recorded: SignalRecorder, status: str) -> None:
        device = known(organization)
        device.deactivate()
        Config.objects.update(status=status)
        recorded.clear()
        # the secret is checked before, everything else is not even looked at
        assert_text(register(client, secret="wrong"), 403, "error: unrecognized secret")
        assert_text(register(client, name="a b", model="new"), 403, "error: device deactivated")
        assert Device.objects.get().model == ""
        assert recorded.names == []

    def test_organization_of_the_device_is_disabled(self, client: Any, organization: Any) -> None:
        """Its secret opens nothing, and with a former one it is known but not served."""
        device = known(make.organization(is_active=False))
        assert_text(register(client), 201, registered(device, is_new=False))
        assert_not_found(poll(client, device))


class TestWithoutConfiguration:
    """A device that people created, without configuration."""

    @pytest.fixture
    def device(self, organization: Any, recorded: SignalRecorder) -> Device:
        make.template(organization, "default", default=True)
        make.template(organization, "tagged").tags.add("mesh")
        device = make.device(organization, "prepared", mac_address=MAC, key=KEY)
        recorded.clear()
        return device

    @pytest.mark.parametrize("name", ["prepared", "renamed"])
    def test_gets_one(self, client: Any, device: Device, recorded: SignalRecorder, name: str) -> None:
        assert_not_found(poll(client, device))
        response = register(client, name=name, tags="mesh", backend=make.BACKEND)
        device.refresh_from_db()
        assert device.name == name
        assert_text(response, 201, registered(device, is_new=False))
        assert template_names(device.config) == ["default", "tagged"]
        assert recorded.names == [*(["device_name_changed"] if name == "renamed" else []), "device_registered"]
        assert f"option hostname '{name}'" in files(download(client, device).content)["etc/config/system"]


class TestTags:
    """Templates that devices ask for by tag."""

    @pytest.fixture(autouse=True)
    def templates(self, organization: Any) -> None:
        make.template(organization, "a-default", default=True)
        for name, owner, tags, fields in (
            ("c-mesh", organization, ["mesh", "indoor"], {}),
            ("b-shared", None, ["mesh"], {}),
            ("d-upper", organization, ["MESH"], {}),
            ("e-legacy", organization, ["mesh"], {"backend": OTHER_BACKEND}),
            ("f-foreign", make.organization("foreign", secret="f" * 32), ["mesh"], {}),
        ):
            make.template(owner, name, **fields).tags.add(*tags)

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ("mesh", ["b-shared", "c-mesh"]),
            ("  indoor\tmesh\n", ["b-shared", "c-mesh"]),
            ("indoor", ["c-mesh"]),
            ("MESH", ["d-upper"]),
            ("unknown", []),
            ("mesh,indoor", []),
            ("unknown indoor", ["c-mesh"]),
            ("", []),
        ],
    )
    def test_new_device(self, client: Any, recorded: SignalRecorder, tags: str, expected: list[str]) -> None:
        recorded.clear()
        assert register(client, tags=tags).status_code == 201
        assert template_names(Config.objects.get()) == ["a-default", *expected]
        assert recorded.names == ["device_registered"]

    def test_added_when_it_registers_again(self, client: Any, organization: Any, recorded: SignalRecorder) -> None:
        register(client)
        Config.objects.update(status="applied")
        recorded.clear()
        assert register(client, tags="mesh").status_code == 201
        config = Config.objects.get()
        assert template_names(config) == ["a-default", "b-shared", "c-mesh"]
        assert config.status == "modified"
        assert recorded.names == ["config_modified", "config_status_changed", "device_registered"]
        modified = recorded.only("config_modified")
        assert (modified.action, modified.previous_status) == ("m2m_templates_changed", "applied")
        recorded.clear()
        assert register(client, tags="mesh").status_code == 201
        assert recorded.names == ["device_registered"]
        # never removed
        assert register(client, tags="MESH").status_code == 201
        assert template_names(Config.objects.get()) == ["a-default", "b-shared", "c-mesh", "d-upper"]

    def test_order_of_existing_templates_is_kept(self, client: Any, organization: Any) -> None:
        register(client, tags="MESH")
        config = Config.objects.get()
        config.templates.set(list(config.templates.all())[::-1])
        register(client, tags="indoor")
        assert template_names(config) == ["d-upper", "a-default", "c-mesh"]

    def test_renaming_and_tags_are_one_modification(
        self, client: Any, organization: Any, recorded: SignalRecorder
    ) -> None:
        register(client)
        recorded.clear()
        assert register(client, name="renamed", tags="mesh").status_code == 201
        assert recorded.names == ["device_name_changed", "config_modified", "device_registered"]

    def test_device_of_another_organization(
        self, client: Any, organization: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The templates of its former organization are not for it, shared ones are."""
        device = known(make.organization())
        assert register(client, tags="mesh").status_code == 201
        assert template_names(Config.objects.get(device=device)) == ["b-shared"]
        assert "asked for by tag does not suit device" in caplog.text

    def test_template_that_breaks_the_configuration_is_left_out(
        self, client: Any, organization: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        interface = {"interfaces": [{"name": "{{ ifname }}", "type": "ethernet"}]}
        broken = make.template(organization, "broken", config=interface, default_values={"ifname": "eth0"})
        broken.tags.add("indoor")
        settings = organization.config_settings
        settings.context = {"ifname": "much-too-long-for-an-interface"}
        settings.save()
        response = register(client, tags="indoor")
        device = Device.objects.get()
        assert_text(response, 201, registered(device, is_new=True))
        assert template_names(device.config) == ["a-default", "c-mesh"]
        assert "asked for by tag does not suit device" in caplog.text
        assert poll(client, device).status_code == 200
