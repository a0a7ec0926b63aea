"""The administration in a real browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openwisp_controller.config.models import Config, Device, Template

from .. import factories as make
from .editing import write

MOTD = {"files": [{"path": "/etc/motd", "mode": "0644", "contents": "{{ text }}\n"}]}


@pytest.fixture
def config(page: Any) -> Config:
    organization = make.organization("acme", context={"text": "from the organization"})
    templates = [make.template(organization, name, config=_interface(name)) for name in ("eth1", "eth2")]
    device = make.device(organization, "router", os="<img src=x onerror=document.title='hacked'>")
    return make.config(device, config=MOTD, templates=templates)


def _interface(name: str) -> dict[str, Any]:
    return {"interfaces": [{"name": name, "type": "ethernet"}]}


def open_device(page: Any, device: Device, tab: str = "config") -> None:
    page.goto(f"/admin/config/device/{device.pk}/change/#{tab}-group")


def preview(page: Any) -> str:
    page.click("#controller-preview")
    page.wait_for_selector("#controller-preview-dialog[open]")
    text: str = page.inner_text("#controller-preview-dialog pre")
    page.click("#controller-preview-dialog .close")
    return text


def save(page: Any) -> None:
    with page.expect_navigation():
        page.click("input[name=_continue] >> nth=0")


def test_every_page_opens(page: Any, config: Config) -> None:
    group = make.group(config.device.organization)
    template = Template.objects.order_by("name")[0]
    for path in (
        "", "config/device/", "config/device/add/", f"config/device/{config.device_id}/change/",
        f"config/device/{config.device_id}/history/", "config/device/recover/", "config/template/",
        "config/template/add/", f"config/template/{template.pk}/change/", "config/devicegroup/",
        "config/devicegroup/add/", f"config/devicegroup/{group.pk}/change/", "config/revision/",
        f"config/revision/{config.compiled_id}/change/", f"config/revision/?config__id__exact={config.pk}",
        f"openwisp_users/organization/{config.device.organization_id}/change/",
    ):  # fmt: skip
        answer = page.goto(f"/admin/{path}")
        assert answer.status == 200, path
        assert "Network Controller" in page.inner_text("#site-name")
        logo = page.evaluate("getComputedStyle(document.querySelector('#site-name a')).backgroundImage")
        assert logo == "none", "the name of the product stands there, and nobody's logo"


def test_logging_in(page: Any) -> None:
    page.context.clear_cookies()
    page.goto("/admin/")
    page.fill("#id_username", "operator")
    page.fill("#id_password", "secret")
    page.click("input[type=submit]")
    page.wait_for_url("**/admin/")


def test_variables_show_where_they_come_from(page: Any, config: Config) -> None:
    open_device(page, config.device)
    cells = "tr => [...tr.cells].map(cell => cell.innerText.trim())"
    rows = page.eval_on_selector_all(".controller-variables tbody tr", f"rows => rows.map({cells})")
    variables = {name: (value, origin) for name, value, origin in rows}
    assert variables["text"] == ("from the organization", "organization")
    assert variables["name"] == ("router", "predefined")


def test_preview_shows_what_saving_would_give(page: Any, config: Config) -> None:
    open_device(page, config.device)
    write(page, "#id_config-0-context", json.dumps({"text": "<b>not saved yet</b>"}))
    assert "<b>not saved yet</b>" in preview(page)
    assert Config.objects.get().context == {}


def test_preview_of_what_is_wrong_names_the_field(page: Any, config: Config) -> None:
    open_device(page, config.device)
    write(page, "#id_config-0-config", json.dumps({"interfaces": [{"name": "eth0", "type": "nonsense"}]}))
    text = preview(page)
    assert text.startswith("config: Invalid configuration triggered by")
    assert "nonsense" in text


def test_errors_stand_at_the_field(page: Any, config: Config) -> None:
    open_device(page, config.device)
    write(page, "#id_config-0-config", json.dumps({"interfaces": [{"name": "eth0", "type": "nonsense"}]}))
    save(page)
    error = page.inner_text(".field-config .errorlist")
    assert 'triggered by "#/interfaces/2/type"' in error
    assert "nonsense" not in json.dumps(Config.objects.get().config)


def test_templates_are_ordered_by_dragging(page: Any, config: Config) -> None:
    open_device(page, config.device)
    items = page.locator(".field-templates .sortedm2m-items.sortedm2m > *, .field-templates ul.sortedm2m > li")
    first, second = items.nth(0), items.nth(1)
    second.scroll_into_view_if_needed()
    start, end = second.bounding_box(), first.bounding_box()
    page.mouse.move(start["x"] + 60, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + 60, end["y"] + 2, steps=12)
    page.mouse.up()
    save(page)
    assert [template.name for template in Config.objects.get().templates.all()] == ["eth2", "eth1"]


def test_history_roll_back_and_lifting_the_hold(page: Any, config: Config) -> None:
    open_device(page, config.device)
    write(page, "#id_config-0-context", json.dumps({"text": "second"}))
    save(page)
    newest = Config.objects.get().revisions.order_by("-pk")[0]
    assert newest.author is not None
    assert newest.author.username == "operator"

    page.goto(f"/admin/config/revision/{newest.pk}/change/")
    diff = page.inner_text(".controller-diff")
    assert "-from the organization" in diff
    assert "+second" in diff

    page.goto(f"/admin/config/revision/{config.compiled_id}/change/")
    with page.expect_navigation():
        page.click("text=Roll back to this revision")
    assert "nothing waits" not in page.inner_text(".controller-held")
    assert Config.objects.get().released_id == config.compiled_id

    with page.expect_navigation():
        page.click("text=what would change")
    assert "+second" in page.inner_text(".controller-diff")

    open_device(page, config.device)
    with page.expect_navigation():
        page.click("text=Lift the hold")
    assert page.query_selector(".controller-held") is None
    assert Config.objects.get().released_id == newest.pk


def test_deactivate_and_activate(page: Any, config: Config) -> None:
    open_device(page, config.device)
    with page.expect_navigation():
        page.once("dialog", lambda dialog: dialog.accept())
        page.click(".controller-tools >> text=Deactivate")
    assert "This device has been deactivated." in page.inner_text("#content")
    assert page.query_selector("input[name=_save]") is None, "it can only be looked at"
    assert Config.objects.get().status == "deactivating"
    with page.expect_navigation():
        page.click(".controller-tools >> text=Activate")
    assert Config.objects.get().status == "modified"


def test_download(page: Any, config: Config) -> None:
    open_device(page, config.device)
    with page.expect_download() as download:
        page.click("text=Download configuration")
    assert download.value.suggested_filename == "router.tar.gz"
    assert download.value.path().read_bytes() == bytes(Config.objects.get().released.archive)


def test_what_a_device_sends_is_text(page: Any, config: Config) -> None:
    Config.objects.update(status="error", error_reason="<img src=x onerror=document.title='hacked'>")
    for path in (f"{config.device_id}/change/", "", "?q=router"):
        page.goto(f"/admin/config/device/{path}")
        page.wait_for_load_state("networkidle")
        assert page.title() != "hacked"


def shown_templates(page: Any) -> list[tuple[str, bool]]:
    items = page.locator("#config-0 .sortedm2m-items li:visible")
    return [(item.inner_text().strip().split("] ")[-1], item.locator("input").is_checked()) for item in items.all()]


def wait_for_templates(page: Any, count: int) -> None:
    visible = "[...document.querySelectorAll('#config-0 .sortedm2m-items li')].filter(item => !item.hidden)"
    page.wait_for_function(f"count => {visible}.length == count", arg=count)


def test_templates_follow_organization_and_backend(page: Any, config: Config) -> None:
    other = make.organization("umbrella")
    make.template(other, "of umbrella", default=True, config=MOTD, default_values={"text": "from the template"})
    make.template(None, "always", required=True, config=_interface("eth7"))
    make.template(None, "shared")
    open_device(page, config.device)
    wait_for_templates(page, 4)
    assert set(shown_templates(page)) == {
        ("eth1", True), ("eth2", True), ("always (required)", True), ("shared", False)
    }  # fmt: skip
    page.click("#overview-group-tab")
    page.click(".field-organization .select2-selection")
    page.click(".select2-results__option:has-text('umbrella')")
    wait_for_templates(page, 3)
    page.click("#config-group-tab")
    page.wait_for_selector("#id_config-0-backend:visible")
    assert shown_templates(page) == [("always (required)", True), ("of umbrella", True), ("shared", False)]
    page.wait_for_function("document.querySelector('.controller-defaults')?.textContent.includes('from the template')")
    page.select_option("#id_config-0-backend", "netjsonconfig.OpenWisp")
    wait_for_templates(page, 0)
