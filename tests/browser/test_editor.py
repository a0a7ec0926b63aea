"""In a browser: configurations and variables are edited as forms, as rows and as code, over one text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwisp_controller.config.models import Config

from .. import factories as make
from .editing import code_of, editor_of
from .test_safe_saving import SIZES, change, look

CONFIG = "#id_config-0-config"
CONTEXT = "#id_config-0-context"


@pytest.fixture
def config(organization: Any) -> Config:
    template = make.template(
        organization, "wifi", {"general": {"description": "{{ text }}"}}, default_values={"text": "of the template"}
    )
    return make.config(
        make.device(organization, "router"),
        templates=[template],
        config={
            "interfaces": [
                {"name": "eth0", "type": "ethernet", "mtu": "{{ mtu }}", "unknown": 1.50, "addresses": []},
                {"name": "eth1", "type": "ethernet", "autostart": False},
            ]
        },
        context={"mtu": "1400", "number": 5, "text": "of the device"},
    )


@pytest.fixture(params=SIZES)
def sized(page: Any, request: Any) -> tuple[Any, str]:
    width, height = SIZES[request.param]
    page.set_viewport_size({"width": width, "height": height})
    return page, request.param


def opened(page: Any, address: str, field: str) -> Any:
    """Open a page and return the editor of a field."""
    page.goto(address)
    return editor_of(page, field)


def saved(page: Any) -> None:
    page.locator("[name=_continue]").first.click()
    page.wait_for_selector(".messagelist .success")


def test_a_configuration_by_form_and_by_code(sized: tuple[Any, str], config: Config) -> None:
    page, size = sized
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    editor = opened(page, f"{change(config.device)}#config-group", CONFIG)
    look(page, f"editor-closed-{size}")
    before = page.input_value(CONFIG)
    editor.get_by_text("Interfaces", exact=True).click()
    editor.get_by_text("eth0", exact=True).click()
    look(page, f"editor-interface-{size}")
    code_of(editor)
    editor.get_by_role("button", name="Edit as a form").click()
    assert page.input_value(CONFIG) == before
    page.reload()
    assert asked == []

    editor = opened(page, f"{change(config.device)}#config-group", CONFIG)
    editor.get_by_text("Interfaces", exact=True).click()
    editor.locator("summary", has_text="Add: Interface").click()
    look(page, f"editor-kinds-{size}")
    editor.get_by_role("button", name="Wireless interface").click()
    editor.get_by_label("Name").last.fill("wlan0")
    editor.get_by_label("Radio").fill("radio0")
    editor.get_by_label("SSID", exact=True).fill("{{ name }}")
    editor.get_by_role("button", name="Move up").last.click()
    look(page, f"editor-wireless-{size}")
    expected = json.loads(before)["interfaces"]
    wireless = {"mode": "access_point", "radio": "radio0", "ssid": "{{ name }}", "encryption": {"protocol": "none"}}
    expected.insert(1, {"name": "wlan0", "type": "wireless", "wireless": wireless})
    found = json.loads(page.input_value(CONFIG))
    assert found["interfaces"] == expected
    assert '"unknown": 1.5' in page.input_value(CONFIG)

    code = code_of(editor)
    code.press("Control+End")
    code.press("ArrowLeft")
    code.press_sequentially(', "dns_ser')
    page.locator(".cm-tooltip-autocomplete li[aria-selected]", has_text="dns_servers").wait_for()
    look(page, f"editor-completion-{size}")
    code.press("Enter")
    code.press_sequentially('"{{ nu')
    page.locator(".cm-tooltip-autocomplete li[aria-selected]", has_text="number").wait_for()
    code.press("Enter")
    assert json.loads(page.input_value(CONFIG))["dns_servers"] == ["{{ number }}"]
    whole = page.input_value(CONFIG)
    code.press("Control+End")
    code.press_sequentially("x")
    editor.locator(".cm-lint-marker-error").wait_for()
    editor.get_by_role("button", name="Edit as a form").click()
    assert f"line {len(whole.splitlines())}" in editor.get_by_role("alert").first.inner_text()
    look(page, f"editor-broken-{size}")
    code.press("Control+End")
    code.press("Backspace")
    assert page.input_value(CONFIG) == whole
    saved(page)
    config.refresh_from_db()
    assert config.config == {"interfaces": expected, "dns_servers": ["{{ number }}"]}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
