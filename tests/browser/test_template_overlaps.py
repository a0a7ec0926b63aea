"""Rows of chosen templates say what they change of earlier ones, as choice and order are now."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.config.models import Config, Template

from .. import factories as make
from .test_safe_saving import SIZES, change, look

RADIO = {"name": "radio0", "protocol": "802.11n", "channel": 36, "channel_width": 20}
NOTE = ".controller-overlaps summary"


@pytest.fixture
def templates(organization: Any) -> list[Template]:
    contents = [
        ("Base", {"general": {"description": "a"}, "radios": [RADIO]}),
        ("Café", {"general": {"description": "b"}, "radios": [{**RADIO, "channel": 1}]}),
    ]
    return [make.template(organization, name, content) for name, content in contents]


@pytest.fixture
def config(organization: Any, templates: list[Template]) -> Config:
    return make.config(make.device(organization, "router"), templates=templates)


def row(page: Any, name: str) -> Any:
    return page.locator(".sortedm2m-items > li", has=page.get_by_label(name, exact=True))


@pytest.mark.parametrize("size", SIZES)
def test_rows_of_a_device(page: Any, config: Config, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "template-overlaps" in request.url else None)
    page.goto(change(config.device))
    page.wait_for_load_state("networkidle")
    assert asked == [], "nobody looks at the templates yet"
    page.click("#config-group-tab")
    note = row(page, "Café").locator(NOTE)
    note.wait_for()
    assert note.inner_text() == "overrides description of Base, radio0 of Base"
    assert row(page, "Base").locator(NOTE).count() == 0
    look(page, f"overlaps-{size}")
    heights = [row(page, name).bounding_box()["height"] for name in ("Base", "Café")]
    assert heights[0] == heights[1], "the next row would move when a note comes or goes"
    note.click()
    row(page, "Café").get_by_text("radios › radio0 › channel").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_label("Base", exact=True).uncheck()
    note.wait_for(state="detached")
    page.get_by_label("Base", exact=True).check()
    note.wait_for()
    row(page, "Base").scroll_into_view_if_needed()
    start, end = row(page, "Café").locator("label").bounding_box(), row(page, "Base").bounding_box()
    place = start["x"] + start["width"] - 5
    page.mouse.move(place, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(place, end["y"] + 5, steps=5)
    page.mouse.move(place, end["y"] - 5, steps=5)
    page.mouse.up()
    row(page, "Base").locator(NOTE).wait_for()
    assert row(page, "Base").locator(NOTE).inner_text() == "overrides description of Café, radio0 of Café"
    assert row(page, "Café").locator(NOTE).count() == 0


def test_rows_of_a_group(page: Any, organization: Any, templates: list[Template]) -> None:
    page.goto(change(make.group(organization, templates=templates)))
    row(page, "Café").locator(NOTE).wait_for()
