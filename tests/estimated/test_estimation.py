"""Which location a device gets from its address, step by step."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.exceptions import ImproperlyConfigured, ValidationError
from openwisp_notifications.models import Notification
from openwisp_users.models import Organization, User

from openwisp_controller.config.models import Device, WHOISInfo
from openwisp_controller.geo.estimated_location.tasks import whois_estimated_location_task
from openwisp_controller.geo.models import DeviceLocation, Location, OrganizationGeoSettings
from openwisp_controller.geo.settings import settings as geo_settings

from .. import factories as make
from ..geolite import ADDRESS, OTHER, ROME, SIX, Geolite
from ..whois.helpers import age, enable, known
from .conftest import switch

pytestmark = pytest.mark.django_db
PARIS = {
    **ROME, "city": {"names": {"en": "Paris"}}, "country": {"names": {"en": "France"}},
    "location": {"latitude": 48.85, "longitude": 2.35, "time_zone": "Europe/Paris"},
}  # fmt: skip


def new(organization: Organization, committing: Any, address: str | None = ADDRESS, name: str = "") -> Device:
    with committing():
        return make.device(organization, name, last_ip=address)


def move(device: Device, committing: Any, address: str) -> None:
    with committing():
        device.last_ip = address
        device.save()


def refresh(device: Device, committing: Any, address: str = ADDRESS) -> None:
    """Let the address be looked up again."""
    age(address, 100)
    with committing():
        device.save()


def location_of(device: Device) -> Location | None:
    row = DeviceLocation.objects.select_related("location").filter(content_object=device).first()
    return row.location if row is not None else None


def there(device: Device) -> Location:
    location = location_of(device)
    assert location is not None
    return location


class TestFirstLocation:
    def test_of_a_new_address(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        location = there(device)
        assert (location.name, location.type, location.is_mobile, location.is_estimated) == (
            f"Rome, Italy: {ADDRESS}", "outdoor", False, True,
        )  # fmt: skip
        assert (location.address, location.organization) == ("Rome, Italy, Europe, 00100", organization)
        assert location.geometry == Point(12.5, 41.9, srid=4326)

    def test_of_a_known_address(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        known(ADDRESS, coordinates=Point(1.5, 2.5))
        location = there(new(organization, committing))
        assert (location.name, location.address) == (f"Estimated Location: {ADDRESS}", "")
        assert location.geometry == Point(1.5, 2.5, srid=4326)
        assert estimating.asked == []

    def test_long_names_keep_the_address(
        self, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        parts = {"city": {"names": {"en": "c" * 150}}, "country": {"names": {"en": "l" * 150}}}
        estimating.answers((200, {**ROME, **parts}))
        location = there(new(organization, committing, SIX))
        location.full_clean()
        assert (len(location.name), len(location.address)) == (75, 256)
        assert location.name.endswith(f"c: {SIX}")

    @pytest.mark.parametrize("place", [{}, {"latitude": 1.5}])
    def test_without_coordinates(
        self, estimating: Geolite, organization: Organization, committing: Any, place: Any, caplog: Any
    ) -> None:
        estimating.answers((200, {**ROME, "location": place}))
        assert location_of(new(organization, committing)) is None
        assert "is not estimated: none is known of" in caplog.text

    def test_no_public_address(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        assert location_of(new(organization, committing, "10.0.0.1")) is None

    def test_into_a_row_without_location(
        self, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        device = new(organization, committing, None)
        row = DeviceLocation.objects.create(content_object=device)
        move(device, committing, ADDRESS)
        row.refresh_from_db()
        assert row.location is not None


class TestKnownLocation:
    def test_it_is_never_touched(
        self, estimating: Geolite, organization: Organization, committing: Any, caplog: Any
    ) -> None:
        caplog.set_level(logging.INFO)
        device = make.device(organization)
        location = make.location(organization, "Roof")
        make.position(device, location)
        move(device, committing, ADDRESS)
        assert there(device).name == "Roof"
        assert Location.objects.count() == 1
        assert "is known, nothing is estimated" in caplog.text

    def test_others_at_the_address_adopt_it(
        self, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        first = make.device(organization, last_ip=ADDRESS)
        building = make.location(organization, "Building", type="indoor")
        make.position(first, building, floorplan=make.floorplan(building), indoor="1,2")
        second = new(organization, committing)
        row = DeviceLocation.objects.get(content_object=second)
        assert (row.location, row.floorplan, row.indoor) == (building, None, None)

    def test_an_estimated_one_gives_way(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        estimated = there(device)
        neighbour = make.device(organization, last_ip=OTHER)
        roof = make.location(organization, "Roof")
        make.position(neighbour, roof)
        move(device, committing, OTHER)
        assert there(device) == roof
        assert not Location.objects.filter(pk=estimated.pk).exists()

    def test_an_estimated_one_of_others_stays(
        self, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        first, second = (new(organization, committing) for _ in range(2))
        shared = there(first)
        assert there(second) == shared
        roof = make.location(organization, "Roof")
        make.position(make.device(organization, last_ip=OTHER), roof)
        move(second, committing, OTHER)
        assert (there(first), there(second)) == (shared, roof)

    def test_organizations_do_not_share(
        self, estimating: Geolite, organization: Organization, other: Organization, committing: Any
    ) -> None:
        make.position(make.device(other, last_ip=ADDRESS), make.location(other, "Theirs"))
        assert there(new(organization, committing)).organization == organization

    def test_deactivated_devices_do_not_count(
        self, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        gone = make.device(organization, last_ip=ADDRESS)
        make.position(gone, make.location(organization, "Roof"))
        gone.deactivate()
        assert there(new(organization, committing)).is_estimated

    def test_several_at_one_address(
        self, estimating: Geolite, organization: Organization, committing: Any, caplog: Any
    ) -> None:
        """However many devices share a location, two locations are two."""
        first, second = (make.location(organization) for _ in range(2))
        for location in (first, first, first, second):
            make.position(make.device(organization, last_ip=ADDRESS), location)
        assert location_of(new(organization, committing)) is None
        assert "are at different locations" in caplog.text


class TestEstimatedLocation:
    def test_it_follows_what_is_known(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        before = there(device)
        estimating.answers((200, PARIS))
        refresh(device, committing)
        after = there(device)
        assert (after.pk, after.name, after.geometry, after.is_estimated) == (
            before.pk, f"Paris, France: {ADDRESS}", Point(2.35, 48.85, srid=4326), True,
        )  # fmt: skip
        assert after.modified > before.modified

    def test_it_follows_the_device(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        before = there(device)
        move(device, committing, OTHER)
        assert (there(device).pk, there(device).name) == (before.pk, f"Rome, Italy: {OTHER}")

    def test_nothing_new(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        before = there(device)
        refresh(device, committing)
        with committing():
            whois_estimated_location_task.delay(str(device.pk), ADDRESS)
        assert there(device).modified == before.modified

    def test_a_shared_one_is_left(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        first, second = (new(organization, committing) for _ in range(2))
        shared = there(first)
        move(second, committing, OTHER)
        assert there(first) == shared
        assert there(second).name == f"Rome, Italy: {OTHER}"
        assert there(second).pk != shared.pk

    def test_several_at_one_address_share_it(
        self, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        devices = [new(organization, committing) for _ in range(3)]
        assert len({there(device).pk for device in devices}) == 1
        with committing():
            whois_estimated_location_task.delay(str(devices[0].pk), ADDRESS)
        assert Location.objects.count() == 1


class TestSwitches:
    def test_off(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        switch(organization, False)
        device = new(organization, committing)
        with committing():
            whois_estimated_location_task.delay(str(device.pk), ADDRESS)
        assert WHOISInfo.objects.exists()
        assert location_of(device) is None

    def test_off_with_whois(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        known(ADDRESS, coordinates=Point(1.5, 2.5))
        enable(organization, False)
        device = new(organization, committing)
        with committing():
            whois_estimated_location_task.delay(str(device.pk), ADDRESS)
        assert location_of(device) is None

    def test_the_setting(self, estimating: Geolite, organization: Organization, committing: Any, settings: Any) -> None:
        switch(organization, None)
        settings.OPENWISP_CONTROLLER_WHOIS_ENABLED = settings.OPENWISP_CONTROLLER_ESTIMATED_LOCATION_ENABLED = True
        geo_settings.verify()
        assert there(new(organization, committing)).is_estimated

    def test_the_setting_needs_whois(self, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_ESTIMATED_LOCATION_ENABLED = True
        with pytest.raises(ImproperlyConfigured, match="WHOIS_ENABLED must be True, too"):
            geo_settings.verify()

    def test_it_needs_whois_of_the_organization(self, geolite: Geolite, organization: Organization) -> None:
        with pytest.raises(ValidationError) as refused:
            switch(organization, True)
        text = "The WHOIS feature must be enabled for this organization before enabling the Estimated Location feature."
        assert refused.value.message_dict == {"estimated_location_enabled": [text]}
        assert OrganizationGeoSettings.objects.get(organization=organization).estimated_location_enabled is False

    @pytest.mark.parametrize("what", ["moved", "deactivated", "deleted"])
    def test_a_late_message(self, estimating: Geolite, organization: Organization, committing: Any, what: str) -> None:
        known(ADDRESS, coordinates=Point(1.5, 2.5))
        device = make.device(organization, last_ip=OTHER if what == "moved" else ADDRESS)
        key = str(device.pk)
        if what == "deactivated":
            device.deactivate()
        if what == "deleted":
            device.delete(check_deactivated=False)
        with committing():
            whois_estimated_location_task.delay(key, ADDRESS)
        assert not Location.objects.exists()

    def test_activation(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        known(ADDRESS, coordinates=Point(1.5, 2.5))
        device = make.device(organization)
        Device.objects.filter(pk=device.pk).update(last_ip=ADDRESS)
        device.refresh_from_db()
        with committing():
            device.deactivate()
        assert location_of(device) is None
        with committing():
            device.activate()
        assert there(device).is_estimated
        with committing():
            device.deactivate()
        assert there(device).is_estimated


class TestFlag:
    def edit(self, location: Location, **values: Any) -> bool:
        """Save the location as people do; return whether it is still an estimated one, in the row as in hand."""
        for name, value in values.items():
            setattr(location, name, value)
        location.full_clean()
        location.save()
        stored = Location.objects.get(pk=location.pk).is_estimated
        assert location.is_estimated is stored
        return stored

    def test_edits(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        location = there(device)
        assert self.edit(location, name="Rome", type="indoor")
        assert not self.edit(location, geometry=Point(12.6, 41.8, srid=4326))
        move(device, committing, OTHER)
        assert there(device).geometry == Point(12.6, 41.8, srid=4326)
        neighbour = new(organization, committing, OTHER)
        assert there(neighbour) == location

    def test_edited_address(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        assert not self.edit(there(new(organization, committing)), address="Via Appia 1")

    def test_where_nothing_is_estimated(self, estimating: Geolite, organization: Organization, committing: Any) -> None:
        location = there(new(organization, committing))
        switch(organization, False)
        assert self.edit(location, address="Via Appia 1")
        assert self.edit(location, is_estimated=False)
        with pytest.raises(ValidationError, match="Estimated Location feature required to be configured"):
            make.location(organization, is_estimated=True)


class TestNotifications:
    def told(self, name: str = "administrator") -> list[Notification]:
        recipient = User.objects.get(username=name)
        return list(Notification.objects.filter(recipient=recipient).order_by("timestamp"))

    def kinds(self) -> list[str]:
        return [notification.message.rsplit(" ", 2)[-2] for notification in self.told()]

    def test_created(self, people: None, organization: Organization, committing: Any) -> None:
        device = new(organization, committing, name="ap-1")
        (notification,) = self.told()
        assert len(self.told("root")) == 1
        assert self.told("stranger") == []
        location = there(device)
        assert (notification.type, notification.level, notification.verb) == (
            "estimated_location_info", "info", "created",
        )  # fmt: skip
        assert (notification.actor, notification.action_object, notification.target) == (location, device, device)
        assert notification.data["ip_address"] == ADDRESS
        assert notification.data["location_name"] == location.name
        assert f">{location.name}</a> for device <a " in notification.message
        assert notification.message.endswith(">ap-1</a> created successfully.</p>")
        assert f"/admin/config/device/{device.pk}/change/#devicelocation-group" in notification.message

    def test_updated(self, people: None, estimating: Geolite, organization: Organization, committing: Any) -> None:
        device = new(organization, committing)
        estimating.answers((200, PARIS))
        refresh(device, committing)
        assert self.kinds() == ["created", "updated"]

    def test_adopted(self, people: None, organization: Organization, committing: Any) -> None:
        make.position(make.device(organization, last_ip=ADDRESS), make.location(organization, "Roof"))
        new(organization, committing)
        assert self.kinds() == ["created"]

    def test_same_provider_and_area(
        self, people: None, estimating: Geolite, organization: Organization, committing: Any
    ) -> None:
        """A device that gets another address there all the time makes no noise; one that flaps makes little."""
        device = new(organization, committing)
        move(device, committing, OTHER)
        assert self.kinds() == ["created"]
        estimating.answers((200, PARIS))
        for address in (SIX, ADDRESS, SIX):
            move(device, committing, address)
        assert self.kinds() == ["created", "updated"]

    def test_ambiguous(self, people: None, organization: Organization, committing: Any) -> None:
        for _ in range(2):
            make.position(make.device(organization, last_ip=ADDRESS), make.location(organization))
        known(ADDRESS)
        device = new(organization, committing, name="ap-1")
        (notification,) = self.told()
        assert (notification.level, notification.actor, notification.target) == ("error", device, device)
        assert "Unable to create estimated location for device" in notification.message
        assert "Please assign/create a location manually." in notification.message
        with committing():
            whois_estimated_location_task.delay(str(device.pk), ADDRESS)
        assert len(self.told()) == 1
