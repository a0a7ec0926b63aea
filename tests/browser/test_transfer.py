"""Exporting and importing devices in a browser."""

from __future__ import annotations

from typing import Any

import pytest

from openwisp_controller.config.models import Config, Device

from .. import factories as make
from ..transfer.helpers import table
from .test_safe_saving import SIZES, look


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("size", SIZES)
def test_import(page: Any, organization: Any, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    config = make.config(make.device(organization, "router", model="old"), context={"ssid": "office"})
    page.goto("/admin/config/device/")
    look(page, f"devices-{size}")
    page.get_by_role("link", name="Import", exact=True).click()
    page.wait_for_selector("input[type=file]")
    look(page, f"import-{size}")
    assert fits(page)
    rows = [{"id": str(config.device.pk), "name": "router", "mac_address": config.mac_address, "organization": "acme",
             "model": "new", "config_context": '{"ssid": "home"}', "unknown": "x"}]  # fmt: skip
    rows += [
        {"id": "", "name": f"new-{n}", "mac_address": f"02:00:00:00:01:{n:02X}", "organization": "acme"}
        for n in range(3)
    ]
    broken = [*rows, {**rows[1], "name": "not a name"}]
    for name, content in (("broken", broken), ("sound", rows)):
        page.set_input_files(
            "input[type=file]", {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": table(*content)}
        )
        page.get_by_role("button", name="Check the file").click()
        page.wait_for_selector(".controller-rows")
        look(page, f"import-{name}-{size}")
        assert fits(page)
        if name == "broken":
            assert not page.get_by_role("button", name="Confirm import").count()
            page.get_by_role("link", name="Send another file").click()
    assert "new-1" in page.inner_text(".controller-rows")
    page.get_by_role("button", name="Confirm import").click()
    page.wait_for_selector(".messagelist .success")
    look(page, f"imported-{size}")
    assert Device.objects.count() == 4
    assert Config.objects.get().context == {"ssid": "home"}


def test_export(page: Any, organization: Any) -> None:
    make.device(organization, "router")
    make.device(organization, "other")
    page.goto("/admin/config/device/?q=router")
    page.get_by_role("link", name="Export", exact=True).click()
    page.wait_for_selector("#id_format")
    look(page, "export")
    assert "1 device is exported" in page.inner_text(".controller-lead")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    text = download.value.path().read_text()
    assert "router" in text
    assert "other" not in text


def test_progress(page: Any, organization: Any) -> None:
    rows = [{"name": f"new-{n}", "mac_address": f"02:00:00:00:01:{n:02X}", "organization": "acme"} for n in range(150)]
    page.goto("/admin/config/device/import/")
    page.set_input_files("input[type=file]", {"name": "a.csv", "mimeType": "text/csv", "buffer": table(*rows)})
    page.get_by_role("button", name="Check the file").click()
    page.wait_for_selector(".controller-rows")
    page.get_by_role("link", name="Next page").click()
    page.wait_for_selector("text=new-30")
    page.get_by_role("button", name="Confirm import").click()
    page.wait_for_selector("text=All rows were imported.")
    assert Device.objects.count() == 150
