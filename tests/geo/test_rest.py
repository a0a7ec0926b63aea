"""REST: locations, floor plans, where devices are, maps; for one's own organization and for others."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openwisp_users.models import Organization

from openwisp_controller.config.models import Device
from openwisp_controller.geo.files import storage
from openwisp_controller.geo.models import DeviceLocation, FloorPlan, Location

from .. import factories as make
from ..images import image, upload
from ..rest.client import NOT_THERE, done, made, wrong
from .conftest import Forms

pytestmark = pytest.mark.django_db
POINT = {"type": "Point", "coordinates": [12.5, 41.9]}
NONE = "00000000-0000-4000-8000-000000000000"


def kept(location: Location) -> dict[str, Any]:
    """Return all that is stored of a location."""
    row = Location.objects.filter(pk=location.pk).values().get()
    return {**row, "geometry": row["geometry"] and row["geometry"].ewkt}


class TestLocations:
    def test_life(self, rest: Forms, organization: Organization) -> None:
        body = {"organization": str(organization.pk), "name": "Town hall", "type": "indoor", "geometry": POINT}
        shown = made(rest.post("/location/", body))
        assert set(shown) == {
            "id", "organization", "name", "type", "is_mobile", "address", "geometry", "created", "modified",
            "floorplan",
        }  # fmt: skip
        assert (shown["geometry"], shown["floorplan"], shown["is_mobile"]) == (POINT, [], False)
        path = f"/location/{shown['id']}/"
        assert done(rest.get(path)) == shown
        shown = done(rest.patch(path, {"address": "Rome", "is_estimated": True}))
        assert (shown["address"], shown["name"]) == ("Rome", "Town hall")
        assert not Location.objects.get().is_estimated
        assert done(rest.put(path, shown))["address"] == "Rome"
        assert done(rest.get("/location/"))["results"][0]["id"] == shown["id"]
        assert rest.delete(path).status_code == 204
        assert rest.get(path).status_code == 404

    @pytest.mark.parametrize(
        "geometry",
        [POINT, "POINT (12.5 41.9)", "SRID=4326;POINT (12.5 41.9)", '{"type": "Point", "coordinates": [12.5, 41.9]}',
         "POINT Z (12.5 41.9 7)", {"type": "Point", "coordinates": [12.5, 41.9, 7]}],
    )  # fmt: skip
    def test_geometries(self, rest: Forms, building: Location, geometry: Any) -> None:
        assert done(rest.patch(f"/location/{building.pk}/", {"geometry": geometry}))["geometry"] == POINT

    def test_other_geometries(self, rest: Forms, building: Location) -> None:
        area = {"type": "Polygon", "coordinates": [[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]]}
        path = f"/location/{building.pk}/"
        assert done(rest.patch(path, {"geometry": area}))["geometry"] == area
        mercator = "SRID=3857;POINT (1391493.6 5146011.7)"
        longitude, latitude = done(rest.patch(path, {"geometry": mercator}))["geometry"]["coordinates"]
        assert (round(longitude, 2), round(latitude, 2)) == (12.5, 41.9)

    @pytest.mark.parametrize(
        "geometry",
        ["nonsense", 7, [1, 2], True, {"type": "Point"}, {"type": "Point", "coordinates": ["a", "b"]},
         {"type": "Feature", "geometry": POINT}, "POINT EMPTY", "POINT (nan 1)", "POINT (inf 1)",
         "SRID=1;POINT (1 2)", "SRID=3857;POINT (1e300 1e300)", "POINT (1e300 0)",
         "GEOMETRYCOLLECTION EMPTY", "\0", {}, "POINT (1)"],
    )  # fmt: skip
    def test_what_is_no_geometry(self, rest: Forms, building: Location, geometry: Any) -> None:
        before = kept(building)
        said = wrong(rest.patch(f"/location/{building.pk}/", {"geometry": geometry}))
        assert list(said) == ["geometry"]
        assert said["geometry"][0].startswith("Unable to convert to python object: ")
        assert kept(building) == before

    def test_missing_geometry(self, rest: Forms, organization: Organization, building: Location) -> None:
        body = {"organization": str(organization.pk), "name": "x", "type": "outdoor"}
        missing = {"geometry": ["No geometry value provided."]}
        assert wrong(rest.post("/location/", body)) == missing
        assert wrong(rest.patch(f"/location/{building.pk}/", {"geometry": None})) == missing
        assert made(rest.post("/location/", {**body, "is_mobile": True}))["geometry"] is None
        required = ["This field is required."]
        assert wrong(rest.post("/location/", {})) == {"organization": required, "name": required, "type": required}

    def test_with_floorplan(self, rest: Forms, organization: Organization) -> None:
        fields = {"organization": str(organization.pk), "name": "x", "type": "indoor", "geometry": "POINT (1 2)"}
        plan = {"floorplan__floor": 1, "floorplan__image": upload()}
        shown = made(rest.form("POST", "/location/", **fields, **plan))
        assert [each["floor"] for each in shown["floorplan"]] == [1]
        assert shown["floorplan"][0]["image"].startswith("http://testserver/media/floorplans/")
        path = f"/location/{shown['id']}/"
        shown = done(rest.form("PATCH", path, floorplan__floor=2))
        assert [each["floor"] for each in shown["floorplan"]] == [2]
        assert done(rest.put(path, shown))["floorplan"] == shown["floorplan"]
        make.floorplan(Location.objects.get(), 1)
        count = Location.objects.count()
        for body, said in (
            ({"floorplan__floor": 2}, {"floorplan": {"non_field_errors": [
                "The fields location, floor must make a unique set."]}}),
            ({"floorplan__floor": "x"}, {"floorplan": {"floor": ["A valid integer is required."]}}),
            ({"floorplan__image": upload(b"<svg>")}, {"floorplan": {"image": [
                "Upload a valid image. The file you uploaded was either not an image or a corrupted image."]}}),
            ({"type": "outdoor", "floorplan__floor": 3}, {"type": [
                "Floorplan can only be added with location of the type indoor"]}),
        ):  # fmt: skip
            assert wrong(rest.form("PATCH", path, name="changed", **body)) == said
        assert wrong(rest.form("POST", "/location/", **fields, floorplan__floor=1)) == {
            "floorplan": {"image": ["No file was submitted."]}
        }
        assert wrong(rest.form("POST", "/location/", **{**fields, "type": "outdoor"}, **plan))["type"]
        assert Location.objects.count() == count
        assert Location.objects.get().name == "x"

    def test_geometry_of_a_form(self, rest: Forms, organization: Organization) -> None:
        fields = {"organization": str(organization.pk), "name": "x", "type": "outdoor"}
        parts = {"geometry__type": "Point", "geometry__coordinates": "[12.5, 41.9]"}
        assert made(rest.form("POST", "/location/", **fields, **parts))["geometry"] == POINT
        parts["geometry__coordinates"] = "here"
        assert list(wrong(rest.form("POST", "/location/", **fields, **parts))) == ["geometry"]

    def test_buildings_that_become_outdoors(
        self, rest: Forms, building: Location, device: Device, committing: Any
    ) -> None:
        plan = make.floorplan(building)
        make.position(device, building, floorplan=plan, indoor="1,2")
        with committing():
            assert done(rest.patch(f"/location/{building.pk}/", {"type": "outdoor"}))["floorplan"] == []
        row = DeviceLocation.objects.get()
        assert (row.location, row.floorplan, row.indoor) == (building, None, None)
        assert not storage().exists(plan.image.name)

    def test_filters(self, rest: Forms, organization: Organization, other: Organization) -> None:
        make.location(organization, "street")
        make.location(organization, "bus", is_mobile=True)
        make.location(organization, "house", type="indoor", geometry="POINT (179 -10)")
        make.location(other, "theirs")

        def names(**query: Any) -> list[str]:
            return sorted(each["name"] for each in done(rest.get("/location/", **query))["results"])

        assert names() == names(nonsense="x") == names(organization_slug="acme") == ["bus", "house", "street"]
        assert names(organization=str(organization.pk)) == names()
        assert (names(is_mobile="true"), names(type="indoor")) == (["bus"], ["house"])
        assert (names(bbox="12,41,13,42"), names(bbox="178,-11,-178,-9")) == (["bus", "street"], ["house"])
        assert names(bbox="12.51,41.89,12.51,41.89") == ["bus", "street"]
        choice = ["Select a valid choice. That choice is not one of the available choices."]
        assert wrong(rest.get("/location/", organization=str(other.pk))) == {"organization": choice}
        for name, value in (
            ("organization", "zzz"), ("type", "zzz"), ("bbox", "1,2,3"), ("bbox", "1,2,3,x"), ("bbox", "1,5,3,2"),
            ("bbox", "nan,1,2,3"),
        ):  # fmt: skip
            assert list(wrong(rest.get("/location/", **{name: value}))) == [name]

    def test_areas_that_cross_themselves_are_found(self, rest: Forms, organization: Organization) -> None:
        make.location(organization, geometry="POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))")
        for box, count in (("-1,-1,3,3", 1), ("0.5,0.5,1,1", 1), ("1,1,9,9", 1), ("3,3,4,4", 0)):
            assert done(rest.get("/location/", bbox=box))["count"] == count, box

    def test_organization_stays_while_it_is_used(
        self, root: Client, building: Location, device: Device, other: Organization
    ) -> None:
        make.position(device, building)
        assert list(wrong(Forms(root).patch(f"/location/{building.pk}/", {"organization": str(other.pk)}))) == [
            "organization"
        ]


class TestFloorPlans:
    def test_life(self, rest: Forms, building: Location, device: Device, other: Organization, committing: Any) -> None:
        fields = {"location": str(building.pk), "floor": 2, "organization": str(other.pk)}
        shown = made(rest.form("POST", "/floorplan/", **fields, image=upload()))
        assert list(shown) == ["id", "name", "floor", "image", "created", "modified", "location", "organization"]
        assert (shown["name"], shown["organization"]) == ("Bld 2nd Floor", str(building.organization_id))
        path = f"/floorplan/{shown['id']}/"
        assert done(rest.patch(path, {"floor": -1}))["name"] == "Bld -1 Floor"
        assert done(rest.put(path, {**shown, "floor": 0}))["name"] == "Bld Ground Floor"
        with committing():
            replaced = done(rest.form("PATCH", path, image=upload(image("JPEG"))))
        assert replaced["image"].endswith(".jpg")
        assert not storage().exists(shown["image"].removeprefix("http://testserver/media/"))
        assert done(rest.get("/floorplan/", organization_slug="acme"))["count"] == 1
        make.position(device, building, floorplan=FloorPlan.objects.get(), indoor="1,2")
        assert rest.delete(path).status_code == 204
        assert done(rest.get(f"/device/{device.pk}/location/"))["location"]["id"] == str(building.pk)

    def test_refused(self, rest: Forms, organization: Organization, building: Location, other: Organization) -> None:
        make.floorplan(building, 1)
        street = make.location(organization)
        theirs = make.location(other, type="indoor")
        invalid = "Upload a valid image. The file you uploaded was either not an image or a corrupted image."
        unique = "The fields location, floor must make a unique set."
        for location, floor, file, said in (
            (building, 1, upload(), {"non_field_errors": [unique]}),
            (street, 1, upload(), {"__all__": ['floorplans can only be associated to locations of type "indoor"']}),
            (building, 2, upload(b"x"), {"image": [invalid]}),
            (building, 2, upload(b"<html>", "a.png"), {"image": [invalid]}),
            (theirs, 2, upload(), {"location": [f'Invalid pk "{theirs.pk}" - object does not exist.']}),
        ):  # fmt: skip
            assert wrong(rest.form("POST", "/floorplan/", location=location.pk, floor=floor, image=file)) == said
        assert wrong(rest.form("POST", "/floorplan/", location=building.pk, floor=2)) == {
            "image": ["No file was submitted."]
        }
        assert FloorPlan.objects.count() == 1

    def test_a_plan_with_devices_stays_where_it_is(
        self, rest: Forms, organization: Organization, building: Location, device: Device
    ) -> None:
        plan = make.floorplan(building)
        make.position(device, building, floorplan=plan, indoor="1,2")
        elsewhere = make.location(organization, type="indoor")
        assert list(wrong(rest.patch(f"/floorplan/{plan.pk}/", {"location": str(elsewhere.pk)}))) == ["location"]


class TestDeviceLocation:
    def test_with_a_location_that_is_there(self, rest: Forms, device: Device, building: Location) -> None:
        plan = make.floorplan(building, 1)
        path = f"/device/{device.pk}/location/"
        text = "No DeviceLocation matches the given query."
        assert rest.get(path).json() == rest.patch(path, {}).json() == rest.delete(path).json() == {"detail": text}
        sent = {"location": str(building.pk), "floorplan": str(plan.pk), "indoor": "1,2.5"}
        shown = made(rest.put(path, sent))
        properties = {"type": "indoor", "is_mobile": False, "name": "Bld", "address": ""}
        place = {"type": "Point", "coordinates": [12.51, 41.89]}
        assert shown["location"] == {
            "id": str(building.pk), "type": "Feature", "geometry": place, "properties": properties,
        }  # fmt: skip
        assert set(shown["floorplan"]) == {"id", "name", "floor", "image", "created", "modified"}
        assert shown["floorplan"]["name"] == "Bld 1st Floor"
        assert shown["indoor"] == "1,2.5"
        assert done(rest.get(path)) == shown
        assert done(rest.put(path, shown))["floorplan"]["id"] == str(plan.pk)
        assert done(rest.patch(path, {"indoor": "3,4"})) == {**shown, "indoor": "3,4"} | {
            "floorplan": done(rest.get(path))["floorplan"]
        }
        assert done(rest.put(path, {"location": str(building.pk)})) == {
            "location": shown["location"], "floorplan": None, "indoor": None,
        }  # fmt: skip
        assert rest.delete(path).status_code == 204
        assert Location.objects.exists()
        assert FloorPlan.objects.exists()

    def test_with_a_new_location(self, rest: Forms, device: Device) -> None:
        path = f"/device/{device.pk}/location/"
        fields = {"location__name": "Hall", "location__type": "indoor", "location__geometry": "POINT (1 2)"}
        plan = {"floorplan__floor": 1, "floorplan__image": upload(), "indoor": "1,2"}
        shown = made(rest.form("PUT", path, **fields, **plan))
        location, stored = Location.objects.get(), FloorPlan.objects.get()
        assert location.organization == stored.organization == device.organization
        assert (shown["location"]["id"], shown["floorplan"]["id"]) == (str(location.pk), str(stored.pk))
        shown = done(rest.patch(path, {"location": {"address": "Rome"}}))
        assert shown["location"]["properties"] == {
            "type": "indoor", "is_mobile": False, "name": "Hall", "address": "Rome",
        }  # fmt: skip
        assert (shown["floorplan"]["id"], shown["indoor"]) == (str(stored.pk), "1,2")
        shown = done(rest.form("PUT", path, **fields, floorplan__floor=5, indoor="1,2"))
        assert (shown["floorplan"]["id"], shown["floorplan"]["floor"]) == (str(stored.pk), 5)
        required = ["This field is required."]
        assert wrong(rest.put(path, {"location": {"address": "x"}})) == {
            "location": {"name": required, "type": required}
        }
        shown = done(rest.put(path, {"location": {"name": "Square", "type": "outdoor"}}))
        assert (shown["floorplan"], shown["indoor"]) == (None, None)
        assert Location.objects.get().name == "Square"
        assert not FloorPlan.objects.exists()

    def test_refused_and_nothing_stored(
        self, rest: Forms, device: Device, building: Location, organization: Organization
    ) -> None:
        street, plan = make.location(organization, "street"), make.floorplan(building)
        elsewhere = make.floorplan(make.location(organization, type="indoor"))
        hall = {"name": "Hall", "type": "indoor", "geometry": POINT}
        path = f"/device/{device.pk}/location/"
        unknown = "object with entered ID does not exists."
        cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({}, {"location": ["This field is required."]}),
            ({"location": None}, {"location": ["This field may not be null."]}),
            ({"location": NONE}, {"location": {"location": f"Location {unknown}"}}),
            ({"location": "zzz"}, {"location": {"location": f"Location {unknown}"}}),
            ({"location": 7}, {"location": ["Invalid data. Expected a dictionary, but got int."]}),
            ({"location": str(building.pk), "floorplan": NONE}, {"floorplan": {"floorplan": f"FloorPlan {unknown}"}}),
            ({"location": {"name": "x", "type": "outdoor"}},
             {"location": {"geometry": ["No geometry value provided."]}}),
            ({"location": {**hall, "geometry": "x"}}, {"location": {"geometry": [
                "Unable to convert to python object: String input unrecognized as WKT EWKT, and HEXEWKB."]}}),
            ({"location": str(street.pk), "indoor": "1,2"}, {"indoor": ["invalid value"]}),
            ({"location": str(building.pk), "floorplan": str(plan.pk), "indoor": "zz"}, {"indoor": ["invalid value"]}),
            ({"location": str(building.pk), "floorplan": str(plan.pk)}, {"indoor": ["invalid value"]}),
            ({"location": str(building.pk), "floorplan": str(elsewhere.pk), "indoor": "1,2"},
             {"__all__": ["Invalid floorplan (belongs to a different location)"]}),
            ({"location": hall, "floorplan": {"floor": 1}}, {"floorplan": {"image": ["No file was submitted."]}}),
        ]  # fmt: skip
        count = Location.objects.count()
        for body, said in cases:
            assert wrong(rest.put(path, body)) == said, body
        outdoors = {"location__name": "x", "location__type": "outdoor", "location__geometry": "POINT (1 2)"}
        said = {"floorplan": {"__all__": ['floorplans can only be associated to locations of type "indoor"']}}
        assert wrong(rest.form("PUT", path, **outdoors, floorplan__floor=1, floorplan__image=upload())) == said
        taken = {"floorplan": {"non_field_errors": ["The fields location, floor must make a unique set."]}}
        new = {"floorplan__floor": 0, "floorplan__image": upload(), "indoor": "1,2"}
        assert wrong(rest.form("PUT", path, location=str(building.pk), **new)) == taken
        assert not DeviceLocation.objects.exists()
        assert Location.objects.count() == count
        make.position(device, building, floorplan=plan, indoor="1,2")
        before = kept(building)
        for body, key in (
            ({"indoor": "zz"}, "indoor"), ({"location": str(street.pk), "indoor": "1,2"}, "indoor"),
            ({"floorplan": str(elsewhere.pk)}, "__all__"), ({"location": {"name": "new"}, "indoor": "zz"}, "indoor"),
            ({"location": {"name": ""}}, "location"), ({"location": None}, "location"),
        ):  # fmt: skip
            assert list(wrong(rest.patch(path, body))) == [key], body
        assert kept(building) == before
        assert DeviceLocation.objects.get().indoor == "1,2"

    def test_permissions(self, administrator: Client, rest: Forms, device: Device, building: Location) -> None:
        path, body = f"/device/{device.pk}/location/", {"location": str(building.pk)}
        administrator_user = administrator.session["_auth_user_id"]
        from openwisp_users.models import User

        User.objects.get(pk=administrator_user).groups.clear()
        make.permit(administrator, "change_devicelocation")
        assert rest.put(path, body).status_code == 403
        make.permit(administrator, "change_devicelocation", "add_devicelocation")
        made(rest.put(path, body))
        make.permit(administrator, "view_devicelocation")
        done(rest.get(path))
        assert rest.patch(path, {}).status_code == rest.delete(path).status_code == 403

    def test_deactivated(self, rest: Forms, device: Device, building: Location) -> None:
        make.position(device, building)
        device.deactivate()
        path = f"/device/{device.pk}/location/"
        done(rest.get(path))
        for answer in (rest.patch(path, {}), rest.put(path, {"location": str(building.pk)}), rest.delete(path)):
            assert answer.status_code == 403

    def test_if_match(self, rest: Forms, device: Device, building: Location) -> None:
        make.position(device, building)
        path = f"/device/{device.pk}/location/"
        tag = rest.get(path)["ETag"]
        done(rest.patch(path, {"location": {"name": "new"}}, **{"If-Match": tag}))
        assert rest.patch(path, {"location": {"name": "newer"}}, **{"If-Match": tag}).status_code == 412


class TestTenants:
    """An administrator of another organization sees and changes nothing, whatever keys they know."""

    @pytest.fixture
    def theirs(self, building: Location, device: Device) -> tuple[Device, Location, FloorPlan]:
        plan = make.floorplan(building, 1)
        make.position(device, building, floorplan=plan, indoor="1,2")
        return device, building, plan

    def test_addresses(self, foreign: Forms, theirs: tuple[Device, Location, FloorPlan]) -> None:
        device, location, plan = theirs
        before = kept(location)
        for path in (
            f"/device/{device.pk}/location/", f"/location/{location.pk}/", f"/location/{location.pk}/device/",
            f"/location/{location.pk}/indoor-coordinates/", f"/floorplan/{plan.pk}/",
            f"/organization/{device.organization_id}/geo-settings/",
        ):  # fmt: skip
            answers = [foreign.get(path)]
            if not path.endswith(("device/", "indoor-coordinates/")):
                answers += [foreign.put(path, {"name": "x"}), foreign.patch(path, {"name": "x"})]
            if not path.endswith(("device/", "indoor-coordinates/", "geo-settings/")):
                answers.append(foreign.delete(path))
            for answer in answers:
                assert answer.status_code == 404, (path, answer.content)
                assert "Bld" not in answer.content.decode()
        for path in ("/location/", "/location/geojson/", "/floorplan/"):
            assert done(foreign.get(path))["count"] == 0
        for name, value in (("location", location.pk), ("floorplan", plan.pk)):
            assert list(wrong(foreign.get("/device/", **{name: str(value)}))) == [name]
        assert done(foreign.get("/device/", location__name="Bld"))["count"] == 0
        assert kept(location) == before

    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    @pytest.mark.parametrize("has_location", [False, True])
    def test_relations(
        self, foreign: Forms, other: Organization, theirs: tuple[Device, Location, FloorPlan], method: str,
        has_location: bool,
    ) -> None:  # fmt: skip
        """Keys of others are as good as unknown ones: on creation, on update, and for a following update in place."""
        _device, location, plan = theirs
        own = make.device(other)
        if has_location:
            make.position(own, make.location(other, type="indoor"))
        before, path = kept(location), f"/device/{own.pk}/location/"
        bodies: list[dict[str, Any]] = [
            {"location": str(location.pk)}, {"location": str(location.pk), "floorplan": str(plan.pk), "indoor": "1,2"},
            {"location": {"id": str(location.pk), "name": "mine", "type": "indoor", "geometry": POINT},
             "floorplan": str(plan.pk), "indoor": "1,2"},
        ]  # fmt: skip
        for body, follow in itertools.product(bodies, [None, {"location": {"name": "mine", "type": "indoor"}}]):
            answer = getattr(foreign, method.lower())(path, body)
            assert answer.status_code == (404 if method == "PATCH" and not has_location else 400)
            assert "Bld" not in answer.content.decode()
            if follow and has_location:
                done(foreign.patch(path, follow))
        assert kept(location) == before
        assert DeviceLocation.objects.filter(location=location).count() == 1

    def test_new_objects(
        self, foreign: Forms, organization: Organization, theirs: tuple[Device, Location, FloorPlan]
    ) -> None:
        device, location, plan = theirs
        body = {"organization": str(organization.pk), "name": "x", "type": "outdoor", "geometry": POINT}
        said = {"organization": [f'Invalid pk "{organization.pk}" - object does not exist.']}
        assert wrong(foreign.post("/location/", body)) == said
        made(foreign.form("POST", "/location/", **self._own(foreign)))
        own = Location.objects.exclude(pk=location.pk).get()
        assert wrong(foreign.patch(f"/location/{own.pk}/", {"organization": str(organization.pk)})) == said
        answer = foreign.form("POST", "/floorplan/", location=str(location.pk), floor=9, image=upload())
        assert wrong(answer) == {"location": [f'Invalid pk "{location.pk}" - object does not exist.']}
        assert FloorPlan.objects.count() == 1
        assert plan == FloorPlan.objects.get()
        assert device.devicelocation.location == location

    def _own(self, foreign: Forms) -> dict[str, Any]:
        organization = Organization.objects.get(slug="other")
        return {"organization": str(organization.pk), "name": "x", "type": "indoor", "geometry": "POINT (1 2)"}


class TestMaps:
    def test_geojson(self, rest: Forms, organization: Organization, other: Organization) -> None:
        used, bus = make.location(organization, "used", address="Rome"), make.location(other, "theirs")
        make.location(organization, "unused")
        for _ in range(2):
            make.position(make.device(organization), used)
        make.position(make.device(other), bus)
        shown = done(rest.get("/location/geojson/", page_size="1"))
        (place,) = shown.pop("features")
        assert shown == {"type": "FeatureCollection", "count": 1, "next": None, "previous": None}
        assert (place["id"], place["type"]) == (str(used.pk), "Feature")
        assert place["geometry"] == {"type": "Point", "coordinates": [12.51, 41.89]}
        assert set(place["properties"]) == {
            "device_count", "created", "modified", "name", "type", "is_mobile", "address", "organization",
        }  # fmt: skip
        assert (place["properties"]["device_count"], place["properties"]["address"]) == (2, "Rome")
        assert done(rest.get("/location/geojson/", bbox="0,0,1,1"))["features"] == []
        assert done(rest.get("/location/geojson/", type="indoor"))["features"] == []

    @pytest.mark.parametrize("place", [(12.5, 41.9), (0.1, -0.3), (-71.123456789, 45.0)])
    def test_coordinates_come_back_as_they_were_sent(
        self, rest: Forms, organization: Organization, place: tuple[float, float]
    ) -> None:
        location = make.location(organization, geometry=f"POINT ({place[0]} {place[1]})")
        make.position(make.device(organization), location)
        (shown,) = done(rest.get("/location/geojson/"))["features"]
        assert shown["geometry"]["coordinates"] == list(place)

    def test_statements(self, root: Client, organization: Organization) -> None:
        """As many for a thousand positions as for one; pages hold a thousand."""
        counted = []
        for number in (1, 1100):
            devices = Device.objects.bulk_create(
                Device(organization=organization, name=f"m{number}-{i}", key=f"{number}-{i:026}",
                       mac_address=f"02:00:{number % 256:02X}:00:{i >> 8:02X}:{i & 255:02X}")
                for i in range(number)
            )  # fmt: skip
            places = Location.objects.bulk_create(
                Location(organization=organization, name=str(i), type="outdoor", geometry=f"POINT ({i / 100} 1)")
                for i in range(number)
            )
            DeviceLocation.objects.bulk_create(
                DeviceLocation(content_object=device, location=place)
                for device, place in zip(devices, places, strict=True)
            )
            done(Forms(root).get("/location/geojson/"))  # the database is asked its version once in a process
            with CaptureQueriesContext(connection) as queries:
                shown = done(Forms(root).get("/location/geojson/"))
            counted.append(len(queries))
        assert (len(shown["features"]), shown["count"]) == (1000, 1101)
        assert counted[0] == counted[1] <= 5
        assert len(done(Forms(root).get("/location/geojson/", page="2"))["features"]) == 101

    def test_devices_of_a_location(self, rest: Forms, organization: Organization, building: Location) -> None:
        for name in ("ap-b", "ap-a"):
            make.position(make.device(organization, name), building)
        make.device(organization)
        shown = done(rest.get(f"/location/{building.pk}/device/"))
        assert (shown["count"], shown["has_floorplan"]) == (2, False)
        assert [each["name"] for each in shown["results"]] == ["ap-a", "ap-b"]
        assert set(shown["results"][0]) == {
            "id", "admin_edit_url", "created", "modified", "name", "mac_address", "key", "model", "os", "system",
            "notes", "last_ip", "management_ip", "hardware_id", "_is_deactivated", "organization", "group",
        }  # fmt: skip
        assert shown["results"][0]["key"] == "********"
        assert shown["results"][0]["admin_edit_url"].startswith("http://testserver/admin/config/device/")
        make.floorplan(building)
        assert done(rest.get(f"/location/{building.pk}/device/"))["has_floorplan"] is True
        assert rest.get(f"/location/{NONE}/device/").json() == NOT_THERE

    def test_indoor_coordinates(self, rest: Forms, organization: Organization, building: Location) -> None:
        path = f"/location/{building.pk}/indoor-coordinates/"
        assert done(rest.get(path)) == {"count": 0, "next": None, "previous": None, "results": [], "floors": []}

        def put_on(floor: int) -> DeviceLocation:
            plan = make.floorplan(building, floor)
            return make.position(make.device(organization), building, floorplan=plan, indoor="10.5,20")

        def floors(**query: Any) -> list[int]:
            return [each["floor"] for each in done(rest.get(path, **query))["results"]]

        lower = put_on(-2)
        put_on(-1)
        assert floors() == [-1]
        put_on(3)
        put_on(1)
        make.position(make.device(organization), building)
        assert (floors(), floors(floor=3), floors(floor=""), floors(floor=9)) == ([1], [3], [-2, -1, 1, 3], [])
        assert floors(floor="1" * 30) == []
        assert wrong(rest.get(path, floor="x")) == {"floor": ["Enter a number."]}
        shown = done(rest.get(path, floor=-2))
        assert shown["floors"] == [-2, -1, 1, 3]
        item, device = shown["results"][0], lower.device
        assert item.pop("admin_edit_url") == f"http://testserver/admin/config/device/{device.pk}/change/"
        assert item.pop("image").startswith("http://testserver/media/floorplans/")
        assert item == {
            "id": str(lower.pk), "device_id": str(device.pk), "floorplan_id": str(lower.floorplan_id),
            "device_name": device.name, "mac_address": device.mac_address, "floor_name": "Bld -2 floor", "floor": -2,
            "coordinates": {"lat": 10.5, "lng": 20.0},
        }  # fmt: skip
        DeviceLocation.objects.filter(pk=lower.pk).update(indoor="nan,1")
        assert done(rest.get(path, floor=-2))["results"][0]["coordinates"] is None

    def test_permission_on_the_model(self, administrator: Client, rest: Forms, building: Location) -> None:
        from openwisp_users.models import User

        User.objects.get(pk=administrator.session["_auth_user_id"]).groups.clear()
        for path in ("device/", "indoor-coordinates/"):
            assert rest.get(f"/location/{building.pk}/{path}").status_code == 403

    def test_filters_of_devices(self, rest: Forms, organization: Organization, building: Location) -> None:
        plan = make.floorplan(building)
        make.position(make.device(organization, "ap-a"), building, floorplan=plan, indoor="1,2")
        make.position(make.device(organization, "ap-b"), make.location(organization, "street"))
        make.device(organization, "ap-c")

        def names(**query: Any) -> list[str]:
            return sorted(each["name"] for each in done(rest.get("/device/", **query))["results"])

        assert (names(with_geo="true"), names(with_geo="false")) == (["ap-a", "ap-b"], ["ap-c"])
        assert (names(location=building.pk), names(location__name="TREE")) == (["ap-a"], ["ap-b"])
        assert names(floorplan=plan.pk) == ["ap-a"]
        assert names(geo_is_estimated="true") == ["ap-a", "ap-b", "ap-c"]
        for name in ("location", "floorplan"):
            assert list(wrong(rest.get("/device/", **{name: "x"}))) == list(wrong(rest.get("/device/", **{name: NONE})))


class TestSettings:
    def test_settings(self, rest: Forms, organization: Organization, other: Organization) -> None:
        path = f"/organization/{organization.pk}/geo-settings/"
        shown = {"organization": str(organization.pk), "estimated_location_enabled": False}
        assert done(rest.get(path)) == shown
        for value in (None, False):
            assert done(rest.patch(path, {"estimated_location_enabled": value})) == shown
        assert list(wrong(rest.put(path, {"estimated_location_enabled": True}))) == ["estimated_location_enabled"]
        assert rest.delete(path).status_code == 405
        assert rest.get(f"/organization/{other.pk}/geo-settings/").status_code == 404
