"""What all pages have: light and dark, the way past the menu, copying, secrets that are hidden until asked for."""

from __future__ import annotations

from typing import Any

import pytest

from .. import factories as make
from .test_safe_saving import SIZES, look

DARK = "getComputedStyle(document.body).backgroundColor === 'rgb(22, 25, 29)'"


@pytest.mark.parametrize("size", SIZES)
def test_the_theme_is_chosen_in_the_menu_of_the_person(page: Any, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/admin/")
    assert not page.evaluate(DARK)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(DARK)  # as the system has it
    page.click("#account-btn")
    assert page.get_attribute("[data-theme-choice=auto]", "aria-pressed") == "true"
    page.click("[data-theme-choice=light]")
    page.wait_for_function(f"!({DARK})")
    page.goto("/admin/config/template/add/")
    assert not page.evaluate(DARK)
    page.click("#account-btn")
    page.click("[data-theme-choice=dark]")
    page.emulate_media(color_scheme="light")
    page.goto("/notifications/preferences/")
    assert page.evaluate(DARK)
    page.click("#account-btn")
    look(page, f"menu-{size}")
    assert page.get_attribute("[data-theme-choice=dark]", "aria-pressed") == "true"
    page.click("#account-dropdown >> text=Notification preferences")
    page.wait_for_url("**/notifications/preferences/")


def test_the_keyboard_goes_past_the_menu(page: Any) -> None:
    page.goto("/admin/config/template/")
    page.focus(".controller-skip")
    assert page.evaluate("document.querySelector('a[href], button, input').matches('.controller-skip')")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    assert page.locator(".controller-skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('#content')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_identifiers_and_keys_are_copied(page: Any) -> None:
    device = make.config(make.organization("acme"), context={"a": "b"}).device
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/admin/config/device/{device.pk}/change/")
    for field, value in (("id", str(device.pk)), ("key", device.key)):
        page.click(f".field-{field} .controller-copy")
        page.wait_for_selector(f".field-{field} .controller-copy:has-text('Copied')")
        page.fill("#id_notes", "")
        page.press("#id_notes", "Control+v")
        assert page.input_value("#id_notes") == value
    assert page.get_attribute("#id_key", "type") == "password", "copying shows nothing"


def test_secrets_in_files_are_hidden_until_asked_for(page: Any) -> None:
    secret, certificate = (
        "wifi-password-1",
        "-----BEGIN PRIVATE KEY-----\nabcdef\nghijkl\nmnopqr\n-----END PRIVATE KEY-----",
    )
    interface = {
        "type": "wireless", "name": "wlan0",
        "wireless": {"radio": "radio0", "mode": "access_point", "ssid": "public-name",
                     "encryption": {"protocol": "wpa2_personal", "cipher": "auto", "key": secret}},
    }  # fmt: skip
    files = [{"path": "/etc/key.pem", "mode": "0600", "contents": certificate}]
    stored = make.config(make.organization("acme"), config={"interfaces": [interface], "files": files})
    page.goto(f"/admin/config/revision/{stored.released_id}/change/")
    page.locator(".controller-secret").first.wait_for()
    shown = page.inner_text("#content")
    assert "public-name" in shown
    assert secret not in shown
    assert "abcdef" not in shown
    look(page, "revision")
    for part in (".controller-diff", ".controller-file"):
        hidden = page.locator(f"{part} .controller-secret:visible")
        assert hidden.count() == 2, "one for the password, one for the key"
        hidden.first.click()
        hidden.first.click()
        texts = "".join(page.locator(part).all_inner_texts())
        assert secret in texts
        assert page.locator(f"{part} .controller-secret").count() == 0
    assert certificate in page.inner_text(".controller-file >> nth=-1")
    page.goto(f"/admin/config/device/{stored.device_id}/change/")
    page.click("#controller-preview")
    page.locator("#controller-preview-dialog .controller-secret").first.wait_for()
    assert secret not in page.inner_text("#controller-preview-dialog")
    page.locator("#controller-preview-dialog .controller-secret").first.click()
    assert secret in page.inner_text("#controller-preview-dialog")
