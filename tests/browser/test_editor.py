"""In a browser: configurations and variables are edited as forms, as rows and as code, over one text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwisp_controller.config.models import Config, DeviceGroup, OrganizationConfigSettings

from .. import factories as make
from .editing import code_of, editor_of
from .test_safe_saving import SIZES, change, look

CONFIG = "#id_config-0-config"
CONTEXT = "#id_config-0-context"


@pytest.fixture
def config(organization: Any) -> Config:
    template = make.template(
        organization,
        "wifi",
        {"general": {"description": "{{ text }}"}},
        default_values={"text": "of the template", "extra": [1]},
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


def test_variables_as_rows(sized: tuple[Any, str], config: Config) -> None:
    page, size = sized
    rows = opened(page, f"{change(config.device)}#config-group", CONTEXT)
    row = rows.locator("[data-name=text]")
    assert 'overrides template "wifi": of the template' in row.inner_text()
    assert 'used in template "wifi"' in row.inner_text()
    assert "used in this configuration" in rows.locator("[data-name=mtu]").inner_text()
    rows.locator("[data-name=number] textarea").fill("[1, 2.50]")
    rows.get_by_role("button", name="Add variable").click()
    rows.get_by_label("Name of the variable").last.fill("new")
    rows.get_by_label("Value of the variable").last.fill("{{ no }}")
    rows.locator("[data-name=text]").get_by_role("button", name="Remove").click()
    rows.get_by_text("Defined elsewhere").click()
    look(page, f"rows-{size}")
    rows.get_by_role("button", name="Override: extra").click()
    rows.get_by_role("button", name="Edit the JSON itself").click()
    rows.locator(".cm-content").wait_for()
    assert "2.5" in rows.locator(".cm-content").inner_text()
    rows.get_by_role("button", name="Edit as rows").click()
    saved(page)
    config.refresh_from_db()
    assert config.context == {"mtu": "1400", "number": [1, 2.5], "new": "{{ no }}", "extra": [1]}


def test_pages_with_editors(sized: tuple[Any, str], organization: Any) -> None:
    """Template, group, organization and VPN server: forms without problems, edited where a form says the least."""
    page, size = sized
    template = make.template(
        organization,
        "many radios",
        {"radios": [{"name": "radio0", "protocol": "802.11n", "channel": 36, "channel_width": 20}], "dns_servers!": []},
        default_values={"country": "IT"},
    )
    editor = opened(page, change(template), "#id_config")
    editor.get_by_text("Radios", exact=True).click()
    assert "5 GHz WiFi4" in editor.locator(".cfg-list .cfg-badge").first.inner_text()
    editor.get_by_text("radio0", exact=True).click()
    editor.get_by_label("Kind").select_option(label="5 GHz WiFi5 (802.11ac)")
    editor.get_by_label("Country").select_option(label="A variable …")
    editor.get_by_label("Country").fill("{{ country }}")
    look(page, f"template-{size}")
    page.locator("[name=_continue]").first.click()
    page.wait_for_selector(".messagelist .success")
    template.refresh_from_db()
    radio = {"name": "radio0", "protocol": "802.11ac", "channel": 36, "channel_width": 20, "country": "{{ country }}"}
    found = template.config["radios"][0]
    assert {name: found.get(name) for name in radio} == radio
    assert template.config["dns_servers!"] == []

    group = DeviceGroup.objects.create(organization=organization, name="roofs", context={"a": 1}, meta_data={"b": 2})
    group.templates.add(template)
    facts = opened(page, change(group), "#id_meta_data")
    facts.locator("summary", has_text="Add facts").click()
    facts.get_by_label("Search").fill("owner")
    page.keyboard.press("Enter")
    facts.get_by_label("owner", exact=True).fill("city")
    look(page, f"group-{size}")
    options = {
        "type": "object",
        "properties": {"force": {"type": "boolean", "title": "Force it", "format": "checkbox"}},
    }
    show = "options => django._loadJsonSchemaUi(document.querySelector('#id_meta_data'), null, options, true)"
    page.evaluate(show, options)  # as packages do
    assert not facts.get_by_label("Force it").is_checked()
    saved(page)
    group.refresh_from_db()
    assert (group.context, group.meta_data) == ({"a": 1}, {"b": 2, "owner": "city"})

    rows = opened(page, change(organization), "#id_config_settings-0-context")
    look(page, f"organization-{size}")
    rows.get_by_role("button", name="Add variable").click()
    rows.get_by_label("Name of the variable").last.fill("city")
    rows.get_by_label("Value of the variable").last.fill("Bolzano")
    saved(page)
    assert OrganizationConfigSettings.objects.get(organization=organization).context == {"city": "Bolzano"}

    server = opened(page, "/admin/config/vpn/add/", "#id_config")
    page.select_option("#id_backend", "openwisp_controller.vpn_backends.OpenVpn")
    server.get_by_text("OpenVPN", exact=True).wait_for()
    server.get_by_text("OpenVPN", exact=True).click()
    server.locator(".cfg-item > summary").first.click()
    look(page, f"vpn-{size}")
    assert server.locator(".cfg-problems").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_new_device_and_another_backend(page: Any, organization: Any) -> None:
    page.goto("/admin/config/device/add/")
    page.click("#config-group .add-row a")
    editor = editor_of(page, CONFIG)

    def offered(name: str) -> int:
        editor.locator("summary", has_text="Configuration menu").click()
        editor.locator(".cfg-menu input").fill(name)
        found: int = editor.locator(".cfg-menu-item", has_text="Traffic").count()
        page.keyboard.press("Escape")
        return found

    assert offered("tc_options") == 0
    page.select_option("#id_config-0-backend", "netjsonconfig.OpenWisp")
    assert offered("tc_options") == 1


def test_hundreds_of_interfaces_and_mistakes_told_by_the_server(page: Any, config: Config) -> None:
    interfaces = [{"name": f"eth{number}", "type": "ethernet"} for number in range(400)]
    Config.objects.filter(pk=config.pk).update(config={"interfaces": interfaces})
    editor = opened(page, f"{change(config.device)}#config-group", CONFIG)
    editor.get_by_text("Interfaces", exact=True).click()
    editor.get_by_text("eth399", exact=True).click()
    editor.get_by_label("MTU").fill("60")
    editor.locator(".cfg-problems button", has_text="interfaces › 400 › mtu").wait_for()
    page.locator("[name=_continue]").first.click()
    page.wait_for_selector(".errornote")
    code = code_of(editor_of(page, CONFIG))
    editor.locator(".cfg-problems button", has_text="mtu").click()
    editor.locator(".cm-lint-marker-error").wait_for()
    assert code.get_by_text("eth399").is_visible()
    code.press("Control+f")
    editor.locator(".cm-search").wait_for()
    page.keyboard.press("Escape")
    editor.get_by_role("button", name="Full screen").click()
    page.wait_for_selector(".cfg-full")
    look(page, "editor-full")
    page.keyboard.press("Escape")
    page.wait_for_selector(".cfg-full", state="detached")
