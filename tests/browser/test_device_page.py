"""The page of a device: what it is about stays in view, its parts are tabs with addresses of their own."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.config.models import Config

from .. import factories as make
from .editing import write
from .test_safe_saving import SIZES, change, look

TABS = ["Overview", "Configuration", "Credentials"]


@pytest.fixture
def config(organization: Any) -> Config:
    template = make.template(organization, "wifi")
    config = make.config(make.device(organization, "router", last_ip="192.0.2.1"), templates=[template])
    make.connection(config)
    Config.objects.filter(pk=config.pk).update(status="error", error_reason="uci: Parse error")
    return config


def shown(page: Any) -> list[str]:
    return page.locator("#controller-tabs a:visible").all_inner_texts()


def selected(page: Any) -> str:
    return page.inner_text("#controller-tabs [aria-selected=true]")


@pytest.mark.parametrize("size", SIZES)
def test_header_and_tabs(page: Any, config: Config, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(change(config.device))
    page.wait_for_selector("#controller-tabs:visible")
    look(page, f"device-{size}")
    assert [name for name in shown(page) if name in TABS] == TABS
    assert selected(page) == "Overview"
    header = page.inner_text(".controller-device")
    for text in ("router", "error", "uci: Parse error", "192.0.2.1", "acme"):
        assert text in header
    for name in ("Preview configuration", "Deactivate", "Download configuration", "History"):
        assert page.locator(".controller-device .actions").get_by_text(name, exact=False).first.is_visible(), name
    assert page.is_hidden("#id_config-0-backend")
    page.click("#config-group-tab")
    page.wait_for_selector("#id_config-0-backend:visible")
    assert page.url.endswith("#config-group")
    assert page.is_hidden("#id_name")
    look(page, f"device-configuration-{size}")
    page.go_back()
    page.wait_for_selector("#id_name:visible")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_address_leads_to_its_tab(page: Any, config: Config) -> None:
    for part, name in (("deviceconnection_set-group", "Credentials"), ("id_config-0-config", "Configuration")):
        page.goto("about:blank")
        page.goto(f"{change(config.device)}#{part}")
        page.wait_for_selector("#controller-tabs:visible")
        assert selected(page) == name


def test_errors_open_their_tab_and_saving_stays_there(page: Any, config: Config) -> None:
    page.goto(f"{change(config.device)}#config-group")
    write(page, "#id_config-0-config", '{"general": ')
    page.click("[name=_continue] >> nth=0")
    page.wait_for_selector(".errornote")
    assert selected(page).startswith("Configuration")
    assert page.locator("#controller-tabs .has-errors").count() == 1
    write(page, "#id_config-0-config", "{}")
    page.click("[name=_continue] >> nth=0")
    page.wait_for_selector(".messagelist .success")
    assert selected(page) == "Configuration"


def test_the_keyboard_moves_between_tabs(page: Any, config: Config) -> None:
    page.goto(change(config.device))
    page.focus("#overview-group-tab")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#id_config-0-backend:visible")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#id_name:visible")


def test_deactivating_asks_first(page: Any, config: Config) -> None:
    asked: list[str] = []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    page.goto(change(config.device))
    page.wait_for_selector("#controller-tabs:visible")
    page.click(".controller-tools >> text=Deactivate")
    assert asked == ["Deactivate this device? It removes its configuration."]
    config.device.refresh_from_db()
    assert not config.device.is_deactivated()


#: Whether the corner where the theme has its tools belongs to the header of the device, which is in sight at the top.
WHOLE = """() => {
    const header = document.querySelector(".controller-device").getBoundingClientRect();
    const corner = document.elementFromPoint(innerWidth - 60, header.top + 20);
    return scrollY > 100 && header.top === 0 && Boolean(corner.closest(".controller-device"));
}"""


def test_nothing_covers_the_header_of_a_device(page: Any, config: Config) -> None:
    page.set_viewport_size({"width": 1440, "height": 500})
    page.goto(f"{change(config.device)}#config-group")
    page.wait_for_selector("#config-group:visible")
    page.evaluate("scrollTo(0, 900)")
    page.wait_for_function(WHOLE)
