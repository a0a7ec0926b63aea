"""The rules of locations, floor plans, positions and settings, and what follows when they change."""

from __future__ import annotations

from typing import Any

import pytest
import swapper
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.base import models as base
from openwisp_controller.geo.files import storage
from openwisp_controller.geo.models import DeviceLocation, FloorPlan, Location, OrganizationGeoSettings

from .. import factories as make
from ..images import image, upload

pytestmark = pytest.mark.django_db


def wrong(instance: Any) -> dict[str, list[str]]:
    """Return what is wrong with an instance."""
    with pytest.raises(ValidationError) as caught:
        instance.full_clean()
    return caught.value.message_dict


def test_names_of_the_field() -> None:
    for name, model in (
        ("Location", Location), ("FloorPlan", FloorPlan), ("DeviceLocation", DeviceLocation),
        ("OrganizationGeoSettings", OrganizationGeoSettings),
    ):  # fmt: skip
        assert swapper.load_model("geo", name) is model
        assert swapper.get_model_name("geo", name) == f"geo.{name}"
    assert issubclass(Location, base.BaseLocation)
    assert issubclass(FloorPlan, base.BaseFloorPlan)
    assert issubclass(DeviceLocation, base.BaseDeviceLocation)
    assert issubclass(OrganizationGeoSettings, base.AbstractOrganizationGeoSettings)
    assert Location._meta.app_config.verbose_name == "Geographic Information"


@pytest.mark.parametrize("group", ["Operator", "Administrator"])
def test_permissions_of_default_groups(group: str) -> None:
    found = Permission.objects.filter(content_type__app_label="geo", group__name=group)
    assert found.count() == 4 * 4


class TestLocations:
    def test_geometry(self, organization: Organization) -> None:
        assert wrong(Location(organization=organization, name="x", type="outdoor")) == {
            "geometry": ["No geometry value provided."]
        }
        Location(organization=organization, name="x", type="outdoor", is_mobile=True).full_clean()

    def test_organization_stays_while_it_is_used(
        self, organization: Organization, other: Organization, building: Location, device: Device
    ) -> None:
        building.organization = other
        building.full_clean()
        building.organization = organization
        row = make.position(device, building)
        building.organization = other
        assert list(wrong(building)) == ["organization"]
        row.delete()
        make.floorplan(Location.objects.get(pk=building.pk))
        assert list(wrong(building)) == ["organization"]

    def test_estimation_is_off(self, building: Location) -> None:
        building.is_estimated = True
        assert wrong(building) == {"is_estimated": ["Estimated Location feature required to be configured."]}
        Location.objects.filter(pk=building.pk).update(is_estimated=True)
        building.full_clean()

    def test_buildings_that_become_outdoors(self, building: Location, device: Device, committing: Any) -> None:
        plan = make.floorplan(building)
        row = make.position(device, building, floorplan=plan, indoor="1,2")
        stale = Location.objects.get(pk=building.pk)
        with committing():
            stale.type = "outdoor"
            stale.save()
        row.refresh_from_db()
        assert (row.location, row.floorplan, row.indoor) == (building, None, None)
        assert not FloorPlan.objects.exists()
        assert not storage().exists(plan.image.name)

    def test_deleting(self, building: Location, device: Device, committing: Any) -> None:
        plan = make.floorplan(building)
        make.position(device, building, floorplan=plan, indoor="1,2")
        with committing():
            building.delete()
        assert not DeviceLocation.objects.exists()
        assert not FloorPlan.objects.exists()
        assert not storage().exists(plan.image.name)
        assert Device.objects.filter(pk=device.pk).exists()


class TestFloorPlans:
    def test_names(self, building: Location) -> None:
        named = {
            0: ("Bld ground floor", "Bld Ground Floor"), 1: ("Bld 1st floor", "Bld 1st Floor"),
            -1: ("Bld -1 floor", "Bld -1 Floor"),
        }  # fmt: skip
        for floor, names in named.items():
            plan = FloorPlan(location=building, floor=floor)
            assert (str(plan), plan.name) == names

    def test_rules(self, organization: Organization, other: Organization, building: Location) -> None:
        plan = make.floorplan(building, 1, organization=other)
        assert plan.organization == organization
        assert wrong(FloorPlan(location=building, floor=1, image=upload())) == {
            "__all__": ["Floor plan with this Location and Floor already exists."]
        }
        assert wrong(FloorPlan(location=make.location(organization), floor=1, image=upload())) == {
            "__all__": ['floorplans can only be associated to locations of type "indoor"']
        }
        with pytest.raises(IntegrityError), transaction.atomic():
            FloorPlan(location=building, floor=1, image=upload()).save()

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
    def test_images(self, building: Location, kind: str, client: Client) -> None:
        plan = make.floorplan(building, image=upload(image(kind), "../../plan.html"))
        ending = {"JPEG": "jpg"}.get(kind, kind.lower())
        assert plan.image.name.startswith("floorplans/")
        assert plan.image.name.endswith(f".{ending}")
        assert str(plan.pk) not in plan.image.name
        answer = client.get(plan.image.url)
        assert (answer.status_code, answer["Content-Type"]) == (200, f"image/{kind.lower()}")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert b"".join(answer) == image(kind)

    def test_other_files_are_not_served(self, client: Client) -> None:
        for name in ("page.html", "drawing.svg", "plan.bin"):
            storage().save(f"floorplans/{name}", upload(b"<script>"))
            assert client.get(f"/media/floorplans/{name}").status_code == 404
        for name in ("missing.png", "..%2f..%2fcontroller.sqlite3", "..png", ".png"):
            assert client.get(f"/media/floorplans/{name}").status_code == 404

    @pytest.mark.parametrize(
        "content",
        [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>", image("BMP"), image("TIFF"),
         image()[:60], b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"],
    )  # fmt: skip
    def test_what_is_no_image(self, building: Location, content: bytes) -> None:
        said = wrong(FloorPlan(location=building, floor=0, image=upload(content, "plan.png")))
        assert list(said) == ["image"]

    def test_sizes(self, building: Location, settings: Any) -> None:
        settings.OPENWISP_CONTROLLER_FLOORPLAN_MAX_PIXELS = 79
        assert wrong(FloorPlan(location=building, floor=0, image=upload())) == {
            "image": ["The image has too many pixels."]
        }
        settings.OPENWISP_CONTROLLER_FLOORPLAN_MAX_SIZE = 10
        assert wrong(FloorPlan(location=building, floor=0, image=upload()))["image"][0].startswith("The file is larger")

    def test_deleting_keeps_devices_where_they_are(self, building: Location, device: Device, committing: Any) -> None:
        for delete in (lambda plan: plan.delete(), lambda plan: FloorPlan.objects.filter(pk=plan.pk).delete()):
            plan = make.floorplan(building)
            row = make.position(device, building, floorplan=plan, indoor="1,2")
            with committing():
                delete(plan)
            row.refresh_from_db()
            assert (row.location, row.floorplan, row.indoor) == (building, None, None)
            assert not storage().exists(plan.image.name)
            row.delete()

    def test_files_go_with_the_commit(self, building: Location, committing: Any) -> None:
        plan = make.floorplan(building)
        first = plan.image.name
        with committing():
            plan.image = upload(image(color="red"))
            plan.save()
            assert storage().exists(first)
        assert not storage().exists(first)
        assert storage().exists(plan.image.name)
        with committing():
            plan.floor = 3
            plan.save()
        assert storage().exists(plan.image.name)
        with committing(), transaction.atomic():
            FloorPlan.objects.get().delete()
            transaction.set_rollback(True)
        assert storage().exists(FloorPlan.objects.get().image.name)

    def test_a_missing_file_is_logged(self, building: Location, committing: Any, caplog: Any) -> None:
        plan = make.floorplan(building)
        storage().delete(plan.image.name)
        with committing():
            plan.delete()
        assert "image not found" in caplog.text


class TestPositions:
    def test_organizations(
        self, organization: Organization, other: Organization, device: Device, building: Location
    ) -> None:
        theirs = make.location(other, type="indoor")
        text = "Please ensure that the organization of this device location and the organization of the related"
        row = DeviceLocation(content_object=device, location=theirs)
        assert wrong(row) == {"location": [f"{text} location match."]}
        row = DeviceLocation(content_object=device, location=building, floorplan=make.floorplan(theirs), indoor="1,2")
        assert wrong(row) == {"floorplan": [f"{text} floor plan match."]}

    def test_rules(self, organization: Organization, device: Device, building: Location) -> None:
        plan = make.floorplan(building)
        elsewhere = make.floorplan(make.location(organization, type="indoor"))
        row = DeviceLocation(content_object=device, location=building, floorplan=elsewhere, indoor="1,2")
        assert wrong(row) == {"__all__": ["Invalid floorplan (belongs to a different location)"]}
        outdoors = DeviceLocation(content_object=device, location=make.location(organization))
        outdoors.full_clean()
        outdoors.indoor = "1,2"
        assert wrong(outdoors) == {"indoor": ["invalid value"]}
        row = DeviceLocation(content_object=device, location=building)
        row.full_clean()
        row.floorplan = plan
        for text in (None, "", "1", "1,2,3", "a,b", "nan,1", "1,inf"):
            row.indoor = text
            assert wrong(row) == {"indoor": ["invalid value"]}, text
        row.indoor = "-100,20.5"
        row.full_clean()
        DeviceLocation(content_object=device, indoor="anything").full_clean()
        row.save()
        assert list(wrong(DeviceLocation(content_object=device, location=building))) == ["content_object"]
        assert (row.device, str(row)) == (device, str(device))

    def test_a_device_that_moves_to_another_organization(
        self, organization: Organization, other: Organization, device: Device, building: Location
    ) -> None:
        make.position(device, building)
        device.organization = other
        device.save()
        assert not DeviceLocation.objects.exists()
        assert Location.objects.get().organization == organization


class TestSettings:
    def test_rows(self, organization: Organization) -> None:
        row = OrganizationGeoSettings.objects.get(organization=organization)
        assert (str(row), row.estimated_location_enabled) == ("Geo settings for acme", False)
        assert organization.geo_settings == row

    def test_default(self, organization: Organization, settings: Any) -> None:
        row = organization.geo_settings
        row.estimated_location_enabled = False
        row.save()
        settings.OPENWISP_CONTROLLER_ESTIMATED_LOCATION_ENABLED = True
        row.refresh_from_db()
        assert row.estimated_location_enabled is True
        row.estimated_location_enabled = False
        row.save()
        row.refresh_from_db()
        assert row.estimated_location_enabled is False

    def test_needs_lookups(self, organization: Organization) -> None:
        row = organization.geo_settings
        row.estimated_location_enabled = True
        text = "WHOIS_GEOIP_ACCOUNT and WHOIS_GEOIP_KEY must be set before enabling Estimated Location feature."
        assert wrong(row) == {"estimated_location_enabled": [text]}
