"""Importing and exporting an organization in a browser."""

from __future__ import annotations

from typing import Any

import pytest
from openwisp_users.models import Organization

from openwisp_controller.config.models import Template

from .. import factories as make
from .test_safe_saving import SIZES, look


@pytest.mark.parametrize("size", SIZES)
def test_an_organization_is_copied(page: Any, organization: Any, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    make.group(organization, "offices", templates=[make.template(organization, "wifi")])
    page.goto(f"/admin/openwisp_users/organization/{organization.pk}/change/")
    look(page, f"organization-{size}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export", exact=True).click()
    text = download.value.path().read_text().replace('"acme"', '"copy"')
    page.goto("/admin/openwisp_users/organization/")
    page.get_by_role("link", name="Import", exact=True).click()
    look(page, f"organization-import-{size}")
    file = {"name": "copy.json", "mimeType": "application/json", "buffer": text.encode()}
    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Check the file").click()
    page.wait_for_selector("text=Nothing is stored yet")
    look(page, f"organization-plan-{size}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Confirm import").click()
    page.wait_for_selector(".messagelist .success")
    assert Template.objects.get(organization=Organization.objects.get(slug="copy")).name == "wifi"
