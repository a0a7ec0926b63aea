"""The search of the header, by keys and by thumb."""

from __future__ import annotations

from typing import Any

import pytest

from .. import factories as make
from .test_safe_saving import SIZES, look
from .test_transfer import fits


@pytest.fixture
def north(organization: Any) -> Any:
    device = make.device(organization, "north-1")
    for number in range(2, 14):
        make.device(organization, f"north-{number}")
    make.template(organization, "north-lan")
    return device


def test_keys(page: Any, north: Any) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/admin/")
    page.keyboard.press("/")
    page.keyboard.type("north-1")
    found = page.locator("#controller-found")
    found.get_by_text("north-10").wait_for()
    look(page, "search")
    assert page.locator(".controller-search input").get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert not found.is_visible()
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("1")
    found.get_by_text("north-11").wait_for()
    page.keyboard.press("ArrowDown")
    assert "north-11" in page.evaluate("document.activeElement.innerText")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector(".controller-device h2")
    assert page.inner_text(".controller-device h2") == "north-11"


def test_the_key_is_a_letter_where_one_types(page: Any, north: Any) -> None:
    page.goto("/admin/config/device/")
    page.focus("#searchbar")
    page.keyboard.type("a/b")
    assert page.input_value("#searchbar") == "a/b"
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.closest('.controller-search') !== null")


def test_enter_shows_all_of_it(page: Any, north: Any) -> None:
    page.goto("/admin/")
    page.keyboard.press("/")
    page.keyboard.type("north")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/search/?q=north")
    page.get_by_role("link", name="All 13").click()
    page.wait_for_url("**/admin/config/device/?q=north")


@pytest.mark.parametrize("size", SIZES)
def test_the_page(page: Any, north: Any, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/admin/config/template/")
    if width < 500:
        page.get_by_role("link", name="Search", exact=True).click()
    else:
        page.goto("/admin/search/")
    page.locator(".controller-search-page input[type=search]").fill(north.mac_address[:-1])
    page.locator(".controller-search-page input[type=search]").press("Enter")
    page.get_by_text("north-1", exact=True).wait_for()
    look(page, f"search-page-{size}")
    assert fits(page)
