"""The tab "Map" of a device's page: a marker that is set and dragged, an indoor position on a floor plan."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.config.models import Device
from openwisp_controller.geo.models import DeviceLocation, Location

from .. import factories as make
from ..images import image, upload
from .test_safe_saving import SIZES, look

MAP = "#id_devicelocation-0-geometry-map"
FIELD = "#id_devicelocation-0-{}"


@pytest.fixture
def device(page: Any, organization: Any, settings: Any, tmp_path: Any) -> Device:
    settings.MEDIA_ROOT = str(tmp_path)
    settings.LEAFLET_CONFIG = {"TILES": [], "DEFAULT_CENTER": (41.89, 12.51), "DEFAULT_ZOOM": 12}
    # the service is outside of this machine
    found = {"lat": 41.89, "lng": 12.51, "address": "Via Appia 1"}
    page.route("**/geocode/**", lambda route: route.fulfill(json=found))
    page.route("**/reverse-geocode/**", lambda route: route.fulfill(json={**found, "address": "Via Appia 2"}))
    page.on("dialog", lambda dialog: dialog.accept())
    return make.config(make.device(organization, "router")).device


def open_map(page: Any, device: Device) -> None:
    page.goto(f"/admin/config/device/{device.pk}/change/#devicelocation-group")
    page.wait_for_load_state("load")


def save(page: Any) -> None:
    with page.expect_navigation():
        page.click("input[name=_continue]")
    assert page.locator(".errornote").count() == 0, page.locator(".errorlist").all_inner_texts()


@pytest.mark.parametrize("size", SIZES)
def test_an_address_is_found_and_its_marker_dragged(page: Any, device: Device, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    open_map(page, device)
    assert page.locator("#devicelocation-group").locator(".add-row a:visible, .inline-deletelink:visible").count() == 0
    page.select_option(FIELD.format("location_selection"), "new")
    page.select_option(FIELD.format("type"), "outdoor")
    page.fill(FIELD.format("name"), "roof")
    page.fill(FIELD.format("address"), "Via Appia 1")
    page.press(FIELD.format("address"), "Tab")
    page.wait_for_selector(f"{MAP} .leaflet-marker-icon")
    look(page, f"map-tab-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    save(page)
    first = Location.objects.get(devicelocation__content_object_id=device.pk)
    assert first.name == "roof"
    assert (first.geometry.x, first.geometry.y) == (12.51, 41.89)

    page.click(f"{MAP} .leaflet-draw-edit-edit")
    marker = page.locator(f"{MAP} .leaflet-marker-icon")
    marker.scroll_into_view_if_needed()
    box = marker.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 40, steps=5)
    page.mouse.up()
    with page.expect_response("**/reverse-geocode/**"):
        page.click(f"{MAP} .leaflet-draw-actions-top a:has-text('Save')")
    page.wait_for_function("document.querySelector('#id_devicelocation-0-address').value === 'Via Appia 2'")
    save(page)
    moved = Location.objects.get()
    assert moved.address == "Via Appia 2"
    assert moved.geometry.x > first.geometry.x


@pytest.mark.parametrize("size", SIZES)
def test_a_position_on_a_floor_plan(page: Any, device: Device, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    building = make.location(device.organization, "office", type="indoor", address="Via Appia 1")
    plan = make.floorplan(building, floor=2, image=upload(image(size=(400, 300), color="lightgray")))
    make.position(device, building)
    open_map(page, device)
    page.select_option(FIELD.format("floorplan_selection"), "existing")
    page.select_option(FIELD.format("floorplan"), str(plan.pk))
    drawing = page.locator("#id_devicelocation-0-indoor_map")
    drawing.locator("img.leaflet-image-layer").wait_for()
    drawing.click()
    drawing.locator(".leaflet-marker-icon").wait_for()
    look(page, f"map-tab-indoor-{size}")
    save(page)
    position = DeviceLocation.objects.get()
    assert position.floorplan == plan
    assert position.indoor.count(",") == 1
    assert page.locator("#id_devicelocation-0-indoor_map .leaflet-marker-icon").count() == 1
