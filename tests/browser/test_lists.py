"""Lists: cards on a phone, a header that stays, chosen columns, named filters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .. import factories as make
from .test_safe_saving import SIZES, look
from .test_transfer import fits

LISTS = ("config/device", "config/template", "config/devicegroup", "config/vpn", "connection/credentials",
         "config/revision", "openwisp_users/organization", "openwisp_users/user", "pki/ca", "geo/location",
         "openwisp_ipam/subnet")  # fmt: skip


@pytest.fixture
def fleet(organization: Any) -> Any:
    group = make.group(organization)
    template = make.template(organization)
    for number in range(40):
        device = make.device(
            organization,
            f"a-router-with-quite-a-long-name-{number:02}",
            group=group,
            management_ip=f"10.0.0.{number + 1}",
        )
        make.config(device, templates=[template], status="error" if number % 2 else "applied")
    return organization


def use(page: Any, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})


def test_cards(page: Any, fleet: Any) -> None:
    use(page, "phone")
    page.goto("/admin/config/device/")
    card = page.locator("#result_list tbody tr").first
    card.wait_for()
    look(page, "cards")
    assert fits(page)
    box = card.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    for cell in (
        "th.field-name a",
        "td.field-config_status",
        "td.field-last_seen",
        "td.field-mac_address",
        "td.field-ip",
    ):
        inner = card.locator(cell).bounding_box()
        assert inner["x"] + inner["width"] <= box["x"] + box["width"], cell
    labels = card.locator("td.field-ip").evaluate("cell => getComputedStyle(cell, '::before').content")
    assert "IP address" in labels
    labels = card.locator("td.field-mac_address").evaluate("cell => getComputedStyle(cell, '::before').content")
    assert "MAC address" in labels
    card.locator("input.action-select").check()
    assert page.locator(".action-counter").inner_text().startswith("1 of")
    page.locator("#action-toggle").check()
    assert page.locator(".action-counter").inner_text().startswith("40 of")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", LISTS)
def test_no_list_is_wider_than_the_screen(page: Any, fleet: Any, path: str, size: str) -> None:
    use(page, size)
    page.goto(f"/admin/{path}/")
    page.wait_for_selector("#changelist")
    look(page, f"list-{path.replace('/', '-')}-{size}")
    assert fits(page)


def test_the_header_stays(page: Any, fleet: Any) -> None:
    use(page, "desktop")
    page.goto("/admin/config/device/")
    place = "document.querySelector('#result_list thead th').getBoundingClientRect().top"
    page.wait_for_selector("#result_list")
    before = page.evaluate(place)
    page.evaluate("document.querySelector('#changelist .results').scrollTop = 900")
    page.wait_for_function("document.querySelector('#changelist .results').scrollTop > 500")
    assert abs(page.evaluate(place) - before) < 2


def test_all_default_columns_are_in_view(page: Any, fleet: Any) -> None:
    use(page, "desktop")
    page.goto("/admin/config/device/")
    page.wait_for_selector("#result_list .column-modified")
    widths = (
        "(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('#changelist .results'))"
    )
    needed, there = page.evaluate(widths)
    assert needed <= there


def test_the_first_columns_stay_in_view(page: Any, fleet: Any) -> None:
    use(page, "desktop")
    page.goto("/admin/config/device/")
    page.add_style_tag(content="td.field-ip { min-width: 900px }")
    cells = [
        page.locator(f"#result_list tbody tr:nth-child(3) {cell}") for cell in ("td.action-checkbox", "th.field-name")
    ]
    cells += [page.locator(f"#result_list thead {cell}") for cell in (".action-checkbox-column", ".column-name")]
    before = [cell.bounding_box() for cell in cells]
    page.evaluate("document.querySelector('#changelist .results').scrollLeft = 500")
    page.wait_for_function("document.querySelector('#changelist .results').scrollLeft > 400")
    for cell, place in zip(cells, before, strict=True):
        assert cell.bounding_box() == pytest.approx(place, abs=2)
    look(page, "list-wide")
    cells[1].locator("a").click()
    page.wait_for_url("**/change/**")


@pytest.mark.parametrize("path", LISTS)
def test_cards_can_be_sorted(page: Any, fleet: Any, path: str) -> None:
    use(page, "phone")
    page.goto(f"/admin/{path}/")
    page.wait_for_selector("#changelist")
    if not page.locator("#result_list").count():
        return  # nothing to sort
    page.locator(".controller-sort summary").click()
    assert page.locator(".controller-sort a").count() == page.locator("#result_list th.sortable").count() > 0
    assert fits(page)


def test_sorting_cards(page: Any, fleet: Any) -> None:
    def first() -> str:
        return str(page.locator("#result_list tbody th.field-name").first.inner_text()).strip()

    use(page, "phone")
    page.goto("/admin/config/device/?o=5.1&config__backend=netjsonconfig.OpenWrt")
    menu = page.locator(".controller-sort")
    assert menu.locator("summary").inner_text() == "Sort by: Config status, ascending"
    menu.locator("summary").press("Enter")
    look(page, "list-sort")
    menu.get_by_role("link", name="Name, ascending").press("Enter")
    page.wait_for_url(re.compile(r"[?&]o=1(&|$)"))
    assert "config__backend=netjsonconfig.OpenWrt" in page.url
    assert first().endswith("00")
    assert menu.locator("summary").inner_text() == "Sort by: Name, ascending"
    menu.locator("summary").click()
    menu.get_by_role("link", name="Name, descending").click()
    page.wait_for_url(re.compile(r"[?&]o=-1(&|$)"))
    assert first().endswith("39")
    assert menu.locator("summary").inner_text() == "Sort by: Name, descending"
    menu.locator("summary").click()
    page.keyboard.press("Escape")
    assert not menu.get_by_role("link").first.is_visible()
    use(page, "desktop")
    assert not menu.is_visible()


@pytest.mark.parametrize("size", SIZES)
def test_columns_and_filters(page: Any, fleet: Any, size: str) -> None:
    use(page, size)
    page.goto("/admin/config/device/")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Organization", exact=True).uncheck()
    look(page, f"columns-{size}")
    page.get_by_role("button", name="Apply", exact=True).click()
    page.wait_for_function("!document.querySelector('#result_list .field-organization')")
    page.goto("/admin/config/device/?config__status=error")
    page.get_by_text("Saved filters").click()
    page.get_by_label("Name of the filter").fill("Broken ones")
    look(page, f"filters-{size}")
    page.get_by_role("button", name="Save the current filter").click()
    page.wait_for_selector(".messagelist .success")
    page.goto("/admin/config/device/")
    page.get_by_text("Saved filters (1)").click()
    page.get_by_role("link", name="Broken ones").click()
    page.wait_for_url("**/?config__status=error")
    page.get_by_text("Saved filters (1)").click()
    page.keyboard.press("Escape")
    assert not page.get_by_role("link", name="Broken ones").is_visible()
    page.get_by_text("Saved filters (1)").click()
    page.get_by_role("button", name="Delete the filter Broken ones").click()
    page.get_by_text("Saved filters", exact=True).wait_for()


@pytest.mark.parametrize("size", SIZES)
def test_no_devices_yet(page: Any, organization: Any, size: str) -> None:
    use(page, size)
    page.goto("/admin/config/device/")
    page.get_by_text("There are no devices yet.").wait_for()
    look(page, f"no-devices-{size}")
    assert fits(page)
