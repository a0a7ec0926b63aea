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


CREDENTIALS = "#deviceconnection_set-group"
ENABLED = "#id_deviceconnection_set-0-enabled"
ASK = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"


@pytest.mark.parametrize("size", SIZES)
def test_a_tab_is_loaded_edited_and_saved(page: Any, config: Config, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(change(config.device))
    page.wait_for_selector("#controller-tabs:visible")
    assert page.locator(f"{CREDENTIALS} .form-row").count() == 0
    page.fill("#id_notes", "edited")
    page.fill("#id_notes", "")
    page.click(f"{CREDENTIALS}-tab")
    page.wait_for_selector(f"{ENABLED}:visible")
    assert page.get_attribute(CREDENTIALS, "aria-busy") is None
    assert not page.evaluate(ASK), "what was loaded is no edit"
    look(page, f"device-credentials-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.uncheck(ENABLED)
    assert page.evaluate(ASK)
    page.click(f"{CREDENTIALS} .add-row a")
    page.click(f"{CREDENTIALS} .inline-deletelink:visible")
    page.focus("[name=_continue] >> nth=0")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector(".messagelist .success")
    assert selected(page) == "Credentials"
    page.wait_for_selector(f"{ENABLED}:visible")
    assert not page.is_checked(ENABLED)
    assert not config.device.deviceconnection_set.get().enabled


def test_saving_without_opening_a_tab_leaves_it_alone(page: Any, config: Config) -> None:
    page.goto(change(config.device))
    page.fill("#id_notes", "edited")
    page.focus("[name=_continue] >> nth=0")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector(".messagelist .success")
    config.device.refresh_from_db()
    assert config.device.notes == "edited"
    assert config.device.deviceconnection_set.get().enabled


def test_what_another_person_stored_since_a_tab_was_loaded_is_told(page: Any, config: Config) -> None:
    page.goto(f"{change(config.device)}#id_deviceconnection_set-0-enabled")
    page.wait_for_selector(f"{ENABLED}:visible")
    config.device.deviceconnection_set.update(update_strategy="")
    page.focus("[name=_continue] >> nth=0")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert selected(page).startswith("Credentials")
    assert page.locator(f"{CREDENTIALS}-tab.has-errors").count() == 1
    assert "Changed meanwhile" in page.inner_text(CREDENTIALS)


def test_a_tab_that_could_not_be_loaded_is_tried_again(page: Any, config: Config) -> None:
    gone = [True]
    page.route("**/tab/**", lambda route: route.abort() if gone.pop() else route.continue_())
    page.goto(f"{change(config.device)}{CREDENTIALS}")
    page.wait_for_selector(f"{CREDENTIALS} >> text=could not be loaded")
    look(page, "device-credentials-failed")
    gone.append(False)
    page.click(f"{CREDENTIALS} >> text=Try again")
    page.wait_for_selector(f"{ENABLED}:visible")
    assert "could not be loaded" not in page.inner_text(CREDENTIALS)


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
