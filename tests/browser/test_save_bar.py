"""The buttons of a form stay where they are while editors make room for themselves, so no click misses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openwisp_controller.config.models import Config

from .. import factories as make
from .test_safe_saving import SIZES, change, look

SCROLL = (
    "end => [document.documentElement, document.querySelector('#container')].forEach(e => e.scrollTo(0, end && 1e6))"
)
SCHEMA = "**/config/schema.json"


@pytest.fixture
def config(organization: Any) -> Config:
    radio = {"name": "radio0", "protocol": "802.11n", "channel": 36, "channel_width": 20}
    content = {"general": {"description": "{{ text }}"}, "radios": [radio], "dns_servers": ["192.0.2.1"]}
    template = make.template(organization, "described", content, default_values={"text": "default"})
    return make.config(make.device(organization, "router"), templates=[template], config=content)


def template_of(config: Config) -> str:
    return change(config.templates.get())


def device_of(config: Config) -> str:
    return f"{change(config.device)}#config-group"


def use(page: Any, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})


def opened_without_schema(page: Any, address: str) -> Any:
    """Open a page whose editors wait for their schema; return what is called to let it come."""
    held: list[Any] = []
    page.route(SCHEMA, lambda route: held.append(route))
    with page.expect_request(SCHEMA):
        page.goto(address)
    return lambda: [route.continue_() for route in held]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", [False, True], ids=["top", "bottom"])
@pytest.mark.parametrize(("address", "field"), [(template_of, "#id_config"), (device_of, "#id_config-0-config")])
def test_the_save_button_stays(
    page: Any, config: Config, address: Callable[[Config], str], field: str, end: bool, size: str
) -> None:
    use(page, size)
    let_come = opened_without_schema(page, address(config))
    page.evaluate(SCROLL, end)
    button = page.locator("[name=_save]").last
    before = button.bounding_box()
    assert before["y"] + before["height"] <= SIZES[size][1]
    height = "document.querySelector('#content-main').scrollHeight"
    empty = page.evaluate(height)
    let_come()
    page.locator(f"{field}_jsoneditor .cfg-form:visible").wait_for()
    assert page.evaluate(height) != empty, "nothing made room for itself"
    assert button.bounding_box() == pytest.approx(before, abs=1)
    page.evaluate(SCROLL, not end)
    assert button.bounding_box() == pytest.approx(before, abs=1)
    look(page, f"save-bar-{field.strip('#')}-{size}")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_moves_while_a_button_is_pressed(page: Any, config: Config, size: str) -> None:
    use(page, size)
    let_come = opened_without_schema(page, template_of(config))
    notes = page.locator("#id_notes")
    notes.scroll_into_view_if_needed()
    notes.hover()
    before = notes.bounding_box()
    page.mouse.down()
    with page.expect_response(SCHEMA):
        let_come()
    page.unroute(SCHEMA)
    page.evaluate("fetch('/config/schema.json').then(found => found.json())")
    assert notes.bounding_box() == pytest.approx(before, abs=1)
    assert not page.locator("#id_config_jsoneditor").count()
    page.mouse.up()
    page.locator("#id_config_jsoneditor .cfg-form:visible").wait_for()
    assert page.evaluate("document.activeElement.id") == "id_notes"


@pytest.mark.parametrize("size", SIZES)
def test_the_bar_does_not_cover_what_has_the_focus(page: Any, config: Config, size: str) -> None:
    use(page, size)
    page.goto(template_of(config))
    page.locator("#id_config_jsoneditor .cfg-form:visible").wait_for()
    page.evaluate(SCROLL, False)
    page.focus("#id_notes")
    bar = page.locator(".controller-save-bar").bounding_box()
    notes = page.locator("#id_notes").bounding_box()
    assert notes["y"] >= 0
    assert notes["y"] + notes["height"] <= bar["y"]
