"""In a browser: what saving does is told before, and nothing that was typed is lost."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from django.urls import reverse

from openwisp_controller.config.models import Template

from .. import factories as make
from .editing import write

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def look(page: Any, name: str) -> None:
    """Keep a picture of a page where somebody wants to look at it (``SCREENSHOTS``)."""
    directory = os.environ.get("SCREENSHOTS")
    if directory:
        page.screenshot(path=f"{directory}/{name}.png", full_page=True)


@pytest.fixture
def template(organization: Any) -> Template:
    template = make.template(
        organization, "described", {"general": {"description": "{{ text }}"}}, default_values={"text": "default"}
    )
    for number in range(3):
        make.config(make.device(organization, f"router-{number}"), templates=[template])
    return template


def change(instance: Any) -> str:
    meta = instance._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[instance.pk])


def save_and_continue(page: Any) -> None:
    page.locator("[name=_continue]").last.click()


@pytest.mark.parametrize("size", SIZES)
def test_what_saving_does(page: Any, template: Template, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(change(template))
    write(page, "#id_default_values", '{"text": "new"}')
    save_and_continue(page)
    page.wait_for_selector("#controller-impact")
    assert "3 devices change" in " ".join(page.locator(".controller-figures").inner_text().split())
    assert page.locator(".controller-diff .added").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look(page, f"impact-{size}")
    page.click("[name=_back]")
    page.wait_for_selector(".controller-unsaved")
    look(page, f"impact-back-{size}")
    assert json.loads(page.input_value("#id_default_values")) == {"text": "new"}
    save_and_continue(page)
    page.wait_for_selector("#controller-impact")
    page.click("[name=_confirmed]")
    page.wait_for_selector(".messagelist .success")
    template.refresh_from_db()
    assert template.default_values == {"text": "new"}


def test_leaving_with_unsaved_changes_asks(page: Any, template: Template) -> None:
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.goto(change(template))
    page.click("#id_notes")
    page.goto(change(template))
    assert asked == []
    page.locator("#id_notes").press_sequentially("typed")
    page.goto(reverse("admin:index"))
    assert asked == ["beforeunload"]
    page.goto(change(template))
    page.locator("#id_notes").press_sequentially("typed")
    page.locator("[name=_save]").last.click()
    page.wait_for_selector(".messagelist .success")
    assert asked == ["beforeunload"]


def test_somebody_else_was_faster(page: Any, template: Template) -> None:
    page.goto(change(template))
    Template.objects.filter(pk=template.pk).update(notes="theirs", config={"general": {"description": "theirs"}})
    page.fill("#id_notes", "mine")
    write(page, "#id_config", '{"general": {"description": "mine"}}')
    page.locator("[name=_continue]").last.click()
    page.wait_for_selector(".errornote")
    look(page, "conflict")
    assert page.input_value("#id_notes") == "mine"
    assert "theirs" in page.locator(".field-notes .errorlist").inner_text()
    assert "description" in page.locator(".field-config .errorlist .controller-diff").inner_text()
