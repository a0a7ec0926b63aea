"""What a device may be called, how it is recognised, and how many there may be."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError

from openwisp_controller.common.validators import device_name_validator
from openwisp_controller.config.models import Config, Device, OrganizationLimits

from .. import factories as make

pytestmark = pytest.mark.django_db
NAME = "Must be either a valid hostname or mac address."
MAC = "Must be a valid mac address."
KEY = "This value must not contain spaces, dots or slashes."
TAKEN = "Device with this {} and Organization already exists."


def errors(device: Device) -> dict[str, list[str]]:
    """What validation says about a device, by field."""
    try:
        device.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


def unsaved(owner: Any, **fields: Any) -> Device:
    return Device(organization=owner, **{"name": "router", "mac_address": "02:11:22:33:44:55", **fields})


@pytest.mark.parametrize(
    "name", ["ab", "a-b", "A1.example.org", "a" * 63, "1" * 63, "02:11:22:33:44:55", "02-11-22-aa-BB-cc", "x.y"]
)
def test_good_names(organization: Any, name: str) -> None:
    assert errors(unsaved(organization, name=name)) == {}


@pytest.mark.parametrize(
    "name",
    ["a", "-ab", "ab-", "a_b", "a b", "a..b", ".ab", "ab.", "éé", "a" * 64, "ab\n", "02:11:22:33:44:5g", "a/b", "a\0b"],
)  # fmt: skip
def test_bad_names(organization: Any, name: str) -> None:
    assert NAME in errors(unsaved(organization, name=name))["name"]


def test_longest_name(organization: Any) -> None:
    device_name_validator(".".join(["a" * 31, "b" * 32]))
    assert "name" in errors(unsaved(organization, name="a" * 33 + "." + "b" * 33))


@pytest.mark.parametrize("mac", ["02:11:22:33:44:55", "02-11-22-33-44-55", "aa:bb:cc:dd:ee:ff"])
def test_good_mac_addresses(organization: Any, mac: str) -> None:
    assert errors(unsaved(organization, mac_address=mac)) == {}


@pytest.mark.parametrize(
    "mac", ["bad", "02:11:22:33:44", "02:11:22:33:44:55:66", "0211.2233.4455", "02:11:22:33:44:5\n"]
)
def test_bad_mac_addresses(organization: Any, mac: str) -> None:
    assert MAC in errors(unsaved(organization, mac_address=mac))["mac_address"]


@pytest.mark.parametrize("key", ["a b", "a.b", "a/b"])
def test_bad_keys(organization: Any, key: str) -> None:
    assert errors(unsaved(organization, key=key)) == {"key": [KEY]}


@pytest.mark.parametrize("how", ["full_clean", "save"])
def test_mac_address_is_stored_in_upper_case(organization: Any, how: str) -> None:
    device = unsaved(organization, mac_address="aa-bb:cc:dd:ee:ff")
    if how == "full_clean":
        device.full_clean()
    device.save()
    device.refresh_from_db()
    assert device.mac_address == "AA-BB:CC:DD:EE:FF"


class TestUnique:
    @pytest.mark.parametrize("name", ["router", "ROUTER", "Router"])
    def test_name(self, organization: Any, name: str) -> None:
        make.device(organization, "router")
        assert errors(unsaved(organization, name=name)) == {NON_FIELD_ERRORS: [TAKEN.format("Name")]}
        assert errors(unsaved(make.organization(), name=name)) == {}

    def test_name_where_that_does_not_matter(self, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_DEVICE_NAME_UNIQUE = False
        make.device(organization, "router")
        assert errors(unsaved(organization, name="router")) == {}

    @pytest.mark.parametrize(
        "mac", ["AA:BB:CC:DD:EE:FF", "aa:bb:cc:dd:ee:ff", "AA-BB-CC-DD-EE-FF", "aa-bb-cc-dd-ee-ff"]
    )
    @pytest.mark.parametrize("other", ["AA:BB:CC:DD:EE:FF", "AA-BB-CC-DD-EE-FF"])
    def test_mac_address_in_any_spelling(self, organization: Any, mac: str, other: str) -> None:
        make.device(organization, mac_address=other)
        assert errors(unsaved(organization, mac_address=mac)) == {NON_FIELD_ERRORS: [TAKEN.format("Mac address")]}
        assert errors(unsaved(make.organization(), mac_address=mac)) == {}

    def test_hardware_id(self, organization: Any) -> None:
        make.device(organization, hardware_id="serial")
        expected = {NON_FIELD_ERRORS: [TAKEN.format("Serial number")]}
        assert errors(unsaved(organization, hardware_id="serial")) == expected
        assert errors(unsaved(make.organization(), hardware_id="serial")) == {}

    def test_key_everywhere(self, organization: Any) -> None:
        make.device(organization, key="k" * 32)
        assert errors(unsaved(make.organization(), key="k" * 32)) == {"key": ["Device with this Key already exists."]}

    def test_everything_at_once(self, organization: Any) -> None:
        make.device(organization, "router", mac_address="02:11:22:33:44:55", key="k")
        assert set(errors(unsaved(organization, key="k"))) == {"key", NON_FIELD_ERRORS}

    def test_itself(self, organization: Any) -> None:
        assert errors(make.device(organization, "router", hardware_id="serial")) == {}

    @pytest.mark.parametrize("empty", ["", None])
    def test_no_hardware_id(self, organization: Any, empty: str | None) -> None:
        devices = [make.device(organization, hardware_id=empty) for _ in range(2)]
        assert Device.objects.filter(pk__in=[d.pk for d in devices], hardware_id=None).count() == 2


class TestKey:
    def test_derived_from_mac_address_and_secret(self, organization: Any) -> None:
        device = make.device(organization, mac_address="02:11:22:33:44:55")
        assert device.key == hashlib.md5(f"02:11:22:33:44:55+{make.SECRET}".encode()).hexdigest()

    def test_derived_from_hardware_id_where_enabled(self, organization: Any, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = True
        device = make.device(organization, hardware_id="serial")
        assert device.key == hashlib.md5(f"serial+{make.SECRET}".encode()).hexdigest()

    @pytest.mark.parametrize("why", ["inconsistent", "no settings"])
    def test_random_otherwise(self, organization: Any, settings: Any, why: str) -> None:
        if why == "inconsistent":
            settings.OPENWISP_CONTROLLER_CONSISTENT_REGISTRATION = False
        else:
            organization.config_settings.delete()
        device = make.device(organization)
        assert len(device.key) == 32
        assert device.generate_key() not in (device.key, device.generate_key())

    def test_generated_again_when_cleared(self, organization: Any) -> None:
        device = make.device(organization)
        device.key = ""
        device.save()
        device.refresh_from_db()
        assert device.key == device.generate_key()

    def test_outlives_what_it_was_derived_from(self, organization: Any) -> None:
        device = make.device(organization)
        key = device.key
        device.mac_address, device.hardware_id = "02:99:99:99:99:99", "serial"
        device.organization = make.organization()
        device.save()
        organization.config_settings.shared_secret = "x" * 32
        organization.config_settings.save()
        device.refresh_from_db()
        assert device.key == key


class TestLimit:
    REACHED = "The maximum amount of allowed devices has been reached for organization acme."

    @pytest.mark.parametrize(("limit", "existing", "allowed"), [
        (0, 3, True), (2, 1, True), (2, 2, False), (1, 2, False), (None, 0, False),
    ])  # fmt: skip
    def test_creation(self, organization: Any, limit: int | None, existing: int, allowed: bool) -> None:
        for _ in range(existing):
            make.device(organization)
        OrganizationLimits.objects.filter(organization=organization).update(device_limit=limit)
        assert errors(unsaved(organization)) == ({} if allowed else {NON_FIELD_ERRORS: [self.REACHED]})

    def test_deactivated_devices_count(self, organization: Any) -> None:
        make.device(organization).deactivate()
        OrganizationLimits.objects.filter(organization=organization).update(device_limit=1)
        assert errors(unsaved(organization)) == {NON_FIELD_ERRORS: [self.REACHED]}

    def test_move(self, organization: Any) -> None:
        device = make.device(make.organization())
        OrganizationLimits.objects.filter(organization=organization).update(device_limit=None)
        device.organization = organization
        assert errors(device) == {NON_FIELD_ERRORS: [self.REACHED]}

    def test_edit(self, organization: Any) -> None:
        device = make.device(organization)
        OrganizationLimits.objects.filter(organization=organization).update(device_limit=None)
        device.name = "another"
        assert errors(device) == {}


class TestGroup:
    def test_of_another_organization(self, organization: Any) -> None:
        device = unsaved(organization, group=make.group(make.organization()))
        assert errors(device) == {
            "group": [
                "Please ensure that the organization of this Device and the organization of the related Device Group"
                " match."
            ]
        }

    def test_of_the_same_organization(self, organization: Any) -> None:
        assert errors(unsaved(organization, group=make.group(organization))) == {}


class TestSavingAnOldInstance:
    """What others wrote meanwhile is not undone by a save of something else."""

    def test_activation(self, organization: Any) -> None:
        device = make.config(organization).device
        Device.objects.get(pk=device.pk).deactivate()
        device.notes = "an old instance"
        device.save()
        device.refresh_from_db()
        assert device.is_deactivated()
        assert device.notes == "an old instance"

    @pytest.mark.parametrize("field", ["last_ip", "management_ip"])
    def test_addresses(self, organization: Any, field: str) -> None:
        device = make.device(organization, **{field: "10.0.0.1"})
        Device.objects.filter(pk=device.pk).update(**{field: "10.0.0.2"})
        device.save()
        device.refresh_from_db()
        assert getattr(device, field) == "10.0.0.2"
        setattr(device, field, None)
        device.save()
        device.refresh_from_db()
        assert getattr(device, field) is None

    def test_status_and_pointers(self, organization: Any) -> None:
        config = make.config(organization)
        Config.objects.filter(pk=config.pk).update(
            status="applied", applied=config.released, downloaded=config.released
        )
        config.context = {"unused": "1"}
        config.save()
        config.refresh_from_db()
        assert (config.status, config.applied_id, config.downloaded_id) == ("applied", *[config.released_id] * 2)
        assert config.context == {"unused": "1"}

    def test_deleted_meanwhile(self, organization: Any) -> None:
        device = make.device(organization)
        Device.objects.filter(pk=device.pk).delete()
        with pytest.raises(Exception, match="did not affect any rows"):
            device.save()
        assert not Device.objects.exists()


@pytest.mark.parametrize("state", ["active", "deactivating", "deactivated", "without configuration"])
def test_deletion(organization: Any, state: str) -> None:
    config = make.config(organization, config={"interfaces": [{"name": "eth0", "type": "ethernet"}]})
    device = config.device
    if state == "without configuration":
        config.delete()
        device = Device.objects.get(pk=device.pk)
    if state != "active":
        device.deactivate()
    if state == "deactivated":
        device.config.set_status_deactivated()
    if state in ("active", "deactivating"):
        with pytest.raises(PermissionDenied, match="The device must be deactivated prior to deletion"):
            device.delete()
        device.delete(check_deactivated=False)
    else:
        device.delete()
    assert not Device.objects.exists()


@pytest.mark.parametrize(("enabled", "as_name", "serial", "shown"), [
    (True, True, "serial", "serial"), (True, False, "serial", "router"), (False, True, "serial", "router"),
    (True, True, None, "router"),
])  # fmt: skip
def test_what_a_device_is_called(
    organization: Any, settings: Any, enabled: bool, as_name: bool, serial: str | None, shown: str
) -> None:
    settings.OPENWISP_CONTROLLER_HARDWARE_ID_ENABLED = enabled
    settings.OPENWISP_CONTROLLER_HARDWARE_ID_AS_NAME = as_name
    assert str(unsaved(organization, hardware_id=serial)) == shown


def test_labels(organization: Any) -> None:
    assert (make.device(organization).backend, make.device(organization).status) == (None, None)
    device = make.config(organization).device
    assert (device.backend, device.status) == ("OpenWRT", "modified")
