"""The map on the first page: places close to each other are one, colours tell statuses, what moves is moved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.gis.geos import Point

from openwisp_controller.geo.models import Location

from .. import factories as make
from .test_safe_saving import SIZES, look


@pytest.fixture
def fleet(organization: Any) -> Location:
    """Ten devices in Rome, on two roofs, and one in Oslo."""
    for x in (12.51, 12.511):
        roof = make.location(organization, f"roof {x}", geometry=Point(x, 41.89))
        for number in range(5):
            status = "error" if number == 0 else "applied"
            make.position(make.config(organization, status=status).device, roof)
    oslo = make.location(organization, "Oslo", geometry=Point(10.75, 59.91), address="Karl Johans gate")
    make.position(make.config(make.device(organization, "northern"), status="modified").device, oslo)
    return oslo


@pytest.mark.parametrize("size", SIZES)
def test_map(page: Any, fleet: Location, settings: Any, size: str) -> None:
    settings.LEAFLET_CONFIG = {"TILES": []}
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    sockets: list[Any] = []
    page.route_web_socket("**/ws/loci/location/", lambda socket: sockets.append(socket))
    page.goto("/admin/")
    page.wait_for_selector("#controller-map .cluster")
    look(page, f"map-{size}")
    assert sorted(page.locator("#controller-map .cluster").all_inner_texts()) == ["", "10"]
    assert page.locator("#controller-map .legend li").all_inner_texts() == ["error: 2", "modified: 1", "applied: 8"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_title("2 places, 10 devices").click()
    page.wait_for_function("document.querySelectorAll('#controller-map .cluster b').length === 2")
    assert page.get_by_title("roof 12.511").count() == 1
    moved = {"id": str(fleet.pk), "geometry": {"type": "Point", "coordinates": [12.5105, 41.89]}, "name": "Moved",
             "address": "", "type": "outdoor", "is_mobile": True}  # fmt: skip
    sockets[0].send(json.dumps(moved))
    page.wait_for_function("[...document.querySelectorAll('#controller-map .cluster')].length > 2"
                           " || document.querySelector('#controller-map [title*=\"3 places\"]')"
                           " || document.querySelector('#controller-map [title*=\"2 places\"]')")  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_what_is_told_of_a_place(page: Any, fleet: Location, settings: Any, size: str) -> None:
    settings.LEAFLET_CONFIG = {"TILES": []}
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/admin/")
    page.get_by_title("Oslo").click()
    page.wait_for_selector(".leaflet-popup >> text=northern")
    assert "Karl Johans gate" in page.inner_text(".leaflet-popup")
    look(page, f"map-popup-{size}")
    page.keyboard.press("Escape")
    page.wait_for_selector(".leaflet-popup", state="detached")


def test_nothing_moves_under_a_button_that_is_pressed(page: Any, fleet: Location, settings: Any) -> None:
    settings.LEAFLET_CONFIG = {"TILES": []}
    page.goto("/admin/")
    rome = page.get_by_title("2 places, 10 devices")
    rome.hover()
    before = rome.bounding_box()
    page.mouse.down()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.locator(".leaflet-pan-anim").count() == 0
    assert rome.bounding_box() == before
    page.mouse.up()
    page.wait_for_function("document.querySelectorAll('#controller-map .cluster b').length === 2")


def test_the_keyboard_reaches_what_the_map_does_not_show(page: Any, fleet: Location, settings: Any) -> None:
    """The map moves to the marker, which keeps the focus."""
    settings.LEAFLET_CONFIG = {"TILES": []}
    page.goto("/admin/")
    page.get_by_title("Oslo").click()  # the map moves, to have room for what is told
    page.wait_for_selector(".leaflet-popup >> text=northern")
    page.keyboard.press("Escape")
    page.wait_for_selector(".leaflet-popup", state="detached")
    page.locator("#controller-map .map").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.title") == "2 places, 10 devices":
            break
    page.wait_for_function("!document.querySelector('.leaflet-pan-anim')")
    assert page.evaluate("document.activeElement.title") == "2 places, 10 devices"
    box, shown = page.get_by_title("2 places, 10 devices").bounding_box(), page.locator(".map").bounding_box()
    assert box["y"] + box["height"] <= shown["y"] + shown["height"]
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('#controller-map .cluster b').length === 2")


def test_no_devices_no_map(page: Any, organization: Any) -> None:
    with page.expect_response("**/map.json*"):
        page.goto("/admin/")
    assert page.is_hidden("#controller-map")
