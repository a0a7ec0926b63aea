"""Administration: pages of locations and floor plans, the map on the page of a device, views for scripts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_loci.base import geocoding_views
from openwisp_users.models import Organization
from reversion.models import Version

from openwisp_controller.config.models import Device
from openwisp_controller.geo.files import storage
from openwisp_controller.geo.models import DeviceLocation, FloorPlan, Location

from .. import factories as make
from ..http.forms import form_of
from ..images import upload

pytestmark = [pytest.mark.django_db, pytest.mark.once]
POINT = '{"type": "Point", "coordinates": [12.5, 41.9]}'
LOCATIONS, PLANS, DEVICES = "/admin/geo/location/", "/admin/geo/floorplan/", "/admin/config/device/"


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.content
    return answer.content.decode()


def saved(answer: Any) -> None:
    """The form was stored; else show what is wrong with it."""
    if answer.status_code != 302:
        assert answer.status_code == 200, answer.content
        context = answer.context
        forms = [context["adminform"].form, *(each for fs in context["inline_admin_formsets"] for each in fs.formset)]
        raise AssertionError([form.errors for form in forms])


def errors(answer: Any) -> str:
    """What is wrong with a form."""
    assert answer.status_code == 200, answer
    context = answer.context
    forms = [context["adminform"].form, *(each for fs in context["inline_admin_formsets"] for each in fs.formset)]
    return str([form.errors for form in forms])


def location_form(organization: Organization, plans: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "organization": organization.pk, "name": "Hall", "type": "indoor", "address": "Rome", "geometry": POINT,
        "floorplan_set-TOTAL_FORMS": 1, "floorplan_set-INITIAL_FORMS": plans, **fields,
    }  # fmt: skip


class TestLocations:
    def test_life(self, administrator: Client, organization: Organization, committing: Any) -> None:
        page(administrator, f"{LOCATIONS}add/")
        plan = {"floorplan_set-0-floor": "1", "floorplan_set-0-image": upload()}
        saved(administrator.post(f"{LOCATIONS}add/", location_form(organization, **plan)))
        location, stored = Location.objects.get(), FloorPlan.objects.get()
        assert (location.geometry.coords, stored.floor, stored.organization) == ((12.5, 41.9), 1, organization)
        change = f"{LOCATIONS}{location.pk}/change/"
        assert stored.image.url in page(administrator, change)
        assert "Hall" in page(administrator, f"{LOCATIONS}?type__exact=indoor&q=rome")
        keys = {"floorplan_set-0-id": stored.pk, "floorplan_set-0-location": location.pk, "floorplan_set-0-floor": "1"}
        with committing():
            saved(administrator.post(change, location_form(organization, 1, type="outdoor", **keys)))
        assert Location.objects.get().type == "outdoor"
        assert not FloorPlan.objects.exists()
        assert not storage().exists(stored.image.name)

    def test_refused(self, administrator: Client, organization: Organization, other: Organization) -> None:
        add = f"{LOCATIONS}add/"
        for fields, said in (
            ({"geometry": ""}, "No geometry value provided."), ({"geometry": "x"}, "geometry"),
            ({"floorplan_set-0-floor": "1"}, "image"), ({"organization_": other}, "organization"),
            ({"floorplan_set-0-floor": "1", "floorplan_set-0-image": upload(b"<svg>")}, "Upload a valid image"),
        ):  # fmt: skip
            owner = fields.pop("organization_", organization)
            assert said in errors(administrator.post(add, location_form(owner, **fields))), said
        assert not Location.objects.exists()

    def test_floorplans(self, administrator: Client, organization: Organization, building: Location) -> None:
        make.location(organization, "street")
        shown = page(administrator, f"{PLANS}add/")
        assert "Bld" in shown
        assert "street" not in shown
        saved(administrator.post(f"{PLANS}add/", {"location": building.pk, "floor": "2", "image": upload()}))
        plan = FloorPlan.objects.get()
        assert "Bld 2nd floor" in page(administrator, PLANS)
        saved(administrator.post(f"{PLANS}{plan.pk}/change/", {"location": building.pk, "floor": "3"}))
        assert FloorPlan.objects.get().floor == 3

    def test_deleting_a_plan_keeps_devices(self, administrator: Client, building: Location, device: Device) -> None:
        plan = make.floorplan(building)
        make.position(device, building, floorplan=plan, indoor="1,2")
        assert administrator.post(f"{PLANS}{plan.pk}/delete/", {"post": "yes"}).status_code == 302
        assert DeviceLocation.objects.get().location == building


class TestViewsForScripts:
    def test_locations(self, administrator: Client, building: Location) -> None:
        make.floorplan(building, 1)
        plan = make.floorplan(building, 0)
        place = {"type": "Point", "coordinates": [12.51, 41.89]}
        shown = administrator.get(f"{LOCATIONS}{building.pk}/json/").json()
        assert shown == {"name": "Bld", "type": "indoor", "is_mobile": False, "address": "", "geometry": place}
        choices = administrator.get(f"{LOCATIONS}{building.pk}/floorplans/json/").json()["choices"]
        assert [choice["floor"] for choice in choices] == [0, 1]
        assert choices[0] == {
            "id": str(plan.pk), "str": "Bld ground floor", "floor": 0, "image": plan.image.url, "image_width": 10,
            "image_height": 8,
        }  # fmt: skip
        storage().delete(plan.image.name)
        choices = administrator.get(f"{LOCATIONS}{building.pk}/floorplans/json/").json()["choices"]
        assert choices[0]["image_width"] == 0

    def test_for_whom(self, stranger: Client, organization: Organization, building: Location) -> None:
        make.floorplan(building)
        plain = make.person("plain", organization)
        for path in (f"{LOCATIONS}{building.pk}/json/", f"{LOCATIONS}{building.pk}/floorplans/json/"):
            assert "Bld" not in page(stranger, path, 404)
            assert "Bld" not in page(plain, path, 403)
            assert Client().get(path).status_code == 302
        for path in (f"{LOCATIONS}{building.pk}/change/", f"{PLANS}{building.floorplan_set.get().pk}/change/"):
            assert "Bld" not in page(stranger, path, 404 if stranger.get(path).status_code == 404 else 302)
        assert "Bld" not in page(stranger, LOCATIONS) + page(stranger, PLANS) + page(stranger, f"{PLANS}add/")
        for name in ("geocode/?address=Rome", "reverse-geocode/?lat=1&lng=2"):
            assert plain.get(LOCATIONS + name).status_code == 403

    def test_geocoding(self, administrator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        """The service is on the network: something of ours stands in its place."""

        class Found:
            latitude, longitude, address = 41.9, 12.5, "Rome"

        monkeypatch.setattr(geocoding_views, "geocode", lambda text: Found if text == "Rome" else None)
        monkeypatch.setattr(geocoding_views, "reverse_geocode", lambda place: Found if place[0] == "41.9" else None)
        for path, status, said in (
            ("geocode/?address=Rome", 200, {"lat": 41.9, "lng": 12.5}),
            ("geocode/", 400, {"error": "Address parameter not defined"}),
            ("geocode/?address=x", 404, {"error": "Not found location with given name"}),
            ("reverse-geocode/?lat=41.9&lng=12.5", 200, {"address": "Rome"}),
            ("reverse-geocode/?lat=1", 400, {"error": "lat or lng parameter not defined"}),
            ("reverse-geocode/?lat=x&lng=nan", 400, {"error": "lat or lng parameter not defined"}),
            ("reverse-geocode/?lat=1&lng=2", 404, {"address": ""}),
        ):
            answer = administrator.get(LOCATIONS + path)
            assert (answer.status_code, answer.json()) == (status, said), path


def device_form(client: Client, device: Device, **typed: Any) -> Any:
    """Post the page of a device as a browser would, with what is typed about its location."""
    path = f"{DEVICES}{device.pk}/change/"
    return client.post(
        path, {**form_of(client.get(path)), **{f"devicelocation-0-{name}": value for name, value in typed.items()}}
    )


class TestDevicePage:
    new = {"location_selection": "new", "type": "indoor", "name": "Hall", "address": "Rome", "geometry": POINT}

    def test_new_location(self, administrator: Client, device: Device) -> None:
        plan = {"floorplan_selection": "new", "floor": "1", "image": upload(), "indoor": "1,2"}
        saved(device_form(administrator, device, **self.new, **plan))
        row = DeviceLocation.objects.get()
        assert (row.location.name, row.location.organization) == ("Hall", device.organization)
        assert (row.floorplan.floor, row.indoor) == (1, "1,2")
        shown = page(administrator, f"{DEVICES}{device.pk}/change/")
        assert "Hall" in shown
        assert row.floorplan.image.url in shown

    def test_there_is_one_row_which_may_stay_empty(self, administrator: Client, device: Device) -> None:
        assert "devicelocation-__prefix__" not in page(administrator, f"{DEVICES}{device.pk}/change/")
        saved(device_form(administrator, device))
        assert not DeviceLocation.objects.exists()
        assert "required for locations" in errors(device_form(administrator, device, type="outdoor"))

    def test_a_form_without_the_row_leaves_it_alone(
        self, administrator: Client, device: Device, building: Location
    ) -> None:
        make.position(device, building)
        path = f"{DEVICES}{device.pk}/change/"
        form = form_of(administrator.get(path)) | {"notes": "edited"}
        saved(administrator.post(path, {k: v for k, v in form.items() if not k.startswith("devicelocation-")}))
        device.refresh_from_db()
        assert (device.notes, DeviceLocation.objects.get().location) == ("edited", building)

    def test_existing_location(self, administrator: Client, device: Device, building: Location) -> None:
        plan = make.floorplan(building, 2)
        chosen = {
            "location_selection": "existing", "location": building.pk, "type": "indoor", "name": "Bld",
            "address": "Rome", "geometry": POINT, "floorplan_selection": "existing", "floorplan": plan.pk,
            "floor": "2", "indoor": "1,2",
        }  # fmt: skip
        saved(device_form(administrator, device, **chosen))
        row = DeviceLocation.objects.get()
        assert (row.location, row.floorplan, row.indoor) == (building, plan, "1,2")
        assert Location.objects.count() == FloorPlan.objects.count() == 1
        saved(device_form(administrator, device))
        assert DeviceLocation.objects.get().indoor == "1,2"

    def test_mobile_locations_are_named_like_the_device(self, administrator: Client, device: Device) -> None:
        saved(device_form(administrator, device, location_selection="new", type="outdoor", is_mobile="on"))
        location = Location.objects.get()
        assert (location.name, location.is_mobile, location.geometry) == (device.name, True, None)

    def test_new_device(self, administrator: Client, organization: Organization) -> None:
        path = f"{DEVICES}add/"
        place = {f"devicelocation-0-{name}": value for name, value in self.new.items()}
        typed = {"name": "new", "organization": organization.pk, "mac_address": "02:00:00:00:00:99", **place}
        saved(administrator.post(path, {**form_of(administrator.get(path)), **typed}))
        row = DeviceLocation.objects.get()
        assert (row.device.name, row.location.name, row.location.organization) == ("new", "Hall", organization)

    def test_refused(
        self, administrator: Client, root: Client, device: Device, other: Organization, building: Location
    ) -> None:
        theirs = make.location(other, "theirs", type="indoor")
        foreign_plan, plan = make.floorplan(theirs, 7), make.floorplan(building)
        chosen = {**self.new, "location_selection": "existing", "location": building.pk}
        cases: list[tuple[dict[str, Any], str]] = [
            ({**self.new, "geometry": ""}, "required"), ({**self.new, "geometry": "x"}, "geometry"),
            ({**chosen, "location": theirs.pk}, "location"),
            ({**chosen, "floorplan_selection": "existing", "floorplan": foreign_plan.pk, "indoor": "1,2"},
             "Selected floorplan does not exist"),
            ({**chosen, "floorplan_selection": "existing", "floorplan": "x"}, "Selected floorplan does not exist"),
            ({**chosen, "floorplan_selection": "existing", "floorplan": plan.pk, "floor": "0", "indoor": "zz"},
             "invalid value"),
            ({**self.new, "floor": "1", "image": upload(b"<svg>"), "indoor": "1,2"}, "Upload a valid image"),
        ]  # fmt: skip
        for client in (administrator, root):
            for place, said in cases:
                if "image" in place:
                    place["image"].seek(0)
                told = errors(device_form(client, device, **place))
                assert said in told, place
                assert "theirs" not in told
        assert not DeviceLocation.objects.exists()
        assert Location.objects.count() == 2
        assert Location.objects.get(pk=building.pk).name == "Bld"

    def test_a_device_that_moves_to_another_organization(
        self, root: Client, device: Device, building: Location, other: Organization
    ) -> None:
        make.position(device, building)
        path = f"{DEVICES}{device.pk}/change/"
        saved(root.post(path, {**form_of(root.get(path)), "organization": other.pk}))
        assert Device.objects.get().organization == other
        assert not DeviceLocation.objects.exists()
        assert Location.objects.get().organization == building.organization

    def test_versions(self, administrator: Client, device: Device) -> None:
        """Where a device is, is part of its earlier versions."""
        saved(device_form(administrator, device, **self.new))
        DeviceLocation.objects.all().delete()
        version = Version.objects.get_for_object(device).first()
        path = f"{DEVICES}{device.pk}/history/{version.pk}/"
        saved(administrator.post(path, form_of(administrator.get(path))))
        assert DeviceLocation.objects.get().location.name == "Hall"

    def test_read_only(self, administrator: Client, device: Device, building: Location) -> None:
        make.position(device, building)
        device.deactivate()
        shown = page(administrator, f"{DEVICES}{device.pk}/change/")
        assert "Bld" in shown
        assert "devicelocation-0-name" not in shown

    def test_filter(self, administrator: Client, organization: Organization, building: Location) -> None:
        make.position(make.device(organization, "placed"), building)
        make.device(organization, "lost")
        for value, there, missing in (("true", "placed", "lost"), ("false", "lost", "placed")):
            shown = page(administrator, f"{DEVICES}?with_geo={value}")
            assert there in shown
            assert missing not in shown
        page(administrator, f"{DEVICES}?with_geo=x")


def test_first_page(administrator: Client, organization: Organization, building: Location) -> None:
    make.position(make.device(organization), building)
    make.device(organization)
    answer = administrator.get("/admin/")
    shown = answer.content.decode()
    assert "Geographic positioning" in shown
    assert "Geographic Info" in shown
    charts = [chart for chart in answer.context["dashboard_charts"].values() if "Geographic" in str(chart["name"])]
    assert charts[0]["query_params"]["values"] == [1, 1]
